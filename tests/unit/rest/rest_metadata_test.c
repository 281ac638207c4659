/* The capability statement says what the server does, no more and no less: everything that it
 * declares is called, what it does not declare is refused. */
#include "unit/rest/rest_help.h"

#include "fhir/fhir_search_param.h"
#include "fhir/fhir_validate.h"

static const JsonNode *metadata(World *w) {
    Reply r = ask(w, &(Ask){"GET", "/fhir/metadata", NULL, NULL});
    FhirResource resource;
    FhirIssues issues = fhir_issues(w->arena);
    assert_int_equal(r.status, 200);
    assert_ok(fhir_parse(w->arena, arena_str(w->arena, r.body), &resource, &issues));
    ErrCode err = fhir_validate(&resource, NULL, &issues);
    if (err != ERR_OK) {
        print_error(STR_FMT ": " STR_FMT "\n", STR_ARG(issues.items[0].where),
                    STR_ARG(issues.items[0].en));
    }
    assert_ok(err);
    return json_first(json_path(resource.root, "rest"));
}

static void expect_status(World *w, const Ask *a, int wanted) {
    Reply r = ask(w, a);
    if (r.status != wanted) {
        print_error("%s %s: %d, want %d\n" STR_FMT "\n", a->method, a->target, r.status, wanted,
                    (int)MIN(r.body.len, (size_t)600), r.body.ptr);
    }
    assert_int_equal(r.status, wanted);
}

static bool has_text(const JsonNode *list, const char *member, const char *text) {
    const JsonNode *at = list == NULL ? NULL : json_first(list);
    for (; at != NULL; at = json_next(list, at)) {
        if (str_eq(json_raw_str(json_get(at, str_from(member))), str_from(text))) {
            return true;
        }
    }
    return false;
}

static bool has_code(const JsonNode *list, const char *code) {
    return has_text(list, "code", code);
}

/* ---- interactions ---- */

static const struct {
    const char *code, *method, *path, *body;
    int status; /* of what is not there, or of a body that is no resource */
} interactions[] = {
    {"read", "GET", "/none", NULL, 404},
    {"vread", "GET", "/none/_history/1", NULL, 404},
    {"update", "PUT", "/none", "{}", 422},
    {"patch", "PATCH", "/none", "{}", 404},
    {"delete", "DELETE", "/none", NULL, 204},
    {"history-instance", "GET", "/none/_history", NULL, 404},
    {"history-type", "GET", "/_history", NULL, 200},
    {"create", "POST", "", "{}", 422},
    {"search-type", "GET", "", NULL, 200},
};

static void interactions_are_as_declared(void **state) {
    World *w = *state;
    const JsonNode *rest = metadata(w);
    const JsonNode *list = json_get_lit(rest, "resource");
    size_t n = 0;
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at), n++) {
        Str type = json_raw_str(json_get_lit(at, "type"));
        const JsonNode *declared = json_get_lit(at, "interaction");
        assert_int_equal(json_count(declared), ARRAY_LEN(interactions));
        for (size_t i = 0; i < ARRAY_LEN(interactions); i++) {
            Str target =
                arena_printf(w->arena, "/fhir/" STR_FMT "%s", STR_ARG(type), interactions[i].path);
            expect_status(w, &(Ask){interactions[i].method, target.ptr, NULL, interactions[i].body},
                          interactions[i].status);
            assert_int_equal(has_code(declared, interactions[i].code),
                             interactions[i].status != 405);
        }
        bool everything = has_text(json_get_lit(at, "operation"), "name", "everything");
        assert_int_equal(everything,
                         str_eq(type, STR("Patient")) || str_eq(type, STR("Encounter")));
        Str target = arena_printf(w->arena, "/fhir/" STR_FMT "/none/$everything", STR_ARG(type));
        Reply r = ask(w, &(Ask){"GET", target.ptr, NULL, NULL});
        assert_int_equal(r.status, 404);
        assert_int_equal(str_find(r.body, STR("operation-unknown")) == SIZE_MAX, everything);
    }
    assert_int_equal(n, FHIR_RESOURCE_COUNT);
}

