/* gateway.h — the way out to the fund's gateway and others, as one thing that is started and
 * stopped: destinations (gateway_target.h), tokens (gateway_wire.h), cards (gateway_card.h), the
 * queue of signed claims (gateway_queue.h). Ownership: a Gateway owns all of it. Threads: any. */
#ifndef NHIP_GATEWAY_GATEWAY_H
#define NHIP_GATEWAY_GATEWAY_H

#include "gateway/gateway_card.h"
#include "gateway/gateway_queue.h"
#include "intake/intake.h"

typedef struct Gateway Gateway;

typedef struct GatewayOptions {
    Store *store;                         /* outlives it */
    const char *targets;                  /* path of the table */
    const char *codes;                    /* GatewayCodes */
    const Clock *clock;                   /* NULL: the real one */
    unsigned timeout_s;                   /* of a file */
    unsigned failures, senders, retry_ms; /* GatewayQueueOptions */
    unsigned card_keep_h, card_keep_bad_min, card_rate;
} GatewayOptions;

MUST_USE ErrCode gateway_open(const GatewayOptions *options, Gateway **ret, ErrInfo *info);
/* Ends calls that are under way, within a second; nothing more is sent, and cards that are asked
 * for later are answered as not checked. */
void gateway_stop(Gateway *gateway);
void gateway_close(Gateway *gateway); /* nobody may still call; NULL is fine */

GatewayCards *gateway_cards(Gateway *gateway);
GatewayQueue *gateway_queue(Gateway *gateway);
const GatewayTargets *gateway_targets(const Gateway *gateway);
/* Destinations to which the facility's check-ins go on (IntakeForwards); ctx: the Gateway. */
size_t gateway_checkins_to(void *gateway, Str facility, IntakeForward ret[INTAKE_FORWARDS_MAX]);

#endif
