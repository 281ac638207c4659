/* One resource through the tree. The rows are walked, never gathered: a step fills the cells of its
 * node for each focus and then goes on with the steps that follow; behind the last step the row
 * is whole. */
#include "core/limits.h"
#include "fhir/fhir_reference.h"
#include "sqlview/sqlview_int.h"

typedef struct Walk {
    Arena *arena;
    const SqlView *view;
    const SqlSink *sink;
    ErrInfo *info;
    FpathEnv env;
    FpathVariable variables[SQLVIEW_CONSTANTS_MAX + 1];
    SqlCell cells[SQLVIEW_COLUMNS_MAX];
    size_t n_rows;
} Walk;

/* What is evaluated on: an item, or nothing (the row of forEachOrNull without a match). */
typedef struct Focus {
    const FpathItem *item; /* NULL: nothing */
    int64_t index;         /* %rowIndex */
} Focus;

/* The nodes from nodes[0] on at this focus, then what stands behind them. */
typedef struct Step {
    const SqlNode *nodes;
    size_t n;
    Focus focus;
    const struct Step *then;
} Step;

/* ---- evaluating ---- */

static ErrCode eval(Walk *w, const SqlPath *path, Focus focus, FpathSeq *ret) {
    FpathItem *index = arena_alloc(w->arena, sizeof(*index));
    if (index == NULL) {
        return ERR_NOMEM;
    }
    *index = fpath_item_integer(focus.index);
    w->variables[w->view->n_constants].value = (FpathSeq){index, 1};
    FpathEnv env = w->env;
    static const FpathItem nothing;
    if (focus.item == NULL) {
        env.input = &nothing;
        env.n_input = 0;
    } else {
        env.context = *focus.item;
    }
    ErrCode err = fpath_eval(w->arena, path->expr, &env, ret, w->info);
    if (err != ERR_OK) {
        err_where(w->info, STR_FMT, STR_ARG(path->where));
    }
    return err;
}

static ErrCode fill_columns(Walk *w, const SqlNode *node, Focus focus) {
    for (size_t i = 0; i < node->n_columns; i++) {
        FpathSeq seq;
        size_t at = node->first_column + i;
        TRY(eval(w, &node->columns[i], focus, &seq));
        if (seq.n > 1 && !w->view->columns[at].collection) {
            ErrCode err = err_set(w->info, ERR_INVALID, "view-collection",
                                  "the column '" STR_FMT
                                  "' found more than one value: say collection = true or choose "
                                  "one",
                                  "cột '" STR_FMT
                                  "' có nhiều hơn một giá trị: hãy đặt collection = true hoặc "
                                  "chọn một giá trị",
                                  STR_ARG(w->view->columns[at].name));
            err_where(w->info, STR_FMT, STR_ARG(node->columns[i].where));
            return err;
        }
        w->cells[at] = (SqlCell){seq.items, seq.n};
    }
    return ERR_OK;
}

/* ---- walking ---- */

static ErrCode walk(Walk *w, const Step *step);

static ErrCode put_row(Walk *w) {
    if (++w->n_rows > SQLVIEW_ROWS_MAX) {
        return err_set(w->info, ERR_LIMIT, "view-rows",
                       "one resource gives more than %d rows: the view multiplies too much",
                       "một tài nguyên cho hơn %d dòng: khung nhìn nhân lên quá nhiều",
                       SQLVIEW_ROWS_MAX);
    }
    return w->sink->row(w->sink->ctx, w->cells);
}

/* The node at one focus, then the rest. */
static ErrCode walk_focus(Walk *w, const SqlNode *node, Focus focus, const Step *rest) {
    TRY(fill_columns(w, node, focus));
    return walk(w, &(Step){node->children, node->n_children, focus, rest});
}

typedef struct Repeat {
    Walk *w;
    const SqlNode *node;
    const Step *rest;
    int64_t index;
} Repeat;

