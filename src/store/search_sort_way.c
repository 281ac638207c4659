/* How a sorted page is made: by estimated cost. Three ways:
 *
 * read all       list the candidates, decode each
 * keys, listed   list the candidates, walk the keys of the first sort, look each slot up in the
 * list keys, asked    walk the keys, ask each slot in turn: lists of single keys by a seek, else
 * decoded
 *
 * Listing costs with the number of candidates, so it grows with the data; asking costs what lies
 * between two matches in the order of the keys, which does not. Estimates take clauses and order to
 * be independent. When they are not, and asking has read more than was expected, the candidates are
 * listed after all and the walk goes on in the list: a wrong guess costs about twice. */
#include "store/search_sort_int.h"

enum {
    LIST_MAX = 256 * 1024, /* candidates; more are a good part of all */
    FEW_READS = 32,        /* are asked before an estimate is called wrong */
    FORCED_READS = 7,
    SEEK_RANGES = 4, /* of a clause whose lists are asked */
};

/* Nanoseconds, of one: */
static const double COST_READ = 15000; /* resource decoded and matched */
static const double COST_SEEK = 1500;  /* slot looked up in the list of one key */
static const double COST_SCAN = 100;   /* value met in the order of the keys */
static const double COST_LIST = 40;    /* candidate listed, of one clause */
static const double COST_WALK = 50000; /* the walk's first window */

/* ---- the list ---- */

static ErrCode list_put(void *ctx, const WalkBatch *batch) {
    SortRun *r = ctx;
    if (r->n_set + batch->n > r->set_max) {
        size_t max = MAX(r->set_max * 2, (size_t)4 * SEARCH_BATCH);
        Slot *set = max > LIST_MAX ? NULL : realloc(r->set, max * sizeof(*set));
        r->is_overfull = max > LIST_MAX;
        if (set == NULL) {
            return r->is_overfull ? ERR_STOPPED : ERR_NOMEM;
        }
        r->set = set;
        r->set_max = max;
    }
    for (size_t i = 0; i < batch->n; i++) {
        Slot slot = batch->base + batch->slots[i];
        r->n_records += r->n_set == 0 || SLOT_RECORD(slot) != SLOT_RECORD(r->set[r->n_set - 1]);
        r->set[r->n_set++] = slot;
    }
    return ERR_OK;
}

static uint64_t sieve_at(const SortRun *r, Slot slot) {
    return slot * UINT64_C(0x9E3779B97F4A7C15) >> r->sieve_shift;
}

/* Most slots that are asked for are not listed: one look at a bit says so of most of them. */
static ErrCode make_sieve(SortRun *r) {
    enum { BITS_A_SLOT = 16 };
    r->sieve_shift = 58; /* one word */
    while ((UINT64_C(1) << (64 - r->sieve_shift)) < r->n_set * BITS_A_SLOT) {
        r->sieve_shift--;
    }
    r->sieve = calloc((size_t)1 << (58 - r->sieve_shift), sizeof(*r->sieve));
    for (size_t i = 0; i < r->n_set && r->sieve != NULL; i++) {
        uint64_t at = sieve_at(r, r->set[i]);
        r->sieve[at / 64] |= UINT64_C(1) << (at % 64);
    }
    return r->sieve == NULL ? ERR_NOMEM : ERR_OK;
}

/* The only clause is keys: their lists, one behind the other, are the candidates. */
static ErrCode list_keys(SortRun *r, const IndexPart *part) {
    Search *s = r->s;
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    CLEANUP(slot_vec_release) SlotVec maybe = {0};
    Slot base = part_base(part);
    TRY(search_fill(s, part, &s->clauses[0], &slots, &maybe));
    size_t end = slots.n;
    size_t at = 0;
    while (end > 0 && base + slots.slots[end - 1] >= s->high) {
        end--;
    }
    while (at < end && base + slots.slots[at] < s->low) {
        at++;
    }
    for (size_t n = 0; at < end; at += n) {
        n = MIN(end - at, (size_t)SEARCH_BATCH);
        TRY(list_put(r, &(WalkBatch){base, slots.slots + at, n, NULL}));
    }
    return ERR_OK;
}

static ErrCode list_walk(SortRun *r) {
    r->s->with_dead = r->s->n_links == 0; /* asked for those that the page comes to */
    ErrCode err = search_walk(r->s, 0, list_put, r);
    r->s->with_dead = false;
    for (size_t i = 0, n = r->n_set; i < n / 2 && !r->s->ascending; i++) {
        Slot t = r->set[i];
        r->set[i] = r->set[n - 1 - i];
        r->set[n - 1 - i] = t;
    }
    return err;
}

