/* XML7 to XML14: the certificates that go with some visits. */
#include "synth/synth_row_int.h"

static bool inpatient(const Visit *v) {
    return v->admitted != 0 && str_eq(v->type, STR("03"));
}

static Str parent_name(Row *r, const Visit *v, uint32_t parent) {
    bool child = person_age(v->person, v->plan->day) < 16;
    return child && parent != SYNTH_NONE ? row_name(r, v, &v->w->people[parent]) : STR_EMPTY;
}

/* Of a child without parents: a woman of the commune who could be its mother. */
static uint32_t guardian(const Visit *v) {
    const World *w = v->w;
    for (uint32_t i = 1; i < w->o.citizens; i++) {
        uint32_t id = (v->plan->person + i) % w->o.citizens;
        const Person *p = &w->people[id];
        int64_t gap = v->person->birth - p->birth;
        if (p->sex == 2 && p->ward == v->person->ward && gap > 20 * 365 && gap < 60 * 365) {
            return id;
        }
    }
    return SYNTH_NONE;
}

static Str serial(Row *r, const char *prefix) {
    return ROW_JOIN(r, str_from(prefix), r->link);
}

static Str diagnosis(Row *r, const Visit *v) {
    return ROW_JOIN(r, v->condition->name, STR(" ("), v->condition->code, STR(")"));
}

size_t row_xml7(Row *r, const Visit *v) {
    if (!inpatient(v)) {
        return 0;
    }
    Str *f = r->values;
    f[XML7_MA_LK] = r->link;
    f[XML7_SO_LUU_TRU] = serial(r, "LT-");
    f[XML7_MA_YTE] = r->record;
    f[XML7_MA_KHOA_RV] = row_department(v);
    f[XML7_NGAY_VAO] = r->in;
    f[XML7_NGAY_RA] = r->out;
    f[XML7_CHAN_DOAN_RV] = diagnosis(r, v);
    f[XML7_PP_DIEUTRI] = STR("Điều trị theo phác đồ của đơn vị");
    f[XML7_MA_TTDV] = r->director;
    f[XML7_MA_BS] = r->main_doctor;
    f[XML7_TEN_BS] = row_doctor_name(r, v, v->doctor);
    f[XML7_NGAY_CT] = row_date(r, v->out / 1440);
    f[XML7_HO_TEN_CHA] = parent_name(r, v, v->person->father);
    bool alone = v->person->mother == SYNTH_NONE && v->person->father == SYNTH_NONE;
    f[XML7_HO_TEN_ME] = parent_name(r, v, alone ? guardian(v) : v->person->mother);
    bool nobody = f[XML7_HO_TEN_CHA].len == 0 && f[XML7_HO_TEN_ME].len == 0;
    if (nobody && person_age(v->person, v->plan->day) < 16) {
        f[XML7_HO_TEN_ME] = STR("Người giám hộ (mô phỏng)");
    }
    return 1;
}

/* A summary for stays; since 2026 also for visits that nobody insures, for the health record. */
size_t row_xml8(Row *r, const Visit *v) {
    enum { DAY_2026 = 20454 };
    bool uninsured = r->card.len == 0 && v->plan->day >= DAY_2026;
    if (!inpatient(v) && !uninsured) {
        return 0;
    }
    Str *f = r->values;
    f[XML8_MA_LK] = r->link;
    f[XML8_MA_LOAI_KCB] = v->type;
    f[XML8_HO_TEN_CHA] = parent_name(r, v, v->person->father);
    f[XML8_HO_TEN_ME] = parent_name(r, v, v->person->mother);
    f[XML8_NGAY_VAO] = r->in;
    f[XML8_NGAY_RA] = r->out;
    f[XML8_CHAN_DOAN_VAO] = ROW_JOIN(r, STR("Theo dõi "), v->condition->name);
    f[XML8_CHAN_DOAN_RV] = diagnosis(r, v);
    f[XML8_QT_BENHLY] = ROW_JOIN(r, v->condition->reason, STR(", vào viện khám và điều trị"));
    f[XML8_TOMTAT_KQ] = STR("Kết quả cận lâm sàng kèm theo hồ sơ");
    f[XML8_PP_DIEUTRI] = STR("Điều trị theo phác đồ của đơn vị");
    f[XML8_KET_QUA_DTRI] = row_u64(r, (uint64_t)v->outcome);
    f[XML8_MA_TTDV] = r->director;
    f[XML8_NGAY_CT] = row_date(r, v->out / 1440);
    return 1;
}

