#include "unit/test.h"

#include "core/decimal.h"
#include "core/random.h"

#define DECIMAL_CALL_BY_REFERENCE 0
#define DECIMAL_GLOBAL_ROUNDING 0
#define DECIMAL_GLOBAL_EXCEPTION_FLAGS 0
#include <bid_conf.h>
#include <bid_functions.h>

static Decimal dec(const char *s) {
    Decimal d;
    assert_ok(decimal_parse(str_from(s), &d));
    return d;
}

static void assert_dec(Decimal d, const char *want) {
    Buf b;
    buf_init(&b, 10000);
    decimal_put(&b, d, -1);
    assert_str(buf_str(&b), str_from(want));
    buf_release(&b);
}

static void texts_keep_their_scale(void **state) {
    (void)state;
    static const char *const same[] = {"0",
                                       "0.00",
                                       "1.50",
                                       "-1.50",
                                       "123456789012345678",
                                       "7",
                                       "100",
                                       "0.01",
                                       "-0.0001",
                                       "10.0",
                                       "9999999999999999999999999999999999",
                                       "0.9999999999999999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_dec(dec(same[i]), same[i]);
    }
    assert_dec(dec("1e3"), "1000");
    assert_dec(dec("1.5E+2"), "150");
    assert_dec(dec("25e-3"), "0.025");
    assert_dec(dec("+007.10"), "7.10");
    assert_dec(dec("-12.5e70"), "-1.25E+71");
    assert_dec(dec("3e-99"), "3E-99");
    assert_int_equal(decimal_scale(dec("1.50")), 2);
    assert_int_equal(decimal_scale(dec("1e3")), 0);
}

static void texts_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",   "-",  ".5",    "5.",  "1e",  "1e+", "1,5",  "0x1",
                                      " 1", "1 ", "1.2.3", "NaN", "inf", "--1", "1e5.5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Decimal d = dec("7");
        assert_int_equal(decimal_parse(str_from(bad[i]), &d), ERR_SYNTAX);
        assert_dec(d, "7");
    }
    Decimal d;
    assert_int_equal(decimal_parse(STR("10000000000000000000000000000000000"), &d), ERR_LIMIT);
    assert_int_equal(decimal_parse(STR("1e6001"), &d), ERR_LIMIT);
    assert_int_equal(decimal_parse(STR("1e-99999999999"), &d), ERR_LIMIT);
    assert_int_equal(decimal_parse(STR("340282366920938463463374607431768211456"), &d), ERR_LIMIT);
}

static void arithmetic_is_exact(void **state) {
    (void)state;
    assert_dec(decimal_add(dec("0.1"), dec("0.2")), "0.3");
    assert_dec(decimal_add(dec("1.50"), dec("2")), "3.50");
    assert_dec(decimal_sub(dec("1.5"), dec("1.50")), "0.00");
    assert_dec(decimal_sub(dec("0"), dec("0")), "0");
    assert_dec(decimal_mul(dec("1.25"), dec("-0.80")), "-1.0000");
    assert_dec(decimal_mul(dec("12345678901234567"), dec("98765432109876543")),
               "1219326311370217861743636654061881");
    /* factors over 64 bits go through the library */
    assert_dec(decimal_mul(dec("100000000000000000001"), dec("3.0")), "300000000000000000003.0");
}

static void arithmetic_that_would_round_is_nan(void **state) {
    (void)state;
    Decimal nines = dec("9999999999999999999999999999999999");
    assert_true(decimal_is_nan(decimal_add(nines, dec("0.1"))));
    assert_dec(decimal_add(nines, dec("1.0")), "10000000000000000000000000000000000"); /* 1e34 */
    assert_true(decimal_is_nan(decimal_add(nines, dec("1.1"))));
    assert_dec(decimal_add(nines, dec("-1")), "9999999999999999999999999999999998");
    assert_true(decimal_is_nan(decimal_mul(nines, nines)));
    Decimal nan = decimal_div(dec("1"), dec("0"), 2);
    assert_true(decimal_is_nan(nan));
    assert_true(decimal_is_nan(decimal_add(nan, dec("1"))));
    assert_true(decimal_is_nan(decimal_mul(decimal_neg(nan), dec("1"))));
    assert_true(decimal_is_nan(decimal_round(nan, 2)));
    assert_dec(nan, "NaN");
    assert_int_equal(decimal_cmp(nan, dec("-5")), -1);
    int64_t v = 3;
    assert_int_equal(decimal_to_i64(nan, &v), ERR_PARAM);
    assert_int_equal(v, 3);
}

