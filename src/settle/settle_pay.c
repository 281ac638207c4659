/* Payments of the fund: one PaymentReconciliation a payment, a step for each visit that it names.
 */
#include "settle/settle_answer.h"
#include "settle/settle_int.h"

#define PAYMENT_SYSTEM SETTLE_BASE "sid/payment" /* the fund's number */

typedef struct Paid {
    const SettlePaidLine *line;
    Str number;
} Paid;

/* One visit's step; what it adds to the PaymentReconciliation is kept in `details`. */
typedef struct Pay {
    Settle *settle;
    Arena *arena;
    const SettlePayment *of;
    Buf details; /* elements of PaymentReconciliation.detail */
    int64_t sum;
    bool resumed; /* it is recorded already, of the same file */
} Pay;

static ErrCode refuse_known(const SettlePayment *of, ErrCode code, ErrInfo *info) {
    return err_set(info, code, "settle-payment",
                   "payment " STR_FMT " is recorded already; another file needs another number",
                   "khoản thanh toán " STR_FMT " đã được ghi; tệp khác cần số chứng từ khác",
                   STR_ARG(of->number));
}

static ErrCode pay_one(SettleCase *c, const Pay *pay, const Paid *p) {
    TRY(settle_case_who(c, false));
    if (settle_task_has_input(c->task_root, "payment", p->number)) {
        return ERR_EXISTS;
    }
    unsigned from = BOOK_BIT(BOOK_ACCEPTED) | BOOK_BIT(BOOK_REDUCED) | BOOK_BIT(BOOK_PAID);
    TRY(settle_case_need(c, from, true, "pay"));
    if (pay->resumed) { /* what it did not pay then it does not pay now */
        return refuse_known(pay->of, ERR_PRECONDITION, c->info);
    }
    return settle_task_move(c, &(SettleMove){.step = "pay",
                                             .to = BOOK_PAID,
                                             .has_money = true,
                                             .money = p->line->amount,
                                             .input_name = STR("payment"),
                                             .input = p->number});
}

/* Details of those that are in the plan: a Task whose newest payment is this one. */
static void put_detail(JsonWriter *w, const SettlePayment *of, const SettleCase *c,
                       int64_t amount) {
    json_open_object(w);
    json_name(w, "type");
    fhir_put_concept(w, "http://terminology.hl7.org/CodeSystem/payment-type", STR("payment"));
    fhir_put_part(w, "request", "reference", settle_bill(c, c->now_is.signed_version));
    json_member(w, "date", of->date);
    json_name(w, "amount");
    settle_put_money(w, amount);
    json_close_object(w);
}

typedef struct PayStep {
    Paid paid;
    Pay *pay;
    size_t index;
} PayStep;

static ErrCode step(SettleCase *c, const void *what) {
    const PayStep *s = what;
    Pay *pay = s->pay;
    if (s->index == 0) { /* a new attempt begins */
        buf_clear(&pay->details);
        pay->sum = 0;
    }
    TRY(pay_one(c, pay, &s->paid));
    JsonWriter w = json_writer(&pay->details);
    if (pay->details.len > 0) {
        buf_put_char(&pay->details, ',');
    }
    put_detail(&w, pay->of, c, s->paid.line->amount);
    pay->sum += s->paid.line->amount;
    return buf_ok(&pay->details);
}

/* ---- the payment itself ---- */

static StoreExpect token_of(const SettlePayment *of) {
    return (StoreExpect){.type = FHIR_T_PAYMENT_RECONCILIATION,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(PAYMENT_SYSTEM),
                         .value = of->number};
}

/* Its number and the file that it came in: what is sent again is known by both. */
static void put_identifiers(JsonWriter *w, const SettlePayment *of) {
    json_name(w, "identifier");
    json_open_array(w);
    fhir_put_identifier(w, PAYMENT_SYSTEM, of->number);
    if (of->source.len > 0) {
        fhir_put_identifier(w, SETTLE_ANSWER_SYSTEM, of->source);
    }
    json_close_array(w);
}

static bool came_in(const JsonNode *root, Str source) {
    const JsonNode *list = json_get_lit(root, "identifier");
    bool any = json_is(list, JSON_ARRAY) && source.len > 0;
    for (const JsonNode *i = any ? json_first(list) : NULL; i != NULL; i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), STR(SETTLE_ANSWER_SYSTEM)) &&
            json_str_is(json_get_lit(i, "value"), source)) {
            return true;
        }
    }
    return false;
}

static void put_payment(const Pay *pay, JsonWriter *w, TimeMs now) {
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_vn(&time, now);
    json_open_object(w);
    json_member(w, "resourceType", STR("PaymentReconciliation"));
    put_identifiers(w, pay->of);
    json_member(w, "status", STR("active"));
    json_member(w, "created", buf_str(&time));
    fhir_put_part(w, "paymentIssuer", "reference", STR("Organization/bhxh"));
    json_member(w, "outcome", STR("complete"));
    json_member_str(w, STR("disposition"), pay->of->why);
    json_member(w, "paymentDate", pay->of->date);
    json_name(w, "paymentAmount");
    settle_put_money(w, pay->sum);
    json_name(w, "detail");
    json_open_array(w);
    json_put_raw(w, buf_str(&pay->details));
    json_close_array(w);
    json_close_object(w);
}

