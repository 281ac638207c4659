/* Reading: borrowed connections, records by number, versions by id, history and the feed. */
#include "store/record_int.h"

#include "core/limits.h"

/* ---- readers ---- */

static void reader_free(Reader *reader) {
    db_close(&reader->db);
    (void)ZSTD_freeDCtx(reader->ctx);
    buf_release(&reader->scratch);
    for (unsigned i = 0; i < READER_CACHE; i++) {
        buf_release(&reader->cache[i].payload);
    }
    free(reader);
}

ErrCode reader_take(Store *store, Reader **ret_reader) {
    mutex_lock(&store->readers_lock);
    Reader *reader = store->readers;
    if (reader != NULL) {
        store->readers = reader->next;
    }
    mutex_unlock(&store->readers_lock);
    if (reader == NULL) {
        reader = calloc(1, sizeof(*reader));
        if (reader == NULL) {
            return ERR_NOMEM;
        }
        buf_init(&reader->scratch, RECORD_PAYLOAD_MAX + LIMIT_MIB);
        for (unsigned i = 0; i < READER_CACHE; i++) {
            buf_init(&reader->cache[i].payload, RECORD_PAYLOAD_MAX + LIMIT_MIB);
        }
        reader->ctx = ZSTD_createDCtx();
        ErrCode err =
            reader->ctx == NULL ? ERR_NOMEM : store_connect(store, false, &reader->db, NULL);
        if (err != ERR_OK) {
            reader_free(reader);
            return err;
        }
    }
    *ret_reader = reader;
    return ERR_OK;
}

void reader_give(Store *store, Reader *reader) {
    mutex_lock(&store->readers_lock);
    reader->next = store->readers;
    store->readers = reader;
    mutex_unlock(&store->readers_lock);
}

void readers_release(Store *store) {
    while (store->readers != NULL) {
        Reader *next = store->readers->next;
        reader_free(store->readers);
        store->readers = next;
    }
}

/* ---- records ---- */

ErrCode reader_payload(Store *store, Reader *reader, RecordNo number,
                       struct ReaderSlot **ret_slot) {
    struct ReaderSlot *slot = &reader->cache[number % READER_CACHE];
    if (slot->row.number == number) {
        *ret_slot = slot;
        return ERR_OK;
    }
    slot->row.number = 0;
    sqlite3_stmt *stmt = db_stmt(&reader->db, "record_get");
    if (stmt == NULL) {
        return db_fail(&reader->db, "record-get", NULL);
    }
    CLEANUP_RESET sqlite3_stmt *reset = stmt;
    bool found = false;
    RecordRow row;
    db_bind_u64(stmt, 1, number);
    TRY(db_step(stmt, &found));
    if (!found) {
        return ERR_NOT_FOUND;
    }
    TRY(row_read(stmt, &row));
    if (slot->payload.capacity > LIMIT_MIB) {
        buf_release(&slot->payload);
        buf_init(&slot->payload, RECORD_PAYLOAD_MAX + LIMIT_MIB);
    }
    TRY(body_unpack(reader->ctx, &store->dicts, &row, &slot->payload));
    row.body = STR_EMPTY;
    slot->row = row;
    *ret_slot = slot;
    (void)reset;
    return ERR_OK;
}

ErrCode store_decode(Arena *arena, const RecordRow *row, Str payload, StoredRecord **ret_record) {
    StoredRecord *record = arena_alloc(arena, sizeof(*record));
    Str copy = arena_str(arena, payload);
    if (record == NULL || copy.len != payload.len) {
        return ERR_NOMEM;
    }
    memset(record, 0, offsetof(StoredRecord, slots));
    record->number = row->number;
    record->commit_first = row->commit_first;
    record->time = row->time;
    record->patient = row->patient;
    record->origin = row->origin;
    TRY(record_decode(copy, record));
    *ret_record = record;
    return ERR_OK;
}

ErrCode store_load(Store *store, Arena *arena, RecordNo number, StoredRecord **ret_record) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    struct ReaderSlot *slot = NULL;
    TRY(reader_take(store, &hold.reader));
    TRY(reader_payload(store, hold.reader, number, &slot));
    return store_decode(arena, &slot->row, buf_str(&slot->payload), ret_record);
}

/* One read transaction for all: a record alone costs as much in locks as in reading. */
ErrCode store_load_each(Store *store, const RecordList *list, const RecordEach *each) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    CLEANUP_ARENA Arena *arena = arena_new(2 * RECORD_PAYLOAD_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(reader_take(store, &hold.reader));
    Db *db = &hold.reader->db;
    TRY(db_run(db, "begin_read"));
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < list->n && err == ERR_OK; i++) {
        struct ReaderSlot *slot = NULL;
        StoredRecord *record = NULL;
        arena_reset(arena);
        err = reader_payload(store, hold.reader, list->numbers[i], &slot);
        err =
            err == ERR_OK ? store_decode(arena, &slot->row, buf_str(&slot->payload), &record) : err;
        err = err == ERR_OK ? each->fn(each->ctx, record) : err;
    }
    ErrCode ended = db_run(db, "commit");
    return err == ERR_OK ? ended : err;
}

