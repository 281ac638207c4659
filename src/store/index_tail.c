#include "store/index_tail.h"

#include "core/thread.h"
#include "store/index_format.h"

enum {
    TAIL_LOCK_ENTRIES = 512, /* added under one hold of the lock */
    TAIL_WAVE = 16,          /* entries whose cache lines are fetched together */
    INLINE_SLOTS = 4,        /* most keys have few slots: they stand in the key itself */
    CHUNK_FIRST = 16,
    CHUNK_LARGEST = 4096,
    PAGE_KEYS = 4096, /* keys are allocated in pages, so that a number finds them */
    GROUPS_FIRST = 256,
    TABLE_FIRST = 4096,
    GROUP_LOOSE = 256, /* keys of a group, or an eighth of them, that may stand unordered */
};
static const size_t ARENA_MAX = (size_t)8 << 30;

typedef struct Chunk { /* newest first; slots inside ascend */
    struct Chunk *older;
    uint32_t n, capacity;
    uint32_t slots[];
} Chunk;

struct TailKey {
    uint64_t hash;
    const char *bytes;
    TailKey *next_in_group;
    Chunk *newest; /* NULL while the slots fit into `few` */
    uint32_t len;
    uint32_t n; /* slots in all */
    uint32_t last;
    uint32_t few[INLINE_SLOTS];
};

typedef struct OrderedKeys { /* a group's keys as they stood when `newest` headed its list */
    const TailKey *newest;
    size_t n;
    const TailKey *keys[];
} OrderedKeys;

typedef struct Group {
    uint64_t prefix; /* the five bytes; 0: empty (class is never 0) */
    TailKey *keys;
    size_t n_keys;
    OrderedKeys *ordered; /* made by the scans that want it; NULL before */
} Group;

struct Tail {
    atomic_uint refs;
    RecordNo first;
    RwLock lock;
    Arena *arena;
    uint64_t *table; /* hash's high half << 32 | key number + 1; 0: empty */
    size_t mask;
    TailKey **pages;
    size_t n_pages_max;
    size_t n_keys;
    Group *groups;
    size_t groups_mask;
    size_t n_groups;
    _Atomic size_t n_slots;
};

ErrCode slot_vec_reserve(SlotVec *v, size_t more) {
    if (more <= v->capacity - v->n) {
        return ERR_OK;
    }
    size_t capacity = MAX(v->capacity * 2, v->n + more);
    uint32_t *slots = realloc(v->slots, MAX(capacity, (size_t)64) * sizeof(*slots));
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    v->slots = slots;
    v->capacity = MAX(capacity, (size_t)64);
    return ERR_OK;
}

void slot_vec_release(SlotVec *v) {
    free(v->slots);
    *v = (SlotVec){0};
}

static size_t table_size(size_t n_keys) {
    size_t size = TABLE_FIRST;
    while (size < n_keys * 2) {
        size *= 2;
    }
    return size;
}

Tail *tail_new(RecordNo first, size_t n_keys_hint) {
    Tail *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    size_t size = table_size(n_keys_hint);
    atomic_init(&t->refs, 1);
    rwlock_init(&t->lock);
    t->first = first;
    t->arena = arena_new(ARENA_MAX);
    t->table = calloc(size, sizeof(*t->table));
    t->mask = size - 1;
    t->groups = calloc(GROUPS_FIRST, sizeof(*t->groups));
    t->groups_mask = GROUPS_FIRST - 1;
    if (t->arena == NULL || t->table == NULL || t->groups == NULL) {
        tail_unref(t);
        return NULL;
    }
    return t;
}

Tail *tail_ref(Tail *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tail_unref(Tail *t) {
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; t->groups != NULL && i <= t->groups_mask; i++) {
        free(t->groups[i].ordered);
    }
    rwlock_release(&t->lock);
    arena_free(t->arena);
    free(t->table);
    free(t->pages);
    free(t->groups);
    free(t);
}

RecordNo tail_first(const Tail *t) {
    return t->first;
}
size_t tail_n_keys(const Tail *t) {
    return t->n_keys;
}
size_t tail_n_slots(const Tail *t) {
    return atomic_load_explicit(&t->n_slots, memory_order_relaxed);
}
size_t tail_bytes(const Tail *t) {
    return arena_used(t->arena) + (t->mask + 1) * sizeof(*t->table) +
           (t->groups_mask + 1) * sizeof(*t->groups);
}

