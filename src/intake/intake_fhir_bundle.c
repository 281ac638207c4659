/* Entries of Bundles as asks: http://hl7.org/fhir/R4/http.html#transaction */
#include "intake/intake_fhir_int.h"

static ErrCode bad_url(Str url, ErrInfo *info) {
    return err_set(info, ERR_INVALID, "bundle-url",
                   "'" STR_FMT "' is no target: write Type, Type/id or Type?query",
                   "'" STR_FMT "' không phải là đích: hãy ghi Type, Type/id hoặc Type?query",
                   (int)MIN(url.len, (size_t)120), url.ptr);
}

ErrCode intake_target(Str url, IntakeAsk *ask, ErrInfo *info) {
    Str query = url;
    Str path;
    Str type;
    if (!str_cut(&query, '?', &path)) {
        return bad_url(url, info);
    }
    Str id = path;
    (void)str_cut(&id, '/', &type);
    ask->type = fhir_resource_by_name(type);
    ask->id = id.ptr == NULL ? STR_EMPTY : id;
    ask->condition = query.ptr == NULL ? STR_EMPTY : query;
    bool whole = id.ptr == NULL || (id.len > 0 && str_find_char(id, '/', 0) == SIZE_MAX);
    bool one = ask->id.len == 0 || query.ptr == NULL;
    return ask->type == FHIR_T_NONE || !whole || !one ? bad_url(url, info) : ERR_OK;
}

static ErrCode entry_error(ErrInfo *info, size_t i, const char *member, const char *texts[2]) {
    ErrCode err = err_set(info, ERR_INVALID, "bundle-entry", "%s", "%s", texts[0]);
    if (info != NULL) {
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", texts[1]);
        err_where(info, "Bundle.entry[%zu].%s", i, member);
    }
    return err;
}
#define ENTRY_ERROR(info, i, member, en, vi)                                                       \
    entry_error((info), (i), (member), (const char *[2]){(en), (vi)})

static ErrCode parse_since(Str instant, TimeMs *ret, ErrInfo *info) {
    TimeMs hi = 0;
    return instant.len == 0 || time_parse_fhir(instant, ret, &hi) == ERR_OK
               ? ERR_OK
               : err_set(info, ERR_PARAM, "if-modified-since", "ifModifiedSince must be an instant",
                         "ifModifiedSince phải là một thời điểm");
}

/* PUT: "*", create and never overwrite. */
static ErrCode parse_none_match(Str tag, bool *ret_absent, ErrInfo *info) {
    *ret_absent = str_eq(tag, STR("*"));
    return tag.len == 0 || *ret_absent
               ? ERR_OK
               : err_set(info, ERR_PARAM, "if-none-match", "ifNoneMatch of a PUT must be *",
                         "ifNoneMatch của PUT phải là *");
}

static ErrCode check_resource(const IntakeAsk *ask, Arena *arena, size_t i, ErrInfo *info) {
    if (fhir_type_of(ask->root) != ask->type) {
        return ENTRY_ERROR(info, i, "resource", "the resource is not of the type in request.url",
                           "tài nguyên không thuộc loại ghi trong request.url");
    }
    if (ask->verb == INTAKE_UPDATE && ask->id.len > 0 &&
        !str_eq(ask->id, json_str(arena, json_get_lit(ask->root, "id")))) {
        return ENTRY_ERROR(info, i, "resource.id", "the resource's id is not that of request.url",
                           "mã của tài nguyên không trùng với request.url");
    }
    return ERR_OK;
}

/* "Type/id/$name", with or without a query. */
static bool is_operation(Str url) {
    Str path = STR_EMPTY;
    Str last = STR_EMPTY;
    (void)str_cut(&url, '?', &path);
    while (str_cut(&path, '/', &last)) {
    }
    return str_starts(last, STR("$"));
}

/* What stands behind the base; an address of another server is never carried out as one of ours. */
static ErrCode relative_url(const IntakeEntry *entry, Str url, Str *ret, ErrInfo *info) {
    Str base = entry->base_url;
    Str path = str_sub(url, 0, MIN(str_find_char(url, '?', 0), url.len));
    bool is_absolute = str_find(path, STR("://")) != SIZE_MAX;
    bool is_own =
        base.len > 0 && str_starts(url, base) && url.len > base.len && url.ptr[base.len] == '/';
    if (is_absolute && !is_own) {
        err_where(info, "Bundle.entry[%zu].request.url", entry->number);
        return err_set(info, ERR_INVALID, "bundle-url-foreign",
                       "'" STR_FMT "' is not on this server (" STR_FMT
                       "): write what stands behind "
                       "the base",
                       "'" STR_FMT "' không thuộc máy chủ này (" STR_FMT "): hãy ghi phần sau địa "
                       "chỉ gốc",
                       (int)MIN(url.len, (size_t)120), url.ptr, STR_ARG(base));
    }
    url = is_absolute ? str_sub(url, base.len, url.len) : url;
    *ret = str_starts(url, STR("/")) ? str_sub(url, 1, url.len) : url;
    return ERR_OK;
}

