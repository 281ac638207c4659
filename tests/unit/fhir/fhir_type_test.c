#include "unit/test.h"

#include "fhir/fhir_type.h"

static void every_type_is_found_by_its_name(void **state) {
    (void)state;
    assert_int_equal(FHIR_RESOURCE_COUNT, 146);
    for (int t = 1; t < FHIR_TYPE_COUNT; t++) {
        const char *name = fhir_type_name((FhirType)t);
        assert_int_equal(fhir_type_by_name(str_from(name)), t);
        assert_int_equal(fhir_type_is_resource((FhirType)t), t <= FHIR_RESOURCE_COUNT);
        if (t > 1 && t <= FHIR_RESOURCE_COUNT) {
            assert_true(strcmp(fhir_type_name((FhirType)(t - 1)), name) < 0);
        }
    }
    assert_int_equal(fhir_type_by_name(STR("patient")), FHIR_T_NONE);
    assert_int_equal(fhir_type_by_name(STR("")), FHIR_T_NONE);
    assert_int_equal(fhir_resource_by_name(STR("DomainResource")), FHIR_T_NONE);
    assert_int_equal(fhir_resource_by_name(STR("HumanName")), FHIR_T_NONE);
    assert_int_equal(fhir_resource_by_name(STR("Patient")), FHIR_T_PATIENT);
    assert_string_equal(fhir_type_name(FHIR_T_DATE_TIME), "dateTime");
    assert_int_equal(fhir_type_kind(FHIR_T_DATE_TIME), FHIR_KIND_PRIMITIVE);
    assert_string_equal(fhir_type_name(FHIR_T_NONE), "");
}

static void every_element_is_found_by_its_name(void **state) {
    (void)state;
    unsigned n = 0;
    for (unsigned s = 1; s < FHIR_SHAPE_COUNT; s++) {
        const FhirShapeInfo *info = fhir_shape((FhirShape)s);
        for (unsigned i = 0; i < info->n_elements; i++, n++) {
            const FhirElement *e = &info->elements[i];
            assert_ptr_equal(fhir_element((FhirShape)s, str_from(e->name)), e);
            assert_int_equal(strlen(e->name), e->name_len);
            assert_true(e->shape > 0 && e->shape < FHIR_SHAPE_COUNT);
            assert_true(e->choice <= info->n_choices && e->required <= info->n_required);
            if (e->choice != 0) {
                Str base = {e->name, e->base_len};
                assert_ptr_equal(fhir_choice((FhirShape)s, base, (FhirType)e->shape), e);
            }
        }
    }
    assert_true(n > 7400);
}

static void elements_carry_their_definition(void **state) {
    (void)state;
    const FhirElement *e = fhir_element(FHIR_T_PATIENT, STR("name"));
    assert_int_equal(e->shape, FHIR_T_HUMAN_NAME);
    assert_int_equal(e->flags, FHIR_E_ARRAY | FHIR_E_SUMMARY);
    e = fhir_element(FHIR_T_OBSERVATION, STR("valueQuantity"));
    assert_int_equal(e->shape, FHIR_T_QUANTITY);
    assert_int_equal(e->base_len, 5);
    assert_ptr_equal(fhir_choice(FHIR_T_OBSERVATION, STR("value"), FHIR_T_QUANTITY), e);
    assert_null(fhir_choice(FHIR_T_OBSERVATION, STR("value"), FHIR_T_MONEY));
    assert_null(fhir_element(FHIR_T_OBSERVATION, STR("value")));
    assert_null(fhir_element(FHIR_T_OBSERVATION, STR("value[x]")));
    assert_non_null(fhir_element(FHIR_T_OBSERVATION, STR("status"))->required ? e : NULL);
    assert_true(fhir_element(FHIR_T_RANGE, STR("low"))->flags & FHIR_E_SIMPLE);
    assert_true(fhir_element(FHIR_T_EXTENSION, STR("url"))->flags & FHIR_E_BARE);
    assert_false(fhir_element(FHIR_T_PATIENT, STR("id"))->flags & FHIR_E_BARE);
    assert_int_equal(fhir_element(FHIR_T_PATIENT, STR("id"))->shape, FHIR_T_ID);
    assert_string_equal(fhir_shape(fhir_shape_at(STR("Patient.contact")))->name, "Patient.contact");
    assert_int_equal(fhir_shape_at(STR("Observation.component.referenceRange")),
                     fhir_shape_at(STR("Observation.referenceRange")));
    assert_int_equal(fhir_shape_at(STR("Observation.component.valueQuantity.value")),
                     FHIR_T_DECIMAL);
    assert_int_equal(fhir_shape_at(STR("Observation.nothing")), 0);
    assert_int_equal(fhir_shape_at(STR("Questionnaire.item.item.item")),
                     fhir_shape_at(STR("Questionnaire.item")));
}

static void codes_and_targets_are_looked_up(void **state) {
    (void)state;
    uint16_t gender = fhir_element(FHIR_T_PATIENT, STR("gender"))->codes;
    assert_string_equal(fhir_codes_url(gender),
                        "http://hl7.org/fhir/ValueSet/administrative-gender");
    assert_true(fhir_codes_have(gender, STR("female"), NULL));
    assert_false(fhir_codes_have(gender, STR("F"), NULL));
    assert_false(fhir_codes_have(gender, STR(""), NULL));
    Str system = STR("http://hl7.org/fhir/administrative-gender");
    Str other = STR("http://hl7.org/fhir/other");
    assert_true(fhir_codes_have(gender, STR("female"), &system));
    assert_false(fhir_codes_have(gender, STR("female"), &other));
    uint16_t mime = fhir_element(FHIR_T_ATTACHMENT, STR("contentType"))->codes;
    assert_true(fhir_codes_have(mime, STR("application/anything"), NULL));
    uint16_t subject = fhir_element(FHIR_T_ENCOUNTER, STR("subject"))->targets;
    assert_true(fhir_target_allowed(subject, FHIR_T_PATIENT));
    assert_true(fhir_target_allowed(subject, FHIR_T_GROUP));
    assert_false(fhir_target_allowed(subject, FHIR_T_DEVICE));
    assert_int_equal(fhir_target_next(subject, FHIR_T_NONE), FHIR_T_GROUP);
    assert_int_equal(fhir_target_next(subject, FHIR_T_GROUP), FHIR_T_PATIENT);
    assert_int_equal(fhir_target_next(subject, FHIR_T_PATIENT), FHIR_T_NONE);
    uint16_t any = fhir_element(FHIR_T_PROVENANCE, STR("target"))->targets;
    assert_int_equal(any, 0);
    assert_true(fhir_target_allowed(any, FHIR_T_DEVICE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_its_name),
        cmocka_unit_test(every_element_is_found_by_its_name),
        cmocka_unit_test(elements_carry_their_definition),
        cmocka_unit_test(codes_and_targets_are_looked_up),
    };
    return cmocka_run_group_tests_name("fhir/type", tests, NULL, NULL);
}
