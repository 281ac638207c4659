/* One citizen, one record: the review list, two people side by side, and what is decided. */
#include "api/api_reading.h"
#include "fhir/fhir_query.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_case.h"

enum { CASES_DEFAULT = 50, CASES_MAX = 200 };

/* ---- the review list ---- */

static void put_path(JsonWriter *w, Arena *arena, Str name, const JsonNode *task,
                     const char *path) {
    json_put_name(w, name);
    json_put_str(w, json_str(arena, json_path(task, path)));
}

/* Rule, score and levels as the case keeps them. */
static void put_evidence(JsonWriter *w, Arena *arena, const JsonNode *task) {
    const JsonNode *list = json_get_lit(task, "input");
    json_name(w, "evidence");
    json_open_object(w);
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        Str what = json_str(arena, json_path(i, "type.text"));
        const JsonNode *value = json_get_lit(i, "valueString");
        if (what.len > 0 && value != NULL) {
            json_put_name(w, what);
            json_put_str(w, json_str(arena, value));
        }
    }
    json_close_object(w);
}

/* Whose record it is; the name is null when it is gone. */
static ErrCode put_person(RestCall *call, JsonWriter *w, const char *who, const JsonNode *ref) {
    StoreVersion v;
    const JsonNode *root = NULL;
    Str id = life_reference(call->arena, ref, STR("Patient/"));
    ErrCode err = store_get(api_of(call)->store, call->arena, FHIR_T_PATIENT, id, &v);
    if (err == ERR_OK) {
        err = json_parse(call->arena, v.json, &root, NULL);
    }
    if (err != ERR_OK && err != ERR_GONE && err != ERR_NOT_FOUND) {
        return err;
    }
    json_member_str(w, str_from(who), id);
    put_member_or_null(w, arena_printf(call->arena, "%s_name", who),
                       root == NULL ? STR_EMPTY : citizen_name(call->arena, root));
    return ERR_OK;
}

static ErrCode put_case(RestCall *call, JsonWriter *w, const StoreVersion *v) {
    Arena *arena = call->arena;
    const JsonNode *task = NULL;
    TRY(json_parse(arena, v->json, &task, NULL));
    json_open_object(w);
    json_member(w, "task", v->id);
    TRY(put_person(call, w, "a", json_get_lit(task, "focus")));
    TRY(put_person(call, w, "b", json_get_lit(task, "for")));
    put_path(w, arena, STR("status"), task, "status");
    put_path(w, arena, STR("who"), task, "owner.display");
    put_path(w, arena, STR("why"), task, "statusReason.text");
    put_path(w, arena, STR("time"), task, "lastModified");
    if (json_str_is(json_path(task, "identifier.system"), STR(MPI_BIRTH_SYSTEM))) {
        put_path(w, arena, STR("certificate"), task, "identifier.value");
    }
    put_evidence(w, arena, task);
    json_close_object(w);
    return ERR_OK;
}

