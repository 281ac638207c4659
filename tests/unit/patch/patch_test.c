/* The three patch formats beside the official cases: values with extensions, choices, messages,
 * atomicity, limits. */
#include "patch/patch.h"

#include "core/limits.h"
#include "unit/test.h"

typedef ErrCode (*PatchFn)(const PatchJson *in, Buf *out, ErrInfo *info);

static ErrCode run(PatchFn fn, const char *document, const char *patch, Buf *out, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    PatchJson in = {.arena = arena, .drop_empty = true};
    assert_ok(json_parse(arena, str_from(document), &in.document, NULL));
    assert_ok(json_parse(arena, str_from(patch), &in.patch, NULL));
    return fn(&in, out, info);
}

static void gives(PatchFn fn, const char *document, const char *patch, const char *want) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    ErrCode err = run(fn, document, patch, &out, &info);
    if (err != ERR_OK) {
        print_error("%s\n", info.what_en);
    }
    assert_ok(err);
    assert_str(buf_str(&out), str_from(want));
}

/* Refused with this rule and this piece of its sentence; what stood in the buffer stays. */
static void refuses(PatchFn fn, const char *document, const char *patch, const char *rule,
                    const char *piece) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    buf_put_lit(&out, "before");
    assert_int_not_equal(run(fn, document, patch, &out, &info), ERR_OK);
    assert_string_equal(info.rule, rule);
    if (strstr(info.what_en, piece) == NULL) {
        print_error("'%s' is not in '%s'\n", piece, info.what_en);
        fail();
    }
    assert_string_not_equal(info.what_en, info.what_vi);
    assert_str(buf_str(&out), STR("before"));
}

/* ---- JSON Patch */

static void json_pointers(void **state) {
    (void)state;
    const char *doc = "{\"a\":[1,{\"b/c\":2,\"~d\":3}]}";
    gives(patch_json, doc, "[{\"op\":\"replace\",\"path\":\"/a/1/b~1c\",\"value\":9}]",
          "{\"a\":[1,{\"b/c\":9,\"~d\":3}]}");
    gives(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"/a/1/~0d\"}]",
          "{\"a\":[1,{\"b/c\":2}]}");
    gives(patch_json, doc, "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]");
    refuses(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"/a/01\"}]", "patch-path",
            "operation 1 (remove /a/01)");
    refuses(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", "patch-path", "nothing");
    refuses(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"a\"}]", "patch-path", "begins with /");
    refuses(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"/~2\"}]", "patch-path", "~0 and ~1");
    refuses(patch_json, doc, "[{\"op\":\"remove\",\"path\":\"\"}]", "patch-path", "whole document");
}

static void json_operations(void **state) {
    (void)state;
    gives(patch_json, "{\"a\":{\"x\":1},\"b\":[1,2]}",
          "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/a/y\","
          "\"value\":2},{\"op\":\"move\",\"from\":\"/b/0\",\"path\":\"/b/1\"}]",
          "{\"a\":{\"x\":1,\"y\":2},\"b\":[2,1],\"c\":{\"x\":1}}");
    gives(patch_json, "{\"a\":1.50}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":15e-1}]",
          "{\"a\":1.50}");
    gives(patch_json, "{\"a\":{\"x\":[1],\"y\":2}}",
          "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":2,\"x\":[1]}}]",
          "{\"a\":{\"x\":[1],\"y\":2}}");
    gives(patch_json, "{\"a\":{\"x\":[1]},\"b\":1}", "[{\"op\":\"remove\",\"path\":\"/a/x/0\"}]",
          "{\"b\":1}"); /* what got empty goes */
    refuses(patch_json, "{\"a\":{\"b\":1}}",
            "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", "patch-path", "into itself");
    refuses(patch_json, "{}", "[{\"op\":\"jump\",\"path\":\"/a\"}]", "patch-operation", "op must");
    refuses(patch_json, "{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", "patch-operation", "value");
    refuses(patch_json, "{}", "{}", "patch-operation", "array");
    /* the second fails: the first is not done either */
    refuses(patch_json, "{\"a\":1}",
            "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]",
            "patch-path", "operation 2 (test /a)");
}

