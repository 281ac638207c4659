/* From the signature to the fund's money: one visit's way, commands on one or many, the fund's
 * files. Reports and closings: api_settle_report.c. */
#include "api/api_settle.h"

#include "api/api_book.h"
#include "intake/intake_receipt.h"
#include "settle/settle_answer.h"

enum { VISITS_MAX = 20000, STEPS_MAX = 1000, ANSWERS_PAGE = 50 };

static Str say(const RestCall *call, Str en, Str vi) {
    return call->language == FHIR_LANG_EN ? en : vi;
}

void api_put_text(JsonWriter *w, const char *name, Str text) {
    json_put_name(w, str_from(name));
    if (text.len > 0) {
        json_put_str(w, text);
    } else {
        json_put_null(w);
    }
}

void api_put_amount(JsonWriter *w, const char *name, int64_t amount) {
    json_put_name(w, str_from(name));
    api_put_money(w, amount);
}

/* ---- one visit ---- */

static void put_money_list(JsonWriter *w, const SettleVisit *v) {
    json_name(w, "money");
    json_open_array(w);
    for (size_t i = 0; i < v->n_money; i++) {
        json_open_object(w);
        json_member(w, "stage", book_state_code(v->money[i].stage));
        api_put_number(w, "round", v->money[i].round);
        api_put_amount(w, "amount", v->money[i].amount);
        json_close_object(w);
    }
    json_close_array(w);
}

