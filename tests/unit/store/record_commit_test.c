/* Commits as callers see them: what comes back, what is refused, what history and feed show. */
#include "unit/store/store_help.h"

#include "core/thread.h"

static Str expect_text(Home *h, const StoreVersion *v, const char *rest) {
    Buf time;
    buf_init(&time, 64);
    time_put_instant(&time, v->time);
    Str text = home_text(h,
                         "{\"resourceType\":\"%s\",\"id\":\"" STR_FMT
                         "\",\"meta\":{\"versionId\":\"%u\",\"lastUpdated\":\"" STR_FMT "\"%s",
                         fhir_type_name(v->type), STR_ARG(v->id), v->version,
                         STR_ARG(buf_str(&time)), rest);
    buf_release(&time);
    return text;
}

static void a_created_resource_comes_back_with_id_and_meta(void **state) {
    Home *h = *state;
    Slot slot = 0;
    StoreChange c =
        create(FHIR_T_PATIENT,
               STR(" { \"id\" : \"ignored\", \"resourceType\":\"Patient\",\n"
                   "\"meta\":{\"versionId\":\"9\",\"profile\":[\"urn:x\"]},"
                   "\"multipleBirthInteger\": 2, \"name\":[{\"text\":\"A ~ \\u00e1 \"}]}"));
    assert_ok(commit_some(h, &c, 1, &slot));
    assert_int_equal(slot, SLOT_OF(1, 0));
    StoreVersion v;
    Str id = store_id(h->store, h->arena, slot);
    assert_int_equal(id.len, 13);
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
    assert_str(v.json, expect_text(h, &v,
                                   ",\"profile\":[\"urn:x\"]},\"multipleBirthInteger\":2,"
                                   "\"name\":[{\"text\":\"A ~ \\u00e1 \"}]}"));
    assert_int_equal(store_get(h->store, h->arena, FHIR_T_OBSERVATION, id, &v), ERR_NOT_FOUND);
    assert_int_equal(store_get(h->store, h->arena, FHIR_T_PATIENT, STR("none"), &v), ERR_NOT_FOUND);
    home_reopen(h);
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
    assert_int_equal(v.version, 1);
}

static void references_come_back(Home *h, bool canonical) {
    Slot slots[4];
    StoreChange org[] = {
        create(FHIR_T_ORGANIZATION,
               STR("{\"resourceType\":\"Organization\",\"name\":\"Trạm thử\"}")),
        create(FHIR_T_LOCATION, STR("{\"resourceType\":\"Location\",\"managingOrganization\":"
                                    "{\"reference\":\"Organization/~0\"}}"))};
    StoreChange visit[] = {
        create(FHIR_T_PATIENT, home_patient(h, 1)),
        create(FHIR_T_ENCOUNTER,
               STR("{\"resourceType\":\"Encounter\",\"subject\":{\"reference\":\"Patient/~\"},"
                   "\"serviceProvider\":{\"reference\":\"Organization/~0\"},"
                   "\"basedOn\":[{\"reference\":\"https://example.org/x/~1\"},"
                   "{\"reference\":\"Patient/~2\"},{\"reference\":\"#inside~\"}]}")),
    };
    org[0].canonical = org[1].canonical = visit[0].canonical = visit[1].canonical = canonical;
    StoreGroup groups[] = {{org, 2, -1, 0}, {visit, 2, 0, 0}};
    StoreCommit commit = {.groups = groups, .n_groups = 2, .actor = STR("t"), .source = STR("u")};
    StoreCommitted done;
    assert_ok(store_commit(h->store, &commit, &done, slots, &h->info));
    assert_int_equal(done.first, 1);
    assert_int_equal(done.last, 2);
    assert_int_equal(slots[3], SLOT_OF(2, 1));
    StoreVersion e = home_get_slot(h, slots[3]);
    assert_int_equal(e.patient, slots[2]);
    Str org_id = store_id(h->store, h->arena, slots[0]);
    Str patient_id = store_id(h->store, h->arena, slots[2]);
    Str rest = home_text(h,
                         "},\"subject\":{\"reference\":\"Patient/" STR_FMT "\"},"
                         "\"serviceProvider\":{\"reference\":\"Organization/" STR_FMT "\"},"
                         "\"basedOn\":[{\"reference\":\"https://example.org/x/~1\"},"
                         "{\"reference\":\"Patient/" STR_FMT "\"},{\"reference\":\"#inside~\"}]}",
                         STR_ARG(patient_id), STR_ARG(org_id), STR_ARG(patient_id));
    assert_str(e.json, expect_text(h, &e, rest.ptr));
    /* A later record of the same patient: its full reference is shortened and comes back. */
    StoreChange later =
        create(FHIR_T_CONDITION, home_text(h,
                                           "{\"resourceType\":\"Condition\",\"subject\":{"
                                           "\"reference\":\"Patient/" STR_FMT "\"}}",
                                           STR_ARG(patient_id)));
    StoreGroup group = {&later, 1, -1, slots[2]};
    StoreCommit again = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    Slot slot = 0;
    assert_ok(store_commit(h->store, &again, NULL, &slot, &h->info));
    StoreVersion c = home_get_slot(h, slot);
    assert_int_equal(c.patient, slots[2]);
    rest =
        home_text(h, "},\"subject\":{\"reference\":\"Patient/" STR_FMT "\"}}", STR_ARG(patient_id));
    assert_str(c.json, expect_text(h, &c, rest.ptr));
}

