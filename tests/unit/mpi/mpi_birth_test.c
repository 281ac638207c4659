/* Newborns and their mothers: linked where it is certain, proposed where it is not, parted again
 * when the certificate or the child says otherwise, never against a person's word. All data
 * invented. */
#include "unit/mpi/mpi_birth_help.h"

/* ---- what comes of it ---- */

static MpiBirthReport run(Home *h) {
    MpiBirthReport dry;
    MpiBirthReport report;
    MpiRunOptions o = {.store = h->store, .clock = clock_real(), .dry = true};
    RecordNo before = store_snapshot(h->store);
    assert_ok(mpi_births(&o, &dry, &h->info));
    assert_int_equal(store_snapshot(h->store), before);
    o.dry = false;
    assert_ok(mpi_births(&o, &report, &h->info));
    assert_memory_equal(&dry, &report, sizeof dry);
    assert_int_equal(report.refused, 0);
    return report;
}

#define assert_run(h, waiting_, linked_, parted_, proposed_, known_)                               \
    do {                                                                                           \
        MpiBirthReport r_ = run(h);                                                                \
        assert_int_equal(r_.waiting, waiting_);                                                    \
        assert_int_equal(r_.linked, linked_);                                                      \
        assert_int_equal(r_.parted, parted_);                                                      \
        assert_int_equal(r_.proposed, proposed_);                                                  \
        assert_int_equal(r_.known, known_);                                                        \
    } while (0)

/* ---- the tests ---- */

static void a_child_is_linked_when_it_is_known(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    assert_run(h, 1, 0, 0, 0, 0);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    (void)add_person(h, "TE1460000000124", "2026-09-10", "female");
    assert_run(h, 0, 1, 0, 0, 0);
    assert_linked(h, birth, child, mother);
    RecordNo done = store_snapshot(h->store);
    assert_run(h, 0, 0, 0, 0, 1);
    assert_int_equal(store_snapshot(h->store), done);
    assert_int_equal(now(h, FHIR_T_RELATED_PERSON, birth).version, 1);
}

static void what_is_not_certain_is_proposed(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "male");
    assert_run(h, 0, 0, 0, 1, 0);
    assert_case(h, birth, "requested");
    assert_parted(h, child, mother);
    assert_run(h, 0, 0, 0, 0, 1);
    rewrite(h, FHIR_T_PATIENT, child, person_json(h, CARD, "2026-09-11", "female"));
    assert_run(h, 0, 0, 0, 0, 1);
    rewrite(h, FHIR_T_PATIENT, child, person_json(h, CARD, "2026-09-10", "female"));
    assert_run(h, 0, 1, 0, 0, 0);
    assert_linked(h, birth, child, mother);
}

/* Two records with the card are two children until they are merged. */
static void two_records_of_a_child_wait_for_their_merge(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    Str second = add_person(h, CARD, "2026-09-10", "female");
    assert_run(h, 0, 0, 0, 1, 0);
    assert_ok(mpi_merge(
        h->store,
        &(MpiAct){.keep = second, .other = child, .who = STR("a"), .why = STR("b"), .now = 1},
        &h->info));
    assert_run(h, 0, 1, 0, 0, 0);
    assert_case(h, birth, "completed");
    const JsonNode *root = root_of(h, FHIR_T_PATIENT, second);
    assert_int_equal(json_count(json_get_lit(root, "link")), 2);
    assert_ok(mpi_unmerge(
        h->store,
        &(MpiAct){.keep = second, .other = child, .who = STR("a"), .why = STR("b"), .now = 1},
        &h->info));
    assert_run(h, 0, 0, 1, 1, 0); /* the link stood on the merge */
    assert_parted(h, second, mother);
    assert_parted(h, child, mother);
    assert_case(h, birth, "requested");
    assert_run(h, 0, 0, 0, 0, 1);
    assert_ok(mpi_merge(
        h->store,
        &(MpiAct){.keep = second, .other = child, .who = STR("a"), .why = STR("b"), .now = 1},
        &h->info));
    assert_run(h, 0, 1, 0, 0, 0);
}

/* Another record with the card, that nobody has looked at yet, parts nobody. */
static void a_second_record_alone_parts_nobody(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    assert_run(h, 0, 1, 0, 0, 0);
    Str second = add_person(h, CARD, "2026-09-10", "female");
    assert_run(h, 0, 0, 0, 0, 1);
    assert_linked(h, birth, child, mother);
    assert_ok(mpi_differ(
        h->store,
        &(MpiAct){.keep = second, .other = child, .who = STR("a"), .why = STR("b"), .now = 1},
        &h->info));
    assert_run(h, 0, 0, 1, 1, 0); /* they are two: whose is the card? */
    assert_parted(h, child, mother);
    assert_case(h, birth, "requested");
}

/* One certificate by itself, as after each commit; what a person links stands, and is taken back.
 */
