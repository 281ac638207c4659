/* Subscriptions over WebSocket. R4 (subscription.html#websocket): "bind ID", answered by "bound
 * ID", then "ping ID" at each event. The backport: $get-ws-binding-token gives a token for
 * subscriptions, "bind-with-token TOKEN" is answered by their handshake Bundles, then come those of
 * the events.
 *
 * A token names its subscriptions and its end, with a digest under a secret of this run of the
 * program: nothing is kept of it. */
#include "rest/rest_subs.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/random.h"

#define WS_PATH "/websocket" /* below /fhir */

enum { TOKEN_IDS = 32, TOKEN_MAX = 4096, BINDINGS_MAX = 64 };
#define TOKEN_MS (INT64_C(30) * 60 * 1000)

Str rest_subs_ws_url(const Rest *rest, Arena *arena) {
    /* http -> ws, https -> wss */
    return arena_printf(arena, "ws" STR_FMT WS_PATH,
                        STR_ARG(str_sub(rest->base_url, 4, rest->base_url.len)));
}

/* ---- tokens: "END.ID,ID….DIGEST" ---- */

/* Keyed twice, so that nobody makes a longer text's digest from a shorter one's. */
static void digest_of(Rest *rest, Str text, Sha256 *ret) {
    Str secret = {(const char *)rest->subs_secret, sizeof(rest->subs_secret)};
    Sha256 inner;
    sha256_pair(secret, text, &inner);
    sha256_pair(secret, (Str){(const char *)inner.b, sizeof(inner.b)}, ret);
}

static ErrCode put_token(Rest *rest, TimeMs end, Str ids, Buf *out) {
    Sha256 digest;
    buf_put_u64(out, (uint64_t)end);
    buf_put_char(out, '.');
    buf_put_str(out, ids);
    TRY(buf_ok(out));
    digest_of(rest, buf_str(out), &digest);
    buf_put_char(out, '.');
    hex_put(out, digest.b, sizeof(digest.b));
    return buf_ok(out);
}

/* The time of the comparison says nothing of where it fails. */
static bool is_same(const Sha256 *a, const Sha256 *b) {
    uint8_t differs = 0;
    for (size_t i = 0; i < sizeof(a->b); i++) {
        differs |= a->b[i] ^ b->b[i];
    }
    return differs == 0;
}

/* The ids of a token that this program gave and that still holds. */
static bool read_token(Rest *rest, Str token, Str *ret_ids) {
    Sha256 said;
    Sha256 real;
    uint64_t end = 0;
    size_t last = token.len <= sizeof(said.b) * 2 ? 0 : token.len - sizeof(said.b) * 2 - 1;
    Str text = str_sub(token, 0, last);
    if (last == 0 || token.len > TOKEN_MAX || token.ptr[last] != '.' ||
        hex_parse(str_sub(token, last + 1, token.len), said.b, sizeof(said.b)) != ERR_OK) {
        return false;
    }
    digest_of(rest, text, &real);
    Str number;
    return is_same(&said, &real) && str_cut(&text, '.', &number) &&
           str_to_u64(number, &end) == ERR_OK && (TimeMs)end > clock_now_ms(rest->clock) &&
           (*ret_ids = text).len > 0;
}

/* ---- $get-ws-binding-token ---- */

static ErrCode add_id(Rest *rest, Str id, Buf *ids, ErrInfo *info) {
    if (id.len > SUBS_ID_MAX || !subs_is_pushed(rest->o.subs, id)) {
        return rest_subs_unknown(id, info);
    }
    if (ids->len > 0) {
        buf_put_char(ids, ',');
    }
    buf_put_str(ids, id);
    return buf_ok(ids);
}

static ErrCode gather_ids(const RestGet *get, Buf *ids, ErrInfo *info) {
    Arena *arena = get->call->arena;
    Str query = get->query;
    Str pair;
    size_t n = 0;
    if (get->id.len > 0) {
        return add_id(get->call->rest, get->id, ids, info);
    }
    while (str_cut(&query, '&', &pair)) {
        Str value = pair;
        Str name;
        Str id;
        (void)str_cut(&value, '=', &name);
        if (!str_eq(name, STR("id"))) {
            continue;
        }
        TRY(http_decode(arena, value.ptr == NULL ? STR_EMPTY : value, true, &id));
        if (n++ == TOKEN_IDS) {
            return err_set(info, ERR_LIMIT, "token-ids", "a token holds for at most %d of them",
                           "một mã dùng cho tối đa %d đăng ký", TOKEN_IDS);
        }
        TRY(add_id(get->call->rest, id, ids, info));
    }
    return n > 0 ? ERR_OK
                 : err_set(info, ERR_PARAM, "token-ids", "name the subscriptions: id=…",
                           "hãy nêu các đăng ký: id=…");
}

