#include "unit/test.h"

#include "core/limits.h"
#include "rules/rules_int.h"

/* ---- helpers ---- */

#define TAIL                                                                                       \
    "\nvi Lỗi {MA_LK}\nen Fault\nfix-vi a\nfix-en a\nlaw a\ngood XML1.STT=1\nbad XML1.STT=1\n\n"

typedef struct Set {
    Rules *rules;
    RulesRun *run;
    ErrCode err;
    ErrInfo info;
} Set;

static Set make(const char *text) {
    Set s = {0};
    RulesText own = {STR("t.rules"), str_from(text)};
    s.err =
        rules_new(&(RulesOptions){.own = &own, .n_own = 1, .own_only = true}, &s.rules, &s.info);
    if (s.err == ERR_OK) {
        assert_ok(rules_run_new(s.rules, &s.run));
    }
    return s;
}

static void drop(Set *s) {
    rules_run_free(s->run);
    rules_free(s->rules);
}

/* 1, 0, -1: the condition over the clean visit with these changes. */
static int truth(const char *on, const char *condition, const char *changes);

typedef struct Outcome {
    int fired;
} Outcome;

static void on_case(void *ctx, const RulesCaseResult *r) {
    Outcome *o = ctx;
    if (!r->passed && r->en.len > 0 && !str_eq(r->en, STR("the rule is silent"))) {
        print_error(STR_FMT ": " STR_FMT "\n", STR_ARG(r->text), STR_ARG(r->en));
        fail();
    }
    o->fired = o->fired * 2 + (!r->good && r->passed);
}

static int truth(const char *on, const char *condition, const char *changes) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    for (int i = 0; i < 2; i++) {
        buf_printf(&b,
                   "rule r%d\non %s\nweight warns\nmust %s(%s)\nvi a\nen a\nfix-vi a\nfix-en a\n"
                   "law a\nbad %s\ngood XML3- XML2- XML4- XML5-\n\n",
                   i, on, i == 0 ? "" : "not ", condition, changes);
    }
    Set s = make(buf_cstr(&b));
    if (s.err != ERR_OK) {
        print_error("%s: %s\n", s.info.where, s.info.what_en);
    }
    assert_ok(s.err);
    int fired[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        const RulesUnit *u = s.rules->units[i];
        ((RulesUnit *)(uintptr_t)u)->n_cases = 1; /* the bad one */
    }
    Outcome o = {0};
    assert_ok(rules_test(s.rules, STR_EMPTY, on_case, &o));
    fired[0] = o.fired >> 1 & 1;
    fired[1] = o.fired & 1;
    drop(&s);
    return fired[0] ? 0 : fired[1] ? 1 : -1;
}

static int visit_truth(const char *condition) {
    return truth("VISIT", condition, "XML1.STT=1");
}

#define assert_wrong(text, place, what)                                                            \
    do {                                                                                           \
        Set s_ = make(text);                                                                       \
        assert_int_equal(s_.err, ERR_SYNTAX);                                                      \
        assert_string_equal(s_.info.where, place);                                                 \
        if (strstr(s_.info.what_en, what) == NULL) {                                               \
            print_error("got: %s\n", s_.info.what_en);                                             \
            fail();                                                                                \
        }                                                                                          \
        assert_true(s_.info.what_vi[0] != '\0');                                                   \
    } while (0)

/* ---- the language ---- */

