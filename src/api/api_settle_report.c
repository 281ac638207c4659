/* Months, their closing, and reports in four forms. */
#include "api/api_settle.h"
#include "settle/settle_report.h"

enum { CLOSED_MAX = 240 };

static const char *const no_names[] = {NULL};

static bool in_vietnamese(const RestCall *call) {
    return call->language != FHIR_LANG_EN;
}

static ErrCode need_book(RestCall *call, ErrInfo *info) {
    return api_of(call)->o.book != NULL ? ERR_OK
                                        : err_set(info, ERR_UNSUPPORTED, "settle-no-book",
                                                  "this server keeps no book of claims",
                                                  "máy chủ này không có sổ hồ sơ giám định");
}

/* ---- reports ---- */

static ErrCode make_report(RestCall *call, SettleTable **ret, ErrInfo *info) {
    Api *api = api_of(call);
    SettleReportAsk ask = {.settle = api->settle,
                           .store = api->store,
                           .book = api->o.book,
                           .name = call->parts[3],
                           .facility = rest_query(call, "facility"),
                           .month = rest_query(call, "month"),
                           .from = rest_query(call, "from"),
                           .to = rest_query(call, "to"),
                           .all = str_eq(rest_query(call, "scope"), STR("all")),
                           .now = clock_now_ms(api->clock)};
    TRY(settle_report(&ask, call->arena, ret, info));
    (*ret)->facility_name = api_facility_name(api, call->arena, ask.facility);
    return ERR_OK;
}

static void reply_file(RestCall *call, const SettleTable *t, Str type, const char *ending,
                       Str body) {
    CLEANUP_BUF Buf policy;
    buf_init(&policy, LIMIT_KIB);
    bool page = strcmp(ending, "html") == 0;
    ErrCode err = settle_table_policy(&policy);
    if (err != ERR_OK) {
        rest_reply_err(call, err, NULL);
        return;
    }
    Str name = arena_printf(call->arena, "%s; filename=\"%s%s" STR_FMT ".%s\"",
                            page ? "inline" : "attachment", t->id, t->month.len > 0 ? "-" : "",
                            STR_ARG(settle_is_month(t->month) ? t->month : STR_EMPTY), ending);
    Str headers[] = {STR("Cache-Control"),           STR("no-store"),
                     STR("X-Content-Type-Options"),  STR("nosniff"),
                     STR("Content-Security-Policy"), arena_str(call->arena, buf_str(&policy)),
                     STR("Content-Disposition"),     name};
    http_reply(call->request, &(HttpReply){.status = 200,
                                           .type = type,
                                           .body = body,
                                           .headers = headers,
                                           .n_headers = ARRAY_LEN(headers) / 2});
}

static const struct {
    const char *name, *type;
} formats[] = {{"json", "application/json; charset=utf-8"},
               {"csv", "text/csv; charset=utf-8"},
               {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
               {"html", "text/html; charset=utf-8"}};

static ErrCode print(RestCall *call, const SettleTable *t, size_t format, Buf *out) {
    bool vi = in_vietnamese(call);
    return format == 0   ? settle_table_json(t, vi, out)
           : format == 1 ? settle_table_sheet(t, vi, SHEET_WRITE_CSV, out)
           : format == 2 ? settle_table_sheet(t, vi, SHEET_WRITE_XLSX, out)
                         : settle_table_html(t, vi, out);
}

static void get_report(RestCall *call) {
    static const char *const names[] = {"facility", "month", "from", "to", "scope", "format", NULL};
    SettleTable *t = NULL;
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, REST_JSON_MAX);
    if (!rest_query_only(call, names)) {
        return;
    }
    Str wanted = rest_query(call, "format");
    size_t format = 0;
    while (wanted.len > 0 && format < ARRAY_LEN(formats) &&
           !str_eq(wanted, str_from(formats[format].name))) {
        format++;
    }
    ErrCode err = format == ARRAY_LEN(formats)
                      ? err_set(&info, ERR_PARAM, "format", "format is json, csv, xlsx or html",
                                "format là json, csv, xlsx hoặc html")
                      : make_report(call, &t, &info);
    err = err == ERR_OK ? print(call, t, format, &out) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
    } else if (format == 0) {
        rest_reply_json(call, 200, buf_str(&out));
    } else {
        reply_file(call, t, str_from(formats[format].type), formats[format].name, buf_str(&out));
    }
}

/* ---- months ---- */

typedef struct MonthRow {
    int month;
    uint64_t visits, not_sent;
    BookMoney money;
} MonthRow;

/* The newest first. */
static ErrCode put_month(RestCall *call, JsonWriter *w, Str facility, const MonthRow *m,
                         ErrInfo *info) {
    SettleClosed closed;
    SettleMonth month = {
        .facility = facility,
        .month = arena_printf(call->arena, "%04d-%02d", m->month / 100, m->month % 100)};
    TRY(settle_closed(api_of(call)->settle, call->arena, &month, &closed, info));
    json_open_object(w);
    api_put_text(w, "month", month.month);
    api_put_number(w, "visits", (size_t)m->visits);
    api_put_amount(w, "asked", m->money.asked);
    api_put_amount(w, "accepted", m->money.accepted);
    api_put_amount(w, "paid", m->money.paid);
    api_put_number(w, "not_sent", (size_t)m->not_sent);
    api_put_text(w, "closed", closed.time);
    api_put_text(w, "who", closed.who);
    json_close_object(w);
    return ERR_OK;
}

