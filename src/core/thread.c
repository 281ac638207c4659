#include "core/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A lock call that fails is a bug in the program, not a condition to handle. */
static void must(int err) {
    if (UNLIKELY(err != 0)) {
        (void)fprintf(stderr, "nhip: a lock is misused (error %d)\n", err);
        abort();
    }
}

void mutex_init(Mutex *m) {
    must(pthread_mutex_init(&m->m, NULL));
}

void mutex_release(Mutex *m) {
    must(pthread_mutex_destroy(&m->m));
}

void mutex_lock(Mutex *m) {
    must(pthread_mutex_lock(&m->m));
}

bool mutex_try_lock(Mutex *m) {
    int err = pthread_mutex_trylock(&m->m);
    if (err == EBUSY) {
        return false;
    }
    must(err);
    return true;
}

void mutex_unlock(Mutex *m) {
    must(pthread_mutex_unlock(&m->m));
}

void cond_init(Cond *c) {
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->c, &attr));
    must(pthread_condattr_destroy(&attr));
}

void cond_release(Cond *c) {
    must(pthread_cond_destroy(&c->c));
}

void cond_wait(Cond *c, Mutex *m) {
    must(pthread_cond_wait(&c->c, &m->m));
}

/* The monotonic time in ms from now; far times are cut to a year, so that nothing overflows. */
static struct timespec deadline(int64_t ms) {
    struct timespec t;
    must(clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? 0 : errno);
    int64_t wait = MIN(MAX(ms, 0), INT64_C(366) * 86400 * 1000);
    t.tv_sec += (time_t)(wait / 1000);
    t.tv_nsec += (long)(wait % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static bool wait_until(Cond *c, Mutex *m, const struct timespec *t) {
    int err = pthread_cond_timedwait(&c->c, &m->m, t);
    if (err == ETIMEDOUT) {
        return false;
    }
    must(err);
    return true;
}

bool cond_wait_ms(Cond *c, Mutex *m, int64_t timeout_ms) {
    struct timespec t = deadline(timeout_ms);
    return wait_until(c, m, &t);
}

void cond_signal(Cond *c) {
    must(pthread_cond_signal(&c->c));
}

void cond_broadcast(Cond *c) {
    must(pthread_cond_broadcast(&c->c));
}

void rwlock_init(RwLock *l) {
    pthread_rwlockattr_t attr;
    must(pthread_rwlockattr_init(&attr));
    must(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
    must(pthread_rwlock_init(&l->l, &attr));
    must(pthread_rwlockattr_destroy(&attr));
}

void rwlock_release(RwLock *l) {
    must(pthread_rwlock_destroy(&l->l));
}

void rwlock_read(RwLock *l) {
    must(pthread_rwlock_rdlock(&l->l));
}

void rwlock_write(RwLock *l) {
    must(pthread_rwlock_wrlock(&l->l));
}

void rwlock_unlock(RwLock *l) {
    must(pthread_rwlock_unlock(&l->l));
}

/* What a new thread is given; it frees it. */
typedef struct Start {
    void (*fn)(void *);
    void *arg;
    char name[16];
} Start;

static void *run(void *p) {
    Start s = *(Start *)p;
    free(p);
    thread_set_name(s.name);
    s.fn(s.arg);
    return NULL;
}

ErrCode thread_start(Thread *ret_thread, const char *name, void (*fn)(void *), void *arg) {
    Start *s = malloc(sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    *s = (Start){.fn = fn, .arg = arg};
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &old));
    pthread_t t;
    int err = pthread_create(&t, NULL, run, s);
    must(pthread_sigmask(SIG_SETMASK, &old, NULL));
    if (err != 0) {
        free(s);
        return err == ENOMEM ? ERR_NOMEM : ERR_BUSY;
    }
    *ret_thread = (Thread){.t = t, .started = true};
    return ERR_OK;
}

void thread_join(Thread *t) {
    if (t->started) {
        must(pthread_join(t->t, NULL));
        t->started = false;
    }
}

void thread_set_name(const char *name) {
    char cut[16];
    (void)snprintf(cut, sizeof(cut), "%s", name);
    (void)pthread_setname_np(pthread_self(), cut);
}

void thread_step_back(int nice) {
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice); /* on Linux a thread has its own */
}

unsigned thread_cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    return (unsigned)MAX(CPU_COUNT(&set), 1);
}

/* ---- queue: a ring under one lock ---- */

struct Queue {
    Mutex lock;
    Cond not_empty, not_full;
    size_t capacity, count, first;
    bool closed;
    void *items[];
};

Queue *queue_new(size_t capacity) {
    assert(capacity >= 1);
    size_t bytes = 0;
    if (__builtin_mul_overflow(capacity, sizeof(void *), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(Queue), &bytes)) {
        return NULL;
    }
    Queue *q = calloc(1, bytes);
    if (q != NULL) {
        q->capacity = capacity;
        mutex_init(&q->lock);
        cond_init(&q->not_empty);
        cond_init(&q->not_full);
    }
    return q;
}

void queue_free(Queue *q) {
    if (q != NULL) {
        cond_release(&q->not_full);
        cond_release(&q->not_empty);
        mutex_release(&q->lock);
        free(q);
    }
}

