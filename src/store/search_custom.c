/* Clauses of custom parameters: their own index gives all slots at once; the last records, which it
 * may not hold yet, are read. */
#include "store/search_int.h"

#include "core/limits.h"
#include "store/store_params_int.h"

enum { SLOTS_MAX = 4 << 20 };

/* The clause's ranges as slots of the parameter's own index. */
static ErrCode gather(Search *s, const IndexPart *p, const Clause *keys, Clause *into) {
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    CLEANUP(slot_vec_release) SlotVec maybe = {0};
    TRY(search_fill(s, p, keys, &slots, &maybe));
    into->is_unsure = into->is_unsure || maybe.n > 0;
    if (into->n_slots + slots.n > SLOTS_MAX) {
        return search_too_much(s);
    }
    for (size_t i = 0; i < slots.n; i++) {
        TRY(clause_slot(s, into, part_base(p) + slots.slots[i]));
    }
    return ERR_OK;
}

static ErrCode key_ranges(Search *s, const FhirQueryTerm *term, Clause *keys) {
    if (term->modifier == FHIR_MOD_MISSING) {
        if (term->param->type == FHIR_PARAM_REFERENCE) {
            TRY(value_all(s, keys, term->param->id | (unsigned)KEY_REFERENCE));
        }
        return value_all(s, keys, term->param->id);
    }
    for (size_t i = 0; i < term->n_values; i++) {
        TRY(value_ranges(s, keys, term, &term->values[i]));
    }
    return ERR_OK;
}

static ErrCode not_yet(const Search *s, const FhirQueryTerm *term, RecordNo done) {
    return err_set(s->info, ERR_BUSY, "search-indexing",
                   "'" STR_FMT "' is being indexed: %llu of %llu records are done",
                   "đang lập chỉ mục cho '" STR_FMT "': đã xong %llu trong %llu bản ghi",
                   STR_ARG(term->param->code), (unsigned long long)done,
                   (unsigned long long)s->snapshot);
}

/* The records that the index lacks may hold anything. */
static ErrCode last_records(Search *s, Clause *c, RecordNo done) {
    for (RecordNo r = done + 1; r <= s->snapshot; r++) {
        TRY(clause_records(s, c, &r, 1));
    }
    return ERR_OK;
}

static CustomParam *owner_of(const Search *s, const FhirQueryTerm *term) {
    assert(s->query->params != NULL);
    CustomParam *p = param_list_owner((const ParamList *)s->query->params, term->param);
    assert(p != NULL);
    return p;
}

ErrCode custom_is_ready(const Search *s, const FhirQueryTerm *term) {
    RecordNo done = MIN(index_published(owner_of(s, term)->index), s->snapshot);
    return s->snapshot - done > PARAM_LAG_MAX ? not_yet(s, term, done) : ERR_OK;
}

ErrCode custom_resolve(Search *s, const FhirQueryTerm *term, Clause *c) {
    CustomParam *p = owner_of(s, term);
    Clause keys = *c;
    RecordNo done = MIN(index_published(p->index), s->snapshot);
    TRY(custom_is_ready(s, term));
    c->n_ranges = c->n_records = 0; /* its keys have every reference */
    clause_finish(&keys);
    CLEANUP_VIEW IndexView *view = index_view_take(p->index);
    for (size_t i = 0; i < view->n; i++) {
        TRY(gather(s, &view->parts[i], &keys, c));
    }
    TRY(last_records(s, c, done));
    clause_finish(c);
    return ERR_OK;
}

ErrCode plan_custom(Search *s, const FhirQueryTerm *term) {
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->is_negative = term->modifier == FHIR_MOD_NOT || term->modifier == FHIR_MOD_NOT_IN ||
                     (term->modifier == FHIR_MOD_MISSING && term->missing);
    TRY(key_ranges(s, term, c));
    return custom_resolve(s, term, c);
}
