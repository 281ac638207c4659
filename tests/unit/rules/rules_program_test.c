/* The compiled program answers as the naive interpreter does, over random expressions and visits:
 * each expression stands in two rules, `must E` and `must not (E)`; the first fires where E is
 * false, the second where it is true, neither where it is unknown. */
#include "unit/test.h"

#include "core/limits.h"

#include "unit/rules/rules_naive.inc"

enum { EXPRESSIONS = 40, SETS = 12, VISITS = 3 };

typedef struct Gen {
    uint64_t state;
    Buf *out;
    int vars; /* names of rows: a, b, c; odd ones of XML2, even ones of XML3 */
    int depth;
} Gen;

static unsigned pick(Gen *g, unsigned n) {
    g->state = g->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((g->state >> 33) % n);
}

static void put_bool(Gen *g);
static void put_number(Gen *g);
static void put_text(Gen *g);
static void put_time(Gen *g);

/* A field of a row at hand, or of XML1; fields: of XML1, XML2, XML3. */
static void put_field(Gen *g, const char *const (*fields)[3]) {
    unsigned which = pick(g, (unsigned)g->vars + 3);
    unsigned k = pick(g, 3);
    if (which == 0) {
        buf_printf(g->out, "XML1.%s", fields[0][k]);
    } else if (which <= 2) {
        buf_printf(g->out, "%s", fields[2][k]);
    } else {
        int var = (int)which - 3;
        buf_printf(g->out, "%c.%s", 'a' + var, fields[var % 2 == 1 ? 1 : 2][k]);
    }
}

static void put_range_head(Gen *g) {
    buf_printf(g->out, "XML%d %c", g->vars % 2 == 1 ? 2 : 3, 'a' + g->vars);
    g->vars++;
}

static void put_number(Gen *g) {
    static const char *const fields[3][3] = {{"T_BHTT", "T_THUOC", "GIOI_TINH"},
                                             {"MA_NHOM", "SO_LUONG", "T_BHTT"},
                                             {"MA_NHOM", "SO_LUONG", "T_BHTT"}};
    static const char *const signs[] = {"+", "-", "*", "/"};
    static const char *const kinds[] = {"sum", "min", "max"};
    unsigned kind = g->depth > 4 ? pick(g, 4) : pick(g, 10);
    g->depth++;
    if (kind < 3) {
        put_field(g, fields);
    } else if (kind == 3) {
        buf_printf(g->out, "%u%s", pick(g, 6), pick(g, 4) == 0 ? ".5" : "");
    } else if (kind < 6) {
        buf_put_lit(g->out, "(");
        put_number(g);
        buf_printf(g->out, " %s ", signs[pick(g, 4)]);
        put_number(g);
        buf_put_lit(g->out, ")");
    } else if (kind < 8 && g->vars < 3) {
        bool is_count = pick(g, 2) == 0;
        buf_printf(g->out, "%s(", is_count ? "count" : kinds[pick(g, 3)]);
        put_range_head(g);
        buf_put_str(g->out, is_count ? STR_EMPTY : STR(": "));
        if (!is_count) {
            put_number(g);
        }
        buf_put_lit(g->out, " where ");
        put_bool(g);
        buf_put_lit(g->out, ")");
        g->vars--;
    } else if (kind == 8) {
        buf_put_lit(g->out, "if(");
        put_bool(g);
        buf_put_lit(g->out, ", ");
        put_number(g);
        buf_put_lit(g->out, ", ");
        put_number(g);
        buf_put_lit(g->out, ")");
    } else {
        buf_put_lit(g->out, "len(");
        put_text(g);
        buf_put_lit(g->out, ")");
    }
    g->depth--;
}

static void put_text(Gen *g) {
    static const char *const fields[3][3] = {{"MA_BN", "MA_KHOA", "MA_BENH_KT"},
                                             {"MA_THUOC", "MA_BAC_SI", "MA_KHOA"},
                                             {"MA_DICH_VU", "MA_BAC_SI", "MA_KHOA"}};
    unsigned kind = pick(g, 8);
    if (kind == 0) {
        buf_printf(g->out, "'%c'", 'A' + (int)pick(g, 3));
    } else if (kind == 1) {
        buf_put_lit(g->out, "part(");
        put_field(g, fields);
        buf_printf(g->out, ", ';', %u)", pick(g, 3));
    } else {
        put_field(g, fields);
    }
}

static void put_time(Gen *g) {
    static const char *const fields[3][3] = {{"NGAY_VAO", "NGAY_RA", "NGAY_TTOAN"},
                                             {"NGAY_YL", "NGAY_TH_YL", "NGAY_YL"},
                                             {"NGAY_YL", "NGAY_TH_YL", "NGAY_KQ"}};
    if (pick(g, 4) == 0) {
        buf_put_lit(g->out, "date(");
        put_field(g, fields);
        buf_put_lit(g->out, ")");
    } else {
        put_field(g, fields);
    }
}

