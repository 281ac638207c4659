/* Is a code in a computed set; and all members of one, each once. */
#include "term/term_int.h"

/* ---- systems that are a grammar, not a list ---- */

static bool all_of(Str s, const char *more) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && strchr(more, c) == NULL) {
            return false;
        }
    }
    return s.len > 0;
}

/* RFC 6838: type/subtype, parameters may follow. */
static bool is_mime_type(Str code) {
    Str type;
    Str subtype;
    (void)str_cut(&code, ';', &subtype);
    (void)str_cut(&subtype, '/', &type);
    return all_of(type, "!#$&-^_.+") && subtype.ptr != NULL && all_of(subtype, "!#$&-^_.+");
}

/* RFC 5646, loosely: a language of 2 to 8 letters, subtags of 1 to 8 letters or digits. */
static bool is_language(Str code) {
    Str tag;
    size_t least = 2;
    while (str_cut(&code, '-', &tag)) {
        if (tag.len < least || tag.len > 8 || !all_of(tag, "")) {
            return false;
        }
        least = 1;
    }
    return least == 1;
}

static bool is_uri(Str code) {
    return code.len > 0 && str_find_char(code, ' ', 0) == SIZE_MAX;
}

static bool is_currency(Str code) {
    return code.len == 3 && all_of(code, "") && code.ptr[0] >= 'A' && code.ptr[0] <= 'Z';
}

/* The verdict on a code of a system that is not held here. */
static TermVerdict grammar(Str system, Str code) {
    static const struct {
        const char *system;
        bool (*fits)(Str code);
        TermVerdict yes;
    } grammars[] = {{"urn:ietf:bcp:13", is_mime_type, TERM_YES},
                    {"urn:ietf:bcp:47", is_language, TERM_YES},
                    {"urn:ietf:rfc:3986", is_uri, TERM_YES},
                    {"urn:iso:std:iso:4217", is_currency, TERM_UNKNOWN}};
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        if (str_eq(system, str_from(grammars[i].system))) {
            return grammars[i].fits(code) ? grammars[i].yes : TERM_NO;
        }
    }
    return TERM_UNKNOWN;
}

/* ---- membership ---- */

