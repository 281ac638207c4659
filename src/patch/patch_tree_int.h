/* patch_tree_int.h — a JSON tape that can be changed: a node is as it stands on its tape until it
 * is opened; only what a patch touches is copied. Nodes of several tapes may stand in one tree.
 * Ownership: all in the tree's arena. Errors: ERR_LIMIT (rule patch-steps) when more than
 * LIMIT_PATCH_STEPS nodes were looked at or moved; ERR_NOMEM. */
#ifndef NHIP_PATCH_TREE_INT_H
#define NHIP_PATCH_TREE_INT_H

#include "core/json.h"

typedef struct PatchNode PatchNode;
struct PatchNode {
    const JsonNode *src; /* NULL: made by the patch */
    PatchNode *parent;
    Str name;         /* of a member, decoded; empty in arrays */
    PatchNode **kids; /* once opened */
    size_t n, room;
    uint8_t type; /* JsonType */
    bool open;
};

typedef struct PatchTree {
    Arena *arena;
    uint64_t steps;
} PatchTree;

extern const JsonNode PATCH_NULL; /* JSON's null, of no tape */

/* NULL when there is no memory. */
PatchNode *patch_node(PatchTree *t, const JsonNode *src);
PatchNode *patch_node_empty(PatchTree *t, JsonType type); /* an opened {} or [] */
MUST_USE ErrCode patch_node_open(PatchTree *t, PatchNode *n);
/* Of an opened object: the member's number, or SIZE_MAX. */
size_t patch_node_find(PatchTree *t, const PatchNode *object, Str name);
/* Before kid `at` (n: behind the last). */
MUST_USE ErrCode patch_node_insert(PatchTree *t, PatchNode *parent, size_t at, PatchNode *kid);
void patch_node_remove(PatchTree *t, PatchNode *parent, size_t at);
/* Gives or replaces a member of an opened object. */
MUST_USE ErrCode patch_node_set(PatchTree *t, PatchNode *object, Str name, PatchNode *value);
/* A copy of its own. Deeper than LIMIT_JSON_DEPTH: ERR_LIMIT. */
MUST_USE ErrCode patch_node_clone(PatchTree *t, const PatchNode *n, unsigned depth,
                                  PatchNode **ret);
/* Equal as JSON: members in any order, numbers by their value. */
MUST_USE ErrCode patch_node_equal(PatchTree *t, PatchNode *a, PatchNode *b, bool *ret);
/* drop_empty: opened members that have nothing in them are left out. */
void patch_node_print(JsonWriter *w, const PatchNode *n, bool drop_empty);

#endif
