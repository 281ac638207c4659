/* Exports of random stores: the files hold exactly what was current at the snapshot, while other
 * commits go on; since, until, deletes, patients, filters, elements; files are whole gzip streams.
 */
#include "unit/store/store_help.h"

#include "core/random.h"
#include "core/thread.h"
#include "flow/flow_export.h"

#include <zlib.h>

enum { RESOURCES = 400, STEPS = 1500, LINES_MAX = 4096 };

typedef struct Thing { /* of the model */
    FhirType type;
    Slot slot, first; /* newest version; 0: not there yet */
    Slot patient;
    unsigned versions;
    bool deleted;
    TimeMs time;
} Thing;

typedef struct World {
    Home *h;
    Random random;
    Thing things[RESOURCES];
    Slot patients[8];
    char out[96];
    FlowProgress progress;
} World;

static Str body_of(World *w, const Thing *t, unsigned version) {
    return t->type == FHIR_T_BASIC
               ? home_text(w->h,
                           "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"mã %u\"},"
                           "\"author\":{\"reference\":\"Practitioner/p\"}}",
                           version)
               : home_text(w->h,
                           "{\"resourceType\":\"Observation\",\"status\":\"%s\",\"code\":{"
                           "\"text\":\"%u\"},\"subject\":{\"reference\":\"Patient/~\"}}",
                           version % 2 == 0 ? "final" : "amended", version);
}

