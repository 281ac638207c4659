/* Claim.item with the resource of the same line → XML2, XML3. */
#include "interop/claim_unmap_int.h"

typedef struct Lines {
    Unmap *u;
    UnmapPart *drugs, *services;
    MapIndex dispense_of; /* MedicationRequest → place of its first MedicationDispense */
    Str *diagnoses;       /* by sequence, from 1 */
    size_t n_diagnoses;
} Lines;

enum { SEQUENCES_MAX = 1024 };

/* ---- what lines refer to */

static void index_dispenses(Lines *l) {
    Unmap *u = l->u;
    for (size_t i = 0; i < u->n_resources; i++) {
        const ClaimStored *r = &u->resources[i];
        const JsonNode *request =
            r->type == FHIR_T_MEDICATION_DISPENSE
                ? unmap_first(json_get_lit(r->root, "authorizingPrescription"))
                : NULL;
        const ClaimStored *of = unmap_resolve(u, request);
        if (of != NULL && map_index_get(&l->dispense_of, of->reference) < 0) {
            map_index_put(u->map, &l->dispense_of, of->reference, (int)i);
        }
    }
}

static const JsonNode *dispense_of(const Lines *l, const ClaimStored *request) {
    int at = request == NULL ? -1 : map_index_get(&l->dispense_of, request->reference);
    return at < 0 ? NULL : l->u->resources[at].root;
}

/* Claim.diagnosis: the code of each sequence, whatever its system. */
static ErrCode read_diagnoses(Lines *l) {
    Unmap *u = l->u;
    const JsonNode *list = json_get_lit(u->bill, "diagnosis");
    l->diagnoses = arena_new_array(u->arena, Str, SEQUENCES_MAX);
    if (l->diagnoses == NULL) {
        return ERR_NOMEM;
    }
    for (const JsonNode *d = unmap_first(list); d != NULL; d = json_next(list, d)) {
        int64_t n = 0;
        const ClaimStored *c = unmap_resolve(u, json_get_lit(d, "diagnosisReference"));
        const JsonNode *concept =
            c != NULL ? json_get_lit(c->root, "code") : json_get_lit(d, "diagnosisCodeableConcept");
        const JsonNode *coding = unmap_first(json_get_lit(concept, "coding"));
        if (json_to_i64(json_get_lit(d, "sequence"), &n) == ERR_OK && n > 0 && n < SEQUENCES_MAX) {
            l->diagnoses[n] = json_str(u->arena, json_get_lit(coding, "code"));
        }
    }
    return ERR_OK;
}

static void put_line_diagnoses(const Lines *l, Str *v, const JsonNode *item) {
    UnmapList codes = {.n = 0};
    const JsonNode *list = json_get_lit(item, "diagnosisSequence");
    for (const JsonNode *s = unmap_first(list); s != NULL; s = json_next(list, s)) {
        int64_t n = 0;
        if (json_to_i64(s, &n) == ERR_OK && n > 0 && n < SEQUENCES_MAX) {
            unmap_list_add(&codes, l->diagnoses[n]);
        }
    }
    unmap_codes(l->u, v, &codes);
}

static const JsonNode *value_of(const JsonNode *owner, const char *member) {
    return json_get_lit(json_get(owner, str_from(member)), "value");
}

/* ---- XML2 */

static void put_request(Unmap *u, Str *v, const JsonNode *r) {
    const JsonNode *dosage = unmap_first(json_get_lit(r, "dosageInstruction"));
    const JsonNode *amount = json_get_lit(json_get_lit(r, "dispenseRequest"), "quantity");
    unmap_name(u, &v[XML2_TEN_THUOC], json_get_lit(r, "medicationCodeableConcept"));
    unmap_time(u, &v[XML2_NGAY_YL], json_get_lit(r, "authoredOn"));
    unmap_actor(u, &v[XML2_MA_BAC_SI], json_get_lit(r, "requester"), STR("cchn-"));
    unmap_text(u, &v[XML2_LIEU_DUNG], json_get_lit(dosage, "text"));
    unmap_text(u, &v[XML2_CACH_DUNG], json_get_lit(dosage, "patientInstruction"));
    unmap_code(u, &v[XML2_DUONG_DUNG], json_get_lit(dosage, "route"),
               STR(MAP_SYSTEM("duong-dung")));
    unmap_text(u, &v[XML2_DON_VI_TINH], json_get_lit(amount, "unit"));
}

