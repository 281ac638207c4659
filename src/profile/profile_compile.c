#include "profile/profile_int.h"

enum { SEGMENTS_MAX = 24 };

/* One step of an element's id: "component:systolic" is {component, systolic}. */
typedef struct Segment {
    Str name, slice;
} Segment;

typedef struct Build {
    Arena *arena;
    Profile *profile;
    const JsonNode *sd;
    bool from_snapshot;
    unsigned n_nodes;
    Segment last[SEGMENTS_MAX]; /* of the element before, for ids that are missing */
    unsigned n_last;
} Build;

/* ---- nodes */

static ProfileNode *new_node(Build *b, ProfileNode *up) {
    if (b->n_nodes++ > LIMIT_PROFILE_NODES) {
        return NULL;
    }
    ProfileNode *node = arena_new_array(b->arena, ProfileNode, 1);
    if (node != NULL) {
        node->profile = b->profile;
        node->up = up;
        node->max = UINT32_MAX;
    }
    return node;
}

static void append(ProfileNode **list, ProfileNode *node) {
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = node;
}

/* A deep copy of what a base profile says; messages go on naming the base for it until the profile
 * itself says something of the element. */
static ProfileNode *copy_node(Build *b, const ProfileNode *from, ProfileNode *up) {
    ProfileNode *node = new_node(b, up);
    if (node == NULL) {
        return NULL;
    }
    *node = *from;
    node->up = up;
    node->next = node->children = node->slices = NULL;
    ProfileNode **end = &node->children;
    for (const ProfileNode *c = from->children; c != NULL; c = c->next, end = &(*end)->next) {
        *end = copy_node(b, c, node);
        if (*end == NULL) {
            return NULL;
        }
    }
    end = &node->slices;
    for (const ProfileNode *s = from->slices; s != NULL; s = s->next, end = &(*end)->next) {
        *end = copy_node(b, s, node);
        if (*end == NULL) {
            return NULL;
        }
    }
    return node;
}

/* ---- shapes: which table an element's members are in */

static FhirShape shape_of(const ProfileNode *up, Str name) {
    if (up->shape == 0) {
        return 0;
    }
    const FhirElement *e = fhir_element(up->shape, name);
    return e == NULL ? 0 : e->shape;
}

/* "valueQuantity" where the table has value[x]: the choice's base name, or empty. */
static Str choice_base(const ProfileNode *up, Str name) {
    const FhirElement *e = up->shape == 0 ? NULL : fhir_element(up->shape, name);
    return e == NULL || e->choice == 0 ? STR_EMPTY : str_sub(name, 0, e->base_len);
}

/* ---- slicing that goes without saying: extensions by url, choices by type */

static bool imply_slicing(Build *b, ProfileNode *node, bool by_type) {
    if (node->slicing != NULL) {
        return true;
    }
    ProfileSlicing *s = arena_new_array(b->arena, ProfileSlicing, 1);
    ProfileDiscriminator *d = arena_new_array(b->arena, ProfileDiscriminator, 1);
    if (s == NULL || d == NULL) {
        return false;
    }
    d->kind = by_type ? PROFILE_BY_TYPE : PROFILE_BY_VALUE;
    if (!by_type) {
        d->n_steps = 1;
        d->steps[0] = (ProfileStep){PROFILE_STEP_NAME, STR("url")};
    }
    *s = (ProfileSlicing){.discriminators = d, .n = 1};
    node->slicing = s;
    return true;
}

static ProfileNode *need_slice(Build *b, ProfileNode *node, Str slice, Str choice_member) {
    Str whole = slice;
    for (size_t from = 0; from <= whole.len;) {
        size_t at = str_find_char(whole, '/', from);
        Str part = str_sub(whole, 0, MIN(at, whole.len));
        ProfileNode *found = profile_slice(node, part);
        if (found == NULL) {
            found = new_node(b, node);
            if (found == NULL) {
                return NULL;
            }
            found->name = node->name;
            found->slice = arena_str(b->arena, part);
            found->shape = node->shape;
            append(&node->slices, found);
            node->n_slices++;
        }
        node = found;
        from = part.len + 1;
    }
    /* value[x]:valueQuantity says its type by its name */
    const FhirElement *e = choice_member.len == 0 || node->n_types > 0
                               ? NULL
                               : fhir_element(node->up->up->shape, choice_member);
    if (e != NULL && e->choice != 0) {
        node->types = arena_new_array(b->arena, ProfileType, 1);
        if (node->types == NULL) {
            return NULL;
        }
        node->types[0].type = (FhirType)e->shape;
        node->n_types = 1;
        node->shape = e->shape;
    }
    return node;
}

