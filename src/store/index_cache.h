/* index_cache.h — decoded blocks of segments and, in a cache of their own, versions of records;
 * kept in memory up to a bound, least recently used out first. Sixteen shards, each with its own
 * lock. A block stays readable while it is held, also after it has left the cache. Errors:
 * ERR_NOMEM and what reading gives. Threads: any. */
#ifndef NHIP_STORE_INDEX_CACHE_H
#define NHIP_STORE_INDEX_CACHE_H

#include "store/index_db.h"
#include "store/index_format.h"

#include <stdatomic.h>

typedef struct IndexCache IndexCache;

typedef struct CacheBlock CacheBlock;
struct CacheBlock {
    atomic_uint refs;
    uint64_t id; /* segment << 24 | block, or the caller's */
    CacheBlock *hash_next;
    CacheBlock *newer, *older; /* use order within the shard */
    size_t len;
    size_t size;      /* of bytes: len, and in blocks of segments the marks behind it */
    uint32_t n_marks; /* entries from which a look-up may begin */
    _Alignas(8) char bytes[];
};

IndexCache *index_cache_new(size_t max_bytes);
void index_cache_free(IndexCache *c); /* nobody may hold a block any more; NULL is fine */
/* The raw block, read from db when it is not here; keep: whether it stays in the cache (merging and
 * digests read everything once and do not want to push out what searches use). */
MUST_USE ErrCode index_cache_get(IndexCache *c, IndexDb *db, uint64_t segment, uint32_t block,
                                 bool keep, CacheBlock **ret_block);
/* The number under which a block of a segment stands. */
static inline uint64_t index_block_id(uint64_t segment, uint32_t block) {
    enum { SEGMENT_SHIFT = 24 };
    return segment << SEGMENT_SHIFT | block;
}
/* By a number of the caller's choice. A held block, or NULL. */
CacheBlock *index_cache_find(IndexCache *c, uint64_t id);
/* A held block whose bytes the caller fills; NULL without memory. */
CacheBlock *cache_block_new(uint64_t id, size_t len);
/* Keeps the block, takes over the caller's hold; gives a held one that stands there under its id.
 */
CacheBlock *index_cache_keep(IndexCache *c, CacheBlock *b);
/* Was it asked for with this number before, not long ago? What is wanted once need not be kept. */
bool index_cache_again(IndexCache *c, uint64_t id);
void cache_block_unref(CacheBlock *b); /* NULL is fine */
static inline Str cache_block_text(const CacheBlock *b) {
    return (Str){b->bytes, b->len};
}
/* A cursor on the first entry of a block of a segment that has the key; as block_find. */
bool cache_block_find(const CacheBlock *b, Str key, BlockCursor *ret);
size_t index_cache_bytes(IndexCache *c);

#endif
