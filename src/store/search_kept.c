/* What a clause's ranges gave in a segment, kept in memory with the decoded lists once it was asked
 * for a second time: the names of a letter, a month, a year of birth are asked for again and again,
 * and a segment never changes. Named by the segment and all that decides the answer. */
#include "store/search_int.h"

#include "core/limits.h"

enum {
    KEPT_RANGES = 8,       /* of a clause */
    KEPT_MIN = 64,         /* slots; fewer are read as quickly */
    KEPT_MAX = 256 * 1024, /* slots; more would push out much else */
};

typedef struct KeptHead {
    uint32_t name_len, n_slots, n_maybe; /* the slots, those to be verified, the name */
} KeptHead;

/* Verdicts that other tests give hang on more of the value. */
static bool put_range_name(Buf *name, const KeyRange *r) {
    bool is_date = r->test == TEST_DATE;
    uint32_t head[6] = {r->is_exact,           r->verdict,         r->test, r->value_at,
                        (uint32_t)r->from.len, (uint32_t)r->to.len};
    buf_put(name, head, sizeof(head));
    buf_put_str(name, r->from);
    buf_put_str(name, r->to);
    if (is_date) {
        int64_t date[3] = {r->value->prefix, r->value->date.lo, r->value->date.hi};
        buf_put(name, date, sizeof(date));
    }
    return is_date || r->test == TEST_NONE;
}

bool kept_name(const IndexPart *part, const Clause *c, Buf *name) {
    bool can = part->segment != NULL && c->n_ranges > 0 && c->n_ranges <= KEPT_RANGES;
    bool is_wide = false;
    if (can) {
        buf_put(name, &part->segment->id, sizeof(part->segment->id));
    }
    for (size_t i = 0; i < c->n_ranges && can; i++) {
        is_wide = is_wide || !c->ranges[i].is_exact;
        can = put_range_name(name, &c->ranges[i]);
    }
    return can && is_wide && buf_ok(name) == ERR_OK;
}

/* Blocks of segments have numbers without this bit. */
static uint64_t kept_id(Str name) {
    return hash64(name) | UINT64_C(1) << 62;
}

static ErrCode take(const CacheBlock *b, SlotVec *slots, SlotVec *maybe) {
    const KeptHead *head = (const KeptHead *)(const void *)b->bytes;
    const uint32_t *at = (const uint32_t *)(const void *)(b->bytes + sizeof(*head));
    TRY(slot_vec_append(slots, at, head->n_slots));
    return head->n_maybe == 0 ? ERR_OK : slot_vec_append(maybe, at + head->n_slots, head->n_maybe);
}

/* The held block of that name, or NULL. */
static CacheBlock *kept_block(const IndexPart *part, Str name) {
    CacheBlock *b = index_cache_find(part->segment->home->decoded, kept_id(name));
    if (b == NULL) {
        return NULL;
    }
    const KeptHead *head = (const KeptHead *)(const void *)b->bytes;
    bool is_it =
        head->name_len == name.len && memcmp(b->bytes + b->len - name.len, name.ptr, name.len) == 0;
    if (!is_it) {
        cache_block_unref(TAKE(b));
    }
    return b;
}

bool kept_has(const IndexPart *part, const Clause *c) {
    CLEANUP_BUF Buf name;
    buf_init(&name, KEPT_NAME);
    CacheBlock *b = kept_name(part, c, &name) ? kept_block(part, buf_str(&name)) : NULL;
    bool has = b != NULL;
    cache_block_unref(b);
    return has;
}

ErrCode kept_get(const IndexPart *part, Str name, SlotVec *slots, SlotVec *maybe, bool *ret_has) {
    CacheBlock *b = kept_block(part, name);
    *ret_has = b != NULL;
    ErrCode err = *ret_has ? take(b, slots, maybe) : ERR_OK;
    cache_block_unref(b);
    return err;
}

void kept_put(const IndexPart *part, Str name, const SlotVec *slots, const SlotVec *maybe) {
    IndexCache *cache = part->segment->home->decoded;
    KeptHead head = {(uint32_t)name.len, (uint32_t)slots->n, (uint32_t)maybe->n};
    bool fits = slots->n >= KEPT_MIN && slots->n + maybe->n <= KEPT_MAX;
    if (!fits || !index_cache_again(cache, kept_id(name))) {
        return;
    }
    size_t n_bytes = (slots->n + maybe->n) * sizeof(uint32_t);
    CacheBlock *b = cache_block_new(kept_id(name), sizeof(head) + n_bytes + name.len);
    if (b == NULL) {
        return; /* it is made anew the next time */
    }
    char *at = b->bytes;
    memcpy(at, &head, sizeof(head));
    at += sizeof(head);
    memcpy(at, slots->slots, slots->n * sizeof(uint32_t));
    at += slots->n * sizeof(uint32_t);
    if (maybe->n > 0) {
        memcpy(at, maybe->slots, maybe->n * sizeof(uint32_t));
        at += maybe->n * sizeof(uint32_t);
    }
    memcpy(at, name.ptr, name.len);
    cache_block_unref(index_cache_keep(cache, b));
}
