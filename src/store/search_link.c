/* Terms that depend on other resources: chains, _has, _list (trees: search_tree.c).
 *
 * A term is joined in one of two ways. *Set*: the other resources are searched once, those that
 * meet it are a set of first slots, and the term becomes a clause of what refers to them (or, for
 * _has, of what they refer to): a hash join, whose cost is that of the other side. *Asked*
 * (search_ask.c): the candidates are walked in the order of the result and the other side is looked
 * up as they come, whose cost is the candidates until the page is full: wanted hits through the
 * share of the type that meets the term. The cheaper way by the index's counts is taken; since
 * counts know nothing of how the two sides hang together, asking has a budget, the set's cost,
 * after which the set is made and the page goes on behind the last candidate. Either way each
 * candidate is verified with search_link_holds, and everything that is read counts as work. */
#include "store/search_link_int.h"

#include "core/limits.h"
#include "fhir/fhir_extract.h"

enum { LINK_FEW = 16 }; /* so small a set is always made */

#define SIDE_RECORD_BYTES (600 * LIMIT_MIB)

/* ---- sets of first slots ------------------------------------------------------------------------
 */

static size_t set_place(const SlotSet *set, Slot slot) {
    size_t at = hash64((Str){(const char *)&slot, sizeof(slot)}) & set->mask;
    while (set->table[at] != 0 && set->table[at] != slot) {
        at = (at + 1) & set->mask;
    }
    return at;
}

