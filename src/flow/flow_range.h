/* flow_range.h — which resources of a snapshot are meant, and the records that they may stand in:
 * what exports and views of a population share. Ownership: a range lives in the arena that it was
 * made in and borrows the list of patients. Threads: read-only once made; any number scan it. */
#ifndef NHIP_FLOW_FLOW_RANGE_H
#define NHIP_FLOW_FLOW_RANGE_H

#include "core/arena.h"
#include "store/store_scan.h"

typedef enum FlowScope {
    FLOW_SYSTEM,   /* everything */
    FLOW_ALL,      /* what stands in patients' records */
    FLOW_PATIENTS, /* what stands in the records of these patients */
} FlowScope;

typedef struct FlowWhich {
    FlowScope scope;
    const Slot *patients; /* FLOW_PATIENTS: first slots, ascending, each once */
    size_t n_patients;
    bool has_since, has_until;
    TimeMs since, until; /* changed after, and not after */
    RecordNo snapshot;   /* 0: now */
} FlowWhich;

typedef struct FlowRange {
    Store *store;
    FlowWhich which;
    RecordNo first, snapshot;
    const RecordNo *records; /* ascending; NULL: all from first to snapshot */
    uint64_t n;              /* records */
} FlowRange;
MUST_USE ErrCode flow_range_make(Store *store, const FlowWhich *which, Arena *arena,
                                 FlowRange *ret);
/* Is the version meant, by its record's patient and time? */
bool flow_range_has(const FlowRange *range, const StoreVersion *v);
/* store_scan over records from … from + n - 1 of the range; of `how` want, each, ctx, deletes. */
MUST_USE ErrCode flow_range_scan(const FlowRange *range, uint64_t from, uint64_t n,
                                 const StoreScan *how);

#endif
