/* W. Muła, D. Lemire, "Faster Base64 Encoding and Decoding using AVX2 Instructions" (2018) for
 * whole blocks; tables for the rest. */
#include "core/base64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { BAD = 0xFF, SPACE = 0xFE, PAD = 0xFD, VALUES = 64 };
#define B BAD
#define S SPACE
/* The six bits of each character, or what else it is. */
static const uint8_t values[256] = {
    B,  B,  B,  B,  B,  B,  B,  B,  B,  S,  S,  B,  B,  S,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  S,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  62, B,  B,  B,  63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B,  B,  B,  PAD, B,  B,  B,  0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,  21, 22, 23, 24, 25, B,  B,  B,  B,  B,
    B,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,  39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B};
#undef B
#undef S

#ifdef HAVE_X86
/* 24 bytes become 32 characters; reads 28 from 4 before `in`, so the first block is not for it. */
__attribute__((target("avx2"))) static size_t encode_avx2(const uint8_t *in, size_t n, char *out) {
    const __m256i order = _mm256_setr_epi8(5, 4, 6, 5, 8, 7, 9, 8, 11, 10, 12, 11, 14, 13, 15, 14,
                                           1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    const __m256i shifts =
        _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0,
                         'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t at = 0;
    for (; n - at >= 28; at += 24, out += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(in + at - 4));
        v = _mm256_shuffle_epi8(v, order);
        __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0FC0FC00)),
                                         _mm256_set1_epi32(0x04000040));
        __m256i even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003F03F0)),
                                          _mm256_set1_epi32(0x01000010));
        __m256i six = _mm256_or_si256(odd, even);
        /* 0–25 → 13, 26–51 → 0, 52–61 → 1–10, 62 → 11, 63 → 12 */
        __m256i row = _mm256_subs_epu8(six, _mm256_set1_epi8(51));
        __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), six);
        row = _mm256_or_si256(row, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
        v = _mm256_add_epi8(_mm256_shuffle_epi8(shifts, row), six);
        _mm256_storeu_si256((__m256i *)(void *)out, v);
    }
    return at;
}

/* 32 characters become 24 bytes (32 are stored) until one is not of the alphabet. Returns the
 * characters taken. */
__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *in, size_t n, char *out) {
#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)
    const __m256i by_low = TWICE(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13,
                                 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m256i by_high = TWICE(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10,
                                  0x10, 0x10, 0x10, 0x10, 0x10);
    const __m256i shifts = TWICE(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i order = TWICE(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
#undef TWICE
    const __m256i slash = _mm256_set1_epi8('/');
    size_t at = 0;
    for (; n - at >= 48; at += 32, out += 24) { /* 48: what is stored beyond 24 has room */
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(in + at));
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(v, 4), slash);
        __m256i low = _mm256_and_si256(v, slash);
        __m256i bad =
            _mm256_and_si256(_mm256_shuffle_epi8(by_low, low), _mm256_shuffle_epi8(by_high, high));
        if (!_mm256_testz_si256(bad, bad)) {
            break;
        }
        __m256i row = _mm256_add_epi8(_mm256_cmpeq_epi8(v, slash), high);
        v = _mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, row));
        v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
        v = _mm256_shuffle_epi8(v, order);
        v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1));
        _mm256_storeu_si256((__m256i *)(void *)out, v);
    }
    return at;
}
#endif

static void encode_three(const uint8_t *in, char *out) {
    uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    out[0] = alphabet[bits >> 18];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = alphabet[bits >> 6 & 63];
    out[3] = alphabet[bits & 63];
}

void base64_encode(Buf *out, Str bytes) {
    if (bytes.len == 0 || !buf_reserve(out, base64_encoded_len(bytes.len))) {
        return;
    }
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    char *to = out->ptr + out->len;
    size_t at = 0;
#ifdef HAVE_X86
    if (bytes.len >= 64 && __builtin_cpu_supports("avx2")) {
        for (; at < 6; at += 3, to += 4) {
            encode_three(in + at, to);
        }
        size_t n = encode_avx2(in + at, bytes.len - at, to);
        at += n;
        to += n / 3 * 4;
    }
#endif
    for (; bytes.len - at >= 3; at += 3, to += 4) {
        encode_three(in + at, to);
    }
    size_t left = bytes.len - at;
    if (left > 0) {
        const uint8_t last[3] = {in[at], left == 2 ? in[at + 1] : 0, 0};
        encode_three(last, to);
        to[3] = '=';
        to[2] = left == 2 ? to[2] : '=';
        to += 4;
    }
    out->len = (size_t)(to - out->ptr);
    assert(out->len <= out->capacity);
}

