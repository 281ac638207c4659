/* Materialised views: keeping the rows of a view as a table, and reading it page by page. Every
 * answer says as of which record it stands and how many records the table is behind. */
#include "rest/rest_operation.h"
#include "rest/rest_view.h"
#include "flow/flow_table.h"

enum { ROWS_PAGE = 1000, ROWS_PAGE_MAX = 10000 };
#define ROWS_BYTES (256 * LIMIT_MIB)

/* ---- keeping ---- */

static void materialize(RestCall *call) {
    static const char *const names[] = {"enabled", NULL};
    BulkParams params;
    ErrInfo info = {0};
    ErrCode err = bulk_params(call, call->arena, &params, &info);
    err = err == ERR_OK ? bulk_only(call, &params, names, &info) : err;
    const BulkParam *enabled = err == ERR_OK ? bulk_find(&params, "enabled") : NULL;
    bool keep = enabled == NULL || str_eq(enabled->value, STR("true"));
    if (err == ERR_OK && !keep && !str_eq(enabled->value, STR("false"))) {
        err = err_set(&info, ERR_PARAM, "parameter-value", "enabled must be true or false",
                      "enabled phải là true hoặc false");
    }
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    view_write(call, INTAKE_UPDATE, keep ? VIEW_KEEP : VIEW_FORGET);
}

/* ---- reading ---- */

typedef struct RowsAsk {
    FlowFormat format;
    bool header;
    size_t count;
    Str page;
    RestPageToken token; /* after: the last row's resource; snapshot: its row */
} RowsAsk;

typedef struct RowsPage {
    Arena *arena;
    const SqlView *view;
    const RowsAsk *ask;
    Buf *out;
    size_t n;
    RestPageToken last;
} RowsPage;

static ErrCode put_kept(void *ctx, Slot first, uint64_t at, Str body) {
    RowsPage *p = ctx;
    if (p->n++ == p->ask->count) {
        return ERR_OK; /* it only says that there is another page */
    }
    p->last = (RestPageToken){.snapshot = at, .after = first};
    body = arena_str(p->arena, body);
    if (p->ask->format == FLOW_CSV) {
        return sqlview_kept_csv(p->out, p->arena, body);
    }
    if (p->ask->format == FLOW_JSON) {
        buf_put_str(p->out, p->n == 1 ? STR("[") : STR(",\n"));
    }
    TRY(sqlview_kept_object(p->out, p->arena, p->view, body));
    if (p->ask->format == FLOW_NDJSON) {
        buf_put_char(p->out, '\n');
    }
    return buf_ok(p->out);
}

static Str scope_of(RestCall *call) {
    return arena_printf(call->arena, "ViewDefinition/" STR_FMT "/$rows", STR_ARG(call->parts[2]));
}

static ErrCode read_ask(RestCall *call, RowsAsk *ask, ErrInfo *info) {
    static const char *const names[] = {"_format", "header", "_count", "_page", NULL};
    BulkParams params;
    uint64_t n = ROWS_PAGE;
    TRY(bulk_params(call, call->arena, &params, info));
    TRY(bulk_only(call, &params, names, info));
    TRY(view_format(call, &params, &ask->format, info));
    TRY(view_header(&params, &ask->header, info));
    const BulkParam *count = bulk_find(&params, "_count");
    const BulkParam *page = bulk_find(&params, "_page");
    if (count != NULL && (str_to_u64(count->value, &n) != ERR_OK || n == 0)) {
        return err_set(info, ERR_PARAM, "parameter-value", "_count must be a whole number from 1",
                       "_count phải là số nguyên từ 1");
    }
    ask->count = (size_t)MIN(n, (uint64_t)ROWS_PAGE_MAX);
    ask->page = page == NULL ? STR_EMPTY : page->value;
    return rest_page_parse(ask->page, scope_of(call), &ask->token, info);
}

static Str number(Arena *arena, uint64_t n) {
    return arena_printf(arena, "%llu", (unsigned long long)n);
}

