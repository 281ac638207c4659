/* The sealing and the merging thread. Both work on immutable parts outside the lock and put a new
 * view in place when the rows are committed. A tail that was sealed early, at an orderly stop or
 * because it had grown old, makes a partial segment: the next seal takes it in, and until then
 * nobody merges it. */
#include "core/clock.h"
#include "core/log.h"
#include "store/index_build.h"
#include "store/index_core_int.h"

enum { RETRY_MS = 1000, DROP_BLOCKS = 512, NICE_MERGE = 10 };

/* Puts parts [at, at + n) of the view away and `part` (or nothing) in their place. The caller holds
 * the lock and gives back what is returned after unlocking. NULL without memory. */
static IndexView *view_replace(Index *index, size_t at, size_t n, const IndexPart *part) {
    const IndexView *old = index->view;
    size_t n_parts = old->n - n + (part != NULL);
    IndexPart *parts = calloc(n_parts + 1, sizeof(*parts));
    if (parts == NULL) {
        return NULL;
    }
    size_t k = 0;
    for (size_t i = 0; i < old->n; i++) {
        if (i == at && part != NULL) {
            parts[k++] = *part;
        }
        if (i < at || i >= at + n) {
            parts[k++] = old->parts[i];
        }
    }
    IndexView *fresh = index_view_new(parts, n_parts);
    free(parts);
    if (fresh == NULL) {
        return NULL;
    }
    IndexView *before = index->view;
    index->view = fresh;
    cond_broadcast(&index->changed);
    return before;
}

static uint64_t take_id(Index *index) {
    mutex_lock(&index->lock);
    uint64_t id = index->next_id++;
    mutex_unlock(&index->lock);
    return id;
}

/* ---- building one segment out of parts ---- */

typedef struct Build {
    const Index *index;
    SegmentBuilder *builder;
    Slot base;
    SlotVec moved;
} Build;

static ErrCode build_put(void *ctx, Str key, const uint32_t *slots, size_t n, Slot base) {
    Build *b = ctx;
    if (atomic_load_explicit(&b->index->stopping, memory_order_relaxed)) {
        return ERR_STOPPED; /* what is written already is removed at the next open */
    }
    uint32_t by = (uint32_t)(base - b->base);
    if (by == 0) {
        segment_build_put(b->builder, key, slots, n);
        return ERR_OK;
    }
    b->moved.n = 0;
    TRY(slot_vec_reserve(&b->moved, n));
    for (size_t i = 0; i < n; i++) {
        b->moved.slots[i] = slots[i] + by;
    }
    segment_build_put(b->builder, key, b->moved.slots, n);
    return ERR_OK;
}

/* Makes one segment of parts, whose rows it replaces: sixteen segments, or a tail with or without
 * the partial segment before it. */
static ErrCode build(Index *index, const IndexPart *parts, size_t n, Segment **ret_segment) {
    uint64_t drop[INDEX_FAN_IN];
    size_t n_drop = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].segment != NULL) {
            drop[n_drop++] = parts[i].segment->id;
        }
    }
    SegmentPlan plan = {.home = &index->home,
                        .id = take_id(index),
                        .level = parts[n - 1].tail != NULL ? 0 : parts[0].segment->level + 1,
                        .first = parts[0].first,
                        .last = parts[n - 1].last};
    plan.is_merge = parts[n - 1].tail == NULL;
    Build b = {.index = index, .base = part_base(&parts[0])};
    TRY(segment_build_new(&plan, &b.builder));
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < n && plan.is_merge && err == ERR_OK; i++) {
        err = segment_build_repeats(b.builder, segment_repeats(parts[i].segment));
    }
    if (err == ERR_OK) {
        err = index_merge_run(&(IndexMerge){
            .parts = parts, .n_parts = n, .snapshot = plan.last, .put = build_put, .ctx = &b});
    }
    if (err == ERR_OK) {
        err = segment_build_end(b.builder, drop, n_drop, ret_segment);
    }
    segment_build_free(b.builder);
    slot_vec_release(&b.moved);
    return err;
}

