/* book.h — the book of claims: one row a visit, which says what its claim asks, what the rules find
 * in it and how far it has come. Derived: a thread follows the log and keeps book.db, which may be
 * deleted; other rules or catalogues make the rows again, in place, in the background. Import never
 * waits for it. What is counted is what the list behind it holds, always.
 * A visit: a current Encounter with the identifier FACILITY|MA_LK whose claim has come (a mere
 * check-in is none). Its row is a function of the visit as it stands, its settlement Task, the
 * rules, the catalogues, and the visits around it (HISTORY of the person, whose Patients may have
 * been merged; WORK; README.md says which).
 * Money is in hundredths of a đồng. Ownership: results live in the caller's arena. Errors:
 * ERR_NOT_FOUND (no such visit in the book), ERR_PARAM (a cursor that is none), those of the store.
 * Threads: any. Cost: counts and pages do not grow with the number of visits. */
#ifndef NHIP_BOOK_BOOK_H
#define NHIP_BOOK_BOOK_H

#include "book/book_state.h"
#include "core/clock.h"
#include "rules/rules.h"
#include "store/store.h"

typedef struct Book Book;

typedef struct BookOptions {
    Store *store;          /* outlives the book, as do the others */
    const Rules *rules;    /* all of RULES_AT_EXPORT */
    RulesWorld world;      /* catalogues; look is called by several threads */
    Str world_digest;      /* says which ones: another text makes the rows again; see book_renew */
    const Clock *clock;    /* NULL: the real one */
    unsigned history_days; /* HISTORY: visits whose stay is at most so many days away; 0: touches */
    bool read_only;        /* book.db as it stands, beside a server that follows; ERR_NOT_FOUND */
    unsigned work_days;    /* WORK: of care that ended in the last so many days; 0: not loaded */
} BookOptions;

/* Opens book.db in the store's folder. The follower does not run yet. */
MUST_USE ErrCode book_open(const BookOptions *options, Book **ret_book, ErrInfo *info);
MUST_USE ErrCode book_start(Book *book);
/* Stops the follower, closes. NULL is fine. */
void book_close(Book *book);
/* The catalogues are others now: the rows are made again in the background. */
void book_renew(Book *book, Str world_digest);

/* Waits until the book stands behind that record (StoreCommitted.last; store_snapshot for all that
 * is visible); false when timeout_ms passed first. */
bool book_wait(Book *book, RecordNo record, int64_t timeout_ms);

typedef struct BookProgress {
    RecordNo position, snapshot; /* followed so far, of the log */
    uint64_t visits;             /* rows */
    uint64_t renewed, to_renew;  /* after a change of rules or catalogues: how many rows are made
                                  * again, of how many in all; 0, 0: all stand by those in force */
} BookProgress;
MUST_USE ErrCode book_progress(Book *book, BookProgress *ret);

/* ---- rows ---- */

typedef struct BookMoney {
    int64_t total;    /* XML1.T_TONGCHI_BH: cost within the insurance's scope */
    int64_t asked;    /* XML1.T_BHTT: asked of the fund */
    int64_t accepted; /* Task.output of accepted, reduced, refused, else of assessed; 0: none yet */
    int64_t paid;     /* Task.output of paid, all of them */
} BookMoney;

typedef struct BookRow {
    Slot first; /* of the Encounter: the row's name */
    Slot patient;
    Str visit_id, patient_id;
    Str facility, ma_lk, department; /* department: the last of XML1.MA_KHOA */
    Str name, card;                  /* as the claim has them: XML1.HO_TEN, MA_THE_BHYT */
    Str kind;                        /* XML1.MA_LOAI_KCB */
    int month;                       /* of settlement: 202611, by NAM_QT and THANG_QT, else the
                                      * end of care; 0: unreadable */
    int64_t day_in, day_out;         /* days since 1970; INT64_MIN: unreadable */
    BookState state;
    BookState task_state; /* as the Task says it, whatever has changed since; BOOK_ENTERED: there
                           * is none */
    uint32_t task_version;
    TimeMs state_since; /* of the Task's version; of the row's newest change when there is none */
    Str claim_id;       /* the bill, and its version now: focus of a Task that signs it */
    uint32_t claim_version;
    BookMoney money;
    unsigned n_by_weight[RULES_WEIGHTS]; /* findings */
    unsigned n_not_checked; /* catalogues, HISTORY, WORK that rules asked and that were not there */
} BookRow;

