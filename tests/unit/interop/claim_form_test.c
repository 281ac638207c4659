/* XML0 and XML6–XML15 through their forms: valid R4, and every field of every record comes back. */
#include "unit/test.h"

#include "fhir/fhir_validate.h"
#include "interop/claim_form_int.h"
#include "interop/claim_unmap_int.h"
#include "unit/interop/claim_make.h"

enum { RECORDS = 2, CHECK_IN = -1 };

static const int forms[] = {6, 7, 8, 9, 10, 11, 13, 14, 15};

/* A claim of XML1 and all the forms, with two records of each: two documents of a paper, one of the
 * others; or a check-in of one record. */
typedef struct Made {
    Claim claim;
    ClaimPart parts[2 + 2 * RECORDS * ARRAY_LEN(forms)];
    ClaimRecord records[CLAIM_TABLES][RECORDS];
    Str *values[CLAIM_TABLES][RECORDS];
} Made;

static void add_table(Made *k, Arena *a, int table, unsigned seed) {
    const ClaimTable *t = claim_table(table);
    bool alone = str_eq(t->root, t->record);
    int n = table <= 1 ? 1 : RECORDS;
    for (int r = 0; r < n; r++) {
        Str *v = make_record(a, t, seed + 31 * (unsigned)r);
        k->values[table][r] = v;
        k->records[table][r] = (ClaimRecord){.values = v};
        if (alone || r == 0) {
            k->parts[k->claim.n_parts++] = (ClaimPart){.table = t,
                                                       .records = &k->records[table][r],
                                                       .n_records = alone ? 1 : n,
                                                       .xml = STR("<KEPT/>")};
        }
    }
}

/* only: 0, or the one form beside XML1 and XML7. */
static void made_init(Made *k, Arena *a, unsigned seed, int only) {
    bool check_in = only == CHECK_IN;
    *k = (Made){.claim = {.facility = STR("46001"), .ma_lk = STR("MALK-1"), .parts = k->parts}};
    if (check_in) {
        add_table(k, a, 0, seed);
        return;
    }
    add_table(k, a, 1, seed);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (only == 0 || forms[i] == 7 || forms[i] == only) {
            add_table(k, a, forms[i], seed + (unsigned)i);
        }
    }
}

static void check_valid(const ClaimResource *r) {
    CLEANUP_ARENA Arena *a = arena_new(64 << 20);
    FhirIssues issues = {.arena = a};
    FhirResource resource;
    FhirValidateOptions options = {.local_references = true};
    ErrCode err = fhir_parse(a, r->json, &resource, &issues);
    err = err == ERR_OK ? fhir_validate(&resource, &options, &issues) : err;
    for (size_t i = 0; err != ERR_OK && i < issues.n; i++) {
        print_error(STR_FMT ": " STR_FMT "\n", STR_ARG(issues.items[i].where),
                    STR_ARG(issues.items[i].en));
    }
    if (err != ERR_OK) {
        print_error(STR_FMT "\n", STR_ARG(r->json));
        fail();
    }
}

/* What the records of a group's forms say, given XML1 as it was. */
static Unmap *read_back(Arena *a, const Made *k, const ClaimGroup *g) {
    Unmap *u = arena_new_array(a, Unmap, 1);
    ClaimStored *s = arena_new_array(a, ClaimStored, g->n_resources);
    for (size_t i = 0; i < g->n_resources; i++) {
        s[i] = (ClaimStored){.type = g->resources[i].type, .role = g->resources[i].role};
        assert_ok(json_parse(a, g->resources[i].json, &s[i].root, NULL));
    }
    u->arena = a;
    u->resources = s;
    u->n_resources = g->n_resources;
    u->map = arena_new_array(a, Map, 1);
    u->map->arena = a;
    u->facility = k->claim.facility;
    u->ma_lk = k->claim.ma_lk;
    UnmapPart *summary = unmap_part(u, 1);
    Str *v = unmap_record(u, summary, 0);
    const ClaimTable *t1 = claim_table(1);
    for (int i = 0; i < t1->n_fields; i++) {
        int from = claim_field_find(claim_table(0), t1->fields[i].name);
        v[i] = k->values[1][0] != NULL ? k->values[1][0][i]
               : from >= 0             ? k->values[0][0][from]
                                       : STR_EMPTY;
    }
    assert_ok(unmap_forms(u));
    return u;
}

