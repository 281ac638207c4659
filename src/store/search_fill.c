/* The slots of one clause in one part, from its ranges of keys. Ranges that lie close together are
 * read in one scan, whose keys are looked up among them: a list of ten thousand values is a merge
 * of two sorted lists, not ten thousand searches. */
#include "store/search_int.h"

enum {
    SCAN_ALONE = 4,              /* up to so many ranges are scanned one by one */
    TESTS_MAX = 5 * 1000 * 1000, /* of keys against further ranges, of one search */
};

/* ---- sorting ---- */

void slots_sort(uint32_t *slots, uint32_t *spare, size_t n) {
    enum { BITS = 11, BUCKETS = 1 << BITS, SMALL = 64 };
    if (n < SMALL) {
        for (size_t i = 1; i < n; i++) {
            uint32_t v = slots[i];
            size_t at = i;
            for (; at > 0 && slots[at - 1] > v; at--) {
                slots[at] = slots[at - 1];
            }
            slots[at] = v;
        }
        return;
    }
    uint32_t *from = slots;
    uint32_t *to = spare;
    for (unsigned shift = 0; shift < 32; shift += BITS) {
        size_t starts[BUCKETS + 1] = {0};
        for (size_t i = 0; i < n; i++) {
            starts[(from[i] >> shift & (BUCKETS - 1)) + 1]++;
        }
        for (size_t b = 0; b < BUCKETS; b++) {
            starts[b + 1] += starts[b];
        }
        for (size_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
        }
        uint32_t *t = from;
        from = to;
        to = t;
    }
    if (from != slots) { /* three passes: the result stands in spare */
        memcpy(slots, from, n * sizeof(*slots));
    }
}

static bool is_sorted(const SlotVec *v) {
    for (size_t i = 1; i < v->n; i++) {
        if (v->slots[i - 1] >= v->slots[i]) {
            return false;
        }
    }
    return true;
}

ErrCode slot_vec_sort(SlotVec *v) {
    if (is_sorted(v)) {
        return ERR_OK;
    }
    CLEANUP_FREE uint32_t *spare = malloc(v->n * sizeof(*spare));
    if (spare == NULL) {
        return ERR_NOMEM;
    }
    slots_sort(v->slots, spare, v->n);
    size_t kept = 1;
    for (size_t i = 1; i < v->n; i++) {
        if (v->slots[i] != v->slots[kept - 1]) {
            v->slots[kept++] = v->slots[i];
        }
    }
    v->n = kept;
    return ERR_OK;
}

ErrCode slot_vec_append(SlotVec *v, const uint32_t *slots, size_t n) {
    TRY(slot_vec_reserve(v, n));
    memcpy(v->slots + v->n, slots, n * sizeof(*slots));
    v->n += n;
    return ERR_OK;
}

/* ---- one key each ---- */

static ErrCode fill_exact_keys(const IndexPart *part, const Clause *c, uint32_t below,
                               SlotVec *slots) {
    CLEANUP_FREE Str *keys = malloc((c->n_ranges + 1) * sizeof(*keys));
    if (keys == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < c->n_ranges;
         i++) { /* ascending; a wider range may stand between twins */
        Str key = c->ranges[i].from;
        if (c->ranges[i].is_exact && (n == 0 || !str_eq(keys[n - 1], key))) {
            keys[n++] = key;
        }
    }
    if (part->segment != NULL) {
        return segment_get_many(part->segment, keys, n, slots);
    }
    for (size_t i = 0; i < n; i++) {
        TRY(part_get(part, keys[i], below, slots));
    }
    return ERR_OK;
}

/* ---- wider ranges ---- */

/* Ranges that are scanned together: ascending by `from`, of one class, type and parameter. */
typedef struct Fill {
    Search *s;
    const IndexPart *part;
    const KeyRange **ranges;
    Str *ends; /* the largest `to` of the ranges so far: how far back one can reach */
    size_t n;
    SlotVec *slots, *maybe;
    KeyVerdict verdict; /* of the key just taken */
} Fill;

static ErrCode too_many_tests(const Search *s) {
    return err_set(s->info, ERR_LIMIT, "search-work",
                   "the values of a list overlap so much that more than %u comparisons would be "
                   "needed; use fewer of them",
                   "các giá trị trong danh sách trùng lấn nhau, cần hơn %u phép so sánh; hãy dùng "
                   "ít giá trị hơn",
                   (unsigned)TESTS_MAX);
}

