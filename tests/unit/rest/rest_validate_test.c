/* $validate, validation on write by policy, definitions stored at run time, what comes with the
 * program. */
#include "unit/rest/rest_help.h"

#define PROFILE                                                                                    \
    "{\"resourceType\":\"StructureDefinition\",\"id\":\"named\",\"url\":\"http://example.org/"     \
    "named\",\"name\":\"Named\",\"status\":\"active\",\"kind\":\"resource\",\"abstract\":false,"   \
    "\"type\":\"Patient\",\"baseDefinition\":\"http://hl7.org/fhir/StructureDefinition/Patient\"," \
    "\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Patient\",\"path\":"   \
    "\"Patient\"},{\"id\":\"Patient.%s\",\"path\":\"Patient.%s\",\"min\":1}]}}"
#define CLAIMS "\"meta\":{\"profile\":[\"http://example.org/named\"]}"

static void put_profile(World *w, const char *element) {
    Str body = arena_printf(w->arena, PROFILE, element, element);
    Reply r = ask(w, &(Ask){"PUT", "/fhir/StructureDefinition/named", NULL, body.ptr});
    assert_true(r.status == 200 || r.status == 201);
}

/* The first issue's rule of an outcome; the number of issues. */
static size_t outcome(World *w, Ask a, int status, const char *rule) {
    Reply r = ask(w, &a);
    if (r.status != status) {
        print_error("%s %s: %d\n" STR_FMT "\n", a.method, a.target, r.status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    const JsonNode *root = body_of(w, r);
    assert_str(raw(root, "resourceType"), STR("OperationOutcome"));
    if (rule != NULL) {
        assert_str(raw(root, "issue.details.coding.code"), str_from(rule));
    }
    return json_count(json_get_lit(root, "issue"));
}

static void all_ok_is_said(void **state) {
    World *w = *state;
    Ask a = {"POST", "/fhir/Patient/$validate", "Accept-Language: en\r\n",
             "{\"resourceType\":\"Patient\",\"gender\":\"male\"}"};
    assert_int_equal(outcome(w, a, 200, "valid"), 1);
    Reply r = ask(w, &a);
    assert_str(raw(body_of(w, r), "issue.severity"), STR("information"));
    assert_true(str_find(r.body, STR("all ok")) != SIZE_MAX);
}

static void every_issue_has_its_place(void **state) {
    World *w = *state;
    Ask a = {"POST", "/fhir/Patient/$validate", "Accept-Language: vi\r\n",
             "{\"resourceType\":\"Patient\",\"contact\":[{\"gender\":\"male\"}],\"extension\":[{"
             "\"url\":\"http://example.org/none\",\"valueString\":\"a\"}],\"sex\":1}"};
    assert_int_equal(outcome(w, a, 200, "fhir-member-unknown"), 3);
    Reply r = ask(w, &a);
    assert_true(str_find(r.body, STR("\"Patient.contact[0]\"")) != SIZE_MAX);
    assert_true(str_find(r.body, STR("\"pat-1\"")) != SIZE_MAX);
    assert_true(str_find(r.body, STR("\"severity\":\"information\"")) != SIZE_MAX);
    assert_true(str_find(r.body, STR("chưa biết phần mở rộng")) != SIZE_MAX);
}

static void parameters_carry_resource_mode_and_profile(void **state) {
    World *w = *state;
    put_profile(w, "name");
    const char *body = "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"resource\","
                       "\"resource\":{\"resourceType\":\"Patient\",\"id\":\"a\"}},{\"name\":"
                       "\"mode\",\"valueCode\":\"profile\"},{\"name\":\"profile\",\"valueUri\":"
                       "\"http://example.org/named\"}]}";
    assert_int_equal(
        outcome(w, (Ask){"POST", "/fhir/Patient/$validate", NULL, body}, 200, "profile-min"), 1);
    const char *bad = "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"what\","
                      "\"valueCode\":\"x\"}]}";
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/$validate", NULL, bad}, 400, "parameter-unknown");
    (void)outcome(
        w,
        (Ask){"POST", "/fhir/Patient/$validate?mode=guess", NULL, "{\"resourceType\":\"Patient\"}"},
        400, "parameter-value");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/$validate", NULL, NULL}, 400, "body-missing");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/$validate", NULL, "{"}, 400, NULL);
    (void)outcome(w, (Ask){"POST", "/fhir/Citizen/$validate", NULL, "{}"}, 404, "type-unknown");
}

