/* The master index: what a name and a number become, how two citizens compare, what is decided. */
#include "unit/test.h"

#include "core/random.h"
#include "mpi/mpi_set.h"

static MpiPerson person(const MpiFields *f) {
    MpiPerson p;
    mpi_person_make(f, &p);
    return p;
}

static MpiPerson named(const char *name) {
    return person(&(MpiFields){.name = str_from(name)});
}

static MpiPerson born(const char *birth) {
    return person(&(MpiFields){.birth = str_from(birth)});
}

static unsigned name_level(const char *a, const char *b) {
    MpiPerson x = named(a);
    MpiPerson y = named(b);
    assert_int_equal(mpi_compare(&x, &y), mpi_compare(&y, &x));
    return mpi_level(mpi_compare(&x, &y), MPI_NAME);
}

static unsigned birth_level(const char *a, const char *b) {
    MpiPerson x = born(a);
    MpiPerson y = born(b);
    assert_int_equal(mpi_compare(&x, &y), mpi_compare(&y, &x));
    return mpi_level(mpi_compare(&x, &y), MPI_BIRTH);
}

static void names_are_compared_as_vietnamese_writes_them(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned level;
    } cases[] = {
        {"Nguyễn Văn An", "NGUYỄN VĂN AN", MPI_NAME_SAME},
        {"Nguyễn Văn An", "  nguyễn   văn  an ", MPI_NAME_SAME},
        {"Nguyễn Thị Hoà", "Nguyễn Thị Hòa", MPI_NAME_SAME},
        {"Lê Mỹ", "Lê Mĩ", MPI_NAME_SAME},
        {"Trần Quý", "Trần Quí", MPI_NAME_SAME},
        {"Nguye\xCC\x82\xCC\x83n An", "Nguyễn An", MPI_NAME_SAME},
        {"Đỗ Đức Đạt", "Do Duc Dat", MPI_NAME_BARE},
        {"Tôn-Nữ Thị Hoa", "Tôn Nữ Thị Hoa", MPI_NAME_SAME},
        {"Nguyễn Thị Hà", "Nguyễn Thị Hạ", MPI_NAME_MOVED},
        {"Nguyễn Văn An", "An Nguyễn Văn", MPI_NAME_ORDER},
        {"Trần Thanh Huyền", "Trần ThanhHuyền", MPI_NAME_ORDER},
        {"Nguyễn Văn Hùng", "Nguyễn Văn Hùg", MPI_NAME_SLIP},
        {"Nguyễn Văn Hùng", "Ngyuễn Văn Hùng", MPI_NAME_SLIP},
        {"Nguyễn Văn An", "Nguyễn V. An", MPI_NAME_SHORT},
        {"Nguyễn Thị Thanh Lan", "Nguyễn Lan", MPI_NAME_SHORT},
        {"N.V.An", "Nguyễn Văn An", MPI_NAME_SHORT},
        {"Trần Văn Minh An", "Lê Minh An", MPI_NAME_GIVEN},
        {"Nguyễn Minh Anh", "Nguyễn Minh Khôi", MPI_NAME_FAMILY},
        {"Nguyễn Minh Anh", "Trần Quốc Bảo", MPI_NAME_OTHER},
        {"CON BÀ NGUYỄN THỊ LAN", "Nguyễn Minh Anh", MPI_MISSING},
        {"Trẻ sơ sinh", "Nguyễn Minh Anh", MPI_MISSING},
        {"", "Nguyễn Minh Anh", MPI_MISSING},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned level = name_level(cases[i].a, cases[i].b);
        if (level != cases[i].level) {
            fail_msg("%s / %s: %s", cases[i].a, cases[i].b, mpi_level_name(MPI_NAME, level));
        }
    }
}

static void birth_dates_know_their_slips(void **state) {
    (void)state;
    assert_int_equal(birth_level("1990-01-31", "1990-01-31"), MPI_BIRTH_SAME);
    assert_int_equal(birth_level("1990-03-05", "1990-05-03"), MPI_BIRTH_SWAPPED);
    assert_int_equal(birth_level("1990-03-05", "1991-03-05"), MPI_BIRTH_SLIP);
    assert_int_equal(birth_level("1990-03-12", "1990-03-21"), MPI_BIRTH_SLIP);
    assert_int_equal(birth_level("1990-03-05", "1990"), MPI_BIRTH_YEAR);
    assert_int_equal(birth_level("1990-03-05", "1990-01-01"), MPI_BIRTH_YEAR);
    assert_int_equal(birth_level("1990-01-01", "1990-01-01"), MPI_BIRTH_YEAR);
    assert_int_equal(birth_level("1990-03-05", "1990-11-28"), MPI_BIRTH_NEAR);
    assert_int_equal(birth_level("1990-03-05", "1961-11-28"), MPI_BIRTH_OTHER);
    assert_int_equal(birth_level("1990-03-05", ""), MPI_MISSING);
    assert_int_equal(birth_level("1990-03-05", "nonsense"), MPI_MISSING);
}

