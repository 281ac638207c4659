#include "api/api_life.h"

#include "rest/rest_linked.h"
#include "store/store_scan.h"

enum { RESOURCES_MAX = 200000 };

static Str encounter_of(Arena *arena, FhirType type, const JsonNode *root) {
    Str prefix = STR("Encounter/");
    if (type == FHIR_T_CLAIM) {
        const JsonNode *item = json_get_lit(root, "item");
        item = json_is(item, JSON_ARRAY) ? json_first(item) : NULL;
        return life_reference(arena, json_get_lit(item, "encounter"), prefix);
    }
    if (type == FHIR_T_MEDICATION_DISPENSE) {
        return life_reference(arena, json_get_lit(root, "context"), prefix);
    }
    return life_reference(arena, json_get_lit(root, "encounter"), prefix);
}

/* What the screen that was asked for shows: the rest is neither parsed nor kept. */
static bool is_shown(const Life *r, const StoreVersion *v) {
    if (r->visit.len > 0) {
        return str_eq(v->id, r->visit) || str_find(v->json, r->visit) < v->json.len;
    }
    return v->type == FHIR_T_ENCOUNTER || v->type == FHIR_T_CONDITION || v->type == FHIR_T_CLAIM ||
           v->type == FHIR_T_MEDICATION_REQUEST || v->type == FHIR_T_OBSERVATION ||
           v->type == FHIR_T_COVERAGE || v->type == FHIR_T_ALLERGY_INTOLERANCE;
}

/* What was taken back as wrong is on no screen. */
static bool is_mistake(Arena *arena, const JsonNode *root) {
    Str wrong = STR("entered-in-error");
    return json_str_is(json_get_lit(root, "status"), wrong) ||
           str_eq(life_code(arena, json_get_lit(root, "verificationStatus"), STR_EMPTY), wrong);
}

/* Counts the records; false: as many as were asked for are read. */
static bool is_wanted(Life *r, RecordNo number) {
    if (number != r->reading) {
        r->is_cut = r->newest > 0 && r->n_records == r->newest;
        r->n_records += !r->is_cut;
        r->reading = number;
    }
    return !r->is_cut;
}

static ErrCode take(void *ctx, const StoreVersion *v) {
    Life *r = ctx;
    if (!is_wanted(r, SLOT_RECORD(v->slot))) {
        return ERR_STOPPED;
    }
    if (!is_shown(r, v)) {
        return ERR_OK;
    }
    if (r->n == RESOURCES_MAX) {
        return ERR_LIMIT;
    }
    if (r->n == r->capacity) {
        size_t capacity = r->capacity == 0 ? 1024 : r->capacity * 2;
        LifeItem *grown = arena_new_array(r->arena, LifeItem, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (r->n > 0) {
            memcpy(grown, r->items, r->n * sizeof(*grown));
        }
        r->items = grown;
        r->capacity = capacity;
    }
    LifeItem *i = &r->items[r->n];
    *i = (LifeItem){.type = v->type, .id = v->id, .slot = v->slot};
    TRY(json_parse(r->arena, v->json, &i->root, NULL));
    if (is_mistake(r->arena, i->root)) {
        return ERR_OK;
    }
    i->encounter = v->type == FHIR_T_ENCOUNTER ? v->id : encounter_of(r->arena, v->type, i->root);
    r->n++;
    return ERR_OK;
}

static int by_encounter(const void *a, const void *b) {
    const LifeItem *x = *(const LifeItem *const *)a;
    const LifeItem *y = *(const LifeItem *const *)b;
    int order = str_cmp(x->encounter, y->encounter);
    return order != 0 ? order : (x > y) - (x < y);
}

/* A record of 1,200 visits opens as fast as a search for each of them: sorted once. */
static ErrCode index_visits(Life *r) {
    r->of_visits = arena_new_array(r->arena, const LifeItem *, r->n + 1);
    if (r->of_visits == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        const LifeItem *item = &r->items[i];
        bool wanted = item->type == FHIR_T_CONDITION || item->type == FHIR_T_CLAIM;
        if (wanted && item->encounter.len > 0) {
            r->of_visits[r->n_of_visits++] = item;
        }
    }
    qsort(r->of_visits, r->n_of_visits, sizeof(*r->of_visits), by_encounter);
    return ERR_OK;
}

/* Newest record first, within a record as it was written: as one citizen's items come. */
static int by_record(const void *a, const void *b) {
    const LifeItem *x = a;
    const LifeItem *y = b;
    RecordNo m = SLOT_RECORD(x->slot);
    RecordNo n = SLOT_RECORD(y->slot);
    return m != n ? (m < n) - (m > n) : (x->slot > y->slot) - (x->slot < y->slot);
}

static ErrCode gather_one(Life *r, Str patient) {
    Store *store = api_of(r->call)->store;
    Slot first = store_first(store, FHIR_T_PATIENT, patient);
    bool was_cut = r->is_cut;
    r->is_cut = false;
    r->n_records = 0;
    ErrCode err = first == 0 ? ERR_OK : store_patient(store, r->arena, first, take, r);
    err = err == ERR_STOPPED && r->is_cut ? ERR_OK : err;
    r->is_cut = r->is_cut || was_cut;
    return err;
}

ErrCode life_gather(Life *r, RestCall *call, Str patient) {
    RestLinked linked;
    ErrInfo info = {0};
    r->call = call;
    r->arena = call->arena;
    TRY(rest_linked(api_of(call)->store, call->arena, patient, &linked, &info));
    for (size_t i = 0; i < linked.n; i++) {
        TRY(gather_one(r, linked.ids[i]));
    }
    if (linked.n > 1) {
        qsort(r->items, r->n, sizeof(*r->items), by_record);
    }
    return index_visits(r);
}

/* Where the Conditions and Claims of an Encounter begin in `of_visits`. */
size_t life_first(const Life *r, Str encounter) {
    size_t low = 0;
    size_t high = r->n_of_visits;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(r->of_visits[middle]->encounter, encounter) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The next one of this type from `*at` on, or NULL; `*at` goes behind it. */
const LifeItem *life_next(const Life *r, FhirType type, Str encounter, size_t *at) {
    while (*at < r->n_of_visits && str_eq(r->of_visits[*at]->encounter, encounter)) {
        const LifeItem *item = r->of_visits[(*at)++];
        if (item->type == type) {
            return item;
        }
    }
    return NULL;
}

const LifeItem *life_claim(const Life *r, Str encounter) {
    size_t at = life_first(r, encounter);
    return life_next(r, FHIR_T_CLAIM, encounter, &at);
}
