/* Signed claims on their way to a stand-in of the fund's gateway that misbehaves on demand. */
#include "unit/gateway/gateway_help.h"

static void what_is_signed_goes_out(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3"};
    for (size_t i = 0; i < 3; i++) {
        sign(p, names[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
        assert_true(str_starts(see(p->w, names[i]).transaction, STR("GD-")));
        assert_str(see(p->w, names[i]).who, STR("gateway quy"));
        assert_int_equal(see(p->w, names[i]).version, 3); /* signed, sent, received */
        assert_int_equal(note_of(p, names[i]).state, GATEWAY_NOTE_STATES); /* no trouble: no note */
    }
    assert_int_equal(calls(p), 3);
    assert_int_equal(taken(p), 3);
    GatewayTargetState t = gateway_queue_target(p->queue, 0);
    assert_int_equal(t.n_sent, 3);
    assert_true(t.last_answer > 0);
}

static void a_cut_connection_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = CUT, .times = 2});
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 3);
    assert_int_equal(taken(p), 1);
    assert_str(see(p->w, "LK1").transaction, STR("GD-1"));
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_DONE);
    assert_int_equal(note_of(p, "LK1").version, 3); /* failed, failed, went through */
    assert_str(note_of(p, "LK1").transaction, STR("GD-1"));
}

static void a_stop_in_the_middle_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = HANG, .times = 1});
    sign(p, "LK1");
    AWAIT(p, taken(p) == 1);
    stop(p); /* the answer never came */
    assert_int_equal(see(p->w, "LK1").task, BOOK_SENT);
    start(p);
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 2);
    assert_int_equal(taken(p), 1);
}

static void one_that_always_fails_is_put_aside(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = -1});
    sign(p, "LK1");
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    assert_int_equal(note_of(p, "LK1").failures, FAILURES);
    assert_str(note_of(p, "LK1").code, STR("500"));
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), FAILURES + 1);
    GatewayNotePage page;
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena,
                                &(GatewayNoteAsk){.state = GATEWAY_NOTE_HELD, .max = 10}, &page));
    assert_int_equal(page.total, 1);
    assert_str(page.notes[0].ma_lk, STR("LK1"));
    GatewayNote n = note_of(p, "LK1");
    assert_ok(gateway_note_history(p->w->h->store, p->w->h->arena, &n, 10, &page));
    assert_int_equal(page.n, FAILURES);
    assert_int_equal(page.notes[FAILURES - 1].failures, 1);
    /* only a person, with a reason, lets it go again */
    GatewayAct act = {.who = STR("cn. Hoa"), .now = 1};
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info),
                     ERR_PARAM);
    act.why = STR("cổng đã sửa");
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK9"), &act, &info),
                     ERR_NOT_FOUND);
    behave_well(p);
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info),
                     ERR_PRECONDITION);
}

static void what_is_refused_waits_for_a_person(void **state) {
    Post *p = *state;
    behave(p, (Way){.only = "LK1", .how = CODE_201, .times = -1});
    sign(p, "LK1");
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_REFUSED);
    assert_str(note_of(p, "LK1").why, STR("201: Sai XML"));
    assert_int_equal(see(p->w, "LK1").state,
                     BOOK_SIGNED); /* it is certain that it did not arrive */
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 2); /* not asked again by itself */
    behave_well(p);
    SEND(p->w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_int_equal(see(p->w, "LK1").state, BOOK_CORRECTED);
    assert_ok(settle_sign(p->w->settle, ACT("LK1"), p->w->key, &p->w->info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED); /* other bytes: a new delivery */
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_DONE);
}