static void the_profile_may_stand_in_the_address(void **state) {
    World *w = *state;
    put_profile(w, "name");
    Ask a = {"POST", "/fhir/Patient/$validate?profile=http%3A%2F%2Fexample.org%2Fnamed", NULL,
             "{\"resourceType\":\"Patient\"}"};
    assert_int_equal(outcome(w, a, 200, "profile-min"), 1);
    a.target = "/fhir/Patient/$validate?profile=http://example.org/none";
    assert_int_equal(outcome(w, a, 200, "profile-unknown"), 1);
}

static void modes_ask_for_more(void **state) {
    World *w = *state;
    assert_int_equal(
        status_of(w, "PUT", "/fhir/Patient/a", "{\"resourceType\":\"Patient\",\"id\":\"a\"}"), 201);
    const char *body = "{\"resourceType\":\"Patient\",\"id\":\"a\"}";
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/$validate?mode=create", NULL, body}, 200,
                  "id-taken");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/a/$validate?mode=update", NULL, body}, 200,
                  "valid");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/b/$validate?mode=update", NULL, body}, 200,
                  "id-mismatch");
    (void)outcome(w, (Ask){"POST", "/fhir/Group/$validate", NULL, body}, 200, "type-mismatch");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/a/$validate?mode=delete", NULL, NULL}, 200,
                  "valid");
    (void)outcome(w, (Ask){"POST", "/fhir/Patient/b/$validate?mode=delete", NULL, NULL}, 404,
                  "resource-unknown");
}

static void what_is_stored_can_be_validated(void **state) {
    World *w = *state;
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/a",
                               "{\"resourceType\":\"Patient\",\"id\":\"a\"," CLAIMS "}"),
                     201);
    (void)outcome(w, (Ask){"GET", "/fhir/Patient/a/$validate", NULL, NULL}, 200, "profile-unknown");
    put_profile(w, "name");
    (void)outcome(w, (Ask){"GET", "/fhir/Patient/a/$validate", NULL, NULL}, 200, "profile-min");
    put_profile(w, "active");
    (void)outcome(w, (Ask){"GET", "/fhir/Patient/a/$validate", NULL, NULL}, 200, "profile-min");
    assert_int_equal(status_of(w, "DELETE", "/fhir/StructureDefinition/named", NULL), 204);
    (void)outcome(w, (Ask){"GET", "/fhir/Patient/a/$validate", NULL, NULL}, 200, "profile-unknown");
}

static void references_that_lead_nowhere_warn(void **state) {
    World *w = *state;
    Ask a = {"POST", "/fhir/Observation/$validate", NULL,
             "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
             "\"performer\":[{\"reference\":\"Practitioner/none\"}]}"};
    (void)outcome(w, a, 200, "reference-missing");
    Reply r = ask(w, &a);
    assert_str(raw(body_of(w, r), "issue.severity"), STR("warning"));
}

static void bindings_are_checked_by_the_terminology(void **state) {
    World *w = *state;
    Ask a = {"POST", "/fhir/Patient/$validate", NULL,
             "{\"resourceType\":\"Patient\",\"maritalStatus\":{\"coding\":[{\"system\":"
             "\"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\",\"code\":\"M\"}]}}"};
    (void)outcome(w, a, 200, "valid");
    a.body = "{\"resourceType\":\"Patient\",\"maritalStatus\":{\"coding\":[{\"system\":"
             "\"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\",\"code\":\"Q\"}]}}";
    (void)outcome(w, a, 200, "profile-binding");
}

/* ---- on write ---- */

/* The same server with another policy. */
static void restart(World *w, const char *setting) {
    ErrInfo info = {0};
    (void)close(w->fd);
    rest_stop(w->rest);
    w->settings.validation = setting;
    RestOptions o = {
        .store = w->store, .intake = w->intake, .subs = w->subs, .settings = &w->settings};
    assert_ok(rest_start(&o, &w->rest, &info));
    world_connect(w);
}

static void writes_are_refused_with_all_issues(void **state) {
    World *w = *state;
    restart(w, "base");
    const char *body = "{\"resourceType\":\"Patient\",\"contact\":[{\"gender\":\"male\"}],"
                       "\"telecom\":[{\"value\":\"1\"}]}";
    assert_int_equal(outcome(w, (Ask){"POST", "/fhir/Patient", NULL, body}, 422, NULL), 2);
    const char *bundle =
        "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[{\"resource\":{\"resourceType\":"
        "\"Patient\",\"contact\":[{\"gender\":\"male\"}]},\"request\":{\"method\":\"POST\",\"url\":"
        "\"Patient\"}}]}";
    char text[1000];
    (void)snprintf(text, sizeof(text), bundle, "transaction");
    assert_int_equal(outcome(w, (Ask){"POST", "/fhir", NULL, text}, 422, "pat-1"), 1);
    (void)snprintf(text, sizeof(text), bundle, "batch");
    Reply r = ask(w, &(Ask){"POST", "/fhir", NULL, text});
    assert_int_equal(r.status, 200);
    assert_true(str_starts(raw(body_of(w, r), "entry.response.status"), STR("422")));
}

