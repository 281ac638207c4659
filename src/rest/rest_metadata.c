/* The CapabilityStatement, made from the table of routes and the tables of search parameters. */
#include "rest/rest_operation.h"
#include "rest/rest_profile.h"
#include "rest/rest_subs.h"
#include "rest/rest_term.h"
#include "core/fold.h"
#include "core/hash.h"
#include "store/store_params.h"
#include "subs/subs.h"

#define METADATA_BYTES (16 * LIMIT_MIB)

/* The route's interaction codes are what stands before ':' in `what`, separated by ", ". */
static void put_interactions(JsonWriter *w, const char *const *codes, size_t n) {
    json_name(w, "interaction");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        const RestRoute *route = NULL;
        for (size_t r = 0; !there && (route = rest_route_at(r)) != NULL; r++) {
            Str rest = str_from(route->what);
            Str head = STR_EMPTY;
            Str code;
            (void)(str_starts(str_from(route->path), STR("/fhir")) && str_cut(&rest, ':', &head));
            while (str_cut(&head, ',', &code)) {
                there = there || str_eq(str_trim(code), str_from(codes[i]));
            }
        }
        if (there) {
            json_open_object(w);
            json_member(w, "code", str_from(codes[i]));
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static void put_params(JsonWriter *w, const FhirSearchParam *params, size_t n) {
    for (size_t i = 0; i < n; i++) {
        json_open_object(w);
        json_member(w, "name", params[i].code);
        json_member(w, "definition", params[i].url);
        json_member(w, "type", fhir_param_type_name((FhirParamType)params[i].type));
        json_close_object(w);
    }
}

/* A list of "Observation:subject"; begun with its first element. */
typedef struct IncludeList {
    JsonWriter *w;
    const char *name;
    Arena *arena;
    bool open;
} IncludeList;

/* The reference parameters of source that may point to target (FHIR_T_NONE: all of them). */
static void put_references(IncludeList *list, FhirType source, FhirType target) {
    size_t n = 0;
    const FhirSearchParam *params = fhir_search_params(source, &n);
    for (size_t i = 0; i < n; i++) {
        if (params[i].type != FHIR_PARAM_REFERENCE ||
            (target != FHIR_T_NONE && !fhir_search_param_targets(&params[i], target))) {
            continue;
        }
        if (!list->open) {
            json_put_name(list->w, str_from(list->name));
            json_open_array(list->w);
            json_put_str(list->w, STR("*"));
            list->open = true;
        }
        json_put_str(list->w, arena_printf(list->arena, "%s:" STR_FMT, fhir_type_name(source),
                                           STR_ARG(params[i].code)));
    }
}

static void put_includes(JsonWriter *w, FhirType type, Arena *arena) {
    IncludeList forward = {.w = w, .name = "searchInclude", .arena = arena};
    IncludeList reverse = {.w = w, .name = "searchRevInclude", .arena = arena};
    put_references(&forward, type, FHIR_T_NONE);
    if (forward.open) {
        json_close_array(w);
    }
    for (FhirType source = 1; (int)source <= FHIR_RESOURCE_COUNT; source++) {
        put_references(&reverse, source, type);
    }
    if (reverse.open) {
        json_close_array(w);
    }
}

static void put_member_code(JsonWriter *w, const char *name, const char *code) {
    json_put_name(w, str_from(name));
    json_put_str(w, str_from(code));
}

static void put_flag(JsonWriter *w, const char *name, bool value) {
    json_put_name(w, str_from(name));
    json_put_bool(w, value);
}

/* R4's way to say which topics there are (the backport's extension). */
static void put_topics(JsonWriter *w, Arena *arena) {
    json_name(w, "extension");
    json_open_array(w);
    for (FhirType type = 1; (int)type <= FHIR_RESOURCE_COUNT; type++) {
        json_open_object(w);
        json_member(w, "url",
                    STR("http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
                        "capabilitystatement-subscriptiontopic-canonical"));
        json_member(w, "valueCanonical",
                    arena_printf(arena, SUBS_TOPIC "%s", fhir_type_name(type)));
        json_close_object(w);
    }
    json_close_array(w);
}

/* What a statement is made with. */
typedef struct Making {
    Arena *arena;
    const FhirParamSet *custom; /* search parameters of one's own; may be NULL */
} Making;

static void put_resource(JsonWriter *w, Rest *rest, FhirType type, const Making *m) {
    Arena *arena = m->arena;
    const FhirParamSet *custom = m->custom;
    static const char *const codes[] = {"read",       "vread",  "update",           "patch",
                                        "delete",     "create", "history-instance", "history-type",
                                        "search-type"};
    size_t n = 0;
    size_t n_common = 0;
    const FhirSearchParam *common = fhir_search_params_common(&n_common);
    const FhirSearchParam *own = fhir_search_params(type, &n);
    json_open_object(w);
    if (type == FHIR_T_SUBSCRIPTION) {
        put_topics(w, arena);
    }
    json_member(w, "type", str_from(fhir_type_name(type)));
    rest_put_profiles(w, rest, type);
    put_interactions(w, codes, ARRAY_LEN(codes));
    put_member_code(w, "versioning", "versioned-update");
    put_flag(w, "readHistory", true);
    put_flag(w, "updateCreate", true);
    put_flag(w, "conditionalCreate", true);
    put_member_code(w, "conditionalRead", "full-support");
    put_flag(w, "conditionalUpdate", true);
    put_member_code(w, "conditionalDelete", rest_delete_max(rest) > 1 ? "multiple" : "single");
    put_includes(w, type, arena);
    json_name(w, "searchParam");
    json_open_array(w);
    put_params(w, common, n_common);
    put_params(w, own, n);
    for (size_t i = 0; custom != NULL && i < custom->n; i++) {
        if (custom->rows[i].type == type) {
            put_params(w, &custom->rows[i].param, 1);
        }
    }
    json_close_array(w);
    rest_put_operations(w, rest, type);
    json_close_object(w);
}

/* The canonical URLs end with the type's name in lower case. */
static void put_compartments(JsonWriter *w, Arena *arena) {
    json_name(w, "compartment");
    json_open_array(w);
    for (FhirType type = 1; (int)type <= FHIR_RESOURCE_COUNT; type++) {
        if (fhir_has_compartment(type)) {
            json_put_str(w,
                         arena_printf(arena, "http://hl7.org/fhir/CompartmentDefinition/" STR_FMT,
                                      STR_ARG(fold(arena, str_from(fhir_type_name(type))))));
        }
    }
    json_close_array(w);
}

static void put_rest(JsonWriter *w, Rest *rest, const Making *m) {
    static const char *const codes[] = {"transaction", "batch", "search-system", "history-system"};
    size_t n_common = 0;
    const FhirSearchParam *common = fhir_search_params_common(&n_common);
    json_name(w, "rest");
    json_open_array(w);
    json_open_object(w);
    json_name(w, "extension");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "url",
                STR("http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket"));
    json_member(w, "valueUri", rest_subs_ws_url(rest, m->arena));
    json_close_object(w);
    json_close_array(w);
    json_member(w, "mode", STR("server"));
    json_name(w, "resource");
    json_open_array(w);
    for (FhirType type = 1; (int)type <= FHIR_RESOURCE_COUNT; type++) {
        put_resource(w, rest, type, m);
    }
    json_close_array(w);
    put_interactions(w, codes, ARRAY_LEN(codes));
    json_name(w, "searchParam");
    json_open_array(w);
    put_params(w, common, n_common);
    json_close_array(w);
    rest_put_operations(w, rest, FHIR_T_NONE);
    put_compartments(w, m->arena);
    json_close_object(w);
    json_close_array(w);
}

static void put_statement(Rest *rest, const Making *m, Buf *out) {
    CLEANUP_BUF Buf date;
    JsonWriter w = json_writer(out);
    buf_init(&date, 64);
    time_put_instant(&date, rest->started);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("CapabilityStatement"));
    json_member(&w, "status", STR("active"));
    json_member(&w, "date", buf_str(&date));
    json_member(&w, "kind", STR("instance"));
    json_name(&w, "instantiates");
    json_open_array(&w);
    json_put_str(&w, STR("http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"));
    json_close_array(&w);
    json_name(&w, "software");
    json_open_object(&w);
    json_member(&w, "name", STR("Nhịp"));
    json_close_object(&w);
    json_name(&w, "implementation");
    json_open_object(&w);
    json_member(&w, "description", STR("Nhịp"));
    json_member(&w, "url", rest->base_url);
    json_close_object(&w);
    json_member(&w, "fhirVersion", STR("4.0.1"));
    json_name(&w, "format");
    json_open_array(&w);
    json_put_str(&w, STR("application/fhir+json"));
    json_put_str(&w, STR("application/fhir+xml"));
    json_put_str(&w, STR("json"));
    json_put_str(&w, STR("xml"));
    json_close_array(&w);
    json_name(&w, "patchFormat");
    json_open_array(&w);
    for (size_t i = 0; rest_patch_formats[i] != NULL; i++) {
        json_put_str(&w, str_from(rest_patch_formats[i]));
    }
    json_close_array(&w);
    put_rest(&w, rest, m);
    json_close_object(&w);
}

