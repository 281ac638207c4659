/* A month's summaries: what the forms add up to is what the visits add up to, to the đồng. */
#include "unit/test.h"

#include "core/decimal.h"
#include "core/limits.h"
#include "core/random.h"
#include "core/sheet.h"
#include "settle/settle_sum.h"

/* One made-up visit: lines of random groups, XML1 with their exact sums. */
typedef struct Made {
    Arena *arena;
    Random *r;
    int64_t amount[20], asked[20]; /* expected, by cost group; hundredths */
    int64_t drug_quantity;         /* thousandths */
    int64_t n_in, n_out;
} Made;

static Str scaled(Made *m, int64_t n, int scale) {
    char text[40];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    decimal_put(&b, decimal_from_scaled(n, scale), scale);
    return arena_str(m->arena, buf_str(&b));
}

static ClaimPart part(Made *m, int table, int n) {
    const ClaimTable *t = claim_table(table);
    ClaimRecord *records = arena_new_array(m->arena, ClaimRecord, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        Str *v = arena_new_array(m->arena, Str, (size_t)t->n_fields);
        for (int f = 0; f < t->n_fields; f++) {
            v[f] = STR_EMPTY;
        }
        records[i].values = v;
    }
    return (ClaimPart){.table = t, .records = records, .n_records = n};
}

static void fill_line(Made *m, int table, Str *v, int64_t sums[2]) {
    static const int drugs[] = {4, 5, 6, 7, 17};
    int group = table == 2 ? drugs[random_below(m->r, 5)] : (int)random_below(m->r, 19) + 1;
    int64_t amount = (int64_t)random_below(m->r, 100000000);
    int64_t asked = (int64_t)random_below(m->r, (uint64_t)amount + 1);
    int64_t quantity = (int64_t)random_below(m->r, 100000);
    int code = (int)random_below(m->r, 5);
    v[table == 2 ? XML2_MA_NHOM : (int)XML3_MA_NHOM] = scaled(m, group, 0);
    v[table == 2 ? XML2_SO_LUONG : (int)XML3_SO_LUONG] = scaled(m, quantity, 3);
    v[table == 2 ? XML2_THANH_TIEN_BH : (int)XML3_THANH_TIEN_BH] = scaled(m, amount, 2);
    v[table == 2 ? XML2_T_BHTT : (int)XML3_T_BHTT] = scaled(m, asked, 2);
    Str name = arena_printf(m->arena, "A%d", code);
    if (table == 2) {
        v[XML2_MA_THUOC] = v[XML2_TEN_THUOC] = name;
        v[XML2_DON_GIA] = scaled(m, code * 500, 3);
        m->drug_quantity += quantity;
    } else {
        v[group == 10 || group == 11 ? XML3_MA_VAT_TU : XML3_MA_DICH_VU] = name;
    }
    m->amount[group] += amount;
    m->asked[group] += asked;
    sums[0] += amount;
    sums[1] += asked;
}

static void add_visit(Made *m, SettleSum *sum, int number) {
    ClaimPart parts[3] = {part(m, 1, 1), part(m, 2, (int)random_below(m->r, 6)),
                          part(m, 3, (int)random_below(m->r, 6))};
    int64_t sums[2] = {0, 0};
    bool inpatient = random_below(m->r, 2) == 0;
    for (int p = 1; p < 3; p++) {
        for (int i = 0; i < parts[p].n_records; i++) {
            fill_line(m, parts[p].table->number, (Str *)parts[p].records[i].values, sums);
        }
    }
    Str *x = (Str *)parts[0].records[0].values;
    x[XML1_MA_LOAI_KCB] = inpatient ? STR("03") : STR("01");
    x[XML1_NGAY_VAO] = arena_printf(m->arena, "202610%02d0800", number % 28 + 1);
    x[XML1_T_TONGCHI_BH] = scaled(m, sums[0], 2);
    x[XML1_T_BHTT] = scaled(m, sums[1], 2);
    Claim claim = {.ma_lk = arena_printf(m->arena, "LK%d", number), .parts = parts, .n_parts = 3};
    *(inpatient ? &m->n_in : &m->n_out) += 1;
    assert_ok(settle_sum_add(sum, &claim));
}

static size_t column(const SettleTable *t, const char *id) {
    size_t i = 0;
    while (strcmp(t->columns[i].id, id) != 0) {
        i++;
        assert_true(i < t->n_columns);
    }
    return i;
}

static int64_t total(SettleSum *s, SettleForm form, const char *id) {
    const SettleTable *t = settle_sum_table(s, form);
    return settle_table_total(t, column(t, id));
}

static int64_t both(SettleSum *s, const char *id) {
    return total(s, SETTLE_OUTPATIENT, id) + total(s, SETTLE_INPATIENT, id);
}

