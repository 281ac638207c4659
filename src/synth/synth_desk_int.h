/* synth_desk_int.h — private to src/synth: what a desk writes down of somebody, with its errors.
 * Ownership: a record lives until the next one of its desk. Threads: one a desk. */
#ifndef NHIP_SYNTH_SYNTH_DESK_INT_H
#define NHIP_SYNTH_SYNTH_DESK_INT_H

#include "synth/synth_int.h"
#include "synth/synth_records.h"

/* What has an error. */
enum {
    DESK_NAME = 1,
    DESK_BIRTH = 2,
    DESK_SEX = 4,
    DESK_COMMUNE = 8,
    DESK_PHONE = 16,
    DESK_NUMBER = 32,
    DESK_CARD = 64,
    DESK_NEWBORN = 128,
};

typedef struct Desk Desk;
/* The world has twins (world_twins). NULL without memory. */
Desk *desk_new(const World *w, uint32_t errors_percent);
void desk_free(Desk *d);
/* A citizen's record number copy, from 0. NULL without memory. */
const SynthRecord *desk_record(Desk *d, uint32_t person, uint32_t copy);
/* What the facility has of the patient; its card and commune are never missing. */
const SynthRecord *desk_claim(Desk *d, uint32_t person, uint16_t facility, int32_t day);
/* DESK_… of the last record. */
unsigned desk_errors(const Desk *d);

#endif
