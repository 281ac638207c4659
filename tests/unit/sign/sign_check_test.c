/* Claim files good and spoiled, through real workers; workers that misbehave. */
#include "unit/sign/sign_help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

typedef struct Bench {
    Arena *arena;
    SignKey *key, *other;
    SignPins *pins;
    Sign *content, *document; /* by scope */
    ClockFake clock;
    Str good, whole; /* signed by content, by document */
} Bench;

static SignPins *pins_of(const SignKey *key, const char *facility, const char *more) {
    Sha256 certificate;
    Sha256 pubkey;
    SignPins *pins = NULL;
    ErrInfo info = {0};
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    sign_key_digests(key, &certificate, &pubkey);
    buf_put_lit(&text, "facility\tsha256\tof\tfrom\tuntil\n");
    buf_printf(&text, "%s\t", facility);
    hex_put(&text, certificate.b, sizeof(certificate.b));
    buf_printf(&text, "\tcertificate\t%s\n", more);
    assert_ok(sign_pins_parse(buf_str(&text), &pins, &info));
    return pins;
}

static Sign *checker(const Bench *b, SignScope scope) {
    Sign *s = NULL;
    assert_ok(sign_new(
        &(SignOptions){.pins = b->pins, .scope = scope, .workers = 2, .clock = &b->clock.clock},
        &s));
    return s;
}

static int setup(void **state) {
    Bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    assert_int_equal(sign_dir_make(NULL), 0);
    KeyFiles mine = make_key("mine", 2048);
    KeyFiles other = make_key("other", 2048);
    b->arena = arena_new((size_t)1 << 30);
    b->key = open_key(&mine);
    b->other = open_key(&other);
    clock_fake_init(&b->clock, SIGNED_AT);
    b->pins = pins_of(b->key, "46999", "2026-01-01\t2026-12-31");
    b->content = checker(b, SIGN_SCOPE_CONTENT);
    b->document = checker(b, SIGN_SCOPE_DOCUMENT);
    SignDocument d = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT};
    b->good = signed_text(b->arena, b->key, &d);
    d.scope = SIGN_SCOPE_DOCUMENT;
    b->whole = signed_text(b->arena, b->key, &d);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    Bench *b = *state;
    sign_free(b->content);
    sign_free(b->document);
    sign_pins_free(b->pins);
    sign_key_close(b->key);
    sign_key_close(b->other);
    arena_free(b->arena);
    free(b);
    return sign_dir_remove(NULL);
}

static void is(Sign *s, Str xml, SignVerdict verdict, SignForm form) {
    SignResult r = sign_check(s, xml);
    if (r.verdict != verdict || r.form != form) {
        print_error(STR_FMT "\n", STR_ARG(str_sub(xml, 0, 4000)));
    }
    assert_int_equal(r.verdict, verdict);
    assert_int_equal(r.form, form);
}

static void good_files_are_valid(void **state) {
    Bench *b = *state;
    SignResult r = sign_check(b->content, b->good);
    assert_int_equal(r.verdict, SIGN_VALID);
    assert_string_equal(r.facility, "46999");
    assert_int_equal(r.signed_at, SIGNED_AT);
    is(b->content, b->whole, SIGN_VALID, SIGN_FORM_NONE);
    is(b->document, b->whole, SIGN_VALID, SIGN_FORM_NONE);
    is(b->document, b->good, SIGN_FORM, SIGN_FORM_SCOPE);
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        SignDocument d = {.xml = str_from(CHECK_IN_FILE), .at = SIGNED_AT, .exclusive = exclusive};
        is(b->content, signed_text(b->arena, b->key, &d), SIGN_VALID, SIGN_FORM_NONE);
    }
    /* What c14n makes equal is the same: attribute quotes, empty elements, a byte order mark. */
    is(b->whole.len > 0 ? b->document : NULL,
       with(b->arena, b->whole, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "\xEF\xBB\xBF"),
       SIGN_VALID, SIGN_FORM_NONE);
}

static void unsigned_files_are_unsigned(void **state) {
    Bench *b = *state;
    static const char *const blocks[] = {"", "<CHUKYDONVI></CHUKYDONVI>",
                                         "<CHUKYDONVI> \n </CHUKYDONVI>"};
    is(b->content, str_from(CLAIM_FILE), SIGN_UNSIGNED, SIGN_FORM_NONE);
    is(b->content, str_from(CHECK_IN_FILE), SIGN_UNSIGNED, SIGN_FORM_NONE);
    is(b->content, STR_EMPTY, SIGN_UNSIGNED, SIGN_FORM_NONE);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        is(b->content, with(b->arena, str_from(CLAIM_FILE), "<CHUKYDONVI/>", blocks[i]),
           SIGN_UNSIGNED, SIGN_FORM_NONE);
    }
    is(b->content,
       with(b->arena, str_from(CLAIM_FILE), "<CHUKYDONVI/>", "<CHUKYDONVI>QUJD</CHUKYDONVI>"),
       SIGN_FORM, SIGN_FORM_SHAPE);
}

