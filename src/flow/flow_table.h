/* flow_table.h — materialised views: the rows of ViewDefinitions that are tagged so, kept in
 * tables.db and fresh by the log. One thread follows: a batch of records at a time, for all tables
 * that stand at the same place; new rows of a resource take the place of the old ones in the same
 * transaction as the table's position. What a crash takes is done again.
 *
 * Which views there are stands in the log itself (Libraries with the tag); a changed definition
 * makes its table anew. A resource whose rows cannot be made (more than one value in a column) has
 * none and is counted. Threads: any; the follower is a thread of its own. */
#ifndef NHIP_FLOW_FLOW_TABLE_H
#define NHIP_FLOW_FLOW_TABLE_H

#include "store/store_table.h"

typedef struct FlowTables FlowTables;

MUST_USE ErrCode flow_tables_start(Store *store, FlowTables **ret_tables, ErrInfo *info);
void flow_tables_stop(FlowTables *tables); /* NULL is fine */
/* A view was stored, tagged or deleted: the list is made anew soon. NULL is fine. */
void flow_tables_refresh(FlowTables *tables);
/* For reading. */
Tables *flow_tables(FlowTables *tables);
/* Waits until all tables hold all that was visible and stored when it was called; false when
 * timeout_ms passed first. */
bool flow_tables_settle(FlowTables *tables, int64_t timeout_ms);

#endif
