/* Search terms: parameter and modifier, chains, _has, _list, compartments
 * (http://hl7.org/fhir/R4/search.html#chaining, #has, #modifiers). */
#include "fhir/fhir_query_int.h"

#include "core/limits.h"
#include "fhir/fhir_search_param_int.h"

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
ErrCode query_unknown(const QueryParse *p, Str code) {
    char names[200] = "";
    size_t at = 0;
    size_t n;
    const FhirSearchParam *rows =
        p->type == FHIR_T_NONE ? fhir_search_params_common(&n) : fhir_search_params(p->type, &n);
    for (size_t i = 0; i < n && at < sizeof names - NAME_MAX_LEN - 2; i++) {
        if (is_similar(code, rows[i].code)) {
            at += (size_t)snprintf(names + at, sizeof names - at, "%s" STR_FMT, at > 0 ? ", " : "",
                                   STR_ARG(rows[i].code));
        }
    }
    const char *type = p->type == FHIR_T_NONE ? "all types" : fhir_type_name(p->type);
    char en[ERR_WHAT_MAX];
    char vi[ERR_WHAT_MAX];
    bool said = str_find(p->name, code) != SIZE_MAX; /* else it is a key of _sort */
    int len = said ? 0 : (int)MIN(code.len, (size_t)64);
    const char *mark = said ? "" : "'";
    const char *gap = said ? "" : " ";
    (void)snprintf(en, sizeof en, "%s%.*s%s%sunknown search parameter of %s%s%s", mark, len,
                   code.ptr, mark, gap, type, at > 0 ? "; similar: " : "", names);
    type = p->type == FHIR_T_NONE ? "mọi loại tài nguyên" : type;
    (void)snprintf(vi, sizeof vi, "%s%.*s%s%s%s không có tham số tìm kiếm này%s%s", mark, len,
                   code.ptr, mark, gap, type, at > 0 ? "; gần giống: " : "", names);
    return query_error(p, ERR_PARAM, en, vi);
}

/* ---- what is refused ----------------------------------------------------------------------------
 */

ErrCode query_unsupported(const QueryParse *p) {
    return query_error(p, ERR_UNSUPPORTED, "not supported yet", "chưa hỗ trợ");
}

