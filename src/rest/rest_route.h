/* rest_route.h — addresses and what answers them. A route stands in a ROUTES table at the end of
 * its file; the tables (rest_tables.h, and those of whoever stands on this server) feed the router,
 * the capability statement and `nhip routes`. Their order means nothing: of the routes that match
 * an address the one with the longest literal beginning owns it ("/fhir/metadata" is no type), and
 * a pair of which neither is the more special one is refused at the start. Threads: all constant.
 */
#ifndef NHIP_REST_REST_ROUTE_H
#define NHIP_REST_REST_ROUTE_H

#include "core/arena.h"
#include "core/err.h"

enum { REST_PARTS_MAX = 8, REST_ALLOW_MAX = 64 };

typedef struct RestCall RestCall;
typedef void (*RestHandler)(RestCall *call);

typedef struct RestRoute {
    const char *method; /* GET also answers HEAD */
    /* "/fhir/:type/:id": a part that begins with ':' matches any but names of interactions
     * ("_search", "$everything"); "*" at the end matches whatever is left. */
    const char *path;
    RestHandler run;  /* NULL: there is nothing here, whatever less special routes say */
    bool as_job;      /* runs on a job thread: may take long */
    const char *what; /* one line, English */
} RestRoute;

typedef struct RestRoutes {
    const RestRoute *routes;
    size_t n;
} RestRoutes;
#define ROUTES(name, ...)                                                                          \
    static const RestRoute name##_list[] = {__VA_ARGS__};                                          \
    const RestRoutes name = {name##_list, ARRAY_LEN(name##_list)}

/* Several tables; not copied. */
typedef struct RestRouteTables {
    const RestRoutes *const *tables;
    size_t n;
} RestRouteTables;

/* The tables of this server. */
extern const RestRouteTables rest_route_tables;
/* Route i of these; NULL behind the last. */
const RestRoute *rest_route_at(size_t i);

typedef struct RestRouter RestRouter;
/* The server's own tables and `more`; lives in the arena. ERR_INTERNAL with the two paths: one
 * stands there twice (rule route-twice), or they are ambiguous (route-ambiguous). */
MUST_USE ErrCode rest_router_new(Arena *arena, const RestRouteTables *more,
                                 const RestRouter **ret_router, ErrInfo *info);
/* Route i, sorted by path and method; NULL behind the last. */
const RestRoute *rest_router_at(const RestRouter *router, size_t i);

typedef struct RestAddress {
    Str method;
    const Str *parts;
    size_t n_parts;
} RestAddress;
/* NULL: none; then ret_allow holds the methods that the address has ("GET, HEAD, PUT") or "". */
const RestRoute *rest_router_find(const RestRouter *router, const RestAddress *address,
                                  char ret_allow[REST_ALLOW_MAX]);

/* Cuts at '/' and decodes; false when there are too many parts or a bad escape. */
bool rest_cut_path(Arena *arena, Str path, Str parts[REST_PARTS_MAX], size_t *ret_n);
/* "_search", "$everything": names of interactions, never ids. */
bool rest_is_reserved(Str part);

#endif
