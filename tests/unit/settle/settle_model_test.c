/* Any order of commands over visits, corrections, answer files and a closing: each does what a
 * small model says, or is refused with ERR_PRECONDITION; money of no stage is lost or changed; what
 * the month's summary asks is what its visits ask. All data invented. */
#include "unit/settle/settle_help.h"

#include "core/random.h"
#include "settle/settle_answer.h"
#include "settle/settle_close.h"

enum { VISITS = 5, MONEY_MAX = 400 };

typedef struct Model {
    char ma_lk[8];
    BookState task;
    unsigned claim_version, signed_version;
    int64_t total; /* of the bill now, đồng */
    bool just_signed, just_taken;
    unsigned receipt; /* version of the bill that the newest signed file says; 0: none */
    SettleMoney money[MONEY_MAX];
    size_t n;
    struct Model *before; /* as it was before the signature, for undo */
} Model;

typedef struct Play {
    World *w;
    Random r;
    Model m[VISITS];
    bool closed;
    unsigned payment;
    size_t n_done, n_refused;
} Play;

/* ---- the model ---- */

static bool is_corrected(const Model *m) {
    return m->task != BOOK_ENTERED && m->signed_version != m->claim_version;
}

static void put_money(Model *m, BookState stage, int64_t amount) {
    assert_true(m->n < MONEY_MAX);
    m->money[m->n++] = (SettleMoney){.stage = stage, .amount = amount};
}

static int64_t money_now(const Model *m, BookState stage) {
    int64_t amount = 0;
    for (size_t i = 0; i < m->n; i++) {
        amount = m->money[i].stage == stage && m->money[i].round == 0 ? m->money[i].amount : amount;
    }
    return amount;
}

static void model_sign(Model *m, bool taken) {
    unsigned round = 1;
    Model *before = malloc(sizeof(*before));
    assert_non_null(before);
    *before = *m;
    for (size_t i = 0; i < m->n; i++) {
        round = MAX(round, m->money[i].round + 1);
    }
    for (size_t i = 0; i < m->n; i++) {
        if (m->money[i].round == 0 && m->money[i].stage != BOOK_PAID) {
            m->money[i].round = round;
        }
    }
    m->before = before;
    m->task = BOOK_SIGNED;
    m->signed_version = m->claim_version;
    m->just_signed = true;
    m->just_taken = taken;
    put_money(m, BOOK_SIGNED, m->total * 100);
}

static void model_undo(Model *m) {
    Model *before = m->before;
    unsigned version = m->claim_version;
    unsigned receipt = m->receipt;
    int64_t total = m->total;
    *m = *before;
    m->claim_version = version;
    m->receipt = receipt;
    m->total = total;
    m->just_signed = false; /* the step before is not undone behind this one */
    free(before);
}

static void model_move(Model *m, BookState to, int64_t amount) {
    m->task = to;
    m->just_signed = false;
    put_money(m, to, amount);
}

static void model_return(Model *m) {
    size_t at = m->n;
    while (m->money[--at].stage != BOOK_SENT || m->money[at].round != 0) {
    }
    memmove(&m->money[at], &m->money[at + 1], (m->n - at - 1) * sizeof(m->money[0]));
    m->n--;
    m->task = BOOK_SIGNED;
    m->just_signed = false;
}

static BookState verdict(int64_t asked, int64_t accepted) {
    return accepted >= asked ? BOOK_ACCEPTED : accepted > 0 ? BOOK_REDUCED : BOOK_REFUSED;
}

static void model_assess(Model *m, int64_t accepted, bool final) {
    model_move(m, BOOK_ASSESSED, accepted);
    if (final) {
        model_move(m, verdict(money_now(m, BOOK_SIGNED), accepted), accepted);
    }
}

/* ---- comparing ---- */

static void expect(Play *p, const Model *m) {
    SettleVisit v = see(p->w, m->ma_lk);
    assert_int_equal(v.task, m->task);
    assert_int_equal(v.state, is_corrected(m) ? BOOK_CORRECTED : m->task);
    assert_int_equal(v.claim_version, m->claim_version);
    assert_int_equal(v.n_money, m->n);
    for (size_t i = 0; i < m->n; i++) {
        assert_int_equal(v.money[i].stage, m->money[i].stage);
        assert_int_equal(v.money[i].round, m->money[i].round);
        assert_int_equal(v.money[i].amount, m->money[i].amount);
    }
}

