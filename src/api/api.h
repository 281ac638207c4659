/* api.h — the HTTP resources: FHIR under /fhir, import, the screens' questions under /api, health
 * and metrics, and the embedded screens. Every route stands in a ROUTES table at the end of its
 * file; the tables feed the router, the capability statement and `nhip routes`. Ownership: the Api
 * borrows store, intake, ioc and settings. Threads: handlers run on the HTTP workers; long work
 * (imports, transactions) on the Api's job threads, with the reply deferred. */
#ifndef NHIP_API_API_H
#define NHIP_API_API_H

#include "core/setting.h"
#include "http/http.h"
#include "intake/intake.h"
#include "ioc/ioc.h"
#include "subs/subs.h"
#include "term/term.h"

typedef struct Api Api;
/* Keeps a Term in step with the store (api_term_store.c). */
typedef struct ApiTermFeed ApiTermFeed;

typedef struct ApiOptions {
    Store *store;
    Intake *intake;
    Ioc *ioc;
    Subs *subs;             /* its view is fed by the store; the Api starts and stops it */
    Term *term;             /* NULL: an own one, with what is embedded only */
    ApiTermFeed *term_feed; /* of term, behind api_term_load; NULL: none */
    const Settings *settings;
    const Clock *clock; /* NULL: the real one */
} ApiOptions;
/* Starts serving. Until sign-in exists only loopback addresses are accepted (ERR_PARAM). */
MUST_USE ErrCode api_start(const ApiOptions *options, Api **ret_api, ErrInfo *info);
uint16_t api_port(const Api *api);
/* Graceful: finishes what runs, closes streams. NULL is fine. */
void api_stop(Api *api);
/* Before the store is opened: the view takes committed terminology into term. All outlive it. */
MUST_USE ErrCode api_term_feed_new(Term *term, ApiTermFeed **ret_feed, StoreView *ret_view);
void api_term_feed_free(ApiTermFeed *feed); /* NULL is fine */
/* Behind it: what is stored already. */
MUST_USE ErrCode api_term_load(ApiTermFeed *feed, Store *store, ErrInfo *info);
/* One line a route: method, path, what. */
void api_print_routes(Buf *out);

#endif
