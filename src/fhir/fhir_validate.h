/* fhir_validate.h — structural validation of a parsed resource against FHIR R4: unknown members,
 * JSON types, cardinality, formats of primitives, choices, required codes, references with their
 * targets, contained resources, narrative, resources inside Bundle and Parameters. Of the
 * invariants only ele-1, ext-1 and sqty-1; profiles and terminology beyond required bindings are
 * not looked at. It goes on after an error; each issue carries its FHIRPath location. Ownership:
 * issues live in their list's arena. Cost: about one look-up a member. Threads: no state. */
#ifndef NHIP_FHIR_VALIDATE_H
#define NHIP_FHIR_VALIDATE_H

#include "fhir/fhir_parse.h"

typedef struct FhirValidateOptions {
    bool local_references;       /* allow Type/~12 and Type/~ (texts that the server makes) */
    bool conditional_references; /* allow Type?query; inside a Bundle they always are */
} FhirValidateOptions;

/* ERR_OK, ERR_INVALID when there is any error, ERR_NOMEM. options may be NULL; issues may not. */
MUST_USE ErrCode fhir_validate(const FhirResource *resource, const FhirValidateOptions *options,
                               FhirIssues *issues);

#endif
