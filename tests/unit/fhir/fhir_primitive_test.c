#include "unit/test.h"

#include "fhir/fhir_primitive.h"

typedef struct Row {
    FhirType type;
    bool ok;
    const char *text;
} Row;

static const Row ROWS[] = {
    {FHIR_T_BOOLEAN, true, "true"},
    {FHIR_T_BOOLEAN, true, "false"},
    {FHIR_T_BOOLEAN, false, "TRUE"},
    {FHIR_T_BOOLEAN, false, ""},
    {FHIR_T_INTEGER, true, "0"},
    {FHIR_T_INTEGER, true, "-2147483648"},
    {FHIR_T_INTEGER, true, "2147483647"},
    {FHIR_T_INTEGER, true, "-0"},
    {FHIR_T_INTEGER, false, "2147483648"},
    {FHIR_T_INTEGER, false, "-2147483649"},
    {FHIR_T_INTEGER, false, "01"},
    {FHIR_T_INTEGER, false, "+1"},
    {FHIR_T_INTEGER, false, "1e2"},
    {FHIR_T_INTEGER, false, "-"},
    {FHIR_T_UNSIGNED_INT, true, "0"},
    {FHIR_T_UNSIGNED_INT, false, "-0"},
    {FHIR_T_UNSIGNED_INT, false, "-1"},
    {FHIR_T_POSITIVE_INT, true, "1"},
    {FHIR_T_POSITIVE_INT, false, "0"},
    {FHIR_T_DECIMAL, true, "-0.050"},
    {FHIR_T_DECIMAL, true, "1e-7"},
    {FHIR_T_DECIMAL, true, "12345678901234567890.12345678901234567890E+10"},
    {FHIR_T_DECIMAL, false, ".5"},
    {FHIR_T_DECIMAL, false, "5."},
    {FHIR_T_DECIMAL, false, "00.5"},
    {FHIR_T_DECIMAL, false, "1e"},
    {FHIR_T_DECIMAL, false, "NaN"},
    {FHIR_T_DATE, true, "2026"},
    {FHIR_T_DATE, true, "2026-11"},
    {FHIR_T_DATE, true, "2000-02-29"},
    {FHIR_T_DATE, false, "1900-02-29"},
    {FHIR_T_DATE, false, "2026-04-31"},
    {FHIR_T_DATE, false, "2026-00"},
    {FHIR_T_DATE, false, "0000"},
    {FHIR_T_DATE, false, "26"},
    {FHIR_T_DATE, false, "2026-1-1"},
    {FHIR_T_DATE, false, "2026-11-"},
    {FHIR_T_DATE, false, "2026/11/21"},
    {FHIR_T_DATE, false, "2026-11-21T00:00:00Z"},
    {FHIR_T_DATE_TIME, true, "2026-11"},
    {FHIR_T_DATE_TIME, true, "2026-11-21T23:09:28Z"},
    {FHIR_T_DATE_TIME, true, "2026-11-21T23:09:60.123456789+14:00"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T23:09:28+14:01"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T23:09Z"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T24:00:00Z"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T23:60:00Z"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T23:09:28.Z"},
    {FHIR_T_DATE_TIME, false, "2026-11-21T23:09:28"},
    {FHIR_T_DATE_TIME, false, "2026-11-21 23:09:28Z"},
    {FHIR_T_DATE_TIME, false, "2026-11T23:09:28Z"},
    {FHIR_T_INSTANT, true, "2026-11-21T23:09:28.5-03:30"},
    {FHIR_T_INSTANT, false, "2026-11-21"},
    {FHIR_T_INSTANT, false, "2026-11-21T23:09:28Zx"},
    {FHIR_T_TIME, true, "00:00:00"},
    {FHIR_T_TIME, true, "23:59:60.1"},
    {FHIR_T_TIME, false, "24:00:00"},
    {FHIR_T_TIME, false, "12:00"},
    {FHIR_T_TIME, false, "12:00:00Z"},
    {FHIR_T_ID, true, "A-1.b"},
    {FHIR_T_ID, false, ""},
    {FHIR_T_ID, false, "a b"},
    {FHIR_T_ID, false, "ă"},
    {FHIR_T_CODE, true, "a b"},
    {FHIR_T_CODE, false, "a  b"},
    {FHIR_T_CODE, false, " a"},
    {FHIR_T_CODE, false, "a "},
    {FHIR_T_CODE, false, ""},
    {FHIR_T_CODE, false, "a\n\nb"},
    {FHIR_T_URI, true, "urn:x"},
    {FHIR_T_URI, true, "đường/dẫn"},
    {FHIR_T_URI, false, "a b"},
    {FHIR_T_URI, false, ""},
    {FHIR_T_CANONICAL, true, "http://example.org/x|1.0"},
    {FHIR_T_URL, false, "http://example.org/\tx"},
    {FHIR_T_OID, true, "urn:oid:2.16.704.0"},
    {FHIR_T_OID, false, "urn:oid:2"},
    {FHIR_T_OID, false, "urn:oid:2.01"},
    {FHIR_T_OID, false, "urn:oid:2.1."},
    {FHIR_T_OID, false, "urn:oid:3.1"},
    {FHIR_T_OID, false, "2.16"},
    {FHIR_T_UUID, true, "urn:uuid:0b6d6c3e-9b3c-4b3e-8a52-000000000001"},
    {FHIR_T_UUID, false, "urn:uuid:0b6d6c3e-9b3c-4b3e-8a52-00000000000g"},
    {FHIR_T_UUID, false, "urn:uuid:0b6d6c3e9b3c-4b3e-8a52-0000000000011"},
    {FHIR_T_UUID, false, "0b6d6c3e-9b3c-4b3e-8a52-000000000001"},
    {FHIR_T_STRING, true, " Huế\t\r\n"},
    {FHIR_T_STRING, false, " \n"},
    {FHIR_T_STRING, false, "a\x01"},
    {FHIR_T_MARKDOWN, true, "# x\n\n* y"},
    {FHIR_T_BASE64_BINARY, true, "AAAA"},
    {FHIR_T_BASE64_BINARY, true, " AA\nA= "},
    {FHIR_T_BASE64_BINARY, false, "A==="},
    {FHIR_T_BASE64_BINARY, false, "AA=A"},
    {FHIR_T_BASE64_BINARY, false, "AAA"},
    {FHIR_T_BASE64_BINARY, false, "  "},
    {FHIR_T_XHTML, true, "<div/>"},
    {FHIR_T_HUMAN_NAME, false, "x"},
    {FHIR_T_NONE, false, "x"},
};

static void primitives_follow_their_expressions(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        /* A copy without NUL: reading behind the end shows under ASan. */
        size_t len = strlen(ROWS[i].text);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, ROWS[i].text, len);
        char *exact = realloc(copy, len == 0 ? 1 : len);
        assert_non_null(exact);
        if (fhir_primitive_ok(ROWS[i].type, (Str){exact, len}) != ROWS[i].ok) {
            print_error("%s <%s>\n", fhir_type_name(ROWS[i].type), ROWS[i].text);
            fail();
        }
        free(exact);
    }
}

