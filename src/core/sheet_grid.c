#include "core/limits.h"
#include "core/sheet_int.h"

/* A cell of the open row: a shared string, or a piece of row_text. */
typedef struct GridCell {
    Str shared;
    size_t at, len;
    bool is_shared;
} GridCell;

struct SheetGrid {
    SheetPart *part;
    SheetGridOf of;
    bool more;

    /* rows of the piece that was fed last */
    Arena *arena;
    SheetRow *rows;
    size_t n_rows, room, n_taken;

    /* the open row */
    bool in_row;
    size_t number; /* of the last row */
    GridCell cells[LIMIT_SHEET_COLUMNS];
    size_t n_cells;
    Buf row_text;

    /* the open cell */
    bool in_cell, in_text;
    unsigned in_ruby;
    char type; /* the type's first letter; 'i' inlineStr, 'f' str, 'n' numbers */
    size_t style, column, next_column;
    Buf text;
};

static char type_of(Str t) {
    if (t.len == 0) {
        return 'n';
    }
    return str_eq(t, STR("inlineStr")) ? 'i' : str_eq(t, STR("str")) ? 'f' : t.ptr[0];
}

/* "AB12": 27. SIZE_MAX without letters or far beyond every limit. */
static size_t column_of(Str ref) {
    size_t column = 0;
    size_t i = 0;
    for (; i < ref.len && i < 5 && ref.ptr[i] >= 'A' && ref.ptr[i] <= 'Z'; i++) {
        column = column * 26 + (size_t)(ref.ptr[i] - 'A' + 1);
    }
    return i == 0 ? SIZE_MAX : column - 1;
}

static void open_cell(SheetGrid *g, const SheetTag *tag) {
    size_t column = column_of(sheet_attr(tag, "r"));
    g->column = column == SIZE_MAX ? g->next_column : column;
    g->next_column = g->column + 1;
    g->type = type_of(sheet_attr(tag, "t"));
    g->style = sheet_to_size(sheet_attr(tag, "s"));
    g->in_cell = true;
    g->in_ruby = 0;
    buf_clear(&g->text);
}

static void open_row(SheetGrid *g, const SheetTag *tag) {
    size_t number = sheet_to_size(sheet_attr(tag, "r"));
    g->number = number == SIZE_MAX || number <= g->number ? g->number + 1 : number;
    g->in_row = true;
    g->n_cells = 0;
    g->next_column = 0;
    buf_clear(&g->row_text);
}

static ErrCode on_open(void *ctx, const SheetTag *tag) {
    SheetGrid *g = ctx;
    g->in_text = false;
    if (str_eq(tag->name, STR("c"))) {
        if (g->in_row) {
            open_cell(g, tag);
        }
    } else if (str_eq(tag->name, STR("row"))) {
        open_row(g, tag);
    } else if (g->in_cell && str_eq(tag->name, STR("rPh"))) {
        g->in_ruby++;
    } else if (g->in_cell && g->in_ruby == 0) {
        g->in_text = str_eq(tag->name, STR("v")) || (g->type == 'i' && str_eq(tag->name, STR("t")));
    }
    return ERR_OK;
}

static ErrCode on_text(void *ctx, Str text) {
    SheetGrid *g = ctx;
    if (g->in_text) {
        buf_put_str(&g->text, text);
    }
    return buf_ok(&g->text);
}

static SheetStyle style_of(const SheetGrid *g) {
    return g->style < g->of.n_styles ? g->of.styles[g->style] : (SheetStyle){0};
}

/* The text of the closed cell. Numbers of strings that are not there give nothing. */
static GridCell cell_of(SheetGrid *g) {
    GridCell cell = {.at = g->row_text.len};
    Str text = buf_str(&g->text);
    if (g->type == 's') {
        size_t i = sheet_to_size(str_trim(text));
        cell.is_shared = true;
        cell.shared = i < g->of.n_strings ? g->of.strings[i] : STR_EMPTY;
    } else if (g->type == 'n') {
        sheet_put_number(&g->row_text, str_trim(text), style_of(g), g->of.since_1904);
    } else {
        buf_put_str(&g->row_text, text);
    }
    cell.len = g->row_text.len - cell.at;
    return cell;
}

