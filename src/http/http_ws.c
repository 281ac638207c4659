/* All WebSockets on one thread: poll, read, hand over, write. libmicrohttpd gives the socket (with
 * TLS: one end of a pair whose other end it encrypts) and takes it back at the end. */
#include "http/http_ws.h"
#include "http/http_frame.h"
#include "http/http_int.h"

#include "core/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BLOCK = 16 * 1024,
    READ_ROUNDS = 16, /* blocks of one connection before the others come */
    PING_S = 30,      /* of silence */
    CLOSE_S = 3,      /* for the client's answer to a close frame */
    TICK_MS = 1000,
    OUT_MAX = 64 << 20, /* the backlog and one more text */
};

struct HttpWs {
    HttpWs *next; /* list of the hub */
    struct HttpHub *hub;
    struct MHD_UpgradeResponseHandle *handle;
    int fd;
    HttpWsHandler handler;
    void *user;
    FrameReader reader;
    int64_t heard_ns, pinged_ns; /* pinged_ns 0: not since it was heard */
    bool gone;                   /* the thread ends it in this round */
    bool said_close;             /* the client */
    Buf early;                   /* bytes that came with the request */
    Mutex lock;                  /* the rest */
    Buf out;
    size_t sent;        /* of out */
    bool closing;       /* a close frame is the last in out */
    int64_t closing_ns; /* since when */
    bool cut;           /* nothing more goes out */
};

struct HttpHub {
    HttpServer *server;
    Thread thread;
    int wake; /* eventfd */
    struct pollfd *polls;
    size_t max;
    HttpWs *list; /* the thread's */
    Mutex lock;   /* the rest */
    HttpWs *fresh;
    size_t n; /* promised and there */
    bool stopping;
};

static int64_t now_ns(void) {
    return clock_monotonic_ns(clock_real());
}

static void hub_wake(HttpHub *hub) {
    uint64_t one = 1;
    ssize_t n = write(hub->wake, &one, sizeof(one));
    (void)n; /* full: it is awake anyway */
}

/* ---- sending ---- */

/* With the lock held. */
static void put_close(HttpWs *ws, unsigned code, Str reason) {
    if (!ws->closing) {
        ws->closing = true;
        ws->closing_ns = now_ns();
        frame_put_close(&ws->out, code, reason);
    }
}

/* False when nothing more goes out. Who does not read is cut off: a close frame would only wait. */
static bool put(HttpWs *ws, FrameKind kind, Str payload) {
    MUTEX_GUARD(&ws->lock);
    if (ws->closing) {
        return false;
    }
    if (ws->out.len - ws->sent <= LIMIT_WS_BACKLOG_BYTES) {
        frame_put(&ws->out, kind, payload);
        ws->cut = buf_ok(&ws->out) != ERR_OK; /* half a frame must not go out */
    } else {
        ws->cut = true;
    }
    ws->closing = ws->cut;
    return !ws->closing;
}

bool http_ws_send(HttpWs *ws, Str text) {
    bool sent = put(ws, FRAME_TEXT, text);
    hub_wake(ws->hub);
    return sent;
}

void http_ws_close(HttpWs *ws, unsigned code, Str reason) {
    mutex_lock(&ws->lock);
    put_close(ws, code, reason);
    mutex_unlock(&ws->lock);
    hub_wake(ws->hub);
}

void *http_ws_user(const HttpWs *ws) {
    return ws->user;
}

void http_ws_set_user(HttpWs *ws, void *user) {
    ws->user = user;
}

/* ---- one connection, on the thread ---- */

static bool is_closing(HttpWs *ws) {
    MUTEX_GUARD(&ws->lock);
    return ws->closing;
}

static void take_frame(void *ctx, FrameKind kind, Str payload) {
    HttpWs *ws = ctx;
    ws->said_close = kind == FRAME_CLOSE;
    if (kind == FRAME_TEXT && !is_closing(ws)) {
        ws->handler.on_text(ws->handler.ctx, ws, payload);
    } else if (kind == FRAME_PING) {
        (void)put(ws, FRAME_PONG, payload);
    } else if (kind == FRAME_BINARY) {
        MUTEX_GUARD(&ws->lock);
        put_close(ws, FRAME_CODE_KIND, STR("text only"));
    }
}

