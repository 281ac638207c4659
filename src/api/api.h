/* api.h — what the screens ask: citizens and their records, the operations page, claim files in,
 * health and metrics, and the embedded screens themselves; they stand on the FHIR server (rest.h),
 * which is started with them. Every route stands in a ROUTES table at the end of its file.
 * Ownership: the Api borrows store, intake, ioc and settings. Threads: rest.h says which. */
#ifndef NHIP_API_API_H
#define NHIP_API_API_H

#include "book/book.h"
#include "catalog/catalog.h"
#include "gateway/gateway.h"
#include "ioc/ioc.h"
#include "rest/rest.h"
#include "rules/rules.h"
#include "sign/sign_key.h"

typedef struct Api Api;

typedef struct ApiOptions {
    Store *store;
    Intake *intake;
    Ioc *ioc;
    Subs *subs;              /* as in RestOptions, like what follows */
    Term *term;              /* NULL: an own one, with what is embedded only */
    RestTermFeed *term_feed; /* of term, behind rest_term_load; NULL: none */
    const Rules *rules;      /* of the book, for their texts */
    Book *book;              /* the book of claims; NULL: there is none */
    Catalog *catalog;        /* of the store; NULL: an own one */
    Gateway *gateway;        /* the way out to the fund; NULL: none is set up */
    SignKey *sign_key;       /* claims are signed with it; NULL: none is signed */
    const SignPins *pins;    /* the facilities' keys; NULL: any key signs for any facility */
    Sign *sign;              /* looks at their signatures; NULL: nobody does */
    const Settings *settings;
    const Clock *clock;    /* NULL: the real one */
    struct RestDoor *door; /* as in RestOptions */
} ApiOptions;
/* Starts serving; errors of rest_door_open, too. */
MUST_USE ErrCode api_start(const ApiOptions *options, Api **ret_api, ErrInfo *info);
uint16_t api_port(const Api *api);
/* Graceful: finishes what runs, closes streams. NULL is fine. */
void api_stop(Api *api);
/* The tables of this module, for rest_router_new. */
extern const RestRouteTables api_route_tables;
/* One line a route, the FHIR server's too: method, path, what. */
MUST_USE ErrCode api_print_routes(Buf *out, ErrInfo *info);

#endif
