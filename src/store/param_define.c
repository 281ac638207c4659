/* A SearchParameter resource -> what is indexed and searched; what cannot be carried out is refused
 * with the place and the remedy. */
#include "store/store_params_int.h"

#include "core/limits.h"

enum { CODE_MAX = 64, BASES_MAX = FHIR_RESOURCE_COUNT, STEPS_MAX = 100000 };

ErrCode param_refuse(ErrInfo *info, const char *where, const char *en, const char *vi) {
    err_where(info, "SearchParameter.%s", where);
    ErrCode err = err_set(info, ERR_INVALID, "search-param", "%s", "%s", en);
    if (info != NULL) {
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", vi);
    }
    return err;
}

static Str text_of(Arena *arena, const JsonNode *root, const char *name) {
    const JsonNode *n = json_get(root, str_from(name));
    return json_is(n, JSON_STRING) ? arena_str(arena, json_str(arena, n)) : STR_EMPTY;
}

static bool is_code(Str code) {
    bool ok = code.len > 0 && code.len <= CODE_MAX;
    for (size_t i = 0; i < code.len && ok; i++) {
        char c = code.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        ok = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '_'));
    }
    return ok;
}

static ErrCode read_type(Arena *arena, const JsonNode *root, ParamDef *def, ErrInfo *info) {
    Str text = text_of(arena, root, "type");
    for (int t = FHIR_PARAM_TOKEN; t <= FHIR_PARAM_COMPOSITE; t++) {
        if (str_eq(text, fhir_param_type_name((FhirParamType)t))) {
            def->type = (FhirParamType)t;
            return ERR_OK;
        }
    }
    return param_refuse(
        info, "type",
        "only parameters of type token, string, date, number, quantity, uri, reference and "
        "composite can be defined",
        "chỉ định nghĩa được tham số kiểu token, string, date, number, quantity, uri, "
        "reference và composite");
}

/* The resource types of a list, ascending. */
static ErrCode read_types(Arena *arena, const JsonNode *list, uint16_t **ret, size_t *ret_n) {
    size_t n = 0;
    uint16_t *types = arena_new_array(arena, uint16_t, BASES_MAX + 1);
    if (types == NULL) {
        return ERR_NOMEM;
    }
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        FhirType type = fhir_resource_by_name(json_str(arena, at));
        if (type == FHIR_T_NONE || n == BASES_MAX) {
            return ERR_INVALID;
        }
        size_t i = n++;
        for (; i > 0 && types[i - 1] > type; i--) {
            types[i] = types[i - 1];
        }
        types[i] = (uint16_t)type;
    }
    *ret = types;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode read_bases(Arena *arena, const JsonNode *root, ParamDef *def, ErrInfo *info) {
    uint16_t *types = NULL;
    size_t n = 0;
    ErrCode err = read_types(arena, json_get_lit(root, "base"), &types, &n);
    if (err == ERR_INVALID || (err == ERR_OK && n == 0)) {
        return param_refuse(info, "base",
                            "name the resource types: Resource and DomainResource are none",
                            "hãy nêu đích danh các loại tài nguyên, không dùng Resource hay "
                            "DomainResource");
    }
    TRY(err);
    FhirType *bases = arena_new_array(arena, FhirType, n);
    if (bases == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        bases[i] = (FhirType)types[i];
        const FhirSearchParam *taken = fhir_search_param(bases[i], def->code);
        if (taken != NULL && str_eq(taken->url, def->url)) {
            return ERR_NOT_FOUND; /* R4's own definition: it is in use already */
        }
        if (taken != NULL) {
            err_where(info, "SearchParameter.code");
            return err_set(info, ERR_INVALID, "search-param-code",
                           "%s has a parameter '" STR_FMT "' already: choose another code",
                           "%s đã có tham số '" STR_FMT "': hãy chọn mã khác",
                           fhir_type_name(bases[i]), STR_ARG(def->code));
        }
    }
    def->bases = bases;
    def->n_bases = n;
    return ERR_OK;
}

static ErrCode read_targets(Arena *arena, const JsonNode *root, ParamDef *def, ErrInfo *info) {
    uint16_t *types = NULL;
    size_t n = 0;
    ErrCode err = read_types(arena, json_get_lit(root, "target"), &types, &n);
    if (err == ERR_INVALID) {
        return param_refuse(info, "target", "a target is no resource type",
                            "có đích không phải loại tài nguyên");
    }
    TRY(err);
    def->targets = types;
    def->n_targets = def->type == FHIR_PARAM_REFERENCE ? n : 0;
    return ERR_OK;
}

/* An index must give the same today and tomorrow. */
static bool depends_on_time(Str expression) {
    return str_find(expression, STR("now(")) != SIZE_MAX ||
           str_find(expression, STR("today(")) != SIZE_MAX ||
           str_find(expression, STR("timeOfDay(")) != SIZE_MAX;
}

ErrCode param_compile(Arena *arena, Str expression, const ParamRead *read, const FpathExpr **ret) {
    const ParamDef *def = read->def;
    ErrInfo *info = read->info;
    if (expression.len == 0) {
        return param_refuse(info, "expression",
                            "an active parameter needs an expression (FHIRPath)",
                            "tham số đang dùng cần có biểu thức FHIRPath (expression)");
    }
    if (depends_on_time(expression)) {
        return param_refuse(info, "expression", "what depends on the time of day cannot be indexed",
                            "không lập chỉ mục được biểu thức phụ thuộc thời điểm hiện tại");
    }
    ErrInfo why = {0};
    bool is_whole = def->n_bases == 1 && def->expr == NULL; /* parts begin inside */
    FpathOptions options = {.context = is_whole ? (FhirShape)def->bases[0] : 0, .strict = is_whole};
    ErrCode err = fpath_compile(arena, expression, &options, ret, &why);
    if (err == ERR_NOMEM || err == ERR_OK) {
        return err;
    }
    err_where(info, "SearchParameter.expression");
    return err_set(info, ERR_INVALID, "search-param-expression",
                   "the expression cannot be read: %s", "không đọc được biểu thức: %s",
                   why.what_en);
}

