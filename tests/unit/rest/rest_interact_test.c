/* Interactions: preferences, conditions, versions, history. */
#include "unit/rest/rest_help.h"

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

static void writes_say_what_they_did(void **state) {
    World *w = *state;
    const char *wants = "Prefer: return=OperationOutcome\r\nAccept-Language: en\r\n";
    Reply r = ask(w, &(Ask){"PUT", "/fhir/Patient/lan", wants, LAN});
    assert_int_equal(r.status, 201);
    assert_str(raw(body_of(w, r), "issue.details.text"), STR("created"));
    assert_str(raw(body_of(w, r), "issue.severity"), STR("information"));
    r = ask(w, &(Ask){"DELETE", "/fhir/Patient/lan", wants, NULL});
    assert_int_equal(r.status, 200);
    assert_str(raw(body_of(w, r), "issue.details.text"), STR("deleted: 1"));
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/lan", NULL), 204);
}

static void entries_say_what_they_did(void **state) {
    World *w = *state;
    const char *bundle = "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{"
                         "\"resource\":" LAN
                         ",\"request\":{\"method\":\"PUT\",\"url\":\"Patient/lan\"}},{\"request\":{"
                         "\"method\":\"DELETE\",\"url\":\"Patient/none\"}}]}";
    Reply r = ask(w, &(Ask){"POST", "/fhir",
                            "Prefer: return=OperationOutcome\r\nAccept-Language: en\r\n", bundle});
    assert_int_equal(r.status, 200);
    const JsonNode *list = json_get_lit(body_of(w, r), "entry");
    const JsonNode *first = json_first(list);
    const JsonNode *second = json_next(list, first);
    assert_str(raw(first, "response.outcome.issue.details.text"), STR("created"));
    assert_str(raw(first, "response.location"), STR("Patient/lan/_history/1"));
    assert_str(raw(first, "response.etag"), STR("W/\\\"1\\\""));
    assert_str(raw(second, "response.status"), STR("204"));
    assert_str(raw(second, "response.outcome.issue.details.text"), STR("deleted: 0"));
}

/* ---- conditions ---- */

static void reads_may_depend_on_what_is_held(void **state) {
    World *w = *state;
    Reply r = ask(w, &(Ask){"PUT", "/fhir/Patient/lan", NULL, LAN});
    assert_int_equal(r.status, 201);
    Str since = arena_printf(w->arena, "If-Modified-Since: " STR_FMT "\r\n",
                             STR_ARG(header_of(r, "last-modified")));
    assert_int_equal(ask(w, &(Ask){"GET", "/fhir/Patient/lan", since.ptr, NULL}).status, 304);
    Str both = arena_printf(w->arena, STR_FMT "If-None-Match: W/\"9\"\r\n", STR_ARG(since));
    assert_int_equal(ask(w, &(Ask){"GET", "/fhir/Patient/lan", both.ptr, NULL}).status, 200);
    const char *old = "If-Modified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\n";
    assert_int_equal(ask(w, &(Ask){"GET", "/fhir/Patient/lan", old, NULL}).status, 200);
    const char *wrong = "If-Modified-Since: tomorrow\r\n";
    assert_int_equal(ask(w, &(Ask){"GET", "/fhir/Patient/lan", wrong, NULL}).status, 200);
    const char *entry = "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{"
                        "\"method\":\"GET\","
                        "\"url\":\"Patient/lan\",\"ifModifiedSince\":\"2999-01-01T00:00:00Z\"}}]}";
    r = ask(w, &(Ask){"POST", "/fhir", NULL, entry});
    assert_str(raw(body_of(w, r), "entry.response.status"), STR("304"));
}

static void puts_may_want_to_be_first(void **state) {
    World *w = *state;
    Ask put = {"PUT", "/fhir/Patient/lan", "If-None-Match: *\r\n", LAN};
    assert_int_equal(ask(w, &put).status, 201);
    assert_int_equal(ask(w, &put).status, 412);
    const char *entry =
        "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"resource\":" LAN
        ",\"request\":{\"method\":\"PUT\",\"url\":\"Patient/lan\",\"ifNoneMatch\":\"*\"}}]}";
    Reply r = ask(w, &(Ask){"POST", "/fhir", NULL, entry});
    assert_str(raw(body_of(w, r), "entry.response.status"), STR("412"));
}

static void conditions_are_searches(void **state) {
    World *w = *state;
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    Ask post = {"POST", "/fhir/Patient", "If-None-Exist: ?gender=female&name:missing=true\r\n",
                "{\"resourceType\":\"Patient\",\"gender\":\"female\"}"};
    Reply r = ask(w, &post);
    assert_int_equal(r.status, 200);
    assert_str(raw(body_of(w, r), "id"), STR("lan"));
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient?gender=female", NULL), 204);
    assert_int_equal(ask(w, &post).status, 201);
}

/* ---- history ---- */

