/* Packs are made in two regions: tables, whose places are known at once, and texts, each kept once.
 * What belongs to the open system or map waits in arrays until it is closed. */
#include "term/term_build_int.h"

#include "core/fold.h"

/* Both as texts until the system is closed, then as places. */
typedef struct Link {
    uint32_t child, parent;
} Link;

struct TermBuild {
    Buf texts, tables;
    Buf systems, sets, maps;   /* PackSystem, PackSet, PackMap */
    Buf concepts, links, rows; /* of the open one: PackConcept, Link, PackRow */
    Buf scratch;
    uint32_t *known; /* hash table of texts */
    size_t n_known, known_mask;
    bool in_system, in_map, lax_parents;
    ErrCode err;
    ErrInfo info;
};

static size_t count_of(const Buf *b, size_t size) {
    return b->len / size;
}

static void fail(TermBuild *b, ErrCode err) {
    b->err = b->err == ERR_OK ? err : b->err;
}

TermBuild *term_build_new(void) {
    TermBuild *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return NULL;
    }
    Buf *all[] = {&b->texts,    &b->tables, &b->systems, &b->sets,   &b->maps,
                  &b->concepts, &b->links,  &b->rows,    &b->scratch};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        buf_init(all[i], PACK_BYTES_MAX);
    }
    b->known_mask = 1023;
    b->known = calloc(b->known_mask + 1, sizeof(*b->known));
    buf_put_char(&b->texts, 0); /* place 0 is the empty text */
    if (b->known == NULL) {
        term_build_free(b);
        return NULL;
    }
    return b;
}

void term_build_free(TermBuild *b) {
    if (b == NULL) {
        return;
    }
    Buf *all[] = {&b->texts,    &b->tables, &b->systems, &b->sets,   &b->maps,
                  &b->concepts, &b->links,  &b->rows,    &b->scratch};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        buf_release(all[i]);
    }
    free(b->known);
    free(b);
}

/* ---- texts ---- */

static Str text_at(const TermBuild *b, PackAt at) {
    const char *p = b->texts.ptr + at;
    size_t n = (unsigned char)*p++;
    if (n == 255) {
        uint32_t word;
        memcpy(&word, p, sizeof(word));
        n = word;
        p += sizeof(word);
    }
    return (Str){p, n};
}

/* FNV-1a, with case. */
static size_t text_hash(Str s) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    }
    return (size_t)(h ^ h >> 29);
}

