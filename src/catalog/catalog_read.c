#include "catalog/catalog_int.h"
#include "core/limits.h"
#include "core/sheet.h"
#include "core/tsv.h"

enum { HEADER_ROWS = 30, HEADERS_MAX = TSV_COLUMNS_MAX, VALUE_SHOWN = 200, GROUP_MAX = 500 };

typedef struct Reader {
    Arena *arena;
    const CatalogSpec *spec;
    const CatalogTable *table;
    CatalogRead *out;
    bool decimal_first;
    Str headers[HEADERS_MAX];
    int column_of[HEADERS_MAX]; /* of each header; -1: not taken */
    size_t n_headers;
    Str header_of[CATALOG_COLUMNS_MAX]; /* of each column, for messages */
    size_t header_row;
    Buf at;     /* size_t, of each row */
    size_t row; /* the row that is read */
    bool row_bad;
    struct Prices { /* of each column that holds prices */
        size_t n, n_small;
        Str example; /* of a small one, as it stands */
    } prices[CATALOG_COLUMNS_MAX];
} Reader;

/* ---- issues ---- */

typedef struct Issue {
    bool is_error;
    int column; /* -1: the row as a whole */
    Str value;
    const char *rule, *vi, *en;
} Issue;

static void add_issue(Reader *r, const Issue *issue) {
    CatalogRead *out = r->out;
    r->row_bad = r->row_bad || issue->is_error;
    out->n_issues_all++;
    if (out->n_issues == CATALOG_KEPT) {
        return;
    }
    const CatalogColumn *c = issue->column < 0 ? NULL : &r->spec->columns[issue->column];
    Str header = c == NULL ? STR_EMPTY : r->header_of[issue->column];
    size_t shown = issue->value.len;
    while (shown > VALUE_SHOWN || (shown < issue->value.len && shown > 0 &&
                                   ((unsigned char)issue->value.ptr[shown] & 0xC0) == 0x80)) {
        shown--; /* on a character's border */
    }
    out->issues[out->n_issues++] = (CatalogIssue){
        .is_error = issue->is_error,
        .row = r->row,
        .column = arena_str(r->arena, header.len > 0 ? header
                                      : c == NULL    ? STR_EMPTY
                                                     : c->vi),
        .value = arena_str(r->arena, str_sub(issue->value, 0, shown)),
        .rule = str_from(issue->rule),
        .vi = str_from(issue->vi),
        .en = str_from(issue->en),
    };
}

/* ---- the header ---- */

static int column_of(const CatalogSpec *spec, Str header) {
    for (size_t i = 0; i < spec->n_columns; i++) {
        const CatalogColumn *c = &spec->columns[i];
        if (sheet_header_is(header, c->name) || sheet_header_is(header, c->names) ||
            sheet_header_is(header, c->vi) || sheet_header_is(header, c->en)) {
            return (int)i;
        }
    }
    return -1;
}

/* A header has the code and one more column that is known. */
static bool is_header(const CatalogSpec *spec, const SheetRow *row) {
    bool code = false;
    size_t known = 0;
    for (size_t i = 0; i < row->n_cells && i < HEADERS_MAX; i++) {
        int column = column_of(spec, row->cells[i]);
        code = code || column == CATALOG_COL_CODE;
        known += column >= 0;
    }
    return code && known > 1;
}

static void take_header(Reader *r, const SheetRow *row) {
    CatalogRead *out = r->out;
    r->header_row = row->number;
    r->n_headers = MIN(row->n_cells, (size_t)HEADERS_MAX);
    out->taken = arena_new_array(r->arena, Str, r->n_headers + 1);
    out->left = arena_new_array(r->arena, Str, r->n_headers + 1);
    for (size_t i = 0; i < r->n_headers && !arena_failed(r->arena); i++) {
        Str header = arena_str(r->arena, str_trim(row->cells[i]));
        int column = column_of(r->spec, header);
        bool twice = column >= 0 && (out->given >> column & 1) != 0 &&
                     r->spec->columns[column].kind != CATALOG_SET;
        r->column_of[i] = twice ? -1 : column;
        if (r->column_of[i] >= 0) {
            out->given |= 1U << column;
            r->header_of[column] = header;
            out->taken[out->n_taken++] = header;
        } else if (header.len > 0) {
            out->left[out->n_left++] = header;
        }
    }
}

