/* ViewDefinitions as resources: create, update, read, delete, list. */
#include "api/api_view_int.h"

#include "core/base64.h"

#define VIEW_BYTES LIMIT_MIB

/* ---- from and to the Library ---- */

static void put_definition(JsonWriter *w, const JsonNode *root) {
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        Str name = json_raw_str(m);
        if (!str_eq(name, STR("resourceType")) && !str_eq(name, STR("id")) &&
            !str_eq(name, STR("meta"))) {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
}

static Str text_member(Arena *arena, const JsonNode *root, const char *name) {
    return json_str(arena, json_get(root, str_from(name)));
}

/* What searches look for stands in the Library itself, the whole in its content. */
static ErrCode print_library(Arena *arena, const JsonNode *root, Str id, Str *ret_text) {
    static const char *const names[] = {"url", "version", "name", "title", "description"};
    CLEANUP_BUF Buf whole;
    CLEANUP_BUF Buf data;
    CLEANUP_BUF Buf out;
    buf_init(&whole, VIEW_BYTES);
    buf_init(&data, 2 * VIEW_BYTES);
    buf_init(&out, 4 * VIEW_BYTES);
    JsonWriter w = json_writer(&whole);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("ViewDefinition"));
    put_definition(&w, root);
    json_close_object(&w);
    TRY(buf_ok(&whole));
    base64_encode(&data, buf_str(&whole));
    w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Library"));
    json_member_str(&w, STR("id"), id);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_member_str(&w, str_from(names[i]), text_member(arena, root, names[i]));
    }
    Str status = text_member(arena, root, "status");
    json_member(&w, "status", status.len > 0 ? status : STR("unknown"));
    json_name(&w, "type");
    json_put_raw(&w, STR("{\"coding\":[{\"system\":\"" VIEW_TYPE_SYSTEM
                         "\",\"code\":\"" VIEW_TYPE_CODE "\"}]}"));
    json_name(&w, "content");
    json_open_array(&w);
    json_open_object(&w);
    json_member(&w, "contentType", STR("application/fhir+json"));
    json_member(&w, "data", buf_str(&data));
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_text = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* ERR_NOT_FOUND when the Library is no view. */
static ErrCode from_library(Arena *arena, const StoreVersion *v, StoredView *ret) {
    const JsonNode *library = NULL;
    CLEANUP_BUF Buf text;
    buf_init(&text, VIEW_BYTES);
    TRY(json_parse(arena, v->json, &library, NULL));
    const JsonNode *coding = json_path(library, "type.coding");
    const JsonNode *first = json_is(coding, JSON_ARRAY) ? json_first(coding) : NULL;
    if (!json_str_is(json_get_lit(first, "system"), STR(VIEW_TYPE_SYSTEM)) ||
        !json_str_is(json_get_lit(first, "code"), STR(VIEW_TYPE_CODE)) ||
        base64_decode(&text, json_str(arena, json_path(library, "content.data"))) != ERR_OK) {
        return ERR_NOT_FOUND;
    }
    *ret = (StoredView){.id = v->id, .version = v->version, .time = v->time};
    return json_parse(arena, arena_str(arena, buf_str(&text)), &ret->root, NULL);
}

static ErrCode unknown_view(Str id, ErrCode err, ErrInfo *info) {
    return err == ERR_GONE
               ? err_set(info, err, "resource-deleted", "ViewDefinition/" STR_FMT " was deleted",
                         "ViewDefinition/" STR_FMT " đã bị xoá", STR_ARG(id))
           : err != ERR_NOT_FOUND
               ? err
               : err_set(info, err, "resource-unknown", "there is no ViewDefinition/" STR_FMT,
                         "không có ViewDefinition/" STR_FMT, STR_ARG(id));
}

