/* XML2 → MedicationRequest and MedicationDispense; XML3 → ServiceRequest, Procedure,
 * SupplyDelivery. */
#include "interop/claim_map_int.h"

int map_cost_group(const MapRow *r, int field) {
    uint64_t n = 0;
    return str_to_u64(map_peek(r, field), &n) == ERR_OK && n < 100 ? (int)n : 0;
}

MapService map_service(const MapRow *r) {
    int group = map_cost_group(r, XML3_MA_NHOM);
    bool supply = map_has(r, XML3_MA_VAT_TU) && !map_has(r, XML3_MA_DICH_VU);
    if (group == 10 || group == 11 || supply) {
        return MAP_SERVICE_SUPPLY;
    }
    if (group >= 1 && group <= 3) {
        return MAP_SERVICE_ORDER;
    }
    return group == 8 || group == 9 || group == 18 ? MAP_SERVICE_PROCEDURE : MAP_SERVICE_BILLED;
}

/* "name":{"coding":[{system, code}],"text":…} of a code field and its name field. */
static void put_named(Map *m, Str name, Str system, MapRow *r, const int fields[2]) {
    json_put_name(&m->w, name);
    if (str_trim(map_peek(r, fields[0])).len == 0 && !map_has(r, fields[1])) {
        json_open_object(&m->w);
        json_member(&m->w, "text", STR(MAP_NO_NAME));
        json_close_object(&m->w);
        return;
    }
    map_concept_element(m, system, r, fields[0], map_take_name(r, fields[1]));
}

static void put_category(Map *m, MapRow *r, bool is_list) {
    Str group = map_code(m, map_peek(r, XML3_MA_NHOM));
    if (group.len == 0) {
        return;
    }
    json_name(&m->w, "category");
    if (is_list) {
        json_open_array(&m->w);
    }
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, STR(MAP_SYSTEM("ma-nhom")), group, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
    if (is_list) {
        json_close_array(&m->w);
    }
}

/* ---- XML2 */

static const int DRUG[2] = {XML2_MA_THUOC, XML2_TEN_THUOC};

static void put_dosage(Map *m, MapRow *r) {
    bool has_route = str_trim(map_peek(r, XML2_DUONG_DUNG)).len > 0;
    if (!map_has(r, XML2_LIEU_DUNG) && !map_has(r, XML2_CACH_DUNG) && !has_route) {
        return;
    }
    json_name(&m->w, "dosageInstruction");
    json_open_array(&m->w);
    json_open_object(&m->w);
    map_text(m, STR("text"), r, XML2_LIEU_DUNG);
    map_text(m, STR("patientInstruction"), r, XML2_CACH_DUNG);
    map_concept(m, STR("route"), STR(MAP_SYSTEM("duong-dung")), r, XML2_DUONG_DUNG);
    json_close_object(&m->w);
    json_close_array(&m->w);
}

/* The amount is kept by the bill's line, which has to carry it too. */
static void put_amount(Map *m, Str name, MapRow *r, int value, int unit) {
    Str amount = map_peek(r, value);
    if (map_is_json_number(amount)) {
        json_put_name(&m->w, name);
        json_open_object(&m->w);
        json_name(&m->w, "value");
        json_put_raw(&m->w, amount);
        json_member(&m->w, "unit", map_take(r, unit));
        json_close_object(&m->w);
    }
}

static void put_prescription(Map *m, MapRow *r) {
    static const int fields[] = {XML2_HAM_LUONG, XML2_DANG_BAO_CHE, XML2_SO_DANG_KY,
                                 XML2_MA_PP_CHEBIEN};
    r->resource =
        map_open(m, FHIR_T_MEDICATION_REQUEST, map_role(m, STR("xml2/"), r->number, STR("")));
    map_extensions(m, r, fields, ARRAY_LEN(fields));
    json_member(&m->w, "status", STR("completed"));
    json_member(&m->w, "intent", STR("order"));
    put_named(m, STR("medicationCodeableConcept"), STR(MAP_SYSTEM("ma-thuoc")), r, DRUG);
    map_subject(m);
    map_time(m, STR("authoredOn"), r, XML2_NGAY_YL);
    map_practitioner(m, STR("requester"), r, XML2_MA_BAC_SI);
    put_dosage(m, r);
    if (map_is_json_number(map_peek(r, XML2_SO_LUONG))) {
        json_name(&m->w, "dispenseRequest");
        json_open_object(&m->w);
        put_amount(m, STR("quantity"), r, XML2_SO_LUONG, XML2_DON_VI_TINH);
        json_close_object(&m->w);
    }
    map_close(m);
}