/* Done when it may be, refused by name when not. */
static bool came(Play *p, const Model *m, ErrCode err, bool may) {
    if (err != (may ? ERR_OK : ERR_PRECONDITION)) {
        print_error("%s in state %s: %s %s\n", m->ma_lk, book_state_code(m->task).ptr,
                    err_name(err), p->w->info.what_en);
    }
    assert_int_equal(err, may ? ERR_OK : ERR_PRECONDITION);
    if (!may) {
        assert_non_null(strstr(p->w->info.what_en, m->ma_lk));
        assert_non_null(strstr(p->w->info.what_vi, m->ma_lk));
        assert_true(p->w->info.rule[0] != '\0');
    }
    p->n_done += may;
    p->n_refused += !may;
    return may;
}

/* ---- plays ---- */

static void correct(Play *p, Model *m) {
    char total[32];
    m->total = 100 + (int64_t)random_below(&p->r, 1000000);
    (void)snprintf(total, sizeof(total), "%lld.00", (long long)m->total);
    Visit v = {.ma_lk = m->ma_lk, .card = "DN4464600000001", .total = total};
    m->claim_version++;
    if (random_below(&p->r, 3) > 0) { /* the facility signs what it sends, now and then */
        send_bytes(p->w->h, signed_visit(p->w, &v));
        m->receipt = m->claim_version;
    } else {
        send(p->w->h, &v, 1);
    }
}

static void sign(Play *p, Model *m) {
    SettleAct act = *ACT(m->ma_lk);
    bool named = p->closed && random_below(&p->r, 2) == 0;
    act.closing = named ? STR("2026-11") : STR_EMPTY;
    bool may = (m->task == BOOK_ENTERED || (is_corrected(m) && m->task != BOOK_SENT)) &&
               p->closed == named;
    if (came(p, m, settle_sign(p->w->settle, &act, p->w->key, &p->w->info), may)) {
        model_sign(m, false);
    }
}

/* Only while the file that the facility signed says the visit as it stands. */
static void take(Play *p, Model *m) {
    SettleAct act = *ACT(m->ma_lk);
    act.closing = p->closed ? STR("2026-11") : STR_EMPTY;
    bool may = (m->task == BOOK_ENTERED || (is_corrected(m) && m->task != BOOK_SENT)) &&
               m->receipt == m->claim_version;
    if (came(p, m, settle_take(p->w->settle, &act, &p->w->info), may)) {
        model_sign(m, true);
    }
}

static void undo(Play *p, Model *m) {
    SettleAct act = *ACT(m->ma_lk);
    act.closing = p->closed ? STR("2026-11") : STR_EMPTY;
    bool own = random_below(&p->r, 4) > 0;
    act.who = own ? act.who : STR("người khác");
    bool may = m->task == BOOK_SIGNED && m->just_signed && (own || m->just_taken);
    if (came(p, m, settle_undo(p->w->settle, &act, &p->w->info), may)) {
        model_undo(m);
    }
}

static void go(Play *p, Model *m, unsigned which) {
    Settle *s = p->w->settle;
    ErrInfo *info = &p->w->info;
    if (which == 0) {
        bool may = m->task == BOOK_SIGNED && !is_corrected(m);
        if (came(p, m, settle_sent(s, ACT(m->ma_lk), STR("g"), info), may)) {
            model_move(m, BOOK_SENT, money_now(m, BOOK_SIGNED));
        }
    } else if (which == 1) {
        if (came(p, m, settle_returned(s, ACT(m->ma_lk), info), m->task == BOOK_SENT)) {
            model_return(m);
        }
    } else {
        char number[16];
        (void)snprintf(number, sizeof(number), "GD%u", ++p->payment);
        ErrCode err = settle_received(s, ACT(m->ma_lk), str_from(number), info);
        if (came(p, m, err, m->task == BOOK_SENT)) {
            model_move(m, BOOK_RECEIVED, money_now(m, BOOK_SIGNED));
        }
    }
}

