/* Keys in files and in tokens: SoftHSM2 on a folder of the run's own. */
#include "unit/sign/sign_help.h"

#include <unistd.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "135790"

static int run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int run(const char *fmt, ...) {
    char command[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    return system(command); /* NOLINT: made of this file's own words */
}

/* A token "nhip-test" with the key as object "facility". */
static bool make_token(const KeyFiles *files) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/softhsm.conf", sign_dir);
    CLEANUP_FILE FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fprintf(f, "directories.tokendir = %s/tokens\nobjectstore.backend = file\n", sign_dir);
    (void)fflush(f);
    assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
    return run("mkdir %s/tokens && softhsm2-util --init-token --free --label nhip-test --so-pin "
               "1234 "
               "--pin " PIN " >/dev/null && softhsm2-util --import %s --token nhip-test --label "
               "facility --id 01 --pin " PIN " >/dev/null",
               sign_dir, files->key) == 0;
}

static ErrCode open_in_token(const KeyFiles *files, const char *key, const char *pin,
                             SignKey **ret) {
    ErrInfo info = {0};
    return sign_key_open(
        &(SignKeySource){
            .key = key, .certificate = files->certificate, .module = MODULE, .pin = pin},
        ret, &info);
}

static void a_token_signs_as_a_file_does(void **state) {
    (void)state;
    KeyFiles files = make_key("token", 2048);
    KeyFiles other = make_key("other", 2048);
    SignKey *token = NULL;
    CLEANUP_ARENA Arena *a = arena_new(64 * LIMIT_MIB);
    if (access(MODULE, R_OK) != 0) {
        skip();
    }
    assert_true(make_token(&files));
    static const char uri[] = "pkcs11:token=nhip-test;object=facility";
    assert_int_equal(open_in_token(&files, "pkcs11:token=nobody;object=facility", PIN, &token),
                     ERR_NOT_FOUND);
    assert_int_equal(open_in_token(&files, "pkcs11:token=nhip-test;object=x", PIN, &token),
                     ERR_NOT_FOUND);
    assert_int_equal(open_in_token(&files, "pkcs11:token=nhip-test", PIN, &token), ERR_PARAM);
    assert_int_equal(open_in_token(&files, uri, "000000", &token), ERR_FORBIDDEN);
    assert_int_equal(open_in_token(&other, uri, PIN, &token), ERR_PARAM);
    assert_ok(open_in_token(&files, uri, PIN, &token));
    SignDocument d = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT};
    SignReply reply;
    Str by_token = signed_text(a, token, &d);
    sign_verify(by_token, SIGN_SCOPE_CONTENT, &reply);
    assert_int_equal(reply.found, SIGN_FOUND_SOUND);
    assert_int_equal(reply.signed_at, SIGNED_AT);
    SignKey *file = open_key(&files);
    assert_str(signed_text(a, file, &d), by_token); /* RSA PKCS#1 v1.5 has no chance in it */
    sign_key_close(file);
    sign_key_close(token);
}

static void what_is_no_unsigned_claim_file_is_not_signed(void **state) {
    (void)state;
    KeyFiles files = make_key("file", 2048);
    SignKey *key = open_key(&files);
    static const char *const texts[] = {"", "<a/>", "<GIAMDINHHS/>", "<GIAMDINHHS><THONGTINHOSO/>",
                                        "<!DOCTYPE a><GIAMDINHHS/>"};
    CLEANUP_ARENA Arena *a = arena_new(64 * LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ErrInfo info = {0};
        CLEANUP_BUF Buf out;
        buf_init(&out, LIMIT_MIB);
        SignDocument d = {.xml = str_from(texts[i]), .at = SIGNED_AT};
        assert_int_equal(sign_document(key, &d, &out, &info), ERR_INVALID);
        assert_true(out.len == 0 && info.what_vi[0] != '\0');
    }
    SignDocument d = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT};
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    d.xml = signed_text(a, key, &d);
    assert_int_equal(sign_document(key, &d, &out, &info), ERR_INVALID);
    sign_key_close(key);
}

static void keys_that_are_not_there(void **state) {
    (void)state;
    KeyFiles files = make_key("here", 2048);
    KeyFiles other = make_key("there", 2048);
    SignKey *key = NULL;
    ErrInfo info = {0};
    SignKeySource s = {.key = "/nonexistent", .certificate = files.certificate};
    assert_int_equal(sign_key_open(&s, &key, &info), ERR_NOT_FOUND);
    s = (SignKeySource){.key = files.key, .certificate = "/nonexistent"};
    assert_int_equal(sign_key_open(&s, &key, &info), ERR_NOT_FOUND);
    s = (SignKeySource){.key = files.key, .certificate = other.certificate};
    assert_int_equal(sign_key_open(&s, &key, &info), ERR_PARAM);
    s = (SignKeySource){.key = "pkcs11:token=a;object=b",
                        .certificate = files.certificate,
                        .module = "/nonexistent.so"};
    assert_int_equal(sign_key_open(&s, &key, &info), ERR_NOT_FOUND);
}

static void pins_say_who_and_when(void **state) {
    (void)state;
    ErrInfo info = {0};
    SignPins *pins = NULL;
    static const char line[] =
        "facility\tsha256\tof\tfrom\tuntil\n"
        "46002\t0101010101010101010101010101010101010101010101010101010101010101\tkey\t\t\n"
        "46001\t0202020202020202020202020202020202020202020202020202020202020202\tcertificate\t"
        "2026-01-01\t2026-06-30\n"
        "46001\t0303030303030303030303030303030303030303030303030303030303030303\tcertificate\t"
        "2026-07-01\t\n";
    assert_ok(sign_pins_parse(str_from(line), &pins, &info));
    SignPinAsk ask = {.facility = STR("46001"), .at = SIGNED_AT};
    assert_int_equal(sign_pins_ask(NULL, &ask), SIGN_PIN_UNKNOWN);
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_OTHER);
    memset(&ask.certificate, 2, sizeof(ask.certificate));
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_TIME);
    memset(&ask.certificate, 3, sizeof(ask.certificate));
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_OK);
    memset(&ask.key, 1, sizeof(ask.key));
    ask.facility = STR("46002");
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_OK);
    ask.facility = STR("46003");
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_UNKNOWN);
    ask.facility = STR("");
    assert_int_equal(sign_pins_ask(pins, &ask), SIGN_PIN_UNKNOWN);
    sign_pins_free(pins);
    static const char *const bad[] = {"",
                                      "facility\tsha256\n",
                                      "facility\tsha256\tof\n46001\tzz\tkey\n",
                                      "facility\tsha256\tof\n\t010101010101010101010101010101010101"
                                      "0101010101010101010101010101\tkey\n",
                                      "facility\tsha256\tof\n1\t01010101010101010101010101010101010"
                                      "10101010101010101010101010101\tx\n",
                                      "facility\tsha256\tof\tfrom\n1\t01010101010101010101010101010"
                                      "10101010101010101010101010101010101"
                                      "\tkey\t2026-13-01\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_not_equal(sign_pins_parse(str_from(bad[i]), &pins, &info), ERR_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_signs_as_a_file_does),
        cmocka_unit_test(what_is_no_unsigned_claim_file_is_not_signed),
        cmocka_unit_test(keys_that_are_not_there),
        cmocka_unit_test(pins_say_who_and_when),
    };
    return sign_library() != ERR_OK ? 1
                                    : cmocka_run_group_tests(tests, sign_dir_make, sign_dir_remove);
}
