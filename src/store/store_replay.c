/* Replay: at open, whatever index and views do not hold yet is read from the log again. All cores
 * decode records and make their keys and view bytes, a chunk of records at a time; the calling
 * thread applies the chunks in record order and makes chunks itself while it has none to apply. */
#include "store/record_int.h"

#include "core/limits.h"
#include "core/log.h"

enum {
    CHUNK_RECORDS = 32,
    CHUNKS_A_THREAD = 4, /* made ahead of the one that is applied */
    HELPERS_MAX = 15,
};

typedef struct ChunkRecord {
    RecordNo commit_first;
    TimeMs time;
    size_t n_entries; /* of the batch, with those of the records before it */
    Str *view_bytes;  /* by view; only of views that lack the record */
} ChunkRecord;

typedef struct Chunk {
    RecordNo first, last;
    Arena *arena;     /* keys and view bytes */
    IndexBatch batch; /* of all its records */
    ChunkRecord records[CHUNK_RECORDS];
    ErrCode err;
    RecordNo bad; /* with err */
    bool is_ready;
} Chunk;

typedef struct Replay {
    Store *store;
    RecordNo *covered; /* by view */
    RecordNo indexed;  /* the index holds these already */
    RecordNo first, last;
    uint64_t n_chunks;
    Chunk *ring;
    size_t n_ring;
    Mutex lock; /* guards what follows and Chunk.is_ready */
    Cond changed;
    uint64_t claimed, applied; /* chunks */
    bool stopping;
    Thread helpers[HELPERS_MAX];
    unsigned n_helpers;
} Replay;

typedef struct Maker { /* one thread's own */
    Replay *replay;
    Arena *scratch; /* of one record */
    Buf bytes;
} Maker;

/* ---- making a chunk: any thread ---- */

static ErrCode maker_init(Maker *m, Replay *r) {
    *m = (Maker){.replay = r, .scratch = arena_new(4 * RECORD_PAYLOAD_MAX)};
    buf_init(&m->bytes, 64 * LIMIT_MIB);
    return m->scratch == NULL ? ERR_NOMEM : ERR_OK;
}

static void maker_release(Maker *m) {
    arena_free(m->scratch);
    buf_release(&m->bytes);
}

static ErrCode make_views(Maker *m, Chunk *c, const StoredRecord *record,
                          const JsonNode *const *roots) {
    const Store *store = m->replay->store;
    ChunkRecord *made = &c->records[record->number - c->first];
    made->view_bytes = arena_new_array(c->arena, Str, store->n_views + 1);
    if (made->view_bytes == NULL) {
        return ERR_NOMEM;
    }
    for (size_t v = 0; v < store->n_views; v++) {
        if (m->replay->covered[v] >= record->number) {
            continue;
        }
        buf_clear(&m->bytes);
        ViewCall call = {&store->views[v], &store->id_key, m->scratch, &m->bytes};
        TRY(record_view(&call, record, roots));
        made->view_bytes[v] = arena_str(c->arena, buf_str(&m->bytes));
    }
    return ERR_OK;
}

static ErrCode make_keys(Maker *m, Chunk *c, const StoredRecord *record,
                         const JsonNode *const *roots) {
    if (record->number <= m->replay->indexed) {
        return ERR_OK;
    }
    uint32_t base = (uint32_t)(record->number - record->commit_first) * STORE_RECORD_SLOTS;
    RecordFeed feed = {record, -1, base};
    return record_keys(m->replay->store, m->scratch, &feed, roots, &c->batch);
}

