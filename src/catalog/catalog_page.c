/* Rows as the store keeps them: pages of tab-separated text. A row's page follows from its code and
 * facility, so that a change of some rows leaves the other pages as they were. */
#include "catalog/catalog_int.h"
#include "core/tsv.h"

enum { PAGE_ROWS = 1024 };

size_t catalog_page_count(size_t n_rows) {
    size_t n = 1;
    while (n < CATALOG_PAGES_MAX && n * PAGE_ROWS < n_rows) {
        n *= 2;
    }
    return n;
}

void catalog_page_of_rows(const CatalogRows *rows, size_t n, uint16_t *ret_pages) {
    assert((n & (n - 1)) == 0 && n <= CATALOG_PAGES_MAX);
    for (size_t k = 0; k < rows->n; k++) {
        const CatalogRow *row = &rows->rows[k];
        ret_pages[k] = (uint16_t)(hash64_mix(hash64(row->code), hash64(row->facility)) & (n - 1));
    }
}

ErrCode catalog_page_write(const CatalogSpec *spec, const CatalogRows *rows, const uint16_t *pages,
                           size_t i, Buf *out) {
    for (size_t c = 0; c < spec->n_columns; c++) {
        buf_put_str(out, c > 0 ? STR("\t") : STR_EMPTY);
        buf_put_str(out, spec->columns[c].name);
    }
    buf_put_char(out, '\n');
    for (size_t k = 0; k < rows->n; k++) {
        const CatalogRow *row = &rows->rows[k];
        if (pages[k] != i) {
            continue;
        }
        for (size_t c = 0; c < spec->n_columns; c++) {
            assert(str_find_char(row->values[c], '\t', 0) == SIZE_MAX);
            buf_put_str(out, c > 0 ? STR("\t") : STR_EMPTY);
            buf_put_str(out, row->values[c]);
        }
        buf_put_char(out, '\n');
    }
    return buf_ok(out);
}

/* Columns by name: an edition of another release may have others. */
static ErrCode columns_of(const CatalogSpec *spec, const TsvReader *r, int *ret_columns) {
    for (size_t c = 0; c < spec->n_columns; c++) {
        ret_columns[c] = tsv_column(r, spec->columns[c].name);
    }
    return ret_columns[CATALOG_COL_CODE] < 0 ? ERR_CORRUPT : ERR_OK;
}

ErrCode catalog_page_read(Arena *arena, const CatalogSpec *spec, Str text, CatalogRows *rows) {
    TsvReader r;
    int columns[CATALOG_COLUMNS_MAX];
    if (tsv_init(&r, text, NULL) != ERR_OK) {
        return ERR_CORRUPT;
    }
    TRY(columns_of(spec, &r, columns));
    while (tsv_next(&r)) {
        Str *values = arena_new_array(arena, Str, spec->n_columns);
        CatalogRow *row = values == NULL ? NULL : catalog_rows_add(arena, rows);
        if (row == NULL) {
            return ERR_NOMEM;
        }
        for (size_t c = 0; c < spec->n_columns; c++) {
            values[c] = tsv_get(&r, columns[c]);
        }
        *row = (CatalogRow){.code = values[CATALOG_COL_CODE],
                            .facility = values[CATALOG_COL_FACILITY],
                            .values = values};
        if (!catalog_day(values[CATALOG_COL_SINCE], INT64_MIN, &row->since) ||
            !catalog_day(values[CATALOG_COL_UNTIL], INT64_MAX, &row->until)) {
            return ERR_CORRUPT;
        }
    }
    return tsv_ok(&r, NULL) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}