static ErrCode close_cell(SheetGrid *g) {
    g->in_cell = false;
    if (g->text.len == 0) {
        return ERR_OK;
    }
    if (g->column >= LIMIT_SHEET_COLUMNS) {
        return ERR_LIMIT;
    }
    for (; g->n_cells <= g->column; g->n_cells++) {
        g->cells[g->n_cells] = (GridCell){0};
    }
    g->cells[g->column] = cell_of(g);
    return buf_ok(&g->row_text);
}

/* Copies the open row to those that wait. */
static ErrCode close_row(SheetGrid *g) {
    g->in_row = false;
    if (g->n_cells == 0) {
        return ERR_OK;
    }
    if (g->n_rows == g->room) {
        size_t room = MAX(2 * g->room, (size_t)64);
        SheetRow *rows = realloc(g->rows, room * sizeof(*rows));
        if (rows == NULL) {
            return ERR_NOMEM;
        }
        g->rows = rows;
        g->room = room;
    }
    Str text = arena_str(g->arena, buf_str(&g->row_text));
    Str *cells = arena_new_array(g->arena, Str, g->n_cells);
    if (arena_failed(g->arena) || cells == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g->n_cells; i++) {
        const GridCell *c = &g->cells[i];
        cells[i] = c->is_shared ? c->shared : str_sub(text, c->at, c->len);
    }
    g->rows[g->n_rows++] = (SheetRow){.number = g->number, .cells = cells, .n_cells = g->n_cells};
    return ERR_OK;
}

static ErrCode on_close(void *ctx, Str name) {
    SheetGrid *g = ctx;
    g->in_text = false;
    if (str_eq(name, STR("rPh")) && g->in_ruby > 0) {
        g->in_ruby--;
    } else if (g->in_cell && str_eq(name, STR("c"))) {
        return close_cell(g);
    } else if (g->in_row && str_eq(name, STR("row"))) {
        return close_row(g);
    }
    return ERR_OK;
}

ErrCode sheet_grid_open(SheetZip *z, Str part, const SheetGridOf *of, SheetGrid **ret,
                        ErrInfo *info) {
    SheetGrid *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        return ERR_NOMEM;
    }
    g->of = *of;
    g->more = true;
    buf_init(&g->row_text, LIMIT_SHEET_ROW_BYTES);
    buf_init(&g->text, LIMIT_SHEET_ROW_BYTES);
    g->arena = arena_new(LIMIT_SHEET_BYTES);
    SheetPartHandler h = {.ctx = g, .open = on_open, .text = on_text, .close = on_close};
    ErrCode err = g->arena == NULL ? ERR_NOMEM : sheet_part_open(z, part, &h, &g->part, info);
    if (err != ERR_OK) {
        sheet_grid_close(g);
        return err;
    }
    *ret = g;
    return ERR_OK;
}

void sheet_grid_close(SheetGrid *g) {
    if (g != NULL) {
        sheet_part_close(g->part);
        arena_free(g->arena);
        buf_release(&g->row_text);
        buf_release(&g->text);
        free(g->rows);
        free(g);
    }
}

/* Names the limit that stopped a callback; what the parts say themselves stays. */
static ErrCode name_limit(const SheetGrid *g, ErrCode err, ErrInfo *info) {
    if (err != ERR_LIMIT || info == NULL || info->rule[0] != '\0') {
        return err;
    }
    err_where(info, "row %zu", g->number);
    return g->column >= LIMIT_SHEET_COLUMNS
               ? err_set(info, err, "sheet-columns", "row %zu has more than %d columns",
                         "dòng %zu có hơn %d cột", g->number, LIMIT_SHEET_COLUMNS)
               : err_set(info, err, "sheet-row-bytes", "row %zu is longer than %zu KiB",
                         "dòng %zu dài hơn %zu KiB", g->number, LIMIT_SHEET_ROW_BYTES / LIMIT_KIB);
}

ErrCode sheet_grid_next(SheetGrid *g, SheetRow *ret_row, ErrInfo *info) {
    while (g->n_taken == g->n_rows) {
        if (!g->more) {
            return ERR_OK;
        }
        arena_reset(g->arena);
        g->n_rows = 0;
        g->n_taken = 0;
        ErrCode err = sheet_part_feed(g->part, &g->more, info);
        if (err != ERR_OK) {
            return name_limit(g, err, info);
        }
    }
    *ret_row = g->rows[g->n_taken++];
    return ERR_OK;
}
