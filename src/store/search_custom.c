/* Clauses of custom parameters: their own index gives all slots at once; the last records, which it
 * may not hold yet, are read. */
#include "store/search_int.h"

#include "core/limits.h"
#include "store/store_params_int.h"

enum { SLOTS_MAX = 4 << 20 };

typedef struct Gather {
    Search *s;
    Clause *clause;
    const KeyRange *range;
    KeyVerdict verdict;
    Slot base;
} Gather;

static bool gather_take(void *ctx, Str key) {
    Gather *g = ctx;
    g->verdict = key_verdict(g->range, key);
    return g->verdict != KEY_NO;
}

static ErrCode gather_put(void *ctx, Str key, const uint32_t *slots, size_t n) {
    Gather *g = ctx;
    (void)key;
    g->clause->is_unsure = g->clause->is_unsure || g->verdict == KEY_MAYBE;
    if (g->clause->n_slots + n > SLOTS_MAX) {
        return search_too_much(g->s);
    }
    for (size_t i = 0; i < n; i++) {
        TRY(clause_slot(g->s, g->clause, g->base + slots[i]));
    }
    return ERR_OK;
}

static ErrCode gather_ranges(Search *s, const IndexView *view, const Clause *keys, Clause *into) {
    for (size_t i = 0; i < view->n; i++) {
        const IndexPart *p = &view->parts[i];
        for (size_t k = 0; k < keys->n_ranges; k++) {
            Gather g = {s, into, &keys->ranges[k], KEY_YES, part_base(p)};
            TRY(part_scan(p, &(TailScan){.from = keys->ranges[k].from,
                                         .to = keys->ranges[k].to,
                                         .below = part_below(p, s->snapshot),
                                         .take = gather_take,
                                         .put = gather_put,
                                         .ctx = &g}));
        }
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

ErrCode plan_custom(Search *s, const FhirQueryTerm *term) {
    assert(s->query->params != NULL);
    CustomParam *p = param_list_owner((const ParamList *)s->query->params, term->param);
    assert(p != NULL);
    RecordNo done = MIN(index_published(p->index), s->snapshot);
    if (s->snapshot - done > PARAM_LAG_MAX) {
        return not_yet(s, term, done);
    }
    Clause keys = {0};
    TRY(key_ranges(s, term, &keys));
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->is_negative = term->modifier == FHIR_MOD_NOT || term->modifier == FHIR_MOD_NOT_IN ||
                     (term->modifier == FHIR_MOD_MISSING && term->missing);
    IndexView *view = index_view_take(p->index);
    ErrCode err = gather_ranges(s, view, &keys, c);
    index_view_give(view);
    TRY(err);
    TRY(last_records(s, c, done));
    clause_finish(c);
    return ERR_OK;
}