static void grow_known(TermBuild *b) {
    size_t mask = b->known_mask * 2 + 1;
    uint32_t *table = calloc(mask + 1, sizeof(*table));
    if (table == NULL) {
        fail(b, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i <= b->known_mask; i++) {
        if (b->known[i] != 0) {
            size_t slot = text_hash(text_at(b, b->known[i])) & mask;
            while (table[slot] != 0) {
                slot = (slot + 1) & mask;
            }
            table[slot] = b->known[i];
        }
    }
    free(b->known);
    b->known = table;
    b->known_mask = mask;
}

static PackAt append_text(TermBuild *b, Str s) {
    PackAt at = (PackAt)b->texts.len;
    uint32_t word = (uint32_t)s.len;
    if (s.len < 255) {
        buf_put_char(&b->texts, (char)s.len);
    } else {
        buf_put_char(&b->texts, (char)255);
        buf_put(&b->texts, &word, sizeof(word));
    }
    buf_put_str(&b->texts, s);
    fail(b, buf_ok(&b->texts));
    return at;
}

static PackAt put_text(TermBuild *b, Str s) {
    if (s.len == 0 || b->err != ERR_OK) {
        return 0;
    }
    size_t slot = text_hash(s) & b->known_mask;
    while (b->known[slot] != 0) {
        if (str_eq(text_at(b, b->known[slot]), s)) {
            return b->known[slot];
        }
        slot = (slot + 1) & b->known_mask;
    }
    PackAt at = append_text(b, s);
    if (b->err == ERR_OK) {
        b->known[slot] = at;
        if (++b->n_known * 2 > b->known_mask) {
            grow_known(b);
        }
    }
    return at;
}

/* ---- tables ---- */

/* The place of what is appended next. */
static PackAt table_place(const TermBuild *b) {
    return (PackAt)(sizeof(PackHead) + b->tables.len);
}

static PackAt put_table(TermBuild *b, const void *items, size_t bytes) {
    PackAt at = table_place(b);
    assert(bytes % 4 == 0);
    buf_put(&b->tables, items, bytes);
    fail(b, buf_ok(&b->tables));
    return at;
}

static void append(TermBuild *b, Buf *array, const void *item, size_t size) {
    buf_put(array, item, size);
    fail(b, buf_ok(array));
}

static PackMeta meta_of(TermBuild *b, const BuildMeta *m) {
    bool dated = m->from != 0 || m->to != 0;
    return (PackMeta){.url = put_text(b, m->url),
                      .version = put_text(b, m->version),
                      .id = put_text(b, m->id),
                      .name = put_text(b, m->name),
                      .title = put_text(b, m->title),
                      .status = put_text(b, m->status),
                      .from = dated ? m->from : INT32_MIN,
                      .to = dated ? m->to : INT32_MAX};
}

/* ---- systems ---- */

/* The hash table of the codes; false when a code stands twice. */
static bool fill_slots(TermBuild *b, const PackConcept *all, size_t n, uint32_t *slots,
                       uint32_t mask) {
    for (size_t i = 0; i < n; i++) {
        Str code = text_at(b, all[i].code);
        uint32_t slot = pack_hash(code) & mask;
        while (slots[slot] != 0) {
            if (all[slots[slot] - 1].code == all[i].code) { /* texts are kept once */
                (void)err_set(&b->info, ERR_INVALID, "term-code-twice",
                              "the code '" STR_FMT "' stands twice in its system",
                              "mã '" STR_FMT "' lặp lại hai lần trong danh mục", STR_ARG(code));
                return false;
            }
            slot = (slot + 1) & mask;
        }
        slots[slot] = (uint32_t)i + 1;
    }
    return true;
}

static uint32_t place_of(const PackConcept *all, const uint32_t *slots, uint32_t mask,
                         const TermBuild *b, PackAt code) {
    uint32_t slot = pack_hash(text_at(b, code)) & mask;
    while (slots[slot] != 0) {
        if (all[slots[slot] - 1].code == code) {
            return slots[slot] - 1;
        }
        slot = (slot + 1) & mask;
    }
    return PACK_NONE;
}

/* False when one of the two is no code of the system and that is an error. */
static bool resolve_links(TermBuild *b, const PackConcept *all, const uint32_t *slots,
                          uint32_t mask) {
    Link *links = (Link *)(void *)b->links.ptr;
    for (size_t i = 0; i < count_of(&b->links, sizeof(Link)); i++) {
        Link places = {place_of(all, slots, mask, b, links[i].child),
                       place_of(all, slots, mask, b, links[i].parent)};
        bool known = places.child != PACK_NONE && places.parent != PACK_NONE;
        if (!known && !b->lax_parents) {
            PackAt lost = places.child == PACK_NONE ? links[i].child : links[i].parent;
            (void)err_set(&b->info, ERR_INVALID, "term-parent-unknown",
                          "the hierarchy names '" STR_FMT "', which is no code of the system",
                          "phân cấp nêu mã '" STR_FMT "' không có trong danh mục",
                          STR_ARG(text_at(b, lost)));
            return false;
        }
        links[i] = known ? places : (Link){PACK_NONE, PACK_NONE};
    }
    return true;
}

static int compare_u32(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

static int by_child(const void *a, const void *b) {
    const Link *x = a;
    const Link *y = b;
    int order = compare_u32(x->child, y->child);
    return order != 0 ? order : compare_u32(x->parent, y->parent);
}

static int by_parent(const void *a, const void *b) {
    const Link *x = a;
    const Link *y = b;
    int order = compare_u32(x->parent, y->parent);
    return order != 0 ? order : compare_u32(x->child, y->child);
}

/* The list of the owner whose links begin at `from`; the end of these. */
static size_t put_owner(TermBuild *b, PackConcept *all, bool parents, size_t from) {
    const Link *links = (const Link *)(const void *)b->links.ptr;
    size_t n = count_of(&b->links, sizeof(Link));
    uint32_t owner = parents ? links[from].child : links[from].parent;
    uint32_t last = PACK_NONE;
    uint32_t count = 0;
    buf_clear(&b->scratch);
    buf_put(&b->scratch, &count, sizeof(count));
    for (; from < n && (parents ? links[from].child : links[from].parent) == owner; from++) {
        uint32_t item = parents ? links[from].parent : links[from].child;
        if (item != last && item != owner) {
            buf_put(&b->scratch, &item, sizeof(item));
            count++;
        }
        last = item;
    }
    fail(b, buf_ok(&b->scratch));
    if (owner != PACK_NONE && count > 0 && b->err == ERR_OK) {
        memcpy(b->scratch.ptr, &count, sizeof(count));
        PackAt at = put_table(b, b->scratch.ptr, b->scratch.len);
        *(parents ? &all[owner].parents : &all[owner].children) = at;
    }
    return from;
}

/* The lists of one direction: links are sorted by the side that owns the list. */
static void put_lists(TermBuild *b, PackConcept *all, bool parents) {
    size_t n = count_of(&b->links, sizeof(Link));
    qsort(b->links.ptr, n, sizeof(Link), parents ? by_child : by_parent);
    for (size_t i = 0; i < n;) {
        i = put_owner(b, all, parents, i);
    }
}

static void close_system(TermBuild *b) {
    size_t n = count_of(&b->concepts, sizeof(PackConcept));
    PackConcept *all = (PackConcept *)(void *)b->concepts.ptr;
    PackSystem *s = (PackSystem *)(void *)(b->systems.ptr + b->systems.len - sizeof(*s));
    uint32_t mask = 1;
    while (mask < n * 2) {
        mask = mask * 2 + 1;
    }
    CLEANUP_FREE uint32_t *slots = calloc((size_t)mask + 1, sizeof(*slots));
    if (slots == NULL) {
        fail(b, ERR_NOMEM);
        return;
    }
    if (!fill_slots(b, all, n, slots, mask) || !resolve_links(b, all, slots, mask)) {
        fail(b, ERR_INVALID);
        return;
    }
    if (b->links.len > 0) {
        put_lists(b, all, true);
        put_lists(b, all, false);
    }
    s->n = (uint32_t)n;
    s->mask = mask;
    s->slots = put_table(b, slots, ((size_t)mask + 1) * sizeof(*slots));
    s->concepts = put_table(b, all, n * sizeof(*all));
}

/* ---- maps ---- */

/* Stable: rows of one code stay in their order. */
static int by_code(const void *a, const void *b, void *ctx) {
    const PackRow *x = a;
    const PackRow *y = b;
    int order = str_cmp(text_at(ctx, x->code), text_at(ctx, y->code));
    return order != 0 ? order : (x->comment > y->comment) - (x->comment < y->comment);
}

typedef struct RowSort {
    const TermBuild *b;
    const PackRow *rows;
} RowSort;

static int by_to(const void *a, const void *b, void *ctx) {
    const RowSort *s = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    int order = str_cmp(text_at(s->b, s->rows[x].to), text_at(s->b, s->rows[y].to));
    return order != 0 ? order : (x > y) - (x < y);
}

/* The comment's place holds the row's number until the rows are sorted; comments wait in scratch.
 */
static void sort_rows(TermBuild *b, PackRow *rows, size_t n) {
    buf_clear(&b->scratch);
    for (size_t i = 0; i < n; i++) {
        buf_put(&b->scratch, &rows[i].comment, sizeof(PackAt));
        rows[i].comment = (PackAt)i;
    }
    if (buf_ok(&b->scratch) != ERR_OK) {
        fail(b, buf_ok(&b->scratch));
        return;
    }
    qsort_r(rows, n, sizeof(*rows), by_code, b);
    for (size_t i = 0; i < n; i++) {
        memcpy(&rows[i].comment, b->scratch.ptr + rows[i].comment * sizeof(PackAt), sizeof(PackAt));
    }
}

static void close_map(TermBuild *b) {
    size_t n = count_of(&b->rows, sizeof(PackRow));
    PackRow *rows = (PackRow *)(void *)b->rows.ptr;
    PackMap *m = (PackMap *)(void *)(b->maps.ptr + b->maps.len - sizeof(*m));
    CLEANUP_FREE uint32_t *order = calloc(n + 1, sizeof(*order));
    if (order == NULL) {
        fail(b, ERR_NOMEM);
        return;
    }
    if (n > 0) {
        sort_rows(b, rows, n);
        for (size_t i = 0; i < n; i++) {
            order[i] = (uint32_t)i;
        }
        qsort_r(order, n, sizeof(*order), by_to, &(RowSort){b, rows});
    }
    m->n = (uint32_t)n;
    m->rows = put_table(b, rows, n * sizeof(*rows));
    m->by_to = put_table(b, order, n * sizeof(*order));
}

/* ---- adding ---- */

static void close_open(TermBuild *b) {
    if (b->err == ERR_OK && b->in_system) {
        close_system(b);
    } else if (b->err == ERR_OK && b->in_map) {
        close_map(b);
    }
    b->in_system = false;
    b->in_map = false;
    buf_clear(&b->concepts);
    buf_clear(&b->links);
    buf_clear(&b->rows);
}

void term_build_system(TermBuild *b, const BuildMeta *meta, const BuildSystem *system) {
    close_open(b);
    PackSystem s = {.meta = meta_of(b, meta),
                    .value_set = put_text(b, system->value_set),
                    .content = (uint32_t)system->content,
                    .no_case = system->no_case};
    append(b, &b->systems, &s, sizeof(s));
    b->in_system = b->err == ERR_OK;
    b->lax_parents = system->lax_parents;
}

/* The folded names, one a line, each once. */
static PackAt put_fold(TermBuild *b, const BuildConcept *c) {
    Str names[] = {c->display_vi, c->display};
    Str rest = c->also;
    Str name;
    buf_clear(&b->scratch);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].len > 0) {
            fold_put(&b->scratch, names[i]);
            buf_put_char(&b->scratch, '\n');
        }
    }
    while (rest.len > 0 && str_cut(&rest, '\n', &name)) {
        fold_put(&b->scratch, name);
        buf_put_char(&b->scratch, '\n');
    }
    fail(b, buf_ok(&b->scratch));
    return put_text(b, buf_str(&b->scratch));
}

