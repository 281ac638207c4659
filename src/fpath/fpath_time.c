#include "fpath/fpath_int.h"

/* ---- reading */

typedef struct Cursor {
    Str s;
    size_t at;
} Cursor;

static bool digits(Cursor *c, unsigned count, int *ret_value) {
    int value = 0;
    for (unsigned i = 0; i < count; i++) {
        char d = c->at + i < c->s.len ? c->s.ptr[c->at + i] : '\0';
        if (d < '0' || d > '9') {
            return false;
        }
        value = value * 10 + (d - '0');
    }
    c->at += count;
    *ret_value = value;
    return true;
}
static bool eat(Cursor *c, char sign) {
    if (c->at < c->s.len && c->s.ptr[c->at] == sign) {
        c->at++;
        return true;
    }
    return false;
}

/* hh, hh:mm, hh:mm:ss, hh:mm:ss.fff; fractions beyond milliseconds are cut off. */
static bool clock_parts(Cursor *c, Civil *civil, FpathPrecision *precision) {
    if (!digits(c, 2, &civil->hour) || civil->hour > 23) {
        return false;
    }
    *precision = FPATH_HOUR;
    if (!eat(c, ':')) {
        return true;
    }
    if (!digits(c, 2, &civil->minute) || civil->minute > 59) {
        return false;
    }
    *precision = FPATH_MINUTE;
    if (!eat(c, ':')) {
        return true;
    }
    if (!digits(c, 2, &civil->second) || civil->second > 60) {
        return false;
    }
    *precision = FPATH_SECOND;
    if (!eat(c, '.')) {
        return true;
    }
    int scale = 100;
    size_t start = c->at;
    for (int d; digits(c, 1, &d); scale /= 10) {
        civil->ms += d * scale;
    }
    *precision = FPATH_MS;
    return c->at > start;
}

static bool date_parts(Cursor *c, Civil *civil, FpathPrecision *precision) {
    if (!digits(c, 4, &civil->year) || civil->year < 1) {
        return false;
    }
    *precision = FPATH_YEAR;
    if (!eat(c, '-')) {
        return true;
    }
    if (!digits(c, 2, &civil->month) || civil->month < 1 || civil->month > 12) {
        return false;
    }
    *precision = FPATH_MONTH;
    if (!eat(c, '-')) {
        return true;
    }
    *precision = FPATH_DAY;
    return digits(c, 2, &civil->day) && civil->day >= 1 &&
           civil->day <= time_days_in_month(civil->year, civil->month);
}

static bool zone(Cursor *c, FpathTime *t) {
    if (eat(c, 'Z')) {
        t->has_zone = true;
        return true;
    }
    int sign = eat(c, '+') ? 1 : eat(c, '-') ? -1 : 0;
    if (sign == 0) {
        return true;
    }
    int hours = 0;
    int minutes = 0;
    if (!digits(c, 2, &hours) || !eat(c, ':') || !digits(c, 2, &minutes) || hours > 14 ||
        minutes > 59) {
        return false;
    }
    t->has_zone = true;
    t->offset_min = (int16_t)(sign * (hours * 60 + minutes));
    return true;
}

static TimeMs wall_of(const Civil *civil) {
    return time_from_civil(civil, 0);
}

bool fpath_time_parse(Str text, FpathKind kind, FpathTime *ret_time) {
    Cursor c = {text, 0};
    Civil civil = {.year = 1970, .month = 1, .day = 1};
    FpathTime t = {0};
    FpathPrecision precision = FPATH_YEAR;
    if (kind == FPATH_TIME) {
        if (!clock_parts(&c, &civil, &precision)) {
            return false;
        }
    } else {
        if (!date_parts(&c, &civil, &precision)) {
            return false;
        }
        if (kind == FPATH_DATE_TIME && eat(&c, 'T') && c.at < text.len) {
            if (precision != FPATH_DAY || !clock_parts(&c, &civil, &precision) || !zone(&c, &t)) {
                return false;
            }
        }
    }
    if (c.at != text.len) {
        return false;
    }
    t.wall = wall_of(&civil);
    t.precision = (uint8_t)precision;
    *ret_time = t;
    return true;
}