ErrCode view_load(ApiCall *call, Arena *arena, Str id, StoredView *ret, ErrInfo *info) {
    StoreVersion v;
    ErrCode err = store_get(call->api->store, arena, FHIR_T_LIBRARY, id, &v);
    err = err == ERR_OK ? from_library(arena, &v, ret) : err;
    return err == ERR_OK ? ERR_OK : unknown_view(id, err, info);
}

static void put_view(Buf *out, const StoredView *view) {
    JsonWriter w = json_writer(out);
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("ViewDefinition"));
    json_member(&w, "id", view->id);
    json_name(&w, "meta");
    json_open_object(&w);
    buf_put_u64(&text, view->version);
    json_member(&w, "versionId", buf_str(&text));
    buf_clear(&text);
    time_put_instant(&text, view->time);
    json_member(&w, "lastUpdated", buf_str(&text));
    json_close_object(&w);
    put_definition(&w, view->root);
    json_close_object(&w);
}

/* ---- writing ---- */

typedef struct ViewWrite {
    const JsonNode *root;
    bool is_delete;
} ViewWrite;

static void reply_written(FhirWrite *w) {
    const IntakeAnswer *a = intake_tx_answer(w->tx, 0);
    const ViewWrite *write = w->ctx;
    ApiCall *call = w->call;
    FhirAnswer answer = {.status = a->status, .version = a->version, .time = a->time};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    if (!write->is_delete) {
        answer.location = arena_printf(call->arena, STR_FMT "/ViewDefinition/" STR_FMT,
                                       STR_ARG(call->api->base_url), STR_ARG(a->id));
        put_view(&answer.body, &(StoredView){a->id, a->version, a->time, write->root});
    }
    fhir_send(call, &answer);
}

static ErrCode read_definition(ApiCall *call, const JsonNode **ret_root, ErrInfo *info) {
    const SqlView *view = NULL;
    const JsonNode *root = NULL;
    TRY(fhir_check_json_body(call, info));
    Str body = http_body(call->request);
    if (body.len > VIEW_BYTES) {
        return err_set(info, ERR_LIMIT, "view-size", "a ViewDefinition has at most 1 MiB",
                       "một ViewDefinition có tối đa 1 MiB");
    }
    TRY(json_parse(call->arena, body, &root, info));
    if (!json_str_is(json_get_lit(root, "resourceType"), STR("ViewDefinition"))) {
        return err_set(info, ERR_PARAM, "type-mismatch", "the body is no ViewDefinition",
                       "nội dung không phải là ViewDefinition");
    }
    TRY(sqlview_compile(call->arena, root, &view, info));
    *ret_root = root;
    return ERR_OK;
}

static ErrCode begin_write(ApiCall *call, IntakeAsk *ask, FhirWrite **ret, ErrInfo *info) {
    ViewWrite *write = arena_new_array(call->arena, ViewWrite, 1);
    Str text = STR_EMPTY;
    if (write == NULL) {
        return ERR_NOMEM;
    }
    write->is_delete = ask->verb == INTAKE_DELETE;
    if (!write->is_delete) {
        TRY(read_definition(call, &write->root, info));
        TRY(print_library(call->arena, write->root, ask->id, &text));
        TRY(json_parse(call->arena, text, &ask->root, info));
    }
    TRY(fhir_write_new(call, ret));
    (*ret)->reply = reply_written;
    (*ret)->ctx = write;
    TRY(intake_tx_add((*ret)->tx, ask));
    return intake_tx_prepare((*ret)->tx, info);
}

