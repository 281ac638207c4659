#include "unit/test.h"

#include "core/utf8.h"

static void texts_stay_utf8_whatever_they_quote(void **state) {
    (void)state;
    ErrInfo info = {0};
    /* "ệ" is E1 BB 87: cut, broken, alone. */
    (void)err_set(&info, ERR_PARAM, "r", "a'%.*s'b", "b'%.*s'c", 5, "\xE1\xBB\x87\xE1\xBB\x87");
    assert_string_equal(info.what_en, "a'\xE1\xBB\x87?"
                                      "?'b");
    assert_string_equal(info.what_vi, "b'\xE1\xBB\x87?"
                                      "?'c");
    err_where(&info, "%s", "\xFFx\xFF");
    assert_string_equal(info.where, "?x?");
}

static void cuts_between_characters(void **state) {
    (void)state;
    for (int lead = 0; lead < 4; lead++) {
        ErrInfo info = {0};
        char text[ERR_WHAT_MAX * 2] = "";
        memset(text, 'x', (size_t)lead);
        for (size_t at = (size_t)lead; at + 4 < sizeof(text); at += 3) {
            memcpy(text + at, "\xE1\xBB\x87", 3);
        }
        (void)err_set(&info, ERR_PARAM, "r", "%s", "%s", text);
        size_t len = strlen(info.what_en);
        assert_in_range(len, ERR_WHAT_MAX - 4, ERR_WHAT_MAX - 1);
        assert_true(utf8_valid(str_from(info.what_en)));
        assert_memory_equal(info.what_en, text, len);
        assert_string_equal(info.what_vi, info.what_en);
    }
}

static void absent_info_is_fine(void **state) {
    (void)state;
    assert_int_equal(err_set(NULL, ERR_GONE, "r", "a", "b"), ERR_GONE);
    assert_int_equal(err_plain(NULL, ERR_GONE, "r"), ERR_GONE);
    err_where(NULL, "x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stay_utf8_whatever_they_quote),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(absent_info_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
