#include "fhir/fhir_validate_int.h"

#include "core/hash.h"
#include "fhir/fhir_primitive.h"
#include "fhir/fhir_reference.h"
#include "fhir/fhir_xhtml.h"

/* ---- primitives */

typedef enum Wanted { WANT_STRING, WANT_NUMBER, WANT_BOOLEAN } Wanted;

static Wanted wanted(FhirShape type) {
    switch (type) {
    case FHIR_T_BOOLEAN:
        return WANT_BOOLEAN;
    case FHIR_T_DECIMAL:
    case FHIR_T_INTEGER:
    case FHIR_T_POSITIVE_INT:
    case FHIR_T_UNSIGNED_INT:
        return WANT_NUMBER;
    default:
        return WANT_STRING;
    }
}

static void type_issue(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                       const FhirFrame *at) {
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_FALSE] = "boolean", [JSON_TRUE] = "boolean",
        [JSON_NUMBER] = "number", [JSON_STRING] = "string", [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };
    static const char *const wanted_names[] = {"string", "number", "boolean"};
    char text[80];
    int len = snprintf(text, sizeof(text), "%s (JSON %s)", fhir_shape(e->shape)->name,
                       wanted_names[wanted(e->shape)]);
    fhir_walk_issue(w, FHIR_RULE_TYPE, at,
                    (Str[2]){(Str){text, (size_t)len}, str_from(names[value->type])});
}

static void format_issue(FhirWalk *w, const FhirElement *e, Str text, const FhirFrame *at) {
    fhir_walk_issue(w, FHIR_RULE_FORMAT, at, (Str[2]){str_from(fhir_shape(e->shape)->name), text});
}

static void check_string(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                         const FhirFrame *at) {
    if (value->len == 0) {
        fhir_walk_issue(w, FHIR_RULE_EMPTY, at, (Str[2]){STR("string"), STR_EMPTY});
        return;
    }
    Str text = fhir_walk_text(w, value);
    if (!fhir_primitive_ok((FhirType)e->shape, text)) {
        format_issue(w, e, text, at);
        return;
    }
    if (e->codes != 0 && !fhir_codes_have(e->codes, text, NULL)) {
        fhir_walk_issue(w, FHIR_RULE_CODE, at, (Str[2]){text, str_from(fhir_codes_url(e->codes))});
    }
    if (e->shape == FHIR_T_XHTML) {
        const char *wrong = fhir_xhtml_check(text);
        if (wrong != NULL) {
            fhir_walk_issue(w, FHIR_RULE_NARRATIVE, at, (Str[2]){str_from(wrong), STR_EMPTY});
        }
    }
}

void fhir_check_primitive(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                          const FhirFrame *at) {
    Wanted want = wanted(e->shape);
    if (want == WANT_STRING && json_is(value, JSON_STRING)) {
        check_string(w, e, value, at);
    } else if (want == WANT_NUMBER && json_is(value, JSON_NUMBER)) {
        Str text = {value->text, value->len};
        if (!fhir_primitive_ok((FhirType)e->shape, text)) {
            format_issue(w, e, text, at);
        }
    } else if (want != WANT_BOOLEAN || !(json_is(value, JSON_TRUE) || json_is(value, JSON_FALSE))) {
        type_issue(w, e, value, at);
    }
}

/* ---- required bindings of Coding and CodeableConcept */

static bool coding_fits(const FhirWalk *w, uint16_t codes, const JsonNode *coding) {
    const JsonNode *code = json_get_lit(coding, "code");
    const JsonNode *system = json_get_lit(coding, "system");
    if (!json_is(code, JSON_STRING) || !json_is(system, JSON_STRING)) {
        return false;
    }
    Str text = fhir_walk_text(w, system);
    return fhir_codes_have(codes, fhir_walk_text(w, code), &text);
}

void fhir_check_coding(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                       const FhirFrame *at) {
    bool fits = true;
    if (e->shape == FHIR_T_CODING) {
        fits = coding_fits(w, e->codes, object);
    } else if (e->shape == FHIR_T_CODEABLE_CONCEPT) {
        const JsonNode *list = json_get_lit(object, "coding");
        fits = false;
        if (json_is(list, JSON_ARRAY)) {
            for (const JsonNode *c = json_first(list); c != NULL && !fits; c = json_next(list, c)) {
                fits = coding_fits(w, e->codes, c);
            }
        }
    }
    if (!fits) {
        fhir_walk_issue(w, FHIR_RULE_CODING, at,
                        (Str[2]){at->name, str_from(fhir_codes_url(e->codes))});
    }
}

