#include "fpath/fpath_lex_int.h"

#include "core/limits.h"
#include "core/utf8.h"
#include "fpath/fpath_regex_int.h"

typedef struct Parser {
    FpathLexer lex;
    const FpathOptions *options;
    FpathNode *nodes;
    uint32_t n_nodes, capacity;
    unsigned depth; /* of the recursion */
} Parser;

enum { NODES_MAX = 60000 };

static ErrCode fail(const Parser *p, FpathMsg message, Str arg) {
    return fpath_fail(&p->lex.source, p->lex.token.at, message, arg);
}
static Str token_text(const Parser *p) {
    size_t at = p->lex.token.at;
    return str_sub(p->lex.source.text, at, MIN(p->lex.at - at, (size_t)40));
}
/* The current token is not what may stand here. */
static ErrCode unexpected(const Parser *p) {
    return p->lex.token.kind == FPATH_TOK_END ? fail(p, FPATH_MSG_END, STR_EMPTY)
                                              : fail(p, FPATH_MSG_TOKEN, token_text(p));
}
static ErrCode expect(Parser *p, Str sign) {
    if (!fpath_lex_is(&p->lex, sign)) {
        return unexpected(p);
    }
    return fpath_lex_next(&p->lex);
}

/* Appends the node; its depth comes from its children. */
static ErrCode add(Parser *p, FpathNode node, uint16_t *ret_node) {
    unsigned depth = 0;
    if (node.input != FPATH_NONE) {
        depth = p->nodes[node.input].depth;
    }
    for (unsigned i = 0; i < node.n_args; i++) {
        depth = MAX(depth, (unsigned)p->nodes[node.args[i]].depth);
    }
    if (depth >= FPATH_TREE_DEPTH) {
        return fpath_fail(&p->lex.source, node.at, FPATH_MSG_DEPTH, STR_EMPTY);
    }
    node.depth = (uint16_t)(depth + 1);
    if (p->n_nodes == p->capacity) {
        if (p->capacity >= NODES_MAX) {
            return fail(p, FPATH_MSG_SIZE, STR_EMPTY);
        }
        uint32_t capacity = p->capacity == 0 ? 16 : MIN(p->capacity * 2, (uint32_t)NODES_MAX);
        FpathNode *nodes = arena_resize(p->lex.arena, p->nodes, p->capacity * sizeof(FpathNode),
                                        capacity * sizeof(FpathNode));
        if (nodes == NULL) {
            return fail(p, FPATH_MSG_NOMEM, STR_EMPTY);
        }
        p->nodes = nodes;
        p->capacity = capacity;
    }
    p->nodes[p->n_nodes] = node;
    *ret_node = (uint16_t)p->n_nodes++;
    return ERR_OK;
}

static FpathNode node_at(FpathOp op, uint16_t input, uint32_t at) {
    return (FpathNode){.op = (uint8_t)op, .input = input, .at = at};
}

