#include "store/index_segment.h"

enum { BLOOM_LINE = 64, BLOOM_BITS_A_KEY = 10, BLOOM_PROBES = 7 };

/* ---- the Bloom filter ---- */

bool bloom_covers(Str key) {
    switch (key.len < INDEX_PREFIX_LEN ? 0 : key.ptr[0]) {
    case INDEX_CLIENT_ID:
    case INDEX_VERSION:
    case INDEX_PATIENT:
    case INDEX_SUPERSEDED:
        return true;
    case INDEX_VALUE:
        return ((uint8_t)key.ptr[3] << 8 | (uint8_t)key.ptr[4]) == FHIR_P_IDENTIFIER ||
               (uint8_t)key.ptr[3] >> 7 != 0; /* references: KEY_REFERENCE of index_key.h */
    default:
        return false;
    }
}

size_t bloom_size(size_t n_keys) {
    size_t lines = (n_keys * BLOOM_BITS_A_KEY + BLOOM_LINE * 8 - 1) / (BLOOM_LINE * 8);
    return MAX(lines, (size_t)1) * BLOOM_LINE;
}

/* The line (one cache line) of a key, and its first bit and step inside. */
static const uint8_t *line_of(const uint8_t *bloom, size_t len, uint64_t h, uint32_t *ret_step) {
    *ret_step = (uint32_t)(h * UINT64_C(0x9E3779B97F4A7C15) >> 40) | 1;
    return bloom + (size_t)((h >> 32) * (len / BLOOM_LINE) >> 32) * BLOOM_LINE;
}

void bloom_put(uint8_t *bloom, size_t len, uint64_t key_hash) {
    uint32_t step = 0;
    uint8_t *line = bloom + (line_of(bloom, len, key_hash, &step) - bloom);
    uint32_t bit = (uint32_t)key_hash;
    for (int i = 0; i < BLOOM_PROBES; i++, bit += step) {
        line[bit / 8 % BLOOM_LINE] |= (uint8_t)(1u << bit % 8);
    }
}

bool bloom_has(const uint8_t *bloom, size_t len, uint64_t key_hash) {
    uint32_t step = 0;
    const uint8_t *line = line_of(bloom, len, key_hash, &step);
    uint32_t bit = (uint32_t)key_hash;
    for (int i = 0; i < BLOOM_PROBES; i++, bit += step) {
        if ((line[bit / 8 % BLOOM_LINE] >> bit % 8 & 1) == 0) {
            return false;
        }
    }
    return true;
}

/* ---- loading ---- */

static void segment_free(Segment *s) {
    free(s->bloom);
    free(s->keys);
    free(s->key_at);
    free(s->first_slot);
    free(s->single);
    free(s->counted);
    free(s->repeats);
    free(s);
}

/* The directory: for each block key length, key, first slot, slots when it holds one key only; at
 * the end the heads with repeats. */
static ErrCode read_directory(Segment *s, Str text) {
    const uint8_t *at = (const uint8_t *)text.ptr;
    const uint8_t *end = at + text.len;
    uint32_t keys = 0;
    for (uint32_t b = 0; b < s->n_blocks; b++) {
        uint32_t len = 0;
        if (!vint_get(&at, end, &len) || len > INDEX_KEY_MAX || len > (size_t)(end - at)) {
            return ERR_CORRUPT;
        }
        s->key_at[b] = keys;
        memcpy(s->keys + keys, at, len);
        keys += len;
        at += len;
        if (!vint_get(&at, end, &s->first_slot[b]) || !vint_get(&at, end, &s->single[b])) {
            return ERR_CORRUPT;
        }
    }
    s->key_at[s->n_blocks] = keys;
    s->repeats_len = (size_t)(end - at);
    s->repeats = malloc(s->repeats_len + 1);
    if (s->repeats == NULL) {
        return ERR_NOMEM;
    }
    memcpy(s->repeats, at, s->repeats_len);
    return s->repeats_len % INDEX_PREFIX_LEN == 0 ? ERR_OK : ERR_CORRUPT;
}

bool segment_has_repeats(const Segment *s, Str key) {
    size_t lo = 0;
    size_t hi = s->repeats_len / INDEX_PREFIX_LEN;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = memcmp(s->repeats + mid * INDEX_PREFIX_LEN, key.ptr, INDEX_PREFIX_LEN);
        if (c == 0) {
            return true;
        }
        lo = c < 0 ? mid + 1 : lo;
        hi = c < 0 ? hi : mid;
    }
    return false;
}

