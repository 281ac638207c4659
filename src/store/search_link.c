/* Terms that depend on other resources: chains, _has, _list, and :above and :below of references.
 *
 * A term is joined in one of two ways. *Whole*: the other resources are searched once, those that
 * meet it are a set of first slots, and the term becomes a clause of what refers to them (or, for
 * _has, of what they refer to): a hash join. *Asked*: when they are more than the search's own
 * candidates, they are looked up as candidates come: one by one for chains (each target once), in
 * batches for _has (one search for what refers to any candidate of the batch). Either way each
 * candidate is verified with search_link_holds, and everything that is read counts as work. */
#include "store/search_int.h"

#include "core/limits.h"
#include "fhir/fhir_extract.h"
#include "fhir/fhir_match.h"

enum {
    FEW_CANDIDATES = 64, /* up to so many are never worth a set */
    LINK_WORK = 4,       /* what a small search counts as, beside what it reads */
};

#define SIDE_RECORD_BYTES (600 * LIMIT_MIB)

/* ---- sets of first slots ------------------------------------------------------------------------
 */

typedef struct SlotSet { /* open addressing; 0 is free */
    Slot *table;
    size_t mask, n;
} SlotSet;

static size_t set_place(const SlotSet *set, Slot slot) {
    size_t at = hash64((Str){(const char *)&slot, sizeof(slot)}) & set->mask;
    while (set->table[at] != 0 && set->table[at] != slot) {
        at = (at + 1) & set->mask;
    }
    return at;
}

static bool set_has(const SlotSet *set, Slot slot) {
    return set->n > 0 && set->table[set_place(set, slot)] == slot;
}

static ErrCode set_grow(Arena *arena, SlotSet *set) {
    SlotSet more = {.mask = set->table == NULL ? 63 : set->mask * 2 + 1};
    more.table = arena_new_array(arena, Slot, more.mask + 1);
    if (more.table == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; set->table != NULL && i <= set->mask; i++) {
        if (set->table[i] != 0) {
            more.table[set_place(&more, set->table[i])] = set->table[i];
        }
    }
    more.n = set->n;
    *set = more;
    return ERR_OK;
}

/* ret_new: it was not in the set. */
static ErrCode set_put(Arena *arena, SlotSet *set, Slot slot, bool *ret_new) {
    assert(slot != 0);
    if (set->table == NULL || set->n >= set->mask / 4 * 3) {
        TRY(set_grow(arena, set));
    }
    size_t at = set_place(set, slot);
    *ret_new = set->table[at] == 0;
    set->table[at] = slot;
    set->n += *ret_new;
    return ERR_OK;
}

/* ---- what is known of a linked term -------------------------------------------------------------
 */

typedef struct LinkSide {
    FhirType type;  /* of the resources on the other side */
    Search *search; /* for those that meet the link; NULL: a tree */
    bool is_whole;  /* yes holds all of them */
    SlotSet yes;    /* chain, tree: they; _has: what they refer to */
    SlotSet no;     /* asked about, and not */
} LinkSide;

struct SearchLink {
    const FhirQueryTerm *term;
    LinkSide *sides;
    size_t n_sides;
};

static bool is_reverse(const FhirQueryTerm *term) {
    return term->kind == FHIR_TERM_HAS || term->kind == FHIR_TERM_LIST;
}

static SearchLink *link_of(const Search *s, const FhirQueryTerm *term) {
    for (size_t i = 0; i < s->n_links; i++) {
        if (s->links[i]->term == term) {
            return s->links[i];
        }
    }
    return NULL;
}

static void free_arena(void *arena) {
    arena_free(arena);
}

/* A search of the same snapshot for resources of `type` that meet the terms. Its arenas live as
 * long as the plan. */
static ErrCode side_search(Search *s, FhirType type, FhirQueryTerm *terms, size_t n_terms,
                           Search **ret) {
    Search *c = arena_new_array(s->plan_arena, Search, 1);
    FhirQuery *q = arena_new_array(s->plan_arena, FhirQuery, 1);
    if (c == NULL || q == NULL) {
        return ERR_NOMEM;
    }
    *q = (FhirQuery){.type = type, .terms = terms, .n_terms = n_terms};
    *c = (Search){.store = s->store,
                  .index = s->index,
                  .view = s->view,
                  .out = s->out,
                  .plan_arena = s->plan_arena,
                  .query = q,
                  .info = s->info,
                  .snapshot = s->snapshot,
                  .limits = s->limits,
                  .work = s->work,
                  .tests = s->tests,
                  .explain = s->explain,
                  .depth = s->depth + 1,
                  .ascending = true};
    Arena **arenas[] = {&c->record_arena, &c->match_arena};
    for (size_t i = 0; i < ARRAY_LEN(arenas); i++) {
        *arenas[i] = arena_new(SIDE_RECORD_BYTES);
        if (*arenas[i] == NULL || !arena_defer(s->plan_arena, free_arena, *arenas[i])) {
            arena_free(*arenas[i]);
            return ERR_NOMEM;
        }
    }
    *ret = c;
    return ERR_OK;
}

