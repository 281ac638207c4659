/* Tables of any form as catalogues: the first byte chooses which. What is taken of a table comes
 * back the same from its pages, and can be looked up. */
#include "catalog/catalog_int.h"
#include "core/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok) {
    if (!ok) {
        abort();
    }
}

/* All rows over pages and back. */
static void through_pages(const CatalogSpec *spec, const CatalogRead *read) {
    size_t n = catalog_page_count(read->rows.n);
    Arena *arena = arena_new(256 * LIMIT_MIB);
    uint16_t *pages = arena_new_array(arena, uint16_t, read->rows.n + 1);
    CatalogRows rows = {0};
    CatalogPart *part = NULL;
    need(pages != NULL);
    catalog_page_of_rows(&read->rows, n, pages);
    for (size_t i = 0; i < n; i++) {
        CLEANUP_BUF Buf b;
        buf_init(&b, 64 * LIMIT_MIB);
        need(catalog_page_write(spec, &read->rows, pages, i, &b) == ERR_OK);
        need(catalog_page_read(arena, spec, arena_str(arena, buf_str(&b)), &rows) == ERR_OK);
    }
    need(rows.n == read->rows.n);
    need(catalog_part_new(arena, spec, &rows, &part) == ERR_OK);
    for (size_t i = 0; i < rows.n; i++) {
        const CatalogRow *a = &read->rows.rows[i];
        const CatalogRow *b = &part->rows.rows[i];
        need(catalog_row_cmp(a, b) == 0 && a->until == b->until);
        for (size_t c = 0; c < spec->n_columns; c++) {
            need(str_eq(a->values[c], b->values[c]));
        }
        need(catalog_part_row(part, a->code, a->facility, INT64_MIN) != NULL);
    }
    catalog_part_end(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const CatalogSpec *specs;
    size_t n;
    if (size == 0 || catalog_specs(&specs, &n) != ERR_OK) {
        return 0;
    }
    const CatalogSpec *spec = &specs[data[0] % n];
    CatalogTable table = {.catalogue = spec->name,
                          .bytes = {(const char *)data + 1, size - 1},
                          .facility = data[0] > 200 ? STR("46S01") : STR_EMPTY,
                          .since = data[0] % 3 == 0 ? 20000 : INT64_MIN};
    Arena *arena = arena_new(256 * LIMIT_MIB);
    CatalogRead read;
    if (arena != NULL && catalog_read(arena, spec, &table, &read, NULL) == ERR_OK) {
        through_pages(spec, &read);
    }
    arena_free(arena);
    return 0;
}
