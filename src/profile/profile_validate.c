#include "profile/profile_walk_int.h"

enum { SCRATCH_MAX = 64 << 20 };

/* ---- issues */

static void put_frame(Buf *b, const ProfileFrame *f) {
    if (f->up != NULL) {
        put_frame(b, f->up);
        buf_put_char(b, '.');
    }
    buf_put_str(b, f->name);
    if (f->index >= 0) {
        buf_put_char(b, '[');
        buf_put_u64(b, (uint64_t)f->index);
        buf_put_char(b, ']');
    }
}

void profile_issue(ProfileWalk *w, FhirSeverity severity, const FhirRuleText *rule,
                   const ProfileFrame *at, const Str args[FHIR_ISSUE_ARGS]) {
    if (w->trials > 0) {
        w->trial_failed |= severity == FHIR_ERROR;
        return;
    }
    Buf where;
    buf_init(&where, 16 * LIMIT_KIB);
    put_frame(&where, at);
    fhir_issue_put(w->issues, severity, rule, buf_str(&where), args);
    buf_release(&where);
}

void profile_error(ProfileWalk *w, ProfileRule rule, const ProfileFrame *at,
                   const Str args[FHIR_ISSUE_ARGS]) {
    profile_issue(w, FHIR_ERROR, &PROFILE_RULES[rule], at, args);
}

void profile_limit(ProfileWalk *w, const ProfileFrame *at, Str what, unsigned most) {
    if (!w->stopped) {
        w->stopped = true;
        unsigned trials = w->trials;
        w->trials = 0;
        profile_error(w, PROFILE_RULE_LIMIT, at,
                      (Str[4]){what, profile_number(w, most), STR_EMPTY, STR_EMPTY});
        w->trials = trials;
        w->trial_failed = true;
    }
}

Str profile_number(ProfileWalk *w, uint64_t n) {
    return arena_printf(w->arena, "%llu", (unsigned long long)n);
}

/* ---- elements that speak of a value */

void profile_push(ProfileWalk *w, ProfileActive *active, const ProfileNode *node,
                  const ProfileFrame *at) {
    for (unsigned i = 0; i < active->n; i++) {
        if (active->nodes[i] == node) {
            return;
        }
    }
    if (active->n == PROFILE_ACTIVE_MAX) {
        profile_limit(w, at, STR("profiles of one element"), PROFILE_ACTIVE_MAX);
        return;
    }
    active->nodes[active->n++] = node;
}

/* A profile by its canonical: pushed; what is wrong with it is said. */
static void push_profile(ProfileWalk *w, const ProfileItem *item, Str canonical,
                         ProfilePolicy policy, ProfileActive *active, const ProfileFrame *at) {
    if (profile_core_type(canonical) != FHIR_T_NONE) {
        FhirType core = profile_core_type(canonical);
        if (!profile_is_type(item->shape, core)) {
            profile_error(w, PROFILE_RULE_MISMATCH, at,
                          (Str[4]){canonical, str_from(fhir_type_name(core)),
                                   str_from(fhir_shape(item->shape)->name), STR_EMPTY});
        }
        return;
    }
    const Profile *p = profile_get(w->set, canonical);
    FhirSeverity severity = policy == PROFILE_REFUSE ? FHIR_ERROR
                            : policy == PROFILE_WARN ? FHIR_WARNING
                                                     : FHIR_INFORMATION;
    Str args[4] = {canonical, STR_EMPTY, STR_EMPTY, STR_EMPTY};
    if (p != NULL && !p->is_broken && profile_is_type(item->shape, p->type)) {
        profile_push(w, active, p->root, at);
    } else if (p != NULL && !p->is_broken) {
        args[1] = str_from(fhir_type_name(p->type));
        args[2] = str_from(fhir_shape(item->shape)->name);
        profile_error(w, PROFILE_RULE_MISMATCH, at, args);
    } else if (policy != PROFILE_IGNORE && profile_wants(w, severity)) {
        args[1] = p == NULL ? STR_EMPTY : str_from(p->why.what_en);
        profile_issue(w, severity,
                      &PROFILE_RULES[p == NULL ? PROFILE_RULE_UNKNOWN : PROFILE_RULE_BROKEN], at,
                      args);
    }
}