static void numbers_lose_their_quirks(void **state) {
    (void)state;
    MpiPerson a = person(&(MpiFields){.cccd = STR("046090000123"),
                                      .paper = STR("B1234567"),
                                      .phones = {STR("0162 123 4567")},
                                      .cards = {STR("GD4469900000123"), STR("9900000123")},
                                      .locals = {STR("46S01|MP1")}});
    MpiPerson b = person(&(MpiFields){.cccd = STR("46090000123"),
                                      .paper = STR("b 1234567"),
                                      .phones = {STR("+84321234567")},
                                      .cards = {STR("DN4469900000123")},
                                      .locals = {STR("46S01|MP1")}});
    MpiVector v = mpi_compare(&a, &b);
    assert_int_equal(mpi_level(v, MPI_CCCD), MPI_NUMBER_SAME);
    assert_int_equal(mpi_level(v, MPI_PAPER), MPI_NUMBER_SAME);
    assert_int_equal(mpi_level(v, MPI_PHONE), MPI_SAME);
    assert_int_equal(mpi_level(v, MPI_BHXH), MPI_NUMBER_SAME);
    assert_int_equal(mpi_level(v, MPI_LOCAL), MPI_NUMBER_SAME);
    assert_int_equal(a.bhxh[1], 0);
    MpiPerson none = person(&(MpiFields){.cccd = STR("046000000000"),
                                         .phones = {STR("0000000000")},
                                         .cards = {STR("1111111111")},
                                         .locals = {STR("46S01|000")}});
    assert_int_equal(none.cccd, 0);
    assert_int_equal(none.phones[0], 0);
    assert_int_equal(none.bhxh[0], 0);
    assert_int_equal(none.locals[0], 0);
}

static void a_temporary_card_never_speaks_against(void **state) {
    (void)state;
    MpiPerson newborn = person(&(MpiFields){.cards = {STR("TE1460000000001")}});
    MpiPerson child = person(&(MpiFields){.cards = {STR("TE1469912345678")}});
    MpiPerson adult = person(&(MpiFields){.cards = {STR("GD4469912345999")}});
    MpiPerson other = person(&(MpiFields){.cards = {STR("GD4469100000044")}});
    assert_int_equal(mpi_level(mpi_compare(&newborn, &child), MPI_BHXH), MPI_MISSING);
    assert_int_equal(mpi_level(mpi_compare(&newborn, &adult), MPI_BHXH), MPI_MISSING);
    assert_int_equal(mpi_level(mpi_compare(&adult, &other), MPI_BHXH), MPI_NUMBER_OTHER);
}

static void slips_of_numbers(void **state) {
    (void)state;
    assert_true(mpi_number_near(123456789, 123456780));
    assert_true(mpi_number_near(123456789, 123465789));
    assert_false(mpi_number_near(123456789, 123456789));
    assert_false(mpi_number_near(123456789, 223456780));
    assert_false(mpi_number_near(123456789, 123654789));
}

static MpiVerdict decide(const MpiFields *a, const MpiFields *b) {
    MpiModel model;
    mpi_model_default(&model);
    MpiPerson x = person(a);
    MpiPerson y = person(b);
    return mpi_decide(&model, mpi_compare(&x, &y), model.name_bits);
}

static void rules_go_before_the_score(void **state) {
    (void)state;
    MpiFields an = {.name = STR("Nguyễn Minh An"),
                    .birth = STR("2015-06-07"),
                    .sex = STR("male"),
                    .commune = STR("19753"),
                    .cccd = STR("999215000123"),
                    .cards = {STR("HS4999900000123")},
                    .phones = {STR("0000123456")}};
    MpiFields other = an;
    other.name = STR("An Nguyễn Minh");
    other.birth = STR("2015-07-06");
    MpiVerdict v = decide(&an, &other);
    assert_int_equal(v.decision, MPI_LINK);
    assert_int_equal(v.rule, MPI_RULE_CCCD);

    other = an; /* the mother's number */
    other.name = STR("Trần Thị Lan");
    other.birth = STR("1988-01-21");
    other.sex = STR("female");
    v = decide(&an, &other);
    assert_int_equal(v.decision, MPI_REVIEW);
    assert_int_equal(v.rule, MPI_RULE_CCCD_ALONE);

    other = an;
    other.cccd = STR("999215777123");
    v = decide(&an, &other);
    assert_int_not_equal(v.decision, MPI_LINK);
    assert_int_equal(v.rule, MPI_RULE_TWO_CCCD);

    other = an;
    other.cccd = STR_EMPTY;
    other.cards[0] = STR("GD4999900000123"); /* a changed card has the same number behind it */
    v = decide(&an, &other);
    assert_int_equal(v.decision, MPI_LINK);
    assert_int_equal(v.rule, MPI_RULE_NUMBER);
}

