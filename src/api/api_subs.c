/* What there is to ask about Subscriptions beside the resource itself: $status, $events, the stream
 * of those whose channel is websocket (server-sent events: event ids are event numbers), and the
 * key that rest-hooks are signed with. */
#include "api/api_operation.h"
#include "subs/subs.h"

struct SubsClient {
    struct SubsClient *next;
    HttpStream *stream;
    char id[65];
};

static ErrCode unknown(Str id, ErrInfo *info) {
    return err_set(info, ERR_NOT_FOUND, "subscription",
                   "no subscription '" STR_FMT "' is served: it is not there, off, or in error "
                   "(read the resource)",
                   "không phục vụ đăng ký '" STR_FMT "': không có, đã tắt hoặc bị lỗi (hãy đọc "
                   "tài nguyên)",
                   STR_ARG(id));
}

/* A searchset of one entry, as the backport wants $status. */
static ErrCode put_status(ApiCall *call, Buf *out, ErrInfo *info) {
    Str id = call->n_parts > 3 ? call->parts[2] : api_query(call, "id");
    buf_put_lit(out, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":1,\"entry\":[{"
                     "\"resource\":");
    ErrCode err = subs_put_status(call->api->o.subs, id, out);
    buf_put_lit(out, ",\"search\":{\"mode\":\"match\"}}]}");
    return err == ERR_NOT_FOUND ? unknown(id, info) : err;
}

static ErrCode number_of(ApiCall *call, const char *name, uint64_t *ret, ErrInfo *info) {
    Str text = api_query(call, name);
    return text.len == 0 || str_to_u64(text, ret) == ERR_OK
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "%s is a whole number",
                         "%s là một số nguyên", name);
}

static ErrCode put_events(ApiCall *call, Buf *out, ErrInfo *info) {
    uint64_t range[2] = {0, UINT64_MAX};
    TRY(number_of(call, "eventsSinceNumber", &range[0], info));
    TRY(number_of(call, "eventsUntilNumber", &range[1], info));
    ErrCode err = subs_put_events(call->api->o.subs, call->parts[2], range, out);
    return err == ERR_NOT_FOUND ? unknown(call->parts[2], info) : err;
}

static ErrCode put_key(ApiCall *call, Buf *out, ErrInfo *info) {
    (void)info;
    subs_put_key(call->api->o.subs, out);
    return ERR_OK;
}

/* api_answer, as FHIR. */
static void answer(ApiCall *call, const char *const *names, ApiPutFn put) {
    FhirAnswer a = {.status = 200};
    ErrInfo info = {0};
    buf_init(&a.body, LIMIT_REQUEST_BYTES);
    if (!api_query_only(call, names)) {
        return;
    }
    ErrCode err = put(call, &a.body, &info);
    err = err == ERR_OK ? buf_ok(&a.body) : err;
    if (err != ERR_OK) {
        buf_release(&a.body);
        api_reply_err(call, err, &info);
    } else {
        fhir_send(call, &a);
    }
}

static void get_status(ApiCall *call) {
    answer(call, (const char *const[]){"id", "_format", NULL}, put_status);
}

static void get_events(ApiCall *call) {
    answer(call, (const char *const[]){"eventsSinceNumber", "eventsUntilNumber", "_format", NULL},
           put_events);
}

static void get_key(ApiCall *call) {
    api_answer(call, (const char *const[]){NULL}, put_key);
}

/* ---- the stream ---- */

static void send_event(HttpStream *stream, uint64_t number, Str bundle, bool *ret_sent) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    if (number > 0) {
        buf_printf(&b, "id: %llu\n", (unsigned long long)number);
    }
    buf_put_lit(&b, "event: notification\ndata: ");
    buf_put_str(&b, bundle); /* canonical JSON: one line */
    buf_put_lit(&b, "\n\n");
    *ret_sent = buf_ok(&b) == ERR_OK && http_stream_send(stream, buf_str(&b));
}

void api_subs_push(void *ctx, Str id, uint64_t number, Str bundle) {
    Api *api = ctx;
    MUTEX_GUARD(&api->live_lock);
    struct SubsClient **link = &api->subs_clients;
    while (*link != NULL) {
        struct SubsClient *c = *link;
        bool sent = true;
        if (str_eq(str_from(c->id), id)) {
            send_event(c->stream, number, bundle, &sent);
        }
        if (sent) {
            link = &c->next;
        } else {
            *link = c->next;
            http_stream_close(c->stream);
            free(c);
        }
    }
}

void api_subs_close(Api *api) {
    MUTEX_GUARD(&api->live_lock);
    while (api->subs_clients != NULL) {
        struct SubsClient *c = api->subs_clients;
        api->subs_clients = c->next;
        http_stream_close(c->stream);
        free(c);
    }
}

/* What a client that was away missed (Last-Event-ID), as one event with the last number. */
static void send_missed(ApiCall *call, HttpStream *stream) {
    uint64_t last = 0;
    uint64_t range[2] = {0, UINT64_MAX};
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    if (str_to_u64(http_header(call->request, "Last-Event-ID"), &last) == ERR_OK) {
        bool sent;
        range[0] = last + 1;
        if (subs_put_events(call->api->o.subs, call->parts[2], range, &b) == ERR_OK) {
            send_event(stream, 0, buf_str(&b), &sent);
        }
    }
}

static void get_stream(ApiCall *call) {
    ErrInfo info = {0};
    Str id = call->parts[2];
    struct SubsClient *c;
    if (!subs_is_pushed(call->api->o.subs, id) || id.len >= sizeof(c->id)) {
        api_reply_err(call, unknown(id, &info), &info);
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        api_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    memcpy(c->id, id.ptr, id.len);
    c->stream = http_reply_stream(call->request);
    if (c->stream == NULL) {
        free(c);
        return;
    }
    (void)http_stream_send(c->stream, STR("retry: 2000\n\n"));
    send_missed(call, c->stream);
    MUTEX_GUARD(&call->api->live_lock);
    c->next = call->api->subs_clients;
    call->api->subs_clients = c;
}

static const ApiParam status_params[] = {
    {API_IN, "id", "id", 0, "1", "of the subscription, when asked of the type"},
    {API_OUT, "return", "Bundle", 1, "1", "a searchset with the status as Parameters"},
};
static const ApiParam events_params[] = {
    {API_IN, "eventsSinceNumber", "string", 0, "1", "first event wanted"},
    {API_IN, "eventsUntilNumber", "string", 0, "1", "last event wanted"},
    {API_OUT, "return", "Bundle", 1, "1", "a notification of type query-event"},
};
#define BACKPORT "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/"
OPERATIONS(api_subs_operations,
           {.on = "Subscription",
            .name = "status",
            .base = BACKPORT "backport-subscription-status",
            API_PARAMS(status_params)},
           {.on = "Subscription",
            .name = "events",
            .base = BACKPORT "backport-subscription-events",
            API_PARAMS(events_params)});

ROUTES(api_subs_routes,
       {"GET", "/fhir/Subscription/$status", get_status, false, "operation: is it served, how far"},
       {"GET", "/fhir/Subscription/$hook-key", get_key, false,
        "operation: the public key that rest-hooks are signed with (JWK)"},
       {"GET", "/fhir/Subscription/:id/$status", get_status, false,
        "operation: is it served, how far"},
       {"GET", "/fhir/Subscription/:id/$events", get_events, true,
        "operation: events that were, again"},
       {"GET", "/fhir/Subscription/:id/$stream", get_stream, false,
        "operation: server-sent events of a websocket subscription"});
