/* Views: bytes that prepare made beside the commit are applied by one thread in record order; at
 * open whatever index and views do not hold yet is read from the log again. */
#include "store/record_int.h"

#include "core/limits.h"
#include "core/log.h"

enum { FEED_MAX = 65536 }; /* commits waiting for the views before the writer waits too */

static void feed_apply(Store *store, const StorePrepared *p) {
    for (size_t i = 0; i < p->n_records; i++) {
        for (size_t v = 0; v < store->n_views; v++) {
            const StoreView *view = &store->views[v];
            ErrCode err = view->apply(view->ctx, p->committed.first + i, p->committed.time,
                                      p->records[i].view_bytes[v]);
            if (err != ERR_OK) {
                log_error("store_view_failed", "err", err_name(err), "view", (uint64_t)v, "record",
                          p->committed.first + i);
            }
        }
    }
}

static void feed_main(void *arg) {
    Store *store = arg;
    ViewFeed *feed = &store->feed;
    mutex_lock(&feed->lock);
    while (true) {
        while (feed->head == NULL && !feed->stopping) {
            feed->busy = false;
            cond_broadcast(&feed->idle);
            cond_wait(&feed->wake, &feed->lock);
        }
        StorePrepared *p = feed->head;
        if (p == NULL) {
            break;
        }
        feed->head = p->next;
        feed->tail = feed->head == NULL ? NULL : feed->tail;
        feed->queued--;
        feed->busy = true;
        cond_signal(&feed->room);
        mutex_unlock(&feed->lock);
        feed_apply(store, p);
        store_prepared_free(p);
        mutex_lock(&feed->lock);
    }
    feed->busy = false;
    cond_broadcast(&feed->idle);
    mutex_unlock(&feed->lock);
}

ErrCode views_start(Store *store) {
    ViewFeed *feed = &store->feed;
    if (store->n_views == 0) {
        return ERR_OK;
    }
    mutex_init(&feed->lock);
    cond_init(&feed->wake);
    cond_init(&feed->room);
    cond_init(&feed->idle);
    ErrCode err = thread_start(&feed->thread, "store-views", feed_main, store);
    feed->started = err == ERR_OK;
    return err;
}

void views_stop(Store *store) {
    ViewFeed *feed = &store->feed;
    if (!feed->started) {
        return;
    }
    mutex_lock(&feed->lock);
    feed->stopping = true;
    cond_broadcast(&feed->wake);
    mutex_unlock(&feed->lock);
    thread_join(&feed->thread);
    cond_release(&feed->wake);
    cond_release(&feed->room);
    cond_release(&feed->idle);
    mutex_release(&feed->lock);
    feed->started = false;
}

void views_settle(Store *store) {
    ViewFeed *feed = &store->feed;
    if (feed->started) {
        mutex_lock(&feed->lock);
        while (feed->head != NULL || feed->busy) {
            cond_wait(&feed->idle, &feed->lock);
        }
        mutex_unlock(&feed->lock);
    }
}

void views_put(Store *store, StorePrepared *prepared) {
    ViewFeed *feed = &store->feed;
    if (!feed->started) {
        store_prepared_free(prepared);
        return;
    }
    prepared->next = NULL;
    mutex_lock(&feed->lock);
    while (feed->queued >= FEED_MAX) {
        cond_wait(&feed->room, &feed->lock);
    }
    if (feed->tail == NULL) {
        feed->head = prepared;
    } else {
        feed->tail->next = prepared;
    }
    feed->tail = prepared;
    feed->queued++;
    feed->busy = true;
    cond_signal(&feed->wake);
    mutex_unlock(&feed->lock);
}

/* ---- replay ---- */

typedef struct Replay {
    Store *store;
    Arena *scratch, *keys;
    RecordNo *covered; /* by view */
    Buf bytes;
    IndexBatch batch;                 /* of the records of one commit */
    RecordNo batch_first, batch_last; /* 0: none */
    RecordNo indexed;                 /* the index holds these already */
} Replay;

