#include "fhir/fhir_primitive.h"

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Two digits at p as a number, or 99 * 2 when they are no digits (beyond every limit here). */
static int two(const char *p) {
    return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : 198;
}

bool fhir_id_ok(Str text) {
    if (text.len == 0 || text.len > 64) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !is_digit(c) && c != '-' && c != '.') {
            return false;
        }
    }
    return true;
}

/* ---- dates and times */

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* YYYY, YYYY-MM or YYYY-MM-DD of exactly len bytes. */
static bool date_part_ok(const char *p, size_t len) {
    if (len != 4 && len != 7 && len != 10) {
        return false;
    }
    int century = two(p);
    int rest = two(p + 2);
    if (century > 99 || rest > 99 || century + rest == 0) {
        return false;
    }
    if (len == 4) {
        return true;
    }
    int month = two(p + 5);
    if (p[4] != '-' || month < 1 || month > 12) {
        return false;
    }
    if (len == 7) {
        return true;
    }
    int day = two(p + 8);
    return p[7] == '-' && day >= 1 && day <= days_in(century * 100 + rest, month);
}

/* Length of hh:mm:ss[.fff…] at p, 0 when it is none. */
static size_t clock_len(const char *p, size_t len) {
    if (len < 8 || p[2] != ':' || p[5] != ':' || two(p) > 23 || two(p + 3) > 59 ||
        two(p + 6) > 60) {
        return 0;
    }
    size_t at = 8;
    if (at < len && p[at] == '.') {
        at++;
        size_t from = at;
        while (at < len && is_digit(p[at])) {
            at++;
        }
        if (at == from) {
            return 0;
        }
    }
    return at;
}

static bool zone_ok(const char *p, size_t len) {
    if (len == 1) {
        return p[0] == 'Z';
    }
    if (len != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':') {
        return false;
    }
    int hours = two(p + 1);
    int minutes = two(p + 4);
    return (hours <= 13 && minutes <= 59) || (hours == 14 && minutes == 0);
}

bool fhir_date_ok(Str text) {
    return date_part_ok(text.ptr, text.len);
}

bool fhir_instant_ok(Str text) {
    if (text.len < 20 || text.ptr[10] != 'T' || !date_part_ok(text.ptr, 10)) {
        return false;
    }
    size_t clock = clock_len(text.ptr + 11, text.len - 11);
    return clock > 0 && zone_ok(text.ptr + 11 + clock, text.len - 11 - clock);
}

bool fhir_date_time_ok(Str text) {
    return text.len <= 10 ? date_part_ok(text.ptr, text.len) : fhir_instant_ok(text);
}

static bool time_ok(Str text) {
    return text.len >= 8 && clock_len(text.ptr, text.len) == text.len;
}

/* ---- numbers */

/* -?(0|[1-9][0-9]*) inside [min, 2^31-1]. */
static bool integer_ok(Str text, int64_t min) {
    bool minus = text.len > 0 && text.ptr[0] == '-';
    Str digits = {text.ptr + minus, text.len - minus};
    if (digits.len == 0 || digits.len > 10 || (digits.ptr[0] == '0' && digits.len > 1)) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.ptr[i])) {
            return false;
        }
        value = value * 10 + (digits.ptr[i] - '0');
    }
    value = minus ? -value : value;
    return value >= min && value <= INT32_MAX;
}