/* The node of one segment below `up`, made when it is not there. */
static ProfileNode *need_child(Build *b, ProfileNode *up, Segment seg) {
    bool choice = str_ends(seg.name, STR("[x]"));
    Str name = choice ? str_sub(seg.name, 0, seg.name.len - 3) : seg.name;
    Str base = choice ? STR_EMPTY : choice_base(up, name);
    if (base.len > 0) { /* Observation.valueQuantity: the slice of that type */
        seg.slice = seg.slice.len > 0 ? seg.slice : name;
        name = base;
        choice = true;
    }
    ProfileNode *node = profile_child(up, name);
    if (node == NULL) {
        node = new_node(b, up);
        if (node == NULL) {
            return NULL;
        }
        node->name = arena_str(b->arena, name);
        node->shape = choice ? 0 : shape_of(up, name);
        append(&up->children, node);
    }
    if (seg.slice.len == 0) {
        return node;
    }
    bool extension = str_eq(name, STR("extension")) || str_eq(name, STR("modifierExtension"));
    if ((choice || extension) && !imply_slicing(b, node, choice)) {
        return NULL;
    }
    return need_slice(b, node, seg.slice, choice ? seg.slice : STR_EMPTY);
}

/* ---- the path of an element */

/* "Patient.contact:x.name" into segments; 0 when there are too many. */
static unsigned cut_id(Str id, Segment out[SEGMENTS_MAX]) {
    unsigned n = 0;
    Str part;
    while (str_cut(&id, '.', &part)) {
        if (n == SEGMENTS_MAX) {
            return 0;
        }
        size_t colon = str_find_char(part, ':', 0);
        out[n].name = str_sub(part, 0, MIN(colon, part.len));
        out[n].slice = colon == SIZE_MAX ? STR_EMPTY : str_sub(part, colon + 1, SIZE_MAX);
        n++;
    }
    return n;
}

/* From path and sliceName: slices of the steps above are those of the element before. */
static unsigned cut_path(Build *b, Str path, Str slice, Segment out[SEGMENTS_MAX]) {
    unsigned n = cut_id(path, out);
    bool same = true;
    for (unsigned i = 0; i + 1 < n; i++) {
        same = same && i < b->n_last && str_eq(b->last[i].name, out[i].name);
        out[i].slice = same ? b->last[i].slice : STR_EMPTY;
    }
    if (n > 0) {
        out[n - 1].slice = slice;
    }
    return n;
}

static unsigned segments_of(Build *b, const JsonNode *element, Segment out[SEGMENTS_MAX]) {
    Str path = json_str(b->arena, json_get_lit(element, "path"));
    Str slice = json_str(b->arena, json_get_lit(element, "sliceName"));
    Str id = json_str(b->arena, json_get_lit(element, "id"));
    Segment by_path[SEGMENTS_MAX];
    unsigned n_path = cut_path(b, path, slice, by_path);
    unsigned n = cut_id(id, out);
    bool fits = n == n_path && n > 0;
    for (unsigned i = 0; fits && i < n; i++) {
        Str name = out[i].name;
        name = str_ends(name, STR("[x]")) ? str_sub(name, 0, name.len - 3) : name;
        fits = str_starts(by_path[i].name, name);
    }
    if (!fits) {
        memcpy(out, by_path, n_path * sizeof(*out));
        n = n_path;
    } else if (slice.len > 0 && out[n - 1].slice.len == 0) {
        out[n - 1].slice = slice;
    }
    memcpy(b->last, out, n * sizeof(*out));
    b->n_last = n;
    return n;
}

static ErrCode no_memory(const Build *b) {
    return b->n_nodes > LIMIT_PROFILE_NODES ? ERR_LIMIT : ERR_NOMEM;
}

static ErrCode put_element(Build *b, const JsonNode *element) {
    Segment segs[SEGMENTS_MAX];
    unsigned n = segments_of(b, element, segs);
    if (n == 0) {
        return ERR_INVALID;
    }
    ProfileNode *node = b->profile->root;
    for (unsigned i = 1; i < n; i++) {
        node = need_child(b, node, segs[i]);
        if (node == NULL) {
            return no_memory(b);
        }
    }
    node->profile = b->profile;
    if (!profile_element_read(b->arena, node, element, b->from_snapshot)) {
        return ERR_NOMEM;
    }
    if (node->n_types == 1 && node->types[0].type != FHIR_T_NONE &&
        (node->shape == 0 || fhir_shape(node->shape)->kind != FHIR_KIND_GROUP)) {
        node->shape = (FhirShape)node->types[0].type;
    }
    return ERR_OK;
}

static ErrCode put_elements(Build *b, const JsonNode *part) {
    const JsonNode *list = json_get_lit(part, "element");
    if (!json_is(list, JSON_ARRAY)) {
        return ERR_INVALID;
    }
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        TRY(put_element(b, e));
    }
    b->profile->root->min = 0; /* a resource or extension is there when it is looked at */
    b->profile->root->max = UINT32_MAX;
    return ERR_OK;
}

/* ---- the head of a definition */

