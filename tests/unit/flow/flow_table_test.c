/* Materialised views: after random commits, deletes and changes of the views themselves, and after
 * kill -9 at any moment, the tables are what making them from scratch gives. */
#include "unit/store/store_help.h"

#include "core/io.h"
#include "core/random.h"
#include "flow/flow_table.h"
#include "flow/flow_view.h"
#include "sqlview/sqlview.h"
#include "store/store_scan.h"

#include <signal.h>
#include <sys/wait.h>

enum { THINGS = 60, SETTLE_MS = 60000 };

static const char *const definitions[] = {
    ("{\"resourceType\":\"ViewDefinition\",\"name\":\"names\",\"status\":\"active\",\"resource\":"
     "\"Patient\",\"select\":[{\"column\":[{\"name\":\"k\",\"path\":\"getResourceKey()\"}]},{"
     "\"forEach\":\"name\",\"column\":[{\"name\":\"n\",\"path\":\"text\"},{\"name\":\"i\",\"path\":"
     "\"%rowIndex\"}]}]}"),
    ("{\"resourceType\":\"ViewDefinition\",\"name\":\"active\",\"status\":\"active\",\"resource\":"
     "\"Patient\",\"where\":[{\"path\":\"active\"}],\"select\":[{\"column\":[{\"name\":\"k\","
     "\"path\":\"getResourceKey()\"}]}]}"),
    /* more than one name: an error of that resource */
    ("{\"resourceType\":\"ViewDefinition\",\"name\":\"one\",\"status\":\"active\",\"resource\":"
     "\"Patient\",\"select\":[{\"column\":[{\"name\":\"n\",\"path\":\"name.text\"}]}]}"),
};

typedef struct Model {
    Random random;
    Slot newest[THINGS];
    bool deleted[THINGS];
    Slot views[ARRAY_LEN(definitions)];
} Model;

static void commit_change(Home *h, const StoreChange *change, Slot *slot) {
    assert_ok(commit_some(h, change, 1, slot));
}

static void put_view(Home *h, Model *m, size_t i, const char *definition, bool materialised) {
    const JsonNode *root = NULL;
    Str text;
    assert_ok(json_parse(h->arena, str_from(definition), &root, NULL));
    FlowView view = {.id = STR_EMPTY, .root = root, .materialised = materialised};
    assert_ok(flow_view_print(h->arena, &view, &text));
    StoreChange change = {.op = m->views[i] == 0 ? STORE_CREATE : STORE_UPDATE,
                          .type = FHIR_T_LIBRARY,
                          .id = m->views[i] == 0 ? home_text(h, "view-%zu", i) : STR_EMPTY,
                          .prev = m->views[i],
                          .json = text};
    commit_change(h, &change, &m->views[i]);
}

static Str random_patient(Home *h, Model *m) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"resourceType\":\"Patient\",\"active\":%s",
               random_below(&m->random, 2) == 0 ? "true" : "false");
    unsigned names = (unsigned)random_below(&m->random, 4);
    for (unsigned i = 0; i < names; i++) {
        buf_printf(&b, "%s{\"text\":\"Tên thử %u\"}", i == 0 ? ",\"name\":[" : ",",
                   (unsigned)random_below(&m->random, 1000));
    }
    buf_printf(&b, "%s}", names > 0 ? "]" : "");
    return arena_str(h->arena, buf_str(&b));
}

static void step(Home *h, Model *m) {
    size_t i = (size_t)random_below(&m->random, THINGS);
    bool kill_it = m->newest[i] != 0 && !m->deleted[i] && random_below(&m->random, 4) == 0;
    StoreChange change = {.op = m->newest[i] == 0 ? STORE_CREATE
                                : kill_it         ? STORE_DELETE
                                                  : STORE_UPDATE,
                          .type = FHIR_T_PATIENT,
                          .prev = m->newest[i],
                          .json = kill_it ? STR_EMPTY : random_patient(h, m)};
    commit_change(h, &change, &m->newest[i]);
    m->deleted[i] = kill_it;
}

