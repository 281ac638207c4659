#include "api/api.h"
#include "app/app.h"
#include "core/log.h"
#include "rest/rest_door.h"

#include <time.h>
#include <unistd.h>

int app_routes(App *app) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    ErrInfo info = {0};
    ErrCode err = api_print_routes(&out, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return 0;
}

static void wait_for_stop(const App *app) {
    while (!stop_asked(&app->stop)) {
        struct timespec nap = {.tv_nsec = 50 * 1000000L};
        (void)nanosleep(&nap, NULL);
    }
}

static ErrCode serve(App *app, AppStore *o, RestDoor *door, ErrInfo *info) {
    Api *api = NULL;
    TRY(app_term_attach(app, o->term));
    TRY(rest_term_load(o->term_feed, o->store, info));
    TRY(api_start(&(ApiOptions){.store = o->store,
                                .intake = o->intake,
                                .ioc = o->ioc,
                                .subs = o->subs,
                                .term = o->term,
                                .term_feed = o->term_feed,
                                .settings = &app->settings,
                                .door = door},
                  &api, info));
    bool v6 = strchr(app->settings.listen, ':') != NULL;
    (void)printf(
        app_say(app,
                "Nhịp is serving on %s://%s%s%s:%d (this machine only: there is no sign-in yet)\n",
                "Nhịp đang chạy tại %s://%s%s%s:%d (chỉ trên máy này: chưa có đăng nhập)\n"),
        app->settings.tls_cert[0] == '\0' ? "http" : "https", v6 ? "[" : "", app->settings.listen,
        v6 ? "]" : "", (int)api_port(api));
    (void)fflush(stdout);
    wait_for_stop(app);
    api_stop(api);
    return ERR_OK;
}

static void opening_step(void *door, uint64_t done, uint64_t total) {
    rest_door_progress(door, done, total);
}

/* The address answers before the data is open: on a large province that may take minutes. */
int app_serve(App *app) {
    AppStore o;
    ErrInfo info = {0};
    RestDoor *door = NULL;
    ErrCode err = rest_door_open(&app->settings, NULL, &door, &info);
    app->opening = (StoreProgress){.step = opening_step, .ctx = door};
    err = err == ERR_OK ? app_open(app, &o, &info) : err;
    if (err == ERR_OK) {
        err = serve(app, &o, door, &info);
        app_close(&o);
    }
    rest_door_free(door);
    bool stopped = err == ERR_STOPPED && stop_asked(&app->stop);
    return err == ERR_OK || stopped ? 0 : app_fail(app, err, &info);
}
