/* import — bulk import of claim files, the whole way: read, checked, mapped, whose record, indexed,
 * durable, the files kept; beside it the conventional layout (bench/eav.h) fed with resources of
 * the same import, which gets them ready-made: no reading of claims, no mapping, no received files.
 * A probe commits one small resource every 20 ms meanwhile: its latencies are what somebody at a
 * desk sees during a bulk import. import [VISITS [EAV_VISITS]]      default 200000 20000;
 * NHIP_BENCH_DIR: where, default /tmp; NHIP_BENCH_KEEP=1 keeps the data folder and prints its name
 * Targets: ≥ 60,000 resources/s; ≤ 110 bytes a resource with all indexes; commit p99.9 ≤ 20 ms;
 * ≤ 1 GiB of memory. */
#include "eav.h"

enum { PROBES_MAX = 400000, PROBE_EVERY_MS = 20 };

typedef struct Probe {
    Store *store;
    StopFlag stop;
    double *ms;
    size_t n;
} Probe;

static void probe_run(void *arg) {
    Probe *p = arg;
    const StoreChange change = {
        .op = STORE_CREATE,
        .type = FHIR_T_BASIC,
        .json = STR("{\"resourceType\":\"Basic\",\"code\":{\"text\":\"probe\"}}")};
    const StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = -1};
    while (!stop_asked(&p->stop) && p->n < PROBES_MAX) {
        StoreCommit commit = {.groups = &group,
                              .n_groups = 1,
                              .snapshot = store_snapshot(p->store),
                              .actor = STR("bench"),
                              .source = STR("probe")};
        double start = bench_now();
        if (store_commit(p->store, &commit, NULL, NULL, NULL) != ERR_OK) {
            break;
        }
        p->ms[p->n++] = 1e3 * (bench_now() - start);
        clock_sleep_ms(clock_real(), PROBE_EVERY_MS);
    }
}

static double peak_mib(void) {
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)r.ru_maxrss / 1024;
}

static double cpu_s(void) {
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static uint64_t stat_value(Str text, const char *name) {
    uint64_t value = 0;
    Str rest = text;
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        Str key;
        Str number;
        if (str_cut(&line, ' ', &key) && str_eq(key, str_from(name)) &&
            str_cut(&line, ' ', &number)) {
            (void)!str_to_u64(number, &value);
        }
    }
    return value;
}

static void print_sizes(Province *p, double resources) {
    CLEANUP_BUF Buf stat;
    buf_init(&stat, LIMIT_MIB);
    bench_need("stat", store_stat(p->store, &stat));
    double bodies = (double)stat_value(buf_str(&stat), "record_bodies");
    double files = (double)stat_value(buf_str(&stat), "files_stored");
    double data = (double)province_size(p->dir, "data.db");
    double view = (double)province_size(p->dir, "view.db");
    double live = (double)stat_value(buf_str(&stat), "index_stored");
    double facts = (double)province_size(p->dir, "facts");
    printf("bytes/resource: records %.1f (bodies %.1f), index %.1f (its blocks %.1f), facts %.1f: "
           "together %.1f; received files %.1f more\n",
           (data - files) / resources, bodies / resources, view / resources, live / resources,
           facts / resources, (data - files + view + facts) / resources, files / resources);
    printf("disk: data.db %.1f MB (of it received files %.1f MB for %.1f MB as they came), view.db "
           "%.1f MB, facts %.1f MB\n",
           data / 1e6, files / 1e6, (double)p->report.bytes / 1e6, view / 1e6, facts / 1e6);
}

static double print_import(Province *p, Probe *probe, const SynthReport *made) {
    double resources = (double)p->report.resources;
    double visits = (double)(p->report.claims_new + p->report.claims_changed);
    printf("import: %llu files, %llu visits new, %llu changed, %llu same, %llu rejected, %.0f "
           "resources in %.1f s\n",
           (unsigned long long)p->report.files, (unsigned long long)p->report.claims_new,
           (unsigned long long)p->report.claims_changed, (unsigned long long)p->report.claims_same,
           (unsigned long long)p->report.claims_rejected, resources, p->import_s);
    printf("visits/s %.0f, resources/s %.0f (target 60000: x%.2f), MB/s of claim files %.0f, "
           "resources/visit %.1f\n",
           visits / p->import_s, resources / p->import_s, resources / p->import_s / 60000,
           (double)made->bytes / 1e6 / p->import_s, resources / visits);
    size_t n = probe->n;
    printf("probe commits during it: %zu, p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms (target 20), "
           "worst %.1f ms\n",
           n, bench_quantile(probe->ms, n, 0.5), bench_quantile(probe->ms, n, 0.99),
           bench_quantile(probe->ms, n, 0.999), bench_quantile(probe->ms, n, 1));
    printf("peak memory %.0f MiB (target 1024)\n", peak_mib());
    print_sizes(p, resources);
    return resources / p->import_s;
}

static void run_eav(Province *p, uint32_t visits, double ours) {
    Eav eav;
    eav_open(&eav, p->dir, visits);
    ErrCode err = store_feed(p->store, 0, eav_each, &eav);
    if (err != ERR_STOPPED) {
        bench_need("feed", err);
    }
    eav_close(&eav);
    double bytes = (double)province_size(p->dir, "eav.db");
    double rate = (double)eav.resources / eav.seconds;
    printf("conventional layout (SQLite, WAL, FULL): %llu visits, %llu resources, %llu values in "
           "%.1f s: resources/s %.0f, bytes/resource %.0f\n",
           (unsigned long long)eav.visits, (unsigned long long)eav.resources,
           (unsigned long long)eav.values, eav.seconds, rate, bytes / (double)eav.resources);
    printf("ratio: import / conventional = %.2f in resources/s (ours reads, checks and maps the "
           "claims and keeps the files besides)\n",
           ours / rate);
}

int main(int argc, char **argv) {
    uint32_t visits = bench_number(argc, argv, 1, 200000);
    uint32_t eav_visits = bench_number(argc, argv, 2, 20000);
    Province p = {0};
    log_set_level(LOG_WARN);
    bench_machine();
    province_new_dir(&p);
    printf("# %u visits, folder %s, disk %.0f durable 4 KiB writes/s\n", visits, p.dir,
           bench_disk(p.dir));
    province_open(&p, visits);
    Probe probe = {.store = p.store, .ms = calloc(PROBES_MAX, sizeof(double))};
    Thread thread;
    SynthReport made = {0};
    if (probe.ms == NULL) {
        bench_die("probe", ERR_NOMEM);
    }
    double start = bench_now();
    double cpu = cpu_s();
    bench_need("probe", thread_start(&thread, "probe", probe_run, &probe));
    province_fill(&p, &made);
    stop_ask(&probe.stop);
    thread_join(&thread);
    printf("generation %.1f s apart; processor time of the import %.1f s\n",
           bench_now() - start - p.import_s, cpu_s() - cpu);
    double ours = print_import(&p, &probe, &made);
    if (eav_visits > 0) {
        run_eav(&p, eav_visits, ours);
    }
    province_close(&p);
    free(probe.ms);
    if (getenv("NHIP_BENCH_KEEP") != NULL) {
        printf("kept: %s\n", p.dir);
    } else {
        folder_remove(p.dir);
    }
    return 0;
}
