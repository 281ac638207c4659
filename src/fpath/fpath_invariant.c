#include "fpath/fpath_invariant.h"

#include "core/embed.h"
#include "core/limits.h"
#include "core/thread.h"
#include "core/tsv.h"
#include "fhir/fhir_parse.h"
#include "fpath/fpath_int.h"

EMBED(fpath_invariants, "gen/data/fhir/invariants.tsv")
EMBED(fpath_invariants_vi, "gen/data/fhir/invariants_vi.tsv")

enum { INVARIANTS_MAX = 512, ARENA_MAX = 8 << 20 };

/* R4's text is wrong; what stands here is what was meant. */
static const struct {
    const char *key, *expression;
} CORRECTED[] = {
    /* as written, the precedence of & and in makes it a search for '#' (R4B, R5) */
    {"dom-3",
     "contained.where((('#'+id.trace('id') in %resource.descendants().reference) or ('#'+id in "
     "%resource.descendants().as(canonical)) or ('#'+id in %resource.descendants().as(uri)) or "
     "('#'+id in %resource.descendants().as(url)) or descendants().where(reference = '#').exists() "
     "or descendants().where(as(canonical) = '#').exists() or descendants().where(as(uri) = "
     "'#').exists()).not()).trace('unmatched', id).empty()"},
    /* partial dates that overlap have no order: the period is in order when it can be (R5) */
    {"per-1", "start.hasValue().not() or end.hasValue().not() or "
              "(start.lowBoundary() <= end.highBoundary())"},
    /* without `reference` the rule as written is empty; '#' alone means the container (R5) */
    {"ref-1", "reference.exists() implies (reference.startsWith('#').not() or "
              "(reference.substring(1) in %rootResource.contained.id) or "
              "(reference = '#' and %resource != %rootResource))"},
    /* without a probability the rule as written is empty */
    {"ras-2", "probability.empty() or (probability is decimal implies "
              "(probability as decimal) <= 100)"},
    /* FHIR's boolean is no System.Boolean */
    {"que-7", "operator = 'exists' implies (answer is boolean)"},
};

/* Of each shape, those of its own and of its bases. */
static struct {
    Arena *arena;
    FpathInvariant items[INVARIANTS_MAX];
    unsigned n;
    const FpathInvariant *const *of_shape[FHIR_SHAPE_COUNT];
} all;

static const FpathInvariant *const NOTHING[] = {NULL};

