/* settle_gather.h — the visits of a facility's month that were signed, one after the other, each
 * with its claim as it was signed. Errors: those of the store and of `each`. Threads: any. Cost: a
 * search, and a look at each visit. */
#ifndef NHIP_SETTLE_SETTLE_GATHER_H
#define NHIP_SETTLE_SETTLE_GATHER_H

#include "settle/settle_int.h"

typedef struct SettleGather {
    const Settle *settle;
    Str facility, month;
    RecordNo snapshot;                         /* 0: now */
    ErrCode (*each)(void *ctx, SettleCase *c); /* c lives until it returns */
    void *ctx;
    const StopFlag *stop; /* may be NULL */
    ErrInfo *info;
} SettleGather;
MUST_USE ErrCode settle_gather(const SettleGather *gather);

/* The claim as it was signed, whatever came since. */
MUST_USE ErrCode settle_claim_signed(const SettleCase *c, Claim *ret_claim);

#endif
