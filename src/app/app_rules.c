/* nhip rules: the claim rules, built in and of the province (setting rules_dir). */
#include "app/app.h"
#include "core/io.h"
#include "core/time.h"
#include "rules/rules.h"

enum { RULES_TEXTS_MAX = 1000 };

typedef struct Texts {
    const App *app;
    Arena *arena;
    RulesText *items;
    size_t n;
    size_t errors;
} Texts;

static void on_error(void *ctx, const ErrInfo *info) {
    Texts *t = ctx;
    t->errors++;
    (void)fprintf(stderr, "%s: %s\n", info->where, app_say(t->app, info->what_en, info->what_vi));
}

/* Takes *.rules, *.tsv and *.visit. */
static ErrCode take_file(void *ctx, const char *path, uint64_t bytes) {
    Texts *t = ctx;
    Str name = str_from(path);
    (void)bytes;
    if (!str_ends(name, STR(".rules")) && !str_ends(name, STR(".tsv")) &&
        !str_ends(name, STR(".visit"))) {
        return ERR_OK;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    if (t->n == RULES_TEXTS_MAX) {
        return ERR_LIMIT;
    }
    TRY(io_read_file(path, 64 * LIMIT_MIB, &b));
    const char *slash = strrchr(path, '/');
    t->items[t->n++] = (RulesText){
        .name = arena_str(t->arena, str_from(slash == NULL ? path : slash + 1)),
        .text = arena_str(t->arena, buf_str(&b)),
    };
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

/* The rules in force: built in, then rules_dir, then files named on the command line. Errors are
 * printed one a line. */
static ErrCode load(const App *app, Arena *arena, char **files, int n_files, Rules **ret_rules) {
    Texts t = {.app = app, .arena = arena};
    ErrInfo info = {0};
    t.items = arena_new_array(arena, RulesText, RULES_TEXTS_MAX);
    ErrCode err = t.items == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && app->settings.rules_dir[0] != '\0') {
        err = io_walk(app->settings.rules_dir, take_file, &t);
        if (err != ERR_OK) {
            err_where(&info, "%s", app->settings.rules_dir);
        }
    }
    for (int i = 0; err == ERR_OK && i < n_files; i++) {
        err = take_file(&t, files[i], 0);
        if (err != ERR_OK) {
            err_where(&info, "%s", files[i]);
        }
    }
    if (err == ERR_OK) {
        err = rules_new(
            &(RulesOptions){.own = t.items, .n_own = t.n, .on_error = on_error, .ctx = &t},
            ret_rules, NULL);
    }
    if (err != ERR_OK && t.errors == 0) {
        (void)app_fail(app, err, &info);
    }
    return err;
}

static void print_list(const App *app, const Rules *rules) {
    for (size_t i = 0; i < rules_count(rules); i++) {
        const RulesRule *r = rules_get(rules, i);
        Str text = app->vietnamese ? r->vi : r->en;
        (void)printf(STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(r->id),
                     STR_ARG(rules_weight_name(r->weight)), STR_ARG(text));
    }
}

static int usage(const App *app) {
    ErrInfo info = {0};
    (void)err_set(&info, ERR_PARAM, "command", "rules list [FILE…]", "rules list [TỆP…]");
    return app_fail(app, ERR_PARAM, &info);
}

int app_rules(App *app) {
    const char *what = app->argc > 0 ? app->argv[0] : "";
    if (strcmp(what, "list") != 0) {
        return usage(app);
    }
    Rules *rules = NULL;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_RULES_BYTES);
    if (arena == NULL || load(app, arena, app->argv + 1, app->argc - 1, &rules) != ERR_OK) {
        return 1;
    }
    print_list(app, rules);
    rules_free(rules);
    return 0;
}
