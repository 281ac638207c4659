#include "unit/test.h"

#include "core/base64.h"

/* Decodes a copy that has exactly the text's bytes. */
static ErrCode decode(Buf *out, Str text) {
    char *copy = malloc(MAX(text.len, (size_t)1));
    assert_non_null(copy);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    ErrCode err = base64_decode(out, (Str){copy, text.len});
    free(copy);
    return err;
}

static void decodes_to(Str text, Str want) {
    Buf b;
    buf_init(&b, 4096);
    buf_put_lit(&b, "before ");
    assert_ok(decode(&b, text));
    assert_str(str_sub(buf_str(&b), 7, b.len), want);
    buf_release(&b);
}

static void refuses(Str text) {
    Buf b;
    buf_init(&b, 4096);
    buf_put_lit(&b, "before");
    if (decode(&b, text) != ERR_SYNTAX) {
        print_error("text <" STR_FMT ">\n", STR_ARG(text));
        fail();
    }
    assert_str(buf_str(&b), STR("before"));
    assert_ok(buf_ok(&b));
    buf_release(&b);
}

static void base64_has_the_vectors_of_rfc_4648(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xFB\xEF\xBE\xFF", "++++/w=="},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Buf b;
        buf_init(&b, 64);
        base64_encode(&b, str_from(rows[i][0]));
        assert_str(buf_str(&b), str_from(rows[i][1]));
        assert_int_equal(base64_encoded_len(strlen(rows[i][0])), strlen(rows[i][1]));
        decodes_to(str_from(rows[i][1]), str_from(rows[i][0]));
        buf_release(&b);
    }
}

static void base64_passes_white_space_anywhere(void **state) {
    (void)state;
    decodes_to(STR(" Z m\t9\r\nv Y\ng =\n= \n"), STR("foob"));
    decodes_to(STR("\n"), STR_EMPTY);
    decodes_to(STR("Zm9v\n"), STR("foo"));
    refuses(STR("Zm9v\f"));
    refuses(STR("Zm9v\v"));
    refuses((Str){"Zm9v\0", 5});
}

static void base64_refuses_bad_padding_and_bits(void **state) {
    (void)state;
    static const char *const rows[] = {
        "Z",     "Zg",    "Zg=",   "Zm8",      "Zm9vY",    "Zm9vYg",   "Zg===",    "Zm8==",
        "=",     "==",    "====",  "Z===",     "Zm9v=",    "Zm9v====", "Zg==Zg==", "Zg==A",
        "Zg=A",  "Zg=A=", "Zm8=Z", "Zh==",     "Zm9=",     "Zv==",     "Zm//Z",    "Z g",
        "Zm9v-", "_m9v",  "Zm9v,", "Zm9v\x80", "\xC3\xA9", "Zm9v.m9v", "&#10;",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        refuses(str_from(rows[i]));
    }
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void random_bytes(char *p, size_t n, uint32_t *seed) {
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)next_random(seed);
    }
}

/* Bit by bit, to compare with. */
static void plain_encode(Buf *out, Str s) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t bit = 0; bit < s.len * 8; bit += 6) {
        unsigned v = 0;
        for (size_t i = bit; i < bit + 6; i++) {
            v = v << 1 | (i < s.len * 8 ? (unsigned char)s.ptr[i / 8] >> (7 - i % 8) & 1U : 0U);
        }
        buf_put_char(out, set[v]);
    }
    while (out->len % 4 != 0) {
        buf_put_char(out, '=');
    }
}

static void base64_returns_what_went_in(void **state) {
    (void)state;
    uint32_t seed = 4648;
    for (size_t n = 0; n < 700; n++) {
        char *bytes = malloc(MAX(n, (size_t)1));
        assert_non_null(bytes);
        random_bytes(bytes, n, &seed);
        Buf text;
        Buf want;
        Buf spaced;
        buf_init(&text, 4096);
        buf_init(&want, 4096);
        buf_init(&spaced, 8192);
        base64_encode(&text, (Str){bytes, n});
        plain_encode(&want, (Str){bytes, n});
        assert_str(buf_str(&text), buf_str(&want));
        assert_int_equal(text.len, base64_encoded_len(n));
        decodes_to(buf_str(&text), (Str){bytes, n});
        size_t line = 1 + next_random(&seed) % 80;
        for (size_t i = 0; i < text.len; i++) {
            buf_put_str(&spaced, i % line == line - 1 ? STR("\r\n ") : STR_EMPTY);
            buf_put_char(&spaced, text.ptr[i]);
        }
        decodes_to(buf_str(&spaced), (Str){bytes, n});
        buf_release(&text);
        buf_release(&want);
        buf_release(&spaced);
        free(bytes);
    }
}

/* Every byte value at every place of a text that the wide path takes. */
static void base64_refuses_every_wrong_byte(void **state) {
    (void)state;
    char bytes[120];
    uint32_t seed = 5;
    random_bytes(bytes, sizeof(bytes), &seed);
    Buf text;
    buf_init(&text, 4096);
    base64_encode(&text, (Str){bytes, sizeof(bytes)});
    for (size_t at = 0; at < text.len; at++) {
        char kept = text.ptr[at];
        for (unsigned c = 0; c < 256; c++) {
            bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          (c >= '0' && c <= '9') || c == '+' || c == '/';
            if (c == '=' && at == text.len - 1) {
                continue; /* a shorter text may end so */
            }
            text.ptr[at] = (char)c;
            Buf out;
            buf_init(&out, 4096);
            /* white space and padding make the count of characters wrong */
            assert_int_equal(decode(&out, buf_str(&text)), letter ? ERR_OK : ERR_SYNTAX);
            if (letter) {
                Buf again;
                buf_init(&again, 4096);
                base64_encode(&again, buf_str(&out));
                assert_str(buf_str(&again), buf_str(&text));
                buf_release(&again);
            }
            buf_release(&out);
        }
        text.ptr[at] = kept;
    }
    buf_release(&text);
}

static void base64_keeps_the_ceiling(void **state) {
    (void)state;
    Buf b;
    buf_init(&b, 6);
    assert_ok(decode(&b, STR("Zm9v\n\n\n\n\n\n\n\n\n\n\n\n\nYmFy")));
    assert_str(buf_str(&b), STR("foobar"));
    buf_clear(&b);
    assert_int_equal(decode(&b, STR("Zm9vYmF")), ERR_SYNTAX);
    assert_int_equal(decode(&b, STR("Zm9vYmFyYg==")), ERR_LIMIT);
    assert_int_equal(b.len, 0);
    assert_int_equal(decode(&b, STR("Zg==")), ERR_LIMIT); /* sticky */
    buf_clear(&b);
    base64_encode(&b, STR("foob"));
    assert_int_equal(buf_ok(&b), ERR_LIMIT);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_has_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_passes_white_space_anywhere),
        cmocka_unit_test(base64_refuses_bad_padding_and_bits),
        cmocka_unit_test(base64_returns_what_went_in),
        cmocka_unit_test(base64_refuses_every_wrong_byte),
        cmocka_unit_test(base64_keeps_the_ceiling),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