static void a_destination_that_fails_blames_nobody(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3", "LK4"};
    behave(p, (Way){.how = HTTP_500, .times = -1});
    for (size_t i = 0; i < 4; i++) {
        sign(p, names[i]);
    }
    p->step_ms = 60000; /* its pauses grow */
    AWAIT(p, calls(p) > (size_t)4 * FAILURES);
    GatewayTargetState t = gateway_queue_target(p->queue, 0);
    assert_true(t.down);
    assert_string_equal(t.problem, "500");
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(note_of(p, names[i]).state, GATEWAY_NOTE_HELD);
    }
    behave_well(p);
    for (size_t i = 0; i < 4; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
    }
    assert_int_equal(taken(p), 4);
}

/* The oldest visit fails for ever: it does not keep the destination down, and is put aside. */
static void a_bad_visit_keeps_nobody_out(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3", "LK4", "LK5"};
    behave(p, (Way){.how = HTTP_500, .times = -1});
    for (size_t i = 0; i < 5; i++) {
        sign(p, names[i]);
    }
    AWAIT(p, gateway_queue_target(p->queue, 0).down);
    behave_well(p);
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = -1});
    behave(p, (Way){.only = "LK2", .how = HTTP_500, .times = -1});
    for (size_t i = 2; i < 5; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
    }
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    AWAIT(p, note_of(p, "LK2").state == GATEWAY_NOTE_HELD);
    assert_false(gateway_queue_target(p->queue, 0).down);
}

static void a_shut_gate_moves_nothing(void **state) {
    Post *p = *state;
    p->fund.sign_in = "403";
    sign(p, "LK1");
    AWAIT(p, gateway_queue_target(p->queue, 0).in_a_row >= 3);
    assert_int_equal(see(p->w, "LK1").version, 1); /* signed, not more */
    assert_int_equal(note_of(p, "LK1").state, GATEWAY_NOTE_STATES);
    behave_well(p);
    behave(p, (Way){.how = CODE_429, .times = 2});
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(note_of(p, "LK1").state, GATEWAY_NOTE_STATES); /* a pause is no failure */
    assert_int_equal(taken(p), 1);
}

static void a_person_pauses_and_resumes(void **state) {
    Post *p = *state;
    GatewayDoor door;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("quỹ bảo trì"), .now = 1795000000000};
    assert_int_equal(gateway_queue_pause(p->queue, STR("other"), true, &act, &info), ERR_NOT_FOUND);
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    assert_int_equal(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info),
                     ERR_PRECONDITION);
    sign(p, "LK1");
    stop(p); /* it stays so over a restart */
    start(p);
    gateway_queue_wake(p->queue);
    clock_sleep_ms(clock_real(), 100);
    assert_int_equal(calls(p), 0);
    assert_true(gateway_queue_target(p->queue, 0).paused);
    assert_ok(gateway_door_get(p->w->h->store, p->w->h->arena, STR("quy"), &door));
    assert_true(door.paused);
    assert_str(door.who, STR("cn. Hoa"));
    assert_str(door.why, STR("quỹ bảo trì"));
    act.why = STR("xong");
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
}

static void what_was_changed_since_does_not_go(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("a"), .why = STR("b"), .now = 1};
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    sign(p, "LK1");
    SEND(p->w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_int_equal(see(p->w, "LK1").state, BOOK_CORRECTED);
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(see(p->w, "LK1").version, 1);
    assert_int_equal(calls(p), 1);
}

/* ---- check-ins ---- */

static bool had(Post *p, Str bytes) {
    Sha256 hash;
    sha256(bytes, &hash);
    return had_hash(&p->fund, &hash);
}

static void check_ins_go_before_their_claim(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("a"), .why = STR("b"), .now = 1};
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    Str first = check_in(p, "LK1", "Khám nội");
    Str second = check_in(p, "LK1", "Siêu âm");
    check_in(p, "LK1", "Siêu âm"); /* the same bytes */
    sign(p, "LK1");
    behave(p, (Way){.how = HTTP_500, .times = 1}); /* of the first one */
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_order(&p->fund, "iiic");
    assert_int_equal(taken(p), 3);
    assert_true(had(p, first) && had(p, second)); /* the very bytes */
    assert_false(is_waiting(p, "LK1"));
}

