/* api_fix.h — one value put in place of another in many visits: planned (what would change, how
 * many visits would become clean), carried out as planned, undone as a whole. A visit changes by
 * the way that every file takes. What was done is a Task (code fix) that names every visit with the
 * mark that it got: undoing finds those that still say so. Limits: FIX_VISITS visits in one fix,
 * FIX_LOOKS looked at for it; then the plan says that it is cut, and the rest is for the next one.
 * Ownership: plans live in the call's arena. Threads: one a call. */
#ifndef NHIP_API_API_FIX_H
#define NHIP_API_API_FIX_H

#include "api/api_book.h"
#include "api/api_repair.h"

enum { FIX_VISITS = 500, FIX_LOOKS = 5000 };

typedef struct Fix {
    BookFilter filter; /* of what is not signed */
    Str table, field;
    Str match; /* only values that are this; ptr NULL: any */
    Str value;
} Fix;
/* From a body: a filter (api_book.h) and table, field, match, value. */
MUST_USE ErrCode fix_read(RestCall *call, const JsonNode *body, Fix *ret, ErrInfo *info);

typedef struct FixVisit {
    Str id, ma_lk, name, facility;
    Str mark, after; /* as it is, as it would be */
    Str before;      /* the first value that would change */
    size_t n_values;
    size_t blocks, blocks_after; /* findings that hold it */
    bool refused;                /* the reader of files would not take it: left out */
} FixVisit;
typedef struct FixPlan {
    FixVisit *visits;
    size_t n_visits, n_values, n_looked, n_refused;
    size_t n_held, n_held_after; /* of the visits that change */
    bool cut;
    char digest[DRAFT_MARK_LEN + 1]; /* of the fix and of every visit as it is */
} FixPlan;
MUST_USE ErrCode fix_plan(RestCall *call, const Fix *fix, FixPlan *ret, ErrInfo *info);

typedef struct FixDone {
    Str id;               /* of the Task */
    size_t done, skipped; /* skipped: changed by others in the meantime, or signed since */
} FixDone;
MUST_USE ErrCode fix_run(RestCall *call, const Fix *fix, const FixPlan *plan, Str who, FixDone *ret,
                         ErrInfo *info);
/* task: the Task's id. ERR_PRECONDITION (undo-over): undone already, or too old. */
MUST_USE ErrCode fix_undo(RestCall *call, Str task, Str who, FixDone *ret, ErrInfo *info);

/* ---- the Task (api_fix_task.c) ---- */

#define FIX_SYSTEM "https://nhip.vn/fhir/CodeSystem/claim-fix"

typedef struct FixTask {
    StoreVersion version; /* id empty: a new one */
    const Fix *fix;
    const FixPlan *plan;
    const char *status; /* in-progress, completed, cancelled */
    Str who;
    size_t done;
} FixTask;
/* A new Task, or its next version; task->version is then the newest. */
MUST_USE ErrCode fix_task_write(RestCall *call, FixTask *task, ErrInfo *info);
/* The next version of a Task that was read: another status, by whom. */
MUST_USE ErrCode fix_task_end(RestCall *call, const StoreVersion *task, Str who, ErrInfo *info);

#endif
