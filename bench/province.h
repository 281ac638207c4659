/* province.h — a data folder filled with generated claim files, for the benchmarks that need one.
 * Files are generated in chunks into a folder, imported as `nhip import` does, and deleted, so that
 * any number of visits fits on the disk; only the import is timed. All functions are static. */
#ifndef NHIP_BENCH_PROVINCE_H
#define NHIP_BENCH_PROVINCE_H

#include "bench.h"

#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "intake/intake.h"
#include "ioc/ioc.h"
#include "synth/synth.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PROVINCE_END_DAY = 20778 }; /* 2026-11-21 */

typedef struct Province {
    char dir[200];
    Ioc *ioc;
    StoreView view;
    Store *store;
    Intake *intake;
    IntakeReport report;
    /* the chunk under construction */
    uint64_t chunk_bytes, chunk_max;
    unsigned chunk_files;
    int says[2], taken[2]; /* pipes: the generator's word, and ours */
    pid_t generator;
    double import_s;
} Province;

static inline void bench_die(const char *what, ErrCode err) {
    (void)fprintf(stderr, "bench: %s: %s\n", what, err_name(err));
    exit(1);
}

static inline void bench_need(const char *what, ErrCode err) {
    if (err != ERR_OK) {
        bench_die(what, err);
    }
}

/* Bytes of all files below. */
static inline ErrCode province_add_size(void *ctx, const char *path, uint64_t bytes) {
    (void)path;
    *(uint64_t *)ctx += bytes;
    return ERR_OK;
}
static inline uint64_t province_size(const char *dir, const char *below) {
    char path[512];
    uint64_t bytes = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, below);
    return io_walk(path, province_add_size, &bytes) == ERR_OK ? bytes : 0;
}

/* How often a second the disk makes 4 KiB durable: the limit of single commits. */
static inline double bench_disk(const char *dir) {
    enum { SYNCS = 200 };
    char path[512];
    static char block[4096];
    (void)snprintf(path, sizeof(path), "%s/disk", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    double start = bench_now();
    for (int i = 0; fd >= 0 && i < SYNCS; i++) {
        if (pwrite(fd, block, sizeof(block), (off_t)i * 4096) != 4096 || fdatasync(fd) != 0) {
            break;
        }
    }
    double s = bench_now() - start;
    (void)close(fd);
    (void)unlink(path);
    return SYNCS / s;
}

/* What the generator's process says: a chunk lies ready (wait until it is taken), or all is made.
 */
typedef struct ProvinceSays {
    bool last;
    SynthReport made;
} ProvinceSays;

static inline bool province_say(int fd, const void *bytes, size_t n) {
    return write(fd, bytes, n) == (ssize_t)n;
}
static inline bool province_hear(int fd, void *bytes, size_t n) {
    return read(fd, bytes, n) == (ssize_t)n; /* below PIPE_BUF: whole or end */
}

static inline ErrCode province_offer(Province *p) {
    ProvinceSays ready = {0};
    char taken;
    p->chunk_files = 0;
    p->chunk_bytes = 0;
    return province_say(p->says[1], &ready, sizeof(ready)) && province_hear(p->taken[0], &taken, 1)
               ? ERR_OK
               : ERR_IO;
}

/* Files come in the order of sending: their names in the chunk keep it. */
static inline ErrCode province_take_file(void *ctx, Str name, Str bytes) {
    Province *p = ctx;
    char path[300];
    if (!str_ends(name, STR(".xml"))) {
        return ERR_OK;
    }
    (void)snprintf(path, sizeof(path), "%s/in/%06u.xml", p->dir, p->chunk_files++);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ERR_IO;
    }
    ErrCode err = io_write_all(fd, bytes);
    (void)close(fd);
    TRY(err);
    p->chunk_bytes += bytes.len;
    return p->chunk_bytes < p->chunk_max ? ERR_OK : province_offer(p);
}

/* The generator's process: that many visits of a quarter as many citizens. */
static inline void province_generate(Province *p, uint32_t visits) {
    SynthOptions o;
    ProvinceSays end = {.last = true};
    synth_options_init(&o, PROVINCE_END_DAY);
    o.visits = visits;
    o.citizens = visits / 4 + 1;
    o.citizens = MIN(o.citizens, (uint32_t)SYNTH_CITIZENS_MAX);
    bench_need("generate", synth_generate(&o, province_take_file, p, &end.made));
    _exit(province_say(p->says[1], &end, sizeof(end)) ? 0 : 1);
}

