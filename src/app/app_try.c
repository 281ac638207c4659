/* nhip rules try: what changed rules would have flagged, by rule, facility and department. Reads
 * the store and book.db as they stand; a server may be running. */
#include "app/app.h"
#include "book/book_try.h"
#include "core/progress.h"
#include "core/time.h"

#define TRY_BYTES (256 * LIMIT_MIB)

typedef struct TryOptions {
    Str month, facility;
    char *rules;
} TryOptions;

static bool read_options(const App *app, TryOptions *o) {
    Str rules = STR_EMPTY;
    const struct {
        const char *name;
        Str *to;
    } options[] = {{"--month", &o->month}, {"--facility", &o->facility}, {"--rules", &rules}};
    for (int i = 1; i < app->argc; i += 2) {
        Str *to = NULL;
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
            to = strcmp(app->argv[i], options[k].name) == 0 ? options[k].to : to;
        }
        if (to == NULL || i + 1 == app->argc) {
            return false;
        }
        *to = str_from(app->argv[i + 1]);
        o->rules = to == &rules ? app->argv[i + 1] : o->rules;
    }
    return o->rules != NULL;
}

/* "2026-10" → 202610; empty: last month. */
static bool month_of(Str text, int *ret) {
    uint64_t year = 0;
    uint64_t month = 0;
    if (text.len == 0) {
        Civil now = time_civil(clock_now_ms(clock_real()), TIME_VN_OFFSET_MIN);
        *ret = now.month == 1 ? (now.year - 1) * 100 + 12 : now.year * 100 + now.month - 1;
        return true;
    }
    bool good = text.len == 7 && text.ptr[4] == '-' &&
                str_to_u64(str_sub(text, 0, 4), &year) == ERR_OK &&
                str_to_u64(str_sub(text, 5, 2), &month) == ERR_OK && month >= 1 && month <= 12;
    *ret = (int)(year * 100 + month);
    return good;
}

static void step(void *ctx, uint64_t done, uint64_t total) {
    Progress *bar = ctx;
    progress_set_total(bar, total);
    uint64_t had = atomic_load(&bar->done);
    progress_done(bar, done > had ? done - had : 0);
}

static void print_report(const App *app, const BookTryReport *r) {
    uint64_t newly = 0;
    uint64_t no_longer = 0;
    (void)printf("%s\n",
                 app_say(app, "rule\tfacility\tdepartment\tnewly\tno longer\tasked of newly (VND)",
                         "quy tắc\tcơ sở\tkhoa\tbáo thêm\tthôi báo\tT_BHTT báo thêm (đồng)"));
    for (size_t i = 0; i < r->n_counts; i++) {
        const BookTryCount *c = &r->counts[i];
        newly += c->n_newly;
        no_longer += c->n_no_longer;
        (void)printf(STR_FMT "\t" STR_FMT "\t" STR_FMT "\t%llu\t%llu\t%lld\n", STR_ARG(c->rule),
                     STR_ARG(c->facility), STR_ARG(c->department), (unsigned long long)c->n_newly,
                     (unsigned long long)c->n_no_longer, (long long)(c->asked_newly / 100));
    }
    (void)fprintf(stderr,
                  app_say(app, "%llu visits asked: %llu newly flagged, %llu no longer\n",
                          "đã xét %llu lượt khám: báo thêm %llu, thôi báo %llu\n"),
                  (unsigned long long)r->n_visits, (unsigned long long)newly,
                  (unsigned long long)no_longer);
    if (r->history_left) {
        (void)fprintf(stderr, "%s\n",
                      app_say(app,
                              "HISTORY and WORK were not checked by the changed rules: they read "
                              "fields that the book does not keep yet",
                              "quy tắc mới chưa được xét HISTORY và WORK: chúng dùng trường mà sổ "
                              "hồ sơ chưa lưu"));
    }
    if (r->n_failed > 0) {
        (void)fprintf(stderr,
                      app_say(app, "%llu too large to be asked\n", "%llu quá lớn, chưa xét\n"),
                      (unsigned long long)r->n_failed);
    }
}

/* How far the book stands behind, when it does. */
static void warn_behind(const App *app, Book *book) {
    BookProgress p;
    if (book_progress(book, &p) == ERR_OK && (p.position < p.snapshot || p.to_renew > 0)) {
        (void)fprintf(stderr,
                      app_say(app,
                              "the book stands at record %llu of %llu, %llu rows are being made "
                              "again: what is behind is not seen\n",
                              "sổ hồ sơ đang ở bản ghi %llu/%llu, còn %llu dòng đang làm lại: phần "
                              "chưa tới không được xét\n"),
                      (unsigned long long)p.position, (unsigned long long)p.snapshot,
                      (unsigned long long)(p.to_renew - p.renewed));
    }
}

static ErrCode try_rules(App *app, AppStore *o, BookTry *what, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(TRY_BYTES);
    BookTryReport report;
    Progress bar;
    BookOptions options = {.store = o->store,
                           .rules = o->rules,
                           .world = catalog_world(o->catalog),
                           .world_digest =
                               arena == NULL ? STR_EMPTY : catalog_digest(o->catalog, arena),
                           .history_days = (unsigned)app->settings.book_history_days,
                           .work_days = (unsigned)app->settings.book_work_days,
                           .read_only = true};
    ErrCode err = arena == NULL ? ERR_NOMEM : book_open(&options, &o->book, info);
    if (err == ERR_NOT_FOUND) {
        return err_set(info, err, "book", "there is no book of claims yet: nhip serve makes it",
                       "chưa có sổ hồ sơ: hãy chạy nhip serve để tạo");
    }
    TRY(err);
    what->book = o->book;
    warn_behind(app, o->book);
    progress_begin(&bar, &(ProgressOptions){.title = app_say(app, "Try", "Thử"),
                                            .unit = app_say(app, "visits", "lượt khám"),
                                            .vietnamese = app->vietnamese});
    what->step = step;
    what->ctx = &bar;
    err = book_try(what, arena, &report);
    progress_end(&bar);
    if (err == ERR_OK) {
        print_report(app, &report);
    }
    return err;
}

static ErrCode open_parts(App *app, AppStore *o, ErrInfo *info) {
    TRY(store_open(&(StoreOptions){.dir = str_from(app->settings.data), .read_only = 1}, &o->store,
                   info));
    return catalog_open(&(CatalogOptions){.store = o->store}, &o->catalog, info);
}

int app_rules_try(App *app) {
    TryOptions options = {.month = STR_EMPTY, .facility = STR_EMPTY};
    BookTry what = {.stop = &app->stop};
    AppStore o = {0};
    Rules *changed = NULL;
    ErrInfo info = {0};
    if (!read_options(app, &options) || !month_of(options.month, &what.month)) {
        return APP_USAGE;
    }
    if (app_rules_load(app, NULL, 0, &o.rules) != ERR_OK ||
        app_rules_load(app, &options.rules, 1, &changed) != ERR_OK) {
        rules_free(o.rules);
        return 1;
    }
    what.facility = options.facility;
    what.changed = changed;
    ErrCode err = open_parts(app, &o, &info);
    err = err == ERR_OK ? try_rules(app, &o, &what, &info) : err;
    app_book_close(&o);
    store_close(o.store);
    rules_free(changed);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