/* ---- clauses ------------------------------------------------------------------------------------
 */

/* "What refers to this resource by param". */
static ErrCode put_target(Search *s, Clause *c, const FhirQueryTerm *term,
                          const FhirIndexReference *r) {
    FhirQueryTerm one = {.param = term->param};
    FhirQueryValue v = {.kind = FHIR_INDEX_REFERENCE};
    v.reference = *r;
    return value_ranges(s, c, &one, &v);
}

static FhirIndexReference reference_to(FhirType type, Str id) {
    return (FhirIndexReference){.type = type, .id = id, .url = STR_EMPTY, .local = -1};
}

/* ---- filling a set ------------------------------------------------------------------------------
 */

typedef struct SideFill {
    Search *s; /* whose term it is */
    const FhirQueryTerm *term;
    LinkSide *side;
    Search *search;
    Clause *clause; /* gets what follows from the set; NULL: nobody needs it */
    size_t max;     /* stops when the set has more */
    Str *ids;       /* new members' ids, for the next step of a tree; NULL: not wanted */
    size_t n_ids;
} SideFill;

/* The resource met the link: it is a member itself. */
static ErrCode fill_chain(SideFill *f, const StoreVersion *v) {
    bool is_new = false;
    TRY(set_put(f->s->plan_arena, &f->side->yes, v->first, &is_new));
    if (is_new && f->clause != NULL) {
        FhirIndexReference r = reference_to(v->type, v->id);
        TRY(put_target(f->s, f->clause, f->term, &r));
    }
    if (is_new && f->ids != NULL) {
        f->ids[f->n_ids++] = arena_str(f->s->plan_arena, v->id);
    }
    return f->side->yes.n > f->max ? ERR_STOPPED : ERR_OK;
}

typedef struct TargetSink {
    FhirIndexSink sink;
    SideFill *f;
    ErrCode err;
} TargetSink;

static ErrCode fill_target(SideFill *f, const FhirIndexReference *r) {
    Search *s = f->s;
    bool is_new = false;
    Slot slot = 0;
    if (r->url.len > 0 || r->id.len == 0 || r->type != s->query->type) {
        return ERR_OK;
    }
    Slot first = store_resolve(s->store, r->type, r->id);
    if (first == 0) {
        return ERR_OK;
    }
    TRY(set_put(s->plan_arena, &f->side->yes, first, &is_new));
    if (is_new && f->clause != NULL) {
        TRY(search_current(s, first, &slot));
        TRY(slot == 0 ? ERR_OK : clause_slot(s, f->clause, slot));
    }
    return ERR_OK;
}

static void target_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    TargetSink *t = (TargetSink *)sink;
    if (t->err == ERR_OK && v->kind == FHIR_INDEX_REFERENCE && v->param == t->f->term->param->id) {
        t->err = fill_target(t->f, &v->reference);
    }
}

/* The resource met the link of a _has: what it refers to is a member. */
static ErrCode fill_reverse(SideFill *f, const StoreVersion *v, const JsonNode *root) {
    TargetSink sink = {{.put = target_put}, f, ERR_OK};
    FhirExtractSome some = {.type = v->type};
    fhir_extract_want(&some, f->term->param->id);
    TRY(fhir_extract_some(f->search->match_arena, &some, root, &sink.sink));
    return sink.err != ERR_OK ? sink.err : f->side->yes.n > f->max ? ERR_STOPPED : ERR_OK;
}

static ErrCode fill_put(void *ctx, const WalkBatch *batch) {
    SideFill *f = ctx;
    bool reverse = is_reverse(f->term);
    for (size_t i = 0; i < batch->n; i++) {
        StoreVersion v;
        const JsonNode *root = NULL;
        bool is_match = false;
        bool sure = (batch->sure[i / 64] >> (i % 64) & 1) != 0;
        Slot slot = batch->base + batch->slots[i];
        TRY(sure && !reverse ? search_head(f->search, slot, &v, &is_match)
                             : search_look(f->search, slot, &v, &root, &is_match));
        TRY(is_match ? search_spend(f->s, 1) : ERR_OK);
        if (is_match && !sure) {
            TRY(search_match(f->search, &v, root, &is_match));
        }
        if (is_match) {
            TRY(reverse ? fill_reverse(f, &v, root) : fill_chain(f, &v));
        }
    }
    return ERR_OK;
}