static void json_limits(void **state) {
    (void)state;
    CLEANUP_BUF Buf patch;
    buf_init(&patch, 16 * LIMIT_MIB);
    /* each copy doubles what is there */
    buf_put_lit(&patch, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":[]}");
    for (int i = 0; i < 60; i++) {
        buf_put_lit(&patch, ",{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a/-\"}");
    }
    buf_put_char(&patch, ']');
    refuses(patch_json, "{\"b\":1}", buf_cstr(&patch), "patch-steps", "too much work");
    buf_clear(&patch);
    buf_put_lit(&patch, "[{\"op\":\"test\",\"path\":\"\",\"value\":{}}");
    for (int i = 0; i < LIMIT_PATCH_OPERATIONS; i++) {
        buf_put_lit(&patch, ",{}");
    }
    buf_put_char(&patch, ']');
    refuses(patch_json, "{}", buf_cstr(&patch), "patch-operations", "operations at most");
}

/* ---- FHIRPath Patch */

#define OP(type, path, more)                                                                       \
    "{\"name\":\"operation\",\"part\":[{\"name\":\"type\",\"valueCode\":\"" type "\"},"            \
    "{\"name\":\"path\",\"valueString\":\"" path "\"}" more "]}"
#define PATCH(ops) "{\"resourceType\":\"Parameters\",\"parameter\":[" ops "]}"
#define VALUE(json) ",{\"name\":\"value\"," json "}"
#define INT(name, n) ",{\"name\":\"" name "\",\"valueInteger\":" n "}"
#define NAME(name) ",{\"name\":\"name\",\"valueString\":\"" name "\"}"
#define PAT "\"resourceType\":\"Patient\""

static void extensions_move_with_values(void **state) {
    (void)state;
    const char *doc = "{" PAT ",\"name\":[{\"given\":[\"A\",null,\"C\"],"
                      "\"_given\":[null,{\"id\":\"b\"},null]}]}";
    gives(patch_fhir, doc,
          PATCH(OP("move", "Patient.name.given", INT("source", "2") INT("destination", "0"))),
          "{" PAT ",\"name\":[{\"given\":[\"C\",\"A\",null],\"_given\":[null,null,{\"id\":\"b\"}]}"
          "]}");
    gives(patch_fhir, doc, PATCH(OP("delete", "Patient.name.given[1]", "")),
          "{" PAT ",\"name\":[{\"given\":[\"A\",\"C\"]}]}");
    gives(
        patch_fhir, doc,
        PATCH(OP("insert", "Patient.name.given",
                 INT("index", "1") VALUE("\"valueString\":\"B\",\"_valueString\":{\"id\":\"i\"}"))),
        "{" PAT ",\"name\":[{\"given\":[\"A\",\"B\",null,\"C\"],"
        "\"_given\":[null,{\"id\":\"i\"},{\"id\":\"b\"},null]}]}");
    gives(patch_fhir, "{" PAT ",\"birthDate\":\"1990\"}",
          PATCH(OP("add", "Patient.birthDate",
                   NAME("extension") ",{\"name\":\"value\",\"part\":["
                                     "{\"name\":\"url\",\"valueUri\":\"u\"},"
                                     "{\"name\":\"value\",\"valueCode\":\"c\"}]}")),
          "{" PAT ",\"birthDate\":\"1990\",\"_birthDate\":{\"extension\":[{\"url\":\"u\","
          "\"valueCode\":\"c\"}]}}");
}

static void choices_by_their_base(void **state) {
    (void)state;
    gives(patch_fhir, "{" PAT "}",
          PATCH(OP("add", "Patient", NAME("deceased") VALUE("\"valueBoolean\":true"))),
          "{" PAT ",\"deceasedBoolean\":true}");
    gives(patch_fhir, "{" PAT ",\"deceasedBoolean\":true}",
          PATCH(OP("replace", "Patient.deceased", VALUE("\"valueDateTime\":\"2026\""))),
          "{" PAT ",\"deceasedDateTime\":\"2026\"}");
    gives(patch_fhir, "{" PAT ",\"deceasedBoolean\":true}",
          PATCH(OP("delete", "Patient.deceased", "")), "{" PAT "}");
    refuses(patch_fhir, "{" PAT "}",
            PATCH(OP("add", "Patient", NAME("deceased") VALUE("\"valueString\":\"x\""))),
            "patch-path", "no element of that name and type");
}

