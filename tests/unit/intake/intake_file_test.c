/* Files: good and bad claims side by side, rejects and their repair, archives, check-ins, what a
 * stopped program left, many threads at once. */
#include "unit/intake/intake_help.h"

#include "core/thread.h"
#include "intake/intake_int.h"

#include <sqlite3.h>
#include <zip.h>

static void a_bad_claim_among_good_ones(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001"},
         {.ma_lk = "B", .cccd = "999090000002", .broken = 1},
         {.ma_lk = "C", .cccd = "999090000003"});
    assert_report(h, 2, 0, 0, 1);
    assert_true(h->report.errors > 0);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(h->store, h->arena, false, 0, 10, &rows, &n));
    assert_int_equal(n, 1);
    assert_str(rows[0].reject.ma_lk, STR("B"));
    assert_str(rows[0].reject.table, STR("XML1"));
    assert_str(rows[0].reject.field, STR("GIOI_TINH"));
    assert_str(rows[0].reject.file_name, STR("test.xml"));
    assert_true(rows[0].reject.line > 0 && rows[0].reject.rule.len > 0);
    assert_true(rows[0].reject.vi.len > 0 && rows[0].reject.en.len > 0);
    /* the file is kept whole, the refused piece beside it */
    StoreReceived kept;
    assert_ok(store_received_get(h->store, h->arena, &rows[0].reject.file, &kept));
    assert_true(str_find(kept.bytes, STR("<HOSO>")) != SIZE_MAX);
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, rows[0].id, &row));
    assert_true(str_find(row.reject.bytes, STR("<HOSO>")) != SIZE_MAX);
}

static uint64_t only_reject(Home *h) {
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(h->store, h->arena, false, 0, 10, &rows, &n));
    assert_int_equal(n, 1);
    return rows[0].id;
}

static void assert_rejects(Home *h, uint64_t open, uint64_t settled) {
    uint64_t have_open = 0;
    uint64_t have_settled = 0;
    assert_ok(store_reject_count(h->store, &have_open, &have_settled));
    assert_int_equal(have_open, open);
    assert_int_equal(have_settled, settled);
}

static void a_repaired_reject_is_settled(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .broken = 1});
    uint64_t id = only_reject(h);
    const Visit repaired = {.ma_lk = "B", .cccd = "999090000002"};
    assert_ok(try_send(h, STR("repaired.xml"), claim_file(h, &repaired, 1), id));
    assert_report(h, 1, 0, 0, 0);
    assert_rejects(h, 0, 1);
    assert_int_equal(visit_of(h, "46001|B").version, 1);
}

static void a_retry_that_fails_changes_nothing(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .broken = 1});
    uint64_t id = only_reject(h);
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, id, &row));
    for (int i = 0; i < 2; i++) {
        assert_ok(try_send(h, row.reject.file_name, row.reject.bytes, id));
        assert_int_equal(h->report.claims_new, 0);
        assert_true(h->report.errors > 0);
        assert_rejects(h, 1, 0);
    }
    assert_int_equal(only_reject(h), id);
}

/* NGAYLAP stays with the refused claim: taken up again as it is after a correction came, it must
 * not undo that. */
static void an_old_reject_does_not_replace_a_newer_sending(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .made = "20261101", .broken = 1});
    uint64_t id = only_reject(h);
    SEND(h, {.ma_lk = "B", .cccd = "999090000002", .made = "20261105", .total = "2.00"});
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, id, &row));
    size_t at = str_find(row.reject.bytes, STR("<NGAYLAP>20261101</NGAYLAP>"));
    assert_true(at != SIZE_MAX);
    const Visit good = {.ma_lk = "B", .cccd = "999090000002", .made = "20261101", .total = "1.00"};
    assert_ok(try_send(h, row.reject.file_name, claim_file(h, &good, 1), id));
    assert_report(h, 0, 0, 1, 0);
    assert_rejects(h, 0, 1);
    assert_int_equal(visit_of(h, "46001|B").version, 1);
}

