/* Observation and DiagnosticReport → XML4; ClinicalImpression → XML5. */
#include "interop/claim_unmap_int.h"

/* Places of records that no claim has numbered come behind all others. */
typedef struct Places {
    int last;
} Places;

static int place_of(Places *p, int said) {
    p->last = MAX(p->last, said);
    return said;
}

/* ---- XML4 */

typedef struct Results {
    Unmap *u;
    UnmapPart *part;
    MapIndex report_of; /* Observation → its report */
    Places places;
} Results;

static const JsonNode *report_of(const Results *s, const ClaimStored *observation) {
    int at = map_index_get(&s->report_of, observation->reference);
    return at < 0 ? NULL : s->u->resources[at].root;
}

static void index_reports(Results *s) {
    Unmap *u = s->u;
    for (size_t i = 0; i < u->n_resources; i++) {
        const JsonNode *list = u->resources[i].type == FHIR_T_DIAGNOSTIC_REPORT
                                   ? json_get_lit(u->resources[i].root, "result")
                                   : NULL;
        for (const JsonNode *e = unmap_first(list); e != NULL; e = json_next(list, e)) {
            const ClaimStored *o = unmap_resolve(u, e);
            if (o != NULL && map_index_get(&s->report_of, o->reference) < 0) {
                map_index_put(u->map, &s->report_of, o->reference, (int)i);
            }
        }
    }
}

/* Measured in a laboratory, by imaging or a functional test: not every vital sign is a result. */
static bool is_result(const Results *s, const ClaimStored *r) {
    static const char *const categories[] = {"laboratory", "imaging", "procedure"};
    if (str_starts(r->role, STR("xml4/")) || report_of(s, r) != NULL) {
        return true;
    }
    const JsonNode *list = json_get_lit(r->root, "category");
    for (const JsonNode *c = unmap_first(list); c != NULL; c = json_next(list, c)) {
        Str code = unmap_coded(s->u, c, STR(MAP_TERM "observation-category"));
        for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
            if (str_eq(code, str_from(categories[i]))) {
                return r->role.len == 0;
            }
        }
    }
    return false;
}

static void put_value(Unmap *u, Str *v, const JsonNode *r) {
    const JsonNode *quantity = json_get_lit(r, "valueQuantity");
    const JsonNode *number = json_get_lit(quantity, "value");
    unmap_text(u, &v[XML4_GIA_TRI], json_get_lit(r, "valueString"));
    unmap_text(u, &v[XML4_DON_VI_DO], json_get_lit(quantity, "unit"));
    if (json_is(number, JSON_NUMBER)) {
        char room[MAP_NUMBER_MAX];
        Str sign;
        Str said;
        Str comparator = json_str(u->arena, json_get_lit(quantity, "comparator"));
        bool same = map_read_number(str_trim(v[XML4_GIA_TRI]), room, &sign, &said) &&
                    str_eq(sign, comparator) && str_eq(said, json_raw(number));
        if (!same) {
            v[XML4_GIA_TRI] = arena_join(u->arena, (Str[]){comparator, json_raw(number)}, 2);
        }
    }
}

static void put_practitioners(Unmap *u, Str *v, const JsonNode *array) {
    UnmapList list = {.n = 0};
    unmap_references(u, &list, array, NULL);
    unmap_actors(u, v, &list, STR("cchn-"));
}

static ErrCode put_observation(Results *s, const ClaimStored *r, int place) {
    Unmap *u = s->u;
    const JsonNode *code = json_get_lit(r->root, "code");
    const JsonNode *report = report_of(s, r);
    Str *v = unmap_record(u, s->part, place);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, r->root, s->part->t, v);
    unmap_code(u, &v[XML4_MA_DICH_VU], report != NULL ? json_get_lit(report, "code") : code,
               STR(MAP_SYSTEM("dvkt")));
    unmap_code(u, &v[XML4_MA_CHI_SO], code, STR(MAP_SYSTEM("ma-chi-so")));
    unmap_name(u, &v[XML4_TEN_CHI_SO], code);
    put_value(u, v, r->root);
    unmap_text(u, &v[XML4_MO_TA], json_get_lit(unmap_first(json_get_lit(r->root, "note")), "text"));
    unmap_text(u, &v[XML4_KET_LUAN],
               json_get_lit(unmap_first(json_get_lit(r->root, "interpretation")), "text"));
    unmap_time(u, &v[XML4_NGAY_KQ], json_get_lit(r->root, "effectiveDateTime"));
    put_practitioners(u, &v[XML4_MA_BS_DOC_KQ], json_get_lit(r->root, "performer"));
    return ERR_OK;
}

