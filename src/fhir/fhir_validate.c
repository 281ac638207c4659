#include "fhir/fhir_validate.h"

#include "fhir/fhir_validate_int.h"

#include "core/limits.h"

/* What has been seen of one object's members. */
typedef struct Seen {
    uint64_t required;     /* bit per requirement */
    const char *choice[8]; /* per choice: the name of the member that was given */
    bool has_children;     /* anything but id */
    bool has_extension;
} Seen;

static void check_object(FhirWalk *w, const JsonNode *object, FhirShape shape, const FhirFrame *at);
static void check_resource(FhirWalk *w, const JsonNode *value, const FhirFrame *at);

/* ---- issues and their places */

static void put_frame(Buf *b, const FhirFrame *f) {
    if (f->up != NULL) {
        put_frame(b, f->up);
        if (f->name.len > 0) {
            buf_put_char(b, '.');
        }
    }
    buf_put_str(b, f->name);
    if (f->index >= 0) {
        buf_put_char(b, '[');
        buf_put_u64(b, (uint64_t)f->index);
        buf_put_char(b, ']');
    }
}

void fhir_walk_issue(FhirWalk *w, FhirRule rule, const FhirFrame *at, const Str args[2]) {
    if (fhir_issues_full(w->issues)) { /* only count: a flood of errors must stay cheap */
        fhir_issue_add(w->issues, rule, STR_EMPTY, args);
        return;
    }
    Buf b;
    buf_init(&b, 16 * LIMIT_KIB);
    put_frame(&b, at);
    fhir_issue_add(w->issues, rule, buf_str(&b), args);
    buf_release(&b);
}

Str fhir_walk_text(const FhirWalk *w, const JsonNode *string) {
    return string->escaped ? json_str(w->issues->arena, string) : json_raw_str(string);
}

static Str json_type_name(const JsonNode *n) {
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_FALSE] = "boolean", [JSON_TRUE] = "boolean",
        [JSON_NUMBER] = "number", [JSON_STRING] = "string", [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };
    return str_from(names[n->type]);
}

static void type_issue(FhirWalk *w, Str wanted, const JsonNode *value, const FhirFrame *at) {
    fhir_walk_issue(w, FHIR_RULE_TYPE, at, (Str[2]){wanted, json_type_name(value)});
}

/* ---- one value */

static void check_complex(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                          const FhirFrame *at) {
    if (!json_is(value, JSON_OBJECT)) {
        type_issue(w, STR("object"), value, at);
        return;
    }
    check_object(w, value, e->shape, at);
    if (e->shape == FHIR_T_REFERENCE) {
        fhir_check_reference(w, e, value, at);
    }
    if (e->codes != 0) {
        fhir_check_coding(w, e, value, at);
    }
    if ((e->flags & FHIR_E_SIMPLE) != 0 && json_get_lit(value, "comparator") != NULL) {
        fhir_walk_issue(w, FHIR_RULE_SQTY_1, at, (Str[2]){STR_EMPTY, STR_EMPTY});
    }
}

static void check_value(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                        const FhirFrame *at) {
    if (e->kind == FHIR_KIND_PRIMITIVE) {
        fhir_check_primitive(w, e, value, at);
    } else if (e->shape == FHIR_T_RESOURCE) {
        check_resource(w, value, at);
    } else {
        check_complex(w, e, value, at);
    }
}

/* The base name of the element: value of valueQuantity. */
static Str element_name(const FhirElement *e) {
    return (Str){e->name, e->base_len};
}

/* `_name` beside name, or NULL. */
static const JsonNode *sibling_of(const JsonNode *object, const FhirElement *e) {
    char name[128];
    if (e->kind != FHIR_KIND_PRIMITIVE || e->name_len + 1U > sizeof(name)) {
        return NULL;
    }
    name[0] = '_';
    memcpy(name + 1, e->name, e->name_len);
    return json_get(object, (Str){name, e->name_len + 1U});
}

/* The elements of an array, with those of `_name` (may be absent) walked beside them: a null is
 * allowed only beside an object there. */
