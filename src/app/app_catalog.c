/* nhip catalog: tables of services, drugs, supplies … looked at, taken in, rolled back. */
#include "app/app.h"
#include "catalog/catalog.h"
#include "core/io.h"

#include <time.h>

typedef struct CatalogApp {
    App *app;
    Catalog *catalog;
    Arena *arena;
    ErrInfo *info;
    const char *words[3]; /* behind the command */
    size_t n_words;
    const char *who, *why, *facility, *sheet, *plan;
    int64_t since;
    bool whole;
} CatalogApp;

/* ---- flags ---- */

static ErrCode fail_usage(const CatalogApp *c) {
    return err_set(c->info, ERR_PARAM, "catalog-usage",
                   "nhip catalog list | preview NAME FILE | import NAME FILE | history NAME | "
                   "rollback NAME EDITION | export NAME FILE",
                   "nhip catalog list | preview TÊN TỆP | import TÊN TỆP | history TÊN | "
                   "rollback TÊN PHIÊN_BẢN | export TÊN TỆP");
}

static ErrCode read_flags(CatalogApp *c) {
    const App *app = c->app;
    const char *since = NULL;
    const struct {
        const char *name;
        const char **value;
    } flags[] = {{"--who", &c->who},     {"--why", &c->why},  {"--facility", &c->facility},
                 {"--sheet", &c->sheet}, {"--since", &since}, {"--plan", &c->plan}};
    for (int i = 0; i < app->argc; i++) {
        const char **value = NULL;
        for (size_t k = 0; k < ARRAY_LEN(flags); k++) {
            value = strcmp(app->argv[i], flags[k].name) == 0 ? flags[k].value : value;
        }
        if (value != NULL && i + 1 < app->argc) {
            *value = app->argv[++i];
        } else if (strcmp(app->argv[i], "--whole") == 0) {
            c->whole = true;
        } else if (app->argv[i][0] != '-' && c->n_words < ARRAY_LEN(c->words)) {
            c->words[c->n_words++] = app->argv[i];
        } else {
            return fail_usage(c);
        }
    }
    FhirTime t;
    c->since = INT64_MIN;
    if (since != NULL) {
        if (strlen(since) != 10 || time_read_fhir(str_from(since), &t) != ERR_OK) {
            return err_set(c->info, ERR_PARAM, "day", "--since is a day like 2026-10-01",
                           "--since là ngày dạng 2026-10-01");
        }
        c->since = time_vn_day(t.lo);
    }
    return ERR_OK;
}

/* ---- showing ---- */

static void print_edition(const CatalogApp *c, const CatalogEdition *e) {
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_vn(&time, e->time);
    (void)printf("%u\t%s\t%llu\t+%llu ~%llu -%llu\t" STR_FMT "\t" STR_FMT "\t" STR_FMT, e->number,
                 buf_cstr(&time), (unsigned long long)e->rows, (unsigned long long)e->added,
                 (unsigned long long)e->changed, (unsigned long long)e->ended, STR_ARG(e->who),
                 STR_ARG(e->why), STR_ARG(e->file));
    if (e->restored > 0) {
        (void)printf(app_say(c->app, "\tas edition %u", "\tnhư phiên bản %u"), e->restored);
    }
    if (e->damaged) {
        (void)fputs(app_say(c->app, "\tnewer one damaged", "\tphiên bản mới hơn bị hỏng"), stdout);
    }
    (void)printf("\n");
}

static ErrCode list(CatalogApp *c) {
    CatalogState *states = NULL;
    size_t n = 0;
    TRY(catalog_list(c->catalog, c->arena, &states, &n));
    for (size_t i = 0; i < n; i++) {
        const CatalogSpec *spec = states[i].spec;
        Str title = c->app->vietnamese ? spec->vi : spec->en;
        (void)printf(STR_FMT "\t" STR_FMT "\t", STR_ARG(spec->name), STR_ARG(title));
        if (states[i].edition.number > 0) {
            print_edition(c, &states[i].edition);
        } else {
            (void)printf("%s\n", app_say(c->app, "not loaded", "chưa nhập"));
        }
    }
    return ERR_OK;
}

