#include "http/http_int.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

enum {
    REQUEST_ARENA_MAX = 1 << 30,    /* a ceiling only: what a request may take for itself */
    CONNECTION_MEMORY = 128 * 1024, /* headers and URL of one connection inside MHD */
    BODY_PACE = 1000,               /* bytes a second; below it a client only holds a connection */
};

/* ---- life of a request ---- */

/* MHD calls this with the raw request target before anything else. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection) {
    HttpServer *server = cls;
    HttpRequest *r = calloc(1, sizeof(*r));
    Arena *arena = arena_new(REQUEST_ARENA_MAX);
    if (r == NULL || arena == NULL) {
        free(r);
        arena_free(arena);
        return NULL;
    }
    Str target = arena_str(arena, str_from(uri));
    size_t mark = str_find_char(target, '?', 0);
    *r = (HttpRequest){
        .server = server,
        .connection = connection,
        .arena = arena,
        .path = str_sub(target, 0, mark == SIZE_MAX ? target.len : mark),
        .query = mark == SIZE_MAX ? STR_EMPTY : str_sub(target, mark + 1, target.len),
        .body_max = server->options.body_max_bytes,
    };
    mutex_init(&r->lock);
    buf_init(&r->body, r->body_max);
    atomic_fetch_add(&server->requests, 1);
    return r;
}

void http_running_ended(HttpServer *s) {
    MUTEX_GUARD(&s->lock);
    assert(s->running > 0);
    s->running--;
    cond_broadcast(&s->idle);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code) {
    (void)cls;
    (void)connection;
    (void)code;
    HttpRequest *r = *con_cls;
    if (r == NULL) {
        return;
    }
    *con_cls = NULL;
    /* A reply from another thread may just be leaving this lock. */
    mutex_lock(&r->lock);
    mutex_unlock(&r->lock);
    if (r->reply != NULL) {
        MHD_destroy_response(r->reply);
    } else if (r->state == REQUEST_RUNNING) {
        /* The client went away before what http_continue left could run: nobody replies any more.
         */
        http_running_ended(r->server);
    }
    if (r->counted) {
        mutex_lock(&r->server->lock);
        r->server->open--;
        cond_broadcast(&r->server->idle);
        mutex_unlock(&r->server->lock);
    }
    if (r->sink.release != NULL) {
        r->sink.release(r->sink.ctx);
    }
    http_unpack_free(r);
    buf_release(&r->body);
    arena_free(r->arena);
    mutex_release(&r->lock);
    free(r);
}

/* Refuses new connections once the server drains. MHD_quiesce_daemon would do the same, but in
 * libmicrohttpd 0.9.75 it and the epoll worker may both remove the listening socket from the
 * worker's set, and the second of them aborts the process. */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t len) {
    (void)address;
    (void)len;
    HttpServer *server = cls;
    return atomic_load(&server->draining) ? MHD_NO : MHD_YES;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code) {
    (void)connection;
    (void)socket_ctx;
    HttpServer *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_add(&server->connections, 1);
    } else {
        atomic_fetch_sub(&server->connections, 1);
    }
}

