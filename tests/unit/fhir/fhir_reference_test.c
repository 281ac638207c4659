#include "unit/test.h"

#include "fhir/fhir_reference.h"

typedef struct Row {
    const char *text;
    FhirReferenceKind kind;
    FhirType type;
    const char *base, *id, *version;
} Row;

static const Row ROWS[] = {
    {"Patient/1", FHIR_REF_RELATIVE, FHIR_T_PATIENT, "", "1", ""},
    {"Patient/1/_history/v.2", FHIR_REF_RELATIVE, FHIR_T_PATIENT, "", "1", "v.2"},
    {"http://a/b/Patient/1", FHIR_REF_ABSOLUTE, FHIR_T_PATIENT, "http://a/b/", "1", ""},
    {"https://a/Group/1/_history/2", FHIR_REF_ABSOLUTE, FHIR_T_GROUP, "https://a/", "1", "2"},
    {"http://a/b/Citizen/1", FHIR_REF_ABSOLUTE, FHIR_T_NONE, "", "", ""},
    {"http://a/Patient/1?x=y", FHIR_REF_ABSOLUTE, FHIR_T_NONE, "", "", ""},
    {"mailto:a@example.org", FHIR_REF_ABSOLUTE, FHIR_T_NONE, "", "", ""},
    {"urn:oid:1.2", FHIR_REF_URN, FHIR_T_NONE, "", "urn:oid:1.2", ""},
    {"#", FHIR_REF_CONTAINED, FHIR_T_NONE, "", "", ""},
    {"#p1", FHIR_REF_CONTAINED, FHIR_T_NONE, "", "p1", ""},
    {"Patient?identifier=a|b", FHIR_REF_CONDITIONAL, FHIR_T_PATIENT, "", "identifier=a|b", ""},
    {"Patient/~", FHIR_REF_LOCAL, FHIR_T_PATIENT, "", "", ""},
    {"Encounter/~12", FHIR_REF_LOCAL, FHIR_T_ENCOUNTER, "", "12", ""},
};

static void references_are_taken_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const Row *r = &ROWS[i];
        FhirReference ref;
        assert_ok(fhir_reference_parse(str_from(r->text), &ref));
        assert_int_equal(ref.kind, r->kind);
        assert_int_equal(ref.type, r->type);
        assert_str(ref.base, str_from(r->base));
        assert_str(ref.id, str_from(r->id));
        assert_str(ref.version, str_from(r->version));
    }
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "1",
        "Patient",
        "Patient/",
        "/Patient/1",
        "x/Patient/1",
        "patient/1",
        "Citizen/1",
        "Patient/a b",
        "Patient/ă",
        "Patient/~x",
        "Patient/~1/_history/2",
        "Patient?",
        "urn:uuid:1",
        "urn:oid:x",
        "http:",
        "Resource/1",
        "Patient/1/_history",
        "Patient/1/_history/",
        "Patient/1/2",
        "HumanName/1",
        "Patient/1#x",
        "Patient/~123456789012",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        FhirReference ref = {.type = FHIR_T_BASIC};
        if (fhir_reference_parse(str_from(texts[i]), &ref) != ERR_INVALID) {
            print_error("<%s> was taken\n", texts[i]);
            fail();
        }
        assert_int_equal(ref.type, FHIR_T_BASIC); /* untouched on failure */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_taken_apart),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("fhir/reference", tests, NULL, NULL);
}
