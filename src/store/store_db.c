#include "store/store_db.h"

#include "core/embed.h"

EMBED(sql_common, "src/store/sql/query/common.sql")
EMBED(sql_record, "src/store/sql/query/record.sql")
EMBED(sql_index, "src/store/sql/query/index.sql")
EMBED(sql_table, "src/store/sql/query/table.sql")
EMBED(sql_fact_1, "src/store/sql/fact/0001_records.sql")
EMBED(sql_fact_2, "src/store/sql/fact/0002_received.sql")

/* The texts of sql/query, searched in this order. A new file needs a line here. */
static Str query_text(unsigned at) {
    switch (at) {
    case 0:
        return embed_sql_common();
    case 1:
        return embed_sql_record();
    case 2:
        return embed_sql_index();
    case 3:
        return embed_sql_table();
    default:
        return STR_EMPTY;
    }
}

Str sql_fact(unsigned at, unsigned *ret_version) {
    *ret_version = at + 1;
    return at == 0 ? embed_sql_fact_1() : at == 1 ? embed_sql_fact_2() : (Str){NULL, 0};
}

/* The statement that follows the line "-- name: NAME" in text, up to the next such line. */
static bool query_in(Str text, const char *name, Str *ret_sql) {
    Str line;
    Str rest = text;
    while (str_cut(&rest, '\n', &line)) {
        if (!str_starts(line, STR("-- name: ")) ||
            !str_eq(str_trim(str_sub(line, 9, line.len)), str_from(name))) {
            continue;
        }
        size_t end = str_find(rest, STR("-- name: "));
        *ret_sql = str_trim(str_sub(rest, 0, end == SIZE_MAX ? rest.len : end));
        return true;
    }
    return false;
}

Str sql_query(const char *name) {
    Str sql = STR_EMPTY;
    bool found = false;
    for (unsigned i = 0; !found && query_text(i).len > 0; i++) {
        found = query_in(query_text(i), name, &sql);
    }
    assert(found);
    return sql;
}

ErrCode db_error(int sqlite_code) {
    switch (sqlite_code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_IOERR:
        /* No room for the shared-memory file is a full disk as well. */
        return sqlite_code == SQLITE_IOERR_SHMSIZE ? ERR_FULL
               : sqlite_code == SQLITE_IOERR_NOMEM ? ERR_NOMEM
                                                   : ERR_IO;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_IO;
    default:
        return ERR_INTERNAL;
    }
}

ErrCode db_fail(Db *db, const char *rule, ErrInfo *info) {
    int code = db->handle == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db->handle);
    const char *text = db->handle == NULL ? "out of memory" : sqlite3_errmsg(db->handle);
    ErrCode err = db_error(code);
    return err_set(info, err == ERR_OK ? ERR_INTERNAL : err, rule, "the database says: %s (%d)",
                   "cơ sở dữ liệu báo: %s (%d)", text, code);
}

ErrCode db_open(const DbOpen *how, Db *ret_db, ErrInfo *info) {
    Db db = {0};
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    flags |= how->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= how->read_only || how->must_exist ? 0 : SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(how->path, &db.handle, flags, how->vfs) != SQLITE_OK) {
        ErrCode err = db_fail(&db, "db-open", info);
        db_close(&db);
        return err;
    }
    (void)sqlite3_extended_result_codes(db.handle, 1);
    (void)sqlite3_busy_timeout(db.handle, 5000);
    *ret_db = db;
    return ERR_OK;
}

void db_close(Db *db) {
    for (unsigned i = 0; i < db->n_stmts; i++) {
        (void)sqlite3_finalize(db->stmts[i].stmt);
    }
    (void)sqlite3_close(db->handle);
    *db = (Db){0};
}

/* By the literal's address first: nearly always enough. */
static sqlite3_stmt *stmt_find(const Db *db, const char *name) {
    for (unsigned i = 0; i < db->n_stmts; i++) {
        if (db->stmts[i].name == name) {
            return db->stmts[i].stmt;
        }
    }
    for (unsigned i = 0; i < db->n_stmts; i++) {
        if (strcmp(db->stmts[i].name, name) == 0) {
            return db->stmts[i].stmt;
        }
    }
    return NULL;
}

sqlite3_stmt *db_stmt(Db *db, const char *name) {
    sqlite3_stmt *known = stmt_find(db, name);
    if (known != NULL) {
        (void)sqlite3_reset(known);
        return known;
    }
    assert(db->n_stmts < DB_STMTS_MAX);
    Str sql = sql_query(name);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &stmt,
                           NULL) != SQLITE_OK) {
        return NULL;
    }
    db->stmts[db->n_stmts++] = (struct DbStmt){name, stmt};
    return stmt;
}

ErrCode db_step(sqlite3_stmt *stmt, bool *ret_row) {
    if (stmt == NULL) {
        return ERR_NOMEM;
    }
    int code = sqlite3_step(stmt);
    *ret_row = code == SQLITE_ROW;
    if (code != SQLITE_ROW) {
        (void)sqlite3_reset(stmt);
    }
    return db_error(code);
}

ErrCode db_do(sqlite3_stmt *stmt) {
    bool row = false;
    ErrCode err = db_step(stmt, &row);
    if (row) {
        (void)sqlite3_reset(stmt);
    }
    return err;
}

ErrCode db_run(Db *db, const char *name) {
    sqlite3_stmt *stmt = db_stmt(db, name);
    if (stmt == NULL) {
        return db_fail(db, "db-prepare", NULL);
    }
    bool row = true;
    while (row) {
        TRY(db_step(stmt, &row));
    }
    return ERR_OK;
}

void db_rollback(Db *db) {
    ErrCode err = sqlite3_get_autocommit(db->handle) == 0 ? db_run(db, "rollback") : ERR_OK;
    (void)err; /* a failed rollback leaves nothing behind either: it is done in memory */
}

ErrCode db_run_text(Db *db, Str sql) {
    const char *at = sql.ptr;
    const char *end = sql.ptr + sql.len;
    while (at < end) {
        sqlite3_stmt *stmt = NULL;
        const char *next = end;
        int code = sqlite3_prepare_v2(db->handle, at, (int)(end - at), &stmt, &next);
        while (code == SQLITE_OK && stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
            code = SQLITE_OK;
        }
        (void)sqlite3_finalize(stmt);
        TRY(db_error(code));
        at = next;
    }
    return ERR_OK;
}

void db_bind_blob(sqlite3_stmt *stmt, int at, Str bytes) {
    (void)sqlite3_bind_blob64(stmt, at, bytes.len == 0 ? "" : bytes.ptr, bytes.len, SQLITE_STATIC);
}

void db_bind_text(sqlite3_stmt *stmt, int at, Str text) {
    (void)sqlite3_bind_text64(stmt, at, text.len == 0 ? "" : text.ptr, text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

Str db_blob(sqlite3_stmt *stmt, int at) {
    const char *bytes = sqlite3_column_blob(stmt, at);
    int len = sqlite3_column_bytes(stmt, at);
    return bytes == NULL || len <= 0 ? STR_EMPTY : (Str){bytes, (size_t)len};
}