/* ---- from scratch ---- */

typedef struct Scratch {
    Arena *arena;
    const SqlView *view;
    Buf rows; /* "first at body\n" of all rows */
    Slot first;
    unsigned at;
    uint64_t n, errors;
} Scratch;

static ErrCode scratch_row(void *ctx, const SqlCell *cells) {
    Scratch *s = ctx;
    buf_printf(&s->rows, "%llu %u ", (unsigned long long)s->first, s->at++);
    sqlview_put_array(&s->rows, s->view, cells);
    buf_put_char(&s->rows, '\n');
    s->n++;
    return ERR_OK;
}

static ErrCode scratch_version(void *ctx, const StoreVersion *v) {
    Scratch *s = ctx;
    const JsonNode *root = NULL;
    size_t before = s->rows.len;
    uint64_t n = s->n;
    if (v->type != sqlview_resource(s->view)) {
        return ERR_OK;
    }
    s->first = v->first;
    s->at = 0;
    assert_ok(json_parse(s->arena, arena_str(s->arena, v->json), &root, NULL));
    ErrInfo info = {0};
    if (sqlview_rows(s->arena, s->view, root, &(SqlSink){scratch_row, s}, &info) != ERR_OK) {
        s->rows.len = before;
        s->n = n;
        s->errors++;
    }
    return ERR_OK;
}

static int by_text(const void *x, const void *y) {
    return str_cmp(*(const Str *)x, *(const Str *)y);
}

static Str sorted(Home *h, Str text) {
    Str lines[4096];
    size_t n = 0;
    Str line;
    CLEANUP_BUF Buf b;
    buf_init(&b, (size_t)1 << 24);
    while (str_cut(&text, '\n', &line)) {
        if (line.len > 0) {
            assert_true(n < ARRAY_LEN(lines));
            lines[n++] = line;
        }
    }
    qsort(lines, n, sizeof(lines[0]), by_text);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(&b, lines[i]);
        buf_put_char(&b, '\n');
    }
    return arena_str(h->arena, buf_str(&b));
}

static ErrCode table_line(void *ctx, Slot first, uint64_t at, Str body) {
    buf_printf(ctx, "%llu %llu " STR_FMT "\n", (unsigned long long)first, (unsigned long long)at,
               STR_ARG(body));
    return ERR_OK;
}

/* The table of view i against what the definition makes of the store now. */
static void check_table(Home *h, FlowTables *f, size_t i, const char *definition) {
    Scratch s = {.arena = h->arena};
    CLEANUP_BUF Buf kept;
    TableRow table;
    const JsonNode *root = NULL;
    RecordNo last = store_snapshot(h->store);
    buf_init(&kept, (size_t)1 << 24);
    buf_init(&s.rows, (size_t)1 << 24);
    assert_ok(json_parse(h->arena, str_from(definition), &root, NULL));
    assert_ok(sqlview_compile(h->arena, root, &s.view, &h->info));
    assert_ok(store_scan(
        h->store,
        &(StoreScan){
            .first = 1, .last = last, .snapshot = last, .each = scratch_version, .ctx = &s}));
    TableRead read = {
        .name = home_text(h, "view-%zu", i), .max = 100000, .each = table_line, .ctx = &kept};
    assert_ok(tables_read(flow_tables(f), h->arena, &read, &table));
    assert_str(sorted(h, buf_str(&kept)), sorted(h, buf_str(&s.rows)));
    assert_int_equal(table.n_rows, s.n);
    assert_int_equal(table.position, last);
    buf_release(&s.rows);
}

static void check_all(Home *h) {
    FlowTables *f = NULL;
    assert_ok(flow_tables_start(h->store, &f, &h->info));
    assert_true(flow_tables_settle(f, SETTLE_MS));
    for (size_t i = 0; i < ARRAY_LEN(definitions); i++) {
        check_table(h, f, i, definitions[i]);
    }
    flow_tables_stop(f);
}