static void rounding_goes_away_from_zero_on_ties(void **state) {
    (void)state;
    static const struct {
        const char *in;
        int scale;
        const char *want;
    } cases[] = {{"2.5", 0, "3"},       {"-2.5", 0, "-3"},
                 {"2.49999", 0, "2"},   {"1.005", 2, "1.01"},
                 {"7", 2, "7.00"},      {"-0.4", 0, "0"},
                 {"-0.004", 2, "0.00"}, {"1e3", 1, "1000.0"},
                 {"0.125", 2, "0.13"},  {"123456", 3, "123456.000"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_dec(decimal_round(dec(cases[i].in), cases[i].scale), cases[i].want);
    }
    assert_true(decimal_is_nan(decimal_round(dec("9999999999999999999999999999999999"), 1)));
    Buf b;
    buf_init(&b, 50);
    decimal_put(&b, dec("1234.565"), 2);
    assert_str(buf_str(&b), STR("1234.57"));
    buf_release(&b);
}

static void division_rounds_once(void **state) {
    (void)state;
    assert_dec(decimal_div(dec("1"), dec("3"), 4), "0.3333");
    assert_dec(decimal_div(dec("2"), dec("3"), 4), "0.6667");
    assert_dec(decimal_div(dec("-1"), dec("8"), 2), "-0.13");
    assert_dec(decimal_div(dec("10.00"), dec("4"), 0), "3");
    assert_dec(decimal_div(dec("0"), dec("-4"), 2), "0.00");
    assert_dec(decimal_div(dec("0.449"), dec("1"), 1),
               "0.4"); /* 0.45 → 0.5 would be two roundings */
    assert_dec(decimal_div(dec("1"), dec("9999999999999999999999999999999999"), 2), "0.00");
    assert_dec(decimal_div(dec("1"), dec("1e40"), 2), "0.00");
    assert_dec(decimal_div(dec("5e33"), dec("1e34"), 0), "1");
    assert_dec(decimal_div(dec("4999999999999999999999999999999999"), dec("1e34"), 0), "0");
    assert_dec(decimal_div(dec("1e40"), dec("1e38"), 1), "100.0");
    assert_true(decimal_is_nan(decimal_div(dec("1e40"), dec("1"), 1)));
}

static void comparing_is_by_value(void **state) {
    (void)state;
    assert_int_equal(decimal_cmp(dec("1.5"), dec("1.50")), 0);
    assert_int_equal(decimal_cmp(dec("-1.5"), dec("1.50")), -1);
    assert_int_equal(decimal_cmp(dec("10"), dec("9.999")), 1);
    assert_int_equal(decimal_cmp(dec("0.00"), dec("-0")), 0);
    assert_int_equal(decimal_cmp(DECIMAL_ZERO, dec("0")), 0);
    Decimal a = decimal_reduce(dec("1.500"));
    Decimal b = decimal_reduce(dec("15e-1"));
    assert_memory_equal(&a, &b, sizeof(a));
    a = decimal_reduce(dec("1e40"));
    b = decimal_reduce(dec("10e39"));
    assert_memory_equal(&a, &b, sizeof(a));
    a = decimal_reduce(dec("-0.00"));
    assert_memory_equal(&a, &DECIMAL_ZERO, sizeof(a));
    assert_true(decimal_is_zero(dec("0.00")) && !decimal_is_zero(dec("0.01")));
    assert_true(decimal_is_negative(dec("-1")) && !decimal_is_negative(dec("-0")));
}

static void whole_numbers_come_and_go(void **state) {
    (void)state;
    static const int64_t values[] = {0, 1, -1, 42, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        int64_t back = 0;
        assert_ok(decimal_to_i64(decimal_from_i64(values[i]), &back));
        assert_int_equal(back, values[i]);
    }
    int64_t v = 0;
    assert_ok(decimal_to_i64(dec("5.00"), &v));
    assert_int_equal(v, 5);
    assert_ok(decimal_to_i64(dec("0e900"), &v));
    assert_int_equal(v, 0);
    assert_ok(decimal_to_scaled(dec("-1.5"), 2, &v));
    assert_int_equal(v, -150);
    assert_int_equal(decimal_to_i64(dec("5.01"), &v), ERR_PARAM);
    assert_int_equal(decimal_to_i64(dec("9223372036854775808"), &v), ERR_PARAM);
    assert_int_equal(decimal_to_i64(dec("1e30"), &v), ERR_PARAM);
    assert_dec(decimal_from_scaled(-150, 2), "-1.50");
    assert_true(decimal_to_double(dec("0.5")) == 0.5);
}

/* Sums of đồng with two decimals beside 64-bit integers. */
static void sums_agree_with_integers(void **state) {
    (void)state;
    Random r;
    random_init(&r, 7);
    Decimal sum = DECIMAL_ZERO;
    int64_t hundredths = 0;
    for (int i = 0; i < 10000; i++) {
        int64_t v = random_between(&r, -1000000000, 1000000000);
        int scale = v % 100 == 0 ? 0 : v % 10 == 0 ? 1 : 2;
        int64_t coefficient = scale == 0 ? v / 100 : scale == 1 ? v / 10 : v;
        sum = decimal_add(sum, decimal_from_scaled(coefficient, scale));
        hundredths += v;
    }
    int64_t got = 0;
    assert_ok(decimal_to_scaled(sum, 2, &got));
    assert_int_equal(got, hundredths);
}

/* A number of 1–34 digits with up to 12 behind the point, or some zeros in front of it. */
static Decimal random_decimal(Random *r) {
    char text[64];
    size_t n = 0;
    if (random_below(r, 2) == 0) {
        text[n++] = '-';
    }
    for (uint64_t digits = 1 + random_below(r, random_below(r, 3) == 0 ? 34 : 12); digits > 0;
         digits--) {
        text[n++] = (char)('0' + (int)random_below(r, 10));
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n, "e%d", (int)random_between(r, -12, 4));
    Decimal d;
    assert_ok(decimal_parse((Str){text, n}, &d));
    return d;
}

static BID_UINT128 bid(Decimal d) {
    BID_UINT128 x;
    x.w[0] = d.w[0];
    x.w[1] = d.w[1];
    return x;
}

/* Bit for bit, scale included, but for the sign of zero; NaN where the library had to round. */
static void assert_same(Decimal got, BID_UINT128 want, _IDEC_flags flags) {
    if ((flags & DEC_FE_INEXACT) != 0) {
        assert_true(decimal_is_nan(got));
        return;
    }
    uint64_t sign = decimal_is_zero(got) ? UINT64_C(1) << 63 : 0;
    assert_int_equal(got.w[0], want.w[0]);
    assert_int_equal(got.w[1] | sign, want.w[1] | sign);
}

/* The short ways of sums, products and comparisons beside libintelrdfpmath alone. */
static void the_short_ways_agree_with_the_library(void **state) {
    (void)state;
    Random r;
    random_init(&r, 11);
    for (int i = 0; i < 200000; i++) {
        Decimal a = random_decimal(&r);
        Decimal b = random_decimal(&r);
        _IDEC_flags flags = 0;
        BID_UINT128 want = bid128_add(bid(a), bid(b), BID_ROUNDING_TIES_AWAY, &flags);
        assert_same(decimal_add(a, b), want, flags);
        flags = 0;
        want = bid128_sub(bid(a), bid(b), BID_ROUNDING_TIES_AWAY, &flags);
        assert_same(decimal_sub(a, b), want, flags);
        flags = 0;
        want = bid128_mul(bid(a), bid(b), BID_ROUNDING_TIES_AWAY, &flags);
        assert_same(decimal_mul(a, b), want, flags);
        int cmp = bid128_quiet_less(bid(a), bid(b), &flags)      ? -1
                  : bid128_quiet_greater(bid(a), bid(b), &flags) ? 1
                                                                 : 0;
        assert_int_equal(decimal_cmp(a, b), cmp);
        Decimal ra = decimal_reduce(a);
        assert_int_equal(decimal_cmp(a, ra), 0);
    }
}

/* Quotients beside integers: the nearest, ties away from zero. */
static void quotients_agree_with_integers(void **state) {
    (void)state;
    Random r;
    random_init(&r, 12);
    for (int i = 0; i < 100000; i++) {
        int64_t a = random_between(&r, -1000000000, 1000000000);
        int64_t b = random_between(&r, 1, 4000);
        int64_t size = a < 0 ? -a : a;
        int64_t want = (2 * size * 100 + b) / (2 * b) * (a < 0 ? -1 : 1);
        int64_t got = 0;
        Decimal divisor = decimal_from_scaled(b * 1000, 3); /* the scales of both do not matter */
        assert_ok(decimal_to_scaled(decimal_div(decimal_from_i64(a), divisor, 2), 2, &got));
        assert_int_equal(got, want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_keep_their_scale),
        cmocka_unit_test(texts_outside_the_grammar_are_refused),
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(arithmetic_that_would_round_is_nan),
        cmocka_unit_test(rounding_goes_away_from_zero_on_ties),
        cmocka_unit_test(division_rounds_once),
        cmocka_unit_test(comparing_is_by_value),
        cmocka_unit_test(whole_numbers_come_and_go),
        cmocka_unit_test(sums_agree_with_integers),
        cmocka_unit_test(the_short_ways_agree_with_the_library),
        cmocka_unit_test(quotients_agree_with_integers),
    };
    return cmocka_run_group_tests_name("core/decimal", tests, NULL, NULL);
}
