/* Encounter, Conditions, weight and the bill's head → XML1. */
#include "interop/claim_unmap_int.h"

#define ICD10 "http://hl7.org/fhir/sid/icd-10"
#define BODY_WEIGHT "29463-7"

/* ---- keys */

/* The value of the identifier with that system, or empty. */
static Str identifier(Unmap *u, const JsonNode *resource, Str system) {
    const JsonNode *list = json_get_lit(resource, "identifier");
    for (const JsonNode *i = unmap_first(list); i != NULL; i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), system)) {
            return json_str(u->arena, json_get_lit(i, "value"));
        }
    }
    return STR_EMPTY;
}

/* FACILITY|KEY: the facility ends where the key, if an extension says it, begins; else at the first
 * bar. */
static void cut_key(Str value, Str said, Str *ret_facility, Str *ret_key) {
    bool fits = said.len > 0 && value.len > said.len && str_ends(value, said) &&
                value.ptr[value.len - said.len - 1] == '|';
    size_t bar = fits ? value.len - said.len - 1 : str_find_char(value, '|', 0);
    bool has_bar = bar != SIZE_MAX;
    *ret_facility = has_bar ? str_sub(value, 0, bar) : STR_EMPTY;
    *ret_key = has_bar ? str_sub(value, bar + 1, value.len) : value;
}

static Str made_of(Unmap *u, const JsonNode *resource) {
    const JsonNode *tags = json_get_lit(json_get_lit(resource, "meta"), "tag");
    for (const JsonNode *t = unmap_first(tags); t != NULL; t = json_next(tags, t)) {
        if (json_str_is(json_get_lit(t, "system"), STR(MAP_SYSTEM("ngay-lap")))) {
            return json_str(u->arena, json_get_lit(t, "code"));
        }
    }
    return STR_EMPTY;
}

/* ---- diagnoses */

typedef struct Diagnoses {
    UnmapList main, others, traditional;
    const JsonNode *main_condition;
} Diagnoses;

static void add_diagnosis(Unmap *u, Diagnoses *d, const JsonNode *diagnosis) {
    const ClaimStored *r = unmap_resolve(u, json_get_lit(diagnosis, "condition"));
    const JsonNode *code = r == NULL ? NULL : json_get_lit(r->root, "code");
    Str icd = unmap_coded(u, code, STR(ICD10));
    bool is_main = str_eq(
        unmap_coded(u, json_get_lit(diagnosis, "use"), STR(MAP_TERM "diagnosis-role")), STR("DD"));
    if (icd.len > 0) {
        unmap_list_add(is_main && d->main.n == 0 ? &d->main : &d->others, icd);
        if (d->main_condition == NULL || (is_main && d->main.n == 1)) {
            d->main_condition = r->root;
        }
    } else {
        unmap_list_add(&d->traditional, unmap_coded(u, code, STR(MAP_SYSTEM("ma-benh-yhct"))));
    }
}

/* A list in the extension may repeat codes, also the main one: FHIR has each once. */
static void put_others(Unmap *u, Str *v, Str main_code, const UnmapList *codes) {
    MapParts said = map_parts(*v);
    UnmapList once = {.n = 0};
    for (int i = 0; i < said.n; i++) {
        Str code = map_code(u->map, said.part[i]);
        bool seen = str_eq(code, main_code);
        for (int k = 0; k < once.n && !seen; k++) {
            seen = str_eq(once.item[k], code);
        }
        if (!seen) {
            unmap_list_add(&once, code);
        }
    }
    bool same = once.n == codes->n;
    for (int i = 0; i < codes->n && same; i++) {
        same = str_eq(once.item[i], codes->item[i]);
    }
    if (!same && codes->n > 0) {
        *v = STR_EMPTY;
        unmap_codes(u, v, codes);
    }
}

static void put_diagnoses(Unmap *u, Str *v) {
    Diagnoses d = {.main_condition = NULL};
    const JsonNode *list = json_get_lit(u->encounter, "diagnosis");
    for (const JsonNode *e = unmap_first(list); e != NULL; e = json_next(list, e)) {
        add_diagnosis(u, &d, e);
    }
    Str main_code = d.main.n > 0 ? d.main.item[0] : STR_EMPTY;
    if (main_code.len > 0 && !str_eq(map_code(u->map, v[XML1_MA_BENH_CHINH]), main_code)) {
        v[XML1_MA_BENH_CHINH] = main_code;
    }
    put_others(u, &v[XML1_MA_BENH_KT], main_code, &d.others);
    put_others(u, &v[XML1_MA_BENH_YHCT], STR_EMPTY, &d.traditional);
    unmap_text(u, &v[XML1_CHAN_DOAN_RV],
               json_get_lit(json_get_lit(d.main_condition, "code"), "text"));
}

/* ---- Encounter */

static void put_kinds(Unmap *u, Str *v) {
    const JsonNode *list = json_get_lit(u->encounter, "type");
    for (const JsonNode *t = unmap_first(list); t != NULL; t = json_next(list, t)) {
        unmap_code(u, &v[XML1_MA_LOAI_KCB], t, STR(MAP_SYSTEM("ma-loai-kcb")));
        unmap_code(u, &v[XML1_MA_DOITUONG_KCB], t, STR(MAP_SYSTEM("ma-doituong-kcb")));
    }
}

