/* Parameters and patients of the operations on whole populations. */
#include "rest/rest_bulk.h"

enum { PARAMS_MAX = 256 };

/* ---- parameters ---- */

static ErrCode add_param(BulkParams *p, const BulkParam *param, ErrInfo *info) {
    if (p->n == PARAMS_MAX) {
        return err_set(info, ERR_LIMIT, "parameters", "at most %d parameters can be given",
                       "chỉ được đưa tối đa %d tham số", PARAMS_MAX);
    }
    p->list[p->n++] = *param;
    return ERR_OK;
}

static ErrCode add_pairs(Arena *arena, Str rest, BulkParams *out, ErrInfo *info) {
    Str pair;
    while (str_cut(&rest, '&', &pair)) {
        BulkParam p = {.value = STR_EMPTY};
        Str raw_name;
        if (pair.len == 0) {
            continue;
        }
        (void)str_cut(&pair, '=', &raw_name);
        ErrCode err = http_decode(arena, raw_name, true, &p.name);
        err = err == ERR_OK && pair.ptr != NULL ? http_decode(arena, pair, true, &p.value) : err;
        if (err != ERR_OK) {
            return err_set(info, ERR_PARAM, "parameter-escape", "a %%-escape is wrong",
                           "mã %% trong tham số không đúng");
        }
        TRY(add_param(out, &p, info));
    }
    return ERR_OK;
}

static Str text_of(Arena *arena, const JsonNode *value) {
    return json_is(value, JSON_STRING)   ? json_str(arena, value)
           : json_is(value, JSON_OBJECT) ? json_str(arena, json_get_lit(value, "reference"))
                                         : arena_str(arena, json_raw(value));
}

static ErrCode add_node(Arena *arena, const JsonNode *node, BulkParams *out, ErrInfo *info) {
    BulkParam p = {.name = json_str(arena, json_get_lit(node, "name")), .value = STR_EMPTY};
    const JsonNode *m = json_is(node, JSON_OBJECT) ? json_first(node) : NULL;
    for (; m != NULL && p.node == NULL; m = json_next(node, m)) {
        Str name = json_raw_str(m);
        if (str_starts(name, STR("value"))) {
            p.node = json_value(m);
            p.value = text_of(arena, p.node);
        } else if (str_eq(name, STR("resource")) || str_eq(name, STR("part"))) {
            p.node = json_value(m);
        }
    }
    return p.name.len == 0 || p.node == NULL ? err_set(info, ERR_PARAM, "parameters-body",
                                                       "each parameter needs a name and a value",
                                                       "mỗi tham số cần có tên và giá trị")
                                             : add_param(out, &p, info);
}

static ErrCode add_list(Arena *arena, const JsonNode *list, BulkParams *out, ErrInfo *info) {
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        TRY(add_node(arena, at, out, info));
    }
    return ERR_OK;
}

