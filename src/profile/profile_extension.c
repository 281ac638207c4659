#include "profile/profile_walk_int.h"

/* ---- places: "Patient", "Patient.birthDate", "HumanName", "Element" … */

/* "Patient.name.given": the names from the nearest resource down to the frame. */
static void put_path(Buf *out, const ProfileFrame *at) {
    bool root = at->item != NULL && fhir_type_is_resource((FhirType)at->item->shape);
    if (root || at->up == NULL) {
        buf_put_str(out, str_from(at->item == NULL ? "" : fhir_shape(at->item->shape)->name));
        return;
    }
    put_path(out, at->up);
    buf_put_char(out, '.');
    buf_put_str(out, at->name);
}

/* The type itself or one of its bases; "Element" is everything, resources too. */
static bool is_named(const ProfileItem *item, Str name) {
    FhirShape shape = item->shape;
    if (str_eq(name, STR("Element"))) {
        return true;
    }
    for (int guard = 0; shape != 0 && guard < 8; guard++) {
        if (str_eq(str_from(fhir_shape(shape)->name), name)) {
            return true;
        }
        shape = (FhirShape)fhir_shape(shape)->base;
    }
    return false;
}

/* The element in the type that has it: "Patient.contact.name" as HumanName stands in
 * Patient.contact; also through the bases of that type. */
static bool is_element(const ProfileFrame *at, Str expression) {
    size_t dot = SIZE_MAX;
    for (size_t i = str_find_char(expression, '.', 0); i != SIZE_MAX;
         i = str_find_char(expression, '.', i + 1)) {
        dot = i;
    }
    if (dot == SIZE_MAX || at->up == NULL || at->up->item == NULL) {
        return false;
    }
    return str_eq(str_sub(expression, dot + 1, SIZE_MAX), at->name) &&
           is_named(at->up->item, str_sub(expression, 0, dot));
}

static bool fits_element(ProfileWalk *w, const ProfileFrame *at, Str expression) {
    size_t hash = str_find_char(expression, '#', 0);
    if (hash != SIZE_MAX) { /* profile#element: as far as the element goes */
        expression = str_sub(expression, hash + 1, SIZE_MAX);
    }
    FhirType core = profile_core_type(expression);
    if (core != FHIR_T_NONE) {
        expression = str_from(fhir_type_name(core));
    } else if (str_find(expression, STR("://")) != SIZE_MAX) {
        return true; /* a profile: nothing can be said */
    }
    if (str_ends(expression, STR("[x]"))) {
        expression = str_sub(expression, 0, expression.len - 3);
    }
    if (is_named(at->item, expression) || is_element(at, expression)) {
        return true;
    }
    Buf path;
    buf_init(&path, 4096);
    put_path(&path, at);
    Str whole = arena_str(w->arena, buf_str(&path));
    buf_release(&path);
    return str_eq(whole, expression);
}

/* The expression selects the places on the resource. */
static bool fits_fhirpath(ProfileWalk *w, const ProfileFrame *at, const ProfileContext *c) {
    if (c->expr == NULL) {
        return true;
    }
    ProfileItem root = {.node = w->scope.resource,
                        .shape = (FhirShape)fhir_type_of(w->scope.resource)};
    FpathEnv env = profile_env(w, &root);
    FpathSeq found;
    if (fpath_eval(w->arena, c->expr, &env, &found, NULL) != ERR_OK) {
        return true;
    }
    for (size_t i = 0; i < found.n; i++) {
        const FpathItem *it = &found.items[i];
        if (it->kind == FPATH_BOOLEAN && found.n == 1) {
            return it->boolean; /* written as a condition */
        }
        if (it->kind == FPATH_NODE &&
            (it->node == at->item->node || (it->node == NULL && it->sibling == at->item->extra))) {
            return true;
        }
    }
    return false;
}

