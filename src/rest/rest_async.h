/* rest_async.h — work that goes on behind its answer (FHIR's asynchronous pattern,
 * http.html#async): 202 with Content-Location, the address where its state is asked (GET) and where
 * it is ended (DELETE).
 *
 * A job has a folder data/jobs/ID with state.json, result.json and the files that it makes. A job
 * that was cut off by the end of the program says so when it is asked, and is not taken up again; a
 * finished one can be had until ASYNC_KEEP_MS are over. Limits: ASYNC_MAX jobs are known,
 * ASYNC_WAITING of them not yet finished, ASYNC_THREADS running. Threads: `run` on a thread of the
 * jobs. */
#ifndef NHIP_REST_REST_ASYNC_H
#define NHIP_REST_REST_ASYNC_H

#include "rest/rest_int.h"
#include "flow/flow_export.h"

enum { ASYNC_MAX = 256, ASYNC_WAITING = 32, ASYNC_THREADS = 2, ASYNC_ID_LETTERS = 26 };
#define ASYNC_KEEP_MS (INT64_C(24) * 3600 * 1000)

typedef struct AsyncJob AsyncJob;

typedef struct AsyncWork {
    const char *kind; /* "request", "export" …: shown, nothing more */
    /* The answer's JSON (status 200) goes to `out`. An error ends the job with its outcome. */
    ErrCode (*run)(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info);
    void (*release)(void *ctx); /* once, whatever came */
    void *ctx;
    bool is_bundle; /* the answer is a FHIR resource, not the manifest of files */
} AsyncWork;

/* Takes the work over and replies: 202, or why it cannot be begun. */
void async_begin(RestCall *call, const AsyncWork *work);
/* Runs the route on a copy of the request; the answer is a Bundle of type batch-response. */
void async_route(RestCall *call, const RestRoute *route);
/* Does the client want the route's answer later? */
bool async_wanted(RestCall *call, const RestRoute *route);

/* Those that answer behind an address of their own whatever Prefer says. */
extern const RestRoutes rest_async_routes, rest_bulk_import_routes, rest_export_routes,
    rest_view_export_routes;

/* ---- for `run` ---- */
FlowProgress *async_progress(AsyncJob *job);
const char *async_dir(const AsyncJob *job);
/* "http://host/fhir/$async/ID", and what was asked for. */
Str async_url(const AsyncJob *job);
Str async_request(const AsyncJob *job);
TimeMs async_time(const AsyncJob *job); /* of the request */

/* ---- life, called by rest.c ---- */
MUST_USE ErrCode async_start(Rest *rest);
void async_stop(Rest *rest); /* ends what runs and waits for it; may be called again */
void async_free(Rest *rest);

/* ---- rest_async_file.c ---- */
/* Sends dir/name.gz as `name`: packed to who takes gzip (with Range), else unpacked on the way.
 * Names with anything but letters, digits, '.', '-' and '_' are not found. */
void rest_send_packed(RestCall *call, const char *dir, Str name);

#endif
