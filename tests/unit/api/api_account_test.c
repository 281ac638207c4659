/* Accounts of facilities: tables, passwords, tokens and their end, rates. */
#include "unit/test.h"

#include "api/api_account.h"
#include "core/arena.h"
#include "core/limits.h"

typedef struct Door {
    Accounts *accounts;
    ClockFake clock;
    Buf table;
} Door;

static int setup(void **state) {
    Door *d = calloc(1, sizeof(*d));
    ErrInfo info = {0};
    assert_non_null(d);
    clock_fake_init(&d->clock, INT64_C(1795305600000));
    clock_fake_advance(&d->clock, 1000);
    buf_init(&d->table, LIMIT_MIB);
    buf_put_lit(&d->table, "username\tfacility\tpassword\n");
    assert_ok(account_line(&d->table, STR("b"), STR("46002"), STR("PB")));
    assert_ok(account_line(&d->table, STR("a"), STR("46001"), STR("PA")));
    assert_ok(accounts_new(&(AccountsOptions){.table = buf_str(&d->table),
                                              .calls_a_minute = 3,
                                              .clock = &d->clock.clock},
                           &d->accounts, &info));
    *state = d;
    return 0;
}

static int teardown(void **state) {
    Door *d = *state;
    accounts_free(d->accounts);
    buf_release(&d->table);
    free(d);
    return 0;
}

static AccountToken sign_in(Door *d, const char *name, const char *md5) {
    AccountToken t = {0};
    assert_ok(accounts_sign_in(d->accounts, str_from(name), str_from(md5), &t));
    assert_int_equal(strlen(t.access), ACCOUNT_TOKEN_LEN);
    assert_string_not_equal(t.access, t.id);
    return t;
}

static ErrCode enter(Door *d, const char *name, const AccountToken *t, const char *md5) {
    const Account *account = NULL;
    AccountCall call = {.username = str_from(name),
                        .access = str_from(t->access),
                        .id = str_from(t->id),
                        .md5 = str_from(md5)};
    ErrCode err = accounts_enter(d->accounts, &call, &account);
    if (err == ERR_OK) {
        assert_str(account_facility(account), name[0] == 'a' ? STR("46001") : STR("46002"));
    }
    return err;
}

static void a_token_opens_its_own_account(void **state) {
    Door *d = *state;
    AccountToken a = sign_in(d, "a", "PA");
    AccountToken b = sign_in(d, "b", "PB");
    AccountToken mixed = a;
    assert_ok(enter(d, "a", &a, "PA"));
    assert_ok(enter(d, "b", &b, "PB"));
    assert_int_equal(enter(d, "b", &a, "PA"), ERR_FORBIDDEN);
    assert_int_equal(enter(d, "a", &a, "PB"), ERR_FORBIDDEN);
    assert_int_equal(enter(d, "c", &a, "PA"), ERR_FORBIDDEN);
    memcpy(mixed.id, b.id, sizeof(mixed.id));
    assert_int_equal(enter(d, "a", &mixed, "PA"), ERR_FORBIDDEN);
    assert_int_equal(enter(d, "a", &(AccountToken){0}, ""), ERR_FORBIDDEN);
}

static void a_token_ends(void **state) {
    Door *d = *state;
    AccountToken a = sign_in(d, "a", "PA");
    clock_fake_advance(&d->clock, ACCOUNT_TOKEN_MS - 1);
    assert_ok(enter(d, "a", &a, "PA"));
    clock_fake_advance(&d->clock, 1);
    assert_int_equal(enter(d, "a", &a, "PA"), ERR_FORBIDDEN);
    a = sign_in(d, "a", "PA");
    for (int i = 0; i < 8; i++) { /* so many more push the oldest out */
        clock_fake_advance(&d->clock, 10);
        (void)sign_in(d, "a", "PA");
    }
    assert_int_equal(enter(d, "a", &a, "PA"), ERR_FORBIDDEN);
}

static void calls_have_a_rate(void **state) {
    Door *d = *state;
    AccountToken a = sign_in(d, "a", "PA");
    for (int i = 0; i < 3; i++) {
        assert_ok(enter(d, "a", &a, "PA"));
    }
    assert_int_equal(enter(d, "a", &a, "PA"), ERR_BUSY);
    clock_fake_advance(&d->clock, 21 * TIME_SECOND_MS);
    assert_ok(enter(d, "a", &a, "PA"));
    assert_int_equal(enter(d, "a", &a, "PA"), ERR_BUSY);
}

static void wrong_passwords_lock(void **state) {
    Door *d = *state;
    AccountToken t;
    for (int i = 0; i < ACCOUNT_SIGN_INS; i++) {
        assert_int_equal(accounts_sign_in(d->accounts, STR("a"), STR("x"), &t), ERR_FORBIDDEN);
    }
    assert_int_equal(accounts_sign_in(d->accounts, STR("a"), STR("PA"), &t), ERR_BUSY);
    (void)sign_in(d, "b", "PB"); /* others are not locked with it */
    clock_fake_advance(&d->clock, TIME_MINUTE_MS);
    (void)sign_in(d, "a", "PA");
    assert_int_equal(accounts_sign_in(d->accounts, STR("nobody"), STR("PA"), &t), ERR_FORBIDDEN);
}

static void tables_that_cannot_be_read(void **state) {
    (void)state;
#define HEAD "username\tfacility\tpassword\n"
#define GOOD                                                                                       \
    "pbkdf2-sha256$100000$000102030405060708090a0b0c0d0e0f$"                                       \
    "0001020304050607080910111213141516171819202122232425262728293031\n"
    static const char *const bad[] = {"",
                                      "username\tfacility\n",
                                      HEAD "a\t46001\tplain\n",
                                      HEAD "\t46001\t" GOOD,
                                      HEAD "a\t\t" GOOD,
                                      HEAD "a\t46001\tpbkdf2-sha256$1$00$00\n",
                                      HEAD "a\t46001\t" GOOD "a\t46002\t" GOOD};
    Accounts *accounts = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ErrInfo info = {0};
        AccountsOptions o = {.table = str_from(bad[i]), .calls_a_minute = 1, .clock = clock_real()};
        assert_int_equal(accounts_new(&o, &accounts, &info), i == 1 ? ERR_NOT_FOUND : ERR_SYNTAX);
        assert_true(info.what_vi[0] != '\0' && info.what_en[0] != '\0');
    }
}

#define AT_DOOR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_DOOR(a_token_opens_its_own_account),
        AT_DOOR(a_token_ends),
        AT_DOOR(calls_have_a_rate),
        AT_DOOR(wrong_passwords_lock),
        cmocka_unit_test(tables_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
