/* claim_read.h — claim files into claims: one HOSO at a time goes to a callback, as records of
 * values by field index, checked against the field tables, with the bytes as received beside them.
 * One bad claim never stops a file: what breaks inside a HOSO refuses that HOSO only; where the
 * outer XML itself breaks, everything before stands and the rest is one refused piece.
 * A claim with at least one error goes to on_refused, every other to on_claim.
 * Ownership: what a callback receives lives until it returns (slices of the input as long as the
 * input). Memory is bounded by the largest HOSO. Nothing is fetched, DOCTYPE is refused.
 * Errors: claim_read returns what a callback returned, or ERR_NOMEM; bad input is never an error of
 * the call. Threads: none shared; one call a thread. Cost: see bench/claims.c. */
#ifndef NHIP_INTEROP_CLAIM_READ_H
#define NHIP_INTEROP_CLAIM_READ_H

#include "interop/claim_issue.h"
#include "interop/claim_tables.h"

typedef struct ClaimRecord {
    const Str *values; /* table->n_fields values by field index; absent ones are empty */
    int line;          /* of the inner XML */
} ClaimRecord;

/* One FILEHOSO: one table, or one of several documents of the same certificate table. */
typedef struct ClaimPart {
    const ClaimTable *table;
    Str xml; /* the inner document as received, decoded */
    const ClaimRecord *records;
    int n_records;
    bool has_unknown; /* some of xml is not in records (unknown elements, text between fields) */
} ClaimPart;

/* Issues beyond LIMIT_CLAIM_ISSUES: only counted. */
typedef struct ClaimMore {
    int errors, warnings;
} ClaimMore;

typedef struct Claim {
    Str facility; /* MACSKCB of the envelope, else MA_CSKCB */
    Str made;     /* NGAYLAP as written, may be empty */
    Str ma_lk;
    Str bytes; /* the exact outer XML of the HOSO (XML0: of the TRANG_THAI_KCB) in the input */
    const ClaimPart *parts; /* in the order of the file */
    int n_parts;
    const ClaimIssue *issues; /* warnings */
    int n_issues;
    ClaimMore more;
    int hoso; /* 1-based index in the file */
    int line; /* where it begins in the file */
} Claim;

/* A HOSO, or the rest of a broken file (hoso 0), that was not taken. */
typedef struct ClaimRefused {
    Str facility, made, ma_lk; /* as far as known */
    Str bytes;                 /* exact bytes, see claim_wrap_hoso */
    const ClaimIssue *issues;
    int n_issues;
    ClaimMore more;
    int hoso;
    int line;
} ClaimRefused;

typedef struct ClaimReadOptions {
    Str file; /* name for the issues */
    ClaimRelease release;
    void *ctx;
    ErrCode (*on_claim)(void *ctx, const Claim *claim);
    ErrCode (*on_refused)(void *ctx, const ClaimRefused *refused); /* may be NULL */
    ErrCode (*on_issue)(void *ctx, const ClaimIssue *issue); /* warnings of the file; may be NULL */
} ClaimReadOptions;

enum { CLAIM_FACILITY_MAX = 32 };

typedef struct ClaimReadSummary {
    char facility[CLAIM_FACILITY_MAX]; /* MACSKCB, cut at its ceiling */
    int n_hoso;                        /* HOSO seen, taken or not */
    int n_claims;                      /* handed to on_claim */
    int n_refused; /* handed to on_refused, the rest of a broken file included */
    int n_errors, n_warnings;
    Str signature; /* CHUKYDONVI as it stands in the input, not verified; empty when absent */
} ClaimReadSummary;

/* Reads one XML document (see claim_file.h for gzip and zip). ret_summary may be NULL; it is filled
 * also when a callback stopped the reading. */
MUST_USE ErrCode claim_read(Str bytes, const ClaimReadOptions *options,
                            ClaimReadSummary *ret_summary);

/* The first part of that table, or NULL. */
const ClaimPart *claim_part(const Claim *claim, int table_number);
/* A value of the first record of that table; empty when there is none. */
Str claim_value(const Claim *claim, int table_number, int field);

#endif
