#include "app/app.h"
#include "core/progress.h"

static void step(void *ctx, uint64_t done, uint64_t total) {
    Progress *p = ctx;
    progress_set_total(p, total);
    uint64_t had = atomic_load(&p->done);
    progress_done(p, done > had ? done - had : 0);
}

static StoreProgress show(Progress *p, const App *app, const char *title) {
    progress_begin(p, &(ProgressOptions){.title = title,
                                         .unit = app_say(app, "records", "bản ghi"),
                                         .vietnamese = app->vietnamese});
    return (StoreProgress){.step = step, .ctx = p};
}

static ErrCode open_read_only(App *app, Store **ret_store, ErrInfo *info) {
    StoreOptions o = {.dir = str_from(app->settings.data), .read_only = 1};
    return store_open(&o, ret_store, info);
}

int app_verify(App *app) {
    Store *store = NULL;
    ErrInfo info = {0};
    ErrCode err = open_read_only(app, &store, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    Progress bar;
    StoreProgress progress = show(&bar, app, app_say(app, "Verify", "Kiểm tra"));
    uint64_t records = 0;
    err = store_verify(store, &progress, &records, &info);
    progress_end(&bar);
    store_close(store);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    (void)printf(
        app_say(app, "%llu records: the chain is whole.\n", "%llu bản ghi: chuỗi nguyên vẹn.\n"),
        (unsigned long long)records);
    return 0;
}

/* Index and facts in one pass over the records. */
static ErrCode rebuild(Str dir, const StoreProgress *progress, ErrInfo *info) {
    Ioc *ioc = NULL;
    TRY(ioc_open(&(IocOptions){.dir = dir}, &ioc, info));
    StoreView view = ioc_view(ioc);
    ErrCode err = ioc_reset(ioc);
    if (err == ERR_OK) {
        StoreOptions o = {.dir = dir, .views = &view, .n_views = 1};
        err = store_rebuild(&o, progress, info);
    }
    ioc_close(ioc);
    return err;
}

int app_rebuild(App *app) {
    ErrInfo info = {0};
    Progress bar;
    StoreProgress progress = show(&bar, app, app_say(app, "Rebuild", "Dựng lại"));
    ErrCode err = rebuild(str_from(app->settings.data), &progress, &info);
    progress_end(&bar);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}

/* What the index answers, as one SHA-256: the same before and after a rebuild. */
static int stat_digest(App *app) {
    AppStore o;
    Sha256 digest;
    ErrInfo info = {0};
    ErrCode err = app_open(app, &o, &info);
    if (err == ERR_OK) {
        store_settle(o.store);
        err = store_view_digest(o.store, &digest);
        app_close(&o);
    }
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, 256);
    hex_put(&out, digest.b, sizeof(digest.b));
    (void)printf("view_digest %s sha256\n", buf_cstr(&out));
    return 0;
}

int app_stat(App *app) {
    if (app->argc > 0 && strcmp(app->argv[0], "digest") == 0) {
        return stat_digest(app);
    }
    Store *store = NULL;
    ErrInfo info = {0};
    ErrCode err = open_read_only(app, &store, &info);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    if (err == ERR_OK) {
        err = store_stat(store, &out);
        store_close(store);
    }
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return 0;
}

static int need_file(App *app) {
    ErrInfo info = {0};
    (void)err_set(&info, ERR_PARAM, "command", "name the backup file", "hãy cho tên tệp sao lưu");
    return app_fail(app, ERR_PARAM, &info);
}

int app_backup(App *app) {
    if (app->argc != 1) {
        return need_file(app);
    }
    Store *store = NULL;
    ErrInfo info = {0};
    ErrCode err = open_read_only(app, &store, &info);
    if (err == ERR_OK) {
        Progress bar;
        StoreProgress progress = show(&bar, app, app_say(app, "Backup", "Sao lưu"));
        err = store_backup(store, str_from(app->argv[0]), &progress, &info);
        progress_end(&bar);
        store_close(store);
    }
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}

int app_restore(App *app) {
    if (app->argc != 1) {
        return need_file(app);
    }
    ErrInfo info = {0};
    ErrCode err = store_restore(str_from(app->argv[0]), str_from(app->settings.data), &info);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
