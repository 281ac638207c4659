/* synth — visits generated a second into memory (no disk), one thread and two, beside the speed at
 * which this machine copies the same number of bytes. Usage: synth [visits] [citizens]. */
#include <inttypes.h>

#include "core/clock.h"
#include "synth/synth.h"

static ErrCode swallow(void *ctx, Str name, Str bytes) {
    (void)name;
    *(uint64_t *)ctx += bytes.len;
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
    int64_t start = clock_monotonic_ns(clock_real());
    for (int i = 0; i < ROUNDS; i++) {
        from[i] = (char)i;
        memcpy(to, from, BLOCK);
        __asm__ volatile("" ::"r"(to) : "memory");
    }
    return (double)BLOCK * ROUNDS * 1e9 / (double)(clock_monotonic_ns(clock_real()) - start);
}

int main(int argc, char **argv) {
    SynthOptions o;
    synth_options_init(&o, 20779); /* 2026-11-22 */
    o.visits = argument(argc, argv, 1, 100000);
    o.citizens = argument(argc, argv, 2, o.visits / 4 + 1);
    o.any_order = true;
    double copy = copy_speed();
    printf("memcpy %.0f MB/s\n", copy / 1e6);
    for (unsigned threads = 1; threads <= 2; threads++) {
        o.threads = threads;
        uint64_t bytes = 0;
        SynthReport r;
        int64_t start = clock_monotonic_ns(clock_real());
        if (synth_generate(&o, swallow, &bytes, &r) != ERR_OK) {
            return 1;
        }
        double s = (double)(clock_monotonic_ns(clock_real()) - start) / 1e9;
        printf("synth threads=%u visits=%" PRIu64 " seconds=%.2f visits/s=%.0f MB/s=%.0f "
               "bytes/visit=%.0f resources/visit=%.1f of_memcpy=%.3f\n",
               threads, r.visits, s, (double)r.visits / s, (double)r.bytes / s / 1e6,
               (double)r.bytes / (double)r.claims, (double)r.resources / (double)r.claims,
               (double)r.bytes / s / copy);
    }
    return 0;
}
