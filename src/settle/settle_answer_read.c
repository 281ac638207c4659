/* The fund's files into rows: CSV and XLSX by their header, XML and JSON by the names of what has
 * no parts. What an outer element says of the visit before its parts holds for them, too. */
#include "core/embed.h"
#include "core/sheet.h"
#include "core/xml.h"
#include "settle/settle_answer.h"
#include "settle/settle_int.h"

EMBED(answer_columns, "data/settle/answer.columns")

enum { DEPTH_MAX = 16, COLUMNS_MAX = 512 };

static const char *const names[SETTLE_COLUMNS] = {
    [SETTLE_C_FACILITY] = "facility", [SETTLE_C_MA_LK] = "ma_lk",   [SETTLE_C_ASKED] = "asked",
    [SETTLE_C_ACCEPTED] = "accepted", [SETTLE_C_DENIED] = "denied", [SETTLE_C_REASON] = "reason",
    [SETTLE_C_TEXT] = "text",         [SETTLE_C_TABLE] = "table",   [SETTLE_C_STT] = "stt",
    [SETTLE_C_CODE] = "code",         [SETTLE_C_PAID] = "paid",     [SETTLE_C_PAYMENT] = "payment",
    [SETTLE_C_DATE] = "date",
};

/* ---- the names of columns ---- */

static ErrCode bad_line(ErrInfo *info, size_t line) {
    return err_set(info, ERR_SYNTAX, "answer-columns",
                   "line %zu is none of 'decimal: .' or 'ours: name; name'",
                   "dòng %zu không có dạng 'decimal: .' hoặc 'tên_của_ta: tên; tên'", line);
}

static ErrCode read_line(SettleColumns *c, Str line, size_t number, ErrInfo *info) {
    size_t colon = str_find_char(line, ':', 0);
    if (colon == SIZE_MAX) {
        return bad_line(info, number);
    }
    Str key = str_trim(str_sub(line, 0, colon));
    Str value = str_trim(str_sub(line, colon + 1, line.len));
    if (str_eq(key, STR("decimal")) && value.len == 1 &&
        (value.ptr[0] == '.' || value.ptr[0] == ',')) {
        c->comma = value.ptr[0] == ',';
        return ERR_OK;
    }
    for (size_t i = 0; i < SETTLE_COLUMNS; i++) {
        if (str_eq(key, str_from(names[i]))) {
            c->names[i] = value;
            return ERR_OK;
        }
    }
    return bad_line(info, number);
}

ErrCode settle_columns_parse(Str text, SettleColumns *ret_columns, ErrInfo *info) {
    SettleColumns c = {.comma = false};
    Str rest = text.len == 0 ? embed_answer_columns() : text;
    size_t number = 0;
    for (Str line; str_cut(&rest, '\n', &line);) {
        line = str_trim(line);
        number++;
        if (line.len > 0 && line.ptr[0] != '#') {
            TRY(read_line(&c, line, number, info));
        }
    }
    *ret_columns = c;
    return ERR_OK;
}

/* ---- rows ---- */

/* That one of the names which it is. */
static Str spelling(Str name, Str known) {
    for (Str one; str_cut(&known, ';', &one);) {
        if (sheet_header_is(name, one)) {
            return str_trim(one);
        }
    }
    return STR_EMPTY;
}

static int column_of(SettleAnswerRows *rows, Str name) {
    for (int i = 0; i < SETTLE_COLUMNS; i++) {
        if (sheet_header_is(name, rows->columns->names[i])) {
            rows->seen[i] = true;
            rows->called[i] = spelling(name, rows->columns->names[i]);
            return i;
        }
    }
    return -1;
}

/* Names whose row, not what is around it, decides. */
static bool is_inherited(int column) {
    return column == SETTLE_C_FACILITY || column == SETTLE_C_MA_LK || column == SETTLE_C_TABLE ||
           column == SETTLE_C_PAYMENT || column == SETTLE_C_DATE;
}

static ErrCode give(SettleAnswerRows *rows, SettleAnswerRow *row) {
    row->is_line = row->v[SETTLE_C_STT].len > 0 || row->v[SETTLE_C_CODE].len > 0;
    return rows->each(rows->ctx, row);
}

static ErrCode read_sheet(Arena *arena, Str bytes, SettleAnswerRows *rows, ErrInfo *info) {
    CLEANUP_SHEET Sheet *sheet = NULL;
    int *columns = arena_new_array(arena, int, COLUMNS_MAX);
    SheetRow cells;
    size_t n = 0;
    TRY(sheet_open(bytes, NULL, &sheet, info));
    if (columns == NULL) {
        return ERR_NOMEM;
    }
    /* The header is the first row that names a visit's key. */
    while (n == 0 && sheet_next(sheet, &cells)) {
        size_t width = MIN(cells.n_cells, (size_t)COLUMNS_MAX);
        memset(rows->seen, 0, sizeof(rows->seen));
        for (size_t i = 0; i < width; i++) {
            columns[i] = column_of(rows, cells.cells[i]);
        }
        n = rows->seen[SETTLE_C_MA_LK] ? width : 0;
    }
    while (n > 0 && sheet_next(sheet, &cells)) {
        SettleAnswerRow row = {.number = cells.number};
        for (size_t i = 0; i < n; i++) {
            Str cell = str_trim(sheet_cell(&cells, i));
            if (columns[i] >= 0 && row.v[columns[i]].len == 0) {
                row.v[columns[i]] = cell;
            }
        }
        TRY(give(rows, &row));
    }
    return sheet_ok(sheet, info);
}

/* ---- trees ---- */

