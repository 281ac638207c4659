/* Transactions and batches. A transaction is one commit of the store; the entries of a batch are
 * transactions of one ask each, many under way at once so that they share the disk's syncs. Reads
 * come last and see what was written; those of a transaction are tried before it, too. */
#include "rest/rest_profile.h"
#include "rest/rest_search_param.h"

enum { BATCH_WINDOW = 256, JOB_BODY_BYTES = 64 * 1024 };

typedef struct Entry {
    const JsonNode *node;
    IntakeAsk ask;
    IntakeAnswer answer;
    ErrCode err;
    Str outcome; /* why it was refused */
} Entry;

typedef struct Batch {
    RestCall *call;
    Entry *entries;
    size_t n;
    RestWant want;
    bool is_transaction;
} Batch;

/* ---- the reply ---- */

static void put_response(RestBundle *b, const Entry *e) {
    const IntakeAnswer *a = &e->answer;
    json_name(&b->w, "response");
    json_open_object(&b->w);
    json_member(&b->w, "status",
                arena_printf(b->arena, "%d", e->err == ERR_OK ? a->status : err_http(e->err)));
    if (e->err == ERR_OK && a->slot != 0 && a->status != 204) {
        json_member(&b->w, "location",
                    arena_printf(b->arena, "%s/" STR_FMT "/_history/%u", fhir_type_name(a->type),
                                 STR_ARG(a->id), (unsigned)a->version));
    }
    if (e->err == ERR_OK && a->version != 0) {
        rest_bundle_put_etag(b, a->version, a->time);
    }
    if (e->outcome.len > 0) {
        json_name(&b->w, "outcome");
        json_put_raw(&b->w, e->outcome);
    }
    json_close_object(&b->w);
}

static Str outcome_of(RestCall *call, ErrCode err, const ErrInfo *info) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    rest_put_outcome(&b, err, info, call->language);
    return arena_str(call->arena, buf_str(&b));
}

/* Carries out a GET; its answer becomes the entry's resource. */
static void put_read(RestBundle *b, RestCall *call, Entry *e) {
    RestAnswer answer = {0};
    ErrInfo info = {0};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    e->err = rest_get_ask(call, &e->ask, &answer, &info);
    if (e->err == ERR_OK && buf_ok(&answer.body) == ERR_OK) {
        if (answer.body.len > 0 && !e->ask.head_only) { /* not with 304 */
            json_name(&b->w, "resource");
            json_put_raw(&b->w, buf_str(&answer.body));
        }
        e->answer =
            (IntakeAnswer){.status = answer.status, .version = answer.version, .time = answer.time};
    } else {
        e->err = e->err == ERR_OK ? answer.body.err : e->err;
        e->outcome = outcome_of(call, e->err, &info);
    }
    buf_release(&answer.body);
}

/* What Prefer: return=OperationOutcome asks for, of what was written. */
static Str done_of(const Batch *batch, const Entry *e) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    if (batch->want != REST_WANT_OUTCOME || e->err != ERR_OK || e->ask.verb == INTAKE_READ) {
        return e->outcome;
    }
    rest_put_done(&b, &e->answer, batch->call->language);
    return arena_str(batch->call->arena, buf_str(&b));
}

static void put_written(RestBundle *b, const Batch *batch, const Entry *e) {
    StoreVersion v;
    bool whole = batch->want == REST_WANT_RESOURCE && e->err == ERR_OK && e->answer.slot != 0 &&
                 e->answer.status != 204;
    if (whole && store_get_slot(b->rest->store, b->arena, e->answer.slot, &v) == ERR_OK) {
        json_name(&b->w, "resource");
        json_put_raw(&b->w, v.json);
    }
}

