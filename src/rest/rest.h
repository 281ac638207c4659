/* rest.h — the FHIR R4 server: REST interactions, bundles, operations, jobs, views, terminology and
 * subscriptions under /fhir. It knows nothing of the applications that stand on it: they bring
 * ROUTES tables of their own (rest_route.h) and write their handlers against rest_call.h.
 * Ownership: the Rest borrows store, intake and settings. Threads: handlers run on the HTTP
 * workers; long work on job threads, with the reply deferred. */
#ifndef NHIP_REST_REST_H
#define NHIP_REST_REST_H

#include "core/setting.h"
#include "http/http.h"
#include "intake/intake.h"
#include "rest/rest_route.h"
#include "subs/subs.h"
#include "term/term.h"

typedef struct Rest Rest;
/* Keeps a Term in step with the store (rest_term_store.c). */
typedef struct RestTermFeed RestTermFeed;

typedef struct RestOptions {
    Store *store;
    Intake *intake;
    Subs *subs;              /* its view is fed by the store; the Rest starts and stops it */
    Term *term;              /* NULL: an own one, with what is embedded only */
    RestTermFeed *term_feed; /* of term, behind rest_term_load; NULL: none */
    const Settings *settings;
    const Clock *clock;    /* NULL: the real one */
    struct RestDoor *door; /* open already (rest_door.h): the Rest closes it; NULL: an own one */
    /* Of the application: */
    RestRouteTables routes;
    const char *const *uploads; /* paths whose POST goes to disk as it comes; NULL ends them */
    void *app;                  /* RestCall.app */
    void (*on_stop)(void *app); /* ends the streams that it keeps open; called twice */
} RestOptions;
/* Starts serving; errors of rest_door_open, too. */
MUST_USE ErrCode rest_start(const RestOptions *options, Rest **ret_rest, ErrInfo *info);
uint16_t rest_port(const Rest *rest);
/* Graceful: finishes what runs, closes streams. NULL is fine. */
void rest_stop(Rest *rest);
/* Before the store is opened: the view takes committed terminology into term. All outlive it. */
MUST_USE ErrCode rest_term_feed_new(Term *term, RestTermFeed **ret_feed, StoreView *ret_view);
void rest_term_feed_free(RestTermFeed *feed); /* NULL is fine */
/* Behind it: what is stored already. */
MUST_USE ErrCode rest_term_load(RestTermFeed *feed, Store *store, ErrInfo *info);

#endif
