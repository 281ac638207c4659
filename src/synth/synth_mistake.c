/* Claims that the reader takes and a claim rule finds: one mistake a claim, as desks make them. */
#include "synth/synth_row_int.h"

enum { DAY_2024 = 19723, DAY_2025 = 20089 };

typedef struct Mistake {
    const char *family, *rule; /* the file and the rule of data/rules that finds it */
    int table;
    int32_t since;                /* the rule's, days since 1970 */
    bool (*fits)(const Visit *v); /* NULL: always */
    void (*spoil)(Row *r, const Visit *v, Str *f);
} Mistake;

/* ---- which visits can have it ---- */

static bool is_insured(const Visit *v) {
    return (v->person->flags & PERSON_INSURED) != 0;
}

/* The first line of a group, or -1. */
static int line_of(const Visit *v, int from_group, int to_group) {
    for (int i = 0; i < v->n_services; i++) {
        int group = v->services[i].service->group;
        if (group >= from_group && group <= to_group) {
            return i;
        }
    }
    return -1;
}

static bool has_tests(const Visit *v) {
    return line_of(v, 1, 3) >= 0;
}
static bool has_bed(const Visit *v) {
    return line_of(v, 15, 15) >= 0;
}
static bool has_drugs(const Visit *v) {
    return v->n_drugs > 0;
}
static bool has_two_services(const Visit *v) {
    return v->n_services > 1;
}
static bool comes_again(const Visit *v) {
    return v->revisit_days != 0;
}
static bool is_sent_on(const Visit *v) {
    return str_eq(v->object, STR("1.3"));
}

/* ---- what is wrong then ---- */

static Str *service_line(Str *f, int line) {
    return f + (size_t)line * XML3_FIELD_COUNT;
}

static void order_too_early(Row *r, const Visit *v, Str *f) {
    f[XML3_NGAY_YL] = row_time(r, v->in - 1440);
}
static void wrong_product(Row *r, const Visit *v, Str *f) {
    f[XML3_THANH_TIEN_BV] = row_money(r, v->services[0].money.bv + 100000);
}
static void wrong_sum(Row *r, const Visit *v, Str *f) {
    f[XML1_T_THUOC] = row_money(r, v->drugs_total.bv + 500000);
}
static void wrong_level(Row *r, const Visit *v, Str *f) {
    (void)r, (void)v;
    f[XML3_MUC_HUONG] = STR("120");
}
static void card_ran_out(Row *r, const Visit *v, Str *f) {
    f[XML1_GT_THE_DEN] = row_date(r, v->plan->day - 3);
}
static void no_sender(Row *r, const Visit *v, Str *f) {
    (void)r, (void)v;
    f[XML1_MA_NOI_DI] = STR_EMPTY;
}
static void no_performer(Row *r, const Visit *v, Str *f) {
    (void)r;
    service_line(f, line_of(v, 1, 3))[XML3_NGUOI_THUC_HIEN] = STR_EMPTY;
}
static void machine_of_others(Row *r, const Visit *v, Str *f) {
    int line = line_of(v, 1, 3);
    service_line(f, line)[XML3_MA_MAY] =
        ROW_JOIN(r, v->services[line].service->machine, STR(".1.46Z99.MP01"));
}
static void no_bed(Row *r, const Visit *v, Str *f) {
    (void)r;
    service_line(f, line_of(v, 15, 15))[XML3_MA_GIUONG] = STR_EMPTY;
}
static void same_diagnosis_twice(Row *r, const Visit *v, Str *f) {
    (void)r;
    f[XML1_MA_BENH_KT] = v->condition->code;
}
static void no_dose(Row *r, const Visit *v, Str *f) {
    (void)r, (void)v;
    f[XML2_LIEU_DUNG] = STR("uống theo đơn");
}
static void same_number_twice(Row *r, const Visit *v, Str *f) {
    (void)r, (void)v;
    service_line(f, 1)[XML3_STT] = STR("1");
}
static void doctor_by_name(Row *r, const Visit *v, Str *f) {
    (void)r, (void)v;
    f[XML3_MA_BAC_SI] = STR("BS Mai");
}
static void other_day_on_paper(Row *r, const Visit *v, Str *f) {
    f[XML14_NGAY_RA] = row_time(r, v->out - 60);
}

