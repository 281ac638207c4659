#include "profile/profile_walk_int.h"

/* The values of an item at a discriminator's path. */
typedef struct Values {
    ProfileItem items[PROFILE_VALUES_MAX];
    unsigned n;
} Values;

/* What a slice says at that path: one of the three. */
typedef struct Expect {
    const ProfileNode *node;
    const JsonNode *value; /* a part of a fixed or pattern value above */
    bool is_exact;         /* of a fixed one */
    Str text;              /* a string: the url of an extension's profile */
    FhirType type;         /* where a reference leads to */
} Expect;

typedef struct Expects {
    Expect items[16];
    unsigned n;
} Expects;

/* ---- values of the item */

static void add_value(Values *out, ProfileItem item) {
    if (out->n < PROFILE_VALUES_MAX) {
        out->items[out->n++] = item;
    }
}

static void collect(ProfileWalk *w, const ProfileItem *item, const ProfileStep *steps, unsigned n,
                    Values *out);

/* One value, or each of an array. */
static void collect_from(ProfileWalk *w, const FhirElement *e, const JsonNode *value,
                         const ProfileStep *steps, unsigned n, Values *out) {
    if (!json_is(value, JSON_ARRAY)) {
        ProfileItem item = {value, NULL, e->shape, e};
        collect(w, &item, steps, n, out);
        return;
    }
    for (const JsonNode *v = json_first(value); v != NULL; v = json_next(value, v)) {
        ProfileItem item = {v, NULL, e->shape, e};
        collect(w, &item, steps, n, out);
    }
}

static void collect_name(ProfileWalk *w, const ProfileItem *item, Str name,
                         const ProfileStep *steps, unsigned n, Values *out) {
    bool is_object = json_is(item->node, JSON_OBJECT);
    const JsonNode *object = is_object ? item->node : item->extra;
    FhirShape shape = is_object ? item->shape : FHIR_T_ELEMENT;
    if (object == NULL) {
        return;
    }
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        const FhirElement *e = fhir_element(shape, json_raw_str(m));
        if (e != NULL && str_eq((Str){e->name, e->base_len}, name)) {
            collect_from(w, e, json_value(m), steps, n, out);
        }
    }
}

/* The type of a resource's object; other values keep theirs. */
static ProfileItem as_item(const JsonNode *node) {
    return (ProfileItem){.node = node, .shape = (FhirShape)fhir_type_of(node)};
}

static void collect_resolved(ProfileWalk *w, const ProfileItem *item, const ProfileStep *steps,
                             unsigned n, Values *out) {
    const JsonNode *text =
        json_is(item->node, JSON_OBJECT) ? json_get_lit(item->node, "reference") : item->node;
    if (!json_is(text, JSON_STRING)) {
        return;
    }
    const JsonNode *found = profile_resolve(w, json_str(w->arena, text), false);
    if (found != NULL) {
        ProfileItem target = as_item(found);
        collect(w, &target, steps, n, out);
    }
}

static void collect_extension(ProfileWalk *w, const ProfileItem *item, const ProfileStep *steps,
                              unsigned n, Values *out) {
    Values all = {.n = 0};
    collect_name(w, item, STR("extension"), NULL, 0, &all);
    for (unsigned i = 0; i < all.n; i++) {
        if (json_str_is(json_get_lit(all.items[i].node, "url"), steps[0].text)) {
            collect(w, &all.items[i], steps + 1, n - 1, out);
        }
    }
}

static void collect(ProfileWalk *w, const ProfileItem *item, const ProfileStep *steps, unsigned n,
                    Values *out) {
    if (n == 0) {
        add_value(out, item->shape == FHIR_T_RESOURCE ? as_item(item->node) : *item);
        return;
    }
    switch (steps[0].kind) {
    case PROFILE_STEP_NAME:
        collect_name(w, item, steps[0].text, steps + 1, n - 1, out);
        return;
    case PROFILE_STEP_EXTENSION:
        collect_extension(w, item, steps, n, out);
        return;
    case PROFILE_STEP_RESOLVE:
        collect_resolved(w, item, steps + 1, n - 1, out);
        return;
    case PROFILE_STEP_TYPE:
        if (profile_is_type(item->shape, fhir_type_by_name(steps[0].text))) {
            collect(w, item, steps + 1, n - 1, out);
        }
        return;
    }
}

