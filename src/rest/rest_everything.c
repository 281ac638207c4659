/* Patient/$everything: the patient's record, oldest first, and what it directly refers to outside
 * of any patient's record (organisations, practitioners, places, medications).
 * Encounter/$everything: the encounter, what refers to it, and what these directly refer to (the
 * patient, too). What a page's resources refer to comes with that page unless an earlier one
 * brought it; the last page also brings what only resources left out by _type or _since refer to.
 */
#include "rest/rest_operation.h"
#include "core/hash.h"

typedef struct Everything {
    const RestGet *get;
    Arena *arena;
    StoreVersion *versions; /* the record; those that were not asked for stand behind n */
    size_t n, n_all, capacity;
    uint64_t types[FHIR_RESOURCE_COUNT / 64 + 1]; /* _type */
    bool some_types;
    TimeMs since;
    TimeMs start, end; /* care dates [start, end): INT64_MIN and INT64_MAX are open ends */
    Str encounter;     /* "Encounter/id": only what refers to it; empty: the whole record */
    Slot patient;      /* whose record it is; 0: nobody's */
    Arena *dates;      /* one resource's, while its dates are looked at */
    ErrCode err;
    Str *seen; /* "Type/id" of the record and of what was referred to: open addressing */
    size_t seen_mask, n_seen;
    StoreVersion *referred;
    size_t n_referred, referred_capacity;
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

static bool wants_type(const Everything *e, FhirType type) {
    return !e->some_types || (e->types[type / 64] >> type % 64 & 1) != 0;
}

/* ---- care dates ---- */

static ErrCode parse_day(Str text, const char *name, TimeMs span[2], ErrInfo *info) {
    if (text.ptr == NULL || time_parse_fhir(text, &span[0], &span[1]) == ERR_OK) {
        return ERR_OK;
    }
    err_where(info, "%s", name);
    return err_set(info, ERR_PARAM, "parameter-value", "%s must be a date", "%s phải là một ngày",
                   name);
}

/* Both days inclusive. Encounters are of one time: they have no such parameters. */
static ErrCode parse_span(Str start, Str end, Everything *e, ErrInfo *info) {
    TimeMs first[2] = {INT64_MIN, INT64_MIN};
    TimeMs last[2] = {INT64_MAX, INT64_MAX};
    if (e->get->type == FHIR_T_ENCOUNTER && (start.ptr != NULL || end.ptr != NULL)) {
        return err_set(info, ERR_PARAM, "parameter-unknown", "start and end are for patients only",
                       "start và end chỉ dùng cho Patient");
    }
    TRY(parse_day(start, "start", first, info));
    TRY(parse_day(end, "end", last, info));
    e->start = first[0];
    e->end = last[1];
    return ERR_OK;
}

typedef struct Dates {
    FhirIndexSink sink;
    const Everything *e;
    bool any, touches;
} Dates;

static void put_date(FhirIndexSink *sink, const FhirIndexValue *value) {
    Dates *d = (Dates *)sink;
    if (value->kind == FHIR_INDEX_DATE) {
        d->any = true;
        d->touches = d->touches || (value->date.lo < d->e->end && value->date.hi > d->e->start);
    }
}

/* One of the dates that its search parameters read touches the span, or it has none. People are
 * there at any time: their dates are no dates of care. */
static bool touches_span(Everything *e, const StoreVersion *v) {
    const JsonNode *root = NULL;
    size_t n = 0;
    const FhirSearchParam *params = fhir_search_params(v->type, &n);
    FhirExtractSome some = {.type = v->type};
    Dates d = {.sink = {.put = put_date}, .e = e};
    if ((e->start == INT64_MIN && e->end == INT64_MAX) || v->type == FHIR_T_PATIENT ||
        v->type == FHIR_T_RELATED_PERSON || v->type == FHIR_T_PERSON) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (params[i].type == FHIR_PARAM_DATE) {
            fhir_extract_want(&some, params[i].id);
        }
    }
    arena_reset(e->dates);
    ErrCode err = json_parse(e->dates, v->json, &root, NULL);
    err = err == ERR_OK ? fhir_extract_some(e->dates, &some, root, &d.sink) : err;
    e->err = e->err == ERR_OK ? err : e->err;
    return !d.any || d.touches;
}

