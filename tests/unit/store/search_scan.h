/* search_scan.h — what a search must find, by looking at every resource (part of search_world.h):
 * fhir_match with the answers of chains and reverse chains from a scan, too. */
#ifndef NHIP_TESTS_UNIT_STORE_SEARCH_SCAN_H
#define NHIP_TESTS_UNIT_STORE_SEARCH_SCAN_H

#include "unit/store/search_world.h"

/* ---- terminology of the test ---- */

static FhirIndexToken TEST_CODES[] = {
    {{"urn:x", 5}, {"a1", 2}, true}, {{"urn:y", 5}, {"b2", 2}, true}, {{"", 0}, {"c3", 2}, false}};

static UNUSED ErrCode expand(void *ctx, Arena *arena, Str value_set, size_t max, FhirCodeList *ret) {
    (void)ctx;
    (void)arena;
    (void)max;
    *ret = (FhirCodeList){TEST_CODES, str_eq(value_set, STR("http://v/1")) ? 2 : 3};
    return ERR_OK;
}

static UNUSED ErrCode related(void *ctx, Arena *arena, const FhirIndexToken *code, bool above, size_t max,
                       FhirCodeList *ret) {
    (void)ctx;
    (void)max;
    FhirIndexToken *own = arena_new_array(arena, FhirIndexToken, 2);
    own[0] = *code;
    own[1] = TEST_CODES[above];
    *ret = (FhirCodeList){own, 2};
    return ERR_OK;
}

static const FhirCodes TEST_TERMINOLOGY = {NULL, expand, related};

/* ---- the scan ---- */

/* Everything that is current at a snapshot, parsed. */
typedef struct Scan {
    World *w;
    Arena *arena;
    RecordNo snapshot;
    size_t n;
    StoreVersion at[RESOURCES_MAX];
    const JsonNode *roots[RESOURCES_MAX];
} Scan;
static Scan the_scan;

static UNUSED void scan_forget(void) {
    arena_free(the_scan.arena);
    the_scan = (Scan){0};
}

static UNUSED ErrCode scan_holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *r,
                          bool *ret);

static UNUSED bool scan_matches(Scan *s, size_t i, const FhirQuery *query) {
    bool matches = false;
    CLEANUP_ARENA Arena *arena = arena_new((size_t)1 << 24);
    FhirMatchLinks links = {s, scan_holds, NULL};
    FhirMatchContext context = {.id = s->at[i].id,
                                .last_updated = s->at[i].time,
                                .base_url = STR_EMPTY,
                                .links = &links};
    assert_ok(fhir_match(arena, query, s->roots[i], &context, &matches));
    return matches;
}

/* Does resource i refer to r by the parameter? */
static UNUSED bool refers(Scan *s, size_t i, const FhirSearchParam *param, const FhirIndexReference *r) {
    FhirQueryValue value = {.kind = FHIR_INDEX_REFERENCE};
    value.reference = *r;
    FhirQueryTerm term = {.param = param, .values = &value, .n_values = 1};
    FhirQuery query = {.type = s->at[i].type, .terms = &term, .n_terms = 1};
    return scan_matches(s, i, &query);
}

static UNUSED bool is_it(const StoreVersion *v, const FhirIndexReference *r) {
    return v->type == r->type && str_eq(v->id, r->id);
}

/* Is r one of the values or, going up by at most 50 steps, below one of them (or above)? */
static UNUSED bool in_tree(Scan *s, const FhirQueryTerm *term, const FhirIndexReference *low,
                    const FhirIndexReference *high, unsigned depth) {
    if (low->type == high->type && str_eq(low->id, high->id)) {
        return true;
    }
    for (size_t i = 0; i < s->n && depth < 50; i++) {
        if (!is_it(&s->at[i], low)) {
            continue;
        }
        for (size_t k = 0; k < s->n; k++) {
            FhirIndexReference up = {.type = s->at[k].type, .id = s->at[k].id, .local = -1};
            if (up.type == low->type && refers(s, i, fhir_hierarchy_param(low->type), &up) &&
                in_tree(s, term, &up, high, depth + 1)) {
                return true;
            }
        }
        /* a parent that is not there (any more) counts by its reference alone */
        return refers(s, i, fhir_hierarchy_param(low->type), high) &&
               term->modifier == FHIR_MOD_BELOW;
    }
    return false;
}

static UNUSED ErrCode scan_holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *r,
                          bool *ret) {
    Scan *s = ctx;
    *ret = false;
    for (size_t i = 0; i < term->n_values && term->kind == FHIR_TERM_VALUES && !*ret; i++) {
        const FhirIndexReference *v = &term->values[i].reference;
        *ret = term->modifier == FHIR_MOD_BELOW ? in_tree(s, term, r, v, 0)
                                                : in_tree(s, term, v, r, 0);
    }
    for (size_t l = 0; l < term->n_links && !*ret; l++) {
        FhirQuery query = {.type = term->links[l].type, .terms = term->links[l].term, .n_terms = 1};
        for (size_t i = 0; i < s->n && !*ret; i++) {
            bool linked = s->at[i].type == query.type &&
                          (term->kind == FHIR_TERM_CHAIN ? is_it(&s->at[i], r)
                                                         : refers(s, i, term->param, r));
            *ret = linked && scan_matches(s, i, &query);
        }
    }
    return ERR_OK;
}

static UNUSED Scan *scan_at(World *w, RecordNo snapshot) {
    static Slot newest[RESOURCES_MAX];
    Scan *s = &the_scan;
    if (s->w == w && s->snapshot == snapshot) {
        return s;
    }
    arena_free(s->arena);
    *s = (Scan){.w = w, .snapshot = snapshot, .arena = arena_new((size_t)1 << 28)};
    memset(newest, 0, sizeof(newest));
    for (int i = 0; i < w->n_versions; i++) {
        const KnownVersion *v = &w->versions[i];
        if (SLOT_RECORD(v->slot) <= snapshot) {
            newest[v->resource] = v->deleted ? 0 : v->slot;
        }
    }
    for (int i = 0; i < w->n; i++) {
        if (newest[i] != 0) {
            assert_ok(store_get_slot(w->home.store, s->arena, newest[i], &s->at[s->n]));
            assert_ok(json_parse(s->arena, s->at[s->n].json, &s->roots[s->n], NULL));
            s->n++;
        }
    }
    return s;
}

/* Slots current at the snapshot that match, newest first. */
static UNUSED size_t scan(World *w, const FhirQuery *query, RecordNo snapshot, Slot *out) {
    Scan *s = scan_at(w, snapshot);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->at[i].type != query->type || !scan_matches(s, i, query)) {
            continue;
        }
        size_t at = n++;
        for (; at > 0 && out[at - 1] < s->at[i].slot; at--) {
            out[at] = out[at - 1];
        }
        out[at] = s->at[i].slot;
    }
    return n;
}

#endif
