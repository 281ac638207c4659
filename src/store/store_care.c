/* Care: one thread that keeps the write-ahead log short, trains dictionaries and looks for received
 * files whose days are over, so that the writer does none of it.
 * A passive checkpoint copies pages back while commits go on, but the log begins anew only when a
 * checkpoint reaches its end with nobody writing. Under steady load that never happens by itself:
 * above a ceiling the writer is asked to run the last, short piece between two groups. */
#include "store/store_care_int.h"

#include "core/limits.h"
#include "core/log.h"

enum {
    WAL_PAGES = 1024,    /* 8 MiB: copy back */
    WAL_RESET_TIMES = 8, /* at 64 MiB the writer helps */
    TRAIN_RECORDS = 2000,
    TRAIN_RECORDS_MOST = 4000,
    TRAIN_FILES = 500,
    TRAIN_FILES_MOST = 1500,
    CARE_LOOK_MS = 60000,
};
#define TRAIN_BYTES (24 * LIMIT_MIB)
#define TRAIN_SAMPLE (128 * LIMIT_KIB)

/* ---- checkpoints ---- */

static void checkpoint(Db *db, unsigned *ret_left) {
    int log = 0;
    int copied = 0;
    int code =
        sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &copied);
    if (code != SQLITE_OK && code != SQLITE_BUSY) {
        log_warn("store_checkpoint_failed", "sqlite", code);
    }
    *ret_left = log > copied ? (unsigned)(log - copied) : 0;
}

static void care_checkpoint(Store *store) {
    Care *care = &store->care;
    unsigned left = 0;
    if (atomic_load(&care->wal_pages) < store->checkpoint_pages) {
        return;
    }
    checkpoint(&care->db, &left);
    if (atomic_load(&care->wal_pages) >= store->checkpoint_pages * WAL_RESET_TIMES) {
        atomic_store(&care->reset_asked, true);
    }
}

void care_note(Store *store) {
    Care *care = &store->care;
    if (atomic_exchange(&care->reset_asked, false)) {
        unsigned left = 0;
        checkpoint(&store->writer.db, &left);
    }
    bool train =
        !care->tried[DICT_RECORDS] && atomic_load(&store->snapshot) >= store->train_records;
    train = train || (!care->tried[DICT_FILES] && atomic_load(&care->files) >= TRAIN_FILES);
    if (train || atomic_load(&care->wal_pages) >= store->checkpoint_pages || retention_due(store)) {
        mutex_lock(&care->lock);
        care->woken = true;
        cond_signal(&care->wake);
        mutex_unlock(&care->lock);
    }
}

/* ---- dictionaries ---- */

typedef struct Samples {
    Buf bytes;
    size_t sizes[TRAIN_RECORDS_MOST];
    unsigned n;
} Samples;

static bool sample_add(Samples *s, Str bytes) {
    bytes.len = MIN(bytes.len, TRAIN_SAMPLE);
    if (s->n == ARRAY_LEN(s->sizes) || s->bytes.len + bytes.len > TRAIN_BYTES || bytes.len < 8) {
        return s->n < ARRAY_LEN(s->sizes) && bytes.len < 8;
    }
    buf_put_str(&s->bytes, bytes);
    s->sizes[s->n++] = bytes.len;
    return true;
}

/* The newest records, back from the last. */
static ErrCode sample_records(Store *store, Reader *reader, Samples *s) {
    RecordNo last = store_snapshot(store);
    bool more = true;
    for (RecordNo number = last; number > 0 && more; number--) {
        struct ReaderSlot *slot = NULL;
        TRY(reader_payload(store, reader, number, &slot));
        more = sample_add(s, buf_str(&slot->payload));
    }
    return buf_ok(&s->bytes);
}

/* Parts as they are packed, before compression. */
static ErrCode sample_files(Store *store, Reader *reader, Samples *s) {
    sqlite3_stmt *part = db_stmt(&reader->db, "part_from");
    uint64_t last = atomic_load(&store->care.files);
    uint64_t id = last > TRAIN_FILES_MOST ? (last - TRAIN_FILES_MOST) << 12 : 0;
    bool row = true;
    if (part == NULL) {
        return db_fail(&reader->db, "train", NULL);
    }
    CLEANUP_RESET UNUSED sqlite3_stmt *reset = part;
    for (bool more = true; more; id++) {
        const Dict *dict = NULL;
        (void)sqlite3_reset(part);
        db_bind_u64(part, 1, id);
        TRY(db_step(part, &row));
        if (!row) {
            break;
        }
        id = db_u64(part, 0);
        TRY(dict_by_id(&store->dicts, (uint32_t)db_u64(part, 2), &dict));
        TRY(frame_unpack(reader->ctx, dict, db_blob(part, 5), &reader->scratch));
        more = sample_add(s, buf_str(&reader->scratch));
    }
    return buf_ok(&s->bytes);
}

/* ---- through the writer like everything else ---- */

typedef struct Sent {
    Mutex lock;
    Cond cond;
    bool over;
    ErrCode err;
    size_t n_dropped;
} Sent;

static void sent_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                      const StorePrepared *prepared) {
    Sent *t = ctx;
    (void)committed;
    t->n_dropped = prepared->n_dropped;
    mutex_lock(&t->lock);
    t->err = err;
    t->over = true;
    cond_signal(&t->cond);
    mutex_unlock(&t->lock);
}

StorePrepared *care_prepared(size_t arena_bytes) {
    Arena *arena = arena_new(arena_bytes);
    StorePrepared *p = arena == NULL ? NULL : arena_calloc(arena, 1, sizeof(*p));
    ErrInfo *info = p == NULL ? NULL : arena_calloc(arena, 1, sizeof(*info));
    if (info == NULL) {
        arena_free(arena);
        return NULL;
    }
    p->arena = arena;
    p->info = info;
    p->batch.arena = arena;
    return p;
}

