/* index_counts.h — what was counted, remembered: (span of records, what was asked) -> number of
 * current slots. The span is a segment, or what a tail held at the snapshot. Records never change
 * and slots only die, so a number stays right while as many slots of the type are dead there as
 * when it was counted, at any snapshot since. In memory, a megabyte; a new number takes an old
 * one's place. Errors: NULL without memory. Threads: any. */
#ifndef NHIP_STORE_INDEX_COUNTS_H
#define NHIP_STORE_INDEX_COUNTS_H

#include "core/hash.h"
#include "store/index_int.h"

typedef struct IndexCounts IndexCounts;

typedef struct CountAsked {
    Sha256 what;       /* digest of type and ranges of keys, with their tests */
    uint64_t part;     /* segment, or COUNT_TAIL | first record */
    uint64_t n_dead;   /* slots of the type in the span that are dead */
    RecordNo snapshot; /* at which it is counted; all those are dead there */
} CountAsked;
#define COUNT_TAIL (UINT64_C(1) << 63)

IndexCounts *index_counts_new(void);
void index_counts_free(IndexCounts *c); /* NULL is fine */
bool index_counts_get(IndexCounts *c, const CountAsked *asked, uint64_t *ret_n);
/* What was counted last of the tail that begins at asked->part, at asked->snapshot or before: with
 * n_dead and snapshot as they were. It is the caller's to see whether as many are dead still. */
bool index_counts_tail(IndexCounts *c, const CountAsked *asked, CountAsked *ret, uint64_t *ret_n);
void index_counts_put(IndexCounts *c, const CountAsked *asked, uint64_t n);

#endif
