/* A document against R4's types: what a field is, and everything that can be said before running.
 */
#include "gql/gql_int.h"

/* ---- what a field is ---- */

/* "PatientList" with the ending "List" -> Patient. */
static FhirType type_before(Str name, Str ending) {
    return str_ends(name, ending) && name.len > ending.len
               ? fhir_resource_by_name(str_sub(name, 0, name.len - ending.len))
               : FHIR_T_NONE;
}

static GqlField list_field(Str name) {
    FhirType type = type_before(name, STR("List"));
    if (type != FHIR_T_NONE) {
        return (GqlField){.role = GQL_ROLE_LIST, .shape = (FhirShape)type, .is_list = true};
    }
    type = type_before(name, STR("Connection"));
    return type == FHIR_T_NONE ? (GqlField){0}
                               : (GqlField){.role = GQL_ROLE_CONNECTION,
                                            .shape = (FhirShape)(GQL_SHAPE_CONNECTION + type)};
}

static GqlField root_field(Str name) {
    FhirType type = fhir_resource_by_name(name);
    return type != FHIR_T_NONE ? (GqlField){.role = GQL_ROLE_READ, .shape = (FhirShape)type}
                               : list_field(name);
}

static bool is_one_of(Str name, const Str *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static GqlField page_field(unsigned shape, Str name) {
    static const Str leaves[] = {{"count", 5},    {"offset", 6}, {"pagesize", 8}, {"first", 5},
                                 {"previous", 8}, {"next", 4},   {"last", 4}};
    if (str_eq(name, STR("edges"))) {
        unsigned type = shape - GQL_SHAPE_CONNECTION;
        return (GqlField){
            .role = GQL_ROLE_EDGES, .shape = (FhirShape)(GQL_SHAPE_EDGE + type), .is_list = true};
    }
    return is_one_of(name, leaves, ARRAY_LEN(leaves))
               ? (GqlField){.role = GQL_ROLE_PAGE, .is_leaf = true, .member = name}
               : (GqlField){0};
}

static GqlField edge_field(unsigned shape, Str name) {
    static const Str leaves[] = {{"mode", 4}, {"score", 5}};
    if (str_eq(name, STR("resource"))) {
        return (GqlField){.role = GQL_ROLE_EDGE_RESOURCE,
                          .shape = (FhirShape)(shape - GQL_SHAPE_EDGE)};
    }
    return is_one_of(name, leaves, ARRAY_LEN(leaves))
               ? (GqlField){.role = GQL_ROLE_EDGE, .is_leaf = true, .member = name}
               : (GqlField){0};
}

static bool is_resource_shape(unsigned shape) {
    return shape == FHIR_T_RESOURCE || shape == FHIR_T_DOMAIN_RESOURCE ||
           fhir_type_is_resource((FhirType)shape);
}

/* Reference.resource: its type may be said. */
static GqlField target_field(const GqlSelection *field) {
    const GqlArg *type = gql_arg(field->args, STR("type"));
    FhirType said = type != NULL && type->value.kind != GQL_VARIABLE
                        ? fhir_resource_by_name(type->value.text)
                        : FHIR_T_NONE;
    return (GqlField){.role = GQL_ROLE_TARGET,
                      .shape = (FhirShape)(said == FHIR_T_NONE ? FHIR_T_RESOURCE : said)};
}

static GqlField element_field(unsigned shape, Str name) {
    bool is_sibling = name.len > 1 && name.ptr[0] == '_';
    const FhirElement *e =
        fhir_element((FhirShape)shape, is_sibling ? str_sub(name, 1, name.len) : name);
    if (e == NULL || (is_sibling && (e->kind != FHIR_KIND_PRIMITIVE || e->flags & FHIR_E_BARE))) {
        return (GqlField){0};
    }
    return (GqlField){.role = is_sibling ? GQL_ROLE_SIBLING : GQL_ROLE_ELEMENT,
                      .shape = is_sibling ? (FhirShape)FHIR_T_ELEMENT : e->shape,
                      .is_leaf = !is_sibling && e->kind == FHIR_KIND_PRIMITIVE,
                      .is_list = (e->flags & FHIR_E_ARRAY) != 0,
                      .member = name};
}

GqlField gql_field(unsigned shape, const GqlSelection *field) {
    Str name = field->name;
    if (str_eq(name, STR("__typename"))) {
        return (GqlField){.role = GQL_ROLE_TYPENAME, .is_leaf = true};
    }
    if (shape == GQL_SHAPE_ROOT) {
        return root_field(name);
    }
    if (shape >= GQL_SHAPE_EDGE) {
        return edge_field(shape, name);
    }
    if (shape >= GQL_SHAPE_CONNECTION) {
        return page_field(shape, name);
    }
    if (is_resource_shape(shape) && str_eq(name, STR("resourceType"))) {
        return (GqlField){.role = GQL_ROLE_RESOURCE_TYPE, .is_leaf = true};
    }
    if (shape == FHIR_T_REFERENCE && str_eq(name, STR("resource"))) {
        return target_field(field);
    }
    GqlField f = element_field(shape, name);
    return f.role == GQL_ROLE_NONE && is_resource_shape(shape) ? list_field(name) : f;
}

int gql_fits(unsigned shape, Str wanted) {
    if (shape >= FHIR_SHAPE_COUNT) {
        return 0;
    }
    if (str_eq(wanted, str_from(fhir_shape((FhirShape)shape)->name))) {
        return 1;
    }
    bool is_base = str_eq(wanted, STR("Resource")) || str_eq(wanted, STR("DomainResource"));
    if (shape == FHIR_T_RESOURCE || shape == FHIR_T_DOMAIN_RESOURCE) {
        return is_base || fhir_resource_by_name(wanted) != FHIR_T_NONE ? -1 : 0;
    }
    FhirType base = fhir_shape((FhirShape)shape)->base;
    return (is_resource_shape(shape) && str_eq(wanted, STR("Resource"))) ||
           (base != FHIR_T_NONE && str_eq(wanted, str_from(fhir_type_name(base))));
}

/* ---- checking ---- */

typedef struct Check {
    const GqlDocument *doc;
    const GqlOperation *operation;
    ErrInfo *info;
    unsigned fields;
} Check;

static const char *shape_name(unsigned shape) {
    return shape == GQL_SHAPE_ROOT         ? "Query"
           : shape >= GQL_SHAPE_EDGE       ? "Edge"
           : shape >= GQL_SHAPE_CONNECTION ? "Connection"
                                           : fhir_shape((FhirShape)shape)->name;
}

static ErrCode check_value(const Check *c, const GqlSelection *s, const GqlValue *v) {
    if (v->kind == GQL_VARIABLE) {
        const GqlVariable *known = c->operation->variables;
        while (known != NULL && !str_eq(known->name, v->text)) {
            known = known->next;
        }
        if (known == NULL) {
            return gql_at(c->doc, s->at,
                          err_set(c->info, ERR_PARAM, "graphql-variable",
                                  "the variable $" STR_FMT " is not declared by the query",
                                  "truy vấn không khai báo biến $" STR_FMT, STR_ARG(v->text)),
                          c->info);
        }
    }
    for (const GqlArg *item = v->items; item != NULL; item = item->next) {
        TRY(check_value(c, s, &item->value));
    }
    return ERR_OK;
}

/* Arguments by which the elements of a list are chosen. */
static bool is_filter(const GqlField *f, Str name) {
    if (str_eq(name, STR("fhirpath")) || str_eq(name, STR("_count")) ||
        str_eq(name, STR("_offset"))) {
        return true;
    }
    const FhirElement *e = f->is_leaf ? NULL : fhir_element(f->shape, name);
    return e != NULL && e->kind == FHIR_KIND_PRIMITIVE;
}

static bool takes(const GqlField *f, unsigned shape, Str name) {
    switch (f->role) {
    case GQL_ROLE_ELEMENT:
    case GQL_ROLE_SIBLING:
        return is_filter(f, name);
    case GQL_ROLE_TARGET:
        return str_eq(name, STR("optional")) || str_eq(name, STR("type"));
    case GQL_ROLE_READ:
        return str_eq(name, STR("id"));
    case GQL_ROLE_LIST:
    case GQL_ROLE_CONNECTION: /* search parameters: the search itself checks them */
        return shape != GQL_SHAPE_ROOT || !str_eq(name, STR("_reference"));
    case GQL_ROLE_NONE:
    case GQL_ROLE_TYPENAME:
    case GQL_ROLE_RESOURCE_TYPE:
    case GQL_ROLE_PAGE:
    case GQL_ROLE_EDGES:
    case GQL_ROLE_EDGE:
    case GQL_ROLE_EDGE_RESOURCE:
        break;
    }
    return false;
}

static ErrCode need_arg(const Check *c, const GqlSelection *s, Str name) {
    return gql_arg(s->args, name) != NULL
               ? ERR_OK
               : gql_at(c->doc, s->at,
                        err_set(c->info, ERR_PARAM, "graphql-argument",
                                "'" STR_FMT "' needs the argument '" STR_FMT "'",
                                "'" STR_FMT "' cần đối số '" STR_FMT "'", STR_ARG(s->name),
                                STR_ARG(name)),
                        c->info);
}

static ErrCode check_args(const Check *c, const GqlSelection *s, const GqlField *f,
                          unsigned shape) {
    for (const GqlArg *a = s->args; a != NULL; a = a->next) {
        if (!takes(f, shape, a->name) || gql_arg(a->next, a->name) != NULL) {
            return gql_at(c->doc, s->at,
                          err_set(c->info, ERR_PARAM, "graphql-argument",
                                  "'" STR_FMT "' takes no argument '" STR_FMT "', or not twice",
                                  "'" STR_FMT "' không nhận đối số '" STR_FMT "' (hoặc bị lặp)",
                                  STR_ARG(s->name), STR_ARG(a->name)),
                          c->info);
        }
        TRY(check_value(c, s, &a->value));
    }
    if (f->role == GQL_ROLE_READ) {
        return need_arg(c, s, STR("id"));
    }
    bool is_search = f->role == GQL_ROLE_LIST || f->role == GQL_ROLE_CONNECTION;
    return is_search && shape != GQL_SHAPE_ROOT ? need_arg(c, s, STR("_reference")) : ERR_OK;
}

static ErrCode check_directives(const Check *c, const GqlSelection *s) {
    static const struct {
        Str name, arg;
    } known[] = {{{"skip", 4}, {"if", 2}},  {{"include", 7}, {"if", 2}},
                 {{"flatten", 7}, {"", 0}}, {{"singleton", 9}, {"", 0}},
                 {{"first", 5}, {"", 0}},   {{"slice", 5}, {"path", 4}}};
    for (const GqlDirective *d = s->directives; d != NULL; d = d->next) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !str_eq(known[i].name, d->name)) {
            i++;
        }
        bool fits = i < ARRAY_LEN(known) && (i < 2 || s->what == GQL_FIELD) &&
                    (known[i].arg.len == 0 ? d->args == NULL
                                           : d->args != NULL && d->args->next == NULL &&
                                                 str_eq(d->args->name, known[i].arg));
        if (!fits) {
            return gql_at(c->doc, s->at,
                          err_set(c->info, ERR_PARAM, "graphql-directive",
                                  "@" STR_FMT " is not known here or its arguments are wrong: "
                                  "@skip(if), @include(if), on fields @flatten, @singleton, "
                                  "@first, @slice(path)",
                                  "@" STR_FMT " không dùng được ở đây hoặc sai đối số: @skip(if), "
                                  "@include(if), với trường: @flatten, @singleton, @first, "
                                  "@slice(path)",
                                  STR_ARG(d->name)),
                          c->info);
        }
        for (const GqlArg *a = d->args; a != NULL; a = a->next) {
            TRY(check_value(c, s, &a->value));
        }
    }
    return ERR_OK;
}

