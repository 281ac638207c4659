/* Search parameters that come at run time: the same answers as a built-in one with the same
 * expression, before and behind the writes, over segments, restarts, rebuilds and retirement. */
#include "unit/store/search_world.h"

#include "store/store_params.h"

#include <dirent.h>

/* A definition that repeats a built-in parameter under another code. */
typedef struct Twin {
    FhirType type;
    const char *built_in, *code, *kind, *expression;
    const char *values[4];
    const char *components; /* of a composite */
} Twin;

#define R4_PARAM "http://hl7.org/fhir/SearchParameter/"
#define OWN_PARAM "http://nhip.example/sp/"
#define COMPONENTS(a, a_expression, b, b_expression)                                               \
    ",\"component\":[{\"definition\":\"" a "\",\"expression\":\"" a_expression                   \
    "\"},{\"definition\":\"" b "\",\"expression\":\"" b_expression "\"}]"

static const Twin TWINS[] = {
    {FHIR_T_OBSERVATION, "code", "my-code", "token", "Observation.code",
     {"a1", "urn:x%7Cb2", "%7Cc3", "urn:y%7C"}, NULL},
    {FHIR_T_OBSERVATION, "date", "my-date", "date",
     "Observation.effective", {"2024-01-01", "ge2024-01-15", "lt2024", "ne2024-01"}, NULL},
    {FHIR_T_OBSERVATION, "value-quantity", "my-value", "quantity",
     "(Observation.value as Quantity) | (Observation.value as SampledData)",
     {"5.4", "gt5", "le5%7Curn:u%7Cmmol/L", "ne120"}, NULL},
    {FHIR_T_PATIENT, "name", "my-name", "string", "Patient.name",
     {"nguyen", "an", "thi%20b", "le"}, NULL},
    {FHIR_T_PATIENT, "birthdate", "my-birth", "date", "Patient.birthDate",
     {"2024", "ge2024-02", "2023-12-31", "sa2024-01-02"}, NULL},
    {FHIR_T_PATIENT, "identifier", "my-id", "token", "Patient.identifier",
     {"P1", "urn:x%7CP2", "%7CP3", "urn:y%7C"}, NULL},
    {FHIR_T_ENCOUNTER, "service-provider", "my-provider", "reference",
     "Encounter.serviceProvider", {"Organization/nobody", "other-1", "Organization/other-5", "x"}, NULL},
    {FHIR_T_CONDITION, "patient", "my-patient", "reference",
     "Condition.subject.where(resolve() is Patient)",
     {"chosen-0", "Patient/chosen-8", "chosen-12", "Patient/nobody"}, NULL},
    /* of R4's parameters, and of one's own that is stored later */
    {FHIR_T_OBSERVATION, "code-value-quantity", "my-code-value", "composite", "Observation",
     {"a1$5.4", "urn:x%7Cb2$gt3", "%7Cc3$lt100%7C%7Cmg", "b2$ne5,d4$ge0"},
     COMPONENTS(R4_PARAM "clinical-code", "code", R4_PARAM "Observation-value-quantity",
                "value.ofType(Quantity)")},
    {FHIR_T_OBSERVATION, "code-value-quantity", "my-pair", "composite", "Observation",
     {"a1$5.4", "urn:x%7Cb2$gt3", "%7Cc3$lt100%7C%7Cmg", "urn:y%7C$ne5"},
     COMPONENTS(OWN_PARAM "my-late", "code", R4_PARAM "Observation-value-quantity|4.0.1",
                "value as Quantity")},
    {FHIR_T_OBSERVATION, "code", "my-late", "token", "Observation.code",
     {"a1", "urn:x%7Cb2", "%7Cc3", "urn:y%7C"}, NULL},
};

static Slot put_param(World *w, const char *id, const char *text, Slot prev) {
    StoreChange change = create(FHIR_T_SEARCH_PARAMETER, str_from(text));
    change.id = str_from(id);
    change.op = prev == 0 ? STORE_CREATE : STORE_UPDATE;
    change.prev = prev;
    Slot slot = 0;
    assert_ok(commit_some(&w->home, &change, 1, &slot));
    return slot;
}

