/* The law of the way back: claim_unmap(claim_map(x)) = x, value by value, whatever x is. */
#include "unit/test.h"

#include "interop/claim_unmap.h"
#include "unit/interop/claim_make.h"

enum { LINES = 4, DOCUMENTS = 17, CERTIFICATE = 7 };

/* A claim of all tables with every field filled, LINES records in the lists, XML7 twice. */
typedef struct Made {
    Claim claim;
    ClaimPart parts[DOCUMENTS];
    ClaimRecord records[DOCUMENTS][LINES];
    Str *values[DOCUMENTS][LINES];
} Made;

/* XML1–XML5 stand at their own number - 1. */
static Str *row(Made *k, int table, int record) {
    return k->values[table - 1][record];
}

static void add_part(Made *k, Arena *a, const ClaimTable *t, unsigned seed) {
    int at = k->claim.n_parts++;
    int n = str_eq(t->root, t->record) ? 1 : LINES;
    for (int r = 0; r < n; r++) {
        k->values[at][r] = make_record(a, t, seed + 31 * (unsigned)r + (unsigned)at);
        if (str_eq(t->fields[1].name, STR("STT"))) {
            k->values[at][r][1] = arena_printf(a, "%d", r + 1);
        }
        k->records[at][r] = (ClaimRecord){.values = k->values[at][r]};
    }
    k->parts[at] = (ClaimPart){.table = t, .records = k->records[at], .n_records = n};
}

static void made_init(Made *k, Arena *a, unsigned seed) {
    *k = (Made){.claim = {.facility = STR("46001"), .ma_lk = STR("MALK-1"), .parts = k->parts}};
    for (int t = 1; t < CLAIM_TABLES; t++) {
        if (claim_table(t) != NULL) {
            add_part(k, a, claim_table(t), seed);
        }
        if (t == CERTIFICATE) {
            add_part(k, a, claim_table(t), seed + 1000);
        }
    }
    row(k, 3, 0)[XML3_MA_NHOM] = STR("1");
    row(k, 3, 1)[XML3_MA_NHOM] = STR("8");
    row(k, 3, 2)[XML3_MA_NHOM] = STR("10");
    row(k, 3, 3)[XML3_MA_NHOM] = STR("13");
}

/* Tables that are kept whole are read from their bytes: these must be what the records say. */
static void write_documents(Made *k, Arena *a) {
    for (int i = 0; i < k->claim.n_parts; i++) {
        ClaimPart *p = &k->parts[i];
        CLEANUP_BUF Buf xml;
        buf_init(&xml, 64 << 20);
        size_t n = (size_t)p->table->n_fields;
        Str *all = arena_new_array(a, Str, n * (size_t)p->n_records);
        for (int r = 0; r < p->n_records; r++) {
            memcpy(all + n * (size_t)r, k->values[i][r], n * sizeof(Str));
        }
        claim_write_table(&xml, p->table, all, (size_t)p->n_records);
        p->xml = arena_str(a, buf_str(&xml));
    }
}

static void say(const ClaimTable *t, int record, int field, Str want, Str got) {
    print_error(STR_FMT "[%d]." STR_FMT ": want '" STR_FMT "', got '" STR_FMT "'\n",
                STR_ARG(t->name), record + 1, STR_ARG(t->fields[field].name),
                (int)MIN(want.len, (size_t)200), want.ptr, (int)MIN(got.len, (size_t)200), got.ptr);
}

static void check_same(const Claim *want, const Claim *got) {
    assert_str(got->facility, want->facility);
    assert_str(got->ma_lk, want->ma_lk);
    assert_int_equal(got->n_parts, want->n_parts);
    bool same = true;
    for (int p = 0; p < want->n_parts; p++) {
        const ClaimPart *w = &want->parts[p];
        const ClaimPart *g = &got->parts[p];
        assert_ptr_equal(g->table, w->table);
        assert_int_equal(g->n_records, w->n_records);
        for (int r = 0; r < w->n_records; r++) {
            for (int f = 0; f < w->table->n_fields; f++) {
                if (!str_eq(w->records[r].values[f], g->records[r].values[f])) {
                    say(w->table, r, f, w->records[r].values[f], g->records[r].values[f]);
                    same = false;
                }
            }
        }
    }
    assert_true(same);
}

