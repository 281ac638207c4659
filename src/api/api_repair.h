/* api_repair.h — a repaired claim goes in by the way that every file takes: a new version of the
 * visit. Shared by the repair of one visit and the fixes of many. Errors: ERR_PRECONDITION
 * (visit-changed, undo-over), ERR_INVALID (draft-refused: what the reader of files would refuse;
 * info->where is its field). Threads: one a call. */
#ifndef NHIP_API_API_REPAIR_H
#define NHIP_API_API_REPAIR_H

#include "api/api_draft.h"

#define REPAIR_UNDO_MS (24 * TIME_HOUR_MS) /* as long a former version may be sent in again */

typedef struct Repair {
    const DraftVisit *before; /* must still be the current version */
    const Claim *claim;
    Str name; /* of the file in the list of received files */
    Str who;
} Repair;
/* Returns when it is durable. */
MUST_USE ErrCode repair_save(RestCall *call, const Repair *r, ErrInfo *info);
/* The claim that the newest version of the visit has replaced, not longer ago than
 * REPAIR_UNDO_MS. */
MUST_USE ErrCode repair_former(RestCall *call, const DraftVisit *now, Claim *ret_former,
                               ErrInfo *info);
/* The body's "who", until there is a sign-in. */
MUST_USE ErrCode api_read_who(RestCall *call, const JsonNode *body, Str *ret_who, ErrInfo *info);

#endif