/* Behind a breach of the rules the rest is read and passed over, so that the close frame arrives.
 */
static void take_bytes(HttpWs *ws, Str bytes) {
    atomic_fetch_add(&ws->hub->server->bytes_in, bytes.len);
    ws->heard_ns = now_ns();
    ws->pinged_ns = 0;
    unsigned code = frame_read(&ws->reader, bytes, take_frame, ws);
    if (code != 0) {
        MUTEX_GUARD(&ws->lock);
        put_close(ws, code, STR_EMPTY);
    }
}

static void read_some(HttpWs *ws) {
    char block[READ_BLOCK];
    for (int i = 0; i < READ_ROUNDS; i++) {
        ssize_t n = recv(ws->fd, block, sizeof(block), MSG_DONTWAIT);
        if (n > 0) {
            take_bytes(ws, (Str){block, (size_t)n});
        } else {
            ws->gone = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
            return;
        }
    }
}

/* The sent part makes room, so that the backlog alone counts. With the lock held. */
static void keep_rest(HttpWs *ws) {
    if (ws->sent > LIMIT_WS_MESSAGE_BYTES) {
        memmove(ws->out.ptr, ws->out.ptr + ws->sent, ws->out.len - ws->sent);
        ws->out.len -= ws->sent;
        ws->sent = 0;
    }
}

static void write_some(HttpWs *ws) {
    MUTEX_GUARD(&ws->lock);
    ws->gone = ws->gone || ws->cut;
    while (!ws->gone && ws->sent < ws->out.len) {
        ssize_t n = send(ws->fd, ws->out.ptr + ws->sent, ws->out.len - ws->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            ws->gone = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
            keep_rest(ws);
            return;
        }
        ws->sent += (size_t)n;
        atomic_fetch_add(&ws->hub->server->bytes_out, (uint64_t)n);
    }
    if (ws->out.len > LIMIT_WS_MESSAGE_BYTES) { /* keeps no large memory for a quiet connection */
        buf_release(&ws->out);
    }
    ws->out.len = ws->sent = 0;
}

/* Is it over, and is it time for a ping? */
static void look_at_clock(HttpWs *ws, int64_t now) {
    const int64_t second = 1000000000;
    mutex_lock(&ws->lock);
    bool all_sent = ws->sent == ws->out.len;
    bool ended =
        ws->closing && ((all_sent && ws->said_close) || now - ws->closing_ns > CLOSE_S * second);
    bool closing = ws->closing;
    mutex_unlock(&ws->lock);
    if (ended || (ws->pinged_ns != 0 && now - ws->pinged_ns > PING_S * second)) {
        ws->gone = true;
    } else if (!closing && ws->pinged_ns == 0 && now - ws->heard_ns > PING_S * second) {
        ws->pinged_ns = now;
        (void)put(ws, FRAME_PING, STR_EMPTY);
        write_some(ws);
    }
}

