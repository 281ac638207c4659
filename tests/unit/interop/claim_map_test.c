#include "unit/test.h"

#include "fhir/fhir_validate.h"
#include "interop/claim_map.h"
#include "unit/interop/claim_make.h"

enum { LINES = 3 };

/* A claim of XML1–XML5 (and XML7) with every field filled, LINES records in the lists. */
typedef struct Made {
    Claim claim;
    ClaimPart parts[6];
    ClaimRecord records[6][LINES];
    Str *values[6][LINES];
} Made;

static void made_init(Made *k, Arena *a, unsigned seed) {
    static const int tables[] = {1, 2, 3, 4, 5, 7};
    *k = (Made){0};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        const ClaimTable *t = claim_table(tables[i]);
        int n = str_eq(t->root, t->record) ? 1 : LINES;
        for (int r = 0; r < n; r++) {
            k->values[i][r] = make_record(a, t, seed + 31 * (unsigned)r);
            k->records[i][r] = (ClaimRecord){.values = k->values[i][r]};
        }
        k->parts[i] = (ClaimPart){.table = t,
                                  .records = k->records[i],
                                  .n_records = n,
                                  .xml = STR("<KEPT>as it is</KEPT>")};
    }
    k->values[2][0][XML3_MA_NHOM] = STR("1");
    k->values[2][1][XML3_MA_NHOM] = STR("8");
    k->values[2][2][XML3_MA_NHOM] = STR("10");
    k->claim = (Claim){.facility = STR("46001"),
                       .ma_lk = STR("MALK-1"),
                       .parts = k->parts,
                       .n_parts = (int)ARRAY_LEN(tables)};
}

/* All resources (not the actors, which are shared and kept from the first one that came). */
static Str map_text_of(Arena *a, const Claim *c) {
    ClaimGroup g;
    assert_ok(claim_map(a, c, &g));
    size_t n = 0;
    for (size_t i = 0; i < g.n_resources; i++) {
        n += g.resources[i].json.len;
    }
    char *p = arena_alloc(a, n + 1);
    size_t at = 0;
    for (size_t i = 0; i < g.n_resources; i++) {
        memcpy(p + at, g.resources[i].json.ptr, g.resources[i].json.len);
        at += g.resources[i].json.len;
    }
    return (Str){p, n};
}

static void check_valid(FhirType type, Str json) {
    Arena *a = arena_new(64 << 20);
    FhirIssues issues = {.arena = a};
    FhirResource resource;
    FhirValidateOptions options = {.local_references = true};
    ErrCode err = fhir_parse(a, json, &resource, &issues);
    if (err == ERR_OK) {
        assert_int_equal(resource.type, type);
        err = fhir_validate(&resource, &options, &issues);
    }
    if (err != ERR_OK) {
        for (size_t i = 0; i < issues.n; i++) {
            print_error(STR_FMT ": " STR_FMT "\n", STR_ARG(issues.items[i].where),
                        STR_ARG(issues.items[i].en));
        }
        print_error(STR_FMT "\n", STR_ARG(json));
        fail();
    }
    arena_free(a);
}

static void check_group(const ClaimGroup *g) {
    for (size_t i = 0; i < g->n_resources; i++) {
        check_valid(g->resources[i].type, g->resources[i].json);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(g->resources[i].role, g->resources[k].role)) {
                print_error("role twice: " STR_FMT "\n", STR_ARG(g->resources[i].role));
                fail();
            }
        }
    }
    for (size_t i = 0; i < g->n_actors; i++) {
        check_valid(g->actors[i].type, g->actors[i].json);
        assert_in_range(g->actors[i].id.len, 1, 64);
    }
}

static void see_sample(Sink *s, const Claim *c) {
    ClaimGroup *g = s->more;
    assert_ok(claim_map(s->arena, c, g));
}

