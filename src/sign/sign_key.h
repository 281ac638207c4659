/* sign_key.h — signing claim files with a facility's key. The key is a handle: a PEM file for
 * tests, a PKCS#11 object (a hardware module, SoftHSM) for everything else; then it never is in
 * this process. What is signed is what this program wrote itself: others' bytes go through
 * sign_check only.
 * Ownership: a SignKey owns its session. Threads: any number; one signs at a time. Errors:
 * ERR_NOT_FOUND (no such file, module, token, object), ERR_PARAM (key and certificate do not
 * belong together, no RSA), ERR_FORBIDDEN (the PIN), ERR_INVALID (no document to sign, signed
 * already), ERR_IO (the module failed). */
#ifndef NHIP_SIGN_SIGN_KEY_H
#define NHIP_SIGN_SIGN_KEY_H

#include "sign/sign.h"

typedef struct SignKey SignKey;

typedef struct SignKeySource {
    const char *key;         /* path of a PEM file, or "pkcs11:token=LABEL;object=LABEL" */
    const char *certificate; /* path of its PEM file */
    const char *module;      /* PKCS#11 library; with pkcs11: only */
    const char *pin;         /* of the token */
} SignKeySource;
MUST_USE ErrCode sign_key_open(const SignKeySource *source, SignKey **ret_key, ErrInfo *info);
void sign_key_close(SignKey *key); /* NULL is fine */
/* What a line of the pins says of it. */
void sign_key_digests(const SignKey *key, Sha256 *ret_certificate, Sha256 *ret_key);

typedef struct SignDocument {
    Str xml; /* GIAMDINHHS or CHI_TIEU_TRANG_THAI_KCB; CHUKYDONVI empty or not there */
    TimeMs at;
    SignScope scope; /* what is covered beside the time */
    bool exclusive;  /* c14n of the references; otherwise inclusive */
} SignDocument;
/* Appends the document with its CHUKYDONVI filled: two References, as the fund's certificate
 * documents have them: the document (enveloped) or its content by Id, and the Object with the
 * SigningTime. */
MUST_USE ErrCode sign_document(SignKey *key, const SignDocument *document, Buf *out, ErrInfo *info);

#endif