static Str slot_id(Store *store, Arena *arena, const StoredSlot *slot) {
    return slot->client_id.len > 0 ? slot->client_id : store_id(store, arena, slot->first);
}

void store_put_text(const Store *store, const StoredAt *at, Buf *out) {
    const StoredRecord *record = at->record;
    char letters[ID_LETTERS];
    id_put(&store->id_key, record->patient, letters);
    Str patient = record->patient_id.len > 0 ? record->patient_id : (Str){letters, ID_LETTERS};
    text_expand(out, &(TextExpand){.key = &store->id_key,
                                   .text = record->slots[at->position].text,
                                   .id = at->id,
                                   .version = record->slots[at->position].version,
                                   .time = record->time,
                                   .commit_slot = SLOT_OF(record->commit_first, 0),
                                   .patient_id = patient});
}

ErrCode store_expand(Store *store, Arena *arena, const StoredRecord *record, unsigned position,
                     StoreVersion *ret) {
    if (position >= record->n_slots) {
        return ERR_NOT_FOUND;
    }
    const StoredSlot *slot = &record->slots[position];
    StoreVersion v = {.type = slot->type,
                      .slot = SLOT_OF(record->number, position),
                      .first = slot->first,
                      .version = slot->version,
                      .deleted = slot->deleted,
                      .time = record->time,
                      .patient = record->patient,
                      .id = slot_id(store, arena, slot),
                      .json = STR_EMPTY};
    if (!slot->deleted) {
        CLEANUP_BUF Buf out;
        buf_init(&out, RECORD_PAYLOAD_MAX);
        store_put_text(store, &(StoredAt){record, position, v.id}, &out);
        TRY(buf_ok(&out));
        v.json = arena_str(arena, buf_str(&out));
    }
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret = v;
    return ERR_OK;
}

/* ---- by id ---- */

/* What readers ask the index for is bounded by this, never by index_published: the index publishes
 * a little earlier, and a version above the snapshot is not there yet for anybody. */
RecordNo store_snapshot(Store *store) {
    return atomic_load_explicit(&store->snapshot, memory_order_acquire);
}

ErrCode store_get_slot(Store *store, Arena *arena, Slot slot, StoreVersion *ret) {
    RecordNo number = SLOT_RECORD(slot);
    StoredRecord *record = NULL;
    if (number == 0 || number > store_snapshot(store)) {
        return ERR_NOT_FOUND;
    }
    TRY(store_load_slot(store, arena, slot, &record));
    return store_expand(store, arena, record, SLOT_POSITION(slot), ret);
}

/* Is the slot the first version of a server-made resource of the type? */
static ErrCode is_first(Store *store, Arena *scratch, FhirType type, Slot slot, bool *ret_is) {
    StoredRecord *record = NULL;
    unsigned at = SLOT_POSITION(slot);
    *ret_is = false;
    if (SLOT_RECORD(slot) > store_snapshot(store)) {
        return ERR_OK;
    }
    TRY(store_load_slot(store, scratch, slot, &record));
    *ret_is = at < record->n_slots && record->slots[at].type == type &&
              record->slots[at].prev == 0 && record->slots[at].client_id.len == 0;
    return ERR_OK;
}

/* As store_resolve, with the error; *ret_slot is 0 when there is none. */
static ErrCode resolve(Store *store, Arena *scratch, FhirType type, Str id, Slot *ret_slot) {
    Slot slot = id_parse(&store->id_key, id);
    bool is = false;
    if (slot != 0) {
        ErrCode err = is_first(store, scratch, type, slot, &is);
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return err;
        }
    }
    slot = is ? slot : 0;
    if (slot == 0 && id_is_valid(id)) {
        TRY(index_client_id(store->index, type, id, &slot));
    }
    *ret_slot = slot;
    return ERR_OK;
}

Slot store_resolve(Store *store, FhirType type, Str id) {
    CLEANUP_ARENA Arena *scratch = arena_new(RECORD_PAYLOAD_MAX);
    Slot slot = 0;
    if (scratch == NULL || resolve(store, scratch, type, id, &slot) != ERR_OK) {
        return 0;
    }
    return slot;
}

static ErrCode get_checked(Store *store, Arena *arena, FhirType type, Slot slot,
                           StoreVersion *ret) {
    StoreVersion v;
    TRY(store_get_slot(store, arena, slot, &v));
    if (v.type != type) {
        return ERR_NOT_FOUND;
    }
    *ret = v;
    return v.deleted ? ERR_GONE : ERR_OK;
}