bool query_is_later(Str code) {
    static const char *const names[] = {"_query",         "_filter", "_contained", "_at",
                                        "_containedType", "_since",  "_score"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(code, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

/* Modifiers that belong to other parameters. */
static bool is_later_modifier(Str text) {
    return str_eq(text, STR("iterate")) || str_eq(text, STR("recurse"));
}

static ErrCode bad_modifier(const QueryParse *p) {
    return query_error(p, ERR_PARAM, "the parameter does not take this modifier",
                       "tham số không dùng được với bổ từ này");
}

/* ---- modifiers ----------------------------------------------------------------------------------
 */

/* The parameter types that take a modifier, as bits. */
#define FITS(type) (1U << FHIR_PARAM_##type)
static const struct {
    const char *name;
    FhirModifier modifier;
    unsigned fits;
} modifiers[] = {
    {"exact", FHIR_MOD_EXACT, FITS(STRING)},
    {"contains", FHIR_MOD_CONTAINS, FITS(STRING)},
    {"not", FHIR_MOD_NOT, FITS(TOKEN)},
    {"text", FHIR_MOD_TEXT, FITS(TOKEN) | FITS(REFERENCE)},
    {"in", FHIR_MOD_IN, FITS(TOKEN)},
    {"not-in", FHIR_MOD_NOT_IN, FITS(TOKEN)},
    {"above", FHIR_MOD_ABOVE, FITS(TOKEN) | FITS(URI) | FITS(REFERENCE)},
    {"below", FHIR_MOD_BELOW, FITS(TOKEN) | FITS(URI) | FITS(REFERENCE)},
    {"of-type", FHIR_MOD_OF_TYPE, FITS(TOKEN)},
    {"identifier", FHIR_MOD_IDENTIFIER, FITS(REFERENCE)},
};

size_t fhir_query_modifiers(const FhirSearchParam *param, const char **names, size_t max) {
    size_t n = 0;
    bool plain = param->type == FHIR_PARAM_WORDS || param->type == FHIR_PARAM_SPECIAL;
    bool by_store = param->id == FHIR_P__ID || param->id == FHIR_P__LAST_UPDATED;
    if (!plain && n < max) {
        names[n++] = "missing";
    }
    for (size_t i = 0; i < ARRAY_LEN(modifiers) && n < max; i++) {
        if ((modifiers[i].fits >> param->type & 1) != 0 &&
            (!by_store || modifiers[i].modifier == FHIR_MOD_NOT)) {
            bool of_type = modifiers[i].modifier == FHIR_MOD_OF_TYPE; /* as R4's code has it */
            names[n++] = of_type ? "ofType" : modifiers[i].name;
        }
    }
    if (param->type == FHIR_PARAM_REFERENCE && n < max) {
        names[n++] = "type";
    }
    return n;
}

static bool read_type_modifier(Str text, FhirQueryTerm *term) {
    FhirType type = fhir_resource_by_name(text);
    if (term->param->type != FHIR_PARAM_REFERENCE || type == FHIR_T_NONE ||
        !fhir_search_param_targets(term->param, type)) {
        return false;
    }
    term->modifier = FHIR_MOD_TYPE;
    term->ref_type = type;
    return true;
}

/* Reads the text behind the colon into *term. */
static ErrCode parse_modifier(const QueryParse *p, Str text, FhirQueryTerm *term) {
    bool by_store = term->param->id == FHIR_P__ID || term->param->id == FHIR_P__LAST_UPDATED;
    bool plain = term->param->type == FHIR_PARAM_WORDS || term->param->type == FHIR_PARAM_SPECIAL;
    if (str_eq(text, STR("missing")) && !plain) {
        term->modifier = FHIR_MOD_MISSING;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(modifiers); i++) {
        bool fits = (modifiers[i].fits >> term->param->type & 1) != 0 &&
                    (!by_store || modifiers[i].modifier == FHIR_MOD_NOT);
        if (fits && str_eq(text, str_from(modifiers[i].name))) {
            term->modifier = (uint8_t)modifiers[i].modifier;
            return ERR_OK;
        }
    }
    if (read_type_modifier(text, term)) {
        return ERR_OK;
    }
    return is_later_modifier(text) ? query_unsupported(p) : bad_modifier(p);
}

static ErrCode parse_missing(const QueryParse *p, Str value, FhirQueryTerm *term) {
    term->missing = str_eq(value, STR("true"));
    if (!term->missing && !str_eq(value, STR("false"))) {
        return query_bad_value(p, value, "is neither true nor false", "không phải true hay false");
    }
    return ERR_OK;
}

/* ---- values -------------------------------------------------------------------------------------
 */

static ErrCode too_many_values(const QueryParse *p) {
    return query_error(p, ERR_LIMIT,
                       "too many values: a list has at most 10,000, all lists of a query together "
                       "at most 100,000",
                       "quá nhiều giá trị: một danh sách có tối đa 10.000, mọi danh sách của một "
                       "câu truy vấn có tối đa 100.000");
}

/* Counts the values of a list against the limits. */
static ErrCode count_values(QueryParse *p, Str text, size_t *ret_n) {
    static_assert(LIMIT_SEARCH_VALUES == 10000 && FHIR_QUERY_VALUES == 100000, "as the text says");
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == ',';
    }
    p->n_values += n;
    if (n > LIMIT_SEARCH_VALUES || p->n_values > FHIR_QUERY_VALUES) {
        return too_many_values(p);
    }
    *ret_n = n;
    return ERR_OK;
}

/* The OR list. */
static ErrCode parse_values(QueryParse *p, Str text, FhirQueryTerm *term) {
    size_t n = 0;
    TRY(count_values(p, text, &n));
    bool costly = term->param->type == FHIR_PARAM_WORDS || term->param->type == FHIR_PARAM_SPECIAL;
    if (costly && n > FHIR_QUERY_WORDS) {
        return query_error(p, ERR_LIMIT, "more than 32 texts or places in one list",
                           "một danh sách có hơn 32 đoạn chữ hoặc địa điểm");
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

/* Reference trees: only values whose type is a tree have something above and below them. */
static ErrCode parse_tree(QueryParse *p, Str text, FhirQueryTerm *term) {
    TRY(parse_values(p, text, term));
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirIndexReference *r = &term->values[i].reference;
        if (r->type == FHIR_T_NONE || r->id.len == 0 || r->version.len > 0 ||
            fhir_hierarchy_param(r->type) == NULL) {
            return query_bad_value(p, text,
                                   "names no resource (Type/id) of a type that forms a tree, as "
                                   "Location and Organization do",
                                   "không chỉ tài nguyên (Kiểu/mã) thuộc loại có cây phân cấp, "
                                   "như Location và Organization");
        }
    }
    return ERR_OK;
}

/* ---- codes that terminology knows ---------------------------------------------------------------
 */

static ErrCode codes_error(const QueryParse *p, ErrCode err, Str value) {
    if (err == ERR_LIMIT) {
        return too_many_values(p);
    }
    return err != ERR_NOT_FOUND
               ? err
               : query_bad_value(p, value, "is no value set or code that the server knows",
                                 "không phải bộ giá trị hay mã mà máy chủ biết");
}

static ErrCode ask_codes(const QueryParse *p, const FhirQueryTerm *term, Str one,
                         FhirCodeList *ret) {
    const FhirCodes *codes = p->scope->codes;
    if (codes == NULL) {
        return ERR_NOT_FOUND;
    }
    if (term->modifier == FHIR_MOD_IN || term->modifier == FHIR_MOD_NOT_IN) {
        return codes->expand(codes->ctx, p->arena, query_unescape(p->arena, one),
                             LIMIT_SEARCH_VALUES, ret);
    }
    FhirQueryValue v;
    ValueShape shape = {.type = FHIR_PARAM_TOKEN, .param = term->param};
    TRY(query_value(p, &shape, one, &v));
    FhirIndexToken code = {
        .system = v.token.system, .code = v.token.code, .has_system = v.token.system.len > 0};
    return code.code.len == 0
               ? ERR_NOT_FOUND
               : codes->related(codes->ctx, p->arena, &code, term->modifier == FHIR_MOD_ABOVE,
                                LIMIT_SEARCH_VALUES, ret);
}

static ErrCode add_codes(QueryParse *p, FhirQueryTerm *term, const FhirCodeList *list) {
    size_t n = term->n_values + list->n;
    p->n_values += list->n;
    if (n > LIMIT_SEARCH_VALUES || p->n_values > FHIR_QUERY_VALUES) {
        return too_many_values(p);
    }
    FhirQueryValue *values = arena_new_array(p->arena, FhirQueryValue, n + 1);
    if (values == NULL) {
        return ERR_NOMEM;
    }
    if (term->n_values > 0) {
        memcpy(values, term->values, term->n_values * sizeof *values);
    }
    for (size_t i = 0; i < list->n; i++) {
        FhirQueryValue *v = &values[term->n_values + i];
        v->kind = FHIR_INDEX_TOKEN;
        v->token.system = list->codes[i].system;
        v->token.code = list->codes[i].code;
        v->token.has_bar = list->codes[i].system.len > 0;
    }
    term->values = values;
    term->n_values = n;
    return ERR_OK;
}

/* :in, :not-in, :above, :below of a token: the values become the codes that are meant. */
static ErrCode parse_codes(QueryParse *p, Str text, FhirQueryTerm *term) {
    enum { SETS_MAX = 100 };
    size_t n = 0;
    TRY(count_values(p, text, &n));
    if (n > SETS_MAX) {
        return query_error(p, ERR_LIMIT, "more than 100 value sets or codes to expand",
                           "hơn 100 bộ giá trị hoặc mã cần mở rộng");
    }
    term->asked = text;
    Str rest = text;
    Str one;
    while (query_cut(&rest, ',', &one)) {
        FhirCodeList list = {0};
        ErrCode err = one.len == 0 ? ERR_NOT_FOUND : ask_codes(p, term, one, &list);
        if (err != ERR_OK) {
            return codes_error(p, err, one);
        }
        TRY(add_codes(p, term, &list));
    }
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode parse_any_values(QueryParse *p, Str value, FhirQueryTerm *term) {
    bool tree = term->modifier == FHIR_MOD_ABOVE || term->modifier == FHIR_MOD_BELOW;
    bool sets = term->modifier == FHIR_MOD_IN || term->modifier == FHIR_MOD_NOT_IN;
    if (term->modifier == FHIR_MOD_MISSING) {
        return parse_missing(p, value, term);
    }
    if (sets || (tree && term->param->type == FHIR_PARAM_TOKEN)) {
        return parse_codes(p, value, term);
    }
    return tree && term->param->type == FHIR_PARAM_REFERENCE ? parse_tree(p, value, term)
                                                             : parse_values(p, value, term);
}

/* ---- links to other resources -------------------------------------------------------------------
 */

static ErrCode too_deep(const QueryParse *p) {
    return query_error(p, ERR_LIMIT, "the chain has more than 8 steps",
                       "chuỗi tham chiếu dài hơn 8 bước");
}

static ErrCode too_wide(const QueryParse *p) {
    return query_error(p, ERR_LIMIT,
                       "the chain can mean more than 512 combinations of types: say the types, as "
                       "in subject:Patient.name",
                       "chuỗi tham chiếu có hơn 512 tổ hợp loại tài nguyên: hãy ghi rõ loại, như "
                       "subject:Patient.name");
}

/* What the linked resource of `type` must meet. ERR_NOT_FOUND: it has no such parameter. */
static ErrCode parse_link(QueryParse *p, FhirType type, Str name, Str value, FhirQueryLink *ret) {
    static_assert(FHIR_QUERY_DEPTH == 8 && FHIR_QUERY_LINKS == 512, "as the texts say");
    if (p->depth == FHIR_QUERY_DEPTH) {
        return too_deep(p);
    }
    if (++p->n_links > FHIR_QUERY_LINKS) {
        return too_wide(p);
    }
    FhirType outer = p->type;
    *ret = (FhirQueryLink){type, arena_new_array(p->arena, FhirQueryTerm, 1)};
    if (ret->term == NULL) {
        return ERR_NOMEM;
    }
    p->type = type;
    p->depth++;
    ErrCode err = query_term(p, name, value, ret->term);
    p->depth--;
    p->type = outer;
    return err;
}

/* Inside a chain the other types may still have it. */
static ErrCode no_target_has(const QueryParse *p, Str code) {
    return p->depth > 0
               ? ERR_NOT_FOUND
               : query_bad_value(p, code, "is no parameter of a type that the chain can lead to",
                                 "không phải tham số của loại nào mà chuỗi tham chiếu dẫn tới");
}

/* One link, or one for each type that the reference may have and that has the parameter. */
static ErrCode parse_chain(QueryParse *p, Str name, Str value, FhirQueryTerm *term) {
    const FhirSearchParam *param = term->param;
    bool one = term->ref_type != FHIR_T_NONE;
    size_t n = one ? 1 : param->n_targets > 0 ? param->n_targets : (size_t)FHIR_RESOURCE_COUNT;
    term->kind = FHIR_TERM_CHAIN;
    term->asked = value;
    term->links = arena_new_array(p->arena, FhirQueryLink, n);
    if (term->links == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        FhirType type = one                    ? term->ref_type
                        : param->n_targets > 0 ? (FhirType)param->targets[i]
                                               : (FhirType)(i + 1);
        ErrCode err = parse_link(p, type, name, value, &term->links[term->n_links]);
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return err;
        }
        term->n_links += err == ERR_OK;
    }
    return term->n_links == 0 ? no_target_has(p, name) : ERR_OK;
}

/* "Type:parameter:what follows" behind "_has:". */
static ErrCode parse_has(QueryParse *p, Str text, Str value, FhirQueryTerm *term) {
    Str rest = text;
    Str type_name;
    Str code;
    bool whole = str_cut(&rest, ':', &type_name) && str_cut(&rest, ':', &code) && rest.len > 0;
    FhirType type = whole ? fhir_resource_by_name(type_name) : FHIR_T_NONE;
    term->param = type == FHIR_T_NONE ? NULL : fhir_param_find(p->scope->params, type, code);
    if (term->param == NULL || term->param->type != FHIR_PARAM_REFERENCE ||
        (p->type != FHIR_T_NONE && !fhir_search_param_targets(term->param, p->type))) {
        if (p->depth > 0) {
            return ERR_NOT_FOUND;
        }
        return query_error(p, ERR_PARAM,
                           "write _has:Type:reference:parameter, the reference being one to the "
                           "type that is searched",
                           "hãy viết _has:Kiểu:tham-chiếu:tham-số, trong đó tham chiếu dẫn tới "
                           "kiểu đang tìm");
    }
    term->kind = FHIR_TERM_HAS;
    term->asked = value;
    term->n_links = 1;
    term->links = arena_new_array(p->arena, FhirQueryLink, 1);
    if (term->links == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = parse_link(p, type, rest, value, &term->links[0]);
    return err == ERR_NOT_FOUND ? no_target_has(p, rest) : err;
}

/* _list=5: what List/5 has as entries. */
static ErrCode parse_list(QueryParse *p, Str value, FhirQueryTerm *term) {
    if (str_find_char(value, '$', 0) != SIZE_MAX) {
        return query_error(p, ERR_UNSUPPORTED, "only lists by their id are supported",
                           "chỉ hỗ trợ danh sách theo mã (id)");
    }
    FhirType outer = p->type;
    p->type = FHIR_T_NONE; /* a list may have entries of any type */
    ErrCode err = parse_has(p, STR("List:item:_id"), value, term);
    p->type = outer;
    term->kind = FHIR_TERM_LIST;
    return err;
}

/* ---- one term -----------------------------------------------------------------------------------
 */

/* What stands behind the code: ".rest", ":Type.rest", ":modifier" or nothing. */
static ErrCode parse_behind(QueryParse *p, Str behind, Str value, FhirQueryTerm *term) {
    bool is_reference = term->param->type == FHIR_PARAM_REFERENCE;
    size_t dot = str_find_char(behind, '.', 0);
    if (dot == SIZE_MAX) {
        if (behind.len > 0) {
            TRY(parse_modifier(p, str_sub(behind, 1, behind.len), term));
        }
        return parse_any_values(p, value, term);
    }
    if (!is_reference && p->depth > 0) {
        return ERR_NOT_FOUND;
    }
    if (!is_reference) {
        return query_error(p, ERR_PARAM, "only references can be chained",
                           "chỉ nối chuỗi được qua tham số tham chiếu");
    }
    if (dot > 0 && !read_type_modifier(str_sub(behind, 1, dot - 1), term)) {
        return query_error(p, ERR_PARAM, "the reference cannot lead to this type",
                           "tham chiếu không dẫn tới kiểu này");
    }
    term->modifier = FHIR_MOD_NONE;
    return parse_chain(p, str_sub(behind, dot + 1, behind.len), value, term);
}

ErrCode query_term(QueryParse *p, Str name, Str value, FhirQueryTerm *ret) {
    size_t n = 0;
    while (n < name.len && name.ptr[n] != ':' && name.ptr[n] != '.') {
        n++;
    }
    Str code = str_sub(name, 0, n);
    *ret = (FhirQueryTerm){0};
    if (str_eq(code, STR("_has")) && n < name.len && name.ptr[n] == ':') {
        return parse_has(p, str_sub(name, n + 1, name.len), value, ret);
    }
    if (str_eq(name, STR("_list"))) {
        return parse_list(p, value, ret);
    }
    bool common = code.len > 0 && code.ptr[0] == '_';
    bool any = p->type == FHIR_T_NONE && !common;
    ret->param = any ? NULL : fhir_param_find(p->scope->params, p->type, code);
    if (ret->param == NULL || query_is_later(code)) {
        return ERR_NOT_FOUND;
    }
    return parse_behind(p, str_sub(name, n, name.len), value, ret);
}

/* ---- trees, compartments ------------------------------------------------------------------------
 */

const FhirSearchParam *fhir_hierarchy_param(FhirType type) {
    static const char *const codes[] = {"partof", "part-of"};
    for (size_t i = 0; i < ARRAY_LEN(codes) && fhir_type_is_resource(type); i++) {
        const FhirSearchParam *param = fhir_search_param(type, str_from(codes[i]));
        if (param != NULL && param->type == FHIR_PARAM_REFERENCE &&
            fhir_search_param_targets(param, type)) {
            return param;
        }
    }
    return NULL;
}

static const FhirCompartmentRow *compartment_row(FhirType compartment, FhirType type) {
    for (size_t i = 0; i < fhir_compartment_count; i++) {
        const FhirCompartmentRow *row = &fhir_compartment_rows[i];
        if (row->compartment == compartment && row->type == type) {
            return row;
        }
    }
    return NULL;
}

bool fhir_has_compartment(FhirType type) {
    for (size_t i = 0; i < fhir_compartment_count; i++) {
        if (fhir_compartment_rows[i].compartment == type) {
            return true;
        }
    }
    return false;
}

bool fhir_in_compartment(FhirType compartment, FhirType type) {
    return compartment != FHIR_T_NONE &&
           (compartment == type || compartment_row(compartment, type) != NULL);
}

/* Appends "code = the compartment's resource" to the alternatives. */
static ErrCode add_alternative(QueryParse *p, Str code, FhirQueryTerm *ret) {
    const FhirSearchParam *param = fhir_search_param(p->type, code);
    FhirType owner = p->scope->compartment;
    bool own = param != NULL && param->id == FHIR_P__ID;
    if (param == NULL || (!own && (param->type != FHIR_PARAM_REFERENCE ||
                                   !fhir_search_param_targets(param, owner)))) {
        return ERR_OK; /* R4's compartments name some that cannot point to their resource */
    }
    FhirQueryTerm *term = arena_new_array(p->arena, FhirQueryTerm, 1);
    FhirQueryValue *value = arena_new_array(p->arena, FhirQueryValue, 1);
    if (term == NULL || value == NULL) {
        return ERR_NOMEM;
    }
    value->kind = own ? FHIR_INDEX_TOKEN : FHIR_INDEX_REFERENCE;
    if (own) {
        value->token.code = p->scope->compartment_id;
    } else {
        value->reference =
            (FhirIndexReference){.type = owner, .id = p->scope->compartment_id, .local = -1};
    }
    *term = (FhirQueryTerm){.param = param, .n_values = 1, .values = value};
    ret->links[ret->n_links++] = (FhirQueryLink){p->type, term};
    return ERR_OK;
}

ErrCode query_compartment(QueryParse *p, FhirQueryTerm *ret) {
    enum { CODES_MAX = 16 };
    const FhirCompartmentRow *row = compartment_row(p->scope->compartment, p->type);
    *ret = (FhirQueryTerm){.kind = FHIR_TERM_ANY, .is_implied = true};
    ret->links = arena_new_array(p->arena, FhirQueryLink, CODES_MAX + 1);
    if (ret->links == NULL) {
        return ERR_NOMEM;
    }
    if (p->type == p->scope->compartment) {
        TRY(add_alternative(p, STR("_id"), ret));
    }
    Str rest = row == NULL ? STR_EMPTY : row->codes;
    Str code;
    while (ret->n_links < CODES_MAX && str_cut(&rest, ';', &code)) {
        TRY(add_alternative(p, code, ret));
    }
    return ERR_OK;
}
