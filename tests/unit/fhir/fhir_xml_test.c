/* FHIR XML: what becomes what, in both directions, and what is refused with which place. */
#include "fhir/fhir_xml.h"

#include "core/limits.h"
#include "unit/test.h"

#define NS " xmlns=\"http://hl7.org/fhir\""
#define DIV "<div xmlns=\"http://www.w3.org/1999/xhtml\">"

static void reads(const char *xml, const char *json) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    ErrCode err = fhir_xml_read(str_from(xml), &out, &info);
    if (err != ERR_OK) {
        print_error("%s: %s: %s\n", info.rule, info.where, info.what_en);
    }
    assert_ok(err);
    assert_str(buf_str(&out), str_from(json));
}

static void writes(const char *json, bool pretty, const char *xml) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf out;
    FhirResource r;
    buf_init(&out, LIMIT_MIB);
    assert_ok(fhir_parse(arena, str_from(json), &r, NULL));
    FhirXmlOptions options = {.arena = arena, .pretty = pretty};
    assert_ok(fhir_xml_write(&r, &options, &out, NULL));
    Str got = buf_str(&out);
    Str head = STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    assert_true(str_starts(got, head));
    assert_str(str_sub(got, head.len, got.len), str_from(xml));
}

static void both(const char *xml, const char *json) {
    reads(xml, json);
    writes(json, false, xml);
}

/* One line: rule, place, then a piece of the English sentence. */
static void refused(const char *xml, ErrCode code, const char *rule, const char *where) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    assert_int_equal(fhir_xml_read(str_from(xml), &out, &info), code);
    assert_string_equal(info.rule, rule);
    assert_string_equal(info.where, where);
    assert_non_null(strstr(info.what_en, "(line "));
    assert_non_null(strstr(info.what_vi, "(dòng "));
}

static void primitives(void **state) {
    (void)state;
    both("<Patient" NS "><id value=\"a\"/><active value=\"true\"/><birthDate value=\"1990-02-03\"/>"
         "<multipleBirthInteger value=\"2\"/></Patient>",
         "{\"resourceType\":\"Patient\",\"id\":\"a\",\"active\":true,\"birthDate\":\"1990-02-03\","
         "\"multipleBirthInteger\":2}");
    both("<Observation" NS "><valueQuantity><value value=\"1.50\"/></valueQuantity></Observation>",
         "{\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":1.50}}");
    both("<Basic" NS "><id value=\"&lt;&amp;&quot;&gt;&#10;&#9;ế'\"/></Basic>",
         "{\"resourceType\":\"Basic\",\"id\":\"<&\\\">\\n\\tế'\"}");
}

static void arrays(void **state) {
    (void)state;
    both("<Patient" NS "><name><given value=\"A\"/><given value=\"B\"/></name>"
         "<name><text value=\"C\"/></name></Patient>",
         "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",\"B\"]},{\"text\":\"C\"}]}");
    /* one alone is an array, too */
    both("<Patient" NS "><name><given value=\"A\"/></name></Patient>",
         "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\"]}]}");
}

static void extended_primitives(void **state) {
    (void)state;
    both("<Patient" NS "><birthDate id=\"x\" value=\"1990\"><extension url=\"u\">"
         "<valueCode value=\"c\"/></extension></birthDate></Patient>",
         "{\"resourceType\":\"Patient\",\"birthDate\":\"1990\",\"_birthDate\":{\"id\":\"x\","
         "\"extension\":[{\"url\":\"u\",\"valueCode\":\"c\"}]}}");
    both("<Patient" NS "><active><extension url=\"u\"><valueCode value=\"c\"/></extension>"
         "</active></Patient>",
         "{\"resourceType\":\"Patient\",\"_active\":{\"extension\":[{\"url\":\"u\","
         "\"valueCode\":\"c\"}]}}");
}