static void mother(Row *r, const Visit *v, Str *f) {
    f[XML9_MA_BHXH_NND] = row_insurance(r, v->plan->person);
    f[XML9_MA_THE_NND] = r->card;
    f[XML9_HO_TEN_NND] = r->name;
    f[XML9_NGAYSINH_NND] = row_date(r, v->person->birth);
    f[XML9_MA_DANTOC_NND] = row_padded(r, v->person->ethnic, 2);
    f[XML9_SO_CCCD_NND] = row_number(r, v->w, v->plan->person);
    f[XML9_NGAYCAP_CCCD_NND] = STR("20220615");
    f[XML9_NOICAP_CCCD_NND] = STR("Nơi cấp mô phỏng");
    f[XML9_NOI_CU_TRU_NND] = r->address;
    f[XML9_MA_QUOCTICH] = STR("000");
    f[XML9_MATINH_CU_TRU] = STR("46");
    f[XML9_MAXA_CU_TRU] = person_ward(v->w, v->person)->code;
}

size_t row_xml9(Row *r, const Visit *v) {
    if (v->plan->child == SYNTH_NONE) {
        return 0;
    }
    const Person *child = &v->w->people[v->plan->child];
    bool caesarean = str_eq(v->condition->code, STR("O82.9"));
    Str *f = r->values;
    f[XML9_MA_LK] = r->link;
    mother(r, v, f);
    f[XML9_HO_TEN_CHA] =
        child->father == SYNTH_NONE ? STR_EMPTY : row_name(r, v, &v->w->people[child->father]);
    Str temporary = row_insurance(r, v->plan->child);
    f[XML9_MA_THE_TAM] = ROW_JOIN(r, STR("TE199"), temporary);
    f[XML9_HO_TEN_CON] = row_name(r, v, child);
    f[XML9_GIOI_TINH_CON] = child->sex == 1 ? STR("1") : STR("2");
    f[XML9_SO_CON] = STR("1");
    f[XML9_LAN_SINH] = row_u64(r, 1 + v->plan->child % 3);
    f[XML9_SO_CON_SONG] = STR("1");
    f[XML9_CAN_NANG_CON] = row_u64(r, 2700 + v->plan->child % 900);
    f[XML9_NGAY_SINH_CON] = row_time(r, MIN(v->admitted + 180, v->out));
    f[XML9_NOI_SINH_CON] = v->facility->name;
    f[XML9_TINH_TRANG_CON] = STR("Trẻ khoẻ, khóc to");
    f[XML9_SINHCON_PHAUTHUAT] = caesarean ? STR("1") : STR("0");
    f[XML9_SINHCON_DUOI32TUAN] = STR("0");
    f[XML9_GHI_CHU] = STR("Dữ liệu mô phỏng");
    f[XML9_NGUOI_DO_DE] = row_doctor_name(r, v, v->doctor);
    f[XML9_NGUOI_GHI_PHIEU] = f[XML9_NGUOI_DO_DE];
    f[XML9_NGAY_CT] = row_date(r, v->out / 1440);
    f[XML9_SO] = serial(r, "GCS-");
    f[XML9_QUYEN_SO] = STR("01");
    f[XML9_MA_TTDV] = r->director;
    return 1;
}

size_t row_xml11(Row *r, const Visit *v) {
    if (v->sick_days == 0) {
        return 0;
    }
    Str *f = r->values;
    f[XML11_MA_LK] = r->link;
    f[XML11_SO_CT] = serial(r, "NV-");
    f[XML11_SO_SERI] = row_padded(r, v->plan->person * 10 + v->plan->number % 10, 8);
    f[XML11_SO_KCB] = r->record;
    f[XML11_DON_VI] = STR("Công ty Cổ phần Sông Xanh (mô phỏng)");
    f[XML11_MA_BHXH] = row_insurance(r, v->plan->person);
    f[XML11_MA_THE_BHYT] = r->card;
    f[XML11_CHAN_DOAN_RV] = diagnosis(r, v);
    f[XML11_PP_DIEUTRI] = STR("Nghỉ ngơi, dùng thuốc theo đơn");
    f[XML11_SO_NGAY_NGHI] = row_u64(r, (uint64_t)v->sick_days);
    f[XML11_TU_NGAY] = row_date(r, v->plan->day);
    f[XML11_DEN_NGAY] = row_date(r, v->plan->day + v->sick_days - 1);
    f[XML11_MA_TTDV] = r->director;
    f[XML11_MA_BS] = r->main_doctor;
    f[XML11_NGAY_CT] = row_date(r, v->out / 1440);
    f[XML11_MAU_SO] = STR("CT07");
    return 1;
}

static void transfer_who(Row *r, const Visit *v, Str *f) {
    f[XML13_MA_CSKCB] = str_from(v->facility->code);
    f[XML13_MA_NOI_DI] = str_from(v->facility->code);
    f[XML13_MA_NOI_DEN] = str_from(v->w->facilities[v->plan->other_facility].code);
    f[XML13_HO_TEN] = r->name;
    f[XML13_NGAY_SINH] = r->birth;
    f[XML13_GIOI_TINH] = r->sex;
    f[XML13_MA_QUOCTICH] = STR("000");
    f[XML13_MA_DANTOC] = row_padded(r, v->person->ethnic, 2);
    f[XML13_MA_NGHE_NGHIEP] = STR("00000");
    f[XML13_DIA_CHI] = r->address;
    f[XML13_MA_THE_BHYT] = r->card;
    f[XML13_GT_THE_DEN] = r->expiry;
    f[XML13_NGAY_VAO] = r->in;
    f[XML13_NGAY_VAO_NOI_TRU] = r->admitted;
    f[XML13_NGAY_RA] = r->out;
}

