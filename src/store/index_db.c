#include "store/index_db.h"

#include "core/embed.h"
#include "core/log.h"
#include "core/thread.h"
#include "store/index_format.h"
#include "store/store_db.h"

#include <zstd.h>

EMBED(index_view_sql, "src/store/sql/view/index.sql")

/* Raised when the bytes of keys or blocks change their meaning without a change of the tables. */
enum { INDEX_FORMAT = 8, POOL_MAX = 64, LANE = 0 };
enum { LANE_SHIFT = 53, SEGMENT_SHIFT = 24, FILE_NAME_MAX = 8192 };

typedef struct Reader {
    struct Reader *next;
    Db db;
    ZSTD_DCtx *dctx;
} Reader;

struct IndexDb {
    char *path;
    char *vfs; /* NULL: default */
    bool read_only, absent;
    Sha256 identity;
    Mutex write_lock; /* guards writer */
    Db writer;
    Mutex pool_lock;
    Reader *pool;
    unsigned n_pooled;
};

/* ---- the definition: made, compared, dropped ---- */

static void definition_hash(const IndexDb *d, Sha256 *ret) {
    char format[16 + sizeof(d->identity)];
    int n = snprintf(format, 16, "%d ", INDEX_FORMAT);
    memcpy(format + n, d->identity.b, sizeof(d->identity.b));
    sha256_pair(embed_index_view_sql(), (Str){format, (size_t)n + sizeof(d->identity.b)}, ret);
}

static ErrCode definition_is(Db *db, const Sha256 *wanted, bool *ret_same) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "definition_get");
    if (st == NULL) {
        return db_fail(db, "index-definition", NULL);
    }
    bool row = false;
    db_bind_text(st, 1, STR("index"));
    TRY(db_step(st, &row));
    *ret_same = row && str_eq(db_blob(st, 0), (Str){(const char *)wanted->b, sizeof(wanted->b)});
    return ERR_OK;
}

static ErrCode definition_put(Db *db, const Sha256 *hash) {
    sqlite3_stmt *st = db_stmt(db, "definition_put");
    if (st == NULL) {
        return db_fail(db, "index-definition", NULL);
    }
    db_bind_text(st, 1, STR("index"));
    db_bind_blob(st, 2, (Str){(const char *)hash->b, sizeof(hash->b)});
    return db_do(st);
}

static ErrCode make_tables(Db *db, const Sha256 *hash) {
    TRY(db_run(db, "drop_segment"));
    TRY(db_run(db, "drop_segment_block"));
    TRY(db_run_text(db, embed_index_view_sql()));
    return definition_put(db, hash);
}

/* Ends the transaction: COMMIT, or ROLLBACK after an error. */
static ErrCode finish(Db *db, ErrCode err) {
    if (err == ERR_OK) {
        err = db_run(db, "commit");
    }
    if (err != ERR_OK && db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0 &&
        db_run(db, "rollback") != ERR_OK) {
        log_error("index_rollback_failed");
    }
    return err;
}

static ErrCode ensure_tables(IndexDb *d) {
    Db *db = &d->writer;
    Sha256 hash;
    definition_hash(d, &hash);
    bool same = false;
    TRY(db_run(db, "definition_create"));
    TRY(definition_is(db, &hash, &same));
    if (same) {
        return ERR_OK;
    }
    TRY(db_run(db, "begin"));
    return finish(db, make_tables(db, &hash));
}

/* ---- opening ---- */

static ErrCode open_writer(IndexDb *d, ErrInfo *info) {
    TRY(db_open(&(DbOpen){.path = d->path, .vfs = d->vfs}, &d->writer, info));
    static const char *const setup[] = {"page_size",      "wal",         "sync_normal",
                                        "temp_in_memory", "cache_small", "secure_delete_off"};
    for (size_t i = 0; i < ARRAY_LEN(setup); i++) {
        TRY(db_run(&d->writer, setup[i]));
    }
    return ensure_tables(d);
}

/* The file is derived: when it is damaged it goes, and the records are indexed again. */
ErrCode index_db_delete(const IndexOptions *options) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(options->vfs);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        CLEANUP_BUF Buf path;
        buf_init(&path, FILE_NAME_MAX);
        buf_printf(&path, "%s%s", options->path, ends[i]);
        int rc = vfs == NULL ? SQLITE_ERROR : vfs->xDelete(vfs, buf_cstr(&path), 1);
        if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT) {
            return ERR_IO;
        }
    }
    return ERR_OK;
}

static ErrCode open_files(IndexDb *d, const IndexOptions *options, ErrInfo *info) {
    if (d->read_only) {
        Db db = {0};
        Sha256 hash;
        bool same = false;
        definition_hash(d, &hash);
        d->absent = db_open(&(DbOpen){d->path, d->vfs, .read_only = true}, &db, NULL) != ERR_OK ||
                    definition_is(&db, &hash, &same) != ERR_OK || !same;
        db_close(&db);
        return ERR_OK;
    }
    ErrCode err = open_writer(d, info);
    if (err == ERR_CORRUPT) {
        log_warn("index_damaged_made_anew");
        db_close(&d->writer);
        TRY(index_db_delete(options));
        err = open_writer(d, info);
    }
    return err;
}