static void commit_one(World *w, Thing *t, const StoreChange *change) {
    StoreGroup group = {
        .changes = change, .n_changes = 1, .patient_change = -1, .patient = t->patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(w->h->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    StoreCommitted done;
    Slot slot = 0;
    assert_ok(store_commit(w->h->store, &commit, &done, &slot, &w->h->info));
    t->first = t->slot == 0 ? slot : t->first;
    t->slot = slot;
    t->versions++;
    t->time = done.time;
    t->deleted = change->op == STORE_DELETE;
}

static void step(World *w, size_t i) {
    Thing *t = &w->things[i];
    bool kill = t->slot != 0 && !t->deleted && random_below(&w->random, 5) == 0;
    StoreChange change = {.op = t->slot == 0 ? STORE_CREATE
                                : kill       ? STORE_DELETE
                                             : STORE_UPDATE,
                          .type = t->type,
                          .prev = t->slot,
                          .json = kill ? STR_EMPTY : body_of(w, t, t->versions)};
    commit_one(w, t, &change);
}

static void make_world(World *w, Home *h) {
    *w = (World){.h = h};
    random_init(&w->random, 20260711);
    for (size_t i = 0; i < ARRAY_LEN(w->patients); i++) {
        StoreChange change = create(FHIR_T_PATIENT, home_patient(h, (int)i));
        StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = 0};
        StoreCommit commit = {.groups = &group,
                              .n_groups = 1,
                              .snapshot = store_snapshot(h->store),
                              .actor = STR("test"),
                              .source = STR("unit")};
        assert_ok(store_commit(h->store, &commit, NULL, &w->patients[i], &h->info));
    }
    for (size_t i = 0; i < RESOURCES; i++) {
        bool basic = i % 4 == 0;
        w->things[i].type = basic ? FHIR_T_BASIC : FHIR_T_OBSERVATION;
        w->things[i].patient = basic ? 0 : w->patients[i % ARRAY_LEN(w->patients)];
    }
    (void)snprintf(w->out, sizeof(w->out), "%s/out", h->dir);
    assert_int_equal(mkdir(w->out, 0750), 0);
}

static void end_world(World *w) {
    folder_remove(w->out);
}

/* ---- what is in the files ---- */

typedef struct Lines {
    Str at[LINES_MAX];
    size_t n;
} Lines;

static void read_lines(World *w, const FlowExported *x, unsigned output, Lines *ret) {
    static char text[8 << 20];
    ret->n = 0;
    for (size_t i = 0; i < x->n; i++) {
        const FlowFile *f = &x->list[i];
        if (f->output != output) {
            continue;
        }
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/" STR_FMT, w->out, STR_ARG(f->name));
        gzFile file = gzopen(path, "rb");
        assert_non_null(file);
        int n = gzread(file, text, sizeof(text));
        assert_in_range(n, 0, sizeof(text) - 1);
        assert_int_equal(gzclose(file), Z_OK);
        assert_int_equal((uint64_t)n, f->whole);
        Str rest = arena_str(w->h->arena, (Str){text, (size_t)n});
        Str line;
        size_t before = ret->n;
        while (str_cut(&rest, '\n', &line)) {
            if (line.len > 0) {
                assert_true(ret->n < LINES_MAX);
                ret->at[ret->n++] = line;
            }
        }
        assert_int_equal(ret->n - before, f->lines);
    }
}

static FlowExported export(World *w, FlowExport what) {
    FlowExported x;
    folder_remove(w->out);
    assert_int_equal(mkdir(w->out, 0750), 0);
    w->progress = (FlowProgress){0};
    what.store = w->h->store;
    what.dir = w->out;
    what.progress = &w->progress;
    what.threads = 3;
    assert_ok(flow_export(&what, &x));
    assert_int_equal(atomic_load(&w->progress.done), atomic_load(&w->progress.total));
    return x;
}

static bool has_line(const Lines *lines, Str part) {
    for (size_t i = 0; i < lines->n; i++) {
        if (str_find(lines->at[i], part) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

/* Every thing that `wanted` names stands there in its newest version, and nothing else does. */
static void check_type(World *w, const FlowExported *x, FhirType type,
                       bool (*wanted)(const World *w, const Thing *t)) {
    static Lines lines;
    size_t n = 0;
    read_lines(w, x, type, &lines);
    for (size_t i = 0; i < RESOURCES; i++) {
        const Thing *t = &w->things[i];
        if (t->type != type || t->slot == 0 || t->deleted || !wanted(w, t)) {
            continue;
        }
        n++;
        StoreVersion v = home_get_slot(w->h, t->slot);
        assert_true(has_line(&lines, v.json));
    }
    assert_int_equal(lines.n, n);
}

static bool any(const World *w, const Thing *t) {
    (void)w;
    (void)t;
    return true;
}

static bool of_two(const World *w, const Thing *t) {
    return t->patient == w->patients[1] || t->patient == w->patients[5];
}

static void fill(World *w) {
    for (unsigned i = 0; i < STEPS; i++) {
        step(w, random_below(&w->random, RESOURCES));
    }
}

/* ---- tests ---- */

typedef struct Writing {
    World *w;
    atomic_bool stop;
    Thread thread;
} Writing;

static void write_on(void *ctx) {
    Writing *writing = ctx;
    World *w = writing->w;
    CLEANUP_ARENA Arena *arena = arena_new((size_t)1 << 28);
    Home own = *w->h;
    own.arena = arena;
    for (int i = 0; !atomic_load(&writing->stop) && i < 100000; i++) {
        add_basics(&own, 5, "sau");
        Thing *t = &w->things[(unsigned)i % RESOURCES]; /* versions that come too late */
        StoreChange change = {.op = STORE_UPDATE,
                              .type = t->type,
                              .prev = t->slot,
                              .json = STR("{\"resourceType\":\"Observation\",\"status\":\"final\","
                                          "\"code\":{\"text\":\"muộn\"}}")};
        StoreGroup group = {
            .changes = &change, .n_changes = 1, .patient_change = -1, .patient = t->patient};
        StoreCommit commit = {.groups = &group,
                              .n_groups = 1,
                              .snapshot = store_snapshot(own.store),
                              .actor = STR("test"),
                              .source = STR("unit")};
        if (t->type == FHIR_T_OBSERVATION && t->slot != 0) {
            ErrCode err = store_commit(own.store, &commit, NULL, NULL, &own.info);
            (void)err; /* the second of one thing is refused */
        }
    }
}

static void the_files_are_the_snapshot_while_others_write(void **state) {
    static World w;
    make_world(&w, *state);
    fill(&w);
    RecordNo snapshot = store_snapshot(w.h->store);
    Writing writing = {.w = &w};
    assert_ok(thread_start(&writing.thread, "writing", write_on, &writing));
    assert_true(store_wait(w.h->store, snapshot + 20, 20000));
    FlowExported x = export(&w, (FlowExport){.which.snapshot = snapshot});
    atomic_store(&writing.stop, true);
    thread_join(&writing.thread);
    assert_int_equal(x.snapshot, snapshot);
    check_type(&w, &x, FHIR_T_BASIC, any);
    check_type(&w, &x, FHIR_T_OBSERVATION, any);
    flow_files_free(x.files);
    end_world(&w);
}

static void records_of_patients(void **state) {
    static World w;
    static Lines lines;
    make_world(&w, *state);
    fill(&w);
    Slot two[] = {w.patients[1], w.patients[5]};
    FlowExported x = export(
        &w, (FlowExport){.which = {.scope = FLOW_PATIENTS, .patients = two, .n_patients = 2}});
    check_type(&w, &x, FHIR_T_OBSERVATION, of_two);
    read_lines(&w, &x, FHIR_T_PATIENT, &lines);
    assert_int_equal(lines.n, 2);
    read_lines(&w, &x, FHIR_T_BASIC, &lines);
    assert_int_equal(lines.n, 0);
    flow_files_free(x.files);
    x = export(&w, (FlowExport){.which.scope = FLOW_ALL});
    check_type(&w, &x, FHIR_T_OBSERVATION, any);
    read_lines(&w, &x, FHIR_T_BASIC, &lines);
    assert_int_equal(lines.n, 0);
    flow_files_free(x.files);
    end_world(&w);
}

static TimeMs border;
static bool after_border(const World *w, const Thing *t) {
    (void)w;
    return t->time > border;
}

static bool not_after_border(const World *w, const Thing *t) {
    return !after_border(w, t);
}

static void since_brings_deletes(void **state) {
    static World w;
    static Lines lines;
    size_t n_deleted = 0;
    make_world(&w, *state);
    fill(&w);
    border = home_get_slot(w.h, SLOT_OF(store_snapshot(w.h->store), 0)).time;
    while (clock_now_ms(clock_real()) <= border) {
        clock_sleep_ms(clock_real(), 1);
    }
    for (unsigned i = 0; i < 200; i++) {
        step(&w, random_below(&w.random, RESOURCES));
    }
    FlowExported x = export(&w, (FlowExport){.which = {.has_since = true, .since = border}});
    check_type(&w, &x, FHIR_T_BASIC, after_border);
    check_type(&w, &x, FHIR_T_OBSERVATION, after_border);
    read_lines(&w, &x, FLOW_DELETED, &lines);
    for (size_t i = 0; i < RESOURCES; i++) {
        const Thing *t = &w.things[i];
        if (t->deleted && t->time > border) {
            n_deleted++;
            StoreVersion v = home_get_slot(w.h, t->slot);
            assert_true(has_line(&lines, home_text(w.h, "\"url\":\"%s/" STR_FMT "\"",
                                                   fhir_type_name(t->type), STR_ARG(v.id))));
        }
    }
    assert_true(n_deleted > 0);
    assert_int_equal(lines.n, n_deleted);
    flow_files_free(x.files);
    x = export(&w, (FlowExport){.which = {.has_until = true, .until = border}});
    check_type(&w, &x, FHIR_T_OBSERVATION, not_after_border);
    flow_files_free(x.files);
    end_world(&w);
}

static bool is_final(const World *w, const Thing *t) {
    return str_find(home_get_slot(w->h, t->slot).json, STR("\"final\"")) != SIZE_MAX;
}

static FhirQuery parse_query(World *w, Str text) {
    FhirQuery q;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .base_url = STR_EMPTY, .info = &w->h->info};
    assert_ok(fhir_query_parse(w->h->arena, &scope, text, &q));
    return q;
}

static void filters_are_ored_and_found_once(void **state) {
    static World w;
    make_world(&w, *state);
    fill(&w);
    bool types[FHIR_RESOURCE_COUNT + 1] = {[FHIR_T_OBSERVATION] = true};
    FhirQuery filters[] = {parse_query(&w, STR("status=final")),
                           parse_query(&w, STR("status=final,registered"))};
    FlowExported x = export(&w, (FlowExport){.types = types, .filters = filters, .n_filters = 2});
    check_type(&w, &x, FHIR_T_OBSERVATION, is_final);
    assert_int_equal(x.n, 1);
    flow_files_free(x.files);
    end_world(&w);
}

static void elements_leave_the_rest_out(void **state) {
    static World w;
    static Lines lines;
    make_world(&w, *state);
    fill(&w);
    Str names[] = {STR("status")};
    FlowExported x = export(&w, (FlowExport){.elements = names, .n_elements = 1});
    read_lines(&w, &x, FHIR_T_OBSERVATION, &lines);
    assert_true(lines.n > 0);
    assert_true(has_line(&lines, STR("SUBSETTED")));
    assert_true(has_line(&lines, STR("\"status\"")));
    assert_false(has_line(&lines, STR("\"subject\"")));
    flow_files_free(x.files);
    end_world(&w);
}

static void a_stop_ends_it(void **state) {
    static World w;
    FlowExported x;
    make_world(&w, *state);
    fill(&w);
    stop_ask(&w.progress.stop);
    FlowExport what = {.store = w.h->store, .dir = w.out, .progress = &w.progress};
    assert_int_equal(flow_export(&what, &x), ERR_STOPPED);
    end_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_files_are_the_snapshot_while_others_write, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(records_of_patients, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(since_brings_deletes, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(filters_are_ored_and_found_once, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(elements_leave_the_rest_out, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_it, home_setup, home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
