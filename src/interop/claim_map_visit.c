/* XML1 → Encounter, Condition, body weight; XML5 → ClinicalImpression. */
#include "interop/claim_map_int.h"
#include "interop/claim_person_int.h"

#include "vn/vn.h"

#define ICD10 "http://hl7.org/fhir/sid/icd-10"

enum { PARTICIPANTS_MAX = 32 };

/* MA_LOAI_KCB → http://terminology.hl7.org/CodeSystem/v3-ActCode. */
static Str class_of(Str kind) {
    static const struct {
        const char *kind, *code;
    } classes[] = {{"03", "IMP"}, {"04", "SS"}, {"06", "OBSENC"}, {"09", "SS"},
                   {"11", "FLD"}, {"12", "HH"}, {"14", "VR"}};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (str_eq(kind, str_from(classes[i].kind))) {
            return str_from(classes[i].code);
        }
    }
    return STR("AMB");
}

static void put_identifier(Map *m, Str system, Str value) {
    json_open_object(&m->w);
    json_member(&m->w, "system", system);
    json_member(
        &m->w, "value",
        arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility), STR_ARG(value)));
    json_close_object(&m->w);
}

static void put_identifiers(Map *m, MapRow *r) {
    json_name(&m->w, "identifier");
    json_open_array(&m->w);
    put_identifier(m, STR(CLAIM_SYSTEM_VISIT), map_peek(r, XML1_MA_LK));
    if (str_find_char(m->claim->facility, '|', 0) == SIZE_MAX) { /* else where does it begin? */
        map_keep(r, XML1_MA_LK);
    }
    if (map_has(r, XML1_MA_HSBA)) {
        put_identifier(m, STR(CLAIM_BASE "sid/ma-hsba"), map_take(r, XML1_MA_HSBA));
    }
    json_close_array(&m->w);
}

static void put_kinds(Map *m, MapRow *r) {
    json_name(&m->w, "class");
    map_put_coding(m, STR(MAP_TERM "v3-ActCode"), class_of(map_peek(r, XML1_MA_LOAI_KCB)),
                   STR_EMPTY);
    bool kind = str_trim(map_peek(r, XML1_MA_LOAI_KCB)).len > 0;
    bool object = str_trim(map_peek(r, XML1_MA_DOITUONG_KCB)).len > 0;
    if (kind || object) {
        json_name(&m->w, "type");
        json_open_array(&m->w);
        if (kind) {
            map_concept_element(m, STR(MAP_SYSTEM("ma-loai-kcb")), r, XML1_MA_LOAI_KCB, STR_EMPTY);
        }
        if (object) {
            map_concept_element(m, STR(MAP_SYSTEM("ma-doituong-kcb")), r, XML1_MA_DOITUONG_KCB,
                                STR_EMPTY);
        }
        json_close_array(&m->w);
    }
    if (str_eq(map_peek(r, XML1_MA_DOITUONG_KCB), STR("2"))) {
        json_name(&m->w, "priority");
        json_open_object(&m->w);
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        map_put_coding(m, STR(MAP_TERM "v3-ActPriority"), STR("EM"), STR_EMPTY);
        json_close_array(&m->w);
        json_close_object(&m->w);
    }
}

