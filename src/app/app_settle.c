/* nhip settle: claims from the signature to the fund's money. The store is opened by one process at
 * a time: while a server runs, /api/settle does the same. */
#include "app/app.h"
#include "core/io.h"
#include "intake/intake_receipt.h"
#include "settle/settle_answer.h"
#include "settle/settle_report.h"

typedef struct SettleApp {
    App *app;
    AppStore o;
    Settle *settle;
    Arena *arena;
    ErrInfo *info;
    const char *words[4], *who, *why, *facility, *out, *closing;
    int n_words;
    bool final;
} SettleApp;

static Str word(const SettleApp *s, int i) {
    return str_from(s->words[i]);
}

static Str text(const char *s) {
    return s == NULL ? STR_EMPTY : str_from(s);
}

static void print(Str s) {
    (void)fwrite(s.ptr, 1, s.len, stdout);
}

/* ---- show ---- */

static ErrCode show(SettleApp *s) {
    SettleVisit v;
    bool vi = s->app->vietnamese;
    TRY(settle_visit(s->settle, s->arena, word(s, 0), word(s, 1), &v, s->info));
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    buf_printf(&out, "%s\t" STR_FMT "\n", app_say(s->app, "state", "trạng thái"),
               STR_ARG(v.state == BOOK_ENTERED ? text(vi ? "Chưa ký" : "Not signed")
                                               : book_state_name(v.state, vi)));
    buf_printf(&out, "%s\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\n",
               app_say(s->app, "last", "bước cuối"), STR_ARG(v.time), STR_ARG(v.who),
               STR_ARG(v.why));
    for (size_t i = 0; i < v.n_money; i++) {
        Str stage = book_state_name(v.money[i].stage, vi);
        buf_printf(&out, STR_FMT "\t%u\t%lld.%02lld\n", STR_ARG(stage), v.money[i].round,
                   (long long)v.money[i].amount / 100, (long long)llabs(v.money[i].amount % 100));
    }
    TRY(buf_ok(&out));
    print(buf_str(&out));
    return ERR_OK;
}

/* ---- sign ---- */

static ErrCode print_done(const SettleApp *s, const SettleDone *done) {
    for (size_t i = 0; i < done->n_refused; i++) {
        const SettleRefusal *r = &done->refused[i];
        (void)printf(STR_FMT "|" STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(r->facility),
                     STR_ARG(r->ma_lk), STR_ARG(r->rule),
                     STR_ARG(s->app->vietnamese ? r->vi : r->en));
    }
    (void)printf(app_say(s->app, "%zu done, %zu the same, %zu refused\n",
                         "%zu xong, %zu không đổi, %zu bị từ chối\n"),
                 done->done, done->same, done->n_refused);
    return ERR_OK;
}

