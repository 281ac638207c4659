/* History of a resource, a type, everything; and Patient/$everything. */
#include "api/api_fhir_int.h"

static Str path_of(const FhirGet *get, const char *last) {
    Arena *arena = get->call->arena;
    if (get->type == FHIR_T_NONE) {
        return str_from(last);
    }
    return get->id.len == 0 ? arena_printf(arena, "%s/%s", fhir_type_name(get->type), last)
                            : arena_printf(arena, "%s/" STR_FMT "/%s", fhir_type_name(get->type),
                                           STR_ARG(get->id), last);
}

/* The given ones of params, percent-encoded, in their order. */
static Str question_of(Arena *arena, const FhirParam *params, size_t n) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (params[i].value.ptr != NULL) {
            buf_printf(&b, "%s%s=", b.len > 0 ? "&" : "", params[i].name);
            fhir_query_put_encoded(&b, params[i].value);
        }
    }
    return arena_str(arena, buf_str(&b));
}

static ErrCode parse_since(Str text, TimeMs *ret_since, ErrInfo *info) {
    TimeMs hi = 0;
    *ret_since = 0;
    if (text.ptr != NULL && time_parse_fhir(text, ret_since, &hi) != ERR_OK) {
        err_where(info, "_since");
        return err_set(info, ERR_PARAM, "parameter-value", "_since must be an instant",
                       "_since phải là một thời điểm");
    }
    return ERR_OK;
}

static ErrCode parse_pretty(Str text, bool *ret_pretty, ErrInfo *info) {
    *ret_pretty = str_eq(text, STR("true"));
    if (text.ptr != NULL && !*ret_pretty && !str_eq(text, STR("false"))) {
        err_where(info, "_pretty");
        return err_set(info, ERR_PARAM, "parameter-value", "_pretty must be true or false",
                       "_pretty phải là true hoặc false");
    }
    return ERR_OK;
}

/* ---- history ---- */

