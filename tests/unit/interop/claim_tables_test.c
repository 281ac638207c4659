#include "unit/test.h"

#include "interop/claim_tables.h"

static void tables_have_the_fields_of_the_annex(void **state) {
    (void)state;
    static const int counts[CLAIM_TABLES] = {26, 66, 39, 47, 12, 9,  47, 26,
                                             22, 35, 13, 23, 0,  39, 22, 20};
    for (int i = 0; i < CLAIM_TABLES; i++) {
        const ClaimTable *t = claim_table(i);
        assert_int_equal(t == NULL ? 0 : t->n_fields, counts[i]);
    }
    assert_null(claim_table(12));
    assert_null(claim_table(-1));
    assert_null(claim_table(16));
}

static void every_name_finds_its_own_field(void **state) {
    (void)state;
    for (int i = 0; i < CLAIM_TABLES; i++) {
        const ClaimTable *t = claim_table(i);
        for (int k = 0; t != NULL && k < t->n_fields; k++) {
            assert_int_equal(claim_field_find(t, t->fields[k].name), k);
            for (int r = 0; r < CLAIM_RELEASE_COUNT; r++) {
                ClaimForm form = claim_field_form(&t->fields[k], (ClaimRelease)r);
                assert_int_equal(claim_field_find(t, form.name), k);
            }
        }
    }
    assert_int_equal(claim_field_find(claim_table(1), STR("MA_LKX")), -1);
    assert_int_equal(claim_field_find(claim_table(1), STR("")), -1);
    assert_int_equal(claim_field_find(claim_table(1), STR("TEN_THUOC")), -1);
}

static void indexes_names_and_aliases_agree(void **state) {
    (void)state;
    const ClaimTable *t1 = claim_table(1);
    assert_str(t1->fields[XML1_MA_LK].name, STR("MA_LK"));
    assert_str(t1->fields[XML1_T_BHTT_GDV].name, STR("T_BHTT_GDV"));
    assert_str(t1->record, t1->root);
    const ClaimTable *t13 = claim_table(13);
    assert_int_equal(claim_field_find(t13, STR("TINH_TRANG_CT")), XML13_PP_DIEU_TRI);
    const ClaimField *gone = &t13->fields[XML13_TEN_THUOC];
    assert_false(claim_field_form(gone, CLAIM_RELEASE_4750).gone);
    assert_true(claim_field_form(gone, CLAIM_RELEASE_3176).gone);
    assert_true(claim_field_form(gone, CLAIM_RELEASE_1931).gone);
    assert_int_equal(claim_table(2)->fields[XML2_MUC_HUONG].kind, CLAIM_DEC);
}

static void tables_are_found_by_name_and_root(void **state) {
    (void)state;
    assert_ptr_equal(claim_table_by_name(STR("XML15")), claim_table(15));
    assert_null(claim_table_by_name(STR("XML12")));
    assert_null(claim_table_by_name(STR("XML01")));
    assert_null(claim_table_by_name(STR("xml1")));
    assert_ptr_equal(claim_table_by_root(STR("TONG_HOP")), claim_table(1));
    assert_null(claim_table_by_root(STR("GIAMDINHHS")));
}

static void the_larger_size_holds_unless_a_release_is_chosen(void **state) {
    (void)state;
    const ClaimField *f = &claim_table(4)->fields[XML4_GIA_TRI];
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_ANY), 255);
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_4750), 50);
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_3176), 255);
    f = &claim_table(1)->fields[XML1_MA_BENH_YHCT];
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_ANY), 255);
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_3176), 150);
    f = &claim_table(3)->fields[XML3_MUC_HUONG];
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_3176), 3);
    assert_int_equal(claim_field_maxlen(f, CLAIM_RELEASE_1931), 4);
}

static void the_day_of_care_says_the_release(void **state) {
    (void)state;
    static const struct {
        const char *day;
        ClaimRelease release;
    } days[] = {{"20231231", CLAIM_RELEASE_130},
                {"202401010000", CLAIM_RELEASE_4750},
                {"20241231", CLAIM_RELEASE_4750},
                {"20250101", CLAIM_RELEASE_3176},
                {"202606302359", CLAIM_RELEASE_3176},
                {"202607010000", CLAIM_RELEASE_1931},
                {"", CLAIM_RELEASE_1931},
                {"ngày mai", CLAIM_RELEASE_1931}};
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        assert_int_equal(claim_release_at(str_from(days[i].day)), days[i].release);
    }
    for (int r = 0; r < CLAIM_RELEASE_COUNT; r++) {
        assert_int_equal(claim_release_by_name(claim_release_name((ClaimRelease)r)), r);
    }
    assert_int_equal(claim_release_by_name(STR("4210")), CLAIM_RELEASE_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_the_fields_of_the_annex),
        cmocka_unit_test(every_name_finds_its_own_field),
        cmocka_unit_test(indexes_names_and_aliases_agree),
        cmocka_unit_test(tables_are_found_by_name_and_root),
        cmocka_unit_test(the_larger_size_holds_unless_a_release_is_chosen),
        cmocka_unit_test(the_day_of_care_says_the_release),
    };
    return cmocka_run_group_tests_name("interop/claim_tables", tests, NULL, NULL);
}
