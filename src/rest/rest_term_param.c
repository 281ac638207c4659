/* What a terminology operation is asked, read by its table; and Parameters as its answer. */
#include "rest/rest_term.h"
#include "core/time.h"

/* ---- arguments ---- */

static const RestTermArg *find_arg(const RestTermCall *t, const char *name) {
    for (size_t i = 0; i < t->n_args; i++) {
        if (strcmp(t->args[i].param->name, name) == 0) {
            return &t->args[i];
        }
    }
    return NULL;
}

Str rest_term_arg(const RestTermCall *t, const char *name) {
    const RestTermArg *a = find_arg(t, name);
    return a == NULL ? STR_EMPTY : a->text;
}

const JsonNode *rest_term_arg_node(const RestTermCall *t, const char *name) {
    const RestTermArg *a = find_arg(t, name);
    return a == NULL ? NULL : a->node;
}

bool rest_term_arg_bool(const RestTermCall *t, const char *name, bool otherwise) {
    Str text = rest_term_arg(t, name);
    return text.len == 0 ? otherwise : str_eq(text, STR("true"));
}

Str rest_term_text(const RestTermCall *t, const JsonNode *node, const char *name) {
    return json_str(t->arena, json_get(node, str_from(name)));
}

Str rest_term_canonical(const RestTermCall *t, Str url, Str version) {
    bool has = version.len == 0 || str_find_char(url, '|', 0) != SIZE_MAX;
    return has ? url : arena_printf(t->arena, STR_FMT "|" STR_FMT, STR_ARG(url), STR_ARG(version));
}

static bool is_primitive(const char *type) {
    return type[0] >= 'a' && type[0] <= 'z';
}

static const RestOpParam *find_param(const RestTermOp *op, Str name) {
    for (size_t i = 0; i < op->n_params; i++) {
        if (op->params[i].use == REST_IN && str_eq(name, str_from(op->params[i].name))) {
            return &op->params[i];
        }
    }
    return NULL;
}

static ErrCode check_text(const RestOpParam *p, Str text, ErrInfo *info) {
    uint64_t n = 0;
    TimeMs lo;
    TimeMs hi;
    bool fits = true;
    if (strcmp(p->type, "boolean") == 0) {
        fits = str_eq(text, STR("true")) || str_eq(text, STR("false"));
    } else if (strcmp(p->type, "integer") == 0) {
        fits = str_to_u64(text, &n) == ERR_OK && n <= INT32_MAX;
    } else if (strcmp(p->type, "dateTime") == 0) {
        fits = time_parse_fhir(text, &lo, &hi) == ERR_OK;
    }
    return fits && text.len > 0
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "%s: '" STR_FMT "' is no %s",
                         "%s: '" STR_FMT "' không phải là %s", p->name, (int)MIN(text.len, 100UL),
                         text.ptr, p->type);
}

static ErrCode add_arg(RestTermCall *t, const RestOpParam *p, RestTermArg arg, ErrInfo *info) {
    if (p->max[0] == '1' && find_arg(t, p->name) != NULL) {
        return err_set(info, ERR_PARAM, "parameter-twice", "'%s' is given twice",
                       "tham số '%s' lặp lại hai lần", p->name);
    }
    if (t->n_args == REST_TERM_ARGS_MAX) {
        return err_set(info, ERR_LIMIT, "parameter-count", "more than %d parameters",
                       "có hơn %d tham số", (int)REST_TERM_ARGS_MAX);
    }
    arg.param = p;
    t->args[t->n_args++] = arg;
    return ERR_OK;
}

static ErrCode unknown(Str name, ErrInfo *info) {
    return err_set(info, ERR_PARAM, "parameter-unknown", "unknown parameter '" STR_FMT "'",
                   "không có tham số '" STR_FMT "'", (int)MIN(name.len, 64UL), name.ptr);
}

static ErrCode arg_of_pair(RestTermCall *t, const RestTermOp *op, Str name, Str value,
                           ErrInfo *info) {
    const RestOpParam *p = find_param(op, name);
    if (p == NULL) {
        return str_eq(name, STR("_format")) || str_eq(name, STR("_pretty")) ? ERR_OK
                                                                            : unknown(name, info);
    }
    if (!is_primitive(p->type)) {
        return err_set(info, ERR_PARAM, "parameter-post",
                       "'%s' is a %s: send it in a Parameters resource by POST",
                       "'%s' là %s: hãy gửi trong tài nguyên Parameters bằng POST", p->name,
                       p->type);
    }
    TRY(check_text(p, value, info));
    return add_arg(t, p, (RestTermArg){.text = value}, info);
}

ErrCode rest_term_args_of_query(RestTermCall *t, const RestTermOp *op, Str query, ErrInfo *info) {
    Str pair;
    while (str_cut(&query, '&', &pair)) {
        Str raw_name;
        Str name;
        Str value = STR_EMPTY;
        if (pair.len == 0) {
            continue;
        }
        (void)str_cut(&pair, '=', &raw_name);
        ErrCode err = http_decode(t->arena, raw_name, true, &name);
        if (err == ERR_OK && pair.ptr != NULL) {
            err = http_decode(t->arena, pair, true, &value);
        }
        if (err != ERR_OK) {
            return err_set(info, ERR_PARAM, "parameter-escape", "a percent escape is broken",
                           "mã hoá phần trăm bị hỏng");
        }
        TRY(arg_of_pair(t, op, name, value, info));
    }
    return ERR_OK;
}

