/* settle_sign_int.h — what signing here and taking in what was signed elsewhere share: which visit
 * may be signed, what is checked before, and the Task's step behind. */
#ifndef NHIP_SETTLE_SETTLE_SIGN_INT_H
#define NHIP_SETTLE_SETTLE_SIGN_INT_H

#include "settle/settle_int.h"

typedef struct SettleSigned {
    const char *step; /* "sign", "take" */
    Claim claim;      /* settle_sign_begin fills these */
    Str month, closing_task;
    Sha256 file;     /* of the signed bytes */
    Str certificate; /* hexadecimal: signed elsewhere, with it; else empty */
} SettleSigned;

/* Not signed, or changed since, and not under way; what: the command. */
MUST_USE ErrCode settle_may_sign(const SettleCase *c, const char *what);
/* The claim as it stands, its month, the rules, the closing; expects that nobody changes it. */
MUST_USE ErrCode settle_sign_begin(SettleCase *c, SettleSigned *as);
MUST_USE ErrCode settle_sign_end(SettleCase *c, const SettleSigned *as);

#endif
