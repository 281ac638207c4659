/* settle_report.h — what the fund answered, as tables: ours beside the fund's, why it cut what, and
 * how long visits have waited to be sent. Ownership: the table lives in the arena. Errors: those of
 * the store. Threads: any. Cost: a look at each visit that was signed in those months. */
#ifndef NHIP_SETTLE_SETTLE_REPORT_H
#define NHIP_SETTLE_SETTLE_REPORT_H

#include "book/book.h"
#include "settle/settle_close.h"

/* One row a visit of the month that was received: asked by us, asked as the fund has it, accepted,
 * paid, and in words what does not agree; those first. Then what the fund's files name and we do
 * not know. */
MUST_USE ErrCode settle_reconciliation(Settle *settle, Arena *arena, const SettleMonth *month,
                                       SettleTable **ret_table, ErrInfo *info);

/* Denials by reason, facility, department and item: how many, how much. Reasons are those that the
 * fund's files brought, with their newest words. */
MUST_USE ErrCode settle_denials(Settle *settle, Arena *arena, const SettleMonth *months, size_t n,
                                SettleTable **ret_table, ErrInfo *info);

/* Any report by its name: those of settle_form_id, "reconciliation", "denials", "ageing". */
typedef struct SettleReportAsk {
    Settle *settle;
    Store *store;
    Book *book; /* NULL: what needs it is ERR_UNSUPPORTED */
    Str name, facility;
    Str month;    /* of all but denials (unless from and to are empty) and ageing */
    Str from, to; /* denials: months */
    bool all;     /* summaries: every visit of the book, not only what was signed */
    TimeMs now;
} SettleReportAsk;
/* ERR_NOT_FOUND: no such report; ERR_PARAM, ERR_COSTLY (rule settle-months). */
MUST_USE ErrCode settle_report(const SettleReportAsk *ask, Arena *arena, SettleTable **ret_table,
                               ErrInfo *info);

/* Visits that are not sent yet, by facility and state: how many for how many days since the end of
 * the care (0–7, 8–15, 16–30, more), and what they ask. facility: empty: all. now: its day counts.
 */
MUST_USE ErrCode settle_ageing(Book *book, Arena *arena, Str facility, TimeMs now,
                               SettleTable **ret_table);

#endif