/* Warnings and unknown extensions do not keep a resource out; profiles only by policy. */
static void writes_are_not_refused_for_less(void **state) {
    World *w = *state;
    restart(w, "base");
    put_profile(w, "name");
    const char *body = "{\"resourceType\":\"Patient\"," CLAIMS ",\"extension\":[{\"url\":"
                       "\"http://example.org/none\",\"valueString\":\"a\"}]}";
    assert_int_equal(status_of(w, "POST", "/fhir/Patient", body), 201);
}

static void with_profiles(void **state, const char *setting, int expected) {
    World *w = *state;
    restart(w, setting);
    put_profile(w, "name");
    assert_int_equal(
        status_of(w, "POST", "/fhir/Patient", "{\"resourceType\":\"Patient\"," CLAIMS "}"),
        expected);
    const char *broken = "{\"resourceType\":\"Organization\",\"telecom\":[{\"value\":\"1\"}]}";
    assert_int_equal(status_of(w, "POST", "/fhir/Organization", broken),
                     strncmp(setting, "structure", 9) == 0 ? 201 : 422);
}

static void policy_profiles(void **state) {
    with_profiles(state, "profiles", 422);
}

static void policy_by_type(void **state) {
    with_profiles(state, "structure,Patient=profiles", 422);
}

static void policy_structure(void **state) {
    with_profiles(state, "structure", 201);
}

static void policy_that_is_none(void **state) {
    World *w = *state;
    static const char *const bad[] = {"strict", "base,Citizen=base", "Patient=", "=base"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Rest *rest = NULL;
        ErrInfo info = {0};
        Settings s = w->settings;
        s.validation = bad[i];
        RestOptions o = {.store = w->store, .intake = w->intake, .subs = NULL, .settings = &s};
        assert_int_equal(rest_start(&o, &rest, &info), ERR_PARAM);
        assert_string_equal(info.rule, "setting-validation");
    }
}

/* ---- what comes with the program ---- */

static void own_definitions_are_served(void **state) {
    World *w = *state;
    const JsonNode *root = get(w, "/fhir/StructureDefinition/citizen", NULL, 200);
    assert_str(raw(root, "url"), STR("https://nhip.vn/fhir/StructureDefinition/citizen"));
    root = get(w, "/fhir/NamingSystem/cccd", NULL, 200);
    assert_str(raw(root, "uniqueId.value"), STR("https://nhip.vn/fhir/sid/cccd"));
    (void)get(w, "/fhir/StructureDefinition/bp", NULL, 200);
    (void)outcome(w, (Ask){"GET", "/fhir/StructureDefinition/bp/$validate", NULL, NULL}, 200, NULL);
}

static void supported_profiles_are_declared(void **state) {
    World *w = *state;
    Reply r = ask(w, &(Ask){"GET", "/fhir/metadata", NULL, NULL});
    assert_true(str_find(r.body, STR("https://nhip.vn/fhir/StructureDefinition/visit\"")) !=
                SIZE_MAX);
    assert_true(str_find(r.body, STR("http://example.org/named")) == SIZE_MAX);
    assert_true(str_find(r.body, STR("OperationDefinition/Resource-validate")) != SIZE_MAX);
    put_profile(w, "name");
    r = ask(w, &(Ask){"GET", "/fhir/metadata", NULL, NULL});
    assert_true(str_find(r.body, STR("http://example.org/named")) != SIZE_MAX);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(all_ok_is_said),
        IN_WORLD(every_issue_has_its_place),
        IN_WORLD(parameters_carry_resource_mode_and_profile),
        IN_WORLD(the_profile_may_stand_in_the_address),
        IN_WORLD(modes_ask_for_more),
        IN_WORLD(what_is_stored_can_be_validated),
        IN_WORLD(references_that_lead_nowhere_warn),
        IN_WORLD(bindings_are_checked_by_the_terminology),
        IN_WORLD(writes_are_refused_with_all_issues),
        IN_WORLD(writes_are_not_refused_for_less),
        IN_WORLD(policy_profiles),
        IN_WORLD(policy_by_type),
        IN_WORLD(policy_structure),
        IN_WORLD(policy_that_is_none),
        IN_WORLD(own_definitions_are_served),
        IN_WORLD(supported_profiles_are_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
