#include "store/index_cache.h"

#include "core/thread.h"
#include "store/index_format.h"

enum { SHARDS = 16, BUCKETS = 1024, ASKED = 4096 };

typedef struct Shard {
    Mutex lock;
    CacheBlock *buckets[BUCKETS];
    CacheBlock *newest, *oldest;
    size_t bytes;
} Shard;

struct IndexCache {
    size_t max_per_shard;
    atomic_uint asked[ASKED]; /* halves of numbers, each in one place */
    Shard shards[SHARDS];
};

IndexCache *index_cache_new(size_t max_bytes) {
    IndexCache *c = calloc(1, sizeof(*c));
    for (size_t i = 0; i < SHARDS && c != NULL; i++) {
        mutex_init(&c->shards[i].lock);
        c->max_per_shard = max_bytes / SHARDS;
    }
    return c;
}

void cache_block_unref(CacheBlock *b) {
    if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        free(b);
    }
}

void index_cache_free(IndexCache *c) {
    for (size_t i = 0; i < SHARDS && c != NULL; i++) {
        for (CacheBlock *b = c->shards[i].newest; b != NULL;) {
            CacheBlock *older = b->older;
            cache_block_unref(b);
            b = older;
        }
        mutex_release(&c->shards[i].lock);
    }
    free(c);
}

static uint64_t spread(uint64_t id) {
    return hash64((Str){(const char *)&id, sizeof(id)});
}

static void unlink_use(Shard *s, CacheBlock *b) {
    *(b->newer == NULL ? &s->newest : &b->newer->older) = b->older;
    *(b->older == NULL ? &s->oldest : &b->older->newer) = b->newer;
}

static void link_newest(Shard *s, CacheBlock *b) {
    b->newer = NULL;
    b->older = s->newest;
    *(s->newest == NULL ? &s->oldest : &s->newest->newer) = b;
    s->newest = b;
}

static CacheBlock **bucket(Shard *s, uint64_t hash) {
    return &s->buckets[(hash >> 8) % BUCKETS];
}

/* The block with one more reference, or NULL; the lock is held. */
static CacheBlock *shard_find(Shard *s, uint64_t id, uint64_t hash) {
    for (CacheBlock *b = *bucket(s, hash); b != NULL; b = b->hash_next) {
        if (b->id == id) {
            unlink_use(s, b);
            link_newest(s, b);
            atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
            return b;
        }
    }
    return NULL;
}

static void shard_evict(Shard *s, size_t max) {
    while (s->bytes > max && s->oldest != NULL) {
        CacheBlock *b = s->oldest;
        CacheBlock **at = bucket(s, spread(b->id));
        while (*at != b) {
            at = &(*at)->hash_next;
        }
        *at = b->hash_next;
        unlink_use(s, b);
        s->bytes -= b->size + sizeof(*b);
        cache_block_unref(b);
    }
}

static CacheBlock *shard_put(Shard *s, CacheBlock *b, uint64_t hash, size_t max) {
    CacheBlock *there = shard_find(s, b->id, hash);
    if (there != NULL) { /* another thread was quicker */
        cache_block_unref(b);
        return there;
    }
    CacheBlock **head = bucket(s, hash);
    b->hash_next = *head;
    *head = b;
    link_newest(s, b);
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    s->bytes += b->size + sizeof(*b);
    shard_evict(s, max);
    return b;
}

CacheBlock *cache_block_new(uint64_t id, size_t len) {
    CacheBlock *b = malloc(sizeof(*b) + len);
    if (b != NULL) {
        *b = (CacheBlock){.id = id, .len = len, .size = len};
        atomic_init(&b->refs, 1);
    }
    return b;
}

CacheBlock *index_cache_find(IndexCache *c, uint64_t id) {
    uint64_t hash = spread(id);
    Shard *s = &c->shards[hash % SHARDS];
    mutex_lock(&s->lock);
    CacheBlock *b = shard_find(s, id, hash);
    mutex_unlock(&s->lock);
    return b;
}

CacheBlock *index_cache_keep(IndexCache *c, CacheBlock *b) {
    uint64_t hash = spread(b->id);
    Shard *s = &c->shards[hash % SHARDS];
    mutex_lock(&s->lock);
    b = shard_put(s, b, hash, c->max_per_shard);
    mutex_unlock(&s->lock);
    return b;
}

