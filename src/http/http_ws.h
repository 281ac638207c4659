/* http_ws.h — WebSockets (RFC 6455): connections that both sides speak on, after an HTTP request.
 *
 * One thread of the server serves all of them; it begins with the first. Text only: a binary
 * message closes with 1003. A text is at most LIMIT_WS_MESSAGE_BYTES; a client that does not take
 * what it is sent (LIMIT_WS_BACKLOG_BYTES wait), or is silent although it was pinged, is cut off.
 * TLS is the HTTP server's. Origin is the caller's to check: a page of another site may ask, too.
 * Life: an HttpWs is there from its first on_text to the end of its on_closed. A thread of its own
 * may send in between, if it knows (by a lock that on_closed takes, too) that on_closed has not
 * been. Threads: the handler runs on the WebSockets' thread and must be short; http_ws_* any. */
#ifndef NHIP_HTTP_HTTP_WS_H
#define NHIP_HTTP_HTTP_WS_H

#include "http/http.h"

typedef struct HttpWs HttpWs;

typedef struct HttpWsHandler {
    void (*on_text)(void *ctx, HttpWs *ws, Str text);
    void (*on_closed)(void *ctx, HttpWs *ws); /* once; may be NULL */
    void *ctx;
} HttpWsHandler;

/* Answers 101 and takes the connection over. Otherwise nothing was answered: ERR_PARAM: this is no
 * WebSocket request of version 13 (426 with HTTP_WS_VERSION is the answer), ERR_SYNTAX: its key is
 * wrong, ERR_BUSY: there are too many (half of the connections) or the server stops, ERR_NOMEM. */
MUST_USE ErrCode http_reply_ws(HttpRequest *request, const HttpWsHandler *handler);
#define HTTP_WS_VERSION_HEADER "Sec-WebSocket-Version"
#define HTTP_WS_VERSION "13"

/* Queues a text; false when it will not arrive: the connection is closing. */
bool http_ws_send(HttpWs *ws, Str text);
/* Begins to close; on_closed follows. */
void http_ws_close(HttpWs *ws, unsigned code, Str reason);
/* What the handler keeps of this connection; NULL at first. On the WebSockets' thread. */
void *http_ws_user(const HttpWs *ws);
void http_ws_set_user(HttpWs *ws, void *user);

#endif
