/* The catalogue: what came with the program, snapshots, replacing and removing. */
#include "unit/test.h"

#include "profile/profile.h"
#include "profile/profile_core.h"

static Profiles *made(void) {
    Profiles *p = NULL;
    assert_ok(profiles_new(&p));
    return p;
}

static Str definition(Arena *a, const char *url, const char *version, const char *element) {
    return arena_printf(a,
                        "{\"resourceType\":\"StructureDefinition\",\"url\":\"%s\",\"version\":\"%s\","
                        "\"type\":\"Patient\",\"derivation\":\"constraint\",\"baseDefinition\":"
                        "\"http://hl7.org/fhir/StructureDefinition/Patient\",\"differential\":{"
                        "\"element\":[{\"path\":\"Patient\"},{\"path\":\"Patient.%s\",\"min\":1}]}}",
                        url, version, element);
}

static size_t errors_of(Profiles *p, const char *profile, const char *text) {
    Arena *a = arena_new(16 << 20);
    FhirIssues issues = fhir_issues(a);
    FhirResource r;
    assert_ok(fhir_parse(a, str_from(text), &r, &issues));
    const ProfileSet *set = profiles_hold(p);
    Str canonical = str_from(profile);
    ProfileOptions o = profile_options();
    o.profiles = &canonical;
    o.n_profiles = 1;
    ErrCode err = profile_validate(set, &r, &o, &issues);
    assert_int_equal(err, issues.n_errors > 0 ? ERR_INVALID : ERR_OK);
    size_t n = issues.n_errors;
    profiles_drop(set);
    arena_free(a);
    return n;
}

/* Every definition that came with the program can be compiled. */
static void builtin_definitions_compile(void **state) {
    (void)state;
    Profiles *p = made();
    const ProfileSet *set = profiles_hold(p);
    ProfileInfo info;
    size_t n = 0;
    for (size_t i = 0; profile_each(set, i, &info); i++, n++) {
        ErrInfo err = {0};
        if (profile_check(set, info.url, &err) != ERR_OK) {
            print_error(STR_FMT ": %s\n", STR_ARG(info.url), err.what_en);
            fail();
        }
        assert_true(info.is_builtin);
    }
    assert_true(n > 440);
    profiles_drop(set);
    profiles_free(p);
}

/* What the program brings is valid R4 itself, invariants included. */
static void builtin_resources_are_valid(void **state) {
    (void)state;
    Profiles *p = made();
    const ProfileSet *set = profiles_hold(p);
    Arena *a = arena_new(64 << 20);
    for (size_t i = 0; i < profile_core_count(); i++) {
        ProfileResource r = profile_core_at(i);
        FhirIssues issues = fhir_issues(a);
        FhirResource resource;
        ProfileOptions o = profile_options();
        o.errors_only = true;
        ErrCode err = fhir_parse(a, r.json, &resource, &issues);
        err = err == ERR_OK ? profile_validate(set, &resource, &o, &issues) : err;
        for (unsigned k = 0; k < issues.n; k++) {
            print_error(STR_FMT " " STR_FMT ": %s " STR_FMT "\n", STR_ARG(r.id),
                        STR_ARG(issues.items[k].where), issues.items[k].id,
                        STR_ARG(issues.items[k].en));
        }
        assert_ok(err);
        arena_reset(a);
    }
    arena_free(a);
    profiles_drop(set);
    profiles_free(p);
}

static void core_resources_are_found(void **state) {
    (void)state;
    ProfileResource r;
    assert_true(profile_core_find(STR("StructureDefinition"), STR("bp"), &r));
    assert_false(r.is_own);
    assert_true(profile_core_find(STR("NamingSystem"), STR("cccd"), &r));
    assert_true(r.is_own);
    assert_false(profile_core_find(STR("NamingSystem"), STR("bp"), &r));
}

static void definitions_are_replaced_and_removed(void **state) {
    (void)state;
    Arena *a = arena_new(1 << 20);
    Profiles *p = made();
    const char *url = "http://example.org/p";
    const char *patient = "{\"resourceType\":\"Patient\",\"gender\":\"male\"}";
    ProfileText text = {STR("1"), definition(a, url, "1", "gender")};
    size_t refused = 9;
    assert_ok(profiles_put(p, &text, 1, &refused, NULL));
    assert_int_equal(refused, 0);
    assert_int_equal(errors_of(p, url, patient), 0);
    const ProfileSet *old = profiles_hold(p);
    text.json = definition(a, url, "2", "birthDate");
    assert_ok(profiles_put(p, &text, 1, NULL, NULL));
    assert_int_equal(errors_of(p, url, patient), 1);
    ProfileInfo info;
    assert_true(profile_find(old, STR("http://example.org/p|1"), &info));
    assert_false(profile_find(old, STR("http://example.org/p|2"), &info));
    profiles_drop(old);
    text.json = STR_EMPTY;
    assert_ok(profiles_put(p, &text, 1, NULL, NULL));
    const ProfileSet *now = profiles_hold(p);
    assert_false(profile_find(now, str_from(url), &info));
    assert_int_equal(profile_check(now, str_from(url), NULL), ERR_NOT_FOUND);
    profiles_drop(now);
    profiles_free(p);
    arena_free(a);
}

