#include "store/index_format.h"

#include "core/hash.h"

#include <zstd.h>

enum { HEADER = 9, ZSTD_LEVEL = 1 };

static bool damaged(BlockCursor *c) {
    c->err = ERR_CORRUPT;
    return false;
}

/* What stands before the key's own bytes; *ret_len of them. */
static bool next_key(BlockCursor *c, uint32_t *ret_shared, uint32_t *ret_len) {
    if (c->at == c->end || c->err != ERR_OK) {
        return false;
    }
    if (!vint_get(&c->at, c->end, ret_shared) || !vint_get(&c->at, c->end, ret_len) ||
        *ret_shared > c->key_len || *ret_len > INDEX_KEY_MAX - *ret_shared ||
        *ret_len > (size_t)(c->end - c->at)) {
        return damaged(c);
    }
    c->key_len = *ret_shared + *ret_len;
    return true;
}

/* What stands behind the key. */
static bool next_slots(BlockCursor *c) {
    if (!vint_get(&c->at, c->end, &c->n) || !vint_get(&c->at, c->end, &c->first) ||
        !vint_get(&c->at, c->end, &c->deltas_len) || c->n == 0 || c->n > INDEX_CHUNK_SLOTS ||
        c->deltas_len > (size_t)(c->end - c->at) || c->deltas_len < c->n - 1) {
        return damaged(c);
    }
    c->deltas = c->at;
    c->at += c->deltas_len;
    return true;
}

bool block_next(BlockCursor *c) {
    uint32_t shared = 0;
    uint32_t len = 0;
    if (!next_key(c, &shared, &len)) {
        return false;
    }
    memcpy(c->key + shared, c->at, len);
    c->at += len;
    return next_slots(c);
}

/* Compares the entry's own bytes with the key behind *same, which grows by those that agree. */
static int compare_from(const BlockCursor *c, uint32_t len, Str key, uint32_t *same) {
    uint32_t i = 0;
    while (i < len && *same < key.len && c->at[i] == (uint8_t)key.ptr[*same]) {
        i++;
        ++*same;
    }
    if (i < len && *same < key.len) {
        return c->at[i] < (uint8_t)key.ptr[*same] ? -1 : 1;
    }
    return i < len ? 1 : *same < key.len ? -1 : 0;
}

bool block_find(BlockCursor *c, Str key) {
    uint32_t same = 0; /* bytes of the key that the entry before, which is below it, begins with */
    uint32_t shared = 0;
    uint32_t len = 0;
    assert(key.len <= INDEX_KEY_MAX);
    while (same < c->key_len && same < key.len && c->key[same] == (uint8_t)key.ptr[same]) {
        same++;
    }
    while (next_key(c, &shared, &len)) {
        int order = shared > same ? -1 : shared < same ? 1 : compare_from(c, len, key, &same);
        if (order > 0) {
            return false;
        }
        c->at += len;
        if (!next_slots(c)) {
            return false;
        }
        if (order == 0) {
            memcpy(c->key, key.ptr, key.len);
            return true;
        }
    }
    return false;
}

ErrCode block_slots(const BlockCursor *c, uint32_t *out) {
    const uint8_t *at = c->deltas;
    const uint8_t *end = at + c->deltas_len;
    uint32_t slot = c->first;
    out[0] = slot;
    for (uint32_t i = 1; i < c->n; i++) {
        uint32_t delta = 0;
        if (!vint_get(&at, end, &delta) || delta == 0 || delta > UINT32_MAX - slot) {
            return ERR_CORRUPT;
        }
        slot += delta;
        out[i] = slot;
    }
    return at == end ? ERR_OK : ERR_CORRUPT;
}

void block_put(Buf *block, Str prev, Str key, const uint32_t *slots, size_t n) {
    assert(n > 0 && n <= INDEX_CHUNK_SLOTS && key.len <= INDEX_KEY_MAX);
    size_t shared = 0;
    size_t most = MIN(prev.len, key.len);
    while (shared < most && prev.ptr[shared] == key.ptr[shared]) {
        shared++;
    }
    if (!buf_reserve(block, INDEX_KEY_MAX + 6 * INDEX_VARINT_MAX + n * INDEX_VARINT_MAX)) {
        return;
    }
    uint8_t *const start = (uint8_t *)block->ptr + block->len;
    uint8_t *at = start;
    at += vint_put(at, (uint32_t)shared);
    at += vint_put(at, (uint32_t)(key.len - shared));
    memcpy(at, key.ptr + shared, key.len - shared);
    at += key.len - shared;
    at += vint_put(at, (uint32_t)n);
    at += vint_put(at, slots[0]);
    /* The length stands before the deltas: write them behind the widest length, then close the gap.
     */
    uint8_t *const deltas = at + INDEX_VARINT_MAX;
    uint8_t *end = deltas;
    for (size_t i = 1; i < n; i++) {
        assert(slots[i] > slots[i - 1]);
        end += vint_put(end, slots[i] - slots[i - 1]);
    }
    size_t len = (size_t)(end - deltas);
    at += vint_put(at, (uint32_t)len);
    memmove(at, deltas, len);
    at += len;
    block->len += (size_t)(at - start);
}

static void u32_le_put(uint8_t *out, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

static uint32_t u32_le_get(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

ErrCode block_pack(void *zstd_cctx, Str raw, Buf *out) {
    assert(raw.len > 0 && raw.len <= INDEX_BLOCK_MAX);
    size_t bound = ZSTD_compressBound(raw.len);
    if (!buf_reserve(out, HEADER + bound)) {
        return buf_ok(out);
    }
    uint8_t *head = (uint8_t *)out->ptr + out->len;
    size_t n = ZSTD_compressCCtx(zstd_cctx, head + HEADER, bound, raw.ptr, raw.len, ZSTD_LEVEL);
    bool smaller = !ZSTD_isError(n) && n < raw.len;
    if (!smaller) {
        memcpy(head + HEADER, raw.ptr, raw.len);
        n = raw.len;
    }
    head[0] = smaller;
    u32_le_put(head + 1, (uint32_t)raw.len);
    u32_le_put(head + 5, (uint32_t)hash64(raw));
    out->len += HEADER + n;
    return ERR_OK;
}

ErrCode block_unpack(void *zstd_dctx, Str stored, Buf *out) {
    const uint8_t *head = (const uint8_t *)stored.ptr;
    if (stored.len <= HEADER || head[0] > 1) {
        return ERR_CORRUPT;
    }
    size_t raw_len = u32_le_get(head + 1);
    size_t body_len = stored.len - HEADER;
    if (raw_len == 0 || raw_len > INDEX_BLOCK_MAX || (head[0] == 0 && raw_len != body_len)) {
        return ERR_CORRUPT;
    }
    if (!buf_reserve(out, raw_len)) {
        return buf_ok(out);
    }
    char *raw = out->ptr + out->len;
    if (head[0] == 0) {
        memcpy(raw, head + HEADER, raw_len);
    } else if (ZSTD_decompressDCtx(zstd_dctx, raw, raw_len, head + HEADER, body_len) != raw_len) {
        return ERR_CORRUPT;
    }
    if ((uint32_t)hash64((Str){raw, raw_len}) != u32_le_get(head + 5)) {
        return ERR_CORRUPT;
    }
    out->len += raw_len;
    return ERR_OK;
}
