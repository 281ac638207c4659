#include "unit/test.h"

#include "core/json.h"
#include "core/limits.h"

/* Parses a copy that has exactly the text's bytes, so that the sanitizer sees any read behind it.
 */
typedef struct Doc {
    Arena *arena;
    char *copy;
    const JsonNode *root;
    ErrInfo info;
    ErrCode err;
} Doc;

static Doc doc_parse(Str text) {
    Doc d = {.arena = arena_new(1024 * LIMIT_MIB), .copy = malloc(MAX(text.len, (size_t)1))};
    assert_non_null(d.arena);
    assert_non_null(d.copy);
    if (text.len > 0) {
        memcpy(d.copy, text.ptr, text.len);
    }
    d.err = json_parse(d.arena, (Str){d.copy, text.len}, &d.root, &d.info);
    return d;
}

static void doc_release(Doc *d) {
    arena_free(d->arena);
    free(d->copy);
}
#define CLEANUP_DOC CLEANUP(doc_release)

static void accepts(Str text) {
    CLEANUP_DOC Doc d = doc_parse(text);
    if (d.err != ERR_OK) {
        print_error("refused <" STR_FMT ">: %s\n", STR_ARG(text), d.info.what_en);
    }
    assert_ok(d.err);
    assert_int_equal(d.root->skip > 0, 1);
}

static void refuses(Str text, const char *rule, size_t offset) {
    CLEANUP_DOC Doc d = doc_parse(text);
    if (d.err == ERR_OK || strcmp(d.info.rule, rule) != 0 || d.info.offset != offset) {
        print_error("text <" STR_FMT ">\n", STR_ARG(text));
    }
    assert_int_not_equal(d.err, ERR_OK);
    assert_string_equal(d.info.rule, rule);
    assert_int_equal(d.info.offset, offset);
    assert_null(d.root);
    assert_int_equal(d.info.code, d.err);
    assert_true(strlen(d.info.what_en) > 10 && strlen(d.info.what_vi) > 10);
    assert_int_equal(arena_used(d.arena), 0); /* nothing is kept of what was refused */
}

static void json_accepts_the_grammar(void **state) {
    (void)state;
    static const char *const rows[] = {
        "0",
        "-0",
        "7",
        "-12",
        "1.50",
        "0.0",
        "-0.10",
        "1e5",
        "1E+05",
        "1.5e-300",
        "10",
        "123456789012345678901234567890.123456789012345678901234567890",
        "1e999999",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\u00e9\\uABCD\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uD800\\uDC00\"",
        "\"\\uDBFF\\uDFFF\"",
        "\"\\ud7ff\\ue000\"",
        "\"Nguy\xE1\xBB\x85n V\xC4\x83n \xC3\x81\"",
        "\"\x7F\"",
        "\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
        "\"\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        " [\t\r\n] ",
        "[[],{}]",
        "[1,2,3]",
        "{\"a\":1}",
        "{\"\":\"\"}",
        "{\"a\":{\"a\":{\"a\":[]}}}",
        "{ \"a\" : 1 , \"b\" : [ true , null ] }",
        "\n\n   {\n    \"a\"\n    :\n                          1\n}\n\n",
        "{\"a\":1,\"A\":2,\"aa\":3,\"\":4}",
        "[\"a\",\"a\"]",
        "[{\"a\":1},{\"a\":1}]",
        "\"a string of more than sixteen bytes, and of more than thirty-two\"",
        "\"sixteen bytes ok\"",
        "\"fifteen bytes 1\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        accepts(str_from(rows[i]));
    }
}

typedef struct Refusal {
    const char *text, *rule;
    size_t offset;
} Refusal;

static void refuse_all(const Refusal *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        refuses(str_from(rows[i].text), rows[i].rule, rows[i].offset);
    }
}

static void json_refuses_what_is_no_value(void **state) {
    (void)state;
    static const Refusal rows[] = {
        {"", "json-empty", 0},
        {"  \n", "json-empty", 3},
        {"]", "json-value", 0},
        {"}", "json-value", 0},
        {",", "json-value", 0},
        {"x", "json-value", 0},
        {"'a'", "json-value", 0},
        {"tru", "json-end", 3},
        {"trve", "json-value", 2},
        {"True", "json-value", 0},
        {"nul ", "json-value", 3},
        {"NaN", "json-value", 0},
        {"Infinity", "json-value", 0},
        {"-Infinity", "json-number", 1},
        {"undefined", "json-value", 0},
        {"/**/1", "json-value", 0},
        {"\v1", "json-value", 0},
        {"\f1", "json-value", 0},
        {"\xEF\xBB\xBF{}", "json-value", 0},
        {"\xC2\xA0{}", "json-value", 0},
        {"\x80", "json-value", 0},
        {"1 2", "json-trailing", 2},
        {"{}}", "json-trailing", 2},
        {"[],", "json-trailing", 2},
        {"{} {}", "json-trailing", 3},
        {"1//", "json-trailing", 1},
        {"truefalse", "json-trailing", 4},
        {"\"a\"b", "json-trailing", 3},
        {"{}\v", "json-trailing", 2},
        {"1\x80", "json-trailing", 1},
    };
    refuse_all(rows, ARRAY_LEN(rows));
    refuses((Str){"1\0", 2}, "json-trailing", 1);
    refuses((Str){"\0", 1}, "json-value", 0);
}

