/* A search of the whole system, or of a compartment: a search of each type, put together in the
 * order of slots. Once a page is full a type is walked only as far as it has something better. */
#include "store/search_int.h"

#include "core/limits.h"

typedef struct Merge {
    Search *s;     /* of the type at hand */
    Slot *best;    /* of all types so far, the best first */
    size_t n, max; /* one more than the page has */
} Merge;

static bool is_before(const Merge *m, Slot a, Slot b) {
    return m->s->ascending ? a < b : a > b;
}

static ErrCode merge_put(void *ctx, const WalkBatch *batch) {
    Merge *m = ctx;
    for (size_t i = 0; i < batch->n; i++) {
        Slot slot = batch->base + batch->slots[i];
        bool is_match = false;
        if (m->n == m->max && !is_before(m, slot, m->best[m->n - 1])) {
            return ERR_STOPPED;
        }
        TRY(search_verify(m->s, slot, &is_match));
        if (!is_match) {
            continue;
        }
        size_t at = m->n < m->max ? m->n++ : m->n - 1;
        for (; at > 0 && is_before(m, slot, m->best[at - 1]); at--) {
            m->best[at] = m->best[at - 1];
        }
        m->best[at] = slot;
    }
    return ERR_OK;
}

/* The search of one type shares everything but its query and clauses. */
static void begin_type(Search *s, const FhirQuery *query, Search *ret) {
    *ret = *s;
    ret->query = query;
    ret->clauses = NULL;
    ret->n_clauses = ret->clauses_max = 0;
    ret->of_type = ret->is_empty = ret->is_unsure = false;
}

static ErrCode merge_types(Search *s, const StoreSearch *search, Merge *m, uint64_t *ret_total) {
    FhirQuery query;
    for (size_t at = 0; fhir_query_of(s->query, at, &query); at++) {
        Search one;
        uint64_t n = 0;
        begin_type(s, &query, &one);
        TRY(search_plan(&one));
        m->s = &one;
        SearchTimer since = search_timer(s);
        TRY(m->max > 1 ? search_walk(&one, search->after, merge_put, m) : ERR_OK);
        TRY(search->want_total ? search_count(&one, &n) : ERR_OK);
        n = search->want_estimate ? search_estimate(&one) : n;
        TRY(*s->work == since.work
                ? ERR_OK
                : search_explain_step(s, &since,
                                      (StorePlanStep){.what = str_from(fhir_type_name(query.type)),
                                                      .how = "searched by itself",
                                                      .estimate = search_estimate(&one),
                                                      .found = n}));
        s->record = one.record;
        *ret_total += n;
    }
    return ERR_OK;
}

ErrCode search_system(Search *s, const StoreSearch *search, StorePage *page) {
    size_t count = MIN(search->count, (size_t)LIMIT_PAGE_COUNT);
    Merge m = {.s = s, .max = count + 1};
    m.best = arena_new_array(s->plan_arena, Slot, count + 1);
    page->matches = arena_new_array(s->out, StoreVersion, count + 1);
    if (m.best == NULL || page->matches == NULL) {
        return ERR_NOMEM;
    }
    TRY(merge_types(s, search, &m, &page->total));
    for (; page->n_matches < MIN(m.n, count); page->n_matches++) {
        TRY(search_fetch(s, FHIR_T_NONE, m.best[page->n_matches], &page->matches[page->n_matches]));
    }
    page->next = m.n > count && count > 0 ? m.best[count - 1] : 0;
    return count > 0 ? search_include(s, page) : ERR_OK;
}
