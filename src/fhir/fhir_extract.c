#include "fhir/fhir_extract.h"

#include "core/fold.h"
#include "core/limits.h"
#include "fhir/fhir_extract_int.h"

typedef struct Walk {
    Arena *arena;
    FhirIndexSink *sink;
    const JsonNode *root;
    const uint64_t *only; /* wanted parameters by id; NULL: all */
    bool presence_seen;
    size_t n_composites; /* values of composites so far */
    ReferenceMemo memo;
} Walk;

static bool is_wanted(const Walk *w, unsigned param) {
    return w->only == NULL || (w->only[param / 64] >> param % 64 & 1) != 0;
}

/* Where a value stands: the object that has it as a member, and whether that object is the first of
 * its array. */
typedef struct Place {
    const JsonNode *holder;
    bool holder_is_first;
} Place;

static void walk_object(Walk *w, const FhirTrieNode *node, const JsonNode *object, bool is_first);

/* The edge for a member name, or NULL: one hash, one comparison. */
static const FhirTrieEdge *find_edge(const FhirTrieNode *node, Str name) {
    assert(node->shift >= 24 && node->shift < 32);
    uint32_t slot = fhir_name_hash(name.ptr, name.len) * node->mult >> node->shift;
    unsigned at = fhir_trie_slots[node->slots_at + slot];
    if (at == 0) {
        return NULL;
    }
    assert(at <= node->n_edges);
    const FhirTrieEdge *edge = &fhir_trie_edges[node->edges_at + at - 1];
    return str_eq(edge->name, name) ? edge : NULL;
}

static bool guard_holds(unsigned guard, const JsonNode *value, const Place *place) {
    const FhirTrieGuard *g = &fhir_trie_guards[guard];
    assert(guard > 0 && g->up <= 1);
    const JsonNode *object = g->up == 0 ? value : place->holder;
    return json_is(object, JSON_OBJECT) && json_str_is(json_get(object, g->name), g->value);
}

static void run_actions(Walk *w, const FhirTrieNode *node, const JsonNode *value,
                        const Place *place) {
    const FhirTrieAction *a = &fhir_trie_actions[node->actions_at];
    for (const FhirTrieAction *end = a + node->n_actions; a < end; a++) {
        if (!is_wanted(w, a->param) || (a->guard != 0 && !guard_holds(a->guard, value, place)) ||
            (a->first_only && !place->holder_is_first)) {
            continue;
        }
        w->presence_seen = w->presence_seen || a->op == FHIR_OP_TOKEN_PRESENCE;
        Emit emit = {.arena = w->arena,
                     .sink = w->sink,
                     .memo = &w->memo,
                     .param = a->param,
                     .ref_type = (FhirType)a->ref_type,
                     .system = a->system};
        fhir_emit(&emit, (FhirOp)a->op, value);
    }
}

static void visit(Walk *w, const FhirTrieNode *node, const JsonNode *value, const Place *place) {
    run_actions(w, node, value, place);
    if (node->n_edges > 0 && json_is(value, JSON_OBJECT)) {
        walk_object(w, node, value, true);
    }
}

static void visit_array(Walk *w, const FhirTrieNode *node, const JsonNode *array,
                        const Place *place) {
    bool is_first = true;
    EACH_ELEMENT(array, e) {
        run_actions(w, node, e, place);
        if (node->n_edges > 0 && json_is(e, JSON_OBJECT)) {
            walk_object(w, node, e, is_first);
        }
        is_first = false;
    }
}

/* ---- composites ---------------------------------------------------------------------------------
 */

/* A list without the tokens that carry a text only: there is nothing to compare a part with. */
static void put_part(FhirIndexSink *sink, const FhirIndexValue *value) {
    if (value->kind != FHIR_INDEX_TOKEN || (value->flags & FHIR_TOKEN_TEXT) == 0) {
        fhir_index_list_put(sink, value);
    }
}

/* The values of one part of composite `c`, with the captured members of its object. */
static FhirIndexList part_values(Walk *w, const FhirTrieComposite *c, unsigned part,
                                 const JsonNode *const *captured) {
    FhirIndexList list = fhir_index_list(w->arena);
    list.sink.put = put_part;
    Emit emit = {.arena = w->arena, .sink = &list.sink, .memo = &w->memo, .param = c->param};
    const FhirTriePart *s = &fhir_trie_parts[c->sources_at];
    for (const FhirTriePart *end = s + c->n_sources; s < end; s++) {
        const JsonNode *v =
            s->capture != 0 ? captured[s->capture] : json_path(w->root, s->root_path);
        if (s->part == part && v != NULL) {
            emit.system = s->system;
            fhir_emit(&emit, (FhirOp)s->op, v);
        }
    }
    return list;
}

static bool has_all_parts(const FhirTrieComposite *c, const JsonNode *const *captured) {
    unsigned have = 0;
    const FhirTriePart *s = &fhir_trie_parts[c->sources_at];
    for (const FhirTriePart *end = s + c->n_sources; s < end; s++) {
        have |= s->capture == 0 || captured[s->capture] != NULL ? 1U << s->part : 0;
    }
    return have == (1U << c->n_parts) - 1;
}

/* Every combination of the parts' values; none beyond the limit, which fhir_extract reports: a code
 * of a thousand codings with a value of a thousand codings must not make a million keys. */
