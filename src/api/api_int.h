/* api_int.h — what the route files share: the call, routes, replies, jobs. */
#ifndef NHIP_API_API_INT_H
#define NHIP_API_API_INT_H

#include "api/api.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/thread.h"
#include "fhir/fhir_print.h"
#include "term/term.h"

#include <stdatomic.h>

enum { API_PARTS_MAX = 8, API_ALLOW_MAX = 64 };

typedef enum ApiFormat { API_FORMAT_JSON, API_FORMAT_XML } ApiFormat;

/* One request on its way through a handler; lives in the request's arena. */
typedef struct ApiCall {
    Api *api;
    HttpRequest *request;
    Arena *arena;
    Str parts[API_PARTS_MAX]; /* path cut at '/', percent-decoded: "fhir", "Patient", "123" */
    size_t n_parts;
    FhirLanguage language;
    ApiFormat format;  /* of the answer, when it is FHIR */
    bool body_is_json; /* the XML of the body was made JSON */
    bool json_only;    /* the answer becomes a part of another one: JSON whatever is asked for */
} ApiCall;

typedef void (*ApiHandler)(ApiCall *call);
/* The call of a request; NULL: memory is short, and the request is answered. */
ApiCall *api_call_new(Api *api, HttpRequest *request);

typedef struct ApiRoute {
    const char *method; /* GET also answers HEAD */
    const char *path;   /* "/fhir/:type/:id": parts that begin with ':' match anything */
    ApiHandler run;
    bool as_job;      /* runs on a job thread: may take long */
    const char *what; /* one line, English */
} ApiRoute;

