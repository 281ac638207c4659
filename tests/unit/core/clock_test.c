#include "unit/test.h"

#include "core/clock.h"

static void the_real_clock_moves_on(void **state) {
    (void)state;
    const Clock *c = clock_real();
    int64_t before = clock_monotonic_ns(c);
    TimeMs now = clock_now_ms(c);
    clock_sleep_ms(c, 2);
    clock_sleep_ms(c, -5);
    assert_true(clock_monotonic_ns(c) - before >= 2000000);
    assert_true(now > INT64_C(1700000000000)); /* after November 2023, in milliseconds */
}

static void a_fake_clock_moves_when_told(void **state) {
    (void)state;
    ClockFake f;
    clock_fake_init(&f, 1000);
    const Clock *c = &f.clock;
    int64_t start = clock_monotonic_ns(c);
    assert_int_equal(clock_now_ms(c), 1000);
    clock_sleep_ms(c, 250);
    clock_fake_advance(&f, 50);
    assert_int_equal(clock_now_ms(c), 1300);
    assert_int_equal(clock_monotonic_ns(c) - start, 300 * 1000000);
    clock_fake_set(&f, 7); /* somebody sets the machine's clock back */
    assert_int_equal(clock_now_ms(c), 7);
    assert_int_equal(clock_monotonic_ns(c) - start, 300 * 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_clock_moves_on),
        cmocka_unit_test(a_fake_clock_moves_when_told),
    };
    return cmocka_run_group_tests_name("core/clock", tests, NULL, NULL);
}
