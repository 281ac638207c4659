/* index_dead.h — the slots that are not current: superseded versions and deletes, in memory, about
 * two bytes each (a Roaring bitmap: Lemire et al., "Roaring Bitmaps", 2016: sorted 16-bit numbers
 * or a bitmap for each run of 65,536 slots). It is derived from the postings SUPERSEDED and DELETED
 * and is filled from them at open. Errors: ERR_NOMEM. Threads: any; adding takes the lock for one
 * slot, filtering for one list. */
#ifndef NHIP_STORE_INDEX_DEAD_H
#define NHIP_STORE_INDEX_DEAD_H

#include "store/index_int.h"

typedef struct DeadSet DeadSet;

DeadSet *dead_new(void); /* NULL without memory */
void dead_free(DeadSet *d);
MUST_USE ErrCode dead_add(DeadSet *d, Slot slot);
bool dead_has(DeadSet *d, Slot slot);
/* Does any slot of [from, to) lie in the set? Coarse: may say yes for a neighbour in the same run.
 */
bool dead_any(DeadSet *d, Slot from, Slot to);
/* Sets bit i of marks for each base + slots[i] in the set, clears the others; returns how many. */
size_t dead_mark(DeadSet *d, Slot base, const uint32_t *slots, size_t n, uint64_t *marks);
uint64_t dead_count(DeadSet *d);
size_t dead_bytes(DeadSet *d);
/* Calls put for every slot, ascending. Holds the read lock throughout. */
void dead_each(DeadSet *d, void (*put)(void *ctx, Slot slot), void *ctx);

#endif
