#include "core/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(Str bytes) {
    return XXH3_64bits(bytes.ptr, bytes.len);
}

uint64_t hash64_seed(Str bytes, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}

/* splitmix64's finaliser over a value in which the order of a and b matters. */
uint64_t hash64_mix(uint64_t a, uint64_t b) {
    uint64_t x = a ^ (b + UINT64_C(0x9E3779B97F4A7C15) + (a << 6) + (a >> 2));
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* SHA-256 through EVP: the algorithm is fetched once, each thread keeps one context, which
 * OpenSSL re-initialises without allocating. A thread that gets no context of its own shares
 * one under a lock: slow, but a digest never fails. */
struct Sha256Ctx {
    EVP_MD_CTX *md;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *algorithm;
static EVP_MD_CTX *shared;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool ready;
static _Thread_local EVP_MD_CTX *mine;

static void free_ctx(void *ctx) {
    EVP_MD_CTX_free(ctx);
    mine = NULL;
}

static void fetch(void) {
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    shared = EVP_MD_CTX_new();
    ready = algorithm != NULL && shared != NULL && pthread_key_create(&key, free_ctx) == 0 &&
            EVP_DigestInit_ex2(shared, algorithm, NULL) == 1;
}

ErrCode hash_init(void) {
    (void)pthread_once(&once, fetch);
    return ready ? ERR_OK : ERR_UNSUPPORTED;
}

/* The header's promise: without SHA-256 nothing may be written, so the program stops. */
static void must(bool ok) {
    if (UNLIKELY(!ok)) {
        (void)fputs("nhip: OpenSSL offers no SHA-256 on this machine\n", stderr);
        abort();
    }
}

/* This thread's context, or NULL when there is no memory for one. */
static EVP_MD_CTX *own_ctx(void) {
    if (LIKELY(mine != NULL)) {
        return mine;
    }
    must(hash_init() == ERR_OK);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL &&
        (EVP_DigestInit_ex2(ctx, algorithm, NULL) != 1 || pthread_setspecific(key, ctx) != 0)) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    mine = ctx;
    return ctx;
}

static void digest(EVP_MD_CTX *ctx, Str a, Str b, Sha256 *ret_digest) {
    unsigned len = 0;
    bool ok = EVP_DigestInit_ex2(ctx, algorithm, NULL) == 1 &&
              EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 &&
              (b.len == 0 || EVP_DigestUpdate(ctx, b.ptr, b.len) == 1) &&
              EVP_DigestFinal_ex(ctx, ret_digest->b, &len) == 1;
    must(ok && len == sizeof(ret_digest->b));
}

void sha256_pair(Str a, Str b, Sha256 *ret_digest) {
    EVP_MD_CTX *ctx = own_ctx();
    if (LIKELY(ctx != NULL)) {
        digest(ctx, a, b, ret_digest);
        return;
    }
    (void)pthread_mutex_lock(&shared_lock);
    digest(shared, a, b, ret_digest);
    (void)pthread_mutex_unlock(&shared_lock);
}

void sha256(Str bytes, Sha256 *ret_digest) {
    sha256_pair(bytes, STR_EMPTY, ret_digest);
}

Sha256Ctx *sha256_new(void) {
    if (hash_init() != ERR_OK) {
        return NULL;
    }
    Sha256Ctx *ctx = malloc(sizeof(*ctx));
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (ctx == NULL || md == NULL || EVP_DigestInit_ex2(md, algorithm, NULL) != 1) {
        EVP_MD_CTX_free(md);
        free(ctx);
        return NULL;
    }
    ctx->md = md;
    return ctx;
}

void sha256_free(Sha256Ctx *ctx) {
    if (ctx != NULL) {
        EVP_MD_CTX_free(ctx->md);
        free(ctx);
    }
}

void sha256_reset(Sha256Ctx *ctx) {
    must(EVP_DigestInit_ex2(ctx->md, algorithm, NULL) == 1);
}

void sha256_update(Sha256Ctx *ctx, Str bytes) {
    must(bytes.len == 0 || EVP_DigestUpdate(ctx->md, bytes.ptr, bytes.len) == 1);
}

void sha256_final(Sha256Ctx *ctx, Sha256 *ret_digest) {
    unsigned len = 0;
    must(EVP_DigestFinal_ex(ctx->md, ret_digest->b, &len) == 1 && len == sizeof(ret_digest->b));
}

void hex_put(Buf *out, const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    if (!buf_reserve(out, 2 * len)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        out->ptr[out->len++] = digits[bytes[i] >> 4];
        out->ptr[out->len++] = digits[bytes[i] & 15];
    }
    assert(out->len <= out->capacity);
}

/* 0–15, or 16 for a character that is no digit. */
static unsigned hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

ErrCode hex_parse(Str text, uint8_t *ret_bytes, size_t len) {
    if (text.len != 2 * len) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.ptr[i]) > 15) {
            return ERR_SYNTAX;
        }
    }
    for (size_t i = 0; i < len; i++) {
        ret_bytes[i] = (uint8_t)(hex_value(text.ptr[2 * i]) << 4 | hex_value(text.ptr[2 * i + 1]));
    }
    return ERR_OK;
}