static void open_parameter(JsonWriter *w, Str name) {
    json_open_object(w);
    json_member(w, "name", name);
}

static void put_parameters(Rest *rest, Str token, TimeMs end, Str ids, Buf *out) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf time;
    JsonWriter w = json_writer(out);
    Str id;
    buf_init(&time, 64);
    time_put_instant(&time, end);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Parameters"));
    json_name(&w, "parameter");
    json_open_array(&w);
    open_parameter(&w, STR("token"));
    json_member(&w, "valueString", token);
    json_close_object(&w);
    open_parameter(&w, STR("expiration"));
    json_member(&w, "valueDateTime", buf_str(&time));
    json_close_object(&w);
    while (str_cut(&ids, ',', &id)) {
        open_parameter(&w, STR("subscription"));
        json_member(&w, "valueString", id);
        json_close_object(&w);
    }
    open_parameter(&w, STR("websocket-url"));
    json_member(&w, "valueUrl", arena == NULL ? STR_EMPTY : rest_subs_ws_url(rest, arena));
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
}

static ErrCode get_token(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    Rest *rest = get->call->rest;
    CLEANUP_BUF Buf ids;
    CLEANUP_BUF Buf token;
    TimeMs end = clock_now_ms(rest->clock) + TOKEN_MS;
    buf_init(&ids, TOKEN_MAX);
    buf_init(&token, TOKEN_MAX);
    TRY(gather_ids(get, &ids, info));
    TRY(put_token(rest, end, buf_str(&ids), &token));
    put_parameters(rest, buf_str(&token), end, buf_str(&ids), &ret->body);
    ret->status = 200;
    return buf_ok(&ret->body);
}

/* ---- messages of a client ---- */

bool rest_subs_tell_ws(const SubsClient *c, uint64_t number, Str bundle) {
    char text[SUBS_ID_MAX + 16];
    if (!c->pings) {
        return http_ws_send(c->ws, bundle);
    }
    int n = snprintf(text, sizeof(text), "ping %s", c->id);
    return number == 0 || http_ws_send(c->ws, (Str){text, (size_t)n}); /* 0: a heartbeat */
}

static void say(HttpWs *ws, const char *what, Str text) {
    CLEANUP_BUF Buf b;
    buf_init(&b, TOKEN_MAX);
    buf_printf(&b, "%s" STR_FMT, what, (int)MIN(text.len, (size_t)SUBS_ID_MAX), text.ptr);
    (void)http_ws_send(ws, buf_str(&b));
}

/* With subs_lock held: is it bound, is there room for one more? */
static bool may_bind(const Rest *rest, const HttpWs *ws, Str id) {
    size_t n = 0;
    for (const SubsClient *c = rest->subs_clients; c != NULL; c = c->next) {
        if (c->ws == ws && str_eq(str_from(c->id), id)) {
            return false;
        }
        n += c->ws == ws;
    }
    return n < BINDINGS_MAX;
}

/* Events come behind what `hello` says: both under the lock that telling takes. */
static void bind_one(Rest *rest, HttpWs *ws, Str id, bool pings) {
    CLEANUP_BUF Buf hello;
    buf_init(&hello, LIMIT_MIB);
    MUTEX_GUARD(&rest->subs_lock);
    bool there = id.len <= SUBS_ID_MAX && subs_is_pushed(rest->o.subs, id);
    if (pings) {
        buf_printf(&hello, "bound " STR_FMT, STR_ARG(id));
    } else {
        there = there && subs_put_handshake(rest->o.subs, id, &hello) == ERR_OK;
    }
    if (!there || buf_ok(&hello) != ERR_OK) {
        say(ws, "error no such subscription is served over WebSocket: ", id);
        return;
    }
    if (may_bind(rest, ws, id)) {
        SubsClient *c = calloc(1, sizeof(*c));
        if (c == NULL) {
            http_ws_close(ws, 1011, STR("no memory"));
            return;
        }
        *c = (SubsClient){.next = rest->subs_clients, .ws = ws, .pings = pings};
        memcpy(c->id, id.ptr, id.len);
        rest->subs_clients = c;
    }
    (void)http_ws_send(ws, buf_str(&hello));
}

