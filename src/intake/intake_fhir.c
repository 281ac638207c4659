/* The life of a transaction: asks in, attempts, answers out. */
#include "intake/intake_fhir_int.h"

#include "core/hash.h"

static void free_arena(void *arena) {
    arena_free(arena);
}

ErrCode intake_tx_new(const IntakeTxOptions *options, IntakeTx **ret_tx) {
    IntakeTx *tx = arena_new_array(options->arena, IntakeTx, 1);
    Arena *tries = tx == NULL ? NULL : arena_new(TX_ARENA_MAX);
    if (tries == NULL) {
        return ERR_NOMEM;
    }
    if (!arena_defer(options->arena, free_arena, tries)) {
        arena_free(tries);
        return ERR_NOMEM;
    }
    *tx = (IntakeTx){.o = *options,
                     .store = intake_store(options->intake),
                     .arena = options->arena,
                     .tries = tries};
    *ret_tx = tx;
    return ERR_OK;
}

/* If-None-Exist is what stands behind '?' in an address; clients send more of it: "?x=y",
 * "Patient?x=y", "[base]/Patient?x=y". */
static Str bare_condition(const IntakeTx *tx, const IntakeAsk *ask) {
    Str base = tx->o.base_url;
    Str query = str_trim(ask->condition);
    Str path;
    if (!str_cut(&query, '?', &path) || query.len == 0) {
        return ask->condition;
    }
    if (base.len > 0 && str_starts(path, base)) {
        path = str_sub(path, base.len, path.len);
    }
    if (str_starts(path, STR("/"))) {
        path = str_sub(path, 1, path.len);
    }
    bool here = path.len == 0 || str_eq(path, str_from(fhir_type_name(ask->type)));
    return here ? query : ask->condition;
}

ErrCode intake_tx_add(IntakeTx *tx, const IntakeAsk *ask) {
    if (tx->n_items == LIMIT_BUNDLE_ENTRIES) {
        return ERR_LIMIT;
    }
    if (tx->n_items == tx->cap_items) {
        size_t cap = tx->cap_items == 0 ? 4 : tx->cap_items * 4;
        TxItem *grown = arena_new_array(tx->arena, TxItem, cap);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (tx->n_items > 0) {
            memcpy(grown, tx->items, tx->n_items * sizeof(*grown));
        }
        tx->items = grown;
        tx->cap_items = cap;
    }
    tx->n_many += ask->verb == INTAKE_DELETE && ask->condition.len > 0;
    TxItem *item = &tx->items[tx->n_items++];
    item->ask = *ask;
    if (ask->verb == INTAKE_CREATE) {
        item->ask.condition = bare_condition(tx, ask);
    }
    return ERR_OK;
}

size_t intake_tx_count(const IntakeTx *tx) {
    return tx->n_items;
}

const IntakeAsk *intake_tx_ask(const IntakeTx *tx, size_t i) {
    return &tx->items[i].ask;
}

const IntakeAnswer *intake_tx_answer(const IntakeTx *tx, size_t i) {
    return &tx->items[i].answer;
}

size_t intake_tx_written(const IntakeTx *tx) {
    return tx->plan.n_changes;
}

/* ---- preparing ---- */

static size_t key_place(const IntakeTx *tx, Str text) {
    size_t at = hash64(text) & tx->keys_mask;
    while (tx->keys[at].text.len > 0 && !str_eq(tx->keys[at].text, text)) {
        at = (at + 1) & tx->keys_mask;
    }
    return at;
}

size_t tx_find(const IntakeTx *tx, Str text) {
    if (tx->keys == NULL || text.len == 0) {
        return SIZE_MAX;
    }
    const TxKey *key = &tx->keys[key_place(tx, text)];
    return key->text.len == 0 ? SIZE_MAX : key->item;
}

const IntakeAsk *intake_tx_find(const IntakeTx *tx, Str target) {
    size_t at = tx_find(tx, target);
    return at == SIZE_MAX ? NULL : &tx->items[at].ask;
}

static ErrCode add_key(IntakeTx *tx, Str text, size_t item, ErrInfo *info) {
    TxKey *key = &tx->keys[key_place(tx, text)];
    if (key->text.len > 0 && key->item != item) {
        err_where(info, "Bundle.entry[%zu]", item);
        return err_set(info, ERR_INVALID, "bundle-twice",
                       "entries %zu and %zu name the same: " STR_FMT,
                       "các mục %zu và %zu cùng chỉ một đối tượng: " STR_FMT, (size_t)key->item,
                       item, (int)MIN(text.len, (size_t)120), text.ptr);
    }
    *key = (TxKey){text, (uint32_t)item};
    return ERR_OK;
}

static ErrCode add_keys(IntakeTx *tx, size_t item, ErrInfo *info) {
    const IntakeAsk *ask = &tx->items[item].ask;
    const char *type = fhir_type_name(ask->type);
    if (ask->verb == INTAKE_READ) {
        return ERR_OK;
    }
    if (ask->full_url.len > 0) {
        TRY(add_key(tx, ask->full_url, item, info));
    }
    if (ask->id.len > 0) {
        TRY(add_key(tx, arena_printf(tx->arena, "%s/" STR_FMT, type, STR_ARG(ask->id)), item,
                    info));
    }
    if (ask->condition.len > 0) {
        TRY(add_key(tx, arena_printf(tx->arena, "%s?" STR_FMT, type, STR_ARG(ask->condition)), item,
                    info));
    }
    return ERR_OK;
}

