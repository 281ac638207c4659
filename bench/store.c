/* The record store alone: generated visits (Encounter 1, Condition 2, MedicationRequest 5,
 * Procedure 6, Observation 6; Vietnamese displays, Zipf-like codes; every fifth with a new Patient)
 * as parsed FHIR JSON, prepared on one thread and committed durably. build/release/bench/store
 * [VISITS [FOLDER]]     default 20000, a new folder under /tmp Printed: visits/s and resources/s
 * with 64 and 1 visits a commit, the processor time of the calling and of the writer thread a
 * visit, commit latencies, bytes a resource, reads by id, and small durable transactions with 1 and
 * 32 threads beside the disk's own 4 KiB write + fdatasync in the same folder. Targets: ≥ 60,000
 * resources/s; writer ≤ 60 µs a visit; small transactions ≥ 3,000/s or 8 × the disk's rate,
 * whichever is lower; reads ≥ 20,000/s a core; ≤ 110 bytes a resource. */
#include "bench.h"

#include "core/arena.h"
#include "core/log.h"
#include "core/random.h"
#include "core/thread.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PER_VISIT = 20, BATCH = 64, READS = 40000, SMALL_SECONDS = 3, LATENCIES = 200000 };

typedef struct Bench {
    Store *store;
    char dir[200];
    Arena *arena;
    Random random;
    Slot *patients;
    size_t n_patients;
    uint64_t visits;
    double *latencies;
    size_t n_latencies;
} Bench;

static void die(const char *what, ErrCode err) {
    (void)fprintf(stderr, "bench store: %s: %s\n", what, err_name(err));
    exit(1);
}

/* ---- generated visits ---- */

static const char *const WORDS[] = {
    "viêm",   "phổi", "cấp",  "mạn",   "tính", "tăng", "huyết",  "áp",    "đái",  "tháo", "đường",
    "dạ",     "dày",  "họng", "không", "đặc",  "hiệu", "nhiễm",  "khuẩn", "siêu", "âm",   "xét",
    "nghiệm", "máu",  "viên", "nén",   "uống", "tiêm", "truyền", "chụp",  "thận", "gan"};

/* A code of `kinds`, low numbers much more often. */
static unsigned code_of(Bench *b, unsigned kinds) {
    double u = random_double(&b->random);
    return (unsigned)((double)kinds * u * u * u);
}

static Str display_of(Bench *b, unsigned code) {
    Random r;
    random_init_stream(&r, 5, code);
    const char *w[5];
    for (int i = 0; i < 5; i++) {
        w[i] = WORDS[random_below(&r, ARRAY_LEN(WORDS))];
    }
    return arena_printf(b->arena, "%s %s %s %s %s %u", w[0], w[1], w[2], w[3], w[4], code);
}

static Str day_of(Bench *b) {
    return arena_printf(
        b->arena, "202%d-%02d-%02dT%02d:%02d:00+07:00", (int)random_between(&b->random, 4, 6),
        (int)random_between(&b->random, 1, 12), (int)random_between(&b->random, 1, 28),
        (int)random_between(&b->random, 7, 17), (int)random_between(&b->random, 0, 59));
}

static Str coding(Bench *b, const char *system, const char *prefix, unsigned kinds) {
    unsigned code = code_of(b, kinds);
    Str display = display_of(b, code);
    return arena_printf(b->arena,
                        "{\"coding\":[{\"system\":\"%s\",\"code\":\"%s%u\",\"display\":\"" STR_FMT
                        "\"}],\"text\":\"" STR_FMT "\"}",
                        system, prefix, code, STR_ARG(display), STR_ARG(display));
}

static StoreChange resource(FhirType type, Str json) {
    return (StoreChange){.op = STORE_CREATE, .type = type, .json = json};
}

#define META(type)                                                                                 \
    "{\"resourceType\":\"" type "\",\"meta\":{\"profile\":[\"http://fhir.hl7.org.vn/core/"         \
    "StructureDefinition/vn-core-" type "\"]},"
#define SUBJECT                                                                                    \
    "\"subject\":{\"reference\":\"Patient/~\"},\"encounter\":{\"reference\":\"Encounter/~%u\"},"