static size_t skip_digits(Str s, size_t at) {
    while (at < s.len && is_digit(s.ptr[at])) {
        at++;
    }
    return at;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool decimal_ok(Str s) {
    size_t from = s.len > 0 && s.ptr[0] == '-';
    size_t at = skip_digits(s, from);
    if (at == from || (s.ptr[from] == '0' && at > from + 1)) {
        return false;
    }
    if (at < s.len && s.ptr[at] == '.') {
        from = at + 1;
        at = skip_digits(s, from);
        if (at == from) {
            return false;
        }
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        from = at + 1;
        from += from < s.len && (s.ptr[from] == '+' || s.ptr[from] == '-');
        at = skip_digits(s, from);
        if (at == from) {
            return false;
        }
    }
    return at == s.len;
}

/* ---- text */

/* [^\s]+(\s[^\s]+)*: single spaces inside only. */
static bool code_ok(Str s) {
    bool after_space = true;
    for (size_t i = 0; i < s.len; i++) {
        bool space = is_space(s.ptr[i]);
        if (space && after_space) {
            return false;
        }
        after_space = space;
    }
    return !after_space;
}

static bool uri_ok(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (is_space(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

/* Not only white space, no control characters but tab, line feed and carriage return. */
static bool string_ok(Str s) {
    bool has_ink = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
        has_ink |= c > ' ';
    }
    return has_ink;
}

bool fhir_uuid_ok(Str s) {
    if (s.len != 45 || !str_starts(s, STR("urn:uuid:"))) {
        return false;
    }
    const char *p = s.ptr + 9;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = is_digit(p[i]) || (p[i] >= 'a' && p[i] <= 'f') || (p[i] >= 'A' && p[i] <= 'F');
        if (dash ? p[i] != '-' : !hex) {
            return false;
        }
    }
    return true;
}

/* urn:oid:[0-2](\.(0|[1-9][0-9]*))+ */
bool fhir_oid_ok(Str s) {
    if (s.len < 11 || !str_starts(s, STR("urn:oid:")) || s.ptr[8] < '0' || s.ptr[8] > '2') {
        return false;
    }
    for (size_t at = 9; at < s.len;) {
        size_t end = skip_digits(s, at + 1);
        if (s.ptr[at] != '.' || end == at + 1 || (s.ptr[at + 1] == '0' && end > at + 2)) {
            return false;
        }
        at = end;
    }
    return true;
}

/* Quads of the base64 alphabet, white space anywhere, padding at the end only. */
static bool base64_ok(Str s) {
    size_t n = 0;
    size_t pad = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (is_space(c)) {
            continue;
        }
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '=') {
            pad++;
        } else if (pad > 0 || !(is_letter || is_digit(c) || c == '+' || c == '/')) {
            return false;
        }
        n++;
    }
    return n > 0 && n % 4 == 0 && pad <= 2;
}

static bool any_text_ok(Str s) {
    return s.len > 0;
}

static bool boolean_ok(Str s) {
    return str_eq(s, STR("true")) || str_eq(s, STR("false"));
}

static bool int_ok(Str s) {
    return integer_ok(s, INT32_MIN);
}
static bool unsigned_ok(Str s) {
    return s.len > 0 && s.ptr[0] != '-' && integer_ok(s, 0);
}
static bool positive_ok(Str s) {
    return integer_ok(s, 1);
}

typedef bool (*CheckFn)(Str);

static const CheckFn CHECKS[FHIR_TYPE_COUNT] = {
    [FHIR_T_BASE64_BINARY] = base64_ok,
    [FHIR_T_BOOLEAN] = boolean_ok,
    [FHIR_T_CANONICAL] = uri_ok,
    [FHIR_T_CODE] = code_ok,
    [FHIR_T_DATE] = fhir_date_ok,
    [FHIR_T_DATE_TIME] = fhir_date_time_ok,
    [FHIR_T_DECIMAL] = decimal_ok,
    [FHIR_T_ID] = fhir_id_ok,
    [FHIR_T_INSTANT] = fhir_instant_ok,
    [FHIR_T_INTEGER] = int_ok,
    [FHIR_T_MARKDOWN] = string_ok,
    [FHIR_T_OID] = fhir_oid_ok,
    [FHIR_T_POSITIVE_INT] = positive_ok,
    [FHIR_T_STRING] = string_ok,
    [FHIR_T_TIME] = time_ok,
    [FHIR_T_UNSIGNED_INT] = unsigned_ok,
    [FHIR_T_URI] = uri_ok,
    [FHIR_T_URL] = uri_ok,
    [FHIR_T_UUID] = fhir_uuid_ok,
    [FHIR_T_XHTML] = any_text_ok,
};

bool fhir_primitive_ok(FhirType type, Str text) {
    assert((int)type >= 0 && (int)type < FHIR_TYPE_COUNT);
    return CHECKS[type] != NULL && CHECKS[type](text);
}
