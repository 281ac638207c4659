/* regex.h — regular expressions (PCRE2) for patterns that others write: UTF-8, `.` matches line
 * ends, \C is refused, and limits on length, backtracking and memory, so that a hostile pattern
 * ends within milliseconds.
 * Ownership: patterns and matchers live in the arena that they were made in. Threads: a Regex is
 * immutable and may be shared; a matcher belongs to one thread. */
#ifndef NHIP_CORE_REGEX_H
#define NHIP_CORE_REGEX_H

#include "core/arena.h"

typedef struct Regex Regex;
typedef struct RegexMatcher RegexMatcher;

enum { REGEX_PATTERN_MAX = 4096 /* bytes */ };

/* whole: the pattern must match all of a text. NULL: wrong, and why in *ret_wrong (in the arena).
 */
const Regex *regex_new(Arena *arena, Str pattern, bool whole, const char **ret_wrong);

typedef struct RegexLimits {
    uint32_t steps;    /* of backtracking, a match */
    uint32_t heap_kib; /* memory of a match */
} RegexLimits;
/* NULL: no memory. */
RegexMatcher *regex_matcher_new(Arena *arena, RegexLimits limits);

typedef struct RegexAsk {
    const Regex *regex;
    Str text;
    size_t from;    /* where to begin, in bytes */
    bool not_empty; /* an empty match is none */
    bool is_utf8;   /* known to be, so that it is not looked at again */
} RegexAsk;

typedef enum RegexFound {
    REGEX_NO, /* also: the text is no UTF-8 */
    REGEX_YES,
    REGEX_OVER, /* over a limit, or no memory */
} RegexFound;
/* ret_match (may be NULL): the part that matches, in the text. */
RegexFound regex_match(RegexMatcher *matcher, const RegexAsk *ask, Str *ret_match);
/* Group of the last match in that text; empty when it took no part. */
Str regex_group(const RegexMatcher *matcher, Str text, unsigned group);

#endif
