/* The thread that brings the indexes of custom search parameters up to the log: in turn those that
 * are nearly there and the one that lacks most, so that neither waits for the other. A record is
 * read once for all parameters that stand at the same place. */
#include "store/record_int.h"
#include "store/store_scan.h"

#include "core/limits.h"
#include "core/log.h"

enum {
    CHUNK_RECORDS = 64,
    NEAR_RECORDS = 4096, /* parameters that lack less are nearly there */
    WAIT_MS = 500,
    RETRY_MS = 1000,
};
#define CHUNK_BYTES (256 * LIMIT_MIB)
#define RECORD_BYTES (600 * LIMIT_MIB)

typedef struct Follow {
    Store *store;
    const ParamList *list;
    Arena *keys;   /* a chunk's, of all parameters */
    Arena *record; /* one record */
    Arena *match;  /* one resource and parameter */
    unsigned turn;
    bool due[STORE_PARAMS_MAX]; /* stand at the chunk's beginning */
} Follow;

static bool is_of_type(const CustomParam *p, FhirType type) {
    for (size_t i = 0; i < p->def.n_bases; i++) {
        if (p->def.bases[i] == type) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const Follow *f, FhirType type) {
    for (size_t i = 0; i < f->list->n; i++) {
        if (f->due[i] && is_of_type(f->list->params[i], type)) {
            return true;
        }
    }
    return false;
}

static const FhirSearchParam *row_of(const ParamList *list, const CustomParam *p, FhirType type) {
    for (size_t i = 0; i < list->set.n; i++) {
        if (list->owner[i] == p && list->set.rows[i].type == type) {
            return &list->set.rows[i].param;
        }
    }
    return NULL;
}

/* One resource version under all due parameters; offset counts from the record. */
static ErrCode add_version(Follow *f, const StoreVersion *v, uint32_t offset, IndexBatch *batches) {
    const JsonNode *root = NULL;
    TRY(json_parse(f->record, v->json, &root, NULL));
    for (size_t i = 0; i < f->list->n; i++) {
        CustomParam *p = f->list->params[i];
        if (!f->due[i] || !is_of_type(p, v->type)) {
            continue;
        }
        arena_reset(f->match);
        IndexCustom custom = {.param = p, .row = row_of(f->list, p, v->type), .root = root};
        IndexSubject subject = {.type = v->type, .offset = offset, .store = f->store};
        TRY(index_custom_keys(&batches[i], f->match, &subject, &custom));
    }
    return ERR_OK;
}

static ErrCode add_record(Follow *f, RecordNo number) {
    IndexBatch batches[STORE_PARAMS_MAX] = {0};
    StoredRecord *record = NULL;
    arena_reset(f->record);
    arena_reset(f->keys);
    TRY(store_load(f->store, f->record, number, &record));
    for (size_t i = 0; i < f->list->n; i++) {
        batches[i].arena = f->keys;
    }
    for (unsigned i = 0; i < record->n_slots; i++) {
        StoreVersion v;
        if (!record->slots[i].deleted && is_wanted(f, record->slots[i].type)) {
            TRY(store_expand(f->store, f->record, record, i, &v));
            TRY(add_version(f, &v, i, batches));
        }
    }
    for (size_t i = 0; i < f->list->n; i++) {
        if (f->due[i]) {
            Index *index = f->list->params[i]->index;
            TRY(batches[i].n == 0 ? ERR_OK : index_add(index, number, number, &batches[i]));
            index_publish(index, number);
        }
    }
    return ERR_OK;
}

/* Where to go on: the last of those that are nearly there, when it is their turn; else of all. */
static RecordNo choose(const ParamList *list, RecordNo snapshot, bool near_first) {
    RecordNo near = 0;
    RecordNo least = UINT64_MAX;
    bool found = false;
    for (size_t i = 0; i < list->n; i++) {
        RecordNo at = index_published(list->params[i]->index);
        if (at < snapshot) {
            least = MIN(least, at);
            if (snapshot - at <= NEAR_RECORDS && (!found || at < near)) {
                near = at;
                found = true;
            }
        }
    }
    return found && near_first ? near : least;
}

/* *ret_idle: nothing was lacking. */
static ErrCode run_chunk(Follow *f, bool *ret_idle) {
    RecordNo snapshot = store_snapshot(f->store);
    RecordNo at = choose(f->list, snapshot, f->turn++ % 2 == 0);
    *ret_idle = at == UINT64_MAX;
    if (*ret_idle) {
        return ERR_OK;
    }
    RecordNo upto = MIN(at + CHUNK_RECORDS, snapshot);
    for (size_t i = 0; i < f->list->n; i++) {
        RecordNo own = index_published(f->list->params[i]->index);
        f->due[i] = own == at;
        if (own > at) { /* not beyond where another one stands: they go on together */
            upto = MIN(upto, own);
        }
    }
    for (RecordNo r = at + 1; r <= upto && !stop_asked(&f->store->params.stop); r++) {
        TRY(add_record(f, r));
    }
    return ERR_OK;
}

static void tell(Params *params) {
    MUTEX_GUARD(&params->done_lock);
    cond_broadcast(&params->done);
}

/* Tails that have grown old are sealed also when nothing comes. */
static void idle(Follow *f) {
    for (size_t i = 0; i < f->list->n; i++) {
        Index *index = f->list->params[i]->index;
        index_publish(index, index_published(index));
    }
    tell(&f->store->params);
}

static void follow(Follow *f) {
    Store *store = f->store;
    while (!stop_asked(&store->params.stop)) {
        RecordNo seen = store_snapshot(store);
        ParamList *list = param_list_take(store);
        bool is_idle = true;
        f->list = list;
        ErrCode err = list == NULL ? ERR_NOMEM : run_chunk(f, &is_idle);
        if (list != NULL && is_idle) {
            idle(f);
        }
        param_list_give(list);
        if (err != ERR_OK) {
            log_error("search_params_not_indexed", "error", err_name(err));
            clock_sleep_ms(clock_real(), RETRY_MS);
        } else if (is_idle) {
            (void)store_wait(store, seen, WAIT_MS);
        }
    }
}

static void follower_main(void *arg) {
    enum { NICE = 5 };
    Follow f = {.store = arg};
    thread_step_back(NICE);
    f.keys = arena_new(CHUNK_BYTES);
    f.record = arena_new(RECORD_BYTES);
    f.match = arena_new(CHUNK_BYTES);
    if (f.keys != NULL && f.record != NULL && f.match != NULL) {
        follow(&f);
    } else {
        log_error("search_params_not_indexed", "error", err_name(ERR_NOMEM));
    }
    arena_free(f.keys);
    arena_free(f.record);
    arena_free(f.match);
}

void params_follow(Store *store) {
    Params *params = &store->params;
    MUTEX_GUARD(&params->start_lock);
    if (!params->follower.started && !stop_asked(&params->stop) &&
        thread_start(&params->follower, "store-params", follower_main, store) != ERR_OK) {
        log_warn("search_params_not_followed"); /* the next search tries again */
    }
}

/* ---- starting, waiting, stopping ---- */

void params_init(Params *p) {
    mutex_init(&p->lock);
    mutex_init(&p->start_lock);
    mutex_init(&p->done_lock);
    cond_init(&p->done);
}

ErrCode params_start(Store *store, unsigned seal_records) {
    store->params.seal_records = seal_records;
    if (store->read_only) {
        return ERR_OK;
    }
    ParamList *list = param_list_take(store);
    if (list == NULL) { /* said in the log; the next query tries again */
        return ERR_OK;
    }
    if (store->vfs == NULL) {
        params_remove_files(store->dir, list);
    }
    param_list_give(list);
    return ERR_OK;
}

void params_stop(Store *store) {
    Params *params = &store->params;
    mutex_lock(&params->start_lock);
    stop_ask(&params->stop);
    mutex_unlock(&params->start_lock);
    thread_join(&params->follower);
    param_list_give(TAKE(params->list));
    mutex_release(&params->lock);
    mutex_release(&params->start_lock);
    mutex_release(&params->done_lock);
    cond_release(&params->done);
}

static bool all_done(Store *store) {
    ParamList *list = param_list_take(store);
    RecordNo snapshot = store_snapshot(store);
    bool done = true;
    for (size_t i = 0; list != NULL && i < list->n; i++) {
        done = done && index_published(list->params[i]->index) >= snapshot;
    }
    param_list_give(list);
    return done;
}

bool store_params_wait(Store *store, int64_t timeout_ms) {
    enum { STEP_MS = 50 };
    int64_t until = clock_monotonic_ns(clock_real()) + timeout_ms * 1000000;
    while (!all_done(store)) {
        MUTEX_GUARD(&store->params.done_lock);
        if (clock_monotonic_ns(clock_real()) >= until) {
            return false;
        }
        (void)cond_wait_ms(&store->params.done, &store->params.done_lock, STEP_MS);
    }
    return true;
}