static const Str *back(const Unmap *u, int table, int record) {
    const UnmapPart *p = u->parts[table];
    if (p != NULL && str_eq(p->t->root, p->t->record)) {
        for (int i = 0; i < record && p != NULL; i++) {
            p = p->next;
        }
        record = 0;
    }
    return p == NULL || record >= p->n ? NULL : p->records[record].values;
}

static void check_back(const Made *k, const Unmap *u, const char *what) {
    for (int t = 0; t < CLAIM_TABLES; t++) {
        for (int r = 0; t != 1 && r < RECORDS && k->values[t][r] != NULL; r++) {
            const Str *v = back(u, t, r);
            assert_non_null(v);
            for (int f = 0; f < claim_table(t)->n_fields; f++) {
                if (!str_eq(v[f], k->values[t][r][f])) {
                    print_error("%s: XML%d record %d " STR_FMT ": sent '" STR_FMT
                                "', back '" STR_FMT "'\n",
                                what, t, r + 1, STR_ARG(claim_table(t)->fields[f].name),
                                STR_ARG(k->values[t][r][f]), STR_ARG(v[f]));
                    fail();
                }
            }
        }
    }
}

static void there_and_back(Arena *a, const Made *k, const char *what, bool validate) {
    ClaimGroup g;
    assert_ok(claim_map(a, &k->claim, &g));
    for (size_t i = 0; validate && i < g.n_resources; i++) {
        check_valid(&g.resources[i]);
    }
    for (size_t i = 0; validate && i < g.n_resources; i++) {
        for (size_t n = 0; n < i; n++) {
            assert_false(str_eq(g.resources[i].role, g.resources[n].role));
        }
    }
    check_back(k, read_back(a, k, &g), what);
}

static void what_forms_write_is_valid_and_comes_back(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 40; seed++) {
        CLEANUP_ARENA Arena *a = arena_new(64 << 20);
        Made k;
        made_init(&k, a, seed * 97, seed % 10 == 9 ? CHECK_IN : 0);
        for (int t = 0; t < CLAIM_TABLES && seed % 4 > 0; t++) {
            for (int r = 0; t != 1 && r < RECORDS && k.values[t][r] != NULL; r++) {
                for (int f = 1; f < claim_table(t)->n_fields; f++) {
                    if ((unsigned)(f + r) % 3 == seed % 4 - 1) {
                        k.values[t][r][f] = STR_EMPTY;
                    }
                }
            }
        }
        there_and_back(a, &k, "thinned", true);
    }
}

static void an_empty_record_comes_back(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 7, 0);
    for (int t = 6; t < CLAIM_TABLES; t++) {
        for (int r = 0; r < RECORDS && k.values[t][r] != NULL; r++) {
            for (int f = 1; f < claim_table(t)->n_fields; f++) {
                k.values[t][r][f] = STR_EMPTY;
            }
        }
    }
    there_and_back(a, &k, "empty", true);
}

static const char *const others[] = {"",
                                     "  two  words ",
                                     "a;;b",
                                     "a; b",
                                     "0007.50",
                                     "000/X-Y",
                                     "*",
                                     "20261332",
                                     "202611200815",
                                     "20261120",
                                     "1",
                                     "0",
                                     "-0",
                                     "A;B;A",
                                     "<b>&amp;\r\n",
                                     "2026",
                                     "~",
                                     "Patient/~1",
                                     "99999999",
                                     "1.50",
                                     " ",
                                     "a|b",
                                     "46001|7",
                                     "AT&T \"x\" 'y'"};

/* Any field of any record with another value. */
static void every_field_comes_back(void **state) {
    (void)state;
    for (int t = 0; t < CLAIM_TABLES; t++) {
        for (int f = 1; form_of(t) != NULL && f < claim_table(t)->n_fields; f++) {
            for (size_t o = 0; o < ARRAY_LEN(others); o++) {
                CLEANUP_ARENA Arena *a = arena_new(64 << 20);
                Made k;
                made_init(&k, a, 5, t == 0 ? CHECK_IN : t);
                k.values[t][0][f] = str_from(others[o]);
                there_and_back(a, &k, "changed", o % 6 == 0);
            }
        }
    }
}

