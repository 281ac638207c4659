/* Counting: one clause of keys adds up what the index says of them, part by part; several clauses
 * are walked. */
#include "store/search_int.h"

/* One clause of keys alone, the part wholly inside what is searched. */
static bool is_counted(const Search *s, const IndexPart *p) {
    Slot end = SLOT_OF(MIN(p->last, s->snapshot) + 1, 0);
    return s->n_clauses == 1 && clause_is_keys(&s->clauses[0]) && !s->is_unsure &&
           !search_links_ask(s) && s->low <= part_base(p) && end <= s->high;
}

/* Counts those of the slots that are current; with check: and match. */
static ErrCode count_slots(Search *s, const IndexPart *p, const SlotVec *v, bool check,
                           uint64_t *n) {
    Slot base = part_base(p);
    for (size_t at = 0; at < v->n; at += SEARCH_BATCH) {
        uint64_t dead[SEARCH_BATCH / 64];
        size_t batch = MIN(v->n - at, (size_t)SEARCH_BATCH);
        size_t n_dead = 0;
        TRY(search_mark_dead(s, &(WalkBatch){base, v->slots + at, batch, NULL}, dead, &n_dead));
        *n += check ? 0 : batch - n_dead;
        for (size_t i = 0; i < batch && check; i++) {
            bool counts = (dead[i / 64] >> (i % 64) & 1) == 0;
            if (counts) {
                s->n_checked++;
                TRY(search_verify(s, base + v->slots[at + i], &counts));
            }
            *n += counts;
        }
    }
    return ERR_OK;
}

/* Ranges of keys: all slots but the open ones that do not match. */
static ErrCode count_lists(Search *s, const IndexPart *p, SlotIter *it, uint64_t *n) {
    const SlotVec *slots = NULL;
    const SlotVec *maybe = NULL;
    uint64_t open = 0;
    uint64_t matching = 0;
    bool listed = iter_lists(it, &slots, &maybe);
    assert(listed);
    (void)listed;
    TRY(count_slots(s, p, slots, false, n));
    TRY(count_slots(s, p, maybe, false, &open));
    TRY(count_slots(s, p, maybe, true, &matching));
    *n -= open - matching;
    return ERR_OK;
}

/* ---- counting in a segment without its lists ---- */

/* Does each slot stand in one key of the range at most? */
static bool comes_once(const IndexPart *p, const Clause *c, const KeyRange *r) {
    bool is_value = r->from.len > INDEX_PREFIX_LEN && r->from.ptr[0] == INDEX_VALUE;
    return r->is_exact || (is_value && !segment_has_repeats(p->segment, r->from) &&
                           (c->is_one_token || !key_is_pair(r->from)));
}

static bool all_come_once(const IndexPart *p, const Clause *c) {
    for (size_t i = 0; i < c->n_ranges; i++) {
        if (!comes_once(p, c, &c->ranges[i])) {
            return false;
        }
    }
    return true;
}

/* Does no slot stand in two of the ranges? They ascend. */
static bool ranges_are_apart(const IndexPart *p, const Clause *c) {
    Str key = c->ranges[0].from;
    if (key.ptr[0] != INDEX_VALUE || key_is_pair(key) || segment_has_repeats(p->segment, key)) {
        return false;
    }
    for (size_t i = 1; i < c->n_ranges; i++) {
        if (str_cmp(c->ranges[i - 1].to, c->ranges[i].from) > 0 ||
            memcmp(key.ptr, c->ranges[i].from.ptr, INDEX_PREFIX_LEN) != 0) {
            return false;
        }
    }
    return true;
}

/* About how many slots the clause has here. */
static ErrCode part_estimate(const IndexPart *p, const Clause *c, uint64_t *ret_n) {
    uint64_t n = 0;
    for (size_t i = 0; i < c->n_ranges; i++) {
        uint64_t one = 0;
        if (c->ranges[i].is_exact) {
            TRY(segment_count(p->segment, c->ranges[i].from, &one));
        } else {
            one = segment_estimate(p->segment, c->ranges[i].from, c->ranges[i].to);
        }
        n += one;
    }
    *ret_n = n;
    return ERR_OK;
}

