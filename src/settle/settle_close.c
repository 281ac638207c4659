#include "settle/settle_close.h"

#include "settle/settle_gather.h"
#include "settle/settle_int.h"

bool settle_is_month(Str s) {
    bool good = s.len == 7 && s.ptr[4] == '-';
    for (size_t i = 0; good && i < s.len; i++) {
        good = i == 4 || (s.ptr[i] >= '0' && s.ptr[i] <= '9');
    }
    int month = good ? (s.ptr[5] - '0') * 10 + (s.ptr[6] - '0') : 0;
    return month >= 1 && month <= 12;
}

int settle_month_number(Str month) {
    uint64_t year = 0;
    uint64_t number = 0;
    if (!settle_is_month(month) || str_to_u64(str_sub(month, 0, 4), &year) != ERR_OK ||
        str_to_u64(str_sub(month, 5, 2), &number) != ERR_OK) {
        return 0;
    }
    return (int)(year * 100 + number);
}

static ErrCode check_month(const SettleMonth *m, ErrInfo *info) {
    return settle_is_month(m->month) && m->facility.len > 0
               ? ERR_OK
               : err_set(info, ERR_PARAM, "settle-month",
                         "name a facility and a month such as 2026-10",
                         "hãy nêu cơ sở và tháng, ví dụ 2026-10");
}

/* ---- summing up ---- */

typedef struct Sums {
    SettleSum *sum;
    Arena *arena;
    size_t in_flight; /* between signature and receipt */
    Str first;        /* one of them */
} Sums;

static ErrCode add(void *ctx, SettleCase *c) {
    Sums *s = ctx;
    Claim claim;
    BookState state = c->now_is.task;
    if (state == BOOK_SIGNED || state == BOOK_SENT) {
        s->first = s->in_flight++ == 0 ? arena_str(s->arena, c->key) : s->first;
    }
    TRY(settle_claim_signed(c, &claim));
    return settle_sum_add(s->sum, &claim);
}

static ErrCode sum_up(Settle *settle, const SettleMonth *m, RecordNo snapshot, Sums *s,
                      ErrInfo *info) {
    TRY(settle_sum_new(s->arena, &s->sum));
    return settle_gather(&(SettleGather){.settle = settle,
                                         .facility = m->facility,
                                         .month = m->month,
                                         .snapshot = snapshot,
                                         .each = add,
                                         .ctx = s,
                                         .info = info});
}

ErrCode settle_summary(Settle *settle, Arena *arena, const SettleMonth *month, SettleSum **ret_sum,
                       ErrInfo *info) {
    Sums s = {.arena = arena};
    TRY(check_month(month, info));
    TRY(sum_up(settle, month, 0, &s, info));
    *ret_sum = s.sum;
    return ERR_OK;
}

/* ---- the closing's Task ---- */

static Str key_of(Arena *arena, const SettleMonth *m) {
    return arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(m->facility), STR_ARG(m->month));
}

static StoreExpect token_of(Str key) {
    return (StoreExpect){.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(SETTLE_CLOSING_SYSTEM),
                         .value = key};
}

static void put_figure(JsonWriter *w, const SettleFigure *f) {
    json_open_object(w);
    json_name(w, "type");
    fhir_put_concept(w, BOOK_SYSTEM_STATE, f->id);
    if (f->kind == SETTLE_K_COUNT) {
        json_name(w, "valueInteger");
        json_put_i64(w, f->value);
    } else {
        json_name(w, "valueMoney");
        settle_put_money(w, f->value);
    }
    json_close_object(w);
}

