/* References as index values, and the way from a resource to its patient. */
#include "fhir/fhir_extract.h"
#include "fhir/fhir_extract_int.h"
#include "fhir/fhir_reference.h"

/* "~" of a Patient and "~12": references inside a commit that has no ids yet. */
static bool read_local(const FhirReference *ref, FhirIndexReference *r) {
    uint64_t n;
    r->is_record_patient = ref->type == FHIR_T_PATIENT && ref->id.len == 0;
    if (r->is_record_patient) {
        return true;
    }
    if (str_to_u64(ref->id, &n) != ERR_OK || n > INT32_MAX) {
        return false;
    }
    r->local = (int32_t)n;
    return true;
}

bool fhir_index_reference(Str text, FhirIndexReference *ret) {
    FhirReference ref;
    if (fhir_reference_parse(text, &ref) != ERR_OK) {
        return false;
    }
    FhirIndexReference r = {.type = ref.type, .id = STR_EMPTY, .url = STR_EMPTY, .local = -1};
    r.version = ref.version;
    switch (ref.kind) {
    case FHIR_REF_RELATIVE:
        r.id = ref.id;
        break;
    case FHIR_REF_ABSOLUTE:
        r.id = ref.type != FHIR_T_NONE ? ref.id : STR_EMPTY;
        r.url = text;
        if (ref.version.len > 0) {
            r.url.len = (size_t)(ref.id.ptr + ref.id.len - text.ptr);
        }
        break;
    case FHIR_REF_URN:
        r.url = text;
        break;
    case FHIR_REF_LOCAL:
        if (!read_local(&ref, &r)) {
            return false;
        }
        break;
    case FHIR_REF_CONTAINED:
    case FHIR_REF_CONDITIONAL:
        return false;
    }
    assert(r.local >= -1 && (r.id.len == 0 || r.type != FHIR_T_NONE));
    *ret = r;
    return true;
}

/* The first reference to a Patient behind `dotted` below n, arrays element by element. */
static bool find_patient(Arena *arena, const JsonNode *n, Str dotted, FhirIndexReference *ret) {
    if (json_is(n, JSON_ARRAY)) {
        EACH_ELEMENT(n, e) {
            if (find_patient(arena, e, dotted, ret)) {
                return true;
            }
        }
        return false;
    }
    Str rest = dotted;
    Str step;
    if (str_cut(&rest, '.', &step)) {
        return json_is(n, JSON_OBJECT) && find_patient(arena, json_get(n, step), rest, ret);
    }
    FhirIndexReference r;
    const JsonNode *text = json_is(n, JSON_OBJECT) ? json_get_lit(n, "reference") : NULL;
    if (!json_is(text, JSON_STRING) || !fhir_index_reference(json_str(arena, text), &r)) {
        return false;
    }
    if (r.type == FHIR_T_NONE && json_str_is(json_get_lit(n, "type"), STR("Patient"))) {
        r.type = FHIR_T_PATIENT;
    }
    if (r.type != FHIR_T_PATIENT) {
        return false;
    }
    *ret = r;
    return true;
}

bool fhir_patient_of(Arena *arena, FhirType type, const JsonNode *root, FhirIndexReference *ret) {
    assert(fhir_type_is_resource(type));
    if (type == FHIR_T_PATIENT) {
        Str id = json_str(arena, json_get_lit(root, "id"));
        if (id.len > 0) {
            *ret = (FhirIndexReference){.type = type, .id = id, .url = STR_EMPTY, .local = -1};
        }
        return id.len > 0;
    }
    const FhirPatientPaths *ways = &fhir_patient_paths[type];
    for (unsigned i = 0; i < ways->n; i++) {
        if (find_patient(arena, root, str_from(ways->paths[i]), ret)) {
            return true;
        }
    }
    return false;
}

bool fhir_type_in_patient_compartment(FhirType type) {
    return type == FHIR_T_PATIENT || fhir_patient_paths[type].n > 0;
}
