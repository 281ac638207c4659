/* Hot versions: the ring alone against what was put into it, over several laps; and what commits
 * that were refused or taken back leave there: nothing. */
#include "unit/store/store_help.h"

#include "core/random.h"
#include "store/store_hot.h"

#include <sqlite3.h>

enum { POOL_BYTES = 64 * 1024, VERSIONS = 60000 };

static char pool[POOL_BYTES];

/* All of a version follows from its number. */
typedef struct Made {
    StoredRecord record;
    StoredSlot slot;
    Slot at;
    char client_id[16], patient_id[16];
} Made;

static Str maybe_id(char *out, const char *prefix, bool has, unsigned n) {
    int len = has ? snprintf(out, 16, "%s%u", prefix, n) : 0;
    return (Str){out, (size_t)len};
}

static void make(Made *m, unsigned n) {
    Random random;
    random_init(&random, n + 1);
    m->at = SLOT_OF(n + 1, n % STORE_RECORD_SLOTS);
    size_t most = n % 50 == 0 ? 24000 : 6000;
    size_t len = n % 11 == 0 ? 0 : 1 + random_below(&random, most);
    m->slot = (StoredSlot){.type = n % 2 == 0 ? FHIR_T_PATIENT : FHIR_T_COVERAGE,
                           .deleted = len == 0,
                           .first = n % 3 == 0 ? 0 : SLOT_OF(n / 2 + 1, 1),
                           .prev = n % 3 == 0 ? 0 : SLOT_OF(n / 2 + 1, 2),
                           .version = n % 9 + 1,
                           .client_id = maybe_id(m->client_id, "c", n % 5 == 0, n),
                           .text = {pool + random_below(&random, POOL_BYTES - most), len}};
    m->record.commit_first = n / 4 + 1;
    m->record.time = (TimeMs)n * 1000;
    m->record.patient = SLOT_OF(n / 3 + 1, 0);
    m->record.patient_id = maybe_id(m->patient_id, "p", n % 7 == 0, n);
}

static void check_made(const Made *m, const StoredRecord *got) {
    unsigned at = SLOT_POSITION(m->at);
    assert_int_equal(got->number, SLOT_RECORD(m->at));
    assert_int_equal(got->n_slots, at + 1);
    assert_int_equal(got->commit_first, m->record.commit_first);
    assert_int_equal(got->time, m->record.time);
    assert_int_equal(got->patient, m->record.patient);
    assert_str(got->patient_id, m->record.patient_id);
    const StoredSlot *slot = &got->slots[at];
    assert_int_equal(slot->type, m->slot.type);
    assert_int_equal(slot->deleted, m->slot.deleted);
    assert_int_equal(slot->first, m->slot.first == 0 ? m->at : m->slot.first);
    assert_int_equal(slot->prev, m->slot.prev);
    assert_int_equal(slot->version, m->slot.version);
    assert_str(slot->client_id, m->slot.client_id);
    assert_true(str_eq(slot->text, m->slot.text));
}

static bool get_made(Hot *hot, Arena *arena, Made *m, unsigned n) {
    StoredRecord *got = NULL;
    make(m, n);
    arena_reset(arena);
    bool found = hot_get(hot, arena, m->at, &got);
    if (found) {
        check_made(m, got);
    }
    return found;
}

/* texts[n]: bytes of all texts that went in before number n. A version is here while the ring has
 * not come round to it; a place of the table that a later one took makes it unknown earlier. */
