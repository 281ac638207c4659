/* Subscription resource -> what it wishes; and its status, written back. */
#include "subs/subs_int.h"

#define BACKPORT "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"

enum {
    WISH_ARENA_MAX = 8 << 20,
    TIMEOUT_S = 20,
    TIMEOUT_MAX_S = 60,
    COUNT_DEFAULT = 16,
    COUNT_MAX = 256,
};

void wish_drop(SubWish *wish) {
    if (wish != NULL && atomic_fetch_sub(&wish->users, 1) == 1) {
        arena_free(wish->arena);
    }
}

/* ---- reading ---- */

static const JsonNode *extension_of(const JsonNode *element, const char *name) {
    const JsonNode *list = json_get_lit(element, "extension");
    for (const JsonNode *e = list == NULL ? NULL : json_first(list); e != NULL;
         e = json_next(list, e)) {
        Str url = json_raw_str(json_get_lit(e, "url"));
        if (str_starts(url, STR(BACKPORT)) &&
            str_eq(str_sub(url, sizeof(BACKPORT) - 1, url.len), str_from(name))) {
            return e;
        }
    }
    return NULL;
}

static unsigned number_of(const JsonNode *element, const char *name, unsigned fallback,
                          unsigned max) {
    const JsonNode *e = extension_of(element, name);
    const JsonNode *value = json_get_lit(e, "valueUnsignedInt");
    int64_t n = 0;
    value = value == NULL ? json_get_lit(e, "valuePositiveInt") : value;
    return value == NULL || json_to_i64(value, &n) != ERR_OK || n < 0
               ? fallback
               : (unsigned)MIN(n, (int64_t)max);
}

static ErrCode read_query(const Subs *subs, SubWish *w, Str text, ErrInfo *info) {
    FhirQueryScope scope = {.type = w->type,
                            .base_url = subs->o.base_url,
                            .now = clock_now_ms(subs->clock),
                            .info = info};
    TRY(fhir_query_parse(w->arena, &scope, text, &w->query));
    for (size_t i = 0; i < w->query.n_terms; i++) {
        if (fhir_term_is_linked(&w->query.terms[i])) {
            return err_set(
                info, ERR_PARAM, "subscription",
                "criteria look at the changed resource alone: no chains, _has, _list",
                "criteria chỉ xét chính tài nguyên thay đổi: không dùng chuỗi tham chiếu, "
                "_has, _list");
        }
    }
    return ERR_OK;
}

/* R4: "Observation?code=…". */
static ErrCode read_criteria(const Subs *subs, SubWish *w, Str criteria, ErrInfo *info) {
    Str query = criteria;
    Str name;
    (void)str_cut(&query, '?', &name);
    w->type = fhir_resource_by_name(name);
    if (w->type == FHIR_T_NONE) {
        return err_set(info, ERR_PARAM, "subscription",
                       "criteria begin with a resource type: Observation?code=…; or with a topic "
                       "of this server: " SUBS_TOPIC "Observation",
                       "criteria bắt đầu bằng loại tài nguyên: Observation?code=…; hoặc một chủ đề "
                       "của máy chủ: " SUBS_TOPIC "Observation");
    }
    return read_query(subs, w, name.len == criteria.len ? STR_EMPTY : query, info);
}

/* Backport: criteria is the topic, its extension the filter "Encounter?patient=…". */
static ErrCode read_topic(const Subs *subs, SubWish *w, const JsonNode *root, ErrInfo *info) {
    w->is_topic = true;
    w->type = fhir_resource_by_name(str_sub(w->topic, sizeof(SUBS_TOPIC) - 1, w->topic.len));
    if (w->type == FHIR_T_NONE) {
        return err_set(info, ERR_PARAM, "subscription",
                       "this topic is not known here: " SUBS_TOPIC "TYPE",
                       "không có chủ đề này: " SUBS_TOPIC "LOẠI");
    }
    const JsonNode *filter =
        extension_of(json_get_lit(root, "_criteria"), "backport-filter-criteria");
    if (filter == NULL) {
        return read_query(subs, w, STR_EMPTY, info);
    }
    Str query = json_str(w->arena, json_get_lit(filter, "valueString"));
    Str name;
    (void)str_cut(&query, '?', &name);
    return fhir_resource_by_name(name) == w->type
               ? read_query(subs, w, query, info)
               : err_set(info, ERR_PARAM, "subscription",
                         "the filter must begin with the topic's type and '?'",
                         "bộ lọc phải bắt đầu bằng loại tài nguyên của chủ đề và '?'");
}

static ErrCode read_payload(SubWish *w, const JsonNode *channel, ErrInfo *info) {
    const JsonNode *content =
        extension_of(json_get_lit(channel, "_payload"), "backport-payload-content");
    Str code = json_raw_str(json_get_lit(content, "valueCode"));
    w->payload = json_str(w->arena, json_get_lit(channel, "payload"));
    w->content = str_eq(code, STR("full-resource")) ? SUB_FULL
                 : str_eq(code, STR("empty"))       ? SUB_EMPTY
                                                    : SUB_ID_ONLY;
    return w->payload.len == 0 || str_eq(w->payload, STR("application/fhir+json"))
               ? ERR_OK
               : err_set(info, ERR_PARAM, "subscription", "payload: application/fhir+json, or none",
                         "payload: application/fhir+json, hoặc để trống");
}

/* A header line that cannot break out of its line. */
static bool is_header(Str line) {
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 127) {
            return false;
        }
    }
    size_t colon = str_find_char(line, ':', 0);
    return colon != SIZE_MAX && colon > 0;
}