/* ---- references */

static const JsonNode *contained_list(const JsonNode *container) {
    const JsonNode *list = json_get_lit(container, "contained");
    return json_is(list, JSON_ARRAY) ? list : NULL;
}

/* Fills the scope's table; the first of several equal ids wins. */
static bool index_contained(FhirWalk *w) {
    const JsonNode *list = contained_list(w->scope.container);
    size_t size = 8;
    while (list != NULL && size < 2 * json_count(list)) {
        size *= 2;
    }
    w->scope.mask = size - 1;
    w->scope.slots = arena_new_array(w->issues->arena, FhirContained, size);
    if (w->scope.slots == NULL || list == NULL) {
        return w->scope.slots != NULL;
    }
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        const JsonNode *id = json_get_lit(c, "id");
        if (!json_is(id, JSON_STRING)) {
            continue;
        }
        Str text = fhir_walk_text(w, id);
        size_t at = hash64(text) & w->scope.mask;
        while (w->scope.slots[at].resource != NULL && !str_eq(w->scope.slots[at].id, text)) {
            at = (at + 1) & w->scope.mask;
        }
        if (w->scope.slots[at].resource == NULL) {
            w->scope.slots[at] = (FhirContained){text, c};
        }
    }
    return true;
}

const JsonNode *fhir_find_contained(FhirWalk *w, Str id) {
    if (w->scope.slots == NULL && !index_contained(w)) {
        return NULL;
    }
    size_t at = hash64(id) & w->scope.mask;
    while (w->scope.slots[at].resource != NULL) {
        if (str_eq(w->scope.slots[at].id, id)) {
            return w->scope.slots[at].resource;
        }
        at = (at + 1) & w->scope.mask;
    }
    return NULL;
}

/* "Group, Patient": the first few types that are allowed. */
static Str allowed_names(const FhirElement *e, char *out, size_t size) {
    size_t len = 0;
    FhirType type = fhir_target_next(e->targets, FHIR_T_NONE);
    for (; type != FHIR_T_NONE && len + 40 < size; type = fhir_target_next(e->targets, type)) {
        len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "",
                                fhir_type_name(type));
    }
    return (Str){out, len};
}

/* The type that the reference leads to: from its text, or from the contained resource. */
static FhirType target_type(FhirWalk *w, const FhirReference *ref, const FhirFrame *at) {
    if (ref->kind != FHIR_REF_CONTAINED) {
        return ref->type;
    }
    if (ref->id.len == 0) {
        return fhir_type_of(w->scope.container);
    }
    const JsonNode *found = fhir_find_contained(w, ref->id);
    if (found == NULL) {
        fhir_walk_issue(w, FHIR_RULE_REF_CONTAINED, at, (Str[2]){ref->id, STR_EMPTY});
        return FHIR_T_NONE;
    }
    return fhir_type_of(found);
}

static bool kind_allowed(const FhirWalk *w, FhirReferenceKind kind) {
    if (kind == FHIR_REF_LOCAL) {
        return w->options.local_references;
    }
    return kind != FHIR_REF_CONDITIONAL || w->options.conditional_references ||
           w->scope.bundles > 0;
}

void fhir_check_reference(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                          const FhirFrame *up) {
    const JsonNode *node = json_get_lit(object, "reference");
    if (!json_is(node, JSON_STRING) || node->len == 0) {
        return;
    }
    FhirFrame at = {up, STR("reference"), -1};
    Str text = fhir_walk_text(w, node);
    FhirReference ref;
    if (fhir_reference_parse(text, &ref) != ERR_OK || !kind_allowed(w, ref.kind)) {
        fhir_walk_issue(w, FHIR_RULE_REF_FORMAT, &at, (Str[2]){text, STR_EMPTY});
        return;
    }
    FhirType type = target_type(w, &ref, &at);
    if (type == FHIR_T_NONE) {
        return;
    }
    Str name = str_from(fhir_type_name(type));
    if (!fhir_target_allowed(e->targets, type)) {
        char list[400];
        fhir_walk_issue(w, FHIR_RULE_REF_TARGET, &at,
                        (Str[2]){name, allowed_names(e, list, sizeof(list))});
    }
    const JsonNode *said = json_get_lit(object, "type");
    if (json_is(said, JSON_STRING) && !json_str_is(said, name) &&
        fhir_resource_by_name(json_raw_str(said)) != FHIR_T_NONE) {
        fhir_walk_issue(w, FHIR_RULE_REF_TYPE, &at, (Str[2]){name, json_raw_str(said)});
    }
}
