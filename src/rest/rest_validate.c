/* $validate on a type or an instance (http://hl7.org/fhir/R4/resource-operation-validate.html): the
 * answer lists all issues; it is 200 whatever they are. */
#include "rest/rest_operation.h"
#include "rest/rest_profile.h"

enum { PROFILES_MAX = 16 };

typedef enum Mode { MODE_NONE, MODE_CREATE, MODE_UPDATE, MODE_DELETE, MODE_PROFILE } Mode;

typedef struct Question {
    RestCall *call;
    Str query;
    FhirType type;
    Str id; /* empty: of the type */
    Mode mode;
    Str profiles[PROFILES_MAX];
    size_t n_profiles;
    const JsonNode *root; /* what is to be validated; NULL: what is stored */
} Question;

/* ---- what is asked ---- */

static ErrCode read_mode(Str text, Mode *ret, ErrInfo *info) {
    static const char *const words[] = {"", "create", "update", "delete", "profile"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(text, str_from(words[i]))) {
            *ret = text.len == 0 ? *ret : (Mode)i;
            return ERR_OK;
        }
    }
    err_where(info, "mode");
    return err_set(info, ERR_PARAM, "parameter-value",
                   "mode must be create, update, delete or profile",
                   "mode phải là create, update, delete hoặc profile");
}

static ErrCode add_profile(Question *q, Str canonical, ErrInfo *info) {
    if (canonical.len == 0) {
        return ERR_OK;
    }
    if (q->n_profiles == PROFILES_MAX) {
        return err_set(info, ERR_LIMIT, "validate-profiles", "more than %d profiles at once",
                       "quá %d hồ sơ trong một lần", PROFILES_MAX);
    }
    q->profiles[q->n_profiles++] = canonical;
    return ERR_OK;
}

/* The address: mode, profile, _format, _pretty. */
static ErrCode read_query(Question *q, ErrInfo *info) {
    RestParam p[] = {{"mode", {0}}, {"profile", {0}}, {"_format", {0}}, {"_pretty", {0}}};
    bool pretty = false;
    TRY(rest_params(q->call->arena, q->query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[3].value, &pretty, info));
    TRY(read_mode(p[0].value.ptr == NULL ? STR_EMPTY : p[0].value, &q->mode, info));
    return add_profile(q, p[1].value.ptr == NULL ? STR_EMPTY : p[1].value, info);
}

/* Parameters: resource, mode, profile. */
static ErrCode read_parameters(Question *q, const JsonNode *root, ErrInfo *info) {
    const JsonNode *list = json_get_lit(root, "parameter");
    Arena *arena = q->call->arena;
    for (const JsonNode *p = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; p != NULL;
         p = json_next(list, p)) {
        Str name = json_str(arena, json_get_lit(p, "name"));
        if (str_eq(name, STR("resource"))) {
            q->root = json_get_lit(p, "resource");
        } else if (str_eq(name, STR("mode"))) {
            const JsonNode *code = json_get_lit(p, "valueCode");
            code = code == NULL ? json_get_lit(p, "valueString") : code;
            TRY(read_mode(json_str(arena, code), &q->mode, info));
        } else if (str_eq(name, STR("profile"))) {
            const JsonNode *uri = json_get_lit(p, "valueUri");
            uri = uri == NULL ? json_get_lit(p, "valueCanonical") : uri;
            uri = uri == NULL ? json_get_lit(p, "valueString") : uri;
            TRY(add_profile(q, json_str(arena, uri), info));
        } else {
            err_where(info, "Parameters.parameter");
            return err_set(info, ERR_PARAM, "parameter-unknown",
                           "$validate knows resource, mode and profile, not '" STR_FMT "'",
                           "$validate chỉ có resource, mode và profile, không có '" STR_FMT "'",
                           STR_ARG(name));
        }
    }
    return ERR_OK;
}

static ErrCode read_body(RestCall *call, const JsonNode **ret, ErrInfo *info) {
    if (http_body(call->request).len == 0) {
        return ERR_OK;
    }
    TRY(rest_check_json_body(call, info));
    return json_parse(call->arena, http_body(call->request), ret, info);
}

/* It is the resource, or Parameters with it. */
static ErrCode read_posted(Question *q, const JsonNode *root, ErrInfo *info) {
    if (fhir_type_of(root) == FHIR_T_PARAMETERS && q->type != FHIR_T_PARAMETERS) {
        return read_parameters(q, root, info);
    }
    q->root = root;
    return ERR_OK;
}

/* ---- the answer ---- */

static void put_answer(const Question *q, const FhirIssues *issues, Buf *out) {
    if (issues->n == 0) {
        ErrInfo info = {0};
        (void)err_set(&info, ERR_OK, "valid", "all ok: nothing is wrong",
                      "hợp lệ: không có vấn đề nào");
        fhir_print_outcome_err(out, &info, q->call->language);
    } else {
        fhir_print_outcome(out, issues, q->call->language);
    }
}

static const FhirRuleText RULE_TYPE = {"type-mismatch", "invalid",
                                       "the address says {0}, the resource {1}",
                                       "địa chỉ ghi {0}, tài nguyên là {1}"};
