#include "unit/test.h"

#include "core/clock.h"
#include "core/thread.h"

static void queue_keeps_order_and_bounds(void **state) {
    (void)state;
    int items[4] = {0};
    Queue *q = queue_new(2);
    assert_true(queue_try_put(q, &items[0]));
    assert_true(queue_put(q, &items[1]));
    assert_false(queue_try_put(q, &items[2]));
    assert_int_equal(queue_count(q), 2);
    assert_ptr_equal(queue_get(q), &items[0]);
    assert_true(queue_try_put(q, &items[2])); /* the ring wraps */
    void *taken[4];
    assert_int_equal(queue_get_many(q, taken, 4), 2);
    assert_ptr_equal(taken[0], &items[1]);
    assert_ptr_equal(taken[1], &items[2]);
    assert_null(queue_get_ms(q, 0));
    assert_true(queue_put(q, &items[3]));
    queue_close(q);
    assert_true(queue_is_closed(q));
    assert_false(queue_put(q, &items[0]));
    assert_ptr_equal(queue_get(q), &items[3]); /* what is inside can still be taken */
    assert_null(queue_get(q));
    assert_int_equal(queue_get_many(q, taken, 4), 0);
    queue_free(q);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 5000 };

typedef struct Traffic {
    Queue *q;
    uint32_t numbers[PRODUCERS][EACH];
    _Atomic uint64_t sum, n;
    atomic_uint producer;
} Traffic;

static void produce(void *arg) {
    Traffic *t = arg;
    unsigned me = atomic_fetch_add(&t->producer, 1);
    for (uint32_t i = 0; i < EACH; i++) {
        t->numbers[me][i] = me * EACH + i;
        if (!queue_put(t->q, &t->numbers[me][i])) {
            return; /* the consumers' count will say so */
        }
    }
}

static void consume(void *arg) {
    Traffic *t = arg;
    for (uint32_t *p = queue_get(t->q); p != NULL; p = queue_get(t->q)) {
        atomic_fetch_add(&t->sum, *p);
        atomic_fetch_add(&t->n, 1);
    }
}

static void queue_loses_and_doubles_nothing(void **state) {
    (void)state;
    static Traffic t;
    Thread producers[PRODUCERS];
    Thread consumers[CONSUMERS];
    t.q = queue_new(7);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_ok(thread_start(&consumers[i], "consumer", consume, &t));
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_ok(thread_start(&producers[i], "producer", produce, &t));
    }
    for (int i = 0; i < PRODUCERS; i++) {
        thread_join(&producers[i]);
    }
    queue_close(t.q);
    for (int i = 0; i < CONSUMERS; i++) {
        thread_join(&consumers[i]);
        thread_join(&consumers[i]); /* a second join does nothing */
    }
    uint64_t all = PRODUCERS * EACH;
    assert_int_equal(t.n, all);
    assert_int_equal(t.sum, all * (all - 1) / 2);
    queue_free(t.q);
}

static void put_one_more(void *arg) {
    static int item;
    (void)queue_put(arg, &item);
}

static void closing_wakes_a_waiting_producer(void **state) {
    (void)state;
    int item = 0;
    Thread t;
    Queue *q = queue_new(1);
    assert_true(queue_put(q, &item));
    assert_ok(thread_start(&t, "waiter", put_one_more, q));
    queue_close(q);
    thread_join(&t); /* hangs when it is not woken */
    assert_int_equal(queue_count(q), 1);
    queue_free(q);
}

static void waits_end_in_time(void **state) {
    (void)state;
    Mutex m;
    Cond c;
    mutex_init(&m);
    cond_init(&c);
    int64_t before = clock_monotonic_ns(clock_real());
    mutex_lock(&m);
    assert_false(mutex_try_lock(&m));
    while (cond_wait_ms(&c, &m, 20)) { /* spurious wake-ups are allowed */
    }
    mutex_unlock(&m);
    assert_true(clock_monotonic_ns(clock_real()) - before >= 20 * 1000000);
    assert_true(mutex_try_lock(&m));
    mutex_unlock(&m);
    cond_release(&c);
    mutex_release(&m);
}

typedef struct Shared {
    RwLock lock;
    uint64_t a, b; /* equal whenever nobody writes */
    StopFlag stop;
    _Atomic uint64_t wrong;
} Shared;

static void read_pairs(void *arg) {
    Shared *s = arg;
    while (!stop_asked(&s->stop)) {
        rwlock_read(&s->lock);
        if (s->a != s->b) {
            atomic_fetch_add(&s->wrong, 1);
        }
        rwlock_unlock(&s->lock);
    }
}

static void writers_exclude_readers(void **state) {
    (void)state;
    static Shared s;
    Thread readers[3];
    rwlock_init(&s.lock);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        assert_ok(thread_start(&readers[i], "reader", read_pairs, &s));
    }
    for (int i = 0; i < 2000; i++) { /* ends only when writers are not starved */
        rwlock_write(&s.lock);
        s.a++;
        s.b++;
        rwlock_unlock(&s.lock);
    }
    stop_ask(&s.stop);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        thread_join(&readers[i]);
    }
    assert_int_equal(s.wrong, 0);
    rwlock_release(&s.lock);
}

static void count_index(void *ctx, size_t i) {
    atomic_fetch_add(&((atomic_uint *)ctx)[i], 1);
}

static void pool_runs_every_index_once(void **state) {
    (void)state;
    static atomic_uint counts[1000];
    Pool *p = pool_new(4, "pool");
    assert_non_null(p);
    for (unsigned round = 1; round <= 50; round++) {
        pool_run(p, count_index, counts, round == 50 ? 1000 : round);
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(counts[i], 1 + (i < 49 ? 49 - i : 0));
    }
    pool_run(p, count_index, counts, 0);
    pool_free(p);
    p = pool_new(1, "alone"); /* no thread but the caller's */
    pool_run(p, count_index, counts, 1000);
    assert_int_equal(counts[999], 2);
    pool_free(p);
    assert_true(thread_cores() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_keeps_order_and_bounds),
        cmocka_unit_test(queue_loses_and_doubles_nothing),
        cmocka_unit_test(closing_wakes_a_waiting_producer),
        cmocka_unit_test(waits_end_in_time),
        cmocka_unit_test(writers_exclude_readers),
        cmocka_unit_test(pool_runs_every_index_once),
    };
    return cmocka_run_group_tests_name("core/thread", tests, NULL, NULL);
}