static void whole_system(void **state) {
    World *w = *state;
    const JsonNode *declared = json_get_lit(metadata(w), "interaction");
    assert_int_equal(json_count(declared), 4);
    assert_true(has_code(declared, "search-system"));
    assert_int_equal(json_count(json_get_lit(metadata(w), "compartment")), 5);
    assert_true(has_code(declared, "transaction") && has_code(declared, "batch") &&
                has_code(declared, "history-system"));
    expect_status(
        w, &(Ask){"POST", "/fhir", NULL, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}"},
        200);
    expect_status(
        w, &(Ask){"POST", "/fhir", NULL, "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}"}, 200);
    expect_status(w, &(Ask){"GET", "/fhir/_history", NULL, NULL}, 200);
    expect_status(w, &(Ask){"GET", "/fhir?_id=x", NULL, NULL}, 200);
    expect_status(w, &(Ask){"GET", "/fhir?name=x", NULL, NULL}, 400); /* not of all types */
    static const char *const owners[] = {"Patient", "Encounter", "Practitioner", "RelatedPerson",
                                         "Device"};
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        expect_status(w,
                      &(Ask){"GET", arena_printf(w->arena, "/fhir/%s/x/*?_count=1", owners[i]).ptr,
                             NULL, NULL},
                      200);
    }
    expect_status(w, &(Ask){"GET", "/fhir/Location/x/*", NULL, NULL}, 404);
    expect_status(w, &(Ask){"GET", "/fhir/Patient/x/Medication", NULL, NULL}, 404);
}

/* ---- search ---- */

static Str value_of_type(FhirParamType type) {
    switch (type) {
    case FHIR_PARAM_DATE:
        return STR("2020-02-03");
    case FHIR_PARAM_NUMBER:
        return STR("0.5");
    case FHIR_PARAM_QUANTITY:
        return STR("5.4");
    case FHIR_PARAM_URI:
        return STR("http://example.org/x");
    case FHIR_PARAM_SPECIAL:
        return STR("16.4%7C107.6%7C5%7Ckm");
    case FHIR_PARAM_REFERENCE:
    case FHIR_PARAM_TOKEN:
    case FHIR_PARAM_STRING:
    case FHIR_PARAM_COMPOSITE:
    case FHIR_PARAM_WORDS:
        break;
    }
    return STR("x");
}

static Str value_of(World *w, const FhirSearchParam *p) {
    Str value = value_of_type((FhirParamType)p->type);
    for (unsigned i = 0; i < p->n_parts; i++) {
        Str part = value_of_type((FhirParamType)p->parts[i].type);
        value = i == 0 ? part
                       : arena_printf(w->arena, STR_FMT "$" STR_FMT, STR_ARG(value), STR_ARG(part));
    }
    return value;
}

static void search(World *w, Str type, Str query, int wanted) {
    Str target = arena_printf(w->arena, "/fhir/" STR_FMT "?" STR_FMT "&_count=1", STR_ARG(type),
                              STR_ARG(query));
    expect_status(w, &(Ask){"GET", target.ptr, NULL, NULL}, wanted);
}

static size_t call_params(World *w, Str type, const JsonNode *list) {
    FhirType t = fhir_resource_by_name(type);
    size_t n = 0;
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at), n++) {
        Str name = json_raw_str(json_get_lit(at, "name"));
        const FhirSearchParam *p = fhir_search_param(t, name);
        assert_non_null(p);
        assert_str(json_raw_str(json_get_lit(at, "type")),
                   fhir_param_type_name((FhirParamType)p->type));
        search(w, type,
               arena_printf(w->arena, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value_of(w, p))),
               200);
    }
    return n;
}

/* Everything of the tables is declared, or refused. */
static size_t refuse_others(World *w, Str type) {
    size_t n_common = 0;
    size_t n_declared = 0;
    (void)fhir_search_params(fhir_resource_by_name(type), &n_declared);
    (void)fhir_search_params_common(&n_common);
    search(w, type, STR("colour=red"), 400);
    search(w, type, STR("_query=x"), 400);
    search(w, type, STR("_include=Patient:colour"), 400);
    search(w, type, STR("_revinclude=*:*"), 400);
    return n_declared + n_common;
}

static void parameters_are_as_declared(void **state) {
    World *w = *state;
    const JsonNode *list = json_get_lit(metadata(w), "resource");
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at)) {
        Str type = json_raw_str(json_get_lit(at, "type"));
        size_t n = call_params(w, type, json_get_lit(at, "searchParam"));
        assert_int_equal(n, refuse_others(w, type));
    }
}