static Str patient_json(Bench *b, uint64_t n) {
    unsigned name = code_of(b, 2000);
    return arena_printf(
        b->arena,
        META("Patient") "\"identifier\":[{\"system\":\"http://fhir.hl7.org.vn/core/sid/"
                        "cccd\",\"value\":\"0%011llu\"}],\"name\":[{\"text\":\"" STR_FMT "\"}],"
                        "\"gender\":\"%s\",\"birthDate\":\"19%02u-%02u-%02u\"}",
        (unsigned long long)n, STR_ARG(display_of(b, name)), n % 2 == 0 ? "male" : "female",
        (unsigned)(n % 90) + 10, (unsigned)(n % 12) + 1, (unsigned)(n % 28) + 1);
}

static Str observation_json(Bench *b, unsigned encounter, Str day) {
    Str code = coding(b, "http://loinc.org", "L", 300);
    return arena_printf(
        b->arena,
        META("Observation") "\"status\":\"final\",\"category\":[{\"coding\":[{"
                            "\"system\":\"http://terminology.hl7.org/CodeSystem/"
                            "observation-category\","
                            "\"code\":\"laboratory\"}]}],\"code\":" STR_FMT "," SUBJECT
                            "\"effectiveDateTime\":\"" STR_FMT
                            "\",\"valueQuantity\":{\"value\":%u.%u,"
                            "\"unit\":\"mmol/L\",\"system\":\"http://unitsofmeasure.org\","
                            "\"code\":\"mmol/L\"}}",
        STR_ARG(code), encounter, STR_ARG(day), (unsigned)random_below(&b->random, 200),
        (unsigned)random_below(&b->random, 10));
}

/* at = the change number of the group's first change in its commit. */
static size_t make_visit(Bench *b, StoreChange *out, unsigned at, bool new_patient) {
    size_t n = 0;
    Str day = day_of(b);
    if (new_patient) {
        out[n++] = resource(FHIR_T_PATIENT, patient_json(b, b->visits));
    }
    unsigned encounter = at + (unsigned)n;
    out[n++] = resource(
        FHIR_T_ENCOUNTER,
        arena_printf(
            b->arena,
            META("Encounter") "\"identifier\":[{\"system\":\"http://fhir.hl7.org.vn/sid/"
                              "ma-lk\",\"value\":\"HS%09llu\"}],\"status\":\"finished\",\"class\":{"
                              "\"system\":"
                              "\"http://terminology.hl7.org/CodeSystem/"
                              "v3-ActCode\",\"code\":\"AMB\"},"
                              "\"subject\":{\"reference\":\"Patient/"
                              "~\"},\"period\":{\"start\":\"" STR_FMT "\",\"end\":\"" STR_FMT
                              "\"},\"serviceProvider\":{\"identifier\":{\"system\":"
                              "\"http://fhir.hl7.org.vn/sid/ma-cskcb\",\"value\":\"46%03u\"}}}",
            (unsigned long long)b->visits, STR_ARG(day), STR_ARG(day), code_of(b, 60)));
    for (int i = 0; i < 2; i++) {
        Str code = coding(b, "http://hl7.org/fhir/sid/icd-10", "I", 1200);
        out[n++] = resource(FHIR_T_CONDITION,
                            arena_printf(b->arena,
                                         META("Condition") "\"code\":" STR_FMT "," SUBJECT
                                                           "\"recordedDate\":\"" STR_FMT "\"}",
                                         STR_ARG(code), encounter, STR_ARG(day)));
    }
    for (int i = 0; i < 5; i++) {
        Str code = coding(b, "http://fhir.hl7.org.vn/core/CodeSystem/drug", "T", 900);
        out[n++] = resource(
            FHIR_T_MEDICATION_REQUEST,
            arena_printf(b->arena,
                         META("MedicationRequest") "\"status\":\"completed\",\"intent\":\"order\","
                                                   "\"medicationCodeableConcept\":" STR_FMT
                                                   "," SUBJECT "\"authoredOn\":\"" STR_FMT
                                                   "\",\"dosageInstruction\":[{\"text\":\"Ngày "
                                                   "uống %u viên chia 2 lần\"}],"
                                                   "\"dispenseRequest\":{\"quantity\":{\"value\":%"
                                                   "u,\"unit\":\"viên\"}}}",
                         STR_ARG(code), encounter, STR_ARG(day),
                         1 + (unsigned)random_below(&b->random, 4),
                         (unsigned)random_below(&b->random, 60)));
    }
    for (int i = 0; i < 6; i++) {
        Str code = coding(b, "http://fhir.hl7.org.vn/core/CodeSystem/service", "D", 2000);
        out[n++] = resource(
            FHIR_T_PROCEDURE,
            arena_printf(b->arena,
                         META("Procedure") "\"status\":\"completed\",\"code\":" STR_FMT "," SUBJECT
                                           "\"performedDateTime\":\"" STR_FMT "\"}",
                         STR_ARG(code), encounter, STR_ARG(day)));
        out[n++] = resource(FHIR_T_OBSERVATION, observation_json(b, encounter, day));
    }
    b->visits++;
    return n;
}

