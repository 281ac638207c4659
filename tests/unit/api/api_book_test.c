/* The funnel equals the lists behind it; fixes of many visits do what their preview says, and are
 * undone as a whole. */
#include "unit/api/api_help.h"

#include "core/io.h"
#include "interop/claim_write.h"

enum { VISITS = 7 };

typedef struct Copies {
    Arena *arena;
    Buf out;
} Copies;

/* Each copy is a visit of its own. */
static ErrCode put_copies(void *ctx, const Claim *claim) {
    Copies *c = ctx;
    for (int i = 0; i < VISITS; i++) {
        Claim copy = *claim;
        ClaimPart *parts = arena_new_array(c->arena, ClaimPart, (size_t)claim->n_parts);
        Str ma_lk = arena_printf(c->arena, "LK-%d", i);
        for (int p = 0; p < claim->n_parts; p++) {
            const ClaimPart *from = &claim->parts[p];
            ClaimRecord *records = arena_new_array(c->arena, ClaimRecord, (size_t)from->n_records);
            for (int r = 0; r < from->n_records; r++) {
                size_t n = (size_t)from->table->n_fields;
                Str *values = arena_new_array(c->arena, Str, n);
                memcpy(values, from->records[r].values, n * sizeof(*values));
                values[0] = ma_lk;
                records[r] = (ClaimRecord){.values = values};
            }
            parts[p] =
                (ClaimPart){.table = from->table, .records = records, .n_records = from->n_records};
        }
        copy.parts = parts;
        claim_write_hoso(&c->out, &copy, &(ClaimWriteHow){CLAIM_RELEASE_4750, false});
    }
    return ERR_OK;
}

static void settle(World *w) {
    assert_true(book_wait(w->book, store_snapshot(w->store), 20000));
}

static int begin(void **state) {
    assert_int_equal(world_setup(state), 0);
    World *w = *state;
    Copies c = {.arena = w->arena};
    Buf file;
    ErrInfo info = {0};
    IntakeReport report = {0};
    buf_init(&file, LIMIT_MIB);
    buf_init(&c.out, LIMIT_MIB);
    assert_ok(io_read_file("tests/case/claims/GIAMDINHHS.xml", LIMIT_MIB, &file));
    claim_write_envelope_open(&c.out, STR("46999"), STR("20260601"), VISITS);
    assert_ok(
        claim_read(buf_str(&file), &(ClaimReadOptions){.ctx = &c, .on_claim = put_copies}, NULL));
    claim_write_envelope_close(&c.out);
    IntakeFile f = {.name = STR("copies"), .bytes = buf_str(&c.out), .actor = STR("test")};
    assert_ok(intake_file(w->intake, &f, &report, &info));
    assert_int_equal(report.claims_new, VISITS);
    buf_release(&file);
    buf_release(&c.out);
    settle(w);
    return 0;
}

