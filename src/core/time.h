/* time.h — instants as UTC milliseconds since 1970 and the texts that stand for them: FHIR R4
 * date/dateTime/instant (http://hl7.org/fhir/R4/datatypes.html#dateTime) and the claim files'
 * yyyyMMddHHmm. Proleptic Gregorian calendar, years 1 to 9999. Vietnam has had one offset, +07:00,
 * without summer time since 1975; texts without a zone are read as Vietnam time.
 * A partial date is a half-open range [lo, hi): "2026-11" covers the whole month.
 * Errors: ERR_SYNTAX for texts outside the grammar or the calendar. No allocation. Threads: no
 * state. */
#ifndef NHIP_CORE_TIME_H
#define NHIP_CORE_TIME_H

#include "core/str.h"

typedef int64_t TimeMs; /* UTC milliseconds since 1970-01-01T00:00:00Z */

#define TIME_VN_OFFSET_MIN 420
#define TIME_SECOND_MS INT64_C(1000)
#define TIME_MINUTE_MS (60 * TIME_SECOND_MS)
#define TIME_HOUR_MS (60 * TIME_MINUTE_MS)
#define TIME_DAY_MS (24 * TIME_HOUR_MS)

/* Wall-clock parts. Parsed claim dates keep 0 for an unknown month or day. */
typedef struct Civil {
    int year, month, day, hour, minute, second, ms;
} Civil;

/* Days since 1970-01-01 (negative before), by H. Hinnant's algorithm. month 1–12; day may lie
 * outside its month and is then carried over. */
int64_t time_days_from_civil(int year, int month, int day);
void time_civil_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day);
int time_days_in_month(int year, int month);
/* 1 Monday … 7 Sunday (ISO 8601). */
int time_weekday(int64_t days);
/* ISO 8601 week and the year that it belongs to. */
void time_iso_week(int64_t days, int *ret_year, int *ret_week);

Civil time_civil(TimeMs t, int offset_min);
/* Parts are carried over when out of range (minute 75 is one hour and 15 minutes). */
TimeMs time_from_civil(const Civil *c, int offset_min);
/* The day number (since 1970-01-01) that t falls on in Vietnam. */
int64_t time_vn_day(TimeMs t);
/* Whole years from birth to `at` (both days since 1970): age as at one's birthday. */
int time_age_years(int64_t birth_days, int64_t at_days);

typedef enum TimePrecision {
    TIME_YEAR,
    TIME_MONTH,
    TIME_DAY,
    TIME_MINUTE, /* only in search values; no FHIR element allows it */
    TIME_SECOND,
    TIME_FRACTION,
} TimePrecision;

typedef struct FhirTime {
    TimeMs lo, hi; /* half-open */
    TimePrecision precision;
    bool has_zone;
    int offset_min; /* as written; TIME_VN_OFFSET_MIN when nothing was */
} FhirTime;

/* Any of YYYY, YYYY-MM, YYYY-MM-DD, …Thh:mm, …Thh:mm:ss, …ss.fff with Z, ±hh:mm or no zone. Second
 * 60 (a leap second) is read as the first second of the next minute; hour 24 is refused. Fractions
 * beyond milliseconds are cut off. */
MUST_USE ErrCode time_read_fhir(Str s, FhirTime *ret_time);
/* The same, range only. */
MUST_USE ErrCode time_parse_fhir(Str s, TimeMs *ret_lo, TimeMs *ret_hi);

void time_put_instant(Buf *out, TimeMs t);              /* 2026-11-21T23:09:28.123Z */
void time_put_vn(Buf *out, TimeMs t);                   /* 2026-11-22T06:09:28+07:00 */
void time_put_date(Buf *out, TimeMs t, int offset_min); /* 2026-11-22 */
void time_put_days(Buf *out, int64_t days);             /* 2026-11-22 */
/* FHIR text of parsed claim parts: "1970", "1970-05" or "1970-05-12" as far as they are known. */
void time_put_civil_date(Buf *out, const Civil *c);
/* "2026-11-22T06:09:00+07:00" when the day is known, else as time_put_civil_date. */
void time_put_civil_vn(Buf *out, const Civil *c);

/* yyyyMMddHHmm or yyyyMMdd of the claim files (Decision 130/QĐ-BYT). Month and day may be 00 for
 * unknown (month 00 wants day 00); a year must be there. ERR_SYNTAX otherwise. */
MUST_USE ErrCode time_parse_claim(Str s, Civil *ret_civil);
/* The instant of parsed claim parts in Vietnam time; unknown month and day count as 1. */
TimeMs time_from_claim(const Civil *c);

#endif
