/* Value sets: compose read into parts that know their members, once; then membership and walks. */
#include "term/term_int.h"

enum { SET_DEPTH_MAX = 16, SET_PARTS_MAX = 4096, TAPE_BYTES_MAX = 64 << 20 };

/* Reading one compose. Texts of the tape live as long as the pack or the caller's inline JSON. */
typedef struct SetReader {
    const TermView *view;
    Arena *arena;
    int32_t day;  /* TERM_NOW: nested sets are shared with the view */
    bool is_kept; /* the view's own: its lock is held */
    const TermSystemUse *uses;
    size_t n_uses;
    unsigned depth;
    TermSet *set;
} SetReader;

static void note_lack(SetReader *r, Str what) {
    if (r->set->lacks.len == 0) {
        r->set->lacks = arena_str(r->arena, what);
    }
}

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

/* ---- listed codes ---- */

static int by_item_code(const void *a, const void *b, void *ctx) {
    const SetItem *items = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    int order = str_cmp(items[x].code, items[y].code);
    return order != 0 ? order : (x > y) - (x < y);
}

/* A designation in Vietnamese, as the display beside the one in English. */
static Str vietnamese_of(Arena *arena, const JsonNode *concept) {
    const JsonNode *list = json_get_lit(concept, "designation");
    for (const JsonNode *d = first_of(list); d != NULL; d = json_next(list, d)) {
        if (str_starts(json_raw_str(json_get_lit(d, "language")), STR("vi"))) {
            return json_str(arena, json_get_lit(d, "value"));
        }
    }
    return STR_EMPTY;
}

static ErrCode read_items(SetReader *r, const JsonNode *list, SetPart *part) {
    size_t n = json_count(list);
    SetItem *items = arena_new_array(r->arena, SetItem, n + 1);
    uint32_t *order = arena_new_array(r->arena, uint32_t, n + 1);
    if (items == NULL || order == NULL) {
        return ERR_NOMEM;
    }
    uint32_t i = 0;
    for (const JsonNode *c = first_of(list); c != NULL; c = json_next(list, c), i++) {
        Str code = json_str(r->arena, json_get_lit(c, "code"));
        const JsonNode *designation = json_get_lit(c, "designation");
        uint32_t at =
            part->sys == NULL ? PACK_NONE : pack_find(term_pack_of(part->sys), part->sys->p, code);
        items[i] = (SetItem){.code = code,
                             .display = json_str(r->arena, json_get_lit(c, "display")),
                             .display_vi = vietnamese_of(r->arena, c),
                             .designation = designation == NULL ? STR_EMPTY : json_raw(designation),
                             .at = at};
        order[i] = i;
    }
    qsort_r(order, i, sizeof(*order), by_item_code, items);
    part->kind = SET_LIST;
    part->items = items;
    part->n_items = i;
    part->by_code = order;
    return ERR_OK;
}

/* ---- filters ---- */

static ErrCode read_filters(SetReader *r, const JsonNode *list, SetPart *part, ErrInfo *info) {
    bool whole = part->sys != NULL && part->sys->p->content <= PACK_FRAGMENT;
    if (!whole) {
        part->kind = SET_UNKNOWN;
        note_lack(r, part->system);
        return ERR_OK;
    }
    size_t words = bits_words(part->sys->p->n);
    uint64_t *all = arena_new_array(r->arena, uint64_t, words + 1);
    uint64_t *one = arena_new_array(r->arena, uint64_t, words + 1);
    if (all == NULL || one == NULL) {
        return ERR_NOMEM;
    }
    memset(all, 0xFF, words * sizeof(*all));
    for (const JsonNode *f = first_of(list); f != NULL; f = json_next(list, f)) {
        TermFilter filter = {json_str(r->arena, json_get_lit(f, "property")),
                             json_str(r->arena, json_get_lit(f, "op")),
                             json_str(r->arena, json_get_lit(f, "value"))};
        memset(one, 0, words * sizeof(*one));
        TRY(term_filter_mark(part->sys, r->arena, &filter, one, info));
        for (size_t w = 0; w < words; w++) {
            all[w] &= one[w];
        }
    }
    part->kind = SET_FILTER;
    part->bits = all;
    return ERR_OK;
}

/* ---- other sets ---- */

static ErrCode find_set(const SetReader *r, Str canonical, const TermSet **ret, ErrInfo *info);

