#include "store/index_core_int.h"

/* One part being walked. */
typedef struct Source {
    SegmentCursor cursor;
    Tail *tail;
    const TailKey **keys;
    size_t n_keys, at;
    Slot base;
    uint32_t below;
    Str key; /* current */
} Source;

typedef struct Merger {
    const IndexMerge *what;
    Source *sources;
    size_t *heap; /* numbers of sources, smallest (key, number) at 0 */
    size_t n_heap;
    SlotVec slots;
} Merger;

static bool source_next(Source *s) {
    if (s->tail != NULL) {
        if (s->at == s->n_keys) {
            return false;
        }
        s->key = tail_key(s->keys[s->at++]);
        return true;
    }
    if (!segment_cursor_next(&s->cursor)) {
        return false;
    }
    s->key = block_key(&s->cursor.entry);
    return true;
}

/* The current entry's slots that the snapshot sees. */
static ErrCode source_slots(Source *s, SlotVec *out) {
    out->n = 0;
    if (s->tail != NULL) {
        return tail_key_slots(s->tail, s->keys[s->at - 1], s->below, out);
    }
    TRY(slot_vec_reserve(out, s->cursor.entry.n));
    TRY(block_slots(&s->cursor.entry, out->slots));
    out->n = s->cursor.entry.n;
    while (out->n > 0 && out->slots[out->n - 1] >= s->below) {
        out->n--;
    }
    return ERR_OK;
}

static ErrCode source_open(Source *s, const IndexPart *p, RecordNo snapshot) {
    s->base = part_base(p);
    s->below = part_below(p, snapshot);
    if (p->segment != NULL) {
        segment_cursor_init(&s->cursor, p->segment);
        return ERR_OK;
    }
    s->tail = p->tail;
    return tail_sorted(s->tail, &s->keys, &s->n_keys);
}

static void source_close(Source *s) {
    if (s->tail == NULL) {
        segment_cursor_release(&s->cursor);
    }
    free(s->keys);
}

static bool less(const Merger *m, size_t a, size_t b) {
    int c = str_cmp(m->sources[a].key, m->sources[b].key);
    return c < 0 || (c == 0 && a < b);
}

static void sift_down(Merger *m, size_t at) {
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= m->n_heap) {
            return;
        }
        if (child + 1 < m->n_heap && less(m, m->heap[child + 1], m->heap[child])) {
            child++;
        }
        if (!less(m, m->heap[child], m->heap[at])) {
            return;
        }
        size_t t = m->heap[at];
        m->heap[at] = m->heap[child];
        m->heap[child] = t;
        at = child;
    }
}

static ErrCode walk(Merger *m) {
    for (size_t i = 0; i < m->what->n_parts; i++) {
        if (source_next(&m->sources[i])) {
            m->heap[m->n_heap++] = i;
        }
        TRY(m->sources[i].cursor.err);
    }
    for (size_t i = m->n_heap; i-- > 0;) {
        sift_down(m, i);
    }
    while (m->n_heap > 0) {
        Source *s = &m->sources[m->heap[0]];
        TRY(source_slots(s, &m->slots));
        if (m->slots.n > 0) {
            TRY(m->what->put(m->what->ctx, s->key, m->slots.slots, m->slots.n, s->base));
        }
        if (!source_next(s)) {
            TRY(s->cursor.err);
            m->heap[0] = m->heap[--m->n_heap];
        }
        sift_down(m, 0);
    }
    return ERR_OK;
}

ErrCode index_merge_run(const IndexMerge *merge) {
    Merger m = {.what = merge};
    m.sources = calloc(merge->n_parts + 1, sizeof(*m.sources));
    m.heap = calloc(merge->n_parts + 1, sizeof(*m.heap));
    ErrCode err = m.sources == NULL || m.heap == NULL ? ERR_NOMEM : ERR_OK;
    size_t n_open = 0;
    while (n_open < merge->n_parts && err == ERR_OK) {
        err = source_open(&m.sources[n_open], &merge->parts[n_open], merge->snapshot);
        n_open += err == ERR_OK;
    }
    if (err == ERR_OK) {
        err = walk(&m);
    }
    for (size_t i = 0; i < n_open; i++) {
        source_close(&m.sources[i]);
    }
    slot_vec_release(&m.slots);
    free(m.sources);
    free(m.heap);
    return err;
}