/* The practitioners of the examinations (cost group 13), each once. */
static void put_participants(Map *m) {
    Str seen[PARTICIPANTS_MAX];
    int n = 0;
    for (int i = 0; i < m->n_rows[3]; i++) {
        const MapRow *r = &m->rows[3][i];
        bool performed = map_has(r, XML3_NGUOI_THUC_HIEN);
        MapParts p = map_parts(map_peek(r, performed ? XML3_NGUOI_THUC_HIEN : XML3_MA_BAC_SI));
        for (int k = 0; map_cost_group(r, XML3_MA_NHOM) == 13 && k < p.n; k++) {
            bool is_new = n < PARTICIPANTS_MAX;
            for (int j = 0; j < n; j++) {
                is_new = is_new && !str_eq(seen[j], p.part[k]);
            }
            if (is_new) {
                seen[n++] = p.part[k];
            }
        }
    }
    if (n == 0) {
        return;
    }
    json_name(&m->w, "participant");
    json_open_array(&m->w);
    for (int i = 0; i < n; i++) {
        json_open_object(&m->w);
        json_name(&m->w, "individual");
        (void)map_put_practitioner(m, seen[i]);
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
}

static void put_period(Map *m, MapRow *r) {
    Civil c;
    bool has = time_parse_claim(map_peek(r, XML1_NGAY_VAO), &c) == ERR_OK ||
               time_parse_claim(map_peek(r, XML1_NGAY_RA), &c) == ERR_OK;
    if (has) {
        json_name(&m->w, "period");
        json_open_object(&m->w);
        map_time(m, STR("start"), r, XML1_NGAY_VAO);
        map_time(m, STR("end"), r, XML1_NGAY_RA);
        json_close_object(&m->w);
    }
}

static void put_length(Map *m, MapRow *r) {
    Str days = map_peek(r, XML1_SO_NGAY_DTRI);
    if (map_is_json_number(days)) {
        json_name(&m->w, "length");
        json_open_object(&m->w);
        json_name(&m->w, "value");
        json_put_raw(&m->w, map_take(r, XML1_SO_NGAY_DTRI));
        json_member(&m->w, "unit", STR("ngày"));
        json_member(&m->w, "system", STR("http://unitsofmeasure.org"));
        json_member(&m->w, "code", STR("d"));
        json_close_object(&m->w);
    }
}

static void put_reason(Map *m, MapRow *r) {
    if (map_has(r, XML1_LY_DO_VV)) {
        json_name(&m->w, "reasonCode");
        json_open_array(&m->w);
        json_open_object(&m->w);
        map_text(m, STR("text"), r, XML1_LY_DO_VV);
        json_close_object(&m->w);
        json_close_array(&m->w);
    }
}

static void put_diagnoses(Map *m) {
    if (m->n_conditions == 0) {
        return;
    }
    json_name(&m->w, "diagnosis");
    json_open_array(&m->w);
    for (int i = 0; i < m->n_conditions; i++) {
        json_open_object(&m->w);
        map_local(m, STR("condition"), FHIR_T_CONDITION, m->condition + i);
        json_name(&m->w, "use");
        json_open_object(&m->w);
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        map_put_coding(m, STR(MAP_TERM "diagnosis-role"),
                       i == 0 && m->has_main ? STR("DD") : STR("CM"), STR_EMPTY);
        json_close_array(&m->w);
        json_close_object(&m->w);
        json_name(&m->w, "rank");
        json_put_i64(&m->w, i + 1);
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
}

/* One CodeableConcept with two codings: how the patient left (MA_LOAI_RV) and in what state
 * (KET_QUA_DTRI). */
static void put_disposition(Map *m, MapRow *r) {
    static const struct {
        int field;
        const char *system;
    } codings[] = {{XML1_MA_LOAI_RV, MAP_SYSTEM("ma-loai-rv")},
                   {XML1_KET_QUA_DTRI, MAP_SYSTEM("ket-qua-dtri")}};
    json_name(&m->w, "dischargeDisposition");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        Str raw = map_peek(r, codings[i].field);
        Str code = map_code(m, raw);
        if (code.len > 0) {
            map_put_coding(m, str_from(codings[i].system), code, STR_EMPTY);
            if (str_eq(code, raw)) {
                map_keep(r, codings[i].field);
            }
        }
    }
    json_close_array(&m->w);
    json_close_object(&m->w);
}

static void put_hospitalization(Map *m, MapRow *r) {
    bool disposed = str_trim(map_peek(r, XML1_MA_LOAI_RV)).len > 0 ||
                    str_trim(map_peek(r, XML1_KET_QUA_DTRI)).len > 0;
    bool moved = str_trim(map_peek(r, XML1_MA_NOI_DI)).len > 0 ||
                 str_trim(map_peek(r, XML1_MA_NOI_DEN)).len > 0;
    if (!disposed && !moved && !map_has(r, XML1_GIAY_CHUYEN_TUYEN)) {
        return;
    }
    json_name(&m->w, "hospitalization");
    json_open_object(&m->w);
    if (map_has(r, XML1_GIAY_CHUYEN_TUYEN)) {
        json_name(&m->w, "preAdmissionIdentifier");
        json_open_object(&m->w);
        json_member(&m->w, "system", STR(CLAIM_BASE "sid/giay-chuyen-tuyen"));
        map_text(m, STR("value"), r, XML1_GIAY_CHUYEN_TUYEN);
        json_close_object(&m->w);
    }
    map_organization(m, STR("origin"), r, XML1_MA_NOI_DI);
    map_organization(m, STR("destination"), r, XML1_MA_NOI_DEN);
    if (disposed) {
        put_disposition(m, r);
    }
    json_close_object(&m->w);
}

static void put_locations(Map *m, MapRow *r) {
    MapParts p = map_parts(map_peek(r, XML1_MA_KHOA));
    if (p.n == 0) {
        return;
    }
    bool exact = p.exact;
    json_name(&m->w, "location");
    json_open_array(&m->w);
    for (int i = 0; i < p.n; i++) {
        json_open_object(&m->w);
        json_name(&m->w, "location");
        exact = map_put_department(m, p.part[i]) && exact;
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
    if (exact) {
        map_keep(r, XML1_MA_KHOA);
    }
}

static void put_person_part(Map *m, Str url, Str member, Str value) {
    if (value.len > 0) {
        json_open_object(&m->w);
        json_member(&m->w, "url", url);
        json_member_str(&m->w, member, value);
        json_close_object(&m->w);
    }
}

/* Who the citizen was at this visit: the Patient moves on, indicators by age and commune must not.
 */
static void put_person(Map *m, MapRow *r) {
    char text[32];
    Buf birth = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    Str commune = map_code(m, map_peek(r, XML1_MAXA_CU_TRU));
    (void)claim_put_birth(&birth, map_peek(r, XML1_NGAY_SINH));
    json_open_object(&m->w);
    json_member(&m->w, "url", STR(CLAIM_BASE "StructureDefinition/encounter-person"));
    json_name(&m->w, "extension");
    json_open_array(&m->w);
    put_person_part(m, STR("birthDate"), STR("valueDate"), buf_str(&birth));
    put_person_part(m, STR("gender"), STR("valueCode"), claim_sex(map_peek(r, XML1_GIOI_TINH)));
    put_person_part(m, STR("commune"), STR("valueCode"), commune);
    json_close_array(&m->w);
    json_close_object(&m->w);
}

/* A check-in has no bill behind it: its Encounter, written to the end, takes all that is left. */
static void put_encounter_extensions(Map *m, MapRow *r) {
    static const int fields[] = {XML1_LY_DO_VNT,  XML1_MA_LY_DO_VNT, XML1_CHAN_DOAN_VAO,
                                 XML1_MA_TAI_NAN, XML1_PP_DIEU_TRI,  XML1_NGAY_VAO_NOI_TRU,
                                 XML1_GHI_CHU,    XML1_CAN_NANG_CON, XML1_NGAY_TAI_KHAM};
    json_name(&m->w, "extension");
    json_open_array(&m->w);
    put_person(m, r);
    map_extension(m, r, m->check_in ? NULL : fields, m->check_in ? 0 : ARRAY_LEN(fields), -1);
    json_close_array(&m->w);
}

static Str visit_status(const Map *m, const MapRow *r) {
    if (!m->check_in) {
        return STR("finished");
    }
    return map_has(r, XML1_NGAY_VAO_NOI_TRU) ? STR("in-progress") : STR("arrived");
}

static void put_encounter(Map *m, MapRow *r) {
    m->encounter = map_open(m, FHIR_T_ENCOUNTER, STR("encounter"));
    if (!m->check_in) {
        put_encounter_extensions(m, r);
    }
    put_identifiers(m, r);
    json_member(&m->w, "status", visit_status(m, r));
    put_kinds(m, r);
    map_patient(m, STR("subject"));
    put_participants(m);
    put_period(m, r);
    put_length(m, r);
    put_reason(m, r);
    put_diagnoses(m);
    put_hospitalization(m, r);
    put_locations(m, r);
    map_organization(m, STR("serviceProvider"), r, XML1_MA_CSKCB);
    if (m->check_in) {
        put_encounter_extensions(m, r);
    }
    map_close(m);
}

/* ---- conditions */

/* One diagnosis on its way to a Condition. */
typedef struct Diagnosis {
    Str code, system, role;
} Diagnosis;

enum { DIAGNOSES_MAX = 1 + 2 * MAP_PARTS_MAX };

/* Appends the codes of a field; a code that is there already keeps the field's text in the bill. */
static int add_codes(Map *m, MapRow *r, int field, Diagnosis *d, int n) {
    bool traditional = field == XML1_MA_BENH_YHCT;
    MapParts p = map_parts(map_peek(r, field));
    bool exact = p.exact;
    for (int i = 0; i < p.n; i++) {
        Str system = traditional ? STR(MAP_SYSTEM("ma-benh-yhct")) : STR(ICD10);
        Str code = map_code(m, p.part[i]);
        exact = exact && str_eq(code, p.part[i]);
        bool seen = false;
        for (int k = 0; k < n; k++) {
            seen = seen || (str_eq(d[k].code, code) && str_eq(d[k].system, system));
        }
        if (seen) {
            exact = false;
            continue;
        }
        d[n++] = (Diagnosis){code, system,
                             arena_printf(m->arena, "condition/%s" STR_FMT,
                                          traditional ? "yhct/" : "", STR_ARG(code))};
    }
    if (exact) {
        map_keep(r, field);
    }
    return n;
}

/* The main diagnosis stands first. MA_BENH_CHINH is one code, but some exports join several. */
static int read_diagnoses(Map *m, MapRow *r, Diagnosis *d) {
    int n = 0;
    Str main_code = map_code(m, map_peek(r, XML1_MA_BENH_CHINH));
    if (main_code.len > 0) {
        d[n++] = (Diagnosis){main_code, STR(ICD10),
                             arena_printf(m->arena, "condition/" STR_FMT, STR_ARG(main_code))};
        m->has_main = true;
        if (str_eq(main_code, map_peek(r, XML1_MA_BENH_CHINH))) {
            map_keep(r, XML1_MA_BENH_CHINH);
        }
    }
    n = add_codes(m, r, XML1_MA_BENH_KT, d, n);
    return add_codes(m, r, XML1_MA_BENH_YHCT, d, n);
}

static void put_term(Map *m, Str name, Str system, Str code) {
    json_put_name(&m->w, name);
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, system, code, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
}

/* "category":[{"coding":[{system, code}]}] */
static void put_category(Map *m, Str system, Str code) {
    json_name(&m->w, "category");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, system, code, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
    json_close_array(&m->w);
}

static void put_condition(Map *m, MapRow *r, const Diagnosis *d, bool is_main) {
    bool cured = is_main && str_eq(map_peek(r, XML1_KET_QUA_DTRI), STR("1"));
    const VnIcd10 *known = str_eq(d->system, STR(ICD10)) ? vn_icd10(d->code) : NULL;
    (void)map_open(m, FHIR_T_CONDITION, d->role);
    put_term(m, STR("clinicalStatus"), STR(MAP_TERM "condition-clinical"),
             cured ? STR("resolved") : STR("active"));
    put_term(m, STR("verificationStatus"), STR(MAP_TERM "condition-ver-status"), STR("confirmed"));
    put_category(m, STR(MAP_TERM "condition-category"), STR("encounter-diagnosis"));
    json_name(&m->w, "code");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, d->system, d->code, known == NULL ? STR_EMPTY : known->name_vi);
    json_close_array(&m->w);
    if (is_main) {
        map_text(m, STR("text"), r, XML1_CHAN_DOAN_RV);
    }
    json_close_object(&m->w);
    map_subject(m);
    (void)map_put_time(m, STR("recordedDate"), map_peek(r, XML1_NGAY_RA));
    map_close(m);
}

/* ---- weight */

/* CAN_NANG is a measured value: the vital sign of LOINC 29463-7, in kilograms. */
static void put_weight(Map *m, MapRow *r) {
    Str weight = map_peek(r, XML1_CAN_NANG);
    bool is_zero = true;
    for (size_t i = 0; i < weight.len; i++) {
        is_zero = is_zero && (weight.ptr[i] == '0' || weight.ptr[i] == '.');
    }
    if (!map_is_json_number(weight) || weight.ptr[0] == '-' || is_zero) {
        return;
    }
    (void)map_open(m, FHIR_T_OBSERVATION, STR("xml1/can-nang"));
    json_member(&m->w, "status", STR("final"));
    put_category(m, STR(MAP_TERM "observation-category"), STR("vital-signs"));
    json_name(&m->w, "code");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, STR("http://loinc.org"), STR("29463-7"), STR("Body weight"));
    json_close_array(&m->w);
    json_member(&m->w, "text", STR("Cân nặng"));
    json_close_object(&m->w);
    map_subject(m);
    (void)map_put_time(m, STR("effectiveDateTime"), map_peek(r, XML1_NGAY_VAO));
    json_name(&m->w, "valueQuantity");
    json_open_object(&m->w);
    json_name(&m->w, "value");
    json_put_raw(&m->w, map_take(r, XML1_CAN_NANG));
    json_member(&m->w, "unit", STR("kg"));
    json_member(&m->w, "system", STR("http://unitsofmeasure.org"));
    json_member(&m->w, "code", STR("kg"));
    json_close_object(&m->w);
    map_close(m);
}

