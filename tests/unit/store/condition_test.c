/* Conditions of commits: whoever was faster, the second is refused when the answer changed. */
#include "unit/store/store_help.h"

#include <stdatomic.h>

static StoreCondition condition(FhirType type, const char *query) {
    return (StoreCondition){.type = type, .query = str_from(query), .base_url = STR_EMPTY};
}

typedef struct Wish {
    StoreChange change;
    StoreCondition condition; /* type NONE: none */
    StoreStill still;         /* first 0: none */
    RecordNo snapshot;
    StoreGroup group;
} Wish;

static StoreCommit commit_of(Wish *w) {
    bool is_patient = w->change.type == FHIR_T_PATIENT && w->change.op == STORE_CREATE;
    w->group =
        (StoreGroup){.changes = &w->change, .n_changes = 1, .patient_change = is_patient ? 0 : -1};
    return (StoreCommit){.groups = &w->group,
                         .n_groups = 1,
                         .conditions = &w->condition,
                         .n_conditions = w->condition.type != FHIR_T_NONE,
                         .still = &w->still,
                         .n_still = w->still.first != 0,
                         .snapshot = w->snapshot,
                         .actor = STR("t"),
                         .source = STR("u")};
}

static ErrCode run(Home *h, Wish *w, Slot *ret_slot) {
    StoreCommit commit = commit_of(w);
    return store_commit(h->store, &commit, NULL, ret_slot, &h->info);
}

static Str named(Home *h, const char *family, const char *birth) {
    return home_text(h,
                     "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"%s\"}],"
                     "\"birthDate\":\"%s\"}",
                     family, birth);
}

static void the_second_of_two_is_refused(void **state) {
    Home *h = *state;
    const char *query = "family=Lan&birthdate=2001-02-03";
    Wish a = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03")),
              .condition = condition(FHIR_T_PATIENT, query)};
    Wish b = a;
    assert_ok(run(h, &a, NULL));
    assert_int_equal(run(h, &b, NULL), ERR_CONFLICT); /* asked before a was there */
    b.snapshot = store_snapshot(h->store);
    assert_ok(run(h, &b, NULL)); /* asked behind it: the caller knows what it does */
}

static void only_what_fulfils_it_counts(void **state) {
    Home *h = *state;
    Wish other = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "1999-01-01"))};
    Wish a = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03")),
              .condition = condition(FHIR_T_PATIENT, "family=Lan&birthdate=2001-02-03")};
    Wish type = {.change = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\",\"code\":{"
                                                    "\"text\":\"x\"}}"))};
    assert_ok(run(h, &other, NULL));
    assert_ok(run(h, &type, NULL));
    assert_ok(run(h, &a, NULL));
}

static void updates_and_deletes_count_by_what_they_are_then(void **state) {
    Home *h = *state;
    Slot slot = 0;
    Wish first = {.change = create(FHIR_T_PATIENT, named(h, "Hoa", "2001-02-03"))};
    assert_ok(run(h, &first, &slot));
    Wish wish = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03")),
                 .condition = condition(FHIR_T_PATIENT, "family:exact=Lan"),
                 .snapshot = store_snapshot(h->store)};
    StoreChange to_lan = {.op = STORE_UPDATE,
                          .type = FHIR_T_PATIENT,
                          .id = STR_EMPTY,
                          .prev = slot,
                          .json = named(h, "Lan", "2001-02-03")};
    Slot second = 0;
    StoreGroup group = {&to_lan, 1, 0, 0};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, &second, &h->info));
    assert_int_equal(run(h, &wish, NULL), ERR_CONFLICT);
    wish.snapshot = store_snapshot(h->store);
    StoreChange gone = {
        .op = STORE_DELETE, .type = FHIR_T_PATIENT, .id = STR_EMPTY, .prev = second};
    group.changes = &gone;
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
    assert_ok(run(h, &wish, NULL)); /* a delete fulfils nothing */
}

static void what_was_found_must_still_stand(void **state) {
    Home *h = *state;
    Slot slot = 0;
    Wish first = {.change = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\",\"code\":{"
                                                     "\"text\":\"x\"}}"))};
    assert_ok(run(h, &first, &slot));
    Wish wish = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03")),
                 .still = {slot, slot}};
    assert_ok(run(h, &wish, NULL));
    StoreChange gone = {.op = STORE_DELETE, .type = FHIR_T_BASIC, .id = STR_EMPTY, .prev = slot};
    assert_ok(commit_some(h, &gone, 1, NULL));
    assert_int_equal(run(h, &wish, NULL), ERR_CONFLICT);
    assert_string_equal(h->info.rule, "condition");
}

/* ---- commits that stand in one group: nobody can see the one before yet ---- */

typedef struct Outcome {
    atomic_int ok, conflict, other;
} Outcome;

static void count(void *ctx, ErrCode err, const StoreCommitted *committed,
                  const StorePrepared *prepared) {
    Outcome *o = ctx;
    (void)committed;
    (void)prepared;
    atomic_fetch_add(err == ERR_OK ? &o->ok : err == ERR_CONFLICT ? &o->conflict : &o->other, 1);
}

