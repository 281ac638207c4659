#include "fpath/fpath_int.h"

/* ---- what an expression may give */

enum { SHAPES_MAX = 24 };

typedef struct Types {
    bool any; /* not known */
    uint8_t n_shapes;
    uint16_t systems; /* bit per FpathKind */
    bool unordered;   /* children(), descendants() */
    FhirShape shapes[SHAPES_MAX];
} Types;

typedef struct Check {
    const FpathExpr *expr;
    const FpathOptions *options;
    const FpathSource *source;
} Check;

static Types any(void) {
    return (Types){.any = true};
}
static Types system_type(FpathKind kind) {
    return (Types){.systems = (uint16_t)(1U << kind)};
}
static bool is_none(const Types *t) {
    return !t->any && t->n_shapes == 0 && t->systems == 0;
}

static void add_shape(Types *t, FhirShape shape) {
    if (shape == FHIR_T_RESOURCE || shape == FHIR_T_DOMAIN_RESOURCE || shape == FHIR_T_ELEMENT ||
        shape == FHIR_T_BACKBONE_ELEMENT || t->n_shapes == SHAPES_MAX) {
        t->any = true;
        return;
    }
    for (unsigned i = 0; i < t->n_shapes; i++) {
        if (t->shapes[i] == shape) {
            return;
        }
    }
    t->shapes[t->n_shapes++] = shape;
}
static Types merge(const Types *a, const Types *b) {
    Types all = *a;
    all.any = a->any || b->any;
    all.systems |= b->systems;
    all.unordered = a->unordered || b->unordered;
    for (unsigned i = 0; i < b->n_shapes; i++) {
        add_shape(&all, b->shapes[i]);
    }
    return all;
}

static ErrCode wrong(const Check *c, const FpathNode *n, FpathMsg message, Str arg) {
    return fpath_fail(c->source, n->at, message, arg);
}

/* ---- members */

/* The member's types in one shape; false: there is none. */
static bool member(FhirShape shape, Str name, Types *types) {
    if (fhir_shape(shape)->kind == FHIR_KIND_PRIMITIVE) {
        shape = FHIR_T_ELEMENT;
    }
    const FhirElement *e = fhir_element(shape, name);
    if (e != NULL && e->choice == 0) {
        add_shape(types, e->shape);
        return true;
    }
    const FhirShapeInfo *info = fhir_shape(shape);
    bool found = false;
    for (unsigned i = 0; e == NULL && i < info->n_elements; i++) {
        const FhirElement *o = &info->elements[i];
        if (o->choice != 0 && o->base_len == name.len && memcmp(o->name, name.ptr, name.len) == 0) {
            add_shape(types, o->shape);
            found = true;
        }
    }
    return found;
}

static ErrCode name_types(const Check *c, const FpathNode *n, const Types *input, Types *ret) {
    Types types = {.unordered = input->unordered};
    bool found = input->any || is_none(input);
    types.any = input->any;
    for (unsigned i = 0; i < input->n_shapes; i++) {
        found = member(input->shapes[i], n->name, &types) || found;
    }
    if ((input->systems & (1U << FPATH_TYPE | 1U << FPATH_QUANTITY)) != 0) {
        found = types.any = true;
    }
    if (!found) {
        bool choice = input->n_shapes > 0 && fhir_element(input->shapes[0], n->name) != NULL;
        return wrong(c, n, choice ? FPATH_MSG_CHOICE : FPATH_MSG_ELEMENT, n->name);
    }
    *ret = types;
    return ERR_OK;
}

/* A name at the start: a type that the focus has to be, or a member. */
static ErrCode first_types(const Check *c, const FpathNode *n, const Types *focus, Types *ret) {
    if (n->type.fhir == 0) {
        return name_types(c, n, focus, ret);
    }
    Types types = {0};
    for (unsigned i = 0; i < focus->n_shapes; i++) {
        if (fpath_shape_is(focus->shapes[i], n->type.fhir)) {
            add_shape(&types, focus->shapes[i]);
        }
    }
    if (focus->any) {
        add_shape(&types, n->type.fhir);
    }
    if (is_none(&types)) {
        return wrong(c, n, FPATH_MSG_CONTEXT, n->name);
    }
    *ret = types;
    return ERR_OK;
}

/* ---- as, ofType */

