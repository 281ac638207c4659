/* fpath_invariant.h — the invariants of FHIR R4 (gen/data/fhir/invariants.tsv), compiled once for
 * the process when first asked for, by the type or element that they hold for. Where R4's own text
 * of a rule is wrong (later versions corrected it), fpath_invariant.c has the corrected text with
 * the reason. Ownership: everything is static after the first call. Errors: none; memory that is
 * missing at the first call shows as no invariants. Threads: safe; read only. */
#ifndef NHIP_FPATH_FPATH_INVARIANT_H
#define NHIP_FPATH_FPATH_INVARIANT_H

#include "fpath/fpath.h"

typedef struct FpathInvariant {
    const char *key;    /* "per-1" */
    const char *en;     /* what it asks for, R4's words */
    const char *vi;     /* gen/data/fhir/invariants_vi.tsv */
    bool is_warning;    /* else an error */
    bool is_structural; /* fhir_validate looks at it: ele-1, ext-1, txt-1, txt-2, dom-2, 4, 5 */
    FhirShape shape;    /* of the value that it is evaluated on */
    const FhirElement *element; /* holds for this element only (Organization.telecom); or NULL */
    const FpathExpr *expr;
} FpathInvariant;

/* All that may hold for values of the shape, those of its base types included, ended by NULL. Never
 * NULL itself. Those with an element: only where element is the one that the value was reached by.
 */
const FpathInvariant *const *fpath_invariants(FhirShape shape);
/* Number of invariants that are compiled (all rows, or the program was built wrong). */
unsigned fpath_invariant_count(void);

typedef struct FpathBreach {
    const FpathInvariant *invariant;
    const FpathItem *item;
    const ErrInfo *failure; /* could not be evaluated; NULL: it is broken */
} FpathBreach;
typedef struct FpathBreaches {
    void *ctx;
    void (*report)(void *ctx, const FpathBreach *breach);
    bool structural; /* those, too */
} FpathBreaches;
/* Evaluates every invariant of the resource and of all that it contains in one walk. env: its
 * callbacks, clock and zone are used; context and resources are set. scratch is reset. */
MUST_USE ErrCode fpath_invariants_check(Arena *scratch, const JsonNode *resource,
                                        const FpathEnv *env, const FpathBreaches *breaches);

#endif
