#include "unit/test.h"

#include "core/limits.h"
#include "core/time.h"
#include "term/term.h"

#define ICD10 "http://hl7.org/fhir/sid/icd-10"
#define VS "http://hl7.org/fhir/ValueSet/"

static Term *term;
static const TermView *view;
static Arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(64 * LIMIT_MIB);
    if (term_new(&term) != ERR_OK) {
        return -1;
    }
    view = term_view(term);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    term_view_end(view);
    term_free(term);
    arena_free(arena);
    return 0;
}

/* After a change: the new view. */
static void look_anew(void) {
    term_view_end(view);
    view = term_view(term);
}

static ErrCode put(const char *name, const char *json, ErrInfo *info) {
    const JsonNode *root;
    assert_ok(json_parse(arena, str_from(json), &root, NULL));
    ErrCode err = term_put(term, str_from(name), root, info);
    look_anew();
    return err;
}

static TermVerdict has(const char *set, const char *system, const char *code) {
    return term_set_has(term_set(view, str_from(set)), str_from(system), str_from(code));
}

/* ---- what is embedded ---- */

static void icd10_has_names_in_both_languages(void **state) {
    (void)state;
    TermConcept c;
    const TermSystem *s = term_system(view, STR(ICD10));
    assert_non_null(s);
    assert_true(term_concept(s, STR("J18.9"), &c));
    assert_str(term_display(&c, FHIR_LANG_VI), STR("Viêm phổi, không đặc hiệu"));
    assert_str(term_display(&c, FHIR_LANG_EN), STR("Pneumonia, unspecified"));
    assert_false(c.is_abstract);
    assert_true(term_concept(s, STR("J09-J18"), &c));
    assert_true(c.is_abstract);
    assert_false(term_concept(s, STR("J189"), &c));
    assert_false(term_concept(s, STR(""), &c));
}

static void the_hierarchy_of_icd10_goes_from_code_to_chapter(void **state) {
    (void)state;
    Str *codes;
    size_t n;
    TermCode code = {STR(ICD10), STR("J18.9")};
    assert_ok(term_above(view, arena, &code, 10, &codes, &n, NULL));
    assert_int_equal(n, 4);
    assert_str(codes[0], STR("X"));
    assert_str(codes[1], STR("J09-J18"));
    assert_str(codes[2], STR("J18"));
    assert_str(codes[3], STR("J18.9"));
    code.code = STR("J18");
    assert_ok(term_below(view, arena, &code, 10, &codes, &n, NULL));
    assert_str(codes[0], STR("J18"));
    assert_true(n > 3);
    ErrInfo info;
    assert_int_equal(term_below(view, arena, &code, 2, &codes, &n, &info), ERR_LIMIT);
    code.code = STR("nothing");
    assert_int_equal(term_below(view, arena, &code, 10, &codes, &n, &info), ERR_NOT_FOUND);
    code.system = STR("");
    assert_int_equal(term_below(view, arena, &code, 10, &codes, &n, &info), ERR_NOT_FOUND);
}

static void core_sets_know_their_members(void **state) {
    (void)state;
    assert_int_equal(has(VS "administrative-gender", "", "male"), TERM_YES);
    assert_int_equal(has(VS "administrative-gender|4.0.1", "", "male"), TERM_YES);
    assert_int_equal(has(VS "administrative-gender|9", "", "male"), TERM_UNKNOWN);
    assert_int_equal(has(VS "administrative-gender", "", "Male"), TERM_NO);
    assert_int_equal(
        has(VS "administrative-gender", "http://hl7.org/fhir/administrative-gender", "female"),
        TERM_YES);
    assert_int_equal(has(VS "administrative-gender", "http://other.example", "female"), TERM_NO);
    assert_int_equal(has("http://no.example", "", "x"), TERM_UNKNOWN);
    /* by hierarchy: v3 */
    assert_int_equal(has("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode",
                         "http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB"),
                     TERM_YES);
    assert_int_equal(has("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode",
                         "http://terminology.hl7.org/CodeSystem/v3-ActCode", "ABSTRACT"),
                     TERM_NO);
    /* grammars */
    assert_int_equal(has(VS "mimetypes", "", "text/plain"), TERM_YES);
    assert_int_equal(has(VS "mimetypes", "", "text"), TERM_NO);
    assert_int_equal(has(VS "all-languages", "", "vi-VN"), TERM_YES);
    /* what is not held here is not refused */
    assert_int_equal(has(VS "observation-codes", "http://loinc.org", "1-1"), TERM_UNKNOWN);
    assert_int_equal(has(VS "ucum-units", "http://unitsofmeasure.org", "mmol/L"), TERM_YES);
    assert_int_equal(has(VS "ucum-units", "http://unitsofmeasure.org", "{odd}"), TERM_UNKNOWN);
}