static void twins_are_two(void **state) {
    (void)state;
    MpiFields ha = {.name = STR("Nguyễn Thị Hà"),
                    .birth = STR("2015-06-07"),
                    .sex = STR("female"),
                    .commune = STR("19753"),
                    .cccd = STR("999315000123"),
                    .phones = {STR("0000123456")}};
    MpiFields twin = ha;
    twin.name = STR("Nguyễn Thị Hạ");
    twin.cccd = STR("999315000124");
    assert_int_not_equal(decide(&ha, &twin).decision, MPI_LINK);
    twin.cccd = STR_EMPTY;
    assert_int_not_equal(decide(&ha, &twin).decision, MPI_LINK);
    twin.name = STR("nguyen thi ha"); /* whose accents were lost? */
    assert_int_not_equal(decide(&ha, &twin).decision, MPI_LINK);
    twin.name = STR("Nguyễn Thị Hồng");
    assert_int_not_equal(decide(&ha, &twin).decision, MPI_LINK);
    twin.name = ha.name;
    assert_int_equal(decide(&ha, &twin).decision, MPI_LINK);
}

static void a_newborn_waits_for_a_person(void **state) {
    (void)state;
    MpiFields child = {.name = STR("Nguyễn Minh An"),
                       .birth = STR("2026-06-07"),
                       .sex = STR("male"),
                       .commune = STR("19753"),
                       .phones = {STR("0000123456")},
                       .cards = {STR("TE1999900000123")}};
    MpiFields newborn = child;
    newborn.name = STR("CON BÀ TRẦN THỊ LAN");
    newborn.cards[0] = STR("TE1999700000001");
    MpiVerdict v = decide(&child, &newborn);
    assert_int_equal(v.decision, MPI_REVIEW);
    assert_int_equal(v.rule, MPI_RULE_NEWBORN);
    newborn.locals[0] = STR("46S01|MP77");
    child.locals[0] = STR("46S01|MP77");
    assert_int_equal(decide(&child, &newborn).decision, MPI_LINK);
}

static void common_names_weigh_less(void **state) {
    (void)state;
    MpiNames names;
    mpi_names_init(&names);
    MpiPerson an = named("Nguyễn Văn An");
    MpiPerson rare = named("Tôn Thất Khuê");
    for (int i = 0; i < 1000; i++) {
        assert_ok(mpi_names_add(&names, &an));
    }
    assert_ok(mpi_names_add(&names, &rare));
    double common_bits = mpi_names_bits(&names, &an);
    double rare_bits = mpi_names_bits(&names, &rare);
    assert_true(common_bits < 1);
    assert_true(rare_bits > 20);
    MpiModel model;
    mpi_model_default(&model);
    MpiVector v = mpi_vector_with(0, MPI_NAME, MPI_NAME_SAME);
    assert_true(mpi_score(&model, v, common_bits) < mpi_score(&model, v, rare_bits));
    mpi_names_release(&names);
}

/* ---- properties ---- */

static Str any_text(Random *r, char *text, size_t room) {
    static const char *const parts[] = {"Nguyễn", "Thị", "An",  " ", "-",  ".",   "\xCC\x81", "đ",
                                        "\xFF",   "中",  "1",   "9", "TE", "|",   "0",        "A",
                                        "Hoà",    "y",   "Văn", " ", " ",  "con", "bà",       "ư"};
    size_t len = 0;
    for (uint64_t n = random_below(r, 14); n > 0; n--) {
        const char *part = parts[random_below(r, ARRAY_LEN(parts))];
        size_t more = strlen(part);
        if (len + more < room) {
            memcpy(text + len, part, more);
            len += more;
        }
    }
    return (Str){text, len};
}

static MpiPerson any_person(Random *r) {
    char text[8][128];
    char birth[16];
    int n = snprintf(birth, sizeof birth, "%04d-%02d-%02d", (int)random_between(r, 1990, 1992),
                     (int)random_between(r, 0, 12), (int)random_between(r, 0, 31));
    return person(&(MpiFields){.name = any_text(r, text[0], 128),
                               .birth = {birth, (size_t)n},
                               .sex = random_chance(r, 0.5) ? STR("male") : STR("female"),
                               .commune = any_text(r, text[1], 128),
                               .cccd = any_text(r, text[2], 128),
                               .paper = any_text(r, text[3], 128),
                               .phones = {any_text(r, text[4], 128)},
                               .cards = {any_text(r, text[5], 128), any_text(r, text[6], 128)},
                               .locals = {any_text(r, text[7], 128)}});
}

