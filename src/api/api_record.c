#include "api/api_life_int.h"
#include "core/hash.h"
#include "interop/claim_identity.h"
#include "vn/vn.h"

#define ICD10 "http://hl7.org/fhir/sid/icd-10"
#define EXT_BILL CLAIM_BASE "StructureDefinition/xml1"

enum { RESOURCES_MAX = 200000 };

/* ---- gathering ---- */

static Str reference_id(Arena *arena, const JsonNode *reference, Str prefix) {
    reference = json_is(reference, JSON_ARRAY) ? json_first(reference) : reference;
    Str text = json_str(arena, json_get_lit(reference, "reference"));
    return str_starts(text, prefix) ? str_sub(text, prefix.len, text.len) : STR_EMPTY;
}

static Str encounter_of(Arena *arena, FhirType type, const JsonNode *root) {
    Str prefix = STR("Encounter/");
    if (type == FHIR_T_CLAIM) {
        const JsonNode *item = json_get_lit(root, "item");
        item = json_is(item, JSON_ARRAY) ? json_first(item) : NULL;
        return reference_id(arena, json_get_lit(item, "encounter"), prefix);
    }
    if (type == FHIR_T_MEDICATION_DISPENSE) {
        return reference_id(arena, json_get_lit(root, "context"), prefix);
    }
    return reference_id(arena, json_get_lit(root, "encounter"), prefix);
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

/* All that the record's screen shows, or, with `visit`, all that names this Encounter. */
ErrCode life_gather(Life *r, RestCall *call, Slot patient) {
    r->call = call;
    r->arena = call->arena;
    ErrCode err = store_patient(api_of(call)->store, call->arena, patient, take, r);
    TRY(err == ERR_STOPPED && r->is_cut ? ERR_OK : err);
    return index_visits(r);
}

/* Where the Conditions and Claims of an Encounter begin in `of_visits`. */
static size_t first_of(const Life *r, Str encounter) {
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
static const LifeItem *next_of(const Life *r, FhirType type, Str encounter, size_t *at) {
    while (*at < r->n_of_visits && str_eq(r->of_visits[*at]->encounter, encounter)) {
        const LifeItem *item = r->of_visits[(*at)++];
        if (item->type == type) {
            return item;
        }
    }
    return NULL;
}

const LifeItem *life_claim(const Life *r, Str encounter) {
    size_t at = first_of(r, encounter);
    return next_of(r, FHIR_T_CLAIM, encounter, &at);
}

/* ---- small readings ---- */

Str life_code(Arena *arena, const JsonNode *concept, Str system) {
    const JsonNode *list = json_get_lit(concept, "coding");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
         c = json_next(list, c)) {
        if (system.len == 0 || json_str_is(json_get_lit(c, "system"), system)) {
            return json_str(arena, json_get_lit(c, "code"));
        }
    }
    return STR_EMPTY;
}

/* The text of a concept, or the display of its first coding, or its code. */
Str life_name(Arena *arena, const JsonNode *concept) {
    Str text = json_str(arena, json_get_lit(concept, "text"));
    if (text.len == 0) {
        text = json_str(arena, json_path(concept, "coding.display"));
    }
    return text.len > 0 ? text : life_code(arena, concept, STR_EMPTY);
}

Str life_icd_name(Arena *arena, const JsonNode *condition, Str code, bool english) {
    const VnIcd10 *entry = vn_icd10_near(code);
    if (entry != NULL) {
        return english ? entry->name_en : entry->name_vi;
    }
    return life_name(arena, json_get_lit(condition, "code"));
}

const JsonNode *life_bill_field(const JsonNode *claim, Str name) {
    const JsonNode *list = json_get_lit(claim, "extension");
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        const JsonNode *fields = json_get_lit(e, "extension");
        if (!json_str_is(json_get_lit(e, "url"), STR(EXT_BILL)) || !json_is(fields, JSON_ARRAY)) {
            continue;
        }
        for (const JsonNode *f = json_first(fields); f != NULL; f = json_next(fields, f)) {
            if (json_str_is(json_get_lit(f, "url"), name)) {
                const JsonNode *value = json_get_lit(f, "valueDecimal");
                return value == NULL ? json_get_lit(f, "valueString") : value;
            }
        }
    }
    return NULL;
}

void life_put_number(JsonWriter *w, Str name, const JsonNode *value) {
    json_put_name(w, name);
    if (json_is(value, JSON_NUMBER)) {
        json_put_raw(w, json_raw(value));
    } else {
        json_put_null(w);
    }
}

/* ---- the banner ---- */

