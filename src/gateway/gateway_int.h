/* gateway_int.h — what the files of the module share. */
#ifndef NHIP_GATEWAY_GATEWAY_INT_H
#define NHIP_GATEWAY_GATEWAY_INT_H

#include "gateway/gateway.h"

struct Gateway {
    GatewayOptions o;
    const Clock *clock;
    GatewayTargets *targets;
    GatewayCodes codes;
    GatewayLine *lines; /* by account */
    size_t n_lines;
    GatewayCards *cards;
    GatewayQueue *queue;
    StopFlag stop;
};

#endif
