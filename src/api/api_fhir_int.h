/* api_fhir_int.h — what the FHIR route files share. A GET is data (FhirGet) and gives data
 * (FhirAnswer), so that the routes and the GET entries of bundles use the same functions; one place
 * sends answers (api_fhir.c), one prints Bundles (api_fhir_bundle.c). */
#ifndef NHIP_API_API_FHIR_INT_H
#define NHIP_API_API_FHIR_INT_H

#include "api/api_int.h"
#include "intake/intake_fhir.h"

typedef struct FhirGet {
    ApiCall *call;
    FhirType type; /* FHIR_T_NONE: all types */
    Str id;
    FhirType compartment; /* Patient/5/Observation: the type before, whose resource is id */
    Str version;
    Str query;                /* raw, without '?' */
    Str if_none_match;        /* ETags that the client holds */
    TimeMs if_modified_since; /* what was there then is held, too; 0: unsaid */
} FhirGet;

/* `body` belongs to whoever holds the answer (buf_release, or handed over by fhir_send). */
typedef struct FhirAnswer {
    int status;
    Buf body;
    uint32_t version; /* not 0: ETag and Last-Modified are sent */
    TimeMs time;
    Str location;
    bool pretty;
} FhirAnswer;

typedef ErrCode (*FhirGetFn)(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
/* The interactions that only read. ret->body is initialised by the caller. */
ErrCode fhir_read(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
ErrCode fhir_vread(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
ErrCode fhir_search(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
ErrCode fhir_history(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
ErrCode fhir_everything(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);
ErrCode fhir_metadata(const FhirGet *get, FhirAnswer *ret, ErrInfo *info);

/* A GET entry of a bundle: its url is relative to the base, with its query. */
ErrCode fhir_get_ask(ApiCall *call, const IntakeAsk *ask, FhirAnswer *ret, ErrInfo *info);

/* ---- api_fhir.c ---- */
/* Sends and releases. */
void fhir_send(ApiCall *call, FhirAnswer *answer);
/* "Patient" → type; ERR_NOT_FOUND with a sentence when FHIR R4 has none of that name. */
MUST_USE ErrCode fhir_need_type(Str name, FhirType *ret_type, ErrInfo *info);
/* Does the client take JSON or XML (_format in the query, else Accept)? ERR_ACCEPT otherwise. */
MUST_USE ErrCode fhir_check_accept(ApiCall *call, Str query, ErrInfo *info);
/* The same, and the answer goes out in the format that the client likes best. */
MUST_USE ErrCode fhir_take_format(ApiCall *call, Str query, ErrInfo *info);
/* The same for a request that writes, whose address may say _format and _pretty and no more. */
MUST_USE ErrCode fhir_check_write(ApiCall *call, ErrInfo *info);
/* Is the body FHIR (Content-Type)? XML is made JSON: http_body is JSON behind it. ERR_MEDIA, or
 * what is wrong with the XML. */
MUST_USE ErrCode fhir_check_json_body(ApiCall *call, ErrInfo *info);
/* Names in info what was asked for when err is ERR_NOT_FOUND or ERR_GONE; answers err. */
ErrCode fhir_absent(const FhirGet *get, ErrCode err, ErrInfo *info);
/* The version that a read or vread asks for. */
MUST_USE ErrCode fhir_get_version(const FhirGet *get, StoreVersion *ret);
/* The client holds this version already: 304. */
bool fhir_is_known(const FhirGet *get, const StoreVersion *v);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
Str fhir_http_date(Arena *arena, TimeMs time);
/* W/"3" → 3; 0 when the text is no such tag. */
uint32_t fhir_etag_version(Str etag);

/* ---- parameters that are no search (api_fhir_param.c) ---- */
typedef struct FhirParam {
    const char *name;
    Str value; /* decoded; ptr NULL when absent */
} FhirParam;
/* Fills values of the named parameters; refuses unknown and repeated ones. */
MUST_USE ErrCode fhir_params(Arena *arena, Str query, FhirParam *params, size_t n, ErrInfo *info);
/* _summary, _elements, _pretty, _format of a read. */
MUST_USE ErrCode fhir_print_params(const FhirGet *get, FhirPrintOptions *ret, ErrInfo *info);
/* Absent: *ret_count stays. */
MUST_USE ErrCode fhir_count_param(Str value, size_t *ret_count, ErrInfo *info);
/* Absent: 0, false. */
MUST_USE ErrCode fhir_since_param(Str value, TimeMs *ret_since, ErrInfo *info);
MUST_USE ErrCode fhir_pretty_param(Str value, bool *ret_pretty, ErrInfo *info);
/* The address behind the base, ending in `last`. */
Str fhir_path_of(const FhirGet *get, const char *last);
/* The given ones of params, percent-encoded, in their order. */
Str fhir_question_of(Arena *arena, const FhirParam *params, size_t n);

/* The page token: where a page begins, bound by a checksum to the question that it continues. */
typedef struct FhirPageToken {
    RecordNo snapshot;
    Slot after;
} FhirPageToken;
Str fhir_page_print(Arena *arena, const FhirPageToken *token, Str question);
/* Empty text: zeros. ERR_PARAM for a token that is not of this question. */
MUST_USE ErrCode fhir_page_parse(Str text, Str question, FhirPageToken *ret, ErrInfo *info);

/* ---- Bundles (api_fhir_bundle.c) ---- */
typedef enum FhirEntryKind {
    FHIR_ENTRY_MATCH,
    FHIR_ENTRY_INCLUDE,
    FHIR_ENTRY_HISTORY,
} FhirEntryKind;

typedef struct FhirBundle {
    Buf *out;
    Api *api;
    Arena *arena;
    JsonWriter w;
    const FhirPrintOptions *print; /* NULL: resources whole */
    bool has_entries;
} FhirBundle;
typedef struct FhirBundleHead {
    const char *type; /* "searchset" … */
    Str self, next;   /* whole URLs; empty: none */
    bool has_total;
    uint64_t total;
} FhirBundleHead;
void fhir_bundle_open(FhirBundle *b, const FhirBundleHead *head);
void fhir_bundle_put(FhirBundle *b, const StoreVersion *versions, size_t n, FhirEntryKind kind);
/* One entry by hand: its members follow, then json_close_object. */
void fhir_bundle_open_entry(FhirBundle *b);
void fhir_bundle_put_etag(FhirBundle *b, uint32_t version, TimeMs time);
/* An OperationOutcome about the answer itself: what it lacks or left out (mode outcome). */
void fhir_bundle_put_warnings(FhirBundle *b, FhirLanguage language, const ErrInfo *infos, size_t n);
/* How a search was carried out (__explain=true): an OperationOutcome, one issue a step. */
void fhir_bundle_put_plan(FhirBundle *b, const StorePlanStep *steps, size_t n);
void fhir_bundle_close(FhirBundle *b);
/* A resource by the wishes of the caller; print may be NULL. */
MUST_USE ErrCode fhir_put_resource(Buf *out, Arena *arena, const StoreVersion *v,
                                   const FhirPrintOptions *print);

/* One page of anything, links included (api_fhir_search.c). `path` stands behind the base,
 * `question` is the query without _page: both are bound into the page tokens. */
typedef struct FhirPage {
    const FhirGet *get;
    Str path, question;
    const char *type;
    FhirPageToken next; /* after = 0: this is the last page */
    bool has_total;
    uint64_t total;
    const FhirPrintOptions *print;
    FhirEntryKind kind;
    const StoreVersion *entries, *includes;
    size_t n_entries, n_includes;
    bool includes_cut;
    const StorePlanStep *plan; /* __explain=true */
    size_t n_plan;
    const Str *ignored; /* parameters that were left out because the client prefers so */
    size_t n_ignored;
} FhirPage;
MUST_USE ErrCode fhir_page_begin(const FhirPage *page, Str token, FhirPageToken *ret,
                                 ErrInfo *info);
/* Prints it as the answer's body; token is the one of this page, for the self link. */
MUST_USE ErrCode fhir_page_answer(const FhirPage *page, Str token, FhirAnswer *ret);

/* A search by url alone that found nothing stored shows what the catalogue holds under it
 * (api_term_store.c). */
MUST_USE ErrCode api_term_complete(const FhirGet *get, FhirPage *page);

/* ---- writing (api_fhir_write.c, api_fhir_batch.c) ---- */
typedef enum FhirWant {
    FHIR_WANT_UNSAID,
    FHIR_WANT_RESOURCE,
    FHIR_WANT_NOTHING,
    FHIR_WANT_OUTCOME
} FhirWant;
/* A transaction on its way; lives in the call's arena. */
typedef struct FhirWrite FhirWrite;
struct FhirWrite {
    ApiCall *call;
    IntakeTx *tx;
    FhirWant want;
    void (*reply)(FhirWrite *write); /* on a worker thread, when it is durable */
    /* Why it was not done; NULL: api_reply_err. */
    void (*refuse)(FhirWrite *write, ErrCode err, const ErrInfo *info);
    void *ctx;
};
/* Is it among the preferences of the header Prefer ("handling=lenient")? */
bool fhir_prefers(ApiCall *call, const char *preference);
FhirWant fhir_wanted(ApiCall *call); /* by the header Prefer */
/* What a condition may delete at once (setting conditional_delete_max). */
unsigned fhir_delete_max(const Api *api);
/* An OperationOutcome that says what was done. */
void fhir_put_done(Buf *out, const IntakeAnswer *answer, FhirLanguage language);
MUST_USE ErrCode fhir_write_new(ApiCall *call, FhirWrite **ret_write);
/* The transaction is filled and prepared: submits it, tries again when it must, replies. */
void fhir_write_start(FhirWrite *write);
/* One ask as a transaction of its own, answered as a create or update; `hooks`: refuse and ctx. */
void fhir_write_ask(ApiCall *call, const IntakeAsk *ask, const FhirWrite *hooks);
/* The address and If-Match of an update, by id or by condition; else replies and answers false. */
bool fhir_need_change(ApiCall *call, IntakeAsk *ret);
/* An OperationOutcome with all issues. */
void fhir_reply_issues(ApiCall *call, ErrCode err, const FhirIssues *issues);
void fhir_post(ApiCall *call);
void fhir_put(ApiCall *call);
void fhir_put_conditional(ApiCall *call);
void fhir_delete(ApiCall *call);
void fhir_delete_conditional(ApiCall *call);
void fhir_post_bundle(ApiCall *call);
/* ---- api_fhir_binary.c ---- */
/* A read of a Binary: replies with the bytes when they are wanted rather than the resource. */
bool fhir_binary_answer(const FhirGet *get);
/* A body that is not FHIR becomes a Binary (http_body); *ret_taken says so. */
MUST_USE ErrCode fhir_binary_take(ApiCall *call, const IntakeAsk *ask, bool *ret_taken,
                                  ErrInfo *info);
/* ---- api_fhir_patch.c ---- */
extern const char *const fhir_patch_formats[]; /* media types, NULL behind the last */
void fhir_patch(ApiCall *call);
/* An entry with the method PATCH: its Parameters or Binary is read. */
MUST_USE ErrCode fhir_patch_entry(ApiCall *call, IntakeAsk *ask, ErrInfo *info);

#endif