static const SetItem *find_item(const SetPart *p, Str code) {
    size_t lo = 0;
    size_t hi = p->n_items;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(p->items[p->by_code[mid]].code, code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    const SetItem *item = lo < p->n_items ? &p->items[p->by_code[lo]] : NULL;
    return item != NULL && str_eq(item->code, code) ? item : NULL;
}

static TermVerdict list_has(const SetPart *p, Str code) {
    if (find_item(p, code) != NULL) {
        return TERM_YES;
    }
    if (p->sys == NULL || p->sys->p->no_case == 0) {
        return TERM_NO;
    }
    uint32_t at = pack_find(term_pack_of(p->sys), p->sys->p, code);
    for (uint32_t i = 0; at != PACK_NONE && i < p->n_items; i++) {
        if (p->items[i].at == at) {
            return TERM_YES;
        }
    }
    return TERM_NO;
}

static TermVerdict own_has(const SetPart *p, Str code) {
    if (p->kind == SET_LIST) {
        return list_has(p, code);
    }
    if (p->kind == SET_SETS) {
        return TERM_YES;
    }
    if (p->kind == SET_UNKNOWN) {
        return TERM_UNKNOWN;
    }
    if (p->sys == NULL) {
        return grammar(p->system, code);
    }
    uint32_t at = pack_find(term_pack_of(p->sys), p->sys->p, code);
    if (at == PACK_NONE) {
        return p->sys->p->content >= PACK_FRAGMENT ? TERM_UNKNOWN : TERM_NO;
    }
    return p->kind == SET_ALL || bit_get(p->bits, at) ? TERM_YES : TERM_NO;
}

static TermVerdict part_has(const SetPart *p, Str system, Str code) {
    if (p->system.len > 0 && system.len > 0 && !str_eq(p->system, system)) {
        return TERM_NO;
    }
    TermVerdict verdict = own_has(p, code);
    Str of = p->system.len > 0 ? p->system : system;
    for (size_t i = 0; i < p->n_sets && verdict != TERM_NO; i++) {
        TermVerdict other = term_set_has_code(p->sets[i], of, code);
        verdict = other == TERM_YES ? verdict : other;
    }
    return verdict;
}

static TermVerdict any_part(const TermSet *set, size_t from, size_t to, Str system, Str code) {
    TermVerdict best = TERM_NO;
    for (size_t i = from; i < to; i++) {
        TermVerdict one = part_has(&set->parts[i], system, code);
        if (one == TERM_YES) {
            return TERM_YES;
        }
        best = one == TERM_UNKNOWN ? TERM_UNKNOWN : best;
    }
    return best;
}

/* compose.inactive = false: is the code one that no longer counts? */
static bool is_inactive(const TermSet *set, Str system, Str code) {
    for (size_t i = 0; i < set->n_includes; i++) {
        const SetPart *p = &set->parts[i];
        bool own = p->sys != NULL && (system.len == 0 || str_eq(p->system, system));
        uint32_t at = own ? pack_find(term_pack_of(p->sys), p->sys->p, code) : PACK_NONE;
        if (at != PACK_NONE) {
            return (term_concept_at(p->sys, at)->flags & PACK_INACTIVE) != 0;
        }
    }
    return false;
}

TermVerdict term_set_has_code(const TermSet *set, Str system, Str code) {
    TermVerdict verdict = any_part(set, 0, set->n_includes, system, code);
    if (verdict == TERM_NO || (set->no_inactive && is_inactive(set, system, code))) {
        return TERM_NO;
    }
    if (set->n_parts == set->n_includes) {
        return verdict;
    }
    TermVerdict out = any_part(set, set->n_includes, set->n_parts, system, code);
    return out == TERM_YES ? TERM_NO : out == TERM_UNKNOWN ? TERM_UNKNOWN : verdict;
}

TermVerdict term_set_has(const TermSet *set, Str system, Str code) {
    return set == NULL ? TERM_UNKNOWN : term_set_has_code(set, system, code);
}

Str term_set_system(const TermSet *set, Str code) {
    for (size_t i = 0; i < set->n_includes; i++) {
        const SetPart *p = &set->parts[i];
        if (p->system.len > 0 && part_has(p, p->system, code) == TERM_YES) {
            return p->system;
        }
        for (size_t s = 0; p->system.len == 0 && s < MIN(p->n_sets, (size_t)1); s++) {
            Str system = term_set_system(p->sets[s], code);
            if (system.len > 0) {
                return system;
            }
        }
    }
    return STR_EMPTY;
}

/* A Coding or Quantity. */
static TermVerdict coding_in(const TermSet *set, Arena *arena, const JsonNode *coding) {
    const JsonNode *code = json_get_lit(coding, "code");
    const JsonNode *system = json_get_lit(coding, "system");
    if (!json_is(code, JSON_STRING)) {
        return TERM_NO;
    }
    if (!json_is(system, JSON_STRING)) {
        return TERM_NO; /* a Coding without a system says nothing */
    }
    return term_set_has_code(set, json_str(arena, system), json_str(arena, code));
}

TermVerdict term_set_has_node(const TermSet *set, Arena *arena, const JsonNode *value) {
    if (set == NULL || value == NULL) {
        return TERM_UNKNOWN;
    }
    if (json_is(value, JSON_STRING)) {
        return term_set_has_code(set, STR_EMPTY, json_str(arena, value));
    }
    const JsonNode *list = json_get_lit(value, "coding");
    if (list == NULL) {
        return json_is(value, JSON_OBJECT) ? coding_in(set, arena, value) : TERM_NO;
    }
    TermVerdict best = TERM_NO;
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         c != NULL && best != TERM_YES; c = json_next(list, c)) {
        TermVerdict one = coding_in(set, arena, c);
        best = one == TERM_NO ? best : one;
    }
    return best;
}

/* ---- walking ---- */

typedef struct Walk {
    const TermSet *set;
    const SetPart *part;
    SetEach each;
    void *ctx;
    bool stopped;
} Walk;

/* The member passes what the set says beside its part: other sets, excludes, and not seen before.
 */
