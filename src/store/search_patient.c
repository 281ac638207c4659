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

static ErrCode each_current(Store *store, Arena *arena, const StoredRecord *record,
                            RecordNo snapshot, StoreEach each, void *ctx) {
    for (unsigned i = 0; i < record->n_slots; i++) {
        const StoredSlot *slot = &record->slots[i];
        if (slot->deleted ||
            !index_is_live(store_index(store), slot->type, SLOT_OF(record->number, i), snapshot)) {
            continue;
        }
        StoreVersion v;
        TRY(store_expand(store, arena, record, i, &v));
        TRY(each(ctx, &v));
    }
    return ERR_OK;
}

ErrCode store_patient(Store *store, Arena *arena, Slot patient, StoreEach each, void *ctx) {
    RecordNo snapshot = store_snapshot(store);
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    KeyBuf k;
    key_head(&k, INDEX_PATIENT, 0, 0);
    key_u64(&k, patient);
    SlotList list = {0};
    TRY(index_get(store_index(store), scratch, key_str(&k), snapshot, &list));
    for (size_t i = list.n; i-- > 0;) {
        StoredRecord *record = NULL;
        TRY(store_load(store, arena, SLOT_RECORD(list.slots[i]), &record));
        TRY(each_current(store, arena, record, snapshot, each, ctx));
    }
    return ERR_OK;
}
