/* $import: NDJSON behind the answer. The file is the request's body, or one that was sent before
 * and is kept; nothing is fetched from anywhere else. What cannot be taken goes to the rejects work
 * list with its line and rule, and into the manifest's file of errors. The same file again changes
 * nothing, and one that was cut off goes on where it was. */
#include "rest/rest_bulk.h"
#include "rest/rest_operation.h"
#include "core/utf8.h"
#include "intake/intake_fhir.h"

enum { INPUTS_MAX = 64 };
#define IMPORT_ARENA_BYTES (1024 * LIMIT_MIB)

typedef struct Input {
    Str name, url;
    bool is_received;
    Sha256 hash;
    IntakeReport report;
} Input;

typedef struct ImportAsk { /* lives in its own arena until the job is over */
    Rest *rest;
    Arena *arena;
    RestKept body;
    Input inputs[INPUTS_MAX];
    size_t n;
} ImportAsk;

/* ---- the job ---- */

static ErrCode take_in(ImportAsk *ask, AsyncJob *job, Input *in, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(IMPORT_ARENA_BYTES);
    Mutex lock = MUTEX_INIT;
    StoreReceived received = {.bytes = ask->body.bytes};
    IntakeFeed feed = {.report = &in->report, .lock = &lock, .stop = &async_progress(job)->stop};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (in->is_received) {
        TRY(store_received_get(ask->rest->store, arena, &in->hash, &received));
    }
    in->report.arena = ask->arena;
    IntakeFile file = {.name = in->name, .bytes = received.bytes, .actor = STR("http")};
    return intake_fhir_file(ask->rest->intake, &file, &feed, info);
}

static ErrCode put_issues(const Input *in, FlowWriter *writer) {
    for (size_t i = 0; i < in->report.n_issues; i++) {
        const IntakeIssue *issue = &in->report.issues[i];
        Buf *b = flow_buf(writer, 0);
        ErrInfo info = {0};
        (void)err_set(&info, ERR_INVALID, "import", STR_FMT, STR_FMT, STR_ARG(issue->en));
        (void)snprintf(info.rule, sizeof(info.rule), STR_FMT, STR_ARG(issue->rule));
        err_where(&info,
                  STR_FMT ":%d"
                          "%s" STR_FMT,
                  STR_ARG(issue->file), issue->line, issue->field.len > 0 ? ":" : "",
                  STR_ARG(issue->field));
        fhir_print_outcome_err(b, &info, FHIR_LANG_EN);
        buf_put_char(b, '\n');
        TRY(flow_wrote(writer, 0, 1));
    }
    return ERR_OK;
}

static ErrCode write_issues(const ImportAsk *ask, FlowFiles *files) {
    FlowWriter *writer = NULL;
    TRY(flow_writer_new(files, &writer));
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < ask->n && err == ERR_OK; i++) {
        err = put_issues(&ask->inputs[i], writer);
    }
    err = err == ERR_OK ? flow_writer_flush(writer) : err;
    flow_writer_free(writer);
    return err;
}