static void reply_batch(Batch *batch) {
    RestCall *call = batch->call;
    RestAnswer answer = {.status = 200, .pretty = str_eq(rest_query(call, "_pretty"), STR("true"))};
    buf_init(&answer.body, 2 * LIMIT_REQUEST_BYTES);
    RestBundle b = {.out = &answer.body, .rest = call->rest, .arena = call->arena};
    RestBundleHead head = {.type =
                               batch->is_transaction ? "transaction-response" : "batch-response"};
    rest_bundle_open(&b, &head);
    for (size_t i = 0; i < batch->n; i++) {
        Entry *e = &batch->entries[i];
        rest_bundle_open_entry(&b);
        if (e->ask.verb == INTAKE_READ && e->err == ERR_OK) {
            put_read(&b, call, e);
        } else {
            put_written(&b, batch, e);
            e->outcome = done_of(batch, e);
        }
        put_response(&b, e);
        json_close_object(&b.w);
    }
    rest_bundle_close(&b);
    rest_send(call, &answer);
}

/* ---- transaction ---- */

static void reply_transaction(RestWrite *w) {
    Batch *batch = w->ctx;
    for (size_t i = 0; i < batch->n; i++) {
        batch->entries[i].answer = *intake_tx_answer(w->tx, i);
    }
    batch->want = w->want;
    reply_batch(batch);
}

/* "Type/id" of what a url reads; *ret_only when it is that resource's present state. */
static Str read_target(Str url, bool *ret_only) {
    Str path = url;
    (void)str_cut(&path, '?', &url);
    size_t slash = str_find_char(url, '/', 0);
    size_t end = slash == SIZE_MAX ? SIZE_MAX : str_find_char(url, '/', slash + 1);
    *ret_only = end == SIZE_MAX || str_starts(str_sub(url, end, url.len), STR("/$"));
    return str_sub(url, 0, MIN(end, url.len));
}

/* A transaction is carried out whole or not at all (http.html#transaction), its reads too: before
 * it is committed each is tried on what is there, with regard to what the transaction itself makes
 * and deletes. */
static ErrCode try_read(RestWrite *w, const Entry *e, ErrInfo *info) {
    RestAnswer answer = {0};
    bool only = false;
    Str target = read_target(e->ask.url, &only);
    const IntakeAsk *change = intake_tx_find(w->tx, target);
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = rest_get_ask(w->call, &e->ask, &answer, info);
    err = err == ERR_OK ? buf_ok(&answer.body) : err;
    buf_release(&answer.body);
    if (change != NULL && change->verb == INTAKE_UPDATE) {
        return err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_OK : err;
    }
    return err == ERR_OK && change != NULL && only
               ? err_set(info, ERR_GONE, "bundle-read-deleted",
                         "the transaction deletes " STR_FMT " and reads it",
                         "giao dịch vừa xoá vừa đọc " STR_FMT, STR_ARG(target))
               : err;
}

static ErrCode try_reads(Batch *batch, RestWrite *w, ErrInfo *info) {
    for (size_t i = 0; i < batch->n; i++) {
        ErrCode err = batch->entries[i].ask.verb == INTAKE_READ
                          ? try_read(w, &batch->entries[i], info)
                          : ERR_OK;
        if (err != ERR_OK) {
            if (info->code != err) {
                (void)err_plain(info, err, "error");
            }
            err_where(info, "Bundle.entry[%zu]", i);
            return err;
        }
    }
    return ERR_OK;
}

static ErrCode read_ask(Batch *batch, size_t i, ErrInfo *info) {
    Entry *e = &batch->entries[i];
    if (json_get_lit(e->node, "request") == NULL) { /* bdl-3; a file of care may leave it out */
        err_where(info, "Bundle.entry[%zu].request", i);
        return err_set(info, ERR_INVALID, "bundle-entry", "the entry has no request",
                       "mục này thiếu request");
    }
    TRY(intake_bundle_ask(batch->call->arena,
                          &(IntakeEntry){e->node, i, batch->call->rest->base_url}, &e->ask, info));
    return e->ask.patch_body == NULL ? ERR_OK : rest_patch_entry(batch->call, &e->ask, info);
}

