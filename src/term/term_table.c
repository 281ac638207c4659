/* Rows of TSV and CSV. */
#include "term/term_int.h"
#include "term/term_load_int.h"

#define ROW_BYTES_MAX (4 * LIMIT_MIB)

ErrCode term_table_error(const TermTable *t, ErrCode err, ErrInfo *info) {
    err_where(info, STR_FMT ":%zu", STR_ARG(t->file->name), t->line);
    return err;
}

static ErrCode broken(const TermTable *t, const char *en, const char *vi, ErrInfo *info) {
    (void)err_set(info, ERR_SYNTAX, "term-table", "%s", "%s", en);
    if (info != NULL) {
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", vi);
    }
    return term_table_error(t, ERR_SYNTAX, info);
}

/* The quoted field at the start of rest, whose quote is the first byte; "" stands for a quote. */
static bool cut_quoted(TermTable *t, Str *ret) {
    size_t i = 1;
    size_t n = 0;
    char *out = arena_alloc(t->row, t->rest.len < ROW_BYTES_MAX ? t->rest.len : ROW_BYTES_MAX);
    for (; out != NULL && i < t->rest.len && n < ROW_BYTES_MAX; i++) {
        char c = t->rest.ptr[i];
        if (c == '"' && (i + 1 == t->rest.len || t->rest.ptr[i + 1] != '"')) {
            (void)arena_resize(t->row, out, MIN(t->rest.len, ROW_BYTES_MAX), n + 1);
            t->rest = str_sub(t->rest, i + 1, t->rest.len);
            *ret = (Str){out, n};
            return true;
        }
        i += c == '"';
        t->next_line += c == '\n';
        out[n++] = c;
    }
    return false;
}

/* Up to the next separator or end of line. */
static void cut_plain(TermTable *t, Str *ret) {
    size_t i = 0;
    while (i < t->rest.len && t->rest.ptr[i] != t->separator && t->rest.ptr[i] != '\n') {
        i++;
    }
    *ret = str_sub(t->rest, 0, i);
    t->rest = str_sub(t->rest, i, t->rest.len);
    if (str_ends(*ret, STR("\r"))) {
        ret->len--;
    }
}

/* One row into fields; *ret_n of them. */
static ErrCode cut_row(TermTable *t, Str *fields, size_t *ret_n, ErrInfo *info) {
    size_t n = 0;
    bool more = true;
    t->line = t->next_line;
    while (more) {
        bool quoted = t->separator != '\t' && t->rest.len > 0 && t->rest.ptr[0] == '"';
        if (n == TABLE_COLUMNS_MAX) {
            return broken(t, "the row has too many fields", "dòng có quá nhiều trường", info);
        }
        if (quoted && !cut_quoted(t, &fields[n])) {
            return broken(t, "a quote is not closed", "thiếu dấu ngoặc kép đóng", info);
        }
        if (!quoted) {
            cut_plain(t, &fields[n]);
        }
        n++;
        if (t->rest.len > 0 && t->rest.ptr[0] == '\r') {
            t->rest = str_sub(t->rest, 1, t->rest.len);
        }
        more = t->rest.len > 0 && t->rest.ptr[0] == t->separator;
        if (!more && t->rest.len > 0 && t->rest.ptr[0] != '\n') {
            return broken(t, "text behind a closing quote", "có chữ sau dấu ngoặc kép đóng", info);
        }
        t->rest = t->rest.len > 0 ? str_sub(t->rest, 1, t->rest.len) : t->rest;
    }
    t->next_line++;
    *ret_n = n;
    return ERR_OK;
}

ErrCode term_table_init(TermTable *t, Arena *arena, const TermFile *file, ErrInfo *info) {
    size_t end = str_find_char(file->text, '\n', 0);
    Str head = str_sub(file->text, 0, end == SIZE_MAX ? file->text.len : end);
    *t = (TermTable){.file = file, .rest = file->text, .next_line = 1};
    if (str_starts(t->rest, STR("\xEF\xBB\xBF"))) {
        t->rest = str_sub(t->rest, 3, t->rest.len);
    }
    t->separator = str_find_char(head, '\t', 0) != SIZE_MAX  ? '\t'
                   : str_find_char(head, ',', 0) != SIZE_MAX ? ','
                                                             : ';';
    t->row = arena_new(2 * ROW_BYTES_MAX);
    if (t->row == NULL) {
        return ERR_NOMEM;
    }
    Str fields[TABLE_COLUMNS_MAX];
    TRY(cut_row(t, fields, &t->n_columns, info));
    for (size_t i = 0; i < t->n_columns; i++) {
        t->columns[i] = arena_str(arena, str_trim(fields[i]));
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

void term_table_release(TermTable *t) {
    arena_free(t->row);
    t->row = NULL;
}

ErrCode term_table_next(TermTable *t, ErrInfo *info) {
    size_t n = 0;
    arena_reset(t->row);
    while (t->rest.len > 0 && (t->rest.ptr[0] == '\n' || t->rest.ptr[0] == '\r')) {
        t->next_line += t->rest.ptr[0] == '\n';
        t->rest = str_sub(t->rest, 1, t->rest.len);
    }
    if (t->rest.len == 0) {
        return ERR_NOT_FOUND;
    }
    TRY(cut_row(t, t->fields, &n, info));
    if (n > t->n_columns) {
        return broken(t, "the row has more fields than the header",
                      "dòng có nhiều trường hơn tiêu đề", info);
    }
    for (; n < t->n_columns; n++) {
        t->fields[n] = STR_EMPTY;
    }
    return arena_failed(t->row) ? ERR_NOMEM : ERR_OK;
}

int term_table_column(const TermTable *t, const char *name) {
    for (size_t i = 0; i < t->n_columns; i++) {
        if (str_eq_nocase(t->columns[i], str_from(name))) {
            return (int)i;
        }
    }
    return -1;
}