static TailKey *key_number(const Tail *t, size_t number) {
    return &t->pages[number / PAGE_KEYS][number % PAGE_KEYS];
}

static uint64_t group_prefix(Str key) {
    uint64_t prefix = 0;
    for (size_t i = 0; i < INDEX_PREFIX_LEN; i++) {
        prefix = prefix << 8 | (i < key.len ? (uint8_t)key.ptr[i] : 0);
    }
    return prefix;
}

/* The group's place in a table of mask + 1, or the empty place where it belongs. */
static Group *group_place(Group *groups, size_t mask, uint64_t prefix) {
    size_t i = hash64((Str){(const char *)&prefix, sizeof(prefix)}) & mask;
    while (groups[i].prefix != 0 && groups[i].prefix != prefix) {
        i = (i + 1) & mask;
    }
    return &groups[i];
}

static ErrCode groups_grow(Tail *t) {
    size_t size = (t->groups_mask + 1) * 2;
    Group *groups = calloc(size, sizeof(*groups));
    if (groups == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i <= t->groups_mask; i++) {
        if (t->groups[i].prefix != 0) {
            *group_place(groups, size - 1, t->groups[i].prefix) = t->groups[i];
        }
    }
    free(t->groups);
    t->groups = groups;
    t->groups_mask = size - 1;
    return ERR_OK;
}

/* The table grows first: a key that is linked is one that stays, or the next try would link it to
 * itself. */
static ErrCode group_link(Tail *t, TailKey *k) {
    if ((t->n_groups + 1) * 2 > t->groups_mask) {
        TRY(groups_grow(t));
    }
    uint64_t prefix = group_prefix(tail_key(k));
    Group *g = group_place(t->groups, t->groups_mask, prefix);
    if (g->prefix == 0) {
        g->prefix = prefix;
        t->n_groups++;
    }
    k->next_in_group = g->keys;
    g->keys = k;
    g->n_keys++;
    return ERR_OK;
}

static uint64_t table_cell(uint64_t hash, size_t number) {
    return (hash & UINT64_C(0xFFFFFFFF00000000)) | (uint64_t)(number + 1);
}

static void table_insert(uint64_t *table, size_t mask, uint64_t hash, size_t number) {
    size_t i = hash & mask;
    while (table[i] != 0) {
        i = (i + 1) & mask;
    }
    table[i] = table_cell(hash, number);
}

static ErrCode table_grow(Tail *t) {
    size_t size = (t->mask + 1) * 2;
    uint64_t *table = calloc(size, sizeof(*table));
    if (table == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_keys; i++) {
        table_insert(table, size - 1, key_number(t, i)->hash, i);
    }
    free(t->table);
    t->table = table;
    t->mask = size - 1;
    return ERR_OK;
}

static TailKey *find(const Tail *t, Str key, uint64_t hash) {
    for (size_t i = hash & t->mask; t->table[i] != 0; i = (i + 1) & t->mask) {
        if ((t->table[i] ^ hash) >> 32 == 0) {
            TailKey *k = key_number(t, (uint32_t)t->table[i] - 1);
            if (k->len == key.len && memcmp(k->bytes, key.ptr, key.len) == 0) {
                return k;
            }
        }
    }
    return NULL;
}