static void references_of_all_forms_come_back_whole(void **state) {
    references_come_back(*state, false);
}

static void references_in_canonical_texts_come_back_whole(void **state) {
    references_come_back(*state, true);
}

static void a_text_that_is_not_canonical_is_refused_as_such(void **state) {
    Home *h = *state;
    static const char *const WRONG[] = {
        "{\"resourceType\":\"Basic\", \"language\":\"vi\"}",
        "{\"language\":\"vi\",\"resourceType\":\"Basic\"}",
        "{\"resourceType\":\"Patient\"}",
        "{\"resourceType\":\"Basic\",\"id\":\"a\"}",
        "{\"resourceType\":\"Basic\",\"language\":\"vi\",\"meta\":{\"source\":\"urn:a\"}}",
        "{\"resourceType\":\"Basic\",\"meta\":{\"source\":\"urn:a\",\"versionId\":\"1\"}}",
        "{\"resourceType\":\"Basic\",\"meta\":{}}",
        "[]",
    };
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        StoreChange c = create(FHIR_T_BASIC, str_from(WRONG[i]));
        c.canonical = true;
        assert_int_equal(commit_some(h, &c, 1, NULL), ERR_INVALID);
        assert_string_equal(h->info.rule, "resource-form");
    }
    StoreChange c = create(
        FHIR_T_BASIC,
        STR("{\"resourceType\":\"Basic\",\"meta\":{\"source\":\"urn:a\"},\"language\":\"vi\"}"));
    c.canonical = true;
    Slot slot = 0;
    assert_ok(commit_some(h, &c, 1, &slot));
    StoreVersion v = home_get_slot(h, slot);
    assert_str(v.json, expect_text(h, &v, ",\"source\":\"urn:a\"},\"language\":\"vi\"}"));
}

