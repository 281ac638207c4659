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
    SignPins *pins;   /* world_with_pins */
    Sign *sign;
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

/* From here on signatures are looked at: w->key is pinned for 46001. The program's main is its
 * worker's, too. takes: IntakeOptions.signed_take. */
static UNUSED void world_with_pins(World *w, const char *takes) {
    Sha256 certificate;
    Sha256 public_key;
    CLEANUP_BUF Buf pins;
    buf_init(&pins, LIMIT_MIB);
    sign_key_digests(w->key, &certificate, &public_key);
    buf_put_lit(&pins, "facility\tsha256\tof\n46001\t");
    hex_put(&pins, public_key.b, sizeof(public_key.b));
    buf_put_lit(&pins, "\tkey\n");
    assert_ok(sign_pins_parse(buf_str(&pins), &w->pins, &w->info));
    assert_ok(sign_new(&(SignOptions){.pins = w->pins, .workers = 1, .clock = &w->clock.clock},
                       &w->sign));
    intake_free(w->h->intake);
    assert_ok(intake_new(&(IntakeOptions){.store = w->h->store,
                                          .received_keep = true,
                                          .signature = INTAKE_SIGNATURE_NOTE,
                                          .sign = w->sign,
                                          .signed_take = str_from(takes)},
                         &w->h->intake));
    settle_free(w->settle);
    assert_ok(settle_new(&(SettleOptions){.store = w->h->store,
                                          .check = world_check,
                                          .check_ctx = w,
                                          .sign = w->sign,
                                          .clock = &w->clock.clock},
                         &w->settle));
}

/* The visit's file, signed by the facility. */
static UNUSED Str signed_visit(World *w, const Visit *v) {
    SignDocument d = {.xml = claim_file(w->h, v, 1), .at = clock_now_ms(&w->clock.clock)};
    return signed_text(w->h->arena, w->key, &d);
}

static UNUSED int world_teardown(void **state) {
    World *w = *state;
    void *home = w->h;
    settle_free(w->settle);
    sign_free(w->sign);
    sign_pins_free(w->pins);
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