static const FhirRuleText RULE_ID = {"id-mismatch", "invalid",
                                     "the address says id {0}, the resource '{1}'",
                                     "địa chỉ ghi mã {0}, tài nguyên ghi '{1}'"};
static const FhirRuleText RULE_TAKEN = {"id-taken", "duplicate",
                                        "{0} exists already: a new resource cannot have this id",
                                        "đã có {0}: tài nguyên mới không thể mang mã này"};

static void put_issue(FhirIssues *issues, const FhirRuleText *rule, Str a, Str b) {
    fhir_issue_put(issues, FHIR_ERROR, rule, STR_EMPTY, (Str[4]){a, b, STR_EMPTY, STR_EMPTY});
}

/* What the mode asks for beyond the content. */
static void check_mode(const Question *q, const FhirResource *r, FhirIssues *issues) {
    Arena *arena = q->call->arena;
    Str id = json_str(arena, json_get_lit(r->root, "id"));
    Str type = str_from(fhir_type_name(q->type));
    StoreVersion v;
    if (r->type != q->type) {
        put_issue(issues, &RULE_TYPE, type, str_from(fhir_type_name(r->type)));
    } else if (q->id.len > 0 && q->mode == MODE_UPDATE && !str_eq(id, q->id)) {
        put_issue(issues, &RULE_ID, q->id, id);
    } else if (q->mode == MODE_CREATE && id.len > 0 &&
               store_get(q->call->rest->store, arena, r->type, id, &v) == ERR_OK) {
        Str whole = arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(type), STR_ARG(id));
        put_issue(issues, &RULE_TAKEN, whole, STR_EMPTY);
    }
}

/* What is stored under the address, when no resource was sent. */
static ErrCode read_stored(Question *q, ErrInfo *info) {
    RestGet get = {.call = q->call, .type = q->type, .id = q->id};
    StoreVersion v;
    if (q->id.len == 0) {
        return err_set(info, ERR_PARAM, "body-missing", "send the resource as the body",
                       "hãy gửi tài nguyên trong nội dung yêu cầu");
    }
    ErrCode err = store_get(q->call->rest->store, q->call->arena, q->type, q->id, &v);
    err = err == ERR_NOT_FOUND ? rest_profile_builtin(&get, &v) : err;
    if (err != ERR_OK) {
        return rest_absent(&get, err, info);
    }
    return json_parse(q->call->arena, v.json, &q->root, info);
}

/* Alone, or as an entry of a bundle. */
static ErrCode run(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    bool of_type = str_starts(get->id, STR("$"));
    Question q = {.call = get->call,
                  .query = get->query,
                  .type = get->type,
                  .id = of_type ? STR_EMPTY : get->id};
    FhirIssues issues = fhir_issues(get->call->arena);
    FhirResource r;
    TRY(read_query(&q, info));
    if (get->posted != NULL) {
        TRY(read_posted(&q, get->posted, info));
    }
    if (q.root == NULL) {
        TRY(read_stored(&q, info));
    }
    ErrCode err = fhir_from_node(q.root, &r, &issues);
    if (err == ERR_OK && q.mode != MODE_DELETE) {
        check_mode(&q, &r, &issues);
        err = rest_validate_all(q.call, &r, q.profiles, q.n_profiles, &issues);
    }
    ret->status = 200;
    put_answer(&q, &issues, &ret->body);
    return err == ERR_OK || err == ERR_INVALID ? buf_ok(&ret->body) : err;
}

static void validate(RestCall *call) {
    ErrInfo info = {0};
    RestGet get = {.call = call,
                   .query = http_query(call->request),
                   .id = call->n_parts == 4 ? call->parts[2] : STR_EMPTY};
    RestAnswer a = {.pretty = str_eq(rest_query(call, "_pretty"), STR("true"))};
    buf_init(&a.body, LIMIT_MIB);
    ErrCode err = rest_need_type(call->parts[1], &get.type, &info);
    err = err == ERR_OK ? rest_take_format(call, get.query, &info) : err;
    err = err == ERR_OK ? read_body(call, &get.posted, &info) : err;
    err = err == ERR_OK ? run(&get, &a, &info) : err;
    if (err != ERR_OK) {
        buf_release(&a.body);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_send(call, &a);
}

static const RestOpParam params[] = {
    {REST_IN, "resource", "Resource", 0, "1", "what is to be validated; else what is stored"},
    {REST_IN, "mode", "code", 0, "1", "create, update, delete or profile"},
    {REST_IN, "profile", "uri", 0, "*", "profiles to validate against, beside meta.profile"},
    {REST_OUT, "return", "OperationOutcome", 1, "1", "all issues, or that all is well"},
};
OPERATIONS(rest_validate_operations,
           {.on = "Resource",
            .name = "validate",
            .base = "http://hl7.org/fhir/OperationDefinition/Resource-validate",
            .get = run,
            .reads_posted = true,
            REST_PARAMS(params)});

ROUTES(rest_validate_routes,
       {"POST", "/fhir/:type/$validate", validate, false,
        "validate: a resource against R4 and profiles"},
       {"GET", "/fhir/:type/:id/$validate", validate, false, "validate: what is stored"},
       {"POST", "/fhir/:type/:id/$validate", validate, false,
        "validate: what is to be stored here"});
