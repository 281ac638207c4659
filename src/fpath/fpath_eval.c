#include "core/clock.h"
#include "core/limits.h"
#include "fpath/fpath_int.h"

/* ---- errors */

typedef struct Wording {
    ErrCode code;
    const char *rule, *en, *vi;
} Wording;
static const Wording WORDINGS[] = {
#define X(name, error, rule, en, vi) [FPATH_MSG_##name] = {ERR_##error, rule, en, vi},
    FPATH_MSG_LIST(X)
#undef X
};

/* `format` with the argument, shortened, for {0}. */
static void fill(Buf *out, const char *format, Str arg) {
    Str text = str_from(format);
    size_t at = str_find(text, STR("{0}"));
    if (at == SIZE_MAX) {
        buf_put_str(out, text);
        return;
    }
    buf_put_str(out, str_sub(text, 0, at));
    buf_put_str(out, str_sub(arg, 0, 80));
    buf_put_str(out, str_sub(text, at + 3, text.len));
}

ErrCode fpath_fail(const FpathSource *source, size_t at, FpathMsg message, Str arg) {
    const Wording *w = &WORDINGS[message];
    if (source->info == NULL) {
        return w->code;
    }
    unsigned line = 1;
    unsigned column = 1;
    for (size_t i = 0; i < at && i < source->text.len; i++) {
        unsigned char c = (unsigned char)source->text.ptr[i];
        line += c == '\n';
        column = c == '\n' ? 1 : column + ((c & 0xc0) != 0x80);
    }
    CLEANUP_BUF Buf en;
    CLEANUP_BUF Buf vi;
    buf_init(&en, LIMIT_KIB);
    buf_init(&vi, LIMIT_KIB);
    fill(&en, w->en, arg);
    fill(&vi, w->vi, arg);
    err_set(source->info, w->code, w->rule, "FHIRPath: %s%.0s (line %u, column %u)",
            "FHIRPath: %.0s%s (dòng %u, cột %u)", buf_cstr(&en), buf_cstr(&vi), line, column);
    source->info->offset = at;
    return w->code;
}

ErrCode fpath_stop(FpathRun *r, const FpathNode *n, FpathMsg message) {
    return fpath_fail(&r->source, n->at, message, n->name);
}

/* ---- the stack */

