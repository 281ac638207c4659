/* Conditions: If-None-Exist, conditional update and delete, conditional references. What was found,
 * and that nothing else was, goes into the commit as something that the writer checks. */
#include "intake/intake_fhir_int.h"

#include "core/clock.h"
#include "fhir/fhir_match.h"

enum { OWN_MATCHES_MAX = 1 << 20 }; /* conditional references × entries of their types */

/* ---- expectations ---- */

/* One key of the index, or two. "|code" of other parameters than identifier means any system that
 * the definition or a ContactPoint's use stands for: no key says that. */
static bool is_exact_token(const FhirQueryTerm *t) {
    return t->kind == FHIR_TERM_VALUES && t->param->type == FHIR_PARAM_TOKEN &&
           t->modifier == FHIR_MOD_NONE && t->n_values == 1 && t->values[0].token.has_bar &&
           t->values[0].token.code.len > 0 &&
           (t->values[0].token.system.len > 0 || t->param->id == FHIR_P_IDENTIFIER);
}

/* Every exact token becomes an expectation: a new match would have to carry all of them. *ret is
 * the last one; false when there is none. */
static ErrCode expect_tokens(IntakeTx *tx, const FhirQuery *q, StoreExpect *ret, bool *ret_any) {
    *ret_any = false;
    for (size_t i = 0; i < q->n_terms; i++) {
        if (!is_exact_token(&q->terms[i])) {
            continue;
        }
        *ret = (StoreExpect){.type = q->type,
                             .param = q->terms[i].param->id,
                             .system = q->terms[i].values[0].token.system,
                             .value = q->terms[i].values[0].token.code};
        TRY(intake_expect(&tx->plan, ret));
        *ret_any = true;
    }
    return ERR_OK;
}

/* Any other condition is matched against what was committed meanwhile. */
static ErrCode expect_condition(IntakeTx *tx, const TxLook *look) {
    TxRelied *r = &tx->relied;
    if (r->n_conditions == r->cap_conditions) {
        size_t cap = r->cap_conditions == 0 ? 8 : r->cap_conditions * 2;
        StoreCondition *grown = arena_new_array(tx->tries, StoreCondition, cap);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (r->n_conditions > 0) {
            memcpy(grown, r->conditions, r->n_conditions * sizeof(*grown));
        }
        r->conditions = grown;
        r->cap_conditions = cap;
    }
    r->conditions[r->n_conditions++] = (StoreCondition){
        .type = look->type, .query = look->query, .base_url = tx->o.base_url, .now = tx->now};
    return ERR_OK;
}

ErrCode tx_rely(IntakeTx *tx, const StoreVersion *v) {
    TxRelied *r = &tx->relied;
    if (r->n_still == r->cap_still) {
        size_t cap = r->cap_still == 0 ? 16 : r->cap_still * 2;
        StoreStill *grown = arena_new_array(tx->tries, StoreStill, cap);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (r->n_still > 0) {
            memcpy(grown, r->still, r->n_still * sizeof(*grown));
        }
        r->still = grown;
        r->cap_still = cap;
    }
    r->still[r->n_still++] = (StoreStill){v->first, v->slot};
    return ERR_OK;
}

/* ---- looking up ---- */

static ErrCode search(IntakeTx *tx, const FhirQuery *q, const TxLook *look, TxFound *ret) {
    StorePage page = {0};
    StoreSearch search = {.query = q, .snapshot = tx->snapshot, .count = look->max};
    TRY(store_search(tx->store, tx->tries, &search, &page, look->info));
    ret->versions = page.matches;
    ret->n = page.n_matches;
    return ERR_OK;
}

ErrCode tx_look(IntakeTx *tx, const TxLook *look, FhirQuery *q, TxFound *ret) {
    StoreExpect token;
    bool exact = false;
    FhirQueryScope scope = {
        .type = look->type, .base_url = tx->o.base_url, .now = tx->now, .info = look->info};
    TRY(fhir_query_parse(tx->tries, &scope, look->query, q));
    if (q->n_terms == 0) {
        return err_set(look->info, ERR_PARAM, "condition-empty",
                       "the condition names no search parameter",
                       "điều kiện không nêu tham số tìm kiếm nào");
    }
    TRY(expect_tokens(tx, q, &token, &exact));
    if (!exact) {
        TRY(expect_condition(tx, look));
    }
    return exact && q->n_terms == 1 && token.param == FHIR_P_IDENTIFIER
               ? store_find(tx->store, tx->tries, &token, look->max, &ret->versions, &ret->n)
               : search(tx, q, look, ret);
}

