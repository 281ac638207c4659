/* XML1 to XML5: the visit, its lines, results and notes. */
#include "core/time.h"
#include "synth/synth_row_int.h"

static void money6(Row *r, const Visit *v, const Money *m, Str *f) {
    f[XML1_T_TONGCHI_BV] = row_money(r, v->total.bv);
    f[XML1_T_TONGCHI_BH] = row_money(r, m->bh);
    f[XML1_T_BNTT] = row_money(r, m->bntt);
    f[XML1_T_BNCCT] = row_money(r, m->bncct);
    f[XML1_T_BHTT] = row_money(r, m->bhtt);
    f[XML1_T_NGUONKHAC] = row_money(r, m->other);
    f[XML1_T_BHTT_GDV] = f[XML1_T_BHTT];
    f[XML1_T_THUOC] = row_money(r, v->drugs_total.bv);
    f[XML1_T_VTYT] = row_money(r, v->supplies_total.bv);
}

static void who(Row *r, const Visit *v, Str *f) {
    const Person *p = v->person;
    f[XML1_MA_BN] = r->record;
    f[XML1_HO_TEN] = r->name;
    f[XML1_SO_CCCD] = r->number;
    f[XML1_NGAY_SINH] = r->birth;
    f[XML1_GIOI_TINH] = r->sex;
    f[XML1_MA_QUOCTICH] = STR("000");
    f[XML1_MA_DANTOC] = row_padded(r, p->ethnic, 2);
    f[XML1_MA_NGHE_NGHIEP] = STR("00000");
    f[XML1_DIA_CHI] = r->address;
    f[XML1_MATINH_CU_TRU] = STR("46");
    f[XML1_MAXA_CU_TRU] = r->ward;
    f[XML1_DIEN_THOAI] = r->phone;
}

static void insurance(Row *r, const Visit *v, Str *f) {
    f[XML1_MA_DOITUONG_KCB] = v->object;
    if (r->card.len == 0) {
        return;
    }
    f[XML1_MA_THE_BHYT] = r->card;
    f[XML1_MA_DKBD] = str_from(v->w->facilities[v->person->home].code);
    int y;
    int m;
    int d;
    time_civil_from_days(v->plan->day, &y, &m, &d);
    f[XML1_GT_THE_TU] = row_date(r, MAX((int64_t)v->person->birth, time_days_from_civil(y, 1, 1)));
    f[XML1_GT_THE_DEN] = r->expiry;
    if ((v->person->flags & PERSON_EXEMPT) != 0) {
        f[XML1_NAM_NAM_LIEN_TUC] = row_date(r, time_days_from_civil(y - 1, 1, 1));
        f[XML1_NGAY_MIEN_CCT] = row_time(r, time_days_from_civil(y, 1, 1) * 1440);
    }
}

static Str stay_days(Row *r, const Visit *v) {
    if (str_eq(v->type, STR("03"))) {
        return row_u64(r, (uint64_t)v->plan->los + 1);
    }
    if (str_eq(v->type, STR("05"))) {
        return row_u64(r, (uint64_t)v->drug_days);
    }
    return str_eq(v->type, STR("08")) ? STR("1") : STR("0");
}

/* ICD-9-CM of the operations, each once. */
static Str operations(Row *r, const Visit *v) {
    char *from = r->at;
    const Service *last = NULL;
    for (int i = 0; i < v->n_services; i++) {
        const Service *s = v->services[i].service;
        if (s->icd9.len > 0 && s != last) {
            (void)ROW_JOIN(r, last == NULL ? STR_EMPTY : STR(";"), s->icd9);
            last = s;
        }
    }
    return (Str){from, (size_t)(r->at - from)};
}

static void course(Row *r, const Visit *v, Str *f) {
    const Condition *c = v->condition;
    f[XML1_LY_DO_VV] = c->reason;
    f[XML1_CHAN_DOAN_VAO] = ROW_JOIN(r, STR("Theo dõi "), c->name);
    f[XML1_CHAN_DOAN_RV] = c->name;
    f[XML1_MA_BENH_CHINH] = c->code;
    f[XML1_MA_BENH_KT] = r->others;
    f[XML1_NGAY_VAO] = r->in;
    f[XML1_NGAY_VAO_NOI_TRU] = r->admitted;
    f[XML1_NGAY_RA] = r->out;
    if (v->admitted != 0) {
        f[XML1_LY_DO_VNT] = c->reason;
        f[XML1_PP_DIEU_TRI] = STR("Nội khoa, theo dõi sát");
    }
    if (c->kind == 'I') {
        f[XML1_MA_TAI_NAN] = STR("7");
    }
    f[XML1_SO_NGAY_DTRI] = stay_days(r, v);
    f[XML1_KET_QUA_DTRI] = row_u64(r, (uint64_t)v->outcome);
    f[XML1_MA_LOAI_RV] = row_u64(r, (uint64_t)v->leaving);
    f[XML1_MA_PTTT_QT] = operations(r, v);
    f[XML1_MA_LOAI_KCB] = v->type;
    f[XML1_MA_KHOA] = row_department(v);
    if (v->revisit_days != 0) {
        f[XML1_NGAY_TAI_KHAM] = row_date(r, v->left / 1440 + v->revisit_days);
    }
}

