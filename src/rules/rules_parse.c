#include "rules/rules_parse_int.h"

/* ---- operators, strongest first ---- */

static RulesExpr *dotted(RulesParser *p, Str name) {
    int table = 0;
    int depth = RULES_FIXED;
    if (!rules_table_by_name(name, &table)) {
        depth = rules_row_depth(p, name);
        if (depth < 0) {
            return NULL;
        }
        table = depth == 0 ? p->scope->on : p->vars[depth - 1].table;
    }
    if (table == RULES_MULTI || p->lex.token != RULES_TOKEN_NAME) {
        return rules_fail(p, "a field is expected, not '{}'", "cần một trường, không phải '{}'");
    }
    RulesExpr *e = rules_field_of(p, table, depth, p->lex.text);
    rules_lex_next(&p->lex);
    return e;
}

static RulesExpr *same(RulesParser *p, int depth) {
    bool is = rules_lex_is(&p->lex, STR("is"));
    if (!is) {
        return rules_fail(p, "a row is no value: write x.FIELD or x is not this, not '{}'",
                          "bản ghi không phải giá trị: hãy viết x.TRƯỜNG hoặc x is not this, không "
                          "phải '{}'");
    }
    rules_lex_next(&p->lex);
    bool negative = rules_accept(p, "not");
    int other = rules_row_depth(p, p->lex.text);
    RulesExpr *e = other < 0 ? NULL : rules_make(p, RULES_OP_SAME, RULES_BOOL, p->lex.text.ptr);
    if (e == NULL) {
        return NULL;
    }
    int on = p->scope->on;
    if (p->vars[depth - 1].table != (other == 0 ? on : p->vars[other - 1].table)) {
        return rules_fail(p, "'{}' is a row of another table", "'{}' là bản ghi của bảng khác");
    }
    rules_lex_next(&p->lex);
    e->depth = (uint8_t)depth;
    e->depth2 = (uint8_t)other;
    e->uses = (uint16_t)(1U << depth | 1U << other);
    return negative ? rules_make1(p, RULES_OP_NOT, RULES_BOOL, e) : e;
}

static RulesExpr *named(RulesParser *p) {
    Str name = p->lex.text;
    rules_lex_next(&p->lex);
    if (rules_accept(p, "(")) {
        return rules_call_of(p, name);
    }
    if (rules_accept(p, ".")) {
        return dotted(p, name);
    }
    int var = rules_var_find(p, name);
    if (var >= 0) {
        if (p->vars[var].table != RULES_MULTI) {
            return same(p, var + 1);
        }
        RulesExpr *e = rules_make(p, RULES_OP_VALUE, RULES_TEXT, name.ptr);
        if (e != NULL) {
            e->depth = (uint8_t)(var + 1);
            e->uses = (uint16_t)(1U << (var + 1));
        }
        return e;
    }
    for (size_t i = 0; i < p->scope->n_lets; i++) {
        if (str_eq(p->scope->lets[i].name, name)) {
            return p->scope->lets[i].expr;
        }
    }
    if (name.ptr[0] >= 'a' && name.ptr[0] <= 'z') {
        return rules_fail_at(p, name.ptr, "'{}' is unknown here", "không biết '{}' ở đây", name);
    }
    return rules_own_field(p, name);
}

static RulesExpr *primary(RulesParser *p) {
    switch (p->lex.token) {
    case RULES_TOKEN_NUMBER:
        return rules_number_literal(p);
    case RULES_TOKEN_TEXT:
        return rules_text_literal(p);
    case RULES_TOKEN_NAME:
        return named(p);
    case RULES_TOKEN_SIGN:
        if (rules_accept(p, "(")) {
            RulesExpr *e = rules_expression(p);
            return e != NULL && rules_expect(p, ")") ? e : NULL;
        }
        break;
    case RULES_TOKEN_BAD:
        if (p->lex.text.ptr[0] == '\'' || p->lex.text.ptr[0] == '"') {
            return rules_fail(p, "the quote is not closed", "thiếu dấu đóng nháy");
        }
        break;
    case RULES_TOKEN_PATTERN:
    case RULES_TOKEN_END:
    default:
        break;
    }
    return rules_fail(p, "a value is expected, not '{}'", "cần một giá trị, không phải '{}'");
}

