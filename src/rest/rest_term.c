/* Terminology operations (http://hl7.org/fhir/R4/terminology-service.html): what each takes, its
 * routes, and the way through. */
#include "rest/rest_term.h"

/* ---- what the operations take ---- */

#define P_URL                                                                                      \
    { REST_IN, "url", "uri", 0, "1", "canonical, with or without |version" }
#define P_DATE                                                                                     \
    { REST_IN, "date", "dateTime", 0, "1", "as of this day" }
#define P_LANGUAGE                                                                                 \
    { REST_IN, "displayLanguage", "code", 0, "1", "vi or en" }
#define P_CODE                                                                                     \
    { REST_IN, "code", "code", 0, "1", "the code" }
#define P_SYSTEM                                                                                   \
    { REST_IN, "system", "uri", 0, "1", "the code's system" }
#define P_VERSION                                                                                  \
    { REST_IN, "version", "string", 0, "1", "the system's version" }
#define P_CODING                                                                                   \
    { REST_IN, "coding", "Coding", 0, "1", "the code as a Coding" }
#define P_CONCEPT                                                                                  \
    { REST_IN, "codeableConcept", "CodeableConcept", 0, "1", "one of its codings" }
#define P_DISPLAY                                                                                  \
    { REST_IN, "display", "string", 0, "1", "a name to be checked, too" }
#define P_RESULT                                                                                   \
    {REST_OUT, "result", "boolean", 1, "1", "is it so"}, {                                         \
        REST_OUT, "message", "string", 0, "1", "why not, or what to mind"                          \
    }