/* A server-made id whose first version still stands: one record is read, not two. ERR_NOT_FOUND
 * when the slot is not that. */
static ErrCode get_first(Store *store, Arena *arena, FhirType type, Slot slot, StoreVersion *ret) {
    StoredRecord *record = NULL;
    unsigned at = SLOT_POSITION(slot);
    RecordNo snapshot = store_snapshot(store);
    if (slot == 0 || SLOT_RECORD(slot) > snapshot ||
        !index_is_live(store->index, type, slot, snapshot)) {
        return ERR_NOT_FOUND;
    }
    TRY(store_load_slot(store, arena, slot, &record));
    if (at >= record->n_slots || record->slots[at].type != type || record->slots[at].prev != 0 ||
        record->slots[at].client_id.len > 0) {
        return ERR_NOT_FOUND;
    }
    return store_expand(store, arena, record, at, ret);
}

ErrCode store_get(Store *store, Arena *arena, FhirType type, Str id, StoreVersion *ret) {
    SlotList later;
    Slot slot = 0;
    ErrCode err = get_first(store, arena, type, id_parse(&store->id_key, id), ret);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    TRY(resolve(store, arena, type, id, &slot));
    if (slot == 0) {
        return ERR_NOT_FOUND;
    }
    TRY(index_versions(store->index, arena, slot, store_snapshot(store), &later));
    return get_checked(store, arena, type, later.n > 0 ? later.slots[later.n - 1] : slot, ret);
}

ErrCode store_get_version(Store *store, Arena *arena, FhirType type, Str id, uint32_t version,
                          StoreVersion *ret) {
    Slot slot = 0;
    SlotList later;
    TRY(resolve(store, arena, type, id, &slot));
    if (slot == 0 || version == 0) {
        return ERR_NOT_FOUND;
    }
    if (version > 1) {
        TRY(index_versions(store->index, arena, slot, store_snapshot(store), &later));
        if (version - 2 >= later.n) {
            return ERR_NOT_FOUND;
        }
        slot = later.slots[version - 2];
    }
    return get_checked(store, arena, type, slot, ret);
}

bool store_is_current(Store *store, Slot slot) {
    CLEANUP_ARENA Arena *scratch = arena_new(RECORD_PAYLOAD_MAX);
    StoredRecord *record = NULL;
    unsigned at = SLOT_POSITION(slot);
    RecordNo snapshot = store_snapshot(store);
    if (scratch == NULL || slot == 0 || SLOT_RECORD(slot) > snapshot ||
        store_load(store, scratch, SLOT_RECORD(slot), &record) != ERR_OK || at >= record->n_slots) {
        return false;
    }
    return !record->slots[at].deleted &&
           index_is_live(store->index, record->slots[at].type, slot, snapshot);
}

bool store_version_is_current(Store *store, const StoreVersion *v) {
    RecordNo snapshot = store_snapshot(store);
    return v->slot != 0 && !v->deleted && SLOT_RECORD(v->slot) <= snapshot &&
           index_is_live(store->index, v->type, v->slot, snapshot);
}

ErrCode store_record(Store *store, Arena *arena, RecordNo number, StoreVersion **ret_versions,
                     size_t *ret_n) {
    StoredRecord *record = NULL;
    if (number == 0 || number > store_snapshot(store)) {
        return ERR_NOT_FOUND;
    }
    TRY(store_load(store, arena, number, &record));
    StoreVersion *versions = arena_new_array(arena, StoreVersion, record->n_slots);
    if (versions == NULL) {
        return ERR_NOMEM;
    }
    for (unsigned i = 0; i < record->n_slots; i++) {
        TRY(store_expand(store, arena, record, i, &versions[i]));
    }
    *ret_versions = versions;
    *ret_n = record->n_slots;
    return ERR_OK;
}

ErrCode store_feed(Store *store, RecordNo after, StoreEach each, void *ctx) {
    CLEANUP_ARENA Arena *scratch = arena_new(2 * RECORD_PAYLOAD_MAX);
    CLEANUP_ARENA Arena *arena = arena_new(RECORD_PAYLOAD_MAX);
    if (scratch == NULL || arena == NULL) {
        return ERR_NOMEM;
    }
    RecordNo last = store_snapshot(store);
    for (RecordNo number = after + 1; number <= last; number++) {
        StoredRecord *record = NULL;
        arena_reset(scratch);
        TRY(store_load(store, scratch, number, &record));
        for (unsigned i = 0; i < record->n_slots; i++) {
            StoreVersion v;
            arena_reset(arena);
            TRY(store_expand(store, arena, record, i, &v));
            TRY(each(ctx, &v));
        }
    }
    return ERR_OK;
}

Index *store_index(Store *store) {
    return store->index;
}

StoreSearchLimits store_search_limits(const Store *store) {
    return store->search;
}
