#include "store/index_db.h"

#include "core/embed.h"
#include "core/log.h"
#include "core/thread.h"
#include "store/index_format.h"

#include <sqlite3.h>
#include <zstd.h>

EMBED(index_view_sql, "src/store/sql/view/index.sql");
EMBED(index_query_sql, "src/store/sql/query/index.sql");

/* Raised when the bytes of keys or blocks change their meaning without a change of the tables. */
enum { INDEX_FORMAT = 1, BUSY_MS = 10000, POOL_MAX = 64, LANE = 0 };
enum { LANE_SHIFT = 53, SEGMENT_SHIFT = 24, SQL_MAX = 65536, PATH_MAX_BYTES = 8192 };

typedef struct Reader {
    struct Reader *next;
    sqlite3 *db;
    sqlite3_stmt *block_get;
    ZSTD_DCtx *dctx;
} Reader;

typedef enum Statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_BLOCK_PUT,
    ST_BLOCK_DROP,
    ST_SEGMENT_PUT,
    ST_SEGMENT_DROP,
    ST_COUNT,
} Statement;
static const char *const statement_names[ST_COUNT] = {
    "begin", "commit", "rollback", "block_put", "block_drop", "segment_put", "segment_drop",
};

struct IndexDb {
    char *path;
    char *vfs; /* NULL: default */
    bool read_only, absent;
    Mutex write_lock; /* guards writer and its statements */
    sqlite3 *writer;
    sqlite3_stmt *statements[ST_COUNT];
    Mutex pool_lock;
    Reader *pool;
    unsigned n_pooled;
};

static ErrCode from_sqlite(int rc) {
    switch (rc & 0xFF) {
        case SQLITE_OK:
        case SQLITE_DONE:
        case SQLITE_ROW:
            return ERR_OK;
        case SQLITE_FULL:
            return ERR_FULL;
        case SQLITE_NOMEM:
            return ERR_NOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return ERR_BUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return ERR_CORRUPT;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
            return ERR_IO;
        default:
            return ERR_INTERNAL;
    }
}

/* The text behind "-- name: NAME" up to the next one. */
static Str named(Str file, const char *name) {
    Str rest = file;
    Str line;
    const char *from = NULL;
    while (str_cut(&rest, '\n', &line)) {
        if (!str_starts(line, STR("-- name: "))) {
            continue;
        }
        if (from != NULL) {
            return (Str){from, (size_t)(line.ptr - from)};
        }
        if (str_eq(str_sub(line, 9, SIZE_MAX), str_from(name))) {
            from = rest.ptr;
        }
    }
    assert(from != NULL);
    return (Str){from, (size_t)(file.ptr + file.len - from)};
}

static ErrCode prepare(sqlite3 *db, const char *name, sqlite3_stmt **ret_stmt) {
    Str sql = named(embed_index_query_sql(), name);
    return from_sqlite(sqlite3_prepare_v3(db, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                          ret_stmt, NULL));
}

/* Runs statements without values and results. */
static ErrCode run_text(sqlite3 *db, Str sql) {
    CLEANUP_BUF Buf text;
    buf_init(&text, SQL_MAX);
    buf_put_str(&text, sql);
    TRY(buf_ok(&text));
    return from_sqlite(sqlite3_exec(db, buf_cstr(&text), NULL, NULL, NULL));
}

static ErrCode run_named(sqlite3 *db, const char *name) {
    return run_text(db, named(embed_index_query_sql(), name));
}

static ErrCode connect(const IndexDb *d, int flags, sqlite3 **ret_db) {
    sqlite3 *db = NULL;
    ErrCode err =
        from_sqlite(sqlite3_open_v2(d->path, &db, flags | SQLITE_OPEN_NOMUTEX, d->vfs));
    if (err != ERR_OK) {
        (void)sqlite3_close(db);
        return err;
    }
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    (void)sqlite3_extended_result_codes(db, 1);
    *ret_db = db;
    return ERR_OK;
}

/* ---- the definition: made, compared, dropped ---- */

static void definition_hash(Sha256 *ret) {
    char format[16];
    (void)snprintf(format, sizeof(format), "%d", INDEX_FORMAT);
    sha256_pair(embed_index_view_sql(), str_from(format), ret);
}

