/* Observation/$lastn: the newest observations of each code
 * (http://hl7.org/fhir/R4/observation-operation-lastn.html), and $versions.
 * What is asked is a search on observations (patient and category or code among others); its hits
 * are gone through, and of each code the newest `max` kept, by the time that they are about. */
#include "rest/rest_operation.h"

#include "core/hash.h"

enum { LASTN_READ = 20000, LASTN_MAX = 1000 };

typedef struct Hit {
    StoreVersion version;
    uint64_t code;
    TimeMs when; /* INT64_MIN: not said */
} Hit;

typedef struct Lastn {
    const RestGet *get;
    Arena *arena;
    size_t max;
    Hit *hits;
    size_t n, capacity;
    Str question;
} Lastn;

/* ---- what an observation is about ---- */

/* By its first coding, else by its text. */
static uint64_t code_of(Arena *arena, const JsonNode *root) {
    const JsonNode *code = json_get_lit(root, "code");
    const JsonNode *list = json_get_lit(code, "coding");
    const JsonNode *coding = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    if (coding == NULL) {
        return hash64(json_str(arena, json_get_lit(code, "text")));
    }
    return hash64_mix(hash64(json_str(arena, json_get_lit(coding, "system"))),
                      hash64(json_str(arena, json_get_lit(coding, "code"))));
}

static TimeMs when_of(const JsonNode *root) {
    static const char *const paths[] = {"effectiveDateTime", "effectiveInstant",
                                        "effectivePeriod.end", "effectivePeriod.start", "issued"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        TimeMs lo = 0;
        TimeMs hi = 0;
        const JsonNode *node = json_path(root, paths[i]);
        if (json_is(node, JSON_STRING) && time_parse_fhir(json_raw_str(node), &lo, &hi) == ERR_OK) {
            return lo;
        }
    }
    return INT64_MIN;
}

static ErrCode add_hit(Lastn *l, const StoreVersion *v, Arena *scratch) {
    const JsonNode *root = NULL;
    if (l->n == l->capacity) {
        size_t capacity = l->capacity == 0 ? 256 : l->capacity * 2;
        Hit *grown = arena_new_array(l->arena, Hit, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (l->n > 0) {
            memcpy(grown, l->hits, l->n * sizeof(*grown));
        }
        l->hits = grown;
        l->capacity = capacity;
    }
    arena_reset(scratch);
    TRY(json_parse(scratch, v->json, &root, NULL));
    l->hits[l->n++] = (Hit){*v, code_of(scratch, root), when_of(root)};
    return ERR_OK;
}

/* ---- the search ---- */

/* Takes "max" out of the query. */
static ErrCode split_max(Lastn *l, ErrInfo *info) {
    CLEANUP_BUF Buf rest;
    Str query = l->get->query;
    Str pair;
    uint64_t max = 1;
    buf_init(&rest, LIMIT_REQUEST_BYTES);
    while (str_cut(&query, '&', &pair)) {
        if (!str_starts(pair, STR("max="))) {
            buf_printf(&rest, "%s" STR_FMT, rest.len > 0 ? "&" : "", STR_ARG(pair));
        } else if (str_to_u64(str_sub(pair, 4, pair.len), &max) != ERR_OK || max == 0 ||
                   max > LASTN_MAX) {
            err_where(info, "max");
            return err_set(info, ERR_PARAM, "parameter-value",
                           "max must be a whole number from 1 to %d",
                           "max phải là số nguyên từ 1 đến %d", LASTN_MAX);
        }
    }
    l->max = (size_t)max;
    l->question = arena_str(l->arena, buf_str(&rest));
    return buf_ok(&rest);
}

static bool has_term(const FhirQuery *q, FhirParamId a, FhirParamId b) {
    for (size_t i = 0; i < q->n_terms; i++) {
        if (q->terms[i].param != NULL &&
            (q->terms[i].param->id == a || q->terms[i].param->id == b)) {
            return true;
        }
    }
    return false;
}

static ErrCode parse(Lastn *l, FhirQuery *q, ErrInfo *info) {
    Rest *rest = l->get->call->rest;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION,
                            .base_url = rest->base_url,
                            .now = clock_now_ms(rest->clock),
                            .info = info};
    TRY(split_max(l, info));
    TRY(fhir_query_parse(l->arena, &scope, l->question, q));
    q->n_sorts = 0;
    q->n_includes = 0;
    return has_term(q, FHIR_P_PATIENT, FHIR_P_SUBJECT) && has_term(q, FHIR_P_CATEGORY, FHIR_P_CODE)
               ? ERR_OK
               : err_set(info, ERR_PARAM, "lastn-question",
                         "name a patient (or subject) and a category or code",
                         "hãy nêu patient (hoặc subject) và category hoặc code");
}