static void put_hospitalization(Unmap *u, Str *v) {
    const JsonNode *h = json_get_lit(u->encounter, "hospitalization");
    const JsonNode *left = json_get_lit(h, "dischargeDisposition");
    unmap_text(u, &v[XML1_GIAY_CHUYEN_TUYEN],
               json_get_lit(json_get_lit(h, "preAdmissionIdentifier"), "value"));
    unmap_actor(u, &v[XML1_MA_NOI_DI], json_get_lit(h, "origin"), STR("cskcb-"));
    unmap_actor(u, &v[XML1_MA_NOI_DEN], json_get_lit(h, "destination"), STR("cskcb-"));
    unmap_code(u, &v[XML1_MA_LOAI_RV], left, STR(MAP_SYSTEM("ma-loai-rv")));
    unmap_code(u, &v[XML1_KET_QUA_DTRI], left, STR(MAP_SYSTEM("ket-qua-dtri")));
}

static void put_encounter(Unmap *u, Str *v) {
    const JsonNode *e = u->encounter;
    const JsonNode *period = json_get_lit(e, "period");
    UnmapList departments = {.n = 0};
    put_kinds(u, v);
    unmap_time(u, &v[XML1_NGAY_VAO], json_get_lit(period, "start"));
    unmap_time(u, &v[XML1_NGAY_RA], json_get_lit(period, "end"));
    unmap_number(&v[XML1_SO_NGAY_DTRI], json_get_lit(json_get_lit(e, "length"), "value"));
    unmap_text(u, &v[XML1_LY_DO_VV],
               json_get_lit(unmap_first(json_get_lit(e, "reasonCode")), "text"));
    put_diagnoses(u, v);
    put_hospitalization(u, v);
    unmap_references(u, &departments, json_get_lit(e, "location"), "location");
    unmap_actors(u, &v[XML1_MA_KHOA], &departments, u->department_prefix);
    unmap_actor(u, &v[XML1_MA_CSKCB], json_get_lit(e, "serviceProvider"), STR("cskcb-"));
}

/* ---- others */

static bool is_weight(Unmap *u, const ClaimStored *r) {
    return r->type == FHIR_T_OBSERVATION &&
           (str_eq(r->role, STR("xml1/can-nang")) ||
            (r->role.len == 0 &&
             str_eq(unmap_coded(u, json_get_lit(r->root, "code"), STR("http://loinc.org")),
                    STR(BODY_WEIGHT))));
}

static void put_weight(Unmap *u, Str *v) {
    for (size_t i = 0; i < u->n_resources; i++) {
        if (is_weight(u, &u->resources[i])) {
            unmap_number(
                &v[XML1_CAN_NANG],
                json_get_lit(json_get_lit(u->resources[i].root, "valueQuantity"), "value"));
            return;
        }
    }
}

static void put_bill(Unmap *u, Str *v) {
    const JsonNode *list = json_get_lit(u->bill, "procedure");
    UnmapList done = {.n = 0};
    for (const JsonNode *p = unmap_first(list); p != NULL; p = json_next(list, p)) {
        unmap_codes_of(u, &done, json_get_lit(p, "procedureCodeableConcept"),
                       STR(MAP_SYSTEM("icd9cm")));
    }
    unmap_codes(u, &v[XML1_MA_PTTT_QT], &done);
    unmap_number(&v[XML1_T_TONGCHI_BV], json_get_lit(json_get_lit(u->bill, "total"), "value"));
}

/* The visit's own resources: the first Encounter with a key, the bill of the same key. */
static void find_visit(Unmap *u) {
    for (size_t i = 0; i < u->n_resources; i++) {
        const ClaimStored *r = &u->resources[i];
        bool keyed = identifier(u, r->root, STR(CLAIM_SYSTEM_VISIT)).len > 0;
        if (r->type == FHIR_T_ENCOUNTER && keyed && u->encounter == NULL) {
            u->encounter = r->root;
        }
        bool first = u->bill == NULL || str_eq(r->role, STR("claim"));
        if (r->type == FHIR_T_CLAIM && keyed && first) {
            u->bill = r->root;
        }
    }
}

ErrCode unmap_visit(Unmap *u) {
    find_visit(u);
    if (u->encounter == NULL) {
        return ERR_OK; /* a check-in: unmap_documents says if it is none either */
    }
    Str key = identifier(u, u->encounter, STR(CLAIM_SYSTEM_VISIT));
    const ClaimTable *t = claim_table(1);
    Str *v = unmap_record(u, unmap_part(u, 1), 0);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, u->encounter, t, v);
    (void)unmap_extension(u, u->bill, t, v);
    cut_key(key, v[XML1_MA_LK], &u->facility, &u->ma_lk);
    v[XML1_MA_LK] = u->ma_lk;
    u->made = made_of(u, u->encounter);
    u->department_prefix = map_department_prefix(u->arena, u->facility);
    Str chart = identifier(u, u->encounter, STR(CLAIM_BASE "sid/ma-hsba"));
    if (chart.len > u->facility.len) {
        v[XML1_MA_HSBA] = str_sub(chart, u->facility.len + 1, chart.len);
    }
    put_encounter(u, v);
    put_weight(u, v);
    put_bill(u, v);
    return u->map->err;
}
