/* Rows with keys and sums: after random changes, turns that are taken back, reopening and kill -9
 * at any moment, every list and every sum is what the rows say. */
#include "unit/store/store_help.h"

#include "core/random.h"
#include "store/store_table.h"

#include <signal.h>
#include <sys/wait.h>

enum { ROWS = 40, GROUPS = 6, VALUES = 50 };

/* A body is "GV" twice: groups A… with a value each; the row is listed under both groups, and its
 * values are added up there. Both groups may be the same one. */
typedef struct Model {
    Random random;
    char body[ROWS][5]; /* empty: no row */
} Model;

static ErrCode facts_of(Arena *arena, const TableCell *row, TableFacts *ret) {
    Str *keys = arena_new_array(arena, Str, 2);
    TableSum *sums = arena_new_array(arena, TableSum, 2);
    size_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        Str group = str_sub(row->body, 2 * i, 1);
        int64_t value = row->body.ptr[2 * i + 1] - 'a';
        if (n == 1 && str_eq(group, keys[0])) {
            sums[0].values[0] += value;
            sums[0].values[5] -= 2 * value;
            continue;
        }
        keys[n] = group;
        sums[n] = (TableSum){.group = group, .values = {value, 0, 0, 0, 0, -2 * value}};
        n++;
    }
    *ret = (TableFacts){keys, n, sums, n};
    return ERR_OK;
}

static bool in_group(const char *body, char group, int64_t *ret_value) {
    int64_t sum = 0;
    bool is_in = false;
    for (int i = 0; i < 4 && body[0] != '\0'; i += 2) {
        is_in = is_in || body[i] == group;
        sum += body[i] == group ? body[i + 1] - 'a' : 0;
    }
    *ret_value = sum;
    return is_in;
}

typedef struct Listed {
    Str last_key;
    char key[8];
    Slot first[ROWS];
    uint64_t at[ROWS];
    size_t n;
    Model *m;
} Listed;

static ErrCode take_hit(void *ctx, const TableHit *hit) {
    Listed *l = ctx;
    assert_true(l->n < ROWS);
    assert_int_equal(hit->key.len, 1);
    l->key[0] = hit->key.ptr[0];
    l->last_key = (Str){l->key, 1};
    assert_str(hit->body, str_from(l->m->body[hit->first - 1]));
    l->first[l->n] = hit->first;
    l->at[l->n++] = hit->at;
    return ERR_OK;
}

/* The whole list of a group, in pages of `max`. */
static void list_group(Tables *t, uint64_t id, char group, bool backwards, Listed *l) {
    char from[1] = {group};
    char until[1] = {(char)(group + 1)};
    TableHit after;
    size_t before = 0;
    l->n = 0;
    do {
        before = l->n;
        if (before > 0) {
            after = (TableHit){l->last_key, l->first[before - 1], l->at[before - 1], STR_EMPTY};
        }
        assert_ok(tables_scan(t, &(TableScan){.id = id,
                                              .from = {from, 1},
                                              .until = {until, 1},
                                              .backwards = backwards,
                                              .after = before > 0 ? &after : NULL,
                                              .max = 3,
                                              .each = take_hit,
                                              .ctx = l}));
        assert_true(l->n <= before + 3);
    } while (l->n > before);
}

typedef struct Sums {
    TableSum of[GROUPS];
} Sums;

static ErrCode take_sum(void *ctx, const TableSum *sum) {
    Sums *s = ctx;
    assert_int_equal(sum->group.len, 1);
    s->of[sum->group.ptr[0] - 'A'] = *sum;
    return ERR_OK;
}

