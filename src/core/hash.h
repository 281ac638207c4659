/* hash.h — digests: XXH3-64 for tables and keys inside one process or file format, SHA-256
 * (OpenSSL) for everything that must not be forged: the chain of records, received files, erasable
 * keys. Ownership: results are values. Cost: hash64 about 0.1 ns a byte; sha256 0.5–3 ns a byte, no
 * allocation. Errors: sha256 cannot fail. Threads: all functions are safe from any thread; one
 * Sha256Ctx belongs to one thread at a time. */
#ifndef NHIP_CORE_HASH_H
#define NHIP_CORE_HASH_H

#include "core/str.h"

/* XXH3 with 64 bits. Stable for ever for the same bytes (stored in view.db). */
uint64_t hash64(Str bytes);
uint64_t hash64_seed(Str bytes, uint64_t seed);
/* Mixes two hashes; the order matters. */
uint64_t hash64_mix(uint64_t a, uint64_t b);

typedef struct Sha256 {
    uint8_t b[32];
} Sha256;

/* ERR_UNSUPPORTED when SHA-256 of nothing comes out wrong. Call once at start. */
MUST_USE ErrCode hash_init(void);
void sha256(Str bytes, Sha256 *ret_digest);
/* The digest of a followed by b, as the chain needs it. */
void sha256_pair(Str a, Str b, Sha256 *ret_digest);
static inline bool sha256_eq(const Sha256 *a, const Sha256 *b) {
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Streaming. new gives NULL without memory; final may be followed by reset and more updates. */
typedef struct Sha256Ctx Sha256Ctx;
Sha256Ctx *sha256_new(void);
void sha256_free(Sha256Ctx *ctx); /* NULL is fine */
void sha256_reset(Sha256Ctx *ctx);
void sha256_update(Sha256Ctx *ctx, Str bytes);
void sha256_final(Sha256Ctx *ctx, Sha256 *ret_digest);

/* Lower-case hexadecimal. */
void hex_put(Buf *out, const uint8_t *bytes, size_t len);
/* Exactly 2·len digits of either case. ERR_SYNTAX otherwise. */
MUST_USE ErrCode hex_parse(Str text, uint8_t *ret_bytes, size_t len);

#endif