static void values_on_a_tape_are_checked(void **state) {
    (void)state;
    const TermSet *set = term_set(view, STR(VS "administrative-gender"));
    static const struct {
        const char *json;
        TermVerdict want;
    } cases[] = {
        {"\"male\"", TERM_YES},
        {"\"m\"", TERM_NO},
        {"{\"system\":\"http://hl7.org/fhir/administrative-gender\",\"code\":\"other\"}", TERM_YES},
        {"{\"code\":\"other\"}", TERM_NO},
        {"{\"coding\":[{\"system\":\"urn:x\",\"code\":\"1\"},"
         "{\"system\":\"http://hl7.org/fhir/administrative-gender\",\"code\":\"other\"}]}",
         TERM_YES},
        {"{\"coding\":[],\"text\":\"nam\"}", TERM_NO},
        {"7", TERM_NO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const JsonNode *node;
        assert_ok(json_parse(arena, str_from(cases[i].json), &node, NULL));
        assert_int_equal(term_set_has_node(set, arena, node), cases[i].want);
    }
    assert_int_equal(term_set_has_node(NULL, arena, NULL), TERM_UNKNOWN);
}

/* Every set of R4 can be computed; a listed member is in its set. */
static void every_listed_member_is_in_its_set(void **state) {
    (void)state;
    static const char *const sets[] = {VS "age-units",
                                       VS "ucum-common",
                                       VS "bodysite-laterality",
                                       VS "c80-practice-codes",
                                       "https://nhip.vn/fhir/ValueSet/icd-10-vn",
                                       VS "designation-use",
                                       VS "all-types",
                                       VS "v3-ActCode",
                                       "http://terminology.hl7.org/ValueSet/v2-0360"};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        const TermSet *set = term_set(view, str_from(sets[i]));
        TermCode *codes;
        size_t n;
        if (set == NULL) {
            continue;
        }
        ErrInfo info;
        ErrCode err = term_set_codes(set, arena, 20000, &codes, &n, &info);
        if (err == ERR_UNSUPPORTED) {
            continue;
        }
        assert_ok(err);
        for (size_t c = 0; c < n; c++) {
            assert_int_equal(term_set_has(set, codes[c].system, codes[c].code), TERM_YES);
        }
    }
}