static ErrCode definition_is(sqlite3 *db, const Sha256 *wanted, bool *ret_same) {
    sqlite3_stmt *st = NULL;
    TRY(prepare(db, "definition_get", &st));
    (void)sqlite3_bind_text(st, 1, "index", -1, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    *ret_same = rc == SQLITE_ROW && sqlite3_column_bytes(st, 0) == (int)sizeof(wanted->b) &&
                memcmp(sqlite3_column_blob(st, 0), wanted->b, sizeof(wanted->b)) == 0;
    (void)sqlite3_finalize(st);
    return from_sqlite(rc);
}

static ErrCode definition_put(sqlite3 *db, const Sha256 *hash) {
    sqlite3_stmt *st = NULL;
    TRY(prepare(db, "definition_put", &st));
    (void)sqlite3_bind_text(st, 1, "index", -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(st, 2, hash->b, (int)sizeof(hash->b), SQLITE_STATIC);
    int rc = sqlite3_step(st);
    (void)sqlite3_finalize(st);
    return from_sqlite(rc);
}

static ErrCode make_tables(sqlite3 *db, const Sha256 *hash) {
    TRY(run_named(db, "drop_segment"));
    TRY(run_named(db, "drop_segment_block"));
    TRY(run_text(db, embed_index_view_sql()));
    return definition_put(db, hash);
}

static ErrCode ensure_tables(sqlite3 *db) {
    Sha256 hash;
    definition_hash(&hash);
    bool same = false;
    TRY(run_named(db, "definition_create"));
    TRY(definition_is(db, &hash, &same));
    if (same) {
        return ERR_OK;
    }
    TRY(run_named(db, "begin"));
    ErrCode err = make_tables(db, &hash);
    if (err == ERR_OK) {
        err = run_named(db, "commit");
    }
    if (err != ERR_OK) {
        (void)run_named(db, "rollback");
    }
    return err;
}

/* ---- opening ---- */

static ErrCode open_writer(IndexDb *d) {
    TRY(connect(d, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &d->writer));
    TRY(run_named(d->writer, "setup_writer"));
    TRY(ensure_tables(d->writer));
    for (int i = 0; i < ST_COUNT; i++) {
        TRY(prepare(d->writer, statement_names[i], &d->statements[i]));
    }
    return ERR_OK;
}

static void close_writer(IndexDb *d) {
    for (int i = 0; i < ST_COUNT; i++) {
        (void)sqlite3_finalize(TAKE(d->statements[i]));
    }
    (void)sqlite3_close(TAKE(d->writer));
}

/* The file is derived: when it is damaged it goes, and the records are indexed again. */
static ErrCode delete_file(const IndexDb *d) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(d->vfs);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        CLEANUP_BUF Buf path;
        buf_init(&path, PATH_MAX_BYTES);
        buf_printf(&path, "%s%s", d->path, ends[i]);
        int rc = vfs == NULL ? SQLITE_ERROR : vfs->xDelete(vfs, buf_cstr(&path), 1);
        if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT) {
            return ERR_IO;
        }
    }
    return ERR_OK;
}