static void transfer(Row *r, const Visit *v, Str *f) {
    const PlanVisit *p = v->plan;
    if (p->kind == VISIT_REFERRED) {
        f[XML1_MA_NOI_DI] = str_from(v->w->facilities[p->other_facility].code);
    } else if ((p->flags & PLAN_TRANSFERRED) != 0) {
        f[XML1_MA_NOI_DEN] = str_from(v->w->facilities[p->other_facility].code);
    }
    if (str_eq(v->object, STR("1.3"))) { /* from where the card is registered, when not planned */
        f[XML1_GIAY_CHUYEN_TUYEN] = ROW_JOIN(r, STR("GCT-MP-"), r->link);
        if (p->kind != VISIT_REFERRED) {
            f[XML1_MA_NOI_DI] = str_from(v->w->facilities[v->person->home].code);
        }
    } else if (str_eq(v->object, STR("1.5"))) {
        f[XML1_GIAY_CHUYEN_TUYEN] = ROW_JOIN(r, STR("GHK-MP-"), r->link);
    }
}

static Str operation_name(const Visit *v) {
    for (int i = 0; i < v->n_services; i++) {
        if (v->services[i].service->icd9.len > 0) {
            return v->services[i].service->name;
        }
    }
    return STR_EMPTY;
}

size_t row_xml1(Row *r, const Visit *v) {
    Str *f = r->values;
    f[XML1_MA_LK] = r->link;
    f[XML1_STT] = STR("1");
    who(r, v, f);
    insurance(r, v, f);
    course(r, v, f);
    transfer(r, v, f);
    money6(r, v, &v->total, f);
    int y;
    int m;
    int d;
    time_civil_from_days(v->out / 1440, &y, &m, &d);
    f[XML1_NGAY_TTOAN] = row_time(r, v->out + 10);
    f[XML1_NAM_QT] = row_u64(r, (uint64_t)y);
    f[XML1_THANG_QT] = row_padded(r, (uint64_t)m, 2);
    f[XML1_MA_CSKCB] = str_from(v->facility->code);
    f[XML1_MA_KHUVUC] = v->w->content->communes[v->person->ward].zone;
    f[XML1_CAN_NANG] = row_decimal(r, v->weight_kg10, 1);
    if (v->plan->child != SYNTH_NONE) {
        f[XML1_CAN_NANG_CON] = row_u64(r, 2700 + v->plan->child % 900);
    }
    f[XML1_MA_HSBA] = ROW_JOIN(r, STR("HSBA-"), r->link);
    f[XML1_MA_TTDV] = r->director;
    return 1;
}

static Str dose_text(Row *r, const DrugLine *line) {
    const Drug *d = line->drug;
    Str times = row_u64(r, (uint64_t)d->times);
    Str days = row_u64(r, (uint64_t)line->days);
    return ROW_JOIN(r, d->dose, STR(" "), d->unit, STR("/lần * "), times, STR(" lần/ngày * "), days,
                    STR(" ngày"));
}

static void drug_money(Row *r, const Money *m, Str *f) {
    f[XML2_THANH_TIEN_BV] = row_money(r, m->bv);
    f[XML2_THANH_TIEN_BH] = row_money(r, m->bh);
    f[XML2_T_NGUONKHAC_NSNN] = STR("0.00");
    f[XML2_T_NGUONKHAC_VTNN] = STR("0.00");
    f[XML2_T_NGUONKHAC_VTTN] = STR("0.00");
    f[XML2_T_NGUONKHAC_CL] = STR("0.00");
    f[XML2_T_NGUONKHAC] = STR("0.00");
    f[XML2_T_BNTT] = row_money(r, m->bntt);
    f[XML2_T_BNCCT] = row_money(r, m->bncct);
    f[XML2_T_BHTT] = row_money(r, m->bhtt);
}

