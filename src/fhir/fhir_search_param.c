#include "fhir/fhir_search_param.h"

#include "fhir/fhir_search_param_int.h"

const FhirSearchParam *fhir_search_params(FhirType type, size_t *ret_count) {
    assert(fhir_type_is_resource(type));
    const FhirParamRows rows = fhir_params_of[type];
    *ret_count = rows.count;
    return fhir_param_rows + rows.at;
}

const FhirSearchParam *fhir_search_params_common(size_t *ret_count) {
    *ret_count = fhir_params_of[FHIR_T_NONE].count;
    return fhir_param_rows + fhir_params_of[FHIR_T_NONE].at;
}

/* Rows stand ascending by code, bytewise. */
static const FhirSearchParam *find_code(const FhirSearchParam *rows, size_t n, Str code) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = str_cmp(code, rows[mid].code);
        if (order == 0) {
            return &rows[mid];
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

const FhirSearchParam *fhir_search_param(FhirType type, Str code) {
    size_t n;
    const FhirSearchParam *rows = code.len > 0 && code.ptr[0] == '_' ? fhir_search_params_common(&n)
                                                                     : fhir_search_params(type, &n);
    return find_code(rows, n, code);
}

const FhirSearchParam *fhir_search_param_by_id(FhirType type, FhirParamId id) {
    if (id == FHIR_P_NONE || id >= FHIR_P_COUNT) {
        return NULL;
    }
    return fhir_search_param(type, fhir_param_codes[id]);
}

Str fhir_param_code(FhirParamId id) {
    return id < FHIR_P_COUNT ? fhir_param_codes[id] : STR_EMPTY;
}

Str fhir_param_type_name(FhirParamType type) {
    static const char *const names[] = {
        [FHIR_PARAM_TOKEN] = "token",         [FHIR_PARAM_STRING] = "string",
        [FHIR_PARAM_DATE] = "date",           [FHIR_PARAM_NUMBER] = "number",
        [FHIR_PARAM_QUANTITY] = "quantity",   [FHIR_PARAM_URI] = "uri",
        [FHIR_PARAM_REFERENCE] = "reference", [FHIR_PARAM_COMPOSITE] = "composite",
        [FHIR_PARAM_SPECIAL] = "special",     [FHIR_PARAM_WORDS] = "string",
    };
    assert((size_t)type < ARRAY_LEN(names));
    return str_from(names[type]);
}

bool fhir_search_param_targets(const FhirSearchParam *param, FhirType target) {
    if (param->n_targets == 0) {
        return param->type == FHIR_PARAM_REFERENCE;
    }
    for (size_t i = 0; i < param->n_targets; i++) {
        if (param->targets[i] == target) {
            return true;
        }
    }
    return false;
}
