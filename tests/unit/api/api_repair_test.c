/* The repair of one visit: tables, checks of drafts, saving under a mark, undoing. */
#include "unit/api/api_help.h"

#include "core/io.h"
#include "interop/claim_tables.h"

static Str visit; /* id of the one that the sample file makes */

static int begin(void **state) {
    assert_int_equal(world_setup(state), 0);
    World *w = *state;
    Buf file;
    ErrInfo info = {0};
    IntakeReport report = {0};
    buf_init(&file, LIMIT_MIB);
    assert_ok(io_read_file("tests/case/claims/GIAMDINHHS.xml", LIMIT_MIB, &file));
    IntakeFile f = {.name = STR("sample"), .bytes = buf_str(&file), .actor = STR("test")};
    assert_ok(intake_file(w->intake, &f, &report, &info));
    assert_int_equal(report.claims_new, 1);
    buf_release(&file);
    const JsonNode *root = NULL;
    Reply r = ask(w, &(Ask){"GET", "/fhir/Encounter", NULL, NULL});
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    visit = json_str(w->arena, json_path(root, "entry.resource.id"));
    assert_true(visit.len > 0);
    return 0;
}

/* The answer's JSON, in the test's arena. */
static const JsonNode *json_of(World *w, const Ask *what, int status) {
    const JsonNode *root = NULL;
    Reply r = ask(w, what);
    assert_int_equal(r.status, status);
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    return root;
}

static const char *path(World *w, const char *end) {
    return arena_printf(w->arena, "/api/visits/" STR_FMT "/claim%s", STR_ARG(visit), end).ptr;
}

static Str mark_of(World *w, const JsonNode *claim) {
    return json_str(w->arena, json_get_lit(claim, "mark"));
}

static const char *if_match(World *w, Str mark) {
    return arena_printf(w->arena, "If-Match: \"" STR_FMT "\"\r\n", STR_ARG(mark)).ptr;
}

/* XML1's value of that field. */
static Str value(World *w, const JsonNode *claim, int field) {
    const JsonNode *row = json_path(claim, "tables.XML1");
    row = json_first(row);
    const JsonNode *v = json_first(row);
    for (int i = 0; i < field; i++) {
        v = json_next(row, v);
    }
    return json_str(w->arena, v);
}

static const JsonNode *need(World *w) {
    return json_of(w, &(Ask){"GET", path(w, ""), NULL, NULL}, 200);
}

#define EDIT(field, value)                                                                         \
    "{\"who\":\"Test\",\"edits\":[{\"table\":\"XML1\",\"record\":1,\"field\":\"" field             \
    "\",\"value\":\"" value "\"}]}"

static void a_visit_comes_as_tables(void **state) {
    World *w = *state;
    const JsonNode *claim = need(w);
    assert_int_equal(mark_of(w, claim).len, 32);
    assert_true(json_is(json_get_lit(json_get_lit(claim, "check"), "findings"), JSON_ARRAY));
    const JsonNode *fields = json_of(w, &(Ask){"GET", "/api/claims/tables", NULL, NULL}, 200);
    assert_int_equal(json_count(json_get_lit(fields, "tables")), 15);
    (void)json_of(w, &(Ask){"GET", path(w, "?version=7"), NULL, NULL}, 404);
    (void)json_of(w, &(Ask){"GET", path(w, "?version=x"), NULL, NULL}, 400);
    (void)json_of(w, &(Ask){"GET", "/api/visits/none/claim", NULL, NULL}, 404);
}

/* How many findings has the draft by that rule? */
static size_t found(World *w, const char *at, const char *body, const char *rule) {
    size_t n = 0;
    const char *target = arena_printf(w->arena, "/api/claims/check%s", at).ptr;
    const JsonNode *list = json_of(w, &(Ask){"POST", target, NULL, body}, 200);
    list = json_get_lit(list, "findings");
    for (const JsonNode *f = json_first(list); f != NULL; f = json_next(list, f)) {
        n += json_str_is(json_get_lit(f, "rule"), str_from(rule));
    }
    return n;
}

