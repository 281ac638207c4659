/* What a file of the fund makes of the visits that it names, and the Task that says what came. */
#include "settle/settle_answer.h"

#include "settle/settle_int.h"

enum { NAMED_MAX = 5000, SHOWN_MAX = 64 }; /* refusals that its Task names; bytes of a bad value */

/* One visit of the file. */
typedef struct Visit {
    Str facility, ma_lk;
    SettleAssessment a;
    SettleLine *lines;
    size_t n, cap;
    bool has_paid;
    int64_t paid;
} Visit;

typedef struct Answer {
    Settle *settle;
    Arena *arena;
    const SettleAnswerFile *file;
    SettleColumns columns;
    SettleAnswerRows rows;
    Visit *visits;
    size_t n_visits, cap_visits;
    uint32_t *slots; /* of visits + 1, by hash */
    size_t n_slots;  /* power of two */
    Str payment, date;
    SettleRefusal *bad; /* rows */
    size_t n_bad, cap_bad;
    size_t n_rows;
    ErrInfo *info;
} Answer;

/* ---- visits by key ---- */

static uint64_t hash_of(Str facility, Str ma_lk) {
    return hash64_seed(ma_lk, hash64(facility));
}

static ErrCode rehash(Answer *x) {
    size_t n = MAX((size_t)1024, 2 * x->n_slots);
    uint32_t *slots = arena_new_array(x->arena, uint32_t, n);
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < x->n_visits; i++) {
        size_t at = hash_of(x->visits[i].facility, x->visits[i].ma_lk) & (n - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (n - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    x->slots = slots;
    x->n_slots = n;
    return ERR_OK;
}

/* Where the visit is, or would be. */
static size_t slot_of(const Answer *x, Str facility, Str ma_lk) {
    size_t at = hash_of(facility, ma_lk) & (x->n_slots - 1);
    for (; x->slots[at] != 0; at = (at + 1) & (x->n_slots - 1)) {
        const Visit *v = &x->visits[x->slots[at] - 1];
        if (str_eq(v->ma_lk, ma_lk) && str_eq(v->facility, facility)) {
            break;
        }
    }
    return at;
}

static ErrCode visit_of(Answer *x, const SettleAnswerRow *row, Visit **ret) {
    Str said = row->v[SETTLE_C_FACILITY];
    Str facility = said.len > 0 ? said : x->file->facility;
    Str ma_lk = row->v[SETTLE_C_MA_LK];
    if (2 * x->n_visits >= x->n_slots) {
        TRY(rehash(x));
    }
    size_t at = slot_of(x, facility, ma_lk);
    if (x->slots[at] != 0) {
        *ret = &x->visits[x->slots[at] - 1];
        return ERR_OK;
    }
    TRY(settle_grow(x->arena, &x->visits, x->n_visits, &x->cap_visits, sizeof(*x->visits)));
    x->slots[at] = (uint32_t)x->n_visits + 1;
    *ret = &x->visits[x->n_visits++];
    **ret = (Visit){.facility = arena_str(x->arena, facility), .ma_lk = arena_str(x->arena, ma_lk)};
    return arena_failed(x->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- rows ---- */

/* "1.234.567,50" or "1,234,567.50", by the decimal sign. */
static ErrCode read_money(const Answer *x, Str text, int64_t *ret) {
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char sign = x->columns.comma ? ',' : '.';
        if (c == sign) {
            c = '.';
        } else if (c == '.' || c == ',' || c == ' ') {
            continue;
        }
        if (n == sizeof(plain)) {
            return ERR_LIMIT;
        }
        plain[n++] = c;
    }
    return settle_parse_money((Str){plain, n}, ret);
}

static ErrCode bad_row(Answer *x, const SettleAnswerRow *row, const char *en, const char *vi) {
    TRY(settle_grow(x->arena, &x->bad, x->n_bad, &x->cap_bad, sizeof(*x->bad)));
    x->bad[x->n_bad++] = (SettleRefusal){
        .facility = arena_str(x->arena, row->v[SETTLE_C_FACILITY]),
        .ma_lk = arena_str(x->arena, row->v[SETTLE_C_MA_LK]),
        .err = ERR_INVALID,
        .rule = STR("answer-row"),
        .en =
            arena_printf(x->arena, "file " STR_FMT ", row %zu, visit " STR_FMT ": %s",
                         STR_ARG(x->file->name), row->number, STR_ARG(row->v[SETTLE_C_MA_LK]), en),
        .vi =
            arena_printf(x->arena, "tệp " STR_FMT ", dòng %zu, hồ sơ " STR_FMT ": %s",
                         STR_ARG(x->file->name), row->number, STR_ARG(row->v[SETTLE_C_MA_LK]), vi)};
    return arena_failed(x->arena) ? ERR_NOMEM : ERR_OK;
}

typedef struct Money {
    bool has;
    int64_t amount;
} Money;

/* The first bytes of a value, cut at a character's border. */
static Str shown(Str value) {
    size_t len = MIN(value.len, (size_t)SHOWN_MAX);
    while (len < value.len && len > 0 && ((unsigned char)value.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return str_sub(value, 0, len);
}

/* What is wrong with the amount in that column. */
static ErrCode bad_amount(Answer *x, const SettleAnswerRow *row, int column, bool is_negative) {
    static const char *const says[2][2] = {
        {"no amount; check the row and the decimal sign (answer_columns)",
         "không phải số tiền; hãy kiểm tra dòng này và dấu thập phân (answer_columns)"},
        {"below zero; ask the fund for the right amount, correct the row and send the file again",
         "là số âm; hãy hỏi lại cơ quan BHXH số tiền đúng, sửa dòng này rồi gửi lại tệp"}};
    Str called = x->rows.called[column];
    Str value = shown(row->v[column]);
    Str en = arena_printf(x->arena, "column " STR_FMT ": '" STR_FMT "' is %s", STR_ARG(called),
                          STR_ARG(value), says[is_negative][0]);
    Str vi = arena_printf(x->arena, "cột " STR_FMT ": '" STR_FMT "' %s", STR_ARG(called),
                          STR_ARG(value), says[is_negative][1]);
    return bad_row(x, row, en.ptr, vi.ptr);
}

/* False: *ret_bad is the column of an amount that cannot be taken. */
static bool read_amounts(const Answer *x, const SettleAnswerRow *row, Money m[SETTLE_COLUMNS],
                         int *ret_bad) {
    static const int columns[] = {SETTLE_C_ASKED, SETTLE_C_ACCEPTED, SETTLE_C_DENIED,
                                  SETTLE_C_PAID};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        Str text = row->v[columns[i]];
        m[columns[i]] = (Money){.has = text.len > 0};
        *ret_bad = columns[i];
        if (text.len > 0 &&
            (read_money(x, text, &m[columns[i]].amount) != ERR_OK || m[columns[i]].amount < 0)) {
            return false;
        }
    }
    return true;
}

/* "XML2", "2" */
static int table_number(Str text) {
    char c = text.len == 0 ? '0' : text.ptr[text.len - 1];
    return text.len <= 4 && (c == '2' || c == '3') ? c - '0' : 0;
}

static ErrCode add_line(Answer *x, Visit *v, const SettleAnswerRow *row,
                        const Money m[SETTLE_COLUMNS]) {
    TRY(settle_grow(x->arena, &v->lines, v->n, &v->cap, sizeof(*v->lines)));
    v->lines[v->n++] = (SettleLine){.table = table_number(row->v[SETTLE_C_TABLE]),
                                    .stt = arena_str(x->arena, row->v[SETTLE_C_STT]),
                                    .code = arena_str(x->arena, row->v[SETTLE_C_CODE]),
                                    .has_asked = m[SETTLE_C_ASKED].has,
                                    .asked = m[SETTLE_C_ASKED].amount,
                                    .has_accepted = m[SETTLE_C_ACCEPTED].has,
                                    .accepted = m[SETTLE_C_ACCEPTED].amount,
                                    .has_denied = m[SETTLE_C_DENIED].has,
                                    .denied = m[SETTLE_C_DENIED].amount,
                                    .reason = arena_str(x->arena, row->v[SETTLE_C_REASON]),
                                    .text = arena_str(x->arena, row->v[SETTLE_C_TEXT])};
    return arena_failed(x->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode add_visit(Answer *x, Visit *v, const SettleAnswerRow *row,
                         const Money m[SETTLE_COLUMNS]) {
    SettleAssessment *a = &v->a;
    if (m[SETTLE_C_ASKED].has) {
        a->has_asked = true;
        a->asked = m[SETTLE_C_ASKED].amount;
    }
    if (m[SETTLE_C_ACCEPTED].has) {
        a->has_accepted = true;
        a->accepted = m[SETTLE_C_ACCEPTED].amount;
    } else if (m[SETTLE_C_DENIED].has) { /* less than was asked, of no line */
        TRY(add_line(x, v, row, m));
    }
    if (row->v[SETTLE_C_REASON].len > 0) {
        a->reason = arena_str(x->arena, row->v[SETTLE_C_REASON]);
    }
    if (row->v[SETTLE_C_TEXT].len > 0) {
        a->text = arena_str(x->arena, row->v[SETTLE_C_TEXT]);
    }
    return arena_failed(x->arena) ? ERR_NOMEM : ERR_OK;
}

/* One file is one payment: its number and date are the first that it says. */
static void add_payment(Answer *x, const SettleAnswerRow *row) {
    if (x->payment.len == 0) {
        x->payment = arena_str(x->arena, row->v[SETTLE_C_PAYMENT]);
    }
    Str date = row->v[SETTLE_C_DATE];
    if (x->date.len == 0 && date.len == 8) { /* yyyyMMdd */
        x->date = arena_printf(x->arena, "%.4s-%.2s-%.2s", date.ptr, date.ptr + 4, date.ptr + 6);
    } else if (x->date.len == 0 && date.len == 10 && date.ptr[2] == '/') { /* dd/MM/yyyy */
        x->date = arena_printf(x->arena, "%.4s-%.2s-%.2s", date.ptr + 6, date.ptr + 3, date.ptr);
    } else if (x->date.len == 0) {
        x->date = arena_str(x->arena, date);
    }
}

static ErrCode on_row(void *ctx, const SettleAnswerRow *row) {
    Answer *x = ctx;
    Visit *v = NULL;
    Money m[SETTLE_COLUMNS] = {{false, 0}};
    Str facility = row->v[SETTLE_C_FACILITY];
    int bad = 0;
    if (++x->n_rows > SETTLE_ANSWER_ROWS) {
        return err_set(x->info, ERR_LIMIT, "answer-limit",
                       "file " STR_FMT " has more than %d rows; cut it and send the parts",
                       "tệp " STR_FMT " có hơn %d dòng; hãy chia nhỏ rồi gửi từng phần",
                       STR_ARG(x->file->name), SETTLE_ANSWER_ROWS);
    }
    if (row->v[SETTLE_C_MA_LK].len == 0) {
        return bad_row(x, row, "it names no visit (MA_LK)", "không nêu hồ sơ (MA_LK)");
    }
    if (facility.len == 0 && x->file->facility.len == 0) {
        return bad_row(x, row, "it names no facility, and none was given with the file",
                       "không nêu cơ sở, và khi tải tệp cũng không chọn cơ sở");
    }
    if (facility.len > 0 && x->file->facility.len > 0 && !str_eq(facility, x->file->facility)) {
        return bad_row(x, row, "it is of another facility", "thuộc cơ sở khác");
    }
    if (!read_amounts(x, row, m, &bad)) {
        return bad_amount(x, row, bad, m[bad].amount < 0);
    }
    TRY(visit_of(x, row, &v));
    v->has_paid = v->has_paid || m[SETTLE_C_PAID].has;
    v->paid += m[SETTLE_C_PAID].amount;
    add_payment(x, row);
    return row->is_line ? add_line(x, v, row, m) : add_visit(x, v, row, m);
}

/* ---- steps ---- */

static ErrCode assess_all(Answer *x, SettleAnswer *ret, ErrInfo *info) {
    SettleAct *acts = arena_new_array(x->arena, SettleAct, x->n_visits + 1);
    const void **what = arena_new_array(x->arena, const void *, x->n_visits + 1);
    if (acts == NULL || what == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < x->n_visits; i++) {
        Visit *v = &x->visits[i];
        v->a.lines = v->lines;
        v->a.n_lines = v->n;
        v->a.final = x->file->final;
        v->a.source = ret->digest;
        what[i] = &v->a;
        acts[i] = (SettleAct){
            .facility = v->facility, .ma_lk = v->ma_lk, .who = x->file->who, .why = x->file->why};
    }
    SettleBatch batch = {.step = settle_step_assess, .acts = acts, .what = what, .n = x->n_visits};
    return settle_run_batch(x->settle, x->arena, &batch, &ret->done, info);
}

static ErrCode pay_all(Answer *x, SettleAnswer *ret, ErrInfo *info) {
    SettlePaidLine *lines = arena_new_array(x->arena, SettlePaidLine, x->n_visits + 1);
    size_t n = 0;
    if (lines == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < x->n_visits; i++) {
        const Visit *v = &x->visits[i];
        if (v->has_paid) {
            lines[n++] = (SettlePaidLine){v->facility, v->ma_lk, v->paid};
        }
    }
    SettlePayment p = {.number = x->file->payment.len > 0 ? x->file->payment : x->payment,
                       .date = x->file->date.len > 0 ? x->file->date : x->date,
                       .who = x->file->who,
                       .why = x->file->why,
                       .source = ret->digest,
                       .lines = lines,
                       .n_lines = n};
    return settle_pay(x->settle, x->arena, &p, &ret->done, info);
}

/* Rows that could not be read first, then visits that could not be moved on. */
static ErrCode join_refusals(Answer *x, SettleDone *done) {
    size_t n = x->n_bad + done->n_refused;
    SettleRefusal *all = arena_new_array(x->arena, SettleRefusal, n + 1);
    if (all == NULL) {
        return ERR_NOMEM;
    }
    if (x->n_bad > 0) {
        memcpy(all, x->bad, x->n_bad * sizeof(*all));
    }
    if (done->n_refused > 0) {
        memcpy(all + x->n_bad, done->refused, done->n_refused * sizeof(*all));
    }
    done->refused = all;
    done->n_refused = n;
    return ERR_OK;
}

/* ---- the Task that says what came ---- */

static void put_count(JsonWriter *w, const char *type, size_t n) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu", n);
    fhir_task_put_fact(w, str_from(type), str_from(text));
}

/* Of a visit that we do not know: what the fund says of it, for the reconciliation. */
static void put_unknown(const Answer *x, JsonWriter *w, const SettleRefusal *r) {
    size_t at = slot_of(x, r->facility, r->ma_lk);
    if (x->slots[at] != 0) {
        const Visit *v = &x->visits[x->slots[at] - 1];
        fhir_task_put_fact(w, STR("unknown"),
                           arena_printf(x->arena, STR_FMT "|" STR_FMT "|%lld|%lld",
                                        STR_ARG(v->facility), STR_ARG(v->ma_lk),
                                        (long long)v->a.asked,
                                        (long long)(v->has_paid ? v->paid : v->a.accepted)));
    }
}

/* A payment's file that is recorded only now, after it paid: what it paid then is done. */
static void put_outcome(const Answer *x, const SettleAnswer *a, JsonWriter *w) {
    size_t named = MIN(a->done.n_refused, (size_t)NAMED_MAX);
    size_t paid = a->is_payment ? a->done.same : 0;
    json_name(w, "output");
    json_open_array(w);
    fhir_task_put_fact(w, STR("kind"), a->is_payment ? STR("payment") : STR("assessment"));
    put_count(w, "rows", a->n_rows);
    put_count(w, "visits", a->n_visits);
    put_count(w, "done", a->done.done + paid);
    put_count(w, "same", a->done.same - paid);
    put_count(w, "refused", a->done.n_refused);
    for (size_t i = 0; i < named; i++) {
        const SettleRefusal *r = &a->done.refused[i];
        fhir_task_put_fact(
            w, STR("refusal"),
            arena_printf(x->arena, STR_FMT ": " STR_FMT, STR_ARG(r->rule), STR_ARG(r->vi)));
        if (str_eq(r->rule, STR("settle-no-visit"))) {
            put_unknown(x, w, r);
        }
    }
    json_close_array(w);
}

static void put_record(const Answer *x, const SettleAnswer *a, Buf *out) {
    JsonWriter w = json_writer(out);
    FhirTask task = {.system = SETTLE_ANSWER_SYSTEM,
                     .key = a->digest,
                     .status = "completed",
                     .intent = "order",
                     .codes = BOOK_SYSTEM_STATE,
                     .code = SETTLE_ANSWER_CODE,
                     .who = x->file->who,
                     .now = clock_now_ms(x->settle->o.clock)};
    fhir_task_put_what(&w, &task);
    json_member(&w, "description", x->file->name);
    fhir_task_put_when(&w, &task);
    put_outcome(x, a, &w);
    json_close_object(&w);
}

/* Once a file: it is kept, and said what came of it the first time. */
static ErrCode record(Answer *x, const SettleAnswer *a, const Sha256 *hash, ErrInfo *info) {
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(SETTLE_ANSWER_SYSTEM),
                         .value = a->digest};
    Store *store = x->settle->o.store;
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < SETTLE_ATTEMPTS && err == ERR_CONFLICT; i++) {
        SettlePlan plan = {.arena = x->arena, .snapshot = store_snapshot(store)};
        StoreVersion known;
        const JsonNode *root = NULL;
        CLEANUP_BUF Buf out;
        buf_init(&out, LIMIT_RESOURCE_BYTES);
        StoreReceived file = {.hash = *hash,
                              .name = x->file->name,
                              .bytes = x->file->bytes,
                              .size = x->file->bytes.len,
                              .hashed = true};
        TRY(settle_find(store, x->arena, &token, &known, &root));
        if (known.slot != 0) {
            return ERR_OK;
        }
        TRY(settle_plan_file(&plan, &file));
        put_record(x, a, &out);
        TRY(settle_plan_next(&plan, &token, &known, 0, &out));
        err = settle_plan_commit(&plan, store, x->file->who, info);
    }
    return err;
}

ErrCode settle_answer(Settle *settle, Arena *arena, const SettleAnswerFile *file,
                      SettleAnswer *ret_answer, ErrInfo *info) {
    Answer x = {.settle = settle, .arena = arena, .file = file, .info = info};
    Sha256 hash;
    char hex[2 * sizeof(hash.b)];
    Buf text = {.ptr = hex, .capacity = sizeof(hex), .max = sizeof(hex)};
    SettleAnswer a = {.is_payment = false};
    if (str_trim(file->who).len == 0) {
        return err_set(info, ERR_PARAM, "settle-who", "say who takes the file in",
                       "hãy nêu người nhập tệp");
    }
    sha256(file->bytes, &hash);
    hex_put(&text, hash.b, sizeof(hash.b));
    a.digest = arena_str(arena, buf_str(&text));
    TRY(settle_columns_parse(file->columns, &x.columns, info));
    x.rows = (SettleAnswerRows){.columns = &x.columns, .each = on_row, .ctx = &x};
    TRY(settle_answer_read(arena, file->bytes, &x.rows, info));
    a.is_payment = x.rows.seen[SETTLE_C_PAID];
    a.n_rows = x.n_rows;
    a.n_visits = x.n_visits;
    ErrCode err = a.is_payment ? pay_all(&x, &a, info) : assess_all(&x, &a, info);
    TRY(err);
    TRY(join_refusals(&x, &a.done));
    TRY(record(&x, &a, &hash, info));
    *ret_answer = a;
    return ERR_OK;
}
