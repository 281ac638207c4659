/* Views: every record once, in order, again on replay and after a failure. */
#include "unit/store/store_help.h"

#include <limits.h>

typedef struct View {
    atomic_uint prepared;
    unsigned applied;
    RecordNo last, covered;
    size_t bytes;
    bool wrong;        /* by the thread that applies */
    RecordNo fails_at; /* that record is refused fails times */
    atomic_uint fails;
    atomic_bool wrong_before_commit; /* by the one that prepares */
} View;

static ErrCode view_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    View *view = ctx;
    (void)scratch;
    view->prepared++;
    for (size_t i = 0; i < record->n_changes; i++) {
        const StoreViewChange *c = &record->changes[i];
        if (c->deleted != (c->root == NULL)) {
            atomic_store(&view->wrong_before_commit, true);
        }
        buf_put_str(out, str_from(fhir_type_name(c->type)));
        buf_put_char(out, c->prev == 0 ? '+' : '*');
    }
    return ERR_OK;
}

static ErrCode view_apply(void *ctx, RecordNo record, TimeMs time, Str bytes) {
    View *view = ctx;
    if (record == view->fails_at && view->fails > 0) {
        view->fails--;
        return ERR_FULL;
    }
    view->wrong = view->wrong || record != view->last + 1 || time == 0;
    view->last = record;
    view->applied++;
    view->bytes += bytes.len;
    return ERR_OK;
}

static RecordNo view_covered(void *ctx) {
    return ((View *)ctx)->covered;
}

static void views_get_every_record_once_and_again_on_replay(void **state) {
    Home *h = *state;
    View view = {0};
    StoreView views[] = {{&view, view_prepare, view_apply, view_covered}};
    add_basics(h, 100, "truoc"); /* before there was a view */
    h->options.views = views;
    h->options.n_views = 1;
    home_reopen(h);
    assert_int_equal(view.applied, 5);
    assert_int_equal(view.bytes, 100 * strlen("Basic+"));
    add_basics(h, 45, "sau");
    store_settle(h->store);
    assert_int_equal(view.last, 8);
    assert_int_equal(view.bytes, 145 * strlen("Basic+"));
    size_t live = view.bytes;
    view = (View){.covered = 3, .last = 3};
    home_reopen(h);
    assert_int_equal(view.applied, 5);
    assert_int_equal(view.bytes, live - 60 * strlen("Basic+"));
    assert_false(view.wrong || view.wrong_before_commit);
}

/* A view that fails gets its record again; one that goes on failing stays behind and gets all that
 * it lacks at the next start. */
static void a_view_that_fails_lacks_nothing_later(void **state) {
    Home *h = *state;
    View view = {.fails_at = 2, .fails = 3};
    StoreView views[] = {{&view, view_prepare, view_apply, view_covered}};
    h->options.views = views;
    h->options.n_views = 1;
    home_reopen(h);
    add_basics(h, 1, "mot");
    add_basics(h, 1, "hai");
    add_basics(h, 1, "ba");
    store_settle(h->store);
    assert_int_equal(view.last, 3);
    assert_int_equal(view.fails, 0);
    view.fails_at = 4;
    view.fails = UINT_MAX;
    add_basics(h, 1, "bon");
    add_basics(h, 1, "nam");
    store_settle(h->store);
    assert_int_equal(view.last, 3);
    view.fails = 0;
    view.covered = view.last;
    home_reopen(h);
    assert_int_equal(view.last, 5);
    assert_false(view.wrong);
}

/* Many chunks, several threads, commits of several records: applied in order all the same. */
static void a_long_replay_keeps_the_order(void **state) {
    Home *h = *state;
    View view = {0};
    StoreView views[] = {{&view, view_prepare, view_apply, view_covered}};
    StoreChange many[150];
    for (int i = 0; i < 60; i++) {
        add_basics(h, 150, "ngan");
        for (size_t k = 0; k < ARRAY_LEN(many); k++) {
            many[k] = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"));
        }
        assert_ok(commit_some(h, many, ARRAY_LEN(many), NULL)); /* three records */
    }
    RecordNo last = store_snapshot(h->store);
    assert_true(last > 600);
    h->options.views = views;
    h->options.n_views = 1;
    home_reopen(h);
    assert_int_equal(view.last, last);
    assert_int_equal(view.prepared, last);
    assert_int_equal(view.bytes, 60 * 300 * strlen("Basic+"));
    view = (View){.covered = last - 40, .last = last - 40};
    home_reopen(h);
    assert_int_equal(view.applied, 40);
    assert_false(view.wrong || view.wrong_before_commit);
}