/* Patients and coverages are answered from memory: as committed, as loaded, as loaded before. */
static void versions_in_memory_are_those_of_the_records(void **state) {
    Home *h = *state;
    enum { N = 5 };
    Slot s[N];
    StoreChange visit[] = {
        create(FHIR_T_PATIENT, home_patient(h, 1)),
        create(FHIR_T_COVERAGE,
               STR("{\"resourceType\":\"Coverage\",\"beneficiary\":{\"reference\":\"Patient/~\"},"
                   "\"contract\":[{\"reference\":\"Coverage/~1\"}]}")),
        create(FHIR_T_PATIENT, home_patient(h, 2)),
    };
    visit[2].id = STR("own-id");
    StoreGroup group = {visit, 3, 0, 0};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, s, &h->info));
    StoreChange u = {STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, s[2], home_patient(h, 3), false};
    assert_ok(commit_some(h, &u, 1, &s[3]));
    StoreChange d = {STORE_DELETE, FHIR_T_PATIENT, STR_EMPTY, s[3], STR_EMPTY, false};
    assert_ok(commit_some(h, &d, 1, &s[4]));
    StoreVersion before[N];
    for (int i = 0; i < N; i++) {
        before[i] = home_get_slot(h, s[i]);
    }
    home_reopen(h);
    for (int i = 0; i < 2 * N; i++) {
        StoreVersion v = home_get_slot(h, s[i % N]);
        const StoreVersion *b = &before[i % N];
        assert_str(v.json, b->json);
        assert_str(v.id, b->id);
        assert_true(v.first == b->first && v.slot == b->slot && v.patient == b->patient);
        assert_true(v.version == b->version && v.deleted == b->deleted && v.time == b->time);
    }
    assert_true(before[4].deleted && before[4].version == 3);
}

static void a_local_reference_to_nothing_is_refused(void **state) {
    Home *h = *state;
    static const char *const WRONG[] = {"Patient/~1",
                                        "Encounter/~0",
                                        "Patient/~",
                                        "Patient/~x",
                                        "Patient/~18446744073709551616",
                                        "Patient/~0/_history/1",
                                        "P-1/~0"};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        StoreChange c =
            create(FHIR_T_CONDITION, home_text(h,
                                               "{\"resourceType\":\"Condition\",\"subject\":{"
                                               "\"reference\":\"%s\"}}",
                                               WRONG[i]));
        assert_int_equal(commit_some(h, &c, 1, NULL), ERR_INVALID);
        assert_string_equal(h->info.rule, "reference-local");
        c.canonical = true;
        assert_int_equal(commit_some(h, &c, 1, NULL), ERR_INVALID);
        assert_string_equal(h->info.rule, "reference-local");
    }
    assert_int_equal(store_snapshot(h->store), 0);
}

static void updates_and_deletes_make_versions(void **state) {
    Home *h = *state;
    Slot s[5];
    StoreVersion v;
    StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 1));
    assert_ok(commit_some(h, &c, 1, &s[0]));
    Str id = store_id(h->store, h->arena, s[0]);
    StoreChange u = {STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, s[0], home_patient(h, 2), false};
    assert_ok(commit_some(h, &u, 1, &s[1]));
    /* The same previous version again: somebody was faster. */
    assert_int_equal(commit_some(h, &u, 1, NULL), ERR_CONFLICT);
    StoreChange d = {STORE_DELETE, FHIR_T_PATIENT, STR_EMPTY, s[1], STR_EMPTY, false};
    assert_ok(commit_some(h, &d, 1, &s[2]));
    assert_int_equal(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v), ERR_GONE);
    assert_int_equal(v.version, 3);
    d.prev = s[2];
    assert_int_equal(commit_some(h, &d, 1, NULL), ERR_GONE);
    StoreChange back = {STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, s[2], home_patient(h, 4), false};
    assert_ok(commit_some(h, &back, 1, &s[3]));
    for (int round = 0; round < 2; round++) {
        assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
        assert_int_equal(v.version, 4);
        assert_int_equal(v.first, s[0]);
        assert_str(v.id, id);
        assert_true(str_find(v.json, STR("\"P4\"")) != SIZE_MAX);
        assert_ok(store_get_version(h->store, h->arena, FHIR_T_PATIENT, id, 1, &v));
        assert_true(str_find(v.json, STR("\"P1\"")) != SIZE_MAX);
        assert_ok(store_get_version(h->store, h->arena, FHIR_T_PATIENT, id, 2, &v));
        assert_int_equal(v.slot, s[1]);
        assert_int_equal(store_get_version(h->store, h->arena, FHIR_T_PATIENT, id, 3, &v),
                         ERR_GONE);
        assert_int_equal(store_get_version(h->store, h->arena, FHIR_T_PATIENT, id, 5, &v),
                         ERR_NOT_FOUND);
        assert_false(store_is_current(h->store, s[0]));
        assert_false(store_is_current(h->store, s[2]));
        assert_true(store_is_current(h->store, s[3]));
        home_reopen(h);
    }
    StoreChange twice[] = {
        {STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, s[3], home_patient(h, 5), false},
        {STORE_DELETE, FHIR_T_PATIENT, STR_EMPTY, s[3], STR_EMPTY, false}};
    assert_int_equal(commit_some(h, twice, 2, NULL), ERR_INVALID);
    assert_string_equal(h->info.rule, "changed-twice");
    StoreChange other = {STORE_UPDATE, FHIR_T_ENCOUNTER,   STR_EMPTY,
                         s[3],         home_patient(h, 5), false};
    assert_int_equal(commit_some(h, &other, 1, NULL), ERR_INVALID);
    other.prev = SLOT_OF(99, 0);
    assert_int_equal(commit_some(h, &other, 1, NULL), ERR_NOT_FOUND);
    other.prev = s[3] + 7;
    assert_int_equal(commit_some(h, &other, 1, NULL), ERR_NOT_FOUND);
}

