#include "fhir/fhir_match.h"

#include "core/fold.h"
#include "fhir/fhir_contained.h"

/* ---- dates --------------------------------------------------------------------------------------
 */

/* http://hl7.org/fhir/R4/search.html#prefix, with [v.lo, v.hi) as the searched range and [lo, hi)
 * as the range of the resource's value. */
bool fhir_match_date(const FhirQueryValue *wanted, TimeMs lo, TimeMs hi) {
    assert(wanted->kind == FHIR_INDEX_DATE && wanted->prefix <= FHIR_PREFIX_AP);
    assert(lo < hi && wanted->date.lo < wanted->date.hi);
    TimeMs from = wanted->date.lo;
    TimeMs to = wanted->date.hi;
    bool contained = from <= lo && hi <= to;
    switch ((FhirPrefix)wanted->prefix) {
    case FHIR_PREFIX_EQ:
        return contained;
    case FHIR_PREFIX_NE:
        return !contained;
    case FHIR_PREFIX_GT:
        return hi > to;
    case FHIR_PREFIX_LT:
        return lo < from;
    case FHIR_PREFIX_GE:
        return hi > to || contained;
    case FHIR_PREFIX_LE:
        return lo < from || contained;
    case FHIR_PREFIX_SA:
        return lo >= to;
    case FHIR_PREFIX_EB:
        return hi <= from;
    case FHIR_PREFIX_AP:
        return lo < to && from < hi;
    }
    return false;
}

/* ---- numbers and quantities ---------------------------------------------------------------------
 */

/* The resource's side: [lo, hi], ends open where has_lo or has_hi is false. A point has lo == hi.
 */
typedef struct Span {
    Decimal lo, hi;
    bool has_lo, has_hi;
} Span;

static bool span_of(Str low, Str high, bool is_range, Span *ret) {
    Span s = {.lo = DECIMAL_ZERO, .hi = DECIMAL_ZERO};
    s.has_lo = low.len > 0 && decimal_parse(low, &s.lo) == ERR_OK;
    if (is_range) {
        s.has_hi = high.len > 0 && decimal_parse(high, &s.hi) == ERR_OK;
    } else {
        s.hi = s.lo;
        s.has_hi = s.has_lo;
    }
    *ret = s;
    return s.has_lo || s.has_hi;
}

/* Does the searched value's implied range hold the whole span? Half-open, as the specification
 * writes it: 5.4 is [5.35, 5.45). */
static bool span_within(const FhirQueryNumber *w, const Span *s) {
    return s->has_lo && s->has_hi && decimal_cmp(w->lo, s->lo) <= 0 &&
           decimal_cmp(s->hi, w->hi) < 0;
}

static bool span_above(const FhirQueryNumber *w, const Span *s) {
    return !s->has_hi || decimal_cmp(s->hi, w->value) > 0;
}

static bool span_below(const FhirQueryNumber *w, const Span *s) {
    return !s->has_lo || decimal_cmp(s->lo, w->value) < 0;
}

static bool span_overlaps(const FhirQueryNumber *w, const Span *s) {
    return (!s->has_lo || decimal_cmp(s->lo, w->hi) <= 0) &&
           (!s->has_hi || decimal_cmp(w->lo, s->hi) <= 0);
}

/* gt, lt, ge, le, sa and eb take the searched number as exact; eq, ne and ap by its digits. */
static bool match_span(FhirPrefix prefix, const FhirQueryNumber *w, const Span *s) {
    bool exact = s->has_lo && s->has_hi && decimal_cmp(s->lo, w->value) == 0 &&
                 decimal_cmp(s->hi, w->value) == 0;
    switch (prefix) {
    case FHIR_PREFIX_EQ:
        return span_within(w, s);
    case FHIR_PREFIX_NE:
        return !span_within(w, s);
    case FHIR_PREFIX_GT:
        return span_above(w, s);
    case FHIR_PREFIX_LT:
        return span_below(w, s);
    case FHIR_PREFIX_GE:
        return span_above(w, s) || exact;
    case FHIR_PREFIX_LE:
        return span_below(w, s) || exact;
    case FHIR_PREFIX_SA:
        return s->has_lo && decimal_cmp(s->lo, w->value) > 0;
    case FHIR_PREFIX_EB:
        return s->has_hi && decimal_cmp(s->hi, w->value) < 0;
    case FHIR_PREFIX_AP:
        return span_overlaps(w, s);
    }
    return false;
}

