#include "unit/test.h"

#include "core/base64.h"
#include "core/limits.h"
#include "interop/claim_file.h"

#include <zip.h>
#include <zlib.h>

typedef struct Seen {
    Buf log; /* "name: content\n" */
    ErrCode answer;
} Seen;

static ErrCode see(void *ctx, Str name, Str xml) {
    Seen *s = ctx;
    buf_printf(&s->log, STR_FMT ": " STR_FMT "\n", STR_ARG(name), (int)MIN(xml.len, 60), xml.ptr);
    return s->answer;
}

static Seen seen_new(void) {
    Seen s = {0};
    buf_init(&s.log, 1 << 20);
    return s;
}

static void gzip(Buf *out, Str s) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)s.ptr, .avail_in = (uInt)s.len};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, 0), Z_OK);
    size_t room = deflateBound(&z, s.len) + 64;
    assert_true(buf_reserve(out, room));
    z.next_out = (Bytef *)out->ptr + out->len;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += room - z.avail_out;
    (void)deflateEnd(&z);
}

typedef struct Entry {
    const char *name;
    Str bytes;
} Entry;

static void zip_up(Buf *out, const Entry *entries, size_t n) {
    zip_error_t e;
    zip_error_init(&e);
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &e);
    zip_t *zip = zip_open_from_source(target, ZIP_CREATE, &e);
    assert_non_null(zip);
    zip_source_keep(target);
    for (size_t i = 0; i < n; i++) {
        zip_source_t *one = zip_source_buffer(zip, entries[i].bytes.ptr, entries[i].bytes.len, 0);
        assert_true(zip_file_add(zip, entries[i].name, one, ZIP_FL_ENC_UTF_8) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
    assert_int_equal(zip_source_open(target), 0);
    char piece[4096];
    zip_int64_t got;
    while ((got = zip_source_read(target, piece, sizeof(piece))) > 0) {
        buf_put(out, piece, (size_t)got);
    }
    (void)zip_source_close(target);
    zip_source_free(target);
    zip_error_fini(&e);
}

static void plain_gzip_and_base64_are_opened_by_content(void **state) {
    (void)state;
    Seen s = seen_new();
    Buf gz;
    Buf text;
    buf_init(&gz, 1 << 20);
    buf_init(&text, 1 << 20);
    assert_ok(claim_file_each(STR("<A/>"), STR("a.xml"), see, &s, NULL));
    assert_ok(claim_file_each(STR("\xEF\xBB\xBF\n<B/>"), STR("b"), see, &s, NULL));
    gzip(&gz, STR("<C>1"));
    gzip(&gz, STR("</C>")); /* two members are one document */
    assert_ok(claim_file_each(buf_str(&gz), STR("c.xml"), see, &s, NULL));
    base64_encode(&text, STR("<?xml version=\"1.0\"?><D/>"));
    assert_ok(claim_file_each(buf_str(&text), STR("d"), see, &s, NULL));
    assert_ok(claim_file_each(STR(""), STR("e"), see, &s, NULL));
    assert_str(buf_str(&s.log), STR("a.xml: <A/>\nb: \xEF\xBB\xBF\n<B/>\nc.xml: <C>1</C>\n"
                                    "d: <?xml version=\"1.0\"?><D/>\ne: \n"));
    buf_release(&gz);
    buf_release(&text);
    buf_release(&s.log);
}

static void a_zip_hands_out_what_it_can_and_names_the_rest(void **state) {
    (void)state;
    Seen s = seen_new();
    Buf gz;
    Buf zip;
    buf_init(&gz, 1 << 20);
    buf_init(&zip, 1 << 20);
    gzip(&gz, STR("<B/>"));
    Entry entries[] = {{"a.xml", STR("<A/>")},
                       {"sub/", STR("")},
                       {"__MACOSX/a.xml", STR("junk")},
                       {"sub/photo.jpg", STR("\xFF\xD8 no claim")},
                       {"sub/b.xml.gz", buf_str(&gz)}};
    zip_up(&zip, entries, ARRAY_LEN(entries));
    ErrInfo info = {0};
    assert_int_equal(claim_file_each(buf_str(&zip), STR("all.zip"), see, &s, &info), ERR_INVALID);
    assert_str(buf_str(&s.log), STR("all.zip/a.xml: <A/>\nall.zip/sub/b.xml.gz: <B/>\n"));
    assert_string_equal(info.rule, "file-kind");
    assert_string_equal(info.where, "all.zip/sub/photo.jpg");
    assert_true(strlen(info.what_vi) > 20);
    buf_release(&gz);
    buf_release(&zip);
    buf_release(&s.log);
}

static void damage_is_refused_with_its_kind(void **state) {
    (void)state;
    Seen s = seen_new();
    Buf b;
    buf_init(&b, 1 << 20);
    ErrInfo info = {0};
    gzip(&b, STR("<A>some text that is long enough to be cut</A>"));
    Str cut = str_sub(buf_str(&b), 0, b.len - 12);
    assert_int_equal(claim_file_each(cut, STR("a"), see, &s, &info), ERR_SYNTAX);
    assert_string_equal(info.rule, "file-gzip");
    assert_int_equal(claim_file_each(STR("PK\x03\x04 no zip"), STR("a"), see, &s, &info),
                     ERR_SYNTAX);
    assert_string_equal(info.rule, "file-zip");
    assert_int_equal(claim_file_each(STR("{\"json\":1}"), STR("a"), see, &s, &info), ERR_INVALID);
    assert_string_equal(info.rule, "file-kind");
    assert_int_equal(claim_file_each(STR("QUJDREVGR0hJSktMTU5PUA==QQ"), STR("a"), see, &s, &info),
                     ERR_SYNTAX);
    assert_string_equal(info.rule, "file-base64");
    assert_int_equal(s.log.len, 0);
    buf_release(&b);
    buf_release(&s.log);
}

static void a_bomb_is_stopped_by_its_ratio(void **state) {
    (void)state;
    Seen s = seen_new();
    size_t len = 64 * LIMIT_MIB;
    char *zeros = calloc(1, len);
    assert_non_null(zeros);
    Buf gz;
    Buf zip;
    buf_init(&gz, 2 * len);
    buf_init(&zip, len);
    ErrInfo info = {0};
    gzip(&gz, (Str){zeros, len});
    assert_int_equal(claim_file_each(buf_str(&gz), STR("a"), see, &s, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "file-unpacked");
    Entry entry = {"a.xml", {zeros, len}};
    zip_up(&zip, &entry, 1);
    assert_int_equal(claim_file_each(buf_str(&zip), STR("a"), see, &s, &info), ERR_LIMIT);
    assert_int_equal(s.log.len, 0);
    free(zeros);
    buf_release(&gz);
    buf_release(&zip);
    buf_release(&s.log);
}

static void packing_inside_packing_ends(void **state) {
    (void)state;
    Seen s = seen_new();
    Buf b[5];
    for (int i = 0; i < 5; i++) {
        buf_init(&b[i], 1 << 20);
        gzip(&b[i], i == 0 ? STR("<A/>") : buf_str(&b[i - 1]));
    }
    assert_ok(claim_file_each(buf_str(&b[1]), STR("a"), see, &s, NULL));
    assert_int_equal(claim_file_each(buf_str(&b[4]), STR("a"), see, &s, NULL), ERR_INVALID);
    assert_str(buf_str(&s.log), STR("a: <A/>\n"));
    for (int i = 0; i < 5; i++) {
        buf_release(&b[i]);
    }
    buf_release(&s.log);
}

static void a_callbacks_error_stops_the_zip(void **state) {
    (void)state;
    Seen s = seen_new();
    s.answer = ERR_STOPPED;
    Buf zip;
    buf_init(&zip, 1 << 20);
    Entry entries[] = {{"a.xml", STR("<A/>")}, {"b.xml", STR("<B/>")}};
    zip_up(&zip, entries, 2);
    assert_int_equal(claim_file_each(buf_str(&zip), STR("z"), see, &s, NULL), ERR_STOPPED);
    assert_str(buf_str(&s.log), STR("z/a.xml: <A/>\n"));
    buf_release(&zip);
    buf_release(&s.log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_gzip_and_base64_are_opened_by_content),
        cmocka_unit_test(a_zip_hands_out_what_it_can_and_names_the_rest),
        cmocka_unit_test(damage_is_refused_with_its_kind),
        cmocka_unit_test(a_bomb_is_stopped_by_its_ratio),
        cmocka_unit_test(packing_inside_packing_ends),
        cmocka_unit_test(a_callbacks_error_stops_the_zip),
    };
    return cmocka_run_group_tests_name("interop/claim_file", tests, NULL, NULL);
}
