/* What checks claims: the rules in force, the catalogues, the book that follows the log. */
#include "app/app.h"

/* Other catalogues: the rows are made again. ctx: the AppStore, whose book may not be open yet. */
static void catalogues_changed(void *ctx, Catalog *catalog) {
    AppStore *o = ctx;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (o->book != NULL && arena != NULL) {
        book_renew(o->book, catalog_digest(catalog, arena));
    }
}

static ErrCode open_book(const App *app, AppStore *o, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    return book_open(&(BookOptions){.store = o->store,
                                    .rules = o->rules,
                                    .world = catalog_world(o->catalog),
                                    .world_digest = catalog_digest(o->catalog, arena),
                                    .history_days = (unsigned)app->settings.book_history_days,
                                    .work_days = (unsigned)app->settings.book_work_days},
                     &o->book, info);
}

ErrCode app_book_open(const App *app, AppStore *o, ErrInfo *info) {
    ErrCode err = app_rules_load(app, NULL, 0, &o->rules);
    if (err != ERR_OK) {
        return err_set(info, err, "rules", "the claim rules cannot be used (see above)",
                       "không dùng được các quy tắc giám định (xem ở trên)");
    }
    TRY(catalog_open(&(CatalogOptions){.store = o->store, .changed = catalogues_changed, .ctx = o},
                     &o->catalog, info));
    return open_book(app, o, info);
}

void app_book_close(AppStore *o) {
    book_close(o->book);
    catalog_close(o->catalog);
    rules_free(o->rules);
    o->book = NULL;
    o->catalog = NULL;
    o->rules = NULL;
}
