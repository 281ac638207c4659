/* GraphQL (http://hl7.org/fhir/R4/graphql.html): $graphql of the server and of one resource, by GET
 * (query, variables, operationName) and by POST (application/json with the same members, or
 * application/graphql). Searches are those of the FHIR interface, their Bundles read again. */
#include "rest/rest_fhir.h"
#include "gql/gql.h"

typedef struct Ask {
    Str query, variables, operation;
} Ask;

static ErrCode read_resource(void *ctx, FhirType type, Str id, const JsonNode **ret) {
    RestCall *call = ctx;
    StoreVersion v;
    TRY(store_get(call->rest->store, call->arena, type, id, &v));
    return json_parse(call->arena, v.json, ret, NULL);
}

/* The cursor in a Bundle's next link: the value of _page. */
static Str cursor_of(RestCall *call, const JsonNode *bundle) {
    const JsonNode *links = json_get_lit(bundle, "link");
    for (const JsonNode *l = links == NULL ? NULL : json_first(links); l != NULL;
         l = json_next(links, l)) {
        if (json_str_is(json_get_lit(l, "relation"), STR("next"))) {
            Str url = json_str(call->arena, json_get_lit(l, "url"));
            size_t query = str_find_char(url, '?', 0);
            return query == SIZE_MAX
                       ? STR_EMPTY
                       : rest_query_in(call, str_sub(url, query + 1, url.len), "_page");
        }
    }
    return STR_EMPTY;
}

static ErrCode page_of(RestCall *call, const JsonNode *bundle, GqlPage *ret) {
    const JsonNode *entries = json_get_lit(bundle, "entry");
    const JsonNode *total = json_get_lit(bundle, "total");
    int64_t count = 0;
    ret->matches = arena_new_array(call->arena, const JsonNode *, json_count(entries) + 1);
    if (ret->matches == NULL) {
        return ERR_NOMEM;
    }
    for (const JsonNode *e = entries == NULL ? NULL : json_first(entries); e != NULL;
         e = json_next(entries, e)) {
        if (json_str_is(json_path(e, "search.mode"), STR("match"))) {
            ret->matches[ret->n_matches++] = json_get_lit(e, "resource");
        }
    }
    ret->has_total = total != NULL && json_to_i64(total, &count) == ERR_OK;
    ret->total = (uint64_t)count;
    ret->next = cursor_of(call, bundle);
    return ERR_OK;
}

static ErrCode search(void *ctx, FhirType type, Str query, GqlPage *ret, ErrInfo *info) {
    RestCall *call = ctx;
    RestGet get = {.call = call, .type = type, .query = query};
    RestAnswer answer = {0};
    const JsonNode *bundle;
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = rest_search(&get, &answer, info);
    Str text = err == ERR_OK ? arena_str(call->arena, buf_str(&answer.body)) : STR_EMPTY;
    buf_release(&answer.body);
    TRY(err);
    TRY(json_parse(call->arena, text, &bundle, info));
    return page_of(call, bundle, ret);
}

/* ---- the request ---- */

static ErrCode ask_of_get(RestCall *call, Ask *ret, ErrInfo *info) {
    RestParam p[] = {{"query", {0}}, {"variables", {0}}, {"operationName", {0}}};
    TRY(rest_params(call->arena, http_query(call->request), p, ARRAY_LEN(p), info));
    *ret = (Ask){p[0].value, p[1].value, p[2].value};
    return ERR_OK;
}

static ErrCode ask_of_body(RestCall *call, Ask *ret, ErrInfo *info) {
    Str type = http_header(call->request, "content-type");
    Str media;
    const JsonNode *root;
    (void)str_cut(&type, ';', &media);
    media = str_trim(media);
    if (str_eq_nocase(media, STR("application/graphql"))) {
        ret->query = http_body(call->request);
        return ERR_OK;
    }
    if (!str_eq_nocase(media, STR("application/json"))) {
        return err_set(info, ERR_MEDIA, "graphql-media",
                       "send application/json with the member query, or application/graphql",
                       "hãy gửi application/json có thành phần query, hoặc application/graphql");
    }
    TRY(json_parse(call->arena, http_body(call->request), &root, info));
    const JsonNode *variables = json_get_lit(root, "variables");
    *ret = (Ask){json_str(call->arena, json_get_lit(root, "query")),
                 variables == NULL ? STR_EMPTY : json_raw(variables),
                 json_str(call->arena, json_get_lit(root, "operationName"))};
    return ERR_OK;
}

