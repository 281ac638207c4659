/* Jobs: their list and threads. A job is known while it stands in the list; who works with one
 * outside of the lock holds a reference. */
#include "rest/rest_async_int.h"

#include "core/io.h"
#include "core/log.h"
#include "core/random.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_MS = 60 * 1000 };

FlowProgress *async_progress(AsyncJob *job) {
    return &job->progress;
}

const char *async_dir(const AsyncJob *job) {
    return job->dir;
}

Str async_url(const AsyncJob *job) {
    return job->url;
}

Str async_request(const AsyncJob *job) {
    return job->request;
}

TimeMs async_time(const AsyncJob *job) {
    return job->time;
}

/* ---- references ---- */

/* The lock is held. Who drops the last one frees the job, with its folder when it is in no list. */
static void drop(AsyncJob *job) {
    if (--job->refs > 0) {
        return;
    }
    if (!job->is_listed) {
        async_remove_folder(job->dir);
    }
    if (job->work.release != NULL) {
        job->work.release(job->work.ctx);
    }
    arena_free(job->arena);
    free(job);
}

void async_put(Rest *rest, AsyncJob *job) {
    MUTEX_GUARD(&rest->async->lock);
    drop(job);
}

/* The lock is held. */
static void unlist(Async *a, AsyncJob *job) {
    AsyncJob **at = &a->jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    job->is_listed = false;
    a->n--;
    stop_ask(&job->progress.stop);
    drop(job);
}

AsyncJob *async_get(Rest *rest, Str id) {
    Async *a = rest->async;
    MUTEX_GUARD(&a->lock);
    for (AsyncJob *job = a->jobs; job != NULL; job = job->next) {
        if (str_eq(id, str_from(job->id))) {
            job->refs++;
            return job;
        }
    }
    return NULL;
}

static void sweep(Rest *rest) {
    Async *a = rest->async;
    TimeMs now = clock_now_ms(rest->clock);
    MUTEX_GUARD(&a->lock);
    for (AsyncJob *job = a->jobs; job != NULL;) {
        AsyncJob *next = job->next;
        if (job->state >= JOB_DONE && job->expires <= now) {
            unlist(a, job);
        }
        job = next;
    }
}

void async_delete(Rest *rest, AsyncJob *job) {
    MUTEX_GUARD(&rest->async->lock);
    if (job->is_listed) {
        unlist(rest->async, job);
    }
    drop(job);
}

/* ---- making jobs ---- */

static ErrCode make_id(char ret_id[ASYNC_ID_LETTERS + 1]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t bytes[ASYNC_ID_LETTERS];
    TRY(random_secret(bytes, sizeof(bytes)));
    for (size_t i = 0; i < ASYNC_ID_LETTERS; i++) {
        ret_id[i] = letters[bytes[i] & 31];
    }
    ret_id[ASYNC_ID_LETTERS] = '\0';
    return ERR_OK;
}

static AsyncJob *new_job(Rest *rest, const char *id) {
    AsyncJob *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return NULL;
    }
    job->arena = arena_new(LIMIT_MIB);
    if (job->arena == NULL) {
        free(job);
        return NULL;
    }
    (void)snprintf(job->id, sizeof(job->id), "%s", id);
    job->dir = arena_printf(job->arena, "%s/%s", rest->async->root, id).ptr;
    job->url = arena_printf(job->arena, STR_FMT "/$async/%s", STR_ARG(rest->base_url), id);
    job->kind = "";
    job->refs = 1;
    return job;
}

/* The lock is held. */
static void enlist(Async *a, AsyncJob *job) {
    job->next = a->jobs;
    job->is_listed = true;
    a->jobs = job;
    a->n++;
}

static Str asked_url(const RestCall *call, Arena *arena) {
    Str path = http_path(call->request);
    Str query = http_query(call->request);
    path = str_starts(path, STR("/fhir")) ? str_sub(path, 5, path.len) : path;
    return arena_printf(arena, STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(call->rest->base_url),
                        STR_ARG(path), query.len > 0 ? "?" : "", STR_ARG(query));
}

static ErrCode open_job(RestCall *call, const AsyncWork *work, AsyncJob **ret_job) {
    Rest *rest = call->rest;
    char id[ASYNC_ID_LETTERS + 1];
    TRY(make_id(id));
    AsyncJob *job = new_job(rest, id);
    if (job == NULL) {
        return ERR_NOMEM;
    }
    job->kind = work->kind;
    job->is_bundle = work->is_bundle;
    job->language = call->language;
    job->time = clock_now_ms(rest->clock);
    job->request = asked_url(call, job->arena);
    ErrCode err = arena_failed(job->arena) ? ERR_NOMEM : io_mkdirs(job->dir);
    err = err == ERR_OK ? async_write_state(job) : err;
    if (err != ERR_OK) {
        drop(job);
        return err;
    }
    *ret_job = job;
    return ERR_OK;
}

/* Into the list and the queue, unless there are too many. */
static ErrCode admit(Async *a, AsyncJob *job, ErrInfo *info) {
    MUTEX_GUARD(&a->lock);
    if (a->stopping) {
        return ERR_STOPPED;
    }
    if (a->n >= ASYNC_MAX || a->n_open >= ASYNC_WAITING) {
        return err_set(info, ERR_BUSY, "async-jobs",
                       "there are too many jobs: at most %d unfinished and %d kept; delete some",
                       "có quá nhiều tác vụ: tối đa %d chưa xong và %d được giữ; hãy xoá bớt",
                       ASYNC_WAITING, ASYNC_MAX);
    }
    enlist(a, job);
    a->n_open++;
    job->refs++; /* the queue's */
    bool queued = queue_try_put(a->queue, job);
    assert(queued); /* the queue has room for all that may be open */
    (void)queued;
    return ERR_OK;
}

