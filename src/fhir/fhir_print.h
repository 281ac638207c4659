/* fhir_print.h — resources and OperationOutcomes as JSON text. Canonical form: no white space,
 * members in their order, string escapes and number texts as they were received: print(parse(x)) =
 * x. Errors: the Buf's sticky error. Threads: no state. */
#ifndef NHIP_FHIR_PRINT_H
#define NHIP_FHIR_PRINT_H

#include "fhir/fhir_parse.h"
#include "fhir/fhir_summary.h"

typedef struct FhirPrintOptions {
    FhirSummary summary;
    const Str *elements; /* _elements: names of top-level elements; wins over summary */
    unsigned n_elements;
    bool pretty; /* two spaces of indentation; filtered resources are never pretty */
} FhirPrintOptions;

/* options may be NULL: everything, canonical. A filtered resource is tagged SUBSETTED in its meta;
 * it keeps id, meta, implicitRules and what is required at the top. */
void fhir_print(Buf *out, const FhirResource *resource, const FhirPrintOptions *options);

typedef enum FhirLanguage { FHIR_LANG_VI, FHIR_LANG_EN } FhirLanguage;

/* The language of an Accept-Language header's value: English when it comes first (or weighs most),
 * Vietnamese otherwise. */
FhirLanguage fhir_language(Str accept_language);

/* The code system of the rule ids in issue.details. */
#define FHIR_RULE_SYSTEM "urn:nhip:rule"

/* OperationOutcome with all issues; without any: one "informational" issue. */
void fhir_print_outcome(Buf *out, const FhirIssues *issues, FhirLanguage language);
/* OperationOutcome with one issue from an error. */
void fhir_print_outcome_err(Buf *out, const ErrInfo *info, FhirLanguage language);
/* OperationOutcome beside an answer: what it lacks or left out, each a warning. ERR_LIMIT says that
 * the answer is not whole (issue code "incomplete"). */
void fhir_print_warnings(Buf *out, const ErrInfo *infos, size_t n, FhirLanguage language);

#endif
