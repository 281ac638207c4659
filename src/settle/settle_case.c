/* One visit looked up, what may be done with it, and the loop that does it again when somebody was
 * faster. */
#include "settle/settle_int.h"

#include "interop/claim_identity.h"

/* ---- looking up ---- */

ErrCode settle_find(Store *store, Arena *arena, const StoreExpect *token, StoreVersion *ret,
                    const JsonNode **ret_root) {
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(store_find(store, arena, token, 1, &found, &n));
    if (n == 0) {
        *ret = (StoreVersion){.slot = 0};
        *ret_root = NULL;
        return ERR_OK;
    }
    *ret = found[0];
    return json_parse(arena, found[0].json, ret_root, NULL);
}

static ErrCode find(SettleCase *c, FhirType type, const char *system, StoreVersion *ret,
                    const JsonNode **ret_root) {
    return settle_find(
        c->settle->o.store, c->arena,
        &(StoreExpect){
            .type = type, .param = FHIR_P_IDENTIFIER, .system = str_from(system), .value = c->key},
        ret, ret_root);
}

static Str id_of(Arena *arena, const JsonNode *root, const char *path) {
    Str reference = json_str(arena, json_path(root, path));
    size_t slash = str_find_char(reference, '/', 0);
    return slash == SIZE_MAX ? STR_EMPTY : str_sub(reference, slash + 1, reference.len);
}

ErrCode settle_case_load(SettleCase *c) {
    const JsonNode *visit = NULL;
    c->key = arena_printf(c->arena, STR_FMT "|" STR_FMT, STR_ARG(c->act->facility),
                          STR_ARG(c->act->ma_lk));
    TRY(find(c, FHIR_T_ENCOUNTER, CLAIM_SYSTEM_VISIT, &c->visit, &visit));
    TRY(find(c, FHIR_T_CLAIM, CLAIM_SYSTEM_VISIT, &c->claim, &c->claim_root));
    if (c->visit.slot == 0 || c->claim.slot == 0) {
        return err_set(c->info, ERR_NOT_FOUND, "settle-no-visit",
                       "there is no visit " STR_FMT " with a claim: import it first",
                       "không có hồ sơ " STR_FMT ": hãy nhập hồ sơ trước", STR_ARG(c->key));
    }
    TRY(find(c, FHIR_T_TASK, BOOK_SYSTEM_SETTLEMENT, &c->task, &c->task_root));
    SettleVisit *v = &c->now_is;
    *v = (SettleVisit){.version = c->task.slot == 0 ? 0 : c->task.version};
    TRY(settle_task_read(c->arena, c->task_root, v));
    v->patient = id_of(c->arena, visit, "subject.reference");
    v->visit = c->visit.id;
    v->id = c->task.slot == 0 ? STR_EMPTY : c->task.id;
    v->claim = c->claim.id;
    v->claim_version = c->claim.version;
    bool stale = v->task != BOOK_ENTERED && v->signed_version != v->claim_version;
    v->state = stale ? BOOK_CORRECTED : v->task;
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

Str settle_bill(const SettleCase *c, uint32_t version) {
    return arena_printf(c->arena, "Claim/" STR_FMT "/_history/%u", STR_ARG(c->claim.id),
                        (unsigned)version);
}

ErrCode settle_signed_items(const SettleCase *c, const JsonNode **ret_items) {
    const JsonNode *root = c->claim_root;
    if (c->now_is.signed_version != c->claim.version) {
        StoreVersion v;
        TRY(store_get_version(c->settle->o.store, c->arena, FHIR_T_CLAIM, c->claim.id,
                              c->now_is.signed_version, &v));
        TRY(json_parse(c->arena, v.json, &root, c->info));
    }
    const JsonNode *items = json_get_lit(root, "item");
    *ret_items = json_is(items, JSON_ARRAY) ? items : NULL;
    return ERR_OK;
}

/* ---- refusing ---- */

static const char *const next_steps[BOOK_STATES][2] = {
    [BOOK_ENTERED] = {"repair what the rules find, then sign it",
                      "sửa các lỗi mà quy tắc chỉ ra rồi ký"},
    [BOOK_CHECKED] = {"sign it", "ký hồ sơ"},
    [BOOK_CORRECTED] = {"sign the corrected visit again", "ký lại hồ sơ đã sửa"},
    [BOOK_SIGNED] = {"send it, or undo the signature", "gửi hồ sơ, hoặc huỷ chữ ký"},
    [BOOK_SENT] = {"record the fund's receipt, or that it did not arrive",
                   "ghi nhận quỹ đã nhận, hoặc hồ sơ chưa tới"},
    [BOOK_RECEIVED] = {"record the fund's assessment", "ghi nhận kết quả giám định"},
    [BOOK_ASSESSED] = {"record another assessment, or conclude it",
                       "ghi nhận kết quả giám định khác, hoặc kết luận"},
    [BOOK_ACCEPTED] = {"record the payment", "ghi nhận thanh toán"},
    [BOOK_REDUCED] = {"record the payment, or correct the visit",
                      "ghi nhận thanh toán, hoặc sửa hồ sơ"},
    [BOOK_REFUSED] = {"correct the visit and sign it again", "sửa hồ sơ rồi ký lại"},
    [BOOK_PAID] = {"record a further payment, or correct the visit",
                   "ghi nhận thanh toán tiếp, hoặc sửa hồ sơ"},
};

ErrCode settle_refuse(ErrInfo *info, ErrCode code, const char *rule, Str en, Str vi) {
    return err_set(info, code, rule, "%s%.0s", "%.0s%s", en.ptr, vi.ptr);
}

ErrCode settle_case_need(const SettleCase *c, unsigned bits, bool stale, const char *what) {
    const SettleVisit *v = &c->now_is;
    bool corrected = v->state == BOOK_CORRECTED;
    if ((bits & BOOK_BIT(v->task)) != 0 && (stale || !corrected)) {
        return ERR_OK;
    }
    BookState next = corrected && v->task != BOOK_SENT ? BOOK_CORRECTED : v->task;
    bool unsigned_yet = v->task == BOOK_ENTERED;
    return settle_refuse(
        c->info, ERR_PRECONDITION, "settle-state",
        arena_printf(c->arena, "visit " STR_FMT " is %s%s: '%s' is not possible now; %s",
                     STR_ARG(c->key), unsigned_yet ? "not signed" : book_state_code(v->task).ptr,
                     corrected ? " and was changed since it was signed" : "", what,
                     next_steps[next][0]),
        arena_printf(c->arena,
                     "hồ sơ " STR_FMT " đang ở trạng thái '%s'%s: chưa thực hiện được '%s'; cần %s",
                     STR_ARG(c->key), unsigned_yet ? "chưa ký" : book_state_name(v->task, true).ptr,
                     corrected ? " và đã sửa sau khi ký" : "", what, next_steps[next][1]));
}

ErrCode settle_case_who(const SettleCase *c, bool need_why) {
    if (str_trim(c->act->who).len == 0) {
        return err_set(c->info, ERR_PARAM, "settle-who", "visit " STR_FMT ": say who does it",
                       "hồ sơ " STR_FMT ": hãy nêu người thực hiện", STR_ARG(c->key));
    }
    if (need_why && str_trim(c->act->why).len == 0) {
        return err_set(c->info, ERR_PARAM, "settle-why", "visit " STR_FMT ": say why",
                       "hồ sơ " STR_FMT ": hãy nêu lý do", STR_ARG(c->key));
    }
    return ERR_OK;
}

ErrCode settle_case_month(const SettleCase *c, Str month, Str *ret_task) {
    StoreVersion closing;
    const JsonNode *root = NULL;
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(SETTLE_CLOSING_SYSTEM),
                         .value = arena_printf(c->arena, STR_FMT "|" STR_FMT,
                                               STR_ARG(c->act->facility), STR_ARG(month))};
    TRY(settle_find(c->settle->o.store, c->arena, &token, &closing, &root));
    *ret_task = closing.slot == 0 ? STR_EMPTY : closing.id;
    if (closing.slot == 0) {
        return settle_plan_expect(c->plan, &token);
    }
    if (!str_eq(c->act->closing, month)) {
        return err_set(c->info, ERR_PRECONDITION, "settle-closed",
                       "visit " STR_FMT ": the month " STR_FMT
                       " is closed; name it as the closing that this corrects, with a reason",
                       "hồ sơ " STR_FMT ": tháng " STR_FMT
                       " đã chốt; hãy nêu kỳ chốt cần điều chỉnh và lý do",
                       STR_ARG(c->key), STR_ARG(month));
    }
    return settle_case_who(c, true);
}