/* Takes out what the transaction itself changes: found before it, it says nothing of afterwards. */
static void drop_changed(const IntakeTx *tx, bool deletes_only, TxFound *found) {
    size_t n = 0;
    for (size_t i = 0; i < found->n; i++) {
        if (!tx_changes(tx, found->versions[i].first, deletes_only)) {
            found->versions[n++] = found->versions[i];
        }
    }
    found->n = n;
}

static ErrCode too_many(FhirType type, ErrInfo *info) {
    return err_set(info, ERR_MULTIPLE, "condition-multiple",
                   "more than one %s fulfils the condition", "có nhiều hơn một %s thoả điều kiện",
                   fhir_type_name(type));
}

ErrCode tx_find_one(IntakeTx *tx, FhirType type, Str condition, StoreVersion *ret, ErrInfo *info) {
    FhirQuery q;
    TxFound found;
    TxLook look = {.type = type, .query = condition, .max = 2 + tx->n_deleted, .info = info};
    TRY(tx_look(tx, &look, &q, &found));
    drop_changed(tx, true, &found);
    *ret = (StoreVersion){0};
    if (found.n == 1) {
        *ret = found.versions[0];
        return tx_rely(tx, ret);
    }
    return found.n > 1 ? too_many(type, info) : ERR_OK;
}

/* ---- references: resolved when all else is known (http.html#trules) ---- */

/* Entries of this transaction that fulfil it; *ret_item is the last one. */
static ErrCode count_own(IntakeTx *tx, const FhirQuery *q, size_t *ret_item, size_t *ret_n) {
    CLEANUP_ARENA Arena *arena = arena_new(TX_ARENA_MAX);
    *ret_n = 0;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        const TxItem *item = &tx->items[i];
        if (!item->writes || item->op == STORE_DELETE || item->ask.type != q->type) {
            continue;
        }
        if (++tx->own_matches > OWN_MATCHES_MAX) {
            return ERR_LIMIT;
        }
        bool matches = false;
        FhirMatchContext context = {.id = item->op == STORE_CREATE ? item->new_id : item->found.id,
                                    .last_updated = tx->now,
                                    .base_url = tx->o.base_url};
        arena_reset(arena);
        TRY(fhir_match(arena, q, item->ask.root, &context, &matches));
        if (matches) {
            *ret_item = i;
            (*ret_n)++;
        }
    }
    return ERR_OK;
}

static ErrCode own_limit(ErrInfo *info) {
    return err_set(info, ERR_LIMIT, "conditions-work",
                   "too many conditional references for so many entries of their types: more than "
                   "%d comparisons",
                   "quá nhiều tham chiếu có điều kiện so với số mục cùng loại: hơn %d lần so sánh",
                   OWN_MATCHES_MAX);
}

ErrCode tx_find_reference(IntakeTx *tx, TxCondition *c, ErrInfo *info) {
    FhirQuery q;
    TxFound found;
    TxLook look = {.type = c->type, .query = c->query, .max = 2 + tx->n_changed, .info = info};
    size_t own = 0;
    TRY(tx_look(tx, &look, &q, &found));
    drop_changed(tx, false, &found);
    c->found = (StoreVersion){0};
    c->item = SIZE_MAX;
    ErrCode err = count_own(tx, &q, &c->item, &own);
    if (err != ERR_OK) {
        return err == ERR_LIMIT ? own_limit(info) : err;
    }
    if (found.n + own > 1) {
        return too_many(c->type, info);
    }
    if (found.n == 1) {
        c->found = found.versions[0];
        return tx_rely(tx, &c->found);
    }
    return own == 1 ? ERR_OK
                    : err_set(info, ERR_PRECONDITION, "reference-unmatched",
                              "nothing fulfils the conditional reference %s?" STR_FMT,
                              "không có gì thoả tham chiếu có điều kiện %s?" STR_FMT,
                              fhir_type_name(c->type), (int)MIN(c->query.len, (size_t)200),
                              c->query.ptr);
}
