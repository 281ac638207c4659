/* Catalogues: what they hold, a table's differences, taking it in, roll-back. */
#include "api/api_int.h"
#include "catalog/catalog.h"

enum { ROWS_DEFAULT = 50, HISTORY_MAX = 100 };

static const char *const no_names[] = {NULL};

static bool vietnamese(const RestCall *call) {
    return call->language != FHIR_LANG_EN;
}

static void put_text(JsonWriter *w, const char *name, Str text) {
    json_put_name(w, str_from(name));
    json_put_str(w, text);
}

/* A number of the address; `otherwise` when it is not there. */
static ErrCode number_of(RestCall *call, const char *name, size_t otherwise, size_t *ret,
                         ErrInfo *info) {
    Str text = rest_query(call, name);
    uint64_t n = otherwise;
    if (text.len > 0 && str_to_u64(text, &n) != ERR_OK) {
        return err_set(info, ERR_PARAM, "number", "%s is a number", "%s là một số", name);
    }
    *ret = (size_t)n;
    return ERR_OK;
}

/* A day of the address, "2026-10-01"; INT64_MIN when it is not there. */
static ErrCode day_of(RestCall *call, const char *name, int64_t *ret, ErrInfo *info) {
    Str text = rest_query(call, name);
    FhirTime t;
    *ret = INT64_MIN;
    if (text.len == 0) {
        return ERR_OK;
    }
    if (text.len != 10 || time_read_fhir(text, &t) != ERR_OK) {
        return err_set(info, ERR_PARAM, "day", "%s is a day like 2026-10-01",
                       "%s là ngày dạng 2026-10-01", name);
    }
    *ret = time_vn_day(t.lo);
    return ERR_OK;
}

/* ---- what there is ---- */

static void put_edition(JsonWriter *w, const CatalogEdition *e) {
    json_open_object(w);
    api_put_number(w, "number", e->number);
    api_put_time(w, "time", e->time);
    put_text(w, "who", e->who);
    put_text(w, "why", e->why);
    put_text(w, "file", e->file);
    api_put_number(w, "rows", e->rows);
    api_put_number(w, "added", e->added);
    api_put_number(w, "changed", e->changed);
    api_put_number(w, "ended", e->ended);
    api_put_number(w, "restored", e->restored);
    json_name(w, "damaged");
    json_put_bool(w, e->damaged);
    json_close_object(w);
}

