/* Terms that depend on other resources, answered as candidates come: chains one by one (each target
 * once), _has in batches (one search for what refers to any candidate of the batch). */
#include "store/search_link_int.h"

#include "fhir/fhir_match.h"

static SearchLink *link_of(const Search *s, const FhirQueryTerm *term) {
    for (size_t i = 0; i < s->n_links; i++) {
        if (s->links[i]->term == term) {
            return s->links[i];
        }
    }
    return NULL;
}

/* ---- chains -------------------------------------------------------------------------------------
 */

static ErrCode note(Search *s, LinkSide *side, Slot first, bool holds) {
    bool is_new = false;
    return slot_set_put(s->plan_arena, holds ? &side->yes : &side->no, first, &is_new);
}

/* The id has the form of those that the server makes, and is probably one: the resource's version
 * at hand says whether it is, and whether it meets the link. */
static ErrCode ask_made(Search *s, LinkSide *side, const FhirIndexReference *r, Slot made,
                        bool *ret_is) {
    StoreVersion v;
    const JsonNode *root = NULL;
    Slot slot = 0;
    bool is_new = false;
    bool holds = false;
    bool is_there = false;
    TRY(search_current(s, made, &slot));
    TRY(slot == 0 ? ERR_OK : search_look(side->search, slot, &v, &root, &is_there));
    *ret_is = is_there && v.first == made && str_eq(v.id, r->id);
    if (!*ret_is) {
        return ERR_OK;
    }
    TRY(search_spend(s, 1));
    TRY(search_match(side->search, &v, root, &holds));
    TRY(slot_set_put(s->plan_arena, &side->made, made, &is_new));
    return note(s, side, made, holds);
}

/* What the keys deny need not be read. */
static ErrCode probe_may(LinkSide *side, Slot slot, bool *ret_may) {
    Slot found = slot;
    if (probe_fits(side->search)) {
        TRY(side->probe == NULL ? probe_new(side->search, &side->probe) : ERR_OK);
        TRY(probe_next(side->probe, slot, slot, &found));
    }
    *ret_may = found != 0;
    return ERR_OK;
}

ErrCode link_ask_version(Search *s, LinkSide *side, Slot first, Slot slot) {
    bool holds = false;
    TRY(slot == 0 ? ERR_OK : probe_may(side, slot, &holds));
    TRY(holds ? search_verify(side->search, slot, &holds) : ERR_OK);
    return note(s, side, first, holds);
}

bool link_is_known(const LinkSide *side, Slot first) {
    return side->is_whole || slot_set_has(&side->yes, first) || slot_set_has(&side->no, first);
}

/* The first slot of what r names, looked up in the side when it was not yet. */
static ErrCode ask_chain(Search *s, SearchLink *link, LinkSide *side, const FhirIndexReference *r,
                         Slot *ret_first) {
    size_t before = *s->work;
    Slot made = store_id_parse(s->store, r->id);
    bool is_made = made != 0 && slot_set_has(&side->made, made);
    bool asks = !link->is_joined && !side->is_whole;
    if (asks && made != 0 && !is_made) {
        TRY(ask_made(s, side, r, made, &is_made));
        link->n_asked += is_made;
    }
    Slot first = is_made ? made : store_resolve(s->store, r->type, r->id);
    if (asks && first != 0 && !link_is_known(side, first)) {
        Slot slot = 0;
        TRY(search_current(s, first, &slot));
        TRY(link_ask_version(s, side, first, slot));
        link->n_asked++;
    }
    link->spent += *s->work - before;
    *ret_first = first;
    return ERR_OK;
}

/* ---- _has ---------------------------------------------------------------------------------------
 */

/* Resources that are asked about at once. */
typedef struct Asked {
    FhirQueryValue *values;
    SlotSet firsts;
    Slot *list;
    size_t n;
} Asked;

/* The side's search, narrowed to what refers to one of those that are asked about. */
static ErrCode narrowed(Search *s, const SearchLink *link, const Asked *asked, Search **ret) {
    const Search *side = link->sides[0].search;
    Search *b = arena_new_array(s->plan_arena, Search, 1);
    if (b == NULL) {
        return ERR_NOMEM;
    }
    *b = *side;
    b->is_lazy = b->is_narrowed = true;
    b->clauses = arena_new_array(s->plan_arena, Clause, b->n_clauses + 1);
    if (b->clauses == NULL) {
        return ERR_NOMEM;
    }
    memcpy(b->clauses, side->clauses, b->n_clauses * sizeof(Clause));
    b->clauses_max = b->n_clauses + 1;
    Clause *c = clause_new(b);
    FhirQueryTerm term = {.param = link->term->param};
    for (size_t i = 0; i < asked->n; i++) {
        TRY(value_ranges(b, c, &term, &asked->values[i]));
    }
    *ret = b;
    return link_finish(b, &term, c);
}