/* ---- bulk ---- */

/* Nanoseconds on a processor of this process's thread of that name. */
static double thread_ns(const char *name) {
    DIR *d = opendir("/proc/self/task");
    double ns = 0;
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        char path[300];
        char comm[32] = "";
        unsigned long long run = 0;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        CLEANUP_FILE FILE *f = fopen(path, "re");
        bool same = f != NULL && fscanf(f, "%31s", comm) == 1 && strcmp(comm, name) == 0;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
        CLEANUP_FILE FILE *s = same ? fopen(path, "re") : NULL;
        if (s != NULL && fscanf(s, "%llu", &run) == 1) {
            ns += (double)run;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return ns;
}

typedef struct Sent {
    Bench *bench;
    double at;
    atomic_int *in_flight;
    Mutex *lock;
    Cond *cond;
} Sent;

static void sent_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                      const StorePrepared *prepared) {
    Sent *sent = ctx;
    Bench *b = sent->bench;
    (void)committed;
    (void)prepared;
    if (err != ERR_OK) {
        die("commit", err);
    }
    if (b->n_latencies < LATENCIES) {
        b->latencies[b->n_latencies++] = bench_now() - sent->at;
    }
    mutex_lock(sent->lock);
    atomic_fetch_sub(sent->in_flight, 1);
    cond_signal(sent->cond);
    mutex_unlock(sent->lock);
    free(sent);
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x;
    double b = *(const double *)y;
    return (a > b) - (a < b);
}

static double quantile(double *values, size_t n, double q) {
    qsort(values, n, sizeof(*values), by_value);
    return n == 0 ? 0 : values[MIN(n - 1, (size_t)((double)n * q))];
}

static StorePrepared *prepare_batch(Bench *b, unsigned n_visits, double *made_s, size_t *n_bytes) {
    static StoreChange changes[BATCH * (PER_VISIT + 1)];
    static StoreGroup groups[BATCH];
    StorePrepared *prepared = NULL;
    ErrInfo info = {0};
    double began = bench_now();
    size_t n = 0;
    for (unsigned v = 0; v < n_visits; v++) {
        bool new_patient = b->n_patients == 0 || random_below(&b->random, 5) == 0;
        size_t k = make_visit(b, changes + n, (unsigned)n, new_patient);
        groups[v] =
            (StoreGroup){changes + n, k, new_patient ? 0 : -1,
                         new_patient ? 0 : b->patients[random_below(&b->random, b->n_patients)]};
        n += k;
    }
    for (size_t i = 0; i < n; i++) {
        *n_bytes += changes[i].json.len;
    }
    *made_s += bench_now() - began;
    StoreCommit commit = {.groups = groups,
                          .n_groups = n_visits,
                          .snapshot = store_snapshot(b->store),
                          .actor = STR("bench"),
                          .source = STR("bench")};
    ErrCode err = store_prepare(b->store, &commit, &prepared, &info);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "%s %s\n", info.where, info.what_en);
        die("prepare", err);
    }
    arena_reset(b->arena);
    return prepared;
}

