#include "settle/settle_sum.h"

#include "settle/settle_int.h"

#include "core/decimal.h"

#define MONEY(id, en, vi)                                                                          \
    { id, en, vi, SETTLE_K_MONEY, true, 14 }

/* Columns of a visit; their order is that of `visit_columns`. */
enum {
    V_NUMBER,
    V_IN,
    V_MA_LK,
    V_NAME,
    V_BORN,
    V_SEX,
    V_CARD,
    V_ICD,
    V_OUT,
    V_DAYS,
    V_LAB,
    V_IMAGING,
    V_DRUGS,
    V_BLOOD,
    V_PROCEDURES,
    V_RATE,
    V_SUPPLIES,
    V_EXAMS,
    V_BEDS,
    V_TRANSPORT,
    V_OTHER,
    V_TOTAL_BV,
    V_TOTAL,
    V_COPAY,
    V_SELF,
    V_SOURCES,
    V_ASKED,
    V_COLUMNS
};
static const SettleColumn visit_columns[V_COLUMNS] = {
    {"number", "No.", "STT", SETTLE_K_COUNT, false, 6},
    {"in", "From", "Ngày vào", SETTLE_K_DAY, false, 11},
    {"ma_lk", "MA_LK", "Mã liên kết", SETTLE_K_TEXT, false, 18},
    {"name", "Name", "Họ và tên", SETTLE_K_TEXT, false, 26},
    {"born", "Born", "Năm sinh", SETTLE_K_TEXT, false, 8},
    {"sex", "Sex", "Giới", SETTLE_K_WORD, false, 6},
    {"card", "Card", "Mã thẻ BHYT", SETTLE_K_TEXT, false, 18},
    {"icd", "Diagnosis", "Mã bệnh", SETTLE_K_TEXT, false, 10},
    {"out", "To", "Ngày ra", SETTLE_K_DAY, false, 11},
    {"days", "Days", "Số ngày", SETTLE_K_COUNT, true, 8},
    MONEY("lab", "Laboratory", "Xét nghiệm"),
    MONEY("imaging", "Imaging, functional tests", "CĐHA, TDCN"),
    MONEY("drugs", "Drugs", "Thuốc"),
    MONEY("blood", "Blood", "Máu"),
    MONEY("procedures", "Surgery, procedures", "Phẫu thuật, thủ thuật"),
    MONEY("rate", "Services paid by rate", "DVKT theo tỷ lệ"),
    MONEY("supplies", "Supplies", "Vật tư y tế"),
    MONEY("exams", "Examinations", "Khám bệnh"),
    MONEY("beds", "Beds", "Ngày giường"),
    MONEY("transport", "Transport", "Vận chuyển"),
    MONEY("other", "Others", "Khác"),
    MONEY("total_bv", "Total cost", "Tổng chi phí"),
    MONEY("total", "Within insurance", "Trong phạm vi BHYT"),
    MONEY("copay", "Co-payment", "Cùng chi trả"),
    MONEY("self", "Paid by patient", "Người bệnh tự trả"),
    MONEY("sources", "Other sources", "Nguồn khác"),
    MONEY("asked", "Asked of the fund", "Đề nghị BHXH thanh toán"),
};

static const SettleWord sexes[] = {{"", ""}, {"male", "Nam"}, {"female", "Nữ"}};
static const SettleWord *const visit_words[V_COLUMNS] = {[V_SEX] = sexes};

/* Columns of an item. */
enum {
    I_NUMBER,
    I_CODE,
    I_NAME,
    I_ONE,
    I_TWO,
    I_THREE,
    I_UNIT,
    I_PRICE,
    I_RATE,
    I_OUT,
    I_IN,
    I_AMOUNT,
    I_ASKED,
    I_COLUMNS
};
#define ITEM_COLUMNS(one, one_en, one_vi, two, two_en, two_vi, three, three_en, three_vi)          \
    {"number", "No.", "STT", SETTLE_K_COUNT, false, 6},                                            \
        {"code", "Code", "Mã", SETTLE_K_TEXT, false, 18},                                          \
        {"name", "Name", "Tên", SETTLE_K_TEXT, false, 40},                                         \
        {one, one_en, one_vi, SETTLE_K_TEXT, false, 16},                                           \
        {two, two_en, two_vi, SETTLE_K_TEXT, false, 16},                                           \
        {three, three_en, three_vi, SETTLE_K_TEXT, false, 10},                                     \
        {"unit", "Unit", "Đơn vị tính", SETTLE_K_TEXT, false, 10},                                 \
        {"price", "Price", "Đơn giá", SETTLE_K_QUANTITY, false, 14},                               \
        {"rate", "Paid %", "Tỷ lệ %", SETTLE_K_QUANTITY, false, 8},                                \
        {"out", "Quantity, outpatients", "Số lượng ngoại trú", SETTLE_K_QUANTITY, true, 12},       \
        {"in", "Quantity, inpatients", "Số lượng nội trú", SETTLE_K_QUANTITY, true, 12},           \
        MONEY("amount", "Amount", "Thành tiền"),                                                   \
        MONEY("asked", "Asked of the fund", "Đề nghị BHXH thanh toán")
