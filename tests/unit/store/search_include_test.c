/* Includes with :iterate and * against a model: the references of all current resources are read
 * from their texts, and the closure is worked out by rounds over the whole world. */
#include "unit/store/search_world.h"

#include "fhir/fhir_extract.h"

enum { EDGES_MAX = 30000, ROUNDS = 60 };

typedef struct Edge { /* resource `from` refers to resource `to` by the parameter */
    int from, to;
    FhirParamId param;
} Edge;

typedef struct Graph {
    World *w;
    Slot newest[RESOURCES_MAX];
    Edge edges[EDGES_MAX];
    size_t n;
    int from; /* being read */
} Graph;

typedef struct EdgeSink {
    FhirIndexSink sink;
    Graph *graph;
} EdgeSink;

static void edge_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    Graph *g = ((EdgeSink *)sink)->graph;
    if (v->kind != FHIR_INDEX_REFERENCE || v->reference.url.len > 0) {
        return;
    }
    for (int i = 0; i < g->w->n; i++) {
        const Known *k = &g->w->resources[i];
        if (k->type == v->reference.type && str_eq(k->id, v->reference.id) && g->newest[i] != 0) {
            assert_true(g->n < EDGES_MAX);
            g->edges[g->n++] = (Edge){g->from, i, v->param};
            return;
        }
    }
}

static void read_graph(World *w, Graph *g) {
    memset(g, 0, sizeof(*g));
    g->w = w;
    for (int i = 0; i < w->n_versions; i++) {
        g->newest[w->versions[i].resource] = w->versions[i].deleted ? 0 : w->versions[i].slot;
    }
    CLEANUP_ARENA Arena *arena = arena_new((size_t)1 << 26);
    for (g->from = 0; g->from < w->n; g->from++) {
        StoreVersion v;
        const JsonNode *root = NULL;
        EdgeSink sink = {{.put = edge_put}, g};
        if (g->newest[g->from] == 0) {
            continue;
        }
        arena_reset(arena);
        assert_ok(store_get_slot(w->home.store, arena, g->newest[g->from], &v));
        assert_ok(json_parse(arena, v.json, &root, NULL));
        assert_ok(fhir_extract(arena, v.type, root, &sink.sink));
    }
}

static bool edge_fits(const Graph *g, const FhirInclude *in, const Edge *e) {
    FhirType from = g->w->resources[e->from].type;
    FhirType to = g->w->resources[e->to].type;
    return (in->source == FHIR_T_NONE || in->source == from) &&
           (in->param == NULL || in->param->id == e->param) &&
           (in->target == FHIR_T_NONE || in->target == to);
}

/* The closure: level[i] = 0 not reached, 1 hit, 2… included in that round. */
static size_t closure(const Graph *g, const FhirQuery *q, int *level) {
    size_t n = 0;
    for (int round = 1;; round++) {
        size_t before = n;
        for (size_t i = 0; i < q->n_includes; i++) {
            const FhirInclude *in = &q->includes[i];
            for (size_t k = 0; k < g->n && (round == 1 || in->is_iterate); k++) {
                int near = in->is_reverse ? g->edges[k].to : g->edges[k].from;
                int far = in->is_reverse ? g->edges[k].from : g->edges[k].to;
                if (level[near] == round && level[far] == 0 && edge_fits(g, in, &g->edges[k])) {
                    level[far] = round + 1;
                    n++;
                }
            }
        }
        if (n == before) {
            return n;
        }
    }
}

static const struct {
    FhirType type;
    const char *includes[8];
} KINDS[] = {
    {FHIR_T_OBSERVATION,
     {"_include=Observation:subject", "_include=*", "_include=Observation:*:Encounter",
      "_include:iterate=Patient:general-practitioner", "_include:iterate=*",
      "_revinclude=Observation:has-member", "_include:recurse=Encounter:service-provider",
      "_revinclude:iterate=Condition:encounter"}},
    {FHIR_T_ENCOUNTER,
     {"_revinclude=Observation:encounter", "_revinclude=Condition:*", "_include=Encounter:patient",
      "_include:iterate=Patient:*", "_revinclude:iterate=Encounter:patient",
      "_revinclude:iterate=Observation:patient:Patient", "_include=Encounter:*",
      "_include=Encounter:service-provider:Organization"}},
    {FHIR_T_PRACTITIONER,
     {"_revinclude=Patient:general-practitioner", "_revinclude:iterate=Encounter:subject",
      "_revinclude=*", "_revinclude:iterate=Observation:*", "_include:iterate=Encounter:*",
      "_revinclude=Patient:*:Practitioner", "_revinclude:iterate=Condition:subject:Patient",
      "_revinclude=Patient:general-practitioner:Practitioner"}},
};