static const RestOpParam lookup_params[] = {
    P_CODE,
    P_SYSTEM,
    P_VERSION,
    P_CODING,
    P_DATE,
    P_LANGUAGE,
    {REST_IN, "property", "code", 0, "*", "only these properties"},
    {REST_OUT, "name", "string", 1, "1", "of the system"},
    {REST_OUT, "version", "string", 0, "1", "of the system"},
    {REST_OUT, "display", "string", 1, "1", "of the code"},
    {REST_OUT, "designation", "BackboneElement", 0, "*", "further names"},
    {REST_OUT, "property", "BackboneElement", 0, "*", "what else is known"},
};
static const RestOpParam validate_params[] = {
    P_URL,
    P_CODE,
    P_VERSION,
    P_DISPLAY,
    P_CODING,
    P_CONCEPT,
    P_DATE,
    P_LANGUAGE,
    P_RESULT,
    {REST_IN, "codeSystem", "CodeSystem", 0, "1", "a system that is not stored"},
    {REST_IN, "abstract", "boolean", 0, "1", "false: abstract codes do not count"},
    {REST_OUT, "display", "string", 0, "1", "the code's name"},
};
static const RestOpParam subsumes_params[] = {
    P_SYSTEM,
    P_VERSION,
    {REST_IN, "codeA", "code", 0, "1", "the one"},
    {REST_IN, "codeB", "code", 0, "1", "the other"},
    {REST_IN, "codingA", "Coding", 0, "1", "the one as a Coding"},
    {REST_IN, "codingB", "Coding", 0, "1", "the other as a Coding"},
    {REST_OUT, "outcome", "code", 1, "1", "equivalent, subsumes, subsumed-by, not-subsumed"},
};
static const RestOpParam expand_params[] = {
    P_URL,
    P_DATE,
    P_LANGUAGE,
    {REST_IN, "valueSet", "ValueSet", 0, "1", "a set that is not stored"},
    {REST_IN, "valueSetVersion", "string", 0, "1", "the set's version"},
    {REST_IN, "filter", "string", 0, "1", "words or a code's beginning, without accents and case"},
    {REST_IN, "offset", "integer", 0, "1", "leave out so many"},
    {REST_IN, "count", "integer", 0, "1", "at most so many; 0: only the total"},
    {REST_IN, "includeDesignations", "boolean", 0, "1", "names in all languages"},
    {REST_IN, "designation", "string", 0, "*", "names in these languages"},
    {REST_IN, "includeDefinition", "boolean", 0, "1", "with the set's compose"},
    {REST_IN, "activeOnly", "boolean", 0, "1", "without retired codes"},
    {REST_IN, "excludeNested", "boolean", 0, "1",
     "true (the default): a plain list; false: a tree"},
    {REST_IN, "excludeNotForUI", "boolean", 0, "1", "without abstract codes"},
    {REST_IN, "excludePostCoordinated", "boolean", 0, "1", "there are none here"},
    {REST_IN, "property", "code", 0, "*", "properties to be shown"},
    {REST_IN, "exclude-system", "canonical", 0, "*", "system|version: its codes are left out"},
    {REST_IN, "system-version", "canonical", 0, "*", "system|version where the set names none"},
    {REST_IN, "check-system-version", "canonical", 0, "*", "system|version: no other will do"},
    {REST_IN, "force-system-version", "canonical", 0, "*", "system|version whatever the set says"},
    {REST_OUT, "return", "ValueSet", 1, "1", "the set with its expansion"},
};
static const RestOpParam set_validate_params[] = {
    P_URL,
    P_CODE,
    P_SYSTEM,
    P_DISPLAY,
    P_CODING,
    P_CONCEPT,
    P_DATE,
    P_LANGUAGE,
    P_RESULT,
    {REST_IN, "valueSet", "ValueSet", 0, "1", "a set that is not stored"},
    {REST_IN, "valueSetVersion", "string", 0, "1", "the set's version"},
    {REST_IN, "systemVersion", "string", 0, "1", "the system's version"},
    {REST_IN, "abstract", "boolean", 0, "1", "false: abstract codes do not count"},
    {REST_OUT, "display", "string", 0, "1", "the code's name"},
};
static const RestOpParam translate_params[] = {
    P_URL,
    P_CODE,
    P_SYSTEM,
    P_VERSION,
    P_CODING,
    P_CONCEPT,
    P_LANGUAGE,
    P_RESULT,
    {REST_IN, "conceptMap", "ConceptMap", 0, "1", "a map that is not stored"},
    {REST_IN, "conceptMapVersion", "string", 0, "1", "the map's version"},
    {REST_IN, "source", "uri", 0, "1", "the set that the code is from"},
    {REST_IN, "target", "uri", 0, "1", "the set to translate to"},
    {REST_IN, "targetsystem", "uri", 0, "1", "the system to translate to"},
    {REST_IN, "reverse", "boolean", 0, "1", "from the map's targets to its sources"},
    {REST_OUT, "match", "BackboneElement", 0, "*", "equivalence, concept, source"},
};

#define OP(on, op, list, function)                                                                 \
    { op, on, list, ARRAY_LEN(list), function }
static const RestTermOp op_lookup =
    OP(FHIR_T_CODE_SYSTEM, "lookup", lookup_params, rest_term_lookup);
static const RestTermOp op_validate =
    OP(FHIR_T_CODE_SYSTEM, "validate-code", validate_params, rest_term_validate_in_system);
static const RestTermOp op_subsumes =
    OP(FHIR_T_CODE_SYSTEM, "subsumes", subsumes_params, rest_term_subsumption);
static const RestTermOp op_expand =
    OP(FHIR_T_VALUE_SET, "expand", expand_params, rest_term_expansion);
static const RestTermOp op_set_validate =
    OP(FHIR_T_VALUE_SET, "validate-code", set_validate_params, rest_term_validate_in_set);
static const RestTermOp op_translate =
    OP(FHIR_T_CONCEPT_MAP, "translate", translate_params, rest_term_translation);

const RestTermOp *rest_term_expand_op(void) {
    return &op_expand;
}

/* ---- instances ---- */