ErrCode settle_case_months(const SettleCase *c, Str month, Str *ret_task) {
    Str had = c->now_is.month;
    Str task = STR_EMPTY;
    TRY(settle_case_month(c, month, ret_task));
    if (had.len > 0 && !str_eq(had, month)) {
        TRY(settle_case_month(c, had, &task));
        *ret_task = ret_task->len > 0 ? *ret_task : task;
    }
    if (c->act->closing.len > 0 && ret_task->len == 0) {
        return err_set(c->info, ERR_PARAM, "settle-not-closed",
                       "visit " STR_FMT ": its month " STR_FMT
                       " is not closed; do not name a closing",
                       "hồ sơ " STR_FMT ": tháng " STR_FMT " chưa chốt; không cần nêu kỳ chốt",
                       STR_ARG(c->key), STR_ARG(month));
    }
    return ERR_OK;
}

/* ---- one visit ---- */

static ErrCode plan_one(SettleCase *c, SettleStepFn step, const void *what) {
    TRY(settle_case_load(c));
    return step(c, what);
}

ErrCode settle_run(Settle *settle, const SettleAct *act, SettleStepFn step, const void *what,
                   ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(SETTLE_ARENA_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < SETTLE_ATTEMPTS && err == ERR_CONFLICT; i++) {
        arena_reset(arena);
        SettlePlan plan = {.arena = arena, .snapshot = store_snapshot(settle->o.store)};
        SettleCase c = {.settle = settle,
                        .arena = arena,
                        .act = act,
                        .plan = &plan,
                        .info = info,
                        .now = clock_now_ms(settle->o.clock)};
        err = plan_one(&c, step, what);
        err = err == ERR_OK ? settle_plan_commit(&plan, settle->o.store, act->who, info) : err;
    }
    return err;
}