/* Goes with the visits' steps: nothing when there are none. */
static ErrCode with_payment(void *ctx, SettlePlan *plan, ErrInfo *info) {
    Pay *pay = ctx;
    StoreVersion known;
    const JsonNode *root = NULL;
    StoreExpect token = token_of(pay->of);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    if (plan->n_groups == 0) {
        return ERR_OK;
    }
    TRY(settle_find(pay->settle->o.store, plan->arena, &token, &known, &root));
    if (known.slot != 0) {
        return refuse_known(pay->of, ERR_EXISTS, info);
    }
    JsonWriter w = json_writer(&out);
    put_payment(pay, &w, clock_now_ms(pay->settle->o.clock));
    return settle_plan_next(plan, &token, &known, 0, &out);
}

static ErrCode check_payment(Pay *pay, ErrInfo *info) {
    const SettlePayment *p = pay->of;
    StoreVersion known;
    const JsonNode *root = NULL;
    TimeMs lo = 0;
    TimeMs hi = 0;
    StoreExpect token = token_of(p);
    if (p->number.len == 0 || p->date.len != 10 || time_parse_fhir(p->date, &lo, &hi) != ERR_OK) {
        return err_set(info, ERR_PARAM, "settle-payment",
                       "name the payment's number and its date (YYYY-MM-DD)",
                       "hãy nêu số chứng từ và ngày thanh toán (YYYY-MM-DD)");
    }
    if (p->n_lines > SETTLE_PAYMENT_LINES) {
        return err_set(
            info, ERR_LIMIT, "settle-payment", "one payment names at most %d visits; cut the file",
            "một khoản thanh toán gồm tối đa %d hồ sơ; hãy chia tệp", SETTLE_PAYMENT_LINES);
    }
    TRY(settle_find(pay->settle->o.store, pay->arena, &token, &known, &root));
    pay->resumed = known.slot != 0 && came_in(root, p->source);
    return known.slot == 0 || pay->resumed ? ERR_OK : refuse_known(p, ERR_EXISTS, info);
}

static int by_visit(const void *a, const void *b) {
    const SettlePaidLine *x = a;
    const SettlePaidLine *y = b;
    int c = str_cmp(x->facility, y->facility);
    return c != 0 ? c : str_cmp(x->ma_lk, y->ma_lk);
}

/* Lines of one visit are one payment of it. */
static ErrCode join_lines(Arena *arena, const SettlePayment *p, SettlePaidLine **ret_lines,
                          size_t *ret_n) {
    SettlePaidLine *lines = arena_new_array(arena, SettlePaidLine, p->n_lines + 1);
    size_t n = 0;
    if (lines == NULL) {
        return ERR_NOMEM;
    }
    if (p->n_lines > 0) {
        memcpy(lines, p->lines, p->n_lines * sizeof(*lines));
        qsort(lines, p->n_lines, sizeof(*lines), by_visit);
    }
    for (size_t i = 0; i < p->n_lines; i++) {
        if (n > 0 && by_visit(&lines[n - 1], &lines[i]) == 0) {
            lines[n - 1].amount += lines[i].amount;
        } else {
            lines[n++] = lines[i];
        }
    }
    *ret_lines = lines;
    *ret_n = n;
    return ERR_OK;
}

ErrCode settle_pay(Settle *settle, Arena *arena, const SettlePayment *payment, SettleDone *ret_done,
                   ErrInfo *info) {
    Pay pay = {.settle = settle, .arena = arena, .of = payment};
    SettleAct *acts = arena_new_array(arena, SettleAct, payment->n_lines + 1);
    PayStep *steps = arena_new_array(arena, PayStep, payment->n_lines + 1);
    const void **what = arena_new_array(arena, const void *, payment->n_lines + 1);
    SettlePaidLine *lines = NULL;
    size_t n = 0;
    if (acts == NULL || steps == NULL || what == NULL) {
        return ERR_NOMEM;
    }
    TRY(check_payment(&pay, info));
    TRY(join_lines(arena, payment, &lines, &n));
    for (size_t i = 0; i < n; i++) {
        const SettlePaidLine *line = &lines[i];
        acts[i] = (SettleAct){.facility = line->facility,
                              .ma_lk = line->ma_lk,
                              .who = payment->who,
                              .why = payment->why};
        steps[i] = (PayStep){{line, payment->number}, &pay, i};
        what[i] = &steps[i];
    }
    buf_init(&pay.details, LIMIT_RESOURCE_BYTES - LIMIT_MIB);
    SettleBatch batch = {.step = step,
                         .acts = acts,
                         .what = what,
                         .n = n,
                         .with = with_payment,
                         .ctx = &pay,
                         .whole = true};
    ErrCode err = settle_run_batch(settle, arena, &batch, ret_done, info);
    buf_release(&pay.details);
    return err;
}