static bool is_structural(Str key) {
    static const char *const KEYS[] = {"ele-1", "ext-1", "txt-1", "txt-2",
                                       "dom-2", "dom-4", "dom-5"};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        if (str_eq(key, str_from(KEYS[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- loading */

/* The shape of the value at the path and, when the path is no shape's own name, its element. */
static bool find_place(Str path, FpathInvariant *out) {
    size_t dot = path.len;
    while (dot > 0 && path.ptr[dot - 1] != '.') {
        dot--;
    }
    if (dot == 0) {
        out->shape = (FhirShape)fhir_type_by_name(path);
        return out->shape != 0;
    }
    FhirShape owner = fhir_shape_at(str_sub(path, 0, dot - 1));
    Str name = str_sub(path, dot, path.len);
    const FhirElement *e = NULL;
    if (owner != 0 && str_ends(name, STR("[x]"))) {
        /* a rule about the type that has members (RiskAssessment: Range, not decimal) */
        const FhirShapeInfo *info = fhir_shape(owner);
        for (unsigned i = 0; i < info->n_elements; i++) {
            bool same = info->elements[i].choice != 0 &&
                        str_eq((Str){info->elements[i].name, info->elements[i].base_len},
                               str_sub(name, 0, name.len - 3));
            if (same && info->elements[i].kind == FHIR_KIND_COMPLEX) {
                e = &info->elements[i];
            }
        }
    } else if (owner != 0) {
        e = fhir_element(owner, name);
    }
    if (e == NULL) {
        return false;
    }
    out->shape = e->shape;
    out->element = fhir_shape(e->shape)->kind == FHIR_KIND_GROUP ? NULL : e;
    return true;
}

static Str expression_of(Str key, Str written) {
    for (size_t i = 0; i < ARRAY_LEN(CORRECTED); i++) {
        if (str_eq(key, str_from(CORRECTED[i].key))) {
            return str_from(CORRECTED[i].expression);
        }
    }
    return written;
}

/* The rule in Vietnamese, by "key" or, where keys are used twice, "key:path". */
static Str in_vietnamese(Str key, Str path) {
    TsvReader r;
    if (tsv_init(&r, embed_fpath_invariants_vi(), NULL) != ERR_OK) {
        return STR_EMPTY;
    }
    while (tsv_next(&r)) {
        Str keys = tsv_get(&r, 0);
        Str one;
        while (str_cut(&keys, ',', &one)) {
            bool longer = one.len == key.len + 1 + path.len && one.ptr[key.len] == ':';
            if (str_eq(one, key) || (longer && str_starts(one, key) && str_ends(one, path))) {
                return tsv_get(&r, 1);
            }
        }
    }
    return STR_EMPTY;
}

static void add_row(const TsvReader *r) {
    static const FpathOptions options = {.as_filters = true};
    Str key = tsv_get(r, 0);
    Str en = tsv_get(r, 4);
    FpathInvariant v = {.is_warning = str_eq(tsv_get(r, 1), STR("warning")),
                        .is_structural = is_structural(key),
                        .key = arena_str(all.arena, key).ptr,
                        .en = arena_str(all.arena, en).ptr};
    v.vi = arena_str(all.arena, in_vietnamese(key, tsv_get(r, 2))).ptr;
    if (all.n < INVARIANTS_MAX && find_place(tsv_get(r, 2), &v) &&
        fpath_compile(all.arena, expression_of(key, tsv_get(r, 3)), &options, &v.expr, NULL) ==
            ERR_OK) {
        all.items[all.n++] = v;
    }
}

static void list_of_shape(FhirShape shape) {
    const FpathInvariant *list[INVARIANTS_MAX + 1];
    unsigned n = 0;
    for (unsigned i = 0; i < all.n; i++) {
        if (fpath_shape_is(shape, all.items[i].shape)) {
            list[n++] = &all.items[i];
        }
    }
    list[n++] = NULL;
    const FpathInvariant **copy = arena_alloc(all.arena, n * sizeof(*copy));
    if (copy != NULL && n > 1) {
        memcpy(copy, list, n * sizeof(*copy));
        all.of_shape[shape] = copy;
    }
}

static void load(void) {
    all.arena = arena_new(ARENA_MAX);
    TsvReader r;
    if (all.arena == NULL || tsv_init(&r, embed_fpath_invariants(), NULL) != ERR_OK) {
        return;
    }
    while (tsv_next(&r)) {
        add_row(&r);
    }
    for (unsigned shape = 1; shape < FHIR_SHAPE_COUNT; shape++) {
        list_of_shape((FhirShape)shape);
    }
}

static void need_loaded(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
}

const FpathInvariant *const *fpath_invariants(FhirShape shape) {
    need_loaded();
    assert(shape < FHIR_SHAPE_COUNT);
    return all.of_shape[shape] != NULL ? all.of_shape[shape] : NOTHING;
}
unsigned fpath_invariant_count(void) {
    need_loaded();
    return all.n;
}

/* ---- one walk over a resource */

typedef struct Walk {
    Arena *scratch;
    FpathEnv env;
    const FpathBreaches *breaches;
} Walk;

static void evaluate(Walk *w, const FpathInvariant *v, const FpathItem *item) {
    ErrInfo info = {0};
    FpathSeq seq = {NULL, 0};
    bool holds = false;
    w->env.context = *item;
    ErrCode err = fpath_eval(w->scratch, v->expr, &w->env, &seq, &info);
    if (err == ERR_OK) {
        err = fpath_to_bool(seq, &holds);
    }
    if (err != ERR_OK || !holds) {
        FpathBreach breach = {v, item, err != ERR_OK ? &info : NULL};
        w->breaches->report(w->breaches->ctx, &breach);
    }
}

static void check_item(Walk *w, const FpathItem *item, const FhirElement *element) {
    for (const FpathInvariant *const *v = fpath_invariants(item->shape); *v != NULL; v++) {
        bool here = (*v)->element == NULL || (*v)->element == element;
        if (here && (!(*v)->is_structural || w->breaches->structural)) {
            evaluate(w, *v, item);
        }
    }
}

static void walk_object(Walk *w, const FpathItem *object);

/* A resource inside another: contained ones have the outer one as %rootResource. */
static void walk_resource(Walk *w, const FpathItem *resource, bool contained) {
    FpathItem outer[2] = {w->env.resource, w->env.root_resource};
    w->env.resource = *resource;
    if (!contained) {
        w->env.root_resource = *resource;
    }
    check_item(w, resource, NULL);
    walk_object(w, resource);
    w->env.resource = outer[0];
    w->env.root_resource = outer[1];
}

static void walk_value(Walk *w, const FhirElement *e, const JsonNode *value, const JsonNode *root) {
    FpathItem item = fpath_node_item(e->shape, value, root);
    if (e->kind == FHIR_KIND_PRIMITIVE) {
        check_item(w, &item, e);
    } else if (json_is(value, JSON_OBJECT)) {
        if (e->shape == FHIR_T_RESOURCE) {
            walk_resource(w, &item, str_eq((Str){e->name, e->name_len}, STR("contained")));
        } else {
            check_item(w, &item, e);
            walk_object(w, &item);
        }
    }
}

static void walk_object(Walk *w, const FpathItem *object) {
    const JsonNode *node = object->node;
    for (const JsonNode *m = json_first(node); m != NULL; m = json_next(node, m)) {
        const JsonNode *value = json_value(m);
        const FhirElement *e = fhir_element(object->shape, (Str){m->text, m->len});
        if (e == NULL) {
            continue;
        }
        if (value->type != JSON_ARRAY) {
            walk_value(w, e, value, object->root);
            continue;
        }
        for (const JsonNode *v = json_first(value); v != NULL; v = json_next(value, v)) {
            if (v->type != JSON_NULL) {
                walk_value(w, e, v, object->root);
            }
        }
    }
}

ErrCode fpath_invariants_check(Arena *scratch, const JsonNode *resource, const FpathEnv *env,
                               const FpathBreaches *breaches) {
    FpathItem root = fpath_item_resource(resource);
    Walk w = {.scratch = scratch, .env = *env, .breaches = breaches};
    w.env.resource = w.env.root_resource = root;
    w.env.input = NULL;
    walk_resource(&w, &root, false);
    bool failed = arena_failed(scratch);
    arena_reset(scratch);
    return failed ? ERR_NOMEM : ERR_OK;
}