static void versions_stand_beside_each_other(void **state) {
    (void)state;
    Arena *a = arena_new(1 << 20);
    Profiles *p = made();
    const char *url = "http://example.org/p";
    const char *patient = "{\"resourceType\":\"Patient\",\"gender\":\"male\"}";
    ProfileText texts[] = {{STR("1"), definition(a, url, "1", "birthDate")},
                           {STR("2"), definition(a, url, "2", "gender")}};
    assert_ok(profiles_put(p, texts, 2, NULL, NULL));
    assert_int_equal(errors_of(p, "http://example.org/p", patient), 0);
    assert_int_equal(errors_of(p, "http://example.org/p|1", patient), 1);
    assert_int_equal(errors_of(p, "http://example.org/p|2", patient), 0);
    assert_int_equal(errors_of(p, "http://example.org/p|3", patient), 1);
    profiles_free(p);
    arena_free(a);
}

static void what_is_no_definition_is_left_out(void **state) {
    (void)state;
    Arena *a = arena_new(1 << 20);
    Profiles *p = made();
    ProfileText texts[] = {{STR("1"), STR("{\"resourceType\":\"Patient\"}")},
                           {STR("2"), STR("{")},
                           {STR("3"), definition(a, "http://example.org/p", "1", "gender")}};
    size_t refused = 0;
    assert_ok(profiles_put(p, texts, 3, &refused, NULL));
    assert_int_equal(refused, 2);
    const ProfileSet *set = profiles_hold(p);
    ProfileInfo info;
    assert_true(profile_find(set, STR("http://example.org/p"), &info));
    assert_false(info.is_builtin);
    assert_true(info.is_resource);
    profiles_drop(set);
    profiles_free(p);
    arena_free(a);
}

/* Many values for many profiles end at the limit, with an issue that says so. */
static void work_has_a_limit(void **state) {
    (void)state;
    Arena *a = arena_new(256 << 20);
    Profiles *p = made();
    Buf b;
    buf_init(&b, 64 << 20);
    buf_put_lit(&b, "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/deep\","
                    "\"type\":\"Bundle\",\"derivation\":\"constraint\",\"baseDefinition\":"
                    "\"http://hl7.org/fhir/StructureDefinition/Bundle\",\"differential\":{"
                    "\"element\":[{\"path\":\"Bundle\"},{\"path\":\"Bundle.entry\",\"slicing\":{"
                    "\"discriminator\":[{\"type\":\"profile\",\"path\":\"resource\"}],"
                    "\"rules\":\"open\"}}");
    for (int i = 0; i < 300; i++) {
        buf_printf(&b,
                   ",{\"id\":\"Bundle.entry:s%d\",\"path\":\"Bundle.entry\",\"sliceName\":\"s%d\"},"
                   "{\"id\":\"Bundle.entry:s%d.resource\",\"path\":\"Bundle.entry.resource\","
                   "\"type\":[{\"code\":\"Bundle\",\"profile\":[\"http://example.org/deep\"]}],"
                   "\"min\":1,\"constraint\":[]}",
                   i, i, i);
    }
    buf_put_lit(&b, "]}}");
    ProfileText text = {STR("deep"), buf_str(&b)};
    assert_ok(profiles_put(p, &text, 1, NULL, NULL));
    Buf r;
    buf_init(&r, 1 << 20);
    for (int i = 0; i < 9; i++) {
        buf_put_lit(&r, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"total\":1,\"entry\":[{"
                        "\"resource\":");
    }
    buf_put_lit(&r, "{\"resourceType\":\"Patient\"}");
    for (int i = 0; i < 9; i++) {
        buf_put_lit(&r, "}]}");
    }
    assert_true(errors_of(p, "http://example.org/deep", buf_cstr(&r)) > 0);
    buf_release(&r);
    buf_release(&b);
    profiles_free(p);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_definitions_compile),
        cmocka_unit_test(builtin_resources_are_valid),
        cmocka_unit_test(core_resources_are_found),
        cmocka_unit_test(definitions_are_replaced_and_removed),
        cmocka_unit_test(versions_stand_beside_each_other),
        cmocka_unit_test(what_is_no_definition_is_left_out),
        cmocka_unit_test(work_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