static Str roles_of(Arena *a, const ClaimGroup *g) {
    Buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < g->n_resources; i++) {
        buf_printf(&b, "%s " STR_FMT "\n", fhir_type_name(g->resources[i].type),
                   STR_ARG(g->resources[i].role));
    }
    for (size_t i = 0; i < g->n_actors; i++) {
        buf_printf(&b, "%s/" STR_FMT "\n", fhir_type_name(g->actors[i].type),
                   STR_ARG(g->actors[i].id));
    }
    Str out = arena_str(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static void the_sample_becomes_these_resources(void **state) {
    (void)state;
    Sink s = sink_new();
    ClaimGroup g;
    s.see = see_sample;
    s.more = &g;
    (void)sink_read(&s, read_file(s.arena, "tests/case/claims/GIAMDINHHS.xml"));
    check_group(&g);
    assert_str(roles_of(s.arena, &g), STR("Patient patient\n"
                                          "Coverage coverage/DN4460000000000\n"
                                          "Encounter encounter\n"
                                          "Condition condition/J18.9\n"
                                          "Observation xml1/can-nang\n"
                                          "MedicationRequest xml2/1\n"
                                          "MedicationDispense xml2/1/dispense\n"
                                          "ServiceRequest xml3/2/order\n"
                                          "ServiceRequest xml3/3/order\n"
                                          "Observation xml4/1\n"
                                          "DiagnosticReport xml4/report/22.0121.1369/202611200920\n"
                                          "DiagnosticReport xml4/report/18.0149.0040/202611200945\n"
                                          "Claim claim\n"
                                          "Organization/cskcb-46999\n"
                                          "Organization/bhxh\n"
                                          "Practitioner/cchn-000001-HUE-CCHN\n"
                                          "Location/khoa-46999-K01\n"
                                          "Practitioner/cchn-000002-HUE-CCHN\n"
                                          "Practitioner/cchn-000003-HUE-CCHN\n"));
    assert_str(g.visit_key, STR("46999|46999_TEST_0000000001"));
    assert_int_equal(g.key_type, FHIR_T_ENCOUNTER);
    const JsonNode *patient = NULL;
    assert_ok(json_parse(s.arena, g.resources[0].json, &patient, NULL));
    assert_str(claim_map_as_of(s.arena, patient), STR("2026-11-20T10:00:00+07:00"));
    sink_release(&s);
}

static void the_check_in_becomes_a_visit_that_has_begun(void **state) {
    (void)state;
    Sink s = sink_new();
    ClaimGroup g;
    s.see = see_sample;
    s.more = &g;
    (void)sink_read(&s, read_file(s.arena, "tests/case/claims/XML0.xml"));
    check_group(&g);
    assert_str(roles_of(s.arena, &g), STR("Patient patient\n"
                                          "Coverage coverage/DN4460000000000\n"
                                          "Encounter encounter\n"
                                          "ServiceRequest xml0/202611200815/1/service\n"
                                          "Organization/cskcb-46999\n"
                                          "Organization/bhxh\n"));
    assert_str(g.visit_key, STR("46999|46999_TEST_0000000001"));
    assert_true(g.check_in);
    assert_int_not_equal(str_find(g.resources[2].json, STR("\"status\":\"arrived\"")), SIZE_MAX);
    sink_release(&s);
}

static void what_is_mapped_is_valid_r4(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 60; seed++) {
        Arena *a = arena_new(64 << 20);
        Made k;
        made_init(&k, a, seed * 97);
        /* leave every third field out, another third each time */
        for (size_t i = 0; i < ARRAY_LEN(k.parts) && seed % 4 > 0; i++) {
            for (int r = 0; r < k.parts[i].n_records; r++) {
                for (int f = 1; f < k.parts[i].table->n_fields; f++) {
                    if ((unsigned)(f + r) % 3 == seed % 4 - 1) {
                        k.values[i][r][f] = STR_EMPTY;
                    }
                }
            }
        }
        ClaimGroup g;
        assert_ok(claim_map(a, &k.claim, &g));
        check_group(&g);
        arena_free(a);
    }
}

/* Another value of the same kind, then odd ones that FHIR's types cannot carry as they are. */
static const char *const others[] = {NULL, "", "  two  words ", "a;;b", "0007.50", "000/X-Y", "*"};

/* Nothing is lost: changing any field of XML1–XML5 in any record changes what comes out. */
static void every_field_of_every_record_comes_through(void **state) {
    (void)state;
    Arena *keep = arena_new(64 << 20);
    Made base;
    made_init(&base, keep, 5);
    Str before = map_text_of(keep, &base.claim);
    for (size_t i = 0; i < 5; i++) {
        const ClaimTable *t = base.parts[i].table;
        for (int r = 0; r < base.parts[i].n_records; r++) {
            for (int f = 1; f < t->n_fields; f++) {
                for (size_t o = 0; o < ARRAY_LEN(others); o++) {
                    Arena *a = arena_new(64 << 20);
                    Made k;
                    made_init(&k, a, 5);
                    Str was = k.values[i][r][f];
                    Str now = others[o] == NULL ? make_value(a, t, f, 1234 + (unsigned)f)
                                                : str_from(others[o]);
                    k.values[i][r][f] = now;
                    bool same = str_eq(map_text_of(a, &k.claim), before);
                    /* required, so the reader refuses it empty; absent means "its place" */
                    same = same && !(i > 0 && f == XML2_STT && now.len == 0);
                    if (same && !str_eq(was, now)) {
                        print_error(STR_FMT " record %d " STR_FMT ": '" STR_FMT "' or '" STR_FMT
                                            "' gives the same\n",
                                    STR_ARG(t->name), r + 1, STR_ARG(t->fields[f].name),
                                    STR_ARG(was), STR_ARG(now));
                        fail();
                    }
                    arena_free(a);
                }
            }
        }
    }
    arena_free(keep);
}

