/* A fix of many visits as a Task, and the questions about fixes. */
#include "api/api_fix.h"
#include "fhir/fhir_query.h"

enum { FIXES_SHOWN = 50, EXAMPLES = 20 };

/* ---- the Task ---- */

static void put_text(JsonWriter *w, Str name, const char *member, Str text) {
    json_put_name(w, name);
    json_open_object(w);
    json_member_str(w, str_from(member), text);
    json_close_object(w);
}

static void put_input(JsonWriter *w, const char *what, Str text) {
    if (text.len == 0) {
        return;
    }
    json_open_object(w);
    put_text(w, STR("type"), "text", str_from(what));
    json_member(w, "valueString", text);
    json_close_object(w);
}

static void put_inputs(Arena *arena, JsonWriter *w, const FixTask *t) {
    const Fix *f = t->fix;
    json_name(w, "input");
    json_open_array(w);
    put_input(w, "table", f->table);
    put_input(w, "field", f->field);
    put_input(w, "match", f->match);
    put_input(w, "value", f->value);
    put_input(w, "facility", f->filter.facility);
    put_input(w, "rule", f->filter.rule);
    for (size_t i = 0; i < t->plan->n_visits; i++) {
        const FixVisit *v = &t->plan->visits[i];
        put_input(w, "visit",
                  arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(v->id), STR_ARG(v->after)));
    }
    json_close_array(w);
}

static void put_head(JsonWriter *w, const char *status, Str who, Str time) {
    json_open_object(w);
    json_member(w, "resourceType", STR("Task"));
    json_member(w, "status", str_from(status));
    json_member(w, "intent", STR("order"));
    json_name(w, "code");
    json_open_object(w);
    json_name(w, "coding");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "system", STR(FIX_SYSTEM));
    json_member(w, "code", STR("fix"));
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
    json_member(w, "lastModified", time);
    put_text(w, STR("owner"), "display", who);
}

static void put_output(JsonWriter *w, size_t done) {
    json_name(w, "output");
    json_open_array(w);
    json_open_object(w);
    put_text(w, STR("type"), "text", STR("done"));
    json_name(w, "valueInteger");
    json_put_i64(w, (int64_t)done);
    json_close_object(w);
    json_close_array(w);
}

static Str time_now(RestCall *call) {
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_vn(&time, clock_now_ms(api_of(call)->clock));
    return arena_str(call->arena, buf_str(&time));
}

static ErrCode commit(RestCall *call, StoreVersion *version, Str json, Str who, ErrInfo *info) {
    Store *store = api_of(call)->store;
    bool known = version->id.len > 0;
    StoreCommitted done;
    StoreChange change = {
        known ? STORE_UPDATE : STORE_CREATE, FHIR_T_TASK, version->id, version->slot, json, false};
    StoreGroup group = {&change, 1, -1, 0};
    StoreCommit all = {.groups = &group,
                       .n_groups = 1,
                       .snapshot = store_snapshot(store),
                       .actor = who,
                       .source = STR("fix")};
    TRY(store_commit(store, &all, &done, NULL, info));
    return store_get_slot(store, call->arena, SLOT_OF(done.first, 0), version);
}

ErrCode fix_task_write(RestCall *call, FixTask *t, ErrInfo *info) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    put_head(&w, t->status, t->who, time_now(call));
    put_inputs(call->arena, &w, t);
    if (strcmp(t->status, "completed") == 0) {
        put_output(&w, t->done);
    }
    json_close_object(&w);
    TRY(buf_ok(&out));
    return commit(call, &t->version, buf_str(&out), t->who, info);
}

/* The same inputs and output, cancelled. */
ErrCode fix_task_end(RestCall *call, const StoreVersion *task, Str who, ErrInfo *info) {
    static const char *const kept[] = {"input", "output"};
    const JsonNode *root = NULL;
    StoreVersion version = *task;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    TRY(json_parse(call->arena, task->json, &root, info));
    JsonWriter w = json_writer(&out);
    put_head(&w, "cancelled", who, time_now(call));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const JsonNode *n = json_get(root, str_from(kept[i]));
        if (n != NULL) {
            json_put_name(&w, str_from(kept[i]));
            json_put_node(&w, n);
        }
    }
    json_close_object(&w);
    TRY(buf_ok(&out));
    return commit(call, &version, buf_str(&out), who, info);
}

/* ---- questions ---- */

