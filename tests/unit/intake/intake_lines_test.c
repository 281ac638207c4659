/* Lines of plain and packed files: the same; and what cannot be unpacked. */
#include "unit/test.h"

#include "core/limits.h"
#include "core/random.h"
#include "intake/intake_lines.h"

#include <zlib.h>

/* One gzip member more. */
static void pack(Buf *out, Str text, int level) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_true(buf_reserve(out, deflateBound(&z, text.len)));
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out->ptr + out->len;
    z.avail_out = (uInt)(out->capacity - out->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    (void)deflateEnd(&z);
}

/* Number and text of every line. */
static ErrCode read_all(IntakeLines *l, Buf *out, ErrInfo *why) {
    unsigned number = 0;
    Str line;
    do {
        TRY(intake_lines_next(l, &line, &number, why));
        buf_printf(out, "%u:", number);
        buf_put_str(out, line);
        buf_put_char(out, '\n');
    } while (number != 0);
    return ERR_OK;
}

static ErrCode lines_of(Str bytes, Buf *out, ErrInfo *why) {
    IntakeLines *l = NULL;
    assert_ok(intake_lines_new(bytes, &l));
    buf_clear(out);
    ErrCode err = read_all(l, out, why);
    if (err == ERR_OK) { /* a second time, from the beginning */
        size_t len = out->len;
        intake_lines_rewind(l);
        assert_ok(read_all(l, out, why));
        assert_str(str_sub(buf_str(out), 0, len), str_sub(buf_str(out), len, len));
        out->len = len;
    }
    intake_lines_free(l);
    return err;
}

static void reads_lines(void **state) {
    (void)state;
    CLEANUP_BUF Buf plain;
    CLEANUP_BUF Buf b;
    buf_init(&plain, 1 << 20);
    buf_init(&b, 1 << 20);
    Str text = STR("\xEF\xBB\xBF{one}\r\n\n  {three} \n{four}");
    assert_ok(lines_of(text, &plain, NULL));
    assert_str(buf_str(&plain), STR("1:{one}\n2:\n3:{three}\n4:{four}\n0:\n"));
    pack(&b, text, 6);
    CLEANUP_BUF Buf packed;
    buf_init(&packed, 1 << 20);
    assert_ok(lines_of(buf_str(&b), &packed, NULL));
    assert_str(buf_str(&packed), buf_str(&plain));
    /* members one behind the other are one text */
    buf_clear(&b);
    pack(&b, str_sub(text, 0, 6), 1);
    pack(&b, STR_EMPTY, 1);
    pack(&b, str_sub(text, 6, text.len), 9);
    assert_ok(lines_of(buf_str(&b), &packed, NULL));
    assert_str(buf_str(&packed), buf_str(&plain));
}

/* Lines of all lengths around the blocks in which it is unpacked. */
static void packed_is_as_plain(void **state) {
    (void)state;
    Random r;
    random_init(&r, 7);
    for (int round = 0; round < 20; round++) {
        CLEANUP_BUF Buf text;
        CLEANUP_BUF Buf b;
        CLEANUP_BUF Buf plain;
        CLEANUP_BUF Buf packed;
        buf_init(&text, 64 * LIMIT_MIB);
        buf_init(&b, 64 * LIMIT_MIB);
        buf_init(&plain, 256 * LIMIT_MIB);
        buf_init(&packed, 256 * LIMIT_MIB);
        while (text.len < 2 * LIMIT_MIB) {
            uint64_t len =
                random_below(&r, 4) == 0 ? random_below(&r, 700000) : random_below(&r, 300);
            for (uint64_t i = 0; i < len; i += 8) {
                buf_put_u64(&text, random_below(&r, 10000000));
            }
            buf_put_char(&text, '\n');
        }
        text.len -= round % 2 == 1;
        pack(&b, buf_str(&text), 1 + round % 9);
        assert_ok(lines_of(buf_str(&text), &plain, NULL));
        assert_ok(lines_of(buf_str(&b), &packed, NULL));
        assert_str(buf_str(&packed), buf_str(&plain));
    }
}

static void what_is_damaged_is_refused(void **state) {
    (void)state;
    CLEANUP_BUF Buf b;
    CLEANUP_BUF Buf out;
    buf_init(&b, 1 << 20);
    buf_init(&out, 64 * LIMIT_MIB);
    pack(&b, STR("{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n"), 6);
    for (size_t n = 3; n < b.len; n++) { /* cut off anywhere */
        ErrInfo why = {0};
        assert_int_equal(lines_of(str_sub(buf_str(&b), 0, n), &out, &why), ERR_SYNTAX);
        assert_string_equal(why.rule, "file-gzip");
        buf_clear(&out);
        assert_int_equal(intake_unpack(str_sub(buf_str(&b), 0, n), &out, NULL), ERR_SYNTAX);
    }
    buf_clear(&out);
    assert_ok(intake_unpack(buf_str(&b), &out, NULL));
    b.ptr[b.len - 5] ^= 1; /* the checksum */
    assert_int_equal(lines_of(buf_str(&b), &out, NULL), ERR_SYNTAX);
    b.ptr[b.len - 5] ^= 1;
    buf_put_lit(&b, "no gzip");
    assert_int_equal(lines_of(buf_str(&b), &out, NULL), ERR_SYNTAX);
}

static void bombs_are_refused(void **state) {
    (void)state;
    CLEANUP_BUF Buf zeros;
    CLEANUP_BUF Buf b;
    CLEANUP_BUF Buf out;
    ErrInfo why = {0};
    buf_init(&zeros, 64 * LIMIT_MIB);
    buf_init(&b, 64 * LIMIT_MIB);
    buf_init(&out, 64 * LIMIT_MIB);
    assert_true(buf_reserve(&zeros, 32 * LIMIT_MIB));
    memset(zeros.ptr, '\n', 32 * LIMIT_MIB);
    zeros.len = 32 * LIMIT_MIB;
    pack(&b, buf_str(&zeros), 9);
    assert_int_equal(lines_of(buf_str(&b), &out, &why), ERR_LIMIT);
    assert_string_equal(why.rule, "file-gzip");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(packed_is_as_plain),
        cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(bombs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
