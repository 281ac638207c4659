#include "api/api_reading.h"

#include "interop/claim_identity.h"
#include "vn/vn.h"

#define EXT_BILL CLAIM_BASE "StructureDefinition/xml1"

/* ---- a Patient ---- */

Str citizen_name(Arena *arena, const JsonNode *patient) {
    return json_str(arena, json_path(patient, "name.text"));
}

/* The value of the last identifier of that system: the newest one stands last. */
Str citizen_identifier(Arena *arena, const JsonNode *patient, Str system) {
    const JsonNode *list = json_get_lit(patient, "identifier");
    Str value = STR_EMPTY;
    if (json_is(list, JSON_ARRAY)) {
        for (const JsonNode *i = json_first(list); i != NULL; i = json_next(list, i)) {
            if (json_str_is(json_get_lit(i, "system"), system)) {
                value = json_str(arena, json_get_lit(i, "value"));
            }
        }
    }
    return value;
}

Str citizen_ward(Arena *arena, const JsonNode *patient) {
    const JsonNode *address = json_get_lit(patient, "address");
    address = json_is(address, JSON_ARRAY) ? json_first(address) : address;
    const JsonNode *list = json_get_lit(address, "extension");
    Str code = STR_EMPTY;
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        const JsonNode *inner = json_get_lit(e, "extension");
        for (const JsonNode *i = json_is(inner, JSON_ARRAY) ? json_first(inner) : NULL; i != NULL;
             i = json_next(inner, i)) {
            if (json_str_is(json_get_lit(i, "url"), STR("MAXA_CU_TRU"))) {
                code = json_str(arena, json_get_lit(i, "valueString"));
            }
        }
    }
    const VnWard *ward = vn_ward(code);
    return ward == NULL ? code : ward->full_name;
}

void put_member_or_null(JsonWriter *w, Str name, Str value) {
    json_put_name(w, name);
    if (value.len == 0) {
        json_put_null(w);
    } else {
        json_put_str(w, value);
    }
}

/* ---- other resources ---- */

Str life_code(Arena *arena, const JsonNode *concept, Str system) {
    const JsonNode *list = json_get_lit(concept, "coding");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
         c = json_next(list, c)) {
        if (system.len == 0 || json_str_is(json_get_lit(c, "system"), system)) {
            return json_str(arena, json_get_lit(c, "code"));
        }
    }
    return STR_EMPTY;
}

/* The text of a concept, or the display of its first coding, or its code. */
Str life_name(Arena *arena, const JsonNode *concept) {
    Str text = json_str(arena, json_get_lit(concept, "text"));
    if (text.len == 0) {
        text = json_str(arena, json_path(concept, "coding.display"));
    }
    return text.len > 0 ? text : life_code(arena, concept, STR_EMPTY);
}

Str life_icd_name(Arena *arena, const JsonNode *condition, Str code, bool english) {
    const VnIcd10 *entry = vn_icd10_near(code);
    if (entry != NULL) {
        return english ? entry->name_en : entry->name_vi;
    }
    return life_name(arena, json_get_lit(condition, "code"));
}

const JsonNode *life_bill_field(const JsonNode *claim, Str name) {
    const JsonNode *list = json_get_lit(claim, "extension");
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        const JsonNode *fields = json_get_lit(e, "extension");
        if (!json_str_is(json_get_lit(e, "url"), STR(EXT_BILL)) || !json_is(fields, JSON_ARRAY)) {
            continue;
        }
        for (const JsonNode *f = json_first(fields); f != NULL; f = json_next(fields, f)) {
            if (json_str_is(json_get_lit(f, "url"), name)) {
                const JsonNode *value = json_get_lit(f, "valueDecimal");
                return value == NULL ? json_get_lit(f, "valueString") : value;
            }
        }
    }
    return NULL;
}

void life_put_number(JsonWriter *w, Str name, const JsonNode *value) {
    json_put_name(w, name);
    if (json_is(value, JSON_NUMBER)) {
        json_put_raw(w, json_raw(value));
    } else {
        json_put_null(w);
    }
}

Str life_condition_key(Arena *arena, const JsonNode *root) {
    return life_code(arena, json_get_lit(root, "code"), STR(READING_ICD10));
}

Str life_result_time(Arena *arena, const JsonNode *root) {
    return json_str(arena, json_get_lit(root, "effectiveDateTime"));
}

Str life_reference(Arena *arena, const JsonNode *reference, Str prefix) {
    reference = json_is(reference, JSON_ARRAY) ? json_first(reference) : reference;
    Str text = json_str(arena, json_get_lit(reference, "reference"));
    return str_starts(text, prefix) ? str_sub(text, prefix.len, text.len) : STR_EMPTY;
}