static void test_errors_have_places(void **state) {
    (void)state;
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_NHOM = '1'" TAIL, "t.rules:4:16",
                 "cannot be compared");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_NHOM =" TAIL, "t.rules:4:15",
                 "a value is expected");
    assert_wrong("rule a\non XML3\nweight warns\nmust KHONG_CO = 1" TAIL, "t.rules:4:6",
                 "no field KHONG_CO");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_NHOM = 1\n  and\n  MA_MAY" TAIL,
                 "t.rules:6:3", "a text, not a condition");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_MAY matches \"(\"" TAIL, "t.rules:4:21",
                 "pattern is wrong");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_MAY in khong-co" TAIL, "t.rules:4:16",
                 "khong-co");
    assert_wrong("rule a\non XML3\nweight warns\nmust cat(icd10, MA_BENH, hue) = 'a'" TAIL,
                 "t.rules:4:26", "no attribute 'hue'");
    assert_wrong("rule a\non XML3\nweight warns\nmust param('x') = 1" TAIL, "t.rules:4:12",
                 "no parameter");
    assert_wrong("rule a\non XML12\nweight warns\nmust MA_NHOM = 1" TAIL, "t.rules:2:4", "XML15");
    assert_wrong("rule a\non XML3\nweight heavy\nmust MA_NHOM = 1" TAIL, "t.rules:3:8", "blocks");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_NHOM = 1\nmust MA_NHOM = 2" TAIL,
                 "t.rules:5:1", "twice");
    assert_wrong("rule a\non XML3\nweight warns\nmust any XML2 x where x is this" TAIL,
                 "t.rules:4:28", "another table");
    assert_wrong("rule a\non XML3\nweight warns\nmust y.MA_NHOM = 1" TAIL, "t.rules:4:6",
                 "no row here");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_NHOM = 1\nvi {MA_NHOM\nen a\nfix-vi a\n"
                 "fix-en a\nlaw a\ngood a\nbad a\n",
                 "t.rules:5:4", "brace");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_MAY = ''" TAIL, "t.rules:4:15",
                 "is empty");
    assert_wrong("rule a\non XML3\nweight warns\nmust MA_MAY = 'a" TAIL, "t.rules:4:15", "quote");
    assert_wrong("tule a\n", "t.rules:1:1", "a block begins");
    assert_wrong("list a\nis 1, 'a'\n", "t.rules:2:7", "all alike");
    assert_wrong("off khong-co\n", "t.rules:1:5", "no rule");
    assert_wrong("rule a\nsince 2026-02-30\non XML3\n", "t.rules:2:7", "no date");
}

static void test_deep_is_refused(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_lit(&b, "rule a\non XML3\nweight warns\nmust ");
    for (int i = 0; i < 100000; i++) {
        buf_put_char(&b, '(');
    }
    Set s = make(buf_cstr(&b));
    assert_int_equal(s.err, ERR_SYNTAX);
    assert_non_null(strstr(s.info.what_en, "nested too deep"));
}

static void test_three_values(void **state) {
    (void)state;
    /* MA_TAI_NAN is empty in the clean visit: unknown. */
    assert_int_equal(visit_truth("MA_TAI_NAN = 1"), -1);
    assert_int_equal(visit_truth("not MA_TAI_NAN = 1"), -1);
    assert_int_equal(visit_truth("MA_TAI_NAN = 1 and STT = 2"), 0);
    assert_int_equal(visit_truth("MA_TAI_NAN = 1 and STT = 1"), -1);
    assert_int_equal(visit_truth("MA_TAI_NAN = 1 or STT = 1"), 1);
    assert_int_equal(visit_truth("MA_TAI_NAN = 1 or STT = 2"), -1);
    assert_int_equal(visit_truth("MA_TAI_NAN is empty"), 1);
    assert_int_equal(visit_truth("MA_TAI_NAN + 1 is given"), 0);
    assert_int_equal(visit_truth("STT in (2, MA_TAI_NAN)"), -1);
    assert_int_equal(visit_truth("STT in (1, MA_TAI_NAN)"), 1);
    assert_int_equal(truth("VISIT", "STT = 1", "XML1.STT=một"), -1);
    assert_int_equal(truth("VISIT", "STT is given", "XML1.STT=một"), 1);
    assert_int_equal(visit_truth("count(XML3 x where x.MA_VAT_TU = 'N03.01.020') = 1"), 1);
    assert_int_equal(visit_truth("any XML3 x where x.MA_NHOM = MA_TAI_NAN"), -1);
    assert_int_equal(visit_truth("sum(XML7 x.TUOI_THAI) = 0"), 1);
    assert_int_equal(visit_truth("max(XML7 x.TUOI_THAI) = 0"), -1);
    assert_int_equal(truth("VISIT", "any HISTORY h where h.STT = 1", "HISTORY?"), -1);
    assert_int_equal(visit_truth("any HISTORY h where h.STT = 1"), 0);
}