static void a_ring_gives_what_it_has_not_overwritten(void **state) {
    (void)state;
    Hot *hot = NULL;
    Made *m = calloc(1, sizeof(*m));
    Arena *arena = arena_new(LIMIT_MIB);
    static size_t texts[VERSIONS + 1];
    Random random;
    random_init(&random, 5);
    for (size_t i = 0; i < POOL_BYTES; i++) {
        pool[i] = (char)random_below(&random, 256);
    }
    assert_ok(hot_new(&hot));
    assert_non_null(m);
    unsigned young = 0;
    unsigned young_found = 0;
    for (unsigned n = 0; n < VERSIONS; n++) {
        make(m, n);
        hot_put(hot, &m->record, m->at, &m->slot);
        bool fits = m->slot.text.len < HOT_VERSION_BYTES - 256;
        bool large = m->slot.text.len > HOT_VERSION_BYTES;
        bool found = get_made(hot, arena, m, n);
        assert_true(found || !fits);
        assert_false(found && large);
        texts[n + 1] = texts[n] + (found ? m->slot.text.len : 0);
        unsigned old = (unsigned)random_below(&random, n + 1);
        found = get_made(hot, arena, m, old);
        assert_false(found && texts[n + 1] - texts[old] > HOT_RING_BYTES);
        bool is_young = texts[n + 1] - texts[old] < HOT_RING_BYTES / 2 &&
                        m->slot.text.len < HOT_VERSION_BYTES - 256;
        young += is_young;
        young_found += found && is_young;
    }
    assert_true(texts[VERSIONS] > 2 * HOT_RING_BYTES);
    assert_in_range(young_found, young - young / 5, young);
    StoredRecord *got = NULL;
    assert_false(hot_get(hot, arena, 0, &got));
    assert_false(hot_get(hot, arena, SLOT_OF(VERSIONS + 9, 0), &got));
    assert_null(got);
    hot_free(hot);
    arena_free(arena);
    free(m);
}

static void run_sql(const Home *h, const char *sql) {
    char path[96];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/data.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void refused_commits_leave_nothing_behind(void **state) {
    Home *h = *state;
    enum { N = 4 };
    Slot s[N] = {0};
    StoreVersion now[N];
    StoreVersion none;
    StoreChange c = create(FHIR_T_PATIENT, home_patient(h, 1));
    assert_ok(commit_some(h, &c, 1, &s[0]));
    c = (StoreChange){STORE_UPDATE, FHIR_T_PATIENT, STR_EMPTY, s[0], home_patient(h, 2), false};
    assert_ok(commit_some(h, &c, 1, &s[1]));
    c.json = home_patient(h, 3); /* of the same version again */
    assert_int_equal(commit_some(h, &c, 1, NULL), ERR_CONFLICT);
    assert_int_equal(store_get_slot(h->store, h->arena, SLOT_OF(3, 0), &none), ERR_NOT_FOUND);
    c = create(FHIR_T_PATIENT, home_patient(h, 4));
    assert_ok(commit_some(h, &c, 1, &s[2]));
    assert_int_equal(s[2], SLOT_OF(3, 0));

    run_sql(h,
            "CREATE TRIGGER refuse BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'no'); END");
    c = create(FHIR_T_PATIENT, home_patient(h, 5));
    assert_int_not_equal(commit_some(h, &c, 1, NULL), ERR_OK);
    assert_int_equal(store_get_slot(h->store, h->arena, SLOT_OF(4, 0), &none), ERR_NOT_FOUND);
    run_sql(h, "DROP TRIGGER refuse");
    c = create(FHIR_T_PATIENT, home_patient(h, 6));
    assert_ok(commit_some(h, &c, 1, &s[3]));
    assert_int_equal(s[3], SLOT_OF(4, 0));

    for (int i = 0; i < N; i++) {
        now[i] = home_get_slot(h, s[i]);
    }
    assert_true(str_find(now[3].json, STR("\"P6\"")) != SIZE_MAX);
    home_reopen(h); /* with nothing in memory */
    for (int i = 0; i < N; i++) {
        assert_str(home_get_slot(h, s[i]).json, now[i].json);
    }
}

/* Too large for the memory beside the records: read from its record each time. */
static void a_large_version_is_read_all_the_same(void **state) {
    Home *h = *state;
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    buf_put_lit(&text, "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"");
    for (size_t i = 0; i < HOT_VERSION_BYTES; i++) {
        buf_put_char(&text, (char)('a' + i % 26));
    }
    buf_put_lit(&text, "\"}]}");
    StoreChange c = create(FHIR_T_PATIENT, buf_str(&text));
    Slot slot = 0;
    assert_ok(commit_some(h, &c, 1, &slot));
    Str first = home_get_slot(h, slot).json;
    assert_true(first.len > HOT_VERSION_BYTES);
    assert_str(home_get_slot(h, slot).json, first);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_gives_what_it_has_not_overwritten),
        TEST(refused_commits_leave_nothing_behind),
        TEST(a_large_version_is_read_all_the_same),
    };
    return cmocka_run_group_tests_name("store/hot", tests, NULL, NULL);
}