static void write_view(ApiCall *call, IntakeVerb verb) {
    ErrInfo info = {0};
    FhirWrite *w = NULL;
    IntakeAsk ask = {.verb = verb,
                     .type = FHIR_T_LIBRARY,
                     .id = call->n_parts > 2 ? call->parts[2] : STR_EMPTY,
                     .condition = STR_EMPTY,
                     .full_url = STR_EMPTY,
                     .url = STR_EMPTY,
                     .if_none_match = STR_EMPTY,
                     .if_match = fhir_etag_version(http_header(call->request, "if-match"))};
    StoredView old;
    ErrCode err = verb == INTAKE_DELETE ? view_load(call, call->arena, ask.id, &old, &info)
                                        : ERR_OK; /* no other Library is deleted here */
    err = err == ERR_OK ? begin_write(call, &ask, &w, &info) : err;
    if (err != ERR_OK) {
        api_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    fhir_write_start(w);
}

static void post_view(ApiCall *call) {
    write_view(call, INTAKE_CREATE);
}

static void put_one(ApiCall *call) {
    write_view(call, INTAKE_UPDATE);
}

static void delete_view(ApiCall *call) {
    write_view(call, INTAKE_DELETE);
}

/* ---- reading ---- */

static void get_view(ApiCall *call) {
    ErrInfo info = {0};
    StoredView view;
    ErrCode err = view_load(call, call->arena, call->parts[2], &view, &info);
    if (err != ERR_OK) {
        api_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    FhirAnswer answer = {.status = 200, .version = view.version, .time = view.time};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    put_view(&answer.body, &view);
    fhir_send(call, &answer);
}

/* The parameters that a Library has, too; all matches in one page. */
static ErrCode search_views(ApiCall *call, FhirAnswer *answer, ErrInfo *info) {
    static const char *const known[] = {"_id",    "_lastUpdated", "url",     "name",
                                        "status", "title",        "version", NULL};
    Api *api = call->api;
    BulkParams given;
    FhirQuery q;
    StorePage page = {0};
    TRY(bulk_params(call, call->arena, &given, info));
    TRY(bulk_only(call, &given, known, info));
    Str query =
        arena_printf(call->arena, "type=" VIEW_TYPE_SYSTEM "%%7C" VIEW_TYPE_CODE "&" STR_FMT,
                     STR_ARG(http_query(call->request)));
    FhirQueryScope scope = {.type = FHIR_T_LIBRARY,
                            .base_url = api->base_url,
                            .now = clock_now_ms(api->clock),
                            .info = info};
    TRY(fhir_query_parse(call->arena, &scope, query, &q));
    TRY(store_search(api->store, call->arena,
                     &(StoreSearch){.query = &q, .count = LIMIT_PAGE_COUNT, .want_total = true},
                     &page, info));
    FhirBundle b = {.out = &answer->body, .api = api, .arena = call->arena};
    fhir_bundle_open(
        &b, &(FhirBundleHead){.type = "searchset", .has_total = true, .total = page.total});
    for (size_t i = 0; i < page.n_matches; i++) {
        StoredView view;
        CLEANUP_BUF Buf text;
        buf_init(&text, 2 * VIEW_BYTES);
        TRY(from_library(call->arena, &page.matches[i], &view));
        put_view(&text, &view);
        fhir_bundle_open_entry(&b);
        json_name(&b.w, "resource");
        json_put_raw(&b.w, buf_str(&text));
        json_close_object(&b.w);
    }
    fhir_bundle_close(&b);
    return buf_ok(&answer->body);
}

static void get_views(ApiCall *call) {
    ErrInfo info = {0};
    FhirAnswer answer = {.status = 200};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = search_views(call, &answer, &info);
    if (err != ERR_OK) {
        buf_release(&answer.body);
        api_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    fhir_send(call, &answer);
}

ROUTES(api_view_routes,
       {"GET", "/fhir/ViewDefinition", get_views, false, "views: stored ViewDefinitions"},
       {"POST", "/fhir/ViewDefinition", post_view, false, "views: store one (as a Library)"},
       {"GET", "/fhir/ViewDefinition/:id", get_view, false, "views: one"},
       {"PUT", "/fhir/ViewDefinition/:id", put_one, false, "views: store one under this id"},
       {"DELETE", "/fhir/ViewDefinition/:id", delete_view, false, "views: remove one"});