static void json_refuses_bad_numbers(void **state) {
    (void)state;
    static const Refusal rows[] = {
        {"01", "json-number", 1},      {"-01", "json-number", 2},     {"00", "json-number", 1},
        {"+1", "json-value", 0},       {".5", "json-value", 0},       {"1.", "json-end", 2},
        {"1.x", "json-number", 2},     {"[1.]", "json-number", 3},    {"1e", "json-end", 2},
        {"1e+", "json-end", 3},        {"1e+x", "json-number", 3},    {"[1E]", "json-number", 3},
        {"-", "json-end", 1},          {"--1", "json-number", 1},     {"-a", "json-number", 1},
        {"1.5.5", "json-trailing", 3}, {"1e5e5", "json-trailing", 3}, {"0x10", "json-trailing", 1},
        {"1_000", "json-trailing", 1}, {"[1 2]", "json-comma", 3},    {"[0123]", "json-number", 2},
        {"1,5", "json-trailing", 1},
    };
    refuse_all(rows, ARRAY_LEN(rows));
}

static void json_refuses_bad_strings(void **state) {
    (void)state;
    static const Refusal rows[] = {
        {"\"", "json-end", 1},
        {"\"abc", "json-end", 4},
        {"\"\\", "json-end", 2},
        {"\"\\\"", "json-end", 3},
        {"\"\\x41\"", "json-escape", 1},
        {"\"\\'\"", "json-escape", 1},
        {"\"\\a\"", "json-escape", 1},
        {"\"\\U0041\"", "json-escape", 1},
        {"\"a\\\n\"", "json-escape", 2},
        {"\"\\u\"", "json-end", 4},
        {"\"\\u12\"  ", "json-escape", 1},
        {"\"\\u12G4\"", "json-escape", 1},
        {"\"\\u 123\"", "json-escape", 1},
        {"\"\\ud800\"", "json-surrogate", 1},
        {"\"\\ud800\\n      \"", "json-surrogate", 1},
        {"\"\\ud800\\ud800\"", "json-surrogate", 1},
        {"\"\\ud800\\u0041\"", "json-surrogate", 1},
        {"\"\\udc00\"", "json-surrogate", 1},
        {"\"\\udfff\\ud800\"", "json-surrogate", 1},
        {"\"\\ud800 \\udc00\"", "json-surrogate", 1},
        {"\"a\nb\"", "json-control", 2},
        {"\"\t\"", "json-control", 1},
        {"\"\x1F\"", "json-control", 1},
        {"\"\x80\"", "json-utf8", 1},
        {"\"\xBF\"", "json-utf8", 1},
        {"\"\xC0\x80\"", "json-utf8", 1},
        {"\"\xC1\xBF\"", "json-utf8", 1},
        {"\"\xC3\"", "json-utf8", 1},
        {"\"\xC3(\"", "json-utf8", 1},
        {"\"\xE0\x80\x80\"", "json-utf8", 1},
        {"\"\xE0\x9F\xBF\"", "json-utf8", 1},
        {"\"\xE1\xBB\"", "json-utf8", 1},
        {"\"\xED\xA0\x80\"", "json-utf8", 1},
        {"\"\xED\xBF\xBF\"", "json-utf8", 1},
        {"\"\xF0\x80\x80\x80\"", "json-utf8", 1},
        {"\"\xF0\x8F\xBF\xBF\"", "json-utf8", 1},
        {"\"\xF4\x90\x80\x80\"", "json-utf8", 1},
        {"\"\xF5\x80\x80\x80\"", "json-utf8", 1},
        {"\"\xFE\"", "json-utf8", 1},
        {"\"\xFF\"", "json-utf8", 1},
        {"\"ok \xE1\xBB\x85 then \x85\"", "json-utf8", 13},
        {"\"sixteen bytes ok and then \xC3\"", "json-utf8", 27},
        {"\"sixteen bytes ok and then \x01\"", "json-control", 27},
        {"\"cut \xE1\xBB\\u0041\"", "json-utf8", 5},
    };
    refuse_all(rows, ARRAY_LEN(rows));
    refuses((Str){"\"\0\"", 3}, "json-control", 1);
    refuses((Str){"\"\\\0\"", 4}, "json-escape", 1);
}