ErrCode fhir_history(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {
    enum { COUNT, SINCE, N_QUESTION, PRETTY = N_QUESTION, PAGE, FORMAT, AT, N };
    FhirParam p[N] = {{"_count", {0}}, {"_since", {0}},  {"_pretty", {0}},
                      {"_page", {0}},  {"_format", {0}}, {"_at", {0}}};
    StoreVersion *versions = NULL;
    FhirPageToken token;
    StoreHistory what = {
        .type = get->type, .id = get->id, .count = (size_t)get->call->api->o.settings->page_count};
    TRY(fhir_params(get->call->arena, get->query, p, N, info));
    if (p[AT].value.ptr != NULL) {
        return err_set(info, ERR_UNSUPPORTED, "parameter-unsupported",
                       "_at is not supported; use _since", "chưa hỗ trợ _at; hãy dùng _since");
    }
    TRY(fhir_count_param(p[COUNT].value, &what.count, info));
    TRY(parse_since(p[SINCE].value, &what.since, info));
    TRY(parse_pretty(p[PRETTY].value, &ret->pretty, info));
    FhirPage page = {.get = get,
                     .path = path_of(get, "_history"),
                     .question = question_of(get->call->arena, p, N_QUESTION),
                     .type = "history",
                     .kind = FHIR_ENTRY_HISTORY};
    TRY(fhir_page_begin(&page, p[PAGE].value, &token, info));
    what.snapshot = token.snapshot != 0 ? token.snapshot : store_snapshot(get->call->api->store);
    what.before = token.after;
    TRY(store_history(get->call->api->store, get->call->arena, &what, &versions, &page.n_entries,
                      &page.next.after));
    page.next.snapshot = what.snapshot;
    page.entries = versions;
    page.has_total = token.after == 0 && page.next.after == 0;
    page.total = page.n_entries;
    return fhir_page_answer(&page, p[PAGE].value, ret);
}

/* ---- everything ---- */

typedef struct Everything {
    Arena *arena;
    StoreVersion *versions;
    size_t n, capacity;
    uint64_t types[FHIR_RESOURCE_COUNT / 64 + 1]; /* _type */
    bool some_types;
    TimeMs since;
} Everything;

static ErrCode parse_types(Str list, Everything *e, ErrInfo *info) {
    Str name;
    e->some_types = list.ptr != NULL;
    while (list.ptr != NULL && str_cut(&list, ',', &name)) {
        FhirType type = fhir_resource_by_name(name);
        if (type == FHIR_T_NONE) {
            err_where(info, "_type");
            return err_set(info, ERR_PARAM, "parameter-value", "'" STR_FMT "' is no resource type",
                           "'" STR_FMT "' không phải là loại tài nguyên", STR_ARG(name));
        }
        e->types[type / 64] |= UINT64_C(1) << type % 64;
    }
    return ERR_OK;
}

static ErrCode gather(void *ctx, const StoreVersion *v) {
    Everything *e = ctx;
    if ((e->some_types && (e->types[v->type / 64] >> v->type % 64 & 1) == 0) ||
        v->time < e->since) {
        return ERR_OK;
    }
    if (e->n == e->capacity) {
        size_t capacity = e->capacity == 0 ? 64 : e->capacity * 2;
        StoreVersion *grown = arena_new_array(e->arena, StoreVersion, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (e->n > 0) {
            memcpy(grown, e->versions, e->n * sizeof(*grown));
        }
        e->versions = grown;
        e->capacity = capacity;
    }
    e->versions[e->n++] = *v;
    return ERR_OK;
}

/* Oldest first: what changes while somebody turns the pages moves behind, so nothing is missed. */
static int compare_slots(const void *a, const void *b) {
    Slot x = ((const StoreVersion *)a)->slot;
    Slot y = ((const StoreVersion *)b)->slot;
    return (x > y) - (x < y);
}

/* Cuts the sorted versions to the page behind `after`. */
static void cut_page(const Everything *e, Slot after, size_t count, FhirPage *page) {
    size_t from = 0;
    while (from < e->n && e->versions[from].slot <= after) {
        from++;
    }
    size_t n = count == 0 ? e->n - from : MIN(count, e->n - from);
    page->entries = e->versions + from;
    page->n_entries = n;
    page->next.after = from + n < e->n ? e->versions[from + n - 1].slot : 0;
    page->has_total = true;
    page->total = e->n;
}

static ErrCode gather_all(const FhirGet *get, Everything *e, ErrInfo *info) {
    StoreVersion patient;
    Store *store = get->call->api->store;
    ErrCode err = store_get(store, e->arena, FHIR_T_PATIENT, get->id, &patient);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return err_set(info, err, "resource-unknown", "there is no Patient/" STR_FMT,
                       "không có Patient/" STR_FMT, STR_ARG(get->id));
    }
    TRY(err);
    TRY(store_patient(store, e->arena, patient.first, gather, e));
    if (e->n > 1) {
        qsort(e->versions, e->n, sizeof(*e->versions), compare_slots);
    }
    return ERR_OK;
}

ErrCode fhir_everything(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {
    enum { COUNT, SINCE, TYPE, N_QUESTION, PRETTY = N_QUESTION, PAGE, FORMAT, N };
    FhirParam p[N] = {{"_count", {0}},  {"_since", {0}}, {"_type", {0}},
                      {"_pretty", {0}}, {"_page", {0}},  {"_format", {0}}};
    Everything e = {.arena = get->call->arena};
    FhirPageToken token;
    size_t count = 0;
    TRY(fhir_params(e.arena, get->query, p, N, info));
    TRY(parse_since(p[SINCE].value, &e.since, info));
    TRY(parse_types(p[TYPE].value, &e, info));
    TRY(parse_pretty(p[PRETTY].value, &ret->pretty, info));
    TRY(fhir_count_param(p[COUNT].value, &count, info));
    FhirPage page = {.get = get,
                     .path = path_of(get, "$everything"),
                     .question = question_of(e.arena, p, N_QUESTION),
                     .type = "searchset",
                     .kind = FHIR_ENTRY_MATCH};
    TRY(fhir_page_begin(&page, p[PAGE].value, &token, info));
    TRY(gather_all(get, &e, info));
    cut_page(&e, token.after, count, &page);
    return fhir_page_answer(&page, p[PAGE].value, ret);
}
