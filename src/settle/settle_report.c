#include "settle/settle_report.h"

#include "settle/settle_answer.h"
#include "settle/settle_gather.h"
#include "settle/settle_int.h"
#include "store/store_scan.h"

#define MONEY(id, en, vi)                                                                          \
    { id, en, vi, SETTLE_K_MONEY, true, 14 }

static ErrCode new_table(Arena *arena, const SettleTable *like, SettleTable **ret) {
    SettleTable *t = arena_calloc(arena, 1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    *t = *like;
    t->arena = arena;
    *ret = t;
    return ERR_OK;
}

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

static Str category_of(Arena *arena, const JsonNode *part) {
    return json_str(arena, json_path(part, "category.coding.code"));
}

/* Amount of that category among totals or adjudications; false: not there. */
static bool amount_of(Arena *arena, const JsonNode *list, const char *category, int64_t *ret) {
    for (const JsonNode *p = first_of(list); p != NULL; p = json_next(list, p)) {
        if (str_eq(category_of(arena, p), str_from(category))) {
            return settle_get_money(json_get_lit(p, "amount"), ret) == ERR_OK;
        }
    }
    return false;
}

/* The visit's newest ClaimResponse of the round that counts; NULL: none. */
static ErrCode response_of(SettleCase *c, const JsonNode **ret_root) {
    StoreVersion v;
    StoreExpect token = {.type = FHIR_T_CLAIM_RESPONSE,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(SETTLE_ASSESSMENT_SYSTEM),
                         .value = c->key};
    TRY(settle_find(c->settle->o.store, c->arena, &token, &v, ret_root));
    Str request = json_str(c->arena, json_path(*ret_root, "request.reference"));
    if (!str_eq(request, settle_bill(c, c->now_is.signed_version))) {
        *ret_root = NULL;
    }
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- reconciliation ---- */

enum {
    R_NUMBER,
    R_AGREES,
    R_MA_LK,
    R_STATE,
    R_WHAT,
    R_ASKED,
    R_FUND,
    R_ACCEPTED,
    R_PAID,
    R_COLUMNS
};
static const SettleColumn reconciliation_columns[R_COLUMNS] = {
    {"number", "No.", "STT", SETTLE_K_COUNT, false, 6},
    {"agrees", "Agrees", "Khớp", SETTLE_K_COUNT, false, 8},
    {"ma_lk", "MA_LK", "Mã liên kết", SETTLE_K_TEXT, false, 18},
    {"state", "State", "Trạng thái", SETTLE_K_WORD, false, 18},
    {"what", "What does not agree", "Điểm chưa khớp", SETTLE_K_WORD, false, 40},
    MONEY("asked", "Asked", "Đề nghị"),
    MONEY("fund", "Asked, by the fund", "Quỹ ghi nhận đề nghị"),
    MONEY("accepted", "Accepted", "Chấp nhận"),
    MONEY("paid", "Paid", "Đã thanh toán"),
};

/* What does not agree. */
enum { AGREES, NO_ANSWER, OTHER_AMOUNT, MORE, OTHER_PAID, UNKNOWN };
static const SettleWord findings[] = {
    [AGREES] = {"", ""},
    [NO_ANSWER] = {"no answer of the fund", "quỹ chưa trả lời"},
    [OTHER_AMOUNT] = {"the fund has another amount asked", "quỹ ghi nhận số đề nghị khác"},
    [MORE] = {"more accepted than asked", "chấp nhận nhiều hơn đề nghị"},
    [OTHER_PAID] = {"paid is not what was accepted", "thanh toán khác số chấp nhận"},
    [UNKNOWN] = {"the fund has it, we do not", "quỹ có, ta không có"},
};
static const SettleWord states[BOOK_STATES + 1] = {
#define X(name, code, en, vi) [BOOK_##name] = {en, vi},
    BOOK_STATE_LIST(X)
#undef X
        [BOOK_STATES] = {"", ""},
};
static const SettleWord *const reconciliation_words[R_COLUMNS] = {
    [R_STATE] = states, [R_WHAT] = findings};

static bool concluded_amount(const SettleVisit *v, int64_t *ret) {
    return settle_money(v, BOOK_ACCEPTED, ret) || settle_money(v, BOOK_REDUCED, ret) ||
           settle_money(v, BOOK_REFUSED, ret) || settle_money(v, BOOK_ASSESSED, ret);
}

static int disagreement(const SettleCell *row, bool answered, bool has_paid) {
    return !answered                                        ? NO_ANSWER
           : row[R_ASKED].n != row[R_FUND].n                ? OTHER_AMOUNT
           : row[R_ACCEPTED].n > row[R_ASKED].n             ? MORE
           : has_paid && row[R_PAID].n != row[R_ACCEPTED].n ? OTHER_PAID
                                                            : AGREES;
}

static ErrCode reconcile(void *ctx, SettleCase *c) {
    SettleTable *t = ctx;
    const SettleVisit *v = &c->now_is;
    const JsonNode *response = NULL;
    SettleCell *row = NULL;
    if (v->task < BOOK_RECEIVED) {
        return ERR_OK;
    }
    TRY(response_of(c, &response));
    TRY(settle_table_row(t, &row));
    row[R_MA_LK].text = arena_str(t->arena, c->act->ma_lk);
    row[R_STATE].n = v->state;
    (void)settle_money(v, BOOK_SIGNED, &row[R_ASKED].n);
    (void)amount_of(c->arena, json_get_lit(response, "total"), "submitted", &row[R_FUND].n);
    (void)concluded_amount(v, &row[R_ACCEPTED].n);
    bool has_paid = settle_money(v, BOOK_PAID, &row[R_PAID].n);
    row[R_WHAT].n = disagreement(row, response != NULL, has_paid);
    row[R_AGREES].n = row[R_WHAT].n == AGREES;
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

/* "FACILITY|MA_LK|ASKED|ACCEPTED" of the facility: a row, when it is still unknown. */
static ErrCode add_unknown(Settle *settle, SettleTable *t, Str text, Arena *scratch) {
    Str parts[4];
    SettleCell *row = NULL;
    SettleVisit known;
    uint64_t amounts[2] = {0, 0};
    Str rest = text;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!str_cut(&rest, '|', &parts[i])) {
            return ERR_OK;
        }
    }
    if (!str_eq(parts[0], t->facility)) {
        return ERR_OK;
    }
    ErrCode err = settle_visit(settle, scratch, parts[0], parts[1], &known, NULL);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    for (size_t i = 0; i < 2; i++) { /* what is no amount is shown as none */
        amounts[i] = str_to_u64(parts[2 + i], &amounts[i]) == ERR_OK ? amounts[i] : 0;
    }
    TRY(settle_table_row(t, &row));
    row[R_MA_LK].text = arena_str(t->arena, parts[1]);
    row[R_WHAT].n = UNKNOWN;
    row[R_STATE].n = BOOK_STATES;
    row[R_FUND].n = (int64_t)MIN(amounts[0], (uint64_t)SETTLE_MONEY_MAX);
    row[R_ACCEPTED].n = (int64_t)MIN(amounts[1], (uint64_t)SETTLE_MONEY_MAX);
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

typedef struct Answers {
    Settle *settle;
    SettleTable *t;
    Arena *scratch; /* of one file */
} Answers;

static ErrCode add_answer(void *ctx, const StoreVersion *file) {
    const Answers *a = ctx;
    const JsonNode *root = NULL;
    arena_reset(a->scratch);
    TRY(json_parse(a->scratch, file->json, &root, NULL));
    const JsonNode *outputs = json_get_lit(root, "output");
    for (const JsonNode *o = first_of(outputs); o != NULL; o = json_next(outputs, o)) {
        if (json_str_is(json_path(o, "type.text"), STR("unknown"))) {
            TRY(add_unknown(a->settle, a->t, json_str(a->scratch, json_get_lit(o, "valueString")),
                            a->scratch));
        }
    }
    return ERR_OK;
}

/* The files of the fund since a month's beginning, newest first. */
static ErrCode add_answers(Settle *settle, SettleTable *t, Str month, ErrInfo *info) {
    CLEANUP_ARENA Arena *scratch = arena_new(SETTLE_ARENA_MAX);
    CLEANUP_ARENA Arena *asked = arena_new(LIMIT_MIB);
    Answers a = {settle, t, scratch};
    if (scratch == NULL || asked == NULL) {
        return ERR_NOMEM;
    }
    FhirQueryScope scope = {
        .type = FHIR_T_TASK, .now = clock_now_ms(settle->o.clock), .info = info};
    Str text = arena_printf(
        asked, "code=" BOOK_SYSTEM_STATE "%%7C" SETTLE_ANSWER_CODE "&authored-on=ge" STR_FMT "-01",
        STR_ARG(month));
    return store_scan_found(
        settle->o.store,
        &(StoreFound){.scope = &scope, .text = text, .each = add_answer, .ctx = &a});
}

ErrCode settle_reconciliation(Settle *settle, Arena *arena, const SettleMonth *month,
                              SettleTable **ret_table, ErrInfo *info) {
    SettleTable *t = NULL;
    if (!settle_is_month(month->month)) {
        return err_set(info, ERR_PARAM, "settle-month", "name a month such as 2026-10",
                       "hãy nêu tháng, ví dụ 2026-10");
    }
    TRY(new_table(arena,
                  &(SettleTable){.id = "reconciliation",
                                 .en = "Reconciliation with the fund",
                                 .vi = "Đối chiếu với quỹ BHYT",
                                 .facility = month->facility,
                                 .month = month->month,
                                 .columns = reconciliation_columns,
                                 .words = reconciliation_words,
                                 .n_columns = R_COLUMNS},
                  &t));
    TRY(settle_gather(&(SettleGather){.settle = settle,
                                      .facility = month->facility,
                                      .month = month->month,
                                      .each = reconcile,
                                      .ctx = t,
                                      .info = info}));
    TRY(add_answers(settle, t, month->month, info));
    settle_table_sort(t, R_MA_LK);
    *ret_table = t;
    return ERR_OK;
}

/* ---- denials ---- */

enum { D_NUMBER, D_REASON, D_FACILITY, D_DEPARTMENT, D_CODE, D_TEXT, D_COUNT, D_AMOUNT, D_COLUMNS };
static const SettleColumn denial_columns[D_COLUMNS] = {
    {"number", "No.", "STT", SETTLE_K_COUNT, false, 6},
    {"reason", "Reason", "Mã lý do", SETTLE_K_TEXT, false, 12},
    {"facility", "Facility", "Cơ sở", SETTLE_K_TEXT, false, 10},
    {"department", "Department", "Khoa", SETTLE_K_TEXT, false, 10},
    {"code", "Item", "Mã hạng mục", SETTLE_K_TEXT, false, 18},
    {"text", "In the fund's words", "Lý do của quỹ", SETTLE_K_TEXT, false, 50},
    {"count", "Times", "Số lần", SETTLE_K_COUNT, true, 8},
    MONEY("denied", "Denied", "Số tiền từ chối"),
};

typedef struct Denials {
    SettleTable *table;
    SettleCase *c;
    const JsonNode *items; /* of the signed bill */
    Str department;
    bool of_lines; /* some line says why: the visit's own sum would count twice */
} Denials;

/* The item's code, and the department that its extension names (else the visit's). */
static const JsonNode *item_of(const Denials *d, int64_t sequence) {
    for (const JsonNode *i = first_of(d->items); i != NULL; i = json_next(d->items, i)) {
        int64_t n = 0;
        if (json_to_i64(json_get_lit(i, "sequence"), &n) == ERR_OK && n == sequence) {
            return i;
        }
    }
    return NULL;
}

static Str department_of(const Denials *d, const JsonNode *item) {
    const JsonNode *list = json_get_lit(item, "extension");
    for (const JsonNode *e = first_of(list); e != NULL; e = json_next(list, e)) {
        const JsonNode *fields = json_get_lit(e, "extension");
        for (const JsonNode *f = first_of(fields); f != NULL; f = json_next(fields, f)) {
            if (json_str_is(json_get_lit(f, "url"), STR("MA_KHOA"))) {
                return json_str(d->c->arena, json_get_lit(f, "valueString"));
            }
        }
    }
    return d->department;
}

static ErrCode count_denial(Denials *d, const JsonNode *adjudications, Str code, Str department) {
    Arena *a = d->c->arena;
    for (const JsonNode *p = first_of(adjudications); p != NULL; p = json_next(adjudications, p)) {
        int64_t amount = 0;
        SettleCell key[D_COLUMNS] = {{.n = 0}};
        SettleCell *row = NULL;
        if (!str_eq(category_of(a, p), STR("denied")) ||
            settle_get_money(json_get_lit(p, "amount"), &amount) != ERR_OK || amount == 0) {
            continue;
        }
        Str text = json_str(a, json_path(p, "reason.text"));
        key[D_REASON].text = json_str(a, json_path(p, "reason.coding.code"));
        key[D_FACILITY].text = d->c->act->facility;
        key[D_DEPARTMENT].text = department;
        key[D_CODE].text = code;
        TRY(settle_table_group(d->table, key, D_CODE, &row));
        row[D_TEXT].text = text.len > 0 ? arena_str(d->table->arena, text) : row[D_TEXT].text;
        settle_add(&row[D_COUNT].n, 1);
        settle_add(&row[D_AMOUNT].n, amount);
    }
    return ERR_OK;
}

static ErrCode count_items(Denials *d, const JsonNode *response) {
    const JsonNode *items = json_get_lit(response, "item");
    const JsonNode *added = json_get_lit(response, "addItem");
    for (const JsonNode *i = first_of(items); i != NULL; i = json_next(items, i)) {
        int64_t sequence = 0;
        bool named = json_to_i64(json_get_lit(i, "itemSequence"), &sequence) == ERR_OK;
        const JsonNode *item = named ? item_of(d, sequence) : NULL;
        Str code = json_str(d->c->arena, json_path(item, "productOrService.coding.code"));
        TRY(count_denial(d, json_get_lit(i, "adjudication"), code, department_of(d, item)));
        d->of_lines = true;
    }
    for (const JsonNode *i = first_of(added); i != NULL; i = json_next(added, i)) {
        Str code = json_str(d->c->arena, json_path(i, "productOrService.text"));
        TRY(count_denial(d, json_get_lit(i, "adjudication"), code, d->department));
        d->of_lines = true;
    }
    return ERR_OK;
}

static ErrCode count_visit(void *ctx, SettleCase *c) {
    Denials d = {.table = ctx, .c = c, .department = STR_EMPTY};
    const JsonNode *response = NULL;
    if (c->now_is.task < BOOK_ASSESSED) {
        return ERR_OK;
    }
    TRY(response_of(c, &response));
    if (response == NULL) {
        return ERR_OK;
    }
    TRY(settle_signed_items(c, &d.items));
    TRY(count_items(&d, response));
    return d.of_lines
               ? ERR_OK
               : count_denial(&d, json_get_lit(response, "adjudication"), STR_EMPTY, STR_EMPTY);
}

ErrCode settle_denials(Settle *settle, Arena *arena, const SettleMonth *months, size_t n,
                       SettleTable **ret_table, ErrInfo *info) {
    SettleTable *t = NULL;
    TRY(new_table(arena,
                  &(SettleTable){.id = "denials",
                                 .en = "What the fund denied, and why",
                                 .vi = "Chi phí quỹ từ chối và lý do",
                                 .columns = denial_columns,
                                 .n_columns = D_COLUMNS},
                  &t));
    for (size_t i = 0; i < n; i++) {
        TRY(settle_gather(&(SettleGather){.settle = settle,
                                          .facility = months[i].facility,
                                          .month = months[i].month,
                                          .each = count_visit,
                                          .ctx = t,
                                          .info = info}));
    }
    settle_table_sort(t, D_CODE);
    *ret_table = t;
    return ERR_OK;
}

/* ---- ageing ---- */

enum {
    A_NUMBER,
    A_FACILITY,
    A_STATE,
    A_7,
    A_15,
    A_30,
    A_MORE,
    A_UNKNOWN,
    A_VISITS,
    A_ASKED,
    A_COLUMNS
};
static const SettleColumn ageing_columns[A_COLUMNS] = {
    {"number", "No.", "STT", SETTLE_K_COUNT, false, 6},
    {"facility", "Facility", "Cơ sở", SETTLE_K_TEXT, false, 10},
    {"state", "State", "Trạng thái", SETTLE_K_WORD, false, 20},
    {"d7", "0–7 days", "0–7 ngày", SETTLE_K_COUNT, true, 10},
    {"d15", "8–15 days", "8–15 ngày", SETTLE_K_COUNT, true, 10},
    {"d30", "16–30 days", "16–30 ngày", SETTLE_K_COUNT, true, 10},
    {"more", "Over 30 days", "Trên 30 ngày", SETTLE_K_COUNT, true, 12},
    {"unknown", "No date", "Không rõ ngày", SETTLE_K_COUNT, true, 12},
    {"visits", "Visits", "Số hồ sơ", SETTLE_K_COUNT, true, 10},
    MONEY("asked", "Asked of the fund", "Đề nghị BHXH thanh toán"),
};

static const SettleWord *const ageing_words[A_COLUMNS] = {[A_STATE] = states};

static size_t age_column(int64_t day_out, int64_t today) {
    int64_t days = day_out == INT64_MIN ? 0 : today - day_out;
    return day_out == INT64_MIN ? A_UNKNOWN
           : days <= 7          ? A_7
           : days <= 15         ? A_15
           : days <= 30         ? A_30
                                : A_MORE;
}

static ErrCode age(SettleTable *t, const BookRow *row, int64_t today) {
    SettleCell key[A_COLUMNS] = {{.n = 0}};
    SettleCell *cells = NULL;
    key[A_FACILITY].text = row->facility;
    key[A_STATE].n = row->state;
    TRY(settle_table_group(t, key, A_STATE, &cells));
    cells[age_column(row->day_out, today)].n++;
    cells[A_VISITS].n++;
    settle_add(&cells[A_ASKED].n, row->money.asked);
    return ERR_OK;
}

ErrCode settle_ageing(Book *book, Arena *arena, Str facility, TimeMs now, SettleTable **ret_table) {
    SettleTable *t = NULL;
    BookPage page = {.next = STR_EMPTY};
    CLEANUP_ARENA Arena *rows = arena_new(SETTLE_ARENA_MAX);
    CLEANUP_BUF Buf after;
    buf_init(&after, LIMIT_MIB);
    if (rows == NULL) {
        return ERR_NOMEM;
    }
    TRY(new_table(arena,
                  &(SettleTable){.id = "ageing",
                                 .en = "Not sent yet",
                                 .vi = "Hồ sơ chưa gửi theo số ngày chờ",
                                 .facility = facility,
                                 .columns = ageing_columns,
                                 .words = ageing_words,
                                 .n_columns = A_COLUMNS},
                  &t));
    BookAsk ask = {.filter = {.facility = facility,
                              .states = BOOK_BIT(BOOK_ENTERED) | BOOK_BIT(BOOK_CHECKED) |
                                        BOOK_BIT(BOOK_CORRECTED) | BOOK_BIT(BOOK_SIGNED)},
                   .max = LIMIT_PAGE_COUNT};
    do {
        buf_clear(&after);
        buf_put_str(&after, page.next);
        arena_reset(rows);
        ask.after = buf_str(&after);
        TRY(book_list(book, rows, &ask, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            TRY(age(t, &page.rows[i], time_vn_day(now)));
        }
    } while (page.next.len > 0);
    settle_table_sort(t, A_STATE);
    *ret_table = t;
    return ERR_OK;
}
