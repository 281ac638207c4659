/* sheet_int.h — private to core: the two readers behind sheet.h and what they share. */
#ifndef NHIP_CORE_SHEET_INT_H
#define NHIP_CORE_SHEET_INT_H

#include "core/arena.h"
#include "core/sheet.h"

typedef struct SheetText SheetText;
typedef struct SheetBook SheetBook;

struct Sheet {
    SheetText *text; /* one of the two */
    SheetBook *book;
    size_t n_rows;
    ErrInfo info; /* code: sticky */
};

/* ---- text ---- */
MUST_USE ErrCode sheet_text_open(Str bytes, const SheetOptions *options, SheetText **ret,
                                 ErrInfo *info);
void sheet_text_free(SheetText *t);
/* ERR_OK with ret_row->number 0 at the end. Rows may be empty. */
MUST_USE ErrCode sheet_text_next(SheetText *t, SheetRow *ret_row, ErrInfo *info);

/* ---- XLSX ---- */
MUST_USE ErrCode sheet_book_open(Str bytes, const SheetOptions *options, SheetBook **ret,
                                 ErrInfo *info);
void sheet_book_free(SheetBook *b);
MUST_USE ErrCode sheet_book_next(SheetBook *b, SheetRow *ret_row, ErrInfo *info);
size_t sheet_book_names(const SheetBook *b, const Str **ret_names);

/* ---- parts of an XLSX (sheet_part.c) ---- */
typedef struct SheetZip SheetZip;
MUST_USE ErrCode sheet_zip_open(Str bytes, SheetZip **ret, ErrInfo *info);
void sheet_zip_close(SheetZip *z);

enum { SHEET_ATTRS = 32 }; /* further ones of a tag are not handed over */
typedef struct SheetTag {
    Str name; /* names without prefix */
    size_t n_attrs;
    Str names[SHEET_ATTRS], values[SHEET_ATTRS];
} SheetTag;
/* STR_EMPTY: has none. */
Str sheet_attr(const SheetTag *tag, const char *name);
/* Decimal digits alone; SIZE_MAX for everything else. */
size_t sheet_to_size(Str digits);

/* Callbacks may be NULL. A tag lives until its callback returns. */
typedef struct SheetPartHandler {
    void *ctx;
    ErrCode (*open)(void *ctx, const SheetTag *tag);
    ErrCode (*text)(void *ctx, Str text);
    ErrCode (*close)(void *ctx, Str name);
} SheetPartHandler;
typedef struct SheetPart SheetPart;
/* ERR_NOT_FOUND: there is no such part. */
MUST_USE ErrCode sheet_part_open(SheetZip *z, Str name, const SheetPartHandler *handler,
                                 SheetPart **ret, ErrInfo *info);
void sheet_part_close(SheetPart *p);
/* The events of the next piece; *ret_more false behind the last. */
MUST_USE ErrCode sheet_part_feed(SheetPart *p, bool *ret_more, ErrInfo *info);
/* The whole part. */
MUST_USE ErrCode sheet_part_read(SheetZip *z, Str name, const SheetPartHandler *handler,
                                 ErrInfo *info);

/* ---- rows of a sheet (sheet_grid.c) ---- */
typedef struct SheetStyle SheetStyle;
typedef struct SheetGridOf { /* borrowed for the grid's life */
    const Str *strings;
    size_t n_strings;
    const SheetStyle *styles;
    size_t n_styles;
    bool since_1904;
} SheetGridOf;
typedef struct SheetGrid SheetGrid;
MUST_USE ErrCode sheet_grid_open(SheetZip *z, Str part, const SheetGridOf *of, SheetGrid **ret,
                                 ErrInfo *info);
void sheet_grid_close(SheetGrid *g);
MUST_USE ErrCode sheet_grid_next(SheetGrid *g, SheetRow *ret_row, ErrInfo *info);

/* ---- numbers by style (sheet_style.c) ---- */
typedef enum SheetStyleKind {
    SHEET_STYLE_PLAIN,
    SHEET_STYLE_TIME,
    SHEET_STYLE_ZEROS
} SheetStyleKind;
struct SheetStyle {
    uint8_t kind;   /* SheetStyleKind */
    uint8_t digits; /* of ZEROS */
};
/* Of a number format's code ("dd/mm/yyyy", "00000", "#,##0"). */
SheetStyle sheet_style_of_code(Str code);
/* Of a built-in format's number (ECMA-376 part 1, 18.8.30). */
SheetStyle sheet_style_of_id(unsigned id);
/* The number of a cell as text; what is no number stays as it is. */
void sheet_put_number(Buf *out, Str value, SheetStyle style, bool since_1904);

#endif
