#include "api/api.h"
#include "app/app.h"
#include "core/log.h"
#include "mpi/mpi_follow.h"
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

/* The way out to the fund, when one is set up. */
static ErrCode open_gateway(const App *app, AppStore *o, ErrInfo *info) {
    const Settings *s = &app->settings;
    return s->gateway_targets[0] == '\0'
               ? ERR_OK
               : gateway_open(&(GatewayOptions){.store = o->store,
                                                .failures = (unsigned)s->gateway_failures,
                                                .senders = (unsigned)s->gateway_senders,
                                                .retry_ms = (unsigned)s->gateway_retry_ms,
                                                .targets = s->gateway_targets,
                                                .codes = s->gateway_codes,
                                                .timeout_s = (unsigned)s->gateway_timeout_s,
                                                .card_keep_h = (unsigned)s->card_keep_h,
                                                .card_keep_bad_min = (unsigned)s->card_keep_bad_min,
                                                .card_rate = (unsigned)s->card_rate},
                              &o->gateway, info);
}

static ErrCode serve(App *app, AppStore *o, RestDoor *door, ErrInfo *info) {
    Api *api = NULL;
    TRY(app_term_attach(app, o->term));
    TRY(rest_term_load(o->term_feed, o->store, info));
    TRY(open_gateway(app, o, info));
    if (o->gateway != NULL) {
        intake_forward(o->intake, gateway_checkins_to, o->gateway);
    }
    TRY(app_book_open(app, o, info));
    if (app->settings.sign_key[0] != '\0') {
        TRY(app_sign_key(app, &o->sign_key, info));
    }
    TRY(api_start(&(ApiOptions){.store = o->store,
                                .intake = o->intake,
                                .ioc = o->ioc,
                                .catalog = o->catalog,
                                .subs = o->subs,
                                .term = o->term,
                                .term_feed = o->term_feed,
                                .rules = o->rules,
                                .book = o->book,
                                .gateway = o->gateway,
                                .sign_key = o->sign_key,
                                .pins = o->pins,
                                .sign = o->sign,
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
    MpiFollow *newborns = NULL;
    ErrCode err = book_start(o->book);
    err = err == ERR_OK ? mpi_follow_start(o->store, &newborns, info) : err;
    if (err == ERR_OK) {
        wait_for_stop(app);
    }
    mpi_follow_stop(newborns);
    gateway_stop(o->gateway);
    api_stop(api);
    return err;
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
