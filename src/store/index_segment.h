/* index_segment.h — one sealed segment: a sorted run (key -> slots) over consecutive records,
 * stored as blocks in view.db, with its directory (first key, first slot, count of each block) and
 * a Bloom filter (Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", 2007)
 * in memory. A segment never changes. Slots are counted from its first record. Reference counted;
 * one that was merged away and is released by its last reader is handed to `dropped`, which lets
 * its blocks be removed. Errors: ERR_CORRUPT, ERR_IO, ERR_NOMEM. Threads: any; a SegmentBuilder and
 * a SegmentCursor belong to one thread. */
#ifndef NHIP_STORE_INDEX_SEGMENT_H
#define NHIP_STORE_INDEX_SEGMENT_H

#include "store/index_cache.h"
#include "store/index_format.h"
#include "store/index_tail.h"

typedef struct Segment Segment;

typedef struct SegmentHome { /* what segments share */
    IndexDb *db;
    IndexCache *cache;   /* raw blocks */
    IndexCache *decoded; /* slots of lists that several blocks hold */
    void (*dropped)(void *ctx, uint64_t id, uint32_t n_blocks);
    void *ctx;
} SegmentHome;

struct Segment {
    atomic_uint refs;
    atomic_bool merged_away;
    const SegmentHome *home;
    uint64_t id;
    unsigned level;
    RecordNo first, last;
    uint32_t n_blocks;
    uint64_t n_keys, n_slots, n_bytes;
    uint8_t *bloom;
    size_t bloom_len;
    char *keys;           /* the blocks' first keys */
    uint32_t *key_at;     /* n_blocks + 1 offsets into keys */
    uint32_t *first_slot; /* of each block's first entry */
    uint32_t *single;     /* slots of the block when it holds one key only, else 0 */
    atomic_uint *counted; /* slots of the block, once an estimate counted them; 0: not yet */
    char *repeats;      /* heads (INDEX_PREFIX_LEN each, ascending) under which a slot stands in */
    size_t repeats_len; /* two keys of a group (key_group) */
};

/* Copies what it needs of row. */
MUST_USE ErrCode segment_load(const SegmentHome *home, const SegmentRow *row,
                              Segment **ret_segment);
Segment *segment_ref(Segment *s);
void segment_unref(Segment *s); /* NULL is fine */
size_t segment_memory(const Segment *s);
static inline Str segment_key(const Segment *s, uint32_t block) {
    return (Str){s->keys + s->key_at[block], s->key_at[block + 1] - s->key_at[block]};
}

static inline Str segment_repeats(const Segment *s) {
    return (Str){s->repeats, s->repeats_len};
}
/* May a slot stand in two keys of a group under key's head? */
bool segment_has_repeats(const Segment *s, Str key);

/* Is key of those that the Bloom filter knows (looked up whole, mostly absent)? */
bool bloom_covers(Str key);
size_t bloom_size(size_t n_keys); /* bytes */
void bloom_put(uint8_t *bloom, size_t len, uint64_t key_hash);
bool bloom_has(const uint8_t *bloom, size_t len, uint64_t key_hash);

/* The blocks that can hold key: [*ret_lo, *ret_hi]. False when it is surely not there. */
bool segment_find(const Segment *s, Str key, uint32_t *ret_lo, uint32_t *ret_hi);
/* Appends key's slots in block b to out. */
MUST_USE ErrCode segment_block_slots(const Segment *s, uint32_t b, Str key, SlotVec *out);
/* The slots (uint32_t, ascending) in block b of its first key, or of the next block's first key,
 * from a cache: so the blocks of a list that several hold. */
MUST_USE ErrCode segment_block_decoded(const Segment *s, uint32_t b, bool of_next,
                                       CacheBlock **ret_block);
/* Appends all of key's slots to out. */
MUST_USE ErrCode segment_get(const Segment *s, Str key, SlotVec *out);
/* Appends the slots of n keys, which must ascend: blocks are read once. Not sorted by slot. */
MUST_USE ErrCode segment_get_many(const Segment *s, const Str *keys, size_t n, SlotVec *out);
/* How many slots key has; decodes at most two blocks. */
MUST_USE ErrCode segment_count(const Segment *s, Str key, uint64_t *ret_n);
/* Counts the slots of the keys in [from, to), key by key: take says which count, which are to be
 * read one by one (appended to maybe) and which do not. Slots are decoded for maybe and where one
 * of the dead may stand: those of dead that count are appended to hit. */
typedef struct SegmentCount {
    Str from, to;
    int (*take)(void *ctx, Str key); /* 2: counts, 1: maybe, 0: no */
    void *ctx;
    const SlotVec *dead; /* ascending; NULL: none */
    uint64_t n;
    SlotVec maybe, hit;
    SlotVec entry; /* scratch */
} SegmentCount;
MUST_USE ErrCode segment_count_range(const Segment *s, SegmentCount *count);
void segment_count_release(SegmentCount *count);
/* Block b, from the cache; keep: whether it stays there. */
MUST_USE ErrCode segment_block(const Segment *s, uint32_t b, bool keep, CacheBlock **ret_block);
/* The block where key stands or would stand. */
uint32_t segment_block_of(const Segment *s, Str key);
/* About how many slots the keys in [from, to) have; decodes two blocks. */
uint64_t segment_estimate(const Segment *s, Str from, Str to);
/* The key's newest slot; ERR_NOT_FOUND. */
MUST_USE ErrCode segment_newest(const Segment *s, Str key, uint32_t *ret_slot);
/* As tail_scan, keys ascending; a long list comes in pieces. scan->below is heeded. */
MUST_USE ErrCode segment_scan(const Segment *s, const TailScan *scan);

/* All entries in order, past the cache. After a step: entry.key, entry.n …; false at the end (err).
 */
typedef struct SegmentCursor {
    const Segment *segment;
    CacheBlock *held;
    uint32_t next_block;
    ErrCode err;
    BlockCursor entry;
} SegmentCursor;
void segment_cursor_init(SegmentCursor *c, const Segment *s);
bool segment_cursor_next(SegmentCursor *c);
void segment_cursor_release(SegmentCursor *c);

#endif
