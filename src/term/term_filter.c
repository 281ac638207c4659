/* compose.include.filter: which concepts of a system pass. */
#include "core/regex.h"
#include "term/term_int.h"

enum { VALUES_MAX = 16, REGEX_MAX = 256, SCRATCH_MAX = 1 << 20, REGEX_BYTES = 4 << 20 };

static ErrCode refuse(const TermFilter *f, ErrInfo *info) {
    return err_set(
        info, ERR_UNSUPPORTED, "term-filter", "the filter '" STR_FMT " " STR_FMT "' is not known",
        "không hiểu điều kiện '" STR_FMT " " STR_FMT "'", STR_ARG(f->property), STR_ARG(f->op));
}

/* ---- values of properties ---- */

static Str value_of(Arena *arena, const JsonNode *property) {
    for (const JsonNode *m = json_first(property); m != NULL; m = json_next(property, m)) {
        const JsonNode *v = json_value(m);
        if (!str_starts(json_raw_str(m), STR("value"))) {
            continue;
        }
        return json_is(v, JSON_STRING)   ? json_str(arena, v)
               : json_is(v, JSON_OBJECT) ? json_str(arena, json_get_lit(v, "code"))
                                         : json_raw(v);
    }
    return STR_EMPTY;
}

static size_t extra_values(const Pack *p, const PackConcept *c, Arena *arena, Str property,
                           Str *ret_values, size_t max) {
    const JsonNode *root = NULL;
    size_t n = 0;
    if (c->extra == 0 || json_parse(arena, pack_str(p, c->extra), &root, NULL) != ERR_OK) {
        return 0;
    }
    const JsonNode *list = json_get_lit(root, "property");
    for (const JsonNode *one = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         one != NULL && n < max; one = json_next(list, one)) {
        if (json_str_is(json_get_lit(one, "code"), property)) {
            ret_values[n++] = value_of(arena, one);
        }
    }
    return n;
}

static size_t linked_codes(const TermSystem *s, PackAt list_at, Str *ret_values, size_t max) {
    const Pack *p = term_pack_of(s);
    uint32_t n = 0;
    const uint32_t *list = pack_list(p, list_at, &n);
    size_t kept = 0;
    for (uint32_t i = 0; i < n && kept < max; i++) {
        const PackConcept *c = term_concept_at(s, list[i]);
        if (c != NULL) {
            ret_values[kept++] = pack_str(p, c->code);
        }
    }
    return kept;
}

size_t term_property(const TermSystem *s, const PackConcept *c, Arena *arena, Str property,
                     Str *ret_values, size_t max) {
    const Pack *p = term_pack_of(s);
    assert(max >= 2);
    if (str_eq(property, STR("code")) || str_eq(property, STR("concept"))) {
        ret_values[0] = pack_str(p, c->code);
        return 1;
    }
    if (str_eq(property, STR("display"))) {
        size_t n = 0;
        PackAt names[] = {c->display, c->display_vi};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (names[i] != 0) {
                ret_values[n++] = pack_str(p, names[i]);
            }
        }
        return n;
    }
    if (str_eq(property, STR("parent"))) {
        return linked_codes(s, c->parents, ret_values, max);
    }
    if (str_eq(property, STR("child"))) {
        return linked_codes(s, c->children, ret_values, max);
    }
    size_t n = extra_values(p, c, arena, property, ret_values, max);
    bool inactive = str_eq(property, STR("inactive"));
    if (n == 0 && (inactive || str_eq(property, STR("notSelectable")))) {
        bool set = (c->flags & (inactive ? PACK_INACTIVE : PACK_ABSTRACT)) != 0;
        ret_values[0] = set ? STR("true") : STR("false");
        n = 1;
    }
    return n;
}

/* ---- tests of one concept ---- */

typedef struct Test {
    const TermSystem *s;
    const TermFilter *f;
    const Regex *regex;
    RegexMatcher *matcher;
    ErrCode err; /* ERR_LIMIT: the pattern took too many steps */
} Test;

static bool in_list(Str list, Str value) {
    Str one;
    while (str_cut(&list, ',', &one)) {
        if (str_eq(str_trim(one), value)) {
            return true;
        }
    }
    return false;
}

static bool regex_fits(Test *t, Str value) {
    RegexFound found = regex_match(t->matcher, &(RegexAsk){t->regex, .text = value}, NULL);
    if (found == REGEX_OVER) {
        t->err = ERR_LIMIT;
    }
    return found == REGEX_YES;
}