static void every_primitive_type_has_its_check(void **state) {
    (void)state;
    for (int t = 1; t < FHIR_TYPE_COUNT; t++) {
        bool primitive = fhir_type_kind((FhirType)t) == FHIR_KIND_PRIMITIVE;
        bool any = false;
        static const char *const samples[] = {"true",
                                              "1",
                                              "2026",
                                              "a",
                                              "2026-11-21T00:00:00Z",
                                              "AAAA",
                                              "00:00:00",
                                              "urn:oid:1.2",
                                              "urn:uuid:0b6d6c3e-9b3c-4b3e-8a52-000000000001"};
        for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
            any |= fhir_primitive_ok((FhirType)t, str_from(samples[i]));
        }
        assert_int_equal(any, primitive);
    }
}

static void ids_have_at_most_64_characters(void **state) {
    (void)state;
    char text[65];
    memset(text, 'x', sizeof(text));
    assert_true(fhir_id_ok((Str){text, 64}));
    assert_false(fhir_id_ok((Str){text, 65}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_follow_their_expressions),
        cmocka_unit_test(every_primitive_type_has_its_check),
        cmocka_unit_test(ids_have_at_most_64_characters),
    };
    return cmocka_run_group_tests_name("fhir/primitive", tests, NULL, NULL);
}
