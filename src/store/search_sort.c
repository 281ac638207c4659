/* Pages in the order of _sort. The place of a page is the slot of its last hit: its sort key is
 * read from that version again, so the token of a page needs no more than the slot. Two ways:
 *
 * few candidates   all are decoded; a heap keeps the page's best (Knuth 5.2.3)
 * many             the keys of the first sort's parameter are walked in their order, window by
 *                  window; a resource counts under the key of its lowest (descending: highest)
 *                  value alone, and only a group of one key is sorted, when the key does not say
 *                  all. Behind the last key come those without a value, in the order of slots.
 *                  Whether a slot meets the clauses is asked in the lists of single keys, then of
 *                  the resource itself; or, when the page is far to fill, in the listed candidates.
 *
 * What has the same key stands by slot, in the direction of the first sort. */
#include "store/search_int.h"

#include "core/limits.h"
#include "store/search_sort_int.h"

#define TOP_BYTES (256 * LIMIT_MIB)

bool search_is_sorted(const Search *s) {
    const FhirQuery *q = s->query;
    return q->n_sorts > 1 || (q->n_sorts == 1 && q->sorts[0].param->id != FHIR_P__LAST_UPDATED);
}

/* ---- the best of a page ---- */

static int compare(const Search *s, const SortHit *a, const SortHit *b) {
    int order = str_cmp(a->key, b->key);
    if (order != 0) {
        return order;
    }
    int by_slot = (a->slot > b->slot) - (a->slot < b->slot);
    return s->ascending ? by_slot : -by_slot;
}

ErrCode top_init(SortTop *top, Search *s, size_t max) {
    *top = (SortTop){.s = s, .max = max};
    top->arena = arena_new(TOP_BYTES);
    top->hits = malloc((max + 1) * sizeof(*top->hits));
    return top->arena == NULL || top->hits == NULL ? ERR_NOMEM : ERR_OK;
}

void top_release(SortTop *top) {
    arena_free(top->arena);
    free(top->hits);
}

/* The worst stands first. */
static void sift_down(SortTop *top, size_t at) {
    for (;;) {
        size_t worst = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->n; child++) {
            if (compare(top->s, &top->hits[child], &top->hits[worst]) > 0) {
                worst = child;
            }
        }
        if (worst == at) {
            return;
        }
        SortHit t = top->hits[at];
        top->hits[at] = top->hits[worst];
        top->hits[worst] = t;
        at = worst;
    }
}

static void sift_up(SortTop *top, size_t at) {
    while (at > 0 && compare(top->s, &top->hits[at], &top->hits[(at - 1) / 2]) > 0) {
        SortHit t = top->hits[at];
        top->hits[at] = top->hits[(at - 1) / 2];
        top->hits[(at - 1) / 2] = t;
        at = (at - 1) / 2;
    }
}

ErrCode top_put(SortTop *top, const SortHit *hit, const SortHit *after) {
    if (after != NULL && compare(top->s, hit, after) <= 0) {
        return ERR_OK;
    }
    bool full = top->n == top->max;
    if (full && (top->n == 0 || compare(top->s, hit, &top->hits[0]) >= 0)) {
        return ERR_OK;
    }
    SortHit kept = {hit->slot, arena_str(top->arena, hit->key)};
    if (arena_failed(top->arena)) {
        return ERR_NOMEM;
    }
    if (full) {
        top->hits[0] = kept;
        sift_down(top, 0);
    } else {
        top->hits[top->n] = kept;
        sift_up(top, top->n++);
    }
    return ERR_OK;
}

void top_sort(SortTop *top) {
    size_t n = top->n;
    while (top->n > 1) {
        SortHit worst = top->hits[0];
        top->hits[0] = top->hits[--top->n];
        top->hits[top->n] = worst;
        sift_down(top, 0);
    }
    top->n = n;
}

/* ---- one candidate ---- */

ErrCode sort_verify(Search *s, Slot slot, SortHit *ret, Str *ret_lead, bool *ret_matches) {
    TRY(search_verify(s, slot, ret_matches));
    ret->slot = slot;
    return *ret_matches ? sort_key(s, s->match_arena, &ret->key, ret_lead) : ERR_OK;
}

/* The place behind which the page begins: the key of a version that this server gave out. */
static ErrCode read_after(SortRun *r, Slot after) {
    Search *s = r->s;
    const JsonNode *root = NULL;
    if (after == 0) {
        return ERR_OK;
    }
    arena_reset(s->match_arena);
    TRY(search_fetch_any(s, s->match_arena, after, &s->last));
    if (s->last.type != s->query->type || s->last.deleted) {
        return err_set(s->info, ERR_PARAM, "page-token",
                       "this page link does not belong to this question",
                       "liên kết trang không thuộc câu hỏi này");
    }
    TRY(json_parse(s->match_arena, s->last.json, &root, NULL));
    s->last_root = root;
    r->after.slot = after;
    r->has_after = true;
    return sort_key(s, s->plan_arena, &r->after.key, &r->after_lead);
}