static int range_take(void *ctx, Str key) {
    static_assert(KEY_YES == 2 && KEY_MAYBE == 1, "as segment_count_range has it");
    return (int)key_verdict(ctx, key);
}

static ErrCode count_range(Search *s, const IndexPart *p, const SlotVec *dead, const KeyRange *r,
                           uint64_t *ret_n) {
    SegmentCount count = {.from = r->from,
                          .to = r->to,
                          .take = range_take,
                          .ctx = (KeyRange *)(uintptr_t)r,
                          .dead = dead};
    uint64_t n = 0;
    ErrCode err = segment_count_range(p->segment, &count);
    if (err == ERR_OK) {
        n = count.n - count.hit.n;
        err = count_slots(s, p, &count.hit, false, &n); /* alive at the snapshot after all */
    }
    if (err == ERR_OK) {
        err = count_slots(s, p, &count.maybe, true, &n);
    }
    segment_count_release(&count);
    *ret_n = err == ERR_OK ? n : *ret_n;
    return err;
}

/* Slots that come once each: the numbers of their keys are added up, and what is dead is looked for
 * among them, unless there is more of it than of them. A token may have its system from the data or
 * bound by the definition: two ranges, of which mostly one has something. */
static ErrCode count_keys(Search *s, const IndexPart *p, uint64_t *n, bool *ret_done) {
    const Clause *c = &s->clauses[0];
    Slot base = part_base(p);
    Slot end = SLOT_OF(p->last + 1, 0);
    *ret_done = false;
    if (p->segment == NULL || p->last > s->snapshot || !all_come_once(p, c)) {
        return ERR_OK;
    }
    CLEANUP(slot_vec_release) SlotVec dead = {0};
    uint64_t n_dead = dead_count_in(s->index->dead, s->query->type, base, end);
    uint64_t about = 0;
    TRY(n_dead == 0 ? ERR_OK : part_estimate(p, c, &about));
    if (n_dead > about) {
        return ERR_OK;
    }
    TRY(n_dead == 0 ? ERR_OK : dead_list(s->index->dead, s->query->type, base, end, &dead));
    uint64_t sum = 0;
    size_t n_found = 0;
    for (size_t i = 0; i < c->n_ranges; i++) {
        uint64_t one = 0;
        TRY(count_range(s, p, &dead, &c->ranges[i], &one));
        sum += one;
        n_found += one > 0;
    }
    *ret_done = n_found <= 1 || ranges_are_apart(p, c);
    *n += *ret_done ? sum : 0;
    return ERR_OK;
}

/* One exact key, by its list. */
static ErrCode count_key(Search *s, const IndexPart *p, uint64_t *n) {
    CLEANUP(slot_vec_release) SlotVec v = {0};
    TRY(part_get(p, s->clauses[0].ranges[0].from, part_below(p, s->snapshot), &v));
    search_cut(s, p, &v);
    return count_slots(s, p, &v, false, n);
}

static ErrCode count_ranges(Search *s, const IndexPart *p, uint64_t *n) {
    SlotIter *it = NULL;
    TRY(iter_new(s, p, &s->clauses[0], &it));
    ErrCode err = it == NULL ? ERR_OK : count_lists(s, p, it, n);
    iter_free(it);
    return err;
}

static ErrCode count_anew(Search *s, const IndexPart *p, uint64_t *n) {
    bool done = false;
    TRY(count_keys(s, p, n, &done));
    if (done) {
        return ERR_OK;
    }
    return clause_is_plain(&s->clauses[0]) ? count_key(s, p, n) : count_ranges(s, p, n);
}

/* ---- what was counted before ---- */

static void put_number(Buf *out, uint64_t n) {
    uint8_t bytes[8];
    u64_be_put(bytes, n);
    buf_put(out, bytes, sizeof(bytes));
}

static void put_text(Buf *out, Str text) {
    put_number(out, text.len);
    buf_put_str(out, text);
}

/* What a number or quantity is tested against; its decimals are not here (see is_kept). */
static void put_bound(Buf *out, const KeyRange *r) {
    const NumberBound *b = &r->bound;
    const FhirQueryValue *v = r->value;
    bool has_unit = v->kind == FHIR_INDEX_QUANTITY && v->quantity.has_unit;
    put_number(out, b->value);
    put_number(out, b->lo);
    put_number(out, b->hi);
    put_number(out, (unsigned)b->value_exact | (unsigned)b->lo_exact << 1 |
                        (unsigned)b->hi_exact << 2 | (unsigned)has_unit << 3 | r->units << 4);
    put_text(out, has_unit ? v->quantity.system : STR_EMPTY);
    put_text(out, has_unit ? v->quantity.code : STR_EMPTY);
}

