#include "unit/test.h"

#include "core/limits.h"
#include "fhir/fhir_parse.h"
#include "fhir/fhir_validate.h"

static void a_resource_knows_its_type(void **state) {
    (void)state;
    Arena *a = arena_new(LIMIT_MIB);
    FhirResource r;
    assert_ok(fhir_parse(a, STR(" {\"id\":\"1\",\"resourceType\":\"Patient\"} "), &r, NULL));
    assert_int_equal(r.type, FHIR_T_PATIENT);
    assert_str(json_raw_str(json_get_lit(r.root, "id")), STR("1"));
    assert_int_equal(fhir_type_of(r.root), FHIR_T_PATIENT);
    assert_int_equal(fhir_type_of(NULL), FHIR_T_NONE);
    arena_free(a);
}

static void what_is_no_resource_is_refused_with_one_issue(void **state) {
    (void)state;
    static const struct {
        const char *text;
        ErrCode err;
    } rows[] = {
        {"", ERR_SYNTAX},
        {"{", ERR_SYNTAX},
        {"{\"resourceType\":\"Patient\"}x", ERR_SYNTAX},
        {"5", ERR_INVALID},
        {"[]", ERR_INVALID},
        {"{}", ERR_INVALID},
        {"{\"resourceType\":5}", ERR_INVALID},
        {"{\"resourceType\":\"HumanName\"}", ERR_INVALID},
        {"{\"resourceType\":\"Resource\"}", ERR_INVALID},
    };
    Arena *a = arena_new(LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FhirIssues issues = fhir_issues(a);
        FhirResource r = {FHIR_T_BASIC, NULL};
        assert_int_equal(fhir_parse(a, str_from(rows[i].text), &r, &issues), rows[i].err);
        assert_int_equal(issues.n, 1);
        assert_true(issues.items[0].en.len > 0 && issues.items[0].vi.len > 0);
        assert_int_equal(r.type, FHIR_T_BASIC);
    }
    arena_free(a);
}

static void resources_follow_each_other_in_ndjson(void **state) {
    (void)state;
    Arena *a = arena_new(LIMIT_MIB);
    Str text = STR("{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Basic\"}\n");
    FhirResource r;
    assert_ok(fhir_parse_next(a, &text, &r, NULL));
    assert_int_equal(r.type, FHIR_T_PATIENT);
    assert_ok(fhir_parse_next(a, &text, &r, NULL));
    assert_int_equal(r.type, FHIR_T_BASIC);
    assert_str(str_trim(text), STR(""));
    arena_free(a);
}

/* One byte over the limit in a resource of its own; the same text in a Bundle is taken. */
static void a_resource_has_its_size_limit(void **state) {
    (void)state;
    Arena *a = arena_new(256 * LIMIT_MIB);
    Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    buf_put_lit(&b, "{\"resourceType\":\"Basic\",\"language\":\"");
    for (size_t i = 0; i <= LIMIT_RESOURCE_BYTES; i += 64) {
        buf_put(&b, "0123456789012345678901234567890123456789012345678901234567890123", 64);
    }
    buf_put_lit(&b, "\"}");
    assert_ok(buf_ok(&b));
    FhirIssues issues = fhir_issues(a);
    FhirResource r;
    assert_int_equal(fhir_parse(a, buf_str(&b), &r, &issues), ERR_LIMIT);
    assert_string_equal(issues.items[0].id, "fhir-size");
    buf_release(&b);
    arena_free(a);
}

/* 60 levels of items: within the JSON depth limit the walk neither stops nor overruns. */
static void deep_nesting_is_walked_to_its_end(void **state) {
    (void)state;
    Arena *a = arena_new(4 * LIMIT_MIB);
    Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_lit(&b, "{\"resourceType\":\"Questionnaire\",\"status\":\"draft\"");
    int depth = 30;
    for (int i = 0; i < depth; i++) {
        buf_put_lit(&b, ",\"item\":[{\"linkId\":\"1\",\"type\":\"group\"");
    }
    buf_put_lit(&b, ",\"x\":1");
    for (int i = 0; i < depth; i++) {
        buf_put_lit(&b, "}]");
    }
    buf_put_lit(&b, "}");
    FhirIssues issues = fhir_issues(a);
    FhirResource r;
    assert_ok(fhir_parse(a, buf_str(&b), &r, &issues));
    assert_int_equal(fhir_validate(&r, NULL, &issues), ERR_INVALID);
    assert_int_equal(issues.n, 1);
    assert_true(str_ends(issues.items[0].where, STR(".item[0].item[0].x")));
    buf_release(&b);
    arena_free(a);
}

