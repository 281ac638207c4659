/* The FHIR routes: from a call to an answer and back; read and vread. */
#include "api/api_fhir_int.h"

#include <time.h>

/* ---- what the client sends and takes ---- */

ErrCode fhir_need_type(Str name, FhirType *ret_type, ErrInfo *info) {
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

static bool has_json(Str text) {
    return str_find(text, STR("json")) != SIZE_MAX || str_find(text, STR("*/*")) != SIZE_MAX ||
           str_find(text, STR("application/*")) != SIZE_MAX;
}

ErrCode fhir_check_accept(ApiCall *call, Str query, ErrInfo *info) {
    Str accept = http_header(call->request, "accept");
    if (str_find(query, STR("_format=")) != SIZE_MAX) {
        accept = api_query(call, "_format");
    }
    return accept.len == 0 || has_json(accept)
               ? ERR_OK
               : err_set(info, ERR_ACCEPT, "format-json",
                         "only JSON can be had: ask for application/fhir+json",
                         "chỉ trả về được JSON: hãy yêu cầu application/fhir+json");
}

ErrCode fhir_check_json_body(ApiCall *call, ErrInfo *info) {
    Str type = http_header(call->request, "content-type");
    Str media;
    (void)str_cut(&type, ';', &media);
    media = str_trim(media);
    return str_eq_nocase(media, STR("application/fhir+json")) ||
                   str_eq_nocase(media, STR("application/json"))
               ? ERR_OK
               : err_set(info, ERR_MEDIA, "body-json",
                         "send the body as Content-Type: application/fhir+json",
                         "hãy gửi nội dung với Content-Type: application/fhir+json");
}

uint32_t fhir_etag_version(Str etag) {
    uint64_t n = 0;
    etag = str_trim(etag);
    if (str_starts(etag, STR("W/"))) {
        etag = str_sub(etag, 2, etag.len);
    }
    if (etag.len < 3 || etag.ptr[0] != '"' || etag.ptr[etag.len - 1] != '"' ||
        str_to_u64(str_sub(etag, 1, etag.len - 2), &n) != ERR_OK || n > UINT32_MAX) {
        return 0;
    }
    return (uint32_t)n;
}

/* ---- sending ---- */

static Str http_date(Arena *arena, TimeMs time) {
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(time / 1000);
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_str(arena, (Str){text, n});
}

static void make_pretty(ApiCall *call, FhirAnswer *answer) {
    const JsonNode *root = NULL;
    Buf pretty;
    buf_init(&pretty, LIMIT_REQUEST_BYTES);
    if (json_parse(call->arena, buf_str(&answer->body), &root, NULL) == ERR_OK) {
        json_print_pretty(&pretty, root);
    }
    if (root == NULL || buf_ok(&pretty) != ERR_OK) {
        buf_release(&pretty);
        return;
    }
    /* The tape points into the old text: it goes last. */
    buf_release(&answer->body);
    answer->body = pretty;
}

void fhir_send(ApiCall *call, FhirAnswer *answer) {
    Str headers[8] = {STR("Cache-Control"), STR("no-store")};
    size_t n = 2;
    if (buf_ok(&answer->body) != ERR_OK) {
        ErrCode err = answer->body.err;
        buf_release(&answer->body);
        api_reply_err(call, err, NULL);
        return;
    }
    if (answer->pretty && answer->body.len > 0) {
        make_pretty(call, answer);
    }
    if (answer->version != 0) {
        headers[n++] = STR("ETag");
        headers[n++] = arena_printf(call->arena, "W/\"%u\"", answer->version);
        headers[n++] = STR("Last-Modified");
        headers[n++] = http_date(call->arena, answer->time);
    }
    if (answer->location.len > 0) {
        headers[n++] = STR("Location");
        headers[n++] = answer->location;
    }
    Buf body = answer->body;
    answer->body = (Buf){0};
    http_reply(call->request,
               &(HttpReply){
                   .status = answer->status,
                   .type = body.len == 0 ? STR_EMPTY : STR("application/fhir+json; charset=utf-8"),
                   .body = buf_str(&body),
                   .body_owned = body.ptr != NULL,
                   .headers = headers,
                   .n_headers = n / 2,
               });
}

/* ---- reading ---- */

/* The client holds this version already: 304. */
static bool is_known(const FhirGet *get, const StoreVersion *v) {
    Str list = http_header(get->call->request, "if-none-match");
    Str tag;
    while (str_cut(&list, ',', &tag)) {
        if (fhir_etag_version(tag) == v->version || str_eq(str_trim(tag), STR("*"))) {
            return true;
        }
    }
    return false;
}

static ErrCode answer_version(const FhirGet *get, const StoreVersion *v, FhirAnswer *ret,
                              ErrInfo *info) {
    FhirPrintOptions print;
    TRY(fhir_print_params(get, &print, info));
    ret->version = v->version;
    ret->time = v->time;
    ret->pretty = print.pretty;
    if (is_known(get, v)) {
        ret->status = 304;
        return ERR_OK;
    }
    ret->status = 200;
    return fhir_put_resource(&ret->body, get->call->arena, v, &print);
}

/* 404 and 410 name what was asked for. */
static ErrCode absent(const FhirGet *get, ErrCode err, ErrInfo *info) {
    if (err == ERR_GONE) {
        return err_set(info, err, "resource-deleted", "%s/" STR_FMT " was deleted",
                       "%s/" STR_FMT " đã bị xoá", fhir_type_name(get->type), STR_ARG(get->id));
    }
    return err != ERR_NOT_FOUND
               ? err
               : err_set(info, err, "resource-unknown", "there is no %s/" STR_FMT,
                         "không có %s/" STR_FMT, fhir_type_name(get->type), STR_ARG(get->id));
}

ErrCode fhir_read(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {
    StoreVersion v;
    ErrCode err = store_get(get->call->api->store, get->call->arena, get->type, get->id, &v);
    return err == ERR_OK ? answer_version(get, &v, ret, info) : absent(get, err, info);
}

ErrCode fhir_vread(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {
    StoreVersion v;
    uint64_t n = 0;
    if (str_to_u64(get->version, &n) != ERR_OK || n == 0 || n > UINT32_MAX) {
        return absent(get, ERR_NOT_FOUND, info);
    }
    ErrCode err = store_get_version(get->call->api->store, get->call->arena, get->type, get->id,
                                    (uint32_t)n, &v);
    return err == ERR_OK ? answer_version(get, &v, ret, info) : absent(get, err, info);
}

/* ---- routes ---- */

static void answer_get(ApiCall *call, FhirGet *get, FhirGetFn fn) {
    ErrInfo info = {0};
    FhirAnswer answer = {0};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = fhir_check_accept(call, get->query, &info);
    if (err == ERR_OK) {
        err = fn(get, &answer, &info);
    }
    if (err != ERR_OK) {
        buf_release(&answer.body);
        api_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    fhir_send(call, &answer);
}

/* parts: fhir, [Type, [id, [_history, [version]]]] */
static void run_typed(ApiCall *call, FhirGetFn fn) {
    ErrInfo info = {0};
    FhirGet get = {.call = call,
                   .id = call->n_parts > 2 && call->parts[2].ptr[0] != '_' ? call->parts[2]
                                                                           : STR_EMPTY,
                   .version = call->n_parts > 4 ? call->parts[4] : STR_EMPTY,
                   .query = http_query(call->request)};
    ErrCode err = fhir_need_type(call->parts[1], &get.type, &info);
    if (err != ERR_OK) {
        api_reply_err(call, err, &info);
        return;
    }
    answer_get(call, &get, fn);
}

static void get_read(ApiCall *call) {
    run_typed(call, fhir_read);
}

static void get_vread(ApiCall *call) {
    run_typed(call, fhir_vread);
}

static void get_search(ApiCall *call) {
    run_typed(call, fhir_search);
}

ROUTES(api_fhir_routes,
       {"GET", "/fhir/:type/:id/_history/:version", get_vread, false, "one version"},
       {"GET", "/fhir/:type/:id", get_read, false, "the current version"},
       {"GET", "/fhir/:type", get_search, false, "search"},
       {"POST", "/fhir/:type", fhir_post, false, "create; If-None-Exist"},
       {"PUT", "/fhir/:type/:id", fhir_put, false, "update, or create under this id; If-Match"},
       {"PUT", "/fhir/:type", fhir_put_conditional, false, "update what the query finds"},
       {"DELETE", "/fhir/:type/:id", fhir_delete, false, "delete; If-Match"},
       {"DELETE", "/fhir/:type", fhir_delete_conditional, false, "delete what the query finds"});
