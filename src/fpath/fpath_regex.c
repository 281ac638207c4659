#include "fpath/fpath_regex_int.h"

#include "core/clock.h"

enum { NS_A_STEP = 50 }; /* what a match costs of the evaluation's steps */

ErrCode fpath_regex_get(FpathRun *r, const FpathNode *n, Str pattern, const Regex **ret_regex) {
    if (n->regex != NULL) {
        *ret_regex = n->regex;
        return ERR_OK;
    }
    const char *wrong = NULL;
    int64_t start = clock_monotonic_ns(clock_real());
    *ret_regex = regex_new(r->arena, pattern, str_eq(n->name, STR("matchesFull")), &wrong);
    if (*ret_regex == NULL) {
        return fpath_fail(&r->source, n->at, FPATH_MSG_REGEX, str_from(wrong));
    }
    int64_t took = clock_monotonic_ns(clock_real()) - start;
    return fpath_charge(r, (uint64_t)took / NS_A_STEP);
}

ErrCode fpath_regex_match(FpathRun *r, const FpathNode *n, const RegexAsk *ask, Str *ret_match) {
    static const RegexLimits LIMITS = {.steps = 200000, .heap_kib = 4096};
    if (r->matcher == NULL) {
        r->matcher = regex_matcher_new(r->arena, LIMITS);
    }
    if (r->matcher == NULL) {
        return fpath_stop(r, n, FPATH_MSG_NOMEM);
    }
    *ret_match = (Str){NULL, 0};
    int64_t start = clock_monotonic_ns(clock_real());
    RegexFound found = regex_match(r->matcher, ask, ret_match);
    int64_t took = clock_monotonic_ns(clock_real()) - start;
    TRY(fpath_charge(r, (uint64_t)took / NS_A_STEP));
    return found == REGEX_OVER ? fpath_stop(r, n, FPATH_MSG_REGEX_LIMIT) : ERR_OK;
}