static ErrCode parse_request(Arena *arena, const IntakeEntry *entry, IntakeAsk *ask,
                             ErrInfo *info) {
    const JsonNode *request = json_get_lit(entry->node, "request");
    size_t i = entry->number;
    Str method = json_raw_str(json_get_lit(request, "method"));
    Str url = STR_EMPTY;
    TRY(relative_url(entry, json_str(arena, json_get_lit(request, "url")), &url, info));
    ask->url = url;
    ask->head_only = str_eq(method, STR("HEAD"));
    if (ask->head_only || str_eq(method, STR("GET"))) {
        ask->verb = INTAKE_READ;
        ask->if_none_match = json_str(arena, json_get_lit(request, "ifNoneMatch"));
        return parse_since(json_raw_str(json_get_lit(request, "ifModifiedSince")),
                           &ask->if_modified_since, info);
    }
    if (str_eq(method, STR("POST")) && is_operation(url)) {
        ask->verb = INTAKE_READ;
        ask->is_posted = true;
        ask->posted = ask->root;
        ask->root = NULL;
        return ERR_OK;
    }
    TRY(intake_target(url, ask, info));
    ask->if_match = json_str(arena, json_get_lit(request, "ifMatch"));
    TRY(intake_check_etags(ask->if_match, info));
    bool named = ask->id.len > 0 || ask->condition.len > 0;
    if (str_eq(method, STR("POST")) && !named) {
        ask->verb = INTAKE_CREATE;
        ask->condition = json_str(arena, json_get_lit(request, "ifNoneExist"));
    } else if (str_eq(method, STR("PUT")) && named) {
        ask->verb = INTAKE_UPDATE;
        TRY(parse_none_match(json_str(arena, json_get_lit(request, "ifNoneMatch")), &ask->if_absent,
                             info));
    } else if (str_eq(method, STR("PATCH")) && named) {
        ask->verb = INTAKE_UPDATE;
        ask->patch_body = ask->root;
    } else if (str_eq(method, STR("DELETE")) && named) {
        ask->verb = INTAKE_DELETE;
    } else {
        return ENTRY_ERROR(info, i, "request", "this method is not supported with this url",
                           "không hỗ trợ phương thức này với url này");
    }
    if (ask->verb == INTAKE_DELETE) {
        ask->root = NULL;
        return ERR_OK;
    }
    if (ask->root == NULL) {
        return ENTRY_ERROR(info, i, "resource", "the resource is missing", "thiếu tài nguyên");
    }
    if (ask->patch_body != NULL) {
        ask->root = NULL;
        return ERR_OK;
    }
    return check_resource(ask, arena, i, info);
}

ErrCode intake_bundle_ask(Arena *arena, const IntakeEntry *entry, IntakeAsk *ret, ErrInfo *info) {
    const JsonNode *node = entry->node;
    size_t i = entry->number;
    IntakeAsk ask = {.verb = INTAKE_CREATE,
                     .id = STR_EMPTY,
                     .condition = STR_EMPTY,
                     .full_url = json_str(arena, json_get_lit(node, "fullUrl")),
                     .url = STR_EMPTY,
                     .if_match = STR_EMPTY,
                     .if_none_match = STR_EMPTY,
                     .root = json_get_lit(node, "resource")};
    if (json_get_lit(node, "request") != NULL) {
        TRY(parse_request(arena, entry, &ask, info));
    } else {
        /* A collection: what has an id of its own keeps it. */
        bool named = !str_starts(ask.full_url, STR("urn:"));
        ask.type = ask.root == NULL ? FHIR_T_NONE : fhir_type_of(ask.root);
        ask.id = named ? json_str(arena, json_get_lit(ask.root, "id")) : STR_EMPTY;
        ask.verb = ask.id.len > 0 ? INTAKE_UPDATE : INTAKE_CREATE;
        if (!fhir_type_is_resource(ask.type)) {
            return ENTRY_ERROR(info, i, "resource", "the resource is missing", "thiếu tài nguyên");
        }
    }
    *ret = ask;
    return ERR_OK;
}