static void clients_choose_ids(void **state) {
    Home *h = *state;
    StoreVersion v;
    Slot slots[2];
    StoreChange c[] = {create(FHIR_T_PATIENT, home_patient(h, 1)),
                       create(FHIR_T_ENCOUNTER, STR("{\"resourceType\":\"Encounter\",\"subject\":"
                                                    "{\"reference\":\"Patient/~0\"}}"))};
    c[0].id = STR("bn-0001.a");
    StoreGroup group = {c, 2, 0, 0};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, slots, &h->info));
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, c[0].id, &v));
    assert_str(v.id, c[0].id);
    assert_int_equal(v.slot, slots[0]);
    /* Its slot in the server's form is no second name of it. */
    Str form = store_id(h->store, h->arena, slots[0]);
    assert_int_equal(store_get(h->store, h->arena, FHIR_T_PATIENT, form, &v), ERR_NOT_FOUND);
    v = home_get_slot(h, slots[1]);
    assert_true(str_find(v.json, STR("\"reference\":\"Patient/bn-0001.a\"")) != SIZE_MAX);
    assert_int_equal(commit_some(h, c, 1, NULL), ERR_EXISTS);
    /* The same id for another type is another resource. */
    StoreChange e = create(FHIR_T_ENCOUNTER, STR("{\"resourceType\":\"Encounter\"}"));
    e.id = c[0].id;
    assert_ok(commit_some(h, &e, 1, NULL));
    StoreChange two[] = {create(FHIR_T_PATIENT, home_patient(h, 2)),
                         create(FHIR_T_PATIENT, home_patient(h, 3))};
    two[0].id = two[1].id = STR("double");
    assert_int_equal(commit_some(h, two, 2, NULL), ERR_INVALID);
    static const char *const BAD[] = {
        "a/b", "a b", "ä", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        two[0].id = str_from(BAD[i]);
        assert_int_equal(commit_some(h, two, 1, NULL), ERR_INVALID);
        assert_string_equal(h->info.rule, "id-form");
    }
    two[0].id = store_id(h->store, h->arena, SLOT_OF(store_snapshot(h->store) + 5, 0));
    assert_int_equal(commit_some(h, two, 1, NULL), ERR_INVALID);
    assert_string_equal(h->info.rule, "id-reserved");
    StoreChange u = {STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, slots[0], home_patient(h, 9), false};
    assert_ok(commit_some(h, &u, 1, NULL));
    home_reopen(h);
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, c[0].id, &v));
    assert_int_equal(v.version, 2);
    assert_str(v.id, c[0].id);
}

static void an_expectation_that_failed_refuses_the_commit(void **state) {
    Home *h = *state;
    StoreExpect expect = {FHIR_T_PATIENT, FHIR_P_IDENTIFIER, STR("urn:test"), STR("P7")};
    StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 7));
    StoreGroup group = {&c, 1, 0, 0};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .expects = &expect,
                          .n_expects = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("t"),
                          .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
    assert_int_equal(store_commit(h->store, &commit, NULL, NULL, &h->info), ERR_CONFLICT);
    assert_string_equal(h->info.rule, "expect");
    commit.snapshot = store_snapshot(h->store);
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
    expect.value = STR("P8");
    commit.snapshot = 0;
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
}

