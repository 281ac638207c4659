/* FHIRPath Patch. Each operation finds its place by FHIRPath on the tape as it then is, changes the
 * tree over it, and is printed: the next one sees what it did. Every change is one of a list: an
 * element's values with the `_name` objects beside them (one pair for what does not repeat). */
#include "core/limits.h"
#include "fhir/fhir_parse.h"
#include "fpath/fpath.h"
#include "patch/patch_int.h"
#include "patch/patch_tree_int.h"

/* A value with its id and extensions; NULL: none. */
typedef struct Pair {
    PatchNode *value, *extras;
} Pair;

/* All values of one element of one object. */
typedef struct List {
    PatchNode *object;
    FhirShape shape; /* of the object */
    const FhirElement *e;
    Pair *pairs; /* room for one more */
    size_t n;
} List;

/* The parts of one operation. */
typedef struct Args {
    const JsonNode *type, *path, *name, *index, *source, *destination;
    const JsonNode *value; /* the part itself */
} Args;

typedef struct Fhir {
    PatchTree tree;
    PatchNode *root;
    const JsonNode *tape; /* under the tree */
    FhirType type;
    PatchOp op;
    Args args;
    FhirShape part; /* Parameters.parameter */
} Fhir;

#define FAULT(name, code, rule, en, vi) static const PatchFault name = {code, rule, en, vi}
FAULT(NOT_OPERATION, ERR_PARAM, "patch-operation",
      "parameters must be named 'operation', with type and path among their parts",
      "các tham số phải có tên 'operation' và có type, path trong các phần");
FAULT(BAD_PART, ERR_PARAM, "patch-operation", "a part that is needed is missing or of another type",
      "thiếu một phần cần thiết hoặc phần đó không đúng kiểu");
FAULT(BAD_TYPE, ERR_PARAM, "patch-operation", "type must be add, insert, delete, replace or move",
      "type phải là add, insert, delete, replace hoặc move");
FAULT(NOT_THERE, ERR_INVALID, "patch-path", "nothing is found by this path",
      "không tìm thấy gì theo đường dẫn này");
FAULT(SEVERAL, ERR_INVALID, "patch-path", "the path finds more than one element",
      "đường dẫn tìm thấy nhiều hơn một phần tử");
FAULT(NO_PLACE, ERR_INVALID, "patch-path", "the path does not lead to an element of the resource",
      "đường dẫn không chỉ tới phần tử nào của tài nguyên");
FAULT(WHOLE, ERR_INVALID, "patch-path", "the whole resource cannot be changed at once",
      "không thể thay đổi toàn bộ tài nguyên một lúc");
FAULT(NO_LIST, ERR_INVALID, "patch-path", "the path must name one element that repeats",
      "đường dẫn phải chỉ tới một phần tử lặp");
FAULT(NO_ELEMENT, ERR_INVALID, "patch-path", "FHIR R4 has no element of that name and type there",
      "FHIR R4 không có phần tử với tên và kiểu đó ở đây");
FAULT(THERE, ERR_INVALID, "patch-path",
      "the element is there already and does not repeat; use replace",
      "phần tử đã có và không được lặp; hãy dùng replace");
FAULT(BAD_INDEX, ERR_INVALID, "patch-index", "the index is outside of the list",
      "vị trí nằm ngoài danh sách");
FAULT(NO_VALUE, ERR_PARAM, "patch-value", "give a value[x], a resource or parts",
      "hãy cho value[x], tài nguyên hoặc các phần");
FAULT(BAD_VALUE, ERR_INVALID, "patch-value", "a part of the value has no element of its name",
      "một phần của giá trị không có phần tử mang tên đó");

/* ---- places: from nodes of the tape to nodes of the tree */

static bool holds(const JsonNode *outer, const JsonNode *inner) {
    return outer != NULL && inner >= outer && inner < outer + outer->skip;
}

static FhirShape shape_of_member(FhirShape shape, Str name, const JsonNode *value) {
    if (name.len > 0 && name.ptr[0] == '_') {
        return FHIR_T_ELEMENT;
    }
    const FhirElement *e = fhir_element(shape, name);
    if (e == NULL || e->shape != FHIR_T_RESOURCE) {
        return e == NULL ? 0 : e->shape;
    }
    return json_is(value, JSON_OBJECT) ? (FhirShape)fhir_type_of(value) : FHIR_T_RESOURCE;
}

