#include "catalog/catalog_int.h"
#include "core/decimal.h"
#include "core/limits.h"

enum { PAGE_ROWS = 1000 };

static unsigned width_of(const CatalogColumn *c) {
    return c->kind == CATALOG_TEXT ? 40 : 16;
}

static void put_header(SheetWriter *w, const CatalogSpec *spec, bool vietnamese) {
    unsigned widths[CATALOG_COLUMNS_MAX];
    for (size_t i = 0; i < spec->n_columns; i++) {
        widths[i] = width_of(&spec->columns[i]);
    }
    sheet_start(w, &(SheetStart){.name = vietnamese ? spec->vi : spec->en,
                                 .widths = widths,
                                 .n_widths = spec->n_columns,
                                 .frozen_rows = 1});
    for (size_t i = 0; i < spec->n_columns; i++) {
        sheet_title(w, vietnamese ? spec->columns[i].vi : spec->columns[i].en);
    }
    sheet_row_end(w);
}

static void put_number(SheetWriter *w, Str text) {
    Decimal d;
    int64_t scaled;
    int scale = decimal_parse(text, &d) == ERR_OK ? decimal_scale(d) : 7;
    if (scale <= 6 && decimal_to_scaled(d, scale, &scaled) == ERR_OK) {
        sheet_number(w, scaled, scale);
    } else {
        sheet_text(w, text);
    }
}

static void put_cell(SheetWriter *w, const CatalogColumn *c, Str text) {
    int64_t day;
    if (text.len == 0) {
        sheet_empty(w);
    } else if (c->kind == CATALOG_DAY && catalog_day(text, 0, &day)) {
        sheet_day(w, day);
    } else if (c->kind == CATALOG_PRICE || c->kind == CATALOG_TOP || c->kind == CATALOG_NUMBER) {
        put_number(w, text);
    } else {
        sheet_text(w, text);
    }
}

static ErrCode put_rows(Catalog *catalog, SheetWriter *w, const CatalogExport *what) {
    CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
    CatalogAsk ask = what->ask;
    CatalogPage page = {0};
    size_t left = what->ask.max;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    while (left > 0) {
        arena_reset(arena);
        ask.max = MIN(left, (size_t)PAGE_ROWS);
        TRY(catalog_rows(catalog, arena, &ask, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            for (size_t c = 0; c < page.spec->n_columns; c++) {
                put_cell(w, &page.spec->columns[c], page.rows[i].values[c]);
            }
            sheet_row_end(w);
        }
        left -= page.n_rows;
        ask.after = page.next;
        left = page.next == 0 ? 0 : left;
    }
    return ERR_OK;
}

ErrCode catalog_export(Catalog *catalog, const CatalogExport *what, ErrInfo *info) {
    const CatalogSpec *spec = catalog_spec(what->ask.catalogue);
    CLEANUP_SHEET_WRITER SheetWriter *w = NULL;
    if (spec == NULL) {
        return err_set(info, ERR_NOT_FOUND, "catalogue-name", "there is no catalogue '%.*s'",
                       "không có danh mục '%.*s'", (int)MIN(what->ask.catalogue.len, (size_t)60),
                       what->ask.catalogue.ptr);
    }
    TRY(sheet_writer_new(&what->how, &w));
    put_header(w, spec, what->vietnamese);
    TRY(put_rows(catalog, w, what));
    return sheet_finish(w);
}
