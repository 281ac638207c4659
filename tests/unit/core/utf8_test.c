#include "unit/test.h"

#include "core/utf8.h"

/* A decoder of another make, to compare with: counts leading ones, then looks at the value. */
static size_t plain_decode(const unsigned char *p, size_t n, uint32_t *ret_cp) {
    unsigned ones = 0;
    while (ones < 8 && (p[0] >> (7 - ones) & 1) != 0) {
        ones++;
    }
    if (ones == 0) {
        *ret_cp = p[0];
        return 1;
    }
    if (ones == 1 || ones > 4 || ones > n) {
        return 0;
    }
    uint32_t cp = p[0] & (0x7FU >> ones);
    for (unsigned i = 1; i < ones; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        cp = cp << 6 | (p[i] & 0x3FU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool ok = cp >= least[ones] && cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
    *ret_cp = cp;
    return ok ? ones : 0;
}

static size_t plain_valid_len(Str s) {
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        size_t n = plain_decode((const unsigned char *)s.ptr + at, s.len - at, &cp);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

/* Compares on a copy of exactly its length, so that the sanitizer sees any read behind it. */
static void same_as_plain(Str s) {
    char *copy = malloc(MAX(s.len, (size_t)1));
    assert_non_null(copy);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    size_t want = plain_valid_len(s);
    assert_int_equal(utf8_valid_len((Str){copy, s.len}), want);
    assert_int_equal(utf8_valid((Str){copy, s.len}), want == s.len);
    free(copy);
}

static void utf8_writes_and_reads_every_character(void **state) {
    (void)state;
    Buf b;
    buf_init(&b, 64);
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        buf_clear(&b);
        utf8_put(&b, cp);
        uint32_t got = UINT32_MAX;
        uint32_t want = cp >= 0xD800 && cp <= 0xDFFF ? 0xFFFD : cp;
        if (utf8_decode(buf_str(&b), 0, &got) != b.len || got != want || !utf8_valid(buf_str(&b))) {
            print_error("U+%04X\n", cp);
            fail();
        }
    }
    buf_clear(&b);
    utf8_put(&b, 0x110000);
    utf8_put(&b, UINT32_MAX);
    assert_str(buf_str(&b), STR("\xEF\xBF\xBD\xEF\xBF\xBD"));
    buf_release(&b);
}

static void utf8_decodes_at_an_offset(void **state) {
    (void)state;
    Str s = STR("a\xE1\xBB\x85z");
    uint32_t cp = 7;
    assert_int_equal(utf8_decode(s, 1, &cp), 3);
    assert_int_equal(cp, 0x1EC5);
    assert_int_equal(utf8_decode(s, 4, &cp), 1);
    assert_int_equal(cp, 'z');
    assert_int_equal(utf8_decode(s, 2, &cp), 0);
    assert_int_equal(utf8_decode(s, 5, &cp), 0);
    assert_int_equal(utf8_decode(s, SIZE_MAX, &cp), 0);
    assert_int_equal(utf8_decode(str_sub(s, 0, 3), 1, &cp), 0);
    assert_int_equal(utf8_decode(STR_EMPTY, 0, &cp), 0);
    assert_int_equal(cp, 'z');
}

/* All beginnings of two bytes with chosen third and fourth, at chosen places of longer texts:
 * inside a block of 16, over its border, at the very end. */
static void utf8_judges_every_sequence(void **state) {
    (void)state;
    static const unsigned char thirds[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90,
                                           0x9F, 0xA0, 0xBF, 0xC3, 0xFF};
    static const size_t places[] = {0, 13, 14, 15, 16, 29, 30, 31, 32, 60};
    for (unsigned first = 0x70; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100;
             second += second < 0x7E || second > 0xC1 ? 13 : 1) {
            for (size_t i = 0; i < ARRAY_LEN(thirds); i++) {
                for (size_t k = 0; k < ARRAY_LEN(places); k++) {
                    char text[72];
                    memset(text, 'x', sizeof(text));
                    char *p = text + places[k];
                    p[0] = (char)first;
                    p[1] = (char)second;
                    p[2] = (char)thirds[i];
                    p[3] = (char)thirds[(i * 5 + second) % ARRAY_LEN(thirds)];
                    same_as_plain((Str){text, places[k] + 1 + i % 4});
                    same_as_plain((Str){text, sizeof(text)});
                }
            }
        }
    }
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Random characters of all lengths, then up to two bytes changed. */
static void utf8_agrees_with_the_plain_decoder(void **state) {
    (void)state;
    static const uint32_t below[] = {0x80, 0x800, 0x10000, 0x110000};
    uint32_t seed = 77;
    size_t whole = 0;
    for (unsigned i = 0; i < 60000; i++) {
        Buf b;
        buf_init(&b, 4096);
        uint32_t kinds = 1 + next_random(&seed) % 4;
        for (uint32_t n = next_random(&seed) % 60; n > 0; n--) {
            utf8_put(&b, next_random(&seed) % below[next_random(&seed) % kinds]);
        }
        assert_true(utf8_valid(buf_str(&b)));
        for (uint32_t n = next_random(&seed) % 3; n > 0 && b.len > 0; n--) {
            b.ptr[next_random(&seed) % b.len] = (char)next_random(&seed);
        }
        whole += utf8_valid(buf_str(&b));
        same_as_plain(buf_str(&b));
        buf_release(&b);
    }
    assert_true(whole > 10000 && whole < 50000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_writes_and_reads_every_character),
        cmocka_unit_test(utf8_decodes_at_an_offset),
        cmocka_unit_test(utf8_judges_every_sequence),
        cmocka_unit_test(utf8_agrees_with_the_plain_decoder),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
