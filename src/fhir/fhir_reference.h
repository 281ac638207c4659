/* fhir_reference.h — takes the text of Reference.reference apart
 * (http://hl7.org/fhir/R4/references.html#literal). Results point into the text. No state. */
#ifndef NHIP_FHIR_REFERENCE_H
#define NHIP_FHIR_REFERENCE_H

#include "fhir/fhir_type.h"

typedef enum FhirReferenceKind {
    FHIR_REF_RELATIVE,    /* Type/id, Type/id/_history/version */
    FHIR_REF_ABSOLUTE,    /* scheme:…; type and id when it ends like a RESTful URL */
    FHIR_REF_URN,         /* urn:uuid:… or urn:oid:… */
    FHIR_REF_CONTAINED,   /* #id; # alone: the resource that contains */
    FHIR_REF_CONDITIONAL, /* Type?query, in transactions only */
    FHIR_REF_LOCAL,       /* Type/~12, Type/~: inside the server before a commit */
} FhirReferenceKind;

typedef struct FhirReference {
    FhirReferenceKind kind;
    FhirType type; /* FHIR_T_NONE when the text does not say it */
    Str base;      /* absolute RESTful URL: what stands before Type, with its last slash */
    Str id;        /* contained: behind #; conditional: the query; local: behind ~ */
    Str version;   /* behind _history/ */
} FhirReference;

/* ERR_INVALID when the text is no reference. */
MUST_USE ErrCode fhir_reference_parse(Str text, FhirReference *ret_reference);

#endif
