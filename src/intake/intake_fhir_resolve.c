/* One attempt of a transaction: targets looked up, changes grouped by patient, the commit built. */
#include "intake/intake_fhir_int.h"

static void place_error(const IntakeTx *tx, size_t item, ErrInfo *info) {
    if (tx->n_items > 1) {
        err_where(info, "Bundle.entry[%zu]", item);
    }
}

/* ---- conditions ---- */

/* One key of the index, or two. "|code" of other parameters than identifier means any system that
 * the definition or a ContactPoint's use stands for: no key says that. */
static bool is_exact_token(const FhirQueryTerm *t) {
    return t->param->type == FHIR_PARAM_TOKEN && t->modifier == FHIR_MOD_NONE && t->n_values == 1 &&
           t->values[0].token.has_bar && t->values[0].token.code.len > 0 &&
           (t->values[0].token.system.len > 0 || t->param->id == FHIR_P_IDENTIFIER);
}

/* Every exact token becomes an expectation: a new match would have to carry all of them. */
static ErrCode expect_tokens(IntakeTx *tx, const FhirQuery *q, StoreExpect *ret, ErrInfo *info) {
    size_t n = 0;
    for (size_t i = 0; i < q->n_terms; i++) {
        if (!is_exact_token(&q->terms[i])) {
            continue;
        }
        *ret = (StoreExpect){.type = q->type,
                             .param = q->terms[i].param->id,
                             .system = q->terms[i].values[0].token.system,
                             .value = q->terms[i].values[0].token.code};
        TRY(intake_expect(&tx->plan, ret));
        n++;
    }
    return n > 0 ? ERR_OK
                 : err_set(info, ERR_UNSUPPORTED, "condition-token",
                           "a condition needs one exact token such as identifier=system|value",
                           "điều kiện phải có một mã chính xác, ví dụ identifier=hệ_thống|giá_trị");
}

static ErrCode search_two(IntakeTx *tx, const FhirQuery *q, StoreVersion **ret, size_t *ret_n,
                          ErrInfo *info) {
    StorePage page = {0};
    StoreSearch search = {.query = q, .snapshot = tx->snapshot, .count = 2};
    TRY(store_search(tx->store, tx->tries, &search, &page, info));
    *ret = page.matches;
    *ret_n = page.n_matches;
    return ERR_OK;
}

/* The only resource that fulfils the condition; ret->first = 0: none. */
static ErrCode find_one(IntakeTx *tx, FhirType type, Str condition, StoreVersion *ret,
                        ErrInfo *info) {
    FhirQuery q;
    StoreExpect token;
    StoreVersion *found = NULL;
    size_t n = 0;
    FhirQueryScope scope = {.type = type, .base_url = tx->o.base_url, .info = info};
    TRY(fhir_query_parse(tx->tries, &scope, condition, &q));
    TRY(expect_tokens(tx, &q, &token, info));
    bool direct = q.n_terms == 1 && token.param == FHIR_P_IDENTIFIER;
    TRY(direct ? store_find(tx->store, tx->tries, &token, 2, &found, &n)
               : search_two(tx, &q, &found, &n, info));
    if (n > 1) {
        return err_set(info, ERR_MULTIPLE, "condition-multiple",
                       "more than one %s fulfils the condition",
                       "có nhiều hơn một %s thoả điều kiện", fhir_type_name(type));
    }
    *ret = n == 1 ? found[0] : (StoreVersion){0};
    return ERR_OK;
}

/* ---- targets ---- */

/* The newest version, deleted ones too; first = 0: never was there. */
static ErrCode find_id(IntakeTx *tx, FhirType type, Str id, StoreVersion *ret) {
    *ret = (StoreVersion){0};
    ErrCode err = store_get(tx->store, tx->tries, type, id, ret);
    if (err == ERR_NOT_FOUND) {
        *ret = (StoreVersion){0};
    }
    return err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_OK : err;
}

