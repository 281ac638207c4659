#include "app/app.h"
#include "core/limits.h"
#include "core/log.h"

#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

typedef struct Command {
    const char *name, *args, *en, *vi;
    int (*run)(App *app);
} Command;

static const Command commands[] = {
#define X(name, args, en, vi) {#name, args, en, vi, app_##name},
    COMMAND_LIST(X)
#undef X
};

static App *running; /* for the signal handler */

static void on_signal(int number) {
    (void)number;
    stop_ask(&running->stop);
}

static void catch_signals(App *app) {
    running = app;
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

int app_fail(const App *app, ErrCode err, const ErrInfo *info) {
    const char *what = info == NULL ? "" : app_say(app, info->what_en, info->what_vi);
    (void)fprintf(
        stderr, "nhip: %s%s%s%s%s\n", err_text(err, app->vietnamese), what[0] == '\0' ? "" : ": ",
        what, info == NULL || info->where[0] == '\0' ? "" : " — ", info == NULL ? "" : info->where);
    return err == ERR_PARAM ? 2 : 1;
}

static void print_command(const App *app, const Command *c) {
    bool wide = strlen(c->args) > 36;
    (void)printf("  %-8s %-36s %s\n", c->name, wide ? "" : c->args, app_say(app, c->en, c->vi));
    if (wide) {
        (void)printf("           %s\n", c->args);
    }
}

static bool asks_help(const char *arg) {
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int app_help(App *app) {
    if (app->argc > 0 && strcmp(app->argv[0], "settings") == 0) {
        CLEANUP_BUF Buf out;
        buf_init(&out, LIMIT_MIB);
        settings_print_help(&out);
        (void)fwrite(out.ptr, 1, out.len, stdout);
        return 0;
    }
    (void)printf("%s\n\n  nhip %s [--data %s] …\n\n",
                 app_say(app, "Nhịp: the digital-health platform of a province",
                         "Nhịp: nền tảng y tế số của một tỉnh"),
                 app_say(app, "COMMAND", "LỆNH"), app_say(app, "FOLDER", "THƯ_MỤC"));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        print_command(app, &commands[i]);
    }
    (void)printf("\n%s\n",
                 app_say(app, "nhip help settings: all settings (file, environment, flags).",
                         "nhip help settings: mọi cài đặt (tệp, biến môi trường, cờ)."));
    return 0;
}

int app_version(App *app) {
    (void)app;
    (void)printf("nhip " APP_VERSION "\n");
    return 0;
}

void app_close(AppStore *o) {
    gateway_close(o->gateway);
    sign_key_close(o->sign_key);
    app_book_close(o);
    intake_free(o->intake);
    sign_free(o->sign);
    sign_pins_free(o->pins);
    store_close(o->store);
    subs_free(o->subs);
    ioc_close(o->ioc);
    rest_term_feed_free(o->term_feed);
    term_free(o->term);
}

/* ctx: the App, whose own progress hides behind. */
static void opening_step(void *ctx, uint64_t done, uint64_t total) {
    const App *app = ctx;
    if (app->opening.step != NULL) {
        app->opening.step(app->opening.ctx, done, total);
    }
}

static bool opening_stops(void *ctx) {
    App *app = ctx;
    return stop_asked(&app->stop);
}

static ErrCode open_once(App *app, AppStore *o, ErrInfo *info) {
    *o = (AppStore){0};
    Str dir = str_from(app->settings.data);
    TRY(ioc_open(&(IocOptions){.dir = dir}, &o->ioc, info));
    TRY(subs_new(&o->subs));
    o->views[0] = ioc_view(o->ioc);
    o->views[1] = subs_view(o->subs);
    TRY(term_new(&o->term));
    TRY(rest_term_feed_new(o->term, &o->term_feed, &o->views[2]));
    TRY(store_open(
        &(StoreOptions){.dir = dir,
                        .progress = {opening_step, opening_stops, app},
                        .views = o->views,
                        .n_views = ARRAY_LEN(o->views),
                        .received_retention_days = (unsigned)app->settings.received_retention_days},
        &o->store, info));
    TRY(app_sign_open(app, o, info));
    return intake_new(&(IntakeOptions){.store = o->store,
                                       .received_keep = app->settings.received_keep,
                                       .signature = app_signature(app),
                                       .sign = o->sign,
                                       .signed_take = str_from(app->settings.signed_take)},
                      &o->intake);
}

ErrCode app_open(App *app, AppStore *ret, ErrInfo *info) {
    ErrCode err = open_once(app, ret, info);
    if (err == ERR_OK && ioc_live(ret->ioc).record > store_snapshot(ret->store)) {
        /* Facts of a longer log than this one (a backup was put back): they are made anew. */
        app_close(ret);
        err = ioc_forget(str_from(app->settings.data));
        err = err == ERR_OK ? open_once(app, ret, info) : err;
    }
    if (err != ERR_OK) {
        app_close(ret);
        *ret = (AppStore){0};
    }
    return err;
}

/* What a thread freed stays its own up to 8 MiB, and only blocks of 4 MiB are mapped by themselves:
 * a page of megabytes else gives its memory back to the system after each request and takes other
 * pages for the next one, cleared and charged one by one. By default both follow the largest block
 * that was ever freed, so that one large request decides. */
static void keep_freed_memory(void) {
    (void)mallopt(M_MMAP_THRESHOLD, 4 * (int)LIMIT_MIB);
    (void)mallopt(M_TRIM_THRESHOLD, 8 * (int)LIMIT_MIB);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], SIGN_WORKER_MODE) == 0) { /* started by sign_check */
        return sign_worker_main();
    }
    App app = {.vietnamese = true};
    ErrInfo info = {0};
    keep_freed_memory();
    settings_init(&app.settings);
    catch_signals(&app);
    ErrCode err = settings_load(&app.settings, &argc, argv, environ, &info);
    if (err != ERR_OK) {
        return app_fail(&app, err, &info);
    }
    app.vietnamese = strcmp(app.settings.language, "en") != 0;
    if (app.vietnamese && strcmp(app.settings.language, "vi") != 0) {
        return app_fail(&app,
                        err_set(&info, ERR_PARAM, "language", "language is vi or en, not %s",
                                "ngôn ngữ là vi hoặc en, không phải %s", app.settings.language),
                        &info);
    }
    LogLevel level = LOG_INFO;
    if (log_level_parse(str_from(app.settings.log_level), &level) != ERR_OK) {
        return app_fail(&app,
                        err_set(&info, ERR_PARAM, "log-level", "no log level: %s",
                                "không có mức nhật ký: %s", app.settings.log_level),
                        &info);
    }
    log_set_level(level);
    const char *name = argc > 1 && !asks_help(argv[1]) ? argv[1] : "help";
    app.argc = MAX(argc - 2, 0);
    app.argv = argv + 2;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            if (app.argc > 0 && asks_help(app.argv[0])) {
                print_command(&app, &commands[i]);
                return 0;
            }
            int status = commands[i].run(&app);
            settings_release(&app.settings);
            return status;
        }
    }
    (void)err_set(&info, ERR_PARAM, "command", "unknown command '%s'; see: nhip help",
                  "không có lệnh '%s'; xem: nhip help", name);
    return app_fail(&app, ERR_PARAM, &info);
}