static void put_identifiers(JsonWriter *w, Arena *arena, const JsonNode *patient) {
    static const struct {
        const char *system, *kind;
    } kinds[] = {{CLAIM_SYSTEM_CCCD, "cccd"},
                 {CLAIM_SYSTEM_CARD, "card"},
                 {CLAIM_SYSTEM_MA_BN, "facility"},
                 {CLAIM_SYSTEM_CMND, "cmnd"},
                 {CLAIM_SYSTEM_PASSPORT, "passport"}};
    const JsonNode *list = json_get_lit(patient, "identifier");
    json_name(w, "identifiers");
    json_open_array(w);
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            if (json_str_is(json_get_lit(i, "system"), str_from(kinds[k].system))) {
                json_open_object(w);
                json_member(w, "kind", str_from(kinds[k].kind));
                json_member(w, "value", json_str(arena, json_get_lit(i, "value")));
                json_close_object(w);
            }
        }
    }
    json_close_array(w);
}

static void put_banner(JsonWriter *w, Arena *arena, const StoreVersion *v, const JsonNode *p) {
    json_member(w, "id", v->id);
    put_member_or_null(w, STR("name"), citizen_name(arena, p));
    put_member_or_null(w, STR("birth"), json_str(arena, json_get_lit(p, "birthDate")));
    put_member_or_null(w, STR("sex"), json_str(arena, json_get_lit(p, "gender")));
    put_member_or_null(w, STR("deceased"), json_str(arena, json_get_lit(p, "deceasedDateTime")));
    put_member_or_null(w, STR("ward"), citizen_ward(arena, p));
    put_member_or_null(w, STR("address"), json_str(arena, json_path(p, "address.text")));
    put_member_or_null(w, STR("phone"), json_str(arena, json_path(p, "telecom.value")));
    put_identifiers(w, arena, p);
}

static void put_coverage(JsonWriter *w, const Life *r) {
    json_name(w, "coverage");
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        const JsonNode *c = r->items[i].root;
        Str card = r->items[i].type == FHIR_T_COVERAGE
                       ? json_str(r->arena, json_get_lit(c, "subscriberId"))
                       : STR_EMPTY;
        if (card.len == 0) {
            continue;
        }
        const JsonNode *list = json_get_lit(c, "extension");
        Str facility = STR_EMPTY;
        for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
             e != NULL && facility.len == 0; e = json_next(list, e)) {
            facility = reference_id(r->arena, json_get_lit(e, "valueReference"),
                                    STR("Organization/cskcb-"));
        }
        json_open_object(w);
        json_member(w, "card", card);
        put_member_or_null(w, STR("from"), json_str(r->arena, json_path(c, "period.start")));
        put_member_or_null(w, STR("to"), json_str(r->arena, json_path(c, "period.end")));
        put_member_or_null(w, STR("facility"), facility);
        put_member_or_null(
            w, STR("facility_name"),
            facility.len == 0 ? STR_EMPTY : api_facility_name(api_of(r->call), r->arena, facility));
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- visits ---- */

static void put_diagnosis(JsonWriter *w, const Life *r, Str encounter) {
    bool english = r->call->language == FHIR_LANG_EN;
    Str others[32];
    size_t n = 0;
    bool main_seen = false;
    size_t at = first_of(r, encounter);
    const LifeItem *c = next_of(r, FHIR_T_CONDITION, encounter, &at);
    for (; c != NULL && n < ARRAY_LEN(others); c = next_of(r, FHIR_T_CONDITION, encounter, &at)) {
        Str code = life_code(r->arena, json_get_lit(c->root, "code"), STR(ICD10));
        if (!main_seen) {
            main_seen = true;
            put_member_or_null(w, STR("icd"), code);
            put_member_or_null(w, STR("diagnosis"),
                               life_icd_name(r->arena, c->root, code, english));
        } else if (code.len > 0) {
            others[n++] = code;
        }
    }
    json_name(w, "others");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_put_str(w, others[i]);
    }
    json_close_array(w);
}

