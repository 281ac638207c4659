/* The FHIR routes: from a call to an answer and back; read and vread. */
#include "rest/rest_operation.h"
#include "rest/rest_search_param.h"
#include "rest/rest_profile.h"

#include <time.h>

/* ---- what the client sends and takes ---- */

ErrCode rest_need_type(Str name, FhirType *ret_type, ErrInfo *info) {
    FhirType type = fhir_resource_by_name(name);
    if (type == FHIR_T_NONE) {
        return err_set(info, ERR_NOT_FOUND, "type-unknown",
                       "'" STR_FMT "' is no resource type of FHIR R4",
                       "'" STR_FMT "' không phải là loại tài nguyên của FHIR R4",
                       (int)MIN(name.len, (size_t)64), name.ptr);
    }
    *ret_type = type;
    return ERR_OK;
}

ErrCode rest_check_write(RestCall *call, ErrInfo *info) {
    Str query = http_query(call->request);
    RestParam p[] = {{"_format", {0}}, {"_pretty", {0}}};
    bool pretty = false;
    TRY(rest_params(call->arena, query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[1].value, &pretty, info));
    return rest_take_format(call, query, info);
}

bool rest_prefers(RestCall *call, const char *preference) {
    Str rest = http_header_all(call->request, "prefer");
    Str one;
    while (str_cut(&rest, ',', &one)) {
        Str name;
        (void)str_cut(&one, ';', &name); /* parameters of the preference follow */
        if (str_eq_nocase(str_trim(name), str_from(preference))) {
            return true;
        }
    }
    return false;
}

/* ---- sending ---- */

Str rest_http_date(Arena *arena, TimeMs time) {
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(time / 1000);
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_str(arena, (Str){text, n});
}

void rest_send(RestCall *call, RestAnswer *answer) {
    Str headers[8] = {STR("Cache-Control"), STR("no-store")};
    size_t n = 2;
    ErrInfo info = {0};
    ErrCode err = buf_ok(&answer->body);
    err = err == ERR_OK ? rest_format(call, answer->pretty, &answer->body, &info) : err;
    if (err != ERR_OK) {
        buf_release(&answer->body);
        rest_reply_err(call, err, &info);
        return;
    }
    if (answer->version != 0) {
        headers[n++] = STR("ETag");
        headers[n++] = arena_printf(call->arena, "W/\"%u\"", answer->version);
        headers[n++] = STR("Last-Modified");
        headers[n++] = rest_http_date(call->arena, answer->time);
    }
    if (answer->etag.len > 0) {
        headers[n++] = STR("ETag");
        headers[n++] = answer->etag;
    }
    if (answer->location.len > 0) {
        headers[n++] = STR("Location");
        headers[n++] = answer->location;
    }
    Buf body = answer->body;
    answer->body = (Buf){0};
    http_reply(call->request, &(HttpReply){
                                  .status = answer->status,
                                  .type = body.len == 0 ? STR_EMPTY : rest_type_of(call),
                                  .body = buf_str(&body),
                                  .body_owned = body.ptr != NULL,
                                  .headers = headers,
                                  .n_headers = n / 2,
                              });
}

/* An HTTP date as RFC 9110 wants it sent; 0 for another text (then the header is to be ignored). */
static TimeMs parse_http_date(Str text) {
    char copy[64];
    struct tm tm = {0};
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return end == NULL || *end != '\0' ? 0 : (TimeMs)timegm(&tm) * 1000;
}

/* ---- reading ---- */

bool rest_is_known(const RestGet *get, const StoreVersion *v) {
    if (get->if_none_match.len > 0) {
        return intake_etags_name(get->if_none_match, v->version);
    }
    /* Dates have whole seconds; ETags, where given, are more exact (RFC 9110, 13.1.3). */
    return get->if_modified_since > 0 && v->time / 1000 <= get->if_modified_since / 1000;
}

