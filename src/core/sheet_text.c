#include "core/limits.h"
#include "core/sheet_int.h"
#include "core/utf8.h"

/* Cells point into the text where they can; what was quoted stands in `row`,
 * whose memory is reserved for a whole row first, so that it never moves under them. */
struct SheetText {
    Str rest;
    size_t line; /* of what comes next */
    char separator;
    bool unquoted;
    Buf owned; /* the text, when it had to be made from UTF-16 */
    Buf row;   /* quoted cells */
    Str *cells;
    size_t n_cells, room;
};

/* ---- opening ---- */

static ErrCode fail_encoding(ErrInfo *info, Str text, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        line += text.ptr[i] == '\n';
    }
    err_where(info != NULL ? info : &(ErrInfo){0}, "line %zu", line);
    return err_set(info, ERR_UNSUPPORTED, "sheet-encoding",
                   "line %zu is not UTF-8; in Excel choose \"CSV UTF-8\" or save as .xlsx",
                   "dòng %zu không phải UTF-8; trong Excel hãy chọn \"CSV UTF-8\" hoặc lưu thành "
                   ".xlsx",
                   line);
}

static unsigned unit_at(Str s, size_t at, bool big) {
    unsigned a = (unsigned char)s.ptr[at];
    unsigned b = (unsigned char)s.ptr[at + 1];
    return big ? a << 8 | b : b << 8 | a;
}