typedef struct ApiRoutes {
    const ApiRoute *routes;
    size_t n;
} ApiRoutes;
#define ROUTES(name, ...)                                                                          \
    static const ApiRoute name##_list[] = {__VA_ARGS__};                                           \
    const ApiRoutes name = {name##_list, ARRAY_LEN(name##_list)}

/* More specific tables first; within one, the first match wins. */
extern const ApiRoutes api_subs_routes, api_async_routes, api_bulk_routes, api_bulk_import_routes,
    api_view_routes, api_view_run_routes, api_view_table_routes, api_view_export_routes,
    api_graphql_routes, api_term_routes, api_meta_routes, api_document_routes, api_lastn_routes,
    api_search_param_routes, api_fhir_routes, api_ops_routes, api_citizen_routes, api_import_routes,
    api_health_routes, api_static_routes, api_validate_routes, api_guide_routes;

/* Cuts at '/' and decodes; false when there are too many parts or a bad escape. */
bool api_cut_path(Arena *arena, Str path, Str parts[API_PARTS_MAX], size_t *ret_n);
/* Route i of all tables, in the order in which they are tried; NULL behind the last. */
const ApiRoute *api_route_at(size_t i);
/* NULL: none; then ret_allow holds the methods that the address has ("GET, HEAD, PUT") or "". */
const ApiRoute *api_find_route(Str method, const Str *parts, size_t n_parts,
                               char ret_allow[API_ALLOW_MAX]);

struct Api {
    ApiOptions o;
    Store *store;
    Intake *intake;
    Ioc *ioc;
    Term *term;
    bool owns_term;
    FhirCodes codes; /* for queries: what :in, :above … mean */
    const Clock *clock;
    HttpServer *http;
    Str base_url; /* "http://127.0.0.1:8080/fhir", no slash at the end */
    Arena *arena; /* what lives as long as the Api */
    Queue *jobs;
    Thread job_threads[2];
    Thread live_thread;
    Mutex live_lock; /* live_clients, stopping */
    Cond live_wake;  /* stopping */
    bool stopping;
    struct LiveClient *live_clients;
    struct SubsClient *subs_clients;
    TimeMs started;
    FhirLanguage language;     /* of answers when none is asked for */
    struct Async *async;       /* jobs (api_async.c) */
    struct FlowTables *tables; /* materialised views */
    Mutex metadata_lock;
    Arena *made_arena; /* SearchParameters of R4, made at the first question */
    const struct StoreVersion *made_params;
    size_t n_made_params;
    Buf metadata; /* the capability statement, made anew when the profiles changed */
    uint64_t metadata_number;
    struct ApiProfiles *profiles; /* api_profile.c */
};

/* Refuses what a stranger's page in a browser on this machine asks: replies and answers false. */
bool api_guard(ApiCall *call); /* api_guard.c */

FhirCodes api_term_codes(Api *api); /* api_term_codes.c */
/* What the catalogue holds under this id beside the store: CodeSystem, ValueSet, ConceptMap
 * (api_term_store.c). ERR_NOT_FOUND. */
MUST_USE ErrCode api_term_read(Api *api, Arena *arena, FhirType type, Str id, StoreVersion *ret);

/* ---- uploads (api_upload.c) ---- */
void api_upload_begin(void *api, HttpRequest *request); /* HttpHandler.on_head */
/* The body for work that outlives the request. */
typedef struct ApiKept {
    Str bytes;
    int fd; /* of the map; -1: copy */
    char *copy;
} ApiKept;
MUST_USE ErrCode api_upload_keep(HttpRequest *request, ApiKept *ret);
void api_kept_release(ApiKept *kept);
/* The whole body, wherever it went; lives as long as the request. */
MUST_USE ErrCode api_upload_body(HttpRequest *request, Str *ret_bytes);

/* ---- replies (api_reply.c) ---- */
enum { API_JSON_MAX = 64 << 20 }; /* one answer to the screens */
void api_reply_json(ApiCall *call, int status, Str json);
/* A question of the screens: parameters that are not in names (NULL-terminated) are refused; then
 * 200 with the JSON that put writes, or its error. */
typedef ErrCode (*ApiPutFn)(ApiCall *call, Buf *out, ErrInfo *info);
void api_answer(ApiCall *call, const char *const *names, ApiPutFn put);
/* Bytes as somebody sent them: no browser runs or guesses anything of them. */
void api_reply_bytes(ApiCall *call, Str type, Str bytes);
/* An OperationOutcome in the language asked for, with the error's own HTTP status. */
void api_reply_err(ApiCall *call, ErrCode err, const ErrInfo *info);
/* The same with another status, and one more header (name, value) unless it is NULL. */
void api_reply_outcome(ApiCall *call, int status, const ErrInfo *info, const Str header[2]);
/* fn(arg) soon on a job thread; false when too many wait already. */
bool api_post(Api *api, void (*fn)(void *arg), void *arg);
/* Runs fn(call) on a job thread; replies 503 when too many wait already. */
void api_job(ApiCall *call, ApiHandler fn);
/* Value of one query parameter, decoded; empty when absent. */
Str api_query(ApiCall *call, const char *name);
/* The same of another text of pairs than the address's. */
Str api_query_in(ApiCall *call, Str query, const char *name);
/* Refuses parameters that are not in names (NULL-terminated): replies and answers false. */
bool api_query_only(ApiCall *call, const char *const *names);

/* ---- formats (api_format.c) ---- */
/* Below /fhir: what the client wants, as far as it can be had; errors go out in it. */
void api_guess_format(ApiCall *call);
/* The Content-Type of the call's format. */
Str api_type_of(const ApiCall *call);
/* A body of FHIR JSON as the call's format, with indentation when `pretty`; untouched on failure.
 */
MUST_USE ErrCode api_format(ApiCall *call, bool pretty, Buf *body, ErrInfo *info);

/* ---- api_ops.c ---- */
void api_live_run(void *api); /* thread: sends the live event */
void api_live_stop(Api *api); /* ends the thread and closes the streams; may be called again */

/* ---- api_subs.c */
void api_subs_push(void *api, Str id, uint64_t number, Str bundle);
void api_subs_close(Api *api);

/* ---- facility names (api_ops.c), from Organization resources */
Str api_facility_name(void *api, Arena *arena, Str facility);

#endif