static ErrCode fail_header(const CatalogSpec *spec, ErrInfo *info) {
    Str names = spec->columns[CATALOG_COL_CODE].names;
    Str first = STR_EMPTY;
    (void)str_cut(&names, ';', &first);
    return err_set(info, ERR_INVALID, "catalogue-header",
                   "none of the first %d rows is a header: one cell must be '%.*s' (or 'code') and "
                   "another one a further column of this catalogue",
                   "trong %d dòng đầu không có dòng tiêu đề: cần một ô ghi '%.*s' (hoặc 'code') và "
                   "ít nhất một cột khác của danh mục này",
                   HEADER_ROWS, STR_ARG(first));
}

static ErrCode find_header(Reader *r, Sheet *sheet, ErrInfo *info) {
    SheetRow row;
    for (int i = 0; i < HEADER_ROWS && sheet_next(sheet, &row); i++) {
        if (is_header(r->spec, &row)) {
            take_header(r, &row);
            return arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
        }
    }
    TRY(sheet_ok(sheet, info));
    return fail_header(r->spec, info);
}

/* The row under a header that numbers its columns: (1) (2) (3) …, A B C … */
static bool is_numbering(const Reader *r, const SheetRow *row) {
    size_t n = 0;
    for (size_t i = 0; i < row->n_cells; i++) {
        Str s = str_trim(row->cells[i]);
        if (str_starts(s, STR("(")) && str_ends(s, STR(")"))) {
            s = str_sub(s, 1, s.len - 2);
        }
        uint64_t value;
        bool letter = s.len == 1 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z';
        bool number = str_to_u64(s, &value) == ERR_OK && value <= row->n_cells;
        if (s.len > 0 && !letter && !number) {
            return false;
        }
        n += s.len > 0;
    }
    return row->number == r->header_row + 1 && n > 1 && n >= r->out->n_taken;
}

/* ---- rows ---- */

/* Days that rules ask for stand as claims write them: "20261231". */
static Str claim_day(Arena *arena, Str day) {
    return day.len != 10
               ? day
               : arena_join(arena,
                            (Str[]){str_sub(day, 0, 4), str_sub(day, 5, 2), str_sub(day, 8, 2)}, 3);
}

/* Below a thousand and with a fraction: 42.1 where 42,100 is meant? */
static void count_price(Reader *r, int column, Str text, Str value) {
    struct Prices *p = &r->prices[column];
    size_t dot = str_find_char(value, '.', 0);
    bool is_small = dot != SIZE_MAX && dot <= 3;
    if (is_small && p->n_small == 0) {
        p->example = arena_str(r->arena, text);
    }
    p->n += value.len > 0;
    p->n_small += is_small;
}

static void warn_of_prices(Reader *r) {
    r->row = 0;
    for (size_t i = 0; i < r->spec->n_columns; i++) {
        const struct Prices *p = &r->prices[i];
        if (2 * p->n_small > p->n) {
            add_issue(r,
                      &(Issue){false, (int)i, p->example, "catalogue-fraction",
                               "Hơn một nửa số giá của cột này là số lẻ dưới 1.000 đồng: nếu dấu "
                               "chấm là dấu phân cách hàng nghìn, hãy ghi 42100 rồi gửi lại.",
                               "More than half of this column's prices read as fractions below "
                               "1,000 đồng: if the mark parts thousands, write 42100 and send "
                               "the table again."});
        }
    }
}

static void read_cell(Reader *r, size_t i, Str text, Str *values) {
    int column = r->column_of[i];
    const CatalogColumn *c = &r->spec->columns[column];
    CatalogCell cell = {c->kind, text, r->decimal_first};
    CatalogFault fault = {0};
    Str value;
    if (!catalog_value(r->arena, &cell, &value, &fault)) {
        add_issue(r, &(Issue){true, column, text, fault.rule, fault.vi, fault.en});
    } else if (c->kind == CATALOG_DAY && column > CATALOG_COL_UNTIL) {
        values[column] = claim_day(r->arena, value);
    } else if (values[column].len > 0 && c->kind == CATALOG_SET) {
        values[column] = catalog_set_join(r->arena, values[column], value);
    } else {
        values[column] = value;
    }
    if (c->kind == CATALOG_PRICE || c->kind == CATALOG_TOP) {
        count_price(r, column, text, values[column]);
    }
}