void map_put_visit(Map *m, MapRow *r) {
    Diagnosis *d = arena_new_array(m->arena, Diagnosis, DIAGNOSES_MAX);
    m->diagnoses = arena_new_array(m->arena, Str, DIAGNOSES_MAX);
    if (d == NULL || m->diagnoses == NULL) {
        m->err = ERR_NOMEM;
        return;
    }
    m->n_conditions = read_diagnoses(m, r, d);
    m->condition = (int)m->n_resources + 1;
    put_encounter(m, r);
    for (int i = 0; i < m->n_conditions; i++) {
        m->diagnoses[i] = d[i].code;
        put_condition(m, r, &d[i], i == 0 && str_eq(d[i].system, STR(ICD10)));
    }
    put_weight(m, r);
}

/* ---- XML5 */

void map_put_course(Map *m) {
    for (int i = 0; i < m->n_rows[5]; i++) {
        MapRow *r = &m->rows[5][i];
        (void)map_open(m, FHIR_T_CLINICAL_IMPRESSION,
                       map_role(m, STR("xml5/"), r->number, STR("")));
        json_member(&m->w, "status", STR("completed"));
        map_subject(m);
        map_time(m, STR("effectiveDateTime"), r, XML5_THOI_DIEM_DBLS);
        map_practitioner(m, STR("assessor"), r, XML5_NGUOI_THUC_HIEN);
        map_text(m, STR("summary"), r, XML5_DIEN_BIEN_LS);
        map_extensions(m, r, NULL, 0);
        map_close(m);
    }
}