/* Gives the socket back. */
static void ws_end(HttpWs *ws) {
    if (ws->handler.on_closed != NULL) {
        ws->handler.on_closed(ws->handler.ctx, ws);
    }
    struct MHD_UpgradeResponseHandle *handle = ws->handle;
    frame_reader_release(&ws->reader);
    buf_release(&ws->early);
    buf_release(&ws->out);
    mutex_release(&ws->lock);
    free(ws);
    (void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

/* ---- the thread ---- */

static void take_fresh(HttpHub *hub) {
    mutex_lock(&hub->lock);
    HttpWs *fresh = TAKE(hub->fresh);
    mutex_unlock(&hub->lock);
    while (fresh != NULL) {
        HttpWs *ws = fresh;
        fresh = ws->next;
        ws->next = hub->list;
        hub->list = ws;
        take_bytes(ws, buf_str(&ws->early));
        buf_release(&ws->early);
    }
}

/* Fills the hub's polls: the wake-up first, then one a connection. */
static size_t gather(HttpHub *hub) {
    size_t n = 0;
    take_fresh(hub);
    hub->polls[n++] = (struct pollfd){.fd = hub->wake, .events = POLLIN};
    for (HttpWs *ws = hub->list; ws != NULL; ws = ws->next) {
        mutex_lock(&ws->lock);
        bool waits = ws->sent < ws->out.len;
        mutex_unlock(&ws->lock);
        short events = (short)(POLLIN | (waits ? POLLOUT : 0));
        hub->polls[n++] = (struct pollfd){.fd = ws->fd, .events = events};
    }
    return n;
}

static void serve_one(HttpWs *ws, const struct pollfd *p, int64_t now) {
    if (p->revents != 0) {
        read_some(ws);
    }
    if (!ws->gone) {
        write_some(ws);
        look_at_clock(ws, now);
    }
}

static void serve(HttpHub *hub) {
    const struct pollfd *p = hub->polls + 1;
    int64_t now = now_ns();
    HttpWs **link = &hub->list;
    while (*link != NULL) {
        HttpWs *ws = *link;
        serve_one(ws, p++, now);
        if (!ws->gone) {
            link = &ws->next;
            continue;
        }
        *link = ws->next;
        mutex_lock(&hub->lock);
        hub->n--;
        mutex_unlock(&hub->lock);
        ws_end(ws);
    }
}

static bool is_stopping(HttpHub *hub) {
    MUTEX_GUARD(&hub->lock);
    return hub->stopping;
}

static void hub_main(void *ctx) {
    HttpHub *hub = ctx;
    while (!is_stopping(hub)) {
        uint64_t woken;
        size_t n = gather(hub);
        (void)poll(hub->polls, n, n > 1 ? TICK_MS : -1);
        ssize_t got =
            (hub->polls[0].revents & POLLIN) != 0 ? read(hub->wake, &woken, sizeof(woken)) : 0;
        (void)got;
        serve(hub);
    }
    take_fresh(hub);
    while (hub->list != NULL) {
        HttpWs *ws = hub->list;
        hub->list = ws->next;
        mutex_lock(&ws->lock);
        put_close(ws, FRAME_CODE_AWAY, STR_EMPTY);
        mutex_unlock(&ws->lock);
        write_some(ws);
        ws_end(ws);
    }
}

static void hub_free(HttpHub *hub) {
    if (hub->wake >= 0) {
        (void)close(hub->wake);
    }
    mutex_release(&hub->lock);
    free(hub->polls);
    free(hub);
}

static ErrCode hub_new(HttpServer *server, HttpHub **ret_hub) {
    HttpHub *hub = calloc(1, sizeof(*hub));
    if (hub == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&hub->lock);
    hub->server = server;
    hub->max = MAX(server->options.connections_max / 2, 1U);
    hub->polls = calloc(hub->max + 1, sizeof(*hub->polls));
    hub->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ErrCode err = hub->polls == NULL || hub->wake < 0
                      ? ERR_NOMEM
                      : thread_start(&hub->thread, "websockets", hub_main, hub);
    if (err != ERR_OK) {
        hub_free(hub);
        return err;
    }
    *ret_hub = hub;
    return ERR_OK;
}

void http_hub_stop(HttpServer *server) {
    mutex_lock(&server->lock);
    HttpHub *hub = server->hub;
    mutex_unlock(&server->lock);
    if (hub != NULL) {
        mutex_lock(&hub->lock);
        hub->stopping = true;
        mutex_unlock(&hub->lock);
        hub_wake(hub);
        thread_join(&hub->thread);
    }
}

void http_hub_free(HttpServer *server) {
    if (server->hub != NULL) {
        hub_free(server->hub);
        server->hub = NULL;
    }
}

/* ---- the handshake ---- */

typedef struct Promise { /* in the request's arena, which lives as long as the connection */
    HttpHub *hub;
    HttpWsHandler handler;
    bool kept;
} Promise;

/* "keep-alive, Upgrade" names upgrade. */
static bool names(Str list, Str wanted) {
    Str part;
    while (list.len > 0 && str_cut(&list, ',', &part)) {
        if (str_eq_nocase(str_trim(part), wanted)) {
            return true;
        }
    }
    return false;
}

/* The client may go before it is switched over. */
static void promise_ended(void *ctx) {
    Promise *p = ctx;
    if (!p->kept) {
        MUTEX_GUARD(&p->hub->lock);
        p->hub->n--;
    }
}

static HttpWs *ws_new(const Promise *p, int fd, struct MHD_UpgradeResponseHandle *handle) {
    HttpWs *ws = calloc(1, sizeof(*ws));
    if (ws != NULL) {
        ws->hub = p->hub;
        ws->handle = handle;
        ws->fd = fd;
        ws->handler = p->handler;
        ws->heard_ns = now_ns();
        frame_reader_init(&ws->reader, LIMIT_WS_MESSAGE_BYTES);
        buf_init(&ws->early, LIMIT_WS_BACKLOG_BYTES);
        buf_init(&ws->out, OUT_MAX);
        mutex_init(&ws->lock);
    }
    return ws;
}

/* The 101 is out: the socket is ours. On a worker's thread. */
static void on_upgraded(void *cls, struct MHD_Connection *connection, void *con_cls,
                        const char *extra, size_t extra_len, MHD_socket fd,
                        struct MHD_UpgradeResponseHandle *handle) {
    Promise *p = cls;
    (void)connection;
    (void)con_cls;
    HttpHub *hub = p->hub;
    HttpWs *ws = ws_new(p, fd, handle);
    if (ws != NULL) {
        buf_put(&ws->early, extra, extra_len);
    }
    mutex_lock(&hub->lock);
    bool kept = ws != NULL && !hub->stopping;
    if (kept) {
        p->kept = true;
        ws->next = hub->fresh;
        hub->fresh = ws;
    }
    mutex_unlock(&hub->lock);
    if (kept) {
        hub_wake(hub);
    } else if (ws != NULL) {
        ws_end(ws);
    } else {
        (void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    }
}

/* The thread begins with the first. */
static ErrCode need_hub(HttpServer *server, HttpHub **ret_hub) {
    MUTEX_GUARD(&server->lock);
    if (server->stopping || atomic_load(&server->draining)) {
        return ERR_BUSY;
    }
    if (server->hub == NULL) {
        TRY(hub_new(server, &server->hub));
    }
    *ret_hub = server->hub;
    return ERR_OK;
}

static bool take_place(HttpHub *hub) {
    MUTEX_GUARD(&hub->lock);
    bool free_place = !hub->stopping && hub->n < hub->max;
    hub->n += free_place;
    return free_place;
}

ErrCode http_reply_ws(HttpRequest *r, const HttpWsHandler *handler) {
    char accept[FRAME_ACCEPT_LEN + 1];
    struct HttpHub *hub = NULL;
    if (http_is_detached(r) || !str_eq(r->method, STR("GET")) ||
        !names(http_header_all(r, "connection"), STR("upgrade")) ||
        !names(http_header_all(r, "upgrade"), STR("websocket")) ||
        !str_eq(str_trim(http_header(r, HTTP_WS_VERSION_HEADER)), STR(HTTP_WS_VERSION))) {
        return ERR_PARAM;
    }
    TRY(frame_accept(str_trim(http_header(r, "sec-websocket-key")), accept));
    Promise *p = arena_calloc(r->arena, 1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    TRY(need_hub(r->server, &hub));
    if (!take_place(hub)) {
        return ERR_BUSY;
    }
    *p = (Promise){.hub = hub, .handler = *handler};
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgraded, p);
    if (response == NULL || !arena_defer(r->arena, promise_ended, p)) {
        promise_ended(p);
        return ERR_NOMEM;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
    (void)MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    http_count_reply(r->server, 101, 0);
    http_deliver(r, response, MHD_HTTP_SWITCHING_PROTOCOLS);
    return ERR_OK;
}