static const JsonNode *json_of(World *w, const Ask *what, int status) {
    const JsonNode *root = NULL;
    Reply r = ask(w, what);
    if (r.status != status) {
        print_error("%s %s: " STR_FMT "\n", what->method, what->target, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    return root;
}

static const JsonNode *see(World *w, const char *target) {
    return json_of(w, &(Ask){"GET", target, NULL, NULL}, 200);
}

static int64_t number(const JsonNode *o, const char *name) {
    int64_t n = -1;
    assert_ok(json_to_i64(json_get(o, str_from(name)), &n));
    return n;
}

static size_t rows(World *w, const char *query) {
    const char *target = arena_printf(w->arena, "/api/claims/list?count=100%s", query).ptr;
    return json_count(json_get_lit(see(w, target), "rows"));
}

static void counts_are_the_lists_behind_them(void **state) {
    World *w = *state;
    const JsonNode *counts = see(w, "/api/claims/counts");
    const JsonNode *states = json_get_lit(counts, "states");
    int64_t all = 0;
    assert_int_equal(json_count(states), BOOK_STATES);
    for (const JsonNode *s = json_first(states); s != NULL; s = json_next(states, s)) {
        Str code = json_str(w->arena, json_get_lit(s, "state"));
        const char *q = arena_printf(w->arena, "&state=" STR_FMT, STR_ARG(code)).ptr;
        assert_int_equal(number(s, "n"), rows(w, q));
        all += number(s, "n");
    }
    assert_int_equal(all, VISITS);
    const JsonNode *facility = json_first(json_get_lit(counts, "facilities"));
    assert_int_equal(number(facility, "n"), rows(w, "&facility=46999"));
    assert_int_equal(rows(w, "&facility=none"), 0);
    const JsonNode *month = json_first(json_get_lit(counts, "months"));
    Str name = json_str(w->arena, json_get_lit(month, "month"));
    const char *q =
        arena_printf(w->arena, "&from=" STR_FMT "&to=" STR_FMT, STR_ARG(name), STR_ARG(name)).ptr;
    assert_int_equal(number(month, "n"), rows(w, q));
    assert_int_equal(rows(w, "&q=lk-3"), 1);
    const JsonNode *progress = json_get_lit(counts, "progress");
    assert_int_equal(number(progress, "visits"), VISITS);
    assert_int_equal(number(progress, "position"), store_snapshot(w->store));
    assert_int_equal(number(progress, "snapshot"), store_snapshot(w->store));
    assert_int_equal(number(progress, "to_renew"), 0);
}

static void lists_come_in_pages(void **state) {
    World *w = *state;
    Str after = STR_EMPTY;
    size_t n = 0;
    do {
        const char *target =
            arena_printf(w->arena, "/api/claims/list?count=3&after=" STR_FMT, STR_ARG(after)).ptr;
        const JsonNode *page = see(w, target);
        n += json_count(json_get_lit(page, "rows"));
        after = json_str(w->arena, json_get_lit(page, "next"));
    } while (after.len > 0 && n <= VISITS);
    assert_int_equal(n, VISITS);
    static const char *const bad[] = {"?state=none", "?from=2026",  "?weight=heavy",
                                      "?count=0",    "?after=%00x", "?unknown=1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *target = arena_printf(w->arena, "/api/claims/list%s", bad[i]).ptr;
        (void)json_of(w, &(Ask){"GET", target, NULL, NULL}, 400);
    }
}

#define FIX                                                                                        \
    "\"facility\":\"46999\",\"table\":\"XML1\",\"field\":\"T_BHTT\",\"match\":null,\"value\":"     \
    "\"1\""

static void rules_count_their_visits(void **state) {
    World *w = *state;
    const JsonNode *plan =
        json_of(w, &(Ask){"POST", "/api/claims/fixes/preview", NULL, "{" FIX "}"}, 200);
    assert_int_equal(number(plan, "visits"), VISITS);
    Str digest = json_str(w->arena, json_get_lit(plan, "digest"));
    const char *body = arena_printf(w->arena, "{" FIX ",\"who\":\"T\",\"digest\":\"" STR_FMT "\"}",
                                    STR_ARG(digest))
                           .ptr;
    (void)json_of(w, &(Ask){"POST", "/api/claims/fixes", NULL, body}, 200);
    settle(w);
    const JsonNode *list = json_get_lit(see(w, "/api/claims/rules"), "rules");
    assert_true(json_count(list) > 0);
    for (const JsonNode *r = json_first(list); r != NULL; r = json_next(list, r)) {
        Str rule = json_str(w->arena, json_get_lit(r, "rule"));
        const char *q = arena_printf(w->arena, "&rule=" STR_FMT, STR_ARG(rule)).ptr;
        assert_int_equal(number(r, "n"), rows(w, q));
    }
    assert_int_equal(rows(w, "&weight=blocks"), VISITS); /* a wrong sum holds them all */
    assert_int_equal(rows(w, "&state=entered"), VISITS);
}

/* All marks of the visits, one after the other. */
static Str marks(World *w) {
    Str all = STR_EMPTY;
    const JsonNode *list = json_get_lit(see(w, "/api/claims/list"), "rows");
    for (const JsonNode *r = json_first(list); r != NULL; r = json_next(list, r)) {
        Str id = json_str(w->arena, json_get_lit(r, "id"));
        const char *target =
            arena_printf(w->arena, "/api/visits/" STR_FMT "/claim", STR_ARG(id)).ptr;
        all = arena_printf(w->arena, STR_FMT STR_FMT, STR_ARG(all),
                           STR_ARG(json_str(w->arena, json_get_lit(see(w, target), "mark"))));
    }
    return all;
}

static void a_fix_is_previewed_done_and_undone(void **state) {
    World *w = *state;
    Str before = marks(w);
    Ask look = {"POST", "/api/claims/fixes/preview", NULL, "{" FIX "}"};
    const JsonNode *plan = json_of(w, &look, 200);
    assert_int_equal(number(plan, "values"), VISITS);
    assert_int_equal(number(plan, "held_after"), VISITS);
    assert_int_equal(json_count(json_get_lit(plan, "examples")), VISITS);
    assert_str(marks(w), before); /* looking changes nothing */
    (void)json_of(
        w, &(Ask){"POST", "/api/claims/fixes", NULL, "{" FIX ",\"who\":\"T\",\"digest\":\"0\"}"},
        412);
    Str digest = json_str(w->arena, json_get_lit(plan, "digest"));
    const char *body = arena_printf(w->arena, "{" FIX ",\"who\":\"T\",\"digest\":\"" STR_FMT "\"}",
                                    STR_ARG(digest))
                           .ptr;
    Ask run = {"POST", "/api/claims/fixes", NULL, body};
    const JsonNode *done = json_of(w, &run, 200);
    assert_int_equal(number(done, "done"), VISITS);
    assert_false(str_eq(marks(w), before));
    (void)json_of(w, &run, 412); /* once */
    settle(w);
    assert_int_equal(number(json_of(w, &look, 200), "values"), 0);
    const JsonNode *fix = json_first(json_get_lit(see(w, "/api/claims/fixes"), "fixes"));
    assert_int_equal(number(fix, "visits"), VISITS);
    assert_true(json_str_is(json_get_lit(fix, "status"), STR("completed")));
    const char *undo = arena_printf(w->arena, "/api/claims/fixes/" STR_FMT "/undo",
                                    STR_ARG(json_str(w->arena, json_get_lit(fix, "id"))))
                           .ptr;
    done = json_of(w, &(Ask){"POST", undo, NULL, "{\"who\":\"T\"}"}, 200);
    assert_int_equal(number(done, "done"), VISITS);
    settle(w); /* the list's order is that of the states */
    assert_str(marks(w), before);
    (void)json_of(w, &(Ask){"POST", undo, NULL, "{\"who\":\"T\"}"}, 412);
}

static void fixes_that_cannot_be(void **state) {
    World *w = *state;
    static const char *const bad[] = {
        "{}", "{\"table\":\"XML1\",\"field\":\"MA_LK\",\"value\":\"1\"}",
        "{\"table\":\"XML99\",\"field\":\"T_BHTT\",\"value\":\"1\"}",
        "{\"table\":\"XML1\",\"field\":\"T_BHTT\"}",
        "{\"table\":\"XML1\",\"field\":\"T_BHTT\",\"value\":\"1\",\"state\":\"paid\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)json_of(w, &(Ask){"POST", "/api/claims/fixes/preview", NULL, bad[i]}, 400);
    }
    const JsonNode *plan = json_of(w,
                                   &(Ask){"POST", "/api/claims/fixes/preview", NULL,
                                          "{\"table\":\"XML1\",\"field\":\"NGAY_VAO\",\"value\":"
                                          "\"x\"}"},
                                   200);
    assert_int_equal(number(plan, "visits"), 0);
    assert_int_equal(number(plan, "refused"), VISITS); /* no claim would be left */
    (void)json_of(w, &(Ask){"POST", "/api/claims/fixes/none/undo", NULL, "{\"who\":\"T\"}"}, 404);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, begin, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(counts_are_the_lists_behind_them),
        IN_WORLD(lists_come_in_pages),
        IN_WORLD(rules_count_their_visits),
        IN_WORLD(a_fix_is_previewed_done_and_undone),
        IN_WORLD(fixes_that_cannot_be),
    };
    return cmocka_run_group_tests_name("api/book", tests, NULL, NULL);
}
