#include "flow/flow_range.h"

#include "core/limits.h"

#define SCRATCH_BYTES (64 * LIMIT_MIB)

static bool has_patient(const FlowWhich *which, Slot patient) {
    size_t lo = 0;
    size_t hi = which->n_patients;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (which->patients[mid] < patient) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < which->n_patients && which->patients[lo] == patient;
}

bool flow_range_has(const FlowRange *range, const StoreVersion *v) {
    const FlowWhich *w = &range->which;
    if ((w->has_since && v->time <= w->since) || (w->has_until && v->time > w->until)) {
        return false;
    }
    return w->scope == FLOW_PATIENTS ? has_patient(w, v->patient)
                                     : w->scope == FLOW_SYSTEM || v->patient != 0;
}

static int by_number(const void *x, const void *y) {
    const RecordNo *a = x;
    const RecordNo *b = y;
    return *a < *b ? -1 : *a > *b;
}

typedef struct List {
    RecordNo *at;
    size_t n, capacity;
} List;

static ErrCode add_records(Arena *arena, List *list, const RecordNo *more, size_t n) {
    if (list->n + n > list->capacity) {
        size_t capacity = (list->n + n) * 2;
        list->at = arena_resize(arena, list->at, list->capacity * sizeof(RecordNo),
                                capacity * sizeof(RecordNo));
        if (list->at == NULL) {
            return ERR_NOMEM;
        }
        list->capacity = capacity;
    }
    memcpy(list->at + list->n, more, n * sizeof(RecordNo));
    list->n += n;
    return ERR_OK;
}

/* The records of the patients between first and snapshot: a record is about one patient, so none
 * comes twice. */
static ErrCode list_records(FlowRange *range, Arena *arena) {
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    List list = {0};
    size_t from = 0;
    for (size_t i = 0; i < range->which.n_patients; i++) {
        RecordNo *some = NULL;
        size_t n = 0;
        if (scratch == NULL) {
            return ERR_NOMEM;
        }
        arena_reset(scratch);
        TRY(store_patient_records(range->store, scratch, range->which.patients[i], &some, &n));
        TRY(add_records(arena, &list, some, n));
    }
    if (list.n > 0) {
        qsort(list.at, list.n, sizeof(RecordNo), by_number);
    }
    while (list.n > 0 && list.at[list.n - 1] > range->snapshot) {
        list.n--;
    }
    while (from < list.n && list.at[from] < range->first) {
        from++;
    }
    range->records = list.at == NULL ? &range->first : list.at + from;
    range->n = list.n - from;
    return ERR_OK;
}

ErrCode flow_range_make(Store *store, const FlowWhich *which, Arena *arena, FlowRange *ret) {
    FlowRange range = {.store = store, .which = *which, .first = 1};
    range.snapshot = which->snapshot == 0 ? store_snapshot(store) : which->snapshot;
    if (which->has_since) {
        TRY(store_scan_since(store, which->since, range.snapshot, &range.first));
    }
    range.n = range.snapshot + 1 - range.first;
    if (which->scope == FLOW_PATIENTS) {
        TRY(list_records(&range, arena));
    }
    *ret = range;
    return ERR_OK;
}

static ErrCode scan(const FlowRange *range, RecordNo first, RecordNo last, const StoreScan *how) {
    StoreScan scan = *how;
    scan.first = first;
    scan.last = last;
    scan.snapshot = range->snapshot;
    return store_scan(range->store, &scan);
}

ErrCode flow_range_scan(const FlowRange *range, uint64_t from, uint64_t n, const StoreScan *how) {
    if (range->records == NULL) {
        return scan(range, range->first + from, range->first + from + n - 1, how);
    }
    for (uint64_t i = from; i < from + n;) { /* neighbours at once */
        uint64_t end = i + 1;
        while (end < from + n && range->records[end] == range->records[end - 1] + 1) {
            end++;
        }
        TRY(scan(range, range->records[i], range->records[end - 1], how));
        i = end;
    }
    return ERR_OK;
}
