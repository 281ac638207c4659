/* When a citizen's visits ended: what is remembered from commits must say the same as the records,
 * whoever wrote them, and whatever became of commits that were refused. */
#include "unit/intake/intake_help.h"

#include "core/thread.h"
#include "intake/intake_int.h"

#define CITIZEN .cccd = "999090000001", .card = "DN4999900000001"

static TimeMs at(const char *yyyymmddhhmm) {
    Civil c;
    assert_ok(time_parse_claim(str_from(yyyymmddhhmm), &c));
    return time_from_claim(&c);
}

static bool later_in(Home *h, Visits *visits, Slot patient, TimeMs as_of) {
    bool later = false;
    VisitsAsk ask = {
        .visits = visits, .store = h->store, .arena = h->arena, .patient = patient, .as_of = as_of};
    assert_ok(visits_later(&ask, &later));
    return later;
}

/* The answer of the import's own memory. A memory that knows nothing reads the records, and one
 * that has read them answers a second time: all three agree. */
static bool later(Home *h, Slot patient, TimeMs as_of) {
    Visits *fresh = visits_new();
    assert_non_null(fresh);
    bool remembered = later_in(h, h->intake->visits, patient, as_of);
    assert_int_equal(later_in(h, fresh, patient, as_of), remembered);
    assert_int_equal(later_in(h, fresh, patient, as_of), remembered);
    visits_free(fresh);
    return remembered;
}

static Slot the_citizen(Home *h) {
    return citizen(h, "999090000001").first;
}

static void a_visit_is_later_when_it_ended_later(void **state) {
    Home *h = *state;
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202606100900"});
    Slot patient = the_citizen(h);
    assert_true(later(h, patient, at("202606100859")));
    assert_false(later(h, patient, at("202606100900")));
    assert_false(later(h, patient, at("202606100901")));
    SEND(h, {CITIZEN, .ma_lk = "B", .in = "202605010800", .out = "202605010900"});
    assert_false(later(h, patient, at("202606100900")));
    SEND(h, {CITIZEN, .ma_lk = "C", .in = "202609010800", .out = "202609010900"});
    assert_true(later(h, patient, at("202606100900")));
    assert_false(later(h, patient + 1, at("202001010000"))); /* nobody */
}

/* The same visit in two batches: only what it says now counts. */
static void a_corrected_end_replaces_the_one_before(void **state) {
    Home *h = *state;
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202606300900"});
    Slot patient = the_citizen(h);
    assert_true(later(h, patient, at("202606150000")));
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202606100900"});
    assert_report(h, 0, 1, 0, 0);
    assert_false(later(h, patient, at("202606150000")));
    assert_true(later(h, patient, at("202606050000")));
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202607300900"});
    assert_true(later(h, patient, at("202606300900")));
}

/* Many visits in one commit, one of them over several records: each end stands at its record. */
static void every_record_of_a_commit_has_its_own_end(void **state) {
    Home *h = *state;
    SEND(h, {.cccd = "999090000001", .ma_lk = "A", .ma_bn = "1", .out = "202611210900"},
         {.cccd = "999090000002",
          .ma_lk = "B",
          .ma_bn = "2",
          .n_results = 150,
          .out = "202611220900"},
         {.cccd = "999090000003", .ma_lk = "C", .ma_bn = "3", .out = "202611230900"});
    assert_report(h, 3, 0, 0, 0);
    static const char *const ends[] = {"202611210900", "202611220900", "202611230900"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        Slot patient = citizen(h, i == 0   ? "999090000001"
                                  : i == 1 ? "999090000002"
                                           : "999090000003")
                           .first;
        assert_true(later(h, patient, at(ends[i]) - 1));
        assert_false(later(h, patient, at(ends[i])));
    }
}

static StoreChange encounter(const char *end) {
    static char texts[4][128];
    static unsigned n;
    char *text = texts[n++ % ARRAY_LEN(texts)];
    (void)snprintf(text, sizeof(texts[0]),
                   "{\"resourceType\":\"Encounter\",\"status\":\"finished\",\"subject\":{"
                   "\"reference\":\"Patient/~\"}%s%s%s}",
                   end[0] == '\0' ? "" : ",\"period\":{\"end\":\"", end,
                   end[0] == '\0' ? "" : "\"}");
    return (StoreChange){
        .op = STORE_CREATE, .type = FHIR_T_ENCOUNTER, .id = STR_EMPTY, .json = str_from(text)};
}

