/* Composite search parameters that come at run time: their components as parts with a type each,
 * and every combination of the parts' values (R4's searchparameter.html, component). */
#include "store/store_params_int.h"

#include "core/limits.h"
#include "fhir/fhir_extract_int.h"

/* ---- definition ---- */

static const FhirSearchParam *by_url(const FhirSearchParam *rows, size_t n, Str url) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(rows[i].url, url)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* The type of the parameter with this URL: of R4's, else of those in use on the base. */
static bool type_of(const ParamList *known, FhirType base, Str url, FhirParamType *ret) {
    size_t n = 0;
    const FhirSearchParam *rows = fhir_search_params(base, &n);
    const FhirSearchParam *param = by_url(rows, n, url);
    if (param == NULL) {
        rows = fhir_search_params_common(&n);
        param = by_url(rows, n, url);
    }
    if (param != NULL) {
        *ret = (FhirParamType)param->type;
        return true;
    }
    for (size_t i = 0; known != NULL && i < known->n; i++) {
        const ParamDef *def = &known->params[i]->def;
        for (size_t k = 0; k < def->n_bases; k++) {
            if (def->bases[k] == base && str_eq(def->url, url)) {
                *ret = def->type;
                return true;
            }
        }
    }
    return false;
}

static ErrCode unknown_part(ErrInfo *info) {
    return param_refuse(info, "component",
                        "each component names by its URL a parameter of the same base that is in "
                        "use and no composite itself",
                        "mỗi thành phần phải chỉ bằng URL một tham số đang dùng của cùng loại tài "
                        "nguyên và không phải tham số ghép");
}

static ErrCode read_part(Arena *arena, const JsonNode *component, const ParamRead *read,
                         ParamPart *ret) {
    const ParamDef *def = read->def;
    const JsonNode *url = json_get_lit(component, "definition");
    const JsonNode *text = json_get_lit(component, "expression");
    FhirParamType type = FHIR_PARAM_COMPOSITE;
    Str name = json_is(url, JSON_STRING) ? json_str(arena, url) : STR_EMPTY;
    name = str_sub(name, 0, str_find_char(name, '|', 0));
    for (size_t i = 0; i < def->n_bases; i++) {
        FhirParamType one = FHIR_PARAM_COMPOSITE;
        if (!type_of(read->known, def->bases[i], name, &one) || one > FHIR_PARAM_REFERENCE ||
            (i > 0 && one != type)) {
            return unknown_part(read->info);
        }
        type = one;
    }
    *ret = (ParamPart){.type = type, .expression = STR_EMPTY};
    ret->expression =
        json_is(text, JSON_STRING) ? arena_str(arena, json_str(arena, text)) : STR_EMPTY;
    return param_compile(arena, ret->expression, read, &ret->expr);
}

ErrCode param_read_parts(Arena *arena, const JsonNode *root, const ParamRead *read) {
    ParamDef *def = read->def;
    const JsonNode *list = json_get_lit(root, "component");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL && def->n_parts <= FHIR_COMPOSITE_PARTS; at = json_next(list, at)) {
        if (def->n_parts < FHIR_COMPOSITE_PARTS) {
            TRY(read_part(arena, at, read, &def->parts[def->n_parts]));
        }
        def->n_parts++;
    }
    return def->n_parts >= 2 && def->n_parts <= FHIR_COMPOSITE_PARTS
               ? ERR_OK
               : param_refuse(read->info, "component", "a composite has two or three components",
                              "tham số ghép có hai hoặc ba thành phần");
}

/* ---- values ---- */

/* A list without the tokens that carry a text only: there is nothing to compare a part with. */
static void put_part(FhirIndexSink *sink, const FhirIndexValue *value) {
    if (value->kind != FHIR_INDEX_TOKEN || (value->flags & FHIR_TOKEN_TEXT) == 0) {
        fhir_index_list_put(sink, value);
    }
}

static ErrCode part_values(const ParamPart *part, Arena *arena, const FhirSearchParam *composite,
                           const FpathEnv *env, FhirIndexList *ret) {
    FpathSeq seq = {0};
    FhirSearchParam param = {.id = composite->id, .type = (uint8_t)part->type};
    *ret = fhir_index_list(arena);
    ret->sink.put = put_part;
    TRY(fpath_eval(arena, part->expr, env, &seq, NULL));
    return param_emit(arena, &param, &seq, &ret->sink);
}

/* Every combination of the parts' values at one item; ERR_LIMIT: too many. */
static ErrCode emit_item(const ParamDef *def, Arena *arena, const ParamEmit *emit,
                         const FpathEnv *env) {
    FhirIndexList parts[FHIR_COMPOSITE_PARTS];
    size_t n = 1;
    for (unsigned i = 0; i < def->n_parts; i++) {
        TRY(part_values(&def->parts[i], arena, emit->param, env, &parts[i]));
        n *= parts[i].count;
        if (n > LIMIT_COMPOSITE_VALUES) {
            return ERR_LIMIT;
        }
    }
    FhirIndexValue v;
    memset(&v, 0, sizeof(v));
    v.param = emit->param->id;
    v.kind = FHIR_INDEX_COMPOSITE;
    v.composite.n_parts = (uint8_t)def->n_parts;
    for (size_t k = 0; k < n; k++) {
        size_t rest = k;
        for (unsigned i = 0; i < def->n_parts; i++) {
            v.composite.parts[i] = &parts[i].values[rest % parts[i].count];
            rest /= parts[i].count;
        }
        emit->sink->put(emit->sink, &v);
    }
    return ERR_OK;
}

ErrCode param_emit_parts(const ParamDef *def, Arena *arena, const ParamEmit *emit,
                         const FpathEnv *whole) {
    for (size_t i = 0; i < emit->seq->n; i++) {
        FpathEnv env = *whole;
        env.context = emit->seq->items[i];
        TRY(emit_item(def, arena, emit, &env));
    }
    return ERR_OK;
}
