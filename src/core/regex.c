#include "core/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct RegexMatcher {
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static void *take(size_t bytes, void *arena) {
    return arena_alloc(arena, bytes);
}
static void give_back(void *p, void *arena) {
    (void)p, (void)arena; /* goes with the arena */
}

const Regex *regex_new(Arena *arena, Str pattern, bool whole, const char **ret_wrong) {
    *ret_wrong = "out of memory";
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    pcre2_compile_context *context = general == NULL ? NULL : pcre2_compile_context_create(general);
    if (context == NULL) {
        return NULL;
    }
    (void)pcre2_set_max_pattern_length(context, REGEX_PATTERN_MAX);
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C;
    if (whole) {
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    }
    int error = 0;
    PCRE2_SIZE at = 0;
    const pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, context);
    if (code == NULL) {
        enum { MESSAGE_MAX = 200 };
        unsigned char *message = arena_alloc(arena, MESSAGE_MAX);
        if (message != NULL && pcre2_get_error_message(error, message, MESSAGE_MAX) > 0) {
            *ret_wrong = (const char *)message;
        }
    }
    return (const Regex *)code;
}

RegexMatcher *regex_matcher_new(Arena *arena, RegexLimits limits) {
    enum { GROUPS_MAX = 16 };
    RegexMatcher *m = arena_new_array(arena, RegexMatcher, 1);
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    if (m == NULL || general == NULL) {
        return NULL;
    }
    *m = (RegexMatcher){.data = pcre2_match_data_create(GROUPS_MAX, general),
                        .limits = pcre2_match_context_create(general)};
    if (m->data == NULL || m->limits == NULL) {
        return NULL;
    }
    (void)pcre2_set_match_limit(m->limits, limits.steps);
    (void)pcre2_set_heap_limit(m->limits, limits.heap_kib);
    return m;
}

RegexFound regex_match(RegexMatcher *matcher, const RegexAsk *ask, Str *ret_match) {
    uint32_t options =
        (ask->is_utf8 ? PCRE2_NO_UTF_CHECK : 0U) | (ask->not_empty ? PCRE2_NOTEMPTY : 0U);
    int found = pcre2_match((const pcre2_code *)ask->regex, (PCRE2_SPTR)ask->text.ptr,
                            ask->text.len, ask->from, options, matcher->data, matcher->limits);
    bool bad_text = found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21;
    if (found < 0) {
        return found == PCRE2_ERROR_NOMATCH || bad_text ? REGEX_NO : REGEX_OVER;
    }
    if (ret_match != NULL) {
        const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(matcher->data);
        /* \K in a lookahead can put the start behind the end */
        size_t end = MAX(bounds[0], bounds[1]);
        *ret_match = (Str){ask->text.ptr + bounds[0], end - bounds[0]};
    }
    return REGEX_YES;
}

Str regex_group(const RegexMatcher *matcher, Str text, unsigned group) {
    if (group >= pcre2_get_ovector_count(matcher->data)) {
        return STR_EMPTY;
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(matcher->data);
    PCRE2_SIZE from = bounds[2 * group];
    PCRE2_SIZE to = bounds[2 * group + 1];
    return from == PCRE2_UNSET || to < from ? STR_EMPTY : (Str){text.ptr + from, to - from};
}