static ErrCode open_files(IndexDb *d) {
    if (d->read_only) {
        sqlite3 *db = NULL;
        Sha256 hash;
        bool same = false;
        definition_hash(&hash);
        d->absent = connect(d, SQLITE_OPEN_READONLY, &db) != ERR_OK ||
                    definition_is(db, &hash, &same) != ERR_OK || !same;
        (void)sqlite3_close(db);
        return ERR_OK;
    }
    ErrCode err = open_writer(d);
    if (err == ERR_CORRUPT) {
        log_warn("index_damaged_made_anew");
        close_writer(d);
        TRY(delete_file(d));
        err = open_writer(d);
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
    d->vfs = options->vfs == NULL ? NULL : strdup(options->vfs);
    d->read_only = options->read_only;
    ErrCode err = d->path == NULL || (options->vfs != NULL && d->vfs == NULL) ? ERR_NOMEM
                                                                             : open_files(d);
    if (err != ERR_OK) {
        index_db_close(d);
        return err_set(info, err, "index-open", "view.db cannot be opened (%s)",
                       "không mở được view.db (%s)", err_name(err));
    }
    *ret_db = d;
    return ERR_OK;
}

static void reader_free(Reader *r) {
    (void)sqlite3_finalize(r->block_get);
    (void)sqlite3_close(r->db);
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
    close_writer(db);
    mutex_release(&db->write_lock);
    mutex_release(&db->pool_lock);
    free(db->path);
    free(db->vfs);
    free(db);
}

/* ---- the pool of readers ---- */

static ErrCode reader_new(IndexDb *d, Reader **ret_reader) {
    Reader *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->dctx = ZSTD_createDCtx();
    ErrCode err = r->dctx == NULL ? ERR_NOMEM : connect(d, SQLITE_OPEN_READONLY, &r->db);
    if (err == ERR_OK) {
        err = run_named(r->db, "setup_reader");
    }
    if (err == ERR_OK) {
        err = prepare(r->db, "block_get", &r->block_get);
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

static sqlite3_int64 block_id(uint64_t segment, uint64_t block) {
    assert(segment < UINT64_C(1) << (LANE_SHIFT - SEGMENT_SHIFT));
    return (sqlite3_int64)((uint64_t)LANE << LANE_SHIFT | (segment << SEGMENT_SHIFT) + block);
}

ErrCode index_db_block(IndexDb *db, uint64_t segment, uint32_t block, Buf *out) {
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    (void)sqlite3_bind_int64(r->block_get, 1, block_id(segment, block));
    int rc = sqlite3_step(r->block_get);
    ErrCode err = rc == SQLITE_DONE ? ERR_CORRUPT : from_sqlite(rc);
    if (err == ERR_OK) {
        Str body = {sqlite3_column_blob(r->block_get, 0),
                    (size_t)sqlite3_column_bytes(r->block_get, 0)};
        err = body.ptr == NULL ? ERR_CORRUPT : block_unpack(r->dctx, body, out);
    }
    (void)sqlite3_reset(r->block_get);
    reader_give(db, r);
    if (err != ERR_OK) {
        log_error("index_block_unreadable", "segment", segment, "block", block, "error",
                  err_name(err));
    }
    return err;
}

/* ---- lists ---- */

static SegmentRow row_of(sqlite3_stmt *st) {
    SegmentRow row = {
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .level = (unsigned)sqlite3_column_int(st, 1),
        .first = (RecordNo)sqlite3_column_int64(st, 2),
        .last = (RecordNo)sqlite3_column_int64(st, 3),
        .n_blocks = (uint32_t)sqlite3_column_int64(st, 4),
        .n_keys = (uint64_t)sqlite3_column_int64(st, 5),
        .n_slots = (uint64_t)sqlite3_column_int64(st, 6),
        .n_bytes = (uint64_t)sqlite3_column_int64(st, 7),
    };
    row.bloom = (Str){sqlite3_column_blob(st, 8), (size_t)sqlite3_column_bytes(st, 8)};
    row.directory = (Str){sqlite3_column_blob(st, 9), (size_t)sqlite3_column_bytes(st, 9)};
    return row;
}

static ErrCode segments_of(sqlite3 *db, SegmentEach each, void *ctx) {
    sqlite3_stmt *st = NULL;
    TRY(prepare(db, "segment_list", &st));
    (void)sqlite3_bind_int64(st, 1, LANE);
    ErrCode err = ERR_OK;
    int rc = SQLITE_ROW;
    while (err == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        SegmentRow row = row_of(st);
        err = each(ctx, &row);
    }
    (void)sqlite3_finalize(st);
    return err == ERR_OK ? from_sqlite(rc) : err;
}

ErrCode index_db_segments(IndexDb *db, SegmentEach each, void *ctx) {
    if (db->absent) {
        return ERR_OK;
    }
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    ErrCode err = segments_of(r->db, each, ctx);
    reader_give(db, r);
    return err;
}

/* The segment of the one block id that the statement gives; ERR_NOT_FOUND. */
static ErrCode owner(IndexDb *db, const char *name, sqlite3_int64 from, uint64_t *ret_id) {
    if (db->absent) {
        return ERR_NOT_FOUND;
    }
    Reader *r = NULL;
    TRY(reader_take(db, &r));
    sqlite3_stmt *st = NULL;
    ErrCode err = prepare(r->db, name, &st);
    if (err == ERR_OK) {
        if (sqlite3_bind_parameter_count(st) > 0) {
            (void)sqlite3_bind_int64(st, 1, from);
        }
        int rc = sqlite3_step(st);
        err = rc == SQLITE_DONE ? ERR_NOT_FOUND : from_sqlite(rc);
        if (err == ERR_OK) {
            *ret_id = (uint64_t)sqlite3_column_int64(st, 0) >> SEGMENT_SHIFT;
        }
    }
    (void)sqlite3_finalize(st);
    reader_give(db, r);
    return err;
}

ErrCode index_db_block_owner(IndexDb *db, uint64_t from, uint64_t *ret_id) {
    return owner(db, "block_first_from", block_id(from, 0), ret_id);
}

ErrCode index_db_next_id(IndexDb *db, uint64_t *ret_id) {
    uint64_t last = 0;
    ErrCode err = owner(db, "block_last", 0, &last);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_id = last + 1;
    return ERR_OK;
}

/* ---- writing: every function here holds write_lock ---- */

static ErrCode step(IndexDb *d, Statement which) {
    sqlite3_stmt *st = d->statements[which];
    int rc = sqlite3_step(st);
    (void)sqlite3_reset(st);
    return from_sqlite(rc);
}

static ErrCode finish(IndexDb *d, ErrCode err) {
    if (err == ERR_OK) {
        err = step(d, ST_COMMIT);
    }
    if (err != ERR_OK && sqlite3_get_autocommit(d->writer) == 0) {
        (void)step(d, ST_ROLLBACK);
    }
    return err;
}

ErrCode index_db_put_blocks(IndexDb *db, uint64_t segment, uint32_t first_block, const Str *bodies,
                            size_t n) {
    MUTEX_GUARD(&db->write_lock);
    sqlite3_stmt *st = db->statements[ST_BLOCK_PUT];
    ErrCode err = step(db, ST_BEGIN);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        (void)sqlite3_bind_int64(st, 1, block_id(segment, first_block + i));
        (void)sqlite3_bind_blob64(st, 2, bodies[i].ptr, bodies[i].len, SQLITE_STATIC);
        err = step(db, ST_BLOCK_PUT);
    }
    (void)sqlite3_clear_bindings(st);
    return finish(db, err);
}

static ErrCode put_row(IndexDb *d, const SegmentRow *row) {
    sqlite3_stmt *st = d->statements[ST_SEGMENT_PUT];
    const uint64_t numbers[] = {LANE,          row->id,     row->level,   row->first,  row->last,
                                row->n_blocks, row->n_keys, row->n_slots, row->n_bytes};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        (void)sqlite3_bind_int64(st, (int)i + 1, (sqlite3_int64)numbers[i]);
    }
    (void)sqlite3_bind_blob64(st, 10, row->bloom.ptr, row->bloom.len, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(st, 11, row->directory.ptr, row->directory.len, SQLITE_STATIC);
    ErrCode err = step(d, ST_SEGMENT_PUT);
    (void)sqlite3_clear_bindings(st);
    return err;
}

ErrCode index_db_swap(IndexDb *db, const SegmentRow *add, const uint64_t *drop, size_t n) {
    MUTEX_GUARD(&db->write_lock);
    sqlite3_stmt *st = db->statements[ST_SEGMENT_DROP];
    ErrCode err = step(db, ST_BEGIN);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        (void)sqlite3_bind_int64(st, 1, LANE);
        (void)sqlite3_bind_int64(st, 2, (sqlite3_int64)drop[i]);
        err = step(db, ST_SEGMENT_DROP);
    }
    if (err == ERR_OK) {
        err = put_row(db, add);
    }
    return finish(db, err);
}

ErrCode index_db_drop_blocks(IndexDb *db, uint64_t segment, uint32_t from, uint32_t to) {
    MUTEX_GUARD(&db->write_lock);
    sqlite3_stmt *st = db->statements[ST_BLOCK_DROP];
    (void)sqlite3_bind_int64(st, 1, block_id(segment, from));
    (void)sqlite3_bind_int64(st, 2, block_id(segment, to));
    return step(db, ST_BLOCK_DROP);
}
