#include "unit/test.h"

#include "core/progress.h"

#include <unistd.h>

static int ends[2];

static int setup(void **state) {
    (void)state;
    return pipe(ends);
}

static int teardown(void **state) {
    (void)state;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static void assert_line(Progress *p, const char *want) {
    Buf b;
    buf_init(&b, 1000);
    progress_line(p, &b);
    assert_str(buf_str(&b), str_from(want));
    buf_release(&b);
}

static void the_line_shows_share_rates_and_time_left(void **state) {
    (void)state;
    ClockFake clock;
    Progress p;
    clock_fake_init(&clock, 0);
    progress_begin(&p, &(ProgressOptions){.title = "Import",
                                          .unit = "files",
                                          .total = 5200,
                                          .counters = {"visits", "rejects"},
                                          .clock = &clock.clock,
                                          .quiet = true});
    assert_line(&p, "Import [--------------------] 0 %  0/5,200 files  visits 0  rejects 0");
    clock_fake_advance(&clock, 10000);
    progress_done(&p, 1300);
    progress_add(&p, 0, 1234567);
    assert_line(&p, "Import [#####---------------] 25 %  1,300/5,200 files"
                    "  visits 1,234,567 (123,456/s)  rejects 0  left 0:30");
    progress_done(&p, 3900);
    assert_line(&p, "Import [####################] 100 %  5,200/5,200 files"
                    "  visits 1,234,567 (123,456/s)  rejects 0");
    progress_end(&p);
}

/* After a change of pace, time left follows the new one. */
static void time_left_follows_the_pace(void **state) {
    (void)state;
    ClockFake clock;
    Progress p;
    clock_fake_init(&clock, 0);
    progress_begin(&p, &(ProgressOptions){.title = "Nạp",
                                          .unit = "tệp",
                                          .total = 100000,
                                          .clock = &clock.clock,
                                          .vietnamese = true,
                                          .quiet = true});
    for (int i = 0; i < 40; i++) {
        clock_fake_advance(&clock, 1000);
        progress_done(&p, i < 10 ? 1000 : 100);
        Buf b;
        buf_init(&b, 1000);
        progress_line(&p, &b);
        buf_release(&b);
    }
    /* 13,000 of 100,000: 870 s at 100/s; the mean of the whole run would say 268 s */
    assert_true(p.rate > 99 && p.rate < 103);
    Buf b;
    buf_init(&b, 1000);
    progress_line(&p, &b);
    assert_true(str_starts(buf_str(&b), STR("Nạp [##------------------] 13 %  13.000/100.000 tệp  "
                                            "còn 14:")));
    buf_release(&b);
    progress_end(&p);
}

static void without_a_terminal_a_line_comes_every_five_seconds(void **state) {
    (void)state;
    ClockFake clock;
    Progress p;
    char text[4096];
    clock_fake_init(&clock, 0);
    progress_begin(&p, &(ProgressOptions){.title = "Build", .clock = &clock.clock, .fd = ends[1]});
    for (int i = 0; i < 120; i++) {
        clock_fake_advance(&clock, 100);
        progress_done(&p, 1);
    }
    progress_end(&p);
    ssize_t n = read(ends[0], text, sizeof(text));
    assert_true(n > 0);
    assert_str(((Str){text, (size_t)n}), STR("Build 50 \nBuild 100 \nBuild 120   in 0:12\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_shows_share_rates_and_time_left),
        cmocka_unit_test(time_left_follows_the_pace),
        cmocka_unit_test(without_a_terminal_a_line_comes_every_five_seconds),
    };
    return cmocka_run_group_tests_name("core/progress", tests, setup, teardown);
}