/* The tree's node of an object of the tape, with its shape; NULL: memory is short. */
static ErrCode node_at(Fhir *f, const JsonNode *target, PatchNode **ret_node,
                       FhirShape *ret_shape) {
    PatchNode *at = f->root;
    FhirShape shape = (FhirShape)f->type;
    while (at->src != target) {
        TRY(patch_node_open(&f->tree, at));
        size_t i = 0;
        while (i < at->n && !holds(at->kids[i]->src, target)) {
            i++;
        }
        f->tree.steps += i + 1;
        if (i == at->n) {
            return patch_fail(&f->op, &NO_PLACE);
        }
        PatchNode *kid = at->kids[i];
        if (at->type == JSON_OBJECT) {
            shape = shape_of_member(shape, kid->name, kid->src);
        } else if (shape == FHIR_T_RESOURCE) {
            shape = (FhirShape)fhir_type_of(kid->src);
        }
        at = kid;
    }
    TRY(patch_node_open(&f->tree, at));
    *ret_node = at;
    *ret_shape = shape;
    return ERR_OK;
}

static ErrCode eval(Fhir *f, Str path, FpathSeq *ret) {
    const FpathExpr *expr = NULL;
    FpathEnv env = fpath_env(f->tape);
    FpathOptions options = {.context = (FhirShape)f->type};
    TRY(fpath_compile(f->tree.arena, path, &options, &expr, f->op.info));
    TRY(fpath_eval(f->tree.arena, expr, &env, ret, f->op.info));
    for (size_t i = 0; i < ret->n; i++) {
        if (ret->items[i].kind != FPATH_NODE) {
            return patch_fail(&f->op, &NO_PLACE);
        }
    }
    return ERR_OK;
}

/* ---- lists of pairs */

static Str with_mark(Arena *arena, Str name) {
    return arena_printf(arena, "_" STR_FMT, STR_ARG(name));
}

static Str name_of(const FhirElement *e) {
    return (Str){e->name, e->name_len};
}

static bool repeats(const List *l) {
    return (l->e->flags & FHIR_E_ARRAY) != 0;
}

static PatchNode *not_null(PatchNode *n) {
    return n == NULL || n->type == JSON_NULL ? NULL : n;
}

/* The member opened, when it is what the element needs; NULL when it is not there. */
static ErrCode open_member(Fhir *f, const List *l, Str name, PatchNode **ret) {
    size_t at = patch_node_find(&f->tree, l->object, name);
    *ret = at == SIZE_MAX ? NULL : l->object->kids[at];
    if (*ret != NULL && repeats(l) != ((*ret)->type == JSON_ARRAY)) {
        return patch_fail(&f->op, &NO_PLACE);
    }
    return *ret == NULL ? ERR_OK : patch_node_open(&f->tree, *ret);
}

static ErrCode load(Fhir *f, List *l) {
    PatchNode *values = NULL;
    PatchNode *extras = NULL;
    TRY(open_member(f, l, name_of(l->e), &values));
    TRY(open_member(f, l, with_mark(f->tree.arena, name_of(l->e)), &extras));
    size_t n_values = values == NULL ? 0 : repeats(l) ? values->n : 1;
    size_t n_extras = extras == NULL ? 0 : repeats(l) ? extras->n : 1;
    l->n = MAX(n_values, n_extras);
    l->pairs = arena_new_array(f->tree.arena, Pair, l->n + 1);
    if (l->pairs == NULL) {
        return ERR_NOMEM;
    }
    f->tree.steps += l->n;
    for (size_t i = 0; i < l->n; i++) {
        PatchNode *v = i >= n_values ? NULL : repeats(l) ? values->kids[i] : values;
        PatchNode *x = i >= n_extras ? NULL : repeats(l) ? extras->kids[i] : extras;
        l->pairs[i] = (Pair){not_null(v), not_null(x)};
    }
    return ERR_OK;
}

/* One of the two members anew from one side of the pairs. */
static ErrCode store_side(Fhir *f, const List *l, Str name, bool extras) {
    PatchTree *t = &f->tree;
    size_t at = patch_node_find(t, l->object, name);
    PatchNode *array = patch_node_empty(t, JSON_ARRAY);
    bool any = false;
    for (size_t i = 0; i < l->n; i++) {
        PatchNode *one = extras ? l->pairs[i].extras : l->pairs[i].value;
        any = any || one != NULL;
        if (!repeats(l) && one != NULL) {
            return patch_node_set(t, l->object, name, one);
        }
        one = one == NULL ? patch_node(t, &PATCH_NULL) : one;
        if (one == NULL || array == NULL) {
            return ERR_NOMEM;
        }
        one->name = STR_EMPTY;
        TRY(patch_node_insert(t, array, array->n, one));
    }
    if (!any && at != SIZE_MAX) {
        patch_node_remove(t, l->object, at);
    }
    return any ? patch_node_set(t, l->object, name, array) : ERR_OK;
}

