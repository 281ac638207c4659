/* The catalogue: sources, and the views that show them. A view is made when one is asked for after
 * a change, so that many changes in a row cost one view. */
#include "term/term_int.h"

#include "term/term_tables.gen.h"

#define VIEW_BYTES_MAX (256 * LIMIT_MIB) /* what a view may compute */

struct Term {
    Mutex lock;
    TermSource **sources;
    size_t n_sources, max_sources;
    uint64_t order;
    TermView *now;
    bool is_stale; /* `now` does not show all sources */
};

/* ---- sources ---- */

static void source_end(TermSource *s) {
    if (s != NULL && atomic_fetch_sub(&s->refs, 1) == 1) {
        io_map_close(&s->map);
        buf_release(&s->heap);
        free((void *)(uintptr_t)s->name.ptr);
        free(s);
    }
}

static TermSource *source_new(TermOrigin origin, Str name) {
    TermSource *s = calloc(1, sizeof(*s));
    char *copy = malloc(name.len + 1);
    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        return NULL;
    }
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    s->name = (Str){copy, name.len};
    s->origin = origin;
    atomic_init(&s->refs, 1);
    return s;
}

/* The place of the source of that name, or n_sources. */
static size_t find_source(const Term *t, TermOrigin origin, Str name) {
    size_t i = 0;
    while (i < t->n_sources &&
           (t->sources[i]->origin != origin || !str_eq(t->sources[i]->name, name))) {
        i++;
    }
    return i;
}

/* Takes s over, also when it fails. */
static ErrCode add_source(Term *t, TermSource *s) {
    MUTEX_GUARD(&t->lock);
    size_t at = find_source(t, s->origin, s->name);
    if (at == t->max_sources) {
        size_t max = MAX(t->max_sources * 2, (size_t)16);
        TermSource **more = realloc(t->sources, max * sizeof(*more));
        if (more == NULL) {
            source_end(s);
            return ERR_NOMEM;
        }
        t->sources = more;
        t->max_sources = max;
    }
    s->order = ++t->order;
    if (at < t->n_sources) {
        source_end(t->sources[at]);
    } else {
        t->n_sources++;
    }
    t->sources[at] = s;
    t->is_stale = true;
    return ERR_OK;
}

static void drop_source(Term *t, TermOrigin origin, Str name) {
    MUTEX_GUARD(&t->lock);
    size_t at = find_source(t, origin, name);
    if (at < t->n_sources) {
        source_end(t->sources[at]);
        t->sources[at] = t->sources[--t->n_sources];
        t->is_stale = true;
    }
}

/* Takes the bytes over on success. */
static ErrCode heap_source(TermOrigin origin, Str name, Buf *pack, TermSource **ret,
                           ErrInfo *info) {
    TermSource *s = source_new(origin, name);
    ErrCode err = s == NULL ? ERR_NOMEM : pack_open(buf_str(pack), &s->pack);
    if (err != ERR_OK) {
        source_end(s);
        return err_plain(info, err, "term-pack");
    }
    s->heap = *pack;
    *pack = (Buf){0};
    *ret = s;
    return ERR_OK;
}

ErrCode term_add_heap(Term *term, TermOrigin origin, Str name, Buf *pack, ErrInfo *info) {
    TermSource *s = NULL;
    TRY(heap_source(origin, name, pack, &s, info));
    return add_source(term, s);
}

void term_remove(Term *term, Str name) {
    drop_source(term, TERM_STORED, name);
}

ErrCode term_attach_file(Term *term, const char *path, Str name, ErrInfo *info) {
    TermSource *s = source_new(TERM_FILE, name);
    ErrCode err = s == NULL ? ERR_NOMEM : io_map_open(path, &s->map);
    if (err == ERR_OK) {
        err = pack_open(s->map.bytes, &s->pack);
    }
    if (err != ERR_OK) {
        source_end(s);
        return err_set(info, err, "term-file", "the catalogue file %s cannot be used: load it anew",
                       "không dùng được tệp danh mục %s: hãy nạp lại", path);
    }
    return add_source(term, s);
}

void term_detach_file(Term *term, Str name) {
    drop_source(term, TERM_FILE, name);
}

/* ---- views ---- */