ErrCode segment_load(const SegmentHome *home, const SegmentRow *row, Segment **ret_segment) {
    if (row->first > row->last || row->bloom.len == 0 || row->bloom.len % BLOOM_LINE != 0 ||
        row->n_blocks > row->directory.len) {
        return ERR_CORRUPT;
    }
    Segment *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    *s = (Segment){.home = home,
                   .id = row->id,
                   .level = row->level,
                   .first = row->first,
                   .last = row->last,
                   .n_blocks = row->n_blocks,
                   .n_keys = row->n_keys,
                   .n_slots = row->n_slots,
                   .n_bytes = row->n_bytes,
                   .bloom_len = row->bloom.len};
    atomic_init(&s->refs, 1);
    size_t n = (size_t)row->n_blocks + 1;
    s->bloom = aligned_alloc(BLOOM_LINE, row->bloom.len);
    s->keys = malloc(row->directory.len + 1);
    s->key_at = calloc(n, sizeof(uint32_t));
    s->first_slot = calloc(n, sizeof(uint32_t));
    s->single = calloc(n, sizeof(uint32_t));
    s->counted = calloc(n, sizeof(*s->counted));
    bool nomem = s->bloom == NULL || s->keys == NULL || s->key_at == NULL ||
                 s->first_slot == NULL || s->single == NULL || s->counted == NULL;
    ErrCode err = nomem ? ERR_NOMEM : read_directory(s, row->directory);
    if (err != ERR_OK) {
        segment_free(s);
        return err;
    }
    memcpy(s->bloom, row->bloom.ptr, row->bloom.len);
    *ret_segment = s;
    return ERR_OK;
}

