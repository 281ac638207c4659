/* What the fund says of a visit: its ClaimResponse, line by line, and the Task's step. */
#include "settle/settle_int.h"

#include "interop/claim_identity.h"

#define TERM "http://terminology.hl7.org/CodeSystem/"

typedef struct Assess {
    SettleCase *c;
    const SettleAssessment *a;
    const JsonNode *items; /* of the signed bill; NULL: none */
    int64_t asked, accepted;
} Assess;

/* ---- lines of the bill ---- */

static int table_of(const SettleCase *c, const JsonNode *item) {
    static const char *const drugs[] = {"4", "5", "6", "7", "17"};
    const JsonNode *list = json_get_lit(item, "extension");
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        Str url = json_str(c->arena, json_get_lit(e, "url"));
        if (str_ends(url, STR("/xml2")) || str_ends(url, STR("/xml3"))) {
            return url.ptr[url.len - 1] - '0';
        }
    }
    Str group = json_str(c->arena, json_path(item, "category.coding.code"));
    for (size_t i = 0; i < ARRAY_LEN(drugs); i++) {
        if (str_eq(group, str_from(drugs[i]))) {
            return 2;
        }
    }
    return 3;
}

/* STT as it was written; empty: the record's place. */
static Str stt_of(const SettleCase *c, const JsonNode *item) {
    const JsonNode *list = json_get_lit(item, "extension");
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        const JsonNode *fields = json_get_lit(e, "extension");
        for (const JsonNode *f = json_is(fields, JSON_ARRAY) ? json_first(fields) : NULL; f != NULL;
             f = json_next(fields, f)) {
            if (json_str_is(json_get_lit(f, "url"), STR("STT"))) {
                return json_str(c->arena, json_get_lit(f, "valueString"));
            }
        }
    }
    return STR_EMPTY;
}

/* Sequence of the item that the line speaks of; 0: there is none. */
static int64_t sequence_of(const Assess *x, const SettleLine *line) {
    size_t place[CLAIM_TABLES] = {0};
    for (const JsonNode *i = x->items == NULL ? NULL : json_first(x->items); i != NULL;
         i = json_next(x->items, i)) {
        int table = table_of(x->c, i);
        Str stt = stt_of(x->c, i);
        char number[24];
        (void)snprintf(number, sizeof(number), "%zu", ++place[table]);
        bool same_table = line->table == 0 || line->table == table;
        bool same_stt = str_eq(line->stt, stt.len > 0 ? stt : str_from(number));
        bool same_code = json_str_is(json_path(i, "productOrService.coding.code"), line->code);
        bool named = line->stt.len > 0 && line->table != 0
                         ? same_stt && (line->code.len == 0 || same_code)
                         : line->code.len > 0 && same_code && (line->stt.len == 0 || same_stt);
        int64_t sequence = 0;
        if (same_table && named && json_to_i64(json_get_lit(i, "sequence"), &sequence) == ERR_OK) {
            return sequence;
        }
    }
    return 0;
}

int64_t settle_line_denied(const SettleLine *line) {
    if (line->has_denied) {
        return line->denied;
    }
    return line->has_asked && line->has_accepted ? line->asked - line->accepted : 0;
}

/* ---- the ClaimResponse ---- */

static void put_amount(JsonWriter *w, const char *category, int64_t amount, const SettleLine *why) {
    bool own = strcmp(category, "denied") == 0;
    json_open_object(w);
    json_name(w, "category");
    fhir_put_concept(w, own ? BOOK_SYSTEM_STATE : TERM "adjudication", str_from(category));
    if (why != NULL && (why->reason.len > 0 || why->text.len > 0)) {
        json_name(w, "reason");
        json_open_object(w);
        if (why->reason.len > 0) {
            json_name(w, "coding");
            json_open_array(w);
            json_open_object(w);
            json_member(w, "system", STR(SETTLE_REASON_SYSTEM));
            json_name(w, "code");
            json_put_str(w, why->reason);
            json_close_object(w);
            json_close_array(w);
        }
        json_member_str(w, STR("text"), why->text);
        json_close_object(w);
    }
    json_name(w, "amount");
    settle_put_money(w, amount);
    json_close_object(w);
}

static void put_line_amounts(JsonWriter *w, const SettleLine *line) {
    json_open_array(w);
    if (line->has_asked) {
        put_amount(w, "submitted", line->asked, NULL);
    }
    if (line->has_accepted) {
        put_amount(w, "benefit", line->accepted, NULL);
    }
    put_amount(w, "denied", settle_line_denied(line), line);
    json_close_array(w);
}

