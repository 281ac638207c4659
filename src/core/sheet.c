#include "core/fold.h"
#include "core/limits.h"
#include "core/sheet_int.h"

static bool is_zip(Str bytes) {
    return str_starts(bytes, STR("PK\x03\x04")) || str_starts(bytes, STR("PK\x05\x06"));
}

/* The compound files of .xls and of password-protected .xlsx. */
static bool is_compound(Str bytes) {
    return str_starts(bytes, STR("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"));
}

static ErrCode open_as(Sheet *s, Str bytes, const SheetOptions *o, ErrInfo *info) {
    if (is_compound(bytes)) {
        return err_set(
            info, ERR_UNSUPPORTED, "sheet-old",
            "this is an old .xls file or one with a password; save it as .xlsx without a "
            "password and send it again",
            "đây là tệp .xls cũ hoặc có mật khẩu; hãy lưu lại thành .xlsx không mật khẩu "
            "rồi gửi lại");
    }
    bool book = o->format == SHEET_XLSX || (o->format == SHEET_AUTO && is_zip(bytes));
    return book ? sheet_book_open(bytes, o, &s->book, info)
                : sheet_text_open(bytes, o, &s->text, info);
}

ErrCode sheet_open(Str bytes, const SheetOptions *options, Sheet **ret_sheet, ErrInfo *info) {
    Sheet *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    SheetOptions none = {0};
    ErrCode err = open_as(s, bytes, options == NULL ? &none : options, info);
    if (err != ERR_OK) {
        sheet_free(s);
        return err;
    }
    *ret_sheet = s;
    return ERR_OK;
}

void sheet_free(Sheet *s) {
    if (s != NULL) {
        sheet_text_free(s->text);
        sheet_book_free(s->book);
        free(s);
    }
}

static bool has_text(const SheetRow *row) {
    for (size_t i = 0; i < row->n_cells; i++) {
        if (str_trim(row->cells[i]).len > 0) {
            return true;
        }
    }
    return false;
}

static ErrCode count_row(Sheet *s) {
    if (++s->n_rows <= LIMIT_SHEET_ROWS) {
        return ERR_OK;
    }
    return err_set(&s->info, ERR_LIMIT, "sheet-rows",
                   "the table has more than %d rows; cut it into several files",
                   "bảng có hơn %d dòng; hãy chia thành nhiều tệp", LIMIT_SHEET_ROWS);
}

bool sheet_next(Sheet *s, SheetRow *ret_row) {
    while (s->info.code == ERR_OK) {
        SheetRow row = {0};
        ErrCode err = s->book != NULL ? sheet_book_next(s->book, &row, &s->info)
                                      : sheet_text_next(s->text, &row, &s->info);
        s->info.code = err;
        if (err != ERR_OK || row.number == 0) {
            return false;
        }
        s->info.code = count_row(s);
        if (s->info.code == ERR_OK && has_text(&row)) {
            *ret_row = row;
            return true;
        }
    }
    return false;
}

ErrCode sheet_ok(const Sheet *s, ErrInfo *info) {
    if (s->info.code != ERR_OK && info != NULL) {
        *info = s->info;
    }
    return s->info.code;
}

size_t sheet_names(const Sheet *s, const Str **ret_names) {
    static const Str none = {"", 0};
    *ret_names = &none;
    return s->book != NULL ? sheet_book_names(s->book, ret_names) : 1;
}

void sheet_put_column(Buf *out, size_t column) {
    char letters[16];
    size_t n = 0;
    for (size_t c = column + 1; c > 0 && n < sizeof(letters); c = (c - 1) / 26) {
        letters[n++] = (char)('A' + (c - 1) % 26);
    }
    while (n > 0) {
        buf_put_char(out, letters[--n]);
    }
}

/* Letters and digits of the folded text: at most room bytes; room + 1 when there are more. */
static size_t squeeze(Str s, char *out, size_t room) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 4 * LIMIT_KIB);
    fold_put(&b, str_sub(s, 0, LIMIT_KIB));
    size_t n = 0;
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = (unsigned char)b.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80) {
            if (n == room) {
                return room + 1;
            }
            out[n++] = (char)c;
        }
    }
    return n;
}

bool sheet_header_is(Str cell, Str names) {
    char a[128];
    char b[128];
    size_t a_len = squeeze(cell, a, sizeof(a));
    for (Str name; a_len > 0 && a_len <= sizeof(a) && str_cut(&names, ';', &name);) {
        if (squeeze(name, b, sizeof(b)) == a_len && memcmp(a, b, a_len) == 0) {
            return true;
        }
    }
    return false;
}