static ErrCode add_literal(Parser *p, const FpathItem *value, uint32_t at, uint16_t *ret_node) {
    FpathItem *copy = arena_alloc(p->lex.arena, sizeof(FpathItem));
    if (copy == NULL) {
        return fail(p, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    *copy = *value;
    FpathNode node = node_at(FPATH_OP_LITERAL, FPATH_NONE, at);
    node.literal = copy;
    return add(p, node, ret_node);
}

static ErrCode expression(Parser *p, int level, uint16_t *ret_node);

/* ---- literals */

/* A number, or a quantity when a unit follows: 4 days, 10 'mg'. */
static ErrCode number(Parser *p, uint16_t *ret_node) {
    FpathToken token = p->lex.token;
    TRY(fpath_lex_next(&p->lex));
    const FpathToken *next = &p->lex.token;
    int calendar = next->kind == FPATH_TOK_NAME ? fpath_calendar_unit(next->text) : -1;
    if (next->kind != FPATH_TOK_STRING && calendar < 0) {
        return add_literal(p, &token.item, token.at, ret_node);
    }
    FpathItem item = {.kind = FPATH_QUANTITY};
    item.quantity.value = token.item.kind == FPATH_INTEGER ? decimal_from_i64(token.item.integer)
                                                           : token.item.decimal;
    item.quantity.unit = calendar >= 0 ? fpath_calendar_name(calendar) : next->text;
    item.quantity.calendar = calendar >= 0;
    TRY(fpath_lex_next(&p->lex));
    return add_literal(p, &item, token.at, ret_node);
}

/* ---- names, types and calls */

static bool is_name(const Parser *p) {
    return p->lex.token.kind == FPATH_TOK_NAME || p->lex.token.kind == FPATH_TOK_DELIMITED;
}

/* A qualified type name at the cursor: FHIR.`Patient`. */
static ErrCode type_specifier(Parser *p, FpathTypeName *ret_type) {
    char name[128];
    size_t len = 0;
    uint32_t at = p->lex.token.at;
    for (;;) {
        if (!is_name(p) || len + p->lex.token.text.len + 1 >= sizeof(name)) {
            return unexpected(p);
        }
        memcpy(name + len, p->lex.token.text.ptr, p->lex.token.text.len);
        len += p->lex.token.text.len;
        TRY(fpath_lex_next(&p->lex));
        /* .is(FHIR.Patient) ends here; "x is Patient.y" names a type that does not exist */
        if (!fpath_lex_is(&p->lex, STR("."))) {
            break;
        }
        TRY(fpath_lex_next(&p->lex));
        name[len++] = '.';
    }
    if (!fpath_type_name((Str){name, len}, ret_type)) {
        return fpath_fail(&p->lex.source, at, FPATH_MSG_TYPE_NAME, (Str){name, len});
    }
    return ERR_OK;
}

static int find_function(Str name) {
    for (unsigned i = 0; i < FPATH_FN_COUNT; i++) {
        if (str_eq(name, str_from(FPATH_FNS[i].name))) {
            return (int)i;
        }
    }
    return -1;
}
static int find_own(const Parser *p, Str name) {
    for (size_t i = 0; p->options != NULL && i < p->options->n_functions; i++) {
        if (str_eq(name, str_from(p->options->functions[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

/* sort(a desc, -b): bit i says that key i runs downwards; a leading minus sign belongs to it. */
static ErrCode sort_key(Parser *p, FpathNode *call, unsigned i) {
    if (fpath_lex_is(&p->lex, STR("-"))) {
        call->descending |= (uint8_t)(1U << i);
        TRY(fpath_lex_next(&p->lex));
    }
    TRY(expression(p, 0, &call->args[i]));
    if (fpath_lex_word(&p->lex, STR("desc")) || fpath_lex_word(&p->lex, STR("asc"))) {
        call->descending |= (uint8_t)(p->lex.token.text.ptr[0] == 'd' ? 1U << i : 0);
        TRY(fpath_lex_next(&p->lex));
    }
    return ERR_OK;
}

/* An argument that names a type, for functions of the caller: its text as a literal. */
static ErrCode type_text(Parser *p, uint16_t *ret_node) {
    uint32_t at = p->lex.token.at;
    FpathItem item = fpath_item_str(arena_str(p->lex.arena, p->lex.token.text));
    TRY(fpath_lex_next(&p->lex));
    return add_literal(p, &item, at, ret_node);
}

typedef struct Callee {
    unsigned min_args, max_args;
    bool type, type_text, sort;
} Callee;

static ErrCode arguments(Parser *p, FpathNode *call, const Callee *callee) {
    while (!fpath_lex_is(&p->lex, STR(")"))) {
        unsigned i = call->n_args;
        if (i >= callee->max_args || i >= FPATH_ARGS_MAX) {
            return fpath_fail(&p->lex.source, call->at, FPATH_MSG_ARGS, call->name);
        }
        if (callee->type) {
            TRY(type_specifier(p, &call->type));
        } else if (callee->type_text && is_name(p)) {
            TRY(type_text(p, &call->args[i]));
        } else if (callee->sort) {
            TRY(sort_key(p, call, i));
        } else {
            TRY(expression(p, 0, &call->args[i]));
        }
        call->n_args++;
        if (fpath_lex_is(&p->lex, STR(","))) {
            TRY(fpath_lex_next(&p->lex));
            if (fpath_lex_is(&p->lex, STR(")"))) {
                return unexpected(p);
            }
        } else if (!fpath_lex_is(&p->lex, STR(")"))) {
            return unexpected(p);
        }
    }
    if (call->n_args < callee->min_args) {
        return fpath_fail(&p->lex.source, call->at, FPATH_MSG_ARGS, call->name);
    }
    return fpath_lex_next(&p->lex);
}

/* A literal pattern is compiled once. */
static ErrCode literal_regex(Parser *p, FpathNode *call) {
    const FpathNode *pattern = &p->nodes[call->args[0]];
    call->regex = NULL;
    if (pattern->op != FPATH_OP_LITERAL || pattern->literal->kind != FPATH_STRING) {
        return ERR_OK;
    }
    const char *wrong = NULL;
    call->regex = regex_new(p->lex.arena, pattern->literal->string,
                            str_eq(call->name, STR("matchesFull")), &wrong);
    return call->regex != NULL
               ? ERR_OK
               : fpath_fail(&p->lex.source, pattern->at, FPATH_MSG_REGEX, str_from(wrong));
}

/* name(arguments): the cursor stands behind the opening bracket. */
static ErrCode call(Parser *p, FpathNode node, uint16_t *ret_node) {
    int fn = find_function(node.name);
    int own = find_own(p, node.name);
    if (fn < 0 && own < 0) {
        return fpath_fail(&p->lex.source, node.at, FPATH_MSG_FUNCTION, node.name);
    }
    Callee callee;
    if (own >= 0) {
        const FpathFunction *f = &p->options->functions[own];
        callee = (Callee){.min_args = f->min_args,
                          .max_args = MIN(f->max_args, 4),
                          .type_text = f->types_as_text};
    } else {
        const FpathFnDef *f = &FPATH_FNS[fn];
        callee = (Callee){.min_args = f->min_args,
                          .max_args = f->max_args,
                          .type = (f->flags & FPATH_FN_TYPE) != 0,
                          .sort = str_eq(node.name, STR("sort"))};
    }
    node.op = own >= 0 ? FPATH_OP_OWN : FPATH_OP_CALL;
    node.fn = (uint8_t)(own >= 0 ? own : fn);
    TRY(arguments(p, &node, &callee));
    if (callee.type) {
        node.n_args = 0; /* the type is in the node */
    } else if (own < 0 && (FPATH_FNS[fn].flags & FPATH_FN_REGEX) != 0) {
        TRY(literal_regex(p, &node));
    }
    return add(p, node, ret_node);
}

/* Member or function of the input (FPATH_NONE: of the focus). */
static ErrCode invocation(Parser *p, uint16_t input, uint16_t *ret_node) {
    FpathToken token = p->lex.token;
    if (token.kind == FPATH_TOK_DOLLAR && input == FPATH_NONE) {
        static const struct {
            const char *name;
            FpathOp op;
        } DOLLARS[] = {
            {"this", FPATH_OP_THIS}, {"index", FPATH_OP_INDEX}, {"total", FPATH_OP_TOTAL}};
        for (size_t i = 0; i < ARRAY_LEN(DOLLARS); i++) {
            if (str_eq(token.text, str_from(DOLLARS[i].name))) {
                TRY(fpath_lex_next(&p->lex));
                return add(p, node_at(DOLLARS[i].op, FPATH_NONE, token.at), ret_node);
            }
        }
    }
    if (!is_name(p)) {
        return unexpected(p);
    }
    FpathNode node = node_at(FPATH_OP_NAME, input, token.at);
    node.name = token.text;
    TRY(fpath_lex_next(&p->lex));
    if (fpath_lex_is(&p->lex, STR("("))) {
        TRY(fpath_lex_next(&p->lex));
        return call(p, node, ret_node);
    }
    if (input == FPATH_NONE && node.name.ptr[0] >= 'A' && node.name.ptr[0] <= 'Z') {
        node.type.fhir = (FhirShape)fhir_type_by_name(node.name);
    }
    return add(p, node, ret_node);
}

/* ---- terms and operators */

static ErrCode term(Parser *p, uint16_t *ret_node) {
    FpathToken token = p->lex.token;
    switch (token.kind) {
    case FPATH_TOK_STRING: {
        FpathItem item = fpath_item_str(token.text);
        TRY(fpath_lex_next(&p->lex));
        return add_literal(p, &item, token.at, ret_node);
    }
    case FPATH_TOK_NUMBER:
        return number(p, ret_node);
    case FPATH_TOK_TIME:
        TRY(fpath_lex_next(&p->lex));
        return add_literal(p, &token.item, token.at, ret_node);
    case FPATH_TOK_VARIABLE: {
        FpathNode node = node_at(FPATH_OP_VARIABLE, FPATH_NONE, token.at);
        node.name = token.text;
        TRY(fpath_lex_next(&p->lex));
        return add(p, node, ret_node);
    }
    case FPATH_TOK_SIGN:
        if (str_eq(token.text, STR("("))) {
            TRY(fpath_lex_next(&p->lex));
            TRY(expression(p, 0, ret_node));
            return expect(p, STR(")"));
        }
        if (str_eq(token.text, STR("{"))) {
            TRY(fpath_lex_next(&p->lex));
            TRY(expect(p, STR("}")));
            return add(p, node_at(FPATH_OP_EMPTY, FPATH_NONE, token.at), ret_node);
        }
        return unexpected(p);
    case FPATH_TOK_NAME:
        if (str_eq(token.text, STR("true")) || str_eq(token.text, STR("false"))) {
            FpathItem item = fpath_item_boolean(token.text.len == 4);
            TRY(fpath_lex_next(&p->lex));
            return add_literal(p, &item, token.at, ret_node);
        }
        return invocation(p, FPATH_NONE, ret_node);
    case FPATH_TOK_END:
    case FPATH_TOK_DELIMITED:
    case FPATH_TOK_DOLLAR:
        break;
    }
    return invocation(p, FPATH_NONE, ret_node);
}

/* term, then .member, .function(), [index] */
static ErrCode path(Parser *p, uint16_t *ret_node) {
    TRY(term(p, ret_node));
    for (;;) {
        uint32_t at = p->lex.token.at;
        if (fpath_lex_is(&p->lex, STR("."))) {
            TRY(fpath_lex_next(&p->lex));
            TRY(invocation(p, *ret_node, ret_node));
        } else if (fpath_lex_is(&p->lex, STR("["))) {
            TRY(fpath_lex_next(&p->lex));
            FpathNode node = node_at(FPATH_OP_AT, *ret_node, at);
            node.name = STR("[ ]");
            TRY(expression(p, 0, &node.args[0]));
            node.n_args = 1;
            TRY(expect(p, STR("]")));
            TRY(add(p, node, ret_node));
        } else {
            return ERR_OK;
        }
    }
}

static ErrCode polarity(Parser *p, uint16_t *ret_node) {
    bool minus = fpath_lex_is(&p->lex, STR("-"));
    if (!minus && !fpath_lex_is(&p->lex, STR("+"))) {
        return path(p, ret_node);
    }
    uint32_t at = p->lex.token.at;
    if (++p->depth > LIMIT_FPATH_DEPTH) {
        return fail(p, FPATH_MSG_DEPTH, STR_EMPTY);
    }
    TRY(fpath_lex_next(&p->lex));
    uint16_t operand;
    TRY(polarity(p, &operand));
    p->depth--;
    FpathNode node = node_at(minus ? FPATH_OP_NEGATE : FPATH_OP_PLUS, operand, at);
    node.name = minus ? STR("-") : STR("+");
    return add(p, node, ret_node);
}

typedef struct Operator {
    const char *text;
    uint8_t level, op;
    bool is_word;
} Operator;

static const Operator OPERATORS[] = {
    {"implies", 1, FPATH_OP_IMPLIES, true}, {"or", 2, FPATH_OP_OR, true},
    {"xor", 2, FPATH_OP_XOR, true},         {"and", 3, FPATH_OP_AND, true},
    {"in", 4, FPATH_OP_IN, true},           {"contains", 4, FPATH_OP_CONTAINS, true},
    {"=", 5, FPATH_OP_EQUAL, false},        {"!=", 5, FPATH_OP_NOT_EQUAL, false},
    {"~", 5, FPATH_OP_EQUIVALENT, false},   {"!~", 5, FPATH_OP_NOT_EQUIVALENT, false},
    {"<", 6, FPATH_OP_LESS, false},         {">", 6, FPATH_OP_GREATER, false},
    {"<=", 6, FPATH_OP_LESS_EQUAL, false},  {">=", 6, FPATH_OP_GREATER_EQUAL, false},
    {"|", 7, FPATH_OP_UNION, false},        {"is", 8, FPATH_OP_IS, true},
    {"as", 8, FPATH_OP_AS, true},           {"+", 9, FPATH_OP_ADD, false},
    {"-", 9, FPATH_OP_SUBTRACT, false},     {"&", 9, FPATH_OP_CONCAT, false},
    {"*", 10, FPATH_OP_MULTIPLY, false},    {"/", 10, FPATH_OP_DIVIDE, false},
    {"div", 10, FPATH_OP_DIV, true},        {"mod", 10, FPATH_OP_MOD, true},
};

static const Operator *operator_here(const Parser *p) {
    const FpathToken *t = &p->lex.token;
    for (size_t i = 0; i < ARRAY_LEN(OPERATORS); i++) {
        const Operator *o = &OPERATORS[i];
        if (t->kind == (o->is_word ? FPATH_TOK_NAME : FPATH_TOK_SIGN) &&
            str_eq(t->text, str_from(o->text))) {
            return o;
        }
    }
    return NULL;
}

/* Operators of `level` and tighter, left to right (precedence climbing). */
static ErrCode operators(Parser *p, int level, uint16_t *ret_node) {
    TRY(polarity(p, ret_node));
    for (;;) {
        const Operator *o = operator_here(p);
        if (o == NULL || o->level < level) {
            return ERR_OK;
        }
        FpathNode node = node_at((FpathOp)o->op, *ret_node, p->lex.token.at);
        node.name = p->lex.token.text;
        TRY(fpath_lex_next(&p->lex));
        if (o->op == FPATH_OP_IS || o->op == FPATH_OP_AS) {
            TRY(type_specifier(p, &node.type));
        } else {
            TRY(expression(p, o->level + 1, &node.args[0]));
            node.n_args = 1;
        }
        TRY(add(p, node, ret_node));
    }
}

static ErrCode expression(Parser *p, int level, uint16_t *ret_node) {
    if (++p->depth > LIMIT_FPATH_DEPTH) {
        return fail(p, FPATH_MSG_DEPTH, STR_EMPTY);
    }
    TRY(operators(p, level, ret_node));
    p->depth--;
    return ERR_OK;
}

/* ---- the whole */

/* Only nodes of the tape can come out, along one path. */
static bool only_path(const FpathNode *nodes, uint16_t at) {
    for (;; at = nodes[at].input) {
        if (at == FPATH_NONE) {
            return true;
        }
        const FpathNode *n = &nodes[at];
        switch (n->op) {
        case FPATH_OP_NAME:
        case FPATH_OP_THIS:
        case FPATH_OP_AS:
            break;
        case FPATH_OP_AT:
            if (nodes[n->args[0]].op != FPATH_OP_LITERAL) {
                return false;
            }
            break;
        case FPATH_OP_CALL:
            if ((FPATH_FNS[n->fn].flags & FPATH_FN_PATH) == 0) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
}

static ErrCode compile(Parser *p, FpathExpr *e) {
    if (p->lex.source.text.len > LIMIT_FPATH_BYTES) {
        return fail(p, FPATH_MSG_SIZE, STR_EMPTY);
    }
    if (!utf8_valid(p->lex.source.text)) {
        return fail(p, FPATH_MSG_UTF8, STR_EMPTY);
    }
    TRY(fpath_lex_next(&p->lex));
    TRY(expression(p, 0, &e->root));
    if (p->lex.token.kind != FPATH_TOK_END) {
        return unexpected(p);
    }
    e->nodes = p->nodes;
    e->n_nodes = (uint16_t)p->n_nodes;
    e->is_path = only_path(e->nodes, e->root);
    return ERR_OK;
}

ErrCode fpath_compile(Arena *arena, Str text, const FpathOptions *options,
                      const FpathExpr **ret_expr, ErrInfo *info) {
    FpathExpr *e = arena_calloc(arena, 1, sizeof(FpathExpr));
    Str copy = arena_str(arena, text);
    Parser p = {.lex = {.arena = arena, .source = {copy, info}}, .options = options};
    if (e == NULL || copy.len != text.len) {
        return fail(&p, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    e->text = copy;
    if (options != NULL) {
        FpathFunction *own = arena_new_array(arena, FpathFunction, options->n_functions + 1);
        if (own == NULL) {
            return fail(&p, FPATH_MSG_NOMEM, STR_EMPTY);
        }
        for (size_t i = 0; i < options->n_functions; i++) {
            own[i] = options->functions[i];
        }
        e->functions = own;
        e->as_filters = options->as_filters;
    }
    TRY(compile(&p, e));
    if (options != NULL && options->strict) {
        TRY(fpath_check(e, options, &p.lex.source));
    }
    *ret_expr = e;
    return ERR_OK;
}

Str fpath_text(const FpathExpr *expr) {
    return expr->text;
}
bool fpath_is_path(const FpathExpr *expr) {
    return expr->is_path;
}