/* ---- includes ---- */

static size_t call_includes(World *w, Str type, const JsonNode *list, const char *name) {
    size_t n = 0;
    const JsonNode *at = list == NULL ? NULL : json_first(list);
    for (; at != NULL; at = json_next(list, at), n++) {
        search(w, type, arena_printf(w->arena, "%s=" STR_FMT, name, STR_ARG(json_raw_str(at))),
               200);
    }
    return n;
}

/* An include or revinclude that is not in the list is refused. */
static void refuse_include(World *w, Str type, const JsonNode *list, FhirType source) {
    size_t n = 0;
    const FhirSearchParam *rows = fhir_search_params(source, &n);
    for (size_t i = 0; i < n; i++) {
        Str value =
            arena_printf(w->arena, "%s:" STR_FMT, fhir_type_name(source), STR_ARG(rows[i].code));
        bool there = false;
        const JsonNode *at = list == NULL ? NULL : json_first(list);
        for (; at != NULL && !there; at = json_next(list, at)) {
            there = str_eq(json_raw_str(at), value);
        }
        if (!there) {
            search(w, type, arena_printf(w->arena, "_revinclude=" STR_FMT, STR_ARG(value)), 400);
        }
    }
}

static void includes_are_as_declared(void **state) {
    World *w = *state;
    const JsonNode *list = json_get_lit(metadata(w), "resource");
    size_t forward = 0;
    size_t reverse = 0;
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at)) {
        Str type = json_raw_str(json_get_lit(at, "type"));
        forward += call_includes(w, type, json_get_lit(at, "searchInclude"), "_include");
        reverse += call_includes(w, type, json_get_lit(at, "searchRevInclude"), "_revinclude");
        refuse_include(w, type, json_get_lit(at, "searchRevInclude"), FHIR_T_OBSERVATION);
    }
    assert_true(forward > 500 && reverse > 10000);
}

/* ---- operations ---- */

/* Each has a definition that is a valid resource and says the same. */
static size_t read_definitions(World *w, const JsonNode *list, Str type) {
    size_t n = 0;
    const JsonNode *at = list == NULL ? NULL : json_first(list);
    for (; at != NULL; at = json_next(list, at), n++) {
        Str url = json_raw_str(json_get_lit(at, "definition"));
        Str target = arena_str(w->arena, str_sub(url, str_find(url, STR("/fhir/")), url.len));
        Reply r = ask(w, &(Ask){"GET", target.ptr, NULL, NULL});
        FhirResource resource;
        FhirIssues issues = fhir_issues(w->arena);
        assert_int_equal(r.status, 200);
        assert_ok(fhir_parse(w->arena, arena_str(w->arena, r.body), &resource, &issues));
        assert_ok(fhir_validate(&resource, NULL, &issues));
        assert_str(raw(resource.root, "code"), json_raw_str(json_get_lit(at, "name")));
        assert_str(raw(resource.root, "url"), url);
        Str on = raw(resource.root, "resource");
        assert_true(type.len == 0 || str_eq(on, STR("Resource")) || str_eq(on, type));
    }
    return n;
}

static void operations_have_their_definitions(void **state) {
    World *w = *state;
    const JsonNode *rest = metadata(w);
    const JsonNode *list = json_get_lit(rest, "resource");
    size_t n = read_definitions(w, json_get_lit(rest, "operation"), STR_EMPTY);
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at)) {
        n += read_definitions(w, json_get_lit(at, "operation"),
                              json_raw_str(json_get_lit(at, "type")));
    }
    assert_true(n > 0);
    const JsonNode *one = get(w, "/fhir/OperationDefinition/Patient-everything", NULL, 200);
    assert_str(raw(one, "name"), STR("PatientEverything"));
    assert_true(has_text(json_get_lit(one, "parameter"), "name", "_since"));
    (void)get(w, "/fhir/OperationDefinition/Patient-nothing", NULL, 404);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(interactions_are_as_declared),      IN_WORLD(whole_system),
        IN_WORLD(parameters_are_as_declared),        IN_WORLD(includes_are_as_declared),
        IN_WORLD(operations_have_their_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