static void run_transaction(Batch *batch, const FhirResource *bundle) {
    RestCall *call = batch->call;
    ErrInfo info = {0};
    FhirIssues issues = fhir_issues(call->arena);
    RestWrite *w = NULL;
    ErrCode err = rest_validate_write(call, bundle, &issues);
    if (err != ERR_OK) {
        rest_reply_issues(call, err, &issues);
        return;
    }
    err = rest_write_new(call, &w);
    for (size_t i = 0; i < batch->n && err == ERR_OK; i++) {
        Entry *e = &batch->entries[i];
        err = read_ask(batch, i, &info);
        err = err == ERR_OK ? intake_tx_add(w->tx, &e->ask) : err;
    }
    err = err == ERR_OK ? intake_tx_prepare(w->tx, &info) : err;
    err = err == ERR_OK ? try_reads(batch, w, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    w->reply = reply_transaction;
    w->ctx = batch;
    rest_write_start(w);
}

/* ---- batch ---- */

/* Up to BATCH_WINDOW entries that are written together; each has its own transaction. */
typedef struct Window {
    Batch *batch;
    Arena *arena;
    IntakeTx *tx[BATCH_WINDOW];
    Entry *entry[BATCH_WINDOW];
    bool waiting[BATCH_WINDOW];
    size_t n;
    Mutex lock;
    Cond cond;
    size_t under_way;
} Window;

static void refuse_entry(RestCall *call, Entry *e, ErrCode err, const ErrInfo *info) {
    e->err = err;
    e->outcome = outcome_of(call, err, info);
}

static void one_finished(void *ctx) {
    Window *w = ctx;
    mutex_lock(&w->lock);
    w->under_way--;
    cond_signal(&w->cond);
    mutex_unlock(&w->lock);
}

static void submit_entry(Window *w, size_t i) {
    ErrInfo info = {0};
    ErrCode err = ERR_OK;
    do {
        mutex_lock(&w->lock);
        w->under_way++;
        mutex_unlock(&w->lock);
        err = intake_tx_submit(w->tx[i], one_finished, w, &w->waiting[i], &info);
        if (!w->waiting[i]) {
            one_finished(w);
        }
    } while (intake_tx_may_retry(w->tx[i], err));
    if (err != ERR_OK) {
        refuse_entry(w->batch->call, w->entry[i], err, &info);
    }
}

/* True when another round is needed. */
static bool finish_entry(Window *w, size_t i) {
    ErrInfo info = {0};
    bool again = true;
    Entry *e = w->entry[i];
    ErrCode err = ERR_OK;
    while (e->err == ERR_OK && again) {
        err = intake_tx_finish(w->tx[i], &again, &info);
        if (again) {
            submit_entry(w, i);
            if (w->waiting[i]) {
                return true;
            }
            /* This time there was nothing to write: a conditional create found the other's. */
        }
    }
    if (e->err != ERR_OK) {
        return false;
    }
    if (err != ERR_OK) {
        refuse_entry(w->batch->call, e, err, &info);
        return false;
    }
    e->answer = *intake_tx_answer(w->tx[i], 0);
    e->answer.id = arena_str(w->batch->call->arena, e->answer.id);
    return false;
}

static void run_window(Window *w) {
    for (size_t i = 0; i < w->n; i++) {
        submit_entry(w, i);
    }
    bool more = true;
    while (more) {
        mutex_lock(&w->lock);
        while (w->under_way > 0) {
            cond_wait(&w->cond, &w->lock);
        }
        mutex_unlock(&w->lock);
        more = false;
        for (size_t i = 0; i < w->n; i++) {
            bool pending = w->waiting[i] || w->entry[i]->answer.status == 0;
            w->waiting[i] = pending && finish_entry(w, i);
            more = more || w->waiting[i];
        }
    }
    w->n = 0;
    arena_reset(w->arena);
}

static ErrCode validate_entry(RestCall *call, Entry *e) {
    FhirResource resource;
    FhirIssues issues = fhir_issues(call->arena);
    if (e->ask.root == NULL) {
        return ERR_OK;
    }
    ErrCode err = fhir_from_node(e->ask.root, &resource, &issues);
    err = err == ERR_OK ? rest_validate_write(call, &resource, &issues) : err;
    if (err != ERR_OK) {
        CLEANUP_BUF Buf b;
        buf_init(&b, LIMIT_MIB);
        fhir_print_outcome(&b, &issues, call->language);
        e->err = err;
        e->outcome = arena_str(call->arena, buf_str(&b));
    } else if (resource.type == FHIR_T_SEARCH_PARAMETER) {
        ErrInfo info = {0};
        err = rest_check_param(call, e->ask.id, resource.root, &info);
        e->err = err;
        e->outcome = err == ERR_OK ? STR_EMPTY : outcome_of(call, err, &info);
    }
    return err;
}

static void enter_window(Window *w, Entry *e) {
    RestCall *call = w->batch->call;
    ErrInfo info = {0};
    IntakeTxOptions o = {.intake = call->rest->intake,
                         .arena = w->arena,
                         .base_url = call->rest->base_url,
                         .actor = STR("http"),
                         .source = STR("fhir"),
                         .delete_max = rest_delete_max(call->rest)};
    ErrCode err = intake_tx_new(&o, &w->tx[w->n]);
    e->ask.full_url = STR_EMPTY; /* entries of a batch know nothing of each other */
    err = err == ERR_OK ? intake_tx_add(w->tx[w->n], &e->ask) : err;
    err = err == ERR_OK ? intake_tx_prepare(w->tx[w->n], &info) : err;
    if (err != ERR_OK) {
        refuse_entry(call, e, err, &info);
        return;
    }
    w->waiting[w->n] = false;
    w->entry[w->n++] = e;
    if (w->n == BATCH_WINDOW) {
        run_window(w);
    }
}

static void read_entries(Batch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        Entry *e = &batch->entries[i];
        ErrInfo info = {0};
        ErrCode err = read_ask(batch, i, &info);
        if (err != ERR_OK) {
            refuse_entry(batch->call, e, err, &info);
        } else {
            (void)validate_entry(batch->call, e);
        }
    }
}