/* A claim keeps only its first issues; the report counts them all, of claims taken and refused. */
static void issues_beyond_those_kept_are_counted(void **state) {
    enum { DRUGS = LIMIT_CLAIM_ISSUES + 50 };
    Home *h = *state;
    char dose[2000];
    memset(dose, 'x', sizeof(dose));
    dose[sizeof(dose) - 1] = '\0';
    SEND(h, {.ma_lk = "LK0", .n_drugs = DRUGS});
    uint64_t others = h->report.warnings;
    SEND(h, {.ma_lk = "LK1", .n_drugs = DRUGS, .dose = dose});
    assert_report(h, 1, 0, 0, 0);
    assert_int_equal(h->report.warnings, others + DRUGS);
    assert_int_equal(h->report.errors, 0);
    SEND(h, {.ma_lk = "LK2", .n_drugs = DRUGS, .dose = dose, .broken = true});
    assert_report(h, 0, 0, 0, 1);
    assert_int_equal(h->report.warnings, others + DRUGS + 1); /* "nam" is also too long */
    assert_int_equal(h->report.errors, 1);
    assert_int_equal(h->report.n_issues, INTAKE_ISSUES_MAX);
}

static void what_is_no_claim_file_is_kept_as_a_reject(void **state) {
    Home *h = *state;
    send_bytes(h, STR("%PDF-1.7 not a claim"));
    assert_report(h, 0, 0, 0, 1);
    assert_rejects(h, 1, 0);
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, only_reject(h), &row));
    assert_str(row.reject.bytes, STR("%PDF-1.7 not a claim"));
    send_bytes(h, STR("%PDF-1.7 not a claim"));
    assert_int_equal(h->report.files_same, 1);
    assert_rejects(h, 1, 0);
}

static void a_broken_end_loses_only_the_end(void **state) {
    Home *h = *state;
    const Visit v[] = {{.ma_lk = "A", .cccd = "999090000001"},
                       {.ma_lk = "B", .cccd = "999090000002"},
                       {.ma_lk = "C", .cccd = "999090000003"}};
    Str bytes = claim_file(h, v, 3);
    size_t last = str_find(bytes, STR("<HOSO>"));
    for (size_t at = last; at != SIZE_MAX;) {
        last = at;
        at = str_find(str_sub(bytes, last + 1, bytes.len), STR("<HOSO>"));
        at = at == SIZE_MAX ? SIZE_MAX : at + last + 1;
    }
    send_bytes(h, str_sub(bytes, 0, last + 40));
    assert_report(h, 2, 0, 0, 1);
    send_bytes(h, bytes);
    assert_report(h, 1, 0, 2, 0);
}

/* ---- what one commit cannot hold ---- */

/* The store knows one citizen by a CCCD and a card; of two visits in one batch one names the CCCD,
 * the other the card. Each adds a facility number, so both change the Patient. */
static void two_visits_know_one_citizen_by_different_numbers(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .card = "DN4999900000001", .ma_bn = "1"});
    SEND(h, {.facility = "46002", .ma_lk = "B", .cccd = "999090000001", .ma_bn = "7"},
         {.facility = "46002", .ma_lk = "C", .card = "DN4999900000001", .ma_bn = "8"},
         {.facility = "46002", .ma_lk = "D", .cccd = "999090000002", .ma_bn = "9", .broken = 1},
         {.facility = "46002", .ma_lk = "E", .cccd = "999090000003", .ma_bn = "10"});
    assert_report(h, 3, 0, 0, 1);
    assert_rejects(h, 1, 0);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 2);
    StoreVersion p = citizen(h, "999090000001");
    assert_int_equal(p.version, 3);
    assert_true(str_find(p.json, STR("46002|7")) != SIZE_MAX);
    assert_true(str_find(p.json, STR("46002|8")) != SIZE_MAX);
    assert_int_equal(visit_of(h, "46002|C").patient, p.first);
    assert_int_equal(visit_of(h, "46002|E").version, 1);
}