/* For taking in: it waits for that. */
static ErrCode has_receipt(SettleApp *s, const BookRow *row, bool *ret) {
    IntakeReceipt r;
    ErrCode err = intake_receipt_get(
        s->o.store, s->arena,
        arena_printf(s->arena, STR_FMT "|" STR_FMT, STR_ARG(row->facility), STR_ARG(row->ma_lk)),
        &r);
    *ret = err == ERR_OK && r.state != INTAKE_RECEIPT_TAKEN;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Clean visits of a facility's month. */
static ErrCode list_clean(SettleApp *s, SettleStep step, SettleAct **ret, size_t *ret_n) {
    enum { MOST = 100000 };
    SettleAct *acts = arena_new_array(s->arena, SettleAct, MOST);
    BookPage page = {.next = STR_EMPTY};
    int month = settle_month_number(word(s, 1));
    size_t n = 0;
    if (acts == NULL) {
        return ERR_NOMEM;
    }
    BookAsk ask = {.filter = {.facility = word(s, 0),
                              .month_from = month,
                              .month_to = month,
                              .states = BOOK_BIT(BOOK_CHECKED) | BOOK_BIT(BOOK_CORRECTED)},
                   .max = LIMIT_PAGE_COUNT};
    while (month > 0) {
        ask.after = page.next;
        TRY(book_list(s->o.book, s->arena, &ask, &page));
        for (size_t i = 0; i < page.n_rows && n < MOST; i++) {
            const BookRow *r = &page.rows[i];
            bool meant = r->n_by_weight[RULES_BLOCKS] == 0;
            if (meant && step == SETTLE_TAKE) {
                TRY(has_receipt(s, r, &meant));
            }
            acts[n] = (SettleAct){.facility = r->facility,
                                  .ma_lk = r->ma_lk,
                                  .who = text(s->who),
                                  .why = text(s->why),
                                  .closing = text(s->closing)};
            n += meant;
        }
        if (page.next.len == 0) {
            break;
        }
    }
    *ret = acts;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode step_month(SettleApp *s, SettleStep step) {
    SettleAct *acts = NULL;
    size_t n = 0;
    SettleDone done;
    TRY(list_clean(s, step, &acts, &n));
    SettleMany many = {
        .step = step, .acts = acts, .n = n, .key = s->o.sign_key, .stop = &s->app->stop};
    TRY(settle_many(s->settle, s->arena, &many, &done, s->info));
    return print_done(s, &done);
}

static ErrCode sign(SettleApp *s) {
    if (s->app->settings.sign_key[0] == '\0') {
        return err_set(s->info, ERR_PARAM, "settle-no-key",
                       "there is no key to sign with: --sign-key and --sign-cert",
                       "chưa có khoá để ký: --sign-key và --sign-cert");
    }
    TRY(app_sign_key(s->app, &s->o.sign_key, s->info));
    return step_month(s, SETTLE_SIGN);
}

/* ---- what facilities signed themselves ---- */

static ErrCode take(SettleApp *s) {
    return step_month(s, SETTLE_TAKE);
}

/* Files that came while nobody looked at signatures. */
static ErrCode receipts(SettleApp *s) {
    IntakeReport report = {.files = 0};
    if (s->o.sign == NULL) {
        return err_set(s->info, ERR_PARAM, "settle-no-pins",
                       "signatures are not looked at: --signature note and --signature-pins",
                       "chưa kiểm tra chữ ký: --signature note và --signature-pins");
    }
    TRY(intake_receipts(s->o.intake, &s->app->stop, &report, s->info));
    (void)printf(app_say(s->app, "%llu files, %llu of them signed, %llu visits noted\n",
                         "%llu tệp, %llu tệp có chữ ký hợp lệ, ghi nhận %llu hồ sơ\n"),
                 (unsigned long long)report.files, (unsigned long long)report.files_signed,
                 (unsigned long long)report.receipts);
    return ERR_OK;
}

/* ---- answer ---- */

static ErrCode answer(SettleApp *s) {
    SettleAnswer a;
    CLEANUP_BUF Buf bytes;
    CLEANUP_BUF Buf columns;
    const char *path = s->app->settings.answer_columns;
    buf_init(&bytes, LIMIT_CLAIM_FILE_BYTES);
    buf_init(&columns, LIMIT_MIB);
    TRY(io_read_file(s->words[0], LIMIT_CLAIM_FILE_BYTES, &bytes));
    if (path[0] != '\0') {
        TRY(io_read_file(path, LIMIT_MIB, &columns));
    }
    SettleAnswerFile f = {.name = word(s, 0),
                          .bytes = buf_str(&bytes),
                          .facility = text(s->facility),
                          .who = text(s->who),
                          .why = text(s->why),
                          .columns = buf_str(&columns),
                          .final = s->final};
    TRY(settle_answer(s->settle, s->arena, &f, &a, s->info));
    return print_done(s, &a.done);
}

/* ---- report, close ---- */

static ErrCode report(SettleApp *s) {
    SettleTable *t = NULL;
    CLEANUP_BUF Buf out;
    bool vi = s->app->vietnamese;
    Str name = text(s->out);
    buf_init(&out, 512 * LIMIT_MIB);
    SettleReportAsk ask = {.settle = s->settle,
                           .store = s->o.store,
                           .book = s->o.book,
                           .name = word(s, 0),
                           .facility = word(s, 1),
                           .month = word(s, 2),
                           .now = clock_now_ms(clock_real())};
    TRY(settle_report(&ask, s->arena, &t, s->info));
    ErrCode err = str_ends(name, STR(".json"))   ? settle_table_json(t, vi, &out)
                  : str_ends(name, STR(".html")) ? settle_table_html(t, vi, &out)
                  : str_ends(name, STR(".xlsx")) ? settle_table_sheet(t, vi, SHEET_WRITE_XLSX, &out)
                                                 : settle_table_sheet(t, vi, SHEET_WRITE_CSV, &out);
    TRY(err);
    if (name.len > 0) {
        return io_write_atomic(s->out, buf_str(&out));
    }
    print(buf_str(&out));
    return ERR_OK;
}

static ErrCode close_month(SettleApp *s) {
    SettleMonth m = {
        .facility = word(s, 0), .month = word(s, 1), .who = text(s->who), .why = text(s->why)};
    return settle_close(s->settle, s->arena, &m, s->info);
}

/* ---- the command ---- */

typedef struct Verb {
    const char *name;
    ErrCode (*run)(SettleApp *s);
    int n_words;
} Verb;

static const Verb verbs[] = {
    {"show", show, 2},         {"sign", sign, 2},     {"take", take, 2},
    {"receipts", receipts, 0}, {"answer", answer, 1}, {"report", report, 3},
    {"close", close_month, 2},
};

static const Verb *read_words(SettleApp *s) {
    const App *app = s->app;
    const Verb *verb = NULL;
    const struct {
        const char *name;
        const char **to;
    } options[] = {{"--who", &s->who},
                   {"--why", &s->why},
                   {"--facility", &s->facility},
                   {"--out", &s->out},
                   {"--closing", &s->closing}};
    for (size_t i = 0; i < ARRAY_LEN(verbs) && app->argc > 0; i++) {
        verb = strcmp(app->argv[0], verbs[i].name) == 0 ? &verbs[i] : verb;
    }
    for (int i = 1; i < app->argc && verb != NULL; i++) {
        const char **to = NULL;
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
            to = strcmp(app->argv[i], options[k].name) == 0 ? options[k].to : to;
        }
        if (to != NULL && i + 1 < app->argc) {
            *to = app->argv[++i];
        } else if (strcmp(app->argv[i], "--final") == 0) {
            s->final = true;
        } else if (to == NULL && s->n_words < verb->n_words) {
            s->words[s->n_words++] = app->argv[i];
        } else {
            return NULL;
        }
    }
    return verb != NULL && s->n_words == verb->n_words ? verb : NULL;
}

static ErrCode open_and_run(SettleApp *s, const Verb *verb) {
    TRY(app_open(s->app, &s->o, s->info));
    ErrCode err = app_book_open(s->app, &s->o, s->info);
    err = err == ERR_OK ? book_start(s->o.book) : err;
    if (err == ERR_OK) {
        (void)book_wait(s->o.book, store_snapshot(s->o.store), INT64_C(24) * 3600 * 1000);
        err = settle_new(&(SettleOptions){.store = s->o.store,
                                          .check = settle_check_by_book,
                                          .check_ctx = s->o.book,
                                          .pins = s->o.pins,
                                          .sign = s->o.sign},
                         &s->settle);
    }
    err = err == ERR_OK ? verb->run(s) : err;
    settle_free(s->settle);
    app_close(&s->o);
    return err;
}

int app_settle(App *app) {
    ErrInfo info = {0};
    SettleApp s = {.app = app, .arena = arena_new(2048 * LIMIT_MIB), .info = &info};
    const Verb *verb = read_words(&s);
    ErrCode err =
        s.arena == NULL ? ERR_NOMEM
        : verb == NULL
            ? err_set(&info, ERR_PARAM, "command",
                      "say: nhip settle show F MA_LK | sign|take F MONTH [--closing MONTH] | "
                      "receipts | "
                      "answer FILE [--facility F] [--final] | report NAME F MONTH [--out "
                      "FILE.csv|.xlsx|.html|.json] | close F MONTH; with --who NAME "
                      "--why TEXT",
                      "dùng: nhip settle show CƠ_SỞ MA_LK | sign|take CƠ_SỞ THÁNG [--closing "
                      "THÁNG] | receipts | answer TỆP [--facility CƠ_SỞ] [--final] | report TÊN "
                      "CƠ_SỞ THÁNG [--out TỆP.csv|.xlsx|.html|.json] | close CƠ_SỞ THÁNG; "
                      "kèm --who TÊN --why LÝ_DO")
            : open_and_run(&s, verb);
    arena_free(s.arena);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