static void random_commits_give_what_scratch_gives(void **state) {
    Home *h = *state;
    Model m = {0};
    FlowTables *f = NULL;
    random_init(&m.random, 7);
    for (int i = 0; i < 100; i++) {
        step(h, &m);
    }
    put_view(h, &m, 0, definitions[0], true);
    assert_ok(flow_tables_start(h->store, &f, &h->info));
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 80; i++) {
            step(h, &m);
        }
        if (round == 1) { /* while the first one is followed */
            put_view(h, &m, 1, definitions[1], true);
            put_view(h, &m, 2, definitions[2], true);
        }
        assert_true(flow_tables_settle(f, SETTLE_MS));
        check_table(h, f, 0, definitions[0]);
    }
    check_table(h, f, 1, definitions[1]);
    check_table(h, f, 2, definitions[2]);
    flow_tables_stop(f);
    check_all(h); /* nothing is done twice after a restart */
}

static void another_definition_makes_the_table_anew(void **state) {
    Home *h = *state;
    Model m = {0};
    FlowTables *f = NULL;
    TableRow table;
    random_init(&m.random, 8);
    for (int i = 0; i < 60; i++) {
        step(h, &m);
    }
    put_view(h, &m, 0, definitions[0], true);
    assert_ok(flow_tables_start(h->store, &f, &h->info));
    assert_true(flow_tables_settle(f, SETTLE_MS));
    put_view(h, &m, 0, definitions[1], true);
    flow_tables_refresh(f);
    assert_true(flow_tables_settle(f, SETTLE_MS));
    check_table(h, f, 0, definitions[1]);
    put_view(h, &m, 0, definitions[1], false);
    assert_true(flow_tables_settle(f, SETTLE_MS));
    TableRead read = {.name = STR("view-0")};
    assert_int_equal(tables_read(flow_tables(f), h->arena, &read, &table), ERR_NOT_FOUND);
    flow_tables_stop(f);
}

static void a_deleted_file_comes_back(void **state) {
    Home *h = *state;
    Model m = {0};
    char path[128];
    random_init(&m.random, 9);
    for (size_t i = 0; i < ARRAY_LEN(definitions); i++) {
        put_view(h, &m, i, definitions[i], true);
    }
    for (int i = 0; i < 100; i++) {
        step(h, &m);
    }
    check_all(h);
    (void)snprintf(path, sizeof(path), "%s/tables.db", h->dir);
    assert_ok(io_remove(path));
    check_all(h);
}

/* ---- kill -9 ---- */

static void write_for_ever(Home *h, int tell) {
    Model m = {0};
    FlowTables *f = NULL;
    random_init(&m.random, (uint64_t)getpid());
    home_open(h);
    for (size_t i = 0; i < ARRAY_LEN(definitions); i++) {
        StoreVersion v;
        if (store_get(h->store, h->arena, FHIR_T_LIBRARY, home_text(h, "view-%zu", i), &v) !=
            ERR_OK) {
            put_view(h, &m, i, definitions[i], true);
        }
    }
    assert_ok(flow_tables_start(h->store, &f, &h->info));
    for (uint64_t i = 0;; i++) {
        step(h, &m);
        if (i % 20 == 0 && write(tell, "", 1) != 1) {
            _exit(1);
        }
        arena_reset(h->arena);
    }
}

static void a_kill_takes_nothing_that_is_not_done_again(void **state) {
    Home *h = *state;
    store_close(TAKE(h->store));
    for (int round = 1; round <= 4; round++) {
        int ends[2];
        int status = 0;
        char byte;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_for_ever(h, ends[1]);
        }
        (void)close(ends[1]);
        for (int i = 0; i < 3 * round; i++) {
            assert_int_equal(read(ends[0], &byte, 1), 1);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        (void)close(ends[0]);
        home_open(h);
        check_all(h);
        store_close(TAKE(h->store));
    }
    home_open(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_commits_give_what_scratch_gives, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(another_definition_makes_the_table_anew, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(a_deleted_file_comes_back, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_kill_takes_nothing_that_is_not_done_again, home_setup,
                                        home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
