/* Catalogues over HTTP: preview, accept, rows, files, history, roll-back. All data invented. */
#include "unit/api/api_help.h"

static const JsonNode *send_json(World *w, const char *target, const char *body, int status) {
    const JsonNode *root = NULL;
    Reply r = ask(w, &(Ask){"POST", target, "Content-Type: application/json\r\n", body});
    if (r.status != status) {
        print_error("%s: %d " STR_FMT "\n", target, r.status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    return root;
}

static int64_t number(const JsonNode *root, const char *path) {
    int64_t n = -1;
    assert_ok(json_to_i64(json_path(root, path), &n));
    return n;
}

static Str text(const JsonNode *root, const char *path) {
    return json_raw_str(json_path(root, path));
}

static const JsonNode *take_in(World *w, Str plan, int status) {
    Str body = arena_printf(
        w->arena, "{\"plan\":\"" STR_FMT "\",\"who\":\"ds. Hoa\",\"why\":\"x\"}", STR_ARG(plan));
    return send_json(w, "/api/catalogues/dich-vu/accept", body.ptr, status);
}

#define PREVIEW "/api/catalogues/dich-vu/preview?file=gia.csv"

static void a_table_goes_in_and_out(void **state) {
    World *w = *state;
    const JsonNode *list = get(w, "/api/catalogues", NULL, 200);
    assert_str(text(list, "catalogues.id"), STR("dich-vu"));
    assert_true(json_is(json_path(list, "catalogues.edition"), JSON_NULL));
    const JsonNode *plan = send_json(w, PREVIEW "&since=2026-01-01",
                                     "code;name;price\n99.1;Khám nội;42.100\n99.2;Lỗi;x\n", 200);
    assert_int_equal(number(plan, "counts.new"), 1);
    assert_int_equal(number(plan, "bad"), 1);
    assert_int_equal(number(plan, "issues.row"), 3);
    assert_str(text(plan, "issues.rule"), STR("catalogue-number"));
    assert_str(text(plan, "diffs.since"), STR("2026-01-01"));
    Str id = text(plan, "plan");
    assert_str(text(take_in(w, STR("nothing"), 404), "issue.code"), STR("not-found"));
    assert_int_equal(number(take_in(w, id, 200), "number"), 1);
    assert_int_equal(number(take_in(w, id, 200), "number"), 1);
    list = get(w, "/api/catalogues", NULL, 200);
    assert_int_equal(number(list, "catalogues.edition.rows"), 1);
    const JsonNode *rows = get(w, "/api/catalogues/dich-vu/rows?q=kham&day=2026-05-01", NULL, 200);
    assert_int_equal(json_count(json_get_lit(rows, "rows")), 1);
    rows = get(w, "/api/catalogues/dich-vu/rows?day=2025-05-01", NULL, 200);
    assert_int_equal(json_count(json_get_lit(rows, "rows")), 0);

    Reply r = ask(w, &(Ask){"GET", "/api/catalogues/dich-vu/file?format=csv", NULL, NULL});
    assert_int_equal(r.status, 200);
    assert_int_not_equal(str_find(r.body, STR("99.1,,2026-01-01,,Khám nội,42100")), SIZE_MAX);
    r = ask(w, &(Ask){"GET", "/api/catalogues/dich-vu/file?template=1", NULL, NULL});
    assert_int_equal(r.status, 200);
    assert_true(str_starts(r.body, STR("PK")));

    plan = send_json(w, PREVIEW "&whole=true&since=2026-12-01", "code;name\n99.3;Siêu âm\n", 200);
    assert_int_equal(number(plan, "counts.ended"), 1);
    assert_int_equal(number(take_in(w, text(plan, "plan"), 200), "number"), 2);
    const JsonNode *back = send_json(w, "/api/catalogues/dich-vu/rollback",
                                     "{\"to\":1,\"who\":\"ds. Hoa\",\"why\":\"nhầm\"}", 200);
    assert_int_equal(number(back, "restored"), 1);
    const JsonNode *history = get(w, "/api/catalogues/dich-vu/history", NULL, 200);
    assert_int_equal(json_count(json_get_lit(history, "editions")), 3);
    assert_str(text(history, "editions.why"), STR("nhầm"));
}

static void what_is_wrong_is_refused(void **state) {
    World *w = *state;
    (void)get(w, "/api/catalogues/nothing/history", NULL, 404);
    (void)get(w, "/api/catalogues/nothing/rows", NULL, 404);
    (void)get(w, "/api/catalogues/dich-vu/rows?day=today", NULL, 400);
    (void)get(w, "/api/catalogues/dich-vu/rows?nothing=1", NULL, 400);
    (void)send_json(w, "/api/catalogues/nothing/preview", "code;name\n1;x\n", 404);
    (void)send_json(w, PREVIEW, "x;y\n1;2\n", 422);
    (void)send_json(w, PREVIEW, "code;name\nM\xE3;2\n", 400);
    (void)send_json(w, "/api/catalogues/dich-vu/rollback", "{\"who\":\"a\",\"why\":\"b\"}", 400);
    (void)send_json(w, "/api/catalogues/dich-vu/rollback", "{\"to\":7,\"who\":\"a\",\"why\":\"b\"}",
                    404);
    const JsonNode *plan = send_json(w, PREVIEW, "code;name\n1;x\n", 200);
    Str body = arena_printf(w->arena, "{\"plan\":\"" STR_FMT "\",\"who\":\"\",\"why\":\"x\"}",
                            STR_ARG(text(plan, "plan")));
    (void)send_json(w, "/api/catalogues/dich-vu/accept", body.ptr, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_goes_in_and_out, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("api/catalog", tests, NULL, NULL);
}
