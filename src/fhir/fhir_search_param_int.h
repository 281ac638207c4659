/* fhir_search_param_int.h — the generated rows behind fhir_search_param.h (private). */
#ifndef NHIP_FHIR_SEARCH_PARAM_INT_H
#define NHIP_FHIR_SEARCH_PARAM_INT_H

#include "fhir/fhir_search_param.h"

typedef struct FhirParamRows {
    uint16_t at, count;
} FhirParamRows;

extern const FhirSearchParam fhir_param_rows[];
extern const FhirParamRows fhir_params_of[FHIR_RESOURCE_COUNT + 1]; /* by FhirType; 0: common */
extern const Str fhir_param_codes[FHIR_P_COUNT];

#endif