static enum MHD_Result queue_reply(HttpRequest *r) {
    if (r->must_close || atomic_load(&r->server->draining)) {
        (void)MHD_add_response_header(r->reply, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    r->state = REQUEST_QUEUED;
    return MHD_queue_response(r->connection, r->status, r->reply);
}

static bool has_reply(HttpRequest *r) {
    MUTEX_GUARD(&r->lock);
    return r->reply != NULL;
}

/* The answer to what never reaches on_request. */
static void refuse(HttpRequest *r, int status) {
    HttpHandler *h = &r->server->handler;
    r->must_close = true;
    if (h->on_refused != NULL) {
        h->on_refused(h->ctx, r, status);
    } else {
        http_reply(r, &(HttpReply){.status = status});
    }
}

static enum MHD_Result refuse_now(HttpRequest *r, int status) {
    refuse(r, status);
    return queue_reply(r);
}

static enum MHD_Result begin(HttpRequest *r, const char *method) {
    r->method = arena_str(r->arena, str_from(method));
    r->state = REQUEST_BODY;
    r->began_ns = clock_monotonic_ns(clock_real());
    if (r->path.len + r->query.len > LIMIT_URL_BYTES) {
        return refuse_now(r, 414);
    }
    HttpHandler *h = &r->server->handler;
    if (h->on_head != NULL) {
        h->on_head(h->ctx, r);
    }
    if (has_reply(r)) {
        r->must_close = true; /* the body was not read */
        return queue_reply(r);
    }
    Str length = http_header(r, "content-length");
    uint64_t bytes = 0;
    if (length.len > 0 && (str_to_u64(length, &bytes) != ERR_OK || bytes > r->body_max)) {
        return refuse_now(r, 413);
    }
    r->body.max = r->body_max;
    ErrCode err = r->sink.chunk != NULL ? ERR_OK : http_unpack_begin(r);
    return err == ERR_OK ? MHD_YES : refuse_now(r, err_http(err));
}

/* Drops of a byte now and then would pass the idle timeout for ever. */
static bool too_slow(const HttpRequest *r) {
    uint64_t s = (uint64_t)(clock_monotonic_ns(clock_real()) - r->began_ns) / 1000000000;
    return s > r->server->options.idle_timeout_s && r->taken < s * BODY_PACE;
}

static void take_body(HttpRequest *r, Str bytes) {
    r->taken += bytes.len;
    atomic_fetch_add(&r->server->bytes_in, bytes.len);
    if (r->body_err != ERR_OK) {
        return;
    }
    if (r->sink.chunk != NULL) {
        r->body_err = r->sink.chunk(r->sink.ctx, bytes);
    } else if (r->unpack != NULL) {
        r->body_err = http_unpack_take(r, bytes);
    } else {
        buf_put_str(&r->body, bytes);
        r->body_err = buf_ok(&r->body);
    }
}

static void run_handler(HttpRequest *r) {
    HttpServer *server = r->server;
    mutex_lock(&server->lock);
    server->running++;
    server->open++;
    bool stopping = server->stopping;
    mutex_unlock(&server->lock);
    r->counted = true;
    r->state = REQUEST_RUNNING;
    if (r->unpack != NULL && r->body_err == ERR_OK) {
        r->body_err = http_unpack_end(r);
    }
    if (stopping) {
        refuse(r, 503);
    } else if (r->body_err != ERR_OK && r->sink.chunk == NULL) {
        refuse(r, err_http(r->body_err));
    } else {
        server->handler.on_request(server->handler.ctx, r);
    }
}

/* Runs what http_continue left; suspends the connection when there is nothing to do yet. */
static enum MHD_Result wait_for_reply(HttpRequest *r) {
    while (true) {
        mutex_lock(&r->lock);
        bool answered = r->reply != NULL;
        void (*next)(void *) = answered ? NULL : TAKE(r->next);
        if (!answered && next == NULL) {
            r->suspended = true;
            MHD_suspend_connection(r->connection);
        }
        mutex_unlock(&r->lock);
        if (answered) {
            return queue_reply(r);
        }
        if (next == NULL) {
            return MHD_YES;
        }
        next(r->next_ctx);
    }
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **con_cls) {
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    HttpRequest *r = *con_cls;
    if (r == NULL) {
        return MHD_NO;
    }
    if (r->state == REQUEST_HEAD) {
        return begin(r, method);
    }
    if (*upload_data_size > 0) {
        take_body(r, (Str){upload_data, *upload_data_size});
        *upload_data_size = 0;
        return too_slow(r) ? MHD_NO : MHD_YES; /* closes the connection */
    }
    if (r->state == REQUEST_BODY) {
        run_handler(r);
    }
    return wait_for_reply(r);
}

/* ---- starting and stopping ---- */

static char *read_pem(const char *path, ErrInfo *info) {
    CLEANUP_FILE FILE *f = fopen(path, "re");
    Buf b;
    buf_init(&b, LIMIT_MIB);
    char chunk[4096];
    size_t n = 0;
    while (f != NULL && (n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        buf_put(&b, chunk, n);
    }
    buf_put_char(&b, '\0');
    if (f == NULL || ferror(f) || buf_ok(&b) != ERR_OK) {
        buf_release(&b);
        (void)err_set(info, ERR_NOT_FOUND, "http-tls-file", "cannot read the PEM file %s",
                      "không đọc được tệp PEM %s", path);
        return NULL;
    }
    return b.ptr;
}

/* Fills the socket address from text; false when it is none. */
static bool socket_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
    memset(ret, 0, sizeof(*ret));
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return true;
    }
    return false;
}

static void server_free(HttpServer *s) {
    mutex_release(&s->lock);
    cond_release(&s->idle);
    free(s->tls_cert);
    free(s->tls_key);
    free(s);
}

static ErrCode start_daemon(HttpServer *s, const struct sockaddr_storage *address) {
    const HttpOptions *o = &s->options;
    unsigned threads = o->threads == 0 ? thread_cores() : o->threads;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
                     MHD_USE_ITC | (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u) |
                     (s->tls_cert != NULL ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_SOCK_ADDR, 0, (void *)(uintptr_t)address},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)MAX(o->connections_max, threads * 4u), NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)o->connections_per_address, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? (intptr_t)threads : 0, NULL},
        {s->tls_cert != NULL ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, s->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    s->daemon = MHD_start_daemon(
        flags, o->port, on_accept, s, on_access, s, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return s->daemon == NULL ? ERR_BUSY : ERR_OK;
}

ErrCode http_start(const HttpOptions *options, HttpServer **ret_server, ErrInfo *info) {
    struct sockaddr_storage address;
    if (!socket_address(options->address, options->port, &address)) {
        return err_set(info, ERR_PARAM, "http-address", "%s is not an IP address",
                       "%s không phải là địa chỉ IP", options->address);
    }
    if (options->tls_cert_file != NULL && options->tls_key_file == NULL) {
        return err_set(info, ERR_PARAM, "http-tls-key",
                       "TLS needs the certificate's private key, too: give tls_key",
                       "TLS cần cả khoá riêng của chứng thư: hãy cho tls_key");
    }
    HttpServer *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->options = *options;
    s->handler = options->handler;
    mutex_init(&s->lock);
    cond_init(&s->idle);
    if (options->tls_cert_file != NULL) {
        s->tls_cert = read_pem(options->tls_cert_file, info);
        s->tls_key = s->tls_cert == NULL ? NULL : read_pem(options->tls_key_file, info);
        if (s->tls_key == NULL) {
            server_free(s);
            return ERR_NOT_FOUND;
        }
    }
    if (start_daemon(s, &address) != ERR_OK) {
        server_free(s);
        return err_set(info, ERR_BUSY, "http-listen",
                       "cannot listen on %s port %u: is another program using it?",
                       "không lắng nghe được ở %s cổng %u: chương trình khác đang dùng?",
                       options->address, (unsigned)options->port);
    }
    const union MHD_DaemonInfo *bound = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    s->port = bound == NULL ? options->port : bound->port;
    *ret_server = s;
    return ERR_OK;
}

uint16_t http_port(const HttpServer *server) {
    return server->port;
}

void http_stop(HttpServer *server, unsigned wait_ms) {
    atomic_store(&server->draining, true);
    http_streams_close_all(server);
    http_hub_stop(server);
    mutex_lock(&server->lock);
    int64_t left = wait_ms;
    int64_t from = clock_monotonic_ns(clock_real());
    while (server->open > 0 && left > 0) {
        (void)cond_wait_ms(&server->idle, &server->lock, MIN(left, INT64_C(50)));
        left = wait_ms - (clock_monotonic_ns(clock_real()) - from) / 1000000;
    }
    server->stopping = true;
    /* What still runs must answer before the daemon may go: handlers are bounded by their own
     * limits. */
    while (server->running + server->filling > 0) {
        (void)cond_wait_ms(&server->idle, &server->lock, 50);
    }
    mutex_unlock(&server->lock);
    http_streams_close_all(server);
    MHD_stop_daemon(server->daemon);
    http_hub_free(server);
    server_free(server);
}

HttpCounters http_counters(const HttpServer *server) {
    return (HttpCounters){
        .requests = atomic_load(&server->requests),
        .replies_2xx = atomic_load(&server->replies_2xx),
        .replies_4xx = atomic_load(&server->replies_4xx),
        .replies_5xx = atomic_load(&server->replies_5xx),
        .bytes_in = atomic_load(&server->bytes_in),
        .bytes_out = atomic_load(&server->bytes_out),
        .connections = atomic_load(&server->connections),
    };
}
