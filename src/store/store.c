/* Opening and closing: the folder's lock, data.db with its migrations, the index, the replay of
 * what views lack, the threads. */
#include "store/record_int.h"

#include "store/index_cache.h"
#include "store/store_hot.h"

#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"

enum { SEARCH_WORK = 100000, SEARCH_INCLUDES = 8 * LIMIT_PAGE_COUNT };

enum { SEAL_AT_STOP_MS = 10000, PARAMS_WAIT_MS = 24 * 3600 * 1000 };

ErrCode store_connect(Store *store, bool writes, Db *ret_db, ErrInfo *info) {
    Db db;
    DbOpen how = {store->data_path, store->vfs, store->read_only, !writes};
    TRY(db_open(&how, &db, info));
    static const char *const READ[] = {"cache_small", "temp_in_memory"};
    /* Until the file is in WAL mode its journal must not come back after a power cut: EXTRA syncs
     * the folder, too. */
    const char *write[] = {"sync_extra",
                           "page_size",
                           "wal",
                           store->sync_off ? "sync_off" : "sync_full",
                           "autocheckpoint_off",
                           "secure_delete_off",
                           "cache_large",
                           "temp_in_memory"};
    const char *const *names = writes ? write : READ;
    size_t n = writes ? ARRAY_LEN(write) : ARRAY_LEN(READ);
    for (size_t i = 0; i < n; i++) {
        ErrCode err = db_run(&db, names[i]);
        if (err != ERR_OK) {
            (void)db_fail(&db, "db-pragma", info);
            db_close(&db);
            return err;
        }
    }
    *ret_db = db;
    return ERR_OK;
}

static ErrCode copy_options(Store *store, const StoreOptions *options) {
    Arena *a = store->arena;
    store->dir = arena_str(a, options->dir).ptr;
    store->data_path = arena_printf(a, STR_FMT "/data.db", STR_ARG(options->dir)).ptr;
    store->view_path = arena_printf(a, STR_FMT "/view.db", STR_ARG(options->dir)).ptr;
    store->lock_path = arena_printf(a, STR_FMT "/lock.db", STR_ARG(options->dir)).ptr;
    store->vfs = options->vfs == NULL ? NULL : arena_str(a, str_from(options->vfs)).ptr;
    store->clock = options->clock == NULL ? clock_real() : options->clock;
    store->views = options->views;
    store->n_views = options->n_views;
    store->train_records = options->train_records;
    store->checkpoint_pages = options->checkpoint_pages;
    store->search.work_max = options->search_work_max != 0 ? options->search_work_max : SEARCH_WORK;
    store->search.sort_way = options->sort_way;
    store->search.link_work = options->link_work;
    store->search.include_max = options->include_max != 0 ? options->include_max : SEARCH_INCLUDES;
    store->sync_off = options->sync_off;
    store->read_only = options->read_only;
    store->retention_days = options->received_retention_days;
    store->writer.look_ms = options->seal_age_ms == 0 ? WRITER_LOOK_MS : options->seal_age_ms;
    return arena_failed(a) ? ERR_NOMEM : ERR_OK;
}

/* One process at a time: an exclusive lock of SQLite's on an empty file, gone with the process. */
static ErrCode lock_folder(Store *store, ErrInfo *info) {
    DbOpen how = {.path = store->lock_path, .vfs = store->vfs};
    TRY(db_open(&how, &store->lock, info));
    (void)sqlite3_busy_timeout(store->lock.handle, 0);
    ErrCode err = db_run(&store->lock, "lock_exclusive");
    if (err == ERR_BUSY) {
        return err_set(info, ERR_BUSY, "store-locked",
                       "another process works on the data folder %s; stop it first",
                       "một tiến trình khác đang dùng thư mục dữ liệu %s; hãy dừng nó trước",
                       store->dir);
    }
    return err == ERR_OK ? ERR_OK : db_fail(&store->lock, "store-lock", info);
}

static ErrCode read_number(Db *db, const char *name, uint64_t *ret_value) {
    CLEANUP_RESET sqlite3_stmt *stmt = db_stmt(db, name);
    bool row = false;
    if (stmt == NULL) {
        return db_fail(db, "db-read", NULL);
    }
    TRY(db_step(stmt, &row));
    *ret_value = row ? db_u64(stmt, 0) : 0;
    return ERR_OK;
}

static ErrCode make_id_secret(Db *db) {
    uint8_t secret[16];
    sqlite3_stmt *put = db_stmt(db, "meta_put");
    TRY(random_secret(secret, sizeof(secret)));
    if (put == NULL) {
        return db_fail(db, "meta", NULL);
    }
    db_bind_text(put, 1, STR("id_key"));
    db_bind_blob(put, 2, (Str){(const char *)secret, sizeof(secret)});
    return db_do(put);
}