static ErrCode store(Fhir *f, const List *l) {
    TRY(store_side(f, l, name_of(l->e), false));
    if (l->e->kind == FHIR_KIND_PRIMITIVE) {
        TRY(store_side(f, l, with_mark(f->tree.arena, name_of(l->e)), true));
    }
    return ERR_OK;
}

/* Number `at` is put before, behind the last one, or taken out. */
static void pairs_insert(List *l, size_t at, Pair pair) {
    memmove(l->pairs + at + 1, l->pairs + at, (l->n - at) * sizeof(*l->pairs));
    l->pairs[at] = pair;
    l->n++;
}

static Pair pairs_take(List *l, size_t at) {
    Pair pair = l->pairs[at];
    l->n--;
    memmove(l->pairs + at, l->pairs + at + 1, (l->n - at) * sizeof(*l->pairs));
    return pair;
}

/* ---- values */

static ErrCode put_parts(Fhir *f, JsonWriter *w, const JsonNode *parts, FhirShape shape);

/* The value[x] of a part and the _value[x] beside it; the type by its name. */
static FhirType value_of(Fhir *f, const JsonNode *part, const JsonNode **ret_value,
                         const JsonNode **ret_extras) {
    FhirType type = FHIR_T_NONE;
    *ret_value = *ret_extras = NULL;
    for (const JsonNode *m = json_first(part); m != NULL; m = json_next(part, m)) {
        Str name = json_raw_str(m);
        bool extras = str_starts(name, STR("_"));
        const FhirElement *e = fhir_element(f->part, extras ? str_sub(name, 1, name.len) : name);
        if (e != NULL && e->choice != 0) {
            type = (FhirType)e->shape;
            *(extras ? ret_extras : ret_value) = json_value(m);
        }
    }
    return type;
}

static const FhirElement *element_for(FhirShape shape, Str name, FhirType type) {
    const FhirElement *e = shape == 0 ? NULL : fhir_element(shape, name);
    return e != NULL || shape == 0 ? e : fhir_choice(shape, name, type);
}

/* The part's value as JSON; ret_extras: what belongs into `_name`, empty when nothing. */
static ErrCode put_value(Fhir *f, Buf *out, const JsonNode *part, FhirShape shape,
                         const JsonNode **ret_extras) {
    const JsonNode *value = NULL;
    JsonWriter w = json_writer(out);
    (void)value_of(f, part, &value, ret_extras);
    const JsonNode *resource = json_get_lit(part, "resource");
    const JsonNode *parts = json_get_lit(part, "part");
    if (value != NULL || *ret_extras != NULL) {
        if (value != NULL) {
            json_put_node(&w, value);
        }
        return ERR_OK;
    }
    if (resource != NULL) {
        json_put_node(&w, resource);
        return ERR_OK;
    }
    return json_is(parts, JSON_ARRAY) ? put_parts(f, &w, parts, shape)
                                      : patch_fail(&f->op, &NO_VALUE);
}

static Str name_of_part(Fhir *f, const JsonNode *part) {
    return json_str(f->tree.arena, json_get_lit(part, "name"));
}

static const FhirElement *element_of_part(Fhir *f, const JsonNode *part, FhirShape shape) {
    const JsonNode *value = NULL;
    const JsonNode *extras = NULL;
    FhirType type = value_of(f, part, &value, &extras);
    return element_for(shape, name_of_part(f, part), type);
}

