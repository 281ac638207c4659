/* $meta, $meta-add, $meta-delete: profiles, security labels and tags
 * (http://hl7.org/fhir/R4/resource-operation-meta.html). Of a resource they are those of its newest
 * version; of a type or the system all that are in use. Records are immutable: adding and taking
 * away makes a new version. */
#include "rest/rest_operation.h"

typedef struct MetaSet { /* values of one list, each once, as JSON texts */
    const JsonNode **items;
    size_t n, capacity;
} MetaSet;

static const char *const lists[] = {"profile", "security", "tag"};
static const FhirParamId params_of[] = {FHIR_P__PROFILE, FHIR_P__SECURITY, FHIR_P__TAG};
enum { N_LISTS = 3 };

/* The same profile; the same code of the same system. */
static bool is_same(const JsonNode *a, const JsonNode *b) {
    if (json_is(a, JSON_STRING) || json_is(b, JSON_STRING)) {
        return json_is(a, JSON_STRING) && json_is(b, JSON_STRING) &&
               str_eq(json_raw_str(a), json_raw_str(b));
    }
    return str_eq(json_raw_str(json_get_lit(a, "system")),
                  json_raw_str(json_get_lit(b, "system"))) &&
           str_eq(json_raw_str(json_get_lit(a, "code")), json_raw_str(json_get_lit(b, "code")));
}

static bool has(const MetaSet *set, const JsonNode *item) {
    for (size_t i = 0; i < set->n; i++) {
        if (is_same(set->items[i], item)) {
            return true;
        }
    }
    return false;
}

/* Adds the items of meta's list that are not there yet, unless they are in `not`. */
static ErrCode add_items(Arena *arena, MetaSet *set, const JsonNode *list, const MetaSet * not ) {
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        if (has(set, at) || (not != NULL && has(not, at))) {
            continue;
        }
        if (set->n == set->capacity) {
            size_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;
            const JsonNode **grown = arena_new_array(arena, const JsonNode *, capacity);
            if (grown == NULL) {
                return ERR_NOMEM;
            }
            if (set->n > 0) {
                memcpy(grown, set->items, set->n * sizeof(*grown));
            }
            set->items = grown;
            set->capacity = capacity;
        }
        set->items[set->n++] = at;
    }
    return ERR_OK;
}

static void put_sets(JsonWriter *w, const MetaSet sets[N_LISTS]) {
    for (size_t i = 0; i < N_LISTS; i++) {
        if (sets[i].n == 0) {
            continue;
        }
        json_put_name(w, str_from(lists[i]));
        json_open_array(w);
        for (size_t k = 0; k < sets[i].n; k++) {
            json_put_node(w, sets[i].items[k]);
        }
        json_close_array(w);
    }
}

static void open_answer(JsonWriter *w) {
    json_open_object(w);
    json_member(w, "resourceType", STR("Parameters"));
    json_name(w, "parameter");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "name", STR("return"));
    json_name(w, "valueMeta");
}

