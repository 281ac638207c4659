/* fhir_match.h — does a resource satisfy a query, exactly, by http://hl7.org/fhir/R4/search.html?
 * This verifies the hits of the index (which may be coarse or stale) and is the oracle of the
 * tests. It extracts the resource's values and tests them against the query's terms: no storage.
 * Cost: one extraction. Threads: no state. */
#ifndef NHIP_FHIR_MATCH_H
#define NHIP_FHIR_MATCH_H

#include "fhir/fhir_query.h"

/* What the resource's own text does not say (or not reliably). */
typedef struct FhirMatchContext {
    Str id;
    TimeMs last_updated;
    Str base_url; /* without a slash at the end: absolute references to ourselves are own ones */
} FhirMatchContext;

/* Errors: as fhir_extract. root is a resource of query->type. */
MUST_USE ErrCode fhir_match(Arena *arena, const FhirQuery *query, const JsonNode *root,
                            const FhirMatchContext *context, bool *ret_matches);
/* One value of the resource against one term's values, without modifier :missing and :not: for a
 * store that keeps extracted values. */
bool fhir_match_value(Arena *arena, const FhirQueryTerm *term, const FhirIndexValue *value,
                      Str base_url);
/* A range of dates [lo, hi) against a searched one, by prefix. */
bool fhir_match_date(const FhirQueryValue *wanted, TimeMs lo, TimeMs hi);

/* Order-preserving key of a decimal text: a < b gives key(a) ≤ key(b) (binary64 rounding is
 * monotone), so ranges of keys hold every match and may hold neighbours that fhir_match drops.
 * 0 for what is no number. */
uint64_t fhir_quantity_sort_key(Str decimal);

#endif