static void check_group(Tables *t, uint64_t id, Model *m, char group, const TableSum *sum) {
    Listed up = {.m = m};
    Listed down = {.m = m};
    uint64_t n = 0;
    int64_t total = 0;
    list_group(t, id, group, false, &up);
    list_group(t, id, group, true, &down);
    for (size_t i = 0; i < ROWS; i++) {
        int64_t value = 0;
        if (in_group(m->body[i], group, &value)) {
            assert_int_equal(up.first[n], i + 1);
            total += value;
            n++;
        }
    }
    assert_int_equal(up.n, n);
    assert_int_equal(down.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(down.first[n - 1 - i], up.first[i]);
    }
    assert_int_equal(sum->n, n);
    assert_int_equal(sum->values[0], total);
    assert_int_equal(sum->values[5], -2 * total);
    assert_int_equal(sum->values[1], 0);
}

static void check_all(Tables *t, Arena *arena, Model *m) {
    TableRow table;
    Sums sums = {0};
    assert_ok(tables_read_begin(t));
    assert_ok(tables_find(t, TABLE_AS_READ, arena, STR("t"), &table));
    assert_ok(tables_groups(
        t,
        &(TableGroups){
            .id = table.id, .from = STR("A"), .until = STR("Z"), .each = take_sum, .ctx = &sums}));
    for (int g = 0; g < GROUPS; g++) {
        check_group(t, table.id, m, (char)('A' + g), &sums.of[g]);
    }
    tables_read_end(t);
}

static void random_body(Model *m, char body[5]) {
    for (int i = 0; i < 4; i++) {
        body[i] = (char)(i % 2 == 0 ? 'A' + random_below(&m->random, GROUPS)
                                    : 'a' + random_below(&m->random, 20));
    }
    body[4] = '\0';
}

/* A few rows set and unset in one turn. */
static ErrCode random_turn(Tables *t, uint64_t id, const TableShape *shape, Model *m) {
    for (uint64_t n = random_below(&m->random, 6) + 1; n > 0; n--) {
        size_t i = random_below(&m->random, ROWS);
        TableCell row = {.id = id, .first = i + 1, .at = 0};
        if (random_below(&m->random, 4) == 0) {
            bool had = false;
            TRY(tables_unset(t, shape, &row, &had));
            assert_int_equal(had, m->body[i][0] != '\0');
            m->body[i][0] = '\0';
        } else {
            random_body(m, m->body[i]);
            row.body = str_from(m->body[i]);
            TRY(tables_set(t, shape, &row));
        }
    }
    return ERR_OK;
}

static void put_table(Home *h, Tables **ret, uint64_t *ret_id) {
    TableRow table;
    assert_ok(tables_open(&(TablesOpen){.store = h->store, .file = "rows.db"}, ret, &h->info));
    assert_ok(tables_put(*ret, STR("t"), STR("1")));
    assert_ok(tables_read_begin(*ret));
    assert_ok(tables_find(*ret, TABLE_AS_READ, h->arena, STR("t"), &table));
    tables_read_end(*ret);
    *ret_id = table.id;
}

static void counts_are_what_lists_hold(void **state) {
    Home *h = *state;
    Model m = {.body = {{0}}};
    random_init(&m.random, 11);
    CLEANUP_ARENA Arena *scratch = arena_new(1 << 20);
    TableShape shape = {scratch, facts_of};
    Tables *t = NULL;
    uint64_t id = 0;
    put_table(h, &t, &id);
    for (int i = 0; i < 400; i++) {
        Model before = m;
        bool take_back = random_below(&m.random, 4) == 0;
        assert_ok(tables_begin(t));
        ErrCode err = random_turn(t, id, &shape, &m);
        assert_ok(err);
        err = tables_end(t, take_back ? ERR_CONFLICT : ERR_OK);
        assert_int_equal(err, take_back ? ERR_CONFLICT : ERR_OK);
        if (take_back) {
            memcpy(m.body, before.body, sizeof(m.body));
        }
        if (i % 50 == 49) {
            tables_close(t);
            put_table(h, &t, &id);
        }
        check_all(t, h->arena, &m);
        arena_reset(h->arena);
    }
    tables_close(t);
}