/* One side of all parts that are values of e: the values, or what belongs into `_name`. */
static ErrCode put_side(Fhir *f, JsonWriter *w, const JsonNode *parts, const FhirElement *e,
                        FhirShape shape, bool side) {
    bool array = (e->flags & FHIR_E_ARRAY) != 0;
    CLEANUP_BUF Buf all;
    bool any = false;
    unsigned n = 0;
    buf_init(&all, LIMIT_RESOURCE_BYTES);
    for (const JsonNode *p = json_first(parts); p != NULL; p = json_next(parts, p)) {
        if (element_of_part(f, p, shape) != e) {
            continue;
        }
        CLEANUP_BUF Buf one;
        const JsonNode *extras = NULL;
        buf_init(&one, LIMIT_RESOURCE_BYTES);
        TRY(put_value(f, &one, p, e->shape, &extras));
        Str text = !side ? buf_str(&one) : extras != NULL ? json_raw(extras) : STR_EMPTY;
        any = any || text.len > 0;
        if (n++ > 0) {
            buf_put_char(&all, ',');
        }
        buf_put_str(&all, text.len > 0 ? text : STR("null"));
        if (++f->tree.steps > LIMIT_PATCH_STEPS) {
            return ERR_LIMIT;
        }
    }
    if (any && buf_ok(&all) == ERR_OK) {
        json_put_name(w, side ? with_mark(f->tree.arena, name_of(e)) : name_of(e));
        json_put_raw(w, arena_printf(f->tree.arena, array ? "[" STR_FMT "]" : STR_FMT,
                                     STR_ARG(buf_str(&all))));
    }
    return buf_ok(&all);
}

static bool is_first(Fhir *f, const JsonNode *parts, const JsonNode *part, FhirShape shape) {
    const FhirElement *e = element_of_part(f, part, shape);
    const JsonNode *p = json_first(parts);
    while (p != part && element_of_part(f, p, shape) != e) {
        p = json_next(parts, p);
        f->tree.steps++;
    }
    return p == part;
}

/* An object of a group without a name (Patient.contact): its elements as parts. */
static ErrCode put_parts(Fhir *f, JsonWriter *w, const JsonNode *parts, FhirShape shape) {
    json_open_object(w);
    for (const JsonNode *p = json_first(parts); p != NULL; p = json_next(parts, p)) {
        const FhirElement *e = element_of_part(f, p, shape);
        if (e == NULL) {
            return patch_fail(&f->op, &BAD_VALUE);
        }
        if (is_first(f, parts, p, shape)) {
            TRY(put_side(f, w, parts, e, shape, false));
            TRY(put_side(f, w, parts, e, shape, true));
        }
        if (f->tree.steps > LIMIT_PATCH_STEPS) {
            return ERR_LIMIT;
        }
    }
    json_close_object(w);
    return buf_ok(w->out);
}

static ErrCode parse_node(Fhir *f, Str json, PatchNode **ret) {
    const JsonNode *node = NULL;
    TRY(json_parse(f->tree.arena, arena_str(f->tree.arena, json), &node, f->op.info));
    *ret = patch_node(&f->tree, node);
    return *ret == NULL ? ERR_NOMEM : ERR_OK;
}

/* The operation's value as it belongs into e. */
static ErrCode need_pair(Fhir *f, const FhirElement *e, Pair *ret) {
    CLEANUP_BUF Buf text;
    const JsonNode *extras = NULL;
    *ret = (Pair){NULL, NULL};
    buf_init(&text, LIMIT_RESOURCE_BYTES);
    if (f->args.value == NULL) {
        return patch_fail(&f->op, &BAD_PART);
    }
    TRY(put_value(f, &text, f->args.value, e->shape, &extras));
    TRY(buf_ok(&text));
    if (text.len > 0) {
        TRY(parse_node(f, buf_str(&text), &ret->value));
    }
    if (extras != NULL) {
        TRY(parse_node(f, json_raw(extras), &ret->extras));
    }
    return ERR_OK;
}

static FhirType type_of_value(Fhir *f) {
    const JsonNode *value = NULL;
    const JsonNode *extras = NULL;
    return f->args.value == NULL ? FHIR_T_NONE : value_of(f, f->args.value, &value, &extras);
}

/* ---- what a path names */

/* The list in which the item stands; *ret_at: its number there. */
static ErrCode list_of_item(Fhir *f, const FpathItem *item, List *ret, size_t *ret_at) {
    FpathPlace place;
    if (!fpath_item_place(item, &place)) {
        return patch_fail(&f->op, &NO_PLACE);
    }
    if (place.object == NULL) {
        return patch_fail(&f->op, &WHOLE);
    }
    *ret = (List){.object = NULL};
    TRY(node_at(f, place.object, &ret->object, &ret->shape));
    Str name = json_str(f->tree.arena, place.name);
    name = str_starts(name, STR("_")) ? str_sub(name, 1, name.len) : name;
    ret->e = ret->shape == 0 ? NULL : fhir_element(ret->shape, name);
    if (ret->e == NULL) {
        return patch_fail(&f->op, &NO_PLACE);
    }
    TRY(load(f, ret));
    *ret_at = place.array == NULL ? 0 : place.index;
    return *ret_at < ret->n ? ERR_OK : patch_fail(&f->op, &NO_PLACE);
}

