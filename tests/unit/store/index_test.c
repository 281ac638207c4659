/* The index alone, with made-up keys, against a plain list of all postings. */
#include "unit/test.h"

#include "core/random.h"
#include "store/index_build.h"
#include "store/index_core_int.h"

#include <sqlite3.h>
#include <unistd.h>

enum { KEYS = 60, POSTINGS_MAX = 200000 };

typedef struct Model {
    Random random;
    char dir[64];
    char path[96];
    Arena *arena;
    struct Posting {
        unsigned key;
        Slot slot;
    } * postings; /* ascending by slot */
    size_t n;
    RecordNo last;
} Model;

static void model_init(Model *m, uint64_t seed) {
    memset(m, 0, sizeof(*m));
    random_init(&m->random, seed);
    (void)snprintf(m->dir, sizeof(m->dir), "/tmp/nhip-index-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    (void)snprintf(m->path, sizeof(m->path), "%s/view.db", m->dir);
    m->arena = arena_new((size_t)1 << 30);
    m->postings = calloc(POSTINGS_MAX, sizeof(*m->postings));
    assert_non_null(m->postings);
}

static void model_remove_file(const Model *m) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", m->path, ends[i]);
        (void)unlink(path);
    }
}

static void model_release(Model *m) {
    model_remove_file(m);
    (void)rmdir(m->dir);
    arena_free(m->arena);
    free(m->postings);
}

/* Key number k: of several classes; the keys of a group share beginnings; one is long. */
static Str model_key(char *out, unsigned k) {
    static const IndexClass classes[] = {INDEX_TYPE, INDEX_VALUE, INDEX_PATIENT, INDEX_CLIENT_ID,
                                         INDEX_VALUE};
    size_t n = index_key_head(out, classes[k % 5], k % 3, k % 2 == 0 ? 7 : FHIR_P_IDENTIFIER);
    int len = snprintf(out + n, INDEX_KEY_MAX - n, "value-%0*u", k == 7 ? 200 : 3, k);
    return (Str){out, n + (size_t)len};
}

/* How often keys come: key 0 in every position, the others ever more rarely. */
static bool has_key(Model *m, unsigned k) {
    return k == 0 || random_below(&m->random, k * k) == 0;
}

static void put_entry(IndexBatch *b, Str key, uint32_t offset) {
    if (b->n == b->capacity) {
        size_t capacity = b->capacity * 2 + 64;
        IndexEntry *entries = arena_new_array(b->arena, IndexEntry, capacity);
        assert_non_null(entries);
        if (b->n > 0) {
            memcpy(entries, b->entries, b->n * sizeof(*entries));
        }
        b->entries = entries;
        b->capacity = capacity;
    }
    b->entries[b->n++] = (IndexEntry){.key = arena_str(b->arena, key), .offset = offset};
}

/* One commit of 1-3 records; remembered in the model. */
static void commit(Model *m, Index *index) {
    Arena *arena = arena_new((size_t)1 << 24);
    IndexBatch batch = {.arena = arena};
    RecordNo first = m->last + 1;
    RecordNo last = m->last + 1 + random_below(&m->random, 3);
    for (RecordNo r = first; r <= last; r++) {
        unsigned positions = 1 + (unsigned)random_below(&m->random, 12);
        for (unsigned p = 0; p < positions; p++) {
            for (unsigned k = 0; k < KEYS; k++) {
                if (has_key(m, k)) {
                    char key[INDEX_KEY_MAX];
                    put_entry(&batch, model_key(key, k),
                              (uint32_t)((r - first) * STORE_RECORD_SLOTS + p));
                    assert_true(m->n < POSTINGS_MAX);
                    m->postings[m->n++] = (struct Posting){k, SLOT_OF(r, p)};
                }
            }
        }
    }
    assert_ok(index_add(index, first, last, &batch));
    index_publish(index, last);
    m->last = last;
    arena_free(arena);
}

/* Gives all of the model's postings above `covered` to the index again, as the store does at open.
 */
static void replay(Model *m, Index *index, RecordNo covered) {
    size_t at = 0;
    while (at < m->n && SLOT_RECORD(m->postings[at].slot) <= covered) {
        at++;
    }
    for (RecordNo r = covered + 1; r <= m->last; r++) {
        Arena *arena = arena_new((size_t)1 << 24);
        IndexBatch batch = {.arena = arena};
        for (; at < m->n && SLOT_RECORD(m->postings[at].slot) == r; at++) {
            char key[INDEX_KEY_MAX];
            put_entry(&batch, model_key(key, m->postings[at].key),
                      SLOT_POSITION(m->postings[at].slot));
        }
        assert_ok(index_add(index, r, r, &batch));
        index_publish(index, r);
        arena_free(arena);
    }
}