size_t row_xml13(Row *r, const Visit *v) {
    if ((v->plan->flags & PLAN_TRANSFERRED) == 0) {
        return 0;
    }
    Str *f = r->values;
    f[XML13_MA_LK] = r->link;
    f[XML13_SO_HOSO] = r->record;
    f[XML13_SO_CHUYENTUYEN] = serial(r, "CT-");
    f[XML13_GIAY_CHUYEN_TUYEN] = serial(r, "GCT-MP-");
    transfer_who(r, v, f);
    f[XML13_DAU_HIEU_LS] = v->condition->reason;
    f[XML13_CHAN_DOAN_RV] = diagnosis(r, v);
    f[XML13_QT_BENHLY] = ROW_JOIN(r, v->condition->reason, STR(", vượt khả năng của đơn vị"));
    f[XML13_TOMTAT_KQ] = STR("Kèm kết quả cận lâm sàng");
    f[XML13_PP_DIEUTRI] = STR("Điều trị triệu chứng");
    f[XML13_MA_BENH_CHINH] = v->condition->code;
    f[XML13_MA_BENH_KT] = r->others;
    f[XML13_TEN_DICH_VU] = v->n_services > 0 ? v->services[0].service->name : STR_EMPTY;
    f[XML13_TEN_THUOC] = v->n_drugs > 0 ? v->drugs[0].drug->name : STR_EMPTY;
    f[XML13_MA_LOAI_RV] = STR("2");
    f[XML13_MA_LYDO_CT] = STR("1");
    f[XML13_HUONG_DIEU_TRI] = STR("Chuyển cấp trên điều trị tiếp");
    f[XML13_PHUONGTIEN_VC] = STR("Xe cứu thương");
    f[XML13_MA_BAC_SI] = r->main_doctor;
    f[XML13_MA_TTDV] = r->director;
    return 1;
}

size_t row_xml14(Row *r, const Visit *v) {
    if (v->revisit_days == 0) {
        return 0;
    }
    Str *f = r->values;
    f[XML14_MA_LK] = r->link;
    f[XML14_SO_GIAYHEN_KL] = serial(r, "HK-");
    f[XML14_MA_CSKCB] = str_from(v->facility->code);
    f[XML14_HO_TEN] = r->name;
    f[XML14_NGAY_SINH] = r->birth;
    f[XML14_GIOI_TINH] = r->sex;
    f[XML14_DIA_CHI] = r->address;
    f[XML14_MA_THE_BHYT] = r->card;
    f[XML14_GT_THE_DEN] = r->expiry;
    f[XML14_NGAY_VAO] = r->in;
    f[XML14_NGAY_VAO_NOI_TRU] = r->admitted;
    f[XML14_NGAY_RA] = r->out;
    f[XML14_NGAY_HEN_KL] = row_time(r, (v->left / 1440 + v->revisit_days) * 1440 + 450);
    f[XML14_CHAN_DOAN_RV] = diagnosis(r, v);
    f[XML14_MA_BENH_CHINH] = v->condition->code;
    f[XML14_MA_BENH_KT] = r->others;
    f[XML14_MA_DOITUONG_KCB] = v->object;
    f[XML14_MA_BAC_SI] = r->main_doctor;
    f[XML14_MA_TTDV] = r->director;
    f[XML14_NGAY_CT] = row_date(r, v->left / 1440);
    return 1;
}

/* Tuberculosis of the lungs, found in the sputum, treated by the regimen of adults or children. */
size_t row_xml15(Row *r, const Visit *v) {
    if (!str_starts(v->condition->code, STR("A15"))) {
        return 0;
    }
    Str *f = r->values;
    f[XML15_MA_LK] = r->link;
    f[XML15_STT] = STR("1");
    f[XML15_MA_BN] = r->record;
    f[XML15_HO_TEN] = r->name;
    f[XML15_SO_CCCD] = r->number;
    f[XML15_PHANLOAI_LAO_VITRI] = STR("1");
    f[XML15_PHANLOAI_LAO_TS] = STR("1");
    f[XML15_PHANLOAI_LAO_HIV] = STR("2");
    f[XML15_PHANLOAI_LAO_VK] = STR("1");
    f[XML15_LOAI_DTRI_LAO] = STR("2");
    f[XML15_NGAYBD_DTRI_LAO] = row_date(r, v->plan->day);
    f[XML15_PHACDO_DTRI_LAO] = person_age(v->person, v->plan->day) < 15 ? STR("2") : STR("1");
    f[XML15_KET_QUA_DTRI_LAO] = STR("6"); /* not over yet */
    f[XML15_MA_CSKCB] = str_from(v->facility->code);
    return 1;
}