static void check_include(World *w, const Graph *g, size_t *ret_included) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 4096);
    arena_reset(w->arena);
    unsigned kind = below(w, ARRAY_LEN(KINDS));
    for (unsigned n = 1 + below(w, 3), i = 0; i < n; i++) {
        buf_printf(&text, "%s%s", i > 0 ? "&" : "", KINDS[kind].includes[below(w, 8)]);
    }
    FhirQuery q;
    FhirQueryScope scope = {.type = KINDS[kind].type, .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, buf_str(&text), &q));
    StoreSearch search = {.query = &q, .count = 1 + below(w, 12)};
    StorePage page = {0};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    static int level[RESOURCES_MAX];
    memset(level, 0, sizeof(level));
    for (int i = 0; i < w->n; i++) {
        for (size_t k = 0; k < page.n_matches; k++) {
            level[i] = level[i] || page.matches[k].slot == g->newest[i] ? 1 : 0;
        }
    }
    size_t n = closure(g, &q, level);
    if (n != page.n_includes) {
        print_error("%s: %zu included, the model has %zu\n", buf_cstr(&text), page.n_includes, n);
    }
    assert_int_equal(page.n_includes, n);
    for (size_t k = 0; k < page.n_includes; k++) {
        int at = 0;
        while (at < w->n && (g->newest[at] == 0 || g->newest[at] != page.includes[k].slot)) {
            at++;
        }
        assert_true(at < w->n && level[at] > 1);
        level[at] = -1; /* once */
    }
    *ret_included += n;
}

static void run_world(uint64_t seed, unsigned seal_records, int commits) {
    static Graph graph;
    World *w = world_new(seed_of(seed), seal_records);
    for (int i = 0; i < commits; i++) {
        commit_any(w);
    }
    store_settle(w->home.store);
    read_graph(w, &graph);
    size_t included = 0;
    for (int i = 0; i < ROUNDS; i++) {
        check_include(w, &graph, &included);
    }
    assert_true(included > ROUNDS * 2);
    world_free(w);
}

static void includes_are_the_closure_over_segments(void **state) {
    (void)state;
    run_world(21, 5, 200);
}

static void includes_are_the_closure_in_the_tail(void **state) {
    (void)state;
    run_world(22, 100000, 120);
}

/* Two organizations that are part of each other. */
static void circles_end_and_limits_say_so(void **state) {
    (void)state;
    World *w = small_world();
    for (int i = 0; i < 2; i++) {
        StoreChange change = create(
            FHIR_T_ORGANIZATION,
            home_text(&w->home,
                      "{\"resourceType\":\"Organization\",\"name\":\"Vòng\",\"partOf\":"
                      "{\"reference\":\"Organization/ring-%d\"}}",
                      1 - i));
        change.id = home_text(&w->home, "ring-%d", i);
        assert_ok(commit_some(&w->home, &change, 1, NULL));
    }
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_ORGANIZATION, "_id=ring-0&_include:iterate=Organization:partof", 5, &page));
    assert_int_equal(page.n_includes, 1);
    assert_false(page.includes_cut);
    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "_id=ring-0&_include:iterate=*&_revinclude:iterate=Organization:*", 5, &page));
    assert_int_equal(page.n_includes, 1);
    add_visits(w, 6);
    w->home.options.include_max = 4;
    home_reopen(&w->home);
    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "_id=org-1&_revinclude=Patient:organization&_revinclude:iterate=Encounter:subject",
                  5, &page));
    assert_int_equal(page.n_includes, 4);
    assert_true(page.includes_cut);
    world_free(w);
}

static void what_is_no_include_is_refused(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "_include=Patient:name",      "_include=Observation:subject:Medication", "_include=Nobody:*",
        "_include=Encounter:patient", "_include:exact=Observation:subject",      "_include=Observation",
        "_revinclude=Patient:organization", "_include=*:*",
    };
    CLEANUP_ARENA Arena *arena = arena_new((size_t)1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        FhirQuery q;
        FhirQueryScope scope = {.type = FHIR_T_OBSERVATION};
        assert_int_equal(fhir_query_parse(arena, &scope, str_from(BAD[i]), &q), ERR_PARAM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_end_and_limits_say_so),
        cmocka_unit_test(what_is_no_include_is_refused),
        cmocka_unit_test(includes_are_the_closure_over_segments),
        cmocka_unit_test(includes_are_the_closure_in_the_tail),
    };
    return cmocka_run_group_tests_name("store/search_include", tests, NULL, NULL);
}
