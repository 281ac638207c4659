/* store_care_int.h — commits of the care thread's own, and received files whose days are over
 * (store_retention.c). Threads: the care thread, but for what is said. */
#ifndef NHIP_STORE_STORE_CARE_INT_H
#define NHIP_STORE_STORE_CARE_INT_H

#include "store/record_int.h"

/* An empty commit with an arena of at most so many bytes; NULL without memory. */
StorePrepared *care_prepared(size_t arena_bytes);
/* Sends p through the writer, waits, frees it; ret_dropped (may be NULL) is p->n_dropped. */
MUST_USE ErrCode care_submit(Store *store, StorePrepared *p, size_t *ret_dropped);

bool retention_due(const Store *store); /* any thread */
void retention_run(Store *store);
MUST_USE ErrCode retention_write(Db *db, StorePrepared *p, TimeMs time); /* the writer */

#endif
