/* The funnel, the work lists behind its counts, counts by rule. */
#include "api/api_book.h"

enum { ROWS_DEFAULT = 100 };

ErrCode api_book(RestCall *call, Book **ret_book, ErrInfo *info) {
    *ret_book = api_of(call)->o.book;
    return *ret_book != NULL
               ? ERR_OK
               : err_set(info, ERR_UNSUPPORTED, "book-none", "this server keeps no book of claims",
                         "máy chủ này không lập sổ hồ sơ giám định");
}

/* ---- filters ---- */

static ErrCode bad(ErrInfo *info, const char *name, const char *example) {
    return err_set(info, ERR_PARAM, "parameter-value", "%s: not like %s", "%s: không đúng dạng %s",
                   name, example);
}

/* "2026-10"; empty: 0. */
static bool read_month(Str text, int *ret) {
    uint64_t year = 0;
    uint64_t month = 0;
    *ret = 0;
    if (text.len == 0) {
        return true;
    }
    bool ok = text.len == 7 && text.ptr[4] == '-' && str_to_u64(str_sub(text, 0, 4), &year) == 0 &&
              str_to_u64(str_sub(text, 5, 2), &month) == 0 && month >= 1 && month <= 12;
    *ret = ok ? (int)(year * 100 + month) : 0;
    return ok;
}

static bool read_states(Str text, unsigned *ret) {
    Str code;
    *ret = 0;
    while (text.len > 0 && str_cut(&text, ',', &code)) {
        BookState state = book_state_by_code(code);
        if (state == BOOK_STATES) {
            return false;
        }
        *ret |= BOOK_BIT(state);
    }
    return true;
}

static bool read_weights(Str text, unsigned *ret) {
    Str name;
    *ret = 0;
    while (text.len > 0 && str_cut(&text, ',', &name)) {
        unsigned found = 0;
        for (int w = 0; w < RULES_WEIGHTS; w++) {
            found |= str_eq(name, rules_weight_name((RulesWeight)w)) ? 1u << w : 0;
        }
        if (found == 0) {
            return false;
        }
        *ret |= found;
    }
    return true;
}

ErrCode api_book_filter(BookGetFn get, void *ctx, BookFilter *ret, ErrInfo *info) {
    BookFilter f = {.facility = get(ctx, "facility"),
                    .department = get(ctx, "department"),
                    .rule = get(ctx, "rule"),
                    .text = get(ctx, "q")};
    if (!read_month(get(ctx, "from"), &f.month_from)) {
        return bad(info, "from", "2026-10");
    }
    if (!read_month(get(ctx, "to"), &f.month_to)) {
        return bad(info, "to", "2026-10");
    }
    if (!read_states(get(ctx, "state"), &f.states)) {
        return bad(info, "state", "entered,checked");
    }
    if (!read_weights(get(ctx, "weight"), &f.weights)) {
        return bad(info, "weight", "blocks,warns");
    }
    *ret = f;
    return ERR_OK;
}

static Str of_query(void *ctx, const char *name) {
    return rest_query(ctx, name);
}

static ErrCode begin(RestCall *call, Book **ret_book, BookFilter *ret_filter, ErrInfo *info) {
    TRY(api_book(call, ret_book, info));
    return api_book_filter(of_query, call, ret_filter, info);
}

/* ---- printing ---- */

void api_put_money(JsonWriter *w, int64_t hundredths) {
    char text[32];
    int64_t part = hundredths % 100;
    const char *sign = hundredths < 0 ? "-" : "";
    long long whole = llabs((long long)(hundredths / 100));
    int n = part == 0 ? snprintf(text, sizeof(text), "%s%lld", sign, whole)
                      : snprintf(text, sizeof(text), "%s%lld.%02lld", sign, whole,
                                 llabs((long long)part));
    json_put_raw(w, (Str){text, (size_t)n});
}

static void put_money(JsonWriter *w, const BookMoney *m) {
    json_name(w, "total");
    api_put_money(w, m->total);
    json_name(w, "asked");
    api_put_money(w, m->asked);
    json_name(w, "accepted");
    api_put_money(w, m->accepted);
    json_name(w, "paid");
    api_put_money(w, m->paid);
}