/* A drug counts as handed out when the time of it is there. */
static void put_dispense(Map *m, MapRow *r) {
    Civil c;
    if (time_parse_claim(map_peek(r, XML2_NGAY_TH_YL), &c) != ERR_OK) {
        return;
    }
    (void)map_open(m, FHIR_T_MEDICATION_DISPENSE,
                   map_role(m, STR("xml2/"), r->number, STR("/dispense")));
    json_member(&m->w, "status", STR("completed"));
    put_named(m, STR("medicationCodeableConcept"), STR(MAP_SYSTEM("ma-thuoc")), r, DRUG);
    map_patient(m, STR("subject"));
    map_local(m, STR("context"), FHIR_T_ENCOUNTER, m->encounter);
    json_name(&m->w, "authorizingPrescription");
    json_open_array(&m->w);
    map_local_element(m, FHIR_T_MEDICATION_REQUEST, r->resource);
    json_close_array(&m->w);
    put_amount(m, STR("quantity"), r, XML2_SO_LUONG, XML2_DON_VI_TINH);
    map_time(m, STR("whenHandedOver"), r, XML2_NGAY_TH_YL);
    map_close(m);
}

void map_put_drugs(Map *m) {
    for (int i = 0; i < m->n_rows[2]; i++) {
        put_prescription(m, &m->rows[2][i]);
        put_dispense(m, &m->rows[2][i]);
    }
}

/* ---- XML3 */

static const int SERVICE[2] = {XML3_MA_DICH_VU, XML3_TEN_DICH_VU};
static const int SUPPLY[2] = {XML3_MA_VAT_TU, XML3_TEN_VAT_TU};

static void put_order(Map *m, MapRow *r) {
    static const int fields[] = {XML3_NGAY_KQ, XML3_MA_MAY, XML3_VI_TRI_TH_DVKT, XML3_PP_VO_CAM};
    r->resource =
        map_open(m, FHIR_T_SERVICE_REQUEST, map_role(m, STR("xml3/"), r->number, STR("/order")));
    map_extensions(m, r, fields, ARRAY_LEN(fields));
    json_member(&m->w, "status", STR("completed"));
    json_member(&m->w, "intent", STR("order"));
    put_category(m, r, true);
    put_named(m, STR("code"), STR(MAP_SYSTEM("dvkt")), r, SERVICE);
    map_subject(m);
    map_time(m, STR("occurrenceDateTime"), r, XML3_NGAY_TH_YL);
    map_time(m, STR("authoredOn"), r, XML3_NGAY_YL);
    map_practitioner(m, STR("requester"), r, XML3_MA_BAC_SI);
    map_practitioners(m, STR("performer"), NULL, r, XML3_NGUOI_THUC_HIEN);
    if (str_trim(map_peek(r, XML3_MA_KHOA)).len > 0) {
        json_name(&m->w, "locationReference");
        json_open_array(&m->w);
        if (map_put_department(m, str_trim(map_peek(r, XML3_MA_KHOA))) &&
            str_trim(map_peek(r, XML3_MA_KHOA)).len == map_peek(r, XML3_MA_KHOA).len) {
            map_keep(r, XML3_MA_KHOA);
        }
        json_close_array(&m->w);
    }
    map_close(m);
}

/* performedPeriod when the end is known too. */
static void put_performed(Map *m, MapRow *r) {
    Civil c;
    bool from = time_parse_claim(map_peek(r, XML3_NGAY_TH_YL), &c) == ERR_OK;
    bool to = time_parse_claim(map_peek(r, XML3_NGAY_KQ), &c) == ERR_OK;
    if (from && to) {
        json_name(&m->w, "performedPeriod");
        json_open_object(&m->w);
        map_time(m, STR("start"), r, XML3_NGAY_TH_YL);
        map_time(m, STR("end"), r, XML3_NGAY_KQ);
        json_close_object(&m->w);
    } else if (from) {
        map_time(m, STR("performedDateTime"), r, XML3_NGAY_TH_YL);
    }
}

