#include "core/hash.h"
#include "fhir/fhir_reference.h"
#include "profile/profile_walk_int.h"

bool profile_is_type(FhirShape shape, FhirType type) {
    if (type == FHIR_T_NONE) {
        return true;
    }
    for (int guard = 0; shape != 0 && guard < 8; guard++) {
        if (shape == (FhirShape)type) {
            return true;
        }
        shape = (FhirShape)fhir_shape(shape)->base;
    }
    return false;
}

/* ---- entries of the bundle around */

static ProfileTarget *slot_of(ProfileTargets *t, Str key) {
    size_t at = hash64(key) & t->mask;
    while (t->slots[at].resource != NULL && !str_eq(t->slots[at].key, key)) {
        at = (at + 1) & t->mask;
    }
    return &t->slots[at];
}

static void add_target(ProfileTargets *t, Str key, const JsonNode *resource) {
    ProfileTarget *slot = slot_of(t, key);
    if (key.len > 0 && slot->resource == NULL) {
        *slot = (ProfileTarget){.key = key, .resource = resource};
    }
}

static bool index_entries(ProfileWalk *w) {
    const JsonNode *list = json_get_lit(w->scope.bundle, "entry");
    list = json_is(list, JSON_ARRAY) ? list : NULL;
    size_t size = 8;
    while (list != NULL && size < 4 * json_count(list)) {
        size *= 2;
    }
    w->targets.slots = arena_new_array(w->arena, ProfileTarget, size);
    w->targets.mask = size - 1;
    if (w->targets.slots == NULL) {
        return false;
    }
    for (const JsonNode *e = list == NULL ? NULL : json_first(list); e != NULL;
         e = json_next(list, e)) {
        const JsonNode *resource = json_get_lit(e, "resource");
        if (!json_is(resource, JSON_OBJECT)) {
            continue;
        }
        add_target(&w->targets, json_str(w->arena, json_get_lit(e, "fullUrl")), resource);
        Str id = json_str(w->arena, json_get_lit(resource, "id"));
        FhirType type = fhir_type_of(resource);
        if (id.len > 0 && type != FHIR_T_NONE) {
            Str key = arena_printf(w->arena, "%s/" STR_FMT, fhir_type_name(type), STR_ARG(id));
            add_target(&w->targets, key, resource);
        }
    }
    return true;
}

static const JsonNode *in_bundle(ProfileWalk *w, Str reference) {
    if (w->scope.bundle == NULL || (w->targets.slots == NULL && !index_entries(w))) {
        return NULL;
    }
    size_t history = str_find(reference, STR("/_history/"));
    return slot_of(&w->targets, str_sub(reference, 0, MIN(history, reference.len)))->resource;
}

static const JsonNode *in_container(ProfileWalk *w, Str id) {
    if (id.len == 0) {
        return w->scope.container;
    }
    const JsonNode *list = json_get_lit(w->scope.container, "contained");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
         c = json_next(list, c)) {
        if (json_str_is(json_get_lit(c, "id"), id)) {
            return c;
        }
    }
    return NULL;
}

const JsonNode *profile_resolve(ProfileWalk *w, Str reference, bool local_only) {
    if (reference.len > 0 && reference.ptr[0] == '#') {
        return in_container(w, str_sub(reference, 1, SIZE_MAX));
    }
    const JsonNode *found = in_bundle(w, reference);
    if (found == NULL && !local_only && w->hooks->resolve != NULL) {
        found = w->hooks->resolve(w->hooks->ctx, w->arena, reference);
    }
    return found;
}

/* ---- dom-3: what is contained is referred to, or refers to what contains it */

static const FhirRuleText DOM_3 = {
    .id = "dom-3",
    .issue = "invariant",
    .en = "the contained resource '{0}' is not referred to from elsewhere in the resource",
    .vi = "không có chỗ nào trong tài nguyên tham chiếu tới tài nguyên kèm theo '{0}'"};

/* Marks what the strings of the tape refer to; is there one that refers to the container ("#")? */
static bool mark_used(ProfileWalk *w, ProfileTargets *t, const JsonNode *from) {
    bool to_container = false;
    const JsonNode *end = from + from->skip;
    for (const JsonNode *n = from; n < end; n++) {
        if (json_is(n, JSON_STRING) && n->len > 0 && n->text[0] == '#') {
            Str id = str_sub(json_str(w->arena, n), 1, SIZE_MAX);
            ProfileTarget *slot = slot_of(t, id);
            slot->is_used |= slot->resource != NULL;
            to_container |= id.len == 0;
        }
    }
    return to_container;
}

void profile_check_contained(ProfileWalk *w, const JsonNode *resource, const ProfileFrame *at) {
    const JsonNode *list = json_get_lit(resource, "contained");
    if (w->trials > 0 || !json_is(list, JSON_ARRAY) || w->scope.level < PROFILE_BASE) {
        return;
    }
    size_t size = 8;
    while (size < 4 * json_count(list)) {
        size *= 2;
    }
    ProfileTargets t = {.slots = arena_new_array(w->arena, ProfileTarget, size), .mask = size - 1};
    if (t.slots == NULL) {
        return;
    }
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        add_target(&t, json_str(w->arena, json_get_lit(c, "id")), c);
    }
    (void)mark_used(w, &t, resource);
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        Str id = json_str(w->arena, json_get_lit(c, "id"));
        if (id.len > 0 && !slot_of(&t, id)->is_used && !mark_used(w, &t, c)) {
            profile_issue(w, FHIR_ERROR, &DOM_3, at, (Str[4]){id, STR_EMPTY, STR_EMPTY, STR_EMPTY});
        }
    }
}

