/* What becomes of files that are signed, spoiled or unsigned, under each policy. */
#include "unit/intake/intake_help.h"
#include "unit/sign/sign_help.h"

typedef struct Case {
    Home home;
    SignKey *key, *other;
    SignPins *pins;
    Sign *sign;
    ClockFake clock;
} Case;

static int setup(void **state) {
    Case *c = calloc(1, sizeof(*c));
    Sha256 certificate;
    Sha256 public_key;
    ErrInfo info = {0};
    CLEANUP_BUF Buf pins;
    buf_init(&pins, LIMIT_MIB);
    void *home = NULL;
    assert_non_null(c);
    assert_int_equal(sign_dir_make(NULL), 0);
    assert_int_equal(home_setup(&home), 0);
    c->home = *(Home *)home;
    free(home);
    KeyFiles mine = make_key("mine", 2048);
    KeyFiles other = make_key("other", 2048);
    c->key = open_key(&mine);
    c->other = open_key(&other);
    sign_key_digests(c->key, &certificate, &public_key);
    buf_put_lit(&pins, "facility\tsha256\tof\n46001\t");
    hex_put(&pins, public_key.b, sizeof(public_key.b));
    buf_put_lit(&pins, "\tkey\n");
    assert_ok(sign_pins_parse(buf_str(&pins), &c->pins, &info));
    clock_fake_init(&c->clock, SIGNED_AT);
    assert_ok(sign_new(&(SignOptions){.pins = c->pins, .workers = 1, .clock = &c->clock.clock},
                       &c->sign));
    *state = c;
    return 0;
}

static int teardown(void **state) {
    Case *c = *state;
    Home *home = malloc(sizeof(*home));
    assert_non_null(home);
    *home = c->home;
    void *freed = home;
    assert_int_equal(home_teardown(&freed), 0);
    sign_free(c->sign);
    sign_pins_free(c->pins);
    sign_key_close(c->key);
    sign_key_close(c->other);
    free(c);
    return sign_dir_remove(NULL);
}

static void with_policy(Case *c, IntakeSignature policy) {
    intake_free(c->home.intake);
    assert_ok(intake_new(
        &(IntakeOptions){
            .store = c->home.store, .received_keep = true, .signature = policy, .sign = c->sign},
        &c->home.intake));
}

/* A visit's file as the generator of the other tests writes it, signed by key unless that is NULL.
 */
static Str visit_file(Case *c, const char *ma_lk, SignKey *key) {
    Visit v = {.ma_lk = ma_lk};
    Str plain = claim_file(&c->home, &v, 1);
    SignDocument d = {.xml = plain, .at = SIGNED_AT};
    return key == NULL ? plain : signed_text(c->home.arena, key, &d);
}

static void take(Case *c, Str bytes) {
    send_bytes(&c->home, bytes);
}

static void says(const Case *c, const char *rule, bool is_error) {
    for (size_t i = 0; i < c->home.report.n_issues; i++) {
        const IntakeIssue *issue = &c->home.report.issues[i];
        if (str_eq(issue->rule, str_from(rule))) {
            assert_int_equal(issue->is_error, is_error);
            assert_int_equal(str_find(issue->en, STR("{}")), SIZE_MAX);
            assert_int_equal(str_find(issue->vi, STR("{}")), SIZE_MAX);
            return;
        }
    }
    fail_msg("no issue %s", rule);
}

static void off_does_not_look(void **state) {
    Case *c = *state;
    with_policy(c, INTAKE_SIGNATURE_OFF);
    take(c, visit_file(c, "off", NULL));
    assert_int_equal(c->home.report.claims_new, 1);
    assert_int_equal(c->home.report.warnings, 0);
    assert_int_equal(c->home.report.files_signed, 0);
}

