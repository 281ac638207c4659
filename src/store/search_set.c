/* Iterators over the slots of one clause in one part of the index. */
#include "store/search_int.h"

#include "core/limits.h"

typedef enum IterKind { ITER_SORTED, ITER_POSTING } IterKind;

struct SlotIter {
    IterKind kind;
    ErrCode err;
    /* ITER_SORTED: all slots; ITER_POSTING: those of the loaded block */
    SlotVec slots;
    size_t hint;   /* where the last answer stood */
    SlotVec maybe; /* of the slots: to be verified */
    bool all_maybe;
    /* ITER_POSTING: one exact key of a segment, blocks [lo, hi], loaded one by one */
    const Segment *segment;
    Str key;
    uint32_t lo, hi, loaded;
    /* records of which every slot may meet the clause */
    SlotVec records; /* relative record numbers */
};

/* ---- sorting ---- */

void slots_sort(uint32_t *slots, uint32_t *spare, size_t n) {
    enum { BITS = 11, BUCKETS = 1 << BITS, SMALL = 64 };
    if (n < SMALL) {
        for (size_t i = 1; i < n; i++) {
            uint32_t v = slots[i];
            size_t at = i;
            for (; at > 0 && slots[at - 1] > v; at--) {
                slots[at] = slots[at - 1];
            }
            slots[at] = v;
        }
        return;
    }
    uint32_t *from = slots;
    uint32_t *to = spare;
    for (unsigned shift = 0; shift < 32; shift += BITS) {
        size_t starts[BUCKETS + 1] = {0};
        for (size_t i = 0; i < n; i++) {
            starts[(from[i] >> shift & (BUCKETS - 1)) + 1]++;
        }
        for (size_t b = 0; b < BUCKETS; b++) {
            starts[b + 1] += starts[b];
        }
        for (size_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
        }
        uint32_t *t = from;
        from = to;
        to = t;
    }
    if (from != slots) { /* three passes: the result stands in spare */
        memcpy(slots, from, n * sizeof(*slots));
    }
}

static bool is_sorted(const SlotVec *v) {
    for (size_t i = 1; i < v->n; i++) {
        if (v->slots[i - 1] >= v->slots[i]) {
            return false;
        }
    }
    return true;
}

static ErrCode vec_sort_unique(SlotVec *v) {
    if (is_sorted(v)) {
        return ERR_OK;
    }
    CLEANUP_FREE uint32_t *spare = malloc(v->n * sizeof(*spare));
    if (spare == NULL) {
        return ERR_NOMEM;
    }
    slots_sort(v->slots, spare, v->n);
    size_t kept = 1;
    for (size_t i = 1; i < v->n; i++) {
        if (v->slots[i] != v->slots[kept - 1]) {
            v->slots[kept++] = v->slots[i];
        }
    }
    v->n = kept;
    return ERR_OK;
}

/* ---- filling from ranges ---- */

typedef struct Fill {
    SlotIter *it;
    const KeyRange *range;
    KeyVerdict verdict; /* of the key just taken */
} Fill;

static bool fill_take(void *ctx, Str key) {
    Fill *f = ctx;
    f->verdict = key_verdict(f->range, key);
    return f->verdict != KEY_NO;
}

static ErrCode vec_append(SlotVec *v, const uint32_t *slots, size_t n) {
    TRY(slot_vec_reserve(v, n));
    memcpy(v->slots + v->n, slots, n * sizeof(*slots));
    v->n += n;
    return ERR_OK;
}

static ErrCode fill_put(void *ctx, Str key, const uint32_t *slots, size_t n) {
    Fill *f = ctx;
    (void)key;
    return vec_append(f->verdict == KEY_YES ? &f->it->slots : &f->it->maybe, slots, n);
}

static ErrCode fill_exact_keys(const IndexPart *part, const Clause *c, uint32_t below,
                               SlotIter *it) {
    CLEANUP_FREE Str *keys = malloc((c->n_ranges + 1) * sizeof(*keys));
    if (keys == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < c->n_ranges;
         i++) { /* ascending; a wider range may stand between twins */
        Str key = c->ranges[i].from;
        if (c->ranges[i].is_exact && (n == 0 || !str_eq(keys[n - 1], key))) {
            keys[n++] = key;
        }
    }
    if (part->segment != NULL) {
        return segment_get_many(part->segment, keys, n, &it->slots);
    }
    for (size_t i = 0; i < n; i++) {
        TRY(part_get(part, keys[i], below, &it->slots));
    }
    return ERR_OK;
}

/* Takes out what the search's snapshot does not know: a segment gives all that it has. */
static void vec_cut(SlotVec *v, uint32_t below) {
    while (v->n > 0 && v->slots[v->n - 1] >= below) {
        v->n--;
    }
}

