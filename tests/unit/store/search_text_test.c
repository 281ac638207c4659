/* _text, _content and near: the index's answer is that of a scan; what a person wrote is found by
 * its words without reading others; a circle is a circle at the date line and at the poles, too. */
#include "unit/store/search_world.h"

#include <math.h>

static const char *const WORDS[] = {"sốt",  "cao",  "ho",    "khó",  "thở", "viêm", "phổi",
                                    "mệt",  "ngày", "không", "đau",  "đầu", "bụng", "trái",
                                    "phải", "ăn",   "uống",  "kém",  "nôn", "SpO2"};

static void put_some_words(World *w, Buf *out, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i > 0 ? " " : "", WORDS[below(w, ARRAY_LEN(WORDS))]);
    }
}

static void commit_one(World *w, FhirType type, Str json) {
    StoreChange change = create(type, json);
    Slot slot = 0;
    assert_ok(commit_some(&w->home, &change, 1, &slot));
    remember(w, type, store_id(w->home.store, w->home.arena, slot), slot, -1);
}

/* With a narrative, or with a note alone, as machines write it. */
static void commit_condition(World *w) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 65536);
    buf_put_lit(&b, "{\"resourceType\":\"Condition\",");
    if (below(w, 2) == 0) {
        buf_put_lit(&b, "\"text\":{\"status\":\"generated\",\"div\":\"<div "
                        "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><p>");
        put_some_words(w, &b, 1 + below(w, 6));
        buf_put_lit(&b, "</p><b>");
        put_some_words(w, &b, 1 + below(w, 3));
        buf_put_lit(&b, "</b></div>\"},");
    }
    buf_put_lit(&b, "\"code\":{\"text\":\"");
    put_some_words(w, &b, 1 + below(w, 3));
    buf_put_lit(&b, "\"}}");
    commit_one(w, FHIR_T_CONDITION, home_text(&w->home, "%s", buf_cstr(&b)));
}

static void check_scan(World *w, FhirType type, const char *text, size_t *ret_hits) {
    static Slot want[RESOURCES_MAX];
    arena_reset(w->arena);
    FhirQuery q;
    FhirQueryScope scope = {.type = type, .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, str_from(text), &q));
    size_t n = scan(w, &q, store_snapshot(w->home.store), want);
    StoreSearch search = {.query = &q, .count = 1000, .want_total = true};
    StorePage page = {0};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    if (page.n_matches != n || page.total != n) {
        print_error("%s: index %zu, total %llu, scan %zu\n", text, page.n_matches,
                    (unsigned long long)page.total, n);
    }
    assert_int_equal(page.n_matches, n);
    assert_int_equal(page.total, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(page.matches[i].slot, want[i]);
    }
    *ret_hits += n;
}

static void put_text_query(World *w, Buf *q) {
    CLEANUP_BUF Buf plain;
    buf_init(&plain, 4096);
    for (unsigned n = 1 + (below(w, 4) == 0), i = 0; i < n; i++) {
        bool quoted = below(w, 3) == 0;
        buf_printf(&plain, "%s%s", i > 0 ? "," : "", quoted ? "\"" : "");
        put_some_words(w, &plain, 1 + below(w, 3));
        buf_put_str(&plain, quoted ? STR("\"") : STR(""));
    }
    buf_printf(q, "%s=", PICK(w, "_text", "_content"));
    fhir_query_put_encoded(q, buf_str(&plain));
}

static void words_are_found_as_by_a_scan(void **state) {
    (void)state;
    World *w = world_new(seed_of(31), 40);
    for (int i = 0; i < 400; i++) {
        commit_condition(w);
    }
    store_settle(w->home.store);
    size_t hits = 0;
    for (int i = 0; i < 150; i++) {
        CLEANUP_BUF Buf q;
        buf_init(&q, 4096);
        put_text_query(w, &q);
        check_scan(w, FHIR_T_CONDITION, buf_cstr(&q), &hits);
    }
    assert_true(hits > 1000);
    world_free(w);
}

/* With a narrative nothing but hits is read; without one everything is, up to the limit. */
static void what_a_person_wrote_is_in_the_index(void **state) {
    (void)state;
    World *w = world_new(32, 16);
    for (int i = 0; i < 60; i++) {
        commit_one(w, FHIR_T_CONDITION,
                   home_text(&w->home,
                             "{\"resourceType\":\"Condition\",\"text\":{\"status\":\"generated\","
                             "\"div\":\"<div>từ%d</div>\"},\"code\":{\"text\":\"mã%d\"}}",
                             i, i % 7));
        commit_one(w, FHIR_T_PROCEDURE,
                   home_text(&w->home,
                             "{\"resourceType\":\"Procedure\",\"status\":\"completed\",\"subject\":"
                             "{\"display\":\"Ai\"},\"code\":{\"text\":\"mã%d\"}}",
                             i % 7));
    }
    w->home.options.search_work_max = 12;
    home_reopen(&w->home);
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_CONDITION, "_text=tu17", 5, &page));
    assert_int_equal(page.total, 1);
    assert_ok(ask(w, FHIR_T_CONDITION, "_content=ma3", 20, &page));
    assert_int_equal(page.total, 9);
    assert_int_equal(ask(w, FHIR_T_PROCEDURE, "_content=ma3", 20, &page), ERR_LIMIT);
    assert_string_equal(w->home.info.rule, "search-work");
    world_free(w);
}