static Str joined(ProfileWalk *w, const Str *items, unsigned n) {
    Str out = STR_EMPTY;
    for (unsigned i = 0; i < n; i++) {
        out = arena_printf(w->arena, STR_FMT "%s" STR_FMT, STR_ARG(out), i == 0 ? "" : ", ",
                           STR_ARG(items[i]));
    }
    return out;
}

/* One of several type profiles must be followed. */
static void try_profiles(ProfileWalk *w, const ProfileItem *item, const ProfileType *type,
                         const ProfileNode *node, const ProfileFrame *at) {
    for (unsigned i = 0; i < type->n_profiles; i++) {
        const Profile *p = profile_get(w->set, type->profiles[i]);
        if (p == NULL || p->is_broken || profile_follows(w, item, p->root, at)) {
            return;
        }
    }
    profile_error(w, PROFILE_RULE_CONFORMS, at,
                  (Str[4]){joined(w, type->profiles, type->n_profiles), STR_EMPTY, STR_EMPTY,
                           node->profile->canonical});
}

static Str type_names(ProfileWalk *w, const ProfileNode *node) {
    Str out = STR_EMPTY;
    for (unsigned i = 0; i < node->n_types; i++) {
        out = arena_printf(w->arena, STR_FMT "%s%s", STR_ARG(out), i == 0 ? "" : ", ",
                           fhir_type_name(node->types[i].type));
    }
    return out;
}

static bool is_choice(const ProfileItem *item) {
    return item->element != NULL &&
           (item->element->choice != 0 || item->element->shape == FHIR_T_RESOURCE);
}

/* The type among those that the element allows: its profiles and targets. */
static void check_types(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                        ProfileActive *active, const ProfileFrame *at) {
    bool any = node->n_types == 0;
    for (unsigned i = 0; i < node->n_types; i++) {
        const ProfileType *t = &node->types[i];
        if (!profile_is_type(item->shape, t->type)) {
            continue;
        }
        any = true;
        if (t->n_profiles == 1 && item->shape != FHIR_T_EXTENSION) {
            push_profile(w, item, t->profiles[0], PROFILE_WARN, active, at);
        } else if (t->n_profiles == 1 ||
                   (t->n_profiles > 0 && w->trials > 0 && item->shape == FHIR_T_EXTENSION)) {
            push_profile(w, item, t->profiles[0], PROFILE_IGNORE, active, at);
        } else if (t->n_profiles > 1) {
            try_profiles(w, item, t, node, at);
        }
        if (item->shape == FHIR_T_REFERENCE) {
            profile_check_targets(w, item, t, node, at);
        }
        break;
    }
    if (!any && is_choice(item)) {
        profile_error(w, PROFILE_RULE_TYPE, at,
                      (Str[4]){str_from(fhir_shape(item->shape)->name), type_names(w, node),
                               STR_EMPTY, node->profile->canonical});
    }
}

/* ---- what R4 itself says */

static void check_base(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                       const ProfileFrame *at) {
    if (w->trials > 0 || w->scope.level < PROFILE_BASE) {
        return;
    }
    profile_check_invariants(w, item, at);
    if (item->element != NULL && item->element->extensible != 0) {
        profile_check_binding(w, item, str_from(fhir_extensible_url(item->element->extensible)),
                              PROFILE_EXTENSIBLE, at, STR("R4"));
    }
    if (item->shape == FHIR_T_REFERENCE) {
        profile_check_exists(w, item, at);
    }
    if (item->shape == FHIR_T_EXTENSION) {
        const ProfileNode *root = profile_extension_root(w, item, at);
        if (root != NULL) {
            profile_push(w, active, root, at);
        }
    }
}