ErrCode rest_term_need_canonical(RestTermCall *t, Str *ret_canonical, const JsonNode **ret_root,
                                 ErrInfo *info) {
    Str url = rest_term_arg(t, "url");
    StoreVersion v;
    TermHeld held;
    *ret_root = NULL;
    if (t->id.len == 0) {
        *ret_canonical = t->sent.len > 0 ? t->sent : url;
        url = *ret_canonical;
        return url.len > 0 ? ERR_OK
                           : err_set(info, ERR_PARAM, "parameter-url",
                                     "say what is meant: the parameter url is missing",
                                     "thiếu tham số url: chưa rõ danh mục nào");
    }
    ErrCode err = store_get(t->call->rest->store, t->arena, t->type, t->id, &v);
    if (err == ERR_OK) {
        TRY(json_parse(t->arena, v.json, ret_root, info));
        *ret_canonical = rest_term_canonical(t, rest_term_text(t, *ret_root, "url"),
                                             rest_term_text(t, *ret_root, "version"));
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND &&
        term_find(t->view, &(TermWhat){.type = t->type, .id = t->id}, &held)) {
        *ret_canonical = rest_term_canonical(t, held.url, held.version);
        return ERR_OK;
    }
    return rest_absent(&(RestGet){.call = t->call, .type = t->type, .id = t->id}, err, info);
}

/* ---- the way through ---- */

/* What was sent along stands before what is held under its url, in this call alone. */
static ErrCode show_sent(RestTermCall *t, const TermView **view, ErrInfo *info) {
    const JsonNode *sent =
        rest_term_arg_node(t, t->type == FHIR_T_CODE_SYSTEM ? "codeSystem" : "conceptMap");
    const TermView *more = NULL;
    if (sent == NULL) {
        return ERR_OK;
    }
    Str url = rest_term_arg(t, "url");
    if (t->id.len > 0 || (url.len > 0 && !str_eq(url, rest_term_text(t, sent, "url")))) {
        return err_set(info, ERR_PARAM, "term-sent-twice",
                       "name one: the resource of the address, that of url, or the one that is "
                       "sent along",
                       "chỉ nêu một: tài nguyên ở địa chỉ, ở url, hoặc tài nguyên gửi kèm");
    }
    TRY(term_view_with(*view, sent, &more, info));
    term_view_end(*view);
    *view = more;
    t->sent =
        rest_term_canonical(t, rest_term_text(t, sent, "url"), rest_term_text(t, sent, "version"));
    return ERR_OK;
}

/* Held while an operation runs: what it prints points there. */
static void end_view(const TermView **view) {
    term_view_end(*view);
}

/* Parameters stand in the address, in what was posted (may be NULL), or in both. */
static ErrCode run(RestTermCall *t, const RestTermOp *op, const RestGet *get, RestAnswer *ret,
                   ErrInfo *info) {
    CLEANUP(end_view) const TermView *view = rest_term_view(get->call->rest);
    t->type = op->type;
    t->call = get->call;
    t->arena = get->call->arena;
    t->id = str_starts(get->id, STR("$")) ? STR_EMPTY : get->id;
    TRY(rest_term_args_of_query(t, op, get->query, info));
    TRY(get->posted == NULL ? ERR_OK : rest_term_args_of_posted(t, op, get->posted, info));
    TRY(show_sent(t, &view, info));
    t->view = view;
    rest_term_read_common(t);
    ret->status = 200;
    t->w = json_writer(&ret->body);
    TRY(op->run(t, info));
    return arena_failed(t->arena) ? ERR_NOMEM : buf_ok(&ret->body);
}

/* Alone, or as an entry of a bundle. */
static ErrCode answer_get(const RestGet *get, const RestTermOp *op, RestAnswer *ret,
                          ErrInfo *info) {
    RestTermCall *t = arena_new_array(get->call->arena, RestTermCall, 1);
    return t == NULL ? ERR_NOMEM : run(t, op, get, ret, info);
}

static ErrCode read_posted(RestCall *call, const JsonNode **ret, ErrInfo *info) {
    if (!str_eq(http_method(call->request), STR("POST"))) {
        return ERR_OK;
    }
    TRY(rest_check_json_body(call, info));
    return json_parse(call->arena, http_body(call->request), ret, info);
}

