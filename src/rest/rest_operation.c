/* Operations, gathered from the routes: CapabilityStatement.operation, OperationDefinitions. */
#include "rest/rest_operation.h"

#include "rest/rest_tables.h"

#define X(name) extern const RestOperations name;
REST_OPERATION_TABLES(X)
#undef X
#define X(name) &name,
static const RestOperations *const tables[] = {REST_OPERATION_TABLES(X)};
#undef X

/* ---- what a route says ---- */

/* An operation as one of its routes names it; the texts are the route's. */
typedef struct Named {
    Str on; /* "Patient", "Resource", "" */
    Str name;
    bool instance, type, system;
} Named;

static bool name_route(const RestRoute *route, Named *ret) {
    Str rest = str_from(route->path);
    Str part;
    Str parts[REST_PARTS_MAX];
    size_t n = 0;
    while (n < REST_PARTS_MAX && str_cut(&rest, '/', &part)) {
        if (part.len > 0) {
            parts[n++] = part;
        }
    }
    if (n < 2 || n > 4 || !str_eq(parts[0], STR("fhir")) || parts[n - 1].ptr[0] != '$') {
        return false;
    }
    bool any = n > 2 && parts[1].ptr[0] == ':';
    *ret = (Named){.on = n == 2 ? STR_EMPTY
                         : any  ? STR("Resource")
                                : parts[1],
                   .name = str_sub(parts[n - 1], 1, parts[n - 1].len),
                   .instance = n == 4,
                   .type = n == 3,
                   .system = n == 2};
    /* R4 knows no such type (ViewDefinition), and its codes can name none: of the system, then. */
    if (n > 2 && !any && fhir_resource_by_name(ret->on) == FHIR_T_NONE) {
        ret->instance = ret->type = false;
        ret->system = true;
    }
    return true;
}

/* The system's own "$meta" belongs to that of any type, if there is one. */
static bool is_same(const Named *a, const Named *b) {
    return str_eq(a->name, b->name) &&
           (str_eq(a->on, b->on) || (a->on.len == 0 && str_eq(b->on, STR("Resource"))) ||
            (b->on.len == 0 && str_eq(a->on, STR("Resource"))));
}

/* All that the routes say of the same operation; *ret_first: is this its first route? */
static Named gather(size_t at, const Named *of, bool *ret_first) {
    Named all = *of;
    *ret_first = true;
    const RestRoute *route = NULL;
    for (size_t i = 0; (route = rest_route_at(i)) != NULL; i++) {
        Named other;
        if (!name_route(route, &other) || !is_same(&other, of)) {
            continue;
        }
        *ret_first = *ret_first && i >= at;
        all.on = other.on.len > 0 ? other.on : all.on;
        all.instance = all.instance || other.instance;
        all.type = all.type || other.type;
        all.system = all.system || other.system;
    }
    return all;
}

static const RestOperation *find_row(const Named *of) {
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const RestOperation *row = &tables[t]->rows[i];
            if (str_eq(of->name, str_from(row->name)) && str_eq(of->on, str_from(row->on))) {
                return row;
            }
        }
    }
    return NULL;
}

static Str id_of(Arena *arena, const Named *of) {
    return of->on.len == 0
               ? of->name
               : arena_printf(arena, STR_FMT "-" STR_FMT, STR_ARG(of->on), STR_ARG(of->name));
}

/* ---- in bundles ---- */

const RestOperation *rest_operation_find(const Rest *rest, const Str *parts, size_t n_parts) {
    Str path[REST_PARTS_MAX] = {STR("fhir")};
    char allow[REST_ALLOW_MAX];
    Named named;
    if (n_parts + 1 > REST_PARTS_MAX || n_parts == 0) {
        return NULL;
    }
    memcpy(path + 1, parts, n_parts * sizeof(*parts));
    const RestRoute *route =
        rest_router_find(rest->router, &(RestAddress){STR("GET"), path, n_parts + 1}, allow);
    route = route == NULL ? rest_router_find(rest->router,
                                             &(RestAddress){STR("POST"), path, n_parts + 1}, allow)
                          : route;
    if (route == NULL || !name_route(route, &named)) {
        return NULL;
    }
    bool first = false;
    named = gather(0, &named, &first);
    const RestOperation *row = find_row(&named);
    return row == NULL || row->get == NULL ? NULL : row;
}

