/* The writer: one thread takes every prepared commit that waits, checks each against what came
 * before it, numbers and chains its records, and makes all of them durable with one COMMIT. While
 * that syncs, the next group queues up. */
#include "store/store_hot.h"
#include "store/store_care_int.h"
#include "store/store_condition.h"

#include "core/limits.h"
#include "core/log.h"

enum { GROUP_COMMITS = 4096, INDEX_RETRIES = 200 };
#define GROUP_BYTES (32 * LIMIT_MIB)
#define QUEUE_BYTES (128 * LIMIT_MIB)

typedef struct Group { /* state that a rollback forgets */
    StorePrepared *head;
    RecordNo next;
    Sha256 chain;
    TimeMs time;
    bool expects; /* some commit of the group has expectations */
} Group;

/* ---- overlay: what this group adds that no index shows yet ---- */

static size_t overlay_place(const Overlay *set, uint64_t hash) {
    size_t at = (size_t)(hash ^ hash >> 32) & (set->capacity - 1);
    while (set->at[at] != 0 && set->at[at] != hash) {
        at = (at + 1) & (set->capacity - 1);
    }
    return at;
}

bool overlay_has(const Overlay *set, uint64_t hash) {
    hash = hash == 0 ? 1 : hash;
    return set->count > 0 && set->at[overlay_place(set, hash)] != 0;
}

static ErrCode overlay_grow(Overlay *set) {
    Overlay grown = {.capacity = set->capacity == 0 ? OVERLAY_MIN : set->capacity * 2};
    grown.at = calloc(grown.capacity, sizeof(*grown.at));
    if (grown.at == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->at[i] != 0) {
            grown.at[overlay_place(&grown, set->at[i])] = set->at[i];
        }
    }
    grown.count = set->count;
    free(set->at);
    *set = grown;
    return ERR_OK;
}

ErrCode overlay_add(Overlay *set, uint64_t hash) {
    hash = hash == 0 ? 1 : hash;
    if (set->count * 2 >= set->capacity) {
        TRY(overlay_grow(set));
    }
    size_t at = overlay_place(set, hash);
    set->count += set->at[at] == 0;
    set->at[at] = hash;
    return ERR_OK;
}

void overlay_release(Overlay *set) {
    free(set->at);
    *set = (Overlay){0};
}

void overlay_clear(Overlay *set) {
    if (set->capacity > 16 * (size_t)OVERLAY_MIN && set->count * 8 < set->capacity) {
        overlay_release(set); /* one large group must not make every later one slow */
    } else if (set->count > 0) {
        memset(set->at, 0, set->capacity * sizeof(*set->at));
        set->count = 0;
    }
}

/* ---- checks ---- */

static ErrCode refuse(StorePrepared *p, ErrCode err, const char *rule) {
    return err_plain(p->info, err, rule);
}

