/* Candidates that a link denies, as keys say, before they are decoded. A chain to Patient: what
 * refers to no patient but the record's own stands and falls with it. A _has: the resources that
 * may refer to the candidate, the newest first, until one meets the link. */
#include "store/search_link_int.h"

/* ---- chains to the record's patient -------------------------------------------------------------
 */

/* The version of the resource that stands in the record at hand, if it is the current one: its
 * slot; else 0. */
static ErrCode current_here(const StoredRecord *r, Search *side, Slot first, Slot *ret) {
    uint64_t dead[1] = {0};
    uint32_t none = 0;
    size_t n_dead = 0;
    *ret = 0;
    for (unsigned i = 0; i < r->n_slots; i++) {
        if (r->slots[i].first == first && !r->slots[i].deleted) {
            *ret = SLOT_OF(r->number, i);
        }
    }
    if (*ret == 0) {
        return ERR_OK;
    }
    TRY(search_mark_dead(side, &(WalkBatch){*ret, &none, 1, NULL}, dead, &n_dead));
    *ret = n_dead == 0 ? *ret : 0;
    return ERR_OK;
}

static ErrCode ask_own(Search *s, SearchLink *link, Slot own) {
    LinkSide *side = &link->sides[0];
    size_t before = *s->work;
    Slot slot = 0;
    TRY(current_here(s->record, side->search, own, &slot));
    TRY(slot == 0 ? search_current(s, own, &slot) : ERR_OK);
    TRY(link_ask_version(s, side, own, slot));
    link->n_asked++;
    link->spent += *s->work - before;
    return ERR_OK;
}

/* A search spends on seeks, too. */
static ErrCode spend_seeks(Search *s, SearchLink *link, size_t n) {
    size_t before = link->n_seeks / LINK_SEEKS;
    link->n_seeks += n;
    size_t work = link->n_seeks / LINK_SEEKS - before;
    link->spent += work;
    return search_spend(s, work);
}

static ErrCode sift_chain(Search *s, SearchLink *link, Slot slot, bool *ret_may) {
    LinkSide *side = &link->sides[0];
    StoredPatients patients = PATIENTS_ANY;
    Slot own = 0;
    if (link->n_sides != 1 || side->type != FHIR_T_PATIENT ||
        fhir_param_is_custom(link->term->param)) {
        return ERR_OK;
    }
    TRY(spend_seeks(s, link, 1));
    TRY(search_patients(s, slot, &patients, &own));
    if (patients == PATIENTS_ANY) {
        return ERR_OK;
    }
    bool asks = patients == PATIENTS_OWN && !link_is_known(side, own);
    TRY(asks ? ask_own(s, link, own) : ERR_OK);
    *ret_may = patients == PATIENTS_OWN && slot_set_has(&side->yes, own);
    return ERR_OK;
}

/* ---- _has ---------------------------------------------------------------------------------------
 */

bool link_sifts(const SearchLink *link) {
    return link->n_sides == 1 && !fhir_param_is_custom(link->term->param) &&
           probe_fits(link->sides[0].search);
}

/* The slots of a span of one record that may meet the side. */
static ErrCode ask_span(SideFill *f, SearchLink *link, Slot from, Slot last) {
    while (from <= last) {
        uint64_t dead[1] = {0};
        size_t n_dead = 0;
        Slot slot = 0;
        TRY(spend_seeks(f->s, link, 1));
        TRY(probe_next(f->side->probe, from, last, &slot));
        if (slot == 0) {
            return ERR_OK;
        }
        uint32_t none = 0;
        TRY(search_mark_dead(f->search, &(WalkBatch){slot, &none, 1, NULL}, dead, &n_dead));
        TRY(n_dead > 0 ? ERR_OK : link_fill_one(f, slot, false));
        from = slot + 1;
    }
    return ERR_OK;
}

static ErrCode ask_record(SideFill *f, SearchLink *link, RecordNo record) {
    return ask_span(f, link, SLOT_OF(record, 0), SLOT_OF(record, STORE_RECORD_SLOTS - 1));
}

typedef struct AskOne {
    SideFill *f;
    SearchLink *link;
    const Clause *clause; /* what refers to it */
    Slot first;
} AskOne;

