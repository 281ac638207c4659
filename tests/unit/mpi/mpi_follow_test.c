/* Newborns are linked with their mothers as records come, without a person; and parted as they go.
 * All data invented. */
#include "unit/mpi/mpi_birth_help.h"

#include "mpi/mpi_follow.h"

#define PATIENCE_MS 20000

static MpiFollow *started(Home *h) {
    MpiFollow *f = NULL;
    assert_ok(mpi_follow_start(h->store, &f, &h->info));
    return f;
}

/* What it commits itself it looks at, too. */
static void settle(Home *h, MpiFollow *f) {
    RecordNo before = 0;
    while (before != store_snapshot(h->store)) {
        before = store_snapshot(h->store);
        assert_true(mpi_follow_wait(f, before, PATIENCE_MS));
    }
}

static void remove_one(Home *h, FhirType type, Str id) {
    StoreVersion v = now(h, type, id);
    change_one(h, &(StoreChange){.op = STORE_DELETE, .type = v.type, .prev = v.slot}, v.patient);
}

static void links_come_and_go(void **state) {
    Home *h = *state;
    MpiFollow *f = started(h);
    Str mother = add_mother(h);
    settle(h, f);
    Str birth = add_related(h, mother, "con", CARD);
    settle(h, f);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    settle(h, f);
    assert_linked(h, birth, child, mother);
    RecordNo done = store_snapshot(h->store);
    settle(h, f);
    assert_int_equal(store_snapshot(h->store), done);

    /* somebody else cares for the child; no more */
    Str carer = add_related(h, mother, "nguoi-nuoi-duong", "");
    settle(h, f);
    assert_parted(h, child, mother);
    assert_case(h, birth, "requested");
    remove_one(h, FHIR_T_RELATED_PERSON, carer);
    settle(h, f);
    assert_linked(h, birth, child, mother);

    /* another certificate with the card; it changes its own */
    Str twin = add_related(h, mother, "con", CARD);
    settle(h, f);
    assert_parted(h, child, mother);
    rewrite(h, FHIR_T_RELATED_PERSON, twin, related_json(h, mother, "con", "TE1460000000124"));
    settle(h, f);
    assert_linked(h, birth, child, mother);
    remove_one(h, FHIR_T_RELATED_PERSON, birth);
    settle(h, f);
    assert_parted(h, child, mother);
    assert_case(h, birth, "cancelled");
    mpi_follow_stop(f);
}

static void a_merge_undone_reopens_the_case(void **state) {
    Home *h = *state;
    MpiFollow *f = started(h);
    Str mother = add_mother(h);
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    Str second = add_person(h, CARD, "2026-09-10", "female");
    MpiAct act = {.keep = child, .other = second, .who = STR("a"), .why = STR("b"), .now = 1};
    settle(h, f);
    assert_ok(mpi_merge(h->store, &act, &h->info));
    settle(h, f);
    assert_case(h, birth, "completed");
    assert_ok(mpi_unmerge(h->store, &act, &h->info));
    settle(h, f);
    assert_case(h, birth, "requested");
    assert_parted(h, child, mother);
    assert_parted(h, second, mother);
    mpi_follow_stop(f);
}

/* A mother whose sex was wrong; and what came while nobody followed. */
static void her_facts_and_what_came_meanwhile(void **state) {
    Home *h = *state;
    Str mother = add_person(h, "DN4460000000777", "1995-01-01", "male");
    Str birth = add_related(h, mother, "con", CARD);
    Str child = add_person(h, CARD, "2026-09-10", "female");
    MpiFollow *f = started(h);
    settle(h, f);
    assert_case(h, birth, "requested");
    mpi_follow_stop(f);
    rewrite(h, FHIR_T_PATIENT, mother, person_json(h, "DN4460000000777", "1995-01-01", "female"));
    f = started(h);
    settle(h, f);
    assert_linked(h, birth, child, mother);
    mpi_follow_stop(f);
    rewrite(h, FHIR_T_PATIENT, child, person_json(h, CARD, "2026-09-11", "female"));
    f = started(h);
    settle(h, f);
    assert_parted(h, child, mother);
    mpi_follow_stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_come_and_go, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_merge_undone_reopens_the_case, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(her_facts_and_what_came_meanwhile, home_setup,
                                        home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
