#include "catalog/catalog_int.h"
#include "core/decimal.h"
#include "core/fold.h"
#include "core/limits.h"

enum { CODE_MAX = 64, TEXT_MAX = 1000, SET_MAX = 4000, PRICE_DIGITS = 12, PRICE_SCALE = 4 };

static bool fault(CatalogFault *f, const char *rule, const char *vi, const char *en) {
    *f = (CatalogFault){rule, vi, en};
    return false;
}

static bool fault_long(CatalogFault *f) {
    return fault(f, "catalogue-long", "Giá trị quá dài: hãy rút gọn.",
                 "The value is too long: shorten it.");
}

/* Control characters and runs of white space become one space; both ends are trimmed. */
static Str clean(Arena *arena, Str s) {
    char *out = arena_alloc(arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < s.len; i++) {
        bool blank = (unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7F;
        if (!blank) {
            out[n++] = s.ptr[i];
        } else if (n > 0 && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    return out == NULL ? STR_EMPTY : str_trim((Str){out, n});
}

static bool code_value(Str s, Str *ret, CatalogFault *f) {
    if (s.len > CODE_MAX) {
        return fault_long(f);
    }
    if (str_find_char(s, ' ', 0) != SIZE_MAX || s.ptr[0] == '#') {
        return fault(f, "catalogue-code", "Mã có khoảng trắng hoặc bắt đầu bằng #: hãy viết liền.",
                     "The code has blanks or begins with #: write it without.");
    }
    *ret = s;
    return true;
}

/* ---- days ---- */

/* n digits at *at; moves behind them. */
static bool digits(Str s, size_t *at, size_t n, int *ret) {
    int value = 0;
    if (*at + n > s.len) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[*at + i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += n;
    *ret = value;
    return true;
}

static bool one_or_two(Str s, size_t *at, int *ret) {
    return digits(s, at, 2, ret) || digits(s, at, 1, ret);
}

static bool sign(Str s, size_t *at) {
    bool yes = *at < s.len && strchr("/-.", s.ptr[*at]) != NULL;
    *at += yes;
    return yes;
}

/* 2026-10-01, 20261001 (and what stands behind either: a time), 1/10/2026, 01-10-2026. */
static bool civil_day(Str s, int *y, int *m, int *d) {
    size_t at = 0;
    if (digits(s, &at, 4, y)) {
        if (sign(s, &at)) {
            return one_or_two(s, &at, m) && sign(s, &at) && one_or_two(s, &at, d) &&
                   (at == s.len || s.ptr[at] == 'T' || s.ptr[at] == ' ');
        }
        return digits(s, &at, 2, m) && digits(s, &at, 2, d) && (at == s.len || s.len == 12);
    }
    at = 0;
    return one_or_two(s, &at, d) && sign(s, &at) && one_or_two(s, &at, m) && sign(s, &at) &&
           digits(s, &at, 4, y) && (at == s.len || s.ptr[at] == ' ');
}

bool catalog_day(Str text, int64_t open, int64_t *ret_day) {
    int y;
    int m;
    int d;
    if (text.len == 0) {
        *ret_day = open;
        return true;
    }
    if (!civil_day(text, &y, &m, &d) || y < 1900 || m < 1 || m > 12 || d < 1 ||
        d > time_days_in_month(y, m)) {
        return false;
    }
    *ret_day = time_days_from_civil(y, m, d);
    return true;
}

Str catalog_day_text(Arena *arena, int64_t day) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 64);
    if (day == INT64_MIN || day == INT64_MAX) {
        return STR_EMPTY;
    }
    time_put_days(&b, day);
    return arena_str(arena, buf_str(&b));
}

static bool day_value(Arena *arena, Str s, Str *ret, CatalogFault *f) {
    int64_t day;
    if (!catalog_day(s, INT64_MIN, &day)) {
        return fault(f, "catalogue-day",
                     "Không đọc được ngày: hãy ghi 2026-10-31, 31/10/2026 hoặc 20261031.",
                     "Not a day: write 2026-10-31, 31/10/2026 or 20261031.");
    }
    *ret = catalog_day_text(arena, day);
    return true;
}

/* ---- numbers ---- */

static size_t count_of(Str s, char c) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += s.ptr[i] == c;
    }
    return n;
}

/* Where the fraction's mark stands in digits with marks, or SIZE_MAX: the last mark when both kinds
 * are there or it stands alone and what is behind it are not three digits of a group. */
static size_t fraction_at(Str s, bool decimal_first) {
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' || s.ptr[i] == ',') {
            at = i;
        }
    }
    if (at == SIZE_MAX || count_of(s, s.ptr[at]) > 1) {
        return SIZE_MAX;
    }
    bool both = count_of(s, '.') + count_of(s, ',') > 1;
    bool group = s.len - at - 1 == 3 && at >= 1 && at <= 3 && s.ptr[0] != '0';
    return both || decimal_first || !group ? at : SIZE_MAX;
}

/* Marks before the fraction part groups of three: "1.234.567". */
static bool groups_fit(Str s, size_t fraction) {
    size_t end = fraction == SIZE_MAX ? s.len : fraction;
    size_t run = 0;
    bool any = false;
    for (size_t i = end; i > 0; i--) {
        char c = s.ptr[i - 1];
        if (c == '.' || c == ',') {
            if (run != 3) {
                return false;
            }
            run = 0;
            any = true;
        } else {
            run++;
        }
    }
    return run > 0 && (!any || run <= 3);
}

