/* api_life_int.h — a citizen's lifelong record as the screens show it: gathered in one pass over
 * the records, its resources parsed; all of it lives in the call's arena. */
#ifndef NHIP_API_API_LIFE_INT_H
#define NHIP_API_API_LIFE_INT_H

#include "api/api_citizen_int.h"

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

/* All that the record's screen shows, or, with `visit`, all that names this Encounter. */
MUST_USE ErrCode life_gather(Life *r, RestCall *call, Slot patient);
const LifeItem *life_claim(const Life *r, Str encounter);
Str life_code(Arena *arena, const JsonNode *concept, Str system);
Str life_name(Arena *arena, const JsonNode *concept);
Str life_icd_name(Arena *arena, const JsonNode *condition, Str code, bool english);
const JsonNode *life_bill_field(const JsonNode *claim, Str name);
void life_put_number(JsonWriter *w, Str name, const JsonNode *value);
Str life_condition_key(Arena *arena, const JsonNode *root);
Str life_result_time(Arena *arena, const JsonNode *root);

#endif