/* Kept until the profiles change; *ret_text is the caller's copy. With search parameters of one's
 * own it is made each time: they come and go. */
static ErrCode make(Rest *rest, const Making *m, Str *ret_text) {
    if (m->custom != NULL) {
        CLEANUP_BUF Buf own;
        buf_init(&own, METADATA_BYTES);
        put_statement(rest, m, &own);
        TRY(buf_ok(&own));
        *ret_text = arena_str(m->arena, buf_str(&own));
        return ret_text->len == 0 ? ERR_NOMEM : ERR_OK;
    }
    uint64_t number = rest_profiles_number(rest);
    MUTEX_GUARD(&rest->metadata_lock);
    if (rest->metadata.len == 0 || rest->metadata_number != number) {
        buf_release(&rest->metadata);
        buf_init(&rest->metadata, METADATA_BYTES);
        put_statement(rest, m, &rest->metadata);
        TRY(buf_ok(&rest->metadata));
        rest->metadata_number = number;
    }
    *ret_text = arena_str(m->arena, buf_str(&rest->metadata));
    return ret_text->len == 0 ? ERR_NOMEM : ERR_OK;
}

/* We are of one normative version: full and normative are the same. */
static ErrCode check_mode(Str mode, bool *ret_terminology, ErrInfo *info) {
    *ret_terminology = str_eq(mode, STR("terminology"));
    if (mode.ptr == NULL || *ret_terminology || str_eq(mode, STR("full")) ||
        str_eq(mode, STR("normative"))) {
        return ERR_OK;
    }
    err_where(info, "mode");
    return err_set(info, ERR_PARAM, "parameter-value",
                   "mode must be full, normative or terminology",
                   "mode phải là full, normative hoặc terminology");
}