/* Ids that clients chose, of versions in several records. */
static void history_names_its_resources(void **state) {
    World *w = *state;
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/lan", NULL), 204);
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    const JsonNode *root = get(w, "/fhir/Patient/_history", NULL, 200);
    const JsonNode *list = json_get_lit(root, "entry");
    assert_int_equal(json_count(list), 3);
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        assert_str(raw(e, "request.url"), STR("Patient/lan"));
    }
}

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

static size_t n_entries(const JsonNode *bundle) {
    const JsonNode *list = json_get_lit(bundle, "entry");
    return list == NULL ? 0 : json_count(list);
}

/* The time of a version, and a moment behind it: the clock has milliseconds. */
static Str time_of(World *w, const char *target) {
    Str time = arena_str(w->arena, raw(get(w, target, NULL, 200), "meta.lastUpdated"));
    clock_sleep_ms(clock_real(), 5);
    return time;
}

static size_t n_at(World *w, const char *target, Str time) {
    Str url = arena_printf(w->arena, "%s?_at=" STR_FMT, target, STR_ARG(time));
    return n_entries(get(w, url.ptr, NULL, 200));
}

static void history_of_a_moment(void **state) {
    World *w = *state;
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    Str first = time_of(w, "/fhir/Patient/lan");
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/maimai",
                               "{\"resourceType\":\"Patient\",\"id\":\"maimai\"}"),
                     201);
    Str second = time_of(w, "/fhir/Patient/maimai");
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 200);
    Str third = time_of(w, "/fhir/Patient/lan");
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/maimai", NULL), 204);
    static const char *const all[] = {"/fhir/_history", "/fhir/Patient/_history"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(n_at(w, all[i], STR("2019-01-01")), 0);
        assert_int_equal(n_at(w, all[i], first), 1);
        assert_int_equal(n_at(w, all[i], second), 2);
        /* The moment itself: what was replaced in it, and what replaced that. */
        assert_in_range(n_at(w, all[i], third), 2, 3);
        assert_int_equal(n_at(w, all[i], STR("2999-01-01")), 1);
        assert_int_equal(n_entries(get(w, all[i], NULL, 200)), 4);
    }
    assert_int_equal(n_at(w, "/fhir/Patient/lan/_history", second), 1);
    assert_int_equal(n_at(w, "/fhir/Patient/maimai/_history", first), 0);
    assert_int_equal(n_at(w, "/fhir/Patient/maimai/_history", STR("2999")), 0);
    /* Ids of different lengths, each its own. */
    const JsonNode *list = json_get_lit(get(w, "/fhir/_history", NULL, 200), "entry");
    static const char *const urls[] = {"/Patient/maimai", "/Patient/lan", "/Patient/maimai",
                                       "/Patient/lan"};
    size_t i = 0;
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at), i++) {
        assert_true(str_ends(raw(at, "fullUrl"), str_from(urls[i])));
    }
}

static void history_of_a_list(void **state) {
    World *w = *state;
    for (int i = 0; i < 3; i++) {
        (void)status_of(w, "PUT", "/fhir/Patient/lan", LAN);
        (void)status_of(w, "PUT", "/fhir/Patient/maimai",
                        "{\"resourceType\":\"Patient\",\"id\":\"maimai\"}");
    }
    assert_int_equal(
        status_of(
            w, "PUT", "/fhir/List/l",
            "{\"resourceType\":\"List\",\"id\":\"l\",\"status\":\"current\",\"mode\":\"working\","
            "\"entry\":[{\"item\":{\"reference\":\"Patient/lan\"}},{\"item\":{\"reference\":"
            "\"Patient/maimai/_history/2\"}},{\"item\":{\"reference\":\"Group/none\"}}]}"),
        201);
    assert_int_equal(n_entries(get(w, "/fhir/_history?_list=l", NULL, 200)), 4);
    assert_int_equal(n_entries(get(w, "/fhir/Patient/lan/_history?_list=l", NULL, 200)), 3);
    assert_int_equal(n_entries(get(w, "/fhir/Group/_history?_list=l", NULL, 200)), 0);
    (void)get(w, "/fhir/_history?_list=none", NULL, 404);
    /* In pages: each once, newest first. */
    const JsonNode *page = get(w, "/fhir/Patient/_history?_list=l&_count=3", NULL, 200);
    const JsonNode *link = json_first(json_get_lit(page, "link"));
    Str next = raw(json_next(json_get_lit(page, "link"), link), "url");
    assert_int_equal(n_entries(page), 3);
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 200);
    Str target = arena_str(w->arena, str_sub(next, str_find(next, STR("/fhir/")), next.len));
    page = get(w, target.ptr, NULL, 200);
    assert_int_equal(n_entries(page), 1);
    assert_str(raw(page, "entry.resource.meta.versionId"), STR("1"));
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(all_lines_of_a_header_count), IN_WORLD(writes_say_what_they_did),
        IN_WORLD(entries_say_what_they_did),   IN_WORLD(reads_may_depend_on_what_is_held),
        IN_WORLD(puts_may_want_to_be_first),   IN_WORLD(conditions_are_searches),
        IN_WORLD(history_of_a_moment),         IN_WORLD(history_of_a_list),
        IN_WORLD(history_names_its_resources), IN_WORLD(links_of_history_keep_how_it_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