static bool match_number(const FhirQueryValue *w, const FhirIndexValue *v) {
    assert(w->prefix <= FHIR_PREFIX_AP);
    Span s;
    return span_of(v->number.text, v->number.high, v->number.is_range, &s) &&
           match_span((FhirPrefix)w->prefix, &w->number, &s);
}

/* "<5" says "anything below 5": a span that is open on that side. */
static void apply_comparator(Str comparator, Span *s) {
    if (comparator.len > 0 && comparator.ptr[0] == '<') {
        s->has_lo = false;
    } else if (comparator.len > 0 && comparator.ptr[0] == '>') {
        s->has_hi = false;
    }
}

static bool unit_matches(const FhirQueryValue *w, const FhirIndexQuantity *q) {
    if (!w->quantity.has_unit) {
        return true;
    }
    if (w->quantity.system.len > 0) {
        return str_eq(w->quantity.system, q->system) &&
               (w->quantity.code.len == 0 || str_eq(w->quantity.code, q->code));
    }
    return str_eq(w->quantity.code, q->code) || str_eq(w->quantity.code, q->unit);
}

static bool match_quantity(const FhirQueryValue *w, const FhirIndexValue *v) {
    assert(w->prefix <= FHIR_PREFIX_AP);
    Span s;
    const FhirIndexQuantity *q = &v->quantity;
    if (!unit_matches(w, q) || !span_of(q->value, q->high, q->is_range, &s)) {
        return false;
    }
    apply_comparator(q->comparator, &s);
    return match_span((FhirPrefix)w->prefix, &w->quantity.number, &s);
}

/* ---- tokens, strings, references ----------------------------------------------------------------
 */

static bool match_token(const FhirQueryValue *w, const FhirIndexValue *v) {
    const FhirIndexToken *t = &v->token;
    assert(t->has_system == (t->system.len > 0));
    assert(w->token.has_bar || w->token.system.len == 0);
    if ((v->flags & FHIR_TOKEN_TEXT) != 0) {
        return false;
    }
    if (w->token.code.len > 0 && !str_eq(w->token.code, t->code)) {
        return false;
    }
    if (!w->token.has_bar) {
        return true;
    }
    if (w->token.system.len == 0) { /* |code: the data say no system */
        return !t->has_system || (v->flags & FHIR_TOKEN_PLAIN) != 0;
    }
    return t->has_system && str_eq(w->token.system, t->system);
}

/* One term against one value. The text of a string value is folded once for all wanted values. */
typedef struct Matcher {
    Arena *arena;
    const FhirQueryTerm *term;
    Str base;                     /* own base URL */
    const FhirIndexValue *folded; /* whose text stands in text */
    Str text;
} Matcher;

/* "thi lan" and "lan" find "Nguyễn Thị Lan", "an" does not. */
static bool word_starts_with(Str text, Str wanted) {
    uint32_t starts[FHIR_WORDS_MAX];
    size_t n = fhir_word_starts(text, starts);
    for (size_t i = 0; i < n; i++) {
        if (str_starts(str_sub(text, starts[i], SIZE_MAX), wanted)) {
            return true;
        }
    }
    return false;
}

static bool match_string(Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v) {
    bool is_exact = m->term->modifier == FHIR_MOD_EXACT;
    if (m->folded != v) {
        m->folded = v;
        m->text = is_exact ? fold_nfc(m->arena, v->string.text)
                           : fhir_fold_string(m->arena, v->string.text);
    }
    if (is_exact) {
        return str_eq(fold_nfc(m->arena, w->string.text), m->text);
    }
    if (m->term->modifier == FHIR_MOD_CONTAINS) {
        return str_find(m->text, w->string.folded) != SIZE_MAX;
    }
    return (v->flags & FHIR_STRING_WORDS) != 0 ? word_starts_with(m->text, w->string.folded)
                                               : str_starts(m->text, w->string.folded);
}

