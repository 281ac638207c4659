/* What becomes of files that are signed, spoiled or unsigned, under each policy. */
#include "unit/intake/intake_help.h"
#include "unit/sign/sign_help.h"

#include "core/base64.h"
#include "intake/intake_receipt.h"

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

/* ---- what is noted of a document that its facility signed ---- */

static IntakeReceipt receipt_of(Case *c, const char *ma_lk) {
    IntakeReceipt r = {.state = INTAKE_RECEIPT_STATES};
    Str key = arena_printf(c->home.arena, "46001|%s", ma_lk);
    ErrCode err = intake_receipt_get(c->home.store, c->home.arena, key, &r);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return r;
}

static Str hex_of(Case *c, Str bytes) {
    Sha256 hash;
    CLEANUP_BUF Buf text;
    buf_init(&text, 128);
    sha256(bytes, &hash);
    hex_put(&text, hash.b, sizeof(hash.b));
    return arena_str(c->home.arena, buf_str(&text));
}

static void with_takes(Case *c, const char *takes, bool keep) {
    intake_free(c->home.intake);
    assert_ok(intake_new(&(IntakeOptions){.store = c->home.store,
                                          .received_keep = keep,
                                          .signature = INTAKE_SIGNATURE_NOTE,
                                          .sign = c->sign,
                                          .signed_take = str_from(takes)},
                         &c->home.intake));
}

static bool is_kept(Case *c, Str bytes) {
    Sha256 hash;
    StoreReceived kept;
    sha256(bytes, &hash);
    ErrCode err = store_received_get(c->home.store, c->home.arena, &hash, &kept);
    return err == ERR_OK && str_eq(kept.bytes, bytes);
}

static void what_is_signed_has_a_receipt(void **state) {
    Case *c = *state;
    with_takes(c, "46002, 46003", true);
    Str signed_file = visit_file(c, "rc-1", c->key);
    take(c, signed_file);
    assert_int_equal(c->home.report.receipts, 1);
    IntakeReceipt r = receipt_of(c, "rc-1");
    assert_int_equal(r.state, INTAKE_RECEIPT_READY);
    assert_int_equal(r.claim_version, 1);
    assert_str(r.file, hex_of(c, signed_file));
    assert_true(r.version.patient != 0 && str_starts(r.visit, STR("Encounter/")));
    take(c, signed_file); /* the same bytes: nothing new */
    assert_int_equal(receipt_of(c, "rc-1").version.version, 1);

    /* first without, then with a signature: the visit is the same, the receipt is new */
    take(c, visit_file(c, "rc-2", NULL));
    assert_int_equal(receipt_of(c, "rc-2").state, INTAKE_RECEIPT_STATES);
    take(c, visit_file(c, "rc-2", c->key));
    assert_int_equal(c->home.report.claims_same, 1);
    assert_int_equal(receipt_of(c, "rc-2").claim_version, 1);

    /* another content, signed again: of the next version of the bill */
    Visit v = {.ma_lk = "rc-2", .total = "500000.00"};
    SignDocument d = {.xml = claim_file(&c->home, &v, 1), .at = SIGNED_AT};
    take(c, signed_text(c->home.arena, c->key, &d));
    assert_int_equal(c->home.report.claims_changed, 1);
    assert_int_equal(receipt_of(c, "rc-2").claim_version, 2);
    assert_int_equal(receipt_of(c, "rc-2").version.version, 2);

    /* an older sending changes nothing, a wrong key proves nothing */
    Visit old = {.ma_lk = "rc-2", .total = "400000.00", .made = "20261101"};
    d.xml = claim_file(&c->home, &old, 1);
    take(c, signed_text(c->home.arena, c->key, &d));
    assert_int_equal(receipt_of(c, "rc-2").version.version, 2);
    take(c, visit_file(c, "rc-3", c->other));
    assert_int_equal(receipt_of(c, "rc-3").state, INTAKE_RECEIPT_STATES);

    /* a signature over two visits goes out for neither */
    Visit two[] = {{.ma_lk = "rc-4"}, {.ma_lk = "rc-5"}};
    d.xml = claim_file(&c->home, two, 2);
    take(c, signed_text(c->home.arena, c->key, &d));
    assert_int_equal(c->home.report.files_signed, 1);
    assert_int_equal(c->home.report.receipts, 0);
    assert_int_equal(receipt_of(c, "rc-4").state, INTAKE_RECEIPT_STATES);
}

static void packed_and_unkept_documents_keep_their_bytes(void **state) {
    Case *c = *state;
    CLEANUP_BUF Buf packed;
    buf_init(&packed, LIMIT_MIB);
    with_takes(c, "*", true);
    Str inner = visit_file(c, "pk-1", c->key);
    base64_encode(&packed, inner);
    take(c, buf_str(&packed));
    assert_int_equal(c->home.report.claims_new, 1);
    assert_int_equal(receipt_of(c, "pk-1").state, INTAKE_RECEIPT_ASKED);
    assert_str(receipt_of(c, "pk-1").file, hex_of(c, inner));
    assert_true(is_kept(c, inner) && is_kept(c, buf_str(&packed)));

    with_takes(c, "46001", false); /* files are not kept but for those that go out */
    Str other = visit_file(c, "pk-2", c->key);
    take(c, other);
    assert_int_equal(receipt_of(c, "pk-2").state, INTAKE_RECEIPT_ASKED);
    assert_true(is_kept(c, other));
    with_takes(c, "46002", false);
    Str third = visit_file(c, "pk-3", c->key);
    take(c, third);
    assert_int_equal(receipt_of(c, "pk-3").state, INTAKE_RECEIPT_STATES);
    assert_false(is_kept(c, third));
}

/* What came while nobody looked at signatures. */
static void kept_files_are_looked_at_again(void **state) {
    Case *c = *state;
    ErrInfo info = {0};
    IntakeReport report = {.files = 0};
    with_policy(c, INTAKE_SIGNATURE_OFF);
    Str still = visit_file(c, "ag-1", c->key);
    take(c, still);
    take(c, visit_file(c, "ag-2", c->key));
    SEND(&c->home, {.ma_lk = "ag-2", .total = "500000.00"}); /* repaired since */
    take(c, visit_file(c, "ag-3", NULL));
    assert_int_equal(receipt_of(c, "ag-1").state, INTAKE_RECEIPT_STATES);
    with_takes(c, "", true);
    uint64_t before = open_rejects(c);
    RecordNo stood = store_snapshot(c->home.store);
    assert_ok(intake_receipts(c->home.intake, NULL, &report, &info));
    assert_int_equal(report.claims_new + report.claims_changed, 0);
    assert_true(report.receipts >= 1);
    assert_int_equal(open_rejects(c), before);
    assert_str(receipt_of(c, "ag-1").file, hex_of(c, still));
    assert_int_equal(receipt_of(c, "ag-2").state, INTAKE_RECEIPT_STATES);
    assert_int_equal(receipt_of(c, "ag-3").state, INTAKE_RECEIPT_STATES);
    assert_true(store_snapshot(c->home.store) > stood);
    stood = store_snapshot(c->home.store);
    assert_ok(intake_receipts(c->home.intake, NULL, &report, &info)); /* again: nothing to say */
    assert_int_equal(store_snapshot(c->home.store), stood);
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
        cmocka_unit_test(what_is_signed_has_a_receipt),
        cmocka_unit_test(packed_and_unkept_documents_keep_their_bytes),
        cmocka_unit_test(kept_files_are_looked_at_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
