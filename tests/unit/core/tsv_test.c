#include "unit/test.h"

#include "core/embed.h"
#include "core/tsv.h"

EMBED(test_header, "tests/unit/test.h")
EMBED(test_layers, "src/LAYERS")

static void rows_have_the_headers_columns(void **state) {
    (void)state;
    static TsvReader r;
    Str text =
        STR("\xEF\xBB\xBF# a comment\ncode\tname\tnote\r\nA\tmột\t\r\n\n#B\tno\nC\n D \t\tx");
    assert_ok(tsv_init(&r, text, NULL));
    int name = tsv_column(&r, STR("name"));
    int note = 0;
    assert_int_equal(name, 1);
    assert_int_equal(tsv_column(&r, STR("Name")), -1);
    assert_ok(tsv_need(&r, "note", &note, NULL));
    assert_true(tsv_next(&r));
    assert_str(tsv_get(&r, 0), STR("A"));
    assert_str(tsv_get(&r, name), STR("một"));
    assert_str(tsv_get(&r, note), STR(""));
    assert_int_equal(r.line, 3);
    assert_true(tsv_next(&r));
    assert_str(tsv_get(&r, 0), STR("C"));
    assert_str(tsv_get(&r, name), STR("")); /* missing at the line's end */
    assert_true(tsv_next(&r));
    assert_str(tsv_get(&r, 0), STR(" D ")); /* spaces are kept */
    assert_str(tsv_get(&r, note), STR("x"));
    assert_str(tsv_get(&r, -1), STR(""));
    assert_int_equal(r.line, 7);
    assert_false(tsv_next(&r));
    assert_false(tsv_next(&r));
    assert_ok(tsv_ok(&r, NULL));
}

static void bad_tables_are_refused(void **state) {
    (void)state;
    static TsvReader r;
    ErrInfo info = {0};
    assert_int_equal(tsv_init(&r, STR("\n#only\n"), &info), ERR_SYNTAX);
    assert_string_equal(info.rule, "tsv-header");
    assert_ok(tsv_init(&r, STR("a\tb\n1\t2\n1\t2\t3\n4\t5\n"), NULL));
    assert_int_equal(tsv_need(&r, "c", &(int){0}, &info), ERR_NOT_FOUND);
    assert_true(tsv_next(&r));
    assert_false(tsv_next(&r));
    assert_false(tsv_next(&r)); /* stays there */
    assert_int_equal(tsv_ok(&r, &info), ERR_SYNTAX);
    assert_string_equal(info.where, "line 3");
    char wide[200];
    memset(wide, '\t', sizeof(wide));
    assert_int_equal(tsv_init(&r, (Str){wide, sizeof(wide)}, &info), ERR_LIMIT);
    assert_ok(tsv_init(&r, (Str){wide, TSV_COLUMNS_MAX - 1}, &info));
}

static void embedded_files_are_whole(void **state) {
    (void)state;
    Str header = embed_test_header();
    Str layers = embed_test_layers();
    assert_true(str_starts(header, STR("/* test.h")));
    assert_true(str_ends(header, STR("#endif\n")));
    assert_int_equal(header.ptr[header.len], '\0');
    assert_int_equal((uintptr_t)layers.ptr % 16, 0);
    assert_int_not_equal(str_find(layers, STR("core:\n")), SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_the_headers_columns),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(embedded_files_are_whole),
    };
    return cmocka_run_group_tests_name("core/tsv", tests, NULL, NULL);
}
