/* Values of a document, and the tree that an answer is. */
#include "gql/gql_int.h"

#include "core/limits.h"

GqlValue gql_value_of_json(Arena *arena, const JsonNode *n) {
    GqlValue v = {.kind = GQL_NULL};
    if (json_is(n, JSON_STRING)) {
        return (GqlValue){.kind = GQL_STRING, .text = json_str(arena, n)};
    }
    if (json_is(n, JSON_NUMBER) || json_is(n, JSON_TRUE) || json_is(n, JSON_FALSE)) {
        return (GqlValue){.kind = json_is(n, JSON_NUMBER) ? GQL_NUMBER : GQL_BOOL,
                          .text = json_raw(n)};
    }
    if (json_is(n, JSON_ARRAY)) {
        GqlArg **end = &v.items;
        v.kind = GQL_LIST;
        for (const JsonNode *m = json_first(n); m != NULL; m = json_next(n, m)) {
            GqlArg *item = arena_new_array(arena, GqlArg, 1);
            if (item != NULL && !json_is(m, JSON_ARRAY)) {
                item->value = gql_value_of_json(arena, m);
                *end = item;
                end = &item->next;
            }
        }
    }
    return v;
}

static bool same_value(const GqlValue *a, const GqlValue *b);

bool gql_same_args(const GqlArg *a, const GqlArg *b) {
    while (a != NULL && b != NULL && str_eq(a->name, b->name) && same_value(&a->value, &b->value)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

static bool same_value(const GqlValue *a, const GqlValue *b) {
    return a->kind == b->kind && str_eq(a->text, b->text) && gql_same_args(a->items, b->items);
}

Str gql_value_text(Arena *arena, const GqlValue *v) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_str(&b, v->kind == GQL_LIST ? STR_EMPTY : v->text);
    for (const GqlArg *item = v->items; item != NULL; item = item->next) {
        buf_put_str(&b, item == v->items ? STR_EMPTY : STR(","));
        buf_put_str(&b, item->value.text);
    }
    return arena_str(arena, buf_str(&b));
}

/* ---- the answer ---- */

void gql_out_append(Out *parent, Out *item) {
    if (parent->last == NULL) {
        parent->first = item;
    } else {
        parent->last->next = item;
    }
    parent->last = item;
}

Out *gql_out_member(const Out *object, Str key) {
    Out *m = object->first;
    while (m != NULL && !str_eq(m->key, key)) {
        m = m->next;
    }
    return m;
}

void gql_out_print(JsonWriter *w, const Out *o) {
    switch (o->kind) {
    case OUT_NULL:
        json_put_null(w);
        break;
    case OUT_RAW:
        json_put_raw(w, o->text);
        break;
    case OUT_OBJECT:
        json_open_object(w);
        for (const Out *m = o->first; m != NULL; m = m->next) {
            json_put_name(w, m->key);
            gql_out_print(w, m);
        }
        json_close_object(w);
        break;
    case OUT_LIST:
        json_open_array(w);
        for (const Out *m = o->first; m != NULL; m = m->next) {
            gql_out_print(w, m);
        }
        json_close_array(w);
        break;
    }
}