/* All of the side's resources, up to max; ret_whole: that was all. */
static ErrCode fill(SideFill *f, bool *ret_whole) {
    TRY(search_walk(f->search, 0, fill_put, f));
    *ret_whole = f->side->yes.n <= f->max;
    return arena_failed(f->s->plan_arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- planning -----------------------------------------------------------------------------------
 */

static ErrCode link_new(Search *s, const FhirQueryTerm *term, size_t n_sides, SearchLink **ret) {
    SearchLink *link = arena_new_array(s->plan_arena, SearchLink, 1);
    if (s->links == NULL) {
        s->links = arena_new_array(s->plan_arena, SearchLink *, FHIR_QUERY_TERMS);
    }
    if (link == NULL || s->links == NULL) {
        return ERR_NOMEM;
    }
    assert(s->n_links < FHIR_QUERY_TERMS);
    *link = (SearchLink){.term = term};
    link->sides = arena_new_array(s->plan_arena, LinkSide, n_sides + 1);
    s->links[s->n_links++] = link;
    *ret = link;
    return link->sides == NULL ? ERR_NOMEM : ERR_OK;
}

/* A set is worth it when it is not larger than what the other clauses leave to look at. */
static size_t set_max(Search *s) {
    size_t most = s->limits.work_max / 2;
    size_t left = s->n_clauses == 0 ? most : search_estimate(s);
    return MIN(most, MAX(left, (size_t)FEW_CANDIDATES));
}

static ErrCode plan_side(Search *s, const FhirQueryLink *to, LinkSide *side) {
    side->type = to->type;
    TRY(side_search(s, to->type, to->term, 1, &side->search));
    TRY(search_plan(side->search));
    return search_explain_plan(side->search);
}

/* Tries to have the whole set of each side; when one is too large the term is asked about. */
static ErrCode plan_sides(Search *s, SearchLink *link) {
    const FhirQueryTerm *term = link->term;
    size_t max = set_max(s);
    bool whole = true;
    for (size_t i = 0; i < term->n_links; i++) {
        LinkSide *side = &link->sides[link->n_sides++];
        TRY(plan_side(s, &term->links[i], side));
        whole = whole && search_estimate(side->search) <= max;
    }
    size_t at = s->n_clauses;
    Clause *c = whole ? clause_new(s) : NULL;
    if (whole && c == NULL) {
        return ERR_NOMEM;
    }
    if (whole) {
        c->term = term;
    }
    for (size_t i = 0; i < link->n_sides && whole; i++) {
        LinkSide *side = &link->sides[i];
        SideFill f = {s, term, side, side->search, c, max, NULL, 0};
        SearchTimer since = search_timer(s);
        TRY(fill(&f, &side->is_whole));
        TRY(search_explain_step(
            side->search, &since,
            (StorePlanStep){.what = arena_printf(
                                s->out, "set of %s",
                                fhir_type_name(is_reverse(term) ? s->query->type : side->type)),
                            .how = side->is_whole ? "hash join" : "given up: too large",
                            .found = side->yes.n}));
        whole = side->is_whole;
    }
    if (!whole) {
        s->n_clauses = at;
        s->is_unsure = true;
        return ERR_OK;
    }
    c->is_unsure = is_reverse(term); /* the id may be another type's */
    clause_finish(c);
    return ERR_OK;
}

/* ---- trees --------------------------------------------------------------------------------------
 */

static ErrCode tree_too_large(const Search *s) {
    return err_set(s->info, ERR_LIMIT, "search-tree",
                   ":above or :below reaches more than %u resources",
                   ":above hoặc :below bao gồm hơn %u tài nguyên", SEARCH_TREE_MAX);
}

/* The references in the next step's search: resources whose parent is one of ids. */
static ErrCode step_terms(Search *s, FhirType type, const Str *ids, size_t n, FhirQueryTerm **ret) {
    FhirQueryTerm *term = arena_new_array(s->plan_arena, FhirQueryTerm, 1);
    FhirQueryValue *values = arena_new_array(s->plan_arena, FhirQueryValue, n + 1);
    if (term == NULL || values == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        values[i].kind = FHIR_INDEX_REFERENCE;
        values[i].reference = reference_to(type, ids[i]);
    }
    *term = (FhirQueryTerm){.param = fhir_hierarchy_param(type), .values = values, .n_values = n};
    *ret = term;
    return ERR_OK;
}

/* Step by step, until a step finds nothing new: a circle ends by itself. */
static ErrCode tree_below(Search *s, SearchLink *link, LinkSide *side, Clause *c, Str id) {
    Str *ids = arena_new_array(s->plan_arena, Str, SEARCH_TREE_MAX + 2);
    size_t n = 1;
    if (ids == NULL) {
        return ERR_NOMEM;
    }
    ids[0] = id;
    while (n > 0) {
        FhirQueryTerm *term = NULL;
        Search *step = NULL;
        bool whole = false;
        TRY(step_terms(s, side->type, ids, n, &term));
        TRY(side_search(s, side->type, term, 1, &step));
        TRY(search_plan(step));
        SideFill f = {s, link->term, side, step, c, SEARCH_TREE_MAX, ids, 0};
        TRY(search_spend(s, LINK_WORK));
        TRY(fill(&f, &whole));
        if (!whole) {
            return tree_too_large(s);
        }
        n = f.n_ids;
    }
    return ERR_OK;
}

typedef struct ParentSink {
    FhirIndexSink sink;
    FhirType type;
    FhirParamId param;
    Slot first; /* of the parent; 0: none */
    Store *store;
} ParentSink;

static void parent_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    ParentSink *p = (ParentSink *)sink;
    const FhirIndexReference *r = &v->reference;
    if (v->kind == FHIR_INDEX_REFERENCE && v->param == p->param && r->type == p->type &&
        r->url.len == 0 && r->id.len > 0 && p->first == 0) {
        p->first = store_resolve(p->store, r->type, r->id);
    }
}

/* The resource's parent: a look at the resource itself. */
static ErrCode parent_of(Search *side, const StoreVersion *v, const JsonNode *root, Slot *ret) {
    ParentSink p = {.sink = {.put = parent_put},
                    .type = v->type,
                    .param = fhir_hierarchy_param(v->type)->id,
                    .store = side->store};
    FhirExtractSome some = {.type = v->type};
    fhir_extract_want(&some, p.param);
    TRY(fhir_extract_some(side->match_arena, &some, root, &p.sink));
    *ret = p.first;
    return ERR_OK;
}

static ErrCode tree_above(Search *s, SearchLink *link, LinkSide *side, Clause *c, Str id) {
    Search *look = NULL;
    Slot first = store_resolve(s->store, side->type, id);
    TRY(side_search(s, side->type, NULL, 0, &look));
    while (first != 0) {
        StoreVersion v;
        const JsonNode *root = NULL;
        bool exists = false;
        Slot slot = 0;
        size_t before = side->yes.n;
        SideFill f = {s, link->term, side, look, c, SEARCH_TREE_MAX, NULL, 0};
        TRY(search_spend(s, 1));
        TRY(search_current(s, first, &slot));
        TRY(slot == 0 ? ERR_OK : search_look(look, slot, &v, &root, &exists));
        ErrCode err = exists ? fill_chain(&f, &v) : ERR_OK;
        if (err != ERR_OK) {
            return err == ERR_STOPPED ? tree_too_large(s) : err;
        }
        if (side->yes.n == before) {
            return ERR_OK; /* not there, or known with all above it */
        }
        TRY(parent_of(look, &v, root, &first));
    }
    return ERR_OK;
}

static LinkSide *side_of(SearchLink *link, FhirType type) {
    for (size_t i = 0; i < link->n_sides; i++) {
        if (link->sides[i].type == type) {
            return &link->sides[i];
        }
    }
    return NULL;
}

/* The values themselves, and what is above or below each of them. */
static ErrCode plan_tree(Search *s, SearchLink *link) {
    const FhirQueryTerm *term = link->term;
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirIndexReference *r = &term->values[i].reference;
        LinkSide *side = side_of(link, r->type);
        if (side == NULL) {
            side = &link->sides[link->n_sides++];
            *side = (LinkSide){.type = r->type, .is_whole = true};
        }
        TRY(put_target(s, c, term, r));
        TRY(term->modifier == FHIR_MOD_BELOW ? tree_below(s, link, side, c, r->id)
                                             : tree_above(s, link, side, c, r->id));
    }
    clause_finish(c);
    return ERR_OK;
}

