/* index_format.h — bytes of the index: numbers of variable length, limits, the entries of a block.
 * A block is a run of entries in the order of (key, slot):
 *   shared (bytes taken over from the entry before), suffix length, suffix, n, first, bytes of the
 *   deltas, n - 1 deltas
 * all numbers LEB128; slots count from the segment's first record. A key with more than
 * INDEX_CHUNK_SLOTS slots takes several entries. The first entry of a block shares nothing.
 * Everything read is checked against the block's end: a damaged block gives ERR_CORRUPT.
 * Threads: no state. */
#ifndef NHIP_STORE_INDEX_FORMAT_H
#define NHIP_STORE_INDEX_FORMAT_H

#include "core/str.h"

enum {
    INDEX_KEY_MAX = 400,         /* longest key; makers of values cut theirs well below */
    INDEX_PREFIX_LEN = 5,        /* class, type, param: what a range scan never leaves */
    INDEX_BLOCK_RAW = 4 * 1024,  /* a block is closed when it has reached this */
    INDEX_BLOCK_MAX = 64 * 1024, /* no block is larger, uncompressed */
    INDEX_CHUNK_SLOTS = 4096,    /* most slots of one entry */
    INDEX_VARINT_MAX = 5,        /* bytes of a 32-bit number */
};

static inline size_t vint_put(uint8_t *out, uint32_t v) {
    size_t n = 0;
    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    return n;
}

/* Moves *at behind the number; false when it does not end before `end` or passes 32 bits. */
static inline bool vint_get(const uint8_t **at, const uint8_t *end, uint32_t *ret_value) {
    const uint8_t *p = *at;
    if (LIKELY(p < end) && LIKELY(*p < 0x80)) {
        *ret_value = *p;
        *at = p + 1;
        return true;
    }
    if (LIKELY(end - p >= 2) && LIKELY(p[1] < 0x80)) {
        *ret_value = (uint32_t)(p[0] & 0x7F) | (uint32_t)p[1] << 7;
        *at = p + 2;
        return true;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 35 && p < end; shift += 7) {
        v |= (uint64_t)(*p & 0x7F) << shift;
        if (*p++ < 0x80) {
            *ret_value = (uint32_t)v;
            *at = p;
            return v <= UINT32_MAX;
        }
    }
    return false;
}

static inline void u64_be_put(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}
static inline uint64_t u64_be_get(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* Walks the entries of a decoded block. Set at and end, then call block_next until false; err says
 * whether the end or damage was met. */
typedef struct BlockCursor {
    const uint8_t *at, *end;
    const uint8_t *deltas;
    uint32_t deltas_len;
    uint32_t n, first; /* slots of the entry; the first of them */
    uint32_t key_len;
    ErrCode err;
    uint8_t key[INDEX_KEY_MAX];
} BlockCursor;

static inline BlockCursor block_cursor(Str block) {
    BlockCursor c;
    c.at = (const uint8_t *)block.ptr;
    c.end = c.at + block.len;
    c.deltas = NULL;
    c.deltas_len = c.n = c.first = c.key_len = 0;
    c.err = ERR_OK;
    return c;
}
bool block_next(BlockCursor *c);
static inline Str block_key(const BlockCursor *c) {
    return (Str){(const char *)c->key, c->key_len};
}
/* Moves the cursor, which stands before the first entry, onto the first one with the key. False:
 * the block has none, or is damaged (err). Keys are compared where they differ from the one before.
 */
bool block_find(BlockCursor *c, Str key);
/* Decodes the entry's n slots to out (room for n). ERR_CORRUPT when they do not ascend. */
MUST_USE ErrCode block_slots(const BlockCursor *c, uint32_t *out);

/* Appends an entry; prev is the key of the entry before (empty: first of the block). slots ascend.
 */
void block_put(Buf *block, Str prev, Str key, const uint32_t *slots, size_t n);

/* The stored form: 1 byte (0 plain, 1 zstd), raw length (4, LE), XXH3 of the raw bytes (4, LE),
 * bytes. Contexts are ZSTD_CCtx and ZSTD_DCtx of one thread. */
MUST_USE ErrCode block_pack(void *zstd_cctx, Str raw, Buf *out);
/* Appends the raw block to out. ERR_CORRUPT, ERR_NOMEM. */
MUST_USE ErrCode block_unpack(void *zstd_dctx, Str stored, Buf *out);

#endif
