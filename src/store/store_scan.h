/* store_scan.h — reading in bulk: the versions that are current, in the order of the log, with
 * their whole text; and waiting for what comes next. For exports and tables that follow the log.
 *
 * Memory: one record and one text, whatever the range. Several threads scan ranges of their own at
 * the same time. Ownership: a version lives until `each` returns. Errors: those of `each`;
 * ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
#ifndef NHIP_STORE_STORE_SCAN_H
#define NHIP_STORE_STORE_SCAN_H

#include "core/thread.h"
#include "fhir/fhir_query.h"
#include "store/store.h"

typedef struct StoreScan {
    RecordNo first, last; /* this range; `last` at most the snapshot */
    RecordNo snapshot;    /* current as of this record */
    bool deletes;         /* deletes that are a resource's last word come too, without text */
    /* Asked before the text is made: v has neither id nor json. NULL: all. */
    bool (*want)(void *ctx, const StoreVersion *v);
    ErrCode (*each)(void *ctx, const StoreVersion *v);
    void *ctx;
} StoreScan;
MUST_USE ErrCode store_scan(Store *store, const StoreScan *scan);

/* The patient's record, oldest first, of the records from scan->first on (`last` is not asked);
 * `snapshot` is what is current now. */
MUST_USE ErrCode store_scan_patient(Store *store, Slot patient, const StoreScan *scan);

/* The first record that was committed after the time; the one behind the snapshot when none was. */
MUST_USE ErrCode store_scan_since(Store *store, TimeMs since, RecordNo snapshot,
                                  RecordNo *ret_first);

/* All that a query finds, in its order, of one snapshot. Memory: one page of the search. Errors are
 * also those of fhir_query_parse and store_search; ERR_STOPPED. */
typedef struct StoreFound {
    const FhirQueryScope *scope;
    Str text;             /* as in a URL */
    RecordNo snapshot;    /* 0: now */
    const StopFlag *stop; /* may be NULL */
    StoreEach each;
    void *ctx;
} StoreFound;
MUST_USE ErrCode store_scan_found(Store *store, const StoreFound *found);

/* First slot of the resource with that id, or 0: what references are resolved with. */
Slot store_first(Store *store, FhirType type, Str id);

/* Waits until a record above `after` is visible; false when timeout_ms passed first. */
bool store_wait(Store *store, RecordNo after, int64_t timeout_ms);

#endif