/* More changes in one batch than one commit may have. */
static void long_visits_go_in_several_commits(void **state) {
    enum { VISITS = 30, RESULTS = 900 };
    Home *h = *state;
    static Visit v[VISITS];
    static char text[VISITS][3][16];
    for (unsigned i = 0; i < VISITS; i++) {
        (void)snprintf(text[i][0], 16, "L%u", i);
        (void)snprintf(text[i][1], 16, "99909000%04u", i);
        (void)snprintf(text[i][2], 16, "BN%u", i);
        v[i] = (Visit){
            .ma_lk = text[i][0], .cccd = text[i][1], .ma_bn = text[i][2], .n_results = RESULTS};
    }
    Str bytes = claim_file(h, v, VISITS);
    send_bytes(h, bytes);
    assert_report(h, VISITS, 0, 0, 0);
    assert_true(h->report.resources > LIMIT_BUNDLE_ENTRIES);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, VISITS);
    send_bytes(h, bytes);
    assert_int_equal(h->report.files_same, 1);
}

/* One claim that no commit can hold is refused; its neighbours are taken. */
static void a_claim_beyond_one_commit_is_refused(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "A", .cccd = "999090000001", .ma_bn = "1"},
         {.ma_lk = "L", .cccd = "999090000002", .ma_bn = "2", .n_results = 12100},
         {.ma_lk = "B", .cccd = "999090000003", .ma_bn = "3"});
    assert_report(h, 2, 0, 0, 1);
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, only_reject(h), &row));
    assert_str(row.reject.rule, STR("claim-large"));
    assert_str(row.reject.ma_lk, STR("L"));
    assert_true(row.reject.line > 1 && row.reject.en.len > 0 && row.reject.vi.len > 0);
    assert_true(str_find(row.reject.bytes, STR("<HOSO>")) != SIZE_MAX);
    assert_ok(try_send(h, row.reject.file_name, row.reject.bytes, row.id));
    assert_rejects(h, 1, 0);
    const Visit shorter = {.ma_lk = "L", .cccd = "999090000002", .ma_bn = "2", .n_results = 12};
    assert_ok(try_send(h, row.reject.file_name, claim_file(h, &shorter, 1), row.id));
    assert_rejects(h, 0, 1);
}

static void exec_sql(const Home *h, const char *sql) {
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/data.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Not a commit fails but a question to the store: the run must not look as if it had ended well. */
static void a_run_that_cannot_ask_ends_with_an_error(void **state) {
    Home *h = *state;
    char path[128];
    const Visit v = {.ma_lk = "A", .cccd = "999090000001"};
    Str bytes = claim_file(h, &v, 1);
    (void)snprintf(path, sizeof(path), "%s/a.xml", h->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
    const char *const paths[] = {path};
    const IntakeRun run = {.paths = paths, .n_paths = 1, .threads = 2};
    IntakeReport report = {.arena = h->arena};
    ErrInfo info = {0};
    exec_sql(h, "ALTER TABLE received RENAME TO gone");
    ErrCode err = intake_run(h->intake, &run, &report, &info);
    assert_int_not_equal(err, ERR_OK);
    assert_int_equal(info.code, err);
    exec_sql(h, "ALTER TABLE gone RENAME TO received");
    report = (IntakeReport){.arena = h->arena};
    assert_ok(intake_run(h->intake, &run, &report, &info));
    assert_int_equal(report.claims_new, 1);
}

/* ---- archives, check-ins ---- */

static Str zip_of(Home *h, const Str *files, size_t n) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/test.zip", h->dir);
    int err = 0;
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &err);
    assert_non_null(z);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "file-%zu.xml", i);
        zip_source_t *source = zip_source_buffer(z, files[i].ptr, files[i].len, 0);
        assert_true(zip_file_add(z, name, source, ZIP_FL_ENC_UTF_8) >= 0);
    }
    assert_int_equal(zip_close(z), 0);
    CLEANUP_FILE FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    char *bytes = arena_alloc(h->arena, LIMIT_MIB);
    return (Str){bytes, fread(bytes, 1, LIMIT_MIB, f)};
}

