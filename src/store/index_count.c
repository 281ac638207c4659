/* Counting in a segment: entries say how many slots they have, and of blocks with one key the
 * directory says it, so slots are decoded only where dead ones may be among them. */
#include "store/index_segment.h"

/* ---- one key ---- */

static ErrCode count_in(const CacheBlock *b, Str key, uint64_t *n) {
    BlockCursor c;
    for (bool on = cache_block_find(b, key, &c); on;
         on = block_next(&c) && str_eq(block_key(&c), key)) {
        *n += c.n;
    }
    return c.err;
}

ErrCode segment_count(const Segment *s, Str key, uint64_t *ret_n) {
    uint32_t lo = 0;
    uint32_t hi = 0;
    uint64_t n = 0;
    if (segment_find(s, key, &lo, &hi)) {
        for (uint32_t b = lo; b <= hi; b++) {
            if (s->single[b] != 0 && b > lo) { /* all but the first begin with the key */
                n += s->single[b];
                continue;
            }
            CacheBlock *held = NULL;
            TRY(segment_block(s, b, true, &held));
            ErrCode err = count_in(held, key, &n);
            cache_block_unref(held);
            TRY(err);
        }
    }
    *ret_n = n;
    return ERR_OK;
}

/* ---- ranges of keys ---- */

/* The place of the first of the ascending slots [lo, hi) that is not below `slot`. */
static size_t slot_place(const SlotVec *v, size_t lo, size_t hi, uint32_t slot) {
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->slots[mid] < slot) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Appends what two ascending lists have in common. */
static ErrCode slots_common(const SlotVec *a, const SlotVec *b, SlotVec *out) {
    const SlotVec *few = a->n < b->n ? a : b;
    const SlotVec *many = a->n < b->n ? b : a;
    size_t at = 0;
    TRY(slot_vec_reserve(out, few->n));
    for (size_t i = 0; i < few->n && at < many->n; i++) {
        uint32_t slot = few->slots[i];
        size_t lo = at;
        size_t hi = at;
        for (size_t step = 1; hi < many->n && many->slots[hi] < slot; step *= 2) {
            lo = hi + 1;
            hi += step;
        }
        at = slot_place(many, lo, MIN(hi, many->n), slot);
        if (at < many->n && many->slots[at] == slot) {
            out->slots[out->n++] = slot;
        }
    }
    return ERR_OK;
}

/* Does any dead slot lie in [from, to)? */
static bool dead_between(const SegmentCount *count, uint32_t from, uint32_t to) {
    const SlotVec *dead = count->dead;
    size_t at = dead == NULL ? 0 : slot_place(dead, 0, dead->n, from);
    return dead != NULL && at < dead->n && dead->slots[at] < to;
}

static ErrCode entry_append(const BlockCursor *c, SlotVec *out) {
    TRY(slot_vec_reserve(out, c->n));
    TRY(block_slots(c, out->slots + out->n));
    out->n += c->n;
    return ERR_OK;
}

static ErrCode count_entry(const BlockCursor *c, SegmentCount *count, uint32_t below) {
    int verdict = count->take(count->ctx, block_key(c));
    count->n += verdict == 2 ? c->n : 0;
    if (verdict == 1) {
        return entry_append(c, &count->maybe);
    }
    if (verdict == 0 || !dead_between(count, c->first, below)) {
        return ERR_OK;
    }
    count->entry.n = 0;
    TRY(entry_append(c, &count->entry));
    return slots_common(&count->entry, count->dead, &count->hit);
}

static ErrCode count_block(Str block, SegmentCount *count, uint32_t below) {
    BlockCursor c = block_cursor(block);
    while (block_next(&c)) {
        if (str_cmp(block_key(&c), count->to) >= 0) {
            return ERR_OK;
        }
        if (str_cmp(block_key(&c), count->from) >= 0) {
            TRY(count_entry(&c, count, below));
        }
    }
    return c.err;
}

/* The first slot behind those that block b can hold of its first key. */
static uint32_t block_below(const Segment *s, uint32_t b) {
    bool goes_on = b + 1 < s->n_blocks && str_eq(segment_key(s, b), segment_key(s, b + 1));
    return goes_on && s->single[b] != 0 ? s->first_slot[b + 1] : UINT32_MAX;
}

/* A block with one key, all counted or none, is not read. */
static bool is_counted_whole(const Segment *s, uint32_t b, SegmentCount *count) {
    Str key = segment_key(s, b);
    if (s->single[b] == 0 || dead_between(count, s->first_slot[b], block_below(s, b))) {
        return false;
    }
    int verdict = str_cmp(key, count->from) < 0 ? 0 : count->take(count->ctx, key);
    count->n += verdict == 2 ? s->single[b] : 0;
    return verdict != 1;
}

ErrCode segment_count_range(const Segment *s, SegmentCount *count) {
    for (uint32_t b = segment_block_of(s, count->from); b < s->n_blocks; b++) {
        if (str_cmp(segment_key(s, b), count->to) >= 0) {
            break;
        }
        if (is_counted_whole(s, b, count)) {
            continue;
        }
        CacheBlock *held = NULL;
        TRY(segment_block(s, b, true, &held));
        ErrCode err = count_block(cache_block_text(held), count, block_below(s, b));
        cache_block_unref(held);
        TRY(err);
    }
    return ERR_OK;
}

void segment_count_release(SegmentCount *count) {
    slot_vec_release(&count->maybe);
    slot_vec_release(&count->hit);
    slot_vec_release(&count->entry);
}
