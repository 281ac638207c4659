/* sign_help.h — what the tests of signatures share: a folder with keys made for the run, a claim
 * file that is signed and then spoiled in one place, and the worker's modes. Included first by test
 * programs whose main is sign_test_main: the program is its own worker. */
#ifndef NHIP_TESTS_UNIT_SIGN_HELP_H
#define NHIP_TESTS_UNIT_SIGN_HELP_H

#include "folder.h"
#include "unit/test.h"

#include "core/arena.h"
#include "core/limits.h"
#include "sign/sign_int.h"
#include "sign/sign_key.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTIFIED_FROM INT64_C(1767225600) /* 2026-01-01, seconds */
#define CERTIFIED_DAYS 365
#define SIGNED_AT INT64_C(1795305600000) /* 2026-11-22 */

typedef struct KeyFiles {
    char key[128], certificate[128];
} KeyFiles;

static char sign_dir[64];

static UNUSED X509 *certify(EVP_PKEY *key, const char *name) {
    X509 *x = X509_new();
    assert_non_null(x);
    (void)X509_set_version(x, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    (void)ASN1_TIME_set(X509_getm_notBefore(x), CERTIFIED_FROM);
    (void)ASN1_TIME_set(X509_getm_notAfter(x), CERTIFIED_FROM + CERTIFIED_DAYS * 86400L);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x, X509_get_subject_name(x));
    (void)X509_set_pubkey(x, key);
    assert_int_not_equal(X509_sign(x, key, EVP_sha256()), 0);
    return x;
}

/* A key of that many bits and its self-signed certificate, as files of the run's folder. */
static UNUSED KeyFiles make_key(const char *name, unsigned bits) {
    KeyFiles f;
    (void)snprintf(f.key, sizeof(f.key), "%s/%s.key", sign_dir, name);
    (void)snprintf(f.certificate, sizeof(f.certificate), "%s/%s.pem", sign_dir, name);
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    X509 *x = certify(key, name);
    CLEANUP_FILE FILE *k = fopen(f.key, "we");
    CLEANUP_FILE FILE *c = fopen(f.certificate, "we");
    assert_non_null(k);
    assert_non_null(c);
    assert_int_equal(PEM_write_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_X509(c, x), 1);
    X509_free(x);
    EVP_PKEY_free(key);
    return f;
}

static UNUSED SignKey *open_key(const KeyFiles *f) {
    SignKey *key = NULL;
    ErrInfo info = {0};
    assert_ok(
        sign_key_open(&(SignKeySource){.key = f->key, .certificate = f->certificate}, &key, &info));
    return key;
}

static UNUSED int sign_dir_make(void **state) {
    (void)state;
    (void)snprintf(sign_dir, sizeof(sign_dir), "/tmp/nhip-sign-XXXXXX");
    return mkdtemp(sign_dir) == NULL ? -1 : 0;
}

static UNUSED int sign_dir_remove(void **state) {
    (void)state;
    folder_remove(sign_dir);
    return 0;
}

/* ---- documents ---- */

#define CLAIM_CONTENT                                                                              \
    "<THONGTINHOSO><NGAYLAP>20261120</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO>\n"                      \
    "<DANHSACHHOSO><HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO>"                                      \
    "<NOIDUNGFILE>QUJD</NOIDUNGFILE></FILEHOSO></HOSO></DANHSACHHOSO></THONGTINHOSO>"
static const char CLAIM_FILE[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<GIAMDINHHS xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
    "<THONGTINDONVI><MACSKCB>46999</MACSKCB></THONGTINDONVI>\n" CLAIM_CONTENT "\n<CHUKYDONVI/>\n"
    "</GIAMDINHHS>\n";
static const char CHECK_IN_FILE[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB>"
    "<TRANG_THAI_KCB><MA_LK>1</MA_LK><MA_CSKCB>46999</MA_CSKCB></TRANG_THAI_KCB>"
    "</DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>";

/* The text signed; lives in the arena. */
static UNUSED Str signed_text(Arena *a, SignKey *key, const SignDocument *d) {
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, SIGN_FILE_BYTES);
    assert_ok(sign_document(key, d, &out, &info));
    return arena_str(a, buf_str(&out));
}

/* The first `from` replaced; it must be there. */
static UNUSED Str with(Arena *a, Str text, const char *from, const char *to) {
    size_t at = str_find(text, str_from(from));
    assert_int_not_equal(at, SIZE_MAX);
    size_t behind = at + strlen(from);
    Str parts[] = {str_sub(text, 0, at), str_from(to), str_sub(text, behind, text.len)};
    return arena_join(a, parts, ARRAY_LEN(parts));
}

/* From `first` to the end of the first `last` behind it. */
static UNUSED Str between(Str text, const char *first, const char *last) {
    size_t at = str_find(text, str_from(first));
    assert_int_not_equal(at, SIZE_MAX);
    Str rest = str_sub(text, at, text.len);
    size_t end = str_find(rest, str_from(last));
    assert_int_not_equal(end, SIZE_MAX);
    return str_sub(rest, 0, end + strlen(last));
}

#endif
