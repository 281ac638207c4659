/* index_tail.h — the newest records' postings in memory: a hash map from key to slots, its keys
 * also linked by group (class, type, param). A group that is scanned gets an order, made anew when
 * an eighth of its keys is newer: a range costs what it finds and that eighth. One
 * thread adds (tail_add); any thread reads meanwhile: the lock is held for at most
 * TAIL_LOCK_ENTRIES insertions. A frozen tail is a tail that nobody adds to any more.
 * Slots are counted from the tail's first record; keys and slots live in the tail's own arena.
 * Reference counted: tail_ref, tail_unref. Errors: ERR_NOMEM. */
#ifndef NHIP_STORE_INDEX_TAIL_H
#define NHIP_STORE_INDEX_TAIL_H

#include "core/arena.h"
#include "store/index_int.h"

typedef struct Tail Tail;

/* One key of a tail as tail_sorted gives it. */
typedef struct TailKey TailKey;

typedef struct SlotVec { /* slots relative to a part's first record, ascending; malloc'ed */
    uint32_t *slots;
    size_t n, capacity;
} SlotVec;
MUST_USE ErrCode slot_vec_reserve(SlotVec *v, size_t more);
void slot_vec_release(SlotVec *v);

/* n_keys_hint: keys expected (those of the tail before), so that the table need not grow. */
Tail *tail_new(RecordNo first, size_t n_keys_hint);
Tail *tail_ref(Tail *t);
void tail_unref(Tail *t); /* NULL is fine */
RecordNo tail_first(const Tail *t);
size_t tail_n_keys(const Tail *t);
size_t tail_n_slots(const Tail *t);
size_t tail_bytes(const Tail *t);

/* Adds the entries of one commit; base = slot of its first record. Entries of one key must come
 * with ascending offsets; the same slot twice counts once. */
MUST_USE ErrCode tail_add(Tail *t, Slot base, const IndexEntry *entries, size_t n);

/* Appends the key's slots that are below `below` (relative) to out. */
MUST_USE ErrCode tail_get(Tail *t, Str key, uint32_t below, SlotVec *out);
size_t tail_count(Tail *t, Str key); /* of the key's slots */
/* The key's newest slot (relative) below `below`; false when there is none. */
bool tail_newest(Tail *t, Str key, uint32_t below, uint32_t *ret_slot);

/* All keys from <= key < to, in no order, with their slots in [above, below). take says for each
 * key whether its slots are wanted; put gets them. A key without slots from `above` on is not asked
 * about (segments: above is 0). Runs under the tail's read lock: short callbacks. */
typedef struct TailScan {
    Str from, to;
    uint32_t above, below;
    bool (*take)(void *ctx, Str key);
    ErrCode (*put)(void *ctx, Str key, const uint32_t *slots, size_t n);
    void *ctx;
} TailScan;
MUST_USE ErrCode tail_scan(Tail *t, const TailScan *scan);

/* All keys in order; the array is malloc'ed, the keys live as long as the tail. */
MUST_USE ErrCode tail_sorted(Tail *t, const TailKey ***ret_keys, size_t *ret_n);
Str tail_key(const TailKey *k);
/* Replaces out by the key's slots below `below`. */
MUST_USE ErrCode tail_key_slots(Tail *t, const TailKey *k, uint32_t below, SlotVec *out);

#endif
