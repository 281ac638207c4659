#include "unit/test.h"

#include "core/limits.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_validate.h"

typedef struct Fixture {
    Arena *arena;
    Buf out;
} Fixture;

static int setup(void **state) {
    static Fixture f;
    f.arena = arena_new(LIMIT_MIB * 4);
    buf_init(&f.out, LIMIT_MIB);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    Fixture *f = *state;
    buf_release(&f->out);
    arena_free(f->arena);
    return 0;
}

static Str print(Fixture *f, const char *text, const FhirPrintOptions *options) {
    FhirResource r;
    buf_clear(&f->out);
    assert_ok(fhir_parse(f->arena, str_from(text), &r, NULL));
    fhir_print(&f->out, &r, options);
    assert_ok(buf_ok(&f->out));
    return buf_str(&f->out);
}

#define TAG                                                                                        \
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\","                   \
    "\"code\":\"SUBSETTED\"}"

static const char PATIENT[] =
    "{ \"resourceType\": \"Patient\", \"id\": \"1\",\n \"meta\": {\"versionId\": \"2\"},"
    "\"language\":\"vi\",\"text\":{\"status\":\"generated\",\"div\":\"<div>x<\\/div>\"},"
    "\"extension\":[{\"url\":\"http://example.org/e\",\"valueDecimal\":1.50}],"
    "\"name\":[{\"id\":\"n\",\"text\":\"Hu\\u1ebf\"}],"
    "\"birthDate\":\"1990\",\"_birthDate\":{\"id\":\"b\"},"
    "\"maritalStatus\":{\"text\":\"x\"},\"link\":[{\"other\":{\"reference\":\"Patient/2\"},"
    "\"type\":\"seealso\"}]}";

static void printing_keeps_escapes_and_decimals(void **state) {
    Fixture *f = *state;
    assert_str(print(f,
                     "{\n\"resourceType\" : \"Basic\", \"code\":{ \"text\":\"a\\/\\u0041\" } ,"
                     "\"extension\":[{\"url\":\"x\",\"valueDecimal\": 1.50 }] }",
                     NULL),
               STR("{\"resourceType\":\"Basic\",\"code\":{\"text\":\"a\\/\\u0041\"},"
                   "\"extension\":[{\"url\":\"x\",\"valueDecimal\":1.50}]}"));
}

static void summary_keeps_marked_and_required_elements(void **state) {
    Fixture *f = *state;
    assert_str(
        print(f, PATIENT, &(FhirPrintOptions){.summary = FHIR_SUMMARY_TRUE}),
        STR("{\"resourceType\":\"Patient\",\"id\":\"1\",\"meta\":{\"versionId\":\"2\","
            "\"tag\":[" TAG "]},\"name\":[{\"text\":\"Hu\\u1ebf\"}],\"birthDate\":\"1990\","
            "\"_birthDate\":{\"id\":\"b\"},\"link\":[{\"other\":{\"reference\":\"Patient/2\"}"
            ",\"type\":\"seealso\"}]}"));
}

static void summary_text_and_data_are_each_other_s_rest(void **state) {
    Fixture *f = *state;
    assert_str(print(f, PATIENT, &(FhirPrintOptions){.summary = FHIR_SUMMARY_TEXT}),
               STR("{\"resourceType\":\"Patient\",\"id\":\"1\",\"meta\":{\"versionId\":\"2\","
                   "\"tag\":[" TAG "]},\"text\":{\"status\":\"generated\","
                   "\"div\":\"<div>x<\\/div>\"}}"));
    Str data = print(f, PATIENT, &(FhirPrintOptions){.summary = FHIR_SUMMARY_DATA});
    assert_int_equal(str_find(data, STR("<div>")), SIZE_MAX);
    assert_true(str_find(data, STR("\"maritalStatus\":{\"text\":\"x\"}")) != SIZE_MAX);
    assert_true(str_find(data, STR("\"valueDecimal\":1.50")) != SIZE_MAX);
}

static void elements_name_what_stays(void **state) {
    Fixture *f = *state;
    Str names[] = {STR("birthDate"), STR("nothing")};
    FhirPrintOptions o = {.elements = names, .n_elements = 2};
    assert_str(print(f, PATIENT, &o),
               STR("{\"resourceType\":\"Patient\",\"id\":\"1\",\"meta\":{\"versionId\":\"2\","
                   "\"tag\":[" TAG "]},\"birthDate\":\"1990\",\"_birthDate\":{\"id\":\"b\"},"
                   "\"link\":[{\"other\":{\"reference\":\"Patient/2\"},\"type\":\"seealso\"}]}"));
    /* A choice goes by its base name; required elements stay; own tags stay in front. */
    Str value = STR("value");
    o = (FhirPrintOptions){.elements = &value, .n_elements = 1};
    assert_str(print(f,
                     "{\"resourceType\":\"Observation\",\"meta\":{\"tag\":[{\"code\":\"t\"}]},"
                     "\"status\":\"final\",\"code\":{\"text\":\"c\"},\"note\":[{\"text\":\"n\"}],"
                     "\"valueQuantity\":{\"value\":1}}",
                     &o),
               STR("{\"resourceType\":\"Observation\",\"meta\":{\"tag\":[{\"code\":\"t\"}," TAG
                   "]},\"status\":\"final\",\"code\":{\"text\":\"c\"},"
                   "\"valueQuantity\":{\"value\":1}}"));
}