static void test_exact_numbers(void **state) {
    (void)state;
    assert_int_equal(visit_truth("0.1 + 0.2 = 0.3"), 1);
    assert_int_equal(visit_truth("1.50 = 1.5 and 1.5 in (1.500, 2)"), 1);
    assert_int_equal(visit_truth("round(2.345, 2) = 2.35 and round(-2.345, 2) = -2.35"), 1);
    assert_int_equal(visit_truth("round(0.5) = 1 and round(1.4) = 1 and floor(-0.5) = -1"), 1);
    assert_int_equal(visit_truth("ceil(0.2) = 1 and abs(-3) = 3 and max(1, 3, 2) = 3"), 1);
    assert_int_equal(visit_truth("10 / 3 * 3 = 9.999999999999"), 1);
    assert_int_equal(visit_truth("123456789.123 * 47.5 / 100 = 58641974.833425"), 1);
    assert_int_equal(visit_truth("1 / 0 = 1"), -1);
    assert_int_equal(visit_truth("999999999999999999 * 999999999999999999 * 999 > 1"), -1);
    assert_int_equal(visit_truth("999999999999999999 * 999999999999999999 > 1"), 1);
    assert_int_equal(visit_truth("T_BHTT = sum(XML2 x.T_BHTT) + sum(XML3 x.T_BHTT)"), 1);
    assert_int_equal(visit_truth("T_BHTT = sum(XML2 x: x.THANH_TIEN_BH * x.MUC_HUONG / 100) + "
                                 "sum(XML3 x: x.THANH_TIEN_BH * x.MUC_HUONG / 100)"),
                     1);
}

static void test_functions(void **state) {
    (void)state;
    assert_int_equal(visit_truth("minutes(NGAY_VAO, NGAY_RA) = 150 and "
                                 "hours(NGAY_VAO, NGAY_RA) = 2.5 and days(NGAY_VAO, NGAY_RA) = 0"),
                     1);
    assert_int_equal(visit_truth("age_years(NGAY_SINH, NGAY_VAO) = 41"), 1);
    assert_int_equal(truth("VISIT",
                           "age_years(NGAY_SINH, NGAY_VAO) = 40 and "
                           "age_months(NGAY_SINH, NGAY_VAO) = 491",
                           "XML1.NGAY_SINH=198510160000"),
                     1);
    assert_int_equal(visit_truth("year(NGAY_VAO) = 2026 and month(NGAY_VAO) = 10 and "
                                 "day(NGAY_VAO) = 15 and weekday(NGAY_VAO) = 4"),
                     1);
    assert_int_equal(visit_truth("date(GT_THE_TU) <= NGAY_VAO and date(GT_THE_DEN) > NGAY_RA"), 1);
    assert_int_equal(visit_truth("len(HO_TEN) = 19 and left(HO_TEN, 6) = 'NGUYỄN'"), 1);
    assert_int_equal(visit_truth("right(HO_TEN, 5) = 'PHỎNG' and mid(HO_TEN, 8, 3) = 'VĂN'"), 1);
    assert_int_equal(visit_truth("fold(HO_TEN) = 'nguyen van mo phong' and upper('ab') = 'AB'"), 1);
    assert_int_equal(visit_truth("part('a;b; c', ';', 3) = 'c' and part('a', ';', 2) is empty"), 1);
    assert_int_equal(visit_truth("contains(HO_TEN, 'MÔ') and number('1.50') = 1.5"), 1);
    assert_int_equal(visit_truth("text(1.50) = '1.5' and if(STT = 1, 'a', 'b') = 'a'"), 1);
    assert_int_equal(visit_truth("MA_BENH_CHINH matches \"[A-Z]\\d{2}(\\.\\d+)?\""), 1);
    assert_int_equal(visit_truth("MA_BENH_CHINH matches \"[A-Z]\""), 0);
    assert_int_equal(visit_truth("known(icd10, MA_BENH_CHINH) and not known(icd10, 'QQQ')"), 1);
    assert_int_equal(
        visit_truth("MA_LOAI_KCB in loai-kcb and cat(nhom-chi-phi, '4', table) = 'XML2'"), 1);
    assert_int_equal(truth("VISIT", "every c of MA_BENH_KT has index(c) = number(mid(c, 2, 1))",
                           "XML1.MA_BENH_KT=I1;I2;;I3"),
                     1);
}

static void test_ranges(void **state) {
    (void)state;
    const char *twice = "any XML3 x where x.MA_DICH_VU = MA_DICH_VU and x is not this";
    assert_int_equal(truth("XML3", twice, "XML3[5]=XML3[2]"), 0); /* for the lines that are once */
    assert_int_equal(visit_truth("any XML3 x where any XML3 y where y.STT = x.STT + 1"), 1);
    assert_int_equal(visit_truth("every XML3 x where x.MA_NHOM in (1, 2) has x.MA_MAY is given"),
                     1);
    assert_int_equal(visit_truth("no XML2 x where x.SO_LUONG > 20"), 1);
    assert_int_equal(visit_truth("min(XML3 x.NGAY_YL) >= NGAY_VAO and "
                                 "max(XML3 x.NGAY_KQ where x.NGAY_KQ is given) <= NGAY_RA"),
                     1);
}

/* ---- checking ---- */

