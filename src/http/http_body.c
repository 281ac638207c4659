/* Bodies that are not in memory: made while the client takes them, or from a file. */
#include "http/http_int.h"

#include <unistd.h>

enum { SOURCE_BLOCK = 64 * 1024 };

/* A body under way: MHD reads it; while it is filled the connection is suspended. */
typedef struct Feed {
    HttpServer *server;
    struct MHD_Connection *connection;
    HttpSource source;
} Feed;

/* On a thread that may be kept busy. */
static void feed_fill(void *arg) {
    Feed *feed = arg;
    HttpServer *server = feed->server;
    feed->source.fill(feed->source.ctx);
    MHD_resume_connection(feed->connection);
    /* From here on feed may be gone. */
    MUTEX_GUARD(&server->lock);
    server->filling--;
    cond_broadcast(&server->idle);
}

/* The connection sleeps until the source has more; false when the server stops. */
static bool feed_post(Feed *feed) {
    HttpServer *server = feed->server;
    mutex_lock(&server->lock);
    bool stopping = server->stopping;
    server->filling += !stopping;
    mutex_unlock(&server->lock);
    if (stopping) {
        return false;
    }
    MHD_suspend_connection(feed->connection);
    if (feed->source.post == NULL || !feed->source.post(feed->source.ctx, feed_fill, feed)) {
        feed_fill(feed);
    }
    return true;
}

static ssize_t source_read(void *cls, uint64_t pos, char *out, size_t max) {
    Feed *feed = cls;
    (void)pos;
    ssize_t n = feed->source.read(feed->source.ctx, out, max);
    if (n == 0 && !feed_post(feed)) {
        n = HTTP_SOURCE_FAILED;
    }
    return n >= 0                 ? n
           : n == HTTP_SOURCE_END ? MHD_CONTENT_READER_END_OF_STREAM
                                  : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void source_ended(void *cls) {
    Feed *feed = cls;
    if (feed->source.release != NULL) {
        feed->source.release(feed->source.ctx);
    }
    free(feed);
}

static void release_now(const HttpSource *source) {
    if (source->release != NULL) {
        source->release(source->ctx);
    }
}

/* All of it, up to the ceiling of a body in memory. */
static ErrCode drain(const HttpSource *source, Buf *out) {
    CLEANUP_FREE char *block = malloc(SOURCE_BLOCK);
    if (block == NULL) {
        return ERR_NOMEM;
    }
    while (true) {
        ssize_t n = source->read(source->ctx, block, SOURCE_BLOCK);
        if (n == HTTP_SOURCE_END) {
            return buf_ok(out);
        }
        if (n < 0 || buf_ok(out) != ERR_OK) {
            return n < 0 ? ERR_IO : out->err;
        }
        if (n == 0) {
            source->fill(source->ctx);
        }
        buf_put(out, block, (size_t)n);
    }
}

void http_detached_source(HttpRequest *r, const HttpReply *reply, const HttpSource *source) {
    CLEANUP_BUF Buf body;
    HttpReply whole = *reply;
    buf_init(&body, LIMIT_REQUEST_BYTES);
    ErrCode err = drain(source, &body);
    release_now(source);
    whole.status = err == ERR_OK ? reply->status : err_http(err);
    whole.body = err == ERR_OK ? buf_str(&body) : STR_EMPTY;
    whole.body_owned = false;
    http_detached_reply(r, &whole);
}

void http_reply_source(HttpRequest *request, const HttpReply *reply, const HttpSource *source) {
    if (http_is_detached(request)) {
        http_detached_source(request, reply, source);
        return;
    }
    Feed *feed = malloc(sizeof(*feed));
    struct MHD_Response *response = NULL;
    if (feed != NULL) {
        *feed = (Feed){request->server, request->connection, *source};
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SOURCE_BLOCK, source_read,
                                                     feed, source_ended);
    }
    if (response == NULL) {
        free(feed);
        release_now(source);
        http_reply(request, &(HttpReply){.status = 503});
        return;
    }
    http_count_reply(request->server, reply->status, 0);
    http_response_headers(request, response, reply);
    http_deliver(request, response, reply->status);
}

/* ---- files ---- */

typedef struct FileSource {
    int fd;
    uint64_t at, end;
} FileSource;

static ssize_t file_read(void *ctx, char *out, size_t max) {
    FileSource *f = ctx;
    ssize_t n = pread(f->fd, out, MIN(max, f->end - f->at), (off_t)f->at);
    f->at += n > 0 ? (uint64_t)n : 0;
    return n > 0 ? n : f->at == f->end ? HTTP_SOURCE_END : HTTP_SOURCE_FAILED;
}

static void file_release(void *ctx) {
    FileSource *f = ctx;
    (void)close(f->fd);
}

void http_reply_file(HttpRequest *request, const HttpReply *reply, const HttpFile *file) {
    if (http_is_detached(request)) {
        FileSource f = {.fd = file->fd, .at = file->from, .end = file->from + file->len};
        http_detached_source(request, reply,
                             &(HttpSource){.read = file_read, .release = file_release, .ctx = &f});
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(file->len, file->fd, file->from);
    if (response == NULL) {
        (void)close(file->fd);
        http_reply(request, &(HttpReply){.status = 503});
        return;
    }
    http_count_reply(request->server, reply->status, file->len);
    http_response_headers(request, response, reply);
    http_deliver(request, response, reply->status);
}