static void fill_in(Reader *r, Str *values) {
    if (values[CATALOG_COL_FACILITY].len == 0) {
        values[CATALOG_COL_FACILITY] = arena_str(r->arena, r->table->facility);
    }
    if (values[CATALOG_COL_SINCE].len == 0) {
        values[CATALOG_COL_SINCE] = catalog_day_text(r->arena, r->table->since);
    }
}

/* A column that must be given and is in the table must have a value; one that is not in the table
 * is looked for in the known row by the plan. */
static void check_needed(Reader *r, const Str *values) {
    for (size_t i = 0; i < r->spec->n_columns; i++) {
        if (r->spec->columns[i].needed && values[i].len == 0 && (r->out->given >> i & 1) != 0) {
            add_issue(r, &(Issue){true, (int)i, STR_EMPTY, "catalogue-needed",
                                  "Ô này phải có giá trị.", "This cell must have a value."});
        }
    }
}

static void check_days(Reader *r, const CatalogRow *row) {
    if (row->since != INT64_MIN && row->until < row->since) {
        add_issue(r, &(Issue){true, CATALOG_COL_UNTIL, row->values[CATALOG_COL_UNTIL],
                              "catalogue-order", "Ngày kết thúc trước ngày bắt đầu.",
                              "The last day is before the first."});
    }
}

static ErrCode read_row(Reader *r, const SheetRow *cells) {
    CatalogRead *out = r->out;
    Str *values = arena_new_array(r->arena, Str, r->spec->n_columns);
    if (values == NULL) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < r->spec->n_columns; i++) {
        values[i] = STR_EMPTY;
    }
    r->row = cells->number;
    r->row_bad = false;
    out->n_table++;
    for (size_t i = 0; i < r->n_headers; i++) {
        if (r->column_of[i] >= 0) {
            read_cell(r, i, sheet_cell(cells, i), values);
        }
    }
    CatalogRow row = {.values = values};
    if (!r->row_bad) {
        fill_in(r, values);
        check_needed(r, values);
        row.code = values[CATALOG_COL_CODE];
        row.facility = values[CATALOG_COL_FACILITY];
        (void)catalog_day(values[CATALOG_COL_SINCE], INT64_MIN, &row.since);
        (void)catalog_day(values[CATALOG_COL_UNTIL], INT64_MAX, &row.until);
        check_days(r, &row);
    }
    out->n_bad += r->row_bad;
    if (r->row_bad) {
        return ERR_OK;
    }
    CatalogRow *put = catalog_rows_add(r->arena, &out->rows);
    if (put == NULL) {
        return ERR_LIMIT;
    }
    *put = row;
    buf_put(&r->at, &r->row, sizeof(r->row));
    return buf_ok(&r->at);
}

/* ---- rows of one key ---- */

static bool is_greater(Str a, Str b) {
    size_t a_dot = MIN(str_find_char(a, '.', 0), a.len);
    size_t b_dot = MIN(str_find_char(b, '.', 0), b.len);
    return a_dot != b_dot ? a_dot > b_dot : str_cmp(a, b) > 0;
}

/* Adds what `more` says to `row`; false when the two contradict each other, at *ret_column. */
static bool merge(const Reader *r, CatalogRow *row, const CatalogRow *more, int *ret_column) {
    for (size_t i = 0; i < r->spec->n_columns; i++) {
        CatalogKind kind = r->spec->columns[i].kind;
        if (str_eq(row->values[i], more->values[i])) {
            continue;
        }
        if (kind == CATALOG_SET) {
            row->values[i] = catalog_set_join(r->arena, row->values[i], more->values[i]);
        } else if (kind == CATALOG_TOP) {
            bool greater = is_greater(more->values[i], row->values[i]);
            row->values[i] = greater ? more->values[i] : row->values[i];
        } else if (kind != CATALOG_TEXT || i <= CATALOG_COL_UNTIL) {
            *ret_column = (int)i;
            return false;
        }
    }
    return true;
}

typedef struct Placed {
    CatalogRow row;
    size_t at;
} Placed;