static bool read_contexts(Build *b) {
    const JsonNode *list = json_get_lit(b->sd, "context");
    if (!json_is(list, JSON_ARRAY)) {
        return true;
    }
    Profile *p = b->profile;
    p->contexts = arena_new_array(b->arena, ProfileContext, json_count(list));
    if (p->contexts == NULL) {
        return false;
    }
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        ProfileContext *x = &p->contexts[p->n_contexts++];
        x->type = json_str(b->arena, json_get_lit(c, "type"));
        x->expression = json_str(b->arena, json_get_lit(c, "expression"));
        if (str_eq(x->type, STR("fhirpath")) &&
            fpath_compile(b->arena, x->expression, NULL, &x->expr, NULL) != ERR_OK) {
            x->expr = NULL;
        }
    }
    return true;
}

/* An extension that changes meaning: its root is said to be a modifier. */
static bool reads_modifier(const JsonNode *sd) {
    static const char *const parts[] = {"snapshot", "differential"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const JsonNode *list = json_get_lit(json_get(sd, str_from(parts[i])), "element");
        const JsonNode *root = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
        if (json_is(json_get_lit(root, "isModifier"), JSON_TRUE)) {
            return true;
        }
    }
    return false;
}

static const Profile *broken(Build *b, ErrCode err, const char *en, const char *vi, Str what) {
    Profile *p = b->profile;
    p->is_broken = true;
    (void)err_set(&p->why, err, "profile-definition", en, vi, STR_ARG(what));
    return p;
}

static bool has_elements(const JsonNode *part) {
    const JsonNode *list = json_get_lit(part, "element");
    return json_is(list, JSON_ARRAY) && json_first(list) != NULL;
}

/* The tree to begin with: a copy of the base profile's, or an empty one. */
static ErrCode begin_tree(Build *b, const Profile *base) {
    Profile *p = b->profile;
    p->base = base;
    p->root = base == NULL ? new_node(b, NULL) : copy_node(b, base->root, NULL);
    if (p->root == NULL) {
        return no_memory(b);
    }
    p->root->name = STR_EMPTY;
    p->root->shape = (FhirShape)p->type;
    p->root->profile = p;
    if (base != NULL && p->n_contexts == 0) {
        p->contexts = base->contexts;
        p->n_contexts = base->n_contexts;
    }
    return ERR_OK;
}

static const Profile *finish(Build *b, const JsonNode *part, const Profile *base) {
    ErrCode err = begin_tree(b, base);
    err = err == ERR_OK && part != NULL ? put_elements(b, part) : err;
    if (err == ERR_NOMEM) {
        return NULL;
    }
    if (err != ERR_OK) {
        return broken(b, err, "its elements cannot be read (" STR_FMT ")",
                      "không đọc được các phần tử (" STR_FMT ")", b->profile->canonical);
    }
    return b->profile;
}

const Profile *profile_compile(const ProfileCompile *how, const ProfileInfo *info) {
    Profile *p = arena_new_array(how->arena, Profile, 1);
    if (p == NULL) {
        return NULL;
    }
    Build b = {.arena = how->arena, .profile = p, .sd = info->sd};
    p->canonical = info->url;
    p->url = info->url;
    p->type = fhir_type_by_name(info->type);
    p->is_modifier = p->type == FHIR_T_EXTENSION && reads_modifier(info->sd);
    if (!read_contexts(&b)) {
        return NULL;
    }
    if (p->type == FHIR_T_NONE) {
        return broken(&b, ERR_INVALID, "its type '" STR_FMT "' is none of FHIR R4",
                      "loại '" STR_FMT "' không có trong FHIR R4", info->type);
    }
    Str base_url = json_str(how->arena, json_get_lit(info->sd, "baseDefinition"));
    Str derivation = json_str(how->arena, json_get_lit(info->sd, "derivation"));
    if (!str_eq(derivation, STR("constraint"))) { /* the definition of a type itself */
        return finish(&b, NULL, NULL);
    }
    const JsonNode *differential = json_get_lit(info->sd, "differential");
    const JsonNode *snapshot = json_get_lit(info->sd, "snapshot");
    bool core = profile_core_type(base_url) != FHIR_T_NONE;
    const Profile *base = core ? NULL : how->base(how->ctx, base_url);
    bool has_base = core || (base != NULL && !base->is_broken && base->type == p->type);
    if (has_base && has_elements(differential)) {
        return finish(&b, differential, base);
    }
    if (has_elements(snapshot)) {
        b.from_snapshot = true;
        return finish(&b, snapshot, NULL);
    }
    if (has_base) { /* says nothing beyond its base */
        return finish(&b, NULL, base);
    }
    return broken(&b, ERR_NOT_FOUND, "its base '" STR_FMT "' is not known here or cannot be used",
                  "chưa có hoặc không dùng được hồ sơ gốc '" STR_FMT "'", base_url);
}
