/* /api/settle: a visit from the signature to the payment, as the screens and offices do it. */
#include "unit/api/api_help.h"
#include "unit/sign/sign_help.h"

#include "core/io.h"
#include "core/sheet.h"

#define VISIT "46999|46999_TEST_0000000001"

/* One rule that the sample breaks when it is in force. */
static Rules *rules;
static Book *book;
static SignKey *key;

static ErrCode start(World *w, ErrInfo *info) {
    if (book == NULL) {
        assert_ok(book_open(&(BookOptions){.store = w->store, .rules = rules}, &book, info));
        assert_ok(book_start(book));
    }
    return api_start(&(ApiOptions){.store = w->store,
                                   .intake = w->intake,
                                   .ioc = w->ioc,
                                   .subs = w->subs,
                                   .book = book,
                                   .sign_key = key,
                                   .settings = &w->settings},
                     &w->api, info);
}

static int setup_with(void **state, const char *rule) {
    ErrInfo info = {0};
    RulesText own = {STR("test.rules"), str_from(rule)};
    World *w = world_new();
    assert_int_equal(sign_dir_make(state), 0);
    KeyFiles files = make_key("api", 2048);
    key = open_key(&files);
    assert_ok(rules_new(&(RulesOptions){.own = &own, .n_own = own.text.len > 0, .own_only = true},
                        &rules, &info));
    assert_ok(ioc_open(&(IocOptions){.dir = str_from(w->dir)}, &w->ioc, &info));
    w->views[w->n_views++] = ioc_view(w->ioc);
    world_open(w, start);
    *state = w;
    CLEANUP_BUF Buf file;
    buf_init(&file, LIMIT_MIB);
    assert_ok(io_read_file("tests/case/claims/GIAMDINHHS.xml", LIMIT_MIB, &file));
    Reply r = ask(
        w, &(Ask){"POST", "/import/claims", "Content-Type: application/xml\r\n", buf_cstr(&file)});
    assert_int_equal(r.status, 200);
    return 0;
}

static int setup(void **state) {
    return setup_with(state, "");
}

static int setup_held(void **state) {
    return setup_with(state, "rule test-held\non VISIT\nweight blocks\nmust XML1.MA_KHOA = 'K99'\n"
                             "vi Sai khoa.\nen Wrong department.\nfix-vi Sửa.\nfix-en Repair.\n"
                             "law QĐ\ngood XML1.MA_KHOA=K99\nbad XML1.MA_KHOA=K01\n");
}

static int teardown(void **state) {
    World *w = *state;
    api_stop(w->api);
    w->api = NULL;
    book_close(book);
    book = NULL;
    rules_free(rules);
    sign_key_close(key);
    (void)sign_dir_remove(state);
    *state = w;
    world_close(w);
    ioc_close(w->ioc);
    world_free(w);
    return 0;
}

