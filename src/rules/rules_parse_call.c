#include "rules/rules_parse_int.h"

/* ---- ranges ---- */

typedef struct RangeHead {
    int table;
    RulesExpr *of; /* MULTI */
    Str name;
} RangeHead;

static bool variable_name(RulesParser *p, Str *ret_name) {
    bool ok =
        p->lex.token == RULES_TOKEN_NAME && p->lex.text.ptr[0] >= 'a' && p->lex.text.ptr[0] <= 'z';
    *ret_name = p->lex.text;
    if (!ok) {
        (void)rules_fail(p, "a name in small letters is expected, not '{}'",
                         "cần một tên viết thường, không phải '{}'");
        return false;
    }
    rules_lex_next(&p->lex);
    return true;
}

/* `T x` or `c of TEXT`. The variable is not in scope yet. */
static bool range_head(RulesParser *p, RangeHead *ret) {
    RangeHead h = {.table = RULES_MULTI};
    if (p->lex.token == RULES_TOKEN_NAME && rules_table_by_name(p->lex.text, &h.table)) {
        rules_lex_next(&p->lex);
        if (!variable_name(p, &h.name)) {
            return false;
        }
    } else {
        if (!variable_name(p, &h.name) || !rules_expect(p, "of")) {
            return false;
        }
        h.of = rules_sum(p);
        if (!rules_need_type(p, h.of, RULES_TEXT)) {
            return false;
        }
    }
    *ret = h;
    return true;
}

static bool push(RulesParser *p, const RangeHead *h) {
    if (p->n_vars == RULES_ROWS_MAX) {
        (void)rules_fail(p, "at most 7 ranges may stand inside each other",
                         "tối đa 7 phạm vi lồng nhau");
        return false;
    }
    p->vars[p->n_vars++] = (RulesVar){h->name, h->table};
    return true;
}

static RulesExpr *range(RulesParser *p, const RangeHead *h, RulesRange kind,
                        RulesExpr *const *parts) {
    int depth = p->n_vars--;
    bool is_value = kind >= RULES_COUNT;
    RulesType type = !is_value             ? RULES_BOOL
                     : kind == RULES_COUNT ? RULES_NUMBER
                                           : (RulesType)parts[1]->type;
    RulesExpr *e = rules_make(p, RULES_OP_RANGE, type, h->name.ptr);
    if (e == NULL) {
        return NULL;
    }
    e->kind = (uint8_t)kind;
    e->table = (uint8_t)h->table;
    e->depth = (uint8_t)depth;
    e = rules_set_args(p, e, (RulesExpr *[]){parts[0], parts[1], h->of}, 3);
    if (e != NULL) {
        e->uses &= (uint16_t) ~(1U << depth);
        e->uses |= h->of == NULL ? 0 : h->of->uses;
    }
    return e;
}

RulesExpr *rules_quantifier(RulesParser *p, RulesRange kind) {
    RangeHead h;
    RulesExpr *parts[2] = {NULL, NULL};
    if (!range_head(p, &h) || !push(p, &h)) {
        return NULL;
    }
    bool wants_where = kind != RULES_EVERY;
    if (wants_where ? rules_expect(p, "where") : rules_accept(p, "where")) {
        parts[0] = rules_expression(p);
        if (!rules_need_type(p, parts[0], RULES_BOOL)) {
            return NULL;
        }
    } else if (wants_where) {
        return NULL;
    }
    if (kind == RULES_EVERY) {
        parts[1] = rules_expect(p, "has") ? rules_expression(p) : NULL;
        if (!rules_need_type(p, parts[1], RULES_BOOL)) {
            return NULL;
        }
    }
    return range(p, &h, kind, parts);
}

/* The value behind the variable of sum, min, max: `.FIELD` or `: EXPR`. */
static RulesExpr *body(RulesParser *p, const RangeHead *h) {
    if (rules_accept(p, ":")) {
        return rules_expression(p);
    }
    if (h->table == RULES_MULTI || !rules_expect(p, ".")) {
        return h->table == RULES_MULTI
                   ? rules_fail(p, "':' is expected before '{}'", "thiếu ':' trước '{}'")
                   : NULL;
    }
    if (p->lex.token != RULES_TOKEN_NAME) {
        return rules_fail(p, "a field is expected, not '{}'", "cần một trường, không phải '{}'");
    }
    RulesExpr *e = rules_field_of(p, h->table, p->n_vars, p->lex.text);
    rules_lex_next(&p->lex);
    return e;
}

