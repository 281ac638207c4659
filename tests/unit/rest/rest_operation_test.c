/* Operations: $everything of encounters and by dates, $meta and its changes, $document, $lastn,
 * $versions. All data invented. */
#include "unit/rest/rest_help.h"

static void put(World *w, const char *method, const char *target, const char *body, int status) {
    Reply r = ask(w, &(Ask){method, target, NULL, body});
    if (r.status != status) {
        print_error("%s %s: %d\n" STR_FMT "\n", method, target, r.status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
}

static size_t n_entries(const JsonNode *bundle) {
    const JsonNode *list = json_get_lit(bundle, "entry");
    return list == NULL ? 0 : json_count(list);
}

static bool has_entry(const JsonNode *bundle, const char *type, const char *id) {
    const JsonNode *list = json_get_lit(bundle, "entry");
    const JsonNode *at = list == NULL ? NULL : json_first(list);
    for (; at != NULL; at = json_next(list, at)) {
        if (str_eq(raw(at, "resource.resourceType"), str_from(type)) &&
            str_eq(raw(at, "resource.id"), str_from(id))) {
            return true;
        }
    }
    return false;
}

#define ENCOUNTER(id, subject)                                                                     \
    "{\"resourceType\":\"Encounter\",\"id\":\"" id                                                 \
    "\",\"status\":\"finished\",\"class\":{\"code\":"                                              \
    "\"AMB\"}" subject ",\"serviceProvider\":{\"reference\":\"Organization/o\"}}"
#define OF_LAN ",\"subject\":{\"reference\":\"Patient/lan\"}"
#define OBSERVATION(id, encounter, code, when)                                                     \
    "{\"resourceType\":\"Observation\",\"id\":\"" id                                               \
    "\",\"status\":\"final\",\"code\":{\"coding\":[{\"system\":\"urn:c\",\"code\":\"" code         \
    "\"}]},\"category\":[{\"coding\":[{\"code\":\"laboratory\"}]}]" encounter                      \
    ",\"effectiveDateTime\":\"" when "\"}"
#define IN(encounter) OF_LAN ",\"encounter\":{\"reference\":\"Encounter/" encounter "\"}"

static void fill(World *w) {
    put(w, "PUT", "/fhir/Organization/o", "{\"resourceType\":\"Organization\",\"id\":\"o\"}", 201);
    put(w, "PUT", "/fhir/Patient/lan",
        "{\"resourceType\":\"Patient\",\"id\":\"lan\",\"birthDate\":\"1990-01-01\"}", 201);
    put(w, "PUT", "/fhir/Encounter/e1", ENCOUNTER("e1", OF_LAN), 201);
    put(w, "PUT", "/fhir/Encounter/e10", ENCOUNTER("e10", OF_LAN), 201);
    put(w, "PUT", "/fhir/Observation/a1", OBSERVATION("a1", IN("e1"), "a", "2020-01-01"), 201);
    put(w, "PUT", "/fhir/Observation/a2", OBSERVATION("a2", IN("e10"), "a", "2021-01-01"), 201);
    put(w, "PUT", "/fhir/Observation/b1", OBSERVATION("b1", IN("e1"), "b", "2022-05-06"), 201);
    put(w, "PUT", "/fhir/Observation/b2", OBSERVATION("b2", IN("e10"), "b", "2022-05-06"), 201);
}

/* ---- $everything ---- */

static void everything_of_an_encounter(void **state) {
    World *w = *state;
    fill(w);
    const JsonNode *all = get(w, "/fhir/Encounter/e1/$everything", NULL, 200);
    assert_int_equal(n_entries(all), 5);
    assert_true(has_entry(all, "Encounter", "e1") && has_entry(all, "Observation", "a1") &&
                has_entry(all, "Observation", "b1") && has_entry(all, "Patient", "lan") &&
                has_entry(all, "Organization", "o"));
    assert_int_equal(
        n_entries(get(w, "/fhir/Encounter/e1/$everything?_type=Observation", NULL, 200)), 2);
    (void)get(w, "/fhir/Encounter/e1/$everything?start=2020", NULL, 400);
    (void)get(w, "/fhir/Encounter/none/$everything", NULL, 404);
}

static void everything_of_an_encounter_of_nobody(void **state) {
    World *w = *state;
    fill(w);
    put(w, "PUT", "/fhir/Encounter/n", ENCOUNTER("n", ""), 201);
    put(w, "PUT", "/fhir/Observation/n1",
        OBSERVATION("n1", ",\"encounter\":{\"reference\":\"Encounter/n\"}", "a", "2020-01-01"),
        201);
    const JsonNode *all = get(w, "/fhir/Encounter/n/$everything", NULL, 200);
    assert_int_equal(n_entries(all), 3);
    assert_true(has_entry(all, "Encounter", "n") && has_entry(all, "Observation", "n1") &&
                has_entry(all, "Organization", "o"));
}

static void everything_by_care_dates(void **state) {
    World *w = *state;
    fill(w);
    const JsonNode *some =
        get(w, "/fhir/Patient/lan/$everything?start=2021-01-01&end=2021-12-31", NULL, 200);
    assert_true(has_entry(some, "Observation", "a2") && has_entry(some, "Patient", "lan") &&
                has_entry(some, "Encounter", "e1")); /* without a date */
    assert_false(has_entry(some, "Observation", "a1") || has_entry(some, "Observation", "b1"));
    Reply r = ask(w, &(Ask){"POST", "/fhir/Patient/lan/$everything", NULL,
                            "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"start\","
                            "\"valueDate\":\"2022\"},{\"name\":\"_type\",\"valueCode\":"
                            "\"Observation\"}]}"});
    assert_int_equal(r.status, 200);
    assert_int_equal(n_entries(body_of(w, r)), 2);
    (void)get(w, "/fhir/Patient/lan/$everything?start=x", NULL, 400);
}

/* ---- $meta ---- */

#define META(tags)                                                                                 \
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"meta\",\"valueMeta\":{" tags "}}" \
    "]}"
#define TAG(code) "\"tag\":[{\"system\":\"urn:tags\",\"code\":\"" code "\"}]"

static void labels_come_and_go(void **state) {
    World *w = *state;
    fill(w);
    put(w, "POST", "/fhir/Patient/lan/$meta-add", META(TAG("x")), 200);
    put(w, "POST", "/fhir/Patient/lan/$meta-add", META(TAG("y") ",\"profile\":[\"urn:p\"]"), 200);
    put(w, "POST", "/fhir/Patient/lan/$meta-add", META(TAG("y")), 200); /* there already */
    const JsonNode *lan = get(w, "/fhir/Patient/lan", NULL, 200);
    assert_str(raw(lan, "meta.versionId"), STR("3"));
    assert_str(raw(lan, "birthDate"), STR("1990-01-01"));
    assert_int_equal(json_count(json_path(lan, "meta.tag")), 2);
    const JsonNode *meta = get(w, "/fhir/Patient/lan/$meta", NULL, 200);
    assert_str(raw(meta, "parameter.name"), STR("return"));
    assert_str(raw(meta, "parameter.valueMeta.profile"), STR("urn:p"));
    /* Of the type and of all. */
    meta = get(w, "/fhir/Patient/$meta", NULL, 200);
    assert_int_equal(json_count(json_path(meta, "parameter.valueMeta.tag")), 2);
    meta = get(w, "/fhir/$meta", NULL, 200);
    assert_str(raw(meta, "parameter.valueMeta.profile"), STR("urn:p"));
    assert_null(json_path(get(w, "/fhir/Observation/$meta", NULL, 200), "parameter.valueMeta.tag"));
    /* Away again; what no current version has is in use no more. */
    put(w, "POST", "/fhir/Patient/lan/$meta-delete", META(TAG("x") ",\"profile\":[\"urn:p\"]"),
        200);
    meta = get(w, "/fhir/Patient/$meta", NULL, 200);
    assert_str(raw(meta, "parameter.valueMeta.tag.code"), STR("y"));
    assert_null(json_path(meta, "parameter.valueMeta.profile"));
    assert_str(raw(get(w, "/fhir/Patient/lan/_history/3", NULL, 200), "meta.profile"),
               STR("urn:p"));
}

static void wrong_labels_are_refused(void **state) {
    World *w = *state;
    fill(w);
    put(w, "POST", "/fhir/Patient/lan/$meta-add", "{\"resourceType\":\"Parameters\"}", 400);
    put(w, "POST", "/fhir/Patient/none/$meta-add", META(TAG("x")), 404);
    put(w, "DELETE", "/fhir/Patient/lan/$meta-add", NULL, 405);
}

/* ---- $document ---- */

static void a_composition_becomes_a_document(void **state) {
    World *w = *state;
    fill(w);
    put(w, "PUT", "/fhir/Composition/c",
        "{\"resourceType\":\"Composition\",\"id\":\"c\",\"status\":\"final\",\"type\":{\"text\":"
        "\"x\"},\"date\":\"2022-05-06\",\"title\":\"x\",\"subject\":{\"reference\":\"Patient/"
        "lan\"},"
        "\"author\":[{\"reference\":\"Organization/o\"}],\"section\":[{\"entry\":[{\"reference\":"
        "\"Observation/a1\"},{\"reference\":\"Observation/none\"},{\"reference\":"
        "\"Patient/lan\"}]}]}",
        201);
    const JsonNode *doc = get(w, "/fhir/Composition/c/$document", NULL, 200);
    assert_str(raw(doc, "type"), STR("document"));
    assert_str(raw(doc, "entry.resource.resourceType"), STR("Composition"));
    assert_int_equal(n_entries(doc), 4);
    assert_true(raw(doc, "identifier.value").len > 0 && raw(doc, "timestamp").len > 0);
    Reply r = ask(w, &(Ask){"POST", "/fhir/Composition/c/$document?persist=true", NULL, NULL});
    assert_int_equal(r.status, 201);
    const JsonNode *kept = body_of(w, r);
    Str target = arena_printf(w->arena, "/fhir/Bundle/" STR_FMT, STR_ARG(raw(kept, "id")));
    assert_int_equal(n_entries(get(w, target.ptr, NULL, 200)), 4);
    (void)get(w, "/fhir/Composition/none/$document", NULL, 404);
    (void)get(w, "/fhir/Composition/c/$document?persist=x", NULL, 400);
}

/* ---- $lastn, $versions ---- */

static void the_newest_of_each_code(void **state) {
    World *w = *state;
    fill(w);
    const JsonNode *last =
        get(w, "/fhir/Observation/$lastn?patient=Patient/lan&category=laboratory", NULL, 200);
    assert_int_equal(n_entries(last), 3); /* b1 and b2 are of the same time */
    assert_true(has_entry(last, "Observation", "a2") && has_entry(last, "Observation", "b1") &&
                has_entry(last, "Observation", "b2"));
    last = get(w, "/fhir/Observation/$lastn?max=2&subject=Patient/lan&code=urn:c%7Ca", NULL, 200);
    assert_int_equal(n_entries(last), 2);
    (void)get(w, "/fhir/Observation/$lastn?patient=Patient/lan", NULL, 400);
    (void)get(w, "/fhir/Observation/$lastn?patient=Patient/lan&code=a&max=0", NULL, 400);
}

static void versions_and_operations_in_bundles(void **state) {
    World *w = *state;
    fill(w);
    const JsonNode *versions = get(w, "/fhir/$versions", NULL, 200);
    assert_str(raw(versions, "parameter.valueCode"), STR("4.0"));
    Reply r = ask(
        w,
        &(Ask){
            "POST", "/fhir", NULL,
            "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":"
            "\"GET\",\"url\":\"$versions\"}},{\"request\":{\"method\":\"GET\",\"url\":"
            "\"Patient/lan/$meta\"}},{\"request\":{\"method\":\"GET\",\"url\":"
            "\"Encounter/e1/$everything\"}},{\"request\":{\"method\":\"GET\",\"url\":"
            "\"Encounter/e1/$nothing\"}}]}"});
    const JsonNode *list = json_get_lit(body_of(w, r), "entry");
    static const char *const types[] = {"Parameters", "Parameters", "Bundle", ""};
    size_t i = 0;
    for (const JsonNode *at = json_first(list); at != NULL; at = json_next(list, at), i++) {
        assert_str(raw(at, "resource.resourceType"), str_from(types[i]));
        assert_str(raw(at, "response.status"), i == 3 ? STR("404") : STR("200"));
    }
    assert_int_equal(i, 4);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(everything_of_an_encounter), IN_WORLD(everything_of_an_encounter_of_nobody),
        IN_WORLD(everything_by_care_dates),   IN_WORLD(labels_come_and_go),
        IN_WORLD(wrong_labels_are_refused),   IN_WORLD(a_composition_becomes_a_document),
        IN_WORLD(the_newest_of_each_code),    IN_WORLD(versions_and_operations_in_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