/* What the test looks for in a key, when that is a text; NULL: it is none, or cannot be said. */
static const Str *tested_text(const KeyRange *r) {
    switch (r->test) {
    case TEST_SYSTEM:
        return &r->value->token.system;
    case TEST_CONTAINS:
    case TEST_WORDS:
        return &r->value->string.folded;
    case TEST_BELOW:
        return &r->value->uri.text;
    case TEST_NONE:
    case TEST_BEGINS:
    case TEST_DATE:
    case TEST_NUMBER:
        break;
    }
    return NULL;
}

static void put_range(Buf *out, const KeyRange *r) {
    put_text(out, r->from);
    put_text(out, r->to);
    put_number(out, (uint64_t)r->test << 32 | (uint64_t)r->verdict << 16 | r->value_at);
    if (r->test == TEST_DATE) {
        put_number(out, r->value->prefix);
        put_number(out, (uint64_t)r->value->date.lo);
        put_number(out, (uint64_t)r->value->date.hi);
    } else if (r->test == TEST_NUMBER) {
        put_number(out, r->value->prefix);
        put_bound(out, r);
    } else if (tested_text(r) != NULL) {
        put_text(out, *tested_text(r));
    }
}

typedef enum Counting { COUNT_CURRENT, COUNT_VERSIONS } Counting;

/* The clause as bytes that say all that a count depends on; false: it is not to be remembered. */
static bool clause_digest(const Search *s, const Clause *c, Counting what, Sha256 *ret) {
    const size_t bytes_max = 2 * LIMIT_MIB;
    CLEANUP_BUF Buf out;
    buf_init(&out, bytes_max);
    put_number(&out, (uint64_t)s->query->type << 8 | what);
    for (size_t i = 0; i < c->n_ranges; i++) {
        const KeyRange *r = &c->ranges[i];
        bool is_said = r->test == TEST_DATE || r->test == TEST_NUMBER || tested_text(r) != NULL ||
                       (r->test == TEST_NONE && (r->verdict == KEY_YES || what == COUNT_VERSIONS));
        if (!is_said) {
            return false;
        }
        put_range(&out, r);
    }
    if (buf_ok(&out) != ERR_OK) {
        return false;
    }
    sha256(buf_str(&out), ret);
    return true;
}

typedef struct Count {
    Search *s;
    uint64_t n;
    Sha256 what;
    bool can_keep, asked;
} Count;

/* Small numbers of one key are counted again as fast; what was verified depends on more than the
 * digest says, and what came alive again on the snapshot. */
static bool is_kept(const Search *s, const CountAsked *asked, const size_t before[2], uint64_t n) {
    enum { WORTH = 16 };
    bool is_small = clause_is_plain(&s->clauses[0]) && n + asked->n_dead < WORTH;
    return !is_small && s->n_revived == before[0] && s->n_checked == before[1];
}

/* How many of the type are dead in the part's records up to `last`. */
static uint64_t part_dead(const Search *s, const IndexPart *p, RecordNo last) {
    Slot end = SLOT_OF(MIN(p->last, last) + 1, 0);
    return dead_count_in(s->index->dead, s->query->type, part_base(p), end);
}

/* In a tail: what came since it was counted last is added. */
static ErrCode count_tail(Count *c, const IndexPart *p) {
    Search *s = c->s;
    Slot low = s->low;
    CountAsked had = {0};
    uint64_t one = 0;
    CountAsked asked = {.what = c->what, .part = COUNT_TAIL | p->first, .snapshot = s->snapshot};
    asked.n_dead = part_dead(s, p, s->snapshot);
    bool stands = index_counts_tail(s->index->counts, &asked, &had, &one) &&
                  part_dead(s, p, had.snapshot) == had.n_dead;
    if (stands && MIN(had.snapshot, p->last) == MIN(s->snapshot, p->last)) {
        c->n += one;
        return ERR_OK;
    }
    one = stands ? one : 0;
    s->low = stands ? SLOT_OF(had.snapshot + 1, 0) : low;
    size_t before[2] = {s->n_revived, s->n_checked};
    ErrCode err = count_anew(s, p, &one);
    s->low = low;
    if (err == ERR_OK && is_kept(s, &asked, before, one)) {
        index_counts_put(s->index->counts, &asked, one);
    }
    c->n += one;
    return err;
}