/* Two different odd values must also differ from each other. */
static void odd_values_are_told_apart(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"A", " A"},
        {"A", "A "},
        {"A;B", "A; B"},
        {"1.5", "1.50"},
        {"1/A-B", "1-A-B"},
        {"A", "A;"},
        {"10.6", "10,6"},
        {"<5", "< 5"},
        {"05", "5"},
        {"1-A/B", "1/A/B"},
        {"A;A", "A"},
        {"A B", "A  B"},
        {"20260101", "202601010000"},
        {"0", "0.0"},
        {"K18;J18", "J18;K18"},
        {"-0", "0"},
    };
    for (size_t i = 0; i < 5; i++) {
        const ClaimTable *t = claim_table((int)i + 1);
        for (int f = 1; f < t->n_fields; f++) {
            for (size_t p = 0; p < ARRAY_LEN(pairs); p++) {
                Arena *a = arena_new(64 << 20);
                Made k;
                made_init(&k, a, 9);
                k.values[i][0][f] = str_from(pairs[p][0]);
                Str one = map_text_of(a, &k.claim);
                k.values[i][0][f] = str_from(pairs[p][1]);
                Str two = map_text_of(a, &k.claim);
                if (str_eq(one, two)) {
                    print_error(STR_FMT " " STR_FMT ": '%s' and '%s' give the same\n",
                                STR_ARG(t->name), STR_ARG(t->fields[f].name), pairs[p][0],
                                pairs[p][1]);
                    fail();
                }
                arena_free(a);
            }
        }
    }
}

/* Every decimal of XML1–XML3 stands in the Claim with its own digits. */
static void money_is_exact_in_the_bill(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 1);
    unsigned n = 0;
    for (size_t i = 0; i < 3; i++) {
        const ClaimTable *t = k.parts[i].table;
        for (int r = 0; r < k.parts[i].n_records; r++) {
            for (int f = 0; f < t->n_fields; f++) {
                if (t->fields[f].kind == CLAIM_DEC && t->fields[f].maxlen > 5) {
                    k.values[i][r][f] = arena_printf(a, "%u.%03u0", 700000 + n, n);
                    n++;
                }
            }
        }
    }
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    Str bill = g.resources[g.n_resources - 1].json;
    for (unsigned i = 0; i < n; i++) {
        Str want = arena_printf(a, ":%u.%03u0", 700000 + i, i);
        if (str_find(bill, want) == SIZE_MAX) {
            print_error("missing " STR_FMT "\n", STR_ARG(want));
            fail();
        }
    }
    assert_true(n > 70);
    arena_free(a);
}

static void the_same_claim_gives_the_same_bytes(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 77);
    assert_str(map_text_of(a, &k.claim), map_text_of(a, &k.claim));
    arena_free(a);
}

static void an_uninsured_visit_has_a_self_pay_coverage(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 3);
    k.values[0][0][XML1_MA_THE_BHYT] = STR_EMPTY;
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    assert_str(g.resources[1].role, STR("coverage/self"));
    check_group(&g);
    arena_free(a);
}

static void two_cards_are_two_coverages(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 3);
    k.values[0][0][XML1_MA_THE_BHYT] = STR("DN4460000000001;GD4460000000002");
    k.values[0][0][XML1_MA_DKBD] = STR("46001;46002");
    k.values[0][0][XML1_GT_THE_TU] = STR("20260101;20260701");
    k.values[0][0][XML1_GT_THE_DEN] = STR("20260630;20261231");
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    check_group(&g);
    assert_str(g.resources[2].role, STR("coverage/GD4460000000002"));
    assert_int_not_equal(str_find(g.resources[2].json, STR("\"start\":\"2026-07-01\"")), SIZE_MAX);
    assert_int_not_equal(str_find(g.resources[2].json, STR("Organization/cskcb-46002")), SIZE_MAX);
    /* the cards move on with later visits; the bill says what the claim said of them */
    assert_int_not_equal(str_find(g.resources[g.n_resources - 1].json, STR("20260101;20260701")),
                         SIZE_MAX);
    arena_free(a);
}

