/* ioc.h — the operations centre's facts: one row a visit in memory-mapped columns, and the answer
 * of the operations page out of one pass over them.
 *
 * A view of the store (StoreView): rows are prepared beside the commit, appended or replaced in
 * record order after it, and can be made anew from the records at any time: the folder facts/ may
 * be deleted. A row is 28 bytes (slot 8, cost 4, insurance 4, day 2, facility 2, commune 2,
 * diagnosis 2, age 1, sex 1, kind 1, flags 1) in blocks of 65,536 rows. Checkpoints are written
 * every few seconds; rows behind the last one are replayed at open. Ownership: results go into the
 * caller's Buf. Errors: ERR_IO, ERR_FULL, ERR_NOMEM, ERR_PARAM. Threads: apply from the store's
 * view thread; everything else from any. */
#ifndef NHIP_IOC_IOC_H
#define NHIP_IOC_IOC_H

#include "store/store.h"

typedef struct Ioc Ioc;

typedef struct IocOptions {
    Str dir;            /* data folder; facts stand in dir/facts */
    const Clock *clock; /* NULL: the real one */
} IocOptions;
/* ERR_BUSY while another process has the facts open. */
MUST_USE ErrCode ioc_open(const IocOptions *options, Ioc **ret_ioc, ErrInfo *info);
/* Writes a last checkpoint. Close the store first: it feeds the view. NULL is fine. */
void ioc_close(Ioc *ioc);
/* Forgets every row, before the store is opened: its replay makes them anew. */
MUST_USE ErrCode ioc_reset(Ioc *ioc);
/* Takes the checkpoint away, so that the next ioc_open begins anew (while it is closed). */
MUST_USE ErrCode ioc_forget(Str dir);
/* The hooks for StoreOptions.views. */
StoreView ioc_view(Ioc *ioc);
/* Makes what was applied durable; also done by itself every few seconds. */
MUST_USE ErrCode ioc_checkpoint(Ioc *ioc);

enum { IOC_ANY = -1 };

typedef struct IocQuery {     /* of the operations page; empty texts and IOC_ANY do not filter */
    int32_t from_day, to_day; /* days since 1970 in Vietnam, inclusive */
    Str facility, ward;       /* codes */
    Str icd;                  /* code or prefix, with or without dot */
    int sex;                  /* 1 male, 2 female */
    int age_from, age_to;     /* years, inclusive */
    unsigned top;             /* diagnoses at most */
} IocQuery;
/* The page's JSON (docs/screens-api.md, /api/ops) without totals of the store: from "figures" to
 * "wards", as members of an object that the caller opened. Facility names come from name_of. */
typedef Str (*IocNameFn)(void *ctx, Arena *arena, Str facility);
MUST_USE ErrCode ioc_ops(Ioc *ioc, Arena *arena, const IocQuery *query, IocNameFn name_of,
                         void *name_ctx, Buf *out);
/* Does the code stand in the dictionary (has any visit carried it)? */
bool ioc_has_facility(Ioc *ioc, Str code);
bool ioc_has_ward(Ioc *ioc, Str code);
/* The days that have visits: first and last; false when there are none. */
bool ioc_days(Ioc *ioc, int32_t *ret_first, int32_t *ret_last);
/* Calls fn for every facility code that visits carry. */
void ioc_facilities(Ioc *ioc, void (*fn)(void *ctx, Str code), void *ctx);

typedef struct IocLive {
    uint64_t visits;       /* current */
    uint64_t visits_today; /* by day of admission, Vietnam */
    uint64_t applied;      /* visits applied since the program started: for a rate */
    RecordNo record;       /* last one applied */
    TimeMs time;           /* of its commit */
} IocLive;
IocLive ioc_live(Ioc *ioc);

#endif
