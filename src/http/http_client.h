/* http_client.h — outgoing HTTP/1.1 over libcurl: one request, one answer, by one thread. Whatever
 * this program calls goes through here: http and https only, certificates and host names verified
 * (TLS 1.2 or newer), no redirects (a 3xx is the answer), no proxy from the environment, no
 * cookies; a ceiling on the answer, on connecting and on the whole; a StopFlag ends it within a
 * second. A connection stays open for the next call of the same client.
 *
 * Every status is an answer (ERR_OK). Errors say whether the request can have arrived:
 * HttpAnswer.reached is false only when it certainly has not (no address, no connection, no TLS).
 * Ownership: the answer's bytes are the caller's Buf. Errors: ERR_IO, ERR_TIMEOUT, ERR_STOPPED,
 * ERR_LIMIT (the answer is longer than answer_max: status is known), ERR_PARAM (the address),
 * ERR_NOMEM. Threads: one thread a client; any number of clients. */
#ifndef NHIP_HTTP_HTTP_CLIENT_H
#define NHIP_HTTP_HTTP_CLIENT_H

#include "core/str.h"
#include "core/thread.h"

typedef struct HttpClient HttpClient;

enum { HTTP_PROBLEM = 256, HTTP_CALL_HEADERS = 16 };

typedef struct HttpCall {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value"; what libcurl adds by itself: "Name:" removes it */
    size_t n_headers;           /* at most HTTP_CALL_HEADERS */
    Str body;                   /* sent with POST and PUT, also when it is empty */
    unsigned connect_s;         /* 0: 5 */
    unsigned timeout_s;         /* of the whole call; 0: 60 */
    size_t answer_max;          /* bytes; 0: 64 KiB */
    const char *ca_file;        /* trusted instead of the system's (PEM); NULL: the system's */
    const StopFlag *stop;       /* may be NULL */
} HttpCall;

typedef struct HttpAnswer {
    int status;                 /* 0: none came */
    unsigned retry_after_s;     /* of that header; 0: none */
    bool reached;               /* the request may have been read and acted upon */
    char problem[HTTP_PROBLEM]; /* of an error, in English, without the address; else empty */
} HttpAnswer;

/* NULL: no memory. */
HttpClient *http_client_new(void);
void http_client_free(HttpClient *client); /* NULL is fine */

/* Appends the answer's body to out (NULL: passed over). *ret is filled whatever is returned. */
MUST_USE ErrCode http_client_call(HttpClient *client, const HttpCall *call, Buf *out,
                                  HttpAnswer *ret);

/* May the address be called? Its host must be among hosts ("name" or "name:port", comma-separated)
 * or be this machine. False for what is no http or https address, and for one that carries a user
 * or what no address has. */
bool http_client_allowed(Str hosts, Str url);
/* Is it https, or this machine? */
bool http_client_private(Str url);

#endif
