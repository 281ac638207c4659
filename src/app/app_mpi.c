/* nhip mpi: who is the same citizen, whose newborn is whose; merging and parting. */
#include "app/app.h"
#include "core/limits.h"
#include "core/progress.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_case.h"
#include "mpi/mpi_run.h"
#include "store/store_scan.h"

#include <unistd.h>

typedef struct MpiApp {
    App *app;
    Store *store;
    Arena *arena;
    ErrInfo *info;
    const char *ids[2], *who, *why;
    bool dry;
} MpiApp;

/* ---- run ---- */

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    Progress *bar = ctx;
    progress_set_total(bar, total);
    uint64_t had = atomic_load(&bar->done);
    progress_done(bar, done > had ? done - had : 0);
}

static ErrCode run_births(MpiApp *m, const MpiRunOptions *o) {
    MpiBirthReport r = {0};
    ErrCode err = mpi_births(o, &r, m->info);
    (void)printf(
        app_say(m->app,
                "%llu newborns: %llu linked with their mothers, %llu parted, %llu for review, %llu "
                "known already, %llu without a record yet, %llu changed meanwhile\n",
                "%llu trẻ sơ sinh: liên kết với mẹ %llu, bỏ liên kết %llu, chờ xem xét %llu, đã có "
                "hồ sơ %llu, chưa có bệnh án riêng %llu, thay đổi giữa chừng %llu\n"),
        (unsigned long long)r.births, (unsigned long long)r.linked, (unsigned long long)r.parted,
        (unsigned long long)r.proposed, (unsigned long long)r.known, (unsigned long long)r.waiting,
        (unsigned long long)r.refused);
    return err;
}

static ErrCode run(MpiApp *m) {
    Progress bar;
    MpiRunReport r = {0};
    const App *app = m->app;
    progress_begin(&bar, &(ProgressOptions){.title = app_say(app, "Match", "Đối chiếu"),
                                            .unit = app_say(app, "pairs", "cặp"),
                                            .vietnamese = app->vietnamese});
    MpiRunOptions o = {.store = m->store,
                       .dry = m->dry,
                       .clock = clock_real(),
                       .stop = &m->app->stop,
                       .progress = on_progress,
                       .progress_ctx = &bar};
    ErrCode err = mpi_run(&o, &r, m->info);
    progress_end(&bar);
    (void)printf(
        app_say(app,
                "%llu patients, %llu pairs compared: %llu merged, %llu for review, %llu "
                "known already, %llu changed meanwhile\n",
                "%llu hồ sơ, đã so %llu cặp: gộp %llu, chờ xem xét %llu, đã có hồ sơ %llu, "
                "thay đổi giữa chừng %llu\n"),
        (unsigned long long)r.patients, (unsigned long long)r.compared,
        (unsigned long long)r.merged, (unsigned long long)r.proposed, (unsigned long long)r.known,
        (unsigned long long)r.refused);
    o.progress = NULL;
    return err == ERR_OK ? run_births(m, &o) : err;
}

/* ---- list ---- */

static Str input_of(Arena *arena, const JsonNode *task, Str what) {
    const JsonNode *list = json_get_lit(task, "input");
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        if (json_str_is(json_path(i, "type.text"), what)) {
            return json_str(arena, json_get_lit(i, "valueString"));
        }
    }
    return STR_EMPTY;
}

static Str certificate_of(Arena *arena, const JsonNode *task) {
    bool is = json_str_is(json_path(task, "identifier.system"), STR(MPI_BIRTH_SYSTEM));
    return is ? json_str(arena, json_path(task, "identifier.value")) : STR_EMPTY;
}

/* "card=same birth-and-sex=differ …" */
static Str agreement(Arena *arena, const JsonNode *task) {
    static const char *const names[] = {"card", "certificates", "persons", "birth-and-sex",
                                        "mother"};
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Str value = input_of(arena, task, str_from(names[i]));
        if (value.len > 0) {
            buf_put_str(&b, b.len > 0 ? STR(" ") : STR_EMPTY);
            buf_put_str(&b, str_from(names[i]));
            buf_put_char(&b, '=');
            buf_put_str(&b, value);
        }
    }
    return arena_str(arena, buf_str(&b));
}

/* patient, patient, status, rule, score, who, why; of a newborn child, mother, status, certificate
 * (id of its RelatedPerson), what agrees, who, why */
static ErrCode print_case(void *ctx, const StoreVersion *v) {
    const MpiApp *m = ctx;
    const JsonNode *task = NULL;
    Arena *a = m->arena;
    arena_reset(a);
    TRY(json_parse(a, v->json, &task, NULL));
    Str birth = certificate_of(a, task);
    bool newborn = birth.len > 0;
    const Str columns[] = {json_str(a, json_path(task, "focus.reference")),
                           json_str(a, json_path(task, "for.reference")),
                           json_str(a, json_get_lit(task, "status")),
                           newborn ? birth : input_of(a, task, STR("rule")),
                           newborn ? agreement(a, task) : input_of(a, task, STR("score")),
                           json_str(a, json_path(task, "owner.display")),
                           json_str(a, json_path(task, "statusReason.text"))};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        (void)printf("%s" STR_FMT, i == 0 ? "" : "\t", STR_ARG(columns[i]));
    }
    (void)printf("\n");
    return ERR_OK;
}

static ErrCode list_of(MpiApp *m, Str code) {
    FhirQueryScope scope = {.type = FHIR_T_TASK,
                            .base_url = STR_EMPTY,
                            .now = clock_now_ms(clock_real()),
                            .info = m->info};
    CLEANUP_ARENA Arena *asked = arena_new(LIMIT_MIB);
    if (asked == NULL) {
        return ERR_NOMEM;
    }
    Str text = arena_printf(asked, "%scode=" MPI_CODE_SYSTEM "|" STR_FMT,
                            m->dry ? "" : "status=requested&", STR_ARG(code));
    return store_scan_found(
        m->store, &(StoreFound){.scope = &scope, .text = text, .each = print_case, .ctx = m});
}

