/* Packages: what is handed out, and all that is refused. */
#include "unit/test.h"

#include "core/limits.h"
#include "profile/profile_package.h"

#include <zlib.h>

typedef struct Seen {
    char names[1000];
    size_t n, bytes;
} Seen;

static ErrCode see(void *ctx, Str name, Str text) {
    Seen *s = ctx;
    s->n++;
    s->bytes += text.len;
    size_t len = strlen(s->names);
    (void)snprintf(s->names + len, sizeof(s->names) - len, STR_FMT " ", STR_ARG(name));
    return str_eq(text, STR("stop")) ? ERR_STOPPED : ERR_OK;
}

/* One entry of a tar; type 0: a plain file of old. */
static void put_entry(Buf *tar, const char *name, char type, Str text) {
    char h[512] = {0};
    (void)snprintf(h, 100, "%s", name);
    (void)snprintf(h + 100, 8, "0000644");
    (void)snprintf(h + 124, 12, "%011zo", text.len);
    (void)snprintf(h + 136, 12, "%011o", 0);
    h[156] = type;
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(h); i++) {
        sum += (unsigned char)h[i];
    }
    (void)snprintf(h + 148, 8, "%06o", sum);
    buf_put(tar, h, sizeof(h));
    buf_put_str(tar, text);
    static const char zeros[512];
    buf_put(tar, zeros, (512 - text.len % 512) % 512);
}

static Buf packed(const Buf *tar) {
    Buf out;
    buf_init(&out, 1 << 30);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_true(buf_reserve(&out, deflateBound(&z, tar->len)));
    z.next_in = (unsigned char *)tar->ptr;
    z.avail_in = (uInt)tar->len;
    z.next_out = (unsigned char *)out.ptr;
    z.avail_out = (uInt)out.capacity;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.len = z.total_out;
    (void)deflateEnd(&z);
    return out;
}

static ErrCode read_tar(Buf *tar, Seen *seen, ErrInfo *info) {
    Buf gz = packed(tar);
    *seen = (Seen){0};
    ErrCode err = profile_package_read(buf_str(&gz), see, seen, info);
    buf_release(&gz);
    buf_release(tar);
    buf_init(tar, 1 << 30);
    return err;
}

static void plain_files_are_handed_out(void **state) {
    (void)state;
    Buf tar;
    Seen seen;
    ErrInfo info = {0};
    buf_init(&tar, 1 << 30);
    put_entry(&tar, "package/", '5', STR_EMPTY);
    put_entry(&tar, "package/package.json", '0', STR("{}"));
    put_entry(&tar, "package/StructureDefinition-a.json", '\0', STR("{\"a\":1}"));
    put_entry(&tar, "package/example/Patient-b.json", '0', STR("{}"));
    put_entry(&tar, "package/.index.json", '0', STR("{}"));
    put_entry(&tar, "package/readme.md", '0', STR("x"));
    put_entry(&tar, "./package/ValueSet-c.json", '0', STR("{}"));
    assert_ok(read_tar(&tar, &seen, &info));
    assert_string_equal(seen.names, "package.json StructureDefinition-a.json ValueSet-c.json ");
    assert_int_equal(seen.bytes, 11);
    put_entry(&tar, "package/a.json", '0', STR("stop"));
    put_entry(&tar, "package/b.json", '0', STR("{}"));
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_STOPPED);
    assert_int_equal(seen.n, 1);
    buf_release(&tar);
}

static void long_names_by_pax(void **state) {
    (void)state;
    Buf tar;
    Seen seen;
    ErrInfo info = {0};
    buf_init(&tar, 1 << 30);
    put_entry(&tar, "pax", 'x', STR("24 path=package/ab.json\n"));
    put_entry(&tar, "package/short", '0', STR("{}"));
    put_entry(&tar, "package/c.json", '0', STR("{}"));
    assert_ok(read_tar(&tar, &seen, &info));
    assert_string_equal(seen.names, "ab.json c.json ");
    static const char *const broken[] = {"24 path=package/ab.json", "8 path=x\n", "x", "0 a\n",
                                         "18446744073709551616 a\n"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        put_entry(&tar, "pax", 'x', str_from(broken[i]));
        assert_int_equal(read_tar(&tar, &seen, &info), ERR_SYNTAX);
    }
    put_entry(&tar, "pax", 'x', STR("22 path=../etc/passwd\n"));
    put_entry(&tar, "package/a.json", '0', STR("{}"));
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_INVALID);
    buf_release(&tar);
}