static void put_compared(Gen *g) {
    static const char *const signs[] = {"=", "=", "=", "!=", "<", "<=", ">", ">="};
    void (*const put[])(Gen *) = {put_number, put_text, put_time};
    unsigned type = pick(g, 3);
    put[type](g);
    switch (pick(g, 6)) {
    case 0:
        buf_printf(g->out, " is %s", pick(g, 2) == 0 ? "given" : "empty");
        break;
    case 1:
        buf_printf(g->out, " %sin (", pick(g, 2) == 0 ? "" : "not ");
        put[type](g);
        buf_put_lit(g->out, ", ");
        put[type](g);
        buf_put_lit(g->out, ")");
        break;
    default:
        buf_printf(g->out, " %s ", signs[pick(g, ARRAY_LEN(signs))]);
        put[type](g);
        break;
    }
}

static void put_quantifier(Gen *g) {
    unsigned kind = pick(g, 3);
    buf_printf(g->out, "(%s ", kind == 0 ? "any" : kind == 1 ? "no" : "every");
    put_range_head(g);
    if (kind < 2 || pick(g, 2) == 0) {
        buf_put_lit(g->out, " where ");
        put_bool(g);
    }
    if (kind == 2) {
        buf_put_lit(g->out, " has ");
        put_bool(g);
    }
    if (g->vars % 2 == 1 && pick(g, 2) == 0) {
        buf_printf(g->out, " and %c is not this", 'a' + g->vars - 1);
    }
    buf_put_lit(g->out, ")");
    g->vars--;
}

/* The values of a text: the variable is a letter of its own. */
static void put_values(Gen *g) {
    buf_printf(g->out, "(%s v of XML1.MA_BENH_KT where v %s ", pick(g, 2) == 0 ? "any" : "no",
               pick(g, 2) == 0 ? "=" : "!=");
    put_text(g);
    buf_put_lit(g->out, ")");
}

static void put_bool(Gen *g) {
    unsigned kind = g->depth > 4 ? 9 : pick(g, 10);
    g->depth++;
    if (kind < 3) {
        const char *word = pick(g, 3) == 0 ? " or " : " and ";
        buf_put_lit(g->out, "(");
        put_bool(g);
        buf_printf(g->out, "%s", word);
        put_bool(g);
        buf_printf(g->out, "%s", word);
        put_bool(g);
        buf_put_lit(g->out, ")");
    } else if (kind == 3) {
        buf_put_lit(g->out, "not ");
        put_bool(g);
    } else if (kind < 7 && g->vars < 3) {
        put_quantifier(g);
    } else if (kind == 7) {
        put_values(g);
    } else {
        put_compared(g);
    }
    g->depth--;
}

/* ---- visits ---- */

static Str some_value(Gen *g, ClaimKind kind) {
    static const Str numbers[] = {{"1", 1}, {"2", 1}, {"2.0", 3}, {"3", 1}, {"0.5", 3}, {"x", 1}};
    static const Str texts[] = {{"A", 1}, {"B", 1}, {" B ", 3}, {"A;B", 3}, {"C;;A", 4}};
    static const Str times[] = {
        {"202610150800", 12}, {"202610150900", 12}, {"20261015", 8}, {"202610160000", 12}};
    if (pick(g, 5) == 0) {
        return STR_EMPTY;
    }
    switch (kind) {
    case CLAIM_N:
    case CLAIM_DEC:
        return numbers[pick(g, ARRAY_LEN(numbers))];
    case CLAIM_D8:
    case CLAIM_DT12:
    case CLAIM_DT:
        return times[pick(g, ARRAY_LEN(times))];
    case CLAIM_S:
    default:
        return texts[pick(g, ARRAY_LEN(texts))];
    }
}

static void make_visit(Gen *g, Arena *arena, RulesVisit *v) {
    *v = (RulesVisit){0};
    for (int t = 1; t <= 3; t++) {
        size_t n = t == 1 ? 1 : pick(g, 4) == 0 ? 25 + pick(g, 4) : pick(g, 5);
        ClaimRecord *records = arena_new_array(arena, ClaimRecord, n + 1);
        const ClaimTable *table = claim_table(t);
        for (size_t i = 0; i < n; i++) {
            Str *values = arena_new_array(arena, Str, (size_t)table->n_fields);
            for (int f = 0; f < table->n_fields; f++) {
                values[f] = some_value(g, table->fields[f].kind);
            }
            records[i].values = values;
        }
        v->records[t] = records;
        v->n_records[t] = n;
    }
}

