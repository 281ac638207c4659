/* rest_fhir.h — what the FHIR route files share. A GET is data (RestGet) and gives data
 * (RestAnswer), so that the routes and the GET entries of bundles use the same functions; one place
 * sends answers (rest_fhir.c), one prints Bundles (rest_bundle.c). */
#ifndef NHIP_REST_REST_FHIR_H
#define NHIP_REST_REST_FHIR_H

#include "rest/rest_int.h"
#include "intake/intake_fhir.h"

typedef struct RestGet {
    RestCall *call;
    FhirType type; /* FHIR_T_NONE: all types */
    Str id;
    FhirType compartment; /* Patient/5/Observation: the type before, whose resource is id */
    Str version;
    Str query;                /* raw, without '?' */
    Str if_none_match;        /* ETags that the client holds */
    TimeMs if_modified_since; /* what was there then is held, too; 0: unsaid */
    const JsonNode *posted;   /* an operation's body; NULL: there is none */
} RestGet;

/* `body` belongs to whoever holds the answer (buf_release, or handed over by rest_send). */
typedef struct RestAnswer {
    int status;
    Buf body;
    uint32_t version; /* not 0: ETag and Last-Modified are sent */
    TimeMs time;
    Str etag; /* without version: an ETag as text */
    Str location;
    bool pretty;
} RestAnswer;

typedef ErrCode (*RestGetFn)(const RestGet *get, RestAnswer *ret, ErrInfo *info);
/* The interactions that only read. ret->body is initialised by the caller. */
ErrCode rest_read(const RestGet *get, RestAnswer *ret, ErrInfo *info);
ErrCode rest_vread(const RestGet *get, RestAnswer *ret, ErrInfo *info);
ErrCode rest_search(const RestGet *get, RestAnswer *ret, ErrInfo *info);
ErrCode rest_history(const RestGet *get, RestAnswer *ret, ErrInfo *info);
ErrCode rest_everything(const RestGet *get, RestAnswer *ret, ErrInfo *info);
ErrCode rest_metadata(const RestGet *get, RestAnswer *ret, ErrInfo *info);

/* A GET entry of a bundle: its url is relative to the base, with its query. */
ErrCode rest_get_ask(RestCall *call, const IntakeAsk *ask, RestAnswer *ret, ErrInfo *info);

/* ---- rest_fhir.c ---- */
/* Sends and releases. */
void rest_send(RestCall *call, RestAnswer *answer);
/* "Patient" → type; ERR_NOT_FOUND with a sentence when FHIR R4 has none of that name. */
MUST_USE ErrCode rest_need_type(Str name, FhirType *ret_type, ErrInfo *info);
/* Does the client take JSON or XML (_format in the query, else Accept)? ERR_ACCEPT otherwise. */
MUST_USE ErrCode rest_check_accept(RestCall *call, Str query, ErrInfo *info);
/* The same, and the answer goes out in the format that the client likes best. */
MUST_USE ErrCode rest_take_format(RestCall *call, Str query, ErrInfo *info);
/* The same for a request that writes, whose address may say _format and _pretty and no more. */
MUST_USE ErrCode rest_check_write(RestCall *call, ErrInfo *info);
/* Is the body FHIR (Content-Type)? XML is made JSON: http_body is JSON behind it. ERR_MEDIA, or
 * what is wrong with the XML. */
MUST_USE ErrCode rest_check_json_body(RestCall *call, ErrInfo *info);
/* Of a batch or transaction: one of too many entries is not made JSON first. */
MUST_USE ErrCode rest_check_bundle_body(RestCall *call, ErrInfo *info);
/* Names in info what was asked for when err is ERR_NOT_FOUND or ERR_GONE; answers err. */
ErrCode rest_absent(const RestGet *get, ErrCode err, ErrInfo *info);
/* The version that a read or vread asks for. */
MUST_USE ErrCode rest_get_version(const RestGet *get, StoreVersion *ret);
/* The client holds this version already: 304. */
bool rest_is_known(const RestGet *get, const StoreVersion *v);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
Str rest_http_date(Arena *arena, TimeMs time);

