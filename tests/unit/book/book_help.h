/* book_help.h — what the tests of the book share: random visits of a few citizens at a few
 * facilities, and the book recomputed naively over all visits of the store. */
#ifndef NHIP_TESTS_UNIT_BOOK_HELP_H
#define NHIP_TESTS_UNIT_BOOK_HELP_H

#include "unit/book/book_link_help.h"

#include "book/book.h"
#include "core/random.h"
#include "core/time.h"
#include "intake/intake_claim.h"

enum { WAIT_MS = 60000, VISITS_MAX = 400 };

typedef struct World {
    Home *home;
    Rules *rules;
    Book *book;
    ClockFake clock;
    Random random;
    unsigned history_days;
} World;

/* The follower does not run yet. */
static UNUSED void world_open_still(World *w) {
    ErrInfo info = {0};
    BookOptions o = {.store = w->home->store,
                     .rules = w->rules,
                     .clock = &w->clock.clock,
                     .history_days = w->history_days,
                     .work_days = 120};
    ErrCode err = book_open(&o, &w->book, &info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", err_name(err), info.what_en);
    }
    assert_ok(err);
}

static UNUSED void world_open(World *w) {
    world_open_still(w);
    assert_ok(book_start(w->book));
}

static UNUSED void world_settle(World *w) {
    assert_true(book_wait(w->book, store_snapshot(w->home->store), WAIT_MS));
}

static UNUSED void world_setup(World *w, void **state, uint64_t seed) {
    *w = (World){.home = *state};
    random_init(&w->random, seed);
    clock_fake_init(&w->clock, INT64_C(1795305600000)); /* 2026-11-22 */
    assert_ok(rules_new(NULL, &w->rules, NULL));
    world_open(w);
}

static UNUSED void world_release(World *w) {
    book_close(w->book);
    rules_free(w->rules);
}

/* ---- random visits ---- */

static UNUSED unsigned roll(World *w, unsigned n) {
    return (unsigned)random_below(&w->random, n);
}

static UNUSED Str random_time(World *w, unsigned first_day) {
    return arena_printf(w->home->arena, "202611%02u%02u%02u", first_day + roll(w, 6),
                        7 + roll(w, 3), 10 * roll(w, 3));
}

static UNUSED void fill_citizen(World *w, Str *x, unsigned citizen) {
    Arena *a = w->home->arena;
    x[XML1_MA_BN] = arena_printf(a, "BN%u", citizen);
    x[XML1_HO_TEN] = arena_printf(a, "NGUYỄN VĂN THỬ %u", citizen);
    x[XML1_SO_CCCD] = arena_printf(a, "0460900000%02u", citizen);
    x[XML1_NGAY_SINH] = STR("199001010000");
    x[XML1_GIOI_TINH] = STR("1");
    x[XML1_MA_QUOCTICH] = STR("000");
    x[XML1_MA_DANTOC] = STR("01");
    x[XML1_MA_NGHE_NGHIEP] = STR("00000");
    x[XML1_DIA_CHI] = STR("Thuận Hoá");
    x[XML1_MATINH_CU_TRU] = STR("46");
    x[XML1_MAXA_CU_TRU] = STR("19789");
    x[XML1_MA_THE_BHYT] = arena_printf(a, "DN4460000000%03u", citizen);
    x[XML1_MA_DKBD] = STR("46001");
    x[XML1_GT_THE_TU] = STR("20260101");
    x[XML1_GT_THE_DEN] = STR("20261231");
}

