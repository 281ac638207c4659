/* Retention: received files that are older than received_retention_days lose their bytes; hash,
 * name, size, times, who sent them and their rejects stay. A file keeps them while it is not
 * through or one of its rejects is open: then they are still needed. The care thread looks once a
 * day and at the start and sends small commits through the writer, which asks again whether each
 * file may go; what a stop leaves over is found by the next look (the index received_kept holds
 * only files that have their bytes). Freed pages are overwritten with zeros and taken again by
 * later commits: the data file does not shrink, it stops growing. */
#include "store/store_care_int.h"

#include "core/limits.h"
#include "core/log.h"

enum { DROP_FILES = 64 };                /* in one commit */
#define DROP_BYTES (32 * LIMIT_MIB)      /* as received; stored ones are a fraction */
#define DROP_AGAIN_MS (TIME_DAY_MS / 24) /* after an error */

typedef struct Expired { /* one commit's files, and where the next one begins */
    uint64_t ids[DROP_FILES];
    size_t n;
    uint64_t bytes;
    TimeMs time; /* of the last */
    uint64_t id;
} Expired;

bool retention_due(const Store *store) {
    if (store->retention_days == 0) {
        return false;
    }
    TimeMs now = clock_now_ms(store->clock);
    TimeMs at = atomic_load(&store->care.drop_at);
    return now >= at || at - now > TIME_DAY_MS; /* the second: the clock was put back */
}

static ErrCode expired_find(Store *store, TimeMs before, Expired *e) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *find = db_stmt(&hold.reader->db, "received_expired");
    if (find == NULL) {
        return db_fail(&hold.reader->db, "retention", NULL);
    }
    db_bind_u64(find, 1, (uint64_t)e->time);
    db_bind_u64(find, 2, e->id);
    db_bind_u64(find, 3, (uint64_t)before);
    db_bind_u64(find, 4, DROP_FILES);
    e->n = 0;
    e->bytes = 0;
    bool row = true;
    while (e->bytes < DROP_BYTES) {
        TRY(db_step(find, &row));
        if (!row) {
            break;
        }
        assert(e->n < DROP_FILES);
        e->ids[e->n++] = e->id = db_u64(find, 0);
        e->time = (TimeMs)db_u64(find, 1);
        e->bytes += db_u64(find, 2);
    }
    return ERR_OK;
}

static ErrCode expired_commit(Store *store, const Expired *e, size_t *ret_dropped) {
    StorePrepared *p = care_prepared(LIMIT_MIB);
    uint64_t *ids = p == NULL ? NULL : arena_new_array(p->arena, uint64_t, e->n);
    if (ids == NULL) {
        store_prepared_free(p);
        return ERR_NOMEM;
    }
    memcpy(ids, e->ids, e->n * sizeof(*ids));
    p->drops = ids;
    p->n_drops = e->n;
    p->bytes = e->n * 512;
    return care_submit(store, p, ret_dropped);
}

static ErrCode drop_before(Store *store, TimeMs before, uint64_t *ret_files) {
    Expired e = {.time = INT64_MIN};
    while (true) {
        size_t dropped = 0;
        TRY(expired_find(store, before, &e));
        if (e.n == 0) {
            return ERR_OK;
        }
        TRY(expired_commit(store, &e, &dropped));
        *ret_files += dropped;
    }
}

void retention_run(Store *store) {
    uint64_t files = 0;
    if (!retention_due(store)) {
        return;
    }
    TimeMs now = clock_now_ms(store->clock);
    ErrCode err = drop_before(store, now - (TimeMs)store->retention_days * TIME_DAY_MS, &files);
    atomic_store(&store->care.drop_at, now + (err == ERR_OK ? TIME_DAY_MS : DROP_AGAIN_MS));
    if (files > 0) {
        log_info("store_received_dropped", "files", files, "days", store->retention_days);
    }
    if (err != ERR_OK && err != ERR_STOPPED) {
        log_warn("store_retention_failed", "err", err_name(err));
    }
}

/* ---- on the writer ---- */

static ErrCode drop_file(Db *db, uint64_t id, TimeMs time, bool *ret_dropped) {
    sqlite3_stmt *drop = db_stmt(db, "received_drop");
    sqlite3_stmt *parts = db_stmt(db, "part_drop");
    if (drop == NULL || parts == NULL) {
        return db_fail(db, "retention", NULL);
    }
    db_bind_u64(drop, 1, id);
    db_bind_u64(drop, 2, (uint64_t)time);
    TRY(db_do(drop));
    *ret_dropped = sqlite3_changes(db->handle) == 1;
    if (!*ret_dropped) {
        return ERR_OK; /* it got a reject since it was found */
    }
    db_bind_u64(parts, 1, id << PART_SHIFT);
    db_bind_u64(parts, 2, ((id + 1) << PART_SHIFT) - 1);
    return db_do(parts);
}

/* The pragma takes effect when it is compiled, so it cannot be a kept statement. */
ErrCode retention_write(Db *db, StorePrepared *p, TimeMs time) {
    TRY(db_run_text(db, sql_query("secure_delete_on")));
    ErrCode err = ERR_OK;
    p->n_dropped = 0;
    for (size_t i = 0; i < p->n_drops && err == ERR_OK; i++) {
        bool dropped = false;
        err = drop_file(db, p->drops[i], time, &dropped);
        p->n_dropped += dropped;
    }
    ErrCode off = db_run_text(db, sql_query("secure_delete_off"));
    return err != ERR_OK ? err : off;
}
