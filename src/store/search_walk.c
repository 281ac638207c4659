/* The candidates of all parts: intersection by leapfrog (Veldhuizen, "Leapfrog triejoin", 2014):
 * each iterator in turn jumps to the last candidate's place or beyond, until all agree. */
#include "store/search_int.h"

enum {
    FIRST_BATCH = 16, /* of a walk that may end soon; each is twice the one before */
    LEFT_MAX = 8,
    LEFT_READS = 16, /* before an expectation is called wrong */
};
/* Nanoseconds: a resource read and matched; a slot of a range listed. */
static const double COST_READ = 8000;
static const double COST_LIST = 60;

typedef struct PartWalk {
    Search *s;
    const IndexPart *part;
    SlotIter **with; /* positive clauses, smallest first */
    size_t n_with;
    SlotIter **without; /* negative clauses */
    size_t n_without;
    bool is_void;                 /* a positive clause has nothing here */
    bool is_loose;                /* clauses were left to the verification */
    const Clause *left[LEFT_MAX]; /* of those: to be opened when more was read than they cost */
    size_t n_left;
    double reads;    /* expected for the page, by what was left */
    size_t patience; /* s->work at which they are opened */
    bool asks;       /* a link is, too */
    uint32_t slots[SEARCH_BATCH];
    uint64_t sure[SEARCH_BATCH / 64];
    size_t n;
    WalkPut put;
    void *ctx;
} PartWalk;

/* ---- one part ---- */

/* Cheap clauses first: when one of them is empty the costly ones need not be filled. */
unsigned search_clause_cost(const Clause *c) {
    bool lists = c->n_slots > 0 || c->n_records > 0;
    return lists || c->n_ranges == 0 ? 0 : c->n_ranges == 1 && c->ranges[0].is_exact ? 1 : 2;
}

static void place_by_size(SlotIter **list, size_t n, SlotIter *it) {
    size_t at = n;
    for (; at > 0 && iter_estimate(list[at - 1]) > iter_estimate(it); at--) {
        list[at] = list[at - 1];
    }
    list[at] = it;
}

static ErrCode add_clause(PartWalk *w, const Clause *c) {
    SlotIter *it = NULL;
    TRY(iter_new(w->s, w->part, c, &it));
    if (it == NULL) {
        w->is_void = w->is_void || !c->is_negative;
    } else if (c->is_negative) {
        w->without[w->n_without++] = it;
    } else {
        place_by_size(w->with, w->n_with++, it);
    }
    return ERR_OK;
}

/* Of a batch that is asked about the records are many and what is meant in them is little: keys
 * that are looked up at once keep the rest from being read. */
static bool is_worth_opening(const Search *s, const Clause *c) {
    enum { FEW_KEYS = 8 };
    bool exact = s->is_narrowed && c->n_ranges <= FEW_KEYS;
    for (size_t i = 0; i < c->n_ranges && exact; i++) {
        exact = c->ranges[i].is_exact;
    }
    return exact;
}

static size_t count_type(const PartWalk *w) {
    KeyBuf k;
    key_head(&k, INDEX_TYPE, (unsigned)w->s->query->type, 0);
    KeyRange range = {.from = key_str(&k), .is_exact = true};
    return clause_estimate_keys(w->part, &(Clause){.ranges = &range, .n_ranges = 1});
}

/* Of a page few are wanted: a range that most resources meet costs more to list than the few
 * candidates that fail it cost to read. n: about how many it has here. Dates go with the order of
 * the records, so that chance often does not say where the matches are: who reads twice what was
 * expected was wrong. */
static bool is_better_left(PartWalk *w, const Clause *c, size_t n) {
    Search *s = w->s;
    size_t all = count_type(w);
    double share = n >= all ? 1 : ((double)n + 1) / ((double)all + 1);
    double before = w->n_left == 0 ? (double)s->wanted : w->reads;
    double reads = before / share;
    double list = (double)n * COST_LIST;
    if (w->n_left == LEFT_MAX || c->is_unsure || (reads - before) * COST_READ > list ||
        kept_has(w->part, c)) {
        return false;
    }
    w->reads = reads;
    w->patience = *s->work + (size_t)(2 * reads) + LEFT_READS;
    return true;
}

static size_t smallest_range(const PartWalk *w, const size_t *n, uint64_t open) {
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < w->s->n_clauses && i < FHIR_QUERY_TERMS; i++) {
        if ((open >> i & 1) != 0 && (least == SIZE_MAX || n[i] < n[least])) {
            least = i;
        }
    }
    return least;
}

/* The positive ranges of a page's search, the smallest first. */
static ErrCode open_ranges(PartWalk *w, uint64_t open) {
    size_t n[FHIR_QUERY_TERMS] = {0};
    for (size_t i = 0; i < w->s->n_clauses && i < FHIR_QUERY_TERMS; i++) {
        n[i] = (open >> i & 1) != 0 ? clause_estimate_keys(w->part, &w->s->clauses[i]) : 0;
    }
    for (size_t i = smallest_range(w, n, open); i != SIZE_MAX && !w->is_void;
         i = smallest_range(w, n, open)) {
        const Clause *c = &w->s->clauses[i];
        open &= ~(UINT64_C(1) << i);
        if (w->n_with > 0 && is_better_left(w, c, n[i])) {
            w->left[w->n_left++] = c;
            w->is_loose = true;
        } else {
            TRY(add_clause(w, c));
        }
    }
    return ERR_OK;
}

