/* ops — latency of the operations page's questions (ioc_ops: figures, days, weeks, diagnoses,
 * facilities, pyramid and communes in one pass) over a data folder, or over a province that is
 * imported first, beside the time in which this machine reads the same columns from memory once.
 *   ops [VISITS | FOLDER]      default 200000 visits; a folder is that of a stopped `nhip`
 * Target: p95 < 100 ms over 5.2 million visits. */
#include "province.h"

enum { ROUNDS = 200, ROW_BYTES = 28 };

typedef struct Question {
    const char *name;
    IocQuery q;
} Question;

static IocQuery year(int32_t last) {
    return (IocQuery){.from_day = last - 364,
                      .to_day = last,
                      .sex = IOC_ANY,
                      .age_from = IOC_ANY,
                      .age_to = IOC_ANY,
                      .top = 12};
}

static void first_facility(void *ctx, Str code) {
    Str *facility = ctx;
    *facility = facility->len == 0 ? code : *facility;
}

/* Bytes a second of reading memory that no cache holds. */
static double read_speed(void) {
    enum { BYTES = 256 << 20 };
    CLEANUP_FREE uint64_t *block = malloc(BYTES);
    if (block == NULL) {
        return 1;
    }
    memset(block, 1, BYTES);
    double start = bench_now();
    uint64_t sum = 0;
    for (size_t i = 0; i < BYTES / sizeof(*block); i++) {
        sum += block[i];
    }
    __asm__ volatile("" ::"r"(sum));
    return BYTES / (bench_now() - start);
}

static void ask(Ioc *ioc, const Question *question, double scan_ms) {
    static double ms[ROUNDS];
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    buf_init(&out, 64 * LIMIT_MIB);
    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(arena);
        buf_clear(&out);
        double start = bench_now();
        bench_need("ops", ioc_ops(ioc, arena, &question->q, NULL, NULL, &out));
        ms[i] = 1e3 * (bench_now() - start);
    }
    double p50 = bench_quantile(ms, ROUNDS, 0.5);
    printf("%-28s p50 %6.2f ms  p95 %6.2f ms  p99 %6.2f ms  x%.1f of reading the columns once\n",
           question->name, p50, bench_quantile(ms, ROUNDS, 0.95), bench_quantile(ms, ROUNDS, 0.99),
           p50 / scan_ms);
}

static void run(Ioc *ioc) {
    int32_t first = 0;
    int32_t last = 0;
    Str facility = STR_EMPTY;
    if (!ioc_days(ioc, &first, &last)) {
        bench_die("the folder has no visits", ERR_NOT_FOUND);
    }
    ioc_facilities(ioc, first_facility, &facility);
    uint64_t visits = ioc_live(ioc).visits;
    double scan_ms = 1e3 * (double)(visits * ROW_BYTES) / read_speed();
    printf("# %llu visits; reading their columns once: %.2f ms\n", (unsigned long long)visits,
           scan_ms);
    IocQuery all = year(last);
    all.from_day = last - 27;
    Question questions[] = {{"28 days", all},
                            {"all days", year(last)},
                            {"facility, a year", year(last)},
                            {"ICD J, a year", year(last)},
                            {"commune, a year", year(last)},
                            {"women 15-19, a year", year(last)}};
    questions[1].q.from_day = first;
    questions[2].q.facility = facility;
    questions[3].q.icd = STR("J");
    questions[4].q.ward = STR("19789");
    questions[5].q.sex = 2;
    questions[5].q.age_from = 15;
    questions[5].q.age_to = 19;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        ask(ioc, &questions[i], scan_ms);
    }
}

int main(int argc, char **argv) {
    Province p = {0};
    SynthReport made;
    log_set_level(LOG_WARN);
    bench_machine();
    uint32_t visits = bench_number(argc, argv, 1, argc > 1 ? 0 : 200000);
    if (visits == 0) {
        ErrInfo info = {0};
        bench_need("facts", ioc_open(&(IocOptions){.dir = str_from(argv[1])}, &p.ioc, &info));
        run(p.ioc);
        ioc_close(p.ioc);
        return 0;
    }
    province_new_dir(&p);
    province_open(&p, visits);
    province_fill(&p, &made);
    run(p.ioc);
    province_close(&p);
    folder_remove(p.dir);
    return 0;
}
