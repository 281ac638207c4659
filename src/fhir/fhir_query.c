#include "fhir/fhir_query.h"

#include "core/limits.h"
#include "fhir/fhir_query_int.h"

const char *const query_summary_names[FHIR_SUMMARY_COUNT + 1] = {"false", "true", "text", "data",
                                                                 "count"};
const char *const query_total_names[FHIR_TOTAL_ACCURATE + 1] = {"", "none", "estimate", "accurate"};

/* ---- names that are close -----------------------------------------------------------------------
 */

enum { NAME_MAX_LEN = 48 };

/* Levenshtein distance; texts longer than NAME_MAX_LEN count as far away. */
static unsigned distance(Str a, Str b) {
    unsigned row[NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN) {
        return NAME_MAX_LEN;
    }
    for (unsigned j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1] ? 1 : 0);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j - 1], row[j]) + 1);
        }
    }
    assert(row[b.len] <= NAME_MAX_LEN);
    return row[b.len];
}

static bool is_similar(Str wanted, Str code) {
    bool inside = wanted.len >= 3 && str_find(code, wanted) != SIZE_MAX;
    return inside || (code.len >= 3 && str_find(wanted, code) != SIZE_MAX) ||
           distance(wanted, code) <= 2;
}

/* "unknown for Patient; similar: name, given". */
static ErrCode unknown_param(const QueryParse *p, Str code) {
    char names[200] = "";
    size_t at = 0;
    size_t n;
    const FhirSearchParam *rows = fhir_search_params(p->scope->type, &n);
    for (size_t i = 0; i < n && at < sizeof names - NAME_MAX_LEN - 2; i++) {
        if (is_similar(code, rows[i].code)) {
            at += (size_t)snprintf(names + at, sizeof names - at, "%s" STR_FMT, at > 0 ? ", " : "",
                                   STR_ARG(rows[i].code));
        }
    }
    const char *type = fhir_type_name(p->scope->type);
    char en[ERR_WHAT_MAX];
    char vi[ERR_WHAT_MAX];
    (void)snprintf(en, sizeof en, "unknown search parameter of %s%s%s", type,
                   at > 0 ? "; similar: " : "", names);
    (void)snprintf(vi, sizeof vi, "%s không có tham số tìm kiếm này%s%s", type,
                   at > 0 ? "; gần giống: " : "", names);
    return query_error(p, ERR_PARAM, en, vi);
}

/* ---- search terms -------------------------------------------------------------------------------
 */

static ErrCode unsupported(const QueryParse *p) {
    return query_error(p, ERR_UNSUPPORTED, "not supported yet", "chưa hỗ trợ");
}

