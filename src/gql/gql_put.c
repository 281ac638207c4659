#include "gql/gql_run_int.h"

#include "core/limits.h"

ErrCode gql_over(GqlRun *r, const char *what, unsigned max) {
    return err_set(r->info, ERR_LIMIT, "graphql-limit",
                   "the answer would need more than %u %s: ask for less, or in pages",
                   "câu trả lời cần hơn %u %s: hãy hỏi ít hơn, hoặc theo trang", max, what);
}

ErrCode gql_out_new(GqlRun *r, OutKind kind, Out **ret) {
    if (++r->values > GQL_VALUES_MAX) {
        return gql_over(r, "values", GQL_VALUES_MAX);
    }
    *ret = arena_new_array(r->arena, Out, 1);
    if (*ret == NULL) {
        return ERR_NOMEM;
    }
    (*ret)->kind = kind;
    return ERR_OK;
}

static ErrCode out_raw(GqlRun *r, Str json, Out **ret) {
    TRY(gql_out_new(r, OUT_RAW, ret));
    (*ret)->text = json;
    return ERR_OK;
}

Str gql_quoted(Arena *arena, Str text) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&b);
    json_put_str(&w, text);
    return arena_str(arena, buf_str(&b));
}

/* ---- failures: the field is null, the rest goes on ---- */

static void put_path(Arena *arena, const GqlPath *p, Buf *out) {
    if (p == NULL) {
        return;
    }
    put_path(arena, p->up, out);
    if (out->len > 1) {
        buf_put_char(out, ',');
    }
    if (p->index >= 0) {
        buf_put_u64(out, (uint64_t)p->index);
    } else {
        buf_put_str(out, gql_quoted(arena, p->key));
    }
}

ErrCode gql_fail(GqlRun *r, const GqlPath *path, const ErrInfo *info) {
    GqlFailure *f = arena_new_array(r->arena, GqlFailure, 1);
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_KIB);
    if (f == NULL) {
        return ERR_NOMEM;
    }
    buf_put_char(&b, '[');
    put_path(r->arena, path, &b);
    buf_put_char(&b, ']');
    f->path = arena_str(r->arena, buf_str(&b));
    f->info = *info;
    *r->failures_end = f;
    r->failures_end = &f->next;
    return ERR_OK;
}

/* ---- putting values in ---- */

/* The member `key` of the answer's object, made when it is not there. */
ErrCode gql_member_of(GqlRun *r, const GqlInto *into, Str key, Out **ret) {
    Str full = into->suffix.len == 0 ? key
                                     : arena_printf(r->arena, STR_FMT "." STR_FMT, STR_ARG(key),
                                                    STR_ARG(into->suffix));
    *ret = gql_out_member(into->object, full);
    if (*ret == NULL) {
        TRY(gql_out_new(r, OUT_NULL, ret));
        (*ret)->key = full;
        gql_out_append(into->object, *ret);
    }
    return ERR_OK;
}

static ErrCode value_out(GqlRun *r, const GqlPut *p, const GqlNode *value, const GqlPath *path,
                         Out **ret) {
    if (p->field->is_leaf) {
        return json_is(value->value, JSON_NULL) || value->value == NULL
                   ? gql_out_new(r, OUT_NULL, ret)
                   : out_raw(r, json_raw(value->value), ret);
    }
    TRY(gql_out_new(r, OUT_OBJECT, ret));
    GqlInto into = {.object = *ret, .suffix = p->suffix, .path = path};
    return gql_run_sets(r, value, p->group->inner, &into);
}

/* One value of a field into the answer. */
ErrCode gql_put_value(GqlRun *r, const GqlPut *p, const GqlNode *value, size_t index) {
    GqlPath name = {p->into->path, p->group->field->key, -1};
    GqlPath at = {&name, STR_EMPTY, (int64_t)index};
    const GqlPath *path = p->field->is_list ? &at : &name;
    Out *member;
    Out *out;
    if (p->is_flat && !p->field->is_leaf) {
        GqlInto into = {p->into->object, true, p->suffix, path};
        return gql_run_sets(r, value, p->group->inner, &into);
    }
    TRY(gql_member_of(r, p->into, p->group->field->key, &member));
    TRY(value_out(r, p, value, path, &out));
    if (p->is_list) {
        member->kind = OUT_LIST;
        gql_out_append(member, out);
    } else if (member->kind != OUT_NULL) {
        return gql_at(r->request->document, p->group->field->at,
                      err_set(r->info, ERR_PARAM, "graphql-singleton",
                              "'" STR_FMT
                              "' has several values: leave @singleton out or add @first",
                              "'" STR_FMT "' có nhiều giá trị: hãy bỏ @singleton hoặc thêm @first",
                              STR_ARG(p->group->field->key)),
                      r->info);
    } else {
        out->key = member->key;
        out->next = member->next;
        *member = *out;
    }
    return ERR_OK;
}

/* A field without a value: null, unless it is gathered. */
ErrCode gql_put_nothing(GqlRun *r, const GqlInto *into, const GqlGroup *g) {
    Out *member;
    return into->gathers || gql_directive(g->field->directives, "flatten") != NULL
               ? ERR_OK
               : gql_member_of(r, into, g->field->key, &member);
}

ErrCode gql_put_text(GqlRun *r, GqlPut *p, Str json) {
    Out *member;
    if (json.len == 0) {
        return gql_put_nothing(r, p->into, p->group);
    }
    Out *out;
    TRY(gql_member_of(r, p->into, p->group->field->key, &member));
    if (!p->is_list) {
        member->kind = OUT_RAW;
        member->text = json;
        return ERR_OK;
    }
    TRY(out_raw(r, json, &out));
    member->kind = OUT_LIST;
    gql_out_append(member, out);
    return ERR_OK;
}
