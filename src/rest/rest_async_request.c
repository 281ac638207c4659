/* Any FHIR request behind its answer: the route runs on a copy of the request; what it replies
 * becomes the only entry of a batch-response. */
#include "rest/rest_async.h"
#include "rest/rest_fhir.h"
#include "core/base64.h"

typedef struct Later { /* one asynchronous request */
    Rest *rest;
    const RestRoute *route;
    HttpRequest *request;
    Mutex lock;
    Cond wake;
    void (*next)(void *ctx); /* left by http_continue; NULL: none */
    void *next_ctx;
    bool replied;
    HttpReply reply; /* its texts are copied */
    Str body, type;
    Buf kept;
    Str headers[32];
    size_t n_headers;
} Later;

/* ---- what the copy of the request calls ---- */

static void on_reply(void *ctx, const HttpReply *reply) {
    Later *l = ctx;
    Arena *arena = http_arena(l->request);
    MUTEX_GUARD(&l->lock);
    l->reply.status = reply->status;
    buf_put_str(&l->kept, reply->body);
    l->type = arena_str(arena, reply->type);
    for (size_t i = 0; i < reply->n_headers && l->n_headers < ARRAY_LEN(l->headers) / 2; i++) {
        l->headers[2 * l->n_headers] = arena_str(arena, reply->headers[2 * i]);
        l->headers[2 * l->n_headers + 1] = arena_str(arena, reply->headers[2 * i + 1]);
        l->n_headers++;
    }
    l->replied = true;
    cond_signal(&l->wake);
}

static void on_go_on(void *ctx, void (*fn)(void *ctx), void *fn_ctx) {
    Later *l = ctx;
    MUTEX_GUARD(&l->lock);
    assert(l->next == NULL);
    l->next = fn;
    l->next_ctx = fn_ctx;
    cond_signal(&l->wake);
}

/* ---- the answer ---- */

static Str header_of(const Later *l, const char *name) {
    for (size_t i = 0; i < l->n_headers; i++) {
        if (str_eq_nocase(l->headers[2 * i], str_from(name))) {
            return l->headers[2 * i + 1];
        }
    }
    return STR_EMPTY;
}

static void put_response(const Later *l, JsonWriter *w, Str body, bool is_outcome) {
    json_name(w, "response");
    json_open_object(w);
    json_member(w, "status", arena_printf(http_arena(l->request), "%d", l->reply.status));
    json_member_str(w, STR("location"), header_of(l, "location"));
    json_member_str(w, STR("etag"), header_of(l, "etag"));
    if (is_outcome) {
        json_name(w, "outcome");
        json_put_raw(w, body);
    }
    json_close_object(w);
}

/* A body that is no resource (a table as CSV) comes as a Binary. */
static void put_binary(const Later *l, JsonWriter *w, Str body, Buf *data) {
    base64_encode(data, body);
    json_open_object(w);
    json_member(w, "resourceType", STR("Binary"));
    json_member(w, "contentType", l->type);
    json_member(w, "data", buf_str(data));
    json_close_object(w);
}

static ErrCode put_answer(const Later *l, Buf *out) {
    CLEANUP_BUF Buf data;
    JsonWriter w = json_writer(out);
    Str body = buf_str(&l->kept);
    bool is_fhir = str_starts(l->type, STR("application/fhir+json"));
    bool is_outcome = is_fhir && l->reply.status >= 400;
    buf_init(&data, 2 * LIMIT_REQUEST_BYTES);
    TRY(buf_ok(&l->kept));
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Bundle"));
    json_member(&w, "type", STR("batch-response"));
    json_name(&w, "entry");
    json_open_array(&w);
    json_open_object(&w);
    if (body.len > 0 && !is_outcome) {
        json_name(&w, "resource");
        if (is_fhir) {
            json_put_raw(&w, body);
        } else {
            put_binary(l, &w, body, &data);
        }
    }
    put_response(l, &w, body, is_outcome);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    TRY(buf_ok(&data));
    return buf_ok(out);
}

/* ---- running ---- */

/* Until the reply is there: handlers may wait for the store and go on behind it. */
static void await_reply(Later *l) {
    mutex_lock(&l->lock);
    while (!l->replied) {
        if (l->next == NULL) {
            cond_wait(&l->wake, &l->lock);
            continue;
        }
        void (*next)(void *) = TAKE(l->next);
        void *ctx = l->next_ctx;
        mutex_unlock(&l->lock);
        next(ctx);
        mutex_lock(&l->lock);
    }
    mutex_unlock(&l->lock);
}

static ErrCode run_later(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info) {
    Later *l = ctx;
    (void)job;
    (void)info;
    RestCall *call = rest_call_new(l->rest, l->request);
    if (call != NULL) {
        call->json_only = true;
        call->format = REST_FORMAT_JSON;
        if (rest_cut_path(call->arena, http_path(l->request), call->parts, &call->n_parts)) {
            l->route->run(call);
        } else {
            rest_reply_err(call, ERR_NOT_FOUND, NULL);
        }
    }
    await_reply(l);
    return put_answer(l, out);
}

static void release_later(void *ctx) {
    Later *l = ctx;
    http_detached_free(l->request);
    buf_release(&l->kept);
    mutex_release(&l->lock);
    cond_release(&l->wake);
    free(l);
}

/* Routes that answer behind an address of their own whatever Prefer says. */
static bool is_async(const RestRoute *route) {
    static const RestRoutes *const own[] = {&rest_async_routes, &rest_export_routes,
                                            &rest_bulk_import_routes, &rest_view_export_routes};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (route >= own[i]->routes && route < own[i]->routes + own[i]->n) {
            return true;
        }
    }
    return false;
}

bool async_wanted(RestCall *call, const RestRoute *route) {
    return call->n_parts > 0 && str_eq(call->parts[0], STR("fhir")) && !is_async(route) &&
           rest_prefers(call, "respond-async");
}

void async_route(RestCall *call, const RestRoute *route) {
    Later *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    l->rest = call->rest;
    l->route = route;
    mutex_init(&l->lock);
    cond_init(&l->wake);
    buf_init(&l->kept, LIMIT_REQUEST_BYTES);
    l->request =
        http_detach(call->request, &(HttpDetached){.reply = on_reply, .go_on = on_go_on, .ctx = l});
    if (l->request == NULL) {
        release_later(l);
        route->run(call); /* where that is not possible the answer comes at once */
        return;
    }
    async_begin(call, &(AsyncWork){.kind = "request",
                                   .run = run_later,
                                   .release = release_later,
                                   .ctx = l,
                                   .is_bundle = true});
}
