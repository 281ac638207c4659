/* Expansion: members that pass a filter, ranked, paged or as a tree. Candidates are kept small
 * until it is known which of them the page shows. */
#include "term/term_find_int.h"

#include "core/fold.h"

typedef struct Candidate {
    const SetPart *part;
    const SetItem *item;
    const TermSystem *sys;
    Str system, code;
    uint32_t at, nth;
    uint8_t rank, depth;
} Candidate;

typedef struct Expanding {
    const TermExpand *ask;
    TermFind find;
    Arena *scratch;
    Buf candidates; /* Candidate */
    size_t total;
    ErrCode err;
} Expanding;

/* ---- choosing ---- */

static bool is_asked(const Expanding *x, const SetMember *m) {
    const PackConcept *c = m->at == PACK_NONE ? NULL : term_concept_at(m->sys, m->at);
    if (c == NULL) {
        return true; /* nothing is known against it */
    }
    bool dated = !x->ask->has_day || (c->from <= x->ask->day && x->ask->day <= c->to);
    return dated && !(x->ask->active_only && (c->flags & PACK_INACTIVE) != 0) &&
           !(x->ask->no_abstract && (c->flags & PACK_ABSTRACT) != 0);
}

static uint8_t rank_member(Expanding *x, const SetMember *m) {
    const PackConcept *c = m->at == PACK_NONE ? NULL : term_concept_at(m->sys, m->at);
    if (x->find.n_words == 0) {
        return 0;
    }
    uint64_t words = c == NULL ? 0 : (uint64_t)c->words[1] << 32 | c->words[0];
    bool may = (words & x->find.bits) == x->find.bits;
    Str names = c == NULL || !may ? STR_EMPTY : pack_str(term_pack_of(m->sys), c->fold);
    uint8_t best = term_find_rank(&x->find, m->code, names);
    Str own[] = {m->item == NULL ? STR_EMPTY : m->item->display,
                 m->item == NULL ? STR_EMPTY : m->item->display_vi};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (own[i].len > 0) { /* what the set itself calls the code */
            uint8_t rank = term_find_rank(&x->find, m->code, fold(x->scratch, own[i]));
            best = MIN(best, rank);
            arena_reset(x->scratch);
        }
    }
    return best;
}

/* Without a filter the order is known: what stands before and behind the page is only counted. */
static bool is_on_page(const Expanding *x, size_t nth) {
    return x->find.n_words > 0 || (nth >= x->ask->offset && nth - x->ask->offset < x->ask->count);
}

static bool take(void *ctx, const SetMember *m) {
    Expanding *x = ctx;
    uint8_t rank = is_asked(x, m) ? rank_member(x, m) : FIND_NO;
    if (rank == FIND_NO) {
        return true;
    }
    size_t nth = x->total++;
    if (x->total > x->ask->max && x->ask->count > x->ask->max) {
        x->err = ERR_COSTLY;
        return false;
    }
    if (is_on_page(x, nth)) {
        Candidate c = {.part = m->part,
                       .item = m->item,
                       .sys = m->sys,
                       .system = m->system,
                       .code = m->code,
                       .at = m->at,
                       .nth = (uint32_t)nth,
                       .rank = rank};
        buf_put(&x->candidates, &c, sizeof(c));
    }
    x->err = buf_ok(&x->candidates);
    return x->err == ERR_OK;
}

/* Candidates stand in their order: counting the ranks gives each its place, and only those of the
 * page are taken over. Returns how many. */
static size_t choose_page(const Expanding *x, const Candidate *all, size_t n, Candidate *page) {
    size_t place[FIND_RANKS + 1] = {0};
    size_t from = x->ask->offset;
    size_t to = n - MIN(from, n) > x->ask->count ? from + x->ask->count : n;
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        place[all[i].rank + 1]++;
    }
    for (size_t r = 1; r <= FIND_RANKS; r++) {
        place[r] += place[r - 1];
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = place[all[i].rank]++;
        if (at >= from && at < to) {
            page[at - from] = all[i];
            taken++;
        }
    }
    return taken;
}

/* ---- as a tree ---- */

typedef struct Tree {
    const Candidate *all;
    size_t n;
    Candidate *out;
    size_t n_out;
    const TermSystem *sys;
    uint32_t *nth;   /* by place: candidate + 1 */
    uint64_t *shown; /* by place */
} Tree;

static bool has_parent(const Tree *t, uint32_t at) {
    uint32_t n = 0;
    const uint32_t *parents =
        pack_list(term_pack_of(t->sys), term_concept_at(t->sys, at)->parents, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (parents[i] < t->sys->p->n && t->nth[parents[i]] != 0) {
            return true;
        }
    }
    return false;
}

