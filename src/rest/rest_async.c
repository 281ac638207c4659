/* Jobs: their list, threads, folders and addresses. A job is known while it stands in the list; who
 * works with one outside of the lock holds a reference. */
#include "rest/rest_async.h"
#include "rest/rest_fhir.h"
#include "core/io.h"
#include "core/log.h"
#include "core/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_MS = 60 * 1000 };

typedef enum AsyncState { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_FAILED } AsyncState;

struct AsyncJob {
    char id[ASYNC_ID_LETTERS + 1];
    Arena *arena; /* texts */
    const char *dir;
    Str url, request;
    const char *kind;
    AsyncWork work;
    AsyncState state;
    bool is_bundle;
    bool is_listed;
    FhirLanguage language;
    int status; /* of the answer */
    TimeMs time, expires;
    FlowProgress progress;
    unsigned refs;
    AsyncJob *next;
};

typedef struct Async {
    Mutex lock; /* everything below, and state, refs, next of the jobs */
    AsyncJob *jobs;
    unsigned n, n_open;
    bool stopping;
    Queue *queue;
    Thread threads[ASYNC_THREADS];
    const char *root;
} Async;

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

/* ---- folders ---- */

static void remove_folder(const char *dir) {
    DIR *d = opendir(dir);
    struct dirent *entry = NULL;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(d), entry->d_name, 0);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    (void)rmdir(dir);
}

static ErrCode write_text(const AsyncJob *job, const char *name, Str text) {
    CLEANUP_BUF Buf path;
    buf_init(&path, LIMIT_MIB);
    buf_printf(&path, "%s/%s", job->dir, name);
    return buf_ok(&path) == ERR_OK ? io_write_atomic(buf_cstr(&path), text) : buf_ok(&path);
}

static const char *const state_names[] = {"waiting", "running", "done", "failed"};

/* state.json: what the next start must know of the job. */
static ErrCode write_state(const AsyncJob *job) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    json_member(&w, "state", str_from(state_names[job->state]));
    json_member(&w, "kind", str_from(job->kind));
    json_member(&w, "request", job->request);
    json_put_name(&w, STR("bundle"));
    json_put_bool(&w, job->is_bundle);
    json_put_name(&w, STR("status"));
    json_put_i64(&w, job->status);
    json_put_name(&w, STR("time"));
    json_put_i64(&w, job->time);
    json_put_name(&w, STR("expires"));
    json_put_i64(&w, job->expires);
    json_close_object(&w);
    TRY(buf_ok(&b));
    return write_text(job, "state.json", buf_str(&b));
}

/* ---- references ---- */

/* The lock is held. Who drops the last one frees the job, with its folder when it is in no list. */
static void drop(AsyncJob *job) {
    if (--job->refs > 0) {
        return;
    }
    if (!job->is_listed) {
        remove_folder(job->dir);
    }
    if (job->work.release != NULL) {
        job->work.release(job->work.ctx);
    }
    arena_free(job->arena);
    free(job);
}