static void there_and_back(Made *k, Arena *a) {
    ClaimGroup g;
    Claim back;
    ErrInfo info = {0};
    write_documents(k, a);
    assert_ok(claim_map(a, &k->claim, &g));
    assert_ok(claim_unmap_group(a, &g, &back, &info));
    check_same(&k->claim, &back);
}

/* What senders write, what they should not, and what FHIR cannot carry as it is. */
static const char *const odd[] = {
    "",
    "x",
    " x",
    "x ",
    "  ",
    "A;B",
    "A;;B",
    "A; B",
    ";",
    ";A",
    "A00;A00",
    "J18.9;A00;J18.9",
    "A\tB",
    "A\nB",
    "a  b",
    "a b",
    "A\r\nB",
    "0",
    "1",
    "2",
    "5",
    "007.50",
    "1.50",
    "-0",
    "-1",
    "1e3",
    "12345678901234567890.123456789012345",
    "<5",
    "< 5",
    ">=12,5",
    "1,5",
    "1,234",
    "1.234,5",
    "202611200800",
    "20261120",
    "202611000000",
    "202600000000",
    "202613450000",
    "202611202460",
    "2026-11-20",
    "000101010000",
    "99991231",
    "?",
    "Nguyễn Thị Ánh",
    "Nguye\u0302\u0303n",
    "\u202Eabc\u202C",
    "\U0001F489\uFFFD\u00A0",
    "\"\\/&<>'",
    "000001/HUE-CCHN",
    "000001-HUE-CCHN",
    "a/b/c",
    "000001/HUE-CCHN;000002/HUE-CCHN",
    "Đ",
    "~",
    "Patient/~",
    "Encounter/~2",
    "\"reference\":\"Patient/~\"",
    "A|B",
    "|",
    "null",
    "https://nhip.vn/fhir/claim#xml4/1",
    "DN4460000000001;GD4460000000002",
};

static Str odd_value(Arena *a, size_t i) {
    if (i < ARRAY_LEN(odd)) {
        return str_from(odd[i]);
    }
    Buf b;
    buf_init(&b, 1 << 20);
    for (int k = 0; k < 90; k++) { /* a list longer than the mapping cuts, a text without an end */
        buf_printf(&b, i % 2 == 0 ? "%sC%02d" : "%sdài %d ", i % 2 == 0 && k > 0 ? ";" : "", k);
    }
    Str s = arena_str(a, buf_str(&b));
    buf_release(&b);
    return s;
}

enum { ODD = ARRAY_LEN(odd) + 2 };

/* What the reader refuses cannot come: the key is one and the lines are numbered. */
static bool is_fixed(const ClaimTable *t, int field, Str value) {
    bool numbered = t->number > 1 && field == 1 && str_eq(t->fields[1].name, STR("STT"));
    return field == 0 || (numbered && value.len == 0);
}

static void a_claim_comes_back(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        Arena *a = arena_new(256 << 20);
        Made k;
        made_init(&k, a, seed * 7);
        there_and_back(&k, a);
        arena_free(a);
    }
}

/* The visit and one other part. */
static void narrow(Made *k, int part) {
    k->claim.n_parts = part == 0 ? 1 : 2;
    if (part > 1) {
        k->parts[1] = k->parts[part];
        memcpy(k->values[1], k->values[part], sizeof(k->values[1]));
    }
}

static void try_field(Arena *a, int part, int record, int field) {
    Made k;
    arena_reset(a);
    made_init(&k, a, 3);
    narrow(&k, part);
    int at = MIN(part, 1);
    size_t step = part < 5 ? 1 : 7; /* certificates are kept as they came */
    for (size_t i = 0; i < ODD; i += step) {
        Str *v = &k.values[at][record][field];
        Str before = *v;
        if (!is_fixed(k.parts[at].table, field, odd_value(a, i))) {
            *v = odd_value(a, i);
            there_and_back(&k, a);
            *v = before;
        }
    }
}

static void every_field_comes_back(void **state) {
    (void)state;
    Arena *a = arena_new(512 << 20);
    Made shape;
    Arena *shapes = arena_new(64 << 20);
    made_init(&shape, shapes, 3);
    for (int p = 0; p < shape.claim.n_parts; p++) {
        for (int f = 0; f < shape.parts[p].table->n_fields; f++) {
            for (int r = 0; r < (p == 2 ? LINES : 1); r++) {
                try_field(a, p, r, f);
            }
        }
    }
    arena_free(shapes);
    arena_free(a);
}

