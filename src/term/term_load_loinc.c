/* LOINC's table (Loinc.csv) and SNOMED CT's RF2 snapshots, as their owners give them out. */
#include "term/term_int.h"
#include "term/term_load_int.h"

#define LOINC STR("http://loinc.org")
#define SNOMED STR("http://snomed.info/sct")

/* ---- LOINC ---- */

ErrCode term_load_loinc(TermLoading *l, TermTable *t, ErrInfo *info) {
    static const char *const properties[] = {"COMPONENT", "PROPERTY",  "TIME_ASPCT",
                                             "SYSTEM",    "SCALE_TYP", "METHOD_TYP",
                                             "CLASS",     "STATUS",    "ORDER_OBS"};
    int code = term_table_column(t, "LOINC_NUM");
    int name = term_table_column(t, "LONG_COMMON_NAME");
    int brief = term_table_column(t, "SHORTNAME");
    int consumer = term_table_column(t, "CONSUMER_NAME");
    int status = term_table_column(t, "STATUS");
    int at[ARRAY_LEN(properties)];
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        at[i] = term_table_column(t, properties[i]);
    }
    term_build_system(l->b,
                      &(BuildMeta){.url = LOINC,
                                   .version = l->ask->version,
                                   .id = STR("loinc"),
                                   .name = STR("LOINC"),
                                   .title = STR("LOINC"),
                                   .status = STR("active")},
                      &(BuildSystem){.value_set = STR("http://loinc.org/vs"),
                                     .content = PACK_COMPLETE,
                                     .no_case = true});
    ErrCode err = ERR_OK;
    while ((err = term_table_next(t, info)) == ERR_OK) {
        TermExtra x;
        term_extra_open(&x);
        for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
            term_extra_put(&x, str_from(properties[i]), term_table_get(t, at[i]));
        }
        bool old = str_eq(term_table_get(t, status), STR("DEPRECATED"));
        term_build_concept(
            l->b, &(BuildConcept){.code = str_trim(term_table_get(t, code)),
                                  .display = term_table_get(t, name),
                                  .also = arena_printf(t->row, STR_FMT "\n" STR_FMT,
                                                       STR_ARG(term_table_get(t, brief)),
                                                       STR_ARG(term_table_get(t, consumer))),
                                  .extra = term_extra_close(&x, t->row),
                                  .flags = old ? PACK_INACTIVE : 0});
        l->done.concepts++;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- SNOMED CT ---- */

bool term_is_rf2(const TermTable *t) {
    return t->n_columns > 4 && str_eq(t->columns[0], STR("id")) &&
           str_eq(t->columns[1], STR("effectiveTime")) && str_eq(t->columns[2], STR("active"));
}

#define FSN STR("900000000000003001")
#define DEFINITION STR("900000000000550004")
#define IS_A STR("116680003")

typedef struct Description {
    Str concept, term;
    bool is_fsn, is_vietnamese;
} Description;

typedef struct Rf2 {
    TermLoading *l;
    Description *all;
    size_t n, room;
} Rf2;

static bool is_active(const TermTable *t) {
    return str_eq(t->fields[2], STR("1"));
}

/* Texts point into the file, which outlives the load: RF2 quotes nothing. */
static ErrCode add_description(Rf2 *r, const TermTable *t) {
    int type = term_table_column(t, "typeId");
    if (!is_active(t) || str_eq(term_table_get(t, type), DEFINITION)) {
        return ERR_OK;
    }
    if (r->n == r->room) {
        size_t room = MAX(r->room * 2, (size_t)1024);
        Description *more = realloc(r->all, room * sizeof(*more));
        if (more == NULL) {
            return ERR_NOMEM;
        }
        r->all = more;
        r->room = room;
    }
    Str language = term_table_get(t, term_table_column(t, "languageCode"));
    r->all[r->n++] = (Description){.concept = term_table_get(t, term_table_column(t, "conceptId")),
                                   .term = term_table_get(t, term_table_column(t, "term")),
                                   .is_fsn = str_eq(term_table_get(t, type), FSN),
                                   .is_vietnamese = str_eq(language, STR("vi"))};
    return ERR_OK;
}

