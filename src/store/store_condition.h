/* store_condition.h — has the answer to a condition changed since the caller asked? The writer's
 * check of StoreCondition and StoreStill (store.h).
 *
 * What was committed since the caller's snapshot is matched against the query, version by version:
 * those that the index shows, then those of commits before it in the same group, which nobody can
 * see yet. Both orders of two commits therefore end the same way: the second is refused and asks
 * again. Conditions that depend on other resources (chains, _has) are refused when any of the types
 * that they touch is new. Work has a ceiling; behind it the commit is refused, too. Ownership:
 * everything of a commit lives in its arena. Threads: prepare on the caller's, check on the
 * writer's. */
#ifndef NHIP_STORE_CONDITION_H
#define NHIP_STORE_CONDITION_H

#include "store/record_int.h"

typedef struct PreparedConditions {
    FhirQuery *queries; /* by type */
    size_t n_queries;
    RecordNo snapshot; /* nothing up to here fulfils one of the queries */
    uint64_t linked[FHIR_RESOURCE_COUNT / 64 + 1]; /* types that others depend on: one bit each */
    StoreStill *still;
    size_t n_still;
} PreparedConditions;

/* Looks once more itself: ERR_CONFLICT. ERR_LIMIT above STORE_CONDITIONS_MAX; the errors of
 * fhir_query_parse. */
MUST_USE ErrCode conditions_prepare(Store *store, const StoreCommit *commit, StorePrepared *p,
                                    ErrInfo *info);

/* Must it be the first commit of its group, because what stands before it there would be costly to
 * match or is refused by type? */
bool conditions_go_first(const StorePrepared *p);

typedef struct ConditionCheck {
    Store *store;
    const StorePrepared *head; /* the group; those before p that are not refused were taken */
    const StorePrepared *p;
    TimeMs time; /* of the group */
} ConditionCheck;
/* ERR_CONFLICT when something that fulfils one was committed, or a version is not the newest. */
MUST_USE ErrCode conditions_check(const ConditionCheck *check);

#endif
