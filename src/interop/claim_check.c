#include "interop/claim_int.h"

/* What has more characters is no number of this world; what adds them up need not bear it. */
enum { NUMBER_MAX = 64 };

static bool is_digits(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

static Str without_sign(Str s) {
    return s.len > 0 && s.ptr[0] == '-' ? str_sub(s, 1, s.len) : s;
}

static int two(const char *p) {
    return (p[0] - '0') * 10 + (p[1] - '0');
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* yyyyMMdd of the calendar, years 1800 to 2199; partial: month and day, or day, may be 00. */
static bool is_date(Str s, bool partial) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (s.len != 8 || !is_digits(s)) {
        return false;
    }
    int year = two(s.ptr) * 100 + two(s.ptr + 2);
    int month = two(s.ptr + 4);
    int day = two(s.ptr + 6);
    if (year < 1800 || year > 2199 || month > 12) {
        return false;
    }
    if (month == 0 || day == 0) {
        return partial && day == 0;
    }
    return day <= days[month - 1] + (month == 2 && is_leap(year));
}

static bool is_time(Str s, bool partial) {
    return s.len == 12 && is_digits(s) && is_date(str_sub(s, 0, 8), partial) &&
           two(s.ptr + 8) < 24 && two(s.ptr + 10) < 60;
}

/* Dates of birth may have unknown parts (QĐ 4750: 0000). */
static bool may_be_partial(const ClaimField *f) {
    return str_find(f->name, STR("SINH")) != SIZE_MAX;
}

static bool is_kind(const ClaimField *f, Str value) {
    bool partial = may_be_partial(f);
    switch (f->kind) {
    case CLAIM_D8:
        return is_date(value, partial);
    case CLAIM_DT12:
        return is_time(value, partial);
    case CLAIM_DT:
        return is_time(value, partial) || is_date(value, partial);
    case CLAIM_N:
        return value.len <= NUMBER_MAX && is_digits(without_sign(value));
    case CLAIM_DEC:
    case CLAIM_S:
    default:
        return true;
    }
}

static ClaimRule rule_of(ClaimKind kind) {
    return kind == CLAIM_N    ? CLAIM_RULE_FIELD_NUMBER
           : kind == CLAIM_D8 ? CLAIM_RULE_FIELD_DATE
                              : CLAIM_RULE_FIELD_TIME;
}

/* Multi-value dates (3176: XML13) are checked value by value. */
static void check_kind(ClaimBuild *b, ClaimAt at, Str value) {
    const ClaimField *f = at.field;
    Str rest = value;
    Str part;
    if (!f->multi || f->kind == CLAIM_S) {
        if (!is_kind(f, value)) {
            claim_issue_add(b, rule_of(f->kind), at, value);
        }
        return;
    }
    while (str_cut(&rest, ';', &part)) {
        if (!is_kind(f, str_trim(part))) {
            claim_issue_add(b, rule_of(f->kind), at, value);
            return;
        }
    }
}

/* Digits, or digits.digits, with an optional minus. ret_*: digits before and behind the point. */
static bool is_decimal(Str s, size_t *ret_whole, size_t *ret_scale) {
    s = without_sign(s);
    size_t point = str_find_char(s, '.', 0);
    Str whole = point == SIZE_MAX ? s : str_sub(s, 0, point);
    Str behind = point == SIZE_MAX ? STR_EMPTY : str_sub(s, point + 1, s.len);
    if (!is_digits(whole) || (point != SIZE_MAX && !is_digits(behind))) {
        return false;
    }
    while (behind.len > 0 && behind.ptr[behind.len - 1] == '0') {
        behind.len--;
    }
    *ret_whole = whole.len;
    *ret_scale = behind.len;
    return true;
}

static void add_length(ClaimBuild *b, ClaimAt at, size_t have, int most) {
    Str detail = arena_printf(b->arena, "%zu > %d", have, most);
    claim_issue_add(b, CLAIM_RULE_FIELD_LENGTH, at, detail);
}

static void check_decimal(ClaimBuild *b, ClaimAt at, Str value) {
    size_t whole = 0;
    size_t scale = 0;
    if (value.len > NUMBER_MAX || !is_decimal(value, &whole, &scale)) {
        claim_issue_add(b, CLAIM_RULE_FIELD_DECIMAL, at, value);
        return;
    }
    int most = claim_field_maxlen(at.field, b->release);
    if (scale > (size_t)at.field->scale) {
        claim_issue_add(b, CLAIM_RULE_FIELD_SCALE, at, value);
    } else if (most > 0 && whole + scale > (size_t)most) {
        add_length(b, at, whole + scale, most);
    }
}

/* Unicode characters of valid UTF-8. */
static size_t count_chars(Str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    }
    return n;
}

