#include "core/time.h"

/* Floor division by a positive number. */
static int64_t div_floor(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

/* http://howardhinnant.github.io/date_algorithms.html: years begin in March, eras have 400 years.
 */
int64_t time_days_from_civil(int year, int month, int day) {
    assert(month >= 1 && month <= 12);
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = div_floor(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void time_civil_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day) {
    int64_t z = days + 719468;
    int64_t era = div_floor(z, 146097);
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t mp = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

int time_days_in_month(int year, int month) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int time_weekday(int64_t days) {
    int64_t since_monday = days + 3; /* 1970-01-01 was a Thursday */
    return (int)(since_monday - div_floor(since_monday, 7) * 7) + 1;
}

void time_iso_week(int64_t days, int *ret_year, int *ret_week) {
    int64_t thursday = days - time_weekday(days) + 4; /* the week's year is its Thursday's */
    int year = 0;
    int month = 0;
    int day = 0;
    time_civil_from_days(thursday, &year, &month, &day);
    *ret_year = year;
    *ret_week = (int)((thursday - time_days_from_civil(year, 1, 1)) / 7) + 1;
}

Civil time_civil(TimeMs t, int offset_min) {
    int64_t local = t + offset_min * TIME_MINUTE_MS;
    int64_t days = div_floor(local, TIME_DAY_MS);
    int rest = (int)(local - days * TIME_DAY_MS);
    Civil c = {.hour = rest / 3600000,
               .minute = rest / 60000 % 60,
               .second = rest / 1000 % 60,
               .ms = rest % 1000};
    time_civil_from_days(days, &c.year, &c.month, &c.day);
    return c;
}

TimeMs time_from_civil(const Civil *c, int offset_min) {
    int64_t months = (int64_t)c->year * 12 + c->month - 1;
    int64_t year = div_floor(months, 12);
    int64_t days = time_days_from_civil((int)year, (int)(months - year * 12) + 1, c->day);
    return days * TIME_DAY_MS + c->hour * TIME_HOUR_MS +
           (c->minute - (int64_t)offset_min) * TIME_MINUTE_MS + c->second * TIME_SECOND_MS + c->ms;
}

int64_t time_vn_day(TimeMs t) {
    return div_floor(t + TIME_VN_OFFSET_MIN * TIME_MINUTE_MS, TIME_DAY_MS);
}

int time_age_years(int64_t birth_days, int64_t at_days) {
    int by = 0;
    int bm = 0;
    int bd = 0;
    int ay = 0;
    int am = 0;
    int ad = 0;
    time_civil_from_days(birth_days, &by, &bm, &bd);
    time_civil_from_days(at_days, &ay, &am, &ad);
    return ay - by - (am < bm || (am == bm && ad < bd));
}

/* Exactly n digits at s[*at], which moves behind them; false when they are not there. */
static bool digits(Str s, size_t *at, size_t n, int *ret_value) {
    if (s.len - *at < n) {
        return false;
    }
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)s.ptr[*at + i] - '0';
        if (d > 9) {
            return false;
        }
        v = v * 10 + (int)d;
    }
    *at += n;
    *ret_value = v;
    return true;
}

static bool skip(Str s, size_t *at, char c) {
    if (*at < s.len && s.ptr[*at] == c) {
        ++*at;
        return true;
    }
    return false;
}

/* YYYY[-MM[-DD]]. */
static bool read_date(Str s, size_t *at, Civil *c, TimePrecision *ret_precision) {
    c->month = c->day = 1;
    *ret_precision = TIME_YEAR;
    if (!digits(s, at, 4, &c->year) || c->year < 1) {
        return false;
    }
    if (!skip(s, at, '-')) {
        return true;
    }
    *ret_precision = TIME_MONTH;
    if (!digits(s, at, 2, &c->month) || c->month < 1 || c->month > 12) {
        return false;
    }
    if (!skip(s, at, '-')) {
        return true;
    }
    *ret_precision = TIME_DAY;
    return digits(s, at, 2, &c->day) && c->day >= 1 &&
           c->day <= time_days_in_month(c->year, c->month);
}

/* Z, +hh:mm or -hh:mm (to 14:00); nothing at the end of the text. */
static bool read_zone(Str s, size_t *at, FhirTime *t) {
    if (*at == s.len) {
        return true;
    }
    t->has_zone = true;
    t->offset_min = 0;
    if (skip(s, at, 'Z')) {
        return true;
    }
    int sign = skip(s, at, '+') ? 1 : skip(s, at, '-') ? -1 : 0;
    int hours = 0;
    int minutes = 0;
    if (sign == 0 || !digits(s, at, 2, &hours) || !skip(s, at, ':') ||
        !digits(s, at, 2, &minutes) || minutes > 59 || hours * 60 + minutes > 14 * 60) {
        return false;
    }
    t->offset_min = sign * (hours * 60 + minutes);
    return true;
}

/* Digits after the point; *ret_span is the length of the range that they leave open, in ms. */
static bool read_fraction(Str s, size_t *at, int *ret_ms, int *ret_span) {
    int ms = 0;
    int unit = 1000;
    size_t n = 0;
    for (int d = 0; digits(s, at, 1, &d); n++) {
        if (unit > 1) {
            unit /= 10;
            ms += d * unit;
        }
    }
    *ret_ms = ms;
    *ret_span = unit;
    return n > 0;
}

/* hh:mm[:ss[.f+]] and the zone. *ret_span: length of the range. */
static bool read_clock(Str s, size_t *at, Civil *c, FhirTime *t, int64_t *ret_span) {
    t->precision = TIME_MINUTE;
    *ret_span = TIME_MINUTE_MS;
    if (!digits(s, at, 2, &c->hour) || c->hour > 23 || !skip(s, at, ':') ||
        !digits(s, at, 2, &c->minute) || c->minute > 59) {
        return false;
    }
    if (skip(s, at, ':')) {
        t->precision = TIME_SECOND;
        *ret_span = TIME_SECOND_MS;
        if (!digits(s, at, 2, &c->second) || c->second > 60) {
            return false;
        }
        if (skip(s, at, '.')) {
            int span = 0;
            t->precision = TIME_FRACTION;
            if (!read_fraction(s, at, &c->ms, &span)) {
                return false;
            }
            *ret_span = span;
        }
        if (c->second == 60) { /* a leap second counts as the next minute's first instant */
            c->ms = 0;
        }
    }
    return read_zone(s, at, t);
}

ErrCode time_read_fhir(Str s, FhirTime *ret_time) {
    FhirTime t = {.offset_min = TIME_VN_OFFSET_MIN};
    Civil c = {0};
    size_t at = 0;
    int64_t span = 0;
    if (!read_date(s, &at, &c, &t.precision)) {
        return ERR_SYNTAX;
    }
    if (t.precision == TIME_DAY && skip(s, &at, 'T') && !read_clock(s, &at, &c, &t, &span)) {
        return ERR_SYNTAX;
    }
    if (at != s.len) {
        return ERR_SYNTAX;
    }
    t.lo = time_from_civil(&c, t.offset_min);
    if (t.precision >= TIME_MINUTE) {
        t.hi = t.lo + span;
    } else {
        Civil end = c;
        int *part = t.precision == TIME_YEAR    ? &end.year
                    : t.precision == TIME_MONTH ? &end.month
                                                : &end.day;
        ++*part;
        t.hi = time_from_civil(&end, t.offset_min);
    }
    assert(t.lo < t.hi);
    *ret_time = t;
    return ERR_OK;
}

ErrCode time_parse_fhir(Str s, TimeMs *ret_lo, TimeMs *ret_hi) {
    FhirTime t;
    TRY(time_read_fhir(s, &t));
    *ret_lo = t.lo;
    *ret_hi = t.hi;
    return ERR_OK;
}

/* n digits with leading zeros. */
static char *put_digits(char *p, int value, int n) {
    for (int i = n - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + n;
}

static char *put_date(char *p, const Civil *c) {
    p = put_digits(p, c->year, 4);
    *p++ = '-';
    p = put_digits(p, c->month, 2);
    *p++ = '-';
    return put_digits(p, c->day, 2);
}

static char *put_clock(char *p, const Civil *c) {
    *p++ = 'T';
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->minute, 2);
    *p++ = ':';
    return put_digits(p, c->second, 2);
}

void time_put_instant(Buf *out, TimeMs t) {
    Civil c = time_civil(t, 0);
    assert(c.year >= 1 && c.year <= 9999);
    char text[24];
    char *p = put_clock(put_date(text, &c), &c);
    *p++ = '.';
    p = put_digits(p, c.ms, 3);
    *p++ = 'Z';
    buf_put(out, text, (size_t)(p - text));
}

void time_put_vn(Buf *out, TimeMs t) {
    Civil c = time_civil(t, TIME_VN_OFFSET_MIN);
    assert(c.year >= 1 && c.year <= 9999);
    char text[20];
    char *p = put_clock(put_date(text, &c), &c);
    buf_put(out, text, (size_t)(p - text));
    buf_put_lit(out, "+07:00");
}

void time_put_date(Buf *out, TimeMs t, int offset_min) {
    time_put_days(out, div_floor(t + offset_min * TIME_MINUTE_MS, TIME_DAY_MS));
}

void time_put_days(Buf *out, int64_t days) {
    Civil c = {0};
    time_civil_from_days(days, &c.year, &c.month, &c.day);
    time_put_civil_date(out, &c);
}

void time_put_civil_date(Buf *out, const Civil *c) {
    assert(c->year >= 1 && c->year <= 9999);
    char text[12];
    size_t len = c->month == 0 ? 4 : c->day == 0 ? 7 : 10;
    (void)put_date(text, c);
    buf_put(out, text, len);
}

void time_put_civil_vn(Buf *out, const Civil *c) {
    time_put_civil_date(out, c);
    if (c->month != 0 && c->day != 0) {
        char text[12];
        char *p = put_clock(text, c);
        buf_put(out, text, (size_t)(p - text));
        buf_put_lit(out, "+07:00");
    }
}

ErrCode time_parse_claim(Str s, Civil *ret_civil) {
    Civil c = {0};
    size_t at = 0;
    bool ok = (s.len == 8 || s.len == 12) && digits(s, &at, 4, &c.year) &&
              digits(s, &at, 2, &c.month) && digits(s, &at, 2, &c.day);
    if (ok && s.len == 12) {
        ok = digits(s, &at, 2, &c.hour) && digits(s, &at, 2, &c.minute);
    }
    ok = ok && c.year >= 1 && c.month <= 12 && c.hour <= 23 && c.minute <= 59;
    if (!ok || (c.month == 0 ? c.day != 0 : c.day > time_days_in_month(c.year, c.month))) {
        return ERR_SYNTAX;
    }
    *ret_civil = c;
    return ERR_OK;
}

TimeMs time_from_claim(const Civil *c) {
    Civil known = *c;
    known.month = MAX(known.month, 1);
    known.day = MAX(known.day, 1);
    return time_from_civil(&known, TIME_VN_OFFSET_MIN);
}