static void subsumption_in_both_directions(void **state) {
    (void)state;
    static const char *const cases[][3] = {{"J18", "J18.9", "subsumes"},
                                           {"J18.9", "X", "subsumed-by"},
                                           {"J18", "J18", "equivalent"},
                                           {"J18", "I10", "not-subsumed"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *outcome;
        TermSubsumes ask = {STR(ICD10), str_from(cases[i][0]), str_from(cases[i][1])};
        assert_ok(term_subsumes(view, arena, &ask, &outcome, NULL));
        assert_string_equal(outcome, cases[i][2]);
    }
}

/* Administrative units: the same code names another commune before and after 1 July 2025. */
static void a_day_chooses_the_version(void **state) {
    (void)state;
    TermConcept c;
    const TermSystem *now = term_system(view, STR("https://nhip.vn/fhir/CodeSystem/dvhc"));
    const TermSystem *then = term_system(view, STR("https://nhip.vn/fhir/CodeSystem/dvhc|2024"));
    assert_true(term_concept(now, STR("19753"), &c));
    assert_str(c.display_vi, STR("Phường Phú Xuân"));
    assert_true(term_concept(then, STR("19753"), &c));
    assert_str(c.display_vi, STR("Phường Thuận Lộc"));
    const TermSet *set;
    TermSetAsk ask = {.canonical = STR("https://nhip.vn/fhir/ValueSet/dvhc"),
                      .has_day = true,
                      .day = (int32_t)time_days_from_civil(2025, 6, 30)};
    assert_ok(term_set_in(view, arena, &ask, &set, NULL));
    assert_int_equal(term_set_has(set, STR(""), STR("02")), TERM_YES); /* Hà Giang */
    ask.day++;
    assert_ok(term_set_in(view, arena, &ask, &set, NULL));
    assert_int_equal(term_set_has(set, STR(""), STR("02")), TERM_NO);
}

/* ---- what is put in ---- */

static const char colours[] =
    "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:colours\",\"version\":\"1\",\"status\":"
    "\"active\",\"content\":\"complete\",\"valueSet\":\"urn:all-colours\",\"concept\":["
    "{\"code\":\"red\",\"display\":\"Red\",\"designation\":[{\"language\":\"vi\",\"value\":"
    "\"Đỏ\"}],\"concept\":[{\"code\":\"pink\",\"property\":[{\"code\":\"warmth\",\"valueInteger\":"
    "7}]},{\"code\":\"wine\",\"property\":[{\"code\":\"status\",\"valueCode\":\"retired\"}]}]},"
    "{\"code\":\"blue\"},{\"code\":\"navy\",\"property\":[{\"code\":\"parent\",\"valueCode\":"
    "\"blue\"}]}]}";

static void stored_resources_serve_at_once(void **state) {
    (void)state;
    const TermView *before = term_view(term);
    assert_ok(put("CodeSystem/1", colours, NULL));
    TermConcept c;
    assert_true(term_concept(term_system(view, STR("urn:colours")), STR("red"), &c));
    assert_str(c.display_vi, STR("Đỏ"));
    assert_null(term_system(before, STR("urn:colours"))); /* views do not change */
    term_view_end(before);
    assert_int_equal(has("urn:all-colours", "", "navy"), TERM_YES);
    assert_int_equal(has("urn:all-colours", "urn:colours", "green"), TERM_NO);
    assert_ok(
        put("CodeSystem/2",
            "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:colours\",\"version\":\"10\","
            "\"status\":\"active\",\"content\":\"complete\",\"concept\":[{\"code\":\"red\"}]}",
            NULL));
    assert_false(term_concept(term_system(view, STR("urn:colours")), STR("blue"), &c));
    assert_true(term_concept(term_system(view, STR("urn:colours|1")), STR("blue"), &c));
    term_remove(term, STR("CodeSystem/2"));
    look_anew();
    assert_true(term_concept(term_system(view, STR("urn:colours")), STR("blue"), &c));
}

/* Members of a compose over `colours`, in order. */
static void filters_choose_members(void **state) {
    (void)state;
    static const struct {
        const char *compose, *want;
    } cases[] = {
        {"{\"include\":[{\"system\":\"urn:colours\"}]}", "red pink wine blue navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"concept\",\"op\":"
         "\"is-a\",\"value\":\"red\"}]}]}",
         "red pink wine"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"concept\",\"op\":"
         "\"descendent-of\",\"value\":\"red\"}]}]}",
         "pink wine"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"concept\",\"op\":"
         "\"is-not-a\",\"value\":\"red\"}]}]}",
         "blue navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"concept\",\"op\":"
         "\"generalizes\",\"value\":\"pink\"}]}]}",
         "red pink"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"code\",\"op\":"
         "\"regex\",\"value\":\"[nb].*\"}]}]}",
         "blue navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"code\",\"op\":"
         "\"in\",\"value\":\"navy, pink\"}]}]}",
         "pink navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"warmth\",\"op\":"
         "\"=\",\"value\":\"7\"}]}]}",
         "pink"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"warmth\",\"op\":"
         "\"exists\",\"value\":\"false\"},{\"property\":\"code\",\"op\":\"not-in\",\"value\":"
         "\"red,blue\"}]}]}",
         "wine navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"parent\",\"op\":"
         "\"=\",\"value\":\"blue\"}]}]}",
         "navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"concept\":[{\"code\":\"blue\"},{\"code\":"
         "\"red\"},{\"code\":\"blue\"}]}]}",
         "blue red"},
        {"{\"include\":[{\"system\":\"urn:colours\"}],\"exclude\":[{\"system\":\"urn:colours\","
         "\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":\"red\"}]}]}",
         "blue navy"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"concept\":[{\"code\":\"navy\"}]},"
         "{\"valueSet\":[\"urn:all-colours\"]}]}",
         "navy red pink wine blue"},
        {"{\"include\":[{\"system\":\"urn:colours\",\"concept\":[{\"code\":\"navy\"},{\"code\":"
         "\"x\"}],\"valueSet\":[\"urn:all-colours\"]}]}",
         "navy"},
        {"{\"inactive\":false,\"include\":[{\"system\":\"urn:colours\"}]}", "red pink blue navy"},
        {"{\"include\":[{\"valueSet\":[\"urn:colours?fhir_vs=isa/blue\"]}]}", "blue navy"},
        {"{}", ""},
    };
    assert_ok(put("CodeSystem/1", colours, NULL));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const JsonNode *compose;
        const TermSet *set;
        TermCode *codes;
        size_t n;
        char got[256] = "";
        assert_ok(json_parse(arena, str_from(cases[i].compose), &compose, NULL));
        assert_ok(term_set_in(view, arena, &(TermSetAsk){.compose = compose}, &set, NULL));
        assert_ok(term_set_codes(set, arena, 100, &codes, &n, NULL));
        for (size_t c = 0; c < n; c++) {
            size_t at = strlen(got);
            (void)snprintf(got + at, sizeof(got) - at, "%s" STR_FMT, at > 0 ? " " : "",
                           STR_ARG(codes[c].code));
            assert_int_equal(term_set_has(set, codes[c].system, codes[c].code), TERM_YES);
        }
        assert_string_equal(got, cases[i].want);
    }
}