/* The part that holds this tail or segment; the lock is held. */
static size_t part_place(const IndexView *view, const IndexPart *p) {
    for (size_t i = 0; i < view->n; i++) {
        if (view->parts[i].segment == p->segment && view->parts[i].tail == p->tail) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Puts the new segment where parts stood; the view's memory is tried for until it is there. */
static void install(Index *index, const IndexPart *parts, size_t n, Segment *segment) {
    IndexPart part = {.segment = segment, .first = segment->first, .last = segment->last};
    IndexView *before = NULL;
    mutex_lock(&index->lock);
    while ((before = view_replace(index, part_place(index->view, &parts[0]), n, &part)) == NULL) {
        (void)cond_wait_ms(&index->changed, &index->lock, RETRY_MS);
    }
    if (parts[n - 1].tail != NULL) {
        index->n_frozen--;
        index->n_sealed++;
        atomic_store(&index->covered, segment->last);
    } else {
        index->n_merged++;
    }
    for (size_t i = 0; i < n; i++) {
        if (parts[i].segment != NULL) {
            atomic_store(&parts[i].segment->merged_away, true);
        }
    }
    mutex_unlock(&index->lock);
    segment_unref(segment); /* the view has its own reference */
    index_view_give(before);
}

/* ---- sealing ---- */

static size_t first_tail(const IndexView *view) {
    size_t at = 0;
    while (view->parts[at].tail == NULL) {
        at++; /* the last part is one */
    }
    return at;
}

/* Does a partial segment stand before the first tail, at `at`? */
static bool partial_before(const Index *index, const IndexView *view, size_t at) {
    const IndexPart *p = at == 0 ? NULL : &view->parts[at - 1];
    return p != NULL && p->segment != NULL && p->segment->level == 0 &&
           p->last - p->first + 1 < index->seal_records;
}

/* Puts an empty live tail behind the one that ends with `last`. The lock is held; the old view is
 * to be given back after unlocking. NULL without memory. */
static IndexView *freeze(Index *index, RecordNo last) {
    IndexView *old = index->view;
    IndexPart *live = &old->parts[old->n - 1];
    Tail *fresh = tail_new(last + 1, tail_n_keys(live->tail));
    IndexPart *parts = calloc(old->n + 1, sizeof(*parts));
    IndexView *view = NULL;
    if (fresh != NULL && parts != NULL) {
        memcpy(parts, old->parts, old->n * sizeof(*parts));
        parts[old->n - 1].last = last;
        parts[old->n] = (IndexPart){.tail = fresh, .first = last + 1, .last = UINT64_MAX};
        view = index_view_new(parts, old->n + 1);
    }
    free(parts);
    tail_unref(fresh);
    if (view == NULL) {
        return NULL;
    }
    index->view = view;
    index->n_frozen++;
    index->live_since_ms = INT64_MAX;
    cond_broadcast(&index->changed);
    return old;
}

static int64_t monotonic_ms(const Clock *clock) {
    return clock_monotonic_ns(clock) / 1000000;
}

/* Is the live tail, up to `last`, to be frozen? Full means: as many records as a whole segment has,
 * with those of the partial one that it will be sealed together with. Old: after a crash its
 * records would have to be added again, though there was time to seal them. The lock is held. */
static bool freeze_is_due(Index *index, RecordNo last) {
    const IndexView *view = index->view;
    size_t live = view->n - 1;
    RecordNo first = view->parts[live].first;
    if (last < first) {
        return false;
    }
    int64_t now = monotonic_ms(index->clock);
    index->live_since_ms = MIN(index->live_since_ms, now);
    bool is_old = last + 1 - first >= INDEX_AGED_RECORDS && index->n_frozen == 0 &&
                  now - index->live_since_ms >= index->seal_age_ms;
    first = partial_before(index, view, live) ? view->parts[live - 1].first : first;
    bool is_full = last + 1 - first >= index->seal_records;
    return (is_full || is_old) && index->seal_err == ERR_OK;
}

void index_freeze_if_due(Index *index, RecordNo last) {
    IndexView *before = NULL;
    mutex_lock(&index->lock);
    if (!freeze_is_due(index, last)) {
        mutex_unlock(&index->lock);
        return;
    }
    before = freeze(index, last);
    while (index->n_frozen >= INDEX_FROZEN_MAX && index->seal_err == ERR_OK && !index->stopping) {
        cond_wait(&index->changed, &index->lock);
    }
    mutex_unlock(&index->lock);
    index_view_give(before);
}

ErrCode index_seal_rest(Index *index, int64_t timeout_ms) {
    IndexView *before = NULL;
    RecordNo last = index_published(index);
    int64_t until = monotonic_ms(clock_real()) + timeout_ms;
    if (index->read_only) {
        return ERR_OK;
    }
    mutex_lock(&index->lock);
    if (last >= index->view->parts[index->view->n - 1].first && index->seal_err == ERR_OK) {
        before = freeze(index, last);
    }
    while (index->n_frozen > 0 && index->seal_err == ERR_OK) {
        int64_t left = until - monotonic_ms(clock_real());
        if (left <= 0) {
            break;
        }
        (void)cond_wait_ms(&index->changed, &index->lock, left);
    }
    ErrCode err = index->seal_err;
    bool all = last < index->view->parts[first_tail(index->view)].first;
    mutex_unlock(&index->lock);
    index_view_give(before);
    return err != ERR_OK ? err : all ? ERR_OK : ERR_BUSY;
}

/* After a failure: waits a while, so that a full disk is not hammered. The lock is held. */
static void pause_after(Index *index, ErrCode err, const char *what) {
    if (err == ERR_STOPPED) {
        return;
    }
    log_error(what, "error", err_name(err));
    cond_broadcast(&index->changed);
    (void)cond_wait_ms(&index->changed, &index->lock, RETRY_MS);
}

/* Seals one frozen tail with the partial segment before it, if there is one (n = 2): when that
 * cannot be read, without it. The parts are referenced; the lock is not held. */
static ErrCode seal(Index *index, const IndexPart *parts, size_t n) {
    Segment *segment = NULL;
    ErrCode err = build(index, parts, n, &segment);
    if (err == ERR_CORRUPT && n > 1) {
        parts++;
        n--;
        err = build(index, parts, n, &segment);
    }
    if (err == ERR_OK) {
        install(index, parts, n, segment);
    }
    return err;
}

static void seal_main(void *arg) {
    Index *index = arg;
    mutex_lock(&index->lock);
    while (!index->stopping) {
        size_t at = first_tail(index->view);
        if (at == index->view->n - 1) {
            cond_wait(&index->changed, &index->lock);
            continue;
        }
        size_t n = partial_before(index, index->view, at) ? 2 : 1;
        IndexView *view = index->view;
        atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
        index->sealing = true;
        mutex_unlock(&index->lock);
        ErrCode err = seal(index, &view->parts[at + 1 - n], n);
        index_view_give(view);
        mutex_lock(&index->lock);
        index->sealing = false;
        index->seal_err = err;
        cond_broadcast(&index->changed);
        if (err != ERR_OK) {
            pause_after(index, err, "index_seal_failed");
        }
    }
    mutex_unlock(&index->lock);
}

/* ---- merging ---- */

/* The run of INDEX_FAN_IN neighbours that should be merged: its first part, or SIZE_MAX. The lock
 * is held. */
static size_t merge_wanted(const Index *index) {
    const IndexView *view = index->view;
    size_t run = 0;
    size_t n = first_tail(view);
    n -= partial_before(index, view, n);
    for (size_t i = 0; i < n; i++) {
        unsigned level = view->parts[i].segment->level;
        run = i > 0 && run > 0 && view->parts[i - 1].segment->level == level ? run + 1 : 1;
        if (run == INDEX_FAN_IN && level < INDEX_LEVEL_MAX) {
            return i + 1 - INDEX_FAN_IN;
        }
    }
    return SIZE_MAX;
}

/* Removes the blocks of a dropped segment, some at a time. The lock is not held. */
static ErrCode collect(Index *index, const Garbage *g) {
    for (uint32_t at = 0; at < g->n_blocks; at += MIN((uint32_t)DROP_BLOCKS, g->n_blocks - at)) {
        TRY(index_db_drop_blocks(index->db, g->id, at,
                                 at + MIN((uint32_t)DROP_BLOCKS, g->n_blocks - at)));
    }
    return ERR_OK;
}

static ErrCode merge_at(Index *index, const IndexPart *run) {
    Segment *segment = NULL;
    ErrCode err = build(index, run, INDEX_FAN_IN, &segment);
    if (err == ERR_OK) {
        install(index, run, INDEX_FAN_IN, segment);
    }
    for (size_t i = 0; i < INDEX_FAN_IN; i++) {
        segment_unref(run[i].segment);
    }
    return err;
}

/* One piece of work; the lock is held on entry and exit, not meanwhile. */
static ErrCode merge_step(Index *index, size_t at) {
    IndexPart run[INDEX_FAN_IN];
    if (at != SIZE_MAX) {
        memcpy(run, index->view->parts + at, sizeof(run));
        for (size_t i = 0; i < INDEX_FAN_IN; i++) {
            (void)segment_ref(run[i].segment);
        }
        mutex_unlock(&index->lock);
        ErrCode err = merge_at(index, run);
        mutex_lock(&index->lock);
        return err;
    }
    Garbage *g = index->garbage;
    index->garbage = g->next;
    mutex_unlock(&index->lock);
    ErrCode err = collect(index, g);
    mutex_lock(&index->lock);
    if (err != ERR_OK) {
        g->next = index->garbage;
        index->garbage = g;
        return err;
    }
    free(g);
    return ERR_OK;
}

static void merge_main(void *arg) {
    Index *index = arg;
    thread_step_back(NICE_MERGE);
    mutex_lock(&index->lock);
    while (!index->stopping) {
        size_t at = merge_wanted(index);
        if (at == SIZE_MAX && index->garbage == NULL) {
            cond_wait(&index->changed, &index->lock);
            continue;
        }
        index->merging = true;
        ErrCode err = merge_step(index, at);
        index->merging = false;
        index->merge_err = err;
        cond_broadcast(&index->changed);
        if (err != ERR_OK) {
            pause_after(index, err, "index_merge_failed");
        }
    }
    mutex_unlock(&index->lock);
}

/* ---- starting, stopping, waiting ---- */

ErrCode index_threads_start(Index *index) {
    TRY(thread_start(&index->sealer, "index-seal", seal_main, index));
    return thread_start(&index->merger, "index-merge", merge_main, index);
}

void index_threads_stop(Index *index) {
    mutex_lock(&index->lock);
    index->stopping = true;
    cond_broadcast(&index->changed);
    mutex_unlock(&index->lock);
    thread_join(&index->sealer);
    thread_join(&index->merger);
}

void index_settle(Index *index) {
    mutex_lock(&index->lock);
    while (!index->read_only && !index->stopping) {
        bool seals = (index->n_frozen > 0 || index->sealing) && index->seal_err == ERR_OK;
        bool merges =
            (merge_wanted(index) != SIZE_MAX || index->garbage != NULL || index->merging) &&
            index->merge_err == ERR_OK;
        if (!seals && !merges) {
            break;
        }
        cond_wait(&index->changed, &index->lock);
    }
    mutex_unlock(&index->lock);
}
