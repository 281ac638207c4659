/* SearchParameter: those of FHIR R4 as resources, made from the tables that the server searches by
 * and read-only; the ones of one's own, checked before they are stored; how far their indexes are.
 */
#include "rest/rest_search_param.h"

#include "rest/rest_operation.h"
#include "fhir/fhir_match.h"

#include <stdlib.h>

/* R4 was published then: lastUpdated of what is made from its tables. */
#define R4_PUBLISHED INT64_C(1572566400000)
#define MADE_BYTES (64 * LIMIT_MIB)
#define ALL_FLAG (UINT64_C(1) << 63)

/* ---- making ---- */

typedef struct Row { /* one parameter on one type; FHIR_T_NONE: on all */
    FhirType type;
    const FhirSearchParam *param;
} Row;

static int by_url(const void *x, const void *y) {
    const Row *a = x;
    const Row *b = y;
    int order = str_cmp(a->param->url, b->param->url);
    return order != 0 ? order : a->type < b->type ? -1 : a->type > b->type;
}

static Str id_of_url(Str url) {
    size_t at = url.len;
    while (at > 0 && url.ptr[at - 1] != '/') {
        at--;
    }
    return str_sub(url, at, url.len - at);
}

static void put_list(JsonWriter *w, const char *name, const char *const *items) {
    json_put_name(w, str_from(name));
    json_open_array(w);
    for (size_t i = 0; items[i] != NULL; i++) {
        json_put_str(w, str_from(items[i]));
    }
    json_close_array(w);
}

static void put_bases(JsonWriter *w, const Row *rows, size_t n) {
    json_name(w, "base");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        bool narrative = rows[i].param->id == FHIR_P__TEXT;
        json_put_str(w, rows[i].type != FHIR_T_NONE ? str_from(fhir_type_name(rows[i].type))
                        : narrative                 ? STR("DomainResource")
                                                    : STR("Resource"));
    }
    json_close_array(w);
}

static void put_expression(JsonWriter *w, Arena *arena, const Row *rows, size_t n) {
    Str all = rows[0].param->expression;
    for (size_t i = 1; i < n; i++) {
        Str own = rows[i].param->expression;
        if (str_find(all, own) == SIZE_MAX) {
            all = arena_printf(arena, STR_FMT " | " STR_FMT, STR_ARG(all), STR_ARG(own));
        }
    }
    if (all.len > 0) {
        json_member(w, "expression", all);
    }
}

static void put_targets(JsonWriter *w, const Row *rows, size_t n) {
    bool seen[FHIR_RESOURCE_COUNT + 1] = {false};
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < rows[i].param->n_targets; k++) {
            seen[rows[i].param->targets[k]] = true;
            any = true;
        }
    }
    if (!any) {
        return;
    }
    json_name(w, "target");
    json_open_array(w);
    for (int t = 1; t <= FHIR_RESOURCE_COUNT; t++) {
        if (seen[t]) {
            json_put_str(w, str_from(fhir_type_name((FhirType)t)));
        }
    }
    json_close_array(w);
}

/* What the query parser takes. */
static void put_powers(JsonWriter *w, const FhirSearchParam *param) {
    static const char *const comparators[] = {"eq", "ne", "gt", "lt", "ge",
                                              "le", "sa", "eb", "ap", NULL};
    const char *modifiers[16] = {NULL};
    size_t n = fhir_query_modifiers(param, modifiers, ARRAY_LEN(modifiers) - 1);
    bool ordered = param->type == FHIR_PARAM_DATE || param->type == FHIR_PARAM_NUMBER ||
                   param->type == FHIR_PARAM_QUANTITY;
    json_name(w, "multipleOr");
    json_put_bool(w, true);
    json_name(w, "multipleAnd");
    json_put_bool(w, true);
    if (ordered) {
        put_list(w, "comparator", comparators);
    }
    if (n > 0) {
        put_list(w, "modifier", modifiers);
    }
}

static void put_made(JsonWriter *w, Arena *arena, const Row *rows, size_t n) {
    const FhirSearchParam *p = rows[0].param;
    json_open_object(w);
    json_member(w, "resourceType", STR("SearchParameter"));
    json_member(w, "id", id_of_url(p->url));
    json_member(w, "url", p->url);
    json_member(w, "version", STR("4.0.1"));
    json_member(w, "name", p->code);
    json_member(w, "status", STR("active"));
    json_member(w, "description",
                arena_printf(arena, "'" STR_FMT "' of FHIR R4, as this server searches by it",
                             STR_ARG(p->code)));
    json_member(w, "code", p->code);
    put_bases(w, rows, n);
    json_member(w, "type", fhir_param_type_name((FhirParamType)p->type));
    put_expression(w, arena, rows, n);
    put_targets(w, rows, n);
    put_powers(w, p);
    json_close_object(w);
}