static RulesExpr *unary(RulesParser *p) {
    bool negative = rules_accept(p, "-");
    RulesExpr *e = primary(p);
    if (!negative) {
        return e;
    }
    return rules_need_type(p, e, RULES_NUMBER) ? rules_make1(p, RULES_OP_NEG, RULES_NUMBER, e)
                                               : NULL;
}

typedef struct Sign {
    const char *text;
    RulesOp op;
} Sign;

static bool accept_sign(RulesParser *p, const Sign *signs, size_t n, RulesOp *ret) {
    for (size_t i = 0; i < n; i++) {
        if (rules_accept(p, signs[i].text)) {
            *ret = signs[i].op;
            return true;
        }
    }
    return false;
}

/* A chain of operators of one strength; limited, since the tree leans to the left. */
static RulesExpr *chain(RulesParser *p, const Sign *signs, RulesExpr *(*operand)(RulesParser *)) {
    RulesOp op = RULES_OP_ADD;
    RulesExpr *e = operand(p);
    for (int n = 0; e != NULL && accept_sign(p, signs, 2, &op); n++) {
        RulesExpr *b = operand(p);
        if (n == RULES_DEPTH_MAX) {
            return rules_fail(p, "too long: at most 64 operators in a row",
                              "quá dài: tối đa 64 phép toán liền nhau");
        }
        if (!rules_need_type(p, e, RULES_NUMBER) || !rules_need_type(p, b, RULES_NUMBER)) {
            return NULL;
        }
        e = rules_make2(p, op, RULES_NUMBER, e, b);
    }
    return e;
}

static RulesExpr *product(RulesParser *p) {
    static const Sign signs[] = {{"*", RULES_OP_MUL}, {"/", RULES_OP_DIV}};
    return chain(p, signs, unary);
}

RulesExpr *rules_sum(RulesParser *p) {
    static const Sign signs[] = {{"+", RULES_OP_ADD}, {"-", RULES_OP_SUB}};
    return chain(p, signs, product);
}

/* Behind `in`. */
static RulesExpr *membership(RulesParser *p, RulesExpr *value) {
    RulesExpr *args[RULES_ARGS_MAX + 1] = {value};
    size_t n = 1;
    if (p->lex.token == RULES_TOKEN_NAME) {
        RulesLex back = p->lex;
        rules_lex_dashed(&p->lex);
        const RulesList *list = rules_list_find(p->scope->rules, p->lex.text);
        if (list == NULL) {
            p->lex = back;
            const RulesCatalogue *c = rules_catalogue_name(p);
            RulesExpr *e = c != NULL && rules_need_type(p, value, RULES_TEXT)
                               ? rules_make1(p, RULES_OP_KNOWN, RULES_BOOL, value)
                               : NULL;
            if (e != NULL) {
                e->catalogue = c;
            }
            return e;
        }
        rules_lex_next(&p->lex);
        RulesExpr *e = rules_need_type(p, value, list->type)
                           ? rules_make1(p, RULES_OP_IN_LIST, RULES_BOOL, value)
                           : NULL;
        if (e != NULL) {
            e->list = list;
        }
        return e;
    }
    if (!rules_expect(p, "(")) {
        return NULL;
    }
    do {
        if (n > RULES_ARGS_MAX) {
            return rules_fail(p, "more than 64 values: make it a list",
                              "quá 64 giá trị: hãy tạo list");
        }
        args[n] = rules_sum(p);
        if (!rules_same_type(p, value, args[n++])) {
            return NULL;
        }
    } while (rules_accept(p, ","));
    return rules_expect(p, ")")
               ? rules_set_args(p, rules_make(p, RULES_OP_IN, RULES_BOOL, value->at), args, n)
               : NULL;
}