/* Runs of digits compare as numbers: "4.0.1" < "4.0.10", "2024" < "2025-07". */
static int compare_versions(Str a, Str b) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.len && j < b.len) {
        size_t x = i;
        size_t y = j;
        while (x < a.len && a.ptr[x] >= '0' && a.ptr[x] <= '9') {
            x++;
        }
        while (y < b.len && b.ptr[y] >= '0' && b.ptr[y] <= '9') {
            y++;
        }
        if (x > i && y > j) {
            if (x - i != y - j) { /* leading zeros are no matter here */
                return x - i < y - j ? -1 : 1;
            }
            int order = memcmp(a.ptr + i, b.ptr + j, x - i);
            if (order != 0) {
                return order;
            }
            i = x;
            j = y;
        } else if (a.ptr[i] != b.ptr[j]) {
            return (unsigned char)a.ptr[i] < (unsigned char)b.ptr[j] ? -1 : 1;
        } else {
            i++;
            j++;
        }
    }
    return (i < a.len) - (j < b.len);
}

static int by_entry(const void *a, const void *b) {
    const TermEntry *x = a;
    const TermEntry *y = b;
    int order = str_cmp(x->url, y->url);
    if (order == 0) {
        order = (int)y->source->origin - (int)x->source->origin;
    }
    if (order == 0) {
        order = compare_versions(y->version, x->version);
    }
    return order != 0
               ? order
               : (x->source->order < y->source->order) - (x->source->order > y->source->order);
}

static int by_whole(const void *a, const void *b) {
    return str_cmp(((const TermWhole *)a)->url, ((const TermWhole *)b)->url);
}

static TermEntry entry_of(const TermSource *s, const PackMeta *meta) {
    return (TermEntry){s, meta, pack_str(&s->pack, meta->url), pack_str(&s->pack, meta->version)};
}

static void show_source(TermView *v, const TermSource *s) {
    const Pack *p = &s->pack;
    const PackHead *h = p->head;
    const PackSystem *systems = pack_table(p, h->systems, h->n_systems, sizeof(*systems));
    const PackSet *sets = pack_table(p, h->sets, h->n_sets, sizeof(*sets));
    const PackMap *maps = pack_table(p, h->maps, h->n_maps, sizeof(*maps));
    for (uint32_t i = 0; i < h->n_systems; i++) {
        v->systems[v->n_systems++] = (TermSystem){entry_of(s, &systems[i].meta), &systems[i]};
    }
    for (uint32_t i = 0; i < h->n_sets; i++) {
        v->sets[v->n_sets++] = (TermSetEntry){.e = entry_of(s, &sets[i].meta), .p = &sets[i]};
    }
    for (uint32_t i = 0; i < h->n_maps; i++) {
        v->maps[v->n_maps++] = (TermMap){entry_of(s, &maps[i].meta), &maps[i]};
    }
}

static void show_wholes(TermView *v) {
    for (size_t i = 0; i < v->n_systems; i++) {
        const TermSystem *s = &v->systems[i];
        Str url = pack_str(term_pack_of(s), s->p->value_set);
        bool newest = i == 0 || !str_eq(v->systems[i - 1].e.url, s->e.url);
        if (url.len > 0 && newest) {
            v->wholes[v->n_wholes++] = (TermWhole){.url = url, .system = s};
        }
    }
    if (v->n_wholes > 0) {
        qsort(v->wholes, v->n_wholes, sizeof(*v->wholes), by_whole);
    }
}

static void view_free(TermView *v) {
    for (size_t i = 0; i < v->n_sources; i++) {
        source_end(v->sources[i]);
    }
    arena_free(v->arena);
    mutex_release(&v->lock);
    free(v->sources);
    free(v->systems);
    free(v->sets);
    free(v->maps);
    free(v->wholes);
    free(v);
}

/* t knows the view as its own; the sources are the view's, too, from now on. */
static TermView *view_of(Term *t, TermSource *const *sources, size_t n_sources) {
    TermView *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    mutex_init(&v->lock);
    size_t n[3] = {1, 1, 1};
    for (size_t i = 0; i < n_sources; i++) {
        const PackHead *h = sources[i]->pack.head;
        n[0] += h->n_systems;
        n[1] += h->n_sets;
        n[2] += h->n_maps;
    }
    v->term = t;
    atomic_init(&v->refs, 1);
    v->arena = arena_new(VIEW_BYTES_MAX);
    v->sources = calloc(n_sources + 1, sizeof(TermSource *));
    v->systems = calloc(n[0], sizeof(*v->systems));
    v->sets = calloc(n[1], sizeof(*v->sets));
    v->maps = calloc(n[2], sizeof(*v->maps));
    v->wholes = calloc(n[0], sizeof(*v->wholes));
    if (v->arena == NULL || v->sources == NULL || v->systems == NULL || v->sets == NULL ||
        v->maps == NULL || v->wholes == NULL) {
        view_free(v);
        return NULL;
    }
    for (size_t i = 0; i < n_sources; i++) {
        atomic_fetch_add(&sources[i]->refs, 1);
        v->sources[v->n_sources++] = sources[i];
        show_source(v, sources[i]);
    }
    qsort(v->systems, v->n_systems, sizeof(*v->systems), by_entry);
    qsort(v->sets, v->n_sets, sizeof(*v->sets), by_entry);
    qsort(v->maps, v->n_maps, sizeof(*v->maps), by_entry);
    show_wholes(v);
    return v;
}