typedef struct BookFilter {
    Str facility;             /* empty: all */
    int month_from, month_to; /* 202611, inclusive; 0: open */
    Str department;           /* empty: all */
    unsigned states;          /* BOOK_BIT of each; 0: all */
    Str rule;                 /* rows with a finding of this rule; empty: all */
    unsigned weights;         /* 1 << RulesWeight: rows with a finding of one of them; 0: all */
    Str text;                 /* in MA_LK, name or card, without accents; empty: all */
} BookFilter;

/* One group: n rows, what they add up to, and how many of them have findings that block or warn. */
typedef struct BookCount {
    Str facility, department; /* department: empty unless the filter names one */
    int month;
    BookState state;
    uint64_t n, n_held, n_warned;
    BookMoney money;
} BookCount;
typedef struct BookCounts {
    const BookCount *groups; /* by facility, month, state; none is empty */
    size_t n_groups;
    RecordNo position; /* the book stood here */
} BookCounts;
/* The funnel: of the filter facility, months, department and states count. */
MUST_USE ErrCode book_counts(Book *book, Arena *arena, const BookFilter *filter,
                             BookCounts *ret_counts);

/* Rows with findings of a rule. */
typedef struct BookRuleCount {
    Str rule; /* empty: of a rule that is no more (the row is about to be made again) */
    RulesWeight weight;
    Str facility;
    int month;
    BookState state;
    uint64_t n;       /* rows */
    uint64_t n_found; /* findings */
    int64_t asked;
} BookRuleCount;
typedef struct BookRuleCounts {
    const BookRuleCount *groups; /* by rule, facility, month, state */
    size_t n_groups;
    RecordNo position;
} BookRuleCounts;
/* Of the filter facility, months, states and rule count. */
MUST_USE ErrCode book_rules(Book *book, Arena *arena, const BookFilter *filter,
                            BookRuleCounts *ret_counts);

typedef struct BookPage {
    const BookRow *rows; /* by facility, month (newest first), state, department, arrival */
    size_t n_rows;
    Str next; /* the cursor of the next page; empty: this was the last. A page may be shorter than
               * asked and still have a next one: looking for text has its measure */
    RecordNo position;
} BookPage;
/* after: empty, or BookPage.next of a page of the same filter. At most LIMIT_PAGE_COUNT rows. */
typedef struct BookAsk {
    BookFilter filter;
    Str after;
    size_t max;
} BookAsk;
MUST_USE ErrCode book_list(Book *book, Arena *arena, const BookAsk *ask, BookPage *ret_page);

/* One row, by the first slot of its Encounter. */
MUST_USE ErrCode book_row(Book *book, Arena *arena, Slot visit, BookRow *ret_row);
/* The Encounter of FACILITY|MA_LK; ERR_NOT_FOUND. */
MUST_USE ErrCode book_visit(Book *book, Arena *arena, Str key, Slot *ret_visit);

/* How visits stand that were just taken in, by FACILITY|MA_LK: clean, held by findings, or not in
 * the book (yet). */
typedef struct BookStanding {
    uint64_t n_clean, n_held, n_unknown;
} BookStanding;
MUST_USE ErrCode book_standing(Book *book, const Str *keys, size_t n, BookStanding *ret_standing);

/* ---- findings ---- */

typedef struct BookFinding {
    Str rule;
    RulesWeight weight;
    Str table, field, value, stt; /* as RulesFinding */
    size_t record;
    int line;
    Str vi, en, fix_vi, fix_en, law;
} BookFinding;
typedef struct BookReport {
    const BookFinding *findings;
    size_t n_findings, n_more;
    size_t n_by_weight[RULES_WEIGHTS];
    const Str *not_checked;
    size_t n_not_checked;
    int64_t day;
} BookReport;
/* What the rules find in the visit now: asked anew, of everything as it stands. */
MUST_USE ErrCode book_findings(Book *book, Arena *arena, Slot visit, BookReport *ret_report);
/* The same of a claim that is not stored (yet): a draft, an order. Its surroundings are those of
 * the visit of the same FACILITY|MA_LK, when there is one; else of `patient` (first slot), or 0:
 * what is asked of HISTORY is not checked. */
typedef struct BookDraft {
    const Claim *claim;
    RulesMoment moment;
    Slot patient;
} BookDraft;
MUST_USE ErrCode book_check_claim(Book *book, Arena *arena, const BookDraft *draft,
                                  BookReport *ret_report);

#endif
