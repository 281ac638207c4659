/* gateway_queue_int.h — what the two sides of the queue share: the thread that fills it and those
 * that send. */
#ifndef NHIP_GATEWAY_GATEWAY_QUEUE_INT_H
#define NHIP_GATEWAY_GATEWAY_QUEUE_INT_H

#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"
#include "core/thread.h"
#include "gateway/gateway_copy.h"
#include "gateway/gateway_queue.h"

enum {
    QUEUE_ITEMS = 256, /* visits in memory; the rest waits in the store */
    QUEUE_TASK = 72,
    QUEUE_KEY = 400, /* bytes of FACILITY|MA_LK; a longer one is no claim's */
    QUEUE_SENDERS_MAX = 16,
    QUEUE_ARENA_MAX = 1 << 30,
    QUEUE_DOWN_AFTER = 3, /* visits that failed in a row */
    QUEUE_PAUSE_MAX_MS = 300000,
    QUEUE_POLL_MS = 500,
    QUEUE_FAILED = 32, /* visits that failed, which do not ask whether a destination is back */
};

typedef struct QueueItem {
    bool used, busy;
    size_t account;
    char key[QUEUE_KEY];
    char own[QUEUE_TASK]; /* id of the check-in's or copy's Task; empty: the claim goes */
} QueueItem;

typedef struct QueueTarget {
    bool paused;
    bool down; /* it fails, not this visit or that one */
    unsigned busy;
    unsigned in_a_row;             /* failures since the last answer */
    uint64_t failed[QUEUE_FAILED]; /* hashes of their keys since the last answer, a ring */
    unsigned n_failed;
    int64_t rests_until_ns;
    GatewayTargetState seen; /* what is told */
} QueueTarget;

struct GatewayQueue {
    GatewayQueueOptions o;
    size_t copy;        /* the destination of copies that it serves; SIZE_MAX: the fund's */
    GatewayQueue *next; /* of the next destination of copies */
    RecordNo ordered;   /* feeder: copies of what was signed until there are ordered */
    Settle *settle;
    Mutex lock; /* all below */
    Cond feed, send;
    bool woken, stirred;
    QueueItem items[QUEUE_ITEMS];
    size_t n_items;
    QueueTarget targets[GATEWAY_TARGETS_MAX];
    Random random;
    Thread feeder, senders[QUEUE_SENDERS_MAX];
};

/* ---- gateway_queue.c */
static inline QueueTarget *queue_target(GatewayQueue *q, size_t account) {
    return &q->targets[q->o.targets->accounts[account].target];
}
/* With the lock held. May a visit go there now? While it was down: one at a time. */
bool queue_is_open(const GatewayQueue *q, const QueueTarget *t);
/* With the lock held. Did this visit fail there since the last answer? A destination that was down
 * is asked by the others first, so that a visit that always fails does not keep it down. */
static inline bool queue_failed(const QueueTarget *t, uint64_t key) {
    for (unsigned i = 0; i < MIN(t->n_failed, (unsigned)QUEUE_FAILED); i++) {
        if (t->failed[i] == key) {
            return true;
        }
    }
    return false;
}
/* With the lock held: base·2^n, at most five minutes, the second half of it by chance. */
int64_t queue_pause_ms(GatewayQueue *q, unsigned n);

/* The visit's first check-in that still has to go to where this queue goes; ERR_NOT_FOUND. */
MUST_USE ErrCode queue_next_checkin(const GatewayQueue *q, Arena *arena, const GatewayNote *visit,
                                    GatewayNote *ret);
/* Writes down that the visit's claim goes to destination number target as well, if it does. */
MUST_USE ErrCode queue_order(const GatewayQueue *q, const SettleVisit *v, const GatewayNote *visit,
                             size_t target);

/* ---- gateway_send.c */
/* Takes the visit to its destination and writes down what became of it. */
void queue_send(GatewayQueue *q, HttpClient *client, const QueueItem *item);

#endif
