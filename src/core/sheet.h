/* sheet.h — tables that people send: CSV, tab-separated text and XLSX, read row by row.
 * Text: separator ',' ';' '|' or tab by the header line (or Excel's "sep=;" line), quoted fields
 * (RFC 4180) with line ends inside, a byte order mark, UTF-16 as Excel's "Unicode text". An
 * apostrophe that sheet_write.h put before a formula's sign is taken off. XLSX (ECMA-376): shared,
 * inline and rich strings, numbers as written with at most 15 digits, whole-zero formats padded
 * ("00000": 01234), dates and times by style as "2026-10-01", "2026-10-01T07:30:00", "07:30:00"
 * (both date systems), booleans as 1 and 0; formulas by their stored values.
 * Rows without any text are passed over; trailing empty cells may be missing. Cells are not
 * trimmed. Hostile input: LIMIT_SHEET_*, LIMIT_UNPACK_RATIO, no DOCTYPE; memory holds the shared
 * strings and a few rows, never the sheet. Ownership: the bytes are borrowed until sheet_free; a
 * row lives until the next one. Errors: ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED (old .xls, password,
 * no UTF-8), ERR_NOT_FOUND (no such sheet), ERR_NOMEM, with rule "sheet-*" and both languages.
 * Threads: one a Sheet. */
#ifndef NHIP_CORE_SHEET_H
#define NHIP_CORE_SHEET_H

#include "core/str.h"

typedef struct Sheet Sheet;

typedef enum SheetFormat {
    SHEET_AUTO, /* by its bytes: XLSX, else text */
    SHEET_TEXT,
    SHEET_XLSX,
} SheetFormat;

typedef struct SheetOptions {
    SheetFormat format;
    Str name; /* of an XLSX: this sheet (case and accents ignored); empty: the first visible */
    char separator; /* of a text; 0: found out */
    bool unquoted;  /* of a text: quotation marks mean nothing */
} SheetOptions;

typedef struct SheetRow {
    size_t number; /* as a spreadsheet shows it; of a text: the line that it begins on. From 1 */
    const Str *cells;
    size_t n_cells;
} SheetRow;

/* options may be NULL. */
MUST_USE ErrCode sheet_open(Str bytes, const SheetOptions *options, Sheet **ret_sheet,
                            ErrInfo *info);
void sheet_free(Sheet *sheet); /* NULL is fine */
/* False at the end or at an error, which sheet_ok tells apart. */
bool sheet_next(Sheet *sheet, SheetRow *ret_row);
MUST_USE ErrCode sheet_ok(const Sheet *sheet, ErrInfo *info);
/* Names of the sheets in an XLSX's order; a text has one without a name. */
size_t sheet_names(const Sheet *sheet, const Str **ret_names);

/* STR_EMPTY behind the row's end. */
static inline Str sheet_cell(const SheetRow *row, size_t column) {
    return column < row->n_cells ? row->cells[column] : STR_EMPTY;
}
/* "A", "AB" of column 0, 27. */
void sheet_put_column(Buf *out, size_t column);
/* Is the header cell one of names ("code;mã dịch vụ;ma_dvkt")? Case, accents and whatever is
 * neither letter nor digit are ignored: "Mã dịch-vụ (*)" is "MA_DICH_VU". */
bool sheet_header_is(Str cell, Str names);

static inline void sheet_cleanup(Sheet **sheet) {
    sheet_free(*sheet);
}
#define CLEANUP_SHEET CLEANUP(sheet_cleanup)

#endif
