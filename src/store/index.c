/* Opening, views of the parts, adding and publishing, looking up keys. */
#include "core/log.h"
#include "store/index_core_int.h"

/* ---- views ---- */

IndexView *index_view_new(const IndexPart *parts, size_t n) {
    IndexView *v = malloc(sizeof(*v) + n * sizeof(IndexPart));
    if (v == NULL) {
        return NULL;
    }
    atomic_init(&v->refs, 1);
    v->n = n;
    for (size_t i = 0; i < n; i++) {
        v->parts[i] = parts[i];
        assert((parts[i].segment == NULL) != (parts[i].tail == NULL));
        if (parts[i].segment != NULL) {
            (void)segment_ref(parts[i].segment);
        } else {
            (void)tail_ref(parts[i].tail);
        }
    }
    return v;
}

IndexView *index_view_take(Index *index) {
    mutex_lock(&index->lock);
    IndexView *v = index->view;
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    mutex_unlock(&index->lock);
    return v;
}

void index_view_give(IndexView *view) {
    if (view == NULL || atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < view->n; i++) {
        segment_unref(view->parts[i].segment);
        tail_unref(view->parts[i].tail);
    }
    free(view);
}

/* ---- parts ---- */

uint32_t part_below(const IndexPart *p, RecordNo snapshot) {
    if (snapshot < p->first) {
        return 0;
    }
    RecordNo last = MIN(snapshot, p->last);
    uint64_t below = (last - p->first + 1) * STORE_RECORD_SLOTS;
    return last == UINT64_MAX || below > UINT32_MAX ? UINT32_MAX : (uint32_t)below;
}

ErrCode part_get(const IndexPart *p, Str key, uint32_t below, SlotVec *out) {
    if (below == 0) {
        return ERR_OK;
    }
    if (p->tail != NULL) {
        return tail_get(p->tail, key, below, out);
    }
    TRY(segment_get(p->segment, key, out));
    while (out->n > 0 && out->slots[out->n - 1] >= below) {
        out->n--;
    }
    return ERR_OK;
}

ErrCode part_newest(const IndexPart *p, Str key, uint32_t *ret_slot) {
    if (p->tail != NULL) {
        return tail_newest(p->tail, key, UINT32_MAX, ret_slot) ? ERR_OK : ERR_NOT_FOUND;
    }
    return segment_newest(p->segment, key, ret_slot);
}

ErrCode part_scan(const IndexPart *p, const TailScan *scan) {
    if (scan->below == 0 || str_cmp(scan->from, scan->to) >= 0) {
        return ERR_OK;
    }
    return p->tail != NULL ? tail_scan(p->tail, scan) : segment_scan(p->segment, scan);
}

/* ---- opening ---- */

/* A segment's blocks are free: its last reader is gone. Called without the lock. */
static void dropped(void *ctx, uint64_t id, uint32_t n_blocks) {
    Index *index = ctx;
    Garbage *g = malloc(sizeof(*g));
    if (g == NULL) {
        return; /* the next open removes them */
    }
    mutex_lock(&index->lock);
    *g = (Garbage){.next = index->garbage, .id = id, .n_blocks = n_blocks};
    index->garbage = g;
    cond_broadcast(&index->changed);
    mutex_unlock(&index->lock);
}

typedef struct Loading {
    Index *index;
    IndexPart *parts;
    size_t n, capacity;
} Loading;

static ErrCode load_segment(void *ctx, const SegmentRow *row) {
    Loading *l = ctx;
    RecordNo expected = l->n == 0 ? row->first : l->parts[l->n - 1].last + 1;
    if (row->first != expected || (l->n == 0 && row->first != 1)) {
        return ERR_CORRUPT;
    }
    if (l->n + 1 >= l->capacity) {
        size_t capacity = l->capacity * 2 + 16;
        IndexPart *parts = realloc(l->parts, capacity * sizeof(*parts));
        if (parts == NULL) {
            return ERR_NOMEM;
        }
        l->parts = parts;
        l->capacity = capacity;
    }
    IndexPart part = {.first = row->first, .last = row->last};
    TRY(dead_add_packed(l->index->dead, row->dead));
    TRY(segment_load(&l->index->home, row, &part.segment));
    l->parts[l->n++] = part;
    return ERR_OK;
}

