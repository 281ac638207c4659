/* Readers beside the writer: what a reader sees while the writer stands between two of its steps,
 * or goes on during a search; and a tail that is sealed because it has grown old. */
#include "unit/store/store_help.h"

#include "core/clock.h"
#include "store/index_core_int.h"
#include "store/search_int.h"

#include <sqlite3.h>

enum { WAIT_MS = 20000 };

static void commit_basic(Home *h) {
    StoreChange c = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"));
    assert_ok(commit_some(h, &c, 1, NULL));
}

static StoreChange update(Home *h, Slot prev, int n) {
    return (StoreChange){STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, prev, home_patient(h, n), false};
}

/* ---- a search that the writer overtakes ---- */

static void search_begin(Home *h, const FhirQuery *query, Search *s) {
    *s = (Search){.store = h->store,
                  .index = store_index(h->store),
                  .out = h->arena,
                  .plan_arena = arena_new(LIMIT_MIB),
                  .record_arena = arena_new(LIMIT_MIB),
                  .match_arena = arena_new(LIMIT_MIB),
                  .query = query,
                  .info = &h->info,
                  .limits = store_search_limits(h->store),
                  .snapshot = store_snapshot(h->store)};
    s->view = index_view_take(s->index);
    assert_ok(search_plan(s));
}

static void search_end(Search *s) {
    index_view_give(s->view);
    arena_free(s->plan_arena);
    arena_free(s->record_arena);
    arena_free(s->match_arena);
}

static bool has_the_live_tail(const Search *s) {
    IndexView *now = index_view_take(s->index);
    bool has = now->parts[now->n - 1].tail == s->view->parts[s->view->n - 1].tail;
    index_view_give(now);
    return has;
}

static ErrCode count_batch(void *ctx, const WalkBatch *batch) {
    *(size_t *)ctx += batch->n;
    return ERR_OK;
}

/* The new versions stand in a tail that was begun after the search took its list of parts: by its
 * snapshot the old ones are current all the same. */
static void a_search_keeps_what_dies_behind_its_back(void **state) {
    Home *h = *state;
    enum { PATIENTS = 6 };
    Slot slots[PATIENTS];
    h->options.seal_records = 8;
    home_reopen(h);
    for (int i = 0; i < PATIENTS; i++) {
        StoreChange c = create(FHIR_T_PATIENT, home_patient(h, i));
        assert_ok(commit_some(h, &c, 1, &slots[i]));
    }
    Search s;
    FhirQuery query = {.type = FHIR_T_PATIENT};
    search_begin(h, &query, &s);
    while (has_the_live_tail(&s)) {
        commit_basic(h);
    }
    for (int i = 0; i < PATIENTS; i++) {
        StoreChange c = update(h, slots[i], PATIENTS + i);
        assert_ok(commit_some(h, &c, 1, NULL));
    }
    uint64_t total = 0;
    size_t seen = 0;
    assert_ok(search_count(&s, &total));
    assert_int_equal(total, PATIENTS);
    assert_ok(search_walk(&s, 0, count_batch, &seen));
    assert_int_equal(seen, PATIENTS);
    search_end(&s);
}

/* By the snapshot behind its deletion the resource is gone, whatever came later. */
static void a_deleted_resource_stays_deleted_at_its_snapshot(void **state) {
    Home *h = *state;
    Slot slot = 0;
    StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 1));
    assert_ok(commit_some(h, &c, 1, &slot));
    c = (StoreChange){STORE_DELETE, FHIR_T_PATIENT, STR_EMPTY, slot, STR_EMPTY, false};
    assert_ok(commit_some(h, &c, 1, &slot));
    RecordNo snapshot = store_snapshot(h->store);
    for (int round = 0; round < 2; round++) {
        FhirQuery query = {.type = FHIR_T_PATIENT};
        StoreSearch search = {
            .query = &query, .snapshot = snapshot, .count = 5, .want_total = true};
        StorePage page;
        assert_ok(store_search(h->store, h->arena, &search, &page, &h->info));
        assert_int_equal(page.n_matches, 0);
        assert_int_equal(page.total, 0);
        assert_false(store_is_current(h->store, slot));
        if (round == 0) {
            c = update(h, slot, 2); /* it is there again */
            assert_ok(commit_some(h, &c, 1, NULL));
        }
    }
}

/* ---- between publishing in the index and the store's snapshot ---- */

static sqlite3 *hold_view(const Home *h) {
    char path[96];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/view.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void submit(Home *h, const StoreChange *changes, size_t n) {
    StorePrepared *prepared = NULL;
    StoreGroup group = {.changes = changes, .n_changes = n, .patient_change = -1};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_prepare(h->store, &commit, &prepared, &h->info));
    store_submit(h->store, prepared, NULL, NULL);
}

