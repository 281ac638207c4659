#include "fpath/fpath_regex_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/clock.h"
#include "core/limits.h"

enum {
    PATTERN_MAX = 4096,    /* bytes */
    MATCH_LIMIT = 200000,  /* backtracking steps of one match */
    HEAP_LIMIT_KIB = 4096, /* memory of one match */
    NS_A_STEP = 50,        /* what a match costs of the evaluation's steps */
};

static void *take(size_t bytes, void *arena) {
    return arena_alloc(arena, bytes);
}
static void give_back(void *p, void *arena) {
    (void)p, (void)arena; /* goes with the arena */
}

const void *fpath_regex_compile(Arena *arena, Str pattern, bool whole, const char **ret_wrong) {
    *ret_wrong = "out of memory";
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    pcre2_compile_context *context = general == NULL ? NULL : pcre2_compile_context_create(general);
    if (context == NULL) {
        return NULL;
    }
    (void)pcre2_set_max_pattern_length(context, PATTERN_MAX);
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK;
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
    return code;
}

/* The match data of the evaluation, made when first needed. */
static pcre2_match_data *match_data(FpathRun *r) {
    if (r->match == NULL) {
        pcre2_general_context *general = pcre2_general_context_create(take, give_back, r->arena);
        r->match = general == NULL ? NULL : pcre2_match_data_create(16, general);
    }
    return r->match;
}

static pcre2_match_context *match_context(FpathRun *r) {
    if (r->match_context == NULL) {
        pcre2_general_context *general = pcre2_general_context_create(take, give_back, r->arena);
        pcre2_match_context *context = general == NULL ? NULL : pcre2_match_context_create(general);
        if (context != NULL) {
            (void)pcre2_set_match_limit(context, MATCH_LIMIT);
            (void)pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
        }
        r->match_context = context;
    }
    return r->match_context;
}

ErrCode fpath_regex_get(FpathRun *r, const FpathNode *n, Str pattern, const void **ret_code) {
    if (n->regex != NULL) {
        *ret_code = n->regex;
        return ERR_OK;
    }
    const char *wrong = NULL;
    int64_t start = clock_monotonic_ns(clock_real());
    *ret_code = fpath_regex_compile(r->arena, pattern, str_eq(n->name, STR("matchesFull")), &wrong);
    if (*ret_code == NULL) {
        return fpath_fail(&r->source, n->at, FPATH_MSG_REGEX, str_from(wrong));
    }
    int64_t took = clock_monotonic_ns(clock_real()) - start;
    return fpath_charge(r, (uint64_t)took / NS_A_STEP);
}

ErrCode fpath_regex_match(FpathRun *r, const FpathNode *n, const FpathMatching *m, Str *ret_match) {
    pcre2_match_data *data = match_data(r);
    pcre2_match_context *context = match_context(r);
    if (data == NULL || context == NULL) {
        return fpath_stop(r, n, FPATH_MSG_NOMEM);
    }
    int64_t start = clock_monotonic_ns(clock_real());
    int found =
        pcre2_match(m->code, (PCRE2_SPTR)m->text.ptr, m->text.len, m->from,
                    PCRE2_NO_UTF_CHECK | (m->not_empty ? PCRE2_NOTEMPTY : 0U), data, context);
    int64_t took = clock_monotonic_ns(clock_real()) - start;
    TRY(fpath_charge(r, (uint64_t)took / NS_A_STEP));
    if (found == PCRE2_ERROR_NOMATCH) {
        *ret_match = (Str){NULL, 0};
        return ERR_OK;
    }
    if (found < 0) {
        return fpath_stop(r, n, FPATH_MSG_REGEX_LIMIT);
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(data);
    /* \K in a lookahead can put the start behind the end */
    size_t end = MAX(bounds[0], bounds[1]);
    *ret_match = (Str){m->text.ptr + bounds[0], end - bounds[0]};
    return ERR_OK;
}

Str fpath_regex_group(const FpathRun *r, Str text, unsigned group) {
    if (group >= pcre2_get_ovector_count(r->match)) {
        return STR_EMPTY;
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(r->match);
    PCRE2_SIZE from = bounds[2 * group];
    PCRE2_SIZE to = bounds[2 * group + 1];
    return from == PCRE2_UNSET || to < from ? STR_EMPTY : (Str){text.ptr + from, to - from};
}