static void json_refuses_bad_containers(void **state) {
    (void)state;
    static const Refusal rows[] = {
        {"[", "json-end", 1},
        {"[1", "json-end", 2},
        {"[1,", "json-end", 3},
        {"[1,]", "json-value", 3},
        {"[,1]", "json-value", 1},
        {"[1,,2]", "json-value", 3},
        {"[1}", "json-comma", 2},
        {"[\"a\":1]", "json-comma", 4},
        {"[1;2]", "json-comma", 2},
        {"{", "json-end", 1},
        {"{,}", "json-name", 1},
        {"{1:2}", "json-name", 1},
        {"{a:1}", "json-name", 1},
        {"{\"a\"", "json-end", 4},
        {"{\"a\"}", "json-colon", 4},
        {"{\"a\" 1}", "json-colon", 5},
        {"{\"a\":", "json-end", 5},
        {"{\"a\":}", "json-value", 5},
        {"{\"a\":1", "json-end", 6},
        {"{\"a\":1,", "json-end", 7},
        {"{\"a\":1,}", "json-name", 7},
        {"{\"a\":1,,}", "json-name", 7},
        {"{\"a\":1]", "json-comma", 6},
        {"{\"a\":1 \"b\":2}", "json-comma", 7},
        {"{\"a\":1:2}", "json-comma", 6},
        {"{\"a\"::1}", "json-value", 5},
        {"{[]:1}", "json-name", 1},
        {"[[]", "json-end", 3},
        {"[{}", "json-end", 3},
        {"[{]", "json-name", 2},
        {"{\"a\"=1}", "json-colon", 4},
        {"{\"a\":1,//b\n\"c\":2}", "json-name", 7},
    };
    refuse_all(rows, ARRAY_LEN(rows));
}

static void json_refuses_duplicate_names(void **state) {
    (void)state;
    static const Refusal rows[] = {
        {"{\"a\":1,\"a\":2}", "json-duplicate", 7},
        {"{\"\":1,\"\":2}", "json-duplicate", 6},
        {"{\"a\":1,\"b\":2,\"a\":3}", "json-duplicate", 13},
        {"{\"a\":{\"b\":1,\"b\":2}}", "json-duplicate", 12},
        {"{\"a\":[{\"x\":1},2],\"b\":0,\"a\":1}", "json-duplicate", 23},
        {"{\"a\":1,\"\\u0061\":2}", "json-duplicate", 7},
        {"{\"\\u0061\":1,\"a\":2}", "json-duplicate", 12},
        {"{\"\\u0061\":1,\"\\u0061\":2}", "json-duplicate", 12},
        {"{\"a\\/b\":1,\"a/b\":2}", "json-duplicate", 10},
        {"{\"\\u00e9\":1,\"\xC3\xA9\":2}", "json-duplicate", 12},
        {"{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", "json-duplicate", 18},
        {"{\"\\u00E9\":1,\"\\u00e9\":2}", "json-duplicate", 12},
        {"{\"resourceType\":\"A\",\"id\":\"1\",\"resourceType\":\"B\"}", "json-duplicate", 29},
    };
    refuse_all(rows, ARRAY_LEN(rows));
}

/* {"n0":0,…} with n members; the name number `again` repeats as the last when it is < n, written
 * with an escape when `escape`. */
static void wide_object(Buf *b, unsigned n, unsigned again, bool escape) {
    buf_put_char(b, '{');
    for (unsigned i = 0; i < n; i++) {
        buf_printf(b, "%s\"n%u\":%u", i == 0 ? "" : ",", i, i);
    }
    if (again < n) {
        buf_printf(b, ",\"%s%u\":[]", escape ? "\\u006e" : "n", again);
    }
    buf_put_char(b, '}');
}

static void json_finds_duplicates_in_objects_of_every_size(void **state) {
    (void)state;
    for (unsigned n = 1; n < 700; n += 1 + n / 9) {
        Buf b;
        buf_init(&b, LIMIT_MIB);
        wide_object(&b, n, UINT32_MAX, false);
        accepts(buf_str(&b));
        for (unsigned again = 0; again < n; again += 1 + n / 5) {
            for (int escape = 0; escape < 2; escape++) {
                buf_clear(&b);
                wide_object(&b, n, again, escape);
                CLEANUP_DOC Doc d = doc_parse(buf_str(&b));
                assert_int_equal(d.err, ERR_SYNTAX);
                assert_string_equal(d.info.rule, "json-duplicate");
            }
        }
        buf_release(&b);
    }
}

static void json_keeps_the_sets_of_nested_wide_objects_apart(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_lit(&b, "{");
    for (unsigned i = 0; i < 300; i++) {
        buf_printf(&b, "\"n%u\":", i);
        wide_object(&b, i % 7 == 0 ? 200 : 20, UINT32_MAX, false);
        buf_put_char(&b, ',');
    }
    buf_put_lit(&b, "\"last\":1}");
    accepts(buf_str(&b));
    b.len -= strlen("\"last\":1}");
    size_t at = b.len;
    buf_put_lit(&b, "\"n7\":1}");
    refuses(buf_str(&b), "json-duplicate", at);
}