static const char one_rule[] = "rule one\nsince 2026-01-01\nuntil 2026-12-31\non XML3\nat import\n"
                               "weight blocks\nmust MA_NHOM < 10\nfield MA_NHOM\n"
                               "vi Nhóm {MA_NHOM} ngày {NGAY_YL}\n    của {MA_LK} {MA_MAY}\n"
                               "en Group {MA_NHOM + 1}\nfix-vi a\nfix-en a\nlaw a\n"
                               "good XML3-\nbad XML3[1].MA_NHOM=13\n";

static void make_line(Str *values, Str group, Str day) {
    values[XML3_MA_LK] = STR("MP1");
    values[XML3_STT] = STR("7");
    values[XML3_MA_NHOM] = group;
    values[XML3_NGAY_YL] = day;
}

static void test_findings(void **state) {
    (void)state;
    Set s = make(one_rule);
    Str values[2][XML3_FIELD_COUNT] = {0};
    Str summary[XML1_FIELD_COUNT] = {0};
    make_line(values[0], STR("1"), STR("202610150800"));
    make_line(values[1], STR("13"), STR("202610150800"));
    ClaimRecord lines[2] = {{values[0], 3}, {values[1], 60}};
    ClaimRecord first = {summary, 1};
    summary[XML1_NGAY_RA] = STR("202610151000");
    RulesVisit v = {.records = {[1] = &first, [3] = lines}, .n_records = {[1] = 1, [3] = 2}};
    RulesReport r;
    assert_ok(s.err);
    assert_ok(rules_check(s.run, &v, NULL, RULES_AT_IMPORT, &r));
    assert_int_equal(r.n_findings, 1);
    const RulesFinding *f = &r.findings[0];
    assert_str(f->vi, STR("Nhóm 13 ngày 15/10/2026 08:00 của MP1 (trống)"));
    assert_str(f->en, STR("Group 14"));
    assert_str(f->table, STR("XML3"));
    assert_str(f->field, STR("MA_NHOM"));
    assert_str(f->value, STR("13"));
    assert_str(f->stt, STR("7"));
    assert_int_equal(f->record, 2);
    assert_int_equal(f->line, 60);
    assert_int_equal(r.n_by_weight[RULES_BLOCKS], 1);
    assert_ok(rules_check(s.run, &v, NULL, RULES_AT_EXPORT, &r));
    assert_int_equal(r.n_findings, 0);
    summary[XML1_NGAY_RA] = STR("202701010000"); /* not in force any more */
    assert_ok(rules_check(s.run, &v, NULL, RULES_AT_IMPORT, &r));
    assert_int_equal(r.n_rules, 0);
    assert_int_equal(r.n_findings, 0);
    drop(&s);
}

/* Each answer in the same memory. */
static RulesFound same_memory(void *ctx, const RulesAsk *ask, Str *ret_value) {
    char *memory = ctx;
    memory[0] = ask->code.ptr[0];
    *ret_value = (Str){memory, 1};
    return RULES_FOUND;
}

/* What a catalogue of the world answered stays when the next question is asked, in another
 * visit all is asked again. */
static void test_answers_stay(void **state) {
    (void)state;
    Set s = make("catalogue gia\nhas price\n\nrule one\non XML3\nweight warns\n"
                 "must cat(gia, MA_DICH_VU, price) = cat(gia, MA_KHOA, price) or "
                 "cat(gia, MA_DICH_VU, price) = 'Z'\nvi a\nen a\n"
                 "fix-vi a\nfix-en a\nlaw a\ngood XML3-\nbad XML3-\n");
    char memory[1];
    Str values[XML3_FIELD_COUNT] = {[XML3_MA_DICH_VU] = STR("A"), [XML3_MA_KHOA] = STR("B")};
    ClaimRecord line = {values, 1};
    RulesVisit v = {.records = {[3] = &line}, .n_records = {[3] = 1}};
    RulesWorld world = {.ctx = memory, .look = same_memory};
    RulesReport r;
    assert_ok(s.err);
    assert_ok(rules_check(s.run, &v, &world, RULES_AT_IMPORT, &r));
    assert_int_equal(r.n_findings, 1);
    values[XML3_MA_KHOA] = STR("A");
    assert_ok(rules_check(s.run, &v, &world, RULES_AT_IMPORT, &r));
    assert_int_equal(r.n_findings, 0);
    drop(&s);
}