static ErrCode read_headers(SubWish *w, const JsonNode *list, ErrInfo *info) {
    for (const JsonNode *h = list == NULL ? NULL : json_first(list); h != NULL;
         h = json_next(list, h)) {
        Str line = json_str(w->arena, h);
        if (w->n_headers == SUBS_HEADERS || !is_header(line)) {
            return err_set(info, ERR_PARAM, "subscription",
                           "headers: at most 8, each 'Name: value' in one line",
                           "header: tối đa 8, mỗi dòng 'Tên: giá trị'");
        }
        w->headers[w->n_headers++] = arena_str(w->arena, line);
    }
    return ERR_OK;
}

static ErrCode read_channel(const Subs *subs, SubWish *w, const JsonNode *channel, ErrInfo *info) {
    Str type = json_raw_str(json_get_lit(channel, "type"));
    w->is_hook = str_eq(type, STR("rest-hook"));
    w->endpoint = arena_str(w->arena, json_str(w->arena, json_get_lit(channel, "endpoint")));
    w->heartbeat_s = number_of(channel, "backport-heartbeat-period", 0, 86400);
    w->timeout_s = MAX(1U, number_of(channel, "backport-timeout", TIMEOUT_S, TIMEOUT_MAX_S));
    w->max_count = MAX(1U, number_of(channel, "backport-max-count", COUNT_DEFAULT, COUNT_MAX));
    if (!w->is_hook && !str_eq(type, STR("websocket"))) {
        return err_set(info, ERR_PARAM, "subscription",
                       "channel types of this server: rest-hook, websocket",
                       "loại kênh của máy chủ: rest-hook, websocket");
    }
    if (w->is_hook && !http_client_allowed(subs->o.hosts, w->endpoint)) {
        return err_set(info, ERR_PARAM, "subscription",
                       "the endpoint is not among the addresses that this server may call "
                       "(setting hook_hosts)",
                       "địa chỉ endpoint không nằm trong các địa chỉ máy chủ được phép gọi "
                       "(cài đặt hook_hosts)");
    }
    TRY(read_payload(w, channel, info));
    return read_headers(w, json_get_lit(channel, "header"), info);
}

static SubStatus status_of(Str code) {
    return str_eq(code, STR("requested")) ? SUB_REQUESTED
           : str_eq(code, STR("active"))  ? SUB_ACTIVE
           : str_eq(code, STR("error"))   ? SUB_ERROR
                                          : SUB_OFF;
}

static ErrCode fill(const Subs *subs, SubWish *w, Str json, ErrInfo *info) {
    const JsonNode *root;
    FhirTime end;
    TRY(json_parse(w->arena, arena_str(w->arena, json), &root, info));
    w->status = status_of(json_raw_str(json_get_lit(root, "status")));
    if (w->status == SUB_OFF) {
        return ERR_OK;
    }
    if (time_read_fhir(json_raw_str(json_get_lit(root, "end")), &end) == ERR_OK) {
        w->end = end.lo;
    }
    Str criteria = json_str(w->arena, json_get_lit(root, "criteria"));
    TRY(read_channel(subs, w, json_get_lit(root, "channel"), info));
    w->topic = str_starts(criteria, STR(SUBS_TOPIC)) ? criteria : STR_EMPTY;
    return w->topic.len > 0 ? read_topic(subs, w, root, info)
                            : read_criteria(subs, w, criteria, info);
}

/* On ERR_PARAM the wish comes too: its id and version are needed to say so. */
ErrCode wish_read(const Subs *subs, const StoreVersion *version, SubWish **ret_wish,
                  ErrInfo *info) {
    Arena *arena = arena_new(WISH_ARENA_MAX);
    SubWish *w = arena == NULL ? NULL : arena_new_array(arena, SubWish, 1);
    if (w == NULL) {
        arena_free(arena);
        return ERR_NOMEM;
    }
    atomic_init(&w->users, 1);
    w->arena = arena;
    w->id = arena_str(arena, version->id);
    w->version = version->slot;
    ErrCode err = fill(subs, w, version->json, info);
    err = err == ERR_OK && arena_failed(arena) ? ERR_NOMEM : err;
    if (err == ERR_NOMEM) {
        wish_drop(w);
        return err;
    }
    *ret_wish = w;
    return err == ERR_OK ? ERR_OK : ERR_PARAM;
}

/* ---- the status, written back ---- */

static void put_changed(JsonWriter *w, const JsonNode *root, const char *status, Str reason) {
    json_open_object(w);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        Str name = json_raw_str(m);
        if (!str_eq(name, STR("status")) && !str_eq(name, STR("error"))) {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
    json_member(w, "status", str_from(status));
    json_member_str(w, STR("error"), reason);
    json_close_object(w);
}

ErrCode wish_set_status(Subs *subs, const SubWish *wish, const char *status, Str reason) {
    CLEANUP_ARENA Arena *arena = arena_new(WISH_ARENA_MAX);
    CLEANUP_BUF Buf json;
    StoreVersion v;
    const JsonNode *root;
    buf_init(&json, LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    RecordNo snapshot = store_snapshot(subs->o.store);
    TRY(store_get(subs->o.store, arena, FHIR_T_SUBSCRIPTION, wish->id, &v));
    if (v.slot != wish->version) {
        return ERR_OK; /* somebody was faster: the new version speaks for itself */
    }
    TRY(json_parse(arena, v.json, &root, NULL));
    JsonWriter w = json_writer(&json);
    put_changed(&w, root, status, reason);
    TRY(buf_ok(&json));
    StoreChange change = {.op = STORE_UPDATE,
                          .type = FHIR_T_SUBSCRIPTION,
                          .id = wish->id,
                          .prev = v.slot,
                          .json = buf_str(&json)};
    StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = -1};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = snapshot,
                          .actor = STR("nhip"),
                          .source = STR("subscription")};
    StoreCommitted done;
    return store_commit(subs->o.store, &commit, &done, NULL, NULL);
}