void fpath_time_put(Buf *out, FpathKind kind, FpathTime t) {
    Civil c = time_civil(t.wall, 0);
    if (kind != FPATH_TIME) {
        buf_printf(out, "%04d", c.year);
        if (t.precision >= FPATH_MONTH) {
            buf_printf(out, "-%02d", c.month);
        }
        if (t.precision >= FPATH_DAY) {
            buf_printf(out, "-%02d", c.day);
        }
        if (t.precision >= FPATH_HOUR) {
            buf_put_char(out, 'T');
        }
    }
    if (t.precision >= FPATH_HOUR) {
        buf_printf(out, "%02d", c.hour);
    }
    if (t.precision >= FPATH_MINUTE) {
        buf_printf(out, ":%02d", c.minute);
    }
    if (t.precision >= FPATH_SECOND) {
        buf_printf(out, ":%02d", c.second);
    }
    if (t.precision >= FPATH_MS) {
        buf_printf(out, ".%03d", c.ms);
    }
    if (t.has_zone && t.offset_min == 0) {
        buf_put_char(out, 'Z');
    } else if (t.has_zone) {
        int minutes = t.offset_min < 0 ? -t.offset_min : t.offset_min;
        buf_printf(out, "%c%02d:%02d", t.offset_min < 0 ? '-' : '+', minutes / 60, minutes % 60);
    }
}

/* ---- comparing */

static int sign_of(int64_t difference) {
    return (difference > 0) - (difference < 0);
}

bool fpath_time_cmp(FpathTime a, FpathTime b, int *ret_cmp) {
    bool a_clock = a.precision >= FPATH_HOUR;
    bool b_clock = b.precision >= FPATH_HOUR;
    if (a_clock && b_clock && a.has_zone != b.has_zone) {
        return false;
    }
    if (a_clock && b_clock && a.has_zone) {
        a.wall -= a.offset_min * TIME_MINUTE_MS;
        b.wall -= b.offset_min * TIME_MINUTE_MS;
    }
    /* seconds and milliseconds are one precision */
    uint8_t pa = MIN(a.precision, (uint8_t)FPATH_SECOND);
    uint8_t pb = MIN(b.precision, (uint8_t)FPATH_SECOND);
    if (pa == pb) {
        *ret_cmp = sign_of(a.wall - b.wall);
        return true;
    }
    Civil x = time_civil(a.wall, 0);
    Civil y = time_civil(b.wall, 0);
    int differences[] = {x.year - y.year, x.month - y.month, x.day - y.day, x.hour - y.hour,
                         x.minute - y.minute};
    for (uint8_t i = 0; i <= MIN(pa, pb); i++) {
        if (differences[i] != 0) {
            *ret_cmp = sign_of(differences[i]);
            return true;
        }
    }
    return false;
}

/* ---- arithmetic */

static const char *const UNITS[] = {"year",   "month",  "day",         "hour",
                                    "minute", "second", "millisecond", "week"};

int fpath_calendar_unit(Str word) {
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        Str unit = str_from(UNITS[i]);
        if (str_starts(word, unit) &&
            (word.len == unit.len || str_eq(str_sub(word, unit.len, 9), STR("s")))) {
            return (int)i;
        }
    }
    return -1;
}
Str fpath_calendar_name(int unit) {
    return str_from(UNITS[unit]);
}

static const int64_t UNIT_MS[] = {[FPATH_DAY] = TIME_DAY_MS,
                                  [FPATH_HOUR] = TIME_HOUR_MS,
                                  [FPATH_MINUTE] = TIME_MINUTE_MS,
                                  [FPATH_SECOND] = TIME_SECOND_MS,
                                  [FPATH_MS] = 1};

static bool in_calendar(TimeMs wall) {
    static const TimeMs FIRST = INT64_C(-62135596800000);
    static const TimeMs LAST = INT64_C(253402300799999);
    return wall >= FIRST && wall <= LAST;
}

/* Months are added on the calendar; a day that its month lacks becomes the month's last. */
static bool add_months(FpathTime *t, int64_t months) {
    Civil c = time_civil(t->wall, 0);
    int64_t all = (int64_t)c.year * 12 + (c.month - 1) + months;
    if (all < 12 || all >= INT64_C(10000) * 12) {
        return false;
    }
    c.year = (int)(all / 12);
    c.month = (int)(all % 12) + 1;
    c.day = MIN(c.day, time_days_in_month(c.year, c.month));
    t->wall = wall_of(&c);
    return true;
}

/* What is finer than the value's own precision is first made into units of it: @2014 + 25 months is
 * @2016. Months count 30 days, years 365 (N1, "Date/Time Arithmetic"). */