/* Modifiers that R4 knows and that come later. */
static bool is_later_modifier(Str text) {
    static const char *const names[] = {"text",       "in",      "not-in", "below",   "above",
                                        "identifier", "of-type", "ofType", "iterate", "recurse"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(text, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool modifier_fits(FhirModifier m, FhirParamType type) {
    return m == FHIR_MOD_NOT ? type == FHIR_PARAM_TOKEN : type == FHIR_PARAM_STRING;
}

/* Reads the text behind the colon into *term. */
static ErrCode parse_modifier(const QueryParse *p, Str text, FhirQueryTerm *term) {
    static const struct {
        const char *name;
        FhirModifier modifier;
    } known[] = {{"exact", FHIR_MOD_EXACT}, {"contains", FHIR_MOD_CONTAINS}, {"not", FHIR_MOD_NOT}};
    FhirParamType type = (FhirParamType)term->param->type;
    if (str_eq(text, STR("missing"))) {
        term->modifier = FHIR_MOD_MISSING;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(text, str_from(known[i].name)) && modifier_fits(known[i].modifier, type)) {
            term->modifier = (uint8_t)known[i].modifier;
            return ERR_OK;
        }
    }
    FhirType ref_type = fhir_resource_by_name(text);
    if (type == FHIR_PARAM_REFERENCE && ref_type != FHIR_T_NONE &&
        fhir_search_param_targets(term->param, ref_type)) {
        term->modifier = FHIR_MOD_TYPE;
        term->ref_type = ref_type;
        return ERR_OK;
    }
    if (is_later_modifier(text) || str_find_char(text, '.', 0) != SIZE_MAX) {
        return unsupported(p);
    }
    return query_error(p, ERR_PARAM, "the parameter does not take this modifier",
                       "tham số không dùng được với bổ từ này");
}

static ErrCode parse_missing(const QueryParse *p, Str value, FhirQueryTerm *term) {
    term->missing = str_eq(value, STR("true"));
    if (!term->missing && !str_eq(value, STR("false"))) {
        return query_bad_value(p, value, "is neither true nor false", "không phải true hay false");
    }
    return ERR_OK;
}

/* The OR list. */
static ErrCode parse_values(const QueryParse *p, Str text, FhirQueryTerm *term) {
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == ',';
    }
    if (n > LIMIT_SEARCH_VALUES) {
        return query_error(p, ERR_LIMIT, "too many values in one list",
                           "quá nhiều giá trị trong một danh sách");
    }
    term->values = arena_new_array(p->arena, FhirQueryValue, n);
    if (term->values == NULL) {
        return ERR_NOMEM;
    }
    ValueShape shape = {.type = (FhirParamType)term->param->type,
                        .param = term->param,
                        .modifier = (FhirModifier)term->modifier,
                        .ref_type = term->ref_type};
    Str rest = text;
    Str one;
    while (query_cut(&rest, ',', &one)) {
        assert(term->n_values < n);
        TRY(query_value(p, &shape, one, &term->values[term->n_values]));
        term->n_values++;
    }
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

/* _text and so on: R4 has them, we do not yet. */
static bool is_later_param(Str code) {
    static const char *const names[] = {"_text",   "_content", "_query",         "_has",
                                        "_filter", "_list",    "_type",          "_contained",
                                        "_at",     "_since",   "_containedType", "_score"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(code, str_from(names[i]))) {
            return true;
        }
    }
    return str_find_char(code, '.', 0) != SIZE_MAX; /* a chain */
}

/* A parameter that cannot be used: refused, or left out and named. */
static ErrCode not_used(const QueryParse *p, Str code, bool is_later, FhirQuery *q) {
    if (!p->scope->is_lenient) {
        return is_later ? unsupported(p) : unknown_param(p, code);
    }
    q->ignored[q->n_ignored++] = p->name;
    return ERR_OK;
}

static ErrCode parse_term(const QueryParse *p, Str value, FhirQuery *q) {
    Str modifier = p->name;
    Str code;
    (void)str_cut(&modifier, ':', &code);
    assert(q->n_terms + q->n_ignored <= FHIR_QUERY_TERMS);
    if (q->n_terms + q->n_ignored == FHIR_QUERY_TERMS) {
        return query_error(p, ERR_LIMIT, "too many parameters", "quá nhiều tham số");
    }
    FhirQueryTerm *term = &q->terms[q->n_terms];
    *term = (FhirQueryTerm){.param = fhir_search_param(p->scope->type, code)};
    bool is_later =
        is_later_param(code) || (term->param != NULL && term->param->type == FHIR_PARAM_SPECIAL);
    if (is_later || term->param == NULL) {
        return not_used(p, code, is_later, q);
    }
    if (modifier.ptr != NULL) {
        TRY(parse_modifier(p, modifier, term));
    }
    TRY(term->modifier == FHIR_MOD_MISSING ? parse_missing(p, value, term)
                                           : parse_values(p, value, term));
    q->n_terms++;
    return ERR_OK;
}

/* ---- parameters about the result ----------------------------------------------------------------
 */

static ErrCode not_one_of(const QueryParse *p, Str value) {
    return query_bad_value(p, value, "is none of the values that the parameter allows",
                           "không thuộc các giá trị được phép của tham số");
}

static ErrCode parse_name_in(const QueryParse *p, Str value, const char *const *names, size_t n,
                             uint8_t *ret) {
    for (size_t i = 0; i < n; i++) {
        if (value.len > 0 && str_eq(value, str_from(names[i]))) {
            *ret = (uint8_t)i;
            return ERR_OK;
        }
    }
    return not_one_of(p, value);
}

static ErrCode parse_count(const QueryParse *p, Str value, FhirQuery *q) {
    uint64_t n;
    if (str_to_u64(value, &n) != ERR_OK) {
        return query_bad_value(p, value, "is no whole number", "không phải số nguyên không âm");
    }
    q->has_count = true;
    q->count = (uint32_t)MIN(n, (uint64_t)LIMIT_PAGE_COUNT);
    return ERR_OK;
}

static ErrCode parse_summary(const QueryParse *p, Str value, FhirQuery *q) {
    return parse_name_in(p, value, query_summary_names, ARRAY_LEN(query_summary_names),
                         &q->summary);
}

static ErrCode parse_total(const QueryParse *p, Str value, FhirQuery *q) {
    return parse_name_in(p, value, query_total_names, ARRAY_LEN(query_total_names), &q->total);
}

static ErrCode parse_pretty(const QueryParse *p, Str value, FhirQuery *q) {
    static const char *const names[] = {"false", "true"};
    uint8_t at = 0;
    TRY(parse_name_in(p, value, names, ARRAY_LEN(names), &at));
    q->pretty = at == 1;
    return ERR_OK;
}

static ErrCode parse_format(const QueryParse *p, Str value, FhirQuery *q) {
    (void)p;
    q->format = value;
    return ERR_OK;
}

static ErrCode parse_page(const QueryParse *p, Str value, FhirQuery *q) {
    (void)p;
    q->page = value;
    return ERR_OK;
}

static ErrCode parse_sort(const QueryParse *p, Str value, FhirQuery *q) {
    Str rest = value;
    Str key;
    while (str_cut(&rest, ',', &key)) {
        bool descending = key.len > 0 && key.ptr[0] == '-';
        Str code = descending ? str_sub(key, 1, key.len) : key;
        const FhirSearchParam *param = fhir_search_param(p->scope->type, code);
        if (param == NULL) {
            return unknown_param(p, code);
        }
        if (param->id != FHIR_P__LAST_UPDATED) {
            return query_error(p, ERR_UNSUPPORTED, "only _lastUpdated and -_lastUpdated so far",
                               "hiện chỉ hỗ trợ _lastUpdated và -_lastUpdated");
        }
        if (q->n_sorts == FHIR_QUERY_SORTS) {
            return query_error(p, ERR_LIMIT, "too many sort keys", "quá nhiều khoá sắp xếp");
        }
        q->sorts[q->n_sorts++] = (FhirSort){param->id, descending};
    }
    return ERR_OK;
}

/* A member of the type's first level, choices also by their common name ("value"). */
static bool is_element(FhirType type, Str name) {
    const FhirShapeInfo *shape = fhir_shape((FhirShape)type);
    for (size_t i = 0; i < shape->n_elements; i++) {
        const FhirElement *e = &shape->elements[i];
        if (str_eq(name, (Str){e->name, e->name_len}) ||
            (e->choice > 0 && str_eq(name, (Str){e->name, e->base_len}))) {
            return true;
        }
    }
    return str_eq(name, STR("resourceType"));
}

static ErrCode parse_elements(const QueryParse *p, Str value, FhirQuery *q) {
    size_t n = 1;
    for (size_t i = 0; i < value.len; i++) {
        n += value.ptr[i] == ',';
    }
    q->elements = arena_new_array(p->arena, Str, n);
    if (q->elements == NULL) {
        return ERR_NOMEM;
    }
    Str rest = value;
    Str name;
    while (str_cut(&rest, ',', &name)) {
        if (!is_element(p->scope->type, name)) {
            return query_bad_value(p, name, "is no element of the type",
                                   "không phải phần tử của kiểu");
        }
        assert(q->n_elements < n);
        q->elements[q->n_elements++] = name;
    }
    return ERR_OK;
}

/* ---- includes -----------------------------------------------------------------------------------
 */

/* "source:param[:target]" against the type that is searched. */
static ErrCode read_include(const QueryParse *p, Str value, FhirInclude *ret) {
    Str rest = value;
    Str source;
    Str code;
    Str target = STR_EMPTY;
    bool whole = str_cut(&rest, ':', &source) && str_cut(&rest, ':', &code);
    (void)str_cut(&rest, ':', &target);
    ret->source = fhir_resource_by_name(source);
    ret->param = whole && ret->source != FHIR_T_NONE ? fhir_search_param(ret->source, code) : NULL;
    ret->target = fhir_resource_by_name(target);
    bool bad = ret->param == NULL || ret->param->type != FHIR_PARAM_REFERENCE || rest.ptr != NULL ||
               (target.len > 0 && (ret->target == FHIR_T_NONE ||
                                   !fhir_search_param_targets(ret->param, ret->target)));
    if (bad) {
        return query_bad_value(p, value, "is no Type:parameter[:Type] of a reference parameter",
                               "không có dạng Kiểu:tham-số[:Kiểu] của một tham số tham chiếu");
    }
    return ERR_OK;
}

static ErrCode parse_include(const QueryParse *p, Str value, FhirQuery *q) {
    FhirInclude in = {.is_reverse = str_starts(p->name, STR("_rev"))};
    if (str_find_char(value, '*', 0) != SIZE_MAX) {
        return unsupported(p);
    }
    TRY(read_include(p, value, &in));
    FhirType here = p->scope->type;
    bool fits = in.is_reverse ? fhir_search_param_targets(in.param, here) &&
                                    (in.target == FHIR_T_NONE || in.target == here)
                              : in.source == here;
    if (!fits) {
        return query_bad_value(p, value, "does not begin or end at the type that is searched",
                               "không bắt đầu hoặc kết thúc ở kiểu đang tìm");
    }
    assert(q->n_includes <= FHIR_QUERY_INCLUDES && in.param != NULL);
    if (q->n_includes == FHIR_QUERY_INCLUDES) {
        return query_error(p, ERR_LIMIT, "too many includes", "quá nhiều tham số _include");
    }
    q->includes[q->n_includes++] = in;
    return ERR_OK;
}

/* ---- the whole query ----------------------------------------------------------------------------
 */

typedef struct ResultParam {
    const char *name;
    ErrCode (*parse)(const QueryParse *, Str, FhirQuery *);
    bool many; /* may be given more than once */
} ResultParam;

static const ResultParam result_params[] = {
    {"_count", parse_count, false},       {"_summary", parse_summary, false},
    {"_total", parse_total, false},       {"_sort", parse_sort, false},
    {"_elements", parse_elements, false}, {"_include", parse_include, true},
    {"_revinclude", parse_include, true}, {"_format", parse_format, false},
    {"_pretty", parse_pretty, false},     {"_page", parse_page, false},
};

/* One name=value; *seen has a bit for each result parameter that came already. */
static ErrCode parse_pair(QueryParse *p, Str pair, FhirQuery *q, unsigned *seen) {
    Str raw_value = pair;
    Str raw_name;
    Str value = STR_EMPTY;
    (void)str_cut(&raw_value, '=', &raw_name);
    p->name = STR("?");
    TRY(query_decode(p, raw_name, &p->name));
    if (p->name.len == 0) {
        p->name = STR("=");
        return query_error(p, ERR_PARAM, "a parameter has no name", "có tham số không có tên");
    }
    if (raw_value.ptr != NULL) {
        TRY(query_decode(p, raw_value, &value));
    }
    if (value.len == 0) {
        return query_error(p, ERR_PARAM, "the value is empty", "giá trị để trống");
    }
    Str modifier = p->name;
    Str code;
    (void)str_cut(&modifier, ':', &code);
    for (size_t i = 0; i < ARRAY_LEN(result_params); i++) {
        const ResultParam *r = &result_params[i];
        if (!str_eq(code, str_from(r->name))) {
            continue;
        }
        if (modifier.ptr != NULL) {
            return unsupported(p);
        }
        if ((*seen & 1U << i) != 0 && !r->many) {
            return query_error(p, ERR_PARAM, "given twice", "lặp lại hai lần");
        }
        *seen |= 1U << i;
        return r->parse(p, value, q);
    }
    return parse_term(p, value, q);
}

ErrCode fhir_query_parse(Arena *arena, const FhirQueryScope *scope, Str text, FhirQuery *ret) {
    assert(fhir_type_is_resource(scope->type));
    QueryParse p = {.arena = arena, .scope = scope, .name = STR("?")};
    if (text.len > LIMIT_REQUEST_BYTES) {
        return query_error(&p, ERR_LIMIT, "the query is too long", "câu truy vấn quá dài");
    }
    FhirQuery q = {.type = scope->type, .format = STR_EMPTY, .page = STR_EMPTY};
    q.terms = arena_new_array(arena, FhirQueryTerm, FHIR_QUERY_TERMS);
    q.includes = arena_new_array(arena, FhirInclude, FHIR_QUERY_INCLUDES);
    q.ignored = scope->is_lenient ? arena_new_array(arena, Str, FHIR_QUERY_TERMS) : NULL;
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    unsigned seen = 0;
    Str rest = text;
    Str pair;
    while (str_cut(&rest, '&', &pair)) {
        if (pair.len > 0) {
            TRY(parse_pair(&p, pair, &q, &seen));
        }
    }
    if (q.has_count && q.count == 0) {
        q.summary = FHIR_SUMMARY_COUNT;
    }
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret = q;
    return ERR_OK;
}
