/* $viewdefinition-export: the rows of a view as files, behind the answer. */
#include "rest/rest_operation.h"
#include "rest/rest_view.h"

#define EXPORT_ARENA_BYTES (256 * LIMIT_MIB)

enum { VIEWS_MAX = 16 };

typedef struct RowsAsk { /* lives in its own arena until the job is over */
    Rest *rest;
    Arena *arena;
    FlowRows what[VIEWS_MAX]; /* one a view */
    Str names[VIEWS_MAX];     /* as the manifest calls them */
    size_t n;
} RowsAsk;

static void put_output(const RowsAsk *ask, AsyncJob *job, const FlowRowsDone *done, JsonWriter *w) {
    static const char *const formats[] = {
        [FLOW_CSV] = "csv", [FLOW_NDJSON] = "ndjson", [FLOW_JSON] = "json"};
    json_name(w, "output");
    json_open_array(w);
    for (size_t v = 0; v < ask->n; v++) {
        for (size_t i = 0; i < done[v].n; i++) {
            json_open_object(w);
            json_member(w, "name", ask->names[v]);
            json_member(w, "format", str_from(formats[ask->what[v].format]));
            bulk_put_file(w, job, &done[v].list[i]);
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static ErrCode put_manifest(const RowsAsk *ask, AsyncJob *job, const FlowRowsDone *done, Buf *out) {
    JsonWriter w = json_writer(out);
    TimeMs time = 0;
    TRY(bulk_snapshot_time(ask->rest, job, done[0].snapshot, &time));
    bulk_open_manifest(&w, job, time);
    put_output(ask, job, done, &w);
    json_name(&w, "error");
    json_put_raw(&w, STR("[]"));
    json_close_object(&w);
    return buf_ok(out);
}

static ErrCode run_rows(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info) {
    RowsAsk *ask = ctx;
    FlowRowsDone done[VIEWS_MAX] = {0};
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < ask->n && err == ERR_OK; i++) {
        ask->what[i].dir = async_dir(job);
        ask->what[i].progress = async_progress(job);
        err = flow_rows(&ask->what[i], &done[i], info);
    }
    err = err == ERR_OK ? put_manifest(ask, job, done, out) : err;
    for (size_t i = 0; i < ask->n; i++) {
        flow_files_free(done[i].files);
    }
    return err;
}

static void release_rows(void *ctx) {
    RowsAsk *ask = ctx;
    arena_free(ask->arena);
}

/* A view's name may be any text: files are named by what is plain of it, each by another name. */
static const char *file_name(const RowsAsk *ask, Str name) {
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < name.len && n + 1 < sizeof(plain); i++) {
        char c = name.ptr[i];
        bool ok =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (ok) {
            plain[n++] = c;
        }
    }
    Str text = n == 0 ? STR("view") : (Str){plain, n};
    for (size_t i = 0; i < ask->n; i++) {
        if (str_eq_nocase(text, str_from(ask->what[i].name))) {
            return arena_printf(ask->arena, STR_FMT "-%zu", STR_ARG(text), ask->n + 1).ptr;
        }
    }
    return arena_str(ask->arena, text).ptr;
}

/* One view more; what all have in common stands in `common`. */
static ErrCode add_view(RestCall *call, RowsAsk *ask, const FlowRows *common,
                        const BulkParams *params, ErrInfo *info) {
    const BulkParam *name = bulk_find(params, "name");
    const JsonNode *root = NULL;
    FlowRows what = *common;
    if (ask->n == VIEWS_MAX) {
        return err_set(info, ERR_LIMIT, "view-count", "at most %d views in one export",
                       "tối đa %d khung nhìn trong một lần xuất", VIEWS_MAX);
    }
    TRY(view_of(call, params, ask->arena, &root, info));
    TRY(sqlview_compile(ask->arena, root, &what.view, info));
    what.name = file_name(ask, name != NULL ? name->value : sqlview_name(what.view));
    ask->names[ask->n] = name != NULL ? name->value : str_from(what.name);
    ask->what[ask->n++] = what;
    return ERR_OK;
}

static ErrCode read_views(RestCall *call, RowsAsk *ask, const FlowRows *common,
                          const BulkParams *params, ErrInfo *info) {
    static const char *const names[] = {"name", "viewReference", "viewResource", NULL};
    for (size_t i = 0; i < params->n; i++) {
        BulkParams parts;
        if (str_eq(params->list[i].name, STR("view"))) {
            TRY(bulk_parts(ask->arena, params->list[i].node, &parts, info));
            TRY(bulk_only(call, &parts, names, info));
            TRY(add_view(call, ask, common, &parts, info));
        }
    }
    return ask->n > 0 ? ERR_OK : add_view(call, ask, common, params, info);
}

static ErrCode read_question(RestCall *call, RowsAsk *ask, ErrInfo *info) {
    static const char *const names[] = {"_format",       "header",       "patient",
                                        "group",         "_since",       "view",
                                        "viewReference", "viewResource", NULL};
    BulkParams params;
    FlowRows common = {.store = call->rest->store};
    TRY(bulk_params(call, ask->arena, &params, info));
    TRY(bulk_only(call, &params, names, info));
    TRY(view_format(call, &params, &common.format, info));
    TRY(view_header(&params, &common.header, info));
    TRY(view_which(call, &params, ask->arena, &common.which, info));
    TRY(read_views(call, ask, &common, &params, info));
    return arena_failed(ask->arena) ? ERR_NOMEM : ERR_OK;
}

static void begin_rows(RestCall *call) {
    ErrInfo info = {0};
    Arena *arena = arena_new(EXPORT_ARENA_BYTES);
    RowsAsk *ask = arena == NULL ? NULL : arena_calloc(arena, 1, sizeof(*ask));
    ErrCode err = ask == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK) {
        ask->rest = call->rest;
        ask->arena = arena;
        err = read_question(call, ask, &info);
    }
    if (err != ERR_OK) {
        arena_free(arena);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    async_begin(
        call,
        &(AsyncWork){.kind = "view-export", .run = run_rows, .release = release_rows, .ctx = ask});
}

static const RestOpParam params[] = {
    {REST_IN, "_format", "code", 0, "1", "csv, ndjson or json"},
    {REST_IN, "header", "boolean", 0, "1", "false: no line of names in CSV"},
    {REST_IN, "view", "BackboneElement", 0, "*", "name, and viewReference or viewResource"},
    {REST_IN, "viewReference", "Reference", 0, "1", "ViewDefinition/ID of this server"},
    {REST_IN, "viewResource", "Resource", 0, "1", "the ViewDefinition itself"},
    {REST_IN, "patient", "Reference", 0, "*", "only the records of these patients"},
    {REST_IN, "group", "Reference", 0, "*", "only the records of these groups' patients"},
    {REST_IN, "_since", "instant", 0, "1", "only what changed at or after this time"},
};
OPERATIONS(rest_view_export_operations,
           {.on = "ViewDefinition",
            .name = "viewdefinition-export",
            .base = "http://sql-on-fhir.org/OperationDefinition/$viewdefinition-export",
            REST_PARAMS(params)});

ROUTES(rest_view_export_routes,
       {"GET", "/fhir/ViewDefinition/:id/$viewdefinition-export", begin_rows, false,
        "viewdefinition-export: the rows of a view as files"},
       {"POST", "/fhir/ViewDefinition/:id/$viewdefinition-export", begin_rows, false,
        "viewdefinition-export: with Parameters as body"},
       {"POST", "/fhir/ViewDefinition/$viewdefinition-export", begin_rows, false,
        "viewdefinition-export: of a view in the Parameters"});
