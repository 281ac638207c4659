/* ViewDefinitions as resources: create, update, read, delete, list. */
#include "rest/rest_view.h"
#include "flow/flow_table.h"

static ErrCode unknown_view(Str id, ErrCode err, ErrInfo *info) {
    return err == ERR_GONE
               ? err_set(info, err, "resource-deleted", "ViewDefinition/" STR_FMT " was deleted",
                         "ViewDefinition/" STR_FMT " đã bị xoá", STR_ARG(id))
           : err != ERR_NOT_FOUND
               ? err
               : err_set(info, err, "resource-unknown", "there is no ViewDefinition/" STR_FMT,
                         "không có ViewDefinition/" STR_FMT, STR_ARG(id));
}

ErrCode view_load(RestCall *call, Arena *arena, Str id, FlowView *ret, ErrInfo *info) {
    StoreVersion v;
    ErrCode err = store_get(call->rest->store, arena, FHIR_T_LIBRARY, id, &v);
    err = err == ERR_OK ? flow_view_parse(arena, &v, ret) : err;
    return err == ERR_OK ? ERR_OK : unknown_view(id, err, info);
}

static void put_view(Buf *out, const FlowView *view) {
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
    flow_view_put_members(&w, view->root);
    json_close_object(&w);
}

/* ---- writing ---- */

typedef struct ViewWrite {
    FlowView view; /* as it will be */
    bool is_delete;
} ViewWrite;

static void reply_written(RestWrite *w) {
    const IntakeAnswer *a = intake_tx_answer(w->tx, 0);
    const ViewWrite *write = w->ctx;
    RestCall *call = w->call;
    RestAnswer answer = {.status = a->status, .version = a->version, .time = a->time};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    if (!write->is_delete) {
        answer.location = arena_printf(call->arena, STR_FMT "/ViewDefinition/" STR_FMT,
                                       STR_ARG(call->rest->base_url), STR_ARG(a->id));
        put_view(&answer.body, &(FlowView){.id = a->id,
                                           .version = a->version,
                                           .time = a->time,
                                           .root = write->view.root});
    }
    flow_tables_refresh(call->rest->tables);
    rest_send(call, &answer);
}