static void run_composite(Walk *w, const FhirTrieComposite *c, const JsonNode *const *captured) {
    if (!has_all_parts(c, captured)) {
        return;
    }
    assert(c->n_parts >= 2 && c->n_parts <= FHIR_COMPOSITE_PARTS);
    FhirIndexList parts[FHIR_COMPOSITE_PARTS];
    size_t combinations = 1;
    for (unsigned i = 0; i < c->n_parts; i++) {
        parts[i] = part_values(w, c, i, captured);
        combinations *= parts[i].count;
    }
    w->n_composites += combinations;
    if (w->n_composites > LIMIT_COMPOSITE_VALUES) {
        return;
    }
    FhirIndexValue v;
    memset(&v, 0, sizeof v);
    v.param = c->param;
    v.kind = FHIR_INDEX_COMPOSITE;
    v.composite.n_parts = c->n_parts;
    for (size_t n = 0; n < combinations; n++) {
        size_t rest = n;
        for (unsigned i = 0; i < c->n_parts; i++) {
            v.composite.parts[i] = &parts[i].values[rest % parts[i].count];
            rest /= parts[i].count;
        }
        w->sink->put(w->sink, &v);
    }
}

/* ---- the walk -----------------------------------------------------------------------------------
 */

static void walk_object(Walk *w, const FhirTrieNode *node, const JsonNode *object, bool is_first) {
    const JsonNode *captured[FHIR_CAPTURE_MAX + 1];
    if (node->n_composites > 0) {
        memset(captured, 0, sizeof captured);
    }
    const Place place = {object, is_first};
    EACH_MEMBER(object, m) {
        const FhirTrieEdge *edge = find_edge(node, fhir_member_name(w->arena, m));
        if (edge == NULL) {
            continue;
        }
        const JsonNode *value = json_value(m);
        if (edge->capture != 0) {
            assert(edge->capture <= FHIR_CAPTURE_MAX && node->n_composites > 0);
            captured[edge->capture] = value;
        }
        const FhirTrieNode *child = &fhir_trie_nodes[edge->child];
        if (json_is(value, JSON_ARRAY)) {
            visit_array(w, child, value, &place);
        } else {
            visit(w, child, value, &place);
        }
    }
    for (unsigned i = 0; i < node->n_composites; i++) {
        const FhirTrieComposite *c = &fhir_trie_composites[node->composites_at + i];
        if (is_wanted(w, c->param)) {
            run_composite(w, c, captured);
        }
    }
}

static ErrCode extract(Walk *w, FhirType type) {
    assert(fhir_type_is_resource(type) && fhir_trie_roots[type] != 0);
    assert(w->arena != NULL && w->sink != NULL && w->sink->put != NULL);
    if (json_is(w->root, JSON_OBJECT)) {
        walk_object(w, &fhir_trie_nodes[fhir_trie_roots[type]], w->root, true);
    }
    if (type == FHIR_T_PATIENT && !w->presence_seen && is_wanted(w, FHIR_P_DECEASED)) {
        /* Patient.deceased.exists() and Patient.deceased != false, of an absent element */
        static const JsonNode no = {.text = "false", .len = 5, .skip = 1, .type = JSON_FALSE};
        Emit emit = {
            .arena = w->arena, .sink = w->sink, .memo = &w->memo, .param = FHIR_P_DECEASED};
        fhir_emit(&emit, FHIR_OP_TOKEN_PRESENCE, &no);
    }
    if (w->sink->with_sides) {
        Emit emit = {.arena = w->arena, .sink = w->sink, .memo = &w->memo};
        FhirTextWants wants = {.text = is_wanted(w, FHIR_P__TEXT),
                               .content = is_wanted(w, FHIR_P__CONTENT),
                               .position = type == FHIR_T_LOCATION && is_wanted(w, FHIR_P_NEAR),
                               .by_name = w->only != NULL};
        fhir_emit_texts(&emit, &wants, w->root);
    }
    if (arena_failed(w->arena)) {
        return ERR_NOMEM;
    }
    return w->n_composites > LIMIT_COMPOSITE_VALUES ? ERR_LIMIT : ERR_OK;
}

ErrCode fhir_extract(Arena *arena, FhirType type, const JsonNode *root, FhirIndexSink *sink) {
    Walk w = {.arena = arena, .sink = sink, .root = root};
    return extract(&w, type);
}

ErrCode fhir_extract_some(Arena *arena, const FhirExtractSome *some, const JsonNode *root,
                          FhirIndexSink *sink) {
    Walk w = {.arena = arena, .sink = sink, .root = root, .only = some->params};
    return extract(&w, some->type);
}

/* ---- lists --------------------------------------------------------------------------------------
 */

/* Room for one more; NULL when there is no memory. */
static FhirIndexValue *list_room(FhirIndexList *list) {
    assert(list->count <= list->capacity);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        FhirIndexValue *grown = arena_alloc(list->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        if (list->count > 0) {
            memcpy(grown, list->values, list->count * sizeof *grown);
        }
        list->values = grown;
        list->capacity = capacity;
    }
    return &list->values[list->count];
}

void fhir_index_list_put(FhirIndexSink *sink, const FhirIndexValue *value) {
    FhirIndexList *list = (FhirIndexList *)sink;
    assert(list->arena != NULL && value->kind <= FHIR_INDEX_CONTAINED);
    FhirIndexValue *copy = list_room(list);
    if (copy == NULL) {
        return;
    }
    *copy = *value;
    for (unsigned i = 0; value->kind == FHIR_INDEX_COMPOSITE && i < value->composite.n_parts; i++) {
        FhirIndexValue *part = arena_alloc(list->arena, sizeof *part);
        if (part == NULL) {
            return;
        }
        *part = *value->composite.parts[i];
        copy->composite.parts[i] = part;
    }
    list->count++;
}

FhirIndexList fhir_index_list(Arena *arena) {
    return (FhirIndexList){.sink = {.put = fhir_index_list_put}, .arena = arena};
}

Str fhir_fold_string(Arena *arena, Str text) {
    return fold(arena, text);
}