static ErrCode check_match(const TxItem *item, ErrInfo *info) {
    uint32_t wanted = item->ask.if_match;
    bool there = item->found.first != 0 && !item->found.deleted;
    if (wanted == 0 || (there && item->found.version == wanted)) {
        return ERR_OK;
    }
    return there ? err_set(info, ERR_PRECONDITION, "if-match",
                           "the newest version is %u, not %u: read it again",
                           "phiên bản mới nhất là %u, không phải %u: hãy đọc lại",
                           (unsigned)item->found.version, (unsigned)wanted)
                 : err_set(info, ERR_PRECONDITION, "if-match", "there is no version %u",
                           "không có phiên bản %u", (unsigned)wanted);
}

static void answer_existing(TxItem *item, int status) {
    item->answer = (IntakeAnswer){.status = status,
                                  .type = item->ask.type,
                                  .id = item->found.id,
                                  .slot = item->found.slot,
                                  .version = item->found.version,
                                  .time = item->found.time};
}

static void will_write(TxItem *item, StoreOp op, int status) {
    item->writes = true;
    item->op = op;
    item->answer = (IntakeAnswer){.status = status, .type = item->ask.type};
}

static ErrCode resolve_create(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    if (item->ask.condition.len > 0) {
        TRY(find_one(tx, item->ask.type, item->ask.condition, &item->found, info));
        if (item->found.first != 0) {
            answer_existing(item, 200);
            return ERR_OK;
        }
    }
    item->new_id = item->client_id;
    will_write(item, STORE_CREATE, 201);
    return ERR_OK;
}

static ErrCode resolve_update(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    Str id = item->ask.id;
    if (item->ask.condition.len > 0) {
        TRY(find_one(tx, item->ask.type, item->ask.condition, &item->found, info));
        Str body_id = json_str(tx->tries, json_get_lit(item->ask.root, "id"));
        if (item->found.first != 0 && body_id.len > 0 && !str_eq(body_id, item->found.id)) {
            return err_set(info, ERR_PARAM, "id-mismatch",
                           "the condition finds " STR_FMT ", the resource says " STR_FMT,
                           "điều kiện tìm thấy " STR_FMT ", tài nguyên ghi " STR_FMT,
                           STR_ARG(item->found.id), STR_ARG(body_id));
        }
        id = item->found.first == 0 ? body_id : STR_EMPTY;
    }
    if (id.len > 0) {
        TRY(find_id(tx, item->ask.type, id, &item->found));
    }
    TRY(check_match(item, info));
    item->new_id = id;
    bool there = item->found.first != 0;
    will_write(item, there ? STORE_UPDATE : STORE_CREATE,
               there && !item->found.deleted ? 200 : 201);
    return ERR_OK;
}

static ErrCode resolve_delete(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    TRY(item->ask.condition.len > 0
            ? find_one(tx, item->ask.type, item->ask.condition, &item->found, info)
            : find_id(tx, item->ask.type, item->ask.id, &item->found));
    TRY(check_match(item, info));
    if (item->found.first == 0 || item->found.deleted) {
        item->answer = (IntakeAnswer){.status = 204, .type = item->ask.type, .id = item->ask.id};
    } else {
        will_write(item, STORE_DELETE, 204);
    }
    return ERR_OK;
}

static ErrCode resolve_item(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    item->writes = false;
    item->found = (StoreVersion){0};
    item->new_id = STR_EMPTY;
    item->group = 0;
    item->answer = (IntakeAnswer){.type = item->ask.type};
    switch (item->ask.verb) {
    case INTAKE_CREATE:
        return resolve_create(tx, item, info);
    case INTAKE_UPDATE:
        return resolve_update(tx, item, info);
    case INTAKE_DELETE:
        return resolve_delete(tx, item, info);
    case INTAKE_READ:
        break;
    }
    return ERR_OK;
}