static void what_cannot_be_followed_is_said(void **state) {
    (void)state;
    static const struct {
        const char *compose;
        ErrCode want;
    } cases[] = {
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"code\",\"op\":"
         "\"regex\",\"value\":\"(\"}]}]}",
         ERR_PARAM},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"code\",\"op\":"
         "\"like\",\"value\":\"x\"}]}]}",
         ERR_UNSUPPORTED},
        {"{\"include\":[{\"system\":\"urn:colours\",\"filter\":[{\"property\":\"warmth\",\"op\":"
         "\"is-a\",\"value\":\"x\"}]}]}",
         ERR_UNSUPPORTED},
        {"{\"include\":[{\"system\":\"urn:long\",\"filter\":[{\"property\":\"code\",\"op\":"
         "\"regex\",\"value\":\"(a+)+[bd]\"}]}]}",
         ERR_LIMIT},
    };
    assert_ok(put("CodeSystem/1", colours, NULL));
    assert_ok(put("CodeSystem/3",
                  "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:long\",\"content\":\"complete\","
                  "\"concept\":[{\"code\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\"}]}",
                  NULL));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const JsonNode *compose;
        const TermSet *set;
        ErrInfo info = {0};
        assert_ok(json_parse(arena, str_from(cases[i].compose), &compose, NULL));
        assert_int_equal(term_set_in(view, arena, &(TermSetAsk){.compose = compose}, &set, &info),
                         cases[i].want);
        assert_true(info.what_en[0] != '\0' && info.what_vi[0] != '\0');
    }
    ErrInfo info = {0};
    assert_int_equal(put("CodeSystem/4",
                         "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:twice\",\"content\":"
                         "\"complete\",\"concept\":[{\"code\":\"a\"},{\"code\":\"a\"}]}",
                         &info),
                     ERR_INVALID);
    assert_string_equal(info.rule, "term-code-twice");
    assert_int_equal(put("ValueSet/5", "{\"resourceType\":\"ValueSet\"}", &info), ERR_INVALID);
    assert_int_equal(put("Patient/5", "{\"resourceType\":\"Patient\"}", &info), ERR_PARAM);
}

