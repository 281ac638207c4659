/* The index alone: made-up visits of 20 resources with about eight search values each (the mix of
 * the foundations page: Encounter 1, Condition 2, MedicationRequest 5, Procedure 6, Observation 6;
 * Zipf distributed codes, one new identifier a visit), given to index_add as store_prepare would.
 * Printed: entries/s into the tail (limit: 5 M/s) beside plain copying of the same bytes, time from
 * a full tail to its segment, merge throughput, bytes a resource, look-ups of whole keys over all
 * segments (p50, p99), memory. Usage: index [VISITS], default 131072. */
#include "bench.h"
#include "core/random.h"
#include "store/index_core_int.h"
#include "store/index_key.h"

#include <sys/stat.h>

enum { SEAL = 4096, RESOURCES = 20, LOOKUPS = 20000, CODES = 2000 };

typedef struct Maker {
    Random random;
    uint32_t zipf[CODES];
    IndexBatch batch;
    uint64_t n_entries;
    uint64_t patients;
} Maker;

static void need(bool ok, const char *what) {
    if (!ok) {
        (void)fprintf(stderr, "bench index: %s\n", what);
        exit(1);
    }
}

static void maker_init(Maker *m, uint64_t visits) {
    random_init(&m->random, 7);
    uint32_t sum = 0;
    for (unsigned i = 0; i < CODES; i++) {
        sum += 1000000 / (i + 1);
        m->zipf[i] = sum;
    }
    m->patients = visits / 4 + 1;
    m->batch.arena = arena_new((size_t)4 << 30);
    m->batch.capacity = 1 << 20;
    m->batch.entries = malloc(m->batch.capacity * sizeof(IndexEntry));
    need(m->batch.arena != NULL && m->batch.entries != NULL, "no memory");
}

static void put(Maker *m, const KeyBuf *k, uint32_t offset) {
    need(m->batch.n < m->batch.capacity, "batch too small");
    Str key = arena_str(m->batch.arena, key_str(k));
    m->batch.entries[m->batch.n++] = (IndexEntry){.key = key, .offset = offset};
    m->n_entries++;
}

static void put_token(Maker *m, unsigned type, unsigned param, uint32_t offset, const char *code) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, type, param);
    key_token(&k, str_from(code), STR("http://hl7.org/fhir/sid/icd-10"), false);
    put(m, &k, offset);
}

static void put_code(Maker *m, unsigned type, unsigned param, uint32_t offset) {
    char code[16];
    (void)snprintf(code, sizeof(code), "%c%zu", 'A' + (int)(type % 20),
                   random_pick_weighted(&m->random, m->zipf, CODES));
    put_token(m, type, param, offset, code);
}

static void put_day(Maker *m, unsigned type, unsigned param, uint32_t offset, uint32_t day) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, type, param);
    key_u64(&k, (uint64_t)day << 32 | day);
    put(m, &k, offset);
}

static void put_slot(Maker *m, IndexClass class, unsigned type, uint32_t offset, uint64_t slot) {
    char bytes[INDEX_KEY_MAX];
    Str s = index_key_slot(bytes, class, type, slot);
    KeyBuf k = {.len = s.len};
    memcpy(k.bytes, s.ptr, s.len);
    put(m, &k, offset);
}

/* Eight entries of one resource. */
static void put_resource(Maker *m, unsigned type, uint32_t offset, uint32_t day) {
    KeyBuf k;
    key_head(&k, INDEX_TYPE, type, 0);
    put(m, &k, offset);
    put_code(m, type, FHIR_P_CODE, offset);
    put_token(m, type, FHIR_P_STATUS, offset, "final");
    put_token(m, type, FHIR_P_CATEGORY, offset, type % 2 == 0 ? "laboratory" : "exam");
    put_day(m, type, FHIR_P_DATE, offset, day);
    key_head(&k, INDEX_VALUE, type, FHIR_P_VALUE_QUANTITY);
    key_byte(&k, KEY_POINT);
    key_u64(&k, random_below(&m->random, 500));
    put(m, &k, offset);
    key_head(&k, INDEX_VALUE, type, FHIR_P_PERFORMER | KEY_REFERENCE);
    key_byte(&k, KEY_SLOT);
    key_u64(&k, random_below(&m->random, 3000));
    put(m, &k, offset);
    put_code(m, type, FHIR_P__PROFILE, offset);
}

static void identifier_key(KeyBuf *k, uint64_t number) {
    char value[32];
    (void)snprintf(value, sizeof(value), "HS%012llu", (unsigned long long)number);
    key_head(k, INDEX_VALUE, 1, FHIR_P_IDENTIFIER);
    key_token(k, str_from(value), STR("urn:synthetic:ma-lk"), false);
}

static uint64_t patient_slot(Maker *m) {
    return random_below(&m->random, m->patients) * 64 * 4;
}

