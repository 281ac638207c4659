/* store_hot.h — versions that are asked for again and again, kept in memory beside the records:
 * store_load_slot answers from here first. HOT_RING_BYTES of them: what was written longest ago is
 * overwritten. Ownership: what is put is copied, what is got lives in the caller's arena. Errors: a
 * cache, so what has no memory stays out. Threads: any. */
#ifndef NHIP_STORE_STORE_HOT_H
#define NHIP_STORE_STORE_HOT_H

#include "core/limits.h"
#include "store/record_int.h"

#define HOT_RING_BYTES (64 * LIMIT_MIB)
#define HOT_VERSION_BYTES (16 * LIMIT_KIB) /* a version that takes more stays out */

typedef struct Hot Hot;
MUST_USE ErrCode hot_new(Hot **ret_hot);
void hot_free(Hot *hot);
/* Of the record: commit_first, time, patient and its id. Only durable versions may come in. */
void hot_put(Hot *hot, const StoredRecord *record, Slot slot, const StoredSlot *stored);
/* False when it is not here. Of the record's slots only that one is filled, n_slots ends behind it.
 */
bool hot_get(Hot *hot, Arena *arena, Slot slot, StoredRecord **ret_record);
/* Notes the record's versions of hot types; after the commit they are put. */
void hot_prepare(StorePrepared *p, const StoredRecord *record, const PreparedRecord *out,
                 uint32_t base);
void hot_commit(Store *store, const StorePrepared *p);

#endif
