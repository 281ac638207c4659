/* term_load_int.h — private to the loader: rows of tables, and one file's way into a build. */
#ifndef NHIP_TERM_TERM_LOAD_INT_H
#define NHIP_TERM_TERM_LOAD_INT_H

#include "term/term_fhir_int.h"
#include "term/term_load.h"

enum { TABLE_COLUMNS_MAX = 128 };

/* TSV (nothing is quoted) or CSV. A field lives until the next row. */
typedef struct TermTable {
    const TermFile *file;
    Str rest;
    char separator; /* '\t', ',' or ';' */
    Arena *row;     /* unquoted fields */
    size_t line;    /* where the current row begins, from 1 */
    size_t next_line;
    size_t n_columns;
    Str columns[TABLE_COLUMNS_MAX]; /* the header, as written */
    Str fields[TABLE_COLUMNS_MAX];
} TermTable;

/* Reads the header; the columns live in `arena`. */
MUST_USE ErrCode term_table_init(TermTable *t, Arena *arena, const TermFile *file, ErrInfo *info);
void term_table_release(TermTable *t);
/* ERR_NOT_FOUND at the end; ERR_SYNTAX. */
MUST_USE ErrCode term_table_next(TermTable *t, ErrInfo *info);
int term_table_column(const TermTable *t, const char *name);
static inline Str term_table_get(const TermTable *t, int column) {
    return column < 0 ? STR_EMPTY : t->fields[column];
}
/* Names file and line in info; answers err. */
ErrCode term_table_error(const TermTable *t, ErrCode err, ErrInfo *info);

typedef struct TermLoading {
    const TermLoad *ask;
    TermBuild *b;
    Arena *arena;
    TermLoaded done;
} TermLoading;

MUST_USE ErrCode term_load_codes(TermLoading *l, TermTable *t, ErrInfo *info);
MUST_USE ErrCode term_load_mappings(TermLoading *l, TermTable *t, ErrInfo *info);
MUST_USE ErrCode term_load_loinc(TermLoading *l, TermTable *t, ErrInfo *info);
bool term_is_rf2(const TermTable *t);
/* All files together. */
MUST_USE ErrCode term_load_rf2(TermLoading *l, ErrInfo *info);

/* A string property for BuildConcept.extra; call open, any number of put, then close. */
typedef struct TermExtra {
    Buf out;
    bool any;
} TermExtra;
void term_extra_open(TermExtra *x);
void term_extra_put(TermExtra *x, Str code, Str value);
Str term_extra_close(TermExtra *x, Arena *arena);

#endif