/* One search for all of them. What it finds says yes; of the others is known that not. */
static ErrCode ask_reverse(Search *s, SearchLink *link, Asked *asked) {
    LinkSide *side = &link->sides[0];
    Search *b = NULL;
    size_t before = *s->work;
    TRY(narrowed(s, link, asked, &b));
    SideFill f = {.s = s, .term = link->term, .side = side, .search = b, .max = SIZE_MAX};
    f.asked = &asked->firsts;
    f.n_left = asked->firsts.n;
    TRY(search_spend(s, LINK_WORK));
    ErrCode err = link_walk(&f);
    side->search->record = NULL; /* b used its arena */
    link->spent += *s->work - before + asked->n;
    link->n_asked += asked->n;
    for (size_t i = 0; i < asked->n && err == ERR_OK; i++) {
        err = slot_set_has(&side->yes, asked->list[i]) ? ERR_OK
                                                       : note(s, side, asked->list[i], false);
    }
    return err;
}

static ErrCode asked_new(Search *s, size_t max, Asked *ret) {
    *ret = (Asked){.values = arena_new_array(s->plan_arena, FhirQueryValue, max),
                   .list = arena_new_array(s->plan_arena, Slot, max)};
    return ret->values == NULL || ret->list == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode asked_put(Search *s, Asked *asked, const FhirIndexReference *r, Slot first) {
    bool is_new = false;
    TRY(slot_set_put(s->plan_arena, &asked->firsts, first, &is_new));
    if (is_new) {
        asked->list[asked->n] = first;
        asked->values[asked->n].kind = FHIR_INDEX_REFERENCE;
        asked->values[asked->n++].reference = *r;
    }
    return ERR_OK;
}

/* The batch's resources that nobody asked about yet. */
static ErrCode ask_batch(Search *s, SearchLink *link, const WalkBatch *batch) {
    Asked asked;
    TRY(asked_new(s, batch->n, &asked));
    for (size_t i = 0; i < batch->n; i++) {
        StoreVersion v;
        bool is_there = false;
        TRY(search_head(s, batch->base + batch->slots[i], &v, &is_there));
        if (is_there && !link_is_known(&link->sides[0], v.first)) {
            FhirIndexReference r = link_reference(v.type, arena_str(s->plan_arena, v.id));
            TRY(asked_put(s, &asked, &r, v.first));
        }
    }
    return asked.n == 0 ? ERR_OK : ask_reverse(s, link, &asked);
}

/* A page makes the sets itself, and goes on with their clause. */
static ErrCode keep_budget(Search *s, SearchLink *link) {
    bool is_over = !link->is_joined && link->spent > link->budget && s->wanted == 0;
    return is_over ? link_make_sets(s, link) : ERR_OK;
}

ErrCode search_link_batch(Search *s, const WalkBatch *batch) {
    for (size_t i = 0; i < s->n_links; i++) {
        SearchLink *link = s->links[i];
        if (link_is_reverse(link->term) && !link->is_joined) {
            TRY(keep_budget(s, link));
            bool by_one = s->wanted > 0 && link_sifts(link); /* the page may be full before */
            TRY(link->sides[0].is_whole || by_one ? ERR_OK : ask_batch(s, link, batch));
        }
    }
    return ERR_OK;
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

static bool is_value(const FhirQueryTerm *term, const FhirIndexReference *r) {
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirIndexReference *v = &term->values[i].reference;
        if (v->type == r->type && str_eq(v->id, r->id)) {
            return true;
        }
    }
    return false;
}

/* r is the resource at hand. */
static ErrCode holds_reverse(Search *s, SearchLink *link, const FhirIndexReference *r,
                             bool *ret_holds) {
    LinkSide *side = &link->sides[0];
    Slot first = s->last.first;
    if (!link_is_known(side, first)) {
        Asked asked;
        TRY(asked_new(s, 1, &asked));
        TRY(asked_put(s, &asked, r, first));
        TRY(ask_reverse(s, link, &asked));
    }
    *ret_holds = slot_set_has(&side->yes, first);
    return ERR_OK;
}

ErrCode search_link_holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *r,
                          bool *ret_holds) {
    Search *s = ctx;
    SearchLink *link = link_of(s, term);
    assert(link != NULL);
    *ret_holds = term->kind == FHIR_TERM_VALUES && is_value(term, r);
    TRY(keep_budget(s, link));
    if (link_is_reverse(term)) {
        return holds_reverse(s, link, r, ret_holds);
    }
    LinkSide *side = link_side_of(link, r->type);
    if (*ret_holds || side == NULL) {
        return ERR_OK;
    }
    Slot first = 0;
    link->spent++; /* the candidate */
    TRY(ask_chain(s, link, side, r, &first));
    *ret_holds = first != 0 && slot_set_has(&side->yes, first);
    return ERR_OK;
}

const FhirMatchLinks *search_link_inside(void *ctx, const FhirQueryTerm *term, FhirType type) {
    SearchLink *link = link_of(ctx, term);
    assert(link != NULL && link_side_of(link, type) != NULL);
    return &link_side_of(link, type)->inside;
}