static void check_array(FhirWalk *w, const FhirElement *e, const JsonNode *array,
                        const JsonNode *object, FhirFrame *at) {
    const JsonNode *v = json_first(array);
    if (v == NULL) {
        fhir_walk_issue(w, FHIR_RULE_EMPTY, at, (Str[2]){STR("array"), STR_EMPTY});
        return;
    }
    const JsonNode *extras = sibling_of(object, e);
    const JsonNode *extra = json_is(extras, JSON_ARRAY) ? json_first(extras) : NULL;
    for (at->index = 0; v != NULL; v = json_next(array, v), at->index++) {
        if (!json_is(v, JSON_NULL)) {
            check_value(w, e, v, at);
        } else if (!json_is(extra, JSON_OBJECT)) {
            fhir_walk_issue(w, FHIR_RULE_NULLS, at, (Str[2]){element_name(e), STR_EMPTY});
        }
        extra = extra == NULL ? NULL : json_next(extras, extra);
    }
}

/* ---- members of an object */

/* Notes the member; an issue when another alternative of its choice was there before. */
static void note_seen(FhirWalk *w, Seen *seen, const FhirElement *e, const FhirFrame *up) {
    if (e->required != 0) {
        seen->required |= UINT64_C(1) << (e->required - 1);
    }
    if (e->choice == 0) {
        return;
    }
    assert(e->choice <= ARRAY_LEN(seen->choice));
    const char **given = &seen->choice[e->choice - 1];
    if (*given != NULL && *given != e->name) {
        FhirFrame at = {up, element_name(e), -1};
        fhir_walk_issue(w, FHIR_RULE_CHOICE, &at,
                        (Str[2]){element_name(e), (Str){e->name, e->name_len}});
    }
    *given = e->name;
}

static void check_member(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                         const JsonNode *value, const FhirFrame *up) {
    FhirFrame at = {up, element_name(e), -1};
    bool is_array = json_is(value, JSON_ARRAY);
    if ((e->flags & FHIR_E_ARRAY) != 0) {
        if (is_array) {
            check_array(w, e, value, object, &at);
        } else {
            fhir_walk_issue(w, FHIR_RULE_REPEATS, &at, (Str[2]){element_name(e), STR_EMPTY});
        }
    } else if (is_array) {
        fhir_walk_issue(w, FHIR_RULE_SINGLE, &at, (Str[2]){element_name(e), STR_EMPTY});
    } else if (json_is(value, JSON_NULL)) {
        fhir_walk_issue(w, FHIR_RULE_NULLS, &at, (Str[2]){element_name(e), STR_EMPTY});
    } else {
        check_value(w, e, value, &at);
    }
}

/* The id and extensions of a primitive: one object of `_name`. */
static void check_extras(FhirWalk *w, const JsonNode *value, const FhirFrame *at) {
    if (!json_is(value, JSON_OBJECT)) {
        type_issue(w, STR("object"), value, at);
        return;
    }
    if (json_first(value) == NULL) {
        fhir_walk_issue(w, FHIR_RULE_EMPTY, at, (Str[2]){STR("object"), STR_EMPTY});
        return;
    }
    for (const JsonNode *m = json_first(value); m != NULL; m = json_next(value, m)) {
        const FhirElement *e = fhir_element(FHIR_T_ELEMENT, fhir_walk_text(w, m));
        if (e == NULL) {
            fhir_walk_issue(w, FHIR_RULE_MEMBER_UNKNOWN, at, (Str[2]){json_raw_str(m), at->name});
            continue;
        }
        check_member(w, e, value, json_value(m), at);
    }
}

