/* json_int.h — what the JSON parser, reader and writer share: looking for the bytes that end a run
 * of plain string text, and decoding escapes that the parser has checked. Private to core/json*.c.
 */
#ifndef NHIP_CORE_JSON_INT_H
#define NHIP_CORE_JSON_INT_H

#include "core/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>

/* Bit i: byte i of the 16 at p is a quote, a backslash or a control character; with `high` also a
 * byte of 0x80 and above. */
static inline unsigned json_mask16(const char *p, bool high) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    /* signed: bytes from 0x80 are negative; unsigned: v ≤ 0x1F exactly when min(v, 0x1F) = v */
    __m128i low = high ? _mm_cmplt_epi8(v, _mm_set1_epi8(0x20))
                       : _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}
#else
static inline unsigned json_mask16(const char *p, bool high) {
    unsigned mask = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned char c = (unsigned char)p[i];
        mask |= (unsigned)(c == '"' || c == '\\' || c < 0x20 || (high && c >= 0x80)) << i;
    }
    return mask;
}
#endif

/* The first quote, backslash or control character at or after p; end when there is none. */
static inline const char *json_run_end(const char *p, const char *end) {
    for (; end - p >= 16; p += 16) {
        unsigned mask = json_mask16(p, false);
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        p++;
    }
    return p;
}

/* Four hexadecimal digits; -1 when they are not. */
int32_t json_hex4(const char *p);
/* Takes the next character (an escape, or one plain byte) off the checked raw text and writes its
 * 1–4 bytes to out. *raw must not be empty. */
size_t json_unescape(Str *raw, char out[4]);
/* The value of a string node appended to out. */
void json_decode(Buf *out, const JsonNode *n);
/* Equal values, whatever the escapes. */
bool json_same_str(const JsonNode *a, const JsonNode *b);

#endif