/* :text: the beginning of a word. */
static bool match_text(Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v) {
    return word_starts_with(fhir_fold_string(m->arena, v->string.text), w->string.folded);
}

static bool match_of_type(const FhirQueryValue *w, const FhirIndexValue *v) {
    return str_eq(w->of_type.code, v->of_type.code) && str_eq(w->of_type.value, v->of_type.value) &&
           (w->of_type.system.len == 0 || str_eq(w->of_type.system, v->of_type.system));
}

bool fhir_uri_is_below(Str uri, Str text) {
    if (uri.len == 0 || !str_starts(text, uri)) {
        return false;
    }
    return text.len == uri.len || uri.ptr[uri.len - 1] == '/' || text.ptr[uri.len] == '/';
}

static bool match_uri(const Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v) {
    switch (m->term->modifier) {
    case FHIR_MOD_ABOVE:
        return fhir_uri_is_below(v->uri.text, w->uri.text);
    case FHIR_MOD_BELOW:
        return fhir_uri_is_below(w->uri.text, v->uri.text);
    default:
        return str_eq(w->uri.text, v->uri.text);
    }
}

/* Is url = base/Type/id with our own base? */
static bool is_own_url(const FhirIndexReference *r, Str base) {
    return base.len > 0 && str_starts(r->url, base) && r->url.len > base.len &&
           r->url.ptr[base.len] == '/' && r->id.len > 0;
}

/* A searched version is that version alone; without one references to any version are meant. */
static bool match_reference(const FhirQueryValue *w, const FhirIndexReference *have, Str base) {
    const FhirIndexReference *want = &w->reference;
    if (want->version.len > 0 && !str_eq(want->version, have->version)) {
        return false;
    }
    if (want->id.len == 0) { /* elsewhere or urn: the whole URL */
        return have->url.len > 0 && str_eq(want->url, have->url);
    }
    bool local = have->url.len == 0 || is_own_url(have, base);
    return local && have->id.len > 0 && str_eq(want->id, have->id) &&
           (want->type == FHIR_T_NONE || want->type == have->type);
}

/* A canonical element under a reference parameter: a URL, or (as R4's own examples have it) Type/id
 * or a bare id. */
static bool match_canonical(const FhirQueryValue *w, const FhirIndexValue *v) {
    const FhirIndexReference *r = &w->reference;
    Str text = v->uri.text;
    if (r->version.len > 0) { /* canonicals say theirs behind a bar */
        return false;
    }
    if (r->url.len > 0) {
        return str_eq(r->url, text);
    }
    Str type = str_from(fhir_type_name(r->type));
    return r->id.len > 0 &&
           (str_eq(text, r->id) ||
            (r->type != FHIR_T_NONE && text.len == type.len + 1 + r->id.len &&
             str_starts(text, type) && text.ptr[type.len] == '/' && str_ends(text, r->id)));
}

static bool match_one(Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v);

static bool match_composite(Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v) {
    assert(w->composite.n_parts == v->composite.n_parts);
    for (unsigned i = 0; i < w->composite.n_parts; i++) {
        if (!match_one(m, &w->composite.parts[i], v->composite.parts[i])) {
            return false;
        }
    }
    return true;
}

static bool match_one(Matcher *m, const FhirQueryValue *w, const FhirIndexValue *v) {
    if (w->kind == FHIR_INDEX_REFERENCE && v->kind == FHIR_INDEX_URI) {
        return match_canonical(w, v);
    }
    if (w->kind != v->kind) {
        return false;
    }
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        return match_token(w, v);
    case FHIR_INDEX_STRING:
        return match_string(m, w, v);
    case FHIR_INDEX_DATE:
        return fhir_match_date(w, v->date.lo, v->date.hi);
    case FHIR_INDEX_NUMBER:
        return match_number(w, v);
    case FHIR_INDEX_QUANTITY:
        return match_quantity(w, v);
    case FHIR_INDEX_URI:
        return match_uri(m, w, v);
    case FHIR_INDEX_REFERENCE:
        return match_reference(w, &v->reference, m->base);
    case FHIR_INDEX_COMPOSITE:
        return match_composite(m, w, v);
    case FHIR_INDEX_TEXT:
        return match_text(m, w, v);
    case FHIR_INDEX_OF_TYPE:
        return match_of_type(w, v);
    case FHIR_INDEX_IDENTIFIER:
        return match_token(w, v);
    case FHIR_INDEX_WORDS:
        return fhir_match_words(w, v->words.text);
    case FHIR_INDEX_POSITION:
        return fhir_distance(w, v) <= w->near.metres;
    case FHIR_INDEX_CONTAINED: /* chains alone */
        break;
    }
    return false;
}

