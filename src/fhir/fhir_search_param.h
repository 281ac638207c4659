/* fhir_search_param.h — the search parameters of FHIR R4
 * (http://hl7.org/fhir/R4/searchparameter-registry.html) as constant tables: which parameters a
 * resource type has, their type, their targets, their parts. A parameter is named by (resource
 * type, FhirParamId). One id stands for one code on all types
 * ("code" is FHIR_P_CODE everywhere); ids are listed in gen/data/fhir/search_param_ids.tsv, are
 * never reused and never change, so they may be stored. Parameters of every type (_id,
 * _lastUpdated, _tag …) begin with two underscores: FHIR_P__ID. Everything is static and read-only:
 * any thread. */
#ifndef NHIP_FHIR_SEARCH_PARAM_H
#define NHIP_FHIR_SEARCH_PARAM_H

#include "core/str.h"
#include "fhir/fhir_search.gen.h" /* FHIR_P_NONE = 0, FHIR_P__ID, … FHIR_P_COUNT */
#include "fhir/fhir_type.h"

typedef uint16_t FhirParamId;

typedef enum FhirParamType {
    FHIR_PARAM_TOKEN,
    FHIR_PARAM_STRING,
    FHIR_PARAM_DATE,
    FHIR_PARAM_NUMBER,
    FHIR_PARAM_QUANTITY,
    FHIR_PARAM_URI,
    FHIR_PARAM_REFERENCE,
    FHIR_PARAM_COMPOSITE,
    FHIR_PARAM_SPECIAL, /* Location.near */
    FHIR_PARAM_WORDS,   /* _text, _content: "string" by the specification */
} FhirParamType;

enum { FHIR_COMPOSITE_PARTS = 3 };

/* One part of a composite parameter: the parameter that gives its type. */
typedef struct FhirParamPart {
    FhirParamId id;
    uint8_t type; /* FhirParamType */
} FhirParamPart;

typedef struct FhirSearchParam {
    Str code;       /* "birthdate", "_id" */
    Str url;        /* canonical URL of the definition */
    Str expression; /* the part of the FHIRPath expression that concerns this type */
    FhirParamId id;
    uint8_t type;    /* FhirParamType */
    uint8_t n_parts; /* composite: 2 or 3, else 0 */
    FhirParamPart parts[FHIR_COMPOSITE_PARTS];
    uint16_t n_targets;      /* reference: allowed resource types */
    const uint16_t *targets; /* FhirType values, ascending */
} FhirSearchParam;

/* The type's own parameters, ascending by code; without the ones of every type. */
const FhirSearchParam *fhir_search_params(FhirType type, size_t *ret_count);
/* _id, _lastUpdated, _profile, _security, _source, _tag: the same for every type. */
const FhirSearchParam *fhir_search_params_common(size_t *ret_count);
/* By code, the common ones too; NULL when the type has no such parameter. O(log n). */
const FhirSearchParam *fhir_search_param(FhirType type, Str code);
/* By id; NULL when the type has no such parameter. O(log n). */
const FhirSearchParam *fhir_search_param_by_id(FhirType type, FhirParamId id);
/* "code" of FHIR_P_CODE; STR_EMPTY for an unknown id. */
Str fhir_param_code(FhirParamId id);
/* "token", "string", … as FHIR spells it. */
Str fhir_param_type_name(FhirParamType type);
/* True when the reference parameter may point to `target` (no targets listed: any). */
bool fhir_search_param_targets(const FhirSearchParam *param, FhirType target);

#endif