static void run_batch(Batch *batch) {
    Window *w = arena_new_array(batch->call->arena, Window, 1);
    Arena *arena = w == NULL ? NULL : arena_new(1024 * LIMIT_MIB);
    if (arena == NULL) {
        rest_reply_err(batch->call, ERR_NOMEM, NULL);
        return;
    }
    w->batch = batch;
    w->arena = arena;
    mutex_init(&w->lock);
    cond_init(&w->cond);
    read_entries(batch);
    for (IntakeVerb verb = INTAKE_DELETE; verb < INTAKE_READ; verb++) {
        for (size_t i = 0; i < batch->n; i++) {
            if (batch->entries[i].err == ERR_OK && batch->entries[i].ask.verb == verb) {
                enter_window(w, &batch->entries[i]);
            }
        }
        run_window(w);
    }
    cond_release(&w->cond);
    mutex_release(&w->lock);
    arena_free(arena);
    reply_batch(batch);
}

/* ---- the request ---- */

static bool gather_entries(Batch *batch, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "entry");
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;
    if (n > LIMIT_BUNDLE_ENTRIES) {
        ErrInfo info = {0};
        (void)err_set(&info, ERR_LIMIT, "bundle-entries", "a bundle may have %d entries at most",
                      "một gói chỉ được có tối đa %d mục", LIMIT_BUNDLE_ENTRIES);
        rest_reply_err(batch->call, ERR_LIMIT, &info);
        return false;
    }
    batch->entries = arena_new_array(batch->call->arena, Entry, n + 1);
    if (batch->entries == NULL) {
        rest_reply_err(batch->call, ERR_NOMEM, NULL);
        return false;
    }
    const JsonNode *at = n == 0 ? NULL : json_first(list);
    for (; at != NULL; at = json_next(list, at)) {
        batch->entries[batch->n++].node = at;
    }
    return true;
}

