/* settle.h — what happens to a visit's claim after it was checked: signed, sent, received by the
 * fund, assessed, concluded (accepted, reduced, refused), paid. Each is a fact: the visit's Task
 * (book_state.h) gets a new version with who, when, why, and the money of the step in Task.output;
 * what stood there stays (of an earlier round under the code STATE.ROUND). A command reads, checks
 * that the visit is in the state that it needs, and commits everything that it touches at once;
 * when somebody was faster it looks again. A visit that was changed after it was signed (Task.focus
 * names the signed version of the Claim) is `corrected`: it must be signed and sent again, as a new
 * round.
 *
 * Money: hundredths of đồng. Ownership: a Settle borrows what its options name; results live in the
 * caller's arena. Errors: ERR_NOT_FOUND (no such visit), ERR_PRECONDITION (from this state it
 * cannot be done; rules settle-*: the sentence names visit, state and what to do, in both
 * languages), ERR_PARAM (nobody named, no reason where one is needed), ERR_CONFLICT after several
 * attempts, those of the store. Threads: safe from any. */
#ifndef NHIP_SETTLE_SETTLE_H
#define NHIP_SETTLE_SETTLE_H

#include "book/book_state.h"
#include "core/clock.h"
#include "core/thread.h"
#include "interop/claim_read.h"
#include "sign/sign.h"
#include "sign/sign_key.h"
#include "store/store.h"

#define SETTLE_BASE "https://nhip.vn/fhir/"
#define SETTLE_CODE "settlement"
#define SETTLE_MONTH_SYSTEM                                                                        \
    SETTLE_BASE "sid/settlement-month"                        /* FACILITY|MONTH: groupIdentifier   \
                                                               */
#define SETTLE_ASSESSMENT_SYSTEM SETTLE_BASE "sid/assessment" /* FACILITY|MA_LK: ClaimResponse */
#define SETTLE_REASON_SYSTEM SETTLE_BASE "CodeSystem/fund-reason" /* why the fund cut a line */

typedef struct Settle Settle;

/* May the claim be signed, by the rules? text: the first finding that blocks, or why it is not
 * checked. */
typedef struct SettleCheck {
    bool checked;
    size_t n_blocks;
    Str rule, en, vi;
} SettleCheck;
/* record: the newest one of the claim; what has not come so far cannot judge it. */
typedef struct SettleDraft {
    const Claim *claim;
    RecordNo record;
} SettleDraft;
typedef ErrCode (*SettleCheckFn)(void *ctx, Arena *arena, const SettleDraft *draft,
                                 SettleCheck *ret_check);
/* By the book; ctx: the Book. */
MUST_USE ErrCode settle_check_by_book(void *book, Arena *arena, const SettleDraft *draft,
                                      SettleCheck *ret_check);

typedef struct SettleOptions {
    Store *store;
    SettleCheckFn check; /* NULL: nothing is checked, so nothing can be signed */
    void *check_ctx;
    const SignPins *pins; /* NULL: any key signs for any facility */
    SignScope scope;
    Sign *sign;         /* looks at others' signatures; NULL: what was signed elsewhere counts
                           nothing */
    const Clock *clock; /* NULL: the real one */
} SettleOptions;
MUST_USE ErrCode settle_new(const SettleOptions *options, Settle **ret_settle);
void settle_free(Settle *settle); /* NULL is fine */

/* ---- the commands ---- */

typedef struct SettleAct {
    Str facility, ma_lk;
    Str who;     /* always */
    Str why;     /* for undo and return, and when a closed month is corrected; else may be empty */
    Str closing; /* "2026-10": the closed month that this corrects */
} SettleAct;

/* entered, checked, corrected → signed. The claim as it stands now is checked, written, signed; the
 * signed file is kept (store_received_get) under the digest that the Task names. A claim with
 * findings that block, or that could not be checked, is refused (settle-blocked,
 * settle-not-checked); so is a month that is closed (settle-closed) unless the act names it. */
MUST_USE ErrCode settle_sign(Settle *settle, const SettleAct *act, SignKey *key, ErrInfo *info);
/* The same by the file in which the claim came, signed by its facility (intake_receipt.h): the very
 * bytes are what is signed and sent. The signature is looked at again, the rules as in settle_sign;
 * refused without such a file (settle-no-receipt), when the visit was changed here since it came
 * (settle-receipt-older), when the signature does not hold any more (ERR_FORBIDDEN,
 * settle-signature) or the bytes are gone (ERR_GONE). */
MUST_USE ErrCode settle_take(Settle *settle, const SettleAct *act, ErrInfo *info);
/* signed → what it was before. Only by who signed (what was signed elsewhere: by anybody), and only
 * while it was not sent. */
MUST_USE ErrCode settle_undo(Settle *settle, const SettleAct *act, ErrInfo *info);
/* signed → sent: said before the bytes leave, so that nobody sends it twice. attempt: the sender's
 * own number of the sending. */
MUST_USE ErrCode settle_sent(Settle *settle, const SettleAct *act, Str attempt, ErrInfo *info);
/* sent → signed: it is certain that it did not arrive. */
MUST_USE ErrCode settle_returned(Settle *settle, const SettleAct *act, ErrInfo *info);
/* sent → received, with the fund's transaction number. The same number again is ERR_OK. */
MUST_USE ErrCode settle_received(Settle *settle, const SettleAct *act, Str transaction,
                                 ErrInfo *info);