ErrCode fpath_run_grow(FpathRun *r) {
    if (r->capacity >= LIMIT_FPATH_ITEMS) {
        return fpath_fail(&r->source, 0, FPATH_MSG_ITEMS, STR_EMPTY);
    }
    size_t capacity = MIN(r->capacity * 2, (size_t)LIMIT_FPATH_ITEMS);
    FpathItem *items = realloc(r->heap, capacity * sizeof(FpathItem));
    if (items == NULL) {
        return fpath_fail(&r->source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    if (r->heap == NULL) {
        memcpy(items, r->items, r->top * sizeof(FpathItem));
    }
    r->heap = r->items = items;
    r->capacity = capacity;
    return ERR_OK;
}

ErrCode fpath_charge(FpathRun *r, uint64_t n) {
    if (UNLIKELY(r->steps_left < n)) {
        return fpath_fail(&r->source, 0, FPATH_MSG_STEPS, STR_EMPTY);
    }
    r->steps_left -= n;
    return ERR_OK;
}

void fpath_slide(FpathRun *r, size_t base, size_t from) {
    assert(base <= from && from <= r->top);
    memmove(r->items + base, r->items + from, (r->top - from) * sizeof(FpathItem));
    r->top -= from - base;
}

ErrCode fpath_give(FpathRun *r, size_t base, const FpathItem *item) {
    FpathItem copy = *item;
    r->top = base;
    return fpath_push(r, &copy);
}
ErrCode fpath_give_bool(FpathRun *r, size_t base, bool value) {
    FpathItem item = fpath_item_boolean(value);
    return fpath_give(r, base, &item);
}

ErrCode fpath_truth(FpathRun *r, const FpathNode *n, size_t base, FpathTruth *ret_truth) {
    size_t count = r->top - base;
    if (count == 0) {
        *ret_truth = FPATH_UNKNOWN;
        return ERR_OK;
    }
    if (count > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    const FpathItem *item = &r->items[base];
    bool value = true;
    if (item->kind == FPATH_BOOLEAN) {
        value = item->boolean;
    } else if (item->kind == FPATH_NODE && item->shape == FHIR_T_BOOLEAN) {
        if (item->node == NULL) {
            *ret_truth = FPATH_UNKNOWN;
            return ERR_OK;
        }
        value = item->node->type == JSON_TRUE;
    }
    *ret_truth = value ? FPATH_TRUE : FPATH_FALSE;
    return ERR_OK;
}

void fpath_each(FpathEach *each, const FpathRun *r, const FpathScope *outer, size_t at) {
    each->item = r->items[at];
    each->scope = *outer;
    each->scope.focus = &each->item;
    each->scope.n_focus = 1;
}

/* ---- arguments and inputs as single values */

/* The one item above base as a System value, taken off the stack. */
static ErrCode take_single(FpathRun *r, const FpathNode *n, size_t base, FpathItem *ret_item,
                           bool *ret_found) {
    size_t count = r->top - base;
    if (count > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    *ret_found = count == 1 && fpath_system(r->arena, &r->items[base], ret_item);
    return ERR_OK;
}

ErrCode fpath_arg(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                  FpathItem *ret_item, bool *ret_found) {
    assert(i < n->n_args);
    size_t base = r->top;
    TRY(fpath_run(r, n->args[i], s));
    bool any = r->top > base;
    TRY(take_single(r, n, base, ret_item, ret_found));
    r->top = base;
    return any && !*ret_found ? fpath_stop(r, n, FPATH_MSG_ARGUMENT) : ERR_OK;
}

ErrCode fpath_arg_str(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                      Str *ret_value, bool *ret_found) {
    FpathItem item;
    TRY(fpath_arg(r, n, i, s, &item, ret_found));
    if (*ret_found) {
        if (item.kind != FPATH_STRING) {
            return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
        }
        *ret_value = item.string;
    }
    return ERR_OK;
}

ErrCode fpath_arg_int(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                      int64_t *ret_value, bool *ret_found) {
    FpathItem item;
    TRY(fpath_arg(r, n, i, s, &item, ret_found));
    if (*ret_found) {
        if (item.kind != FPATH_INTEGER) {
            return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
        }
        *ret_value = item.integer;
    }
    return ERR_OK;
}

ErrCode fpath_input(FpathRun *r, const FpathNode *n, size_t base, FpathItem *ret_item,
                    bool *ret_found) {
    TRY(take_single(r, n, base, ret_item, ret_found));
    if (!*ret_found && r->top > base) {
        const FpathItem *item = &r->items[base];
        /* a primitive without value is as good as absent, an object is of the wrong type */
        if (fhir_shape(item->shape)->kind != FHIR_KIND_PRIMITIVE &&
            !fpath_shape_is(item->shape, FHIR_T_QUANTITY)) {
            return fpath_stop(r, n, FPATH_MSG_INPUT);
        }
    }
    return ERR_OK;
}

ErrCode fpath_input_str(FpathRun *r, const FpathNode *n, size_t base, Str *ret_value,
                        bool *ret_found) {
    FpathItem item;
    TRY(fpath_input(r, n, base, &item, ret_found));
    if (*ret_found) {
        switch (item.kind) {
        case FPATH_STRING:
            *ret_value = item.string;
            return ERR_OK;
        case FPATH_DATE: /* FHIR's texts: birthDate.startsWith('1974') is met in the field */
        case FPATH_DATE_TIME:
        case FPATH_TIME:
            if (r->items[base].kind == FPATH_NODE) {
                *ret_value = json_raw_str(r->items[base].node);
                return ERR_OK;
            }
            break;
        default:
            break;
        }
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
    return ERR_OK;
}

/* ---- leaves */

static ErrCode push_focus(FpathRun *r, const FpathScope *s) {
    for (size_t i = 0; i < s->n_focus; i++) {
        const FpathItem *item = &s->focus[i];
        if (item->kind == FPATH_STRING ||
            (item->kind == FPATH_NODE && json_is(item->node, JSON_STRING))) {
            TRY(fpath_charge(r, fpath_cost(item) - 1));
        }
        TRY(fpath_push(r, item));
    }
    return ERR_OK;
}
static ErrCode push_seq(FpathRun *r, const FpathSeq *seq) {
    for (size_t i = 0; i < seq->n; i++) {
        TRY(fpath_push(r, &seq->items[i]));
    }
    return ERR_OK;
}

static ErrCode push_text(FpathRun *r, Str prefix, Str name) {
    char *text = arena_alloc(r->arena, prefix.len + name.len + 1);
    if (text == NULL) {
        return fpath_fail(&r->source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, name.ptr, name.len);
    FpathItem item = fpath_item_str((Str){text, prefix.len + name.len});
    return fpath_push(r, &item);
}

static ErrCode variable(FpathRun *r, const FpathNode *n) {
    static const struct {
        const char *name, *value;
    } TEXTS[] = {{"ucum", "http://unitsofmeasure.org"},
                 {"sct", "http://snomed.info/sct"},
                 {"loinc", "http://loinc.org"}};
    const FpathEnv *env = r->env;
    Str name = n->name;
    for (size_t i = 0; i < env->n_variables; i++) {
        if (str_eq(env->variables[i].name, name)) {
            return push_seq(r, &env->variables[i].value);
        }
    }
    if (str_eq(name, STR("resource"))) {
        return fpath_push(r, &env->resource);
    }
    if (str_eq(name, STR("rootResource"))) {
        return fpath_push(r, &env->root_resource);
    }
    if (str_eq(name, STR("context"))) {
        return env->input != NULL ? push_seq(r, &(FpathSeq){env->input, env->n_input})
                                  : fpath_push(r, &env->context);
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        if (str_eq(name, str_from(TEXTS[i].name))) {
            FpathItem item = fpath_item_str(str_from(TEXTS[i].value));
            return fpath_push(r, &item);
        }
    }
    if (str_starts(name, STR("vs-"))) {
        return push_text(r, STR("http://hl7.org/fhir/ValueSet/"), str_sub(name, 3, name.len));
    }
    if (str_starts(name, STR("ext-"))) {
        return push_text(r, STR("http://hl7.org/fhir/StructureDefinition/"),
                         str_sub(name, 4, name.len));
    }
    return fpath_stop(r, n, FPATH_MSG_VARIABLE);
}

/* A name at the start of a path: the focus itself when it is of that type, else its member. */
static ErrCode first_name(FpathRun *r, const FpathNode *n, const FpathScope *s) {
    for (size_t i = 0; i < s->n_focus; i++) {
        const FpathItem *item = &s->focus[i];
        if (n->type.fhir != 0 && item->kind == FPATH_NODE) {
            if (fpath_shape_is(item->shape, n->type.fhir)) {
                TRY(fpath_push(r, item));
            }
            continue;
        }
        TRY(fpath_children(r, item, &n->name));
    }
    return ERR_OK;
}

static ErrCode name(FpathRun *r, const FpathNode *n, const FpathScope *s) {
    if (n->input == FPATH_NONE) {
        return first_name(r, n, s);
    }
    size_t base = r->top;
    TRY(fpath_run(r, n->input, s));
    size_t mid = r->top;
    for (size_t i = base; i < mid; i++) {
        TRY(fpath_children(r, &r->items[i], &n->name));
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}

static ErrCode at_index(FpathRun *r, const FpathNode *n, const FpathScope *s) {
    size_t base = r->top;
    TRY(fpath_run(r, n->input, s));
    int64_t index = 0;
    bool found = false;
    TRY(fpath_arg_int(r, n, 0, s, &index, &found));
    if (!found || index < 0 || index >= (int64_t)(r->top - base)) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give(r, base, &r->items[base + (size_t)index]);
}

/* ---- operators with types and signs */

static ErrCode is_type(FpathRun *r, const FpathNode *n, size_t base) {
    size_t count = r->top - base;
    if (count > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    return count == 0 ? ERR_OK
                      : fpath_give_bool(r, base, fpath_item_is(&r->items[base], n->type, true));
}

static ErrCode as_type(FpathRun *r, const FpathNode *n, size_t base) {
    if (r->top - base > 1 && !r->expr->as_filters) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    size_t to = base;
    for (size_t i = base; i < r->top; i++) {
        if (fpath_item_is(&r->items[i], n->type, false)) {
            r->items[to++] = r->items[i];
        }
    }
    r->top = to;
    return ERR_OK;
}

static ErrCode sign(FpathRun *r, const FpathNode *n, size_t base) {
    FpathItem v;
    bool found = false;
    TRY(fpath_input(r, n, base, &v, &found));
    if (!found) {
        r->top = base;
        return ERR_OK;
    }
    bool negate = n->op == FPATH_OP_NEGATE;
    switch (v.kind) {
    case FPATH_INTEGER:
        v.integer = negate ? -v.integer : v.integer;
        break;
    case FPATH_DECIMAL:
        v.decimal = negate ? decimal_neg(v.decimal) : v.decimal;
        break;
    case FPATH_QUANTITY:
        v.quantity.value = negate ? decimal_neg(v.quantity.value) : v.quantity.value;
        break;
    default:
        return fpath_stop(r, n, FPATH_MSG_OPERAND);
    }
    return fpath_give(r, base, &v);
}

/* ---- and, or, xor, implies: the right side only when it matters */

static FpathTruth combine(FpathOp op, FpathTruth a, FpathTruth b) {
    bool unknown = a == FPATH_UNKNOWN || b == FPATH_UNKNOWN;
    switch ((int)op) {
    case FPATH_OP_AND:
        return a == FPATH_FALSE || b == FPATH_FALSE ? FPATH_FALSE
               : unknown                            ? FPATH_UNKNOWN
                                                    : FPATH_TRUE;
    case FPATH_OP_OR:
        return a == FPATH_TRUE || b == FPATH_TRUE ? FPATH_TRUE
               : unknown                          ? FPATH_UNKNOWN
                                                  : FPATH_FALSE;
    case FPATH_OP_XOR:
        return unknown ? FPATH_UNKNOWN : a != b ? FPATH_TRUE : FPATH_FALSE;
    default: /* implies */
        return a == FPATH_FALSE || b == FPATH_TRUE ? FPATH_TRUE
               : unknown                           ? FPATH_UNKNOWN
                                                   : FPATH_FALSE;
    }
}

static ErrCode logic(FpathRun *r, const FpathNode *n, const FpathScope *s) {
    size_t base = r->top;
    FpathTruth a = FPATH_UNKNOWN;
    FpathTruth b = FPATH_UNKNOWN;
    TRY(fpath_run(r, n->input, s));
    TRY(fpath_truth(r, n, base, &a));
    r->top = base;
    bool settled = (n->op == FPATH_OP_AND && a == FPATH_FALSE) ||
                   (n->op == FPATH_OP_OR && a == FPATH_TRUE) ||
                   (n->op == FPATH_OP_IMPLIES && a == FPATH_FALSE);
    if (!settled) {
        TRY(fpath_run(r, n->args[0], s));
        TRY(fpath_truth(r, n, base, &b));
        r->top = base;
    }
    FpathTruth both = combine((FpathOp)n->op, a, b);
    return both == FPATH_UNKNOWN ? ERR_OK : fpath_give_bool(r, base, both == FPATH_TRUE);
}

/* ---- calls */

static ErrCode own_call(FpathRun *r, const FpathNode *n, const FpathScope *s, size_t base) {
    enum { OWN_ARGS_MAX = 4 };
    size_t bounds[OWN_ARGS_MAX + 1] = {r->top};
    for (unsigned i = 0; i < n->n_args; i++) {
        TRY(fpath_run(r, n->args[i], s));
        bounds[i + 1] = r->top;
    }
    FpathSeq args[OWN_ARGS_MAX];
    for (unsigned i = 0; i < n->n_args; i++) {
        args[i] = (FpathSeq){r->items + bounds[i], bounds[i + 1] - bounds[i]};
    }
    FpathCall call = {.ctx = r->env->ctx,
                      .arena = r->arena,
                      .input = {r->items + base, bounds[0] - base},
                      .args = args,
                      .n_args = n->n_args,
                      .info = r->source.info};
    FpathSeq result = {NULL, 0};
    TRY(r->expr->functions[n->fn].call(&call, &result));
    size_t from = r->top;
    TRY(push_seq(r, &result));
    fpath_slide(r, base, from);
    return ERR_OK;
}

/* Nodes that work on the items of their input. */
static ErrCode applied(FpathRun *r, const FpathNode *n, const FpathScope *s) {
    size_t base = r->top;
    if (n->input == FPATH_NONE) {
        TRY(push_focus(r, s));
    } else {
        TRY(fpath_run(r, n->input, s));
    }
    switch (n->op) {
    case FPATH_OP_IS:
        return is_type(r, n, base);
    case FPATH_OP_AS:
        return as_type(r, n, base);
    case FPATH_OP_NEGATE:
    case FPATH_OP_PLUS:
        return sign(r, n, base);
    case FPATH_OP_CALL:
        return FPATH_FNS[n->fn].call(r, n, s, base);
    case FPATH_OP_OWN:
        return own_call(r, n, s, base);
    default: {
        size_t mid = r->top;
        TRY(fpath_run(r, n->args[0], s));
        return fpath_binary(r, n, base, mid);
    }
    }
}

ErrCode fpath_run(FpathRun *r, uint16_t at, const FpathScope *s) {
    const FpathNode *n = &r->expr->nodes[at];
    TRY(fpath_charge(r, 1));
    switch (n->op) {
    case FPATH_OP_LITERAL:
        return fpath_push(r, n->literal);
    case FPATH_OP_EMPTY:
        return ERR_OK;
    case FPATH_OP_THIS:
        return push_focus(r, s);
    case FPATH_OP_INDEX:
        return s->index < 0
                   ? ERR_OK
                   : fpath_push(r, &(FpathItem){.kind = FPATH_INTEGER, .integer = s->index});
    case FPATH_OP_TOTAL:
        return s->total == NULL ? ERR_OK : push_seq(r, s->total);
    case FPATH_OP_VARIABLE:
        return variable(r, n);
    case FPATH_OP_NAME:
        return name(r, n, s);
    case FPATH_OP_AT:
        return at_index(r, n, s);
    case FPATH_OP_AND:
    case FPATH_OP_OR:
    case FPATH_OP_XOR:
    case FPATH_OP_IMPLIES:
        return logic(r, n, s);
    default:
        return applied(r, n, s);
    }
}

/* ---- the whole */

FpathEnv fpath_env(const JsonNode *resource) {
    FpathItem item = fpath_item_resource(resource);
    return (FpathEnv){
        .context = item, .resource = item, .root_resource = item, .offset_min = TIME_VN_OFFSET_MIN};
}

ErrCode fpath_eval(Arena *arena, const FpathExpr *expr, const FpathEnv *env, FpathSeq *ret_seq,
                   ErrInfo *info) {
    enum { FIRST_ITEMS = 48 };
    FpathItem first[FIRST_ITEMS];
    FpathRun r = {.arena = arena,
                  .expr = expr,
                  .env = env,
                  .source = {expr->text, info},
                  .items = first,
                  .capacity = FIRST_ITEMS,
                  .steps_left = env->max_steps != 0 ? env->max_steps : LIMIT_FPATH_STEPS,
                  .now = env->now};
    FpathScope scope = {.focus = &env->context, .n_focus = 1, .index = -1};
    if (env->input != NULL) {
        scope.focus = env->input;
        scope.n_focus = env->n_input;
    }
    ErrCode err = fpath_run(&r, expr->root, &scope);
    if (err == ERR_OK && arena_failed(arena)) {
        err = fpath_fail(&r.source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    if (err == ERR_OK) {
        FpathItem *items = NULL;
        if (r.top > 0) {
            items = arena_alloc(arena, r.top * sizeof(FpathItem));
            if (items == NULL) {
                err = fpath_fail(&r.source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
            } else {
                memcpy(items, r.items, r.top * sizeof(FpathItem));
            }
        }
        if (err == ERR_OK) {
            *ret_seq = (FpathSeq){items, r.top};
        }
    }
    free(r.heap);
    return err;
}

ErrCode fpath_to_bool(FpathSeq seq, bool *ret_value) {
    if (seq.n > 1) {
        return ERR_INVALID;
    }
    bool value = seq.n == 1;
    if (seq.n == 1 && seq.items[0].kind == FPATH_BOOLEAN) {
        value = seq.items[0].boolean;
    } else if (seq.n == 1 && seq.items[0].kind == FPATH_NODE &&
               seq.items[0].shape == FHIR_T_BOOLEAN) {
        value = json_is(seq.items[0].node, JSON_TRUE);
    }
    *ret_value = value;
    return ERR_OK;
}
