/* fhir_parse.h — from the text of one resource (JSON) to its tape (core/json.h) and type.
 * Ownership: the tape lives in the arena and points into the text; both must outlive the resource.
 * Errors: ERR_SYNTAX, ERR_LIMIT (JSON), ERR_INVALID (no known resourceType), each with one issue.
 * Nothing but the resourceType is checked here: fhir_validate.h does the rest. Threads: no state.
 */
#ifndef NHIP_FHIR_PARSE_H
#define NHIP_FHIR_PARSE_H

#include "core/json.h"
#include "fhir/fhir_issue.h"
#include "fhir/fhir_type.h"

typedef struct FhirResource {
    FhirType type;
    const JsonNode *root;
} FhirResource;

/* issues may be NULL. Cost: that of json_parse. */
MUST_USE ErrCode fhir_parse(Arena *arena, Str text, FhirResource *ret_resource, FhirIssues *issues);
/* The resource at the start of *text; *text moves behind it (NDJSON). */
MUST_USE ErrCode fhir_parse_next(Arena *arena, Str *text, FhirResource *ret_resource,
                                 FhirIssues *issues);
/* The resource on a tape that somebody else parsed (an entry of a Bundle). */
MUST_USE ErrCode fhir_from_node(const JsonNode *root, FhirResource *ret_resource,
                                FhirIssues *issues);
/* The type that an object claims, FHIR_T_NONE when there is none. */
FhirType fhir_type_of(const JsonNode *object);

#endif
