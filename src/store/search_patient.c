/* Look-ups that are no searches: a token, a patient's record. */
#include "store/search_int.h"

#include "core/limits.h"

#define SCRATCH_BYTES (600 * LIMIT_MIB)

ErrCode store_find(Store *store, Arena *arena, const StoreExpect *token, size_t max,
                   StoreVersion **ret_versions, size_t *ret_n) {
    Index *index = store_index(store);
    RecordNo snapshot = store_snapshot(store);
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    CLEANUP_BUF Buf key;
    buf_init(&key, INDEX_KEY_MAX);
    SlotList list = {0};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    assert(!index_token_may_be_bound(token));
    TRY(index_token_key(&key, token, false));
    TRY(index_get(index, scratch, buf_str(&key), snapshot, &list));
    StoreVersion *versions = arena_new_array(arena, StoreVersion, MIN(max, list.n) + 1);
    if (versions == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = list.n; i-- > 0 && n < max;) {
        if (index_is_live(index, token->type, list.slots[i], snapshot)) {
            TRY(store_get_slot(store, arena, list.slots[i], &versions[n]));
            n++;
        }
    }
    *ret_versions = versions;
    *ret_n = n;
    return ERR_OK;
}

ErrCode store_find_past(Store *store, Arena *arena, const StoreExpect *token, StoreVersion *ret) {
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    CLEANUP_BUF Buf key;
    buf_init(&key, INDEX_KEY_MAX);
    SlotList list = {0};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(index_token_key(&key, token, false));
    TRY(index_get(store_index(store), scratch, buf_str(&key), store_snapshot(store), &list));
    return list.n == 0 ? ERR_NOT_FOUND : store_get_slot(store, arena, list.slots[list.n - 1], ret);
}

typedef struct Current {
    Store *store;
    Arena *arena;
    RecordNo snapshot;
    StoreEach each;
    void *ctx;
} Current;

static ErrCode each_current(void *ctx, const StoredRecord *record) {
    const Current *c = ctx;
    for (unsigned i = 0; i < record->n_slots; i++) {
        const StoredSlot *slot = &record->slots[i];
        if (slot->deleted || !index_is_live(store_index(c->store), slot->type,
                                            SLOT_OF(record->number, i), c->snapshot)) {
            continue;
        }
        StoreVersion v;
        TRY(store_expand(c->store, c->arena, record, i, &v));
        v.id = arena_str(c->arena, v.id); /* a client's id points into the record */
        TRY(c->each(c->ctx, &v));
    }
    return ERR_OK;
}

static ErrCode patient_slots(Store *store, Arena *arena, Slot patient, SlotList *ret_list) {
    KeyBuf k;
    key_head(&k, INDEX_PATIENT, 0, 0);
    key_u64(&k, patient);
    *ret_list = (SlotList){0};
    return index_get(store_index(store), arena, key_str(&k), store_snapshot(store), ret_list);
}

ErrCode store_patient_records(Store *store, Arena *arena, Slot patient, RecordNo **ret_records,
                              size_t *ret_n) {
    SlotList list;
    TRY(patient_slots(store, arena, patient, &list));
    RecordNo *records = arena_new_array(arena, RecordNo, list.n + 1);
    if (records == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < list.n; i++) {
        records[i] = SLOT_RECORD(list.slots[i]);
    }
    *ret_records = records;
    *ret_n = list.n;
    return ERR_OK;
}

ErrCode store_patient(Store *store, Arena *arena, Slot patient, StoreEach each, void *ctx) {
    RecordNo snapshot = store_snapshot(store);
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    SlotList list;
    TRY(patient_slots(store, scratch, patient, &list));
    RecordNo *numbers = arena_new_array(scratch, RecordNo, list.n + 1);
    if (numbers == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < list.n; i++) {
        numbers[i] = SLOT_RECORD(list.slots[list.n - 1 - i]);
    }
    Current c = {store, arena, snapshot, each, ctx};
    return store_load_each(store, &(RecordList){numbers, list.n}, &(RecordEach){each_current, &c});
}
