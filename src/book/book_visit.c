/* One visit as it stands now: the claim out of the store, what its row says of it, its Task. */
#include "book/book_int.h"

#include "core/json.h"
#include "core/time.h"
#include "rules/rules_num.h"

enum { VALUE_MAX = 1000 }; /* bytes of a value of XML1 that is kept */

/* ---- what the claim says ---- */

static int64_t hundredths(Str text) {
    RulesNum n;
    int64_t v = 0;
    if (!rules_num_parse(str_trim(text), &n) || !rules_num_mul(n, rules_num(100), &n) ||
        !rules_num_whole(rules_num_round(n, 0), &v)) {
        return 0;
    }
    return MAX(-BOOK_MONEY_MAX, MIN(BOOK_MONEY_MAX, v));
}

static int64_t day_of(Str text) {
    Civil c;
    if (time_parse_claim(str_trim(text), &c) != ERR_OK) {
        return BOOK_NO_DAY;
    }
    return time_days_from_civil(c.year, MAX(c.month, 1), MAX(c.day, 1));
}

static int month_of(const Str *x, int64_t day_out, int64_t day_in) {
    uint64_t year = 0;
    uint64_t month = 0;
    int64_t day = day_out != BOOK_NO_DAY ? day_out : day_in;
    bool known = str_to_u64(str_trim(x[XML1_NAM_QT]), &year) == ERR_OK &&
                 str_to_u64(str_trim(x[XML1_THANG_QT]), &month) == ERR_OK;
    if (known && year >= 1900 && year <= 2999 && month >= 1 && month <= 12) {
        return (int)(year * 100 + month);
    }
    if (day == BOOK_NO_DAY) {
        return 0;
    }
    int y = 0;
    int m = 0;
    int d = 0;
    time_civil_from_days(day, &y, &m, &d);
    return y >= 1900 && y <= 2999 ? y * 100 + m : 0;
}

/* The last of the departments: the one that ended the care. */
static Str department_of(Str text) {
    Str rest = text;
    Str part;
    Str last = STR_EMPTY;
    while (str_cut(&rest, ';', &part)) {
        Str code = str_trim(part);
        last = code.len > 0 ? code : last;
    }
    return last.len > BOOK_CODE_MAX ? str_sub(last, 0, BOOK_CODE_MAX) : last;
}

void book_data_derive(BookData *d) {
    d->day_in = day_of(d->xml1[XML1_NGAY_VAO]);
    d->day_out = day_of(d->xml1[XML1_NGAY_RA]);
    d->month = month_of(d->xml1, d->day_out, d->day_in);
    d->asked = hundredths(d->xml1[XML1_T_BHTT]);
}

static Str clipped(Str s) {
    size_t len = MIN(s.len, (size_t)VALUE_MAX);
    while (len < s.len && len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--; /* a whole letter */
    }
    return (Str){s.ptr, len};
}

ErrCode book_visit_facts(Book *book, Arena *arena, const RulesVisit *visit, BookData *d) {
    d->xml1 = arena_new_array(arena, Str, XML1_FIELD_COUNT);
    Str *all = arena_new_array(arena, Str, XML1_FIELD_COUNT);
    if (d->xml1 == NULL || all == NULL) {
        return ERR_NOMEM;
    }
    for (int f = 0; f < XML1_FIELD_COUNT; f++) {
        all[f] = visit->n_records[1] == 0 ? STR_EMPTY : visit->records[1][0].values[f];
        d->xml1[f] = book->kept[f] ? clipped(all[f]) : STR_EMPTY;
    }
    d->xml1[XML1_MA_LK] = d->ma_lk;
    d->xml1[XML1_MA_CSKCB] = d->facility;
    d->department = department_of(all[XML1_MA_KHOA]);
    d->total = hundredths(all[XML1_T_TONGCHI_BH]);
    book_data_derive(d);
    return ERR_OK;
}

/* ---- the Task ---- */

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

/* The state that a CodeableConcept names; BOOK_STATES: none. */
static BookState state_of(Arena *arena, const JsonNode *concept) {
    const JsonNode *list = json_get_lit(concept, "coding");
    for (const JsonNode *c = first_of(list); c != NULL; c = json_next(list, c)) {
        if (json_str_is(json_get_lit(c, "system"), STR(BOOK_SYSTEM_STATE))) {
            return book_state_by_code(json_str(arena, json_get_lit(c, "code")));
        }
    }
    return BOOK_STATES;
}

/* N of "Claim/ID/_history/N", when ID is the bill's. */
static uint32_t focus_version(Arena *arena, const JsonNode *root, Str bill_id) {
    Str text = json_str(arena, json_path(root, "focus.reference"));
    Str want = arena_printf(arena, "Claim/" STR_FMT "/_history/", STR_ARG(bill_id));
    uint64_t version = 0;
    bool is_it =
        str_starts(text, want) && str_to_u64(str_sub(text, want.len, text.len), &version) == ERR_OK;
    return is_it && version <= UINT32_MAX ? (uint32_t)version : 0;
}

