#include "../test.h"
#include "book/book_state.h"

static void test_codes_are_found_again(void **state) {
    (void)state;
    for (BookState s = 0; s < BOOK_STATES; s++) {
        assert_int_equal(book_state_by_code(book_state_code(s)), s);
        assert_true(book_state_name(s, true).len > 0 && book_state_name(s, false).len > 0);
    }
    assert_int_equal(book_state_by_code(STR("Paid")), BOOK_STATES);
    assert_int_equal(book_state_by_code(STR_EMPTY), BOOK_STATES);
}

static void test_facts_come_behind_what_is_derived(void **state) {
    (void)state;
    assert_false(book_state_is_fact(BOOK_ENTERED));
    assert_false(book_state_is_fact(BOOK_CHECKED));
    assert_false(book_state_is_fact(BOOK_CORRECTED));
    assert_true(book_state_is_fact(BOOK_SIGNED));
    assert_true(book_state_is_fact(BOOK_PAID));
    assert_false(book_state_is_fact(BOOK_STATES));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_found_again),
        cmocka_unit_test(test_facts_come_behind_what_is_derived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
