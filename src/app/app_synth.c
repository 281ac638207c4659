#include "app/app.h"
#include "core/clock.h"
#include "core/progress.h"
#include "synth/synth.h"

typedef struct SynthFlag {
    const char *name;
    uint32_t *value;
} SynthFlag;

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    Progress *bar = ctx;
    progress_set_total(bar, total);
    uint64_t had = atomic_load(&bar->done);
    progress_done(bar, done > had ? done - had : 0);
}

/* The value behind a flag, as "--flag value" or "--flag=value"; moves *at over it. */
static Str flag_value(App *app, int *at, const char *name) {
    Str arg = str_from(app->argv[*at]);
    Str flag = str_from(name);
    if (!str_starts(arg, flag)) {
        return STR_EMPTY;
    }
    if (arg.len > flag.len && arg.ptr[flag.len] == '=') {
        return str_sub(arg, flag.len + 1, arg.len);
    }
    if (arg.len == flag.len && *at + 1 < app->argc) {
        ++*at;
        return str_from(app->argv[*at]);
    }
    return STR_EMPTY;
}

static ErrCode read_flags(App *app, SynthOptions *o, ErrInfo *info) {
    uint32_t seed = 1;
    const SynthFlag flags[] = {
        {"--seed", &seed},
        {"--citizens", &o->citizens},
        {"--visits", &o->visits},
        {"--years", &o->years},
        {"--facilities", &o->facilities},
        {"--claims-per-file", &o->claims_per_file},
        {"--errors-per-mille", &o->errors_per_mille},
        {"--resends-per-mille", &o->resends_per_mille},
        {"--identity-errors-percent", &o->desks_percent},
    };
    for (int i = 0; i < app->argc; i++) {
        if (strcmp(app->argv[i], "--gz") == 0) {
            o->format = SYNTH_GZIP;
            continue;
        }
        Str out = flag_value(app, &i, "--out");
        bool known = out.len > 0;
        if (known) {
            o->out_dir = out.ptr;
        }
        Str mistakes = known ? STR_EMPTY : flag_value(app, &i, "--mistakes");
        known =
            known || (mistakes.len > 0 && synth_mistakes_parse(mistakes, o->mistakes) == ERR_OK);
        for (size_t k = 0; !known && k < ARRAY_LEN(flags); k++) {
            uint64_t n = 0;
            Str value = flag_value(app, &i, flags[k].name);
            if (value.len > 0 && str_to_u64(value, &n) == ERR_OK && n <= UINT32_MAX) {
                *flags[k].value = (uint32_t)n;
                known = true;
            }
        }
        if (!known) {
            return err_set(info, ERR_PARAM, "synth-flag", "'%s' is not understood",
                           "không hiểu '%s'", app->argv[i]);
        }
    }
    o->seed = seed;
    return o->out_dir != NULL ? ERR_OK
                              : err_set(info, ERR_PARAM, "synth-out", "name the folder: --out DIR",
                                        "hãy cho tên thư mục: --out THƯ_MỤC");
}

int app_synth(App *app) {
    SynthOptions o;
    ErrInfo info = {0};
    synth_options_init(&o, time_vn_day(clock_now_ms(clock_real())));
    ErrCode err = read_flags(app, &o, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    Progress bar;
    progress_begin(&bar, &(ProgressOptions){.title = app_say(app, "Synth", "Tạo dữ liệu"),
                                            .unit = app_say(app, "visits", "lượt khám"),
                                            .vietnamese = app->vietnamese});
    SynthReport r = {0};
    o.progress = on_progress;
    o.progress_ctx = &bar;
    o.stop = &app->stop;
    err = synth_run(&o, &r, &info);
    progress_end(&bar);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    (void)printf(app_say(app, "%llu visits of %llu citizens at %llu facilities in %llu files\n",
                         "%llu lượt khám của %llu người dân tại %llu cơ sở trong %llu tệp\n"),
                 (unsigned long long)r.visits, (unsigned long long)r.citizens,
                 (unsigned long long)r.facilities, (unsigned long long)r.files);
    return 0;
}
