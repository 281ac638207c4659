/* nhip gateway: what waits for the fund, and what a person decides about it. */
#include "app/app.h"
#include "gateway/gateway.h"

typedef struct GatewayApp {
    App *app;
    Store *store;
    Arena *arena;
    ErrInfo *info;
    const char *words[2], *who, *why, *target;
} GatewayApp;

static GatewayAct act_of(const GatewayApp *g) {
    return (GatewayAct){.who = str_from(g->who == NULL ? "" : g->who),
                        .why = str_from(g->why == NULL ? "" : g->why),
                        .target = str_from(g->target == NULL ? "" : g->target),
                        .now = clock_now_ms(clock_real())};
}

static ErrCode print_notes(GatewayApp *g, GatewayNoteState state, const char *word) {
    enum { PAGE = 200 };
    GatewayNoteAsk ask = {.state = state, .max = PAGE};
    do {
        GatewayNotePage page;
        arena_reset(g->arena);
        TRY(gateway_note_list(g->store, g->arena, &ask, &page));
        for (size_t i = 0; i < page.n; i++) {
            const GatewayNote *n = &page.notes[i];
            bool fresh = state == GATEWAY_NOTE_WAITING && n->failures == 0;
            (void)printf("%s\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\t%u\t" STR_FMT "\n",
                         fresh ? "waiting" : word, STR_ARG(n->target), STR_ARG(n->facility),
                         STR_ARG(n->ma_lk), n->failures, STR_ARG(n->why));
        }
        ask.after = page.next;
        ask.snapshot = page.snapshot;
    } while (ask.after != 0);
    return ERR_OK;
}

static ErrCode print_doors(GatewayApp *g) {
    const Settings *s = &g->app->settings;
    GatewayTargets *targets = NULL;
    if (s->gateway_targets[0] == '\0') {
        return ERR_OK;
    }
    TRY(gateway_targets_load(s->gateway_targets, &targets, g->info));
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < targets->n_targets && err == ERR_OK; i++) {
        GatewayDoor door = {0};
        err = gateway_door_get(g->store, g->arena, targets->targets[i].name, &door);
        (void)printf("%s\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", door.paused ? "paused" : "open",
                     STR_ARG(targets->targets[i].name), STR_ARG(door.who), STR_ARG(door.why));
    }
    gateway_targets_free(targets);
    return err;
}

/* Destinations, then what waits there, first what has to go, then what waits for a person: word,
 * destination, facility, MA_LK, failures, why. */
static ErrCode status(GatewayApp *g) {
    TRY(print_doors(g));
    TRY(print_notes(g, GATEWAY_NOTE_WAITING, "retry"));
    TRY(print_notes(g, GATEWAY_NOTE_HELD, "held"));
    return print_notes(g, GATEWAY_NOTE_REFUSED, "refused");
}

static ErrCode pause_target(GatewayApp *g) {
    GatewayAct act = act_of(g);
    return gateway_door_set(g->store, str_from(g->words[0]), true, &act, g->info);
}

static ErrCode resume(GatewayApp *g) {
    GatewayAct act = act_of(g);
    return gateway_door_set(g->store, str_from(g->words[0]), false, &act, g->info);
}

static ErrCode release(GatewayApp *g) {
    GatewayAct act = act_of(g);
    return gateway_note_release(g->store, str_from(g->words[0]), str_from(g->words[1]), &act,
                                g->info);
}

typedef struct Verb {
    const char *name;
    ErrCode (*run)(GatewayApp *g);
    int n_words;
} Verb;

static const Verb verbs[] = {{"status", status, 0},
                             {"pause", pause_target, 1},
                             {"resume", resume, 1},
                             {"release", release, 2}};

static const Verb *read_words(GatewayApp *g) {
    const App *app = g->app;
    const Verb *verb = app->argc == 0 ? &verbs[0] : NULL;
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs) && verb == NULL; i++) {
        verb = strcmp(app->argv[0], verbs[i].name) == 0 ? &verbs[i] : NULL;
    }
    for (int i = 1; i < app->argc && verb != NULL; i++) {
        if (strcmp(app->argv[i], "--who") == 0 && i + 1 < app->argc) {
            g->who = app->argv[++i];
        } else if (strcmp(app->argv[i], "--why") == 0 && i + 1 < app->argc) {
            g->why = app->argv[++i];
        } else if (strcmp(app->argv[i], "--target") == 0 && i + 1 < app->argc) {
            g->target = app->argv[++i];
        } else if (n < verb->n_words) {
            g->words[n++] = app->argv[i];
        } else {
            return NULL;
        }
    }
    return verb != NULL && n == verb->n_words ? verb : NULL;
}

static ErrCode open_and_run(GatewayApp *g, const Verb *verb) {
    AppStore o;
    TRY(app_open(g->app, &o, g->info));
    g->store = o.store;
    ErrCode err = verb->run(g);
    app_close(&o);
    return err;
}

int app_gateway(App *app) {
    ErrInfo info = {0};
    GatewayApp g = {.app = app, .arena = arena_new(64 * LIMIT_MIB), .info = &info};
    const Verb *verb = read_words(&g);
    ErrCode err = g.arena == NULL ? ERR_NOMEM
                  : verb == NULL
                      ? err_set(&info, ERR_PARAM, "command",
                                "say: nhip gateway status | pause DESTINATION | resume DESTINATION "
                                "| release FACILITY MA_LK [--target DESTINATION], with --who NAME "
                                "--why TEXT",
                                "dùng: nhip gateway status | pause NƠI_NHẬN | resume NƠI_NHẬN | "
                                "release CƠ_SỞ MA_LK [--target NƠI_NHẬN], kèm --who TÊN --why "
                                "LÝ_DO")
                      : open_and_run(&g, verb);
    arena_free(g.arena);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