static ErrCode read_variables(RestCall *call, Str text, const JsonNode **ret, ErrInfo *info) {
    *ret = NULL;
    if (text.len == 0 || str_eq(text, STR("null"))) {
        return ERR_OK;
    }
    TRY(json_parse(call->arena, text, ret, info));
    return json_is(*ret, JSON_OBJECT)
               ? ERR_OK
               : err_set(info, ERR_PARAM, "graphql-variable", "variables must be a JSON object",
                         "variables phải là một đối tượng JSON");
}

/* The resource of /fhir/Type/id/$graphql; NULL for the whole server. */
static ErrCode instance_of(RestCall *call, const JsonNode **ret, ErrInfo *info) {
    FhirType type;
    *ret = NULL;
    if (call->n_parts < 4) {
        return ERR_OK;
    }
    TRY(rest_need_type(call->parts[1], &type, info));
    RestGet get = {.call = call, .type = type, .id = call->parts[2]};
    ErrCode err = read_resource(call, type, get.id, ret);
    return err == ERR_OK ? ERR_OK : rest_absent(&get, err, info);
}

static ErrCode answer(RestCall *call, Buf *out, ErrInfo *info) {
    Ask ask = {0};
    GqlHost host = {.ctx = call, .read = read_resource, .search = search};
    GqlRequest request = {
        .base_url = call->rest->base_url, .host = &host, .now = clock_now_ms(call->rest->clock)};
    bool is_get = !str_eq(http_method(call->request), STR("POST"));
    TRY(is_get ? ask_of_get(call, &ask, info) : ask_of_body(call, &ask, info));
    if (ask.query.len == 0) {
        return err_set(info, ERR_PARAM, "graphql-query", "the parameter query is missing",
                       "thiếu tham số query");
    }
    TRY(read_variables(call, ask.variables, &request.variables, info));
    TRY(gql_parse(call->arena, ask.query, &request.document, info));
    TRY(instance_of(call, &request.resource, info));
    request.operation = ask.operation;
    return gql_run(call->arena, &request, out, info);
}

/* {"errors":[…]} with the OperationOutcome's sentences: clients of GraphQL look there. */
static void reply_error(RestCall *call, ErrCode err, const ErrInfo *info) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    json_name(&w, "errors");
    json_open_array(&w);
    json_open_object(&w);
    bool known = info->code != ERR_OK;
    Str en = str_from(known ? info->what_en : err_text(err, 0));
    Str vi = str_from(known ? info->what_vi : err_text(err, 1));
    json_member(&w, "message",
                info->where[0] == '\0'
                    ? en
                    : arena_printf(call->arena, "%s: " STR_FMT, info->where, STR_ARG(en)));
    json_name(&w, "extensions");
    json_open_object(&w);
    json_member(&w, "code", str_from(known ? info->rule : err_name(err)));
    json_member_str(&w, STR("location"), str_from(info->where));
    json_member(&w, "vi", vi);
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    rest_reply_json(call, err_http(err), arena_str(call->arena, buf_str(&b)));
}

static void run(RestCall *call) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, REST_JSON_MAX);
    ErrCode err = answer(call, &out, &info);
    if (err != ERR_OK) {
        reply_error(call, err, &info);
    } else {
        rest_reply_json(call, 200, arena_str(call->arena, buf_str(&out)));
    }
}

ROUTES(rest_graphql_routes, {"GET", "/fhir/$graphql", run, true, "operation: GraphQL query"},
       {"POST", "/fhir/$graphql", run, true, "operation: GraphQL query"},
       {"GET", "/fhir/:type/:id/$graphql", run, true, "operation: GraphQL query on one resource"},
       {"POST", "/fhir/:type/:id/$graphql", run, true, "operation: GraphQL query on one resource"});
