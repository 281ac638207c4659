/* synth.h — a synthetic province: citizens in Huế's 40 communes, their visits over some years and
 * the claim files that its facilities send (Decision 130/QĐ-BYT with 4750), with the truth beside
 * them. Everything is invented and marked so: citizen numbers begin with 999 or 998 (no province
 * has these codes), cards carry province 99 and numbers 99…, facilities are called "(mô phỏng)",
 * practice certificates end in /MP-CCHN, telephones begin with 0000. Deterministic: the same seed
 * and options give the same bytes, whatever the number of threads. Ownership: names and bytes
 * handed to the sink are borrowed for that call. Errors: ERR_PARAM (options out of range),
 * ERR_NOMEM, ERR_STOPPED, what the sink returned, ERR_IO. Cost: bench/synth.c; 60 bytes of memory a
 * citizen, 60 bytes a visit. Threads: a run starts its own and joins them; several runs may go on
 * at once. */
#ifndef NHIP_SYNTH_SYNTH_H
#define NHIP_SYNTH_SYNTH_H

#include "core/str.h"
#include "core/thread.h"

enum {
    SYNTH_CITIZENS_MAX = 2000000,
    SYNTH_VISITS_MAX = 20000000,
    SYNTH_FACILITIES_MAX = 400,
    SYNTH_YEARS_MAX = 10,
    SYNTH_VISITS_A_YEAR_MAX = 40, /* of a citizen, on average */
    SYNTH_THREADS_MAX = 64,
    SYNTH_MISTAKES = 14, /* kinds of planted mistakes */
};

typedef enum SynthFormat {
    SYNTH_PLAIN, /* NAME.xml */
    SYNTH_GZIP,  /* NAME.xml.gz */
} SynthFormat;

typedef struct SynthOptions {
    uint64_t seed;
    uint32_t citizens;
    uint32_t visits; /* distinct; a few less where hundreds are asked of a handful of citizens */
    uint32_t facilities;
    uint32_t years;             /* the visits lie in that many years … */
    int64_t end_day;            /* … up to this day (days since 1970, in Vietnam), 2020–2034 */
    uint32_t days_per_file;     /* a facility's files hold so many days; 0: 1, 7 or 30, by volume */
    uint32_t claims_per_file;   /* at most so many claims in a file */
    uint32_t errors_per_mille;  /* claims with a planted defect */
    uint32_t resends_per_mille; /* claims that are sent again later, corrected or identical */
    /* Claims with a planted mistake that a claim rule finds, by kind, per mille (together at most
     * 1000); those that cannot have it (no bed, no drug …) stay without. */
    uint16_t mistakes[SYNTH_MISTAKES];
    uint32_t desks_percent; /* errors of desks in who the patient is, as in synth_records.h: 100 is
                               what stands there, 0 none */
    SynthFormat format;
    unsigned threads;    /* 0: the machine's cores, at most 8 */
    bool catalogues;     /* also the catalogues that the claims keep to, "catalogues/NAME.tsv" */
    bool any_order;      /* the sink is called from many threads at once, in any order */
    const char *out_dir; /* synth_run only */
    void (*progress)(void *ctx, uint64_t claims,
                     uint64_t claims_total); /* may be NULL; any thread */
    void *progress_ctx;
    const StopFlag *stop; /* may be NULL */
} SynthOptions;

/* Kinds of mistakes, from 1: the file and the id of the claim rule (data/rules) that finds it. */
Str synth_mistake_family(int mistake);
Str synth_mistake_rule(int mistake);
/* "3" (every kind), "card=5,beds=2", by file or id of the rule. ERR_PARAM. */
MUST_USE ErrCode synth_mistakes_parse(Str text, uint16_t ret_shares[SYNTH_MISTAKES]);

/* The defaults: seed 1, 50,000 citizens, 200,000 visits, 60 facilities, 3 years up to end_day. */
void synth_options_init(SynthOptions *ret_options, int64_t end_day);

typedef struct SynthReport {
    uint64_t citizens, facilities;
    uint64_t visits;    /* distinct MA_LK */
    uint64_t claims;    /* HOSO in all files: visits + resends */
    uint64_t resends;   /* of them sent again */
    uint64_t defects;   /* of them planted to be refused */
    uint64_t mistakes;  /* of them planted to be found by a claim rule */
    uint64_t files;     /* claim files */
    uint64_t bytes;     /* of the claim files as written */
    uint64_t bhtt_xu;   /* sum of T_BHTT in hundredths of a đồng: last version of every visit but
                           those with a defect */
    uint64_t resources; /* rows that carry content: the visit, its bill, diagnoses, drug and service
                           lines, results, notes; a mapping may make more resources of them */
} SynthReport;

/* Called for every claim file ("2026/11/20261121-46S01-1.xml", sorted names are the order of
 * sending) and at the end for "facilities.json", the catalogues when wanted, and "truth.json". An
 * error ends the run. Unless any_order is set the calls come one after another, in order. */
typedef ErrCode (*SynthFileFn)(void *ctx, Str name, Str bytes);

/* Generates into the sink, touching no disk. info may be NULL. */
MUST_USE ErrCode synth_generate(const SynthOptions *options, SynthFileFn on_file, void *ctx,
                                SynthReport *ret_report);

/* Writes everything below options->out_dir, claim files under claims/, which is made when missing
 * and must hold no earlier truth.json (ERR_EXISTS). truth.json is written last: where it stands the
 * folder is complete. */
MUST_USE ErrCode synth_run(const SynthOptions *options, SynthReport *ret_report, ErrInfo *info);

#endif
