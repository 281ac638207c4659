/* fhir_param_set.h — search parameters that came at run time, beside the constant tables of
 * fhir_search_param.h: an immutable list that queries are read with (FhirQueryScope.params) and
 * that knows how to take the values out of a resource. Their ids stand above those of all tables
 * and below the upper bits that the index uses. Ownership: whoever makes the set; rows live as long
 * as it. Threads: any, it never changes. */
#ifndef NHIP_FHIR_PARAM_SET_H
#define NHIP_FHIR_PARAM_SET_H

#include "fhir/fhir_extract.h"

enum { FHIR_P_CUSTOM = 0x0800, FHIR_P_CUSTOM_END = 0x1000 };
static_assert((int)FHIR_P_COUNT < (int)FHIR_P_CUSTOM, "custom ids stand above the tables'");

/* One parameter on one of its types. */
typedef struct FhirCustomParam {
    FhirType type;
    FhirSearchParam param;
} FhirCustomParam;

typedef struct FhirParamSet FhirParamSet;
struct FhirParamSet {
    const FhirCustomParam *rows;
    size_t n;
    /* Emits the resource's values of one of the set's parameters. */
    ErrCode (*extract)(const FhirParamSet *set, Arena *arena, const FhirSearchParam *param,
                       const JsonNode *root, FhirIndexSink *sink);
};

static inline bool fhir_param_is_custom(const FhirSearchParam *param) {
    return param->id >= FHIR_P_CUSTOM;
}
/* By code: of the tables, else of the set (may be NULL); NULL when there is none. */
const FhirSearchParam *fhir_param_find(const FhirParamSet *set, FhirType type, Str code);

/* Emits what a value of a data type (FHIR_T_CODEABLE_CONCEPT, FHIR_T_DATE …; a resource type for a
 * contained resource) gives under the parameter, as the tables' generator decides it. False: that
 * type gives nothing under this type of parameter. */
bool fhir_extract_element(Arena *arena, const FhirSearchParam *param, FhirType datatype,
                          const JsonNode *value, FhirIndexSink *sink);

#endif