/* Depth first, a parent before its children. */
static ErrCode walk_repeat(Repeat *r, Focus focus, unsigned depth) {
    if (depth > LIMIT_JSON_DEPTH) {
        return err_set(r->w->info, ERR_LIMIT, "view-rows", "repeat goes more than %d deep",
                       "repeat đi sâu quá %d tầng", LIMIT_JSON_DEPTH);
    }
    for (size_t p = 0; p < r->node->n_paths; p++) {
        FpathSeq seq;
        TRY(eval(r->w, &r->node->paths[p], focus, &seq));
        for (size_t i = 0; i < seq.n; i++) {
            Focus child = {&seq.items[i], r->index++};
            TRY(walk_focus(r->w, r->node, child, r->rest));
            TRY(walk_repeat(r, child, depth + 1));
        }
    }
    return ERR_OK;
}

static ErrCode walk_each(Walk *w, const SqlNode *node, Focus focus, const Step *rest) {
    FpathSeq seq;
    TRY(eval(w, &node->paths[0], focus, &seq));
    for (size_t i = 0; i < seq.n; i++) {
        TRY(walk_focus(w, node, (Focus){&seq.items[i], (int64_t)i}, rest));
    }
    return seq.n == 0 && node->kind == SQL_EACH_OR ? walk_focus(w, node, (Focus){NULL, 0}, rest)
                                                   : ERR_OK;
}

static ErrCode walk_union(Walk *w, const SqlNode *node, Focus focus, const Step *rest) {
    for (size_t i = 0; i < node->n_children; i++) {
        TRY(walk(w, &(Step){&node->children[i], 1, focus, rest}));
    }
    return ERR_OK;
}

static ErrCode walk(Walk *w, const Step *step) {
    while (step != NULL && step->n == 0) {
        step = step->then;
    }
    if (step == NULL) {
        return put_row(w);
    }
    const SqlNode *node = &step->nodes[0];
    Step rest = {step->nodes + 1, step->n - 1, step->focus, step->then};
    switch (node->kind) {
    case SQL_PLAIN:
        return walk_focus(w, node, step->focus, &rest);
    case SQL_UNION:
        return walk_union(w, node, step->focus, &rest);
    case SQL_REPEAT:
        return walk_repeat(&(Repeat){w, node, &rest, 0}, step->focus, 0);
    case SQL_EACH:
    case SQL_EACH_OR:
        break;
    }
    return walk_each(w, node, step->focus, &rest);
}

/* ---- the resource ---- */

static ErrCode passes(Walk *w, Focus focus, bool *ret_passes) {
    *ret_passes = true;
    for (size_t i = 0; i < w->view->n_wheres && *ret_passes; i++) {
        const SqlPath *path = &w->view->wheres[i];
        FpathSeq seq;
        FpathItem value;
        TRY(eval(w, path, focus, &seq));
        bool is_bool = seq.n == 1 && fpath_item_system(w->arena, &seq.items[0], &value) &&
                       value.kind == FPATH_BOOLEAN;
        if (seq.n > 0 && !is_bool) {
            ErrCode err =
                err_set(w->info, ERR_INVALID, "view-where", "a condition must be true or false",
                        "điều kiện phải cho giá trị đúng hoặc sai");
            err_where(w->info, STR_FMT, STR_ARG(path->where));
            return err;
        }
        *ret_passes = seq.n > 0 && value.boolean;
    }
    return ERR_OK;
}

ErrCode sqlview_rows(Arena *arena, const SqlView *view, const JsonNode *resource,
                     const SqlSink *sink, ErrInfo *info) {
    Walk *w = arena_alloc(arena, sizeof(*w));
    FpathItem *root = arena_alloc(arena, sizeof(*root));
    bool pass = false;
    if (w == NULL || root == NULL) {
        return ERR_NOMEM;
    }
    *root = fpath_item_resource(resource);
    w->arena = arena;
    w->view = view;
    w->sink = sink;
    w->info = info;
    w->n_rows = 0;
    w->env = fpath_env(resource);
    memcpy(w->variables, view->constants, (view->n_constants + 1) * sizeof(w->variables[0]));
    w->env.variables = w->variables;
    w->env.n_variables = view->n_constants + 1;
    w->env.resolve_types = true;
    Focus focus = {root, 0};
    TRY(passes(w, focus, &pass));
    return pass ? walk(w, &(Step){view->roots, view->n_roots, focus, NULL}) : ERR_OK;
}