ErrCode tx_name(IntakeTx *tx, size_t item) {
    const TxItem *i = &tx->items[item];
    Str name =
        arena_printf(tx->arena, "%s/" STR_FMT, fhir_type_name(i->ask.type), STR_ARG(i->client_id));
    return name.len == 0 ? ERR_NOMEM : add_key(tx, name, item, NULL);
}

/* At most three keys an item: the table is half full at worst. */
static ErrCode make_keys(IntakeTx *tx, ErrInfo *info) {
    size_t size = 16;
    while (size < tx->n_items * 8) {
        size *= 2;
    }
    tx->keys = arena_new_array(tx->arena, TxKey, size);
    tx->keys_mask = size - 1;
    if (tx->keys == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        TRY(add_keys(tx, i, info));
    }
    return ERR_OK;
}

ErrCode intake_tx_prepare(IntakeTx *tx, ErrInfo *info) {
    if (tx->n_items > 1) {
        TRY(make_keys(tx, info));
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        if (tx->items[i].ask.root != NULL && tx->items[i].ask.patch == NULL) {
            arena_reset(tx->tries);
            TRY(tx_rewrite(tx, i, tx->tries, info));
        }
    }
    return arena_failed(tx->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- attempts ---- */

/* On the store's writer thread: copies the numbers, no more. */
static void on_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                    const StorePrepared *prepared) {
    IntakeTx *tx = ctx;
    tx->err = err;
    tx->committed = *committed;
    if (err != ERR_OK) {
        tx->info = *store_prepared_info(prepared);
    }
    for (size_t i = 0; err == ERR_OK && i < tx->plan.n_changes; i++) {
        TxItem *item = &tx->items[tx->by_change[i]];
        IntakeAnswer *answer = &item->answer;
        if (item->change != i) {
            continue; /* one of several deletes */
        }
        answer->slot = store_prepared_slot(prepared, committed, i);
        answer->version = store_prepared_version(prepared, i);
    }
    tx->done(tx->done_ctx);
}

ErrCode intake_tx_submit(IntakeTx *tx, void (*done)(void *ctx), void *ctx, bool *ret_waiting,
                         ErrInfo *info) {
    StoreCommit commit;
    StorePrepared *prepared = NULL;
    tx->attempts++;
    tx->err = ERR_OK;
    *ret_waiting = false;
    TRY(tx_resolve(tx, &commit, info));
    if (commit.n_groups + commit.n_received + commit.n_rejects + commit.n_files_done == 0) {
        return ERR_OK;
    }
    TRY(store_prepare(tx->store, &commit, &prepared, info));
    tx->done = done;
    tx->done_ctx = ctx;
    *ret_waiting = true;
    store_submit(tx->store, prepared, on_done, tx);
    return ERR_OK;
}

bool intake_tx_may_retry(const IntakeTx *tx, ErrCode err) {
    return (err == ERR_CONFLICT || err == ERR_EXISTS) && tx->attempts < TX_ATTEMPTS;
}

static bool touches_definitions(const IntakeTx *tx) {
    for (size_t i = 0; i < tx->n_items; i++) {
        const IntakeAsk *ask = &tx->items[i].ask;
        if (ask->verb != INTAKE_READ && ask->type == FHIR_T_STRUCTURE_DEFINITION) {
            return true;
        }
    }
    return false;
}

ErrCode intake_tx_finish(IntakeTx *tx, bool *ret_again, ErrInfo *info) {
    *ret_again = intake_tx_may_retry(tx, tx->err);
    if (tx->err != ERR_OK) {
        if (info != NULL) {
            *info = tx->info;
        }
        return tx->err;
    }
    for (size_t i = 0; i < tx->n_items; i++) {
        TxItem *item = &tx->items[i];
        if (item->writes) {
            item->answer.time = tx->committed.time;
            item->answer.id = item->op != STORE_CREATE ? item->found.id
                              : item->new_id.len > 0
                                  ? item->new_id
                                  : store_id(tx->store, tx->arena, item->answer.slot);
        }
    }
    if (touches_definitions(tx)) {
        atomic_fetch_add(&tx->o.intake->definitions, 1);
    }
    return arena_failed(tx->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- waiting ---- */

typedef struct Waiter {
    Mutex lock;
    Cond cond;
    bool over;
} Waiter;

static void wake(void *ctx) {
    Waiter *w = ctx;
    mutex_lock(&w->lock);
    w->over = true;
    cond_signal(&w->cond);
    mutex_unlock(&w->lock);
}

static ErrCode run_once(IntakeTx *tx, Waiter *w, bool *ret_again, ErrInfo *info) {
    bool waiting = false;
    w->over = false;
    ErrCode err = intake_tx_submit(tx, wake, w, &waiting, info);
    if (err != ERR_OK) {
        *ret_again = intake_tx_may_retry(tx, err);
        return err;
    }
    mutex_lock(&w->lock);
    while (waiting && !w->over) {
        cond_wait(&w->cond, &w->lock);
    }
    mutex_unlock(&w->lock);
    return intake_tx_finish(tx, ret_again, info);
}

ErrCode intake_tx_run(IntakeTx *tx, ErrInfo *info) {
    Waiter w = {.over = false};
    TRY(intake_tx_prepare(tx, info));
    mutex_init(&w.lock);
    cond_init(&w.cond);
    bool again = true;
    ErrCode err = ERR_OK;
    while (again) {
        if (info != NULL) {
            *info = (ErrInfo){0};
        }
        err = run_once(tx, &w, &again, info);
    }
    cond_release(&w.cond);
    mutex_release(&w.lock);
    return err;
}