/* The arrays name and `_name` beside each other. */
static void check_extras_array(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                               const JsonNode *array, FhirFrame *at) {
    const JsonNode *main = json_get(object, (Str){e->name, e->name_len});
    size_t n = json_count(array);
    if (n == 0) {
        fhir_walk_issue(w, FHIR_RULE_EMPTY, at, (Str[2]){STR("array"), STR_EMPTY});
    }
    if (json_is(main, JSON_ARRAY) && json_count(main) != n) {
        fhir_walk_issue(w, FHIR_RULE_SIBLING, at, (Str[2]){element_name(e), STR_EMPTY});
    }
    at->index = 0;
    for (const JsonNode *v = json_first(array); v != NULL; v = json_next(array, v), at->index++) {
        if (json_is(v, JSON_NULL)) {
            if (main == NULL) {
                fhir_walk_issue(w, FHIR_RULE_NULLS, at, (Str[2]){element_name(e), STR_EMPTY});
            }
            continue;
        }
        check_extras(w, v, at);
    }
}

/* A member whose name begins with _. False when there is no such primitive. */
static bool check_sibling(FhirWalk *w, FhirShape shape, const JsonNode *object,
                          const JsonNode *member, Seen *seen, const FhirFrame *up) {
    Str name = json_raw_str(member);
    const FhirElement *e = fhir_element(shape, str_sub(name, 1, SIZE_MAX));
    if (e == NULL || e->kind != FHIR_KIND_PRIMITIVE || (e->flags & FHIR_E_BARE) != 0) {
        return false;
    }
    note_seen(w, seen, e, up);
    FhirFrame at = {up, element_name(e), -1};
    const JsonNode *value = json_value(member);
    bool is_array = json_is(value, JSON_ARRAY);
    if (is_array != ((e->flags & FHIR_E_ARRAY) != 0)) {
        fhir_walk_issue(w, is_array ? FHIR_RULE_SINGLE : FHIR_RULE_REPEATS, &at,
                        (Str[2]){name, STR_EMPTY});
    } else if (is_array) {
        check_extras_array(w, e, object, value, &at);
    } else {
        check_extras(w, value, &at);
    }
    return true;
}

/* One requirement that was not met: named by its first element. */
static void required_issue(FhirWalk *w, const FhirShapeInfo *info, unsigned number,
                           const FhirFrame *at) {
    for (unsigned i = 0; i < info->n_elements; i++) {
        const FhirElement *e = &info->elements[i];
        if (e->required == number) {
            char name[140];
            int len = snprintf(name, sizeof(name), "%.*s%s", (int)e->base_len, e->name,
                               e->choice != 0 ? "[x]" : "");
            fhir_walk_issue(w, FHIR_RULE_MIN, at,
                            (Str[2]){(Str){name, (size_t)len}, str_from(info->name)});
            return;
        }
    }
}

static void check_seen(FhirWalk *w, FhirShape shape, const Seen *seen, const FhirFrame *at) {
    const FhirShapeInfo *info = fhir_shape(shape);
    uint64_t wanted = (UINT64_C(1) << info->n_required) - 1;
    if (UNLIKELY((seen->required & wanted) != wanted)) {
        for (unsigned k = 0; k < info->n_required; k++) {
            if ((seen->required >> k & 1) == 0) {
                required_issue(w, info, k + 1, at);
            }
        }
    }
    if (shape == FHIR_T_EXTENSION && (seen->choice[0] != NULL) == seen->has_extension) {
        fhir_walk_issue(w, FHIR_RULE_EXT_1, at, (Str[2]){STR_EMPTY, STR_EMPTY});
    }
    if (!seen->has_children && info->kind != FHIR_KIND_RESOURCE) {
        fhir_walk_issue(w, FHIR_RULE_ELE_1, at, (Str[2]){STR_EMPTY, STR_EMPTY});
    }
}

static void unknown_issue(FhirWalk *w, FhirShape shape, Str name, const FhirFrame *up) {
    FhirFrame at = {up, name, -1};
    fhir_walk_issue(w, FHIR_RULE_MEMBER_UNKNOWN, &at,
                    (Str[2]){name, str_from(fhir_shape(shape)->name)});
}