static ErrCode need_one(Fhir *f, FpathItem *ret) {
    FpathSeq found;
    TRY(eval(f, f->op.path, &found));
    if (found.n != 1) {
        return patch_fail(&f->op, found.n == 0 ? &NOT_THERE : &SEVERAL);
    }
    *ret = found.items[0];
    return ERR_OK;
}

/* The object that an item is; of a primitive the `_name` object, made when there is none. */
static ErrCode object_of_item(Fhir *f, const FpathItem *item, PatchNode **ret,
                              FhirShape *ret_shape) {
    List l;
    size_t at = 0;
    if (item->node != NULL && json_is(item->node, JSON_OBJECT)) {
        return node_at(f, item->node, ret, ret_shape);
    }
    TRY(list_of_item(f, item, &l, &at));
    if (l.e->kind != FHIR_KIND_PRIMITIVE) {
        return patch_fail(&f->op, &NO_PLACE);
    }
    Pair *pair = &l.pairs[at];
    pair->extras = pair->extras == NULL ? patch_node_empty(&f->tree, JSON_OBJECT) : pair->extras;
    if (pair->extras == NULL) {
        return ERR_NOMEM;
    }
    TRY(store(f, &l));
    *ret = pair->extras;
    *ret_shape = FHIR_T_ELEMENT;
    return patch_node_open(&f->tree, *ret);
}

/* Where the last name of the path begins, brackets and quotes aside; SIZE_MAX: there is only one.
 */
static size_t last_dot(Str path) {
    size_t dot = SIZE_MAX;
    int depth = 0;
    char quote = '\0';
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (quote != '\0') {
            i += c == '\\';
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"' || c == '`') {
            quote = c;
        } else if (c == '(' || c == '[') {
            depth++;
        } else if (c == ')' || c == ']') {
            depth--;
        } else if (c == '.' && depth == 0) {
            dot = i;
        }
    }
    return dot;
}

/* A list in which nothing is yet: by the path of its object. */
static ErrCode empty_list(Fhir *f, List *ret) {
    FpathSeq found;
    size_t dot = last_dot(f->op.path);
    if (dot == SIZE_MAX) {
        return patch_fail(&f->op, &NOT_THERE);
    }
    TRY(eval(f, str_sub(f->op.path, 0, dot), &found));
    if (found.n != 1) {
        return patch_fail(&f->op, found.n == 0 ? &NOT_THERE : &SEVERAL);
    }
    *ret = (List){.object = NULL};
    TRY(object_of_item(f, &found.items[0], &ret->object, &ret->shape));
    ret->e =
        element_for(ret->shape, str_sub(f->op.path, dot + 1, f->op.path.len), type_of_value(f));
    return ret->e == NULL ? patch_fail(&f->op, &NOT_THERE) : load(f, ret);
}

/* The list that the path names as a whole. */
static ErrCode need_list(Fhir *f, List *ret) {
    FpathSeq found;
    size_t at = 0;
    TRY(eval(f, f->op.path, &found));
    if (found.n == 0) {
        TRY(empty_list(f, ret));
    } else {
        TRY(list_of_item(f, &found.items[0], ret, &at));
    }
    return repeats(ret) && found.n == ret->n ? ERR_OK : patch_fail(&f->op, &NO_LIST);
}

/* The part's integer, from 0 to max. */
static ErrCode need_index(Fhir *f, const JsonNode *part, size_t max, size_t *ret) {
    int64_t at = 0;
    if (json_to_i64(json_get_lit(part, "valueInteger"), &at) != ERR_OK) {
        return patch_fail(&f->op, &BAD_PART);
    }
    if (at < 0 || (uint64_t)at > max) {
        return patch_fail(&f->op, &BAD_INDEX);
    }
    *ret = (size_t)at;
    return ERR_OK;
}

/* ---- operations */

