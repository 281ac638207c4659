/* One attempt of a transaction: targets looked up, changes grouped by patient, the commit built. */
#include "core/clock.h"
#include "core/hash.h"
#include "intake/intake_fhir_int.h"

static void place_error(const IntakeTx *tx, size_t item, ErrInfo *info) {
    if (tx->n_items > 1) {
        err_where(info, "Bundle.entry[%zu]", item);
    }
}

/* ---- what it changes ---- */

/* The low bit of an entry says that it is deleted: slots are kept shifted by one. */
static size_t changed_place(const IntakeTx *tx, Slot first) {
    size_t at = (size_t)hash64_mix(first, 0) & tx->changed_mask;
    while (tx->changed[at] != 0 && tx->changed[at] >> 1 != first) {
        at = (at + 1) & tx->changed_mask;
    }
    return at;
}

bool tx_changes(const IntakeTx *tx, Slot first, bool deletes_only) {
    Slot entry = tx->changed[changed_place(tx, first)];
    return entry != 0 && (!deletes_only || (entry & 1) != 0);
}

/* No resource may be changed twice, however it is named. */
static ErrCode note_changed(IntakeTx *tx, Slot first, bool deleted, ErrInfo *info) {
    size_t at = changed_place(tx, first);
    if (tx->changed[at] != 0) {
        return err_set(info, ERR_INVALID, "bundle-overlap", "two entries change the same resource",
                       "hai mục cùng thay đổi một tài nguyên");
    }
    tx->changed[at] = first << 1 | deleted;
    tx->n_changed++;
    tx->n_deleted += deleted;
    return ERR_OK;
}

/* At most a half full: deletes by condition may be many of one ask. */
static ErrCode make_changed(IntakeTx *tx) {
    size_t most = tx->n_items + tx->n_many * tx->o.delete_max;
    size_t size = 16;
    while (size < 2 * most + 2) {
        size *= 2;
    }
    tx->changed = arena_calloc(tx->tries, size, sizeof(*tx->changed));
    tx->changed_mask = size - 1;
    tx->n_changed = 0;
    tx->n_deleted = 0;
    tx->own_matches = 0;
    return tx->changed == NULL ? ERR_NOMEM : ERR_OK;
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
    Str wanted = item->ask.if_match;
    bool there = item->found.first != 0 && !item->found.deleted;
    if (item->ask.if_absent && there) {
        return err_set(info, ERR_PRECONDITION, "if-none-match",
                       "there is a %s/" STR_FMT " already (If-None-Match: *)",
                       "đã có %s/" STR_FMT " (If-None-Match: *)", fhir_type_name(item->ask.type),
                       STR_ARG(item->found.id));
    }
    if (wanted.len == 0 || (there && intake_etags_name(wanted, item->found.version))) {
        return ERR_OK;
    }
    int len = (int)MIN(wanted.len, (size_t)64);
    return there ? err_set(info, ERR_PRECONDITION, "if-match",
                           "the newest version is W/\"%u\", not %.*s: read it again",
                           "phiên bản mới nhất là W/\"%u\", không phải %.*s: hãy đọc lại",
                           (unsigned)item->found.version, len, wanted.ptr)
                 : err_set(info, ERR_PRECONDITION, "if-match", "there is no version %.*s",
                           "không có phiên bản %.*s", len, wanted.ptr);
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
        TRY(tx_find_one(tx, item->ask.type, item->ask.condition, &item->found, info));
        if (item->found.first != 0) {
            answer_existing(item, 200);
            return ERR_OK;
        }
    }
    item->new_id = item->client_id;
    will_write(item, STORE_CREATE, 201);
    return ERR_OK;
}

/* The resource as the patch makes it of what is there. */
static ErrCode make_patched(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    if (item->found.first == 0 || item->found.deleted) {
        return err_set(info, item->found.first == 0 ? ERR_NOT_FOUND : ERR_GONE, "patch-target",
                       "there is no %s to be patched", "không có %s nào để vá",
                       fhir_type_name(item->ask.type));
    }
    TRY(item->ask.patch(&item->ask, tx->tries, &item->found, &item->ask.root, info));
    return tx_rewrite(tx, (size_t)(item - tx->items), tx->tries, info);
}

