#include "api/api_reading.h"
#include "api/api_record.h"

#include "fhir/fhir_query.h"
#include "interop/claim_identity.h"
#include "mpi/mpi_patient.h"
#include "rest/rest_linked.h"
#include "store/store_scan.h"
#include "vn/vn.h"

enum { COUNT_DEFAULT = 20, COUNT_MAX = 100, NEWEST_MAX = 10000, CANDIDATES = 4 };

static void put_hit(JsonWriter *w, Arena *arena, const StoreVersion *v, Str matched) {
    const JsonNode *p = NULL;
    if (json_parse(arena, v->json, &p, NULL) != ERR_OK) {
        return;
    }
    json_open_object(w);
    json_member(w, "id", v->id);
    put_member_or_null(w, STR("name"), citizen_name(arena, p));
    put_member_or_null(w, STR("birth"), json_str(arena, json_get_lit(p, "birthDate")));
    put_member_or_null(w, STR("sex"), json_str(arena, json_get_lit(p, "gender")));
    put_member_or_null(w, STR("ward"), citizen_ward(arena, p));
    put_member_or_null(w, STR("cccd"), citizen_identifier(arena, p, STR(CLAIM_SYSTEM_CCCD)));
    put_member_or_null(w, STR("card"), citizen_identifier(arena, p, STR(CLAIM_SYSTEM_CARD)));
    put_member_or_null(w, STR("replaced_by"), mpi_patient_link(arena, p, STR(MPI_REPLACED_BY), 0));
    json_member(w, "matched", matched);
    json_close_object(w);
}

/* ---- searching ---- */

typedef struct Hits {
    StoreVersion *versions;
    size_t n;
    uint64_t total;
    Str matched;
} Hits;

static ErrCode find_by_number(RestCall *call, Str text, Hits *h) {
    static const struct {
        const char *system, *what;
    } systems[] = {
        {CLAIM_SYSTEM_CCCD, "cccd"}, {CLAIM_SYSTEM_CARD, "card"},
        {CLAIM_SYSTEM_BHXH, "card"}, {CLAIM_SYSTEM_MA_BN, "facility"},
        {CLAIM_SYSTEM_CMND, "cccd"}, {CLAIM_SYSTEM_PASSPORT, "passport"},
    };
    for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
        StoreExpect token = {.type = FHIR_T_PATIENT,
                             .param = FHIR_P_IDENTIFIER,
                             .system = str_from(systems[i].system),
                             .value = text};
        TRY(store_find(api_of(call)->store, call->arena, &token, CANDIDATES, &h->versions, &h->n));
        if (h->n > 0) {
            h->total = h->n;
            h->matched = str_from(systems[i].what);
            return ERR_OK;
        }
    }
    StoreVersion *v = arena_new_array(call->arena, StoreVersion, 1);
    if (v != NULL &&
        store_get(api_of(call)->store, call->arena, FHIR_T_PATIENT, text, v) == ERR_OK) {
        *h = (Hits){v, 1, 1, STR("id")};
    }
    return ERR_OK;
}

static ErrCode find_by_name(RestCall *call, Str text, size_t count, Hits *h, ErrInfo *info) {
    CLEANUP_BUF Buf q;
    buf_init(&q, LIMIT_URL_BYTES);
    CLEANUP_BUF Buf escaped;
    buf_init(&escaped, LIMIT_URL_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(",|$\\", text.ptr[i]) != NULL) {
            buf_put_char(&escaped, '\\');
        }
        buf_put_char(&escaped, text.ptr[i]);
    }
    buf_put_lit(&q, "name=");
    fhir_query_put_encoded(&q, buf_str(&escaped));
    FhirQuery query;
    FhirQueryScope scope = {.type = FHIR_T_PATIENT,
                            .base_url = rest_base_url(call->rest),
                            .now = clock_now_ms(api_of(call)->clock),
                            .info = info};
    TRY(fhir_query_parse(call->arena, &scope, arena_str(call->arena, buf_str(&q)), &query));
    StorePage page;
    TRY(store_search(api_of(call)->store, call->arena,
                     &(StoreSearch){.query = &query, .count = count, .want_total = true}, &page,
                     info));
    *h = (Hits){page.matches, page.n_matches, page.total, STR("name")};
    return ERR_OK;
}

static bool has_digit(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9') {
            return true;
        }
    }
    return false;
}

/* A number of the query from 1 to max; *value stays when it is absent. */
static ErrCode number_query(RestCall *call, const char *name, uint64_t max, uint64_t *value,
                            ErrInfo *info) {
    Str text = rest_query(call, name);
    if (text.len > 0 && (str_to_u64(text, value) != ERR_OK || *value == 0 || *value > max)) {
        return err_set(info, ERR_PARAM, "count", "%s is a number from 1 to %llu",
                       "%s là số từ 1 đến %llu", name, (unsigned long long)max);
    }
    return ERR_OK;
}

static ErrCode put_citizens(RestCall *call, Buf *out, ErrInfo *info) {
    Str text = str_trim(rest_query(call, "q"));
    uint64_t count = COUNT_DEFAULT;
    Hits h = {.matched = STR("name")};
    TRY(number_query(call, "count", COUNT_MAX, &count, info));
    if (has_digit(text)) {
        TRY(find_by_number(call, text, &h));
    }
    if (h.n == 0 && text.len > 0) {
        TRY(find_by_name(call, text, (size_t)count, &h, info));
    }
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "total");
    json_put_i64(&w, (int64_t)h.total);
    json_name(&w, "citizens");
    json_open_array(&w);
    for (size_t i = 0; i < h.n; i++) {
        put_hit(&w, call->arena, &h.versions[i], h.matched);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void search_citizens(RestCall *call) {
    static const char *const names[] = {"q", "count", NULL};
    rest_answer(call, names, put_citizens);
}

/* ---- one citizen ---- */

static ErrCode find_citizen(RestCall *call, StoreVersion *ret) {
    return store_get(api_of(call)->store, call->arena, FHIR_T_PATIENT, call->parts[2], ret);
}

static ErrCode put_citizen(RestCall *call, Buf *out, ErrInfo *info) {
    StoreVersion patient;
    uint64_t newest = 0;
    TRY(number_query(call, "newest", NEWEST_MAX, &newest, info));
    TRY(find_citizen(call, &patient));
    return citizen_record(call, &patient, (size_t)newest, out);
}

static void get_citizen(RestCall *call) {
    static const char *const names[] = {"newest", NULL};
    rest_answer(call, names, put_citizen);
}

/* The citizen's own, or of somebody who was merged into him. */
static ErrCode put_visit(RestCall *call, Buf *out, ErrInfo *info) {
    StoreVersion patient;
    StoreVersion encounter;
    RestLinked linked;
    Store *store = api_of(call)->store;
    TRY(find_citizen(call, &patient));
    TRY(store_get(store, call->arena, FHIR_T_ENCOUNTER, call->parts[4], &encounter));
    TRY(rest_linked(store, call->arena, patient.id, &linked, info));
    for (size_t i = 0; i < linked.n; i++) {
        if (encounter.patient == store_first(store, FHIR_T_PATIENT, linked.ids[i])) {
            return citizen_visit(call, &patient, &encounter, out);
        }
    }
    return ERR_NOT_FOUND;
}

static void get_visit(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_visit);
}

ROUTES(api_citizen_routes,
       {"GET", "/api/citizens", search_citizens, false, "citizens by name, number or card"},
       {"GET", "/api/citizens/:id", get_citizen, false, "the lifelong record on one screen"},
       {"GET", "/api/citizens/:id/visits/:encounter", get_visit, false, "one visit opened"});