/* Sets that lead back to themselves end, and circles in a hierarchy too. */
static void circles_end(void **state) {
    (void)state;
    assert_ok(put("ValueSet/a",
                  "{\"resourceType\":\"ValueSet\",\"url\":\"urn:a\",\"compose\":{\"include\":["
                  "{\"valueSet\":[\"urn:b\"]}]}}",
                  NULL));
    assert_ok(put("ValueSet/b",
                  "{\"resourceType\":\"ValueSet\",\"url\":\"urn:b\",\"compose\":{\"include\":["
                  "{\"valueSet\":[\"urn:a\"]}]}}",
                  NULL));
    assert_int_equal(has("urn:a", "", "x"), TERM_UNKNOWN);
    const TermSet *set;
    TermSetAsk ask = {.canonical = STR("urn:a"), .has_day = true};
    assert_int_equal(term_set_in(view, arena, &ask, &set, NULL), ERR_LIMIT);
    assert_ok(put("CodeSystem/c",
                  "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:c\",\"content\":\"complete\","
                  "\"concept\":[{\"code\":\"a\",\"property\":[{\"code\":\"parent\",\"valueCode\":"
                  "\"b\"}]},{\"code\":\"b\",\"property\":[{\"code\":\"parent\",\"valueCode\":"
                  "\"a\"}]}]}",
                  NULL));
    Str *codes;
    size_t n;
    assert_ok(term_below(view, arena, &(TermCode){STR("urn:c"), STR("a")}, 10, &codes, &n, NULL));
    assert_int_equal(n, 2);
}

/* ---- expansion ---- */

#define ICD10_SET "https://nhip.vn/fhir/ValueSet/icd-10-vn"

static TermExpansion expand(const char *set, TermExpand ask) {
    TermExpansion x;
    ask.max = ask.max == 0 ? 20000 : ask.max;
    ask.filter = ask.filter.ptr == NULL ? STR_EMPTY : ask.filter;
    assert_ok(term_expand(term_set(view, str_from(set)), arena, &ask, &x, NULL));
    return x;
}