static void nest(Buf *b, unsigned depth, const char *open, const char *close) {
    for (unsigned i = 0; i < depth; i++) {
        buf_put_str(b, str_from(open));
    }
    buf_put_char(b, '1');
    for (unsigned i = 0; i < depth; i++) {
        buf_put_str(b, str_from(close));
    }
}

static void json_keeps_its_depth(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    nest(&b, LIMIT_JSON_DEPTH, "[", "]");
    accepts(buf_str(&b));
    buf_clear(&b);
    nest(&b, LIMIT_JSON_DEPTH + 1, "[", "]");
    refuses(buf_str(&b), "json-depth", LIMIT_JSON_DEPTH);
    buf_clear(&b);
    nest(&b, LIMIT_JSON_DEPTH, "{\"a\":", "}");
    accepts(buf_str(&b));
    buf_clear(&b);
    nest(&b, 100000, "[{\"a\":", "}]");
    refuses(buf_str(&b), "json-depth", LIMIT_JSON_DEPTH / 2 * 6);
    CLEANUP_DOC Doc d = doc_parse(buf_str(&b));
    assert_int_equal(d.err, ERR_LIMIT);
}

/* A list of n ones. */
static void put_ones(Buf *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_put_str(b, i == 0 ? STR("[1") : STR(",1"));
    }
    buf_put_char(b, ']');
}

static void json_keeps_its_items(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    put_ones(&b, LIMIT_JSON_ITEMS);
    accepts(buf_str(&b));
    buf_clear(&b);
    put_ones(&b, LIMIT_JSON_ITEMS + 1);
    CLEANUP_DOC Doc d = doc_parse(buf_str(&b));
    assert_int_equal(d.err, ERR_LIMIT);
    assert_string_equal(d.info.rule, "json-items");
    CLEANUP_ARENA Arena *arena = arena_new(8 * LIMIT_MIB);
    const JsonNode *root = NULL;
    Str text = buf_str(&b);
    assert_int_equal(json_parse_next(arena, &text, &root, NULL), ERR_OK); /* a catalogue's file */
    assert_int_equal(text.len, 0);
}

static void json_keeps_its_nodes(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_JSON_BYTES);
    for (size_t n = 0; n <= LIMIT_JSON_NODES; n += LIMIT_JSON_ITEMS) {
        buf_put_char(&b, n == 0 ? '[' : ',');
        put_ones(&b, LIMIT_JSON_ITEMS);
    }
    buf_put_char(&b, ']');
    CLEANUP_DOC Doc d = doc_parse(buf_str(&b));
    assert_int_equal(d.err, ERR_LIMIT);
    assert_string_equal(d.info.rule, "json-nodes");
}

