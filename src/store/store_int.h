/* store_int.h — what the files of this module share: loading records, decoding slots.
 * A stored text has no id, versionId, lastUpdated; local references stand as "Type/~OFFSET" (offset
 * from the commit's first slot) and "Patient/~" (the record's patient). */
#ifndef NHIP_STORE_STORE_INT_H
#define NHIP_STORE_STORE_INT_H

#include "store/index_int.h"
#include "store/store.h"

/* The patients that a stored text may refer to. */
typedef enum StoredPatients {
    PATIENTS_UNREAD,
    PATIENTS_NONE,
    PATIENTS_OWN,
    PATIENTS_ANY
} StoredPatients;
/* Every reference to one says Patient/, unless something is escaped or contained; of the record's
 * own Patient/~. */
StoredPatients store_text_patients(Str text);

typedef struct StoredSlot {
    FhirType type;
    bool deleted;
    StoredPatients patients; /* of records that stayed in memory; else unread */
    Slot first;              /* identity; own slot on create */
    Slot prev;               /* 0 on create */
    uint32_t version;        /* 1… */
    Str client_id;           /* empty: server-made */
    Str text;                /* stored text */
} StoredSlot;

typedef struct StoredRecord { /* decoded; lives in the arena that it was loaded into */
    RecordNo number;
    RecordNo commit_first; /* first record of its commit: base of local references */
    TimeMs time;
    Slot patient;   /* first slot of the patient, or 0 */
    Str patient_id; /* the patient's client id; empty: server-made */
    uint32_t origin;
    FhirType only; /* slots of other types may be missing or empty; FHIR_T_NONE: all are there */
    unsigned n_slots;
    StoredSlot slots[STORE_RECORD_SLOTS];
} StoredRecord;

/* ERR_NOT_FOUND, ERR_CORRUPT. A small cache of decoded records per thread may answer. */
MUST_USE ErrCode store_load(Store *store, Arena *arena, RecordNo number, StoredRecord **ret_record);
/* The same for the versions of one type, which stay in memory for the next one who asks; the record
 * holds them until the arena is reset. */
typedef struct TypedRecord {
    RecordNo number;
    FhirType type;
} TypedRecord;
MUST_USE ErrCode store_load_type(Store *store, Arena *arena, const TypedRecord *which,
                                 StoredRecord **ret_record);
/* When the record was committed. */
MUST_USE ErrCode store_record_time(Store *store, RecordNo number, TimeMs *ret_time);
/* Many, in the order given; a record lives until fn returns, which stops them with an error. */
typedef struct RecordList {
    const RecordNo *numbers;
    size_t n;
} RecordList;
typedef struct RecordEach {
    ErrCode (*fn)(void *ctx, const StoredRecord *record);
    void *ctx;
} RecordEach;
MUST_USE ErrCode store_load_each(Store *store, const RecordList *list, const RecordEach *each);
/* The same for one slot: of the record's slots only that one need be filled, and n_slots may end
 * behind it. */
MUST_USE ErrCode store_load_slot(Store *store, Arena *arena, Slot slot, StoredRecord **ret_record);
/* The full version with expanded JSON (id, meta, references). */
MUST_USE ErrCode store_expand(Store *store, Arena *arena, const StoredRecord *record,
                              unsigned position, StoreVersion *ret);
/* The JSON alone, appended; of a version that is no delete. */
typedef struct StoredAt {
    const StoredRecord *record;
    unsigned position;
    Str id; /* of the resource */
} StoredAt;
void store_put_text(const Store *store, const StoredAt *at, Buf *out);
/* First slot of a server-made id, or 0 when the text has not that form. */
Slot store_id_parse(const Store *store, Str id);
/* First slot of (type, id) of either kind, or 0. */
Slot store_resolve(Store *store, FhirType type, Str id);
Index *store_index(Store *store);
typedef struct StoreSearchLimits {
    unsigned work_max, include_max, link_work;
    StoreSortWay sort_way;
} StoreSearchLimits;
StoreSearchLimits store_search_limits(const Store *store);

#endif