/* Another definition: neither rows nor keys nor sums are left; other tables keep theirs. */
static void another_definition_empties_lists_and_sums(void **state) {
    Home *h = *state;
    Model m = {.body = {{0}}};
    random_init(&m.random, 5);
    Model none = {.body = {{0}}};
    CLEANUP_ARENA Arena *scratch = arena_new(1 << 20);
    TableShape shape = {scratch, facts_of};
    Tables *t = NULL;
    uint64_t id = 0;
    put_table(h, &t, &id);
    assert_ok(tables_begin(t));
    assert_ok(tables_end(t, random_turn(t, id, &shape, &m)));
    assert_ok(tables_put(t, STR("other"), STR("1")));
    check_all(t, h->arena, &m);
    assert_ok(tables_put(t, STR("t"), STR("2")));
    check_all(t, h->arena, &none);
    tables_close(t);
}

static void the_end_of_a_prefix(void **state) {
    Home *h = *state;
    assert_str(tables_behind(h->arena, STR("ab")), STR("ac"));
    assert_str(tables_behind(h->arena, STR("a\xff\xff")), STR("b"));
    assert_str(tables_behind(h->arena, STR("\xff")), STR_EMPTY);
}

/* ---- kill -9: the note, written in each turn, says which turn was the last that stands ---- */

static void write_on(const char *dir, uint32_t seed) {
    Home h = {.options = {.dir = str_from(dir)}, .arena = arena_new(1 << 26)};
    Arena *scratch = arena_new(1 << 20);
    TableShape shape = {scratch, facts_of};
    Model m = {.body = {{0}}};
    random_init(&m.random, seed);
    Tables *t = NULL;
    uint64_t id = 0;
    home_open(&h);
    put_table(&h, &t, &id);
    for (uint64_t turn = 1;; turn++) {
        assert_ok(tables_begin(t));
        ErrCode err = random_turn(t, id, &shape, &m);
        err = err == ERR_OK ? tables_note(t, id, (Str){(const char *)&turn, sizeof(turn)}) : err;
        assert_ok(tables_end(t, err));
    }
}

static void a_kill_leaves_a_whole_turn(void **state) {
    Home *h = *state;
    CLEANUP_ARENA Arena *scratch = arena_new(1 << 20);
    TableShape shape = {scratch, facts_of};
    for (uint32_t round = 0; round < 6; round++) {
        Tables *t = NULL;
        Tables *model_tables = NULL;
        TableRow table;
        uint64_t id = 0;
        uint64_t turns = 0;
        Model m = {.body = {{0}}};
        random_init(&m.random, round);
        store_close(h->store);
        h->store = NULL;
        folder_remove(h->dir);
        assert_int_equal(mkdir(h->dir, 0750), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_on(h->dir, round);
            _exit(0);
        }
        (void)usleep(60000 + 30000 * round);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        home_open(h);
        put_table(h, &t, &id);
        assert_ok(tables_read_begin(t));
        assert_ok(tables_find(t, TABLE_AS_READ, h->arena, STR("t"), &table));
        tables_read_end(t);
        memcpy(&turns, table.note.ptr, MIN(sizeof(turns), table.note.len));
        /* The same turns once more, in a file of their own. */
        assert_ok(tables_open(&(TablesOpen){.store = h->store, .file = "again.db"}, &model_tables,
                              &h->info));
        assert_ok(tables_put(model_tables, STR("t"), STR("1")));
        for (uint64_t i = 0; i < turns; i++) {
            assert_ok(tables_begin(model_tables));
            assert_ok(tables_end(model_tables, random_turn(model_tables, 1, &shape, &m)));
        }
        check_all(t, h->arena, &m);
        tables_close(model_tables);
        tables_close(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_are_what_lists_hold, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(another_definition_empties_lists_and_sums, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_prefix, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_kill_leaves_a_whole_turn, home_setup, home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
