#include "unit/test.h"

#include "core/limits.h"
#include "term/term.h"
#include "term/term_int.h"
#include "term/term_load.h"

static Arena *arena;
static Term *term;
static const TermView *view;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(16 * LIMIT_MIB);
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

/* Loads files and shows them. */
static ErrCode load(const TermLoad *ask, TermLoaded *done, ErrInfo *info) {
    Buf pack;
    buf_init(&pack, 16 * LIMIT_MIB);
    ErrCode err = term_load(ask, &pack, done, info);
    if (err == ERR_OK) {
        err = term_add_heap(term, TERM_FILE, STR("test"), &pack, info);
        term_view_end(view);
        view = term_view(term);
    }
    buf_release(&pack);
    return err;
}

static ErrCode load_one(const char *text, const char *system, TermLoaded *done, ErrInfo *info) {
    TermFile file = {STR("test.csv"), str_from(text)};
    return load(&(TermLoad){.files = &file,
                            .n_files = 1,
                            .system = str_from(system),
                            .target = STR("urn:target"),
                            .map = STR("urn:map")},
                done, info);
}

static TermConcept need(const char *system, const char *code) {
    TermConcept c;
    assert_true(term_concept(term_system(view, str_from(system)), str_from(code), &c));
    return c;
}

static void a_table_of_codes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "code\tdisplay_vi\tdisplay\tparent\tfrom\tto\tinactive\tprice\n"
        "A\tNhóm \"A\"\tGroup A\t\t\t\t\t\n"
        "A1\tMột\tOne\tA\t2025-07-01\t2026\t1\t12,5\n",
        "\xEF\xBB\xBF"
        "code,display_vi,display,parent,from,to,inactive,price\r\n"
        "A,\"Nhóm \"\"A\"\"\",Group A,,,,,\r\n"
        "A1,Một,One,A,2025-07-01,2026,1,\"12,5\"\r\n\r\n",
        ("code;display_vi;display;parent;from;to;inactive;price\n"
         "A;\"Nhóm \"\"A\"\"\";Group A\nA1;Một;One;A;2025-07-01;2026;1;12,5"),
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        TermLoaded done;
        ErrInfo info = {0};
        assert_ok(load_one(texts[i], "https://example.org/CodeSystem/x", &done, &info));
        assert_int_equal(done.concepts, 2);
        TermConcept a = need("https://example.org/CodeSystem/x", "A");
        assert_str(a.display_vi, STR("Nhóm \"A\""));
        assert_str(term_extra(&a), STR(""));
        TermConcept one = need("https://example.org/CodeSystem/x", "A1");
        assert_true(one.is_inactive);
        assert_int_equal(one.from, 20270);
        assert_int_equal(one.to, 20818);
        assert_str(term_extra(&one),
                   STR("{\"property\":[{\"code\":\"price\",\"valueString\":\"12,5\"}]}"));
        TermConcept *parents;
        size_t n;
        assert_ok(term_links(&one, arena, true, &parents, &n));
        assert_int_equal(n, 1);
        assert_str(parents[0].code, STR("A"));
        assert_int_equal(
            term_set_has(term_set(view, STR("https://example.org/ValueSet/x")), STR(""), STR("A1")),
            TERM_YES);
    }
}

static void a_table_of_mappings(void **state) {
    (void)state;
    TermLoaded done;
    TermMatch *m;
    size_t n;
    assert_ok(load_one("code,target,equivalence\n1,x,wider\n2,y,\n", "urn:source", &done, NULL));
    assert_int_equal(done.mappings, 2);
    TermTranslate ask = {.map = STR("urn:map"), .system = STR("urn:source"), .code = STR("2")};
    assert_ok(term_translate(view, arena, &ask, &m, &n, NULL));
    assert_int_equal(n, 1);
    assert_str(m[0].code, STR("y"));
    assert_str(m[0].equivalence, STR("equivalent"));
}

