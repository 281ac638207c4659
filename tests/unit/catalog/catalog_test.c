/* Catalogues: tables into differences, editions, look-ups by day and facility. All data invented.
 */
#include "unit/store/store_help.h"

#include "catalog/catalog_int.h"
#include "core/limits.h"
#include "core/random.h"
#include "core/sheet_write.h"

static int64_t day(const char *text) {
    int64_t d;
    assert_true(catalog_day(str_from(text), INT64_MIN, &d));
    return d;
}

static Catalog *open_catalog(Home *h) {
    Catalog *c = NULL;
    assert_ok(catalog_open(&(CatalogOptions){.store = h->store}, &c, &h->info));
    return c;
}

static CatalogPlan preview(Home *h, Catalog *c, const CatalogTable *table) {
    CatalogPlan plan;
    ErrCode err = catalog_preview(c, h->arena, table, &plan, &h->info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", err_name(err), h->info.what_en);
    }
    assert_ok(err);
    return plan;
}

static CatalogPlan preview_text(Home *h, Catalog *c, const char *name, const char *text) {
    CatalogTable table = {.catalogue = str_from(name), .bytes = str_from(text), .since = INT64_MIN};
    return preview(h, c, &table);
}

static uint32_t accept(Home *h, Catalog *c, const CatalogPlan *plan) {
    CatalogEdition edition = {0};
    CatalogAct act = {.catalogue = plan->spec->name,
                      .plan = plan->id,
                      .who = STR("ds. Hoa"),
                      .why = STR("bảng giá mới")};
    ErrCode err = catalog_accept(c, h->arena, &act, &edition, &h->info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", err_name(err), h->info.what_en);
    }
    assert_ok(err);
    return edition.number;
}

static uint32_t take(Home *h, Catalog *c, const char *name, const char *text) {
    CatalogPlan plan = preview_text(h, c, name, text);
    return accept(h, c, &plan);
}

/* "?" not loaded, "-" absent, else the value. */
static Str ask(Catalog *c, const char *what[3], const char *attribute, const char *on) {
    Str value = STR("known");
    RulesAsk a = {.catalogue = str_from(what[0]),
                  .code = str_from(what[1]),
                  .attribute = str_from(attribute),
                  .facility = str_from(what[2]),
                  .day = on[0] == '\0' ? INT64_MIN : day(on)};
    RulesWorld world = catalog_world(c);
    switch (world.look(world.ctx, &a, &value)) {
    case RULES_NOT_LOADED:
        return STR("?");
    case RULES_ABSENT:
        return STR("-");
    case RULES_FOUND:
        break;
    }
    return value;
}
#define ASK(c, name, code, facility, attribute, on)                                                \
    ask((c), (const char *[3]){name, code, facility}, attribute, on)

static void counts(const CatalogPlan *p, size_t made, size_t next, size_t changed, size_t ended) {
    assert_int_equal(p->n_by_kind[CATALOG_NEW], made);
    assert_int_equal(p->n_by_kind[CATALOG_NEXT], next);
    assert_int_equal(p->n_by_kind[CATALOG_CHANGED], changed);
    assert_int_equal(p->n_by_kind[CATALOG_ENDED], ended);
}

#define SERVICES                                                                                                    \
    "DANH MỤC DỊCH VỤ (mô phỏng);;;;\n\nMã dịch vụ;Tên dịch vụ;Đơn giá;Từ ngày;Ghi chú\n" \
    "(1);(2);(3);(4);(5)\n99.1;Khám nội;42.100;01/01/2026;x\n99.2;Chụp phổi;68.300,5;1/1/2026;\n"

