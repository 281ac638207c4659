/* One visit of a citizen, opened. */
#include "api/api_life.h"
#include "api/api_record.h"

static void put_list(JsonWriter *w, const Life *r, Str name, FhirType type, Str encounter,
                     void (*put)(JsonWriter *w, const Life *r, const LifeItem *item)) {
    json_put_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].type == type && str_eq(r->items[i].encounter, encounter)) {
            json_open_object(w);
            put(w, r, &r->items[i]);
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static void put_visit_diagnosis(JsonWriter *w, const Life *r, const LifeItem *i) {
    Str code = life_condition_key(r->arena, i->root);
    put_member_or_null(w, STR("icd"), code);
    put_member_or_null(w, STR("name"),
                       life_icd_name(r->arena, i->root, code, r->call->language == FHIR_LANG_EN));
    put_member_or_null(w, STR("text"), json_str(r->arena, json_path(i->root, "code.text")));
}

static void put_visit_drug(JsonWriter *w, const Life *r, const LifeItem *i) {
    put_member_or_null(w, STR("name"),
                       life_name(r->arena, json_get_lit(i->root, "medicationCodeableConcept")));
    put_member_or_null(w, STR("dose"),
                       json_str(r->arena, json_path(i->root, "dosageInstruction.text")));
    life_put_number(w, STR("quantity"), json_path(i->root, "dispenseRequest.quantity.value"));
    put_member_or_null(w, STR("unit"),
                       json_str(r->arena, json_path(i->root, "dispenseRequest.quantity.unit")));
}

static void put_visit_result(JsonWriter *w, const Life *r, const LifeItem *i) {
    put_member_or_null(w, STR("code"),
                       life_code(r->arena, json_get_lit(i->root, "code"), STR_EMPTY));
    put_member_or_null(w, STR("name"), life_name(r->arena, json_get_lit(i->root, "code")));
    const JsonNode *number = json_path(i->root, "valueQuantity.value");
    Str text = json_str(r->arena, json_get_lit(i->root, "valueString"));
    put_member_or_null(w, STR("value"), json_is(number, JSON_NUMBER) ? json_raw(number) : text);
    put_member_or_null(w, STR("unit"),
                       json_str(r->arena, json_path(i->root, "valueQuantity.unit")));
    put_member_or_null(w, STR("time"), life_result_time(r->arena, i->root));
}

static void put_visit_note(JsonWriter *w, const Life *r, const LifeItem *i) {
    put_member_or_null(w, STR("time"),
                       json_str(r->arena, json_get_lit(i->root, "effectiveDateTime")));
    put_member_or_null(w, STR("text"), json_str(r->arena, json_get_lit(i->root, "summary")));
}

static void put_line(JsonWriter *w, const Life *r, const JsonNode *line) {
    json_open_object(w);
    put_member_or_null(w, STR("group"),
                       life_code(r->arena, json_get_lit(line, "category"), STR_EMPTY));
    put_member_or_null(w, STR("code"),
                       life_code(r->arena, json_get_lit(line, "productOrService"), STR_EMPTY));
    put_member_or_null(w, STR("name"), life_name(r->arena, json_get_lit(line, "productOrService")));
    life_put_number(w, STR("quantity"), json_path(line, "quantity.value"));
    life_put_number(w, STR("price"), json_path(line, "unitPrice.value"));
    life_put_number(w, STR("cost"), json_path(line, "net.value"));
    json_close_object(w);
}

static void put_bill(JsonWriter *w, const Life *r, const JsonNode *claim) {
    json_name(w, "claim");
    json_open_object(w);
    life_put_number(w, STR("total"), json_path(claim, "total.value"));
    life_put_number(w, STR("insurance"), life_bill_field(claim, STR("T_BHTT")));
    life_put_number(w, STR("copay"), life_bill_field(claim, STR("T_BNCCT")));
    life_put_number(w, STR("self"), life_bill_field(claim, STR("T_BNTT")));
    life_put_number(w, STR("other"), life_bill_field(claim, STR("T_NGUONKHAC")));
    json_close_object(w);
    json_name(w, "lines");
    json_open_array(w);
    const JsonNode *items = json_get_lit(claim, "item");
    for (const JsonNode *l = json_is(items, JSON_ARRAY) ? json_first(items) : NULL; l != NULL;
         l = json_next(items, l)) {
        put_line(w, r, l);
    }
    json_close_array(w);
}

static void put_services(JsonWriter *w, const Life *r, Str encounter) {
    json_name(w, "services");
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        const LifeItem *s = &r->items[i];
        bool service = s->type == FHIR_T_PROCEDURE || s->type == FHIR_T_SERVICE_REQUEST;
        if (service && str_eq(s->encounter, encounter)) {
            Str time = json_str(r->arena, json_get_lit(s->root, "performedDateTime"));
            json_open_object(w);
            put_member_or_null(w, STR("code"),
                               life_code(r->arena, json_get_lit(s->root, "code"), STR_EMPTY));
            put_member_or_null(w, STR("name"), life_name(r->arena, json_get_lit(s->root, "code")));
            put_member_or_null(
                w, STR("time"),
                time.len > 0 ? time : json_str(r->arena, json_get_lit(s->root, "authoredOn")));
            json_close_object(w);
        }
    }
    json_close_array(w);
}

ErrCode citizen_visit(RestCall *call, const StoreVersion *patient, const StoreVersion *encounter,
                      Buf *out) {
    Str id = encounter->id;
    Life r = {.visit = id};
    TRY(life_gather(&r, call, patient->id));
    const LifeItem *claim = life_claim(&r, id);
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_member(&w, "id", id);
    put_list(&w, &r, STR("diagnoses"), FHIR_T_CONDITION, id, put_visit_diagnosis);
    put_list(&w, &r, STR("drugs"), FHIR_T_MEDICATION_REQUEST, id, put_visit_drug);
    put_services(&w, &r, id);
    put_list(&w, &r, STR("results"), FHIR_T_OBSERVATION, id, put_visit_result);
    put_list(&w, &r, STR("notes"), FHIR_T_CLINICAL_IMPRESSION, id, put_visit_note);
    if (claim != NULL) {
        put_bill(&w, &r, claim->root);
    }
    json_close_object(&w);
    return buf_ok(out);
}