static ErrCode narrowed(const Check *c, const FpathNode *n, const Types *input, Types *ret) {
    Types types = {.unordered = input->unordered};
    bool possible = input->any || is_none(input);
    for (unsigned i = 0; i < input->n_shapes; i++) {
        possible = possible ||
                   (n->type.fhir != 0 && fpath_shape_is(input->shapes[i], n->type.fhir)) ||
                   (n->type.fhir != 0 && fpath_shape_is(n->type.fhir, input->shapes[i]));
    }
    if (n->type.system != FPATH_NODE) {
        types.systems = (uint16_t)(1U << n->type.system);
        possible = possible || (input->systems & types.systems) != 0;
    }
    if (!possible && n->op == FPATH_OP_AS) {
        Str name = n->type.fhir != 0 ? str_from(fhir_shape(n->type.fhir)->name) : n->name;
        return wrong(c, n, FPATH_MSG_NEVER, name);
    }
    if (n->type.fhir != 0) {
        add_shape(&types, n->type.fhir);
    }
    *ret = types;
    return ERR_OK;
}

/* ---- the tree */

static ErrCode types_of(const Check *c, uint16_t at, const Types *focus, Types *ret);

/* Types that are settled and none of which is wanted. */
static bool is_only_other(const Types *t, FpathKind wanted) {
    return !t->any && !is_none(t) && t->n_shapes == 0 && (t->systems & 1U << wanted) == 0;
}

/* The input and the condition of a call can be of the right type. */
static ErrCode check_call(const Check *c, const FpathNode *n, const Types *input,
                          const Types *condition) {
    const FpathFnDef *f = &FPATH_FNS[n->fn];
    if ((f->flags & FPATH_FN_ORDERED) != 0 && input->unordered) {
        return wrong(c, n, FPATH_MSG_ORDER, n->name);
    }
    if (str_eq(n->name, STR("iif")) && is_only_other(condition, FPATH_BOOLEAN)) {
        return wrong(c, n, FPATH_MSG_CRITERION, n->name);
    }
    if ((f->flags & FPATH_FN_TEXT) == 0 || input->any || is_none(input)) {
        return ERR_OK;
    }
    bool possible = (input->systems & 1U << FPATH_STRING) != 0;
    for (unsigned i = 0; i < input->n_shapes; i++) {
        possible = possible || fhir_shape(input->shapes[i])->kind == FHIR_KIND_PRIMITIVE;
    }
    return possible ? ERR_OK : wrong(c, n, FPATH_MSG_TEXT_INPUT, n->name);
}

/* What the table says that a function gives. */
static Types given(const FpathNode *n, const Types *input, const Types *args) {
    static const FpathKind SYSTEM[] = {[FPATH_GIVES_BOOLEAN] = FPATH_BOOLEAN,
                                       [FPATH_GIVES_INTEGER] = FPATH_INTEGER,
                                       [FPATH_GIVES_DECIMAL] = FPATH_DECIMAL,
                                       [FPATH_GIVES_STRING] = FPATH_STRING};
    Types types = any();
    switch (FPATH_FNS[n->fn].gives) {
    case FPATH_GIVES_INPUT:
        types = *input;
        types.unordered = input->unordered && !str_eq(n->name, STR("sort"));
        return types;
    case FPATH_GIVES_ARG:
        types = args[0];
        types.unordered = args[0].unordered || input->unordered;
        return types;
    case FPATH_GIVES_UNION:
        return merge(input, &args[0]);
    case FPATH_GIVES_EXTENSION:
        return (Types){.n_shapes = 1, .shapes = {FHIR_T_EXTENSION}};
    case FPATH_GIVES_ANY:
        if (str_eq(n->name, STR("iif")) && n->n_args == 3) {
            return merge(&args[1], &args[2]);
        }
        types.unordered = str_eq(n->name, STR("children")) || str_eq(n->name, STR("descendants"));
        return types;
    default:
        return system_type(SYSTEM[FPATH_FNS[n->fn].gives]);
    }
}

static ErrCode call_types(const Check *c, const FpathNode *n, const Types *around[2], Types *ret) {
    const FpathFnDef *f = &FPATH_FNS[n->fn];
    const Types *input = around[0];
    const Types *focus = (f->flags & FPATH_FN_EACH) != 0 ? input : around[1];
    Types args[FPATH_ARGS_MAX] = {0};
    for (unsigned i = 0; i < n->n_args; i++) {
        TRY(types_of(c, n->args[i], focus, &args[i]));
    }
    TRY(check_call(c, n, input, &args[0]));
    if (f->gives == FPATH_GIVES_TYPE) {
        return narrowed(c, n, input, ret);
    }
    *ret = given(n, input, args);
    return ERR_OK;
}