static void a_table_becomes_an_edition(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-05-01"), STR("?"));
    assert_str(ASK(c, "icd10", "A00", "46S01", "name", "2026-05-01"), STR("?"));
    CatalogPlan plan = preview_text(h, c, "dich-vu", SERVICES);
    counts(&plan, 2, 0, 0, 0);
    assert_int_equal(plan.rows, 2);
    assert_int_equal(plan.n_bad, 0);
    assert_int_equal(plan.n_taken, 4);
    assert_int_equal(plan.n_left, 1);
    assert_str(plan.left[0], STR("Ghi chú"));
    assert_str(plan.diffs[1].code, STR("99.2"));
    assert_str(plan.diffs[1].name, STR("Chụp phổi"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-05-01"), STR("?"));
    Str before = catalog_digest(c, h->arena);
    assert_int_equal(accept(h, c, &plan), 1);
    assert_int_equal(accept(h, c, &plan), 1); /* the same once more */
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-05-01"), STR("42100"));
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "price", "2026-05-01"), STR("68300.5"));
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "price", ""), STR("68300.5"));
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "scope", "2026-05-01"), STR(""));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2025-12-31"), STR("-"));
    assert_str(ASK(c, "dich-vu", "99.9", "46S01", "", "2026-05-01"), STR("-"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "", "2026-05-01"), STR("known"));
    Str after = catalog_digest(c, h->arena);
    assert_false(str_eq(before, after));
    catalog_close(c);
    c = open_catalog(h); /* from the store */
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "name", "2026-05-01"), STR("Chụp phổi"));
    assert_str(catalog_digest(c, h->arena), after);
    plan = preview_text(h, c, "dich-vu", SERVICES);
    counts(&plan, 0, 0, 0, 0);
    assert_int_equal(plan.n_same, 2);
    CatalogEdition e;
    CatalogAct act = {STR("dich-vu"), plan.id, 0, STR("ds. Hoa"), STR("x")};
    assert_int_equal(catalog_accept(c, h->arena, &act, &e, &h->info), ERR_INVALID);
    catalog_close(c);
}

static void prices_change_by_day_and_facility(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    (void)take(h, c, "dich-vu", SERVICES);
    /* from a day on; only code and price: the name stays */
    CatalogTable table = {.catalogue = STR("dich-vu"),
                          .file = STR("gia.csv"),
                          .bytes = STR("code,price\n99.1,50000\n99.2,\"68.300,50\"\n99.7,1\n"),
                          .since = day("2026-07-01")};
    CatalogPlan plan = preview(h, c, &table);
    counts(&plan, 0, 1, 0, 0);
    assert_int_equal(plan.n_same, 1);
    assert_int_equal(plan.n_bad, 1); /* a new code needs its name */
    assert_str(plan.issues[0].rule, STR("catalogue-needed"));
    assert_int_equal(plan.issues[0].row, 4);
    assert_int_equal(plan.diffs[0].n_changes, 2);
    assert_str(plan.diffs[0].changes[1].column, STR("price"));
    assert_str(plan.diffs[0].changes[1].before, STR("42100"));
    assert_str(plan.diffs[0].changes[1].after, STR("50000"));
    assert_int_equal(accept(h, c, &plan), 2);
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-06-30"), STR("42100"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-07-01"), STR("50000"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "name", "2026-07-01"), STR("Khám nội"));
    /* one facility's own, for two months */
    (void)take(h, c, "dich-vu",
               "MA_DVKT\tTEN_DVKT\tDON_GIA\tMA_CSKCB\tTUNGAY\tDENNGAY\n"
               "99.1\tKhám nội\t30000\t46S02\t20260801\t20260930\n");
    assert_str(ASK(c, "dich-vu", "99.1", "46S02", "price", "2026-08-15"), STR("30000"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-08-15"), STR("50000"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S02", "price", "2026-10-01"), STR("50000"));
    /* without a day: the newest row is corrected */
    plan = preview_text(h, c, "dich-vu", "code\tprice\n99.1\t51000\n");
    counts(&plan, 0, 0, 1, 0);
    (void)accept(h, c, &plan);
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-07-01"), STR("51000"));
    assert_str(ASK(c, "dich-vu", "99.1", "46S01", "price", "2026-06-30"), STR("42100"));
    /* a code ends */
    plan = preview_text(h, c, "dich-vu", "code\tuntil\n99.2\t31/12/2026\n");
    counts(&plan, 0, 0, 0, 1);
    (void)accept(h, c, &plan);
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "", "2026-12-31"), STR("known"));
    assert_str(ASK(c, "dich-vu", "99.2", "46S01", "", "2027-01-01"), STR("-"));
    catalog_close(c);
}

