/* Runs tests/case/term.case: every line there is one check; the file itself says how to read it. */
#include "unit/test.h"

#include "core/io.h"
#include "core/limits.h"
#include "term/term.h"

static const TermView *view;
static Arena *arena;

/* The short forms of the file. */
static Str whole(Str s) {
    static const char *const forms[][2] = {{"VS/", "http://hl7.org/fhir/ValueSet/"},
                                           {"V3/", "http://terminology.hl7.org/CodeSystem/v3-"},
                                           {"NHIP/", "https://nhip.vn/fhir/"},
                                           {"ICD", "http://hl7.org/fhir/sid/icd-10"}};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        Str brief = str_from(forms[i][0]);
        if (str_starts(s, brief)) {
            return arena_printf(arena, "%s" STR_FMT, forms[i][1],
                                STR_ARG(str_sub(s, brief.len, s.len)));
        }
    }
    return s;
}

static void add(Buf *out, Str word) {
    if (out->len > 0) {
        buf_put_char(out, ' ');
    }
    buf_put_str(out, word);
}

static void tell_in(const Str *a, Buf *out) {
    static const char *const verdicts[] = {"no", "yes", "unknown"};
    TermVerdict v = term_set_has(term_set(view, whole(a[0])), whole(a[1]), a[2]);
    add(out, str_from(verdicts[v]));
}

/* As many codes as the line expects. */
static void tell_type(const Str *a, Buf *out, size_t n) {
    TermExpansion x;
    TermExpand ask = {.filter = a[1], .count = n == 0 ? 1 : n, .max = 20000};
    assert_ok(term_expand(term_set(view, whole(a[0])), arena, &ask, &x, NULL));
    for (size_t i = 0; i < x.n; i++) {
        add(out, x.hits[i].concept.code);
    }
}

static void tell_name(const Str *a, Buf *out) {
    TermConcept c;
    if (term_concept(term_system(view, whole(a[0])), a[1], &c)) {
        buf_printf(out, STR_FMT " | " STR_FMT, STR_ARG(c.display_vi), STR_ARG(c.display));
    }
}

static void tell_above(const Str *a, Buf *out) {
    Str *codes;
    size_t n;
    assert_ok(term_above(view, arena, &(TermCode){whole(a[0]), a[1]}, 100, &codes, &n, NULL));
    for (size_t i = 0; i < n; i++) {
        add(out, codes[i]);
    }
}

static void tell_map(const Str *a, Buf *out) {
    TermMatch *m;
    size_t n;
    TermTranslate ask = {.map = whole(a[0]), .system = whole(a[1]), .code = a[2]};
    assert_ok(term_translate(view, arena, &ask, &m, &n, NULL));
    for (size_t i = 0; i < n; i++) {
        add(out, m[i].equivalence);
        add(out, m[i].code);
    }
}

static size_t words_of(Str s) {
    size_t n = 0;
    Str word;
    while (s.len > 0 && str_cut(&s, ' ', &word)) {
        n += word.len > 0;
    }
    return n;
}

/* False when the answer is another one. */
static bool check_line(Str line, size_t number) {
    Str a[3] = {STR_EMPTY, STR_EMPTY, STR_EMPTY};
    size_t arrow = str_find(line, STR("=>"));
    assert_true(arrow != SIZE_MAX);
    Str want = str_trim(str_sub(line, arrow + 2, line.len));
    Str left = str_trim(str_sub(line, 0, arrow));
    Str verb;
    assert_true(str_cut(&left, ' ', &verb));
    Str part;
    for (size_t i = 0; i < ARRAY_LEN(a) && str_cut(&left, '|', &part); i++) {
        a[i] = str_trim(part);
    }
    Buf got;
    buf_init(&got, LIMIT_MIB);
    if (str_eq(verb, STR("in"))) {
        tell_in(a, &got);
    } else if (str_eq(verb, STR("type"))) {
        tell_type(a, &got, words_of(want));
    } else if (str_eq(verb, STR("name"))) {
        tell_name(a, &got);
    } else if (str_eq(verb, STR("above"))) {
        tell_above(a, &got);
    } else {
        assert_str(verb, STR("map"));
        tell_map(a, &got);
    }
    bool same = str_eq(str_trim(buf_str(&got)), want);
    if (!same) {
        print_error("tests/case/term.case:%zu: " STR_FMT "\n  got " STR_FMT "\n", number,
                    STR_ARG(line), STR_ARG(buf_str(&got)));
    }
    buf_release(&got);
    return same;
}

static void every_line_holds(void **state) {
    (void)state;
    CLEANUP_BUF Buf file;
    Term *term;
    size_t line_number = 0;
    size_t wrong = 0;
    size_t checks = 0;
    buf_init(&file, LIMIT_MIB);
    arena = arena_new(64 * LIMIT_MIB);
    assert_ok(io_read_file("tests/case/term.case", LIMIT_MIB, &file));
    assert_ok(term_new(&term));
    view = term_view(term);
    Str rest = buf_str(&file);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        line_number++;
        if (line.len > 0 && line.ptr[0] != '#') {
            checks++;
            wrong += !check_line(line, line_number);
        }
    }
    print_message("# %zu checks, %zu wrong\n", checks, wrong);
    assert_true(checks > 40);
    assert_int_equal(wrong, 0);
    term_view_end(view);
    term_free(term);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_line_holds)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