/* Ascending, whole; or is_overfull. */
static ErrCode make_list(SortRun *r) {
    const Search *s = r->s;
    bool by_keys = s->n_clauses == 1 && clause_is_keys(&s->clauses[0]) && s->n_links == 0 &&
                   s->n_known == 0 && !s->of_type;
    r->n_set = r->n_records = 0;
    ErrCode err = by_keys ? ERR_OK : list_walk(r);
    for (size_t i = 0; i < s->view->n && by_keys && err == ERR_OK; i++) {
        err = list_keys(r, &s->view->parts[i]);
    }
    TRY(err == ERR_STOPPED ? ERR_OK : err);
    r->is_listed = !r->is_overfull;
    return r->is_listed ? make_sieve(r) : ERR_OK;
}

bool sort_is_listed(const SortRun *r, Slot slot) {
    const Slot *at = r->set;
    uint64_t bit = sieve_at(r, slot);
    if ((r->sieve[bit / 64] >> (bit % 64) & 1) == 0) {
        return false;
    }
    for (size_t n = r->n_set; n > 1;) {
        size_t half = n / 2;
        at = at[half] <= slot ? at + half : at;
        n -= half;
    }
    return r->n_set > 0 && *at == slot;
}

/* ---- asking ---- */

/* Its lists, of all parts, once they were needed. */
typedef struct SortSeek {
    Clause one[SEEK_RANGES]; /* each with one key */
    unsigned n;
    SlotIter **its; /* of part p, key k: its[p * n + k] */
    bool *is_open;
} SortSeek;

static bool can_seek(const Clause *c) {
    bool can = clause_is_keys(c) && c->n_ranges <= SEEK_RANGES;
    for (size_t i = 0; i < c->n_ranges && can; i++) {
        can = c->ranges[i].is_exact;
    }
    return can;
}