static ErrCode put_task(const Settle *settle, const SettleMonth *m, Sums *s, Buf *out) {
    SettleFigure figures[SETTLE_FIGURES_MAX];
    size_t n = 0;
    TRY(settle_sum_figures(s->sum, figures, &n));
    JsonWriter w = json_writer(out);
    FhirTask task = {.system = SETTLE_CLOSING_SYSTEM,
                     .key = key_of(s->arena, m),
                     .status = "completed",
                     .intent = "order",
                     .codes = BOOK_SYSTEM_STATE,
                     .code = SETTLE_CLOSING_CODE,
                     .who = m->who,
                     .why = m->why,
                     .now = clock_now_ms(settle->o.clock)};
    fhir_task_put_what(&w, &task);
    fhir_task_put_when(&w, &task);
    json_name(&w, "output");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_figure(&w, &figures[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

static ErrCode check_in_flight(const Sums *s, const SettleMonth *m, ErrInfo *info) {
    if (s->in_flight == 0) {
        return ERR_OK;
    }
    return err_set(info, ERR_PRECONDITION, "settle-in-flight",
                   "month " STR_FMT " of " STR_FMT ": %zu visits are signed and not received by "
                   "the fund yet, one of them " STR_FMT "; send them or undo their signatures",
                   "tháng " STR_FMT " của " STR_FMT
                   ": %zu hồ sơ đã ký nhưng quỹ chưa nhận, ví dụ " STR_FMT
                   "; hãy gửi hoặc huỷ chữ ký",
                   STR_ARG(m->month), STR_ARG(m->facility), s->in_flight, STR_ARG(s->first));
}

/* Refused by the writer when a visit of the month moved on meanwhile. */
static ErrCode close_once(Settle *settle, const SettleMonth *m, Arena *arena, ErrInfo *info) {
    SettlePlan plan = {.arena = arena, .snapshot = store_snapshot(settle->o.store)};
    Sums s = {.arena = arena};
    StoreVersion known;
    const JsonNode *root = NULL;
    CLEANUP_BUF Buf out;
    Str key = key_of(arena, m);
    StoreExpect token = token_of(key);
    StoreExpect visits = {.type = FHIR_T_TASK,
                          .param = FHIR_P_GROUP_IDENTIFIER,
                          .system = STR(SETTLE_MONTH_SYSTEM),
                          .value = key};
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    TRY(settle_find(settle->o.store, arena, &token, &known, &root));
    if (known.slot != 0) {
        return err_set(info, ERR_PRECONDITION, "settle-closed-already",
                       "month " STR_FMT " of " STR_FMT " is closed already",
                       "tháng " STR_FMT " của " STR_FMT " đã được chốt", STR_ARG(m->month),
                       STR_ARG(m->facility));
    }
    TRY(sum_up(settle, m, 0, &s, info));
    TRY(check_in_flight(&s, m, info));
    TRY(put_task(settle, m, &s, &out));
    TRY(settle_plan_expect(&plan, &visits));
    TRY(settle_plan_next(&plan, &token, &known, 0, &out));
    return settle_plan_commit(&plan, settle->o.store, m->who, info);
}

ErrCode settle_close(Settle *settle, Arena *arena, const SettleMonth *month, ErrInfo *info) {
    TRY(check_month(month, info));
    if (str_trim(month->who).len == 0) {
        return err_set(info, ERR_PARAM, "settle-who", "say who closes the month",
                       "hãy nêu người chốt tháng");
    }
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < SETTLE_ATTEMPTS && err == ERR_CONFLICT; i++) {
        err = close_once(settle, month, arena, info);
    }
    return err;
}

/* ---- reading ---- */

static ErrCode read_frozen(Arena *arena, const JsonNode *root, const SettleFigure *named,
                           size_t n_named, SettleClosing *c) {
    const JsonNode *list = json_get_lit(root, "output");
    for (const JsonNode *o = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         o != NULL && c->n_frozen < SETTLE_FIGURES_MAX; o = json_next(list, o)) {
        SettleFigure f = {.id = json_str(arena, json_path(o, "type.coding.code"))};
        const JsonNode *count = json_get_lit(o, "valueInteger");
        f.kind = count != NULL ? SETTLE_K_COUNT : SETTLE_K_MONEY;
        TRY(count != NULL ? json_to_i64(count, &f.value)
                          : settle_get_money(json_get_lit(o, "valueMoney"), &f.value));
        for (size_t i = 0; i < n_named; i++) {
            if (str_eq(named[i].id, f.id)) {
                f.en = named[i].en;
                f.vi = named[i].vi;
            }
        }
        c->frozen[c->n_frozen++] = f;
    }
    return ERR_OK;
}

/* *ret_root: NULL: it is not closed. */
static ErrCode find_closing(Settle *settle, Arena *arena, const SettleMonth *month,
                            SettleClosed *ret, const JsonNode **ret_root) {
    StoreVersion task;
    StoreExpect token = token_of(key_of(arena, month));
    TRY(settle_find(settle->o.store, arena, &token, &task, ret_root));
    const JsonNode *root = *ret_root;
    *ret = (SettleClosed){.who = json_str(arena, json_path(root, "owner.display")),
                          .why = json_str(arena, json_path(root, "statusReason.text")),
                          .time = json_str(arena, json_get_lit(root, "lastModified"))};
    return ERR_OK;
}

ErrCode settle_closed(Settle *settle, Arena *arena, const SettleMonth *month,
                      SettleClosed *ret_closed, ErrInfo *info) {
    const JsonNode *root = NULL;
    TRY(check_month(month, info));
    return find_closing(settle, arena, month, ret_closed, &root);
}

ErrCode settle_closing(Settle *settle, Arena *arena, const SettleMonth *month,
                       SettleClosing *ret_closing, ErrInfo *info) {
    SettleClosing c = {.closed = false};
    SettleClosed closed;
    SettleSum *sum = NULL;
    const JsonNode *root = NULL;
    TRY(settle_summary(settle, arena, month, &sum, info));
    TRY(settle_sum_figures(sum, c.now, &c.n_now));
    TRY(find_closing(settle, arena, month, &closed, &root));
    if (root != NULL) {
        c.closed = true;
        c.who = closed.who;
        c.why = closed.why;
        c.time = closed.time;
        TRY(read_frozen(arena, root, c.now, c.n_now, &c));
    }
    *ret_closing = c;
    return ERR_OK;
}
