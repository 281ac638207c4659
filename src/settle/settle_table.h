/* settle_table.h — a report as a table: columns that say what they are, rows of cells, totals; and
 * its four forms: JSON for the screens, CSV and XLSX for offices, a page to print. Ownership: all
 * lives in the table's arena; texts are borrowed. Errors: ERR_NOMEM, ERR_LIMIT (rows), those of the
 * writer. Threads: one a table. */
#ifndef NHIP_SETTLE_SETTLE_TABLE_H
#define NHIP_SETTLE_SETTLE_TABLE_H

#include "core/json.h"
#include "core/sheet_write.h"

typedef enum SettleKind {
    SETTLE_K_TEXT,
    SETTLE_K_COUNT,
    SETTLE_K_MONEY,    /* hundredths of đồng */
    SETTLE_K_QUANTITY, /* thousandths */
    SETTLE_K_DAY,      /* days since 1970; INT64_MIN: unknown */
    SETTLE_K_WORD,     /* number of a word of SettleTable.words; shown as text */
} SettleKind;

typedef struct SettleWord {
    const char *en, *vi;
} SettleWord;

typedef struct SettleColumn {
    const char *id, *en, *vi;
    SettleKind kind;
    bool adds; /* has a total */
    unsigned width;
} SettleColumn;

typedef struct SettleCell {
    Str text;
    int64_t n;
} SettleCell;

typedef struct SettleTable {
    Arena *arena;
    const char *id, *en, *vi; /* of the report */
    Str facility, facility_name, month, scope;
    const SettleColumn *columns;
    size_t n_columns;
    const SettleWord *const *words; /* by column, where it is one of words; may be NULL */
    SettleCell *cells;              /* row after row */
    size_t n_rows, cap_rows;
    uint32_t *slots; /* of rows + 1, by their key; settle_table_group */
    size_t n_slots;
    size_t n_unread; /* amounts that were no numbers */
} SettleTable;

enum { SETTLE_ROWS_MAX = 500000 };

/* A row of empty cells; valid until the next one. */
MUST_USE ErrCode settle_table_row(SettleTable *t, SettleCell **ret_cells);
static inline SettleCell *settle_table_at(const SettleTable *t, size_t row) {
    return t->cells + row * t->n_columns;
}
/* The row whose columns 1 to `last` are those of key (as many cells as the table has columns), made
 * when there is none. For one table always the same last, and no settle_table_row beside it. */
MUST_USE ErrCode settle_table_group(SettleTable *t, const SettleCell *key, size_t last,
                                    SettleCell **ret_cells);
/* By columns 1 to `last`, from the left; then numbers the rows in column 0. */
void settle_table_sort(SettleTable *t, size_t last);
/* Sums stop at the ends of their range instead of wrapping. */
static inline void settle_add(int64_t *sum, int64_t n) {
    if (__builtin_add_overflow(*sum, n, sum)) {
        *sum = n < 0 ? INT64_MIN + 1 : INT64_MAX;
    }
}
int64_t settle_table_total(const SettleTable *t, size_t column);

MUST_USE ErrCode settle_table_json(const SettleTable *t, bool vietnamese, Buf *out);
MUST_USE ErrCode settle_table_sheet(const SettleTable *t, bool vietnamese, SheetKind kind,
                                    Buf *out);
/* What a browser may do with that page: its own style and nothing else. */
MUST_USE ErrCode settle_table_policy(Buf *out);
/* One page of HTML, without scripts, with its own style for printing. */
MUST_USE ErrCode settle_table_html(const SettleTable *t, bool vietnamese, Buf *out);

#endif
