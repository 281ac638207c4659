/* index_dead.h — the slots that are not current: superseded versions and deletes, in memory by
 * resource type, about two bytes each (a Roaring bitmap: Lemire et al., "Roaring Bitmaps", 2016:
 * sorted 16-bit numbers or a bitmap for each run of 65,536 slots). It is derived from the postings
 * SUPERSEDED and DELETED; a segment's row carries what its own say as a packed list, from which the
 * set is filled at open. Errors: ERR_NOMEM; ERR_CORRUPT for a damaged list. Threads: any; adding
 * takes the lock for one slot or one packed list, filtering for one list. */
#ifndef NHIP_STORE_INDEX_DEAD_H
#define NHIP_STORE_INDEX_DEAD_H

#include "store/index_tail.h"

typedef struct DeadSet DeadSet;

DeadSet *dead_new(void); /* NULL without memory */
void dead_free(DeadSet *d);
MUST_USE ErrCode dead_add(DeadSet *d, FhirType type, Slot slot);
/* Type and slot as one number. */
uint64_t dead_item(FhirType type, Slot slot);
/* The stored form of n items of one lane, which it sorts: 8 bytes XXH3 (BE) of the rest, then the
 * distance of each to the one before (LEB128), the first to 0. */
void dead_pack(uint64_t *items, size_t n, Buf *out);
MUST_USE ErrCode dead_add_packed(DeadSet *d, Str packed);
bool dead_has(DeadSet *d, FhirType type, Slot slot);
/* How many slots of [from, to) lie in the set; and which, ascending and counted from `from`:
 * appended to out. */
uint64_t dead_count_in(DeadSet *d, FhirType type, Slot from, Slot to);
MUST_USE ErrCode dead_list(DeadSet *d, FhirType type, Slot from, Slot to, SlotVec *out);
typedef struct DeadAsk {
    Slot base;
    const uint32_t *slots;
    size_t n;
} DeadAsk;
/* Sets bit i of marks for each base + slots[i] in the set, clears the others; returns how many. */
size_t dead_mark(DeadSet *d, FhirType type, const DeadAsk *ask, uint64_t *marks);
uint64_t dead_count(DeadSet *d);
size_t dead_bytes(DeadSet *d);
/* Calls put for every slot, ascending within each type. Holds the read lock throughout. */
void dead_each(DeadSet *d, void (*put)(void *ctx, Slot slot), void *ctx);

#endif
