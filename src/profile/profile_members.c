#include "profile/profile_walk_int.h"

/* How often each slice was found. */
typedef struct Tally {
    const ProfileNode *slice;
    unsigned count;
} Tally;

/* What one active element says of one member: its slices are counted here. */
typedef struct Group {
    const ProfileNode *node;
    Tally *tallies; /* NULL: no slices */
    unsigned n_tallies;
    unsigned last;   /* place of the latest slice, for ordered ones */
    bool has_others; /* a value that is in no slice came before */
} Group;

typedef struct Groups {
    Group items[PROFILE_ACTIVE_MAX];
    unsigned n;
} Groups;

/* ---- the elements that speak of a member */

/* Questionnaire.item.item has no children of its own in R4: it is Questionnaire.item again, and
 * what a profile says of that holds for it. */
static const ProfileNode *same_above(const ProfileNode *node, const FhirElement *e) {
    if (e->kind != FHIR_KIND_GROUP) {
        return NULL;
    }
    for (; node != NULL; node = node->up) {
        if (node->shape == e->shape && node->slice.len == 0) {
            return node;
        }
    }
    return NULL;
}

static unsigned count_slices(const ProfileNode *node) {
    unsigned n = 0;
    for (const ProfileNode *s = node->slices; s != NULL; s = s->next) {
        n += 1 + count_slices(s);
    }
    return n;
}

static unsigned list_slices(const ProfileNode *node, Tally *out) {
    unsigned n = 0;
    for (const ProfileNode *s = node->slices; s != NULL; s = s->next) {
        out[n++] = (Tally){s, 0};
        n += list_slices(s, out + n);
    }
    return n;
}

static void add_group(ProfileWalk *w, Groups *groups, const ProfileNode *node) {
    for (unsigned i = 0; i < groups->n; i++) {
        if (groups->items[i].node == node) {
            return;
        }
    }
    if (groups->n == PROFILE_ACTIVE_MAX) {
        w->stopped = true;
        return;
    }
    Group *g = &groups->items[groups->n++];
    *g = (Group){.node = node};
    unsigned n = node->slices == NULL ? 0 : count_slices(node);
    if (n > 0) {
        g->tallies = arena_new_array(w->arena, Tally, n);
        g->n_tallies = g->tallies == NULL ? 0 : list_slices(node, g->tallies);
    }
}

static Tally *tally_of(Group *g, const ProfileNode *slice) {
    for (unsigned i = 0; i < g->n_tallies; i++) {
        if (g->tallies[i].slice == slice) {
            return &g->tallies[i];
        }
    }
    return NULL;
}

/* ---- counting */

static bool says_count(const ProfileNode *node) {
    return node->min > 0 || node->max != UINT32_MAX;
}

static void check_count(ProfileWalk *w, const ProfileNode *node, unsigned count, bool is_slice,
                        const ProfileFrame *at) {
    Str name = is_slice ? node->slice : node->name;
    Str who = node->profile->canonical;
    if (count < node->min) {
        profile_error(w, is_slice ? PROFILE_RULE_SLICE_MIN : PROFILE_RULE_MIN, at,
                      (Str[4]){name, profile_number(w, node->min), profile_number(w, count), who});
    } else if (count > node->max) {
        profile_error(w, is_slice ? PROFILE_RULE_SLICE_MAX : PROFILE_RULE_MAX, at,
                      (Str[4]){name, profile_number(w, node->max), profile_number(w, count), who});
    }
}

/* Slices of slices count where their slice is there at all. */
static void check_slices(ProfileWalk *w, Group *g, const ProfileNode *node,
                         const ProfileFrame *at) {
    for (const ProfileNode *s = node->slices; s != NULL; s = s->next) {
        const Tally *t = tally_of(g, s);
        unsigned count = t == NULL ? 0 : t->count;
        if (says_count(s)) {
            check_count(w, s, count, true, at);
        }
        if (count > 0) {
            check_slices(w, g, s, at);
        }
    }
}

/* What R4 says itself is checked by fhir_validate: no second issue. */
static bool r4_says(const ProfileNode *node, const FhirElement *e, unsigned count) {
    if (e == NULL) {
        return false;
    }
    bool missing = count == 0 && e->required != 0;
    bool repeated = count > 1 && (e->flags & FHIR_E_ARRAY) == 0;
    return (missing && node->min > 0) || repeated;
}