static ErrCode run_add(Fhir *f) {
    FpathItem item;
    List l = {.object = NULL};
    Pair pair;
    Str name = json_str(f->tree.arena, json_get_lit(f->args.name, "valueString"));
    if (name.len == 0) {
        return patch_fail(&f->op, &BAD_PART);
    }
    TRY(need_one(f, &item));
    TRY(object_of_item(f, &item, &l.object, &l.shape));
    l.e = element_for(l.shape, name, type_of_value(f));
    if (l.e == NULL) {
        return patch_fail(&f->op, &NO_ELEMENT);
    }
    TRY(load(f, &l));
    if (!repeats(&l) && l.n > 0) {
        return patch_fail(&f->op, &THERE);
    }
    TRY(need_pair(f, l.e, &pair));
    pairs_insert(&l, l.n, pair);
    return store(f, &l);
}

static ErrCode run_insert(Fhir *f) {
    List l;
    size_t at = 0;
    Pair pair;
    TRY(need_list(f, &l));
    TRY(need_index(f, f->args.index, l.n, &at));
    TRY(need_pair(f, l.e, &pair));
    pairs_insert(&l, at, pair);
    return store(f, &l);
}

/* An element in which nothing is left goes, too. */
static ErrCode drop_if_empty(Fhir *f, PatchNode *object) {
    PatchNode *up = object->parent;
    while (up != NULL && object->n == 0) {
        size_t at = 0;
        while (up->kids[at] != object) {
            at++;
        }
        if (up->type == JSON_ARRAY && up->name.len > 0 && up->name.ptr[0] == '_') {
            up->kids[at] = patch_node(&f->tree, &PATCH_NULL); /* beside values that stay */
            return up->kids[at] == NULL ? ERR_NOMEM : ERR_OK;
        }
        patch_node_remove(&f->tree, up, at);
        object = up;
        up = object->parent;
    }
    return ERR_OK;
}

static ErrCode run_delete(Fhir *f) {
    FpathSeq found;
    List l;
    size_t at = 0;
    TRY(eval(f, f->op.path, &found));
    if (found.n != 1) {
        return found.n == 0 ? ERR_OK : patch_fail(&f->op, &SEVERAL);
    }
    TRY(list_of_item(f, &found.items[0], &l, &at));
    (void)pairs_take(&l, at);
    TRY(store(f, &l));
    return drop_if_empty(f, l.object);
}

static ErrCode run_replace(Fhir *f) {
    FpathItem item;
    List l;
    size_t at = 0;
    Pair pair;
    TRY(need_one(f, &item));
    TRY(list_of_item(f, &item, &l, &at));
    const FhirElement *now =
        l.e->choice == 0 ? l.e
                         : fhir_choice(l.shape, (Str){l.e->name, l.e->base_len}, type_of_value(f));
    if (now == NULL) {
        return patch_fail(&f->op, &NO_ELEMENT);
    }
    TRY(need_pair(f, now, &pair));
    if (now != l.e) { /* a choice of another type */
        l.n = 0;
        TRY(store(f, &l));
        l.e = now;
        l.n = 1;
    }
    l.pairs[at] = pair;
    return store(f, &l);
}

static ErrCode run_move(Fhir *f) {
    List l;
    size_t from = 0;
    size_t to = 0;
    TRY(need_list(f, &l));
    if (l.n == 0) {
        return patch_fail(&f->op, &NOT_THERE);
    }
    TRY(need_index(f, f->args.source, l.n - 1, &from));
    TRY(need_index(f, f->args.destination, l.n - 1, &to));
    pairs_insert(&l, to, pairs_take(&l, from));
    return store(f, &l);
}

/* ---- all operations */

static ErrCode read_args(Fhir *f, const JsonNode *operation) {
    const struct {
        const char *name;
        const JsonNode **to;
    } known[] = {{"type", &f->args.type},     {"path", &f->args.path},
                 {"name", &f->args.name},     {"index", &f->args.index},
                 {"source", &f->args.source}, {"destination", &f->args.destination},
                 {"value", &f->args.value}};
    const JsonNode *parts = json_get_lit(operation, "part");
    f->args = (Args){.type = NULL};
    if (!json_str_is(json_get_lit(operation, "name"), STR("operation")) ||
        !json_is(parts, JSON_ARRAY)) {
        return patch_fail(&f->op, &NOT_OPERATION);
    }
    for (const JsonNode *p = json_first(parts); p != NULL; p = json_next(parts, p)) {
        Str name = name_of_part(f, p);
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
            if (str_eq(name, str_from(known[i].name))) {
                *known[i].to = p;
            }
        }
    }
    const JsonNode *type = json_get_lit(f->args.type, "valueCode");
    type = type == NULL ? json_get_lit(f->args.type, "valueString") : type;
    f->op.kind = json_str(f->tree.arena, type);
    f->op.path = json_str(f->tree.arena, json_get_lit(f->args.path, "valueString"));
    return f->op.kind.len > 0 && f->op.path.len > 0 ? ERR_OK : patch_fail(&f->op, &NOT_OPERATION);
}

