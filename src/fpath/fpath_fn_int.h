/* fpath_fn_int.h — the functions of FHIRPath. Each gets its input on the stack from base to the top
 * and leaves its result there; arguments are evaluated by itself, when and for what it needs them.
 */
#ifndef NHIP_FPATH_FPATH_FN_INT_H
#define NHIP_FPATH_FPATH_FN_INT_H

#include "fpath/fpath_int.h"

#define FPATH_FN_ARGS const FpathNode *n, const FpathScope *s

#define FPATH_FN_LIST(X)                                                                           \
    X(empty, "empty", 0, 0, BOOLEAN, 0)                                                            \
    X(exists, "exists", 0, 1, BOOLEAN, FPATH_FN_EACH)                                              \
    X(all, "all", 1, 1, BOOLEAN, FPATH_FN_EACH)                                                    \
    X(all_true, "allTrue", 0, 0, BOOLEAN, 0)                                                       \
    X(any_true, "anyTrue", 0, 0, BOOLEAN, 0)                                                       \
    X(all_false, "allFalse", 0, 0, BOOLEAN, 0)                                                     \
    X(any_false, "anyFalse", 0, 0, BOOLEAN, 0)                                                     \
    X(subset, "subsetOf", 1, 1, BOOLEAN, 0)                                                        \
    X(superset, "supersetOf", 1, 1, BOOLEAN, 0)                                                    \
    X(count, "count", 0, 0, INTEGER, 0)                                                            \
    X(distinct, "distinct", 0, 0, INPUT, 0)                                                        \
    X(is_distinct, "isDistinct", 0, 0, BOOLEAN, 0)                                                 \
    X(where, "where", 1, 1, INPUT, FPATH_FN_EACH | FPATH_FN_PATH)                                  \
    X(select, "select", 1, 1, ARG, FPATH_FN_EACH)                                                  \
    X(repeat, "repeat", 1, 1, ANY, FPATH_FN_EACH)                                                  \
    X(of_type, "ofType", 1, 1, TYPE, FPATH_FN_TYPE | FPATH_FN_PATH)                                \
    X(is, "is", 1, 1, BOOLEAN, FPATH_FN_TYPE)                                                      \
    X(as, "as", 1, 1, TYPE, FPATH_FN_TYPE | FPATH_FN_PATH)                                         \
    X(single, "single", 0, 0, INPUT, FPATH_FN_PATH)                                                \
    X(first, "first", 0, 0, INPUT, FPATH_FN_PATH | FPATH_FN_ORDERED)                               \
    X(last, "last", 0, 0, INPUT, FPATH_FN_PATH | FPATH_FN_ORDERED)                                 \
    X(tail, "tail", 0, 0, INPUT, FPATH_FN_PATH | FPATH_FN_ORDERED)                                 \
    X(skip, "skip", 1, 1, INPUT, FPATH_FN_PATH | FPATH_FN_ORDERED)                                 \
    X(take, "take", 1, 1, INPUT, FPATH_FN_PATH | FPATH_FN_ORDERED)                                 \
    X(intersect, "intersect", 1, 1, INPUT, 0)                                                      \
    X(exclude, "exclude", 1, 1, INPUT, 0)                                                          \
    X(union, "union", 1, 1, UNION, 0)                                                              \
    X(combine, "combine", 1, 1, UNION, 0)                                                          \
    X(children, "children", 0, 0, ANY, 0)                                                          \
    X(descendants, "descendants", 0, 0, ANY, 0)                                                    \
    X(iif, "iif", 2, 3, ANY, FPATH_FN_EACH)                                                        \
    X(trace, "trace", 1, 2, INPUT, FPATH_FN_EACH)                                                  \
    X(aggregate, "aggregate", 1, 2, ANY, FPATH_FN_EACH)                                            \
    X(sort, "sort", 0, 8, INPUT, FPATH_FN_EACH)                                                    \
    X(not, "not", 0, 0, BOOLEAN, 0)                                                                \
    X(now, "now", 0, 0, ANY, 0)                                                                    \
    X(today, "today", 0, 0, ANY, 0)                                                                \
    X(time_of_day, "timeOfDay", 0, 0, ANY, 0)                                                      \
    X(type, "type", 0, 0, ANY, 0)                                                                  \
    X(index_of, "indexOf", 1, 1, INTEGER, FPATH_FN_TEXT)                                           \
    X(last_index_of, "lastIndexOf", 1, 1, INTEGER, FPATH_FN_TEXT)                                  \
    X(substring, "substring", 1, 2, STRING, FPATH_FN_TEXT)                                         \
    X(starts_with, "startsWith", 1, 1, BOOLEAN, FPATH_FN_TEXT)                                     \
    X(ends_with, "endsWith", 1, 1, BOOLEAN, FPATH_FN_TEXT)                                         \
    X(contains, "contains", 1, 1, BOOLEAN, FPATH_FN_TEXT)                                          \
    X(upper, "upper", 0, 0, STRING, FPATH_FN_TEXT)                                                 \
    X(lower, "lower", 0, 0, STRING, FPATH_FN_TEXT)                                                 \
    X(replace, "replace", 2, 2, STRING, FPATH_FN_TEXT)                                             \
    X(matches, "matches", 1, 1, BOOLEAN, FPATH_FN_TEXT | FPATH_FN_REGEX)                           \
    X(matches_full, "matchesFull", 1, 1, BOOLEAN, FPATH_FN_TEXT | FPATH_FN_REGEX)                  \
    X(replace_matches, "replaceMatches", 2, 2, STRING, FPATH_FN_TEXT | FPATH_FN_REGEX)             \
    X(length, "length", 0, 0, INTEGER, FPATH_FN_TEXT)                                              \
    X(to_chars, "toChars", 0, 0, STRING, FPATH_FN_TEXT)                                            \
    X(encode, "encode", 1, 1, STRING, FPATH_FN_TEXT)                                               \
    X(decode, "decode", 1, 1, STRING, FPATH_FN_TEXT)                                               \
    X(escape, "escape", 1, 1, STRING, FPATH_FN_TEXT)                                               \
    X(unescape, "unescape", 1, 1, STRING, FPATH_FN_TEXT)                                           \
    X(trim, "trim", 0, 0, STRING, FPATH_FN_TEXT)                                                   \
    X(split, "split", 1, 1, STRING, FPATH_FN_TEXT)                                                 \
    X(join, "join", 0, 1, STRING, 0)                                                               \
    X(to_boolean, "toBoolean", 0, 0, BOOLEAN, 0)                                                   \
    X(to_integer, "toInteger", 0, 0, INTEGER, 0)                                                   \
    X(to_decimal, "toDecimal", 0, 0, DECIMAL, 0)                                                   \
    X(to_string, "toString", 0, 0, STRING, 0)                                                      \
    X(to_date, "toDate", 0, 0, ANY, 0)                                                             \
    X(to_date_time, "toDateTime", 0, 0, ANY, 0)                                                    \
    X(to_time, "toTime", 0, 0, ANY, 0)                                                             \
    X(to_quantity, "toQuantity", 0, 1, ANY, 0)                                                     \
    X(converts_to_boolean, "convertsToBoolean", 0, 0, BOOLEAN, 0)                                  \
    X(converts_to_integer, "convertsToInteger", 0, 0, BOOLEAN, 0)                                  \
    X(converts_to_decimal, "convertsToDecimal", 0, 0, BOOLEAN, 0)                                  \
    X(converts_to_string, "convertsToString", 0, 0, BOOLEAN, 0)                                    \
    X(converts_to_date, "convertsToDate", 0, 0, BOOLEAN, 0)                                        \
    X(converts_to_date_time, "convertsToDateTime", 0, 0, BOOLEAN, 0)                               \
    X(converts_to_time, "convertsToTime", 0, 0, BOOLEAN, 0)                                        \
    X(converts_to_quantity, "convertsToQuantity", 0, 1, BOOLEAN, 0)                                \
    X(abs, "abs", 0, 0, INPUT, 0)                                                                  \
    X(ceiling, "ceiling", 0, 0, INTEGER, 0)                                                        \
    X(floor, "floor", 0, 0, INTEGER, 0)                                                            \
    X(truncate, "truncate", 0, 0, INTEGER, 0)                                                      \
    X(round, "round", 0, 1, DECIMAL, 0)                                                            \
    X(exp, "exp", 0, 0, DECIMAL, 0)                                                                \
    X(ln, "ln", 0, 0, DECIMAL, 0)                                                                  \
    X(log, "log", 1, 1, DECIMAL, 0)                                                                \
    X(power, "power", 1, 1, ANY, 0)                                                                \
    X(sqrt, "sqrt", 0, 0, DECIMAL, 0)                                                              \
    X(low_boundary, "lowBoundary", 0, 1, ANY, 0)                                                   \
    X(high_boundary, "highBoundary", 0, 1, ANY, 0)                                                 \
    X(precision, "precision", 0, 0, INTEGER, 0)                                                    \
    X(comparable, "comparable", 1, 1, BOOLEAN, 0)                                                  \
    X(extension, "extension", 1, 1, EXTENSION, FPATH_FN_PATH)                                      \
    X(has_value, "hasValue", 0, 0, BOOLEAN, 0)                                                     \
    X(get_value, "getValue", 0, 0, ANY, 0)                                                         \
    X(resolve, "resolve", 0, 0, ANY, 0)                                                            \
    X(member_of, "memberOf", 1, 1, BOOLEAN, 0)                                                     \
    X(subsumes, "subsumes", 1, 1, BOOLEAN, 0)                                                      \
    X(subsumed_by, "subsumedBy", 1, 1, BOOLEAN, 0)                                                 \
    X(conforms_to, "conformsTo", 1, 1, BOOLEAN, 0)                                                 \
    X(html_checks, "htmlChecks", 0, 0, BOOLEAN, 0)                                                 \
    X(check_modifiers, "checkModifiers", 0, 8, INPUT, 0)

#define X(fn, name, min, max, gives, flags)                                                        \
    ErrCode fpath_fn_##fn(FpathRun *r, FPATH_FN_ARGS, size_t base);
FPATH_FN_LIST(X)
#undef X

/* The result is the text, in the arena; its making is charged. */
MUST_USE ErrCode fpath_give_text(FpathRun *r, const FpathNode *n, size_t base, const Buf *text);

#endif
