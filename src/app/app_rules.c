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
ErrCode app_rules_load(const App *app, char **files, int n_files, Rules **ret_rules) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_RULES_BYTES);
    Texts t = {.app = app, .arena = arena};
    ErrInfo info = {0};
    t.items = arena == NULL ? NULL : arena_new_array(arena, RulesText, RULES_TEXTS_MAX);
    ErrCode err = t.items == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && app->settings.rules_dir[0] != '\0') {
        err = io_walk(app->settings.rules_dir, take_file, &t);
        if (err != ERR_OK) {
            err_where(&info, "%s", app->settings.rules_dir);
        }
    }
    for (int i = 0; err == ERR_OK && i < n_files; i++) {
        err = io_walk(files[i], take_file, &t);
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

static void explain(const App *app, const RulesRule *r) {
    (void)printf(STR_FMT "\n\n  " STR_FMT "\n  " STR_FMT "\n\n", STR_ARG(r->id),
                 STR_ARG(app->vietnamese ? r->vi : r->en),
                 STR_ARG(app->vietnamese ? r->fix_vi : r->fix_en));
    if (r->when.len > 0) {
        (void)printf("  when    " STR_FMT "\n", STR_ARG(r->when));
    }
    (void)printf("  must    " STR_FMT "\n", STR_ARG(r->must));
    (void)printf("  weight  " STR_FMT "\n", STR_ARG(rules_weight_name(r->weight)));
    CLEANUP_BUF Buf dates;
    buf_init(&dates, 64);
    if (r->since != INT64_MIN) {
        buf_put_lit(&dates, "  since   ");
        time_put_days(&dates, r->since);
        buf_put_lit(&dates, "\n");
    }
    if (r->until != INT64_MAX) {
        buf_put_lit(&dates, "  until   ");
        time_put_days(&dates, r->until);
        buf_put_lit(&dates, "\n");
    }
    (void)printf(STR_FMT "  law     " STR_FMT "\n  %s    " STR_FMT ":%d%s\n",
                 STR_ARG(buf_str(&dates)), STR_ARG(r->law), app_say(app, "file", "tệp "),
                 STR_ARG(r->file), r->line,
                 r->own ? app_say(app, " (own)", " (riêng của tỉnh)") : "");
}

typedef struct Score {
    const App *app;
    size_t rules, passed, total;
    const RulesRule *last;
} Score;

static void on_case(void *ctx, const RulesCaseResult *r) {
    Score *s = ctx;
    s->total++;
    s->passed += r->passed;
    s->rules += s->last != r->rule;
    s->last = r->rule;
    if (!r->passed) {
        Str why = s->app->vietnamese ? r->vi : r->en;
        (void)printf(STR_FMT ":%d: " STR_FMT ": %s " STR_FMT ": " STR_FMT "\n",
                     STR_ARG(r->rule->file), r->line, STR_ARG(r->rule->id),
                     r->good ? "good" : "bad", STR_ARG(r->text), STR_ARG(why));
    }
}

/* All cases, or those of the files that were named. */
static int test(const App *app, const Rules *rules, char **files, int n_files) {
    Score score = {.app = app};
    ErrCode err = n_files == 0 ? rules_test(rules, STR_EMPTY, on_case, &score) : ERR_OK;
    for (int i = 0; i < n_files && err == ERR_OK; i++) {
        const char *slash = strrchr(files[i], '/');
        err = rules_test(rules, str_from(slash == NULL ? files[i] : slash + 1), on_case, &score);
    }
    if (err != ERR_OK) {
        return app_fail(app, err, NULL);
    }
    (void)printf("rules %zu/%zu\n", score.passed, score.total);
    return score.passed == score.total ? 0 : 1;
}

static int usage(const App *app) {
    ErrInfo info = {0};
    (void)err_set(&info, ERR_PARAM, "command",
                  "rules list [FILE…], rules explain ID, rules test [FILE…] or "
                  "rules try --rules FILE|DIR [--month YYYY-MM] [--facility F]",
                  "rules list [TỆP…], rules explain MÃ, rules test [TỆP…] hoặc "
                  "rules try --rules TỆP|THƯ_MỤC [--month NĂM-THÁNG] [--facility CƠ_SỞ]");
    return app_fail(app, ERR_PARAM, &info);
}

static int explain_one(const App *app, const Rules *rules, const char *id) {
    const RulesRule *r = rules_find(rules, str_from(id));
    if (r != NULL) {
        explain(app, r);
        return 0;
    }
    ErrInfo info = {0};
    (void)err_set(&info, ERR_NOT_FOUND, "rule", "no rule %s", "không có quy tắc %s", id);
    return app_fail(app, ERR_NOT_FOUND, &info);
}

int app_rules(App *app) {
    const char *what = app->argc > 0 ? app->argv[0] : "";
    bool is_list = strcmp(what, "list") == 0;
    bool is_explain = strcmp(what, "explain") == 0 && app->argc == 2;
    bool is_test = strcmp(what, "test") == 0;
    if (strcmp(what, "try") == 0) {
        int tried = app_rules_try(app);
        return tried == APP_USAGE ? usage(app) : tried;
    }
    if (!is_list && !is_explain && !is_test) {
        return usage(app);
    }
    Rules *rules = NULL;
    char **files = app->argv + 1;
    int n_files = is_explain ? 0 : app->argc - 1;
    if (app_rules_load(app, files, n_files, &rules) != ERR_OK) {
        return 1;
    }
    int status = 0;
    if (is_list) {
        print_list(app, rules);
    } else if (is_test) {
        status = test(app, rules, files, n_files);
    } else {
        status = explain_one(app, rules, app->argv[1]);
    }
    rules_free(rules);
    return status;
}
