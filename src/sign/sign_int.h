/* sign_int.h — what the two sides of the worker's socket share, and the pure check between them.
 * The question is a header and the bytes; the answer is one SignReply. Both sides are the same
 * program, so structs go as they are; the asking side trusts no field of an answer. */
#ifndef NHIP_SIGN_SIGN_INT_H
#define NHIP_SIGN_SIGN_INT_H

#include "core/limits.h"
#include "sign/sign.h"

enum {
    SIGN_WORKER_FD = 3,
    SIGN_ASK_MAGIC = 0x41534b31,
    SIGN_REPLY_MAGIC = 0x52504c31,
    SIGN_REFERENCES_MAX = 8,
    SIGN_TRANSFORMS_MAX = 4,
    SIGN_CERTIFICATES_MAX = 4,
    SIGN_NAMESPACES_MAX = 64, /* declarations in one document */
    SIGN_KEY_BITS_MIN = 2048,
};
#define SIGN_FILE_BYTES (128 * LIMIT_MIB)

typedef struct SignAsk {
    uint32_t magic;
    uint32_t scope;
    uint64_t len; /* of the document that follows */
} SignAsk;

/* What the bytes alone say. */
typedef enum SignFound {
    SIGN_FOUND_SOUND, /* the enclosed certificate's key signed what is covered */
    SIGN_FOUND_NONE,
    SIGN_FOUND_ALTERED,
    SIGN_FOUND_FORM,
    SIGN_FOUND_BROKEN, /* not well-formed, a DOCTYPE, beyond a limit */
    SIGN_FOUND_COUNT,
} SignFound;

typedef struct SignReply {
    uint32_t magic;
    uint32_t found; /* SignFound */
    uint32_t form;  /* SignForm */
    uint32_t has_time;
    Sha256 certificate, key;
    TimeMs valid_from, valid_until; /* of the certificate */
    TimeMs signed_at;               /* when has_time */
    char facility[SIGN_FACILITY_MAX];
} SignReply;

/* sign_library.c: libxml2, xmlsec1 and OpenSSL made ready, silent, once; reads OpenSSL's settings,
 * so before the sandbox. ERR_INTERNAL when they cannot. */
MUST_USE ErrCode sign_library(void);

/* sign_verify.c: the whole check of one document; needs sign_library. */
void sign_verify(Str xml, SignScope scope, SignReply *ret);

/* sign_sandbox.c: the limits of one document of that size, then the system calls, for the rest of
 * this process's life: reading, writing, memory that is not executable, ending. Any other call ends
 * the process by SIGSYS. ERR_UNSUPPORTED: the kernel has no such filters. */
typedef struct SignLimits {
    size_t memory_bytes; /* of address space, beyond what is there */
    unsigned cpu_s;
} SignLimits;
MUST_USE ErrCode sign_sandbox(const SignLimits *limits);

/* sign_check.c: an answer as it came from the worker; false when it cannot be one. */
bool sign_reply_read(Str bytes, SignReply *ret);
SignResult sign_judge(const Sign *s, const SignReply *reply);

#endif