static ErrCode replay_views(Replay *r, const StoredRecord *record, const JsonNode *const *roots) {
    for (size_t v = 0; v < r->store->n_views; v++) {
        const StoreView *view = &r->store->views[v];
        if (r->covered[v] >= record->number) {
            continue;
        }
        buf_clear(&r->bytes);
        ViewCall call = {view, &r->store->id_key, r->scratch, &r->bytes};
        TRY(record_view(&call, record, roots));
        TRY(view->apply(view->ctx, record->number, record->time, buf_str(&r->bytes)));
    }
    return ERR_OK;
}

/* The index takes whole commits. */
static ErrCode replay_flush(Replay *r) {
    if (r->batch_first != 0) {
        TRY(index_add(r->store->index, r->batch_first, r->batch_last, &r->batch));
        index_publish(r->store->index, r->batch_last);
    }
    arena_reset(r->keys);
    r->batch = (IndexBatch){.arena = r->keys};
    r->batch_first = 0;
    return ERR_OK;
}

static ErrCode replay_index(Replay *r, const StoredRecord *record, const JsonNode *const *roots) {
    if (record->number <= r->indexed) {
        return ERR_OK;
    }
    if (r->batch_first != record->commit_first) {
        TRY(replay_flush(r));
        r->batch_first = record->commit_first;
    }
    r->batch_last = record->number;
    uint32_t base = (uint32_t)(record->number - record->commit_first) * STORE_RECORD_SLOTS;
    RecordFeed feed = {record, -1, base};
    return record_keys(r->store, r->scratch, &feed, roots, &r->batch);
}

static ErrCode replay_record(Replay *r, RecordNo number) {
    const JsonNode *roots[STORE_RECORD_SLOTS];
    StoredRecord *record = NULL;
    arena_reset(r->scratch);
    TRY(store_load(r->store, r->scratch, number, &record));
    for (unsigned i = 0; i < record->n_slots; i++) {
        roots[i] = NULL;
        if (!record->slots[i].deleted) {
            TRY(json_parse(r->scratch, record->slots[i].text, &roots[i], NULL));
        }
    }
    TRY(replay_index(r, record, roots));
    return replay_views(r, record, roots);
}

/* The first record that somebody lacks. */
static RecordNo replay_from(Replay *r) {
    RecordNo least = index_covered(r->store->index);
    for (size_t v = 0; v < r->store->n_views; v++) {
        const StoreView *view = &r->store->views[v];
        r->covered[v] = view->covered(view->ctx);
        least = MIN(least, r->covered[v]);
    }
    return least + 1;
}

static ErrCode replay(Replay *r, const StoreProgress *progress, ErrInfo *info) {
    Store *store = r->store;
    RecordNo last = store->writer.next - 1;
    RecordNo first = replay_from(r);
    r->indexed = index_covered(store->index);
    assert(r->indexed <= last); /* open_index sees to it */
    for (RecordNo number = first; number <= last; number++) {
        ErrCode err = replay_record(r, number);
        if (err != ERR_OK) {
            return err_set(info, err, "replay", "record %llu cannot be read again",
                           "không đọc lại được bản ghi %llu", (unsigned long long)number);
        }
        if (progress != NULL && progress->step != NULL && number % 256 == 0) {
            progress->step(progress->ctx, number - first + 1, last - first + 1);
        }
    }
    TRY(replay_flush(r));
    index_publish(store->index, last);
    atomic_store(&store->snapshot, last);
    return ERR_OK;
}

ErrCode store_replay(Store *store, const StoreProgress *progress, ErrInfo *info) {
    Replay r = {.store = store,
                .scratch = arena_new(4 * RECORD_PAYLOAD_MAX),
                .keys = arena_new(4 * RECORD_PAYLOAD_MAX),
                .covered = calloc(store->n_views + 1, sizeof(RecordNo))};
    buf_init(&r.bytes, 64 * LIMIT_MIB);
    r.batch.arena = r.keys;
    ErrCode err = r.scratch == NULL || r.keys == NULL || r.covered == NULL
                      ? ERR_NOMEM
                      : replay(&r, progress, info);
    arena_free(r.scratch);
    arena_free(r.keys);
    free(r.covered);
    buf_release(&r.bytes);
    return err;
}