static ErrCode check_set(Check *c, const GqlSelection *s, unsigned shape, unsigned depth);

static ErrCode check_field(Check *c, const GqlSelection *s, unsigned shape, unsigned depth) {
    GqlField f = gql_field(shape, s);
    if (f.role == GQL_ROLE_NONE) {
        return gql_at(c->doc, s->at,
                      err_set(c->info, ERR_PARAM, "graphql-field", "%s has no field '" STR_FMT "'",
                              "%s không có trường '" STR_FMT "'", shape_name(shape),
                              STR_ARG(s->name)),
                      c->info);
    }
    TRY(check_args(c, s, &f, shape));
    if (f.is_leaf != (s->inner == NULL)) {
        return gql_at(c->doc, s->at,
                      err_set(c->info, ERR_PARAM, "graphql-selection",
                              f.is_leaf ? "'" STR_FMT "' is a plain value: it takes no { }"
                                        : "say in { } which fields of '" STR_FMT "' are wanted",
                              f.is_leaf ? "'" STR_FMT "' là giá trị đơn: không nhận { }"
                                        : "hãy ghi trong { } các trường cần lấy của '" STR_FMT "'",
                              STR_ARG(s->name)),
                      c->info);
    }
    return f.is_leaf ? ERR_OK : check_set(c, s->inner, f.shape, depth + 1);
}