static ErrCode read_sets(SetReader *r, const JsonNode *list, SetPart *part, ErrInfo *info) {
    const TermSet **sets = arena_new_array(r->arena, const TermSet *, json_count(list) + 1);
    if (sets == NULL) {
        return ERR_NOMEM;
    }
    for (const JsonNode *u = first_of(list); u != NULL; u = json_next(list, u)) {
        Str url = json_str(r->arena, u);
        const TermSet *other = NULL;
        TRY(find_set(r, url, &other, info));
        if (other == NULL) {
            part->kind = SET_UNKNOWN;
            note_lack(r, url);
            return ERR_OK;
        }
        if (other->lacks.len > 0) {
            note_lack(r, other->lacks);
        }
        sets[part->n_sets++] = other;
    }
    part->sets = sets;
    return ERR_OK;
}

/* ---- versions of systems ---- */

static const TermSystemUse *find_use(const SetReader *r, TermUse use, Str url, Str version) {
    for (size_t i = 0; i < r->n_uses; i++) {
        Str said;
        Str said_version;
        term_cut_canonical(r->uses[i].canonical, &said, &said_version);
        bool same = str_eq(said, url) &&
                    (use != TERM_EXCLUDE || said_version.len == 0 || str_eq(said_version, version));
        if (r->uses[i].use == use && same) {
            return &r->uses[i];
        }
    }
    return NULL;
}

/* "url|version" of the system that a part names, as the caller wants it. */
static ErrCode choose_version(const SetReader *r, Str *canonical, ErrInfo *info) {
    Str url;
    Str version;
    term_cut_canonical(*canonical, &url, &version);
    const TermSystemUse *force = find_use(r, TERM_FORCE, url, version);
    const TermSystemUse *check = find_use(r, TERM_CHECK, url, version);
    const TermSystemUse *other = find_use(r, TERM_DEFAULT, url, version);
    if (force == NULL && check != NULL && version.len > 0 &&
        !str_eq(*canonical, check->canonical)) {
        return err_set(info, ERR_UNSUPPORTED, "term-system-version",
                       "the value set asks for " STR_FMT ", check-system-version for " STR_FMT,
                       "danh mục cần " STR_FMT ", check-system-version yêu cầu " STR_FMT,
                       STR_ARG(*canonical), STR_ARG(check->canonical));
    }
    const TermSystemUse *chosen = force != NULL ? force : check != NULL ? check : other;
    if (chosen != NULL && (force != NULL || version.len == 0)) {
        *canonical = chosen->canonical;
    }
    return ERR_OK;
}

static bool is_excluded(const SetReader *r, Str canonical) {
    Str url;
    Str version;
    term_cut_canonical(canonical, &url, &version);
    return find_use(r, TERM_EXCLUDE, url, version) != NULL;
}

/* ---- parts ---- */

/* A whole system, a part of it, or nothing when the caller leaves it out. */
static ErrCode read_system(SetReader *r, const JsonNode *node, Str canonical, SetPart *part,
                           ErrInfo *info) {
    const JsonNode *concepts = json_get_lit(node, "concept");
    const JsonNode *filters = json_get_lit(node, "filter");
    Str said;
    TRY(choose_version(r, &canonical, info));
    part->sys = term_system_at(r->view, canonical, r->day);
    Str held = part->sys == NULL
                   ? canonical
                   : arena_printf(r->arena, STR_FMT "|" STR_FMT, STR_ARG(part->sys->e.url),
                                  STR_ARG(part->sys->e.version));
    term_cut_canonical(canonical, &part->system, &said);
    part->kind = SET_ALL;
    if (r->n_uses > 0 && is_excluded(r, held)) {
        part->kind = SET_LIST; /* of nothing */
    } else if (json_count(concepts) > 0) {
        return read_items(r, concepts, part);
    } else if (json_count(filters) > 0) {
        return read_filters(r, filters, part, info);
    } else if (part->sys == NULL || part->sys->p->content == PACK_NOT_PRESENT) {
        note_lack(r, canonical);
    }
    return ERR_OK;
}

static ErrCode read_part(SetReader *r, const JsonNode *node, SetPart *part, ErrInfo *info) {
    const JsonNode *sets = json_get_lit(node, "valueSet");
    Str version = json_str(r->arena, json_get_lit(node, "version"));
    *part = (SetPart){.kind = SET_SETS, .system = json_str(r->arena, json_get_lit(node, "system"))};
    if (part->system.len > 0) {
        Str canonical = version.len == 0 || str_find_char(part->system, '|', 0) != SIZE_MAX
                            ? part->system
                            : arena_printf(r->arena, STR_FMT "|" STR_FMT, STR_ARG(part->system),
                                           STR_ARG(version));
        TRY(read_system(r, node, canonical, part, info));
    }
    if (sets != NULL && part->kind != SET_UNKNOWN) {
        TRY(read_sets(r, sets, part, info));
    }
    return ERR_OK;
}

