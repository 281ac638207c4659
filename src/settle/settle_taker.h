/* settle_taker.h — one thread that takes in as signed what facilities signed themselves, as soon as
 * the rules have seen it (setting signed_take). It remembers nothing: the receipts that are asked
 * for (intake_receipt.h) are found in the store, also after a crash. What cannot be taken is held
 * with the reason, for a person; what only has to wait (the rules, a sending under way) is tried
 * again.
 * Ownership: borrows what its options name. Threads: any. */
#ifndef NHIP_SETTLE_SETTLE_TAKER_H
#define NHIP_SETTLE_SETTLE_TAKER_H

#include "book/book.h"
#include "settle/settle.h"

typedef struct SettleTaker SettleTaker;

typedef struct SettleTakerOptions {
    Settle *settle;
    Store *store;
    Book *book;         /* NULL: the settle's own check decides when */
    const Clock *clock; /* NULL: the real one */
} SettleTakerOptions;
MUST_USE ErrCode settle_taker_start(const SettleTakerOptions *options, SettleTaker **ret);
void settle_taker_stop(SettleTaker *taker); /* after the commit under way; NULL is fine */

#endif