static int64_t some_part(Play *p, const Model *m) {
    int64_t asked = money_now(m, BOOK_SIGNED);
    uint64_t kind = random_below(&p->r, 4);
    return kind == 0 ? 0 : kind == 1 ? asked : (int64_t)random_below(&p->r, (uint64_t)asked + 1);
}

static bool may_assess(const Model *m) {
    return m->task == BOOK_RECEIVED || m->task == BOOK_ASSESSED;
}

static void assess(Play *p, Model *m) {
    SettleAssessment a = {
        .has_accepted = true, .accepted = some_part(p, m), .final = random_below(&p->r, 2) == 0};
    ErrCode err = settle_assess(p->w->settle, ACT(m->ma_lk), &a, &p->w->info);
    if (came(p, m, err, may_assess(m))) {
        model_assess(m, a.accepted, a.final);
    }
}

static void conclude(Play *p, Model *m) {
    ErrCode err = settle_conclude(p->w->settle, ACT(m->ma_lk), &p->w->info);
    if (came(p, m, err, m->task == BOOK_ASSESSED)) {
        int64_t accepted = money_now(m, BOOK_ASSESSED);
        model_move(m, verdict(money_now(m, BOOK_SIGNED), accepted), accepted);
    }
}

static bool may_pay(const Model *m) {
    return m->task == BOOK_ACCEPTED || m->task == BOOK_REDUCED || m->task == BOOK_PAID;
}

/* A file of the fund with every visit in it: each moves on, or is named. */
static void answer(Play *p, bool payment) {
    CLEANUP_BUF Buf out;
    int64_t amounts[VISITS];
    size_t may = 0;
    SettleAnswer a;
    buf_init(&out, LIMIT_MIB);
    buf_printf(&out, "MA_LK,%s,SO_CHUNG_TU,NGAY_CHUNG_TU\n", payment ? "T_THANHTOAN" : "T_BHTT_GD");
    p->payment++;
    for (int i = 0; i < VISITS; i++) {
        const Model *m = &p->m[i];
        amounts[i] = payment ? (int64_t)random_below(&p->r, 100000) : some_part(p, m);
        buf_printf(&out, "%s,%lld.%02lld,U%u,20261125\n", m->ma_lk, (long long)amounts[i] / 100,
                   (long long)amounts[i] % 100, p->payment);
        may += payment ? may_pay(m) : may_assess(m);
    }
    bool final = random_below(&p->r, 2) == 0;
    SettleAnswerFile f = {.name = STR("a.csv"),
                          .bytes = buf_str(&out),
                          .facility = STR("46001"),
                          .who = STR("kế toán"),
                          .final = final};
    assert_ok(settle_answer(p->w->settle, p->w->h->arena, &f, &a, &p->w->info));
    assert_int_equal(a.done.done, may);
    assert_int_equal(a.done.n_refused, VISITS - may);
    for (int i = 0; i < VISITS; i++) {
        Model *m = &p->m[i];
        if (payment && may_pay(m)) {
            model_move(m, BOOK_PAID, amounts[i]);
        } else if (!payment && may_assess(m)) {
            model_assess(m, amounts[i], final);
        }
    }
}

static void close_month(Play *p) {
    bool may = !p->closed;
    for (int i = 0; i < VISITS; i++) {
        may = may && p->m[i].task != BOOK_SIGNED && p->m[i].task != BOOK_SENT;
    }
    SettleMonth month = {.facility = STR("46001"), .month = STR("2026-11"), .who = STR("trưởng")};
    ErrCode err = settle_close(p->w->settle, p->w->h->arena, &month, &p->w->info);
    assert_int_equal(err, may ? ERR_OK : ERR_PRECONDITION);
    p->closed = p->closed || may;
}

