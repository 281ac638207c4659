/* Patient/$everything: the patient's record, oldest first, and what it directly refers to outside
 * of any patient's record (organisations, practitioners, places, medications).
 * Encounter/$everything: the encounter, what refers to it, and what these directly refer to (the
 * patient, too). Each page stands alone, as those of searches do: what its resources refer to comes
 * with it, and what only resources refer to that _type, _since or the dates left out between them.
 *
 * A page is made while its records are read, and nothing else is read: a resource's text goes from
 * the record into the Bundle, and references are found in the text.
 */
#include "rest/rest_operation.h"
#include "core/hash.h"
#include "store/store_scan.h"

/* What is known of a "Type/id": the largest holds. */
typedef enum Known {
    KNOWN_LEFT_OUT, /* only what was left out for its age refers to it: it must be newer */
    KNOWN_REFERRED,
    KNOWN_OWN, /* stands in the record itself */
} Known;

typedef struct Target {
    Str text;
    Known known;
} Target;

typedef struct Everything {
    const RestGet *get;
    Arena *arena;
    RestBundle bundle;                            /* the entries so far */
    uint64_t types[FHIR_RESOURCE_COUNT / 64 + 1]; /* _type */
    bool some_types;
    TimeMs since;
    TimeMs start, end; /* care dates [start, end): INT64_MIN and INT64_MAX are open ends */
    Str encounter;     /* "Encounter/id": only what refers to it; empty: the whole record */
    Slot patient;      /* whose record it is; 0: nobody's */
    Arena *dates;      /* one resource's, while its dates are looked at */
    Slot after, last;  /* the page is what stands behind `after`, up to `last` */
    size_t count, n;   /* entries: at most (0: all), so far */
    bool more;         /* another page follows */
    Target *targets;   /* in the order in which they came */
    size_t n_targets, capacity;
    uint32_t *table; /* place of a target plus one by its text: open addressing; 0: free */
    size_t table_mask;
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
static ErrCode touches_span(const Everything *e, const StoreVersion *v, bool *ret_touches) {
    const JsonNode *root = NULL;
    size_t n = 0;
    const FhirSearchParam *params = fhir_search_params(v->type, &n);
    FhirExtractSome some = {.type = v->type};
    Dates d = {.sink = {.put = put_date}, .e = e};
    if ((e->start == INT64_MIN && e->end == INT64_MAX) || v->type == FHIR_T_PATIENT ||
        v->type == FHIR_T_RELATED_PERSON || v->type == FHIR_T_PERSON) {
        *ret_touches = true;
        return ERR_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (params[i].type == FHIR_PARAM_DATE) {
            fhir_extract_want(&some, params[i].id);
        }
    }
    arena_reset(e->dates);
    TRY(json_parse(e->dates, v->json, &root, NULL));
    TRY(fhir_extract_some(e->dates, &some, root, &d.sink));
    *ret_touches = !d.any || d.touches;
    return ERR_OK;
}

/* ---- what it refers to ---- */

static size_t place_of(const Everything *e, Str text) {
    size_t i = hash64(text) & e->table_mask;
    while (e->table[i] != 0 && !str_eq(e->targets[e->table[i] - 1].text, text)) {
        i = (i + 1) & e->table_mask;
    }
    return i;
}

/* Twice as much room for targets, and a table of which they fill at most the half. */
static ErrCode grow_targets(Everything *e) {
    size_t size = e->capacity == 0 ? 256 : e->capacity * 2;
    Target *grown =
        arena_resize(e->arena, e->targets, e->capacity * sizeof(*grown), size * sizeof(*grown));
    uint32_t *table = arena_calloc(e->arena, 2 * size, sizeof(*table));
    if (grown == NULL || table == NULL) {
        return ERR_NOMEM;
    }
    e->targets = grown;
    e->capacity = size;
    e->table = table;
    e->table_mask = 2 * size - 1;
    for (size_t i = 0; i < e->n_targets; i++) {
        e->table[place_of(e, e->targets[i].text)] = (uint32_t)i + 1;
    }
    return ERR_OK;
}

static ErrCode note(Everything *e, Str text, Known known) {
    if (e->n_targets == e->capacity) {
        TRY(grow_targets(e));
    }
    size_t at = place_of(e, text);
    if (e->table[at] == 0) {
        e->targets[e->n_targets++] = (Target){arena_str(e->arena, text), known};
        e->table[at] = (uint32_t)e->n_targets;
    } else {
        Target *t = &e->targets[e->table[at] - 1];
        t->known = MAX(t->known, known);
    }
    return ERR_OK;
}

/* Of a whole patient's record: its own resources are not looked up when they refer to each other.
 */
static ErrCode note_own(Everything *e, const StoreVersion *v) {
    char text[128];
    Str type = str_from(fhir_type_name(v->type));
    assert(type.len + 1 + v->id.len <= sizeof(text));
    memcpy(text, type.ptr, type.len);
    text[type.len] = '/';
    memcpy(text + type.len + 1, v->id.ptr, v->id.len);
    return note(e, (Str){text, type.len + 1 + v->id.len}, KNOWN_OWN);
}

/* Of an Encounter the patient comes, too; another Patient is never added. */
static bool adds_patients(const Everything *e) {
    return e->encounter.len > 0 && e->patient != 0;
}

/* "Type/id" of a reference's text, without a version; empty for others. */
static Str target_of(Str text) {
    size_t slash = str_find_char(text, '/', 0);
    size_t end = slash == SIZE_MAX ? SIZE_MAX : str_find_char(text, '/', slash + 1);
    return slash == SIZE_MAX || slash == 0 || text.ptr[0] < 'A' || text.ptr[0] > 'Z'
               ? STR_EMPTY
               : str_sub(text, 0, MIN(end, text.len));
}

/* All references of a stored text. Stored texts are canonical, and a quote inside a string is
 * escaped: these bytes are a member's name wherever they stand. */
static ErrCode refer(Everything *e, const StoreVersion *v, Known known) {
    static const Str member = {"\"reference\":\"", 13};
    bool patients = adds_patients(e);
    Str rest = v->json;
    size_t at = 0;
    while ((at = str_find(rest, member)) != SIZE_MAX) {
        Str text;
        rest = str_sub(rest, at + member.len, rest.len);
        (void)str_cut(&rest, '"', &text);
        Str target = target_of(text);
        if (target.len > 0 && (patients || !str_starts(target, STR("Patient/")))) {
            TRY(note(e, target, known));
        }
    }
    return ERR_OK;
}

/* Fetches "Type/id"; adds it when it belongs to no patient's record and was asked for. */
static ErrCode put_target(Everything *e, const Target *target) {
    StoreVersion v;
    Str id = target->text;
    Str name;
    (void)str_cut(&id, '/', &name);
    FhirType type = fhir_resource_by_name(name);
    if (type == FHIR_T_NONE || !wants_type(e, type)) {
        return ERR_OK;
    }
    ErrCode err = store_get(e->get->call->rest->store, e->arena, type, id, &v);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK;
    }
    TRY(err);
    bool own = adds_patients(e) && (v.patient == e->patient || v.first == e->patient);
    bool late = target->known == KNOWN_REFERRED || v.time >= e->since;
    if ((v.patient == 0 || own) && late) {
        rest_bundle_put(&e->bundle, &v, 1, REST_ENTRY_INCLUDE);
    }
    return ERR_OK;
}

