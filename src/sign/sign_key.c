#include "sign/sign_key_int.h"

#include <libp11.h>
#include <openssl/err.h>
#include <openssl/pem.h>

struct SignToken {
    PKCS11_CTX *ctx;
    PKCS11_SLOT *slots;
    unsigned n_slots;
    bool loaded;
};

enum { LABEL_MAX = 128 };

static ErrCode not_found(ErrInfo *info, const char *what) {
    return err_set(info, ERR_NOT_FOUND, "sign-key", "cannot open the signing key: no %s",
                   "không mở được khoá ký: không có %s", what);
}

static X509 *read_certificate(const char *path) {
    CLEANUP_FILE FILE *f = path == NULL ? NULL : fopen(path, "re");
    return f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);
}

static EVP_PKEY *read_pem(const char *path) {
    CLEANUP_FILE FILE *f = fopen(path, "re");
    return f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, "");
}

/* One attribute of a pkcs11: address, "token" or "object"; false when it is not there. */
static bool attribute(Str uri, const char *name, char *out) {
    Str rest = str_sub(uri, sizeof("pkcs11:") - 1, uri.len);
    Str part;
    while (str_cut(&rest, ';', &part)) {
        Str value = part;
        Str key;
        if (str_cut(&value, '=', &key) && str_eq(key, str_from(name)) && value.len > 0 &&
            value.len < LABEL_MAX) {
            memcpy(out, value.ptr, value.len);
            out[value.len] = '\0';
            return true;
        }
    }
    return false;
}

static PKCS11_SLOT *find_slot(const SignToken *t, const char *label) {
    for (unsigned i = 0; i < t->n_slots; i++) {
        const PKCS11_TOKEN *token = t->slots[i].token;
        if (token != NULL && token->label != NULL && strcmp(token->label, label) == 0) {
            return &t->slots[i];
        }
    }
    return NULL;
}

static EVP_PKEY *find_key(PKCS11_SLOT *slot, const char *label) {
    PKCS11_KEY *keys = NULL;
    unsigned n = 0;
    if (PKCS11_enumerate_keys(slot->token, &keys, &n) != 0) {
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        if (keys[i].label != NULL && strcmp(keys[i].label, label) == 0) {
            return PKCS11_get_private_key(&keys[i]);
        }
    }
    return NULL;
}

static ErrCode open_token(SignKey *key, const SignKeySource *source, ErrInfo *info) {
    char token[LABEL_MAX];
    char object[LABEL_MAX];
    if (source->module == NULL || !attribute(str_from(source->key), "token", token) ||
        !attribute(str_from(source->key), "object", object)) {
        return err_set(info, ERR_PARAM, "sign-key",
                       "a key in a token needs its module and pkcs11:token=…;object=…",
                       "khoá trong token cần có module và pkcs11:token=…;object=…");
    }
    SignToken *t = calloc(1, sizeof(*t));
    key->token = t;
    if (t == NULL || (t->ctx = PKCS11_CTX_new()) == NULL) {
        return ERR_NOMEM;
    }
    if (PKCS11_CTX_load(t->ctx, source->module) != 0) {
        return not_found(info, "PKCS#11 module");
    }
    t->loaded = true;
    if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->n_slots) != 0) {
        return ERR_IO;
    }
    PKCS11_SLOT *slot = find_slot(t, token);
    if (slot == NULL) {
        return not_found(info, "token");
    }
    if (PKCS11_login(slot, 0, source->pin == NULL ? "" : source->pin) != 0) {
        return err_plain(info, ERR_FORBIDDEN, "sign-pin");
    }
    key->key = find_key(slot, object);
    return key->key == NULL ? not_found(info, "object") : ERR_OK;
}

static ErrCode open_key(SignKey *key, const SignKeySource *source, ErrInfo *info) {
    TRY(sign_library());
    key->certificate = read_certificate(source->certificate);
    if (key->certificate == NULL) {
        return not_found(info, "certificate");
    }
    if (str_starts(str_from(source->key), STR("pkcs11:"))) {
        TRY(open_token(key, source, info));
    } else if ((key->key = read_pem(source->key)) == NULL) {
        return not_found(info, "PEM");
    }
    EVP_PKEY *public_key = X509_get0_pubkey(key->certificate);
    if (public_key == NULL || EVP_PKEY_get_base_id(key->key) != EVP_PKEY_RSA ||
        EVP_PKEY_eq(public_key, key->key) != 1) {
        return err_set(info, ERR_PARAM, "sign-key", "the key is not the RSA key of the certificate",
                       "khoá ký không phải khoá RSA của chứng thư");
    }
    return ERR_OK;
}

ErrCode sign_key_open(const SignKeySource *source, SignKey **ret_key, ErrInfo *info) {
    SignKey *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&key->lock);
    ErrCode err = open_key(key, source, info);
    ERR_clear_error();
    if (err != ERR_OK) {
        sign_key_close(key);
        return err;
    }
    *ret_key = key;
    return ERR_OK;
}

static void close_token(SignToken *t) {
    if (t->slots != NULL) {
        PKCS11_release_all_slots(t->ctx, t->slots, t->n_slots);
    }
    if (t->loaded) {
        PKCS11_CTX_unload(t->ctx);
    }
    if (t->ctx != NULL) {
        PKCS11_CTX_free(t->ctx);
    }
    free(t);
}

void sign_key_close(SignKey *key) {
    if (key == NULL) {
        return;
    }
    EVP_PKEY_free(key->key);
    X509_free(key->certificate);
    if (key->token != NULL) {
        close_token(key->token);
    }
    mutex_release(&key->lock);
    free(key);
}

void sign_key_digests(const SignKey *key, Sha256 *ret_certificate, Sha256 *ret_key) {
    unsigned char *der = NULL;
    int len = i2d_X509(key->certificate, &der);
    sha256((Str){(const char *)der, len > 0 ? (size_t)len : 0}, ret_certificate);
    OPENSSL_free(der);
    der = NULL;
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(key->certificate), &der);
    sha256((Str){(const char *)der, len > 0 ? (size_t)len : 0}, ret_key);
    OPENSSL_free(der);
}
