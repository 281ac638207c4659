/* Create, update, delete: one ask on the request's worker thread; the reply waits for the group
 * commit without a thread. */
#include "rest/rest_profile.h"
#include "rest/rest_search_param.h"

RestWant rest_wanted(RestCall *call) {
    return rest_prefers(call, "return=minimal")            ? REST_WANT_NOTHING
           : rest_prefers(call, "return=OperationOutcome") ? REST_WANT_OUTCOME
           : rest_prefers(call, "return=representation")   ? REST_WANT_RESOURCE
                                                           : REST_WANT_UNSAID;
}

/* ---- the reply ---- */

void rest_put_done(Buf *out, const IntakeAnswer *a, FhirLanguage language) {
    ErrInfo info = {0};
    if (a->status == 204) {
        (void)err_set(&info, ERR_OK, "deleted", "deleted: %zu", "đã xoá: %zu", a->n_deleted);
    } else {
        (void)err_set(&info, ERR_OK, "done", a->status == 201 ? "created" : "done",
                      a->status == 201 ? "đã tạo" : "xong");
    }
    fhir_print_outcome_err(out, &info, language);
}

static ErrCode put_body(RestWrite *w, const IntakeAnswer *a, Buf *out) {
    RestCall *call = w->call;
    StoreVersion v;
    if (w->want == REST_WANT_OUTCOME) {
        rest_put_done(out, a, call->language);
        return ERR_OK;
    }
    if (w->want == REST_WANT_NOTHING || a->status == 204) {
        return ERR_OK;
    }
    FhirPrintOptions print;
    TRY(rest_print_of(call, a->type, &print, NULL));
    TRY(store_get_slot(call->rest->store, call->arena, a->slot, &v));
    return rest_put_resource(out, call->arena, &v, &print);
}

static void reply_one(RestWrite *w) {
    const IntakeAnswer *a = intake_tx_answer(w->tx, 0);
    RestCall *call = w->call;
    RestAnswer answer = {.status = a->status,
                         .version = a->version,
                         .time = a->time,
                         .pretty = str_eq(rest_query(call, "_pretty"), STR("true"))};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = put_body(w, a, &answer.body);
    if (err != ERR_OK) {
        buf_release(&answer.body);
        rest_reply_err(call, err, NULL);
        return;
    }
    if (a->status == 204) {
        answer.status = answer.body.len > 0 ? 200 : 204;
    } else {
        answer.location = arena_printf(call->arena, STR_FMT "/%s/" STR_FMT "/_history/%u",
                                       STR_ARG(call->rest->base_url), fhir_type_name(a->type),
                                       STR_ARG(a->id), (unsigned)a->version);
    }
    rest_send(call, &answer);
}

/* ---- attempts ---- */

static void on_durable(void *ctx);

static void refuse(RestWrite *w, ErrCode err, const ErrInfo *info) {
    if (w->refuse != NULL) {
        w->refuse(w, err, info);
    } else {
        rest_reply_err(w->call, err, info);
    }
}

/* Until the commit waits for the writer, or the answer is known. */
static void attempt(RestWrite *w) {
    bool again = true;
    while (again) {
        ErrInfo info = {0};
        bool waiting = false;
        ErrCode err = intake_tx_submit(w->tx, on_durable, w, &waiting, &info);
        if (err == ERR_OK && waiting) {
            return; /* w may be gone already */
        }
        again = intake_tx_may_retry(w->tx, err);
        if (!again && err != ERR_OK) {
            refuse(w, err, &info);
        } else if (!again) {
            w->reply(w);
        }
    }
}

/* Back on the worker thread. */
static void after_commit(void *ctx) {
    RestWrite *w = ctx;
    ErrInfo info = {0};
    bool again = false;
    ErrCode err = intake_tx_finish(w->tx, &again, &info);
    if (again) {
        attempt(w);
    } else if (err != ERR_OK) {
        refuse(w, err, &info);
    } else {
        w->reply(w);
    }
}

/* On the store's writer thread. */
static void on_durable(void *ctx) {
    RestWrite *w = ctx;
    http_continue(w->call->request, after_commit, w);
}

unsigned rest_delete_max(const Rest *rest) {
    return (unsigned)rest->o.settings->conditional_delete_max;
}