static ErrCode history(CatalogApp *c) {
    CatalogEdition *editions = NULL;
    size_t n = 0;
    TRY(catalog_history(c->catalog, c->arena, str_from(c->words[1]), 200, &editions, &n));
    for (size_t i = 0; i < n; i++) {
        print_edition(c, &editions[i]);
    }
    return ERR_OK;
}

static Str text_of_day(Arena *arena, int64_t day) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 64);
    if (day != INT64_MIN && day != INT64_MAX) {
        time_put_days(&b, day);
    }
    return arena_str(arena, buf_str(&b));
}

static void print_diff(const CatalogApp *c, const CatalogDiff *d) {
    static const char signs[CATALOG_DIFFS] = {'+', '>', '~', '-'};
    (void)printf("%c\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\t" STR_FMT, signs[d->kind],
                 STR_ARG(d->code), STR_ARG(d->facility), STR_ARG(text_of_day(c->arena, d->since)),
                 STR_ARG(d->name));
    for (size_t i = 0; i < d->n_changes; i++) {
        const CatalogChange *x = &d->changes[i];
        (void)printf("\t" STR_FMT ": " STR_FMT " → " STR_FMT, STR_ARG(x->column),
                     STR_ARG(x->before), STR_ARG(x->after));
    }
    (void)printf("\n");
}

static void print_plan(const CatalogApp *c, const CatalogPlan *p) {
    const App *app = c->app;
    for (size_t i = 0; i < p->n_diffs; i++) {
        print_diff(c, &p->diffs[i]);
    }
    for (size_t i = 0; i < p->n_issues; i++) {
        const CatalogIssue *x = &p->issues[i];
        Str what = app->vietnamese ? x->vi : x->en;
        (void)printf(
            app_say(app, "! row %zu, " STR_FMT " <" STR_FMT ">: " STR_FMT " [" STR_FMT "]\n",
                    "! dòng %zu, " STR_FMT " <" STR_FMT ">: " STR_FMT " [" STR_FMT "]\n"),
            x->row, STR_ARG(x->column), STR_ARG(x->value), STR_ARG(what), STR_ARG(x->rule));
    }
    for (size_t i = 0; i < p->n_left; i++) {
        (void)printf(
            app_say(app, "column not taken: " STR_FMT "\n", "cột không lấy: " STR_FMT "\n"),
            STR_ARG(p->left[i]));
    }
    (void)printf(
        app_say(app,
                "%zu rows: %zu new, %zu with new values, %zu corrected, %zu ended, %zu the "
                "same, %zu bad; %zu rows afterwards\nplan %.*s\n",
                "%zu dòng: %zu mới, %zu có giá trị mới, %zu đính chính, %zu kết thúc, %zu "
                "không đổi, %zu lỗi; sau đó còn %zu dòng\nbản xem trước %.*s\n"),
        p->rows, p->n_by_kind[CATALOG_NEW], p->n_by_kind[CATALOG_NEXT],
        p->n_by_kind[CATALOG_CHANGED], p->n_by_kind[CATALOG_ENDED], p->n_same, p->n_bad, p->n_after,
        STR_ARG(p->id));
}

/* ---- taking in ---- */