static void serve(RestCall *call, const RestTermOp *op) {
    ErrInfo info = {0};
    RestAnswer answer = {0};
    RestGet get = {.call = call,
                   .query = http_query(call->request),
                   .id = call->n_parts == 4 ? call->parts[2] : STR_EMPTY};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = rest_take_format(call, get.query, &info);
    err = err == ERR_OK ? read_posted(call, &get.posted, &info) : err;
    err = err == ERR_OK ? answer_get(&get, op, &answer, &info) : err;
    if (err == ERR_OK) {
        Str pretty = rest_query(call, "_pretty");
        err = rest_pretty_param(pretty.len == 0 ? (Str){NULL, 0} : pretty, &answer.pretty, &info);
    }
    if (err != ERR_OK) {
        buf_release(&answer.body);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_send(call, &answer);
}

/* One operation's handler, and its way inside of bundles. */
#define TERM_HANDLERS(name)                                                                        \
    static void serve_##name(RestCall *call) {                                                     \
        serve(call, &op_##name);                                                                   \
    }                                                                                              \
    static ErrCode get_##name(const RestGet *get, RestAnswer *ret, ErrInfo *info) {                \
        return answer_get(get, &op_##name, ret, info);                                             \
    }
TERM_HANDLERS(lookup)
TERM_HANDLERS(validate)
TERM_HANDLERS(subsumes)
TERM_HANDLERS(expand)
TERM_HANDLERS(set_validate)
TERM_HANDLERS(translate)

/* By GET and by POST. */
#define BOTH(path, handler, what)                                                                  \
    {"GET", path, handler, false, what}, {                                                         \
        "POST", path, handler, false, what                                                         \
    }
#define LOOKUP "lookup: what is known of a code"
#define VALIDATE "validate-code: is the code one of them"
#define SUBSUMES "subsumes: does one code stand above the other"
#define EXPAND "expand: the codes of a value set, searched as one types"
#define TRANSLATE "translate: codes of another system"
ROUTES(rest_term_routes, BOTH("/fhir/CodeSystem/$lookup", serve_lookup, LOOKUP),
       BOTH("/fhir/CodeSystem/$validate-code", serve_validate, VALIDATE),
       BOTH("/fhir/CodeSystem/:id/$validate-code", serve_validate, VALIDATE),
       BOTH("/fhir/CodeSystem/$subsumes", serve_subsumes, SUBSUMES),
       BOTH("/fhir/CodeSystem/:id/$subsumes", serve_subsumes, SUBSUMES),
       BOTH("/fhir/ValueSet/$expand", serve_expand, EXPAND),
       BOTH("/fhir/ValueSet/:id/$expand", serve_expand, EXPAND),
       BOTH("/fhir/ValueSet/$validate-code", serve_set_validate, VALIDATE),
       BOTH("/fhir/ValueSet/:id/$validate-code", serve_set_validate, VALIDATE),
       BOTH("/fhir/ConceptMap/$translate", serve_translate, TRANSLATE),
       BOTH("/fhir/ConceptMap/:id/$translate", serve_translate, TRANSLATE));

#define HL7 "http://hl7.org/fhir/OperationDefinition/"
#define OPERATION(type, op, handler)                                                               \
    {                                                                                              \
        .on = type, .name = op, .base = HL7 type "-" op, .get = get_##handler,                     \
        .reads_posted = true, REST_PARAMS(handler##_params)                                        \
    }
OPERATIONS(rest_term_operations, OPERATION("CodeSystem", "lookup", lookup),
           OPERATION("CodeSystem", "validate-code", validate),
           OPERATION("CodeSystem", "subsumes", subsumes), OPERATION("ValueSet", "expand", expand),
           OPERATION("ValueSet", "validate-code", set_validate),
           OPERATION("ConceptMap", "translate", translate));