static ErrCode read_compose(SetReader *r, const JsonNode *compose, ErrInfo *info) {
    const JsonNode *lists[] = {json_get_lit(compose, "include"), json_get_lit(compose, "exclude")};
    size_t n = json_count(lists[0]) + json_count(lists[1]);
    if (n > SET_PARTS_MAX) {
        return err_set(info, ERR_LIMIT, "term-set-parts", "a value set has at most %d parts",
                       "danh mục có nhiều nhất %d phần", (int)SET_PARTS_MAX);
    }
    SetPart *parts = arena_new_array(r->arena, SetPart, n + 1);
    if (parts == NULL) {
        return ERR_NOMEM;
    }
    n = 0;
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        for (const JsonNode *p = first_of(lists[k]); p != NULL; p = json_next(lists[k], p)) {
            TRY(read_part(r, p, &parts[n++], info));
        }
        r->set->n_includes = k == 0 ? n : r->set->n_includes;
    }
    r->set->parts = parts;
    r->set->n_parts = n;
    r->set->no_inactive = json_is(json_get_lit(compose, "inactive"), JSON_FALSE);
    return arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- computing ---- */

static ErrCode new_set(const SetReader *outer, const TermEntry *entry, SetReader *ret) {
    *ret = *outer;
    ret->set = arena_new_array(outer->arena, TermSet, 1);
    if (ret->set == NULL) {
        return ERR_NOMEM;
    }
    *ret->set = (TermSet){.view = outer->view,
                          .entry = entry,
                          .url = entry == NULL ? STR_EMPTY : entry->url,
                          .lacks = STR_EMPTY};
    ret->depth++;
    return ERR_OK;
}

static ErrCode compute_entry(const SetReader *outer, const TermSetEntry *entry, const TermSet **ret,
                             ErrInfo *info) {
    CLEANUP_ARENA Arena *tape = arena_new(TAPE_BYTES_MAX);
    const JsonNode *compose = NULL;
    SetReader r;
    if (tape == NULL) {
        return ERR_NOMEM;
    }
    TRY(json_parse(tape, pack_str(&entry->e.source->pack, entry->p->compose), &compose, info));
    TRY(new_set(outer, &entry->e, &r));
    TRY(read_compose(&r, compose, info));
    *ret = r.set;
    return ERR_OK;
}

static ErrCode compute_whole(const SetReader *outer, const TermSystem *system, Str url,
                             const TermSet **ret) {
    SetReader r;
    TRY(new_set(outer, NULL, &r));
    SetPart *part = arena_new_array(r.arena, SetPart, 1);
    if (part == NULL) {
        return ERR_NOMEM;
    }
    *part = (SetPart){.kind = SET_ALL, .system = system->e.url, .sys = system};
    r.set->url = url;
    if (system->p->content == PACK_NOT_PRESENT) {
        note_lack(&r, system->e.url);
    }
    if (outer->n_uses > 0 &&
        is_excluded(outer, arena_printf(outer->arena, STR_FMT "|" STR_FMT, STR_ARG(system->e.url),
                                        STR_ARG(system->e.version)))) {
        part->kind = SET_LIST; /* of nothing */
    }
    r.set->parts = part;
    r.set->n_includes = 1;
    r.set->n_parts = 1;
    *ret = r.set;
    return ERR_OK;
}

/* "SYSTEM?fhir_vs=isa/CODE" and "SYSTEM?fhir_vs". */
static ErrCode compute_implied(const SetReader *outer, Str url, const TermSet **ret,
                               ErrInfo *info) {
    size_t at = str_find(url, STR("?fhir_vs"));
    Str canonical = str_sub(url, 0, at);
    TRY(choose_version(outer, &canonical, info));
    const TermSystem *s =
        at == SIZE_MAX ? NULL : term_system_at(outer->view, canonical, outer->day);
    Str rest = s == NULL ? STR_EMPTY : str_sub(url, at + 8, url.len);
    if (s == NULL || rest.len == 0) {
        return s == NULL ? ERR_OK : compute_whole(outer, s, url, ret);
    }
    if (!str_starts(rest, STR("=isa/"))) {
        return ERR_OK;
    }
    TRY(compute_whole(outer, s, url, ret));
    SetPart *part = (SetPart *)(uintptr_t)(*ret)->parts;
    if (part->kind == SET_LIST) {
        return ERR_OK;
    }
    if (s->p->content == PACK_NOT_PRESENT) {
        part->kind = SET_UNKNOWN;
        return ERR_OK;
    }
    uint64_t *bits = arena_new_array(outer->arena, uint64_t, bits_words(s->p->n) + 1);
    if (bits == NULL) {
        return ERR_NOMEM;
    }
    TermFilter filter = {STR("concept"), STR("is-a"), str_sub(rest, 5, rest.len)};
    TRY(term_filter_mark(s, outer->arena, &filter, bits, info));
    part->kind = SET_FILTER;
    part->bits = bits;
    return ERR_OK;
}