/* Visits that came by the FHIR interface: two in one record, and one without an end. */
static void visits_of_other_ways_are_read(void **state) {
    Home *h = *state;
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202606010900"});
    Slot patient = the_citizen(h);
    StoreChange both[] = {encounter("2026-09-01T08:00:00Z"), encounter("2026-07-01T08:00:00Z"),
                          encounter("")};
    StoreGroup group = {.changes = both, .n_changes = 3, .patient_change = -1, .patient = patient};
    StoreCommit commit = {
        .groups = &group, .n_groups = 1, .actor = STR("test"), .source = STR("unit")};
    StoreCommitted done;
    ErrInfo info;
    Slot slots[3];
    assert_ok(store_commit(h->store, &commit, &done, slots, &info));
    assert_true(later(h, patient, at("202608010000")));
    assert_false(later(h, patient, at("202610010000")));
    /* told of it, a memory answers the same: a record of two visits is not remembered */
    Visits *told = visits_new();
    visits_wrote(told, h->arena, &group, done.first);
    assert_true(later_in(h, told, patient, at("202608010000")));
    assert_false(later_in(h, told, patient, at("202610010000")));
    visits_free(told);
    /* the later one is deleted: the other counts */
    StoreVersion gone;
    assert_ok(store_get_slot(h->store, h->arena, slots[0], &gone));
    StoreChange delete = {
        .op = STORE_DELETE, .type = FHIR_T_ENCOUNTER, .id = gone.id, .prev = slots[0]};
    group =
        (StoreGroup){.changes = &delete, .n_changes = 1, .patient_change = -1, .patient = patient};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &info));
    assert_false(later(h, patient, at("202608010000")));
    assert_true(later(h, patient, at("202606150000")));
}

/* Places are shared by records far apart: one pushes the other out and never answers for it. */
static void records_that_share_a_place_do_not_answer_for_each_other(void **state) {
    Home *h = *state;
    SEND(h, {CITIZEN, .ma_lk = "A", .in = "202606010800", .out = "202606100900"});
    Slot patient = the_citizen(h);
    RecordNo record = SLOT_RECORD(visit_of(h, "46001|A").slot);
    StoreChange far = encounter("2030-01-01T00:00:00Z");
    StoreGroup group = {.changes = &far, .n_changes = 1, .patient_change = -1, .patient = patient};
    for (int bits = 8; bits < 32; bits++) {
        visits_wrote(h->intake->visits, h->arena, &group, record + (UINT64_C(1) << bits));
        assert_false(later(h, patient, at("202606100900")));
        assert_true(later(h, patient, at("202606100859")));
    }
}

/* ---- refused commits ---- */

enum { SENDERS = 6, ROUNDS = 8, CITIZENS = 2 };

typedef struct Sender {
    Home *h;
    Str files[ROUNDS];
    ErrCode err;
} Sender;

static void send_all(void *arg) {
    Sender *s = arg;
    for (size_t i = 0; i < ROUNDS && s->err == ERR_OK; i++) {
        IntakeReport report = {0};
        ErrInfo info = {0};
        IntakeFile file = {.name = STR("t.xml"), .bytes = s->files[i], .actor = STR("test")};
        s->err = intake_file(s->h->intake, &file, &report, &info);
    }
}

/* Threads send the same visits of the same citizens with other ends each time: most commits meet
 * another's and are refused, and the numbers that they would have taken belong to others. */
static void refused_commits_leave_nothing_behind(void **state) {
    Home *h = *state;
    static Sender senders[SENDERS];
    Thread threads[SENDERS];
    for (unsigned t = 0; t < SENDERS; t++) {
        senders[t] = (Sender){.h = h};
        for (unsigned i = 0; i < ROUNDS; i++) {
            char text[4][32];
            unsigned who = (t + i) % CITIZENS;
            (void)snprintf(text[0], 32, "V%u", i % 3);
            (void)snprintf(text[1], 32, "99909000%04u", who);
            (void)snprintf(text[2], 32, "2026%02u%02u0900", 7 + i % 4, 1 + t * 4 + i % 4);
            (void)snprintf(text[3], 32, "4600%u", 1 + who);
            const Visit v = {.facility = text[3],
                             .ma_lk = text[0],
                             .cccd = text[1],
                             .in = "202606010800",
                             .out = text[2],
                             .address = text[2],
                             .n_results = i % 2 == 0 ? 70 : 1};
            senders[t].files[i] = claim_file(h, &v, 1);
        }
    }
    for (unsigned t = 0; t < SENDERS; t++) {
        assert_ok(thread_start(&threads[t], "sender", send_all, &senders[t]));
    }
    for (unsigned t = 0; t < SENDERS; t++) {
        thread_join(&threads[t]);
        assert_ok(senders[t].err);
    }
    bool answers[2] = {false, false};
    for (unsigned who = 0; who < CITIZENS; who++) {
        char cccd[16];
        (void)snprintf(cccd, sizeof(cccd), "99909000%04u", who);
        Slot patient = citizen(h, cccd).first;
        for (int day = 0; day < 150; day++) { /* later() compares memory and records */
            answers[later(h, patient, at("202606150000") + day * INT64_C(86400000))] = true;
        }
    }
    assert_true(answers[0] && answers[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(a_visit_is_later_when_it_ended_later),
        T(a_corrected_end_replaces_the_one_before),
        T(every_record_of_a_commit_has_its_own_end),
        T(visits_of_other_ways_are_read),
        T(records_that_share_a_place_do_not_answer_for_each_other),
        T(refused_commits_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
