/* api_int.h — what the files of the screens share. */
#ifndef NHIP_API_API_INT_H
#define NHIP_API_API_INT_H

#include "api/api.h"
#include "api/api_account.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/thread.h"
#include "rest/rest_call.h"
#include "settle/settle.h"
#include "settle/settle_taker.h"

struct Api {
    ApiOptions o;
    Store *store;
    Intake *intake;
    Ioc *ioc;
    const Clock *clock;
    Rest *rest;
    Catalog *catalog;
    Settle *settle;
    SettleTaker *taker; /* NULL: what is signed elsewhere waits for a command */
    Accounts *accounts; /* NULL: no facility sends by the gateway's calls */
    TimeMs started;
    Thread live_thread;
    Mutex live_lock; /* live_clients, stopping */
    Cond live_wake;  /* stopping */
    bool stopping;
    struct LiveClient *live_clients;
};

static inline Api *api_of(const RestCall *call) {
    return call->app;
}

/* ---- api_put.c: members of an answer ---- */
void api_put_number(JsonWriter *w, const char *name, uint64_t n);
void api_put_time(JsonWriter *w, const char *name, TimeMs time); /* 0: an empty text */
void api_put_day(JsonWriter *w, const char *name, int64_t day);  /* no end or no start: null */

/* ---- api_outgoing.c ---- */
typedef struct ApiSent { /* since the start */
    uint64_t sent, refused, failed, resting;
} ApiSent;
typedef struct ApiOutgoing {
    ApiSent fund, copies; /* its destinations; those beside it */
    CardCounters cards;
} ApiOutgoing;
ApiOutgoing api_outgoing(Api *api);

/* ---- api_ops.c ---- */
void api_live_run(void *api);  /* thread: sends the live event */
void api_live_stop(void *api); /* ends the thread and closes the streams; may be called again */
/* From Organization resources; empty when there is none. */
Str api_facility_name(void *api, Arena *arena, Str facility);

#endif
