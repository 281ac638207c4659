#include "unit/test.h"

#include <pthread.h>

#include "vn/vn.h"

static void icd10_found_in_every_spelling(void **state) {
    (void)state;
    const VnIcd10 *e = vn_icd10(STR("J18.9"));
    assert_non_null(e);
    assert_str(e->code, STR("J18.9"));
    assert_str(e->name_vi, STR("Viêm phổi, không đặc hiệu"));
    assert_str(e->chapter->range, STR("J00-J99"));
    assert_str(e->chapter->number, STR("X"));
    assert_ptr_equal(vn_icd10(STR("J189")), e);
    assert_ptr_equal(vn_icd10(STR("j18.9")), e);
    assert_str(vn_icd10(STR("I10"))->name_en, STR("Essential (primary) hypertension"));
    const VnIcd10 *dagger = vn_icd10(STR("E11.2"));
    assert_str(dagger->mark, STR("†"));
    assert_ptr_equal(vn_icd10(STR("E11.2†")), dagger);
    assert_str(vn_icd10(STR("M14*"))->mark, STR("*"));
}

static void icd10_refuses_what_is_no_code(void **state) {
    (void)state;
    static const char *const bad[] = {"",  "A",       "A0",    "Z99.99",  "J1.89",
                                      "†", "A00.0.1", "A00 0", "J18.9xx", "J18.9123456"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(vn_icd10(str_from(bad[i])));
    }
    assert_ptr_equal(vn_icd10(STR("A00.")), vn_icd10(STR("A00"))); /* a lone dot is harmless */
    assert_str(vn_icd10_near(STR("A09.05"))->code, STR("A09.0"));
    assert_str(vn_icd10_near(STR("I10.9"))->code, STR("I10"));
    assert_null(vn_icd10_near(STR("X")));
}

static void every_entry_finds_itself_and_its_chapter(void **state) {
    (void)state;
    size_t n;
    const VnIcd10 *all = vn_icd10_all(&n);
    assert_int_equal(n, 12137);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(vn_icd10(all[i].code), &all[i]);
        assert_ptr_equal(vn_chapter(all[i].code), all[i].chapter);
        assert_true(all[i].name_vi.len > 0 && all[i].name_en.len > 0);
    }
    size_t chapters;
    (void)vn_chapters(&chapters);
    assert_int_equal(chapters, 22);
    assert_null(vn_chapter(STR("D90")));
}

static void wards_have_places_of_their_own(void **state) {
    (void)state;
    size_t n;
    const VnWard *w = vn_wards(&n);
    assert_int_equal(n, 40);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(vn_ward(w[i].code), &w[i]);
        assert_true(w[i].lon > 107.0 && w[i].lon < 108.3);
        assert_true(w[i].lat > 15.9 && w[i].lat < 16.8);
        for (size_t j = 0; j < i; j++) {
            assert_false(w[i].col == w[j].col && w[i].row == w[j].row);
        }
    }
    const VnWard *hue = vn_ward(STR("19789"));
    assert_str(hue->full_name, STR("Phường Thuận Hoá"));
    assert_int_equal(hue->col, 5);
    assert_int_equal(hue->row, 3);
    assert_true(hue->lon > 107.58379 && hue->lon < 107.58381);
    assert_null(vn_ward(STR("00000")));
    assert_null(vn_ward(STR_EMPTY));
}

static void codes_and_provinces(void **state) {
    (void)state;
    size_t n;
    (void)vn_provinces(&n);
    assert_int_equal(n, 34);
    assert_str(vn_province(STR("46"))->full_name, STR("Thành phố Huế"));
    assert_null(vn_province(STR("999")));
    assert_str(vn_code(VN_VISIT_TYPE, STR("03"))->name_vi, STR("Điều trị nội trú"));
    assert_str(vn_code(VN_COST_GROUP, STR("13"))->extra, STR("XML3"));
    assert_str(vn_code(VN_VISIT_OBJECT, STR("3.1"))->extra, STR("0.4"));
    assert_str(vn_code(VN_DEPARTMENT, STR("K18"))->name_vi, STR("Khoa Nhi"));
    assert_str(vn_code(VN_ETHNIC, STR("01"))->name_vi, STR("Kinh"));
    assert_null(vn_code(VN_ETHNIC, STR("1")));
    static const size_t counts[] = {16, 32, 19, 48, 56};
    for (size_t i = 0; i < VN_LIST_COUNT; i++) {
        (void)vn_codes((VnList)i, &n);
        assert_int_equal(n, counts[i]);
    }
}

static void notifiable_by_longest_pattern(void **state) {
    (void)state;
    assert_str(vn_notifiable(STR("A97.1"))->name_vi, STR("Sốt xuất huyết Dengue"));
    assert_str(vn_notifiable(STR("A90"))->name_vi, STR("Sốt xuất huyết Dengue"));
    assert_str(vn_notifiable(STR("B08.4"))->name_vi, STR("Tay - chân - miệng"));
    assert_null(vn_notifiable(STR("B08.3")));
    assert_str(vn_notifiable(STR("J10.1"))->name_vi, STR("Cúm mùa"));
    assert_str(vn_notifiable(STR("A83.0"))->name_vi, STR("Viêm não Nhật Bản"));
    assert_str(vn_notifiable(STR("A83.1"))->name_vi, STR("Viêm não vi rút khác"));
    assert_str(vn_notifiable(STR("B52"))->name_vi, STR("Sốt rét"));
    assert_null(vn_notifiable(STR("I10")));
    assert_null(vn_notifiable(STR("")));
    size_t n;
    (void)vn_notifiables(&n);
    assert_int_equal(n, 55);
}

static void *look_up(void *arg) {
    (void)arg;
    return vn_icd10(STR("A00")) != NULL && vn_ward(STR("19789")) != NULL ? arg : NULL;
}

static void first_use_from_many_threads(void **state) {
    (void)state;
    pthread_t t[8];
    int mark = 0;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(pthread_create(&t[i], NULL, look_up, &mark), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        void *result;
        assert_int_equal(pthread_join(t[i], &result), 0);
        assert_ptr_equal(result, &mark);
    }
    assert_ok(vn_init());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_use_from_many_threads),
        cmocka_unit_test(icd10_found_in_every_spelling),
        cmocka_unit_test(icd10_refuses_what_is_no_code),
        cmocka_unit_test(every_entry_finds_itself_and_its_chapter),
        cmocka_unit_test(wards_have_places_of_their_own),
        cmocka_unit_test(codes_and_provinces),
        cmocka_unit_test(notifiable_by_longest_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