static ErrCode resolve_references(IntakeTx *tx, ErrInfo *info) {
    for (size_t i = 0; i < tx->n_conditions; i++) {
        TxCondition *c = &tx->conditions[i];
        TRY(find_one(tx, c->type, c->query, &c->found, info));
        if (c->found.first == 0) {
            return err_set(info, ERR_PRECONDITION, "reference-unmatched",
                           "nothing fulfils the conditional reference %s?" STR_FMT,
                           "không có gì thoả tham chiếu có điều kiện %s?" STR_FMT,
                           fhir_type_name(c->type), (int)MIN(c->query.len, (size_t)200),
                           c->query.ptr);
        }
    }
    return ERR_OK;
}

/* ---- groups ---- */

/* The Patients that references named last: a bundle is mostly about one. */
typedef struct Known {
    Str id;
    Slot first;
} Known;

static ErrCode known_patient(IntakeTx *tx, Str id, Known *last, uint64_t *ret_group,
                             ErrInfo *info) {
    if (last->first == 0 || !str_eq(last->id, id)) {
        StoreVersion v;
        TRY(find_id(tx, FHIR_T_PATIENT, id, &v));
        if (v.first == 0 || v.deleted) {
            return err_set(info, ERR_INVALID, INTAKE_PATIENT_UNKNOWN,
                           "there is no Patient/" STR_FMT ": send the Patient first",
                           "không có Patient/" STR_FMT ": hãy gửi Patient trước", STR_ARG(id));
        }
        *last = (Known){id, v.first};
    }
    *ret_group = last->first;
    return ERR_OK;
}

static uint64_t group_of_item(IntakeTx *tx, size_t at) {
    const TxItem *item = &tx->items[at];
    return item->writes && item->op == STORE_CREATE ? TX_NEW | at : item->found.first;
}

static ErrCode group_item(IntakeTx *tx, size_t at, Known *last, ErrInfo *info) {
    TxItem *item = &tx->items[at];
    const FhirIndexReference *p = &item->patient;
    if (item->ask.type == FHIR_T_PATIENT) {
        item->group = group_of_item(tx, at);
    } else if (item->op == STORE_DELETE) {
        item->group = item->found.patient;
    } else if (!item->has_patient || p->url.len > 0) {
        item->group = 0;
    } else if (p->local >= 0) {
        size_t to = (size_t)p->local;
        item->group =
            to < tx->n_items ? group_of_item(tx, to) : tx->conditions[to - tx->n_items].found.first;
    } else {
        TRY(known_patient(tx, p->id, last, &item->group, info));
    }
    return ERR_OK;
}

typedef struct Order {
    uint64_t group;
    uint32_t item;
    bool is_patient;
} Order;

static int compare_order(const void *a, const void *b) {
    const Order *x = a;
    const Order *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->is_patient != y->is_patient) {
        return x->is_patient ? -1 : 1;
    }
    return (x->item > y->item) - (x->item < y->item);
}

static ErrCode order_changes(IntakeTx *tx, Order **ret_order, size_t *ret_n, ErrInfo *info) {
    Order *order = arena_new_array(tx->tries, Order, tx->n_items + 1);
    Known last = {STR_EMPTY, 0};
    size_t n = 0;
    if (order == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        if (tx->items[i].writes) {
            ErrCode err = group_item(tx, i, &last, info);
            if (err != ERR_OK) {
                place_error(tx, i, info);
                return err;
            }
            order[n++] =
                (Order){tx->items[i].group, (uint32_t)i, tx->items[i].group == (TX_NEW | i)};
        }
    }
    qsort(order, n, sizeof(*order), compare_order);
    *ret_order = order;
    *ret_n = n;
    return ERR_OK;
}

/* ---- the commit ---- */

