/* rest_int.h — the server as its own files see it. */
#ifndef NHIP_REST_REST_INT_H
#define NHIP_REST_REST_INT_H

#include "core/json.h"
#include "core/limits.h"
#include "core/thread.h"
#include "fhir/fhir_print.h"
#include "rest/rest.h"
#include "rest/rest_call.h"
#include "term/term.h"

#include <stdatomic.h>

struct Rest {
    RestOptions o;
    Store *store;
    Intake *intake;
    Term *term;
    bool owns_term;
    FhirCodes codes; /* for queries: what :in, :above … mean */
    const Clock *clock;
    struct RestDoor *door; /* its address */
    const RestRouter *router;
    Str base_url; /* rest_base_url */
    Arena *arena; /* what lives as long as the Rest */
    Queue *jobs;
    Queue *large_jobs;     /* bodies of REST_LARGE_BODY and more: one after the other, so that they
                            * neither fill the memory together nor keep small ones waiting */
    Thread job_threads[3]; /* the last one does the large jobs */
    Mutex subs_lock;       /* subs_clients */
    struct SubsClient *subs_clients;
    uint8_t subs_secret[32]; /* of the tokens for WebSockets */
    TimeMs started;
    FhirLanguage language;     /* of answers when none is asked for */
    struct Async *async;       /* jobs (rest_async.c) */
    struct FlowTables *tables; /* materialised views */
    Mutex metadata_lock;
    Arena *made_arena; /* SearchParameters of R4, made at the first question */
    const struct StoreVersion *made_params;
    size_t n_made_params;
    Buf metadata; /* the capability statement, made anew when the profiles changed */
    uint64_t metadata_number;
    struct RestProfiles *profiles; /* rest_profile.c */
};

/* ---- serving (rest_serve.c) ---- */
/* The call of a request; NULL: memory is short, and the request is answered. */
RestCall *rest_call_new(Rest *rest, HttpRequest *request);
/* HttpHandler.on_request, .on_refused (by way of the door) */
void rest_on_request(Rest *rest, HttpRequest *request);
void rest_on_refused(Rest *rest, HttpRequest *request, int status);
void rest_upload_begin(Rest *rest, HttpRequest *request); /* .on_head (rest_upload.c) */
enum { REST_LARGE_BODY = 8 << 20 };
/* Thread: runs jobs until the queue is closed. */
void rest_run_jobs(void *queue);
/* Refuses what a stranger's page in a browser on this machine asks: replies and answers false. */
bool rest_guard(RestCall *call); /* rest_guard.c */

/* ---- formats (rest_format.c) ---- */
/* Below /fhir: what the client wants, as far as it can be had; errors go out in it. */
void rest_guess_format(RestCall *call);
/* The Content-Type of the call's format. */
Str rest_type_of(const RestCall *call);
/* A body of FHIR JSON as the call's format, with indentation when `pretty`; untouched on failure.
 */
MUST_USE ErrCode rest_format(RestCall *call, bool pretty, Buf *body, ErrInfo *info);

/* ---- terminology ---- */
FhirCodes rest_term_codes(Rest *rest); /* rest_term_codes.c */
/* What the catalogue holds under this id beside the store: CodeSystem, ValueSet, ConceptMap
 * (rest_term_store.c). ERR_NOT_FOUND. */
MUST_USE ErrCode rest_term_read(Rest *rest, Arena *arena, FhirType type, Str id, StoreVersion *ret);

/* ---- rest_subs.c ---- */
void rest_subs_push(void *rest, Str id, uint64_t number, Str bundle);
void rest_subs_close(Rest *rest);

#endif