/* First what the page refers to. */
static ErrCode put_targets(Everything *e) {
    for (int known = KNOWN_REFERRED; known >= KNOWN_LEFT_OUT; known--) {
        for (size_t i = 0; i < e->n_targets; i++) {
            if ((int)e->targets[i].known == known) {
                TRY(put_target(e, &e->targets[i]));
            }
        }
    }
    return ERR_OK;
}

/* ---- the record ---- */

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

static bool is_behind(void *ctx, const StoreVersion *v) {
    return v->slot > ((const Everything *)ctx)->after;
}

/* The next resource, oldest first. ERR_STOPPED: the page is full and another one follows. */
static ErrCode take(void *ctx, const StoreVersion *v) {
    Everything *e = ctx;
    bool wanted = wants_type(e, v->type) && v->time >= e->since;
    if (!is_of_encounter(e, v)) {
        return ERR_OK;
    }
    if (wanted) {
        TRY(touches_span(e, v, &wanted));
    }
    e->more = wanted && e->count > 0 && e->n == e->count;
    if (e->more) {
        return ERR_STOPPED;
    }
    TRY(note_own(e, v));
    if (wanted) {
        rest_bundle_put(&e->bundle, v, 1, REST_ENTRY_MATCH);
        e->n++;
        e->last = v->slot;
    }
    return refer(e, v, wanted || v->time >= e->since ? KNOWN_REFERRED : KNOWN_LEFT_OUT);
}

typedef struct Found {
    StoreVersion *versions;
    size_t n, capacity;
} Found;