static void put_columns(RestCall *call, JsonWriter *w, const CatalogSpec *spec) {
    static const char *const kinds[] = {
        [CATALOG_TEXT] = "text",     [CATALOG_CODE] = "code", [CATALOG_PRICE] = "price",
        [CATALOG_TOP] = "price",     [CATALOG_SET] = "set",   [CATALOG_DAY] = "day",
        [CATALOG_NUMBER] = "number", [CATALOG_FLAG] = "flag",
    };
    json_name(w, "columns");
    json_open_array(w);
    for (size_t i = 0; i < spec->n_columns; i++) {
        const CatalogColumn *c = &spec->columns[i];
        json_open_object(w);
        put_text(w, "id", c->name);
        put_text(w, "title", vietnamese(call) ? c->vi : c->en);
        put_text(w, "kind", str_from(kinds[c->kind]));
        json_name(w, "needed");
        json_put_bool(w, c->needed);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode put_list(RestCall *call, Buf *out, ErrInfo *info) {
    CatalogState *states = NULL;
    size_t n = 0;
    (void)info;
    TRY(catalog_list(api_of(call)->catalog, call->arena, &states, &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "catalogues");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&w);
        put_text(&w, "id", states[i].spec->name);
        put_text(&w, "title", vietnamese(call) ? states[i].spec->vi : states[i].spec->en);
        put_columns(call, &w, states[i].spec);
        json_name(&w, "edition");
        if (states[i].edition.number > 0) {
            put_edition(&w, &states[i].edition);
        } else {
            json_put_null(&w);
        }
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_list(RestCall *call) {
    rest_answer(call, no_names, put_list);
}

static ErrCode put_history(RestCall *call, Buf *out, ErrInfo *info) {
    CatalogEdition *list = NULL;
    size_t n = 0;
    if (catalog_spec(call->parts[2]) == NULL) {
        return err_plain(info, ERR_NOT_FOUND, "catalogue-name");
    }
    TRY(catalog_history(api_of(call)->catalog, call->arena, call->parts[2], HISTORY_MAX, &list,
                        &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "editions");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_edition(&w, &list[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_history(RestCall *call) {
    rest_answer(call, no_names, put_history);
}

/* ---- rows ---- */

static ErrCode read_ask(RestCall *call, CatalogAsk *ask, ErrInfo *info) {
    *ask = (CatalogAsk){.catalogue = call->parts[2],
                        .facility = rest_query(call, "facility"),
                        .text = rest_query(call, "q")};
    TRY(day_of(call, "day", &ask->day, info));
    return catalog_spec(ask->catalogue) != NULL ? ERR_OK
                                                : err_plain(info, ERR_NOT_FOUND, "catalogue-name");
}

static ErrCode put_rows(RestCall *call, Buf *out, ErrInfo *info) {
    CatalogAsk ask;
    CatalogPage page;
    TRY(read_ask(call, &ask, info));
    TRY(number_of(call, "after", 0, &ask.after, info));
    TRY(number_of(call, "count", ROWS_DEFAULT, &ask.max, info));
    ask.max = MIN(ask.max, (size_t)LIMIT_PAGE_COUNT);
    TRY(catalog_rows(api_of(call)->catalog, call->arena, &ask, &page));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "rows");
    json_open_array(&w);
    for (size_t i = 0; i < page.n_rows; i++) {
        json_open_array(&w);
        for (size_t c = 0; c < page.spec->n_columns; c++) {
            json_put_str(&w, page.rows[i].values[c]);
        }
        json_close_array(&w);
    }
    json_close_array(&w);
    api_put_number(&w, "next", page.next);
    json_close_object(&w);
    return ERR_OK;
}

static void get_rows(RestCall *call) {
    static const char *const names[] = {"q", "facility", "day", "after", "count", NULL};
    rest_answer(call, names, put_rows);
}

static ErrCode make_file(RestCall *call, bool xlsx, Buf *out, ErrInfo *info) {
    CatalogExport what = {
        .how = {.kind = xlsx ? SHEET_WRITE_XLSX : SHEET_WRITE_CSV,
                .put = sheet_put_to_buf,
                .ctx = out},
        .vietnamese = vietnamese(call),
    };
    TRY(read_ask(call, &what.ask, info));
    what.ask.max = rest_query(call, "template").len > 0 ? 0 : LIMIT_SHEET_ROWS - 1;
    return catalog_export(api_of(call)->catalog, &what, info);
}

static void get_file(RestCall *call) {
    static const char *const names[] = {"format", "template", "facility", "day", "q", NULL};
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, 512 * LIMIT_MIB);
    if (!rest_query_only(call, names)) {
        return;
    }
    bool xlsx = !str_eq(rest_query(call, "format"), STR("csv"));
    ErrCode err = make_file(call, xlsx, &out, &info);
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    Str headers[] = {STR("Cache-Control"),
                     STR("no-store"),
                     STR("X-Content-Type-Options"),
                     STR("nosniff"),
                     STR("Content-Disposition"),
                     arena_printf(call->arena, "attachment; filename=\"" STR_FMT ".%s\"",
                                  STR_ARG(call->parts[2]), xlsx ? "xlsx" : "csv")};
    http_reply(call->request,
               &(HttpReply){.status = 200,
                            .type = xlsx ? STR("application/vnd.openxmlformats-officedocument."
                                               "spreadsheetml.sheet")
                                         : STR("text/csv; charset=utf-8"),
                            .body = arena_str(call->arena, buf_str(&out)),
                            .headers = headers,
                            .n_headers = ARRAY_LEN(headers) / 2});
}

/* ---- taking in ---- */

static void put_diff(JsonWriter *w, const CatalogDiff *d) {
    json_open_object(w);
    put_text(w, "kind", catalog_diff_name(d->kind));
    put_text(w, "code", d->code);
    put_text(w, "facility", d->facility);
    put_text(w, "name", d->name);
    api_put_day(w, "since", d->since);
    api_put_day(w, "until", d->until);
    json_name(w, "changes");
    json_open_array(w);
    for (size_t i = 0; i < d->n_changes; i++) {
        json_open_object(w);
        put_text(w, "column", d->changes[i].column);
        put_text(w, "before", d->changes[i].before);
        put_text(w, "after", d->changes[i].after);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static void put_issue(RestCall *call, JsonWriter *w, const CatalogIssue *i) {
    json_open_object(w);
    api_put_number(w, "row", i->row);
    put_text(w, "column", i->column);
    put_text(w, "value", i->value);
    put_text(w, "rule", i->rule);
    put_text(w, "what", vietnamese(call) ? i->vi : i->en);
    json_close_object(w);
}

static void put_names(JsonWriter *w, const char *name, const Str *names, size_t n) {
    json_put_name(w, str_from(name));
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_put_str(w, names[i]);
    }
    json_close_array(w);
}

static void put_plan(RestCall *call, Buf *out, const CatalogPlan *p) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_text(&w, "plan", p->id);
    api_put_number(&w, "base", p->base);
    api_put_number(&w, "rows", p->rows);
    api_put_number(&w, "same", p->n_same);
    api_put_number(&w, "bad", p->n_bad);
    api_put_number(&w, "after", p->n_after);
    json_name(&w, "counts");
    json_open_object(&w);
    for (int i = 0; i < CATALOG_DIFFS; i++) {
        json_put_name(&w, catalog_diff_name((CatalogDiffKind)i));
        json_put_i64(&w, (int64_t)p->n_by_kind[i]);
    }
    json_close_object(&w);
    put_names(&w, "taken", p->taken, p->n_taken);
    put_names(&w, "left", p->left, p->n_left);
    json_name(&w, "diffs");
    json_open_array(&w);
    for (size_t i = 0; i < p->n_diffs; i++) {
        put_diff(&w, &p->diffs[i]);
    }
    json_close_array(&w);
    json_name(&w, "issues");
    json_open_array(&w);
    for (size_t i = 0; i < p->n_issues; i++) {
        put_issue(call, &w, &p->issues[i]);
    }
    json_close_array(&w);
    api_put_number(&w, "issues_all", p->n_issues_all);
    json_close_object(&w);
}

static ErrCode make_preview(RestCall *call, Buf *out, ErrInfo *info) {
    CatalogPlan plan;
    CatalogTable table = {.catalogue = call->parts[2],
                          .file = rest_query(call, "file"),
                          .sheet = rest_query(call, "sheet"),
                          .facility = rest_query(call, "facility"),
                          .whole = str_eq(rest_query(call, "whole"), STR("true"))};
    TRY(day_of(call, "since", &table.since, info));
    ErrCode err = rest_upload_body(call->request, &table.bytes);
    if (err != ERR_OK || table.bytes.len == 0) {
        return err_set(info, err == ERR_OK ? ERR_SYNTAX : err, "file-empty",
                       "send the table as the request's body",
                       "hãy gửi bảng trong nội dung yêu cầu");
    }
    TRY(catalog_preview(api_of(call)->catalog, call->arena, &table, &plan, info));
    put_plan(call, out, &plan);
    return ERR_OK;
}

static void post_preview(RestCall *call) {
    static const char *const names[] = {"file", "sheet", "facility", "since", "whole", NULL};
    rest_answer(call, names, make_preview);
}

/* {"plan" or "to", "who", "why"} → the edition. */
static ErrCode act(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    CatalogEdition edition;
    int64_t to = 0;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    bool back = str_eq(call->parts[3], STR("rollback"));
    const JsonNode *number = json_get_lit(body, "to");
    if (back &&
        (number == NULL || json_to_i64(number, &to) != ERR_OK || to < 1 || to > UINT32_MAX)) {
        return err_set(info, ERR_PARAM, "catalogue-edition", "to: the number of an edition",
                       "to: số của phiên bản");
    }
    CatalogAct a = {.catalogue = call->parts[2],
                    .plan = json_str(call->arena, json_get_lit(body, "plan")),
                    .to = (uint32_t)to,
                    .who = json_str(call->arena, json_get_lit(body, "who")),
                    .why = json_str(call->arena, json_get_lit(body, "why"))};
    Catalog *c = api_of(call)->catalog;
    TRY(back ? catalog_roll_back(c, call->arena, &a, &edition, info)
             : catalog_accept(c, call->arena, &a, &edition, info));
    JsonWriter w = json_writer(out);
    put_edition(&w, &edition);
    return ERR_OK;
}

static void post_act(RestCall *call) {
    rest_answer(call, no_names, act);
}

ROUTES(api_catalog_routes,
       {"GET", "/api/catalogues", get_list, false, "catalogues, their columns and newest editions"},
       {"GET", "/api/catalogues/:name/history", get_history, false, "editions, newest first"},
       {"GET", "/api/catalogues/:name/rows", get_rows, false, "rows by text, facility, day"},
       {"GET", "/api/catalogues/:name/file", get_file, true, "the rows as XLSX or CSV; a template"},
       {"POST", "/api/catalogues/:name/preview", post_preview, true,
        "a table (CSV, TSV, XLSX): what it would change"},
       {"POST", "/api/catalogues/:name/accept", post_act, true,
        "take a previewed table in: {\"plan\", \"who\", \"why\"}"},
       {"POST", "/api/catalogues/:name/rollback", post_act, true,
        "an earlier edition again: {\"to\", \"who\", \"why\"}"});
