#include "catalog/catalog_spec.h"

#include <pthread.h>

#include "core/embed.h"
#include "core/tsv.h"

EMBED(catalog_columns, "data/catalogues/columns.tsv")

static CatalogSpec specs[CATALOG_SPECS_MAX];
static size_t n_specs;
static ErrCode specs_err = ERR_OK;
static pthread_once_t specs_once = PTHREAD_ONCE_INIT;

static bool kind_of(Str name, CatalogKind *ret) {
    static const char *const names[] = {
        [CATALOG_TEXT] = "text",     [CATALOG_CODE] = "code", [CATALOG_PRICE] = "price",
        [CATALOG_TOP] = "top",       [CATALOG_SET] = "set",   [CATALOG_DAY] = "day",
        [CATALOG_NUMBER] = "number", [CATALOG_FLAG] = "flag",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_from(names[i]))) {
            *ret = (CatalogKind)i;
            return true;
        }
    }
    return false;
}

static CatalogSpec *find(Str name) {
    for (size_t i = 0; i < n_specs; i++) {
        if (str_eq(specs[i].name, name)) {
            return &specs[i];
        }
    }
    return NULL;
}

/* A column of its name, or one in the place of the one that '*' gave. */
static ErrCode put_column(CatalogSpec *spec, const CatalogColumn *column) {
    int at = catalog_spec_column(spec, column->name);
    if (at >= 0) {
        spec->columns[at] = *column;
        return ERR_OK;
    }
    if (spec->n_columns == CATALOG_COLUMNS_MAX) {
        return ERR_CORRUPT;
    }
    spec->columns[spec->n_columns++] = *column;
    return ERR_OK;
}

enum { F_CATALOGUE, F_COLUMN, F_KIND, F_NEED, F_NAMES, F_VI, F_EN, FIELDS };

static ErrCode read_line(const Str *f, CatalogSpec *common) {
    CatalogColumn column = {.name = f[F_COLUMN],
                            .names = f[F_NAMES],
                            .vi = f[F_VI],
                            .en = f[F_EN],
                            .needed = f[F_NEED].len > 0};
    if (str_eq(f[F_COLUMN], STR("-"))) {
        if (n_specs == CATALOG_SPECS_MAX) {
            return ERR_CORRUPT;
        }
        specs[n_specs] = *common;
        specs[n_specs].name = f[F_CATALOGUE];
        specs[n_specs].vi = f[F_VI];
        specs[n_specs++].en = f[F_EN];
        return ERR_OK;
    }
    bool all = str_eq(f[F_CATALOGUE], STR("*"));
    CatalogSpec *spec = all ? common : find(f[F_CATALOGUE]);
    return spec != NULL && kind_of(f[F_KIND], &column.kind) ? put_column(spec, &column)
                                                            : ERR_CORRUPT;
}

static ErrCode read_specs(void) {
    TsvReader r;
    CatalogSpec common = {0};
    TRY(tsv_init(&r, embed_catalog_columns(), NULL));
    if (r.n_columns != FIELDS) {
        return ERR_CORRUPT;
    }
    while (tsv_next(&r)) {
        TRY(read_line(r.fields, &common));
    }
    assert(str_eq(common.columns[CATALOG_COL_UNTIL].name, STR("until")));
    return tsv_ok(&r, NULL);
}

static void read_once(void) {
    specs_err = read_specs();
}

ErrCode catalog_specs(const CatalogSpec **ret_specs, size_t *ret_n) {
    (void)pthread_once(&specs_once, read_once);
    TRY(specs_err);
    *ret_specs = specs;
    *ret_n = n_specs;
    return ERR_OK;
}

const CatalogSpec *catalog_spec(Str name) {
    const CatalogSpec *all;
    size_t n;
    return catalog_specs(&all, &n) == ERR_OK ? find(name) : NULL;
}

int catalog_spec_column(const CatalogSpec *spec, Str name) {
    for (size_t i = 0; i < spec->n_columns; i++) {
        if (str_eq(spec->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