static void every_change_is_seen(void **state) {
    Bench *b = *state;
    static const char *const changes[][2] = {
        {"<NOIDUNGFILE>QUJD<", "<NOIDUNGFILE>QUJE<"},
        {"20261120", "20261121"},
        {"</SOLUONGHOSO>\n", "</SOLUONGHOSO>\n "},
        {"</SOLUONGHOSO>\n", "</SOLUONGHOSO>"},
        {"<HOSO><FILEHOSO>", "<HOSO x=\"1\"><FILEHOSO>"},
        {"<SigningTime>2026", "<SigningTime>2025"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        is(b->content, with(b->arena, b->good, changes[i][0], changes[i][1]), SIGN_ALTERED,
           SIGN_FORM_NONE);
        is(b->document, with(b->arena, b->whole, changes[i][0], changes[i][1]), SIGN_ALTERED,
           SIGN_FORM_NONE);
    }
    SignDocument again = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT - 1000};
    Str value = between(b->good, "<SignatureValue>", "</SignatureValue>");
    Str others = signed_text(b->arena, b->key, &again);
    Str other = between(others, "<SignatureValue>", "</SignatureValue>");
    is(b->content,
       with(b->arena, b->good, arena_str(b->arena, value).ptr, arena_str(b->arena, other).ptr),
       SIGN_ALTERED, SIGN_FORM_NONE);
    is(b->content, with(b->arena, b->good, "<SignatureValue>", "<SignatureValue>AA"), SIGN_FORM,
       SIGN_FORM_SHAPE); /* no value of this key can be as long */
    is(b->content, with(b->arena, b->good, "<DigestValue>", "<DigestValue>AA"), SIGN_FORM,
       SIGN_FORM_SHAPE);
    is(b->document, with(b->arena, b->whole, "46999", "46998"), SIGN_ALTERED, SIGN_FORM_NONE);
}

static void keys_count_for_their_facility_and_time(void **state) {
    Bench *b = *state;
    SignDocument d = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT};
    is(b->content, signed_text(b->arena, b->other, &d), SIGN_WRONG_KEY, SIGN_FORM_NONE);
    /* The facility's code stands outside of what was signed: another one's key it is then. */
    is(b->content, with(b->arena, b->good, "46999", "46998"), SIGN_UNKNOWN, SIGN_FORM_NONE);
    d.at = SIGNED_AT + 60 * TIME_DAY_MS; /* tomorrow's date proves nothing: it counts as now */
    is(b->content, signed_text(b->arena, b->key, &d), SIGN_VALID, SIGN_FORM_NONE);
    d.at = SIGNED_AT - 365 * TIME_DAY_MS;
    is(b->content, signed_text(b->arena, b->key, &d), SIGN_EXPIRED, SIGN_FORM_NONE);
    clock_fake_set(&b->clock, SIGNED_AT + 365 * TIME_DAY_MS);
    is(b->content, b->good, SIGN_VALID, SIGN_FORM_NONE); /* by the time when it was signed */
    d.at = SIGNED_AT + 60 * TIME_DAY_MS;
    is(b->content, signed_text(b->arena, b->key, &d), SIGN_EXPIRED, SIGN_FORM_NONE);
    clock_fake_set(&b->clock, SIGNED_AT);
}

/* Signature wrapping (McIntosh and Austel 2005): what was signed is moved to where its Id is still
 * found, and other content put where it is read. */
