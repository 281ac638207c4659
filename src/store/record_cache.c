/* What searches read again and again: of the records read last the versions of one type, decoded,
 * without the record's other resources. A record never changes, so nothing here grows stale. */
#include "store/record_int.h"

#include "store/index_cache.h"

enum { TYPE_BITS = 8, ENTRY_MAX = 512 * 1024 };
static_assert(FHIR_TYPE_COUNT < 1 << TYPE_BITS, "a type is a part of the key");

/* How many slots reach to the last one of the type, and the bytes of those of the type. */
static unsigned measure(const StoredRecord *r, FhirType type, size_t *ret_bytes) {
    unsigned n = 0;
    *ret_bytes = r->patient_id.len;
    for (unsigned i = 0; i < r->n_slots; i++) {
        if (r->slots[i].type == type) {
            n = i + 1;
            *ret_bytes += r->slots[i].client_id.len + r->slots[i].text.len;
        }
    }
    return n;
}

static Str move_text(char **at, Str text) {
    Str moved = {*at, text.len};
    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return moved;
}

StoredPatients store_text_patients(Str text) {
    static const char NAME[] = "Patient/";
    StoredPatients found = PATIENTS_NONE;
    if (str_find_char(text, '\\', 0) != SIZE_MAX ||
        str_find(text, STR("\"reference\":\"#")) != SIZE_MAX) {
        return PATIENTS_ANY;
    }
    for (size_t at = str_find(text, STR("Patient/")); at != SIZE_MAX;
         at = str_find(text, STR("Patient/"))) {
        text = str_sub(text, at + sizeof(NAME) - 1, SIZE_MAX);
        if (!str_starts(text, STR("~\""))) {
            return PATIENTS_ANY;
        }
        found = PATIENTS_OWN;
    }
    return found;
}

/* The entry is a StoredRecord that ends behind its n slots, and its texts. NULL without memory. */
static CacheBlock *entry_new(const StoredRecord *r, FhirType type, uint64_t id) {
    size_t bytes = 0;
    unsigned n = measure(r, type, &bytes);
    size_t head = offsetof(StoredRecord, slots) + n * sizeof(StoredSlot);
    CacheBlock *b = head + bytes > ENTRY_MAX ? NULL : cache_block_new(id, head + bytes);
    if (b == NULL) {
        return NULL;
    }
    StoredRecord *copy = (StoredRecord *)(void *)b->bytes;
    char *at = b->bytes + head;
    memcpy(copy, r, head);
    copy->n_slots = n;
    copy->only = type;
    copy->patient_id = move_text(&at, r->patient_id);
    for (unsigned i = 0; i < n; i++) {
        bool is = r->slots[i].type == type;
        copy->slots[i].client_id = is ? move_text(&at, r->slots[i].client_id) : STR_EMPTY;
        copy->slots[i].text = is ? move_text(&at, r->slots[i].text) : STR_EMPTY;
        copy->slots[i].patients = is ? store_text_patients(r->slots[i].text) : PATIENTS_UNREAD;
    }
    assert(at == b->bytes + b->len);
    return b;
}

static void entry_drop(void *entry) {
    cache_block_unref(entry);
}

static ErrCode hold(Arena *arena, CacheBlock *b, StoredRecord **ret_record) {
    if (!arena_defer(arena, entry_drop, b)) {
        cache_block_unref(b);
        return ERR_NOMEM;
    }
    *ret_record = (StoredRecord *)(void *)b->bytes;
    return ERR_OK;
}

ErrCode store_load_type(Store *store, Arena *arena, const TypedRecord *which,
                        StoredRecord **ret_record) {
    uint64_t id = which->number << TYPE_BITS | which->type;
    CacheBlock *b = index_cache_find(store->versions, id);
    if (b != NULL) {
        return hold(arena, b, ret_record);
    }
    StoredRecord *record = NULL;
    TRY(store_load(store, arena, which->number, &record));
    b = entry_new(record, which->type, id);
    if (b != NULL) {
        cache_block_unref(index_cache_keep(store->versions, b));
    }
    *ret_record = record;
    return ERR_OK;
}

ErrCode store_record_time(Store *store, RecordNo number, TimeMs *ret_time) {
    CLEANUP_READER ReaderHold hold_reader = {store, NULL};
    bool found = false;
    TRY(reader_take(store, &hold_reader.reader));
    sqlite3_stmt *stmt = db_stmt(&hold_reader.reader->db, "record_time");
    if (stmt == NULL) {
        return db_fail(&hold_reader.reader->db, "record-time", NULL);
    }
    CLEANUP_RESET sqlite3_stmt *reset = stmt;
    db_bind_u64(stmt, 1, number);
    TRY(db_step(stmt, &found));
    *ret_time = found ? sqlite3_column_int64(stmt, 0) : *ret_time;
    (void)reset;
    return found ? ERR_OK : ERR_NOT_FOUND;
}
