/* book_try.h — what would changed rules have flagged? The visits of a month are asked both sets of
 * rules, those in force and the changed ones, with the same surroundings; nothing is written.
 * Ownership: the report lives in the arena. Errors: ERR_STOPPED, those of the store. Cost: two
 * checks and one reading of each visit of the month. */
#ifndef NHIP_BOOK_BOOK_TRY_H
#define NHIP_BOOK_BOOK_TRY_H

#include "book/book.h"
#include "core/thread.h"

typedef struct BookTry {
    Book *book; /* with the rules in force; may be read-only */
    const Rules *changed;
    Str facility;                                           /* empty: all */
    int month;                                              /* 202610: of settlement */
    const StopFlag *stop;                                   /* may be NULL */
    void (*step)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
    void *ctx;
} BookTry;

/* Visits of one department where the rule now finds something and did not, or the other way. */
typedef struct BookTryCount {
    Str rule, facility, department;
    uint64_t n_newly, n_no_longer;
    int64_t asked_newly, asked_no_longer; /* T_BHTT of them, hundredths of a đồng */
} BookTryCount;
typedef struct BookTryReport {
    const BookTryCount *counts; /* by rule, facility, department; none is empty */
    size_t n_counts;
    uint64_t n_visits; /* asked */
    uint64_t n_failed; /* too large to be asked */
    bool history_left; /* the changed rules read fields of HISTORY or WORK that rows do not keep
                        * yet: what they ask of them was not checked */
} BookTryReport;
MUST_USE ErrCode book_try(const BookTry *what, Arena *arena, BookTryReport *ret_report);

#endif
