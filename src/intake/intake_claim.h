/* intake_claim.h — claims out of the store: a visit's resources as they stand now, whoever wrote
 * them, gathered and mapped back (interop/claim_unmap.h).
 * Ownership: the claim lives in the arena. Errors: ERR_NOT_FOUND (rule claim-none: the Encounter
 * carries no key of a claim), those of the store. Threads: any. Cost: the records of the visit are
 * read once; three look-ups find what else names it. */
#ifndef NHIP_INTAKE_INTAKE_CLAIM_H
#define NHIP_INTAKE_INTAKE_CLAIM_H

#include "core/thread.h"
#include "interop/claim_unmap.h"
#include "store/store.h"

/* visit: the current version of an Encounter, or of a check-in's DocumentReference. */
MUST_USE ErrCode intake_claim(Store *store, Arena *arena, const StoreVersion *visit,
                              Claim *ret_claim, ErrInfo *info);

/* The same with what stands behind it: the bill, whose version a signature names. */
typedef struct IntakeClaim {
    Claim claim;
    Slot bill; /* first slot of the Claim resource; 0: none */
    uint32_t bill_version;
    Str bill_id;
} IntakeClaim;
MUST_USE ErrCode intake_claim_of(Store *store, Arena *arena, const StoreVersion *visit,
                                 IntakeClaim *ret_claim, ErrInfo *info);

/* The claim that wrote this version of the Encounter (or the last one before it), as it was then,
 * whatever came since: a former state of the visit, for comparing and for undoing. */
MUST_USE ErrCode intake_claim_written(Store *store, Arena *arena, const StoreVersion *visit,
                                      Claim *ret_claim, ErrInfo *info);

/* A claim as a file of its own, as it is sent. ret_xml lives in the arena. */
MUST_USE ErrCode intake_claim_text(Arena *arena, const Claim *claim, Str *ret_xml);
/* intake_claim and intake_claim_text at once. */
MUST_USE ErrCode intake_claim_file(Store *store, Arena *arena, const StoreVersion *visit,
                                   Str *ret_xml, ErrInfo *info);

typedef struct ClaimExport {
    Store *store;
    Str facility; /* empty: all */
    Str month;    /* "2026-11": of the end of the care; empty: all */
    Str ma_lk;    /* empty: all */
    Str dir; /* exists; files FACILITY_MONTH_NNNN.xml of at most CLAIM_EXPORT_FILE visits each */
    const StopFlag *stop; /* may be NULL */
} ClaimExport;

enum { CLAIM_EXPORT_FILE = 500 };

typedef struct ClaimExported {
    uint64_t files, visits;
    uint64_t left_out; /* Encounters that no claim can tell */
} ClaimExported;

/* One pass over the log finds the visits (16 bytes each), then file by file: memory is that of one
 * file. Names and their order depend on the data alone. */
MUST_USE ErrCode intake_claim_export(const ClaimExport *what, ClaimExported *ret, ErrInfo *info);

#endif
