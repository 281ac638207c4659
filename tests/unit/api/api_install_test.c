/* Guides from packages: installed, listed, used at once, removed; refused ones leave nothing. */
#include "unit/api/api_help.h"

#include "rest/rest_guide.h"

#include <zlib.h>

static void put_entry(Buf *tar, const char *name, Str text) {
    char h[512] = {0};
    (void)snprintf(h, 100, "%s", name);
    (void)snprintf(h + 124, 12, "%011zo", text.len);
    h[156] = '0';
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(h); i++) {
        sum += (unsigned char)h[i];
    }
    (void)snprintf(h + 148, 8, "%06o", sum);
    static const char zeros[512];
    buf_put(tar, h, sizeof(h));
    buf_put_str(tar, text);
    buf_put(tar, zeros, (512 - text.len % 512) % 512);
}

static Str packed(World *w, Buf *tar) {
    size_t max = compressBound(tar->len) + 100;
    char *out = arena_alloc(w->arena, max);
    z_stream z = {.next_in = (unsigned char *)tar->ptr,
                  .avail_in = (uInt)tar->len,
                  .next_out = (unsigned char *)out,
                  .avail_out = (uInt)max};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = z.total_out;
    (void)deflateEnd(&z);
    buf_release(tar);
    return (Str){out, len};
}

#define SD(id, element)                                                                            \
    "{\"resourceType\":\"StructureDefinition\",\"id\":\"" id "\",\"text\":{\"status\":"            \
    "\"generated\",\"div\":\"<script/>\"},\"url\":\"http://example.org/" id "\",\"name\":\"P\","   \
    "\"status\":\"active\",\"kind\":\"resource\",\"abstract\":false,\"type\":\"Patient\","         \
    "\"baseDefinition\":\"http://hl7.org/fhir/StructureDefinition/Patient\",\"derivation\":"       \
    "\"constraint\",\"differential\":{\"element\":[{\"id\":\"Patient\",\"path\":\"Patient\"},{"    \
    "\"id\":\"Patient." element "\",\"path\":\"Patient." element "\",\"min\":1}]}}"

static Str package(World *w, const char *manifest, const char *definition) {
    Buf tar;
    buf_init(&tar, 1 << 20);
    put_entry(&tar, "package/package.json", str_from(manifest));
    put_entry(&tar, "package/StructureDefinition-p.json", str_from(definition));
    put_entry(&tar, "package/Patient-x.json", STR("{\"resourceType\":\"Patient\",\"id\":\"x\"}"));
    put_entry(&tar, "package/ValueSet-v.json", STR("{\"resourceType\":\"ValueSet\",\"id\":\"v\"}"));
    return packed(w, &tar);
}

#define MANIFEST "{\"name\":\"vn.test\",\"version\":\"1.0.0\",\"fhirVersions\":[\"4.0.1\"]}"

static size_t errors_of(World *w) {
    Reply r = ask(w, &(Ask){"POST", "/fhir/Patient/$validate?profile=http://example.org/p", NULL,
                            "{\"resourceType\":\"Patient\"}"});
    assert_int_equal(r.status, 200);
    const JsonNode *issue = json_first(json_get_lit(body_of(w, r), "issue"));
    return json_str_is(json_get_lit(issue, "severity"), STR("error"));
}

static void a_guide_comes_and_goes(void **state) {
    World *w = *state;
    ErrInfo info = {0};
    RestGuideReport r;
    assert_int_equal(errors_of(w), 1); /* the profile is not known */
    assert_ok(
        rest_guide_install(w->intake, w->arena, package(w, MANIFEST, SD("p", "name")), &r, &info));
    assert_str(r.guide.name, STR("vn.test"));
    assert_int_equal(r.guide.n_resources, 1);
    assert_int_equal(r.n_passed_over, 1);
    assert_int_equal(r.n_refused, 1);
    assert_true(str_starts(r.first_refused, STR("ValueSet-v.json: ")));
    const JsonNode *stored = get(w, "/fhir/StructureDefinition/p", NULL, 200);
    assert_str(raw(stored, "meta.tag.code"), STR("vn.test#1.0.0"));
    assert_null(json_get_lit(stored, "text"));
    assert_int_equal(errors_of(w), 1); /* a name is missing */
    assert_ok(
        rest_guide_install(w->intake, w->arena, package(w, MANIFEST, SD("p", "id")), &r, &info));
    const JsonNode *list = get(w, "/api/guides", NULL, 200);
    assert_int_equal(json_count(list), 1);
    assert_str(raw(json_first(list), "name"), STR("vn.test"));
    assert_str(raw(json_first(list), "version"), STR("1.0.0"));
    assert_int_equal(status_of(w, "DELETE", "/api/guides/vn.test%231.0.0", NULL), 200);
    assert_int_equal(status_of(w, "GET", "/fhir/StructureDefinition/p", NULL), 410);
    assert_int_equal(json_count(get(w, "/api/guides", NULL, 200)), 0);
    assert_int_equal(status_of(w, "DELETE", "/api/guides/vn.test%231.0.0", NULL), 404);
}

static void what_cannot_be_installed(void **state) {
    World *w = *state;
    ErrInfo info = {0};
    RestGuideReport r;
    const struct {
        const char *manifest, *definition, *rule;
    } cases[] = {
        {"{\"name\":\"a\",\"version\":\"1\",\"fhirVersions\":[\"5.0.0\"]}", SD("p", "name"),
         "package-version"},
        {"{\"name\":\"a b\",\"version\":\"1\"}", SD("p", "name"), "package-manifest"},
        {MANIFEST, "{\"resourceType\":\"StructureDefinition\"}", "package-empty"},
        {MANIFEST, SD("taken", "name"), "package-id"},
    };
    assert_int_equal(status_of(w, "PUT", "/fhir/StructureDefinition/taken",
                               "{\"resourceType\":\"StructureDefinition\",\"id\":\"taken\","
                               "\"url\":\"http://example.org/other\",\"name\":\"P\",\"status\":"
                               "\"active\",\"kind\":\"resource\",\"abstract\":false,\"type\":"
                               "\"Patient\"}"),
                     201);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str tgz = package(w, cases[i].manifest, cases[i].definition);
        assert_int_not_equal(rest_guide_install(w->intake, w->arena, tgz, &r, &info), ERR_OK);
        assert_string_equal(info.rule, cases[i].rule);
    }
    assert_int_equal(json_count(get(w, "/api/guides", NULL, 200)), 0);
    assert_int_equal(status_of(w, "POST", "/api/guides", "no package"), 400);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_guide_comes_and_goes),
        IN_WORLD(what_cannot_be_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