static void a_catalogue_of_one_facility_is_not_loaded_for_others(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    CatalogTable table = {.catalogue = STR("may"),
                          .bytes = STR("Mã máy,Tên máy\nXQ.1.46001.1,X-quang\n"),
                          .facility = STR("46S01"),
                          .since = INT64_MIN};
    CatalogPlan plan = preview(h, c, &table);
    (void)accept(h, c, &plan);
    assert_str(ASK(c, "may", "XQ.1.46001.1", "46S01", "", "2026-01-01"), STR("known"));
    assert_str(ASK(c, "may", "XQ.2", "46S01", "", "2026-01-01"), STR("-"));
    assert_str(ASK(c, "may", "XQ.2", "46S02", "", "2026-01-01"), STR("?"));
    /* a facility's contract, as the rules read it: a day as claims write it, a flag */
    (void)take(h, c, "co-so",
               "MA_CSKCB;TEN_CSKCB;Hợp đồng đến;Nội trú\n46S01;Mẫu;31/12/2026;không\n");
    assert_str(ASK(c, "co-so", "46S01", "46S01", "contract_until", "2026-01-01"), STR("20261231"));
    assert_str(ASK(c, "co-so", "46S01", "46S01", "inpatient", "2026-01-01"), STR("0"));
    catalog_close(c);
}

static void a_whole_table_ends_what_it_lacks(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    (void)take(h, c, "khoa",
               "code\tname\tfacility\nK01\tKhám\t\nK02\tHồi sức\t\nK03\tNội\t46S01\n");
    CatalogTable table = {.catalogue = STR("khoa"),
                          .bytes = STR("ma_khoa;ten_khoa\nK01;Khám bệnh\nK48;Nội\n"),
                          .since = day("2026-11-01"),
                          .whole = true};
    CatalogPlan plan = preview(h, c, &table);
    counts(&plan, 1, 1, 0, 1);
    assert_str(plan.diffs[2].code, STR("K02"));
    (void)accept(h, c, &plan);
    assert_str(ASK(c, "khoa", "K02", "", "", "2026-10-31"), STR("known"));
    assert_str(ASK(c, "khoa", "K02", "", "", "2026-11-01"), STR("-"));
    assert_str(ASK(c, "khoa", "K03", "46S01", "", "2026-11-01"), STR("known"));
    CatalogPage page;
    CatalogAsk all = {.catalogue = STR("khoa"), .day = day("2026-11-01"), .max = 2};
    assert_ok(catalog_rows(c, h->arena, &all, &page));
    assert_int_equal(page.n_rows, 2);
    assert_str(page.rows[0].values[4], STR("Khám bệnh"));
    all.after = page.next;
    assert_ok(catalog_rows(c, h->arena, &all, &page));
    assert_int_equal(page.n_rows, 1);
    assert_int_equal(page.next, 0);
    all = (CatalogAsk){.catalogue = STR("khoa"), .text = STR("HOI"), .day = INT64_MIN, .max = 9};
    assert_ok(catalog_rows(c, h->arena, &all, &page));
    assert_int_equal(page.n_rows, 1);
    catalog_close(c);
}

