#include "core/decimal.h"
#include "core/sheet_int.h"
#include "core/time.h"

#include <math.h>

/* Letters of dates and times outside of quotation marks, brackets (but those of elapsed time) and
 * escapes, in the format's first section. */
typedef struct CodeScan {
    bool time, zeros_only;
    size_t zeros;
} CodeScan;

static bool is_elapsed(Str bracket) {
    return bracket.len > 0 && strchr("hHmMsS", bracket.ptr[0]) != NULL &&
           (bracket.len == 1 || bracket.ptr[1] == bracket.ptr[0]);
}

/* Index behind the quoted, bracketed or escaped piece at i, or i. */
static size_t skip_piece(Str code, size_t i, CodeScan *scan) {
    char c = code.ptr[i];
    if (c == '\\' || c == '_' || c == '*') {
        return MIN(i + 2, code.len);
    }
    if (c != '"' && c != '[') {
        return i;
    }
    size_t end = str_find_char(code, c == '"' ? '"' : ']', i + 1);
    if (end == SIZE_MAX) {
        return code.len;
    }
    if (c == '[' && is_elapsed(str_sub(code, i + 1, end - i - 1))) {
        scan->time = true;
    }
    return end + 1;
}

SheetStyle sheet_style_of_code(Str code) {
    CodeScan scan = {.zeros_only = true};
    for (size_t i = 0; i < code.len && code.ptr[i] != ';';) {
        size_t next = skip_piece(code, i, &scan);
        if (next > i) {
            scan.zeros_only = false;
            i = next;
            continue;
        }
        scan.zeros += code.ptr[i] == '0';
        scan.zeros_only = scan.zeros_only && code.ptr[i] == '0';
        scan.time = scan.time || strchr("dDmMyYhHsS", code.ptr[i]) != NULL;
        i++;
    }
    if (scan.time && !str_eq_nocase(code, STR("General"))) {
        return (SheetStyle){.kind = SHEET_STYLE_TIME};
    }
    if (scan.zeros_only && scan.zeros > 1 && scan.zeros <= 32) {
        return (SheetStyle){.kind = SHEET_STYLE_ZEROS, .digits = (uint8_t)scan.zeros};
    }
    return (SheetStyle){.kind = SHEET_STYLE_PLAIN};
}

SheetStyle sheet_style_of_id(unsigned id) {
    bool time = (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) ||
                (id >= 50 && id <= 58);
    return (SheetStyle){.kind = time ? SHEET_STYLE_TIME : SHEET_STYLE_PLAIN};
}

static bool is_digits(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* As a spreadsheet shows it: at most 15 digits, no exponent, no zeros behind the point. */
static void put_plain(Buf *out, Str value) {
    Decimal d;
    if ((is_digits(value) && value.len <= 15) || decimal_parse(value, &d) != ERR_OK) {
        buf_put_str(out, value);
        return;
    }
    char short_text[40];
    int n = snprintf(short_text, sizeof(short_text), "%.15g", decimal_to_double(d));
    Decimal rounded;
    if (n <= 0 || decimal_parse((Str){short_text, (size_t)n}, &rounded) != ERR_OK) {
        buf_put_str(out, value);
        return;
    }
    decimal_put(out, decimal_reduce(rounded), -1);
}

/* Day 1 is 1900-01-01 and there is a 29 February 1900 (a bug kept for ever), or day 0 is
 * 1904-01-01. */
static int64_t day_of_serial(double serial, bool since_1904) {
    int64_t whole = (int64_t)floor(serial);
    if (since_1904) {
        return whole - 24107;
    }
    return whole - (whole < 60 ? 25568 : 25569);
}

static bool put_time(Buf *out, Str value, bool since_1904) {
    Decimal d;
    if (decimal_parse(value, &d) != ERR_OK) {
        return false;
    }
    double serial = decimal_to_double(d);
    if (!(serial >= 0 && serial < 2958466)) {
        return false;
    }
    int64_t seconds = (int64_t)floor((serial - floor(serial)) * 86400 + 0.5);
    int64_t day = day_of_serial(serial, since_1904) + seconds / 86400;
    seconds %= 86400;
    bool has_day = serial >= 1;
    if (has_day) {
        time_put_days(out, day);
    }
    if (seconds != 0 || !has_day) {
        buf_printf(out, "%s%02d:%02d:%02d", has_day ? "T" : "", (int)(seconds / 3600),
                   (int)(seconds / 60 % 60), (int)(seconds % 60));
    }
    return true;
}

void sheet_put_number(Buf *out, Str value, SheetStyle style, bool since_1904) {
    if (style.kind == SHEET_STYLE_TIME && put_time(out, value, since_1904)) {
        return;
    }
    size_t begin = out->len;
    if (style.kind == SHEET_STYLE_ZEROS && is_digits(value)) {
        for (size_t i = value.len; i < style.digits; i++) {
            buf_put_char(out, '0');
        }
    }
    if (out->len > begin) {
        buf_put_str(out, value);
    } else {
        put_plain(out, value);
    }
}