ErrCode bulk_parts(Arena *arena, const JsonNode *part, BulkParams *ret, ErrInfo *info) {
    BulkParams p = {.list = arena_new_array(arena, BulkParam, PARAMS_MAX)};
    if (p.list == NULL) {
        return ERR_NOMEM;
    }
    TRY(add_list(arena, part, &p, info));
    *ret = p;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode add_body(RestCall *call, Arena *arena, BulkParams *out, ErrInfo *info) {
    const JsonNode *root = NULL;
    TRY(rest_check_json_body(call, info));
    Str text = arena_str(arena, http_body(call->request));
    TRY(json_parse(arena, text, &root, info));
    if (!json_str_is(json_get_lit(root, "resourceType"), STR("Parameters"))) {
        return err_set(info, ERR_PARAM, "parameters-body", "send a Parameters resource as the body",
                       "hãy gửi tài nguyên Parameters trong nội dung yêu cầu");
    }
    return add_list(arena, json_get_lit(root, "parameter"), out, info);
}

ErrCode bulk_params(RestCall *call, Arena *arena, BulkParams *ret, ErrInfo *info) {
    BulkParams p = {.list = arena_new_array(arena, BulkParam, PARAMS_MAX)};
    if (p.list == NULL) {
        return ERR_NOMEM;
    }
    TRY(add_pairs(arena, arena_str(arena, http_query(call->request)), &p, info));
    if (http_body(call->request).len > 0) {
        TRY(add_body(call, arena, &p, info));
    }
    *ret = p;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode bulk_only(RestCall *call, BulkParams *params, const char *const *names, ErrInfo *info) {
    size_t kept = 0;
    for (size_t i = 0; i < params->n; i++) {
        const BulkParam *p = &params->list[i];
        bool known = false;
        for (size_t k = 0; names[k] != NULL && !known; k++) {
            known = str_eq(p->name, str_from(names[k]));
        }
        if (!known && !rest_prefers(call, "handling=lenient")) {
            err_where(info, STR_FMT, STR_ARG(p->name));
            return err_set(info, ERR_UNSUPPORTED, "parameter-unsupported",
                           "the parameter '" STR_FMT "' is not supported here (Prefer: "
                           "handling=lenient leaves it out)",
                           "ở đây chưa hỗ trợ tham số '" STR_FMT
                           "' (Prefer: handling=lenient sẽ bỏ qua)",
                           STR_ARG(p->name));
        }
        if (known) {
            params->list[kept++] = *p;
        }
    }
    params->n = kept;
    return ERR_OK;
}

const BulkParam *bulk_find(const BulkParams *params, const char *name) {
    for (size_t i = 0; i < params->n; i++) {
        if (str_eq(params->list[i].name, str_from(name))) {
            return &params->list[i];
        }
    }
    return NULL;
}

ErrCode bulk_time(const BulkParams *params, const char *name, bool *ret_has, TimeMs *ret_time,
                  ErrInfo *info) {
    const BulkParam *p = bulk_find(params, name);
    TimeMs time = 0;
    if (p == NULL) {
        return ERR_OK;
    }
    if (rest_since_param(p->value, &time, info) != ERR_OK) {
        err_where(info, "%s", name);
        return err_set(info, ERR_PARAM, "parameter-value", "%s must be an instant",
                       "%s phải là một thời điểm (instant)", name);
    }
    *ret_has = true;
    *ret_time = time;
    return ERR_OK;
}

/* ---- patients ---- */

static ErrCode add_patient(BulkPatients *out, Slot slot) {
    if (out->n == out->capacity) {
        Slot *grown = arena_grow(out->arena, out->slots, &out->capacity, sizeof *grown);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        out->slots = grown;
    }
    out->slots[out->n++] = slot;
    return ERR_OK;
}

/* "Type/id" of our own, also behind our base. */
static bool cut_reference(const Rest *rest, Str reference, FhirType type, Str *ret_id) {
    Str prefix = str_from(fhir_type_name(type));
    if (str_starts(reference, rest->base_url) && reference.len > rest->base_url.len) {
        reference = str_sub(reference, rest->base_url.len + 1, reference.len);
    }
    if (!str_starts(reference, prefix) || reference.len <= prefix.len + 1 ||
        reference.ptr[prefix.len] != '/') {
        return false;
    }
    *ret_id = str_sub(reference, prefix.len + 1, reference.len);
    *ret_id = str_sub(*ret_id, 0, MIN(str_find_char(*ret_id, '/', 0), ret_id->len));
    return true;
}

ErrCode bulk_patient(RestCall *call, Str reference, BulkPatients *out, ErrInfo *info) {
    Str id = STR_EMPTY;
    bool named = cut_reference(call->rest, reference, FHIR_T_PATIENT, &id);
    Slot first = named ? store_first(call->rest->store, FHIR_T_PATIENT, id) : 0;
    return first != 0 ? add_patient(out, first)
                      : err_set(info, ERR_NOT_FOUND, "patient-unknown", "there is no '" STR_FMT "'",
                                "không có '" STR_FMT "'", (int)MIN(reference.len, (size_t)80),
                                reference.ptr);
}

typedef struct GroupWalk {
    RestCall *call;
    BulkPatients *out;
    ErrInfo *info;
    unsigned depth;
} GroupWalk;

static ErrCode walk_group(GroupWalk *walk, Str id);

static ErrCode walk_member(GroupWalk *walk, const JsonNode *member) {
    RestCall *call = walk->call;
    Str id = STR_EMPTY;
    Str reference = json_str(call->arena, json_path(member, "entity.reference"));
    if (json_is(json_get_lit(member, "inactive"), JSON_TRUE)) {
        return ERR_OK;
    }
    if (cut_reference(call->rest, reference, FHIR_T_PATIENT, &id)) {
        Slot first = store_first(call->rest->store, FHIR_T_PATIENT, id);
        return first == 0 ? ERR_OK : add_patient(walk->out, first);
    }
    return cut_reference(call->rest, reference, FHIR_T_GROUP, &id) ? walk_group(walk, id) : ERR_OK;
}

static ErrCode walk_group(GroupWalk *walk, Str id) {
    RestCall *call = walk->call;
    StoreVersion v;
    const JsonNode *root = NULL;
    ErrCode err = store_get(call->rest->store, call->arena, FHIR_T_GROUP, id, &v);
    if (walk->depth > 0 && (err == ERR_NOT_FOUND || err == ERR_GONE)) {
        return ERR_OK; /* a member that is no more */
    }
    if (err != ERR_OK) {
        return rest_absent(&(RestGet){.call = call, .type = FHIR_T_GROUP, .id = id}, err,
                           walk->info);
    }
    if (walk->depth == BULK_GROUP_DEPTH) {
        return err_set(walk->info, ERR_LIMIT, "group-depth",
                       "groups stand in groups more than %d deep",
                       "nhóm lồng trong nhóm quá %d tầng", BULK_GROUP_DEPTH);
    }
    TRY(json_parse(call->arena, v.json, &root, NULL));
    const JsonNode *list = json_get_lit(root, "member");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    walk->depth++;
    for (; at != NULL; at = json_next(list, at)) {
        TRY(walk_member(walk, at));
    }
    walk->depth--;
    return ERR_OK;
}

ErrCode bulk_group(RestCall *call, Str id, BulkPatients *out, ErrInfo *info) {
    GroupWalk walk = {.call = call, .out = out, .info = info};
    return walk_group(&walk, id);
}

static int by_slot(const void *x, const void *y) {
    const Slot *a = x;
    const Slot *b = y;
    return *a < *b ? -1 : *a > *b;
}

void bulk_patients_end(BulkPatients *p) {
    size_t kept = 0;
    if (p->n > 0) {
        qsort(p->slots, p->n, sizeof(Slot), by_slot);
    }
    for (size_t i = 0; i < p->n; i++) {
        if (kept == 0 || p->slots[kept - 1] != p->slots[i]) {
            p->slots[kept++] = p->slots[i];
        }
    }
    p->n = kept;
}

/* ---- manifests ---- */

ErrCode bulk_snapshot_time(Rest *rest, AsyncJob *job, RecordNo snapshot, TimeMs *ret_time) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_REQUEST_BYTES);
    StoreVersion v;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (snapshot == 0) { /* an empty store */
        *ret_time = async_time(job);
        return ERR_OK;
    }
    TRY(store_get_slot(rest->store, arena, SLOT_OF(snapshot, 0), &v));
    *ret_time = v.time;
    return ERR_OK;
}

