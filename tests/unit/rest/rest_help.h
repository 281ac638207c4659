/* rest_help.h — the FHIR server alone, for its tests. */
#ifndef NHIP_TESTS_UNIT_REST_HELP_H
#define NHIP_TESTS_UNIT_REST_HELP_H

#include "unit/rest/rest_ask.h"

static UNUSED ErrCode world_start(World *w, ErrInfo *info) {
    RestOptions o = {
        .store = w->store, .intake = w->intake, .subs = w->subs, .settings = &w->settings};
    return rest_start(&o, &w->rest, info);
}

static UNUSED int world_setup(void **state) {
    World *w = world_new();
    world_open(w, world_start);
    *state = w;
    return 0;
}

static UNUSED int world_teardown(void **state) {
    World *w = *state;
    rest_stop(w->rest);
    world_close(w);
    world_free(w);
    return 0;
}

#endif
