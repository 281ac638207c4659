/* store_hot.h — versions that are asked for again and again, kept in memory beside the records:
 * store_load_slot answers from here first. Errors: a cache, so what has no memory stays out.
 * Threads: any. */
#ifndef NHIP_STORE_STORE_HOT_H
#define NHIP_STORE_STORE_HOT_H

#include "store/record_int.h"

typedef struct Hot Hot;
MUST_USE ErrCode hot_new(Hot **ret_hot);
void hot_free(Hot *hot);
/* Notes the record's versions of hot types; after the commit they are put. */
void hot_prepare(StorePrepared *p, const StoredRecord *record, const PreparedRecord *out,
                 uint32_t base);
void hot_commit(Store *store, const StorePrepared *p);

#endif