static const SettleColumn drug_columns[I_COLUMNS] = {
    ITEM_COLUMNS("strength", "Strength", "Hàm lượng", "registration", "Registration", "Số đăng ký",
                 "route", "Route", "Đường dùng")};
static const SettleColumn supply_columns[I_COLUMNS] = {ITEM_COLUMNS(
    "model", "Model", "Ký hiệu", "bid", "Bid", "Thông tin thầu", "group", "Group", "Nhóm")};
static const SettleColumn service_columns[I_COLUMNS] = {ITEM_COLUMNS(
    "group_name", "Kind", "Loại", "with", "Supply", "Vật tư kèm", "group", "Group", "Nhóm")};

struct SettleSum {
    Arena *arena;
    SettleTable tables[SETTLE_FORMS];
    bool sorted;
};

static const struct {
    const char *id, *en, *vi;
    const SettleColumn *columns;
    size_t n_columns;
} forms[SETTLE_FORMS] = {
    [SETTLE_OUTPATIENT] = {"outpatient", "Outpatient visits", "Khám chữa bệnh ngoại trú",
                           visit_columns, V_COLUMNS},
    [SETTLE_INPATIENT] = {"inpatient", "Inpatient stays", "Khám chữa bệnh nội trú", visit_columns,
                          V_COLUMNS},
    [SETTLE_DRUGS] = {"drugs", "Drugs", "Thuốc", drug_columns, I_COLUMNS},
    [SETTLE_SUPPLIES] = {"supplies", "Supplies", "Vật tư y tế", supply_columns, I_COLUMNS},
    [SETTLE_SERVICES] = {"services", "Services", "Dịch vụ kỹ thuật", service_columns, I_COLUMNS},
};

Str settle_form_id(SettleForm form) {
    return str_from(forms[form].id);
}