static ErrCode page_add(Tail *t) {
    size_t n = t->n_keys / PAGE_KEYS;
    if (n == t->n_pages_max) {
        size_t max = MAX(t->n_pages_max * 2, (size_t)64);
        TailKey **pages = realloc(t->pages, max * sizeof(TailKey *));
        if (pages == NULL) {
            return ERR_NOMEM;
        }
        t->pages = pages;
        t->n_pages_max = max;
    }
    t->pages[n] = arena_alloc(t->arena, PAGE_KEYS * sizeof(TailKey));
    return t->pages[n] == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode key_new(Tail *t, Str key, uint64_t hash, TailKey **ret_key) {
    if (t->n_keys % PAGE_KEYS == 0) {
        TRY(page_add(t));
    }
    char *bytes = arena_alloc(t->arena, key.len);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    memcpy(bytes, key.ptr, key.len);
    TailKey *k = key_number(t, t->n_keys);
    *k = (TailKey){.hash = hash, .bytes = bytes, .len = (uint32_t)key.len};
    TRY(group_link(t, k));
    table_insert(t->table, t->mask, hash, t->n_keys);
    t->n_keys++;
    *ret_key = k;
    return t->n_keys * 2 > t->mask ? table_grow(t) : ERR_OK;
}

static ErrCode chunk_push(Tail *t, TailKey *k, uint32_t slot) {
    Chunk *c = k->newest;
    if (c == NULL || c->n == c->capacity) {
        uint32_t capacity = c == NULL ? CHUNK_FIRST : MIN(c->capacity * 2, (uint32_t)CHUNK_LARGEST);
        Chunk *fresh = arena_alloc(t->arena, sizeof(Chunk) + capacity * sizeof(uint32_t));
        if (fresh == NULL) {
            return ERR_NOMEM;
        }
        *fresh = (Chunk){.older = c, .capacity = capacity};
        if (c == NULL) {
            memcpy(fresh->slots, k->few, sizeof(k->few));
            fresh->n = INLINE_SLOTS;
        }
        k->newest = c = fresh;
    }
    c->slots[c->n++] = slot;
    return ERR_OK;
}

static ErrCode key_push(Tail *t, TailKey *k, uint32_t slot) {
    if (k->n > 0 && slot <= k->last) {
        return ERR_OK; /* there already: an index_add that found no memory half way is done again */
    }
    if (k->n < INLINE_SLOTS) {
        k->few[k->n] = slot;
    } else {
        TRY(chunk_push(t, k, slot));
    }
    k->n++;
    k->last = slot;
    atomic_fetch_add_explicit(&t->n_slots, 1, memory_order_relaxed);
    return ERR_OK;
}

/* One entry on its way: its key with the commit's first slot added where the entry asks for it. */
typedef struct Placed {
    Str key;
    uint64_t hash;
    char moved[INDEX_KEY_MAX];
} Placed;

static void place(Placed *p, Slot base, const IndexEntry *e) {
    p->key = e->key;
    if (e->relocate != 0) {
        assert(e->key.len <= INDEX_KEY_MAX && (size_t)e->relocate + 8 <= e->key.len);
        memcpy(p->moved, e->key.ptr, e->key.len);
        uint8_t *at = (uint8_t *)p->moved + e->relocate;
        u64_be_put(at, u64_be_get(at) + base);
        p->key.ptr = p->moved;
    }
    p->hash = hash64(p->key);
}

static ErrCode wave_add(Tail *t, Slot base, const IndexEntry *entries, size_t n) {
    Placed placed[TAIL_WAVE];
    for (size_t i = 0; i < n; i++) {
        place(&placed[i], base, &entries[i]);
        __builtin_prefetch(&t->table[placed[i].hash & t->mask]);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t cell = t->table[placed[i].hash & t->mask];
        if (cell != 0) {
            __builtin_prefetch(key_number(t, (uint32_t)cell - 1));
        }
    }
    Slot origin = SLOT_OF(t->first, 0);
    for (size_t i = 0; i < n; i++) {
        TailKey *k = find(t, placed[i].key, placed[i].hash);
        if (k == NULL) {
            TRY(key_new(t, placed[i].key, placed[i].hash, &k));
        }
        TRY(key_push(t, k, (uint32_t)(base + entries[i].offset - origin)));
    }
    return ERR_OK;
}

ErrCode tail_add(Tail *t, Slot base, const IndexEntry *entries, size_t n) {
    ErrCode err = ERR_OK;
    for (size_t at = 0; at < n && err == ERR_OK;) {
        size_t hold = MIN(n, at + TAIL_LOCK_ENTRIES);
        rwlock_write(&t->lock);
        for (; at < hold && err == ERR_OK; at += MIN((size_t)TAIL_WAVE, hold - at)) {
            err = wave_add(t, base, entries + at, MIN((size_t)TAIL_WAVE, hold - at));
        }
        rwlock_unlock(&t->lock);
    }
    return err;
}

/* Appends k's slots below `below`, ascending, to out; the lock is held. */
static ErrCode key_copy(const TailKey *k, uint32_t below, SlotVec *out) {
    TRY(slot_vec_reserve(out, k->n));
    uint32_t *end = out->slots + out->n + k->n;
    if (k->newest == NULL) {
        memcpy(out->slots + out->n, k->few, k->n * sizeof(uint32_t));
    }
    for (const Chunk *c = k->newest; c != NULL; c = c->older) {
        end -= c->n;
        memcpy(end, c->slots, c->n * sizeof(uint32_t));
    }
    size_t from = out->n;
    out->n += k->n;
    while (out->n > from && out->slots[out->n - 1] >= below) {
        out->n--;
    }
    return ERR_OK;
}

ErrCode tail_get(Tail *t, Str key, uint32_t below, SlotVec *out) {
    uint64_t hash = hash64(key);
    rwlock_read(&t->lock);
    const TailKey *k = find(t, key, hash);
    ErrCode err = k == NULL ? ERR_OK : key_copy(k, below, out);
    rwlock_unlock(&t->lock);
    return err;
}

size_t tail_count(Tail *t, Str key) {
    uint64_t hash = hash64(key);
    rwlock_read(&t->lock);
    const TailKey *k = find(t, key, hash);
    size_t n = k == NULL ? 0 : k->n;
    rwlock_unlock(&t->lock);
    return n;
}

static bool key_newest(const TailKey *k, uint32_t below, uint32_t *ret_slot) {
    for (const Chunk *c = k->newest; c != NULL; c = c->older) {
        for (uint32_t i = c->n; i-- > 0;) {
            if (c->slots[i] < below) {
                *ret_slot = c->slots[i];
                return true;
            }
        }
    }
    for (uint32_t i = k->newest == NULL ? k->n : 0; i-- > 0;) {
        if (k->few[i] < below) {
            *ret_slot = k->few[i];
            return true;
        }
    }
    return false;
}

bool tail_newest(Tail *t, Str key, uint32_t below, uint32_t *ret_slot) {
    uint64_t hash = hash64(key);
    rwlock_read(&t->lock);
    const TailKey *k = find(t, key, hash);
    bool found = k != NULL && key_newest(k, below, ret_slot);
    rwlock_unlock(&t->lock);
    return found;
}

/* ---- order ---- */

/* Sorting: the first 16 bytes as two numbers decide nearly always without touching the key. */
typedef struct SortKey {
    uint64_t a, b;
    const TailKey *key;
} SortKey;

static uint64_t be_word(Str key, size_t at) {
    uint8_t word[8] = {0};
    if (at < key.len) {
        memcpy(word, key.ptr + at, MIN(key.len - at, sizeof(word)));
    }
    return u64_be_get(word);
}

static int sort_cmp(const void *x, const void *y) {
    const SortKey *p = x;
    const SortKey *q = y;
    if (p->a != q->a) {
        return p->a < q->a ? -1 : 1;
    }
    if (p->b != q->b) {
        return p->b < q->b ? -1 : 1;
    }
    return str_cmp(tail_key(p->key), tail_key(q->key));
}

static SortKey sort_key(const TailKey *k) {
    return (SortKey){be_word(tail_key(k), 0), be_word(tail_key(k), 8), k};
}

ErrCode tail_sorted(Tail *t, const TailKey ***ret_keys, size_t *ret_n) {
    rwlock_read(&t->lock);
    size_t n = t->n_keys;
    CLEANUP_FREE SortKey *sort = malloc((n + 1) * sizeof(*sort));
    const TailKey **keys = malloc((n + 1) * sizeof(*keys));
    for (size_t i = 0; i < n && sort != NULL; i++) {
        sort[i] = sort_key(key_number(t, i));
    }
    rwlock_unlock(&t->lock);
    if (sort == NULL || keys == NULL) {
        free(keys);
        return ERR_NOMEM;
    }
    qsort(sort, n, sizeof(*sort), sort_cmp);
    for (size_t i = 0; i < n; i++) {
        keys[i] = sort[i].key;
    }
    *ret_keys = keys;
    *ret_n = n;
    return ERR_OK;
}

Str tail_key(const TailKey *k) {
    return (Str){k->bytes, k->len};
}

ErrCode tail_key_slots(Tail *t, const TailKey *k, uint32_t below, SlotVec *out) {
    out->n = 0;
    rwlock_read(&t->lock);
    ErrCode err = key_copy(k, below, out);
    rwlock_unlock(&t->lock);
    return err;
}

/* ---- scanning ---- */

static bool is_loose(const Group *g) {
    size_t n = g->ordered == NULL ? 0 : g->ordered->n;
    return g->n_keys - n > MAX(n / 8, (size_t)GROUP_LOOSE);
}

/* Copies the group's list; NULL: no memory. The lock is held for the copy alone. */
static SortKey *group_list(Tail *t, uint64_t prefix, const TailKey **ret_newest, size_t *ret_n) {
    rwlock_read(&t->lock);
    const Group *g = group_place(t->groups, t->groups_mask, prefix);
    size_t n = 0;
    SortKey *list = malloc((g->n_keys + 1) * sizeof(*list));
    for (const TailKey *k = g->keys; k != NULL && list != NULL; k = k->next_in_group) {
        list[n++] = sort_key(k);
    }
    *ret_newest = g->keys;
    *ret_n = n;
    rwlock_unlock(&t->lock);
    return list;
}

/* Puts the group's keys in order. Without memory they stay as they are: a scan reads them all. */
static void group_order(Tail *t, uint64_t prefix) {
    const TailKey *newest = NULL;
    size_t n = 0;
    CLEANUP_FREE SortKey *list = group_list(t, prefix, &newest, &n);
    OrderedKeys *fresh = malloc(sizeof(*fresh) + n * sizeof(fresh->keys[0]));
    if (list == NULL || fresh == NULL) {
        free(fresh);
        return;
    }
    qsort(list, n, sizeof(*list), sort_cmp);
    fresh->newest = newest;
    fresh->n = n;
    for (size_t i = 0; i < n; i++) {
        fresh->keys[i] = list[i].key;
    }
    rwlock_write(&t->lock);
    Group *g = group_place(t->groups, t->groups_mask, prefix);
    if (g->ordered == NULL || g->ordered->n < n) { /* no other scan was faster */
        OrderedKeys *stale = g->ordered;
        g->ordered = fresh;
        fresh = stale;
    }
    rwlock_unlock(&t->lock);
    free(fresh);
}

static ErrCode scan_key(const TailKey *k, const TailScan *scan, SlotVec *slots) {
    Str key = tail_key(k);
    size_t old = 0;
    if (k->last < scan->above || !scan->take(scan->ctx, key)) {
        return ERR_OK;
    }
    slots->n = 0;
    TRY(key_copy(k, scan->below, slots));
    while (old < slots->n && slots->slots[old] < scan->above) {
        old++;
    }
    return old == slots->n ? ERR_OK : scan->put(scan->ctx, key, slots->slots + old, slots->n - old);
}

static size_t ordered_place(const OrderedKeys *o, Str from) {
    size_t lo = 0;
    size_t hi = o->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(tail_key(o->keys[mid]), from) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static ErrCode scan_group(const Group *g, const TailScan *scan, SlotVec *slots) {
    const OrderedKeys *o = g->ordered;
    const TailKey *k = g->keys;
    for (; k != NULL && (o == NULL || k != o->newest); k = k->next_in_group) {
        if (str_cmp(tail_key(k), scan->from) >= 0 && str_cmp(tail_key(k), scan->to) < 0) {
            TRY(scan_key(k, scan, slots));
        }
    }
    if (o == NULL) {
        return ERR_OK;
    }
    for (size_t i = ordered_place(o, scan->from); i < o->n; i++) {
        if (str_cmp(tail_key(o->keys[i]), scan->to) >= 0) {
            break;
        }
        TRY(scan_key(o->keys[i], scan, slots));
    }
    return ERR_OK;
}

ErrCode tail_scan(Tail *t, const TailScan *scan) {
    SlotVec slots = {0};
    ErrCode err = ERR_OK;
    uint64_t from = group_prefix(scan->from);
    uint64_t to = group_prefix(scan->to);
    rwlock_read(&t->lock);
    if (from == to && is_loose(group_place(t->groups, t->groups_mask, from))) {
        rwlock_unlock(&t->lock);
        group_order(t, from);
        rwlock_read(&t->lock);
    }
    if (from == to) {
        err = scan_group(group_place(t->groups, t->groups_mask, from), scan, &slots);
    }
    for (size_t i = 0; from != to && i <= t->groups_mask && err == ERR_OK; i++) {
        const Group *g = &t->groups[i];
        if (g->prefix != 0 && g->prefix >= from && g->prefix <= to) {
            err = scan_group(g, scan, &slots);
        }
    }
    rwlock_unlock(&t->lock);
    slot_vec_release(&slots);
    return err;
}
