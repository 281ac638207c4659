/* Ranges of bytes: what is a part, what is the whole, what cannot be had. */
#include "unit/test.h"

#include "http/http.h"

typedef struct Case {
    const char *header;
    uint64_t size, from, len;
    int status;
} Case;

static const Case CASES[] = {
    {"", 10, 0, 10, 200},
    {"bytes=0-3", 10, 0, 4, 206},
    {" bytes=2- ", 10, 2, 8, 206},
    {"bytes= 2 - 5 ", 10, 2, 4, 206},
    {"bytes=9-9", 10, 9, 1, 206},
    {"bytes=5-100", 10, 5, 5, 206},
    {"bytes=-3", 10, 7, 3, 206},
    {"bytes=-30", 10, 0, 10, 206},
    {"bytes=-0", 10, 0, 0, 416},
    {"bytes=10-", 10, 0, 0, 416},
    {"bytes=0-", 0, 0, 0, 416},
    {"bytes=5-2", 10, 0, 10, 200},
    {"bytes=0-1,4-5", 10, 0, 10, 200},
    {"bytes=-", 10, 0, 10, 200},
    {"bytes=a-b", 10, 0, 10, 200},
    {"bytes=-1-2", 10, 0, 10, 200},
    {"items=0-1", 10, 0, 10, 200},
    {"bytes=18446744073709551616-", 10, 0, 10, 200},
};

static void reads_one_range(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const Case *c = &CASES[i];
        HttpRange r = http_range(str_from(c->header), c->size);
        if (r.status != c->status || r.from != c->from || r.len != c->len) {
            print_error("'%s' of %llu\n", c->header, (unsigned long long)c->size);
        }
        assert_int_equal(r.status, c->status);
        assert_int_equal(r.from, c->from);
        assert_int_equal(r.len, c->len);
    }
}

static void says_what_it_sends(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 16);
    HttpRange part = http_range(STR("bytes=2-5"), 10);
    HttpRange none = http_range(STR("bytes=20-"), 10);
    assert_str(http_content_range(arena, &part, 10), STR("bytes 2-5/10"));
    assert_str(http_content_range(arena, &none, 10), STR("bytes */10"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one_range),
        cmocka_unit_test(says_what_it_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