static Index *open_index(const Model *m, unsigned seal_records) {
    Index *index = NULL;
    ErrInfo info = {0};
    assert_ok(
        index_open(&(IndexOptions){.path = m->path, .seal_records = seal_records}, &index, &info));
    return index;
}

static void check_key(Model *m, Index *index, unsigned k, RecordNo snapshot) {
    char key[INDEX_KEY_MAX];
    Str text = model_key(key, k);
    SlotList list = {0};
    arena_reset(m->arena);
    assert_ok(index_get(index, m->arena, text, snapshot, &list));
    size_t at = 0;
    bool since = false;
    for (size_t i = 0; i < m->n; i++) {
        if (m->postings[i].key != k) {
            continue;
        }
        if (SLOT_RECORD(m->postings[i].slot) > snapshot) {
            since = true;
            break;
        }
        assert_true(at < list.n);
        assert_int_equal(list.slots[at++], m->postings[i].slot);
    }
    assert_int_equal(at, list.n);
    assert_int_equal(index_key_since(index, text, snapshot), since);
}

static void check_all(Model *m, Index *index) {
    for (unsigned k = 0; k < KEYS; k++) {
        check_key(m, index, k, m->last);
        check_key(m, index, k, random_below(&m->random, m->last + 1));
    }
}

static size_t parts_of_level(Index *index, unsigned level) {
    IndexView *view = index_view_take(index);
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++) {
        n += view->parts[i].segment != NULL && view->parts[i].segment->level == level;
    }
    index_view_give(view);
    return n;
}

static void index_answers_like_a_list_over_all_levels(void **state) {
    (void)state;
    Model m;
    model_init(&m, 1);
    Index *index = open_index(&m, 4);
    for (int i = 0; i < 1500; i++) {
        commit(&m, index);
        if (i % 100 == 0) {
            check_all(&m, index);
        }
    }
    index_settle(index);
    assert_true(parts_of_level(index, 2) > 0);
    assert_true(parts_of_level(index, 0) < INDEX_FAN_IN);
    check_all(&m, index);
    index_close(index);
    model_release(&m);
}