/* slots: sure ones and others; maybe: the others. */
static ErrCode join_maybe(SlotIter *it) {
    TRY(vec_sort_unique(&it->maybe));
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < it->maybe.n; i++) {
        while (at < it->slots.n && it->slots.slots[at] < it->maybe.slots[i]) {
            at++;
        }
        if (at == it->slots.n || it->slots.slots[at] != it->maybe.slots[i]) {
            it->maybe.slots[kept++] = it->maybe.slots[i];
        }
    }
    it->maybe.n = kept;
    if (kept > 0) {
        TRY(vec_append(&it->slots, it->maybe.slots, kept));
    }
    return vec_sort_unique(&it->slots);
}

static ErrCode fill_ranges(const IndexPart *part, const Clause *c, uint32_t below, SlotIter *it) {
    TRY(fill_exact_keys(part, c, below, it));
    for (size_t i = 0; i < c->n_ranges; i++) {
        const KeyRange *r = &c->ranges[i];
        if (!r->is_exact) {
            Fill f = {it, r, KEY_YES};
            TRY(part_scan(part, &(TailScan){.from = r->from,
                                            .to = r->to,
                                            .below = below,
                                            .take = fill_take,
                                            .put = fill_put,
                                            .ctx = &f}));
        }
    }
    TRY(vec_sort_unique(&it->slots));
    TRY(it->maybe.n == 0 ? ERR_OK : join_maybe(it));
    vec_cut(&it->slots, below);
    vec_cut(&it->maybe, below);
    return ERR_OK;
}

/* The clause's listed slots and records that lie in this part. */
static ErrCode fill_lists(const IndexPart *part, const Clause *c, uint32_t below, SlotIter *it) {
    for (size_t i = 0; i < c->n_slots; i++) {
        Slot base = part_base(part);
        if (c->slots[i] >= base && c->slots[i] - base < below) {
            uint32_t slot = (uint32_t)(c->slots[i] - base);
            TRY(vec_append(&it->slots, &slot, 1));
        }
    }
    TRY(vec_sort_unique(&it->slots));
    for (size_t i = 0; i < c->n_records; i++) {
        if (c->records[i] >= part->first && c->records[i] <= part->last) {
            uint32_t record = (uint32_t)(c->records[i] - part->first);
            TRY(vec_append(&it->records, &record, 1));
        }
    }
    return ERR_OK;
}

/* ---- making ---- */

bool clause_is_keys(const Clause *c) {
    return c->n_records == 0 && c->n_slots == 0 && !c->is_negative && !c->is_unsure;
}

bool clause_is_plain(const Clause *c) {
    return clause_is_keys(c) && c->n_ranges == 1 && c->ranges[0].is_exact;
}

static ErrCode open_posting(const IndexPart *part, const Clause *c, SlotIter *it) {
    it->kind = ITER_POSTING;
    it->segment = part->segment;
    it->key = c->ranges[0].from;
    it->loaded = UINT32_MAX;
    if (!segment_find(it->segment, it->key, &it->lo, &it->hi)) {
        it->kind = ITER_SORTED; /* nothing */
    }
    return ERR_OK;
}

/* Looks from where the walk begins, so that the block read here is the one that it needs. */
static bool iter_is_empty(const Search *s, SlotIter *it, uint32_t below) {
    uint32_t slot = 0;
    bool any = s->ascending ? iter_ge(it, 0, &slot) : below > 0 && iter_le(it, below - 1, &slot);
    return !any && it->err == ERR_OK;
}

ErrCode iter_new(Search *s, const IndexPart *part, const Clause *clause, SlotIter **ret_iter) {
    SlotIter *it = calloc(1, sizeof(*it));
    if (it == NULL) {
        return ERR_NOMEM;
    }
    uint32_t below = part_below(part, s->snapshot);
    it->all_maybe = clause->is_unsure;
    bool lazy = part->segment != NULL && clause->n_ranges == 1 && clause->ranges[0].is_exact &&
                clause->n_slots == 0;
    ErrCode err = lazy ? open_posting(part, clause, it) : fill_ranges(part, clause, below, it);
    if (err == ERR_OK) {
        err = fill_lists(part, clause, below, it);
    }
    if (err != ERR_OK) {
        iter_free(it);
        return err;
    }
    if (iter_is_empty(s, it, below)) {
        iter_free(TAKE(it));
    }
    *ret_iter = it;
    return ERR_OK;
}

void iter_free(SlotIter *it) {
    if (it != NULL) {
        slot_vec_release(&it->slots);
        slot_vec_release(&it->maybe);
        slot_vec_release(&it->records);
        free(it);
    }
}

ErrCode iter_error(const SlotIter *it) {
    return it->err;
}

bool iter_is_few(const SlotIter *it) {
    enum { FEW_SLOTS = 16, FEW_RECORDS = 64 };
    bool is_whole = it->kind == ITER_SORTED || it->lo == it->hi; /* else there are more blocks */
    return is_whole && it->slots.n <= FEW_SLOTS && it->records.n <= FEW_RECORDS;
}