/* The value[x] of a parameter: any primitive for a primitive, the data type for a data type. */
static ErrCode arg_of_parameter(RestTermCall *t, const RestTermOp *op, const JsonNode *one,
                                ErrInfo *info) {
    Str name = rest_term_text(t, one, "name");
    const RestOpParam *p = find_param(op, name);
    RestTermArg arg = {.text = STR_EMPTY};
    if (p == NULL) {
        return unknown(name, info);
    }
    for (const JsonNode *m = json_first(one); m != NULL; m = json_next(one, m)) {
        Str member = json_raw_str(m);
        const JsonNode *v = json_value(m);
        bool same = str_starts(member, STR("value")) &&
                    str_eq(str_sub(member, 5, member.len), str_from(p->type));
        bool resource = str_eq(member, STR("resource")) &&
                        json_str_is(json_get_lit(v, "resourceType"), str_from(p->type));
        if ((same || resource) && !is_primitive(p->type)) {
            arg.node = v;
        } else if (str_starts(member, STR("value")) && is_primitive(p->type)) {
            arg.text = json_is(v, JSON_STRING)                             ? json_str(t->arena, v)
                       : json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY) ? STR_EMPTY
                                                                           : json_raw(v);
        }
    }
    if (arg.node == NULL && !is_primitive(p->type)) {
        return err_set(info, ERR_PARAM, "parameter-type", "'%s' must be a %s", "'%s' phải là %s",
                       p->name, p->type);
    }
    if (arg.node == NULL) {
        TRY(check_text(p, arg.text, info));
    }
    return add_arg(t, p, arg, info);
}

/* The only parameter that takes a resource of this type; NULL. */
static const RestOpParam *resource_param(const RestTermOp *op, const JsonNode *root) {
    FhirType type = fhir_type_of(root);
    for (size_t i = 0; i < op->n_params && type != FHIR_T_NONE; i++) {
        if (op->params[i].use == REST_IN && strcmp(op->params[i].type, fhir_type_name(type)) == 0) {
            return &op->params[i];
        }
    }
    return NULL;
}

/* Parameters, or the resource alone (http://hl7.org/fhir/R4/operations.html#request). */
ErrCode rest_term_args_of_posted(RestTermCall *t, const RestTermOp *op, const JsonNode *root,
                                 ErrInfo *info) {
    const JsonNode *list = json_get_lit(root, "parameter");
    const RestOpParam *alone = resource_param(op, root);
    if (alone != NULL) {
        return add_arg(t, alone, (RestTermArg){.text = STR_EMPTY, .node = root}, info);
    }
    if (!json_str_is(json_get_lit(root, "resourceType"), STR("Parameters")) ||
        (list != NULL && !json_is(list, JSON_ARRAY))) {
        return err_set(info, ERR_INVALID, "parameters", "send a Parameters resource",
                       "hãy gửi tài nguyên Parameters");
    }
    for (const JsonNode *p = list == NULL ? NULL : json_first(list); p != NULL;
         p = json_next(list, p)) {
        TRY(arg_of_parameter(t, op, p, info));
    }
    return ERR_OK;
}

/* displayLanguage and date, which many operations have. */
void rest_term_read_common(RestTermCall *t) {
    Str language = rest_term_arg(t, "displayLanguage");
    Str date = rest_term_arg(t, "date");
    TimeMs lo;
    TimeMs hi;
    t->language = language.len > 0 ? fhir_language(language) : t->call->language;
    if (date.len > 0 && time_parse_fhir(date, &lo, &hi) == ERR_OK) {
        t->has_day = true;
        t->day = (int32_t)time_vn_day(lo);
    }
}

/* ---- answers ---- */

void rest_term_open(RestTermCall *t) {
    json_open_object(&t->w);
    json_member(&t->w, "resourceType", STR("Parameters"));
    json_name(&t->w, "parameter");
    json_open_array(&t->w);
}

void rest_term_close(RestTermCall *t) {
    json_close_array(&t->w);
    json_close_object(&t->w);
}

void rest_term_put_str(RestTermCall *t, const char *name, const char *type, Str value) {
    if (value.len > 0) {
        json_open_object(&t->w);
        json_member(&t->w, "name", str_from(name));
        json_put_name(&t->w, str_from(type));
        json_put_str(&t->w, value);
        json_close_object(&t->w);
    }
}

void rest_term_put_bool(RestTermCall *t, const char *name, bool value) {
    json_open_object(&t->w);
    json_member(&t->w, "name", str_from(name));
    json_name(&t->w, "valueBoolean");
    json_put_bool(&t->w, value);
    json_close_object(&t->w);
}

void rest_term_open_parts(RestTermCall *t, const char *name) {
    json_open_object(&t->w);
    json_member(&t->w, "name", str_from(name));
    json_name(&t->w, "part");
    json_open_array(&t->w);
}

void rest_term_close_parts(RestTermCall *t) {
    json_close_array(&t->w);
    json_close_object(&t->w);
}

void rest_term_put_coding(RestTermCall *t, const TermMatch *m) {
    bool vi = t->language == FHIR_LANG_VI && m->display_vi.len > 0;
    json_open_object(&t->w);
    json_member(&t->w, "name", STR("concept"));
    json_name(&t->w, "valueCoding");
    json_open_object(&t->w);
    json_member_str(&t->w, STR("system"), m->system);
    json_member_str(&t->w, STR("version"), m->version);
    json_member_str(&t->w, STR("code"), m->code);
    json_member_str(&t->w, STR("display"), vi || m->display.len == 0 ? m->display_vi : m->display);
    json_close_object(&t->w);
    json_close_object(&t->w);
}
