#include "unit/test.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"

#include <unistd.h>

static int ends[2];
static ClockFake clock_fake;

static int setup(void **state) {
    (void)state;
    clock_fake_init(&clock_fake, INT64_C(1795302568123));
    log_set_clock(&clock_fake.clock);
    log_set_level(LOG_INFO);
    if (pipe(ends) != 0) {
        return 1;
    }
    log_set_fd(ends[1]);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    log_set_fd(2);
    log_set_clock(NULL);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

/* What was logged since the last call. */
static Str logged(void) {
    static char text[65536];
    ssize_t n = read(ends[0], text, sizeof(text));
    return (Str){text, n > 0 ? (size_t)n : 0};
}

static void a_line_is_json_with_typed_values(void **state) {
    (void)state;
    log_info("start");
    assert_str(logged(), STR("{\"time\":\"2026-11-21T23:09:28.123Z\",\"level\":\"info\","
                             "\"event\":\"start\"}\n"));
    size_t size = SIZE_MAX;
    bool ok = true;
    log_error("commit", "n", -5, "size", size, "ok", ok, "code", "ERR_FULL", "id", STR("a-1"), "ms",
              1.5, "err", ERR_IO, "u16", (uint16_t)7);
    assert_str(
        logged(),
        STR("{\"time\":\"2026-11-21T23:09:28.123Z\",\"level\":\"error\",\"event\":\"commit\","
            "\"n\":-5,\"size\":18446744073709551615,\"ok\":true,\"code\":\"ERR_FULL\","
            "\"id\":\"a-1\",\"ms\":1.5,\"err\":2,\"u16\":7}\n"));
    log_warn("odd", "none", (const char *)NULL, "inf", 1e308 * 10);
    assert_non_null(strstr(logged().ptr, "\"none\":\"\",\"inf\":null}"));
}

/* A name that slips into a log call does not come out. */
static void text_values_lose_all_but_printable_ascii(void **state) {
    (void)state;
    log_info("slip", "value", "Nguyễn\"\\\n\x01x");
    Str line = logged();
    assert_int_equal(str_find(line, STR("ễ")), SIZE_MAX);
    assert_int_not_equal(str_find(line, STR("\"Nguy???n????x\"")), SIZE_MAX);
    char text[1000];
    memset(text, 'a', sizeof(text));
    log_info("long", "value", ((Str){text, sizeof(text)}));
    assert_true(logged().len < 250);
}

static unsigned evaluated;

static int count_evaluation(void) {
    return (int)++evaluated;
}

static void levels_below_the_threshold_cost_nothing(void **state) {
    (void)state;
    LogLevel level = LOG_INFO;
    log_debug("quiet", "n", count_evaluation());
    assert_int_equal(evaluated, 0);
    assert_ok(log_level_parse(STR("debug"), &level));
    log_set_level(level);
    log_debug("loud", "n", count_evaluation());
    assert_int_equal(evaluated, 1);
    assert_true(logged().len > 0);
    log_set_level(LOG_OFF);
    log_error("off", "n", count_evaluation());
    assert_int_equal(evaluated, 1);
    log_set_level(LOG_INFO);
    assert_int_equal(log_level_parse(STR("INFO"), &level), ERR_PARAM);
}

static void write_lines(void *arg) {
    for (int i = 0; i < 50; i++) {
        log_info("thread", "id", *(int *)arg, "i", i);
    }
}

static void lines_of_threads_do_not_mix(void **state) {
    (void)state;
    Thread t[4];
    int ids[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(thread_start(&t[i], "log", write_lines, &ids[i]));
    }
    for (size_t i = 0; i < 4; i++) {
        thread_join(&t[i]);
    }
    Str all = logged();
    size_t n = 0;
    for (Str line; str_cut(&all, '\n', &line);) {
        if (line.len > 0) {
            assert_true(str_starts(line, STR("{\"time\":")) && str_ends(line, STR("}")));
            n++;
        }
    }
    assert_int_equal(n, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_json_with_typed_values),
        cmocka_unit_test(text_values_lose_all_but_printable_ascii),
        cmocka_unit_test(levels_below_the_threshold_cost_nothing),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests_name("core/log", tests, setup, teardown);
}
