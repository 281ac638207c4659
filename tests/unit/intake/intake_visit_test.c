/* A visit that comes in: new, the same again, changed; its versions and references. */
#include "unit/intake/intake_help.h"

#define A_VISIT .ma_lk = "LK1", .cccd = "999090000001", .card = "DN4999900000001"

static void a_new_visit_is_one_record(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 2});
    assert_report(h, 1, 0, 0, 0);
    assert_int_equal(h->report.files, 1);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    assert_int_equal(count(h, FHIR_T_COVERAGE).current, 1);
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 2);
    assert_int_equal(count(h, FHIR_T_CLAIM).current, 1);
    StoreVersion e = visit_of(h, "46001|LK1");
    StoreVersion p = citizen(h, "999090000001");
    assert_int_equal(e.version, 1);
    assert_int_equal(e.patient, p.first);
    assert_int_equal(SLOT_RECORD(e.slot), SLOT_RECORD(p.slot));
    StoreVersion subject = follow(h, e.json, "subject.reference", FHIR_T_PATIENT);
    assert_int_equal(subject.slot, p.slot);
    StoreVersion provider = follow(h, e.json, "serviceProvider.reference", FHIR_T_ORGANIZATION);
    assert_str(provider.id, STR("cskcb-46001"));
}

static void the_identical_file_writes_nothing(void **state) {
    Home *h = *state;
    const Visit v = {A_VISIT, .n_drugs = 2};
    Str bytes = claim_file(h, &v, 1);
    send_bytes(h, bytes);
    RecordNo before = store_snapshot(h->store);
    send_bytes(h, bytes);
    assert_report(h, 0, 0, 0, 0);
    assert_int_equal(h->report.files_same, 1);
    assert_int_equal(store_snapshot(h->store), before);
}

/* The same claim in other bytes: another file, the same facts. */
static void the_same_claim_in_another_file_writes_nothing(void **state) {
    Home *h = *state;
    const Visit v = {A_VISIT, .n_drugs = 2, .n_results = 3};
    Str bytes = claim_file(h, &v, 1);
    send_bytes(h, bytes);
    RecordNo before = store_snapshot(h->store);
    send_bytes(h, arena_printf(h->arena, STR_FMT "\n<!-- again -->\n", STR_ARG(bytes)));
    assert_report(h, 0, 0, 1, 0);
    assert_int_equal(h->report.resources, 0);
    assert_int_equal(store_snapshot(h->store), before);
}

static void a_changed_claim_is_a_new_version_of_the_whole_visit(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 2});
    StoreVersion before = visit_of(h, "46001|LK1");
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 2, .dose = "2 viên/lần"});
    assert_report(h, 0, 1, 0, 0);
    StoreVersion after = visit_of(h, "46001|LK1");
    assert_str(after.id, before.id);
    assert_int_equal(after.version, 2);
    assert_int_equal(after.first, before.first);
    Count drugs = count(h, FHIR_T_MEDICATION_REQUEST);
    assert_int_equal(drugs.current, 3);
    assert_int_equal(drugs.versions, 6);
    StoreVersion drug = current(h, FHIR_T_MEDICATION_REQUEST, drugs.last_id);
    assert_int_equal(drug.version, 2);
    assert_true(str_find(drug.json, STR("2 viên/lần")) != SIZE_MAX);
    /* what did not change: the citizen, the card, the actors */
    assert_int_equal(count(h, FHIR_T_PATIENT).versions, 1);
    assert_int_equal(count(h, FHIR_T_COVERAGE).versions, 1);
    assert_int_equal(count(h, FHIR_T_ORGANIZATION).versions, count(h, FHIR_T_ORGANIZATION).current);
}

static void references_resolve_after_a_second_sending(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_results = 2});
    SEND(h, {A_VISIT, .n_results = 2, .total = "1.00"});
    assert_report(h, 0, 1, 0, 0);
    StoreVersion o = current(h, FHIR_T_OBSERVATION, count(h, FHIR_T_OBSERVATION).last_id);
    StoreVersion e = follow(h, o.json, "encounter.reference", FHIR_T_ENCOUNTER);
    assert_int_equal(e.version, 2);
    assert_int_equal(e.slot, visit_of(h, "46001|LK1").slot);
    StoreVersion p = follow(h, o.json, "subject.reference", FHIR_T_PATIENT);
    assert_int_equal(p.slot, citizen(h, "999090000001").slot);
    StoreVersion bill = current(h, FHIR_T_CLAIM, count(h, FHIR_T_CLAIM).last_id);
    (void)follow(h, bill.json, "insurance.coverage.reference", FHIR_T_COVERAGE);
    /* the first version still names the same resources */
    StoreVersion old;
    assert_ok(store_get_version(h->store, h->arena, FHIR_T_OBSERVATION, o.id, 1, &old));
    (void)follow(h, old.json, "encounter.reference", FHIR_T_ENCOUNTER);
}