/* Many commits queued before the writer can take them: one group, checked against each other. */
typedef struct Outcome {
    atomic_int ok, conflict, other;
} Outcome;

static void count_outcome(void *ctx, ErrCode err, const StoreCommitted *committed,
                          const StorePrepared *prepared) {
    Outcome *o = ctx;
    (void)committed;
    (void)prepared;
    atomic_fetch_add(err == ERR_OK ? &o->ok : err == ERR_CONFLICT ? &o->conflict : &o->other, 1);
}

static void commits_of_one_group_see_each_other(void **state) {
    Home *h = *state;
    enum { N = 40 };
    StorePrepared *prepared[N];
    Outcome outcome = {0};
    for (int i = 0; i < N; i++) {
        StoreExpect expect = {FHIR_T_PATIENT, FHIR_P_IDENTIFIER, STR("urn:test"), STR("P1")};
        StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 1));
        StoreGroup group = {&c, 1, 0, 0};
        StoreCommit commit = {.groups = &group,
                              .n_groups = 1,
                              .expects = &expect,
                              .n_expects = 1,
                              .actor = STR("t"),
                              .source = STR("u")};
        assert_ok(store_prepare(h->store, &commit, &prepared[i], &h->info));
    }
    for (int i = 0; i < N; i++) {
        store_submit(h->store, prepared[i], count_outcome, &outcome);
    }
    store_settle(h->store);
    assert_int_equal(outcome.ok, 1);
    assert_int_equal(outcome.conflict, N - 1);
    assert_int_equal(store_snapshot(h->store), 1);
}

typedef struct Many {
    Home *home;
    int thread;
    atomic_int *failed;
} Many;

enum { THREADS = 8, EACH = 60 };

