/* synth_records.h — one citizen, several records: what different desks wrote down of the same
 * invented people, with the truth beside each record. Typing errors, swapped and shortened names,
 * lost and wrong accents, exchanged days and months, unknown birthdays written as 01/01, changed
 * cards and communes, shared and missing numbers, a parent's number on a child, twins (of one birth
 * date, one telephone, numbers one after another, sometimes names that only an accent tells apart),
 * newborns without a name on a temporary card. Numbers are marked as synthetic, as in synth.h.
 * The rates stand in synth_records.c; errors_percent scales them all.
 * Deterministic by seed. Ownership: a record's texts are borrowed for the call. Errors: ERR_PARAM,
 * ERR_NOMEM, what the sink returned. Threads: one a run. */
#ifndef NHIP_SYNTH_SYNTH_RECORDS_H
#define NHIP_SYNTH_SYNTH_RECORDS_H

#include "core/str.h"

typedef struct SynthRecord {
    uint32_t citizen;                     /* the truth */
    Str name, birth, sex, commune, phone; /* birth "1990-01-31" or "1990"; sex "male", "female" */
    Str cccd, paper, card, local;         /* local: FACILITY|NUMBER; empty: not known */
    bool twin, newborn;                   /* for reports: kinds that are hard */
} SynthRecord;

typedef struct SynthRecordsOptions {
    uint64_t seed;
    uint32_t citizens;        /* 1 to SYNTH_CITIZENS_MAX */
    uint32_t again_per_mille; /* citizens with a second record; one in five of them has a third */
    uint32_t errors_percent;  /* 100: the rates as they stand; 0: none */
    int64_t end_day;          /* days since 1970: today */
} SynthRecordsOptions;

typedef ErrCode (*SynthRecordFn)(void *ctx, const SynthRecord *record);

/* First everybody's first record, then the second ones, then the third ones. */
MUST_USE ErrCode synth_records(const SynthRecordsOptions *options, SynthRecordFn fn, void *ctx);

#endif
