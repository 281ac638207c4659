/* Concepts and the hierarchy above and below them. */
#include "term/term_int.h"

void term_concept_fill(const TermSystem *s, uint32_t at, TermConcept *ret) {
    const Pack *p = term_pack_of(s);
    const PackConcept *c = pack_concept(p, s->p, at);
    *ret = (TermConcept){.system = s, .at = at};
    if (c != NULL) {
        ret->code = pack_str(p, c->code);
        ret->display = pack_str(p, c->display);
        ret->display_vi = pack_str(p, c->display_vi);
        ret->definition = pack_str(p, c->definition);
        ret->is_abstract = (c->flags & PACK_ABSTRACT) != 0;
        ret->is_inactive = (c->flags & PACK_INACTIVE) != 0;
        ret->from = c->from;
        ret->to = c->to;
    }
}

bool term_concept(const TermSystem *system, Str code, TermConcept *ret_concept) {
    uint32_t at = system == NULL ? PACK_NONE : pack_find(term_pack_of(system), system->p, code);
    if (at == PACK_NONE) {
        return false;
    }
    term_concept_fill(system, at, ret_concept);
    return true;
}

ErrCode term_mark_tree(const TermSystem *s, Arena *arena, uint32_t at, bool above, uint64_t *bits) {
    const Pack *p = term_pack_of(s);
    uint32_t *stack = arena_new_array(arena, uint32_t, s->p->n);
    size_t n = 0;
    if (stack == NULL) {
        return ERR_NOMEM;
    }
    if (at < s->p->n && !bit_get(bits, at)) {
        bit_set(bits, at);
        stack[n++] = at;
    }
    while (n > 0) {
        const PackConcept *c = pack_concept(p, s->p, stack[--n]);
        uint32_t count = 0;
        const uint32_t *next =
            c == NULL ? NULL : pack_list(p, above ? c->parents : c->children, &count);
        for (uint32_t i = 0; i < count; i++) {
            if (next[i] < s->p->n && !bit_get(bits, next[i])) {
                bit_set(bits, next[i]); /* each once: a circle ends here */
                stack[n++] = next[i];
            }
        }
    }
    return ERR_OK;
}

/* The concept that a caller named, or ERR_NOT_FOUND. */
static ErrCode need_concept(const TermView *view, const TermCode *code, TermConcept *ret,
                            ErrInfo *info) {
    const TermSystem *s = term_system(view, code->system);
    if (s == NULL) {
        return err_set(info, ERR_NOT_FOUND, "term-system-unknown",
                       "the code system '" STR_FMT "' is not known here",
                       "không có danh mục mã '" STR_FMT "' ở đây", STR_ARG(code->system));
    }
    return term_concept(s, code->code, ret) ? ERR_OK
                                            : err_set(info, ERR_NOT_FOUND, "term-code-unknown",
                                                      "the code '" STR_FMT "' is not in " STR_FMT,
                                                      "không có mã '" STR_FMT "' trong " STR_FMT,
                                                      STR_ARG(code->code), STR_ARG(code->system));
}

/* The codes of the marked places, in the system's order. */
static ErrCode list_marked(const TermSystem *s, Arena *arena, const uint64_t *bits, size_t max,
                           Str **ret_codes, size_t *ret_n, ErrInfo *info) {
    size_t n = 0;
    for (size_t i = 0; i < bits_words(s->p->n); i++) {
        n += (size_t)__builtin_popcountll(bits[i]);
    }
    if (n > max) {
        return err_set(info, ERR_LIMIT, "term-codes", "%zu codes are more than %zu",
                       "%zu mã, nhiều hơn mức %zu", n, max);
    }
    Str *codes = arena_new_array(arena, Str, n + 1);
    if (codes == NULL) {
        return ERR_NOMEM;
    }
    n = 0;
    for (uint32_t at = 0; at < s->p->n; at++) {
        if (bit_get(bits, at)) {
            codes[n++] = pack_str(term_pack_of(s), term_concept_at(s, at)->code);
        }
    }
    *ret_codes = codes;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode list_tree(const TermView *view, Arena *arena, const TermCode *code, bool above,
                         size_t max, Str **ret_codes, size_t *ret_n, ErrInfo *info) {
    TermConcept c;
    TRY(need_concept(view, code, &c, info));
    uint64_t *bits = arena_new_array(arena, uint64_t, bits_words(c.system->p->n));
    if (bits == NULL) {
        return ERR_NOMEM;
    }
    TRY(term_mark_tree(c.system, arena, c.at, above, bits));
    return list_marked(c.system, arena, bits, max, ret_codes, ret_n, info);
}

ErrCode term_below(const TermView *view, Arena *arena, const TermCode *code, size_t max,
                   Str **ret_codes, size_t *ret_n, ErrInfo *info) {
    return list_tree(view, arena, code, false, max, ret_codes, ret_n, info);
}

ErrCode term_above(const TermView *view, Arena *arena, const TermCode *code, size_t max,
                   Str **ret_codes, size_t *ret_n, ErrInfo *info) {
    return list_tree(view, arena, code, true, max, ret_codes, ret_n, info);
}

ErrCode term_subsumes(const TermView *view, Arena *arena, const TermSubsumes *ask,
                      const char **ret_outcome, ErrInfo *info) {
    TermConcept a;
    TermConcept b;
    TRY(need_concept(view, &(TermCode){ask->system, ask->a}, &a, info));
    TRY(need_concept(view, &(TermCode){ask->system, ask->b}, &b, info));
    uint64_t *bits = arena_new_array(arena, uint64_t, 2 * bits_words(a.system->p->n));
    if (bits == NULL) {
        return ERR_NOMEM;
    }
    uint64_t *over_b = bits + bits_words(a.system->p->n);
    TRY(term_mark_tree(a.system, arena, a.at, true, bits));
    TRY(term_mark_tree(a.system, arena, b.at, true, over_b));
    *ret_outcome = a.at == b.at            ? "equivalent"
                   : bit_get(over_b, a.at) ? "subsumes"
                   : bit_get(bits, b.at)   ? "subsumed-by"
                                           : "not-subsumed";
    return ERR_OK;
}