static void bind_token(Rest *rest, HttpWs *ws, Str token) {
    Str ids;
    Str id;
    if (!read_token(rest, token, &ids)) {
        say(ws, "error the token is not valid, or no longer: ask $get-ws-binding-token again",
            STR_EMPTY);
        return;
    }
    while (str_cut(&ids, ',', &id)) {
        bind_one(rest, ws, id, false);
    }
}

static void on_text(void *ctx, HttpWs *ws, Str text) {
    Str said = str_trim(text);
    Str verb;
    (void)str_cut(&said, ' ', &verb);
    said = said.ptr == NULL ? STR_EMPTY : str_trim(said);
    if (str_eq(verb, STR("bind"))) {
        bind_one(ctx, ws, said, true);
    } else if (str_eq(verb, STR("bind-with-token")) || str_eq(verb, STR("bind-with-token:"))) {
        bind_token(ctx, ws, said);
    } else {
        say(ws, "error send: bind ID, or: bind-with-token TOKEN", STR_EMPTY);
    }
}

static void on_closed(void *ctx, HttpWs *ws) {
    Rest *rest = ctx;
    MUTEX_GUARD(&rest->subs_lock);
    SubsClient **link = &rest->subs_clients;
    while (*link != NULL) {
        SubsClient *c = *link;
        if (c->ws == ws) {
            *link = c->next;
            free(c);
        } else {
            link = &c->next;
        }
    }
}

static void get_websocket(RestCall *call) {
    HttpWsHandler handler = {.on_text = on_text, .on_closed = on_closed, .ctx = call->rest};
    ErrInfo info = {0};
    ErrCode err = http_reply_ws(call->request, &handler);
    if (err == ERR_PARAM) {
        Str header[] = {STR(HTTP_WS_VERSION_HEADER), STR(HTTP_WS_VERSION)};
        (void)err_set(&info, err, "websocket",
                      "this address speaks WebSocket (RFC 6455), version 13: connect with such a "
                      "client",
                      "địa chỉ này dùng WebSocket (RFC 6455), phiên bản 13: hãy kết nối bằng ứng "
                      "dụng WebSocket");
        rest_reply_outcome(call, 426, &info, header);
    } else if (err != ERR_OK) {
        rest_reply_err(call, err, NULL);
    }
}

static const RestOpParam token_params[] = {
    {REST_IN, "id", "id", 0, "*", "of the subscriptions, when asked of the type"},
    {REST_OUT, "token", "string", 1, "1", "for bind-with-token"},
    {REST_OUT, "expiration", "dateTime", 1, "1", "until when it can be used"},
    {REST_OUT, "subscription", "string", 0, "*", "for which it holds"},
    {REST_OUT, "websocket-url", "url", 1, "1", "where to connect"},
};
OPERATIONS(rest_subs_ws_operations,
           {.on = "Subscription",
            .name = "get-ws-binding-token",
            .base = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/"
                    "backport-subscription-get-ws-binding-token",
            .get = get_token,
            REST_PARAMS(token_params)});

#define TOKEN_WHAT "operation: a token for subscriptions over WebSocket"
ROUTES(rest_subs_ws_routes,
       {"GET", "/fhir" WS_PATH, get_websocket, false, "Subscriptions over WebSocket"},
       {"GET", "/fhir/Subscription/$get-ws-binding-token", rest_run_operation, false, TOKEN_WHAT},
       {"POST", "/fhir/Subscription/$get-ws-binding-token", rest_run_operation, false, TOKEN_WHAT},
       {"GET", "/fhir/Subscription/:id/$get-ws-binding-token", rest_run_operation, false,
        TOKEN_WHAT},
       {"POST", "/fhir/Subscription/:id/$get-ws-binding-token", rest_run_operation, false,
        TOKEN_WHAT});