Segment *segment_ref(Segment *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void segment_unref(Segment *s) {
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (atomic_load(&s->merged_away) && s->home->dropped != NULL) {
        s->home->dropped(s->home->ctx, s->id, s->n_blocks);
    }
    segment_free(s);
}

size_t segment_memory(const Segment *s) {
    return sizeof(*s) + s->bloom_len + s->key_at[s->n_blocks] + s->repeats_len +
           ((size_t)s->n_blocks + 1) * 4 * sizeof(uint32_t);
}

/* ---- one key ---- */

/* The number of blocks whose first key is < key (or <= key with or_equal). */
static uint32_t blocks_before(const Segment *s, Str key, bool or_equal) {
    uint32_t lo = 0;
    uint32_t hi = s->n_blocks;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(segment_key(s, mid), key);
        if (c < 0 || (or_equal && c == 0)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

bool segment_find(const Segment *s, Str key, uint32_t *ret_lo, uint32_t *ret_hi) {
    if (bloom_covers(key) && !bloom_has(s->bloom, s->bloom_len, hash64(key))) {
        return false;
    }
    uint32_t upto = blocks_before(s, key, true);
    if (upto == 0) {
        return false;
    }
    uint32_t before = blocks_before(s, key, false);
    *ret_lo = before == 0 ? 0 : before - 1;
    *ret_hi = upto - 1;
    return true;
}

ErrCode segment_block(const Segment *s, uint32_t b, bool keep, CacheBlock **ret_block) {
    return index_cache_get(s->home->cache, s->home->db, s->id, b, keep, ret_block);
}

static ErrCode append_slots(const BlockCursor *c, SlotVec *out) {
    TRY(slot_vec_reserve(out, c->n));
    TRY(block_slots(c, out->slots + out->n));
    out->n += c->n;
    return ERR_OK;
}

static ErrCode slots_of(const CacheBlock *b, Str key, SlotVec *out) {
    BlockCursor c;
    for (bool on = cache_block_find(b, key, &c); on;
         on = block_next(&c) && str_eq(block_key(&c), key)) {
        TRY(append_slots(&c, out));
    }
    return c.err;
}

ErrCode segment_block_slots(const Segment *s, uint32_t b, Str key, SlotVec *out) {
    CacheBlock *held = NULL;
    TRY(segment_block(s, b, true, &held));
    ErrCode err = slots_of(held, key, out);
    cache_block_unref(held);
    return err;
}

static ErrCode decoded_new(const Segment *s, uint32_t b, uint64_t id, Str key, CacheBlock **ret) {
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    TRY(segment_block_slots(s, b, key, &slots));
    CacheBlock *made = cache_block_new(id, slots.n * sizeof(uint32_t));
    if (made == NULL) {
        return ERR_NOMEM;
    }
    if (slots.n > 0) {
        memcpy(made->bytes, slots.slots, made->len);
    }
    *ret = index_cache_keep(s->home->decoded, made);
    return ERR_OK;
}

ErrCode segment_block_decoded(const Segment *s, uint32_t b, bool of_next, CacheBlock **ret_block) {
    uint64_t id = index_block_id(s->id, b) | (uint64_t)of_next << 63;
    *ret_block = index_cache_find(s->home->decoded, id);
    return *ret_block != NULL ? ERR_OK
                              : decoded_new(s, b, id, segment_key(s, b + of_next), ret_block);
}

ErrCode segment_get(const Segment *s, Str key, SlotVec *out) {
    uint32_t lo = 0;
    uint32_t hi = 0;
    if (!segment_find(s, key, &lo, &hi)) {
        return ERR_OK;
    }
    for (uint32_t b = lo; b <= hi; b++) {
        TRY(segment_block_slots(s, b, key, out));
    }
    return ERR_OK;
}

/* A block held while ascending keys are looked up in it. */
typedef struct Walk {
    const Segment *segment;
    CacheBlock *held;
    uint32_t block;
    BlockCursor at; /* stands on an entry that was read but is behind the last key */
    bool on_entry;
} Walk;

static ErrCode walk_to(Walk *w, uint32_t block) {
    if (w->held != NULL && w->block == block) {
        return ERR_OK;
    }
    cache_block_unref(TAKE(w->held));
    TRY(segment_block(w->segment, block, true, &w->held));
    w->block = block;
    w->at = block_cursor(cache_block_text(w->held));
    w->on_entry = false;
    return ERR_OK;
}

/* Appends key's slots of the held block and stops on the first entry behind it. */
static ErrCode walk_key(Walk *w, Str key, SlotVec *out) {
    while (w->on_entry || block_next(&w->at)) {
        w->on_entry = true;
        int order = str_cmp(block_key(&w->at), key);
        if (order > 0) {
            return ERR_OK;
        }
        if (order == 0) {
            TRY(append_slots(&w->at, out));
        }
        w->on_entry = false;
    }
    return w->at.err;
}

/* As segment_find, for a key behind one that stood in block `from` or before: looks near it first.
 */
static bool find_behind(const Segment *s, Str key, uint32_t from, uint32_t *ret_lo,
                        uint32_t *ret_hi) {
    if (from + 1 >= s->n_blocks || str_cmp(key, segment_key(s, from + 1)) >= 0) {
        return segment_find(s, key, ret_lo, ret_hi);
    }
    *ret_lo = *ret_hi = from;
    return !bloom_covers(key) || bloom_has(s->bloom, s->bloom_len, hash64(key));
}

ErrCode segment_get_many(const Segment *s, const Str *keys, size_t n, SlotVec *out) {
    Walk w = {.segment = s};
    ErrCode err = ERR_OK;
    uint32_t near = 0;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        uint32_t lo = 0;
        uint32_t hi = 0;
        assert(i == 0 || str_cmp(keys[i - 1], keys[i]) < 0);
        bool found =
            i == 0 ? segment_find(s, keys[i], &lo, &hi) : find_behind(s, keys[i], near, &lo, &hi);
        if (!found) {
            continue;
        }
        near = hi;
        for (uint32_t b = lo; b <= hi && err == ERR_OK; b++) {
            err = walk_to(&w, b);
            if (err == ERR_OK) {
                err = walk_key(&w, keys[i], out);
            }
        }
    }
    cache_block_unref(w.held);
    return err;
}

ErrCode segment_newest(const Segment *s, Str key, uint32_t *ret_slot) {
    uint32_t lo = 0;
    uint32_t hi = 0;
    if (!segment_find(s, key, &lo, &hi)) {
        return ERR_NOT_FOUND;
    }
    SlotVec slots = {0};
    ErrCode err = segment_block_slots(s, hi, key, &slots);
    if (err == ERR_OK && slots.n == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err == ERR_OK) {
        *ret_slot = slots.slots[slots.n - 1];
    }
    slot_vec_release(&slots);
    return err;
}

/* ---- ranges ---- */

uint32_t segment_block_of(const Segment *s, Str key) {
    uint32_t before = blocks_before(s, key, false);
    return before == 0 ? 0 : before - 1;
}

static uint64_t estimate_in(const Segment *s, uint32_t b, Str from, Str to) {
    CacheBlock *held = NULL;
    uint64_t n = 0;
    if (segment_block(s, b, true, &held) != ERR_OK) {
        return 0;
    }
    BlockCursor c = block_cursor(cache_block_text(held));
    while (block_next(&c) && str_cmp(block_key(&c), to) < 0) {
        n += str_cmp(block_key(&c), from) >= 0 ? c.n : 0;
    }
    cache_block_unref(held);
    return n;
}

static uint64_t count_block(const Segment *s, uint32_t b) {
    unsigned n = s->single[b];
    n = n > 0 ? n : atomic_load_explicit(&s->counted[b], memory_order_relaxed);
    if (n == 0) {
        n = (unsigned)estimate_in(s, b, STR_EMPTY, (Str){"\xFF", 1});
        atomic_store_explicit(&s->counted[b], n, memory_order_relaxed);
    }
    return n;
}

/* Of whole blocks in the middle of a range, by two of them: lists of common keys elsewhere in the
 * segment would make an average of all blocks useless. */
static uint64_t estimate_blocks(const Segment *s, uint32_t lo, uint32_t n) {
    return (count_block(s, lo + n / 4) + count_block(s, lo + n / 2 + n / 4)) * n / 2;
}

uint64_t segment_estimate(const Segment *s, Str from, Str to) {
    uint32_t upto = blocks_before(s, to, false);
    uint32_t before = blocks_before(s, from, false);
    uint32_t lo = before == 0 ? 0 : before - 1;
    if (upto > lo + 2) {
        return estimate_blocks(s, lo + 1, upto - lo - 1);
    }
    uint64_t n = 0;
    for (uint32_t b = lo; b < upto; b++) {
        n += estimate_in(s, b, from, to);
    }
    return n;
}

typedef struct ScanState {
    const TailScan *scan;
    SlotVec slots;
    bool begun, ended;
} ScanState;

static ErrCode scan_entry(ScanState *state, const BlockCursor *c) {
    const TailScan *scan = state->scan;
    if (!scan->take(scan->ctx, block_key(c))) {
        return ERR_OK;
    }
    const uint32_t *slots = &c->first;
    size_t n = c->n;
    if (n > 1) {
        state->slots.n = 0;
        TRY(append_slots(c, &state->slots));
        slots = state->slots.slots;
    }
    while (n > 0 && slots[n - 1] >= scan->below) {
        n--;
    }
    return n == 0 ? ERR_OK : scan->put(scan->ctx, block_key(c), slots, n);
}

/* may_end: the scan's end may stand in this block. */
static ErrCode scan_block(ScanState *state, Str block, bool may_end) {
    BlockCursor c = block_cursor(block);
    while (block_next(&c)) {
        if (may_end && str_cmp(block_key(&c), state->scan->to) >= 0) {
            state->ended = true;
            return ERR_OK;
        }
        state->begun = state->begun || str_cmp(block_key(&c), state->scan->from) >= 0;
        TRY(state->begun ? scan_entry(state, &c) : ERR_OK);
    }
    return c.err;
}

ErrCode segment_scan(const Segment *s, const TailScan *scan) {
    ScanState state = {.scan = scan};
    uint32_t before = blocks_before(s, scan->from, false);
    ErrCode err = ERR_OK;
    for (uint32_t b = before == 0 ? 0 : before - 1; b < s->n_blocks && err == ERR_OK; b++) {
        if (state.ended || str_cmp(segment_key(s, b), scan->to) >= 0) {
            break;
        }
        CacheBlock *held = NULL;
        err = segment_block(s, b, true, &held);
        if (err == ERR_OK) {
            bool is_last = b + 1 == s->n_blocks;
            bool may_end = is_last || str_cmp(segment_key(s, b + 1), scan->to) >= 0;
            err = scan_block(&state, cache_block_text(held), may_end);
            cache_block_unref(held);
        }
    }
    slot_vec_release(&state.slots);
    return err;
}

/* ---- everything ---- */

void segment_cursor_init(SegmentCursor *c, const Segment *s) {
    c->segment = s;
    c->held = NULL;
    c->next_block = 0;
    c->err = ERR_OK;
    c->entry = block_cursor(STR_EMPTY);
}

void segment_cursor_release(SegmentCursor *c) {
    cache_block_unref(TAKE(c->held));
}

bool segment_cursor_next(SegmentCursor *c) {
    while (c->err == ERR_OK && !block_next(&c->entry)) {
        if (c->entry.err != ERR_OK || c->next_block == c->segment->n_blocks) {
            c->err = c->entry.err;
            return false;
        }
        cache_block_unref(TAKE(c->held));
        c->err = segment_block(c->segment, c->next_block++, false, &c->held);
        if (c->err == ERR_OK) {
            c->entry = block_cursor(cache_block_text(c->held));
        }
    }
    return c->err == ERR_OK;
}