static void job_put(Rest *rest, AsyncJob *job) {
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

static AsyncJob *job_get(Rest *rest, Str id) {
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
    err = err == ERR_OK ? write_state(job) : err;
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
        job_put(rest, job);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    http_reply(call->request, &(HttpReply){.status = 202, .headers = headers, .n_headers = 1});
}

/* ---- running ---- */

static ErrCode keep_failure(AsyncJob *job, ErrCode err, const ErrInfo *info) {
    CLEANUP_BUF Buf b;
    ErrInfo plain = {0};
    buf_init(&b, LIMIT_MIB);
    if (info->code != err) {
        (void)err_plain(&plain, err, "error");
        info = &plain;
    }
    fhir_print_outcome_err(&b, info, job->language);
    TRY(buf_ok(&b));
    return write_text(job, "result.json", buf_str(&b));
}

static void finish(Rest *rest, AsyncJob *job, ErrCode err, const ErrInfo *info) {
    ErrCode kept = err == ERR_OK ? ERR_OK : keep_failure(job, err, info);
    mutex_lock(&rest->async->lock);
    job->state = err == ERR_OK ? JOB_DONE : JOB_FAILED;
    job->status = err_http(err);
    job->expires = clock_now_ms(rest->clock) + ASYNC_KEEP_MS;
    /* Cut off by our own end: the folder goes on saying so. */
    bool ended = err == ERR_STOPPED && rest->async->stopping;
    mutex_unlock(&rest->async->lock);
    kept = kept == ERR_OK && !ended ? write_state(job) : kept;
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
    ErrCode err = stopping || stop_asked(&job->progress.stop) ? ERR_STOPPED : write_state(job);
    err = err == ERR_OK ? job->work.run(job->work.ctx, job, &out, &info) : err;
    err = err == ERR_OK ? buf_ok(&out) : err;
    err = err == ERR_OK ? write_text(job, "result.json", buf_str(&out)) : err;
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

/* ---- after a restart ---- */

static ErrCode read_state(AsyncJob *job, Arena *arena, const JsonNode **ret_root) {
    CLEANUP_BUF Buf path;
    Buf text;
    buf_init(&path, LIMIT_MIB);
    buf_init(&text, LIMIT_MIB);
    buf_printf(&path, "%s/state.json", job->dir);
    ErrCode err = io_read_file(buf_cstr(&path), LIMIT_MIB, &text);
    Str kept = arena_str(arena, buf_str(&text));
    buf_release(&text);
    TRY(err);
    return json_parse(arena, kept, ret_root, NULL);
}

static ErrCode restore(Rest *rest, AsyncJob *job) {
    const JsonNode *root = NULL;
    int64_t status = 0;
    TRY(read_state(job, job->arena, &root));
    TRY(json_to_i64(json_get_lit(root, "time"), &job->time));
    TRY(json_to_i64(json_get_lit(root, "expires"), &job->expires));
    TRY(json_to_i64(json_get_lit(root, "status"), &status));
    job->status = (int)status;
    job->request = json_str(job->arena, json_get_lit(root, "request"));
    job->kind = json_str(job->arena, json_get_lit(root, "kind")).ptr;
    job->is_bundle = json_is(json_get_lit(root, "bundle"), JSON_TRUE);
    bool done = json_str_is(json_get_lit(root, "state"), STR("done"));
    job->state = done ? JOB_DONE : JOB_FAILED;
    if (done || json_str_is(json_get_lit(root, "state"), STR("failed"))) {
        return ERR_OK;
    }
    ErrInfo info = {0};
    job->language = rest->language;
    (void)err_set(&info, ERR_INTERNAL, "async-restarted",
                  "the server was started anew before this was done: please ask again",
                  "máy chủ đã khởi động lại trước khi việc này xong: hãy yêu cầu lại");
    TRY(keep_failure(job, ERR_INTERNAL, &info));
    job->status = 500;
    job->expires = clock_now_ms(rest->clock) + ASYNC_KEEP_MS;
    return write_state(job);
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
        if (job != NULL && a->n < ASYNC_MAX && restore(rest, job) == ERR_OK) {
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

static AsyncJob *need_job(RestCall *call) {
    AsyncJob *job = job_get(call->rest, call->parts[2]);
    if (job == NULL) {
        ErrInfo info = {0};
        (void)err_set(&info, ERR_NOT_FOUND, "async-unknown",
                      "there is no such job: it was deleted, or its time is over",
                      "không có tác vụ này: đã bị xoá hoặc đã hết hạn");
        rest_reply_err(call, ERR_NOT_FOUND, &info);
    }
    return job;
}

static Str http_time(Arena *arena, TimeMs time) {
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(time / 1000);
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_str(arena, (Str){text, n});
}

static void reply_progress(RestCall *call, const AsyncJob *job, AsyncState state) {
    uint64_t total = atomic_load(&job->progress.total);
    uint64_t done = MIN(atomic_load(&job->progress.done), total);
    int64_t age = (clock_now_ms(call->rest->clock) - job->time) / 1000;
    Str progress =
        state == JOB_WAITING ? STR("waiting")
        : total == 0
            ? STR("running")
            : arena_printf(call->arena, "%u%%, %llu resources", (unsigned)(done * 100 / total),
                           (unsigned long long)atomic_load(&job->progress.resources));
    Str headers[] = {
        STR("X-Progress"),    progress,
        STR("Retry-After"),   arena_printf(call->arena, "%d", (int)MIN(1 + age / 10, INT64_C(10))),
        STR("Cache-Control"), STR("no-store")};
    http_reply(call->request, &(HttpReply){.status = 202, .headers = headers, .n_headers = 3});
}

static void reply_result(RestCall *call, const AsyncJob *job) {
    CLEANUP_BUF Buf path;
    Buf text;
    buf_init(&path, LIMIT_MIB);
    buf_init(&text, 2 * LIMIT_REQUEST_BYTES);
    buf_printf(&path, "%s/result.json", job->dir);
    ErrCode err = io_read_file(buf_cstr(&path), 2 * LIMIT_REQUEST_BYTES, &text);
    if (err != ERR_OK) {
        buf_release(&text);
        rest_reply_err(call, err == ERR_NOT_FOUND ? ERR_GONE : err, NULL);
        return;
    }
    bool failed = job->state == JOB_FAILED;
    bool fhir = failed || job->is_bundle;
    err = fhir ? rest_format(call, false, &text, NULL) : ERR_OK;
    if (err != ERR_OK) {
        buf_release(&text);
        rest_reply_err(call, err, NULL);
        return;
    }
    Str headers[] = {STR("Expires"), http_time(call->arena, job->expires), STR("Cache-Control"),
                     STR("no-store")};
    http_reply(call->request, &(HttpReply){.status = failed ? job->status : 200,
                                           .type = fhir ? rest_type_of(call)
                                                        : STR("application/json; charset=utf-8"),
                                           .body = buf_str(&text),
                                           .body_owned = true,
                                           .headers = headers,
                                           .n_headers = 2});
}

static void get_job(RestCall *call) {
    AsyncJob *job = need_job(call);
    if (job == NULL) {
        return;
    }
    mutex_lock(&call->rest->async->lock);
    AsyncState state = job->state;
    mutex_unlock(&call->rest->async->lock);
    if (state < JOB_DONE) {
        reply_progress(call, job, state);
    } else {
        reply_result(call, job);
    }
    job_put(call->rest, job);
}

static void delete_job(RestCall *call) {
    AsyncJob *job = need_job(call);
    if (job == NULL) {
        return;
    }
    mutex_lock(&call->rest->async->lock);
    if (job->is_listed) {
        unlist(call->rest->async, job);
    }
    drop(job);
    mutex_unlock(&call->rest->async->lock);
    http_reply(call->request, &(HttpReply){.status = 202});
}

static void get_file(RestCall *call) {
    AsyncJob *job = need_job(call);
    if (job == NULL) {
        return;
    }
    mutex_lock(&call->rest->async->lock);
    bool done = job->state == JOB_DONE && !job->is_bundle;
    mutex_unlock(&call->rest->async->lock);
    if (done) {
        rest_send_packed(call, job->dir, call->parts[3]);
    } else {
        rest_reply_err(call, ERR_NOT_FOUND, NULL);
    }
    job_put(call->rest, job);
}

ROUTES(rest_async_routes,
       {"GET", "/fhir/$async/:id", get_job, false, "async: how far a job is, then its answer"},
       {"DELETE", "/fhir/$async/:id", delete_job, false, "async: ends a job, drops its answer"},
       {"GET", "/fhir/$async/:id/:file", get_file, false, "async: a file that a job made"});
