/* utf8.h — UTF-8 as Unicode 15 table 3-7 defines it: no overlong forms, no surrogates, nothing
 * above U+10FFFF, no cut-off sequence. Everything takes and returns byte counts. Errors: none
 * raised; what is wrong is said by the result. Cost: utf8_valid passes several GB/s of ASCII and
 * more than 1 GB/s of Vietnamese. Threads: no state. */
#ifndef NHIP_CORE_UTF8_H
#define NHIP_CORE_UTF8_H

#include "core/str.h"

bool utf8_valid(Str s);
/* Bytes of the longest valid beginning: s.len when all of it is valid, else the offset of the first
 * sequence that is not. */
size_t utf8_valid_len(Str s);
/* The character at s[at]: its bytes (1–4) and code point; 0 when at ≥ s.len or the bytes there are
 * no whole valid character (ret_cp is then untouched). */
size_t utf8_decode(Str s, size_t at, uint32_t *ret_cp);
/* Appends one character; what is no Unicode scalar value becomes U+FFFD. */
void utf8_put(Buf *out, uint32_t cp);
/* The same into memory that has room for 4; returns the bytes written. */
size_t utf8_encode(char *out, uint32_t cp);

#endif