static void check_length(ClaimBuild *b, ClaimAt at, Str value) {
    int most = claim_field_maxlen(at.field, b->release);
    if (most == 0 || value.len <= (size_t)most) {
        return;
    }
    size_t have = count_chars(value);
    if (have > (size_t)most) {
        add_length(b, at, have, most);
    }
}

void claim_check_value(ClaimBuild *b, ClaimAt at, Str value) {
    if (value.len == 0) {
        return;
    }
    switch (at.field->kind) {
    case CLAIM_S:
        check_length(b, at, value);
        break;
    case CLAIM_DEC:
        check_decimal(b, at, value);
        break;
    case CLAIM_N:
        check_kind(b, at, value);
        check_length(b, at, value);
        break;
    case CLAIM_D8:
    case CLAIM_DT12:
    case CLAIM_DT:
    default:
        check_kind(b, at, value);
        break;
    }
}

void claim_check_record(ClaimBuild *b, ClaimAt at, const Str *values) {
    for (int i = 0; i < at.table->n_fields; i++) {
        const ClaimField *f = &at.table->fields[i];
        if (values[i].len == 0 && claim_field_form(f, b->release).required == 'Y') {
            ClaimAt here = at;
            here.field = f;
            claim_issue_add(b, CLAIM_RULE_FIELD_REQUIRED, here, STR_EMPTY);
        }
    }
}

/* MA_LK is the first field of every table. */
static void check_keys(ClaimBuild *b, const ClaimPart *p) {
    for (int r = 0; r < p->n_records; r++) {
        Str key = p->records[r].values[0];
        if (key.len > 0 && b->ma_lk.len > 0 && !str_eq(key, b->ma_lk)) {
            ClaimAt at = {p->table, &p->table->fields[0], r + 1, p->records[r].line};
            claim_issue_add(b, CLAIM_RULE_CLAIM_KEY, at, key);
        }
    }
}

static void check_facility(ClaimBuild *b, const ClaimPart *p, Str facility) {
    bool check_in = p->table->number == 0;
    int field = check_in ? (int)XML0_MA_CSKCB : (int)XML1_MA_CSKCB;
    Str here = p->n_records > 0 ? p->records[0].values[field] : STR_EMPTY;
    ClaimAt at = {p->table, &p->table->fields[field], 1, p->n_records > 0 ? p->records[0].line : 0};
    if (facility.len == 0 && here.len == 0) {
        claim_issue_add(b, CLAIM_RULE_CLAIM_NO_FACILITY, at, STR_EMPTY);
    } else if (facility.len > 0 && here.len > 0 && !str_eq(facility, here)) {
        claim_issue_add(b, CLAIM_RULE_CLAIM_FACILITY, at, here);
    }
}

/* It is there and cannot be read, as an error says already (or of which table it is, nobody knows).
 */
static bool said_of_summary(const ClaimBuild *b) {
    for (int i = 0; i < b->n_issues; i++) {
        const ClaimIssue *e = &b->issues[i];
        if (e->severity == CLAIM_ERROR && (str_eq(e->table, STR("XML1")) || e->table.len == 0)) {
            return true;
        }
    }
    return false;
}

void claim_check_parts(ClaimBuild *b, const ClaimPart *parts, int n_parts, Str facility) {
    unsigned seen = 0;
    bool has_summary = false;
    for (int i = 0; i < n_parts; i++) {
        const ClaimTable *t = parts[i].table;
        unsigned bit = 1u << t->number;
        /* certificates (XML7: one document for each newborn) may come more than once */
        if ((seen & bit) != 0 && t->number <= 5) {
            claim_issue_add(b, CLAIM_RULE_TABLE_TWICE, (ClaimAt){.table = t}, t->name);
        }
        if (t->number <= 1 && (seen & bit) == 0) {
            has_summary = true;
            check_facility(b, &parts[i], facility);
        }
        seen |= bit;
        check_keys(b, &parts[i]);
    }
    if (!has_summary && !said_of_summary(b)) {
        claim_issue_add(b, n_parts == 0 ? CLAIM_RULE_CLAIM_EMPTY : CLAIM_RULE_CLAIM_NO_XML1,
                        (ClaimAt){0}, STR_EMPTY);
    }
}