static void wrapped_signatures_prove_nothing(void **state) {
    Bench *b = *state;
    Arena *a = b->arena;
    Str content = between(b->good, "<THONGTINHOSO", "</THONGTINHOSO>");
    const char *original = arena_str(a, content).ptr;
    const char *forged = "<THONGTINHOSO><NGAYLAP>20261122</NGAYLAP></THONGTINHOSO>";
    const char *both = arena_printf(a, "%s" STR_FMT, forged, STR_ARG(content)).ptr;
    const char *same_id =
        arena_printf(a, "<THONGTINHOSO Id=\"Id-HOSO\"/><X>" STR_FMT "</X>", STR_ARG(content)).ptr;
    const char *kept =
        arena_printf(a, "<Object>" STR_FMT "</Object></Signature>", STR_ARG(content)).ptr;
    is(b->content, with(a, b->good, original, both), SIGN_FORM, SIGN_FORM_SHAPE);
    is(b->content, with(a, b->good, original, same_id), SIGN_FORM, SIGN_FORM_ID);
    is(b->content, with(a, with(a, b->good, original, forged), "</Signature>", kept), SIGN_FORM,
       SIGN_FORM_SCOPE);
    Str moved = with(a, with(a, b->good, original, forged), "</GIAMDINHHS>",
                     arena_printf(a, "<X>" STR_FMT "</X></GIAMDINHHS>", STR_ARG(content)).ptr);
    is(b->content, moved, SIGN_FORM, SIGN_FORM_SCOPE);
    is(b->content, with(a, b->good, "<MACSKCB>", "<MACSKCB>46001</MACSKCB><MACSKCB>"), SIGN_FORM,
       SIGN_FORM_SHAPE);
    is(b->content, with(a, b->good, "<DANHSACHHOSO>", "<DANHSACHHOSO id=\"Id-HOSO\">"), SIGN_FORM,
       SIGN_FORM_ID);
}

static void two_signatures_prove_nothing(void **state) {
    Bench *b = *state;
    Arena *a = b->arena;
    Str block = between(b->good, "<CHUKYDONVI>", "</CHUKYDONVI>");
    Str inner = between(b->good, "<Signature ", "</Signature>");
    is(b->content, with(a, b->good, "<CHUKYDONVI>", "<CHUKYDONVI/><CHUKYDONVI>"), SIGN_FORM,
       SIGN_FORM_MANY);
    is(b->content,
       with(a, b->good, "</CHUKYDONVI>",
            arena_printf(a, "</CHUKYDONVI>" STR_FMT, STR_ARG(block)).ptr),
       SIGN_FORM, SIGN_FORM_MANY);
    is(b->content,
       with(a, b->good, "</CHUKYDONVI>",
            arena_printf(a, STR_FMT "</CHUKYDONVI>", STR_ARG(inner)).ptr),
       SIGN_FORM, SIGN_FORM_MANY);
    is(b->content,
       with(a, with(a, b->good, "<CHUKYDONVI>", "<X><CHUKYDONVI>"), "</CHUKYDONVI>",
            "</CHUKYDONVI></X>"),
       SIGN_FORM, SIGN_FORM_SHAPE);
}

