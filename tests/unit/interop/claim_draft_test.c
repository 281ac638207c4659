/* A claim under repair: edits, new and removed records, documents that keep their bytes. */
#include "unit/test.h"

#include "interop/claim_draft.h"
#include "unit/interop/claim_make.h"

typedef struct Bench {
    Arena *arena;
    ClaimRecord lines[3], cert[1];
    ClaimPart parts[3];
    Claim claim;
    ClaimDraft *draft;
} Bench;

static int setup(void **state) {
    Bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->arena = arena_new((size_t)64 << 20);
    for (unsigned i = 0; i < 3; i++) {
        b->lines[i] = (ClaimRecord){.values = make_record(b->arena, claim_table(3), 10 * i)};
    }
    b->cert[0] = (ClaimRecord){.values = make_record(b->arena, claim_table(7), 5)};
    b->parts[0] = (ClaimPart){.table = claim_table(3), .records = b->lines, .n_records = 3};
    b->parts[1] = (ClaimPart){
        .table = claim_table(7), .records = b->cert, .n_records = 1, .xml = STR("<kept/>")};
    b->parts[2] = b->parts[1];
    b->claim =
        (Claim){.facility = STR("46001"), .ma_lk = STR("MALK-1"), .parts = b->parts, .n_parts = 3};
    assert_ok(claim_draft_new(b->arena, &b->claim, &b->draft));
    *state = b;
    return 0;
}

static int teardown(void **state) {
    Bench *b = *state;
    arena_free(b->arena);
    free(b);
    return 0;
}

static ErrCode edit(Bench *b, const char *table, size_t record, const char *field,
                    const char *value) {
    return claim_draft_edit(b->draft,
                            &(ClaimEdit){.table = str_from(table),
                                         .field = str_from(field),
                                         .value = str_from(value),
                                         .record = record},
                            NULL);
}

static ErrCode take_away(Bench *b, const char *table, size_t record) {
    return claim_draft_edit(
        b->draft, &(ClaimEdit){.table = str_from(table), .record = record, .remove = true}, NULL);
}

static Claim now(Bench *b) {
    Claim c = {0};
    assert_ok(claim_draft_claim(b->draft, &c));
    return c;
}

static void an_untouched_draft_is_the_claim(void **state) {
    Bench *b = *state;
    Claim c = now(b);
    assert_int_equal(c.n_parts, 3);
    assert_int_equal(c.parts[0].n_records, 3);
    assert_ptr_equal(c.parts[0].records[2].values, b->lines[2].values);
    assert_str(c.parts[1].xml, STR("<kept/>"));
    assert_str(c.parts[2].xml, STR("<kept/>"));
    assert_str(c.ma_lk, STR("MALK-1"));
}

static void an_edit_stands_in_its_record_only(void **state) {
    Bench *b = *state;
    Str before = b->lines[1].values[XML3_MA_MAY];
    assert_ok(edit(b, "XML3", 2, "MA_MAY", "HH.1.46001.001"));
    assert_ok(edit(b, "XML3", 2, "SO_LUONG", "2"));
    Claim c = now(b);
    assert_str(c.parts[0].records[1].values[XML3_MA_MAY], STR("HH.1.46001.001"));
    assert_str(c.parts[0].records[1].values[XML3_SO_LUONG], STR("2"));
    assert_str(b->lines[1].values[XML3_MA_MAY], before); /* the claim it came from stays */
    assert_ptr_equal(c.parts[0].records[0].values, b->lines[0].values);
}

static void numbers_stay_when_records_go(void **state) {
    Bench *b = *state;
    assert_ok(take_away(b, "XML3", 1));
    assert_ok(edit(b, "XML3", 3, "MA_MAY", "third"));
    assert_ok(edit(b, "XML3", 4, "TEN_DICH_VU", "new"));
    Claim c = now(b);
    assert_int_equal(c.parts[0].n_records, 3);
    assert_str(c.parts[0].records[1].values[XML3_MA_MAY], STR("third"));
    assert_str(c.parts[0].records[2].values[XML3_MA_LK], STR("MALK-1"));
    assert_str(c.parts[0].records[2].values[XML3_MA_MAY], STR_EMPTY);
}

static void a_changed_document_is_written_anew(void **state) {
    Bench *b = *state;
    assert_ok(edit(b, "XML7", 2, "SO_LUU_TRU", "77"));
    Claim c = now(b);
    assert_str(c.parts[1].xml, STR("<kept/>"));
    assert_int_equal(c.parts[2].xml.len, 0);
    assert_ok(take_away(b, "XML7", 1));
    c = now(b);
    assert_int_equal(c.n_parts, 2);
    assert_str(c.parts[1].records[0].values[XML7_SO_LUU_TRU], STR("77"));
    for (size_t i = 1; i <= 3; i++) {
        assert_ok(take_away(b, "XML3", i));
    }
    assert_int_equal(now(b).n_parts, 1);
}

static void what_cannot_be_done_is_refused(void **state) {
    Bench *b = *state;
    assert_int_equal(edit(b, "XML12", 1, "MA_LK", "x"), ERR_PARAM);
    assert_int_equal(edit(b, "XML3", 1, "NO_SUCH", "x"), ERR_PARAM);
    assert_int_equal(edit(b, "XML3", 5, "MA_MAY", "x"), ERR_PARAM);
    assert_int_equal(edit(b, "XML3", 0, "MA_MAY", "x"), ERR_PARAM);
    assert_int_equal(edit(b, "XML3", 1, "MA_LK", "another"), ERR_PARAM);
    assert_ok(edit(b, "XML3", 1, "MA_LK", "MALK-1"));
    assert_int_equal(take_away(b, "XML3", 4), ERR_PARAM);
    b->parts[1].has_unknown = true;
    assert_int_equal(edit(b, "XML7", 1, "SO_LUU_TRU", "x"), ERR_UNSUPPORTED);
}

#define AT_BENCH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_BENCH(an_untouched_draft_is_the_claim), AT_BENCH(an_edit_stands_in_its_record_only),
        AT_BENCH(numbers_stay_when_records_go),    AT_BENCH(a_changed_document_is_written_anew),
        AT_BENCH(what_cannot_be_done_is_refused),
    };
    return cmocka_run_group_tests_name("interop/claim_draft", tests, NULL, NULL);
}
