/* Copies of signed claims on their way to a second destination, beside the fund's. */
#include "unit/gateway/gateway_help.h"

static GatewayNote copy_of(Post *p, const char *lk) {
    GatewayNote n = {.state = GATEWAY_NOTE_STATES};
    GatewayNote of = {
        .target = STR("byt"), .facility = STR("46001"), .ma_lk = str_from(lk), .is_copy = true};
    ErrCode err = gateway_copy_get(p->w->h->store, p->w->h->arena, &of, &n);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return n;
}

/* The copy went through, with the bytes that are signed now. */
static void assert_copied(Post *p, const char *lk) {
    Sha256 hash;
    AWAIT(p, copy_of(p, lk).state == GATEWAY_NOTE_DONE &&
                 str_eq(copy_of(p, lk).file, see(p->w, lk).file));
    assert_ok(hex_parse(see(p->w, lk).file, hash.b, sizeof(hash.b)));
    assert_true(had_hash(&p->ministry, &hash));
    assert_true(str_starts(copy_of(p, lk).transaction, STR("GD-")));
}

static void pause_at(Post *p, const char *target, bool paused) {
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("bảo trì"), .now = 1};
    assert_ok(gateway_queue_pause(p->queue, str_from(target), paused, &act, &info));
}

static void correct(Post *p, const char *lk, const char *total) {
    SEND(p->w->h, {.ma_lk = lk, .card = "DN4464600000001", .total = total});
    assert_int_equal(see(p->w, lk).state, BOOK_CORRECTED);
    assert_ok(settle_sign(p->w->settle, ACT(lk), p->w->key, &p->w->info));
    gateway_queue_wake(p->queue);
}

static void a_copy_goes_beside_the_fund(void **state) {
    Post *p = *state;
    StoreVersion v;
    const JsonNode *task = NULL;
    sign(p, "LK1");
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED && see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_copied(p, "LK1");
    assert_copied(p, "LK2");
    assert_int_equal(calls_at(&p->ministry), 2);
    assert_int_equal(calls(p), 2);
    assert_int_equal(see(p->w, "LK1").version, 3); /* signed, sent, received: as without it */
    GatewayNote n = copy_of(p, "LK1");
    assert_int_equal(n.version, 2);
    assert_str(n.patient, see(p->w, "LK1").patient);
    assert_str(n.visit, see(p->w, "LK1").visit);
    assert_ok(store_get(p->w->h->store, p->w->h->arena, FHIR_T_TASK, n.id, &v));
    assert_ok(json_parse(p->w->h->arena, v.json, &task, NULL));
    TimeMs authored = 0;
    TimeMs modified = 0;
    TimeMs end = 0;
    assert_ok(time_parse_fhir(json_raw_str(json_get_lit(task, "authoredOn")), &authored, &end));
    assert_ok(time_parse_fhir(json_raw_str(json_get_lit(task, "lastModified")), &modified, &end));
    assert_true(authored > 0 && authored <= modified);
    assert_int_equal(gateway_queue_target(p->queue, 0).n_sent, 2);
    assert_int_equal(gateway_queue_target(p->queue, 1).n_sent, 2);
}

static void a_copy_that_fails_blames_the_copy_alone(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayNotePage page;
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("đã sửa"), .target = STR("quy"), .now = 1};
    behave_at(&p->ministry, (Way){.how = HTTP_500, .times = -1});
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    AWAIT(p, copy_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    assert_int_equal(copy_of(p, "LK1").failures, FAILURES);
    assert_str(copy_of(p, "LK1").code, STR("500"));
    assert_int_equal(note_of(p, "LK1").state, GATEWAY_NOTE_STATES);
    assert_int_equal(see(p->w, "LK1").version, 3);
    GatewayNoteAsk ask = {.state = GATEWAY_NOTE_HELD, .target = STR("byt"), .max = 10};
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.total, 1);
    assert_true(page.notes[0].is_copy && !page.notes[0].is_checkin);
    ask.target = STR("quy");
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.total, 0);
    /* let go, there alone; cut off twice it has one effect */
    behave_well_at(&p->ministry);
    behave_at(&p->ministry, (Way){.how = CUT, .times = 2});
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info),
                     ERR_NOT_FOUND);
    act.target = STR("byt");
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info));
    assert_copied(p, "LK1");
    assert_int_equal(taken_at(&p->ministry), 1);
    assert_int_equal(calls_at(&p->ministry), FAILURES + 3);
    /* refused there: the fund has it all the same, and nothing is taken back */
    behave_at(&p->ministry, (Way){.how = CODE_201, .times = -1});
    sign(p, "LK2");
    AWAIT(p, copy_of(p, "LK2").state == GATEWAY_NOTE_REFUSED);
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(see(p->w, "LK2").version, 3);
}