static void close_answer(JsonWriter *w) {
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

/* ---- $meta ---- */

static ErrCode put_version_meta(Arena *arena, const StoreVersion *v, Buf *out) {
    const JsonNode *root = NULL;
    JsonWriter w = json_writer(out);
    TRY(json_parse(arena, v->json, &root, NULL));
    open_answer(&w);
    json_put_node(&w, json_get_lit(root, "meta"));
    close_answer(&w);
    return buf_ok(out);
}

typedef struct InUse {
    Arena *arena;
    MetaSet sets[N_LISTS];
} InUse;

static ErrCode gather(void *ctx, const StoreVersion *v) {
    InUse *u = ctx;
    const JsonNode *root = NULL;
    TRY(json_parse(u->arena, v->json, &root, NULL));
    const JsonNode *meta = json_get_lit(root, "meta");
    for (size_t i = 0; i < N_LISTS; i++) {
        TRY(add_items(u->arena, &u->sets[i], json_get(meta, str_from(lists[i])), NULL));
    }
    return ERR_OK;
}

static ErrCode put_in_use(const RestGet *get, Buf *out) {
    InUse u = {.arena = get->call->arena};
    bool all = get->type == FHIR_T_NONE;
    FhirType first = all ? 1 : get->type;
    FhirType last = all ? FHIR_RESOURCE_COUNT : get->type;
    for (FhirType type = first; type <= last; type++) {
        for (size_t i = 0; i < N_LISTS; i++) {
            TRY(store_values(get->call->rest->store, u.arena,
                             &(StoreValues){type, params_of[i], gather, &u}));
        }
    }
    JsonWriter w = json_writer(out);
    open_answer(&w);
    json_open_object(&w);
    put_sets(&w, u.sets);
    json_close_object(&w);
    close_answer(&w);
    return buf_ok(out);
}

static ErrCode get_meta(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    RestParam p[] = {{"_pretty", {0}}, {"_format", {0}}};
    StoreVersion v;
    Arena *arena = get->call->arena;
    TRY(rest_params(arena, get->query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[0].value, &ret->pretty, info));
    ret->status = 200;
    if (get->id.len == 0) {
        return put_in_use(get, &ret->body);
    }
    ErrCode err = store_get(get->call->rest->store, arena, get->type, get->id, &v);
    return err == ERR_OK ? put_version_meta(arena, &v, &ret->body) : rest_absent(get, err, info);
}

/* ---- $meta-add, $meta-delete ---- */

typedef struct Change {
    RestCall *call;
    bool adds;
    const JsonNode *meta; /* what is to be added or taken away */
    StoreVersion before;
    IntakeAsk ask;
} Change;

static ErrCode parse_change(Change *c, ErrInfo *info) {
    FhirResource body;
    FhirIssues issues = fhir_issues(c->call->arena);
    TRY(rest_check_write(c->call, info));
    TRY(rest_check_json_body(c->call, info));
    ErrCode err = fhir_parse(c->call->arena, http_body(c->call->request), &body, &issues);
    const JsonNode *list = err == ERR_OK ? json_get_lit(body.root, "parameter") : NULL;
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        if (str_eq(json_raw_str(json_get_lit(at, "name")), STR("meta"))) {
            c->meta = json_get_lit(at, "valueMeta");
        }
    }
    return json_is(c->meta, JSON_OBJECT)
               ? ERR_OK
               : err_set(info, ERR_PARAM, "meta-missing",
                         "send Parameters with a parameter 'meta' (valueMeta)",
                         "hãy gửi Parameters có tham số 'meta' (valueMeta)");
}

/* The new meta; *ret_changed: is it another one? */
static ErrCode new_sets(Change *c, const JsonNode *meta, MetaSet sets[N_LISTS], bool *ret_changed) {
    Arena *arena = c->call->arena;
    *ret_changed = false;
    for (size_t i = 0; i < N_LISTS; i++) {
        Str name = str_from(lists[i]);
        MetaSet other = {0};
        TRY(add_items(arena, &other, json_get(c->meta, name), NULL));
        const JsonNode *old = json_get(meta, name);
        TRY(add_items(arena, &sets[i], old, c->adds ? NULL : &other));
        if (c->adds) {
            TRY(add_items(arena, &sets[i], json_get(c->meta, name), NULL));
        }
        *ret_changed =
            *ret_changed || sets[i].n != (json_is(old, JSON_ARRAY) ? json_count(old) : 0);
    }
    return ERR_OK;
}

static bool is_list(Str name) {
    for (size_t i = 0; i < N_LISTS; i++) {
        if (str_eq(name, str_from(lists[i]))) {
            return true;
        }
    }
    return false;
}

static void put_changed(JsonWriter *w, const JsonNode *root, const MetaSet sets[N_LISTS]) {
    const JsonNode *meta = json_get_lit(root, "meta");
    json_open_object(w);
    for (const JsonNode *at = json_first(root); at != NULL; at = json_next(root, at)) {
        if (!str_eq(json_raw_str(at), STR("meta"))) {
            json_put_name(w, json_raw_str(at));
            json_put_node(w, json_value(at));
        }
    }
    json_name(w, "meta");
    json_open_object(w);
    for (const JsonNode *at = json_first(meta); at != NULL; at = json_next(meta, at)) {
        if (!is_list(json_raw_str(at))) {
            json_put_name(w, json_raw_str(at));
            json_put_node(w, json_value(at));
        }
    }
    put_sets(w, sets);
    json_close_object(w);
    json_close_object(w);
}