static void put_month(JsonWriter *w, int month) {
    char text[16];
    json_name(w, "month");
    if (month == 0) {
        json_put_null(w);
        return;
    }
    int n = snprintf(text, sizeof(text), "%04d-%02d", month / 100, month % 100);
    json_put_str(w, (Str){text, (size_t)n});
}

void api_put_row(RestCall *call, JsonWriter *w, const BookRow *r) {
    json_open_object(w);
    json_member(w, "id", r->visit_id);
    json_member(w, "patient", r->patient_id);
    json_member(w, "facility", r->facility);
    json_member(w, "facility_name", api_facility_name(api_of(call), call->arena, r->facility));
    json_member(w, "ma_lk", r->ma_lk);
    json_member(w, "department", r->department);
    json_member(w, "name", r->name);
    json_member(w, "card", r->card);
    json_member(w, "kind", r->kind);
    put_month(w, r->month);
    api_put_day(w, "day_in", r->day_in);
    api_put_day(w, "day_out", r->day_out);
    json_member(w, "state", book_state_code(r->state));
    api_put_time(w, "since", r->state_since);
    put_money(w, &r->money);
    for (int weight = 0; weight < RULES_WEIGHTS; weight++) {
        json_put_name(w, rules_weight_name((RulesWeight)weight));
        json_put_i64(w, (int64_t)r->n_by_weight[weight]);
    }
    api_put_number(w, "not_checked", r->n_not_checked);
    json_close_object(w);
}

/* ---- the funnel ---- */

static void add(BookCount *sum, const BookCount *c) {
    sum->n += c->n;
    sum->n_held += c->n_held;
    sum->n_warned += c->n_warned;
    sum->money.total += c->money.total;
    sum->money.asked += c->money.asked;
    sum->money.accepted += c->money.accepted;
    sum->money.paid += c->money.paid;
}

static void put_sum(JsonWriter *w, const BookCount *c) {
    api_put_number(w, "n", c->n);
    api_put_number(w, "held", c->n_held);
    api_put_number(w, "warned", c->n_warned);
    put_money(w, &c->money);
}

static void put_states(JsonWriter *w, const BookCounts *counts) {
    json_name(w, "states");
    json_open_array(w);
    for (int s = 0; s < BOOK_STATES; s++) {
        BookCount sum = {0};
        for (size_t i = 0; i < counts->n_groups; i++) {
            if (counts->groups[i].state == (BookState)s) {
                add(&sum, &counts->groups[i]);
            }
        }
        json_open_object(w);
        json_member(w, "state", book_state_code((BookState)s));
        json_member(w, "vi", book_state_name((BookState)s, true));
        json_member(w, "en", book_state_name((BookState)s, false));
        put_sum(w, &sum);
        json_close_object(w);
    }
    json_close_array(w);
}

