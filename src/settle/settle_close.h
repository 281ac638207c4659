/* settle_close.h — a facility's month closed: a Task (code "closing", identifier FACILITY|MONTH)
 * with the figures of its summaries as they stood. After it, signatures in that month are made and
 * undone only by name of the closing. Nothing opens a month again.
 * Errors: ERR_PRECONDITION (settle-closed-already; settle-in-flight: visits between signature and
 * receipt), ERR_PARAM, ERR_CONFLICT (too much happened meanwhile), those of the store. */
#ifndef NHIP_SETTLE_SETTLE_CLOSE_H
#define NHIP_SETTLE_SETTLE_CLOSE_H

#include "settle/settle.h"
#include "settle/settle_sum.h"

#define SETTLE_CLOSING_CODE "closing"

typedef struct SettleClosing {
    bool closed;
    Str who, why, time;
    SettleFigure frozen[SETTLE_FIGURES_MAX]; /* as they were closed; 0 of them: not closed */
    size_t n_frozen;
    SettleFigure now[SETTLE_FIGURES_MAX]; /* by the facts of today */
    size_t n_now;
} SettleClosing;

/* month: "2026-10". */
typedef struct SettleMonth {
    Str facility, month;
    Str who, why;
} SettleMonth;
MUST_USE ErrCode settle_close(Settle *settle, Arena *arena, const SettleMonth *month,
                              ErrInfo *info);
MUST_USE ErrCode settle_closing(Settle *settle, Arena *arena, const SettleMonth *month,
                                SettleClosing *ret_closing, ErrInfo *info);
/* Only whether and by whom; empty texts: it is not closed. */
typedef struct SettleClosed {
    Str who, why, time;
} SettleClosed;
MUST_USE ErrCode settle_closed(Settle *settle, Arena *arena, const SettleMonth *month,
                               SettleClosed *ret_closed, ErrInfo *info);
/* The summaries of what was signed. */
MUST_USE ErrCode settle_summary(Settle *settle, Arena *arena, const SettleMonth *month,
                                SettleSum **ret_sum, ErrInfo *info);
/* "2026-10"? */
bool settle_is_month(Str s);
/* 202610, as the book has it; 0: no month. */
int settle_month_number(Str month);

#endif
