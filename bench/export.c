/* $export at two sizes: resources a second into packed NDJSON files, what a resource costs beside
 * copying the same log (store_scan with nothing done) and the memory that the export adds to the
 * process. Usage: export [SMALL LARGE] visits, default 2000 20000 (about 27 resources each); a
 * million resources are 37000. */
#include "province.h"

#include "flow/flow_export.h"

static double peak_mib(void) {
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss / 1024;
}

static ErrCode nothing(void *ctx, const StoreVersion *v) {
    *(uint64_t *)ctx += v->json.len;
    return ERR_OK;
}

typedef struct Figures {
    double resources, seconds, scan_seconds, mib_before, mib_after, packed, whole;
} Figures;

static void scan(Store *store, Figures *f) {
    uint64_t bytes = 0;
    RecordNo last = store_snapshot(store);
    double from = bench_now();
    bench_need("scan", store_scan(store, &(StoreScan){.first = 1,
                                                      .last = last,
                                                      .snapshot = last,
                                                      .each = nothing,
                                                      .ctx = &bytes}));
    f->scan_seconds = bench_now() - from;
}

static void run(Store *store, const char *dir, Figures *f) {
    FlowProgress progress = {0};
    FlowExported x;
    FlowExport what = {.store = store, .dir = dir, .progress = &progress};
    f->mib_before = peak_mib();
    double from = bench_now();
    bench_need("export", flow_export(&what, &x));
    f->seconds = bench_now() - from;
    f->mib_after = peak_mib();
    f->resources = (double)atomic_load(&progress.resources);
    for (size_t i = 0; i < x.n; i++) {
        f->packed += (double)x.list[i].bytes;
        f->whole += (double)x.list[i].whole;
    }
    flow_files_free(x.files);
}

/* In a process of its own: what importing took is not counted. */
static void measure_child(const char *dir, int out) {
    Figures f = {0};
    char files[300];
    ErrInfo info = {0};
    Store *store = NULL;
    StoreOptions o = {.dir = str_from(dir)};
    bench_need("open", store_open(&o, &store, &info));
    (void)snprintf(files, sizeof(files), "%s/out", dir);
    (void)mkdir(files, 0750);
    scan(store, &f); /* warms the page cache for both */
    run(store, files, &f);
    store_close(store);
    if (write(out, &f, sizeof(f)) != (ssize_t)sizeof(f)) {
        exit(1);
    }
}

static Figures measure(uint32_t visits) {
    static Province p;
    SynthReport made = {0};
    Figures f = {0};
    int ends[2];
    int status = 0;
    memset(&p, 0, sizeof(p));
    province_new_dir(&p);
    province_open(&p, visits);
    province_fill(&p, &made);
    province_close(&p);
    if (pipe(ends) != 0) {
        bench_die("pipe", ERR_IO);
    }
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        measure_child(p.dir, ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    bool got = read(ends[0], &f, sizeof(f)) == (ssize_t)sizeof(f);
    (void)close(ends[0]);
    (void)waitpid(child, &status, 0);
    folder_remove(p.dir);
    if (!got) {
        bench_die("export", ERR_IO);
    }
    return f;
}

static void print(const char *name, const Figures *f) {
    printf("%-6s %9.0f resources  %8.0f resources/s  %6.1f MB/s of NDJSON, packed to %4.1f %%  "
           "%4.2f x the time of one thread that only reads  peak %3.0f MiB (open store: %3.0f)\n",
           name, f->resources, f->resources / f->seconds, f->whole / f->seconds / 1e6,
           100 * f->packed / f->whole, f->seconds / f->scan_seconds, f->mib_after, f->mib_before);
}

int main(int argc, char **argv) {
    bench_machine();
    log_set_level(LOG_OFF);
    Figures small = measure(bench_number(argc, argv, 1, 2000));
    print("small", &small);
    Figures large = measure(bench_number(argc, argv, 2, 20000));
    print("large", &large);
    printf(
        "resources/s, large over small: %.2f; memory above that of the open store: %.0f and %.0f "
        "MiB\n",
        large.resources / large.seconds / (small.resources / small.seconds),
        small.mib_after - small.mib_before, large.mib_after - large.mib_before);
    return 0;
}