static void commit_many(void *arg) {
    Many *m = arg;
    Arena *arena = arena_new((size_t)1 << 26);
    for (int i = 0; i < EACH; i++) {
        StoreVersion v;
        Slot slot = 0;
        ErrInfo info;
        Str json = arena_printf(
            arena, "{\"resourceType\":\"Basic\",\"identifier\":[{\"value\":\"%d-%d\"}]}", m->thread,
            i);
        StoreChange c = create(FHIR_T_BASIC, json);
        StoreGroup group = {&c, 1, -1, 0};
        StoreCommit commit = {
            .groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
        bool good = store_commit(m->home->store, &commit, NULL, &slot, &info) == ERR_OK &&
                    store_get(m->home->store, arena, FHIR_T_BASIC,
                              store_id(m->home->store, arena, slot), &v) == ERR_OK &&
                    str_find(v.json, arena_printf(arena, "\"%d-%d\"", m->thread, i)) != SIZE_MAX;
        atomic_fetch_add(m->failed, good ? 0 : 1);
    }
    arena_free(arena);
}

static void eight_threads_commit_and_read_their_own(void **state) {
    Home *h = *state;
    Thread threads[THREADS];
    Many many[THREADS];
    atomic_int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        many[i] = (Many){h, i, &failed};
        assert_ok(thread_start(&threads[i], "commit", commit_many, &many[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    uint64_t n = 0;
    assert_int_equal(failed, 0);
    assert_int_equal(store_snapshot(h->store), THREADS * EACH);
    assert_ok(store_verify(h->store, NULL, &n, &h->info));
    assert_int_equal(n, THREADS * EACH);
}

static void a_long_group_takes_several_records(void **state) {
    Home *h = *state;
    enum { N = 150 };
    StoreChange changes[N];
    Slot slots[N];
    changes[0] = create(FHIR_T_PATIENT, home_patient(h, 1));
    for (int i = 1; i < N; i++) {
        changes[i] =
            create(FHIR_T_OBSERVATION,
                   home_text(h,
                             "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
                             "\"Patient/~0\"},\"hasMember\":[{\"reference\":"
                             "\"Observation/~%d\"}]}",
                             i == 1 ? N - 1 : i - 1));
    }
    StoreGroup group = {changes, N, 0, 0};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    StoreCommitted done;
    assert_ok(store_commit(h->store, &commit, &done, slots, &h->info));
    assert_int_equal(done.last - done.first, 2);
    for (int i = 1; i < N; i++) {
        assert_int_equal(slots[i], SLOT_OF(1 + i / 64, (unsigned)i % 64));
        StoreVersion v = home_get_slot(h, slots[i]);
        Str id = store_id(h->store, h->arena, slots[i == 1 ? N - 1 : i - 1]);
        Str want = home_text(h, "\"Observation/" STR_FMT "\"", STR_ARG(id));
        assert_true(str_find(v.json, want) != SIZE_MAX);
        assert_int_equal(v.patient, slots[0]);
    }
}

static void a_commit_of_25000_changes(void **state) {
    Home *h = *state;
    enum { N = 25000 };
    StoreChange *changes = calloc(N + 1, sizeof(*changes));
    Slot *slots = calloc(N, sizeof(*slots));
    for (int i = 0; i <= N; i++) {
        changes[i] = create(FHIR_T_BASIC, home_text(h,
                                                    "{\"resourceType\":\"Basic\",\"identifier\":[{"
                                                    "\"value\":\"big-%d\"}]}",
                                                    i));
    }
    assert_int_equal(commit_some(h, changes, N + 1, slots), ERR_LIMIT);
    assert_ok(commit_some(h, changes, N, slots));
    assert_int_equal(store_snapshot(h->store), (N + 63) / 64);
    StoreVersion v = home_get_slot(h, slots[N - 1]);
    assert_true(str_find(v.json, STR("\"big-24999\"")) != SIZE_MAX);
    uint64_t n = 0;
    assert_ok(store_verify(h->store, NULL, &n, &h->info));
    free(changes);
    free(slots);
}

static void history_pages_newest_first(void **state) {
    Home *h = *state;
    enum { VERSIONS = 23, OTHERS = 700 };
    Slot prev = 0;
    Slot first = 0;
    for (int i = 0; i < VERSIONS; i++) {
        StoreChange c = {i == 0 ? STORE_CREATE : STORE_UPDATE,
                         FHIR_T_PATIENT,
                         STR_EMPTY,
                         prev,
                         home_patient(h, i),
                         false};
        assert_ok(commit_some(h, &c, 1, &prev));
        first = i == 0 ? prev : first;
    }
    for (int i = 0; i < OTHERS; i++) {
        StoreChange c = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"));
        assert_ok(commit_some(h, &c, 1, NULL));
    }
    const struct {
        FhirType type;
        bool of_id;
        uint32_t total;
    } KINDS[] = {{FHIR_T_PATIENT, true, VERSIONS},
                 {FHIR_T_PATIENT, false, VERSIONS},
                 {FHIR_T_NONE, false, VERSIONS + OTHERS},
                 {FHIR_T_BASIC, false, OTHERS}};
    for (size_t k = 0; k < ARRAY_LEN(KINDS); k++) {
        StoreHistory what = {.type = KINDS[k].type, .count = 10};
        what.id = KINDS[k].of_id ? store_id(h->store, h->arena, first) : STR_EMPTY;
        uint32_t seen = 0;
        Slot last = UINT64_MAX;
        do {
            StoreVersion *versions;
            size_t n = 0;
            assert_ok(store_history(h->store, h->arena, &what, &versions, &n, &what.before));
            assert_true(n == 10 || what.before == 0);
            for (size_t i = 0; i < n; i++) {
                assert_true(versions[i].slot < last);
                last = versions[i].slot;
                seen++;
            }
        } while (what.before != 0);
        assert_int_equal(seen, KINDS[k].total);
    }
    StoreHistory old = {.type = FHIR_T_PATIENT, .snapshot = 5, .count = 100};
    StoreVersion *versions;
    size_t n = 0;
    assert_ok(store_history(h->store, h->arena, &old, &versions, &n, &old.before));
    assert_int_equal(n, 5);
    old = (StoreHistory){.since = versions[0].time + 1000000, .count = 5};
    assert_ok(store_history(h->store, h->arena, &old, &versions, &n, &old.before));
    assert_int_equal(n, 0);
}

typedef struct Seen {
    Slot last;
    unsigned n;
} Seen;

static ErrCode see(void *ctx, const StoreVersion *v) {
    Seen *seen = ctx;
    assert_true(v->slot > seen->last);
    assert_true(v->deleted == (v->json.len == 0));
    seen->last = v->slot;
    seen->n++;
    return seen->n == 5 ? ERR_STOPPED : ERR_OK;
}

/* Every version stands in the same memory as the one before. */
static ErrCode see_place(void *ctx, const StoreVersion *v) {
    const char **place = ctx;
    assert_true(*place == NULL || *place == v->json.ptr);
    *place = v->json.ptr;
    return ERR_OK;
}

static void a_feed_does_not_grow_with_the_log(void **state) {
    Home *h = *state;
    const char *place = NULL;
    for (int i = 0; i < 50; i++) {
        StoreChange c = create(FHIR_T_PATIENT, home_patient(h, i));
        assert_ok(commit_some(h, &c, 1, NULL));
    }
    assert_ok(store_feed(h->store, 0, see_place, &place));
    assert_non_null(place);
}

static void the_feed_goes_on_behind_a_record(void **state) {
    Home *h = *state;
    for (int i = 0; i < 4; i++) {
        StoreChange c[] = {create(FHIR_T_PATIENT, home_patient(h, i)),
                           create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"))};
        assert_ok(commit_some(h, c, 2, NULL));
    }
    Seen seen = {0};
    assert_int_equal(store_feed(h->store, 0, see, &seen), ERR_STOPPED);
    assert_int_equal(seen.last, SLOT_OF(3, 0));
    seen = (Seen){0};
    assert_ok(store_feed(h->store, 2, see, &seen));
    assert_int_equal(seen.n, 4);
    StoreVersion *versions;
    size_t n = 0;
    assert_ok(store_record(h->store, h->arena, 4, &versions, &n));
    assert_int_equal(n, 2);
    assert_int_equal(store_record(h->store, h->arena, 5, &versions, &n), ERR_NOT_FOUND);
}

static void a_folder_takes_one_process(void **state) {
    Home *h = *state;
    Store *second = NULL;
    assert_int_equal(store_open(&h->options, &second, &h->info), ERR_BUSY);
    StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 1));
    assert_ok(commit_some(h, &c, 1, NULL));
    StoreOptions look = h->options;
    look.read_only = 1;
    assert_ok(store_open(&look, &second, &h->info));
    uint64_t n = 0;
    assert_ok(store_verify(second, NULL, &n, &h->info));
    assert_int_equal(n, 1);
    store_close(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_created_resource_comes_back_with_id_and_meta),
        TEST(references_of_all_forms_come_back_whole),
        TEST(references_in_canonical_texts_come_back_whole),
        TEST(a_text_that_is_not_canonical_is_refused_as_such),
        TEST(versions_in_memory_are_those_of_the_records),
        TEST(a_local_reference_to_nothing_is_refused),
        TEST(updates_and_deletes_make_versions),
        TEST(clients_choose_ids),
        TEST(an_expectation_that_failed_refuses_the_commit),
        TEST(commits_of_one_group_see_each_other),
        TEST(eight_threads_commit_and_read_their_own),
        TEST(a_long_group_takes_several_records),
        TEST(a_commit_of_25000_changes),
        TEST(history_pages_newest_first),
        TEST(the_feed_goes_on_behind_a_record),
        TEST(a_feed_does_not_grow_with_the_log),
        TEST(a_folder_takes_one_process),
    };
    return cmocka_run_group_tests_name("store/commit", tests, NULL, NULL);
}