static bool any_equals(const Str *values, size_t n, Str value) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(values[i], value)) {
            return true;
        }
    }
    return false;
}

static bool any_in(const Str *values, size_t n, Str list) {
    for (size_t i = 0; i < n; i++) {
        if (in_list(list, values[i])) {
            return true;
        }
    }
    return false;
}

static bool any_fits(Test *t, const Str *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (regex_fits(t, values[i])) {
            return true;
        }
    }
    return false;
}

static bool passes(Test *t, const PackConcept *c, Arena *scratch) {
    Str values[VALUES_MAX];
    size_t n = term_property(t->s, c, scratch, t->f->property, values, VALUES_MAX);
    Str op = t->f->op;
    if (str_eq(op, STR("="))) {
        return any_equals(values, n, t->f->value);
    }
    if (str_eq(op, STR("in"))) {
        return any_in(values, n, t->f->value);
    }
    if (str_eq(op, STR("not-in"))) {
        return !any_in(values, n, t->f->value);
    }
    if (str_eq(op, STR("exists"))) {
        return (n > 0) == str_eq(t->f->value, STR("true"));
    }
    return any_fits(t, values, n); /* regex: the last one that mark_by_test lets through */
}

static ErrCode compile(Test *t, Arena *arena, ErrInfo *info) {
    const char *wrong = NULL;
    Str pattern = t->f->value;
    if (pattern.len > REGEX_MAX) {
        return err_set(info, ERR_LIMIT, "term-regex", "a pattern has at most %d bytes",
                       "mẫu dài nhất %d byte", (int)REGEX_MAX);
    }
    t->regex = regex_new(arena, pattern, true, &wrong);
    if (t->regex == NULL) {
        return err_set(info, ERR_PARAM, "term-regex", "the pattern '" STR_FMT "' cannot be read",
                       "không đọc được mẫu '" STR_FMT "'", STR_ARG(pattern));
    }
    t->matcher = regex_matcher_new(arena, (RegexLimits){.steps = 10000, .heap_kib = 1024});
    return t->matcher == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode mark_tested(Test *t, uint64_t *bits, ErrInfo *info) {
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_MAX);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t at = 0; at < t->s->p->n; at++) {
        if (passes(t, term_concept_at(t->s, at), scratch)) {
            bit_set(bits, at);
        }
        if (arena_failed(scratch) || t->err != ERR_OK) {
            return err_set(info, ERR_LIMIT, "term-regex", "the filter takes too many steps",
                           "điều kiện cần quá nhiều bước");
        }
        arena_reset(scratch);
    }
    return ERR_OK;
}

static ErrCode mark_by_test(const TermSystem *s, const TermFilter *f, uint64_t *bits,
                            ErrInfo *info) {
    static const char *const ops[] = {"=", "in", "not-in", "exists", "regex"};
    Test t = {.s = s, .f = f};
    size_t i = 0;
    while (i < ARRAY_LEN(ops) && !str_eq(f->op, str_from(ops[i]))) {
        i++;
    }
    if (i == ARRAY_LEN(ops)) {
        return refuse(f, info);
    }
    CLEANUP_ARENA Arena *arena = arena_new(REGEX_BYTES);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (strcmp(ops[i], "regex") == 0) {
        TRY(compile(&t, arena, info));
    }
    return mark_tested(&t, bits, info);
}

ErrCode term_filter_mark(const TermSystem *s, Arena *arena, const TermFilter *filter,
                         uint64_t *bits, ErrInfo *info) {
    static const struct {
        const char *op;
        bool above, without_self, turned;
    } trees[] = {{"is-a", false, false, false},
                 {"descendent-of", false, true, false},
                 {"is-not-a", false, false, true},
                 {"generalizes", true, false, false}};
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        if (!str_eq(filter->op, str_from(trees[i].op))) {
            continue;
        }
        if (!str_eq(filter->property, STR("concept")) && !str_eq(filter->property, STR("code"))) {
            return refuse(filter, info);
        }
        uint32_t at = pack_find(term_pack_of(s), s->p, filter->value);
        if (at != PACK_NONE) {
            TRY(term_mark_tree(s, arena, at, trees[i].above, bits));
            if (trees[i].without_self) {
                bits[at / 64] &= ~(UINT64_C(1) << at % 64);
            }
        }
        for (size_t w = 0; trees[i].turned && w < bits_words(s->p->n); w++) {
            size_t left = s->p->n - w * 64;
            bits[w] = ~bits[w] & (left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1);
        }
        return ERR_OK;
    }
    return mark_by_test(s, filter, bits, info);
}
