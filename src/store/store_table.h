/* store_table.h — tables.db: tables that are derived from the log and follow it. Each has a name, a
 * definition, rows that belong to resources, and the position (record number) up to which its rows
 * stand; rows and position change in one transaction, so a crash leaves a table older, never wrong.
 * The file may be deleted: it is made anew, empty, also when it belongs to another data.db or knows
 * records that the log has not.
 *
 * Ownership: results live in the caller's arena. Errors: ERR_NOT_FOUND for an unknown name; ERR_IO,
 * ERR_FULL, ERR_CORRUPT, ERR_NOMEM. Threads: any; changes take turns (tables_begin … tables_end is
 * one of them), readers do not wait for them. */
#ifndef NHIP_STORE_STORE_TABLE_H
#define NHIP_STORE_STORE_TABLE_H

#include "store/store.h"

typedef struct Tables Tables;

typedef struct TableRow { /* what is known of one table */
    uint64_t id;
    Str name, definition;
    RecordNo position;
    uint64_t n_rows, n_errors;
    Str last_error;
} TableRow;

MUST_USE ErrCode tables_open(Store *store, Tables **ret_tables, ErrInfo *info);
void tables_close(Tables *tables); /* NULL is fine */

MUST_USE ErrCode tables_list(Tables *tables, Arena *arena, TableRow **ret_rows, size_t *ret_n);
/* Makes it, or makes it anew when the definition is another one; else nothing. */
MUST_USE ErrCode tables_put(Tables *tables, Str name, Str definition);
/* Unknown names are fine. */
MUST_USE ErrCode tables_drop(Tables *tables, Str name);

/* ---- following ---- */
/* Holds the turn until tables_end, whatever it answers. */
MUST_USE ErrCode tables_begin(Tables *tables);
/* Removes the rows of a resource. */
MUST_USE ErrCode tables_clear(Tables *tables, uint64_t id, Slot first, uint64_t *ret_removed);
typedef struct TableCell {
    uint64_t id;
    Slot first;
    uint64_t at;
    Str body;
} TableCell;
MUST_USE ErrCode tables_add(Tables *tables, const TableCell *row);
typedef struct TableMove {
    uint64_t id;
    RecordNo position;
    int64_t rows; /* more, or fewer */
    uint64_t errors;
    Str last_error;
} TableMove;
MUST_USE ErrCode tables_move(Tables *tables, const TableMove *move);
/* Commits, or with an error takes everything since begin back; answers err or that of the commit.
 */
ErrCode tables_end(Tables *tables, ErrCode err);

/* ---- reading ---- */
typedef struct TableRead {
    Str name;
    Slot after_first; /* rows behind this one; 0, 0: from the beginning */
    uint64_t after_at;
    size_t max;
    ErrCode (*each)(void *ctx, Slot first, uint64_t at, Str body);
    void *ctx;
} TableRead;
/* Rows and what is known of the table, as they stood at one moment. */
MUST_USE ErrCode tables_read(Tables *tables, Arena *arena, const TableRead *read,
                             TableRow *ret_table);

#endif
