/* store_params.h — search parameters that are SearchParameter resources of this store (R4's
 * searchparameter.html): defined by a FHIRPath expression, indexed in the background over what is
 * there already, usable when that is done. Each has an index of its own (param-*.db, derived like
 * view.db) that follows the log right behind the commits; what it does not hold yet of the last
 * records a search reads by itself, so that answers are never stale. Ids of parameters come from
 * the order in which the resources were first stored: never reused.
 * Threads: any. Errors: ERR_NOMEM; those of the check are said with it. */
#ifndef NHIP_STORE_STORE_PARAMS_H
#define NHIP_STORE_STORE_PARAMS_H

#include "fhir/fhir_param_set.h"
#include "store/store.h"

enum { STORE_PARAMS_MAX = 64 }; /* in use at a time */

/* The parameters in use now, for FhirQueryScope.params; they live until the arena is reset. NULL
 * when there are none (or no memory: arena_failed says so). */
const FhirParamSet *store_params(Store *store, Arena *arena);

/* Can the SearchParameter be carried out? Every status but active passes: it is kept, not used.
 * id: of the resource itself, "" for a new one. ERR_INVALID or ERR_UNSUPPORTED, info->where the
 * element. */
MUST_USE ErrCode store_param_check(Store *store, Arena *arena, Str id, const JsonNode *root,
                                   ErrInfo *info);

typedef enum StoreParamUse {
    STORE_PARAM_INDEXING,
    STORE_PARAM_READY,
    STORE_PARAM_REFUSED, /* what says why */
} StoreParamUse;

typedef struct StoreParamState {
    Str id, url, code;
    StoreParamUse use;
    RecordNo indexed, records; /* of so many records so many are in its index */
    ErrInfo why;
} StoreParamState;
/* Of all active SearchParameter resources. */
MUST_USE ErrCode store_param_states(Store *store, Arena *arena, StoreParamState **ret_states,
                                    size_t *ret_n);
/* How many are in use, and how many records the one that lacks most still lacks. */
size_t store_params_lag(Store *store, RecordNo *ret_lag);
/* Waits until every parameter in use has all that is committed; false when the time passed. */
bool store_params_wait(Store *store, int64_t timeout_ms);

#endif
