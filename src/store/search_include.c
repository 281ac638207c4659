/* _include and _revinclude: resources that the hits refer to, or that refer to the hits, each once,
 * in the version current at the search's snapshot. What is included is looked at in waves: the
 * first wave are the hits, a later one what the wave before brought, for includes with :iterate;
 * a resource is in one wave only, so circles end. A page has limits.include_max included
 * resources; when there is one more it says so (includes_cut). */
#include "store/search_int.h"

#include "core/limits.h"
#include "fhir/fhir_extract.h"

typedef struct Includes {
    Search *s;
    StorePage *page;
    Slot *seen; /* open addressing, slots of hits and of what was looked at */
    size_t mask, n_seen;
    size_t capacity;
    /* the wave */
    const StoreVersion *wave;
    size_t n_wave;
    bool is_first;
} Includes;

/* True when the slot is new. References to the wrong type can fill the table, too: it never gets
 * more than three quarters full. */
static bool note(Includes *in, Slot slot) {
    size_t i = hash64((Str){(const char *)&slot, sizeof(slot)}) & in->mask;
    while (in->seen[i] != 0 && in->seen[i] != slot) {
        i = (i + 1) & in->mask;
    }
    if (in->seen[i] != 0) {
        return false;
    }
    if (in->n_seen >= in->mask / 4 * 3) {
        in->page->includes_cut = true;
        return false;
    }
    in->seen[i] = slot;
    in->n_seen++;
    return true;
}

static ErrCode includes_reserve(Includes *in) {
    StorePage *page = in->page;
    if (page->n_includes < in->capacity) {
        return ERR_OK;
    }
    size_t capacity = in->capacity * 2 + 16;
    StoreVersion *more = arena_new_array(in->s->out, StoreVersion, capacity);
    if (more == NULL) {
        return ERR_NOMEM;
    }
    if (page->n_includes > 0) {
        memcpy(more, page->includes, page->n_includes * sizeof(*more));
    }
    page->includes = more;
    in->capacity = capacity;
    return ERR_OK;
}

static ErrCode add(Includes *in, Slot slot, FhirType type) {
    Search *s = in->s;
    StorePage *page = in->page;
    if (page->includes_cut || !note(in, slot)) {
        return ERR_OK;
    }
    TRY(includes_reserve(in));
    StoreVersion v;
    ErrCode err = search_fetch(s, type, slot, &v);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && (v.deleted || v.type != type))) {
        return ERR_OK; /* a reference to what is not here */
    }
    if (err == ERR_OK && page->n_includes == s->limits.include_max) {
        page->includes_cut = true;
    } else if (err == ERR_OK) {
        page->includes[page->n_includes++] = v;
    }
    return err;
}

/* Is the include carried out on this wave? */
static bool is_due(const Includes *in, const FhirInclude *include, bool is_reverse) {
    return include->is_reverse == is_reverse && (in->is_first || include->is_iterate);
}

/* ---- _include ---- */

typedef struct RefSink {
    FhirIndexSink sink;
    Includes *in;
    const StoreVersion *from;
    ErrCode err;
} RefSink;

static bool is_wanted(const RefSink *r, FhirParamId param, FhirType target) {
    const FhirQuery *q = r->in->s->query;
    for (size_t i = 0; i < q->n_includes; i++) {
        const FhirInclude *in = &q->includes[i];
        if (is_due(r->in, in, false) &&
            (in->source == FHIR_T_NONE || in->source == r->from->type) &&
            (in->param == NULL || in->param->id == param) &&
            (in->target == FHIR_T_NONE || in->target == target)) {
            return true;
        }
    }
    return false;
}

static void ref_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    RefSink *r = (RefSink *)sink;
    Search *s = r->in->s;
    const FhirIndexReference *ref = &v->reference;
    if (r->err != ERR_OK || v->kind != FHIR_INDEX_REFERENCE || ref->id.len == 0 ||
        ref->url.len > 0 || ref->type == FHIR_T_NONE || !is_wanted(r, v->param, ref->type)) {
        return;
    }
    Slot first = store_resolve(s->store, ref->type, ref->id);
    Slot slot = 0;
    if (first != 0) {
        r->err = search_current(s, first, &slot);
    }
    if (r->err == ERR_OK && slot != 0) {
        r->err = add(r->in, slot, ref->type);
    }
}

/* References of custom parameters that are named; * means those of the tables. */
static ErrCode include_custom(RefSink *r, Arena *arena, const JsonNode *root) {
    const FhirQuery *q = r->in->s->query;
    for (size_t i = 0; i < q->n_includes; i++) {
        const FhirInclude *in = &q->includes[i];
        if (in->param != NULL && fhir_param_is_custom(in->param) && is_due(r->in, in, false) &&
            in->source == r->from->type) {
            TRY(q->params->extract(q->params, arena, in->param, root, &r->sink));
        }
    }
    return ERR_OK;
}

static ErrCode include_of(Includes *in, const StoreVersion *from) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_RESOURCE_BYTES * 8);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    const JsonNode *root = NULL;
    RefSink sink = {{.put = ref_put}, in, from, ERR_OK};
    TRY(json_parse(arena, from->json, &root, NULL));
    TRY(fhir_extract(arena, from->type, root, &sink.sink));
    TRY(include_custom(&sink, arena, root));
    return sink.err;
}

