#include "unit/test.h"

#include "core/time.h"

static void days_and_dates_agree(void **state) {
    (void)state;
    assert_int_equal(time_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(time_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(time_days_from_civil(1, 1, 1), -719162);
    int64_t want = time_days_from_civil(1, 1, 1);
    for (int y = 1; y <= 9999; y += y < 1890 || y > 2110 ? 53 : 1) {
        want = time_days_from_civil(y, 1, 1);
        for (int m = 1; m <= 12; m++) {
            for (int d = 1; d <= time_days_in_month(y, m); d++, want++) {
                int ry;
                int rm;
                int rd;
                assert_int_equal(time_days_from_civil(y, m, d), want);
                time_civil_from_days(want, &ry, &rm, &rd);
                assert_true(ry == y && rm == m && rd == d);
            }
        }
    }
}

static void weeks_follow_iso_8601(void **state) {
    (void)state;
    assert_int_equal(time_weekday(0), 4);
    assert_int_equal(time_weekday(time_days_from_civil(2026, 11, 22)), 7);
    static const int cases[][5] = {{2005, 1, 1, 2004, 53},  {2007, 12, 31, 2008, 1},
                                   {2008, 12, 29, 2009, 1}, {2010, 1, 3, 2009, 53},
                                   {2026, 1, 1, 2026, 1},   {2026, 12, 31, 2026, 53}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int year;
        int week;
        time_iso_week(time_days_from_civil(cases[i][0], cases[i][1], cases[i][2]), &year, &week);
        assert_int_equal(year, cases[i][3]);
        assert_int_equal(week, cases[i][4]);
    }
}

static void civil_times_carry_over(void **state) {
    (void)state;
    Civil c = {.year = 2026, .month = 11, .day = 22, .hour = 6, .minute = 9, .second = 28};
    TimeMs t = time_from_civil(&c, TIME_VN_OFFSET_MIN);
    assert_int_equal(t, INT64_C(1795302568000));
    Civil back = time_civil(t + 123, TIME_VN_OFFSET_MIN);
    assert_true(back.day == 22 && back.hour == 6 && back.ms == 123);
    back = time_civil(-1, 0);
    assert_true(back.year == 1969 && back.second == 59 && back.ms == 999);
    c = (Civil){.year = 2026, .month = 13, .day = 1, .minute = 75};
    Civil same = {.year = 2027, .month = 1, .day = 1, .hour = 1, .minute = 15};
    assert_int_equal(time_from_civil(&c, 0), time_from_civil(&same, 0));
    /* 17:00 UTC is midnight in Vietnam */
    assert_int_equal(time_vn_day(17 * TIME_HOUR_MS), 1);
    assert_int_equal(time_vn_day(17 * TIME_HOUR_MS - 1), 0);
}

static void ages_change_on_the_birthday(void **state) {
    (void)state;
    int64_t birth = time_days_from_civil(2000, 2, 29);
    assert_int_equal(time_age_years(birth, time_days_from_civil(2001, 2, 28)), 0);
    assert_int_equal(time_age_years(birth, time_days_from_civil(2001, 3, 1)), 1);
    assert_int_equal(time_age_years(birth, time_days_from_civil(2026, 2, 28)), 25);
}

/* Prints lo and hi as instants: "lo hi". */
static void assert_range(const char *text, const char *want) {
    TimeMs lo;
    TimeMs hi;
    Buf b;
    buf_init(&b, 100);
    assert_ok(time_parse_fhir(str_from(text), &lo, &hi));
    time_put_instant(&b, lo);
    buf_put_char(&b, ' ');
    time_put_instant(&b, hi);
    assert_str(buf_str(&b), str_from(want));
    buf_release(&b);
}

static void fhir_times_are_half_open_ranges(void **state) {
    (void)state;
    assert_range("2026", "2025-12-31T17:00:00.000Z 2026-12-31T17:00:00.000Z");
    assert_range("2026-12", "2026-11-30T17:00:00.000Z 2026-12-31T17:00:00.000Z");
    assert_range("2024-02-29", "2024-02-28T17:00:00.000Z 2024-02-29T17:00:00.000Z");
    assert_range("2026-11-21T23:09Z", "2026-11-21T23:09:00.000Z 2026-11-21T23:10:00.000Z");
    assert_range("2026-11-21T23:09:28Z", "2026-11-21T23:09:28.000Z 2026-11-21T23:09:29.000Z");
    assert_range("2026-11-21T23:09:28", "2026-11-21T16:09:28.000Z 2026-11-21T16:09:29.000Z");
    assert_range("2026-11-21T23:09:28.1+07:00",
                 "2026-11-21T16:09:28.100Z 2026-11-21T16:09:28.200Z");
    assert_range("2026-11-21T23:09:28.123456-14:00",
                 "2026-11-22T13:09:28.123Z 2026-11-22T13:09:28.124Z");
    assert_range("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z 2017-01-01T00:00:01.000Z");
}

static void fhir_times_say_how_they_were_written(void **state) {
    (void)state;
    FhirTime t;
    assert_ok(time_read_fhir(STR("2026-11"), &t));
    assert_int_equal(t.precision, TIME_MONTH);
    assert_false(t.has_zone);
    assert_ok(time_read_fhir(STR("2026-11-21T10:00:00.5-03:30"), &t));
    assert_int_equal(t.precision, TIME_FRACTION);
    assert_true(t.has_zone);
    assert_int_equal(t.offset_min, -210);
}

static void fhir_times_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "20",
                                      "0000",
                                      "2026-",
                                      "2026-1",
                                      "2026-13",
                                      "2026-00",
                                      "2026-02-29",
                                      "2026-11-00",
                                      "2026-11-31",
                                      "2026-11-21 ",
                                      "2026-11-21T",
                                      "26-11-21",
                                      "2026/11/21",
                                      "+2026",
                                      "2026-11-21T24:00:00Z",
                                      "2026-11-21T10",
                                      "2026-11-21T10:60Z",
                                      "2026-11-21T10:00:61Z",
                                      "2026-11-21T10:00:00.Z",
                                      "2026-11-21T10:00:00+7:00",
                                      "2026-11-21T10:00:00+14:01",
                                      "2026-11-21T10:00:00+07:60",
                                      "2026-11-21T10:00:00z",
                                      "2026-11-21t10:00:00Z",
                                      "2026-11-21T10:00:00Z ",
                                      "2026-11T10:00:00Z",
                                      "20261121"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        TimeMs lo = 7;
        TimeMs hi = 7;
        assert_int_equal(time_parse_fhir(str_from(bad[i]), &lo, &hi), ERR_SYNTAX);
        assert_true(lo == 7 && hi == 7);
    }
}

