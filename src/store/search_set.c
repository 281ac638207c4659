/* Iterators over the slots of one clause in one part of the index. */
#include "store/search_int.h"

#include "core/limits.h"

enum {
    LAZY_RANGES = 256, /* of a clause; of more all are read */
    LONG_KEYS = 64,    /* walked at once */
    LONG_BLOCKS = 2,   /* a key that reaches beyond so many more blocks is long */
};

typedef enum IterKind { ITER_SORTED, ITER_POSTING } IterKind;

struct SlotIter {
    IterKind kind;
    ErrCode err;
    SlotVec slots; /* ITER_SORTED: all of them */
    size_t hint;   /* where the last answer stood */
    SlotVec maybe; /* of the slots: to be verified */
    bool all_maybe;
    /* ITER_POSTING: one exact key of a segment, blocks [lo, hi], loaded one by one */
    const Segment *segment;
    Str key;
    uint32_t lo, hi, loaded;
    CacheBlock *held; /* the loaded one's slots of the key, or NULL: they are own */
    SlotVec own;      /* of a key that one block may hold */
    SlotVec lent;     /* held's or own */
    /* records of which every slot may meet the clause */
    SlotVec records; /* relative record numbers */
    /* ITER_SORTED: further keys, too long to be read whole (ITER_POSTING each), and their places */
    SlotIter **more;
    size_t n_more;
    uint32_t asked, answer; /* of the last le or ge: between them the answer is the same */
    enum { MEMO_NONE, MEMO_LE, MEMO_GE } memo;
    bool memo_found;
};