/* A report's own text is a record when a claim has written one, or somebody has concluded. */
static ErrCode put_report(Results *s, const ClaimStored *r, int place) {
    Unmap *u = s->u;
    Str *v = unmap_record(u, s->part, place);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, r->root, s->part->t, v);
    unmap_code(u, &v[XML4_MA_DICH_VU], json_get_lit(r->root, "code"), STR(MAP_SYSTEM("dvkt")));
    unmap_text(u, &v[XML4_KET_LUAN], json_get_lit(r->root, "conclusion"));
    unmap_time(u, &v[XML4_NGAY_KQ], json_get_lit(r->root, "effectiveDateTime"));
    put_practitioners(u, &v[XML4_MA_BS_DOC_KQ], json_get_lit(r->root, "resultsInterpreter"));
    return ERR_OK;
}

/* The place that a resource names for its record: 0 none, -1 it has no record. */
static int named_place(const Results *s, const ClaimStored *r) {
    if (r->type == FHIR_T_OBSERVATION) {
        return is_result(s, r) ? unmap_role_number(r, STR("xml4/")) : -1;
    }
    if (r->type != FHIR_T_DIAGNOSTIC_REPORT) {
        return -1;
    }
    const JsonNode *record = unmap_extension_part(s->u, r->root, s->part->t, STR("record"));
    int64_t n = 0;
    if (json_to_i64(json_get_lit(record, "valueInteger"), &n) == ERR_OK && n > 0 && n < INT32_MAX) {
        return (int)n;
    }
    return json_get_lit(r->root, "conclusion") != NULL ? 0 : -1;
}

static bool has_results(const Unmap *u) {
    for (size_t i = 0; i < u->n_resources; i++) {
        FhirType type = u->resources[i].type;
        if (type == FHIR_T_OBSERVATION || type == FHIR_T_DIAGNOSTIC_REPORT) {
            return true;
        }
    }
    return false;
}

ErrCode unmap_results(Unmap *u) {
    Results s = {.u = u};
    if (u->encounter == NULL || !has_results(u)) {
        return ERR_OK;
    }
    index_reports(&s);
    s.part = arena_new_array(u->arena, UnmapPart, 1);
    if (s.part == NULL) {
        return ERR_NOMEM;
    }
    s.part->t = claim_table(4);
    /* those that say their place first: the others come behind them */
    for (int said = 1; said >= 0; said--) {
        for (size_t i = 0; i < u->n_resources; i++) {
            const ClaimStored *r = &u->resources[i];
            int place = named_place(&s, r);
            if (place < 0 || (place > 0) != (said == 1)) {
                continue;
            }
            place = place_of(&s.places, place > 0 ? place : s.places.last + 1);
            TRY(r->type == FHIR_T_OBSERVATION ? put_observation(&s, r, place)
                                              : put_report(&s, r, place));
        }
    }
    unmap_sort(s.part);
    if (s.part->n > 0) {
        u->parts[4] = s.part;
    }
    return u->map->err;
}

/* ---- XML5 */

static ErrCode put_impression(Unmap *u, const JsonNode *r, int place) {
    UnmapPart *part = u->parts[5] != NULL ? u->parts[5] : unmap_part(u, 5);
    Str *v = unmap_record(u, part, place);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    (void)unmap_extension(u, r, part->t, v);
    unmap_text(u, &v[XML5_DIEN_BIEN_LS], json_get_lit(r, "summary"));
    unmap_time(u, &v[XML5_THOI_DIEM_DBLS], json_get_lit(r, "effectiveDateTime"));
    unmap_actor(u, &v[XML5_NGUOI_THUC_HIEN], json_get_lit(r, "assessor"), STR("cchn-"));
    return ERR_OK;
}

ErrCode unmap_course(Unmap *u) {
    Places places = {.last = 0};
    for (int said = 1; said >= 0 && u->encounter != NULL; said--) {
        for (size_t i = 0; i < u->n_resources; i++) {
            const ClaimStored *r = &u->resources[i];
            int place = unmap_role_number(r, STR("xml5/"));
            if (r->type == FHIR_T_CLINICAL_IMPRESSION && (place > 0) == (said == 1)) {
                TRY(put_impression(u, r->root,
                                   place_of(&places, place > 0 ? place : places.last + 1)));
            }
        }
    }
    unmap_sort(u->parts[5]);
    return u->map->err;
}