/* ---- both ---- */

static void put_rule(Buf *out, int number, const char *prefix, Str expression) {
    buf_printf(out, "rule %s%d\non XML3\nweight warns\nmust ", prefix, number);
    buf_put_str(out, prefix[0] == 'n' ? STR("not (") : STR_EMPTY);
    buf_put_str(out, expression);
    buf_put_str(out, prefix[0] == 'n' ? STR(")") : STR_EMPTY);
    buf_put_lit(out,
                "\nvi a\nen a\nfix-vi a\nfix-en a\nlaw a\ngood XML1.STT=1\nbad XML1.STT=1\n\n");
}

static Rules *make_rules(Gen *g) {
    CLEANUP_BUF Buf text;
    CLEANUP_BUF Buf one;
    buf_init(&text, 4 * LIMIT_MIB);
    buf_init(&one, LIMIT_MIB);
    for (int i = 0; i < EXPRESSIONS; i++) {
        do { /* short enough for a rule */
            buf_clear(&one);
            *g = (Gen){.state = g->state, .out = &one};
            put_bool(g);
        } while (one.len > 2000);
        put_rule(&text, i, "e", buf_str(&one));
        put_rule(&text, i, "n", buf_str(&one));
    }
    Rules *rules = NULL;
    ErrInfo info = {0};
    RulesText own = {STR("random.rules"), buf_str(&text)};
    ErrCode err =
        rules_new(&(RulesOptions){.own = &own, .n_own = 1, .own_only = true}, &rules, &info);
    if (err != ERR_OK) {
        print_error("%s: %s\n" STR_FMT "\n", info.where, info.what_en, STR_ARG(buf_str(&text)));
    }
    assert_ok(err);
    return rules;
}

/* 1, 0, -1 by the two rules of an expression. */
static int by_program(const RulesReport *report, Str id, size_t record) {
    int truth = -1;
    for (size_t i = 0; i < report->n_findings; i++) {
        const RulesFinding *f = &report->findings[i];
        if (f->record == record && str_eq(str_sub(f->rule->id, 1, 8), str_sub(id, 1, 8))) {
            assert_int_equal(truth, -1);
            truth = f->rule->id.ptr[0] == 'n';
        }
    }
    return truth;
}

static size_t compare_visit(const Rules *rules, RulesRun *run, const RulesVisit *v, Naive *n,
                            size_t seen[3]) {
    RulesReport report;
    size_t asked = 0;
    assert_ok(rules_check(run, v, NULL, RULES_AT_IMPORT, &report));
    assert_int_equal(report.n_not_checked, 0);
    for (size_t u = 0; u < rules->n_units && report.n_more == 0; u++) {
        const RulesUnit *unit = rules->units[u];
        if (unit->pub.id.ptr[0] == 'n') {
            continue;
        }
        for (size_t i = 0; i < v->n_records[3]; i++) {
            arena_reset(n->arena);
            *n = (Naive){.arena = n->arena, .visit = v, .day = report.day, .matcher = n->matcher};
            n->rows[0] = (RulesBinding){.record = &v->records[3][i], .row = i};
            int want = naive_bool(n, unit->must);
            int got = by_program(&report, unit->pub.id, i + 1);
            if (got != want) {
                print_error("record %zu: program %d, naive %d: " STR_FMT "\n", i + 1, got, want,
                            STR_ARG(unit->pub.must));
            }
            assert_int_equal(got, want);
            seen[want + 1]++;
            asked++;
        }
    }
    return asked;
}

static void test_program_is_naive(void **state) {
    (void)state;
    Gen g = {.state = 20261122};
    size_t seen[3] = {0};
    size_t asked = 0;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_ARENA Arena *scratch = arena_new(256 * LIMIT_MIB);
    CLEANUP_ARENA Arena *patterns = arena_new(4 * LIMIT_MIB);
    RegexMatcher *matcher =
        regex_matcher_new(patterns, (RegexLimits){.steps = 20000, .heap_kib = 1024});
    for (int set = 0; set < SETS; set++) {
        RulesRun *run = NULL;
        Rules *rules = make_rules(&g);
        assert_ok(rules_run_new(rules, &run));
        for (int i = 0; i < VISITS; i++) {
            RulesVisit v;
            arena_reset(arena);
            make_visit(&g, arena, &v);
            Naive n = {.arena = scratch, .matcher = matcher};
            asked += compare_visit(rules, run, &v, &n, seen);
        }
        rules_run_free(run);
        rules_free(rules);
    }
    /* All three truths were there, often. */
    assert_true(asked > 5000);
    assert_true(seen[0] > asked / 50 && seen[1] > asked / 50 && seen[2] > asked / 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_program_is_naive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
