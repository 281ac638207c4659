/* Values of the document, and the fields of a set that are to be answered. */
#include "gql/gql_run_int.h"

GqlValue gql_resolve(const GqlRun *r, const GqlValue *v) {
    if (v->kind != GQL_VARIABLE) {
        return *v;
    }
    const JsonNode *given = json_get(r->request->variables, v->text);
    const GqlVariable *known = r->operation->variables;
    while (known != NULL && !str_eq(known->name, v->text)) {
        known = known->next;
    }
    return given != NULL                          ? gql_value_of_json(r->arena, given)
           : known != NULL && known->has_fallback ? known->fallback
                                                  : (GqlValue){.kind = GQL_NULL};
}

GqlValue gql_arg_value(const GqlRun *r, const GqlArg *args, const char *name) {
    const GqlArg *a = gql_arg(args, str_from(name));
    return a == NULL ? (GqlValue){.kind = GQL_NULL} : gql_resolve(r, &a->value);
}

bool gql_is_true(const GqlValue *v) {
    return v->kind == GQL_BOOL && str_eq(v->text, STR("true"));
}

static bool is_left_out(const GqlRun *r, const GqlSelection *s) {
    const GqlDirective *skip = gql_directive(s->directives, "skip");
    const GqlDirective *include = gql_directive(s->directives, "include");
    GqlValue skips = skip == NULL ? (GqlValue){0} : gql_arg_value(r, skip->args, "if");
    GqlValue includes = include == NULL ? (GqlValue){0} : gql_arg_value(r, include->args, "if");
    return gql_is_true(&skips) || (include != NULL && !gql_is_true(&includes));
}

/* ---- collecting the fields of a set (spec section 6.3.2) ---- */

static ErrCode add_set(GqlRun *r, GqlGroup *g, const GqlSelection *set) {
    GqlSets **end = &g->inner;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = arena_new_array(r->arena, GqlSets, 1);
    if (*end == NULL) {
        return ERR_NOMEM;
    }
    (*end)->set = set;
    return ERR_OK;
}

static ErrCode collect_field(GqlRun *r, const GqlSelection *s, GqlGroup **groups) {
    GqlGroup **end = groups;
    while (*end != NULL && !str_eq((*end)->field->key, s->key)) {
        end = &(*end)->next;
    }
    if (*end == NULL) {
        *end = arena_new_array(r->arena, GqlGroup, 1);
        if (*end == NULL) {
            return ERR_NOMEM;
        }
        (*end)->field = s;
    } else if (!str_eq((*end)->field->name, s->name) ||
               !gql_same_args((*end)->field->args, s->args)) {
        return gql_at(r->request->document, s->at,
                      err_set(r->info, ERR_PARAM, "graphql-conflict",
                              "'" STR_FMT "' means two things here: give one of them an alias",
                              "'" STR_FMT
                              "' mang hai nghĩa ở đây: hãy đặt bí danh cho một trong hai",
                              STR_ARG(s->key)),
                      r->info);
    }
    return s->inner == NULL ? ERR_OK : add_set(r, *end, s->inner);
}

ErrCode gql_collect(GqlRun *r, unsigned shape, const GqlSelection *s, GqlGroup **groups) {
    for (; s != NULL; s = s->next) {
        if (is_left_out(r, s)) {
            continue;
        }
        if (s->what == GQL_FIELD) {
            TRY(collect_field(r, s, groups));
            continue;
        }
        const GqlFragment *f =
            s->what == GQL_SPREAD ? gql_fragment(r->request->document, s->name) : NULL;
        Str type = f != NULL ? f->type : s->name;
        if (type.len == 0 || gql_fits(shape, type) == 1) {
            TRY(gql_collect(r, shape, f != NULL ? f->inner : s->inner, groups));
        }
    }
    return ERR_OK;
}
