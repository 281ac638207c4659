/* http_int.h — what the files of this module share: the server, a request's states, streams.
 * A request is HEAD (headers there), BODY (bytes coming), RUNNING (on_request was called), QUEUED.
 * request->lock guards `reply`, `next` and `suspended`, the fields that another thread touches. */
#ifndef NHIP_HTTP_HTTP_INT_H
#define NHIP_HTTP_HTTP_INT_H

#include "core/limits.h"
#include "core/thread.h"
#include "http/http.h"

#include <microhttpd.h>
#include <stdatomic.h>

typedef enum RequestState {
    REQUEST_HEAD,
    REQUEST_BODY,
    REQUEST_RUNNING,
    REQUEST_QUEUED
} RequestState;

struct HttpRequest {
    HttpServer *server;
    struct MHD_Connection *connection;
    Arena *arena;
    Str method, path, query;
    RequestState state;
    size_t body_max;
    Buf body;
    struct Gunzip *unpack; /* NULL: the body comes as it is */
    HttpSink sink;
    ErrCode body_err;
    int64_t began_ns; /* of the body */
    uint64_t taken;   /* bytes of it */
    void *user;
    Mutex lock;
    struct MHD_Response *reply; /* not NULL: answered */
    void (*next)(void *ctx);    /* http_continue; NULL: none */
    void *next_ctx;
    unsigned status;
    bool suspended;
    bool must_close;
    bool counted;          /* in server->open */
    HttpDetached detached; /* without a connection: where the reply goes */
    const Str *headers;    /* then: pairs */
    size_t n_headers;
};

struct HttpServer {
    struct MHD_Daemon *daemon;
    HttpOptions options;
    HttpHandler handler;
    uint16_t port;
    char *tls_cert, *tls_key; /* PEM texts; MHD keeps the pointers */
    Mutex lock;               /* streams, running */
    Cond idle;
    HttpStream *streams;
    struct HttpHub *hub;  /* WebSockets; NULL until the first */
    size_t filling;       /* bodies that are being made: their connections are suspended */
    size_t running;       /* requests between on_request and their reply */
    size_t open;          /* requests between on_request and the last byte of their reply */
    bool stopping;        /* under lock: handlers do not run any more */
    atomic_bool draining; /* new connections are refused */
    atomic_uint_fast64_t requests, replies_2xx, replies_4xx, replies_5xx, bytes_in, bytes_out;
    atomic_uint_fast64_t connections;
};

/* http_unpack.c: by the header Content-Encoding, once the headers are there. ERR_MEDIA: another one
 * than gzip. */
MUST_USE ErrCode http_unpack_begin(HttpRequest *request);
/* Appends what the bytes unpack to; ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
MUST_USE ErrCode http_unpack_take(HttpRequest *request, Str bytes);
/* Was that all? ERR_SYNTAX when it was cut off. */
MUST_USE ErrCode http_unpack_end(HttpRequest *request);
void http_unpack_free(HttpRequest *request);
static inline bool http_is_detached(const HttpRequest *r) {
    return r->detached.reply != NULL;
}
/* http_detach.c: hands the reply over, and what it owns back to the heap. */
void http_detached_reply(HttpRequest *r, const HttpReply *reply);
/* http_body.c */
void http_detached_source(HttpRequest *r, const HttpReply *reply, const HttpSource *source);
/* http_reply.c */
void http_response_headers(HttpRequest *r, struct MHD_Response *response, const HttpReply *reply);
void http_count_reply(HttpServer *server, int status, uint64_t bytes);
void http_deliver(HttpRequest *r, struct MHD_Response *response, int status);

/* http_server.c: one request less between on_request and its reply. */
void http_running_ended(HttpServer *server);
/* http_reply.c */
void http_streams_close_all(HttpServer *server);
/* http_ws.c: ends all WebSockets and their thread; frees, once libmicrohttpd has stopped. */
typedef struct HttpHub HttpHub;
void http_hub_stop(HttpServer *server);
void http_hub_free(HttpServer *server);

#endif
