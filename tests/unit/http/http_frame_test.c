/* WebSocket frames: the examples of RFC 6455, and what breaks its rules. */
#include "unit/test.h"

#include "http/http_frame.h"

enum { MAX_BYTES = 70000 };

typedef struct Seen {
    FrameKind kinds[16];
    size_t lens[16];
    size_t n;
    Buf text; /* payloads, a '|' behind each */
} Seen;

static void note(void *ctx, FrameKind kind, Str payload) {
    Seen *seen = ctx;
    assert_true(seen->n < 16);
    seen->lens[seen->n] = payload.len;
    seen->kinds[seen->n++] = kind;
    buf_put_str(&seen->text, payload);
    buf_put_char(&seen->text, '|');
}

/* The bytes at once, then one by one: the same must come of both. */
static unsigned read_all(Str bytes, Seen *seen) {
    unsigned codes[2];
    Seen other = {0};
    *seen = other;
    buf_init(&seen->text, 1 << 20);
    buf_init(&other.text, 1 << 20);
    for (int i = 0; i < 2; i++) {
        FrameReader r;
        frame_reader_init(&r, MAX_BYTES);
        codes[i] = 0;
        for (size_t at = 0; at < bytes.len; at += i == 0 ? bytes.len : 1) {
            codes[i] = frame_read(&r, str_sub(bytes, at, i == 0 ? bytes.len : 1), note,
                                  i == 0 ? seen : &other);
        }
        frame_reader_release(&r);
    }
    assert_int_equal(codes[0], codes[1]);
    assert_int_equal(seen->n, other.n);
    assert_str(buf_str(&seen->text), buf_str(&other.text));
    buf_release(&other.text);
    return codes[0];
}

/* A client's frame. */
static void put_masked(Buf *b, unsigned first, Str payload) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    buf_put_char(b, (char)first);
    if (payload.len < 126) {
        buf_put_char(b, (char)(0x80 | payload.len));
    } else {
        bool wide = payload.len > 0xFFFF;
        buf_put_char(b, (char)(wide ? 0xFF : 0xFE));
        for (int i = wide ? 7 : 1; i >= 0; i--) {
            buf_put_char(b, (char)(uint8_t)((uint64_t)payload.len >> (8 * i)));
        }
    }
    buf_put(b, mask, 4);
    for (size_t i = 0; i < payload.len; i++) {
        buf_put_char(b, (char)((uint8_t)payload.ptr[i] ^ mask[i & 3]));
    }
}

static void reads_the_rfc_examples(void **state) {
    (void)state;
    Seen seen;
    /* 5.7: a masked text, a masked pong */
    assert_int_equal(read_all(STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
                                  "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                              &seen),
                     0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.kinds[0], FRAME_TEXT);
    assert_int_equal(seen.kinds[1], FRAME_PONG);
    assert_str(buf_str(&seen.text), STR("Hello|Hello|"));
    buf_release(&seen.text);
}

static void puts_fragments_together(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    Seen seen;
    buf_init(&b, 1 << 20);
    put_masked(&b, 0x01, STR("Hel"));
    put_masked(&b, 0x89, STR("between"));
    put_masked(&b, 0x00, STR_EMPTY);
    put_masked(&b, 0x80, STR("lo"));
    put_masked(&b, 0x81, STR("\xe1\xbb\x8b"));
    put_masked(&b, 0x88,
               STR("\x03\xe8"
                   "bye"));
    put_masked(&b, 0x81, STR("not read"));
    assert_int_equal(read_all(buf_str(&b), &seen), 1000);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.kinds[0], FRAME_PING);
    assert_int_equal(seen.kinds[3], FRAME_CLOSE);
    assert_str(buf_str(&seen.text), STR("between|Hello|\xe1\xbb\x8b|bye|"));
    buf_release(&seen.text);
}

static void reads_long_ones(void **state) {
    (void)state;
    static const size_t lens[] = {0, 125, 126, 256, 65535, 65536, MAX_BYTES};
    static char bytes[MAX_BYTES];
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        CLEANUP_BUF Buf b;
        Seen seen;
        buf_init(&b, 1 << 20);
        put_masked(&b, 0x82, (Str){bytes, lens[i]});
        assert_int_equal(read_all(buf_str(&b), &seen), 0);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.lens[0], lens[i]);
        buf_release(&seen.text);
    }
}