ErrCode rest_write_new(RestCall *call, RestWrite **ret_write) {
    RestWrite *w = arena_new_array(call->arena, RestWrite, 1);
    if (w == NULL) {
        return ERR_NOMEM;
    }
    *w = (RestWrite){.call = call, .want = rest_wanted(call)};
    IntakeTxOptions o = {.intake = call->rest->intake,
                         .arena = call->arena,
                         .base_url = call->rest->base_url,
                         .actor = STR("http"),
                         .source = STR("fhir"),
                         .delete_max = rest_delete_max(call->rest)};
    TRY(intake_tx_new(&o, &w->tx));
    *ret_write = w;
    return ERR_OK;
}

void rest_write_start(RestWrite *w) {
    attempt(w);
}

void rest_write_ask(RestCall *call, const IntakeAsk *ask, const RestWrite *hooks) {
    ErrInfo info = {0};
    RestWrite *w = NULL;
    ErrCode err = rest_write_new(call, &w);
    err = err == ERR_OK ? intake_tx_add(w->tx, ask) : err;
    err = err == ERR_OK ? intake_tx_prepare(w->tx, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    w->reply = reply_one;
    w->refuse = hooks->refuse;
    w->ctx = hooks->ctx;
    attempt(w);
}

static void run(RestCall *call, const IntakeAsk *ask) {
    rest_write_ask(call, ask, &(RestWrite){.refuse = NULL});
}

/* ---- the request ---- */

void rest_reply_issues(RestCall *call, ErrCode err, const FhirIssues *issues) {
    RestAnswer answer = {.status = err_http(err)};
    if (issues->n == 0) {
        rest_reply_err(call, err, NULL);
        return;
    }
    buf_init(&answer.body, LIMIT_MIB);
    fhir_print_outcome(&answer.body, issues, call->language);
    rest_send(call, &answer);
}

/* Parses and validates the body, which must be of ask->type. Replies when it cannot be taken. */
static bool need_body(RestCall *call, IntakeAsk *ask) {
    ErrInfo info = {0};
    FhirResource resource;
    FhirIssues issues = fhir_issues(call->arena);
    bool taken = false;
    ErrCode err = ask->type == FHIR_T_BINARY ? rest_binary_take(call, ask, &taken, &info) : ERR_OK;
    err = err == ERR_OK && !taken ? rest_check_json_body(call, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return false;
    }
    err = fhir_parse(call->arena, http_body(call->request), &resource, &issues);
    if (err == ERR_OK && resource.type != ask->type) {
        (void)err_set(&info, ERR_PARAM, "type-mismatch", "the address says %s, the body %s",
                      "địa chỉ ghi %s, nội dung là %s", fhir_type_name(ask->type),
                      fhir_type_name(resource.type));
        rest_reply_err(call, ERR_PARAM, &info);
        return false;
    }
    err = err == ERR_OK ? rest_validate_write(call, &resource, &issues) : err;
    if (err != ERR_OK) {
        rest_reply_issues(call, err, &issues);
        return false;
    }
    err = ask->type == FHIR_T_SEARCH_PARAMETER
              ? rest_check_param(call, ask->id, resource.root, &info)
              : ERR_OK;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return false;
    }
    ask->root = resource.root;
    return true;
}

static bool need_if_match(RestCall *call, IntakeAsk *ask) {
    ErrInfo info = {0};
    ask->if_match = http_header_all(call->request, "if-match");
    ErrCode err = intake_check_etags(ask->if_match, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    }
    return err == ERR_OK;
}

/* PUT: only "*", create and never overwrite (RFC 9110, 13.1.2). */
static bool need_if_none_match(RestCall *call, IntakeAsk *ask) {
    Str tag = str_trim(http_header_all(call->request, "if-none-match"));
    ErrInfo info = {0};
    ask->if_absent = str_eq(tag, STR("*"));
    if (tag.len > 0 && !ask->if_absent) {
        (void)err_set(&info, ERR_PARAM, "if-none-match", "If-None-Match must be * here",
                      "ở đây If-None-Match phải là *");
        rest_reply_err(call, ERR_PARAM, &info);
        return false;
    }
    return true;
}