static void groups_from_parts(void **state) {
    (void)state;
    gives(patch_fhir, "{" PAT "}",
          PATCH(OP("add", "Patient",
                   NAME("contact") ",{\"name\":\"value\",\"part\":["
                                   "{\"name\":\"telecom\",\"valueContactPoint\":{\"value\":\"1\"}},"
                                   "{\"name\":\"gender\",\"valueCode\":\"male\"},"
                                   "{\"name\":\"telecom\",\"valueContactPoint\":{\"value\":\"2\"}}"
                                   "]}")),
          "{" PAT ",\"contact\":[{\"telecom\":[{\"value\":\"1\"},{\"value\":\"2\"}],"
          "\"gender\":\"male\"}]}");
    gives(patch_fhir, "{\"resourceType\":\"Basic\"}",
          PATCH(OP("add", "Basic",
                   NAME("contained") ",{\"name\":\"value\",\"resource\":{" PAT ",\"id\":\"c\"}}")),
          "{\"resourceType\":\"Basic\",\"contained\":[{" PAT ",\"id\":\"c\"}]}");
}

static void what_gets_empty_goes(void **state) {
    (void)state;
    gives(patch_fhir, "{" PAT ",\"active\":true,\"contact\":[{\"name\":{\"text\":\"x\"}}]}",
          PATCH(OP("delete", "Patient.contact.name.text", "")), "{" PAT ",\"active\":true}");
    gives(patch_fhir, "{" PAT "}", PATCH(OP("delete", "Patient.photo", "")), "{" PAT "}");
    gives(patch_fhir, "{" PAT "}",
          PATCH(OP("insert", "Patient.name",
                   INT("index", "0") VALUE("\"valueHumanName\":"
                                           "{\"text\":\"x\"}"))),
          "{" PAT ",\"name\":[{\"text\":\"x\"}]}");
}

static void refusals_name_the_operation(void **state) {
    (void)state;
    const char *doc = "{" PAT ",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"active\":true}";
    refuses(patch_fhir, doc, PATCH(OP("replace", "Patient.name", VALUE("\"valueHumanName\":{}"))),
            "patch-path", "operation 1 (replace Patient.name): the path finds more than one");
    refuses(patch_fhir, doc, PATCH(OP("delete", "Patient.name", "")), "patch-path",
            "more than one");
    refuses(patch_fhir, doc,
            PATCH(OP("add", "Patient", NAME("active") VALUE("\"valueBoolean\":true"))),
            "patch-path", "there already");
    refuses(patch_fhir, doc,
            PATCH(OP("move", "Patient.name", INT("source", "0") INT("destination", "2"))),
            "patch-index", "outside");
    refuses(patch_fhir, doc, PATCH(OP("move", "Patient.active", INT("source", "0"))), "patch-path",
            "repeats");
    refuses(patch_fhir, doc, PATCH(OP("insert", "Patient.name", VALUE("\"valueHumanName\":{}"))),
            "patch-operation", "part");
    refuses(patch_fhir, doc, PATCH(OP("replace", "Patient.active", "")), "patch-operation", "part");
    refuses(patch_fhir, doc, PATCH(OP("delete", "Patient", "")), "patch-path", "whole resource");
    refuses(patch_fhir, doc, PATCH(OP("delete", "1 + 1", "")), "patch-path", "does not lead");
    refuses(patch_fhir, doc, PATCH(OP("jump", "Patient", "")), "patch-operation", "type must be");
    refuses(patch_fhir, doc, PATCH("{\"name\":\"x\"}"), "patch-operation", "named 'operation'");
    refuses(patch_fhir, doc, "{" PAT "}", "patch-operation", "Parameters");
}

/* ---- XML Patch */

#define NS " xmlns=\"http://hl7.org/fhir\""
#define DOC                                                                                        \
    "<Patient" NS "><name id=\"n\"><text value=\"a\"/></name><gender value=\"male\"/></Patient>"

static ErrCode run_xml(const char *patch, Buf *out, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    PatchXml in = {.arena = arena, .document = STR(DOC), .patch = str_from(patch)};
    return patch_xml(&in, out, info);
}

