/* tsv.h — reader of tab-separated tables with a header line, over text in memory (embedded or
 * mapped). Nothing is quoted or escaped: a field is every byte between two tabs. CRLF is read as
 * LF, empty lines and lines that begin with '#' are skipped; missing fields at a line's end are
 * empty. Ownership: fields point into the text. Errors: ERR_SYNTAX, ERR_LIMIT (more than
 * TSV_COLUMNS_MAX columns) with the line in ErrInfo. Threads: one thread a reader. */
#ifndef NHIP_CORE_TSV_H
#define NHIP_CORE_TSV_H

#include "core/str.h"

enum { TSV_COLUMNS_MAX = 128 };

typedef struct TsvReader {
    Str rest;
    size_t line; /* of the current row, from 1 */
    size_t n_columns;
    bool too_wide;                /* a row had more fields than the header */
    Str columns[TSV_COLUMNS_MAX]; /* the header */
    Str fields[TSV_COLUMNS_MAX];  /* the current row */
} TsvReader;

/* Reads the header. A byte order mark is skipped. ERR_SYNTAX when there is no header line. */
MUST_USE ErrCode tsv_init(TsvReader *r, Str text, ErrInfo *info);
/* Moves to the next row; false at the end or when a row has more fields than the header, which
 * tsv_ok tells apart. */
bool tsv_next(TsvReader *r);
MUST_USE ErrCode tsv_ok(const TsvReader *r, ErrInfo *info);
/* The index of a column, or -1. */
int tsv_column(const TsvReader *r, Str name);
/* The same, but absence is ERR_NOT_FOUND with the name in info. */
MUST_USE ErrCode tsv_need(const TsvReader *r, const char *name, int *ret_column, ErrInfo *info);
/* The current row's field; STR_EMPTY for column -1. */
Str tsv_get(const TsvReader *r, int column);

#endif