typedef struct Birth {
    const char *claim, *json;
} Birth;

static void birth_dates_keep_their_precision(void **state) {
    (void)state;
    static const Birth births[] = {
        {"199001310000", "\"birthDate\":\"1990-01-31\""},
        {"199001000000", "\"birthDate\":\"1990-01\""},
        {"199000000000", "\"birthDate\":\"1990\""},
        {"202611050815", "\"valueDateTime\":\"2026-11-05T08:15:00+07:00\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(births); i++) {
        Arena *a = arena_new(64 << 20);
        Made k;
        made_init(&k, a, 3);
        k.values[0][0][XML1_NGAY_SINH] = str_from(births[i].claim);
        ClaimGroup g;
        assert_ok(claim_map(a, &k.claim, &g));
        check_group(&g);
        assert_int_not_equal(str_find(g.resources[0].json, str_from(births[i].json)), SIZE_MAX);
        arena_free(a);
    }
}

static void unknown_elements_keep_their_table_whole(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 3);
    k.parts[1].has_unknown = true;
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    assert_int_not_equal(str_find(roles_of(a, &g), STR("document/XML2/1")), SIZE_MAX);
    arena_free(a);
}

static void identity_takes_the_strongest_first(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    Made k;
    made_init(&k, a, 3);
    Str *v = k.values[0][0];
    v[XML1_SO_CCCD] = STR("046090000001");
    v[XML1_MA_THE_BHYT] = STR("DN4460123456789;GD4460123456789");
    v[XML1_HO_TEN] = STR("NGUYỄN  Văn Đức");
    v[XML1_NGAY_SINH] = STR("199005000000");
    v[XML1_GIOI_TINH] = STR("2");
    v[XML1_MA_BN] = STR("BN1");
    ClaimIdentity id;
    assert_ok(claim_identity(a, &k.claim, &id));
    assert_int_equal(id.n_tokens, 3);
    assert_str(id.tokens[0].system, STR(CLAIM_SYSTEM_CCCD));
    assert_true(id.tokens[0].is_national);
    assert_str(id.tokens[1].value, STR("0123456789"));
    assert_false(id.tokens[1].is_national);
    assert_str(id.tokens[2].value, STR("46001|BN1"));
    assert_str(id.name, STR("nguyen van duc"));
    assert_str(id.birth, STR("1990-05"));
    assert_str(id.sex, STR("female"));
    /* placeholders identify nobody; a former card is not national */
    v[XML1_SO_CCCD] = STR("000000000000");
    v[XML1_MA_THE_BHYT] = STR("DN4460000000000");
    assert_ok(claim_identity(a, &k.claim, &id));
    assert_int_equal(id.n_tokens, 1);
    v[XML1_SO_CCCD] = STR("191234567");
    assert_ok(claim_identity(a, &k.claim, &id));
    assert_str(id.tokens[0].system, STR(CLAIM_SYSTEM_CMND));
    assert_false(id.tokens[0].is_national);
    /* every token that is looked up stands in the Patient */
    v[XML1_SO_CCCD] = STR("046090000001");
    v[XML1_MA_THE_BHYT] = STR("DN4460123456789");
    ClaimGroup g;
    assert_ok(claim_map(a, &k.claim, &g));
    for (size_t i = 0; i < g.identity.n_tokens; i++) {
        Str want =
            arena_printf(a, "\"system\":\"" STR_FMT "\",\"value\":\"" STR_FMT "\"",
                         STR_ARG(g.identity.tokens[i].system), STR_ARG(g.identity.tokens[i].value));
        assert_int_not_equal(str_find(g.resources[0].json, want), SIZE_MAX);
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_becomes_these_resources),
        cmocka_unit_test(the_check_in_becomes_a_visit_that_has_begun),
        cmocka_unit_test(what_is_mapped_is_valid_r4),
        cmocka_unit_test(every_field_of_every_record_comes_through),
        cmocka_unit_test(odd_values_are_told_apart),
        cmocka_unit_test(money_is_exact_in_the_bill),
        cmocka_unit_test(the_same_claim_gives_the_same_bytes),
        cmocka_unit_test(an_uninsured_visit_has_a_self_pay_coverage),
        cmocka_unit_test(two_cards_are_two_coverages),
        cmocka_unit_test(birth_dates_keep_their_precision),
        cmocka_unit_test(unknown_elements_keep_their_table_whole),
        cmocka_unit_test(identity_takes_the_strongest_first),
    };
    return cmocka_run_group_tests_name("interop/claim_map", tests, NULL, NULL);
}
