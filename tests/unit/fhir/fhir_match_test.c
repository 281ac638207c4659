/* Properties of matching; single searches stand in tests/case/search.case. */
#include "unit/test.h"

#include "core/limits.h"
#include "core/random.h"
#include "fhir/fhir_match.h"

static void sort_keys_keep_the_order(void **state) {
    (void)state;
    static const char *const ascending[] = {"-1e400", "-1e10", "-2",   "-1.5", "-1",   "-0.001",
                                            "0",      "1e-7",  "0.02", "0.5",  "1",    "1.5",
                                            "9.99",   "10",    "1e3",  "1e10", "1e400"};
    for (size_t i = 1; i < ARRAY_LEN(ascending); i++) {
        uint64_t a = fhir_quantity_sort_key(str_from(ascending[i - 1]));
        uint64_t b = fhir_quantity_sort_key(str_from(ascending[i]));
        assert_true(a < b);
        assert_true(a > 0);
    }
    assert_int_equal(fhir_quantity_sort_key(STR("-0.0")), fhir_quantity_sort_key(STR("0")));
    assert_int_equal(fhir_quantity_sort_key(STR("1.50")), fhir_quantity_sort_key(STR("1.5")));
    assert_int_equal(fhir_quantity_sort_key(STR("")), 0);
    assert_int_equal(fhir_quantity_sort_key(STR("12a")), 0);
    assert_int_equal(fhir_quantity_sort_key(STR("nan")), 0);
    /* longer than the fast path; and with more digits than fhir_match can compare */
    assert_int_equal(fhir_quantity_sort_key(
                         STR("0.0000000000000000000000000000000000000000000000000000000000000000"
                             "15e65")),
                     fhir_quantity_sort_key(STR("1.5")));
    assert_int_equal(fhir_quantity_sort_key(
                         STR("1.0000000000000000000000000000000000000000000000000000000000000000"
                             "1")),
                     0);
}

static void random_sort_keys_keep_the_order(void **state) {
    (void)state;
    Random r;
    random_init(&r, 1);
    for (int i = 0; i < 20000; i++) {
        char text[2][32];
        Decimal d[2];
        uint64_t key[2];
        for (int k = 0; k < 2; k++) {
            int64_t units = (int64_t)random_below(&r, 2000001) - 1000000;
            int n = snprintf(text[k], sizeof text[k], "%lldE-%u", (long long)units,
                             (unsigned)random_below(&r, 5));
            assert_ok(decimal_parse((Str){text[k], (size_t)n}, &d[k]));
            key[k] = fhir_quantity_sort_key((Str){text[k], (size_t)n});
        }
        int order = decimal_cmp(d[0], d[1]);
        assert_true(order < 0 ? key[0] <= key[1] : order > 0 ? key[0] >= key[1] : key[0] == key[1]);
    }
}

/* What must hold between prefixes whatever the ranges are. */
static void date_prefixes_fit_together(void **state) {
    (void)state;
    Random r;
    random_init(&r, 2);
    for (int i = 0; i < 50000; i++) {
        TimeMs lo = (TimeMs)random_below(&r, 20);
        TimeMs hi = lo + 1 + (TimeMs)random_below(&r, 10);
        FhirQueryValue w = {.kind = FHIR_INDEX_DATE};
        w.date.lo = (TimeMs)random_below(&r, 20);
        w.date.hi = w.date.lo + 1 + (TimeMs)random_below(&r, 10);
        bool m[FHIR_PREFIX_AP + 1];
        for (unsigned p = 0; p <= FHIR_PREFIX_AP; p++) {
            w.prefix = (uint8_t)p;
            m[p] = fhir_match_date(&w, lo, hi);
        }
        assert_int_equal(m[FHIR_PREFIX_EQ], !m[FHIR_PREFIX_NE]);
        assert_int_equal(m[FHIR_PREFIX_GE], m[FHIR_PREFIX_GT] || m[FHIR_PREFIX_EQ]);
        assert_int_equal(m[FHIR_PREFIX_LE], m[FHIR_PREFIX_LT] || m[FHIR_PREFIX_EQ]);
        assert_true(!m[FHIR_PREFIX_SA] || m[FHIR_PREFIX_GT]);
        assert_true(!m[FHIR_PREFIX_EB] || m[FHIR_PREFIX_LT]);
        assert_false(m[FHIR_PREFIX_SA] && m[FHIR_PREFIX_EB]);
        assert_int_equal(m[FHIR_PREFIX_AP], !m[FHIR_PREFIX_SA] && !m[FHIR_PREFIX_EB]);
        assert_true(m[FHIR_PREFIX_EQ] + m[FHIR_PREFIX_GT] + m[FHIR_PREFIX_LT] >= 1);
    }
}

