/* Sorting by the index: the keys of the first sort's parameter in their order, in windows of some
 * blocks of the largest segment, from all parts. Keys that share a lead are one group. */
#include "store/search_sort_int.h"

#include "core/limits.h"

enum {
    WINDOW_BLOCKS = 1, /* of the first window; the next ones are twice as wide each */
    WINDOW_BLOCKS_MAX = 64,
    WINDOW_POSTINGS = 65536, /* from here on windows grow no more */
    POSTINGS_MAX = 4 << 20,  /* of one window: the rest is one key that so many resources have */
    SCAN_MAX = 128 << 20,    /* postings looked at for one page */
    LEADS_BYTES = 256 << 20,
};

typedef struct Posting {
    Slot slot;
    Str lead;
} Posting;

typedef struct KeyWalk {
    SortRun *run;
    const FhirSearchParam *param;
    size_t lead_len;
    bool up;
    KeyBuf head;
    KeyBuf low, high; /* keys of values: [low, high) */
    KeyBuf at;        /* up: the next window begins here; down: it ends here */
    unsigned blocks;
    size_t scanned;
    Arena *arena; /* the window's leads */
    Posting *list;
    size_t n, capacity;
    Slot base; /* of the part being scanned */
    Str last_lead;
} KeyWalk;

/* ---- which keys ---- */

static KeyBuf behind(const KeyBuf *k) {
    KeyBuf to = *k;
    while (to.len > 0 && (uint8_t)to.bytes[to.len - 1] == 0xFF) {
        to.len--;
    }
    assert(to.len > 0);
    to.bytes[to.len - 1]++;
    return to;
}

/* No tokens of text only, no quantities without a number. */
void sort_key_bounds(const Search *s, KeyBuf *ret_low, KeyBuf *ret_high) {
    const FhirSearchParam *param = s->query->sorts[0].param;
    KeyBuf low;
    key_head(&low, INDEX_VALUE, (unsigned)s->query->type, param->id);
    KeyBuf high = behind(&low);
    if (param->type == FHIR_PARAM_TOKEN) {
        key_u16(&low, 1);
    } else if (param->type == FHIR_PARAM_NUMBER || param->type == FHIR_PARAM_QUANTITY) {
        high = low;
        key_byte(&low, KEY_POINT);
        key_byte(&high, KEY_NONE);
    }
    *ret_low = low;
    *ret_high = high;
}

static void walk_init(KeyWalk *w, SortRun *run) {
    const Search *s = run->s;
    *w = (KeyWalk){.run = run, .param = s->query->sorts[0].param};
    key_head(&w->head, INDEX_VALUE, (unsigned)s->query->type, w->param->id);
    sort_key_bounds(s, &w->low, &w->high);
}

static bool take_any(void *ctx, Str key) {
    (void)ctx;
    (void)key;
    return true;
}

static ErrCode put_stop(void *ctx, Str key, const uint32_t *slots, size_t n) {
    (void)key;
    (void)slots;
    *(bool *)ctx = n > 0;
    return n > 0 ? ERR_STOPPED : ERR_OK;
}

/* Numbers that the keys do not order: ranges, comparators, more digits than a key holds. */
static ErrCode has_spans(const KeyWalk *w, bool *ret_has) {
    const Search *s = w->run->s;
    KeyBuf from = w->head;
    key_byte(&from, KEY_SPAN);
    bool has = false;
    for (size_t i = 0; i < s->view->n && !has; i++) {
        const IndexPart *p = &s->view->parts[i];
        ErrCode err = part_scan(p, &(TailScan){.from = key_str(&from),
                                               .to = key_str(&w->high),
                                               .below = part_below(p, s->snapshot),
                                               .take = take_any,
                                               .put = put_stop,
                                               .ctx = &has});
        TRY(err == ERR_STOPPED ? ERR_OK : err);
    }
    *ret_has = has;
    return ERR_OK;
}