static bool is_known_variable(const Check *c, Str name) {
    static const char *const BUILT_IN[] = {"resource", "rootResource", "context",
                                           "ucum",     "sct",          "loinc"};
    for (size_t i = 0; i < ARRAY_LEN(BUILT_IN); i++) {
        if (str_eq(name, str_from(BUILT_IN[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < c->options->n_variables; i++) {
        if (str_eq(name, c->options->variables[i])) {
            return true;
        }
    }
    return str_starts(name, STR("vs-")) || str_starts(name, STR("ext-"));
}

static ErrCode leaf_types(const Check *c, const FpathNode *n, const Types *focus, Types *ret) {
    switch (n->op) {
    case FPATH_OP_LITERAL:
        *ret = system_type((FpathKind)n->literal->kind);
        return ERR_OK;
    case FPATH_OP_EMPTY:
        *ret = (Types){0};
        return ERR_OK;
    case FPATH_OP_THIS:
        *ret = *focus;
        return ERR_OK;
    case FPATH_OP_INDEX:
        *ret = system_type(FPATH_INTEGER);
        return ERR_OK;
    case FPATH_OP_VARIABLE:
        if (!is_known_variable(c, n->name)) {
            return wrong(c, n, FPATH_MSG_VARIABLE, n->name);
        }
        *ret = any();
        return ERR_OK;
    default:
        *ret = any();
        return ERR_OK;
    }
}

/* What an operator gives; both sides are checked. */
static ErrCode operator_types(const Check *c, const FpathNode *n, const Types sides[2],
                              Types *ret) {
    FpathOp op = (FpathOp)n->op;
    if (op == FPATH_OP_UNION) {
        *ret = merge(&sides[0], &sides[1]);
    } else if (op >= FPATH_OP_IMPLIES && op <= FPATH_OP_GREATER_EQUAL) {
        *ret = system_type(FPATH_BOOLEAN);
    } else if (op == FPATH_OP_CONCAT) {
        *ret = system_type(FPATH_STRING);
    } else {
        uint16_t times = 1U << FPATH_DATE | 1U << FPATH_DATE_TIME | 1U << FPATH_TIME;
        uint16_t numbers = 1U << FPATH_INTEGER | 1U << FPATH_DECIMAL;
        bool dates = !sides[0].any && sides[0].n_shapes == 0 && sides[0].systems != 0 &&
                     (sides[0].systems & ~times) == 0;
        bool number = !sides[1].any && sides[1].n_shapes == 0 && sides[1].systems != 0 &&
                      (sides[1].systems & ~numbers) == 0;
        if (dates && number) {
            return wrong(c, n, FPATH_MSG_OPERAND, n->name);
        }
        *ret = any();
    }
    return ERR_OK;
}

static ErrCode types_of(const Check *c, uint16_t at, const Types *focus, Types *ret) {
    const FpathNode *n = &c->expr->nodes[at];
    Types input = *focus;
    if (n->input != FPATH_NONE) {
        TRY(types_of(c, n->input, focus, &input));
    }
    switch (n->op) {
    case FPATH_OP_NAME:
        return n->input == FPATH_NONE ? first_types(c, n, focus, ret)
                                      : name_types(c, n, &input, ret);
    case FPATH_OP_CALL:
        return call_types(c, n, (const Types *[2]){&input, focus}, ret);
    case FPATH_OP_AT: {
        Types index;
        TRY(types_of(c, n->args[0], focus, &index));
        if (input.unordered) {
            return wrong(c, n, FPATH_MSG_ORDER, n->name);
        }
        *ret = input;
        return ERR_OK;
    }
    case FPATH_OP_OWN:
        *ret = any();
        return ERR_OK;
    case FPATH_OP_IS:
        *ret = system_type(FPATH_BOOLEAN);
        return ERR_OK;
    case FPATH_OP_AS:
        return narrowed(c, n, &input, ret);
    case FPATH_OP_NEGATE:
    case FPATH_OP_PLUS:
        *ret = input;
        return ERR_OK;
    default:
        break;
    }
    if (n->op < FPATH_OP_IMPLIES) {
        return leaf_types(c, n, focus, ret);
    }
    Types sides[2] = {input};
    TRY(types_of(c, n->args[0], focus, &sides[1]));
    return operator_types(c, n, sides, ret);
}

ErrCode fpath_check(const FpathExpr *expr, const FpathOptions *options, const FpathSource *source) {
    Check c = {expr, options, source};
    Types focus = any();
    if (options->context != 0) {
        focus = (Types){0};
        add_shape(&focus, options->context);
    }
    Types result;
    return types_of(&c, expr->root, &focus, &result);
}