static ErrCode load_live_tail(Loading *l, RecordNo first) {
    if (l->parts == NULL) {
        l->parts = calloc(1, sizeof(*l->parts));
        if (l->parts == NULL) {
            return ERR_NOMEM;
        }
    }
    Tail *tail = tail_new(first, 0);
    if (tail == NULL) {
        return ERR_NOMEM;
    }
    l->parts[l->n++] = (IndexPart){.tail = tail, .first = first, .last = UINT64_MAX};
    return ERR_OK;
}

static ErrCode load_view(Index *index) {
    Loading l = {.index = index};
    ErrCode err = index_db_segments(index->db, load_segment, &l);
    if (err == ERR_OK) {
        RecordNo covered = l.n == 0 ? 0 : l.parts[l.n - 1].last;
        atomic_init(&index->covered, covered);
        atomic_init(&index->published, covered);
        err = load_live_tail(&l, covered + 1);
    }
    if (err == ERR_OK) {
        index->view = index_view_new(l.parts, l.n);
        err = index->view == NULL ? ERR_NOMEM : ERR_OK;
    }
    for (size_t i = 0; i < l.n; i++) {
        segment_unref(l.parts[i].segment);
        tail_unref(l.parts[i].tail);
    }
    free(l.parts);
    return err;
}

static bool is_owned(const IndexView *view, uint64_t id) {
    for (size_t i = 0; i < view->n; i++) {
        if (view->parts[i].segment != NULL && view->parts[i].segment->id == id) {
            return true;
        }
    }
    return false;
}

