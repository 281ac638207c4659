/* The query's terms -> clauses. */
#include "store/search_int.h"

#include "fhir/fhir_match.h"

/* ---- growing lists in the plan's arena ---- */

static ErrCode grow(Arena *arena, void **items, size_t *max, size_t n, size_t size) {
    if (n < *max) {
        return ERR_OK;
    }
    size_t fresh_max = MAX(*max * 2, (size_t)16);
    void *fresh = arena_calloc(arena, fresh_max, size);
    if (fresh == NULL) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(fresh, *items, n * size);
    }
    *items = fresh;
    *max = fresh_max;
    return ERR_OK;
}

Clause *clause_new(Search *s) {
    void *items = s->clauses;
    if (grow(s->plan_arena, &items, &s->clauses_max, s->n_clauses, sizeof(Clause)) != ERR_OK) {
        return NULL;
    }
    s->clauses = items;
    Clause *c = &s->clauses[s->n_clauses++];
    memset(c, 0, sizeof(*c));
    return c;
}

ErrCode clause_range(Search *s, Clause *c, const KeyRange *range) {
    if (arena_failed(s->plan_arena)) {
        return ERR_NOMEM;
    }
    if (str_cmp(range->from, range->to) >= 0) {
        return ERR_OK;
    }
    void *items = c->ranges;
    TRY(grow(s->plan_arena, &items, &c->ranges_max, c->n_ranges, sizeof(KeyRange)));
    c->ranges = items;
    c->ranges[c->n_ranges++] = *range;
    return ERR_OK;
}

ErrCode clause_records(Search *s, Clause *c, const RecordNo *records, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (records[i] == 0 || records[i] > s->snapshot) {
            continue;
        }
        void *items = c->records;
        TRY(grow(s->plan_arena, &items, &c->records_max, c->n_records, sizeof(RecordNo)));
        c->records = items;
        c->records[c->n_records++] = records[i];
    }
    return ERR_OK;
}

ErrCode clause_slot(Search *s, Clause *c, Slot slot) {
    void *items = c->slots;
    TRY(grow(s->plan_arena, &items, &c->slots_max, c->n_slots, sizeof(Slot)));
    c->slots = items;
    c->slots[c->n_slots++] = slot;
    return ERR_OK;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(uint64_t *values, size_t n) {
    if (n == 0) {
        return 0;
    }
    qsort(values, n, sizeof(*values), compare_u64);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (values[i] != values[kept - 1]) {
            values[kept++] = values[i];
        }
    }
    return kept;
}

static int compare_ranges(const void *a, const void *b) {
    return str_cmp(((const KeyRange *)a)->from, ((const KeyRange *)b)->from);
}

/* Sorted, so that a part is walked in one direction; the same exact key once. */
void clause_finish(Clause *c) {
    c->n_records = sort_unique(c->records, c->n_records);
    c->n_slots = sort_unique(c->slots, c->n_slots);
    if (c->n_ranges > 1) {
        qsort(c->ranges, c->n_ranges, sizeof(KeyRange), compare_ranges);
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->n_ranges; i++) {
        bool again = kept > 0 && c->ranges[i].is_exact && c->ranges[kept - 1].is_exact &&
                     str_eq(c->ranges[i].from, c->ranges[kept - 1].from);
        if (!again) {
            c->ranges[kept++] = c->ranges[i];
        }
    }
    c->n_ranges = kept;
}

/* ---- _id ---- */

/* The version of the resource with this id that is current. */
static ErrCode id_slot(Search *s, Clause *c, const FhirQueryValue *v) {
    Slot first = store_resolve(s->store, s->query->type, v->token.code);
    Slot slot = 0;
    TRY(first == 0 ? ERR_OK : search_current(s, first, &slot));
    return slot == 0 ? ERR_OK : clause_slot(s, c, slot);
}

static ErrCode plan_id(Search *s, const FhirQueryTerm *term) {
    if (term->modifier == FHIR_MOD_MISSING) {
        s->is_empty = s->is_empty || term->missing;
        return ERR_OK;
    }
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    c->is_negative = term->modifier == FHIR_MOD_NOT;
    for (size_t i = 0; i < term->n_values; i++) {
        TRY(id_slot(s, c, &term->values[i]));
    }
    clause_finish(c);
    c->is_unsure = !c->is_negative; /* the id may be another type's */
    return ERR_OK;
}