static void coarsen(FpathTime t, FpathPrecision *unit, int64_t *count) {
    static const int64_t UP[] = {[FPATH_MONTH] = 12,  [FPATH_DAY] = 30,    [FPATH_HOUR] = 24,
                                 [FPATH_MINUTE] = 60, [FPATH_SECOND] = 60, [FPATH_MS] = 1000};
    if (*unit == FPATH_MS && t.precision == FPATH_SECOND) {
        *unit = FPATH_SECOND;
        *count /= 1000;
    }
    while (*unit > t.precision && *unit > FPATH_YEAR) {
        if (*unit == FPATH_DAY && t.precision == FPATH_YEAR) {
            *count /= 365;
            *unit = FPATH_YEAR;
            return;
        }
        *count /= UP[*unit];
        *unit = (FpathPrecision)(*unit - 1);
    }
}

bool fpath_time_add(FpathKind kind, FpathTime *t, FpathPrecision unit, int64_t count) {
    static const int64_t MAX_COUNT = INT64_C(1) << 48;
    if (count > MAX_COUNT || count < -MAX_COUNT) {
        return false;
    }
    if (kind == FPATH_TIME) {
        if (unit < FPATH_HOUR) {
            return false;
        }
        coarsen(*t, &unit, &count);
        int64_t wall =
            (t->wall + count % TIME_DAY_MS * (UNIT_MS[unit] % TIME_DAY_MS)) % TIME_DAY_MS;
        t->wall = wall < 0 ? wall + TIME_DAY_MS : wall;
        return true;
    }
    coarsen(*t, &unit, &count);
    if (unit == FPATH_YEAR || unit == FPATH_MONTH) {
        return count < 120000 && count > -120000 &&
               add_months(t, unit == FPATH_YEAR ? count * 12 : count);
    }
    int64_t ms;
    if (__builtin_mul_overflow(count, UNIT_MS[unit], &ms) ||
        __builtin_add_overflow(t->wall, ms, &ms) || !in_calendar(ms)) {
        return false;
    }
    t->wall = ms;
    return true;
}

/* ---- boundaries */

/* Digits that a precision has: YYYY is 4, …, milliseconds 17; of a time of day 2 to 9. */
static const int DIGITS[] = {4, 6, 8, 10, 12, 14, 17};

int fpath_time_digits(const FpathItem *item) {
    int all = DIGITS[item->time.precision];
    return item->kind == FPATH_TIME ? all - 8 : all;
}

static void raise_to_end(Civil *c, FpathPrecision known) {
    if (known < FPATH_MONTH) {
        c->month = 12;
    }
    if (known < FPATH_DAY) {
        c->day = time_days_in_month(c->year, c->month);
    }
    if (known < FPATH_HOUR) {
        c->hour = 23;
    }
    if (known < FPATH_MINUTE) {
        c->minute = 59;
    }
    if (known < FPATH_SECOND) {
        c->second = 59;
    }
    if (known < FPATH_MS) {
        c->ms = 999;
    }
}

/* The lowest moment of a precision, given any moment in it. */
static void lower_to_start(Civil *c, FpathPrecision precision) {
    int *const parts[] = {&c->year, &c->month, &c->day, &c->hour, &c->minute, &c->second, &c->ms};
    for (size_t i = (size_t)precision + 1; i < ARRAY_LEN(parts); i++) {
        *parts[i] = i < 3 ? 1 : 0;
    }
}

bool fpath_time_boundary(FpathItem *item, bool high, int64_t wanted) {
    FpathTime *t = &item->time;
    int64_t all = item->kind == FPATH_TIME ? wanted + 8 : wanted;
    FpathPrecision precision = FPATH_YEAR;
    while (precision < FPATH_MS && DIGITS[precision] != all) {
        precision = (FpathPrecision)(precision + 1);
    }
    if (DIGITS[precision] != all || (item->kind == FPATH_TIME && precision < FPATH_HOUR) ||
        (item->kind == FPATH_DATE && precision > FPATH_DAY)) {
        return false;
    }
    Civil c = time_civil(t->wall, 0);
    if (high) {
        raise_to_end(&c, (FpathPrecision)t->precision);
    }
    lower_to_start(&c, precision);
    t->wall = wall_of(&c);
    t->precision = (uint8_t)precision;
    if (item->kind == FPATH_DATE_TIME && precision >= FPATH_HOUR && !t->has_zone) {
        t->has_zone = true;
        t->offset_min = high ? -12 * 60 : 14 * 60;
    }
    if (precision < FPATH_HOUR) {
        t->has_zone = false;
        t->offset_min = 0;
    }
    return true;
}
