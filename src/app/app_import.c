#include "app/app.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/progress.h"

#include <unistd.h>

static void print_issue(const App *app, const IntakeIssue *i) {
    (void)fprintf(stderr, "  %s " STR_FMT, i->is_error ? "✗" : "!", STR_ARG(i->file));
    if (i->hoso > 0) {
        (void)fprintf(stderr, " · HOSO %d", i->hoso);
    }
    if (i->ma_lk.len > 0) {
        (void)fprintf(stderr, " · MA_LK " STR_FMT, STR_ARG(i->ma_lk));
    }
    if (i->table.len > 0) {
        (void)fprintf(stderr, " · " STR_FMT, STR_ARG(i->table));
    }
    if (i->line > 0) {
        (void)fprintf(stderr, " · %s %d", app_say(app, "line", "dòng"), i->line);
    }
    if (i->field.len > 0) {
        (void)fprintf(stderr, " · " STR_FMT, STR_ARG(i->field));
    }
    Str what = app->vietnamese ? i->vi : i->en;
    (void)fprintf(stderr, " [" STR_FMT "]\n      " STR_FMT "\n", STR_ARG(i->rule), STR_ARG(what));
}

static void print_report(const App *app, const IntakeReport *r) {
    for (size_t i = 0; i < r->n_issues; i++) {
        if (r->issues[i].is_error) {
            print_issue(app, &r->issues[i]);
        }
    }
    if (r->errors > r->n_issues) {
        (void)fprintf(
            stderr, "  %s\n",
            app_say(app, "… and more; see: nhip rejects", "… và còn nữa; xem: nhip rejects"));
    }
    (void)printf(
        app_say(app,
                "%llu files (%llu known already, %llu unreadable): %llu visits new, %llu changed, "
                "%llu the same, %llu rejected; %llu resources written; %llu warnings\n",
                "%llu tệp (%llu đã có, %llu không đọc được): %llu lượt khám mới, %llu thay đổi, "
                "%llu không đổi, %llu bị từ chối; đã ghi %llu tài nguyên; %llu cảnh báo\n"),
        (unsigned long long)r->files, (unsigned long long)r->files_same,
        (unsigned long long)r->files_failed, (unsigned long long)r->claims_new,
        (unsigned long long)r->claims_changed, (unsigned long long)r->claims_same,
        (unsigned long long)r->claims_rejected, (unsigned long long)r->resources,
        (unsigned long long)r->warnings);
    if (r->files_left_out > 0) {
        (void)printf(app_say(app, "%llu file(s) left out: neither claims nor FHIR\n",
                             "đã bỏ qua %llu tệp: không phải hồ sơ KCB hay FHIR\n"),
                     (unsigned long long)r->files_left_out);
    }
    if (r->rejects_settled > 0) {
        (void)printf(app_say(app, "%llu rejects were taken after all: their Patient has come\n",
                             "đã nhận lại %llu mục từng bị từ chối: Patient của chúng đã đến\n"),
                     (unsigned long long)r->rejects_settled);
    }
}

/* What was taken is not looked at here: nobody should think that the visits are clean. */
static void print_unchecked(const App *app, const IntakeReport *r) {
    uint64_t n = r->claims_new + r->claims_changed;
    if (n > 0) {
        (void)printf(app_say(app,
                             "%llu visits are not checked by the claim rules yet: that happens "
                             "when the server runs (nhip serve)\n",
                             "%llu lượt khám chưa được kiểm tra theo quy tắc giám định: máy chủ sẽ "
                             "kiểm tra khi chạy (nhip serve)\n"),
                     (unsigned long long)n);
    }
}

static ErrCode import_run(App *app, AppStore *o, IntakeReport *report, ErrInfo *info) {
    Progress bar;
    progress_begin(&bar, &(ProgressOptions){
                             .title = app_say(app, "Import", "Nhập"),
                             .unit = app_say(app, "files", "tệp"),
                             .counters = {app_say(app, "visits", "lượt khám"),
                                          app_say(app, "resources", "tài nguyên"),
                                          app_say(app, "rejects", "từ chối")},
                             .vietnamese = app->vietnamese,
                         });
    ErrCode err = intake_run(o->intake,
                             &(IntakeRun){
                                 .paths = (const char *const *)app->argv,
                                 .n_paths = (size_t)app->argc,
                                 .threads = (unsigned)app->settings.import_threads,
                                 .progress = &bar,
                                 .stop = &app->stop,
                             },
                             report, info);
    store_settle(o->store);
    progress_end(&bar);
    return err;
}