static const JsonNode *post(World *w, const char *target, const char *body, int status) {
    Reply r = ask(w, &(Ask){"POST", target, "Accept-Language: en\r\n", body});
    if (r.status != status) {
        print_error("%s: %d\n" STR_FMT "\n", target, r.status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    return body_of(w, r);
}

static int64_t number(const JsonNode *root, const char *path) {
    int64_t n = -1;
    assert_ok(json_to_i64(json_path(root, path), &n));
    return n;
}

static void expect_state(World *w, const char *state) {
    const JsonNode *v = get(w, "/api/settle/visits/46999/46999_TEST_0000000001", NULL, 200);
    assert_str(raw(v, "state"), str_from(state));
}

static void a_month_is_settled(void **state) {
    World *w = *state;
    expect_state(w, "entered");
    const JsonNode *done =
        post(w, "/api/settle/sign",
             "{\"who\":\"cn. Hoa\",\"facility\":\"46999\",\"month\":\"2026-11\"}", 200);
    assert_int_equal(number(done, "done"), 1);
    expect_state(w, "signed");
    Reply r = ask(
        w, &(Ask){"GET", "/api/settle/visits/46999/46999_TEST_0000000001/signed.xml", NULL, NULL});
    assert_int_equal(r.status, 200);
    assert_int_not_equal(str_find(r.body, STR("<SignatureValue>")), SIZE_MAX);
    const JsonNode *refused =
        post(w, "/api/settle/sign", "{\"who\":\"cn. Hoa\",\"visits\":[\"" VISIT "\"]}", 200);
    assert_str(raw(refused, "refused.rule"), STR("settle-state"));
    (void)post(w, "/api/settle/months/46999/2026-11/close", "{\"who\":\"x\"}", 412);
    (void)post(w, "/api/settle/sent", "{\"who\":\"x\",\"visit\":\"" VISIT "\"}", 200);
    (void)post(w, "/api/settle/received",
               "{\"who\":\"x\",\"visit\":\"" VISIT "\",\"transaction\":\"GD1\"}", 200);
    (void)post(w, "/api/settle/received",
               "{\"who\":\"x\",\"visit\":\"" VISIT "\",\"transaction\":\"GD2\"}", 412);
    const JsonNode *answer =
        post(w, "/api/settle/answers?facility=46999&who=x&final=true",
             "MA_LK,T_BHTT_GD,MA_LOI,LY_DO\n46999_TEST_0000000001,500000,47,Vượt định mức\n", 200);
    assert_int_equal(number(answer, "done"), 1);
    expect_state(w, "reduced");
    (void)post(w, "/api/settle/answers?facility=46999&who=x&payment=U1&date=2026-11-25",
               "MA_LK,T_THANHTOAN\n46999_TEST_0000000001,500000\nkhac,1\n", 200);
    const JsonNode *v = get(w, "/api/settle/visits/46999/46999_TEST_0000000001", NULL, 200);
    assert_str(raw(v, "state"), STR("paid"));
    assert_int_equal(json_count(json_get_lit(v, "steps")), 5);
    assert_int_equal(json_count(json_get_lit(v, "money")), 6);
    const JsonNode *answers = get(w, "/api/settle/answers", NULL, 200);
    assert_int_equal(json_count(json_get_lit(answers, "answers")), 2);
    const JsonNode *closing =
        post(w, "/api/settle/months/46999/2026-11/close", "{\"who\":\"trưởng\"}", 200);
    assert_str(raw(closing, "who"), STR("trưởng"));
    const JsonNode *months = get(w, "/api/settle/months?facility=46999", NULL, 200);
    assert_str(raw(months, "months.who"), STR("trưởng"));
    assert_int_equal(number(months, "months.asked"), 507200);
    assert_int_equal(number(months, "months.paid"), 500000);
    assert_int_equal(number(months, "months.not_sent"), 0);
}

static const char *const forms[] = {"outpatient", "inpatient", "drugs", "supplies", "services"};

/* The same sums in all forms of a report, and over the reports. */
static void reports_agree(void **state) {
    World *w = *state;
    int64_t asked = 0;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const char *target = arena_printf(w->arena,
                                          "/api/settle/reports/%s?facility=46999&month=2026-11&"
                                          "scope=all",
                                          forms[i])
                                 .ptr;
        const JsonNode *t = get(w, target, NULL, 200);
        const JsonNode *last = NULL;
        const JsonNode *totals = json_get_lit(t, "totals");
        for (const JsonNode *n = json_first(totals); n != NULL; n = json_next(totals, n)) {
            last = n;
        }
        int64_t sum = 0;
        assert_ok(json_to_i64(last, &sum));
        asked += i < 2 ? sum : -sum;
        assert_int_equal(i == 0 ? sum : 507200, 507200);
        Reply r =
            ask(w, &(Ask){"GET", arena_printf(w->arena, "%s&format=xlsx", target).ptr, NULL, NULL});
        assert_int_equal(r.status, 200);
        CLEANUP_SHEET Sheet *sheet = NULL;
        SheetRow row;
        assert_ok(sheet_open(r.body, NULL, &sheet, NULL));
        assert_true(sheet_next(sheet, &row));
        assert_str(sheet_cell(&row, 0), STR("STT"));
        r = ask(w, &(Ask){"GET", arena_printf(w->arena, "%s&format=html", target).ptr, NULL, NULL});
        assert_int_equal(r.status, 200);
        assert_int_not_equal(
            str_find(header_of(r, "content-security-policy"), STR("style-src 'sha256-")), SIZE_MAX);
    }
    assert_int_equal(asked, 0);
    const JsonNode *ageing = get(w, "/api/settle/reports/ageing", NULL, 200);
    assert_int_equal(json_count(json_get_lit(ageing, "rows")), 1);
    assert_int_equal(
        json_count(json_get_lit(
            get(w, "/api/settle/reports/drugs?facility=46999&month=2026-11", NULL, 200), "rows")),
        0); /* nothing is signed */
    (void)get(w, "/api/settle/reports/none?facility=46999&month=2026-11", NULL, 404);
    (void)get(w, "/api/settle/reports/drugs?facility=46999&month=2026-13", NULL, 400);
    (void)get(w, "/api/settle/reports/drugs?facility=46999&month=2026-11&format=pdf", NULL, 400);
}

static void denials_and_what_does_not_agree(void **state) {
    World *w = *state;
    (void)post(w, "/api/settle/sign", "{\"who\":\"a\",\"visits\":[\"" VISIT "\"]}", 200);
    (void)post(w, "/api/settle/sent", "{\"who\":\"x\",\"visit\":\"" VISIT "\"}", 200);
    (void)post(w, "/api/settle/received",
               "{\"who\":\"x\",\"visit\":\"" VISIT "\",\"transaction\":\"GD1\"}", 200);
    const char *report = "/api/settle/reports/reconciliation?facility=46999&month=2026-11";
    const JsonNode *t = get(w, report, "Accept-Language: en\r\n", 200);
    assert_int_not_equal(str_find(json_raw(t), STR("no answer of the fund")), SIZE_MAX);
    (void)post(w, "/api/settle/answers?facility=46999&who=x&final=true",
               "MA_LK,BANG,STT_DONG,T_BHTT,T_XUATTOAN,MA_LOI,LY_DO\n"
               "46999_TEST_0000000001,,,507000,,,\n"
               "46999_TEST_0000000001,XML2,1,,1000,47,Vượt định mức\nla,,,5,,,\n",
               200);
    t = get(w, report, "Accept-Language: en\r\n", 200);
    assert_int_equal(json_count(json_get_lit(t, "rows")), 2);
    assert_int_not_equal(str_find(json_raw(t), STR("another amount")), SIZE_MAX);
    assert_int_not_equal(str_find(json_raw(t), STR("the fund has it, we do not")), SIZE_MAX);
    t = get(w, "/api/settle/reports/denials?from=2026-10&to=2026-12", NULL, 200);
    const JsonNode *rows = json_get_lit(t, "rows");
    assert_int_equal(json_count(rows), 1);
    Str row = json_raw(json_first(rows));
    assert_int_not_equal(str_find(row, STR("\"47\",\"46999\",\"K01\"")), SIZE_MAX);
    assert_int_not_equal(str_find(row, STR("\"Vượt định mức\",1,1000]")), SIZE_MAX);
}

static void what_the_rules_hold_is_named(void **state) {
    World *w = *state;
    const JsonNode *done =
        post(w, "/api/settle/sign", "{\"who\":\"a\",\"visits\":[\"" VISIT "\"]}", 200);
    assert_int_equal(number(done, "done"), 0);
    assert_str(raw(done, "refused.visit"), STR(VISIT));
    assert_str(raw(done, "refused.rule"), STR("settle-blocked"));
    assert_int_not_equal(str_find(raw(done, "refused.what"), STR("Wrong department")), SIZE_MAX);
    (void)post(w, "/api/settle/sign", "{\"who\":\"a\",\"visits\":[\"x\"]}", 400);
    (void)post(w, "/api/settle/sign", "{\"who\":\"a\"}", 400);
    assert_int_equal(status_of(w, "GET", "/api/settle/visits/46999/none", NULL), 404);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_month_is_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(reports_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(denials_and_what_does_not_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_rules_hold_is_named, setup_held, teardown),
    };
    return cmocka_run_group_tests_name("api/settle", tests, NULL, NULL);
}
