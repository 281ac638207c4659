/* JSON Patch (RFC 6902) with JSON Pointers (RFC 6901). */
#include "core/limits.h"
#include "patch/patch_int.h"
#include "patch/patch_tree_int.h"

typedef struct Json {
    PatchTree tree;
    PatchNode *root;
    PatchOp op;
    const JsonNode *node; /* the operation's object */
} Json;

/* Where a pointer leads: the container and the kid's number, which may be one that is not there. */
typedef struct Spot {
    PatchNode *parent; /* NULL: the whole document */
    Str name;          /* of a member that may not be there */
    size_t at;         /* SIZE_MAX: not there */
} Spot;

#define FAULT(name, code, rule, en, vi) static const PatchFault name = {code, rule, en, vi}
FAULT(NO_MEMBER, ERR_PARAM, "patch-operation", "op, path, and what else it needs, must be strings",
      "op, path và các thành phần cần thiết phải là chuỗi");
FAULT(BAD_OP, ERR_PARAM, "patch-operation", "op must be add, remove, replace, move, copy or test",
      "op phải là add, remove, replace, move, copy hoặc test");
FAULT(NO_VALUE, ERR_PARAM, "patch-operation", "value is missing", "thiếu value");
FAULT(BAD_POINTER, ERR_PARAM, "patch-path",
      "a path is empty or begins with /, with ~ only as ~0 and ~1",
      "path phải để trống hoặc bắt đầu bằng /, ~ chỉ dùng trong ~0 và ~1");
FAULT(NOT_THERE, ERR_INVALID, "patch-path", "there is nothing at this path",
      "không có gì ở đường dẫn này");
FAULT(NO_INDEX, ERR_INVALID, "patch-path", "this is no index of the array",
      "đây không phải là vị trí trong mảng");
FAULT(INTO_ITSELF, ERR_INVALID, "patch-path", "a value cannot be moved into itself",
      "không thể chuyển một giá trị vào chính nó");
FAULT(NO_REMOVE_ALL, ERR_INVALID, "patch-path", "the whole document cannot be removed",
      "không thể xoá toàn bộ tài liệu");
FAULT(DIFFERS, ERR_INVALID, "patch-test", "the value there is another one",
      "giá trị ở đó khác với giá trị cần có");

/* ---- pointers */

/* The next token, decoded. */
static ErrCode next_token(Json *j, Str *rest, Str *ret_token) {
    Str raw;
    (void)str_cut(rest, '/', &raw);
    char *out = arena_alloc(j->tree.arena, raw.len + 1);
    size_t n = 0;
    if (out == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '~') {
            char code = ++i < raw.len ? raw.ptr[i] : '\0';
            if (code != '0' && code != '1') {
                return patch_fail(&j->op, &BAD_POINTER);
            }
            c = code == '0' ? '~' : '/';
        }
        out[n++] = c;
    }
    *ret_token = (Str){out, n};
    return ERR_OK;
}

static ErrCode spot_in_array(Json *j, PatchNode *array, Str token, Spot *ret) {
    uint64_t at = 0;
    if (str_eq(token, STR("-"))) {
        *ret = (Spot){array, STR_EMPTY, array->n};
        return ERR_OK;
    }
    bool zero_first = token.len > 1 && token.ptr[0] == '0';
    if (zero_first || str_to_u64(token, &at) != ERR_OK || at > array->n) {
        return patch_fail(&j->op, &NO_INDEX);
    }
    *ret = (Spot){array, STR_EMPTY, (size_t)at};
    return ERR_OK;
}

static ErrCode step_to(Json *j, PatchNode *parent, Str token, Spot *ret) {
    TRY(patch_node_open(&j->tree, parent));
    if (parent->type == JSON_ARRAY) {
        return spot_in_array(j, parent, token, ret);
    }
    if (parent->type != JSON_OBJECT) {
        return patch_fail(&j->op, &NOT_THERE);
    }
    *ret = (Spot){parent, token, patch_node_find(&j->tree, parent, token)};
    return ERR_OK;
}

static bool is_there(const Spot *s) {
    return s->parent == NULL || s->at < s->parent->n;
}

static ErrCode find_spot(Json *j, Str pointer, Spot *ret) {
    PatchNode *at = j->root;
    *ret = (Spot){NULL, STR_EMPTY, 0};
    if (pointer.len == 0) {
        return ERR_OK;
    }
    if (pointer.ptr[0] != '/') {
        return patch_fail(&j->op, &BAD_POINTER);
    }
    Str rest = str_sub(pointer, 1, pointer.len);
    bool more = true;
    for (unsigned depth = 0; more; depth++) {
        Str token = STR_EMPTY;
        if (depth == LIMIT_JSON_DEPTH) { /* so that no tree gets deeper than twice that */
            return ERR_LIMIT;
        }
        more = str_find_char(rest, '/', 0) != SIZE_MAX;
        TRY(next_token(j, &rest, &token));
        TRY(step_to(j, at, token, ret));
        if (more && !is_there(ret)) {
            return patch_fail(&j->op, &NOT_THERE);
        }
        at = more ? ret->parent->kids[ret->at] : NULL;
    }
    return ERR_OK;
}

static ErrCode need_node(Json *j, Str pointer, Spot *ret_spot, PatchNode **ret_node) {
    TRY(find_spot(j, pointer, ret_spot));
    if (!is_there(ret_spot)) {
        return patch_fail(&j->op, &NOT_THERE);
    }
    *ret_node = ret_spot->parent == NULL ? j->root : ret_spot->parent->kids[ret_spot->at];
    return ERR_OK;
}

/* ---- operations */

