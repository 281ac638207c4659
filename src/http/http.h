/* http.h — the HTTP/1.1 server over libmicrohttpd: requests in, replies out; it knows no FHIR.
 *
 * A request's headers come first: on_head says how its body is taken (buffered up to a ceiling, or
 * streamed to a sink with back-pressure); after the body on_request runs once, on one of the worker
 * threads. It answers at once or later: http_reply may be called from any thread (the connection is
 * suspended meanwhile and costs no thread). Exactly one reply a request.
 * Ownership: the request and its arena live until the reply has been sent; Str results point there.
 * A body with Content-Encoding: gzip is unpacked as it comes, up to the same ceiling and to
 * LIMIT_UNPACK_RATIO (400, 413, 415 through on_refused); a sink gets it as it was sent.
 * Limits: URL, headers, body, connections, idle time, and after that time 1,000 bytes of body a
 * second; over them the client gets 414, 431, 413, a closed connection. TLS 1.2 and 1.3 through
 * GnuTLS when a certificate is given. */
#ifndef NHIP_HTTP_HTTP_H
#define NHIP_HTTP_HTTP_H

#include "core/arena.h"

#include <sys/types.h>

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef struct HttpStream HttpStream;

/* Takes body bytes as they come. Return an error to refuse the rest: it becomes the reply's status.
 */
typedef struct HttpSink {
    ErrCode (*chunk)(void *ctx, Str bytes);
    void (*release)(
        void *ctx); /* once, after on_request or when the client went away; may be NULL */
    void *ctx;
} HttpSink;

typedef struct HttpHandler {
    /* Optional. Headers are there, the body not yet. May set a sink or a body ceiling, or reply
     * (the body is then not read). */
    void (*on_head)(void *ctx, HttpRequest *request);
    /* Optional. The protocol refuses the request (400, 413, 414, 415, 503): reply with this status.
     */
    void (*on_refused)(void *ctx, HttpRequest *request, int status);
    void (*on_request)(void *ctx, HttpRequest *request);
    void *ctx;
} HttpHandler;

typedef struct HttpOptions {
    const char *address; /* "127.0.0.1" or "::1" … */
    uint16_t port;       /* 0: any free one, see http_port */
    unsigned threads;    /* 0: number of cores */
    unsigned connections_max;
    unsigned connections_per_address; /* 0: no limit of its own */
    unsigned idle_timeout_s;
    size_t body_max_bytes;
    const char *tls_cert_file; /* PEM; NULL: no TLS */
    const char *tls_key_file;
    bool no_gzip; /* never compress answers */
    HttpHandler handler;
} HttpOptions;

MUST_USE ErrCode http_start(const HttpOptions *options, HttpServer **ret_server, ErrInfo *info);
uint16_t http_port(const HttpServer *server);
/* Graceful: takes no new connections, lets requests under way finish for at most wait_ms, closes.
 * Connections are closed behind their next answer, event streams at once. */
void http_stop(HttpServer *server, unsigned wait_ms);

/* ---- the request ---- */
Arena *http_arena(HttpRequest *request);
Str http_method(const HttpRequest *request);
Str http_path(const HttpRequest *request);  /* percent-encoding as sent, without the query */
Str http_query(const HttpRequest *request); /* raw, without '?'; empty when there is none */
Str http_header(const HttpRequest *request, const char *name); /* case-blind; empty when absent */
/* All lines of a header whose value is a list, joined with commas (RFC 9110, 5.3). */
Str http_header_all(HttpRequest *request, const char *name);
/* Does the client take gzip (Accept-Encoding)? */
bool http_takes_gzip(const HttpRequest *request);
Str http_body(const HttpRequest *request); /* buffered body; empty with a sink */
/* What http_body gives from now on; takes the bytes over. */
void http_put_body(HttpRequest *request, Buf *body);
void http_set_sink(HttpRequest *request, HttpSink sink);
void http_set_body_max(HttpRequest *request, size_t bytes);
void *http_user(const HttpRequest *request);
void http_set_user(HttpRequest *request, void *user);
HttpServer *http_server(const HttpRequest *request);