/* ---- the page ---- */

ErrCode sort_emit(SortRun *r, Slot slot) {
    StorePage *page = r->page;
    if (page->n_matches == r->count) {
        r->has_more = true;
        return ERR_STOPPED;
    }
    TRY(search_fetch(r->s, r->s->query->type, slot, &page->matches[page->n_matches]));
    page->n_matches++;
    return ERR_OK;
}

ErrCode sort_emit_top(SortRun *r, SortTop *top) {
    top_sort(top);
    for (size_t i = 0; i < top->n; i++) {
        TRY(sort_emit(r, top->hits[i].slot));
    }
    return ERR_OK;
}

/* ---- few candidates, or an order that the keys do not have ---- */

typedef struct TopWalk {
    SortRun *run;
    SortTop *top;
} TopWalk;

static ErrCode top_take(const TopWalk *t, Slot slot) {
    SortHit hit;
    bool is_match = false;
    t->run->n_looked++;
    TRY(sort_verify(t->run->s, slot, &hit, NULL, &is_match));
    return is_match ? top_put(t->top, &hit, t->run->has_after ? &t->run->after : NULL) : ERR_OK;
}

/* Of a record that is a candidate as a whole most slots are something else. */
static ErrCode top_take_listed(const TopWalk *t, Slot slot) {
    bool is_there = false;
    TRY(search_is_there(t->run->s, slot, &is_there));
    return is_there && sort_is_live(t->run, slot) ? top_take(t, slot) : ERR_OK;
}

static ErrCode top_walk_put(void *ctx, const WalkBatch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        TRY(top_take(ctx, batch->base + batch->slots[i]));
    }
    return ERR_OK;
}

static ErrCode run_in_memory(SortRun *r) {
    CLEANUP(top_release) SortTop top;
    TRY(top_init(&top, r->s, r->count + 1));
    TopWalk walk = {r, &top};
    ErrCode err = r->is_listed ? ERR_OK : search_walk(r->s, 0, top_walk_put, &walk);
    for (size_t i = 0; i < r->n_set && r->is_listed && err == ERR_OK; i++) {
        err = top_take_listed(&walk, r->set[i]);
    }
    TRY(err);
    return sort_emit_top(r, &top);
}

static ErrCode run_sorted(SortRun *r, Slot after) {
    static const char *const HOW[] = {[SORT_READ_ALL] = "all candidates read",
                                      [SORT_KEYS_LIST] = "keys in order, candidates listed",
                                      [SORT_KEYS_ASK] = "keys in order, resources asked",
                                      [SORT_KEYS_TURNS] = "keys in order, asked, then listed"};
    Search *s = r->s;
    StoreSortWay way = SORT_BY_COST;
    SearchTimer since = search_timer(s);
    TRY(read_after(r, after));
    TRY(sort_by_keys_can(r, &r->by_keys));
    TRY(sort_choose(r, &way));
    ErrCode err = way == SORT_READ_ALL ? run_in_memory(r) : sort_by_keys(r);
    if (err != ERR_OK && err != ERR_STOPPED) {
        return err;
    }
    way = way == SORT_KEYS_ASK && r->is_listed ? SORT_KEYS_TURNS : way;
    return search_explain_step(s, &since,
                               (StorePlanStep){.what = STR("sort"),
                                               .how = HOW[way],
                                               .estimate = (uint64_t)r->n_looks,
                                               .found = r->n_looked});
}

/* A distance needs a place. */
static ErrCode check_near(const Search *s) {
    const FhirQuery *q = s->query;
    bool wants = false;
    bool has = false;
    for (size_t i = 0; i < q->n_sorts; i++) {
        wants = wants || q->sorts[i].param->type == FHIR_PARAM_SPECIAL;
    }
    for (size_t i = 0; i < q->n_terms && wants; i++) {
        has = has || (q->terms[i].param != NULL && q->terms[i].param->id == FHIR_P_NEAR);
    }
    return !wants || has ? ERR_OK
                         : err_set(s->info, ERR_PARAM, "search-sort",
                                   "sorting by near needs the parameter near",
                                   "sắp xếp theo near cần có tham số near");
}

ErrCode search_sorted(Search *s, const StoreSearch *search, StorePage *page) {
    TRY(check_near(s));
    SortRun r = {.s = s, .page = page, .count = MIN(search->count, (size_t)LIMIT_PAGE_COUNT)};
    page->matches = arena_new_array(s->out, StoreVersion, r.count + 1);
    if (page->matches == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = s->is_empty ? ERR_OK : run_sorted(&r, search->after);
    sort_release(&r);
    TRY(err);
    if (r.has_more && r.count > 0) {
        page->next = page->matches[r.count - 1].slot;
    }
    return ERR_OK;
}