static RulesExpr *matching(RulesParser *p, RulesExpr *value) {
    const char *wrong = NULL;
    if (p->lex.token != RULES_TOKEN_PATTERN || !rules_need_type(p, value, RULES_TEXT)) {
        return rules_fail(p, "a pattern in double quotes is expected, not {}",
                          "cần một mẫu trong dấu nháy kép, không phải {}");
    }
    RulesExpr *e = rules_make1(p, RULES_OP_MATCHES, RULES_BOOL, value);
    if (e == NULL) {
        return NULL;
    }
    e->name = rules_unquote(p, p->lex.text);
    e->regex = regex_new(p->scope->arena, e->name, true, &wrong);
    if (e->regex == NULL) {
        return rules_fail_at(p, p->lex.text.ptr, "the pattern is wrong: {}", "mẫu không đúng: {}",
                             str_from(wrong));
    }
    e->dfa = dfa_new(p->scope->arena, e->name);
    rules_lex_next(&p->lex);
    return e;
}

static RulesExpr *negated(RulesParser *p, bool negative, RulesExpr *e) {
    return negative ? rules_make1(p, RULES_OP_NOT, RULES_BOOL, e) : e;
}

static RulesExpr *given(RulesParser *p, RulesExpr *value) {
    bool is_empty = rules_accept(p, "empty");
    if (!is_empty && !rules_accept(p, "given")) {
        return rules_fail(p, "given or empty is expected behind is, not '{}'",
                          "sau is phải là given hoặc empty, không phải '{}'");
    }
    return negated(p, is_empty, rules_make1(p, RULES_OP_GIVEN, RULES_BOOL, value));
}

static RulesExpr *comparison(RulesParser *p) {
    static const Sign signs[] = {{"=", RULES_OP_EQ}, {"!=", RULES_OP_NE}, {"<=", RULES_OP_LE},
                                 {"<", RULES_OP_LT}, {">=", RULES_OP_GE}, {">", RULES_OP_GT}};
    RulesOp op = RULES_OP_EQ;
    RulesExpr *a = rules_sum(p);
    if (a == NULL) {
        return NULL;
    }
    if (accept_sign(p, signs, ARRAY_LEN(signs), &op)) {
        RulesExpr *b = rules_sum(p);
        return rules_same_type(p, a, b) ? rules_make2(p, op, RULES_BOOL, a, b) : NULL;
    }
    if (rules_accept(p, "is")) {
        return given(p, a);
    }
    bool negative = rules_accept(p, "not");
    if (rules_accept(p, "in")) {
        return negated(p, negative, membership(p, a));
    }
    if (rules_accept(p, "matches")) {
        return negated(p, negative, matching(p, a));
    }
    return negative ? rules_fail(p, "in or matches is expected behind not, not '{}'",
                                 "sau not phải là in hoặc matches, không phải '{}'")
                    : a;
}

static RulesExpr *test(RulesParser *p) {
    if (p->depth == RULES_DEPTH_MAX) {
        return rules_fail(p, "nested too deep (64)", "lồng quá sâu (64)");
    }
    p->depth++;
    RulesExpr *e = NULL;
    if (rules_accept(p, "not")) {
        e = test(p);
        e = rules_need_type(p, e, RULES_BOOL) ? rules_make1(p, RULES_OP_NOT, RULES_BOOL, e) : NULL;
    } else if (rules_accept(p, "any")) {
        e = rules_quantifier(p, RULES_ANY);
    } else if (rules_accept(p, "no")) {
        e = rules_quantifier(p, RULES_NO);
    } else if (rules_accept(p, "every")) {
        e = rules_quantifier(p, RULES_EVERY);
    } else {
        e = comparison(p);
    }
    p->depth--;
    return e;
}