/* All rows of the tables, those of one definition side by side. */
static Row *all_rows(Arena *arena, size_t *ret_n) {
    size_t n = 0;
    size_t most = 0;
    for (int t = 1; t <= FHIR_RESOURCE_COUNT; t++) {
        size_t own = 0;
        (void)fhir_search_params((FhirType)t, &own);
        most += own;
    }
    size_t n_common = 0;
    const FhirSearchParam *common = fhir_search_params_common(&n_common);
    Row *rows = arena_new_array(arena, Row, most + n_common);
    for (size_t i = 0; rows != NULL && i < n_common; i++) {
        rows[n++] = (Row){FHIR_T_NONE, &common[i]};
    }
    for (int t = 1; rows != NULL && t <= FHIR_RESOURCE_COUNT; t++) {
        size_t own = 0;
        const FhirSearchParam *params = fhir_search_params((FhirType)t, &own);
        for (size_t i = 0; i < own; i++) {
            rows[n++] = (Row){(FhirType)t, &params[i]};
        }
    }
    if (rows != NULL) {
        qsort(rows, n, sizeof(*rows), by_url);
    }
    *ret_n = n;
    return rows;
}

static ErrCode make_all(Arena *arena, StoreVersion **ret, size_t *ret_n) {
    size_t n = 0;
    size_t made = 0;
    Row *rows = all_rows(arena, &n);
    StoreVersion *all = arena_new_array(arena, StoreVersion, n);
    if (rows == NULL || all == NULL) {
        return ERR_NOMEM;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    for (size_t from = 0, to = 0; from < n; from = to) {
        for (to = from + 1; to < n && str_eq(rows[to].param->url, rows[from].param->url);) {
            to++;
        }
        buf_clear(&b);
        JsonWriter w = json_writer(&b);
        put_made(&w, arena, rows + from, to - from);
        TRY(buf_ok(&b));
        all[made++] = (StoreVersion){.type = FHIR_T_SEARCH_PARAMETER,
                                     .version = 1,
                                     .time = R4_PUBLISHED,
                                     .id = id_of_url(rows[from].param->url),
                                     .json = arena_str(arena, buf_str(&b))};
    }
    *ret = all;
    *ret_n = made;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* Made at the first question; ascending by URL, which is by id. */
static ErrCode made_of(Rest *rest, const StoreVersion **ret, size_t *ret_n) {
    MUTEX_GUARD(&rest->metadata_lock);
    if (rest->made_params == NULL) {
        Arena *arena = arena_new(MADE_BYTES);
        StoreVersion *all = NULL;
        ErrCode err = arena == NULL ? ERR_NOMEM : make_all(arena, &all, &rest->n_made_params);
        if (err != ERR_OK) {
            arena_free(arena);
            return err;
        }
        rest->made_arena = arena;
        rest->made_params = all;
    }
    *ret = rest->made_params;
    *ret_n = rest->n_made_params;
    return ERR_OK;
}

/* ---- read ---- */

ErrCode rest_made_param(Rest *rest, Str id, StoreVersion *ret) {
    const StoreVersion *all = NULL;
    size_t n = 0;
    TRY(made_of(rest, &all, &n));
    for (size_t i = 0; i < n; i++) {
        if (str_eq(all[i].id, id)) {
            *ret = all[i];
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- search: behind what is stored ---- */

bool rest_made_page(Slot after) {
    return (after & ALL_FLAG) != 0;
}

static ErrCode matches(Arena *arena, const FhirQuery *q, const StoreVersion *v, bool *ret) {
    const JsonNode *root = NULL;
    FhirMatchContext context = {.id = v->id, .last_updated = v->time, .base_url = STR_EMPTY};
    arena_reset(arena);
    TRY(json_parse(arena, v->json, &root, NULL));
    return fhir_match(arena, q, root, &context, ret);
}

/* Links to other resources lead nowhere from here. */
static bool has_links(const FhirQuery *q) {
    for (size_t i = 0; i < q->n_terms; i++) {
        if (fhir_term_is_linked(&q->terms[i]) || q->terms[i].kind == FHIR_TERM_ANY) {
            return true;
        }
    }
    return false;
}

ErrCode rest_made_search(const RestMadeSearch *s, StorePage *page) {
    const StoreVersion *all = NULL;
    size_t n = 0;
    size_t from = rest_made_page(s->after) ? (size_t)(s->after & ~ALL_FLAG) : 0;
    TRY(made_of(s->rest, &all, &n));
    if (has_links(s->query) || (page->next != 0 && !s->want_total)) {
        return ERR_OK;
    }
    StoreVersion *entries = arena_new_array(s->arena, StoreVersion, s->count + 1);
    CLEANUP_ARENA Arena *scratch = arena_new(LIMIT_MIB);
    if (entries == NULL || scratch == NULL) {
        return ERR_NOMEM;
    }
    size_t have = page->n_matches;
    if (have > 0) {
        memcpy(entries, page->matches, have * sizeof(*entries));
    }
    bool open = page->next == 0; /* the stored ones are through */
    for (size_t i = s->want_total ? 0 : from; i < n; i++) {
        bool is_match = false;
        TRY(matches(scratch, s->query, &all[i], &is_match));
        page->total += is_match && s->want_total;
        if (!is_match || !open || i < from || s->count == 0) {
            continue;
        }
        if (have == s->count) {
            page->next = ALL_FLAG | i;
            open = false;
            if (!s->want_total) {
                break;
            }
        } else {
            entries[have++] = all[i];
        }
    }
    page->matches = entries;
    page->n_matches = have;
    return ERR_OK;
}

/* ---- write ---- */

ErrCode rest_check_param(RestCall *call, Str id, const JsonNode *root, ErrInfo *info) {
    StoreVersion made;
    ErrCode err = id.len == 0 ? ERR_NOT_FOUND : rest_made_param(call->rest, id, &made);
    if (err == ERR_OK) {
        return err_set(info, ERR_EXISTS, "search-param-made",
                       "SearchParameter/" STR_FMT " is FHIR R4's own: choose another id",
                       "SearchParameter/" STR_FMT " là của chính FHIR R4: hãy chọn mã (id) khác",
                       STR_ARG(id));
    }
    return err == ERR_NOT_FOUND ? store_param_check(call->rest->store, call->arena, id, root, info)
                                : err;
}

/* ---- how far the indexes are ---- */

static void put_number(JsonWriter *w, const char *name, uint64_t value) {
    json_open_object(w);
    json_member(w, "name", str_from(name));
    json_name(w, "valueDecimal");
    json_put_i64(w, (int64_t)value);
    json_close_object(w);
}

static void put_text(JsonWriter *w, const char *name, const char *member, Str value) {
    if (value.len > 0) {
        json_open_object(w);
        json_member(w, "name", str_from(name));
        json_member_str(w, str_from(member), value);
        json_close_object(w);
    }
}

static void put_state(JsonWriter *w, FhirLanguage language, const StoreParamState *s) {
    static const char *const uses[] = {"indexing", "ready", "refused"};
    put_text(w, "id", "valueId", s->id);
    put_text(w, "url", "valueUri", s->url);
    put_text(w, "code", "valueCode", s->code);
    put_text(w, "status", "valueCode", str_from(uses[s->use]));
    if (s->use == STORE_PARAM_REFUSED) {
        put_text(w, "reason", "valueString",
                 str_from(language == FHIR_LANG_VI ? s->why.what_vi : s->why.what_en));
    } else {
        put_number(w, "indexed", s->indexed);
        put_number(w, "records", s->records);
    }
}

static ErrCode status_answer(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    StoreParamState *states = NULL;
    size_t n = 0;
    bool found = get->id.len == 0;
    TRY(store_param_states(get->call->rest->store, get->call->arena, &states, &n));
    JsonWriter w = json_writer(&ret->body);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Parameters"));
    json_name(&w, "parameter");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (get->id.len > 0 && str_eq(get->id, states[i].id)) {
            put_state(&w, get->call->language, &states[i]);
            found = true;
        } else if (get->id.len == 0) {
            json_open_object(&w);
            json_member(&w, "name", STR("parameter"));
            json_name(&w, "part");
            json_open_array(&w);
            put_state(&w, get->call->language, &states[i]);
            json_close_array(&w);
            json_close_object(&w);
        }
    }
    json_close_array(&w);
    json_close_object(&w);
    ret->status = 200;
    return found ? buf_ok(&ret->body)
                 : err_set(info, ERR_NOT_FOUND, "search-param-status",
                           "no active SearchParameter/" STR_FMT " is stored here",
                           "không có SearchParameter/" STR_FMT " nào đang dùng ở đây",
                           STR_ARG(get->id));
}

static ErrCode reindex_status(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    RestParam p[] = {{"_format", {0}}, {"_pretty", {0}}};
    TRY(rest_params(get->call->arena, get->query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[1].value, &ret->pretty, info));
    return status_answer(get, ret, info);
}

static const RestOpParam status_params[] = {
    {REST_OUT, "status", "code", 1, "1", "indexing, ready or refused"},
    {REST_OUT, "reason", "string", 0, "1", "why it is refused"},
    {REST_OUT, "indexed", "decimal", 0, "1", "records that its index has"},
    {REST_OUT, "records", "decimal", 0, "1", "records that there are"},
};
static const RestOpParam all_params[] = {
    {REST_OUT, "parameter", "BackboneElement", 0, "*",
     "of each active parameter what $status says"},
};
OPERATIONS(
    rest_search_param_operations,
    {.on = "SearchParameter", .name = "status", .get = reindex_status, REST_PARAMS(status_params)},
    {.on = "", .name = "reindex-status", .get = reindex_status, REST_PARAMS(all_params)});
ROUTES(rest_search_param_routes,
       {"GET", "/fhir/SearchParameter/:id/$status", rest_run_operation, false,
        "status: how far the parameter's index is"},
       {"GET", "/fhir/$reindex-status", rest_run_operation, false,
        "reindex-status: how far the indexes of search parameters are"});
