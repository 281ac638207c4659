/* claim_identity.h — by what a citizen can be recognised in a claim, strongest first:
 * the CCCD number (national), then each card's BHXH number and the facility's own number, which
 * count only when the birth date or the folded name agrees (docs/ig/identity.md has the rules).
 * Values that cannot identify anybody (empty, all the same digit) are left out.
 * Ownership: everything lives in the arena. Errors: ERR_NOMEM. Threads: no state.
 */
#ifndef NHIP_INTEROP_CLAIM_IDENTITY_H
#define NHIP_INTEROP_CLAIM_IDENTITY_H

#include "core/arena.h"
#include "interop/claim_read.h"

#define CLAIM_BASE "https://nhip.vn/fhir/"
#define CLAIM_SYSTEM_CCCD CLAIM_BASE "sid/cccd"                /* personal number, 12 digits */
#define CLAIM_SYSTEM_RELATIVE CLAIM_BASE "sid/cccd-nguoi-than" /* a relative's, given for him */
#define CLAIM_SYSTEM_CMND CLAIM_BASE "sid/cmnd"                /* former identity card, 9 digits */
#define CLAIM_SYSTEM_PASSPORT CLAIM_BASE "sid/ho-chieu"        /* passport */
#define CLAIM_SYSTEM_PAPER CLAIM_BASE "sid/giay-to"            /* SO_CCCD of any other shape */
#define CLAIM_SYSTEM_CARD CLAIM_BASE "sid/bhyt"                /* insurance card as printed */
#define CLAIM_SYSTEM_BHXH CLAIM_BASE "sid/bhxh"   /* BHXH number: last 10 digits of a card */
#define CLAIM_SYSTEM_MA_BN CLAIM_BASE "sid/ma-bn" /* FACILITY|MA_BN */
#define CLAIM_SYSTEM_VISIT CLAIM_BASE "sid/ma-lk" /* FACILITY|MA_LK */

/* One identifier as it stands in Patient.identifier. */
typedef struct ClaimToken {
    Str system, value;
    bool is_national; /* decides alone */
    bool is_adults;   /* of a card that is no child's (TE…): on an infant it is the mother's */
} ClaimToken;

enum { CLAIM_TOKENS_MAX = 16 };

typedef struct ClaimIdentity {
    ClaimToken tokens[CLAIM_TOKENS_MAX];
    size_t n_tokens;
    Str name;  /* folded: "nguyen van a" */
    Str birth; /* "1990-01-31", "1990-01", "1990", or empty */
    Str sex;   /* administrative-gender code: "male", "female", "unknown" */
} ClaimIdentity;

/* Can a number of this system tell who somebody is? Not when it is one digit over and over (behind
 * the province of a CCCD; a facility's own number: nothing but zeros), which stands for "none". */
bool claim_identifies(Str system, Str value);

/* The year in which the holder of a CCCD was born, as its digits 4 to 6 say it (Decree
 * 137/2015/NĐ-CP, article 13); 0: they say none. */
int claim_cccd_year(Str number);

/* From XML1 (or XML0). */
MUST_USE ErrCode claim_identity(Arena *arena, const Claim *claim, ClaimIdentity *ret_identity);

#endif