static void mix(Made *k, Arena *a, uint64_t *dice, unsigned odds) {
    for (int p = 0; p < k->claim.n_parts; p++) {
        const ClaimTable *t = k->parts[p].table;
        for (int i = 0; i < t->n_fields * k->parts[p].n_records; i++) {
            *dice = *dice * 6364136223846793005U + 1442695040888963407U;
            bool is_empty = (*dice >> 57 & 3) == 0;
            Str value = is_empty ? STR_EMPTY : odd_value(a, (size_t)(*dice >> 33) % ODD);
            int f = i % t->n_fields;
            if (*dice >> 60 < odds && !is_fixed(t, f, value)) {
                k->values[p][i / t->n_fields][f] = value;
            }
        }
    }
}

/* Results of one report, some of them its text. */
static void mix_results(Made *k, uint64_t dice) {
    static const int numbers[] = {XML4_MA_CHI_SO, XML4_TEN_CHI_SO, XML4_GIA_TRI, XML4_DON_VI_DO};
    for (int r = 0; r < LINES; r++) {
        Str *v = row(k, 4, r);
        for (size_t i = 0; i < ARRAY_LEN(numbers) && (dice >> (20 + 3 * r) & 1) != 0; i++) {
            v[numbers[i]] = STR_EMPTY;
        }
        if ((dice >> (21 + 3 * r) & 1) != 0) {
            v[XML4_MA_DICH_VU] = row(k, 4, 0)[XML4_MA_DICH_VU];
            v[XML4_NGAY_KQ] = row(k, 4, 0)[XML4_NGAY_KQ];
        }
    }
}

/* Many values odd or empty, in many mixtures. */
static void mixtures_come_back(void **state) {
    (void)state;
    Arena *a = arena_new(512 << 20);
    uint64_t dice = 12345;
    for (unsigned round = 0; round < 800; round++) {
        Made k;
        arena_reset(a);
        made_init(&k, a, round);
        k.claim.n_parts = 5;
        mix(&k, a, &dice, round % 16);
        mix_results(&k, dice);
        k.claim.facility = round % 5 == 0 ? odd_value(a, (size_t)(dice >> 33) % ODD) : STR("46001");
        there_and_back(&k, a);
    }
    arena_free(a);
}

/* The pages of the annexes: the largest that each field may carry. */
static void full_fields_come_back(void **state) {
    (void)state;
    Arena *a = arena_new(512 << 20);
    Made k;
    made_init(&k, a, 1);
    for (int p = 0; p < k.claim.n_parts; p++) {
        const ClaimTable *t = k.parts[p].table;
        for (int f = 1; f < t->n_fields; f++) {
            size_t n = t->fields[f].maxlen > 0 ? (size_t)t->fields[f].maxlen : 20000;
            char *text = arena_alloc(a, n);
            memset(text, t->fields[f].kind == CLAIM_S ? 'W' : '9', n);
            k.values[p][0][f] = (Str){text, n};
        }
    }
    there_and_back(&k, a);
    arena_free(a);
}

static void a_check_in_comes_back(void **state) {
    (void)state;
    Arena *a = arena_new(64 << 20);
    for (size_t i = 0; i < ODD; i++) {
        for (int f = 1; f < claim_table(0)->n_fields; f++) {
            Made k = {
                .claim = {.facility = STR("46001"), .ma_lk = STR("MALK-1"), .parts = k.parts}};
            arena_reset(a);
            add_part(&k, a, claim_table(0), 5);
            k.records[0][0].values = k.values[0][0];
            k.values[0][0][f] = odd_value(a, i);
            k.parts[0].n_records = 1;
            k.claim.facility = k.values[0][0][XML0_MA_CSKCB];
            there_and_back(&k, a);
        }
    }
    arena_free(a);
}

/* ---- what was changed through FHIR since shows */

typedef struct Change {
    const char *role, *from, *to; /* in the resource of that role */
    int table, field;
    const char *want; /* of the first record */
} Change;