bool fhir_match_value(Arena *arena, const FhirQueryTerm *term, const FhirIndexValue *value,
                      Str base_url) {
    if (term->param->id != value->param) {
        return false;
    }
    Matcher m = {.arena = arena, .term = term, .base = base_url};
    for (size_t i = 0; i < term->n_values; i++) {
        if (match_one(&m, &term->values[i], value)) {
            return true;
        }
    }
    return false;
}

/* ---- the whole query ----------------------------------------------------------------------------
 */

/* Takes each value as it is extracted and notes which terms it meets: nothing is kept. */
typedef struct MatchSink {
    FhirIndexSink sink;
    Arena *arena;
    const FhirQuery *query;
    const FhirMatchContext *context;
    const JsonNode *root;
    FhirContained *container; /* of the root, when a chain leads into it, or what the root is in */
    uint64_t present, met;    /* a bit for each term */
    ErrCode err;
} MatchSink;

static_assert(FHIR_QUERY_TERMS <= 64, "a bit for each term");

static bool links_to(const FhirQueryTerm *term, FhirType type) {
    for (size_t i = 0; i < term->n_links; i++) {
        if (term->links[i].type == type) {
            return true;
        }
    }
    return term->kind == FHIR_TERM_VALUES; /* :above, :below */
}

/* Asks about what the reference names; what cannot be one of ours is not asked about. */
static bool ask_link(MatchSink *m, const FhirQueryTerm *term, const FhirIndexReference *r) {
    const FhirMatchLinks *links = m->context->links;
    bool holds = false;
    bool local = r->url.len == 0 || is_own_url(r, m->context->base_url);
    if (links != NULL && m->err == ERR_OK && local && r->id.len > 0) {
        m->err = links->holds(links->ctx, term, r, &holds);
    }
    return holds;
}

/* The link of a chain at a contained resource. */
static ErrCode match_inside(MatchSink *m, const FhirQueryTerm *term, const FhirQueryLink *link,
                            const JsonNode *inner, bool *ret_holds) {
    enum { HOLDS = 1, NOT = 2 };
    const FhirMatchLinks *links = m->context->links;
    uint8_t *known = fhir_contained_answer(m->container, link->term, inner);
    if (known == NULL) {
        return ERR_NOMEM;
    }
    if (*known == 0) {
        bool ask = links != NULL && links->inside != NULL;
        FhirQuery q = {
            .type = link->type, .params = m->query->params, .terms = link->term, .n_terms = 1};
        FhirMatchContext context = {.id = STR_EMPTY,
                                    .base_url = m->context->base_url,
                                    .links =
                                        ask ? links->inside(links->ctx, term, link->type) : links,
                                    .container = m->container};
        bool holds = false;
        TRY(fhir_match(m->arena, &q, inner, &context, &holds));
        *known = holds ? HOLDS : NOT;
    }
    *ret_holds = *known == HOLDS;
    return ERR_OK;
}

/* The contained resource that the value leads to, or NULL; false: the parameter does not want it.
 */
static bool find_inside(MatchSink *m, const FhirIndexValue *value, const JsonNode **ret,
                        FhirType *ret_type) {
    if (m->container == NULL) {
        m->container = fhir_contained_new(m->arena, m->root);
    }
    if (m->container == NULL) {
        m->err = ERR_NOMEM;
        return false;
    }
    *ret = fhir_contained_find(m->container, value->contained.id, ret_type);
    return value->contained.type == FHIR_T_NONE || value->contained.type == *ret_type;
}

