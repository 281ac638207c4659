/* A checked document over resources: the answer is built as a tree (@flatten gathers values of
 * several nodes under one name), then printed. */
#include "gql/gql_run_int.h"

/* ---- one field, one set ---- */

static Str type_name(unsigned shape) {
    return str_from(shape == GQL_SHAPE_ROOT         ? "Query"
                    : shape >= GQL_SHAPE_EDGE       ? "Edge"
                    : shape >= GQL_SHAPE_CONNECTION ? "Connection"
                                                    : fhir_shape((FhirShape)shape)->name);
}

static ErrCode put_field(GqlRun *r, const GqlNode *node, const GqlGroup *g, const GqlInto *into) {
    GqlField f = gql_field(node->shape, g->field);
    GqlPut p = {.into = into, .group = g, .node = node, .field = &f};
    p.is_flat = gql_directive(g->field->directives, "flatten") != NULL;
    p.is_list =
        (f.is_list || into->gathers) && gql_directive(g->field->directives, "singleton") == NULL;
    switch (f.role) {
    case GQL_ROLE_TYPENAME:
        return gql_put_text(r, &p, gql_quoted(r->arena, type_name(node->shape)));
    case GQL_ROLE_RESOURCE_TYPE:
    case GQL_ROLE_ELEMENT:
    case GQL_ROLE_SIBLING:
        f.member = f.role == GQL_ROLE_RESOURCE_TYPE ? STR("resourceType") : f.member;
        return gql_put_elements(r, &p);
    case GQL_ROLE_TARGET:
        return gql_put_target(r, &p);
    case GQL_ROLE_READ:
        return gql_put_read(r, &p);
    case GQL_ROLE_LIST:
        return gql_put_list(r, &p);
    case GQL_ROLE_CONNECTION:
        return gql_put_connection(r, &p);
    case GQL_ROLE_PAGE:
        return gql_put_text(r, &p, gql_page_value(r, node->page, f.member));
    case GQL_ROLE_EDGES:
        return gql_put_edges(r, &p);
    case GQL_ROLE_EDGE:
        return gql_put_text(r, &p, str_eq(f.member, STR("mode")) ? STR("\"match\"") : STR_EMPTY);
    case GQL_ROLE_EDGE_RESOURCE:
        return gql_put_resource(r, &p, node->value, 0);
    case GQL_ROLE_NONE: /* on another type than the one that came: nothing to answer */
        return ERR_OK;
    }
    return ERR_INTERNAL;
}

static unsigned actual_shape(const GqlNode *node) {
    FhirType type =
        node->shape == FHIR_T_RESOURCE || node->shape == FHIR_T_DOMAIN_RESOURCE
            ? fhir_resource_by_name(json_raw_str(json_get_lit(node->value, "resourceType")))
            : FHIR_T_NONE;
    return type == FHIR_T_NONE ? node->shape : type;
}

ErrCode gql_run_sets(GqlRun *r, const GqlNode *node, const GqlSets *sets, const GqlInto *into) {
    GqlNode actual = *node;
    GqlGroup *groups = NULL;
    actual.shape = actual_shape(node);
    for (; sets != NULL; sets = sets->next) {
        TRY(gql_collect(r, actual.shape, sets->set, &groups));
    }
    for (const GqlGroup *g = groups; g != NULL; g = g->next) {
        TRY(put_field(r, &actual, g, into));
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static void print_failures(JsonWriter *w, const GqlFailure *f) {
    if (f == NULL) {
        return;
    }
    json_name(w, "errors");
    json_open_array(w);
    for (; f != NULL; f = f->next) {
        json_open_object(w);
        json_member(w, "message", str_from(f->info.what_en));
        json_name(w, "path");
        json_put_raw(w, f->path);
        json_name(w, "extensions");
        json_open_object(w);
        json_member(w, "code", str_from(f->info.rule));
        json_member(w, "vi", str_from(f->info.what_vi));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode choose(const GqlRequest *q, const GqlOperation **ret, ErrInfo *info) {
    const GqlOperation *o = q->document->operations;
    while (o != NULL && q->operation.len > 0 && !str_eq(o->name, q->operation)) {
        o = o->next;
    }
    bool is_one = o != NULL && (q->operation.len > 0 || o->next == NULL);
    *ret = o;
    return is_one ? ERR_OK
                  : err_set(info, ERR_PARAM, "graphql-operation",
                            "operationName must name one of the document's queries",
                            "operationName phải là tên một truy vấn trong nội dung");
}

static ErrCode check_variables(const GqlRequest *q, const GqlOperation *o, ErrInfo *info) {
    for (const GqlVariable *v = o->variables; v != NULL; v = v->next) {
        const JsonNode *given = json_get(q->variables, v->name);
        if (v->is_required && (given == NULL || json_is(given, JSON_NULL))) {
            return gql_at(q->document, v->at,
                          err_set(info, ERR_PARAM, "graphql-variable",
                                  "the variable $" STR_FMT " needs a value",
                                  "biến $" STR_FMT " cần có giá trị", STR_ARG(v->name)),
                          info);
        }
    }
    return ERR_OK;
}

ErrCode gql_run(Arena *arena, const GqlRequest *request, Buf *out, ErrInfo *info) {
    GqlRun r = {.arena = arena, .request = request, .info = info};
    GqlNode root = {.shape = GQL_SHAPE_ROOT};
    Out *data;
    r.failures_end = &r.failures;
    TRY(choose(request, &r.operation, info));
    if (request->resource != NULL) {
        FhirType type =
            fhir_resource_by_name(json_raw_str(json_get_lit(request->resource, "resourceType")));
        root = (GqlNode){.shape = type, .value = request->resource, .resource = request->resource};
    }
    TRY(gql_check(request->document, r.operation, root.shape, info));
    TRY(check_variables(request, r.operation, info));
    TRY(gql_out_new(&r, OUT_OBJECT, &data));
    GqlSets sets = {.set = r.operation->inner};
    GqlInto into = {.object = data};
    TRY(gql_run_sets(&r, &root, &sets, &into));
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "data");
    gql_out_print(&w, data);
    print_failures(&w, r.failures);
    json_close_object(&w);
    return buf_ok(out);
}