static bool fits_context(ProfileWalk *w, const ProfileFrame *at, const ProfileContext *c) {
    if (str_eq(c->type, STR("element"))) {
        return fits_element(w, at, c->expression);
    }
    if (str_eq(c->type, STR("extension"))) {
        return at->item->shape == FHIR_T_EXTENSION &&
               json_str_is(json_get_lit(at->item->node, "url"), c->expression);
    }
    return fits_fhirpath(w, at, c);
}

static void check_context(ProfileWalk *w, const Profile *p, const ProfileFrame *at) {
    const ProfileFrame *holder = at->up;
    if (p->n_contexts == 0 || holder == NULL || holder->item == NULL) {
        return;
    }
    Str names = STR_EMPTY;
    for (unsigned i = 0; i < p->n_contexts; i++) {
        if (fits_context(w, holder, &p->contexts[i])) {
            return;
        }
        names = arena_printf(w->arena, STR_FMT "%s" STR_FMT, STR_ARG(names), i == 0 ? "" : ", ",
                             STR_ARG(p->contexts[i].expression));
    }
    profile_error(w, PROFILE_RULE_EXT_CONTEXT, at, (Str[4]){p->url, names, STR_EMPTY, STR_EMPTY});
}

/* ---- one extension */

static const ProfileNode *unknown(ProfileWalk *w, Str url, bool is_modifier,
                                  const ProfileFrame *at) {
    Str args[4] = {url, STR_EMPTY, STR_EMPTY, STR_EMPTY};
    ProfilePolicy policy = w->options->unknown_extension;
    if (is_modifier) {
        profile_error(w, PROFILE_RULE_EXT_MODIFIER_UNKNOWN, at, args);
        return NULL;
    }
    FhirSeverity severity = policy == PROFILE_REFUSE ? FHIR_ERROR
                            : policy == PROFILE_WARN ? FHIR_WARNING
                                                     : FHIR_INFORMATION;
    if (policy != PROFILE_IGNORE && profile_wants(w, severity)) {
        profile_issue(w, severity, &PROFILE_RULES[PROFILE_RULE_EXT_UNKNOWN], at, args);
    }
    return NULL;
}

static void broken(ProfileWalk *w, const Profile *p, const ProfileFrame *at) {
    if (profile_wants(w, FHIR_WARNING)) {
        profile_issue(w, FHIR_WARNING, &PROFILE_RULES[PROFILE_RULE_BROKEN], at,
                      (Str[4]){p->canonical, str_from(p->why.what_en), STR_EMPTY, STR_EMPTY});
    }
}

const ProfileNode *profile_extension_root(ProfileWalk *w, const ProfileItem *item,
                                          const ProfileFrame *at) {
    const JsonNode *node = json_get_lit(item->node, "url");
    if (!json_is(node, JSON_STRING)) {
        return NULL;
    }
    Str url = json_str(w->arena, node);
    bool is_modifier = str_eq(at->name, STR("modifierExtension"));
    if (str_find_char(url, ':', 0) == SIZE_MAX) {
        bool is_part =
            at->up != NULL && at->up->item != NULL && at->up->item->shape == FHIR_T_EXTENSION;
        if (!is_part) {
            profile_error(w, PROFILE_RULE_EXT_RELATIVE, at,
                          (Str[4]){url, STR_EMPTY, STR_EMPTY, STR_EMPTY});
        }
        return NULL;
    }
    const Profile *p = profile_get(w->set, url);
    if (p == NULL) {
        return unknown(w, url, is_modifier, at);
    }
    if (p->is_broken || p->type != FHIR_T_EXTENSION) {
        broken(w, p, at);
        return NULL;
    }
    if (p->is_modifier != is_modifier) {
        profile_error(w, PROFILE_RULE_EXT_MODIFIER, at,
                      (Str[4]){url, p->is_modifier ? STR("modifierExtension") : STR("extension"),
                               STR_EMPTY, STR_EMPTY});
    }
    check_context(w, p, at);
    return p->root;
}