/* ---- targets */

/* What the reference leads to: by its text, the resource itself, or what it says of itself. */
static FhirType target_type(ProfileWalk *w, const JsonNode *object, const JsonNode *found) {
    if (found != NULL) {
        return fhir_type_of(found);
    }
    Str text = json_str(w->arena, json_get_lit(object, "reference"));
    FhirReference ref;
    if (text.len > 0 && fhir_reference_parse(text, &ref) == ERR_OK && ref.type != FHIR_T_NONE) {
        return ref.type;
    }
    return fhir_resource_by_name(json_str(w->arena, json_get_lit(object, "type")));
}

static Str names_of(ProfileWalk *w, const ProfileType *type) {
    Str out = STR_EMPTY;
    for (unsigned i = 0; i < type->n_targets; i++) {
        Str name = type->targets[i];
        name = str_starts(name, STR(PROFILE_CORE_URL))
                   ? str_sub(name, sizeof(PROFILE_CORE_URL) - 1, SIZE_MAX)
                   : name;
        out = arena_printf(w->arena, STR_FMT "%s" STR_FMT, STR_ARG(out), i == 0 ? "" : ", ",
                           STR_ARG(name));
    }
    return out;
}

typedef struct Targets {
    bool type_fits; /* some target is of the type */
    bool follows;   /* some target of the type is R4's own, unknown, or followed */
} Targets;

static Targets try_targets(ProfileWalk *w, const ProfileType *type, FhirType is,
                           const JsonNode *found, const ProfileFrame *at) {
    Targets t = {false, false};
    for (unsigned i = 0; i < type->n_targets && !t.follows; i++) {
        FhirType core = profile_core_type(type->targets[i]);
        if (core != FHIR_T_NONE) {
            bool fits = profile_is_type((FhirShape)is, core);
            t.type_fits |= fits;
            t.follows |= fits;
            continue;
        }
        const Profile *p = profile_get(w->set, type->targets[i]);
        if (p == NULL || p->is_broken) {
            t.type_fits = t.follows = true; /* nothing can be said */
        } else if (profile_is_type((FhirShape)is, p->type)) {
            t.type_fits = true;
            t.follows = found == NULL || profile_resource_follows(w, found, p, at);
        }
    }
    return t;
}

void profile_check_targets(ProfileWalk *w, const ProfileItem *item, const ProfileType *type,
                           const ProfileNode *node, const ProfileFrame *at) {
    if (type->n_targets == 0 || !json_is(item->node, JSON_OBJECT)) {
        return;
    }
    Str text = json_str(w->arena, json_get_lit(item->node, "reference"));
    const JsonNode *found = text.len > 0 ? profile_resolve(w, text, true) : NULL;
    FhirType is = target_type(w, item->node, found);
    if (is == FHIR_T_NONE) {
        return;
    }
    bool r4_refuses = item->element != NULL && !fhir_target_allowed(item->element->targets, is);
    Targets t = try_targets(w, type, is, found, at);
    if (!t.type_fits && (w->trials > 0 || !r4_refuses)) {
        profile_error(w, PROFILE_RULE_TARGET, at,
                      (Str[4]){str_from(fhir_type_name(is)), names_of(w, type), STR_EMPTY,
                               node->profile->canonical});
    } else if (t.type_fits && !t.follows) {
        profile_error(w, PROFILE_RULE_TARGET_PROFILE, at,
                      (Str[4]){names_of(w, type), STR_EMPTY, STR_EMPTY, node->profile->canonical});
    }
}

static FhirSeverity severity_of(ProfilePolicy policy) {
    return policy == PROFILE_REFUSE ? FHIR_ERROR
           : policy == PROFILE_WARN ? FHIR_WARNING
                                    : FHIR_INFORMATION;
}

void profile_check_exists(ProfileWalk *w, const ProfileItem *item, const ProfileFrame *at) {
    ProfilePolicy policy = w->options->missing_reference;
    if (policy == PROFILE_IGNORE || w->hooks->exists == NULL ||
        !profile_wants(w, severity_of(policy))) {
        return;
    }
    Str text = json_str(w->arena, json_get_lit(item->node, "reference"));
    FhirReference ref;
    if (text.len == 0 || fhir_reference_parse(text, &ref) != ERR_OK ||
        ref.kind != FHIR_REF_RELATIVE || in_bundle(w, text) != NULL) {
        return;
    }
    if (w->hooks->exists(w->hooks->ctx, ref.type, ref.id) == PROFILE_NO) {
        profile_issue(w, severity_of(policy), &PROFILE_RULES[PROFILE_RULE_REF_MISSING], at,
                      (Str[4]){text, STR_EMPTY, STR_EMPTY, STR_EMPTY});
    }
}