static void json_keeps_its_size(void **state) {
    (void)state;
    /* untouched zero pages: only the length is looked at */
    char *big = calloc(1, LIMIT_JSON_BYTES + 1);
    assert_non_null(big);
    memcpy(big, "[1]", 3);
    Arena *arena = arena_new(LIMIT_MIB);
    const JsonNode *root = NULL;
    ErrInfo info;
    assert_int_equal(json_parse(arena, (Str){big, LIMIT_JSON_BYTES + 1}, &root, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "json-size");
    Str rest = {big, LIMIT_JSON_BYTES + 1};
    assert_ok(json_parse_next(arena, &rest, &root, &info));
    assert_int_equal(rest.len, LIMIT_JSON_BYTES + 1 - 3);
    arena_free(arena);
    free(big);
}

static void json_says_when_memory_ends(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_char(&b, '[');
    for (unsigned i = 0; i < 5000; i++) {
        buf_put_lit(&b, "1,");
    }
    buf_put_lit(&b, "1]");
    for (size_t max = 0; max < 80000; max += 7777) {
        Arena *arena = arena_new(max);
        const JsonNode *root = NULL;
        ErrInfo info;
        assert_int_equal(json_parse(arena, buf_str(&b), &root, &info), ERR_NOMEM);
        assert_string_equal(info.rule, "json-memory");
        assert_int_equal(json_parse(arena, buf_str(&b), &root, NULL), ERR_NOMEM);
        assert_null(root);
        arena_free(arena);
    }
    CLEANUP_DOC Doc d = doc_parse(buf_str(&b));
    assert_ok(d.err);
    assert_int_equal(d.root->skip, 5002);
    /* the tape is as long as it has to be */
    assert_int_equal(arena_used(d.arena), 5002 * sizeof(JsonNode));
}

static void json_keeps_order_and_number_texts(void **state) {
    (void)state;
    Str text =
        STR(" { \"z\" : 1.50 , \"a\":[1e5,-0.0,100000000000000000000.10],\"m\" : \"x\\u0041y\" }");
    CLEANUP_DOC Doc d = doc_parse(text);
    assert_ok(d.err);
    const JsonNode *z = json_first(d.root);
    assert_true(json_str_is(z, STR("z")));
    assert_str(json_raw(json_value(z)), STR("1.50"));
    const JsonNode *a = json_next(d.root, z);
    assert_true(json_str_is(a, STR("a")));
    assert_str(json_raw(json_value(a)), STR("[1e5,-0.0,100000000000000000000.10]"));
    const JsonNode *m = json_next(d.root, a);
    assert_str(json_raw(m), STR("\"m\""));
    assert_str(json_str(d.arena, json_value(m)), STR("xAy"));
    assert_str(json_raw_str(json_value(m)), STR("x\\u0041y"));
    assert_null(json_next(d.root, m));
    assert_str(json_raw(d.root), ((Str){d.copy + 1, text.len - 1}));
    assert_int_equal(d.root->skip, 10);
}

static void json_walks(void **state) {
    (void)state;
    CLEANUP_DOC Doc d =
        doc_parse(STR("{\"name\":[{\"use\":\"official\",\"given\":[\"An\",\"B\xC3\xACnh\"]},"
                      "{\"use\":\"old\"}],\"n\\u0061me2\":{\"x\":[[7]]},\"e\":[],\"o\":{}}"));
    assert_ok(d.err);
    assert_int_equal(json_count(d.root), 4);
    assert_int_equal(json_count(json_get_lit(d.root, "name")), 2);
    assert_int_equal(json_count(json_get_lit(d.root, "e")), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_null(json_first(json_get_lit(d.root, "o")));
    assert_null(json_first(NULL));
    assert_null(json_first(json_path(d.root, "name.use")));
    assert_str(json_raw_str(json_path(d.root, "name.use")), STR("official"));
    assert_str(json_raw(json_path(d.root, "name.given")), STR("[\"An\",\"B\xC3\xACnh\"]"));
    assert_str(json_raw(json_path(d.root, "name2.x")), STR("[[7]]"));
    assert_null(json_path(d.root, "name.none.x"));
    assert_null(json_path(d.root, "name.use.x"));
    assert_null(json_path(d.root, "e.x"));
    assert_null(json_path(NULL, "a"));
    assert_null(json_get_lit(d.root, "nam"));
    assert_null(json_get_lit(json_get_lit(d.root, "name"), "use"));
    assert_null(json_get_lit((const JsonNode *)NULL, "x"));
    const JsonNode *names = json_get_lit(d.root, "name");
    const JsonNode *second = json_next(names, json_first(names));
    assert_true(json_str_is(json_get_lit(second, "use"), STR("old")));
    assert_null(json_next(names, second));
    assert_str(json_raw_str(d.root), STR_EMPTY);
    assert_str(json_str(d.arena, d.root), STR_EMPTY);
    assert_str(json_str(d.arena, NULL), STR_EMPTY);
    assert_false(json_str_is(d.root, STR_EMPTY));
}

static void json_decodes_escapes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        Str value;
    } rows[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"\\u0041\\u00E9\\u1EC5\"", {"A\xC3\xA9\xE1\xBB\x85", 6}},
        {"\"\\ud83d\\ude00!\"", {"\xF0\x9F\x98\x80!", 5}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"plain\"", {"plain", 5}},
        {"\"\"", {"", 0}},
        {"\"\\\\u0041\"", {"\\u0041", 6}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_DOC Doc d = doc_parse(str_from(rows[i].text));
        assert_ok(d.err);
        assert_str(json_str(d.arena, d.root), rows[i].value);
        assert_true(json_str_is(d.root, rows[i].value));
        assert_false(json_str_is(d.root, STR("no")));
        assert_false(json_str_is(d.root, (Str){"plain\\\"\\/\b\f\n\r\t!!", 17}));
        if (rows[i].value.len > 0) {
            assert_false(json_str_is(d.root, str_sub(rows[i].value, 0, rows[i].value.len - 1)));
        }
    }
}

static void json_reads_integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
        bool ok;
    } rows[] = {
        {"0", 0, true},
        {"-0", 0, true},
        {"42", 42, true},
        {"-42", -42, true},
        {"9223372036854775807", INT64_MAX, true},
        {"-9223372036854775808", INT64_MIN, true},
        {"9223372036854775808", 0, false},
        {"-9223372036854775809", 0, false},
        {"18446744073709551616", 0, false},
        {"1.0", 0, false},
        {"1e3", 0, false},
        {"\"1\"", 0, false},
        {"null", 0, false},
        {"[]", 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_DOC Doc d = doc_parse(str_from(rows[i].text));
        int64_t value = 77;
        assert_int_equal(json_to_i64(d.root, &value), rows[i].ok ? ERR_OK : ERR_PARAM);
        assert_int_equal(value, rows[i].ok ? rows[i].value : 77);
    }
    int64_t value;
    assert_int_equal(json_to_i64(NULL, &value), ERR_PARAM);
}

