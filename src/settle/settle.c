/* The commands that move a visit on, but for signing, assessing and paying. */
#include "settle/settle.h"

#include "settle/settle_int.h"

ErrCode settle_new(const SettleOptions *options, Settle **ret_settle) {
    Settle *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->o = *options;
    s->o.clock = options->clock == NULL ? clock_real() : options->clock;
    *ret_settle = s;
    return ERR_OK;
}

void settle_free(Settle *settle) {
    free(settle);
}

/* ---- steps ---- */

static int64_t asked_of(const SettleCase *c) {
    int64_t amount = 0;
    (void)settle_money(&c->now_is, BOOK_SIGNED, &amount);
    return amount;
}

static ErrCode sent(SettleCase *c, const void *what) {
    TRY(settle_case_who(c, false));
    TRY(settle_case_need(c, BOOK_BIT(BOOK_SIGNED), false, "sent"));
    return settle_task_move(c, &(SettleMove){.step = "sent",
                                             .to = BOOK_SENT,
                                             .has_money = true,
                                             .money = asked_of(c),
                                             .input_name = STR("attempt"),
                                             .input = *(const Str *)what});
}

ErrCode settle_sent(Settle *settle, const SettleAct *act, Str attempt, ErrInfo *info) {
    return settle_run(settle, act, sent, &attempt, info);
}

static ErrCode returned(SettleCase *c, const void *what) {
    (void)what;
    TRY(settle_case_who(c, true));
    TRY(settle_case_need(c, BOOK_BIT(BOOK_SENT), true, "returned"));
    return settle_task_move(
        c, &(SettleMove){.step = "returned", .to = BOOK_SIGNED, .drop_sent = true});
}

ErrCode settle_returned(Settle *settle, const SettleAct *act, ErrInfo *info) {
    return settle_run(settle, act, returned, NULL, info);
}

static ErrCode received(SettleCase *c, const void *what) {
    const Str *transaction = what;
    TRY(settle_case_who(c, false));
    if (transaction->len == 0) {
        return err_set(c->info, ERR_PARAM, "settle-transaction",
                       "visit " STR_FMT ": name the fund's transaction number",
                       "hồ sơ " STR_FMT ": hãy nêu mã giao dịch của quỹ", STR_ARG(c->key));
    }
    if (c->now_is.task == BOOK_RECEIVED && str_eq(c->now_is.transaction, *transaction)) {
        return ERR_EXISTS;
    }
    TRY(settle_case_need(c, BOOK_BIT(BOOK_SENT), true, "received"));
    return settle_task_move(c, &(SettleMove){.step = "received",
                                             .to = BOOK_RECEIVED,
                                             .has_money = true,
                                             .money = asked_of(c),
                                             .input_name = STR("transaction"),
                                             .input = *transaction});
}

ErrCode settle_received(Settle *settle, const SettleAct *act, Str transaction, ErrInfo *info) {
    ErrCode err = settle_run(settle, act, received, &transaction, info);
    return err == ERR_EXISTS ? ERR_OK : err;
}

BookState settle_verdict(int64_t asked, int64_t accepted) {
    if (accepted >= asked) {
        return BOOK_ACCEPTED;
    }
    return accepted > 0 ? BOOK_REDUCED : BOOK_REFUSED;
}

static ErrCode conclude(SettleCase *c, const void *what) {
    int64_t accepted = 0;
    (void)what;
    TRY(settle_case_who(c, false));
    TRY(settle_case_need(c, BOOK_BIT(BOOK_ASSESSED), true, "conclude"));
    (void)settle_money(&c->now_is, BOOK_ASSESSED, &accepted);
    return settle_task_move(c, &(SettleMove){.step = "conclude",
                                             .to = settle_verdict(asked_of(c), accepted),
                                             .has_money = true,
                                             .money = accepted});
}

ErrCode settle_conclude(Settle *settle, const SettleAct *act, ErrInfo *info) {
    return settle_run(settle, act, conclude, NULL, info);
}