static UNUSED void random_summary(World *w, Str *x, unsigned facility, unsigned n) {
    static const char *const kinds[] = {"01", "01", "02", "03", "05"};
    Arena *a = w->home->arena;
    unsigned day = 1 + roll(w, 20);
    for (int i = 0; i < XML1_FIELD_COUNT; i++) {
        x[i] = STR_EMPTY;
    }
    fill_citizen(w, x, n % 7);
    x[XML1_MA_LK] = arena_printf(a, "SYN-%u", n);
    x[XML1_STT] = STR("1");
    x[XML1_LY_DO_VV] = x[XML1_CHAN_DOAN_VAO] = x[XML1_CHAN_DOAN_RV] = STR("Ho");
    x[XML1_MA_BENH_CHINH] = roll(w, 2) == 0 ? STR("J18.9") : STR("I10");
    x[XML1_MA_DOITUONG_KCB] = STR("1.1");
    x[XML1_NGAY_VAO] = random_time(w, day);
    x[XML1_NGAY_RA] = roll(w, 3) == 0 ? random_time(w, day + 4) : x[XML1_NGAY_VAO];
    x[XML1_NGAY_VAO_NOI_TRU] = x[XML1_NGAY_VAO];
    x[XML1_SO_NGAY_DTRI] = STR("0");
    x[XML1_KET_QUA_DTRI] = roll(w, 25) == 0 ? STR("5") : STR("2");
    x[XML1_MA_LOAI_RV] = STR("1");
    x[XML1_T_THUOC] = x[XML1_T_VTYT] = x[XML1_T_BNTT] = x[XML1_T_BNCCT] = STR("0.00");
    x[XML1_T_TONGCHI_BV] = arena_printf(a, "%u.00", 100000 + 1000 * roll(w, 3));
    x[XML1_T_TONGCHI_BH] = x[XML1_T_BHTT] = x[XML1_T_BHTT_GDV] = x[XML1_T_TONGCHI_BV];
    x[XML1_T_NGUONKHAC] = STR("0.00");
    x[XML1_NAM_QT] = STR("2026");
    x[XML1_THANG_QT] = arena_printf(a, "%u", 10 + roll(w, 3));
    x[XML1_MA_LOAI_KCB] = str_from(kinds[roll(w, 5)]);
    x[XML1_MA_KHOA] = arena_printf(a, "K0%u", 1 + roll(w, 3));
    x[XML1_MA_CSKCB] = arena_printf(a, "4600%u", facility);
    x[XML1_CAN_NANG] = STR("60.00");
    x[XML1_MA_HSBA] = STR("HSBA-1");
}

/* A line that has what it must. */
static UNUSED void plain_line(World *w, Str *x, int table, Str ma_lk, unsigned number) {
    const ClaimTable *t = claim_table(table);
    for (int i = 0; i < t->n_fields; i++) {
        ClaimKind kind = t->fields[i].kind;
        x[i] = t->fields[i].required != 'Y' ? STR_EMPTY
               : kind == CLAIM_DEC          ? STR("1000")
               : kind == CLAIM_N            ? STR("1")
               : kind == CLAIM_S            ? STR("A")
                                            : STR("202611100830");
    }
    x[0] = ma_lk;
    x[1] = arena_printf(w->home->arena, "%u", number);
}

/* Lines of a few practitioners and machines, so that they meet. */
static UNUSED void random_line(World *w, Str *x, const Str *summary, unsigned number) {
    static const char *const groups[] = {"13", "8", "2", "13"};
    Arena *a = w->home->arena;
    plain_line(w, x, 3, summary[XML1_MA_LK], number);
    x[XML3_MA_NHOM] = str_from(groups[roll(w, 4)]);
    x[XML3_NGUOI_THUC_HIEN] = arena_printf(a, "00000%u/HUE-GPHN", roll(w, 3));
    x[XML3_MA_MAY] = roll(w, 2) == 0 ? STR("XQ.1.46999.SYN002") : STR_EMPTY;
    x[XML3_NGAY_TH_YL] = random_time(w, 5);
    x[XML3_NGAY_KQ] = arena_printf(a, STR_FMT "55", STR_ARG(str_sub(x[XML3_NGAY_TH_YL], 0, 10)));
}

static UNUSED void put_table(Buf *out, int table, const Str *x, unsigned n) {
    CLEANUP_BUF Buf xml;
    buf_init(&xml, 32 * LIMIT_MIB);
    claim_write_table(&xml, claim_table(table), x, n);
    claim_write_hoso_file(out, claim_table(table), buf_str(&xml));
}

static UNUSED void put_random_visit(World *w, Buf *out, unsigned facility, unsigned number) {
    Str x[XML1_FIELD_COUNT];
    Str lines[3 * XML3_FIELD_COUNT];
    unsigned n = roll(w, 4);
    random_summary(w, x, facility, number);
    for (unsigned k = 0; k < n; k++) {
        random_line(w, lines + (size_t)k * XML3_FIELD_COUNT, x, k + 1);
    }
    claim_write_hoso_open(out);
    put_table(out, 1, x, 1);
    if (n > 0) {
        put_table(out, 3, lines, n);
    }
    claim_write_hoso_close(out);
}