/* Whole quads without white space or padding, while both sides have room for a block. */
static size_t decode_block(const uint8_t *in, size_t n, char *out) {
    size_t at = 0;
#ifdef HAVE_X86
    if (n >= 48 && __builtin_cpu_supports("avx2")) {
        at = decode_avx2(in, n, out);
        out += at / 4 * 3;
    }
#endif
    for (; n - at >= 4; at += 4, out += 3) {
        uint8_t a = values[in[at]];
        uint8_t b = values[in[at + 1]];
        uint8_t c = values[in[at + 2]];
        uint8_t d = values[in[at + 3]];
        if ((a | b | c | d) >= VALUES) {
            break;
        }
        uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
        out[0] = (char)(bits >> 16);
        out[1] = (char)(bits >> 8 & 0xFF);
        out[2] = (char)(bits & 0xFF);
    }
    return at;
}

/* The end of the text: n characters of a quad (2 or 3) gave `bits`; the padding and white space
 * that must follow begin at `at`. */
static bool finish(Str text, size_t at, unsigned n) {
    unsigned pads = 0;
    for (; at < text.len; at++) {
        uint8_t v = values[(uint8_t)text.ptr[at]];
        pads += v == PAD;
        if (v != PAD && v != SPACE) {
            return false;
        }
    }
    return n >= 2 && n + pads == 4;
}

/* Decodes into `out`, which has room for text.len / 4 * 3 + 3 bytes; SIZE_MAX when it is wrong. */
static size_t decode_all(Str text, char *out) {
    const uint8_t *in = (const uint8_t *)text.ptr;
    char *to = out;
    uint32_t bits = 0;
    unsigned n = 0; /* characters of the quad at hand */
    for (size_t at = 0; at < text.len; at++) {
        if (n == 0) {
            size_t taken = decode_block(in + at, text.len - at, to);
            at += taken;
            to += taken / 4 * 3;
            if (at == text.len) {
                break;
            }
        }
        uint8_t v = values[in[at]];
        if (v == SPACE) {
            continue;
        }
        if (v == PAD) {
            bits <<= 6 * (4 - n);
            if (!finish(text, at, n) || (bits & (n == 2 ? 0xFFFFU : 0xFFU)) != 0) {
                return SIZE_MAX;
            }
            *to++ = (char)(bits >> 16);
            if (n == 3) {
                *to++ = (char)(bits >> 8 & 0xFF);
            }
            return (size_t)(to - out);
        }
        if (v >= VALUES) {
            return SIZE_MAX;
        }
        bits = bits << 6 | v;
        if (++n == 4) {
            *to++ = (char)(bits >> 16 & 0xFF);
            *to++ = (char)(bits >> 8 & 0xFF);
            *to++ = (char)(bits & 0xFF);
            n = 0;
            bits = 0;
        }
    }
    return n == 0 ? (size_t)(to - out) : SIZE_MAX;
}

/* The estimate does not fit under the ceiling: white space and padding may be all that is too much.
 */
static ErrCode decode_tight(Buf *out, Str text, size_t room) {
    CLEANUP_FREE char *bytes = malloc(room);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    size_t len = decode_all(text, bytes);
    if (len == SIZE_MAX) {
        return ERR_SYNTAX;
    }
    buf_put(out, bytes, len);
    return out->err;
}

ErrCode base64_decode(Buf *out, Str text) {
    TRY(out->err);
    size_t room = text.len / 4 * 3 + 3;
    if (room > out->max - out->len) {
        return decode_tight(out, text, room);
    }
    if (!buf_reserve(out, room)) {
        return out->err;
    }
    size_t len = decode_all(text, out->ptr + out->len);
    if (len == SIZE_MAX) {
        return ERR_SYNTAX;
    }
    assert(len <= out->capacity - out->len);
    out->len += len;
    return ERR_OK;
}