bool param_is_composite(const JsonNode *root) {
    return json_str_is(json_get_lit(root, "type"), STR("composite"));
}

ErrCode param_define(Arena *arena, const JsonNode *root, const ParamRead *read) {
    ErrInfo *info = read->info;
    ParamDef *def = read->def;
    *def = (ParamDef){0};
    if (!json_str_is(json_get_lit(root, "status"), STR("active"))) {
        return ERR_NOT_FOUND;
    }
    def->url = text_of(arena, root, "url");
    def->code = text_of(arena, root, "code");
    if (!is_code(def->code)) {
        return param_refuse(info, "code",
                            "a code begins with a letter and goes on with letters, digits, - and "
                            "_, 64 at most",
                            "mã bắt đầu bằng chữ cái, tiếp theo là chữ cái, chữ số, - và _, tối "
                            "đa 64");
    }
    TRY(read_type(arena, root, def, info));
    TRY(read_bases(arena, root, def, info));
    TRY(read_targets(arena, root, def, info));
    def->expression = text_of(arena, root, "expression");
    TRY(param_compile(arena, def->expression, read, &def->expr));
    TRY(def->type == FHIR_PARAM_COMPOSITE ? param_read_parts(arena, root, read) : ERR_OK);
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

uint64_t param_hash(const ParamDef *def) {
    uint64_t h = hash64_mix(hash64(def->code), hash64(def->expression));
    h = hash64_mix(h, (uint64_t)def->type);
    for (size_t i = 0; i < def->n_bases; i++) {
        h = hash64_mix(h, (uint64_t)def->bases[i]);
    }
    for (size_t i = 0; i < def->n_targets; i++) {
        h = hash64_mix(h, (uint64_t)def->targets[i] << 16);
    }
    for (size_t i = 0; i < def->n_parts; i++) {
        h = hash64_mix(h, hash64_mix(hash64(def->parts[i].expression), def->parts[i].type));
    }
    return h;
}

/* ---- values ---- */

/* A value of the System types as the FHIR type that it is like. */
static FhirType like_type(const FpathItem *item) {
    switch ((FpathKind)item->kind) {
    case FPATH_BOOLEAN:
        return FHIR_T_BOOLEAN;
    case FPATH_INTEGER:
        return FHIR_T_INTEGER;
    case FPATH_DECIMAL:
        return FHIR_T_DECIMAL;
    case FPATH_STRING:
        return FHIR_T_STRING;
    case FPATH_DATE:
    case FPATH_DATE_TIME:
        return FHIR_T_DATE_TIME;
    case FPATH_QUANTITY:
        return FHIR_T_QUANTITY;
    case FPATH_NODE:
    case FPATH_TIME:
    case FPATH_TYPE:
        break;
    }
    return FHIR_T_NONE;
}

/* A token or string of the System is taken as FHIR's string; a uri or reference likewise. */
static ErrCode emit_system(Arena *arena, const FhirSearchParam *param, const FpathItem *item,
                           FhirIndexSink *sink) {
    FhirType type = like_type(item);
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    JsonWriter w = json_writer(&text);
    const JsonNode *node = NULL;
    if (type == FHIR_T_STRING && param->type == FHIR_PARAM_URI) {
        type = FHIR_T_URI;
    }
    if (type == FHIR_T_NONE || !fpath_item_put_json(&w, item)) {
        return ERR_OK;
    }
    TRY(buf_ok(&text));
    TRY(json_parse(arena, arena_str(arena, buf_str(&text)), &node, NULL));
    (void)fhir_extract_element(arena, param, type, node, sink);
    return ERR_OK;
}

ErrCode param_emit(Arena *arena, const FhirSearchParam *param, const FpathSeq *seq,
                   FhirIndexSink *sink) {
    for (size_t i = 0; i < seq->n; i++) {
        const FpathItem *item = &seq->items[i];
        if (item->kind != FPATH_NODE) {
            TRY(emit_system(arena, param, item, sink));
        } else if (item->node != NULL) {
            (void)fhir_extract_element(arena, param, (FhirType)item->shape, item->node, sink);
        }
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode custom_extract(CustomParam *p, Arena *arena, const FhirSearchParam *param,
                       const JsonNode *root, FhirIndexSink *sink) {
    FpathEnv env = fpath_env(root);
    FpathSeq seq = {0};
    env.resolve_types = true;
    env.now = 1; /* nothing depends on it */
    env.max_steps = STEPS_MAX;
    ErrCode err = fpath_eval(arena, p->def.expr, &env, &seq, NULL);
    if (err == ERR_OK) {
        ParamEmit emit = {param, &seq, sink};
        err = p->def.n_parts > 0 ? param_emit_parts(&p->def, arena, &emit, &env)
                                 : param_emit(arena, param, &seq, sink);
    }
    if (err != ERR_OK && err != ERR_NOMEM) {
        atomic_fetch_add(&p->errors, 1);
        return ERR_OK;
    }
    return err;
}