static void extended_arrays(void **state) {
    (void)state;
    both("<Patient" NS "><name><given value=\"A\"/><given><extension url=\"u\">"
         "<valueCode value=\"c\"/></extension></given><given id=\"i\" value=\"C\"/>"
         "<given value=\"D\"/></name></Patient>",
         "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",null,\"C\",\"D\"],"
         "\"_given\":[null,{\"extension\":[{\"url\":\"u\",\"valueCode\":\"c\"}]},"
         "{\"id\":\"i\"},null]}]}");
    /* only the second array; an array of the kind inside of it */
    both("<Patient" NS "><name><given><extension url=\"u\"><valueHumanName><given id=\"j\"/>"
         "<given value=\"X\"/></valueHumanName></extension></given></name></Patient>",
         "{\"resourceType\":\"Patient\",\"name\":[{\"_given\":[{\"extension\":[{\"url\":\"u\","
         "\"valueHumanName\":{\"given\":[null,\"X\"],\"_given\":[{\"id\":\"j\"},null]}}]}]}]}");
}

static void resources_inside(void **state) {
    (void)state;
    both("<Bundle" NS "><type value=\"batch\"/><entry><resource><Patient><contained><Basic>"
         "<id value=\"b\"/></Basic></contained><contained><Basic><id value=\"c\"/></Basic>"
         "</contained></Patient></resource></entry></Bundle>",
         "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"resource\":{"
         "\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"b\"},"
         "{\"resourceType\":\"Basic\",\"id\":\"c\"}]}}]}");
    both("<Patient" NS "/>", "{\"resourceType\":\"Patient\"}");
}

static void narrative(void **state) {
    (void)state;
    both("<Basic" NS "><text><status value=\"generated\"/>" DIV "<b>a</b> <i>b</i>\r\n&lt;&#160;"
         "<!-- c --><br/></div></text></Basic>",
         "{\"resourceType\":\"Basic\",\"text\":{\"status\":\"generated\",\"div\":\"<div "
         "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><b>a</b> <i>b</i>\\r\\n&lt;&#160;"
         "<!-- c --><br/></div>\"}}");
    /* a mark of the byte order, a namespace said twice, another narrative inside */
    reads("\xEF\xBB\xBF<Basic" NS "><text>" DIV "ế</div></text><contained><Basic" NS "><text>" DIV
          "<div>b</div></div></text></Basic></contained></Basic>",
          "{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<div "
          "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">ế</div>\"},\"contained\":[{\"resourceType\":"
          "\"Basic\",\"text\":{\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">"
          "<div>b</div></div>\"}}]}");
    reads("<Basic" NS "><text><div xmlns=\"http://www.w3.org/1999/xhtml\"/></text></Basic>",
          "{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<div "
          "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"/>\"}}");
    /* HTML's names and a missing namespace are what XML cannot have */
    writes("{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<div>a&nbsp;&amp;&mdash;b</div>\"}}",
           false, "<Basic" NS "><text>" DIV "a&#160;&amp;&#8212;b</div></text></Basic>");
}

static void order_and_spacing(void **state) {
    (void)state;
    writes("{\"gender\":\"male\",\"_gender\":{\"id\":\"g\"},\"id\":\"a\","
           "\"resourceType\":\"Patient\",\"name\":[{\"text\":\"N\",\"id\":\"n\"}]}",
           false,
           "<Patient" NS "><id value=\"a\"/><name id=\"n\"><text value=\"N\"/></name>"
           "<gender id=\"g\" value=\"male\"/></Patient>");
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf out;
    FhirResource r;
    buf_init(&out, LIMIT_MIB);
    assert_ok(fhir_parse(arena, STR("{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"N\"}]}"),
                         &r, NULL));
    FhirXmlOptions options = {.arena = arena, .pretty = true};
    assert_ok(fhir_xml_write(&r, &options, &out, NULL));
    assert_str(buf_str(&out), STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient" NS ">\n"
                                  "  <name>\n    <text value=\"N\"/>\n  </name>\n</Patient>\n"));
    /* prefixes, comments, declarations and hints are no content */
    reads("<?xml version=\"1.0\"?><!-- a --><f:Patient xmlns:f=\"http://hl7.org/fhir\" "
          "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\">\n"
          "<?p i?> <f:active value='false'/><!-- b --></f:Patient>",
          "{\"resourceType\":\"Patient\",\"active\":false}");
}

