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

typedef struct Runs {
    Run *runs; /* by slot >> 16, without the lane */
    size_t n_runs;
} Runs;

struct DeadSet {
    RwLock lock;
    Runs of[FHIR_T_COUNT]; /* by resource type */
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
    for (size_t t = 0; t < ARRAY_LEN(d->of); t++) {
        for (size_t i = 0; i < d->of[t].n_runs; i++) {
            free(d->of[t].runs[i].list);
            free(d->of[t].runs[i].bits);
        }
        free(d->of[t].runs);
    }
    rwlock_release(&d->lock);
    free(d);
}

static size_t run_of(Slot slot) {
    return (size_t)((slot & LANE_MASK) >> RUN_BITS);
}

static ErrCode runs_reach(Runs *d, size_t run) {
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

static ErrCode add_locked(DeadSet *d, FhirType type, Slot slot) {
    Runs *of = &d->of[type];
    TRY(runs_reach(of, run_of(slot)));
    Run *r = &of->runs[run_of(slot)];
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

ErrCode dead_add(DeadSet *d, FhirType type, Slot slot) {
    assert((unsigned)type < FHIR_T_COUNT);
    rwlock_write(&d->lock);
    ErrCode err = add_locked(d, type, slot);
    rwlock_unlock(&d->lock);
    return err;
}

/* ---- the stored form ---- */

enum { PACKED_HEAD = 8, VARINT64_MAX = 10 };

/* Type and slot as one number. */
enum { TYPE_SHIFT = STORE_LANE_SHIFT + 6 };

uint64_t dead_item(FhirType type, Slot slot) {
    static_assert((int)FHIR_T_COUNT < 1 << (64 - TYPE_SHIFT), "a type stands above the slot");
    return (uint64_t)type << TYPE_SHIFT | (slot & LANE_MASK);
}

static int by_number(const void *x, const void *y) {
    const uint64_t *a = x;
    const uint64_t *b = y;
    return *a < *b ? -1 : *a > *b;
}

void dead_pack(uint64_t *items, size_t n, Buf *out) {
    uint8_t bytes[VARINT64_MAX] = {0};
    size_t head = out->len;
    uint64_t before = 0;
    buf_put(out, bytes, PACKED_HEAD);
    if (n > 0) { /* without any, items may be NULL */
        qsort(items, n, sizeof(*items), by_number);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t rest = items[i] - before;
        size_t len = 0;
        for (; rest >= 0x80; rest >>= 7) {
            bytes[len++] = (uint8_t)(rest | 0x80);
        }
        bytes[len++] = (uint8_t)rest;
        buf_put(out, bytes, len);
        before = items[i];
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

/* Adds n ascending slots of one run; item: the last of them. */
static ErrCode run_add_many(DeadSet *d, uint64_t item, const uint16_t *low, uint32_t n) {
    enum { MERGE_SHARE = 16 }; /* fewer new ones a run are found their places one by one */
    FhirType type = (FhirType)(item >> TYPE_SHIFT);
    size_t run = run_of(item);
    if ((unsigned)type >= FHIR_T_COUNT) {
        return ERR_CORRUPT;
    }
    TRY(runs_reach(&d->of[type], run));
    Run *r = &d->of[type].runs[run];
    if (r->bits == NULL && r->n + n <= LIST_MAX && n >= r->n / MERGE_SHARE) {
        return list_merge(d, r, low, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(add_locked(d, type, (Slot)run << RUN_BITS | low[i]));
    }
    return ERR_OK;
}

/* at and end hold a whole packed list; low has room for a run's numbers. */
static ErrCode add_packed_locked(DeadSet *d, const uint8_t *at, const uint8_t *end, uint16_t *low) {
    uint64_t item = 0;
    uint32_t n = 0;
    while (at < end) {
        uint64_t by = 0;
        if (!get_varint64(&at, end, &by) || by > UINT64_MAX - item) {
            return ERR_CORRUPT;
        }
        if (n > 0 && (item >> RUN_BITS != (item + by) >> RUN_BITS || n == RUN_SLOTS)) {
            TRY(run_add_many(d, item, low, n));
            n = 0;
        }
        item += by;
        low[n++] = (uint16_t)item;
    }
    return n == 0 ? ERR_OK : run_add_many(d, item, low, n);
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

static const Run *run_at(const DeadSet *d, FhirType type, size_t run) {
    const Runs *of = &d->of[type];
    return run < of->n_runs && of->runs[run].n > 0 ? &of->runs[run] : NULL;
}

static bool has_locked(const DeadSet *d, FhirType type, Slot slot) {
    const Run *r = run_at(d, type, run_of(slot));
    return r != NULL && run_has(r, (uint16_t)slot);
}

bool dead_has(DeadSet *d, FhirType type, Slot slot) {
    rwlock_read(&d->lock);
    bool has = has_locked(d, type, slot);
    rwlock_unlock(&d->lock);
    return has;
}

/* How many numbers of the run lie in [low, high]. */
static uint32_t run_count(const Run *r, uint32_t low, uint32_t high) {
    if (low == 0 && high == RUN_SLOTS - 1) {
        return r->n;
    }
    if (r->bits == NULL) {
        uint32_t below = high == RUN_SLOTS - 1 ? r->n : list_place(r, (uint16_t)(high + 1));
        return below - list_place(r, (uint16_t)low);
    }
    uint32_t n = 0;
    for (uint32_t i = low; i <= high; i++) {
        n += run_has(r, (uint16_t)i);
    }
    return n;
}

/* Appends those of [low, high], each plus `by`. */
static ErrCode run_list(const Run *r, uint32_t low, uint32_t high, uint32_t by, SlotVec *out) {
    TRY(slot_vec_reserve(out, r->n));
    if (r->bits == NULL) {
        for (uint32_t i = list_place(r, (uint16_t)low); i < r->n && r->list[i] <= high; i++) {
            out->slots[out->n++] = r->list[i] + by;
        }
        return ERR_OK;
    }
    for (uint32_t word = low / 64; word <= high / 64; word++) {
        for (uint64_t left = r->bits[word]; left != 0; left &= left - 1) {
            uint32_t at = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (at >= low && at <= high) {
                out->slots[out->n++] = at + by;
            }
        }
    }
    return ERR_OK;
}

/* Counts those of [from, to), and lists them when out is there; from <= to, of one lane. */
static ErrCode within(const DeadSet *d, FhirType type, Slot from, Slot to, SlotVec *out,
                      uint64_t *n) {
    for (size_t run = run_of(from); from < to && run <= run_of(to - 1); run++) {
        const Run *r = run_at(d, type, run);
        if (run >= d->of[type].n_runs) {
            break;
        }
        uint32_t low = run == run_of(from) ? (uint16_t)from : 0;
        uint32_t high = run == run_of(to - 1) ? (uint16_t)(to - 1) : RUN_SLOTS - 1;
        uint32_t by = (uint32_t)(((Slot)run << RUN_BITS) - (from & LANE_MASK));
        if (r != NULL) {
            *n += out == NULL ? run_count(r, low, high) : 0;
            TRY(out == NULL ? ERR_OK : run_list(r, low, high, by, out));
        }
    }
    return ERR_OK;
}

uint64_t dead_count_in(DeadSet *d, FhirType type, Slot from, Slot to) {
    uint64_t n = 0;
    rwlock_read(&d->lock);
    ErrCode err = within(d, type, from, to, NULL, &n);
    rwlock_unlock(&d->lock);
    assert(err == ERR_OK);
    (void)err;
    return n;
}

ErrCode dead_list(DeadSet *d, FhirType type, Slot from, Slot to, SlotVec *out) {
    uint64_t n = 0;
    rwlock_read(&d->lock);
    ErrCode err = within(d, type, from, to, out, &n);
    rwlock_unlock(&d->lock);
    return err;
}

size_t dead_mark(DeadSet *d, FhirType type, const DeadAsk *ask, uint64_t *marks) {
    size_t found = 0;
    memset(marks, 0, (ask->n + 63) / 64 * sizeof(*marks));
    rwlock_read(&d->lock);
    for (size_t i = 0; i < ask->n; i++) {
        if (has_locked(d, type, ask->base + ask->slots[i])) {
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
    size_t bytes = sizeof(*d);
    for (size_t t = 0; t < ARRAY_LEN(d->of); t++) {
        bytes += d->of[t].n_runs * sizeof(Run);
        for (size_t i = 0; i < d->of[t].n_runs; i++) {
            const Run *r = &d->of[t].runs[i];
            bytes += r->bits != NULL ? RUN_SLOTS / 8 : r->capacity * sizeof(*r->list);
        }
    }
    rwlock_unlock(&d->lock);
    return bytes;
}

static void run_each(const Run *r, Slot base, void (*put)(void *ctx, Slot slot), void *ctx) {
    for (uint32_t i = 0; r->bits == NULL && i < r->n; i++) {
        put(ctx, base | r->list[i]);
    }
    for (uint32_t low = 0; r->bits != NULL && low < RUN_SLOTS; low++) {
        if (run_has(r, (uint16_t)low)) {
            put(ctx, base | low);
        }
    }
}

void dead_each(DeadSet *d, void (*put)(void *ctx, Slot slot), void *ctx) {
    rwlock_read(&d->lock);
    for (size_t t = 0; t < ARRAY_LEN(d->of); t++) {
        for (size_t run = 0; run < d->of[t].n_runs; run++) {
            run_each(&d->of[t].runs[run], (Slot)run << RUN_BITS, put, ctx);
        }
    }
    rwlock_unlock(&d->lock);
}
