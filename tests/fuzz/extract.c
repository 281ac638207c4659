/* Any JSON object as a resource of the type that it names (Observation when it names none) into
 * extraction: whatever stands in the wrong place gives no value and does no harm. Extracting one
 * parameter alone must give as many values as it gave among all. */
#include "core/limits.h"
#include "fhir/fhir_extract.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_of(const FhirIndexList *list, FhirParamId param) {
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        n += list->values[i].param == param;
    }
    return n;
}

static void check(Arena *arena, FhirType type, const JsonNode *root) {
    FhirIndexList all = fhir_index_list(arena);
    ErrCode code = fhir_extract(arena, type, root, &all.sink);
    ENSURE(code == ERR_OK || code == ERR_LIMIT);
    if (code != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < all.count; i++) {
        FhirParamId param = all.values[i].param;
        const FhirSearchParam *p = fhir_search_param_by_id(type, param);
        ENSURE(p != NULL && p->type != FHIR_PARAM_SPECIAL);
        if (i == 0 || param != all.values[i - 1].param) {
            FhirExtractSome some = {.type = type};
            FhirIndexList one = fhir_index_list(arena);
            fhir_extract_want(&some, param);
            ENSURE(fhir_extract_some(arena, &some, root, &one.sink) == ERR_OK);
            ENSURE(one.count == count_of(&all, param) && one.count == count_of(&one, param));
        }
    }
    FhirIndexReference patient;
    if (fhir_patient_of(arena, type, root, &patient)) {
        ENSURE(patient.type == FHIR_T_PATIENT && fhir_type_in_patient_compartment(type));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 65536) {
        return 0; /* a parameter at a time: quadratic in the size */
    }
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    const JsonNode *root = NULL;
    if (json_parse(arena, (Str){(const char *)data, size}, &root, NULL) == ERR_OK &&
        json_is(root, JSON_OBJECT)) {
        Str name = json_str(arena, json_get_lit(root, "resourceType"));
        FhirType type = fhir_resource_by_name(name);
        check(arena, type == FHIR_T_NONE ? FHIR_T_OBSERVATION : type, root);
    }
    arena_free(arena);
    return 0;
}
