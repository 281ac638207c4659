/* settle_help.h — what the tests of settlement share: a store with visits, a key, rules that find
 * what the test says. All data invented. */
#ifndef NHIP_TESTS_UNIT_SETTLE_HELP_H
#define NHIP_TESTS_UNIT_SETTLE_HELP_H

#include "unit/intake/intake_help.h"
#include "unit/sign/sign_help.h"

#include "settle/settle.h"

typedef struct World {
    Home *h;
    Settle *settle;
    SignKey *key;
    ClockFake clock;
    ErrInfo info;
    bool unchecked;   /* the rules do not answer */
    const char *held; /* MA_LK with a finding that blocks */
} World;

static UNUSED ErrCode world_check(void *ctx, Arena *arena, const SettleDraft *draft,
                                  SettleCheck *ret) {
    World *w = ctx;
    (void)arena;
    ret->checked = !w->unchecked;
    ret->n_blocks = w->held != NULL && str_eq(draft->claim->ma_lk, str_from(w->held)) ? 2 : 0;
    if (ret->checked) {
        ret->rule = STR("dvkt-thieu-may");
        ret->en = STR("no machine");
        ret->vi = STR("thiếu mã máy");
    }
    return ERR_OK;
}

static UNUSED int world_setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    void *home = NULL;
    assert_non_null(w);
    assert_int_equal(home_setup(&home), 0);
    assert_int_equal(sign_dir_make(&home), 0);
    w->h = home;
    KeyFiles files = make_key("settle", 2048);
    w->key = open_key(&files);
    clock_fake_init(&w->clock, INT64_C(1795000000000)); /* 2026-11-18 */
    assert_ok(settle_new(
        &(SettleOptions){
            .store = w->h->store, .check = world_check, .check_ctx = w, .clock = &w->clock.clock},
        &w->settle));
    *state = w;
    return 0;
}

static UNUSED int world_teardown(void **state) {
    World *w = *state;
    void *home = w->h;
    settle_free(w->settle);
    sign_key_close(w->key);
    (void)sign_dir_remove(&home);
    (void)home_teardown(&home);
    free(w);
    return 0;
}

#define ACT(lk)                                                                                    \
    (&(SettleAct){.facility = STR("46001"),                                                        \
                  .ma_lk = str_from(lk),                                                           \
                  .who = STR("cn. Hoa"),                                                           \
                  .why = STR("quyết toán")})

static UNUSED SettleVisit see(World *w, const char *lk) {
    SettleVisit v;
    assert_ok(settle_visit(w->settle, w->h->arena, STR("46001"), str_from(lk), &v, &w->info));
    return v;
}

static UNUSED int64_t money_of(World *w, const char *lk, BookState stage) {
    SettleVisit v = see(w, lk);
    int64_t amount = -1;
    (void)settle_money(&v, stage, &amount);
    return amount;
}

/* Refused by that rule, in sentences that name the visit. */
#define assert_refused(w, call, code, name, lk)                                                    \
    do {                                                                                           \
        (w)->info = (ErrInfo){0};                                                                  \
        assert_int_equal(call, code);                                                              \
        assert_string_equal((w)->info.rule, name);                                                 \
        assert_non_null(strstr((w)->info.what_en, "46001|" lk));                                   \
        assert_non_null(strstr((w)->info.what_vi, "46001|" lk));                                   \
    } while (0)

/* On to sent and received. */
static UNUSED void take_to_fund(World *w, const char *lk) {
    assert_ok(settle_sign(w->settle, ACT(lk), w->key, &w->info));
    assert_ok(settle_sent(w->settle, ACT(lk), STR("g1"), &w->info));
    assert_ok(settle_received(w->settle, ACT(lk), STR("GD1"), &w->info));
}

#endif
