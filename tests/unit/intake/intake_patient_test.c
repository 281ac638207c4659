/* Whose visit it is, and what is known of the citizen afterwards (docs/ig/identity.md). */
#include "unit/intake/intake_help.h"

static void one_cccd_is_one_citizen_at_two_facilities(void **state) {
    Home *h = *state;
    SEND(h, {.facility = "46001", .ma_lk = "A", .cccd = "999090000001", .ma_bn = "1"});
    SEND(h, {.facility = "46002", .ma_lk = "B", .cccd = "999090000001", .ma_bn = "77"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    StoreVersion p = citizen(h, "999090000001");
    assert_int_equal(visit_of(h, "46001|A").patient, p.first);
    assert_int_equal(visit_of(h, "46002|B").patient, p.first);
    /* both facilities' numbers are known now */
    assert_int_equal(found(h, FHIR_T_PATIENT, STR(CLAIM_SYSTEM_MA_BN), "46001|1").first, p.first);
    assert_int_equal(found(h, FHIR_T_PATIENT, STR(CLAIM_SYSTEM_MA_BN), "46002|77").first, p.first);
}

/* A merge's links and active: false (src/mpi) stay where a later claim changes the facts, so that
 * it can still be undone. */
static void claims_keep_the_links_of_a_merge(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .ma_bn = "1"});
    StoreVersion p = citizen(h, "999090000001");
    Str link = STR("\"link\":[{\"other\":{\"reference\":\"Patient/x\"},\"type\":"
                   "\"replaced-by\"}],\"active\":false");
    Str json = arena_printf(h->arena, STR_FMT "," STR_FMT "}", (int)p.json.len - 1, p.json.ptr,
                            STR_ARG(link));
    StoreChange change = {
        .op = STORE_UPDATE, .type = FHIR_T_PATIENT, .id = p.id, .prev = p.slot, .json = json};
    StoreGroup group = {
        .changes = &change, .n_changes = 1, .patient_change = -1, .patient = p.first};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("test"),
                          .source = STR("test")};
    StoreCommitted done;
    assert_ok(store_commit(h->store, &commit, &done, NULL, NULL));
    SEND(h, {.facility = "46002",
             .ma_lk = "B",
             .cccd = "999090000001",
             .ma_bn = "77",
             .name = "NGUYỄN VĂN ĐỔI"});
    StoreVersion after = citizen(h, "999090000001");
    assert_int_equal(after.first, p.first);
    assert_true(after.version > 2);
    assert_true(str_find(after.json, link) != SIZE_MAX);
}

static void a_card_counts_with_the_same_birth_date(void **state) {
    Home *h = *state;
    SEND(h, {.facility = "46001", .ma_lk = "A", .card = "DN4999900000001", .ma_bn = "1"});
    SEND(h, {.facility = "46002",
             .ma_lk = "B",
             .card = "DN4999900000001",
             .ma_bn = "2",
             .name = "NGUYỄN THỊ KHÁC"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    /* and a CCCD that comes later is learned */
    SEND(h, {.facility = "46002",
             .ma_lk = "C",
             .card = "DN4999900000001",
             .ma_bn = "2",
             .cccd = "999090000001"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    assert_int_equal(citizen(h, "999090000001").first, visit_of(h, "46001|A").patient);
}

static void a_card_counts_with_the_same_name(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .card = "DN4999900000001", .ma_bn = "1"});
    SEND(h, {.ma_lk = "B",
             .card = "DN4999900000001",
             .ma_bn = "2",
             .name = "nguyen van thu",
             .birth = "199101010000"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
}

static void a_card_of_somebody_else_is_another_citizen(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .card = "DN4999900000001", .ma_bn = "1"});
    SEND(h, {.ma_lk = "B",
             .card = "DN4999900000001",
             .ma_bn = "2",
             .name = "TRẦN VĂN KHÁC",
             .birth = "197005050000"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    assert_int_not_equal(visit_of(h, "46001|A").patient, visit_of(h, "46001|B").patient);
    /* each is found again */
    SEND(h, {.ma_lk = "C", .card = "DN4999900000001", .ma_bn = "1"});
    SEND(h, {.ma_lk = "D",
             .card = "DN4999900000001",
             .ma_bn = "2",
             .name = "TRẦN VĂN KHÁC",
             .birth = "197005050000"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    assert_int_equal(visit_of(h, "46001|C").patient, visit_of(h, "46001|A").patient);
    assert_int_equal(visit_of(h, "46001|D").patient, visit_of(h, "46001|B").patient);
}

static void another_cccd_is_another_citizen(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .ma_bn = "1"});
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .ma_bn = "2"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
}

/* Two of one name under one number of the facility: their CCCD differ, so do they. */
static void a_facility_number_does_not_join_two_cccd(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .ma_bn = "1"});
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .ma_bn = "1", .birth = "196001010000"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    assert_int_not_equal(visit_of(h, "46001|A").patient, visit_of(h, "46001|B").patient);
}

static bool knows(Home *h, const char *text) {
    return str_find(citizen(h, "999090000001").json, str_from(text)) != SIZE_MAX;
}

/* Zeros stand for "no number": as a facility's number they join nobody, as a CCCD they keep nobody
 * from being found by the card. */
static void zeros_are_no_number(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .name = "NGUYỄN VĂN MỘT", .ma_bn = "000"});
    SEND(h, {.ma_lk = "B", .name = "TRẦN THỊ HAI", .ma_bn = "000"}); /* born on the same day */
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    const Visit again = {.ma_lk = "A", .name = "NGUYỄN VĂN MỘT", .ma_bn = "000"};
    send_bytes(h, arena_printf(h->arena, STR_FMT "\n", STR_ARG(claim_file(h, &again, 1))));
    assert_report(h, 0, 0, 1, 0); /* its visit says who it is */
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    SEND(h, {.ma_lk = "C", .cccd = "999000000000", .card = "DN4999900000003", .ma_bn = "3"});
    SEND(h, {.ma_lk = "D", .cccd = "999090000003", .card = "DN4999900000003", .ma_bn = "4"});
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 3);
    assert_int_equal(visit_of(h, "46001|C").patient, citizen(h, "999090000003").first);
}

