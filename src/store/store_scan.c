#include "store/store_scan.h"

#include "core/limits.h"
#include "store/record_int.h"

typedef struct Scanner {
    Store *store;
    const StoreScan *scan;
    StoredRecord *record;
    Buf text;
} Scanner;

/* Is the delete what the resource came to at the snapshot? One that was made anew has a later
 * version. */
static ErrCode is_last_word(Scanner *s, const StoredSlot *slot, Slot at, bool *ret_is) {
    CLEANUP_ARENA Arena *scratch = arena_new(LIMIT_MIB);
    SlotList later;
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(index_versions(s->store->index, scratch, slot->first, s->scan->snapshot, &later));
    *ret_is = later.n > 0 && later.slots[later.n - 1] == at;
    return ERR_OK;
}

static ErrCode is_wanted(Scanner *s, const StoredSlot *slot, const StoreVersion *v, bool *ret_is) {
    const StoreScan *scan = s->scan;
    *ret_is = (!v->deleted || scan->deletes) && (scan->want == NULL || scan->want(scan->ctx, v));
    if (!*ret_is) {
        return ERR_OK;
    }
    if (v->deleted) {
        return is_last_word(s, slot, v->slot, ret_is);
    }
    *ret_is = index_is_live(s->store->index, v->type, v->slot, scan->snapshot);
    return ERR_OK;
}

static ErrCode scan_slot(Scanner *s, unsigned i) {
    const StoredSlot *slot = &s->record->slots[i];
    char letters[ID_LETTERS];
    bool wanted = false;
    StoreVersion v = {.type = slot->type,
                      .slot = SLOT_OF(s->record->number, i),
                      .first = slot->first,
                      .version = slot->version,
                      .deleted = slot->deleted,
                      .time = s->record->time,
                      .patient = s->record->patient,
                      .id = STR_EMPTY,
                      .json = STR_EMPTY};
    TRY(is_wanted(s, slot, &v, &wanted));
    if (!wanted) {
        return ERR_OK;
    }
    id_put(&s->store->id_key, slot->first, letters);
    v.id = slot->client_id.len > 0 ? slot->client_id : (Str){letters, ID_LETTERS};
    if (!slot->deleted) {
        buf_clear(&s->text);
        store_put_text(s->store, &(StoredAt){s->record, i, v.id}, &s->text);
        TRY(buf_ok(&s->text));
        v.json = buf_str(&s->text);
    }
    return s->scan->each(s->scan->ctx, &v);
}

static ErrCode scan_record(Scanner *s, Reader *reader, RecordNo number) {
    struct ReaderSlot *slot = NULL;
    StoredRecord *r = s->record;
    TRY(reader_payload(s->store, reader, number, &slot));
    memset(r, 0, offsetof(StoredRecord, slots));
    r->number = slot->row.number;
    r->commit_first = slot->row.commit_first;
    r->time = slot->row.time;
    r->patient = slot->row.patient;
    r->origin = slot->row.origin;
    TRY(record_decode(buf_str(&slot->payload), r));
    for (unsigned i = 0; i < r->n_slots; i++) {
        TRY(scan_slot(s, i));
    }
    return ERR_OK;
}

ErrCode store_scan(Store *store, const StoreScan *scan) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    CLEANUP_FREE StoredRecord *record = malloc(sizeof(*record));
    Scanner s = {.store = store, .scan = scan, .record = record};
    ErrCode err = record == NULL ? ERR_NOMEM : reader_take(store, &hold.reader);
    assert(scan->last <= scan->snapshot && scan->snapshot <= store_snapshot(store));
    buf_init(&s.text, RECORD_PAYLOAD_MAX);
    for (RecordNo number = scan->first; number <= scan->last && err == ERR_OK; number++) {
        err = scan_record(&s, hold.reader, number);
    }
    buf_release(&s.text);
    return err;
}

static ErrCode scan_records(Scanner *s, const RecordList *list) {
    CLEANUP_READER ReaderHold hold = {s->store, NULL};
    TRY(reader_take(s->store, &hold.reader));
    Db *db = &hold.reader->db;
    TRY(db_run(db, "begin_read")); /* one for all, as in store_load_each */
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < list->n && err == ERR_OK; i++) {
        RecordNo number = list->numbers[i];
        bool wanted = number >= s->scan->first && number <= s->scan->snapshot;
        err = wanted ? scan_record(s, hold.reader, number) : ERR_OK;
    }
    ErrCode ended = db_run(db, "commit");
    return err == ERR_OK ? ended : err;
}

ErrCode store_scan_patient(Store *store, Slot patient, const StoreScan *scan) {
    CLEANUP_ARENA Arena *scratch = arena_new(LIMIT_REQUEST_BYTES);
    CLEANUP_FREE StoredRecord *record = malloc(sizeof(*record));
    StoreScan now = *scan;
    Scanner s = {.store = store, .scan = &now, .record = record};
    RecordNo *numbers = NULL;
    size_t n = 0;
    if (scratch == NULL || record == NULL) {
        return ERR_NOMEM;
    }
    now.snapshot = store_snapshot(store);
    TRY(store_patient_records(store, scratch, patient, &numbers, &n));
    buf_init(&s.text, RECORD_PAYLOAD_MAX);
    ErrCode err = scan_records(&s, &(RecordList){numbers, n});
    buf_release(&s.text);
    return err;
}

/* Times never go back along the log (record_write.c). */
ErrCode store_scan_since(Store *store, TimeMs since, RecordNo snapshot, RecordNo *ret_first) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    RecordNo lo = 1;
    RecordNo hi = snapshot + 1;
    TRY(reader_take(store, &hold.reader));
    while (lo < hi) {
        RecordNo mid = lo + (hi - lo) / 2;
        struct ReaderSlot *slot = NULL;
        TRY(reader_payload(store, hold.reader, mid, &slot));
        if (slot->row.time > since) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    *ret_first = lo;
    return ERR_OK;
}

Slot store_first(Store *store, FhirType type, Str id) {
    return store_resolve(store, type, id);
}

bool store_wait(Store *store, RecordNo after, int64_t timeout_ms) {
    int64_t until = clock_monotonic_ns(clock_real()) + timeout_ms * 1000000;
    MUTEX_GUARD(&store->fresh_lock);
    while (store_snapshot(store) <= after) {
        int64_t left = (until - clock_monotonic_ns(clock_real())) / 1000000;
        if (left <= 0) {
            return false;
        }
        (void)cond_wait_ms(&store->fresh, &store->fresh_lock, left);
    }
    return true;
}