static void a_person_links_what_is_not_certain(void **state) {
    Home *h = *state;
    MpiBirthReport report;
    MpiRunOptions o = {.store = h->store, .clock = clock_real()};
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-11", "female");
    Str other = add_person(h, CARD, "2026-09-10", "male");
    MpiBirthAct act = {
        .birth = birth, .child = mother, .who = STR("bs. Lan"), .why = STR("đã hỏi"), .now = 1};
    assert_int_equal(mpi_birth_link(h->store, &act, &h->info), ERR_NOT_FOUND);
    assert_ok(mpi_birth_one(&o, birth, &report, &h->info));
    assert_int_equal(report.proposed, 1);
    assert_int_equal(mpi_birth_link(h->store, &act, &h->info), ERR_PRECONDITION);
    assert_int_equal(mpi_birth_reopen(h->store, &act, &h->info), ERR_PRECONDITION);
    act.child = child;
    assert_ok(mpi_birth_link(h->store, &act, &h->info));
    assert_linked(h, birth, child, mother);
    assert_run(h, 0, 0, 0, 0, 1);
    assert_linked(h, birth, child, mother);
    assert_int_equal(mpi_birth_link(h->store, &act, &h->info), ERR_PRECONDITION);
    assert_ok(mpi_birth_reopen(h->store, &act, &h->info));
    assert_parted(h, child, mother);
    assert_case(h, birth, "requested");
    assert_ok(mpi_birth_reject(h->store, &act, &h->info));
    assert_run(h, 0, 0, 0, 0, 1);
    rewrite(h, FHIR_T_PATIENT, other, person_json(h, "TE1460000000999", "2026-09-10", "male"));
    rewrite(h, FHIR_T_PATIENT, child, person_json(h, CARD, "2026-09-10", "female"));
    assert_case(h, birth, "rejected");
    assert_ok(mpi_birth_reopen(h->store, &act, &h->info)); /* and now it is certain */
    assert_linked(h, birth, child, mother);
    assert_int_equal(mpi_birth_reopen(h->store, &act, &h->info), ERR_PRECONDITION);
    StoreVersion v = now(h, FHIR_T_RELATED_PERSON, birth);
    change_one(h, &(StoreChange){.op = STORE_DELETE, .type = v.type, .prev = v.slot}, v.patient);
    assert_ok(mpi_birth_one(&o, birth, &report, &h->info));
    assert_int_equal(report.parted, 1);
    assert_parted(h, child, mother);
}

static void nothing_is_guessed(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    Str other = add_related(h, mother, "nguoi-nuoi-duong", "");
    assert_run(h, 0, 0, 0, 1, 0); /* somebody else cares for the child */
    StoreVersion v = now(h, FHIR_T_RELATED_PERSON, other);
    change_one(h, &(StoreChange){.op = STORE_DELETE, .type = v.type, .prev = v.slot}, v.patient);
    assert_run(h, 0, 1, 0, 0, 0);
    Str twin = add_related(h, mother, "con", CARD);
    assert_run(h, 0, 0, 1, 2, 0); /* two certificates with one card */
    assert_parted(h, child, mother);
    assert_case(h, birth, "requested");
    assert_case(h, twin, "requested");
    rewrite(h, FHIR_T_RELATED_PERSON, twin, related_json(h, mother, "con", "TE1460000000124"));
    assert_run(h, 1, 1, 0, 0, 0);
    assert_linked(h, birth, child, mother);
    assert_case(h, twin, "cancelled");
}

/* A child seen under its mother's card is shown, whoever has it else is not. */
static void the_mothers_card_is_only_a_hint(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    (void)add_person(h, "DN4460000000777", "1990-09-10", "female");
    assert_run(h, 1, 0, 0, 0, 0);
    Str child = add_person(h, "DN4460000000777", "2026-09-10", "female");
    assert_run(h, 0, 0, 0, 1, 0);
    assert_case(h, birth, "requested");
    assert_parted(h, child, mother);
}

static void a_certificate_that_goes_takes_its_links(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    assert_run(h, 0, 1, 0, 0, 0);
    Str json = now(h, FHIR_T_RELATED_PERSON, birth).json;
    rewrite(h, FHIR_T_RELATED_PERSON, birth, related_json(h, mother, "con", ""));
    assert_run(h, 0, 0, 1, 0, 0);
    assert_parted(h, child, mother);
    assert_case(h, birth, "cancelled");
    rewrite(h, FHIR_T_RELATED_PERSON, birth, json);
    assert_run(h, 0, 1, 0, 0, 0);
    assert_linked(h, birth, child, mother);
    StoreVersion v = now(h, FHIR_T_RELATED_PERSON, birth);
    change_one(h, &(StoreChange){.op = STORE_DELETE, .type = v.type, .prev = v.slot}, v.patient);
    assert_run(h, 0, 0, 1, 0, 0);
    assert_parted(h, child, mother);
    assert_run(h, 0, 0, 0, 0, 0);
}

static void a_persons_word_stands(void **state) {
    Home *h = *state;
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    MpiBirthAct act = {.birth = birth, .who = STR("bs. Lan"), .why = STR("nhầm"), .now = 1};
    assert_int_equal(mpi_birth_reject(h->store, &act, &h->info), ERR_NOT_FOUND);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    assert_run(h, 0, 1, 0, 0, 0);
    assert_ok(mpi_birth_reject(h->store, &act, &h->info));
    assert_parted(h, child, mother);
    assert_case(h, birth, "rejected");
    assert_run(h, 0, 0, 0, 0, 1);
    assert_parted(h, child, mother);
    act.why = STR_EMPTY;
    assert_int_equal(mpi_birth_reject(h->store, &act, &h->info), ERR_PARAM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_is_linked_when_it_is_known, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_certain_is_proposed, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(two_records_of_a_child_wait_for_their_merge, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(a_second_record_alone_parts_nobody, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(a_person_links_what_is_not_certain, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_guessed, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(the_mothers_card_is_only_a_hint, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_certificate_that_goes_takes_its_links, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(a_persons_word_stands, home_setup, home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