static RulesExpr *joined(RulesParser *p, const char *word, RulesOp op,
                         RulesExpr *(*operand)(RulesParser *)) {
    RulesExpr *args[RULES_ARGS_MAX];
    size_t n = 0;
    args[n++] = operand(p);
    while (args[n - 1] != NULL && rules_lex_is(&p->lex, str_from(word))) {
        if (!rules_need_type(p, args[n - 1], RULES_BOOL)) {
            return NULL;
        }
        if (n == RULES_ARGS_MAX) {
            return rules_fail(p, "more than 64 conditions in a row", "quá 64 điều kiện liền nhau");
        }
        rules_lex_next(&p->lex);
        args[n++] = operand(p);
    }
    if (args[n - 1] == NULL || n == 1) {
        return args[n - 1];
    }
    if (!rules_need_type(p, args[n - 1], RULES_BOOL)) {
        return NULL;
    }
    return rules_set_args(p, rules_make(p, op, RULES_BOOL, args[0]->at), args, n);
}

static RulesExpr *conjunction(RulesParser *p) {
    return joined(p, "and", RULES_OP_AND, test);
}

RulesExpr *rules_expression(RulesParser *p) {
    return joined(p, "or", RULES_OP_OR, conjunction);
}

/* ---- entry ---- */

ErrCode rules_parse(const RulesScope *scope, Str text, RulesExpr **ret_expr, ErrInfo *info) {
    RulesParser p = {.scope = scope, .info = info};
    rules_lex_init(&p.lex, text);
    RulesExpr *e = rules_expression(&p);
    if (e != NULL && p.lex.token != RULES_TOKEN_END) {
        e = rules_fail(&p, "'{}' does not belong here", "'{}' không đúng chỗ");
    }
    if (e == NULL) {
        return p.err == ERR_OK ? ERR_NOMEM : p.err;
    }
    *ret_expr = e;
    return ERR_OK;
}

int rules_value_cmp(RulesType type, const RulesValue *a, const RulesValue *b) {
    switch (type) {
    case RULES_NUMBER:
        return rules_num_cmp(a->num, b->num);
    case RULES_TEXT:
        return str_cmp(a->text, b->text);
    case RULES_TIME:
    case RULES_BOOL:
    default:
        return (a->time > b->time) - (a->time < b->time);
    }
}

static int cmp_number(const void *a, const void *b) {
    return rules_value_cmp(RULES_NUMBER, a, b);
}
static int cmp_text(const void *a, const void *b) {
    return rules_value_cmp(RULES_TEXT, a, b);
}

ErrCode rules_parse_items(const RulesScope *scope, Str text, RulesList *list, ErrInfo *info) {
    RulesParser p = {.scope = scope, .info = info};
    size_t capacity = 0;
    rules_lex_init(&p.lex, text);
    do {
        const char *at = p.lex.text.ptr;
        bool negative = rules_accept(&p, "-");
        RulesExpr *e = p.lex.token == RULES_TOKEN_NUMBER && list->type != RULES_TEXT
                           ? rules_number_literal(&p)
                       : p.lex.token == RULES_TOKEN_TEXT && !negative ? rules_text_literal(&p)
                                                                      : NULL;
        if (e == NULL || (list->n_items > 0 && e->type != list->type)) {
            (void)rules_fail_at(&p, at, "numbers or quoted texts are expected, all alike",
                                "cần các số hoặc văn bản trong nháy, cùng một kiểu", STR_EMPTY);
            return p.err;
        }
        if (!rules_grow(scope->arena, &list->items, list->n_items, &capacity,
                        sizeof(*list->items))) {
            return ERR_NOMEM;
        }
        list->type = (RulesType)e->type;
        e->value.num.m = negative ? -e->value.num.m : e->value.num.m;
        list->items[list->n_items++] = e->value;
    } while (rules_accept(&p, ","));
    if (p.lex.token != RULES_TOKEN_END) {
        (void)rules_fail(&p, "'{}' does not belong here", "'{}' không đúng chỗ");
        return p.err;
    }
    qsort(list->items, list->n_items, sizeof(*list->items),
          list->type == RULES_NUMBER ? cmp_number : cmp_text);
    return ERR_OK;
}