static void json_reads_many_values(void **state) {
    (void)state;
    Str text = STR(" {\"a\":1}\n[2]{\"b\":3}  4\n\"x\"\"y\" null\n\n");
    static const char *const want[] = {"{\"a\":1}", "[2]",   "{\"b\":3}", "4",
                                       "\"x\"",     "\"y\"", "null"};
    Arena *arena = arena_new(LIMIT_MIB);
    const JsonNode *root = NULL;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_ok(json_parse_next(arena, &text, &root, NULL));
        assert_str(json_raw(root), str_from(want[i]));
    }
    assert_int_equal(text.len, 0);
    ErrInfo info;
    assert_int_equal(json_parse_next(arena, &text, &root, &info), ERR_SYNTAX);
    assert_string_equal(info.rule, "json-empty");
    static const char *const bad[] = {"truefalse", "1a", "01", "1-2", "nullx", "1,2"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Str rest = str_from(bad[i]);
        assert_int_equal(json_parse_next(arena, &rest, &root, &info), ERR_SYNTAX);
        assert_str(rest, str_from(bad[i])); /* untouched on failure */
    }
    arena_free(arena);
}

static void json_refuses_every_prefix(void **state) {
    (void)state;
    Str text = STR(
        "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"Nguy\xE1\xBB\x85n V\xC4\x83n \\u00c1"
        " \\ud83d\\ude00\"}],\"x\":[-1.5e+10,true,false,null,{},[] ],\"long enough a name\" : 0}");
    accepts(text);
    for (size_t n = 0; n < text.len; n++) {
        CLEANUP_DOC Doc d = doc_parse(str_sub(text, 0, n));
        assert_int_equal(d.err, ERR_SYNTAX);
        /* cut inside a character it is no UTF-8; else the text is said to end too early */
        const char *want = n == 0 ? "json-empty" : "json-end";
        if (n > 0 && strcmp(d.info.rule, "json-utf8") != 0) {
            assert_string_equal(d.info.rule, want);
            assert_int_equal(d.info.offset, n);
        }
    }
}

static void written_is(Buf *out, const char *want) {
    assert_ok(buf_ok(out));
    assert_str(buf_str(out), str_from(want));
    if (want[0] == '{' || want[0] == '[') {
        accepts(buf_str(out));
    }
    buf_clear(out);
}

static void json_writes(void **state) {
    (void)state;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Patient"));
    json_member(&w, "empty", STR_EMPTY);
    json_put_name(&w, STR("a\"b"));
    json_open_array(&w);
    json_put_i64(&w, 0);
    json_put_i64(&w, INT64_MIN);
    json_put_i64(&w, INT64_MAX);
    json_put_bool(&w, true);
    json_put_bool(&w, false);
    json_put_null(&w);
    json_put_raw(&w, STR("1.50"));
    json_put_str(&w, STR_EMPTY);
    json_open_array(&w);
    json_close_array(&w);
    json_open_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    json_name(&w, "z");
    json_put_str(&w, STR("a string that is longer than sixteen bytes\n\"and\" escaped"));
    json_close_object(&w);
    written_is(
        &out,
        "{\"resourceType\":\"Patient\",\"a\\\"b\":[0,-9223372036854775808,9223372036854775807,"
        "true,false,null,1.50,\"\",[],{}],\"z\":\"a string that is longer than sixteen "
        "bytes\\n\\\"and\\\" escaped\"}");
    json_put_i64(&w, 1); /* level 0: the caller separates */
    buf_put_char(&out, '\n');
    json_put_i64(&w, 2);
    written_is(&out, "1\n2");
}

static void json_writes_every_character_so_that_it_reads_back(void **state) {
    (void)state;
    for (unsigned at = 0; at < 40; at++) {
        for (unsigned c = 0; c < 0x80; c++) {
            char value[41];
            memset(value, 'x', sizeof(value));
            value[at] = (char)c;
            CLEANUP_BUF Buf out;
            buf_init(&out, 4096);
            JsonWriter w = json_writer(&out);
            json_put_str(&w, (Str){value, sizeof(value)});
            CLEANUP_DOC Doc d = doc_parse(buf_str(&out));
            assert_ok(d.err);
            assert_str(json_str(d.arena, d.root), ((Str){value, sizeof(value)}));
        }
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, 4096);
    JsonWriter w = json_writer(&out);
    json_put_str(&w, (Str){"\0\x01\b\t\n\v\f\r\x1F\x7F/", 11});
    written_is(&out, "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7F/\"");
}