static int by_concept(const void *a, const void *b) {
    const Description *x = a;
    const Description *y = b;
    int order = str_cmp(x->concept, y->concept);
    return order != 0 ? order : str_cmp(x->term, y->term);
}

/* The descriptions of a concept: the fully specified name is its display. */
static ErrCode add_concept(Rf2 *r, const TermTable *t) {
    BuildConcept c = {.code = t->fields[0], .flags = is_active(t) ? 0 : PACK_INACTIVE};
    size_t lo = 0;
    size_t hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(r->all[mid].concept, c.code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    Buf also;
    buf_init(&also, LIMIT_MIB);
    for (; lo < r->n && str_eq(r->all[lo].concept, c.code); lo++) {
        const Description *d = &r->all[lo];
        Str *to = d->is_vietnamese ? &c.display_vi : &c.display;
        if (to->len == 0 || (d->is_fsn && !d->is_vietnamese)) {
            *to = d->term;
        }
        buf_put_str(&also, d->term);
        buf_put_char(&also, '\n');
    }
    c.also = buf_str(&also);
    term_build_concept(r->l->b, &c);
    ErrCode err = buf_ok(&also);
    buf_release(&also);
    r->l->done.concepts++;
    return err;
}

static ErrCode add_relationship(Rf2 *r, const TermTable *t) {
    if (is_active(t) && str_eq(term_table_get(t, term_table_column(t, "typeId")), IS_A)) {
        term_build_parent(r->l->b, term_table_get(t, term_table_column(t, "sourceId")),
                          term_table_get(t, term_table_column(t, "destinationId")));
    }
    return ERR_OK;
}

/* Calls add for the rows of each file that has the column. */
static ErrCode each_row(Rf2 *r, const char *column, ErrCode (*add)(Rf2 *r, const TermTable *t),
                        bool *ret_found, ErrInfo *info) {
    for (size_t i = 0; i < r->l->ask->n_files; i++) {
        TermTable t;
        ErrCode err = term_table_init(&t, r->l->arena, &r->l->ask->files[i], info);
        bool mine = err == ERR_OK && term_is_rf2(&t) && term_table_column(&t, column) >= 0;
        while (mine && (err = term_table_next(&t, info)) == ERR_OK &&
               (err = add(r, &t)) == ERR_OK) {
        }
        term_table_release(&t);
        *ret_found = *ret_found || mine;
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return err;
        }
    }
    return ERR_OK;
}

static ErrCode load_all(Rf2 *r, ErrInfo *info) {
    bool has[3] = {false, false, false};
    TRY(each_row(r, "languageCode", add_description, &has[0], info));
    if (r->n > 0) {
        qsort(r->all, r->n, sizeof(*r->all), by_concept);
    }
    TRY(each_row(r, "definitionStatusId", add_concept, &has[1], info));
    TRY(each_row(r, "destinationId", add_relationship, &has[2], info));
    return has[0] && has[1] && has[2]
               ? ERR_OK
               : err_set(info, ERR_PARAM, "term-rf2",
                         "name the snapshots of concepts, descriptions and relationships together",
                         "hãy cho cả ba tệp snapshot: concept, description, relationship");
}

ErrCode term_load_rf2(TermLoading *l, ErrInfo *info) {
    Rf2 r = {.l = l};
    term_build_system(l->b,
                      &(BuildMeta){.url = SNOMED,
                                   .version = l->ask->version,
                                   .id = STR("sct"),
                                   .name = STR("SNOMED_CT"),
                                   .title = STR("SNOMED CT"),
                                   .status = STR("active")},
                      &(BuildSystem){.value_set = STR("http://snomed.info/sct?fhir_vs"),
                                     .content = PACK_COMPLETE,
                                     .lax_parents = true});
    ErrCode err = load_all(&r, info);
    free(r.all);
    return err;
}
