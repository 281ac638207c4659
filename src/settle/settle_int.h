/* settle_int.h — what the files of this room share: one visit looked up, its step planned into a
 * commit that may carry several visits, the Task's text. Everything lives in the case's arena. */
#ifndef NHIP_SETTLE_SETTLE_INT_H
#define NHIP_SETTLE_SETTLE_INT_H

#include "core/json.h"
#include "core/limits.h"
#include "fhir/fhir_task.h"
#include "settle/settle.h"

enum {
    SETTLE_ATTEMPTS = 8,
    SETTLE_CHUNK = 64,            /* visits a commit */
    SETTLE_OUTPUTS_MAX = 1000,    /* steps with money of one visit */
    SETTLE_PAYMENT_LINES = 20000, /* visits of one payment: one commit */
};
#define SETTLE_ARENA_MAX (512 * LIMIT_MIB)
#define SETTLE_MONEY_MAX INT64_C(10000000000000) /* hundredths: 10^11 đồng, one amount */
#define SETTLE_CLOSING_SYSTEM SETTLE_BASE "sid/settlement-closing" /* FACILITY|MONTH */

struct Settle {
    SettleOptions o;
};

/* ---- a commit in the making (settle_plan.c) ---- */

typedef struct SettlePlan {
    Arena *arena;
    StoreGroup *groups;
    size_t n_groups, cap_groups;
    StoreExpect *expects;
    size_t n_expects, cap_expects;
    StoreStill *still;
    size_t n_still, cap_still;
    StoreReceived *received;
    size_t n_received, cap_received;
    Sha256 *files;
    size_t n_files, cap_files;
    RecordNo snapshot;
} SettlePlan;
/* Each: ERR_NOMEM. */
/* The resource with that identifier: its first version (known->slot 0: nobody may have written one
 * meanwhile; of that patient), or the one behind `known`. */
MUST_USE ErrCode settle_plan_next(SettlePlan *p, const StoreExpect *token,
                                  const StoreVersion *known, Slot patient, Buf *json);
MUST_USE ErrCode settle_plan_expect(SettlePlan *p, const StoreExpect *expect);
MUST_USE ErrCode settle_plan_still(SettlePlan *p, const StoreVersion *version);
/* A file that the Task names: kept, and known as done. */
MUST_USE ErrCode settle_plan_file(SettlePlan *p, const StoreReceived *file);
MUST_USE ErrCode settle_plan_commit(SettlePlan *p, Store *store, Str actor, ErrInfo *info);

/* ---- one visit (settle_case.c) ---- */

typedef struct SettleCase {
    const Settle *settle;
    Arena *arena;
    const SettleAct *act;
    SettlePlan *plan;
    ErrInfo *info;
    TimeMs now;
    Str key;                   /* FACILITY|MA_LK */
    StoreVersion visit, claim; /* as they stand; claim.slot 0: it has no bill */
    const JsonNode *claim_root;
    StoreVersion task; /* slot 0: none */
    const JsonNode *task_root;
    SettleVisit now_is; /* what the Task says */
} SettleCase;

/* "Claim/ID/_history/version" */
Str settle_bill(const SettleCase *c, uint32_t version);
/* Lines of the bill as it was signed; NULL: none. */
MUST_USE ErrCode settle_signed_items(const SettleCase *c, const JsonNode **ret_items);

/* en and vi: zero-terminated, as all that arena_printf makes. Returns code. */
ErrCode settle_refuse(ErrInfo *info, ErrCode code, const char *rule, Str en, Str vi);
/* Reads visit, bill and Task; ERR_NOT_FOUND (settle-no-visit). */
MUST_USE ErrCode settle_case_load(SettleCase *c);
/* ERR_PRECONDITION (settle-state) unless the Task's state is one of the bits; without stale a
 * visit that was corrected is none of them. */
MUST_USE ErrCode settle_case_need(const SettleCase *c, unsigned bits, bool stale, const char *what);
/* ERR_PARAM: nobody, or (need_why) no reason named. */
MUST_USE ErrCode settle_case_who(const SettleCase *c, bool need_why);
/* The month's closing: expected not to come meanwhile; ERR_PRECONDITION (settle-closed) when there
 * is one that the act does not name. *ret_task: the closing's Task, or empty. */
