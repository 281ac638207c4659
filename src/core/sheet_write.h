/* sheet_write.h — tables for people, written row by row with constant memory: CSV that Excel opens
 * (UTF-8 with a byte order mark, CRLF, RFC 4180) and XLSX (ECMA-376: bold frozen header, filters,
 * numbers with separators, dates as dates, several sheets).
 * Formula injection: a text in CSV that begins with = + - @ tab or return and is no number gets an
 * apostrophe before it (sheet.h takes it off again); in XLSX texts are texts and never formulas.
 * The same calls give the same bytes. Ownership: the writer owns nothing of the caller's.
 * Errors: sticky, given by sheet_finish: that of put, ERR_LIMIT (columns, rows, 4 GiB of a part),
 * ERR_PARAM (a second sheet in a CSV), ERR_NOMEM. Threads: one a writer. */
#ifndef NHIP_CORE_SHEET_WRITE_H
#define NHIP_CORE_SHEET_WRITE_H

#include "core/str.h"

typedef struct SheetWriter SheetWriter;

typedef enum SheetKind {
    SHEET_WRITE_CSV,
    SHEET_WRITE_XLSX,
} SheetKind;

typedef struct SheetWrite {
    SheetKind kind;
    char separator; /* of a CSV; 0: ',' */
    ErrCode (*put)(void *ctx, Str bytes);
    void *ctx;
} SheetWrite;

/* put that appends to a Buf. */
ErrCode sheet_put_to_buf(void *buf, Str bytes);

MUST_USE ErrCode sheet_writer_new(const SheetWrite *how, SheetWriter **ret_writer);
void sheet_writer_free(SheetWriter *w); /* NULL is fine; without sheet_finish the file is cut off */

typedef struct SheetStart {
    Str name;               /* ≤ 31 characters; what Excel forbids in it is replaced */
    const unsigned *widths; /* of the columns, in characters; may be NULL */
    size_t n_widths;
    unsigned frozen_rows; /* the first rows stay in sight; the last of them carries the filters */
} SheetStart;
/* Before the first cell, and for each further sheet of an XLSX. */
void sheet_start(SheetWriter *w, const SheetStart *start);

/* Cells from the left, then sheet_row_end. */
void sheet_text(SheetWriter *w, Str s);
void sheet_title(SheetWriter *w, Str s);                      /* bold, wrapped */
void sheet_number(SheetWriter *w, int64_t scaled, int scale); /* (150, 2): 1.50; scale 0–6 */
void sheet_day(SheetWriter *w, int64_t days);                 /* days since 1970 */
void sheet_empty(SheetWriter *w);
void sheet_row_end(SheetWriter *w);
MUST_USE ErrCode sheet_finish(SheetWriter *w);

static inline void sheet_writer_cleanup(SheetWriter **w) {
    sheet_writer_free(*w);
}
#define CLEANUP_SHEET_WRITER CLEANUP(sheet_writer_cleanup)

#endif
