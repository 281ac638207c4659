/* claim_files.h — a synthetic province's claim files in memory, for benchmarks of what reads them.
 */
#ifndef NHIP_BENCH_CLAIM_FILES_H
#define NHIP_BENCH_CLAIM_FILES_H

#include "bench.h"
#include "synth/synth.h"

enum { CLAIM_FILES_MAX = 200000 };

typedef struct ClaimFiles {
    Str *at;
    size_t n, bytes;
} ClaimFiles;

static ErrCode claim_files_keep(void *ctx, Str name, Str bytes) {
    ClaimFiles *f = ctx;
    if (!str_ends(name, STR(".xml")) || f->n == CLAIM_FILES_MAX) {
        return ERR_OK;
    }
    char *p = malloc(bytes.len);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    memcpy(p, bytes.ptr, bytes.len);
    f->at[f->n++] = (Str){p, bytes.len};
    f->bytes += bytes.len;
    return ERR_OK;
}

/* So many visits without planted defects, over the generator's own number of years (0) or `years`.
 * Never freed. */
static inline ErrCode claim_files_make(uint64_t visits, uint32_t years, ClaimFiles *ret) {
    SynthOptions o;
    SynthReport report;
    synth_options_init(&o, 20779);
    o.visits = (uint32_t)visits;
    o.citizens = o.visits / 4 + 1;
    o.errors_per_mille = 0;
    o.years = years == 0 ? o.years : years;
    *ret = (ClaimFiles){.at = calloc(CLAIM_FILES_MAX, sizeof(Str))};
    return ret->at == NULL ? ERR_NOMEM : synth_generate(&o, claim_files_keep, ret, &report);
}

#endif