static void put_outputs(const ImportAsk *ask, JsonWriter *w) {
    json_name(w, "output");
    json_open_array(w);
    for (size_t i = 0; i < ask->n; i++) {
        const Input *in = &ask->inputs[i];
        json_open_object(w);
        json_member(w, "inputUrl", in->url);
        json_name(w, "count");
        json_put_i64(w, (int64_t)in->report.resources);
        json_name(w, "rejected");
        json_put_i64(w, (int64_t)in->report.claims_rejected);
        json_name(w, "known");
        json_put_bool(w, in->report.files_same > 0);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode put_manifest(const ImportAsk *ask, AsyncJob *job, FlowFiles *files, Buf *out) {
    JsonWriter w = json_writer(out);
    const FlowFile *list = NULL;
    size_t n = 0;
    TRY(write_issues(ask, files));
    TRY(flow_files_end(files, &list, &n));
    bulk_open_manifest(&w, job, clock_now_ms(ask->rest->clock));
    put_outputs(ask, &w);
    json_name(&w, "error");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&w);
        json_member(&w, "type", STR("OperationOutcome"));
        bulk_put_file(&w, job, &list[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

static ErrCode run_import(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info) {
    static const FlowForm form = {.name = "error", .ending = "ndjson", .one_file = true};
    ImportAsk *ask = ctx;
    FlowFiles *files = NULL;
    FlowProgress *progress = async_progress(job);
    atomic_store(&progress->total, ask->n);
    for (size_t i = 0; i < ask->n; i++) {
        Input *in = &ask->inputs[i];
        TRY(take_in(ask, job, in, info));
        atomic_fetch_add(&progress->done, 1);
        atomic_fetch_add(&progress->resources, in->report.resources);
    }
    TRY(flow_files_new(async_dir(job), &form, 1, &files));
    ErrCode err = put_manifest(ask, job, files, out);
    flow_files_free(files);
    return err;
}

static void release_import(void *ctx) {
    ImportAsk *ask = ctx;
    rest_kept_release(&ask->body);
    arena_free(ask->arena);
}

/* ---- the question ---- */

/* Lines of resources: the name says so. */
static Str lines_name(Arena *arena, Str name) {
    bool lines = str_ends(name, STR(".ndjson")) || str_ends(name, STR(".ndjson.gz"));
    return lines ? arena_str(arena, name) : arena_printf(arena, STR_FMT ".ndjson", STR_ARG(name));
}

static ErrCode read_body(RestCall *call, ImportAsk *ask, ErrInfo *info) {
    Input *in = &ask->inputs[ask->n++];
    Str name = http_header(call->request, "x-file-name");
    Str decoded;
    TRY(rest_upload_keep(call->request, &ask->body));
    if (ask->body.bytes.len == 0) {
        return err_set(info, ERR_SYNTAX, "file-empty", "send the NDJSON as the request's body",
                       "hãy gửi NDJSON trong nội dung yêu cầu");
    }
    if (name.len > 0 && http_decode(call->arena, name, false, &decoded) == ERR_OK) {
        name = decoded;
    }
    in->name = lines_name(ask->arena, name.len > 0 && utf8_valid(name) ? name : STR("http"));
    in->url = arena_printf(ask->arena, "urn:nhip:body");
    return ERR_OK;
}

/* ".../api/received/SHA256" of this server; everything else would have to be fetched. */
static ErrCode read_url(RestCall *call, ImportAsk *ask, Str url, ErrInfo *info) {
    static const Str mark = {"/api/received/", 14};
    Str base = call->rest->base_url; /* …/fhir */
    Str site = str_sub(base, 0, base.len - (str_ends(base, STR("/fhir")) ? 5 : 0));
    Str rest = str_starts(url, site) ? str_sub(url, site.len, SIZE_MAX) : url;
    Input *in = &ask->inputs[ask->n];
    StoreFile row;
    if (!str_starts(rest, mark) ||
        hex_parse(str_sub(rest, mark.len, SIZE_MAX), in->hash.b, sizeof(in->hash.b)) != ERR_OK) {
        return err_set(info, ERR_UNSUPPORTED, "import-url",
                       "nothing is fetched from elsewhere: send the NDJSON as the body, or name a "
                       "file that was received (/api/received/SHA256)",
                       "máy chủ không tải tệp từ nơi khác: hãy gửi NDJSON trong nội dung yêu cầu, "
                       "hoặc chỉ một tệp đã nhận (/api/received/SHA256)");
    }
    ErrCode err = store_received_row(call->rest->store, ask->arena, &in->hash, &row);
    if (err != ERR_OK) {
        return err != ERR_NOT_FOUND
                   ? err
                   : err_set(info, err, "import-file", "no file with this SHA-256 was received",
                             "chưa nhận tệp nào có SHA-256 này");
    }
    in->is_received = true;
    in->name = lines_name(ask->arena, row.name);
    in->url = arena_str(ask->arena, url);
    ask->n++;
    return ERR_OK;
}

static ErrCode read_input(RestCall *call, ImportAsk *ask, const JsonNode *param, ErrInfo *info) {
    const JsonNode *parts = json_get_lit(param, "part");
    const JsonNode *at = json_is(parts, JSON_ARRAY) ? json_first(parts) : NULL;
    for (; at != NULL; at = json_next(parts, at)) {
        if (!json_str_is(json_get_lit(at, "name"), STR("url"))) {
            continue;
        }
        const JsonNode *value = json_get_lit(at, "valueUrl");
        value = value == NULL ? json_get_lit(at, "valueUri") : value;
        return read_url(call, ask, json_str(call->arena, value), info);
    }
    return err_set(info, ERR_PARAM, "import-input", "each input needs a part 'url'",
                   "mỗi input cần có phần 'url'");
}

static ErrCode read_parameters(RestCall *call, ImportAsk *ask, ErrInfo *info) {
    const JsonNode *root = NULL;
    TRY(rest_check_json_body(call, info));
    TRY(json_parse(call->arena, http_body(call->request), &root, info));
    const JsonNode *list = json_get_lit(root, "parameter");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        if (!json_str_is(json_get_lit(at, "name"), STR("input"))) {
            continue; /* inputFormat and the like: it is NDJSON */
        }
        if (ask->n == INPUTS_MAX) {
            return err_set(info, ERR_LIMIT, "import-inputs", "at most %d files can be named",
                           "chỉ được nêu tối đa %d tệp", INPUTS_MAX);
        }
        TRY(read_input(call, ask, at, info));
    }
    return ask->n > 0 ? ERR_OK
                      : err_set(info, ERR_PARAM, "import-input", "name at least one input",
                                "hãy nêu ít nhất một input");
}

static void begin_import(RestCall *call) {
    ErrInfo info = {0};
    Arena *arena = NULL;
    ImportAsk *ask = bulk_ask_new(call, IMPORT_ARENA_BYTES, sizeof(*ask), &arena);
    if (ask == NULL) {
        return;
    }
    ask->rest = call->rest;
    ask->arena = arena;
    ask->body.fd = -1;
    bool lines = str_find(http_header(call->request, "content-type"), STR("ndjson")) != SIZE_MAX;
    ErrCode err = lines ? read_body(call, ask, &info) : read_parameters(call, ask, &info);
    if (err != ERR_OK) {
        release_import(ask);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    async_begin(
        call,
        &(AsyncWork){.kind = "import", .run = run_import, .release = release_import, .ctx = ask});
}

static const RestOpParam params[] = {
    {REST_IN, "input", "BackboneElement", 0, "*",
     "part url: /api/received/SHA256 of this server; or NDJSON as the body instead"},
};
OPERATIONS(rest_bulk_import_operations,
           {.on = "", .name = "import", .affects_state = true, REST_PARAMS(params)});

ROUTES(rest_bulk_import_routes, {"POST", "/fhir/$import", begin_import, false,
                                 "import: NDJSON, as the body or as files that were received"});