static void only_the_algorithms_of_claims_are_taken(void **state) {
    Bench *b = *state;
    Arena *a = b->arena;
    static const struct {
        const char *from, *to;
        SignForm form;
    } cases[] = {
        {"xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256", SIGN_FORM_ALGORITHM},
        {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
         "http://www.w3.org/2000/09/xmldsig#rsa-sha1", SIGN_FORM_ALGORITHM},
        {"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1",
         SIGN_FORM_ALGORITHM},
        {"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
         "http://www.w3.org/TR/1999/REC-xslt-19991116", SIGN_FORM_TRANSFORM},
        {"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
         "http://www.w3.org/TR/1999/REC-xpath-19991116", SIGN_FORM_TRANSFORM},
        {"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
         "http://www.w3.org/2000/09/xmldsig#base64", SIGN_FORM_TRANSFORM},
        {"<Reference URI=\"\"", "<Reference URI=\"file:///etc/passwd\"", SIGN_FORM_REFERENCE},
        {"<Reference URI=\"\"", "<Reference URI=\"http://127.0.0.1:1/\"", SIGN_FORM_REFERENCE},
        {"<Reference URI=\"\"", "<Reference URI=\"#xpointer(/)\"", SIGN_FORM_REFERENCE},
        {"<Reference URI=\"\"", "<Reference URI=\"#nowhere\"", SIGN_FORM_REFERENCE},
        {"<Reference URI=\"\"", "<Reference", SIGN_FORM_REFERENCE},
        {"<Reference URI=\"\"", "<Reference URI=\"#CHUKYDONVI-Id-1\"", SIGN_FORM_SCOPE},
        {"<X509Certificate>", "<X509Certificate>A", SIGN_FORM_CERTIFICATE},
        {"<KeyInfo>", "<KeyInfo><KeyName>x</KeyName></KeyInfo><KeyInfo>", SIGN_FORM_CERTIFICATE},
        {"<SignedInfo>", "<SignedInfo><Manifest/>", SIGN_FORM_SHAPE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        is(b->content, with(a, b->whole, cases[i].from, cases[i].to), SIGN_FORM, cases[i].form);
    }
}

static void short_keys_are_no_keys(void **state) {
    Bench *b = *state;
    KeyFiles files = make_key("short", 1024);
    SignKey *key = open_key(&files);
    SignDocument d = {.xml = str_from(CLAIM_FILE), .at = SIGNED_AT};
    is(b->content, signed_text(b->arena, key, &d), SIGN_FORM, SIGN_FORM_CERTIFICATE);
    sign_key_close(key);
}

/* `text` n times. */
static Str repeated(Arena *a, const char *text, size_t n) {
    size_t len = strlen(text);
    char *p = arena_alloc(a, n * len + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        memcpy(p + i * len, text, len);
    }
    p[n * len] = '\0';
    return (Str){p, n * len};
}

static void bombs_end_in_a_word(void **state) {
    Bench *b = *state;
    Arena *a = b->arena;
    static const char c14n[] =
        "<Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>";
    Str transforms = repeated(a, c14n, 10000);
    is(b->content, with(a, b->whole, c14n, transforms.ptr), SIGN_FORM, SIGN_FORM_TRANSFORM);
    Str reference = between(b->whole, "<Reference", "</Reference>");
    Str references = repeated(a, arena_str(a, reference).ptr, 10000);
    is(b->content, with(a, b->whole, arena_str(a, reference).ptr, references.ptr), SIGN_FORM,
       SIGN_FORM_SHAPE);
    Str deep = repeated(a, "<a>", 100000);
    is(b->content, with(a, b->whole, "<MACSKCB>", deep.ptr), SIGN_UNCHECKED, SIGN_FORM_NONE);
    Str levels = arena_printf(a, STR_FMT "%s</MACSKCB>", STR_ARG(str_sub(deep, 0, 600)),
                              repeated(a, "</a>", 200).ptr);
    is(b->content, with(a, b->whole, "<MACSKCB>", levels.ptr), SIGN_UNCHECKED, SIGN_FORM_NONE);
    CLEANUP_BUF Buf names;
    buf_init(&names, LIMIT_MIB);
    for (int i = 0; i < 1000; i++) {
        buf_printf(&names, " xmlns:a%d=\"urn:%d\"", i, i);
    }
    is(b->content,
       with(a, b->whole, " xmlns:xsi",
            arena_printf(a, STR_FMT " xmlns:xsi", STR_ARG(buf_str(&names))).ptr),
       SIGN_UNCHECKED, SIGN_FORM_NONE);
    static const char laughs[] =
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY x SYSTEM \"file:///etc/passwd\">]><GIAMDINHHS xmlns:xsi";
    is(b->content, with(a, b->whole, "<GIAMDINHHS xmlns:xsi", laughs), SIGN_UNCHECKED,
       SIGN_FORM_NONE);
    is(b->content, str_sub(b->good, 0, b->good.len - 20), SIGN_UNCHECKED, SIGN_FORM_NONE);
    is(b->content, b->good, SIGN_VALID, SIGN_FORM_NONE); /* and it goes on */
}

static void large_files_are_checked_up_to_the_limit(void **state) {
    Bench *b = *state;
    Arena *a = arena_new((size_t)1 << 30);
    Str large = with(a, str_from(CLAIM_FILE), "QUJD", repeated(a, "QUJD", 4 << 20).ptr);
    SignDocument d = {.xml = large, .at = SIGNED_AT};
    is(b->content, signed_text(a, b->key, &d), SIGN_VALID, SIGN_FORM_NONE);
    Str beyond = with(a, b->good, "QUJD", repeated(a, "QUJD", (33 << 20)).ptr);
    is(b->content, beyond, SIGN_UNCHECKED, SIGN_FORM_NONE);
    arena_free(a);
}

/* ---- workers that misbehave ---- */

static void misbehave(void **state) {
    Bench *b = *state;
    static const char *const modes[] = {"hang", "die",    "garbage", "little",
                                        "open", "socket", "grow"};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const char *argv[] = {"/proc/self/exe", "bad-worker", modes[i], NULL};
        Sign *s = NULL;
        assert_ok(sign_new(&(SignOptions){.pins = b->pins,
                                          .argv = argv,
                                          .workers = 1,
                                          .timeout_ms = 2000,
                                          .clock = &b->clock.clock},
                           &s));
        is(s, b->good, SIGN_UNCHECKED, SIGN_FORM_NONE);
        is(s, b->good, SIGN_UNCHECKED, SIGN_FORM_NONE);
        sign_free(s);
    }
    const char *nothing[] = {"/nonexistent/worker", NULL};
    Sign *s = NULL;
    assert_ok(sign_new(&(SignOptions){.argv = nothing, .workers = 1}, &s));
    is(s, b->good, SIGN_UNCHECKED, SIGN_FORM_NONE);
    sign_free(s);
}