static Str birth_of(Home *h, const char *cccd) {
    return json_str(h->arena, json_path(parsed(h, citizen(h, cccd).json), "birthDate"));
}

static void a_whole_birth_date_stays_whole(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .birth = "199000000000", .in = "202605010800"});
    assert_str(birth_of(h, "999090000001"), STR("1990"));
    SEND(h, {.ma_lk = "B", .cccd = "999090000001", .birth = "199002030000", .in = "202606010800"});
    assert_str(birth_of(h, "999090000001"), STR("1990-02-03"));
    SEND(h, {.ma_lk = "C", .cccd = "999090000001", .birth = "199000000000", .in = "202607010800"});
    assert_str(birth_of(h, "999090000001"), STR("1990-02-03"));
    SEND(h, {.ma_lk = "D", .cccd = "999090000001", .birth = "199100000000", .in = "202608010800"});
    assert_str(birth_of(h, "999090000001"), STR("1991"));
}

static void the_newer_visit_says_where_the_citizen_lives(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A",
             .cccd = "999090000001",
             .address = "Đường Một",
             .in = "202606010800",
             .out = "202606010900"});
    assert_true(knows(h, "Đường Một"));
    SEND(h, {.ma_lk = "B",
             .cccd = "999090000001",
             .address = "Đường Hai",
             .in = "202607010800",
             .out = "202607010900"});
    assert_true(knows(h, "Đường Hai"));
    assert_false(knows(h, "Đường Một"));
    SEND(h, {.ma_lk = "C",
             .cccd = "999090000001",
             .address = "Đường Ba",
             .in = "202605010800",
             .out = "202605010900"});
    assert_true(knows(h, "Đường Hai"));
    assert_false(knows(h, "Đường Ba"));
    assert_int_equal(citizen(h, "999090000001").version, 2);
    /* the older visit still says who the citizen was then */
    assert_true(str_find(visit_of(h, "46001|C").json, STR("1990-01-01")) != SIZE_MAX);
}

static void nothing_new_is_no_new_version(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .in = "202606010800"});
    SEND(h, {.ma_lk = "B", .cccd = "999090000001", .in = "202607010800"});
    SEND(h, {.ma_lk = "C", .cccd = "999090000001", .in = "202605010800"});
    assert_int_equal(citizen(h, "999090000001").version, 1);
}

/* The second visit changes nothing and is not written into the Patient, yet it is the last word. */
static void the_order_of_arrival_does_not_matter(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .address = "Đường Một", .in = "202606010800"});
    SEND(h, {.ma_lk = "C", .cccd = "999090000001", .address = "Đường Một", .in = "202608010800"});
    SEND(h, {.ma_lk = "B", .cccd = "999090000001", .address = "Đường Hai", .in = "202607010800"});
    assert_true(knows(h, "Đường Một"));
    assert_false(knows(h, "Đường Hai"));
}

static void one_card_is_one_coverage(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .card = "DN4999900000001"});
    SEND(h, {.ma_lk = "B", .cccd = "999090000001", .card = "DN4999900000001"});
    assert_int_equal(count(h, FHIR_T_COVERAGE).versions, 1);
    SEND(h, {.ma_lk = "C", .cccd = "999090000001", .card = "HT2999900000001"});
    assert_int_equal(count(h, FHIR_T_COVERAGE).current, 2);
}

static void two_citizens_with_one_card_keep_their_coverages(void **state) {
    Home *h = *state;
    for (int round = 0; round < 3; round++) {
        char ma_lk[2][8] = {{(char)('A' + round), 0}, {(char)('P' + round), 0}};
        SEND(h, {.ma_lk = ma_lk[0], .cccd = "999090000001", .card = "DN4999900000001"});
        SEND(h, {.ma_lk = ma_lk[1], .cccd = "999090000002", .card = "DN4999900000001"});
    }
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    assert_int_equal(count(h, FHIR_T_COVERAGE).versions, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(one_cccd_is_one_citizen_at_two_facilities),
        T(claims_keep_the_links_of_a_merge),
        T(a_card_counts_with_the_same_birth_date),
        T(a_card_counts_with_the_same_name),
        T(a_card_of_somebody_else_is_another_citizen),
        T(another_cccd_is_another_citizen),
        T(a_facility_number_does_not_join_two_cccd),
        T(zeros_are_no_number),
        T(a_whole_birth_date_stays_whole),
        T(the_newer_visit_says_where_the_citizen_lives),
        T(nothing_new_is_no_new_version),
        T(the_order_of_arrival_does_not_matter),
        T(one_card_is_one_coverage),
        T(two_citizens_with_one_card_keep_their_coverages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