static bool is_met(const AskOne *a) {
    return slot_set_has(&a->f->side->yes, a->first);
}

static ErrCode ask_posted(const AskOne *a, const IndexPart *part, SlotVec *slots) {
    uint32_t below = part_below(part, a->f->s->snapshot);
    for (size_t i = 0; i < a->clause->n_ranges && !is_met(a); i++) {
        slots->n = 0;
        TRY(part_get(part, a->clause->ranges[i].from, below, slots));
        for (size_t k = slots->n; k-- > 0 && !is_met(a);) {
            Slot slot = part_base(part) + slots->slots[k];
            TRY(ask_span(a->f, a->link, slot, slot));
        }
    }
    return ERR_OK;
}

/* Parts, records and slots from the newest on: what is sought is as often as not in the last. */
static ErrCode ask_parts(const AskOne *a) {
    const Search *s = a->f->s;
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    size_t n = a->clause->n_records;
    for (size_t i = s->view->n; i-- > 0 && !is_met(a);) {
        const IndexPart *part = &s->view->parts[i];
        for (; n > 0 && a->clause->records[n - 1] >= part->first && !is_met(a); n--) {
            TRY(ask_record(a->f, a->link, a->clause->records[n - 1]));
        }
        TRY(is_met(a) ? ERR_OK : ask_posted(a, part, &slots));
    }
    return ERR_OK;
}

static bool is_exact(const Clause *c) {
    bool exact = true;
    for (size_t i = 0; i < c->n_ranges; i++) {
        exact = exact && c->ranges[i].is_exact;
    }
    return exact;
}

/* Sets what is known of the candidate; ret_asked: false when its references are no plain keys. */
static ErrCode ask_one(Search *s, SearchLink *link, const StoreVersion *v, bool *ret_asked) {
    LinkSide *side = &link->sides[0];
    Clause clause = {0};
    FhirIndexReference r = link_reference(v->type, arena_str(s->plan_arena, v->id));
    FhirQueryTerm term = {.param = link->term->param};
    FhirQueryValue value = {.kind = FHIR_INDEX_REFERENCE};
    value.reference = r;
    SideFill f = {.s = s, .term = link->term, .side = side, .search = side->search};
    f.max = SIZE_MAX;
    AskOne a = {.f = &f, .link = link, .clause = &clause, .first = v->first};
    bool is_new = false;
    *ret_asked = true;
    TRY(side->probe == NULL ? probe_new(side->search, &side->probe) : ERR_OK);
    TRY(ask_record(&f, link, SLOT_RECORD(v->slot)));
    if (is_met(&a)) {
        return ERR_OK;
    }
    TRY(value_ranges(side->search, &clause, &term, &value));
    clause_finish(&clause);
    *ret_asked = is_exact(&clause);
    TRY(*ret_asked ? ask_parts(&a) : ERR_OK);
    return is_met(&a) || !*ret_asked ? ERR_OK
                                     : slot_set_put(s->plan_arena, &side->no, v->first, &is_new);
}

static ErrCode sift_reverse(Search *s, SearchLink *link, Slot slot, bool *ret_may) {
    LinkSide *side = &link->sides[0];
    StoreVersion v;
    size_t before = *s->work;
    bool is_there = false;
    bool is_asked = true;
    TRY(search_head(s, slot, &v, &is_there));
    if (!is_there || !link_sifts(link)) {
        return ERR_OK;
    }
    Slot first = v.first;
    if (!link_is_known(side, first)) {
        TRY(ask_one(s, link, &v, &is_asked));
        link->n_asked++;
        link->spent += *s->work - before + 1;
    }
    *ret_may = !is_asked || slot_set_has(&side->yes, first);
    return ERR_OK;
}

ErrCode search_links_sift(Search *s, Slot slot, bool *ret_may) {
    *ret_may = true;
    for (size_t i = 0; i < s->n_links && *ret_may; i++) {
        SearchLink *link = s->links[i];
        if (link->is_joined || link->n_sides == 0) {
            continue;
        }
        TRY(link_is_reverse(link->term) ? sift_reverse(s, link, slot, ret_may)
                                        : sift_chain(s, link, slot, ret_may));
    }
    return ERR_OK;
}