static void a_zip_of_several_files(void **state) {
    Home *h = *state;
    const Visit a = {.ma_lk = "A", .cccd = "999090000001"};
    const Visit b[] = {{.ma_lk = "B", .cccd = "999090000002"},
                       {.ma_lk = "C", .cccd = "999090000003", .broken = 1}};
    const Str files[] = {claim_file(h, &a, 1), STR("no claim file at all"), claim_file(h, b, 2)};
    Str zip = zip_of(h, files, 3);
    assert_ok(try_send(h, STR("many.zip"), zip, 0));
    assert_int_equal(h->report.claims_new, 2);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(h->store, h->arena, false, 0, 10, &rows, &n));
    assert_int_equal(n, h->report.claims_rejected);
    bool seen = false;
    bool named = false; /* the member that is no claim file */
    for (size_t i = 0; i < n; i++) {
        named = named || (str_eq(rows[i].reject.rule, STR("file-kind")) &&
                          str_eq(rows[i].reject.field, STR("file-1.xml")));
        seen = seen || (str_eq(rows[i].reject.file_name, STR("many.zip/file-2.xml")) &&
                        str_eq(rows[i].reject.ma_lk, STR("C")));
    }
    assert_true(seen && named);
    assert_ok(try_send(h, STR("again.zip"), zip, 0));
    assert_int_equal(h->report.files_same, 1);
}

static Str check_in(Home *h, const char *ma_lk, const char *reason, const char *time) {
    Str x[XML0_FIELD_COUNT];
    const ClaimTable *t = claim_table(0);
    for (int i = 0; i < t->n_fields; i++) {
        const ClaimField *f = &t->fields[i];
        x[i] = f->required != 'Y'                             ? STR_EMPTY
               : f->kind == CLAIM_DT12 || f->kind == CLAIM_DT ? STR("202611200800")
               : f->kind == CLAIM_S                           ? STR("A")
                                                              : STR("1");
    }
    x[XML0_MA_LK] = str_from(ma_lk);
    x[XML0_STT] = STR("1");
    x[XML0_MA_CSKCB] = STR("46001");
    x[XML0_SO_CCCD] = STR("999090000001");
    x[XML0_HO_TEN] = STR("NGUYỄN VĂN THỬ");
    x[XML0_NGAY_SINH] = STR("199001010000");
    x[XML0_GIOI_TINH] = STR("1");
    x[XML0_NGAY_YL] = str_from(time);
    x[XML0_TEN_DICH_VU] = str_from(reason);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    claim_write_table(&b, t, x, 1);
    return arena_str(h->arena, buf_str(&b));
}

static const char *visit_status(Home *h) {
    StoreVersion e = current(h, FHIR_T_ENCOUNTER, count(h, FHIR_T_ENCOUNTER).last_id);
    return str_find(e.json, STR("\"status\":\"arrived\"")) != SIZE_MAX    ? "arrived"
           : str_find(e.json, STR("\"status\":\"finished\"")) != SIZE_MAX ? "finished"
                                                                          : "?";
}

/* Check-ins of one visit add up; its claim takes their place, and none that comes late changes it.
 */
static void a_check_in_comes_before_its_visit(void **state) {
    Home *h = *state;
    send_bytes(h, check_in(h, "A", "Khám", "202611200801"));
    assert_report(h, 1, 0, 0, 0);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
    assert_int_equal(count(h, FHIR_T_SERVICE_REQUEST).current, 1);
    assert_string_equal(visit_status(h), "arrived");
    Str first = check_in(h, "A", "Khám", "202611200801");
    send_bytes(h, arena_printf(h->arena, STR_FMT "\n", STR_ARG(first)));
    assert_report(h, 0, 0, 1, 0);
    send_bytes(h, check_in(h, "A", "Khám nội", "202611200801"));
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_SERVICE_REQUEST).current, 1);
    send_bytes(h, check_in(h, "A", "X-quang", "202611200830"));
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_SERVICE_REQUEST).current, 2);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
    SEND(h, {.ma_lk = "A", .cccd = "999090000001"});
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, 1);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
    assert_int_equal(count(h, FHIR_T_SERVICE_REQUEST).current, 0);
    assert_string_equal(visit_status(h), "finished");
    send_bytes(h, check_in(h, "A", "Siêu âm", "202611200845"));
    assert_report(h, 0, 0, 1, 0);
    assert_string_equal(visit_status(h), "finished");
    assert_int_equal(count(h, FHIR_T_SERVICE_REQUEST).current, 0);
}