static void reply_rows(RestCall *call, RowsPage *p, const TableRow *table) {
    Arena *arena = call->arena;
    RecordNo snapshot = store_snapshot(call->rest->store);
    RecordNo behind = snapshot > table->position ? snapshot - table->position : 0;
    Str headers[16] = {STR("Cache-Control"),
                       STR("no-store"),
                       STR("X-Content-Type-Options"),
                       STR("nosniff"),
                       STR("X-As-Of-Record"),
                       number(arena, table->position),
                       STR("X-Records-Behind"),
                       number(arena, behind),
                       STR("X-Rows"),
                       number(arena, table->n_rows),
                       STR("X-Resources-Without-Rows"),
                       number(arena, table->n_errors)};
    size_t n = 12;
    if (p->n > p->ask->count) {
        Str token = rest_page_print(arena, &p->last, scope_of(call));
        headers[n++] = STR("Link");
        headers[n++] =
            arena_printf(arena,
                         "<" STR_FMT "/" STR_FMT "?_format=%s&header=%s&_count=%zu&_page=" STR_FMT
                         ">; rel=\"next\"",
                         STR_ARG(call->rest->base_url), STR_ARG(scope_of(call)),
                         p->ask->format == FLOW_CSV    ? "csv"
                         : p->ask->format == FLOW_JSON ? "json"
                                                       : "ndjson",
                         p->ask->header ? "true" : "false", p->ask->count, STR_ARG(token));
    }
    Buf body = *p->out;
    *p->out = (Buf){0};
    http_reply(call->request, &(HttpReply){.status = 200,
                                           .type = view_media_type(p->ask->format),
                                           .body = buf_str(&body),
                                           .body_owned = body.ptr != NULL,
                                           .headers = headers,
                                           .n_headers = n / 2});
}

/* The view as its table was made by: a newer definition has a table of its own soon. */
static ErrCode table_view(RestCall *call, const TableRow *table, const SqlView **ret_view,
                          ErrInfo *info) {
    const JsonNode *root = NULL;
    TRY(json_parse(call->arena, table->definition, &root, info));
    return sqlview_compile(call->arena, root, ret_view, info);
}

static ErrCode read_page(RestCall *call, RowsPage *p, TableRow *table, ErrInfo *info) {
    Tables *tables = flow_tables(call->rest->tables);
    TableRead read = {.name = call->parts[2]};
    ErrCode err = tables_read(tables, call->arena, &read, table);
    if (err == ERR_NOT_FOUND) {
        return err_set(info, err, "view-table",
                       "there is no table of ViewDefinition/" STR_FMT
                       ": $viewdefinition-materialize makes one",
                       "chưa có bảng của ViewDefinition/" STR_FMT
                       ": $viewdefinition-materialize sẽ tạo bảng",
                       STR_ARG(call->parts[2]));
    }
    TRY(err);
    TRY(table_view(call, table, &p->view, info));
    if (p->ask->format == FLOW_CSV && p->ask->header) {
        sqlview_put_csv_head(p->out, p->view);
    }
    read.after_first = p->ask->token.after;
    read.after_at = p->ask->token.snapshot;
    if (p->ask->page.len == 0) {
        read.after_at = 0;
    }
    read.max = p->ask->count + 1;
    read.each = put_kept;
    read.ctx = p;
    TableRow again;
    TRY(tables_read(tables, call->arena, &read, &again));
    if (again.id != table->id) {
        return ERR_CONFLICT; /* made anew in between: columns may differ */
    }
    *table = again;
    if (p->ask->format == FLOW_JSON) {
        buf_put_str(p->out, p->n == 0 ? STR("[]\n") : STR("]\n"));
    }
    return buf_ok(p->out);
}

static void get_rows(RestCall *call) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    RowsAsk ask = {0};
    TableRow table = {0};
    RowsPage page = {.arena = call->arena, .ask = &ask, .out = &out};
    buf_init(&out, ROWS_BYTES);
    ErrCode err = read_ask(call, &ask, &info);
    err = err == ERR_OK ? read_page(call, &page, &table, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    reply_rows(call, &page, &table);
}

static const RestOpParam keep_params[] = {
    {REST_IN, "enabled", "boolean", 0, "1", "false: the rows are not kept any more"},
};
static const RestOpParam rows_params[] = {
    {REST_IN, "_format", "code", 0, "1", "csv, ndjson or json"},
    {REST_IN, "header", "boolean", 0, "1", "false: no line of names in CSV"},
    {REST_IN, "_count", "integer", 0, "1", "rows of a page"},
    {REST_OUT, "return", "Binary", 1, "1", "a page; its header Link names the next one"},
};
OPERATIONS(rest_view_table_operations,
           {.on = "ViewDefinition",
            .name = "viewdefinition-materialize",
            .affects_state = true,
            REST_PARAMS(keep_params)},
           {.on = "ViewDefinition", .name = "rows", REST_PARAMS(rows_params)});

ROUTES(rest_view_table_routes,
       {"POST", "/fhir/ViewDefinition/:id/$viewdefinition-materialize", materialize, false,
        "viewdefinition-materialize: keep the rows as a table"},
       {"GET", "/fhir/ViewDefinition/:id/$rows", get_rows, true,
        "rows: the kept rows of a view, as of the record that the answer names"});
