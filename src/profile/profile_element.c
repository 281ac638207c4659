#include "profile/profile_int.h"

/* ---- the tree */

ProfileNode *profile_child(const ProfileNode *node, Str name) {
    for (ProfileNode *c = node->children; c != NULL; c = c->next) {
        if (str_eq(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

ProfileNode *profile_slice(const ProfileNode *node, Str slice) {
    for (ProfileNode *s = node->slices; s != NULL; s = s->next) {
        if (str_eq(s->slice, slice)) {
            return s;
        }
    }
    return NULL;
}

/* ---- small readers */

static Str text_of(Arena *arena, const JsonNode *object, Str name) {
    return json_str(arena, json_get(object, name));
}
#define TEXT(arena, object, literal) text_of((arena), (object), STR(literal))

/* The array `name` of strings; false without memory. */
static bool read_strings(Arena *arena, const JsonNode *object, Str name, const Str **ret,
                         unsigned *ret_n) {
    const JsonNode *list = json_get(object, name);
    if (!json_is(list, JSON_ARRAY)) {
        return true;
    }
    Str *items = arena_new_array(arena, Str, json_count(list));
    if (items == NULL) {
        return false;
    }
    unsigned n = 0;
    for (const JsonNode *v = json_first(list); v != NULL; v = json_next(list, v)) {
        items[n] = json_str(arena, v);
        n += items[n].len > 0;
    }
    *ret = items;
    *ret_n = n;
    return true;
}

/* ---- types */

static bool read_types(Arena *arena, ProfileNode *node, const JsonNode *element) {
    const JsonNode *list = json_get_lit(element, "type");
    if (!json_is(list, JSON_ARRAY)) {
        return true;
    }
    ProfileType *types = arena_new_array(arena, ProfileType, json_count(list));
    if (types == NULL) {
        return false;
    }
    unsigned n = 0;
    for (const JsonNode *t = json_first(list); t != NULL; t = json_next(list, t), n++) {
        types[n].type = fhir_type_by_name(TEXT(arena, t, "code"));
        if (!read_strings(arena, t, STR("profile"), &types[n].profiles, &types[n].n_profiles) ||
            !read_strings(arena, t, STR("targetProfile"), &types[n].targets, &types[n].n_targets)) {
            return false;
        }
    }
    node->types = types;
    node->n_types = n;
    return true;
}

/* ---- fixed[x], pattern[x], minValue[x] …: one member whose name begins so */

static const JsonNode *value_member(const JsonNode *element, Str prefix) {
    for (const JsonNode *m = json_first(element); m != NULL; m = json_next(element, m)) {
        Str name = json_raw_str(m);
        if (str_starts(name, prefix) && name.len > prefix.len && name.ptr[prefix.len] >= 'A' &&
            name.ptr[prefix.len] <= 'Z') {
            return json_value(m);
        }
    }
    return NULL;
}

static void read_values(ProfileNode *node, const JsonNode *element) {
    const JsonNode *fixed = value_member(element, STR("fixed"));
    const JsonNode *pattern = value_member(element, STR("pattern"));
    const JsonNode *least = value_member(element, STR("minValue"));
    const JsonNode *most = value_member(element, STR("maxValue"));
    node->fixed = fixed != NULL ? fixed : node->fixed;
    node->pattern = pattern != NULL ? pattern : node->pattern;
    node->min_value = least != NULL ? least : node->min_value;
    node->max_value = most != NULL ? most : node->max_value;
    int64_t length = 0;
    if (json_to_i64(json_get_lit(element, "maxLength"), &length) == ERR_OK && length > 0 &&
        length < UINT32_MAX) {
        node->max_length = (uint32_t)length;
    }
}

static void read_cardinality(Arena *arena, ProfileNode *node, const JsonNode *element) {
    int64_t least = 0;
    if (json_to_i64(json_get_lit(element, "min"), &least) == ERR_OK && least >= 0 &&
        least < UINT32_MAX) {
        node->min = (uint32_t)least;
    }
    Str most = TEXT(arena, element, "max");
    uint64_t number = 0;
    if (str_eq(most, STR("*"))) {
        node->max = UINT32_MAX;
    } else if (most.len > 0 && str_to_u64(most, &number) == ERR_OK && number < UINT32_MAX) {
        node->max = (uint32_t)number;
    }
}

static void read_binding(Arena *arena, ProfileNode *node, const JsonNode *element) {
    const JsonNode *binding = json_get_lit(element, "binding");
    Str strength = TEXT(arena, binding, "strength");
    Str set = TEXT(arena, binding, "valueSet");
    if (strength.len == 0) {
        return;
    }
    node->strength = str_eq(strength, STR("required"))     ? PROFILE_REQUIRED
                     : str_eq(strength, STR("extensible")) ? PROFILE_EXTENSIBLE
                                                           : PROFILE_NO_BINDING;
    node->strength = set.len == 0 ? PROFILE_NO_BINDING : node->strength;
    node->value_set = set;
}

/* ---- constraints */

static bool has_constraint(const ProfileNode *node, Str key) {
    for (const ProfileConstraint *c = node->constraints; c != NULL; c = c->next) {
        if (str_eq(str_from(c->rule.id), key)) {
            return true;
        }
    }
    return false;
}

/* Braces in the human text would be taken for places of arguments only as {0} … {3}: there are no
 * arguments, and what is not a place is printed as it stands. */
static bool add_constraint(Arena *arena, ProfileNode *node, const JsonNode *said) {
    Str key = TEXT(arena, said, "key");
    Str expression = TEXT(arena, said, "expression");
    ProfileConstraint *c = arena_new_array(arena, ProfileConstraint, 1);
    if (c == NULL) {
        return false;
    }
    Str human = TEXT(arena, said, "human");
    *c = (ProfileConstraint){
        .rule = {.id = arena_str(arena, key).ptr,
                 .issue = "invariant",
                 .en = arena_str(arena, human).ptr,
                 .vi = arena_printf(arena, "không thoả quy tắc: " STR_FMT, STR_ARG(human)).ptr},
        .severity =
            str_eq(TEXT(arena, said, "severity"), STR("warning")) ? FHIR_WARNING : FHIR_ERROR};
    ErrInfo info = {0};
    if (fpath_compile(arena, expression, NULL, &c->expr, &info) != ERR_OK) {
        c->expr = NULL;
        c->wrong = arena_str(arena, str_from(info.what_en));
    }
    c->next = node->constraints; /* newest first: the base profile's list goes on behind */
    node->constraints = c;
    return !arena_failed(arena);
}

/* Those of R4's own types are tried for every resource anyway. */
static bool is_core_constraint(Arena *arena, const JsonNode *said, bool from_snapshot) {
    Str source = TEXT(arena, said, "source");
    return from_snapshot && profile_core_type(source) != FHIR_T_NONE;
}

static bool read_constraints(Arena *arena, ProfileNode *node, const JsonNode *element,
                             bool from_snapshot) {
    const JsonNode *list = json_get_lit(element, "constraint");
    if (!json_is(list, JSON_ARRAY)) {
        return true;
    }
    size_t n = json_count(list);
    const JsonNode **said = arena_new_array(arena, const JsonNode *, n + 1);
    if (said == NULL) {
        return false;
    }
    n = 0;
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        said[n++] = c;
    }
    while (n > 0) { /* each goes to the front: they stand in their order in the end */
        const JsonNode *c = said[--n];
        Str key = TEXT(arena, c, "key");
        bool has_text = json_raw_str(json_get_lit(c, "expression")).len > 0;
        if (key.len == 0 || !has_text || has_constraint(node, key) ||
            is_core_constraint(arena, c, from_snapshot) || str_eq(key, STR("ele-1")) ||
            str_eq(key, STR("ext-1"))) {
            continue;
        }
        if (!add_constraint(arena, node, c)) {
            return false;
        }
    }
    return true;
}

/* ---- slicing */

/* One step at the start of *rest (behind a dot); false when it has another form. */
static bool next_step(Str *rest, ProfileStep *ret) {
    size_t end = 0;
    int depth = 0;
    for (; end < rest->len && (depth > 0 || rest->ptr[end] != '.'); end++) {
        depth += rest->ptr[end] == '(' ? 1 : rest->ptr[end] == ')' ? -1 : 0;
    }
    Str step = str_sub(*rest, 0, end);
    *rest = end < rest->len ? str_sub(*rest, end + 1, SIZE_MAX) : STR_EMPTY;
    size_t open = str_find_char(step, '(', 0);
    if (open == SIZE_MAX) {
        bool choice = str_ends(step, STR("[x]"));
        *ret = (ProfileStep){PROFILE_STEP_NAME, str_sub(step, 0, step.len - (choice ? 3 : 0))};
        return step.len > 0;
    }
    Str name = str_sub(step, 0, open);
    if (step.ptr[step.len - 1] != ')') {
        return false;
    }
    Str arg = str_trim(str_sub(step, open + 1, step.len - open - 2));
    if (str_eq(name, STR("resolve"))) {
        *ret = (ProfileStep){PROFILE_STEP_RESOLVE, STR_EMPTY};
        return arg.len == 0;
    }
    if (str_eq(name, STR("ofType"))) {
        *ret = (ProfileStep){PROFILE_STEP_TYPE, arg};
        return arg.len > 0;
    }
    bool quoted = arg.len > 2 && (arg.ptr[0] == '\'' || arg.ptr[0] == '"') &&
                  arg.ptr[arg.len - 1] == arg.ptr[0];
    if (!str_eq(name, STR("extension")) || !quoted) {
        return false;
    }
    *ret = (ProfileStep){PROFILE_STEP_EXTENSION, str_sub(arg, 1, arg.len - 2)};
    return true;
}

bool profile_steps_parse(Arena *arena, Str path, ProfileDiscriminator *ret) {
    Str rest = arena_str(arena, str_trim(path));
    ret->n_steps = 0;
    while (rest.len > 0) {
        ProfileStep step;
        if (!next_step(&rest, &step)) {
            return false;
        }
        if (step.kind == PROFILE_STEP_NAME && str_eq(step.text, STR("$this"))) {
            continue;
        }
        if (ret->n_steps == PROFILE_STEPS_MAX) {
            return false;
        }
        ret->steps[ret->n_steps++] = step;
    }
    return true;
}

static ProfileDiscKind disc_kind(Str type) {
    return str_eq(type, STR("type"))      ? PROFILE_BY_TYPE
           : str_eq(type, STR("profile")) ? PROFILE_BY_PROFILE
           : str_eq(type, STR("exists"))  ? PROFILE_BY_EXISTS
                                          : PROFILE_BY_VALUE;
}

static bool read_slicing(Arena *arena, ProfileNode *node, const JsonNode *element) {
    const JsonNode *said = json_get_lit(element, "slicing");
    if (!json_is(said, JSON_OBJECT)) {
        return true;
    }
    const JsonNode *list = json_get_lit(said, "discriminator");
    ProfileSlicing *s = arena_new_array(arena, ProfileSlicing, 1);
    size_t most = json_is(list, JSON_ARRAY) ? json_count(list) : 0;
    ProfileDiscriminator *items = arena_new_array(arena, ProfileDiscriminator, most + 1);
    if (s == NULL || items == NULL) {
        return false;
    }
    unsigned n = 0;
    for (const JsonNode *d = most == 0 ? NULL : json_first(list); d != NULL;
         d = json_next(list, d)) {
        items[n].kind = disc_kind(TEXT(arena, d, "type"));
        n += profile_steps_parse(arena, TEXT(arena, d, "path"), &items[n]);
    }
    Str rules = TEXT(arena, said, "rules");
    *s = (ProfileSlicing){.discriminators = items,
                          .n = n,
                          .rules = str_eq(rules, STR("closed"))      ? PROFILE_CLOSED
                                   : str_eq(rules, STR("openAtEnd")) ? PROFILE_OPEN_AT_END
                                                                     : PROFILE_OPEN,
                          .ordered = json_is(json_get_lit(said, "ordered"), JSON_TRUE)};
    if (n == 0 && most == 0 && node->slicing != NULL) { /* "as the base has it" */
        s->discriminators = node->slicing->discriminators;
        s->n = node->slicing->n;
    }
    node->slicing = s;
    return true;
}

bool profile_element_read(Arena *arena, ProfileNode *node, const JsonNode *element,
                          bool from_snapshot) {
    read_cardinality(arena, node, element);
    read_values(node, element);
    read_binding(arena, node, element);
    return read_types(arena, node, element) && read_slicing(arena, node, element) &&
           read_constraints(arena, node, element, from_snapshot) && !arena_failed(arena);
}