/* ---- many ---- */

typedef struct Batch {
    Settle *settle;
    const SettleBatch *of;
    Arena *kept, *scratch; /* the caller's; of one attempt */
    SettleDone *done;
    size_t refused_cap;
    ErrInfo *info;
} Batch;

/* What speaks of one visit alone, not of the store. */
static bool is_refusal(ErrCode err) {
    return err == ERR_PRECONDITION || err == ERR_NOT_FOUND || err == ERR_PARAM ||
           err == ERR_INVALID || err == ERR_GONE || err == ERR_LIMIT || err == ERR_FORBIDDEN;
}

static ErrCode refuse(Batch *b, const SettleAct *act, ErrCode err, const ErrInfo *info) {
    SettleDone *d = b->done;
    TRY(settle_grow(b->kept, &d->refused, d->n_refused, &b->refused_cap, sizeof(*d->refused)));
    bool said = info->code == err && info->what_en[0] != '\0';
    d->refused[d->n_refused++] = (SettleRefusal){
        .facility = act->facility,
        .ma_lk = act->ma_lk,
        .err = err,
        .rule = arena_str(b->kept, said ? str_from(info->rule) : STR("settle-refused")),
        .en = arena_str(b->kept, str_from(said ? info->what_en : err_text(err, 0))),
        .vi = arena_str(b->kept, str_from(said ? info->what_vi : err_text(err, 1)))};
    return arena_failed(b->kept) ? ERR_NOMEM : ERR_OK;
}

static bool same_visit(const SettleAct *a, const SettleAct *b) {
    return str_eq(a->facility, b->facility) && str_eq(a->ma_lk, b->ma_lk);
}

/* Visits of one commit: no visit twice. */
static size_t chunk_end(const SettleBatch *of, size_t from) {
    size_t to = from;
    if (of->whole) {
        return of->n;
    }
    for (; to < of->n && to - from < SETTLE_CHUNK; to++) {
        for (size_t i = from; i < to; i++) {
            if (same_visit(&of->acts[i], &of->acts[to])) {
                return to;
            }
        }
    }
    return to;
}

static ErrCode plan_chunk(Batch *b, SettlePlan *plan, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        ErrInfo info = {0};
        SettleCase c = {.settle = b->settle,
                        .arena = b->scratch,
                        .act = &b->of->acts[i],
                        .plan = plan,
                        .info = &info,
                        .now = clock_now_ms(b->settle->o.clock)};
        SettlePlan before = *plan;
        ErrCode err = plan_one(&c, b->of->step, b->of->what == NULL ? b->of->all : b->of->what[i]);
        if (err != ERR_OK) {
            *plan = before; /* half a step is none */
        }
        if (err == ERR_EXISTS) {
            b->done->same++;
        } else if (is_refusal(err)) {
            TRY(refuse(b, c.act, err, &info));
        } else if (err != ERR_OK) {
            *b->info = info;
            return err;
        } else {
            b->done->done++;
        }
    }
    return ERR_OK;
}

static ErrCode run_chunk(Batch *b, size_t from, size_t to) {
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < SETTLE_ATTEMPTS && err == ERR_CONFLICT; i++) {
        SettleDone before = *b->done;
        arena_reset(b->scratch);
        SettlePlan plan = {.arena = b->scratch, .snapshot = store_snapshot(b->settle->o.store)};
        err = plan_chunk(b, &plan, from, to);
        if (err == ERR_OK && b->of->with != NULL) {
            err = b->of->with(b->of->ctx, &plan, b->info);
        }
        if (err == ERR_OK && plan.n_groups > 0) {
            err = settle_plan_commit(&plan, b->settle->o.store, b->of->acts[from].who, b->info);
        }
        if (err != ERR_OK) {
            size_t cap = b->refused_cap; /* the list may have grown: it stays */
            SettleRefusal *list = b->done->refused;
            *b->done = before;
            b->done->refused = list;
            b->refused_cap = cap;
        }
    }
    return err;
}

ErrCode settle_run_batch(Settle *settle, Arena *arena, const SettleBatch *batch,
                         SettleDone *ret_done, ErrInfo *info) {
    CLEANUP_ARENA Arena *scratch = arena_new(SETTLE_ARENA_MAX);
    ErrInfo own = {0};
    *ret_done = (SettleDone){.done = 0};
    Batch b = {.settle = settle,
               .of = batch,
               .kept = arena,
               .scratch = scratch,
               .done = ret_done,
               .info = info == NULL ? &own : info};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    for (size_t from = 0, to; from < batch->n; from = to) {
        to = chunk_end(batch, from);
        if (batch->stop != NULL && stop_asked(batch->stop)) {
            return ERR_STOPPED;
        }
        TRY(run_chunk(&b, from, to));
    }
    return ERR_OK;
}