static void finish_groups(ProfileWalk *w, Groups *groups, const FhirElement *e, unsigned count,
                          const ProfileFrame *at, const ProfileFrame *up) {
    for (unsigned i = 0; i < groups->n; i++) {
        Group *g = &groups->items[i];
        if (says_count(g->node) && (w->trials > 0 || !r4_says(g->node, e, count))) {
            check_count(w, g->node, count, false, count == 0 ? up : at);
        }
        check_slices(w, g, g->node, at);
    }
}

/* ---- slices of one value */

/* A slice that has slices without saying by what: as its element is sliced. */
static const ProfileSlicing *slicing_of(const ProfileNode *node) {
    static const ProfileSlicing by_all = {.rules = PROFILE_OPEN};
    while (node->slicing == NULL && node->slice.len > 0) {
        node = node->up;
    }
    return node->slicing == NULL ? &by_all : node->slicing;
}

/* The slice of the element (or of a slice) that the value is in, and the slices below it. */
static void push_slices(ProfileWalk *w, Group *g, const ProfileNode *node, const ProfileItem *item,
                        ProfileActive *active, const ProfileFrame *at) {
    const ProfileSlicing *slicing = slicing_of(node);
    const ProfileNode *rest = NULL;
    unsigned place = 0;
    for (const ProfileNode *s = node->slices; s != NULL; s = s->next, place++) {
        if (str_eq(s->slice, STR("@default"))) {
            rest = s;
            continue;
        }
        if (!profile_in_slice(w, item, slicing, s, at)) {
            continue;
        }
        Tally *t = tally_of(g, s);
        if (t != NULL) {
            t->count++;
        }
        if (node == g->node && slicing->ordered && place < g->last) {
            profile_error(w, PROFILE_RULE_SLICE_ORDER, at,
                          (Str[4]){node->name, s->slice, STR_EMPTY, node->profile->canonical});
        }
        if (node == g->node && slicing->rules == PROFILE_OPEN_AT_END && g->has_others) {
            profile_error(w, PROFILE_RULE_SLICE_END, at,
                          (Str[4]){node->name, STR_EMPTY, STR_EMPTY, node->profile->canonical});
        }
        g->last = node == g->node ? MAX(g->last, place) : g->last;
        profile_push(w, active, s, at);
        if (s->slices != NULL) {
            push_slices(w, g, s, item, active, at);
        }
        return;
    }
    if (rest != NULL) {
        Tally *t = tally_of(g, rest);
        if (t != NULL) {
            t->count++;
        }
        profile_push(w, active, rest, at);
        return;
    }
    if (slicing->rules == PROFILE_CLOSED) {
        profile_error(w, PROFILE_RULE_SLICE_CLOSED, at,
                      (Str[4]){node->name, STR_EMPTY, STR_EMPTY, node->profile->canonical});
    }
    g->has_others |= node == g->node;
}

static void walk_value(ProfileWalk *w, Groups *groups, const ProfileItem *item,
                       const ProfileFrame *at) {
    ProfileActive active = {.n = 0};
    for (unsigned i = 0; i < groups->n; i++) {
        Group *g = &groups->items[i];
        profile_push(w, &active, g->node, at);
        if (g->node->slices != NULL) {
            push_slices(w, g, g->node, item, &active, at);
        }
    }
    profile_walk_item(w, item, &active, at);
}

/* ---- one member: its values and what stands beside them */

static unsigned walk_values(ProfileWalk *w, Groups *groups, const FhirElement *e,
                            const JsonNode *value, const JsonNode *extra, ProfileFrame *at) {
    bool is_list = json_is(value, JSON_ARRAY) || (value == NULL && json_is(extra, JSON_ARRAY));
    if (!is_list) {
        ProfileItem item = {value, json_is(extra, JSON_OBJECT) ? extra : NULL, e->shape, e};
        at->item = &item;
        walk_value(w, groups, &item, at);
        at->item = NULL;
        return 1;
    }
    bool has_extras = json_is(extra, JSON_ARRAY);
    const JsonNode *v = json_is(value, JSON_ARRAY) ? json_first(value) : NULL;
    const JsonNode *x = has_extras ? json_first(extra) : NULL;
    unsigned n = 0;
    for (at->index = 0; (v != NULL || x != NULL) && !w->stopped; at->index++, n++) {
        ProfileItem item = {json_is(v, JSON_NULL) ? NULL : v, json_is(x, JSON_OBJECT) ? x : NULL,
                            e->shape, e};
        at->item = &item;
        walk_value(w, groups, &item, at);
        v = v == NULL ? NULL : json_next(value, v);
        x = x == NULL ? NULL : json_next(extra, x);
    }
    at->index = -1;
    at->item = NULL;
    return n;
}