static bool is_wanted(Everything *e, const StoreVersion *v) {
    return wants_type(e, v->type) && v->time >= e->since && touches_span(e, v);
}

/* ---- the record ---- */

static ErrCode put_version(Arena *arena, StoreVersion **list, size_t n, size_t *capacity) {
    if (n < *capacity) {
        return ERR_OK;
    }
    size_t more = *capacity == 0 ? 64 : *capacity * 2;
    StoreVersion *grown = arena_new_array(arena, StoreVersion, more);
    if (grown == NULL) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(grown, *list, n * sizeof(*grown));
    }
    *list = grown;
    *capacity = more;
    return ERR_OK;
}

/* Is it the encounter, or does it refer to it (any version)? */
static bool is_of_encounter(const Everything *e, const StoreVersion *v) {
    size_t at = 0;
    Str rest = v->json;
    if (e->encounter.len == 0 || (v->type == FHIR_T_ENCOUNTER && str_eq(v->id, e->get->id))) {
        return true;
    }
    while ((at = str_find(rest, e->encounter)) != SIZE_MAX) {
        rest = str_sub(rest, at + e->encounter.len, rest.len);
        if (str_starts(rest, STR("\"")) || str_starts(rest, STR("/_history/"))) {
            return true;
        }
    }
    return false;
}

static ErrCode gather(void *ctx, const StoreVersion *v) {
    Everything *e = ctx;
    if (!is_of_encounter(e, v)) {
        return ERR_OK;
    }
    TRY(put_version(e->arena, &e->versions, e->n_all, &e->capacity));
    e->versions[e->n_all++] = *v;
    return ERR_OK;
}

/* Oldest first: what changes while somebody turns the pages moves behind, so nothing is missed. */
static int compare_slots(const void *a, const void *b) {
    Slot x = ((const StoreVersion *)a)->slot;
    Slot y = ((const StoreVersion *)b)->slot;
    return (x > y) - (x < y);
}

/* Wanted ones first, both parts in the order of slots. */
static ErrCode sort_wanted(Everything *e) {
    StoreVersion *sorted = arena_new_array(e->arena, StoreVersion, e->n_all + 1);
    bool *take = arena_new_array(e->arena, bool, e->n_all + 1);
    size_t at = 0;
    if (sorted == NULL || take == NULL) {
        return ERR_NOMEM;
    }
    if (e->n_all > 1) {
        qsort(e->versions, e->n_all, sizeof(*e->versions), compare_slots);
    }
    for (size_t i = 0; i < e->n_all; i++) {
        take[i] = is_wanted(e, &e->versions[i]);
    }
    for (int wanted = 1; wanted >= 0; wanted--) {
        for (size_t i = 0; i < e->n_all; i++) {
            if (take[i] == (wanted == 1)) {
                sorted[at++] = e->versions[i];
            }
        }
        e->n = wanted == 1 ? at : e->n;
    }
    e->versions = sorted;
    return e->err;
}

static ErrCode gather_search(Everything *e, const FhirQuery *q, ErrInfo *info) {
    StorePage page = {.next = 0};
    do {
        StoreSearch search = {
            .query = q, .snapshot = page.snapshot, .after = page.next, .count = LIMIT_PAGE_COUNT};
        TRY(store_search(e->get->call->rest->store, e->arena, &search, &page, info));
        for (size_t i = 0; i < page.n_matches; i++) {
            if (q->type != FHIR_T_ENCOUNTER) { /* which stands there already */
                TRY(gather(e, &page.matches[i]));
            }
        }
    } while (page.next != 0);
    return ERR_OK;
}

/* An encounter of no patient: what refers to it is found by search. */
static ErrCode gather_unowned(Everything *e, ErrInfo *info) {
    FhirQuery all;
    FhirQuery one;
    FhirQueryScope scope = {.compartment = FHIR_T_ENCOUNTER,
                            .compartment_id = e->get->id,
                            .base_url = e->get->call->rest->base_url,
                            .info = info};
    TRY(fhir_query_parse(e->arena, &scope, STR_EMPTY, &all));
    for (size_t at = 0; fhir_query_of(&all, at, &one); at++) {
        TRY(gather_search(e, &one, info));
    }
    return ERR_OK;
}

