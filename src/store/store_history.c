/* History: of one resource from its version list; of a type or of all by walking the log backwards,
 * with the type's posting list once the walk has met too few. */
#include "store/record_int.h"
#include "store/store_scan.h"

#include "core/limits.h"

enum {
    WALK_RECORDS = 512, /* without a full page: then the posting list is cheaper */
    WALK_AT = 20000,    /* versions or records of one page that are looked at with `at` */
};

typedef struct Walk {
    Store *store;
    Arena *arena, *scratch;
    const StoreHistory *what;
    StoreVersion *versions;
    size_t n, count; /* count: one more than the page, to know whether there is a next */
    Slot below;      /* only slots below */
    bool over;       /* older than `since` from here on */
    RecordNo base;   /* with `at`: up to here only what was still current then */
    size_t looked;   /* with `at` */
} Walk;

/* Was it the newest version as of the record, and no delete? */
static ErrCode was_current(Walk *w, const StoredSlot *slot, Slot own, bool *ret_was) {
    SlotList later;
    Slot first = slot->prev == 0 ? own : slot->first;
    *ret_was = false;
    if (slot->deleted) {
        return ERR_OK;
    }
    TRY(index_versions(w->store->index, w->arena, first, w->base, &later));
    *ret_was = (later.n > 0 ? later.slots[later.n - 1] : first) == own;
    return ERR_OK;
}

static ErrCode take(Walk *w, const StoredRecord *record, unsigned at) {
    if (record->time < w->what->since) {
        w->over = true;
        return ERR_OK;
    }
    if (record->number <= w->base) {
        bool was = false;
        w->looked++;
        TRY(was_current(w, &record->slots[at], SLOT_OF(record->number, at), &was));
        if (!was) {
            return ERR_OK;
        }
    }
    StoreVersion *v = &w->versions[w->n++];
    TRY(store_expand(w->store, w->arena, record, at, v));
    v->id = arena_str(w->arena, v->id); /* a client's id points into the record */
    return ERR_OK;
}

static bool is_tired(const Walk *w) {
    return w->looked > WALK_AT;
}

static ErrCode take_slot(Walk *w, Slot slot) {
    StoredRecord *record = NULL;
    arena_reset(w->scratch);
    TRY(store_load(w->store, w->scratch, SLOT_RECORD(slot), &record));
    return SLOT_POSITION(slot) < record->n_slots ? take(w, record, SLOT_POSITION(slot))
                                                 : ERR_CORRUPT;
}

/* slots ascending; takes from the newest below w->below. */
static ErrCode take_list(Walk *w, const Slot *slots, size_t n) {
    while (n > 0 && slots[n - 1] >= w->below) {
        n--;
    }
    while (n > 0 && w->n < w->count && !w->over && !is_tired(w)) {
        TRY(take_slot(w, slots[--n]));
        w->below = slots[n];
    }
    return ERR_OK;
}

static ErrCode walk_resource(Walk *w, RecordNo snapshot) {
    SlotList later;
    Slot first = store_resolve(w->store, w->what->type, w->what->id);
    if (first == 0) {
        return ERR_NOT_FOUND;
    }
    TRY(index_versions(w->store->index, w->arena, first, snapshot, &later));
    w->below = MIN(w->below, SLOT_OF(snapshot + 1, 0));
    TRY(take_list(w, later.slots, later.n));
    return take_list(w, &first, 1);
}

static ErrCode walk_record(Walk *w, RecordNo number) {
    StoredRecord *record = NULL;
    arena_reset(w->scratch);
    TRY(store_load(w->store, w->scratch, number, &record));
    for (unsigned i = record->n_slots; i-- > 0 && w->n < w->count && !w->over;) {
        bool wanted = w->what->type == FHIR_T_NONE || record->slots[i].type == w->what->type;
        if (wanted && SLOT_OF(number, i) < w->below) {
            TRY(take(w, record, i));
        }
    }
    w->over = w->over || record->time < w->what->since;
    return ERR_OK;
}

/* From the record of the highest slot below `below` down; stops after `most` records. */
static ErrCode walk_log(Walk *w, RecordNo snapshot, uint64_t most) {
    RecordNo number = MIN(SLOT_RECORD(w->below - 1), snapshot);
    for (; number > 0 && most > 0 && w->n < w->count && !w->over && !is_tired(w);
         number--, most--) {
        w->looked += number <= w->base;
        TRY(walk_record(w, number));
        w->below = MIN(w->below, SLOT_OF(number, 0));
    }
    return ERR_OK;
}

static ErrCode walk_type(Walk *w, RecordNo snapshot) {
    TRY(walk_log(w, snapshot, WALK_RECORDS));
    if (w->n == w->count || w->over || is_tired(w) || w->below <= SLOT_OF(1, 0)) {
        return ERR_OK;
    }
    SlotList all;
    unsigned type = w->what->type;
    const char key[5] = {INDEX_TYPE, (char)(type >> 8), (char)type, 0, 0};
    TRY(index_get(w->store->index, w->arena, (Str){key, sizeof(key)}, snapshot, &all));
    return take_list(w, all.slots, all.n);
}

/* Times of records ascend: what was current in a span lies between two records, or was current at
 * the first. */
static ErrCode begin_at(Walk *w, RecordNo snapshot) {
    RecordNo from = 0;
    RecordNo to = 0;
    if (w->what->at[1] == 0) {
        return ERR_OK;
    }
    TRY(store_scan_since(w->store, w->what->at[0], snapshot, &from));
    TRY(store_scan_since(w->store, w->what->at[1] - 1, snapshot, &to));
    w->base = from - 1;
    w->below = MIN(w->below, SLOT_OF(to, 0));
    return ERR_OK;
}

ErrCode store_history(Store *store, Arena *arena, const StoreHistory *what,
                      StoreVersion **ret_versions, size_t *ret_n, Slot *ret_next) {
    CLEANUP_ARENA Arena *scratch = arena_new(2 * RECORD_PAYLOAD_MAX);
    RecordNo newest = store_snapshot(store);
    RecordNo snapshot = what->snapshot == 0 ? newest : MIN(what->snapshot, newest);
    size_t count = MIN(MAX(what->count, (size_t)1), (size_t)LIMIT_PAGE_COUNT);
    Walk w = {.store = store,
              .arena = arena,
              .scratch = scratch,
              .what = what,
              .versions = arena_new_array(arena, StoreVersion, count + 1),
              .count = count + 1,
              .below = what->before == 0 ? SLOT_OF(snapshot + 1, 0) : what->before};
    if (scratch == NULL || w.versions == NULL) {
        return ERR_NOMEM;
    }
    TRY(begin_at(&w, snapshot));
    TRY(what->id.len > 0            ? walk_resource(&w, snapshot)
        : what->type == FHIR_T_NONE ? walk_log(&w, snapshot, UINT64_MAX)
                                    : walk_type(&w, snapshot));
    *ret_versions = w.versions;
    *ret_n = MIN(w.n, count);
    *ret_next = w.n > count ? w.versions[count - 1].slot : is_tired(&w) ? w.below : 0;
    return ERR_OK;
}
