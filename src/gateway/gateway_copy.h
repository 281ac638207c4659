/* gateway_copy.h — a visit's claim also goes to destinations beside the fund's: a Task for each
 * (gateway_note.h) says how it stands there. It is ordered when the visit is seen to be signed, at
 * the latest before the visit leaves for the fund; a new signature is a new file and so a new
 * order. Nothing of it moves the visit's settlement. Ownership: borrows. Errors: those of the
 * store; ERR_CONFLICT after several attempts. Threads: any. */
#ifndef NHIP_GATEWAY_GATEWAY_COPY_H
#define NHIP_GATEWAY_GATEWAY_COPY_H

#include "gateway/gateway_note.h"
#include "settle/settle.h"

/* Does what was signed last still stand, and is it to go out? */
bool gateway_copy_wanted(const SettleVisit *visit);
/* That these bytes are to go to target; nothing when it is written down already. Of order: target,
 * facility, ma_lk, patient, visit, file, time, who. */
MUST_USE ErrCode gateway_copy_order(Store *store, const GatewayNote *order);
/* How the copy of the visit at that destination stands; ERR_NOT_FOUND: it was never ordered. */
MUST_USE ErrCode gateway_copy_get(Store *store, Arena *arena, const GatewayNote *of,
                                  GatewayNote *ret);

#endif