MUST_USE ErrCode settle_case_month(const SettleCase *c, Str month, Str *ret_task);
/* The same of the month that a signature had and of the one that it gets (may be equal); ERR_PARAM
 * (settle-not-closed) when the act names a closing and there is none. */
MUST_USE ErrCode settle_case_months(const SettleCase *c, Str month, Str *ret_task);

/* Plans one visit's step. ERR_EXISTS: nothing to do. */
typedef ErrCode (*SettleStepFn)(SettleCase *c, const void *what);
MUST_USE ErrCode settle_run(Settle *settle, const SettleAct *act, SettleStepFn step,
                            const void *what, ErrInfo *info);
typedef struct SettleBatch {
    SettleStepFn step;
    const SettleAct *acts;
    const void *const *what; /* of each act; NULL: `all` for each */
    const void *all;
    size_t n;
    const StopFlag *stop;
    /* Called once a commit, before it is made: adds what goes with it. May be NULL. */
    ErrCode (*with)(void *ctx, SettlePlan *plan, ErrInfo *info);
    void *ctx;
    bool whole; /* all in one commit */
} SettleBatch;
/* Refusals are named in done; errors are those of the store. */
MUST_USE ErrCode settle_run_batch(Settle *settle, Arena *arena, const SettleBatch *batch,
                                  SettleDone *ret_done, ErrInfo *info);

/* settle_sign.c; what: the SignKey. */
MUST_USE ErrCode settle_step_sign(SettleCase *c, const void *what);
/* settle_take.c; what: nothing. */
MUST_USE ErrCode settle_step_take(SettleCase *c, const void *what);
/* settle_assess.c; what: a SettleAssessment. */
MUST_USE ErrCode settle_step_assess(SettleCase *c, const void *what);
int64_t settle_line_denied(const SettleLine *line);
/* accepted, reduced, refused: by what is taken of what was asked. */
BookState settle_verdict(int64_t asked, int64_t accepted);

/* ---- the Task (settle_task.c) ---- */

/* What a step makes of the Task; empty members stay as they are. */
typedef struct SettleMove {
    const char *step; /* "sign": kept as Task.input */
    BookState to;     /* BOOK_ENTERED: none */
    bool new_round;   /* money that stands there belongs to the round before */
    bool has_money;
    int64_t money;
    BookState stage; /* of the money, when it is not `to` (assessed and concluded at once: two
                        outputs) */
    bool has_stage;
    bool drop_sent;          /* the sending did not happen */
    bool drop_all;           /* nothing did: the first signature is undone */
    uint32_t signed_version; /* 0: focus stays */
    Str month, closing_task;
    Str closing;           /* month that the signature corrects; with a new round always written */
    Str certificate;       /* of the facility: it signed elsewhere; goes with the round */
    Str input_name, input; /* one fact: file, transaction … */
} SettleMove;
MUST_USE ErrCode settle_task_move(SettleCase *c, const SettleMove *move);
/* The Task as it was in that version of its history, with a new who and why. */
MUST_USE ErrCode settle_task_restore(SettleCase *c, const char *step, uint32_t version);
/* Reads what the Task says (members of SettleVisit but ids and claim_version). */
MUST_USE ErrCode settle_task_read(Arena *arena, const JsonNode *root, SettleVisit *ret);
bool settle_task_has_input(const JsonNode *root, const char *name, Str value);

/* ---- small things ---- */
/* Room for one more in *list (a pointer to the list's pointer) of n items of `size` bytes. */
MUST_USE ErrCode settle_grow(Arena *arena, void *list, size_t n, size_t *cap, size_t size);
/* {"value":12.50,"currency":"VND"} */
void settle_put_money(JsonWriter *w, int64_t amount);
/* ERR_SYNTAX, ERR_PARAM. */
MUST_USE ErrCode settle_get_money(const JsonNode *money, int64_t *ret_amount);
/* Text of a claim's field (decimal point) in hundredths; 0 when it is empty; ERR_SYNTAX. */
MUST_USE ErrCode settle_parse_money(Str text, int64_t *ret_amount);
/* "2026-11": NAM_QT and THANG_QT, else the end of the care; empty: unreadable. */
Str settle_month_of(Arena *arena, const Claim *claim);
/* The current resource with the identifier; ret->slot 0: none. */
MUST_USE ErrCode settle_find(Store *store, Arena *arena, const StoreExpect *token,
                             StoreVersion *ret, const JsonNode **ret_root);

#endif