static const char *definition(World *w, const Twin *t, const char *status) {
    return home_text(&w->home,
                     "{\"resourceType\":\"SearchParameter\",\"url\":\"http://nhip.example/sp/%s\","
                     "\"name\":\"x\",\"status\":\"%s\",\"description\":\"x\",\"code\":\"%s\","
                     "\"base\":[\"%s\"],\"type\":\"%s\",\"expression\":\"%s\"%s}",
                     t->code, status, t->code, fhir_type_name(t->type), t->kind, t->expression,
                     t->components == NULL ? "" : t->components)
        .ptr;
}

static size_t page_size = 1000; /* smaller: a page without its total */

static ErrCode search(World *w, FhirType type, const char *text, StorePage *page) {
    FhirQuery q;
    FhirQueryScope scope = {.type = type, .base_url = STR("https://nhip.example/fhir"),
                            .now = 1704067200000, .info = &w->home.info};
    scope.params = store_params(w->home.store, w->arena);
    TRY(fhir_query_parse(w->arena, &scope, str_from(text), &q));
    StoreSearch s = {.query = &q, .count = page_size, .want_total = page_size == 1000};
    return store_search(w->home.store, w->arena, &s, page, &w->home.info);
}

static void check_same(World *w, FhirType type, const char *own, const char *twin, size_t *hits) {
    StorePage a = {0};
    StorePage b = {0};
    ErrCode err = search(w, type, own, &a);
    if (err != ERR_OK) {
        print_error("%s: %s\n", own, w->home.info.what_en);
    }
    assert_ok(err);
    assert_ok(search(w, type, twin, &b));
    if (a.n_matches != b.n_matches || a.total != b.total) {
        print_error("%s: %zu, %s: %zu\n", own, a.n_matches, twin, b.n_matches);
    }
    assert_int_equal(a.n_matches, b.n_matches);
    assert_int_equal(a.total, b.total);
    for (size_t i = 0; i < a.n_matches; i++) {
        assert_int_equal(a.matches[i].slot, b.matches[i].slot);
    }
    *hits += a.n_matches;
}

static void check_twin(World *w, const Twin *t, size_t *hits) {
    char own[300];
    char twin[300];
    const char *value = t->values[below(w, 4)];
    const char *modifier = "";
    if (below(w, 5) == 0) {
        modifier = ":missing";
        value = PICK(w, "true", "false");
    } else if (strcmp(t->kind, "token") == 0 && below(w, 4) == 0) {
        modifier = ":not";
    }
    arena_reset(w->arena);
    (void)snprintf(own, sizeof(own), "%s%s=%s", t->code, modifier, value);
    (void)snprintf(twin, sizeof(twin), "%s%s=%s", t->built_in, modifier, value);
    if (below(w, 3) == 0 && t->components == NULL) {
        bool down = below(w, 2) == 0;
        size_t n = strlen(own);
        size_t m = strlen(twin);
        (void)snprintf(own + n, sizeof(own) - n, "&_sort=%s%s", down ? "-" : "", t->code);
        (void)snprintf(twin + m, sizeof(twin) - m, "&_sort=%s%s", down ? "-" : "", t->built_in);
    }
    check_same(w, t->type, own, twin, hits);
}