int app_import(App *app) {
    ErrInfo info = {0};
    if (app->argc == 0) {
        (void)err_set(&info, ERR_PARAM, "command", "name the files or folders to take in",
                      "hãy cho tên tệp hoặc thư mục cần nhập");
        return app_fail(app, ERR_PARAM, &info);
    }
    AppStore o;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    ErrCode err = arena == NULL ? ERR_NOMEM : app_open(app, &o, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    IntakeReport report = {.arena = arena};
    err = import_run(app, &o, &report, &info);
    print_report(app, &report);
    print_unchecked(app, &report);
    app_close(&o);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}

/* ---- rejects ---- */

static int rejects_list(App *app, Store *store, Arena *arena) {
    uint64_t after = 0;
    size_t n = 0;
    StoreRejectRow *rows = NULL;
    do {
        if (store_reject_list(store, arena, false, after, 500, &rows, &n) != ERR_OK) {
            return 1;
        }
        for (size_t i = 0; i < n; i++) {
            const StoreReject *r = &rows[i].reject;
            (void)printf("%llu\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\t%u\t" STR_FMT "\t" STR_FMT
                         "\t" STR_FMT "\n",
                         (unsigned long long)rows[i].id, STR_ARG(r->file_name), STR_ARG(r->ma_lk),
                         STR_ARG(r->table), r->line, STR_ARG(r->field), STR_ARG(r->rule),
                         STR_ARG(app->vietnamese ? r->vi : r->en));
            after = rows[i].id;
        }
        arena_reset(arena);
    } while (n > 0);
    uint64_t open = 0;
    uint64_t settled = 0;
    if (store_reject_count(store, &open, &settled) == ERR_OK) {
        (void)fprintf(stderr,
                      app_say(app, "%llu open, %llu settled\n", "%llu chưa xử lý, %llu đã xong\n"),
                      (unsigned long long)open, (unsigned long long)settled);
    }
    return 0;
}

static ErrCode rejects_retry(App *app, AppStore *o, Arena *arena, uint64_t id, ErrInfo *info) {
    StoreRejectRow row;
    TRY(store_reject_get(o->store, arena, id, &row));
    IntakeFile file = {.name = row.reject.file_name,
                       .bytes = row.reject.bytes,
                       .actor = STR("retry"),
                       .retry_of = id};
    CLEANUP_BUF Buf repaired;
    buf_init(&repaired, LIMIT_CLAIM_FILE_BYTES);
    if (app->argc > 2) {
        TRY(io_read_file(app->argv[2], LIMIT_CLAIM_FILE_BYTES, &repaired));
        file.bytes = buf_str(&repaired);
    }
    IntakeReport report = {.arena = arena};
    TRY(intake_file(o->intake, &file, &report, info));
    print_report(app, &report);
    return ERR_OK;
}

static ErrCode rejects_show(AppStore *o, Arena *arena, uint64_t id) {
    StoreRejectRow row;
    TRY(store_reject_get(o->store, arena, id, &row));
    return io_write_all(STDOUT_FILENO, row.reject.bytes);
}

static ErrCode rejects_one(App *app, AppStore *o, Arena *arena, ErrInfo *info) {
    uint64_t id = 0;
    bool known = app->argc >= 2 && str_to_u64(str_from(app->argv[1]), &id) == ERR_OK;
    if (known && strcmp(app->argv[0], "show") == 0) {
        return rejects_show(o, arena, id);
    }
    if (known && strcmp(app->argv[0], "retry") == 0) {
        return rejects_retry(app, o, arena, id, info);
    }
    return err_set(info, ERR_PARAM, "command", "say: nhip rejects list | show ID | retry ID [FILE]",
                   "dùng: nhip rejects list | show ID | retry ID [TỆP]");
}

int app_rejects(App *app) {
    ErrInfo info = {0};
    AppStore o;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_CLAIM_FILE_BYTES * 2);
    ErrCode err = arena == NULL ? ERR_NOMEM : app_open(app, &o, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    bool list = app->argc == 0 || strcmp(app->argv[0], "list") == 0;
    int status = list ? rejects_list(app, o.store, arena) : 0;
    err = list ? ERR_OK : rejects_one(app, &o, arena, &info);
    app_close(&o);
    return err == ERR_OK ? status : app_fail(app, err, &info);
}