static void digest_does_not_depend_on_segment_borders(void **state) {
    (void)state;
    Model m;
    model_init(&m, 2);
    Index *index = open_index(&m, 4);
    for (int i = 0; i < 600; i++) {
        commit(&m, index);
    }
    Sha256 before;
    Sha256 after;
    assert_ok(index_digest(index, &before)); /* while sealing and merging go on */
    index_settle(index);
    assert_ok(index_digest(index, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    index_close(index);
    model_remove_file(&m);

    index = open_index(&m, 100000); /* everything in the tail */
    assert_int_equal(index_covered(index), 0);
    replay(&m, index, 0);
    assert_ok(index_digest(index, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    m.postings[m.n / 2].key = (m.postings[m.n / 2].key + 1) % KEYS;
    index_close(index);
    model_remove_file(&m);
    index = open_index(&m, 64);
    replay(&m, index, 0);
    assert_ok(index_digest(index, &after));
    assert_memory_not_equal(&before, &after, sizeof(before));
    index_close(index);
    model_release(&m);
}

static void reopening_keeps_what_is_sealed_and_takes_the_rest_again(void **state) {
    (void)state;
    Model m;
    model_init(&m, 3);
    for (int round = 0; round < 6; round++) {
        Index *index = open_index(&m, 16);
        RecordNo covered = index_covered(index);
        assert_true(covered <= m.last);
        assert_true(round == 0 || covered > 0);
        replay(&m, index, covered);
        check_all(&m, index);
        for (int i = 0; i < 120; i++) {
            commit(&m, index);
        }
        if (round % 2 == 0) { /* else closed in the midst of sealing */
            index_settle(index);
        }
        check_all(&m, index);
        index_close(index);
    }
    model_release(&m);
}

/* How many segments of level 0 hold fewer than `records`. */
static size_t partial_segments(Index *index, RecordNo records) {
    IndexView *view = index_view_take(index);
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++) {
        const Segment *s = view->parts[i].segment;
        n += s != NULL && s->level == 0 && s->last - s->first + 1 < records;
    }
    index_view_give(view);
    return n;
}

static void what_is_sealed_at_a_stop_grows_into_whole_segments(void **state) {
    (void)state;
    Model m;
    model_init(&m, 6);
    for (int round = 0; round < 150; round++) {
        Index *index = open_index(&m, 16);
        assert_int_equal(index_covered(index), m.last); /* nothing to replay */
        for (uint64_t i = random_below(&m.random, 8); i > 0; i--) {
            commit(&m, index);
        }
        assert_ok(index_seal_rest(index, 60000));
        assert_ok(index_seal_rest(index, 60000)); /* the second time there is nothing to do */
        assert_int_equal(index_covered(index), m.last);
        assert_true(partial_segments(index, 16) <= 1);
        if (round % 10 == 0) {
            check_all(&m, index);
        }
        index_close(index);
    }
    Index *index = open_index(&m, 16);
    index_settle(index);
    assert_true(parts_of_level(index, 1) > 0);
    assert_true(parts_of_level(index, 0) <= INDEX_FAN_IN);
    commit(&m, index); /* goes on behind the partial segment */
    check_all(&m, index);
    index_close(index);
    model_release(&m);
}

static void commit_records(Model *m, Index *index, RecordNo n) {
    for (RecordNo end = m->last + n; m->last < end;) {
        commit(m, index);
    }
}

/* A tail is sealed before it is full once its first record is a minute old, and only if that is
 * worth it; the partial segments grow together, and a crash leaves what came since. */
static void a_tail_that_has_grown_old_is_sealed(void **state) {
    (void)state;
    Model m;
    ClockFake clock;
    model_init(&m, 13);
    clock_fake_init(&clock, 0);
    IndexOptions options = {.path = m.path, .seal_records = 4000, .clock = &clock.clock};
    Index *index = NULL;
    assert_ok(index_open(&options, &index, NULL));
    RecordNo covered = 0;
    for (int round = 0; round < 3; round++) {
        clock_fake_advance(&clock, 10 * INDEX_AGE_MS); /* an empty tail does not grow old */
        commit_records(&m, index, INDEX_AGED_RECORDS - 16);
        clock_fake_advance(&clock, INDEX_AGE_MS);
        index_publish(index, m.last);
        index_settle(index);
        assert_int_equal(index_covered(index), covered); /* old, but too few */
        while (index_covered(index) == covered) {
            commit(&m, index);
            index_settle(index);
        }
        assert_in_range(m.last - covered, INDEX_AGED_RECORDS, INDEX_AGED_RECORDS + 2);
        covered = m.last; /* with the commit that made them enough */
        assert_int_equal(index_covered(index), covered);
        assert_int_equal(parts_of_level(index, 0), 1);
        commit_records(&m, index, INDEX_AGED_RECORDS);
        clock_fake_advance(&clock, INDEX_AGE_MS - 1);
        index_publish(index, m.last);
        index_settle(index);
        assert_int_equal(index_covered(index), covered); /* enough, but too young */
        clock_fake_advance(&clock, 1);
        index_publish(index, m.last); /* nothing new has come */
        covered = m.last;
        index_settle(index);
        assert_int_equal(index_covered(index), covered);
        assert_int_equal(partial_segments(index, 4000), 1);
        commit_records(&m, index, 5);
        check_all(&m, index);
        index_close(index); /* without sealing the rest */
        assert_ok(index_open(&options, &index, NULL));
        assert_int_equal(index_covered(index), covered);
        replay(&m, index, covered);
        check_all(&m, index);
    }
    index_close(index);
    model_release(&m);
}

/* A partial segment that cannot be read stands in nobody's way: the tail is sealed without it. */
static void a_damaged_partial_segment_does_not_stop_sealing(void **state) {
    (void)state;
    Model m;
    model_init(&m, 7);
    Index *index = open_index(&m, 64);
    commit(&m, index);
    assert_ok(index_seal_rest(index, 60000));
    uint64_t id = index->view->parts[0].segment->id;
    Str junk = STR("not a block");
    assert_ok(index_db_drop_blocks(index->db, id, 0, 1));
    assert_ok(index_db_put_blocks(index->db, id, 0, &junk, 1));
    commit(&m, index);
    assert_ok(index_seal_rest(index, 60000));
    assert_int_equal(index_covered(index), m.last);
    assert_int_equal(parts_of_level(index, 0), 2);
    index_close(index);
    model_release(&m);
}

/* Not known is not the same as not there: the id would be given twice. */
static void a_client_id_that_cannot_be_read_is_an_error(void **state) {
    (void)state;
    Model m;
    model_init(&m, 14);
    Index *index = open_index(&m, 64);
    IndexBatch batch = {.arena = m.arena};
    char key[INDEX_KEY_MAX];
    size_t n = index_key_head(key, INDEX_CLIENT_ID, FHIR_T_PATIENT, 0);
    memcpy(key + n, "own", 3);
    put_entry(&batch, (Str){key, n + 3}, 0);
    assert_ok(index_add(index, 1, 1, &batch));
    index_publish(index, 1);
    Slot first = 0;
    assert_ok(index_client_id(index, FHIR_T_PATIENT, STR("own"), &first));
    assert_int_equal(first, SLOT_OF(1, 0));
    assert_ok(index_seal_rest(index, 60000));
    uint64_t id = index->view->parts[0].segment->id;
    Str junk = STR("not a block");
    assert_ok(index_db_drop_blocks(index->db, id, 0, 1));
    assert_ok(index_db_put_blocks(index->db, id, 0, &junk, 1));
    assert_int_equal(index_client_id(index, FHIR_T_PATIENT, STR("own"), &first), ERR_CORRUPT);
    assert_ok(index_client_id(index, FHIR_T_COVERAGE, STR("another"), &first));
    assert_int_equal(first, 0);
    index_close(index);
    model_release(&m);
}

static uint64_t blocks_stored(const Model *m, bool *ret_orphans) {
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(m->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*), count(*) FILTER (WHERE id >> 24 NOT IN "
                                        "(SELECT id FROM segment)) FROM segment_block",
                                        -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    uint64_t n = (uint64_t)sqlite3_column_int64(st, 0);
    *ret_orphans = sqlite3_column_int64(st, 1) > 0;
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return n;
}

/* A seal or a merge that a crash cut off leaves blocks without a segment row. */
static void blocks_left_by_a_crash_go_and_change_no_answer(void **state) {
    (void)state;
    Model m;
    model_init(&m, 4);
    Index *index = open_index(&m, 8);
    for (int i = 0; i < 150; i++) {
        commit(&m, index);
    }
    index_settle(index);
    Str junk[3] = {STR("not a block"), STR("x"), STR("cut off")};
    uint64_t id = index->next_id + 5;
    assert_ok(index_db_put_blocks(index->db, id, 0, junk, 3));
    index_close(index);
    bool orphans = false;
    uint64_t n = blocks_stored(&m, &orphans);
    assert_true(orphans);

    index = open_index(&m, 8);
    assert_true(index->next_id > id);
    index_settle(index);
    replay(&m, index, index_covered(index));
    check_all(&m, index);
    index_settle(index);
    index_close(index);
    assert_true(blocks_stored(&m, &orphans) >= n - 3);
    assert_false(orphans);
    model_release(&m);
}

static void a_segment_once_merged_is_read_to_the_end_by_who_holds_it(void **state) {
    (void)state;
    Model m;
    model_init(&m, 5);
    Index *index = open_index(&m, 4);
    for (int i = 0; i < 12; i++) {
        commit(&m, index);
    }
    IndexView *held = index_view_take(index);
    for (int i = 0; i < 400; i++) {
        commit(&m, index);
    }
    index_settle(index);
    assert_true(parts_of_level(index, 1) + parts_of_level(index, 2) > 0);
    char key[INDEX_KEY_MAX];
    SlotVec slots = {0};
    for (size_t i = 0; i + 1 < held->n; i++) {
        slots.n = 0;
        assert_ok(part_get(&held->parts[i], model_key(key, 0), UINT32_MAX, &slots));
        assert_true(slots.n > 0);
    }
    slot_vec_release(&slots);
    index_view_give(held);
    index_settle(index);
    index_close(index);
    bool orphans = true;
    (void)blocks_stored(&m, &orphans);
    assert_false(orphans);
    model_release(&m);
}

typedef struct Collected {
    unsigned seen[KEYS];
    Slot base;
    uint64_t n;
} Collected;

static bool take_any(void *ctx, Str key) {
    (void)ctx;
    return key.len > 0;
}

static ErrCode collect(void *ctx, Str key, const uint32_t *slots, size_t n) {
    Collected *c = ctx;
    for (unsigned k = 0; k < KEYS; k++) {
        char text[INDEX_KEY_MAX];
        c->seen[k] += str_eq(model_key(text, k), key) ? (unsigned)n : 0;
    }
    (void)slots;
    c->n += n;
    return ERR_OK;
}

static void range_scans_find_every_key_of_the_range(void **state) {
    (void)state;
    Model m;
    model_init(&m, 6);
    Index *index = open_index(&m, 16);
    for (int i = 0; i < 200; i++) {
        commit(&m, index);
    }
    IndexView *view = index_view_take(index);
    for (unsigned a = 0; a < KEYS; a += 7) {
        for (unsigned b = 0; b < KEYS; b += 5) {
            char from[INDEX_KEY_MAX];
            char to[INDEX_KEY_MAX];
            RecordNo snapshot = random_below(&m.random, m.last + 1);
            Collected got = {0};
            TailScan scan = {.from = model_key(from, a),
                             .to = model_key(to, b),
                             .take = take_any,
                             .put = collect,
                             .ctx = &got};
            for (size_t i = 0; i < view->n; i++) {
                scan.below = part_below(&view->parts[i], snapshot);
                assert_ok(part_scan(&view->parts[i], &scan));
            }
            unsigned want[KEYS] = {0};
            for (size_t i = 0; i < m.n && SLOT_RECORD(m.postings[i].slot) <= snapshot; i++) {
                char key[INDEX_KEY_MAX];
                Str text = model_key(key, m.postings[i].key);
                want[m.postings[i].key] +=
                    str_cmp(text, scan.from) >= 0 && str_cmp(text, scan.to) < 0;
            }
            assert_memory_equal(got.seen, want, sizeof(want));
        }
    }
    index_view_give(view);
    index_close(index);
    model_release(&m);
}

static Str list_key(char *out, char list, unsigned record) {
    size_t n = index_key_head(out, INDEX_VALUE, 1, 7);
    int len = record == 0 ? snprintf(out + n, INDEX_KEY_MAX - n, "%c", list)
                          : snprintf(out + n, INDEX_KEY_MAX - n, "%c-%04u", list, record);
    return (Str){out, n + (size_t)len};
}

/* Two long lists, a short key of each record between them. */
static void commit_lists(Index *index, RecordNo record) {
    Arena *arena = arena_new((size_t)1 << 24);
    IndexBatch batch = {.arena = arena};
    for (unsigned p = 0; p < STORE_RECORD_SLOTS; p++) {
        char key[INDEX_KEY_MAX];
        put_entry(&batch, list_key(key, p % 2 == 0 ? 'a' : 'c', 0), p);
        if (p == record % STORE_RECORD_SLOTS) {
            put_entry(&batch, list_key(key, 'b', (unsigned)record), p);
        }
    }
    assert_ok(index_add(index, record, record, &batch));
    index_publish(index, record);
    arena_free(arena);
}

/* Every block of the list, as a reader of a page takes it; false: one block holds all. */
static bool check_decoded(const Segment *s, Str key) {
    uint32_t lo = 0;
    uint32_t hi = 0;
    SlotVec all = {0};
    size_t at = 0;
    assert_true(segment_find(s, key, &lo, &hi));
    assert_ok(segment_get(s, key, &all));
    for (uint32_t b = lo; b <= hi && lo < hi; b++) {
        CacheBlock *held = NULL;
        assert_ok(segment_block_decoded(s, b, b == lo, &held));
        assert_true(at + held->len / sizeof(uint32_t) <= all.n);
        if (held->len > 0) {
            assert_memory_equal(held->bytes, all.slots + at, held->len);
        }
        at += held->len / sizeof(uint32_t);
        cache_block_unref(held);
    }
    assert_int_equal(at, lo < hi ? all.n : 0);
    slot_vec_release(&all);
    return lo < hi;
}

static void lists_of_several_blocks_and_keys_between_them(void **state) {
    enum { RECORDS = 1100 };
    (void)state;
    Model m;
    model_init(&m, 23);
    Index *index = open_index(&m, 64);
    for (RecordNo r = 1; r <= RECORDS; r++) {
        commit_lists(index, r);
    }
    index_settle(index);
    IndexView *view = index_view_take(index);
    unsigned long_lists = 0;
    for (size_t i = 0; i < 2 * view->n; i++) { /* the second time from the cache */
        const Segment *s = view->parts[i % view->n].segment;
        char key[INDEX_KEY_MAX];
        if (s != NULL) {
            long_lists += check_decoded(s, list_key(key, 'a', 0));
            long_lists += check_decoded(s, list_key(key, 'c', 0));
        }
    }
    assert_true(long_lists >= 4);
    for (unsigned r = 1; r <= RECORDS; r++) {
        char key[INDEX_KEY_MAX];
        Slot slot = 0;
        assert_ok(index_newest(view, list_key(key, 'b', r), RECORDS, &slot));
        assert_int_equal(slot, SLOT_OF(r, r % STORE_RECORD_SLOTS));
        assert_ok(index_newest(view, list_key(key, 'b', r), r - 1, &slot));
        assert_int_equal(slot, 0);
        assert_ok(index_newest(view, list_key(key, 'c', 0), r, &slot));
        assert_int_equal(slot, SLOT_OF(r, STORE_RECORD_SLOTS - 1));
    }
    index_view_give(view);
    index_close(index);
    model_release(&m);
}

typedef struct ReaderJob {
    Model *m;
    Index *index;
    atomic_bool stop;
    atomic_uint rounds, failures;
} ReaderJob;

/* Reads one frequent key at a snapshot again and again: the answer for a snapshot must not change.
 */
static void reader_main(void *arg) {
    ReaderJob *job = arg;
    Arena *arena = arena_new((size_t)1 << 28);
    char key[INDEX_KEY_MAX];
    Str text = model_key(key, 0);
    while (!atomic_load(&job->stop)) {
        RecordNo snapshot = index_published(job->index);
        SlotList first = {0};
        SlotList again = {0};
        bool ok = index_get(job->index, arena, text, snapshot, &first) == ERR_OK;
        for (int i = 0; i < 3 && ok; i++) {
            ok = index_get(job->index, arena, text, snapshot, &again) == ERR_OK &&
                 again.n == first.n &&
                 (first.n == 0 || memcmp(again.slots, first.slots, first.n * sizeof(Slot)) == 0);
        }
        ok = ok && (snapshot == 0 || SLOT_RECORD(first.slots[first.n - 1]) == snapshot);
        atomic_fetch_add(&job->failures, !ok);
        atomic_fetch_add(&job->rounds, 1);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void snapshots_stand_still_while_the_writer_goes_on(void **state) {
    (void)state;
    Model m;
    model_init(&m, 7);
    ReaderJob job = {.m = &m, .index = open_index(&m, 8)};
    Thread threads[2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_ok(thread_start(&threads[i], "reader", reader_main, &job));
    }
    for (int i = 0; i < 600 || atomic_load(&job.rounds) < 50; i++) {
        commit(&m, job.index);
    }
    atomic_store(&job.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
    }
    assert_int_equal(atomic_load(&job.failures), 0);
    check_all(&m, job.index);
    index_close(job.index);
    model_release(&m);
}

/* A chain of versions of one resource: record r supersedes record r - 1; the last is a delete. */
static void superseded_slots_live_until_their_snapshot(void **state) {
    (void)state;
    Model m;
    model_init(&m, 8);
    enum { LAST = 50 };
    const FhirType type = FHIR_T_PATIENT;
    for (int reopened = 0; reopened < 2; reopened++) {
        Index *index = open_index(&m, 8);
        for (RecordNo r = index_covered(index) + 1; r <= LAST; r++) {
            Arena *arena = arena_new(1 << 16);
            IndexBatch batch = {.arena = arena};
            char key[INDEX_KEY_MAX];
            if (r > 1) {
                put_entry(&batch, index_key_slot(key, INDEX_VERSION, 0, SLOT_OF(1, 0)), 0);
                put_entry(&batch, index_key_slot(key, INDEX_SUPERSEDED, type, SLOT_OF(r - 1, 0)),
                          0);
            }
            if (r == LAST) {
                put_entry(&batch, (Str){key, index_key_head(key, INDEX_DELETED, type, 0)}, 0);
            }
            assert_ok(index_add(index, r, r, &batch));
            index_publish(index, r);
            arena_free(arena);
        }
        for (RecordNo at = 1; at <= LAST; at++) {
            for (RecordNo r = 1; r <= LAST; r++) {
                bool live = r == at && r != LAST;
                assert_int_equal(index_is_live(index, type, SLOT_OF(r, 0), at), live);
            }
        }
        SlotList versions = {0};
        assert_ok(index_versions(index, m.arena, SLOT_OF(1, 0), LAST, &versions));
        assert_int_equal(versions.n, LAST - 1);
        assert_int_equal(dead_count(index->dead), LAST);
        assert_ok(index_seal_rest(index, 60000)); /* the second time everything is from the disk */
        index_close(index);
    }
    model_release(&m);
}

static void keys_with_local_references_are_moved_to_their_record(void **state) {
    (void)state;
    Model m;
    model_init(&m, 9);
    Index *index = open_index(&m, 8);
    IndexBatch batch = {.arena = m.arena};
    char key[INDEX_KEY_MAX];
    put_entry(&batch, index_key_slot(key, INDEX_PATIENT, 0, 3), 0);
    batch.entries[0].relocate = INDEX_PREFIX_LEN;
    assert_ok(index_add(index, 5, 5, &batch));
    index_publish(index, 5);
    SlotList list = {0};
    assert_ok(
        index_get(index, m.arena, index_key_slot(key, INDEX_PATIENT, 0, SLOT_OF(5, 3)), 5, &list));
    assert_int_equal(list.n, 1);
    assert_int_equal(list.slots[0], SLOT_OF(5, 0));
    index_close(index);
    model_release(&m);
}

static void a_damaged_file_is_made_anew(void **state) {
    (void)state;
    Model m;
    model_init(&m, 10);
    Index *index = open_index(&m, 8);
    for (int i = 0; i < 50; i++) {
        commit(&m, index);
    }
    index_settle(index);
    index_close(index);
    FILE *f = fopen(m.path, "r+b");
    assert_non_null(f);
    for (int i = 0; i < 4096; i++) {
        (void)fputc(0x5A, f);
    }
    assert_int_equal(fclose(f), 0);
    index = open_index(&m, 8);
    assert_int_equal(index_covered(index), 0);
    replay(&m, index, 0);
    check_all(&m, index);
    index_close(index);
    model_release(&m);
}

/* What the set counts and lists in [from, to) is what the model has there. */
static void check_span(DeadSet *d, const uint8_t *model, uint32_t from, uint32_t to) {
    CLEANUP(slot_vec_release) SlotVec list = {0};
    size_t n = 0;
    assert_ok(dead_list(d, FHIR_T_PATIENT, from, to, &list));
    for (uint32_t i = from; i < to; i++) {
        if (model[i] == 1) {
            assert_true(n < list.n);
            assert_int_equal(list.slots[n++], i - from);
        }
    }
    assert_int_equal(list.n, n);
    assert_int_equal(dead_count_in(d, FHIR_T_PATIENT, from, to), n);
}

static void a_dead_set_holds_what_was_put_in(void **state) {
    (void)state;
    enum { SLOTS = 400000 };
    DeadSet *d = dead_new();
    Random random;
    random_init(&random, 11);
    CLEANUP_FREE uint8_t *model = calloc(SLOTS, 1);
    uint64_t n = 0;
    for (int i = 0; i < 60000; i++) { /* one run grows into a bitmap, the others stay lists */
        Slot slot = i % 2 == 0 ? random_below(&random, 60000) : random_below(&random, SLOTS);
        bool other = model[slot] == 2 || (model[slot] == 0 && i % 7 == 0); /* type */
        n += model[slot] == 0;
        model[slot] = other ? 2 : 1;
        assert_ok(dead_add(d, other ? FHIR_T_GROUP : FHIR_T_PATIENT, slot));
    }
    assert_int_equal(dead_count(d), n);
    uint32_t slots[1000];
    uint64_t marks[16];
    for (uint32_t base = 0; base < SLOTS; base += 1000) {
        size_t want = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            slots[i] = i;
            want += model[base + i] == 1;
            assert_int_equal(dead_has(d, FHIR_T_PATIENT, base + i), model[base + i] == 1);
            assert_int_equal(dead_has(d, FHIR_T_GROUP, base + i), model[base + i] == 2);
        }
        assert_int_equal(dead_mark(d, FHIR_T_PATIENT, &(DeadAsk){base, slots, 1000}, marks), want);
    }
    for (int i = 0; i < 300; i++) {
        uint32_t from = (uint32_t)random_below(&random, SLOTS);
        check_span(d, model, from, from + (uint32_t)random_below(&random, SLOTS - from + 1));
    }
    check_span(d, model, 1 << 16, 3 << 16); /* whole runs */
    assert_int_equal(dead_count_in(d, FHIR_T_PATIENT, 500000, 600000), 0);
    assert_int_equal(dead_count_in(d, FHIR_T_ENCOUNTER, 0, SLOTS), 0);
    dead_free(d);
}

static void a_dead_set_comes_back_from_its_packed_form(void **state) {
    (void)state;
    enum { N = 9000 };
    static Slot slots[N];
    static uint64_t items[N];
    Random random;
    random_init(&random, 12);
    for (size_t i = 0; i < N; i++) { /* ascending with gaps of any size, packed out of order */
        slots[i] = (i == 0 ? 1 : slots[i - 1] + 1) +
                   random_below(&random, i % 1000 == 0 ? (uint64_t)1 << 27 : 300);
    }
    Slot swapped = slots[0];
    slots[0] = slots[N - 1];
    slots[N - 1] = swapped;
    CLEANUP_BUF Buf packed;
    buf_init(&packed, LIMIT_MIB);
    for (size_t i = 0; i < N; i++) { /* of two types */
        items[i] = dead_item(slots[i] % 3 == 0 ? FHIR_T_GROUP : FHIR_T_PATIENT, slots[i]);
    }
    dead_pack(items, N, &packed);
    assert_ok(buf_ok(&packed));
    DeadSet *d = dead_new();
    assert_ok(dead_add_packed(d, buf_str(&packed)));
    assert_int_equal(dead_count(d), N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(dead_has(d, FHIR_T_GROUP, slots[i]), slots[i] % 3 == 0);
        assert_int_equal(dead_has(d, FHIR_T_PATIENT, slots[i]), slots[i] % 3 != 0);
    }
    packed.ptr[packed.len / 2] ^= 4;
    assert_int_equal(dead_add_packed(d, buf_str(&packed)), ERR_CORRUPT);
    assert_int_equal(dead_add_packed(d, STR("short")), ERR_CORRUPT);
    buf_clear(&packed);
    dead_pack(NULL, 0, &packed);
    assert_ok(dead_add_packed(d, buf_str(&packed)));
    assert_int_equal(dead_count(d), N);
    dead_free(d);
}

static void bloom_filters_know_their_keys_and_few_others(void **state) {
    (void)state;
    size_t len = bloom_size(10000);
    CLEANUP_FREE uint8_t *bloom = calloc(len, 1);
    unsigned wrong = 0;
    for (uint64_t i = 0; i < 20000; i += 2) {
        bloom_put(bloom, len, hash64((Str){(const char *)&i, sizeof(i)}));
    }
    for (uint64_t i = 0; i < 20000; i++) {
        bool has = bloom_has(bloom, len, hash64((Str){(const char *)&i, sizeof(i)}));
        assert_true(has || i % 2 == 1);
        wrong += has && i % 2 == 1;
    }
    assert_in_range(wrong, 1, 300); /* of 10,000: at most 3 % */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_answers_like_a_list_over_all_levels),
        cmocka_unit_test(digest_does_not_depend_on_segment_borders),
        cmocka_unit_test(reopening_keeps_what_is_sealed_and_takes_the_rest_again),
        cmocka_unit_test(what_is_sealed_at_a_stop_grows_into_whole_segments),
        cmocka_unit_test(a_tail_that_has_grown_old_is_sealed),
        cmocka_unit_test(a_damaged_partial_segment_does_not_stop_sealing),
        cmocka_unit_test(a_client_id_that_cannot_be_read_is_an_error),
        cmocka_unit_test(blocks_left_by_a_crash_go_and_change_no_answer),
        cmocka_unit_test(a_segment_once_merged_is_read_to_the_end_by_who_holds_it),
        cmocka_unit_test(lists_of_several_blocks_and_keys_between_them),
        cmocka_unit_test(range_scans_find_every_key_of_the_range),
        cmocka_unit_test(snapshots_stand_still_while_the_writer_goes_on),
        cmocka_unit_test(superseded_slots_live_until_their_snapshot),
        cmocka_unit_test(keys_with_local_references_are_moved_to_their_record),
        cmocka_unit_test(a_damaged_file_is_made_anew),
        cmocka_unit_test(a_dead_set_holds_what_was_put_in),
        cmocka_unit_test(a_dead_set_comes_back_from_its_packed_form),
        cmocka_unit_test(bloom_filters_know_their_keys_and_few_others),
    };
    return cmocka_run_group_tests_name("store/index", tests, NULL, NULL);
}
