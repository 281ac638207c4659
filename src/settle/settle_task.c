/* The settlement Task's text: what it says, its next version, a former one again. */
#include "settle/settle_int.h"

#include "core/decimal.h"

/* ---- money ---- */

void settle_put_money(JsonWriter *w, int64_t amount) {
    char text[64];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    decimal_put(&b, decimal_from_scaled(amount, 2), amount % 100 == 0 ? 0 : 2);
    json_open_object(w);
    json_name(w, "value");
    json_put_raw(w, buf_str(&b));
    json_member(w, "currency", STR("VND"));
    json_close_object(w);
}

/* Bounded, so that sums over all visits of a file stay within 64 bits. */
static ErrCode parse_decimal(Str text, int64_t *ret) {
    Decimal d;
    int64_t amount = 0;
    TRY(decimal_parse(text, &d));
    TRY(decimal_to_scaled(decimal_round(d, 2), 2, &amount));
    if (amount > SETTLE_MONEY_MAX || amount < -SETTLE_MONEY_MAX) {
        return ERR_PARAM;
    }
    *ret = amount;
    return ERR_OK;
}

ErrCode settle_get_money(const JsonNode *money, int64_t *ret_amount) {
    const JsonNode *value = json_get_lit(money, "value");
    return json_is(value, JSON_NUMBER) ? parse_decimal(json_raw(value), ret_amount) : ERR_SYNTAX;
}

ErrCode settle_parse_money(Str text, int64_t *ret_amount) {
    Str t = str_trim(text);
    if (t.len == 0) {
        *ret_amount = 0;
        return ERR_OK;
    }
    return parse_decimal(t, ret_amount);
}

static const char *status_of(BookState state) {
    switch (state) {
    case BOOK_SIGNED:
        return "ready";
    case BOOK_SENT:
        return "requested";
    case BOOK_RECEIVED:
        return "received";
    case BOOK_ASSESSED:
        return "in-progress";
    case BOOK_ACCEPTED:
    case BOOK_REDUCED:
        return "accepted";
    case BOOK_REFUSED:
        return "rejected";
    case BOOK_PAID:
        return "completed";
    case BOOK_ENTERED:
    case BOOK_CHECKED:
    case BOOK_CORRECTED:
    case BOOK_STATES:
    default:
        return "cancelled";
    }
}

/* ---- reading ---- */

static const JsonNode *list_of(const JsonNode *root, Str name) {
    const JsonNode *list = json_get(root, name);
    return json_is(list, JSON_ARRAY) ? list : NULL;
}

/* "reduced" or "reduced.2" */
static BookState read_stage(Str code, unsigned *ret_round) {
    uint64_t round = 0;
    size_t dot = str_find_char(code, '.', 0);
    if (dot != SIZE_MAX &&
        (str_to_u64(str_sub(code, dot + 1, code.len), &round) != ERR_OK || round > UINT16_MAX)) {
        return BOOK_STATES;
    }
    *ret_round = (unsigned)round;
    return book_state_by_code(str_sub(code, 0, MIN(dot, code.len)));
}

static ErrCode read_outputs(Arena *arena, const JsonNode *root, SettleVisit *ret) {
    const JsonNode *list = list_of(root, STR("output"));
    size_t n = list == NULL ? 0 : json_count(list);
    SettleMoney *money = arena_new_array(arena, SettleMoney, n + 1);
    if (money == NULL) {
        return ERR_NOMEM;
    }
    ret->n_money = 0;
    for (const JsonNode *o = list == NULL ? NULL : json_first(list); o != NULL;
         o = json_next(list, o)) {
        SettleMoney *m = &money[ret->n_money];
        m->stage = read_stage(json_str(arena, json_path(o, "type.coding.code")), &m->round);
        if (m->stage != BOOK_STATES &&
            settle_get_money(json_get_lit(o, "valueMoney"), &m->amount) == ERR_OK) {
            ret->n_money++;
        }
    }
    ret->money = money;
    return ERR_OK;
}

bool settle_task_has_input(const JsonNode *root, const char *name, Str value) {
    const JsonNode *list = list_of(root, STR("input"));
    for (const JsonNode *i = list == NULL ? NULL : json_first(list); i != NULL;
         i = json_next(list, i)) {
        if (json_str_is(json_path(i, "type.text"), str_from(name)) &&
            json_str_is(json_get_lit(i, "valueString"), value)) {
            return true;
        }
    }
    return false;
}

