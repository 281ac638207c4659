#include "core/utf8.h"
#include "profile/profile_walk_int.h"

/* ---- comparing JSON */

static bool same_text(Arena *arena, const JsonNode *a, const JsonNode *b) {
    return str_eq(json_str(arena, a), json_str(arena, b));
}

static bool same_number(const JsonNode *a, const JsonNode *b) {
    Str x = {a->text, a->len};
    Str y = {b->text, b->len};
    Decimal p;
    Decimal q;
    if (str_eq(x, y)) {
        return true;
    }
    return decimal_parse(x, &p) == ERR_OK && decimal_parse(y, &q) == ERR_OK &&
           decimal_cmp(p, q) == 0;
}

static bool same_array(Arena *arena, const JsonNode *a, const JsonNode *b) {
    const JsonNode *x = json_first(a);
    const JsonNode *y = json_first(b);
    while (x != NULL && y != NULL && profile_json_equal(arena, x, y)) {
        x = json_next(a, x);
        y = json_next(b, y);
    }
    return x == NULL && y == NULL;
}

static bool same_object(Arena *arena, const JsonNode *a, const JsonNode *b) {
    if (json_count(a) != json_count(b)) {
        return false;
    }
    for (const JsonNode *m = json_first(a); m != NULL; m = json_next(a, m)) {
        const JsonNode *other = json_get(b, json_str(arena, m));
        if (other == NULL || !profile_json_equal(arena, json_value(m), other)) {
            return false;
        }
    }
    return true;
}

bool profile_json_equal(Arena *arena, const JsonNode *a, const JsonNode *b) {
    if (a->type != b->type) {
        return false;
    }
    switch ((JsonType)a->type) {
    case JSON_NUMBER:
        return same_number(a, b);
    case JSON_STRING:
        return same_text(arena, a, b);
    case JSON_ARRAY:
        return same_array(arena, a, b);
    case JSON_OBJECT:
        return same_object(arena, a, b);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    }
    return true;
}

static bool some_contains(Arena *arena, const JsonNode *list, const JsonNode *pattern) {
    for (const JsonNode *v = json_first(list); v != NULL; v = json_next(list, v)) {
        if (profile_json_contains(arena, v, pattern)) {
            return true;
        }
    }
    return false;
}

bool profile_json_contains(Arena *arena, const JsonNode *value, const JsonNode *pattern) {
    if (value->type != pattern->type) {
        return false;
    }
    if (json_is(pattern, JSON_ARRAY)) {
        for (const JsonNode *p = json_first(pattern); p != NULL; p = json_next(pattern, p)) {
            if (!some_contains(arena, value, p)) {
                return false;
            }
        }
        return true;
    }
    if (!json_is(pattern, JSON_OBJECT)) {
        return profile_json_equal(arena, value, pattern);
    }
    for (const JsonNode *m = json_first(pattern); m != NULL; m = json_next(pattern, m)) {
        const JsonNode *found = json_get(value, json_str(arena, m));
        if (found == NULL || !profile_json_contains(arena, found, json_value(m))) {
            return false;
        }
    }
    return true;
}

/* ---- bindings */

static bool can_be_bound(FhirShape shape) {
    return shape == FHIR_T_CODE || shape == FHIR_T_CODING || shape == FHIR_T_CODEABLE_CONCEPT ||
           shape == FHIR_T_URI || shape == FHIR_T_STRING || profile_is_type(shape, FHIR_T_QUANTITY);
}

/* What is said of the value in the message: "system|code", a text. */
static Str coded_text(ProfileWalk *w, const JsonNode *value) {
    const JsonNode *list = json_get_lit(value, "coding");
    const JsonNode *coding = json_is(list, JSON_ARRAY) ? json_first(list) : value;
    if (!json_is(coding, JSON_OBJECT)) {
        return json_str(w->arena, coding);
    }
    Str system = json_str(w->arena, json_get_lit(coding, "system"));
    Str code = json_str(w->arena, json_get_lit(coding, "code"));
    if (system.len == 0 && code.len == 0) {
        return json_str(w->arena, json_get_lit(value, "text"));
    }
    return arena_printf(w->arena, STR_FMT "|" STR_FMT, STR_ARG(system), STR_ARG(code));
}

/* A concept in words only, or a quantity without a code: nothing to look up. */
static bool has_code(const ProfileItem *item) {
    if (item->shape == FHIR_T_CODEABLE_CONCEPT) {
        return json_get_lit(item->node, "coding") != NULL;
    }
    return !json_is(item->node, JSON_OBJECT) || json_get_lit(item->node, "code") != NULL;
}