/* http://hl7.org/fhir/R4/search.html#contained: a chain is evaluated inside contained resources. */
static void term_contained(MatchSink *m, const FhirQueryTerm *term, uint64_t bit,
                           const FhirIndexValue *value) {
    const JsonNode *inner = NULL;
    FhirType type = FHIR_T_NONE;
    bool holds = false;
    if (m->err != ERR_OK || !find_inside(m, value, &inner, &type)) {
        return;
    }
    m->present |= bit;
    bool asks = term->kind == FHIR_TERM_CHAIN && inner != NULL && (m->met & bit) == 0;
    for (size_t i = 0; i < term->n_links && asks && !holds; i++) {
        if (term->links[i].type == type && m->err == ERR_OK) {
            m->err = match_inside(m, term, &term->links[i], inner, &holds);
        }
    }
    m->met |= holds ? bit : 0;
}

/* One value against a term that wants its parameter. */
static bool value_meets(MatchSink *m, const FhirQueryTerm *term, const FhirIndexValue *value) {
    if (!fhir_term_is_linked(term)) {
        return fhir_match_value(m->arena, term, value, m->context->base_url);
    }
    return value->kind == FHIR_INDEX_REFERENCE && links_to(term, value->reference.type) &&
           ask_link(m, term, &value->reference);
}

/* Whether the value is one of the term's, and meets it. */
static void term_value(MatchSink *m, const FhirQueryTerm *term, uint64_t bit,
                       const FhirIndexValue *value) {
    bool is_own = term->kind == FHIR_TERM_VALUES || term->kind == FHIR_TERM_CHAIN;
    for (size_t i = 0; i < term->n_links && term->kind == FHIR_TERM_ANY; i++) {
        if (term->links[i].term->param->id == value->param) {
            term_value(m, term->links[i].term, bit, value);
        }
    }
    if (!is_own || term->param->id != value->param) {
        return;
    }
    if (value->kind == FHIR_INDEX_CONTAINED) {
        term_contained(m, term, bit, value);
        return;
    }
    if (!fhir_index_is_side(value->kind)) {
        m->present |= bit;
    }
    if ((m->met & bit) == 0 && value_meets(m, term, value)) {
        m->met |= bit;
    }
}

static void match_put(FhirIndexSink *sink, const FhirIndexValue *value) {
    MatchSink *m = (MatchSink *)sink;
    assert(value->param != FHIR_P_NONE && value->param < FHIR_P_CUSTOM_END);
    for (size_t i = 0; i < m->query->n_terms; i++) {
        term_value(m, &m->query->terms[i], UINT64_C(1) << i, value);
    }
}

/* _id and _lastUpdated come from the context. */
static void put_context(MatchSink *m) {
    FhirIndexValue v;
    memset(&v, 0, sizeof v);
    v.param = FHIR_P__ID;
    v.kind = FHIR_INDEX_TOKEN;
    v.flags = FHIR_TOKEN_PLAIN;
    v.token = (FhirIndexToken){.system = STR_EMPTY, .code = m->context->id};
    match_put(&m->sink, &v);
    memset(&v, 0, sizeof v);
    v.param = FHIR_P__LAST_UPDATED;
    v.kind = FHIR_INDEX_DATE;
    v.date.lo = m->context->last_updated;
    v.date.hi = m->context->last_updated + 1;
    match_put(&m->sink, &v);
}

static bool term_holds(const FhirQueryTerm *term, bool present, bool met) {
    bool inverse = term->modifier == FHIR_MOD_NOT || term->modifier == FHIR_MOD_NOT_IN;
    return term->modifier == FHIR_MOD_MISSING ? present != term->missing : met != inverse;
}