static ErrCode put_drug(Lines *l, const JsonNode *item, const ClaimStored *linked) {
    Unmap *u = l->u;
    const JsonNode *product = json_get_lit(item, "productOrService");
    l->drugs = l->drugs == NULL ? unmap_part(u, 2) : l->drugs;
    Str *v = unmap_record(u, l->drugs, l->drugs == NULL ? 0 : l->drugs->n + 1);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, item, l->drugs->t, v);
    if (linked != NULL) {
        (void)unmap_extension(u, linked->root, l->drugs->t, v);
        put_request(u, v, linked->root);
        unmap_time(u, &v[XML2_NGAY_TH_YL], json_get_lit(dispense_of(l, linked), "whenHandedOver"));
    }
    unmap_name(u, &v[XML2_TEN_THUOC], product);
    unmap_code(u, &v[XML2_MA_THUOC], product, STR(MAP_SYSTEM("ma-thuoc")));
    unmap_code(u, &v[XML2_MA_NHOM], json_get_lit(item, "category"), STR(MAP_SYSTEM("ma-nhom")));
    unmap_number(&v[XML2_SO_LUONG], value_of(item, "quantity"));
    unmap_number(&v[XML2_DON_GIA], value_of(item, "unitPrice"));
    unmap_number(&v[XML2_THANH_TIEN_BV], value_of(item, "net"));
    return ERR_OK;
}

/* ---- XML3 */

static void put_order(Unmap *u, Str *v, const JsonNode *r) {
    UnmapList performers = {.n = 0};
    unmap_name(u, &v[XML3_TEN_DICH_VU], json_get_lit(r, "code"));
    unmap_time(u, &v[XML3_NGAY_TH_YL], json_get_lit(r, "occurrenceDateTime"));
    unmap_time(u, &v[XML3_NGAY_YL], json_get_lit(r, "authoredOn"));
    unmap_actor(u, &v[XML3_MA_BAC_SI], json_get_lit(r, "requester"), STR("cchn-"));
    unmap_references(u, &performers, json_get_lit(r, "performer"), NULL);
    unmap_actors(u, &v[XML3_NGUOI_THUC_HIEN], &performers, STR("cchn-"));
    unmap_actor(u, &v[XML3_MA_KHOA], unmap_first(json_get_lit(r, "locationReference")),
                u->department_prefix);
}

static void put_procedure(Unmap *u, Str *v, const JsonNode *r) {
    const JsonNode *period = json_get_lit(r, "performedPeriod");
    const JsonNode *code = json_get_lit(r, "code");
    UnmapList performers = {.n = 0};
    UnmapList done = {.n = 0};
    unmap_name(u, &v[XML3_TEN_DICH_VU], code);
    unmap_codes_of(u, &done, code, STR(MAP_SYSTEM("icd9cm")));
    unmap_codes(u, &v[XML3_MA_PTTT_QT], &done);
    unmap_time(u, &v[XML3_NGAY_TH_YL], json_get_lit(r, "performedDateTime"));
    unmap_time(u, &v[XML3_NGAY_TH_YL], json_get_lit(period, "start"));
    unmap_time(u, &v[XML3_NGAY_KQ], json_get_lit(period, "end"));
    unmap_actor(u, &v[XML3_MA_BAC_SI], json_get_lit(r, "recorder"), STR("cchn-"));
    unmap_references(u, &performers, json_get_lit(r, "performer"), "actor");
    unmap_actors(u, &v[XML3_NGUOI_THUC_HIEN], &performers, STR("cchn-"));
    unmap_actor(u, &v[XML3_MA_KHOA], json_get_lit(r, "location"), u->department_prefix);
}