static void claim_times_keep_unknown_parts(void **state) {
    (void)state;
    Civil c;
    Buf b;
    buf_init(&b, 200);
    assert_ok(time_parse_claim(STR("202611220609"), &c));
    time_put_civil_vn(&b, &c);
    assert_str(buf_str(&b), STR("2026-11-22T06:09:00+07:00"));
    buf_clear(&b);
    time_put_vn(&b, time_from_claim(&c));
    assert_str(buf_str(&b), STR("2026-11-22T06:09:00+07:00"));
    static const char *const partial[][2] = {{"197000000000", "1970"},
                                             {"19700000", "1970"},
                                             {"197005000000", "1970-05"},
                                             {"19700512", "1970-05-12"}};
    for (size_t i = 0; i < ARRAY_LEN(partial); i++) {
        buf_clear(&b);
        assert_ok(time_parse_claim(str_from(partial[i][0]), &c));
        time_put_civil_date(&b, &c);
        assert_str(buf_str(&b), str_from(partial[i][1]));
    }
    static const char *const bad[] = {"",         "1970",         "197005",       "00000101",
                                      "19701301", "19700230",     "19700012",     "202611222409",
                                      "1970051",  "202611220660", "20261122060 ", "2026112206090"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(time_parse_claim(str_from(bad[i]), &c), ERR_SYNTAX);
    }
    buf_release(&b);
}

/* print(parse(x)) = x for instants over eight thousand years. */
static void instants_print_what_was_read(void **state) {
    (void)state;
    Buf b;
    buf_init(&b, 100);
    for (TimeMs t = INT64_C(-62000000000000); t < INT64_C(253402300800000);
         t += INT64_C(86400000) * 3671 + 1234567) {
        TimeMs lo;
        TimeMs hi;
        buf_clear(&b);
        time_put_instant(&b, t);
        assert_ok(time_parse_fhir(buf_str(&b), &lo, &hi));
        assert_true(lo == t && hi == t + 1);
    }
    buf_clear(&b);
    time_put_date(&b, 17 * TIME_HOUR_MS, TIME_VN_OFFSET_MIN);
    assert_str(buf_str(&b), STR("1970-01-02"));
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_dates_agree),
        cmocka_unit_test(weeks_follow_iso_8601),
        cmocka_unit_test(civil_times_carry_over),
        cmocka_unit_test(ages_change_on_the_birthday),
        cmocka_unit_test(fhir_times_are_half_open_ranges),
        cmocka_unit_test(fhir_times_say_how_they_were_written),
        cmocka_unit_test(fhir_times_outside_the_grammar_are_refused),
        cmocka_unit_test(claim_times_keep_unknown_parts),
        cmocka_unit_test(instants_print_what_was_read),
    };
    return cmocka_run_group_tests_name("core/time", tests, NULL, NULL);
}
