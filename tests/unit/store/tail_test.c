/* The tail when memory runs out half way: what it had taken is there once, the rest can be added
 * again. calloc is ours in this program; the sanitizers have their own, so there nothing fails. */
#include "unit/test.h"

#include "store/index_format.h"
#include "store/index_tail.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_CALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_CALLOC 0
#else
#define OWN_CALLOC 1
#endif
#else
#define OWN_CALLOC 1
#endif

static bool calloc_fails;

#if OWN_CALLOC
void *__libc_calloc(size_t n, size_t size);

void *calloc(size_t n, size_t size) {
    return calloc_fails ? NULL : __libc_calloc(n, size);
}
#endif

enum { GROUPS = 1000 };

static bool take_any(void *ctx, Str key) {
    (void)ctx;
    return key.len > 0;
}

static ErrCode count_key(void *ctx, Str key, const uint32_t *slots, size_t n) {
    unsigned *keys = ctx;
    (void)key;
    (void)slots;
    assert_int_equal(n, 1);
    return ++*keys > GROUPS ? ERR_LIMIT : ERR_OK; /* a ring of keys would be walked for ever */
}

static void a_tail_short_of_memory_takes_each_key_once(void **state) {
    (void)state;
    Tail *t = tail_new(1, 0);
    assert_non_null(t);
    unsigned failed = 0;
    for (unsigned i = 0; i < GROUPS; i++) { /* a group each: their table has to grow */
        const char key[] = {INDEX_VALUE, (char)(i >> 8), (char)i, 0, 1, 'x'};
        IndexEntry entry = {.key = {key, sizeof(key)}, .offset = i};
        calloc_fails = true;
        ErrCode err = tail_add(t, SLOT_OF(1, 0), &entry, 1);
        calloc_fails = false;
        if (err != ERR_OK) {
            assert_int_equal(err, ERR_NOMEM);
            assert_ok(tail_add(t, SLOT_OF(1, 0), &entry, 1));
            failed++;
        }
    }
    assert_true(failed > 0 || !OWN_CALLOC);
    unsigned keys = 0;
    const char from[] = {INDEX_VALUE, 0, 0, 0, 0};
    const char to[] = {INDEX_VALUE + 1, 0, 0, 0, 0};
    TailScan scan = {.from = {from, sizeof(from)},
                     .to = {to, sizeof(to)},
                     .below = UINT32_MAX,
                     .take = take_any,
                     .put = count_key,
                     .ctx = &keys};
    assert_ok(tail_scan(t, &scan));
    assert_int_equal(keys, GROUPS);
    assert_int_equal(tail_n_slots(t), GROUPS);
    tail_unref(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_short_of_memory_takes_each_key_once),
    };
    return cmocka_run_group_tests_name("store/tail", tests, NULL, NULL);
}