static void json_writer_keeps_its_depth_and_ceiling(void **state) {
    (void)state;
    for (unsigned depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 3; depth++) {
        CLEANUP_BUF Buf out;
        buf_init(&out, 4096);
        JsonWriter w = json_writer(&out);
        for (unsigned i = 0; i < depth; i++) {
            json_open_array(&w);
            json_put_i64(&w, 1);
        }
        for (unsigned i = 0; i < depth; i++) {
            json_close_array(&w);
        }
        assert_int_equal(buf_ok(&out), depth == LIMIT_JSON_DEPTH ? ERR_OK : ERR_LIMIT);
        if (depth == LIMIT_JSON_DEPTH) {
            accepts(buf_str(&out));
        }
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, 10);
    JsonWriter w = json_writer(&out);
    json_put_str(&w, STR("more than ten bytes"));
    assert_int_equal(buf_ok(&out), ERR_LIMIT);
}

static void json_puts_nodes_in_canonical_spacing(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"[[ ],{ }]", "[[],{}]"},
        {" \"a b\" ", "\"a b\""},
        {" 1.50 ", "1.50"},
        {"{ \"a\" : 1 }", "{\"a\":1}"},
        {"{\"a\":1 }", "{\"a\":1}"},
        {"[1, 2,3]", "[1,2,3]"},
        {"{ \"z\" : [ 1.0 , \"\\u0041 b\" , { \"y\" : [ [ ] ] , \"x\" : { } } ] , \"a\" : null }",
         "{\"z\":[1.0,\"\\u0041 b\",{\"y\":[[]],\"x\":{}}],\"a\":null}"},
        {"[\n  {\n    \"a\": true\n  },\n  {}\n]", "[{\"a\":true},{}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_BUF Buf out;
        buf_init(&out, 4096);
        for (int column = 0; column < 2; column++) {
            CLEANUP_DOC Doc d = doc_parse(str_from(rows[i][column]));
            assert_ok(d.err);
            JsonWriter w = json_writer(&out);
            json_put_node(&w, d.root);
            written_is(&out, rows[i][1]);
        }
    }
}

static void json_prints_pretty(void **state) {
    (void)state;
    CLEANUP_DOC Doc d =
        doc_parse(STR("{\"a\":[1.50,{\"b\":\"x\\n\"},[],{}],\"c\":{\"d\":null},\"e\":{}}"));
    CLEANUP_BUF Buf out;
    buf_init(&out, 4096);
    json_print_pretty(&out, d.root);
    written_is(
        &out,
        "{\n  \"a\": [\n    1.50,\n    {\n      \"b\": \"x\\n\"\n    },\n    [],\n    {}\n  ],\n"
        "  \"c\": {\n    \"d\": null\n  },\n  \"e\": {}\n}");
}

/* A fixed xorshift: the same documents in every run. */
static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void random_string(Buf *b, uint32_t *seed) {
    static const char *const pieces[] = {"a",
                                         "Nguy\xE1\xBB\x85n",
                                         " ",
                                         "\\n",
                                         "\\u00e9",
                                         "\\ud83d\\ude00",
                                         "\xF0\x9F\x98\x80",
                                         "x{}[]:,",
                                         "\\\\",
                                         "\\\"",
                                         "0123456789",
                                         "t\xE1\xBA\xAF"
                                         "c m\xE1\xBA\xA1"
                                         "ch"};
    buf_put_char(b, '"');
    for (uint32_t n = next_random(seed) % 9; n > 0; n--) {
        buf_put_str(b, str_from(pieces[next_random(seed) % ARRAY_LEN(pieces)]));
    }
    buf_put_char(b, '"');
}

static void random_space(Buf *b, uint32_t *seed, bool spaced) {
    if (spaced) {
        for (uint32_t n = next_random(seed) % 4; n > 0; n--) {
            buf_put_char(b, " \n\t\r"[next_random(seed) % 4]);
        }
    }
}

static void random_value(Buf *b, uint32_t *seed, unsigned depth, bool spaced) {
    static const char *const scalars[] = {"0",    "-1.50", "1e10", "123456789.000100",
                                          "true", "false", "null", "-0"};
    uint32_t kind = next_random(seed) % (depth > 6 ? 2 : 5);
    random_space(b, seed, spaced);
    if (kind == 0) {
        buf_put_str(b, str_from(scalars[next_random(seed) % ARRAY_LEN(scalars)]));
    } else if (kind == 1) {
        random_string(b, seed);
    } else {
        buf_put_char(b, kind == 2 ? '[' : '{');
        uint32_t n = next_random(seed) % (depth == 0 ? 40 : 7);
        for (uint32_t i = 0; i < n; i++) {
            random_space(b, seed, spaced);
            if (kind != 2) {
                buf_printf(b, "\"%s%u\"",
                           i % 3 == 0   ? ""
                           : i % 3 == 1 ? "na\\u006de"
                                        : "t\xC3\xAAn",
                           i);
                random_space(b, seed, spaced);
                buf_put_char(b, ':');
            }
            random_value(b, seed, depth + 1, spaced);
            if (i + 1 < n) {
                buf_put_char(b, ',');
            }
        }
        random_space(b, seed, spaced);
        buf_put_char(b, kind == 2 ? ']' : '}');
    }
    random_space(b, seed, spaced);
}