/* ---- what the slice says */

static void add_expect(Expects *out, Expect e) {
    if (out->n < ARRAY_LEN(out->items)) {
        out->items[out->n++] = e;
    }
}

/* Inside a fixed or pattern value. */
static void expect_value(const JsonNode *value, bool is_exact, const ProfileStep *steps, unsigned n,
                         Expects *out) {
    if (value == NULL) {
        return;
    }
    if (json_is(value, JSON_ARRAY)) {
        for (const JsonNode *v = json_first(value); v != NULL; v = json_next(value, v)) {
            expect_value(v, is_exact, steps, n, out);
        }
        return;
    }
    if (n == 0) {
        add_expect(out, (Expect){.value = value, .is_exact = is_exact});
    } else if (steps[0].kind == PROFILE_STEP_NAME) {
        expect_value(json_get(value, steps[0].text), is_exact, steps + 1, n - 1, out);
    }
}

static void expect(ProfileWalk *w, const ProfileNode *node, const ProfileStep *steps, unsigned n,
                   Expects *out);

static void expect_resolved(ProfileWalk *w, const ProfileNode *node, const ProfileStep *steps,
                            unsigned n, Expects *out) {
    for (unsigned i = 0; i < node->n_types; i++) {
        const ProfileType *t = &node->types[i];
        for (unsigned k = 0; k < t->n_targets; k++) {
            FhirType core = profile_core_type(t->targets[k]);
            const Profile *p = core != FHIR_T_NONE ? NULL : profile_get(w->set, t->targets[k]);
            if (core != FHIR_T_NONE && n == 0) {
                add_expect(out, (Expect){.type = core});
            } else if (p != NULL && !p->is_broken) {
                expect(w, p->root, steps, n, out);
            }
        }
    }
}

/* The slice of `extension` that is of that url, by its type's profile or its fixed url. */
static void expect_extension(ProfileWalk *w, const ProfileNode *node, const ProfileStep *steps,
                             unsigned n, Expects *out) {
    const ProfileNode *list = profile_child(node, STR("extension"));
    for (const ProfileNode *s = list == NULL ? NULL : list->slices; s != NULL; s = s->next) {
        Expects urls = {.n = 0};
        ProfileStep url = {PROFILE_STEP_NAME, STR("url")};
        expect(w, s, &url, 1, &urls);
        for (unsigned i = 0; i < urls.n; i++) {
            const Expect *e = &urls.items[i];
            const JsonNode *said = e->node != NULL ? e->node->fixed : e->value;
            if (str_eq(e->text, steps[0].text) ||
                (said != NULL && json_str_is(said, steps[0].text))) {
                expect(w, s, steps + 1, n - 1, out);
                break;
            }
        }
    }
}

/* Extensions are told apart by the url of their profile, even when it is not known here. */
static bool expect_url(const ProfileNode *node, const ProfileStep *steps, unsigned n,
                       Expects *out) {
    bool extension = node->slice.len > 0 && (str_eq(node->name, STR("extension")) ||
                                             str_eq(node->name, STR("modifierExtension")));
    if (!extension || n != 1 || steps[0].kind != PROFILE_STEP_NAME ||
        !str_eq(steps[0].text, STR("url")) || node->n_types == 0 ||
        node->types[0].n_profiles == 0) {
        return false;
    }
    Str version;
    add_expect(out, (Expect){.text = profile_url_of(node->types[0].profiles[0], &version)});
    return true;
}