/* ---- one value */

/* All that speak of the value; type profiles join while it goes. */
static void check_all(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                      const ProfileFrame *at) {
    check_base(w, item, active, at);
    for (unsigned i = 0; i < active->n && !w->stopped; i++) {
        const ProfileNode *node = active->nodes[i];
        check_types(w, item, node, active, at);
        profile_check_value(w, item, node, at);
        profile_check_constraints(w, item, node, at);
    }
}

static void walk_resource(ProfileWalk *w, const JsonNode *resource, const FhirElement *element,
                          ProfileActive *active, const ProfileFrame *at);

void profile_walk_item(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                       const ProfileFrame *at) {
    w->steps += 1 + active->n;
    if (w->steps > w->max_steps) {
        profile_limit(w, at, STR("values"), (unsigned)w->max_steps);
    }
    if (w->stopped || (w->trials > 0 && (active->n == 0 || w->trial_failed))) {
        return;
    }
    if (item->shape == FHIR_T_RESOURCE) {
        if (json_is(item->node, JSON_OBJECT)) {
            walk_resource(w, item->node, item->element, active, at);
        }
        return;
    }
    check_all(w, item, active, at);
    if (json_is(item->node, JSON_OBJECT)) {
        profile_walk_members(w, item->node, item->shape, active, at);
    } else if (item->extra != NULL || active->n > 0) {
        profile_walk_members(w, item->extra, FHIR_T_ELEMENT, active, at);
    }
}

bool profile_follows(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                     const ProfileFrame *at) {
    if (w->trials == PROFILE_TRIALS_MAX || w->stopped) {
        profile_limit(w, at, STR("profiles inside slices"), PROFILE_TRIALS_MAX);
        return false;
    }
    bool outer = w->trial_failed;
    w->trials++;
    w->trial_failed = false;
    ProfileActive active = {.nodes = {node}, .n = 1};
    ProfileFrame frame = *at;
    frame.item = item;
    profile_walk_item(w, item, &active, &frame);
    bool failed = w->trial_failed;
    w->trials--;
    w->trial_failed = outer;
    return !failed;
}

/* ---- resources */

static void push_asked(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                       const ProfileFrame *at) {
    for (size_t i = 0; i < w->options->n_profiles; i++) {
        push_profile(w, item, w->options->profiles[i], PROFILE_REFUSE, active, at);
    }
}

static void push_claimed(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                         const ProfileFrame *at) {
    const JsonNode *list = json_get_lit(json_get_lit(item->node, "meta"), "profile");
    if (w->trials > 0 || w->scope.level < PROFILE_PROFILES || !json_is(list, JSON_ARRAY)) {
        return;
    }
    ProfileFrame meta = {.up = at, .name = STR("meta"), .index = -1};
    ProfileFrame claim = {.up = &meta, .name = STR("profile"), .index = 0};
    for (const JsonNode *v = json_first(list); v != NULL; v = json_next(list, v), claim.index++) {
        if (json_is(v, JSON_STRING)) {
            push_profile(w, item, json_str(w->arena, v), w->options->unknown_profile, active,
                         &claim);
        }
    }
}

/* fullUrl must not say another id than the resource (bundle.html#Bundle.entry.fullUrl). */
static void check_full_url(ProfileWalk *w, const JsonNode *resource, FhirType type,
                           const ProfileFrame *at) {
    Str url = w->scope.full_url;
    Str id = json_str(w->arena, json_get_lit(resource, "id"));
    if (w->trials > 0 || id.len == 0 || !str_starts(url, STR("http"))) {
        return;
    }
    Str whole = arena_printf(w->arena, "%s/" STR_FMT, fhir_type_name(type), STR_ARG(id));
    Str marker = arena_printf(w->arena, "/%s/", fhir_type_name(type));
    size_t from = str_find(url, marker);
    if (from != SIZE_MAX && !str_ends(url, whole)) {
        profile_error(w, PROFILE_RULE_BUNDLE_ID, at,
                      (Str[4]){str_sub(url, from + 1, SIZE_MAX), whole, STR_EMPTY, STR_EMPTY});
    }
}