static void bad_rows_say_where_and_what_to_do(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    CatalogPlan plan = preview_text(
        h, c, "thuoc",
        "Mã thuốc;Tên thuốc;Đơn giá;Số đăng ký;Từ ngày;Đến ngày\n"
        "99.1;Paracetamol;310;VD-1;1/1/2026;\n"
        "99.1;Paracetamol 500;325;VD-2;1/1/2026;\n" /* one key: both registrations, the highest */
        ";Không mã;1;;;\n"
        "99 2;Có trắng;1;;;\n"
        "99.3;Giá sai;mười nghìn;;;\n"
        "99.4;Ngày sai;1;;31/02/2026;\n"
        "99.5;Ngược;1;;1/2/2026;1/1/2026\n"
        "99.6;#N/A;1;;;\n"
        "99.7;Âm;-5;;;\n"
        "99.8;Lạ;1.23.456;;;\n"
        "99.9;Khác;1;;1/1/2026;\n99.9;Khác;1;;1/1/2026;2/2/2026\n");
    static const char *const want[][3] = {
        {"4", "Mã thuốc", "catalogue-needed"}, {"5", "Mã thuốc", "catalogue-code"},
        {"6", "Đơn giá", "catalogue-number"},  {"7", "Từ ngày", "catalogue-day"},
        {"8", "Đến ngày", "catalogue-order"},  {"9", "Tên thuốc", "catalogue-formula"},
        {"10", "Đơn giá", "catalogue-number"}, {"11", "Đơn giá", "catalogue-number"},
        {"13", "Đến ngày", "catalogue-twice"}};
    assert_int_equal(plan.rows, 12);
    assert_int_equal(plan.n_bad, 9);
    assert_int_equal(plan.n_issues, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const CatalogIssue *issue = &plan.issues[i];
        assert_int_equal(issue->row, strtoul(want[i][0], NULL, 10));
        assert_str(issue->column, str_from(want[i][1]));
        assert_str(issue->rule, str_from(want[i][2]));
        assert_true(issue->vi.len > 0 && issue->en.len > 0);
    }
    counts(&plan, 2, 0, 0, 0);
    (void)accept(h, c, &plan);
    assert_str(ASK(c, "thuoc", "99.1", "46S01", "price", "2026-02-01"), STR("325"));
    assert_str(ASK(c, "thuoc", "99.1", "46S01", "reg", "2026-02-01"), STR("VD-1;VD-2"));
    CatalogTable table = {
        .catalogue = STR("thuoc"), .bytes = STR("tên,ghi chú\nx,y\n"), .since = INT64_MIN};
    assert_int_equal(catalog_preview(c, h->arena, &table, &plan, &h->info), ERR_INVALID);
    assert_string_equal(h->info.rule, "catalogue-header");
    table.facility = STR("46\t01");
    assert_int_equal(catalog_preview(c, h->arena, &table, &plan, &h->info), ERR_PARAM);
    table.facility = STR_EMPTY;
    plan = preview_text(h, c, "thuoc", "code;name\n#1;x\n");
    assert_str(plan.issues[0].rule, STR("catalogue-code"));
    table.catalogue = STR("khong-co");
    assert_int_equal(catalog_preview(c, h->arena, &table, &plan, &h->info), ERR_NOT_FOUND);
    catalog_close(c);
}

static void plans_hold_for_one_edition(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    CatalogPlan a = preview_text(h, c, "vat-tu", "code\tname\tprice\nMP1\tGạc\t3850\n");
    CatalogPlan b = preview_text(h, c, "vat-tu", "code\tname\tprice\nMP2\tKim\t5900\n");
    CatalogEdition e;
    CatalogAct act = {STR("vat-tu"), STR("no-such-plan"), 0, STR("ds. Hoa"), STR("x")};
    assert_int_equal(catalog_accept(c, h->arena, &act, &e, &h->info), ERR_NOT_FOUND);
    assert_int_equal(accept(h, c, &a), 1);
    act.plan = b.id;
    assert_int_equal(catalog_accept(c, h->arena, &act, &e, &h->info), ERR_CONFLICT);
    act.who = STR(" ");
    assert_int_equal(catalog_accept(c, h->arena, &act, &e, &h->info), ERR_PARAM);
    CatalogPlan again = preview_text(h, c, "vat-tu", "code\tname\tprice\nMP2\tKim\t5900\n");
    assert_false(str_eq(again.id, b.id));
    assert_int_equal(accept(h, c, &again), 2);
    /* back to the first, and forth */
    act = (CatalogAct){.catalogue = STR("vat-tu"), .to = 1, .who = STR("a"), .why = STR("b")};
    assert_ok(catalog_roll_back(c, h->arena, &act, &e, &h->info));
    assert_int_equal(e.number, 3);
    assert_int_equal(e.restored, 1);
    assert_str(ASK(c, "vat-tu", "MP2", "", "", "2026-01-01"), STR("-"));
    act.to = 2;
    assert_ok(catalog_roll_back(c, h->arena, &act, &e, &h->info));
    assert_str(ASK(c, "vat-tu", "MP2", "", "", "2026-01-01"), STR("known"));
    act.to = 9;
    assert_int_equal(catalog_roll_back(c, h->arena, &act, &e, &h->info), ERR_NOT_FOUND);
    CatalogEdition *list;
    size_t n;
    assert_ok(catalog_history(c, h->arena, STR("vat-tu"), 10, &list, &n));
    assert_int_equal(n, 4);
    assert_int_equal(list[0].restored, 2);
    assert_int_equal(list[0].rows, 2);
    assert_str(list[3].who, STR("ds. Hoa"));
    assert_int_equal(list[3].added, 1);
    catalog_close(c);
}

