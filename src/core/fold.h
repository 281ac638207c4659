/* fold.h — Vietnamese text made comparable: Unicode normal form C, case, accents, đ.
 * Claim files come precomposed (from Windows), decomposed (from phones, macOS) and mixed; a person
 * searches without accents. fold() is what search indexes store and what a query is turned into.
 * Ownership: results live in the arena and are always copies. Bytes that are no UTF-8 become
 * U+FFFD. Errors: STR_EMPTY when the arena is exhausted (arena_failed says so). Cost: about 1 ns a
 * byte of ASCII, 5 ns a Vietnamese letter. Threads: safe from any thread. */
#ifndef NHIP_CORE_FOLD_H
#define NHIP_CORE_FOLD_H

#include "core/arena.h"

/* NFC, case folded, accents off, đ → d, runs of white space to one space, ends trimmed:
 * "  Nguyễn  Văn Á" → "nguyen van a". Punctuation stays. */
Str fold(Arena *arena, Str s);
/* The same, appended to a Buf. */
void fold_put(Buf *out, Str s);
/* Normal form C only. */
Str fold_nfc(Arena *arena, Str s);
/* Normal form C and lower case; accents, đ and spaces are kept. */
Str fold_case(Arena *arena, Str s);

#endif
