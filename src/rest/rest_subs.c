/* What there is to ask about Subscriptions beside the resource itself: $status, $events, the stream
 * of those whose channel is websocket (server-sent events: event ids are event numbers; the
 * WebSocket itself: rest_subs_ws.c), and the key that rest-hooks are signed with. */
#include "rest/rest_bulk.h"
#include "rest/rest_subs.h"
#include "store/store_scan.h"

ErrCode rest_subs_unknown(Str id, ErrInfo *info) {
    return err_set(info, ERR_NOT_FOUND, "subscription",
                   "no subscription '" STR_FMT "' is served: it is not there, off, or in error "
                   "(read the resource)",
                   "không phục vụ đăng ký '" STR_FMT "': không có, đã tắt hoặc bị lỗi (hãy đọc "
                   "tài nguyên)",
                   STR_ARG(id));
}

/* A searchset of statuses; those of an unwanted status are left out. */
typedef struct Statuses {
    RestCall *call;
    const BulkParams *params;
    Buf entries;
    size_t n;
} Statuses;

/* Is the value among those given under the name (comma-separated or repeated)? All are when none is
 * given. */
static bool is_wanted(const BulkParams *params, const char *name, Str value) {
    bool any = false;
    for (size_t i = 0; i < params->n; i++) {
        Str list = params->list[i].value;
        Str one;
        bool named = str_eq(params->list[i].name, str_from(name));
        while (named && str_cut(&list, ',', &one)) {
            any = true;
            if (str_eq(one, value)) {
                return true;
            }
        }
    }
    return !any;
}

static ErrCode add_status(Statuses *s, Str id) {
    CLEANUP_BUF Buf one;
    const char *status = NULL;
    buf_init(&one, LIMIT_MIB);
    TRY(subs_put_status(s->call->rest->o.subs, id, &status, &one));
    if (is_wanted(s->params, "status", str_from(status))) {
        buf_put_str(&s->entries, s->n++ == 0 ? STR("{\"resource\":") : STR(",{\"resource\":"));
        buf_put_str(&s->entries, buf_str(&one));
        buf_put_lit(&s->entries, ",\"search\":{\"mode\":\"match\"}}");
    }
    return buf_ok(&s->entries);
}

static ErrCode add_one(void *ctx, const StoreVersion *v) {
    Statuses *s = ctx;
    ErrCode err = is_wanted(s->params, "id", v->id) ? add_status(s, v->id) : ERR_OK;
    return err == ERR_GONE ? ERR_OK : err;
}

static ErrCode add_all(Statuses *s, ErrInfo *info) {
    const Rest *rest = s->call->rest;
    FhirQueryScope scope = {
        .type = FHIR_T_SUBSCRIPTION, .base_url = rest_base_url(rest), .info = info};
    return store_scan_found(
        rest->store, &(StoreFound){.scope = &scope, .text = STR_EMPTY, .each = add_one, .ctx = s});
}

static ErrCode put_status(RestCall *call, Buf *out, ErrInfo *info) {
    static const char *const names[] = {"id", "status", "_format", "_pretty", NULL};
    BulkParams params;
    TRY(bulk_params(call, call->arena, &params, info));
    TRY(bulk_only(call, &params, names, info));
    Statuses s = {.call = call, .params = &params};
    buf_init(&s.entries, LIMIT_REQUEST_BYTES);
    bool one = call->n_parts > 3;
    ErrCode err = one ? add_status(&s, call->parts[2]) : add_all(&s, info);
    if (err == ERR_OK) {
        buf_printf(out, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":%zu", s.n);
        buf_put_str(out, s.n == 0 ? STR_EMPTY : STR(",\"entry\":["));
        buf_put_str(out, buf_str(&s.entries));
        buf_put_str(out, s.n == 0 ? STR("}") : STR("]}"));
    }
    buf_release(&s.entries);
    return err == ERR_NOT_FOUND && one ? rest_subs_unknown(call->parts[2], info) : err;
}

static ErrCode number_of(const BulkParams *params, const char *name, uint64_t *ret, ErrInfo *info) {
    const BulkParam *p = bulk_find(params, name);
    return p == NULL || str_to_u64(p->value, ret) == ERR_OK
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "%s is a whole number",
                         "%s là một số nguyên", name);
}

static ErrCode put_events(RestCall *call, Buf *out, ErrInfo *info) {
    static const char *const names[] = {"eventsSinceNumber", "eventsUntilNumber", "content",
                                        "_format",           "_pretty",           NULL};
    SubsRange range = {.last = UINT64_MAX, .content = STR_EMPTY};
    BulkParams params;
    TRY(bulk_params(call, call->arena, &params, info));
    TRY(bulk_only(call, &params, names, info));
    TRY(number_of(&params, "eventsSinceNumber", &range.first, info));
    TRY(number_of(&params, "eventsUntilNumber", &range.last, info));
    const BulkParam *content = bulk_find(&params, "content");
    range.content = content == NULL ? STR_EMPTY : content->value;
    ErrCode err = subs_put_events(call->rest->o.subs, call->parts[2], &range, out);
    return err == ERR_NOT_FOUND ? rest_subs_unknown(call->parts[2], info)
           : err == ERR_PARAM   ? err_set(info, ERR_PARAM, "parameter-value",
                                          "content must be empty, id-only or full-resource",
                                          "content phải là empty, id-only hoặc full-resource")
                                : err;
}

static ErrCode put_key(RestCall *call, Buf *out, ErrInfo *info) {
    (void)info;
    subs_put_key(call->rest->o.subs, out);
    return ERR_OK;
}