static void typing_finds_without_accents(void **state) {
    (void)state;
    static const struct {
        const char *typed, *first;
    } cases[] = {
        {"viem phoi do virus", "J12"},
        {"J18.9", "J18.9"},
        {"j189", "J18.9"},
        {"j18", "J18"},
        {"dai thao duong", "E10"},
        {"tieu duong tip 2", "E11"},
        {"VIÊM phổi DO adeno", "J12.0"},
        {"viral pneumonia, not", "J12"},
        {"cao huyet ap", "I10"},
        {"  phoi   viem hit ", "J69.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TermExpansion x =
            expand(ICD10_SET, (TermExpand){.filter = str_from(cases[i].typed), .count = 5});
        assert_true(x.n > 0);
        assert_str(x.hits[0].concept.code, str_from(cases[i].first));
    }
    TermExpansion none = expand(ICD10_SET, (TermExpand){.filter = STR("zzzz"), .count = 5});
    assert_int_equal(none.n + none.total, 0);
    /* a word's beginning counts, its middle does not */
    none = expand(ICD10_SET, (TermExpand){.filter = STR("neumoniaa"), .count = 5});
    assert_int_equal(none.total, 0);
}

static void pages_follow_each_other(void **state) {
    (void)state;
    static const char *const filters[] = {"", "viem phoi"};
    for (size_t f = 0; f < ARRAY_LEN(filters); f++) {
        TermExpand ask = {.filter = str_from(filters[f]), .count = 40};
        TermExpansion whole = expand(ICD10_SET, ask);
        assert_int_equal(whole.n, 40);
        for (size_t at = 0; at < 40; at += 10) {
            ask.offset = at;
            ask.count = 10;
            TermExpansion page = expand(ICD10_SET, ask);
            assert_int_equal(page.total, whole.total);
            assert_int_equal(page.n, 10);
            for (size_t i = 0; i < 10; i++) {
                assert_str(page.hits[i].concept.code, whole.hits[at + i].concept.code);
            }
        }
        ask.offset = whole.total + 7;
        assert_int_equal(expand(ICD10_SET, ask).n, 0);
        ask.offset = 0;
        ask.count = 0;
        assert_int_equal(expand(ICD10_SET, ask).total, whole.total);
    }
}

static void too_much_is_refused(void **state) {
    (void)state;
    TermExpansion x;
    ErrInfo info = {0};
    TermExpand ask = {.filter = STR_EMPTY, .count = SIZE_MAX, .max = 100};
    const TermSet *set = term_set(view, STR(ICD10_SET));
    assert_int_equal(term_expand(set, arena, &ask, &x, &info), ERR_COSTLY);
    ask.count = 10;
    assert_ok(term_expand(set, arena, &ask, &x, &info));
    char typed[300];
    memset(typed, 'a', sizeof(typed));
    ask.filter = (Str){typed, sizeof(typed)};
    assert_int_equal(term_expand(set, arena, &ask, &x, &info), ERR_LIMIT);
    set = term_set(view, STR(VS "observation-codes"));
    ask.filter = STR_EMPTY;
    assert_int_equal(term_expand(set, arena, &ask, &x, &info), ERR_UNSUPPORTED);
}

static void trees_active_and_days(void **state) {
    (void)state;
    assert_ok(put("CodeSystem/1", colours, NULL));
    TermExpansion x = expand("urn:all-colours", (TermExpand){.count = SIZE_MAX, .as_tree = true});
    static const unsigned depths[] = {0, 1, 1, 0, 1};
    assert_int_equal(x.n, ARRAY_LEN(depths));
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(x.hits[i].depth, depths[i]);
    }
    x = expand("urn:all-colours", (TermExpand){.count = SIZE_MAX, .active_only = true});
    assert_int_equal(x.n, 4);
    assert_ok(put("CodeSystem/7",
                  "{\"resourceType\":\"CodeSystem\",\"url\":\"urn:dated\",\"content\":\"complete\","
                  "\"valueSet\":\"urn:all-dated\",\"concept\":[{\"code\":\"old\",\"property\":[{"
                  "\"code\":\"retirementDate\",\"valueDateTime\":\"2025-07-01\"}]},{\"code\":"
                  "\"new\",\"property\":[{\"code\":\"effectiveDate\",\"valueDateTime\":"
                  "\"2025-07-01\"}]}]}",
                  NULL));
    for (int day = 30; day <= 31; day++) { /* 30 June, 1 July */
        x = expand("urn:all-dated",
                   (TermExpand){.count = SIZE_MAX,
                                .has_day = true,
                                .day = (int32_t)time_days_from_civil(2025, 6, day)});
        assert_int_equal(x.n, 1);
        assert_str(x.hits[0].concept.code, day == 30 ? STR("old") : STR("new"));
    }
}

/* ---- translation ---- */

static void codes_translate_and_back(void **state) {
    (void)state;
    TermMatch *m;
    size_t n;
    TermTranslate ask = {.map = STR("https://nhip.vn/fhir/ConceptMap/dvhc-2024-2025"),
                         .system = STR("https://nhip.vn/fhir/CodeSystem/dvhc"),
                         .code = STR("02")};
    assert_ok(term_translate(view, arena, &ask, &m, &n, NULL));
    assert_int_equal(n, 1);
    assert_str(m[0].code, STR("08"));
    assert_str(m[0].version, STR("2025"));
    assert_str(m[0].equivalence, STR("wider"));
    assert_str(m[0].display_vi, STR("Tỉnh Tuyên Quang"));
    ask.code = STR("08");
    ask.reverse = true;
    assert_ok(term_translate(view, arena, &ask, &m, &n, NULL));
    assert_int_equal(n, 2);
    assert_str(m[0].equivalence, STR("narrower"));
    ask.map = STR("urn:none");
    assert_int_equal(term_translate(view, arena, &ask, &m, &n, NULL), ERR_NOT_FOUND);
}