static void check_object(FhirWalk *w, const JsonNode *object, FhirShape shape,
                         const FhirFrame *at) {
    const JsonNode *m = json_first(object);
    if (m == NULL) {
        fhir_walk_issue(w, FHIR_RULE_EMPTY, at, (Str[2]){STR("object"), STR_EMPTY});
        return;
    }
    bool is_resource = fhir_type_is_resource((FhirType)shape);
    Seen seen = {0};
    for (; m != NULL; m = json_next(object, m)) {
        Str name = fhir_walk_text(w, m);
        const FhirElement *e = fhir_element(shape, name);
        if (LIKELY(e != NULL)) {
            note_seen(w, &seen, e, at);
            seen.has_children |= e->shape != FHIR_T_STRING || !str_eq(name, STR("id"));
            seen.has_extension |= e->shape == FHIR_T_EXTENSION;
            check_member(w, e, object, json_value(m), at);
            continue;
        }
        if (is_resource && str_eq(name, STR("resourceType"))) {
            continue;
        }
        seen.has_children = true;
        if (name.len < 2 || name.ptr[0] != '_' || m->escaped ||
            !check_sibling(w, shape, object, m, &seen, at)) {
            unknown_issue(w, shape, name, at);
        }
    }
    check_seen(w, shape, &seen, at);
}

/* ---- resources */

/* dom-2 to dom-5 and an id to be referenced by. */
static void check_contained(FhirWalk *w, const JsonNode *r, const FhirFrame *at) {
    static const char *const banned[] = {"meta.versionId", "meta.lastUpdated", "meta.security"};
    if (json_get_lit(r, "contained") != NULL) {
        fhir_walk_issue(w, FHIR_RULE_CONTAINED, at, (Str[2]){STR("contained"), STR_EMPTY});
    }
    for (size_t i = 0; i < ARRAY_LEN(banned); i++) {
        if (json_path(r, banned[i]) != NULL) {
            fhir_walk_issue(w, FHIR_RULE_CONTAINED, at, (Str[2]){str_from(banned[i]), STR_EMPTY});
        }
    }
    const JsonNode *node = json_get_lit(r, "id");
    Str id = json_is(node, JSON_STRING) ? fhir_walk_text(w, node) : STR_EMPTY;
    const JsonNode *first = id.len == 0 ? NULL : fhir_find_contained(w, id);
    if (id.len == 0 || (first != NULL && first != r)) {
        fhir_walk_issue(w, FHIR_RULE_CONTAINED_ID, at, (Str[2]){id, STR_EMPTY});
    }
}

/* A resource inside another: contained, entry of a Bundle, parameter. */
static void check_resource(FhirWalk *w, const JsonNode *value, const FhirFrame *at) {
    if (!json_is(value, JSON_OBJECT)) {
        type_issue(w, STR("object"), value, at);
        return;
    }
    FhirType type = fhir_type_of(value);
    if (type == FHIR_T_NONE) {
        Str said = json_raw_str(json_get_lit(value, "resourceType"));
        fhir_walk_issue(w, FHIR_RULE_RESOURCE_TYPE, at, (Str[2]){said, STR_EMPTY});
        return;
    }
    FhirScope saved = w->scope;
    if (str_eq(at->name, STR("contained"))) {
        check_contained(w, value, at);
        check_object(w, value, (FhirShape)type, at);
        return;
    }
    w->scope = (FhirScope){.container = value, .bundles = saved.bundles + (type == FHIR_T_BUNDLE)};
    check_object(w, value, (FhirShape)type, at);
    w->scope = saved;
}

ErrCode fhir_validate(const FhirResource *resource, const FhirValidateOptions *options,
                      FhirIssues *issues) {
    assert(fhir_type_is_resource(resource->type) && issues != NULL);
    FhirWalk w = {
        .issues = issues,
        .options = options == NULL ? (FhirValidateOptions){0} : *options,
        .scope = {.container = resource->root, .bundles = resource->type == FHIR_T_BUNDLE}};
    unsigned before = issues->n_errors;
    FhirFrame at = {NULL, str_from(fhir_type_name(resource->type)), -1};
    check_object(&w, resource->root, (FhirShape)resource->type, &at);
    if (arena_failed(issues->arena)) {
        return ERR_NOMEM;
    }
    return issues->n_errors > before ? ERR_INVALID : ERR_OK;
}