static void check_current(Home *h, Str id, uint32_t version) {
    StoreVersion v;
    StoreVersion *list = NULL;
    StoreHistory what = {.type = FHIR_T_PATIENT, .id = id, .count = 10};
    size_t n = 0;
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
    assert_int_equal(v.version, version);
    assert_true(store_is_current(h->store, v.slot));
    assert_int_equal(store_get_version(h->store, h->arena, FHIR_T_PATIENT, id, version + 1, &v),
                     ERR_NOT_FOUND);
    assert_ok(store_history(h->store, h->arena, &what, &list, &n, &what.before));
    assert_int_equal(n, version);
}

/* view.db is held, so nothing is sealed: with the last frozen tail the writer waits, its commit in
 * the index already, not yet in the snapshot. */
static void a_version_on_its_way_does_not_hide_the_one_before(void **state) {
    Home *h = *state;
    h->options.seal_records = 1;
    home_reopen(h);
    Slot slots[2];
    StoreChange both[] = {create(FHIR_T_PATIENT, home_patient(h, 1)),
                          create(FHIR_T_PATIENT, home_patient(h, 2))};
    both[1].id = STR("own-id");
    sqlite3 *view = hold_view(h);
    assert_ok(commit_some(h, both, 2, slots));
    Str id = store_id(h->store, h->arena, slots[0]);
    for (int i = 2; i < INDEX_FROZEN_MAX; i++) {
        commit_basic(h);
    }
    both[0] = update(h, slots[0], 3);
    both[1] = update(h, slots[1], 4);
    submit(h, both, 2);
    int64_t waited = 0;
    while (index_published(store_index(h->store)) == store_snapshot(h->store)) {
        clock_sleep_ms(clock_real(), 1);
        assert_true(waited++ < WAIT_MS);
    }
    check_current(h, id, 1);
    check_current(h, STR("own-id"), 1);
    assert_true(index_published(store_index(h->store)) > store_snapshot(h->store));
    assert_int_equal(sqlite3_close(view), SQLITE_OK); /* gives the lock back */
    store_settle(h->store);
    check_current(h, id, 2);
    check_current(h, STR("own-id"), 2);
}

/* ---- verifying beside the writer ---- */

static void commit_patients(Home *h, int from, int n) {
    for (int i = from; i < from + n; i++) {
        StoreChange c[] = {create(FHIR_T_PATIENT, home_patient(h, i)),
                           create(FHIR_T_PATIENT, home_patient(h, i + 100000))};
        assert_ok(commit_some(h, c, ARRAY_LEN(c), NULL));
    }
}

typedef struct Training {
    Home *home;
    bool trained;
} Training;

static void train_once(void *ctx, uint64_t done, uint64_t total) {
    Training *t = ctx;
    (void)done;
    (void)total;
    if (!t->trained) {
        t->trained = true;
        assert_ok(store_train(t->home->store, &t->home->info));
        commit_patients(t->home, 200000, 3);
    }
}

/* The walk meets records whose dictionary was made after it began. */
static void a_dictionary_made_while_verifying_is_no_damage(void **state) {
    Home *h = *state;
    Training training = {h, false};
    StoreProgress progress = {.step = train_once, .ctx = &training};
    uint64_t n = 0;
    h->options.sync_off = 1;
    home_reopen(h);
    commit_patients(h, 0, 1100);
    assert_ok(store_verify(h->store, &progress, &n, &h->info));
    assert_true(training.trained);
    assert_int_equal(n, 1103);
}

/* ---- age ---- */

static void an_old_tail_is_sealed_when_nothing_comes(void **state) {
    Home *h = *state;
    enum { RECORDS = 2 * INDEX_AGED_RECORDS };
    static StoreGroup groups[RECORDS];
    h->options.seal_age_ms = 20;
    home_reopen(h);
    StoreChange c = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"));
    for (int i = 0; i < RECORDS; i++) {
        groups[i] = (StoreGroup){.changes = &c, .n_changes = 1, .patient_change = -1};
    }
    StoreCommit commit = {
        .groups = groups, .n_groups = RECORDS, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
    int64_t waited = 0;
    while (index_covered(store_index(h->store)) < RECORDS) {
        clock_sleep_ms(clock_real(), 1);
        assert_true(waited++ < WAIT_MS);
    }
    commit_basic(h);
    FhirQuery query = {.type = FHIR_T_BASIC};
    StoreSearch search = {.query = &query, .want_total = true};
    StorePage page;
    assert_ok(store_search(h->store, h->arena, &search, &page, &h->info));
    assert_int_equal(page.total, RECORDS + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_search_keeps_what_dies_behind_its_back),
        TEST(a_deleted_resource_stays_deleted_at_its_snapshot),
        TEST(a_version_on_its_way_does_not_hide_the_one_before),
        TEST(a_dictionary_made_while_verifying_is_no_damage),
        TEST(an_old_tail_is_sealed_when_nothing_comes),
    };
    return cmocka_run_group_tests_name("store/snapshot", tests, NULL, NULL);
}