ErrCode care_submit(Store *store, StorePrepared *p, size_t *ret_dropped) {
    Sent t = {.lock = MUTEX_INIT};
    cond_init(&t.cond);
    store_submit(store, p, sent_done, &t);
    mutex_lock(&t.lock);
    while (!t.over) {
        cond_wait(&t.cond, &t.lock);
    }
    mutex_unlock(&t.lock);
    cond_release(&t.cond);
    if (ret_dropped != NULL) {
        *ret_dropped = t.n_dropped;
    }
    return t.err;
}

static ErrCode dict_commit(Store *store, uint32_t kind, Str body) {
    StorePrepared *p = care_prepared(4 * LIMIT_MIB);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    p->dict_kind = kind;
    p->dict_body = arena_str(p->arena, body);
    p->bytes = body.len;
    if (p->dict_body.len == 0) {
        store_prepared_free(p);
        return ERR_NOMEM;
    }
    return care_submit(store, p, NULL);
}

static ErrCode train_with(Store *store, Reader *reader, uint32_t kind, Samples *s) {
    CLEANUP_BUF Buf dict;
    buf_init(&dict, 2 * (size_t)DICT_BYTES);
    TRY(kind == DICT_FILES ? sample_files(store, reader, s) : sample_records(store, reader, s));
    if (s->n < 100 || s->bytes.len < (size_t)DICT_BYTES) {
        return ERR_UNSUPPORTED; /* too little to learn from */
    }
    TRY(dict_train(buf_str(&s->bytes), s->sizes, s->n, &dict));
    TRY(dict_commit(store, kind, buf_str(&dict)));
    log_info("store_dictionary", "kind", kind, "samples", s->n, "bytes", (uint64_t)dict.len);
    return ERR_OK;
}

ErrCode dict_train_now(Store *store, uint32_t kind) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    TRY(reader_take(store, &hold.reader));
    CLEANUP_FREE Samples *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&s->bytes, TRAIN_BYTES + TRAIN_SAMPLE);
    ErrCode err = train_with(store, hold.reader, kind, s);
    buf_release(&s->bytes);
    return err;
}

static void care_train(Store *store, uint32_t kind, bool enough) {
    Care *care = &store->care;
    if (care->tried[kind] || !enough) {
        return;
    }
    ErrCode err =
        atomic_load(&store->dicts.now[kind]) == NULL ? dict_train_now(store, kind) : ERR_OK;
    care->tried[kind] = true;
    if (err != ERR_OK) {
        log_warn("store_dictionary_failed", "kind", kind, "err", err_name(err));
    }
}

ErrCode store_train(Store *store, ErrInfo *info) {
    ErrCode err = dict_train_now(store, DICT_RECORDS);
    if (err == ERR_OK && atomic_load(&store->care.files) >= TRAIN_FILES) {
        err = dict_train_now(store, DICT_FILES);
    }
    return err == ERR_OK ? ERR_OK
                         : err_set(info, err, "train", "no dictionary could be trained: %s",
                                   "không huấn luyện được từ điển nén: %s", err_text(err, 0));
}

/* ---- the thread ---- */

static void care_main(void *arg) {
    Store *store = arg;
    Care *care = &store->care;
    mutex_lock(&care->lock);
    while (!care->stopping) {
        if (!care->woken) {
            care->busy = false;
            cond_broadcast(&care->idle);
            if (store->retention_days == 0) {
                cond_wait(&care->wake, &care->lock);
            } else { /* days pass without a commit, too */
                (void)cond_wait_ms(&care->wake, &care->lock, CARE_LOOK_MS);
                care->woken = care->woken || retention_due(store);
            }
            continue;
        }
        care->woken = false;
        care->busy = true;
        mutex_unlock(&care->lock);
        care_checkpoint(store);
        care_train(store, DICT_RECORDS, store_snapshot(store) >= store->train_records);
        care_train(store, DICT_FILES, atomic_load(&care->files) >= TRAIN_FILES);
        retention_run(store);
        mutex_lock(&care->lock);
    }
    care->busy = false;
    cond_broadcast(&care->idle);
    mutex_unlock(&care->lock);
}

ErrCode care_start(Store *store) {
    Care *care = &store->care;
    if (store->train_records == 0) {
        store->train_records = TRAIN_RECORDS;
    }
    if (store->checkpoint_pages == 0) {
        store->checkpoint_pages = WAL_PAGES;
    }
    for (unsigned kind = 1; kind < DICT_KINDS; kind++) {
        care->tried[kind] = atomic_load(&store->dicts.now[kind]) != NULL;
    }
    mutex_init(&care->lock);
    cond_init(&care->wake);
    cond_init(&care->idle);
    ErrCode err = store_connect(store, true, &care->db, NULL);
    err = err == ERR_OK ? thread_start(&care->thread, "store-care", care_main, store) : err;
    care->started = err == ERR_OK;
    return err;
}

void care_stop(Store *store) {
    Care *care = &store->care;
    if (care->started) {
        mutex_lock(&care->lock);
        care->stopping = true;
        cond_broadcast(&care->wake);
        mutex_unlock(&care->lock);
        thread_join(&care->thread);
        care->started = false;
    }
    db_close(&care->db);
}

void care_settle(Store *store) {
    Care *care = &store->care;
    mutex_lock(&care->lock);
    while (care->started && (care->busy || care->woken)) {
        cond_wait(&care->idle, &care->lock);
    }
    mutex_unlock(&care->lock);
}
