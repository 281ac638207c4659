/* index_int.h — the index under the store: sorted postings in segments over ranges of records.
 *
 * A posting list says which slots carry a key. Keys are byte strings whose memcmp order is the
 * order of their values, so equality, prefix and range are all one range scan: class (1) type (2,
 * BE) param (2, BE) value Segments are sorted runs (key -> slots) over consecutive records,
 * immutable, stored in view.db as rows of compressed blocks (segment_block(lane, segment, block,
 * first_key, body)) with the blocks' first keys and a Bloom filter in memory. The newest records
 * live in the tail (memory). A tail of `seal_records` records is frozen and sealed by the sealing
 * thread, one of INDEX_AGED_RECORDS when its first record is a minute old; sixteen segments of a
 * level are merged into one of the next by the merging thread (O'Neil et al., "The log-structured
 * merge-tree", 1996). Nothing is inserted at random into a large B-tree and the writer never waits
 * for a seal unless four frozen tails are queued.
 *
 * Threads: index_add and index_publish by the writer only; everything else by any thread. */
#ifndef NHIP_STORE_INDEX_INT_H
#define NHIP_STORE_INDEX_INT_H

#include "store/store.h"

typedef struct Index Index;

/* Key classes. Postings carry every version's slot; the dead set says which are not current. */
typedef enum IndexClass {
    INDEX_CLIENT_ID = 1, /* type, id text -> slot of the first version (ids chosen by clients) */
    INDEX_VERSION = 2,   /* first slot (8, BE) -> slots of versions 2, 3, … (deletes included) */
    INDEX_PATIENT = 3,   /* patient's first slot (8, BE) -> its records, as SLOT_OF(record, 0) */
    INDEX_TYPE = 4,      /* type -> every version of the type (deletes included) */
    INDEX_VALUE = 5,     /* type, param, normalised value -> slots: search values */
    INDEX_SUPERSEDED =
        6, /* type, the version before (slot, 8, BE) -> the version that took its place */
    INDEX_DELETED = 7, /* type -> versions that are deletes */
} IndexClass;

/* One (key, change) pair made by index_keys during store_prepare, before the slot is known. */
typedef struct IndexEntry {
    Str key;
    uint32_t offset;   /* slot = commit's first slot + offset (offset = record in commit * 64 +
                          position) */
    uint16_t relocate; /* != 0: at this byte of key stand 8 bytes BE to which the commit's first
                        * slot is added (reference to a resource of the same commit) */
} IndexEntry;

typedef struct IndexBatch { /* grows; lives in its own arena inside StorePrepared */
    Arena *arena;
    IndexEntry *entries;
    size_t n, capacity;
} IndexBatch;

/* What index_keys must know about the resource. */
typedef struct IndexSubject {
    FhirType type;
    const struct JsonNode *root; /* NULL for a delete */
    uint32_t offset;             /* its offset in the commit */
    Str client_id;               /* first version with a client's id, else empty */
    Slot first;                  /* update, delete: the first slot; create: 0 */
    Slot prev;                   /* update, delete: the version before; create: 0 */
    Slot patient;                /* known patient's first slot, or 0 */
    int64_t patient_offset;      /* patient created in this commit: its offset; else -1 */
    const Store *store;          /* to decode ids */
} IndexSubject;
/* Appends all keys of one resource version: CLIENT_ID, VERSION, TYPE and every search value
 * (through fhir_extract). References to the record's own patient and to resources of the same
 * record are not posted: searches find them through the patient list and the target's records. */
MUST_USE ErrCode index_keys(IndexBatch *batch, Arena *scratch, const IndexSubject *subject);
/* Once a record: the patient list entry. */
MUST_USE ErrCode index_patient_key(IndexBatch *batch, const IndexSubject *subject);

typedef struct IndexOptions {
    const char *path; /* view.db */
    const char *vfs;
    unsigned seal_records;
    int64_t seal_age_ms; /* a tail whose first record is older is sealed before it is full; 0: a
                          * minute */
    const Clock *clock;  /* NULL: the real one */
    bool read_only;
    Sha256 identity; /* of the data.db that it stands for */
} IndexOptions;
/* Opens or creates; drops everything when the stored definition hash differs from this build's or
 * belongs to another data.db. */
MUST_USE ErrCode index_open(const IndexOptions *options, Index **ret_index, ErrInfo *info);
void index_close(Index *index);
/* Every record up to this one is in sealed segments; the caller adds the later ones again. */
RecordNo index_covered(const Index *index);

/* Writer: takes one record group's entries (first = first record of the commit). Copies the keys.
 * The dead set is derived from SUPERSEDED and DELETED keys. Not visible before index_publish. Each
 * key's offsets should ascend through the batch (they do when resources are taken in order). */
MUST_USE ErrCode index_add(Index *index, RecordNo first, RecordNo last, const IndexBatch *batch);
/* Also with the same `last` again, from time to time when nothing comes: a tail that has grown old
 * goes to the sealing thread. */
void index_publish(Index *index, RecordNo last);
/* At an orderly stop, when nothing is added any more: seals what is published, however little it
 * is, so that the next open has nothing to add again. Gives up after timeout_ms (ERR_BUSY) or with
 * the error of a failed seal; what is not sealed then is only derived data. */
MUST_USE ErrCode index_seal_rest(Index *index, int64_t timeout_ms);
/* Writer, before a commit: does key carry any slot in records above `snapshot` (tail, frozen,
 * segments)? */
bool index_key_since(Index *index, Str key, RecordNo snapshot);

typedef struct SlotList {
    Slot *slots; /* ascending */
    size_t n;
} SlotList;
/* The slots that key carries in records above `snapshot`, published or not. */
MUST_USE ErrCode index_slots_since(Index *index, Arena *arena, Str key, RecordNo snapshot,
                                   SlotList *ret);
/* Slots of one exact key in records <= snapshot. */
MUST_USE ErrCode index_get(Index *index, Arena *arena, Str key, RecordNo snapshot, SlotList *ret);
/* First version of a client's id, or 0. */
MUST_USE ErrCode index_client_id(Index *index, FhirType type, Str id, Slot *ret_first);
/* Versions 2… of a resource in records <= snapshot, ascending. */
MUST_USE ErrCode index_versions(Index *index, Arena *arena, Slot first, RecordNo snapshot,
                                SlotList *ret);
/* Is this slot (a version of a resource of that type, no delete) the current version at `snapshot`
 * (0: now)? */
bool index_is_live(Index *index, FhirType type, Slot slot, RecordNo snapshot);
/* The last record made visible by index_publish. */
RecordNo index_published(Index *index);
/* Builds a key of one token value, as index_keys does (store_find, StoreExpect). is_bound: for data
 * that carry no system themselves, where the definition or ContactPoint.use stands for it. */
MUST_USE ErrCode index_token_key(Buf *out, const StoreExpect *token, bool is_bound);
/* May the parameter's data be of both kinds? Identifiers say their system, or have none. */
static inline bool index_token_may_be_bound(const StoreExpect *token) {
    return token->param != FHIR_P_IDENTIFIER && token->system.len > 0;
}

/* The search (index_search.c): plan and run. The caller decodes and verifies: fetch gives the
 * current resource of a slot parsed, for verification. */
void index_settle(Index *index);
MUST_USE ErrCode index_digest(Index *index, Sha256 *ret);
MUST_USE ErrCode index_stat(Index *index, Buf *out);

#endif
