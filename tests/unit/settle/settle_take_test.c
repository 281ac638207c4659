/* Visits whose facility signed them elsewhere: taken in as signed by these very bytes, by command
 * and by themselves. All data invented. */
#include "unit/settle/settle_help.h"

#include "intake/intake_receipt.h"
#include "settle/settle_taker.h"

static int setup(void **state) {
    assert_int_equal(world_setup(state), 0);
    world_with_pins(*state, "46001");
    return 0;
}

static Str came_signed(World *w, const char *lk, const char *total) {
    Visit v = {.ma_lk = lk, .card = "DN4464600000001", .total = total};
    Str bytes = signed_visit(w, &v);
    send_bytes(w->h, bytes);
    return bytes;
}

static IntakeReceipt receipt_of(World *w, const char *lk) {
    IntakeReceipt r;
    assert_ok(intake_receipt_get(w->h->store, w->h->arena,
                                 arena_printf(w->h->arena, "46001|%s", lk), &r));
    return r;
}

static Str file_of(World *w, const char *lk) {
    Str xml;
    assert_ok(settle_file(w->settle, w->h->arena, STR("46001"), str_from(lk), &xml, &w->info));
    return xml;
}

static void the_very_bytes_are_what_is_signed(void **state) {
    World *w = *state;
    Str bytes = came_signed(w, "LK1", NULL);
    assert_int_equal(see(w, "LK1").state, BOOK_ENTERED);
    assert_ok(settle_take(w->settle, ACT("LK1"), &w->info));
    SettleVisit v = see(w, "LK1");
    assert_int_equal(v.state, BOOK_SIGNED);
    assert_str(v.file, receipt_of(w, "LK1").file);
    assert_str(v.certificate, receipt_of(w, "LK1").certificate);
    assert_int_equal(v.certificate.len, 64);
    assert_str(v.month, STR("2026-11"));
    assert_int_equal(money_of(w, "LK1", BOOK_SIGNED), 63400000);
    assert_str(file_of(w, "LK1"), bytes);
    assert_int_equal(receipt_of(w, "LK1").state, INTAKE_RECEIPT_TAKEN);
    assert_refused(w, settle_take(w->settle, ACT("LK1"), &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    /* one commit: the step and the receipt came together */
    StoreVersion task;
    assert_ok(store_get(w->h->store, w->h->arena, FHIR_T_TASK, v.id, &task));
    assert_int_equal(task.time, receipt_of(w, "LK1").version.time);
    /* it goes on as any other one */
    assert_ok(settle_sent(w->settle, ACT("LK1"), STR("g1"), &w->info));
    assert_ok(settle_received(w->settle, ACT("LK1"), STR("GD1"), &w->info));
    assert_str(file_of(w, "LK1"), bytes);
}

static void what_is_repaired_here_needs_a_new_signature(void **state) {
    World *w = *state;
    (void)came_signed(w, "LK1", NULL);
    assert_ok(settle_take(w->settle, ACT("LK1"), &w->info));
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_int_equal(see(w, "LK1").state, BOOK_CORRECTED);
    assert_refused(w, settle_take(w->settle, ACT("LK1"), &w->info), ERR_PRECONDITION,
                   "settle-receipt-older", "LK1");
    assert_non_null(strstr(w->info.what_en, "newly signed file"));
    assert_refused(w, settle_sent(w->settle, ACT("LK1"), STR("g"), &w->info), ERR_PRECONDITION,
                   "settle-state", "LK1");
    /* signed here: no more the facility's certificate */
    assert_ok(settle_sign(w->settle, ACT("LK1"), w->key, &w->info));
    assert_int_equal(see(w, "LK1").certificate.len, 0);
    assert_int_not_equal(str_find(file_of(w, "LK1"), STR("CHUKYDONVI")), SIZE_MAX);
    /* or signed again there */
    Str again = came_signed(w, "LK1", "450000.00");
    assert_ok(settle_take(w->settle, ACT("LK1"), &w->info));
    assert_str(file_of(w, "LK1"), again);
    assert_int_equal(money_of(w, "LK1", BOOK_SIGNED), 45000000);
}

static void what_may_not_be_taken_is_named(void **state) {
    World *w = *state;
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001"});
    assert_refused(w, settle_take(w->settle, ACT("LK1"), &w->info), ERR_PRECONDITION,
                   "settle-no-receipt", "LK1");
    (void)came_signed(w, "LK2", NULL);
    w->held = "LK2";
    assert_refused(w, settle_take(w->settle, ACT("LK2"), &w->info), ERR_PRECONDITION,
                   "settle-blocked", "LK2");
    w->held = NULL;
    w->unchecked = true;
    assert_refused(w, settle_take(w->settle, ACT("LK2"), &w->info), ERR_PRECONDITION,
                   "settle-not-checked", "LK2");
    w->unchecked = false;
    assert_refused(w, settle_take(w->settle, ACT("LK-x"), &w->info), ERR_NOT_FOUND,
                   "settle-no-visit", "LK-x");
    /* the key was taken out of the table since */
    SignPins *none = NULL;
    Sign *other = NULL;
    assert_ok(sign_pins_parse(STR("facility\tsha256\tof\n"), &none, &w->info));
    assert_ok(
        sign_new(&(SignOptions){.pins = none, .workers = 1, .clock = &w->clock.clock}, &other));
    Settle *strict = NULL;
    assert_ok(settle_new(&(SettleOptions){.store = w->h->store,
                                          .check = world_check,
                                          .check_ctx = w,
                                          .sign = other,
                                          .clock = &w->clock.clock},
                         &strict));
    assert_refused(w, settle_take(strict, ACT("LK2"), &w->info), ERR_FORBIDDEN, "settle-signature",
                   "LK2");
    settle_free(strict);
    sign_free(other);
    sign_pins_free(none);
    assert_ok(settle_take(w->settle, ACT("LK2"), &w->info));
}

static void anybody_undoes_what_was_taken(void **state) {
    World *w = *state;
    (void)came_signed(w, "LK1", NULL);
    assert_ok(settle_take(w->settle, ACT("LK1"), &w->info));
    SettleAct act = *ACT("LK1");
    act.who = STR("bs. An");
    act.why = STR("nhầm");
    assert_ok(settle_undo(w->settle, &act, &w->info));
    assert_int_equal(see(w, "LK1").task, BOOK_ENTERED);
    assert_ok(settle_take(w->settle, ACT("LK1"), &w->info)); /* named by a person: once more */
}

/* ---- by themselves ---- */

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        int i_ = 0;                                                                                \
        for (; !(condition) && i_ < 1000; i_++) {                                                  \
            clock_sleep_ms(clock_real(), 10);                                                      \
        }                                                                                          \
        if (i_ == 1000) {                                                                          \
            fail_msg("never came: %s", #condition);                                                \
        }                                                                                          \
    } while (0)

static void receipts_are_taken_by_themselves(void **state) {
    World *w = *state;
    SettleTaker *taker = NULL;
    SettleTakerOptions o = {.settle = w->settle, .store = w->h->store, .clock = &w->clock.clock};
    w->held = "LK2";
    (void)came_signed(w, "LK1", NULL);
    (void)came_signed(w, "LK2", NULL);
    assert_ok(settle_taker_start(&o, &taker));
    AWAIT(see(w, "LK1").state == BOOK_SIGNED); /* what had come before it ran, too */
    assert_str(see(w, "LK1").who, STR("receipt"));
    AWAIT(receipt_of(w, "LK2").state == INTAKE_RECEIPT_HELD);
    assert_true(str_starts(receipt_of(w, "LK2").why, STR("settle-blocked: ")));
    assert_int_equal(see(w, "LK2").state, BOOK_ENTERED);
    /* repaired there, signed again, sent again */
    w->held = NULL;
    (void)came_signed(w, "LK2", "500000.00");
    AWAIT(see(w, "LK2").state == BOOK_SIGNED);
    /* while one is on its way, the next one waits */
    assert_ok(settle_sent(w->settle, ACT("LK1"), STR("g1"), &w->info));
    (void)came_signed(w, "LK1", "400000.00");
    clock_sleep_ms(clock_real(), 700);
    assert_int_equal(receipt_of(w, "LK1").state, INTAKE_RECEIPT_ASKED);
    assert_ok(settle_received(w->settle, ACT("LK1"), STR("GD1"), &w->info));
    AWAIT(see(w, "LK1").state == BOOK_SIGNED);
    assert_int_equal(money_of(w, "LK1", BOOK_SIGNED), 40000000);
    settle_taker_stop(taker);
}

static void many_at_once(void **state) {
    enum { N = 20 };
    World *w = *state;
    SettleAct acts[N + 1];
    SettleDone done;
    char names[N + 1][8];
    for (int i = 0; i <= N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "M%d", i);
        acts[i] = *ACT(names[i]);
        Visit v = {.ma_lk = names[i], .card = "DN4464600000001"};
        if (i < N) {
            send_bytes(w->h, signed_visit(w, &v));
        } else {
            send(w->h, &v, 1);
        }
    }
    SettleMany many = {.step = SETTLE_TAKE, .acts = acts, .n = N + 1};
    assert_ok(settle_many(w->settle, w->h->arena, &many, &done, &w->info));
    assert_int_equal(done.done, N);
    assert_int_equal(done.n_refused, 1);
    assert_str(done.refused[0].rule, STR("settle-no-receipt"));
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], SIGN_WORKER_MODE) == 0) {
        return sign_worker_main();
    }
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(the_very_bytes_are_what_is_signed), T(what_is_repaired_here_needs_a_new_signature),
        T(what_may_not_be_taken_is_named),    T(anybody_undoes_what_was_taken),
        T(receipts_are_taken_by_themselves),  T(many_at_once),
    };
    return cmocka_run_group_tests_name("settle/take", tests, NULL, NULL);
}