/* Every version of the Task, oldest first. */
static ErrCode put_steps(RestCall *call, JsonWriter *w, const SettleVisit *v) {
    Store *store = api_of(call)->store;
    json_name(w, "steps");
    json_open_array(w);
    for (uint32_t n = 1; n <= v->version && n <= STEPS_MAX; n++) {
        StoreVersion step;
        SettleStepSeen seen;
        ErrCode err = store_get_version(store, call->arena, FHIR_T_TASK, v->id, n, &step);
        err = err == ERR_OK ? settle_step_read(call->arena, &step, &seen) : err;
        TRY(err);
        json_open_object(w);
        api_put_number(w, "version", n);
        json_member(w, "step", seen.step);
        json_member(w, "state", book_state_code(seen.state));
        api_put_text(w, "who", seen.who);
        api_put_text(w, "why", seen.why);
        api_put_text(w, "time", seen.time);
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

/* What came signed by the facility itself, and whether that covers the visit as it stands. */
static ErrCode put_receipt(RestCall *call, JsonWriter *w, const SettleVisit *v, Str key) {
    static const char *const states[INTAKE_RECEIPT_STATES] = {"asked", "ready", "held", "taken"};
    IntakeReceipt r;
    ErrCode err = intake_receipt_get(api_of(call)->store, call->arena, key, &r);
    api_put_text(w, "certificate", v->certificate);
    json_name(w, "receipt");
    if (err == ERR_NOT_FOUND) {
        json_put_null(w);
        return ERR_OK;
    }
    TRY(err);
    bool covers = r.claim_version == v->claim_version;
    json_open_object(w);
    api_put_text(w, "state", str_from(states[r.state]));
    api_put_text(w, "file", r.file);
    api_put_text(w, "certificate", r.certificate);
    api_put_text(w, "signed_at", r.signed_at);
    api_put_text(w, "why", r.why);
    json_name(w, "covers");
    json_put_bool(w, covers);
    api_put_text(w, "note",
                 covers ? STR_EMPTY
                        : say(call,
                              STR("The visit was changed since the facility signed it: it needs a "
                                  "new signature, here or in a file that the facility sends."),
                              STR("Hồ sơ đã sửa sau khi cơ sở ký: cần chữ ký mới, ký tại đây hoặc "
                                  "cơ sở gửi tệp ký lại.")));
    json_close_object(w);
    return ERR_OK;
}

static ErrCode put_visit(RestCall *call, Buf *out, ErrInfo *info) {
    SettleVisit v;
    Str facility = call->parts[3];
    Str ma_lk = call->parts[4];
    TRY(settle_visit(api_of(call)->settle, call->arena, facility, ma_lk, &v, info));
    Str key = arena_printf(call->arena, STR_FMT "|" STR_FMT, STR_ARG(facility), STR_ARG(ma_lk));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    api_put_text(&w, "visit", key);
    api_put_text(&w, "encounter", v.visit);
    api_put_text(&w, "patient", v.patient);
    api_put_text(&w, "claim", v.claim);
    api_put_text(&w, "state", book_state_code(v.state));
    api_put_text(&w, "task", book_state_code(v.task));
    api_put_text(&w, "month", v.month);
    api_put_text(&w, "who", v.who);
    api_put_text(&w, "why", v.why);
    api_put_text(&w, "time", v.time);
    api_put_text(&w, "transaction", v.transaction);
    api_put_text(&w, "closing", v.closing);
    api_put_number(&w, "claim_version", v.claim_version);
    api_put_number(&w, "signed_version", v.signed_version);
    TRY(put_receipt(call, &w, &v, key));
    put_money_list(&w, &v);
    TRY(put_steps(call, &w, &v));
    json_close_object(&w);
    return ERR_OK;
}

static const char *const no_names[] = {NULL};

static void get_visit(RestCall *call) {
    rest_answer(call, no_names, put_visit);
}

static void get_file(RestCall *call) {
    Str xml;
    ErrInfo info = {0};
    if (!rest_query_only(call, no_names)) {
        return;
    }
    ErrCode err =
        settle_file(api_of(call)->settle, call->arena, call->parts[3], call->parts[4], &xml, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_reply_bytes(call, STR("application/xml; charset=utf-8"), xml);
}

/* ---- commands ---- */

typedef struct Command {
    Str who, why, closing;
    SettleAct *acts;
    size_t n, cap;
} Command;

static ErrCode add_act(RestCall *call, Command *c, Str facility, Str ma_lk) {
    if (c->n == VISITS_MAX) {
        return ERR_LIMIT;
    }
    if (c->n == c->cap) {
        size_t cap = MAX((size_t)64, 2 * c->cap);
        SettleAct *grown = arena_new_array(call->arena, SettleAct, cap);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (c->n > 0) {
            memcpy(grown, c->acts, c->n * sizeof(*grown));
        }
        c->acts = grown;
        c->cap = cap;
    }
    c->acts[c->n++] = (SettleAct){
        .facility = facility, .ma_lk = ma_lk, .who = c->who, .why = c->why, .closing = c->closing};
    return ERR_OK;
}

static ErrCode add_named(RestCall *call, Command *c, Str key, ErrInfo *info) {
    size_t bar = str_find_char(key, '|', 0);
    if (bar == SIZE_MAX) {
        return err_set(info, ERR_PARAM, "settle-visit",
                       "a visit is named FACILITY|MA_LK, not '" STR_FMT "'",
                       "hồ sơ được gọi là CƠ_SỞ|MA_LK, không phải '" STR_FMT "'", STR_ARG(key));
    }
    return add_act(call, c, str_sub(key, 0, bar), str_sub(key, bar + 1, key.len));
}

/* For taking in: only what waits for it; what was taken once and undone is named by a person. */
static ErrCode has_receipt(RestCall *call, const BookRow *row, bool *ret) {
    IntakeReceipt r;
    ErrCode err = intake_receipt_get(
        api_of(call)->store, call->arena,
        arena_printf(call->arena, STR_FMT "|" STR_FMT, STR_ARG(row->facility), STR_ARG(row->ma_lk)),
        &r);
    *ret = err == ERR_OK && r.state != INTAKE_RECEIPT_TAKEN;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Of a facility's month all that the step is meant for. */
static ErrCode add_month(RestCall *call, Command *c, SettleStep step, const JsonNode *body,
                         ErrInfo *info) {
    static const unsigned states[SETTLE_STEPS] = {
        [SETTLE_SIGN] = BOOK_BIT(BOOK_CHECKED) | BOOK_BIT(BOOK_CORRECTED),
        [SETTLE_TAKE] = BOOK_BIT(BOOK_CHECKED) | BOOK_BIT(BOOK_CORRECTED),
        [SETTLE_UNDO] = BOOK_BIT(BOOK_SIGNED),
        [SETTLE_CONCLUDE] = BOOK_BIT(BOOK_ASSESSED)};
    BookPage page = {.next = STR_EMPTY};
    Book *book = api_of(call)->o.book;
    int month = settle_month_number(json_str(call->arena, json_get_lit(body, "month")));
    BookAsk ask = {.filter = {.facility = json_str(call->arena, json_get_lit(body, "facility")),
                              .month_from = month,
                              .month_to = month,
                              .states = states[step]},
                   .max = LIMIT_PAGE_COUNT};
    if (book == NULL || month == 0 || ask.filter.facility.len == 0) {
        return err_set(info, ERR_PARAM, "settle-visits",
                       "name visits, or a facility and a month such as 2026-10",
                       "hãy nêu các hồ sơ, hoặc cơ sở và tháng, ví dụ 2026-10");
    }
    (void)book_wait(book, store_snapshot(api_of(call)->store), API_BOOK_WAIT_MS);
    do {
        ask.after = page.next;
        TRY(book_list(book, call->arena, &ask, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            const BookRow *r = &page.rows[i];
            bool meant = r->state != BOOK_CORRECTED || r->n_by_weight[RULES_BLOCKS] == 0;
            if (meant && step == SETTLE_TAKE) {
                TRY(has_receipt(call, r, &meant));
            }
            if (meant) {
                TRY(add_act(call, c, r->facility, r->ma_lk));
            }
        }
    } while (page.next.len > 0);
    return ERR_OK;
}

static ErrCode read_command(RestCall *call, SettleStep step, Command *c, ErrInfo *info) {
    const JsonNode *body = NULL;
    Arena *a = call->arena;
    TRY(json_parse(a, http_body(call->request), &body, info));
    *c = (Command){.who = json_str(a, json_get_lit(body, "who")),
                   .why = json_str(a, json_get_lit(body, "why")),
                   .closing = json_str(a, json_get_lit(body, "closing"))};
    const JsonNode *visits = json_get_lit(body, "visits");
    if (!json_is(visits, JSON_ARRAY)) {
        return add_month(call, c, step, body, info);
    }
    for (const JsonNode *v = json_first(visits); v != NULL; v = json_next(visits, v)) {
        TRY(add_named(call, c, json_str(a, v), info));
    }
    return ERR_OK;
}

void api_put_done(RestCall *call, JsonWriter *w, const SettleDone *done) {
    api_put_number(w, "done", done->done);
    api_put_number(w, "same", done->same);
    json_name(w, "refused");
    json_open_array(w);
    for (size_t i = 0; i < done->n_refused; i++) {
        const SettleRefusal *r = &done->refused[i];
        json_open_object(w);
        api_put_text(w, "visit",
                     arena_printf(call->arena, STR_FMT "|" STR_FMT, STR_ARG(r->facility),
                                  STR_ARG(r->ma_lk)));
        api_put_text(w, "rule", r->rule);
        api_put_text(w, "what", say(call, r->en, r->vi));
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode run_step(RestCall *call, SettleStep step, Buf *out, ErrInfo *info) {
    Command c;
    SettleDone done;
    Api *api = api_of(call);
    if (step == SETTLE_SIGN && api->o.sign_key == NULL) {
        return err_set(
            info, ERR_PRECONDITION, "settle-no-key",
            "this server has no key to sign with: set sign_key and sign_cert, then start it "
            "again",
            "máy chủ chưa có khoá để ký: hãy đặt sign_key và sign_cert rồi chạy lại máy chủ");
    }
    TRY(read_command(call, step, &c, info));
    TRY(settle_many(api->settle, call->arena,
                    &(SettleMany){.step = step, .acts = c.acts, .n = c.n, .key = api->o.sign_key},
                    &done, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    api_put_done(call, &w, &done);
    json_close_object(&w);
    return ERR_OK;
}

static ErrCode sign(RestCall *call, Buf *out, ErrInfo *info) {
    return run_step(call, SETTLE_SIGN, out, info);
}

static ErrCode take(RestCall *call, Buf *out, ErrInfo *info) {
    return run_step(call, SETTLE_TAKE, out, info);
}

static ErrCode undo(RestCall *call, Buf *out, ErrInfo *info) {
    return run_step(call, SETTLE_UNDO, out, info);
}

static ErrCode conclude(RestCall *call, Buf *out, ErrInfo *info) {
    return run_step(call, SETTLE_CONCLUDE, out, info);
}

static void post_sign(RestCall *call) {
    rest_answer(call, no_names, sign);
}

static void post_take(RestCall *call) {
    rest_answer(call, no_names, take);
}

static void post_undo(RestCall *call) {
    rest_answer(call, no_names, undo);
}

static void post_conclude(RestCall *call) {
    rest_answer(call, no_names, conclude);
}

/* By hand, of one visit: a facility that sends by other ways. */
static ErrCode move_by_hand(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    Arena *a = call->arena;
    Settle *s = api_of(call)->settle;
    Command c = {.n = 0};
    TRY(json_parse(a, http_body(call->request), &body, info));
    c.who = json_str(a, json_get_lit(body, "who"));
    c.why = json_str(a, json_get_lit(body, "why"));
    TRY(add_named(call, &c, json_str(a, json_get_lit(body, "visit")), info));
    Str transaction = json_str(a, json_get_lit(body, "transaction"));
    Str step = call->parts[2];
    ErrCode err = str_eq(step, STR("sent"))       ? settle_sent(s, c.acts, transaction, info)
                  : str_eq(step, STR("returned")) ? settle_returned(s, c.acts, info)
                                                  : settle_received(s, c.acts, transaction, info);
    TRY(err);
    call->parts[3] = c.acts[0].facility;
    call->parts[4] = c.acts[0].ma_lk;
    return put_visit(call, out, info);
}

static void post_by_hand(RestCall *call) {
    rest_answer(call, no_names, move_by_hand);
}

/* ---- the fund's files ---- */

static ErrCode read_columns(RestCall *call, Str *ret, ErrInfo *info) {
    const char *path = api_of(call)->o.settings->answer_columns;
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    *ret = STR_EMPTY;
    if (path[0] == '\0') {
        return ERR_OK;
    }
    ErrCode err = io_read_file(path, LIMIT_MIB, &text);
    *ret = arena_str(call->arena, buf_str(&text));
    return err == ERR_OK ? ERR_OK : err_plain(info, err, "answer-columns");
}

static ErrCode take_answer(RestCall *call, Buf *out, ErrInfo *info) {
    SettleAnswer a;
    SettleAnswerFile f = {.name = rest_query(call, "name"),
                          .facility = rest_query(call, "facility"),
                          .who = rest_query(call, "who"),
                          .why = rest_query(call, "why"),
                          .payment = rest_query(call, "payment"),
                          .date = rest_query(call, "date"),
                          .final = str_eq(rest_query(call, "final"), STR("true"))};
    f.name = f.name.len > 0 ? f.name : STR("answer");
    TRY(rest_upload_body(call->request, &f.bytes));
    TRY(read_columns(call, &f.columns, info));
    TRY(settle_answer(api_of(call)->settle, call->arena, &f, &a, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    api_put_text(&w, "file", a.digest);
    json_member(&w, "kind", a.is_payment ? STR("payment") : STR("assessment"));
    api_put_number(&w, "rows", a.n_rows);
    api_put_number(&w, "visits", a.n_visits);
    api_put_done(call, &w, &a.done);
    json_close_object(&w);
    return ERR_OK;
}

static void post_answer(RestCall *call) {
    static const char *const names[] = {"name",    "facility", "who",   "why",
                                        "payment", "date",     "final", NULL};
    rest_answer(call, names, take_answer);
}

/* One file's Task: counts by their names, refusals in a list. */
static ErrCode put_answer(RestCall *call, JsonWriter *w, const StoreVersion *v) {
    const JsonNode *root = NULL;
    Arena *a = call->arena;
    TRY(json_parse(a, v->json, &root, NULL));
    const JsonNode *outputs = json_get_lit(root, "output");
    bool any = json_is(outputs, JSON_ARRAY);
    json_open_object(w);
    api_put_text(w, "file", json_str(a, json_path(root, "identifier.value")));
    api_put_text(w, "name", json_str(a, json_get_lit(root, "description")));
    api_put_text(w, "who", json_str(a, json_path(root, "owner.display")));
    api_put_text(w, "time", json_str(a, json_get_lit(root, "authoredOn")));
    for (const JsonNode *o = any ? json_first(outputs) : NULL; o != NULL;
         o = json_next(outputs, o)) {
        Str type = json_str(a, json_path(o, "type.text"));
        Str value = json_str(a, json_get_lit(o, "valueString"));
        uint64_t n = 0;
        if (str_eq(type, STR("kind"))) {
            api_put_text(w, "kind", value);
        } else if (!str_eq(type, STR("refusal")) && str_to_u64(value, &n) == ERR_OK) {
            json_put_name(w, type);
            json_put_i64(w, (int64_t)n);
        }
    }
    json_name(w, "refusals");
    json_open_array(w);
    for (const JsonNode *o = any ? json_first(outputs) : NULL; o != NULL;
         o = json_next(outputs, o)) {
        if (json_str_is(json_path(o, "type.text"), STR("refusal"))) {
            json_put_str(w, json_str(a, json_get_lit(o, "valueString")));
        }
    }
    json_close_array(w);
    json_close_object(w);
    return ERR_OK;
}

static ErrCode put_answers(RestCall *call, Buf *out, ErrInfo *info) {
    FhirQuery query;
    StorePage page;
    uint64_t after = 0;
    Str text = rest_query(call, "after");
    if (text.len > 0) {
        TRY(str_to_u64(text, &after));
    }
    FhirQueryScope scope = {
        .type = FHIR_T_TASK, .now = clock_now_ms(api_of(call)->clock), .info = info};
    TRY(fhir_query_parse(call->arena, &scope,
                         STR("code=" BOOK_SYSTEM_STATE "%7C" SETTLE_ANSWER_CODE), &query));
    StoreSearch search = {.query = &query, .after = after, .count = ANSWERS_PAGE};
    TRY(store_search(api_of(call)->store, call->arena, &search, &page, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "answers");
    json_open_array(&w);
    for (size_t i = 0; i < page.n_matches; i++) {
        TRY(put_answer(call, &w, &page.matches[i]));
    }
    json_close_array(&w);
    api_put_text(&w, "next",
                 page.next == 0 ? STR_EMPTY
                                : arena_printf(call->arena, "%llu", (unsigned long long)page.next));
    json_close_object(&w);
    return ERR_OK;
}

static void get_answers(RestCall *call) {
    static const char *const names[] = {"after", NULL};
    rest_answer(call, names, put_answers);
}

ROUTES(api_settle_routes,
       {"GET", "/api/settle/visits/:facility/:ma_lk", get_visit, false,
        "a visit's way to the fund's money"},
       {"GET", "/api/settle/visits/:facility/:ma_lk/signed.xml", get_file, false,
        "the claim file that was signed"},
       {"POST", "/api/settle/sign", post_sign, true,
        "sign visits: {\"who\", \"why\", \"visits\"} or a facility's month"},
       {"POST", "/api/settle/take", post_take, true,
        "visits whose own files the facility signed count as signed, by these bytes"},
       {"POST", "/api/settle/undo", post_undo, true, "undo one's own signatures, before sending"},
       {"POST", "/api/settle/conclude", post_conclude, true,
        "assessments are accepted as they are"},
       {"POST", "/api/settle/sent", post_by_hand, true, "sent by other ways"},
       {"POST", "/api/settle/returned", post_by_hand, true, "it did not arrive"},
       {"POST", "/api/settle/received", post_by_hand, true, "received by the fund"},
       {"POST", "/api/settle/answers", post_answer, true, "a file in which the fund answers"},
       {"GET", "/api/settle/answers", get_answers, false, "files in which the fund answered"});