/* ---- _lastUpdated: times rise with record numbers ---- */

/* The first record that was committed at t or later (one more than the last when there is none). */
static ErrCode first_record_at(Search *s, TimeMs t, RecordNo *ret_number) {
    RecordNo lo = 1;
    RecordNo hi = s->snapshot + 1;
    while (lo < hi) {
        RecordNo mid = lo + (hi - lo) / 2;
        TimeMs at = 0;
        TRY(store_record_time(s->store, mid, &at));
        if (at < t) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_number = lo;
    return ERR_OK;
}

/* [*ret_lo, *ret_hi): when an instant meets the value. NE has no such span. */
static bool updated_span(const FhirQueryValue *v, TimeMs *ret_lo, TimeMs *ret_hi) {
    *ret_lo = INT64_MIN;
    *ret_hi = INT64_MAX;
    switch ((FhirPrefix)v->prefix) {
    case FHIR_PREFIX_EQ:
    case FHIR_PREFIX_AP:
        *ret_lo = v->date.lo;
        *ret_hi = v->date.hi;
        break;
    case FHIR_PREFIX_GT:
    case FHIR_PREFIX_SA:
        *ret_lo = v->date.hi;
        break;
    case FHIR_PREFIX_LT:
    case FHIR_PREFIX_EB:
        *ret_hi = v->date.lo;
        break;
    case FHIR_PREFIX_GE:
        *ret_lo = v->date.lo;
        break;
    case FHIR_PREFIX_LE:
        *ret_hi = v->date.hi;
        break;
    case FHIR_PREFIX_NE:
        return false;
    }
    return true;
}

/* Several values: the span around all of them, and verification. */
static ErrCode plan_updated(Search *s, const FhirQueryTerm *term) {
    if (term->modifier == FHIR_MOD_MISSING) {
        s->is_empty = s->is_empty || term->missing;
        return ERR_OK;
    }
    TimeMs lo = INT64_MAX;
    TimeMs hi = INT64_MIN;
    bool whole = term->n_values == 1 && term->modifier == FHIR_MOD_NONE;
    for (size_t i = 0; i < term->n_values; i++) {
        TimeMs from = INT64_MIN;
        TimeMs to = INT64_MAX;
        whole = updated_span(&term->values[i], &from, &to) && whole;
        lo = MIN(lo, from);
        hi = MAX(hi, to);
    }
    s->is_unsure = s->is_unsure || !whole;
    if (term->modifier != FHIR_MOD_NONE || lo >= hi) {
        s->is_empty = s->is_empty || term->modifier == FHIR_MOD_NONE;
        return ERR_OK;
    }
    RecordNo first = 1;
    RecordNo end = s->snapshot + 1;
    TRY(lo == INT64_MIN ? ERR_OK : first_record_at(s, lo, &first));
    TRY(hi == INT64_MAX ? ERR_OK : first_record_at(s, hi, &end));
    s->low = MAX(s->low, SLOT_OF(first, 0));
    s->high = MIN(s->high, SLOT_OF(end, 0));
    return ERR_OK;
}

/* ---- terms with postings ---- */

static ErrCode plan_missing(Search *s, const FhirQueryTerm *term) {
    bool is_reference = term->param->type == FHIR_PARAM_REFERENCE;
    if (is_reference) { /* references inside a record have no postings */
        s->is_unsure = true;
        if (!term->missing) {
            return ERR_OK;
        }
    }
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    c->is_negative = term->missing;
    if (is_reference) {
        TRY(value_all(s, c, term->param->id | (unsigned)KEY_REFERENCE));
    }
    TRY(value_all(s, c, term->param->id));
    clause_finish(c);
    return ERR_OK;
}

/* One reference by a server-made id. A patient's records hold what refers to it by nature. */
static void note_near(Search *s, const FhirQueryTerm *term) {
    const FhirQueryValue *v = &term->values[0];
    const FhirIndexReference *r = &v->reference;
    bool plain = term->modifier == FHIR_MOD_NONE || term->modifier == FHIR_MOD_TYPE;
    if (term->n_values == 1 && plain && v->kind == FHIR_INDEX_REFERENCE && s->near == NULL &&
        !fhir_param_is_custom(term->param) && r->type != FHIR_T_NONE && r->type != FHIR_T_PATIENT &&
        r->id.len > 0 && r->url.len == 0) {
        s->near_first = store_id_parse(s->store, r->id);
        s->near = s->near_first == 0 ? NULL : r;
    }
}

static ErrCode plan_values(Search *s, const FhirQueryTerm *term) {
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    c->is_negative = term->modifier == FHIR_MOD_NOT || term->modifier == FHIR_MOD_NOT_IN;
    for (size_t i = 0; i < term->n_values; i++) {
        TRY(value_ranges(s, c, term, &term->values[i]));
    }
    note_near(s, term);
    clause_finish(c);
    return ERR_OK;
}

/* A compartment: the union of what its parameters give. */
static ErrCode plan_any(Search *s, const FhirQueryTerm *term) {
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = term;
    for (size_t i = 0; i < term->n_links; i++) {
        const FhirQueryTerm *one = term->links[i].term;
        for (size_t k = 0; k < one->n_values; k++) {
            TRY(one->param->id == FHIR_P__ID ? id_slot(s, c, &one->values[k])
                                             : value_ranges(s, c, one, &one->values[k]));
        }
    }
    clause_finish(c);
    c->is_unsure = true; /* the id may be another type's */
    return ERR_OK;
}

static ErrCode plan_term(Search *s, const FhirQueryTerm *term) {
    if (term->kind == FHIR_TERM_ANY) {
        return plan_any(s, term);
    }
    if (term->param->id == FHIR_P__ID) {
        return plan_id(s, term);
    }
    if (term->param->id == FHIR_P__LAST_UPDATED) {
        return plan_updated(s, term);
    }
    if (fhir_term_is_linked(term)) {
        return search_plan_link(s, term);
    }
    if (term->param->type == FHIR_PARAM_WORDS) {
        return plan_words(s, term);
    }
    if (fhir_param_is_custom(term->param)) {
        return plan_custom(s, term);
    }
    return term->modifier == FHIR_MOD_MISSING ? plan_missing(s, term) : plan_values(s, term);
}

/* ---- two terms in one clause ---- */

static const FhirQueryTerm *plain_term(const Search *s, unsigned param, uint64_t used,
                                       size_t *ret_at) {
    for (size_t i = 0; i < s->query->n_terms; i++) {
        const FhirQueryTerm *t = &s->query->terms[i];
        if (t->kind == FHIR_TERM_VALUES && t->param->id == param && t->modifier == FHIR_MOD_NONE &&
            (used >> i & 1) == 0) {
            *ret_at = i;
            return t;
        }
    }
    return NULL;
}

static bool all_have_codes(const FhirQueryTerm *term) {
    for (size_t i = 0; i < term->n_values; i++) {
        if (term->values[i].kind != FHIR_INDEX_TOKEN || term->values[i].token.code.len == 0) {
            return false;
        }
    }
    return true;
}

/* A resource has a key for each of its (token, second) pairs: both terms hold exactly when one of
 * those keys does. used: terms that a pair has taken over. */
static ErrCode plan_pair(Search *s, unsigned param, unsigned token, unsigned second,
                         uint64_t *used) {
    size_t at_token = 0;
    size_t at_second = 0;
    const FhirQueryTerm *a = plain_term(s, token, 0, &at_token);
    const FhirQueryTerm *b = plain_term(s, second, *used, &at_second);
    if (a == NULL || b == NULL || !all_have_codes(a) ||
        a->n_values * b->n_values > SEARCH_PAIR_MAX) {
        return ERR_OK;
    }
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->term = a;
    c->second = b;
    c->is_one_token = a->n_values == 1 && b->n_values == 1 && a->values[0].token.system.len > 0;
    for (size_t i = 0; i < a->n_values; i++) {
        for (size_t k = 0; k < b->n_values; k++) {
            TRY(value_pair(s, c, param, &a->values[i], &b->values[k]));
        }
    }
    clause_finish(c);
    *used |= UINT64_C(1) << at_token | UINT64_C(1) << at_second;
    return ERR_OK;
}

static ErrCode plan_pairs(Search *s, uint64_t *used) {
    for (size_t i = 0; key_pair(i) != NULL; i++) {
        const KeyPair *p = key_pair(i);
        if (p->type == s->query->type) {
            TRY(plan_pair(s, p->param, p->token, p->date, used));
        }
    }
    if (s->query->type == FHIR_T_OBSERVATION) {
        TRY(plan_pair(s, FHIR_P_CODE_VALUE_QUANTITY, FHIR_P_CODE, FHIR_P_VALUE_QUANTITY, used));
    }
    return ERR_OK;
}

/* ---- estimates ---- */

/* The slots of a range in a part: of a segment by its blocks, of a tail (4,096 records) a guess
 * unless it is one key. */
static size_t range_estimate(const IndexPart *part, const KeyRange *r) {
    enum { TAIL_RANGE = 200, ONE_OF = 16 };
    bool filters = r->test == TEST_CONTAINS || r->test == TEST_WORDS || r->test == TEST_SYSTEM;
    uint64_t n = 0;
    if (part->segment == NULL) {
        n = r->is_exact ? tail_count(part->tail, r->from) : TAIL_RANGE;
    } else if (!r->is_exact) {
        n = segment_estimate(part->segment, r->from, r->to);
    } else if (segment_count(part->segment, r->from, &n) != ERR_OK) {
        n = 0; /* the walk will say what is wrong */
    }
    return (size_t)(filters ? n / ONE_OF : n);
}

size_t clause_estimate_keys(const IndexPart *part, const Clause *c) {
    enum { SAMPLES = 64 };
    size_t step = c->n_ranges / SAMPLES + 1;
    size_t n = 0;
    for (size_t i = 0; i < c->n_ranges; i += step) {
        n += range_estimate(part, &c->ranges[i]);
    }
    return n * step;
}

size_t clause_estimate(const Search *s, const Clause *c) {
    enum { SLOTS_A_RECORD = 10 };
    size_t n = 0;
    for (size_t p = 0; p < s->view->n && s->view->parts[p].first <= s->snapshot; p++) {
        n += clause_estimate_keys(&s->view->parts[p], c);
    }
    return n + c->n_slots + c->n_records * SLOTS_A_RECORD;
}

size_t search_estimate(Search *s) {
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < s->n_clauses && !s->is_empty; i++) {
        if (!s->clauses[i].is_negative) {
            least = MIN(least, clause_estimate(s, &s->clauses[i]));
        }
    }
    return s->is_empty ? 0 : least;
}