static void put_plan(JsonWriter *w, const FixPlan *p) {
    json_member(w, "digest", str_from(p->digest));
    api_put_number(w, "visits", p->n_visits);
    api_put_number(w, "values", p->n_values);
    api_put_number(w, "looked", p->n_looked);
    api_put_number(w, "refused", p->n_refused);
    api_put_number(w, "held", p->n_held);
    api_put_number(w, "held_after", p->n_held_after);
    json_name(w, "cut");
    json_put_bool(w, p->cut);
    json_name(w, "examples");
    json_open_array(w);
    for (size_t i = 0; i < p->n_visits && i < EXAMPLES; i++) {
        const FixVisit *v = &p->visits[i];
        json_open_object(w);
        json_member(w, "id", v->id);
        json_member(w, "ma_lk", v->ma_lk);
        json_member(w, "name", v->name);
        json_member(w, "facility", v->facility);
        json_member(w, "before", v->before);
        api_put_number(w, "values", v->n_values);
        api_put_number(w, "blocks", v->blocks);
        api_put_number(w, "blocks_after", v->blocks_after);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode read_fix(RestCall *call, const JsonNode **ret_body, Fix *ret, ErrInfo *info) {
    TRY(json_parse(call->arena, http_body(call->request), ret_body, info));
    return fix_read(call, *ret_body, ret, info);
}

static ErrCode preview(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    Fix fix;
    FixPlan plan;
    TRY(read_fix(call, &body, &fix, info));
    TRY(fix_plan(call, &fix, &plan, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_plan(&w, &plan);
    json_close_object(&w);
    return ERR_OK;
}

static void put_done(Buf *out, const FixDone *done) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_member(&w, "id", done->id);
    api_put_number(&w, "done", done->done);
    api_put_number(&w, "skipped", done->skipped);
    json_close_object(&w);
}

static ErrCode carry_out(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    Fix fix;
    FixPlan plan;
    FixDone done;
    Str who;
    TRY(read_fix(call, &body, &fix, info));
    TRY(api_read_who(call, body, &who, info));
    TRY(fix_plan(call, &fix, &plan, info));
    if (!json_str_is(json_get_lit(body, "digest"), str_from(plan.digest))) {
        return err_set(info, ERR_PRECONDITION, "fix-changed",
                       "something changed since the preview; nothing was done: look at it again",
                       "có thay đổi từ lúc xem trước; chưa sửa gì: hãy xem trước lại");
    }
    TRY(fix_run(call, &fix, &plan, who, &done, info));
    put_done(out, &done);
    return ERR_OK;
}

static ErrCode take_back(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    FixDone done;
    Str who;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    TRY(api_read_who(call, body, &who, info));
    TRY(fix_undo(call, call->parts[3], who, &done, info));
    put_done(out, &done);
    return ERR_OK;
}

static void put_task(JsonWriter *w, Arena *arena, const StoreVersion *v, const JsonNode *task) {
    const JsonNode *list = json_get_lit(task, "input");
    size_t visits = 0;
    json_open_object(w);
    json_member(w, "id", v->id);
    json_member(w, "status", json_str(arena, json_get_lit(task, "status")));
    json_member(w, "who", json_str(arena, json_path(task, "owner.display")));
    json_member(w, "time", json_str(arena, json_get_lit(task, "lastModified")));
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        Str name = json_str(arena, json_path(i, "type.text"));
        if (str_eq(name, STR("visit"))) {
            visits++;
        } else if (name.len > 0) {
            json_put_name(w, name);
            json_put_str(w, json_str(arena, json_get_lit(i, "valueString")));
        }
    }
    api_put_number(w, "visits", visits);
    json_close_object(w);
}

static ErrCode put_fixes(RestCall *call, Buf *out, ErrInfo *info) {
    FhirQuery query;
    StorePage page;
    FhirQueryScope scope = {.type = FHIR_T_TASK,
                            .base_url = rest_base_url(call->rest),
                            .now = clock_now_ms(api_of(call)->clock),
                            .info = info};
    TRY(fhir_query_parse(call->arena, &scope, STR("code=" FIX_SYSTEM "|fix"), &query));
    StoreSearch search = {.query = &query, .count = FIXES_SHOWN};
    TRY(store_search(api_of(call)->store, call->arena, &search, &page, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "fixes");
    json_open_array(&w);
    for (size_t i = 0; i < page.n_matches; i++) {
        const JsonNode *task = NULL;
        TRY(json_parse(call->arena, page.matches[i].json, &task, info));
        put_task(&w, call->arena, &page.matches[i], task);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static const char *const no_names[] = {NULL};

static void get_fixes(RestCall *call) {
    rest_answer(call, no_names, put_fixes);
}

static void post_preview(RestCall *call) {
    rest_answer(call, no_names, preview);
}

static void post_fix(RestCall *call) {
    rest_answer(call, no_names, carry_out);
}

static void post_undo(RestCall *call) {
    rest_answer(call, no_names, take_back);
}

ROUTES(api_fix_routes,
       {"GET", "/api/claims/fixes", get_fixes, false, "fixes of many visits, newest first"},
       {"POST", "/api/claims/fixes/preview", post_preview, true,
        "one value for another in many visits: what would change"},
       {"POST", "/api/claims/fixes", post_fix, true, "the same, done as previewed (digest)"},
       {"POST", "/api/claims/fixes/:id/undo", post_undo, true, "a fix taken back as a whole"});