bool index_cache_again(IndexCache *c, uint64_t id) {
    uint64_t hash = spread(id);
    unsigned half = (unsigned)(hash >> 32);
    return atomic_exchange_explicit(&c->asked[hash % ASKED], half, memory_order_relaxed) == half;
}

/* ---- marks: every so many entries of a block, with the key of the one before ---- */

typedef struct Mark {
    uint32_t at;              /* of the entry in the block */
    uint32_t key_at, key_len; /* of the entry before it, in bytes */
} Mark;

static size_t marks_at(size_t len) {
    return (len + _Alignof(Mark) - 1) / _Alignof(Mark) * _Alignof(Mark);
}

/* The marks of a raw block, their keys behind them; none of a damaged one. */
static ErrCode marks_of(Str raw, Buf *marks, Buf *keys) {
    enum { EVERY = 16 };
    BlockCursor c = block_cursor(raw);
    for (size_t n = 1; block_next(&c); n++) {
        if (n % EVERY == 0 && c.at < c.end) {
            Mark m = {(uint32_t)(c.at - (const uint8_t *)raw.ptr), (uint32_t)keys->len, c.key_len};
            buf_put(marks, &m, sizeof(m));
            buf_put_str(keys, block_key(&c));
        }
    }
    if (c.err != ERR_OK) {
        marks->len = keys->len = 0;
    }
    TRY(buf_ok(marks));
    return buf_ok(keys);
}

static ErrCode marked_new(uint64_t id, Str raw, CacheBlock **ret) {
    CLEANUP_BUF Buf marks;
    CLEANUP_BUF Buf keys;
    buf_init(&marks, INDEX_BLOCK_MAX);
    buf_init(&keys, INDEX_BLOCK_MAX * INDEX_PREFIX_LEN);
    TRY(marks_of(raw, &marks, &keys));
    size_t at = marks_at(raw.len);
    CacheBlock *b = cache_block_new(id, at + marks.len + keys.len);
    if (b == NULL) {
        return ERR_NOMEM;
    }
    b->len = raw.len;
    b->n_marks = (uint32_t)(marks.len / sizeof(Mark));
    memcpy(b->bytes, raw.ptr, raw.len);
    if (b->n_marks > 0) {
        memcpy(b->bytes + at, marks.ptr, marks.len);
        memcpy(b->bytes + at + marks.len, keys.ptr, keys.len);
    }
    *ret = b;
    return ERR_OK;
}

bool cache_block_find(const CacheBlock *b, Str key, BlockCursor *ret) {
    const Mark *marks = (const Mark *)(const void *)(b->bytes + marks_at(b->len));
    const char *keys = (const char *)(marks + b->n_marks);
    size_t lo = 0; /* marks whose key is below */
    size_t hi = b->n_marks;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp((Str){keys + marks[mid].key_at, marks[mid].key_len}, key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret = block_cursor(cache_block_text(b));
    if (lo > 0) {
        const Mark *m = &marks[lo - 1];
        ret->at += m->at;
        ret->key_len = m->key_len;
        memcpy(ret->key, keys + m->key_at, m->key_len);
    }
    return block_find(ret, key);
}

/* ---- blocks ---- */

ErrCode index_cache_get(IndexCache *c, IndexDb *db, uint64_t segment, uint32_t block, bool keep,
                        CacheBlock **ret_block) {
    uint64_t id = index_block_id(segment, block);
    CacheBlock *b = index_cache_find(c, id);
    if (b == NULL) {
        CLEANUP_BUF Buf raw;
        buf_init(&raw, INDEX_BLOCK_MAX);
        TRY(index_db_block(db, segment, block, &raw));
        TRY(marked_new(id, buf_str(&raw), &b));
        b = keep ? index_cache_keep(c, b) : b;
    }
    *ret_block = b;
    return ERR_OK;
}

size_t index_cache_bytes(IndexCache *c) {
    size_t bytes = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        mutex_lock(&c->shards[i].lock);
        bytes += c->shards[i].bytes;
        mutex_unlock(&c->shards[i].lock);
    }
    return bytes;
}