/* Groups come by facility, then month, then state. */
static void put_facilities(RestCall *call, JsonWriter *w, const BookCounts *counts) {
    json_name(w, "facilities");
    json_open_array(w);
    for (size_t i = 0; i < counts->n_groups;) {
        Str facility = counts->groups[i].facility;
        BookCount sum = {0};
        uint64_t by_state[BOOK_STATES] = {0};
        for (; i < counts->n_groups && str_eq(counts->groups[i].facility, facility); i++) {
            add(&sum, &counts->groups[i]);
            by_state[counts->groups[i].state] += counts->groups[i].n;
        }
        json_open_object(w);
        json_member(w, "facility", facility);
        json_member(w, "name", api_facility_name(api_of(call), call->arena, facility));
        put_sum(w, &sum);
        json_name(w, "states");
        json_open_array(w);
        for (int s = 0; s < BOOK_STATES; s++) {
            json_put_i64(w, (int64_t)by_state[s]);
        }
        json_close_array(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static int by_month(const void *a, const void *b) {
    const BookCount *x = a;
    const BookCount *y = b;
    return y->month - x->month;
}

/* Newest first. */
static ErrCode put_months(RestCall *call, JsonWriter *w, const BookCounts *counts) {
    BookCount *months = arena_new_array(call->arena, BookCount, counts->n_groups + 1);
    if (months == NULL) {
        return ERR_NOMEM;
    }
    if (counts->n_groups > 0) {
        memcpy(months, counts->groups, counts->n_groups * sizeof(*months));
        qsort(months, counts->n_groups, sizeof(*months), by_month);
    }
    json_name(w, "months");
    json_open_array(w);
    for (size_t i = 0; i < counts->n_groups;) {
        BookCount sum = {.month = months[i].month};
        for (; i < counts->n_groups && months[i].month == sum.month; i++) {
            add(&sum, &months[i]);
        }
        json_open_object(w);
        put_month(w, sum.month);
        put_sum(w, &sum);
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_progress(JsonWriter *w, Book *book) {
    BookProgress p;
    TRY(book_progress(book, &p));
    json_name(w, "progress");
    json_open_object(w);
    api_put_number(w, "visits", p.visits);
    api_put_number(w, "renewed", p.renewed);
    api_put_number(w, "to_renew", p.to_renew);
    api_put_number(w, "position", p.position);
    api_put_number(w, "snapshot", p.snapshot);
    json_name(w, "current");
    json_put_bool(w, p.position >= p.snapshot);
    json_close_object(w);
    return ERR_OK;
}

static ErrCode put_counts(RestCall *call, Buf *out, ErrInfo *info) {
    Book *book = NULL;
    BookFilter filter;
    BookCounts counts;
    TRY(begin(call, &book, &filter, info));
    TRY(book_counts(book, call->arena, &filter, &counts));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_states(&w, &counts);
    put_facilities(call, &w, &counts);
    TRY(put_months(call, &w, &counts));
    TRY(put_progress(&w, book));
    json_close_object(&w);
    return ERR_OK;
}

static void get_counts(RestCall *call) {
    static const char *const names[] = {"facility", "from", "to", "department", "state", NULL};
    rest_answer(call, names, put_counts);
}

/* ---- lists ---- */

static ErrCode put_list(RestCall *call, Buf *out, ErrInfo *info) {
    Book *book = NULL;
    BookPage page;
    BookAsk ask = {.after = rest_query(call, "after"), .max = ROWS_DEFAULT};
    Str count = rest_query(call, "count");
    uint64_t n = 0;
    TRY(begin(call, &book, &ask.filter, info));
    if (count.len > 0) {
        if (str_to_u64(count, &n) != ERR_OK || n == 0 || n > LIMIT_PAGE_COUNT) {
            return bad(info, "count", "100");
        }
        ask.max = (size_t)n;
    }
    TRY(book_list(book, call->arena, &ask, &page));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "rows");
    json_open_array(&w);
    for (size_t i = 0; i < page.n_rows; i++) {
        api_put_row(call, &w, &page.rows[i]);
    }
    json_close_array(&w);
    json_name(&w, "next");
    json_put_str(&w, page.next);
    json_close_object(&w);
    return ERR_OK;
}

static void get_list(RestCall *call) {
    static const char *const names[] = {"facility", "from", "to",    "department", "state", "rule",
                                        "weight",   "q",    "after", "count",      NULL};
    rest_answer(call, names, put_list);
}

/* ---- rules ---- */

typedef struct RuleSum {
    const BookRuleCount *first;
    uint64_t n, n_found;
    int64_t asked;
} RuleSum;

static int by_weight(const void *a, const void *b) {
    const RuleSum *x = a;
    const RuleSum *y = b;
    int weight = (int)y->first->weight - (int)x->first->weight;
    return weight != 0 ? weight : (x->n < y->n) - (x->n > y->n);
}

static void put_rule_facilities(RestCall *call, JsonWriter *w, const BookRuleCount *g,
                                const BookRuleCount *end) {
    json_name(w, "facilities");
    json_open_array(w);
    for (const BookRuleCount *first = g; g < end;) {
        uint64_t n = 0;
        for (first = g; g < end && str_eq(g->facility, first->facility); g++) {
            n += g->n;
        }
        json_open_object(w);
        json_member(w, "facility", first->facility);
        json_member(w, "name", api_facility_name(api_of(call), call->arena, first->facility));
        api_put_number(w, "n", n);
        json_close_object(w);
    }
    json_close_array(w);
}

static const RulesRule *rule_of(RestCall *call, Str id) {
    const Rules *rules = api_of(call)->o.rules;
    return rules == NULL ? NULL : rules_find(rules, id);
}

/* "XML3", of the rule's field. */
static Str table_of(const RulesRule *rule) {
    const ClaimTable *t =
        rule == NULL || rule->field.len == 0 ? NULL : claim_table(rule->field_table);
    return t == NULL ? STR_EMPTY : t->name;
}

static void put_rule(RestCall *call, JsonWriter *w, const RuleSum *s, const BookRuleCounts *c) {
    const RulesRule *rule = rule_of(call, s->first->rule);
    const BookRuleCount *end = s->first;
    while (end < c->groups + c->n_groups && str_eq(end->rule, s->first->rule)) {
        end++;
    }
    json_open_object(w);
    json_member(w, "rule", s->first->rule);
    json_member(w, "weight", rules_weight_name(s->first->weight));
    json_member(w, "vi", rule == NULL ? STR_EMPTY : rule->vi);
    json_member(w, "en", rule == NULL ? STR_EMPTY : rule->en);
    json_member(w, "fix_vi", rule == NULL ? STR_EMPTY : rule->fix_vi);
    json_member(w, "fix_en", rule == NULL ? STR_EMPTY : rule->fix_en);
    json_member(w, "law", rule == NULL ? STR_EMPTY : rule->law);
    json_member(w, "table", table_of(rule));
    json_member(w, "field", rule == NULL ? STR_EMPTY : rule->field);
    api_put_number(w, "n", s->n);
    api_put_number(w, "found", s->n_found);
    json_name(w, "asked");
    api_put_money(w, s->asked);
    put_rule_facilities(call, w, s->first, end);
    json_close_object(w);
}

/* Groups of a rule that is no more carry no name: their rows are about to be made again. */
static ErrCode fold_rules(RestCall *call, const BookRuleCounts *c, RuleSum **ret, size_t *ret_n) {
    RuleSum *sums = arena_new_array(call->arena, RuleSum, c->n_groups + 1);
    size_t n = 0;
    if (sums == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        const BookRuleCount *g = &c->groups[i];
        if (g->rule.len == 0) {
            continue;
        }
        if (n == 0 || !str_eq(sums[n - 1].first->rule, g->rule)) {
            sums[n++] = (RuleSum){.first = g};
        }
        sums[n - 1].n += g->n;
        sums[n - 1].n_found += g->n_found;
        sums[n - 1].asked += g->asked;
    }
    if (n > 1) {
        qsort(sums, n, sizeof(*sums), by_weight);
    }
    *ret = sums;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode put_rules(RestCall *call, Buf *out, ErrInfo *info) {
    Book *book = NULL;
    BookFilter filter;
    BookRuleCounts counts;
    RuleSum *sums = NULL;
    size_t n = 0;
    TRY(begin(call, &book, &filter, info));
    TRY(book_rules(book, call->arena, &filter, &counts));
    TRY(fold_rules(call, &counts, &sums, &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "rules");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_rule(call, &w, &sums[i], &counts);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_rules(RestCall *call) {
    static const char *const names[] = {"facility", "from", "to", "state", "rule", NULL};
    rest_answer(call, names, put_rules);
}

ROUTES(api_book_routes,
       {"GET", "/api/claims/counts", get_counts, false, "the funnel: by state, facility, month"},
       {"GET", "/api/claims/list", get_list, false, "the visits behind a count, in pages"},
       {"GET", "/api/claims/rules", get_rules, false,
        "visits with findings, by rule and facility"});