static ErrCode make_ask(Change *c, bool *ret_changed, ErrInfo *info) {
    CLEANUP_BUF Buf text = {0};
    Arena *arena = c->call->arena;
    const JsonNode *root = NULL;
    MetaSet sets[N_LISTS] = {{0}};
    RestGet get = {.call = c->call, .id = c->call->parts[2]};
    buf_init(&text, LIMIT_RESOURCE_BYTES);
    TRY(rest_need_type(c->call->parts[1], &get.type, info));
    ErrCode err = store_get(c->call->rest->store, arena, get.type, get.id, &c->before);
    if (err != ERR_OK) {
        return rest_absent(&get, err, info);
    }
    TRY(json_parse(arena, c->before.json, &root, NULL));
    TRY(new_sets(c, json_get_lit(root, "meta"), sets, ret_changed));
    JsonWriter w = json_writer(&text);
    put_changed(&w, root, sets);
    TRY(buf_ok(&text));
    c->ask = (IntakeAsk){.verb = INTAKE_UPDATE,
                         .type = get.type,
                         .id = get.id,
                         .condition = STR_EMPTY,
                         .if_match = arena_printf(c->call->arena, "W/\"%u\"", c->before.version),
                         .full_url = STR_EMPTY,
                         .url = STR_EMPTY};
    return json_parse(arena, arena_str(arena, buf_str(&text)), &c->ask.root, NULL);
}

static void reply_meta(RestCall *call, const StoreVersion *v) {
    RestAnswer answer = {.status = 200, .version = v->version, .time = v->time};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = put_version_meta(call->arena, v, &answer.body);
    if (err != ERR_OK) {
        buf_release(&answer.body);
        rest_reply_err(call, err, NULL);
        return;
    }
    rest_send(call, &answer);
}

static void reply_written(RestWrite *w) {
    StoreVersion v;
    ErrCode err =
        store_get_slot(w->call->rest->store, w->call->arena, intake_tx_answer(w->tx, 0)->slot, &v);
    if (err != ERR_OK) {
        rest_reply_err(w->call, err, NULL);
    } else {
        reply_meta(w->call, &v);
    }
}

static void change_meta(RestCall *call, bool adds) {
    Change c = {.call = call, .adds = adds};
    ErrInfo info = {0};
    RestWrite *w = NULL;
    bool changed = false;
    ErrCode err = parse_change(&c, &info);
    err = err == ERR_OK ? make_ask(&c, &changed, &info) : err;
    if (err == ERR_OK && !changed) {
        reply_meta(call, &c.before);
        return;
    }
    err = err == ERR_OK ? rest_write_new(call, &w) : err;
    err = err == ERR_OK ? intake_tx_add(w->tx, &c.ask) : err;
    err = err == ERR_OK ? intake_tx_prepare(w->tx, &info) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
        return;
    }
    w->reply = reply_written;
    rest_write_start(w);
}

static void post_meta_add(RestCall *call) {
    change_meta(call, true);
}

static void post_meta_delete(RestCall *call) {
    change_meta(call, false);
}

static const RestOpParam get_params[] = {
    {REST_OUT, "return", "Meta", 1, "1", "profiles, security labels and tags"}};
static const RestOpParam change_params[] = {
    {REST_IN, "meta", "Meta", 1, "1", "profiles, security labels and tags"},
    {REST_OUT, "return", "Meta", 1, "1", "what the resource has now"}};
#define BASE "http://hl7.org/fhir/OperationDefinition/Resource-"
OPERATIONS(rest_meta_operations,
           {.on = "Resource",
            .name = "meta",
            .base = BASE "meta",
            .get = get_meta,
            REST_PARAMS(get_params)},
           {.on = "Resource",
            .name = "meta-add",
            .base = BASE "meta-add",
            .affects_state = true,
            REST_PARAMS(change_params)},
           {.on = "Resource",
            .name = "meta-delete",
            .base = BASE "meta-delete",
            .affects_state = true,
            REST_PARAMS(change_params)});

ROUTES(rest_meta_routes, {"GET", "/fhir/$meta", rest_run_operation, true, "meta: labels in use"},
       {"POST", "/fhir/$meta", rest_run_operation, true, "meta: labels in use"},
       {"GET", "/fhir/:type/$meta", rest_run_operation, true, "meta: labels of a type in use"},
       {"POST", "/fhir/:type/$meta", rest_run_operation, true, "meta: labels of a type in use"},
       {"GET", "/fhir/:type/:id/$meta", rest_run_operation, false, "meta: a resource's labels"},
       {"POST", "/fhir/:type/:id/$meta", rest_run_operation, false, "meta: a resource's labels"},
       {"POST", "/fhir/:type/:id/$meta-add", post_meta_add, false, "meta-add: adds labels"},
       {"POST", "/fhir/:type/:id/$meta-delete", post_meta_delete, false,
        "meta-delete: takes labels away"});
