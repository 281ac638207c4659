/* Forms of several parts. */
#include "unit/test.h"

#include "http/http_form.h"

#define PART(name, value)                                                                          \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

static void reads_boundaries(void **state) {
    (void)state;
    assert_str(http_form_boundary(STR("multipart/form-data; boundary=abc")), STR("abc"));
    assert_str(http_form_boundary(STR("Multipart/Form-Data; charset=\"a;b\"; Boundary=\"a b\"")),
               STR("a b"));
    assert_str(http_form_boundary(STR("multipart/form-data; boundary=\"abc")), STR_EMPTY);
    assert_str(http_form_boundary(STR("multipart/form-data")), STR_EMPTY);
    assert_str(http_form_boundary(STR("multipart/mixed; boundary=abc")), STR_EMPTY);
    assert_str(http_form_boundary(STR("application/x-www-form-urlencoded")), STR_EMPTY);
    assert_str(http_form_boundary(STR_EMPTY), STR_EMPTY);
    char longer[120] = "multipart/form-data; boundary=";
    memset(longer + 30, 'a', 71);
    assert_str(http_form_boundary(str_from(longer)), STR_EMPTY);
}

static void reads_parts(void **state) {
    (void)state;
    Str rest = STR("preamble\r\n" PART("one", "1") PART(
        "empty", "") "--b\r\ncontent-type: text/plain\r\n"
                     "CONTENT-DISPOSITION: form-data; filename=\"a;name=x\"; name=two\r\n\r\n"
                     "a\r\n--bc\nx--b\r\n--b--\r\nepilogue");
    HttpFormPart p;
    assert_ok(http_form_next(STR("b"), &rest, &p));
    assert_str(p.name, STR("one"));
    assert_str(p.value, STR("1"));
    assert_ok(http_form_next(STR("b"), &rest, &p));
    assert_str(p.name, STR("empty"));
    assert_str(p.value, STR_EMPTY);
    assert_int_equal(http_form_next(STR("b"), &rest, &p), ERR_OK);
    assert_str(p.name, STR("two"));
}

static void refuses_what_is_no_form(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "nothing",
        "--b",
        "--b\r\n",
        "--b\r\n\r\nno name\r\n--b--",
        PART("broken", "off"),
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: attachment; name=x\r\n\r\nx\r\n--b--",
        "--bad\r\nContent-Disposition: form-data; name=x\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n--b--",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        HttpFormPart p;
        Str rest = str_from(bad[i]);
        assert_int_equal(http_form_next(STR("b"), &rest, &p), ERR_SYNTAX);
    }
    HttpFormPart p;
    Str rest = STR("--b--\r\n");
    assert_int_equal(http_form_next(STR("b"), &rest, &p), ERR_NOT_FOUND);
    assert_int_equal(http_form_next(STR_EMPTY, &rest, &p), ERR_SYNTAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_boundaries),
        cmocka_unit_test(reads_parts),
        cmocka_unit_test(refuses_what_is_no_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
