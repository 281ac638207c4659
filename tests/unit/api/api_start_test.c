/* Starting and stopping the whole server. */
#include "unit/api/api_help.h"

/* Nanoseconds that the stop took. */
static int64_t start_again(World *w) {
    ApiOptions o = {.store = w->store,
                    .intake = w->intake,
                    .ioc = w->ioc,
                    .subs = w->subs,
                    .settings = &w->settings};
    (void)close(w->fd);
    int64_t from = clock_monotonic_ns(clock_real());
    api_stop(TAKE(w->api));
    int64_t took = clock_monotonic_ns(clock_real()) - from;
    w->settings.port += 17;
    assert_ok(api_start(&o, &w->api, NULL));
    world_connect(w);
    return took;
}

static void stops_at_once_when_there_is_nothing_to_do(void **state) {
    World *w = *state;
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t took = start_again(w);
        best = MIN(best, took);
        assert_int_equal(status_of(w, "GET", "/health", NULL), 200);
    }
    assert_true(best < INT64_C(250000000)); /* the live counters used to look every 500 ms */
}

static void links_begin_with_the_public_address(void **state) {
    World *w = *state;
    SettingText before = w->settings.base_url;
    w->settings.base_url = "https://y-te.example/fhir/";
    (void)start_again(w);
    const JsonNode *root = get(w, "/fhir/Patient", "Host: y-te.example\r\n", 200);
    assert_str(raw(root, "link.url"), STR("https://y-te.example/fhir/Patient"));
    Ask own = {"POST", "/fhir/Patient", "Origin: https://y-te.example\r\n", NULL};
    assert_int_equal(ask(w, &own).status, 415); /* not 403 */
    w->settings.base_url = before;
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(stops_at_once_when_there_is_nothing_to_do),
        IN_WORLD(links_begin_with_the_public_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
