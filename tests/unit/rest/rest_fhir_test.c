/* What the FHIR interface promises beyond the errors: preferences, formats, what metadata takes,
 * entries of a batch that meet each other. */
#include "unit/rest/rest_help.h"

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define LENIENT "Prefer: return=minimal, handling=lenient\r\n"
#define LAN "{\"resourceType\":\"Patient\",\"id\":\"lan\",\"gender\":\"female\"}"

/* ---- Prefer: handling ---- */

static void lenient_searches_leave_out_and_say_so(void **state) {
    World *w = *state;
    const char *target = "/fhir/Patient?gender=female&colour=red&_query=a%26b";
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan", LAN), 201);
    (void)get(w, target, NULL, 400);
    (void)get(w, target, "Prefer: handling=strict\r\n", 400);
    const JsonNode *root = get(w, target, LENIENT "Accept-Language: en\r\n", 200);
    assert_true(str_ends(raw(root, "link.url"), STR("/fhir/Patient?gender=female")));
    const JsonNode *entries = json_get_lit(root, "entry");
    assert_int_equal(json_count(entries), 2);
    const JsonNode *first = json_first(entries);
    const JsonNode *last = json_next(entries, first);
    assert_str(raw(first, "resource.id"), STR("lan"));
    assert_str(raw(last, "search.mode"), STR("outcome"));
    assert_str(raw(last, "resource.resourceType"), STR("OperationOutcome"));
    const JsonNode *issues = json_get_lit(json_get_lit(last, "resource"), "issue");
    assert_int_equal(json_count(issues), 2);
    assert_str(raw(json_first(issues), "severity"), STR("warning"));
    assert_str(raw(json_first(issues), "code"), STR("not-supported"));
    assert_str(raw(json_first(issues), "location"), STR("http.colour"));
    assert_str(raw(json_next(issues, json_first(issues)), "location"), STR("http._query"));
    Str en = raw(json_first(issues), "details.text");
    root = get(w, target, LENIENT "Accept-Language: vi\r\n", 200);
    last = json_next(json_get_lit(root, "entry"), json_first(json_get_lit(root, "entry")));
    Str vi = raw(last, "resource.issue.details.text");
    assert_true(str_find(en, STR("colour")) != SIZE_MAX && str_find(vi, STR("colour")) != SIZE_MAX);
    assert_false(str_eq(en, vi));
    assert_int_equal(json_count(json_get_lit(get(w, "/fhir/Patient", LENIENT, 200), "entry")), 1);
}

static void lenient_refuses_what_changes_a_meaning(void **state) {
    World *w = *state;
    (void)get(w, "/fhir/Patient?gender:above=female", LENIENT, 400);
    (void)get(w, "/fhir/Patient?birthdate=x", LENIENT, 400);
    (void)get(w, "/fhir/Patient?_include=Patient:colour", LENIENT, 400);
    (void)get(w, "/fhir/Patient/_history?x=1", LENIENT, 400);
    Reply r = ask(w, &(Ask){"DELETE", "/fhir/Patient?identifier=a%7Cb&colour=red", LENIENT, NULL});
    assert_int_equal(r.status, 400);
}

/* ---- formats ---- */

static void formats_are_heeded_wherever_they_stand(void **state) {
    World *w = *state;
    Reply r = ask(w, &(Ask){"POST", "/fhir/Patient/_search", FORM, "_format=ttl"});
    assert_int_equal(r.status, 406);
    r = ask(w, &(Ask){"POST", "/fhir/Patient/_search",
                      "Content-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\r\n",
                      "_format=json"});
    assert_int_equal(r.status, 200);
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan?_format=ttl", LAN), 406);
    assert_int_equal(status_of(w, "PUT", "/fhir/Patient/lan?colour=red", LAN), 400);
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/lan?colour=red", NULL), 400);
    r = ask(w, &(Ask){"PUT", "/fhir/Patient/lan?_pretty=true&_format=json", NULL, LAN});
    assert_int_equal(r.status, 201);
    assert_true(str_starts(r.body, STR("{\n  \"")));
    r = ask(w, &(Ask){"POST", "/fhir", NULL,
                      "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{"
                      "\"method\":\"GET\",\"url\":\"Patient?_format=ttl\"}}]}"});
    assert_str(raw(body_of(w, r), "entry.response.status"), STR("406"));
}

/* ---- metadata ---- */

static void metadata_is_cut_as_a_resource(void **state) {
    World *w = *state;
    const JsonNode *whole = get(w, "/fhir/metadata", NULL, 200);
    assert_non_null(json_path(whole, "rest.resource.searchParam"));
    assert_non_null(json_get_lit(whole, "implementation"));
    const JsonNode *some = get(w, "/fhir/metadata?_elements=software&mode=full", NULL, 200);
    assert_str(raw(some, "software.name"), STR("Nhịp"));
    assert_str(raw(some, "fhirVersion"), STR("4.0.1")); /* required */
    assert_null(json_get_lit(some, "implementation"));
    assert_null(json_get_lit(some, "rest"));
    assert_str(raw(some, "meta.tag.code"), STR("SUBSETTED"));
    const JsonNode *summary = get(w, "/fhir/metadata?_summary=true", NULL, 200);
    assert_non_null(json_get_lit(summary, "software"));
    assert_null(json_path(summary, "rest.resource.searchParam"));
    (void)get(w, "/fhir/metadata?_elements=colour", NULL, 400);
    (void)get(w, "/fhir/metadata?_summary=count", NULL, 400);
    (void)get(w, "/fhir/metadata?_pretty=x", NULL, 400);
}

/* ---- batches ---- */

/* Each entry finds nothing, all want to write: one of them does, the others find what it wrote. */
static void entries_of_a_batch_meet_each_other(void **state) {
    World *w = *state;
    enum { N = 5 };
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_lit(&b, "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[");
    for (int i = 0; i < N; i++) {
        buf_printf(&b, "%s%s", i > 0 ? "," : "",
                   "{\"resource\":{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":"
                   "\"urn:t\",\"value\":\"one\"}]},\"request\":{\"method\":\"POST\",\"url\":"
                   "\"Patient\",\"ifNoneExist\":\"identifier=urn:t|one\"}}");
    }
    buf_put_lit(&b, "]}");
    Reply r = ask(w, &(Ask){"POST", "/fhir", NULL, buf_cstr(&b)});
    assert_int_equal(r.status, 200);
    const JsonNode *entries = json_get_lit(body_of(w, r), "entry");
    Str location = raw(entries == NULL ? NULL : json_first(entries), "response.location");
    size_t created = 0;
    for (const JsonNode *e = json_first(entries); e != NULL; e = json_next(entries, e)) {
        Str status = raw(e, "response.status");
        created += str_eq(status, STR("201"));
        assert_true(str_eq(status, STR("201")) || str_eq(status, STR("200")));
        assert_str(raw(e, "response.location"), location);
    }
    assert_int_equal(json_count(entries), N);
    assert_int_equal(created, 1);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(lenient_searches_leave_out_and_say_so),
        IN_WORLD(lenient_refuses_what_changes_a_meaning),
        IN_WORLD(formats_are_heeded_wherever_they_stand),
        IN_WORLD(metadata_is_cut_as_a_resource),
        IN_WORLD(entries_of_a_batch_meet_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
