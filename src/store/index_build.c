#include "store/index_build.h"

#include "store/index_dead.h"
#include "store/index_key.h"

#include <zstd.h>

enum {
    WRITE_BYTES = 1 << 20, /* stored bytes of one transaction */
    WRITE_BLOCKS = 1024,
    DIRECTORY_MAX = 1 << 30,
};

struct SegmentBuilder {
    SegmentPlan plan;
    ErrCode err;
    ZSTD_CCtx *cctx;
    /* the key whose slots are being gathered */
    char key[INDEX_KEY_MAX];
    size_t key_len;
    SlotVec slots;
    /* the open block */
    Buf block;
    char prev[INDEX_KEY_MAX]; /* key of its last entry */
    size_t prev_len;
    char first[INDEX_KEY_MAX];
    size_t first_len;
    uint32_t first_slot, block_slots;
    bool is_single;
    /* blocks to be written */
    Buf packed;
    size_t packed_at[WRITE_BLOCKS + 1];
    uint32_t n_packed;
    uint32_t n_written;
    /* the row */
    Buf directory;
    uint64_t *hashes;
    size_t n_hashes, hashes_max;
    uint64_t *dead; /* put out of use by the segment's records: dead_item */
    size_t n_dead, dead_max;
    uint64_t n_keys, n_slots, n_bytes;
    /* does a slot come twice in a group of keys (key_group)? */
    uint32_t *group_of; /* by slot: the number of the last group that it was seen in */
    uint32_t n_groups;
    char group[INDEX_KEY_MAX];
    size_t group_len;
    Buf repeats; /* heads of such groups, ascending */
};

ErrCode segment_build_new(const SegmentPlan *plan, SegmentBuilder **ret_builder) {
    SegmentBuilder *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return ERR_NOMEM;
    }
    b->plan = *plan;
    b->cctx = ZSTD_createCCtx();
    buf_init(&b->block, INDEX_BLOCK_MAX);
    buf_init(&b->packed, WRITE_BYTES + 4 * (size_t)INDEX_BLOCK_MAX);
    buf_init(&b->directory, DIRECTORY_MAX);
    buf_init(&b->repeats, DIRECTORY_MAX);
    if (b->cctx == NULL) {
        segment_build_free(b);
        return ERR_NOMEM;
    }
    *ret_builder = b;
    return ERR_OK;
}