static void what_is_wrong_is_named_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *system, *rule, *where;
        ErrCode want;
    } cases[] = {
        {"display\nx\n", "urn:s", "term-header", "test.csv:1", ERR_SYNTAX},
        {"code\tdisplay\n\tx\n", "urn:s", "term-code-missing", "test.csv:2", ERR_INVALID},
        {"code,display\na,b\n\"c,d\n", "urn:s", "term-table", "test.csv:3", ERR_SYNTAX},
        {"code,display\na,b,c\n", "urn:s", "term-table", "test.csv:2", ERR_SYNTAX},
        {"code,display\n\"a\"b,c\n", "urn:s", "term-table", "test.csv:2", ERR_SYNTAX},
        {"code,from\na,01/07/2025\n", "urn:s", "term-day", "test.csv:2", ERR_SYNTAX},
        {"code,display\na,b\na,c\n", "urn:s", "term-code-twice", "", ERR_INVALID},
        {"code,parent\na,b\n", "urn:s", "term-parent-unknown", "", ERR_INVALID},
        {"code,display\na,b\n", "", "term-flag", "", ERR_PARAM},
        {"code,display\na,\xFF\n", "urn:s", "term-utf8", "test.csv", ERR_SYNTAX},
        {"{\"resourceType\":\"Patient\"}", "", "term-type", "test.csv", ERR_PARAM},
        {"{\"resourceType\"", "", "", "test.csv", ERR_SYNTAX},
        {"", "urn:s", "term-header", "test.csv:1", ERR_SYNTAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TermLoaded done;
        ErrInfo info = {0};
        assert_int_equal(load_one(cases[i].text, cases[i].system, &done, &info), cases[i].want);
        if (cases[i].rule[0] != '\0') {
            assert_string_equal(info.rule, cases[i].rule);
        }
        assert_string_equal(info.where, cases[i].where);
        assert_true(info.what_en[0] != '\0' && info.what_vi[0] != '\0');
    }
}

static void fhir_in_bundles_and_lines(void **state) {
    (void)state;
    TermLoaded done;
    assert_ok(load_one("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":"
                       "\"CodeSystem\",\"url\":\"urn:one\",\"content\":\"complete\",\"concept\":[{"
                       "\"code\":\"a\"}]}}]}\n{\"resourceType\":\"ValueSet\",\"url\":\"urn:two\","
                       "\"compose\":{\"include\":[{\"system\":\"urn:one\"}]}}\n",
                       "", &done, NULL));
    assert_int_equal(done.resources, 2);
    assert_int_equal(term_set_has(term_set(view, STR("urn:two")), STR(""), STR("a")), TERM_YES);
}

/* Invented rows in the form of LOINC's table. */
static void loinc(void **state) {
    (void)state;
    TermLoaded done;
    assert_ok(load_one("\"LOINC_NUM\",\"COMPONENT\",\"SCALE_TYP\",\"CLASS\",\"STATUS\","
                       "\"SHORTNAME\",\"LONG_COMMON_NAME\"\n"
                       "\"99990-1\",\"Testose, synthetic\",\"Qn\",\"CHEM\",\"ACTIVE\",\"Testose\","
                       "\"Testose [Mass/volume] synthetic\"\n"
                       "\"99991-9\",\"Old testose\",\"Ord\",\"CHEM\",\"DEPRECATED\",\"\",\"Old\"\n",
                       "", &done, NULL));
    assert_int_equal(done.concepts, 2);
    TermConcept c = need("http://loinc.org", "99990-1");
    assert_str(c.display, STR("Testose [Mass/volume] synthetic"));
    c = need("http://loinc.org", "99991-9");
    assert_true(c.is_inactive);
    const JsonNode *compose;
    const TermSet *set;
    assert_ok(json_parse(arena,
                         STR("{\"include\":[{\"system\":\"http://loinc.org\",\"filter\":[{"
                             "\"property\":\"SCALE_TYP\",\"op\":\"=\",\"value\":\"Qn\"}]}]}"),
                         &compose, NULL));
    assert_ok(term_set_in(view, arena, &(TermSetAsk){.compose = compose}, &set, NULL));
    assert_int_equal(term_set_has(set, STR("http://loinc.org"), STR("99990-1")), TERM_YES);
    assert_int_equal(term_set_has(set, STR("http://loinc.org"), STR("99991-9")), TERM_NO);
    assert_int_equal(
        term_set_has(term_set(view, STR("http://loinc.org/vs")), STR(""), STR("99991-9")),
        TERM_YES);
}