static void take_outputs(Arena *arena, const JsonNode *root, BookTask *t) {
    const JsonNode *list = json_get_lit(root, "output");
    bool decided = false;
    for (const JsonNode *o = first_of(list); o != NULL; o = json_next(list, o)) {
        BookState state = state_of(arena, json_get_lit(o, "type"));
        const JsonNode *value = json_path(o, "valueMoney.value");
        if (!json_is(value, JSON_NUMBER)) {
            continue;
        }
        int64_t money = hundredths(json_raw(value));
        if (state == BOOK_PAID) {
            t->paid = MIN(t->paid + money, BOOK_MONEY_MAX); /* one output a payment */
        } else if (state == BOOK_ACCEPTED || state == BOOK_REDUCED || state == BOOK_REFUSED) {
            t->accepted = money;
            decided = true;
        } else if (state == BOOK_ASSESSED && !decided) {
            t->accepted = money;
        }
    }
}

ErrCode book_task_read(Book *book, Arena *arena, BookData *d, Str bill_id) {
    StoreVersion *found = NULL;
    size_t n = 0;
    const JsonNode *root = NULL;
    Str key = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(d->facility), STR_ARG(d->ma_lk));
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(BOOK_SYSTEM_SETTLEMENT), key};
    d->task = (BookTask){.state = BOOK_ENTERED};
    TRY(store_find(book->o.store, arena, &token, 1, &found, &n));
    if (n == 0) {
        return ERR_OK;
    }
    TRY(json_parse(arena, found[0].json, &root, NULL));
    BookState state = state_of(arena, json_get_lit(root, "businessStatus"));
    if (state == BOOK_STATES || state == BOOK_ENTERED) {
        return ERR_OK;
    }
    d->task.state = state;
    d->task.version = found[0].version;
    d->task.focus = focus_version(arena, root, bill_id);
    d->since = found[0].time;
    take_outputs(arena, root, &d->task);
    return ERR_OK;
}

/* ---- the visit ---- */

static ErrCode current(Store *store, Arena *arena, Slot first, StoreVersion *ret) {
    StoreVersion v;
    TRY(store_get_slot(store, arena, first, &v));
    if (v.type != FHIR_T_ENCOUNTER) {
        return ERR_NOT_FOUND;
    }
    if (store_version_is_current(store, &v)) {
        *ret = v;
        return ERR_OK;
    }
    ErrCode err = store_get(store, arena, FHIR_T_ENCOUNTER, v.id, ret);
    return err == ERR_GONE ? ERR_NOT_FOUND : err;
}

/* "FACILITY|MA_LK" of the Encounter; empty when it has none. */
static Str key_of(Arena *arena, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "identifier");
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), STR(CLAIM_SYSTEM_VISIT))) {
            return json_str(arena, json_get_lit(i, "value"));
        }
    }
    return STR_EMPTY;
}

/* Arrived and in progress: only a check-in has come. */
static bool has_begun(const JsonNode *root) {
    const JsonNode *status = json_get_lit(root, "status");
    return json_str_is(status, STR("arrived")) || json_str_is(status, STR("in-progress"));
}

/* Whose ids do not follow from the slots. */
static void note_ids(Store *store, Arena *arena, const BookVisit *v, const JsonNode *root,
                     BookData *d) {
    Str subject = json_str(arena, json_path(root, "subject.reference"));
    Str patient =
        arena_printf(arena, "Patient/" STR_FMT, STR_ARG(store_id(store, arena, d->patient)));
    d->own_ids |= str_eq(v->encounter.id, store_id(store, arena, d->first)) ? 0 : BOOK_ID_VISIT;
    d->own_ids |= str_eq(subject, patient) ? 0 : BOOK_ID_PATIENT;
    d->own_ids |= str_eq(v->claim.bill_id, store_id(store, arena, d->bill)) ? 0 : BOOK_ID_BILL;
}

ErrCode book_data_id(Book *book, Arena *arena, const BookData *d, unsigned which, Str *ret_id) {
    StoreVersion v;
    Slot first = which == BOOK_ID_VISIT     ? d->first
                 : which == BOOK_ID_PATIENT ? d->patient
                                            : d->bill;
    *ret_id = STR_EMPTY;
    if (first == 0) {
        return ERR_OK;
    }
    if ((d->own_ids & which) == 0) {
        *ret_id = store_id(book->o.store, arena, first);
        return ERR_OK;
    }
    ErrCode err = store_get_slot(book->o.store, arena, first, &v);
    *ret_id = err == ERR_OK ? v.id : STR_EMPTY;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

ErrCode book_visit_read(Book *book, Arena *arena, Slot first, BookVisit *ret) {
    Store *store = book->o.store;
    const JsonNode *root = NULL;
    BookData *d = &ret->data;
    TRY(current(store, arena, first, &ret->encounter));
    TRY(json_parse(arena, ret->encounter.json, &root, NULL));
    Str key = key_of(arena, root);
    size_t bar = str_find_char(key, '|', 0);
    if (bar == SIZE_MAX || key.len > BOOK_KEY_TEXT_MAX || has_begun(root)) {
        return ERR_NOT_FOUND;
    }
    TRY(intake_claim_of(store, arena, &ret->encounter, &ret->claim, NULL));
    TRY(rules_visit_of_claim(arena, &ret->claim.claim, &ret->rules));
    *d = (BookData){.first = first,
                    .patient = ret->encounter.patient,
                    .bill = ret->claim.bill,
                    .bill_version = ret->claim.bill_version,
                    .since = ret->encounter.time,
                    .facility = str_sub(key, 0, bar),
                    .ma_lk = str_sub(key, bar + 1, key.len)};
    note_ids(store, arena, ret, root, d);
    TRY(book_visit_facts(book, arena, &ret->rules, d));
    return book_task_read(book, arena, d, ret->claim.bill_id);
}
