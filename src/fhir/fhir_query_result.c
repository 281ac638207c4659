/* Parameters about the result that name search parameters: _sort, _include, _revinclude. */
#include "fhir/fhir_query_int.h"

/* ---- _sort --------------------------------------------------------------------------------------
 */

static ErrCode sort_key(const QueryParse *p, Str key, FhirSort *ret) {
    bool descending = key.len > 0 && key.ptr[0] == '-';
    Str code = descending ? str_sub(key, 1, key.len) : key;
    bool known = p->scope->type != FHIR_T_NONE || str_starts(code, STR("_"));
    const FhirSearchParam *param =
        known ? fhir_param_find(p->scope->params, p->scope->type, code) : NULL;
    if (param == NULL) {
        return query_unknown(p, code);
    }
    if (param->type == FHIR_PARAM_COMPOSITE || param->type == FHIR_PARAM_WORDS) {
        return query_bad_value(p, key, "has no order to sort by", "không có thứ tự để sắp xếp");
    }
    if (p->scope->type == FHIR_T_NONE && param->id != FHIR_P__LAST_UPDATED) {
        return query_error(p, ERR_UNSUPPORTED, "the whole system is sorted by _lastUpdated only",
                           "tìm trên toàn hệ thống chỉ sắp xếp được theo _lastUpdated");
    }
    *ret = (FhirSort){param, descending};
    return ERR_OK;
}

ErrCode query_sort(const QueryParse *p, Str value, FhirQuery *q) {
    Str rest = value;
    Str key;
    while (str_cut(&rest, ',', &key)) {
        if (q->n_sorts == FHIR_QUERY_SORTS) {
            return query_error(p, ERR_LIMIT, "too many sort keys", "quá nhiều khoá sắp xếp");
        }
        TRY(sort_key(p, key, &q->sorts[q->n_sorts]));
        q->n_sorts++;
    }
    return ERR_OK;
}

/* ---- includes -----------------------------------------------------------------------------------
 */

static ErrCode bad_include(const QueryParse *p, Str value) {
    return query_bad_value(p, value, "is no Type:parameter[:Type] of a reference parameter",
                           "không có dạng Kiểu:tham-số[:Kiểu] của một tham số tham chiếu");
}

/* "*", "source:*[:target]", "source:param[:target]". */
static ErrCode read_include(const QueryParse *p, Str value, FhirInclude *ret) {
    Str rest = value;
    Str source;
    Str code;
    Str target = STR_EMPTY;
    if (str_eq(value, STR("*"))) {
        return ERR_OK;
    }
    bool whole = str_cut(&rest, ':', &source) && str_cut(&rest, ':', &code);
    (void)str_cut(&rest, ':', &target);
    ret->source = fhir_resource_by_name(source);
    ret->target = fhir_resource_by_name(target);
    bool no_target = target.len > 0 && ret->target == FHIR_T_NONE;
    if (!whole || ret->source == FHIR_T_NONE || rest.ptr != NULL || no_target) {
        return bad_include(p, value);
    }
    if (str_eq(code, STR("*"))) {
        return ERR_OK;
    }
    ret->param = fhir_search_param(ret->source, code);
    bool fits = ret->param != NULL && ret->param->type == FHIR_PARAM_REFERENCE &&
                (ret->target == FHIR_T_NONE || fhir_search_param_targets(ret->param, ret->target));
    return fits ? ERR_OK : bad_include(p, value);
}

/* Does it begin (or, reversed, end) at what is searched? */
static bool include_fits(const FhirInclude *in, FhirType here) {
    if (in->is_iterate || here == FHIR_T_NONE) {
        return true;
    }
    if (!in->is_reverse) {
        return in->source == here || in->source == FHIR_T_NONE;
    }
    return (in->param == NULL || fhir_search_param_targets(in->param, here)) &&
           (in->target == FHIR_T_NONE || in->target == here);
}

/* :iterate, and :recurse as STU3 called it. */
static ErrCode include_modifier(const QueryParse *p, FhirInclude *ret) {
    Str modifier = p->name;
    Str name;
    (void)str_cut(&modifier, ':', &name);
    ret->is_reverse = str_starts(name, STR("_rev"));
    ret->is_iterate = str_eq(modifier, STR("iterate")) || str_eq(modifier, STR("recurse"));
    if (modifier.ptr != NULL && !ret->is_iterate) {
        return query_error(p, ERR_PARAM, "takes no other modifier than :iterate",
                           "chỉ dùng được với bổ từ :iterate");
    }
    return ERR_OK;
}

ErrCode query_include(const QueryParse *p, Str value, FhirQuery *q) {
    FhirInclude in = {.source = FHIR_T_NONE};
    TRY(include_modifier(p, &in));
    TRY(read_include(p, value, &in));
    if (!include_fits(&in, p->scope->type)) {
        return query_bad_value(p, value, "does not begin or end at the type that is searched",
                               "không bắt đầu hoặc kết thúc ở kiểu đang tìm");
    }
    assert(q->n_includes <= FHIR_QUERY_INCLUDES);
    if (q->n_includes == FHIR_QUERY_INCLUDES) {
        return query_error(p, ERR_LIMIT, "too many includes", "quá nhiều tham số _include");
    }
    q->includes[q->n_includes++] = in;
    return ERR_OK;
}
