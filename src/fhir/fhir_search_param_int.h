/* fhir_search_param_int.h — the generated rows behind fhir_search_param.h (private). */
#ifndef NHIP_FHIR_SEARCH_PARAM_INT_H
#define NHIP_FHIR_SEARCH_PARAM_INT_H

#include "fhir/fhir_search_param.h"

typedef struct FhirParamRows {
    uint16_t at, count;
} FhirParamRows;

extern const FhirSearchParam fhir_param_rows[];
/* The type's resources belong to a resource of the compartment's type by these reference parameters
 * ("subject;performer"; "{def}": they are the compartment's own). */
typedef struct FhirCompartmentRow {
    FhirType compartment, type;
    Str codes;
} FhirCompartmentRow;
extern const FhirCompartmentRow fhir_compartment_rows[];
extern const size_t fhir_compartment_count;

extern const FhirParamRows fhir_params_of[FHIR_RESOURCE_COUNT + 1]; /* by FhirType; 0: common */
extern const Str fhir_param_codes[FHIR_P_COUNT];

#endif