static void put_visit(JsonWriter *w, const Life *r, const LifeItem *e) {
    const LifeItem *claim = life_claim(r, e->id);
    Str facility = reference_id(r->arena, json_get_lit(e->root, "serviceProvider"),
                                STR("Organization/cskcb-"));
    const JsonNode *types = json_get_lit(e->root, "type");
    types = json_is(types, JSON_ARRAY) ? json_first(types) : NULL;
    json_open_object(w);
    json_member(w, "id", e->id);
    put_member_or_null(w, STR("start"), json_str(r->arena, json_path(e->root, "period.start")));
    put_member_or_null(w, STR("end"), json_str(r->arena, json_path(e->root, "period.end")));
    put_member_or_null(w, STR("kind"), json_str(r->arena, json_path(e->root, "class.code")));
    put_member_or_null(w, STR("type"), life_code(r->arena, types, STR_EMPTY));
    put_member_or_null(w, STR("facility"), facility);
    put_member_or_null(w, STR("facility_name"),
                       facility.len == 0 ? STR_EMPTY
                                         : api_facility_name(api_of(r->call), r->arena, facility));
    put_diagnosis(w, r, e->id);
    const JsonNode *bill = claim == NULL ? NULL : claim->root;
    life_put_number(w, STR("cost"), json_path(bill, "total.value"));
    life_put_number(w, STR("insurance_paid"), life_bill_field(bill, STR("T_BHTT")));
    json_close_object(w);
}

/* ISO texts of one zone sort by time. */
static int by_start_desc(const void *a, const void *b) {
    const LifeItem *x = *(const LifeItem *const *)a;
    const LifeItem *y = *(const LifeItem *const *)b;
    return str_cmp(json_raw_str(json_path(y->root, "period.start")),
                   json_raw_str(json_path(x->root, "period.start")));
}

static ErrCode put_visits(JsonWriter *w, const Life *r) {
    const LifeItem **visits = arena_new_array(r->arena, const LifeItem *, r->n + 1);
    size_t n = 0;
    if (visits == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].type == FHIR_T_ENCOUNTER) {
            visits[n++] = &r->items[i];
        }
    }
    qsort(visits, n, sizeof(*visits), by_start_desc);
    json_name(w, "visits");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        put_visit(w, r, visits[i]);
    }
    json_close_array(w);
    return ERR_OK;
}

/* ---- problems, drugs, results: grouped by code ---- */

typedef struct Group {
    Str key;
    const LifeItem *newest;
    Str first, last; /* times as text */
    size_t times;
    const LifeItem *members; /* linked by `next`, oldest record first */
} Group;

typedef struct Groups {
    Group *groups;
    size_t n;
    uint32_t *table; /* open addressing by the key's hash: number of the group + 1 */
    size_t mask;
} Groups;

typedef Str (*KeyFn)(Arena *arena, const JsonNode *root);
typedef Str (*TimeFn)(Arena *arena, const JsonNode *root);

Str life_condition_key(Arena *arena, const JsonNode *root) {
    return life_code(arena, json_get_lit(root, "code"), STR(ICD10));
}

static Str condition_time(Arena *arena, const JsonNode *root) {
    return json_str(arena, json_get_lit(root, "recordedDate"));
}

static Str drug_key(Arena *arena, const JsonNode *root) {
    const JsonNode *concept = json_get_lit(root, "medicationCodeableConcept");
    Str code = life_code(arena, concept, STR_EMPTY);
    return code.len > 0 ? code : life_name(arena, concept);
}

static Str drug_time(Arena *arena, const JsonNode *root) {
    return json_str(arena, json_get_lit(root, "authoredOn"));
}

static Str result_key(Arena *arena, const JsonNode *root) {
    if (json_get_lit(root, "valueQuantity") == NULL) {
        return STR_EMPTY;
    }
    Str code = life_code(arena, json_get_lit(root, "code"), STR_EMPTY);
    return code.len > 0 ? code : life_name(arena, json_get_lit(root, "code"));
}

Str life_result_time(Arena *arena, const JsonNode *root) {
    return json_str(arena, json_get_lit(root, "effectiveDateTime"));
}

static Group *group_of(Groups *g, Str key) {
    size_t i = hash64(key) & g->mask;
    for (; g->table[i] != 0; i = (i + 1) & g->mask) {
        Group *known = &g->groups[g->table[i] - 1];
        if (str_eq(known->key, key)) {
            return known;
        }
    }
    g->groups[g->n] = (Group){.key = key};
    g->table[i] = (uint32_t)(g->n + 1);
    return &g->groups[g->n++];
}

