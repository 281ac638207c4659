/* index_core_int.h — what the index's own files and the search share: the parts (sealed segments,
 * frozen tails, the live tail), the immutable list of them that readers hold, merging in key order.
 * A reader takes the view, works on it, gives it back; sealing and merging put a new view in its
 * place. Slots inside a part count from its first record (part_base). */
#ifndef NHIP_STORE_INDEX_CORE_INT_H
#define NHIP_STORE_INDEX_CORE_INT_H

#include "core/limits.h"
#include "core/thread.h"
#include "store/index_counts.h"
#include "store/index_dead.h"
#include "store/index_segment.h"

enum {
    INDEX_FAN_IN = 16,    /* segments merged into one */
    INDEX_LEVEL_MAX = 2,  /* 4,096 -> 65,536 -> 1,048,576 records */
    INDEX_FROZEN_MAX = 4, /* frozen tails at which the writer waits */
    INDEX_SEAL_DEFAULT = 4096,
    INDEX_SEAL_MAX = 1 << 17, /* so that a slot of the largest segment fits into 32 bits */
    INDEX_AGED_RECORDS = 256, /* a tail with fewer is added again in no time after a crash */
    INDEX_AGE_MS = 60000,
};
#define INDEX_CACHE_BYTES (64 * LIMIT_MIB)
#define INDEX_DECODED_BYTES (32 * LIMIT_MIB)

typedef struct IndexPart { /* exactly one of both */
    Segment *segment;
    Tail *tail;
    RecordNo first, last; /* live tail: last = UINT64_MAX */
} IndexPart;

typedef struct IndexView {
    atomic_uint refs;
    size_t n; /* the last part is the live tail */
    IndexPart parts[];
} IndexView;

typedef struct Garbage { /* a segment whose blocks nobody reads any more */
    struct Garbage *next;
    uint64_t id;
    uint32_t n_blocks;
} Garbage;

struct Index {
    IndexDb *db;
    IndexCache *cache;
    SegmentHome home;
    DeadSet *dead;
    IndexCounts *counts;
    unsigned seal_records;
    int64_t seal_age_ms;
    const Clock *clock;
    bool read_only;
    _Atomic RecordNo published;
    _Atomic RecordNo covered;
    Mutex lock; /* guards what follows; never held over I/O */
    Cond changed;
    IndexView *view;
    int64_t live_since_ms; /* by the monotonic clock: its first record; INT64_MAX: it has none */
    unsigned n_frozen;
    uint64_t next_id;
    Garbage *garbage;
    atomic_bool stopping;
    bool sealing, merging;
    ErrCode seal_err, merge_err; /* of the last try; ERR_OK after a success */
    uint64_t n_sealed, n_merged;
    Thread sealer, merger;
};

IndexView *index_view_take(Index *index);
void index_view_give(IndexView *view); /* NULL is fine; not while index->lock is held */
static inline void index_view_cleanup(IndexView **view) {
    index_view_give(*view);
}
#define CLEANUP_VIEW CLEANUP(index_view_cleanup)
/* A list of n parts with one reference to each part of its own; NULL without memory. */
IndexView *index_view_new(const IndexPart *parts, size_t n);

static inline Slot part_base(const IndexPart *p) {
    return SLOT_OF(p->first, 0);
}
/* The first relative slot behind the snapshot's last record. */
uint32_t part_below(const IndexPart *p, RecordNo snapshot);
MUST_USE ErrCode part_get(const IndexPart *p, Str key, uint32_t below, SlotVec *out);
MUST_USE ErrCode part_newest(const IndexPart *p, Str key, uint32_t *ret_slot); /* ERR_NOT_FOUND */
MUST_USE ErrCode part_scan(const IndexPart *p, const TailScan *scan);
/* The key's newest slot in records <= snapshot, or 0. */
MUST_USE ErrCode index_newest(const IndexView *view, Str key, RecordNo snapshot, Slot *ret);
/* Was the dead slot's successor committed after the snapshot? The view is to be taken after the
 * slot was found dead: an older one may lack the tail that holds the successor. Deletes can have
 * successors, too. */
MUST_USE ErrCode index_died_after(const IndexView *view, FhirType type, Slot slot,
                                  RecordNo snapshot, bool *ret_did);

/* Keys. class, type and param as in index_int.h; the caller's buffer has INDEX_KEY_MAX bytes. */
size_t index_key_head(char *out, IndexClass class, unsigned type, unsigned param);
Str index_key_slot(char *out, IndexClass class, unsigned type, Slot slot);
static inline FhirType index_key_type(Str key) {
    return (FhirType)((unsigned)(uint8_t)key.ptr[1] << 8 | (uint8_t)key.ptr[2]);
}

/* Walks several parts in the order of (key, part): put gets each key's slots, part by part, in
 * pieces; parts must be in the order of their records. */
typedef ErrCode (*MergePut)(void *ctx, Str key, const uint32_t *slots, size_t n, Slot base);
typedef struct IndexMerge {
    const IndexPart *parts;
    size_t n_parts;
    RecordNo snapshot; /* later records are left out */
    MergePut put;
    void *ctx;
} IndexMerge;
MUST_USE ErrCode index_merge_run(const IndexMerge *merge);

/* The threads (index_seal.c). */
MUST_USE ErrCode index_threads_start(Index *index);
void index_threads_stop(Index *index);
/* Writer: freezes the live tail when it holds enough records or holds some for long enough; waits
 * while too many are frozen. */
void index_freeze_if_due(Index *index, RecordNo last);

#endif