/* "Claim/ID/_history/3" */
static uint32_t version_of(Str reference) {
    Str mark = STR("/_history/");
    uint64_t version = 0;
    size_t at = str_find(reference, mark);
    if (at == SIZE_MAX ||
        str_to_u64(str_sub(reference, at + mark.len, reference.len), &version) != ERR_OK) {
        return 0;
    }
    return version > UINT32_MAX ? 0 : (uint32_t)version;
}

static Str behind(Str s, Str mark) {
    size_t at = str_find(s, mark);
    return at == SIZE_MAX ? STR_EMPTY : str_sub(s, at + mark.len, s.len);
}

ErrCode settle_task_read(Arena *arena, const JsonNode *root, SettleVisit *ret) {
    BookState state =
        book_state_by_code(json_str(arena, json_path(root, "businessStatus.coding.code")));
    ret->task = book_state_is_fact(state) ? state : BOOK_ENTERED;
    ret->signed_version = version_of(json_str(arena, json_path(root, "focus.reference")));
    ret->month = behind(json_str(arena, json_path(root, "groupIdentifier.value")), STR("|"));
    ret->who = json_str(arena, json_path(root, "owner.display"));
    ret->why = json_str(arena, json_path(root, "statusReason.text"));
    ret->time = json_str(arena, json_get_lit(root, "lastModified"));
    ret->file = fhir_task_input(arena, root, "file");
    ret->transaction = fhir_task_input(arena, root, "transaction");
    ret->closing = fhir_task_input(arena, root, "closing");
    ret->certificate = fhir_task_input(arena, root, "certificate");
    return read_outputs(arena, root, ret);
}

/* ---- writing ---- */

/* Facts of the signature go with a new one; a payment's numbers stay all. */
static bool input_stays(const SettleMove *move, Str name) {
    static const char *const of_round[] = {"file",   "attempt", "transaction",
                                           "source", "closing", "certificate"};
    bool one = str_eq(name, STR("step"));
    for (size_t i = 0; i < ARRAY_LEN(of_round); i++) {
        one = one || (move->new_round && str_eq(name, str_from(of_round[i])));
    }
    bool many = str_eq(name, STR("payment")) || str_eq(name, STR("source"));
    return !one && (many || !str_eq(name, move->input_name));
}

static void put_inputs(const SettleCase *c, JsonWriter *w, const SettleMove *move) {
    const JsonNode *list = list_of(c->task_root, STR("input"));
    json_name(w, "input");
    json_open_array(w);
    fhir_task_put_fact(w, STR("step"), str_from(move->step));
    for (const JsonNode *i = list == NULL ? NULL : json_first(list); i != NULL;
         i = json_next(list, i)) {
        if (input_stays(move, json_str(c->arena, json_path(i, "type.text")))) {
            json_put_node(w, i);
        }
    }
    fhir_task_put_fact(w, move->input_name, move->input);
    fhir_task_put_fact(w, STR("closing"), move->closing);
    fhir_task_put_fact(w, STR("certificate"), move->certificate);
    json_close_array(w);
}

static void put_output(const SettleCase *c, JsonWriter *w, const SettleMoney *m) {
    Str code = book_state_code(m->stage);
    json_open_object(w);
    json_name(w, "type");
    fhir_put_concept(
        w, BOOK_SYSTEM_STATE,
        m->round == 0 ? code : arena_printf(c->arena, STR_FMT ".%u", STR_ARG(code), m->round));
    json_name(w, "valueMoney");
    settle_put_money(w, m->amount);
    json_close_object(w);
}

