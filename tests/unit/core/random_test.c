#include "unit/test.h"

#include "core/random.h"

#include <math.h>

/* The first numbers for a seed must never change: demonstrations and tests build on them. */
static void the_same_seed_gives_the_same_numbers(void **state) {
    (void)state;
    Random r = {{1, 2, 3, 4}};
    /* reference values of xoshiro256starstar.c for this state */
    assert_int_equal(random_u64(&r), 11520);
    assert_int_equal(random_u64(&r), 0);
    assert_int_equal(random_u64(&r), 1509978240);
    assert_int_equal(random_u64(&r), UINT64_C(1215971899390074240));
    Random a;
    Random b;
    random_init(&a, 0);
    /* splitmix64 of seed 0 */
    assert_int_equal(a.s[0], UINT64_C(0xE220A8397B1DCDAF));
    assert_int_equal(a.s[1], UINT64_C(0x6E789E6AA1B965F4));
    random_init_stream(&a, 5, 1);
    random_init_stream(&b, 5, 2);
    assert_int_not_equal(random_u64(&a), random_u64(&b));
    random_init_stream(&a, 5, 2);
    random_init_stream(&b, 5, 2);
    assert_int_equal(random_u64(&a), random_u64(&b));
}

static void numbers_stay_in_their_range(void **state) {
    (void)state;
    Random r;
    random_init(&r, 1);
    unsigned seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = random_below(&r, 7);
        assert_true(v < 7);
        seen[v]++;
        int64_t w = random_between(&r, -3, 3);
        assert_true(w >= -3 && w <= 3);
        double d = random_double(&r);
        assert_true(d >= 0 && d < 1);
    }
    for (size_t i = 0; i < 7; i++) { /* 10,000 ± 5 deviations of 93 */
        assert_true(seen[i] > 9535 && seen[i] < 10465);
    }
    assert_int_equal(random_below(&r, 1), 0);
    assert_int_equal(random_between(&r, INT64_MIN, INT64_MIN), INT64_MIN);
    (void)random_between(&r, INT64_MIN, INT64_MAX);
    assert_false(random_chance(&r, 0));
    assert_true(random_chance(&r, 1));
}

static void weights_decide(void **state) {
    (void)state;
    Random r;
    random_init(&r, 2);
    static const uint32_t whole[] = {0, 10, 10, 40};
    static const double parts[] = {0.25, 0.25, 1.0};
    unsigned seen[4] = {0};
    unsigned seen_parts[3] = {0};
    for (int i = 0; i < 40000; i++) {
        seen[random_pick_weighted(&r, whole, 4)]++;
        seen_parts[random_pick_weighted_double(&r, parts, 3)]++;
    }
    assert_int_equal(seen[0], 0);
    assert_int_equal(seen[2], 0);
    assert_true(seen[1] > 9500 && seen[1] < 10500);
    assert_int_equal(seen[1] + seen[3], 40000);
    assert_int_equal(seen_parts[1], 0);
    assert_true(seen_parts[0] > 9500 && seen_parts[0] < 10500);
}

static void distributions_have_their_moments(void **state) {
    (void)state;
    Random r;
    random_init(&r, 3);
    enum { N = 100000 };
    double sum = 0;
    double squares = 0;
    double poisson = 0;
    double large = 0;
    double wait = 0;
    for (int i = 0; i < N; i++) {
        double x = random_normal(&r, 10, 2);
        sum += x;
        squares += (x - 10) * (x - 10);
        poisson += random_poisson(&r, 3.5);
        wait += random_exponential(&r, 4);
        if (i < N / 100) {
            large += random_poisson(&r, 200);
        }
    }
    assert_true(fabs(sum / N - 10) < 0.05);
    assert_true(fabs(squares / N - 4) < 0.1);
    assert_true(fabs(poisson / N - 3.5) < 0.05);
    assert_true(fabs(large / (N / 100) - 200) < 3);
    assert_true(fabs(wait / N - 4) < 0.1);
    assert_int_equal(random_poisson(&r, 0), 0);
}

static void shuffles_lose_nothing(void **state) {
    (void)state;
    Random r;
    random_init(&r, 4);
    unsigned first[4] = {0};
    for (int i = 0; i < 4000; i++) {
        uint32_t items[] = {0, 1, 2, 3};
        random_shuffle(&r, items, 4);
        assert_int_equal(1u << items[0] | 1u << items[1] | 1u << items[2] | 1u << items[3], 15);
        first[items[0]]++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(first[i] > 860 && first[i] < 1140);
    }
    random_shuffle(&r, NULL, 0);
}

static void secrets_differ(void **state) {
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    assert_ok(random_secret(a, sizeof(a)));
    assert_ok(random_secret(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(numbers_stay_in_their_range),
        cmocka_unit_test(weights_decide),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(shuffles_lose_nothing),
        cmocka_unit_test(secrets_differ),
    };
    return cmocka_run_group_tests_name("core/random", tests, NULL, NULL);
}