/* The last step must be the signature itself, and one's own. */
static ErrCode undo(SettleCase *c, const void *what) {
    Str closing;
    (void)what;
    TRY(settle_case_who(c, true));
    TRY(settle_case_need(c, BOOK_BIT(BOOK_SIGNED), true, "undo"));
    Str step = fhir_task_input(c->arena, c->task_root, "step");
    bool taken = str_eq(step, STR("take"));
    if (str_eq(step, STR("undo"))) {
        return err_set(c->info, ERR_PRECONDITION, "settle-undo-once",
                       "the last signature of visit " STR_FMT " was undone already, the one before "
                       "it stays: correct the visit and sign it again, or send it",
                       "hồ sơ " STR_FMT " đã huỷ chữ ký cuối, chữ ký trước đó giữ nguyên: hãy sửa "
                       "rồi ký lại, hoặc gửi",
                       STR_ARG(c->key));
    }
    if (!taken && !str_eq(step, STR("sign"))) {
        return err_set(c->info, ERR_PRECONDITION, "settle-undo-sent",
                       "visit " STR_FMT " was on its way to the fund: the signature stays; correct "
                       "the visit and sign it again, or send it",
                       "hồ sơ " STR_FMT " đã từng được gửi: không huỷ chữ ký được; hãy sửa rồi ký "
                       "lại, hoặc gửi",
                       STR_ARG(c->key));
    }
    if (!taken && !str_eq(c->now_is.who, c->act->who)) {
        return err_set(c->info, ERR_PRECONDITION, "settle-undo-other",
                       "visit " STR_FMT " was signed by " STR_FMT ": only they may undo it",
                       "hồ sơ " STR_FMT " do " STR_FMT " ký: chỉ người đó được huỷ",
                       STR_ARG(c->key), STR_ARG(c->now_is.who));
    }
    TRY(settle_case_months(c, c->now_is.month, &closing));
    if (c->task.version > 1) {
        return settle_task_restore(c, "undo", c->task.version - 1);
    }
    return settle_task_move(c, &(SettleMove){.step = "undo", .to = BOOK_ENTERED, .drop_all = true});
}

ErrCode settle_undo(Settle *settle, const SettleAct *act, ErrInfo *info) {
    return settle_run(settle, act, undo, NULL, info);
}

/* ---- many ---- */

ErrCode settle_many(Settle *settle, Arena *arena, const SettleMany *many, SettleDone *ret_done,
                    ErrInfo *info) {
    static const SettleStepFn steps[SETTLE_STEPS] = {[SETTLE_SIGN] = settle_step_sign,
                                                     [SETTLE_TAKE] = settle_step_take,
                                                     [SETTLE_UNDO] = undo,
                                                     [SETTLE_CONCLUDE] = conclude};
    SettleBatch batch = {.step = steps[many->step],
                         .acts = many->acts,
                         .n = many->n,
                         .all = many->key,
                         .stop = many->stop};
    return settle_run_batch(settle, arena, &batch, ret_done, info);
}

/* ---- reading ---- */

ErrCode settle_visit(Settle *settle, Arena *arena, Str facility, Str ma_lk, SettleVisit *ret_visit,
                     ErrInfo *info) {
    SettleAct act = {.facility = facility, .ma_lk = ma_lk};
    SettleCase c = {.settle = settle, .arena = arena, .act = &act, .info = info};
    TRY(settle_case_load(&c));
    *ret_visit = c.now_is;
    return ERR_OK;
}

bool settle_money(const SettleVisit *visit, BookState stage, int64_t *ret_amount) {
    bool found = false;
    int64_t sum = 0;
    for (size_t i = 0; i < visit->n_money; i++) {
        const SettleMoney *m = &visit->money[i];
        if (m->stage == stage && m->round == 0) {
            sum = stage == BOOK_PAID ? sum + m->amount : m->amount;
            found = true;
        }
    }
    if (found) {
        *ret_amount = sum;
    }
    return found;
}

ErrCode settle_step_read(Arena *arena, const StoreVersion *task, SettleStepSeen *ret) {
    const JsonNode *root = NULL;
    SettleVisit v = {.version = task->version};
    TRY(json_parse(arena, task->json, &root, NULL));
    TRY(settle_task_read(arena, root, &v));
    *ret = (SettleStepSeen){.step = fhir_task_input(arena, root, "step"),
                            .state = v.task,
                            .who = v.who,
                            .why = v.why,
                            .time = v.time};
    return ERR_OK;
}

ErrCode settle_file(Settle *settle, Arena *arena, Str facility, Str ma_lk, Str *ret_xml,
                    ErrInfo *info) {
    SettleVisit v;
    Sha256 hash;
    StoreReceived file;
    TRY(settle_visit(settle, arena, facility, ma_lk, &v, info));
    if (v.task == BOOK_ENTERED || hex_parse(v.file, hash.b, sizeof(hash.b)) != ERR_OK) {
        return err_set(info, ERR_PRECONDITION, "settle-no-file",
                       "visit " STR_FMT "|" STR_FMT " is not signed: sign it first",
                       "hồ sơ " STR_FMT "|" STR_FMT " chưa ký: hãy ký trước", STR_ARG(facility),
                       STR_ARG(ma_lk));
    }
    ErrCode err = store_received_get(settle->o.store, arena, &hash, &file);
    if (err == ERR_GONE) {
        return err_set(info, ERR_GONE, "settle-file-gone",
                       "the signed file of visit " STR_FMT "|" STR_FMT
                       " is not kept any more: undo the signature and sign again",
                       "tệp đã ký của hồ sơ " STR_FMT "|" STR_FMT
                       " không còn được lưu: hãy huỷ chữ ký rồi ký lại",
                       STR_ARG(facility), STR_ARG(ma_lk));
    }
    TRY(err);
    *ret_xml = file.bytes;
    return ERR_OK;
}