ErrCode index_db_open(const IndexOptions *options, IndexDb **ret_db, ErrInfo *info) {
    IndexDb *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&d->write_lock);
    mutex_init(&d->pool_lock);
    d->path = strdup(options->path);
    d->identity = options->identity;
    d->vfs = options->vfs == NULL ? NULL : strdup(options->vfs);
    d->read_only = options->read_only;
    bool nomem = d->path == NULL || (options->vfs != NULL && d->vfs == NULL);
    ErrCode err = nomem ? ERR_NOMEM : open_files(d, options, info);
    if (err != ERR_OK) {
        index_db_close(d);
        return err_set(info, err, "index-open", "view.db cannot be opened (%s)",
                       "không mở được view.db (%s)", err_name(err));
    }
    *ret_db = d;
    return ERR_OK;
}

static void reader_free(Reader *r) {
    db_close(&r->db);
    (void)ZSTD_freeDCtx(r->dctx);
    free(r);
}

void index_db_close(IndexDb *db) {
    if (db == NULL) {
        return;
    }
    while (db->pool != NULL) {
        Reader *r = db->pool;
        db->pool = r->next;
        reader_free(r);
    }
    db_close(&db->writer);
    mutex_release(&db->write_lock);
    mutex_release(&db->pool_lock);
    free(db->path);
    free(db->vfs);
    free(db);
}

/* ---- the pool of readers ---- */

static ErrCode reader_new(const IndexDb *d, Reader **ret_reader) {
    Reader *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->dctx = ZSTD_createDCtx();
    ErrCode err = r->dctx == NULL
                      ? ERR_NOMEM
                      : db_open(&(DbOpen){d->path, d->vfs, .read_only = true}, &r->db, NULL);
    if (err == ERR_OK) {
        err = db_run(&r->db, "cache_small");
    }
    if (err != ERR_OK) {
        reader_free(r);
        return err;
    }
    *ret_reader = r;
    return ERR_OK;
}

static ErrCode reader_take(IndexDb *d, Reader **ret_reader) {
    mutex_lock(&d->pool_lock);
    Reader *r = d->pool;
    if (r != NULL) {
        d->pool = r->next;
        d->n_pooled--;
    }
    mutex_unlock(&d->pool_lock);
    if (r != NULL) {
        *ret_reader = r;
        return ERR_OK;
    }
    return reader_new(d, ret_reader);
}

static void reader_give(IndexDb *d, Reader *r) {
    mutex_lock(&d->pool_lock);
    bool keep = d->n_pooled < POOL_MAX;
    if (keep) {
        r->next = d->pool;
        d->pool = r;
        d->n_pooled++;
    }
    mutex_unlock(&d->pool_lock);
    if (!keep) {
        reader_free(r);
    }
}

static uint64_t block_id(uint64_t segment, uint64_t block) {
    assert(segment < UINT64_C(1) << (LANE_SHIFT - SEGMENT_SHIFT));
    return (uint64_t)LANE << LANE_SHIFT | ((segment << SEGMENT_SHIFT) + block);
}

static ErrCode block_read(Reader *r, uint64_t id, Buf *out) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(&r->db, "block_get");
    if (st == NULL) {
        return db_fail(&r->db, "index-block", NULL);
    }
    bool row = false;
    db_bind_u64(st, 1, id);
    TRY(db_step(st, &row));
    return row ? block_unpack(r->dctx, db_blob(st, 0), out) : ERR_CORRUPT;
}

ErrCode index_db_block(IndexDb *db, uint64_t segment, uint32_t block, Buf *out) {
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    ErrCode err = block_read(r, block_id(segment, block), out);
    reader_give(db, r);
    if (err != ERR_OK) {
        log_error("index_block_unreadable", "segment", segment, "block", block, "error",
                  err_name(err));
    }
    return err;
}

/* ---- lists ---- */

static SegmentRow row_of(sqlite3_stmt *st) {
    return (SegmentRow){
        .id = db_u64(st, 0),
        .level = (unsigned)db_u64(st, 1),
        .first = db_u64(st, 2),
        .last = db_u64(st, 3),
        .n_blocks = (uint32_t)db_u64(st, 4),
        .n_keys = db_u64(st, 5),
        .n_slots = db_u64(st, 6),
        .n_bytes = db_u64(st, 7),
        .bloom = db_blob(st, 8),
        .directory = db_blob(st, 9),
        .dead = db_blob(st, 10),
    };
}

static ErrCode segments_of(Db *db, SegmentEach each, void *ctx) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "segment_list");
    if (st == NULL) {
        return db_fail(db, "index-segments", NULL);
    }
    db_bind_u64(st, 1, LANE);
    bool row = false;
    TRY(db_step(st, &row));
    while (row) {
        SegmentRow segment = row_of(st);
        TRY(each(ctx, &segment));
        TRY(db_step(st, &row));
    }
    return ERR_OK;
}