static const Change changes[] = {
    {"encounter", "2026-11-20T08:00:00+07:00", "2026-11-20T01:30:00Z", 1, XML1_NGAY_VAO,
     "202611200830"},
    {"encounter", "Đau đầu", "Sốt cao", 1, XML1_LY_DO_VV, "Sốt cao"},
    {"encounter", "khoa-46001-K01", "khoa-46001-K02", 1, XML1_MA_KHOA, "K02"},
    {"condition/J18.9", "\"J18.9\"", "\"J18.0\"", 1, XML1_MA_BENH_CHINH, "J18.0"},
    {"claim", "\"value\":250.00", "\"value\":300.00", 1, XML1_T_TONGCHI_BV, "300.00"},
    {"claim", "\"valueString\":\"Nguyễn Văn A\"", "\"valueString\":\"Nguyễn Văn B\"", 1,
     XML1_HO_TEN, "Nguyễn Văn B"},
    {"xml2/1", "cchn-000001-HUE-CCHN", "cchn-000002-HUE-CCHN", 2, XML2_MA_BAC_SI,
     "000002/HUE-CCHN"},
    {"xml2/1", "Uống sau ăn", "Uống trước ăn", 2, XML2_LIEU_DUNG, "Uống trước ăn"},
    {"xml3/1/order", "Công thức máu", "Tổng phân tích máu", 3, XML3_TEN_DICH_VU,
     "Tổng phân tích máu"},
    {"xml4/1", "\"value\":5.50", "\"value\":6.00", 4, XML4_GIA_TRI, "6.00"},
    {"xml5/1", "Tỉnh", "Mệt", 5, XML5_DIEN_BIEN_LS, "Mệt"},
};

static void init_changes(Made *k, Arena *a) {
    made_init(k, a, 9);
    k->claim.n_parts = 5;
    Str *v = row(k, 1, 0);
    v[XML1_NGAY_VAO] = STR("202611200800");
    v[XML1_LY_DO_VV] = STR("Đau đầu");
    v[XML1_MA_KHOA] = STR(" K01");
    v[XML1_MA_BENH_CHINH] = STR("J18.9");
    v[XML1_T_TONGCHI_BV] = STR("250.00");
    v[XML1_HO_TEN] = STR("Nguyễn Văn A");
    row(k, 2, 0)[XML2_MA_BAC_SI] = STR("000001/HUE-CCHN;000003/HUE-CCHN");
    row(k, 2, 0)[XML2_LIEU_DUNG] = STR("Uống sau ăn");
    row(k, 3, 0)[XML3_TEN_DICH_VU] = STR("Công thức máu");
    row(k, 4, 0)[XML4_GIA_TRI] = STR(" 5.50");
    row(k, 5, 0)[XML5_DIEN_BIEN_LS] = STR("Tỉnh");
}

static Str replaced(Arena *a, Str text, Str from, Str to) {
    size_t at = str_find(text, from);
    assert_int_not_equal(at, SIZE_MAX);
    return arena_join(a, (Str[]){str_sub(text, 0, at), to, str_sub(text, at + from.len, text.len)},
                      3);
}

static void what_fhir_changed_shows(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        const Change *c = &changes[i];
        Arena *a = arena_new(64 << 20);
        Made k;
        ClaimGroup g;
        Claim back;
        bool found = false;
        init_changes(&k, a);
        assert_ok(claim_map(a, &k.claim, &g));
        for (size_t r = 0; r < g.n_resources; r++) {
            ClaimResource *at = (ClaimResource *)(uintptr_t)&g.resources[r];
            if (str_eq(at->role, str_from(c->role))) {
                at->json = replaced(a, at->json, str_from(c->from), str_from(c->to));
                found = true;
            }
        }
        assert_true(found);
        assert_ok(claim_unmap_group(a, &g, &back, NULL));
        row(&k, c->table, 0)[c->field] = str_from(c->want);
        check_same(&k.claim, &back);
        arena_free(a);
    }
}

static void without_a_visit_there_is_no_claim(void **state) {
    (void)state;
    Arena *a = arena_new(1 << 20);
    Claim back;
    ErrInfo info = {0};
    assert_int_equal(claim_unmap(a, NULL, 0, &back, &info), ERR_NOT_FOUND);
    assert_string_equal(info.rule, "claim-none");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_comes_back),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(mixtures_come_back),
        cmocka_unit_test(full_fields_come_back),
        cmocka_unit_test(a_check_in_comes_back),
        cmocka_unit_test(what_fhir_changed_shows),
        cmocka_unit_test(without_a_visit_there_is_no_claim),
    };
    return cmocka_run_group_tests_name("interop/claim_unmap", tests, NULL, NULL);
}