static void outcomes_speak_the_language_asked_for(void **state) {
    Fixture *f = *state;
    FhirIssues issues = fhir_issues(f->arena);
    FhirResource r;
    assert_ok(fhir_parse(f->arena, STR("{\"resourceType\":\"Patient\",\"gender\":\"x\\\"\"}"), &r,
                         &issues));
    assert_int_equal(fhir_validate(&r, NULL, &issues), ERR_INVALID);
    buf_clear(&f->out);
    fhir_print_outcome(&f->out, &issues, FHIR_LANG_VI);
    assert_str(buf_str(&f->out),
               STR("{\"resourceType\":\"OperationOutcome\",\"language\":\"vi\",\"issue\":[{"
                   "\"severity\":\"error\",\"code\":\"code-invalid\",\"details\":{\"coding\":[{"
                   "\"system\":\"urn:nhip:rule\",\"code\":\"fhir-code\"}],\"text\":\"mã 'x\\\"' "
                   "không thuộc danh mục bắt buộc "
                   "http://hl7.org/fhir/ValueSet/administrative-gender\"},"
                   "\"expression\":[\"Patient.gender\"]}]}"));
    buf_clear(&f->out);
    fhir_print_outcome(&f->out, &issues, FHIR_LANG_EN);
    assert_true(str_find(buf_str(&f->out), STR("is not in the required value set")) != SIZE_MAX);
    ErrInfo info = {0};
    assert_int_equal(fhir_issues_to_info(&issues, ERR_INVALID, &info), ERR_INVALID);
    assert_string_equal(info.rule, "fhir-code");
    assert_string_equal(info.where, "Patient.gender");
    assert_true(strstr(info.what_vi, "mã") != NULL && strstr(info.what_en, "code") != NULL);
    buf_clear(&f->out);
    fhir_print_outcome_err(&f->out, &info, FHIR_LANG_EN);
    assert_true(str_find(buf_str(&f->out), STR("\"code\":\"invalid\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&f->out), STR("[\"Patient.gender\"]")) != SIZE_MAX);
}

static void outcomes_are_valid_resources(void **state) {
    Fixture *f = *state;
    FhirIssues issues = fhir_issues(f->arena);
    for (int round = 0; round < 3; round++) {
        buf_clear(&f->out);
        fhir_print_outcome(&f->out, &issues, FHIR_LANG_EN);
        FhirIssues found = fhir_issues(f->arena);
        FhirResource r;
        assert_ok(fhir_parse(f->arena, buf_str(&f->out), &r, &found));
        assert_ok(fhir_validate(&r, NULL, &found));
        for (int i = 0; i < 99 * round + 1; i++) {
            fhir_issue_add(&issues, FHIR_RULE_EMPTY, STR("X"), (Str[2]){STR("y"), STR_EMPTY});
        }
    }
    assert_int_equal(issues.n, LIMIT_FHIR_ISSUES);
    assert_int_equal(issues.n_dropped, 200);
    assert_int_equal(issues.n_errors, 300);
    for (int code = 0; code < ERR_COUNT; code++) {
        ErrInfo info = {.code = (ErrCode)code};
        buf_clear(&f->out);
        fhir_print_outcome_err(&f->out, &info, FHIR_LANG_VI);
        FhirIssues found = fhir_issues(f->arena);
        FhirResource r;
        assert_ok(fhir_parse(f->arena, buf_str(&f->out), &r, &found));
        assert_ok(fhir_validate(&r, NULL, &found));
    }
}

static void accept_language_is_understood(void **state) {
    (void)state;
    assert_int_equal(fhir_language(STR("")), FHIR_LANG_VI);
    assert_int_equal(fhir_language(STR("en")), FHIR_LANG_EN);
    assert_int_equal(fhir_language(STR("EN-us,vi;q=0.5")), FHIR_LANG_EN);
    assert_int_equal(fhir_language(STR("vi,en;q=0.9")), FHIR_LANG_VI);
    assert_int_equal(fhir_language(STR("fr, en;q=0.8, vi;q=0.9")), FHIR_LANG_VI);
    assert_int_equal(fhir_language(STR("en;q=0.8,vi;q=0.75")), FHIR_LANG_EN);
    assert_int_equal(fhir_language(STR("en;q=0")), FHIR_LANG_VI);
    assert_int_equal(fhir_language(STR("de,*;q=0.1")), FHIR_LANG_VI);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printing_keeps_escapes_and_decimals),
        cmocka_unit_test(summary_keeps_marked_and_required_elements),
        cmocka_unit_test(summary_text_and_data_are_each_other_s_rest),
        cmocka_unit_test(elements_name_what_stays),
        cmocka_unit_test(outcomes_speak_the_language_asked_for),
        cmocka_unit_test(outcomes_are_valid_resources),
        cmocka_unit_test(accept_language_is_understood),
    };
    return cmocka_run_group_tests_name("fhir/print", tests, setup, teardown);
}