static CatalogAct act_of(const CatalogApp *c) {
    const char *user = getenv("USER");
    const char *who = c->who != NULL ? c->who : user;
    return (CatalogAct){.catalogue = str_from(c->words[1]),
                        .who = str_from(who == NULL ? "" : who),
                        .why = str_from(c->why == NULL ? "" : c->why)};
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static ErrCode preview(CatalogApp *c, CatalogPlan *ret_plan) {
    CLEANUP_BUF Buf bytes;
    buf_init(&bytes, LIMIT_REQUEST_BYTES);
    ErrCode err = io_read_file(c->words[2], LIMIT_REQUEST_BYTES, &bytes);
    if (err != ERR_OK) {
        return err_set(c->info, err, "catalog-file", "cannot read %s", "không đọc được %s",
                       c->words[2]);
    }
    CatalogTable table = {.catalogue = str_from(c->words[1]),
                          .file = str_from(file_name(c->words[2])),
                          .bytes = buf_str(&bytes),
                          .sheet = str_from(c->sheet == NULL ? "" : c->sheet),
                          .facility = str_from(c->facility == NULL ? "" : c->facility),
                          .since = c->since,
                          .whole = c->whole};
    TRY(catalog_preview(c->catalog, c->arena, &table, ret_plan, c->info));
    print_plan(c, ret_plan);
    return ERR_OK;
}

/* A table that changes nothing is no error here: a script may run again. */
static ErrCode import(CatalogApp *c) {
    CatalogPlan plan;
    CatalogEdition edition;
    size_t n = 0;
    TRY(preview(c, &plan));
    if (c->plan != NULL && !str_eq(plan.id, str_from(c->plan))) {
        return err_set(c->info, ERR_CONFLICT, "catalogue-base",
                       "the catalogue or the file has changed since that preview",
                       "danh mục hoặc tệp đã thay đổi sau bản xem trước đó");
    }
    for (int i = 0; i < CATALOG_DIFFS; i++) {
        n += plan.n_by_kind[i];
    }
    if (n == 0) {
        return ERR_OK;
    }
    CatalogAct act = act_of(c);
    act.plan = plan.id;
    TRY(catalog_accept(c->catalog, c->arena, &act, &edition, c->info));
    print_edition(c, &edition);
    return ERR_OK;
}

static ErrCode roll_back(CatalogApp *c) {
    CatalogEdition edition;
    uint64_t to;
    if (str_to_u64(str_from(c->words[2]), &to) != ERR_OK || to == 0 || to > UINT32_MAX) {
        return fail_usage(c);
    }
    CatalogAct act = act_of(c);
    act.to = (uint32_t)to;
    TRY(catalog_roll_back(c->catalog, c->arena, &act, &edition, c->info));
    print_edition(c, &edition);
    return ERR_OK;
}

static ErrCode put_to_file(void *file, Str bytes) {
    return fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len ? ERR_OK : ERR_IO;
}

static ErrCode export_rows(CatalogApp *c) {
    CLEANUP_FILE FILE *f = fopen(c->words[2], "wb");
    if (f == NULL) {
        return err_set(c->info, ERR_IO, "catalog-file", "cannot write %s", "không ghi được %s",
                       c->words[2]);
    }
    bool xlsx = str_ends(str_from(c->words[2]), STR(".xlsx"));
    CatalogExport what = {
        .ask = {.catalogue = str_from(c->words[1]),
                .facility = str_from(c->facility == NULL ? "" : c->facility),
                .day = c->since,
                .max = LIMIT_SHEET_ROWS - 1},
        .how = {.kind = xlsx ? SHEET_WRITE_XLSX : SHEET_WRITE_CSV, .put = put_to_file, .ctx = f},
        .vietnamese = c->app->vietnamese};
    TRY(catalog_export(c->catalog, &what, c->info));
    return fflush(f) == 0 ? ERR_OK : ERR_IO;
}

static ErrCode run(CatalogApp *c) {
    CatalogPlan plan;
    Str what = str_from(c->n_words == 0 ? "list" : c->words[0]);
    if (c->n_words <= 1 && str_eq(what, STR("list"))) {
        return list(c);
    }
    if (c->n_words == 2 && str_eq(what, STR("history"))) {
        return history(c);
    }
    if (c->n_words != 3) {
        return fail_usage(c);
    }
    return str_eq(what, STR("preview"))    ? preview(c, &plan)
           : str_eq(what, STR("import"))   ? import(c)
           : str_eq(what, STR("rollback")) ? roll_back(c)
           : str_eq(what, STR("export"))   ? export_rows(c)
                                           : fail_usage(c);
}

static ErrCode open_and_run(CatalogApp *c, Store *store) {
    TRY(catalog_open(&(CatalogOptions){.store = store}, &c->catalog, c->info));
    ErrCode err = run(c);
    arena_reset(c->arena); /* what it holds of the catalogue ends before the catalogue */
    catalog_close(c->catalog);
    return err;
}

int app_catalog(App *app) {
    AppStore o;
    ErrInfo info = {0};
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_SHEET_BYTES);
    CatalogApp c = {.app = app, .arena = arena, .info = &info};
    ErrCode err = arena == NULL ? ERR_NOMEM : read_flags(&c);
    err = err == ERR_OK ? app_open(app, &o, &info) : err;
    if (err == ERR_OK) {
        err = open_and_run(&c, o.store);
        app_close(&o);
    }
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