/* ---- Parameters as a query ---- */

/* The member "valueString", "valueDate" …; NULL when there is none, or one that is no simple value.
 */
static const JsonNode *simple_value(const JsonNode *parameter) {
    const JsonNode *at = json_is(parameter, JSON_OBJECT) ? json_first(parameter) : NULL;
    for (; at != NULL; at = json_next(parameter, at)) {
        if (str_starts(json_raw_str(at), STR("value"))) {
            const JsonNode *value = json_value(at);
            return json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY) ? NULL : value;
        }
    }
    return NULL;
}

static ErrCode put_value(Arena *arena, const JsonNode *parameter, Buf *out, ErrInfo *info) {
    Str name = json_str(arena, json_get_lit(parameter, "name"));
    const JsonNode *value = simple_value(parameter);
    if (value == NULL) {
        err_where(info, STR_FMT, (int)MIN(name.len, (size_t)64), name.ptr);
        return err_set(info, ERR_PARAM, "parameter-value", "this parameter must be a simple value",
                       "tham số này phải là một giá trị đơn");
    }
    buf_put_char(out, '&');
    fhir_query_put_encoded(out, name);
    buf_put_char(out, '=');
    fhir_query_put_encoded(out,
                           json_is(value, JSON_STRING) ? json_str(arena, value) : json_raw(value));
    return ERR_OK;
}

ErrCode rest_operation_query_of(Arena *arena, const JsonNode *parameters, Str *query,
                                ErrInfo *info) {
    CLEANUP_BUF Buf out = {0};
    buf_init(&out, LIMIT_REQUEST_BYTES);
    if (fhir_type_of(parameters) != FHIR_T_PARAMETERS) {
        return err_set(info, ERR_PARAM, "body-parameters", "the body must be a Parameters resource",
                       "nội dung phải là một tài nguyên Parameters");
    }
    buf_put_str(&out, *query);
    const JsonNode *list = json_get_lit(parameters, "parameter");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        TRY(put_value(arena, at, &out, info));
    }
    TRY(buf_ok(&out));
    *query = arena_str(arena, buf_str(&out));
    return ERR_OK;
}

ErrCode rest_operation_query(RestCall *call, Str *query, ErrInfo *info) {
    FhirResource body;
    FhirIssues issues = fhir_issues(call->arena);
    TRY(rest_check_json_body(call, info));
    ErrCode err = fhir_parse(call->arena, http_body(call->request), &body, &issues);
    return rest_operation_query_of(call->arena, err == ERR_OK ? body.root : NULL, query, info);
}

/* ---- the capability statement ---- */

static bool is_of(const Named *named, FhirType type) {
    if (type == FHIR_T_NONE) {
        return named->system;
    }
    return (named->type || named->instance) && (str_eq(named->on, STR("Resource")) ||
                                                str_eq(named->on, str_from(fhir_type_name(type))));
}

void rest_put_operations(JsonWriter *w, Rest *rest, FhirType type) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const RestRoute *route = NULL;
    bool open = false;
    for (size_t i = 0; arena != NULL && (route = rest_route_at(i)) != NULL; i++) {
        Named named;
        bool first = false;
        if (!name_route(route, &named)) {
            continue;
        }
        named = gather(i, &named, &first);
        if (!first || !is_of(&named, type)) {
            continue;
        }
        if (!open) {
            json_name(w, "operation");
            json_open_array(w);
            open = true;
        }
        json_open_object(w);
        json_member(w, "name", named.name);
        json_member(w, "definition",
                    arena_printf(arena, STR_FMT "/OperationDefinition/" STR_FMT,
                                 STR_ARG(rest->base_url), STR_ARG(id_of(arena, &named))));
        json_close_object(w);
    }
    if (open) {
        json_close_array(w);
    }
}