static void unlisted_codes_follow_the_group(void **state) {
    (void)state;
    assert_ok(put("ConceptMap/1",
                  "{\"resourceType\":\"ConceptMap\",\"url\":\"urn:m\",\"group\":[{\"source\":"
                  "\"urn:a\",\"target\":\"urn:b\",\"element\":[{\"code\":\"1\",\"target\":[{"
                  "\"code\":\"x\",\"equivalence\":\"equal\"},{\"code\":\"y\",\"equivalence\":"
                  "\"wider\",\"dependsOn\":[{\"property\":\"urn:p\",\"value\":\"1\"}]}]}],"
                  "\"unmapped\":{\"mode\":\"fixed\",\"code\":\"z\"}}]}",
                  NULL));
    static const char *const cases[][2] = {{"1", "x"}, {"2", "z"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TermMatch *m;
        size_t n;
        TermTranslate ask = {.map = STR("urn:m"), .code = str_from(cases[i][0])};
        assert_ok(term_translate(view, arena, &ask, &m, &n, NULL));
        assert_int_equal(n, 1);
        assert_str(m[0].code, str_from(cases[i][1]));
        assert_str(m[0].system, STR("urn:b"));
    }
}

/* What is held prints as resources that can be taken in again and say the same. */
static void resources_print_and_read_again(void **state) {
    (void)state;
    static const struct {
        FhirType type;
        const char *url;
    } cases[] = {{FHIR_T_CODE_SYSTEM, ICD10},
                 {FHIR_T_CODE_SYSTEM, "http://terminology.hl7.org/CodeSystem/v3-ActCode"},
                 {FHIR_T_VALUE_SET, VS "ucum-common"},
                 {FHIR_T_CONCEPT_MAP, "https://nhip.vn/fhir/ConceptMap/dvhc-2024-2025"},
                 {FHIR_T_CONCEPT_MAP, "http://hl7.org/fhir/ConceptMap/cm-address-use-v3"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf texts[2];
        TermHeld held;
        TermWhat what = {.type = cases[i].type, .canonical = str_from(cases[i].url)};
        for (size_t round = 0; round < 2; round++) {
            buf_init(&texts[round], 64 * LIMIT_MIB);
            assert_true(term_find(view, &what, &held));
            assert_int_equal(held.is_stored, round == 1);
            assert_ok(term_print(&held, &texts[round]));
            if (round == 0) {
                assert_ok(put("again", buf_cstr(&texts[0]), NULL));
            }
        }
        assert_str(buf_str(&texts[0]), buf_str(&texts[1]));
        buf_release(&texts[0]);
        buf_release(&texts[1]);
        term_remove(term, STR("again"));
        look_anew();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(icd10_has_names_in_both_languages),
        CASE(the_hierarchy_of_icd10_goes_from_code_to_chapter),
        CASE(core_sets_know_their_members),
        CASE(values_on_a_tape_are_checked),
        CASE(every_listed_member_is_in_its_set),
        CASE(subsumption_in_both_directions),
        CASE(a_day_chooses_the_version),
        CASE(stored_resources_serve_at_once),
        CASE(filters_choose_members),
        CASE(what_cannot_be_followed_is_said),
        CASE(circles_end),
        CASE(typing_finds_without_accents),
        CASE(pages_follow_each_other),
        CASE(too_much_is_refused),
        CASE(trees_active_and_days),
        CASE(codes_translate_and_back),
        CASE(unlisted_codes_follow_the_group),
        CASE(resources_print_and_read_again),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
