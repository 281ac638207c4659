#include "core/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

static bool is_tail(unsigned char c) {
    return (c & 0xC0) == 0x80;
}

/* Length of the valid character at p (n bytes are left, n > 0), or 0. Unicode table 3-7: only the
 * second byte's range depends on the first. */
static size_t char_len(const unsigned char *p, size_t n) {
    unsigned c = p[0];
    if (c < 0x80) {
        return 1;
    }
    if (c < 0xC2 || c > 0xF4 || n < 2) {
        return 0;
    }
    if (c < 0xE0) {
        return is_tail(p[1]) ? 2 : 0;
    }
    unsigned low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high || n < 3 || !is_tail(p[2])) {
        return 0;
    }
    if (c < 0xF0) {
        return 3;
    }
    return n >= 4 && is_tail(p[3]) ? 4 : 0;
}

static size_t valid_len_scalar(const unsigned char *p, size_t n) {
    size_t at = 0;
    while (at < n) {
        uint64_t word;
        if (n - at >= sizeof(word)) {
            memcpy(&word, p + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t len = char_len(p + at, n - at);
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

#ifdef HAVE_X86
/* J. Keiser, D. Lemire, "Validating UTF-8 in less than one instruction per byte" (2021): the high
 * nibble of the byte before, its low nibble and the high nibble of the byte at hand each look up a
 * set of possible faults; what all three name is a fault. Bit 7 also marks "two tail bytes in a
 * row", which has to agree with a 3- or 4-byte lead two or three bytes before. */
enum {
    TOO_SHORT = 1 << 0,  /* lead followed by no tail */
    TOO_LONG = 1 << 1,   /* ASCII followed by a tail */
    OVERLONG_3 = 1 << 2, /* E0 80–9F */
    TOO_LARGE = 1 << 3,  /* F4 90 and above */
    SURROGATE = 1 << 4,  /* ED A0–BF */
    OVERLONG_2 = 1 << 5, /* C0, C1 */
    BEYOND = 1 << 6,     /* F5 and above with 80–8F; shares its bit with overlong F0 80–8F */
    TWO_TAILS = 1 << 7,
    CARRY = TOO_SHORT | TOO_LONG | TWO_TAILS,
    HIGH_TAIL = TOO_LONG | OVERLONG_2 | TWO_TAILS
};

__attribute__((target("ssse3"))) static __m128i faults(__m128i in, __m128i prev) {
    const __m128i lead_high = _mm_setr_epi8(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        (char)TWO_TAILS, (char)TWO_TAILS, (char)TWO_TAILS, (char)TWO_TAILS, TOO_SHORT | OVERLONG_2,
        TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | BEYOND);
    const char large = (char)(CARRY | TOO_LARGE | BEYOND);
    const __m128i lead_low = _mm_setr_epi8(
        (char)(CARRY | OVERLONG_3 | OVERLONG_2 | BEYOND), (char)(CARRY | OVERLONG_2), (char)CARRY,
        (char)CARRY, (char)(CARRY | TOO_LARGE), large, large, large, large, large, large, large,
        large, (char)(CARRY | TOO_LARGE | BEYOND | SURROGATE), large, large);
    const __m128i next_high = _mm_setr_epi8(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (char)(HIGH_TAIL | OVERLONG_3 | BEYOND), (char)(HIGH_TAIL | OVERLONG_3 | TOO_LARGE),
        (char)(HIGH_TAIL | SURROGATE | TOO_LARGE), (char)(HIGH_TAIL | SURROGATE | TOO_LARGE),
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
    const __m128i nibble = _mm_set1_epi8(0x0F);
    __m128i prev1 = _mm_alignr_epi8(in, prev, 15);
    __m128i prev1_high = _mm_and_si128(_mm_srli_epi16(prev1, 4), nibble);
    __m128i in_high = _mm_and_si128(_mm_srli_epi16(in, 4), nibble);
    __m128i special =
        _mm_and_si128(_mm_and_si128(_mm_shuffle_epi8(lead_high, prev1_high),
                                    _mm_shuffle_epi8(lead_low, _mm_and_si128(prev1, nibble))),
                      _mm_shuffle_epi8(next_high, in_high));
    __m128i third = _mm_subs_epu8(_mm_alignr_epi8(in, prev, 14), _mm_set1_epi8(0xE0 - 0x80));
    __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(in, prev, 13), _mm_set1_epi8(0xF0 - 0x80));
    __m128i must_tail = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)0x80));
    return _mm_xor_si128(must_tail, special);
}

/* Blocks of 16, the last filled up with zeros: a character that is cut off has a zero where a tail
 * byte must stand. */
__attribute__((target("ssse3"))) static bool valid_ssse3(const unsigned char *p, size_t n) {
    __m128i prev = _mm_setzero_si128();
    __m128i bad = prev;
    size_t at = 0;
    for (; n - at >= 16; at += 16) {
        __m128i in = _mm_loadu_si128((const __m128i *)(const void *)(p + at));
        if (_mm_movemask_epi8(_mm_or_si128(in, prev)) != 0) {
            bad = _mm_or_si128(bad, faults(in, prev));
        }
        prev = in;
    }
    unsigned char last[16] = {0};
    memcpy(last, p + at, n - at);
    __m128i in = _mm_loadu_si128((const __m128i *)(const void *)last);
    bad = _mm_or_si128(bad, faults(in, prev));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) == 0xFFFF;
}
#endif

size_t utf8_valid_len(Str s) {
    if (s.len == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)s.ptr;
#ifdef HAVE_X86
    if (__builtin_cpu_supports("ssse3")) {
        if (valid_ssse3(p, s.len)) {
            return s.len;
        }
        size_t bad_at = valid_len_scalar(p, s.len);
        assert(bad_at < s.len); /* both ways must find it */
        return bad_at;
    }
#endif
    return valid_len_scalar(p, s.len);
}

bool utf8_valid(Str s) {
    return utf8_valid_len(s) == s.len;
}

size_t utf8_decode(Str s, size_t at, uint32_t *ret_cp) {
    if (at >= s.len) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)s.ptr + at;
    size_t len = char_len(p, s.len - at);
    switch (len) {
    case 1:
        *ret_cp = p[0];
        break;
    case 2:
        *ret_cp = (p[0] & 0x1FU) << 6 | (p[1] & 0x3FU);
        break;
    case 3:
        *ret_cp = (p[0] & 0x0FU) << 12 | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
        break;
    case 4:
        *ret_cp =
            (p[0] & 0x07U) << 18 | (p[1] & 0x3FU) << 12 | (p[2] & 0x3FU) << 6 | (p[3] & 0x3FU);
        break;
    default:
        break;
    }
    return len;
}

size_t utf8_encode(char *out, uint32_t cp) {
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) {
        cp = 0xFFFD;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

void utf8_put(Buf *out, uint32_t cp) {
    char bytes[4];
    buf_put(out, bytes, utf8_encode(bytes, cp));
}