static void note_warns_and_takes(void **state) {
    Case *c = *state;
    with_policy(c, INTAKE_SIGNATURE_NOTE);
    take(c, visit_file(c, "note-1", NULL));
    assert_int_equal(c->home.report.claims_new, 1);
    says(c, "signature-unsigned", false);
    take(c, visit_file(c, "note-2", c->other));
    assert_int_equal(c->home.report.claims_new, 1);
    says(c, "signature-key", false);
    take(c, visit_file(c, "note-3", c->key));
    assert_int_equal(c->home.report.claims_new, 1);
    assert_int_equal(c->home.report.files_signed, 1);
    assert_int_equal(c->home.report.warnings, 0);
}

static uint64_t open_rejects(Case *c) {
    uint64_t open = 0;
    uint64_t settled = 0;
    assert_ok(store_reject_count(c->home.store, &open, &settled));
    return open;
}

static void require_refuses_with_its_own_rule(void **state) {
    Case *c = *state;
    Arena *a = c->home.arena;
    with_policy(c, INTAKE_SIGNATURE_REQUIRE);
    Str good = visit_file(c, "require", c->key);
    Str altered = with(a, good, "<SOLUONGHOSO>1</SOLUONGHOSO>", "<SOLUONGHOSO>2</SOLUONGHOSO>");
    Str unknown = with(a, good, "<MACSKCB>46001", "<MACSKCB>46002");
    Str twice = with(a, good, "<CHUKYDONVI>", "<CHUKYDONVI/><CHUKYDONVI>");
    SignDocument old = {.xml = visit_file(c, "require", NULL), .at = INT64_C(1700000000000)};
    const struct {
        Str bytes;
        const char *rule;
    } cases[] = {
        {visit_file(c, "require", NULL), "signature-unsigned"},
        {altered, "signature-altered"},
        {twice, "signature-form"},
        {visit_file(c, "require", c->other), "signature-key"},
        {signed_text(a, c->key, &old), "signature-expired"},
        {unknown, "signature-facility"},
        {str_sub(good, 0, good.len - 3), "signature-unchecked"},
    };
    uint64_t before = open_rejects(c);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        take(c, cases[i].bytes);
        assert_int_equal(c->home.report.claims_new + c->home.report.claims_changed +
                             c->home.report.claims_same,
                         0);
        says(c, cases[i].rule, true);
        assert_int_equal(open_rejects(c), before + i + 1);
    }
    take(c, good);
    assert_int_equal(c->home.report.claims_new, 1);
    assert_int_equal(c->home.report.files_signed, 1);
}

static uint64_t last_reject(Case *c, const char *rule) {
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    uint64_t id = 0;
    assert_ok(store_reject_list(c->home.store, c->home.arena, false, 0, 100, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        id = str_eq(rows[i].reject.rule, str_from(rule)) ? rows[i].id : id;
    }
    return id;
}

static void retry(Case *c, uint64_t id, Str bytes) {
    assert_ok(try_send(&c->home, STR("test.xml"), bytes, id));
}

/* An unsigned file stays refused however often it is processed again; a piece of a signed file that
 * was refused for what is in it is repaired by a person. */
static void repairs(void **state) {
    Case *c = *state;
    with_policy(c, INTAKE_SIGNATURE_REQUIRE);
    Str plain = visit_file(c, "again", NULL);
    take(c, plain);
    retry(c, last_reject(c, "signature-unsigned"), plain);
    says(c, "signature-unsigned", true);
    assert_int_equal(c->home.report.claims_new, 0);
    SignDocument d = {.at = SIGNED_AT};
    d.xml = with(c->home.arena, plain, "<LOAIHOSO>XML1<", "<LOAIHOSO>XML99<");
    take(c, signed_text(c->home.arena, c->key, &d));
    assert_int_equal(c->home.report.files_signed, 1);
    uint64_t id = last_reject(c, "table-unknown");
    assert_int_not_equal(id, 0);
    retry(c, id, plain);
    assert_int_equal(c->home.report.claims_new, 1);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], SIGN_WORKER_MODE) == 0) {
        return sign_worker_main();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_does_not_look),
        cmocka_unit_test(note_warns_and_takes),
        cmocka_unit_test(require_refuses_with_its_own_rule),
        cmocka_unit_test(repairs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