bool slot_set_has(const SlotSet *set, Slot slot) {
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

ErrCode slot_set_put(Arena *arena, SlotSet *set, Slot slot, bool *ret_new) {
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

LinkSide *link_side_of(SearchLink *link, FhirType type) {
    for (size_t i = 0; i < link->n_sides; i++) {
        if (link->sides[i].type == type) {
            return &link->sides[i];
        }
    }
    return NULL;
}

static void free_arena(void *arena) {
    arena_free(arena);
}

ErrCode link_side_search(Search *s, FhirType type, FhirQueryTerm *terms, size_t n_terms,
                         Search **ret) {
    Search *c = arena_new_array(s->plan_arena, Search, 1);
    FhirQuery *q = arena_new_array(s->plan_arena, FhirQuery, 1);
    if (c == NULL || q == NULL) {
        return ERR_NOMEM;
    }
    *q = (FhirQuery){.type = type, .params = s->query->params, .terms = terms, .n_terms = n_terms};
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
                  .types = s->types,
                  .explain = s->explain,
                  .depth = s->depth + 1,
                  .is_side = true,
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

ErrCode link_put_target(Search *s, Clause *c, const FhirQueryTerm *term,
                        const FhirIndexReference *r) {
    FhirQueryTerm one = {.param = term->param};
    FhirQueryValue v = {.kind = FHIR_INDEX_REFERENCE};
    v.reference = *r;
    return value_ranges(s, c, &one, &v);
}

/* All references are there: keys of a parameter that came at run time stand in its own index. */
ErrCode link_finish(Search *s, const FhirQueryTerm *term, Clause *c) {
    bool is_own = fhir_param_is_custom(term->param) && c->n_ranges > 0;
    TRY(is_own ? custom_resolve(s, term, c) : ERR_OK);
    clause_finish(c);
    return ERR_OK;
}

FhirIndexReference link_reference(FhirType type, Str id) {
    return (FhirIndexReference){.type = type, .id = id, .url = STR_EMPTY, .local = -1};
}

/* ---- filling a set ------------------------------------------------------------------------------
 */

ErrCode link_fill_chain(SideFill *f, const StoreVersion *v) {
    bool is_new = false;
    TRY(slot_set_put(f->s->plan_arena, &f->side->yes, v->first, &is_new));
    if (is_new && f->clause != NULL) {
        FhirIndexReference r = link_reference(v->type, v->id);
        TRY(link_put_target(f->s, f->clause, f->term, &r));
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

/* The first slot of what is referred to. The patient of the record at hand is known to be one. */
static Slot target_first(const SideFill *f, const FhirIndexReference *r) {
    Slot made = store_id_parse(f->s->store, r->id);
    const StoredRecord *record = f->search->record;
    bool is_own = made != 0 && record != NULL && r->type == FHIR_T_PATIENT &&
                  record->patient == made && record->patient_id.len == 0;
    return is_own ? made : store_resolve(f->s->store, r->type, r->id);
}

static ErrCode fill_target(SideFill *f, const FhirIndexReference *r) {
    Search *s = f->s;
    bool is_new = false;
    Slot slot = 0;
    if (r->url.len > 0 || r->id.len == 0 || r->type != s->query->type) {
        return ERR_OK;
    }
    Slot first = target_first(f, r);
    if (first == 0) {
        return ERR_OK;
    }
    TRY(slot_set_put(s->plan_arena, &f->side->yes, first, &is_new));
    if (is_new && f->asked != NULL && slot_set_has(f->asked, first)) {
        f->n_left--;
    }
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

ErrCode link_extract(Search *side, const FhirSearchParam *param, const JsonNode *root,
                     FhirIndexSink *sink) {
    const FhirParamSet *set = side->query->params;
    FhirExtractSome some = {.type = side->query->type};
    if (fhir_param_is_custom(param)) {
        assert(set != NULL);
        return set->extract(set, side->match_arena, param, root, sink);
    }
    fhir_extract_want(&some, param->id);
    return fhir_extract_some(side->match_arena, &some, root, sink);
}

/* The resource met the link of a _has: what it refers to is a member. */
static ErrCode fill_reverse(SideFill *f, const JsonNode *root) {
    TargetSink sink = {{.put = target_put}, f, ERR_OK};
    TRY(link_extract(f->search, f->term->param, root, &sink.sink));
    bool is_enough = f->side->yes.n > f->max || (f->asked != NULL && f->n_left == 0);
    return sink.err != ERR_OK ? sink.err : is_enough ? ERR_STOPPED : ERR_OK;
}

ErrCode link_fill_one(SideFill *f, Slot slot, bool sure) {
    StoreVersion v;
    const JsonNode *root = NULL;
    bool is_match = true;
    bool reverse = link_is_reverse(f->term);
    TRY(sure ? ERR_OK : search_links_sift(f->search, slot, &is_match));
    if (!is_match) {
        return ERR_OK;
    }
    TRY(sure && !reverse ? search_head(f->search, slot, &v, &is_match)
                         : search_look(f->search, slot, &v, &root, &is_match));
    TRY(is_match ? search_spend(f->s, 1) : ERR_OK);
    if (is_match && !sure) {
        TRY(search_match(f->search, &v, root, &is_match));
    }
    return !is_match ? ERR_OK : reverse ? fill_reverse(f, root) : link_fill_chain(f, &v);
}

static ErrCode fill_put(void *ctx, const WalkBatch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        bool sure = (batch->sure[i / 64] >> (i % 64) & 1) != 0;
        TRY(link_fill_one(ctx, batch->base + batch->slots[i], sure));
    }
    return ERR_OK;
}

ErrCode link_walk(SideFill *f) {
    TRY(search_walk(f->search, 0, fill_put, f));
    return arena_failed(f->s->plan_arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode link_fill(SideFill *f, bool *ret_whole) {
    TRY(search_links_join(f->search));
    TRY(link_walk(f));
    *ret_whole = f->side->yes.n <= f->max;
    return ERR_OK;
}

/* ---- what each way costs
 * -------------------------------------------------------------------------
 */

/* The versions of a type that the index has, and how many of them are current. */
static const TypeCount *count_type(const Search *s, FhirType type) {
    TypeCount *at = s->types;
    size_t i = 0;
    while (i + 1 < SEARCH_TYPES && at[i].all > 0 && at[i].type != type) {
        i++;
    }
    if (at[i].all == 0 || at[i].type != type) {
        KeyBuf k;
        key_head(&k, INDEX_TYPE, (unsigned)type, 0);
        KeyRange range = {.from = key_str(&k), .is_exact = true};
        Clause c = {.ranges = &range, .n_ranges = 1};
        Slot end = SLOT_OF(s->snapshot + 1, 0);
        size_t dead = (size_t)dead_count_in(s->index->dead, type, 0, end);
        at[i] = (TypeCount){.type = type, .all = clause_estimate(s, &c) + 1};
        at[i].current = at[i].all - MIN(dead, at[i].all - 1);
    }
    return &at[i];
}

/* The current ones among n versions, if chance has made the others. */
static size_t current_of(const Search *s, FhirType type, size_t n) {
    const TypeCount *t = count_type(s, type);
    return (size_t)((double)n * (double)t->current / (double)t->all);
}

/* What the search's own clauses leave to look at. */
static size_t candidates(Search *s) {
    size_t n = search_estimate(s);
    return n == SIZE_MAX ? count_type(s, s->query->type)->current
                         : current_of(s, s->query->type, n);
}

/* The share of this side's resources that meet the link, if chance has put them together. */
static double share(const Search *s, const SearchLink *link) {
    size_t of = link_is_reverse(link->term) ? count_type(s, s->query->type)->current : 0;
    for (size_t i = 0; i < link->n_sides && !link_is_reverse(link->term); i++) {
        of += count_type(s, link->sides[i].type)->current;
    }
    return link->expected >= of ? 1.0 : ((double)link->expected + 1) / ((double)of + 1);
}

static bool has_sets(const SearchLink *link) {
    bool whole = true;
    for (size_t i = 0; i < link->n_sides; i++) {
        whole = whole && link->sides[i].is_whole;
    }
    return whole;
}

size_t search_expect(Search *s) {
    double n = (double)candidates(s);
    for (size_t i = 0; i < s->n_links; i++) {
        n *= s->links[i]->is_joined ? 1.0 : share(s, s->links[i]);
    }
    return (size_t)n;
}

/* How many candidates are to be looked at until as many as the page wants meet the link. */
static size_t asks(Search *s, const SearchLink *link) {
    size_t all = candidates(s);
    double n = s->wanted == 0 ? (double)all : (double)s->wanted / share(s, link);
    return n < (double)all ? (size_t)n : all;
}

static size_t set_most(const Search *s) {
    return s->limits.work_max / 2;
}

/* Asking may take as much work as the sets would: whatever the data are, the search does not do
 * more than twice what the better way takes. */
static size_t budget(const Search *s, const SearchLink *link) {
    size_t least = s->limits.link_work != 0 ? s->limits.link_work : MAX(link->expected, LINK_FEW);
    return link->expected > set_most(s) ? SIZE_MAX : MIN(least, (size_t)s->limits.work_max / 4);
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

/* Does any resource of the searched type contain one of this type that the term leads to? */
static bool may_contain(const Search *s, const FhirQueryTerm *term, FhirType type) {
    KeyBuf k;
    key_contained(&k, s->query->type, term->param->id, type);
    KeyRange range = {.from = key_str(&k), .is_exact = true};
    Clause c = {.ranges = &range, .n_ranges = 1};
    bool is_chain = term->kind == FHIR_TERM_CHAIN;
    return is_chain && (fhir_param_is_custom(term->param) || clause_estimate(s, &c) > 0);
}

static ErrCode plan_side(Search *s, SearchLink *link, const FhirQueryLink *to) {
    LinkSide *side = &link->sides[link->n_sides++];
    side->type = to->type;
    TRY(link_side_search(s, to->type, to->term, 1, &side->search));
    TRY(search_plan(side->search));
    side->is_contained = may_contain(s, link->term, to->type);
    side->inside = (FhirMatchLinks){side->search, search_link_holds, search_link_inside};
    return search_explain_plan(side->search);
}

/* The other sides as searches; how the term is joined is seen when all terms are known. */
static ErrCode plan_sides(Search *s, SearchLink *link) {
    const FhirQueryTerm *term = link->term;
    bool any = false;
    for (size_t i = 0; i < term->n_links; i++) {
        TRY(plan_side(s, link, &term->links[i]));
        const LinkSide *side = &link->sides[i];
        any = any || !side->search->is_empty || side->is_contained;
        link->expected += side->search->is_empty ? 0 : search_expect(side->search);
    }
    link->budget = budget(s, link);
    s->is_empty = s->is_empty || !any;
    return ERR_OK;
}

ErrCode search_plan_link(Search *s, const FhirQueryTerm *term) {
    SearchLink *link = NULL;
    bool tree = term->kind == FHIR_TERM_VALUES;
    TRY(fhir_param_is_custom(term->param) ? custom_is_ready(s, term) : ERR_OK);
    TRY(link_new(s, term, tree ? term->n_values : term->n_links, &link));
    link->is_joined = tree;
    return tree ? link_plan_tree(s, link) : plan_sides(s, link);
}

/* ---- joining ------------------------------------------------------------------------------------
 */

static ErrCode make_set(Search *s, SearchLink *link, LinkSide *side, Clause *c) {
    SideFill f = {.s = s, .term = link->term, .side = side, .search = side->search, .clause = c};
    f.max = set_most(s);
    SearchTimer since = search_timer(s);
    TRY(link_fill(&f, &side->is_whole));
    FhirType of = link_is_reverse(link->term) ? s->query->type : side->type;
    return search_explain_step(
        side->search, &since,
        (StorePlanStep){.what = arena_printf(s->out, "set of %s", fhir_type_name(of)),
                        .how = side->is_whole ? "hash join" : "given up: too large",
                        .estimate = link->expected,
                        .found = side->yes.n});
}

ErrCode link_make_sets(Search *s, SearchLink *link) {
    link->budget = SIZE_MAX; /* once */
    for (size_t i = 0; i < link->n_sides; i++) {
        TRY(make_set(s, link, &link->sides[i], NULL));
    }
    return ERR_OK;
}

/* What contains resources of the side's type is read: its keys do not say more. */
static ErrCode put_contained(Search *s, const SearchLink *link, const LinkSide *side, Clause *c) {
    KeyBuf from;
    if (!side->is_contained) {
        return ERR_OK;
    }
    key_contained(&from, s->query->type, link->term->param->id, side->type);
    KeyBuf to = from;
    key_byte(&to, 0);
    return clause_range(s, c,
                        &(KeyRange){.from = arena_str(s->plan_arena, key_str(&from)),
                                    .to = arena_str(s->plan_arena, key_str(&to)),
                                    .verdict = KEY_MAYBE});
}

/* The sets, and a clause of what refers to their members (_has: of the members). */
static ErrCode join(Search *s, SearchLink *link) {
    size_t at = s->n_clauses;
    bool whole = true;
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = link->term;
    link->budget = SIZE_MAX;
    for (size_t i = 0; i < link->n_sides && whole; i++) {
        LinkSide *side = &link->sides[i];
        side->yes = (SlotSet){0}; /* what was asked about comes again, now with its clause */
        TRY(make_set(s, link, side, c));
        TRY(put_contained(s, link, side, c));
        whole = side->is_whole;
    }
    if (!whole) {
        s->n_clauses = at;
        return ERR_OK;
    }
    link->is_joined = true;
    c->is_unsure = link_is_reverse(link->term); /* the id may be another type's */
    return link_finish(s, link->term, c);
}

/* A set is worth it when it costs no more than what asking would have to look at. A member of a
 * chain's set is looked up with all that refers to it; the answer to one look holds for many
 * candidates of a page (six looks a member were measured). */
static bool is_set_better(Search *s, const SearchLink *link) {
    enum { LOOKS_A_MEMBER = 6 };
    bool is_test = s->limits.link_work != 0;
    bool is_page = s->wanted > 0 && !link_is_reverse(link->term) && !is_test;
    size_t looks = asks(s, link) / (is_page ? LOOKS_A_MEMBER : 1);
    return link->expected <= set_most(s) &&
           link->expected <= MAX(looks, is_test ? 0 : (size_t)LINK_FEW);
}

static SearchLink *smallest(const Search *s, uint64_t done, size_t *ret_at) {
    SearchLink *least = NULL;
    for (size_t i = 0; i < s->n_links; i++) {
        bool open = !s->links[i]->is_joined && (done >> i & 1) == 0 && !has_sets(s->links[i]);
        if (open && (least == NULL || s->links[i]->expected < least->expected)) {
            least = s->links[i];
            *ret_at = i;
        }
    }
    return least;
}

ErrCode search_links_join(Search *s) {
    size_t at = 0;
    uint64_t done = 0;
    if (s->n_links == 0 || s->is_empty) {
        return ERR_OK;
    }
    search_plan_reopen(s);
    for (SearchLink *link = smallest(s, 0, &at); link != NULL; link = smallest(s, done, &at)) {
        done |= UINT64_C(1) << at;
        TRY(is_set_better(s, link) ? join(s, link) : ERR_OK);
    }
    return search_plan_close(s);
}

bool search_links_due(const Search *s) {
    for (size_t i = 0; i < s->n_links; i++) {
        if (!s->links[i]->is_joined && s->links[i]->spent > s->links[i]->budget) {
            return true;
        }
    }
    return false;
}

ErrCode search_links_switch(Search *s) {
    search_plan_reopen(s);
    for (size_t i = 0; i < s->n_links; i++) {
        SearchLink *link = s->links[i];
        TRY(!link->is_joined && link->spent > link->budget ? join(s, link) : ERR_OK);
    }
    return search_plan_close(s);
}

bool search_links_ask(const Search *s) {
    bool any = false;
    for (size_t i = 0; i < s->n_links; i++) {
        any = any || !s->links[i]->is_joined;
    }
    return any;
}

ErrCode search_links_explain(Search *s, const SearchTimer *since) {
    for (size_t i = 0; i < s->n_links && s->explain != NULL; i++) {
        const SearchLink *link = s->links[i];
        StorePlanStep step = {.what = search_explain_term(s, link->term),
                              .how = link->is_joined ? "looked up first, then joined"
                                                     : "looked up as candidates came",
                              .estimate = asks(s, link),
                              .found = link->n_asked};
        TRY(link->n_asked == 0 ? ERR_OK : search_explain_step(s, since, step));
    }
    return ERR_OK;
}
