/* store_db.h — one SQLite connection with its named statements, and errors as ErrCode.
 * All SQL stands in sql/: fact (forward migrations of data.db, NNNN_NAME.sql), view (tables of
 * view.db), query (statements, each after a line "-- name: X"), embedded into the binary.
 * Ownership: db_open fills the caller's struct; db_close releases statements and handle. Statements
 * are prepared on first use and stay with the connection. Errors: db_error maps SQLite's codes.
 * Threads: one thread a Db at a time. */
#ifndef NHIP_STORE_STORE_DB_H
#define NHIP_STORE_STORE_DB_H

#include "core/str.h"

#include <sqlite3.h>

enum { DB_STMTS_MAX = 96 };

typedef struct Db {
    sqlite3 *handle;
    struct DbStmt {
        const char *name; /* the caller's literal */
        sqlite3_stmt *stmt;
    } stmts[DB_STMTS_MAX];
    unsigned n_stmts;
} Db;

typedef struct DbOpen {
    const char *path;
    const char *vfs; /* NULL: the default */
    bool read_only;
    bool must_exist;
} DbOpen;

/* ERR_IO, ERR_CORRUPT, ERR_NOMEM, ERR_FULL … with SQLite's words in info (may be NULL). */
MUST_USE ErrCode db_open(const DbOpen *how, Db *ret_db, ErrInfo *info);
void db_close(Db *db); /* safe on a zeroed Db and twice */

/* SQLite's result as ErrCode: OK, ROW and DONE are ERR_OK. */
ErrCode db_error(int sqlite_code);
/* The connection's last error, with its text in info. */
ErrCode db_fail(Db *db, const char *rule, ErrInfo *info);

/* The text of a statement of sql/query. The name must exist. */
Str sql_query(const char *name);
/* The prepared statement of that name, reset and without bindings; NULL on error. `name` is a
 * literal: it is compared by address first. */
sqlite3_stmt *db_stmt(Db *db, const char *name);
/* Runs a statement of sql/query to its end, rows ignored. */
MUST_USE ErrCode db_run(Db *db, const char *name);
/* Ends the transaction, if one is open; SQLite may have done so already. */
void db_rollback(Db *db);
/* Runs a whole text of statements (migrations, view definitions). */
MUST_USE ErrCode db_run_text(Db *db, Str sql);
/* Steps: ERR_OK with *ret_row, or the error. The statement is reset at the end and on errors. */
MUST_USE ErrCode db_step(sqlite3_stmt *stmt, bool *ret_row);
/* Steps a statement that gives no rows, and resets it. */
MUST_USE ErrCode db_do(sqlite3_stmt *stmt);

/* Bind without copying: the bytes must live until the reset. */
void db_bind_blob(sqlite3_stmt *stmt, int at, Str bytes);
void db_bind_text(sqlite3_stmt *stmt, int at, Str text);
static inline void db_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value) {
    (void)sqlite3_bind_int64(stmt, at, (sqlite3_int64)value);
}
static inline uint64_t db_u64(sqlite3_stmt *stmt, int at) {
    return (uint64_t)sqlite3_column_int64(stmt, at);
}
/* Valid until the next step or reset. */
Str db_blob(sqlite3_stmt *stmt, int at);

/* The forward migrations of data.db in order; NULL at the end. */
Str sql_fact(unsigned at, unsigned *ret_version);

static inline void db_reset_cleanup(sqlite3_stmt **stmt) {
    if (*stmt != NULL) {
        (void)sqlite3_reset(*stmt);
    }
}
#define CLEANUP_RESET CLEANUP(db_reset_cleanup)

#endif
