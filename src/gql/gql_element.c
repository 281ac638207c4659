/* Elements of a resource: which of them, and under which names. */
#include "gql/gql_run_int.h"

#include "fpath/fpath.h"

static bool same_text(Arena *arena, const JsonNode *n, const GqlValue *wanted) {
    return json_is(n, JSON_STRING) ? str_eq(json_str(arena, n), wanted->text)
                                   : n != NULL && str_eq(json_raw(n), wanted->text);
}

static bool has_value(Arena *arena, const JsonNode *n, const GqlValue *wanted) {
    if (!json_is(n, JSON_ARRAY)) {
        return same_text(arena, n, wanted);
    }
    for (const JsonNode *m = json_first(n); m != NULL; m = json_next(n, m)) {
        if (same_text(arena, m, wanted)) {
            return true;
        }
    }
    return false;
}

/* Does the element meet the arguments that name its members? */
static bool is_chosen(GqlRun *r, const GqlSelection *s, const GqlNode *value) {
    for (const GqlArg *a = s->args; a != NULL; a = a->next) {
        if (a->name.ptr[0] == '_' || str_eq(a->name, STR("fhirpath"))) {
            continue;
        }
        GqlValue wanted = gql_resolve(r, &a->value);
        if (wanted.kind != GQL_NULL &&
            !has_value(r->arena, json_get(value->value, a->name), &wanted)) {
            return false;
        }
    }
    return true;
}

static ErrCode number_arg(GqlRun *r, const GqlSelection *s, const char *name, uint64_t *ret) {
    GqlValue v = gql_arg_value(r, s->args, name);
    if (v.kind == GQL_NULL || (v.kind == GQL_NUMBER && str_to_u64(v.text, ret) == ERR_OK)) {
        return ERR_OK;
    }
    return gql_at(r->request->document, s->at,
                  err_set(r->info, ERR_PARAM, "graphql-argument", "%s is a whole number from 0",
                          "%s là số nguyên từ 0", name),
                  r->info);
}

static ErrCode evaluate(GqlRun *r, const FpathExpr *e, const GqlNode *value, FpathSeq *ret) {
    FpathEnv env = fpath_env(value->resource);
    env.context = fpath_item_node((FhirShape)value->shape, value->value, value->resource);
    env.now = r->request->now;
    return fpath_eval(r->arena, e, &env, ret, r->info);
}

/* The argument `fhirpath`: a condition on the element. */
static ErrCode meets(GqlRun *r, const FpathExpr *e, const GqlNode *value, bool *ret_meets) {
    FpathSeq seq;
    *ret_meets = true;
    if (e == NULL || json_is(value->value, JSON_NULL)) {
        *ret_meets = e == NULL;
        return ERR_OK;
    }
    TRY(evaluate(r, e, value, &seq));
    return fpath_to_bool(seq, ret_meets);
}

static ErrCode compile(GqlRun *r, const GqlSelection *s, const GqlValue *text,
                       const FpathExpr **ret) {
    *ret = NULL;
    return text->kind == GQL_NULL
               ? ERR_OK
               : gql_at(r->request->document, s->at,
                        fpath_compile(r->arena, text->text, NULL, ret, r->info), r->info);
}

/* @slice(path): the text behind the names of what is below. */
ErrCode gql_slice(GqlRun *r, const GqlSelection *s, const GqlNode *value, size_t index, Str *ret) {
    const GqlDirective *slice = gql_directive(s->directives, "slice");
    const FpathExpr *e;
    FpathSeq seq;
    *ret = STR_EMPTY;
    if (slice == NULL) {
        return ERR_OK;
    }
    GqlValue path = gql_arg_value(r, slice->args, "path");
    if (str_eq(path.text, STR("$index"))) {
        *ret = arena_printf(r->arena, "%zu", index);
        return ERR_OK;
    }
    TRY(compile(r, s, &path, &e));
    TRY(e == NULL ? ERR_OK : evaluate(r, e, value, &seq));
    *ret = e == NULL || seq.n == 0 ? STR_EMPTY : fpath_item_string(r->arena, &seq.items[0]);
    return ERR_OK;
}

/* The item at `index` of a member that may be an array; NULL behind its end. */
static const JsonNode *item_at(const JsonNode *n, size_t index) {
    if (!json_is(n, JSON_ARRAY)) {
        return index == 0 ? n : NULL;
    }
    const JsonNode *m = json_first(n);
    for (; m != NULL && index > 0; index--) {
        m = json_next(n, m);
    }
    return m;
}

static size_t item_count(const JsonNode *n) {
    return n == NULL ? 0 : json_is(n, JSON_ARRAY) ? json_count(n) : 1;
}

ErrCode gql_put_elements(GqlRun *r, GqlPut *p) {
    const GqlSelection *s = p->group->field;
    const JsonNode *all = json_get(p->node->value, p->field->member);
    bool only_first = gql_directive(s->directives, "first") != NULL;
    uint64_t offset = 0;
    uint64_t count = UINT64_MAX;
    TRY(number_arg(r, s, "_offset", &offset));
    TRY(number_arg(r, s, "_count", &count));
    GqlValue text = gql_arg_value(r, s->args, "fhirpath");
    const FpathExpr *condition;
    TRY(compile(r, s, &text, &condition));
    size_t n = item_count(all);
    uint64_t chosen = 0;
    bool any = false;
    const JsonNode *item = item_at(all, 0);
    for (size_t i = 0; i < n; i++, item = i < n ? json_next(all, item) : NULL) {
        GqlNode value = {.shape = p->field->shape, .value = item, .resource = p->node->resource};
        if (json_is(item, JSON_NULL) && !p->is_list) {
            continue;
        }
        bool is_met;
        TRY(meets(r, condition, &value, &is_met));
        if (!is_met || !is_chosen(r, s, &value) || chosen++ < offset) {
            continue;
        }
        if (chosen - offset > count || (only_first && any)) {
            break;
        }
        if (value.shape == FHIR_T_RESOURCE && p->node->resource != NULL &&
            !str_eq(p->field->member, STR("contained"))) {
            value.resource = item;
        }
        TRY(gql_slice(r, s, &value, i, &p->suffix));
        any = true;
        TRY(gql_put_value(r, p, &value, i));
    }
    return any ? ERR_OK : gql_put_nothing(r, p->into, p->group);
}
