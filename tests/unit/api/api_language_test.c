/* Every error speaks Vietnamese and English: each rule that the API can answer is provoked in both
 * languages; rules that the sources know and nobody provokes here must be listed with the reason.
 */
#include "unit/api/api_help.h"

#include "core/io.h"
#include "fhir/fhir_issue.h"

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define JSON_PATCH "Content-Type: application/json-patch+json\r\n"
#define PATIENT "{\"resourceType\":\"Patient\"}"
#define OBSERVATION                                                                                \
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"            \
    "\"subject\":{\"reference\":\"Patient/none\"}}"
#define BUNDLE(type, entries)                                                                      \
    "{\"resourceType\":\"Bundle\",\"type\":\"" type "\",\"entry\":[" entries "]}"
#define ENTRY(method, url, more)                                                                   \
    "{\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"}" more "}"

/* 40 characters of 3 bytes: wherever a text that quotes it is cut, it must stay UTF-8. */
#define LONG4 "%E1%BB%87%E1%BB%87%E1%BB%87%E1%BB%87"
#define LONG LONG4 LONG4 LONG4 LONG4 LONG4 LONG4 LONG4 LONG4 LONG4 LONG4

/* Before: "here" (version 2), "gone" (deleted), two Patients with identifier urn:t|two. */
static const struct {
    const char *rule;
    int status;
    Ask ask;
} cases[] = {
    {"address-unknown", 404, {"GET", "/api/none", NULL, NULL}},
    {"age", 400, {"GET", "/api/ops?age=x", NULL, NULL}},
    {"body-form", 415, {"POST", "/fhir/Patient/_search", NULL, "{}"}},
    {"body-fhir", 415, {"POST", "/fhir/Patient", "Content-Type: text/plain\r\n", PATIENT}},
    {"body-patch", 415, {"PATCH", "/fhir/Patient/here", "Content-Type: text/plain\r\n", "x"}},
    {"patch-kept",
     422,
     {"PATCH", "/fhir/Patient/here", JSON_PATCH,
      "[{\"op\":\"replace\",\"path\":\"/id\",\"value\":\"x\"}]"}},
    {"patch-target", 404, {"PATCH", "/fhir/Patient/none", JSON_PATCH, "[]"}},
    {"patch-target", 410, {"PATCH", "/fhir/Patient/gone", JSON_PATCH, "[]"}},
    {"range", 416, {"GET", "/fhir/Binary/bytes", "Range: bytes=9-\r\n", NULL}},
    {"body-size", 413, {"POST", "/fhir/Patient", "Content-Length: 99999999999\r\n", NULL}},
    {"bundle-entry",
     422,
     {"POST", "/fhir", NULL, BUNDLE("transaction", ENTRY("POST", "Patient", ""))}},
    {"bundle-read-deleted",
     410,
     {"POST", "/fhir", NULL,
      BUNDLE("transaction",
             ENTRY("DELETE", "Patient/here", "") "," ENTRY("GET", "Patient/here", ""))}},
    {"bundle-twice",
     422,
     {"POST", "/fhir", NULL,
      BUNDLE("transaction",
             ENTRY("DELETE", "Patient/here", "") "," ENTRY("DELETE", "Patient/here", ""))}},
    {"bundle-type", 400, {"POST", "/fhir", NULL, BUNDLE("collection", "")}},
    {"bundle-type", 400, {"POST", "/fhir", NULL, PATIENT}},
    {"bundle-history", 400, {"POST", "/fhir", NULL, BUNDLE("history", "")}},
    {"bundle-url-foreign",
     422,
     {"POST", "/fhir", NULL,
      BUNDLE("transaction", ENTRY("DELETE", "http://far.example/Patient/x", ""))}},
    {"bundle-reference-version",
     422,
     {"POST", "/fhir", NULL,
      BUNDLE(
          "transaction",
          ENTRY("PUT", "Patient/here",
                ",\"fullUrl\":\"http://far.example/Patient/here\",\"resource\":"
                "{\"resourceType\":\"Patient\",\"id\":\"here\"}") "," ENTRY("POST", "Basic",
                                                                            ",\"resource\":{"
                                                                            "\"resourceType\":"
                                                                            "\"Basic\",\"code\":{"
                                                                            "\"text\":\"x\"},"
                                                                            "\"subject\":{"
                                                                            "\"reference\":"
                                                                            "\"http://far.example/"
                                                                            "Patient/here/_history/"
                                                                            "2\"}}"))}},
    {"operation-unknown", 404, {"GET", "/fhir/Patient/here/$none", NULL, NULL}},
    {"type-unknown", 400, {"GET", "/fhir/$export?_type=Patent", NULL, NULL}},
    {"bundle-url",
     422,
     {"POST", "/fhir", NULL, BUNDLE("transaction", ENTRY("DELETE", "x/y/z", ""))}},
    {"condition-missing", 400, {"DELETE", "/fhir/Patient", NULL, NULL}},
    {"condition-multiple", 412, {"DELETE", "/fhir/Patient?identifier=urn:t%7Ctwo", NULL, NULL}},
    {"body-parameters", 400, {"POST", "/fhir/Patient/here/$meta", NULL, PATIENT}},
    {"meta-missing",
     400,
     {"POST", "/fhir/Patient/here/$meta-add", NULL, "{\"resourceType\":\"Parameters\"}"}},
    {"lastn-question", 400, {"GET", "/fhir/Observation/$lastn?code=x", NULL, NULL}},
    {"bundle-overlap",
     422,
     {"POST", "/fhir", NULL,
      BUNDLE("transaction",
             ENTRY("DELETE", "Patient/here", "") "," ENTRY("DELETE", "Patient?_id=here", ""))}},
    {"condition-empty", 400, {"DELETE", "/fhir/Patient?_count=1", NULL, NULL}},
    {"condition-id-exists",
     409,
     {"PUT", "/fhir/Patient?identifier=urn:t%7Cnone", NULL,
      "{\"resourceType\":\"Patient\",\"id\":\"here\"}"}},
    {"if-none-match",
     412,
     {"PUT", "/fhir/Patient/here", "If-None-Match: *\r\n",
      "{\"resourceType\":\"Patient\",\"id\":\"here\"}"}},
    {"if-none-match",
     400,
     {"PUT", "/fhir/Patient/here", "If-None-Match: W/\"1\"\r\n",
      "{\"resourceType\":\"Patient\",\"id\":\"here\"}"}},
    {"count", 400, {"GET", "/api/citizens?q=a&count=x", NULL, NULL}},
    {"date", 400, {"GET", "/api/ops?from=x", NULL, NULL}},
    {"error", 404, {"GET", "/api/rejects/7", NULL, NULL}},
    {"file-empty", 400, {"POST", "/import/claims", NULL, ""}},
    {"body-encoding", 415, {"POST", "/fhir/Patient", "Content-Encoding: br\r\n", PATIENT}},
    {"body-gzip", 400, {"POST", "/fhir/Patient", "Content-Encoding: gzip\r\n", PATIENT}},
    {"format-fhir", 406, {"GET", "/fhir/Patient?_format=ttl", NULL, NULL}},
    {"host-foreign", 403, {"GET", "/fhir/Patient", "Host: 127.evil.example\r\n", NULL}},
    {"origin-foreign", 403, {"POST", "/import/claims", "Origin: http://evil.example\r\n", "<x/>"}},
    {"id-mismatch",
     400,
     {"PUT", "/fhir/Patient/a", NULL, "{\"resourceType\":\"Patient\",\"id\":\"b\"}"}},
    {"if-match", 412, {"DELETE", "/fhir/Patient/here", "If-Match: W/\"1\"\r\n", NULL}},
    {"if-match", 412, {"DELETE", "/fhir/Patient/none", "If-Match: W/\"1\"\r\n", NULL}},
    {"if-match", 400, {"DELETE", "/fhir/Patient/here", "If-Match: x\r\n", NULL}},
    {"method", 405, {"POST", "/fhir/Patient/here", NULL, NULL}},
    {"page-token", 400, {"GET", "/fhir/Patient?_page=1-2-3", NULL, NULL}},
    {"parameter-escape", 400, {"GET", "/fhir/_history?_count=%zz", NULL, NULL}},
    {"parameter-escape", 400, {"GET", "/fhir/_history?%FF=1", NULL, NULL}},
    {"parameter-twice", 400, {"GET", "/fhir/_history?_count=1&_count=2", NULL, NULL}},
    {"parameter-unknown", 400, {"GET", "/fhir/_history?x=1", NULL, NULL}},
    {"parameter-unknown", 400, {"GET", "/api/ops?x=1", NULL, NULL}},
    {"parameter-unknown", 400, {"POST", "/fhir/Patient?x=1", NULL, PATIENT}},
    {"parameter-unknown", 400, {"GET", "/api/facilities?x=1", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/_history?_at=x", NULL, NULL}},
    {"parameter-unsupported", 400, {"GET", "/fhir/$export?includeAssociatedData=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/metadata?mode=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/api/rejects?settled=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/api/received?after=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/_history?_count=0", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/_history?_since=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/_history?_pretty=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/Patient/here/$everything?_type=x", NULL, NULL}},
    {"parameter-value", 400, {"GET", "/fhir/Patient/here?_summary=count", NULL, NULL}},
    {"patient-unknown", 422, {"POST", "/fhir/Observation", NULL, OBSERVATION}},
    {"period", 400, {"GET", "/api/ops?from=2026-02-01&to=2026-01-01", NULL, NULL}},
    {"period", 400, {"GET", "/api/ops?from=1990-01-01&to=1990-01-31", NULL, NULL}},
    {"reference-unmatched",
     412,
     {"POST", "/fhir", NULL,
      BUNDLE("transaction",
             "{\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{"
             "\"reference\":\"Patient?identifier=urn:t|none\"}},\"request\":{\"method\":\"POST\","
             "\"url\":\"Basic\"}}")}},
    {"resource-deleted", 410, {"GET", "/fhir/Patient/gone", NULL, NULL}},
    {"resource-unknown", 404, {"GET", "/fhir/Patient/none", NULL, NULL}},
    {"version-unknown", 404, {"GET", "/fhir/Patient/here/_history/9", NULL, NULL}},
    {"body-charset",
     415,
     {"POST", "/fhir/Patient", "Content-Type: application/fhir+json; charset=utf-16\r\n", PATIENT}},
    {"search-param", 400, {"GET", "/fhir/Patient?colour=red", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?birthdate=x", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?birthdate=" LONG, NULL, NULL}},
    {"type-unknown", 404, {"GET", "/fhir/" LONG, NULL, NULL}},
    {"error", 404, {"GET", "/fhir/%FF", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?nam=x", NULL, NULL}},
    {"search-unsupported", 400, {"GET", "/fhir/Patient?_query=x", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir?name=x", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?organization.colour=x", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?_has:Observation:code:code=x", NULL, NULL}},
    {"search-param", 400, {"GET", "/fhir/Patient?gender:in=http://example.org/none", NULL, NULL}},
    {"search-param",
     413,
     {"GET",
      "/fhir/Organization?partof.partof.partof.partof.partof.partof.partof.partof.partof."
      "name=1",
      NULL, NULL}},
    {"compartment-unknown", 404, {"GET", "/fhir/Patient/here/Medication", NULL, NULL}},
    {"search-unsupported", 400, {"GET", "/fhir/Patient?_filter=x", NULL, NULL}},
    {"sex", 400, {"GET", "/api/ops?sex=x", NULL, NULL}},
    {"top", 400, {"GET", "/api/ops?top=0", NULL, NULL}},
    {"type-mismatch", 400, {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Group\"}"}},
    {"type-unknown", 404, {"GET", "/fhir/Patent", NULL, NULL}},
    {"json-value", 400, {"POST", "/fhir/Patient", NULL, "x"}},
    {"json-duplicate", 400, {"POST", "/fhir/Patient", NULL, "{\"a\":1,\"a\":2}"}},
    {"json-end", 400, {"POST", "/fhir/Patient", NULL, "{"}},
    {"json-trailing", 400, {"POST", "/fhir/Patient", NULL, PATIENT "x"}},
    {"fhir-resource-type", 422, {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"x\"}"}},
    {"fhir-member-unknown",
     422,
     {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Patient\",\"x\":1}"}},
    {"fhir-type",
     422,
     {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Patient\",\"active\":1}"}},
    {"fhir-min", 422, {"POST", "/fhir/Basic", NULL, "{\"resourceType\":\"Basic\"}"}},
    {"fhir-repeats",
     422,
     {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Patient\",\"name\":{\"text\":\"x\"}}"}},
    {"fhir-format",
     422,
     {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Patient\",\"birthDate\":\"x\"}"}},
    {"fhir-code",
     422,
     {"POST", "/fhir/Patient", NULL, "{\"resourceType\":\"Patient\",\"gender\":\"x\"}"}},
};

/* Rules that stand in the sources and cannot be provoked by a short question. */
static const struct {
    const char *rule, *why;
} elsewhere[] = {
    {"listen-loopback", "refuses to start: http_test.sh"},
    {"binary-size", "12 MiB of bytes: wire_test.sh"},
    {"bundle-patch", "a file that patches: intake_fhir_test.c"},
    {"url-size", "URL of 70 kB: http_test.sh"},
    {"bundle-entries", "25,001 entries: http_test.sh"},
    {"history-list", "a List of more than a thousand entries"},
    {"document-parts", "a composition that refers to more than a thousand resources"},
    {"document-persist", "of an entry of a bundle, in whose answer it stands"},
    {"lastn-work", "more than 20,000 observations of a patient"},
    {"conditions-work", "more than a million comparisons in one transaction"},
    {"deleted", "says what was done: rest_interact_test.c"},
    {"if-modified-since", "of an entry of a batch, in whose answer it stands"},
    {"done", "says what was done: rest_interact_test.c"},
    {"include-max", "8,000 included resources: the store's tests"},
    {"search-left-out", "a warning beside an answer: rest_test.c"},
    {"file-gzip", "a damaged file: rejects list, intake_fhir_test.c"},
    {"file", "a setting"},
};

static void put(World *w, const char *target, const char *body, int status) {
    assert_int_equal(status_of(w, "PUT", target, body), status);
}

static void fill(World *w) {
    const char *two = "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:t\","
                      "\"value\":\"two\"}]}";
    put(w, "/fhir/Patient/here", "{\"resourceType\":\"Patient\",\"id\":\"here\"}", 201);
    put(w, "/fhir/Binary/bytes",
        "{\"resourceType\":\"Binary\",\"id\":\"bytes\",\"contentType\":\"text/plain\","
        "\"data\":\"YWJj\"}",
        201);
    put(w, "/fhir/Patient/here", "{\"resourceType\":\"Patient\",\"id\":\"here\"}", 200);
    put(w, "/fhir/Patient/gone", "{\"resourceType\":\"Patient\",\"id\":\"gone\"}", 201);
    assert_int_equal(status_of(w, "DELETE", "/fhir/Patient/gone", NULL), 204);
    assert_int_equal(status_of(w, "POST", "/fhir/Patient", two), 201);
    assert_int_equal(status_of(w, "POST", "/fhir/Patient", two), 201);
}

/* The first issue's rule and text. */
static void ask_in(World *w, size_t i, const char *language, Str *ret_rule, Str *ret_text) {
    Ask a = cases[i].ask;
    const JsonNode *root = NULL;
    Str headers = arena_printf(w->arena, "Accept-Language: %s\r\n%s", language,
                               a.headers == NULL ? "" : a.headers);
    a.headers = headers.ptr;
    Reply r = ask(w, &a);
    if (r.status != cases[i].status) {
        print_error("%s %s: %d, want %d\n" STR_FMT "\n", a.method, a.target, r.status,
                    cases[i].status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, cases[i].status);
    assert_str(header_of(r, "content-type"), STR("application/fhir+json; charset=utf-8"));
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    assert_str(json_raw_str(json_get_lit(root, "resourceType")), STR("OperationOutcome"));
    assert_str(json_raw_str(json_get_lit(root, "language")), str_from(language));
    const JsonNode *issue = json_first(json_get_lit(root, "issue"));
    const JsonNode *coding = json_first(json_path(issue, "details.coding"));
    *ret_rule = json_raw_str(json_get_lit(coding, "code"));
    *ret_text = json_str(w->arena, json_path(issue, "details.text"));
}

static void each_rule_in_both(void **state) {
    World *w = *state;
    fill(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str rule;
        Str vi;
        Str en;
        ask_in(w, i, "en", &rule, &en);
        assert_str(rule, str_from(cases[i].rule));
        ask_in(w, i, "vi", &rule, &vi);
        assert_str(rule, str_from(cases[i].rule));
        assert_true(en.len > 0 && vi.len > 0);
        if (str_eq(en, vi)) {
            print_error("%s: both languages say '" STR_FMT "'\n", cases[i].rule, STR_ARG(en));
        }
        assert_false(str_eq(en, vi));
    }
}

/* ---- no rule is forgotten ---- */

static bool is_known_rule(Str rule) {
    bool known = str_starts(rule, STR("json-")); /* one table: its texts are compared below */
    for (size_t i = 0; i < ARRAY_LEN(cases) && !known; i++) {
        known = str_eq(rule, str_from(cases[i].rule));
    }
    for (size_t i = 0; i < ARRAY_LEN(elsewhere) && !known; i++) {
        known = str_eq(rule, str_from(elsewhere[i].rule)) && elsewhere[i].why[0] != '\0';
    }
    return known;
}

/* The first literal behind each "err_set(" is the rule. */
static size_t check_source(const char *path) {
    CLEANUP_BUF Buf text;
    size_t n = 0;
    size_t at = 0;
    buf_init(&text, LIMIT_MIB);
    assert_ok(io_read_file(path, LIMIT_MIB, &text));
    Str rest = buf_str(&text);
    while ((at = str_find(rest, STR("err_set("))) != SIZE_MAX) {
        Str rule;
        rest = str_sub(rest, at, rest.len);
        Str before;
        (void)str_cut(&rest, '"', &before);
        (void)str_cut(&rest, '"', &rule);
        if (str_find(before, STR("INTAKE_PATIENT_UNKNOWN")) != SIZE_MAX) {
            rule = STR("patient-unknown");
        }
        if (!is_known_rule(rule)) {
            print_error("%s: nothing provokes the rule '" STR_FMT "'\n", path, STR_ARG(rule));
        }
        assert_true(is_known_rule(rule));
        n++;
    }
    return n;
}

static void no_rule_is_forgotten(void **state) {
    (void)state;
    static const char *const paths[] = {
        "src/rest/rest.c",
        "src/rest/rest_serve.c",
        "src/rest/rest_guard.c",
        "src/rest/rest_reply.c",
        "src/rest/rest_fhir.c",
        "src/rest/rest_param.c",
        "src/rest/rest_search.c",
        "src/rest/rest_history.c",
        "src/rest/rest_everything.c",
        "src/rest/rest_write.c",
        "src/rest/rest_batch.c",
        "src/rest/rest_meta.c",
        "src/rest/rest_document.c",
        "src/rest/rest_lastn.c",
        "src/rest/rest_operation.c",
        "src/api/api_import.c",
        "src/api/api_ops.c",
        "src/api/api_citizen.c",
        "src/api/api_record.c",
        "src/intake/intake_fhir.c",
        "src/intake/intake_fhir_bundle.c",
        "src/intake/intake_fhir_condition.c",
        "src/intake/intake_fhir_resolve.c",
        "src/intake/intake_fhir_text.c",
        "src/fhir/fhir_query.c",
        "src/fhir/fhir_query_value.c",
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        n += check_source(paths[i]);
    }
    assert_true(n > 30);
}

/* The tables of errors and of rules about resources. */
static void tables_have_both(void **state) {
    (void)state;
    static const char *const rules[][3] = {
#define X(rule, id, issue, en, vi) {id, en, vi},
        FHIR_RULE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        assert_true(rules[i][1][0] != '\0' && rules[i][2][0] != '\0');
        assert_string_not_equal(rules[i][1], rules[i][2]);
    }
    for (ErrCode err = 0; err < ERR_COUNT; err++) {
        assert_true(err_text(err, 0)[0] != '\0' && err_text(err, 1)[0] != '\0');
        assert_string_not_equal(err_text(err, 0), err_text(err, 1));
    }
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(each_rule_in_both),
        cmocka_unit_test(no_rule_is_forgotten),
        cmocka_unit_test(tables_have_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
