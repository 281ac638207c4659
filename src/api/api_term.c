/* Terminology operations (http://hl7.org/fhir/R4/terminology-service.html): what each takes, its
 * routes, and the way through. */
#include "api/api_term_int.h"

/* ---- what the operations take ---- */

#define P_URL                                                                                      \
    { API_IN, "url", "uri", 0, "1", "canonical, with or without |version" }
#define P_DATE                                                                                     \
    { API_IN, "date", "dateTime", 0, "1", "as of this day" }
#define P_LANGUAGE                                                                                 \
    { API_IN, "displayLanguage", "code", 0, "1", "vi or en" }
#define P_CODE                                                                                     \
    { API_IN, "code", "code", 0, "1", "the code" }
#define P_SYSTEM                                                                                   \
    { API_IN, "system", "uri", 0, "1", "the code's system" }
#define P_VERSION                                                                                  \
    { API_IN, "version", "string", 0, "1", "the system's version" }
#define P_CODING                                                                                   \
    { API_IN, "coding", "Coding", 0, "1", "the code as a Coding" }
#define P_CONCEPT                                                                                  \
    { API_IN, "codeableConcept", "CodeableConcept", 0, "1", "one of its codings" }
#define P_DISPLAY                                                                                  \
    { API_IN, "display", "string", 0, "1", "a name to be checked, too" }
#define P_RESULT                                                                                   \
    {API_OUT, "result", "boolean", 1, "1", "is it so"}, {                                          \
        API_OUT, "message", "string", 0, "1", "why not, or what to mind"                           \
    }

static const ApiParam lookup_params[] = {
    P_CODE,
    P_SYSTEM,
    P_VERSION,
    P_CODING,
    P_DATE,
    P_LANGUAGE,
    {API_IN, "property", "code", 0, "*", "only these properties"},
    {API_OUT, "name", "string", 1, "1", "of the system"},
    {API_OUT, "version", "string", 0, "1", "of the system"},
    {API_OUT, "display", "string", 1, "1", "of the code"},
    {API_OUT, "designation", "BackboneElement", 0, "*", "further names"},
    {API_OUT, "property", "BackboneElement", 0, "*", "what else is known"},
};
static const ApiParam validate_params[] = {
    P_URL,     P_CODE,
    P_VERSION, P_DISPLAY,
    P_CODING,  P_CONCEPT,
    P_DATE,    P_LANGUAGE,
    P_RESULT,  {API_OUT, "display", "string", 0, "1", "the code's name"},
};
static const ApiParam subsumes_params[] = {
    P_SYSTEM,
    P_VERSION,
    {API_IN, "codeA", "code", 0, "1", "the one"},
    {API_IN, "codeB", "code", 0, "1", "the other"},
    {API_IN, "codingA", "Coding", 0, "1", "the one as a Coding"},
    {API_IN, "codingB", "Coding", 0, "1", "the other as a Coding"},
    {API_OUT, "outcome", "code", 1, "1", "equivalent, subsumes, subsumed-by, not-subsumed"},
};
static const ApiParam expand_params[] = {
    P_URL,
    P_DATE,
    P_LANGUAGE,
    {API_IN, "valueSet", "ValueSet", 0, "1", "a set that is not stored"},
    {API_IN, "valueSetVersion", "string", 0, "1", "the set's version"},
    {API_IN, "filter", "string", 0, "1", "words or a code's beginning, without accents and case"},
    {API_IN, "offset", "integer", 0, "1", "leave out so many"},
    {API_IN, "count", "integer", 0, "1", "at most so many; 0: only the total"},
    {API_IN, "includeDesignations", "boolean", 0, "1", "names in all languages"},
    {API_IN, "designation", "string", 0, "*", "names in these languages"},
    {API_IN, "includeDefinition", "boolean", 0, "1", "with the set's compose"},
    {API_IN, "activeOnly", "boolean", 0, "1", "without retired codes"},
    {API_IN, "excludeNested", "boolean", 0, "1", "true (the default): a plain list; false: a tree"},
    {API_IN, "excludeNotForUI", "boolean", 0, "1", "without abstract codes"},
    {API_IN, "excludePostCoordinated", "boolean", 0, "1", "there are none here"},
    {API_IN, "property", "code", 0, "*", "properties to be shown"},
    {API_OUT, "return", "ValueSet", 1, "1", "the set with its expansion"},
};
static const ApiParam set_validate_params[] = {
    P_URL,
    P_CODE,
    P_SYSTEM,
    P_DISPLAY,
    P_CODING,
    P_CONCEPT,
    P_DATE,
    P_LANGUAGE,
    P_RESULT,
    {API_IN, "valueSet", "ValueSet", 0, "1", "a set that is not stored"},
    {API_IN, "valueSetVersion", "string", 0, "1", "the set's version"},
    {API_IN, "systemVersion", "string", 0, "1", "the system's version"},
    {API_IN, "abstract", "boolean", 0, "1", "false: abstract codes do not count"},
    {API_OUT, "display", "string", 0, "1", "the code's name"},
};
static const ApiParam translate_params[] = {
    P_URL,
    P_CODE,
    P_SYSTEM,
    P_VERSION,
    P_CODING,
    P_CONCEPT,
    P_LANGUAGE,
    P_RESULT,
    {API_IN, "conceptMapVersion", "string", 0, "1", "the map's version"},
    {API_IN, "source", "uri", 0, "1", "the set that the code is from"},
    {API_IN, "target", "uri", 0, "1", "the set to translate to"},
    {API_IN, "targetsystem", "uri", 0, "1", "the system to translate to"},
    {API_IN, "reverse", "boolean", 0, "1", "from the map's targets to its sources"},
    {API_OUT, "match", "BackboneElement", 0, "*", "equivalence, concept, source"},
};

