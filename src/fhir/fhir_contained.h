/* fhir_contained.h — the resources inside a resource, by id, and what was found out about them: a
 * chain that leads into them asks about each once, however often it is referred to. Ownership: an
 * arena. Errors: NULL without memory. Threads: one a FhirContained. */
#ifndef NHIP_FHIR_CONTAINED_H
#define NHIP_FHIR_CONTAINED_H

#include "core/json.h"
#include "fhir/fhir_type.h"

typedef struct FhirContained FhirContained;

/* root: the outer resource. O(its contained resources). */
FhirContained *fhir_contained_new(Arena *arena, const JsonNode *root);
/* The contained resource with this id (without '#') and its type; NULL: none is there. */
const JsonNode *fhir_contained_find(const FhirContained *c, Str id, FhirType *ret_type);
/* The place of an answer about a contained resource, for a question that has an address: 0 at
 * first. NULL without memory. */
uint8_t *fhir_contained_answer(FhirContained *c, const void *question, const JsonNode *resource);

#endif