ErrCode settle_sum_new(Arena *arena, SettleSum **ret_sum) {
    SettleSum *s = arena_calloc(arena, 1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->arena = arena;
    for (size_t i = 0; i < SETTLE_FORMS; i++) {
        s->tables[i] = (SettleTable){.arena = arena,
                                     .id = forms[i].id,
                                     .en = forms[i].en,
                                     .vi = forms[i].vi,
                                     .columns = forms[i].columns,
                                     .n_columns = forms[i].n_columns,
                                     .words = i <= SETTLE_INPATIENT ? visit_words : NULL};
    }
    *ret_sum = s;
    return ERR_OK;
}

bool settle_is_inpatient(Str ma_loai_kcb) {
    static const char *const stays[] = {"03", "04", "06", "09"};
    for (size_t i = 0; i < ARRAY_LEN(stays); i++) {
        if (str_eq(ma_loai_kcb, str_from(stays[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

static int64_t money(SettleTable *t, Str text) {
    int64_t amount = 0;
    if (settle_parse_money(text, &amount) != ERR_OK) {
        t->n_unread++;
        return 0;
    }
    return amount;
}

/* Thousandths; of a price or a quantity. */
static int64_t thousandths(SettleTable *t, Str text) {
    Decimal d;
    int64_t n = 0;
    text = str_trim(text);
    if (text.len == 0) {
        return 0;
    }
    if (decimal_parse(text, &d) != ERR_OK ||
        decimal_to_scaled(decimal_round(d, 3), 3, &n) != ERR_OK || n > SETTLE_MONEY_MAX ||
        n < -SETTLE_MONEY_MAX) {
        t->n_unread++;
        return 0;
    }
    return n;
}

static int64_t day(Str text) {
    Civil c;
    if (time_parse_claim(text, &c) != ERR_OK || c.month == 0 || c.day == 0) {
        return INT64_MIN;
    }
    return time_days_from_civil(c.year, c.month, c.day);
}

static int group_of(Str text) {
    uint64_t n = 0;
    return str_to_u64(str_trim(text), &n) == ERR_OK && n < 100 ? (int)n : 0;
}

static size_t group_column(int group) {
    static const uint8_t columns[20] = {
        [1] = V_LAB,    [2] = V_IMAGING,     [3] = V_IMAGING,   [4] = V_DRUGS,
        [5] = V_DRUGS,  [6] = V_DRUGS,       [7] = V_BLOOD,     [8] = V_PROCEDURES,
        [9] = V_RATE,   [10] = V_SUPPLIES,   [11] = V_SUPPLIES, [12] = V_TRANSPORT,
        [13] = V_EXAMS, [14] = V_BEDS,       [15] = V_BEDS,     [16] = V_BEDS,
        [17] = V_BLOOD, [18] = V_PROCEDURES,
    };
    size_t column = group > 0 && group < (int)ARRAY_LEN(columns) ? columns[group] : 0;
    return column == 0 ? V_OTHER : column;
}

/* ---- items ---- */

typedef struct Item {
    SettleForm form;
    Str texts[I_UNIT + 1]; /* I_CODE … I_UNIT */
    Str price, rate, quantity, amount, asked;
} Item;

static ErrCode add_item(SettleSum *s, const Item *item, bool inpatient) {
    SettleTable *t = &s->tables[item->form];
    SettleCell key[I_COLUMNS] = {{.n = 0}};
    SettleCell *row = NULL;
    for (size_t i = I_CODE; i <= I_UNIT; i++) {
        key[i].text = str_trim(item->texts[i]);
    }
    key[I_PRICE].n = thousandths(t, item->price);
    key[I_RATE].n = thousandths(t, item->rate);
    TRY(settle_table_group(t, key, I_RATE, &row));
    settle_add(&row[inpatient ? I_IN : I_OUT].n, thousandths(t, item->quantity));
    settle_add(&row[I_AMOUNT].n, money(t, item->amount));
    settle_add(&row[I_ASKED].n, money(t, item->asked));
    return ERR_OK;
}

static Item drug_of(const Str *v) {
    return (Item){.form = SETTLE_DRUGS,
                  .texts = {[I_CODE] = v[XML2_MA_THUOC],
                            [I_NAME] = v[XML2_TEN_THUOC],
                            [I_ONE] = v[XML2_HAM_LUONG],
                            [I_TWO] = v[XML2_SO_DANG_KY],
                            [I_THREE] = v[XML2_DUONG_DUNG],
                            [I_UNIT] = v[XML2_DON_VI_TINH]},
                  .price = v[XML2_DON_GIA],
                  .rate = v[XML2_TYLE_TT_BH],
                  .quantity = v[XML2_SO_LUONG],
                  .amount = v[XML2_THANH_TIEN_BH],
                  .asked = v[XML2_T_BHTT]};
}

static Item service_of(const Str *v) {
    int group = group_of(v[XML3_MA_NHOM]);
    bool supply = group == 10 || group == 11 ||
                  (str_trim(v[XML3_MA_DICH_VU]).len == 0 && str_trim(v[XML3_MA_VAT_TU]).len > 0);
    Item i = {.form = supply ? SETTLE_SUPPLIES : SETTLE_SERVICES,
              .texts = {[I_CODE] = v[supply ? XML3_MA_VAT_TU : XML3_MA_DICH_VU],
                        [I_NAME] = v[supply ? XML3_TEN_VAT_TU : XML3_TEN_DICH_VU],
                        [I_ONE] = supply ? v[XML3_MA_HIEU_SP] : STR_EMPTY,
                        [I_TWO] = supply ? v[XML3_TT_THAU] : v[XML3_MA_VAT_TU],
                        [I_THREE] = v[XML3_MA_NHOM],
                        [I_UNIT] = v[XML3_DON_VI_TINH]},
              .price = v[XML3_DON_GIA_BH],
              .rate = v[XML3_TYLE_TT_BH],
              .quantity = v[XML3_SO_LUONG],
              .amount = v[XML3_THANH_TIEN_BH],
              .asked = v[XML3_T_BHTT]};
    if (!supply) {
        i.texts[I_ONE] = str_from(visit_columns[group_column(group)].vi);
    }
    return i;
}

static ErrCode add_lines(SettleSum *s, const Claim *claim, bool inpatient, SettleCell *groups) {
    for (int p = 0; p < claim->n_parts; p++) {
        const ClaimPart *part = &claim->parts[p];
        int table = part->table->number;
        for (int r = 0; r < part->n_records && (table == 2 || table == 3); r++) {
            const Str *v = part->records[r].values;
            Item item = table == 2 ? drug_of(v) : service_of(v);
            int group = group_of(v[table == 2 ? (int)XML2_MA_NHOM : (int)XML3_MA_NHOM]);
            settle_add(&groups[group_column(group)].n, money(&s->tables[item.form], item.amount));
            TRY(add_item(s, &item, inpatient));
        }
    }
    return ERR_OK;
}

/* ---- visits ---- */

static void fill_visit(SettleSum *s, SettleTable *t, const Claim *claim, SettleCell *row) {
    static const struct {
        int column, field;
    } amounts[] = {{V_TOTAL_BV, XML1_T_TONGCHI_BV}, {V_TOTAL, XML1_T_TONGCHI_BH},
                   {V_COPAY, XML1_T_BNCCT},         {V_SELF, XML1_T_BNTT},
                   {V_SOURCES, XML1_T_NGUONKHAC},   {V_ASKED, XML1_T_BHTT}};
    uint64_t days = 0;
    Str sex = claim_value(claim, 1, XML1_GIOI_TINH);
    Str born = claim_value(claim, 1, XML1_NGAY_SINH);
    row[V_IN].n = day(claim_value(claim, 1, XML1_NGAY_VAO));
    row[V_OUT].n = day(claim_value(claim, 1, XML1_NGAY_RA));
    row[V_MA_LK].text = arena_str(s->arena, claim->ma_lk);
    row[V_NAME].text = arena_str(s->arena, claim_value(claim, 1, XML1_HO_TEN));
    row[V_BORN].text = arena_str(s->arena, str_sub(born, 0, MIN(born.len, (size_t)4)));
    row[V_SEX].n = str_eq(sex, STR("1")) ? 1 : str_eq(sex, STR("2")) ? 2 : 0;
    row[V_CARD].text = arena_str(s->arena, claim_value(claim, 1, XML1_MA_THE_BHYT));
    row[V_ICD].text = arena_str(s->arena, claim_value(claim, 1, XML1_MA_BENH_CHINH));
    if (str_to_u64(str_trim(claim_value(claim, 1, XML1_SO_NGAY_DTRI)), &days) == ERR_OK &&
        days < 100000) {
        row[V_DAYS].n = (int64_t)days;
    }
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        row[amounts[i].column].n = money(t, claim_value(claim, 1, amounts[i].field));
    }
}

ErrCode settle_sum_add(SettleSum *sum, const Claim *claim) {
    bool inpatient = settle_is_inpatient(str_trim(claim_value(claim, 1, XML1_MA_LOAI_KCB)));
    SettleTable *t = &sum->tables[inpatient ? SETTLE_INPATIENT : SETTLE_OUTPATIENT];
    SettleCell *row = NULL;
    assert(!sum->sorted);
    TRY(settle_table_row(t, &row));
    fill_visit(sum, t, claim, row);
    TRY(add_lines(sum, claim, inpatient, row));
    return arena_failed(sum->arena) ? ERR_NOMEM : ERR_OK;
}

SettleTable *settle_sum_table(SettleSum *sum, SettleForm form) {
    for (size_t i = 0; i < SETTLE_FORMS && !sum->sorted; i++) {
        settle_table_sort(&sum->tables[i],
                          i <= SETTLE_INPATIENT ? (size_t)V_MA_LK : (size_t)I_RATE);
    }
    sum->sorted = true;
    return &sum->tables[form];
}

/* ---- figures ---- */

ErrCode settle_sum_figures(SettleSum *sum, SettleFigure ret[SETTLE_FIGURES_MAX], size_t *ret_n) {
    static const uint8_t of_visits[] = {V_TOTAL_BV, V_TOTAL, V_COPAY, V_SELF, V_SOURCES, V_ASKED};
    static const uint8_t of_items[] = {I_AMOUNT, I_ASKED};
    size_t n = 0;
    for (SettleForm f = 0; f < SETTLE_FORMS; f++) {
        const SettleTable *t = &sum->tables[f];
        bool visits = f <= SETTLE_INPATIENT;
        const uint8_t *columns = visits ? of_visits : of_items;
        size_t n_columns = visits ? ARRAY_LEN(of_visits) : ARRAY_LEN(of_items);
        ret[n++] = (SettleFigure){
            .id = arena_printf(sum->arena, "%s.%s", t->id, visits ? "visits" : "items"),
            .en = visits ? "visits" : "items",
            .vi = visits ? "lượt" : "mục",
            .kind = SETTLE_K_COUNT,
            .value = (int64_t)t->n_rows};
        for (size_t i = 0; i < n_columns; i++) {
            const SettleColumn *c = &t->columns[columns[i]];
            assert(n < SETTLE_FIGURES_MAX);
            ret[n++] = (SettleFigure){.id = arena_printf(sum->arena, "%s.%s", t->id, c->id),
                                      .en = c->en,
                                      .vi = c->vi,
                                      .kind = SETTLE_K_MONEY,
                                      .value = settle_table_total(t, columns[i])};
        }
    }
    *ret_n = n;
    return arena_failed(sum->arena) ? ERR_NOMEM : ERR_OK;
}