/* ---- keys ---- */

static ErrCode put_text(const FpathCall *call, Str text, FpathSeq *ret) {
    FpathItem *item = arena_alloc(call->arena, sizeof(*item));
    if (item == NULL) {
        return ERR_NOMEM;
    }
    *item = fpath_item_str(text);
    *ret = (FpathSeq){item, 1};
    return ERR_OK;
}

/* "Type/id" of each resource of the input. */
static ErrCode resource_key(const FpathCall *call, FpathSeq *ret) {
    *ret = (FpathSeq){0};
    if (call->input.n != 1 || call->input.items[0].kind != FPATH_NODE) {
        return ERR_OK;
    }
    const JsonNode *node = call->input.items[0].node;
    Str id = json_str(call->arena, json_get_lit(node, "id"));
    Str type = json_raw_str(json_get_lit(node, "resourceType"));
    return id.len == 0 || type.len == 0 ? ERR_OK
                                        : put_text(call,
                                                   arena_printf(call->arena, STR_FMT "/" STR_FMT,
                                                                STR_ARG(type), STR_ARG(id)),
                                                   ret);
}

/* The argument names the type that is wanted, "Patient" or "FHIR.Patient". */
static bool is_of_type(const FpathCall *call, FhirType type) {
    if (call->n_args == 0 || call->args[0].n != 1) {
        return true;
    }
    Str wanted = fpath_item_string(call->arena, &call->args[0].items[0]);
    if (str_starts(wanted, STR("FHIR."))) {
        wanted = str_sub(wanted, 5, SIZE_MAX);
    }
    return type != FHIR_T_NONE && str_eq(wanted, str_from(fhir_type_name(type)));
}

static ErrCode reference_key(const FpathCall *call, FpathSeq *ret) {
    FhirReference reference;
    *ret = (FpathSeq){0};
    if (call->input.n != 1 || call->input.items[0].kind != FPATH_NODE) {
        return ERR_OK;
    }
    Str text = json_str(call->arena, json_get_lit(call->input.items[0].node, "reference"));
    if (text.len == 0 || fhir_reference_parse(text, &reference) != ERR_OK ||
        (reference.kind != FHIR_REF_RELATIVE && reference.kind != FHIR_REF_ABSOLUTE) ||
        reference.type == FHIR_T_NONE || !is_of_type(call, reference.type)) {
        return ERR_OK;
    }
    return put_text(call,
                    arena_printf(call->arena, "%s/" STR_FMT, fhir_type_name(reference.type),
                                 STR_ARG(reference.id)),
                    ret);
}

/* As FHIRPath's own, but of nothing it makes the empty text (the view runner tests ask for that).
 */
static ErrCode join(const FpathCall *call, FpathSeq *ret) {
    CLEANUP_BUF Buf out;
    Str separator = call->n_args > 0 && call->args[0].n == 1
                        ? fpath_item_string(call->arena, &call->args[0].items[0])
                        : STR_EMPTY;
    buf_init(&out, 16 * LIMIT_MIB);
    for (size_t i = 0; i < call->input.n; i++) {
        buf_put_str(&out, i > 0 ? separator : STR_EMPTY);
        buf_put_str(&out, fpath_item_string(call->arena, &call->input.items[i]));
    }
    TRY(buf_ok(&out));
    return put_text(call, arena_str(call->arena, buf_str(&out)), ret);
}

const FpathFunction sqlview_functions[3] = {
    {.name = "getResourceKey", .call = resource_key},
    {.name = "join", .max_args = 1, .call = join},
    {.name = "getReferenceKey", .max_args = 1, .types_as_text = true, .call = reference_key},
};