/* Invented concepts in the form of RF2 snapshots. */
static void snomed(void **state) {
    (void)state;
    TermFile files[] = {
        {STR("concepts"), STR("id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n"
                              "990001\t20260101\t1\t9\t9\n990002\t20260101\t1\t9\t9\n"
                              "990003\t20260101\t0\t9\t9\n")},
        {STR("relationships"),
         STR("id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\t"
             "typeId\tcharacteristicTypeId\tmodifierId\n"
             "1\t20260101\t1\t9\t990002\t990001\t0\t116680003\t9\t9\n"
             "2\t20260101\t0\t9\t990003\t990001\t0\t116680003\t9\t9\n"
             "3\t20260101\t1\t9\t990001\t990002\t0\t363698007\t9\t9\n")},
        {STR("descriptions"),
         STR("id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\t"
             "caseSignificanceId\n"
             "1\t20260101\t1\t9\t990001\ten\t900000000000003001\tTest \"thing\" (finding)\t9\n"
             "2\t20260101\t1\t9\t990001\ten\t900000000000013009\tA thing of tests\t9\n"
             "3\t20260101\t1\t9\t990002\ten\t900000000000003001\tSmall thing (finding)\t9\n"
             "4\t20260101\t1\t9\t990002\tvi\t900000000000013009\tVật nhỏ\t9\n"
             "5\t20260101\t0\t9\t990002\ten\t900000000000013009\tForgotten\t9\n")},
    };
    TermLoaded done;
    ErrInfo info = {0};
    assert_ok(load(&(TermLoad){.files = files, .n_files = 3}, &done, &info));
    assert_int_equal(done.concepts, 3);
    TermConcept c = need("http://snomed.info/sct", "990001");
    assert_str(c.display, STR("Test \"thing\" (finding)"));
    c = need("http://snomed.info/sct", "990002");
    assert_str(c.display_vi, STR("Vật nhỏ"));
    assert_true(need("http://snomed.info/sct", "990003").is_inactive);
    const TermSet *set;
    TermSetAsk ask = {.canonical = STR("http://snomed.info/sct?fhir_vs=isa/990001")};
    assert_ok(term_set_in(view, arena, &ask, &set, NULL));
    assert_int_equal(term_set_has(set, STR(""), STR("990002")), TERM_YES);
    assert_int_equal(term_set_has(set, STR(""), STR("990003")), TERM_NO);
    TermExpansion x;
    TermExpand typed = {.filter = STR("thing tests"), .count = 5, .max = 100};
    assert_ok(term_expand(set, arena, &typed, &x, NULL));
    assert_int_equal(x.total, 1);
    assert_int_equal(load(&(TermLoad){.files = files, .n_files = 2}, &done, &info), ERR_PARAM);
}

/* A pack that is cut off or changed anywhere is refused or answers less; it never crashes. */
static void damaged_packs_do_no_harm(void **state) {
    (void)state;
    TermFile file = {STR("t"), STR("code\tdisplay\tparent\na\tAlpha\t\nb\tBeta\ta\n")};
    Buf pack;
    TermLoaded done;
    buf_init(&pack, LIMIT_MIB);
    TermLoad ask = {.files = &file, .n_files = 1, .system = STR("urn:d")};
    assert_ok(term_load(&ask, &pack, &done, NULL));
    for (size_t i = 0; i < pack.len * 2; i++) {
        Buf copy;
        buf_init(&copy, LIMIT_MIB);
        buf_put_str(&copy, str_sub(buf_str(&pack), 0, i < pack.len ? pack.len : i - pack.len));
        if (i < pack.len) {
            copy.ptr[i] = (char)(copy.ptr[i] ^ 0x55);
        }
        if (term_add_heap(term, TERM_FILE, STR("d"), &copy, NULL) == ERR_OK) {
            const TermView *v = term_view(term);
            TermConcept c;
            TermConcept *links;
            size_t n;
            if (term_concept(term_system(v, STR("urn:d")), STR("b"), &c)) {
                assert_ok(term_links(&c, arena, true, &links, &n));
            }
            Str *codes;
            (void)!term_below(v, arena, &(TermCode){STR("urn:d"), STR("a")}, 10, &codes, &n, NULL);
            term_view_end(v);
        }
        buf_release(&copy);
    }
    buf_release(&pack);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_table_of_codes),
        CASE(a_table_of_mappings),
        CASE(what_is_wrong_is_named_with_its_line),
        CASE(fhir_in_bundles_and_lines),
        CASE(loinc),
        CASE(snomed),
        CASE(damaged_packs_do_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