static ErrCode migrate_steps(Db *db, uint64_t version) {
    unsigned to = 0;
    TRY(db_run(db, "begin"));
    for (unsigned at = (unsigned)version; sql_fact(at, &to).ptr != NULL; at++) {
        assert(to <= 2); /* version_set_N of the newest migration follows below */
        TRY(db_run_text(db, sql_fact(at, &to)));
        if (at == 0) {
            TRY(db_run(db, "application_id"));
            TRY(make_id_secret(db));
        }
    }
    TRY(db_run(db, "version_set_2"));
    return db_run(db, "commit");
}

static ErrCode migrate(Db *db, ErrInfo *info) {
    uint64_t version = 0;
    ErrCode err = read_number(db, "version_get", &version);
    unsigned newest = 0;
    while (sql_fact(newest, &(unsigned){0}).ptr != NULL) {
        newest++;
    }
    if (err == ERR_OK && version > newest) {
        return err_set(info, ERR_UNSUPPORTED, "db-newer", "the data folder is of a newer version",
                       "thư mục dữ liệu thuộc phiên bản mới hơn");
    }
    if (err == ERR_OK && version < newest) {
        err = migrate_steps(db, version);
    }
    if (err != ERR_OK) {
        (void)db_fail(db, "db-migrate", info);
        db_rollback(db);
    }
    return err;
}

static ErrCode load_meta(Store *store, Db *db, ErrInfo *info) {
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(db, "meta_get");
    bool row = false;
    if (get == NULL) {
        return db_fail(db, "meta", info);
    }
    db_bind_text(get, 1, STR("id_key"));
    TRY(db_step(get, &row));
    Str key = row ? db_blob(get, 0) : STR_EMPTY;
    if (key.len != sizeof(store->id_secret)) {
        return err_set(info, ERR_CORRUPT, "meta", "data.db has no id key",
                       "data.db không có khoá mã");
    }
    memcpy(store->id_secret, key.ptr, key.len);
    id_key_init(&store->id_key, store->id_secret);
    return ERR_OK;
}

static ErrCode load_last(Store *store, Db *db) {
    CLEANUP_RESET sqlite3_stmt *last = db_stmt(db, "record_last");
    Writer *w = &store->writer;
    RecordRow record = {0};
    bool row = false;
    if (last == NULL) {
        return db_fail(db, "record-last", NULL);
    }
    chain_genesis(store->id_secret, &w->chain);
    w->next = 1;
    TRY(db_step(last, &row));
    if (row) {
        TRY(row_read(last, &record));
        w->chain = record.chain;
        w->next = record.number + 1;
        w->last_time = record.time;
    }
    uint64_t files = 0;
    TRY(read_number(db, "received_last", &files));
    atomic_store(&store->care.files, files);
    return ERR_OK;
}

static ErrCode open_data(Store *store, ErrInfo *info) {
    Db *db = &store->writer.db;
    if (store->read_only) {
        if (store->vfs == NULL && !io_exists(store->data_path)) {
            return err_set(info, ERR_NOT_FOUND, "no-data", "there is no data folder at %s",
                           "không có thư mục dữ liệu tại %s", store->dir);
        }
        TRY(store_connect(store, false, db, info));
    } else {
        TRY(store->vfs == NULL ? io_mkdirs(store->dir) : ERR_OK);
        TRY(lock_folder(store, info));
        TRY(store_connect(store, true, db, info));
        TRY(migrate(db, info));
    }
    TRY(load_meta(store, db, info));
    TRY(dict_load(&store->dicts, db, info));
    ErrCode err = load_last(store, db);
    return err == ERR_OK ? ERR_OK
                         : err_set(info, err, "record-last", "the last record is damaged",
                                   "bản ghi cuối bị hỏng");
}

static ErrCode delete_file(Store *store, const char *suffix) {
    Str path = arena_printf(store->arena, "%s%s", store->view_path, suffix);
    sqlite3_vfs *vfs = sqlite3_vfs_find(store->vfs);
    if (path.len == 0 || vfs == NULL) {
        return ERR_NOMEM;
    }
    int code = vfs->xDelete(vfs, path.ptr, 1);
    return code == SQLITE_IOERR_DELETE_NOENT ? ERR_OK : db_error(code);
}

/* The caller holds the folder and has view.db closed. */
static ErrCode delete_views(Store *store) {
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        TRY(delete_file(store, SUFFIXES[i]));
    }
    return ERR_OK;
}

/* view.db must be of this data.db (the genesis of its chain says which it is) and not know records
 * that the log does not have, as after an older data.db was put in its place: else it is made anew.
 */