/* Room for as many groups as there are items of the type. */
static ErrCode groups_init(Groups *g, const Life *r, FhirType type) {
    size_t n = 1;
    size_t room = 8;
    for (size_t i = 0; i < r->n; i++) {
        n += r->items[i].type == type;
    }
    while (room < 2 * n) {
        room *= 2;
    }
    *g = (Groups){.groups = arena_new_array(r->arena, Group, n),
                  .table = arena_new_array(r->arena, uint32_t, room),
                  .mask = room - 1};
    return g->groups == NULL || g->table == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode group_items(const Life *r, FhirType type, KeyFn key_of, TimeFn time_of,
                           Groups *ret) {
    TRY(groups_init(ret, r, type));
    for (size_t i = 0; i < r->n; i++) {
        LifeItem *item = &r->items[i];
        Str key = item->type == type ? key_of(r->arena, item->root) : STR_EMPTY;
        if (key.len == 0) {
            continue;
        }
        Group *g = group_of(ret, key);
        Str time = time_of(r->arena, item->root);
        if (g->times == 0 || str_cmp(time, g->first) < 0) {
            g->first = time;
        }
        if (g->times == 0 || str_cmp(time, g->last) > 0) {
            g->last = time;
            g->newest = item;
        }
        item->time = time;
        item->next = g->members;
        g->members = item;
        g->times++;
    }
    return ERR_OK;
}

static int by_last_desc(const void *a, const void *b) {
    return str_cmp(((const Group *)b)->last, ((const Group *)a)->last);
}

static void put_group_head(JsonWriter *w, const Group *g, Str key_name, Str name) {
    json_open_object(w);
    json_member_str(w, key_name, g->key);
    put_member_or_null(w, STR("name"), name);
    put_member_or_null(w, STR("first"), g->first);
    put_member_or_null(w, STR("last"), g->last);
}

static ErrCode put_problems(JsonWriter *w, const Life *r) {
    Groups g;
    TRY(group_items(r, FHIR_T_CONDITION, life_condition_key, condition_time, &g));
    qsort(g.groups, g.n, sizeof(*g.groups), by_last_desc);
    json_name(w, "problems");
    json_open_array(w);
    for (size_t i = 0; i < g.n; i++) {
        const Group *p = &g.groups[i];
        put_group_head(
            w, p, STR("icd"),
            life_icd_name(r->arena, p->newest->root, p->key, r->call->language == FHIR_LANG_EN));
        json_name(w, "visits");
        json_put_i64(w, (int64_t)p->times);
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

typedef struct Point {
    Str time;
    const JsonNode *value;
} Point;

static int by_time(const void *a, const void *b) {
    return str_cmp(((const Point *)a)->time, ((const Point *)b)->time);
}

/* Days that one prescription lasts, by LIEU_DUNG's form "… * 2 lần/ngày * 28 ngày"; 0 where it does
 * not say. */
static int64_t supply_days(Str dose) {
    Str last = dose;
    for (Str part; str_cut(&dose, '*', &part);) {
        last = part;
    }
    last = str_trim(last);
    int64_t days = 0;
    size_t i = 0;
    for (; i < last.len && i < 4 && last.ptr[i] >= '0' && last.ptr[i] <= '9'; i++) {
        days = days * 10 + (last.ptr[i] - '0');
    }
    return str_starts(str_trim(str_sub(last, i, last.len)), STR("ngày")) ? days : 0;
}

/* When the drug was prescribed and for how many days, oldest first: what a gap is made of. */
static ErrCode put_given(JsonWriter *w, const Life *r, const Group *g) {
    Point *points = arena_new_array(r->arena, Point, g->times);
    size_t n = 0;
    if (points == NULL) {
        return ERR_NOMEM;
    }
    for (const LifeItem *item = g->members; item != NULL; item = item->next) {
        points[n++] = (Point){item->time, json_path(item->root, "dosageInstruction.text")};
    }
    qsort(points, n, sizeof(*points), by_time);
    json_name(w, "given");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        if (points[i].time.len >= 10) {
            json_open_array(w);
            json_put_str(w, str_sub(points[i].time, 0, 10));
            json_put_i64(w, supply_days(json_str(r->arena, points[i].value)));
            json_close_array(w);
        }
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_drugs(JsonWriter *w, const Life *r) {
    Groups g;
    TRY(group_items(r, FHIR_T_MEDICATION_REQUEST, drug_key, drug_time, &g));
    qsort(g.groups, g.n, sizeof(*g.groups), by_last_desc);
    json_name(w, "drugs");
    json_open_array(w);
    for (size_t i = 0; i < g.n; i++) {
        const JsonNode *newest = g.groups[i].newest->root;
        put_group_head(w, &g.groups[i], STR("code"),
                       life_name(r->arena, json_get_lit(newest, "medicationCodeableConcept")));
        json_name(w, "times");
        json_put_i64(w, (int64_t)g.groups[i].times);
        put_member_or_null(w, STR("dose"),
                           json_str(r->arena, json_path(newest, "dosageInstruction.text")));
        TRY(put_given(w, r, &g.groups[i]));
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_points(JsonWriter *w, const Life *r, const Group *g) {
    Point *points = arena_new_array(r->arena, Point, g->times);
    size_t n = 0;
    if (points == NULL) {
        return ERR_NOMEM;
    }
    for (const LifeItem *item = g->members; item != NULL; item = item->next) {
        points[n++] = (Point){item->time, json_path(item->root, "valueQuantity.value")};
    }
    qsort(points, n, sizeof(*points), by_time);
    json_name(w, "points");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        if (json_is(points[i].value, JSON_NUMBER)) {
            json_open_array(w);
            json_put_str(w, points[i].time);
            json_put_raw(w, json_raw(points[i].value));
            json_close_array(w);
        }
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_results(JsonWriter *w, const Life *r) {
    Groups g;
    TRY(group_items(r, FHIR_T_OBSERVATION, result_key, life_result_time, &g));
    qsort(g.groups, g.n, sizeof(*g.groups), by_last_desc);
    json_name(w, "results");
    json_open_array(w);
    for (size_t i = 0; i < g.n; i++) {
        const JsonNode *newest = g.groups[i].newest->root;
        put_group_head(w, &g.groups[i], STR("code"),
                       life_name(r->arena, json_get_lit(newest, "code")));
        put_member_or_null(w, STR("unit"),
                           json_str(r->arena, json_path(newest, "valueQuantity.unit")));
        life_put_number(w, STR("low"), json_path(newest, "referenceRange.low.value"));
        life_put_number(w, STR("high"), json_path(newest, "referenceRange.high.value"));
        TRY(put_points(w, r, &g.groups[i]));
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

/* Was it released? Not preliminary, not cancelled. */
static bool is_final(const JsonNode *observation) {
    const JsonNode *status = json_get_lit(observation, "status");
    return json_str_is(status, STR("final")) || json_str_is(status, STR("amended")) ||
           json_str_is(status, STR("corrected"));
}

/* The value of a result of LOINC 882-1 (ABO and Rh) or 883-9 (ABO); empty for anything else. */
static Str blood_group_of(const Life *r, const LifeItem *item) {
    Str code = item->type == FHIR_T_OBSERVATION && is_final(item->root)
                   ? life_code(r->arena, json_get_lit(item->root, "code"), STR("http://loinc.org"))
                   : STR_EMPTY;
    if (!str_eq(code, STR("882-1")) && !str_eq(code, STR("883-9"))) {
        return STR_EMPTY;
    }
    Str text = json_str(r->arena, json_get_lit(item->root, "valueString"));
    return text.len > 0 ? text
                        : life_name(r->arena, json_get_lit(item->root, "valueCodeableConcept"));
}

/* The newest one by its own time, of the same time the newest record's; null where none is. */
static void put_blood_group(JsonWriter *w, const Life *r) {
    Str value = STR_EMPTY;
    Str newest = STR_EMPTY;
    for (size_t i = 0; i < r->n; i++) {
        Str found = blood_group_of(r, &r->items[i]);
        Str time = found.len > 0 ? life_result_time(r->arena, r->items[i].root) : STR_EMPTY;
        if (found.len > 0 && (value.len == 0 || str_cmp(time, newest) > 0)) {
            value = found;
            newest = time;
        }
    }
    put_member_or_null(w, STR("blood_group"), value);
}

static bool is_refuted(Arena *arena, const JsonNode *allergy) {
    const JsonNode *status = json_get_lit(allergy, "verificationStatus");
    return str_eq(life_code(arena, status, STR_EMPTY), STR("refuted"));
}

/* Null as long as not all is read: no allergy seen is not none recorded. */
static void put_allergies(JsonWriter *w, const Life *r) {
    json_name(w, "allergies");
    if (r->is_cut) {
        json_put_null(w);
        return;
    }
    json_open_array(w);
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].type == FHIR_T_ALLERGY_INTOLERANCE &&
            !is_refuted(r->arena, r->items[i].root)) {
            json_put_str(w, life_name(r->arena, json_get_lit(r->items[i].root, "code")));
        }
    }
    json_close_array(w);
}

ErrCode citizen_record(RestCall *call, const StoreVersion *patient, size_t newest, Buf *out) {
    const JsonNode *p = NULL;
    Life r = {.newest = newest};
    TRY(json_parse(call->arena, patient->json, &p, NULL));
    TRY(life_gather(&r, call, patient->first));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_banner(&w, call->arena, patient, p);
    put_coverage(&w, &r);
    put_blood_group(&w, &r);
    TRY(put_visits(&w, &r));
    TRY(put_problems(&w, &r));
    TRY(put_drugs(&w, &r));
    TRY(put_results(&w, &r));
    put_allergies(&w, &r);
    json_name(&w, "whole");
    json_put_bool(&w, !r.is_cut);
    json_close_object(&w);
    return buf_ok(out);
}
