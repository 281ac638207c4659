/* Indexing anew what is there already, at two sizes a factor of ten apart: three search parameters
 * that come at run time, and all of view.db (nhip rebuild). Visits of a patient with an Encounter,
 * two Conditions and five Observations, four visits a patient; everything invented. Printed:
 * resources/s of both and the ratio of the sizes (a flat store: 1; limit: 1.3).
 * Usage: reindex [SMALL LARGE], default 10000 100000 visits. NHIP_BENCH_DIR: where, default /tmp.
 */
#include "bench.h"
#include "core/random.h"
#include "store/store_params.h"

#include <sys/stat.h>
#include <unistd.h>

enum { GROUPS = 64, VISIT = 8, VISITS_A_PATIENT = 4, WAIT_MS = 3600 * 1000 };

typedef struct Size {
    char dir[200];
    Store *store;
    Arena *arena;
    Random random;
    size_t resources;
    double params_s, rebuild_s;
} Size;

static void need(ErrCode err, const ErrInfo *info, const char *what) {
    if (err != ERR_OK) {
        (void)fprintf(stderr, "bench reindex: %s: %s %s\n", what, err_name(err), info->what_en);
        exit(1);
    }
}

static Str day(Size *s) {
    return arena_printf(s->arena, "202%u-%02u-%02u", 3 + (unsigned)random_below(&s->random, 3),
                        1 + (unsigned)random_below(&s->random, 12),
                        1 + (unsigned)random_below(&s->random, 28));
}

static Str resource(Size *s, size_t i, FhirType *ret_type) {
    unsigned code = (unsigned)random_below(&s->random, 500);
    Str when = day(s);
    if (i == 0) {
        *ret_type = FHIR_T_ENCOUNTER;
        return arena_printf(s->arena,
                            "{\"resourceType\":\"Encounter\",\"status\":\"finished\",\"class\":"
                            "{\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/~\"},"
                            "\"period\":{\"start\":\"" STR_FMT "\"}}",
                            STR_ARG(when));
    }
    if (i < 3) {
        *ret_type = FHIR_T_CONDITION;
        return arena_printf(s->arena,
                            "{\"resourceType\":\"Condition\",\"code\":{\"coding\":[{\"system\":"
                            "\"urn:synthetic:icd\",\"code\":\"C%u\"}]},\"recordedDate\":\"" STR_FMT
                            "\",\"subject\":{\"reference\":\"Patient/~\"}}",
                            code, STR_ARG(when));
    }
    *ret_type = FHIR_T_OBSERVATION;
    return arena_printf(s->arena,
                        "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{"
                        "\"coding\":[{\"system\":\"urn:synthetic:test\",\"code\":\"T%u\"}]},"
                        "\"subject\":{\"reference\":\"Patient/~\"},\"effectiveDateTime\":\"" STR_FMT
                        "\",\"valueQuantity\":{\"value\":%u.%u,\"unit\":\"mmol/L\"}}",
                        code, STR_ARG(when), code % 40, code % 10);
}

/* One patient with VISITS_A_PATIENT visits a group. */
static void commit_patients(Size *s, size_t n) {
    enum { PER = 1 + VISIT * VISITS_A_PATIENT };
    static StoreChange changes[GROUPS][PER];
    static StoreGroup groups[GROUPS];
    ErrInfo info = {0};
    arena_reset(s->arena);
    for (size_t g = 0; g < n; g++) {
        changes[g][0] = (StoreChange){
            .op = STORE_CREATE,
            .type = FHIR_T_PATIENT,
            .json = arena_printf(s->arena,
                                 "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"Thử "
                                 "%zu\"}],\"birthDate\":\"" STR_FMT "\"}",
                                 s->resources, STR_ARG(day(s)))};
        for (size_t i = 1; i < PER; i++) {
            FhirType type = FHIR_T_NONE;
            Str json = resource(s, (i - 1) % VISIT, &type);
            changes[g][i] = (StoreChange){.op = STORE_CREATE, .type = type, .json = json};
        }
        groups[g] = (StoreGroup){.changes = changes[g], .n_changes = PER};
        s->resources += PER;
    }
    StoreCommit commit = {
        .groups = groups, .n_groups = n, .actor = STR("bench"), .source = STR("bench")};
    need(store_commit(s->store, &commit, NULL, NULL, &info), &info, "commit");
}

