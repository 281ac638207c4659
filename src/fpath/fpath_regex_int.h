/* fpath_regex_int.h — PCRE2 over an arena: patterns in UTF-8, `.` matches line ends, limits on
 * pattern length, backtracking and memory, and the time of every match is charged to the
 * evaluation's steps, so that a hostile pattern ends within milliseconds. A compiled pattern may be
 * shared by threads; match data belongs to one evaluation. */
#ifndef NHIP_FPATH_FPATH_REGEX_INT_H
#define NHIP_FPATH_FPATH_REGEX_INT_H

#include "fpath/fpath_int.h"

/* whole: the pattern must match all of the text. NULL: wrong, and why in *ret_wrong (in the arena).
 */
const void *fpath_regex_compile(Arena *arena, Str pattern, bool whole, const char **ret_wrong);
/* The node's compiled literal, else the pattern compiled now. */
MUST_USE ErrCode fpath_regex_get(FpathRun *r, const FpathNode *n, Str pattern,
                                 const void **ret_code);

typedef struct FpathMatching {
    const void *code;
    Str text;
    size_t from;    /* where to begin */
    bool not_empty; /* an empty match is none */
} FpathMatching;
/* ret_match->ptr is NULL when there is no match. */
MUST_USE ErrCode fpath_regex_match(FpathRun *r, const FpathNode *n, const FpathMatching *matching,
                                   Str *ret_match);
/* Group of the last match; empty when it took no part. */
Str fpath_regex_group(const FpathRun *r, Str text, unsigned group);

#endif
