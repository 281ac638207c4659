#include "core/decimal.h"
#include "core/hash.h"
#include "core/json.h"
#include "ioc/ioc_int.h"
#include "vn/vn.h"

/* What the mapping of claims writes (docs/ig); other senders' Encounters count with what they have.
 */
#define BASE "https://nhip.vn/fhir/"
#define EXT_PERSON BASE "StructureDefinition/encounter-person"
#define EXT_BILL BASE "StructureDefinition/xml1"
#define SYSTEM_VISIT BASE "sid/ma-lk"
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

/* ---- one record ---- */

typedef struct Visits { /* of one record */
    FactWire wires[STORE_RECORD_SLOTS];
    size_t n;
} Visits;

/* Which Encounter a reference means. */
typedef struct Meant {
    int place; /* in its record, when it was created in the same commit; else PLACE_… */
    uint64_t id_hash;
} Meant;

static uint64_t hash_id(Str id) {
    uint64_t hash = hash64(id);
    return id.len == 0 ? 0 : MAX(hash, 1u);
}

static Meant meant_by(const JsonNode *reference) {
    Str text = json_raw_str(reference);
    Str prefix = STR("Encounter/");
    uint64_t offset = 0;
    if (!str_starts(text, prefix)) {
        return (Meant){.place = PLACE_UNSAID};
    }
    Str id = str_sub(text, prefix.len, text.len);
    if (str_starts(id, STR("~")) && str_to_u64(str_sub(id, 1, id.len), &offset) == ERR_OK) {
        return (Meant){.place = (int)(offset % STORE_RECORD_SLOTS)};
    }
    return (Meant){.place = PLACE_BY_ID, .id_hash = hash_id(id)};
}

/* That visit of the record, the last one when it is unsaid, or NULL. */
static FactWire *visit_at(Visits *v, const Meant *meant) {
    for (size_t i = v->n; i > 0; i--) {
        FactWire *f = &v->wires[i - 1];
        if (meant->place == PLACE_UNSAID || meant->place == f->position ||
            (meant->place == PLACE_BY_ID && meant->id_hash == f->id_hash)) {
            return f;
        }
    }
    return NULL;
}

/* Is it a claim's bill that came with its visit? Then it refers to something of its own commit; a
 * bill that somebody edits alone does not. */
static bool written_together(const JsonNode *root) {
    Str text = json_raw(root);
    if (!json_str_is(json_path(root, "identifier.system"), STR(SYSTEM_VISIT))) {
        return false;
    }
    for (size_t at = 0; (at = str_find_char(text, '~', at)) != SIZE_MAX; at++) {
        if (at > 0 && text.ptr[at - 1] == '/' && at + 1 < text.len && text.ptr[at + 1] >= '0' &&
            text.ptr[at + 1] <= '9') {
            return true;
        }
    }
    return false;
}

static void take_encounter(Visits *v, Arena *arena, const StoreViewChange *c, size_t position) {
    FactWire f = {.first = c->first,
                  .id_hash = hash_id(c->id),
                  .position = (uint8_t)position,
                  .deleted = c->deleted};
    if (c->deleted || read_encounter(&f, arena, c->root)) {
        v->wires[v->n++] = f;
    }
}

static void take_condition(Visits *v, Arena *arena, const StoreViewChange *c) {
    Meant meant = meant_by(json_path(c->root, "encounter.reference"));
    FactWire *f = visit_at(v, &meant);
    if (f != NULL && !f->deleted) {
        read_condition(f, arena, c->root);
    }
}

/* A long visit has its bill in a later record than its Encounter. */
static void take_bill(Visits *v, const StoreViewChange *c, Buf *out) {
    Meant meant = meant_by(json_path(c->root, "item.encounter.reference"));
    FactWire *f = visit_at(v, &meant);
    if (f != NULL) {
        read_bill(f, c->root);
    } else if (meant.place != PLACE_UNSAID || written_together(c->root)) {
        FactWire bill = {.bill_only = 1, .place = (int8_t)meant.place, .id_hash = meant.id_hash};
        read_bill(&bill, c->root);
        buf_put(out, &bill, sizeof(bill));
    }
}

ErrCode fact_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    (void)ctx;
    Visits v = {.n = 0};
    assert(record->n_changes <= STORE_RECORD_SLOTS);
    for (size_t i = 0; i < record->n_changes; i++) {
        if (record->changes[i].type == FHIR_T_ENCOUNTER) {
            take_encounter(&v, scratch, &record->changes[i], i);
        }
    }
    for (size_t i = 0; i < record->n_changes; i++) {
        const StoreViewChange *c = &record->changes[i];
        if (!c->deleted && c->type == FHIR_T_CONDITION) {
            take_condition(&v, scratch, c);
        } else if (!c->deleted && c->type == FHIR_T_CLAIM) {
            take_bill(&v, c, out);
        }
    }
    for (size_t i = 0; i < v.n; i++) {
        buf_put(out, &v.wires[i], sizeof(v.wires[i]));
    }
    return buf_ok(out);
}
