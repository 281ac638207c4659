#include "rules/rules_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    MATCH_LIMIT = 20000, /* backtracking steps of one match */
    HEAP_LIMIT_KIB = 1024,
};

static void *take(size_t bytes, void *arena) {
    return arena_alloc(arena, bytes);
}
static void give_back(void *p, void *arena) {
    (void)p, (void)arena; /* goes with the arena */
}

const void *rules_regex_new(Arena *arena, Str pattern, const char **ret_wrong) {
    *ret_wrong = "out of memory";
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    pcre2_compile_context *context = general == NULL ? NULL : pcre2_compile_context_create(general);
    if (context == NULL) {
        return NULL;
    }
    (void)pcre2_set_max_pattern_length(context, RULES_PATTERN_MAX);
    uint32_t options =
        PCRE2_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
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
    return code;
}

/* Match data and limits of one run. */
typedef struct RegexData {
    pcre2_match_data *match;
    pcre2_match_context *context;
} RegexData;

void *rules_regex_data(void) {
    RegexData *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->match = pcre2_match_data_create(1, NULL);
    d->context = pcre2_match_context_create(NULL);
    if (d->match == NULL || d->context == NULL) {
        rules_regex_data_free(d);
        return NULL;
    }
    (void)pcre2_set_match_limit(d->context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(d->context, HEAP_LIMIT_KIB);
    return d;
}

void rules_regex_data_free(void *data) {
    RegexData *d = data;
    if (d != NULL) {
        pcre2_match_data_free(d->match);
        pcre2_match_context_free(d->context);
        free(d);
    }
}

int rules_regex_match(const void *regex, void *data, Str text) {
    RegexData *d = data;
    int rc = pcre2_match(regex, (PCRE2_SPTR)text.ptr, text.len, 0, 0, d->match, d->context);
    /* Text that is no UTF-8 matches nothing. */
    bool bad_text = rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21;
    return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH || bad_text ? 0 : -1;
}