bool iter_lists(const SlotIter *it, const SlotVec **ret_slots, const SlotVec **ret_maybe) {
    *ret_slots = &it->slots;
    *ret_maybe = &it->maybe;
    return it->kind == ITER_SORTED && it->records.n == 0 && !it->all_maybe;
}

size_t iter_estimate(const SlotIter *it) {
    enum { SLOTS_A_BLOCK = 1000, SLOTS_A_RECORD = 20 };
    size_t n =
        it->kind == ITER_POSTING ? (size_t)(it->hi - it->lo + 1) * SLOTS_A_BLOCK : it->slots.n;
    return n + it->records.n * SLOTS_A_RECORD;
}

/* ---- seeking ---- */

/* The number of slots < at, searched for from the hint outwards: neighbours are found at once. */
static size_t place(const SlotVec *v, size_t *hint, uint32_t at) {
    size_t lo = 0;
    size_t hi = v->n;
    size_t h = MIN(*hint, v->n);
    size_t step = 1;
    if (h < v->n && v->slots[h] < at) {
        for (lo = h + 1; lo < v->n && v->slots[lo] < at; step *= 2) {
            h = lo;
            lo = MIN(lo + step, v->n);
        }
        hi = lo;
        lo = h;
    } else {
        for (hi = h; h > 0 && v->slots[h - 1] >= at; step *= 2) {
            hi = h;
            h -= MIN(step, h);
        }
        lo = h;
        hi = MAX(hi, h);
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->slots[mid] < at) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *hint = lo;
    return lo;
}

/* The block of [lo, hi] where a slot <= at would stand: all but the first begin with the key. */
static uint32_t posting_block(const SlotIter *it, uint32_t at) {
    uint32_t lo = it->lo;
    uint32_t hi = it->hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo + 1) / 2;
        if (it->segment->first_slot[mid] <= at) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    return lo;
}

static bool posting_load(SlotIter *it, uint32_t block) {
    if (it->loaded == block) {
        return true;
    }
    it->slots.n = 0;
    it->hint = 0;
    it->loaded = block;
    it->err = segment_block_slots(it->segment, block, it->key, &it->slots);
    return it->err == ERR_OK;
}

static bool slots_le(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    if (it->kind == ITER_POSTING && !posting_load(it, posting_block(it, at))) {
        return false;
    }
    if (at == UINT32_MAX) {
        at--; /* no slot is that large */
    }
    size_t n = place(&it->slots, &it->hint, at + 1);
    if (n == 0) {
        return false;
    }
    *ret_slot = it->slots.slots[n - 1];
    return true;
}

static bool slots_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    uint32_t block = 0;
    if (it->kind == ITER_POSTING) {
        block = posting_block(it, at);
        if (!posting_load(it, block)) {
            return false;
        }
    }
    size_t n = place(&it->slots, &it->hint, at);
    if (n == it->slots.n && it->kind == ITER_POSTING && block < it->hi) {
        if (!posting_load(it, block + 1)) {
            return false;
        }
        n = 0;
    }
    if (n == it->slots.n) {
        return false;
    }
    *ret_slot = it->slots.slots[n];
    return true;
}

bool iter_le(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    uint32_t slot = 0;
    bool found = slots_le(it, at, &slot);
    size_t hint = it->records.n / 2;
    size_t n = it->records.n == 0 ? 0 : place(&it->records, &hint, at / STORE_RECORD_SLOTS + 1);
    if (n > 0) {
        uint32_t last = it->records.slots[n - 1] * STORE_RECORD_SLOTS + STORE_RECORD_SLOTS - 1;
        last = MIN(last, at);
        slot = found ? MAX(slot, last) : last;
        found = true;
    }
    *ret_slot = slot;
    return found && it->err == ERR_OK;
}

bool iter_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    uint32_t slot = 0;
    bool found = slots_ge(it, at, &slot);
    size_t hint = it->records.n / 2;
    size_t n = it->records.n == 0 ? 0 : place(&it->records, &hint, at / STORE_RECORD_SLOTS);
    if (n < it->records.n) {
        uint32_t first = MAX(it->records.slots[n] * STORE_RECORD_SLOTS, at);
        slot = found ? MIN(slot, first) : first;
        found = true;
    }
    *ret_slot = slot;
    return found && it->err == ERR_OK;
}

bool iter_is_sure(SlotIter *it, uint32_t slot) {
    if (it->all_maybe) {
        return false;
    }
    size_t hint = it->maybe.n / 2;
    if (it->maybe.n > 0) {
        size_t at = place(&it->maybe, &hint, slot);
        if (at < it->maybe.n && it->maybe.slots[at] == slot) {
            return false;
        }
    }
    uint32_t own = 0; /* through its record alone it only may match */
    return it->records.n == 0 || (slots_ge(it, slot, &own) && own == slot);
}