/* A page that somebody overwrote: the edition before stays in use, and a roll-back heals. */
static void damage_is_seen(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    (void)take(h, c, "may", "code\tname\nM1\tMột\n");
    (void)take(h, c, "may", "code\tname\nM2\tHai\n");
    StoreExpect token = {FHIR_T_DOCUMENT_REFERENCE, FHIR_P_IDENTIFIER, STR(CATALOG_SYSTEM),
                         STR("may")};
    StoreVersion *found;
    StoreVersion page;
    size_t n;
    assert_ok(store_find(h->store, h->arena, &token, 1, &found, &n));
    size_t at = str_find(found[0].json, STR("Binary/"));
    Str id = str_sub(found[0].json, at + 7, 64);
    assert_ok(store_get(h->store, h->arena, FHIR_T_BINARY, id, &page));
    StoreChange change = {STORE_UPDATE,
                          FHIR_T_BINARY,
                          id,
                          page.slot,
                          STR("{\"resourceType\":\"Binary\",\"contentType\":\"text/plain\","
                              "\"data\":\"eA==\"}"),
                          false};
    StoreGroup group = {&change, 1, -1, 0};
    StoreCommitted done;
    assert_ok(store_commit(h->store, &(StoreCommit){.groups = &group, .n_groups = 1}, &done, NULL,
                           &h->info));
    catalog_close(c);
    c = open_catalog(h);
    assert_str(ASK(c, "may", "M1", "", "", "2026-01-01"), STR("known"));
    assert_str(ASK(c, "may", "M2", "", "", "2026-01-01"), STR("-"));
    CatalogState *states;
    assert_ok(catalog_list(c, h->arena, &states, &n));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(states[i].edition.damaged, str_eq(states[i].spec->name, STR("may")));
    }
    CatalogEdition e;
    CatalogAct act = {.catalogue = STR("may"), .to = 1, .who = STR("a"), .why = STR("b")};
    assert_ok(catalog_roll_back(c, h->arena, &act, &e, &h->info));
    assert_false(e.damaged);
    assert_int_equal(
        accept(h, c, &(CatalogPlan[]){preview_text(h, c, "may", "code\tname\nM3\tBa\n")}[0]), 4);
    catalog_close(c);
}

/* ---- a naive model ---- */

enum { CODES = 12, DAYS = 60, ROWS_MAX = 4000 };

typedef struct NaiveRow {
    int code, facility, since, until, price;
} NaiveRow;

static int naive(const NaiveRow *rows, size_t n, const int want[3]) {
    const NaiveRow *best = NULL;
    for (int own = 1; own >= 0 && best == NULL; own--) {
        for (size_t i = 0; i < n; i++) {
            const NaiveRow *r = &rows[i];
            bool fits = r->code == want[0] && r->facility == (own ? want[1] : 0) &&
                        r->since <= want[2] && want[2] <= r->until;
            if (fits && (best == NULL || r->since > best->since)) {
                best = r;
            }
        }
    }
    return best == NULL ? -1 : best->price;
}