static ErrCode answer_version(const RestGet *get, const StoreVersion *v, RestAnswer *ret,
                              ErrInfo *info) {
    FhirPrintOptions print;
    TRY(rest_print_params(get, &print, info));
    ret->version = v->version;
    ret->time = v->time;
    ret->pretty = print.pretty;
    if (rest_is_known(get, v)) {
        ret->status = 304;
        return ERR_OK;
    }
    ret->status = 200;
    return rest_put_resource(&ret->body, get->call->arena, v, &print);
}

ErrCode rest_absent(const RestGet *get, ErrCode err, ErrInfo *info) {
    if (err == ERR_GONE) {
        return err_set(info, err, "resource-deleted", "%s/" STR_FMT " was deleted",
                       "%s/" STR_FMT " đã bị xoá", fhir_type_name(get->type), STR_ARG(get->id));
    }
    if (err == ERR_NOT_FOUND && get->version.len > 0) {
        return err_set(info, err, "version-unknown",
                       "there is no version " STR_FMT " of %s/" STR_FMT,
                       "không có phiên bản " STR_FMT " của %s/" STR_FMT, STR_ARG(get->version),
                       fhir_type_name(get->type), STR_ARG(get->id));
    }
    return err != ERR_NOT_FOUND
               ? err
               : err_set(info, err, "resource-unknown", "there is no %s/" STR_FMT,
                         "không có %s/" STR_FMT, fhir_type_name(get->type), STR_ARG(get->id));
}

ErrCode rest_get_version(const RestGet *get, StoreVersion *ret) {
    Store *store = get->call->rest->store;
    uint64_t n = 0;
    if (get->version.len == 0) {
        return store_get(store, get->call->arena, get->type, get->id, ret);
    }
    return str_to_u64(get->version, &n) != ERR_OK || n == 0 || n > UINT32_MAX
               ? ERR_NOT_FOUND
               : store_get_version(store, get->call->arena, get->type, get->id, (uint32_t)n, ret);
}

ErrCode rest_read(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    StoreVersion v;
    ErrCode err = rest_get_version(get, &v);
    if (err == ERR_NOT_FOUND && get->type == FHIR_T_OPERATION_DEFINITION) {
        err = rest_operation_definition(get->call->rest, get->call->arena, get->id, &v);
    }
    if (err == ERR_NOT_FOUND && get->type == FHIR_T_SEARCH_PARAMETER) {
        err = rest_made_param(get->call->rest, get->id, &v);
    }
    if (err == ERR_NOT_FOUND) {
        err = rest_term_read(get->call->rest, get->call->arena, get->type, get->id, &v);
    }
    if (err == ERR_NOT_FOUND) {
        err = rest_profile_builtin(get, &v);
    }
    return err == ERR_OK ? answer_version(get, &v, ret, info) : rest_absent(get, err, info);
}

ErrCode rest_vread(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    StoreVersion v;
    ErrCode err = rest_get_version(get, &v);
    return err == ERR_OK ? answer_version(get, &v, ret, info) : rest_absent(get, err, info);
}

/* ---- routes ---- */