static TermView *view_new(Term *t) {
    return view_of(t, t->sources, t->n_sources);
}

ErrCode term_view_heap(const TermView *view, Buf *pack, const TermView **ret_view, ErrInfo *info) {
    TermSource *s = NULL;
    TermSource **sources = calloc(view->n_sources + 1, sizeof(TermSource *));
    ErrCode err = sources == NULL ? ERR_NOMEM : heap_source(TERM_SENT, STR_EMPTY, pack, &s, info);
    if (err == ERR_OK) {
        memcpy(sources, view->sources, view->n_sources * sizeof(TermSource *));
        sources[view->n_sources] = s;
        *ret_view = view_of(view->term, sources, view->n_sources + 1);
        err = *ret_view == NULL ? ERR_NOMEM : ERR_OK;
        source_end(s); /* the view has its own share */
    }
    free(sources);
    return err;
}

void term_view_end(const TermView *view) {
    TermView *v = (TermView *)(uintptr_t)view;
    if (v != NULL && atomic_fetch_sub(&v->refs, 1) == 1) {
        view_free(v);
    }
}

const TermView *term_view(Term *term) {
    MUTEX_GUARD(&term->lock);
    if (term->is_stale) {
        TermView *fresh = view_new(term);
        if (fresh != NULL) { /* without memory the old one serves */
            term_view_end(term->now);
            term->now = fresh;
            term->is_stale = false;
        }
    }
    atomic_fetch_add(&term->now->refs, 1);
    return term->now;
}

/* ---- opening ---- */

static ErrCode add_embedded(Term *t) {
    TermSource *s = source_new(TERM_EMBEDDED, STR_EMPTY);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = pack_open(term_tables(), &s->pack);
    if (err != ERR_OK) {
        source_end(s);
        return err;
    }
    return add_source(t, s);
}

ErrCode term_new(Term **ret_term) {
    Term *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&t->lock);
    ErrCode err = add_embedded(t);
    if (err == ERR_OK) {
        t->now = view_new(t);
        t->is_stale = false;
        err = t->now == NULL ? ERR_NOMEM : ERR_OK;
    }
    if (err != ERR_OK) {
        term_free(t);
        return err;
    }
    *ret_term = t;
    return ERR_OK;
}

void term_free(Term *term) {
    if (term == NULL) {
        return;
    }
    term_view_end(term->now);
    for (size_t i = 0; i < term->n_sources; i++) {
        source_end(term->sources[i]);
    }
    free(term->sources);
    mutex_release(&term->lock);
    free(term);
}

/* ---- finding ---- */

void term_cut_canonical(Str canonical, Str *ret_url, Str *ret_version) {
    size_t bar = str_find_char(canonical, '|', 0);
    *ret_url = bar == SIZE_MAX ? canonical : str_sub(canonical, 0, bar);
    *ret_version = bar == SIZE_MAX ? STR_EMPTY : str_sub(canonical, bar + 1, canonical.len);
}

static const TermEntry *entry_at(const void *entries, size_t i, size_t size) {
    return (const TermEntry *)(const void *)((const char *)entries + i * size);
}

const void *term_find_entry(const void *entries, size_t n, size_t size, Str canonical,
                            int32_t day) {
    Str url;
    Str version;
    size_t lo = 0;
    size_t hi = n;
    term_cut_canonical(canonical, &url, &version);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(entry_at(entries, mid, size)->url, url) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < n && str_eq(entry_at(entries, lo, size)->url, url); lo++) {
        const TermEntry *e = entry_at(entries, lo, size);
        bool dated =
            day == TERM_NOW || version.len > 0 || (e->meta->from <= day && day <= e->meta->to);
        if (dated && (version.len == 0 || str_eq(e->version, version))) {
            return e;
        }
    }
    return NULL;
}

const TermSystem *term_system_at(const TermView *view, Str canonical, int32_t day) {
    return term_find_entry(view->systems, view->n_systems, sizeof(TermSystem), canonical, day);
}

const TermSystem *term_system_on(const TermView *view, Str canonical, const int32_t *day) {
    return term_system_at(view, canonical, day == NULL ? TERM_NOW : *day);
}

const TermSystem *term_system(const TermView *view, Str canonical) {
    return term_system_at(view, canonical, TERM_NOW);
}