/* The wave's resources from which some include begins. */
static ErrCode include_wave(Includes *in) {
    const FhirQuery *q = in->s->query;
    for (size_t k = 0; k < in->n_wave && !in->page->includes_cut; k++) {
        bool begins = false;
        for (size_t i = 0; i < q->n_includes; i++) {
            const FhirInclude *include = &q->includes[i];
            begins =
                begins || (is_due(in, include, false) &&
                           (include->source == FHIR_T_NONE || include->source == in->wave[k].type));
        }
        TRY(begins ? include_of(in, &in->wave[k]) : ERR_OK);
    }
    return ERR_OK;
}

/* ---- _revinclude: a search of the source type for references to the wave ---- */

typedef struct RevPut {
    Includes *in;
    Search *s; /* of the source type */
} RevPut;

static ErrCode rev_put(void *ctx, const WalkBatch *batch) {
    RevPut *r = ctx;
    for (size_t i = 0; i < batch->n; i++) {
        Slot slot = batch->base + batch->slots[i];
        bool is_match = false;
        TRY(search_verify(r->s, slot, &is_match));
        if (is_match) { /* both searches share one record arena */
            r->in->s->record = r->s->record;
            TRY(add(r->in, slot, r->s->query->type));
            r->s->record = r->in->s->record;
        }
        if (r->in->page->includes_cut) {
            return ERR_STOPPED;
        }
    }
    return ERR_OK;
}

static ErrCode rev_values(Includes *in, const FhirInclude *include, FhirQueryTerm *term) {
    term->values = arena_new_array(in->s->plan_arena, FhirQueryValue, in->n_wave + 1);
    if (term->values == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < in->n_wave; i++) {
        const StoreVersion *hit = &in->wave[i];
        if (fhir_search_param_targets(term->param, hit->type) &&
            (include->target == FHIR_T_NONE || include->target == hit->type)) {
            FhirQueryValue *v = &term->values[term->n_values++];
            v->kind = FHIR_INDEX_REFERENCE;
            v->reference = (FhirIndexReference){.type = hit->type, .id = hit->id, .local = -1};
        }
    }
    return ERR_OK;
}

static ErrCode revinclude(Includes *in, const FhirInclude *include, FhirType source,
                          const FhirSearchParam *param) {
    FhirQueryTerm term = {.param = param};
    TRY(rev_values(in, include, &term));
    if (term.n_values == 0) {
        return ERR_OK;
    }
    FhirQuery query = {
        .type = source, .params = in->s->query->params, .n_terms = 1, .terms = &term};
    Search s = *in->s;
    s.query = &query;
    s.clauses = NULL;
    s.n_clauses = s.clauses_max = 0;
    s.of_type = s.is_empty = s.is_unsure = s.ascending = false;
    TRY(search_plan(&s));
    RevPut put = {in, &s};
    ErrCode err = search_walk(&s, 0, rev_put, &put);
    in->s->work = s.work;
    in->s->record = s.record;
    return err;
}

/* Every reference parameter of the type. */
static ErrCode revinclude_type(Includes *in, const FhirInclude *include, FhirType source) {
    size_t n;
    const FhirSearchParam *params = fhir_search_params(source, &n);
    for (size_t i = 0; i < n && !in->page->includes_cut; i++) {
        if (params[i].type == FHIR_PARAM_REFERENCE) {
            TRY(revinclude(in, include, source, &params[i]));
        }
    }
    return ERR_OK;
}

static ErrCode revinclude_all(Includes *in, const FhirInclude *include) {
    if (include->param != NULL) {
        return revinclude(in, include, include->source, include->param);
    }
    if (include->source != FHIR_T_NONE) {
        return revinclude_type(in, include, include->source);
    }
    for (int t = 1; t <= FHIR_RESOURCE_COUNT && !in->page->includes_cut; t++) {
        TRY(revinclude_type(in, include, (FhirType)t));
    }
    return ERR_OK;
}

/* ---- waves ---- */

static ErrCode includes_init(Includes *in) {
    StorePage *page = in->page;
    size_t size = 64;
    while (size < 2 * (page->n_matches + in->s->limits.include_max + 1)) {
        size *= 2;
    }
    in->mask = size - 1;
    in->seen = arena_new_array(in->s->plan_arena, Slot, size);
    if (in->seen == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < page->n_matches; i++) {
        (void)note(in, page->matches[i].slot);
    }
    return ERR_OK;
}

static ErrCode run_wave(Includes *in) {
    const FhirQuery *q = in->s->query;
    for (size_t i = 0; i < q->n_includes && !in->page->includes_cut; i++) {
        if (is_due(in, &q->includes[i], true)) {
            TRY(revinclude_all(in, &q->includes[i]));
        }
    }
    return include_wave(in);
}

/* What the last wave added: copied, because the page's list moves when it grows. */
static ErrCode next_wave(Includes *in, size_t from) {
    size_t n = in->page->n_includes - from;
    StoreVersion *wave = arena_new_array(in->s->plan_arena, StoreVersion, n + 1);
    if (wave == NULL) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(wave, in->page->includes + from, n * sizeof(*wave));
    }
    in->wave = wave;
    in->n_wave = n;
    in->is_first = false;
    return ERR_OK;
}

ErrCode search_include(Search *s, StorePage *page) {
    if (s->query->n_includes == 0 || page->n_matches == 0) {
        return ERR_OK;
    }
    Includes in = {
        .s = s, .page = page, .wave = page->matches, .n_wave = page->n_matches, .is_first = true};
    TRY(includes_init(&in));
    while (in.n_wave > 0 && !page->includes_cut) {
        size_t from = page->n_includes;
        TRY(run_wave(&in));
        TRY(next_wave(&in, from));
    }
    return ERR_OK;
}