static ErrCode check_expects(Store *store, const StorePrepared *p) {
    for (size_t i = 0; i < p->n_expects; i++) {
        if (index_key_since(store->index, p->expects[i], p->snapshot) ||
            overlay_has(&store->writer.keys, hash64(p->expects[i]))) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

static ErrCode check_priors(Store *store, const StorePrepared *p) {
    CLEANUP_ARENA Arena *scratch = p->n_priors == 0 ? NULL : arena_new(64 * LIMIT_MIB);
    if (p->n_priors > 0 && scratch == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < p->n_priors; i++) {
        SlotList later;
        const PreparedPrior *prior = &p->priors[i];
        arena_reset(scratch);
        RecordNo now = index_published(store->index);
        TRY(index_versions(store->index, scratch, prior->first, now, &later));
        Slot newest = later.n > 0 ? later.slots[later.n - 1] : prior->first;
        if (newest != prior->prev ||
            overlay_has(&store->writer.firsts, hash64_mix(prior->first, 1))) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

static ErrCode check_clients(Store *store, const StorePrepared *p) {
    for (size_t i = 0; i < p->n_clients; i++) {
        const PreparedClient *client = &p->clients[i];
        Slot known = 0;
        TRY(index_client_id(store->index, client->type, client->id, &known));
        if (known != 0 || overlay_has(&store->writer.ids, client->hash)) {
            return ERR_EXISTS;
        }
    }
    return ERR_OK;
}

static ErrCode overlay_commit(Store *store, const Group *group, const StorePrepared *p) {
    Writer *w = &store->writer;
    for (size_t i = 0; group->expects && i < p->n_value_hashes; i++) {
        TRY(overlay_add(&w->keys, p->value_hashes[i]));
    }
    for (size_t i = 0; i < p->n_priors; i++) {
        TRY(overlay_add(&w->firsts, hash64_mix(p->priors[i].first, 1)));
    }
    for (size_t i = 0; i < p->n_clients; i++) {
        TRY(overlay_add(&w->ids, p->clients[i].hash));
    }
    return ERR_OK;
}

static ErrCode check(Store *store, const Group *group, StorePrepared *p) {
    if (atomic_load(&store->broken)) {
        return refuse(p, ERR_INTERNAL, "store-broken");
    }
    ErrCode err = check_expects(store, p);
    if (err != ERR_OK) {
        return refuse(p, err, "expect");
    }
    err = check_priors(store, p);
    if (err != ERR_OK) {
        return refuse(p, err, "prev");
    }
    err = check_clients(store, p);
    if (err != ERR_OK) {
        return refuse(p, err, "id-exists");
    }
    err = conditions_check(&(ConditionCheck){store, group->head, p, group->time});
    if (err != ERR_OK) {
        return refuse(p, err, "condition");
    }
    err = overlay_commit(store, group, p);
    return err == ERR_OK ? ERR_OK : refuse(p, err, "overlay");
}

/* ---- writing inside the transaction ---- */

static ErrCode origin_lookup(Db *db, Str actor, Str source, uint32_t *ret_id) {
    sqlite3_stmt *get = db_stmt(db, "origin_get");
    bool found = false;
    if (get == NULL) {
        return db_fail(db, "origin", NULL);
    }
    db_bind_text(get, 1, actor);
    db_bind_text(get, 2, source);
    TRY(db_step(get, &found));
    if (found) {
        *ret_id = (uint32_t)db_u64(get, 0);
        (void)sqlite3_reset(get);
        return ERR_OK;
    }
    sqlite3_stmt *put = db_stmt(db, "origin_put");
    if (put == NULL) {
        return db_fail(db, "origin", NULL);
    }
    db_bind_text(put, 1, actor);
    db_bind_text(put, 2, source);
    TRY(db_do(put));
    *ret_id = (uint32_t)sqlite3_last_insert_rowid(db->handle);
    return ERR_OK;
}

/* Direct-mapped cache of (actor, source) -> id and digest; cleared when a group is rolled back. */
static ErrCode origin_get(Writer *w, const StorePrepared *p, const OriginSlot **ret_origin) {
    uint64_t hash = hash64_mix(hash64(p->actor), hash64(p->source));
    OriginSlot *slot = &w->origins[hash % ORIGIN_CACHE];
    if (slot->id == 0 || slot->hash != hash) {
        OriginSlot fresh = {.hash = hash};
        TRY(origin_lookup(&w->db, p->actor, p->source, &fresh.id));
        origin_digest(p->actor, p->source, &fresh.digest);
        *slot = fresh;
    }
    *ret_origin = slot;
    return ERR_OK;
}

static ErrCode write_records(Writer *w, Group *group, const StorePrepared *p,
                             const OriginSlot *origin) {
    RecordNo first = group->next;
    for (size_t i = 0; i < p->n_records; i++) {
        const PreparedRecord *record = &p->records[i];
        RecordRow row = {.number = group->next,
                         .commit_first = first,
                         .time = group->time,
                         .patient = record->patient_offset >= 0
                                        ? SLOT_OF(first, 0) + (Slot)record->patient_offset
                                        : record->patient,
                         .origin = origin->id,
                         .kind = RECORD_KIND_FHIR,
                         .dict = record->dict,
                         .body = record->body};
        chain_next(&group->chain, &row, &origin->digest, &row.chain);
        sqlite3_stmt *put = db_stmt(&w->db, "record_put");
        if (put == NULL) {
            return db_fail(&w->db, "record-put", NULL);
        }
        row_bind(put, &row);
        TRY(db_do(put));
        group->chain = row.chain;
        group->next++;
    }
    return ERR_OK;
}

static ErrCode write_dict(Store *store, const Group *group, const StorePrepared *p) {
    Sha256 hash;
    sqlite3_stmt *put = db_stmt(&store->writer.db, "dict_put");
    if (put == NULL) {
        return db_fail(&store->writer.db, "dict-put", NULL);
    }
    sha256(p->dict_body, &hash);
    db_bind_u64(put, 1, atomic_load(&store->dicts.count) + 1);
    db_bind_u64(put, 2, p->dict_kind);
    db_bind_u64(put, 3, (uint64_t)group->time);
    db_bind_blob(put, 4, (Str){(const char *)hash.b, sizeof(hash.b)});
    db_bind_blob(put, 5, p->dict_body);
    return db_do(put);
}

static ErrCode write_commit(Store *store, Group *group, StorePrepared *p) {
    Writer *w = &store->writer;
    const OriginSlot *origin = NULL;
    if (p->dict_body.len > 0) {
        return write_dict(store, group, p);
    }
    if (p->n_drops > 0) {
        return retention_write(&w->db, p, group->time);
    }
    TRY(origin_get(w, p, &origin));
    RecordNo first = group->next;
    TRY(write_records(w, group, p, origin));
    TRY(files_write(&w->db, p, group->time, origin->id));
    bool any = group->next > first;
    p->committed = (StoreCommitted){group->time, any ? first : 0, any ? group->next - 1 : 0};
    return ERR_OK;
}

/* ---- a group ---- */

static ErrCode group_write(Store *store, Group *group) {
    Writer *w = &store->writer;
    TRY(db_run(&w->db, "begin"));
    for (StorePrepared *p = group->head; p != NULL; p = p->next) {
        p->err = check(store, group, p);
        if (p->err == ERR_OK) {
            TRY(write_commit(store, group, p));
        }
    }
    return db_run(&w->db, "commit");
}

static void group_forget(Store *store, Group *group, ErrCode err) {
    Writer *w = &store->writer;
    db_rollback(&w->db);
    memset(w->origins, 0, ORIGIN_CACHE * sizeof(*w->origins));
    for (StorePrepared *p = group->head; p != NULL; p = p->next) {
        if (p->err == ERR_OK) {
            p->err = refuse(p, err, "commit");
        }
        p->committed = (StoreCommitted){0};
    }
    log_error("store_commit_failed", "err", err_name(err), "sqlite",
              sqlite3_extended_errcode(w->db.handle));
}

/* The records are durable: the index must take them. Memory may come back; without it no further
 * commit is accepted until the store is opened again, which replays the log. */
static ErrCode index_commit(Store *store, const StorePrepared *p) {
    ErrCode err = ERR_OK;
    for (int i = 0; i < INDEX_RETRIES; i++) {
        err = index_add(store->index, p->committed.first, p->committed.last, &p->batch);
        if (err == ERR_OK) {
            return ERR_OK;
        }
        clock_sleep_ms(clock_real(), 10);
    }
    atomic_store(&store->broken, true);
    log_error("store_index_behind", "err", err_name(err), "record", p->committed.first);
    return err;
}

static void group_publish(Store *store, Group *group) {
    Writer *w = &store->writer;
    for (StorePrepared *p = group->head; p != NULL; p = p->next) {
        if (p->err != ERR_OK) {
            continue;
        }
        atomic_fetch_add(&store->care.files, p->n_files);
        if (p->dict_body.len > 0) {
            uint32_t id = atomic_load(&store->dicts.count) + 1;
            p->err = dict_add(&store->dicts, id, p->dict_kind, p->dict_body);
            if (p->err != ERR_OK) { /* the row stands: without it ids would part */
                atomic_store(&store->broken, true);
            }
        } else if (p->committed.first != 0) {
            p->err = atomic_load(&store->broken) ? ERR_INTERNAL : index_commit(store, p);
            hot_commit(store, p);
            if ((p->types[FHIR_T_SEARCH_PARAMETER / 64] >> FHIR_T_SEARCH_PARAMETER % 64 & 1) != 0) {
                params_note(&store->params, p->committed.last);
            }
        }
    }
    w->next = group->next;
    w->chain = group->chain;
    w->last_time = group->time;
    if (group->next > 1 && !atomic_load(&store->broken)) {
        index_publish(store->index, group->next - 1);
        MUTEX_GUARD(&store->fresh_lock);
        atomic_store_explicit(&store->snapshot, group->next - 1, memory_order_release);
        cond_broadcast(&store->fresh);
    }
}

static void group_finish(Store *store, Group *group) {
    StorePrepared *p = group->head;
    while (p != NULL) {
        StorePrepared *next = p->next;
        if (p->done != NULL) {
            p->done(p->done_ctx, p->err, &p->committed, p);
        }
        if (p->err == ERR_OK && p->committed.first != 0) {
            views_put(store, p);
        } else {
            store_prepared_free(p);
        }
        p = next;
    }
}

static void group_run(Store *store, StorePrepared *head) {
    Writer *w = &store->writer;
    Group group = {.head = head, .next = w->next, .chain = w->chain};
    group.time = MAX(clock_now_ms(store->clock), w->last_time);
    for (StorePrepared *p = head; p != NULL; p = p->next) {
        group.expects = group.expects || p->n_expects > 0;
    }
    overlay_clear(&w->keys);
    overlay_clear(&w->firsts);
    overlay_clear(&w->ids);
    ErrCode err = group_write(store, &group);
    if (err == ERR_OK) {
        group_publish(store, &group);
    } else {
        group_forget(store, &group, err);
    }
    group_finish(store, &group);
}

/* ---- queue ---- */

/* Cuts a group off the queue; called with the lock. */
static StorePrepared *take_group(Writer *w) {
    StorePrepared *head = w->head;
    StorePrepared *last = NULL;
    size_t bytes = 0;
    unsigned n = 0;
    for (StorePrepared *p = head; p != NULL; p = p->next) {
        if (n > 0 &&
            (n >= GROUP_COMMITS || bytes + p->bytes > GROUP_BYTES || conditions_go_first(p))) {
            break;
        }
        bytes += p->bytes;
        n++;
        last = p;
    }
    if (last != NULL) {
        w->head = last->next;
        w->tail = w->head == NULL ? NULL : w->tail;
        last->next = NULL;
        w->queued_bytes -= bytes;
        cond_broadcast(&w->room);
    }
    return head;
}

/* Nothing came for a while: the index's tail may have grown old. A broken one is left alone: slots
 * may be dead through postings that were never published, and sealing drops those. The lock is held
 * on entry and exit, not meanwhile. */
static void writer_look(Store *store) {
    Writer *w = &store->writer;
    w->busy = true;
    mutex_unlock(&w->lock);
    if (!atomic_load(&store->broken)) {
        index_publish(store->index, index_published(store->index));
    }
    mutex_lock(&w->lock);
}

static void writer_main(void *arg) {
    Store *store = arg;
    Writer *w = &store->writer;
    mutex_lock(&w->lock);
    w->self = pthread_self();
    while (true) {
        while (w->head == NULL && !w->stopping) {
            w->busy = false;
            cond_broadcast(&w->idle);
            if (!cond_wait_ms(&w->wake, &w->lock, w->look_ms)) {
                writer_look(store);
            }
        }
        StorePrepared *head = take_group(w);
        if (head == NULL) {
            break; /* stopping, nothing left */
        }
        w->busy = true;
        mutex_unlock(&w->lock);
        group_run(store, head);
        care_note(store);
        mutex_lock(&w->lock);
    }
    w->busy = false;
    cond_broadcast(&w->idle);
    mutex_unlock(&w->lock);
}

void store_submit(Store *store, StorePrepared *prepared, StoreDone done, void *ctx) {
    Writer *w = &store->writer;
    prepared->done = done;
    prepared->done_ctx = ctx;
    prepared->next = NULL;
    mutex_lock(&w->lock);
    while (w->queued_bytes > QUEUE_BYTES && !w->stopping &&
           !pthread_equal(w->self, pthread_self())) {
        cond_wait(&w->room, &w->lock);
    }
    bool stopped = w->stopping || !w->started;
    if (!stopped) {
        if (w->tail == NULL) {
            w->head = prepared;
        } else {
            w->tail->next = prepared;
        }
        w->tail = prepared;
        w->queued_bytes += prepared->bytes;
        w->busy = true;
        cond_signal(&w->wake);
    }
    mutex_unlock(&w->lock);
    if (stopped) {
        StoreCommitted none = {0};
        prepared->err = refuse(prepared, ERR_STOPPED, "stopped");
        if (done != NULL) {
            done(ctx, ERR_STOPPED, &none, prepared);
        }
        store_prepared_free(prepared);
    }
}

typedef struct Waiter {
    Mutex lock;
    Cond cond;
    bool over;
    ErrCode err;
    ErrInfo info;
    StoreCommitted committed;
    Slot *slots;
    size_t n_slots;
} Waiter;

static void waiter_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                        const StorePrepared *prepared) {
    Waiter *waiter = ctx;
    mutex_lock(&waiter->lock);
    waiter->err = err;
    waiter->committed = *committed;
    if (err != ERR_OK) {
        waiter->info = *prepared->info;
    }
    for (size_t i = 0; err == ERR_OK && waiter->slots != NULL && i < prepared->n_changes; i++) {
        waiter->slots[i] = store_prepared_slot(prepared, committed, i);
    }
    waiter->over = true;
    cond_signal(&waiter->cond);
    mutex_unlock(&waiter->lock);
}

ErrCode store_commit(Store *store, const StoreCommit *commit, StoreCommitted *ret_committed,
                     Slot *ret_slots, ErrInfo *info) {
    StorePrepared *prepared = NULL;
    Waiter waiter = {.slots = ret_slots};
    TRY(store_prepare(store, commit, &prepared, info));
    mutex_init(&waiter.lock);
    cond_init(&waiter.cond);
    store_submit(store, prepared, waiter_done, &waiter);
    mutex_lock(&waiter.lock);
    while (!waiter.over) {
        cond_wait(&waiter.cond, &waiter.lock);
    }
    mutex_unlock(&waiter.lock);
    cond_release(&waiter.cond);
    mutex_release(&waiter.lock);
    if (waiter.err != ERR_OK) {
        if (info != NULL) {
            *info = waiter.info;
        }
        return waiter.err;
    }
    if (ret_committed != NULL) {
        *ret_committed = waiter.committed;
    }
    return ERR_OK;
}

/* ---- start and stop ---- */

static int note_wal(void *ctx, sqlite3 *handle, const char *name, int pages) {
    Store *store = ctx;
    (void)handle;
    (void)name;
    atomic_store(&store->care.wal_pages, (unsigned)pages);
    return SQLITE_OK;
}

ErrCode writer_start(Store *store, ErrInfo *info) {
    Writer *w = &store->writer;
    mutex_init(&w->lock);
    cond_init(&w->wake);
    cond_init(&w->room);
    cond_init(&w->idle);
    w->origins = calloc(ORIGIN_CACHE, sizeof(*w->origins));
    if (w->origins == NULL) {
        return ERR_NOMEM;
    }
    (void)sqlite3_wal_hook(w->db.handle, note_wal, store);
    ErrCode err = thread_start(&w->thread, "store-write", writer_main, store);
    w->started = err == ERR_OK;
    return err == ERR_OK ? ERR_OK : err_plain(info, err, "store-thread");
}

void writer_stop(Store *store) {
    Writer *w = &store->writer;
    if (w->started) {
        mutex_lock(&w->lock);
        w->stopping = true;
        cond_broadcast(&w->wake);
        cond_broadcast(&w->room);
        mutex_unlock(&w->lock);
        thread_join(&w->thread);
    }
}

void writer_release(Store *store) {
    Writer *w = &store->writer;
    if (w->origins != NULL) {
        cond_release(&w->wake);
        cond_release(&w->room);
        cond_release(&w->idle);
        mutex_release(&w->lock);
    }
    free(TAKE(w->origins));
    overlay_release(&w->keys);
    overlay_release(&w->firsts);
    overlay_release(&w->ids);
    db_close(&w->db);
}

void writer_settle(Store *store) {
    Writer *w = &store->writer;
    mutex_lock(&w->lock);
    while (w->head != NULL || w->busy) {
        cond_wait(&w->idle, &w->lock);
    }
    mutex_unlock(&w->lock);
}
