/* Ids, the record's bytes, the packing of base64: below any file. */
#include "unit/test.h"

#include "core/base64.h"
#include "core/random.h"
#include "store/record_int.h"

static void speck_gives_the_papers_vector(void **state) {
    (void)state;
    IdKey key;
    const uint8_t secret[16] = {0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b,
                                0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b};
    id_key_init(&key, secret);
    assert_int_equal(id_encrypt(&key, 0x3b7265747475432dULL), 0x8c6fa548454e028bULL);
    assert_int_equal(id_decrypt(&key, 0x8c6fa548454e028bULL), 0x3b7265747475432dULL);
}

static void ids_go_there_and_back(void **state) {
    (void)state;
    IdKey key;
    Random random;
    char a[ID_LETTERS];
    uint8_t secret[16] = {7};
    id_key_init(&key, secret);
    random_init(&random, 1);
    for (int i = 0; i < 20000; i++) {
        Slot slot = SLOT_OF(1 + random_below(&random, STORE_SEQUENCE_MAX - 1),
                            random_below(&random, STORE_RECORD_SLOTS));
        id_put(&key, slot, a);
        assert_true(id_is_valid((Str){a, ID_LETTERS}));
        assert_int_equal(id_parse(&key, (Str){a, ID_LETTERS}), slot);
    }
    /* Random texts of the same form are hardly ever taken for ours. */
    unsigned taken = 0;
    for (int i = 0; i < 200000; i++) {
        for (int c = 0; c < ID_LETTERS; c++) {
            a[c] = "0123456789abcdefghjkmnpqrstvwxyz"[random_below(&random, 32)];
        }
        taken += id_parse(&key, (Str){a, ID_LETTERS}) != 0;
    }
    assert_in_range(taken, 0, 4);
    assert_int_equal(id_parse(&key, STR("zzzzzzzzzzzzz")), 0);
    assert_int_equal(id_parse(&key, STR("0000000000il0")), 0);
    assert_int_equal(id_parse(&key, STR("short")), 0);
}

static StoredRecord *sample_record(Arena *arena) {
    StoredRecord *r = arena_calloc(arena, 1, sizeof(*r));
    r->number = 77;
    r->patient_id = STR("bn-7");
    r->n_slots = 4;
    r->slots[0] = (StoredSlot){.type = FHIR_T_PATIENT,
                               .first = SLOT_OF(77, 0),
                               .version = 1,
                               .client_id = STR("bn-7"),
                               .text = STR("{\"resourceType\":\"Patient\"}")};
    r->slots[1] = (StoredSlot){.type = FHIR_T_ENCOUNTER,
                               .first = SLOT_OF(3, 9),
                               .prev = SLOT_OF(60, 63),
                               .version = 300,
                               .text = STR("{\"resourceType\":\"Encounter\"}")};
    r->slots[2] = (StoredSlot){.type = FHIR_T_BASIC,
                               .deleted = true,
                               .first = SLOT_OF(1, 0),
                               .prev = SLOT_OF(1, 0),
                               .version = 2,
                               .client_id = STR("x")};
    r->slots[3] = (StoredSlot){.type = FHIR_T_BASIC,
                               .first = SLOT_OF(77, 3),
                               .version = 1,
                               .text = STR("{\"resourceType\":\"Basic\",\"a\":\"~\"}")};
    return r;
}

static void a_record_goes_there_and_back(void **state) {
    (void)state;
    Arena *arena = arena_new(1 << 20);
    Buf out;
    buf_init(&out, 1 << 20);
    StoredRecord *r = sample_record(arena);
    StoredRecord *again = arena_calloc(arena, 1, sizeof(*again));
    assert_ok(record_encode(&out, r));
    again->number = 77;
    assert_ok(record_decode(buf_str(&out), again));
    assert_int_equal(again->n_slots, 4);
    assert_str(again->patient_id, r->patient_id);
    for (unsigned i = 0; i < 4; i++) {
        const StoredSlot *a = &r->slots[i];
        const StoredSlot *b = &again->slots[i];
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->deleted, b->deleted);
        assert_int_equal(a->first, b->first);
        assert_int_equal(a->prev, b->prev);
        assert_int_equal(a->version, b->version);
        assert_str(a->client_id, b->client_id);
        assert_str(a->text, b->text);
    }
    /* Cut short or longer it is refused, and nothing is read outside. */
    for (size_t len = 0; len < out.len; len++) {
        char *copy = malloc(len + 1);
        memcpy(copy, out.ptr, len);
        assert_int_equal(record_decode((Str){copy, len}, again), ERR_CORRUPT);
        free(copy);
    }
    buf_put_char(&out, ' ');
    assert_int_equal(record_decode(buf_str(&out), again), ERR_CORRUPT);
    buf_release(&out);
    arena_free(arena);
}

static void damaged_payloads_never_hurt(void **state) {
    (void)state;
    Arena *arena = arena_new(1 << 20);
    Random random;
    Buf out;
    buf_init(&out, 1 << 20);
    random_init(&random, 2);
    assert_ok(record_encode(&out, sample_record(arena)));
    StoredRecord *again = arena_calloc(arena, 1, sizeof(*again));
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(out.len);
        memcpy(copy, out.ptr, out.len);
        for (int flips = 0; flips < 3; flips++) {
            copy[random_below(&random, out.len)] ^= (char)(1 << random_below(&random, 8));
        }
        again->number = 77;
        if (record_decode((Str){copy, out.len}, again) == ERR_OK) {
            assert_in_range(again->n_slots, 1, STORE_RECORD_SLOTS);
        }
        free(copy);
    }
    buf_release(&out);
    arena_free(arena);
}

