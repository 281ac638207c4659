/* When the visits of a citizen ended, record by record: a claim that changes facts of a citizen
 * asks whether a later visit is known, and that must not cost reading the whole life each time.
 * What a record holds never changes, so this memory is never wrong; what it lacks is read. */
#include "core/json.h"
#include "core/limits.h"
#include "intake/intake_int.h"

enum { VISITS_BITS = 20 };
#define VISITS_SIZE ((size_t)1 << VISITS_BITS)

typedef struct VisitEnd {
    RecordNo record; /* 0: empty place */
    Slot encounter;  /* 0: the record has none that ended */
    TimeMs end;
} VisitEnd;

struct Visits {
    Mutex lock;
    VisitEnd at[VISITS_SIZE]; /* by the lowest bits of the record's number; pages come with use */
};

Visits *visits_new(void) {
    Visits *visits = calloc(1, sizeof(*visits));
    if (visits != NULL) {
        mutex_init(&visits->lock);
    }
    return visits;
}

void visits_free(Visits *visits) {
    if (visits != NULL) {
        mutex_release(&visits->lock);
        free(visits);
    }
}

static void put(Visits *visits, const VisitEnd *end) {
    MUTEX_GUARD(&visits->lock);
    visits->at[end->record % VISITS_SIZE] = *end;
}

static bool get(Visits *visits, RecordNo record, VisitEnd *ret_end) {
    MUTEX_GUARD(&visits->lock);
    const VisitEnd *at = &visits->at[record % VISITS_SIZE];
    if (at->record == record) {
        *ret_end = *at;
    }
    return at->record == record;
}

/* The Encounter's period.end; false when it has none. */
static bool end_of(Arena *arena, Str json, TimeMs *ret_end) {
    const JsonNode *root = NULL;
    TimeMs hi = 0;
    return json_parse(arena, json, &root, NULL) == ERR_OK &&
           time_parse_fhir(json_str(arena, json_path(root, "period.end")), ret_end, &hi) == ERR_OK;
}

void visits_wrote(Visits *visits, Arena *arena, const StoreGroup *group, RecordNo first) {
    for (size_t from = 0; from < group->n_changes; from += STORE_RECORD_SLOTS) {
        VisitEnd end = {.record = first + from / STORE_RECORD_SLOTS};
        unsigned n = 0;
        for (size_t i = from; i < MIN(group->n_changes, from + STORE_RECORD_SLOTS); i++) {
            const StoreChange *c = &group->changes[i];
            if (c->type == FHIR_T_ENCOUNTER && c->op != STORE_DELETE &&
                end_of(arena, c->json, &end.end)) {
                end.encounter = SLOT_OF(end.record, i - from);
                n++;
            }
        }
        if (n <= 1) {
            put(visits, &end);
        }
    }
}

/* Reads the record; remembers it when it has at most one visit. */
static ErrCode read_record(const VisitsAsk *ask, RecordNo record, bool *ret_later) {
    StoreVersion *v = NULL;
    size_t n = 0;
    VisitEnd last = {.record = record};
    unsigned ended = 0;
    TRY(store_record(ask->store, ask->arena, record, &v, &n));
    for (size_t i = 0; i < n; i++) {
        TimeMs end = 0;
        if (v[i].type == FHIR_T_ENCOUNTER && !v[i].deleted && end_of(ask->arena, v[i].json, &end)) {
            last.encounter = v[i].slot;
            last.end = end;
            ended++;
            *ret_later |= end > ask->as_of && store_is_current(ask->store, v[i].slot);
        }
    }
    if (ended <= 1) {
        put(ask->visits, &last);
    }
    return ERR_OK;
}

ErrCode visits_later(const VisitsAsk *ask, bool *ret_later) {
    RecordNo *records = NULL;
    size_t n = 0;
    bool later = false;
    TRY(store_patient_records(ask->store, ask->arena, ask->patient, &records, &n));
    for (size_t i = n; i-- > 0 && !later;) {
        VisitEnd end;
        if (!get(ask->visits, records[i], &end)) {
            TRY(read_record(ask, records[i], &later));
        } else if (end.encounter != 0 && end.end > ask->as_of) {
            later = store_is_current(ask->store, end.encounter);
        }
    }
    *ret_later = later;
    return ERR_OK;
}