static ErrCode put(Json *j, const Spot *spot, PatchNode *value) {
    if (spot->parent == NULL) {
        j->root = value;
        value->parent = NULL;
        return ERR_OK;
    }
    if (spot->parent->type == JSON_OBJECT) {
        return patch_node_set(&j->tree, spot->parent, spot->name, value);
    }
    value->name = STR_EMPTY;
    return patch_node_insert(&j->tree, spot->parent, spot->at, value);
}

static ErrCode need_value(Json *j, PatchNode **ret) {
    const JsonNode *value = json_get_lit(j->node, "value");
    if (value == NULL) {
        return patch_fail(&j->op, &NO_VALUE);
    }
    *ret = patch_node(&j->tree, value);
    return *ret == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode run_add(Json *j) {
    Spot spot;
    PatchNode *value = NULL;
    TRY(need_value(j, &value));
    TRY(find_spot(j, j->op.path, &spot));
    return put(j, &spot, value);
}

static ErrCode take(Json *j, Str pointer, PatchNode **ret) {
    Spot spot;
    TRY(need_node(j, pointer, &spot, ret));
    if (spot.parent == NULL) {
        return patch_fail(&j->op, &NO_REMOVE_ALL);
    }
    patch_node_remove(&j->tree, spot.parent, spot.at);
    return ERR_OK;
}

static ErrCode run_remove(Json *j) {
    PatchNode *gone = NULL;
    return take(j, j->op.path, &gone);
}

static ErrCode run_replace(Json *j) {
    Spot spot;
    PatchNode *value = NULL;
    PatchNode *old = NULL;
    TRY(need_value(j, &value));
    TRY(need_node(j, j->op.path, &spot, &old));
    if (spot.parent != NULL) {
        value->name = old->name;
        value->parent = spot.parent;
        spot.parent->kids[spot.at] = value;
        return ERR_OK;
    }
    return put(j, &spot, value);
}

static ErrCode need_from(Json *j, Str *ret) {
    const JsonNode *from = json_get_lit(j->node, "from");
    if (!json_is(from, JSON_STRING)) {
        return patch_fail(&j->op, &NO_MEMBER);
    }
    *ret = json_str(j->tree.arena, from);
    return ERR_OK;
}

static ErrCode run_move(Json *j) {
    Str from;
    Spot spot;
    PatchNode *value = NULL;
    TRY(need_from(j, &from));
    if (str_eq(from, j->op.path)) {
        return need_node(j, from, &spot, &value);
    }
    if (str_starts(j->op.path, from) && j->op.path.ptr[from.len] == '/') {
        return patch_fail(&j->op, &INTO_ITSELF);
    }
    TRY(take(j, from, &value));
    TRY(find_spot(j, j->op.path, &spot));
    return put(j, &spot, value);
}

static ErrCode run_copy(Json *j) {
    Str from;
    Spot spot;
    PatchNode *value = NULL;
    TRY(need_from(j, &from));
    TRY(need_node(j, from, &spot, &value));
    TRY(patch_node_clone(&j->tree, value, 0, &value));
    TRY(find_spot(j, j->op.path, &spot));
    return put(j, &spot, value);
}

static ErrCode run_test(Json *j) {
    Spot spot;
    PatchNode *there = NULL;
    PatchNode *value = NULL;
    bool equal = false;
    TRY(need_value(j, &value));
    TRY(need_node(j, j->op.path, &spot, &there));
    TRY(patch_node_equal(&j->tree, there, value, &equal));
    return equal ? ERR_OK : patch_fail(&j->op, &DIFFERS);
}

static ErrCode run_one(Json *j) {
    static const struct {
        const char *name;
        ErrCode (*run)(Json *j);
    } ops[] = {{"add", run_add},   {"remove", run_remove}, {"replace", run_replace},
               {"move", run_move}, {"copy", run_copy},     {"test", run_test}};
    const JsonNode *op = json_get_lit(j->node, "op");
    const JsonNode *path = json_get_lit(j->node, "path");
    if (!json_is(op, JSON_STRING) || !json_is(path, JSON_STRING)) {
        return patch_fail(&j->op, &NO_MEMBER);
    }
    j->op.kind = json_str(j->tree.arena, op);
    j->op.path = json_str(j->tree.arena, path);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (str_eq(j->op.kind, str_from(ops[i].name))) {
            ErrCode err = ops[i].run(j);
            err = err == ERR_OK && j->tree.steps > LIMIT_PATCH_STEPS ? ERR_LIMIT : err;
            return patch_fail_code(&j->op, err);
        }
    }
    return patch_fail(&j->op, &BAD_OP);
}

ErrCode patch_json(const PatchJson *in, Buf *out, ErrInfo *info) {
    Json j = {.tree = {.arena = in->arena}, .op = {.info = info}};
    size_t before = out->len;
    j.root = patch_node(&j.tree, in->document);
    if (j.root == NULL) {
        return ERR_NOMEM;
    }
    if (!json_is(in->patch, JSON_ARRAY)) {
        return err_set(info, ERR_PARAM, "patch-operation", "a JSON Patch is an array of operations",
                       "JSON Patch phải là một mảng các thao tác");
    }
    TRY(patch_check_count(json_count(in->patch), info));
    const JsonNode *one = json_first(in->patch);
    for (; one != NULL; one = json_next(in->patch, one)) {
        j.op = (PatchOp){
            .number = j.op.number + 1, .kind = STR_EMPTY, .path = STR_EMPTY, .info = info};
        j.node = one;
        TRY(run_one(&j));
    }
    JsonWriter w = json_writer(out);
    patch_node_print(&w, j.root, in->drop_empty);
    if (buf_ok(out) != ERR_OK) {
        ErrCode err = out->err;
        out->len = before;
        out->err = ERR_OK;
        return patch_fail_code(&j.op, err);
    }
    return ERR_OK;
}