static void dropped_lines_are_deleted_and_new_ones_created(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 4});
    SEND(h, {A_VISIT, .n_drugs = 1});
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 1);
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).versions, 4 + 1 + 3);
    SEND(h, {A_VISIT, .n_drugs = 2});
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 2);
    StoreVersion e = visit_of(h, "46001|LK1");
    assert_int_equal(e.version, 3);
}

/* Deleted by other ways; sent again it is the same visit, and nothing of it is there twice. */
static void a_deleted_encounter_comes_back_alone(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 2});
    Count results = count(h, FHIR_T_OBSERVATION);
    StoreVersion e = visit_of(h, "46001|LK1");
    StoreChange gone = {
        .op = STORE_DELETE, .type = FHIR_T_ENCOUNTER, .id = STR_EMPTY, .prev = e.slot};
    StoreGroup group = {&gone, 1, -1, e.patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("t"),
                          .source = STR("t")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, NULL));
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 0);
    for (int i = 0; i < 2; i++) { /* with the deleted one, then with the new one */
        SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 2, .total = i == 0 ? "1.00" : "2.00"});
        assert_report(h, 0, 1, 0, 0);
        assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
        assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 3);
        assert_int_equal(count(h, FHIR_T_OBSERVATION).current, results.current);
        assert_int_equal(count(h, FHIR_T_CLAIM).current, 1);
        StoreVersion o = current(h, FHIR_T_OBSERVATION, count(h, FHIR_T_OBSERVATION).last_id);
        assert_int_equal(follow(h, o.json, "encounter.reference", FHIR_T_ENCOUNTER).slot,
                         visit_of(h, "46001|LK1").slot);
    }
}

/* More than 64 resources: several records. */
static void a_long_visit(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 100, .n_results = 90});
    assert_report(h, 1, 0, 0, 0);
    Count drugs = count(h, FHIR_T_MEDICATION_REQUEST);
    assert_int_equal(drugs.current, 100);
    RecordNo before = store_snapshot(h->store);
    const Visit same = {A_VISIT, .n_drugs = 100, .n_results = 90};
    send_bytes(h, arena_printf(h->arena, STR_FMT "\n ", STR_ARG(claim_file(h, &same, 1))));
    assert_report(h, 0, 0, 1, 0);
    assert_int_equal(store_snapshot(h->store), before);
    SEND(h, {A_VISIT, .n_drugs = 99, .n_results = 91, .dose = "3 viên"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 99);
    assert_int_equal(count(h, FHIR_T_OBSERVATION).current, 91 + 1); /* and the weight */
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
    assert_int_equal(count(h, FHIR_T_CLAIM).current, 1);
    StoreVersion o = current(h, FHIR_T_OBSERVATION, count(h, FHIR_T_OBSERVATION).last_id);
    assert_int_equal(follow(h, o.json, "encounter.reference", FHIR_T_ENCOUNTER).version, 2);
    SEND(h, {A_VISIT, .n_drugs = 99, .n_results = 91, .dose = "4 viên"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 99);
}

/* Any number of lines, also those that fill records to the last slot; the same citizen's next
 * visit and check-in stand right behind and must stay untouched. */
static void visits_of_every_length_are_found_whole(void **state) {
    Home *h = *state;
    for (unsigned n = 52; n < 70; n++) {
        char ma_lk[2][16];
        (void)snprintf(ma_lk[0], sizeof(ma_lk[0]), "N%u", n);
        (void)snprintf(ma_lk[1], sizeof(ma_lk[1]), "B%u", n);
        const Visit v = {.ma_lk = ma_lk[0], .cccd = "999090000001", .n_results = n};
        const Visit behind = {.ma_lk = ma_lk[1], .cccd = "999090000001"};
        Str bytes = claim_file(h, &v, 1);
        send_bytes(h, bytes);
        send(h, &behind, 1);
        RecordNo before = store_snapshot(h->store);
        send_bytes(h, arena_printf(h->arena, STR_FMT "\n ", STR_ARG(bytes)));
        assert_report(h, 0, 0, 1, 0);
        assert_int_equal(store_snapshot(h->store), before);
    }
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).versions, 2 * 18);
}

/* Somebody edited one resource of the visit through the FHIR interface. */
static StoreVersion edit(Home *h, const StoreVersion *v) {
    StoreChange change = {.op = STORE_UPDATE, .type = v->type, .id = v->id, .prev = v->slot};
    change.json = v->json;
    StoreGroup group = {
        .changes = &change, .n_changes = 1, .patient_change = -1, .patient = v->patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    ErrInfo info;
    Slot slot = 0;
    assert_ok(store_commit(h->store, &commit, NULL, &slot, &info));
    StoreVersion now;
    assert_ok(store_get_slot(h->store, h->arena, slot, &now));
    return now;
}

static void edited_resources_are_taken_up_where_they_stand(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 3});
    StoreVersion drug =
        current(h, FHIR_T_MEDICATION_REQUEST, count(h, FHIR_T_MEDICATION_REQUEST).last_id);
    drug = edit(h, &drug);
    assert_int_equal(drug.version, 2);
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 3, .total = "2.00"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(current(h, FHIR_T_MEDICATION_REQUEST, drug.id).version, 3);
    StoreVersion e = visit_of(h, "46001|LK1");
    (void)edit(h, &e);
    SEND(h, {A_VISIT, .n_drugs = 3, .n_results = 3, .total = "3.00"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_MEDICATION_REQUEST).current, 3);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
    assert_int_equal(count(h, FHIR_T_CLAIM).current, 1);
    assert_int_equal(visit_of(h, "46001|LK1").version, 4);
}

