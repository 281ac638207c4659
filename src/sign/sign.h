/* sign.h — is a claim file signed by the facility that it names, and unchanged since?
 *
 * XML signatures (W3C XMLDSig 1.1: enveloped or by Id, inclusive and exclusive c14n, rsa-sha256,
 * sha256; nothing else) of CHUKYDONVI, checked against pinned certificates or keys of facilities
 * (sign_pin.h). libxml2 and xmlsec1 never run in this process: sign_check hands the bytes to a
 * worker — this very program in a mode of its own — whose child for one file sees no file, no
 * network and no other process (sign_sandbox.c), has bounded memory and time, and answers with a
 * fixed struct. A worker in trouble is killed and made anew; its file is SIGN_UNCHECKED. What a
 * child that was taken over could lie about is its own file.
 * Ownership: a Sign borrows pins and clock. Threads: sign_check from any number; each has a worker
 * for itself while it runs. Cost: a fork and about 20 ns a byte. */
#ifndef NHIP_SIGN_SIGN_H
#define NHIP_SIGN_SIGN_H

#include "core/clock.h"
#include "core/hash.h"
#include "sign/sign_pin.h"

/* argv[1] of the worker; main() calls sign_worker_main when it sees it, before anything else. */
#define SIGN_WORKER_MODE "sign-worker"
int sign_worker_main(void);

typedef enum SignVerdict {
    SIGN_VALID,     /* signed by a pinned key of the facility, all that is read is covered */
    SIGN_UNSIGNED,  /* no CHUKYDONVI, or an empty one */
    SIGN_ALTERED,   /* a digest or the signature value does not agree with the bytes */
    SIGN_FORM,      /* a signature that proves nothing about this file: SignForm says why */
    SIGN_WRONG_KEY, /* sound, by a key that is not pinned for the facility */
    SIGN_EXPIRED,   /* the key's, but outside the certificate's or the pin's time */
    SIGN_UNKNOWN,   /* sound, but no key is pinned for the facility */
    SIGN_UNCHECKED, /* the worker could not say: too large, too slow, cut off */
    SIGN_VERDICTS,
} SignVerdict;

/* X(NAME, English, Vietnamese): why a signature proves nothing. */
#define SIGN_FORM_LIST(X)                                                                          \
    X(NONE, "", "")                                                                                \
    X(MANY, "more than one CHUKYDONVI or Signature", "nhiều hơn một CHUKYDONVI hoặc Signature")    \
    X(SHAPE, "the parts of the file or of the signature are not where they belong",                \
      "cấu trúc tệp hoặc chữ ký không đúng")                                                       \
    X(ALGORITHM, "an algorithm other than rsa-sha256 with sha256 and c14n",                        \
      "thuật toán không phải rsa-sha256 với sha256 và c14n")                                       \
    X(TRANSFORM, "a transform other than enveloped-signature and c14n",                            \
      "phép biến đổi không phải enveloped-signature hoặc c14n")                                    \
    X(REFERENCE, "a reference to something that is not in the file",                               \
      "tham chiếu tới nội dung không có trong tệp")                                                \
    X(ID, "the same Id stands twice", "một Id xuất hiện hai lần")                                  \
    X(SCOPE, "it does not cover what is read of the file", "chữ ký không bao gồm nội dung hồ sơ")  \
    X(CERTIFICATE, "no usable RSA certificate of at least 2048 bits is enclosed",                  \
      "không kèm chứng thư RSA từ 2048 bit dùng được")

typedef enum SignForm {
#define X(name, en, vi) SIGN_FORM_##name,
    SIGN_FORM_LIST(X)
#undef X
        SIGN_FORMS
} SignForm;
const char *sign_form_text(SignForm form, bool vietnamese);

/* The standard does not say what a claim's signature must cover. */
typedef enum SignScope {
    SIGN_SCOPE_CONTENT,  /* the element that holds the records, or more */
    SIGN_SCOPE_DOCUMENT, /* the whole document */
} SignScope;

enum { SIGN_FACILITY_MAX = 32 };

typedef struct SignResult {
    SignVerdict verdict;
    SignForm form;                    /* of SIGN_FORM */
    char facility[SIGN_FACILITY_MAX]; /* as the file names it; empty: it does not */
    Sha256 certificate;               /* zero when there is none */
    TimeMs signed_at; /* SigningTime when it is signed too, else when it was checked */
} SignResult;

typedef struct Sign Sign;

typedef struct SignOptions {
    const SignPins *pins;
    SignScope scope;
    unsigned workers;        /* at once; 0: one a core */
    const char *const *argv; /* of the worker, NULL-terminated; NULL: this program */
    unsigned timeout_ms;     /* for a small file; 0: 15,000; a large one gets more */
    const Clock *clock;      /* NULL: the real one */
} SignOptions;
/* Starts nothing yet: workers come with the first file. ERR_NOMEM. */
MUST_USE ErrCode sign_new(const SignOptions *options, Sign **ret_sign);
void sign_free(Sign *s); /* ends the workers; NULL is fine; nobody may be inside sign_check */

/* One XML document (GIAMDINHHS or CHI_TIEU_TRANG_THAI_KCB), as it was received. */
SignResult sign_check(Sign *s, Str xml);

#endif
