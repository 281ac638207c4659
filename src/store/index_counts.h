/* index_counts.h — what was counted in segments, remembered: (segment, what was asked) -> number of
 * current slots. A segment never changes and slots only die, so a number stays right while as many
 * slots of the type are dead there as when it was counted, at any snapshot since. In memory, a
 * megabyte; a new number takes an old one's place. Errors: NULL without memory. Threads: any. */
#ifndef NHIP_STORE_INDEX_COUNTS_H
#define NHIP_STORE_INDEX_COUNTS_H

#include "core/hash.h"
#include "store/index_int.h"

typedef struct IndexCounts IndexCounts;

typedef struct CountAsked {
    Sha256 what; /* digest of type and ranges of keys, with their tests */
    uint64_t segment;
    uint64_t n_dead;   /* slots of the type in the segment that are dead */
    RecordNo snapshot; /* at which it is counted; all those are dead there */
} CountAsked;

IndexCounts *index_counts_new(void);
void index_counts_free(IndexCounts *c); /* NULL is fine */
bool index_counts_get(IndexCounts *c, const CountAsked *asked, uint64_t *ret_n);
void index_counts_put(IndexCounts *c, const CountAsked *asked, uint64_t n);

#endif
