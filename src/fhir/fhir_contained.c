#include "fhir/fhir_contained.h"

#include "core/hash.h"
#include "fhir/fhir_extract_int.h"

typedef struct Inner {
    Str id;
    const JsonNode *node; /* NULL: a free place */
    FhirType type;
} Inner;

typedef struct Answer {
    const void *question; /* NULL: a free place */
    const JsonNode *resource;
    uint8_t *value;
} Answer;

struct FhirContained {
    Arena *arena;
    Inner *inner; /* open addressing, at most half full; so are the answers */
    size_t mask;
    Answer *answers;
    size_t answers_mask, n_answers;
};

static Inner *inner_place(const FhirContained *c, Str id) {
    size_t at = hash64(id) & c->mask;
    while (c->inner[at].node != NULL && !str_eq(c->inner[at].id, id)) {
        at = (at + 1) & c->mask;
    }
    return &c->inner[at];
}

/* Of several with one id the first counts. */
static void put_inner(FhirContained *c, const JsonNode *node) {
    const JsonNode *id = json_get_lit(node, "id");
    const JsonNode *name = json_get_lit(node, "resourceType");
    if (!json_is(id, JSON_STRING) || !json_is(name, JSON_STRING)) {
        return;
    }
    Inner one = {json_str(c->arena, id), node, fhir_resource_by_name(json_str(c->arena, name))};
    Inner *place = inner_place(c, one.id);
    if (place->node == NULL && one.type != FHIR_T_NONE) {
        *place = one;
    }
}

static size_t table_size(size_t n) {
    size_t size = 4;
    while (size < 2 * n) {
        size *= 2;
    }
    return size;
}

FhirContained *fhir_contained_new(Arena *arena, const JsonNode *root) {
    FhirContained *c = arena_new_array(arena, FhirContained, 1);
    const JsonNode *list = json_get_lit(root, "contained");
    size_t n = 0;
    if (json_is(list, JSON_ARRAY)) {
        EACH_ELEMENT(list, e) {
            n++;
        }
    }
    size_t size = table_size(n);
    Inner *inner = arena_new_array(arena, Inner, size);
    if (c == NULL || inner == NULL) {
        return NULL;
    }
    *c = (FhirContained){.arena = arena, .inner = inner, .mask = size - 1};
    if (n > 0) {
        EACH_ELEMENT(list, e) {
            put_inner(c, e);
        }
    }
    return c;
}

const JsonNode *fhir_contained_find(const FhirContained *c, Str id, FhirType *ret_type) {
    const Inner *place = inner_place(c, id);
    if (place->node != NULL) {
        *ret_type = place->type;
    }
    return place->node;
}

/* ---- answers ---- */

static Answer *answer_place(Answer *table, size_t mask, const void *question,
                            const JsonNode *resource) {
    uint64_t key[2] = {(uint64_t)(uintptr_t)question, (uint64_t)(uintptr_t)resource};
    size_t at = hash64((Str){(const char *)key, sizeof(key)}) & mask;
    while (table[at].question != NULL &&
           (table[at].question != question || table[at].resource != resource)) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static bool answers_grow(FhirContained *c) {
    size_t mask = c->answers == NULL ? 7 : c->answers_mask * 2 + 1;
    Answer *more = arena_new_array(c->arena, Answer, mask + 1);
    for (size_t i = 0; more != NULL && c->answers != NULL && i <= c->answers_mask; i++) {
        const Answer *a = &c->answers[i];
        if (a->question != NULL) {
            *answer_place(more, mask, a->question, a->resource) = *a;
        }
    }
    c->answers = more == NULL ? c->answers : more;
    c->answers_mask = more == NULL ? c->answers_mask : mask;
    return more != NULL;
}

uint8_t *fhir_contained_answer(FhirContained *c, const void *question, const JsonNode *resource) {
    if ((c->answers == NULL || c->n_answers * 2 > c->answers_mask) && !answers_grow(c)) {
        return NULL;
    }
    Answer *a = answer_place(c->answers, c->answers_mask, question, resource);
    if (a->question == NULL) {
        uint8_t *value = arena_new_array(c->arena, uint8_t, 1);
        if (value == NULL) {
            return NULL;
        }
        *a = (Answer){question, resource, value};
        c->n_answers++;
    }
    return a->value;
}
