/* The review list and its decisions over HTTP; the citizen's page shows what was merged into him.
 * All data invented. */
#include "unit/api/api_help.h"

#include "mpi/mpi_case.h"

static void put_visit(World *w, const char *id, const char *patient) {
    Str members = arena_printf(w->arena,
                               ",\"status\":\"finished\",\"class\":{\"code\":\"AMB\"},\"subject\":{"
                               "\"reference\":\"Patient/%s\"},\"period\":{\"start\":\"2026-01-0%c"
                               "\"}",
                               patient, id[1]);
    world_put(w, "Encounter", id, members.ptr);
}

static void setup_pair(World *w) {
    world_put(w, "Patient", "an",
              ",\"name\":[{\"text\":\"Nguyễn Văn Thử\"}],\"birthDate\":\"1990\"");
    world_put(w, "Patient", "ann",
              ",\"name\":[{\"text\":\"NGUYEN VAN THU\"}],\"birthDate\":\"1990\"");
    put_visit(w, "e1", "an");
    put_visit(w, "e2", "ann");
    put_visit(w, "e3", "an");
}

static size_t visits(World *w, const char *target) {
    return json_count(json_get_lit(get(w, target, NULL, 200), "visits"));
}

static int act(World *w, const char *target, const char *body) {
    return ask(w, &(Ask){"POST", target, "Content-Type: application/json\r\n", body}).status;
}

#define BODY "{\"who\":\"bs. Lan\",\"why\":\"một người\"}"

static void a_person_merges_and_parts(void **state) {
    World *w = *state;
    ErrInfo info = {0};
    setup_pair(w);
    MpiAct proposal = {.keep = STR("an"),
                       .other = STR("ann"),
                       .who = STR("nhip mpi"),
                       .why = STR("score"),
                       .now = 1};
    assert_ok(mpi_propose(w->store, &proposal, &info));
    const JsonNode *list = get(w, "/api/mpi", NULL, 200);
    assert_int_equal(json_count(json_get_lit(list, "cases")), 1);
    assert_str(json_raw_str(json_path(list, "cases.a")), STR("an"));
    assert_str(json_raw_str(json_path(list, "cases.evidence.name")), STR("bare"));
    const JsonNode *pair = get(w, "/api/mpi/an/ann", NULL, 200);
    assert_int_equal(json_count(json_get_lit(pair, "fields")), MPI_FIELDS);
    assert_str(json_raw_str(json_path(pair, "fields.level")), STR("bare"));
    assert_str(json_raw_str(json_get_lit(pair, "status")), STR("requested"));

    assert_int_equal(visits(w, "/api/citizens/an"), 2);
    assert_int_equal(act(w, "/api/mpi/an/ann/merge", "{\"who\":\"\"}"), 400);
    assert_int_equal(act(w, "/api/mpi/an/ann/nothing", BODY), 404);
    assert_int_equal(act(w, "/api/mpi/an/ann/merge", BODY), 200);
    assert_int_equal(act(w, "/api/mpi/an/ann/merge", BODY), 412);
    assert_int_equal(visits(w, "/api/citizens/an"), 3);
    assert_int_equal(visits(w, "/api/citizens/ann"), 1);
    (void)get(w, "/api/citizens/an/visits/e2", NULL, 200);
    list = get(w, "/api/citizens?q=nguyen%20van%20thu", NULL, 200);
    assert_int_equal(json_count(json_get_lit(list, "citizens")), 2);
    list = json_get_lit(list, "citizens");
    size_t replaced = 0;
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        replaced += json_str_is(json_get_lit(c, "replaced_by"), STR("an"));
    }
    assert_int_equal(replaced, 1);
    list = get(w, "/api/mpi", NULL, 200);
    assert_int_equal(json_count(json_get_lit(list, "cases")), 0);
    list = get(w, "/api/mpi?status=completed", NULL, 200);
    assert_str(json_raw_str(json_path(list, "cases.who")), STR("bs. Lan"));

    assert_int_equal(act(w, "/api/mpi/an/ann/unmerge", BODY), 200);
    assert_int_equal(visits(w, "/api/citizens/an"), 2);
    (void)get(w, "/api/citizens/an/visits/e2", NULL, 404);
    assert_int_equal(act(w, "/api/mpi/an/ann/differ", BODY), 200);
    (void)get(w, "/api/mpi/an/nobody", NULL, 404);
    (void)get(w, "/api/mpi?count=0", NULL, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_person_merges_and_parts, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
