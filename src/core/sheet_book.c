#include "core/fold.h"
#include "core/limits.h"
#include "core/sheet_int.h"

typedef struct BookSheet {
    Str rel_id;
    bool hidden;
} BookSheet;

typedef struct BookFormat {
    size_t id;
    SheetStyle style;
} BookFormat;

struct SheetBook {
    SheetZip *zip;
    Arena *arena; /* names, shared strings */
    SheetGrid *grid;
    bool since_1904;
    /* Lists: values one behind the other; the ceiling of the Buf is the limit of their number. */
    Buf names;   /* Str */
    Buf sheets;  /* BookSheet */
    Buf strings; /* Str */
    Buf formats; /* BookFormat */
    Buf styles;  /* SheetStyle */
    bool in_xfs;
    Str want_id, want_type, found; /* the relation that is looked for, by one of the two */
    bool in_text;                  /* of a shared string */
    unsigned in_ruby;              /* inside of its rPh: how it is read aloud */
    Buf text;
};

#define LIST_N(list, type) ((list).len / sizeof(type))
#define LIST_OF(list, type) ((const type *)(const void *)(list).ptr)

static ErrCode fail_book(ErrInfo *info) {
    return err_set(info, ERR_SYNTAX, "sheet-book", "the file is a zip archive but no XLSX table",
                   "tệp là tệp nén zip nhưng không phải bảng XLSX");
}

/* ---- relations */

static ErrCode on_relation(void *ctx, const SheetTag *tag) {
    SheetBook *b = ctx;
    if (!str_eq(tag->name, STR("Relationship")) || b->found.len > 0) {
        return ERR_OK;
    }
    bool fits = b->want_id.len > 0 ? str_eq(sheet_attr(tag, "Id"), b->want_id)
                                   : str_ends(sheet_attr(tag, "Type"), b->want_type);
    if (fits) {
        b->found = arena_str(b->arena, sheet_attr(tag, "Target"));
    }
    return ERR_OK;
}

