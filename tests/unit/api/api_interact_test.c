/* Interactions: preferences, conditions, versions, history. */
#include "unit/api/api_help.h"

#define LAN "{\"resourceType\":\"Patient\",\"id\":\"lan\",\"gender\":\"female\"}"

/* ---- preferences ---- */

static void all_lines_of_a_header_count(void **state) {
    World *w = *state;
    Reply r = ask(w, &(Ask){"PUT", "/fhir/Patient/lan",
                            "Prefer: handling=strict\r\nPrefer: return=minimal\r\n", LAN});
    assert_int_equal(r.status, 201);
    assert_int_equal(r.body.len, 0);
    r = ask(w, &(Ask){"GET", "/fhir/Patient/lan",
                      "If-None-Match: W/\"7\"\r\nIf-None-Match: W/\"1\"\r\n", NULL});
    assert_int_equal(r.status, 304);
    r = ask(w, &(Ask){"GET", "/fhir/Patient/none", "Accept-Language: fr\r\nAccept-Language: en\r\n",
                      NULL});
    assert_true(str_find(r.body, STR("there is no Patient")) != SIZE_MAX);
}

/* ---- history ---- */

static void links_of_history_keep_how_it_is_printed(void **state) {
    World *w = *state;
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/lan", NULL), 204);
    const JsonNode *root =
        get(w, "/fhir/Patient/lan/_history?_count=1&_pretty=true&_format=json", NULL, 200);
    const JsonNode *link = json_first(json_get_lit(root, "link"));
    Str next = raw(json_next(json_get_lit(root, "link"), link), "url");
    assert_true(str_find(next, STR("_pretty=true")) != SIZE_MAX);
    assert_true(str_find(next, STR("_format=json")) != SIZE_MAX);
    Str target = arena_str(w->arena, str_sub(next, str_find(next, STR("/fhir/")), next.len));
    Reply r = ask(w, &(Ask){"GET", target.ptr, NULL, NULL});
    assert_int_equal(r.status, 200);
    assert_true(str_starts(r.body, STR("{\n")));
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(all_lines_of_a_header_count),
        IN_WORLD(links_of_history_keep_how_it_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
