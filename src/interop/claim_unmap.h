/* claim_unmap.h — FHIR back to one claim: the way of claim_map.h walked the other way. Given the
 * resources of one visit as they stand now, the records of every table come out again, so that
 * claim_unmap(claim_map(x)) = x value by value, and what was changed through FHIR since shows.
 * Of a value that stands both in an extension (as it was written) and in an element (as FHIR can
 * carry it) the element decides when the two no longer say the same. What the claim said of its
 * citizen and cards stands in the bill: the citizen moves on with later visits, a bill does not. A
 * value that stands in two resources is read from the bill. docs/ig/mapping.md tells it by field.
 * A check-in (XML0) is an Encounter without a bill, an order a record.
 * Ownership: the claim lives in the arena and points into the resources' texts. Errors:
 * ERR_NOT_FOUND (rule claim-none: no Encounter of a claim among them), ERR_SYNTAX (a kept table is
 * broken), ERR_LIMIT, ERR_NOMEM. Threads: no state. Cost: linear, see bench/claims.c. */
#ifndef NHIP_INTEROP_CLAIM_UNMAP_H
#define NHIP_INTEROP_CLAIM_UNMAP_H

#include "core/json.h"
#include "fhir/fhir_type.h"
#include "interop/claim_map.h"

/* One current resource of the visit. */
typedef struct ClaimStored {
    FhirType type;
    Str reference; /* how the others name it: "Encounter/ID", inside a ClaimGroup "Encounter/~2" */
    Str role;      /* as in ClaimResource; empty: not written by a claim */
    const JsonNode *root;
} ClaimStored;

/* ret_claim: facility, made, ma_lk, and parts by table number, of one table in their order;
 * ClaimRecord.line is the record's place. xml is set for tables that were kept whole. */
MUST_USE ErrCode claim_unmap(Arena *arena, const ClaimStored *resources, size_t n, Claim *ret_claim,
                             ErrInfo *info);

/* The same of a group just mapped (tests, tools). */
MUST_USE ErrCode claim_unmap_group(Arena *arena, const ClaimGroup *group, Claim *ret_claim,
                                   ErrInfo *info);

/* The role that a stored resource carries (meta.source "https://nhip.vn/fhir/claim#ROLE"). */
Str claim_unmap_role(Arena *arena, const JsonNode *root);

#endif