static void a_check_in_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = HANG, .times = 1});
    check_in(p, "LK1", "Khám nội");
    AWAIT(p, taken(p) == 1);
    stop(p); /* the answer never came */
    assert_true(is_waiting(p, "LK1"));
    start(p);
    AWAIT(p, !is_waiting(p, "LK1"));
    assert_int_equal(taken(p), 1);
    assert_order(&p->fund, "ii");
    behave_well(p);
    behave(p, (Way){.how = CUT, .times = 2});
    check_in(p, "LK2", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK2"));
    assert_int_equal(taken(p), 2);
}

static void a_check_in_that_fails_holds_up_no_claim(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayNotePage page;
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = FAILURES});
    check_in(p, "LK1", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK1"));
    GatewayNoteAsk ask = {.state = GATEWAY_NOTE_HELD, .target = STR("quy"), .max = 10};
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.n, 1);
    assert_true(page.notes[0].is_checkin);
    assert_str(page.notes[0].ma_lk, STR("LK1"));
    assert_int_equal(page.notes[0].failures, FAILURES);
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    /* let go behind its claim: the fund does not need it any more */
    size_t before = calls(p);
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("thử lại"), .now = 1};
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info));
    AWAIT(p, !is_waiting(p, "LK1"));
    assert_int_equal(calls(p), before);
    /* refused for good: it waits for a person, who lets it go */
    behave_well(p);
    behave(p, (Way){.only = "LK2", .how = CODE_201, .times = 1});
    check_in(p, "LK2", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK2"));
    ask.state = GATEWAY_NOTE_REFUSED;
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.n, 1);
    assert_str(page.notes[0].why, STR("201: Sai XML"));
    before = taken(p);
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK2"), &act, &info));
    AWAIT(p, taken(p) == before + 1);
}

static void what_is_not_asked_for_does_not_go(void **state) {
    Post *p = *state;
    static const char *const three[] = {"LK1", "LK2", "LK3"};
    /* several visits in one document: one document each */
    send_bytes(p->w->h, check_ins(p, three, 3, "Khám nội"));
    AWAIT(p, taken(p) == 3);
    for (size_t i = 0; i < 3; i++) {
        AWAIT(p, !is_waiting(p, three[i]));
    }
    /* behind its claim a check-in says nothing new */
    SEND(p->w->h, {.ma_lk = "LK4", .card = "DN4464600000001"});
    check_in(p, "LK4", "Khám nội");
    assert_false(is_waiting(p, "LK4"));
    /* nobody asked */
    intake_forward(p->w->h->intake, NULL, NULL);
    check_in(p, "LK5", "Khám nội");
    assert_false(is_waiting(p, "LK5"));
    /* switched off since: it stays, and its claim goes */
    intake_forward(p->w->h->intake, to_all, p->targets);
    stop(p);
    p->targets->accounts[0].checkins = false;
    start(p);
    check_in(p, "LK6", "Khám nội");
    sign(p, "LK6");
    AWAIT(p, see(p->w, "LK6").state == BOOK_RECEIVED);
    assert_true(is_waiting(p, "LK6"));
    assert_order(&p->fund, "iiic");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_signed_goes_out),
        T(a_cut_connection_has_one_effect),
        T(a_stop_in_the_middle_has_one_effect),
        T(one_that_always_fails_is_put_aside),
        T(what_is_refused_waits_for_a_person),
        T(a_destination_that_fails_blames_nobody),
        T(a_bad_visit_keeps_nobody_out),
        T(a_shut_gate_moves_nothing),
        T(a_person_pauses_and_resumes),
        T(what_was_changed_since_does_not_go),
        T(check_ins_go_before_their_claim),
        T(a_check_in_has_one_effect),
        T(a_check_in_that_fails_holds_up_no_claim),
        T(what_is_not_asked_for_does_not_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