static void what_is_restricted_is_labelled(void **state) {
    (void)state;
    VisitMeta meta = {.role = STR("xml6/1"), .made = STR("20261120"), .restricted = true};
    RefMap map = {.n = 0};
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    intake_put_visit(&b, STR("{\"resourceType\":\"EpisodeOfCare\",\"status\":\"active\"}"), &meta,
                     &map);
    assert_str(
        buf_str(&b),
        STR("{\"resourceType\":\"EpisodeOfCare\",\"meta\":{"
            "\"source\":\"https://nhip.vn/fhir/claim#xml6/1\",\"security\":["
            "{\"system\":\"http://terminology.hl7.org/CodeSystem/"
            "v3-Confidentiality\",\"code\":\"R\"},"
            "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"HIV\"}],"
            "\"tag\":[{\"system\":\"https://nhip.vn/fhir/CodeSystem/ngay-lap\","
            "\"code\":\"20261120\"}]},\"status\":\"active\"}"));
}

/* ---- stopped and taken up again ---- */

/* A program that was killed leaves a file begun: the commit of its first claims is durable, the one
 * that says "done" is not. Here the first commits of the file are made by another file of the same
 * claims, and the begun state by hand. */
static void a_begun_file_is_taken_up_and_nothing_doubled(void **state) {
    Home *h = *state;
    const Visit v[] = {{.ma_lk = "A", .cccd = "999090000001"},
                       {.ma_lk = "B", .cccd = "999090000002", .broken = 1},
                       {.ma_lk = "C", .cccd = "999090000003"}};
    Str bytes = claim_file(h, v, 3);
    /* what the first, interrupted run had made durable: file, claim A, reject B; not "done" */
    send(h, v, 2);
    StoreRejectRow row;
    assert_ok(store_reject_get(h->store, h->arena, only_reject(h), &row));
    StoreReceived received = {.name = STR("test.xml"), .bytes = bytes};
    sha256(bytes, &received.hash);
    row.reject.file = received.hash;
    uint64_t settled = row.id;
    StoreCommit commit = {.actor = STR("import"),
                          .source = STR("claims"),
                          .received = &received,
                          .n_received = 1,
                          .rejects = &row.reject,
                          .n_rejects = 1,
                          .rejects_done = &settled,
                          .n_rejects_done = 1};
    ErrInfo info;
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &info));
    StoreFileState file_state;
    assert_ok(store_file_state(h->store, &received.hash, &file_state));
    assert_int_equal(file_state, STORE_FILE_BEGUN);
    send_bytes(h, bytes);
    assert_int_equal(h->report.claims_new, 1);
    assert_int_equal(h->report.claims_same, 1);
    assert_rejects(h, 1, 1);
    assert_ok(store_file_state(h->store, &received.hash, &file_state));
    assert_int_equal(file_state, STORE_FILE_DONE);
}

static void files_need_not_be_kept(void **state) {
    Home *h = *state;
    home_close(h);
    h->received_drop = true;
    home_open(h);
    const Visit v = {.ma_lk = "A", .cccd = "999090000001"};
    Str bytes = claim_file(h, &v, 1);
    send_bytes(h, bytes);
    assert_report(h, 1, 0, 0, 0);
    send_bytes(h, bytes);
    assert_int_equal(h->report.files_same, 1);
    StoreReceived kept;
    Sha256 hash;
    sha256(bytes, &hash);
    assert_int_equal(store_received_get(h->store, h->arena, &hash, &kept), ERR_GONE);
    uint64_t records = 0;
    ErrInfo info;
    assert_ok(store_verify(h->store, NULL, &records, &info));
}

/* ---- many at once ---- */

enum { THREADS = 16, FILES_EACH = 6, CITIZENS = 9 };

#define SHARED_CARD "DN4469990000001"

typedef struct Sender {
    Home *h;
    unsigned number;
    IntakeReport report;
    Str files[FILES_EACH];
    ErrCode err;
} Sender;