static ErrCode seeks_init(SortRun *r) {
    const Search *s = r->s;
    r->seeks = arena_calloc(s->plan_arena, s->n_clauses, sizeof(SortSeek));
    if (r->seeks == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < s->n_clauses; i++) {
        const Clause *c = &s->clauses[i];
        if (!can_seek(c) || s->of_type) {
            continue;
        }
        SortSeek *seek = &r->seeks[r->n_seeks++];
        seek->n = (unsigned)c->n_ranges;
        for (unsigned k = 0; k < seek->n; k++) {
            seek->one[k] = (Clause){.ranges = &c->ranges[k], .n_ranges = 1};
        }
        seek->its = arena_calloc(s->plan_arena, s->view->n * seek->n, sizeof(SlotIter *));
        seek->is_open = arena_calloc(s->plan_arena, s->view->n * seek->n, sizeof(bool));
        if (seek->its == NULL || seek->is_open == NULL) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

void sort_release(SortRun *r) {
    for (size_t i = 0; i < r->n_seeks; i++) {
        const SortSeek *seek = &r->seeks[i];
        for (size_t k = 0; k < r->s->view->n * seek->n && seek->its != NULL; k++) {
            iter_free(seek->its[k]);
        }
    }
    free(r->set);
    free(r->sieve);
}

static ErrCode seek(const SortRun *r, const SortSeek *seek, Slot slot, bool *ret_has) {
    size_t part = r->s->view->n - 1;
    bool has = false;
    while (part > 0 && part_base(&r->s->view->parts[part]) > slot) {
        part--;
    }
    const IndexPart *p = &r->s->view->parts[part];
    uint32_t at = (uint32_t)(slot - part_base(p));
    for (size_t k = 0; k < seek->n && !has; k++) {
        SlotIter **it = &seek->its[part * seek->n + k];
        uint32_t found = 0;
        if (!seek->is_open[part * seek->n + k]) {
            TRY(iter_new(r->s, p, &seek->one[k], it));
            seek->is_open[part * seek->n + k] = true;
        }
        has = *it != NULL && iter_ge(*it, at, &found) && found == at;
        TRY(*it == NULL ? ERR_OK : iter_error(*it));
    }
    *ret_has = has;
    return ERR_OK;
}

bool sort_is_live(const SortRun *r, Slot slot) {
    return index_is_live(r->s->index, r->s->query->type, slot, r->s->snapshot);
}

ErrCode sort_ask(SortRun *r, Slot slot, bool *ret_may) {
    const Search *s = r->s;
    r->n_looked += !r->is_listed;
    *ret_may = slot >= s->low && slot < s->high;
    if (*ret_may && !r->is_listed && !r->is_overfull && r->n_asked >= r->patience) {
        TRY(make_list(r));
    }
    if (!*ret_may || r->is_listed) {
        *ret_may = *ret_may && sort_is_listed(r, slot) && sort_is_live(r, slot);
        return ERR_OK;
    }
    for (size_t i = 0; i < r->n_seeks && *ret_may; i++) {
        TRY(seek(r, &r->seeks[i], slot, ret_may));
    }
    *ret_may = *ret_may && sort_is_live(r, slot);
    r->n_asked += *ret_may;
    return ERR_OK;
}

/* ---- costs ---- */

typedef struct SortCosts {
    double ask, list;
    double reads; /* by asking */
} SortCosts;

static double share_of(double n, double whole) {
    return whole <= 0 || n > whole ? 1 : n / whole;
}

static double count_type(const Search *s) {
    KeyBuf from;
    key_head(&from, INDEX_TYPE, (unsigned)s->query->type, 0);
    KeyBuf to = from;
    key_byte(&to, 0);
    KeyRange range = {.from = key_str(&from), .to = key_str(&to), .is_exact = true};
    return (double)clause_estimate(s, &(Clause){.ranges = &range, .n_ranges = 1});
}

static double count_values(const Search *s) {
    KeyBuf low;
    KeyBuf high;
    sort_key_bounds(s, &low, &high);
    KeyRange range = {.from = key_str(&low), .to = key_str(&high)};
    return (double)clause_estimate(s, &(Clause){.ranges = &range, .n_ranges = 1});
}

/* Values met in the order of the keys until the page is full. */
static double looks(const SortRun *r, double n_matches) {
    double want = (double)r->count + 1;
    return n_matches <= want ? r->n_values : r->n_values * want / n_matches;
}

static double cost_of_walk(const SortRun *r, double n_matches) {
    return COST_WALK + COST_SCAN * looks(r, n_matches) +
           COST_READ * MIN((double)r->count + 1, n_matches);
}

static bool is_whole_type(const Search *s) {
    return s->of_type && s->n_clauses == 1 && s->low <= SLOT_OF(1, 0);
}

/* Of the first page; a resource's values have nothing to do with one another. */
static SortCosts estimate(SortRun *r) {
    const Search *s = r->s;
    double span = share_of((double)(s->high - s->low), (double)SLOT_OF(s->snapshot + 1, 0));
    double listed = 0;
    double asked = 1; /* what the lists of single keys let through */
    r->n_type = count_type(s);
    r->n_values = count_values(s);
    r->n_matches = r->n_type * span;
    for (size_t i = 0; i < s->n_clauses; i++) {
        const Clause *c = &s->clauses[i];
        double n = (double)clause_estimate(s, c);
        listed += n * span;
        if (!c->is_negative) {
            r->n_matches *= share_of(n, r->n_type);
            asked *= can_seek(c) ? share_of(n, r->n_type) : 1;
        }
    }
    r->n_looks = looks(r, r->n_matches);
    SortCosts costs = {.reads = r->n_looks * asked};
    costs.ask = COST_WALK + r->n_looks * (COST_SCAN + COST_SEEK) + costs.reads * COST_READ;
    costs.list = COST_LIST * listed + MIN(COST_READ * r->n_matches, cost_of_walk(r, r->n_matches));
    return costs;
}

/* The list's resources: of a record that a clause names whole, each slot is a candidate. */
static double count_listed(const SortRun *r) {
    const Search *s = r->s;
    bool by_record = false;
    for (size_t i = 0; i < s->n_clauses; i++) {
        by_record = by_record || s->clauses[i].n_records > 0;
    }
    double n = (double)r->n_set;
    double of_type = (double)r->n_records * MAX(1, r->n_type / (double)s->snapshot);
    return by_record ? MIN(n, of_type) : n;
}

static StoreSortWay choose_listed(SortRun *r) {
    double n = count_listed(r);
    bool is_few = COST_READ * n <= cost_of_walk(r, n);
    r->n_looks = is_few ? n : looks(r, n);
    return r->is_overfull ? SORT_KEYS_ASK : is_few ? SORT_READ_ALL : SORT_KEYS_LIST;
}

ErrCode sort_choose(SortRun *r, StoreSortWay *ret_way) {
    const Search *s = r->s;
    StoreSortWay way = r->by_keys ? s->limits.sort_way : SORT_READ_ALL;
    r->patience = SIZE_MAX;
    if (!r->by_keys) {
        *ret_way = way;
        return ERR_OK;
    }
    SortCosts costs = estimate(r);
    if (way == SORT_KEYS_TURNS) {
        way = SORT_KEYS_ASK;
        r->patience = FORCED_READS;
    } else if (way == SORT_BY_COST && s->n_links == 0 && costs.ask < costs.list) {
        way = SORT_KEYS_ASK;
        r->patience = is_whole_type(s) ? SIZE_MAX : FEW_READS + (size_t)(2 * costs.reads);
    }
    if (way != SORT_KEYS_ASK) {
        TRY(make_list(r));
        way = way == SORT_BY_COST || r->is_overfull ? choose_listed(r) : way;
    }
    *ret_way = way;
    return way == SORT_KEYS_ASK ? seeks_init(r) : ERR_OK;
}
