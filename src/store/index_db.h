/* index_db.h — view.db: the rows under the segments. One connection writes (one transaction at a
 * time, by the sealing or the merging thread); readers take connections from a pool, one a thread
 * at work. Statements stand in sql/query/index.sql, the tables in sql/view/index.sql: their text's
 * hash is stored, another hash drops everything. Errors: ERR_IO, ERR_FULL, ERR_CORRUPT, ERR_NOMEM,
 * ERR_BUSY. Threads: any. */
#ifndef NHIP_STORE_INDEX_DB_H
#define NHIP_STORE_INDEX_DB_H

#include "store/index_int.h"

typedef struct IndexDb IndexDb;

typedef struct SegmentRow {
    uint64_t id;
    unsigned level;
    RecordNo first, last;
    uint32_t n_blocks;
    uint64_t n_keys, n_slots, n_bytes;
    Str bloom, directory, dead;
} SegmentRow;

/* Opens or creates. Read-only and absent: opens as empty. A damaged file is deleted and made anew.
 */
MUST_USE ErrCode index_db_open(const IndexOptions *options, IndexDb **ret_db, ErrInfo *info);
void index_db_close(IndexDb *db); /* NULL is fine */
/* Deletes view.db (derived data): the next open begins anew. */
MUST_USE ErrCode index_db_delete(const IndexOptions *options);

/* All segments in the order of their records; texts live during the call. */
typedef ErrCode (*SegmentEach)(void *ctx, const SegmentRow *row);
MUST_USE ErrCode index_db_segments(IndexDb *db, SegmentEach each, void *ctx);
/* The smallest segment id >= from that has blocks, which all have numbers below *ret_n;
 * ERR_NOT_FOUND. */
MUST_USE ErrCode index_db_block_owner(IndexDb *db, uint64_t from, uint64_t *ret_id,
                                      uint32_t *ret_n);
/* The largest segment id that has blocks; ERR_NOT_FOUND. */
MUST_USE ErrCode index_db_last_owner(IndexDb *db, uint64_t *ret_id);

/* Each in one short transaction of its own: n blocks; a new segment in place of `drop`; the removal
 * of a segment's blocks [from, to). */
MUST_USE ErrCode index_db_put_blocks(IndexDb *db, uint64_t segment, uint32_t first_block,
                                     const Str *bodies, size_t n);
MUST_USE ErrCode index_db_swap(IndexDb *db, const SegmentRow *add, const uint64_t *drop, size_t n);
MUST_USE ErrCode index_db_drop_blocks(IndexDb *db, uint64_t segment, uint32_t from, uint32_t to);

/* Appends the raw (unpacked) block to out. */
MUST_USE ErrCode index_db_block(IndexDb *db, uint64_t segment, uint32_t block, Buf *out);

#endif