/* Where "Type/~N" points to: N counts items, then conditions. */
static ErrCode make_map(IntakeTx *tx, RefMap *ret) {
    size_t n = tx->n_items + tx->n_conditions;
    Str *known = arena_new_array(tx->tries, Str, n + 1);
    int64_t *change = arena_new_array(tx->tries, int64_t, n + 1);
    if (known == NULL || change == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        const TxItem *item = &tx->items[i];
        bool made = item->writes && item->op != STORE_DELETE;
        known[i] = made ? STR_EMPTY : item->found.id;
        change[i] = (int64_t)item->change;
    }
    for (size_t i = 0; i < tx->n_conditions; i++) {
        known[tx->n_items + i] = tx->conditions[i].found.id;
    }
    *ret = (RefMap){.known = known, .change = change, .n = n, .patient = STR_EMPTY};
    return ERR_OK;
}

static void put_changes(IntakeTx *tx, const Order *order, size_t n, const RefMap *map,
                        StoreChange *changes) {
    for (size_t i = 0; i < n; i++) {
        const TxItem *item = &tx->items[order[i].item];
        changes[i] = (StoreChange){
            .op = item->op,
            .type = item->ask.type,
            .id = item->op == STORE_CREATE ? item->new_id : STR_EMPTY,
            .prev = item->op == STORE_CREATE ? 0 : item->found.slot,
            .json =
                item->op == STORE_DELETE ? STR_EMPTY : intake_rewrite(tx->tries, item->text, map),
        };
    }
}

static void put_groups(IntakeTx *tx, const Order *order, size_t n, const StoreChange *changes) {
    for (size_t from = 0; from < n;) {
        size_t to = from + 1;
        while (to < n && order[to].group == order[from].group) {
            to++;
        }
        bool is_new = (order[from].group & TX_NEW) != 0;
        tx->plan.groups[tx->plan.n_groups++] =
            (StoreGroup){.changes = changes + from,
                         .n_changes = to - from,
                         .patient_change = is_new ? 0 : -1,
                         .patient = is_new ? 0 : order[from].group};
        from = to;
    }
}

static ErrCode build(IntakeTx *tx, StoreCommit *ret, ErrInfo *info) {
    Order *order = NULL;
    size_t n = 0;
    RefMap map;
    TRY(order_changes(tx, &order, &n, info));
    StoreChange *changes = arena_new_array(tx->tries, StoreChange, n + 1);
    tx->plan.groups = arena_new_array(tx->tries, StoreGroup, n + 1);
    tx->by_change = arena_new_array(tx->tries, size_t, n + 1);
    if (changes == NULL || tx->plan.groups == NULL || tx->by_change == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        tx->items[order[i].item].change = i;
        tx->by_change[i] = order[i].item;
    }
    TRY(make_map(tx, &map));
    put_changes(tx, order, n, &map, changes);
    put_groups(tx, order, n, changes);
    tx->plan.n_changes = n;
    *ret = tx->o.extra != NULL ? *tx->o.extra : (StoreCommit){0};
    ret->groups = tx->plan.groups;
    ret->n_groups = tx->plan.n_groups;
    ret->expects = tx->plan.expects;
    ret->n_expects = tx->plan.n_expects;
    ret->snapshot = tx->snapshot;
    ret->actor = tx->o.actor;
    ret->source = tx->o.source;
    return arena_failed(tx->tries) ? ERR_NOMEM : ERR_OK;
}

ErrCode tx_resolve(IntakeTx *tx, StoreCommit *ret_commit, ErrInfo *info) {
    arena_reset(tx->tries);
    tx->plan = (Plan){.arena = tx->tries};
    tx->snapshot = store_snapshot(tx->store);
    for (size_t i = 0; i < tx->n_items; i++) {
        ErrCode err = resolve_item(tx, &tx->items[i], info);
        if (err != ERR_OK) {
            place_error(tx, i, info);
            return err;
        }
    }
    TRY(resolve_references(tx, info));
    return build(tx, ret_commit, info);
}