static ErrCode resolve_update(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    Str id = item->ask.id;
    if (item->ask.condition.len > 0) {
        TRY(tx_find_one(tx, item->ask.type, item->ask.condition, &item->found, info));
        const JsonNode *root = item->ask.patch == NULL ? item->ask.root : NULL;
        Str body_id = json_str(tx->tries, json_get_lit(root, "id"));
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
    bool there = item->found.first != 0;
    if (there && !item->found.deleted && id.len > 0 && item->ask.condition.len > 0) {
        tx->attempts = TX_ATTEMPTS; /* no race: asking again changes nothing */
        return err_set(info, ERR_EXISTS, "condition-id-exists",
                       "nothing fulfils the condition, but there is a %s/" STR_FMT " already",
                       "không có gì thoả điều kiện, nhưng đã có %s/" STR_FMT,
                       fhir_type_name(item->ask.type), STR_ARG(id));
    }
    TRY(check_match(item, info));
    if (item->ask.patch != NULL) {
        TRY(make_patched(tx, item, info));
    }
    item->new_id = id;
    if (there) {
        TRY(note_changed(tx, item->found.first, false, info));
    }
    will_write(item, there ? STORE_UPDATE : STORE_CREATE,
               there && !item->found.deleted ? 200 : 201);
    return ERR_OK;
}

/* Several only where the setting allows it: then up to that many. */
static ErrCode find_deleted(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    FhirQuery q;
    TxFound found;
    size_t max = MAX(tx->o.delete_max, 1U);
    TxLook look = {
        .type = item->ask.type, .query = item->ask.condition, .max = max + 1, .info = info};
    TRY(tx_look(tx, &look, &q, &found));
    if (found.n > max) {
        return err_set(info, ERR_MULTIPLE, "condition-multiple",
                       "more than %zu %s fulfil the condition: nothing was deleted",
                       "có nhiều hơn %zu %s thoả điều kiện: chưa xoá gì", max,
                       fhir_type_name(item->ask.type));
    }
    if (found.n > 0) {
        item->found = found.versions[0];
        item->more = found.versions + 1;
        item->n_more = found.n - 1;
    }
    return ERR_OK;
}

static ErrCode resolve_delete(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    TRY(item->ask.condition.len > 0 ? find_deleted(tx, item, info)
                                    : find_id(tx, item->ask.type, item->ask.id, &item->found));
    TRY(check_match(item, info));
    if (item->found.first == 0 || item->found.deleted) {
        item->answer = (IntakeAnswer){.status = 204, .type = item->ask.type, .id = item->ask.id};
        return ERR_OK;
    }
    will_write(item, STORE_DELETE, 204);
    item->answer.n_deleted = 1 + item->n_more;
    TRY(note_changed(tx, item->found.first, true, info));
    for (size_t i = 0; i < item->n_more; i++) {
        TRY(note_changed(tx, item->more[i].first, true, info));
    }
    return ERR_OK;
}

static ErrCode resolve_item(IntakeTx *tx, TxItem *item, ErrInfo *info) {
    item->writes = false;
    item->found = (StoreVersion){0};
    item->n_more = 0;
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

/* Deletes first: what they take away no condition of another entry finds. */
static ErrCode resolve_items(IntakeTx *tx, ErrInfo *info) {
    for (int deletes = 1; deletes >= 0; deletes--) {
        for (size_t i = 0; i < tx->n_items; i++) {
            TxItem *item = &tx->items[i];
            if ((item->ask.verb == INTAKE_DELETE) != (deletes == 1)) {
                continue;
            }
            ErrCode err = resolve_item(tx, item, info);
            if (err != ERR_OK) {
                place_error(tx, i, info);
                return err;
            }
        }
    }
    for (size_t i = 0; i < tx->n_conditions; i++) {
        TRY(tx_find_reference(tx, &tx->conditions[i], info));
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

static uint64_t group_of_delete(const StoreVersion *v) {
    return v->type == FHIR_T_PATIENT ? v->first : v->patient;
}

/* The entry that makes this Patient, though the text names it by its id (with a version). */
static size_t named_patient(const IntakeTx *tx, Str id) {
    size_t at = tx->keys == NULL
                    ? SIZE_MAX
                    : tx_find(tx, arena_printf(tx->tries, "Patient/" STR_FMT, STR_ARG(id)));
    return at != SIZE_MAX && tx->items[at].writes && tx->items[at].op != STORE_DELETE ? at
                                                                                      : SIZE_MAX;
}

static ErrCode group_item(IntakeTx *tx, size_t at, Known *last, ErrInfo *info) {
    TxItem *item = &tx->items[at];
    const FhirIndexReference *p = &item->patient;
    if (item->op == STORE_DELETE) {
        item->group = group_of_delete(&item->found);
    } else if (item->ask.type == FHIR_T_PATIENT) {
        item->group = group_of_item(tx, at);
    } else if (!item->has_patient || p->url.len > 0) {
        item->group = 0;
    } else if (p->local >= 0) {
        size_t to = (size_t)p->local;
        const TxCondition *c = to < tx->n_items ? NULL : &tx->conditions[to - tx->n_items];
        to = c != NULL ? c->item : to;
        item->group = to == SIZE_MAX ? c->found.first : group_of_item(tx, to);
    } else {
        size_t made = named_patient(tx, p->id);
        if (made != SIZE_MAX) {
            item->group = group_of_item(tx, made);
            return ERR_OK;
        }
        TRY(known_patient(tx, p->id, last, &item->group, info));
    }
    return ERR_OK;
}

typedef struct Order {
    uint64_t group;
    uint32_t item;
    uint32_t more; /* 0: its own change; else one of its other deletes, from 1 */
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
    return x->item != y->item ? (x->item > y->item) - (x->item < y->item)
                              : (x->more > y->more) - (x->more < y->more);
}

static ErrCode order_changes(IntakeTx *tx, Order **ret_order, size_t *ret_n, ErrInfo *info) {
    Order *order = arena_new_array(tx->tries, Order, tx->n_items + tx->n_deleted + 1);
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
                (Order){tx->items[i].group, (uint32_t)i, 0, tx->items[i].group == (TX_NEW | i)};
            for (size_t k = 0; k < tx->items[i].n_more; k++) {
                order[n++] = (Order){group_of_delete(&tx->items[i].more[k]), (uint32_t)i,
                                     (uint32_t)k + 1, false};
            }
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
        size_t to = tx->conditions[i].item;
        known[tx->n_items + i] = to == SIZE_MAX ? tx->conditions[i].found.id : known[to];
        change[tx->n_items + i] = to == SIZE_MAX ? 0 : change[to];
    }
    *ret = (RefMap){.known = known, .change = change, .n = n, .patient = STR_EMPTY};
    return ERR_OK;
}

static void put_changes(IntakeTx *tx, const Order *order, size_t n, const RefMap *map,
                        StoreChange *changes) {
    for (size_t i = 0; i < n; i++) {
        const TxItem *item = &tx->items[order[i].item];
        const StoreVersion *found =
            order[i].more == 0 ? &item->found : &item->more[order[i].more - 1];
        changes[i] = (StoreChange){
            .op = item->op,
            .type = item->ask.type,
            .id = item->op == STORE_CREATE ? item->new_id : STR_EMPTY,
            .prev = item->op == STORE_CREATE ? 0 : found->slot,
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
        tx->by_change[i] = order[i].item;
        if (order[i].more == 0) {
            tx->items[order[i].item].change = i;
        }
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
    ret->conditions = tx->relied.conditions;
    ret->n_conditions = tx->relied.n_conditions;
    ret->still = tx->relied.still;
    ret->n_still = tx->relied.n_still;
    ret->snapshot = tx->snapshot;
    ret->actor = tx->o.actor;
    ret->source = tx->o.source;
    return arena_failed(tx->tries) ? ERR_NOMEM : ERR_OK;
}

ErrCode tx_resolve(IntakeTx *tx, StoreCommit *ret_commit, ErrInfo *info) {
    arena_reset(tx->tries);
    tx->plan = (Plan){.arena = tx->tries};
    tx->relied = (TxRelied){0};
    tx->snapshot = store_snapshot(tx->store);
    tx->now = clock_now_ms(clock_real());
    TRY(make_changed(tx));
    TRY(resolve_items(tx, info));
    return build(tx, ret_commit, info);
}
