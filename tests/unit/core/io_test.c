#include "folder.h"
#include "unit/test.h"

#include "core/io.h"

#include <errno.h>
#include <unistd.h>

static char root[64];

static int setup(void **state) {
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/nhip-io-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int teardown(void **state) {
    (void)state;
    folder_remove(root);
    return io_exists(root);
}

static const char *in(const char *name) {
    static char path[4][160];
    static unsigned n;
    n = (n + 1) % 4;
    (void)snprintf(path[n], sizeof(path[n]), "%s/%s", root, name);
    return path[n];
}

static void assert_content(const char *path, const char *want) {
    Buf b;
    buf_init(&b, 1000);
    assert_ok(io_read_file(path, 1000, &b));
    assert_str(buf_str(&b), str_from(want));
    buf_release(&b);
}

static void files_are_written_whole_and_read_to_a_limit(void **state) {
    (void)state;
    const char *path = in("one");
    assert_ok(io_write_atomic(path, STR("first")));
    assert_ok(io_write_atomic(path, STR("second")));
    assert_content(path, "second");
    uint64_t size = 0;
    assert_ok(io_size(path, &size));
    assert_int_equal(size, 6);
    Buf b;
    buf_init(&b, 9);
    buf_put_lit(&b, "as:");
    assert_int_equal(io_read_file(path, 5, &b), ERR_LIMIT);
    assert_str(buf_str(&b), STR("as:"));  /* untouched on failure */
    assert_ok(io_read_file(path, 6, &b)); /* fits exactly, in file and Buf */
    assert_str(buf_str(&b), STR("as:second"));
    assert_int_equal(io_read_file(path, 6, &b), ERR_LIMIT);
    buf_release(&b);
    buf_init(&b, 100);
    assert_int_equal(io_read_file(in("none"), 5, &b), ERR_NOT_FOUND);
    assert_int_equal(io_read_file("/proc/self/status", 10, &b), ERR_LIMIT); /* size 0, yet long */
    buf_release(&b);
    buf_init(&b, 1 << 20);
    assert_ok(io_read_file("/proc/self/status", 1 << 20, &b));
    assert_true(b.len > 100);
    buf_release(&b);
    assert_ok(io_write_atomic(in("empty"), STR_EMPTY));
    assert_content(in("empty"), "");
}

/* Call number `fail_at` of each kind fails; 0: none. */
static int calls, fail_at, fail_errno;

static bool fails(void) {
    if (++calls == fail_at) {
        errno = fail_errno;
        return true;
    }
    return false;
}

static int bad_open(const char *path, int flags, mode_t mode) {
    return fails() ? -1 : io_ops_real()->open(path, flags, mode);
}

static ssize_t bad_write(int fd, const void *bytes, size_t len) {
    return fails() ? -1 : io_ops_real()->write(fd, bytes, len > 3 ? 3 : len); /* short writes too */
}

static int bad_fsync(int fd) {
    return fails() ? -1 : io_ops_real()->fsync(fd);
}

static int bad_rename(const char *from, const char *to) {
    return fails() ? -1 : io_ops_real()->rename(from, to);
}

static ErrCode count_file(void *ctx, const char *path, uint64_t bytes) {
    (void)path;
    (void)bytes;
    ++*(int *)ctx;
    return ERR_OK;
}

/* Whatever call fails: an error, the old or the new content, and no temporary file left. */
static void a_failed_write_leaves_old_or_new(void **state) {
    (void)state;
    IoOps bad = *io_ops_real();
    bad.open = bad_open;
    bad.write = bad_write;
    bad.fsync = bad_fsync;
    bad.rename = bad_rename;
    const char *path = in("kept");
    int before = 0;
    assert_ok(io_write_atomic(path, STR("old")));
    assert_ok(io_walk(root, count_file, &before));
    fail_errno = ENOSPC;
    ErrCode err = ERR_INTERNAL;
    for (fail_at = 1; err != ERR_OK; fail_at++) {
        calls = 0;
        io_ops_set(&bad);
        err = io_write_atomic(path, STR("the new one"));
        io_ops_set(NULL);
        int after = 0;
        assert_ok(io_walk(root, count_file, &after));
        assert_int_equal(after, before);
        Buf b;
        buf_init(&b, 100);
        assert_ok(io_read_file(path, 100, &b));
        bool is_new = str_eq(buf_str(&b), STR("the new one"));
        assert_true(is_new || str_eq(buf_str(&b), STR("old")));
        assert_true(err == ERR_OK ? is_new : err == ERR_FULL);
        buf_release(&b);
    }
    assert_int_equal(fail_at, 11); /* open, 4 writes, fsync, rename, open, fsync, and none */
}

static void interrupted_calls_go_on(void **state) {
    (void)state;
    IoOps bad = *io_ops_real();
    bad.open = bad_open;
    bad.write = bad_write;
    fail_errno = EINTR;
    for (fail_at = 1; fail_at < 5; fail_at++) {
        calls = 0;
        io_ops_set(&bad);
        assert_ok(io_write_atomic(in("again"), STR("content")));
        io_ops_set(NULL);
        assert_content(in("again"), "content");
    }
}

static ErrCode list(void *ctx, const char *path, uint64_t bytes) {
    buf_printf(ctx, "%s:%llu ", path + strlen(root), (unsigned long long)bytes);
    return strstr(path, "stop") != NULL ? ERR_GONE : ERR_OK;
}

static void walks_are_sorted_and_stay_inside(void **state) {
    (void)state;
    assert_ok(io_mkdirs(in("b/c")));
    assert_ok(io_mkdirs(in("b//c/")));
    assert_ok(io_mkdirs(in("d")));
    assert_ok(io_write_atomic(in("b/c/2"), STR("22")));
    assert_ok(io_write_atomic(in("b/c/1"), STR("1")));
    assert_ok(io_write_atomic(in("b/stop"), STR("")));
    assert_ok(io_write_atomic(in("d/.hidden"), STR("4444")));
    assert_int_equal(symlink("/etc", in("link")), 0);
    assert_int_equal(io_mkdirs(in("b/c/1/x")), ERR_EXISTS);
    Buf b;
    buf_init(&b, 10000);
    assert_ok(io_walk(in("d///"), list, &b));
    assert_str(buf_str(&b), STR("/d/.hidden:4 "));
    buf_clear(&b);
    assert_int_equal(io_walk(in("b"), list, &b), ERR_GONE);
    assert_str(buf_str(&b), STR("/b/c/1:1 /b/c/2:2 /b/stop:0 "));
    buf_clear(&b);
    assert_ok(io_walk(in("b/c/1"), list, &b)); /* a file by itself */
    assert_str(buf_str(&b), STR("/b/c/1:1 "));
    assert_ok(io_walk(in("link"), list, &b)); /* links are not followed */
    assert_str(buf_str(&b), STR("/b/c/1:1 "));
    assert_int_equal(io_walk(in("nowhere"), list, &b), ERR_NOT_FOUND);
    buf_release(&b);
}

static void maps_show_the_file(void **state) {
    (void)state;
    IoMap m;
    assert_ok(io_write_atomic(in("map"), STR("mapped")));
    assert_ok(io_map_open(in("map"), &m));
    assert_str(m.bytes, STR("mapped"));
    io_map_close(&m);
    io_map_close(&m);
    assert_ok(io_write_atomic(in("map0"), STR_EMPTY));
    assert_ok(io_map_open(in("map0"), &m));
    assert_int_equal(m.bytes.len, 0);
    io_map_close(&m);
    assert_int_equal(io_map_open(root, &m), ERR_PARAM);
    assert_int_equal(io_map_open(in("none"), &m), ERR_NOT_FOUND);
    assert_ok(io_rename(in("map"), in("d/map")));
    assert_false(io_exists(in("map")));
    assert_content(in("d/map"), "mapped");
    assert_int_equal(io_remove(in("map")), ERR_NOT_FOUND);
    assert_int_equal(io_error(EDQUOT), ERR_FULL);
    assert_int_equal(io_error(EACCES), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_written_whole_and_read_to_a_limit),
        cmocka_unit_test(a_failed_write_leaves_old_or_new),
        cmocka_unit_test(interrupted_calls_go_on),
        cmocka_unit_test(walks_are_sorted_and_stay_inside),
        cmocka_unit_test(maps_show_the_file),
    };
    return cmocka_run_group_tests_name("core/io", tests, setup, teardown);
}
