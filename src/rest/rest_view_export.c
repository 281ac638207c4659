/* $viewdefinition-export: the rows of a view as files, behind the answer. */
#include "rest/rest_operation.h"
#include "rest/rest_view.h"

#define EXPORT_ARENA_BYTES (256 * LIMIT_MIB)

typedef struct RowsAsk { /* lives in its own arena until the job is over */
    Rest *rest;
    Arena *arena;
    FlowRows what;
} RowsAsk;

static ErrCode put_manifest(const RowsAsk *ask, AsyncJob *job, const FlowRowsDone *done, Buf *out) {
    static const char *const formats[] = {
        [FLOW_CSV] = "csv", [FLOW_NDJSON] = "ndjson", [FLOW_JSON] = "json"};
    JsonWriter w = json_writer(out);
    TimeMs time = 0;
    TRY(bulk_snapshot_time(ask->rest, job, done->snapshot, &time));
    bulk_open_manifest(&w, job, time);
    json_name(&w, "output");
    json_open_array(&w);
    for (size_t i = 0; i < done->n; i++) {
        json_open_object(&w);
        json_member(&w, "name", str_from(ask->what.name));
        json_member(&w, "format", str_from(formats[ask->what.format]));
        bulk_put_file(&w, job, &done->list[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_name(&w, "error");
    json_put_raw(&w, STR("[]"));
    json_close_object(&w);
    return buf_ok(out);
}

static ErrCode run_rows(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info) {
    RowsAsk *ask = ctx;
    FlowRowsDone done;
    ask->what.dir = async_dir(job);
    ask->what.progress = async_progress(job);
    TRY(flow_rows(&ask->what, &done, info));
    ErrCode err = put_manifest(ask, job, &done, out);
    flow_files_free(done.files);
    return err;
}

static void release_rows(void *ctx) {
    RowsAsk *ask = ctx;
    arena_free(ask->arena);
}

/* A view's name may be any text: files are named by what is plain of it. */
static const char *file_name(Arena *arena, Str name) {
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
    return n == 0 ? "view" : arena_str(arena, (Str){plain, n}).ptr;
}

static ErrCode read_question(RestCall *call, RowsAsk *ask, ErrInfo *info) {
    static const char *const names[] = {"_format", "header",        "patient",      "group",
                                        "_since",  "viewReference", "viewResource", NULL};
    BulkParams params;
    const JsonNode *root = NULL;
    TRY(bulk_params(call, ask->arena, &params, info));
    TRY(bulk_only(call, &params, names, info));
    TRY(view_format(call, &params, &ask->what.format, info));
    TRY(view_header(&params, &ask->what.header, info));
    TRY(view_of(call, &params, ask->arena, &root, info));
    TRY(sqlview_compile(ask->arena, root, &ask->what.view, info));
    TRY(view_which(call, &params, ask->arena, &ask->what.which, info));
    ask->what.name = file_name(ask->arena, sqlview_name(ask->what.view));
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
        ask->what.store = call->rest->store;
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