#define OP(on, op, list, function)                                                                 \
    { op, on, list, ARRAY_LEN(list), function }
static const TermOp op_lookup = OP(FHIR_T_CODE_SYSTEM, "lookup", lookup_params, term_lookup);
static const TermOp op_validate =
    OP(FHIR_T_CODE_SYSTEM, "validate-code", validate_params, term_validate_in_system);
static const TermOp op_subsumes =
    OP(FHIR_T_CODE_SYSTEM, "subsumes", subsumes_params, term_subsumption);
static const TermOp op_expand = OP(FHIR_T_VALUE_SET, "expand", expand_params, term_expansion);
static const TermOp op_set_validate =
    OP(FHIR_T_VALUE_SET, "validate-code", set_validate_params, term_validate_in_set);
static const TermOp op_translate =
    OP(FHIR_T_CONCEPT_MAP, "translate", translate_params, term_translation);

/* ---- instances ---- */

ErrCode term_need_canonical(TermCall *t, Str *ret_canonical, const JsonNode **ret_root,
                            ErrInfo *info) {
    Str url = term_arg(t, "url");
    StoreVersion v;
    TermHeld held;
    *ret_root = NULL;
    if (t->id.len == 0) {
        *ret_canonical = url;
        return url.len > 0 ? ERR_OK
                           : err_set(info, ERR_PARAM, "parameter-url",
                                     "say what is meant: the parameter url is missing",
                                     "thiếu tham số url: chưa rõ danh mục nào");
    }
    ErrCode err = store_get(t->call->api->store, t->arena, t->type, t->id, &v);
    if (err == ERR_OK) {
        TRY(json_parse(t->arena, v.json, ret_root, info));
        *ret_canonical =
            term_canonical(t, term_text(t, *ret_root, "url"), term_text(t, *ret_root, "version"));
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND &&
        term_find(t->view, &(TermWhat){.type = t->type, .id = t->id}, &held)) {
        *ret_canonical = term_canonical(t, held.url, held.version);
        return ERR_OK;
    }
    return fhir_absent(&(FhirGet){.call = t->call, .type = t->type, .id = t->id}, err, info);
}

/* ---- the way through ---- */

/* Held while an operation runs: what it prints points there. */
static void end_view(const TermView **view) {
    term_view_end(*view);
}

/* query NULL: the body has the parameters. */
static ErrCode run(TermCall *t, const TermOp *op, const Str *query, FhirAnswer *ret,
                   ErrInfo *info) {
    CLEANUP(end_view) const TermView *view = api_term_view(t->call->api);
    t->view = view;
    t->arena = t->call->arena;
    t->type = op->type;
    TRY(query == NULL ? term_args_of_body(t, op, info) : term_args_of_query(t, op, *query, info));
    term_read_common(t);
    ret->status = 200;
    t->w = json_writer(&ret->body);
    TRY(op->run(t, info));
    return arena_failed(t->arena) ? ERR_NOMEM : buf_ok(&ret->body);
}

/* By GET, also inside of a bundle. */
static ErrCode answer_get(const FhirGet *get, const TermOp *op, FhirAnswer *ret, ErrInfo *info) {
    TermCall *t = arena_new_array(get->call->arena, TermCall, 1);
    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->call = get->call;
    t->id = str_starts(get->id, STR("$")) ? STR_EMPTY : get->id;
    return run(t, op, &get->query, ret, info);
}

static void serve(ApiCall *call, const TermOp *op) {
    ErrInfo info = {0};
    FhirAnswer answer = {0};
    TermCall *t = arena_new_array(call->arena, TermCall, 1);
    Str query = http_query(call->request);
    bool post = str_eq(http_method(call->request), STR("POST"));
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err = t == NULL ? ERR_NOMEM : fhir_take_format(call, query, &info);
    if (err == ERR_OK && post) {
        err = fhir_check_write(call, &info); /* the address of a POST says _format at most */
    }
    if (err == ERR_OK) {
        t->call = call;
        t->id = call->n_parts == 4 ? call->parts[2] : STR_EMPTY;
        err = run(t, op, post ? NULL : &query, &answer, &info);
    }
    if (err == ERR_OK) {
        Str pretty = api_query(call, "_pretty");
        err = fhir_pretty_param(pretty.len == 0 ? (Str){NULL, 0} : pretty, &answer.pretty, &info);
    }
    if (err != ERR_OK) {
        buf_release(&answer.body);
        api_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    fhir_send(call, &answer);
}

/* One operation's handler, and its way inside of bundles. */
#define TERM_HANDLERS(name)                                                                        \
    static void serve_##name(ApiCall *call) {                                                      \
        serve(call, &op_##name);                                                                   \
    }                                                                                              \
    static ErrCode get_##name(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {                \
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
ROUTES(api_term_routes, BOTH("/fhir/CodeSystem/$lookup", serve_lookup, LOOKUP),
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
        API_PARAMS(handler##_params)                                                               \
    }
OPERATIONS(api_term_operations, OPERATION("CodeSystem", "lookup", lookup),
           OPERATION("CodeSystem", "validate-code", validate),
           OPERATION("CodeSystem", "subsumes", subsumes), OPERATION("ValueSet", "expand", expand),
           OPERATION("ValueSet", "validate-code", set_validate),
           OPERATION("ConceptMap", "translate", translate));
