/* $viewdefinition-run: rows while the client takes them. A slice of the snapshot's records is read
 * on a job thread whenever the client has taken what was there. */
#include "rest/rest_operation.h"
#include "rest/rest_view.h"
#include "core/log.h"

enum { SLICE_RECORDS = 8, SLICE_BYTES = 128 * 1024, SLICE_MS = 25 };
#define RUN_ARENA_BYTES (256 * LIMIT_MIB)
#define PENDING_BYTES (64 * LIMIT_MIB)

typedef struct Run { /* lives in its own arena until the answer is through */
    Rest *rest;
    Arena *arena;
    Arena *scratch; /* of one resource */
    const SqlView *view;
    FlowFormat format;
    bool header;
    bool limited;
    uint64_t left; /* rows, when limited */
    FlowRange range;
    uint64_t at; /* records that were read */
    const BulkParams *params;
    bool inline_resources; /* those of the parameters, not the store's */
    Buf pending;
    size_t taken; /* of pending */
    bool began, done;
    ErrCode err;
    ErrInfo info;
} Run;

/* ---- rows ---- */

static ErrCode put_row(void *ctx, const SqlCell *cells) {
    Run *r = ctx;
    if (r->limited && r->left == 0) {
        return ERR_OK;
    }
    r->left -= r->limited;
    size_t at = r->pending.len;
    TRY(flow_put_row(&r->pending, r->scratch, r->view, r->format, cells));
    if (r->format == FLOW_JSON && !r->began) { /* "[" and no comma before the first */
        r->pending.ptr[at] = '[';
    }
    r->began = true;
    return ERR_OK;
}

static ErrCode put_resource(Run *r, const JsonNode *root) {
    return sqlview_rows(r->scratch, r->view, root, &(SqlSink){put_row, r}, &r->info);
}

static bool want_version(void *ctx, const StoreVersion *v) {
    const Run *r = ctx;
    return v->type == sqlview_resource(r->view) && flow_range_has(&r->range, v);
}

static ErrCode put_version(void *ctx, const StoreVersion *v) {
    Run *r = ctx;
    const JsonNode *root = NULL;
    arena_reset(r->scratch);
    TRY(json_parse(r->scratch, v->json, &root, NULL));
    return put_resource(r, root);
}

/* ---- slices ---- */

static ErrCode put_inline(Run *r) {
    Str type = str_from(fhir_type_name(sqlview_resource(r->view)));
    for (size_t i = 0; i < r->params->n; i++) {
        const BulkParam *p = &r->params->list[i];
        arena_reset(r->scratch);
        if (str_eq(p->name, STR("resource")) &&
            json_str_is(json_get_lit(p->node, "resourceType"), type)) {
            TRY(put_resource(r, p->node));
        }
    }
    r->at = r->range.n;
    return ERR_OK;
}

static ErrCode read_slice(Run *r) {
    int64_t until = clock_monotonic_ns(clock_real()) + SLICE_MS * INT64_C(1000000);
    if (r->inline_resources) {
        return put_inline(r);
    }
    while (r->at < r->range.n && r->pending.len < SLICE_BYTES && !(r->limited && r->left == 0) &&
           clock_monotonic_ns(clock_real()) < until) {
        uint64_t n = MIN((uint64_t)SLICE_RECORDS, r->range.n - r->at);
        TRY(flow_range_scan(&r->range, r->at, n,
                            &(StoreScan){.want = want_version, .each = put_version, .ctx = r}));
        r->at += n;
    }
    return ERR_OK;
}

static void run_fill(void *ctx) {
    Run *r = ctx;
    buf_clear(&r->pending);
    r->taken = 0;
    if (r->at == 0 && r->format == FLOW_CSV && r->header) {
        sqlview_put_csv_head(&r->pending, r->view);
        r->header = false;
    }
    r->err = read_slice(r);
    r->done = r->at >= r->range.n || (r->limited && r->left == 0);
    if (r->done && r->format == FLOW_JSON) {
        buf_put_str(&r->pending, r->began ? STR("]\n") : STR("[]\n"));
    }
    r->err = r->err == ERR_OK ? buf_ok(&r->pending) : r->err;
}

static ssize_t run_read(void *ctx, char *out, size_t max) {
    Run *r = ctx;
    if (r->err != ERR_OK) {
        log_warn("view_run_cut", "err", err_name(r->err));
        return HTTP_SOURCE_FAILED;
    }
    size_t n = MIN(max, r->pending.len - r->taken);
    memcpy(out, r->pending.ptr == NULL ? "" : r->pending.ptr + r->taken, n);
    r->taken += n;
    return n > 0 ? (ssize_t)n : r->done ? HTTP_SOURCE_END : 0;
}

static bool run_post(void *ctx, void (*fn)(void *arg), void *arg) {
    return rest_post_job(((Run *)ctx)->rest, fn, arg);
}

static void run_release(void *ctx) {
    Run *r = ctx;
    buf_release(&r->pending);
    arena_free(r->scratch);
    arena_free(r->arena);
}

/* ---- the question ---- */