/* The service's own code, then the ICD-9-CM codes of what was done. */
static void put_procedure_code(Map *m, MapRow *r) {
    Str raw = map_peek(r, XML3_MA_DICH_VU);
    Str code = map_code(m, raw);
    MapParts done = map_parts(map_peek(r, XML3_MA_PTTT_QT));
    bool exact = done.exact;
    json_name(&m->w, "code");
    json_open_object(&m->w);
    if (code.len > 0 || done.n > 0) {
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        if (code.len > 0) {
            map_put_coding(m, STR(MAP_SYSTEM("dvkt")), code, STR_EMPTY);
        }
        for (int i = 0; i < done.n; i++) {
            Str part = map_code(m, done.part[i]);
            exact = exact && str_eq(part, done.part[i]);
            map_put_coding(m, STR(MAP_SYSTEM("icd9cm")), part, STR_EMPTY);
        }
        json_close_array(&m->w);
    }
    json_member(&m->w, "text",
                map_has(r, XML3_TEN_DICH_VU) ? map_take_name(r, XML3_TEN_DICH_VU)
                : code.len > 0 || done.n > 0 ? STR_EMPTY
                                             : STR(MAP_NO_NAME));
    json_close_object(&m->w);
    if (str_eq(code, raw)) {
        map_keep(r, XML3_MA_DICH_VU);
    }
    if (exact) {
        map_keep(r, XML3_MA_PTTT_QT);
    }
}

static void put_procedure(Map *m, MapRow *r) {
    static const int fields[] = {XML3_NGAY_YL, XML3_NGAY_KQ, XML3_PP_VO_CAM, XML3_VI_TRI_TH_DVKT,
                                 XML3_MA_MAY};
    r->resource =
        map_open(m, FHIR_T_PROCEDURE, map_role(m, STR("xml3/"), r->number, STR("/procedure")));
    json_member(&m->w, "status", STR("completed"));
    put_category(m, r, false);
    put_procedure_code(m, r);
    map_subject(m);
    put_performed(m, r);
    map_practitioner(m, STR("recorder"), r, XML3_MA_BAC_SI);
    map_practitioners(m, STR("performer"), "actor", r, XML3_NGUOI_THUC_HIEN);
    map_department(m, STR("location"), r, XML3_MA_KHOA);
    map_extensions(m, r, fields, ARRAY_LEN(fields));
    map_close(m);
}

static void put_supply(Map *m, MapRow *r) {
    static const int fields[] = {XML3_MA_HIEU_SP, XML3_TAI_SU_DUNG, XML3_GOI_VTYT, XML3_NGAY_YL};
    r->resource =
        map_open(m, FHIR_T_SUPPLY_DELIVERY, map_role(m, STR("xml3/"), r->number, STR("/supply")));
    json_name(&m->w, "extension");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_member(&m->w, "url", STR(CLAIM_BASE "StructureDefinition/encounter"));
    map_local(m, STR("valueReference"), FHIR_T_ENCOUNTER, m->encounter);
    json_close_object(&m->w);
    map_extension(m, r, fields, ARRAY_LEN(fields), -1);
    json_close_array(&m->w);
    json_member(&m->w, "status", STR("completed"));
    map_patient(m, STR("patient"));
    json_name(&m->w, "type");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, STR(MAP_TERM "supply-item-type"), STR("device"), STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
    json_name(&m->w, "suppliedItem");
    json_open_object(&m->w);
    put_amount(m, STR("quantity"), r, XML3_SO_LUONG, XML3_DON_VI_TINH);
    put_named(m, STR("itemCodeableConcept"), STR(MAP_SYSTEM("vtyt")), r, SUPPLY);
    json_close_object(&m->w);
    map_time(m, STR("occurrenceDateTime"), r, XML3_NGAY_TH_YL);
    map_close(m);
}

void map_put_services(Map *m) {
    for (int i = 0; i < m->n_rows[3]; i++) {
        MapRow *r = &m->rows[3][i];
        Str code = map_peek(r, XML3_MA_DICH_VU);
        if (code.len > 0 && map_index_get(&m->service_index, code) < 0) {
            map_index_put(m, &m->service_index, code, i);
        }
        switch (map_service(r)) {
        case MAP_SERVICE_ORDER:
            put_order(m, r);
            break;
        case MAP_SERVICE_PROCEDURE:
            put_procedure(m, r);
            break;
        case MAP_SERVICE_SUPPLY:
            put_supply(m, r);
            break;
        case MAP_SERVICE_BILLED:
        default:
            break;
        }
    }
}
