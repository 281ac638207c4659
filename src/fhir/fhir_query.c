#include "fhir/fhir_query.h"

#include "core/limits.h"
#include "fhir/fhir_query_int.h"

const char *const query_summary_names[FHIR_SUMMARY_COUNT + 1] = {"false", "true", "text", "data",
                                                                 "count"};
const char *const query_total_names[FHIR_TOTAL_ACCURATE + 1] = {"", "none", "estimate", "accurate"};

/* ---- search terms -------------------------------------------------------------------------------
 */

static ErrCode too_many_terms(const QueryParse *p) {
    return query_error(p, ERR_LIMIT, "too many parameters: a query has at most 64",
                       "quá nhiều tham số: một câu truy vấn có tối đa 64");
}

/* A parameter that cannot be used: refused, or left out and named. */
static ErrCode not_used(const QueryParse *p, Str code, FhirQuery *q) {
    if (!p->scope->is_lenient) {
        return query_is_later(code) ? query_unsupported(p) : query_unknown(p, code);
    }
    q->ignored[q->n_ignored++] = p->name;
    return ERR_OK;
}

/* The code that the parameter's name begins with. */
static Str code_of(Str name) {
    size_t n = 0;
    while (n < name.len && name.ptr[n] != ':' && name.ptr[n] != '.') {
        n++;
    }
    return str_sub(name, 0, n);
}

/* The same parameter for each type that is searched; where there is none, types in common. */
static ErrCode parse_typed_term(QueryParse *p, Str value, FhirQuery *q) {
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < q->n_types && err == ERR_OK; i++) {
        p->type = q->types[i];
        q->typed[i][q->n_terms] = (FhirQueryTerm){0};
        err = query_term(p, p->name, value, &q->typed[i][q->n_terms]);
    }
    if (err == ERR_OK) {
        q->terms[q->n_terms] = q->typed[0][q->n_terms];
    }
    return err;
}

static ErrCode parse_term(QueryParse *p, Str value, FhirQuery *q) {
    assert(q->n_terms + q->n_ignored <= FHIR_QUERY_TERMS);
    if (q->n_terms + q->n_ignored == FHIR_QUERY_TERMS) {
        return too_many_terms(p);
    }
    ErrCode err = ERR_OK;
    q->terms[q->n_terms] = (FhirQueryTerm){0};
    if (q->n_types > 0) {
        err = parse_typed_term(p, value, q);
    } else {
        p->type = q->type;
        err = query_term(p, p->name, value, &q->terms[q->n_terms]);
    }
    if (err == ERR_NOT_FOUND) {
        return not_used(p, code_of(p->name), q);
    }
    q->n_terms += err == ERR_OK;
    return err;
}

/* ---- whole system, compartments -----------------------------------------------------------------
 */

bool fhir_query_of(const FhirQuery *query, size_t at, FhirQuery *ret) {
    size_t n = query->type != FHIR_T_NONE ? 1
               : query->n_types > 0       ? query->n_types
                                          : (size_t)FHIR_RESOURCE_COUNT;
    if (at >= n) {
        return false;
    }
    *ret = *query;
    if (query->type == FHIR_T_NONE) {
        ret->type = query->n_types > 0 ? query->types[at] : (FhirType)(at + 1);
        ret->terms = query->n_types > 0 ? query->typed[at] : query->terms;
        ret->n_types = 0;
    }
    return true;
}

/* "A,B" of _type, each once, and in the compartment if there is one. */
static ErrCode read_types(QueryParse *p, Str value, FhirType *types, size_t *ret_n) {
    Str rest = value;
    Str name;
    size_t n = 0;
    while (str_cut(&rest, ',', &name)) {
        FhirType type = fhir_resource_by_name(name);
        bool again = false;
        for (size_t i = 0; i < n; i++) {
            again = again || types[i] == type;
        }
        if (type == FHIR_T_NONE) {
            return query_bad_value(p, name, "is no resource type", "không phải loại tài nguyên");
        }
        if (p->scope->compartment != FHIR_T_NONE &&
            !fhir_in_compartment(p->scope->compartment, type)) {
            return query_bad_value(p, name, "is no type of this compartment",
                                   "không thuộc phân khu này");
        }
        if (!again) {
            types[n++] = type;
        }
    }
    *ret_n = n;
    return ERR_OK;
}