/* Under the lock, with room. */
static void push(Queue *q, void *item) {
    assert(item != NULL && q->count < q->capacity);
    q->items[(q->first + q->count) % q->capacity] = item;
    q->count++;
    cond_signal(&q->not_empty);
}

/* Under the lock; NULL when there is none. */
static void *pop(Queue *q) {
    if (q->count == 0) {
        return NULL;
    }
    void *item = q->items[q->first];
    q->first = (q->first + 1) % q->capacity;
    q->count--;
    cond_signal(&q->not_full);
    return item;
}

bool queue_put(Queue *q, void *item) {
    MUTEX_GUARD(&q->lock);
    while (q->count == q->capacity && !q->closed) {
        cond_wait(&q->not_full, &q->lock);
    }
    if (q->closed) {
        return false;
    }
    push(q, item);
    return true;
}

bool queue_try_put(Queue *q, void *item) {
    MUTEX_GUARD(&q->lock);
    if (q->closed || q->count == q->capacity) {
        return false;
    }
    push(q, item);
    return true;
}

void *queue_get(Queue *q) {
    MUTEX_GUARD(&q->lock);
    while (q->count == 0 && !q->closed) {
        cond_wait(&q->not_empty, &q->lock);
    }
    return pop(q);
}

void *queue_get_ms(Queue *q, int64_t timeout_ms) {
    struct timespec t = deadline(timeout_ms);
    MUTEX_GUARD(&q->lock);
    while (q->count == 0 && !q->closed && wait_until(&q->not_empty, &q->lock, &t)) {
    }
    return pop(q);
}

size_t queue_get_many(Queue *q, void **ret_items, size_t max) {
    MUTEX_GUARD(&q->lock);
    while (q->count == 0 && !q->closed) {
        cond_wait(&q->not_empty, &q->lock);
    }
    size_t n = 0;
    while (n < max && q->count > 0) {
        ret_items[n++] = pop(q);
    }
    return n;
}

void queue_close(Queue *q) {
    MUTEX_GUARD(&q->lock);
    q->closed = true;
    cond_broadcast(&q->not_empty);
    cond_broadcast(&q->not_full);
}

size_t queue_count(Queue *q) {
    MUTEX_GUARD(&q->lock);
    return q->count;
}

bool queue_is_closed(Queue *q) {
    MUTEX_GUARD(&q->lock);
    return q->closed;
}

/* ---- fork-join pool ---- */

struct Pool {
    Mutex lock;
    Cond work, done;
    void (*fn)(void *ctx, size_t i); /* the current job */
    void *ctx;
    size_t n;
    atomic_size_t next;  /* index to take */
    uint64_t generation; /* counts jobs, so that a worker joins each once */
    unsigned busy;       /* workers that have not left the current job */
    unsigned n_workers;
    bool closing;
    Thread workers[];
};

static void take_indexes(Pool *p, void (*fn)(void *, size_t), void *ctx, size_t n) {
    for (size_t i = atomic_fetch_add(&p->next, 1); i < n; i = atomic_fetch_add(&p->next, 1)) {
        fn(ctx, i);
    }
}

static void work(void *arg) {
    Pool *p = arg;
    uint64_t seen = 0;
    mutex_lock(&p->lock);
    for (;;) {
        while (p->generation == seen && !p->closing) {
            cond_wait(&p->work, &p->lock);
        }
        if (p->closing) {
            break;
        }
        seen = p->generation;
        void (*fn)(void *, size_t) = p->fn;
        void *ctx = p->ctx;
        size_t n = p->n;
        mutex_unlock(&p->lock);
        take_indexes(p, fn, ctx, n);
        mutex_lock(&p->lock);
        if (--p->busy == 0) {
            cond_signal(&p->done);
        }
    }
    mutex_unlock(&p->lock);
}

Pool *pool_new(unsigned n_threads, const char *name) {
    unsigned n = (n_threads == 0 ? thread_cores() : n_threads) - 1; /* the caller works too */
    Pool *p = calloc(1, sizeof(*p) + n * sizeof(Thread));
    if (p == NULL) {
        return NULL;
    }
    mutex_init(&p->lock);
    cond_init(&p->work);
    cond_init(&p->done);
    for (; p->n_workers < n; p->n_workers++) {
        if (thread_start(&p->workers[p->n_workers], name, work, p) != ERR_OK) {
            pool_free(p);
            return NULL;
        }
    }
    return p;
}

void pool_free(Pool *p) {
    if (p == NULL) {
        return;
    }
    mutex_lock(&p->lock);
    p->closing = true;
    cond_broadcast(&p->work);
    mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_workers; i++) {
        thread_join(&p->workers[i]);
    }
    cond_release(&p->done);
    cond_release(&p->work);
    mutex_release(&p->lock);
    free(p);
}

void pool_run(Pool *p, void (*fn)(void *ctx, size_t i), void *ctx, size_t n) {
    mutex_lock(&p->lock);
    assert(p->busy == 0);
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    atomic_store(&p->next, 0);
    p->generation++;
    p->busy = p->n_workers;
    cond_broadcast(&p->work);
    mutex_unlock(&p->lock);
    take_indexes(p, fn, ctx, n);
    mutex_lock(&p->lock);
    while (p->busy > 0) {
        cond_wait(&p->done, &p->lock);
    }
    mutex_unlock(&p->lock);
}