static void expect_name(ProfileWalk *w, const ProfileNode *node, const ProfileStep *steps,
                        unsigned n, Expects *out) {
    const ProfileNode *child = profile_child(node, steps[0].text);
    unsigned before = out->n;
    if (child != NULL) {
        expect(w, child, steps + 1, n - 1, out);
        for (const ProfileNode *s = child->slices; s != NULL; s = s->next) {
            if (s->min > 0) {
                expect(w, s, steps + 1, n - 1, out);
            }
        }
    }
    if (out->n > before || node->n_types != 1 || node->types[0].n_profiles != 1) {
        return;
    }
    const Profile *p = profile_get(w->set, node->types[0].profiles[0]);
    if (p != NULL && !p->is_broken && p->root != node) {
        expect(w, p->root, steps, n, out);
    }
}

static void expect(ProfileWalk *w, const ProfileNode *node, const ProfileStep *steps, unsigned n,
                   Expects *out) {
    if (n == 0) {
        add_expect(out, (Expect){.node = node});
        return;
    }
    if (expect_url(node, steps, n, out)) {
        return;
    }
    expect_value(node->fixed, true, steps, n, out);
    expect_value(node->pattern, false, steps, n, out);
    switch (steps[0].kind) {
    case PROFILE_STEP_NAME:
        expect_name(w, node, steps, n, out);
        return;
    case PROFILE_STEP_EXTENSION:
        expect_extension(w, node, steps, n, out);
        return;
    case PROFILE_STEP_RESOLVE:
        expect_resolved(w, node, steps + 1, n - 1, out);
        return;
    case PROFILE_STEP_TYPE:
        expect(w, node, steps + 1, n - 1, out);
        return;
    }
}

/* ---- by value or pattern */

typedef enum Met { NOT_MET, MET, SAYS_NOTHING } Met;

static bool says_something(const ProfileNode *node) {
    return node->children != NULL || node->slices != NULL || node->constraints != NULL ||
           (node->n_types > 0 && node->types[0].n_profiles > 0);
}

static Met meets_node(ProfileWalk *w, const ProfileItem *v, const ProfileNode *node,
                      const ProfileFrame *at) {
    if (node->fixed != NULL || node->pattern != NULL) {
        bool fixed = node->fixed == NULL || profile_json_equal(w->arena, v->node, node->fixed);
        bool fits = fixed && (node->pattern == NULL ||
                              profile_json_contains(w->arena, v->node, node->pattern));
        return fits ? MET : NOT_MET;
    }
    if (node->strength == PROFILE_REQUIRED && w->hooks->member_of != NULL) {
        ProfileVerdict verdict =
            w->hooks->member_of(w->hooks->ctx, w->arena, node->value_set, v->node);
        return verdict == PROFILE_YES ? MET : NOT_MET;
    }
    if (says_something(node)) {
        return profile_follows(w, v, node, at) ? MET : NOT_MET;
    }
    return SAYS_NOTHING;
}

static Met meets(ProfileWalk *w, const ProfileItem *v, const Expect *e, const ProfileFrame *at) {
    if (v->node == NULL) {
        return NOT_MET;
    }
    if (e->node != NULL) {
        return meets_node(w, v, e->node, at);
    }
    if (e->text.len > 0) {
        return json_str_is(v->node, e->text) ? MET : NOT_MET;
    }
    if (e->value == NULL) {
        return SAYS_NOTHING;
    }
    bool fits = e->is_exact ? profile_json_equal(w->arena, v->node, e->value)
                            : profile_json_contains(w->arena, v->node, e->value);
    return fits ? MET : NOT_MET;
}

/* Every thing said is met by some value; at least one thing is said. */
static bool by_value(ProfileWalk *w, const Values *values, const Expects *expects,
                     const ProfileFrame *at) {
    bool decided = false;
    for (unsigned i = 0; i < expects->n; i++) {
        Met met = values->n == 0 ? NOT_MET : SAYS_NOTHING;
        for (unsigned k = 0; k < values->n && met != MET; k++) {
            met = meets(w, &values->items[k], &expects->items[i], at);
            if (met == SAYS_NOTHING) {
                break;
            }
        }
        if (met == NOT_MET) {
            return false;
        }
        decided |= met == MET;
    }
    return decided;
}