/* ---- parameters that are no search (rest_param.c) ---- */
typedef struct RestParam {
    const char *name;
    Str value; /* decoded; ptr NULL when absent */
} RestParam;
/* Fills values of the named parameters; refuses unknown and repeated ones. */
MUST_USE ErrCode rest_params(Arena *arena, Str query, RestParam *params, size_t n, ErrInfo *info);
/* _summary, _elements, _pretty, _format of a read. */
MUST_USE ErrCode rest_print_params(const RestGet *get, FhirPrintOptions *ret, ErrInfo *info);
/* The same of any other request's address, whose further parameters are not looked at. */
MUST_USE ErrCode rest_print_of(RestCall *call, FhirType type, FhirPrintOptions *ret, ErrInfo *info);
/* Absent: *ret_count stays. */
MUST_USE ErrCode rest_count_param(Str value, size_t *ret_count, ErrInfo *info);
/* Absent: 0, false. */
MUST_USE ErrCode rest_since_param(Str value, TimeMs *ret_since, ErrInfo *info);
MUST_USE ErrCode rest_pretty_param(Str value, bool *ret_pretty, ErrInfo *info);
/* The address behind the base, ending in `last`. */
Str rest_path_of(const RestGet *get, const char *last);
/* The given ones of params, percent-encoded, in their order. */
Str rest_question_of(Arena *arena, const RestParam *params, size_t n);

/* The page token: where a page begins, bound by a checksum to the question that it continues. */
typedef struct RestPageToken {
    RecordNo snapshot;
    Slot after;
} RestPageToken;
Str rest_page_print(Arena *arena, const RestPageToken *token, Str question);
/* Empty text: zeros. ERR_PARAM for a token that is not of this question. */
MUST_USE ErrCode rest_page_parse(Str text, Str question, RestPageToken *ret, ErrInfo *info);

/* ---- Bundles (rest_bundle.c) ---- */
typedef enum RestEntryKind {
    REST_ENTRY_MATCH,
    REST_ENTRY_INCLUDE,
    REST_ENTRY_HISTORY,
} RestEntryKind;

typedef struct RestBundle {
    Buf *out;
    Rest *rest;
    Arena *arena;
    JsonWriter w;
    const FhirPrintOptions *print; /* NULL: resources whole */
    bool has_entries;
} RestBundle;
typedef struct RestBundleHead {
    const char *type; /* "searchset" … */
    Str self, next;   /* whole URLs; empty: none */
    bool has_total;
    uint64_t total;
} RestBundleHead;
void rest_bundle_open(RestBundle *b, const RestBundleHead *head);
void rest_bundle_put(RestBundle *b, const StoreVersion *versions, size_t n, RestEntryKind kind);
/* One entry by hand: its members follow, then json_close_object. */
void rest_bundle_open_entry(RestBundle *b);
void rest_bundle_put_etag(RestBundle *b, uint32_t version, TimeMs time);
/* An OperationOutcome about the answer itself: what it lacks or left out (mode outcome). */
void rest_bundle_put_warnings(RestBundle *b, FhirLanguage language, const ErrInfo *infos, size_t n);
/* How a search was carried out (__explain=true): an OperationOutcome, one issue a step. */
void rest_bundle_put_plan(RestBundle *b, const StorePlanStep *steps, size_t n);
void rest_bundle_close(RestBundle *b);
/* For entries that are known before the head is: opened without, closed under it. */
void rest_bundle_open_headless(RestBundle *b);
void rest_bundle_close_under(RestBundle *b, const RestBundleHead *head);
/* A resource by the wishes of the caller; print may be NULL. */
MUST_USE ErrCode rest_put_resource(Buf *out, Arena *arena, const StoreVersion *v,
                                   const FhirPrintOptions *print);

/* One page of anything, links included (rest_search.c). `path` stands behind the base,
 * `question` is the query without _page: both are bound into the page tokens. */
