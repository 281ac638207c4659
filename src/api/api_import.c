#include "api/api_int.h"
#include "core/utf8.h"

enum { REJECTS_PAGE = 200, CHECK_WAIT_MS = 200 };

static const char *const no_names[] = {NULL};

static void put_issue(RestCall *call, JsonWriter *w, const IntakeIssue *i) {
    json_open_object(w);
    json_member(w, "severity", i->is_error ? STR("error") : STR("warning"));
    json_member(w, "file", i->file);
    json_member(w, "ma_lk", i->ma_lk);
    json_member(w, "table", i->table);
    json_member(w, "field", i->field);
    json_name(w, "hoso");
    json_put_i64(w, i->hoso);
    json_name(w, "line");
    json_put_i64(w, i->line);
    json_member(w, "rule", i->rule);
    json_member(w, "what", call->language == FHIR_LANG_EN ? i->en : i->vi);
    json_close_object(w);
}

/* What the rules say of the visits, as far as the book has come; no sender waits long for that. */
static void put_checked(RestCall *call, JsonWriter *w, const IntakeReport *r) {
    Api *api = api_of(call);
    Book *book = api->o.book;
    uint64_t claims = r->claims_new + r->claims_changed + r->claims_same;
    BookStanding s = {.n_unknown = r->n_visits};
    if (book == NULL || r->n_visits == 0) {
        return;
    }
    if (book_wait(book, store_snapshot(api->store), CHECK_WAIT_MS) &&
        book_standing(book, r->visits, r->n_visits, &s) != ERR_OK) {
        s = (BookStanding){.n_unknown = r->n_visits};
    }
    if (r->n_visits == INTAKE_VISITS_MAX) { /* those that the report does not name */
        s.n_unknown += claims - r->n_visits;
    }
    json_name(w, "checked");
    json_open_object(w);
    api_put_number(w, "clean", s.n_clean);
    api_put_number(w, "held", s.n_held);
    api_put_number(w, "waiting", s.n_unknown);
    json_close_object(w);
}