static void comparing_is_symmetric_and_reflexive(void **state) {
    (void)state;
    Random r;
    random_init(&r, 4);
    for (int i = 0; i < 20000; i++) {
        MpiPerson a = any_person(&r);
        MpiPerson b = any_person(&r);
        MpiVector v = mpi_compare(&a, &b);
        assert_int_equal(v, mpi_compare(&b, &a));
        MpiVector own = mpi_compare(&a, &a);
        for (unsigned f = 0; f < MPI_FIELDS; f++) {
            assert_true(mpi_level(v, f) < mpi_levels(f));
            unsigned level = mpi_level(own, f);
            assert_true(level <= 1 || (f == MPI_BIRTH && level == MPI_BIRTH_YEAR));
        }
    }
}

static void candidates_share_a_key(void **state) {
    (void)state;
    MpiIndex *index = mpi_index_new();
    assert_non_null(index);
    Random r;
    random_init(&r, 5);
    enum { PERSONS = 3000 };
    for (uint32_t i = 0; i < PERSONS; i++) {
        MpiPerson p = any_person(&r);
        assert_ok(mpi_index_add(index, i, &p));
        assert_ok(mpi_index_add(index, i, &p)); /* again: nothing new */
    }
    random_init(&r, 5);
    uint32_t ids[MPI_CANDIDATES_MAX];
    uint64_t refused = mpi_index_stat(index).refused;
    for (uint32_t i = 0; i < PERSONS; i++) {
        MpiPerson p = any_person(&r);
        uint32_t keys[MPI_KEYS_MAX];
        size_t n_keys = mpi_keys(&p, keys);
        size_t n = mpi_index_find(index, &p, ids);
        bool found = false;
        for (size_t k = 0; k < n; k++) {
            found = found || ids[k] == i;
            assert_true(k == 0 || ids[k - 1] < ids[k]);
        }
        assert_true(found || n_keys == 0 || refused > 0);
        assert_true(n <= n_keys * MPI_BLOCK_MAX);
    }
    mpi_index_free(index);
}

static ErrCode on_pair(void *ctx, const MpiPair *pair) {
    MpiPair **at = ctx;
    *(*at)++ = *pair;
    return ERR_OK;
}

/* Three records of one citizen are one group; the same order gives the same groups; two CCCD keep
 * what a third record joins apart. */
static void groups_hold_who_may_be_one(void **state) {
    (void)state;
    MpiFields a = {.name = STR("Tôn Thất Khuê"),
                   .birth = STR("1970-03-05"),
                   .sex = STR("male"),
                   .cccd = STR("999070000123"),
                   .cards = {STR("GD4999900000123")}};
    MpiFields b = a;
    b.cccd = STR_EMPTY;
    MpiFields c = a;
    c.cccd = STR("999070555123");
    MpiSet *set = mpi_set_new();
    assert_non_null(set);
    uint32_t id;
    const MpiFields *all[] = {&a, &b, &c, &b};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        MpiPerson p = person(all[i]);
        assert_ok(mpi_set_add(set, &p, &id));
    }
    MpiPair pairs[16];
    MpiPair *end = pairs;
    assert_ok(mpi_set_pairs(set, (MpiRange){0, 4}, on_pair, &end, NULL));
    uint32_t groups[4];
    assert_ok(mpi_set_group(set, pairs, (size_t)(end - pairs), groups));
    assert_int_equal(groups[0], 0);
    assert_int_equal(groups[1], 0);
    assert_int_equal(groups[3], 0);
    assert_int_equal(groups[2], 2);
    mpi_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_compared_as_vietnamese_writes_them),
        cmocka_unit_test(birth_dates_know_their_slips),
        cmocka_unit_test(numbers_lose_their_quirks),
        cmocka_unit_test(a_temporary_card_never_speaks_against),
        cmocka_unit_test(slips_of_numbers),
        cmocka_unit_test(rules_go_before_the_score),
        cmocka_unit_test(twins_are_two),
        cmocka_unit_test(a_newborn_waits_for_a_person),
        cmocka_unit_test(common_names_weigh_less),
        cmocka_unit_test(comparing_is_symmetric_and_reflexive),
        cmocka_unit_test(candidates_share_a_key),
        cmocka_unit_test(groups_hold_who_may_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
