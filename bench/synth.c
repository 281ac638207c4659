/* synth — visits generated a second into memory (no disk), with one thread and with two, plain and
 * packed, beside the speed at which this machine copies memory in the same run. "cpu" counts the
 * processor time of all threads: on a shared machine it is the steadier figure.
 * Usage: synth [visits] [citizens]. */
#include <inttypes.h>
#include <sys/resource.h>

#include "bench.h"
#include "synth/synth.h"

static ErrCode swallow(void *ctx, Str name, Str bytes) {
    (void)ctx;
    (void)name;
    __asm__ volatile("" ::"r"(bytes.ptr) : "memory");
    return ERR_OK;
}

static uint32_t argument(int argc, char **argv, int i, uint32_t otherwise) {
    uint64_t value;
    if (i < argc && str_to_u64(str_from(argv[i]), &value) == ERR_OK && value <= UINT32_MAX) {
        return (uint32_t)value;
    }
    return otherwise;
}

/* Bytes a second of memcpy over blocks larger than the caches. */
static double copy_speed(void) {
    enum { BLOCK = 64 << 20, ROUNDS = 8 };
    CLEANUP_FREE char *from = malloc(BLOCK);
    CLEANUP_FREE char *to = malloc(BLOCK);
    if (from == NULL || to == NULL) {
        return 0;
    }
    memset(from, 1, BLOCK);
    memset(to, 2, BLOCK);
    double start = bench_cpu(BENCH_PROCESS);
    for (int i = 0; i < ROUNDS; i++) {
        from[i] = (char)i;
        memcpy(to, from, BLOCK);
        __asm__ volatile("" ::"r"(to) : "memory");
    }
    return (double)BLOCK * ROUNDS / (bench_cpu(BENCH_PROCESS) - start);
}

static bool measure(const SynthOptions *o, double copy) {
    SynthReport r;
    double wall = bench_now();
    double cpu = bench_cpu(BENCH_PROCESS);
    if (synth_generate(o, swallow, NULL, &r) != ERR_OK) {
        return false;
    }
    wall = bench_now() - wall;
    cpu = bench_cpu(BENCH_PROCESS) - cpu;
    printf("synth format=%s threads=%u visits=%" PRIu64 " wall_s=%.2f visits/s=%.0f cpu_s=%.2f "
           "visits/cpu_s=%.0f MB/cpu_s=%.0f of_memcpy=%.3f bytes/visit=%.0f resources/visit=%.1f\n",
           o->format == SYNTH_GZIP ? "gzip" : "plain", o->threads, r.visits, wall,
           (double)r.visits / wall, cpu, (double)r.visits / cpu, (double)r.bytes / cpu / 1e6,
           (double)r.bytes / cpu / copy, (double)r.bytes / (double)r.claims,
           (double)r.resources / (double)r.claims);
    return true;
}

int main(int argc, char **argv) {
    bench_machine();
    SynthOptions o;
    synth_options_init(&o, 20779); /* 2026-11-22 */
    o.visits = argument(argc, argv, 1, 100000);
    o.citizens = argument(argc, argv, 2, o.visits / 4 + 1);
    o.any_order = true;
    double copy = copy_speed();
    printf("memcpy of 64 MiB blocks: %.0f MB/cpu_s\n", copy / 1e6);
    bool fine = true;
    for (o.threads = 1; fine && o.threads <= 2; o.threads++) {
        fine = measure(&o, copy);
    }
    o.threads = 2;
    o.format = SYNTH_GZIP;
    o.visits = MIN(o.visits, 20000u);
    fine = fine && measure(&o, copy);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("peak memory: %.0f MiB\n", (double)usage.ru_maxrss / 1024);
    return fine ? 0 : 1;
}