static void expect_sums(SettleSum *s, const Made *m) {
    int64_t all = 0;
    int64_t asked = 0;
    int64_t of[3] = {0, 0, 0}; /* drugs, supplies, services */
    for (int g = 0; g < 20; g++) {
        bool drug = (g >= 4 && g <= 7) || g == 17;
        all += m->amount[g];
        asked += m->asked[g];
        of[g == 10 || g == 11 ? 1 : 2] += drug ? 0 : m->amount[g];
    }
    of[0] = all - of[1] - of[2];
    assert_int_equal(both(s, "total"), all);
    assert_int_equal(both(s, "asked"), asked);
    assert_int_equal(total(s, SETTLE_SUPPLIES, "amount"), of[1]);
    /* groups of drugs that a service table carries by mistake stay services */
    assert_int_equal(total(s, SETTLE_DRUGS, "amount") + total(s, SETTLE_SERVICES, "amount"),
                     of[0] + of[2]);
    int64_t items = 0;
    for (SettleForm f = SETTLE_DRUGS; f < SETTLE_FORMS; f++) {
        items += total(s, f, "asked");
    }
    assert_int_equal(items, asked);
    assert_int_equal(total(s, SETTLE_DRUGS, "out") + total(s, SETTLE_DRUGS, "in"),
                     m->drug_quantity);
    int64_t groups = 0;
    static const char *const ids[] = {"lab",        "imaging",   "drugs",    "blood",
                                      "procedures", "rate",      "supplies", "exams",
                                      "beds",       "transport", "other"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        groups += both(s, ids[i]);
    }
    assert_int_equal(groups, all);
    assert_int_equal(both(s, "lab"), m->amount[1]);
    assert_int_equal(both(s, "beds"), m->amount[14] + m->amount[15] + m->amount[16]);
    assert_int_equal(settle_sum_table(s, SETTLE_INPATIENT)->n_rows, m->n_in);
    assert_int_equal(settle_sum_table(s, SETTLE_OUTPATIENT)->n_rows, m->n_out);
}

static void forms_add_up_to_the_visits(void **state) {
    (void)state;
    Random r;
    random_init(&r, 7);
    for (int round = 0; round < 40; round++) {
        CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
        Made m = {.arena = arena, .r = &r};
        SettleSum *s = NULL;
        assert_ok(settle_sum_new(arena, &s));
        for (int i = 0; i < round * 5; i++) {
            add_visit(&m, s, i);
        }
        expect_sums(s, &m);
    }
}

/* What a sheet's last row says is what the table says; the same in JSON. */
static void printed_totals_are_the_totals(void **state) {
    (void)state;
    Random r;
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    Made m = {.arena = arena, .r = &r};
    SettleSum *s = NULL;
    random_init(&r, 11);
    assert_ok(settle_sum_new(arena, &s));
    for (int i = 0; i < 30; i++) {
        add_visit(&m, s, i);
    }
    for (SettleForm f = 0; f < SETTLE_FORMS; f++) {
        SettleTable *t = settle_sum_table(s, f);
        size_t asked = column(t, "asked");
        for (SheetKind kind = SHEET_WRITE_CSV; kind <= SHEET_WRITE_XLSX; kind++) {
            CLEANUP_BUF Buf out;
            CLEANUP_SHEET Sheet *sheet = NULL;
            SheetRow row;
            int64_t last = -1;
            size_t n = 0;
            buf_init(&out, 64 * LIMIT_MIB);
            assert_ok(settle_table_sheet(t, true, kind, &out));
            assert_ok(sheet_open(buf_str(&out), NULL, &sheet, NULL));
            while (sheet_next(sheet, &row)) {
                Decimal d;
                if (n++ > 0) {
                    assert_ok(decimal_parse(sheet_cell(&row, asked), &d));
                    assert_ok(decimal_to_scaled(d, 2, &last));
                }
            }
            assert_ok(sheet_ok(sheet, NULL));
            assert_int_equal(n, t->n_rows + 2);
            assert_int_equal(last, settle_table_total(t, asked));
        }
        CLEANUP_BUF Buf json;
        const JsonNode *root = NULL;
        buf_init(&json, 64 * LIMIT_MIB);
        assert_ok(settle_table_json(t, true, &json));
        assert_ok(json_parse(arena, buf_str(&json), &root, NULL));
        assert_int_equal(json_count(json_get_lit(root, "rows")), t->n_rows);
        assert_int_equal(json_count(json_get_lit(root, "totals")), t->n_columns);
    }
}

/* What people wrote is text wherever it is printed. */
static void a_page_carries_no_code(void **state) {
    (void)state;
    Random r;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    Made m = {.arena = arena, .r = &r};
    SettleSum *s = NULL;
    random_init(&r, 1);
    assert_ok(settle_sum_new(arena, &s));
    ClaimPart x = part(&m, 1, 1);
    Str *v = (Str *)x.records[0].values;
    v[XML1_HO_TEN] = STR("<script>alert(1)</script>");
    v[XML1_T_BHTT] = STR("1234567.50");
    v[XML1_T_TONGCHI_BH] = STR("nhiều");
    assert_ok(settle_sum_add(s, &(Claim){.ma_lk = STR("a"), .parts = &x, .n_parts = 1}));
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    const SettleTable *t = settle_sum_table(s, SETTLE_OUTPATIENT);
    assert_ok(settle_table_html(t, true, &out));
    assert_int_equal(str_find(buf_str(&out), STR("<script")), SIZE_MAX);
    assert_int_not_equal(str_find(buf_str(&out), STR("1.234.567,5<")), SIZE_MAX);
    assert_int_equal(t->n_unread, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_add_up_to_the_visits),
        cmocka_unit_test(printed_totals_are_the_totals),
        cmocka_unit_test(a_page_carries_no_code),
    };
    return cmocka_run_group_tests_name("settle/sum", tests, NULL, NULL);
}
