/* GraphQL through the server: both addresses, both ways to ask, errors in GraphQL's form. All data
 * invented. */
#include "unit/rest/rest_help.h"

#define JSON_BODY "Content-Type: application/json\r\n"

static void put_world(World *w) {
    const char *const bodies[][2] = {
        {"/fhir/Patient/tho", "{\"resourceType\":\"Patient\",\"id\":\"tho\",\"gender\":\"female\","
                              "\"name\":[{\"text\":\"Nguyễn Thị Thơ\"}]}"},
        {"/fhir/Encounter/e1", "{\"resourceType\":\"Encounter\",\"id\":\"e1\",\"status\":"
                               "\"finished\",\"class\":{\"code\":"
                               "\"AMB\"},\"subject\":{\"reference\":\"Patient/tho\"}}"},
        {"/fhir/Encounter/e2",
         "{\"resourceType\":\"Encounter\",\"id\":\"e2\",\"status\":\"planned\",\"class\":{\"code\":"
         "\"AMB\"},\"subject\":{\"reference\":\"Patient/tho\"}}"}};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(ask(w, &(Ask){"PUT", bodies[i][0], NULL, bodies[i][1]}).status, 201);
    }
}

static void expect(World *w, const Ask *question, int status, const char *body) {
    Reply r = ask(w, question);
    if (r.status != status) {
        print_error(STR_FMT "\n", STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    assert_true(str_starts(header_of(r, "Content-Type"), STR("application/json")));
    assert_str(r.body, str_from(body));
}

static void answers_by_get_and_post(void **state) {
    World *w = *state;
    put_world(w);
    expect(w, &(Ask){"GET", "/fhir/Patient/tho/$graphql?query=%7Bname%7Btext%7D%7D", NULL, NULL},
           200, "{\"data\":{\"name\":[{\"text\":\"Nguyễn Thị Thơ\"}]}}");
    expect(w,
           &(Ask){"POST", "/fhir/$graphql", JSON_BODY,
                  "{\"query\":\"query q($s: code){Patient(id: \\\"tho\\\"){gender "
                  "EncounterList(_reference: patient, status: $s){id subject{resource{... on "
                  "Patient{id}}}}}}\",\"variables\":{\"s\":\"planned\"},\"operationName\":\"q\"}"},
           200,
           "{\"data\":{\"Patient\":{\"gender\":\"female\",\"EncounterList\":[{\"id\":\"e2\","
           "\"subject\":{\"resource\":{\"id\":\"tho\"}}}]}}}");
    expect(w,
           &(Ask){"POST", "/fhir/Patient/tho/$graphql", "Content-Type: application/graphql\r\n",
                  "{x: gender}"},
           200, "{\"data\":{\"x\":\"female\"}}");
}

/* A connection's cursor leads through all that was found, each once. */
static void pages_by_cursor(void **state) {
    World *w = *state;
    put_world(w);
    Reply r = ask(w, &(Ask){"POST", "/fhir/$graphql", "Content-Type: application/graphql\r\n",
                            "{EncounterConnection(patient: tho, _count: 1){count next "
                            "edges{resource{id}}}}"});
    const JsonNode *root;
    assert_int_equal(r.status, 200);
    Str text = arena_str(w->arena, r.body);
    assert_ok(json_parse(w->arena, text, &root, NULL));
    const JsonNode *page = json_path(root, "data.EncounterConnection");
    assert_str(json_raw(json_get_lit(page, "count")), STR("2"));
    Str first = json_str(w->arena, json_path(page, "edges.resource.id"));
    Str cursor = json_str(w->arena, json_get_lit(page, "next"));
    assert_true(cursor.len > 0);
    Str again = arena_printf(w->arena,
                             "{EncounterConnection(patient: tho, _count: 1, _cursor: \"" STR_FMT
                             "\"){next edges{resource{id}}}}",
                             STR_ARG(cursor));
    expect(w, &(Ask){"POST", "/fhir/$graphql", "Content-Type: application/graphql\r\n", again.ptr},
           200,
           arena_printf(w->arena,
                        "{\"data\":{\"EncounterConnection\":{\"next\":null,\"edges\":[{"
                        "\"resource\":{\"id\":\"%s\"}}]}}}",
                        str_eq(first, STR("e1")) ? "e2" : "e1")
               .ptr);
}

static int refusal_of(World *w, const char *method, const char *target, const char *headers,
                      const char *body) {
    Reply r = ask(w, &(Ask){method, target, headers, body});
    assert_true(str_find(r.body, STR("\"errors\":[{\"message\":")) != SIZE_MAX);
    return r.status;
}

static void refuses_in_its_own_form(void **state) {
    World *w = *state;
    assert_int_equal(refusal_of(w, "GET", "/fhir/$graphql", NULL, NULL), 400);
    assert_int_equal(refusal_of(w, "GET", "/fhir/$graphql?query=%7Bx%7D", NULL, NULL), 400);
    assert_int_equal(refusal_of(w, "GET", "/fhir/$graphql?qery=1", NULL, NULL), 400);
    assert_int_equal(refusal_of(w, "GET", "/fhir/Patient/none/$graphql?query=%7Bid%7D", NULL, NULL),
                     404);
    assert_int_equal(refusal_of(w, "POST", "/fhir/$graphql", "Content-Type: text/plain\r\n", "{}"),
                     415);
    assert_int_equal(refusal_of(w, "POST", "/fhir/$graphql", JSON_BODY, "{\"query\":1}"), 400);
    assert_int_equal(refusal_of(w, "POST", "/fhir/$graphql", JSON_BODY,
                                "{\"query\":\"{PatientList(colour: red){id}}\"}"),
                     400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_by_get_and_post, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(pages_by_cursor, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(refuses_in_its_own_form, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