static ErrCode read_definition(RestCall *call, const JsonNode **ret_root, ErrInfo *info) {
    const SqlView *view = NULL;
    const JsonNode *root = NULL;
    TRY(rest_check_json_body(call, info));
    Str body = http_body(call->request);
    if (body.len > FLOW_VIEW_BYTES) {
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

/* The definition comes from the body, or stays what it was when only the table is meant. */
static ErrCode new_state(RestCall *call, const IntakeAsk *ask, ViewChange change, FlowView *ret,
                         ErrInfo *info) {
    FlowView old = {0};
    ErrCode err =
        ask->id.len == 0 ? ERR_NOT_FOUND : view_load(call, call->arena, ask->id, &old, info);
    bool may_be_new = change == VIEW_PUT && (err == ERR_NOT_FOUND || err == ERR_GONE);
    if (err != ERR_OK && !may_be_new) {
        return err;
    }
    *ret = (FlowView){.id = ask->id,
                      .root = old.root,
                      .materialised =
                          change == VIEW_KEEP || (old.materialised && change != VIEW_FORGET)};
    return change == VIEW_PUT ? read_definition(call, &ret->root, info) : ERR_OK;
}

static ErrCode begin_write(RestCall *call, IntakeAsk *ask, ViewChange change, RestWrite **ret,
                           ErrInfo *info) {
    ViewWrite *write = arena_new_array(call->arena, ViewWrite, 1);
    Str text = STR_EMPTY;
    if (write == NULL) {
        return ERR_NOMEM;
    }
    TRY(new_state(call, ask, change, &write->view, info));
    write->is_delete = ask->verb == INTAKE_DELETE;
    if (!write->is_delete) {
        TRY(flow_view_print(call->arena, &write->view, &text));
        TRY(json_parse(call->arena, text, &ask->root, info));
    }
    TRY(rest_write_new(call, ret));
    (*ret)->reply = reply_written;
    (*ret)->ctx = write;
    TRY(intake_tx_add((*ret)->tx, ask));
    return intake_tx_prepare((*ret)->tx, info);
}

void view_write(RestCall *call, IntakeVerb verb, ViewChange change) {
    ErrInfo info = {0};
    RestWrite *w = NULL;
    IntakeAsk ask = {.verb = verb,
                     .type = FHIR_T_LIBRARY,
                     .id = call->n_parts > 2 ? call->parts[2] : STR_EMPTY,
                     .condition = STR_EMPTY,
                     .full_url = STR_EMPTY,
                     .url = STR_EMPTY,
                     .if_none_match = STR_EMPTY,
                     .if_match = http_header_all(call->request, "if-match")};
    ErrCode err = begin_write(call, &ask, change, &w, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_write_start(w);
}

static void post_view(RestCall *call) {
    view_write(call, INTAKE_CREATE, VIEW_PUT);
}

static void put_one(RestCall *call) {
    view_write(call, INTAKE_UPDATE, VIEW_PUT);
}

static void delete_view(RestCall *call) {
    view_write(call, INTAKE_DELETE, VIEW_FORGET);
}

/* ---- reading ---- */

static void get_view(RestCall *call) {
    ErrInfo info = {0};
    FlowView view;
    ErrCode err = view_load(call, call->arena, call->parts[2], &view, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    RestAnswer answer = {.status = 200, .version = view.version, .time = view.time};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    put_view(&answer.body, &view);
    rest_send(call, &answer);
}

/* The parameters that a Library has, too; all matches in one page. */
static ErrCode search_views(RestCall *call, RestAnswer *answer, ErrInfo *info) {
    static const char *const known[] = {"_id",    "_lastUpdated", "url",     "name",
                                        "status", "title",        "version", NULL};
    Rest *rest = call->rest;
    BulkParams given;
    FhirQuery q;
    StorePage page = {0};
    TRY(bulk_params(call, call->arena, &given, info));
    TRY(bulk_only(call, &given, known, info));
    Str query =
        arena_printf(call->arena, "type=" FLOW_VIEW_SYSTEM "%%7C" FLOW_VIEW_CODE "&" STR_FMT,
                     STR_ARG(http_query(call->request)));
    FhirQueryScope scope = {.type = FHIR_T_LIBRARY,
                            .base_url = rest->base_url,
                            .now = clock_now_ms(rest->clock),
                            .info = info};
    TRY(fhir_query_parse(call->arena, &scope, query, &q));
    TRY(store_search(rest->store, call->arena,
                     &(StoreSearch){.query = &q, .count = LIMIT_PAGE_COUNT, .want_total = true},
                     &page, info));
    RestBundle b = {.out = &answer->body, .rest = rest, .arena = call->arena};
    rest_bundle_open(
        &b, &(RestBundleHead){.type = "searchset", .has_total = true, .total = page.total});
    for (size_t i = 0; i < page.n_matches; i++) {
        FlowView view;
        CLEANUP_BUF Buf text;
        buf_init(&text, 2 * FLOW_VIEW_BYTES);
        TRY(flow_view_parse(call->arena, &page.matches[i], &view));
        put_view(&text, &view);
        rest_bundle_open_entry(&b);
        json_name(&b.w, "resource");
        json_put_raw(&b.w, buf_str(&text));
        json_close_object(&b.w);
    }
    rest_bundle_close(&b);
    return buf_ok(&answer->body);
}

static void get_views(RestCall *call) {
    ErrInfo info = {0};
    RestAnswer answer = {.status = 200};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = search_views(call, &answer, &info);
    if (err != ERR_OK) {
        buf_release(&answer.body);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_send(call, &answer);
}

ROUTES(rest_view_routes,
       {"GET", "/fhir/ViewDefinition", get_views, false, "views: stored ViewDefinitions"},
       {"POST", "/fhir/ViewDefinition", post_view, false, "views: store one (as a Library)"},
       {"GET", "/fhir/ViewDefinition/:id", get_view, false, "views: one"},
       {"PUT", "/fhir/ViewDefinition/:id", put_one, false, "views: store one under this id"},
       {"DELETE", "/fhir/ViewDefinition/:id", delete_view, false, "views: remove one"});
