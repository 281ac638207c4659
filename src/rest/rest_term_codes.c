/* What searches ask of terminology: :in, :not-in, :above, :below. */
#include "rest/rest_term.h"

/* Codes outlive the view: they are copied into the query's arena. */
static ErrCode keep(Arena *arena, const TermCode *codes, size_t n, FhirCodeList *ret) {
    FhirIndexToken *tokens = arena_new_array(arena, FhirIndexToken, n + 1);
    Str system = STR_EMPTY; /* the last one that was copied */
    if (tokens == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        system = str_eq(system, codes[i].system) ? system : arena_str(arena, codes[i].system);
        tokens[i] = (FhirIndexToken){
            .system = system, .code = arena_str(arena, codes[i].code), .has_system = true};
    }
    *ret = (FhirCodeList){tokens, n};
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode expand_in(const TermView *view, Arena *arena, Str value_set, size_t max,
                         FhirCodeList *ret) {
    const TermSet *set;
    TermCode *codes;
    size_t n;
    TRY(term_set_in(view, arena, &(TermSetAsk){.canonical = value_set}, &set, NULL));
    TRY(term_set_codes(set, arena, max, &codes, &n, NULL));
    return keep(arena, codes, n, ret);
}

/* A set that cannot be listed is as good as unknown to a search. */
static ErrCode of_search(ErrCode err) {
    return err == ERR_UNSUPPORTED || err == ERR_PARAM ? ERR_NOT_FOUND : err;
}

static ErrCode expand(void *ctx, Arena *arena, Str value_set, size_t max, FhirCodeList *ret) {
    const TermView *view = rest_term_view(ctx);
    ErrCode err = expand_in(view, arena, value_set, max, ret);
    term_view_end(view);
    return of_search(err);
}

static ErrCode related_in(const TermView *view, Arena *arena, const TermCode *code, bool above,
                          size_t max, FhirCodeList *ret) {
    Str *found;
    size_t n;
    TRY(above ? term_above(view, arena, code, max, &found, &n, NULL)
              : term_below(view, arena, code, max, &found, &n, NULL));
    TermCode *codes = arena_new_array(arena, TermCode, n + 1);
    if (codes == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        codes[i] = (TermCode){code->system, found[i]};
    }
    return keep(arena, codes, n, ret);
}

static ErrCode related(void *ctx, Arena *arena, const FhirIndexToken *code, bool above, size_t max,
                       FhirCodeList *ret) {
    const TermView *view = rest_term_view(ctx);
    TermCode of = {code->system, code->code};
    ErrCode err = related_in(view, arena, &of, above, max, ret);
    term_view_end(view);
    return of_search(err);
}

FhirCodes rest_term_codes(Rest *rest) {
    return (FhirCodes){.ctx = rest, .expand = expand, .related = related};
}
