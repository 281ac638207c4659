/* term_find_int.h — what a typed filter finds: words in any order, each the beginning of a word of
 * a name, without accents and case; or the beginning of a code, its dots left out. */
#ifndef NHIP_TERM_TERM_FIND_INT_H
#define NHIP_TERM_TERM_FIND_INT_H

#include "term/term_int.h"

enum { FIND_WORDS_MAX = 16, FIND_BYTES_MAX = 256, FIND_RANKS = 6, FIND_NO = UINT8_MAX };

typedef struct TermFind {
    Str text; /* folded */
    Str code; /* folded, without dots; empty when the text has more than one word */
    Str words[FIND_WORDS_MAX];
    size_t n_words; /* 0: everything is found */
    uint64_t bits;  /* pack_words that a name must have */
} TermFind;

/* ERR_LIMIT over FIND_BYTES_MAX; words above FIND_WORDS_MAX do not count. */
MUST_USE ErrCode term_find_init(TermFind *f, Arena *arena, Str text, ErrInfo *info);
/* 0 best (the code itself, its beginning, the whole name, its beginning, the words in a row, all
 * words) … 5; FIND_NO: not found. `names`: folded, one a line. */
uint8_t term_find_rank(const TermFind *f, Str code, Str names);

#endif
