/* api_help.h — the whole server with the screens' questions, for their tests. */
#ifndef NHIP_TESTS_UNIT_API_HELP_H
#define NHIP_TESTS_UNIT_API_HELP_H

#include "unit/rest/rest_ask.h"

#include "api/api.h"

static UNUSED ErrCode world_start(World *w, ErrInfo *info) {
    if (w->book == NULL) {
        TRY(rules_new(NULL, &w->rules, info));
        TRY(book_open(&(BookOptions){.store = w->store, .rules = w->rules}, &w->book, info));
        TRY(book_start(w->book));
    }
    ApiOptions o = {.store = w->store,
                    .intake = w->intake,
                    .ioc = w->ioc,
                    .rules = w->rules,
                    .book = w->book,
                    .subs = w->subs,
                    .settings = &w->settings};
    return api_start(&o, &w->api, info);
}

static UNUSED int world_setup(void **state) {
    World *w = world_new();
    ErrInfo info = {0};
    assert_ok(ioc_open(&(IocOptions){.dir = str_from(w->dir)}, &w->ioc, &info));
    w->views[w->n_views++] = ioc_view(w->ioc);
    world_open(w, world_start);
    *state = w;
    return 0;
}

static UNUSED int world_teardown(void **state) {
    World *w = *state;
    api_stop(w->api);
    book_close(w->book);
    rules_free(w->rules);
    world_close(w);
    ioc_close(w->ioc);
    world_free(w);
    return 0;
}

#endif