static void answer_get(RestGet *get, RestGetFn fn) {
    RestCall *call = get->call;
    ErrInfo info = {0};
    RestAnswer answer = {0};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = rest_take_format(call, get->query, &info);
    if (err == ERR_OK) {
        err = fn(get, &answer, &info);
    }
    if (err != ERR_OK) {
        buf_release(&answer.body);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_send(call, &answer);
}

/* Patient/5/Observation, and with a star all types of the compartment. */
static ErrCode compartment_of_parts(const Str *parts, RestGet *get, ErrInfo *info) {
    get->compartment = get->type;
    get->type = FHIR_T_NONE;
    return str_eq(parts[2], STR("*")) ? ERR_OK : rest_need_type(parts[2], &get->type, info);
}

/* parts: [Type [id [member]]] and what is asked of it: "_history", "$everything", "metadata" */
static ErrCode get_of_parts(RestCall *call, const Str *parts, size_t n, RestGet *ret,
                            ErrInfo *info) {
    *ret = (RestGet){.call = call,
                     .id = n > 1 && !rest_is_reserved(parts[1]) ? parts[1] : STR_EMPTY,
                     .version = n > 3 ? parts[3] : STR_EMPTY,
                     .query = STR_EMPTY,
                     .if_none_match = STR_EMPTY};
    if (parts[0].len == 0 || rest_is_reserved(parts[0]) || str_eq(parts[0], STR("metadata"))) {
        return ERR_OK; /* of the whole system */
    }
    TRY(rest_need_type(parts[0], &ret->type, info));
    return n > 2 && !rest_is_reserved(parts[2]) ? compartment_of_parts(parts, ret, info) : ERR_OK;
}

static void run_typed(RestCall *call, RestGetFn fn) {
    ErrInfo info = {0};
    RestGet get;
    ErrCode err = get_of_parts(call, call->parts + 1, call->n_parts - 1, &get, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    get.query = http_query(call->request);
    get.if_none_match = http_header_all(call->request, "if-none-match");
    get.if_modified_since = parse_http_date(http_header(call->request, "if-modified-since"));
    bool read = fn == rest_read || fn == rest_vread;
    if (!read || get.type != FHIR_T_BINARY || !rest_binary_answer(&get)) {
        answer_get(&get, fn);
    }
}

static void run_system(RestCall *call, RestGetFn fn) {
    RestGet get = {.call = call,
                   .id = STR_EMPTY,
                   .version = STR_EMPTY,
                   .query = http_query(call->request),
                   .if_none_match = http_header_all(call->request, "if-none-match")};
    answer_get(&get, fn);
}

static void get_read(RestCall *call) {
    run_typed(call, rest_read);
}

static void get_vread(RestCall *call) {
    run_typed(call, rest_vread);
}

static void get_search(RestCall *call) {
    run_typed(call, rest_search);
}

static void get_search_all(RestCall *call) {
    run_system(call, rest_search);
}

static void get_history(RestCall *call) {
    run_typed(call, rest_history);
}

static void get_history_all(RestCall *call) {
    run_system(call, rest_history);
}

void rest_run_operation(RestCall *call) {
    ErrInfo info = {0};
    RestGet get;
    const RestOperation *op = rest_operation_find(call->rest, call->parts + 1, call->n_parts - 1);
    ErrCode err = get_of_parts(call, call->parts + 1, call->n_parts - 1, &get, &info);
    get.query = http_query(call->request);
    if (err == ERR_OK && http_body(call->request).len > 0) {
        err = rest_operation_query(call, &get.query, &info);
    }
    if (err != ERR_OK || op == NULL) {
        rest_reply_err(call, err == ERR_OK ? ERR_INTERNAL : err, &info);
        return;
    }
    answer_get(&get, op->get);
}

static void get_metadata(RestCall *call) {
    run_system(call, rest_metadata);
}

/* The form's parameters follow those of the address. */
static void post_search(RestCall *call) {
    ErrInfo info = {0};
    RestGet get;
    Str type = http_header(call->request, "content-type");
    Str media;
    Str body = http_body(call->request);
    (void)str_cut(&type, ';', &media);
    ErrCode err = get_of_parts(call, call->parts + 1, call->n_parts - 1, &get, &info);
    if (err == ERR_OK && body.len > 0 &&
        !str_eq_nocase(str_trim(media), STR("application/x-www-form-urlencoded"))) {
        err = err_set(&info, ERR_MEDIA, "body-form",
                      "send the search as Content-Type: application/x-www-form-urlencoded",
                      "hãy gửi câu tìm kiếm với Content-Type: application/x-www-form-urlencoded");
    }
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    get.query = arena_printf(call->arena, STR_FMT "&" STR_FMT, STR_ARG(http_query(call->request)),
                             STR_ARG(body));
    answer_get(&get, rest_search);
}

static RestGetFn fn_of_parts(const Str *parts, size_t n) {
    if (n == 1) {
        return str_eq(parts[0], STR("_history"))   ? rest_history
               : str_eq(parts[0], STR("metadata")) ? rest_metadata
                                                   : rest_search;
    }
    if (n == 2) {
        return str_eq(parts[1], STR("_history")) ? rest_history : rest_read;
    }
    if (n == 3 && !rest_is_reserved(parts[2])) {
        return rest_search; /* of a compartment */
    }
    bool history = n > 2 && str_eq(parts[2], STR("_history"));
    return history && n == 3 ? rest_history : history && n == 4 ? rest_vread : NULL;
}

ErrCode rest_get_ask(RestCall *call, const IntakeAsk *ask, RestAnswer *ret, ErrInfo *info) {
    Str parts[4];
    size_t n = 0;
    Str query = ask->url;
    Str path;
    Str part;
    RestGet get;
    (void)str_cut(&query, '?', &path);
    while (n < ARRAY_LEN(parts) && str_cut(&path, '/', &part)) {
        parts[n++] = part;
    }
    bool whole = n > 0 && path.ptr == NULL;
    bool named = whole && str_starts(parts[n - 1], STR("$"));
    const RestOperation *op = named ? rest_operation_find(call->rest, parts, n) : NULL;
    RestGetFn fn = op != NULL ? op->get : whole && !named ? fn_of_parts(parts, n) : NULL;
    if (fn == NULL) {
        return err_set(info, ERR_NOT_FOUND, "bundle-url", "'" STR_FMT "' is no address of the API",
                       "'" STR_FMT "' không phải là địa chỉ của API", STR_ARG(ask->url));
    }
    TRY(get_of_parts(call, parts, n, &get, info));
    get.query = query.ptr == NULL ? STR_EMPTY : query;
    get.if_none_match = ask->if_none_match;
    get.if_modified_since = ask->if_modified_since;
    get.posted = ask->posted;
    TRY(rest_check_accept(call, get.query, info));
    if (op != NULL && ask->posted != NULL && !op->reads_posted) {
        TRY(rest_operation_query_of(call->arena, ask->posted, &get.query, info));
    }
    return fn(&get, ret, info);
}

/* `what` begins with the interaction's code: the capability statement takes it from here. */
ROUTES(rest_fhir_routes, {"", "/fhir/*", NULL, false, "nothing else"},
       {"GET", "/fhir/metadata", get_metadata, false, "capabilities: what this server can do"},
       {"GET", "/fhir/_history", get_history_all, false, "history-system: all changes"},
       {"POST", "/fhir", rest_post_bundle, false, "transaction, batch: many at once"},
       {"GET", "/fhir", get_search_all, false, "search-system: search of all types"},
       {"POST", "/fhir/_search", post_search, false, "search-system: with a form as body"},
       {"POST", "/fhir/:type/_search", post_search, false, "search-type: with a form as body"},
       {"GET", "/fhir/:type/:id/:member", get_search, false,
        "search-type: what belongs to a patient, encounter, practitioner …; * for all types"},
       {"POST", "/fhir/:type/:id/:member/_search", post_search, false,
        "search-type: the same with a form as body"},
       {"GET", "/fhir/:type/_history", get_history, false, "history-type: changes of a type"},
       {"GET", "/fhir/:type/:id/_history/:version", get_vread, false, "vread: one version"},
       {"GET", "/fhir/:type/:id/_history", get_history, false, "history-instance: all versions"},
       {"GET", "/fhir/:type/:id", get_read, false, "read: the current version"},
       {"GET", "/fhir/:type", get_search, false, "search-type: search"},
       {"POST", "/fhir/:type", rest_post, false, "create: a new resource; If-None-Exist"},
       {"PUT", "/fhir/:type/:id", rest_put, false, "update: or create under this id; If-Match"},
       {"PUT", "/fhir/:type", rest_put_conditional, false, "update: what the query finds"},
       {"PATCH", "/fhir/:type/:id", rest_patch, false, "patch: by JSON, FHIRPath or XML; If-Match"},
       {"PATCH", "/fhir/:type", rest_patch, false, "patch: what the query finds"},
       {"DELETE", "/fhir/:type/:id", rest_delete, false, "delete: If-Match"},
       {"DELETE", "/fhir/:type", rest_delete_conditional, false, "delete: what the query finds"});
