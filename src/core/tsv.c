#include "core/tsv.h"

/* The next line that is not empty and no comment, without its end; counts lines. */
static bool next_line(TsvReader *r, Str *ret_line) {
    Str line;
    while (str_cut(&r->rest, '\n', &line)) {
        r->line++;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        if (line.len > 0 && line.ptr[0] != '#') {
            *ret_line = line;
            return true;
        }
    }
    return false;
}

/* Cuts a line into at most `max` fields; max + 1 when there are more. */
static size_t cut(Str line, Str *fields, size_t max) {
    size_t n = 0;
    for (Str field; str_cut(&line, '\t', &field); n++) {
        if (n == max) {
            return max + 1;
        }
        fields[n] = field;
    }
    return n;
}

ErrCode tsv_init(TsvReader *r, Str text, ErrInfo *info) {
    *r = (TsvReader){.rest = text};
    if (str_starts(text, STR("\xEF\xBB\xBF"))) {
        r->rest = str_sub(text, 3, text.len);
    }
    Str line;
    if (!next_line(r, &line)) {
        return err_set(info, ERR_SYNTAX, "tsv-header", "the table has no header line",
                       "bảng không có dòng tiêu đề");
    }
    r->n_columns = cut(line, r->columns, TSV_COLUMNS_MAX);
    if (r->n_columns > TSV_COLUMNS_MAX) {
        r->n_columns = 0;
        return err_set(info, ERR_LIMIT, "tsv-columns", "the table has more than %d columns",
                       "bảng có hơn %d cột", (int)TSV_COLUMNS_MAX);
    }
    return ERR_OK;
}

bool tsv_next(TsvReader *r) {
    Str line;
    if (r->too_wide || !next_line(r, &line)) {
        return false;
    }
    size_t n = cut(line, r->fields, r->n_columns);
    if (n > r->n_columns) {
        r->too_wide = true;
        return false;
    }
    for (; n < r->n_columns; n++) {
        r->fields[n] = STR_EMPTY;
    }
    return true;
}

ErrCode tsv_ok(const TsvReader *r, ErrInfo *info) {
    if (!r->too_wide) {
        return ERR_OK;
    }
    err_where(info, "line %zu", r->line);
    return err_set(info, ERR_SYNTAX, "tsv-fields", "line %zu has more fields than the header (%zu)",
                   "dòng %zu có nhiều trường hơn dòng tiêu đề (%zu)", r->line, r->n_columns);
}

int tsv_column(const TsvReader *r, Str name) {
    for (size_t i = 0; i < r->n_columns; i++) {
        if (str_eq(r->columns[i], name)) {
            return (int)i;
        }
    }
    return -1;
}

ErrCode tsv_need(const TsvReader *r, const char *name, int *ret_column, ErrInfo *info) {
    int column = tsv_column(r, str_from(name));
    if (column < 0) {
        return err_set(info, ERR_NOT_FOUND, "tsv-column", "the table has no column '%s'",
                       "bảng không có cột '%s'", name);
    }
    *ret_column = column;
    return ERR_OK;
}

Str tsv_get(const TsvReader *r, int column) {
    assert(column < (int)r->n_columns);
    return column < 0 ? STR_EMPTY : r->fields[column];
}
