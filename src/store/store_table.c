#include "core/embed.h"
#include "core/io.h"
#include "core/log.h"
#include "store/record_int.h"
#include "store/store_table_int.h"

EMBED(table_view_sql, "src/store/sql/view/table.sql")

/* ---- opening ---- */

static void wanted_hash(const Store *store, Sha256 *ret) {
    Sha256 genesis;
    chain_genesis(store->id_secret, &genesis);
    sha256_pair(embed_table_view_sql(), (Str){(const char *)genesis.b, sizeof(genesis.b)}, ret);
}

static ErrCode same_definition(Db *db, const Sha256 *wanted, bool *ret_same) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "definition_get");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-definition", NULL);
    }
    db_bind_text(st, 1, STR("table"));
    TRY(db_step(st, &row));
    *ret_same = row && str_eq(db_blob(st, 0), (Str){(const char *)wanted->b, sizeof(wanted->b)});
    return ERR_OK;
}

/* Does a table stand behind a record that the log has not (an older backup was put back)? */
static ErrCode is_ahead(Db *db, RecordNo snapshot, bool *ret_ahead) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_list");
    bool row = false;
    *ret_ahead = false;
    if (st == NULL) {
        return db_fail(db, "table-list", NULL);
    }
    TRY(db_step(st, &row));
    while (row) {
        *ret_ahead = *ret_ahead || db_u64(st, 3) > snapshot;
        TRY(db_step(st, &row));
    }
    return ERR_OK;
}

static ErrCode make_anew(Db *db, const Sha256 *wanted) {
    static const char *const drops[] = {"drop_derived", "drop_derived_row", "drop_derived_key",
                                        "drop_derived_sum"};
    for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
        TRY(db_run(db, drops[i]));
    }
    TRY(db_run_text(db, embed_table_view_sql()));
    sqlite3_stmt *st = db_stmt(db, "definition_put");
    if (st == NULL) {
        return db_fail(db, "table-definition", NULL);
    }
    db_bind_text(st, 1, STR("table"));
    db_bind_blob(st, 2, (Str){(const char *)wanted->b, sizeof(wanted->b)});
    return db_do(st);
}

static ErrCode finish(Db *db, ErrCode err) {
    err = err == ERR_OK ? db_run(db, "commit") : err;
    if (err != ERR_OK) {
        db_rollback(db);
    }
    return err;
}

static ErrCode ensure(Store *store, Db *db) {
    Sha256 wanted;
    bool same = false;
    bool ahead = false;
    wanted_hash(store, &wanted);
    TRY(db_run(db, "definition_create"));
    TRY(same_definition(db, &wanted, &same));
    if (same) {
        TRY(is_ahead(db, store_snapshot(store), &ahead));
    }
    if (same && !ahead) {
        return ERR_OK;
    }
    TRY(db_run(db, "begin"));
    return finish(db, make_anew(db, &wanted));
}

static ErrCode open_writer(const TablesOpen *how, Tables *t, ErrInfo *info) {
    const char *const setup[] = {"page_size", "wal", "sync_normal", "temp_in_memory",
                                 how->large ? "cache_large" : "cache_small"};
    Store *store = how->store;
    TRY(db_open(&(DbOpen){.path = t->path, .vfs = store->vfs}, &t->writer, info));
    for (size_t i = 0; i < ARRAY_LEN(setup); i++) {
        TRY(db_run(&t->writer, setup[i]));
    }
    return ensure(store, &t->writer);
}

static void remove_files(const Tables *t) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        CLEANUP_BUF Buf path;
        buf_init(&path, FILENAME_MAX);
        buf_printf(&path, "%s%s", t->path, ends[i]);
        ErrCode err = io_remove(buf_cstr(&path));
        (void)err; /* what is not there need not go */
    }
}

/* Another data.db's, or none: not there. */
static ErrCode open_as_it_is(const TablesOpen *how, Tables *t, ErrInfo *info) {
    Sha256 wanted;
    bool same = false;
    DbOpen db = {.path = t->path, .vfs = how->store->vfs, .read_only = true};
    if (!io_exists(t->path)) {
        return ERR_NOT_FOUND;
    }
    TRY(db_open(&db, &t->reader, info));
    wanted_hash(how->store, &wanted);
    TRY(same_definition(&t->reader, &wanted, &same));
    return same ? ERR_OK : ERR_NOT_FOUND;
}