/* Chains, _has and trees through custom parameters, and with them at their ends. */
static const struct {
    FhirType type;
    const char *own, *twin;
} LINKED[] = {
    {FHIR_T_OBSERVATION, "subject:Patient.my-name=nguyen", "subject:Patient.name=nguyen"},
    {FHIR_T_OBSERVATION, "patient.my-id:not=P1&my-code=a1", "patient.identifier:not=P1&code=a1"},
    {FHIR_T_CONDITION, "my-patient.name=an", "patient.name=an"},
    {FHIR_T_CONDITION, "my-patient.my-name=le&code=a1", "patient.name=le&code=a1"},
    {FHIR_T_CONDITION, "my-patient:Patient._has:Encounter:patient:my-provider:Organization.active=true",
     "patient:Patient._has:Encounter:patient:service-provider.active=true"},
    {FHIR_T_ENCOUNTER, "my-provider:Organization.name=benh", "service-provider.name=benh"},
    {FHIR_T_ENCOUNTER, "my-provider:Organization.active=true&patient.my-birth=2024",
     "service-provider:Organization.active=true&patient.birthdate=2024"},
    {FHIR_T_ENCOUNTER, "my-provider:below=Organization/other-5",
     "service-provider:below=Organization/other-5"},
    {FHIR_T_PATIENT, "_has:Observation:patient:my-code=b2", "_has:Observation:patient:code=b2"},
    {FHIR_T_PATIENT, "_has:Condition:my-patient:code=c3", "_has:Condition:patient:code=c3"},
    {FHIR_T_PATIENT, "_has:Condition:my-patient:recorded-date=2024-01&my-name=an",
     "_has:Condition:patient:recorded-date=2024-01&name=an"},
    {FHIR_T_ORGANIZATION, "_has:Encounter:my-provider:status=finished",
     "_has:Encounter:service-provider:status=finished"},
    {FHIR_T_PATIENT, "_has:Observation:patient:my-code-value=a1$gt3",
     "_has:Observation:patient:code-value-quantity=a1$gt3"},
    {FHIR_T_ORGANIZATION, "_has:Encounter:my-provider:patient.my-name=an",
     "_has:Encounter:service-provider:patient.name=an"},
};

static void check_linked(World *w, size_t *hits) {
    size_t i = below(w, ARRAY_LEN(LINKED));
    arena_reset(w->arena);
    page_size = below(w, 2) == 0 ? 1000 : 5;
    check_same(w, LINKED[i].type, LINKED[i].own, LINKED[i].twin, hits);
    page_size = 1000;
}

static void wait_ready(World *w) {
    assert_true(store_params_wait(w->home.store, 60000));
}