static void send_all(void *arg) {
    Sender *s = arg;
    for (unsigned i = 0; i < FILES_EACH && s->err == ERR_OK; i++) {
        ErrInfo info = {0};
        s->err = intake_file(
            s->h->intake,
            &(IntakeFile){.name = STR("t.xml"), .bytes = s->files[i], .actor = STR("test")},
            &s->report, &info);
    }
}

/* The same bytes from several sides at once: each refused claim is listed once,
 * equal ones apart. */
static void the_same_rejects_from_many_threads_are_listed_once(void **state) {
    enum { SIDES = 6 };
    Home *h = *state;
    static Sender senders[SIDES];
    Thread threads[SIDES];
    const Visit v[] = {{.ma_lk = "A", .cccd = "999090000001", .broken = 1},
                       {.ma_lk = "A", .cccd = "999090000001", .broken = 1},
                       {.ma_lk = "B", .cccd = "999090000002"},
                       {.ma_lk = "C", .cccd = "999090000003", .broken = 1}};
    for (unsigned round = 0; round < 10; round++) {
        Str bytes =
            arena_printf(h->arena, STR_FMT "<!-- %u -->", STR_ARG(claim_file(h, v, 4)), round);
        for (unsigned t = 0; t < SIDES; t++) {
            senders[t] = (Sender){.h = h, .number = t};
            for (unsigned i = 0; i < FILES_EACH; i++) {
                senders[t].files[i] = bytes;
            }
            assert_ok(thread_start(&threads[t], "sender", send_all, &senders[t]));
        }
        for (unsigned t = 0; t < SIDES; t++) {
            thread_join(&threads[t]);
            assert_ok(senders[t].err);
        }
        assert_rejects(h, 3 * (round + 1), 0);
    }
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, 1);
}

/* Every thread sends visits of the same few citizens at the same few facilities, and every fourth
 * visit is the same one of all threads. */
static void sixteen_threads_share_citizens_and_facilities(void **state) {
    Home *h = *state;
    static Sender senders[THREADS];
    Thread threads[THREADS];
    static char text[THREADS][FILES_EACH][4][32];
    size_t visits = 0;
    for (unsigned t = 0; t < THREADS; t++) {
        senders[t] = (Sender){.h = h, .number = t};
        for (unsigned i = 0; i < FILES_EACH; i++) {
            bool shared = i % 4 == 3;
            unsigned who = (t + i) % CITIZENS;
            char(*x)[32] = text[t][i];
            (void)snprintf(x[0], 32, shared ? "S%u" : "T%u-%u", shared ? i : t, i);
            (void)snprintf(x[1], 32, "99909000%04u", shared ? i : who);
            (void)snprintf(x[2], 32, "4600%u", shared ? 1 : 1 + i % 2);
            (void)snprintf(x[3], 32, "BN%u", shared ? i : who);
            const Visit v = {.facility = x[2],
                             .ma_lk = x[0],
                             .cccd = x[1],
                             .ma_bn = x[3],
                             .n_drugs = 1 + i,
                             .total = "5.00"};
            senders[t].files[i] = arena_printf(h->arena, STR_FMT "<!-- %u -->",
                                               STR_ARG(claim_file(h, &v, 1)), t * 100 + i);
            visits += !shared;
        }
    }
    visits++; /* i = 3 is shared by all */
    for (unsigned t = 0; t < THREADS; t++) {
        assert_ok(thread_start(&threads[t], "sender", send_all, &senders[t]));
    }
    uint64_t new_visits = 0;
    for (unsigned t = 0; t < THREADS; t++) {
        thread_join(&threads[t]);
    }
    for (unsigned t = 0; t < THREADS; t++) {
        assert_ok(senders[t].err);
        new_visits += senders[t].report.claims_new;
        assert_int_equal(senders[t].report.claims_rejected, 0);
    }
    assert_int_equal(new_visits, visits);
    assert_int_equal(count(h, FHIR_T_ENCOUNTER).current, visits);
    assert_int_equal(count(h, FHIR_T_PATIENT).current, CITIZENS);
    Count o = count(h, FHIR_T_ORGANIZATION);
    assert_int_equal(o.versions, 3); /* two facilities, the insurer */
    assert_int_equal(o.current, 3);
    for (unsigned i = 0; i < CITIZENS; i++) {
        char cccd[16];
        (void)snprintf(cccd, sizeof(cccd), "99909000%04u", i);
        (void)citizen(h, cccd); /* exactly one each */
    }
}