/* What the terms need of the resource. */
static void want_term(const FhirQueryTerm *term, FhirExtractSome *some, FhirIndexSink *sink) {
    for (size_t i = 0; i < term->n_links && term->kind == FHIR_TERM_ANY; i++) {
        want_term(term->links[i].term, some, sink);
    }
    bool is_own = term->kind == FHIR_TERM_VALUES || term->kind == FHIR_TERM_CHAIN;
    if (is_own && !fhir_param_is_custom(term->param)) {
        fhir_extract_want(some, term->param->id);
    }
    sink->with_contained =
        sink->with_contained || term->kind == FHIR_TERM_CHAIN || term->modifier == FHIR_MOD_MISSING;
    sink->with_sides =
        sink->with_sides || term->modifier == FHIR_MOD_TEXT || term->modifier == FHIR_MOD_OF_TYPE ||
        term->modifier == FHIR_MOD_IDENTIFIER ||
        (term->param != NULL &&
         (term->param->type == FHIR_PARAM_WORDS || term->param->type == FHIR_PARAM_SPECIAL));
}

static bool wants_custom(const FhirQueryTerm *term) {
    return (term->kind == FHIR_TERM_VALUES || term->kind == FHIR_TERM_CHAIN) &&
           fhir_param_is_custom(term->param);
}

/* Values of parameters that the tables do not have; each parameter once. */
static ErrCode extract_custom(MatchSink *m, const JsonNode *root) {
    const FhirQuery *q = m->query;
    for (size_t i = 0; i < q->n_terms; i++) {
        const FhirSearchParam *param = q->terms[i].param;
        bool is_custom = wants_custom(&q->terms[i]);
        for (size_t k = 0; k < i; k++) {
            is_custom = is_custom && !(q->terms[k].param == param && wants_custom(&q->terms[k]));
        }
        if (is_custom) {
            assert(q->params != NULL);
            TRY(q->params->extract(q->params, m->arena, param, root, &m->sink));
        }
    }
    return ERR_OK;
}

/* _has and _list ask about the resource at hand. */
static void ask_about_itself(MatchSink *m) {
    FhirIndexReference self = {
        .type = m->query->type, .id = m->context->id, .url = STR_EMPTY, .local = -1};
    for (size_t i = 0; i < m->query->n_terms; i++) {
        const FhirQueryTerm *term = &m->query->terms[i];
        if ((term->kind == FHIR_TERM_HAS || term->kind == FHIR_TERM_LIST) &&
            ask_link(m, term, &self)) {
            m->met |= UINT64_C(1) << i;
        }
    }
}

ErrCode fhir_match(Arena *arena, const FhirQuery *query, const JsonNode *root,
                   const FhirMatchContext *context, bool *ret_matches) {
    MatchSink m = {.sink = {.put = match_put}, .arena = arena, .query = query, .context = context};
    bool is_inside = context->container != NULL;
    m.root = root;
    m.container = context->container;
    FhirExtractSome some = {.type = query->type};
    for (size_t i = 0; i < query->n_terms; i++) {
        want_term(&query->terms[i], &some, &m.sink);
    }
    if (query->n_terms > 0) {
        if (!is_inside) {
            put_context(&m);
        }
        TRY(fhir_extract_some(arena, &some, root, &m.sink));
        TRY(extract_custom(&m, root));
        if (!is_inside) {
            ask_about_itself(&m);
        }
    }
    bool all = true;
    for (size_t i = 0; i < query->n_terms && all; i++) {
        all = term_holds(&query->terms[i], (m.present >> i & 1) != 0, (m.met >> i & 1) != 0);
    }
    *ret_matches = all;
    return m.err;
}

/* The nearest double; false when the text is no number. Long texts go through Decimal, which reads
 * what fhir_match reads. */
static bool to_double(Str decimal, double *ret) {
    char text[64];
    char *end;
    Decimal d;
    if (decimal.len >= sizeof text) {
        bool ok = decimal_parse(decimal, &d) == ERR_OK;
        *ret = ok ? decimal_to_double(d) : 0;
        return ok;
    }
    memcpy(text, decimal.ptr, decimal.len);
    text[decimal.len] = '\0';
    *ret = strtod(text, &end);
    return decimal.len > 0 && end == text + decimal.len && *ret == *ret;
}

uint64_t fhir_double_sort_key(double d) {
    d = d == 0 ? 0 : d; /* -0 and 0 are one value */
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    static_assert(sizeof bits == sizeof d, "the bits of a double");
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

uint64_t fhir_quantity_sort_key(Str decimal) {
    double d;
    return to_double(decimal, &d) ? fhir_double_sort_key(d) : 0;
}