/* A file of a few visits of one facility: some new, some sent before. */
static UNUSED void send_random(World *w, unsigned visits) {
    CLEANUP_BUF Buf b;
    unsigned facility = 1 + roll(w, 3);
    unsigned n = 1 + roll(w, 4);
    buf_init(&b, LIMIT_MIB);
    claim_write_envelope_open(&b, arena_printf(w->home->arena, "4600%u", facility), STR("20261121"),
                              n);
    for (unsigned i = 0; i < n; i++) {
        put_random_visit(w, &b, facility, roll(w, visits));
    }
    claim_write_envelope_close(&b);
    assert_ok(buf_ok(&b));
    send_bytes(w->home, buf_str(&b));
    if (w->home->report.n_issues > 0) {
        print_error(STR_FMT " " STR_FMT ": " STR_FMT "\n", STR_ARG(w->home->report.issues[0].table),
                    STR_ARG(w->home->report.issues[0].field),
                    STR_ARG(w->home->report.issues[0].en));
    }
    assert_int_equal(w->home->report.claims_rejected, 0);
}

/* ---- the book over again, without the book ---- */

typedef struct Naive {
    Slot first, patient, person;
    Str id, key, facility, bill_id, subject;
    Claim claim;
    RulesVisit visit;
    int64_t in, out;
    bool death;
    BookState state, task_state;
    int64_t asked, accepted, paid;
    size_t n_by_weight[RULES_WEIGHTS];
    uint64_t *by_rule; /* findings, by rules_get */
} Naive;

typedef struct Scan {
    World *w;
    Naive *all;
    size_t n;
} Scan;

static UNUSED int64_t naive_day(Str text) {
    Civil c;
    assert_ok(time_parse_claim(text, &c));
    return time_days_from_civil(c.year, c.month, c.day);
}

static UNUSED const JsonNode *naive_coding(const JsonNode *concept) {
    const JsonNode *list = json_get_lit(concept, "coding");
    return list == NULL ? NULL : json_first(list);
}

static UNUSED int64_t naive_money(const JsonNode *root, const char *state) {
    const JsonNode *list = json_get_lit(root, "output");
    int64_t money = 0;
    int64_t sum = 0;
    for (const JsonNode *o = list == NULL ? NULL : json_first(list); o != NULL;
         o = json_next(list, o)) {
        const JsonNode *coding = naive_coding(json_get_lit(o, "type"));
        if (json_str_is(json_get_lit(coding, "code"), str_from(state))) {
            assert_ok(json_to_i64(json_path(o, "valueMoney.value"), &money));
            sum += money;
        }
    }
    return sum * 100;
}

static UNUSED void naive_task(World *w, Naive *n, const IntakeClaim *claim) {
    Arena *a = w->home->arena;
    StoreVersion *v = NULL;
    size_t found_tasks = 0;
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(BOOK_SYSTEM_SETTLEMENT), n->key};
    n->task_state = BOOK_ENTERED;
    assert_ok(store_find(w->home->store, a, &token, 2, &v, &found_tasks));
    assert_true(found_tasks <= 1);
    if (found_tasks == 0) {
        return;
    }
    const JsonNode *root = parsed(w->home, v[0].json);
    const JsonNode *status = naive_coding(json_get_lit(root, "businessStatus"));
    n->task_state = book_state_by_code(json_str(a, json_get_lit(status, "code")));
    n->accepted = naive_money(root, "accepted");
    n->paid = naive_money(root, "paid");
    Str focus = json_str(a, json_path(root, "focus.reference"));
    Str now = arena_printf(a, "Claim/" STR_FMT "/_history/%u", STR_ARG(claim->bill_id),
                           claim->bill_version);
    if (book_state_is_fact(n->task_state)) {
        n->state = str_eq(focus, now) ? n->task_state : BOOK_CORRECTED;
    }
}

static UNUSED ErrCode naive_visit(void *ctx, const StoreVersion *v) {
    Scan *s = ctx;
    World *w = s->w;
    Arena *a = w->home->arena;
    IntakeClaim claim;
    uint64_t asked = 0;
    if (v->type != FHIR_T_ENCOUNTER || v->deleted || !store_is_current(w->home->store, v->slot)) {
        return ERR_OK;
    }
    assert_true(s->n < VISITS_MAX);
    Naive *n = &s->all[s->n++];
    StoreVersion kept = current(w->home, FHIR_T_ENCOUNTER, v->id);
    assert_ok(intake_claim_of(w->home->store, a, &kept, &claim, NULL));
    *n = (Naive){.first = v->first, .patient = v->patient, .id = kept.id, .claim = claim.claim};
    n->person = naive_person(w->home, v->patient);
    n->facility = n->claim.facility;
    n->bill_id = claim.bill_id;
    n->subject = json_str(a, json_path(parsed(w->home, kept.json), "subject.reference"));
    n->key = arena_printf(a, STR_FMT "|" STR_FMT, STR_ARG(n->facility), STR_ARG(n->claim.ma_lk));
    assert_ok(rules_visit_of_claim(a, &n->claim, &n->visit));
    n->in = naive_day(claim_value(&n->claim, 1, XML1_NGAY_VAO));
    n->out = naive_day(claim_value(&n->claim, 1, XML1_NGAY_RA));
    n->death = str_eq(claim_value(&n->claim, 1, XML1_KET_QUA_DTRI), STR("5"));
    Str money = claim_value(&n->claim, 1, XML1_T_BHTT);
    assert_ok(str_to_u64(str_sub(money, 0, str_find_char(money, '.', 0)), &asked));
    n->asked = (int64_t)asked * 100;
    n->state = BOOK_STATES;
    naive_task(w, n, &claim);
    return ERR_OK;
}