/* Behind `count(`, `rules_sum(`, `min(`, `max(`. */
static RulesExpr *aggregate(RulesParser *p, RulesRange kind) {
    RangeHead h;
    RulesExpr *parts[2] = {NULL, NULL};
    if (!range_head(p, &h) || !push(p, &h)) {
        return NULL;
    }
    if (kind != RULES_COUNT) {
        parts[1] = body(p, &h);
        if (parts[1] == NULL) {
            return NULL;
        }
        if (parts[1]->type != RULES_TIME || kind == RULES_SUM) {
            if (!rules_need_type(p, parts[1], RULES_NUMBER)) {
                return NULL;
            }
        }
    }
    if (rules_accept(p, "where")) {
        parts[0] = rules_expression(p);
        if (!rules_need_type(p, parts[0], RULES_BOOL)) {
            return NULL;
        }
    }
    return rules_expect(p, ")") ? range(p, &h, kind, parts) : NULL;
}

/* ---- calls ---- */

static RulesExpr *as_time(RulesParser *p, RulesExpr *e) {
    if (e == NULL || e->type != RULES_TEXT) {
        return rules_need_type(p, e, RULES_TIME) ? e : NULL;
    }
    RulesExpr *call = rules_make1(p, RULES_OP_CALL, RULES_TIME, e);
    if (call != NULL) {
        call->kind = RULES_FN_time;
    }
    return call;
}

static bool check_arg(RulesParser *p, char want, RulesExpr **arg, const RulesExpr *first) {
    switch (want) {
    case 'n':
        return rules_need_type(p, *arg, RULES_NUMBER);
    case 't':
        return rules_need_type(p, *arg, RULES_TEXT);
    case 'b':
        return rules_need_type(p, *arg, RULES_BOOL);
    case 'd':
        *arg = as_time(p, *arg);
        return *arg != NULL;
    case 'm':
        return (*arg)->type == RULES_TIME ? rules_need_type(p, *arg, (RulesType)first->type)
                                          : rules_need_type(p, *arg, RULES_NUMBER) &&
                                                rules_need_type(p, *arg, (RulesType)first->type);
    default: /* 'a' */
        return (*arg)->type != RULES_BOOL || rules_need_type(p, *arg, RULES_TEXT);
    }
}

static RulesExpr *call_checked(RulesParser *p, RulesFn fn, RulesExpr **args, size_t n,
                               const char *at) {
    Str want = rules_fns[fn].args;
    size_t w = 0;
    bool repeats = want.ptr[want.len - 1] == '+';
    for (size_t i = 0; i < n; i++) {
        if (w < want.len && want.ptr[w] == '?') {
            w++;
        }
        if (w >= want.len || (want.ptr[w] == '+' && !repeats)) {
            return rules_fail_at(p, args[i]->at, "one argument too many", "thừa tham số",
                                 STR_EMPTY);
        }
        char c = want.ptr[w] == '+' ? want.ptr[w - 1] : want.ptr[w];
        if (!check_arg(p, c, &args[i], args[0])) {
            return NULL;
        }
        w += want.ptr[w] != '+';
    }
    bool enough = w == want.len || want.ptr[w] == '?' || (want.ptr[w] == '+' && n > 1);
    if (!enough) {
        return rules_fail_at(p, at, "an argument is missing", "thiếu tham số", STR_EMPTY);
    }
    RulesType type = rules_fns[fn].type;
    if (fn == RULES_FN_min || fn == RULES_FN_max) {
        type = (RulesType)args[0]->type;
    } else if (fn == RULES_FN_if) {
        type = (RulesType)args[1]->type;
        if (!rules_need_type(p, args[2], type)) {
            return NULL;
        }
    }
    RulesExpr *e = rules_set_args(p, rules_make(p, RULES_OP_CALL, type, at), args, n);
    if (e != NULL) {
        e->kind = (uint8_t)fn;
    }
    return e;
}

/* The catalogue whose name is the current token. */
const RulesCatalogue *rules_catalogue_name(RulesParser *p) {
    if (p->lex.token != RULES_TOKEN_NAME) {
        (void)rules_fail(p, "the name of a catalogue is expected, not '{}'",
                         "cần tên danh mục, không phải '{}'");
        return NULL;
    }
    rules_lex_dashed(&p->lex);
    const RulesCatalogue *c = rules_catalogue_find(p->scope->rules, p->lex.text);
    if (c == NULL) {
        (void)rules_fail(p, "no list or catalogue {} is known (declare it: catalogue NAME)",
                         "không có danh sách hay danh mục {} (khai báo bằng: catalogue TÊN)");
        return NULL;
    }
    rules_lex_next(&p->lex);
    return c;
}

