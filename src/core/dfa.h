/* dfa.h — patterns as tables: one look-up a byte, no backtracking, no limits to set. For patterns
 * of literals, `.`, classes, groups, `|` and the greedy quantifiers, which then mean what they mean
 * to regex.h with `whole`; whoever gets NULL asks regex.h. Ownership: a Dfa lives in the arena that
 * it was made in. Threads: immutable, may be shared. Cost: making one takes up to some milliseconds
 * and STATES_MAX rows of two bytes a class of bytes. */
#ifndef NHIP_CORE_DFA_H
#define NHIP_CORE_DFA_H

#include "core/arena.h"

typedef struct Dfa Dfa;

/* NULL: the pattern is of another kind, wrong, or needs too large a table; or no memory. */
const Dfa *dfa_new(Arena *arena, Str pattern);
/* Does it match all of the text? What is no UTF-8 matches nothing. */
bool dfa_match(const Dfa *dfa, Str text);

#endif
