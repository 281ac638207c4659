/* _include and _revinclude of one step: resources that the hits refer to, or that refer to the
 * hits, each once, in the version current at the search's snapshot. A page has limits.include_max
 * of them; when there is one more it says so (includes_cut). */
#include "store/search_int.h"

#include "core/limits.h"
#include "fhir/fhir_extract.h"

typedef struct Includes {
    Search *s;
    StorePage *page;
    Slot *seen; /* open addressing, slots of hits and of what was looked at */
    size_t mask, n_seen;
    size_t capacity;
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
    ErrCode err = search_fetch(s, slot, &v);
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

/* ---- _include ---- */

typedef struct RefSink {
    FhirIndexSink sink;
    Includes *in;
    const FhirInclude *include;
    ErrCode err;
} RefSink;

static void ref_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    RefSink *r = (RefSink *)sink;
    Search *s = r->in->s;
    if (r->err != ERR_OK || v->kind != FHIR_INDEX_REFERENCE || v->param != r->include->param->id) {
        return;
    }
    const FhirIndexReference *ref = &v->reference;
    bool wanted = r->include->target == FHIR_T_NONE || r->include->target == ref->type;
    if (!wanted || ref->id.len == 0 || ref->url.len > 0 || ref->type == FHIR_T_NONE) {
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

static ErrCode include_of(Includes *in, const FhirInclude *include, const StoreVersion *hit) {
    if (hit->type != include->source) {
        return ERR_OK;
    }
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_RESOURCE_BYTES * 8);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    const JsonNode *root = NULL;
    RefSink sink = {{.put = ref_put}, in, include, ERR_OK};
    TRY(json_parse(arena, hit->json, &root, NULL));
    TRY(fhir_extract(arena, hit->type, root, &sink.sink));
    return sink.err;
}

/* ---- _revinclude: a search of the source type for references to the hits ---- */

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
    const StorePage *page = in->page;
    term->values = arena_new_array(in->s->plan_arena, FhirQueryValue, page->n_matches + 1);
    if (term->values == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < page->n_matches; i++) {
        const StoreVersion *hit = &page->matches[i];
        if (fhir_search_param_targets(include->param, hit->type)) {
            FhirQueryValue *v = &term->values[term->n_values++];
            v->kind = FHIR_INDEX_REFERENCE;
            v->reference = (FhirIndexReference){.type = hit->type, .id = hit->id, .local = -1};
        }
    }
    return ERR_OK;
}

static ErrCode revinclude(Includes *in, const FhirInclude *include) {
    FhirQueryTerm term = {.param = include->param};
    TRY(rev_values(in, include, &term));
    if (term.n_values == 0) {
        return ERR_OK;
    }
    FhirQuery query = {.type = include->source, .n_terms = 1, .terms = &term};
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

ErrCode search_include(Search *s, StorePage *page) {
    const FhirQuery *q = s->query;
    if (q->n_includes == 0 || page->n_matches == 0) {
        return ERR_OK;
    }
    size_t size = 64;
    while (size < 2 * (page->n_matches + s->limits.include_max + 1)) {
        size *= 2;
    }
    Includes in = {.s = s, .page = page, .mask = size - 1};
    in.seen = arena_new_array(s->plan_arena, Slot, size);
    if (in.seen == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < page->n_matches; i++) {
        (void)note(&in, page->matches[i].slot);
    }
    for (size_t i = 0; i < q->n_includes && !page->includes_cut; i++) {
        if (q->includes[i].is_reverse) {
            TRY(revinclude(&in, &q->includes[i]));
        }
        for (size_t k = 0; k < page->n_matches && !q->includes[i].is_reverse && !page->includes_cut;
             k++) {
            TRY(include_of(&in, &q->includes[i], &page->matches[k]));
        }
    }
    return ERR_OK;
}