static ErrCode gather_all(Everything *e, ErrInfo *info) {
    StoreVersion v;
    const RestGet *get = e->get;
    Store *store = get->call->rest->store;
    ErrCode err = store_get(store, e->arena, get->type, get->id, &v);
    if (err != ERR_OK) {
        return rest_absent(get, err, info);
    }
    e->patient = get->type == FHIR_T_PATIENT ? v.first : v.patient;
    if (get->type == FHIR_T_ENCOUNTER) {
        e->encounter =
            arena_printf(e->arena, "\"reference\":\"Encounter/" STR_FMT, STR_ARG(get->id));
    }
    if (e->patient == 0) {
        TRY(gather(e, &v));
        TRY(gather_unowned(e, info));
    } else {
        TRY(store_patient(store, e->arena, e->patient, gather, e));
    }
    return sort_wanted(e);
}

/* ---- what it refers to ---- */

static ErrCode grow_seen(Everything *e);

/* True when the text is new. ERR_NOMEM through *err. */
static bool note(Everything *e, Str text, ErrCode *err) {
    if (2 * e->n_seen >= e->seen_mask) {
        *err = grow_seen(e);
        if (*err != ERR_OK) {
            return false;
        }
    }
    size_t i = hash64(text) & e->seen_mask;
    while (e->seen[i].len > 0 && !str_eq(e->seen[i], text)) {
        i = (i + 1) & e->seen_mask;
    }
    bool fresh = e->seen[i].len == 0;
    e->seen[i] = text;
    e->n_seen += fresh;
    return fresh;
}

static ErrCode grow_seen(Everything *e) {
    Str *old = e->seen;
    size_t n = old == NULL ? 0 : e->seen_mask + 1;
    size_t size = n == 0 ? 256 : n * 4;
    ErrCode err = ERR_OK;
    e->seen = arena_new_array(e->arena, Str, size);
    if (e->seen == NULL) {
        return ERR_NOMEM;
    }
    e->seen_mask = size - 1;
    e->n_seen = 0;
    for (size_t i = 0; i < n; i++) {
        (void)(old[i].len > 0 && note(e, old[i], &err));
    }
    return err;
}

/* Fetches "Type/id"; keeps it when it belongs to no patient's record and was asked for. */
static ErrCode refer_to(Everything *e, Str text, bool only_new) {
    StoreVersion v;
    Str id = text;
    Str name;
    (void)str_cut(&id, '/', &name);
    FhirType type = fhir_resource_by_name(name);
    bool of_encounter = e->encounter.len > 0 && e->patient != 0;
    if (type == FHIR_T_NONE || (type == FHIR_T_PATIENT && !of_encounter) || !wants_type(e, type)) {
        return ERR_OK;
    }
    ErrCode err = store_get(e->get->call->rest->store, e->arena, type, id, &v);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK;
    }
    TRY(err);
    bool own = of_encounter && (v.patient == e->patient || v.first == e->patient);
    if ((v.patient != 0 && !own) || (only_new && v.time < e->since)) {
        return ERR_OK;
    }
    TRY(put_version(e->arena, &e->referred, e->n_referred, &e->referred_capacity));
    e->referred[e->n_referred++] = v;
    return ERR_OK;
}

/* "Type/id" of a reference's text, without a version; empty for others. */
static Str target_of(Str text) {
    size_t slash = str_find_char(text, '/', 0);
    size_t end = slash == SIZE_MAX ? SIZE_MAX : str_find_char(text, '/', slash + 1);
    return slash == SIZE_MAX || slash == 0 || text.ptr[0] < 'A' || text.ptr[0] > 'Z'
               ? STR_EMPTY
               : str_sub(text, 0, MIN(end, text.len));
}

typedef enum Refer { REFER_NOTE, REFER_FETCH, REFER_FETCH_NEW } Refer;

/* All references of a stored text. Stored texts are canonical, and a quote inside a string is
 * escaped: these bytes are a member's name wherever they stand. */
static ErrCode refer(Everything *e, const StoreVersion *v, Refer what) {
    static const Str member = {"\"reference\":\"", 13};
    Str rest = v->json;
    size_t at = 0;
    ErrCode err = ERR_OK;
    while (err == ERR_OK && (at = str_find(rest, member)) != SIZE_MAX) {
        Str text;
        rest = str_sub(rest, at + member.len, rest.len);
        (void)str_cut(&rest, '"', &text);
        Str target = target_of(text);
        if (target.len > 0 && note(e, target, &err) && what != REFER_NOTE) {
            err = refer_to(e, target, what == REFER_FETCH_NEW);
        }
    }
    return err;
}

