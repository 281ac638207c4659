#include "patch/patch_tree_int.h"

#include "core/decimal.h"
#include "core/limits.h"

const JsonNode PATCH_NULL = {.text = "null", .len = 4, .skip = 1, .type = JSON_NULL};

enum { NODE_STEPS = 8 }; /* what a new node counts: it takes memory, too */

static ErrCode step(PatchTree *t, size_t n) {
    t->steps += n;
    return t->steps > LIMIT_PATCH_STEPS ? ERR_LIMIT : ERR_OK;
}

PatchNode *patch_node(PatchTree *t, const JsonNode *src) {
    PatchNode *n = arena_new_array(t->arena, PatchNode, 1);
    if (n != NULL) {
        *n = (PatchNode){.src = src, .type = (uint8_t)src->type};
    }
    return n;
}

PatchNode *patch_node_empty(PatchTree *t, JsonType type) {
    PatchNode *n = arena_new_array(t->arena, PatchNode, 1);
    if (n != NULL) {
        *n = (PatchNode){.type = (uint8_t)type, .open = true};
    }
    return n;
}

static bool is_container(const PatchNode *n) {
    return n->type == JSON_ARRAY || n->type == JSON_OBJECT;
}

ErrCode patch_node_open(PatchTree *t, PatchNode *n) {
    if (n->open || !is_container(n)) {
        return ERR_OK;
    }
    size_t count = json_count(n->src);
    TRY(step(t, count * NODE_STEPS));
    PatchNode *all = arena_new_array(t->arena, PatchNode, count + 1);
    n->kids = arena_new_array(t->arena, PatchNode *, count + 1);
    if (all == NULL || n->kids == NULL) {
        return ERR_NOMEM;
    }
    bool object = n->type == JSON_OBJECT;
    const JsonNode *m = json_first(n->src);
    for (size_t i = 0; m != NULL; m = json_next(n->src, m), i++) {
        const JsonNode *value = object ? json_value(m) : m;
        all[i] = (PatchNode){.src = value,
                             .parent = n,
                             .name = object ? json_str(t->arena, m) : STR_EMPTY,
                             .type = (uint8_t)value->type};
        n->kids[i] = &all[i];
    }
    n->n = count;
    n->room = count + 1;
    n->open = true;
    return ERR_OK;
}

size_t patch_node_find(PatchTree *t, const PatchNode *object, Str name) {
    assert(object->open);
    t->steps += object->n;
    for (size_t i = 0; i < object->n; i++) {
        if (str_eq(object->kids[i]->name, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

ErrCode patch_node_insert(PatchTree *t, PatchNode *parent, size_t at, PatchNode *kid) {
    assert(parent->open && at <= parent->n);
    TRY(step(t, 1 + (parent->n - at) / 8));
    if (parent->n == parent->room) {
        size_t room = parent->room < 8 ? 8 : 2 * parent->room;
        PatchNode **kids = parent->kids == NULL
                               ? arena_alloc(t->arena, room * sizeof(*kids))
                               : arena_resize(t->arena, parent->kids, parent->room * sizeof(*kids),
                                              room * sizeof(*kids));
        if (kids == NULL) {
            return ERR_NOMEM;
        }
        parent->kids = kids;
        parent->room = room;
    }
    memmove(parent->kids + at + 1, parent->kids + at, (parent->n - at) * sizeof(*parent->kids));
    parent->kids[at] = kid;
    parent->n++;
    kid->parent = parent;
    return ERR_OK;
}

void patch_node_remove(PatchTree *t, PatchNode *parent, size_t at) {
    assert(parent->open && at < parent->n);
    t->steps += 1 + (parent->n - at) / 8;
    parent->n--;
    memmove(parent->kids + at, parent->kids + at + 1, (parent->n - at) * sizeof(*parent->kids));
}

ErrCode patch_node_set(PatchTree *t, PatchNode *object, Str name, PatchNode *value) {
    size_t at = patch_node_find(t, object, name);
    value->name = name;
    value->parent = object;
    if (at == SIZE_MAX) {
        return patch_node_insert(t, object, object->n, value);
    }
    object->kids[at] = value;
    return step(t, 1);
}

ErrCode patch_node_clone(PatchTree *t, const PatchNode *n, unsigned depth, PatchNode **ret) {
    if (depth > LIMIT_JSON_DEPTH) {
        return ERR_LIMIT;
    }
    TRY(step(t, NODE_STEPS));
    PatchNode *copy = arena_new_array(t->arena, PatchNode, 1);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    *copy = *n;
    copy->parent = NULL;
    copy->room = n->n + 1;
    copy->kids = n->open ? arena_new_array(t->arena, PatchNode *, copy->room) : NULL;
    for (size_t i = 0; n->open && i < n->n; i++) {
        if (copy->kids == NULL) {
            return ERR_NOMEM;
        }
        TRY(patch_node_clone(t, n->kids[i], depth + 1, &copy->kids[i]));
        copy->kids[i]->parent = copy;
    }
    *ret = copy;
    return ERR_OK;
}

/* ---- comparing */

static bool equal_scalars(PatchTree *t, const PatchNode *a, const PatchNode *b) {
    Decimal x;
    Decimal y;
    if (a->type == JSON_STRING) {
        return str_eq(json_str(t->arena, a->src), json_str(t->arena, b->src));
    }
    if (a->type != JSON_NUMBER) {
        return true; /* the type is the value */
    }
    if (decimal_parse(json_raw(a->src), &x) != ERR_OK ||
        decimal_parse(json_raw(b->src), &y) != ERR_OK) {
        return str_eq(json_raw(a->src), json_raw(b->src));
    }
    return decimal_cmp(x, y) == 0;
}

ErrCode patch_node_equal(PatchTree *t, PatchNode *a, PatchNode *b, bool *ret) {
    *ret = a->type == b->type;
    TRY(step(t, 1));
    if (!*ret || !is_container(a)) {
        *ret = *ret && equal_scalars(t, a, b);
        return ERR_OK;
    }
    TRY(patch_node_open(t, a));
    TRY(patch_node_open(t, b));
    *ret = a->n == b->n;
    for (size_t i = 0; *ret && i < a->n; i++) {
        size_t k = a->type == JSON_OBJECT ? patch_node_find(t, b, a->kids[i]->name) : i;
        *ret = k != SIZE_MAX;
        if (*ret) {
            TRY(patch_node_equal(t, a->kids[i], b->kids[k], ret));
        }
    }
    return step(t, 0);
}

/* ---- printing */

/* An opened container in which nothing is left. */
static bool is_empty(const PatchNode *n) {
    if (!n->open || !is_container(n)) {
        return false;
    }
    for (size_t i = 0; i < n->n; i++) {
        if (!is_empty(n->kids[i])) {
            return false;
        }
    }
    return true;
}

void patch_node_print(JsonWriter *w, const PatchNode *n, bool drop_empty) {
    if (!n->open || !is_container(n)) {
        json_put_node(w, n->src);
        return;
    }
    bool object = n->type == JSON_OBJECT;
    if (object) {
        json_open_object(w);
    } else {
        json_open_array(w);
    }
    for (size_t i = 0; i < n->n && w->out->err == ERR_OK; i++) {
        if (drop_empty && object && is_empty(n->kids[i])) {
            continue;
        }
        if (object) {
            json_put_name(w, n->kids[i]->name);
        }
        patch_node_print(w, n->kids[i], drop_empty);
    }
    if (object) {
        json_close_object(w);
    } else {
        json_close_array(w);
    }
}