/* Blocks that a crash left without a segment become garbage; new ids begin above all of them. */
static ErrCode find_orphans(Index *index) {
    uint64_t id = 0;
    ErrCode err = index_db_last_owner(index->db, &id);
    index->next_id = (err == ERR_OK ? id : 0) + 1;
    for (size_t i = 0; i < index->view->n; i++) {
        const Segment *s = index->view->parts[i].segment;
        index->next_id = MAX(index->next_id, s == NULL ? 0 : s->id + 1);
    }
    id = 0;
    uint32_t n = 0;
    while (err == ERR_OK && (err = index_db_block_owner(index->db, id, &id, &n)) == ERR_OK) {
        if (!is_owned(index->view, id)) {
            dropped(index, id, n);
        }
        id++;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static ErrCode open_parts(Index *index, const IndexOptions *options, ErrInfo *info) {
    TRY(index_db_open(options, &index->db, info));
    index->cache = index_cache_new(INDEX_CACHE_BYTES);
    index->home.decoded = index_cache_new(INDEX_DECODED_BYTES);
    index->dead = dead_new();
    index->counts = index_counts_new();
    if (index->cache == NULL || index->home.decoded == NULL || index->dead == NULL ||
        index->counts == NULL) {
        return ERR_NOMEM;
    }
    index->home = (SegmentHome){index->db, index->cache, index->home.decoded, dropped, index};
    TRY(load_view(index));
    TRY(find_orphans(index));
    return options->read_only ? ERR_OK : index_threads_start(index);
}

static ErrCode open_once(const IndexOptions *options, Index **ret_index, ErrInfo *info) {
    Index *index = calloc(1, sizeof(*index));
    if (index == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&index->lock);
    cond_init(&index->changed);
    index->read_only = options->read_only;
    unsigned seal = options->seal_records == 0 ? INDEX_SEAL_DEFAULT : options->seal_records;
    index->seal_records = MIN(seal, (unsigned)INDEX_SEAL_MAX);
    index->seal_age_ms = options->seal_age_ms == 0 ? INDEX_AGE_MS : options->seal_age_ms;
    index->clock = options->clock == NULL ? clock_real() : options->clock;
    index->live_since_ms = INT64_MAX;
    ErrCode err = open_parts(index, options, info);
    if (err != ERR_OK) {
        index_close(index);
        return err;
    }
    *ret_index = index;
    return ERR_OK;
}

ErrCode index_open(const IndexOptions *options, Index **ret_index, ErrInfo *info) {
    ErrCode err = open_once(options, ret_index, info);
    if (err == ERR_CORRUPT && !options->read_only) {
        log_warn("index_damaged_made_anew");
        TRY(index_db_delete(options));
        err = open_once(options, ret_index, info);
    }
    return err == ERR_OK ? ERR_OK
                         : err_set(info, err, "index-open", "the index cannot be opened (%s)",
                                   "không mở được chỉ mục (%s)", err_name(err));
}

void index_close(Index *index) {
    if (index == NULL) {
        return;
    }
    index_threads_stop(index);
    index_view_give(index->view);
    for (Garbage *g = index->garbage; g != NULL;) {
        Garbage *next = g->next;
        free(g);
        g = next;
    }
    index_cache_free(index->cache);
    index_cache_free(index->home.decoded);
    index_db_close(index->db);
    dead_free(index->dead);
    index_counts_free(index->counts);
    cond_release(&index->changed);
    mutex_release(&index->lock);
    free(index);
}

RecordNo index_covered(const Index *index) {
    return atomic_load(&index->covered);
}

/* ---- adding ---- */

enum { KEY_SLOT_AT = INDEX_PREFIX_LEN };

static ErrCode add_dead(Index *index, Slot base, const IndexBatch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        const IndexEntry *e = &batch->entries[i];
        if (e->key.ptr[0] == INDEX_SUPERSEDED) {
            assert(e->key.len == KEY_SLOT_AT + 8 && e->relocate == 0);
            TRY(dead_add(index->dead, index_key_type(e->key),
                         u64_be_get((const uint8_t *)e->key.ptr + KEY_SLOT_AT)));
        } else if (e->key.ptr[0] == INDEX_DELETED) {
            TRY(dead_add(index->dead, index_key_type(e->key), base + e->offset));
        }
    }
    return ERR_OK;
}

static int by_offset(const void *x, const void *y) {
    const IndexEntry *a = x;
    const IndexEntry *b = y;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The batch's entries by ascending offset: as they are (nearly always), or a sorted copy. */
static ErrCode ordered(const IndexBatch *batch, IndexEntry **ret_copy) {
    size_t i = 1;
    while (i < batch->n && batch->entries[i].offset >= batch->entries[i - 1].offset) {
        i++;
    }
    *ret_copy = NULL;
    if (i >= batch->n) {
        return ERR_OK;
    }
    IndexEntry *copy = malloc(batch->n * sizeof(*copy));
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    memcpy(copy, batch->entries, batch->n * sizeof(*copy));
    qsort(copy, batch->n, sizeof(*copy), by_offset);
    *ret_copy = copy;
    return ERR_OK;
}

ErrCode index_add(Index *index, RecordNo first, RecordNo last, const IndexBatch *batch) {
    /* A replay adds a commit of several records one by one, so first may be published already. */
    assert(first <= last && last > atomic_load(&index->published));
    mutex_lock(&index->lock);
    Tail *live = tail_ref(index->view->parts[index->view->n - 1].tail);
    mutex_unlock(&index->lock);
    assert(last >= tail_first(live));
    Slot base = SLOT_OF(first, 0);
    CLEANUP_FREE IndexEntry *copy = NULL;
    ErrCode err = ordered(batch, &copy);
    if (err == ERR_OK) {
        err = tail_add(live, base, copy == NULL ? batch->entries : copy, batch->n);
    }
    /* After the postings: who sees a slot dead finds its successor and can tell since when. */
    if (err == ERR_OK) {
        err = add_dead(index, base, batch);
    }
    tail_unref(live);
    (void)last;
    return err;
}

void index_publish(Index *index, RecordNo last) {
    assert(last >= atomic_load(&index->published));
    atomic_store_explicit(&index->published, last, memory_order_release);
    index_freeze_if_due(index, last);
}

RecordNo index_published(Index *index) {
    return atomic_load_explicit(&index->published, memory_order_acquire);
}

/* ---- looking up ---- */

bool index_key_since(Index *index, Str key, RecordNo snapshot) {
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    for (size_t i = view->n; i-- > 0 && view->parts[i].last > snapshot;) {
        const IndexPart *p = &view->parts[i];
        uint32_t slot = 0;
        ErrCode err = part_newest(p, key, &slot);
        if (err == ERR_OK && SLOT_RECORD(part_base(p) + slot) > snapshot) {
            return true;
        }
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return true; /* cannot be told: the caller refuses and the commit is done again */
        }
    }
    return false;
}

/* Slots of records above `above`, up to `snapshot`. */
static ErrCode get_between(Index *index, Arena *arena, Str key, const RecordNo span[2],
                           SlotList *ret) {
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    CLEANUP(slot_vec_release) SlotVec part = {0};
    SlotList list = {0};
    size_t capacity = 0;
    for (size_t i = 0; i < view->n; i++) {
        const IndexPart *p = &view->parts[i];
        if (p->last <= span[0]) {
            continue;
        }
        part.n = 0;
        TRY(part_get(p, key, part_below(p, span[1]), &part));
        if (list.n + part.n > capacity) {
            capacity = MAX(capacity * 2, list.n + part.n);
            Slot *slots = arena_alloc(arena, capacity * sizeof(*slots));
            if (slots == NULL) {
                return ERR_NOMEM;
            }
            if (list.n > 0) {
                memcpy(slots, list.slots, list.n * sizeof(*slots));
            }
            list.slots = slots;
        }
        for (size_t k = 0; k < part.n; k++) {
            Slot slot = part_base(p) + part.slots[k];
            list.slots[list.n] = slot;
            list.n += SLOT_RECORD(slot) > span[0];
        }
    }
    *ret = list;
    return ERR_OK;
}

ErrCode index_get(Index *index, Arena *arena, Str key, RecordNo snapshot, SlotList *ret) {
    return get_between(index, arena, key, (RecordNo[]){0, snapshot}, ret);
}

/* In one part, of which records above the snapshot do not count. */
static ErrCode newest_below(const IndexPart *p, Str key, uint32_t below, uint32_t *ret_slot) {
    if (p->tail != NULL) {
        return tail_newest(p->tail, key, below, ret_slot) ? ERR_OK : ERR_NOT_FOUND;
    }
    ErrCode err = segment_newest(p->segment, key, ret_slot);
    if (err != ERR_OK || *ret_slot < below) {
        return err;
    }
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    TRY(part_get(p, key, below, &slots));
    if (slots.n == 0) {
        return ERR_NOT_FOUND;
    }
    *ret_slot = slots.slots[slots.n - 1];
    return ERR_OK;
}

ErrCode index_newest(const IndexView *view, Str key, RecordNo snapshot, Slot *ret) {
    *ret = 0;
    for (size_t i = view->n; i-- > 0 && *ret == 0;) {
        const IndexPart *p = &view->parts[i];
        uint32_t slot = 0;
        ErrCode err = newest_below(p, key, part_below(p, snapshot), &slot);
        TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
        *ret = err == ERR_OK ? part_base(p) + slot : 0;
    }
    return ERR_OK;
}

ErrCode index_slots_since(Index *index, Arena *arena, Str key, RecordNo snapshot, SlotList *ret) {
    return get_between(index, arena, key, (RecordNo[]){snapshot, UINT64_MAX}, ret);
}

size_t index_key_head(char *out, IndexClass class, unsigned type, unsigned param) {
    out[0] = (char)class;
    out[1] = (char)(type >> 8);
    out[2] = (char)type;
    out[3] = (char)(param >> 8);
    out[4] = (char)param;
    return INDEX_PREFIX_LEN;
}

Str index_key_slot(char *out, IndexClass class, unsigned type, Slot slot) {
    size_t n = index_key_head(out, class, type, 0);
    u64_be_put((uint8_t *)out + n, slot);
    return (Str){out, n + 8};
}

ErrCode index_client_id(Index *index, FhirType type, Str id, Slot *ret_first) {
    char key[INDEX_KEY_MAX];
    size_t n = index_key_head(key, INDEX_CLIENT_ID, (unsigned)type, 0);
    Slot first = 0;
    if (id.len == 0 || id.len > INDEX_KEY_MAX - n) {
        *ret_first = first;
        return ERR_OK;
    }
    memcpy(key + n, id.ptr, id.len);
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    RecordNo snapshot = index_published(index);
    CLEANUP(slot_vec_release) SlotVec slots = {0};
    for (size_t i = 0; i < view->n && first == 0; i++) {
        const IndexPart *p = &view->parts[i];
        TRY(part_get(p, (Str){key, n + id.len}, part_below(p, snapshot), &slots));
        first = slots.n == 0 ? 0 : part_base(p) + slots.slots[0];
    }
    *ret_first = first;
    return ERR_OK;
}

ErrCode index_versions(Index *index, Arena *arena, Slot first, RecordNo snapshot, SlotList *ret) {
    char key[INDEX_KEY_MAX];
    return index_get(index, arena, index_key_slot(key, INDEX_VERSION, 0, first), snapshot, ret);
}

/* Was the dead slot's successor committed after the snapshot? */
ErrCode index_died_after(const IndexView *view, FhirType type, Slot slot, RecordNo snapshot,
                         bool *ret_did) {
    char key[INDEX_KEY_MAX];
    bool did = false;
    Str text = index_key_slot(key, INDEX_SUPERSEDED, (unsigned)type, slot);
    for (size_t i = view->n; i-- > 0 && view->parts[i].last > snapshot && !did;) {
        const IndexPart *p = &view->parts[i];
        uint32_t by = 0;
        ErrCode err = part_newest(p, text, &by);
        TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
        did = err == ERR_OK && SLOT_RECORD(part_base(p) + by) > snapshot;
    }
    *ret_did = did;
    return ERR_OK;
}

bool index_is_live(Index *index, FhirType type, Slot slot, RecordNo snapshot) {
    RecordNo upto = snapshot == 0 ? index_published(index) : snapshot;
    if (SLOT_RECORD(slot) > upto) {
        return false;
    }
    if (!dead_has(index->dead, type, slot)) {
        return true;
    }
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    bool later = false;
    return index_died_after(view, type, slot, upto, &later) == ERR_OK && later;
}

/* ---- digest, figures ---- */

typedef struct Digest {
    Sha256Ctx *sha;
    char key[INDEX_KEY_MAX];
    size_t key_len;
} Digest;

static ErrCode digest_put(void *ctx, Str key, const uint32_t *slots, size_t n, Slot base) {
    Digest *d = ctx;
    uint8_t word[8];
    if (!str_eq((Str){d->key, d->key_len}, key)) { /* slot 0 does not exist: it ends a list */
        memset(word, 0, sizeof(word));
        sha256_update(d->sha, (Str){(const char *)word, sizeof(word)});
        u64_be_put(word, key.len);
        sha256_update(d->sha, (Str){(const char *)word, sizeof(word)});
        sha256_update(d->sha, key);
        memcpy(d->key, key.ptr, key.len);
        d->key_len = key.len;
    }
    for (size_t i = 0; i < n; i++) {
        u64_be_put(word, base + slots[i]);
        sha256_update(d->sha, (Str){(const char *)word, sizeof(word)});
    }
    return ERR_OK;
}

static void digest_dead(void *ctx, Slot slot) {
    uint8_t word[8];
    u64_be_put(word, slot);
    sha256_update(ctx, (Str){(const char *)word, sizeof(word)});
}

ErrCode index_digest(Index *index, Sha256 *ret) {
    Digest d = {.sha = sha256_new()};
    if (d.sha == NULL) {
        return ERR_NOMEM;
    }
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    ErrCode err = index_merge_run(&(IndexMerge){.parts = view->parts,
                                                .n_parts = view->n,
                                                .snapshot = index_published(index),
                                                .put = digest_put,
                                                .ctx = &d});
    if (err == ERR_OK) {
        dead_each(index->dead, digest_dead, d.sha);
        sha256_final(d.sha, ret);
    }
    sha256_free(d.sha);
    return err;
}

static void stat_line(Buf *out, const char *name, uint64_t value, const char *unit) {
    buf_printf(out, "%s %llu %s\n", name, (unsigned long long)value, unit);
}

ErrCode index_stat(Index *index, Buf *out) {
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    uint64_t levels[INDEX_LEVEL_MAX + 1] = {0};
    uint64_t blocks = 0, bytes = 0, keys = 0, slots = 0, memory = 0, tail_slots = 0, tail_mem = 0;
    for (size_t i = 0; i < view->n; i++) {
        const Segment *s = view->parts[i].segment;
        if (s == NULL) {
            tail_slots += tail_n_slots(view->parts[i].tail);
            tail_mem += tail_bytes(view->parts[i].tail);
            continue;
        }
        levels[MIN(s->level, (unsigned)INDEX_LEVEL_MAX)]++;
        blocks += s->n_blocks;
        bytes += s->n_bytes;
        keys += s->n_keys;
        slots += s->n_slots;
        memory += segment_memory(s);
    }
    stat_line(out, "index_covered", index_covered(index), "records");
    stat_line(out, "index_segments_level0", levels[0], "segments");
    stat_line(out, "index_segments_level1", levels[1], "segments");
    stat_line(out, "index_segments_level2", levels[2], "segments");
    stat_line(out, "index_blocks", blocks, "blocks");
    stat_line(out, "index_stored", bytes, "bytes");
    stat_line(out, "index_keys", keys, "keys");
    stat_line(out, "index_postings", slots, "slots");
    stat_line(out, "index_tail_postings", tail_slots, "slots");
    stat_line(out, "index_memory_directories", memory, "bytes");
    stat_line(out, "index_memory_tails", tail_mem, "bytes");
    stat_line(out, "index_memory_cache",
              index_cache_bytes(index->cache) + index_cache_bytes(index->home.decoded), "bytes");
    stat_line(out, "index_memory_dead", dead_bytes(index->dead), "bytes");
    stat_line(out, "index_dead", dead_count(index->dead), "slots");
    return buf_ok(out);
}
