/* fhir_match.h — does a resource satisfy a query, exactly, by http://hl7.org/fhir/R4/search.html?
 * This verifies the hits of the index (which may be coarse or stale) and is the oracle of the
 * tests. It extracts the resource's values and tests them against the query's terms: no storage.
 * Cost: one extraction. Threads: no state. */
#ifndef NHIP_FHIR_MATCH_H
#define NHIP_FHIR_MATCH_H

#include "fhir/fhir_query.h"

/* Answers for terms that depend on other resources (fhir_term_is_linked). Chains and :above/:below:
 * does the resource that `reference` names meet one of the term's links (lie above or below one of
 * its values)? _has and _list: does a resource that refers to `reference`, the one at hand, by
 * term->param meet the link? */
typedef struct FhirMatchLinks FhirMatchLinks;
struct FhirMatchLinks {
    void *ctx;
    ErrCode (*holds)(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *reference,
                     bool *ret_holds);
    /* What answers for the term's link to `type` at a resource that is contained in the one at
     * hand; NULL: this one. */
    const FhirMatchLinks *(*inside)(void *ctx, const FhirQueryTerm *term, FhirType type);
};

/* What the resource's own text does not say (or not reliably). */
typedef struct FhirMatchContext {
    Str id;
    TimeMs last_updated;
    Str base_url; /* without a slash at the end: absolute references to ourselves are own ones */
    const FhirMatchLinks *links; /* NULL: there are no other resources */
    /* Of fhir_match's own: the resource is contained in this one, so that it has neither an id of
     * its own nor a time, and nothing else refers to it. */
    struct FhirContained *container;
} FhirMatchContext;

/* Errors: as fhir_extract. root is a resource of query->type. */
MUST_USE ErrCode fhir_match(Arena *arena, const FhirQuery *query, const JsonNode *root,
                            const FhirMatchContext *context, bool *ret_matches);
/* One value of the resource against one term's values, without modifier :missing and :not and
 * links: for a store that keeps extracted values. */
bool fhir_match_value(Arena *arena, const FhirQueryTerm *term, const FhirIndexValue *value,
                      Str base_url);
/* Is `text` the uri itself or a path below it (:below; the other way round :above)? */
bool fhir_uri_is_below(Str uri, Str text);
/* A range of dates [lo, hi) against a searched one, by prefix. */
bool fhir_match_date(const FhirQueryValue *wanted, TimeMs lo, TimeMs hi);

/* Metres between the searched position and the resource's (haversine on a sphere of 6,371,008.8 m).
 */
double fhir_distance(const FhirQueryValue *wanted, const FhirIndexValue *value);
/* Has the text (words with spaces around each) all the words and phrases? */
bool fhir_match_words(const FhirQueryValue *wanted, Str text);
/* Order-preserving key of a double that is no NaN. */
uint64_t fhir_double_sort_key(double d);
/* Order-preserving key of a decimal text: a < b gives key(a) ≤ key(b) (binary64 rounding is
 * monotone), so ranges of keys hold every match and may hold neighbours that fhir_match drops.
 * 0 for what is no number. */
uint64_t fhir_quantity_sort_key(Str decimal);

#endif
