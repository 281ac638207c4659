/* bench.h — what every benchmark prints first and how it counts time. Included by bench/NAME.c
 * only; all functions are static. A benchmark prints the machine and conditions, then its figures
 * with the ratio against a peer or a limit measured in the same run. */
#ifndef NHIP_BENCH_BENCH_H
#define NHIP_BENCH_BENCH_H

#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "core/str.h"
#include "folder.h"

/* Seconds of a clock that never goes back. */
static inline double bench_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds on a processor, of this thread or of all: what other programs take is not counted. */
static inline double bench_cpu(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
#define BENCH_THREAD CLOCK_THREAD_CPUTIME_ID
#define BENCH_PROCESS CLOCK_PROCESS_CPUTIME_ID

/* "# machine: processor, cores, memory, kernel, compiler, build" */
static inline void bench_machine(void) {
    char model[128] = "unknown processor";
    CLEANUP_FILE FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "model name : %127[^\n]", model) == 1) {
            break;
        }
    }
    struct utsname u = {0};
    (void)uname(&u);
    double gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
    printf("# machine: %s, %ld cores, %.0f GiB, %s %s, compiler %s%s\n", model,
           sysconf(_SC_NPROCESSORS_ONLN), gib, u.sysname, u.release, __VERSION__,
#ifdef __OPTIMIZE__
           ""
#else
           ", NOT OPTIMISED"
#endif
    );
}

/* The folder of the shared data sets: NHIP_SHARED, else ../shared. */
static inline const char *bench_shared(void) {
    const char *dir = getenv("NHIP_SHARED");
    return dir == NULL || dir[0] == '\0' ? "../shared" : dir;
}

/* Reads what a command prints (xz -dc file), at most max bytes; false when it fails or is too long.
 */
static inline bool bench_read_command(const char *command, size_t max, Buf *out) {
    FILE *f = popen(command, "re");
    if (f == NULL) {
        return false;
    }
    buf_init(out, max);
    static char piece[1 << 16];
    for (size_t n = 1; n > 0;) {
        n = fread(piece, 1, sizeof(piece), f);
        buf_put(out, piece, n);
    }
    return pclose(f) == 0 && buf_ok(out) == ERR_OK && out->len > 0;
}

#endif