static void refuses_what_breaks_the_rules(void **state) {
    (void)state;
    static const struct {
        Str bytes;
        unsigned code;
    } cases[] = {
        {{"\x81\x05Hello", 7}, 1002},                     /* not masked */
        {{"\xc1\x80\0\0\0\0", 6}, 1002},                  /* a reserved bit */
        {{"\x83\x80\0\0\0\0", 6}, 1002},                  /* a reserved kind */
        {{"\x80\x80\0\0\0\0", 6}, 1002},                  /* continues nothing */
        {{"\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 12}, 1002}, /* begins within a message */
        {{"\x09\x80\0\0\0\0", 6}, 1002},                  /* a ping in fragments */
        {{"\x89\xfe\0\x7e\0\0\0\0", 8}, 1002},            /* a ping of 126 bytes */
        {{"\x81\xfe\0\x05\0\0\0\0", 8}, 1002},            /* 5 written in 16 bits */
        {{"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14}, 1002},
        {{"\x81\xff\x80\0\0\0\0\1\0\0\0\0\0\0", 14}, 1002}, /* a negative length */
        {{"\x81\xff\0\0\0\0\0\1\x11\x71\0\0\0\0", 14}, 1009},
        {{"\x81\x81\0\0\0\0\xff", 7}, 1007},
        {{"\x88\x81\0\0\0\0\x03", 7}, 1002},         /* half a code */
        {{"\x88\x82\0\0\0\0\x03\xed", 8}, 1002},     /* 1005 is never sent */
        {{"\x88\x82\0\0\0\0\x0b\xb7", 8}, 1002},     /* 2999 */
        {{"\x88\x83\0\0\0\0\x03\xe8\xff", 9}, 1007}, /* the reason is no text */
        {{"\x88\x80\0\0\0\0", 6}, 1000},
        {{"\x88\x82\0\0\0\0\x0b\xb8", 8}, 3000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Seen seen;
        unsigned code = read_all(cases[i].bytes, &seen);
        if (code != cases[i].code) {
            print_error("case %zu: %u\n", i, code);
        }
        assert_int_equal(code, cases[i].code);
        buf_release(&seen.text);
    }
}

/* Many small fragments must not pass the ceiling of a message. */
static void counts_the_whole_message(void **state) {
    (void)state;
    static char bytes[MAX_BYTES / 2];
    CLEANUP_BUF Buf b;
    Seen seen;
    buf_init(&b, 1 << 20);
    put_masked(&b, 0x02, (Str){bytes, sizeof(bytes)});
    put_masked(&b, 0x00, (Str){bytes, sizeof(bytes)});
    put_masked(&b, 0x80, STR("x"));
    assert_int_equal(read_all(buf_str(&b), &seen), 1009);
    assert_int_equal(seen.n, 0);
    buf_release(&seen.text);
}

static void writes_the_rfc_examples(void **state) {
    (void)state;
    static char bytes[65536];
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 20);
    frame_put(&b, FRAME_TEXT, STR("Hello"));
    frame_put(&b, FRAME_PONG, STR("Hello"));
    frame_put_close(&b, 1001, STR("away"));
    assert_str(buf_str(&b), STR("\x81\x05Hello\x8a\x05Hello\x88\x06\x03\xe9"
                                "away"));
    buf_clear(&b);
    frame_put(&b, FRAME_BINARY, (Str){bytes, 256});
    assert_int_equal(b.len, 260);
    assert_memory_equal(b.ptr, "\x82\x7e\x01\x00", 4);
    buf_clear(&b);
    frame_put(&b, FRAME_BINARY, (Str){bytes, 65536});
    assert_int_equal(b.len, 65546);
    assert_memory_equal(b.ptr, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
    buf_clear(&b);
    /* A reason is cut between characters, to at most 123 bytes. */
    memset(bytes, 'r', 122);
    memcpy(bytes + 122, "\xe1\xbb\x8b", 3);
    frame_put_close(&b, 1000, (Str){bytes, 125});
    assert_int_equal(b.len, 2 + 2 + 122);
}

static void accepts_keys(void **state) {
    (void)state;
    char text[FRAME_ACCEPT_LEN + 1];
    assert_ok(frame_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), text)); /* 1.3 */
    assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(frame_accept(STR_EMPTY, text), ERR_SYNTAX);
    assert_int_equal(frame_accept(STR("dGhlIHNhbXBsZSBub25jZQ"), text), ERR_SYNTAX);
    assert_int_equal(frame_accept(STR("dGhlIHNhbXBsZSBub25j!Q=="), text), ERR_SYNTAX);
    assert_int_equal(frame_accept(STR("dGhlIHNhbXBsZSBub25jZQ==dGhl"), text), ERR_SYNTAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_rfc_examples),
        cmocka_unit_test(puts_fragments_together),
        cmocka_unit_test(reads_long_ones),
        cmocka_unit_test(refuses_what_breaks_the_rules),
        cmocka_unit_test(counts_the_whole_message),
        cmocka_unit_test(writes_the_rfc_examples),
        cmocka_unit_test(accepts_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
