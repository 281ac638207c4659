/* gateway_queue.h — signed claims go out: one thread looks for visits that are signed, or sent
 * without an answer, others take them to their destination. The fund's destinations have one queue;
 * each destination beside them has one of its own, with its own threads, so that whatever happens
 * there keeps nobody else waiting: the same code, but what is to be sent is the copies' Tasks
 * (gateway_copy.h), and no settlement moves.
 *
 * Nothing of the queue is kept beside the facts: the settlement Task says signed, sent, received
 * (settle.h), a delivery's Task how often it failed (gateway_note.h). `sent` is written down before
 * the bytes leave, `received` with the transaction number behind them; after a crash between the
 * two the very same bytes go out again, which the gateway answers with the number that they have.
 * One visit is with one sender at a time and its next version is signed only when the one before
 * was answered, so versions never overtake each other.
 *
 * A visit that fails is tried again after a pause that doubles, with chance in it, and put aside
 * after `failures`. When three visits in a row fail, or the destination is not there, it is the
 * destination that fails: it is left alone for a while that doubles, one visit at a time asks
 * whether it is back, and nobody is put aside meanwhile.
 * Ownership: a queue borrows what its options name. Threads: any. */
#ifndef NHIP_GATEWAY_GATEWAY_QUEUE_H
#define NHIP_GATEWAY_GATEWAY_QUEUE_H

#include "gateway/gateway_note.h"
#include "gateway/gateway_wire.h"

typedef struct GatewayQueue GatewayQueue;

typedef struct GatewayQueueOptions {
    Store *store;
    const GatewayTargets *targets;
    GatewayLine *lines; /* by account */
    const Clock *clock;
    StopFlag *stop;    /* ends calls; asked when the start fails */
    unsigned failures; /* then a visit is put aside */
    unsigned senders;  /* threads of each queue */
    unsigned retry_ms; /* pause after the first failure; doubled up to 5 minutes */
} GatewayQueueOptions;
/* All of them; *ret stands for all. */
MUST_USE ErrCode gateway_queue_start(const GatewayQueueOptions *options, GatewayQueue **ret);
/* options.stop was asked before. What is under way is found again at the next start. NULL is fine.
 */
void gateway_queue_stop(GatewayQueue *queue);
/* Looks at once: something was signed or released. */
void gateway_queue_wake(GatewayQueue *queue);
/* A person pauses or resumes a destination (ERR_NOT_FOUND); see gateway_door_set. */
MUST_USE ErrCode gateway_queue_pause(GatewayQueue *queue, Str target, bool paused,
                                     const GatewayAct *act, ErrInfo *info);

typedef struct GatewayTargetState {
    bool paused, down;
    int64_t retry_ms;  /* down: until it is asked again */
    unsigned in_a_row; /* failures since the last answer */
    char problem[GATEWAY_CODE + 2 + GATEWAY_MESSAGE];
    TimeMs last_answer;                   /* 0: none since the start */
    uint64_t n_sent, n_refused, n_failed; /* since the start */
} GatewayTargetState;
/* Of destination number i. */
GatewayTargetState gateway_queue_target(GatewayQueue *queue, size_t i);

#endif
