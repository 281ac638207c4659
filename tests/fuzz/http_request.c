/* What of a request's head is read by our own code: path, route, parameters, tags, page tokens and
 * the targets of bundle entries. Input: method, then the target up to a line feed, then one header.
 */
#include "api/api.h"
#include "rest/rest_fhir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoded(Arena *arena, Str text) {
    Str once;
    if (http_decode(arena, text, true, &once) == ERR_OK) {
        assert(once.len <= text.len);
        assert(once.len == 0 || memchr(once.ptr, '\0', once.len) == NULL);
    }
}

static void check_page(Arena *arena, Str text) {
    RestPageToken token;
    ErrInfo info = {0};
    Str question = STR("Patient?name=a");
    if (rest_page_parse(text, question, &token, &info) == ERR_OK && text.len > 0) {
        /* What is taken is what we print (leading zeros aside), and of this question only. */
        RestPageToken again;
        Str printed = rest_page_print(arena, &token, question);
        assert(rest_page_parse(printed, question, &again, NULL) == ERR_OK);
        assert(again.snapshot == token.snapshot && again.after == token.after);
        assert(rest_page_parse(printed, STR("Patient?name=b"), &again, NULL) == ERR_PARAM);
    }
}

static void check_target(Str text) {
    IntakeAsk ask = {0};
    ErrInfo info = {0};
    if (intake_target(text, &ask, &info) == ERR_OK) {
        assert(fhir_type_is_resource(ask.type));
        assert(str_find_char(ask.id, '/', 0) == SIZE_MAX);
    }
}

static void check_query(Arena *arena, FhirType type, Str text) {
    FhirQuery q;
    ErrInfo info = {0};
    FhirQueryScope scope = {.type = type, .base_url = STR("http://h/fhir"), .info = &info};
    RestParam params[] = {{"_count", {0}}, {"_since", {0}}, {"_page", {0}}};
    if (rest_params(arena, text, params, ARRAY_LEN(params), &info) != ERR_OK) {
        assert(info.rule[0] != '\0' || arena_failed(arena));
    }
    info = (ErrInfo){0};
    if (fhir_query_parse(arena, &scope, text, &q) == ERR_OK) {
        check_page(arena, q.page);
    } else {
        assert(info.rule[0] != '\0' || arena_failed(arena));
    }
}

/* Of all routes; lives as long as the program. */
static const RestRouter *all_routes(void) {
    static const RestRouter *router = NULL;
    static Arena *kept = NULL;
    if (router == NULL) {
        kept = arena_new(LIMIT_MIB);
        assert(kept != NULL);
        assert(rest_router_new(kept, &api_route_tables, &router, NULL) == ERR_OK);
    }
    return router;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    Str rest = {(const char *)data, size};
    Str line;
    Str method;
    Str parts[REST_PARTS_MAX];
    size_t n = 0;
    char allow[REST_ALLOW_MAX];
    (void)str_cut(&rest, '\n', &line);
    Str target = line;
    (void)str_cut(&target, ' ', &method);
    Str query = target;
    Str path = STR_EMPTY;
    (void)str_cut(&query, '?', &path);
    check_decoded(arena, target);
    if (path.len > 0 && rest_cut_path(arena, path, parts, &n)) {
        const RestRoute *route =
            rest_router_find(all_routes(), &(RestAddress){method, parts, n}, allow);
        assert(route == NULL ? strlen(allow) < sizeof(allow) : route->run != NULL);
        FhirType type = n > 1 ? fhir_resource_by_name(parts[1]) : FHIR_T_NONE;
        if (type != FHIR_T_NONE && query.len > 0) {
            check_query(arena, type, query);
        }
    }
    if (target.len > 0) {
        check_target(target);
    }
    if (rest.len > 0) {
        (void)intake_etag_version(rest);
        (void)fhir_language(rest);
        check_page(arena, rest);
    }
    return 0;
}
