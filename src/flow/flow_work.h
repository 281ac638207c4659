/* flow_work.h — many items in chunks on all cores, with progress and a stop: what exports share.
 * The threads step back (nice 5): commits and searches go first. Errors: the first one ends the
 * work; ERR_STOPPED when stop was asked. Threads: one call, threads of its own. */
#ifndef NHIP_FLOW_FLOW_WORK_H
#define NHIP_FLOW_FLOW_WORK_H

#include "core/thread.h"

/* Shared by the work and those who ask how far it is. */
typedef struct FlowProgress {
    _Atomic uint64_t done, total; /* records read and to read; pages of filters count one each */
    _Atomic uint64_t resources;
    StopFlag stop;
} FlowProgress;

typedef struct FlowWork {
    uint64_t n; /* items: `done` grows by them */
    unsigned chunk;
    unsigned threads; /* 0: one a core */
    FlowProgress *progress;
    /* On each thread: begin makes what is its own, run takes items from … from + n - 1, end gets
     * the error so far, frees, and answers it or its own. Without an own after begin, no end. */
    ErrCode (*begin)(void *ctx, void **ret_own);
    ErrCode (*run)(void *own, uint64_t from, uint64_t n);
    ErrCode (*end)(void *own, ErrCode err);
    void *ctx;
} FlowWork;
MUST_USE ErrCode flow_work(const FlowWork *work);

#endif