static double data_bytes(const Bench *b, const char *name) {
    char path[300];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void bulk(Bench *b, unsigned visits, unsigned per_commit, int window) {
    Mutex lock;
    Cond cond;
    atomic_int in_flight = 0;
    double made = 0;
    size_t bytes = 0;
    uint64_t before = b->visits;
    mutex_init(&lock);
    cond_init(&cond);
    b->n_latencies = 0;
    double writer = thread_ns("store-write");
    double own = 1e9 * bench_cpu(BENCH_THREAD);
    double began = bench_now();
    for (unsigned done = 0; done < visits; done += per_commit) {
        StorePrepared *p = prepare_batch(b, per_commit, &made, &bytes);
        mutex_lock(&lock);
        while (atomic_load(&in_flight) >= window) {
            cond_wait(&cond, &lock);
        }
        mutex_unlock(&lock);
        Sent *sent = malloc(sizeof(*sent));
        *sent = (Sent){b, bench_now(), &in_flight, &lock, &cond};
        atomic_fetch_add(&in_flight, 1);
        store_submit(b->store, p, sent_done, sent);
    }
    mutex_lock(&lock);
    while (atomic_load(&in_flight) > 0) {
        cond_wait(&cond, &lock);
    }
    mutex_unlock(&lock);
    double took = bench_now() - began;
    double n = (double)(b->visits - before);
    double net = took - made;
    printf("%u visits a commit, %d in flight: %.0f visits/s, %.0f resources/s "
           "(net of generation: %.0f visits/s, %.0f resources/s)\n",
           per_commit, window, n / took, PER_VISIT * n / took, n / net, PER_VISIT * n / net);
    printf("  calling thread %.0f µs a visit (generation %.0f), writer thread %.1f µs a visit; "
           "%.0f bytes of JSON a visit\n",
           (1e9 * bench_cpu(BENCH_THREAD) - own) / n / 1e3, made / n * 1e6,
           (thread_ns("store-write") - writer) / n / 1e3, (double)bytes / n);
    printf("  commit p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, most %.2f ms\n",
           1e3 * quantile(b->latencies, b->n_latencies, 0.5),
           1e3 * quantile(b->latencies, b->n_latencies, 0.99),
           1e3 * quantile(b->latencies, b->n_latencies, 0.999),
           1e3 * quantile(b->latencies, b->n_latencies, 1));
    cond_release(&cond);
    mutex_release(&lock);
}

/* Patients that later visits belong to. */
static void make_patients(Bench *b, unsigned n) {
    Slot *slots = calloc(n, sizeof(*slots));
    StoreChange *changes = calloc(n, sizeof(*changes));
    StoreGroup *groups = calloc(n, sizeof(*groups));
    ErrInfo info = {0};
    for (unsigned i = 0; i < n; i++) {
        changes[i] = resource(FHIR_T_PATIENT, patient_json(b, 10000000 + i));
        groups[i] = (StoreGroup){&changes[i], 1, 0, 0};
    }
    StoreCommit commit = {
        .groups = groups, .n_groups = n, .actor = STR("bench"), .source = STR("bench")};
    ErrCode err = store_commit(b->store, &commit, NULL, slots, &info);
    if (err != ERR_OK) {
        die("patients", err);
    }
    b->patients = slots;
    b->n_patients = n;
    free(changes);
    free(groups);
    arena_reset(b->arena);
}

/* ---- reads ---- */

static void reads(Bench *b) {
    double *took = calloc(READS, sizeof(*took));
    RecordNo last = store_snapshot(b->store);
    double began = bench_now();
    for (int i = 0; i < READS; i++) {
        StoreVersion v;
        arena_reset(b->arena);
        Slot slot = SLOT_OF(1 + random_below(&b->random, last), 0);
        Str id = store_id(b->store, b->arena, slot);
        FhirType type = FHIR_T_ENCOUNTER;
        double at = bench_now();
        ErrCode err = store_get(b->store, b->arena, type, id, &v);
        if (err == ERR_NOT_FOUND) {
            err = store_get(b->store, b->arena, FHIR_T_PATIENT, id, &v);
        }
        took[i] = bench_now() - at;
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            die("get", err);
        }
    }
    double all = bench_now() - began;
    printf("read by id: %.0f/s on one thread, p50 %.1f µs, p99 %.1f µs\n", READS / all,
           1e6 * quantile(took, READS, 0.5), 1e6 * quantile(took, READS, 0.99));
    free(took);
}

/* ---- small durable transactions ---- */

