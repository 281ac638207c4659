/* Searches by a citizen that another one was merged into find the records of both, and those of the
 * one alone again when the merge is undone. All data invented. */
#include "unit/rest/rest_help.h"

#include "mpi/mpi_case.h"

static void put_result(World *w, const char *id, const char *patient) {
    Str members = arena_printf(w->arena,
                               ",\"status\":\"final\",\"code\":{\"text\":\"x\"},\"subject\":{"
                               "\"reference\":\"Patient/%s\"}",
                               patient);
    world_put(w, "Observation", id, members.ptr);
}

static size_t found(World *w, const char *target) {
    return json_count(json_get_lit(get(w, target, NULL, 200), "entry"));
}

static void searches_follow_merges(void **state) {
    World *w = *state;
    ErrInfo info = {0};
    static const char *const patients[] = {"an", "binh", "chi"};
    for (size_t i = 0; i < ARRAY_LEN(patients); i++) {
        world_put(w, "Patient", patients[i], "");
        put_result(w, patients[i], patients[i]);
    }
    MpiAct first = {
        .keep = STR("binh"), .other = STR("chi"), .who = STR("thu"), .why = STR("thu"), .now = 1};
    MpiAct second = first;
    second.keep = STR("an");
    second.other = STR("binh");
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/an"), 1);
    assert_ok(mpi_merge(w->store, &first, &info));
    assert_ok(mpi_merge(w->store, &second, &info));
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/an"), 3);
    assert_int_equal(found(w, "/fhir/Observation?patient=an"), 3);
    assert_int_equal(found(w, "/fhir/Observation?subject=an&status=final"), 3);
    assert_int_equal(found(w, "/fhir/Patient/an/Observation"), 3);
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/binh"), 2);
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/chi"), 1);
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/nobody"), 0);
    const JsonNode *root = get(w, "/fhir/Observation?subject=Patient/an", NULL, 200);
    Str self = json_raw_str(json_path(root, "link.url"));
    assert_true(str_ends(self, STR("subject=Patient/an")));
    assert_ok(mpi_unmerge(w->store, &second, &info));
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/an"), 1);
    assert_int_equal(found(w, "/fhir/Patient/an/Observation"), 1);
    assert_int_equal(found(w, "/fhir/Observation?subject=Patient/binh"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(searches_follow_merges, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