/* What the address asks for: a condition is read later, with all parameters of searches. */
static ErrCode check_address(RestCall *call, FhirType type, bool conditional, ErrInfo *info) {
    RestParam p[] = {{"_format", {0}}, {"_pretty", {0}}, {"_summary", {0}}, {"_elements", {0}}};
    FhirPrintOptions print;
    Str query = http_query(call->request);
    if (!conditional) {
        TRY(rest_params(call->arena, query, p, ARRAY_LEN(p), info));
    }
    TRY(rest_take_format(call, query, info));
    return rest_print_of(call, type, &print, info);
}

static bool need_ask(RestCall *call, IntakeVerb verb, IntakeAsk *ret) {
    ErrInfo info = {0};
    *ret = (IntakeAsk){.verb = verb,
                       .id = call->n_parts > 2 ? call->parts[2] : STR_EMPTY,
                       .condition = STR_EMPTY,
                       .if_match = STR_EMPTY,
                       .full_url = STR_EMPTY,
                       .url = STR_EMPTY};
    bool conditional = call->n_parts == 2 && verb != INTAKE_CREATE;
    ErrCode err = rest_need_type(call->parts[1], &ret->type, &info);
    err = err == ERR_OK ? check_address(call, ret->type, conditional, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    }
    return err == ERR_OK;
}

static bool need_condition(RestCall *call, IntakeAsk *ask) {
    ErrInfo info = {0};
    ask->condition = http_query(call->request);
    if (ask->condition.len == 0) {
        (void)err_set(&info, ERR_PARAM, "condition-missing",
                      "name the resource: %s/id or %s?identifier=system|value",
                      "hãy nêu tài nguyên: %s/id hoặc %s?identifier=hệ_thống|giá_trị",
                      fhir_type_name(ask->type), fhir_type_name(ask->type));
        rest_reply_err(call, ERR_PARAM, &info);
        return false;
    }
    return true;
}

bool rest_need_change(RestCall *call, IntakeAsk *ret) {
    bool conditional = call->n_parts == 2;
    return need_ask(call, INTAKE_UPDATE, ret) && (!conditional || need_condition(call, ret)) &&
           need_if_match(call, ret);
}

static bool need_same_id(RestCall *call, const IntakeAsk *ask) {
    ErrInfo info = {0};
    Str id = json_str(call->arena, json_get_lit(ask->root, "id"));
    if (str_eq(id, ask->id)) {
        return true;
    }
    (void)err_set(
        &info, ERR_PARAM, "id-mismatch", "the address says id " STR_FMT ", the body '" STR_FMT "'",
        "địa chỉ ghi mã " STR_FMT ", nội dung ghi '" STR_FMT "'", STR_ARG(ask->id), STR_ARG(id));
    rest_reply_err(call, ERR_PARAM, &info);
    return false;
}

void rest_post(RestCall *call) {
    IntakeAsk ask;
    if (need_ask(call, INTAKE_CREATE, &ask) && need_body(call, &ask)) {
        ask.condition = http_header(call->request, "if-none-exist");
        run(call, &ask);
    }
}

void rest_put(RestCall *call) {
    IntakeAsk ask;
    if (need_ask(call, INTAKE_UPDATE, &ask) && need_if_match(call, &ask) &&
        need_if_none_match(call, &ask) && need_body(call, &ask) && need_same_id(call, &ask)) {
        run(call, &ask);
    }
}

void rest_put_conditional(RestCall *call) {
    IntakeAsk ask;
    if (need_ask(call, INTAKE_UPDATE, &ask) && need_condition(call, &ask) &&
        need_if_match(call, &ask) && need_if_none_match(call, &ask) && need_body(call, &ask)) {
        run(call, &ask);
    }
}

void rest_delete(RestCall *call) {
    IntakeAsk ask;
    if (need_ask(call, INTAKE_DELETE, &ask) && need_if_match(call, &ask)) {
        run(call, &ask);
    }
}

void rest_delete_conditional(RestCall *call) {
    IntakeAsk ask;
    if (need_ask(call, INTAKE_DELETE, &ask) && need_condition(call, &ask) &&
        need_if_match(call, &ask)) {
        run(call, &ask);
    }
}