/* The catalogue changes with what is stored: made each time. */
static ErrCode make_terminology(Rest *rest, Arena *arena, Str *ret_text) {
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf date;
    JsonWriter w = json_writer(&out);
    buf_init(&out, METADATA_BYTES);
    buf_init(&date, 64);
    time_put_instant(&date, rest->started);
    rest_term_put_capabilities(rest, &w, buf_str(&date));
    TRY(buf_ok(&out));
    *ret_text = arena_str(arena, buf_str(&out));
    return ret_text->len == 0 ? ERR_NOMEM : ERR_OK;
}

static bool holds(Str list, Str etag) {
    Str tag;
    while (str_cut(&list, ',', &tag)) {
        tag = str_trim(tag);
        if (str_eq(tag, STR("*")) || str_eq(tag, etag)) {
            return true;
        }
    }
    return false;
}

ErrCode rest_metadata(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    enum { N_PRINT = 4, MODE = N_PRINT, N };
    RestParam p[N] = {
        {"_format", {0}}, {"_pretty", {0}}, {"_summary", {0}}, {"_elements", {0}}, {"mode", {0}}};
    Rest *rest = get->call->rest;
    Arena *arena = get->call->arena;
    FhirPrintOptions print;
    TRY(rest_params(arena, get->query, p, N, info));
    bool terminology;
    TRY(check_mode(p[MODE].value, &terminology, info));
    RestGet as_read = *get;
    as_read.type = terminology ? FHIR_T_TERMINOLOGY_CAPABILITIES : FHIR_T_CAPABILITY_STATEMENT;
    as_read.query = rest_question_of(arena, p, N_PRINT);
    TRY(rest_print_params(&as_read, &print, info));
    Making making = {arena, store_params(rest->store, arena)};
    Str text = STR_EMPTY;
    TRY(terminology ? make_terminology(rest, arena, &text) : make(rest, &making, &text));
    ret->etag = arena_printf(arena, "W/\"%016llx\"", (unsigned long long)hash64(text));
    ret->pretty = print.pretty;
    ret->status = holds(get->if_none_match, ret->etag) ? 304 : 200;
    if (ret->status == 304) {
        return ERR_OK;
    }
    StoreVersion statement = {.type = as_read.type, .json = text};
    return rest_put_resource(&ret->body, arena, &statement, &print);
}
