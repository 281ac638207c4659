/* What comes again in a life: problems, drugs and results, grouped by code. */
#include "api/api_life.h"
#include "core/hash.h"

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

ErrCode life_put_problems(JsonWriter *w, const Life *r) {
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

ErrCode life_put_drugs(JsonWriter *w, const Life *r) {
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

ErrCode life_put_results(JsonWriter *w, const Life *r) {
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
