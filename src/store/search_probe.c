/* A search's clauses asked about single places: the first candidate in a span of one record. Parts
 * are opened as they are asked about and stay open, so that a question costs a seek in each clause,
 * however much the clauses hold. */
#include "store/search_link_int.h"

typedef struct PartProbe {
    SlotIter **with, **without; /* NULL: not opened */
    size_t n_with, n_without;
    bool is_void; /* a positive clause has nothing here */
} PartProbe;

struct SearchProbe {
    Search s;
    PartProbe *parts;
    size_t n_parts; /* the view may be gone when the arena is freed */
};

static void probe_free(void *probe) {
    SearchProbe *p = probe;
    for (size_t i = 0; i < p->n_parts; i++) {
        PartProbe *one = &p->parts[i];
        for (size_t k = 0; k < one->n_with; k++) {
            iter_free(one->with[k]);
        }
        for (size_t k = 0; k < one->n_without; k++) {
            iter_free(one->without[k]);
        }
    }
}

bool probe_fits(const Search *s) {
    return s->n_links == 0;
}

ErrCode probe_new(const Search *s, SearchProbe **ret) {
    assert(probe_fits(s));
    SearchProbe *p = arena_new_array(s->plan_arena, SearchProbe, 1);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    p->s = *s;
    p->s.is_lazy = true;
    p->s.ascending = false;
    p->n_parts = s->view->n;
    p->parts = arena_new_array(s->plan_arena, PartProbe, p->n_parts);
    bool kept = p->parts != NULL && arena_defer(s->plan_arena, probe_free, p);
    *ret = p;
    return kept ? ERR_OK : ERR_NOMEM;
}

static ErrCode open_part(SearchProbe *p, size_t at) {
    Search *s = &p->s;
    PartProbe *one = &p->parts[at];
    one->with = arena_new_array(s->plan_arena, SlotIter *, s->n_clauses + 1);
    one->without = arena_new_array(s->plan_arena, SlotIter *, s->n_clauses + 1);
    if (one->with == NULL || one->without == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < s->n_clauses && !one->is_void; i++) {
        const Clause *c = &s->clauses[i];
        SlotIter *it = NULL;
        TRY(iter_new(s, &s->view->parts[at], c, &it));
        if (it == NULL) {
            one->is_void = !c->is_negative;
        } else if (c->is_negative) {
            one->without[one->n_without++] = it;
        } else {
            one->with[one->n_with++] = it;
        }
    }
    return ERR_OK;
}

static bool is_taken_away(const PartProbe *one, uint32_t slot) {
    for (size_t i = 0; i < one->n_without; i++) {
        uint32_t at = 0;
        if (iter_ge(one->without[i], slot, &at) && at == slot &&
            iter_is_sure(one->without[i], slot)) {
            return true;
        }
    }
    return false;
}

/* The first slot at or behind `at` on which the positive clauses agree. */
static bool agree(const PartProbe *one, uint32_t at, uint32_t *ret_slot) {
    size_t agreed = 0;
    for (size_t i = 0; agreed < one->n_with; i = (i + 1) % one->n_with) {
        uint32_t to = 0;
        if (!iter_ge(one->with[i], at, &to)) {
            return false;
        }
        agreed = to == at ? agreed + 1 : 1;
        at = to;
    }
    *ret_slot = at;
    return one->n_with > 0;
}

static ErrCode probe_error(const PartProbe *one) {
    for (size_t i = 0; i < one->n_with; i++) {
        TRY(iter_error(one->with[i]));
    }
    for (size_t i = 0; i < one->n_without; i++) {
        TRY(iter_error(one->without[i]));
    }
    return ERR_OK;
}

/* The part of the record, or view->n. */
static size_t part_of(const IndexView *view, RecordNo record) {
    size_t lo = 0;
    size_t hi = view->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (view->parts[mid].last < record) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < view->n && view->parts[lo].first <= record ? lo : view->n;
}

ErrCode probe_next(SearchProbe *p, Slot from, Slot last, Slot *ret) {
    const Search *s = &p->s;
    *ret = 0;
    from = MAX(from, s->low);
    last = MIN(last, s->high - 1);
    size_t at = part_of(s->view, SLOT_RECORD(from));
    if (from > last || at == s->view->n || s->is_empty) {
        return ERR_OK;
    }
    PartProbe *one = &p->parts[at];
    Slot base = part_base(&s->view->parts[at]);
    TRY(one->with == NULL ? open_part(p, at) : ERR_OK);
    uint32_t slot = 0;
    bool found = !one->is_void && agree(one, (uint32_t)(from - base), &slot);
    while (found && base + slot <= last && is_taken_away(one, slot)) {
        found = agree(one, slot + 1, &slot);
    }
    *ret = found && base + slot <= last ? base + slot : 0;
    return probe_error(one);
}
