/* fpath_regex_int.h — patterns of one evaluation (core/regex.h); the time of every match is charged
 * to the evaluation's steps. A compiled literal may be shared by threads. */
#ifndef NHIP_FPATH_FPATH_REGEX_INT_H
#define NHIP_FPATH_FPATH_REGEX_INT_H

#include "core/regex.h"
#include "fpath/fpath_int.h"

/* The node's compiled literal, else the pattern compiled now. */
MUST_USE ErrCode fpath_regex_get(FpathRun *r, const FpathNode *n, Str pattern,
                                 const Regex **ret_regex);
/* ret_match->ptr is NULL when there is no match. */
MUST_USE ErrCode fpath_regex_match(FpathRun *r, const FpathNode *n, const RegexAsk *ask,
                                   Str *ret_match);

#endif