/* UTF-16 without its mark as UTF-8; lone surrogates become U+FFFD. */
static ErrCode from_utf16(Str s, bool big, Buf *out) {
    for (size_t i = 0; i + 1 < s.len; i += 2) {
        uint32_t cp = unit_at(s, i, big);
        if (cp >= 0xD800 && cp < 0xDC00 && i + 3 < s.len) {
            uint32_t low = unit_at(s, i + 2, big);
            if (low >= 0xDC00 && low < 0xE000) {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        utf8_put(out, cp);
    }
    return buf_ok(out);
}

static ErrCode decode(SheetText *t, Str bytes, ErrInfo *info) {
    bool little = str_starts(bytes, STR("\xFF\xFE"));
    bool big = str_starts(bytes, STR("\xFE\xFF"));
    if (little || big) {
        buf_init(&t->owned, LIMIT_SHEET_BYTES);
        TRY(from_utf16(str_sub(bytes, 2, bytes.len), big, &t->owned));
        t->rest = buf_str(&t->owned);
        return ERR_OK;
    }
    t->rest = str_starts(bytes, STR("\xEF\xBB\xBF")) ? str_sub(bytes, 3, bytes.len) : bytes;
    size_t valid = utf8_valid_len(t->rest);
    return valid == t->rest.len ? ERR_OK : fail_encoding(info, t->rest, valid);
}

/* Excel's own first line "sep=;". */
static char take_sep_line(SheetText *t) {
    if (!str_starts(t->rest, STR("sep=")) || t->rest.len < 5) {
        return 0;
    }
    Str rest = t->rest;
    Str line;
    (void)str_cut(&rest, '\n', &line);
    line = str_trim(str_sub(line, 4, 1));
    char c = t->rest.ptr[4];
    if (c != '\t' && line.len != 1) {
        return 0;
    }
    t->rest = rest;
    t->line++;
    return c;
}

/* The candidate that stands most often outside quotation marks in the first line with text. */
static char guess(Str text) {
    static const char candidates[] = {'\t', ';', ',', '|'};
    size_t n[ARRAY_LEN(candidates)] = {0};
    bool quoted = false;
    bool any = false;
    for (size_t i = 0; i < text.len && !(any && !quoted && text.ptr[i] == '\n'); i++) {
        char c = text.ptr[i];
        quoted ^= c == '"';
        any = any || (c != '\n' && c != '\r' && c != ' ');
        for (size_t k = 0; !quoted && k < ARRAY_LEN(candidates); k++) {
            n[k] += c == candidates[k];
        }
    }
    size_t best = 0;
    for (size_t k = 1; k < ARRAY_LEN(candidates); k++) {
        best = n[k] > n[best] ? k : best;
    }
    return n[best] == 0 ? ',' : candidates[best];
}

ErrCode sheet_text_open(Str bytes, const SheetOptions *o, SheetText **ret, ErrInfo *info) {
    if (bytes.len > LIMIT_SHEET_BYTES) {
        return err_set(info, ERR_LIMIT, "sheet-bytes", "the table is larger than %zu MiB",
                       "bảng lớn hơn %zu MiB", LIMIT_SHEET_BYTES / LIMIT_MIB);
    }
    SheetText *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->line = 1;
    t->unquoted = o->unquoted;
    buf_init(&t->row, LIMIT_SHEET_ROW_BYTES);
    ErrCode err = decode(t, bytes, info);
    if (err != ERR_OK) {
        sheet_text_free(t);
        return err;
    }
    char sep = take_sep_line(t);
    t->separator = o->separator != 0 ? o->separator : sep != 0 ? sep : guess(t->rest);
    *ret = t;
    return ERR_OK;
}

void sheet_text_free(SheetText *t) {
    if (t != NULL) {
        buf_release(&t->owned);
        buf_release(&t->row);
        free(t->cells);
        free(t);
    }
}

/* ---- rows ---- */

static ErrCode fail_wide(ErrInfo *info, size_t line) {
    err_where(info, "line %zu", line);
    return err_set(info, ERR_LIMIT, "sheet-columns", "line %zu has more than %d columns",
                   "dòng %zu có hơn %d cột", line, LIMIT_SHEET_COLUMNS);
}

static ErrCode fail_long(ErrInfo *info, size_t line) {
    err_where(info, "line %zu", line);
    return err_set(info, ERR_LIMIT, "sheet-row-bytes", "line %zu is longer than %zu KiB",
                   "dòng %zu dài hơn %zu KiB", line, LIMIT_SHEET_ROW_BYTES / LIMIT_KIB);
}

static ErrCode fail_open(ErrInfo *info, size_t line) {
    err_where(info, "line %zu", line);
    return err_set(info, ERR_SYNTAX, "sheet-quote",
                   "the quotation mark that opens on line %zu is never closed",
                   "dấu ngoặc kép mở ở dòng %zu không được đóng lại", line);
}

/* Without the apostrophe that was put before a formula's sign. */
static Str bare(Str s) {
    size_t at = 0;
    while (at < s.len && s.ptr[at] == '\'') {
        at++;
    }
    bool formula = at > 0 && at < s.len && strchr("=+-@\t\r", s.ptr[at]) != NULL;
    return formula ? str_sub(s, 1, s.len) : s;
}

static ErrCode add_cell(SheetText *t, Str cell, size_t line, ErrInfo *info) {
    if (t->n_cells == LIMIT_SHEET_COLUMNS) {
        return fail_wide(info, line);
    }
    if (t->n_cells == t->room) {
        size_t room = MAX(t->room * 2, (size_t)32);
        Str *cells = realloc(t->cells, room * sizeof(*cells));
        if (cells == NULL) {
            return ERR_NOMEM;
        }
        t->cells = cells;
        t->room = room;
    }
    t->cells[t->n_cells++] = bare(cell);
    return ERR_OK;
}

static bool ends_field(const SheetText *t, size_t at) {
    return at == t->rest.len || t->rest.ptr[at] == t->separator || t->rest.ptr[at] == '\n' ||
           t->rest.ptr[at] == '\r';
}

/* In tab-separated text a mark may also be just a mark: it opens a quoted field only when one
 * closes it at a field's end on the same line. */
static bool opens_quote(const SheetText *t, size_t at) {
    if (t->unquoted || at >= t->rest.len || t->rest.ptr[at] != '"') {
        return false;
    }
    if (t->separator != '\t') {
        return true;
    }
    for (size_t i = at + 1; i < t->rest.len && t->rest.ptr[i] != '\n'; i++) {
        if (t->rest.ptr[i] == '"') {
            if (i + 1 < t->rest.len && t->rest.ptr[i + 1] == '"') {
                i++;
            } else {
                return ends_field(t, i + 1);
            }
        }
    }
    return false;
}

/* The quoted field at rest[*at]; *at is left behind it (and behind what stands, against the rules,
 * between its closing mark and the separator: that belongs to it). */
static ErrCode quoted(SheetText *t, size_t *at, Str *ret_cell, ErrInfo *info) {
    size_t begin = t->row.len;
    bool open = true;
    size_t i = *at + 1;
    for (; i < t->rest.len && (open || !ends_field(t, i)); i++) {
        char c = t->rest.ptr[i];
        if (open && c == '"') {
            open = i + 1 < t->rest.len && t->rest.ptr[i + 1] == '"';
            if (!open) {
                continue;
            }
            i++;
        }
        buf_put_char(&t->row, c);
        if (t->row.err != ERR_OK) {
            return t->row.err == ERR_LIMIT ? fail_long(info, t->line) : ERR_NOMEM;
        }
    }
    if (open) {
        return fail_open(info, t->line);
    }
    *ret_cell = (Str){t->row.ptr + begin, t->row.len - begin};
    *at = i;
    return ERR_OK;
}

static Str plain(const SheetText *t, size_t *at) {
    size_t begin = *at;
    while (!ends_field(t, *at)) {
        (*at)++;
    }
    return str_sub(t->rest, begin, *at - begin);
}

static size_t count_lines(Str s) {
    size_t n = 0;
    for (const char *p = s.ptr, *end = s.ptr + s.len;
         p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
        n++;
    }
    return n;
}

/* All fields up to the row's end; *at is left behind its line end. */
static ErrCode fields(SheetText *t, size_t *at, ErrInfo *info) {
    size_t line = t->line;
    for (;;) {
        Str cell;
        if (opens_quote(t, *at)) {
            TRY(quoted(t, at, &cell, info));
        } else {
            cell = plain(t, at);
        }
        TRY(add_cell(t, cell, line, info));
        if (*at > LIMIT_SHEET_ROW_BYTES) {
            return fail_long(info, line);
        }
        if (*at == t->rest.len || t->rest.ptr[*at] != t->separator) {
            break;
        }
        (*at)++;
    }
    if (*at < t->rest.len && t->rest.ptr[*at] == '\r') {
        (*at)++;
    }
    if (*at < t->rest.len && t->rest.ptr[*at] == '\n') {
        (*at)++;
    }
    return ERR_OK;
}

ErrCode sheet_text_next(SheetText *t, SheetRow *ret_row, ErrInfo *info) {
    if (t->rest.len == 0) {
        return ERR_OK;
    }
    buf_clear(&t->row);
    if (!buf_reserve(&t->row, LIMIT_SHEET_ROW_BYTES)) { /* cells point into it: it must not move */
        return ERR_NOMEM;
    }
    t->n_cells = 0;
    size_t at = 0;
    TRY(fields(t, &at, info));
    *ret_row = (SheetRow){.number = t->line, .cells = t->cells, .n_cells = t->n_cells};
    Str taken = str_sub(t->rest, 0, at);
    bool lone_return = at > 0 && taken.ptr[at - 1] == '\r';
    t->line += count_lines(taken) + lone_return;
    t->rest = str_sub(t->rest, at, t->rest.len);
    return ERR_OK;
}