static void varints_keep_all_values(void **state) {
    (void)state;
    Buf out;
    buf_init(&out, 100);
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t delta = 0; delta < 3; delta++) {
            uint64_t value = (UINT64_C(1) << shift) + delta - 1;
            uint64_t again = 0;
            buf_clear(&out);
            codec_put_varint(&out, value);
            Str from = buf_str(&out);
            assert_true(codec_get_varint(&from, &again));
            assert_int_equal(again, value);
            assert_int_equal(from.len, 0);
        }
    }
    uint64_t v = 0;
    Str over = {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10};
    assert_false(codec_get_varint(&over, &v));
    buf_release(&out);
}

/* ---- packing ---- */

static void put_base64_lines(Buf *out, Str bytes, size_t width, const char *eol) {
    Buf all;
    buf_init(&all, 1 << 22);
    base64_encode(&all, bytes);
    for (size_t at = 0; at < all.len; at += width) {
        if (at > 0) {
            buf_put_str(out, str_from(eol));
        }
        buf_put_str(out, str_sub(buf_str(&all), at, width));
    }
    buf_release(&all);
}

static void check_pack(Str bytes, bool packs) {
    Buf packed;
    Buf again;
    buf_init(&packed, 1 << 22);
    buf_init(&again, 1 << 22);
    ErrCode err = pack_base64(&packed, bytes);
    assert_int_equal(err, packs ? ERR_OK : ERR_UNSUPPORTED);
    if (packs) {
        assert_ok(unpack_base64(&again, buf_str(&packed)));
        assert_str(buf_str(&again), bytes);
        assert_true(packed.len < bytes.len);
    }
    buf_release(&packed);
    buf_release(&again);
}

static void base64_runs_are_packed_in_all_shapes(void **state) {
    (void)state;
    static const size_t WIDTHS[] = {1 << 20, 76, 64, 72, 120};
    char inner[3000];
    Buf text;
    buf_init(&text, 1 << 22);
    for (size_t i = 0; i < sizeof(inner); i++) {
        inner[i] = (char)(i * 7 + i / 100);
    }
    for (size_t w = 0; w < ARRAY_LEN(WIDTHS); w++) {
        for (size_t len = 200; len < 330; len++) {
            buf_clear(&text);
            buf_put_lit(&text, "<A><NOIDUNGFILE>");
            put_base64_lines(&text, (Str){inner, len}, WIDTHS[w], len % 2 == 0 ? "\n" : "\r\n");
            buf_put_lit(&text, "</NOIDUNGFILE> ab ");
            put_base64_lines(&text, (Str){inner, len + 50}, 1 << 20, "");
            check_pack(buf_str(&text), true);
        }
    }
    /* A whole text that is nothing but base64, with and without an end of line. */
    buf_clear(&text);
    put_base64_lines(&text, (Str){inner, sizeof(inner)}, 76, "\n");
    check_pack(buf_str(&text), true);
    buf_put_char(&text, '\n');
    check_pack(buf_str(&text), true);
    buf_release(&text);
}

static void what_is_no_canonical_base64_stays(void **state) {
    (void)state;
    char run[200];
    memset(run, 'A', sizeof(run));
    check_pack(STR("<A>plain text, nothing else</A>"), false);
    check_pack(STR_EMPTY, false);
    check_pack((Str){run, 63}, false);
    check_pack((Str){run, 131}, true); /* 128 taken, 3 stay */
    memcpy(run + 128, "AAB=", 4);      /* unused bits set: not canonical */
    check_pack((Str){run, 132}, false);
    memcpy(run + 128, "AA==", 4);
    check_pack((Str){run, 132}, true);
    memcpy(run + 128, "====", 4);
    check_pack((Str){run, 132}, true);
}

static void random_texts_pack_and_come_back(void **state) {
    (void)state;
    static const char LETTERS[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAABcd+/==\n\r<>";
    Random random;
    Buf packed;
    Buf again;
    buf_init(&packed, 1 << 20);
    buf_init(&again, 1 << 20);
    random_init(&random, 3);
    for (int i = 0; i < 20000; i++) {
        char text[600];
        size_t len = random_below(&random, sizeof(text));
        for (size_t c = 0; c < len; c++) {
            bool odd = random_below(&random, 40) == 0;
            text[c] = odd ? LETTERS[random_below(&random, sizeof(LETTERS) - 1)] : 'Q';
        }
        buf_clear(&packed);
        buf_clear(&again);
        if (pack_base64(&packed, (Str){text, len}) == ERR_OK) {
            assert_ok(unpack_base64(&again, buf_str(&packed)));
            assert_str(buf_str(&again), ((Str){text, len}));
        }
        /* And noise is no packed form that hurts. */
        buf_clear(&again);
        ErrCode err = unpack_base64(&again, (Str){text, len});
        assert_true(err == ERR_OK || err == ERR_CORRUPT);
    }
    buf_release(&packed);
    buf_release(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speck_gives_the_papers_vector),
        cmocka_unit_test(ids_go_there_and_back),
        cmocka_unit_test(a_record_goes_there_and_back),
        cmocka_unit_test(damaged_payloads_never_hurt),
        cmocka_unit_test(varints_keep_all_values),
        cmocka_unit_test(base64_runs_are_packed_in_all_shapes),
        cmocka_unit_test(what_is_no_canonical_base64_stays),
        cmocka_unit_test(random_texts_pack_and_come_back),
    };
    return cmocka_run_group_tests_name("store/codec", tests, NULL, NULL);
}