static ErrCode gather(Lastn *l, const FhirQuery *q, ErrInfo *info) {
    CLEANUP_ARENA Arena *scratch = arena_new(LIMIT_REQUEST_BYTES);
    StorePage page = {.next = 0};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    do {
        StoreSearch search = {
            .query = q, .snapshot = page.snapshot, .after = page.next, .count = LIMIT_PAGE_COUNT};
        TRY(store_search(l->get->call->rest->store, l->arena, &search, &page, info));
        for (size_t i = 0; i < page.n_matches; i++) {
            TRY(add_hit(l, &page.matches[i], scratch));
        }
        if (l->n > LASTN_READ) {
            return err_set(info, ERR_LIMIT, "lastn-work",
                           "more than %d observations would have to be gone through",
                           "phải duyệt hơn %d kết quả quan sát", LASTN_READ);
        }
    } while (page.next != 0);
    return ERR_OK;
}

static int compare_hits(const void *a, const void *b) {
    const Hit *x = a;
    const Hit *y = b;
    if (x->code != y->code) {
        return x->code < y->code ? -1 : 1;
    }
    if (x->when != y->when) {
        return x->when > y->when ? -1 : 1;
    }
    return (x->version.slot < y->version.slot) - (x->version.slot > y->version.slot);
}

/* Of each code the first `max`, and those that are as new as the last of them. */
static StoreVersion *keep_newest(Lastn *l, size_t *ret_n) {
    StoreVersion *kept = arena_new_array(l->arena, StoreVersion, l->n + 1);
    size_t of_code = 0;
    *ret_n = 0;
    if (l->n > 1) {
        qsort(l->hits, l->n, sizeof(*l->hits), compare_hits);
    }
    for (size_t i = 0; i < l->n && kept != NULL; i++) {
        bool same = i > 0 && l->hits[i].code == l->hits[i - 1].code;
        bool tie = same && l->hits[i].when == l->hits[i - 1].when && of_code == l->max;
        of_code = same ? of_code : 0;
        if (of_code < l->max || tie) {
            of_code += of_code < l->max;
            kept[(*ret_n)++] = l->hits[i].version;
        } else {
            of_code = l->max + 1; /* no tie behind a gap */
        }
    }
    return kept;
}

static ErrCode get_lastn(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    Lastn l = {.get = get, .arena = get->call->arena};
    FhirQuery q;
    size_t n = 0;
    TRY(parse(&l, &q, info));
    TRY(gather(&l, &q, info));
    StoreVersion *kept = keep_newest(&l, &n);
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    ret->pretty = q.pretty;
    RestPage page = {.get = get,
                     .path = STR("Observation/$lastn"),
                     .question = get->query,
                     .type = "searchset",
                     .has_total = true,
                     .total = n,
                     .kind = REST_ENTRY_MATCH,
                     .entries = kept,
                     .n_entries = n};
    return rest_page_answer(&page, STR_EMPTY, ret);
}

/* ---- $versions ---- */

static ErrCode get_versions(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    RestParam p[] = {{"_pretty", {0}}, {"_format", {0}}};
    JsonWriter w = json_writer(&ret->body);
    TRY(rest_params(get->call->arena, get->query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[0].value, &ret->pretty, info));
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Parameters"));
    json_name(&w, "parameter");
    json_open_array(&w);
    static const char *const names[] = {"version", "default"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_open_object(&w);
        json_member(&w, "name", str_from(names[i]));
        json_member(&w, "valueCode", STR("4.0"));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    ret->status = 200;
    return buf_ok(&ret->body);
}

static const RestOpParam lastn_params[] = {
    {REST_IN, "max", "positiveInt", 0, "1", "how many of each code; 1 when not given"},
    {REST_OUT, "return", "Bundle", 1, "1", "a searchset, by code and time"}};
static const RestOpParam versions_params[] = {
    {REST_OUT, "version", "code", 1, "*", "a FHIR version that this server speaks"},
    {REST_OUT, "default", "code", 1, "1", "the one that is meant when none is named"}};
OPERATIONS(rest_lastn_operations,
           {.on = "Observation",
            .name = "lastn",
            .base = "http://hl7.org/fhir/OperationDefinition/Observation-lastn",
            .get = get_lastn,
            REST_PARAMS(lastn_params)},
           {.on = "",
            .name = "versions",
            .base = "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions",
            .get = get_versions,
            REST_PARAMS(versions_params)});

ROUTES(rest_lastn_routes,
       {"GET", "/fhir/Observation/$lastn", rest_run_operation, true,
        "lastn: the newest observations of each code"},
       {"POST", "/fhir/Observation/$lastn", rest_run_operation, true, "lastn: with Parameters"},
       {"GET", "/fhir/$versions", rest_run_operation, false, "versions: FHIR versions"});