/* rest_answer, as FHIR. */
static void answer(RestCall *call, RestPutFn put) {
    RestAnswer a = {.status = 200};
    ErrInfo info = {0};
    buf_init(&a.body, LIMIT_REQUEST_BYTES);
    ErrCode err = rest_take_format(call, http_query(call->request), &info);
    err = err == ERR_OK ? put(call, &a.body, &info) : err;
    err = err == ERR_OK ? buf_ok(&a.body) : err;
    if (err != ERR_OK) {
        buf_release(&a.body);
        rest_reply_err(call, err, &info);
    } else {
        rest_send(call, &a);
    }
}

static void get_status(RestCall *call) {
    answer(call, put_status);
}

static void get_events(RestCall *call) {
    answer(call, put_events);
}

static void get_key(RestCall *call) {
    rest_answer(call, (const char *const[]){NULL}, put_key);
}

/* ---- the stream ---- */

static bool send_event(HttpStream *stream, uint64_t number, Str bundle) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    if (number > 0) {
        buf_printf(&b, "id: %llu\n", (unsigned long long)number);
    }
    buf_put_lit(&b, "event: notification\ndata: ");
    buf_put_str(&b, bundle); /* canonical JSON: one line */
    buf_put_lit(&b, "\n\n");
    return buf_ok(&b) == ERR_OK && http_stream_send(stream, buf_str(&b));
}

/* A WebSocket ends by itself, and may have other subscriptions. */
static void drop_client(SubsClient *c) {
    if (c->stream != NULL) {
        http_stream_close(c->stream);
    }
    free(c);
}

void rest_subs_push(void *ctx, Str id, uint64_t number, Str bundle) {
    Rest *rest = ctx;
    MUTEX_GUARD(&rest->subs_lock);
    SubsClient **link = &rest->subs_clients;
    while (*link != NULL) {
        SubsClient *c = *link;
        bool sent = true;
        if (str_eq(str_from(c->id), id)) {
            sent = c->ws != NULL ? rest_subs_tell_ws(c, number, bundle)
                                 : send_event(c->stream, number, bundle);
        }
        if (sent) {
            link = &c->next;
        } else {
            *link = c->next;
            drop_client(c);
        }
    }
}

void rest_subs_close(Rest *rest) {
    MUTEX_GUARD(&rest->subs_lock);
    while (rest->subs_clients != NULL) {
        SubsClient *c = rest->subs_clients;
        rest->subs_clients = c->next;
        drop_client(c);
    }
}

/* What a client that was away missed (Last-Event-ID), as one event with the last number. */
static void send_missed(RestCall *call, HttpStream *stream) {
    uint64_t last = 0;
    SubsRange range = {.last = UINT64_MAX, .content = STR_EMPTY};
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    if (str_to_u64(http_header(call->request, "Last-Event-ID"), &last) == ERR_OK) {
        range.first = last + 1;
        if (subs_put_events(call->rest->o.subs, call->parts[2], &range, &b) == ERR_OK) {
            (void)send_event(stream, 0, buf_str(&b));
        }
    }
}

static void get_stream(RestCall *call) {
    ErrInfo info = {0};
    Str id = call->parts[2];
    SubsClient *c;
    if (!subs_is_pushed(call->rest->o.subs, id) || id.len >= sizeof(c->id)) {
        rest_reply_err(call, rest_subs_unknown(id, &info), &info);
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
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
    MUTEX_GUARD(&call->rest->subs_lock);
    c->next = call->rest->subs_clients;
    call->rest->subs_clients = c;
}

static const RestOpParam status_params[] = {
    {REST_IN, "id", "id", 0, "*", "of subscriptions, when asked of the type; else all of them"},
    {REST_IN, "status", "code", 0, "*", "only those of this status"},
    {REST_OUT, "return", "Bundle", 1, "1", "a searchset with the status as Parameters"},
};
static const RestOpParam events_params[] = {
    {REST_IN, "eventsSinceNumber", "string", 0, "1", "first event wanted"},
    {REST_IN, "eventsUntilNumber", "string", 0, "1", "last event wanted"},
    {REST_IN, "content", "code", 0, "1", "empty, id-only or full-resource; else as subscribed"},
    {REST_OUT, "return", "Bundle", 1, "1", "a notification of type query-event"},
};
#define BACKPORT "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/"
OPERATIONS(rest_subs_operations,
           {.on = "Subscription",
            .name = "status",
            .base = BACKPORT "backport-subscription-status",
            REST_PARAMS(status_params)},
           {.on = "Subscription",
            .name = "events",
            .base = BACKPORT "backport-subscription-events",
            REST_PARAMS(events_params)});

ROUTES(rest_subs_routes,
       {"GET", "/fhir/Subscription/$status", get_status, true, "operation: is it served, how far"},
       {"POST", "/fhir/Subscription/$status", get_status, true,
        "operation: the same with Parameters"},
       {"GET", "/fhir/Subscription/$hook-key", get_key, false,
        "operation: the public key that rest-hooks are signed with (JWK)"},
       {"GET", "/fhir/Subscription/:id/$status", get_status, false,
        "operation: is it served, how far"},
       {"POST", "/fhir/Subscription/:id/$status", get_status, false,
        "operation: the same with Parameters"},
       {"GET", "/fhir/Subscription/:id/$events", get_events, true,
        "operation: events that were, again"},
       {"POST", "/fhir/Subscription/:id/$events", get_events, true,
        "operation: the same with Parameters"},
       {"GET", "/fhir/Subscription/:id/$stream", get_stream, false,
        "operation: server-sent events of a websocket subscription"});