static int cmp_placed(const void *a, const void *b) {
    const Placed *x = a;
    const Placed *y = b;
    int order = catalog_row_cmp(&x->row, &y->row);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* Look-ups walk over the rows of one code and facility: there is a limit to them. */
static bool too_many(Reader *r, const Placed *placed, size_t i) {
    const CatalogRow *row = &placed[i].row;
    if (i < GROUP_MAX || !str_eq(placed[i - GROUP_MAX].row.code, row->code) ||
        !str_eq(placed[i - GROUP_MAX].row.facility, row->facility)) {
        return false;
    }
    r->row = placed[i].at;
    r->out->n_bad++;
    add_issue(r, &(Issue){true, CATALOG_COL_CODE, row->code, "catalogue-dates",
                          "Một mã của một cơ sở có quá 500 dòng: chỉ giữ những ngày cần thiết.",
                          "One code of one facility has more than 500 rows: keep the days that "
                          "matter."});
    return true;
}

/* Sorts; rows of one key become one. */
static ErrCode merge_rows(Reader *r) {
    CatalogRows *rows = &r->out->rows;
    const size_t *at = (const size_t *)(const void *)r->at.ptr;
    Placed *placed = arena_new_array(r->arena, Placed, rows->n + 1);
    size_t *kept_at = arena_new_array(r->arena, size_t, rows->n + 1);
    if (placed == NULL || kept_at == NULL) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < rows->n; i++) {
        placed[i] = (Placed){rows->rows[i], at[i]};
    }
    qsort(placed, rows->n, sizeof(*placed), cmp_placed);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        int column = 0;
        if (too_many(r, placed, i)) {
            continue;
        }
        bool same = n > 0 && catalog_row_cmp(&rows->rows[n - 1], &placed[i].row) == 0;
        if (same && !merge(r, &rows->rows[n - 1], &placed[i].row, &column)) {
            r->row = placed[i].at;
            r->out->n_bad++;
            add_issue(r, &(Issue){true, column, placed[i].row.values[column], "catalogue-twice",
                                  "Một dòng trước đó có cùng mã, cơ sở và ngày bắt đầu nhưng giá "
                                  "trị khác: chỉ giữ một dòng.",
                                  "An earlier row has the same code, facility and first day with "
                                  "another value: keep one."});
        } else if (!same) {
            kept_at[n] = placed[i].at;
            rows->rows[n++] = placed[i].row;
        }
    }
    rows->n = n;
    r->out->at = kept_at;
    return arena_failed(r->arena) ? ERR_LIMIT : ERR_OK;
}

static ErrCode read_rows(Reader *r, Sheet *sheet, ErrInfo *info) {
    SheetRow row;
    TRY(find_header(r, sheet, info));
    while (sheet_next(sheet, &row)) {
        if (!is_numbering(r, &row)) {
            TRY(read_row(r, &row));
        }
    }
    TRY(sheet_ok(sheet, info));
    warn_of_prices(r);
    return merge_rows(r);
}

ErrCode catalog_read(Arena *arena, const CatalogSpec *spec, const CatalogTable *table,
                     CatalogRead *ret, ErrInfo *info) {
    CLEANUP_SHEET Sheet *sheet = NULL;
    SheetOptions options = {.name = table->sheet};
    TRY(sheet_open(table->bytes, &options, &sheet, info));
    CatalogRead out = {.issues = arena_new_array(arena, CatalogIssue, CATALOG_KEPT)};
    Reader *r = calloc(1, sizeof(*r));
    if (r == NULL || out.issues == NULL) {
        free(r);
        return ERR_NOMEM;
    }
    r->arena = arena;
    r->spec = spec;
    r->table = table;
    r->out = &out;
    r->decimal_first = str_starts(table->bytes, STR("PK"));
    buf_init(&r->at, (LIMIT_SHEET_ROWS + 1) * sizeof(size_t));
    ErrCode err = read_rows(r, sheet, info);
    buf_release(&r->at);
    free(r);
    if (err == ERR_LIMIT && arena_failed(arena)) {
        err = err_set(info, err, "catalogue-size", "the table needs too much memory; cut it up",
                      "bảng cần quá nhiều bộ nhớ; hãy chia nhỏ");
    }
    if (err == ERR_OK) {
        *ret = out;
    }
    return err;
}