/* http.html#other-bundles: other types may be refused, but not in silence. */
static void refuse_type(RestCall *call, const FhirResource *bundle, Str type) {
    ErrInfo info = {0};
    err_where(&info, "Bundle.type");
    if (bundle->type != FHIR_T_BUNDLE) {
        (void)err_set(&info, ERR_PARAM, "bundle-type",
                      "send a Bundle of type transaction or batch here, not a %s",
                      "hãy gửi vào đây một Bundle loại transaction hoặc batch, không phải %s",
                      fhir_type_name(bundle->type));
    } else if (str_eq(type, STR("history"))) {
        (void)err_set(&info, ERR_PARAM, "bundle-history",
                      "a Bundle of type history is not taken: old versions cannot be written under "
                      "their own numbers and times; send the newest states as a transaction",
                      "không nhận Bundle loại history: không ghi lại được các phiên bản cũ với số "
                      "và thời điểm của chúng; hãy gửi trạng thái mới nhất dưới dạng transaction");
    } else {
        (void)err_set(&info, ERR_PARAM, "bundle-type",
                      "a Bundle of type '" STR_FMT "' is not carried out: send a transaction or a "
                      "batch here",
                      "không thực hiện Bundle loại '" STR_FMT "': hãy gửi transaction hoặc batch",
                      (int)MIN(type.len, (size_t)32), type.ptr);
    }
    rest_reply_err(call, ERR_PARAM, &info);
}

static void run_bundle(RestCall *call) {
    FhirResource bundle;
    FhirIssues issues = fhir_issues(call->arena);
    ErrCode err = fhir_parse(call->arena, http_body(call->request), &bundle, &issues);
    if (err != ERR_OK) {
        rest_reply_issues(call, err, &issues);
        return;
    }
    Str type = json_raw_str(json_get_lit(bundle.root, "type"));
    bool transaction = str_eq(type, STR("transaction"));
    if (bundle.type != FHIR_T_BUNDLE || (!transaction && !str_eq(type, STR("batch")))) {
        refuse_type(call, &bundle, type);
        return;
    }
    Batch *batch = arena_new_array(call->arena, Batch, 1);
    if (batch == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    *batch = (Batch){.call = call, .is_transaction = transaction, .want = rest_wanted(call)};
    if (!gather_entries(batch, bundle.root)) {
        return;
    }
    if (transaction) {
        run_transaction(batch, &bundle);
    } else {
        run_batch(batch);
    }
}

/* Small transactions run on the worker, where they share the syncs of others; what may take long or
 * waits (a batch) runs as a job. */
static bool is_quick(Str body) {
    return body.len <= JOB_BODY_BYTES && str_find(body, STR("\"transaction\"")) != SIZE_MAX &&
           str_find(body, STR("\"batch\"")) == SIZE_MAX;
}

/* On a job thread: making a large XML body JSON takes long, too. */
static void take_large(RestCall *call) {
    ErrInfo info = {0};
    ErrCode err = rest_check_bundle_body(call, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    } else {
        run_bundle(call);
    }
}

void rest_post_bundle(RestCall *call) {
    ErrInfo info = {0};
    bool large = http_body(call->request).len > JOB_BODY_BYTES;
    ErrCode err = rest_check_write(call, &info);
    err = err == ERR_OK && !large ? rest_check_bundle_body(call, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    } else if (large) {
        rest_job(call, take_large);
    } else if (is_quick(http_body(call->request))) {
        run_bundle(call);
    } else {
        rest_job(call, run_bundle);
    }
}