/* Newest first, from the one behind `after` on. */
static ErrCode put_cases(RestCall *call, Buf *out, ErrInfo *info) {
    FhirQuery query;
    StorePage page;
    uint64_t after = 0;
    uint64_t count = CASES_DEFAULT;
    Str status = rest_query(call, "status");
    bool newborns = str_eq(rest_query(call, "kind"), STR("newborns"));
    Str numbers[] = {rest_query(call, "after"), rest_query(call, "count")};
    if ((numbers[0].len > 0 && str_to_u64(numbers[0], &after) != ERR_OK) ||
        (numbers[1].len > 0 &&
         (str_to_u64(numbers[1], &count) != ERR_OK || count == 0 || count > CASES_MAX))) {
        return err_set(info, ERR_PARAM, "count", "count is a number from 1 to %d",
                       "count là số từ 1 đến %d", CASES_MAX);
    }
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_URL_BYTES);
    buf_put_lit(&text, "code=" MPI_CODE_SYSTEM "|");
    buf_put_str(&text, newborns ? STR(MPI_BIRTH_CODE) : STR(MPI_CODE));
    buf_put_lit(&text, "&status=");
    fhir_query_put_encoded(&text, status.len > 0 ? status : STR("requested"));
    FhirQueryScope scope = {.type = FHIR_T_TASK,
                            .base_url = rest_base_url(call->rest),
                            .now = clock_now_ms(api_of(call)->clock),
                            .info = info};
    TRY(fhir_query_parse(call->arena, &scope, arena_str(call->arena, buf_str(&text)), &query));
    StoreSearch search = {
        .query = &query, .after = after, .count = (size_t)count, .want_total = true};
    TRY(store_search(api_of(call)->store, call->arena, &search, &page, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "total");
    json_put_i64(&w, (int64_t)page.total);
    json_name(&w, "next");
    json_put_str(&w, page.next == 0
                         ? STR_EMPTY
                         : arena_printf(call->arena, "%llu", (unsigned long long)page.next));
    json_name(&w, "cases");
    json_open_array(&w);
    for (size_t i = 0; i < page.n_matches; i++) {
        TRY(put_case(call, &w, &page.matches[i]));
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_cases(RestCall *call) {
    static const char *const names[] = {"status", "kind", "after", "count", NULL};
    rest_answer(call, names, put_cases);
}

/* ---- side by side ---- */

static void put_score(JsonWriter *w, Arena *arena, double bits) {
    json_put_raw(w, arena_printf(arena, "%.1f", bits));
}

static void put_field(RestCall *call, JsonWriter *w, const MpiSideBySide *s, MpiField field) {
    static const char *const names[] = {"a", "b"};
    unsigned level = mpi_level(s->vector, field);
    bool vietnamese = call->language != FHIR_LANG_EN;
    json_open_object(w);
    json_member(w, "field", str_from(mpi_field_name(field)));
    for (int i = 0; i < 2; i++) {
        json_put_name(w, str_from(names[i]));
        json_put_str(w, mpi_field_text(&s->fields[i], field));
    }
    json_member(w, "level", str_from(mpi_level_name(field, level)));
    json_member(w, "what", str_from(mpi_level_text(field, level, vietnamese)));
    json_name(w, "weight");
    put_score(w, call->arena, s->weights[field]);
    json_close_object(w);
}

static ErrCode put_pair(RestCall *call, Buf *out, ErrInfo *info) {
    static const char *const decisions[] = {"none", "review", "link"};
    MpiSideBySide s;
    MpiAct act = {.keep = call->parts[2], .other = call->parts[3]};
    TRY(mpi_side_by_side(api_of(call)->store, call->arena, &act, &s, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_member(&w, "a", s.ids[0]);
    json_member(&w, "b", s.ids[1]);
    json_name(&w, "status");
    json_put_str(&w, s.status);
    json_member(&w, "decision", str_from(decisions[s.verdict.decision]));
    json_member(&w, "rule", str_from(mpi_rule_name(s.verdict.rule)));
    json_name(&w, "score");
    put_score(&w, call->arena, s.verdict.score);
    json_name(&w, "fields");
    json_open_array(&w);
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        put_field(call, &w, &s, f);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_pair(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_pair);
}

/* ---- decisions ---- */

typedef ErrCode (*ActFn)(Store *store, const MpiAct *act, ErrInfo *info);

/* The body {"who":"…","why":"…"}; the answer is the pair side by side. */
static ErrCode act_on_pair(RestCall *call, Buf *out, ErrInfo *info) {
    static const struct {
        const char *name;
        ActFn run;
    } acts[] = {{"merge", mpi_merge}, {"unmerge", mpi_unmerge}, {"differ", mpi_differ}};
    const JsonNode *body = NULL;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    MpiAct act = {.keep = call->parts[2],
                  .other = call->parts[3],
                  .who = json_str(call->arena, json_get_lit(body, "who")),
                  .why = json_str(call->arena, json_get_lit(body, "why")),
                  .now = clock_now_ms(api_of(call)->clock)};
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (str_eq(call->parts[4], str_from(acts[i].name))) {
            TRY(acts[i].run(api_of(call)->store, &act, info));
            return put_pair(call, out, info);
        }
    }
    return ERR_NOT_FOUND;
}

static void post_pair(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, act_on_pair);
}

ROUTES(api_mpi_routes,
       {"GET", "/api/mpi", get_cases, false,
        "pairs of citizens for review, or decided; kind=newborns: children and mothers"},
       {"GET", "/api/mpi/:a/:b", get_pair, false, "two citizens side by side"},
       {"POST", "/api/mpi/:a/:b/:act", post_pair, true,
        "merge (a stays), unmerge, differ: {\"who\", \"why\"}"});