/* What the fund said of one line. */
typedef struct SettleLine {
    int table; /* 2, 3; 0: unsaid */
    Str stt;   /* of the record; else */
    Str code;  /* the first line of that code */
    bool has_asked, has_accepted, has_denied;
    int64_t asked, accepted, denied;
    Str reason, text; /* code and words */
} SettleLine;
typedef struct SettleAssessment {
    bool has_asked, has_accepted; /* of the visit; else what was signed, less what was denied */
    int64_t asked, accepted;
    Str reason, text; /* of the visit as a whole */
    const SettleLine *lines;
    size_t n_lines;
    bool final; /* concluded at once */
    Str source; /* what it came from: the digest of the fund's file */
} SettleAssessment;
/* received, assessed → assessed (final: concluded): a ClaimResponse, or its next version. The same
 * again changes nothing (ERR_EXISTS). */
MUST_USE ErrCode settle_assess(Settle *settle, const SettleAct *act,
                               const SettleAssessment *assessment, ErrInfo *info);
/* assessed → accepted, reduced or refused, by what the fund takes of what was asked. */
MUST_USE ErrCode settle_conclude(Settle *settle, const SettleAct *act, ErrInfo *info);

/* ---- many at once ---- */

typedef enum SettleStep {
    SETTLE_SIGN,
    SETTLE_TAKE,
    SETTLE_UNDO,
    SETTLE_CONCLUDE,
    SETTLE_STEPS,
} SettleStep;
/* What became of one; named as in the errors. */
typedef struct SettleRefusal {
    Str facility, ma_lk, rule, en, vi;
    ErrCode err;
} SettleRefusal;
typedef struct SettleMany {
    SettleStep step;
    const SettleAct *acts;
    size_t n;
    SignKey *key;         /* SETTLE_SIGN */
    const StopFlag *stop; /* may be NULL */
} SettleMany;
typedef struct SettleDone {
    size_t done, same; /* same: nothing had to change */
    SettleRefusal *refused;
    size_t n_refused;
} SettleDone;
/* Several visits a commit; those that are refused are named and keep nobody else. Errors: those of
 * the store only. */
MUST_USE ErrCode settle_many(Settle *settle, Arena *arena, const SettleMany *many,
                             SettleDone *ret_done, ErrInfo *info);

/* ---- payment ---- */

typedef struct SettlePaidLine {
    Str facility, ma_lk;
    int64_t amount;
} SettlePaidLine;
typedef struct SettlePayment {
    Str number; /* the fund's own number of the payment */
    Str date;   /* "2026-11-20" */
    Str who, why;
    Str source; /* digest of the file */
    const SettlePaidLine *lines;
    size_t n_lines;
} SettlePayment;
/* accepted, reduced, paid → paid: one PaymentReconciliation and the step of every visit, in one
 * commit. Visits from which it is not possible are named and left out. The same number again is
 * ERR_EXISTS, but of the same source: then all that it paid is `same`, and what it did not pay is
 * refused. Nothing is paid twice. */
MUST_USE ErrCode settle_pay(Settle *settle, Arena *arena, const SettlePayment *payment,
                            SettleDone *ret_done, ErrInfo *info);

/* ---- reading ---- */

typedef struct SettleMoney {
    BookState stage;
    unsigned
        round; /* 0: the one that began with the newest signature; else 1, 2, …, oldest first */
    int64_t amount;
} SettleMoney;
typedef struct SettleVisit {
    BookState state;  /* as it counts: entered (not signed; whether it is checked the book
                         knows), corrected, or that of the Task */
    BookState task;   /* of the Task; entered: none, or its signature was undone */
    uint32_t version; /* of the Task; 0: none */
    Str patient, visit, claim, id; /* ids; the last: of the Task */
    uint32_t claim_version, signed_version;
    Str month;                /* "2026-11": of the settlement as signed; empty: not signed yet */
    Str who, why, time;       /* of the last step */
    Str file;                 /* SHA-256 of the signed file, hexadecimal */
    Str transaction;          /* the fund's */
    Str closing;              /* the closed month that the last signature corrects */
    Str certificate;          /* SHA-256: the facility signed with it elsewhere; else empty */
    const SettleMoney *money; /* every step's, oldest first */
    size_t n_money;
} SettleVisit;
/* ERR_NOT_FOUND: no such visit. */
MUST_USE ErrCode settle_visit(Settle *settle, Arena *arena, Str facility, Str ma_lk,
                              SettleVisit *ret_visit, ErrInfo *info);
/* Money of a stage in the round that counts; false: it was not reached. paid: all payments. */
bool settle_money(const SettleVisit *visit, BookState stage, int64_t *ret_amount);
/* What one version of the Task says. */
typedef struct SettleStepSeen {
    Str step;
    BookState state;
    Str who, why, time;
} SettleStepSeen;
MUST_USE ErrCode settle_step_read(Arena *arena, const StoreVersion *task, SettleStepSeen *ret);
/* The signed file of the round that counts. ERR_PRECONDITION (not signed), ERR_GONE (its days are
 * over: undo, sign again). */
MUST_USE ErrCode settle_file(Settle *settle, Arena *arena, Str facility, Str ma_lk, Str *ret_xml,
                             ErrInfo *info);

#endif