/* The wrong guess: the candidates fail what was left. */
static ErrCode open_left(PartWalk *w) {
    for (; w->n_left > 0 && !w->is_void; w->n_left--) {
        TRY(add_clause(w, w->left[w->n_left - 1]));
    }
    return ERR_OK;
}

/* Opens the clauses of one cost. With a patient's few records, or a few slots, in hand the other
 * clauses are left to the verification: reading those records costs less than their lists. */
static ErrCode open_level(PartWalk *w, unsigned level, bool negative) {
    enum { RANGES = 2 };
    bool is_page = w->s->wanted > 0 && level == RANGES && !negative;
    uint64_t ranges = 0;
    for (size_t i = 0; i < w->s->n_clauses && !w->is_void; i++) {
        const Clause *c = &w->s->clauses[i];
        if (search_clause_cost(c) != level || c->is_negative != negative) {
            continue;
        }
        if (w->n_with > 0 && iter_is_few(w->with[0]) && !is_worth_opening(w->s, c)) {
            w->is_loose = true;
        } else if (is_page && i < FHIR_QUERY_TERMS) {
            ranges |= UINT64_C(1) << i;
        } else {
            TRY(add_clause(w, c));
        }
    }
    return ranges == 0 ? ERR_OK : open_ranges(w, ranges);
}

static ErrCode open_clauses(PartWalk *w) {
    enum { LEVELS = 3 };
    for (unsigned level = 0; level < LEVELS; level++) {
        TRY(open_level(w, level, false));
    }
    for (unsigned level = 0; level < LEVELS; level++) { /* once there is what to take away from */
        TRY(open_level(w, level, true));
    }
    return ERR_OK;
}

/* Was a dead slot alive at the snapshot? A delete never was, though a version may have come after
 * it. */
static ErrCode was_alive(Search *s, const IndexView *view, Slot slot, bool *ret_was) {
    bool is_delete = false;
    bool was = false;
    TRY(index_died_after(view, s->query->type, slot, s->snapshot, &was));
    TRY(was && s->of_type ? search_is_delete(s, slot, &is_delete) : ERR_OK);
    *ret_was = was && !is_delete;
    return ERR_OK;
}

/* What killed a slot since the search began may stand in a tail that the search's view lacks, so
 * one taken after the marks is asked. */
ErrCode search_mark_dead(Search *s, const WalkBatch *batch, uint64_t *marks, size_t *ret_n) {
    *ret_n = dead_mark(s->index->dead, s->query->type,
                       &(DeadAsk){batch->base, batch->slots, batch->n}, marks);
    if (*ret_n == 0) {
        return ERR_OK;
    }
    CLEANUP_VIEW IndexView *view = index_view_take(s->index);
    for (size_t i = 0; i < batch->n; i++) {
        bool was = false;
        if ((marks[i / 64] >> (i % 64) & 1) != 0) {
            TRY(was_alive(s, view, batch->base + batch->slots[i], &was));
        }
        marks[i / 64] &= ~((uint64_t)was << (i % 64));
        *ret_n -= was;
        s->n_revived += was;
    }
    return ERR_OK;
}

/* Takes the dead ones out of the batch and hands it on. */
static ErrCode flush(PartWalk *w) {
    Search *s = w->s;
    Slot base = part_base(w->part);
    uint64_t dead[SEARCH_BATCH / 64];
    uint64_t sure[SEARCH_BATCH / 64] = {0};
    size_t n = w->n;
    size_t n_dead = 0;
    size_t kept = 0;
    memset(dead, 0, sizeof(dead));
    TRY(s->with_dead ? ERR_OK
                     : search_mark_dead(s, &(WalkBatch){base, w->slots, n, NULL}, dead, &n_dead));
    for (size_t i = 0; i < n; i++) {
        if ((dead[i / 64] >> (i % 64) & 1) != 0) {
            continue;
        }
        sure[kept / 64] |= (w->sure[i / 64] >> (i % 64) & 1) << (kept % 64);
        w->slots[kept++] = w->slots[i];
    }
    w->n = 0;
    memset(w->sure, 0, sizeof(w->sure));
    WalkBatch batch = {base, w->slots, kept, sure};
    s->batch = MIN(s->batch * 2, (size_t)SEARCH_BATCH);
    TRY(kept == 0 ? ERR_OK : search_link_batch(s, &batch));
    return kept == 0 ? ERR_OK : w->put(w->ctx, &batch);
}

static bool is_taken_away(PartWalk *w, uint32_t slot, bool *sure) {
    for (size_t i = 0; i < w->n_without; i++) {
        uint32_t at = 0;
        if (iter_ge(w->without[i], slot, &at) && at == slot) {
            if (iter_is_sure(w->without[i], slot)) {
                return true;
            }
            *sure = false; /* may be one of those to take away */
        }
    }
    return false;
}

