#include "store/index_dead.h"

#include "core/hash.h"
#include "core/thread.h"
#include "store/index_format.h"

enum { RUN_BITS = 16, RUN_SLOTS = 1 << RUN_BITS, LIST_MAX = 4096, LIST_FIRST = 8 };
#define LANE_MASK ((UINT64_C(1) << (STORE_LANE_SHIFT + 6)) - 1)

typedef struct Run {
    uint16_t *list; /* sorted; NULL when bits is used */
    uint64_t *bits;
    uint32_t n, capacity;
} Run;

struct DeadSet {
    RwLock lock;
    Run *runs; /* by slot >> 16, without the lane */
    size_t n_runs;
    uint64_t count;
};

DeadSet *dead_new(void) {
    DeadSet *d = calloc(1, sizeof(*d));
    if (d != NULL) {
        rwlock_init(&d->lock);
    }
    return d;
}

void dead_free(DeadSet *d) {
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->n_runs; i++) {
        free(d->runs[i].list);
        free(d->runs[i].bits);
    }
    free(d->runs);
    rwlock_release(&d->lock);
    free(d);
}

static size_t run_of(Slot slot) {
    return (size_t)((slot & LANE_MASK) >> RUN_BITS);
}

static ErrCode runs_reach(DeadSet *d, size_t run) {
    if (run < d->n_runs) {
        return ERR_OK;
    }
    size_t n = MAX(d->n_runs * 2, run + 64);
    Run *runs = realloc(d->runs, n * sizeof(*runs));
    if (runs == NULL) {
        return ERR_NOMEM;
    }
    memset(runs + d->n_runs, 0, (n - d->n_runs) * sizeof(*runs));
    d->runs = runs;
    d->n_runs = n;
    return ERR_OK;
}

/* The place of the first number >= low; without branches to guess, since most are not there. */
static uint32_t list_place(const Run *r, uint16_t low) {
    const uint16_t *at = r->list;
    for (uint32_t n = r->n; n > 1;) {
        uint32_t half = n / 2;
        at += half & (0U - (uint32_t)(at[half - 1] < low));
        n -= half;
    }
    return r->n == 0 ? 0 : (uint32_t)(at - r->list) + (*at < low);
}

static bool run_has(const Run *r, uint16_t low) {
    if (r->bits != NULL) {
        return (r->bits[low / 64] >> (low % 64) & 1) != 0;
    }
    uint32_t at = list_place(r, low);
    return at < r->n && r->list[at] == low;
}

static ErrCode run_to_bits(Run *r) {
    uint64_t *bits = calloc(RUN_SLOTS / 64, sizeof(*bits));
    if (bits == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        bits[r->list[i] / 64] |= UINT64_C(1) << (r->list[i] % 64);
    }
    free(TAKE(r->list));
    r->bits = bits;
    return ERR_OK;
}

static ErrCode list_insert(Run *r, uint16_t low) {
    if (r->n == r->capacity) {
        uint32_t capacity = MAX(r->capacity * 2, (uint32_t)LIST_FIRST);
        uint16_t *list = realloc(r->list, capacity * sizeof(*list));
        if (list == NULL) {
            return ERR_NOMEM;
        }
        r->list = list;
        r->capacity = capacity;
    }
    uint32_t at = list_place(r, low);
    memmove(r->list + at + 1, r->list + at, (r->n - at) * sizeof(*r->list));
    r->list[at] = low;
    r->n++;
    return ERR_OK;
}

static ErrCode add_locked(DeadSet *d, Slot slot) {
    TRY(runs_reach(d, run_of(slot)));
    Run *r = &d->runs[run_of(slot)];
    uint16_t low = (uint16_t)slot;
    if (run_has(r, low)) {
        return ERR_OK;
    }
    if (r->bits == NULL && r->n == LIST_MAX) {
        TRY(run_to_bits(r));
    }
    if (r->bits != NULL) {
        r->bits[low / 64] |= UINT64_C(1) << (low % 64);
        r->n++;
    } else {
        TRY(list_insert(r, low));
    }
    d->count++;
    return ERR_OK;
}

ErrCode dead_add(DeadSet *d, Slot slot) {
    rwlock_write(&d->lock);
    ErrCode err = add_locked(d, slot);
    rwlock_unlock(&d->lock);
    return err;
}

/* ---- the stored form ---- */

enum { PACKED_HEAD = 8, VARINT64_MAX = 10 };

static int by_slot(const void *x, const void *y) {
    const Slot *a = x;
    const Slot *b = y;
    return *a < *b ? -1 : *a > *b;
}

void dead_pack(Slot *slots, size_t n, Buf *out) {
    uint8_t bytes[VARINT64_MAX] = {0};
    size_t head = out->len;
    Slot before = 0;
    buf_put(out, bytes, PACKED_HEAD);
    if (n > 0) { /* without any, slots may be NULL */
        qsort(slots, n, sizeof(*slots), by_slot);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t rest = (slots[i] & LANE_MASK) - before;
        size_t len = 0;
        for (; rest >= 0x80; rest >>= 7) {
            bytes[len++] = (uint8_t)(rest | 0x80);
        }
        bytes[len++] = (uint8_t)rest;
        buf_put(out, bytes, len);
        before = slots[i] & LANE_MASK;
    }
    if (buf_ok(out) == ERR_OK) {
        uint8_t *at = (uint8_t *)out->ptr + head;
        u64_be_put(at, hash64((Str){out->ptr + head + PACKED_HEAD, out->len - head - PACKED_HEAD}));
    }
}