/* Opens the data folder; a process of its own, so that its memory is not the import's, generates
 * that many visits (0: none) for province_fill. Call it before any thread runs. */
static inline void province_open(Province *p, uint32_t visits) {
    char in[256];
    ErrInfo info = {0};
    (void)snprintf(in, sizeof(in), "%s/in", p->dir);
    bench_need("folder", io_mkdirs(in));
    p->chunk_max = (uint64_t)1 << 30;
    if (visits > 0) {
        if (pipe(p->says) != 0 || pipe(p->taken) != 0 || (p->generator = fork()) < 0) {
            bench_die("generator", ERR_IO);
        }
        if (p->generator == 0) {
            province_generate(p, visits);
        }
        (void)close(p->says[1]);
        (void)close(p->taken[0]);
    }
    bench_need("facts", ioc_open(&(IocOptions){.dir = str_from(p->dir)}, &p->ioc, &info));
    p->view = ioc_view(p->ioc);
    StoreOptions o = {.dir = str_from(p->dir), .views = &p->view, .n_views = 1};
    bench_need("store", store_open(&o, &p->store, &info));
    bench_need("intake",
               intake_new(&(IntakeOptions){.store = p->store, .received_keep = true}, &p->intake));
}

static inline void province_close(Province *p) {
    intake_free(p->intake);
    store_close(p->store);
    ioc_close(p->ioc);
}

static inline void province_import_chunk(Province *p) {
    char in[256];
    const char *paths[] = {in};
    ErrInfo info = {0};
    uint64_t before = p->report.resources;
    (void)snprintf(in, sizeof(in), "%s/in", p->dir);
    double start = bench_now();
    bench_need("import", intake_run(p->intake, &(IntakeRun){.paths = paths, .n_paths = 1},
                                    &p->report, &info));
    double s = bench_now() - start;
    p->import_s += s;
    folder_remove(in);
    bench_need("folder", io_mkdirs(in));
    (void)fprintf(stderr, "%llu visits imported in %.0f s; of these last: %.0f resources/s\n",
                  (unsigned long long)p->report.claims_new, p->import_s,
                  (double)(p->report.resources - before) / s);
}

/* Imports what the generator makes; p->import_s without its time. */
static inline void province_fill(Province *p, SynthReport *ret) {
    ProvinceSays says = {0};
    do {
        if (!province_hear(p->says[0], &says, sizeof(says))) {
            bench_die("the generator ended early", ERR_IO);
        }
        province_import_chunk(p);
        if (!says.last && !province_say(p->taken[1], "", 1)) {
            bench_die("generator", ERR_IO);
        }
    } while (!says.last);
    (void)waitpid(p->generator, NULL, 0);
    double start = bench_now();
    store_settle(p->store);
    bench_need("checkpoint", ioc_checkpoint(p->ioc));
    p->import_s += bench_now() - start;
    *ret = says.made;
}

static inline uint32_t bench_number(int argc, char **argv, int i, uint32_t otherwise) {
    uint64_t v = 0;
    bool given = i < argc && str_to_u64(str_from(argv[i]), &v) == ERR_OK && v <= UINT32_MAX;
    return given ? (uint32_t)v : otherwise;
}

/* A new folder below /tmp, or below NHIP_BENCH_DIR. */
static inline void province_new_dir(Province *p) {
    const char *below = getenv("NHIP_BENCH_DIR");
    (void)snprintf(p->dir, sizeof(p->dir), "%s/nhip-bench-XXXXXX",
                   below == NULL || below[0] == '\0' ? "/tmp" : below);
    if (mkdtemp(p->dir) == NULL) {
        bench_die(p->dir, ERR_IO);
    }
}

static inline int bench_compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}
/* Sorts; the value below which `part` of them lie. */
static inline double bench_quantile(double *values, size_t n, double part) {
    qsort(values, n, sizeof(*values), bench_compare_doubles);
    return n == 0 ? 0 : values[MIN(n - 1, (size_t)(part * (double)n))];
}

#endif
