/* The citizen's page with real values: blood group, allergies, and nothing that was entered in
 * error. All data invented. */
#include "unit/api/api_help.h"

typedef struct Result {
    const char *id, *status, *loinc, *time, *value;
} Result;

static void put_result(World *w, const Result *r) {
    Str members = arena_printf(
        w->arena,
        ",\"status\":\"%s\",\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":"
        "\"%s\"}]},\"subject\":{\"reference\":\"Patient/tho\"},\"effectiveDateTime\":\"%s\",%s",
        r->status, r->loinc, r->time, r->value);
    world_put(w, "Observation", r->id, members.ptr);
}

static const JsonNode *citizen(World *w) {
    return get(w, "/api/citizens/tho", NULL, 200);
}

static void expect_group(World *w, const char *wanted) {
    const JsonNode *value = json_get_lit(citizen(w), "blood_group");
    assert_non_null(value);
    if (wanted == NULL) {
        assert_true(json_is(value, JSON_NULL));
    } else {
        assert_str(json_str(w->arena, value), str_from(wanted));
    }
}

#define TEXT(group) "\"valueString\":\"" group "\""
#define CODED(group) "\"valueCodeableConcept\":{\"coding\":[{\"display\":\"" group "\"}]}"

static void shows_the_newest_blood_group(void **state) {
    World *w = *state;
    world_put(w, "Patient", "tho", ",\"name\":[{\"text\":\"Nguyễn Thị Thơ\"}]");
    expect_group(w, NULL);
    put_result(w, &(Result){"hb", "final", "718-7", "2026-01-01", TEXT("A")}); /* haemoglobin */
    put_result(w, &(Result){"p", "preliminary", "882-1", "2026-01-01", TEXT("A+")});
    put_result(w, &(Result){"c", "cancelled", "882-1", "2026-01-01", TEXT("A+")});
    expect_group(w, NULL);
    put_result(w, &(Result){"b1", "final", "882-1", "2024-03-01", CODED("O Rh(D) dương")});
    expect_group(w, "O Rh(D) dương");
    /* An older one that comes later does not replace it, a newer one does. */
    put_result(w, &(Result){"b0", "final", "883-9", "2020-03-01", TEXT("AB")});
    expect_group(w, "O Rh(D) dương");
    put_result(w, &(Result){"b2", "corrected", "883-9", "2025-03-01", TEXT("B")});
    expect_group(w, "B");
    put_result(w, &(Result){"b2", "entered-in-error", "883-9", "2025-03-01", TEXT("B")});
    expect_group(w, "O Rh(D) dương");
}

static void put_allergy(World *w, const char *id, const char *verification) {
    Str members = arena_printf(
        w->arena,
        ",\"code\":{\"text\":\"%s\"},\"patient\":{\"reference\":\"Patient/tho\"},"
        "\"verificationStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
        "allergyintolerance-verification\",\"code\":\"%s\"}]}",
        id, verification);
    world_put(w, "AllergyIntolerance", id, members.ptr);
}

static void shows_nothing_that_was_taken_back(void **state) {
    World *w = *state;
    world_put(w, "Patient", "tho", "");
    put_allergy(w, "penicillin", "confirmed");
    put_allergy(w, "latex", "refuted");
    put_allergy(w, "pollen", "entered-in-error");
    world_put(
        w, "Encounter", "e1",
        ",\"status\":\"entered-in-error\",\"class\":{\"code\":\"AMB\"},\"subject\":{\"reference\":"
        "\"Patient/tho\"}");
    put_result(w, &(Result){"r1", "entered-in-error", "718-7", "2026-01-01",
                            "\"valueQuantity\":{\"value\":1}"});
    put_result(
        w, &(Result){"r2", "final", "718-7", "2026-01-02", "\"valueQuantity\":{\"value\":140}"});
    const JsonNode *root = citizen(w);
    const JsonNode *allergies = json_get_lit(root, "allergies");
    assert_int_equal(json_count(allergies), 1);
    assert_str(json_raw_str(json_first(allergies)), STR("penicillin"));
    assert_int_equal(json_count(json_get_lit(root, "visits")), 0);
    assert_int_equal(json_count(json_path(root, "results.points")), 1);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(shows_the_newest_blood_group),
        IN_WORLD(shows_nothing_that_was_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
