/* The addresses of jobs: how far, the answer, the files, the end. */
#include "rest/rest_async_int.h"
#include "rest/rest_fhir.h"

#include "core/io.h"

static AsyncJob *need_job(RestCall *call) {
    AsyncJob *job = async_get(call->rest, call->parts[2]);
    if (job == NULL) {
        ErrInfo info = {0};
        (void)err_set(&info, ERR_NOT_FOUND, "async-unknown",
                      "there is no such job: it was deleted, or its time is over",
                      "không có tác vụ này: đã bị xoá hoặc đã hết hạn");
        rest_reply_err(call, ERR_NOT_FOUND, &info);
    }
    return job;
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
    Str headers[] = {STR("Expires"), rest_http_date(call->arena, job->expires),
                     STR("Cache-Control"), STR("no-store")};
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
    async_put(call->rest, job);
}

static void delete_job(RestCall *call) {
    AsyncJob *job = need_job(call);
    if (job == NULL) {
        return;
    }
    async_delete(call->rest, job);
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
    async_put(call->rest, job);
}

ROUTES(rest_async_routes,
       {"GET", "/fhir/$async/:id", get_job, false, "async: how far a job is, then its answer"},
       {"DELETE", "/fhir/$async/:id", delete_job, false, "async: ends a job, drops its answer"},
       {"GET", "/fhir/$async/:id/:file", get_file, false, "async: a file that a job made"});