/* More words than a resource has in the index: the others are found, too. */
static void a_book_is_found_by_its_last_word(void **state) {
    (void)state;
    World *w = world_new(33, 16);
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 20);
    buf_put_lit(&b, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"text\":{\"status\":"
                    "\"generated\",\"div\":\"<div>");
    for (int i = 0; i < 3000; i++) {
        buf_printf(&b, "tu%d ", i);
    }
    buf_put_lit(&b, "</div>\"}}");
    commit_one(w, FHIR_T_BASIC, arena_str(w->home.arena, buf_str(&b)));
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_BASIC, "_text=tu5", 5, &page));
    assert_int_equal(page.total, 1);
    assert_ok(ask(w, FHIR_T_BASIC, "_text=tu2999%20tu7", 5, &page));
    assert_int_equal(page.total, 1);
    assert_ok(ask(w, FHIR_T_BASIC, "_text=tu3000", 5, &page));
    assert_int_equal(page.total, 0);
    world_free(w);
}

static void commit_location(World *w, double latitude, double longitude) {
    commit_one(w, FHIR_T_LOCATION,
               home_text(&w->home,
                         "{\"resourceType\":\"Location\",\"status\":\"active\",\"position\":"
                         "{\"longitude\":%.5f,\"latitude\":%.5f}}",
                         longitude, latitude));
}

static double degrees(World *w, double limit) {
    return ((double)below(w, 2000001) / 1000000 - 1) * limit;
}

static void circles_are_found_as_by_a_scan(void **state) {
    (void)state;
    World *w = world_new(seed_of(34), 30);
    for (int i = 0; i < 300; i++) {
        switch (below(w, 4)) {
        case 0:
            commit_location(w, 16.4 + degrees(w, 0.5), 107.6 + degrees(w, 0.5));
            break;
        case 1:
            commit_location(w, degrees(w, 90), 180 - fabs(degrees(w, 0.5)));
            break;
        case 2:
            commit_location(w, 90 - fabs(degrees(w, 3)), degrees(w, 180));
            break;
        default:
            commit_location(w, degrees(w, 90), degrees(w, 180));
            break;
        }
    }
    commit_one(w, FHIR_T_LOCATION, STR("{\"resourceType\":\"Location\",\"status\":\"active\"}"));
    size_t hits = 0;
    for (int i = 0; i < 120; i++) {
        static const double PLACES[][2] = {{16.4, 107.6}, {0, 180}, {0, -180}, {90, 0}, {-90, 10},
                                           {89, -170}, {45, -179.9}};
        unsigned at = below(w, ARRAY_LEN(PLACES) + 2);
        double lat = at < ARRAY_LEN(PLACES) ? PLACES[at][0] : degrees(w, 90);
        double lon = at < ARRAY_LEN(PLACES) ? PLACES[at][1] : degrees(w, 180);
        char q[200];
        (void)snprintf(q, sizeof(q), "near=%.5f%%7C%.5f%%7C%s%%7Ckm", lat, lon,
                       PICK(w, "0", "1", "20", "60", "300", "2000", "9000", "20100"));
        check_scan(w, FHIR_T_LOCATION, q, &hits);
    }
    assert_true(hits > 1000);
    world_free(w);
}

static void the_nearest_come_first(void **state) {
    (void)state;
    World *w = world_new(35, 30);
    for (int i = 0; i < 60; i++) {
        commit_location(w, 16.4 + degrees(w, 0.3), 107.6 + degrees(w, 0.3));
    }
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_LOCATION, "near=16.4%7C107.6%7C100&_sort=near", 60, &page));
    assert_int_equal(page.n_matches, 60);
    double last = -1;
    for (size_t i = 0; i < page.n_matches; i++) {
        const JsonNode *root = NULL;
        assert_ok(json_parse(w->arena, page.matches[i].json, &root, NULL));
        double lat = strtod(json_raw(json_path(root, "position.latitude")).ptr, NULL) - 16.4;
        double lon = strtod(json_raw(json_path(root, "position.longitude")).ptr, NULL) - 107.6;
        double d = hypot(lat, lon * cos(16.4 * M_PI / 180)); /* flat: good enough over 30 km */
        assert_true(d > last - 0.001);
        last = d;
    }
    assert_int_equal(ask(w, FHIR_T_LOCATION, "_sort=near", 60, &page), ERR_PARAM);
    assert_string_equal(w->home.info.rule, "search-sort");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_as_by_a_scan),
        cmocka_unit_test(what_a_person_wrote_is_in_the_index),
        cmocka_unit_test(a_book_is_found_by_its_last_word),
        cmocka_unit_test(circles_are_found_as_by_a_scan),
        cmocka_unit_test(the_nearest_come_first),
    };
    return cmocka_run_group_tests_name("store/search_text", tests, NULL, NULL);
}