ErrCode search_plan_link(Search *s, const FhirQueryTerm *term) {
    SearchLink *link = NULL;
    bool tree = term->kind == FHIR_TERM_VALUES;
    TRY(link_new(s, term, tree ? term->n_values : term->n_links, &link));
    return tree ? plan_tree(s, link) : plan_sides(s, link);
}

/* ---- asking -------------------------------------------------------------------------------------
 */

/* Looks the resource up and notes whether it meets the side's link. */
static ErrCode ask_side(Search *s, LinkSide *side, Slot first, bool *ret_holds) {
    Slot slot = 0;
    bool is_new = false;
    bool holds = false;
    TRY(search_current(s, first, &slot));
    TRY(slot == 0 ? ERR_OK : search_verify(side->search, slot, &holds));
    TRY(set_put(s->plan_arena, holds ? &side->yes : &side->no, first, &is_new));
    *ret_holds = holds;
    return ERR_OK;
}

/* One search for what meets the link of a _has and refers to one of the n resources: the link's own
 * clauses as they are, and one more. What it finds says yes; of the others is known that not. */
static ErrCode ask_reverse(Search *s, SearchLink *link, const FhirQueryValue *values,
                           const Slot *firsts, size_t n) {
    LinkSide *side = &link->sides[0];
    Search *b = arena_new_array(s->plan_arena, Search, 1);
    if (b == NULL) {
        return ERR_NOMEM;
    }
    *b = *side->search;
    b->clauses = arena_new_array(s->plan_arena, Clause, b->n_clauses + 1);
    if (b->clauses == NULL) {
        return ERR_NOMEM;
    }
    memcpy(b->clauses, side->search->clauses, b->n_clauses * sizeof(Clause));
    b->clauses_max = b->n_clauses + 1;
    Clause *c = clause_new(b);
    FhirQueryTerm term = {.param = link->term->param};
    for (size_t i = 0; i < n; i++) {
        TRY(value_ranges(b, c, &term, &values[i]));
    }
    clause_finish(c);
    SideFill f = {s, link->term, side, b, NULL, SIZE_MAX, NULL, 0};
    bool whole = false;
    TRY(search_spend(s, LINK_WORK));
    ErrCode err = fill(&f, &whole);
    side->search->record = NULL; /* b used its arena */
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        bool is_new = false;
        err = set_has(&side->yes, firsts[i])
                  ? ERR_OK
                  : set_put(s->plan_arena, &side->no, firsts[i], &is_new);
    }
    return err;
}