static const Mistake mistakes[SYNTH_MISTAKES] = {
    {"dates", "dich-vu-y-lenh-truoc-vao", 3, DAY_2024, NULL, order_too_early},
    {"money-lines", "dich-vu-thanh-tien-bv", 3, DAY_2024, NULL, wrong_product},
    {"money-sums", "tong-thuoc", 1, DAY_2024, NULL, wrong_sum},
    {"benefit", "dich-vu-muc-huong-ngoai-khoang", 3, DAY_2024, NULL, wrong_level},
    {"card", "the-het-han-truoc-vao", 1, DAY_2024, is_insured, card_ran_out},
    {"card", "chuyen-den-thieu-noi-di", 1, DAY_2025, is_sent_on, no_sender},
    {"groups", "thieu-nguoi-thuc-hien", 3, DAY_2024, has_tests, no_performer},
    {"machines", "may-cua-co-so-khac", 3, DAY_2024, has_tests, machine_of_others},
    {"beds", "giuong-thieu-ma", 3, DAY_2024, has_bed, no_bed},
    {"icd10", "benh-kem-trung-benh-chinh", 1, DAY_2024, NULL, same_diagnosis_twice},
    {"drugs", "lieu-dung-sai-dang", 2, DAY_2024, has_drugs, no_dose},
    {"duplicates", "dich-vu-stt-trung", 3, DAY_2024, has_two_services, same_number_twice},
    {"staff", "bac-si-sai-dang", 3, DAY_2024, NULL, doctor_by_name},
    {"certificates", "hen-khac-ngay-ra", 14, DAY_2024, comes_again, other_day_on_paper},
};

int mistake_draw(const World *w, const PlanVisit *plan) {
    Random r;
    world_random(w, &r, STREAM_MISTAKE, ((uint64_t)plan->person << 16) + plan->number);
    uint64_t draw = random_below(&r, 1000);
    for (int i = 0; i < SYNTH_MISTAKES; i++) {
        if (draw < w->o.mistakes[i]) {
            return plan->day >= mistakes[i].since ? i + 1 : 0;
        }
        draw -= w->o.mistakes[i];
    }
    return 0;
}

bool mistake_fits(int mistake, const Visit *v) {
    const Mistake *m = &mistakes[mistake - 1];
    return m->fits == NULL || m->fits(v);
}

void mistake_spoil(int mistake, int table, Row *r, const Visit *v) {
    if (mistake != 0 && mistakes[mistake - 1].table == table && mistake_fits(mistake, v)) {
        mistakes[mistake - 1].spoil(r, v, r->values);
    }
}

Str synth_mistake_family(int mistake) {
    return str_from(mistakes[mistake - 1].family);
}
Str synth_mistake_rule(int mistake) {
    return str_from(mistakes[mistake - 1].rule);
}

ErrCode synth_mistakes_parse(Str text, uint16_t ret_shares[SYNTH_MISTAKES]) {
    uint16_t shares[SYNTH_MISTAKES] = {0};
    Str one;
    while (str_cut(&text, ',', &one)) {
        size_t equal = str_find_char(one, '=', 0);
        Str name = equal == SIZE_MAX ? STR_EMPTY : str_sub(one, 0, equal);
        Str number = equal == SIZE_MAX ? one : str_sub(one, equal + 1, one.len);
        uint64_t n = 0;
        bool any = false;
        if (str_to_u64(number, &n) != ERR_OK || n > 1000) {
            return ERR_PARAM;
        }
        for (int i = 1; i <= SYNTH_MISTAKES; i++) {
            if (name.len == 0 || str_eq(name, synth_mistake_family(i)) ||
                str_eq(name, synth_mistake_rule(i))) {
                shares[i - 1] = (uint16_t)n;
                any = true;
            }
        }
        if (!any) {
            return ERR_PARAM;
        }
    }
    memcpy(ret_shares, shares, sizeof(shares));
    return ERR_OK;
}