/* Behind `known(` and `cat(`. */
static RulesExpr *catalogue_call(RulesParser *p, bool is_cat, const char *at) {
    const RulesCatalogue *c = rules_catalogue_name(p);
    RulesExpr *code = c != NULL && rules_expect(p, ",") ? rules_expression(p) : NULL;
    if (!rules_need_type(p, code, RULES_TEXT)) {
        return NULL;
    }
    RulesExpr *e = rules_make1(p, is_cat ? RULES_OP_CAT : RULES_OP_KNOWN,
                               is_cat ? RULES_TEXT : RULES_BOOL, code);
    if (e == NULL) {
        return NULL;
    }
    e->at = at;
    e->catalogue = c;
    if (is_cat) {
        if (!rules_expect(p, ",")) {
            return NULL;
        }
        if (p->lex.token == RULES_TOKEN_NAME) {
            rules_lex_dashed(&p->lex);
        }
        e->name = p->lex.text;
        bool known = false;
        for (size_t i = 0; i < c->n_attributes; i++) {
            known = known || str_eq(c->attributes[i], e->name);
        }
        if (!known) {
            return rules_fail(p, "the catalogue has no attribute '{}'",
                              "danh mục không có thuộc tính '{}'");
        }
        rules_lex_next(&p->lex);
    }
    return rules_expect(p, ")") ? e : NULL;
}

static RulesExpr *param_call(RulesParser *p, const char *at) {
    RulesExpr *e = rules_make(p, RULES_OP_PARAM, RULES_NUMBER, at);
    RulesNum ignored;
    if (e == NULL) {
        return NULL;
    }
    e->name = p->lex.token == RULES_TOKEN_TEXT ? rules_unquote(p, p->lex.text) : p->lex.text;
    if (!rules_param_find(p->scope->rules, e->name, INT64_MIN, &ignored)) {
        return rules_fail(p, "no parameter {} (params.tsv)", "không có tham số {} (params.tsv)");
    }
    rules_lex_next(&p->lex);
    return rules_expect(p, ")") ? e : NULL;
}

static RulesExpr *index_call(RulesParser *p, const char *at) {
    int depth = rules_row_depth(p, p->lex.text);
    RulesExpr *e = depth < 0 ? NULL : rules_make(p, RULES_OP_INDEX, RULES_NUMBER, at);
    if (e == NULL) {
        return NULL;
    }
    e->depth = (uint8_t)depth;
    e->uses = (uint16_t)(1U << depth);
    rules_lex_next(&p->lex);
    return rules_expect(p, ")") ? e : NULL;
}

/* Is what stands behind `min(` a range: `XML3 x`? */
static bool is_range_next(const RulesParser *p) {
    int table = 0;
    RulesLex look = p->lex;
    if (look.token != RULES_TOKEN_NAME) {
        return false;
    }
    bool is_table = rules_table_by_name(look.text, &table);
    rules_lex_next(&look);
    return (is_table && look.token == RULES_TOKEN_NAME) || rules_lex_is(&look, STR("of"));
}

static RulesExpr *arguments(RulesParser *p, RulesFn fn, const char *at) {
    RulesExpr *args[RULES_ARGS_MAX];
    size_t n = 0;
    do {
        if (n == RULES_ARGS_MAX) {
            return rules_fail(p, "more than 64 arguments", "quá 64 tham số");
        }
        args[n] = rules_expression(p);
        if (args[n++] == NULL) {
            return NULL;
        }
    } while (rules_accept(p, ","));
    return rules_expect(p, ")") ? call_checked(p, fn, args, n, at) : NULL;
}

RulesExpr *rules_call_of(RulesParser *p, Str name) {
    static const struct {
        const char *name;
        RulesRange kind;
    } ranges[] = {
        {"count", RULES_COUNT}, {"sum", RULES_SUM}, {"min", RULES_MIN}, {"max", RULES_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (str_eq(name, str_from(ranges[i].name)) && (i < 2 || is_range_next(p))) {
            return aggregate(p, ranges[i].kind);
        }
    }
    if (str_eq(name, STR("known")) || str_eq(name, STR("cat"))) {
        return catalogue_call(p, name.len == 3, name.ptr);
    }
    if (str_eq(name, STR("param"))) {
        return param_call(p, name.ptr);
    }
    if (str_eq(name, STR("index"))) {
        return index_call(p, name.ptr);
    }
    int fn = rules_fn_find(name);
    if (fn < 0) {
        return rules_fail_at(p, name.ptr, "no function {}", "không có hàm {}", name);
    }
    return arguments(p, (RulesFn)fn, name.ptr);
}
