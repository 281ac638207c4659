/* GET /api/citizens/ID: the lifelong record on one screen. */
#include "api/api_record.h"

#include "api/api_life.h"
#include "core/hash.h"
#include "interop/claim_identity.h"
#include "vn/vn.h"

/* ---- the banner ---- */

static void put_identifiers(JsonWriter *w, Arena *arena, const JsonNode *patient) {
    static const struct {
        const char *system, *kind;
    } kinds[] = {{CLAIM_SYSTEM_CCCD, "cccd"},
                 {CLAIM_SYSTEM_CARD, "card"},
                 {CLAIM_SYSTEM_MA_BN, "facility"},
                 {CLAIM_SYSTEM_CMND, "cmnd"},
                 {CLAIM_SYSTEM_PASSPORT, "passport"}};
    const JsonNode *list = json_get_lit(patient, "identifier");
    json_name(w, "identifiers");
    json_open_array(w);
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            if (json_str_is(json_get_lit(i, "system"), str_from(kinds[k].system))) {
                json_open_object(w);
                json_member(w, "kind", str_from(kinds[k].kind));
                json_member(w, "value", json_str(arena, json_get_lit(i, "value")));
                json_close_object(w);
            }
        }
    }
    json_close_array(w);
}

static void put_banner(JsonWriter *w, Arena *arena, const StoreVersion *v, const JsonNode *p) {
    json_member(w, "id", v->id);
    put_member_or_null(w, STR("name"), citizen_name(arena, p));
    put_member_or_null(w, STR("birth"), json_str(arena, json_get_lit(p, "birthDate")));
    put_member_or_null(w, STR("sex"), json_str(arena, json_get_lit(p, "gender")));
    put_member_or_null(w, STR("deceased"), json_str(arena, json_get_lit(p, "deceasedDateTime")));
    put_member_or_null(w, STR("ward"), citizen_ward(arena, p));
    put_member_or_null(w, STR("address"), json_str(arena, json_path(p, "address.text")));
    put_member_or_null(w, STR("phone"), json_str(arena, json_path(p, "telecom.value")));
    put_identifiers(w, arena, p);
}

static void put_coverage(JsonWriter *w, const Life *r) {
    json_name(w, "coverage");
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        const JsonNode *c = r->items[i].root;
        Str card = r->items[i].type == FHIR_T_COVERAGE
                       ? json_str(r->arena, json_get_lit(c, "subscriberId"))
                       : STR_EMPTY;
        if (card.len == 0) {
            continue;
        }
        const JsonNode *list = json_get_lit(c, "extension");
        Str facility = STR_EMPTY;
        for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
             e != NULL && facility.len == 0; e = json_next(list, e)) {
            facility = life_reference(r->arena, json_get_lit(e, "valueReference"),
                                      STR("Organization/cskcb-"));
        }
        json_open_object(w);
        json_member(w, "card", card);
        put_member_or_null(w, STR("from"), json_str(r->arena, json_path(c, "period.start")));
        put_member_or_null(w, STR("to"), json_str(r->arena, json_path(c, "period.end")));
        put_member_or_null(w, STR("facility"), facility);
        put_member_or_null(
            w, STR("facility_name"),
            facility.len == 0 ? STR_EMPTY : api_facility_name(api_of(r->call), r->arena, facility));
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- visits ---- */

static void put_diagnosis(JsonWriter *w, const Life *r, Str encounter) {
    bool english = r->call->language == FHIR_LANG_EN;
    Str others[32];
    size_t n = 0;
    bool main_seen = false;
    size_t at = life_first(r, encounter);
    const LifeItem *c = life_next(r, FHIR_T_CONDITION, encounter, &at);
    for (; c != NULL && n < ARRAY_LEN(others); c = life_next(r, FHIR_T_CONDITION, encounter, &at)) {
        Str code = life_code(r->arena, json_get_lit(c->root, "code"), STR(READING_ICD10));
        if (!main_seen) {
            main_seen = true;
            put_member_or_null(w, STR("icd"), code);
            put_member_or_null(w, STR("diagnosis"),
                               life_icd_name(r->arena, c->root, code, english));
        } else if (code.len > 0) {
            others[n++] = code;
        }
    }
    json_name(w, "others");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_put_str(w, others[i]);
    }
    json_close_array(w);
}