typedef struct RestPage {
    const RestGet *get;
    Str path, question;
    const char *type;
    RestPageToken next; /* after = 0: this is the last page */
    bool has_total;
    uint64_t total;
    const FhirPrintOptions *print;
    RestEntryKind kind;
    const StoreVersion *entries, *includes;
    size_t n_entries, n_includes;
    bool includes_cut;
    const StorePlanStep *plan; /* __explain=true */
    size_t n_plan;
    const Str *ignored; /* parameters that were left out because the client prefers so */
    size_t n_ignored;
} RestPage;
MUST_USE ErrCode rest_page_begin(const RestPage *page, Str token, RestPageToken *ret,
                                 ErrInfo *info);
/* Prints it as the answer's body; token is the one of this page, for the self link. */
MUST_USE ErrCode rest_page_answer(const RestPage *page, Str token, RestAnswer *ret);
/* For a page whose entries are put one by one: `next` and `total` are read when it is closed. */
void rest_page_open(const RestPage *page, RestBundle *b, RestAnswer *ret);
MUST_USE ErrCode rest_page_close(const RestPage *page, Str token, RestBundle *b);

/* A search by url alone that found nothing stored shows what the catalogue holds under it
 * (rest_term_store.c). */
MUST_USE ErrCode rest_term_complete(const RestGet *get, RestPage *page);

/* ---- writing (rest_write.c, rest_batch.c) ---- */
typedef enum RestWant {
    REST_WANT_UNSAID,
    REST_WANT_RESOURCE,
    REST_WANT_NOTHING,
    REST_WANT_OUTCOME
} RestWant;
/* A transaction on its way; lives in the call's arena. */
typedef struct RestWrite RestWrite;
struct RestWrite {
    RestCall *call;
    IntakeTx *tx;
    RestWant want;
    void (*reply)(RestWrite *write); /* on a worker thread, when it is durable */
    /* Why it was not done; NULL: rest_reply_err. */
    void (*refuse)(RestWrite *write, ErrCode err, const ErrInfo *info);
    void *ctx;
};
/* Is it among the preferences of the header Prefer ("handling=lenient")? */
bool rest_prefers(RestCall *call, const char *preference);
RestWant rest_wanted(RestCall *call); /* by the header Prefer */
/* What a condition may delete at once (setting conditional_delete_max). */
unsigned rest_delete_max(const Rest *rest);
/* An OperationOutcome that says what was done. */
void rest_put_done(Buf *out, const IntakeAnswer *answer, FhirLanguage language);
MUST_USE ErrCode rest_write_new(RestCall *call, RestWrite **ret_write);
/* The transaction is filled and prepared: submits it, tries again when it must, replies. */
void rest_write_start(RestWrite *write);
/* One ask as a transaction of its own, answered as a create or update; `hooks`: refuse and ctx. */
void rest_write_ask(RestCall *call, const IntakeAsk *ask, const RestWrite *hooks);
/* The address and If-Match of an update, by id or by condition; else replies and answers false. */
bool rest_need_change(RestCall *call, IntakeAsk *ret);
/* An OperationOutcome with all issues. */
void rest_reply_issues(RestCall *call, ErrCode err, const FhirIssues *issues);
void rest_post(RestCall *call);
void rest_put(RestCall *call);
void rest_put_conditional(RestCall *call);
void rest_delete(RestCall *call);
void rest_delete_conditional(RestCall *call);
void rest_post_bundle(RestCall *call);
/* ---- rest_binary.c ---- */
/* A read of a Binary: replies with the bytes when they are wanted rather than the resource. */
bool rest_binary_answer(const RestGet *get);
/* A body that is not FHIR becomes a Binary (http_body); *ret_taken says so. */
MUST_USE ErrCode rest_binary_take(RestCall *call, const IntakeAsk *ask, bool *ret_taken,
                                  ErrInfo *info);
/* ---- rest_patch.c ---- */
extern const char *const rest_patch_formats[]; /* media types, NULL behind the last */
void rest_patch(RestCall *call);
/* An entry with the method PATCH: its Parameters or Binary is read. */
MUST_USE ErrCode rest_patch_entry(RestCall *call, IntakeAsk *ask, ErrInfo *info);

#endif