static void look_ups_are_those_of_a_naive_scan(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    Random random;
    random_init(&random, 7);
    static NaiveRow rows[ROWS_MAX];
    static bool known[CODES * 1000][5][DAYS];
    size_t n = 0;
    CLEANUP_BUF Buf b;
    buf_init(&b, 16 * LIMIT_MIB);
    buf_put_lit(&b, "code\tname\tfacility\tsince\tuntil\tprice\n");
    while (n < ROWS_MAX) {
        NaiveRow r = {.code = (int)random_below(&random, CODES * 50),
                      .facility = (int)random_below(&random, 5),
                      .since = (int)random_below(&random, DAYS),
                      .price = (int)random_below(&random, 100000)};
        r.until = r.since + (int)random_below(&random, DAYS);
        if (known[r.code][r.facility][r.since]) {
            continue;
        }
        known[r.code][r.facility][r.since] = true;
        rows[n++] = r;
        char facility[16] = "";
        if (r.facility > 0) {
            (void)snprintf(facility, sizeof(facility), "46S0%d", r.facility);
        }
        buf_printf(&b, "S%d\tx\t%s\t", r.code, facility);
        time_put_days(&b, 20000 + r.since);
        buf_put_char(&b, '\t');
        time_put_days(&b, 20000 + r.until);
        buf_printf(&b, "\t%d\n", r.price);
    }
    CatalogTable table = {.catalogue = STR("dich-vu"), .bytes = buf_str(&b), .since = INT64_MIN};
    CatalogPlan plan = preview(h, c, &table);
    assert_int_equal(plan.n_bad, 0);
    (void)accept(h, c, &plan);
    for (int i = 0; i < 20000; i++) {
        int want[3] = {(int)random_below(&random, CODES * 50), (int)random_below(&random, 5),
                       (int)random_below(&random, 2 * DAYS)};
        char code[16];
        char facility[16] = "";
        (void)snprintf(code, sizeof(code), "S%d", want[0]);
        if (want[1] > 0) {
            (void)snprintf(facility, sizeof(facility), "46S0%d", want[1]);
        }
        RulesAsk a = {STR("dich-vu"), str_from(code), STR("price"), str_from(facility),
                      20000 + want[2]};
        Str value = STR_EMPTY;
        RulesFound found = catalog_look(c, &a, &value);
        int expected = naive(rows, n, want);
        assert_int_equal(found, expected < 0 ? RULES_ABSENT : RULES_FOUND);
        if (expected >= 0) {
            assert_int_equal(strtol(value.ptr, NULL, 10), expected);
        }
    }
    /* half of the pages stay as they are when one code changes */
    uint64_t first = store_snapshot(h->store);
    (void)take(h, c, "dich-vu", "code\tsince\tprice\nS1\t2040-01-01\t1\n");
    assert_true(store_snapshot(h->store) - first <= 2);
    catalog_close(c);
}

/* Few rows more than one page takes, some pages empty, and the same rows again in another order. */
static void pages_may_be_empty(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    for (size_t n = 1020; n <= 5000; n += 1990) {
        CLEANUP_BUF Buf b;
        buf_init(&b, 16 * LIMIT_MIB);
        buf_put_lit(&b, "code\tname\tsince\n");
        for (size_t i = 0; i < n; i++) {
            buf_printf(&b, "M%zu\tMáy %zu\t", i % 12, n);
            time_put_days(&b, 10000 + (int64_t)(i / 12));
            buf_put_char(&b, '\n');
        }
        CatalogTable table = {.catalogue = STR("may"), .bytes = buf_str(&b), .since = INT64_MIN};
        CatalogPlan plan = preview(h, c, &table);
        assert_int_equal(plan.n_bad, 0);
        (void)accept(h, c, &plan);
        assert_str(ASK(c, "may", "M3", "", "", ""), STR("known"));
        assert_str(ASK(c, "may", "M12", "", "", ""), STR("-"));
    }
    catalog_close(c);
}

/* ---- readers beside a writer ---- */

typedef struct Watcher {
    Catalog *catalog;
    StopFlag stop;
    uint64_t n;
} Watcher;

static void watch(void *arg) {
    Watcher *w = arg;
    static const char *const what[] = {"10", "20"};
    while (!stop_asked(&w->stop)) {
        Str value;
        RulesAsk a = {STR("may"), STR("M1"), STR("name"), STR_EMPTY, 20000};
        assert_int_equal(catalog_look(w->catalog, &a, &value), RULES_FOUND);
        assert_true(str_eq(value, str_from(what[0])) || str_eq(value, str_from(what[1])));
        w->n++;
    }
}

static void readers_go_on_while_it_changes(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    (void)take(h, c, "may", "code\tname\nM1\t10\n");
    Watcher w = {.catalog = c};
    Thread threads[3] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_ok(thread_start(&threads[i], "watch", watch, &w));
    }
    for (int i = 0; i < 20; i++) {
        (void)take(h, c, "may", i % 2 == 0 ? "code\tname\nM1\t20\n" : "code\tname\nM1\t10\n");
    }
    stop_ask(&w.stop);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
    }
    catalog_close(c);
}

