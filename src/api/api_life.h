/* api_life.h — a citizen's lifelong record as the screens show it: gathered in one pass over
 * the records, its resources parsed; all of it lives in the call's arena. */
#ifndef NHIP_API_API_LIFE_H
#define NHIP_API_API_LIFE_H

#include "api/api_reading.h"

/* One current resource of the citizen, parsed. */
typedef struct LifeItem {
    FhirType type;
    Str id;
    Slot slot;
    const JsonNode *root;
    Str encounter;               /* id of its Encounter, or empty */
    const struct LifeItem *next; /* the next one of its group, and its time there */
    Str time;
} LifeItem;

typedef struct Life {
    RestCall *call;
    Arena *arena;
    Str visit;     /* id of the only Encounter that is asked for, or empty: the whole record */
    size_t newest; /* so many records are read, the newest ones; 0: all */
    size_t n_records;
    RecordNo reading;
    bool is_cut;     /* there were more */
    LifeItem *items; /* newest record first */
    size_t n, capacity;
    const LifeItem **of_visits; /* Conditions and Claims sorted by Encounter, then as in items */
    size_t n_of_visits;
} Life;

/* All that the record's screen shows, or, with `visit`, all that names this Encounter; also of
 * those who were merged into the citizen. */
MUST_USE ErrCode life_gather(Life *r, RestCall *call, Str patient);
/* The first of of_visits that belongs to this Encounter, then the next one of a type; NULL: none.
 */
size_t life_first(const Life *r, Str encounter);
const LifeItem *life_next(const Life *r, FhirType type, Str encounter, size_t *at);
const LifeItem *life_claim(const Life *r, Str encounter);

/* ---- grouped by code (api_life_groups.c): the members problems, drugs, results ---- */
MUST_USE ErrCode life_put_problems(JsonWriter *w, const Life *r);
MUST_USE ErrCode life_put_drugs(JsonWriter *w, const Life *r);
MUST_USE ErrCode life_put_results(JsonWriter *w, const Life *r);

#endif