static ErrCode refer_page(Everything *e, const RestPage *page) {
    size_t from = (size_t)(page->entries - e->versions);
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < e->n_all && err == ERR_OK; i++) {
        const StoreVersion *v = &e->versions[i];
        const Str parts[] = {str_from(fhir_type_name(v->type)), STR("/"), v->id};
        (void)note(e, arena_join(e->arena, parts, ARRAY_LEN(parts)), &err);
    }
    TRY(err);
    for (size_t i = 0; i < from + page->n_entries; i++) {
        TRY(refer(e, &e->versions[i], i < from ? REFER_NOTE : REFER_FETCH));
    }
    for (size_t i = e->n; page->next.after == 0 && i < e->n_all; i++) {
        TRY(refer(e, &e->versions[i],
                  e->versions[i].time < e->since ? REFER_FETCH_NEW : REFER_FETCH));
    }
    return ERR_OK;
}

/* ---- pages ---- */

/* Cuts the sorted versions to the page behind `after`. */
static void cut_page(const Everything *e, Slot after, size_t count, RestPage *page) {
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

ErrCode rest_everything(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    enum { COUNT, SINCE, TYPE, START, END, PRETTY, FORMAT, N_QUESTION, PAGE = N_QUESTION, N };
    RestParam p[N] = {{"_count", {0}}, {"_since", {0}},  {"_type", {0}},   {"start", {0}},
                      {"end", {0}},    {"_pretty", {0}}, {"_format", {0}}, {"_page", {0}}};
    CLEANUP_ARENA Arena *dates = arena_new(LIMIT_REQUEST_BYTES);
    Everything e = {.get = get, .arena = get->call->arena, .dates = dates};
    if (dates == NULL) {
        return ERR_NOMEM;
    }
    RestPageToken token;
    size_t count = 0;
    TRY(rest_params(e.arena, get->query, p, N, info));
    TRY(rest_since_param(p[SINCE].value, &e.since, info));
    TRY(parse_types(p[TYPE].value, &e, info));
    TRY(parse_span(p[START].value, p[END].value, &e, info));
    TRY(rest_pretty_param(p[PRETTY].value, &ret->pretty, info));
    TRY(rest_count_param(p[COUNT].value, &count, info));
    RestPage page = {.get = get,
                     .path = rest_path_of(get, "$everything"),
                     .question = rest_question_of(e.arena, p, N_QUESTION),
                     .type = "searchset",
                     .kind = REST_ENTRY_MATCH};
    TRY(rest_page_begin(&page, p[PAGE].value, &token, info));
    TRY(gather_all(&e, info));
    cut_page(&e, token.after, count, &page);
    TRY(refer_page(&e, &page));
    page.includes = e.referred;
    page.n_includes = e.n_referred;
    return rest_page_answer(&page, p[PAGE].value, ret);
}

#define COMMON_PARAMS                                                                              \
    {REST_IN, "_since", "instant", 0, "1", "only what changed since then"},                        \
        {REST_IN, "_type", "code", 0, "1", "only resources of these types, with commas"},          \
        {REST_IN, "_count", "integer", 0, "1", "resources of a page"},                             \
        {REST_OUT, "return", "Bundle", 1, "1", "a searchset: the record, and what it refers to"},
static const RestOpParam patient_params[] = {
    {REST_IN, "start", "date", 0, "1", "care from this day on, and what has no date"},
    {REST_IN, "end", "date", 0, "1", "care up to this day, and what has no date"},
    COMMON_PARAMS};
static const RestOpParam encounter_params[] = {COMMON_PARAMS};
OPERATIONS(rest_everything_operations,
           {.on = "Patient",
            .name = "everything",
            .base = "http://hl7.org/fhir/OperationDefinition/Patient-everything",
            .get = rest_everything,
            REST_PARAMS(patient_params)},
           {.on = "Encounter",
            .name = "everything",
            .base = "http://hl7.org/fhir/OperationDefinition/Encounter-everything",
            .get = rest_everything,
            REST_PARAMS(encounter_params)});