/* A million lines: a join and an aggregate a line stay linear. */
static void test_million_lines(void **state) {
    (void)state;
    enum { LINES = 1000000, KEYS = 250000 };
    Set s =
        make("rule a\non XML3\nweight warns\n"
             "must no XML3 x where x.MA_DICH_VU = MA_DICH_VU and x is not this and x.STT > STT\n"
             "vi a\nen a\nfix-vi a\nfix-en a\nlaw a\ngood XML3-\nbad XML3[5]=XML3[2]\n\n"
             "rule b\non XML3\nweight warns\nmust STT <= max(XML3 x.STT)\n"
             "vi a\nen a\nfix-vi a\nfix-en a\nlaw a\ngood XML3-\nbad XML3[5]=XML3[2]\n\n"
             "rule c\non XML3\nweight warns\nmust no XML3 x where x.STT > STT + 5000000\n"
             "vi a\nen a\nfix-vi a\nfix-en a\nlaw a\ngood XML3-\nbad XML3[5]=XML3[2]\n");
    assert_ok(s.err);
    CLEANUP_FREE ClaimRecord *records = calloc(LINES, sizeof(*records));
    CLEANUP_FREE Str *values = calloc((size_t)LINES * XML3_FIELD_COUNT, sizeof(*values));
    CLEANUP_FREE char *texts = malloc((size_t)LINES * 24);
    assert_true(records != NULL && values != NULL && texts != NULL);
    for (size_t i = 0; i < LINES; i++) {
        char *t = texts + i * 24;
        Str *row = values + i * XML3_FIELD_COUNT;
        int n = snprintf(t, 12, "%zu", i + 1);
        row[XML3_STT] = (Str){t, (size_t)n};
        n = snprintf(t + 12, 12, "K%zu", i % KEYS);
        row[XML3_MA_DICH_VU] = i % 10 == 9 ? STR_EMPTY : (Str){t + 12, (size_t)n};
        records[i] = (ClaimRecord){row, (int)i};
    }
    RulesVisit v = {.records = {[3] = records}, .n_records = {[3] = LINES}};
    RulesReport r;
    assert_ok(rules_check(s.run, &v, NULL, RULES_AT_IMPORT, &r));
    /* Of each key's four lines three have a later one; the tenth of each ten has no code. */
    assert_true(r.n_findings == LIMIT_RULES_FINDINGS && r.n_more > 0);
    /* What is not linear stopped at its limit and says so. */
    assert_int_equal(r.n_not_checked, 1);
    assert_str(r.not_checked[0], STR("c"));
    drop(&s);
}

static void test_own_rules(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    RulesText own[] = {{STR("tinh.rules"), str_from(one_rule)},
                       {STR("tat.rules"), STR("off one\n")}};
    Rules *rules = NULL;
    ErrInfo info = {0};
    assert_ok(rules_new(&(RulesOptions){.own = own, .n_own = 1}, &rules, &info));
    const RulesRule *r = rules_find(rules, STR("one"));
    assert_non_null(r);
    assert_true(r->own && r->n_good == 1 && r->n_bad == 1 && r->weight == RULES_BLOCKS);
    rules_free(rules);
    assert_ok(rules_new(&(RulesOptions){.own = own, .n_own = 2}, &rules, &info));
    assert_null(rules_find(rules, STR("one")));
    rules_free(rules);
    RulesText table[] = {
        {STR("gia.tsv"), STR("code\tsince\tuntil\tprice\nA\t2026-01-01\t2026-06-30\t"
                             "1\nA\t2026-07-01\t\t2\n")},
        {STR("params.tsv"), STR("name\tsince\tvalue\nluong\t2020-01-01\t1\n"
                                "luong\t2026-07-01\t2\n")},
        {STR("g.rules"), STR("rule g\non VISIT\nweight warns\n"
                             "must number(cat(gia, 'A', price)) = 2 and param('luong') = 2\n"
                             "vi a\nen a\nfix-vi a\nfix-en a\nlaw a\ngood XML1.STT=1\n"
                             "bad XML1.NGAY_RA=202603010000\nbad CAT.gia[A].price=3\n")}};
    assert_ok(
        rules_new(&(RulesOptions){.own = table, .n_own = 3, .own_only = true}, &rules, &info));
    Outcome o = {0};
    assert_ok(rules_test(rules, STR_EMPTY, on_case, &o));
    assert_int_equal(o.fired, 3); /* silent, fired, fired */
    rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_have_places), cmocka_unit_test(test_deep_is_refused),
        cmocka_unit_test(test_three_values),       cmocka_unit_test(test_exact_numbers),
        cmocka_unit_test(test_functions),          cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_findings),           cmocka_unit_test(test_answers_stay),
        cmocka_unit_test(test_million_lines),      cmocka_unit_test(test_own_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