static bool matches(Arena *arena, FhirType type, const char *json, const char *search) {
    FhirQuery q;
    FhirQueryScope scope = {.type = type, .base_url = STR_EMPTY};
    FhirMatchContext context = {.id = STR("x"), .base_url = STR_EMPTY};
    const JsonNode *root = NULL;
    bool yes = false;
    assert_ok(json_parse(arena, str_from(json), &root, NULL));
    assert_ok(fhir_query_parse(arena, &scope, str_from(search), &q));
    assert_ok(fhir_match(arena, &q, root, &context, &yes));
    return yes;
}

/* For random values and numbers: eq, gt and lt of the same number against a point. */
static void number_prefixes_fit_together(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(4 * LIMIT_MIB);
    Random r;
    random_init(&r, 3);
    for (int i = 0; i < 3000; i++) {
        char json[128];
        char search[9][64];
        static const char *const prefix[] = {"", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"};
        bool m[9];
        arena_reset(arena);
        (void)snprintf(json, sizeof json, "{\"prediction\":[{\"probabilityDecimal\":%u.%u}]}",
                       (unsigned)random_below(&r, 4), (unsigned)random_below(&r, 10));
        unsigned whole = (unsigned)random_below(&r, 4);
        unsigned tenth = (unsigned)random_below(&r, 10);
        for (unsigned p = 0; p < 9; p++) {
            (void)snprintf(search[p], sizeof search[p], "probability=%s%u.%u", prefix[p], whole,
                           tenth);
            m[p] = matches(arena, FHIR_T_RISK_ASSESSMENT, json, search[p]);
        }
        assert_int_equal(m[FHIR_PREFIX_EQ], !m[FHIR_PREFIX_NE]);
        assert_int_equal(m[FHIR_PREFIX_GT] + m[FHIR_PREFIX_LE],
                         1); /* a point is one or the other */
        assert_int_equal(m[FHIR_PREFIX_LT] + m[FHIR_PREFIX_GE], 1);
        assert_int_equal(m[FHIR_PREFIX_SA], m[FHIR_PREFIX_GT]);
        assert_int_equal(m[FHIR_PREFIX_EB], m[FHIR_PREFIX_LT]);
        assert_true(!m[FHIR_PREFIX_EQ] || m[FHIR_PREFIX_AP]);
    }
}

/* Values of one parameter in several elements: each is tested alone, :not needs all of them. */
static void several_values(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const char *json = "{\"name\":[{\"family\":\"Lê\"},{\"family\":\"Trần\"}],\"identifier\":"
                       "[{\"value\":\"1\"},{\"value\":\"2\"}]}";
    assert_true(matches(arena, FHIR_T_PATIENT, json, "family=le&family=tran"));
    assert_true(matches(arena, FHIR_T_PATIENT, json, "identifier=2"));
    assert_false(matches(arena, FHIR_T_PATIENT, json, "identifier:not=2"));
    assert_true(matches(arena, FHIR_T_PATIENT, json, "identifier:not=3"));
    assert_true(matches(arena, FHIR_T_PATIENT, "{}", "identifier:not=3"));
    assert_true(matches(arena, FHIR_T_PATIENT, json, ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_keys_keep_the_order),
        cmocka_unit_test(random_sort_keys_keep_the_order),
        cmocka_unit_test(date_prefixes_fit_together),
        cmocka_unit_test(number_prefixes_fit_together),
        cmocka_unit_test(several_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