static void put_report(RestCall *call, Buf *out, Str name, const IntakeReport *r) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_member(&w, "file", name);
    json_name(&w, "known");
    json_put_bool(&w, r->files_same > 0);
    json_name(&w, "claims");
    json_open_object(&w);
    api_put_number(&w, "new", r->claims_new);
    api_put_number(&w, "changed", r->claims_changed);
    api_put_number(&w, "same", r->claims_same);
    api_put_number(&w, "rejected", r->claims_rejected);
    json_close_object(&w);
    put_checked(call, &w, r);
    api_put_number(&w, "signed", r->files_signed);
    api_put_number(&w, "resources", r->resources);
    api_put_number(&w, "errors", r->errors);
    api_put_number(&w, "warnings", r->warnings);
    json_name(&w, "issues");
    json_open_array(&w);
    for (size_t i = 0; i < r->n_issues; i++) {
        put_issue(call, &w, &r->issues[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
}

/* Takes the file in and writes the report. */
static ErrCode take_in(RestCall *call, const IntakeFile *file, Buf *out, ErrInfo *info) {
    IntakeReport report = {.arena = call->arena};
    TRY(intake_file(api_of(call)->intake, file, &report, info));
    put_report(call, out, file->name, &report);
    return ERR_OK;
}

/* X-File-Name may be percent-encoded; a name that is no text is none. */
static Str file_name(RestCall *call) {
    Str name = http_header(call->request, "x-file-name");
    Str decoded;
    if (name.len > 0 && http_decode(call->arena, name, false, &decoded) == ERR_OK) {
        name = decoded;
    }
    return name.len > 0 && utf8_valid(name) ? name : STR("http");
}

static ErrCode take_claims(RestCall *call, Buf *out, ErrInfo *info) {
    IntakeFile file = {.name = file_name(call), .actor = STR("http")};
    ErrCode err = rest_upload_body(call->request, &file.bytes);
    if (err == ERR_LIMIT) {
        return err_set(
            info, err, "body-size",
            "the file is larger than this server takes (%lld MiB), nothing of it was "
            "read: send fewer claims in a file",
            "tệp lớn hơn mức máy chủ nhận (%lld MiB) nên chưa được đọc: hãy gửi ít hồ sơ "
            "hơn trong một tệp",
            (long long)api_of(call)->o.settings->request_max_mib);
    }
    if (err != ERR_OK) {
        return err_plain(info, err, "upload");
    }
    return file.bytes.len > 0 ? take_in(call, &file, out, info)
                              : err_set(info, ERR_SYNTAX, "file-empty",
                                        "send the claim file as the request's body",
                                        "hãy gửi tệp hồ sơ trong nội dung yêu cầu");
}

static void post_claims(RestCall *call) {
    rest_answer(call, no_names, take_claims);
}

/* ---- received files ---- */

static void put_file(JsonWriter *w, const StoreFile *f) {
    static const char *const kept[] = {
        [STORE_KEPT] = "kept", [STORE_NOT_KEPT] = "not-kept", [STORE_EXPIRED] = "expired"};
    CLEANUP_BUF Buf text;
    buf_init(&text, 128);
    json_open_object(w);
    api_put_number(w, "id", f->id);
    hex_put(&text, f->hash.b, sizeof(f->hash.b));
    json_member(w, "sha256", buf_str(&text));
    api_put_time(w, "time", f->time);
    json_member(w, "name", f->name);
    api_put_number(w, "size", f->size);
    json_member(w, "actor", f->actor);
    json_member(w, "source", f->source);
    json_name(w, "done");
    json_put_bool(w, f->state == STORE_FILE_DONE);
    json_member(w, "bytes", str_from(kept[f->dropped % ARRAY_LEN(kept)]));
    if (f->dropped != STORE_KEPT) {
        api_put_time(w, "since", f->dropped_time);
    }
    json_close_object(w);
}

/* The lists begin behind the id `after`. */
static ErrCode read_after(RestCall *call, uint64_t *ret_after, ErrInfo *info) {
    Str text = rest_query(call, "after");
    *ret_after = 0;
    return text.len == 0 || str_to_u64(text, ret_after) == ERR_OK
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "after must be a whole number",
                         "after phải là số nguyên");
}

static ErrCode list_files(RestCall *call, Buf *out, ErrInfo *info) {
    uint64_t after = 0;
    StoreFile *files = NULL;
    size_t n = 0;
    TRY(read_after(call, &after, info));
    TRY(store_received_list(api_of(call)->store, call->arena, after, REJECTS_PAGE, &files, &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "files");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_file(&w, &files[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_files(RestCall *call) {
    static const char *const names[] = {"after", NULL};
    rest_answer(call, names, list_files);
}

static void get_file(RestCall *call) {
    Sha256 hash;
    StoreReceived file;
    StoreFile row;
    ErrInfo info = {0};
    Store *store = api_of(call)->store;
    ErrCode err = hex_parse(call->parts[2], hash.b, sizeof(hash.b)) != ERR_OK
                      ? ERR_NOT_FOUND
                      : store_received_get(store, call->arena, &hash, &file);
    if (err == ERR_GONE && store_received_row(store, call->arena, &hash, &row) == ERR_OK) {
        err = store_received_gone(&row, &info);
    }
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    rest_reply_bytes(call, STR("application/octet-stream"), file.bytes);
}

/* ---- rejects ---- */

static void put_reject(RestCall *call, JsonWriter *w, const StoreRejectRow *row) {
    const StoreReject *r = &row->reject;
    json_open_object(w);
    api_put_number(w, "id", row->id);
    api_put_time(w, "time", row->time);
    json_name(w, "settled");
    json_put_bool(w, row->settled);
    json_member(w, "file", r->file_name);
    json_member(w, "ma_lk", r->ma_lk);
    json_member(w, "table", r->table);
    api_put_number(w, "line", r->line);
    json_member(w, "field", r->field);
    json_member(w, "rule", r->rule);
    json_member(w, "what", call->language == FHIR_LANG_EN ? r->en : r->vi);
    json_close_object(w);
}

static ErrCode read_settled(RestCall *call, bool *ret_settled, ErrInfo *info) {
    Str text = rest_query(call, "settled");
    *ret_settled = str_eq(text, STR("true"));
    return *ret_settled || text.len == 0 || str_eq(text, STR("false"))
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "settled must be true or false",
                         "settled phải là true hoặc false");
}

static ErrCode list_rejects(RestCall *call, Buf *out, ErrInfo *info) {
    Store *store = api_of(call)->store;
    uint64_t after = 0;
    uint64_t open = 0;
    uint64_t settled = 0;
    bool want_settled = false;
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    TRY(read_after(call, &after, info));
    TRY(read_settled(call, &want_settled, info));
    TRY(store_reject_count(store, &open, &settled));
    TRY(store_reject_list(store, call->arena, want_settled, after, REJECTS_PAGE, &rows, &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    api_put_number(&w, "open", open);
    api_put_number(&w, "settled", settled);
    json_name(&w, "rejects");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_reject(call, &w, &rows[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_rejects(RestCall *call) {
    static const char *const names[] = {"after", "settled", NULL};
    rest_answer(call, names, list_rejects);
}

static ErrCode find_reject(RestCall *call, StoreRejectRow *ret_row) {
    uint64_t id = 0;
    return str_to_u64(call->parts[2], &id) == ERR_OK
               ? store_reject_get(api_of(call)->store, call->arena, id, ret_row)
               : ERR_NOT_FOUND;
}

static void get_reject(RestCall *call) {
    StoreRejectRow row;
    ErrCode err = find_reject(call, &row);
    if (err != ERR_OK) {
        rest_reply_err(call, err, NULL);
        return;
    }
    bool json = str_starts(str_trim(row.reject.bytes), STR("{"));
    rest_reply_bytes(call,
                     json ? STR("application/fhir+json; charset=utf-8")
                          : STR("application/xml; charset=utf-8"),
                     row.reject.bytes);
}

static ErrCode take_again(RestCall *call, Buf *out, ErrInfo *info) {
    StoreRejectRow row;
    TRY(find_reject(call, &row));
    Str repaired = http_body(call->request);
    return take_in(call,
                   &(IntakeFile){
                       .name = row.reject.file_name,
                       .bytes = repaired.len > 0 ? repaired : row.reject.bytes,
                       .actor = STR("http"),
                       .retry_of = row.id,
                   },
                   out, info);
}

static void post_reject(RestCall *call) {
    rest_answer(call, no_names, take_again);
}

ROUTES(api_import_routes,
       {"POST", "/import/claims", post_claims, true, "a claim file (XML, gzip, zip): report"},
       {"GET", "/api/received", get_files, false, "received files: who, when, kept or not"},
       {"GET", "/api/received/:hash", get_file, true,
        "a received file unchanged; 410 when dropped"},
       {"GET", "/api/rejects", get_rejects, false, "the rejects work list"},
       {"GET", "/api/rejects/:id", get_reject, false, "one refused piece, unchanged"},
       {"POST", "/api/rejects/:id", post_reject, true,
        "process again, with repaired bytes or as it is"});