/* The first place in an ascending list whose value is not below `value`. */
static size_t lower_bound(const uint64_t *list, size_t n, uint64_t value) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list[mid] < value) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* The clause's listed slots and records that lie in this part. */
static ErrCode fill_lists(const IndexPart *part, const Clause *c, uint32_t below, SlotIter *it) {
    Slot base = part_base(part);
    for (size_t i = lower_bound(c->slots, c->n_slots, base);
         i < c->n_slots && c->slots[i] - base < below; i++) {
        uint32_t slot = (uint32_t)(c->slots[i] - base);
        TRY(slot_vec_append(&it->slots, &slot, 1));
    }
    TRY(slot_vec_sort(&it->slots));
    for (size_t i = lower_bound(c->records, c->n_records, part->first);
         i < c->n_records && c->records[i] <= part->last; i++) {
        uint32_t record = (uint32_t)(c->records[i] - part->first);
        TRY(slot_vec_append(&it->records, &record, 1));
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

static void open_posting(const IndexPart *part, Str key, SlotIter *it) {
    it->kind = ITER_POSTING;
    it->segment = part->segment;
    it->key = key;
    it->loaded = UINT32_MAX;
    if (!segment_find(it->segment, it->key, &it->lo, &it->hi)) {
        it->kind = ITER_SORTED; /* nothing */
    }
}

/* Takes the keys whose slots fill several blocks out of the ranges: a page reads but the blocks
 * where it is. */
static ErrCode open_long_keys(const IndexPart *part, const Clause *c, SlotIter *it, Clause *rest) {
    it->more = calloc(LONG_KEYS, sizeof(*it->more));
    rest->ranges = malloc(c->n_ranges * sizeof(KeyRange));
    if (it->more == NULL || rest->ranges == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < c->n_ranges; i++) {
        uint32_t lo = 0;
        uint32_t hi = 0;
        const KeyRange *r = &c->ranges[i];
        bool is_long = r->is_exact && it->n_more < LONG_KEYS &&
                       segment_find(part->segment, r->from, &lo, &hi) && hi - lo >= LONG_BLOCKS;
        if (!is_long) {
            rest->ranges[rest->n_ranges++] = *r;
            continue;
        }
        SlotIter *one = calloc(1, sizeof(*one));
        if (one == NULL) {
            return ERR_NOMEM;
        }
        it->more[it->n_more++] = one;
        open_posting(part, r->from, one);
    }
    return ERR_OK;
}

static ErrCode open_keys(Search *s, const IndexPart *part, const Clause *c, SlotIter *it) {
    bool lazy =
        s->is_lazy && part->segment != NULL && c->n_ranges > 1 && c->n_ranges <= LAZY_RANGES;
    if (!lazy) {
        return search_fill(s, part, c, &it->slots, &it->maybe);
    }
    Clause rest = *c;
    rest.ranges = NULL;
    rest.n_ranges = 0;
    ErrCode err = open_long_keys(part, c, it, &rest);
    if (err == ERR_OK) {
        err = search_fill(s, part, &rest, &it->slots, &it->maybe);
    }
    free(rest.ranges);
    return err;
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
    ErrCode err = ERR_OK;
    if (lazy) {
        open_posting(part, clause->ranges[0].from, it);
    } else {
        err = open_keys(s, part, clause, it);
    }
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
        cache_block_unref(it->held);
        slot_vec_release(&it->own);
        for (size_t i = 0; i < it->n_more; i++) {
            iter_free(it->more[i]);
        }
        free(it->more);
        free(it);
    }
}

ErrCode iter_error(const SlotIter *it) {
    return it->err;
}

/* The list, or what the loaded block has. */
static const SlotVec *at_hand(const SlotIter *it) {
    return it->kind == ITER_POSTING ? &it->lent : &it->slots;
}

bool iter_is_few(const SlotIter *it) {
    enum { FEW_SLOTS = 16, FEW_RECORDS = 64 };
    bool is_whole = it->n_more == 0 && (it->kind == ITER_SORTED || it->lo == it->hi);
    return is_whole && at_hand(it)->n <= FEW_SLOTS && it->records.n <= FEW_RECORDS;
}

bool iter_lists(const SlotIter *it, const SlotVec **ret_slots, const SlotVec **ret_maybe) {
    *ret_slots = &it->slots;
    *ret_maybe = &it->maybe;
    return it->kind == ITER_SORTED && it->records.n == 0 && !it->all_maybe && it->n_more == 0;
}

size_t iter_estimate(const SlotIter *it) {
    enum { SLOTS_A_BLOCK = 1000, SLOTS_A_RECORD = 20 };
    size_t n =
        it->kind == ITER_POSTING ? (size_t)(it->hi - it->lo + 1) * SLOTS_A_BLOCK : it->slots.n;
    for (size_t i = 0; i < it->n_more; i++) {
        n += iter_estimate(it->more[i]);
    }
    return n + it->records.n * SLOTS_A_RECORD;
}

ErrCode iter_count(const SlotIter *it, uint64_t *ret_n) {
    uint64_t n = 0;
    assert(it->n_more == 0);
    TRY(it->kind == ITER_POSTING ? segment_count(it->segment, it->key, &n) : ERR_OK);
    *ret_n = n + it->slots.n + it->records.n;
    return ERR_OK;
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

/* A list that reaches into several blocks is decoded once for all searches. */
static ErrCode load_slots(SlotIter *it, uint32_t block) {
    if (it->lo == it->hi) {
        it->own.n = 0;
        TRY(segment_block_slots(it->segment, block, it->key, &it->own));
        it->lent = it->own;
        return ERR_OK;
    }
    TRY(segment_block_decoded(it->segment, block, block == it->lo, &it->held));
    it->lent.slots = (uint32_t *)(void *)it->held->bytes;
    it->lent.n = it->held->len / sizeof(uint32_t);
    return ERR_OK;
}

static bool posting_load(SlotIter *it, uint32_t block) {
    if (it->loaded == block) {
        return true;
    }
    cache_block_unref(TAKE(it->held));
    it->lent.n = 0;
    it->hint = 0;
    it->loaded = block;
    it->err = load_slots(it, block);
    return it->err == ERR_OK;
}

static bool own_le(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    if (it->kind == ITER_POSTING && !posting_load(it, posting_block(it, at))) {
        return false;
    }
    if (at == UINT32_MAX) {
        at--; /* no slot is that large */
    }
    const SlotVec *slots = at_hand(it);
    size_t n = place(slots, &it->hint, at + 1);
    if (n == 0) {
        return false;
    }
    *ret_slot = slots->slots[n - 1];
    return true;
}

static bool own_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    uint32_t block = 0;
    if (it->kind == ITER_POSTING) {
        block = posting_block(it, at);
        if (!posting_load(it, block)) {
            return false;
        }
    }
    size_t n = place(at_hand(it), &it->hint, at);
    if (n == at_hand(it)->n && it->kind == ITER_POSTING && block < it->hi) {
        if (!posting_load(it, block + 1)) {
            return false;
        }
        n = 0;
    }
    if (n == at_hand(it)->n) {
        return false;
    }
    *ret_slot = at_hand(it)->slots[n];
    return true;
}

/* A long key's answer; a walk asks the same one again and again while other keys move on. */
static bool more_le(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    bool known = it->memo == MEMO_LE && at <= it->asked && (!it->memo_found || it->answer <= at);
    if (!known) {
        it->memo_found = own_le(it, at, &it->answer);
        it->memo = MEMO_LE;
        it->asked = at;
    }
    *ret_slot = it->answer;
    return it->memo_found;
}

static bool more_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    bool known = it->memo == MEMO_GE && at >= it->asked && (!it->memo_found || it->answer >= at);
    if (!known) {
        it->memo_found = own_ge(it, at, &it->answer);
        it->memo = MEMO_GE;
        it->asked = at;
    }
    *ret_slot = it->answer;
    return it->memo_found;
}

static bool slots_le(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    bool found = own_le(it, at, ret_slot);
    for (size_t i = 0; i < it->n_more; i++) {
        uint32_t slot = 0;
        if (more_le(it->more[i], at, &slot)) {
            *ret_slot = found ? MAX(*ret_slot, slot) : slot;
            found = true;
        }
        it->err = it->more[i]->err != ERR_OK ? it->more[i]->err : it->err;
    }
    return found;
}

static bool slots_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot) {
    bool found = own_ge(it, at, ret_slot);
    for (size_t i = 0; i < it->n_more; i++) {
        uint32_t slot = 0;
        if (more_ge(it->more[i], at, &slot)) {
            *ret_slot = found ? MIN(*ret_slot, slot) : slot;
            found = true;
        }
        it->err = it->more[i]->err != ERR_OK ? it->more[i]->err : it->err;
    }
    return found;
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