/* ---- OperationDefinition ---- */

static void put_flag(JsonWriter *w, const char *name, bool value) {
    json_put_name(w, str_from(name));
    json_put_bool(w, value);
}

static void put_param(JsonWriter *w, const RestOpParam *p) {
    json_open_object(w);
    json_member(w, "name", str_from(p->name));
    json_member(w, "use", p->use == REST_IN ? STR("in") : STR("out"));
    json_name(w, "min");
    json_put_i64(w, (int64_t)p->min);
    json_member(w, "max", str_from(p->max));
    json_member(w, "documentation", str_from(p->what));
    json_member(w, "type", str_from(p->type));
    json_close_object(w);
}

/* "everything" → "PatientEverything": the name that code would use. */
static Str machine_name(Arena *arena, Str id) {
    Str name = arena_str(arena, id);
    char *to = (char *)(uintptr_t)name.ptr;
    size_t n = 0;
    bool upper = true;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c == '-') {
            upper = true;
            continue;
        }
        to[n++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        upper = false;
    }
    return str_sub(name, 0, n);
}

static void put_head(JsonWriter *w, Rest *rest, Arena *arena, const Named *named) {
    Str id = id_of(arena, named);
    json_member(w, "resourceType", STR("OperationDefinition"));
    json_member(w, "id", id);
    json_member(w, "url",
                arena_printf(arena, STR_FMT "/OperationDefinition/" STR_FMT,
                             STR_ARG(rest->base_url), STR_ARG(id)));
    json_member(w, "name", machine_name(arena, id));
    json_member(w, "status", STR("active"));
    json_member(w, "kind", STR("operation"));
}

static void put_definition(JsonWriter *w, Rest *rest, Arena *arena, const Named *named, Str what) {
    const RestOperation *row = find_row(named);
    Str head;
    json_open_object(w);
    put_head(w, rest, arena, named);
    (void)(str_find(what, STR(": ")) != SIZE_MAX && str_cut(&what, ':', &head));
    json_member(w, "description", str_trim(what));
    if (row != NULL) {
        put_flag(w, "affectsState", row->affects_state);
    }
    json_member(w, "code", named->name);
    if (row != NULL && row->base != NULL) {
        json_member(w, "base", str_from(row->base));
    }
    if (named->type || named->instance) {
        json_name(w, "resource");
        json_open_array(w);
        json_put_str(w, named->on);
        json_close_array(w);
    }
    put_flag(w, "system", named->system);
    put_flag(w, "type", named->type);
    put_flag(w, "instance", named->instance);
    if (row != NULL && row->n_params > 0) {
        json_name(w, "parameter");
        json_open_array(w);
        for (size_t i = 0; i < row->n_params; i++) {
            put_param(w, &row->params[i]);
        }
        json_close_array(w);
    }
    json_close_object(w);
}

ErrCode rest_operation_definition(Rest *rest, Arena *arena, Str id, StoreVersion *ret) {
    const RestRoute *route = NULL;
    for (size_t i = 0; (route = rest_route_at(i)) != NULL; i++) {
        Named named;
        bool first = false;
        if (!name_route(route, &named)) {
            continue;
        }
        named = gather(i, &named, &first);
        if (!str_eq(id_of(arena, &named), id)) {
            continue;
        }
        CLEANUP_BUF Buf out;
        buf_init(&out, LIMIT_MIB);
        JsonWriter w = json_writer(&out);
        put_definition(&w, rest, arena, &named, str_from(route->what));
        TRY(buf_ok(&out));
        *ret = (StoreVersion){.type = FHIR_T_OPERATION_DEFINITION,
                              .version = 1,
                              .time = rest->started,
                              .id = id,
                              .json = arena_str(arena, buf_str(&out))};
        return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
    }
    return ERR_NOT_FOUND;
}
