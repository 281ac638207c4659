/* nhip claims: claims out of the store. It is opened by one process at a time: while a server runs,
 * GET /api/visits/ID/claim.xml gives one. */
#include "app/app.h"
#include "core/io.h"
#include "intake/intake_claim.h"

static int usage(const App *app) {
    ErrInfo info = {0};
    (void)err_set(&info, ERR_PARAM, "command",
                  "claims export [--facility F] [--month YYYY-MM] [--ma-lk X] --out DIR",
                  "claims export [--facility CƠ_SỞ] [--month NĂM-THÁNG] [--ma-lk X] --out THƯ_MỤC");
    return app_fail(app, ERR_PARAM, &info);
}

static bool is_month(Str s) {
    bool good = s.len == 0 || (s.len == 7 && s.ptr[4] == '-');
    for (size_t i = 0; i < s.len && good; i++) {
        good = i == 4 || (s.ptr[i] >= '0' && s.ptr[i] <= '9');
    }
    return good;
}

/* False: something that is no option. */
static bool read_options(const App *app, ClaimExport *what) {
    const struct {
        const char *name;
        Str *to;
    } options[] = {{"--facility", &what->facility},
                   {"--month", &what->month},
                   {"--ma-lk", &what->ma_lk},
                   {"--out", &what->dir}};
    for (int i = 1; i < app->argc; i += 2) {
        Str *to = NULL;
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
            to = strcmp(app->argv[i], options[k].name) == 0 ? options[k].to : to;
        }
        if (to == NULL || i + 1 == app->argc) {
            return false;
        }
        *to = str_from(app->argv[i + 1]);
    }
    return what->dir.len > 0 && is_month(what->month);
}

static ErrCode export(App *app, ClaimExport *what, ErrInfo *info) {
    AppStore o;
    ClaimExported done = {0};
    TRY(io_mkdirs(what->dir.ptr));
    TRY(app_open(app, &o, info));
    what->store = o.store;
    what->stop = &app->stop;
    ErrCode err = intake_claim_export(what, &done, info);
    app_close(&o);
    (void)printf(app_say(app, "%llu visits in %llu files; %llu left out\n",
                         "%llu lượt khám trong %llu tệp; bỏ qua %llu\n"),
                 (unsigned long long)done.visits, (unsigned long long)done.files,
                 (unsigned long long)done.left_out);
    return err;
}

int app_claims(App *app) {
    ClaimExport what = {.store = NULL};
    ErrInfo info = {0};
    if (app->argc < 1 || strcmp(app->argv[0], "export") != 0 || !read_options(app, &what)) {
        return usage(app);
    }
    ErrCode err = export(app, &what, &info);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
