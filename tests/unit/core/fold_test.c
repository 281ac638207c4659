#include "unit/test.h"

#include "core/fold.h"

static Arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_new(1 << 20);
    return arena == NULL;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* The same text with each letter and its accents as separate code points. */
#define NGUYEN_D "Nguye\xCC\x82\xCC\x83n Va\xCC\x86n A\xCC\x81"

static void fold_makes_vietnamese_names_plain(void **state) {
    (void)state;
    assert_str(fold(arena, STR("Nguyễn Văn Á")), STR("nguyen van a"));
    assert_str(fold(arena, STR(NGUYEN_D)), STR("nguyen van a"));
    assert_str(fold(arena, STR("ĐẶNG")), STR("dang"));
    assert_str(fold(arena, STR("Đặng")), STR("dang"));
    assert_str(fold(arena, STR("Hoàng Thị Thuỷ")), STR("hoang thi thuy"));
    assert_str(fold(arena, STR("Hoàng Thị Thủy")), STR("hoang thi thuy"));
    assert_str(fold(arena, STR("PHƯỜNG THUẬN HÓA")), STR("phuong thuan hoa"));
    assert_str(fold(arena, STR("Đinh Thị Ỹ Ưở Ợ ẵ ẫ")), STR("dinh thi y uo o a a"));
}

/* Every letter of the alphabet with every tone, in both cases, precomposed. */
static void fold_knows_every_letter(void **state) {
    (void)state;
    static const char *const groups[] = {"aàáảãạăằắẳẵặâầấẩẫậAÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬ",
                                         "eèéẻẽẹêềếểễệEÈÉẺẼẸÊỀẾỂỄỆ",
                                         "iìíỉĩịIÌÍỈĨỊ",
                                         "oòóỏõọôồốổỗộơờớởỡợOÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢ",
                                         "uùúủũụưừứửữựUÙÚỦŨỤƯỪỨỬỮỰ",
                                         "yỳýỷỹỵYỲÝỶỸỴ",
                                         "dđDĐ"};
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        Str got = fold(arena, str_from(groups[g]));
        assert_true(got.len >= 4);
        for (size_t i = 0; i < got.len; i++) {
            assert_int_equal(got.ptr[i], groups[g][0]);
        }
    }
}

static void fold_tidies_spaces(void **state) {
    (void)state;
    assert_str(fold(arena, STR("  Nguyễn \t Văn\xC2\xA0\xC2\xA0"
                               "A\r\n")),
               STR("nguyen van a"));
    assert_str(fold(arena, STR("  A  B ")), STR("a b"));
    assert_str(fold(arena, STR(" \t ")), STR(""));
    assert_str(fold(arena, STR("")), STR(""));
    assert_str(fold(arena, (Str){NULL, 0}), STR(""));
    assert_str(fold(arena, STR("ABC-123/x.Y")), STR("abc-123/x.y"));
    assert_str(fold(arena, STR("a\xE2\x80\x8B"
                               "b")),
               STR("ab")); /* zero-width space */
}

static void fold_takes_other_scripts_and_bad_bytes(void **state) {
    (void)state;
    assert_str(fold(arena, STR("Straße")), STR("strasse"));
    assert_str(fold(arena, STR("ΑΒΓ ñ Ø")), STR("αβγ n ø"));
    assert_str(fold(arena, STR("北京")), STR("北京"));
    assert_str(fold(arena, STR("a\xFF"
                               "b")),
               STR("a\xEF\xBF\xBD"
                   "b"));
    assert_str(fold(arena, STR("ễ\xE1\xBB")), STR("e\xEF\xBF\xBD\xEF\xBF\xBD"));
    assert_int_equal(fold(arena, (Str){"a\0b", 3}).len, 3);
}

/* The fast path for ASCII, the table and a text over the stack buffer give the same. */
static void fold_is_the_same_on_all_paths(void **state) {
    (void)state;
    char text[600];
    memset(text, 'X', sizeof(text));
    Str s = fold(arena, (Str){text, sizeof(text)});
    assert_int_equal(s.len, sizeof(text));
    assert_int_equal(s.ptr[599], 'x');
    Buf b;
    buf_init(&b, 100);
    buf_put_lit(&b, "key=");
    fold_put(&b, STR("  Lê  LỢI "));
    assert_str(buf_str(&b), STR("key=le loi"));
    buf_release(&b);
    Str once = fold(arena, STR("Ờ  Ắ"));
    assert_str(fold(arena, once), once);
}

static void nfc_composes_and_keeps_the_rest(void **state) {
    (void)state;
    assert_str(fold_nfc(arena, STR(NGUYEN_D)), STR("Nguyễn Văn Á"));
    assert_str(fold_nfc(arena, STR("Nguyễn  Văn Á ")), STR("Nguyễn  Văn Á "));
    /* accent marks in the other order, and a horn typed after the tone */
    assert_str(fold_nfc(arena, STR("o\xCC\x81\xCC\x9B")), STR("ớ"));
    assert_str(fold_nfc(arena, STR("a\xFF"
                                   "e\xCC\x81")),
               STR("a\xEF\xBF\xBDé"));
    assert_str(fold_nfc(arena, STR("")), STR(""));
    assert_str(fold_case(arena, STR("ĐẶNG Thị A\xCC\x81")), STR("đặng thị á"));
}

static void fold_says_when_memory_is_out(void **state) {
    (void)state;
    Arena *small = arena_new(64);
    char text[200];
    memset(text, 'a', sizeof(text));
    assert_int_equal(fold(small, (Str){text, sizeof(text)}).len, 0);
    assert_true(arena_failed(small));
    arena_free(small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fold_makes_vietnamese_names_plain),
        cmocka_unit_test(fold_knows_every_letter),
        cmocka_unit_test(fold_tidies_spaces),
        cmocka_unit_test(fold_takes_other_scripts_and_bad_bytes),
        cmocka_unit_test(fold_is_the_same_on_all_paths),
        cmocka_unit_test(nfc_composes_and_keeps_the_rest),
        cmocka_unit_test(fold_says_when_memory_is_out),
    };
    return cmocka_run_group_tests_name("core/fold", tests, setup, teardown);
}
