/* rest_call.h — what every handler works with: the call, replies, parameters of the address, jobs,
 * uploads. Threads: one a call. */
#ifndef NHIP_REST_REST_CALL_H
#define NHIP_REST_REST_CALL_H

#include "core/limits.h"
#include "fhir/fhir_print.h"
#include "http/http.h"
#include "rest/rest_route.h"

typedef struct Rest Rest;
typedef enum RestFormat { REST_FORMAT_JSON, REST_FORMAT_XML } RestFormat;

/* One request on its way through a handler; lives in the request's arena. */
struct RestCall {
    Rest *rest;
    void *app; /* RestOptions.app */
    HttpRequest *request;
    Arena *arena;
    Str parts[REST_PARTS_MAX]; /* path cut at '/', percent-decoded: "fhir", "Patient", "123" */
    size_t n_parts;
    FhirLanguage language;
    RestFormat format; /* of the answer, when it is FHIR */
    bool body_is_json; /* the XML of the body was made JSON */
    bool json_only;    /* the answer becomes a part of another one: JSON whatever is asked for */
};

/* "http://127.0.0.1:8080/fhir", no slash at the end. */
Str rest_base_url(const Rest *rest);

/* ---- uploads (rest_upload.c) ---- */
/* The body for work that outlives the request. */
typedef struct RestKept {
    Str bytes;
    int fd; /* of the map; -1: copy */
    char *copy;
} RestKept;
MUST_USE ErrCode rest_upload_keep(HttpRequest *request, RestKept *ret);
void rest_kept_release(RestKept *kept);
/* Bytes of it. */
size_t rest_upload_len(const HttpRequest *request);
/* The whole body, wherever it went; lives as long as the request. */
MUST_USE ErrCode rest_upload_body(HttpRequest *request, Str *ret_bytes);

/* ---- replies (rest_reply.c) ---- */
enum { REST_JSON_MAX = 64 << 20 }; /* one answer to the screens */
void rest_reply_json(RestCall *call, int status, Str json);
/* A question of the screens: parameters that are not in names (NULL-terminated) are refused; then
 * 200 with the JSON that put writes, or its error. */
typedef ErrCode (*RestPutFn)(RestCall *call, Buf *out, ErrInfo *info);
void rest_answer(RestCall *call, const char *const *names, RestPutFn put);
/* Bytes as somebody sent them: no browser runs or guesses anything of them. */
void rest_reply_bytes(RestCall *call, Str type, Str bytes);
/* An OperationOutcome in the language asked for, with the error's own HTTP status. */
void rest_reply_err(RestCall *call, ErrCode err, const ErrInfo *info);
/* Its JSON; info may speak of something else than err. */
void rest_put_outcome(Buf *out, ErrCode err, const ErrInfo *info, FhirLanguage language);
/* The reply with another status, and one more header (name, value) unless it is NULL. */
void rest_reply_outcome(RestCall *call, int status, const ErrInfo *info, const Str header[2]);
/* Value of one query parameter, decoded; empty when absent. */
Str rest_query(RestCall *call, const char *name);
/* The same of another text of pairs than the address's. */
Str rest_query_in(RestCall *call, Str query, const char *name);
/* Refuses parameters that are not in names (NULL-terminated): replies and answers false. */
bool rest_query_only(RestCall *call, const char *const *names);

/* ---- jobs (rest_serve.c) ---- */
/* fn(arg) soon on a job thread; false when too many wait already. */
bool rest_post_job(Rest *rest, void (*fn)(void *arg), void *arg);
/* Runs fn(call) on a job thread; replies 503 when too many wait already. */
void rest_job(RestCall *call, RestHandler fn);

#endif