/* The part that a relation names: behind '/' from the root, else beside `base`. Empty: none. */
static ErrCode find_part(SheetBook *b, Str rels, Str base, Str *ret_part, ErrInfo *info) {
    SheetPartHandler h = {.ctx = b, .open = on_relation};
    b->found = STR_EMPTY;
    ErrCode err = sheet_part_read(b->zip, rels, &h, info);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    Str part = b->found;
    while (str_starts(part, STR("/"))) {
        part = str_sub(part, 1, part.len);
        base = STR_EMPTY;
    }
    *ret_part = part.len == 0 ? STR_EMPTY : arena_join(b->arena, (Str[]){base, part}, 2);
    return arena_failed(b->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- workbook */

static ErrCode on_workbook(void *ctx, const SheetTag *tag) {
    SheetBook *b = ctx;
    if (str_eq(tag->name, STR("workbookPr"))) {
        Str v = sheet_attr(tag, "date1904");
        b->since_1904 = str_eq(v, STR("1")) || str_eq(v, STR("true"));
    } else if (str_eq(tag->name, STR("sheet"))) {
        Str name = arena_str(b->arena, sheet_attr(tag, "name"));
        Str state = sheet_attr(tag, "state");
        BookSheet sheet = {
            .rel_id = arena_str(b->arena, sheet_attr(tag, "id")),
            .hidden = str_eq(state, STR("hidden")) || str_eq(state, STR("veryHidden")),
        };
        buf_put(&b->names, &name, sizeof(name));
        buf_put(&b->sheets, &sheet, sizeof(sheet));
        TRY(buf_ok(&b->sheets));
    }
    return arena_failed(b->arena) ? ERR_LIMIT : buf_ok(&b->names);
}

/* ---- styles */

static SheetStyle style_of(const SheetBook *b, size_t id) {
    const BookFormat *formats = LIST_OF(b->formats, BookFormat);
    for (size_t i = LIST_N(b->formats, BookFormat); i > 0; i--) {
        if (formats[i - 1].id == id) {
            return formats[i - 1].style;
        }
    }
    return sheet_style_of_id((unsigned)MIN(id, (size_t)UINT32_MAX));
}

static ErrCode on_style(void *ctx, const SheetTag *tag) {
    SheetBook *b = ctx;
    if (str_eq(tag->name, STR("numFmt"))) {
        BookFormat f = {.id = sheet_to_size(sheet_attr(tag, "numFmtId")),
                        .style = sheet_style_of_code(sheet_attr(tag, "formatCode"))};
        buf_put(&b->formats, &f, sizeof(f));
        return buf_ok(&b->formats);
    }
    if (str_eq(tag->name, STR("cellXfs"))) {
        b->in_xfs = true;
    } else if (b->in_xfs && str_eq(tag->name, STR("xf"))) {
        SheetStyle style = style_of(b, sheet_to_size(sheet_attr(tag, "numFmtId")));
        buf_put(&b->styles, &style, sizeof(style));
        return buf_ok(&b->styles);
    }
    return ERR_OK;
}

static ErrCode on_style_end(void *ctx, Str name) {
    SheetBook *b = ctx;
    b->in_xfs = b->in_xfs && !str_eq(name, STR("cellXfs"));
    return ERR_OK;
}

/* ---- shared strings */

static ErrCode on_string(void *ctx, const SheetTag *tag) {
    SheetBook *b = ctx;
    if (str_eq(tag->name, STR("si"))) {
        buf_clear(&b->text);
    } else if (str_eq(tag->name, STR("rPh"))) {
        b->in_ruby++;
    }
    b->in_text = b->in_ruby == 0 && str_eq(tag->name, STR("t"));
    return ERR_OK;
}

static ErrCode on_string_text(void *ctx, Str text) {
    SheetBook *b = ctx;
    if (b->in_text) {
        buf_put_str(&b->text, text);
    }
    return buf_ok(&b->text);
}

static ErrCode on_string_end(void *ctx, Str name) {
    SheetBook *b = ctx;
    b->in_text = false;
    if (str_eq(name, STR("rPh")) && b->in_ruby > 0) {
        b->in_ruby--;
    }
    if (str_eq(name, STR("si"))) {
        Str s = arena_str(b->arena, buf_str(&b->text));
        buf_put(&b->strings, &s, sizeof(s));
    }
    return arena_failed(b->arena) ? ERR_LIMIT : buf_ok(&b->strings);
}

/* ---- opening */

/* Reads a part that may be missing; names the limit that a list ran into. */
static ErrCode read_part(SheetBook *b, Str part, SheetPartHandler h, ErrInfo *info) {
    h.ctx = b;
    ErrInfo why = {0};
    ErrCode err = part.len == 0 ? ERR_OK : sheet_part_read(b->zip, part, &h, &why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (err == ERR_LIMIT && why.rule[0] == '\0') {
        return err_set(info, ERR_LIMIT, "sheet-parts",
                       "the XLSX has more than %d texts, %d styles or %d sheets",
                       "XLSX có hơn %d văn bản, %d kiểu hoặc %d trang tính", LIMIT_SHEET_STRINGS,
                       LIMIT_SHEET_STYLES, LIMIT_SHEET_SHEETS);
    }
    if (info != NULL) {
        *info = why;
    }
    return err;
}

static ErrCode fail_name(ErrInfo *info, Str name) {
    return err_set(info, ERR_NOT_FOUND, "sheet-name", "the file has no sheet '%.*s'",
                   "tệp không có trang tính '%.*s'", STR_ARG(name));
}

/* The sheet that was asked for; without a name the first that is not hidden. */
static ErrCode choose(const SheetBook *b, Str name, size_t *ret_at, ErrInfo *info) {
    const Str *names = LIST_OF(b->names, Str);
    const BookSheet *sheets = LIST_OF(b->sheets, BookSheet);
    size_t n = LIST_N(b->names, Str);
    for (size_t i = 0; i < n; i++) {
        if (name.len == 0 ? !sheets[i].hidden : sheet_header_is(names[i], name)) {
            *ret_at = i;
            return ERR_OK;
        }
    }
    if (name.len > 0 || n == 0) {
        return n == 0 ? fail_book(info) : fail_name(info, name);
    }
    *ret_at = 0;
    return ERR_OK;
}

static Str folder_of(Str part) {
    size_t len = part.len;
    while (len > 0 && part.ptr[len - 1] != '/') {
        len--;
    }
    return str_sub(part, 0, len);
}

static ErrCode related(SheetBook *b, Str workbook, Str *ret_part, ErrInfo *info) {
    Str folder = folder_of(workbook);
    Str file = str_sub(workbook, folder.len, workbook.len);
    Str rels = arena_join(b->arena, (Str[]){folder, STR("_rels/"), file, STR(".rels")}, 4);
    return find_part(b, rels, folder, ret_part, info);
}

static ErrCode open_book(SheetBook *b, Str name, ErrInfo *info) {
    Str workbook;
    Str strings;
    Str styles;
    Str grid;
    size_t at = 0;
    b->want_type = STR("/officeDocument");
    TRY(find_part(b, STR("_rels/.rels"), STR_EMPTY, &workbook, info));
    TRY(read_part(b, workbook, (SheetPartHandler){.open = on_workbook}, info));
    TRY(choose(b, name, &at, info));
    b->want_type = STR("/sharedStrings");
    TRY(related(b, workbook, &strings, info));
    b->want_type = STR("/styles");
    TRY(related(b, workbook, &styles, info));
    b->want_id = LIST_OF(b->sheets, BookSheet)[at].rel_id;
    b->want_type = STR("/worksheet");
    TRY(related(b, workbook, &grid, info));
    TRY(read_part(b, styles, (SheetPartHandler){.open = on_style, .close = on_style_end}, info));
    SheetPartHandler h = {.open = on_string, .text = on_string_text, .close = on_string_end};
    TRY(read_part(b, strings, h, info));
    SheetGridOf of = {.strings = LIST_OF(b->strings, Str),
                      .n_strings = LIST_N(b->strings, Str),
                      .styles = LIST_OF(b->styles, SheetStyle),
                      .n_styles = LIST_N(b->styles, SheetStyle),
                      .since_1904 = b->since_1904};
    ErrCode err = sheet_grid_open(b->zip, grid, &of, &b->grid, info);
    return err == ERR_NOT_FOUND ? fail_book(info) : err;
}

ErrCode sheet_book_open(Str bytes, const SheetOptions *options, SheetBook **ret, ErrInfo *info) {
    SheetBook *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&b->names, LIMIT_SHEET_SHEETS * sizeof(Str));
    buf_init(&b->sheets, LIMIT_SHEET_SHEETS * sizeof(BookSheet));
    buf_init(&b->strings, LIMIT_SHEET_STRINGS * sizeof(Str));
    buf_init(&b->formats, 4096 * sizeof(BookFormat));
    buf_init(&b->styles, LIMIT_SHEET_STYLES * sizeof(SheetStyle));
    buf_init(&b->text, LIMIT_SHEET_ROW_BYTES);
    b->arena = arena_new(LIMIT_SHEET_BYTES);
    ErrCode err = b->arena == NULL ? ERR_NOMEM : sheet_zip_open(bytes, &b->zip, info);
    if (err == ERR_OK) {
        err = open_book(b, options->name, info);
    }
    if (err != ERR_OK) {
        sheet_book_free(b);
        return err;
    }
    *ret = b;
    return ERR_OK;
}

void sheet_book_free(SheetBook *b) {
    if (b != NULL) {
        sheet_grid_close(b->grid);
        sheet_zip_close(b->zip);
        arena_free(b->arena);
        buf_release(&b->names);
        buf_release(&b->sheets);
        buf_release(&b->strings);
        buf_release(&b->formats);
        buf_release(&b->styles);
        buf_release(&b->text);
        free(b);
    }
}

ErrCode sheet_book_next(SheetBook *b, SheetRow *ret_row, ErrInfo *info) {
    return sheet_grid_next(b->grid, ret_row, info);
}

size_t sheet_book_names(const SheetBook *b, const Str **ret_names) {
    *ret_names = LIST_OF(b->names, Str);
    return LIST_N(b->names, Str);
}