/* print(parse(x)) = x for compact documents; spaced ones become the compact one, through the pretty
 * printer too. */
static void json_prints_what_it_parsed(void **state) {
    (void)state;
    for (uint32_t i = 1; i < 1500; i++) {
        CLEANUP_BUF Buf text;
        CLEANUP_BUF Buf out;
        CLEANUP_BUF Buf pretty;
        buf_init(&text, LIMIT_MIB);
        buf_init(&out, LIMIT_MIB);
        buf_init(&pretty, LIMIT_MIB);
        uint32_t seed = i * 2654435761U;
        random_value(&text, &seed, 0, i % 2 == 0);
        CLEANUP_DOC Doc d = doc_parse(buf_str(&text));
        assert_ok(d.err);
        JsonWriter w = json_writer(&out);
        json_put_node(&w, d.root);
        assert_ok(buf_ok(&out));
        if (i % 2 == 1) {
            assert_str(buf_str(&out), buf_str(&text));
        }
        json_print_pretty(&pretty, d.root);
        CLEANUP_DOC Doc again = doc_parse(buf_str(&pretty));
        assert_ok(again.err);
        assert_int_equal(again.root->skip, d.root->skip);
        buf_clear(&text);
        w = json_writer(&text);
        json_put_node(&w, again.root);
        assert_str(buf_str(&text), buf_str(&out));
    }
}

/* Bytes changed at random: whatever is still accepted prints to something that reads the same. */
static void json_survives_changed_bytes(void **state) {
    (void)state;
    unsigned accepted = 0;
    uint32_t seed = 20261121;
    for (unsigned i = 0; i < 20000; i++) {
        CLEANUP_BUF Buf text;
        CLEANUP_BUF Buf out;
        buf_init(&text, LIMIT_MIB);
        buf_init(&out, LIMIT_MIB);
        random_value(&text, &seed, 3, true);
        for (uint32_t n = next_random(&seed) % 3; n > 0 && text.len > 0; n--) {
            static const char likely[] = "\"\\{}[]:,0-.e \x01\x80\xC3\xFFu";
            char c = likely[next_random(&seed) % (sizeof(likely) - 1)];
            text.ptr[next_random(&seed) % text.len] = c;
        }
        CLEANUP_DOC Doc d = doc_parse(buf_str(&text));
        if (d.err != ERR_OK) {
            assert_true(d.info.offset <= text.len);
            continue;
        }
        accepted++;
        JsonWriter w = json_writer(&out);
        json_put_node(&w, d.root);
        CLEANUP_DOC Doc again = doc_parse(buf_str(&out));
        assert_ok(again.err);
        assert_int_equal(again.root->skip, d.root->skip);
    }
    assert_true(accepted > 2000 && accepted < 19000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_accepts_the_grammar),
        cmocka_unit_test(json_refuses_what_is_no_value),
        cmocka_unit_test(json_refuses_bad_numbers),
        cmocka_unit_test(json_refuses_bad_strings),
        cmocka_unit_test(json_refuses_bad_containers),
        cmocka_unit_test(json_refuses_duplicate_names),
        cmocka_unit_test(json_finds_duplicates_in_objects_of_every_size),
        cmocka_unit_test(json_keeps_the_sets_of_nested_wide_objects_apart),
        cmocka_unit_test(json_keeps_its_depth),
        cmocka_unit_test(json_keeps_its_size),
        cmocka_unit_test(json_keeps_its_items),
        cmocka_unit_test(json_keeps_its_nodes),
        cmocka_unit_test(json_says_when_memory_ends),
        cmocka_unit_test(json_keeps_order_and_number_texts),
        cmocka_unit_test(json_walks),
        cmocka_unit_test(json_decodes_escapes),
        cmocka_unit_test(json_reads_integers),
        cmocka_unit_test(json_reads_many_values),
        cmocka_unit_test(json_refuses_every_prefix),
        cmocka_unit_test(json_writes),
        cmocka_unit_test(json_writes_every_character_so_that_it_reads_back),
        cmocka_unit_test(json_writer_keeps_its_depth_and_ceiling),
        cmocka_unit_test(json_puts_nodes_in_canonical_spacing),
        cmocka_unit_test(json_prints_pretty),
        cmocka_unit_test(json_prints_what_it_parsed),
        cmocka_unit_test(json_survives_changed_bytes),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
