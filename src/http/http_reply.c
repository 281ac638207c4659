#include "http/http_int.h"

#include <zlib.h>

enum { GZIP_MIN_BYTES = 1400, GZIP_LEVEL = 1, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };
enum { REQUEST_ID_MAX = 128 };

bool http_takes_gzip(const HttpRequest *r) {
    Str list = http_header(r, "accept-encoding");
    Str part;
    while (list.len > 0 && str_cut(&list, ',', &part)) {
        Str name;
        part = str_trim(part);
        (void)str_cut(&part, ';', &name);
        if (str_eq_nocase(str_trim(name), STR("gzip"))) {
            /* "gzip;q=0" means no */
            Str q = part.ptr == NULL ? STR_EMPTY : str_trim(part);
            return !(str_starts(q, STR("q=0")) && str_find(q, STR("1")) == SIZE_MAX &&
                     str_find(q, STR(".")) == SIZE_MAX);
        }
    }
    return false;
}

static bool compressible(Str type) {
    static const Str kinds[] = {
        {"text/", 5},
        {"application/json", 16},
        {"application/fhir+json", 21},
        {"application/fhir+xml", 20},
        {"application/xml", 15},
        {"application/javascript", 22},
        {"image/svg", 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts(type, kinds[i])) {
            return true;
        }
    }
    return false;
}

/* A malloc'ed gzip of body, or NULL when it did not get smaller. */
static char *gzip(Str body, size_t *ret_len) {
    z_stream z = {0};
    if (body.len > UINT32_MAX || deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                                              Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t room = deflateBound(&z, (uLong)body.len);
    CLEANUP_FREE char *out = malloc(room);
    z.next_in = (Bytef *)(uintptr_t)body.ptr;
    z.avail_in = (uInt)body.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    bool done = out != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < body.len;
    *ret_len = z.total_out;
    (void)deflateEnd(&z);
    return done ? TAKE(out) : NULL;
}

static struct MHD_Response *make_response(HttpRequest *r, const HttpReply *reply, bool *ret_gzip) {
    *ret_gzip = false;
    if (!reply->no_compress && !r->server->options.no_gzip && reply->body.len >= GZIP_MIN_BYTES &&
        compressible(reply->type) && http_takes_gzip(r)) {
        size_t len = 0;
        char *packed = gzip(reply->body, &len);
        if (packed != NULL) {
            *ret_gzip = true;
            if (reply->body_owned) {
                free((void *)(uintptr_t)reply->body.ptr);
            }
            return MHD_create_response_from_buffer(len, packed, MHD_RESPMEM_MUST_FREE);
        }
    }
    return MHD_create_response_from_buffer(
        reply->body.len, (void *)(uintptr_t)(reply->body.len == 0 ? "" : reply->body.ptr),
        reply->body_static  ? MHD_RESPMEM_PERSISTENT
        : reply->body_owned ? MHD_RESPMEM_MUST_FREE
                            : MHD_RESPMEM_MUST_COPY);
}

void http_count_reply(HttpServer *s, int status, uint64_t bytes) {
    atomic_fetch_add(&s->bytes_out, bytes);
    if (status >= 500) {
        atomic_fetch_add(&s->replies_5xx, 1);
    } else if (status >= 400) {
        atomic_fetch_add(&s->replies_4xx, 1);
    } else {
        atomic_fetch_add(&s->replies_2xx, 1);
    }
}

/* Hands the response over; resumes the connection when it waits for it. */
void http_deliver(HttpRequest *r, struct MHD_Response *response, int status) {
    HttpServer *s = r->server;
    bool ran = r->state == REQUEST_RUNNING;
    mutex_lock(&r->lock);
    assert(r->reply == NULL);
    r->reply = response;
    r->status = (unsigned)status;
    bool resume = r->suspended;
    r->suspended = false;
    if (resume) {
        MHD_resume_connection(r->connection);
    }
    mutex_unlock(&r->lock);
    /* From here on r may be gone. */
    if (ran) {
        http_running_ended(s);
    }
}

void http_continue(HttpRequest *request, void (*fn)(void *ctx), void *ctx) {
    if (http_is_detached(request)) {
        request->detached.go_on(request->detached.ctx, fn, ctx);
        return;
    }
    MUTEX_GUARD(&request->lock);
    assert(request->reply == NULL && request->next == NULL);
    request->next = fn;
    request->next_ctx = ctx;
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->connection);
    }
}

void http_response_headers(HttpRequest *r, struct MHD_Response *response, const HttpReply *reply) {
    if (reply->type.len > 0) {
        Str type = arena_str(r->arena, reply->type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type.ptr);
    }
    /* http://hl7.org/fhir/R4/http.html#custom: the client's own id comes back */
    Str id = http_header(r, "x-request-id");
    if (id.len > 0 && id.len <= REQUEST_ID_MAX) {
        (void)MHD_add_response_header(response, "X-Request-Id", arena_str(r->arena, id).ptr);
    }
    for (size_t i = 0; i < reply->n_headers; i++) {
        (void)MHD_add_response_header(response, reply->headers[2 * i].ptr,
                                      reply->headers[2 * i + 1].ptr);
    }
}