ErrCode sort_by_keys_can(SortRun *r, bool *ret_can) {
    KeyWalk w;
    walk_init(&w, r);
    *ret_can = false;
    if (fhir_param_is_custom(w.param)) {
        return ERR_OK; /* its keys stand elsewhere */
    }
    switch ((FhirParamType)w.param->type) {
    case FHIR_PARAM_NUMBER:
    case FHIR_PARAM_QUANTITY: {
        bool spans = false;
        TRY(has_spans(&w, &spans));
        *ret_can = !spans;
        return ERR_OK;
    }
    case FHIR_PARAM_TOKEN:
    case FHIR_PARAM_STRING:
    case FHIR_PARAM_DATE:
    case FHIR_PARAM_URI: /* _id and _lastUpdated have no postings */
        *ret_can = w.param->id != FHIR_P__ID && w.param->id != FHIR_P__LAST_UPDATED;
        return ERR_OK;
    case FHIR_PARAM_REFERENCE: /* those inside a record have no postings */
    case FHIR_PARAM_COMPOSITE:
    case FHIR_PARAM_SPECIAL:
    case FHIR_PARAM_WORDS:
        break;
    }
    return ERR_OK;
}

/* ---- windows ---- */

/* The last block whose first key is not above key; or, strictly, below it. */
static bool block_at(const Segment *s, Str key, bool strictly, uint32_t *ret_block) {
    uint32_t lo = 0;
    uint32_t hi = s->n_blocks;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(segment_key(s, mid), key);
        if (order < 0 || (order == 0 && !strictly)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_block = lo - (lo > 0);
    return lo > 0;
}

/* The beginning of the group that the key is in. */
static KeyBuf group_of(const KeyWalk *w, Str key) {
    KeyBuf k = {0};
    size_t most = w->lead_len == SIZE_MAX ? key.len : INDEX_PREFIX_LEN + w->lead_len;
    k.len = MIN(key.len, most);
    memcpy(k.bytes, key.ptr, k.len);
    return k;
}

/* The first key behind the group that begins with k. */
static KeyBuf group_end(const KeyWalk *w, const KeyBuf *k) {
    KeyBuf to = *k;
    if (w->lead_len != SIZE_MAX) {
        return behind(k);
    }
    key_byte(&to, 0);
    return to;
}

static bool is_below(const KeyBuf *a, const KeyBuf *b) {
    return str_cmp(key_str(a), key_str(b)) < 0;
}

/* Up: where the window that begins at w->at ends. */
static KeyBuf window_end(const KeyWalk *w) {
    const IndexView *view = w->run->s->view;
    KeyBuf end = w->high;
    for (size_t i = 0; i < view->n; i++) {
        const Segment *s = view->parts[i].segment;
        uint32_t b = 0;
        if (s == NULL) {
            continue;
        }
        (void)block_at(s, key_str(&w->at), false, &b); /* else it begins behind: from the first */
        if (s->n_blocks > b + w->blocks) {
            KeyBuf key = group_of(w, segment_key(s, b + w->blocks));
            end = is_below(&key, &end) ? key : end;
        }
    }
    if (!is_below(&w->at, &end)) { /* one group is larger than the window */
        KeyBuf group = group_of(w, key_str(&w->at));
        end = group_end(w, &group);
    }
    return end;
}

/* Down: where the window that ends at w->at begins. */
static KeyBuf window_begin(const KeyWalk *w) {
    const IndexView *view = w->run->s->view;
    KeyBuf begin = w->low;
    for (size_t i = 0; i < view->n; i++) {
        const Segment *s = view->parts[i].segment;
        uint32_t b = 0;
        if (s != NULL && block_at(s, key_str(&w->at), true, &b) && b >= w->blocks) {
            KeyBuf key = group_of(w, segment_key(s, b - w->blocks));
            begin = is_below(&begin, &key) ? key : begin;
        }
    }
    return begin;
}

static ErrCode list_reserve(KeyWalk *w) {
    if (w->n < w->capacity) {
        return ERR_OK;
    }
    if (w->n >= POSTINGS_MAX) {
        return search_too_much(w->run->s);
    }
    size_t capacity = MAX(w->capacity * 2, (size_t)1024);
    Posting *list = realloc(w->list, capacity * sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    w->list = list;
    w->capacity = capacity;
    return ERR_OK;
}

static ErrCode collect_one(KeyWalk *w, Slot slot, Str lead) {
    if (w->last_lead.ptr == NULL || !str_eq(lead, w->last_lead)) {
        w->last_lead = arena_str(w->arena, lead);
    }
    TRY(list_reserve(w));
    w->list[w->n++] = (Posting){slot, w->last_lead};
    return arena_failed(w->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode collect_put(void *ctx, Str key, const uint32_t *slots, size_t n) {
    KeyWalk *w = ctx;
    SortRun *r = w->run;
    Str lead = str_sub(str_sub(key, INDEX_PREFIX_LEN, SIZE_MAX), 0, w->lead_len);
    w->scanned += n;
    r->n_looked += r->is_listed ? n : 0;
    for (size_t i = 0; i < n; i++) {
        bool may = !r->is_listed || sort_is_listed(r, w->base + slots[i]);
        TRY(may ? collect_one(w, w->base + slots[i], lead) : ERR_OK);
    }
    return w->scanned > SCAN_MAX ? search_too_much(r->s) : ERR_OK;
}

static int by_lead(const void *x, const void *y) {
    const Posting *a = x;
    const Posting *b = y;
    int order = str_cmp(a->lead, b->lead);
    return order != 0 ? order : (a->slot > b->slot) - (a->slot < b->slot);
}

/* The postings of [from, to), by lead and slot. */
static ErrCode collect(KeyWalk *w, const KeyBuf *from, const KeyBuf *to) {
    const Search *s = w->run->s;
    arena_reset(w->arena);
    w->n = 0;
    for (size_t i = 0; i < s->view->n; i++) {
        const IndexPart *p = &s->view->parts[i];
        w->base = part_base(p);
        w->last_lead = (Str){NULL, 0};
        TRY(part_scan(p, &(TailScan){.from = key_str(from),
                                     .to = key_str(to),
                                     .below = part_below(p, s->snapshot),
                                     .take = take_any,
                                     .put = collect_put,
                                     .ctx = w}));
    }
    if (w->n > 1) {
        qsort(w->list, w->n, sizeof(*w->list), by_lead);
    }
    return ERR_OK;
}

/* ---- a group ---- */

/* Live, matching, and in this group by its best value. */
static ErrCode verify(KeyWalk *w, const Posting *p, SortHit *ret, bool *ret_counts) {
    Str lead = STR_EMPTY;
    TRY(sort_ask(w->run, p->slot, ret_counts));
    TRY(*ret_counts ? sort_verify(w->run->s, p->slot, ret, &lead, ret_counts) : ERR_OK);
    *ret_counts = *ret_counts && str_eq(lead, p->lead);
    return ERR_OK;
}

static bool is_again(const Posting *list, size_t i) {
    return i > 0 && list[i].slot == list[i - 1].slot;
}

/* The group's key says all: slots are the order. */
static ErrCode group_by_slot(KeyWalk *w, const Posting *list, size_t n, bool has_after) {
    const SortRun *r = w->run;
    for (size_t k = 0; k < n; k++) {
        size_t i = w->up ? k : n - 1 - k;
        bool passed =
            has_after && (w->up ? list[i].slot <= r->after.slot : list[i].slot >= r->after.slot);
        SortHit hit;
        bool counts = false;
        if (is_again(list, i) || passed) {
            continue;
        }
        TRY(verify(w, &list[i], &hit, &counts));
        TRY(counts ? sort_emit(w->run, hit.slot) : ERR_OK);
    }
    return ERR_OK;
}

static ErrCode group_sorted(KeyWalk *w, const Posting *list, size_t n) {
    SortRun *r = w->run;
    CLEANUP(top_release) SortTop top;
    TRY(top_init(&top, r->s, r->count - r->page->n_matches + 1));
    for (size_t i = 0; i < n; i++) {
        SortHit hit;
        bool counts = false;
        TRY(is_again(list, i) ? ERR_OK : verify(w, &list[i], &hit, &counts));
        TRY(counts ? top_put(&top, &hit, r->has_after ? &r->after : NULL) : ERR_OK);
    }
    return sort_emit_top(r, &top);
}

static ErrCode take_group(KeyWalk *w, const Posting *list, size_t n) {
    SortRun *r = w->run;
    bool is_afters = r->has_after && str_eq(list[0].lead, r->after_lead);
    if (r->s->query->n_sorts == 1 && sort_lead_is_whole(w->param, list[0].lead)) {
        return group_by_slot(w, list, n, is_afters);
    }
    return group_sorted(w, list, n);
}

static ErrCode take_groups(KeyWalk *w) {
    size_t left = w->n;
    while (left > 0) {
        size_t at = w->up ? w->n - left : left - 1;
        size_t from = at;
        size_t to = at + 1;
        while (w->up && to < w->n && str_eq(w->list[to].lead, w->list[at].lead)) {
            to++;
        }
        while (!w->up && from > 0 && str_eq(w->list[from - 1].lead, w->list[at].lead)) {
            from--;
        }
        TRY(take_group(w, w->list + from, to - from));
        left -= to - from;
    }
    return ERR_OK;
}

/* ---- the walk ---- */

/* Behind the group of the page before, which is looked at again from its beginning. */
static void walk_begin(KeyWalk *w) {
    const SortRun *r = w->run;
    w->at = w->up ? w->low : w->high;
    if (r->has_after) {
        KeyBuf group = w->head;
        memcpy(group.bytes + group.len, r->after_lead.ptr, r->after_lead.len);
        group.len += r->after_lead.len;
        w->at = w->up ? group : group_end(w, &group);
    }
}

static ErrCode walk_keys(KeyWalk *w) {
    w->blocks = WINDOW_BLOCKS;
    walk_begin(w);
    while (w->up ? is_below(&w->at, &w->high) : is_below(&w->low, &w->at)) {
        KeyBuf next = w->up ? window_end(w) : window_begin(w);
        TRY(w->up ? collect(w, &w->at, &next) : collect(w, &next, &w->at));
        TRY(take_groups(w));
        w->at = next;
        w->blocks = w->n >= WINDOW_POSTINGS ? 1 : MIN(w->blocks * 2, (unsigned)WINDOW_BLOCKS_MAX);
    }
    return ERR_OK;
}

/* ---- those without a value ---- */

static ErrCode missing_put(void *ctx, const WalkBatch *batch) {
    KeyWalk *w = ctx;
    SortTop *top = w->run->missing;
    for (size_t i = 0; i < batch->n; i++) {
        SortHit hit;
        Str lead = STR_EMPTY;
        bool is_match = false;
        TRY(sort_verify(w->run->s, batch->base + batch->slots[i], &hit, &lead, &is_match));
        if (!is_match || lead.len > 0) {
            continue;
        }
        TRY(top == NULL ? sort_emit(w->run, hit.slot)
                        : top_put(top, &hit, w->run->has_after ? &w->run->after : NULL));
    }
    return ERR_OK;
}

static ErrCode walk_missing(KeyWalk *w, bool after_is_missing) {
    Search *s = w->run->s;
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->is_negative = true;
    ErrCode err = clause_range(s, c,
                               &(KeyRange){.from = arena_str(s->plan_arena, key_str(&w->low)),
                                           .to = arena_str(s->plan_arena, key_str(&w->high)),
                                           .verdict = KEY_YES});
    if (err == ERR_OK && s->query->n_sorts == 1) {
        Slot after = after_is_missing ? w->run->after.slot : 0;
        err = search_walk(s, after, missing_put, w);
    } else if (err == ERR_OK) {
        CLEANUP(top_release) SortTop top;
        err = top_init(&top, s, w->run->count - w->run->page->n_matches + 1);
        w->run->missing = &top;
        err = err == ERR_OK ? search_walk(s, 0, missing_put, w) : err;
        err = err == ERR_OK ? sort_emit_top(w->run, &top) : err;
        w->run->missing = NULL;
    }
    s->n_clauses--; /* the total is counted without it */
    return err;
}

ErrCode sort_by_keys(SortRun *r) {
    KeyWalk w;
    walk_init(&w, r);
    w.up = !r->s->query->sorts[0].is_descending;
    w.lead_len = sort_lead_len(w.param);
    bool after_is_missing = r->has_after && r->after_lead.len == 0;
    w.arena = arena_new(LEADS_BYTES);
    ErrCode err = w.arena == NULL ? ERR_NOMEM : after_is_missing ? ERR_OK : walk_keys(&w);
    free(w.list);
    arena_free(w.arena);
    return err == ERR_OK ? walk_missing(&w, after_is_missing) : err;
}