static void who_pays_alone_has_one_coverage_a_visit(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "LK1", .cccd = "999090000001"});
    SEND(h, {.ma_lk = "LK1", .cccd = "999090000001", .total = "1.00"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_COVERAGE).current, 1);
    SEND(h, {.ma_lk = "LK2", .cccd = "999090000001"});
    assert_int_equal(count(h, FHIR_T_COVERAGE).current, 2);
}

static void actors_are_made_once(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "LK1", .cccd = "999090000001"});
    size_t organizations = count(h, FHIR_T_ORGANIZATION).versions;
    size_t locations = count(h, FHIR_T_LOCATION).versions;
    assert_true(organizations > 0);
    SEND(h, {.ma_lk = "LK2", .cccd = "999090000002"}, {.ma_lk = "LK3", .cccd = "999090000003"});
    assert_int_equal(count(h, FHIR_T_ORGANIZATION).versions, organizations);
    /* also by a program that was started anew */
    home_close(h);
    home_open(h);
    SEND(h, {.ma_lk = "LK4", .cccd = "999090000004"});
    assert_int_equal(count(h, FHIR_T_ORGANIZATION).versions, organizations);
    assert_int_equal(count(h, FHIR_T_LOCATION).versions, locations);
}

static void two_facilities_may_use_one_ma_lk(void **state) {
    Home *h = *state;
    SEND(h, {.facility = "46001", .ma_lk = "LK1", .cccd = "999090000001"});
    SEND(h, {.facility = "46002", .ma_lk = "LK1", .cccd = "999090000001"});
    assert_report(h, 1, 0, 0, 0);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 2);
}

/* Files arrive in any order: what was made first never replaces what was made later. */
static void an_older_sending_does_not_replace_a_newer_one(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .n_drugs = 1, .total = "2.00", .made = "20261105"});
    RecordNo before = store_snapshot(h->store);
    SEND(h, {A_VISIT, .n_drugs = 1, .total = "1.00", .made = "20261101"});
    assert_report(h, 0, 0, 1, 0);
    assert_int_equal(h->report.warnings, 1);
    assert_str(h->report.issues[0].rule, STR("claim-older"));
    assert_str(h->report.issues[0].ma_lk, STR("LK1"));
    assert_int_equal(store_snapshot(h->store), before);
    SEND(h, {A_VISIT, .n_drugs = 1, .total = "3.00", .made = "20261105"});
    assert_report(h, 0, 1, 0, 0);
    /* a date in the future is not believed: it would shut out every correction */
    SEND(h, {A_VISIT, .n_drugs = 1, .total = "4.00", .made = "20990101"});
    assert_report(h, 0, 1, 0, 0);
    SEND(h, {A_VISIT, .n_drugs = 1, .total = "5.00", .made = "20261106"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(visit_of(h, "46001|LK1").version, 4);
}

/* Whatever stands in a code, the claim is taken or refused; the import goes on. */
static void odd_codes_do_no_harm(void **state) {
    Home *h = *state;
    SEND(h, {A_VISIT, .icd = "J\"\\8"});
    assert_int_equal(h->report.claims_new + h->report.claims_rejected, 1);
    SEND(h, {.ma_lk = "L\"K\\", .cccd = "\"99\\", .card = "D\"N\\4999", .ma_bn = "~/~1\"|"});
    assert_int_equal(h->report.claims_new + h->report.claims_rejected, 1);
    SEND(h, {.ma_lk = "LK2", .name = "Patient/~ \"reference\":\"Patient/~\""});
    assert_report(h, 1, 0, 0, 0);
    SEND(h, {.ma_lk = "LK2", .name = "Patient/~ \"reference\":\"Patient/~\"", .total = "1"});
    assert_report(h, 0, 1, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(a_new_visit_is_one_record),
        T(the_identical_file_writes_nothing),
        T(the_same_claim_in_another_file_writes_nothing),
        T(a_changed_claim_is_a_new_version_of_the_whole_visit),
        T(references_resolve_after_a_second_sending),
        T(dropped_lines_are_deleted_and_new_ones_created),
        T(a_deleted_encounter_comes_back_alone),
        T(a_long_visit),
        T(visits_of_every_length_are_found_whole),
        T(edited_resources_are_taken_up_where_they_stand),
        T(who_pays_alone_has_one_coverage_a_visit),
        T(actors_are_made_once),
        T(two_facilities_may_use_one_ma_lk),
        T(an_older_sending_does_not_replace_a_newer_one),
        T(odd_codes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