static TermSetEntry *find_entry(const TermView *v, Str canonical, int32_t day) {
    return (TermSetEntry *)(uintptr_t)term_find_entry(v->sets, v->n_sets, sizeof(*v->sets),
                                                      canonical, day);
}

static TermWhole *find_whole(const TermView *v, Str url) {
    size_t lo = 0;
    size_t hi = v->n_wholes;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(v->wholes[mid].url, url) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < v->n_wholes && str_eq(v->wholes[lo].url, url) ? &v->wholes[lo] : NULL;
}

/* The view's own copy, computed under its lock. */
static ErrCode keep_entry(const SetReader *r, TermSetEntry *entry, const TermSet **ret,
                          ErrInfo *info) {
    const TermSet *set = atomic_load_explicit(&entry->computed, memory_order_acquire);
    if (set == NULL && !entry->is_computing) {
        entry->is_computing = true;
        ErrCode err = compute_entry(r, entry, &set, info);
        entry->is_computing = false;
        TRY(err);
        atomic_store_explicit(&entry->computed, set, memory_order_release);
    }
    *ret = set;
    return ERR_OK;
}

static ErrCode find_set(const SetReader *r, Str canonical, const TermSet **ret, ErrInfo *info) {
    TermSetEntry *entry = find_entry(r->view, canonical, r->day);
    TermWhole *whole = entry == NULL ? find_whole(r->view, canonical) : NULL;
    if (r->depth >= SET_DEPTH_MAX) {
        return err_set(info, ERR_LIMIT, "term-set-depth",
                       "value sets refer to each other more than %d deep, or in a circle",
                       "các danh mục tham chiếu nhau sâu hơn %d tầng hoặc vòng tròn",
                       (int)SET_DEPTH_MAX);
    }
    if (entry != NULL) {
        return r->is_kept ? keep_entry(r, entry, ret, info) : compute_entry(r, entry, ret, info);
    }
    if (whole != NULL) {
        Str wanted = whole->system->e.url;
        TRY(choose_version(r, &wanted, info));
        const TermSystem *s = term_system_at(r->view, wanted, r->day);
        return s == NULL ? ERR_OK : compute_whole(r, s, canonical, ret);
    }
    return compute_implied(r, canonical, ret, info);
}

const TermSet *term_set(const TermView *view, Str canonical) {
    TermView *v = (TermView *)(uintptr_t)view;
    TermSetEntry *entry = find_entry(view, canonical, TERM_NOW);
    TermWhole *whole = entry == NULL ? find_whole(view, canonical) : NULL;
    if (entry == NULL && whole == NULL) {
        return NULL;
    }
    _Atomic(const TermSet *) *kept = entry != NULL ? &entry->computed : &whole->computed;
    const TermSet *set = atomic_load_explicit(kept, memory_order_acquire);
    if (set != NULL) {
        return set;
    }
    MUTEX_GUARD(&v->lock);
    SetReader r = {.view = view, .arena = v->arena, .day = TERM_NOW, .is_kept = true};
    if (entry != NULL) {
        return keep_entry(&r, entry, &set, NULL) == ERR_OK ? set : NULL;
    }
    set = atomic_load_explicit(kept, memory_order_acquire);
    if (set == NULL && compute_whole(&r, whole->system, canonical, &set) == ERR_OK) {
        atomic_store_explicit(kept, set, memory_order_release);
    }
    return set;
}

ErrCode term_set_in(const TermView *view, Arena *arena, const TermSetAsk *ask,
                    const TermSet **ret_set, ErrInfo *info) {
    SetReader r = {.view = view,
                   .arena = arena,
                   .day = ask->has_day ? ask->day : TERM_NOW,
                   .uses = ask->uses,
                   .n_uses = ask->n_uses};
    const TermSet *set = NULL;
    if (ask->compose != NULL) {
        SetReader inner;
        TRY(new_set(&r, NULL, &inner));
        TRY(read_compose(&inner, ask->compose, info));
        set = inner.set;
    } else {
        set = ask->has_day || ask->n_uses > 0 ? NULL : term_set(view, ask->canonical);
        if (set == NULL) {
            TRY(find_set(&r, ask->canonical, &set, info));
        }
    }
    if (set == NULL) {
        return err_set(info, ERR_NOT_FOUND, "term-set-unknown",
                       "the value set '" STR_FMT "' is not known here",
                       "không có danh mục giá trị '" STR_FMT "' ở đây", STR_ARG(ask->canonical));
    }
    *ret_set = set;
    return ERR_OK;
}