static double disk_rate(const Bench *b) {
    char path[300];
    static char block[4096];
    (void)snprintf(path, sizeof(path), "%s/fsync.tmp", b->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    double began = bench_now();
    unsigned n = 0;
    while (fd >= 0 && bench_now() - began < 1.5) {
        memset(block, (int)n, sizeof(block));
        if (pwrite(fd, block, sizeof(block), (off_t)(n % 1024) * 4096) != (ssize_t)sizeof(block) ||
            fdatasync(fd) != 0) {
            die("fdatasync", ERR_IO);
        }
        n++;
    }
    double rate = n / (bench_now() - began);
    (void)close(fd);
    (void)unlink(path);
    return rate;
}

typedef struct Small {
    Bench *bench;
    atomic_bool *stop;
    unsigned n;
} Small;

static void small_main(void *arg) {
    Small *s = arg;
    ErrInfo info;
    Arena *arena = arena_new((size_t)1 << 22);
    while (!atomic_load(s->stop)) {
        arena_reset(arena);
        StoreChange c = resource(
            FHIR_T_OBSERVATION,
            arena_printf(arena,
                         "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{"
                         "\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8310-5\"}]},"
                         "\"subject\":{\"reference\":\"Patient/~\"},\"valueQuantity\":{"
                         "\"value\":36.%u,\"unit\":\"Cel\"}}",
                         s->n % 10));
        StoreGroup group = {&c, 1, -1, s->bench->patients[s->n % s->bench->n_patients]};
        StoreCommit commit = {
            .groups = &group, .n_groups = 1, .actor = STR("bench"), .source = STR("small")};
        ErrCode err = store_commit(s->bench->store, &commit, NULL, NULL, &info);
        if (err != ERR_OK) {
            die("small commit", err);
        }
        s->n++;
    }
    arena_free(arena);
}

static double small(Bench *b, unsigned threads) {
    Thread thread[32];
    Small each[32];
    atomic_bool stop = false;
    double began = bench_now();
    for (unsigned i = 0; i < threads; i++) {
        each[i] = (Small){.bench = b, .stop = &stop};
        ErrCode err = thread_start(&thread[i], "small", small_main, &each[i]);
        if (err != ERR_OK) {
            die("thread", err);
        }
    }
    while (bench_now() - began < SMALL_SECONDS) {
        (void)usleep(10000);
    }
    atomic_store(&stop, true);
    double n = 0;
    for (unsigned i = 0; i < threads; i++) {
        thread_join(&thread[i]);
        n += each[i].n;
    }
    return n / (bench_now() - began);
}

static void small_transactions(Bench *b) {
    static const unsigned THREADS[] = {1, 32};
    for (size_t i = 0; i < ARRAY_LEN(THREADS); i++) {
        double before = disk_rate(b);
        double rate = small(b, THREADS[i]);
        double disk = (before + disk_rate(b)) / 2;
        printf("small durable transactions, %u threads: %.0f/s; the disk's own fsync rate %.0f/s; "
               "ratio %.2f\n",
               THREADS[i], rate, disk, rate / disk);
    }
}

static void sizes(Bench *b, double n_resources) {
    store_close(b->store); /* so that the log is folded in */
    double data = data_bytes(b, "data.db");
    double view = data_bytes(b, "view.db");
    printf("bytes a resource: %.1f in data.db, %.1f in view.db, %.1f in all\n", data / n_resources,
           view / n_resources, (data + view) / n_resources);
    StoreOptions options = {.dir = str_from(b->dir)};
    ErrInfo info = {0};
    double began = bench_now();
    ErrCode err = store_open(&options, &b->store, &info);
    if (err != ERR_OK) {
        die(info.what_en, err);
    }
    printf("start (open and replay of the tail): %.2f s\n", bench_now() - began);
}

int main(int argc, char **argv) {
    unsigned visits = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20000;
    Bench b = {.arena = arena_new((size_t)1 << 28), .latencies = calloc(LATENCIES, sizeof(double))};
    (void)snprintf(b.dir, sizeof(b.dir), "%s", argc > 2 ? argv[2] : "/tmp/nhip-bench-XXXXXX");
    if (argc <= 2 && mkdtemp(b.dir) == NULL) {
        return 1;
    }
    random_init(&b.random, 1);
    log_set_level(LOG_WARN);
    bench_machine();
    StoreOptions options = {.dir = str_from(b.dir)};
    ErrInfo info = {0};
    ErrCode err = store_open(&options, &b.store, &info);
    if (err != ERR_OK) {
        die(info.what_en, err);
    }
    make_patients(&b, 1000);
    bulk(&b, 3000, BATCH, 4); /* until the dictionary is there */
    store_settle(b.store);
    printf("-- with the dictionary\n");
    bulk(&b, visits, BATCH, 4);
    store_settle(b.store);
    sizes(&b, (double)b.visits * PER_VISIT + 1000 + 0.2 * (double)b.visits);
    bulk(&b, visits / 4, 1, 1);
    reads(&b);
    small_transactions(&b);
    store_close(b.store);
    if (argc <= 2) {
        folder_remove(b.dir);
    }
    free(b.latencies);
    free(b.patients);
    arena_free(b.arena);
    return 0;
}