static ErrCode open_files(const TablesOpen *how, Tables *t, ErrInfo *info) {
    if (how->read_only) {
        return open_as_it_is(how, t, info);
    }
    ErrCode err = open_writer(how, t, info);
    if (err == ERR_CORRUPT) {
        log_warn("tables_damaged_made_anew");
        db_close(&t->writer);
        remove_files(t);
        err = open_writer(how, t, info);
    }
    TRY(err);
    return db_open(&(DbOpen){.path = t->path, .vfs = how->store->vfs, .read_only = true},
                   &t->reader, info);
}

ErrCode tables_open(const TablesOpen *how, Tables **ret_tables, ErrInfo *info) {
    Tables *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&t->turn);
    mutex_init(&t->read_lock);
    Buf path;
    buf_init(&path, FILENAME_MAX);
    buf_printf(&path, "%s/%s", how->store->dir, how->file);
    (void)buf_cstr(&path);
    t->path = path.ptr;
    ErrCode err = buf_ok(&path) == ERR_OK ? open_files(how, t, info) : buf_ok(&path);
    if (err != ERR_OK) {
        tables_close(t);
        return err;
    }
    *ret_tables = t;
    return ERR_OK;
}

void tables_close(Tables *t) {
    if (t != NULL) {
        db_close(&t->reader);
        db_close(&t->writer);
        mutex_release(&t->turn);
        mutex_release(&t->read_lock);
        free(t->path);
        free(t);
    }
}

/* ---- the list ---- */

static TableRow table_row(sqlite3_stmt *st, Arena *arena) {
    return (TableRow){.id = db_u64(st, 0),
                      .name = arena_str(arena, db_blob(st, 1)),
                      .definition = arena_str(arena, db_blob(st, 2)),
                      .position = db_u64(st, 3),
                      .n_rows = db_u64(st, 4),
                      .n_errors = db_u64(st, 5),
                      .last_error = arena_str(arena, db_blob(st, 6)),
                      .note = arena_str(arena, db_blob(st, 7))};
}

ErrCode tables_list(Tables *t, Arena *arena, TableRow **ret_rows, size_t *ret_n) {
    enum { TABLES_MAX = 1024 };
    MUTEX_GUARD(&t->read_lock);
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(&t->reader, "derived_list");
    TableRow *rows = arena_new_array(arena, TableRow, TABLES_MAX);
    bool row = false;
    size_t n = 0;
    if (st == NULL || rows == NULL) {
        return st == NULL ? db_fail(&t->reader, "table-list", NULL) : ERR_NOMEM;
    }
    TRY(db_step(st, &row));
    while (row && n < TABLES_MAX) {
        rows[n++] = table_row(st, arena);
        TRY(db_step(st, &row));
    }
    *ret_rows = rows;
    *ret_n = n;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* *ret_id = 0: there is none of that name. */
static ErrCode find(Db *db, Str name, Str definition, uint64_t *ret_id, bool *ret_same) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_find");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-find", NULL);
    }
    db_bind_text(st, 1, name);
    TRY(db_step(st, &row));
    *ret_id = row ? db_u64(st, 0) : 0;
    *ret_same = row && str_eq(db_blob(st, 2), definition);
    return ERR_OK;
}

static ErrCode run_id(Db *db, const char *statement, uint64_t id) {
    sqlite3_stmt *st = db_stmt(db, statement);
    if (st == NULL) {
        return db_fail(db, "table", NULL);
    }
    db_bind_u64(st, 1, id);
    return db_do(st);
}

static ErrCode replace(Db *db, Str name, Str definition, bool keep) {
    uint64_t id = 0;
    bool same = false;
    TRY(find(db, name, definition, &id, &same));
    if (keep && same) {
        return ERR_OK;
    }
    static const char *const drops[] = {"derived_row_drop", "derived_key_drop", "derived_sum_drop",
                                        "derived_drop"};
    for (size_t i = 0; id != 0 && i < ARRAY_LEN(drops); i++) {
        TRY(run_id(db, drops[i], id));
    }
    sqlite3_stmt *st = keep ? db_stmt(db, "derived_put") : NULL;
    if (st == NULL) {
        return keep ? db_fail(db, "table-put", NULL) : ERR_OK;
    }
    db_bind_text(st, 1, name);
    db_bind_text(st, 2, definition);
    return db_do(st);
}