static void one_of_a_group_is_first(void **state) {
    Home *h = *state;
    enum { N = 60, NAMES = 4 };
    static const char *const names[NAMES] = {"An", "Hoa", "Lan", "Mai"};
    StorePrepared *prepared[N];
    Outcome outcome = {0};
    for (int i = 0; i < N; i++) {
        Str query = home_text(h, "family=%s&birthdate=gt2000-01-01", names[i % NAMES]);
        Wish w = {.change = create(FHIR_T_PATIENT, named(h, names[i % NAMES], "2001-02-03")),
                  .condition = {.type = FHIR_T_PATIENT, .query = query, .base_url = STR_EMPTY}};
        StoreCommit commit = commit_of(&w);
        assert_ok(store_prepare(h->store, &commit, &prepared[i], &h->info));
    }
    for (int i = 0; i < N; i++) {
        store_submit(h->store, prepared[i], count, &outcome);
    }
    store_settle(h->store);
    assert_int_equal(outcome.ok, NAMES);
    assert_int_equal(outcome.conflict, N - NAMES);
    assert_int_equal(store_snapshot(h->store), NAMES);
}

/* Ids and times that a commit gets in the group are matched as well. */
static void references_inside_a_group_are_seen(void **state) {
    Home *h = *state;
    enum { N = 20 };
    StorePrepared *prepared[N];
    Outcome outcome = {0};
    Slot patient = 0;
    Wish first = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03"))};
    assert_ok(run(h, &first, &patient));
    Str id = store_id(h->store, h->arena, patient);
    for (int i = 0; i < N; i++) {
        StoreChange c = create(FHIR_T_CONDITION, STR("{\"resourceType\":\"Condition\",\"subject\":{"
                                                     "\"reference\":\"Patient/~\"}}"));
        StoreGroup group = {&c, 1, -1, patient};
        Str query = home_text(h, "subject=Patient/" STR_FMT "&_lastUpdated=gt2000", STR_ARG(id));
        StoreCondition once = {.type = FHIR_T_CONDITION, .query = query, .base_url = STR_EMPTY};
        StoreCommit commit = {.groups = &group,
                              .n_groups = 1,
                              .conditions = &once,
                              .n_conditions = 1,
                              .snapshot = store_snapshot(h->store),
                              .actor = STR("t"),
                              .source = STR("u")};
        assert_ok(store_prepare(h->store, &commit, &prepared[i], &h->info));
    }
    for (int i = 0; i < N; i++) {
        store_submit(h->store, prepared[i], count, &outcome);
    }
    store_settle(h->store);
    assert_int_equal(outcome.ok, 1);
    assert_int_equal(outcome.conflict, N - 1);
}

static void chains_depend_on_other_types(void **state) {
    Home *h = *state;
    Wish wish = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03")),
                 .condition = condition(FHIR_T_PATIENT, "general-practitioner.name=Hoa")};
    Wish basic = {.change = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\",\"code\":{"
                                                     "\"text\":\"x\"}}"))};
    Wish other = {.change =
                      create(FHIR_T_PRACTITIONER, STR("{\"resourceType\":\"Practitioner\"}"))};
    assert_ok(run(h, &basic, NULL));
    assert_ok(run(h, &wish, NULL)); /* another type says nothing */
    wish.snapshot = store_snapshot(h->store);
    assert_ok(run(h, &other, NULL));
    assert_int_equal(run(h, &wish, NULL), ERR_CONFLICT);
    wish.snapshot = store_snapshot(h->store);
    assert_ok(run(h, &wish, NULL));
}

static void too_many_conditions_are_refused_by_name(void **state) {
    Home *h = *state;
    StoreCondition *many = arena_new_array(h->arena, StoreCondition, STORE_CONDITIONS_MAX + 1);
    for (int i = 0; i <= STORE_CONDITIONS_MAX; i++) {
        many[i] = condition(FHIR_T_PATIENT, "family=Lan");
    }
    Wish w = {.change = create(FHIR_T_PATIENT, named(h, "Lan", "2001-02-03"))};
    StoreCommit commit = commit_of(&w);
    commit.conditions = many;
    commit.n_conditions = STORE_CONDITIONS_MAX + 1;
    assert_int_equal(store_commit(h->store, &commit, NULL, NULL, &h->info), ERR_LIMIT);
    assert_string_equal(h->info.rule, "conditions-max");
    commit.n_conditions = STORE_CONDITIONS_MAX;
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_second_of_two_is_refused),
        TEST(only_what_fulfils_it_counts),
        TEST(updates_and_deletes_count_by_what_they_are_then),
        TEST(what_was_found_must_still_stand),
        TEST(one_of_a_group_is_first),
        TEST(references_inside_a_group_are_seen),
        TEST(chains_depend_on_other_types),
        TEST(too_many_conditions_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