/* The newest output of a sending that did not happen. */
static size_t sent_output(const SettleVisit *v) {
    size_t at = v->n_money;
    while (at-- > 0) {
        if (v->money[at].stage == BOOK_SENT && v->money[at].round == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

static void put_outputs(const SettleCase *c, JsonWriter *w, const SettleMove *move) {
    const SettleVisit *v = &c->now_is;
    size_t dropped = move->drop_sent ? sent_output(v) : SIZE_MAX;
    unsigned round = 1;
    if (move->drop_all || v->n_money + move->has_money == (dropped != SIZE_MAX ? 1U : 0U)) {
        return;
    }
    json_name(w, "output");
    json_open_array(w);
    for (size_t i = 0; i < v->n_money; i++) {
        round = MAX(round, v->money[i].round + 1);
    }
    for (size_t i = 0; i < v->n_money; i++) {
        SettleMoney m = v->money[i];
        bool past = move->new_round && m.round == 0 && m.stage != BOOK_PAID;
        m.round = past ? round : m.round;
        if (i != dropped) {
            put_output(c, w, &m);
        }
    }
    if (move->has_stage) {
        put_output(c, w, &(SettleMoney){.stage = move->stage, .amount = move->money});
    }
    if (move->has_money) {
        put_output(c, w, &(SettleMoney){.stage = move->to, .amount = move->money});
    }
    json_close_array(w);
}

static void put_head(const SettleCase *c, JsonWriter *w, const SettleMove *move) {
    Str month = move->month.len > 0 ? move->month : c->now_is.month;
    Str closing = move->new_round ? STR_EMPTY
                                  : json_str(c->arena, json_path(c->task_root, "partOf.reference"));
    uint32_t version = move->signed_version > 0 ? move->signed_version : c->now_is.signed_version;
    FhirTask task = {
        .system = BOOK_SYSTEM_SETTLEMENT,
        .key = c->key,
        .group_system = SETTLE_MONTH_SYSTEM,
        .group = month.len == 0 ? STR_EMPTY
                                : arena_printf(c->arena, STR_FMT "|" STR_FMT,
                                               STR_ARG(c->act->facility), STR_ARG(month)),
        .part_of = move->closing_task.len == 0
                       ? closing
                       : arena_printf(c->arena, "Task/" STR_FMT, STR_ARG(move->closing_task)),
        .status = status_of(move->to),
        .intent = "order",
        .codes = BOOK_SYSTEM_STATE,
        .state = book_state_is_fact(move->to) ? book_state_code(move->to) : STR_EMPTY,
        .code = SETTLE_CODE,
        .who = c->act->who,
        .why = c->act->why,
        .now = c->now,
        .before = c->task_root};
    fhir_task_put_what(w, &task);
    fhir_put_part(w, "focus", "reference", settle_bill(c, version));
    fhir_put_part(w, "for", "reference",
                  arena_printf(c->arena, "Patient/" STR_FMT, STR_ARG(c->now_is.patient)));
    fhir_put_part(w, "encounter", "reference",
                  arena_printf(c->arena, "Encounter/" STR_FMT, STR_ARG(c->visit.id)));
    fhir_task_put_when(w, &task);
}

/* Behind it nobody may have written another one. */
static ErrCode plan_task(SettleCase *c, Buf *out) {
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(BOOK_SYSTEM_SETTLEMENT),
                         .value = c->key};
    return settle_plan_next(c->plan, &token, &c->task, c->visit.patient, out);
}

ErrCode settle_task_move(SettleCase *c, const SettleMove *move) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    if (c->now_is.n_money >= SETTLE_OUTPUTS_MAX) {
        return err_set(c->info, ERR_LIMIT, "settle-steps",
                       "visit " STR_FMT " has had %d steps with money: no more are kept",
                       "hồ sơ " STR_FMT " đã qua %d bước có số tiền: không ghi thêm được",
                       STR_ARG(c->key), SETTLE_OUTPUTS_MAX);
    }
    JsonWriter w = json_writer(&out);
    put_head(c, &w, move);
    put_inputs(c, &w, move);
    put_outputs(c, &w, move);
    json_close_object(&w);
    return plan_task(c, &out);
}

/* ---- a former version again ---- */

static bool is_of_step(Str name) {
    static const char *const own[] = {"id", "meta", "statusReason", "owner", "lastModified"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (str_eq(name, str_from(own[i]))) {
            return true;
        }
    }
    return false;
}

ErrCode settle_task_restore(SettleCase *c, const char *step, uint32_t version) {
    StoreVersion former;
    const JsonNode *root = NULL;
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf time;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    buf_init(&time, 64);
    TRY(store_get_version(c->settle->o.store, c->arena, FHIR_T_TASK, c->task.id, version, &former));
    TRY(json_parse(c->arena, former.json, &root, c->info));
    time_put_vn(&time, c->now);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        Str name = json_raw_str(m);
        if (str_eq(name, STR("input"))) {
            SettleMove move = {.step = step};
            SettleCase then = *c;
            then.task_root = root;
            put_inputs(&then, &w, &move);
        } else if (!is_of_step(name)) {
            json_put_name(&w, name);
            json_put_node(&w, json_value(m));
        }
    }
    fhir_put_part(&w, "statusReason", "text", c->act->why);
    fhir_put_part(&w, "owner", "display", c->act->who);
    json_member(&w, "lastModified", buf_str(&time));
    json_close_object(&w);
    return plan_task(c, &out);
}