/* Inputs that would take minutes if a step looked through all its neighbours: 200,000 nulls with
 * their extensions, 50,000 contained resources with references to each, 1,000,000 errors; read as
 * files of the machine's own are, which may have long lists. */
static void large_hostile_inputs_stay_cheap(void **state) {
    (void)state;
    Str text;
    Arena *a = arena_new(512 * LIMIT_MIB);
    Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    buf_put_lit(&b, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":"
                    "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[null");
    for (int i = 1; i < 200000; i++) {
        buf_put_lit(&b, ",null");
    }
    buf_put_lit(&b, "],\"_given\":[{\"id\":\"0\"}");
    for (int i = 1; i < 200000; i++) {
        buf_put_lit(&b, ",{\"id\":\"1\"}");
    }
    buf_put_lit(&b,
                "]}]}},{\"resource\":{\"resourceType\":\"List\",\"status\":\"current\","
                "\"mode\":\"working\",\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"p\"}");
    for (int i = 0; i < 50000; i++) {
        buf_printf(&b, ",{\"resourceType\":\"Patient\",\"id\":\"aaaaaaaa%05daaaaaaaa\"}", i);
    }
    buf_put_lit(&b, "],\"entry\":[{\"item\":{\"reference\":\"#p\"}}");
    for (int i = 0; i < 50000; i++) {
        buf_printf(&b, ",{\"item\":{\"reference\":\"#aaaaaaaa%05daaaaaaaa\"}}", i);
    }
    buf_put_lit(&b, "]}}]}");
    FhirIssues issues = fhir_issues(a);
    FhirResource r;
    text = buf_str(&b);
    assert_ok(fhir_parse_next(a, &text, &r, &issues));
    assert_ok(fhir_validate(&r, NULL, &issues));
    buf_clear(&b);
    buf_put_lit(&b, "{\"resourceType\":\"Patient\",\"name\":[1");
    for (int i = 0; i < 1000000; i++) {
        buf_put_lit(&b, ",1");
    }
    buf_put_lit(&b, "]}");
    text = buf_str(&b);
    assert_ok(fhir_parse_next(a, &text, &r, &issues));
    assert_int_equal(fhir_validate(&r, NULL, &issues), ERR_INVALID);
    assert_int_equal(issues.n_errors, 1000001);
    assert_int_equal(issues.n, LIMIT_FHIR_ISSUES);
    buf_release(&b);
    arena_free(a);
}

static void a_full_arena_is_an_error_and_not_a_pass(void **state) {
    (void)state;
    Arena *a = arena_new(64 * LIMIT_KIB);
    Arena *tiny = arena_new(4096);
    FhirResource r;
    assert_ok(fhir_parse(a, STR("{\"resourceType\":\"Patient\",\"x\":1}"), &r, NULL));
    FhirIssues issues = fhir_issues(tiny);
    assert_int_equal(fhir_validate(&r, NULL, &issues), ERR_NOMEM);
    assert_int_equal(issues.n_dropped, 1);
    arena_free(a);
    arena_free(tiny);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_knows_its_type),
        cmocka_unit_test(what_is_no_resource_is_refused_with_one_issue),
        cmocka_unit_test(resources_follow_each_other_in_ndjson),
        cmocka_unit_test(a_resource_has_its_size_limit),
        cmocka_unit_test(deep_nesting_is_walked_to_its_end),
        cmocka_unit_test(large_hostile_inputs_stay_cheap),
        cmocka_unit_test(a_full_arena_is_an_error_and_not_a_pass),
    };
    return cmocka_run_group_tests_name("fhir/parse", tests, NULL, NULL);
}
