/* sign_key_int.h — what opening a key and signing with it share. */
#ifndef NHIP_SIGN_SIGN_KEY_INT_H
#define NHIP_SIGN_SIGN_KEY_INT_H

#include "core/thread.h"
#include "sign/sign_int.h"
#include "sign/sign_key.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

typedef struct SignToken SignToken;

struct SignKey {
    Mutex lock; /* one signature at a time: a token has one session */
    EVP_PKEY *key;
    X509 *certificate;
    SignToken *token; /* NULL: a PEM file */
};

#endif