static ErrCode find_of_type(Everything *e, const FhirQuery *q, Found *found, ErrInfo *info) {
    StorePage page = {.next = 0};
    do {
        StoreSearch search = {
            .query = q, .snapshot = page.snapshot, .after = page.next, .count = LIMIT_PAGE_COUNT};
        TRY(store_search(e->get->call->rest->store, e->arena, &search, &page, info));
        size_t more = found->n + page.n_matches;
        if (more > found->capacity) {
            StoreVersion *grown =
                arena_resize(e->arena, found->versions, found->capacity * sizeof(*grown),
                             2 * more * sizeof(*grown));
            if (grown == NULL) {
                return ERR_NOMEM;
            }
            found->versions = grown;
            found->capacity = 2 * more;
        }
        memcpy(found->versions + found->n, page.matches, page.n_matches * sizeof(*page.matches));
        found->n = more;
    } while (page.next != 0);
    return ERR_OK;
}

static int compare_slots(const void *a, const void *b) {
    Slot x = ((const StoreVersion *)a)->slot;
    Slot y = ((const StoreVersion *)b)->slot;
    return (x > y) - (x < y);
}

/* An encounter of no patient: what refers to it is found by search. */
static ErrCode take_unowned(Everything *e, const StoreVersion *encounter, ErrInfo *info) {
    FhirQuery all;
    FhirQuery one;
    Found found = {.versions = arena_new_array(e->arena, StoreVersion, 1), .n = 1, .capacity = 1};
    FhirQueryScope scope = {.compartment = FHIR_T_ENCOUNTER,
                            .compartment_id = e->get->id,
                            .base_url = e->get->call->rest->base_url,
                            .info = info};
    if (found.versions == NULL) {
        return ERR_NOMEM;
    }
    found.versions[0] = *encounter;
    TRY(fhir_query_parse(e->arena, &scope, STR_EMPTY, &all));
    for (size_t at = 0; fhir_query_of(&all, at, &one); at++) {
        if (one.type != FHIR_T_ENCOUNTER) { /* which stands there already */
            TRY(find_of_type(e, &one, &found, info));
        }
    }
    qsort(found.versions, found.n, sizeof(*found.versions), compare_slots);
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < found.n && err == ERR_OK; i++) {
        err = is_behind(e, &found.versions[i]) ? take(e, &found.versions[i]) : ERR_OK;
    }
    return err;
}

static ErrCode take_all(Everything *e, ErrInfo *info) {
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
        TRY(note_own(e, &v)); /* on later pages, too */
    }
    StoreScan scan = {.first = SLOT_RECORD(e->after), .want = is_behind, .each = take, .ctx = e};
    err =
        e->patient == 0 ? take_unowned(e, &v, info) : store_scan_patient(store, e->patient, &scan);
    return err == ERR_STOPPED && e->more ? ERR_OK : err;
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
    TRY(rest_params(e.arena, get->query, p, N, info));
    TRY(rest_since_param(p[SINCE].value, &e.since, info));
    TRY(parse_types(p[TYPE].value, &e, info));
    TRY(parse_span(p[START].value, p[END].value, &e, info));
    TRY(rest_pretty_param(p[PRETTY].value, &ret->pretty, info));
    TRY(rest_count_param(p[COUNT].value, &e.count, info));
    RestPage page = {.get = get,
                     .path = rest_path_of(get, "$everything"),
                     .question = rest_question_of(e.arena, p, N_QUESTION),
                     .type = "searchset"};
    TRY(rest_page_begin(&page, p[PAGE].value, &token, info));
    e.after = token.after;
    rest_page_open(&page, &e.bundle, ret);
    TRY(take_all(&e, info));
    TRY(put_targets(&e));
    page.next.after = e.more ? e.last : 0;
    page.has_total = token.after == 0 && !e.more;
    page.total = e.n;
    return rest_page_close(&page, p[PAGE].value, &e.bundle);
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

ROUTES(rest_everything_routes,
       {"GET", "/fhir/Patient/:id/$everything", rest_run_operation, false,
        "everything: the whole record of a patient"},
       {"POST", "/fhir/Patient/:id/$everything", rest_run_operation, false,
        "everything: with Parameters"},
       {"GET", "/fhir/Encounter/:id/$everything", rest_run_operation, false,
        "everything: all that belongs to an encounter"},
       {"POST", "/fhir/Encounter/:id/$everything", rest_run_operation, false,
        "everything: with Parameters"});
