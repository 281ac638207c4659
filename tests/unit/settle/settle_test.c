/* A claim on its way to the fund's money: every step is a fact, and none is skipped. */
#include "unit/settle/settle_help.h"

#include "fhir/fhir_validate.h"

/* What is written is FHIR R4. */
static ErrCode is_valid(void *ctx, const StoreVersion *v) {
    size_t *n = ctx;
    if (v->type != FHIR_T_TASK && v->type != FHIR_T_CLAIM_RESPONSE &&
        v->type != FHIR_T_PAYMENT_RECONCILIATION) {
        return ERR_OK;
    }
    CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
    FhirIssues issues = fhir_issues(arena);
    FhirResource resource;
    ErrCode err = fhir_parse(arena, v->json, &resource, &issues);
    err = err == ERR_OK ? fhir_validate(&resource, NULL, &issues) : err;
    if (err != ERR_OK) {
        print_error(STR_FMT "\n", STR_ARG(v->json));
    }
    (*n)++;
    return err;
}

static void a_claim_goes_the_whole_way(void **state) {
    World *w = *state;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .n_drugs = 2});
    assert_int_equal(see(w, "LK1").state, BOOK_ENTERED);
    assert_ok(settle_sign(w->settle, ACT("LK1"), w->key, &w->info));
    SettleVisit v = see(w, "LK1");
    assert_int_equal(v.state, BOOK_SIGNED);
    assert_int_equal(v.signed_version, 1);
    assert_str(v.month, STR("2026-11"));
    assert_str(v.who, STR("cn. Hoa"));
    assert_int_equal(money_of(w, "LK1", BOOK_SIGNED), 63400000);

    Str xml;
    SignReply reply;
    assert_ok(settle_file(w->settle, w->h->arena, STR("46001"), STR("LK1"), &xml, &w->info));
    sign_verify(xml, SIGN_SCOPE_CONTENT, &reply);
    assert_int_equal(reply.found, SIGN_FOUND_SOUND);

    assert_ok(settle_sent(w->settle, ACT("LK1"), STR("g1"), &w->info));
    assert_ok(settle_received(w->settle, ACT("LK1"), STR("GD-9"), &w->info));
    assert_ok(settle_received(w->settle, ACT("LK1"), STR("GD-9"), &w->info)); /* again: nothing */
    assert_int_equal(see(w, "LK1").version, 3);
    assert_str(see(w, "LK1").transaction, STR("GD-9"));

    SettleLine line = {.table = 2,
                       .stt = STR("2"),
                       .has_denied = true,
                       .denied = 100000,
                       .reason = STR("47"),
                       .text = STR("Vượt định mức")};
    SettleAssessment a = {.lines = &line, .n_lines = 1, .source = STR("f1")};
    assert_ok(settle_assess(w->settle, ACT("LK1"), &a, &w->info));
    assert_int_equal(settle_assess(w->settle, ACT("LK1"), &a, &w->info), ERR_EXISTS);
    assert_int_equal(money_of(w, "LK1", BOOK_ASSESSED), 63300000);
    assert_ok(settle_conclude(w->settle, ACT("LK1"), &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_REDUCED);
    assert_int_equal(money_of(w, "LK1", BOOK_REDUCED), 63300000);

    SettlePaidLine paid[] = {{STR("46001"), STR("LK1"), 60000000},
                             {STR("46001"), STR("LK-none"), 1},
                             {STR("46001"), STR("LK1"), 3000000}};
    SettlePayment p = {.number = STR("UNC-1"),
                       .date = STR("2026-11-25"),
                       .who = STR("kế toán"),
                       .lines = paid,
                       .n_lines = 3};
    SettleDone done;
    assert_ok(settle_pay(w->settle, w->h->arena, &p, &done, &w->info));
    assert_int_equal(done.done, 1);
    assert_int_equal(done.n_refused, 1);
    assert_str(done.refused[0].ma_lk, STR("LK-none"));
    assert_str(done.refused[0].rule, STR("settle-no-visit"));
    assert_int_equal(settle_pay(w->settle, w->h->arena, &p, &done, &w->info), ERR_EXISTS);
    p = (SettlePayment){
        .number = STR("UNC-2"), .date = STR("2026-12-01"), .who = STR("kế toán"), .n_lines = 1};
    p.lines = &(SettlePaidLine){STR("46001"), STR("LK1"), 300000};
    assert_ok(settle_pay(w->settle, w->h->arena, &p, &done, &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_PAID);
    assert_int_equal(money_of(w, "LK1", BOOK_PAID), 63300000);
    assert_int_equal(see(w, "LK1").n_money, 7);
    size_t n = 0;
    assert_ok(store_feed(w->h->store, 0, is_valid, &n));
    assert_int_equal(n, 7 + 1 + 2); /* of the Task, ClaimResponse, PaymentReconciliation */
}

static void wrong_states_are_refused(void **state) {
    World *w = *state;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001"});
    Settle *s = w->settle;
    SettleAssessment a = {.has_accepted = true, .accepted = 1};
    assert_refused(w, settle_sent(s, ACT("LK1"), STR("g"), &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    assert_refused(w, settle_received(s, ACT("LK1"), STR("t"), &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    assert_refused(w, settle_returned(s, ACT("LK1"), &w->info), ERR_PRECONDITION, "settle-state",
                   "LK1");
    assert_refused(w, settle_assess(s, ACT("LK1"), &a, &w->info), ERR_PRECONDITION, "settle-state",
                   "LK1");
    assert_refused(w, settle_conclude(s, ACT("LK1"), &w->info), ERR_PRECONDITION, "settle-state",
                   "LK1");
    assert_refused(w, settle_undo(s, ACT("LK1"), &w->info), ERR_PRECONDITION, "settle-state",
                   "LK1");
    assert_refused(w, settle_sign(s, ACT("LK-x"), w->key, &w->info), ERR_NOT_FOUND,
                   "settle-no-visit", "LK-x");
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_refused(w, settle_sign(s, ACT("LK1"), w->key, &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    assert_non_null(strstr(w->info.what_vi, "gửi hồ sơ"));
    SettleAct nobody = *ACT("LK1");
    nobody.who = STR(" ");
    assert_refused(w, settle_sent(s, &nobody, STR("g"), &w->info), ERR_PARAM, "settle-who", "LK1");
}

static void what_the_rules_hold_is_not_signed(void **state) {
    World *w = *state;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001"});
    w->held = "LK1";
    assert_refused(w, settle_sign(w->settle, ACT("LK1"), w->key, &w->info), ERR_PRECONDITION,
                   "settle-blocked", "LK1");
    assert_non_null(strstr(w->info.what_en, "dvkt-thieu-may"));
    assert_non_null(strstr(w->info.what_vi, "thiếu mã máy"));
    w->unchecked = true;
    assert_refused(w, settle_sign(w->settle, ACT("LK1"), w->key, &w->info), ERR_PRECONDITION,
                   "settle-not-checked", "LK1");
    assert_int_equal(see(w, "LK1").version, 0);
}

static void a_signature_is_undone_by_its_signer_alone(void **state) {
    World *w = *state;
    Settle *s = w->settle;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001"});
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    SettleAct other = *ACT("LK1");
    other.who = STR("người khác");
    assert_refused(w, settle_undo(s, &other, &w->info), ERR_PRECONDITION, "settle-undo-other",
                   "LK1");
    assert_ok(settle_undo(s, ACT("LK1"), &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_ENTERED);
    assert_int_equal(see(w, "LK1").n_money, 0);
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_ok(settle_undo(s, ACT("LK1"), &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_ENTERED);
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_ok(settle_undo(s, ACT("LK1"), &w->info)); /* the first one stands again */
    assert_int_equal(see(w, "LK1").task, BOOK_SIGNED);
    assert_refused(w, settle_undo(s, ACT("LK1"), &w->info), ERR_PRECONDITION, "settle-undo-once",
                   "LK1");
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_ok(settle_sent(s, ACT("LK1"), STR("g1"), &w->info));
    assert_ok(settle_returned(s, ACT("LK1"), &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_SIGNED);
    assert_int_equal(money_of(w, "LK1", BOOK_SENT), -1);
    assert_refused(w, settle_undo(s, ACT("LK1"), &w->info), ERR_PRECONDITION, "settle-undo-sent",
                   "LK1");
}

static void a_correction_is_a_new_round(void **state) {
    World *w = *state;
    Settle *s = w->settle;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001"});
    take_to_fund(w, "LK1");
    SettleAssessment none = {.has_accepted = true, .accepted = 0, .final = true};
    assert_ok(settle_assess(s, ACT("LK1"), &none, &w->info));
    assert_int_equal(see(w, "LK1").state, BOOK_REFUSED);
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    SettleVisit v = see(w, "LK1");
    assert_int_equal(v.state, BOOK_CORRECTED);
    assert_int_equal(v.task, BOOK_REFUSED);
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    v = see(w, "LK1");
    assert_int_equal(v.state, BOOK_SIGNED);
    assert_int_equal(money_of(w, "LK1", BOOK_SIGNED), 50000000);
    assert_int_equal(money_of(w, "LK1", BOOK_REFUSED), -1);
    assert_int_equal(v.n_money, 6);
    assert_int_equal(v.money[0].round, 1);
    assert_int_equal(v.money[0].amount, 63400000);
    assert_int_equal(v.money[4].stage, BOOK_REFUSED);
    assert_str(v.transaction, STR_EMPTY);
    assert_ok(settle_undo(s, ACT("LK1"), &w->info)); /* back to the round before */
    v = see(w, "LK1");
    assert_int_equal(v.state, BOOK_CORRECTED);
    assert_int_equal(v.task, BOOK_REFUSED);
    assert_int_equal(v.n_money, 5);
    assert_str(v.transaction, STR("GD1"));
    /* changed while it is under way: its answer is waited for */
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_ok(settle_sent(s, ACT("LK1"), STR("g2"), &w->info));
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "400000.00"});
    assert_refused(w, settle_sign(s, ACT("LK1"), w->key, &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    assert_ok(settle_received(s, ACT("LK1"), STR("GD2"), &w->info));
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
}

static void many_are_signed_at_once(void **state) {
    enum { N = 150 };
    World *w = *state;
    static char names[N][16];
    Visit visits[N];
    SettleAct acts[N + 2];
    for (int i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "M%d", i);
        visits[i] = (Visit){.ma_lk = names[i], .card = "DN4464600000001"};
        acts[i] = *ACT(names[i]);
    }
    acts[N] = *ACT("M3"); /* twice */
    acts[N + 1] = *ACT("none");
    send(w->h, visits, N);
    w->held = "M7";
    SettleDone done;
    SettleMany many = {.step = SETTLE_SIGN, .acts = acts, .n = N + 2, .key = w->key};
    assert_ok(settle_many(w->settle, w->h->arena, &many, &done, &w->info));
    assert_int_equal(done.done, N - 1);
    assert_int_equal(done.n_refused, 3);
    assert_str(done.refused[0].ma_lk, STR("M7"));
    assert_str(done.refused[0].rule, STR("settle-blocked"));
    assert_str(done.refused[1].rule, STR("settle-state"));
    assert_str(done.refused[2].rule, STR("settle-no-visit"));
    assert_int_equal(see(w, "M149").state, BOOK_SIGNED);
    assert_int_equal(see(w, "M7").state, BOOK_ENTERED);
}

/* A line answers by table and STT, or by its code; what answers to none is kept as an addition. */
static void lines_find_their_items(void **state) {
    World *w = *state;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .n_drugs = 3});
    take_to_fund(w, "LK1");
    SettleLine lines[] = {
        {.table = 2, .stt = STR("3"), .has_denied = true, .denied = 100, .reason = STR("a")},
        {.code = STR("40.30"),
         .has_asked = true,
         .asked = 500,
         .has_accepted = true,
         .accepted = 300},
        {.code = STR("99.99"), .has_denied = true, .denied = 1, .text = STR("lạ")},
    };
    SettleLine more = {.has_denied = true, .denied = 63400001}; /* than was asked */
    SettleAssessment wrong = {.lines = &more, .n_lines = 1};
    assert_int_equal(settle_assess(w->settle, ACT("LK1"), &wrong, &w->info), ERR_INVALID);
    assert_string_equal(w->info.rule, "settle-amount");
    SettleAssessment a = {.lines = lines, .n_lines = 3};
    assert_ok(settle_assess(w->settle, ACT("LK1"), &a, &w->info));
    assert_int_equal(money_of(w, "LK1", BOOK_ASSESSED), 63400000 - 301);
    StoreVersion *found = NULL;
    size_t n = 0;
    const JsonNode *root = NULL;
    StoreExpect token = {FHIR_T_CLAIM_RESPONSE, FHIR_P_IDENTIFIER, STR(SETTLE_ASSESSMENT_SYSTEM),
                         STR("46001|LK1")};
    assert_ok(store_find(w->h->store, w->h->arena, &token, 2, &found, &n));
    assert_int_equal(n, 1);
    assert_ok(json_parse(w->h->arena, found[0].json, &root, NULL));
    const JsonNode *items = json_get_lit(root, "item");
    assert_int_equal(json_count(items), 2);
    int64_t sequence = 0;
    assert_ok(json_to_i64(json_get_lit(json_first(items), "itemSequence"), &sequence));
    assert_int_equal(sequence, 3);
    assert_str(json_raw_str(json_path(json_first(items), "adjudication.reason.coding.code")),
               STR("a"));
    assert_int_equal(json_count(json_get_lit(root, "addItem")), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_claim_goes_the_whole_way, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(wrong_states_are_refused, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_the_rules_hold_is_not_signed, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_signature_is_undone_by_its_signer_alone, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_correction_is_a_new_round, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(many_are_signed_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lines_find_their_items, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