/* A concept and the members below it; what is deeper than TERM_TREE_DEPTH stands at the top. */
static void show(Tree *t, uint32_t at, uint8_t depth) {
    bit_set(t->shown, at);
    t->out[t->n_out] = t->all[t->nth[at] - 1];
    t->out[t->n_out++].depth = depth;
    uint32_t n = 0;
    const uint32_t *children =
        pack_list(term_pack_of(t->sys), term_concept_at(t->sys, at)->children, &n);
    for (uint32_t i = 0; i < n && depth < TERM_TREE_DEPTH; i++) {
        if (children[i] < t->sys->p->n && t->nth[children[i]] != 0 &&
            !bit_get(t->shown, children[i])) {
            show(t, children[i], (uint8_t)(depth + 1));
        }
    }
}

/* The members of one system; the others of the set are left to other calls. */
static ErrCode show_system(Tree *t, Arena *arena, const TermSystem *sys) {
    t->sys = sys;
    t->nth = arena_new_array(arena, uint32_t, sys->p->n + 1);
    t->shown = arena_new_array(arena, uint64_t, bits_words(sys->p->n) + 1);
    if (t->nth == NULL || t->shown == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->all[i].sys == sys && t->all[i].at != PACK_NONE) {
            t->nth[t->all[i].at] = (uint32_t)i + 1;
        }
    }
    for (size_t pass = 0; pass < 2; pass++) { /* then what only a circle leads to */
        for (size_t i = 0; i < t->n; i++) {
            uint32_t at = t->all[i].at;
            bool own = t->all[i].sys == sys && at != PACK_NONE && !bit_get(t->shown, at);
            if (own && (pass == 1 || !has_parent(t, at))) {
                show(t, at, 0);
            }
        }
    }
    return ERR_OK;
}

static ErrCode make_tree(Arena *arena, const Candidate *all, size_t n, Candidate *out) {
    Tree t = {.all = all, .n = n, .out = out};
    for (size_t i = 0; i < n; i++) {
        const TermSystem *sys = all[i].at == PACK_NONE ? NULL : all[i].sys;
        bool seen = false;
        for (size_t j = i; sys != NULL && j-- > 0 && !seen;) {
            seen = all[j].sys == sys && all[j].at != PACK_NONE;
        }
        if (sys == NULL) {
            out[t.n_out++] = all[i];
        } else if (!seen) {
            TRY(show_system(&t, arena, sys));
        }
    }
    assert(t.n_out == n);
    return ERR_OK;
}

/* ---- the answer ---- */

static void fill_hit(const Candidate *c, TermHit *ret) {
    *ret = (TermHit){.system = c->system, .version = STR_EMPTY, .depth = c->depth};
    if (c->at != PACK_NONE) {
        term_concept_fill(c->sys, c->at, &ret->concept);
        ret->version = c->sys->e.version;
    } else {
        ret->concept = (TermConcept){.from = INT32_MIN, .to = INT32_MAX};
        ret->concept.display = STR_EMPTY;
        ret->concept.display_vi = STR_EMPTY;
        ret->concept.definition = STR_EMPTY;
    }
    ret->concept.code = c->code;
    if (c->item != NULL) {
        ret->set_display = c->item->display;
        ret->designation = c->item->designation;
        ret->concept.display_vi =
            c->item->display_vi.len > 0 ? c->item->display_vi : ret->concept.display_vi;
    }
}

static ErrCode answer(Expanding *x, Arena *arena, TermExpansion *ret) {
    const Candidate *all = (const Candidate *)(const void *)x->candidates.ptr;
    size_t n = x->candidates.len / sizeof(*all);
    bool filtered = x->find.n_words > 0;
    bool tree = x->ask->as_tree && !filtered && n == x->total;
    CLEANUP_FREE Candidate *page = calloc(n + 1, sizeof(*page));
    if (page == NULL) {
        return ERR_NOMEM;
    }
    if (filtered) {
        n = choose_page(x, all, n, page);
    } else if (tree) {
        TRY(make_tree(arena, all, n, page));
    }
    const Candidate *shown = filtered || tree ? page : all;
    ret->hits = arena_new_array(arena, TermHit, n + 1);
    if (ret->hits == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        fill_hit(&shown[i], &ret->hits[i]);
    }
    ret->n = n;
    ret->total = x->total;
    return ERR_OK;
}

ErrCode term_expand(const TermSet *set, Arena *arena, const TermExpand *ask, TermExpansion *ret,
                    ErrInfo *info) {
    CLEANUP_ARENA Arena *scratch = arena_new(LIMIT_MIB);
    Expanding x = {.ask = ask, .scratch = scratch};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(term_find_init(&x.find, arena, ask->filter, info));
    buf_init(&x.candidates, 256 * LIMIT_MIB);
    ErrCode err = term_set_walk(set, take, &x, info);
    if (err == ERR_OK && x.err == ERR_COSTLY) {
        err = err_set(info, ERR_COSTLY, "term-too-costly",
                      "the expansion has more than %zu codes: ask with count or filter",
                      "kết quả có hơn %zu mã: hãy thêm count hoặc filter", ask->max);
    }
    err = err == ERR_OK ? x.err : err;
    if (err == ERR_OK) {
        err = answer(&x, arena, ret);
    }
    buf_release(&x.candidates);
    return err;
}