void term_build_concept(TermBuild *b, const BuildConcept *concept) {
    bool dated = concept->from != 0 || concept->to != 0;
    assert(b->in_system || b->err != ERR_OK);
    if (b->err != ERR_OK) {
        return;
    }
    PackConcept c = {.code = put_text(b, concept->code),
                     .display = put_text(b, concept->display),
                     .display_vi = put_text(b, concept->display_vi),
                     .definition = put_text(b, concept->definition),
                     .extra = put_text(b, concept->extra),
                     .fold = put_fold(b, concept),
                     .from = dated ? concept->from : INT32_MIN,
                     .to = dated ? concept->to : INT32_MAX,
                     .flags = concept->flags};
    uint64_t words = b->err == ERR_OK ? pack_words(text_at(b, c.fold)) : 0;
    c.words[0] = (uint32_t)words;
    c.words[1] = (uint32_t)(words >> 32);
    append(b, &b->concepts, &c, sizeof(c));
}

void term_build_parent(TermBuild *b, Str child, Str parent) {
    assert(b->in_system || b->err != ERR_OK);
    if (b->err == ERR_OK) {
        Link link = {put_text(b, child), put_text(b, parent)};
        append(b, &b->links, &link, sizeof(link));
    }
}

void term_build_set(TermBuild *b, const BuildMeta *meta, Str compose) {
    close_open(b);
    PackSet s = {.meta = meta_of(b, meta), .compose = put_text(b, compose)};
    append(b, &b->sets, &s, sizeof(s));
}

