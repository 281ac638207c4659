/* Gzip, piece by piece. */
#include "unit/test.h"

#include "core/arena.h"
#include "core/gunzip.h"
#include "core/limits.h"

#include <zlib.h>

static Str packed(Arena *arena, const char *text, size_t len) {
    z_stream z = {0};
    unsigned char *out = arena_alloc(arena, len + 200);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)len + 200;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    Str result = {(char *)out, len + 200 - z.avail_out};
    (void)deflateEnd(&z);
    return result;
}

/* Fed in pieces of `step` bytes, taken in pieces of `room`. */
static ErrCode unpack(Gunzip *g, Str bytes, size_t step, size_t room, Buf *out) {
    char piece[4096];
    size_t n = 0;
    for (size_t at = 0; at < bytes.len; at += step) {
        gunzip_feed(g, str_sub(bytes, at, MIN(step, bytes.len - at)));
        do {
            TRY(gunzip_some(g, piece, room, &n));
            buf_put(out, piece, n);
        } while (n > 0);
        assert_true(gunzip_wants(g));
    }
    return gunzip_is_whole(g) ? ERR_OK : ERR_SYNTAX;
}

static void members_come_in_pieces_of_any_size(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    CLEANUP_BUF Buf file;
    buf_init(&file, 1 << 20);
    buf_put_str(&file, packed(arena, "một", strlen("một")));
    buf_put_str(&file, packed(arena, "", 0));
    buf_put_str(&file, packed(arena, " hai", strlen(" hai")));
    Gunzip *g = NULL;
    assert_ok(gunzip_new(&g));
    assert_true(gunzip_is_gzip(buf_str(&file)));
    for (size_t step = 1; step <= file.len; step += 3) {
        for (size_t room = 1; room <= 8; room++) {
            CLEANUP_BUF Buf out;
            buf_init(&out, 4096);
            gunzip_reset(g);
            assert_true(gunzip_is_whole(g));
            assert_ok(unpack(g, buf_str(&file), step, room, &out));
            assert_str(buf_str(&out), STR("một hai"));
        }
    }
    gunzip_free(g);
}

static void what_is_cut_or_changed_is_refused(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 20);
    Str file = packed(arena, "abcabcabc", 9);
    Gunzip *g = NULL;
    assert_ok(gunzip_new(&g));
    for (size_t len = 1; len < file.len; len++) {
        CLEANUP_BUF Buf out;
        buf_init(&out, 4096);
        gunzip_reset(g);
        assert_int_equal(unpack(g, str_sub(file, 0, len), 64, 64, &out), ERR_SYNTAX);
    }
    char *changed = (char *)(uintptr_t)file.ptr;
    changed[file.len - 5] ^= 1; /* the checksum */
    CLEANUP_BUF Buf out;
    buf_init(&out, 4096);
    gunzip_reset(g);
    assert_int_equal(unpack(g, file, 64, 64, &out), ERR_SYNTAX);
    gunzip_free(g);
}

static void a_bomb_is_refused(void **state) {
    (void)state;
    enum { BYTES = 8 << 20 };
    CLEANUP_ARENA Arena *arena = arena_new(64 << 20);
    Str file = packed(arena, arena_calloc(arena, BYTES, 1), BYTES);
    CLEANUP_BUF Buf out;
    buf_init(&out, 16 << 20);
    Gunzip *g = NULL;
    assert_ok(gunzip_new(&g));
    assert_int_equal(unpack(g, file, file.len, 4096, &out), ERR_LIMIT);
    assert_true(out.len <= LIMIT_MIB + LIMIT_UNPACK_RATIO * file.len);
    gunzip_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_pieces_of_any_size),
        cmocka_unit_test(what_is_cut_or_changed_is_refused),
        cmocka_unit_test(a_bomb_is_refused),
    };
    return cmocka_run_group_tests_name("core/gunzip", tests, NULL, NULL);
}