static void refuses_what_is_not_fhir(void **state) {
    (void)state;
    refused("<Patient><active value=\"true\"/></Patient>", ERR_INVALID, "fhir-xml-namespace", "");
    refused("<Patent" NS "/>", ERR_INVALID, "fhir-resource-type", "");
    refused("<Patient" NS "><name><giver value=\"a\"/></name></Patient>", ERR_INVALID,
            "fhir-member-unknown", "Patient.name[0]");
    refused("<Patient" NS "><name/><name xmlns=\"urn:x\"/></Patient>", ERR_INVALID, "fhir-empty",
            "Patient.name[0]");
    refused("<Patient" NS "><active value=\"true\"/><x xmlns=\"urn:x\"/></Patient>", ERR_INVALID,
            "fhir-xml-namespace", "Patient");
    refused("<Patient" NS "><gender value=\"male\"/><name><text value=\"a\"/></name></Patient>",
            ERR_INVALID, "fhir-xml-order", "Patient");
    refused("<Patient" NS "><gender value=\"male\"/><gender value=\"male\"/></Patient>",
            ERR_INVALID, "fhir-xml-single", "Patient");
    refused("<Patient" NS "><name><given value=\"a\"/><given/></name></Patient>", ERR_INVALID,
            "fhir-empty", "Patient.name[0].given[1]");
    refused("<Patient" NS "><gender value=\"\"/></Patient>", ERR_INVALID, "fhir-empty",
            "Patient.gender");
    refused("<Patient" NS "><gender>male</gender></Patient>", ERR_INVALID, "fhir-xml-text",
            "Patient.gender");
    refused("<Patient" NS "><active value=\"1\"/></Patient>", ERR_INVALID, "fhir-format",
            "Patient.active");
    refused("<Patient" NS " id=\"a\"/>", ERR_INVALID, "fhir-xml-attribute", "Patient");
    refused("<Patient" NS "><extension><url value=\"u\"/></extension></Patient>", ERR_INVALID,
            "fhir-xml-attribute", "Patient.extension[0]");
    refused("<Basic" NS "><contained><Basic/><Basic/></contained></Basic>", ERR_INVALID,
            "fhir-xml-single", "Basic.contained[0]");
    refused("<Basic" NS "><contained/></Basic>", ERR_INVALID, "fhir-empty", "Basic.contained[0]");
    refused("<Basic" NS "><text><div>a</div></text></Basic>", ERR_INVALID, "fhir-xml-namespace",
            "Basic.text");
    refused("<Basic" NS "><text><h:div xmlns:h=\"http://www.w3.org/1999/xhtml\">a</h:div></text>"
            "</Basic>",
            ERR_INVALID, "fhir-narrative", "Basic.text");
}