static ErrCode make_record(Maker *m, Chunk *c, RecordNo number) {
    const JsonNode *roots[STORE_RECORD_SLOTS];
    StoredRecord *record = NULL;
    arena_reset(m->scratch);
    TRY(store_load(m->replay->store, m->scratch, number, &record));
    for (unsigned i = 0; i < record->n_slots; i++) {
        roots[i] = NULL;
        if (!record->slots[i].deleted) {
            TRY(json_parse(m->scratch, record->slots[i].text, &roots[i], NULL));
        }
    }
    TRY(make_keys(m, c, record, roots));
    TRY(make_views(m, c, record, roots));
    ChunkRecord *made = &c->records[number - c->first];
    made->commit_first = record->commit_first;
    made->time = record->time;
    made->n_entries = c->batch.n;
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

static void make_chunk(Maker *m, Chunk *c) {
    arena_reset(c->arena);
    c->batch = (IndexBatch){.arena = c->arena};
    c->err = ERR_OK;
    for (RecordNo number = c->first; number <= c->last && c->err == ERR_OK; number++) {
        c->err = make_record(m, c, number);
        c->bad = number;
    }
}

/* The next chunk that nobody makes yet, NULL when there is no room or none left; the lock is held.
 */
static Chunk *claim(Replay *r) {
    if (r->stopping || r->claimed == r->n_chunks || r->claimed == r->applied + r->n_ring) {
        return NULL;
    }
    Chunk *c = &r->ring[r->claimed % r->n_ring];
    assert(!c->is_ready);
    c->first = r->first + r->claimed * CHUNK_RECORDS;
    c->last = MIN(c->first + CHUNK_RECORDS - 1, r->last);
    r->claimed++;
    return c;
}

/* The lock is held on entry and exit, not meanwhile. */
static void make_claimed(Maker *m, Chunk *c) {
    Replay *r = m->replay;
    mutex_unlock(&r->lock);
    make_chunk(m, c);
    mutex_lock(&r->lock);
    c->is_ready = true;
    cond_broadcast(&r->changed);
}

static void helper_main(void *arg) {
    Replay *r = arg;
    Maker m;
    if (maker_init(&m, r) == ERR_OK) { /* else the others do its work */
        mutex_lock(&r->lock);
        while (!r->stopping && r->claimed < r->n_chunks) {
            Chunk *c = claim(r);
            if (c != NULL) {
                make_claimed(&m, c);
            } else {
                cond_wait(&r->changed, &r->lock);
            }
        }
        mutex_unlock(&r->lock);
    }
    maker_release(&m);
}

/* ---- applying: the calling thread ---- */

static ErrCode apply_views(const Replay *r, RecordNo number, const ChunkRecord *made) {
    for (size_t v = 0; v < r->store->n_views; v++) {
        if (r->covered[v] < number) {
            const StoreView *view = &r->store->views[v];
            TRY(view->apply(view->ctx, number, made->time, made->view_bytes[v]));
        }
    }
    return ERR_OK;
}

/* Records [at, to) of the chunk are of one commit. */
static ErrCode apply_keys(const Replay *r, const Chunk *c, size_t at, size_t to) {
    Index *index = r->store->index;
    RecordNo last = c->first + to - 1;
    size_t from = at == 0 ? 0 : c->records[at - 1].n_entries;
    size_t n = c->records[to - 1].n_entries - from;
    if (last <= r->indexed) {
        return ERR_OK;
    }
    IndexBatch batch = {.arena = c->arena, .n = n, .capacity = n};
    batch.entries = n == 0 ? NULL : c->batch.entries + from;
    TRY(index_add(index, c->records[at].commit_first, last, &batch));
    index_publish(index, last);
    return ERR_OK;
}

static ErrCode apply_chunk(const Replay *r, Chunk *c) {
    size_t n = (size_t)(c->last - c->first + 1);
    for (size_t at = 0, to = 0; at < n; at = to) {
        for (to = at + 1; to < n && c->records[to].commit_first == c->records[at].commit_first;) {
            to++;
        }
        c->bad = c->first + at;
        TRY(apply_keys(r, c, at, to));
    }
    for (size_t i = 0; i < n; i++) {
        c->bad = c->first + i;
        TRY(apply_views(r, c->bad, &c->records[i]));
    }
    return ERR_OK;
}

/* Waits for the next chunk in order; makes others meanwhile. */
static Chunk *next_chunk(Maker *m) {
    Replay *r = m->replay;
    Chunk *next = &r->ring[r->applied % r->n_ring];
    mutex_lock(&r->lock);
    while (!next->is_ready) {
        Chunk *c = claim(r);
        if (c != NULL) {
            make_claimed(m, c);
        } else {
            cond_wait(&r->changed, &r->lock);
        }
    }
    mutex_unlock(&r->lock);
    return next;
}

static ErrCode apply_all(Maker *m, const StoreProgress *progress, ErrInfo *info) {
    Replay *r = m->replay;
    while (r->applied < r->n_chunks) {
        Chunk *c = next_chunk(m);
        ErrCode err = c->err != ERR_OK ? c->err : apply_chunk(r, c);
        if (err != ERR_OK) {
            return err_set(info, err, "replay", "record %llu cannot be read again",
                           "không đọc lại được bản ghi %llu", (unsigned long long)c->bad);
        }
        RecordNo last = c->last;
        mutex_lock(&r->lock);
        c->is_ready = false; /* another thread's from here on */
        r->applied++;
        cond_broadcast(&r->changed);
        mutex_unlock(&r->lock);
        if (progress != NULL && progress->step != NULL) {
            progress->step(progress->ctx, last - r->first + 1, r->last - r->first + 1);
        }
        if (progress != NULL && progress->stopping != NULL && progress->stopping(progress->ctx)) {
            return err_plain(info, ERR_STOPPED, "replay");
        }
    }
    return ERR_OK;
}

/* ---- the whole ---- */

/* The first record that somebody lacks. */
static RecordNo replay_from(Replay *r) {
    RecordNo least = r->indexed;
    for (size_t v = 0; v < r->store->n_views; v++) {
        const StoreView *view = &r->store->views[v];
        r->covered[v] = view->covered(view->ctx);
        least = MIN(least, r->covered[v]);
    }
    return least + 1;
}

static ErrCode replay_init(Replay *r) {
    r->covered = calloc(r->store->n_views + 1, sizeof(*r->covered));
    if (r->covered == NULL) {
        return ERR_NOMEM;
    }
    r->indexed = index_covered(r->store->index);
    r->last = r->store->writer.next - 1;
    r->first = replay_from(r);
    assert(r->indexed <= r->last); /* open_index sees to it */
    r->n_chunks = r->first > r->last ? 0 : (r->last - r->first) / CHUNK_RECORDS + 1;
    unsigned threads = (unsigned)MIN((uint64_t)thread_cores(), r->n_chunks);
    r->n_ring = (size_t)MAX(threads, 1U) * CHUNKS_A_THREAD;
    r->ring = calloc(r->n_ring, sizeof(*r->ring));
    for (size_t i = 0; r->ring != NULL && i < r->n_ring; i++) {
        r->ring[i].arena = arena_new(4 * RECORD_PAYLOAD_MAX);
        if (r->ring[i].arena == NULL) {
            return ERR_NOMEM;
        }
    }
    return r->ring == NULL ? ERR_NOMEM : ERR_OK;
}

/* Fewer helpers than there are cores only make it slower. */
static void helpers_start(Replay *r) {
    unsigned wanted = MIN(thread_cores() - 1, (unsigned)HELPERS_MAX);
    while (r->n_helpers < wanted && r->n_helpers + 1 < r->n_chunks &&
           thread_start(&r->helpers[r->n_helpers], "store-replay", helper_main, r) == ERR_OK) {
        r->n_helpers++;
    }
}

static void helpers_stop(Replay *r) {
    mutex_lock(&r->lock);
    r->stopping = true;
    cond_broadcast(&r->changed);
    mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->n_helpers; i++) {
        thread_join(&r->helpers[i]);
    }
}

static ErrCode replay(Replay *r, const StoreProgress *progress, ErrInfo *info) {
    Maker own;
    TRY(replay_init(r));
    ErrCode err = maker_init(&own, r);
    if (err == ERR_OK) {
        helpers_start(r);
        err = apply_all(&own, progress, info);
        helpers_stop(r);
    }
    maker_release(&own);
    TRY(err);
    index_publish(r->store->index, r->last);
    atomic_store(&r->store->snapshot, r->last);
    return ERR_OK;
}

ErrCode store_replay(Store *store, const StoreProgress *progress, ErrInfo *info) {
    Replay r = {.store = store};
    mutex_init(&r.lock);
    cond_init(&r.changed);
    ErrCode err = replay(&r, progress, info);
    for (size_t i = 0; r.ring != NULL && i < r.n_ring; i++) {
        arena_free(r.ring[i].arena);
    }
    free(r.ring);
    free(r.covered);
    cond_release(&r.changed);
    mutex_release(&r.lock);
    return err;
}
