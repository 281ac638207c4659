/* The implementation guide names every rule and every field: documentation that cannot fall behind.
 */
#include "unit/test.h"

#include "unit/interop/claim_make.h"

static void the_guide_names_every_rule(void **state) {
    (void)state;
    Arena *a = arena_new(8 << 20);
    Str page = read_file(a, "docs/ig/rules.md");
    for (int i = 0; i < CLAIM_RULE_COUNT; i++) {
        Str want =
            arena_printf(a, "| `" STR_FMT "` | %s |", STR_ARG(claim_rule_id((ClaimRule)i)),
                         claim_rule_severity((ClaimRule)i) == CLAIM_ERROR ? "error" : "warning");
        if (str_find(page, want) == SIZE_MAX) {
            print_error("docs/ig/rules.md lacks " STR_FMT "\n", STR_ARG(want));
            fail();
        }
    }
    arena_free(a);
}

static void the_guide_maps_every_field(void **state) {
    static const int tables[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 0};
    (void)state;
    Arena *a = arena_new(8 << 20);
    Str rest = read_file(a, "docs/ig/mapping.md");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        const ClaimTable *t = claim_table(tables[i]);
        for (int f = 0; f < t->n_fields; f++) {
            Str want = arena_printf(a, "\n| " STR_FMT " | ", STR_ARG(t->fields[f].name));
            size_t at = str_find(rest, want);
            if (at == SIZE_MAX) {
                print_error("docs/ig/mapping.md lacks " STR_FMT " " STR_FMT "\n", STR_ARG(t->name),
                            STR_ARG(t->fields[f].name));
                fail();
            }
            rest = str_sub(rest, at + 1, rest.len);
        }
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guide_names_every_rule),
        cmocka_unit_test(the_guide_maps_every_field),
    };
    return cmocka_run_group_tests_name("interop/claim_docs", tests, NULL, NULL);
}