static void refuses_hostile_input(void **state) {
    (void)state;
    refused("<!DOCTYPE Patient [<!ENTITY a \"b\">]><Patient" NS "><id value=\"&a;\"/></Patient>",
            ERR_SYNTAX, "xml-doctype", "");
    refused("<Patient" NS "><id value=\"&nbsp;\"/></Patient>", ERR_SYNTAX, "xml-syntax", "Patient");
    refused("<Patient" NS "><active value=\"true\"/>", ERR_SYNTAX, "xml-syntax", "Patient");
    refused("", ERR_SYNTAX, "xml-syntax", "");
    CLEANUP_BUF Buf deep;
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&deep, LIMIT_MIB);
    buf_put_lit(&deep, "<Basic" NS ">");
    for (int i = 0; i < 2000; i++) {
        buf_put_lit(&deep, "<extension url=\"u\">");
    }
    buf_init(&out, LIMIT_MIB);
    assert_int_equal(fhir_xml_read(buf_str(&deep), &out, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "fhir-xml-depth");
    buf_clear(&deep);
    buf_put_lit(&deep, "<Basic" NS "><text><status value=\"generated\"/>"
                       "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < LIMIT_NARRATIVE_DEPTH; i++) {
        buf_put_lit(&deep, "<b>");
    }
    buf_clear(&out);
    assert_int_equal(fhir_xml_read(buf_str(&deep), &out, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "fhir-xml-depth");
    /* a ceiling of the caller */
    Buf small;
    buf_init(&small, 20);
    assert_int_equal(
        fhir_xml_read(STR("<Basic" NS "><id value=\"abcdefghijkl\"/></Basic>"), &small, &info),
        ERR_LIMIT);
    assert_string_equal(info.rule, "fhir-xml-size");
    buf_release(&small);
}

/* Of a bundle to be carried out; entries of other resources, and bundles as such, have no end. */
static void entries_are_counted(void **state) {
    (void)state;
    Str entry = STR("<entry><fullUrl value=\"u\"/></entry>");
    CLEANUP_BUF Buf xml;
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&xml, 2 * LIMIT_MIB);
    buf_init(&out, 2 * LIMIT_MIB);
    buf_put_lit(&xml, "<Bundle" NS "><type value=\"batch\"/>");
    for (int i = 0; i < LIMIT_BUNDLE_ENTRIES; i++) {
        buf_put_str(&xml, entry);
    }
    size_t full = xml.len;
    buf_put_lit(&xml, "</Bundle>");
    assert_int_equal(fhir_xml_read_bundle(buf_str(&xml), &out, &info), ERR_OK);
    xml.len = full;
    buf_put_str(&xml, entry);
    buf_put_lit(&xml, "</Bundle>");
    buf_clear(&out);
    assert_int_equal(fhir_xml_read(buf_str(&xml), &out, &info), ERR_OK);
    buf_clear(&out);
    assert_int_equal(fhir_xml_read_bundle(buf_str(&xml), &out, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "bundle-entries");
}

static void lists_have_an_end(void **state) {
    (void)state;
    CLEANUP_BUF Buf xml;
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&xml, 8 * LIMIT_MIB);
    buf_init(&out, 8 * LIMIT_MIB);
    buf_put_lit(&xml, "<Patient" NS "><name>");
    for (int i = 0; i <= LIMIT_JSON_ITEMS; i++) {
        buf_put_lit(&xml, "<given value=\"a\"/>");
    }
    buf_put_lit(&xml, "</name></Patient>");
    assert_int_equal(fhir_xml_read(buf_str(&xml), &out, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "fhir-xml-items");
    assert_string_equal(info.where, "Patient.name[0].given[100000]");
}

static void not_written(const char *json, const char *rule, const char *where) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    FhirResource r;
    buf_init(&out, LIMIT_MIB);
    assert_ok(fhir_parse(arena, str_from(json), &r, NULL));
    assert_int_equal(fhir_xml_write(&r, &(FhirXmlOptions){.arena = arena}, &out, &info),
                     ERR_INVALID);
    assert_string_equal(info.rule, rule);
    assert_string_equal(info.where, where);
}

static void refuses_to_write(void **state) {
    (void)state;
    not_written("{\"resourceType\":\"Patient\",\"nam\":1}", "fhir-member-unknown", "Patient.nam");
    not_written("{\"resourceType\":\"Patient\",\"name\":[{\"given\":[[1]]}]}", "fhir-type",
                "Patient.name[0].given[0]");
    not_written("{\"resourceType\":\"Patient\",\"gender\":{}}", "fhir-type", "Patient.gender");
    not_written("{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<div a='1' a='2'>x</div>\"}}",
                "fhir-narrative", "Basic.text.div");
    not_written("{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<divx></divx>\"}}",
                "fhir-narrative", "Basic.text.div");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives),
        cmocka_unit_test(arrays),
        cmocka_unit_test(extended_primitives),
        cmocka_unit_test(extended_arrays),
        cmocka_unit_test(resources_inside),
        cmocka_unit_test(narrative),
        cmocka_unit_test(order_and_spacing),
        cmocka_unit_test(refuses_what_is_not_fhir),
        cmocka_unit_test(refuses_hostile_input),
        cmocka_unit_test(entries_are_counted),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(refuses_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
