#include "flow/flow_work.h"

enum { THREADS_MAX = 64, BACKGROUND_NICE = 5 };

typedef struct Work {
    const FlowWork *what;
    _Atomic uint64_t next; /* chunk */
    Mutex lock;            /* err */
    ErrCode err;
} Work;

static ErrCode run_chunks(Work *w, void *own) {
    const FlowWork *what = w->what;
    while (!stop_asked(&what->progress->stop)) {
        uint64_t from = atomic_fetch_add(&w->next, 1) * what->chunk;
        if (from >= what->n) {
            return ERR_OK;
        }
        uint64_t n = MIN((uint64_t)what->chunk, what->n - from);
        TRY(what->run(own, from, n));
        atomic_fetch_add_explicit(&what->progress->done, n, memory_order_relaxed);
    }
    return ERR_STOPPED;
}

static void work_main(void *arg) {
    Work *w = arg;
    void *own = NULL;
    thread_step_back(BACKGROUND_NICE);
    ErrCode err = w->what->begin(w->what->ctx, &own);
    err = err == ERR_OK ? run_chunks(w, own) : err;
    if (own != NULL) {
        err = w->what->end(own, err);
    }
    if (err == ERR_OK) {
        return;
    }
    MUTEX_GUARD(&w->lock);
    if (w->err == ERR_OK || w->err == ERR_STOPPED) {
        w->err = err;
    }
    stop_ask(&w->what->progress->stop); /* the others */
}

ErrCode flow_work(const FlowWork *what) {
    Thread threads[THREADS_MAX] = {0};
    Work w = {.what = what};
    unsigned n = MIN(what->threads == 0 ? thread_cores() : what->threads, (unsigned)THREADS_MAX);
    ErrCode err = ERR_OK;
    mutex_init(&w.lock);
    for (unsigned i = 0; i < n && err == ERR_OK; i++) {
        err = thread_start(&threads[i], "nhip-flow", work_main, &w);
        err = i > 0 && err == ERR_BUSY ? ERR_OK : err; /* fewer do, too */
    }
    for (unsigned i = 0; i < n; i++) {
        thread_join(&threads[i]);
    }
    mutex_release(&w.lock);
    return err == ERR_OK ? w.err : err;
}