void bulk_open_manifest(JsonWriter *w, AsyncJob *job, TimeMs time) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    time_put_instant(&text, time);
    json_open_object(w);
    json_member(w, "transactionTime", buf_str(&text));
    json_member(w, "request", async_request(job));
    json_name(w, "requiresAccessToken");
    json_put_bool(w, false);
}

void bulk_put_file(JsonWriter *w, AsyncJob *job, const FlowFile *file) {
    CLEANUP_BUF Buf url;
    buf_init(&url, LIMIT_MIB);
    buf_put_str(&url, async_url(job));
    buf_put_char(&url, '/');
    buf_put_str(&url, str_sub(file->name, 0, file->name.len - 3)); /* without .gz */
    json_member(w, "url", buf_str(&url));
    json_name(w, "count");
    json_put_i64(w, (int64_t)file->lines);
}

void *bulk_ask_new(RestCall *call, size_t arena_bytes, size_t size, Arena **ret_arena) {
    Arena *arena = arena_new(arena_bytes);
    void *ask = arena == NULL ? NULL : arena_calloc(arena, 1, size);
    if (ask == NULL) {
        arena_free(arena);
        rest_reply_err(call, ERR_NOMEM, NULL);
        return NULL;
    }
    *ret_arena = arena;
    return ask;
}