static void numbers_are_read_as_people_write_them(void **state) {
    Home *h = *state;
    static const char *const cases[][3] = {
        /* text, from a text, from an XLSX ("" : refused) */
        {"42100", "42100", "42100"},
        {"42.100", "42100", "42.1"},
        {"42,100", "42100", "42.1"},
        {"1.234.567", "1234567", "1234567"},
        {"1,234,567.5", "1234567.5", "1234567.5"},
        {"1.270,5", "1270.5", "1270.5"},
        {"1270.125", "1270.125", "1270.125"},
        {"0.450", "0.45", "0.45"},
        {"12.345 đ", "12345", "12.345"},
        {"5 000 VND", "5000", "5000"},
        {"100%", "100", "100"},
        {"1.23.456", "", ""},
        {"12.3456,7", "", ""},
        {"-5", "", ""},
        {"1e9", "", ""},
        {"abc", "", ""},
        {"1.23456", "", ""},
        {"12345678901234", "", ""},
        {",", "", ""},
        {".5", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int xlsx = 0; xlsx < 2; xlsx++) {
            Str value = STR_EMPTY;
            CatalogFault fault;
            CatalogCell cell = {CATALOG_PRICE, str_from(cases[i][0]), xlsx != 0};
            bool good = catalog_value(h->arena, &cell, &value, &fault);
            assert_str(good ? value : STR_EMPTY, str_from(cases[i][1 + xlsx]));
        }
    }
}

/* An XLSX of services with these prices, as texts. */
static CatalogPlan preview_prices(Home *h, Catalog *c, const char *const prices[4]) {
    static const char *const codes[] = {"99.1", "99.2", "99.3", "99.4"};
    CLEANUP_BUF Buf out;
    SheetWriter *s = NULL;
    buf_init(&out, LIMIT_MIB);
    assert_ok(sheet_writer_new(&(SheetWrite){SHEET_WRITE_XLSX, 0, sheet_put_to_buf, &out}, &s));
    sheet_start(s, &(SheetStart){.name = STR("gia")});
    sheet_text(s, STR("Mã dịch vụ"));
    sheet_text(s, STR("Tên dịch vụ"));
    sheet_text(s, STR("Đơn giá"));
    sheet_row_end(s);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        sheet_text(s, str_from(codes[i]));
        sheet_text(s, STR("Khám"));
        sheet_text(s, str_from(prices[i]));
        sheet_row_end(s);
    }
    assert_ok(sheet_finish(s));
    sheet_writer_free(s);
    CatalogTable table = {.catalogue = STR("dich-vu"), .bytes = buf_str(&out), .since = INT64_MIN};
    return preview(h, c, &table);
}

static void prices_that_read_as_fractions_are_warned_of(void **state) {
    Home *h = *state;
    Catalog *c = open_catalog(h);
    CatalogPlan p = preview_prices(h, c, (const char *const[]){"500", "42.100", "68.300", "1.200"});
    assert_int_equal(p.n_bad, 0);
    assert_int_equal(p.n_issues, 1);
    assert_false(p.issues[0].is_error);
    assert_int_equal(p.issues[0].row, 0);
    assert_str(p.issues[0].column, STR("Đơn giá"));
    assert_str(p.issues[0].value, STR("42.100"));
    assert_str(p.issues[0].rule, STR("catalogue-fraction"));
    /* half of them, of more digits, whole numbers: nothing is said */
    p = preview_prices(h, c, (const char *const[]){"500", "42.100", "68.300", "1200"});
    assert_int_equal(p.n_issues, 0);
    p = preview_prices(h, c, (const char *const[]){"1270.5", "42100.5", "68300.5", "1.234.567"});
    assert_int_equal(p.n_issues, 0);
    catalog_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_table_becomes_an_edition),
        TEST(prices_change_by_day_and_facility),
        TEST(a_catalogue_of_one_facility_is_not_loaded_for_others),
        TEST(a_whole_table_ends_what_it_lacks),
        TEST(bad_rows_say_where_and_what_to_do),
        TEST(plans_hold_for_one_edition),
        TEST(damage_is_seen),
        TEST(look_ups_are_those_of_a_naive_scan),
        TEST(pages_may_be_empty),
        TEST(readers_go_on_while_it_changes),
        TEST(prices_that_read_as_fractions_are_warned_of),
        TEST(numbers_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
