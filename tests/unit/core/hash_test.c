#include "unit/test.h"

#include "core/hash.h"
#include "core/thread.h"

static void assert_hex(const Sha256 *d, const char *want) {
    Buf b;
    buf_init(&b, 100);
    hex_put(&b, d->b, sizeof(d->b));
    assert_string_equal(buf_cstr(&b), want);
    buf_release(&b);
}

/* FIPS 180-4's examples. */
static void sha256_agrees_with_the_standard(void **state) {
    (void)state;
    Sha256 d;
    assert_ok(hash_init());
    sha256(STR("abc"), &d);
    assert_hex(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(STR_EMPTY, &d);
    assert_hex(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256((Str){NULL, 0}, &d);
    assert_hex(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), &d);
    assert_hex(&d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sha256_streams_like_one_piece(void **state) {
    (void)state;
    char text[1000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i * 7);
    }
    Sha256 whole;
    Sha256 pieces;
    Sha256 pair;
    sha256((Str){text, sizeof(text)}, &whole);
    Sha256Ctx *ctx = sha256_new();
    assert_non_null(ctx);
    for (int round = 0; round < 2; round++) { /* a context can be used again */
        sha256_reset(ctx);
        for (size_t at = 0; at < sizeof(text); at += 37) {
            sha256_update(ctx, str_sub((Str){text, sizeof(text)}, at, 37));
        }
        sha256_final(ctx, &pieces);
        assert_true(sha256_eq(&whole, &pieces));
    }
    sha256_free(ctx);
    sha256_pair((Str){text, 123}, (Str){text + 123, sizeof(text) - 123}, &pair);
    assert_true(sha256_eq(&whole, &pair));
    sha256_pair((Str){text, 123}, (Str){text + 123, 5}, &pair);
    assert_false(sha256_eq(&whole, &pair));
}

static void many(void *arg) {
    Sha256 *out = arg;
    for (int i = 0; i < 1000; i++) {
        sha256(STR("the same bytes"), out);
    }
}

static void sha256_works_in_every_thread(void **state) {
    (void)state;
    Thread t[4];
    Sha256 d[4];
    Sha256 want;
    sha256(STR("the same bytes"), &want);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(thread_start(&t[i], "hash", many, &d[i]));
    }
    for (size_t i = 0; i < 4; i++) {
        thread_join(&t[i]);
        assert_true(sha256_eq(&d[i], &want));
    }
}

/* The values are stored: they must never change. */
static void hash64_is_stable(void **state) {
    (void)state;
    assert_int_equal(hash64(STR_EMPTY), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(hash64(STR("abc")), UINT64_C(0x78af5f94892f3950));
    assert_int_equal(hash64_seed(STR("abc"), 0), hash64(STR("abc")));
    assert_int_not_equal(hash64_seed(STR("abc"), 1), hash64(STR("abc")));
    assert_int_not_equal(hash64_mix(1, 2), hash64_mix(2, 1));
}

static void hex_reads_what_it_wrote(void **state) {
    (void)state;
    uint8_t bytes[3] = {0x00, 0xAB, 0xFF};
    uint8_t back[3] = {1, 2, 3};
    assert_ok(hex_parse(STR("00abFF"), back, 3));
    assert_memory_equal(bytes, back, 3);
    memset(back, 7, 3);
    assert_int_equal(hex_parse(STR("00abF"), back, 3), ERR_SYNTAX);
    assert_int_equal(hex_parse(STR("00abFg"), back, 3), ERR_SYNTAX);
    assert_int_equal(back[0], 7); /* untouched on failure */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_agrees_with_the_standard),
        cmocka_unit_test(sha256_streams_like_one_piece),
        cmocka_unit_test(sha256_works_in_every_thread),
        cmocka_unit_test(hash64_is_stable),
        cmocka_unit_test(hex_reads_what_it_wrote),
    };
    return cmocka_run_group_tests_name("core/hash", tests, NULL, NULL);
}