void segment_build_free(SegmentBuilder *b) {
    if (b == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(b->cctx);
    slot_vec_release(&b->slots);
    buf_release(&b->block);
    buf_release(&b->packed);
    buf_release(&b->directory);
    buf_release(&b->repeats);
    free(b->hashes);
    free(b->dead);
    free(b->group_of);
    free(b);
}

static void write_packed(SegmentBuilder *b) {
    if (b->n_packed == 0 || b->err != ERR_OK) {
        return;
    }
    Str bodies[WRITE_BLOCKS];
    for (uint32_t i = 0; i < b->n_packed; i++) {
        bodies[i] = (Str){b->packed.ptr + b->packed_at[i], b->packed_at[i + 1] - b->packed_at[i]};
    }
    b->err = index_db_put_blocks(b->plan.home->db, b->plan.id, b->n_written, bodies, b->n_packed);
    b->n_written += b->n_packed;
    b->n_bytes += b->packed.len;
    b->n_packed = 0;
    buf_clear(&b->packed);
}

static void directory_put(SegmentBuilder *b) {
    uint8_t number[2 * INDEX_VARINT_MAX];
    buf_put(&b->directory, number, vint_put(number, (uint32_t)b->first_len));
    buf_put(&b->directory, b->first, b->first_len);
    size_t n = vint_put(number, b->first_slot);
    n += vint_put(number + n, b->is_single ? b->block_slots : 0);
    buf_put(&b->directory, number, n);
}

static void block_close(SegmentBuilder *b) {
    if (b->block.len == 0 || b->err != ERR_OK) {
        return;
    }
    b->packed_at[b->n_packed] = b->packed.len;
    b->err = buf_ok(&b->block);
    if (b->err == ERR_OK) {
        b->err = block_pack(b->cctx, buf_str(&b->block), &b->packed);
    }
    b->packed_at[++b->n_packed] = b->packed.len;
    directory_put(b);
    buf_clear(&b->block);
    b->prev_len = 0;
    b->block_slots = 0;
    if (b->n_packed == WRITE_BLOCKS || b->packed.len >= WRITE_BYTES) {
        write_packed(b);
    }
}

/* Writes n (at most one chunk) of the gathered slots as an entry. */
static void entry_put(SegmentBuilder *b, const uint32_t *slots, size_t n) {
    if (b->block.len >= INDEX_BLOCK_RAW) {
        block_close(b);
    }
    Str key = {b->key, b->key_len};
    if (b->block.len == 0) {
        memcpy(b->first, b->key, b->key_len);
        b->first_len = b->key_len;
        b->first_slot = slots[0];
        b->is_single = true;
    } else if (!str_eq((Str){b->first, b->first_len}, key)) {
        b->is_single = false;
    }
    block_put(&b->block, (Str){b->prev, b->prev_len}, key, slots, n);
    if (buf_ok(&b->block) != ERR_OK && b->err == ERR_OK) {
        b->err = buf_ok(&b->block); /* block_close would clear it, and the entry were lost */
    }
    memcpy(b->prev, b->key, b->key_len);
    b->prev_len = b->key_len;
    b->block_slots += (uint32_t)n;
    b->n_slots += n;
}

static void number_keep(SegmentBuilder *b, uint64_t **list, size_t *n, size_t *max,
                        uint64_t number) {
    if (*n == *max) {
        size_t more = MAX(*max * 2, (size_t)4096);
        uint64_t *numbers = realloc(*list, more * sizeof(*numbers));
        if (numbers == NULL) {
            b->err = ERR_NOMEM;
            return;
        }
        *list = numbers;
        *max = more;
    }
    (*list)[(*n)++] = number;
}

/* What the key and its slots say about slots out of use. */
static void dead_keep(SegmentBuilder *b, Str key, const uint32_t *slots, size_t n) {
    if (key.len == INDEX_PREFIX_LEN + 8 && key.ptr[0] == INDEX_SUPERSEDED) {
        number_keep(b, &b->dead, &b->n_dead, &b->dead_max,
                    dead_item(index_key_type(key),
                              u64_be_get((const uint8_t *)key.ptr + INDEX_PREFIX_LEN)));
    }
    for (size_t i = 0; i < n && key.ptr[0] == INDEX_DELETED && b->err == ERR_OK; i++) {
        number_keep(b, &b->dead, &b->n_dead, &b->dead_max,
                    dead_item(index_key_type(key), SLOT_OF(b->plan.first, 0) + slots[i]));
    }
}

/* Writes out the gathered slots of the current key; all of them, or whole chunks only. */
static void key_flush(SegmentBuilder *b, bool all) {
    size_t at = 0;
    while (b->slots.n - at >= INDEX_CHUNK_SLOTS || (all && at < b->slots.n)) {
        size_t n = MIN(b->slots.n - at, (size_t)INDEX_CHUNK_SLOTS);
        entry_put(b, b->slots.slots + at, n);
        at += n;
    }
    b->slots.n -= at;
    memmove(b->slots.slots, b->slots.slots + at, b->slots.n * sizeof(uint32_t));
}

static void key_begin(SegmentBuilder *b, Str key) {
    assert(key.len <= INDEX_KEY_MAX);
    assert(b->key_len == 0 || str_cmp((Str){b->key, b->key_len}, key) < 0);
    memcpy(b->key, key.ptr, key.len);
    b->key_len = key.len;
    b->n_keys++;
    if (bloom_covers(key)) {
        number_keep(b, &b->hashes, &b->n_hashes, &b->hashes_max, hash64(key));
    }
}

static bool group_repeats(const SegmentBuilder *b) {
    Str all = buf_str(&b->repeats);
    return all.len > 0 &&
           memcmp(all.ptr + all.len - INDEX_PREFIX_LEN, b->group, INDEX_PREFIX_LEN) == 0;
}

static void group_begin(SegmentBuilder *b, Str key, size_t len) {
    if (!str_eq((Str){b->group, b->group_len}, str_sub(key, 0, len))) {
        memcpy(b->group, key.ptr, len);
        b->group_len = len;
        b->n_groups++;
    }
}

/* Notes whether a slot comes a second time in a group of keys. Only what is sealed for the first
 * time is looked at: slots of merged segments are different ones. */
static void group_keep(SegmentBuilder *b, Str key, const uint32_t *slots, size_t n) {
    size_t len = b->plan.is_merge ? 0 : key_group(key);
    size_t max = (size_t)(b->plan.last - b->plan.first + 1) * STORE_RECORD_SLOTS;
    if (len == 0) {
        return;
    }
    if (b->group_of == NULL) {
        b->group_of = calloc(max, sizeof(*b->group_of));
        b->err = b->group_of == NULL ? ERR_NOMEM : b->err;
    }
    group_begin(b, key, len);
    bool repeats = b->err != ERR_OK || group_repeats(b);
    for (size_t i = 0; i < n && !repeats; i++) {
        assert(slots[i] < max);
        repeats = b->group_of[slots[i]] == b->n_groups;
        b->group_of[slots[i]] = b->n_groups;
        if (repeats) {
            buf_put(&b->repeats, b->group, INDEX_PREFIX_LEN);
        }
    }
}

ErrCode segment_build_repeats(SegmentBuilder *b, Str heads) {
    assert(b->plan.is_merge && heads.len % INDEX_PREFIX_LEN == 0);
    Buf all;
    size_t at = 0;
    buf_init(&all, DIRECTORY_MAX);
    for (size_t i = 0; i < heads.len || at < b->repeats.len;) {
        const char *had = at < b->repeats.len ? b->repeats.ptr + at : NULL;
        const char *head = i < heads.len ? heads.ptr + i : NULL;
        int c = had == NULL ? 1 : head == NULL ? -1 : memcmp(had, head, INDEX_PREFIX_LEN);
        buf_put(&all, c <= 0 ? had : head, INDEX_PREFIX_LEN);
        at += c <= 0 ? INDEX_PREFIX_LEN : 0;
        i += c >= 0 ? INDEX_PREFIX_LEN : 0;
    }
    buf_release(&b->repeats);
    b->repeats = all;
    return buf_ok(&all);
}

void segment_build_put(SegmentBuilder *b, Str key, const uint32_t *slots, size_t n) {
    if (b->err != ERR_OK || n == 0) {
        return;
    }
    if (b->n_keys == 0 || !str_eq((Str){b->key, b->key_len}, key)) {
        if (b->slots.n > 0) {
            key_flush(b, true);
        }
        key_begin(b, key);
    }
    dead_keep(b, key, slots, n);
    group_keep(b, key, slots, n);
    if (slot_vec_reserve(&b->slots, n) != ERR_OK) {
        b->err = ERR_NOMEM;
        return;
    }
    memcpy(b->slots.slots + b->slots.n, slots, n * sizeof(uint32_t));
    b->slots.n += n;
    if (b->slots.n >= INDEX_CHUNK_SLOTS) {
        key_flush(b, false);
    }
}

/* The row is written and the same row is loaded: what the disk got is what memory works with. */
static ErrCode row_put(SegmentBuilder *b, Str bloom, const uint64_t *drop, size_t n_drop,
                       Segment **ret_segment) {
    SegmentRow row = {.id = b->plan.id,
                      .level = b->plan.level,
                      .first = b->plan.first,
                      .last = b->plan.last,
                      .n_blocks = b->n_written,
                      .n_keys = b->n_keys,
                      .n_slots = b->n_slots,
                      .n_bytes = b->n_bytes,
                      .bloom = bloom,
                      .directory = buf_str(&b->directory)};
    Segment *s = NULL;
    CLEANUP_BUF Buf dead;
    buf_init(&dead, DIRECTORY_MAX);
    dead_pack(b->dead, b->n_dead, &dead);
    row.dead = buf_str(&dead);
    buf_put_str(&b->directory, buf_str(&b->repeats));
    TRY(buf_ok(&b->repeats));
    row.directory = buf_str(&b->directory);
    TRY(buf_ok(&dead));
    TRY(buf_ok(&b->directory));
    TRY(segment_load(b->plan.home, &row, &s));
    ErrCode err = index_db_swap(b->plan.home->db, &row, drop, n_drop);
    if (err != ERR_OK) {
        segment_unref(s);
        return err;
    }
    *ret_segment = s;
    return ERR_OK;
}

ErrCode segment_build_end(SegmentBuilder *b, const uint64_t *drop, size_t n_drop,
                          Segment **ret_segment) {
    if (b->slots.n > 0) {
        key_flush(b, true);
    }
    block_close(b);
    write_packed(b);
    TRY(b->err);
    size_t len = bloom_size(b->n_hashes);
    CLEANUP_FREE uint8_t *bloom = calloc(len, 1);
    if (bloom == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < b->n_hashes; i++) {
        bloom_put(bloom, len, b->hashes[i]);
    }
    return row_put(b, (Str){(const char *)bloom, len}, drop, n_drop, ret_segment);
}