static void put_supply(Unmap *u, Str *v, const JsonNode *r) {
    const JsonNode *supplied = json_get_lit(r, "suppliedItem");
    unmap_name(u, &v[XML3_TEN_VAT_TU], json_get_lit(supplied, "itemCodeableConcept"));
    unmap_text(u, &v[XML3_DON_VI_TINH], json_get_lit(json_get_lit(supplied, "quantity"), "unit"));
    unmap_time(u, &v[XML3_NGAY_TH_YL], json_get_lit(r, "occurrenceDateTime"));
}

static bool is_supply(Unmap *u, const JsonNode *product, const ClaimStored *linked) {
    return linked != NULL ? linked->type == FHIR_T_SUPPLY_DELIVERY
                          : unmap_coded(u, product, STR(MAP_SYSTEM("vtyt"))).len > 0;
}

static void put_linked(Unmap *u, Str *v, const ClaimStored *linked) {
    (void)unmap_extension(u, linked->root, claim_table(3), v);
    if (linked->type == FHIR_T_SERVICE_REQUEST) {
        put_order(u, v, linked->root);
    } else if (linked->type == FHIR_T_PROCEDURE) {
        put_procedure(u, v, linked->root);
    } else if (linked->type == FHIR_T_SUPPLY_DELIVERY) {
        put_supply(u, v, linked->root);
    }
}

static ErrCode put_service(Lines *l, const JsonNode *item, const ClaimStored *linked) {
    Unmap *u = l->u;
    const JsonNode *product = json_get_lit(item, "productOrService");
    l->services = l->services == NULL ? unmap_part(u, 3) : l->services;
    Str *v = unmap_record(u, l->services, l->services == NULL ? 0 : l->services->n + 1);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, item, l->services->t, v);
    if (linked != NULL) {
        put_linked(u, v, linked);
    }
    bool supply = is_supply(u, product, linked);
    unmap_name(u, &v[supply ? XML3_TEN_VAT_TU : XML3_TEN_DICH_VU], product);
    unmap_code(u, &v[supply ? XML3_MA_VAT_TU : XML3_MA_DICH_VU], product,
               supply ? STR(MAP_SYSTEM("vtyt")) : STR(MAP_SYSTEM("dvkt")));
    unmap_time(u, &v[XML3_NGAY_YL], json_get_lit(json_get_lit(item, "servicedPeriod"), "start"));
    unmap_code(u, &v[XML3_MA_NHOM], json_get_lit(item, "category"), STR(MAP_SYSTEM("ma-nhom")));
    put_line_diagnoses(l, &v[XML3_MA_BENH], item);
    unmap_number(&v[XML3_SO_LUONG], value_of(item, "quantity"));
    unmap_number(&v[XML3_DON_GIA_BV], value_of(item, "unitPrice"));
    unmap_number(&v[XML3_THANH_TIEN_BV], value_of(item, "net"));
    return ERR_OK;
}

/* A line of drugs has a prescription, the extension of XML2, or a drug's code. */
static bool is_drug(Unmap *u, const JsonNode *item, const ClaimStored *linked) {
    return (linked != NULL && linked->type == FHIR_T_MEDICATION_REQUEST) ||
           unmap_has_extension(u, item, claim_table(2)) ||
           unmap_coded(u, json_get_lit(item, "productOrService"), STR(MAP_SYSTEM("ma-thuoc"))).len >
               0;
}

static const ClaimStored *linked_of(Unmap *u, const JsonNode *item) {
    for (int table = 2; table <= 3; table++) {
        const JsonNode *link = unmap_extension_part(u, item, claim_table(table), STR("resource"));
        if (link != NULL) {
            return unmap_resolve(u, json_get_lit(link, "valueReference"));
        }
    }
    return NULL;
}

ErrCode unmap_lines(Unmap *u) {
    Lines l = {.u = u};
    TRY(read_diagnoses(&l));
    index_dispenses(&l);
    const JsonNode *items = json_get_lit(u->bill, "item");
    for (const JsonNode *i = unmap_first(items); i != NULL; i = json_next(items, i)) {
        const ClaimStored *linked = linked_of(u, i);
        TRY(is_drug(u, i, linked) ? put_drug(&l, i, linked) : put_service(&l, i, linked));
    }
    return u->map->err;
}