/* What XML1 says is not said again, and that it is missing in a paper is. */
static void what_the_visit_says_is_not_said_again(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 5, 0);
    const ClaimTable *t = claim_table(14);
    for (int f = 1; f < t->n_fields; f++) {
        int from = claim_field_find(claim_table(1), t->fields[f].name);
        if (from >= 0) {
            k.values[14][0][f] = k.values[1][0][from];
        }
    }
    k.values[14][0][XML14_DIA_CHI] = STR_EMPTY;
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    bool seen = false;
    for (size_t i = 0; i < g.n_resources; i++) {
        if (str_eq(g.resources[i].role, STR("xml14/1"))) {
            Str json = g.resources[i].json;
            seen = true;
            assert_int_equal(str_find(json, STR("HO_TEN")), SIZE_MAX);
            assert_int_not_equal(
                str_find(json, STR("{\"url\":\"empty\",\"valueString\":\"DIA_CHI\"}")), SIZE_MAX);
        }
    }
    assert_true(seen);
    check_back(&k, read_back(a, &k, &g), "as in the visit");
}

static void the_hiv_programme_is_restricted(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 5, 0);
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    for (size_t i = 0; i < g.n_resources; i++) {
        const ClaimResource *r = &g.resources[i];
        bool hiv = str_starts(r->role, STR("xml6/")) ||
                   (str_starts(r->role, STR("xml15/")) &&
                    (str_ends(r->role, STR("/hiv")) || str_ends(r->role, STR("/arv"))));
        assert_int_equal(r->restricted, hiv);
        assert_true(r->restricted || str_find(r->json, STR("NGAYKD_HIV")) == SIZE_MAX);
    }
}

/* A check-in is one record, also by the way of all tables; none of XML1 comes of it. */
static void a_check_in_comes_back_alone(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        CLEANUP_ARENA Arena *a = arena_new(64 << 20);
        Made k;
        made_init(&k, a, seed * 13, CHECK_IN);
        for (int f = 1; f < claim_table(0)->n_fields; f++) {
            if ((f + (int)seed) % 4 == 0) {
                k.values[0][0][f] = seed % 2 == 0 ? STR_EMPTY : STR(" odd  value ");
            }
        }
        ClaimGroup g;
        Claim c;
        ErrInfo info;
        assert_ok(claim_map(a, &k.claim, &g));
        assert_ok(claim_unmap_group(a, &g, &c, &info));
        assert_int_equal(c.n_parts, 1);
        assert_int_equal(c.parts[0].n_records, 1);
        for (int f = 0; f < claim_table(0)->n_fields; f++) {
            assert_str(c.parts[0].records[0].values[f], k.values[0][0][f]);
        }
    }
}

/* A change of the element counts for more than the text that the extension kept. */
static void what_was_changed_through_fhir_shows(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 5, 0);
    k.values[11][0][XML11_SO_NGAY_NGHI] = STR("3");
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    ClaimResource *resources = (ClaimResource *)(uintptr_t)g.resources;
    for (size_t i = 0; i < g.n_resources; i++) {
        Str json = g.resources[i].json;
        Str from = arena_printf(a, "<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">" STR_FMT "<",
                                STR_ARG(k.values[11][0][XML11_PP_DIEUTRI]));
        size_t at = str_find(json, from);
        if (str_eq(g.resources[i].role, STR("xml11/1")) && at != SIZE_MAX) {
            resources[i].json = arena_printf(
                a, "%.*s<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">khác &amp; mới<%.*s",
                (int)at, json.ptr, (int)(json.len - at - from.len), json.ptr + at + from.len);
        }
    }
    const Str *v = back(read_back(a, &k, &g), 11, 0);
    assert_non_null(v);
    assert_str(v[XML11_PP_DIEUTRI], STR("khác & mới"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_forms_write_is_valid_and_comes_back),
        cmocka_unit_test(an_empty_record_comes_back),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(what_the_visit_says_is_not_said_again),
        cmocka_unit_test(the_hiv_programme_is_restricted),
        cmocka_unit_test(a_check_in_comes_back_alone),
        cmocka_unit_test(what_was_changed_through_fhir_shows),
    };
    return cmocka_run_group_tests_name("interop/claim_form", tests, NULL, NULL);
}
