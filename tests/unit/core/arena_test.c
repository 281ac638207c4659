#include "unit/test.h"

#include "core/arena.h"

static void count_up(void *arg) {
    ++*(int *)arg;
}

static void arena_hands_out_aligned_memory_up_to_its_ceiling(void **state) {
    (void)state;
    Arena *a = arena_new(100000);
    for (size_t n = 1; n < 200; n += 7) {
        char *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0x5A, n);
    }
    assert_null(arena_alloc(a, 100001));
    assert_true(arena_failed(a));
    arena_reset(a);
    assert_false(arena_failed(a));
    assert_non_null(arena_alloc(a, 90000));
    assert_null(arena_alloc(a, 20000));
    arena_free(a);
}

static void arena_runs_its_defers_once(void **state) {
    (void)state;
    int n = 0;
    Arena *a = arena_new(4096);
    assert_true(arena_defer(a, count_up, &n));
    assert_true(arena_defer(a, count_up, &n));
    arena_reset(a);
    assert_int_equal(n, 2);
    arena_free(a);
    assert_int_equal(n, 2);
}

static void arena_resizes_its_newest_allocation(void **state) {
    (void)state;
    Arena *a = arena_new(1000000);
    char *first = arena_alloc(a, 100);
    memset(first, 'f', 100);
    char *p = arena_alloc(a, 64);
    memset(p, 'p', 64);
    assert_ptr_equal(arena_resize(a, p, 64, 1000), p); /* in place */
    assert_ptr_equal(arena_resize(a, p, 1000, 64), p);
    size_t used = arena_used(a);
    assert_int_equal(used, 112 + 64);
    p = arena_resize(a, p, 64, 50000); /* to a block of its own */
    assert_non_null(p);
    for (size_t size = 50000; size < 800000; size *= 2) {
        p[size - 1] = 'e';
        p = arena_resize(a, p, size, size * 2); /* the block grows with it */
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(p[0] == 'p' && p[63] == 'p' && p[size - 1] == 'e');
    }
    assert_int_equal(arena_used(a), used + 800000);
    char *q = arena_resize(a, first, 100, 200); /* an older one is copied */
    assert_true(q != first && q[0] == 'f' && q[99] == 'f');
    assert_null(arena_resize(a, q, 200, 300000));
    assert_true(arena_failed(a));
    assert_int_equal(q[99], 'f');
    assert_ptr_equal(arena_resize(a, first, 100, 10),
                     first); /* an older one stays as long as it is */
    arena_free(a);
}

static void arena_grows_lists(void **state) {
    (void)state;
    enum { N = 1000 };
    Arena *a = arena_new(N * 2 * sizeof(int));
    int *list = NULL;
    size_t room = 0;
    for (int i = 0; i < N; i++) {
        if ((size_t)i == room) {
            list = arena_grow(a, list, &room, sizeof(*list));
            assert_non_null(list);
        }
        list[i] = i;
    }
    assert_int_equal(room, 1024);
    assert_int_equal(list[0], 0);
    assert_int_equal(list[N - 1], N - 1);
    assert_null(arena_grow(a, list, &room, sizeof(*list)));
    assert_int_equal(room, 1024); /* what was there stays */
    assert_int_equal(list[N - 1], N - 1);
    arena_free(a);
}

static void buf_keeps_what_it_had_at_its_ceiling(void **state) {
    (void)state;
    Buf b;
    buf_init(&b, 10);
    buf_put_lit(&b, "12345678");
    buf_put_lit(&b, "999");
    buf_put_lit(&b, "0");
    assert_int_equal(buf_ok(&b), ERR_LIMIT);
    assert_str(buf_str(&b), STR("12345678"));
    buf_clear(&b);
    buf_printf(&b, "%d", 42);
    buf_put_u64(&b, 18446744);
    assert_ok(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), "4218446744");
    buf_release(&b);
}

static void str_cuts_and_trims(void **state) {
    (void)state;
    Str rest = STR("a,,b");
    Str part;
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, STR("a"));
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, STR(""));
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, STR("b"));
    assert_false(str_cut(&rest, ',', &part));
    assert_str(str_trim(STR(" \tx y\n")), STR("x y"));
    uint64_t v = 7;
    assert_int_equal(str_to_u64(STR("18446744073709551616"), &v), ERR_SYNTAX);
    assert_int_equal(v, 7);
    assert_ok(str_to_u64(STR("18446744073709551615"), &v));
    assert_int_equal(str_find(STR("aabab"), STR("bab")), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_aligned_memory_up_to_its_ceiling),
        cmocka_unit_test(arena_runs_its_defers_once),
        cmocka_unit_test(arena_resizes_its_newest_allocation),
        cmocka_unit_test(arena_grows_lists),
        cmocka_unit_test(buf_keeps_what_it_had_at_its_ceiling),
        cmocka_unit_test(str_cuts_and_trims),
    };
    return cmocka_run_group_tests_name("core/arena", tests, NULL, NULL);
}
