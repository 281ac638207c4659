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

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
    double import_s;
    uint64_t visits_done;
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

static inline int province_remove_one(const char *path, const struct stat *st, int type,
                                      struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void province_remove(const char *dir) {
    (void)nftw(dir, province_remove_one, 16, FTW_DEPTH | FTW_PHYS);
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

static inline void province_open(Province *p) {
    ErrInfo info = {0};
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

static inline ErrCode province_import_chunk(Province *p) {
    char in[256];
    (void)snprintf(in, sizeof(in), "%s/in", p->dir);
    if (p->chunk_files == 0) {
        return ERR_OK;
    }
    const char *paths[] = {in};
    ErrInfo info = {0};
    double start = bench_now();
    TRY(intake_run(p->intake, &(IntakeRun){.paths = paths, .n_paths = 1}, &p->report, &info));
    p->import_s += bench_now() - start;
    p->chunk_files = 0;
    p->chunk_bytes = 0;
    province_remove(in);
    if (isatty(2)) {
        (void)fprintf(stderr, "\r%llu visits imported in %.0f s ",
                      (unsigned long long)p->report.claims_new, p->import_s);
    }
    return io_mkdirs(in);
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
    return p->chunk_bytes < p->chunk_max ? ERR_OK : province_import_chunk(p);
}

/* Imports that many visits of a quarter as many citizens; *ret_s without generation. */
static inline void province_fill(Province *p, uint32_t visits, SynthReport *ret) {
    char in[256];
    (void)snprintf(in, sizeof(in), "%s/in", p->dir);
    bench_need("folder", io_mkdirs(in));
    SynthOptions o;
    synth_options_init(&o, PROVINCE_END_DAY);
    o.visits = visits;
    o.citizens = visits / 4 + 1;
    o.citizens = MIN(o.citizens, (uint32_t)SYNTH_CITIZENS_MAX);
    p->chunk_max = (uint64_t)256 << 20;
    bench_need("generate", synth_generate(&o, province_take_file, p, ret));
    bench_need("import", province_import_chunk(p));
    double start = bench_now();
    store_settle(p->store);
    bench_need("checkpoint", ioc_checkpoint(p->ioc));
    p->import_s += bench_now() - start;
    province_remove(in);
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