static void put_visit(JsonWriter *w, const Life *r, const LifeItem *e) {
    const LifeItem *claim = life_claim(r, e->id);
    Str facility = life_reference(r->arena, json_get_lit(e->root, "serviceProvider"),
                                  STR("Organization/cskcb-"));
    const JsonNode *types = json_get_lit(e->root, "type");
    types = json_is(types, JSON_ARRAY) ? json_first(types) : NULL;
    json_open_object(w);
    json_member(w, "id", e->id);
    put_member_or_null(w, STR("start"), json_str(r->arena, json_path(e->root, "period.start")));
    put_member_or_null(w, STR("end"), json_str(r->arena, json_path(e->root, "period.end")));
    put_member_or_null(w, STR("kind"), json_str(r->arena, json_path(e->root, "class.code")));
    put_member_or_null(w, STR("type"), life_code(r->arena, types, STR_EMPTY));
    put_member_or_null(w, STR("facility"), facility);
    put_member_or_null(w, STR("facility_name"),
                       facility.len == 0 ? STR_EMPTY
                                         : api_facility_name(api_of(r->call), r->arena, facility));
    put_diagnosis(w, r, e->id);
    const JsonNode *bill = claim == NULL ? NULL : claim->root;
    life_put_number(w, STR("cost"), json_path(bill, "total.value"));
    life_put_number(w, STR("insurance_paid"), life_bill_field(bill, STR("T_BHTT")));
    json_close_object(w);
}

/* ISO texts of one zone sort by time. */
static int by_start_desc(const void *a, const void *b) {
    const LifeItem *x = *(const LifeItem *const *)a;
    const LifeItem *y = *(const LifeItem *const *)b;
    return str_cmp(json_raw_str(json_path(y->root, "period.start")),
                   json_raw_str(json_path(x->root, "period.start")));
}

static ErrCode put_visits(JsonWriter *w, const Life *r) {
    const LifeItem **visits = arena_new_array(r->arena, const LifeItem *, r->n + 1);
    size_t n = 0;
    if (visits == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].type == FHIR_T_ENCOUNTER) {
            visits[n++] = &r->items[i];
        }
    }
    qsort(visits, n, sizeof(*visits), by_start_desc);
    json_name(w, "visits");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        put_visit(w, r, visits[i]);
    }
    json_close_array(w);
    return ERR_OK;
}

/* Was it released? Not preliminary, not cancelled. */
static bool is_final(const JsonNode *observation) {
    const JsonNode *status = json_get_lit(observation, "status");
    return json_str_is(status, STR("final")) || json_str_is(status, STR("amended")) ||
           json_str_is(status, STR("corrected"));
}

/* The value of a result of LOINC 882-1 (ABO and Rh) or 883-9 (ABO); empty for anything else. */
static Str blood_group_of(const Life *r, const LifeItem *item) {
    Str code = item->type == FHIR_T_OBSERVATION && is_final(item->root)
                   ? life_code(r->arena, json_get_lit(item->root, "code"), STR("http://loinc.org"))
                   : STR_EMPTY;
    if (!str_eq(code, STR("882-1")) && !str_eq(code, STR("883-9"))) {
        return STR_EMPTY;
    }
    Str text = json_str(r->arena, json_get_lit(item->root, "valueString"));
    return text.len > 0 ? text
                        : life_name(r->arena, json_get_lit(item->root, "valueCodeableConcept"));
}

/* The newest one by its own time, of the same time the newest record's; null where none is. */
static void put_blood_group(JsonWriter *w, const Life *r) {
    Str value = STR_EMPTY;
    Str newest = STR_EMPTY;
    for (size_t i = 0; i < r->n; i++) {
        Str found = blood_group_of(r, &r->items[i]);
        Str time = found.len > 0 ? life_result_time(r->arena, r->items[i].root) : STR_EMPTY;
        if (found.len > 0 && (value.len == 0 || str_cmp(time, newest) > 0)) {
            value = found;
            newest = time;
        }
    }
    put_member_or_null(w, STR("blood_group"), value);
}

static bool is_refuted(Arena *arena, const JsonNode *allergy) {
    const JsonNode *status = json_get_lit(allergy, "verificationStatus");
    return str_eq(life_code(arena, status, STR_EMPTY), STR("refuted"));
}

/* Null as long as not all is read: no allergy seen is not none recorded. */
static void put_allergies(JsonWriter *w, const Life *r) {
    json_name(w, "allergies");
    if (r->is_cut) {
        json_put_null(w);
        return;
    }
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].type == FHIR_T_ALLERGY_INTOLERANCE &&
            !is_refuted(r->arena, r->items[i].root)) {
            json_put_str(w, life_name(r->arena, json_get_lit(r->items[i].root, "code")));
        }
    }
    json_close_array(w);
}

ErrCode citizen_record(RestCall *call, const StoreVersion *patient, size_t newest, Buf *out) {
    const JsonNode *p = NULL;
    Life r = {.newest = newest};
    TRY(json_parse(call->arena, patient->json, &p, NULL));
    TRY(life_gather(&r, call, patient->id));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_banner(&w, call->arena, patient, p);
    put_coverage(&w, &r);
    put_blood_group(&w, &r);
    TRY(put_visits(&w, &r));
    TRY(life_put_problems(&w, &r));
    TRY(life_put_drugs(&w, &r));
    TRY(life_put_results(&w, &r));
    put_allergies(&w, &r);
    json_name(&w, "whole");
    json_put_bool(&w, !r.is_cut);
    json_close_object(&w);
    return buf_ok(out);
}
