/* History of a resource, a type, everything. */
#include "rest/rest_fhir.h"
#include "fhir/fhir_reference.h"

enum { LIST_MAX = 1000 };

typedef struct Asked {
    const RestGet *get;
    StoreHistory what;
    Str list; /* _list */
    StoreVersion *versions;
    size_t n;
    Slot next;
} Asked;

static ErrCode at_param(Str text, TimeMs at[2], ErrInfo *info) {
    if (text.ptr == NULL || time_parse_fhir(text, &at[0], &at[1]) == ERR_OK) {
        return ERR_OK;
    }
    err_where(info, "_at");
    return err_set(info, ERR_PARAM, "parameter-value", "_at must be a date or a time",
                   "_at phải là ngày hoặc thời điểm");
}

/* ---- _list: what a List names, each resource with its history, or with the one version that the
 * reference names ---- */

typedef struct Gathered {
    StoreVersion *versions;
    size_t n, capacity;
} Gathered;

static ErrCode add_all(Arena *arena, Gathered *g, const StoreVersion *versions, size_t n) {
    if (g->n + n > g->capacity) {
        size_t capacity = MAX(2 * g->capacity, g->n + n);
        StoreVersion *grown = arena_new_array(arena, StoreVersion, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (g->n > 0) {
            memcpy(grown, g->versions, g->n * sizeof(*grown));
        }
        g->versions = grown;
        g->capacity = capacity;
    }
    if (n > 0) {
        memcpy(g->versions + g->n, versions, n * sizeof(*versions));
    }
    g->n += n;
    return ERR_OK;
}

static ErrCode add_listed(Asked *a, Str text, Gathered *g) {
    FhirReference r;
    Arena *arena = a->get->call->arena;
    StoreVersion *versions = NULL;
    StoreHistory one = a->what;
    size_t n = 0;
    Slot next = 0;
    uint64_t version = 0;
    if (fhir_reference_parse(text, &r) != ERR_OK || r.kind != FHIR_REF_RELATIVE ||
        (a->what.type != FHIR_T_NONE && a->what.type != r.type) ||
        (a->what.id.len > 0 && !str_eq(a->what.id, r.id))) {
        return ERR_OK;
    }
    one.type = r.type;
    one.id = r.id;
    one.count++; /* one more than the page: is there a next? */
    ErrCode err = store_history(a->get->call->rest->store, arena, &one, &versions, &n, &next);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(err);
    if (r.version.len == 0 || str_to_u64(r.version, &version) != ERR_OK) {
        return add_all(arena, g, versions, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (versions[i].version == version) {
            return add_all(arena, g, &versions[i], 1);
        }
    }
    return ERR_OK;
}

static int newest_first(const void *x, const void *y) {
    Slot a = ((const StoreVersion *)x)->slot;
    Slot b = ((const StoreVersion *)y)->slot;
    return (a < b) - (a > b);
}

static ErrCode cut_listed(Asked *a, Gathered *g) {
    size_t n = 0;
    if (g->n > 1) {
        qsort(g->versions, g->n, sizeof(*g->versions), newest_first);
    }
    for (size_t i = 0; i < g->n; i++) { /* a list may name one twice */
        if (n == 0 || g->versions[n - 1].slot != g->versions[i].slot) {
            g->versions[n++] = g->versions[i];
        }
    }
    a->versions = g->versions;
    a->n = MIN(n, a->what.count);
    a->next = n > a->what.count ? g->versions[a->what.count - 1].slot : 0;
    return ERR_OK;
}

static ErrCode history_of_list(Asked *a, ErrInfo *info) {
    StoreVersion v;
    const JsonNode *root = NULL;
    Gathered g = {0};
    Arena *arena = a->get->call->arena;
    RestGet get = {.type = FHIR_T_LIST, .id = a->list};
    size_t n = 0;
    ErrCode err = store_get(a->get->call->rest->store, arena, FHIR_T_LIST, a->list, &v);
    if (err != ERR_OK) {
        return rest_absent(&get, err, info);
    }
    TRY(json_parse(arena, v.json, &root, NULL));
    const JsonNode *list = json_get_lit(root, "entry");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        if (++n > LIST_MAX) {
            return err_set(info, ERR_LIMIT, "history-list", "the list has more than %d entries",
                           "danh sách có hơn %d mục", LIST_MAX);
        }
        TRY(add_listed(a, json_str(arena, json_path(at, "item.reference")), &g));
    }
    return cut_listed(a, &g);
}

/* ---- the request ---- */

static ErrCode run(Asked *a, ErrInfo *info) {
    if (a->list.ptr != NULL) {
        return history_of_list(a, info);
    }
    ErrCode err = store_history(a->get->call->rest->store, a->get->call->arena, &a->what,
                                &a->versions, &a->n, &a->next);
    return err == ERR_OK ? ERR_OK : rest_absent(a->get, err, info);
}

ErrCode rest_history(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    enum { COUNT, SINCE, AT, LIST, PRINT, PRETTY = PRINT + 2, N_QUESTION = 8, PAGE = 8, N };
    RestParam p[N] = {{"_count", {0}},  {"_since", {0}},   {"_at", {0}},
                      {"_list", {0}},   {"_summary", {0}}, {"_elements", {0}},
                      {"_pretty", {0}}, {"_format", {0}},  {"_page", {0}}};
    Rest *rest = get->call->rest;
    RestPageToken token;
    Asked a = {
        .get = get,
        .what = {.type = get->type, .id = get->id, .count = (size_t)rest->o.settings->page_count}};
    TRY(rest_params(get->call->arena, get->query, p, N, info));
    TRY(rest_count_param(p[COUNT].value, &a.what.count, info));
    TRY(rest_since_param(p[SINCE].value, &a.what.since, info));
    TRY(at_param(p[AT].value, a.what.at, info));
    TRY(rest_pretty_param(p[PRETTY].value, &ret->pretty, info));
    RestGet as_read = *get;
    FhirPrintOptions print;
    as_read.query = rest_question_of(get->call->arena, p + PRINT, N_QUESTION - PRINT);
    TRY(rest_print_params(&as_read, &print, info));
    a.list = p[LIST].value;
    RestPage page = {.get = get,
                     .path = rest_path_of(get, "_history"),
                     .question = rest_question_of(get->call->arena, p, N_QUESTION),
                     .type = "history",
                     .print = &print,
                     .kind = REST_ENTRY_HISTORY};
    TRY(rest_page_begin(&page, p[PAGE].value, &token, info));
    a.what.snapshot = token.snapshot != 0 ? token.snapshot : store_snapshot(rest->store);
    a.what.before = token.after;
    TRY(run(&a, info));
    page.next = (RestPageToken){a.what.snapshot, a.next};
    page.entries = a.versions;
    page.n_entries = a.n;
    page.has_total = token.after == 0 && a.next == 0;
    page.total = a.n;
    return rest_page_answer(&page, p[PAGE].value, ret);
}