/* ---- the reply ---- */
typedef struct HttpReply {
    int status;
    Str type;           /* Content-Type; empty: none */
    Str body;           /* copied unless body_static */
    bool body_static;   /* lives for ever (embedded assets) */
    bool body_owned;    /* malloc'ed: http_reply takes it over and frees it after sending */
    const Str *headers; /* pairs name, value; NUL-terminated texts (arena_str) */
    size_t n_headers;   /* number of pairs */
    bool no_compress;   /* do not gzip although the client takes it */
} HttpReply;
void http_reply(HttpRequest *request, const HttpReply *reply);
/* Instead of a reply, from any thread: fn(ctx) runs soon on the request's own worker thread and
 * then replies, or waits for another http_continue. At most one is outstanding. Cheap: for threads
 * that must not be kept busy, such as the store's writer. When the client has gone meanwhile fn
 * does not run: what must be freed belongs into the request's arena (arena_defer). */
void http_continue(HttpRequest *request, void (*fn)(void *ctx), void *ctx);

/* A body that is made while the client takes it: a slow client holds back who makes it, and nothing
 * of it is kept. */
typedef struct HttpSource {
    /* Up to max bytes into out; 0: nothing is there, fill is needed; else one of the two below.
     * Runs on the request's worker thread: it must be short. */
    ssize_t (*read)(void *ctx, char *out, size_t max);
    /* Makes more, for a while; never at the same time as read. NULL: read never answers 0. */
    void (*fill)(void *ctx);
    /* Has fn(arg) run soon on a thread that may be kept busy; false when it cannot (fill then runs
     * on the worker). */
    bool (*post)(void *ctx, void (*fn)(void *arg), void *arg);
    void (*release)(void *ctx); /* once, also when the client went away; may be NULL */
    void *ctx;
} HttpSource;
enum {
    HTTP_SOURCE_END = -1,
    HTTP_SOURCE_FAILED = -2, /* cuts the connection: the client sees that the body is not whole */
};
/* Status, type and headers are reply's; its body is not read. Takes the source over. */
void http_reply_source(HttpRequest *request, const HttpReply *reply, const HttpSource *source);
/* len bytes of the file from `from`; closes fd behind them. */
typedef struct HttpFile {
    int fd;
    uint64_t from, len;
} HttpFile;
void http_reply_file(HttpRequest *request, const HttpReply *reply, const HttpFile *file);

/* ---- ranges (http_range.c) ---- */
/* What the header Range asks of a body of `size` bytes (RFC 9110, section 14): one range of bytes.
 * Several ranges, other units and what cannot be read are passed over: the whole. */
typedef struct HttpRange {
    uint64_t from, len;
    int status; /* 200: the whole; 206: this part; 416: there is no such part */
} HttpRange;
HttpRange http_range(Str header, uint64_t size);
/* The header Content-Range of a part, or of a refusal. */
Str http_content_range(Arena *arena, const HttpRange *range, uint64_t size);

/* ---- requests that nobody waits for ---- */
/* The copy of a request without its connection, for work that goes on behind the answer (Prefer:
 * respond-async). Everything here works on it but event streams, which are refused. */
typedef struct HttpDetached {
    void (*reply)(void *ctx, const HttpReply *reply); /* once; its texts live until it returns */
    /* What http_continue left: to be run soon, on a thread that may be kept busy. */
    void (*go_on)(void *ctx, void (*fn)(void *ctx), void *fn_ctx);
    void *ctx;
} HttpDetached;
/* NULL: no memory, or the body went to a sink. */
HttpRequest *http_detach(HttpRequest *request, const HttpDetached *to);
void http_detached_free(HttpRequest *detached); /* NULL is fine */

/* ---- server-sent events ---- */
/* Replies 200 text/event-stream; the stream stays open until http_stream_close or the client goes
 * (then send answers false: call http_stream_close and forget it). */
HttpStream *http_reply_stream(HttpRequest *request);
bool http_stream_send(HttpStream *stream, Str bytes);
void http_stream_close(HttpStream *stream);

/* Percent-decoding of a path part or query value ('+' as space when plus_is_space). ERR_SYNTAX on
 * bad escapes, NUL bytes and what is no UTF-8. */
MUST_USE ErrCode http_decode(Arena *arena, Str text, bool plus_is_space, Str *ret_text);

typedef struct HttpCounters {
    uint64_t requests, replies_2xx, replies_4xx, replies_5xx, bytes_in, bytes_out, connections;
} HttpCounters;
HttpCounters http_counters(const HttpServer *server);

#endif
