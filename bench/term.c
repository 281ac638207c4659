/* term — the terminology in process: opening the catalogue, membership in value sets, first use of
 * every set of R4, type-ahead on ICD-10 (p50, p99 over names, words and codes drawn from the
 * catalogue itself). One thread. Ratios: membership to a bare look-up of the code in its system in
 * the same run; type-ahead to its limit of 5 ms. */
#include "bench.h"

#include "core/fold.h"
#include "core/limits.h"
#include "term/term.h"

#define ICD10 STR("http://hl7.org/fhir/sid/icd-10")
#define ICD10_SET STR("https://nhip.vn/fhir/ValueSet/icd-10-vn")

enum { CHECKS = 4000000, TYPED = 4000, LIMIT_US = 5000 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fail_if(bool failed, const char *what) {
    if (failed) {
        (void)fprintf(stderr, "bench term: %s\n", what);
        exit(1);
    }
}

static void bench_open(void) {
    double begun = bench_now();
    for (int i = 0; i < 20; i++) {
        Term *term = NULL;
        fail_if(term_new(&term) != ERR_OK, "term_new");
        term_free(term);
    }
    printf("open the catalogue                    %9.2f ms\n", (bench_now() - begun) * 1e3 / 20);
}

/* Codes of ICD-10 in a changing order; every eighth is no code. */
static void bench_member(const TermView *view, const TermCode *codes, size_t n) {
    const TermSystem *system = term_system(view, ICD10);
    const TermSet *set = term_set(view, ICD10_SET);
    TermConcept concept;
    size_t yes = 0;
    double begun = bench_now();
    for (size_t i = 0; i < CHECKS; i++) {
        Str code = codes[i * 7919 % n].code;
        yes += term_concept(system, code, &concept);
    }
    double bare = bench_now() - begun;
    begun = bench_now();
    for (size_t i = 0; i < CHECKS; i++) {
        Str code = i % 8 == 0 ? STR("not-a-code") : codes[i * 7919 % n].code;
        yes += term_set_has(set, ICD10, code) == TERM_YES;
    }
    double member = bench_now() - begun;
    begun = bench_now();
    for (size_t i = 0; i < CHECKS; i++) {
        const TermSet *by_url = term_set(view, STR("http://hl7.org/fhir/ValueSet/languages"));
        yes += term_set_has(by_url, STR_EMPTY, STR("vi")) == TERM_YES;
    }
    double whole = bench_now() - begun;
    fail_if(yes == 0, "nothing was found");
    printf("look a code up                        %9.1f M/s\n", CHECKS / bare / 1e6);
    printf("is a code in a set of %zu          %9.1f M/s   %.2f of a look-up\n", n,
           CHECKS / member / 1e6, bare / member);
    printf("find the set by url, then the code    %9.1f M/s   %.2f of a look-up\n",
           CHECKS / whole / 1e6, bare / whole);
}

/* What a person types: the first letters of a name, two of its words, the beginning of a code. */
static Str typed_of(const TermConcept *c, size_t i, Arena *arena) {
    Str name = fold(arena, c->display_vi.len > 0 ? c->display_vi : c->code);
    if (i % 4 == 0) {
        return str_sub(c->code, 0, 1 + i / 4 % 5);
    }
    if (i % 4 == 1) {
        return str_sub(name, 0, 1 + i / 4 % 12);
    }
    size_t space = str_find_char(name, ' ', name.len / 2);
    return space == SIZE_MAX ? name
           : i % 4 == 2
               ? str_sub(name, 0, space)
               : arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(str_sub(name, space + 1, 6)),
                              STR_ARG(str_sub(name, 0, 3)));
}

static void bench_typing(const TermView *view, const TermCode *codes, size_t n) {
    static double us[TYPED];
    const TermSet *set = term_set(view, ICD10_SET);
    Arena *arena = arena_new(64 * LIMIT_MIB);
    size_t hits = 0;
    fail_if(arena == NULL, "no memory");
    for (size_t i = 0; i < TYPED; i++) {
        TermConcept concept;
        TermExpansion x;
        arena_reset(arena);
        fail_if(!term_concept(term_system(view, ICD10), codes[i * 7919 % n].code, &concept),
                "a code is lost");
        TermExpand ask = {.filter = typed_of(&concept, i, arena), .count = 20, .max = 20000};
        double begun = bench_now();
        fail_if(term_expand(set, arena, &ask, &x, NULL) != ERR_OK, "term_expand");
        us[i] = (bench_now() - begun) * 1e6;
        hits += x.total;
    }
    qsort(us, TYPED, sizeof(*us), by_value);
    printf(
        "type-ahead, 20 of %.0f hits on average  p50 %.0f us  p99 %.0f us  worst %.0f us   p99 is "
        "%.3f of the limit of 5 ms\n",
        (double)hits / TYPED, us[TYPED / 2], us[TYPED * 99 / 100], us[TYPED - 1],
        us[TYPED * 99 / 100] / LIMIT_US);
    arena_free(arena);
}

int main(void) {
    Term *term = NULL;
    TermCode *codes;
    size_t n = 0;
    Arena *arena = arena_new(64 * LIMIT_MIB);
    bench_machine();
    bench_open();
    fail_if(arena == NULL || term_new(&term) != ERR_OK, "term_new");
    const TermView *view = term_view(term);
    double begun = bench_now();
    const TermSet *set = term_set(view, ICD10_SET);
    fail_if(set == NULL || term_set_codes(set, arena, 100000, &codes, &n, NULL) != ERR_OK,
            "ICD-10 is not there");
    printf("first use of ICD-10's set, listed     %9.2f ms\n", (bench_now() - begun) * 1e3);
    bench_member(view, codes, n);
    bench_typing(view, codes, n);
    term_view_end(view);
    term_free(term);
    arena_free(arena);
    return 0;
}
