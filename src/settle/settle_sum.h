/* settle_sum.h — what a facility asks of the fund for a month, summed up from its claims: the lists
 * of outpatients and inpatients (a row a visit), drugs, supplies and services (a row an item and
 * price). In the manner of the fund's forms 79a, 80a, 20, 19 and 21, in words of our own: the
 * forms' text was not found. Sums are exact. Pure. Ownership: all lives in the arena. Errors:
 * ERR_NOMEM, ERR_LIMIT. Threads: one a SettleSum. */
#ifndef NHIP_SETTLE_SETTLE_SUM_H
#define NHIP_SETTLE_SETTLE_SUM_H

#include "interop/claim_read.h"
#include "settle/settle_table.h"

typedef enum SettleForm {
    SETTLE_OUTPATIENT,
    SETTLE_INPATIENT,
    SETTLE_DRUGS,
    SETTLE_SUPPLIES,
    SETTLE_SERVICES,
    SETTLE_FORMS,
} SettleForm;

typedef struct SettleSum SettleSum;
MUST_USE ErrCode settle_sum_new(Arena *arena, SettleSum **ret_sum);
/* Copies what it keeps. */
MUST_USE ErrCode settle_sum_add(SettleSum *sum, const Claim *claim);
/* Sorted and numbered; nothing may be added afterwards. */
SettleTable *settle_sum_table(SettleSum *sum, SettleForm form);
Str settle_form_id(SettleForm form);

/* The totals that a closing freezes. */
typedef struct SettleFigure {
    Str id; /* "outpatient.asked" */
    const char *en, *vi;
    SettleKind kind; /* SETTLE_K_COUNT, SETTLE_K_MONEY */
    int64_t value;
} SettleFigure;
enum { SETTLE_FIGURES_MAX = 40 };
MUST_USE ErrCode settle_sum_figures(SettleSum *sum, SettleFigure ret[SETTLE_FIGURES_MAX],
                                    size_t *ret_n);

/* MA_LOAI_KCB of stays: counted as inpatients. */
bool settle_is_inpatient(Str ma_loai_kcb);

#endif