static void walk_member(ProfileWalk *w, const FhirElement *e, const JsonNode *value,
                        const JsonNode *extra, const ProfileActive *active,
                        const ProfileFrame *up) {
    Str base = {e->name, e->base_len};
    Groups groups = {.n = 0};
    for (unsigned i = 0; i < active->n; i++) {
        const ProfileNode *node = profile_child(active->nodes[i], base);
        node = node == NULL ? same_above(active->nodes[i], e) : node;
        if (node != NULL) {
            add_group(w, &groups, node);
        }
    }
    ProfileFrame at = {.up = up, .name = base, .index = -1};
    unsigned n = walk_values(w, &groups, e, value, extra, &at);
    finish_groups(w, &groups, e, n, &at, up);
}

/* ---- members that are not there */

static bool has_member(const JsonNode *object, FhirShape shape, Str base) {
    for (const JsonNode *m = object == NULL ? NULL : json_first(object); m != NULL;
         m = json_next(object, m)) {
        Str name = json_raw_str(m);
        bool beside = name.len > 1 && name.ptr[0] == '_';
        const FhirElement *e = fhir_element(shape, beside ? str_sub(name, 1, SIZE_MAX) : name);
        if (e != NULL && str_eq((Str){e->name, e->base_len}, base)) {
            return true;
        }
    }
    return false;
}

static bool wants_slice(const ProfileNode *node) {
    for (const ProfileNode *s = node->slices; s != NULL; s = s->next) {
        if (s->min > 0) {
            return true;
        }
    }
    return false;
}

/* The table's element of a member by its base name; any alternative of a choice. */
static const FhirElement *element_of(FhirShape shape, Str base) {
    const FhirElement *e = fhir_element(shape, base);
    const FhirShapeInfo *info = fhir_shape(shape);
    for (unsigned i = 0; e == NULL && i < info->n_elements; i++) {
        const FhirElement *c = &info->elements[i];
        e = c->choice != 0 && str_eq((Str){c->name, c->base_len}, base) ? c : NULL;
    }
    return e;
}

static void check_missing(ProfileWalk *w, const JsonNode *object, FhirShape shape,
                          const ProfileActive *active, const ProfileFrame *at) {
    for (unsigned i = 0; i < active->n; i++) {
        for (const ProfileNode *c = active->nodes[i]->children; c != NULL; c = c->next) {
            if ((c->min == 0 && !wants_slice(c)) || has_member(object, shape, c->name) ||
                (shape == FHIR_T_ELEMENT && !str_eq(c->name, STR("extension")))) {
                continue; /* of a primitive only extensions can be asked for */
            }
            Groups groups = {.n = 0};
            add_group(w, &groups, c);
            ProfileFrame below = {.up = at, .name = c->name, .index = -1};
            finish_groups(w, &groups, element_of(shape, c->name), 0, &below, at);
        }
    }
}

/* ---- all members */

static const JsonNode *beside(const JsonNode *object, const FhirElement *e) {
    char name[128];
    if (e->kind != FHIR_KIND_PRIMITIVE || e->name_len + 1U > sizeof(name)) {
        return NULL;
    }
    name[0] = '_';
    memcpy(name + 1, e->name, e->name_len);
    return json_get(object, (Str){name, e->name_len + 1U});
}

void profile_walk_members(ProfileWalk *w, const JsonNode *object, FhirShape shape,
                          const ProfileActive *active, const ProfileFrame *at) {
    bool has_beside = false;
    if (object == NULL) {
        check_missing(w, object, shape, active, at);
        return;
    }
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        has_beside |= m->len > 0 && m->text[0] == '_';
    }
    for (const JsonNode *m = json_first(object); m != NULL && !w->stopped;
         m = json_next(object, m)) {
        Str name = json_raw_str(m);
        const FhirElement *e = fhir_element(shape, name);
        if (e != NULL) {
            const JsonNode *extra = has_beside ? beside(object, e) : NULL;
            walk_member(w, e, json_value(m), extra, active, at);
            continue;
        }
        Str plain = name.len > 1 && name.ptr[0] == '_' ? str_sub(name, 1, SIZE_MAX) : STR_EMPTY;
        e = plain.len > 0 ? fhir_element(shape, plain) : NULL;
        if (e != NULL && e->kind == FHIR_KIND_PRIMITIVE && json_get(object, plain) == NULL) {
            walk_member(w, e, NULL, json_value(m), active, at);
        }
        if (w->trials > 0 && w->trial_failed) {
            return;
        }
    }
    if (active->n > 0 && !w->stopped) {
        check_missing(w, object, shape, active, at);
    }
}