/* Without a unit of money at its end and without blanks. */
static Str bare_number(Arena *arena, Str s) {
    static const char *const units[] = {"đồng", "VND", "vnđ", "VNĐ", "đ", "%"};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_ends(s, str_from(units[i]))) {
            s = str_trim(str_sub(s, 0, s.len - strlen(units[i])));
        }
    }
    char *out = arena_alloc(arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < s.len; i++) {
        if (s.ptr[i] != ' ') {
            out[n++] = s.ptr[i];
        }
    }
    return out == NULL ? STR_EMPTY : (Str){out, n};
}

static bool number_value(Arena *arena, Str s, bool decimal_first, Str *ret) {
    Str bare = bare_number(arena, s);
    size_t fraction = fraction_at(bare, decimal_first);
    if (bare.len == 0 || !groups_fit(bare, fraction)) {
        return false;
    }
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < bare.len && n < sizeof(plain); i++) {
        char c = bare.ptr[i];
        if (i == fraction) {
            plain[n++] = '.';
        } else if (c >= '0' && c <= '9') {
            plain[n++] = c;
        } else if (c != '.' && c != ',') {
            return false;
        }
    }
    Decimal d;
    if (decimal_parse((Str){plain, n}, &d) != ERR_OK) {
        return false;
    }
    d = decimal_reduce(d);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    decimal_put(&b, d, -1);
    *ret = arena_str(arena, buf_str(&b));
    size_t whole = MIN(str_find_char(*ret, '.', 0), ret->len);
    return whole <= PRICE_DIGITS && decimal_scale(d) <= PRICE_SCALE;
}

/* ---- the rest ---- */

static bool flag_value(Str s, Str *ret, CatalogFault *f) {
    static const char *const yes[] = {"1", "co", "x", "true", "yes", "y", "noi tru"};
    static const char *const no[] = {"0", "khong", "false", "no", "n", "-"};
    CLEANUP_BUF Buf folded;
    buf_init(&folded, LIMIT_KIB);
    fold_put(&folded, str_sub(s, 0, 64));
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(buf_str(&folded), str_from(yes[i]))) {
            *ret = STR("1");
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        if (str_eq(buf_str(&folded), str_from(no[i]))) {
            *ret = STR("0");
            return true;
        }
    }
    return fault(f, "catalogue-flag", "Hãy ghi 1 (có) hoặc 0 (không).", "Write 1 (yes) or 0 (no).");
}

static bool in_set(Str set, Str value) {
    for (Str part; str_cut(&set, ';', &part);) {
        if (str_eq(part, value)) {
            return true;
        }
    }
    return false;
}

Str catalog_set_join(Arena *arena, Str a, Str b) {
    CLEANUP_BUF Buf out;
    buf_init(&out, 2 * SET_MAX + 2);
    const Str sets[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        Str rest = sets[i];
        for (Str part; str_cut(&rest, ';', &part);) {
            part = str_trim(part);
            if (part.len > 0 && !in_set(buf_str(&out), part)) {
                buf_put_str(&out, out.len > 0 ? STR(";") : STR_EMPTY);
                buf_put_str(&out, part);
            }
        }
    }
    return arena_str(arena, buf_str(&out));
}

static bool set_value(Arena *arena, Str s, Str *ret, CatalogFault *f) {
    char *out = s.len > SET_MAX ? NULL : arena_alloc(arena, s.len + 1);
    if (out == NULL) {
        return fault_long(f);
    }
    for (size_t i = 0; i < s.len; i++) {
        out[i] = s.ptr[i] == ',' || s.ptr[i] == '|' ? ';' : s.ptr[i];
    }
    *ret = catalog_set_join(arena, (Str){out, s.len}, STR_EMPTY);
    return true;
}

static bool text_value(Str s, Str *ret, CatalogFault *f) {
    if (s.len > TEXT_MAX) {
        return fault_long(f);
    }
    *ret = s;
    return true;
}

/* #N/A, #REF! and the like: what a broken formula leaves. */
static bool is_broken(Str s) {
    static const char *const errors[] = {"#N/A",  "#REF!",  "#VALUE!", "#NAME?",
                                         "#NUM!", "#NULL!", "#DIV/0!"};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (str_eq(s, str_from(errors[i]))) {
            return true;
        }
    }
    return false;
}

bool catalog_value(Arena *arena, const CatalogCell *cell, Str *ret_value, CatalogFault *ret_fault) {
    Str s = clean(arena, cell->text);
    if (s.len == 0) {
        *ret_value = STR_EMPTY;
        return true;
    }
    if (is_broken(s)) {
        return fault(ret_fault, "catalogue-formula", "Công thức trong ô bị lỗi: hãy ghi giá trị.",
                     "The cell's formula failed: write the value.");
    }
    switch (cell->kind) {
    case CATALOG_CODE:
        return code_value(s, ret_value, ret_fault);
    case CATALOG_DAY:
        return day_value(arena, s, ret_value, ret_fault);
    case CATALOG_FLAG:
        return flag_value(s, ret_value, ret_fault);
    case CATALOG_SET:
        return set_value(arena, s, ret_value, ret_fault);
    case CATALOG_PRICE:
    case CATALOG_TOP:
    case CATALOG_NUMBER:
        return number_value(arena, s, cell->decimal_first, ret_value) ||
               fault(ret_fault, "catalogue-number",
                     "Không phải số không âm: hãy ghi như 42100, 42.100 hoặc 1.270,5.",
                     "Not a number from 0 on: write it like 42100, 42.100 or 1.270,5.");
    case CATALOG_TEXT:
        break;
    }
    return text_value(s, ret_value, ret_fault);
}