static void drug_row(Row *r, const Visit *v, const DrugLine *line, Str *f) {
    const Drug *d = line->drug;
    bool insured = r->card.len > 0;
    f[XML2_MA_LK] = r->link;
    f[XML2_MA_THUOC] = d->code;
    f[XML2_MA_NHOM] = d->group == 6 ? STR("6") : STR("4");
    f[XML2_TEN_THUOC] = d->name;
    f[XML2_DON_VI_TINH] = d->unit;
    f[XML2_HAM_LUONG] = d->strength;
    f[XML2_DUONG_DUNG] = d->route;
    f[XML2_DANG_BAO_CHE] = d->form;
    f[XML2_LIEU_DUNG] = dose_text(r, line);
    f[XML2_CACH_DUNG] = d->how;
    f[XML2_SO_DANG_KY] = d->registration;
    f[XML2_TT_THAU] = row_tender(r, STR("99/QĐ-MP;G1;N2;"), line->ordered);
    f[XML2_PHAM_VI] = insured ? STR("1") : STR("2");
    f[XML2_TYLE_TT_BH] = insured ? row_u64(r, (uint64_t)d->ratio) : STR("0");
    f[XML2_SO_LUONG] = row_decimal(r, line->quantity_milli, 3);
    f[XML2_DON_GIA] = row_decimal(r, d->price_milli, 3);
    f[XML2_MUC_HUONG] = row_u64(r, (uint64_t)v->level_percent);
    drug_money(r, &line->money, f);
    f[XML2_MA_KHOA] = row_department(v);
    f[XML2_MA_BAC_SI] = r->main_doctor;
    f[XML2_NGAY_YL] = row_time(r, line->ordered);
    f[XML2_NGAY_TH_YL] = row_time(r, line->done);
    f[XML2_MA_PTTT] = STR("1");
    f[XML2_NGUON_CTRA] = insured ? STR("1") : STR("4");
}

size_t row_xml2(Row *r, const Visit *v) {
    for (int i = 0; i < v->n_drugs; i++) {
        Str *f = r->values + (size_t)i * XML2_FIELD_COUNT;
        drug_row(r, v, &v->drugs[i], f);
        f[XML2_STT] = row_u64(r, (uint64_t)i + 1);
    }
    return (size_t)v->n_drugs;
}

static void service_money(Row *r, const ServiceLine *line, Str *f) {
    const Money *m = &line->money;
    f[XML3_THANH_TIEN_BV] = row_money(r, m->bv);
    f[XML3_THANH_TIEN_BH] = row_money(r, m->bh);
    f[XML3_T_NGUONKHAC_NSNN] = STR("0.00");
    f[XML3_T_NGUONKHAC_VTNN] = STR("0.00");
    f[XML3_T_NGUONKHAC_VTTN] = row_money(r, m->other);
    f[XML3_T_NGUONKHAC_CL] = STR("0.00");
    f[XML3_T_NGUONKHAC] = f[XML3_T_NGUONKHAC_VTTN];
    f[XML3_T_BNTT] = row_money(r, m->bntt);
    f[XML3_T_BNCCT] = row_money(r, m->bncct);
    f[XML3_T_BHTT] = row_money(r, m->bhtt);
}

/* What a group of costs wants besides: performer, machine, bed, tender, anaesthesia. */
static void service_extras(Row *r, const Visit *v, const ServiceLine *line, Str *f) {
    const Service *s = line->service;
    bool performed = s->group <= 3 || s->group == 8 || s->group == 18;
    if (performed) {
        f[XML3_NGUOI_THUC_HIEN] =
            row_doctor(r, v, (v->doctor + s->minutes) % (int)v->facility->doctors);
        f[XML3_NGAY_TH_YL] = row_time(r, line->done);
        f[XML3_NGAY_KQ] = row_time(r, line->reported);
    } else if (s->group == 13) {
        f[XML3_NGUOI_THUC_HIEN] = r->main_doctor;
        f[XML3_NGAY_TH_YL] = row_time(r, line->done);
    }
    if (s->group <= 3) {
        f[XML3_MA_MAY] =
            ROW_JOIN(r, s->machine, STR(".1."), str_from(v->facility->code), STR(".MP01"));
    }
    if (s->group == 8) {
        f[XML3_MA_PTTT_QT] = s->icd9;
        f[XML3_PP_VO_CAM] = s->price_milli > 2900000000 ? STR("1") : STR("2");
    }
    if (s->group == 10) {
        f[XML3_TT_THAU] = row_tender(r, STR("98/QĐ-MP;G1;N3;"), line->ordered);
    }
    if (line->bed != 0) {
        static const Str kinds[4] = {{"H", 1}, {"T", 1}, {"C", 1}, {"K", 1}};
        Str number = row_padded(r, (uint64_t)line->bed, 3);
        f[XML3_MA_GIUONG] = ROW_JOIN(r, kinds[line->bed > 380], number);
    }
}