static ErrCode list(MpiApp *m) {
    return list_of(m, STR(MPI_CODE));
}

static ErrCode newborns(MpiApp *m) {
    return list_of(m, STR(MPI_BIRTH_CODE));
}

/* ---- one pair ---- */

static MpiAct act_of(const MpiApp *m) {
    return (MpiAct){.keep = str_from(m->ids[0]),
                    .other = str_from(m->ids[1]),
                    .who = str_from(m->who),
                    .why = str_from(m->why),
                    .now = clock_now_ms(clock_real())};
}

/* Both values and what they say, a field a line. */
static ErrCode explain(MpiApp *m) {
    MpiSideBySide s;
    MpiAct act = act_of(m);
    const App *app = m->app;
    TRY(mpi_side_by_side(m->store, m->arena, &act, &s, m->info));
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        Str a = mpi_field_text(&s.fields[0], f);
        Str b = mpi_field_text(&s.fields[1], f);
        (void)printf("%s\t" STR_FMT "\t" STR_FMT "\t%s\t%+.1f\n", mpi_field_name(f), STR_ARG(a),
                     STR_ARG(b), mpi_level_text(f, mpi_level(s.vector, f), app->vietnamese),
                     s.weights[f]);
    }
    static const char *const decisions[][2] = {
        {"two people", "hai người"}, {"for review", "chờ xem xét"}, {"one person", "một người"}};
    (void)printf("= %s (%s, %.1f bit)" STR_FMT "%s\n",
                 decisions[s.verdict.decision][app->vietnamese], mpi_rule_name(s.verdict.rule),
                 s.verdict.score, STR_ARG(s.status.len > 0 ? STR("; ") : STR_EMPTY),
                 arena_str(m->arena, s.status).ptr);
    return ERR_OK;
}

static ErrCode merge(MpiApp *m) {
    MpiAct act = act_of(m);
    return mpi_merge(m->store, &act, m->info);
}

static ErrCode unmerge(MpiApp *m) {
    MpiAct act = act_of(m);
    return mpi_unmerge(m->store, &act, m->info);
}

static ErrCode differ(MpiApp *m) {
    MpiAct act = act_of(m);
    return mpi_differ(m->store, &act, m->info);
}

static ErrCode reject(MpiApp *m) {
    MpiBirthAct act = {.birth = str_from(m->ids[0]),
                       .who = str_from(m->who),
                       .why = str_from(m->why),
                       .now = clock_now_ms(clock_real())};
    return mpi_birth_reject(m->store, &act, m->info);
}

/* ---- the command ---- */

typedef struct Verb {
    const char *name;
    ErrCode (*run)(MpiApp *m);
    int n_ids;
} Verb;

static const Verb verbs[] = {
    {"list", list, 0},         {"run", run, 0},         {"explain", explain, 2},
    {"merge", merge, 2},       {"unmerge", unmerge, 2}, {"differ", differ, 2},
    {"newborns", newborns, 0}, {"reject", reject, 1},
};

/* Two ids, --who NAME, --why TEXT, --dry-run, --all. */
static const Verb *read_words(MpiApp *m) {
    const App *app = m->app;
    const Verb *verb = app->argc == 0 ? &verbs[0] : NULL;
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs) && verb == NULL; i++) {
        verb = strcmp(app->argv[0], verbs[i].name) == 0 ? &verbs[i] : NULL;
    }
    for (int i = 1; i < app->argc && verb != NULL; i++) {
        const char *word = app->argv[i];
        bool dry = verb->n_ids == 0 && strcmp(word, verb->run == run ? "--dry-run" : "--all") == 0;
        bool who = strcmp(word, "--who") == 0 && i + 1 < app->argc;
        bool why = strcmp(word, "--why") == 0 && i + 1 < app->argc;
        if (dry) {
            m->dry = true;
        } else if (who) {
            m->who = app->argv[++i];
        } else if (why) {
            m->why = app->argv[++i];
        } else if (n < verb->n_ids) {
            m->ids[n++] = word;
        } else {
            return NULL;
        }
    }
    return verb != NULL && n == verb->n_ids ? verb : NULL;
}

static ErrCode open_and_run(App *app, MpiApp *m, const Verb *verb) {
    AppStore o;
    TRY(app_open(app, &o, m->info));
    m->store = o.store;
    ErrCode err = verb->run(m);
    app_close(&o);
    return err;
}

int app_mpi(App *app) {
    ErrInfo info = {0};
    MpiApp m = {.app = app, .arena = arena_new(64 * LIMIT_MIB), .info = &info};
    const Verb *verb = read_words(&m);
    ErrCode err = m.arena == NULL ? ERR_NOMEM
                  : verb == NULL
                      ? err_set(&info, ERR_PARAM, "command",
                                "say: nhip mpi list [--all] | run [--dry-run] | explain ID ID | "
                                "merge KEEP OTHER --who NAME --why TEXT | unmerge … | differ … | "
                                "newborns [--all] | reject CERTIFICATE --who NAME --why TEXT",
                                "dùng: nhip mpi list [--all] | run [--dry-run] | explain ID ID | "
                                "merge GIỮ KIA --who TÊN --why LÝ_DO | unmerge … | differ … | "
                                "newborns [--all] | reject GIẤY_CHỨNG_SINH --who TÊN --why LÝ_DO")
                      : open_and_run(app, &m, verb);
    arena_free(m.arena);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
