/* nhip ig: implementation guides. The store is opened by one process at a time: while a server runs
 * its POST /api/guides does the same. */
#include "rest/rest_guide.h"
#include "app/app.h"
#include "core/io.h"

enum { IG_ARENA = 1 << 30 };

static int usage(const App *app) {
    ErrInfo info = {0};
    (void)err_set(&info, ERR_PARAM, "command",
                  "ig install FILE.tgz, ig list or ig remove NAME#VERSION",
                  "ig install TỆP.tgz, ig list hoặc ig remove TÊN#PHIÊN_BẢN");
    return app_fail(app, ERR_PARAM, &info);
}

static ErrCode install(const App *app, const AppStore *o, Arena *arena, ErrInfo *info) {
    CLEANUP_BUF Buf packed;
    RestGuideReport r;
    buf_init(&packed, LIMIT_PACKAGE_BYTES);
    ErrCode err = io_read_file(app->argv[1], LIMIT_PACKAGE_BYTES, &packed);
    if (err != ERR_OK) {
        err_where(info, "%s", app->argv[1]);
        return err;
    }
    TRY(rest_guide_install(o->intake, arena, buf_str(&packed), &r, info));
    (void)printf(app_say(app,
                         "%.*s#%.*s: %zu resources installed, %zu files passed over, %zu refused\n",
                         "%.*s#%.*s: đã cài %zu tài nguyên, bỏ qua %zu tệp, từ chối %zu\n"),
                 STR_ARG(r.guide.name), STR_ARG(r.guide.version), r.guide.n_resources,
                 r.n_passed_over, r.n_refused);
    if (r.n_refused > 0) {
        Str why = app->vietnamese ? r.first_refused_vi : r.first_refused;
        (void)fprintf(stderr, "  " STR_FMT "\n", STR_ARG(why));
    }
    return ERR_OK;
}

static ErrCode list(const AppStore *o, Arena *arena, ErrInfo *info) {
    RestGuide *guides = NULL;
    size_t n = 0;
    TRY(rest_guide_list(o->store, arena, &guides, &n, info));
    for (size_t i = 0; i < n; i++) {
        (void)printf("%.*s#%.*s\t%zu\n", STR_ARG(guides[i].name), STR_ARG(guides[i].version),
                     guides[i].n_resources);
    }
    return ERR_OK;
}

static ErrCode take_away(const App *app, const AppStore *o, Arena *arena, ErrInfo *info) {
    size_t n = 0;
    TRY(rest_guide_remove(o->intake, arena, str_from(app->argv[1]), &n, info));
    (void)printf(app_say(app, "%zu resources removed\n", "đã gỡ %zu tài nguyên\n"), n);
    return ERR_OK;
}

int app_ig(App *app) {
    const char *what = app->argc > 0 ? app->argv[0] : "";
    bool is_list = app->argc == 1 && strcmp(what, "list") == 0;
    bool is_install = app->argc == 2 && strcmp(what, "install") == 0;
    bool is_remove = app->argc == 2 && strcmp(what, "remove") == 0;
    if (!is_list && !is_install && !is_remove) {
        return usage(app);
    }
    AppStore o;
    ErrInfo info = {0};
    CLEANUP_ARENA Arena *arena = arena_new(IG_ARENA);
    ErrCode err = arena == NULL ? ERR_NOMEM : app_open(app, &o, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    err = is_list      ? list(&o, arena, &info)
          : is_install ? install(app, &o, arena, &info)
                       : take_away(app, &o, arena, &info);
    store_settle(o.store);
    app_close(&o);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
