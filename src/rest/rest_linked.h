/* rest_linked.h — searches by a citizen that others were merged into ask for all of them: the
 * values of reference parameters that name a Patient with links "replaces" get those Patients
 * beside it, and theirs. Records stay where they were written; what was asked for stays as it was
 * asked in the answer's links.
 * Cost: one read of each Patient that is named. Threads: those of the store. */
#ifndef NHIP_REST_REST_LINKED_H
#define NHIP_REST_REST_LINKED_H

#include "fhir/fhir_query.h"
#include "store/store.h"

enum { REST_LINKED_MAX = 32 }; /* Patients that one stands for, itself counted */

/* The Patients that this one stands for, itself first. */
typedef struct RestLinked {
    Str ids[REST_LINKED_MAX];
    size_t n;
} RestLinked;
/* ERR_LIMIT with a sentence when there are more. A Patient that is not there stands for itself. */
MUST_USE ErrCode rest_linked(Store *store, Arena *arena, Str id, RestLinked *ret, ErrInfo *info);

MUST_USE ErrCode rest_widen_linked(Store *store, Arena *arena, FhirQuery *query, ErrInfo *info);

#endif