static ErrCode count_part(Count *c, const IndexPart *p) {
    Search *s = c->s;
    if (!c->asked) {
        c->asked = true;
        c->can_keep = clause_digest(s, &s->clauses[0], COUNT_CURRENT, &c->what);
    }
    if (c->can_keep && p->segment == NULL) {
        return count_tail(c, p);
    }
    if (p->segment == NULL || p->last > s->snapshot) {
        return count_anew(s, p, &c->n);
    }
    uint64_t one = 0;
    CountAsked asked = {.what = c->what, .part = p->segment->id, .snapshot = s->snapshot};
    asked.n_dead = part_dead(s, p, p->last);
    if (!c->can_keep || !index_counts_get(s->index->counts, &asked, &one)) {
        size_t before[2] = {s->n_revived, s->n_checked};
        TRY(count_anew(s, p, &one));
        if (c->can_keep && is_kept(s, &asked, before, one)) {
            index_counts_put(s->index->counts, &asked, one);
        }
    }
    c->n += one;
    return ERR_OK;
}

/* ---- what a clause holds, for __explain ---- */

static ErrCode versions_anew(Search *s, const IndexPart *p, const Clause *c, uint64_t *ret_n) {
    SlotIter *it = NULL;
    TRY(iter_new(s, p, c, &it));
    ErrCode err = it == NULL ? ERR_OK : iter_count(it, ret_n);
    iter_free(it);
    return err;
}

ErrCode search_count_versions(Search *s, const Clause *c, ClauseCount *ret) {
    enum { BUDGET = 10000 };
    Sha256 what;
    bool can_keep = clause_is_keys(c) && clause_digest(s, c, COUNT_VERSIONS, &what);
    size_t spent = 0;
    bool was_lazy = s->is_lazy;
    ErrCode err = ERR_OK;
    *ret = (ClauseCount){0};
    s->is_lazy = false; /* lists, whose lengths are known */
    for (size_t i = s->view->n; i-- > 0 && err == ERR_OK;) {
        const IndexPart *p = &s->view->parts[i];
        uint64_t n = 0;
        CountAsked asked = {.what = what, .snapshot = s->snapshot};
        bool can_ask = can_keep && p->segment != NULL && p->last <= s->snapshot;
        asked.part = can_ask ? p->segment->id : 0;
        if (p->first > s->snapshot) {
            continue;
        }
        if (!can_ask || !index_counts_get(s->index->counts, &asked, &n)) {
            if (spent > BUDGET) {
                ret->is_least = true;
                continue;
            }
            err = versions_anew(s, p, c, &n);
            spent += n + c->n_ranges;
            if (can_ask && err == ERR_OK) {
                index_counts_put(s->index->counts, &asked, n);
            }
        }
        ret->n += n;
    }
    s->is_lazy = was_lazy;
    return err;
}

/* ---- all parts ---- */

static ErrCode count_put(void *ctx, const WalkBatch *batch) {
    Count *c = ctx;
    for (size_t i = 0; i < batch->n; i++) {
        bool matches = (batch->sure[i / 64] >> (i % 64) & 1) != 0;
        if (!matches) {
            TRY(search_verify(c->s, batch->base + batch->slots[i], &matches));
        }
        c->n += matches;
    }
    return ERR_OK;
}

ErrCode search_count(Search *s, uint64_t *ret_total) {
    Count c = {.s = s};
    s->batch = SEARCH_BATCH;
    for (size_t i = 0; i < s->view->n && !s->is_empty; i++) {
        const IndexPart *p = &s->view->parts[i];
        if (p->first > s->snapshot) {
            break;
        }
        if (is_counted(s, p)) {
            TRY(count_part(&c, p));
        } else {
            TRY(search_walk_part(s, p, count_put, &c));
        }
    }
    *ret_total = c.n;
    return ERR_OK;
}