static ErrCode open_index(Store *store, const StoreOptions *options, ErrInfo *info) {
    IndexOptions index = {.path = store->view_path,
                          .vfs = store->vfs,
                          .seal_records = options->seal_records,
                          .seal_age_ms = options->seal_age_ms,
                          .clock = store->clock,
                          .read_only = store->read_only};
    chain_genesis(store->id_secret, &index.identity);
    TRY(index_open(&index, &store->index, info));
    if (store->read_only || index_covered(store->index) < store->writer.next) {
        return ERR_OK;
    }
    log_warn("store_views_ahead", "covered", index_covered(store->index), "records",
             store->writer.next - 1);
    index_close(TAKE(store->index));
    TRY(delete_views(store));
    return index_open(&index, &store->index, info);
}

static ErrCode open_rest(Store *store, const StoreOptions *options, const StoreProgress *progress,
                         ErrInfo *info) {
    TRY(open_index(store, options, info));
    if (store->read_only) {
        RecordNo last = store->writer.next - 1;
        index_publish(store->index, MIN(last, index_covered(store->index)));
        atomic_store(&store->snapshot, last);
        return ERR_OK;
    }
    TRY(store_replay(store, progress, info));
    TRY(views_start(store));
    TRY(care_start(store));
    TRY(params_start(store, options->seal_records));
    TRY(writer_start(store, info));
    care_note(store); /* files may have been due for a while */
    return ERR_OK;
}

static ErrCode open_with(const StoreOptions *options, const StoreProgress *progress,
                         Store **ret_store, ErrInfo *info) {
    Store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&store->readers_lock);
    mutex_init(&store->fresh_lock);
    cond_init(&store->fresh);
    mutex_init(&store->preparers_lock);
    params_init(&store->params);
    store->arena = arena_new(LIMIT_MIB);
    ErrCode err = store->arena == NULL ? ERR_NOMEM : copy_options(store, options);
    err = err == ERR_OK ? hash_init() : err;
    err = err == ERR_OK ? hot_new(&store->hot) : err;
    store->versions = index_cache_new(VERSIONS_CACHE_BYTES);
    err = err == ERR_OK && store->versions == NULL ? ERR_NOMEM : err;
    err = err == ERR_OK ? open_data(store, info) : err;
    err = err == ERR_OK ? open_rest(store, options, progress, info) : err;
    if (err != ERR_OK) {
        store_close(store);
        return err;
    }
    *ret_store = store;
    return ERR_OK;
}

ErrCode store_open(const StoreOptions *options, Store **ret_store, ErrInfo *info) {
    return open_with(options, &options->progress, ret_store, info);
}

/* What is not in a segment would be indexed again at the next open; that is what happens when the
 * time runs out or the disk is full. */
static void seal_rest(Store *store) {
    ErrCode err = store->index == NULL ? ERR_OK : index_seal_rest(store->index, SEAL_AT_STOP_MS);
    if (err != ERR_OK) {
        log_warn("store_not_sealed_at_stop", "error", err_name(err));
    }
}

void store_close(Store *store) {
    if (store == NULL) {
        return;
    }
    writer_stop(store);
    views_stop(store);
    care_stop(store); /* its commits are refused by now */
    params_stop(store);
    writer_release(store);
    seal_rest(store);
    index_close(store->index);
    readers_release(store);
    preparers_release(store);
    hot_free(store->hot);
    index_cache_free(store->versions);
    dict_release(&store->dicts);
    db_close(&store->lock);
    mutex_release(&store->readers_lock);
    mutex_release(&store->fresh_lock);
    cond_release(&store->fresh);
    mutex_release(&store->preparers_lock);
    arena_free(store->arena);
    free(store);
}

void store_settle(Store *store) {
    if (store->read_only) {
        return;
    }
    writer_settle(store);
    care_settle(store); /* a dictionary may have gone through the writer */
    writer_settle(store);
    views_settle(store);
    index_settle(store->index);
    (void)store_params_wait(store, PARAMS_WAIT_MS);
}

ErrCode store_view_digest(Store *store, Sha256 *ret) {
    store_settle(store);
    TRY(index_digest(store->index, ret));
    return params_digest(store, ret);
}

/* The folder is locked while view.db goes, so that nobody has it open. */
static ErrCode drop_views(const StoreOptions *options, ErrInfo *info) {
    Store store = {0};
    store.arena = arena_new(LIMIT_MIB);
    ErrCode err = store.arena == NULL ? ERR_NOMEM : copy_options(&store, options);
    err = err == ERR_OK ? lock_folder(&store, info) : err;
    err = err == ERR_OK ? delete_views(&store) : err;
    if (err == ERR_OK && store.vfs == NULL) {
        params_remove_files(store.dir, NULL);
    }
    db_close(&store.lock);
    arena_free(store.arena);
    return err;
}

ErrCode store_rebuild(const StoreOptions *options, const StoreProgress *progress, ErrInfo *info) {
    Store *store = NULL;
    TRY(drop_views(options, info));
    TRY(open_with(options, progress, &store, info));
    store_settle(store);
    store_close(store);
    return ERR_OK;
}