static void step(Play *p) {
    Model *m = &p->m[random_below(&p->r, VISITS)];
    switch (random_below(&p->r, 22)) {
    case 0:
        correct(p, m);
        break;
    case 1:
        answer(p, false);
        break;
    case 2:
        answer(p, true);
        break;
    case 3:
        undo(p, m);
        break;
    case 4:
    case 5:
        assess(p, m);
        break;
    case 6:
        conclude(p, m);
        break;
    case 7:
    case 8:
    case 9:
        sign(p, m);
        break;
    case 10:
        go(p, m, 1);
        break;
    case 20:
    case 21:
        take(p, m);
        break;
    case 11:
    case 12:
    case 13:
        go(p, m, 0);
        break;
    case 14:
        if (random_below(&p->r, 10) == 0) {
            close_month(p);
        }
        break;
    default:
        go(p, m, 2);
        break;
    }
}

/* What the summary asks is what the visits that are signed ask. */
static void expect_summary(Play *p) {
    SettleSum *sum = NULL;
    SettleFigure figures[SETTLE_FIGURES_MAX];
    size_t n = 0;
    int64_t asked = 0;
    int64_t visits = 0;
    SettleMonth month = {.facility = STR("46001"), .month = STR("2026-11")};
    assert_ok(settle_summary(p->w->settle, p->w->h->arena, &month, &sum, &p->w->info));
    assert_ok(settle_sum_figures(sum, figures, &n));
    for (int i = 0; i < VISITS; i++) {
        visits += p->m[i].task != BOOK_ENTERED;
        asked += money_now(&p->m[i], BOOK_SIGNED);
    }
    for (size_t i = 0; i < n; i++) {
        if (str_eq(figures[i].id, STR("outpatient.asked"))) {
            assert_int_equal(figures[i].value, asked);
        } else if (str_eq(figures[i].id, STR("outpatient.visits"))) {
            assert_int_equal(figures[i].value, visits);
        }
    }
}

static void any_order_of_commands(void **state) {
    World *w = *state;
    enum { STEPS = 500 };
    Play p = {.w = w};
    world_with_pins(w, "");
    const char *seed = getenv("NHIP_TEST_SEED");
    random_init(&p.r, seed == NULL ? 5 : (uint64_t)strtoull(seed, NULL, 10));
    for (int i = 0; i < VISITS; i++) {
        (void)snprintf(p.m[i].ma_lk, sizeof(p.m[i].ma_lk), "V%d", i);
        correct(&p, &p.m[i]);
    }
    for (int i = 0; i < STEPS; i++) {
        step(&p);
        for (int k = 0; k < VISITS; k++) {
            expect(&p, &p.m[k]);
        }
        if (i % 25 == 0) {
            expect_summary(&p);
        }
        arena_reset(w->h->arena);
    }
    assert_true(p.n_done > STEPS / 10 && p.n_refused > STEPS / 10);
    for (int i = 0; i < VISITS; i++) {
        for (Model *b = p.m[i].before; b != NULL;) {
            Model *next = b->before;
            free(b);
            b = next;
        }
    }
}

/* ---- closing ---- */

static SettleClosing closing(World *w) {
    SettleClosing c;
    SettleMonth month = {.facility = STR("46001"), .month = STR("2026-11")};
    assert_ok(settle_closing(w->settle, w->h->arena, &month, &c, &w->info));
    return c;
}

static int64_t figure(const SettleFigure *f, size_t n, const char *id) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(f[i].id, str_from(id))) {
            return f[i].value;
        }
    }
    return -1;
}

