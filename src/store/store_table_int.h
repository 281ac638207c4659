/* store_table_int.h — what the two halves of store_table.h share: the tables and their rows
 * (store_table.c), keys and sums (store_table_key.c). */
#ifndef NHIP_STORE_STORE_TABLE_INT_H
#define NHIP_STORE_STORE_TABLE_INT_H

#include "core/thread.h"
#include "store/store_db.h"
#include "store/store_table.h"

struct Tables {
    char *path;
    Mutex turn; /* writer */
    Db writer;
    Mutex read_lock; /* reader */
    Db reader;
};

static inline Db *tables_db(Tables *t, TableSide side) {
    return side == TABLE_IN_TURN ? &t->writer : &t->reader;
}

#endif