static bool is_known(const Search *s, Slot slot) {
    size_t lo = 0;
    size_t hi = s->n_known;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->known[mid] == slot) {
            return true;
        }
        if (s->known[mid] < slot) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return false;
}

static ErrCode take(PartWalk *w, uint32_t slot) {
    bool sure = !w->s->is_unsure && !w->is_loose && !w->asks;
    if (is_known(w->s, part_base(w->part) + slot) || is_taken_away(w, slot, &sure)) {
        return ERR_OK;
    }
    for (size_t i = 0; i < w->n_with && sure; i++) {
        sure = iter_is_sure(w->with[i], slot);
    }
    w->sure[w->n / 64] |= (uint64_t)sure << (w->n % 64);
    w->slots[w->n++] = slot;
    return w->n >= w->s->batch ? flush(w) : ERR_OK;
}

/* The next slot at or behind `at`, in the walk's direction, on which all agree. */
static bool agree(PartWalk *w, uint32_t at, uint32_t *ret_slot) {
    bool up = w->s->ascending;
    size_t agreed = 0;
    for (size_t i = 0; agreed < w->n_with; i = (i + 1) % w->n_with) {
        uint32_t to = 0;
        if (!(up ? iter_ge(w->with[i], at, &to) : iter_le(w->with[i], at, &to))) {
            return false;
        }
        agreed = to == at ? agreed + 1 : 1;
        at = to;
    }
    *ret_slot = at;
    return true;
}

/* All candidates in [low, high). */
static ErrCode walk_slots(PartWalk *w, uint32_t low, uint32_t high) {
    bool up = w->s->ascending;
    uint32_t at = up ? low : high - 1;
    uint32_t slot = 0;
    while (agree(w, at, &slot) && slot >= low && slot < high) {
        TRY(take(w, slot));
        TRY(w->n_left > 0 && *w->s->work > w->patience ? open_left(w) : ERR_OK);
        if (w->is_void || (up ? slot + 1 >= high : slot == low)) {
            break;
        }
        at = up ? slot + 1 : slot - 1;
    }
    for (size_t i = 0; i < w->n_with; i++) {
        TRY(iter_error(w->with[i]));
    }
    for (size_t i = 0; i < w->n_without; i++) {
        TRY(iter_error(w->without[i]));
    }
    return w->n > 0 ? flush(w) : ERR_OK;
}

static void close_clauses(PartWalk *w) {
    for (size_t i = 0; i < w->n_with; i++) {
        iter_free(w->with[i]);
    }
    for (size_t i = 0; i < w->n_without; i++) {
        iter_free(w->without[i]);
    }
}

/* Cuts [low, high) to the part, relative to it; false when nothing is left. */
static bool cut(const Search *s, const IndexPart *p, Slot low, Slot high, uint32_t *ret_low,
                uint32_t *ret_high) {
    Slot base = part_base(p);
    Slot end = base + part_below(p, s->snapshot);
    Slot from = MAX(low, base);
    Slot to = MIN(high, end);
    if (from >= to) {
        return false;
    }
    *ret_low = (uint32_t)(from - base);
    *ret_high = (uint32_t)(to - base);
    return true;
}

static ErrCode walk_part(Search *s, const IndexPart *part, Slot low, Slot high, WalkPut put,
                         void *ctx) {
    PartWalk w = {.s = s, .part = part, .asks = search_links_ask(s), .put = put, .ctx = ctx};
    uint32_t from = 0;
    uint32_t to = 0;
    if (!cut(s, part, low, high, &from, &to)) {
        return ERR_OK;
    }
    w.with = calloc(s->n_clauses, sizeof(SlotIter *));
    w.without = calloc(s->n_clauses, sizeof(SlotIter *));
    ErrCode err = w.with == NULL || w.without == NULL ? ERR_NOMEM : open_clauses(&w);
    if (err == ERR_OK && !w.is_void) {
        err = walk_slots(&w, from, to);
    }
    close_clauses(&w);
    free(w.with);
    free(w.without);
    return err;
}

/* ---- all parts ---- */

ErrCode search_walk(Search *s, Slot after, WalkPut put, void *ctx) {
    Slot low = s->low;
    Slot high = s->high;
    if (after != 0) {
        low = s->ascending ? MAX(low, after + 1) : low;
        high = s->ascending ? high : MIN(high, after);
    }
    ErrCode err = ERR_OK;
    s->batch = s->wanted > 0 || search_links_ask(s) ? FIRST_BATCH : SEARCH_BATCH;
    for (size_t i = 0; i < s->view->n && err == ERR_OK && !s->is_empty; i++) {
        size_t at = s->ascending ? i : s->view->n - 1 - i;
        err = walk_part(s, &s->view->parts[at], low, high, put, ctx);
    }
    return err == ERR_STOPPED ? ERR_OK : err;
}

ErrCode search_walk_part(Search *s, const IndexPart *part, WalkPut put, void *ctx) {
    return walk_part(s, part, s->low, s->high, put, ctx);
}