static void post_param(Size *s, const char *code, const char *base, const char *rest) {
    ErrInfo info = {0};
    StoreChange change = {
        .op = STORE_CREATE,
        .type = FHIR_T_SEARCH_PARAMETER,
        .json = arena_printf(s->arena,
                             "{\"resourceType\":\"SearchParameter\",\"url\":\"urn:x:%s\",\"name\":"
                             "\"x\",\"status\":\"active\",\"description\":\"x\",\"code\":\"%s\","
                             "\"base\":[\"%s\"],%s}",
                             code, code, base, rest)};
    StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = -1};
    StoreCommit commit = {
        .groups = &group, .n_groups = 1, .actor = STR("bench"), .source = STR("bench")};
    need(store_commit(s->store, &commit, NULL, NULL, &info), &info, "parameter");
}

static void run(Size *s, const char *name, size_t visits) {
    ErrInfo info = {0};
    const char *where = getenv("NHIP_BENCH_DIR");
    (void)snprintf(s->dir, sizeof(s->dir), "%s/nhip-reindex-XXXXXX",
                   where == NULL ? "/tmp" : where);
    if (mkdtemp(s->dir) == NULL) {
        need(ERR_IO, &info, s->dir);
    }
    StoreOptions options = {.dir = str_from(s->dir)};
    s->arena = arena_new((size_t)1 << 30);
    random_init(&s->random, 11);
    need(store_open(&options, &s->store, &info), &info, "open");
    for (size_t left = visits / VISITS_A_PATIENT; left > 0;) {
        size_t n = left < GROUPS ? left : GROUPS;
        commit_patients(s, n);
        left -= n;
    }
    store_settle(s->store);
    double start = bench_now();
    post_param(s, "my-code", "Observation",
               "\"type\":\"token\",\"expression\":\"Observation.code\"");
    post_param(s, "my-date", "Condition",
               "\"type\":\"date\",\"expression\":\"Condition.recordedDate\"");
    post_param(s, "my-birth", "Patient", "\"type\":\"date\",\"expression\":\"Patient.birthDate\"");
    arena_reset(s->arena);
    if (store_params(s->store, s->arena) == NULL || !store_params_wait(s->store, WAIT_MS)) {
        need(ERR_TIMEOUT, &info, "parameters");
    }
    s->params_s = bench_now() - start;
    arena_reset(s->arena);
    store_close(s->store);
    start = bench_now();
    need(store_rebuild(&options, NULL, &info), &info, "rebuild");
    s->rebuild_s = bench_now() - start;
    (void)printf("%s: %zu resources; three parameters %.0f resources/s, rebuild with them %.0f "
                 "resources/s\n",
                 name, s->resources, (double)s->resources / s->params_s,
                 (double)s->resources / s->rebuild_s);
    arena_free(s->arena);
    folder_remove(s->dir);
}

static size_t visits_of(int argc, char **argv, int at, size_t otherwise) {
    uint64_t n = 0;
    bool given = argc > at && str_to_u64(str_from(argv[at]), &n) == ERR_OK && n > 0;
    return given ? (size_t)n : otherwise;
}

int main(int argc, char **argv) {
    static Size small;
    static Size large;
    bench_machine();
    run(&small, "small", visits_of(argc, argv, 1, 10000));
    run(&large, "large", visits_of(argc, argv, 2, 100000));
    double rate = (double)small.resources / small.params_s;
    double rebuilt = (double)small.resources / small.rebuild_s;
    (void)printf("ratio small/large (limit 1.3): parameters x%.2f, rebuild x%.2f\n",
                 rate / ((double)large.resources / large.params_s),
                 rebuilt / ((double)large.resources / large.rebuild_s));
    return 0;
}