static void answers_are_not_trusted(void **state) {
    (void)state;
    SignReply r = {.magic = SIGN_REPLY_MAGIC};
    SignReply read;
    Str bytes = {(const char *)&r, sizeof(r)};
    assert_true(sign_reply_read(bytes, &read));
    assert_false(sign_reply_read(str_sub(bytes, 1, bytes.len), &read));
    r.found = SIGN_FOUND_COUNT;
    assert_false(sign_reply_read(bytes, &read));
    r.found = 0;
    r.form = SIGN_FORMS;
    assert_false(sign_reply_read(bytes, &read));
    r.form = 0;
    memset(r.facility, 'x', sizeof(r.facility));
    assert_false(sign_reply_read(bytes, &read));
    r.facility[5] = '\0';
    r.facility[2] = '\n';
    assert_true(sign_reply_read(bytes, &read));
    assert_string_equal(read.facility, "");
}

int main(int argc, char **argv);

/* What a worker that was taken over would try, inside the sandbox. */
static void try_bad(const char *mode) {
    assert(sign_sandbox(&(SignLimits){.memory_bytes = 64 * LIMIT_MIB, .cpu_s = 2}) == ERR_OK);
    if (strcmp(mode, "open") == 0) {
        (void)open("/etc/passwd", O_RDONLY);
    } else if (strcmp(mode, "socket") == 0) {
        (void)socket(AF_INET, SOCK_STREAM, 0);
    } else if (strcmp(mode, "exec") == 0) {
        (void)execl("/bin/true", "true", (char *)NULL);
    } else if (strcmp(mode, "fork") == 0) {
        (void)fork();
    } else if (strcmp(mode, "kill") == 0) {
        (void)kill(getppid(), SIGTERM);
    } else if (strcmp(mode, "code") == 0) {
        (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    } else if (strcmp(mode, "spin") == 0) {
        for (volatile uint64_t i = 0;; i++) {
        }
    } else if (strcmp(mode, "grow") == 0) {
        void *p = malloc(256 * LIMIT_MIB);
        _exit(p == NULL ? 7 : 0);
    }
    _exit(0);
}

static int try_in_child(const char *mode) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        try_bad(mode);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void the_sandbox_lets_nothing_out(void **state) {
    (void)state;
    static const char *const forbidden[] = {"open", "socket", "exec", "fork", "kill", "code"};
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        int status = try_in_child(forbidden[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
    assert_int_equal(try_in_child("nothing"), 0);
    int status = try_in_child("spin");
    assert_true(WIFSIGNALED(status) &&
                (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL));
#ifndef __clang__ /* the sanitizers' builds have no ceiling of address space */
    assert_int_equal(WEXITSTATUS(try_in_child("grow")), 7);
#endif
}

static int bad_worker(const char *mode) {
    char bytes[1024];
    if (read(SIGN_WORKER_FD, bytes, sizeof(bytes)) <= 0) {
        return 2;
    }
    if (strcmp(mode, "hang") == 0) {
        (void)pause();
    } else if (strcmp(mode, "garbage") == 0) {
        memset(bytes, 'x', sizeof(bytes));
        return (int)write(SIGN_WORKER_FD, bytes, sizeof(bytes));
    } else if (strcmp(mode, "little") == 0) {
        return (int)write(SIGN_WORKER_FD, bytes, 1);
    } else if (strcmp(mode, "die") != 0) {
        try_bad(mode);
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], SIGN_WORKER_MODE) == 0) {
        return sign_worker_main();
    }
    if (argc > 2 && strcmp(argv[1], "bad-worker") == 0) {
        return bad_worker(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_valid),
        cmocka_unit_test(unsigned_files_are_unsigned),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(keys_count_for_their_facility_and_time),
        cmocka_unit_test(wrapped_signatures_prove_nothing),
        cmocka_unit_test(two_signatures_prove_nothing),
        cmocka_unit_test(only_the_algorithms_of_claims_are_taken),
        cmocka_unit_test(short_keys_are_no_keys),
        cmocka_unit_test(bombs_end_in_a_word),
        cmocka_unit_test(large_files_are_checked_up_to_the_limit),
        cmocka_unit_test(misbehave),
        cmocka_unit_test(answers_are_not_trusted),
        cmocka_unit_test(the_sandbox_lets_nothing_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