static void xml_gives(const char *patch, const char *want) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    assert_ok(run_xml(patch, &out, NULL));
    assert_str(buf_str(&out), str_from(want));
}

static void xml_refuses(const char *patch, const char *rule) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    assert_int_not_equal(run_xml(patch, &out, &info), ERR_OK);
    assert_string_equal(info.rule, rule);
    assert_int_equal(out.len, 0);
}

static void xml_operations(void **state) {
    (void)state;
    xml_gives("<diff" NS "><replace sel=\"f:Patient/f:gender/@value\">female</replace></diff>",
              "<Patient" NS "><name id=\"n\"><text value=\"a\"/></name><gender value=\"female\"/>"
              "</Patient>");
    xml_gives("<diff" NS "><remove sel=\"/Patient/name[@id='n']\"/><add sel=\"Patient\" "
              "pos=\"prepend\"><active value=\"true\"/></add></diff>",
              "<Patient" NS "><active value=\"true\"/><gender value=\"male\"/></Patient>");
    xml_gives("<diff" NS "><replace sel=\"Patient/name\"> <name><text value=\"b\"/></name> "
              "</replace></diff>",
              "<Patient" NS "><name><text value=\"b\"/></name><gender value=\"male\"/></Patient>");
}

static void xml_selectors(void **state) {
    (void)state;
    xml_gives("<p:diff xmlns:p=\"urn:p\" xmlns:q=\"http://hl7.org/fhir\">"
              "<p:add sel=\"q:Patient/q:gender\" pos=\"before\"><q:telecom/></p:add></p:diff>",
              "<Patient" NS "><name id=\"n\"><text value=\"a\"/></name><telecom/>"
              "<gender value=\"male\"/></Patient>");
    xml_gives("<diff" NS "><remove sel=\"id('n')\"/></diff>",
              "<Patient" NS "><gender value=\"male\"/></Patient>");
    xml_gives("<diff" NS "><add sel=\"Patient/*[2]\" type=\"@id\">g</add></diff>",
              "<Patient" NS "><name id=\"n\"><text value=\"a\"/></name>"
              "<gender value=\"male\" id=\"g\"/></Patient>");
    xml_refuses("<diff" NS "><remove sel=\"Patient/*\"/></diff>", "patch-path");
    xml_refuses("<diff" NS "><remove sel=\"Patient/photo\"/></diff>", "patch-path");
    xml_refuses("<diff" NS "><remove sel=\"//name\"/></diff>", "patch-path");
    xml_refuses("<diff" NS "><remove sel=\"Patient/x:name\"/></diff>", "patch-path");
    xml_refuses("<diff" NS "><remove sel=\"Patient\"/></diff>", "patch-path");
    xml_refuses("<diff" NS "><remove/></diff>", "patch-path");
    xml_refuses("<diff" NS "><jump sel=\"Patient\"/></diff>", "patch-operation");
    xml_refuses("<diff" NS "><replace sel=\"Patient/name\">x</replace></diff>", "patch-value");
    xml_refuses("<diff" NS "><add sel=\"Patient\" type=\"@+\">x</add></diff>", "patch-operation");
    xml_refuses("<diff" NS "><add sel=\"Patient\" type=\"@xmlns\">x</add></diff>",
                "patch-operation");
    xml_refuses("<diff" NS "><add sel=\"Patient\" type=\"namespace::xml\">x</add></diff>",
                "patch-operation");
    xml_refuses("<diff" NS "><add sel=\"Patient/name\" type=\"@id\">x</add></diff>", "patch-path");
    xml_refuses("<xml:diff/>", "xml-namespace");
    xml_refuses("<diff" NS "/>", "patch-operation");
    xml_refuses("<!DOCTYPE a><a/>", "xml-doctype");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_pointers),         cmocka_unit_test(json_operations),
        cmocka_unit_test(json_limits),           cmocka_unit_test(extensions_move_with_values),
        cmocka_unit_test(choices_by_their_base), cmocka_unit_test(groups_from_parts),
        cmocka_unit_test(what_gets_empty_goes),  cmocka_unit_test(refusals_name_the_operation),
        cmocka_unit_test(xml_operations),        cmocka_unit_test(xml_selectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
