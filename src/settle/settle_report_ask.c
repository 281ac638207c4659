/* Reports by their name, for screens and command line. */
#include "intake/intake_claim.h"
#include "settle/settle_int.h"
#include "settle/settle_report.h"

enum { MONTHS_MAX = 5000, BOOK_WAIT_MS = 5000 };

static ErrCode need_book(const SettleReportAsk *ask, ErrInfo *info) {
    if (ask->book == NULL) {
        return err_set(info, ERR_UNSUPPORTED, "settle-no-book", "there is no book of claims here",
                       "ở đây không có sổ hồ sơ giám định");
    }
    (void)book_wait(ask->book, store_snapshot(ask->store), BOOK_WAIT_MS);
    return ERR_OK;
}

static ErrCode bad_month(ErrInfo *info) {
    return err_set(info, ERR_PARAM, "settle-month", "name a facility and a month such as 2026-10",
                   "hãy nêu cơ sở và tháng, ví dụ 2026-10");
}

/* ---- summaries ---- */

static ErrCode add_row(const SettleReportAsk *ask, const BookRow *row, SettleSum *sum,
                       Arena *scratch, ErrInfo *info) {
    StoreVersion visit;
    Claim claim;
    ErrCode err = store_get(ask->store, scratch, FHIR_T_ENCOUNTER, row->visit_id, &visit);
    if (err == ERR_GONE || err == ERR_NOT_FOUND) { /* since */
        return ERR_OK;
    }
    TRY(err);
    TRY(intake_claim(ask->store, scratch, &visit, &claim, info));
    return settle_sum_add(sum, &claim);
}

/* All visits of the book, signed or not, as they stand. */
static ErrCode sum_all(const SettleReportAsk *ask, SettleSum *sum, ErrInfo *info) {
    BookPage page = {.next = STR_EMPTY};
    CLEANUP_ARENA Arena *rows = arena_new(SETTLE_ARENA_MAX);
    CLEANUP_ARENA Arena *scratch = arena_new(SETTLE_ARENA_MAX);
    int month = settle_month_number(ask->month);
    BookAsk asked = {.filter = {.facility = ask->facility, .month_from = month, .month_to = month},
                     .max = LIMIT_PAGE_COUNT};
    TRY(need_book(ask, info));
    if (rows == NULL || scratch == NULL) {
        return ERR_NOMEM;
    }
    do {
        asked.after = page.next;
        TRY(book_list(ask->book, rows, &asked, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            arena_reset(scratch);
            TRY(add_row(ask, &page.rows[i], sum, scratch, info));
        }
    } while (page.next.len > 0);
    return ERR_OK;
}

static ErrCode make_form(const SettleReportAsk *ask, Arena *arena, SettleForm form,
                         SettleTable **ret, ErrInfo *info) {
    SettleSum *sum = NULL;
    SettleMonth month = {.facility = ask->facility, .month = ask->month};
    if (ask->all) {
        TRY(settle_sum_new(arena, &sum));
        TRY(sum_all(ask, sum, info));
    } else {
        TRY(settle_summary(ask->settle, arena, &month, &sum, info));
    }
    *ret = settle_sum_table(sum, form);
    (*ret)->scope = ask->all ? STR("all") : STR("asked");
    return ERR_OK;
}

/* ---- denials ---- */

/* Facility and month pairs that the book knows between two months. */
static ErrCode list_months(const SettleReportAsk *ask, Arena *arena, SettleMonth **ret,
                           size_t *ret_n, ErrInfo *info) {
    BookCounts counts;
    BookFilter filter = {.facility = ask->facility,
                         .month_from = settle_month_number(ask->from),
                         .month_to = settle_month_number(ask->to),
                         .states = (unsigned)BOOK_ALL_STATES & ~BOOK_BIT(BOOK_ENTERED) &
                                   ~BOOK_BIT(BOOK_CHECKED)};
    SettleMonth *months = arena_new_array(arena, SettleMonth, MONTHS_MAX);
    size_t n = 0;
    TRY(need_book(ask, info));
    if (months == NULL) {
        return ERR_NOMEM;
    }
    TRY(book_counts(ask->book, arena, &filter, &counts));
    for (size_t i = 0; i < counts.n_groups; i++) {
        const BookCount *g = &counts.groups[i];
        Str month = arena_printf(arena, "%04d-%02d", g->month / 100, g->month % 100);
        bool again = n > 0 && str_eq(months[n - 1].facility, g->facility) &&
                     str_eq(months[n - 1].month, month);
        if (!again && n == MONTHS_MAX) {
            return err_set(info, ERR_COSTLY, "settle-months",
                           "more than %d months of facilities: name a facility, or fewer months",
                           "quá %d tháng của các cơ sở: hãy chọn một cơ sở hoặc ít tháng hơn",
                           MONTHS_MAX);
        }
        if (!again) {
            months[n++] = (SettleMonth){.facility = g->facility, .month = month};
        }
    }
    *ret = months;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode make_denials(const SettleReportAsk *ask, Arena *arena, SettleTable **ret,
                            ErrInfo *info) {
    SettleMonth one = {.facility = ask->facility, .month = ask->month};
    SettleMonth *months = &one;
    size_t n = 1;
    if (ask->from.len == 0 && ask->to.len == 0 && ask->facility.len > 0) {
        if (!settle_is_month(ask->month)) {
            return bad_month(info);
        }
    } else if (!settle_is_month(ask->from) || !settle_is_month(ask->to)) {
        return bad_month(info);
    } else {
        TRY(list_months(ask, arena, &months, &n, info));
    }
    return settle_denials(ask->settle, arena, months, n, ret, info);
}

/* ---- by name ---- */

static ErrCode make(const SettleReportAsk *ask, Arena *arena, SettleTable **ret, ErrInfo *info) {
    SettleMonth month = {.facility = ask->facility, .month = ask->month};
    bool of_month = settle_is_month(ask->month) && ask->facility.len > 0;
    for (SettleForm f = 0; f < SETTLE_FORMS; f++) {
        if (str_eq(ask->name, settle_form_id(f))) {
            return of_month ? make_form(ask, arena, f, ret, info) : bad_month(info);
        }
    }
    if (str_eq(ask->name, STR("reconciliation"))) {
        return of_month ? settle_reconciliation(ask->settle, arena, &month, ret, info)
                        : bad_month(info);
    }
    if (str_eq(ask->name, STR("denials"))) {
        return make_denials(ask, arena, ret, info);
    }
    if (str_eq(ask->name, STR("ageing"))) {
        TRY(need_book(ask, info));
        return settle_ageing(ask->book, arena, ask->facility, ask->now, ret);
    }
    return err_set(info, ERR_NOT_FOUND, "settle-report",
                   "reports: outpatient, inpatient, drugs, supplies, services, reconciliation, "
                   "denials, ageing",
                   "các báo cáo: outpatient, inpatient, drugs, supplies, services, "
                   "reconciliation, denials, ageing");
}

ErrCode settle_report(const SettleReportAsk *ask, Arena *arena, SettleTable **ret_table,
                      ErrInfo *info) {
    SettleTable *t = NULL;
    TRY(make(ask, arena, &t, info));
    t->facility = ask->facility;
    t->month = ask->month;
    *ret_table = t;
    return ERR_OK;
}
