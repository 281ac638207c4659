#include "fhir/fhir_parse.h"

#include "core/limits.h"

FhirType fhir_type_of(const JsonNode *object) {
    if (!json_is(object, JSON_OBJECT)) {
        return FHIR_T_NONE;
    }
    /* Nearly always the first member. */
    const JsonNode *first = json_first(object);
    bool is_first = first != NULL && str_eq(json_raw_str(first), STR("resourceType"));
    const JsonNode *value = is_first ? json_value(first) : json_get_lit(object, "resourceType");
    return fhir_resource_by_name(json_raw_str(value));
}

ErrCode fhir_from_node(const JsonNode *root, FhirResource *ret_resource, FhirIssues *issues) {
    FhirType type = fhir_type_of(root);
    if (type == FHIR_T_NONE) {
        Str said = json_raw_str(json_get_lit(root, "resourceType"));
        fhir_issue_add(issues, FHIR_RULE_RESOURCE_TYPE, STR_EMPTY, (Str[2]){said, STR_EMPTY});
        return ERR_INVALID;
    }
    *ret_resource = (FhirResource){type, root};
    return ERR_OK;
}

/* A resource of its own has a limit; a Bundle only that of the request that brought it. */
static ErrCode check_size(const FhirResource *r, FhirIssues *issues) {
    if (r->type == FHIR_T_BUNDLE || r->root->len <= LIMIT_RESOURCE_BYTES) {
        return ERR_OK;
    }
    ErrInfo info = {0};
    ErrCode err = err_set(&info, ERR_LIMIT, "fhir-size", "the resource is larger than %zu bytes",
                          "tài nguyên lớn hơn %zu byte", (size_t)LIMIT_RESOURCE_BYTES);
    fhir_issue_add_info(issues, &info);
    return err;
}

static ErrCode finish(ErrCode err, const ErrInfo *info, const JsonNode *root, FhirIssues *issues,
                      FhirResource *ret_resource) {
    if (err != ERR_OK) {
        fhir_issue_add_info(issues, info);
        return err;
    }
    FhirResource r = {FHIR_T_NONE, NULL};
    TRY(fhir_from_node(root, &r, issues));
    TRY(check_size(&r, issues));
    *ret_resource = r;
    return ERR_OK;
}

ErrCode fhir_parse(Arena *arena, Str text, FhirResource *ret_resource, FhirIssues *issues) {
    ErrInfo info = {0};
    const JsonNode *root = NULL;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) { /* a byte order mark: RFC 8259, 8.1 */
        text = str_sub(text, 3, text.len);
    }
    ErrCode err = json_parse(arena, text, &root, &info);
    return finish(err, &info, root, issues, ret_resource);
}

ErrCode fhir_parse_next(Arena *arena, Str *text, FhirResource *ret_resource, FhirIssues *issues) {
    ErrInfo info = {0};
    const JsonNode *root = NULL;
    ErrCode err = json_parse_next(arena, text, &root, &info);
    return finish(err, &info, root, issues, ret_resource);
}
