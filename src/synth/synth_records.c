#include "synth/synth_records.h"

#include "core/limits.h"
#include "synth/synth_desk_int.h"

/* How many records a citizen has beyond the first. */
static uint32_t copies_of(const World *w, uint32_t again_per_mille, uint32_t id) {
    Random r;
    world_random(w, &r, STREAM_RECORD, id);
    bool again = random_below(&r, 1000) < again_per_mille;
    return again ? 1 + (random_below(&r, 5) == 0) : 0;
}

static ErrCode write_all(const World *w, const SynthRecordsOptions *o, SynthRecordFn fn,
                         void *ctx) {
    Desk *d = desk_new(w, o->errors_percent);
    ErrCode err = d == NULL ? ERR_NOMEM : ERR_OK;
    for (uint32_t copy = 0; copy < 3 && err == ERR_OK; copy++) {
        for (uint32_t id = 0; id < o->citizens && err == ERR_OK; id++) {
            if (copy <= copies_of(w, o->again_per_mille, id)) {
                const SynthRecord *record = desk_record(d, id, copy);
                err = record == NULL ? ERR_NOMEM : fn(ctx, record);
            }
        }
    }
    desk_free(d);
    return err;
}

ErrCode synth_records(const SynthRecordsOptions *o, SynthRecordFn fn, void *ctx) {
    if (o->citizens < 1 || o->citizens > SYNTH_CITIZENS_MAX || o->again_per_mille > 1000 ||
        o->errors_percent > 1000) {
        return ERR_PARAM;
    }
    World w = {.to = (int32_t)o->end_day};
    synth_options_init(&w.o, o->end_day);
    w.o.seed = o->seed;
    w.o.citizens = o->citizens;
    w.from = w.to - 365;
    w.arena = arena_new(16 * LIMIT_MIB);
    ErrCode err = w.arena == NULL ? ERR_NOMEM : content_get(&w.content);
    err = err == ERR_OK ? world_facilities(&w) : err;
    err = err == ERR_OK ? world_people(&w) : err;
    err = err == ERR_OK ? world_twins(&w, INT32_MAX) : err;
    err = err == ERR_OK ? write_all(&w, o, fn, ctx) : err;
    world_release(&w);
    return err;
}
