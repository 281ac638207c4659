/* store_table.h — tables.db and its like: tables that are derived from the log and follow it. Each
 * has a name, a definition, rows that belong to resources, and the position (record number) up to
 * which its rows stand; rows and position change in one transaction, so a crash leaves a table
 * older, never wrong. A row may have keys, which put it into ordered lists, and sums, to which it
 * adds; both follow from its body alone and change with it, so that a count always is what the list
 * behind it holds. The file may be deleted: it is made anew, empty, also when it belongs to another
 * data.db or knows records that the log has not.
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
    Str note;
} TableRow;

typedef struct TablesOpen {
    Store *store;
    const char *file; /* in the store's folder; its owner drops what it does not know */
    bool large;       /* 64 MiB of its pages in memory, not 4 */
    bool read_only;   /* as it stands, beside whoever follows; ERR_NOT_FOUND when it is not there */
} TablesOpen;
MUST_USE ErrCode tables_open(const TablesOpen *how, Tables **ret_tables, ErrInfo *info);
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
/* Keeps a few bytes of the owner's with the table (TableRow.note). */
MUST_USE ErrCode tables_note(Tables *tables, uint64_t id, Str note);
/* Commits, or with an error takes everything since begin back; answers err or that of the commit.
 */
ErrCode tables_end(Tables *tables, ErrCode err);

/* ---- rows with keys and sums ---- */
enum { TABLE_SUMS = 6 };
typedef struct TableSum {
    Str group;
    uint64_t n; /* rows; of a row: not asked */
    int64_t values[TABLE_SUMS];
} TableSum;
typedef struct TableFacts { /* no key and no group twice */
    const Str *keys;
    size_t n_keys;
    const TableSum *sums;
    size_t n_sums;
} TableFacts;
/* What follows from the rows of a table. Pure: when it changes, so must the definition. */
typedef struct TableShape {
    Arena *scratch; /* reset by each call */
    ErrCode (*facts)(Arena *scratch, const TableCell *row, TableFacts *ret);
} TableShape;
/* Between begin and end: the row (id, first, at) has this body from now on. */
MUST_USE ErrCode tables_set(Tables *tables, const TableShape *shape, const TableCell *row);
/* Removes it (body is not asked). Absent is fine. */
MUST_USE ErrCode tables_unset(Tables *tables, const TableShape *shape, const TableCell *row,
                              bool *ret_had);

/* ---- reading ---- */
/* Whoever reads: between begin and end the turn's own changes are seen; between read_begin and
 * read_end everything as it stood at read_begin. */
typedef enum TableSide { TABLE_AS_READ, TABLE_IN_TURN } TableSide;
/* Holds other readers of these Tables up until tables_read_end. */
MUST_USE ErrCode tables_read_begin(Tables *tables);
void tables_read_end(Tables *tables);
MUST_USE ErrCode tables_find(Tables *tables, TableSide side, Arena *arena, Str name,
                             TableRow *ret_table);
typedef struct TableHit {
    Str key;
    Slot first;
    uint64_t at;
    Str body;
} TableHit; /* lives until `each` returns */
typedef struct TableScan {
    TableSide side;
    uint64_t id;
    Str from, until; /* keys from this one on and below that one */
    bool backwards;
    const TableHit *after; /* begins behind this hit; NULL: at the end of the range */
    size_t max;
    ErrCode (*each)(void *ctx, const TableHit *hit); /* not to call tables_scan */
    void *ctx;
} TableScan;
MUST_USE ErrCode tables_scan(Tables *tables, const TableScan *scan);
typedef struct TableGroups {
    TableSide side;
    uint64_t id;
    Str from, until;
    ErrCode (*each)(void *ctx, const TableSum *sum); /* not to call tables_groups */
    void *ctx;
} TableGroups;
MUST_USE ErrCode tables_groups(Tables *tables, const TableGroups *groups);
/* The body of the row (id, first, at). ERR_NOT_FOUND. */
MUST_USE ErrCode tables_get(Tables *tables, TableSide side, Arena *arena, const TableCell *row,
                            Str *ret_body);
/* The first key behind all that begin with the prefix (which is not all FF). */
Str tables_behind(Arena *arena, Str prefix);

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