static void drafts_are_checked(void **state) {
    World *w = *state;
    const char *body = arena_printf(w->arena,
                                    "{\"visit\":\"" STR_FMT "\",\"edits\":[{\"table\":\"XML1\","
                                    "\"record\":1,\"field\":\"NGAY_VAO\",\"value\":\"2026\"}]}",
                                    STR_ARG(visit))
                           .ptr;
    assert_int_equal(found(w, "?at=export", body, "field-time"), 1);
    assert_int_equal(
        found(w, "", "{\"facility\":\"46001\",\"ma_lk\":\"A\",\"tables\":{}}", "claim-empty"), 1);
    assert_int_equal(found(w, "?at=order",
                           "{\"facility\":\"46001\",\"ma_lk\":\"A\",\"tables\":{\"XML1\":[{"
                           "\"NGAY_VAO\":\"\"}]}}",
                           "field-time"),
                     0);
    static const char *const bad[] = {"[]",
                                      "{}",
                                      "{\"edits\":[{}]}",
                                      "{\"tables\":{\"XML1\":1}}",
                                      "{\"tables\":{\"XML1\":[1]}}",
                                      "{\"tables\":{\"XML1\":[{\"MA_BN\":1}]}}",
                                      "{\"edits\":[{\"table\":\"XML1\",\"record\":-1}]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)json_of(w, &(Ask){"POST", "/api/claims/check", NULL, bad[i]}, 400);
    }
    (void)json_of(w, &(Ask){"POST", "/api/claims/check?at=never", NULL, "{\"edits\":[]}"}, 400);
}

static void what_is_saved_needs_the_mark(void **state) {
    World *w = *state;
    const JsonNode *before = need(w);
    Str mark = mark_of(w, before);
    Ask put = {"PUT", path(w, ""), if_match(w, mark), EDIT("LY_DO_VV", "Ho & sốt")};
    (void)json_of(w, &(Ask){put.method, put.target, NULL, put.body}, 400);
    (void)json_of(w, &(Ask){put.method, put.target, put.headers, "{\"edits\":[]}"}, 400);
    const JsonNode *after = json_of(w, &put, 200);
    assert_str(value(w, after, XML1_LY_DO_VV), STR("Ho & sốt"));
    assert_false(str_eq(mark_of(w, after), mark));
    (void)json_of(w, &put, 412); /* the second one saw what is no more */
    const JsonNode *former = json_of(w, &(Ask){"GET", path(w, "?version=1"), NULL, NULL}, 200);
    assert_str(mark_of(w, former), mark);
}

static void what_is_no_claim_is_not_saved(void **state) {
    World *w = *state;
    Str mark = mark_of(w, need(w));
    Ask put = {"PUT", path(w, ""), if_match(w, mark), EDIT("NGAY_VAO", "2026")};
    const JsonNode *outcome = json_of(w, &put, 422);
    assert_true(str_find(json_raw(outcome), STR("\"XML1[1].NGAY_VAO\"")) != SIZE_MAX);
    assert_str(mark_of(w, need(w)), mark);
    const JsonNode *rejects = json_of(w, &(Ask){"GET", "/api/rejects", NULL, NULL}, 200);
    assert_str(json_raw(json_get_lit(rejects, "open")), STR("0")); /* a draft is no reject */
}

static void undo_sends_the_former_one_again(void **state) {
    World *w = *state;
    Str first = mark_of(w, need(w));
    (void)json_of(w, &(Ask){"POST", path(w, "/undo"), if_match(w, first), "{\"who\":\"T\"}"}, 412);
    const JsonNode *claim = json_of(
        w, &(Ask){"PUT", path(w, ""), if_match(w, first), EDIT("LY_DO_VV", "Đau bụng")}, 200);
    Str second = mark_of(w, claim);
    for (int i = 0; i < 3; i++) { /* there and back and there: the same bytes again and again */
        Ask undo = {"POST", path(w, "/undo"), if_match(w, i % 2 == 0 ? second : first),
                    "{\"who\":\"T\"}"};
        claim = json_of(w, &undo, 200);
        assert_str(mark_of(w, claim), i % 2 == 0 ? first : second);
    }
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, begin, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_visit_comes_as_tables),         IN_WORLD(drafts_are_checked),
        IN_WORLD(what_is_saved_needs_the_mark),    IN_WORLD(what_is_no_claim_is_not_saved),
        IN_WORLD(undo_sends_the_former_one_again),
    };
    return cmocka_run_group_tests_name("api/repair", tests, NULL, NULL);
}
