/* A parent's CCCD on a child's claim: the child is a citizen of its own, the parent's record does
 * not change, and the files leave as they came. All data invented. */
#include "unit/intake/intake_help.h"

#include "intake/intake_claim.h"

#define HERS "999195000777" /* of a woman born in 1995, as its digits say */
#define NUMB "999990000777" /* digits that say nothing */
#define TEMPORARY "TE1460000000123"
#define MOTHER                                                                                     \
    .ma_lk = "M", .ma_bn = "M", .card = "DN4460000000777", .name = "LÊ THỊ MẪU",                   \
    .birth = "199503040000", .sex = "2"
#define NEWBORN .birth = "202611200830", .in = "202611210800"

static Str own_file(Home *h, const Visit *v) {
    StoreVersion visit = visit_of(
        h, arena_printf(h->arena, STR_FMT "|%s", STR_ARG(or_else(v->facility, "46001")), v->ma_lk)
               .ptr);
    Str xml;
    assert_ok(intake_claim_file(h->store, h->arena, &visit, &xml, NULL));
    return xml;
}

/* Taken in, the file leaves byte for byte, and comes again without a change. */
static StoreVersion take(Home *h, const Visit *v) {
    Str file = claim_file(h, v, 1);
    Str key =
        arena_printf(h->arena, STR_FMT "|%s", STR_ARG(or_else(v->facility, "46001")), v->ma_lk);
    send_bytes(h, file);
    assert_int_equal(h->report.claims_rejected, 0);
    assert_str(own_file(h, v), file);
    RecordNo before = store_snapshot(h->store);
    send_bytes(h, arena_printf(h->arena, STR_FMT "\n", STR_ARG(file)));
    assert_report(h, 0, 0, 1, 0);
    assert_int_equal(store_snapshot(h->store), before);
    StoreVersion p;
    assert_ok(store_get_slot(h->store, h->arena, visit_of(h, key.ptr).patient, &p));
    return current(h, FHIR_T_PATIENT, p.id);
}
#define TAKEN(h, ...) take((h), &(const Visit){__VA_ARGS__})

static bool says(StoreVersion p, const char *text) {
    return str_find(p.json, str_from(text)) != SIZE_MAX;
}

static bool has(StoreVersion p, const char *system, const char *value) {
    char text[128];
    (void)snprintf(text, sizeof text, "{\"system\":\"%s\",\"value\":\"%s\"}", system, value);
    return says(p, text);
}

#define assert_apart(child, mother)                                                                \
    do {                                                                                           \
        assert_int_not_equal((child).first, (mother).first);                                       \
        assert_false(has(child, CLAIM_SYSTEM_CCCD, HERS));                                         \
        assert_true(has(child, CLAIM_SYSTEM_RELATIVE, HERS));                                      \
        assert_true(says(mother, "LÊ THỊ MẪU"));                                                   \
        assert_true(says(mother, "1995-03-04"));                                                   \
        assert_true(has(mother, CLAIM_SYSTEM_CCCD, HERS));                                         \
    } while (0)

static void a_newborn_is_not_its_mother(void **state) {
    Home *h = *state;
    StoreVersion m = TAKEN(h, MOTHER, .cccd = HERS);
    StoreVersion c = TAKEN(h, .ma_lk = "C", .ma_bn = "C", .card = TEMPORARY, .cccd = HERS,
                           .name = "CON BÀ LÊ THỊ MẪU", NEWBORN);
    assert_apart(c, m);
    assert_int_equal(citizen(h, HERS).version, 1);
    /* found again by its card, by its number, and by name and date; whatever its name is then */
    StoreVersion again =
        TAKEN(h, .facility = "46002", .ma_lk = "D", .ma_bn = "9", .card = TEMPORARY, .cccd = HERS,
              .name = "TRẦN VĂN BÉ", .birth = "202611200830", .in = "202611230800");
    assert_int_equal(again.first, c.first);
    again = TAKEN(h, .facility = "46002", .ma_lk = "E", .ma_bn = "9", .cccd = HERS,
                  .name = "TRẦN VĂN BÉ", .birth = "202611200830", .in = "202612230800");
    assert_int_equal(again.first, c.first);
    again = TAKEN(h, .facility = "46003", .ma_lk = "F", .ma_bn = "1", .cccd = HERS,
                  .name = "TRẦN VĂN BÉ", .birth = "202611200000", .in = "202701230800");
    assert_int_equal(again.first, c.first);
    assert_int_equal(TAKEN(h, MOTHER, .cccd = HERS, .in = "202612010800").first, m.first);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
}

static void whoever_comes_first(void **state) {
    Home *h = *state;
    StoreVersion c = TAKEN(h, .ma_lk = "C", .ma_bn = "C", .card = TEMPORARY, .cccd = HERS,
                           .name = "CON BÀ LÊ THỊ MẪU", NEWBORN);
    StoreVersion m = TAKEN(h, MOTHER, .cccd = HERS);
    assert_apart(c, m);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
}