static bool is_wanted(const Walk *w, const SetMember *m) {
    const TermSet *set = w->set;
    size_t nth = (size_t)(w->part - set->parts);
    for (size_t i = w->part->kind == SET_SETS ? 1 : 0; i < w->part->n_sets; i++) {
        if (term_set_has_code(w->part->sets[i], m->system, m->code) != TERM_YES) {
            return false;
        }
    }
    if (set->n_parts > set->n_includes &&
        any_part(set, set->n_includes, set->n_parts, m->system, m->code) == TERM_YES) {
        return false;
    }
    if (set->no_inactive && m->at != PACK_NONE &&
        (term_concept_at(m->sys, m->at)->flags & PACK_INACTIVE) != 0) {
        return false;
    }
    return nth == 0 || any_part(set, 0, nth, m->system, m->code) != TERM_YES;
}

static bool offer(void *ctx, const SetMember *m) {
    Walk *w = ctx;
    if (is_wanted(w, m) && !w->each(w->ctx, m)) {
        w->stopped = true;
    }
    return !w->stopped;
}

static void walk_list(Walk *w) {
    const SetPart *p = w->part;
    for (uint32_t i = 0; i < p->n_items && !w->stopped; i++) {
        const SetItem *item = &p->items[i];
        if (find_item(p, item->code) == item) { /* else it stands there twice */
            (void)offer(w, &(SetMember){.part = p,
                                        .item = item,
                                        .system = p->system,
                                        .code = item->code,
                                        .sys = p->sys,
                                        .at = item->at});
        }
    }
}

static void walk_system(Walk *w) {
    const SetPart *p = w->part;
    for (uint32_t at = 0; at < p->sys->p->n && !w->stopped; at++) {
        if (p->kind == SET_ALL || bit_get(p->bits, at)) {
            Str code = pack_str(term_pack_of(p->sys), term_concept_at(p->sys, at)->code);
            (void)offer(w,
                        &(SetMember){
                            .part = p, .system = p->system, .code = code, .sys = p->sys, .at = at});
        }
    }
}

ErrCode term_set_walk(const TermSet *set, SetEach each, void *ctx, ErrInfo *info) {
    if (set->lacks.len > 0) {
        return err_set(info, ERR_UNSUPPORTED, "term-set-lacks",
                       "the set cannot be listed: it needs '" STR_FMT "', which is not held here",
                       "không liệt kê được danh mục: cần '" STR_FMT "', ở đây chưa có",
                       STR_ARG(set->lacks));
    }
    Walk w = {.set = set, .each = each, .ctx = ctx};
    for (size_t i = 0; i < set->n_includes && !w.stopped; i++) {
        w.part = &set->parts[i];
        if (w.part->kind == SET_LIST) {
            walk_list(&w);
        } else if (w.part->kind != SET_SETS) {
            walk_system(&w);
        } else if (w.part->n_sets > 0) {
            TRY(term_set_walk(w.part->sets[0], offer, &w, info));
        }
    }
    return ERR_OK;
}

typedef struct Listing {
    Arena *arena;
    TermCode *codes;
    size_t n, room, max;
    bool failed;
} Listing;

static bool list_one(void *ctx, const SetMember *m) {
    Listing *l = ctx;
    if (l->n == l->room && l->n < l->max) {
        size_t room = MIN(MAX(l->room * 2, (size_t)64), l->max);
        void *more = l->codes == NULL ? arena_alloc(l->arena, room * sizeof(TermCode))
                                      : arena_resize(l->arena, l->codes, l->room * sizeof(TermCode),
                                                     room * sizeof(TermCode));
        l->failed = more == NULL;
        l->codes = more == NULL ? l->codes : more;
        l->room = more == NULL ? l->room : room;
    }
    if (l->n < l->room) {
        l->codes[l->n] = (TermCode){m->system, m->code};
    }
    l->n++;
    return !l->failed && l->n <= l->max;
}

ErrCode term_set_codes(const TermSet *set, Arena *arena, size_t max, TermCode **ret_codes,
                       size_t *ret_n, ErrInfo *info) {
    Listing l = {.arena = arena, .max = max};
    TRY(term_set_walk(set, list_one, &l, info));
    if (l.failed) {
        return ERR_NOMEM;
    }
    if (l.n > max) {
        return err_set(info, ERR_LIMIT, "term-codes", "the set has more than %zu codes",
                       "danh mục có hơn %zu mã", max);
    }
    *ret_codes = l.codes;
    *ret_n = l.n;
    return ERR_OK;
}
