#include "core/hash.h"

/* The plain functions: EVP allocates a state for each digest (OpenSSL 3.0: 100,000 digests, 100,000
 * allocations, 0.6 µs each), and a digest here must not fail for want of memory. Both run the same
 * assembly. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
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

struct Sha256Ctx {
    SHA256_CTX state;
};

ErrCode hash_init(void) {
    static const uint8_t empty[4] = {0xe3, 0xb0, 0xc4, 0x42}; /* how SHA-256 of nothing begins */
    Sha256 digest;
    sha256(STR_EMPTY, &digest);
    return memcmp(digest.b, empty, sizeof(empty)) == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

/* These functions return 1 whatever happens; the header's promise stands on that. */
static void must(int ok) {
    if (UNLIKELY(ok != 1)) {
        (void)fputs("nhip: SHA-256 does not work on this machine\n", stderr);
        abort();
    }
}

void sha256_pair(Str a, Str b, Sha256 *ret_digest) {
    SHA256_CTX state;
    must(SHA256_Init(&state));
    must(SHA256_Update(&state, a.ptr, a.len));
    must(b.len == 0 ? 1 : SHA256_Update(&state, b.ptr, b.len));
    must(SHA256_Final(ret_digest->b, &state));
}

void sha256(Str bytes, Sha256 *ret_digest) {
    sha256_pair(bytes, STR_EMPTY, ret_digest);
}

Sha256Ctx *sha256_new(void) {
    Sha256Ctx *ctx = malloc(sizeof(*ctx));
    if (ctx != NULL) {
        sha256_reset(ctx);
    }
    return ctx;
}

void sha256_free(Sha256Ctx *ctx) {
    free(ctx);
}

void sha256_reset(Sha256Ctx *ctx) {
    must(SHA256_Init(&ctx->state));
}

void sha256_update(Sha256Ctx *ctx, Str bytes) {
    must(bytes.len == 0 ? 1 : SHA256_Update(&ctx->state, bytes.ptr, bytes.len));
}

void sha256_final(Sha256Ctx *ctx, Sha256 *ret_digest) {
    must(SHA256_Final(ret_digest->b, &ctx->state));
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