static ErrCode change(Tables *t, Str name, Str definition, bool keep) {
    MUTEX_GUARD(&t->turn);
    TRY(db_run(&t->writer, "begin"));
    return finish(&t->writer, replace(&t->writer, name, definition, keep));
}

ErrCode tables_put(Tables *t, Str name, Str definition) {
    return change(t, name, definition, true);
}

ErrCode tables_drop(Tables *t, Str name) {
    return change(t, name, STR_EMPTY, false);
}

/* ---- following ---- */

ErrCode tables_begin(Tables *t) {
    mutex_lock(&t->turn);
    return db_run(&t->writer, "begin");
}

ErrCode tables_clear(Tables *t, uint64_t id, Slot first, uint64_t *ret_removed) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_row_clear");
    if (st == NULL) {
        return db_fail(&t->writer, "table-clear", NULL);
    }
    db_bind_u64(st, 1, id);
    db_bind_u64(st, 2, first);
    TRY(db_do(st));
    *ret_removed = (uint64_t)sqlite3_changes64(t->writer.handle);
    return ERR_OK;
}

ErrCode tables_add(Tables *t, const TableCell *row) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_row_put");
    if (st == NULL) {
        return db_fail(&t->writer, "table-add", NULL);
    }
    db_bind_u64(st, 1, row->id);
    db_bind_u64(st, 2, row->first);
    db_bind_u64(st, 3, row->at);
    db_bind_blob(st, 4, row->body);
    return db_do(st);
}

ErrCode tables_move(Tables *t, const TableMove *move) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_move");
    if (st == NULL) {
        return db_fail(&t->writer, "table-move", NULL);
    }
    db_bind_u64(st, 1, move->id);
    db_bind_u64(st, 2, move->position);
    (void)sqlite3_bind_int64(st, 3, move->rows);
    db_bind_u64(st, 4, move->errors);
    db_bind_text(st, 5, move->last_error);
    return db_do(st);
}

ErrCode tables_note(Tables *t, uint64_t id, Str note) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_note");
    if (st == NULL) {
        return db_fail(&t->writer, "table-note", NULL);
    }
    db_bind_u64(st, 1, id);
    db_bind_blob(st, 2, note);
    return db_do(st);
}

ErrCode tables_end(Tables *t, ErrCode err) {
    err = finish(&t->writer, err);
    mutex_unlock(&t->turn);
    return err;
}

/* ---- reading ---- */

static ErrCode read_rows(Db *db, const TableRead *read, uint64_t id) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_row_from");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-read", NULL);
    }
    db_bind_u64(st, 1, id);
    db_bind_u64(st, 2, read->after_first);
    db_bind_u64(st, 3, read->after_at);
    db_bind_u64(st, 4, read->max);
    TRY(db_step(st, &row));
    while (row) {
        TRY(read->each(read->ctx, db_u64(st, 0), db_u64(st, 1), db_blob(st, 2)));
        TRY(db_step(st, &row));
    }
    return ERR_OK;
}

static ErrCode find_table(Db *db, Arena *arena, Str name, TableRow *ret_table) {
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_find");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-find", NULL);
    }
    db_bind_text(st, 1, name);
    TRY(db_step(st, &row));
    if (!row) {
        return ERR_NOT_FOUND;
    }
    *ret_table = table_row(st, arena);
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode tables_find(Tables *t, TableSide side, Arena *arena, Str name, TableRow *ret_table) {
    return find_table(tables_db(t, side), arena, name, ret_table);
}

static ErrCode read_table(Db *db, Arena *arena, const TableRead *read, TableRow *ret_table) {
    TRY(find_table(db, arena, read->name, ret_table));
    return read->max == 0 ? ERR_OK : read_rows(db, read, ret_table->id);
}

ErrCode tables_read_begin(Tables *t) {
    mutex_lock(&t->read_lock);
    ErrCode err = db_run(&t->reader, "begin_read");
    if (err != ERR_OK) {
        mutex_unlock(&t->read_lock);
    }
    return err;
}

void tables_read_end(Tables *t) {
    db_rollback(&t->reader); /* nothing was changed */
    mutex_unlock(&t->read_lock);
}

ErrCode tables_read(Tables *t, Arena *arena, const TableRead *read, TableRow *ret_table) {
    TRY(tables_read_begin(t));
    ErrCode err = read_table(&t->reader, arena, read, ret_table);
    tables_read_end(t);
    return err;
}
