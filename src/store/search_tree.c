/* Terms with :above and :below of references: the values and what lies above or below them, found
 * step by step, become a set and a clause. */
#include "fhir/fhir_extract.h"
#include "store/search_link_int.h"

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
        values[i].reference = link_reference(type, ids[i]);
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
        TRY(link_side_search(s, side->type, term, 1, &step));
        TRY(search_plan(step));
        SideFill f = {.s = s,
                      .term = link->term,
                      .side = side,
                      .search = step,
                      .clause = c,
                      .max = SEARCH_TREE_MAX,
                      .ids = ids};
        TRY(search_spend(s, LINK_WORK));
        TRY(link_fill(&f, &whole));
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
    TRY(link_side_search(s, side->type, NULL, 0, &look));
    while (first != 0) {
        StoreVersion v;
        const JsonNode *root = NULL;
        bool exists = false;
        Slot slot = 0;
        size_t before = side->yes.n;
        SideFill f = {.s = s,
                      .term = link->term,
                      .side = side,
                      .search = look,
                      .clause = c,
                      .max = SEARCH_TREE_MAX};
        TRY(search_spend(s, 1));
        TRY(search_current(s, first, &slot));
        TRY(slot == 0 ? ERR_OK : search_look(look, slot, &v, &root, &exists));
        ErrCode err = exists ? link_fill_chain(&f, &v) : ERR_OK;
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

/* The values themselves, and what is above or below each of them. */
ErrCode link_plan_tree(Search *s, SearchLink *link) {
    const FhirQueryTerm *term = link->term;
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirIndexReference *r = &term->values[i].reference;
        LinkSide *side = link_side_of(link, r->type);
        if (side == NULL) {
            side = &link->sides[link->n_sides++];
            *side = (LinkSide){.type = r->type, .is_whole = true};
        }
        TRY(link_put_target(s, c, term, r));
        TRY(term->modifier == FHIR_MOD_BELOW ? tree_below(s, link, side, c, r->id)
                                             : tree_above(s, link, side, c, r->id));
    }
    return link_finish(s, term, c);
}