static void a_closed_month_stays_as_it_was(void **state) {
    World *w = *state;
    Settle *s = w->settle;
    SettleMonth month = {.facility = STR("46001"), .month = STR("2026-11"), .who = STR("trưởng")};
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .n_drugs = 2},
         {.ma_lk = "LK2", .card = "DN4464600000001", .in = "202611210800"});
    assert_ok(settle_sign(s, ACT("LK1"), w->key, &w->info));
    assert_int_equal(settle_close(s, w->h->arena, &month, &w->info), ERR_PRECONDITION);
    assert_string_equal(w->info.rule, "settle-in-flight");
    assert_non_null(strstr(w->info.what_vi, "46001|LK1"));
    assert_ok(settle_undo(s, ACT("LK1"), &w->info));
    take_to_fund(w, "LK1");
    assert_false(closing(w).closed);
    assert_ok(settle_close(s, w->h->arena, &month, &w->info));
    assert_int_equal(settle_close(s, w->h->arena, &month, &w->info), ERR_PRECONDITION);
    assert_string_equal(w->info.rule, "settle-closed-already");
    SettleClosing c = closing(w);
    assert_true(c.closed);
    assert_str(c.who, STR("trưởng"));
    assert_int_equal(figure(c.frozen, c.n_frozen, "outpatient.visits"), 1);
    assert_int_equal(figure(c.frozen, c.n_frozen, "outpatient.asked"), 63400000);
    assert_int_equal(figure(c.frozen, c.n_frozen, "drugs.items"), 1);

    /* a visit that comes late, and one that is corrected, name the closing and say why */
    assert_refused(w, settle_sign(s, ACT("LK2"), w->key, &w->info), ERR_PRECONDITION,
                   "settle-closed", "LK2");
    SettleAct late = *ACT("LK2");
    late.closing = STR("2026-11");
    late.why = STR_EMPTY;
    assert_refused(w, settle_sign(s, &late, w->key, &w->info), ERR_PARAM, "settle-why", "LK2");
    late.why = STR("bổ sung");
    assert_ok(settle_sign(s, &late, w->key, &w->info));
    assert_str(see(w, "LK2").closing, STR("2026-11"));
    c = closing(w);
    assert_int_equal(figure(c.frozen, c.n_frozen, "outpatient.visits"), 1);
    assert_int_equal(figure(c.now, c.n_now, "outpatient.visits"), 2);
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    c = closing(w); /* the correction is not signed: what was asked is what counts */
    assert_int_equal(figure(c.now, c.n_now, "outpatient.asked"), 2 * 63400000);
    SettleAct again = *ACT("LK1");
    again.closing = STR("2026-11");
    assert_ok(settle_sign(s, &again, w->key, &w->info));
    c = closing(w);
    assert_int_equal(figure(c.now, c.n_now, "outpatient.asked"), 63400000 + 50000000);
    assert_int_equal(figure(c.frozen, c.n_frozen, "outpatient.asked"), 63400000);
    /* a month that is open is not corrected by name */
    SEND(w->h, {.ma_lk = "LK3", .card = "DN4464600000001", .facility = "46002"});
    SettleAct open = {.facility = STR("46002"),
                      .ma_lk = STR("LK3"),
                      .who = STR("x"),
                      .why = STR("y"),
                      .closing = STR("2026-11")};
    assert_int_equal(settle_sign(s, &open, w->key, &w->info), ERR_PARAM);
    assert_string_equal(w->info.rule, "settle-not-closed");
}

/* ---- a closing and a signature at the same time ---- */

typedef struct Race {
    World *w;
    Str facility;
    ErrCode closed;
} Race;

static void close_it(void *arg) {
    Race *r = arg;
    ErrInfo info = {0};
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    SettleMonth month = {.facility = r->facility, .month = STR("2026-11"), .who = STR("trưởng")};
    r->closed = settle_close(r->w->settle, arena, &month, &info);
}

/* One of the two comes first; the other one knows it. */
static void a_closing_and_a_signature_never_pass_each_other(void **state) {
    enum { ROUNDS = 20 };
    World *w = *state;
    for (int i = 0; i < ROUNDS; i++) {
        char facility[8];
        (void)snprintf(facility, sizeof(facility), "46%03d", i);
        SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .facility = facility});
        Race race = {.w = w, .facility = str_from(facility)};
        SettleAct act = {.facility = race.facility, .ma_lk = STR("LK1"), .who = STR("cn. Hoa")};
        Thread thread = {.started = false};
        assert_ok(thread_start(&thread, "closes", close_it, &race));
        ErrCode err = settle_sign(w->settle, &act, w->key, &w->info);
        thread_join(&thread);
        assert_true((err == ERR_OK && race.closed == ERR_PRECONDITION) ||
                    (err == ERR_PRECONDITION && race.closed == ERR_OK));
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], SIGN_WORKER_MODE) == 0) {
        return sign_worker_main();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_closed_month_stays_as_it_was, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_closing_and_a_signature_never_pass_each_other,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(any_order_of_commands, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("settle/model", tests, NULL, NULL);
}