/* Without a positive clause the type's own list is the start. */
static ErrCode plan_type(Search *s) {
    for (size_t i = 0; i < s->n_clauses; i++) {
        if (!s->clauses[i].is_negative) {
            return ERR_OK;
        }
    }
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    KeyBuf from;
    key_head(&from, INDEX_TYPE, (unsigned)s->query->type, 0);
    KeyBuf to = from;
    key_byte(&to, 0);
    s->of_type = true;
    return clause_range(s, c,
                        &(KeyRange){.from = arena_str(s->plan_arena, key_str(&from)),
                                    .to = arena_str(s->plan_arena, key_str(&to)),
                                    .is_exact = true,
                                    .verdict = KEY_YES});
}

void search_plan_reopen(Search *s) {
    for (size_t i = 0; i < s->n_clauses && s->of_type; i++) {
        if (s->clauses[i].term == NULL && !s->clauses[i].is_negative) {
            s->n_clauses--;
            memmove(&s->clauses[i], &s->clauses[i + 1], (s->n_clauses - i) * sizeof(Clause));
            s->of_type = false;
        }
    }
}

ErrCode search_plan_close(Search *s) {
    for (size_t i = 0; i < s->n_clauses; i++) {
        const Clause *c = &s->clauses[i];
        s->is_empty = s->is_empty ||
                      (!c->is_negative && c->n_ranges == 0 && c->n_records == 0 && c->n_slots == 0);
    }
    TRY(plan_type(s));
    return arena_failed(s->plan_arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode search_plan(Search *s) {
    s->links = NULL;
    s->n_links = 0;
    s->low = SLOT_OF(s->since + 1, 0);
    s->high = SLOT_OF(s->snapshot + 1, 0);
    uint64_t used = 0;
    TRY(plan_pairs(s, &used));
    for (size_t i = 0; i < s->query->n_terms; i++) {
        if ((used >> i & 1) == 0) {
            TRY(plan_term(s, &s->query->terms[i]));
        }
    }
    TRY(search_plan_close(s));
    /* When the others are known: how a link is joined depends on what they leave. */
    return s->is_side ? ERR_OK : search_links_join(s);
}