/* ---- by type, profile, existence */

static bool expects_type(const Expect *e, FhirShape shape) {
    if (e->node == NULL) {
        return e->type != FHIR_T_NONE && profile_is_type(shape, e->type);
    }
    if (e->node->up == NULL) { /* the root of a reference's target */
        return profile_is_type(shape, e->node->profile->type);
    }
    for (unsigned i = 0; i < e->node->n_types; i++) {
        if (profile_is_type(shape, e->node->types[i].type)) {
            return true;
        }
    }
    return false;
}

static bool by_type(const Values *values, const Expects *expects) {
    for (unsigned i = 0; i < expects->n; i++) {
        for (unsigned k = 0; k < values->n; k++) {
            if (expects_type(&expects->items[i], values->items[k].shape)) {
                return true;
            }
        }
    }
    return false;
}

static bool follows_url(ProfileWalk *w, const ProfileItem *v, Str canonical,
                        const ProfileFrame *at) {
    FhirType core = profile_core_type(canonical);
    if (core != FHIR_T_NONE) {
        return profile_is_type(v->shape, core);
    }
    const Profile *p = profile_get(w->set, canonical);
    if (p == NULL || p->is_broken || !profile_is_type(v->shape, p->type)) {
        return false;
    }
    return fhir_type_is_resource((FhirType)v->shape) ? profile_resource_follows(w, v->node, p, at)
                                                     : profile_follows(w, v, p->root, at);
}

static bool meets_profile(ProfileWalk *w, const ProfileItem *v, const Expect *e,
                          const ProfileFrame *at) {
    if (e->node == NULL) {
        return e->type != FHIR_T_NONE && profile_is_type(v->shape, e->type);
    }
    if (e->node->up == NULL) {
        return follows_url(w, v, e->node->profile->url, at);
    }
    for (unsigned i = 0; i < e->node->n_types; i++) {
        const ProfileType *t = &e->node->types[i];
        for (unsigned k = 0; k < t->n_profiles; k++) {
            if (follows_url(w, v, t->profiles[k], at)) {
                return true;
            }
        }
    }
    return false;
}

static bool by_profile(ProfileWalk *w, const Values *values, const Expects *expects,
                       const ProfileFrame *at) {
    for (unsigned i = 0; i < expects->n; i++) {
        for (unsigned k = 0; k < values->n; k++) {
            if (meets_profile(w, &values->items[k], &expects->items[i], at)) {
                return true;
            }
        }
    }
    return false;
}

static bool by_exists(const Values *values, const Expects *expects) {
    for (unsigned i = 0; i < expects->n; i++) {
        const ProfileNode *node = expects->items[i].node;
        if (node == NULL || node->max == 0) {
            return node != NULL && values->n == 0;
        }
        if (node->min > 0) {
            return values->n > 0;
        }
    }
    return false;
}

bool profile_in_slice(ProfileWalk *w, const ProfileItem *item, const ProfileSlicing *slicing,
                      const ProfileNode *slice, const ProfileFrame *at) {
    for (unsigned i = 0; i < slicing->n; i++) {
        const ProfileDiscriminator *d = &slicing->discriminators[i];
        Values values = {.n = 0};
        Expects expects = {.n = 0};
        collect(w, item, d->steps, d->n_steps, &values);
        expect(w, slice, d->steps, d->n_steps, &expects);
        bool fits = d->kind == PROFILE_BY_TYPE      ? by_type(&values, &expects)
                    : d->kind == PROFILE_BY_PROFILE ? by_profile(w, &values, &expects, at)
                    : d->kind == PROFILE_BY_EXISTS  ? by_exists(&values, &expects)
                                                    : by_value(w, &values, &expects, at);
        if (!fits) {
            return false;
        }
    }
    return slicing->n > 0 || profile_follows(w, item, slice, at);
}