static UNUSED bool naive_sees(const World *w, const Naive *n, const Naive *other) {
    int64_t days = w->history_days;
    bool near = other->in <= n->out + days && other->out >= n->in - days;
    return n != other && n->person == other->person && (near || other->death);
}

static UNUSED bool naive_meets(const Str *x, const Str *y) {
    Str days[] = {str_sub(x[XML3_NGAY_TH_YL], 0, 8), str_sub(y[XML3_NGAY_TH_YL], 0, 8)};
    bool person = str_eq(x[XML3_NGUOI_THUC_HIEN], y[XML3_NGUOI_THUC_HIEN]);
    bool machine = x[XML3_MA_MAY].len > 0 && str_eq(x[XML3_MA_MAY], y[XML3_MA_MAY]);
    return str_eq(days[0], days[1]) && (person || machine);
}

static UNUSED void naive_work(Arena *a, const Scan *s, const Naive *n, RulesVisit *visit) {
    ClaimRecord *work = arena_new_array(a, ClaimRecord, 4 * s->n + 1);
    size_t n_work = 0;
    for (size_t i = 0; i < s->n; i++) {
        const Naive *other = &s->all[i];
        for (size_t k = 0; other->first < n->first && k < other->visit.n_records[3]; k++) {
            const Str *line = other->visit.records[3][k].values;
            bool meets = false;
            for (size_t j = 0; j < n->visit.n_records[3] && !meets; j++) {
                meets = naive_meets(line, n->visit.records[3][j].values);
            }
            if (meets) {
                Str *values = arena_new_array(a, Str, RULES_WORK_FIELDS);
                memcpy(values, line, sizeof(Str) * XML3_FIELD_COUNT);
                values[RULES_WORK_MA_CSKCB] = other->facility;
                work[n_work++] = (ClaimRecord){.values = values};
            }
        }
    }
    visit->records[RULES_WORK] = work;
    visit->n_records[RULES_WORK] = n_work;
    visit->work_loaded = true;
}

static UNUSED void naive_history(World *w, const Scan *s, const Naive *n, RulesVisit *visit) {
    ClaimRecord *history = arena_new_array(w->home->arena, ClaimRecord, s->n + 1);
    size_t n_history = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (naive_sees(w, n, &s->all[i])) {
            history[n_history++] = s->all[i].visit.records[1][0];
        }
    }
    visit->records[RULES_HISTORY] = history;
    visit->n_records[RULES_HISTORY] = n_history;
    visit->history_loaded = true;
}

static UNUSED void naive_check(World *w, const Scan *s, Naive *n, RulesRun *run) {
    RulesVisit visit = n->visit;
    RulesReport report;
    naive_history(w, s, n, &visit);
    naive_work(w->home->arena, s, n, &visit);
    assert_ok(rules_check(run, &visit, NULL, RULES_AT_EXPORT, &report));
    memcpy(n->n_by_weight, report.n_by_weight, sizeof(n->n_by_weight));
    n->by_rule = arena_new_array(w->home->arena, uint64_t, rules_count(w->rules));
    for (size_t i = 0; i < report.n_findings; i++) {
        for (size_t k = 0; k < rules_count(w->rules); k++) {
            n->by_rule[k] += rules_get(w->rules, k) == report.findings[i].rule;
        }
    }
    if (n->state == BOOK_STATES) {
        n->state = n->n_by_weight[RULES_BLOCKS] > 0 ? BOOK_ENTERED : BOOK_CHECKED;
    }
}

static UNUSED Scan naive_book(World *w) {
    Scan s = {.w = w, .all = arena_new_array(w->home->arena, Naive, VISITS_MAX)};
    RulesRun *run = NULL;
    assert_ok(rules_run_new(w->rules, &run));
    assert_ok(store_feed(w->home->store, 0, naive_visit, &s));
    for (size_t i = 0; i < s.n; i++) {
        naive_check(w, &s, &s.all[i], run);
    }
    rules_run_free(run);
    return s;
}

#endif