/* Lines of the bill, then those that no line of it answers to (as additions of the fund's). */
static void put_items(const Assess *x, JsonWriter *w) {
    const SettleAssessment *a = x->a;
    size_t n[2] = {0};
    for (size_t i = 0; i < a->n_lines; i++) {
        n[sequence_of(x, &a->lines[i]) == 0]++;
    }
    if (n[0] > 0) {
        json_name(w, "item");
        json_open_array(w);
        for (size_t i = 0; i < a->n_lines; i++) {
            int64_t sequence = sequence_of(x, &a->lines[i]);
            if (sequence > 0) {
                json_open_object(w);
                json_name(w, "itemSequence");
                json_put_i64(w, sequence);
                json_name(w, "adjudication");
                put_line_amounts(w, &a->lines[i]);
                json_close_object(w);
            }
        }
        json_close_array(w);
    }
    if (n[1] == 0) {
        return;
    }
    json_name(w, "addItem");
    json_open_array(w);
    for (size_t i = 0; i < a->n_lines; i++) {
        const SettleLine *line = &a->lines[i];
        if (sequence_of(x, line) == 0) {
            json_open_object(w);
            json_name(w, "productOrService");
            json_open_object(w);
            json_name(w, "text");
            json_put_str(w, line->code.len > 0  ? line->code
                            : line->stt.len > 0 ? line->stt
                                                : STR("?"));
            json_close_object(w);
            json_name(w, "adjudication");
            put_line_amounts(w, line);
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static void put_totals(const Assess *x, JsonWriter *w) {
    const SettleLine visit = {.reason = x->a->reason, .text = x->a->text};
    int64_t denied = x->asked > x->accepted ? x->asked - x->accepted : 0;
    json_name(w, "adjudication");
    json_open_array(w);
    put_amount(w, "denied", denied, &visit);
    json_close_array(w);
    json_name(w, "total");
    json_open_array(w);
    put_amount(w, "submitted", x->asked, NULL);
    put_amount(w, "benefit", x->accepted, NULL);
    json_close_array(w);
}

static void put_response(const Assess *x, JsonWriter *w) {
    const SettleCase *c = x->c;
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_vn(&time, c->now);
    json_open_object(w);
    json_member(w, "resourceType", STR("ClaimResponse"));
    fhir_put_identifiers(w, SETTLE_ASSESSMENT_SYSTEM, c->key);
    json_member(w, "status", STR("active"));
    json_name(w, "type");
    fhir_put_concept(w, TERM "claim-type", STR("institutional"));
    json_member(w, "use", STR("claim"));
    fhir_put_part(w, "patient", "reference",
                  arena_printf(c->arena, "Patient/" STR_FMT, STR_ARG(c->now_is.patient)));
    json_member(w, "created", buf_str(&time));
    fhir_put_part(w, "insurer", "reference", STR("Organization/bhxh"));
    fhir_put_part(w, "request", "reference", settle_bill(c, c->now_is.signed_version));
    json_member(w, "outcome", STR("complete"));
    json_member_str(w, STR("disposition"), x->a->text);
    put_items(x, w);
    put_totals(x, w);
    json_close_object(w);
}

static ErrCode plan_response(const Assess *x) {
    SettleCase *c = x->c;
    StoreVersion known;
    const JsonNode *root = NULL;
    CLEANUP_BUF Buf out;
    StoreExpect token = {.type = FHIR_T_CLAIM_RESPONSE,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(SETTLE_ASSESSMENT_SYSTEM),
                         .value = c->key};
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    TRY(settle_find(c->settle->o.store, c->arena, &token, &known, &root));
    JsonWriter w = json_writer(&out);
    put_response(x, &w);
    return settle_plan_next(c->plan, &token, &known, c->claim.patient, &out);
}

/* ---- the step ---- */

static void sum_up(Assess *x) {
    const SettleAssessment *a = x->a;
    (void)settle_money(&x->c->now_is, BOOK_SIGNED, &x->asked);
    x->accepted = x->asked;
    for (size_t i = 0; i < a->n_lines; i++) {
        x->accepted -= settle_line_denied(&a->lines[i]);
    }
    x->accepted = a->has_accepted ? a->accepted : x->accepted;
    x->asked = a->has_asked ? a->asked : x->asked;
}

ErrCode settle_step_assess(SettleCase *c, const void *what) {
    Assess x = {.c = c, .a = what};
    const SettleAssessment *a = what;
    TRY(settle_case_who(c, false));
    if (a->source.len > 0 && settle_task_has_input(c->task_root, "source", a->source)) {
        return ERR_EXISTS;
    }
    TRY(settle_case_need(c, BOOK_BIT(BOOK_RECEIVED) | BOOK_BIT(BOOK_ASSESSED), true, "assess"));
    TRY(settle_signed_items(c, &x.items));
    sum_up(&x);
    if (x.accepted < 0) {
        return err_set(c->info, ERR_INVALID, "settle-amount",
                       "visit " STR_FMT ": the fund denies more than was asked; look at the file's "
                       "lines of this visit",
                       "hồ sơ " STR_FMT
                       ": số tiền từ chối lớn hơn số đề nghị; hãy xem lại các dòng "
                       "của hồ sơ này trong tệp",
                       STR_ARG(c->key));
    }
    TRY(plan_response(&x));
    int64_t signed_for = x.asked;
    (void)settle_money(&c->now_is, BOOK_SIGNED, &signed_for);
    return settle_task_move(
        c, &(SettleMove){.step = "assess",
                         .to = a->final ? settle_verdict(signed_for, x.accepted) : BOOK_ASSESSED,
                         .has_stage = a->final,
                         .stage = BOOK_ASSESSED,
                         .has_money = true,
                         .money = x.accepted,
                         .input_name = STR("source"),
                         .input = a->source});
}

ErrCode settle_assess(Settle *settle, const SettleAct *act, const SettleAssessment *assessment,
                      ErrInfo *info) {
    return settle_run(settle, act, settle_step_assess, assessment, info);
}
