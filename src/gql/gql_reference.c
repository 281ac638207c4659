/* Resources from the host: by id, and where references lead. */
#include "gql/gql_run_int.h"

#include "fhir/fhir_query.h"

ErrCode gql_put_resource(GqlRun *r, GqlPut *p, const JsonNode *resource, size_t index) {
    GqlNode value = {.shape = p->field->shape, .value = resource, .resource = resource};
    TRY(gql_slice(r, p->group->field, &value, index, &p->suffix));
    return gql_put_value(r, p, &value, index);
}

static ErrCode read_one(GqlRun *r, FhirType type, Str id, const JsonNode **ret) {
    if (++r->reads > GQL_READS_MAX) {
        return gql_over(r, "references to follow", GQL_READS_MAX);
    }
    ErrCode err = r->request->host->read(r->request->host->ctx, type, id, ret);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        *ret = NULL;
        return ERR_OK;
    }
    return err;
}

static ErrCode put_absent(GqlRun *r, const GqlPut *p, Str what) {
    GqlPath name = {p->into->path, p->group->field->key, -1};
    ErrInfo info = {0};
    (void)err_set(&info, ERR_NOT_FOUND, "not-found", "'" STR_FMT "' is not there",
                  "không có '" STR_FMT "'", (int)MIN(what.len, (size_t)200), what.ptr);
    TRY(gql_fail(r, &name, &info));
    return gql_put_nothing(r, p->into, p->group);
}

ErrCode gql_put_read(GqlRun *r, GqlPut *p) {
    GqlValue id = gql_arg_value(r, p->group->field->args, "id");
    const JsonNode *resource = NULL;
    TRY(read_one(r, p->field->shape, id.text, &resource));
    return resource != NULL
               ? gql_put_resource(r, p, resource, 0)
               : put_absent(r, p,
                            arena_printf(r->arena, "%s/" STR_FMT, fhir_type_name(p->field->shape),
                                         STR_ARG(id.text)));
}

static const JsonNode *contained_of(Arena *arena, const JsonNode *resource, Str id) {
    const JsonNode *all = json_get_lit(resource, "contained");
    for (const JsonNode *m = all == NULL ? NULL : json_first(all); m != NULL;
         m = json_next(all, m)) {
        const JsonNode *own = json_get_lit(m, "id");
        if (own != NULL && str_eq(json_str(arena, own), id)) {
            return m;
        }
    }
    return NULL;
}

static ErrCode target_of(GqlRun *r, const GqlNode *node, Str text, const JsonNode **ret) {
    Str base = r->request->base_url;
    FhirIndexReference ref;
    *ret = NULL;
    if (text.len > 0 && text.ptr[0] == '#') {
        *ret = contained_of(r->arena, node->resource, str_sub(text, 1, text.len));
        return ERR_OK;
    }
    if (base.len > 0 && str_starts(text, base) && text.len > base.len) {
        text = str_sub(text, base.len + 1, text.len);
    }
    return fhir_index_reference(text, &ref) && ref.type != FHIR_T_NONE && ref.url.len == 0
               ? read_one(r, ref.type, ref.id, ret)
               : ERR_OK;
}

ErrCode gql_put_target(GqlRun *r, GqlPut *p) {
    const JsonNode *reference = json_get_lit(p->node->value, "reference");
    GqlValue optional = gql_arg_value(r, p->group->field->args, "optional");
    GqlValue type = gql_arg_value(r, p->group->field->args, "type");
    Str text = reference == NULL ? STR_EMPTY : json_str(r->arena, reference);
    const JsonNode *target = NULL;
    TRY(target_of(r, p->node, text, &target));
    if (target == NULL) {
        return gql_is_true(&optional) || text.len == 0 ? gql_put_nothing(r, p->into, p->group)
                                                       : put_absent(r, p, text);
    }
    if (type.kind != GQL_NULL &&
        !str_eq(json_raw_str(json_get_lit(target, "resourceType")), type.text)) {
        return gql_put_nothing(r, p->into, p->group);
    }
    return gql_put_resource(r, p, target, 0);
}