void http_reply(HttpRequest *request, const HttpReply *reply) {
    bool zipped = false;
    if (http_is_detached(request)) {
        http_detached_reply(request, reply);
        return;
    }
    http_count_reply(request->server, reply->status, reply->body.len);
    struct MHD_Response *response = make_response(request, reply, &zipped);
    if (response == NULL) {
        response =
            MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
        http_deliver(request, response, 500);
        return;
    }
    http_response_headers(request, response, reply);
    if (zipped) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    if (compressible(reply->type)) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    }
    http_deliver(request, response, reply->status);
}

/* ---- server-sent events ---- */

struct HttpStream {
    HttpServer *server;
    struct MHD_Connection *connection;
    HttpStream *prev, *next; /* list of the server */
    Mutex lock;
    Buf backlog;
    bool suspended, closed, gone;
    int holders; /* the caller, MHD */
};

enum { STREAM_BACKLOG_MAX = 1 << 20, STREAM_BLOCK = 8192 };

static void stream_drop(HttpStream *st) {
    mutex_lock(&st->lock);
    int left = --st->holders;
    mutex_unlock(&st->lock);
    if (left == 0) {
        buf_release(&st->backlog);
        mutex_release(&st->lock);
        free(st);
    }
}

static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t max) {
    (void)pos;
    HttpStream *st = cls;
    MUTEX_GUARD(&st->lock);
    size_t n = MIN(max, st->backlog.len);
    if (n > 0) {
        memcpy(out, st->backlog.ptr, n);
        memmove(st->backlog.ptr, st->backlog.ptr + n, st->backlog.len - n);
        st->backlog.len -= n;
        return (ssize_t)n;
    }
    if (st->closed) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    st->suspended = true;
    MHD_suspend_connection(st->connection);
    return 0;
}

/* MHD is through with the stream: the client went away or it was closed. */
static void stream_ended(void *cls) {
    HttpStream *st = cls;
    HttpServer *s = st->server;
    mutex_lock(&s->lock);
    if (st->prev != NULL) {
        st->prev->next = st->next;
    } else {
        s->streams = st->next;
    }
    if (st->next != NULL) {
        st->next->prev = st->prev;
    }
    mutex_unlock(&s->lock);
    mutex_lock(&st->lock);
    st->gone = true;
    mutex_unlock(&st->lock);
    stream_drop(st);
}

static void stream_wake_locked(HttpStream *st) {
    if (st->suspended) {
        st->suspended = false;
        MHD_resume_connection(st->connection);
    }
}

HttpStream *http_reply_stream(HttpRequest *request) {
    HttpServer *s = request->server;
    HttpStream *st = http_is_detached(request) ? NULL : calloc(1, sizeof(*st));
    if (st == NULL) {
        http_reply(request, &(HttpReply){.status = 503});
        return NULL;
    }
    st->server = s;
    st->connection = request->connection;
    st->holders = 2;
    mutex_init(&st->lock);
    buf_init(&st->backlog, STREAM_BACKLOG_MAX);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, st, stream_ended);
    if (response == NULL) {
        mutex_release(&st->lock);
        free(st);
        http_reply(request, &(HttpReply){.status = 503});
        return NULL;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    mutex_lock(&s->lock);
    st->next = s->streams;
    if (st->next != NULL) {
        st->next->prev = st;
    }
    s->streams = st;
    st->closed = atomic_load(&s->draining); /* http_stop may have closed all of them already */
    mutex_unlock(&s->lock);
    atomic_fetch_add(&s->replies_2xx, 1);
    http_deliver(request, response, 200);
    return st;
}

bool http_stream_send(HttpStream *stream, Str bytes) {
    MUTEX_GUARD(&stream->lock);
    if (stream->gone || stream->closed) {
        return false;
    }
    buf_put_str(&stream->backlog, bytes);
    if (buf_ok(&stream->backlog) != ERR_OK) {
        stream->closed = true; /* the client does not read: let it connect again */
    }
    stream_wake_locked(stream);
    return !stream->closed;
}

void http_stream_close(HttpStream *stream) {
    mutex_lock(&stream->lock);
    stream->closed = true;
    if (!stream->gone) {
        stream_wake_locked(stream);
    }
    mutex_unlock(&stream->lock);
    stream_drop(stream);
}

void http_streams_close_all(HttpServer *server) {
    MUTEX_GUARD(&server->lock);
    for (HttpStream *st = server->streams; st != NULL; st = st->next) {
        mutex_lock(&st->lock);
        st->closed = true;
        stream_wake_locked(st);
        mutex_unlock(&st->lock);
    }
}
