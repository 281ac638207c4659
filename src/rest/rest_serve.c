/* From a request to its route, on the HTTP worker or on a job thread. */
#include "rest/rest_async.h"

typedef struct Job {
    void (*fn)(void *arg);
    void *arg;
    RestHandler run; /* of a call; NULL with fn: the job is its own and freed */
} Job;

void rest_run_jobs(void *queue) {
    Job *job = NULL;
    while ((job = queue_get(queue)) != NULL) {
        if (job->run != NULL) {
            job->run(job->arg);
        } else {
            Job own = *job;
            free(job);
            own.fn(own.arg);
        }
    }
}

bool rest_post_job(Rest *rest, void (*fn)(void *arg), void *arg) {
    Job *job = malloc(sizeof(*job));
    if (job == NULL) {
        return false;
    }
    *job = (Job){.fn = fn, .arg = arg};
    if (!queue_try_put(rest->jobs, job)) {
        free(job);
        return false;
    }
    return true;
}

void rest_job(RestCall *call, RestHandler fn) {
    Job *job = arena_new_array(call->arena, Job, 1);
    if (job == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    *job = (Job){.run = fn, .arg = call};
    bool is_large = rest_upload_len(call->request) >= REST_LARGE_BODY;
    if (!queue_try_put(is_large ? call->rest->large_jobs : call->rest->jobs, job)) {
        rest_reply_err(call, ERR_BUSY, NULL);
    }
}

RestCall *rest_call_new(Rest *rest, HttpRequest *request) {
    Arena *arena = http_arena(request);
    RestCall *call = arena_new_array(arena, RestCall, 1);
    if (call == NULL) {
        http_reply(request, &(HttpReply){.status = 503});
        return NULL;
    }
    Str asked = http_header_all(request, "accept-language");
    *call = (RestCall){.rest = rest,
                       .app = rest->o.app,
                       .request = request,
                       .arena = arena,
                       .language = asked.len == 0 ? rest->language : fhir_language(asked)};
    rest_guess_format(call);
    return call;
}

/* 405 with the methods that the address knows (RFC 9110, 15.5.6); 404 when it knows none. */
static void refuse_method(RestCall *call, const char *methods) {
    ErrInfo info = {0};
    Str last = call->n_parts == 0 ? STR_EMPTY : call->parts[call->n_parts - 1];
    if (methods[0] == '\0' && str_starts(last, STR("$"))) {
        (void)err_set(&info, ERR_NOT_FOUND, "operation-unknown",
                      "there is no operation '" STR_FMT "' here; metadata lists those there are",
                      "ở đây không có thao tác '" STR_FMT "'; xem danh sách trong metadata",
                      (int)MIN(last.len, (size_t)64), last.ptr);
        rest_reply_err(call, ERR_NOT_FOUND, &info);
        return;
    }
    if (methods[0] == '\0') {
        (void)err_set(&info, ERR_NOT_FOUND, "address-unknown", "there is nothing at this address",
                      "không có gì ở địa chỉ này");
        rest_reply_err(call, ERR_NOT_FOUND, &info);
        return;
    }
    (void)err_set(&info, ERR_METHOD, "method", "only %s can be used here", "ở đây chỉ dùng được %s",
                  methods);
    Str headers[] = {STR("Allow"), arena_str(call->arena, str_from(methods))};
    rest_reply_outcome(call, err_http(ERR_METHOD), &info, headers);
}

/* What the protocol refuses before a route is looked for: too long, too large, stopping. */
void rest_on_refused(Rest *rest, HttpRequest *request, int status) {
    RestCall *call = rest_call_new(rest, request);
    ErrInfo info = {0};
    if (call == NULL) {
        return;
    }
    if (status == 413) {
        (void)err_set(&info, ERR_LIMIT, "body-size", "the body is larger than this server takes",
                      "nội dung lớn hơn mức máy chủ nhận");
    } else if (status == 414) {
        (void)err_set(&info, ERR_LIMIT, "url-size",
                      "the address is too long: send the search as a form to Type/_search",
                      "địa chỉ quá dài: hãy gửi câu tìm kiếm dạng biểu mẫu đến Type/_search");
    } else if (status == 415) {
        (void)err_set(&info, ERR_MEDIA, "body-encoding",
                      "send the body as it is or with Content-Encoding: gzip",
                      "hãy gửi nội dung nguyên dạng hoặc với Content-Encoding: gzip");
    } else if (status == 400) {
        (void)err_set(&info, ERR_SYNTAX, "body-gzip", "the gzip body cannot be unpacked",
                      "không giải nén được nội dung gzip");
    } else {
        (void)err_plain(&info, status == 503 ? ERR_STOPPED : ERR_INTERNAL, "error");
    }
    rest_reply_outcome(call, status, &info, NULL);
}

void rest_on_request(Rest *rest, HttpRequest *request) {
    RestCall *call = rest_call_new(rest, request);
    if (call == NULL || !rest_guard(call)) {
        return;
    }
    Arena *arena = call->arena;
    if (!rest_cut_path(arena, http_path(request), call->parts, &call->n_parts)) {
        rest_reply_err(call, ERR_NOT_FOUND, NULL);
        return;
    }
    char methods[REST_ALLOW_MAX];
    const RestRoute *route = rest_router_find(
        rest->router, &(RestAddress){http_method(request), call->parts, call->n_parts}, methods);
    if (route == NULL) {
        refuse_method(call, methods);
        return;
    }
    if (async_wanted(call, route)) {
        async_route(call, route);
    } else if (route->as_job) {
        rest_job(call, route->run);
    } else {
        route->run(call);
    }
}
