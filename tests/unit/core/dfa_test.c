/* Tables of patterns answer as PCRE2 does, over written and random patterns and texts. */
#include "unit/test.h"

#include "core/dfa.h"
#include "core/regex.h"

static bool matches(const char *pattern, const char *text) {
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    const Dfa *dfa = dfa_new(arena, str_from(pattern));
    assert_non_null(dfa);
    return dfa_match(dfa, str_from(text));
}

static void all_of_the_text_matches(void **state) {
    (void)state;
    assert_true(matches("K[0-9]{2}([.][0-9]{1,2}){0,2}", "K01.2.34"));
    assert_false(matches("K[0-9]{2}([.][0-9]{1,2}){0,2}", "K01.2.34.5"));
    assert_true(matches("a|", ""));
    assert_true(matches(".{3}", "\xc4\x91i\n"));
    assert_false(matches(".", "\xc4"));
    assert_false(matches(".*", "a\xff"));
    assert_true(matches("[^;]+;[A-Z\xc4\x90]", "\xe1\xbb\x87;\xc4\x90"));
    assert_true(matches("\\.\\[x-]", ".[x-]"));
}

static void others_are_left_to_pcre(void **state) {
    (void)state;
    static const char *const others[] = {"(?!a)b",
                                         "^a",
                                         "a$",
                                         "\\d",
                                         "a*?",
                                         "a++",
                                         "[[:alpha:]]",
                                         "(a",
                                         "a)",
                                         "[b-a]",
                                         "a{2",
                                         "(*UCP)",
                                         "[\xc4\x90-\xc4\x91]",
                                         "[^\xc4\x90]",
                                         "(.{200}){9}",
                                         "[]a]",
                                         "*",
                                         "a{300}",
                                         "\xff"};
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_null(dfa_new(arena, str_from(others[i])));
    }
    assert_null(dfa_new(arena, STR("(a|b)*a(a|b){8}"))); /* 512 states */
}

/* ---- against PCRE2 ---- */

typedef struct Gen {
    uint64_t state;
    Buf *out;
    int depth;
} Gen;

static unsigned pick(Gen *g, unsigned n) {
    g->state = g->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((g->state >> 33) % n);
}

static void put_pattern(Gen *g) {
    static const char *const atoms[] = {"a",           "b",     ";",     ".",
                                        "[ab]",        "[^a]",  "[^;b]", "\xc4\x90",
                                        "[a\xc4\x90]", "[a-c]", "\\.",   "[.;-]"};
    static const char *const counts[] = {"*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"};
    unsigned parts = 1 + pick(g, 3);
    g->depth++;
    for (unsigned i = 0; i < parts; i++) {
        if (g->depth < 4 && pick(g, 4) == 0) {
            buf_put_lit(g->out, "(");
            put_pattern(g);
            buf_put_lit(g->out, ")");
        } else {
            buf_printf(g->out, "%s", atoms[pick(g, ARRAY_LEN(atoms))]);
        }
        if (pick(g, 2) == 0) {
            buf_printf(g->out, "%s", counts[pick(g, ARRAY_LEN(counts))]);
        }
    }
    if (pick(g, 5) == 0) {
        buf_put_lit(g->out, "|");
        put_pattern(g);
    }
    g->depth--;
}

static Str some_text(Gen *g, char *to) {
    static const char *const pieces[] = {"a",  "b",    ";",   ".", "c", "\xc4\x90", "\xe1\xbb\x87",
                                         "\n", "\xff", "\xc4"};
    size_t len = 0;
    for (unsigned n = pick(g, 8); n > 0; n--) {
        const char *piece = pieces[pick(g, pick(g, 8) == 0 ? 10 : 8)];
        for (; *piece != '\0'; piece++) {
            to[len++] = *piece;
        }
    }
    return (Str){to, len};
}

static void tables_answer_as_pcre(void **state) {
    (void)state;
    Gen g = {.state = 20261122};
    size_t yes = 0;
    size_t asked = 0;
    CLEANUP_BUF Buf pattern;
    buf_init(&pattern, 1 << 16);
    for (int i = 0; i < 400; i++) {
        CLEANUP_ARENA Arena *arena = arena_new(8 << 20);
        const char *wrong = NULL;
        char text[64];
        buf_clear(&pattern);
        g = (Gen){.state = g.state, .out = &pattern};
        put_pattern(&g);
        const Dfa *dfa = dfa_new(arena, buf_str(&pattern));
        const Regex *regex = regex_new(arena, buf_str(&pattern), true, &wrong);
        RegexMatcher *m = regex_matcher_new(arena, (RegexLimits){1000000, 4096});
        assert_non_null(regex);
        for (int k = 0; dfa != NULL && k < 60; k++) {
            Str t = some_text(&g, text);
            RegexFound want = regex_match(m, &(RegexAsk){regex, .text = t}, NULL);
            if (want == REGEX_OVER) {
                continue;
            }
            if (dfa_match(dfa, t) != (want == REGEX_YES)) {
                print_error("%.*s of " STR_FMT "\n", STR_ARG(t), STR_ARG(buf_str(&pattern)));
            }
            assert_int_equal(dfa_match(dfa, t), want == REGEX_YES);
            yes += want == REGEX_YES;
            asked++;
        }
    }
    assert_true(asked > 15000 && yes > 1500);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_of_the_text_matches),
                                       cmocka_unit_test(others_are_left_to_pcre),
                                       cmocka_unit_test(tables_answer_as_pcre)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