/* Under the mother's name, her card and her number at the facility, too. */
static void a_newborn_who_goes_by_her_name(void **state) {
    Home *h = *state;
    StoreVersion c = TAKEN(h, .ma_lk = "C", .ma_bn = "M", .card = "DN4460000000777", .cccd = HERS,
                           .name = "LÊ THỊ MẪU", .sex = "2", NEWBORN);
    StoreVersion m = TAKEN(h, MOTHER, .cccd = HERS);
    assert_apart(c, m);
    StoreVersion d = TAKEN(h, .ma_lk = "D", .ma_bn = "M", .card = "DN4460000000777", .cccd = HERS,
                           .name = "LÊ THỊ MẪU", .sex = "2", NEWBORN);
    assert_int_equal(d.first, c.first);
    assert_int_equal(TAKEN(h, MOTHER, .cccd = HERS, .in = "202612010800").first, m.first);
}

static void twins_are_two(void **state) {
    Home *h = *state;
    StoreVersion a = TAKEN(h, .ma_lk = "A", .ma_bn = "A", .card = "DN4460000000777", .cccd = HERS,
                           .name = "CON BÀ LÊ THỊ MẪU 1", NEWBORN);
    StoreVersion b = TAKEN(h, .ma_lk = "B", .ma_bn = "B", .card = "DN4460000000777", .cccd = HERS,
                           .name = "CON BÀ LÊ THỊ MẪU 2", NEWBORN);
    StoreVersion m = TAKEN(h, MOTHER, .cccd = HERS);
    assert_apart(a, m);
    assert_apart(b, m);
    assert_int_not_equal(a.first, b.first);
}

/* Any child, and a number whose digits say nothing: the elder has it. */
static void a_school_child(void **state) {
    Home *h = *state;
    StoreVersion m = TAKEN(h, MOTHER, .cccd = NUMB);
    StoreVersion c = TAKEN(h, .ma_lk = "C", .ma_bn = "C", .cccd = NUMB, .name = "TRẦN VĂN BÉ",
                           .birth = "202002030000");
    assert_int_not_equal(c.first, m.first);
    assert_true(has(c, CLAIM_SYSTEM_RELATIVE, NUMB));
    /* its own number comes later, hers once more after it */
    StoreVersion own = TAKEN(h, .ma_lk = "D", .ma_bn = "C", .cccd = "999220000001",
                             .name = "TRẦN VĂN BÉ", .birth = "202002030000");
    assert_int_equal(own.first, c.first);
    own = TAKEN(h, .ma_lk = "E", .ma_bn = "C", .cccd = NUMB, .name = "TRẦN VĂN BÉ",
                .birth = "202002030000");
    assert_int_equal(own.first, c.first);
    assert_false(has(own, CLAIM_SYSTEM_CCCD, NUMB));
    assert_int_equal(citizen(h, "999220000001").first, c.first);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
}

/* An old mother under her son's number: its digits say whose it is. */
static void the_digits_say_whose_it_is(void **state) {
    Home *h = *state;
    StoreVersion son = TAKEN(h, .ma_lk = "S", .ma_bn = "S", .cccd = "999070000001",
                             .name = "LÊ VĂN CON", .birth = "197001020000");
    StoreVersion old = TAKEN(h, .ma_lk = "O", .ma_bn = "O", .cccd = "999070000001",
                             .name = "TRẦN THỊ MẸ", .birth = "194001020000", .sex = "2");
    assert_int_not_equal(old.first, son.first);
    assert_true(has(old, CLAIM_SYSTEM_RELATIVE, "999070000001"));
}

/* A wrong date alone, or a wrong name alone, parts nobody. */
static void a_slip_is_no_relative(void **state) {
    Home *h = *state;
    StoreVersion m = TAKEN(h, MOTHER, .cccd = HERS);
    StoreVersion n = TAKEN(h, .ma_lk = "P", .ma_bn = "8", .cccd = HERS, .name = "LÊ THỊ ĐỔI",
                           .sex = "2", .birth = "199505060000");
    assert_int_equal(n.first, m.first);
    n = TAKEN(h, .ma_lk = "N", .ma_bn = "7", .cccd = HERS, .name = "Lê Thị Đổi",
              .birth = "201503040000", .sex = "2");
    assert_int_equal(n.first, m.first);
    assert_false(says(n, CLAIM_SYSTEM_RELATIVE));
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
}

static void the_sender_is_told(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "C", .card = TEMPORARY, .cccd = HERS, .name = "CON BÀ MẪU", NEWBORN});
    assert_int_equal(h->report.n_issues, 1);
    assert_str(h->report.issues[0].rule, STR("cccd-relative"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(a_newborn_is_not_its_mother),
        T(whoever_comes_first),
        T(a_newborn_who_goes_by_her_name),
        T(twins_are_two),
        T(a_school_child),
        T(the_digits_say_whose_it_is),
        T(a_slip_is_no_relative),
        T(the_sender_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