static void service_row(Row *r, const Visit *v, const ServiceLine *line, Str *f) {
    const Service *s = line->service;
    bool insured = r->card.len > 0;
    f[XML3_MA_LK] = r->link;
    if (s->group == 10) {
        f[XML3_MA_VAT_TU] = s->code;
        f[XML3_TEN_VAT_TU] = s->name;
    } else {
        f[XML3_MA_DICH_VU] = s->code;
        f[XML3_TEN_DICH_VU] = s->name;
    }
    f[XML3_MA_NHOM] = row_u64(r, (uint64_t)s->group);
    f[XML3_DON_VI_TINH] = s->unit;
    f[XML3_PHAM_VI] = insured ? STR("1") : STR("2");
    f[XML3_SO_LUONG] = row_decimal(r, line->quantity_milli, 3);
    f[XML3_DON_GIA_BV] = row_decimal(r, line->price_bv_milli, 3);
    f[XML3_DON_GIA_BH] = row_decimal(r, line->price_bh_milli, 3);
    f[XML3_TYLE_TT_DV] = row_u64(r, (uint64_t)line->ratio_dv);
    f[XML3_TYLE_TT_BH] = insured ? STR("100") : STR("0");
    f[XML3_MUC_HUONG] = row_u64(r, (uint64_t)v->level_percent);
    service_money(r, line, f);
    f[XML3_MA_KHOA] = row_department(v);
    f[XML3_MA_BAC_SI] = r->main_doctor;
    f[XML3_MA_BENH] = v->condition->code;
    f[XML3_NGAY_YL] = row_time(r, line->ordered);
    service_extras(r, v, line, f);
    f[XML3_MA_PTTT] = STR("1");
}

size_t row_xml3(Row *r, const Visit *v) {
    for (int i = 0; i < v->n_services; i++) {
        Str *f = r->values + (size_t)i * XML3_FIELD_COUNT;
        service_row(r, v, &v->services[i], f);
        f[XML3_STT] = row_u64(r, (uint64_t)i + 1);
    }
    return (size_t)v->n_services;
}

static void result_row(Row *r, const Visit *v, const ResultLine *line, Str *f) {
    const Service *s = line->service;
    f[XML4_MA_LK] = r->link;
    f[XML4_MA_DICH_VU] = s->code;
    f[XML4_NGAY_KQ] = row_time(r, line->at);
    f[XML4_MA_BS_DOC_KQ] = row_doctor(r, v, (v->doctor + s->minutes) % (int)v->facility->doctors);
    if (line->result == NULL) {
        f[XML4_MO_TA] = line->value != 0 ? s->abnormal : s->normal;
        f[XML4_KET_LUAN] = line->value != 0 ? s->abnormal : STR("Chưa thấy bất thường");
        return;
    }
    if (s->group == 2 || s->group == 3) { /* a measurement by a machine wants words, too */
        f[XML4_MO_TA] = STR("Đo theo quy trình kỹ thuật");
        f[XML4_KET_LUAN] = STR("Đã có kết quả đo");
    }
    f[XML4_MA_CHI_SO] = line->result->code;
    f[XML4_TEN_CHI_SO] = line->result->name;
    f[XML4_DON_VI_DO] = line->result->unit;
    f[XML4_GIA_TRI] = line->result->n_texts > 0
                          ? line->result->texts[line->value]
                          : row_decimal(r, line->value, line->result->decimals);
}

size_t row_xml4(Row *r, const Visit *v) {
    for (int i = 0; i < v->n_results; i++) {
        Str *f = r->values + (size_t)i * XML4_FIELD_COUNT;
        result_row(r, v, &v->results[i], f);
        f[XML4_STT] = row_u64(r, (uint64_t)i + 1);
    }
    return (size_t)v->n_results;
}

/* Notes of a stay lie evenly between admission and leaving; chronic care has one. */
size_t row_xml5(Row *r, const Visit *v) {
    static const Str days[] = {
        {"Người bệnh tỉnh, sinh hiệu ổn", sizeof "Người bệnh tỉnh, sinh hiệu ổn" - 1},
        {"Đáp ứng điều trị, ăn uống được", sizeof "Đáp ứng điều trị, ăn uống được" - 1},
        {"Triệu chứng giảm nhiều, chuẩn bị ra viện",
         sizeof "Triệu chứng giảm nhiều, chuẩn bị ra viện" - 1},
    };
    for (int i = 0; i < v->n_notes; i++) {
        Str *f = r->values + (size_t)i * XML5_FIELD_COUNT;
        int64_t from = v->admitted != 0 ? v->admitted : v->in;
        f[XML5_MA_LK] = r->link;
        f[XML5_STT] = row_u64(r, (uint64_t)i + 1);
        f[XML5_DIEN_BIEN_LS] =
            i == 0 ? ROW_JOIN(r, v->condition->reason, STR("; "), days[0]) : days[i % 3];
        f[XML5_THOI_DIEM_DBLS] = row_time(r, from + (v->left - from) * (i + 1) / (v->n_notes + 1));
        f[XML5_PHAU_THUAT] = i == 0 ? operation_name(v) : STR_EMPTY;
        f[XML5_NGUOI_THUC_HIEN] = r->main_doctor;
    }
    return (size_t)v->n_notes;
}