static bool get_varint64(const uint8_t **at, const uint8_t *end, uint64_t *ret_value) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = v;
            return true;
        }
    }
    return false;
}

/* Puts n ascending numbers and the run's list together in one pass. */
static ErrCode list_merge(DeadSet *d, Run *r, const uint16_t *low, uint32_t n) {
    uint16_t *list = malloc((r->n + (size_t)n) * sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    uint32_t at = 0;
    uint32_t had = 0;
    for (uint32_t i = 0; i < n || had < r->n;) {
        bool old = i == n || (had < r->n && r->list[had] <= low[i]);
        uint16_t next = old ? r->list[had++] : low[i++];
        if (at == 0 || list[at - 1] != next) {
            list[at++] = next;
        }
    }
    d->count += at - r->n;
    free(r->list);
    r->list = list;
    r->capacity = r->n + n;
    r->n = at;
    return ERR_OK;
}

/* Adds n ascending slots of one run. */
static ErrCode run_add_many(DeadSet *d, size_t run, const uint16_t *low, uint32_t n) {
    enum { MERGE_SHARE = 16 }; /* fewer new ones a run are found their places one by one */
    TRY(runs_reach(d, run));
    Run *r = &d->runs[run];
    if (r->bits == NULL && r->n + n <= LIST_MAX && n >= r->n / MERGE_SHARE) {
        return list_merge(d, r, low, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(add_locked(d, (Slot)run << RUN_BITS | low[i]));
    }
    return ERR_OK;
}

/* at and end hold a whole packed list; low has room for a run's numbers. */
static ErrCode add_packed_locked(DeadSet *d, const uint8_t *at, const uint8_t *end, uint16_t *low) {
    Slot slot = 0;
    size_t run = 0;
    uint32_t n = 0;
    while (at < end) {
        uint64_t by = 0;
        if (!get_varint64(&at, end, &by) || by > LANE_MASK - slot) {
            return ERR_CORRUPT;
        }
        slot += by;
        if (n > 0 && (run_of(slot) != run || n == RUN_SLOTS)) {
            TRY(run_add_many(d, run, low, n));
            n = 0;
        }
        run = run_of(slot);
        low[n++] = (uint16_t)slot;
    }
    return n == 0 ? ERR_OK : run_add_many(d, run, low, n);
}

ErrCode dead_add_packed(DeadSet *d, Str packed) {
    const uint8_t *at = (const uint8_t *)packed.ptr;
    if (packed.len < PACKED_HEAD ||
        u64_be_get(at) != hash64(str_sub(packed, PACKED_HEAD, packed.len))) {
        return ERR_CORRUPT;
    }
    CLEANUP_FREE uint16_t *low = malloc(RUN_SLOTS * sizeof(*low));
    if (low == NULL) {
        return ERR_NOMEM;
    }
    rwlock_write(&d->lock);
    ErrCode err = add_packed_locked(d, at + PACKED_HEAD, at + packed.len, low);
    rwlock_unlock(&d->lock);
    return err;
}

/* ---- asking ---- */

static bool has_locked(const DeadSet *d, Slot slot) {
    size_t run = run_of(slot);
    return run < d->n_runs && d->runs[run].n > 0 && run_has(&d->runs[run], (uint16_t)slot);
}

bool dead_has(DeadSet *d, Slot slot) {
    rwlock_read(&d->lock);
    bool has = has_locked(d, slot);
    rwlock_unlock(&d->lock);
    return has;
}

bool dead_any(DeadSet *d, Slot from, Slot to) {
    bool any = false;
    rwlock_read(&d->lock);
    for (size_t run = run_of(from); from < to && run <= run_of(to - 1) && run < d->n_runs && !any;
         run++) {
        any = d->runs[run].n > 0;
    }
    rwlock_unlock(&d->lock);
    return any;
}

size_t dead_mark(DeadSet *d, Slot base, const uint32_t *slots, size_t n, uint64_t *marks) {
    size_t found = 0;
    memset(marks, 0, (n + 63) / 64 * sizeof(*marks));
    rwlock_read(&d->lock);
    for (size_t i = 0; i < n; i++) {
        if (has_locked(d, base + slots[i])) {
            marks[i / 64] |= UINT64_C(1) << (i % 64);
            found++;
        }
    }
    rwlock_unlock(&d->lock);
    return found;
}

uint64_t dead_count(DeadSet *d) {
    rwlock_read(&d->lock);
    uint64_t n = d->count;
    rwlock_unlock(&d->lock);
    return n;
}

size_t dead_bytes(DeadSet *d) {
    rwlock_read(&d->lock);
    size_t bytes = d->n_runs * sizeof(Run);
    for (size_t i = 0; i < d->n_runs; i++) {
        const Run *r = &d->runs[i];
        bytes += r->bits != NULL ? RUN_SLOTS / 8 : r->capacity * sizeof(*r->list);
    }
    rwlock_unlock(&d->lock);
    return bytes;
}

void dead_each(DeadSet *d, void (*put)(void *ctx, Slot slot), void *ctx) {
    rwlock_read(&d->lock);
    for (size_t run = 0; run < d->n_runs; run++) {
        const Run *r = &d->runs[run];
        for (uint32_t i = 0; r->bits == NULL && i < r->n; i++) {
            put(ctx, (Slot)run << RUN_BITS | r->list[i]);
        }
        for (uint32_t low = 0; r->bits != NULL && low < RUN_SLOTS; low++) {
            if (run_has(r, (uint16_t)low)) {
                put(ctx, (Slot)run << RUN_BITS | low);
            }
        }
    }
    rwlock_unlock(&d->lock);
}