static void a_rebuild_answers_as_before(void **state) {
    Home *h = *state;
    Sha256 before;
    Sha256 after;
    h->options.seal_records = 8;
    home_reopen(h);
    add_basics(h, 1500, "lai");
    Slot slot = SLOT_OF(3, 4);
    for (int i = 0; i < 10; i++) {
        StoreChange u = {STORE_UPDATE,
                         FHIR_T_BASIC,
                         STR_EMPTY,
                         slot,
                         home_text(h, "{\"resourceType\":\"Basic\",\"language\":\"v%d\"}", i),
                         false};
        assert_ok(commit_some(h, &u, 1, &slot));
    }
    assert_ok(store_view_digest(h->store, &before));
    store_close(h->store);
    h->store = NULL;
    assert_ok(store_rebuild(&h->options, NULL, &h->info));
    home_open(h);
    assert_ok(store_view_digest(h->store, &after));
    assert_true(sha256_eq(&before, &after));
    StoreChange more = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\",\"language\":\"x\"}"));
    assert_ok(commit_some(h, &more, 1, NULL));
    assert_ok(store_view_digest(h->store, &after));
    assert_false(sha256_eq(&before, &after));
}

/* An older data.db, or another one, under a view.db that knows more. */
static void views_of_another_log_are_made_anew(void **state) {
    Home *h = *state;
    StoreVersion v;
    h->options.seal_records = 4;
    home_reopen(h);
    add_basics(h, 200, "cu");
    Str old = home_text(h, "%s/old.nhip", h->dir);
    assert_ok(store_backup(h->store, old, NULL, &h->info));
    StoreChange u = {STORE_UPDATE,
                     FHIR_T_BASIC,
                     STR_EMPTY,
                     SLOT_OF(2, 1),
                     STR("{\"resourceType\":\"Basic\",\"language\":\"vi\"}"),
                     false};
    assert_ok(commit_some(h, &u, 1, NULL));
    add_basics(h, 400, "moi");
    store_settle(h->store);
    store_close(h->store);
    h->store = NULL;
    assert_int_equal(rename(old.ptr, home_text(h, "%s/data.db", h->dir).ptr), 0);
    home_open(h);
    assert_int_equal(store_snapshot(h->store), 10);
    Str id = store_id(h->store, h->arena, SLOT_OF(2, 1));
    assert_ok(store_get(h->store, h->arena, FHIR_T_BASIC, id, &v));
    assert_int_equal(v.version, 1);
    add_basics(h, 20, "lai");
    Home other = {.arena = h->arena, .options = h->options};
    Str other_dir = home_text(h, "%s-2", h->dir);
    other.options.dir = other_dir;
    home_open(&other);
    add_basics(&other, 2000, "khac");
    store_settle(other.store);
    store_close(other.store);
    store_close(h->store);
    h->store = NULL;
    assert_int_equal(rename(home_text(h, "%s/data.db", other_dir.ptr).ptr,
                            home_text(h, "%s/data.db", h->dir).ptr),
                     0);
    home_open(h);
    StoreVersion *versions;
    size_t n = 0;
    StoreHistory what = {.type = FHIR_T_BASIC, .count = 1000};
    assert_ok(store_history(h->store, h->arena, &what, &versions, &n, &what.before));
    assert_int_equal(n, 1000);
    assert_ok(store_get(h->store, h->arena, FHIR_T_BASIC,
                        store_id(h->store, h->arena, SLOT_OF(2, 1)), &v));
    assert_int_equal(v.version, 1);
    folder_remove(other_dir.ptr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(views_get_every_record_once_and_again_on_replay),
        TEST(a_view_that_fails_lacks_nothing_later),
        TEST(a_long_replay_keeps_the_order),
        TEST(a_rebuild_answers_as_before),
        TEST(views_of_another_log_are_made_anew),
    };
    return cmocka_run_group_tests_name("store/views", tests, NULL, NULL);
}