ErrCode index_db_segments(IndexDb *db, SegmentEach each, void *ctx) {
    if (db->absent) {
        return ERR_OK;
    }
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    ErrCode err = segments_of(&r->db, each, ctx);
    reader_give(db, r);
    return err;
}

static ErrCode edge_of(Db *db, const char *name, uint64_t bound, uint64_t *ret_block) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, name);
    if (st == NULL) {
        return db_fail(db, "index-blocks", NULL);
    }
    if (sqlite3_bind_parameter_count(st) > 0) {
        db_bind_u64(st, 1, bound);
    }
    bool row = false;
    TRY(db_step(st, &row));
    if (!row || sqlite3_column_type(st, 0) == SQLITE_NULL) {
        return ERR_NOT_FOUND;
    }
    *ret_block = db_u64(st, 0);
    return ERR_OK;
}

/* The one block id that the statement gives; ERR_NOT_FOUND. */
static ErrCode edge(IndexDb *db, const char *name, uint64_t bound, uint64_t *ret_block) {
    if (db->absent) {
        return ERR_NOT_FOUND;
    }
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    ErrCode err = edge_of(&r->db, name, bound, ret_block);
    reader_give(db, r);
    return err;
}

ErrCode index_db_block_owner(IndexDb *db, uint64_t from, uint64_t *ret_id, uint32_t *ret_n) {
    uint64_t first = 0;
    uint64_t last = 0;
    TRY(edge(db, "block_first_from", block_id(from, 0), &first));
    uint64_t id = first >> SEGMENT_SHIFT;
    TRY(edge(db, "block_last_below", block_id(id + 1, 0), &last));
    *ret_id = id;
    *ret_n = (uint32_t)(last & ((UINT64_C(1) << SEGMENT_SHIFT) - 1)) + 1;
    return ERR_OK;
}

ErrCode index_db_last_owner(IndexDb *db, uint64_t *ret_id) {
    uint64_t last = 0;
    TRY(edge(db, "block_last", 0, &last));
    *ret_id = last >> SEGMENT_SHIFT;
    return ERR_OK;
}

/* ---- writing: every function here holds write_lock ---- */

static ErrCode put_blocks(Db *db, uint64_t first_id, const Str *bodies, size_t n) {
    sqlite3_stmt *st = db_stmt(db, "block_put");
    if (st == NULL) {
        return db_fail(db, "index-block", NULL);
    }
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        db_bind_u64(st, 1, first_id + i);
        db_bind_blob(st, 2, bodies[i]);
        err = db_do(st);
    }
    (void)sqlite3_clear_bindings(st);
    return err;
}

ErrCode index_db_put_blocks(IndexDb *db, uint64_t segment, uint32_t first_block, const Str *bodies,
                            size_t n) {
    assert(!db->read_only);
    MUTEX_GUARD(&db->write_lock);
    TRY(db_run(&db->writer, "begin"));
    return finish(&db->writer, put_blocks(&db->writer, block_id(segment, first_block), bodies, n));
}

static ErrCode put_row(Db *db, const SegmentRow *row) {
    sqlite3_stmt *st = db_stmt(db, "segment_put");
    if (st == NULL) {
        return db_fail(db, "index-segment", NULL);
    }
    const uint64_t numbers[] = {LANE,          row->id,     row->level,   row->first,  row->last,
                                row->n_blocks, row->n_keys, row->n_slots, row->n_bytes};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        db_bind_u64(st, (int)i + 1, numbers[i]);
    }
    db_bind_blob(st, 10, row->bloom);
    db_bind_blob(st, 11, row->directory);
    db_bind_blob(st, 12, row->dead);
    ErrCode err = db_do(st);
    (void)sqlite3_clear_bindings(st);
    return err;
}

static ErrCode swap_rows(Db *db, const SegmentRow *add, const uint64_t *drop, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sqlite3_stmt *st = db_stmt(db, "segment_drop");
        if (st == NULL) {
            return db_fail(db, "index-segment", NULL);
        }
        db_bind_u64(st, 1, LANE);
        db_bind_u64(st, 2, drop[i]);
        TRY(db_do(st));
    }
    return put_row(db, add);
}

ErrCode index_db_swap(IndexDb *db, const SegmentRow *add, const uint64_t *drop, size_t n) {
    assert(!db->read_only);
    MUTEX_GUARD(&db->write_lock);
    TRY(db_run(&db->writer, "begin"));
    return finish(&db->writer, swap_rows(&db->writer, add, drop, n));
}

ErrCode index_db_drop_blocks(IndexDb *db, uint64_t segment, uint32_t from, uint32_t to) {
    assert(!db->read_only);
    MUTEX_GUARD(&db->write_lock);
    sqlite3_stmt *st = db_stmt(&db->writer, "block_drop");
    if (st == NULL) {
        return db_fail(&db->writer, "index-block", NULL);
    }
    db_bind_u64(st, 1, block_id(segment, from));
    db_bind_u64(st, 2, block_id(segment, to));
    return db_do(st);
}
