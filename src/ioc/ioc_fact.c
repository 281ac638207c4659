#include "core/decimal.h"
#include "core/json.h"
#include "ioc/ioc_int.h"
#include "vn/vn.h"

/* What the mapping of claims writes (docs/ig); other senders' Encounters count with what they have.
 */
#define BASE "https://nhip.vn/fhir/"
#define EXT_PERSON BASE "StructureDefinition/encounter-person"
#define EXT_BILL BASE "StructureDefinition/xml1"
#define SYSTEM_VISIT_TYPE BASE "CodeSystem/ma-loai-kcb"
#define ICD10 "http://hl7.org/fhir/sid/icd-10"
#define ACT_INPATIENT "IMP"

/* The extension of that url in a list of extensions, or NULL. */
static const JsonNode *extension(const JsonNode *of, Str url) {
    const JsonNode *list = json_get_lit(of, "extension");
    if (!json_is(list, JSON_ARRAY)) {
        return NULL;
    }
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get_lit(e, "url"), url)) {
            return e;
        }
    }
    return NULL;
}

static void put_code(char out[CODE_MAX], Str code) {
    if (code.len < CODE_MAX) {
        memset(out, 0, CODE_MAX);
        memcpy(out, code.ptr, code.len);
    }
}

/* Whole đồng of a decimal text, saturated. */
static uint32_t whole_dong(const JsonNode *n) {
    Decimal d;
    int64_t v = 0;
    if (!json_is(n, JSON_NUMBER) || decimal_parse(json_raw(n), &d) != ERR_OK ||
        decimal_to_i64(decimal_round(d, 0), &v) != ERR_OK || v <= 0) {
        return 0;
    }
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* The first coding of that system in a CodeableConcept, or any coding when system is empty. */
static Str coding(Arena *arena, const JsonNode *concept, Str system) {
    const JsonNode *list = json_get_lit(concept, "coding");
    if (!json_is(list, JSON_ARRAY)) {
        return STR_EMPTY;
    }
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        if (system.len == 0 || json_str_is(json_get_lit(c, "system"), system)) {
            return json_str(arena, json_get_lit(c, "code"));
        }
    }
    return STR_EMPTY;
}

static void read_person(FactWire *f, Arena *arena, const JsonNode *encounter, int64_t day) {
    const JsonNode *person = extension(encounter, STR(EXT_PERSON));
    f->age = AGE_UNKNOWN;
    if (person == NULL) {
        return;
    }
    TimeMs lo = 0;
    TimeMs hi = 0;
    Str birth = json_str(arena, json_get_lit(extension(person, STR("birthDate")), "valueDate"));
    if (birth.len > 0 && time_parse_fhir(birth, &lo, &hi) == ERR_OK) {
        int age = time_age_years(time_vn_day(lo), day);
        f->age = (uint8_t)(age < 0 ? 0 : MIN(age, AGE_UNKNOWN - 1));
    }
    const JsonNode *sex = json_get_lit(extension(person, STR("gender")), "valueCode");
    f->sex = json_str_is(sex, STR("male")) ? 1 : json_str_is(sex, STR("female")) ? 2 : 3;
    put_code(f->ward,
             json_str(arena, json_get_lit(extension(person, STR("commune")), "valueCode")));
}

static bool read_encounter(FactWire *f, Arena *arena, const JsonNode *root) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    Str start = json_str(arena, json_path(root, "period.start"));
    if (start.len == 0 || time_parse_fhir(start, &lo, &hi) != ERR_OK) {
        return false;
    }
    int64_t day = time_vn_day(lo);
    if (day < DAY_ZERO || day - DAY_ZERO >= DAYS_MAX) {
        return false;
    }
    f->day = (uint16_t)(day - DAY_ZERO);
    Str facility = json_str(arena, json_path(root, "serviceProvider.reference"));
    Str prefix = STR("Organization/cskcb-");
    if (str_starts(facility, prefix)) {
        put_code(f->facility, str_sub(facility, prefix.len, facility.len));
    }
    if (json_str_is(json_path(root, "class.code"), STR(ACT_INPATIENT))) {
        f->flags |= FACT_INPATIENT;
    }
    const JsonNode *types = json_get_lit(root, "type");
    Str kind = coding(arena, json_is(types, JSON_ARRAY) ? json_first(types) : NULL,
                      STR(SYSTEM_VISIT_TYPE));
    uint64_t number = 0;
    if (str_to_u64(kind, &number) == ERR_OK && number < 256) {
        f->kind = (uint8_t)number;
    }
    read_person(f, arena, root, day);
    return true;
}

/* The first diagnosis by ICD-10 behind the Encounter is the main one. */
static void read_condition(FactWire *f, Arena *arena, const JsonNode *root) {
    Str code = coding(arena, json_get_lit(root, "code"), STR(ICD10));
    if (f->icd[0] == '\0' && code.len > 0) {
        put_code(f->icd, code);
        if (vn_notifiable(code) != NULL) {
            f->flags |= FACT_NOTIFIABLE;
        }
    }
}

static void read_bill(FactWire *f, const JsonNode *root) {
    const JsonNode *paid = extension(extension(root, STR(EXT_BILL)), STR("T_BHTT"));
    f->cost = whole_dong(json_path(root, "total.value"));
    f->insurance = whole_dong(json_get_lit(paid, "valueDecimal"));
    f->has_bill = 1;
}

static void put_wire(Buf *out, const FactWire *f) {
    buf_put(out, f, sizeof(*f));
}

ErrCode fact_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    (void)ctx;
    FactWire f = {0};
    bool open = false;
    for (size_t i = 0; i < record->n_changes; i++) {
        const StoreViewChange *c = &record->changes[i];
        if (c->type == FHIR_T_ENCOUNTER) {
            if (open) {
                put_wire(out, &f);
            }
            f = (FactWire){.first = c->first, .position = (uint8_t)i, .deleted = c->deleted};
            open = c->deleted || read_encounter(&f, scratch, c->root);
        } else if (c->deleted) {
            continue;
        } else if (c->type == FHIR_T_CONDITION && open) {
            read_condition(&f, scratch, c->root);
        } else if (c->type == FHIR_T_CLAIM) {
            if (open) {
                read_bill(&f, c->root);
            } else { /* a long visit: its Encounter stands in a record before */
                FactWire bill = {.bill_only = 1};
                read_bill(&bill, c->root);
                put_wire(out, &bill);
            }
        }
    }
    if (open) {
        put_wire(out, &f);
    }
    return buf_ok(out);
}