typedef struct Level {
    SettleAnswerRow row;
    size_t n_own; /* columns that it says itself */
    bool has_parts;
    int column; /* that its text would be */
    Str text;
} Level;

typedef struct Tree {
    Arena *arena;
    SettleAnswerRows *rows;
    Level levels[DEPTH_MAX];
    size_t depth;
    size_t number;
} Tree;

static ErrCode enter(Tree *t, Str name) {
    if (t->depth == DEPTH_MAX) {
        return ERR_LIMIT;
    }
    Level *l = &t->levels[t->depth++];
    *l = (Level){.column = column_of(t->rows, name)};
    if (t->depth > 1) {
        Level *outer = l - 1;
        outer->has_parts = true;
        for (int i = 0; i < SETTLE_COLUMNS; i++) {
            l->row.v[i] = is_inherited(i) ? outer->row.v[i] : STR_EMPTY;
        }
    }
    return ERR_OK;
}

static void say(Level *l, int column, Str value) {
    if (column >= 0 && value.len > 0) {
        l->row.v[column] = value;
        l->n_own++;
    }
}

/* Without parts it says something of what is around it; else it is a row, when it says anything
 * itself of a visit. */
static ErrCode leave(Tree *t) {
    Level *l = &t->levels[--t->depth];
    if (!l->has_parts) {
        if (t->depth > 0) {
            say(l - 1, l->column, l->text);
        }
        return ERR_OK;
    }
    if (l->n_own == 0 || l->row.v[SETTLE_C_MA_LK].len == 0) {
        return ERR_OK;
    }
    l->row.number = ++t->number;
    return give(t->rows, &l->row);
}

static ErrCode xml_open(void *ctx, Str name) {
    return enter(ctx, name);
}

static ErrCode xml_text(void *ctx, Str text) {
    Tree *t = ctx;
    Level *l = &t->levels[t->depth - 1];
    l->text = l->column < 0 ? STR_EMPTY : arena_str(t->arena, str_trim(text));
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode xml_close(void *ctx, Str name) {
    (void)name;
    return leave(ctx);
}

static ErrCode json_walk(Tree *t, const JsonNode *n);

static ErrCode json_object(Tree *t, const JsonNode *n) {
    /* What it says itself first: its parts may stand before. */
    Level *l = &t->levels[t->depth - 1];
    l->has_parts = true;
    for (const JsonNode *m = json_first(n); m != NULL; m = json_next(n, m)) {
        const JsonNode *v = json_value(m);
        int column = column_of(t->rows, json_str(t->arena, m));
        if (json_is(v, JSON_STRING)) {
            say(l, column, str_trim(json_str(t->arena, v)));
        } else if (json_is(v, JSON_NUMBER)) {
            say(l, column, json_raw(v));
        }
    }
    for (const JsonNode *m = json_first(n); m != NULL; m = json_next(n, m)) {
        TRY(json_walk(t, json_value(m)));
    }
    return ERR_OK;
}

static ErrCode json_walk(Tree *t, const JsonNode *n) {
    if (json_is(n, JSON_ARRAY)) {
        for (const JsonNode *i = json_first(n); i != NULL; i = json_next(n, i)) {
            TRY(json_walk(t, i));
        }
        return ERR_OK;
    }
    if (!json_is(n, JSON_OBJECT)) {
        return ERR_OK;
    }
    TRY(enter(t, STR_EMPTY));
    TRY(json_object(t, n));
    return leave(t);
}

static Str without_mark(Str bytes) {
    Str mark = STR("\xEF\xBB\xBF");
    return str_starts(bytes, mark) ? str_sub(bytes, mark.len, bytes.len) : bytes;
}

static ErrCode read_tree(Arena *arena, Str bytes, SettleAnswerRows *rows, ErrInfo *info) {
    Tree *t = arena_calloc(arena, 1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->arena = arena;
    t->rows = rows;
    if (bytes.ptr[0] == '<') {
        XmlHandler h = {.ctx = t,
                        .open = xml_open,
                        .text = xml_text,
                        .close = xml_close,
                        .text_max_bytes = LIMIT_MIB,
                        .depth_max = DEPTH_MAX};
        return xml_parse(bytes, &h, info);
    }
    const JsonNode *root = NULL;
    TRY(json_parse(arena, bytes, &root, info));
    return json_walk(t, root);
}

ErrCode settle_answer_read(Arena *arena, Str bytes, SettleAnswerRows *rows, ErrInfo *info) {
    Str text = str_trim(without_mark(bytes));
    char sign = text.len == 0 ? '\0' : text.ptr[0];
    bool tree = sign == '<' || sign == '{' || sign == '[';
    ErrCode err = tree ? read_tree(arena, text, rows, info) : read_sheet(arena, bytes, rows, info);
    if (err == ERR_LIMIT && info != NULL && info->code != ERR_LIMIT) {
        return err_set(info, err, "answer-limit", "the file is too deep or too long; cut it",
                       "tệp lồng quá sâu hoặc quá dài; hãy chia nhỏ");
    }
    TRY(err);
    if (!rows->seen[SETTLE_C_MA_LK]) {
        return err_set(info, ERR_INVALID, "answer-columns",
                       "no column is called by one of the names of ma_lk (" STR_FMT
                       "): check the file, or name its columns in answer_columns",
                       "không có cột nào là mã liên kết (" STR_FMT
                       "): hãy kiểm tra tệp, hoặc khai báo tên cột trong answer_columns",
                       STR_ARG(rows->columns->names[SETTLE_C_MA_LK]));
    }
    return ERR_OK;
}