static ErrCode check_fragment(Check *c, const GqlSelection *s, unsigned shape, unsigned depth) {
    const GqlFragment *f = s->what == GQL_SPREAD ? gql_fragment(c->doc, s->name) : NULL;
    Str type = f != NULL ? f->type : s->name;
    bool is_known = s->what == GQL_INLINE || f != NULL;
    int fits = !is_known || type.len == 0 ? is_known : gql_fits(shape, type);
    if (fits == 0) {
        return gql_at(c->doc, s->at,
                      err_set(c->info, ERR_PARAM, "graphql-fragment",
                              "'" STR_FMT "' is no fragment, or none on %s",
                              "'" STR_FMT "' không phải là đoạn dùng được cho %s", STR_ARG(s->name),
                              shape_name(shape)),
                      c->info);
    }
    unsigned narrowed = fits < 0 ? fhir_type_by_name(type) : shape;
    return check_set(c, f != NULL ? f->inner : s->inner, narrowed, depth + 1);
}

static ErrCode check_set(Check *c, const GqlSelection *s, unsigned shape, unsigned depth) {
    if (depth > GQL_DEPTH_MAX) {
        return gql_at(c->doc, s->at,
                      err_set(c->info, ERR_LIMIT, "graphql-depth",
                              "more than %d levels, or a fragment inside itself",
                              "quá %d tầng, hoặc một đoạn nằm trong chính nó", GQL_DEPTH_MAX),
                      c->info);
    }
    for (; s != NULL; s = s->next) {
        if (++c->fields > GQL_FIELDS_MAX) {
            return err_set(c->info, ERR_LIMIT, "graphql-limit",
                           "more than %d fields with the fragments followed",
                           "quá %d trường khi tính cả các đoạn", GQL_FIELDS_MAX);
        }
        TRY(check_directives(c, s));
        TRY(s->what == GQL_FIELD ? check_field(c, s, shape, depth)
                                 : check_fragment(c, s, shape, depth));
    }
    return ERR_OK;
}

ErrCode gql_check(const GqlDocument *document, const GqlOperation *operation, unsigned shape,
                  ErrInfo *info) {
    Check c = {.doc = document, .operation = operation, .info = info};
    return check_set(&c, operation->inner, shape, 1);
}