void term_build_map(TermBuild *b, const BuildMeta *meta, Str source, Str target) {
    close_open(b);
    PackMap m = {
        .meta = meta_of(b, meta), .source = put_text(b, source), .target = put_text(b, target)};
    append(b, &b->maps, &m, sizeof(m));
    b->in_map = b->err == ERR_OK;
}

void term_build_row(TermBuild *b, const BuildRow *row) {
    assert(b->in_map || b->err != ERR_OK);
    PackRow r = {.source = put_text(b, row->source),
                 .code = put_text(b, row->code),
                 .target = put_text(b, row->target),
                 .to = put_text(b, row->to),
                 .to_display = put_text(b, row->to_display),
                 .equivalence = put_text(b, row->equivalence),
                 .comment = put_text(b, row->comment),
                 .kind = (uint32_t)row->kind};
    append(b, &b->rows, &r, sizeof(r));
}

/* ---- the end ---- */

ErrCode term_build_end(TermBuild *b, Buf *out, ErrInfo *info) {
    close_open(b);
    PackHead h = {.magic = PACK_MAGIC, .format = PACK_FORMAT};
    h.n_systems = (uint32_t)count_of(&b->systems, sizeof(PackSystem));
    h.n_sets = (uint32_t)count_of(&b->sets, sizeof(PackSet));
    h.n_maps = (uint32_t)count_of(&b->maps, sizeof(PackMap));
    h.systems = put_table(b, b->systems.ptr, b->systems.len);
    h.sets = put_table(b, b->sets.ptr, b->sets.len);
    h.maps = put_table(b, b->maps.ptr, b->maps.len);
    h.texts = table_place(b);
    if (sizeof(h) + b->tables.len + b->texts.len > PACK_BYTES_MAX) {
        fail(b, ERR_LIMIT);
    }
    h.bytes = (uint32_t)(sizeof(h) + b->tables.len + b->texts.len);
    if (b->err != ERR_OK) {
        if (info != NULL && b->info.code == b->err) {
            *info = b->info;
        }
        return b->err;
    }
    buf_put(out, &h, sizeof(h));
    buf_put(out, b->tables.ptr, b->tables.len);
    buf_put(out, b->texts.ptr, b->texts.len);
    return buf_ok(out);
}