static ErrCode read_limit(Run *r, ErrInfo *info) {
    const BulkParam *p = bulk_find(r->params, "_limit");
    if (p == NULL) {
        return ERR_OK;
    }
    r->limited = true;
    return str_to_u64(p->value, &r->left) == ERR_OK && r->left > 0
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "_limit must be a whole number from 1",
                         "_limit phải là số nguyên từ 1");
}

static ErrCode read_question(RestCall *call, Run *r, ErrInfo *info) {
    static const char *const names[] = {"_format",  "header", "_limit",        "patient",
                                        "group",    "_since", "viewReference", "viewResource",
                                        "resource", NULL};
    BulkParams *params = arena_new_array(r->arena, BulkParams, 1);
    const JsonNode *root = NULL;
    FlowWhich which = {0};
    if (params == NULL) {
        return ERR_NOMEM;
    }
    TRY(bulk_params(call, r->arena, params, info));
    TRY(bulk_only(call, params, names, info));
    r->params = params;
    r->inline_resources = bulk_find(params, "resource") != NULL;
    TRY(view_format(call, params, &r->format, info));
    TRY(view_header(params, &r->header, info));
    TRY(read_limit(r, info));
    TRY(view_of(call, params, r->arena, &root, info));
    TRY(sqlview_compile(r->arena, root, &r->view, info));
    TRY(view_which(call, params, r->arena, &which, info));
    TRY(flow_range_make(call->rest->store, &which, r->arena, &r->range));
    r->range.n = r->inline_resources ? 1 : r->range.n;
    return arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
}

static Run *run_new(RestCall *call) {
    Arena *arena = arena_new(RUN_ARENA_BYTES);
    Run *r = arena == NULL ? NULL : arena_calloc(arena, 1, sizeof(*r));
    if (r == NULL) {
        arena_free(arena);
        return NULL;
    }
    r->rest = call->rest;
    r->arena = arena;
    r->scratch = arena_new(RUN_ARENA_BYTES);
    buf_init(&r->pending, PENDING_BYTES);
    if (r->scratch == NULL) {
        arena_free(arena);
        return NULL;
    }
    return r;
}

/* The first slice is read before the status is sent: what is wrong with the view is mostly found
 * there. */
static void run_view(RestCall *call) {
    ErrInfo info = {0};
    Run *r = run_new(call);
    if (r == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    ErrCode err = read_question(call, r, &info);
    if (err == ERR_OK) {
        run_fill(r);
        err = r->err;
        info = err == ERR_OK ? info : r->info;
    }
    if (err != ERR_OK) {
        run_release(r);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    Str headers[] = {STR("Cache-Control"), STR("no-store"), STR("X-Content-Type-Options"),
                     STR("nosniff")};
    http_reply_source(
        call->request,
        &(HttpReply){
            .status = 200, .type = view_media_type(r->format), .headers = headers, .n_headers = 2},
        &(HttpSource){.read = run_read,
                      .fill = run_fill,
                      .post = run_post,
                      .release = run_release,
                      .ctx = r});
}

static const RestOpParam params[] = {
    {REST_IN, "_format", "code", 0, "1", "csv, ndjson or json"},
    {REST_IN, "header", "boolean", 0, "1", "false: no line of names in CSV"},
    {REST_IN, "_limit", "integer", 0, "1", "rows at most"},
    {REST_IN, "viewReference", "Reference", 0, "1", "ViewDefinition/ID of this server"},
    {REST_IN, "viewResource", "Resource", 0, "1", "the ViewDefinition itself"},
    {REST_IN, "patient", "Reference", 0, "*", "only the records of these patients"},
    {REST_IN, "group", "Reference", 0, "*", "only the records of these groups' patients"},
    {REST_IN, "_since", "instant", 0, "1", "only what changed at or after this time"},
    {REST_IN, "resource", "Resource", 0, "*", "rows of these resources, not of the store's"},
    {REST_OUT, "return", "Binary", 1, "1", "the rows"},
};
#define SQL_BASE "http://sql-on-fhir.org/OperationDefinition/$viewdefinition-run"
OPERATIONS(
    rest_view_operations,
    {.on = "ViewDefinition", .name = "viewdefinition-run", .base = SQL_BASE, REST_PARAMS(params)},
    {.on = "ViewDefinition", .name = "run", .base = SQL_BASE, REST_PARAMS(params)});

ROUTES(rest_view_run_routes,
       {"GET", "/fhir/ViewDefinition/:id/$viewdefinition-run", run_view, true,
        "viewdefinition-run: the rows of a view"},
       {"POST", "/fhir/ViewDefinition/:id/$viewdefinition-run", run_view, true,
        "viewdefinition-run: with Parameters as body"},
       {"POST", "/fhir/ViewDefinition/$viewdefinition-run", run_view, true,
        "viewdefinition-run: of a view in the Parameters"},
       {"GET", "/fhir/ViewDefinition/:id/$run", run_view, true, "run: the rows of a view"},
       {"POST", "/fhir/ViewDefinition/:id/$run", run_view, true, "run: with Parameters as body"},
       {"POST", "/fhir/ViewDefinition/$run", run_view, true, "run: of a view in the Parameters"});
