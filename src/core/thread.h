/* thread.h — threads with names, locks, a condition with a monotonic timeout, a bounded queue, a
 * stop flag and a small fork-join pool, over POSIX threads. Ownership: init/release work on the
 * caller's struct; new/free on the heap. A queue owns nothing of what passes through it. Errors:
 * only starting threads and allocating can fail; misuse of a lock (unlocking another thread's) is a
 * bug and stops the program. */
#ifndef NHIP_CORE_THREAD_H
#define NHIP_CORE_THREAD_H

#include "core/base.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Mutex {
    pthread_mutex_t m;
} Mutex;
#define MUTEX_INIT                                                                                 \
    { PTHREAD_MUTEX_INITIALIZER }
void mutex_init(Mutex *m);
void mutex_release(Mutex *m);
void mutex_lock(Mutex *m);
bool mutex_try_lock(Mutex *m);
void mutex_unlock(Mutex *m);
/* MUTEX_GUARD(&m); holds the lock to the end of the scope. */
static inline void mutex_guard_cleanup(Mutex **m) {
    mutex_unlock(*m);
}
static inline Mutex *mutex_locked(Mutex *m) {
    mutex_lock(m);
    return m;
}
#define MUTEX_GUARD(m) CLEANUP(mutex_guard_cleanup) UNUSED Mutex *mutex_guard_ = mutex_locked(m)

typedef struct Cond {
    pthread_cond_t c;
} Cond;
void cond_init(Cond *c);
void cond_release(Cond *c);
void cond_wait(Cond *c, Mutex *m);
/* False when timeout_ms passed first (measured on the monotonic clock). May wake without reason. */
bool cond_wait_ms(Cond *c, Mutex *m, int64_t timeout_ms);
void cond_signal(Cond *c);
void cond_broadcast(Cond *c);

typedef struct RwLock {
    pthread_rwlock_t l;
} RwLock;
void rwlock_init(RwLock *l); /* writers go before new readers: a steady stream cannot starve them */
void rwlock_release(RwLock *l);
void rwlock_read(RwLock *l);
void rwlock_write(RwLock *l);
void rwlock_unlock(RwLock *l);

typedef struct Thread {
    pthread_t t;
    bool started;
} Thread;
/* name: at most 15 bytes are shown by ps and gdb. All signals are blocked in the new thread, so
 * that the main thread alone handles them. ERR_BUSY when the system has no more threads, ERR_NOMEM.
 */
MUST_USE ErrCode thread_start(Thread *ret_thread, const char *name, void (*fn)(void *), void *arg);
void thread_join(Thread *t); /* does nothing when it was not started or is joined already */
void thread_set_name(const char *name); /* of the calling thread */
/* Lowers the calling thread's priority to a nice value of 1 to 19, for the rest of its life: what
 * may take its time lets commits and searches go first on a full machine. */
void thread_step_back(int nice);
unsigned thread_cores(void); /* cores that this process may use, ≥ 1 */

/* A request to stop, seen by all threads; safe in signal handlers. */
typedef struct StopFlag {
    atomic_bool asked;
} StopFlag;
static inline void stop_ask(StopFlag *s) {
    atomic_store_explicit(&s->asked, true, memory_order_release);
}
static inline bool stop_asked(const StopFlag *s) {
    return atomic_load_explicit(&s->asked, memory_order_acquire);
}

/* Bounded queue of pointers (not NULL), first in first out, any number of threads at both ends. */
typedef struct Queue Queue;
Queue *queue_new(size_t capacity);        /* ≥ 1; NULL without memory */
void queue_free(Queue *q);                /* nobody may still wait in it */
bool queue_put(Queue *q, void *item);     /* waits for room; false when closed: item not taken */
bool queue_try_put(Queue *q, void *item); /* false at once when full or closed */
void *queue_get(Queue *q);                /* waits; NULL when closed and empty */
void *queue_get_ms(Queue *q, int64_t timeout_ms); /* NULL also when the time has passed */
/* Waits for one, then takes what is there up to max. 0 when closed and empty. */
size_t queue_get_many(Queue *q, void **ret_items, size_t max);
void queue_close(Queue *q); /* wakes everybody; what is inside can still be taken */
size_t queue_count(Queue *q);
bool queue_is_closed(Queue *q);

/* Fork-join: pool_run calls fn(ctx, i) once for every i < n on the pool's threads and on the
 * calling one, and returns when all are done. One pool_run at a time. */
typedef struct Pool Pool;
Pool *pool_new(unsigned n_threads, const char *name); /* 0: thread_cores(); NULL on failure */
void pool_free(Pool *p);
void pool_run(Pool *p, void (*fn)(void *ctx, size_t i), void *ctx, size_t n);

#endif