/* The batch's resources that nobody asked about yet. */
static ErrCode ask_batch(Search *s, SearchLink *link, const WalkBatch *batch) {
    const LinkSide *side = &link->sides[0];
    FhirQueryValue *values = arena_new_array(s->plan_arena, FhirQueryValue, batch->n);
    Slot *firsts = arena_new_array(s->plan_arena, Slot, batch->n);
    size_t n = 0;
    if (values == NULL || firsts == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < batch->n; i++) {
        StoreVersion v;
        bool is_there = false;
        TRY(search_head(s, batch->base + batch->slots[i], &v, &is_there));
        if (is_there && !set_has(&side->yes, v.first) && !set_has(&side->no, v.first)) {
            firsts[n] = v.first;
            values[n].kind = FHIR_INDEX_REFERENCE;
            values[n++].reference = reference_to(v.type, arena_str(s->plan_arena, v.id));
        }
    }
    return n == 0 ? ERR_OK : ask_reverse(s, link, values, firsts, n);
}

ErrCode search_link_batch(Search *s, const WalkBatch *batch) {
    for (size_t i = 0; i < s->n_links; i++) {
        SearchLink *link = s->links[i];
        if (is_reverse(link->term) && !link->sides[0].is_whole) {
            TRY(ask_batch(s, link, batch));
        }
    }
    return ERR_OK;
}

static bool is_value(const FhirQueryTerm *term, const FhirIndexReference *r) {
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirIndexReference *v = &term->values[i].reference;
        if (v->type == r->type && str_eq(v->id, r->id)) {
            return true;
        }
    }
    return false;
}

ErrCode search_link_holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *r,
                          bool *ret_holds) {
    Search *s = ctx;
    SearchLink *link = link_of(s, term);
    assert(link != NULL);
    bool reverse = is_reverse(term);
    LinkSide *side = reverse ? &link->sides[0] : side_of(link, r->type);
    *ret_holds = term->kind == FHIR_TERM_VALUES && is_value(term, r);
    if (*ret_holds || side == NULL) {
        return ERR_OK;
    }
    Slot first = store_resolve(s->store, r->type, r->id);
    if (first == 0 || set_has(&side->no, first)) {
        return ERR_OK;
    }
    *ret_holds = set_has(&side->yes, first);
    if (*ret_holds || side->is_whole) {
        return ERR_OK;
    }
    if (!reverse) {
        return ask_side(s, side, first, ret_holds);
    }
    FhirQueryValue v = {.kind = FHIR_INDEX_REFERENCE};
    v.reference = *r;
    TRY(ask_reverse(s, link, &v, &first, 1));
    *ret_holds = set_has(&side->yes, first);
    return ERR_OK;
}