void async_begin(RestCall *call, const AsyncWork *work) {
    Rest *rest = call->rest;
    ErrInfo info = {0};
    AsyncJob *job = NULL;
    sweep(rest);
    ErrCode err = open_job(call, work, &job);
    if (err != ERR_OK) {
        work->release(work->ctx);
        rest_reply_err(call, err, NULL);
        return;
    }
    job->work = *work;
    Str headers[] = {STR("Content-Location"), arena_str(call->arena, job->url)};
    err = admit(rest->async, job, &info);
    if (err != ERR_OK) {
        async_put(rest, job);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    http_reply(call->request, &(HttpReply){.status = 202, .headers = headers, .n_headers = 1});
}

/* ---- running ---- */

static void finish(Rest *rest, AsyncJob *job, ErrCode err, const ErrInfo *info) {
    ErrCode kept = err == ERR_OK ? ERR_OK : async_write_failure(job, err, info);
    mutex_lock(&rest->async->lock);
    job->state = err == ERR_OK ? JOB_DONE : JOB_FAILED;
    job->status = err_http(err);
    job->expires = clock_now_ms(rest->clock) + ASYNC_KEEP_MS;
    /* Cut off by our own end: the folder goes on saying so. */
    bool ended = err == ERR_STOPPED && rest->async->stopping;
    mutex_unlock(&rest->async->lock);
    kept = kept == ERR_OK && !ended ? async_write_state(job) : kept;
    if (kept != ERR_OK || (err != ERR_OK && err != ERR_STOPPED)) {
        log_error("async_job", "err", err_name(err == ERR_OK ? kept : err), "kind", job->kind);
    }
}

static void run_job(Rest *rest, AsyncJob *job) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, 2 * LIMIT_REQUEST_BYTES);
    mutex_lock(&rest->async->lock);
    job->state = JOB_RUNNING;
    bool stopping = rest->async->stopping;
    mutex_unlock(&rest->async->lock);
    ErrCode err =
        stopping || stop_asked(&job->progress.stop) ? ERR_STOPPED : async_write_state(job);
    err = err == ERR_OK ? job->work.run(job->work.ctx, job, &out, &info) : err;
    err = err == ERR_OK ? buf_ok(&out) : err;
    err = err == ERR_OK ? async_write(job, "result.json", buf_str(&out)) : err;
    finish(rest, job, err, &info);
}

static void async_main(void *ctx) {
    Rest *rest = ctx;
    Async *a = rest->async;
    while (true) {
        AsyncJob *job = queue_get_ms(a->queue, SWEEP_MS);
        if (job != NULL) {
            run_job(rest, job);
            mutex_lock(&a->lock);
            a->n_open--;
            drop(job);
            mutex_unlock(&a->lock);
        } else if (queue_is_closed(a->queue)) {
            return;
        }
        sweep(rest);
    }
}

/* A folder that says nothing sensible is removed. */
static void restore_all(Rest *rest) {
    Async *a = rest->async;
    DIR *d = opendir(a->root);
    struct dirent *entry = NULL;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        if (strlen(entry->d_name) != ASYNC_ID_LETTERS) {
            continue;
        }
        AsyncJob *job = new_job(rest, entry->d_name);
        if (job != NULL && a->n < ASYNC_MAX && async_restore(rest, job) == ERR_OK) {
            enlist(a, job);
        } else if (job != NULL) {
            drop(job);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

/* ---- starting and stopping ---- */

ErrCode async_start(Rest *rest) {
    Async *a = arena_calloc(rest->arena, 1, sizeof(*a));
    if (a == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&a->lock);
    rest->async = a;
    a->root = arena_printf(rest->arena, "%s/jobs", rest->o.settings->data).ptr;
    a->queue = queue_new(ASYNC_WAITING + 1);
    if (a->queue == NULL) {
        return ERR_NOMEM;
    }
    restore_all(rest);
    sweep(rest);
    for (size_t i = 0; i < ARRAY_LEN(a->threads); i++) {
        TRY(thread_start(&a->threads[i], "nhip-async", async_main, rest));
    }
    return ERR_OK;
}

void async_stop(Rest *rest) {
    Async *a = rest->async;
    if (a == NULL || a->queue == NULL) {
        return;
    }
    mutex_lock(&a->lock);
    a->stopping = true;
    for (AsyncJob *job = a->jobs; job != NULL; job = job->next) {
        stop_ask(&job->progress.stop);
    }
    mutex_unlock(&a->lock);
    queue_close(a->queue);
    for (size_t i = 0; i < ARRAY_LEN(a->threads); i++) {
        thread_join(&a->threads[i]);
    }
}

void async_free(Rest *rest) {
    Async *a = rest->async;
    if (a == NULL) {
        return;
    }
    while (a->jobs != NULL) {
        AsyncJob *job = a->jobs;
        a->jobs = job->next;
        drop(job);
    }
    if (a->queue != NULL) {
        queue_free(a->queue);
    }
    mutex_release(&a->lock);
}

/* ---- the addresses ---- */
