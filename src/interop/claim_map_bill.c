/* XML1–XML3 → Claim: every money field exactly as sent; all fields that no other resource has kept.
 */
#include "interop/claim_map_int.h"

#define ICD10 "http://hl7.org/fhir/sid/icd-10"

static void put_term(Map *m, Str name, Str system, Str code) {
    json_put_name(&m->w, name);
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, system, code, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
}

/* Claim.created must be there: the settlement, else the end of the care, else its beginning.
 * NGAY_TTOAN itself stands in the extension, so that its absence can be told. */
static void put_created(Map *m, const MapRow *r) {
    static const int fields[] = {XML1_NGAY_TTOAN, XML1_NGAY_RA, XML1_NGAY_VAO};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (map_put_time(m, STR("created"), map_peek(r, fields[i]))) {
            return;
        }
    }
    if (!map_put_time(m, STR("created"), m->claim->made)) {
        json_member(&m->w, "created", STR("1970"));
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
        json_name(&m->w, "sequence");
        json_put_i64(&m->w, i + 1);
        map_local(m, STR("diagnosisReference"), FHIR_T_CONDITION, m->condition + i);
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
}

static void put_procedures(Map *m, MapRow *r) {
    MapParts p = map_parts(map_peek(r, XML1_MA_PTTT_QT));
    bool exact = p.exact;
    if (p.n == 0) {
        return;
    }
    json_name(&m->w, "procedure");
    json_open_array(&m->w);
    for (int i = 0; i < p.n; i++) {
        Str code = map_code(m, p.part[i]);
        exact = exact && str_eq(code, p.part[i]);
        json_open_object(&m->w);
        json_name(&m->w, "sequence");
        json_put_i64(&m->w, i + 1);
        put_term(m, STR("procedureCodeableConcept"), STR(MAP_SYSTEM("icd9cm")), code);
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
    if (exact) {
        map_keep(r, XML1_MA_PTTT_QT);
    }
}

static void put_insurance(Map *m) {
    json_name(&m->w, "insurance");
    json_open_array(&m->w);
    for (int i = 0; i < m->n_coverage; i++) {
        json_open_object(&m->w);
        json_name(&m->w, "sequence");
        json_put_i64(&m->w, i + 1);
        json_name(&m->w, "focal");
        json_put_bool(&m->w, i == 0);
        map_local(m, STR("coverage"), FHIR_T_COVERAGE, m->coverage + i);
        json_close_object(&m->w);
    }
    json_close_array(&m->w);
}

/* ---- lines */

/* Where XML2 and XML3 keep the same things. */
typedef struct Line {
    const char *system; /* of the code */
    int code, name, group, amount, price, total, ordered, diagnosis;
} Line;

static const Line DRUG_LINE = {MAP_SYSTEM("ma-thuoc"), XML2_MA_THUOC, XML2_TEN_THUOC,
                               XML2_MA_NHOM,           XML2_SO_LUONG, XML2_DON_GIA,
                               XML2_THANH_TIEN_BV,     XML2_NGAY_YL,  -1};
static const Line SERVICE_LINE = {MAP_SYSTEM("dvkt"), XML3_MA_DICH_VU, XML3_TEN_DICH_VU,
                                  XML3_MA_NHOM,       XML3_SO_LUONG,   XML3_DON_GIA_BV,
                                  XML3_THANH_TIEN_BV, XML3_NGAY_YL,    XML3_MA_BENH};
static const Line SUPPLY_LINE = {MAP_SYSTEM("vtyt"), XML3_MA_VAT_TU, XML3_TEN_VAT_TU,
                                 XML3_MA_NHOM,       XML3_SO_LUONG,  XML3_DON_GIA_BV,
                                 XML3_THANH_TIEN_BV, XML3_NGAY_YL,   XML3_MA_BENH};

/* A code that is one of the claim's diagnoses: its number, from 1; else 0. */
static int diagnosis_number(const Map *m, Str code) {
    for (int i = 0; i < m->n_conditions; i++) {
        if (str_eq(m->diagnoses[i], code)) {
            return i + 1;
        }
    }
    return 0;
}

static void put_line_diagnoses(Map *m, MapRow *r, int field) {
    MapParts p = map_parts(field < 0 ? STR_EMPTY : map_peek(r, field));
    bool all = p.exact && p.n > 0;
    for (int i = 0; i < p.n; i++) {
        all = all && diagnosis_number(m, p.part[i]) > 0;
    }
    if (!all) {
        return;
    }
    json_name(&m->w, "diagnosisSequence");
    json_open_array(&m->w);
    for (int i = 0; i < p.n; i++) {
        json_put_i64(&m->w, diagnosis_number(m, p.part[i]));
    }
    json_close_array(&m->w);
    map_keep(r, field);
}

/* The name stands in the linked resource; lines without one carry it here. */
static void put_product(Map *m, MapRow *r, const Line *line) {
    bool has_code = str_trim(map_peek(r, line->code)).len > 0;
    Str name = r->resource < 0 || !has_code ? map_take_name(r, line->name) : STR_EMPTY;
    json_name(&m->w, "productOrService");
    map_concept_element(m, str_from(line->system), r, line->code,
                        has_code || name.len > 0 ? name : STR(MAP_NO_NAME));
}

/* Item.serviced[x] is a date or a period; the order's time is the start of one. */
static void put_serviced(Map *m, MapRow *r, const Line *line) {
    Civil c;
    if (r->resource < 0 && time_parse_claim(map_peek(r, line->ordered), &c) == ERR_OK) {
        json_name(&m->w, "servicedPeriod");
        json_open_object(&m->w);
        map_time(m, STR("start"), r, line->ordered);
        json_close_object(&m->w);
    }
}

/* The extension comes last: it holds every field that nothing before it has kept. */
static void put_line(Map *m, MapRow *r, const Line *line, int sequence) {
    json_open_object(&m->w);
    json_name(&m->w, "sequence");
    json_put_i64(&m->w, sequence);
    put_line_diagnoses(m, r, line->diagnosis);
    map_concept(m, STR("category"), STR(MAP_SYSTEM("ma-nhom")), r, line->group);
    put_product(m, r, line);
    put_serviced(m, r, line);
    map_quantity(m, STR("quantity"), r, line->amount, -1);
    map_money(m, STR("unitPrice"), r, line->price);
    map_money(m, STR("net"), r, line->total);
    json_name(&m->w, "encounter");
    json_open_array(&m->w);
    map_local_element(m, FHIR_T_ENCOUNTER, m->encounter);
    json_close_array(&m->w);
    if (r->resource >= 0 || map_extension_has(r, NULL, 0)) {
        json_name(&m->w, "extension");
        json_open_array(&m->w);
        map_extension(m, r, NULL, 0, r->resource);
        json_close_array(&m->w);
    }
    json_close_object(&m->w);
}

static void put_lines(Map *m) {
    int n = 0;
    if (m->n_rows[2] + m->n_rows[3] == 0) {
        return;
    }
    json_name(&m->w, "item");
    json_open_array(&m->w);
    for (int i = 0; i < m->n_rows[2]; i++) {
        put_line(m, &m->rows[2][i], &DRUG_LINE, ++n);
    }
    for (int i = 0; i < m->n_rows[3]; i++) {
        MapRow *r = &m->rows[3][i];
        bool supply = map_service(r) == MAP_SERVICE_SUPPLY;
        put_line(m, r, supply ? &SUPPLY_LINE : &SERVICE_LINE, ++n);
    }
    json_close_array(&m->w);
}

void map_put_bill(Map *m, MapRow *r) {
    (void)map_open(m, FHIR_T_CLAIM, STR("claim"));
    json_name(&m->w, "identifier");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_member(&m->w, "system", STR(CLAIM_SYSTEM_VISIT));
    json_member(&m->w, "value",
                arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility),
                             STR_ARG(map_peek(r, XML1_MA_LK))));
    json_close_object(&m->w);
    json_close_array(&m->w);
    json_member(&m->w, "status", STR("active"));
    put_term(m, STR("type"), STR(MAP_TERM "claim-type"), STR("institutional"));
    json_member(&m->w, "use", STR("claim"));
    map_patient(m, STR("patient"));
    put_created(m, r);
    json_name(&m->w, "insurer");
    map_put_insurer(m);
    json_name(&m->w, "provider");
    (void)map_put_organization(m, m->claim->facility);
    put_term(m, STR("priority"), STR(MAP_TERM "processpriority"), STR("normal"));
    put_diagnoses(m);
    put_procedures(m, r);
    put_insurance(m);
    put_lines(m);
    map_money(m, STR("total"), r, XML1_T_TONGCHI_BV);
    map_extensions(m, r, NULL, 0);
    map_close(m);
}