/* One visit = one record. */
static void make_visit(Maker *m, RecordNo number, uint32_t base) {
    static const unsigned counts[] = {1, 2, 5, 6, 6};
    KeyBuf k;
    unsigned position = 0;
    identifier_key(&k, number);
    put(m, &k, base);
    put_slot(m, INDEX_PATIENT, 0, base, patient_slot(m));
    for (unsigned type = 0; type < ARRAY_LEN(counts); type++) {
        for (unsigned i = 0; i < counts[type]; i++) {
            put_resource(m, type + 1, base + position++, (uint32_t)(20000 + number / 5000));
        }
    }
}

/* A commit of n visits, ready for index_add. */
static void make_batch(Maker *m, RecordNo first, unsigned n) {
    arena_reset(m->batch.arena);
    m->batch.n = 0;
    for (unsigned i = 0; i < n; i++) {
        make_visit(m, first + i, i * STORE_RECORD_SLOTS);
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *what, double *times, size_t n) {
    qsort(times, n, sizeof(*times), by_size);
    printf("%-44s p50 %8.1f us   p99 %8.1f us\n", what, times[n / 2] * 1e6,
           times[n * 99 / 100] * 1e6);
}

/* ---- the parts ---- */

static void bench_tail(Maker *m) {
    double best = 1e9;
    double copy = 1e9;
    char *room = malloc((size_t)1 << 28);
    need(room != NULL, "no memory");
    size_t keys = 0;
    for (int round = 0; round < 3; round++) {
        make_batch(m, 1, SEAL);
        Tail *t = tail_new(1, keys);
        double from = bench_cpu(BENCH_THREAD);
        need(tail_add(t, SLOT_OF(1, 0), m->batch.entries, m->batch.n) == ERR_OK, "tail_add");
        double took = bench_cpu(BENCH_THREAD) - from;
        best = took < best ? took : best;
        keys = tail_n_keys(t);
        from = bench_cpu(BENCH_THREAD);
        char *at = room;
        for (size_t i = 0; i < m->batch.n; i++) {
            memcpy(at, m->batch.entries[i].key.ptr, m->batch.entries[i].key.len);
            at += m->batch.entries[i].key.len;
        }
        took = bench_cpu(BENCH_THREAD) - from;
        copy = took < copy ? took : copy;
        if (round == 2) {
            printf("%-44s %8.2f M entries/s of processor time (limit 5; copying the keys: %.1f "
                   "M/s), %zu keys, "
                   "%.1f MiB\n",
                   "tail: 4,096 visits", (double)m->batch.n / best / 1e6,
                   (double)m->batch.n / copy / 1e6, keys, (double)tail_bytes(t) / (1 << 20));
        }
        tail_unref(t);
    }
    free(room);
}

static void bench_seal(Maker *m, const char *path) {
    Index *index = NULL;
    IndexOptions options = {.path = path, .seal_records = SEAL};
    need(index_open(&options, &index, NULL) == ERR_OK, "open");
    double best = 1e9;
    for (unsigned round = 0; round < 5; round++) {
        RecordNo first = (RecordNo)round * SEAL + 1;
        make_batch(m, first, SEAL);
        need(index_add(index, first, first + SEAL - 1, &m->batch) == ERR_OK, "add");
        double from = bench_now();
        index_publish(index, first + SEAL - 1);
        index_settle(index);
        double took = bench_now() - from;
        best = took < best ? took : best;
    }
    printf("%-44s %8.3f s   %.2f M postings/s\n", "seal: a tail of 4,096 visits (its own thread)",
           best, (double)m->batch.n / best / 1e6);
    index_close(index);
}

/* Adds visits in commits of 64, as an import does; the writer's share is timed. */
static double commits[1 << 20]; /* seconds of each */
static size_t n_commits;

static double fill(Maker *m, Index *index, RecordNo first, RecordNo last) {
    enum { COMMIT = 64 };
    double spent = 0;
    for (RecordNo at = first; at <= last; at += COMMIT) {
        unsigned n = (unsigned)MIN(last + 1 - at, (RecordNo)COMMIT);
        make_batch(m, at, n);
        double from = bench_now();
        need(index_add(index, at, at + n - 1, &m->batch) == ERR_OK, "add");
        index_publish(index, at + n - 1);
        double took = bench_now() - from;
        spent += took;
        commits[n_commits++ % ARRAY_LEN(commits)] = took;
    }
    return spent;
}

static void bench_lookups(Maker *m, Index *index, uint64_t visits) {
    static double times[LOOKUPS];
    static const char *const names[] = {"look-up: identifier that is there",
                                        "look-up: identifier that is not there",
                                        "look-up: records of a patient"};
    Arena *arena = arena_new(1 << 24);
    for (int kind = 0; kind < 3; kind++) {
        size_t found = 0;
        for (size_t i = 0; i < LOOKUPS; i++) {
            KeyBuf k;
            uint64_t number = 1 + random_below(&m->random, visits);
            identifier_key(&k, kind == 1 ? number + visits : number);
            if (kind == 2) {
                char bytes[INDEX_KEY_MAX];
                Str s = index_key_slot(bytes, INDEX_PATIENT, 0, patient_slot(m));
                k.len = s.len;
                memcpy(k.bytes, s.ptr, s.len);
            }
            SlotList list = {0};
            arena_reset(arena);
            double from = bench_now();
            need(index_get(index, arena, key_str(&k), visits, &list) == ERR_OK, "get");
            times[i] = bench_now() - from;
            found += list.n;
        }
        need(kind == 1 ? found == 0 : found >= LOOKUPS / 2, "look-ups found the wrong number");
        print_times(names[kind], times, LOOKUPS);
    }
    arena_free(arena);
}

static void bench_whole(Maker *m, const char *path, uint64_t visits) {
    Index *index = NULL;
    IndexOptions options = {.path = path, .seal_records = SEAL};
    need(index_open(&options, &index, NULL) == ERR_OK, "open");
    m->n_entries = 0;
    n_commits = 0;
    double from = bench_now();
    double spent = fill(m, index, 1, visits);
    double filled = bench_now();
    index_settle(index);
    double settled = bench_now();
    size_t n = MIN(n_commits, ARRAY_LEN(commits));
    qsort(commits, n, sizeof(*commits), by_size);
    printf("%-44s %8.2f M entries/s in the writer; commits of 64 visits: p50 %.2f, p99 %.2f, "
           "p99.9 %.2f, worst %.2f ms\n",
           "add + publish beside sealing and merging", (double)m->n_entries / spent / 1e6,
           commits[n / 2] * 1e3, commits[n * 99 / 100] * 1e3, commits[n * 999 / 1000] * 1e3,
           commits[n - 1] * 1e3);
    printf("%-44s %8.2f M entries/s (generation included), %.1f s to settle\n", "all, until merged",
           (double)m->n_entries / (settled - from) / 1e6, settled - filled);
    CLEANUP_BUF Buf text;
    buf_init(&text, 1 << 16);
    need(index_stat(index, &text) == ERR_OK, "stat");
    uint64_t stored = 0;
    size_t at = str_find(buf_str(&text), STR("index_stored "));
    need(at != SIZE_MAX && sscanf(text.ptr + at, "index_stored %lu", &stored) == 1, "stat");
    struct stat st = {0};
    (void)stat(path, &st);
    printf("%-44s %8.2f B/resource in blocks, %.2f B/resource of view.db\n", "size",
           (double)stored / (double)(visits * RESOURCES),
           (double)st.st_size / (double)(visits * RESOURCES));
    bench_lookups(m, index, visits);
    printf("%s", buf_cstr(&text));
    from = bench_now();
    index_close(index);
    need(index_open(&options, &index, NULL) == ERR_OK, "open again");
    printf("%-44s %8.1f ms\n", "close and open", (bench_now() - from) * 1e3);
    index_close(index);
}

/* Sixteen segments of 4,096 visits into one: the merging thread alone at work. */
static void bench_merge(Maker *m, const char *path) {
    Index *index = NULL;
    IndexOptions options = {.path = path, .seal_records = SEAL};
    need(index_open(&options, &index, NULL) == ERR_OK, "open");
    m->n_entries = 0;
    (void)fill(m, index, 1, 15 * SEAL);
    index_settle(index);
    (void)fill(m, index, 15 * SEAL + 1, 16 * SEAL);
    while (index_covered(index) < 16 * SEAL) {
        (void)usleep(200);
    }
    double from = bench_now();
    index_settle(index);
    double took = bench_now() - from;
    printf("%-44s %8.2f s   %.1f M postings/s\n", "merge: 16 x 4,096 visits into one", took,
           (double)m->n_entries / took / 1e6);
    index_close(index);
}

static void remove_index(const char *path) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[256];
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

int main(int argc, char **argv) {
    uint64_t visits = argc > 1 ? strtoull(argv[1], NULL, 10) : 131072;
    char dir[] = "/tmp/nhip-bench-index-XXXXXX";
    char path[128];
    static Maker m;
    need(visits > 0 && mkdtemp(dir) != NULL, "cannot begin");
    (void)snprintf(path, sizeof(path), "%s/view.db", dir);
    bench_machine();
    printf("# %llu visits of %d resources, segments of %d visits\n", (unsigned long long)visits,
           RESOURCES, SEAL);
    maker_init(&m, visits);
    bench_tail(&m);
    bench_seal(&m, path);
    remove_index(path);
    bench_merge(&m, path);
    remove_index(path);
    bench_whole(&m, path, visits);
    folder_remove(dir);
    arena_free(m.batch.arena);
    free(m.batch.entries);
    return 0;
}
