/* catalog_spec.h — which catalogues there are and which columns they have, from
 * data/catalogues/columns.tsv, embedded. Everything is constant once catalog_specs returned: any
 * thread. Errors: ERR_CORRUPT (a bad line: a mistake of ours), ERR_NOMEM. */
#ifndef NHIP_CATALOG_CATALOG_SPEC_H
#define NHIP_CATALOG_CATALOG_SPEC_H

#include "core/str.h"

typedef enum CatalogKind {
    CATALOG_TEXT,
    CATALOG_CODE,
    CATALOG_PRICE,
    CATALOG_TOP, /* a price: of several rows with one key the highest counts */
    CATALOG_SET, /* values joined by ';': of several rows with one key all count */
    CATALOG_DAY,
    CATALOG_NUMBER,
    CATALOG_FLAG,
} CatalogKind;

typedef struct CatalogColumn {
    Str name;  /* "price": what rules ask for */
    Str names; /* spellings in a table's header, joined by ';' */
    Str vi, en;
    CatalogKind kind;
    bool needed;
} CatalogColumn;

/* The first columns of each catalogue. */
enum { CATALOG_COL_CODE, CATALOG_COL_FACILITY, CATALOG_COL_SINCE, CATALOG_COL_UNTIL };
enum { CATALOG_COLUMNS_MAX = 24, CATALOG_SPECS_MAX = 16 };

typedef struct CatalogSpec {
    Str name; /* "dich-vu" */
    Str vi, en;
    CatalogColumn columns[CATALOG_COLUMNS_MAX];
    size_t n_columns;
} CatalogSpec;

MUST_USE ErrCode catalog_specs(const CatalogSpec **ret_specs, size_t *ret_n);
const CatalogSpec *catalog_spec(Str name);                  /* NULL: none, or catalog_specs fails */
int catalog_spec_column(const CatalogSpec *spec, Str name); /* -1: none */

#endif