typedef struct Small { /* sends files of one visit until the large one is in */
    Home *h;
    atomic_bool *stop;
    unsigned number;
    ErrCode err;
} Small;

static void send_small(void *arg) {
    Small *s = arg;
    for (unsigned i = 0; s->err == ERR_OK && (i < 4 || !atomic_load(s->stop)); i++) {
        char x[3][24];
        CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
        Home own = {.arena = arena};
        (void)snprintf(x[0], sizeof(x[0]), "S%u-%u", s->number, i);
        (void)snprintf(x[1], sizeof(x[1]), "9990911%01u%04u", s->number, i);
        (void)snprintf(x[2], sizeof(x[2]), "SBN%u-%u", s->number, i);
        const Visit v = {
            .ma_lk = x[0], .cccd = x[1], .ma_bn = x[2], .name = "LÊ THỊ THỬ", .card = SHARED_CARD};
        IntakeReport report = {.arena = arena};
        s->err = intake_file(s->h->intake,
                             &(IntakeFile){.name = STR("s.xml"),
                                           .bytes = claim_file(&own, &v, 1),
                                           .actor = STR("test")},
                             &report, NULL);
    }
}

/* One card number on everybody's claim: a large file is always slower than the small ones, and
 * still gets in. */
static void a_large_file_is_not_starved_by_small_ones(void **state) {
    enum { SIDES = 3, LARGE = 60 };
    Home *h = *state;
    Small small[SIDES];
    Thread threads[SIDES];
    atomic_bool stop = false;
    static Visit v[LARGE];
    static char text[LARGE][3][24];
    for (unsigned i = 0; i < LARGE; i++) {
        (void)snprintf(text[i][0], 24, "L%u", i);
        (void)snprintf(text[i][1], 24, "99909120%04u", i);
        (void)snprintf(text[i][2], 24, "LBN%u", i);
        v[i] = (Visit){.ma_lk = text[i][0],
                       .cccd = text[i][1],
                       .ma_bn = text[i][2],
                       .card = SHARED_CARD,
                       .n_drugs = 40};
    }
    Str large = claim_file(h, v, LARGE);
    for (unsigned t = 0; t < SIDES; t++) {
        small[t] = (Small){.h = h, .stop = &stop, .number = t};
        assert_ok(thread_start(&threads[t], "small", send_small, &small[t]));
    }
    IntakeReport report = {.arena = h->arena};
    ErrCode err = intake_file(
        h->intake, &(IntakeFile){.name = STR("l.xml"), .bytes = large, .actor = STR("test")},
        &report, NULL);
    atomic_store(&stop, true);
    for (unsigned t = 0; t < SIDES; t++) {
        thread_join(&threads[t]);
        assert_ok(small[t].err);
    }
    assert_ok(err);
    assert_int_equal(report.claims_new, LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(a_bad_claim_among_good_ones),
        T(a_repaired_reject_is_settled),
        T(a_retry_that_fails_changes_nothing),
        T(what_is_no_claim_file_is_kept_as_a_reject),
        T(a_broken_end_loses_only_the_end),
        T(an_old_reject_does_not_replace_a_newer_sending),
        T(two_visits_know_one_citizen_by_different_numbers),
        T(long_visits_go_in_several_commits),
        T(a_claim_beyond_one_commit_is_refused),
        T(a_run_that_cannot_ask_ends_with_an_error),
        T(issues_beyond_those_kept_are_counted),
        T(a_zip_of_several_files),
        T(a_check_in_comes_before_its_visit),
        T(what_is_restricted_is_labelled),
        T(a_begun_file_is_taken_up_and_nothing_doubled),
        T(files_need_not_be_kept),
        T(sixteen_threads_share_citizens_and_facilities),
        T(a_large_file_is_not_starved_by_small_ones),
        T(the_same_rejects_from_many_threads_are_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