/* The scope inside a resource: contained ones keep their container, entries have their own. */
static ProfileScope scope_of(const ProfileWalk *w, const JsonNode *resource, FhirType type,
                             const ProfileFrame *at) {
    ProfileScope scope = w->scope;
    scope.resource = resource;
    if (!str_eq(at->name, STR("contained"))) {
        scope.container = resource;
        scope.level =
            w->options->levels == NULL ? w->options->level : (ProfileLevel)w->options->levels[type];
    }
    if (type == FHIR_T_BUNDLE) {
        scope.bundle = resource;
    }
    return scope;
}

static void walk_resource(ProfileWalk *w, const JsonNode *resource, const FhirElement *element,
                          ProfileActive *active, const ProfileFrame *at) {
    FhirType type = fhir_type_of(resource);
    if (type == FHIR_T_NONE) {
        return;
    }
    ProfileItem item = {.node = resource, .shape = (FhirShape)type, .element = element};
    ProfileFrame frame = *at;
    frame.item = &item;
    ProfileScope saved = w->scope;
    ProfileTargets targets = w->targets;
    if (str_eq(at->name, STR("resource")) && at->up != NULL && at->up->item != NULL) {
        w->scope.full_url = json_str(w->arena, json_get_lit(at->up->item->node, "fullUrl"));
        check_full_url(w, resource, type, at);
    }
    w->scope = scope_of(w, resource, type, at);
    if (type == FHIR_T_BUNDLE) {
        w->targets = (ProfileTargets){0};
    }
    push_claimed(w, &item, active, &frame);
    profile_check_contained(w, resource, &frame);
    check_all(w, &item, active, &frame);
    profile_walk_members(w, resource, item.shape, active, &frame);
    w->scope = saved;
    w->targets = targets;
}

bool profile_resource_follows(ProfileWalk *w, const JsonNode *resource, const Profile *p,
                              const ProfileFrame *at) {
    ProfileItem item = {.node = resource, .shape = FHIR_T_RESOURCE};
    return profile_is_type((FhirShape)fhir_type_of(resource), p->type) &&
           profile_follows(w, &item, p->root, at);
}

ErrCode profile_validate(const ProfileSet *set, const FhirResource *resource,
                         const ProfileOptions *options, FhirIssues *issues) {
    static const ProfileHooks none = {0};
    unsigned before = issues->n_errors;
    ErrCode err = fhir_validate(resource, &options->structure, issues);
    if (err == ERR_NOMEM || options->level == PROFILE_STRUCTURE) {
        return err;
    }
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_MAX);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    ProfileWalk w = {.set = set,
                     .options = options,
                     .hooks = options->hooks == NULL ? &none : options->hooks,
                     .issues = issues,
                     .arena = issues->arena,
                     .scratch = scratch,
                     .max_steps = LIMIT_PROFILE_STEPS + 64 * (uint64_t)resource->root->skip,
                     .scope = {.resource = resource->root, .container = resource->root}};
    ProfileItem root = {.node = resource->root, .shape = (FhirShape)resource->type};
    ProfileFrame at = {
        .name = str_from(fhir_type_name(resource->type)), .index = -1, .item = &root};
    ProfileActive active = {.n = 0};
    push_asked(&w, &root, &active, &at);
    walk_resource(&w, resource->root, NULL, &active, &at);
    if (arena_failed(issues->arena)) {
        return ERR_NOMEM;
    }
    return issues->n_errors > before ? ERR_INVALID : ERR_OK;
}