/* Every thread of the copies waits for an answer; the fund's visits go on. A stop in the middle has
 * one effect. */
static void a_copy_that_hangs_keeps_nobody_waiting(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3", "LK4"};
    behave_at(&p->ministry, (Way){.how = HANG, .times = 2});
    for (size_t i = 0; i < 2; i++) {
        sign(p, names[i]);
    }
    AWAIT(p, taken_at(&p->ministry) == 2);
    for (size_t i = 2; i < 4; i++) {
        sign(p, names[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
        assert_int_equal(copy_of(p, names[i]).state, GATEWAY_NOTE_WAITING);
    }
    assert_int_equal(calls_at(&p->ministry), 2);
    stop(p);
    start(p);
    for (size_t i = 0; i < 4; i++) {
        assert_copied(p, names[i]);
    }
    assert_int_equal(taken_at(&p->ministry), 4);
    assert_int_equal(calls_at(&p->ministry), 6);
    assert_int_equal(calls(p), 4);
}

static void each_destination_is_paused_by_itself(void **state) {
    Post *p = *state;
    pause_at(p, "quy", true);
    sign(p, "LK1");
    assert_copied(p, "LK1"); /* without the fund */
    assert_int_equal(see(p->w, "LK1").version, 1);
    pause_at(p, "byt", true);
    pause_at(p, "quy", false);
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(copy_of(p, "LK2").state, GATEWAY_NOTE_WAITING);
    stop(p);
    start(p); /* it stays so */
    assert_true(gateway_queue_target(p->queue, 1).paused);
    assert_false(gateway_queue_target(p->queue, 0).paused);
    sign(p, "LK3");
    AWAIT(p, see(p->w, "LK3").state == BOOK_RECEIVED);
    assert_int_equal(calls_at(&p->ministry), 1);
    pause_at(p, "byt", false);
    assert_copied(p, "LK2");
    assert_copied(p, "LK3");
    assert_int_equal(calls_at(&p->ministry), 3);
}

static void the_newest_signature_is_copied(void **state) {
    Post *p = *state;
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_copied(p, "LK1");
    correct(p, "LK1", "500000.00");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_copied(p, "LK1");
    assert_int_equal(taken_at(&p->ministry), 2);
    /* of two that came while it rested only the newest goes, once */
    pause_at(p, "byt", true);
    correct(p, "LK1", "510000.00");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    correct(p, "LK1", "520000.00");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    pause_at(p, "byt", false);
    assert_copied(p, "LK1");
    assert_int_equal(taken_at(&p->ministry), 3);
    assert_int_equal(taken(p), 4);
    /* put aside with the old bytes, it goes with the new ones */
    behave_at(&p->ministry, (Way){.how = HTTP_500, .times = -1});
    correct(p, "LK1", "530000.00");
    AWAIT(p, copy_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    behave_well_at(&p->ministry);
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    correct(p, "LK1", "540000.00");
    assert_copied(p, "LK1");
    assert_int_equal(taken_at(&p->ministry), 4);
}

static void what_is_not_signed_any_more_is_not_copied(void **state) {
    Post *p = *state;
    pause_at(p, "quy", true);
    pause_at(p, "byt", true);
    sign(p, "LK1");
    AWAIT(p, copy_of(p, "LK1").state == GATEWAY_NOTE_WAITING);
    SettleAct undo = *ACT("LK1");
    undo.why = STR("ký nhầm");
    assert_ok(settle_undo(p->w->settle, &undo, &p->w->info));
    pause_at(p, "byt", false);
    AWAIT(p, copy_of(p, "LK1").state == GATEWAY_NOTE_DROPPED);
    assert_int_equal(calls_at(&p->ministry), 0);
    assert_ok(settle_sign(p->w->settle, ACT("LK1"), p->w->key, &p->w->info));
    assert_copied(p, "LK1");
    assert_int_equal(calls_at(&p->ministry), 1);
    assert_int_equal(see(p->w, "LK1").state, BOOK_SIGNED);
}

static void check_ins_are_copied_before_their_claim(void **state) {
    Post *p = *state;
    pause_at(p, "byt", true);
    check_in(p, "LK1", "Khám nội");
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_order(&p->fund, "ic");
    assert_true(is_waiting(p, "LK1"));                       /* at the other one */
    behave_at(&p->ministry, (Way){.how = LOST, .times = 1}); /* of the check-in */
    pause_at(p, "byt", false);
    assert_copied(p, "LK1");
    assert_false(is_waiting(p, "LK1"));
    assert_order(&p->ministry, "iic");
    /* let go behind its claim it is not sent any more */
    behave_at(&p->ministry, (Way){.only = "LK2", .how = CODE_201, .times = 1});
    check_in(p, "LK2", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK2"));
    sign(p, "LK2");
    assert_copied(p, "LK2");
    size_t before = calls_at(&p->ministry);
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("thử lại"), .now = 1};
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK2"), &act, &info));
    AWAIT(p, !is_waiting(p, "LK2"));
    assert_int_equal(calls_at(&p->ministry), before);
}

/* How many visits are told page by page; each once. */
static size_t count_news(Post *p, RecordNo since) {
    size_t n = 0;
    Slot seen[64];
    GatewayNotePage page;
    GatewayVisitAsk ask = {.snapshot = store_snapshot(p->w->h->store), .max = 3};
    do {
        assert_ok(gateway_visit_news(p->w->h->store, p->w->h->arena, &ask, since, &page));
        for (size_t i = 0; i < page.n; i++) {
            for (size_t k = 0; k < n; k++) {
                assert_true(seen[k] != page.notes[i].slot);
            }
            assert_true(n < ARRAY_LEN(seen));
            seen[n++] = page.notes[i].slot;
        }
        ask.after = page.next;
    } while (page.next != 0);
    return n;
}

static void news_are_told_page_by_page(void **state) {
    Post *p = *state;
    char names[10][8];
    RecordNo half = 0;
    stop(p);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "LK%zu", i);
        half = i == ARRAY_LEN(names) / 2 ? store_snapshot(p->w->h->store) : half;
        SEND(p->w->h, {.ma_lk = names[i], .card = "DN4464600000001"});
        assert_ok(settle_sign(p->w->settle, ACT(names[i]), p->w->key, &p->w->info));
    }
    assert_int_equal(count_news(p, 0), 10);
    assert_int_equal(count_news(p, half), 5);
    assert_int_equal(count_news(p, store_snapshot(p->w->h->store)), 0);
    /* what went on since counts as well, once */
    assert_ok(settle_sent(p->w->settle, ACT("LK0"), STR_EMPTY, &p->w->info));
    assert_ok(settle_received(p->w->settle, ACT("LK0"), STR("GD-1"), &p->w->info));
    assert_int_equal(count_news(p, half), 6);
    assert_int_equal(count_news(p, 0), 9); /* at a start: only what is still to be sent */
    start(p);
    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        assert_copied(p, names[i]);
    }
    assert_int_equal(copy_of(p, "LK0").state, GATEWAY_NOTE_STATES);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, copies_setup, post_teardown)
    const struct CMUnitTest tests[] = {
        T(a_copy_goes_beside_the_fund),
        T(a_copy_that_fails_blames_the_copy_alone),
        T(a_copy_that_hangs_keeps_nobody_waiting),
        T(each_destination_is_paused_by_itself),
        T(the_newest_signature_is_copied),
        T(what_is_not_signed_any_more_is_not_copied),
        T(check_ins_are_copied_before_their_claim),
        T(news_are_told_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