static ErrCode put_months(RestCall *call, Buf *out, ErrInfo *info) {
    BookCounts counts;
    BookFilter filter = {.facility = rest_query(call, "facility")};
    TRY(need_book(call, info));
    if (filter.facility.len == 0) {
        return err_set(info, ERR_PARAM, "facility", "name a facility", "hãy nêu cơ sở");
    }
    (void)book_wait(api_of(call)->o.book, store_snapshot(api_of(call)->store), API_BOOK_WAIT_MS);
    TRY(book_counts(api_of(call)->o.book, call->arena, &filter, &counts));
    MonthRow *rows = arena_new_array(call->arena, MonthRow, counts.n_groups + 1);
    size_t n = 0;
    if (rows == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < counts.n_groups; i++) { /* by month */
        const BookCount *g = &counts.groups[i];
        if (n == 0 || rows[n - 1].month != g->month) {
            rows[n++] = (MonthRow){.month = g->month};
        }
        MonthRow *r = &rows[n - 1];
        r->visits += g->n;
        r->not_sent += g->state <= BOOK_SIGNED ? g->n : 0;
        settle_add(&r->money.asked, g->money.asked);
        settle_add(&r->money.accepted, g->money.accepted);
        settle_add(&r->money.paid, g->money.paid);
    }
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "months");
    json_open_array(&w);
    for (size_t i = n, done = 0; i-- > 0 && done < CLOSED_MAX; done++) {
        TRY(put_month(call, &w, filter.facility, &rows[i], info));
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_months(RestCall *call) {
    static const char *const names[] = {"facility", NULL};
    rest_answer(call, names, put_months);
}

static void put_value(JsonWriter *w, const char *name, const SettleFigure *f) {
    if (f == NULL) {
        json_put_name(w, str_from(name));
        json_put_null(w);
    } else if (f->kind == SETTLE_K_COUNT) {
        json_put_name(w, str_from(name));
        json_put_i64(w, f->value);
    } else {
        api_put_amount(w, name, f->value);
    }
}

static const SettleFigure *frozen_of(const SettleClosing *c, Str id) {
    for (size_t i = 0; i < c->n_frozen; i++) {
        if (str_eq(c->frozen[i].id, id)) {
            return &c->frozen[i];
        }
    }
    return NULL;
}

static void put_closing(RestCall *call, JsonWriter *w, const SettleMonth *m,
                        const SettleClosing *c) {
    json_open_object(w);
    api_put_text(w, "facility", m->facility);
    api_put_text(w, "facility_name", api_facility_name(api_of(call), call->arena, m->facility));
    api_put_text(w, "month", m->month);
    api_put_text(w, "closed", c->time);
    api_put_text(w, "who", c->who);
    api_put_text(w, "why", c->why);
    json_name(w, "figures");
    json_open_array(w);
    for (size_t i = 0; i < c->n_now; i++) {
        const SettleFigure *f = &c->now[i];
        json_open_object(w);
        api_put_text(w, "id", f->id);
        api_put_text(w, "title", str_from(in_vietnamese(call) ? f->vi : f->en));
        json_member(w, "kind", f->kind == SETTLE_K_COUNT ? STR("count") : STR("money"));
        put_value(w, "frozen", frozen_of(c, f->id));
        put_value(w, "now", f);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static ErrCode put_one_month(RestCall *call, Buf *out, ErrInfo *info) {
    SettleClosing c;
    SettleMonth m = {.facility = call->parts[3], .month = call->parts[4]};
    TRY(settle_closing(api_of(call)->settle, call->arena, &m, &c, info));
    JsonWriter w = json_writer(out);
    put_closing(call, &w, &m, &c);
    return ERR_OK;
}

static void get_month(RestCall *call) {
    rest_answer(call, no_names, put_one_month);
}

static ErrCode close_month(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    SettleMonth m = {.facility = call->parts[3],
                     .month = call->parts[4],
                     .who = json_str(call->arena, json_get_lit(body, "who")),
                     .why = json_str(call->arena, json_get_lit(body, "why"))};
    TRY(settle_close(api_of(call)->settle, call->arena, &m, info));
    return put_one_month(call, out, info);
}

static void post_close(RestCall *call) {
    rest_answer(call, no_names, close_month);
}

ROUTES(api_settle_report_routes,
       {"GET", "/api/settle/months", get_months, true, "a facility's months, closed or not"},
       {"GET", "/api/settle/months/:facility/:month", get_month, true,
        "a month's figures, as they were closed and now"},
       {"POST", "/api/settle/months/:facility/:month/close", post_close, true,
        "close a month: {\"who\", \"why\"}"},
       {"GET", "/api/settle/reports/:report", get_report, true,
        "outpatient, inpatient, drugs, supplies, services, reconciliation, denials, ageing"});