/* link_work: 0, or how soon asking gives way to sets (StoreOptions). */
static void check_twins(unsigned link_work) {
    World *w = world_new(seed_of(41), 6);
    w->home.options.link_work = link_work;
    home_reopen(&w->home);
    size_t hits = 0;
    size_t linked = 0;
    for (int i = 0; i < 150; i++) {
        commit_any(w);
    }
    for (size_t i = 0; i < ARRAY_LEN(TWINS); i++) {
        (void)put_param(w, TWINS[i].code, definition(w, &TWINS[i], "active"), 0);
    }
    wait_ready(w);
    for (int i = 0; i < 300; i++) {
        check_twin(w, &TWINS[below(w, ARRAY_LEN(TWINS))], &hits);
        check_linked(w, &linked);
        if (below(w, 3) == 0) {
            commit_any(w); /* found at once, indexed or not */
        }
    }
    assert_true(linked > 1000);
    Sha256 before;
    Sha256 after;
    assert_ok(store_view_digest(w->home.store, &before));
    home_reopen(&w->home);
    assert_ok(store_view_digest(w->home.store, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    for (int i = 0; i < 60; i++) {
        check_twin(w, &TWINS[below(w, ARRAY_LEN(TWINS))], &hits);
    }
    store_close(w->home.store);
    w->home.store = NULL;
    assert_ok(store_rebuild(&w->home.options, NULL, &w->home.info));
    home_open(&w->home);
    assert_ok(store_view_digest(w->home.store, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    assert_true(hits > 1000);
    world_free(w);
}

static void twins_answer_alike(void **state) {
    (void)state;
    check_twins(0);
    check_twins(1);
    check_twins(~0U);
}

static StoreParamState only_state(World *w) {
    StoreParamState *states = NULL;
    size_t n = 0;
    assert_ok(store_param_states(w->home.store, w->arena, &states, &n));
    assert_int_equal(n, 1);
    return states[0];
}

static size_t n_files(const World *w) {
    size_t n = 0;
    DIR *d = opendir(w->home.dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        size_t len = strlen(e->d_name);
        n += strncmp(e->d_name, "param-", 6) == 0 && strcmp(e->d_name + len - 3, ".db") == 0;
    }
    (void)closedir(d);
    return n;
}

/* Active, changed, retired, active again, deleted: the index goes with the definition. */
static void the_life_of_a_parameter(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 30);
    StorePage page = {0};
    Twin t = TWINS[0];
    assert_int_equal(search(w, FHIR_T_OBSERVATION, "my-code=c1", &page), ERR_PARAM);
    Slot slot = put_param(w, "one", definition(w, &t, "draft"), 0);
    assert_int_equal(search(w, FHIR_T_OBSERVATION, "my-code=c1", &page), ERR_PARAM);
    slot = put_param(w, "one", definition(w, &t, "active"), slot);
    wait_ready(w);
    StoreParamState s = only_state(w);
    assert_int_equal(s.use, STORE_PARAM_READY);
    assert_int_equal(s.indexed, s.records);
    assert_str(s.code, STR("my-code"));
    assert_ok(search(w, FHIR_T_OBSERVATION, "my-code=c1", &page));
    assert_int_equal(page.total, 5);
    assert_int_equal(n_files(w), 1);
    t.expression = "Observation.status";
    slot = put_param(w, "one", definition(w, &t, "active"), slot);
    wait_ready(w);
    assert_ok(search(w, FHIR_T_OBSERVATION, "my-code=c1", &page));
    assert_int_equal(page.total, 0);
    assert_ok(search(w, FHIR_T_OBSERVATION, "my-code=final", &page));
    assert_int_equal(page.total, 30);
    arena_reset(w->arena); /* gives the lists back */
    slot = put_param(w, "one", definition(w, &t, "retired"), slot);
    assert_int_equal(search(w, FHIR_T_OBSERVATION, "my-code=final", &page), ERR_PARAM);
    arena_reset(w->arena);
    slot = put_param(w, "one", definition(w, &t, "active"), slot);
    wait_ready(w);
    assert_ok(search(w, FHIR_T_OBSERVATION, "my-code=final", &page));
    assert_int_equal(page.total, 30);
    arena_reset(w->arena);
    home_reopen(&w->home);
    wait_ready(w);
    assert_ok(search(w, FHIR_T_OBSERVATION, "my-code=final", &page));
    assert_int_equal(page.total, 30);
    assert_int_equal(n_files(w), 1);
    arena_reset(w->arena);
    StoreChange gone = {.op = STORE_DELETE, .type = FHIR_T_SEARCH_PARAMETER, .id = STR("one"),
                        .prev = slot};
    assert_ok(commit_some(&w->home, &gone, 1, NULL));
    assert_int_equal(search(w, FHIR_T_OBSERVATION, "my-code=final", &page), ERR_PARAM);
    arena_reset(w->arena);
    home_reopen(&w->home);
    assert_int_equal(n_files(w), 0);
    world_free(w);
}

static void what_cannot_be_carried_out_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    static const struct {
        Twin twin;
        const char *where, *says;
    } rows[] = {
        {{FHIR_T_PATIENT, "", "my-x", "token", "Patient.nme", {0}, NULL}, "expression", "cannot be read"},
        {{FHIR_T_PATIENT, "", "my-x", "token", "Patient.name.(", {0}, NULL}, "expression", "cannot be read"},
        {{FHIR_T_PATIENT, "", "my-x", "token", "", {0}, NULL}, "expression", "needs an expression"},
        {{FHIR_T_PATIENT, "", "my-x", "token", "today()", {0}, NULL}, "expression", "depends on the time"},
        {{FHIR_T_PATIENT, "", "name", "token", "Patient.active", {0}, NULL}, "code", "already"},
        {{FHIR_T_PATIENT, "", "_x", "token", "Patient.active", {0}, NULL}, "code", "begins with a letter"},
        {{FHIR_T_PATIENT, "", "my-x", "special", "Patient.active", {0}, NULL}, "type", "only parameters"},
        {{FHIR_T_PATIENT, "", "my-x", "composite", "Patient", {0}, NULL}, "component", "two or three"},
        {{FHIR_T_PATIENT, "", "my-x", "composite", "Patient", {0},
          COMPONENTS(R4_PARAM "individual-gender", "gender", OWN_PARAM "none", "active")},
         "component", "by its URL"},
        {{FHIR_T_PATIENT, "", "my-x", "composite", "Patient", {0},
          COMPONENTS(R4_PARAM "individual-gender", "gender", R4_PARAM "Patient-active", "active(")},
         "expression", "cannot be read"},
        {{FHIR_T_DOMAIN_RESOURCE, "", "my-x", "token", "active", {0}, NULL}, "base", "resource types"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const JsonNode *root = NULL;
        w->home.info = (ErrInfo){0};
        assert_ok(json_parse(w->arena, str_from(definition(w, &rows[i].twin, "active")), &root, NULL));
        ErrCode err = store_param_check(w->home.store, w->arena, STR_EMPTY, root, &w->home.info);
        if (err != ERR_INVALID || strstr(w->home.info.what_en, rows[i].says) == NULL) {
            print_error("%zu: %s, %s\n", i, err_name(err), w->home.info.what_en);
        }
        assert_int_equal(err, ERR_INVALID);
        assert_non_null(strstr(w->home.info.where, rows[i].where));
        assert_non_null(strstr(w->home.info.what_en, rows[i].says));
        assert_ok(json_parse(w->arena, str_from(definition(w, &rows[i].twin, "draft")), &root, NULL));
        assert_ok(store_param_check(w->home.store, w->arena, STR_EMPTY, root, &w->home.info));
    }
    /* A code that another one has: but that one itself may be written again. */
    const JsonNode *root = NULL;
    (void)put_param(w, "one", definition(w, &TWINS[0], "active"), 0);
    assert_ok(json_parse(w->arena, str_from(definition(w, &TWINS[0], "active")), &root, NULL));
    assert_ok(store_param_check(w->home.store, w->arena, STR("one"), root, &w->home.info));
    assert_int_equal(store_param_check(w->home.store, w->arena, STR("two"), root, &w->home.info),
                     ERR_INVALID);
    /* Stored all the same (by an import): it is listed as refused, and the first one stays. */
    (void)put_param(w, "two", definition(w, &TWINS[0], "active"), 0);
    StoreParamState *states = NULL;
    size_t n = 0;
    assert_ok(store_param_states(w->home.store, w->arena, &states, &n));
    assert_int_equal(n, 2);
    assert_int_equal(states[1].use, STORE_PARAM_REFUSED);
    assert_str(states[1].id, STR("two"));
    assert_string_equal(states[1].why.rule, "search-param-code");
    world_free(w);
}

/* A search before the index is there says how far it is. */
static void a_search_too_early_says_how_far_it_is(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 3000);
    (void)put_param(w, "one", definition(w, &TWINS[0], "active"), 0);
    StorePage page = {0};
    bool told = false;
    ErrCode err;
    while ((err = search(w, FHIR_T_OBSERVATION, "my-code=c1", &page)) == ERR_BUSY) {
        told = told || strstr(w->home.info.what_en, "of 3003 records") != NULL;
        assert_string_equal(w->home.info.rule, "search-indexing");
        assert_true(only_state(w).use == STORE_PARAM_INDEXING || told);
        arena_reset(w->arena);
    }
    assert_ok(err);
    assert_true(told);
    assert_int_equal(page.total, 429);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_life_of_a_parameter),
        cmocka_unit_test(what_cannot_be_carried_out_is_refused),
        cmocka_unit_test(a_search_too_early_says_how_far_it_is),
        cmocka_unit_test(twins_answer_alike),
    };
    return cmocka_run_group_tests_name("store/store_params", tests, NULL, NULL);
}