static ErrCode run_one(Fhir *f, const JsonNode *operation) {
    static const struct {
        const char *name;
        ErrCode (*run)(Fhir *f);
    } ops[] = {{"add", run_add},
               {"insert", run_insert},
               {"delete", run_delete},
               {"replace", run_replace},
               {"move", run_move}};
    TRY(read_args(f, operation));
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (str_eq(f->op.kind, str_from(ops[i].name))) {
            ErrCode err = ops[i].run(f);
            err = err == ERR_OK && f->tree.steps > LIMIT_PATCH_STEPS ? ERR_LIMIT : err;
            return patch_fail_code(&f->op, err);
        }
    }
    return patch_fail(&f->op, &BAD_TYPE);
}

static ErrCode print_tree(Fhir *f, Buf *out) {
    JsonWriter w = json_writer(out);
    patch_node_print(&w, f->root, false);
    return patch_fail_code(&f->op, buf_ok(out));
}

/* The tree's text becomes the tape of the next operation. */
static ErrCode settle(Fhir *f, Buf texts[2], unsigned *at, uint64_t *work) {
    Buf *out = &texts[ *at ^= 1];
    buf_clear(out);
    TRY(print_tree(f, out));
    *work += out->len;
    if (*work > LIMIT_PATCH_BYTES) {
        static const PatchFault size = {ERR_LIMIT, "patch-size",
                                        "too many operations for a resource of this size",
                                        "quá nhiều thao tác đối với một tài nguyên cỡ này"};
        return patch_fail(&f->op, &size);
    }
    TRY(json_parse(f->tree.arena, buf_str(out), &f->tape, f->op.info));
    f->root = patch_node(&f->tree, f->tape);
    return f->root == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode run_all(Fhir *f, const JsonNode *list, Buf texts[2], Arena *round[2]) {
    unsigned at = 0;
    unsigned turn = 0;
    uint64_t work = 0;
    for (const JsonNode *one = json_first(list); one != NULL; one = json_next(list, one)) {
        f->op.number++;
        TRY(run_one(f, one));
        f->op.kind = f->op.path = STR_EMPTY;
        f->tree.arena = round[turn ^= 1];
        arena_reset(f->tree.arena);
        TRY(settle(f, texts, &at, &work));
    }
    return ERR_OK;
}

ErrCode patch_fhir(const PatchJson *in, Buf *out, ErrInfo *info) {
    Fhir f = {.tape = in->document,
              .type = fhir_type_of(in->document),
              .op = {.kind = STR_EMPTY, .path = STR_EMPTY, .info = info},
              .part = fhir_shape_at(STR("Parameters.parameter"))};
    const JsonNode *list = json_get_lit(in->patch, "parameter");
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;
    if (f.type == FHIR_T_NONE || fhir_type_of(in->patch) != FHIR_T_PARAMETERS) {
        return err_set(info, ERR_PARAM, "patch-operation",
                       "a FHIRPath Patch is a Parameters resource",
                       "FHIRPath Patch phải là một tài nguyên Parameters");
    }
    TRY(patch_check_count(n, info));
    Buf texts[2];
    CLEANUP_ARENA Arena *even = arena_new(64 * LIMIT_RESOURCE_BYTES);
    CLEANUP_ARENA Arena *odd = arena_new(64 * LIMIT_RESOURCE_BYTES);
    Arena *round[2] = {even, odd};
    if (even == NULL || odd == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&texts[0], LIMIT_RESOURCE_BYTES);
    buf_init(&texts[1], LIMIT_RESOURCE_BYTES);
    f.tree.arena = even;
    f.root = patch_node(&f.tree, in->document);
    ErrCode err = f.root == NULL ? ERR_NOMEM : ERR_OK;
    err = err == ERR_OK && n > 0 ? run_all(&f, list, texts, round) : err;
    if (err == ERR_OK) {
        buf_put_str(out, json_raw(f.tape));
        err = buf_ok(out);
    }
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    return err;
}
