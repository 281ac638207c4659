/* Patterns with limits. */
#include "unit/test.h"

#include "core/regex.h"

static const RegexLimits LIMITS = {.steps = 10000, .heap_kib = 1024};

static RegexFound found(const char *pattern, const char *text, bool whole) {
    CLEANUP_ARENA Arena *arena = arena_new(4 << 20);
    const char *wrong = NULL;
    const Regex *regex = regex_new(arena, str_from(pattern), whole, &wrong);
    RegexMatcher *matcher = regex_matcher_new(arena, LIMITS);
    assert_non_null(regex);
    assert_non_null(matcher);
    return regex_match(matcher, &(RegexAsk){regex, .text = str_from(text)}, NULL);
}

static void a_part_or_the_whole_matches(void **state) {
    (void)state;
    assert_int_equal(found("b+", "abbc", false), REGEX_YES);
    assert_int_equal(found("b+", "abbc", true), REGEX_NO);
    assert_int_equal(found("a.c", "a\nc", true), REGEX_YES);
    assert_int_equal(found("á.", "áô", true), REGEX_YES);
    assert_int_equal(found(".", "\xff", true), REGEX_NO); /* no UTF-8 */
}

static void a_hostile_pattern_ends(void **state) {
    (void)state;
    assert_int_equal(found("(a+)+[bd]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", true),
                     REGEX_OVER);
}

static void a_wrong_pattern_says_why(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    char text[REGEX_PATTERN_MAX + 1];
    memset(text, 'a', sizeof(text));
    const char *wrong = NULL;
    assert_null(regex_new(arena, STR("(a"), false, &wrong));
    assert_non_null(strstr(wrong, "parenthesis"));
    assert_null(regex_new(arena, STR("\\C"), false, &wrong));
    assert_null(regex_new(arena, (Str){text, sizeof(text)}, false, &wrong));
    assert_non_null(regex_new(arena, (Str){text, sizeof(text) - 1}, false, &wrong));
}

static void groups_of_the_last_match(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    const char *wrong = NULL;
    Str text = STR("x=12;y=7");
    Str part;
    RegexAsk ask = {.regex = regex_new(arena, STR("([a-z])=(\\d+)|(!)"), false, &wrong),
                    .text = text,
                    .from = 1};
    RegexMatcher *m = regex_matcher_new(arena, LIMITS);
    assert_int_equal(regex_match(m, &ask, &part), REGEX_YES);
    assert_str(part, STR("y=7"));
    assert_str(regex_group(m, text, 2), STR("7"));
    assert_int_equal(regex_group(m, text, 3).len, 0); /* took no part */
    assert_int_equal(regex_group(m, text, 99).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_or_the_whole_matches),
        cmocka_unit_test(a_hostile_pattern_ends),
        cmocka_unit_test(a_wrong_pattern_says_why),
        cmocka_unit_test(groups_of_the_last_match),
    };
    return cmocka_run_group_tests_name("core/regex", tests, NULL, NULL);
}
