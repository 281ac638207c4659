/* Concept maps: from a code to others, and back. */
#include "term/term_int.h"

enum { MATCHES_MAX = 1000, REST_DEPTH_MAX = 4 };

typedef struct Translating {
    const TermView *view;
    Arena *arena;
    const TermTranslate *ask;
    TermMatch *matches;
    size_t n;
} Translating;

/* Read backwards "wider" says "narrower". */
static Str turned(Str equivalence) {
    static const char *const pairs[][2] = {{"wider", "narrower"},
                                           {"narrower", "wider"},
                                           {"subsumes", "specializes"},
                                           {"specializes", "subsumes"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (str_eq(equivalence, str_from(pairs[i][0]))) {
            return str_from(pairs[i][1]);
        }
    }
    return equivalence;
}

/* "url|version" of a group against what is asked; empty on either side fits all. */
static bool fits(Str group, Str url, Str version) {
    Str own;
    Str own_version;
    term_cut_canonical(group, &own, &own_version);
    return (url.len == 0 || own.len == 0 || str_eq(own, url)) &&
           (version.len == 0 || own_version.len == 0 || str_eq(own_version, version));
}

static void add(Translating *t, const TermMap *m, const PackRow *row) {
    const Pack *p = &m->e.source->pack;
    bool back = t->ask->reverse;
    Str system = pack_str(p, back ? row->source : row->target);
    TermConcept c;
    if (t->n == MATCHES_MAX) {
        return;
    }
    TermMatch *to = &t->matches[t->n++];
    *to = (TermMatch){.map = m->e.url,
                      .code = row->kind == PACK_REST_PROVIDED ? t->ask->code
                              : back                          ? pack_str(p, row->code)
                                                              : pack_str(p, row->to),
                      .comment = pack_str(p, row->comment)};
    Str equivalence = pack_str(p, row->equivalence);
    to->equivalence = back ? turned(equivalence) : equivalence;
    term_cut_canonical(system, &to->system, &to->version);
    if (term_concept(term_system(t->view, system), to->code, &c)) {
        to->display = c.display;
        to->display_vi = c.display_vi;
    } else {
        to->display = back ? STR_EMPTY : pack_str(p, row->to_display);
        to->display_vi = STR_EMPTY;
    }
}

static bool row_fits(const Translating *t, const Pack *p, const PackRow *row) {
    const TermTranslate *a = t->ask;
    Str from = pack_str(p, a->reverse ? row->target : row->source);
    Str to = pack_str(p, a->reverse ? row->source : row->target);
    return fits(from, a->system, a->version) && fits(to, a->target_system, STR_EMPTY);
}

/* The first place whose key is not below `code`: rows by code, or by_to. */
static uint32_t lower_bound(const Pack *p, const PackMap *m, const PackRow *rows,
                            const uint32_t *by_to, Str code) {
    uint32_t lo = 0;
    uint32_t hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        Str key = pack_str(p, by_to == NULL ? rows[mid].code : rows[by_to[mid] % m->n].to);
        if (str_cmp(key, code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static void translate_by(Translating *t, const TermMap *m, unsigned depth);

/* What a group says of codes that it does not list. */
static void translate_rest(Translating *t, const TermMap *m, const PackRow *rows, unsigned depth) {
    const Pack *p = &m->e.source->pack;
    for (uint32_t i = 0; i < m->p->n && rows[i].code == 0; i++) {
        const PackRow *row = &rows[i];
        if (row->kind == PACK_MAPPED || !row_fits(t, p, row)) {
            continue;
        }
        if (row->kind != PACK_REST_OTHER) {
            add(t, m, row);
            continue;
        }
        const TermMap *other = term_find_entry(t->view->maps, t->view->n_maps, sizeof(TermMap),
                                               pack_str(p, row->to), TERM_NOW);
        if (other != NULL && depth < REST_DEPTH_MAX) {
            translate_by(t, other, depth + 1);
        }
    }
}

static void translate_by(Translating *t, const TermMap *m, unsigned depth) {
    const Pack *p = &m->e.source->pack;
    const PackRow *rows = pack_table(p, m->p->rows, m->p->n, sizeof(*rows));
    const uint32_t *by_to = pack_table(p, m->p->by_to, m->p->n, sizeof(*by_to));
    size_t before = t->n;
    if (rows == NULL || by_to == NULL || m->p->n == 0) {
        return;
    }
    const uint32_t *order = t->ask->reverse ? by_to : NULL;
    for (uint32_t i = lower_bound(p, m->p, rows, order, t->ask->code); i < m->p->n; i++) {
        const PackRow *row = &rows[order == NULL ? i : order[i] % m->p->n];
        if (!str_eq(pack_str(p, order == NULL ? row->code : row->to), t->ask->code)) {
            break;
        }
        if (row->kind == PACK_MAPPED && row_fits(t, p, row)) {
            add(t, m, row);
        }
    }
    if (t->n == before && !t->ask->reverse) {
        translate_rest(t, m, rows, depth);
    }
}

/* Without a map's name: does it go from one of the sets to the other, as far as they are named? */
static bool map_fits(const TermMap *m, const TermTranslate *a) {
    const Pack *p = &m->e.source->pack;
    Str from = pack_str(p, a->reverse ? m->p->target : m->p->source);
    Str to = pack_str(p, a->reverse ? m->p->source : m->p->target);
    return (a->source_set.len == 0 || str_eq(from, a->source_set)) &&
           (a->target_set.len == 0 || str_eq(to, a->target_set));
}

ErrCode term_translate(const TermView *view, Arena *arena, const TermTranslate *ask,
                       TermMatch **ret_matches, size_t *ret_n, ErrInfo *info) {
    Translating t = {.view = view, .arena = arena, .ask = ask};
    t.matches = arena_new_array(arena, TermMatch, MATCHES_MAX);
    if (t.matches == NULL) {
        return ERR_NOMEM;
    }
    if (ask->map.len > 0) {
        const TermMap *m =
            term_find_entry(view->maps, view->n_maps, sizeof(TermMap), ask->map, TERM_NOW);
        if (m == NULL) {
            return err_set(info, ERR_NOT_FOUND, "term-map-unknown",
                           "the concept map '" STR_FMT "' is not known here",
                           "không có bảng ánh xạ '" STR_FMT "' ở đây", STR_ARG(ask->map));
        }
        translate_by(&t, m, 0);
    }
    for (size_t i = 0; ask->map.len == 0 && i < view->n_maps; i++) {
        bool newest = i == 0 || !str_eq(view->maps[i - 1].e.url, view->maps[i].e.url);
        if (newest && map_fits(&view->maps[i], ask)) {
            translate_by(&t, &view->maps[i], 0);
        }
    }
    *ret_matches = t.matches;
    *ret_n = t.n;
    return ERR_OK;
}