static void tricks_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        char type;
        ErrCode err;
        const char *rule;
    } cases[] = {
        {"/etc/passwd", '0', ERR_INVALID, "package-name"},
        {"package/../../x.json", '0', ERR_INVALID, "package-name"},
        {"..", '0', ERR_INVALID, "package-name"},
        {"package\\x.json", '0', ERR_INVALID, "package-name"},
        {"c:/x.json", '0', ERR_INVALID, "package-name"},
        {"package//x.json", '0', ERR_INVALID, "package-name"},
        {"", '0', ERR_INVALID, "package-name"},
        {"package/x.json", '1', ERR_INVALID, "package-link"},
        {"package/x.json", '2', ERR_INVALID, "package-link"},
        {"package/x.json", '3', ERR_INVALID, "package-link"},
        {"package/x.json", 'L', ERR_INVALID, "package-link"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf tar;
        Seen seen;
        ErrInfo info = {0};
        buf_init(&tar, 1 << 30);
        put_entry(&tar, cases[i].name, cases[i].type, STR("{}"));
        assert_int_equal(read_tar(&tar, &seen, &info), cases[i].err);
        assert_string_equal(info.rule, cases[i].rule);
        assert_true(info.what_vi[0] != '\0');
        assert_int_equal(seen.n, 0);
        buf_release(&tar);
    }
}

static void damage_is_noticed(void **state) {
    (void)state;
    Buf tar;
    Seen seen;
    ErrInfo info = {0};
    buf_init(&tar, 1 << 30);
    put_entry(&tar, "package/a.json", '0', STR("{}"));
    tar.ptr[5] ^= 1;
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_SYNTAX);
    put_entry(&tar, "package/a.json", '0', STR("{}"));
    tar.len -= 100;
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_SYNTAX);
    put_entry(&tar, "package/a.json", '0', STR("{}"));
    Buf gz = packed(&tar);
    for (size_t len = 0; len < gz.len; len++) {
        assert_int_not_equal(profile_package_read((Str){gz.ptr, len}, see, &seen, &info), ERR_OK);
    }
    assert_int_equal(profile_package_read(STR("no gzip"), see, &seen, &info), ERR_SYNTAX);
    assert_string_equal(info.rule, "package-gzip");
    buf_release(&gz);
    buf_release(&tar);
}

static void bombs_are_refused(void **state) {
    (void)state;
    Buf tar;
    Seen seen;
    ErrInfo info = {0};
    buf_init(&tar, 1 << 30);
    char *zeros = calloc(1, 64 * LIMIT_MIB);
    put_entry(&tar, "package/a.bin", '0', (Str){zeros, 64 * LIMIT_MIB});
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_LIMIT);
    put_entry(&tar, "package/a.json", '0', (Str){zeros, LIMIT_RESOURCE_BYTES + 1});
    assert_int_equal(read_tar(&tar, &seen, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "package-limit");
    free(zeros);
    buf_release(&tar);
}

static void manifests(void **state) {
    (void)state;
    Arena *a = arena_new(1 << 20);
    ProfileManifest m;
    ErrInfo info = {0};
    assert_ok(profile_manifest_read(
        a, STR("{\"name\":\"a.b\",\"version\":\"1.0.0-x\",\"fhirVersions\":[\"4.0.1\"]}"), &m,
        &info));
    assert_true(m.is_r4 && str_eq(m.name, STR("a.b")) && str_eq(m.version, STR("1.0.0-x")));
    assert_ok(profile_manifest_read(
        a, STR("{\"name\":\"a\",\"version\":\"1\",\"fhir-version-list\":[\"5.0.0\"]}"), &m, &info));
    assert_false(m.is_r4);
    static const char *const bad[] = {"{}", "{\"name\":\"a\"}", "{\"name\":\"../a\",\"version\":\"1\"}",
                                      "{\"name\":\"a\",\"version\":\"1|2\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(profile_manifest_read(a, str_from(bad[i]), &m, &info), ERR_INVALID);
    }
    assert_int_equal(profile_manifest_read(a, STR("{"), &m, &info), ERR_SYNTAX);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files_are_handed_out), cmocka_unit_test(long_names_by_pax),
        cmocka_unit_test(tricks_are_refused),         cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(bombs_are_refused),          cmocka_unit_test(manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