/* The number of ranges that begin at or before the key. */
static size_t ranges_before(const Fill *f, Str key) {
    size_t lo = 0;
    size_t hi = f->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(f->ranges[mid]->from, key) <= 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool fill_take(void *ctx, Str key) {
    Fill *f = ctx;
    size_t tests = 0;
    f->verdict = KEY_NO;
    for (size_t i = ranges_before(f, key); i > 0 && str_cmp(f->ends[i - 1], key) > 0; i--) {
        const KeyRange *r = f->ranges[i - 1];
        if (str_cmp(r->to, key) > 0) {
            f->verdict = MAX(f->verdict, key_verdict(r, key));
            tests++;
        }
        if (f->verdict == KEY_YES || *f->s->tests > TESTS_MAX) {
            break;
        }
    }
    *f->s->tests += tests > 1 ? tests - 1 : 0;
    return f->verdict != KEY_NO;
}

static ErrCode fill_put(void *ctx, Str key, const uint32_t *slots, size_t n) {
    Fill *f = ctx;
    (void)key;
    return slot_vec_append(f->verdict == KEY_YES ? f->slots : f->maybe, slots, n);
}

static ErrCode scan(Fill *f, size_t first, size_t n) {
    Fill one = *f;
    one.ranges = f->ranges + first;
    one.ends = f->ends + first;
    one.n = n;
    one.ends[0] = one.ranges[0]->to;
    for (size_t i = 1; i < n; i++) {
        Str to = one.ranges[i]->to;
        one.ends[i] = str_cmp(to, one.ends[i - 1]) > 0 ? to : one.ends[i - 1];
    }
    TRY(part_scan(f->part, &(TailScan){.from = one.ranges[0]->from,
                                       .to = one.ends[n - 1],
                                       .above = part_above(f->s, f->part),
                                       .below = part_below(f->part, f->s->snapshot),
                                       .take = fill_take,
                                       .put = fill_put,
                                       .ctx = &one}));
    return *f->s->tests > TESTS_MAX ? too_many_tests(f->s) : ERR_OK;
}

/* Is the next range's first key in a block that a scan up to `to` reads anyway? */
static bool is_near(const Fill *f, const KeyRange *first, Str to, const KeyRange *next) {
    if (memcmp(first->from.ptr, next->from.ptr, INDEX_PREFIX_LEN) != 0) {
        return false;
    }
    if (f->n <= SCAN_ALONE) {
        return str_cmp(next->from, to) < 0;
    }
    return f->part->segment == NULL ||
           segment_block_of(f->part->segment, next->from) <= segment_block_of(f->part->segment, to);
}

static ErrCode fill_wide(Fill *f) {
    for (size_t first = 0, n = 0; first < f->n; first += n) {
        Str to = f->ranges[first]->to;
        for (n = 1; first + n < f->n && is_near(f, f->ranges[first], to, f->ranges[first + n]);
             n++) {
            Str next = f->ranges[first + n]->to;
            to = str_cmp(next, to) > 0 ? next : to;
        }
        TRY(scan(f, first, n));
    }
    return ERR_OK;
}

static ErrCode fill_wide_ranges(Fill *f, const Clause *c) {
    CLEANUP_FREE const KeyRange **ranges = malloc((c->n_ranges + 1) * sizeof(*ranges));
    CLEANUP_FREE Str *ends = malloc((c->n_ranges + 1) * sizeof(*ends));
    if (ranges == NULL || ends == NULL) {
        return ERR_NOMEM;
    }
    f->ranges = ranges;
    f->ends = ends;
    for (size_t i = 0; i < c->n_ranges; i++) {
        if (!c->ranges[i].is_exact) {
            ranges[f->n++] = &c->ranges[i];
        }
    }
    return fill_wide(f);
}

/* ---- both ---- */

uint32_t part_above(const Search *s, const IndexPart *part) {
    Slot base = part_base(part);
    return part->tail == NULL || s->low <= base ? 0 : (uint32_t)MIN(s->low - base, UINT32_MAX);
}

/* Takes out what the search's snapshot does not know: a segment gives all that it has; and of a
 * tail what lies before all candidates. */
void search_cut(const Search *s, const IndexPart *part, SlotVec *v) {
    uint32_t below = part_below(part, s->snapshot);
    uint32_t above = part_above(s, part);
    while (v->n > 0 && v->slots[v->n - 1] >= below) {
        v->n--;
    }
    size_t old = 0;
    while (old < v->n && v->slots[old] < above) {
        old++;
    }
    if (old > 0) {
        v->n -= old;
        memmove(v->slots, v->slots + old, v->n * sizeof(*v->slots));
    }
}

/* slots: sure ones and others; maybe: the others. */
static ErrCode join_maybe(SlotVec *slots, SlotVec *maybe) {
    TRY(slot_vec_sort(maybe));
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < maybe->n; i++) {
        while (at < slots->n && slots->slots[at] < maybe->slots[i]) {
            at++;
        }
        if (at == slots->n || slots->slots[at] != maybe->slots[i]) {
            maybe->slots[kept++] = maybe->slots[i];
        }
    }
    maybe->n = kept;
    if (kept > 0) {
        TRY(slot_vec_append(slots, maybe->slots, kept));
    }
    return slot_vec_sort(slots);
}

static ErrCode fill_new(Search *s, const IndexPart *part, const Clause *c, SlotVec *slots,
                        SlotVec *maybe) {
    Fill f = {.s = s, .part = part, .slots = slots, .maybe = maybe};
    TRY(fill_exact_keys(part, c, part_below(part, s->snapshot), slots));
    TRY(fill_wide_ranges(&f, c));
    TRY(slot_vec_sort(slots));
    return maybe->n == 0 ? ERR_OK : join_maybe(slots, maybe);
}

ErrCode search_fill(Search *s, const IndexPart *part, const Clause *c, SlotVec *slots,
                    SlotVec *maybe) {
    CLEANUP_BUF Buf name;
    buf_init(&name, KEPT_NAME);
    bool is_kept = false;
    bool can_keep = kept_name(part, c, &name);
    assert(slots->n == 0 && maybe->n == 0);
    TRY(can_keep ? kept_get(part, buf_str(&name), slots, maybe, &is_kept) : ERR_OK);
    TRY(is_kept ? ERR_OK : fill_new(s, part, c, slots, maybe));
    if (can_keep && !is_kept && part->last <= s->snapshot) { /* else it was cut */
        kept_put(part, buf_str(&name), slots, maybe);
    }
    search_cut(s, part, slots);
    search_cut(s, part, maybe);
    return ERR_OK;
}