/* Which types the query is about: decided before the terms are read. */
static ErrCode find_types(QueryParse *p, Str text, FhirQuery *q) {
    FhirType *types = arena_new_array(p->arena, FhirType, FHIR_RESOURCE_COUNT + 1);
    if (types == NULL) {
        return ERR_NOMEM;
    }
    q->types = types;
    Str rest = text;
    Str pair;
    while (str_cut(&rest, '&', &pair)) {
        Str raw = pair;
        Str raw_name;
        Str name;
        Str value = STR_EMPTY;
        (void)str_cut(&raw, '=', &raw_name);
        if (query_decode(p, raw_name, &name) != ERR_OK || !str_eq(name, STR("_type"))) {
            continue; /* what is wrong is said when the parameters are read */
        }
        p->name = STR("_type");
        if (q->n_types > 0) {
            return query_error(p, ERR_PARAM, "given twice", "lặp lại hai lần");
        }
        TRY(raw.ptr == NULL ? ERR_OK : query_decode(p, raw, &value));
        TRY(read_types(p, value, types, &q->n_types));
        q->type_text = value;
    }
    for (int t = 1;
         p->scope->compartment != FHIR_T_NONE && q->type_text.len == 0 && t <= FHIR_RESOURCE_COUNT;
         t++) {
        if (fhir_in_compartment(p->scope->compartment, (FhirType)t)) {
            types[q->n_types++] = (FhirType)t;
        }
    }
    q->typed = arena_new_array(p->arena, FhirQueryTerm *, q->n_types + 1);
    for (size_t i = 0; i < q->n_types && q->typed != NULL; i++) {
        q->typed[i] = arena_new_array(p->arena, FhirQueryTerm, FHIR_QUERY_TERMS + 1);
    }
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

/* The compartment's term goes behind all others. */
static ErrCode add_compartment(QueryParse *p, FhirQuery *q) {
    if (p->scope->compartment == FHIR_T_NONE) {
        return ERR_OK;
    }
    if (q->n_terms == FHIR_QUERY_TERMS) {
        return too_many_terms(p);
    }
    for (size_t i = 0; i < q->n_types; i++) {
        p->type = q->types[i];
        TRY(query_compartment(p, &q->typed[i][q->n_terms]));
    }
    p->type = q->type != FHIR_T_NONE ? q->type : q->types[0];
    TRY(query_compartment(p, &q->terms[q->n_terms]));
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

static ErrCode parse_explain(const QueryParse *p, Str value, FhirQuery *q) {
    static const char *const names[] = {"false", "true"};
    uint8_t at = 0;
    TRY(parse_name_in(p, value, names, ARRAY_LEN(names), &at));
    q->explain = at == 1;
    return ERR_OK;
}

/* The types were found before the terms. */
static ErrCode parse_type(const QueryParse *p, Str value, FhirQuery *q) {
    if (q->type != FHIR_T_NONE) {
        return query_bad_value(p, value, "can be given for the whole system only",
                               "chỉ dùng khi tìm trên toàn hệ thống");
    }
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
        if (p->scope->type != FHIR_T_NONE && !is_element(p->scope->type, name)) {
            return query_bad_value(p, name, "is no element of the type",
                                   "không phải phần tử của kiểu");
        }
        assert(q->n_elements < n);
        q->elements[q->n_elements++] = name;
    }
    return ERR_OK;
}

/* false: contained resources are not found for themselves, as everywhere here. */
static ErrCode parse_contained(const QueryParse *p, Str value, FhirQuery *q) {
    (void)q;
    return str_eq(value, STR("false")) ? ERR_OK : query_unsupported(p);
}

/* ---- the whole query ----------------------------------------------------------------------------
 */

typedef struct ResultParam {
    const char *name;
    ErrCode (*parse)(const QueryParse *, Str, FhirQuery *);
    bool many; /* may be given more than once */
} ResultParam;

static const ResultParam result_params[] = {
    {"_count", parse_count, false},         {"_summary", parse_summary, false},
    {"_total", parse_total, false},         {"_sort", query_sort, false},
    {"_elements", parse_elements, false},   {"_include", query_include, true},
    {"_revinclude", query_include, true},   {"_format", parse_format, false},
    {"_pretty", parse_pretty, false},       {"_page", parse_page, false},
    {"__explain", parse_explain, false},    {"_type", parse_type, false},
    {"_contained", parse_contained, false},
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
        if (modifier.ptr != NULL && r->parse != query_include) {
            return query_unsupported(p);
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
    assert(scope->type == FHIR_T_NONE || fhir_type_is_resource(scope->type));
    QueryParse p = {.arena = arena, .scope = scope, .name = STR("?"), .type = scope->type};
    if (text.len > LIMIT_REQUEST_BYTES) {
        return query_error(&p, ERR_LIMIT, "the query is too long", "câu truy vấn quá dài");
    }
    FhirQuery q = {.params = scope->params,
                   .type = scope->type,
                   .format = STR_EMPTY,
                   .page = STR_EMPTY,
                   .type_text = STR_EMPTY};
    q.terms = arena_new_array(arena, FhirQueryTerm, FHIR_QUERY_TERMS);
    q.includes = arena_new_array(arena, FhirInclude, FHIR_QUERY_INCLUDES);
    q.ignored = scope->is_lenient ? arena_new_array(arena, Str, FHIR_QUERY_TERMS) : NULL;
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    if (scope->type == FHIR_T_NONE) {
        TRY(find_types(&p, text, &q));
    }
    unsigned seen = 0;
    Str rest = text;
    Str pair;
    while (str_cut(&rest, '&', &pair)) {
        if (pair.len > 0) {
            TRY(parse_pair(&p, pair, &q, &seen));
        }
    }
    TRY(add_compartment(&p, &q));
    if (q.has_count && q.count == 0) {
        q.summary = FHIR_SUMMARY_COUNT;
    }
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret = q;
    return ERR_OK;
}