void profile_check_binding(ProfileWalk *w, const ProfileItem *item, Str value_set,
                           ProfileStrength strength, const ProfileFrame *at, Str who) {
    FhirSeverity severity = strength == PROFILE_REQUIRED ? FHIR_ERROR : FHIR_WARNING;
    if (item->node == NULL || w->hooks->member_of == NULL || !can_be_bound(item->shape) ||
        !profile_wants(w, severity)) {
        return;
    }
    bool coded = has_code(item);
    if (!coded && (strength != PROFILE_REQUIRED || item->shape != FHIR_T_CODEABLE_CONCEPT)) {
        return;
    }
    ProfileVerdict verdict =
        coded ? w->hooks->member_of(w->hooks->ctx, w->arena, value_set, item->node) : PROFILE_NO;
    if (verdict == PROFILE_NO) {
        Str word = strength == PROFILE_REQUIRED ? STR("required") : STR("extensible");
        profile_issue(w, severity, &PROFILE_RULES[PROFILE_RULE_BINDING], at,
                      (Str[4]){coded_text(w, item->node), value_set, word, who});
    } else if (verdict == PROFILE_UNKNOWN && strength == PROFILE_REQUIRED &&
               profile_wants(w, FHIR_WARNING)) {
        profile_issue(w, FHIR_WARNING, &PROFILE_RULES[PROFILE_RULE_BINDING_UNKNOWN], at,
                      (Str[4]){value_set, STR_EMPTY, STR_EMPTY, who});
    }
}

/* R4's own required bindings are in the tables already. */
static bool is_own_binding(const ProfileItem *item, const ProfileNode *node) {
    if (item->element == NULL || item->element->codes == 0) {
        return false;
    }
    Str version;
    return str_eq(profile_url_of(node->value_set, &version),
                  str_from(fhir_codes_url(item->element->codes)));
}

/* ---- least and greatest values, lengths */

/* The bound and the value as FHIRPath compares them; false when they cannot be compared. */
static bool is_less(ProfileWalk *w, const ProfileItem *item, const JsonNode *bound, bool swap) {
    FpathItem value = fpath_item_node(item->shape, item->node, w->scope.resource);
    FpathItem limit = fpath_item_node(item->shape, bound, bound);
    FpathItem a;
    FpathItem b;
    if (!fpath_item_system(w->arena, &value, &a) || !fpath_item_system(w->arena, &limit, &b)) {
        return false;
    }
    return fpath_less(w->arena, swap ? &b : &a, swap ? &a : &b) == FPATH_TRUE;
}

static void check_bounds(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                         const ProfileFrame *at) {
    Str who = node->profile->canonical;
    if (node->min_value != NULL && is_less(w, item, node->min_value, false)) {
        profile_error(w, PROFILE_RULE_MIN_VALUE, at,
                      (Str[4]){json_raw(node->min_value), STR_EMPTY, STR_EMPTY, who});
    }
    if (node->max_value != NULL && is_less(w, item, node->max_value, true)) {
        profile_error(w, PROFILE_RULE_MAX_VALUE, at,
                      (Str[4]){json_raw(node->max_value), STR_EMPTY, STR_EMPTY, who});
    }
    if (node->max_length == 0 || !json_is(item->node, JSON_STRING)) {
        return;
    }
    Str text = json_str(w->arena, item->node);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    }
    if (n > node->max_length) {
        profile_error(
            w, PROFILE_RULE_MAX_LENGTH, at,
            (Str[4]){profile_number(w, node->max_length), profile_number(w, n), STR_EMPTY, who});
    }
}

void profile_check_value(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                         const ProfileFrame *at) {
    Str who = node->profile->canonical;
    const JsonNode *value = item->node;
    if (node->fixed != NULL &&
        (value == NULL || !profile_json_equal(w->arena, value, node->fixed))) {
        profile_error(w, PROFILE_RULE_FIXED, at,
                      (Str[4]){json_raw(node->fixed), STR_EMPTY, STR_EMPTY, who});
    }
    if (node->pattern != NULL &&
        (value == NULL || !profile_json_contains(w->arena, value, node->pattern))) {
        profile_error(w, PROFILE_RULE_PATTERN, at,
                      (Str[4]){json_raw(node->pattern), STR_EMPTY, STR_EMPTY, who});
    }
    if (value == NULL) {
        return;
    }
    if (node->strength != PROFILE_NO_BINDING && !is_own_binding(item, node)) {
        profile_check_binding(w, item, node->value_set, node->strength, at, who);
    }
    check_bounds(w, item, node, at);
}
