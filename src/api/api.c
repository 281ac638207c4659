#include "api/api_int.h"
#include "core/io.h"

/* One line a table; their order means nothing. */
#define API_ROUTE_TABLES(X)                                                                        \
    X(api_book_routes)                                                                             \
    X(api_citizen_routes)                                                                          \
    X(api_gateway_routes)                                                                          \
    X(api_card_routes)                                                                             \
    X(api_catalog_routes)                                                                          \
    X(api_claim_routes)                                                                            \
    X(api_fix_routes)                                                                              \
    X(api_guide_routes)                                                                            \
    X(api_health_routes)                                                                           \
    X(api_import_routes)                                                                           \
    X(api_mpi_routes)                                                                              \
    X(api_newborn_routes)                                                                          \
    X(api_ops_routes)                                                                              \
    X(api_repair_routes)                                                                           \
    X(api_outgoing_routes)                                                                         \
    X(api_settle_routes)                                                                           \
    X(api_settle_report_routes)                                                                    \
    X(api_static_routes)

#define X(name) extern const RestRoutes name;
API_ROUTE_TABLES(X)
#undef X
#define X(name) &name,
static const RestRoutes *const tables[] = {API_ROUTE_TABLES(X)};
#undef X
const RestRouteTables api_route_tables = {tables, ARRAY_LEN(tables)};

static ErrCode start_rest(Api *api, ErrInfo *info) {
    static const char *const uploads[] = {"/import/claims",
                                          "/api/qd130/checkInKcbQd4750",
                                          "/api/qd130/checkInKcbQd3176",
                                          "/api/qd130/guiHoSoXmlQD4750",
                                          "/api/qd130/guiHoSoXmlQD3176",
                                          "/api/settle/answers",
                                          NULL};
    return rest_start(&(RestOptions){.store = api->store,
                                     .intake = api->intake,
                                     .subs = api->o.subs,
                                     .term = api->o.term,
                                     .term_feed = api->o.term_feed,
                                     .settings = api->o.settings,
                                     .clock = api->clock,
                                     .door = api->o.door,
                                     .routes = api_route_tables,
                                     .uploads = uploads,
                                     .app = api,
                                     .on_stop = api_live_stop},
                      &api->rest, info);
}

static ErrCode load_accounts(Api *api, ErrInfo *info) {
    const Settings *s = api->o.settings;
    CLEANUP_BUF Buf table;
    buf_init(&table, 16 * LIMIT_MIB);
    if (s->gateway_accounts[0] == '\0') {
        return ERR_OK;
    }
    ErrCode err = io_read_file(s->gateway_accounts, 16 * LIMIT_MIB, &table);
    if (err != ERR_OK) {
        return err_set(info, err, "gateway-accounts", "the table of accounts %s: %s",
                       "bảng tài khoản %s: %s", s->gateway_accounts, err_text(err, 0));
    }
    return accounts_new(&(AccountsOptions){.table = buf_str(&table),
                                           .calls_a_minute = (unsigned)s->gateway_rate,
                                           .clock = api->clock},
                        &api->accounts, info);
}

static ErrCode open_catalog(Api *api, ErrInfo *info) {
    CatalogOptions o = {.store = api->store, .clock = api->clock};
    api->catalog = api->o.catalog;
    return api->catalog != NULL ? ERR_OK : catalog_open(&o, &api->catalog, info);
}

/* What facilities signed themselves is taken in by a thread of its own, where that is wanted. */
static ErrCode open_taker(Api *api) {
    bool wanted = api->o.settings->signed_take[0] != '\0' && api->o.sign != NULL;
    return wanted ? settle_taker_start(&(SettleTakerOptions){.settle = api->settle,
                                                             .store = api->store,
                                                             .book = api->o.book,
                                                             .clock = api->clock},
                                       &api->taker)
                  : ERR_OK;
}

static ErrCode open_settle(Api *api) {
    return settle_new(&(SettleOptions){.store = api->store,
                                       .check = api->o.book == NULL ? NULL : settle_check_by_book,
                                       .check_ctx = api->o.book,
                                       .pins = api->o.pins,
                                       .sign = api->o.sign,
                                       .clock = api->clock},
                      &api->settle);
}

ErrCode api_start(const ApiOptions *options, Api **ret_api, ErrInfo *info) {
    Api *api = calloc(1, sizeof(*api));
    if (api == NULL) {
        return ERR_NOMEM;
    }
    api->o = *options;
    api->store = options->store;
    api->intake = options->intake;
    api->ioc = options->ioc;
    api->clock = options->clock == NULL ? clock_real() : options->clock;
    api->started = clock_now_ms(api->clock);
    mutex_init(&api->live_lock);
    cond_init(&api->live_wake);
    ErrCode err = load_accounts(api, info);
    err = err != ERR_OK ? err : open_catalog(api, info);
    err = err != ERR_OK ? err : open_settle(api);
    err = err != ERR_OK ? err : open_taker(api);
    err = err != ERR_OK ? err : thread_start(&api->live_thread, "nhip-live", api_live_run, api);
    if (err == ERR_OK) {
        err = start_rest(api, info);
    }
    if (err != ERR_OK) {
        api_stop(api);
        return err;
    }
    *ret_api = api;
    return ERR_OK;
}

uint16_t api_port(const Api *api) {
    return rest_port(api->rest);
}

void api_stop(Api *api) {
    if (api == NULL) {
        return;
    }
    rest_stop(api->rest);
    api_live_stop(api);
    mutex_release(&api->live_lock);
    cond_release(&api->live_wake);
    accounts_free(api->accounts);
    if (api->o.catalog == NULL) {
        catalog_close(api->catalog);
    }
    settle_taker_stop(api->taker);
    settle_free(api->settle);
    free(api);
}

ErrCode api_print_routes(Buf *out, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const RestRouter *router = NULL;
    const RestRoute *r = NULL;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(rest_router_new(arena, &api_route_tables, &router, info));
    for (size_t i = 0; (r = rest_router_at(router, i)) != NULL; i++) {
        if (r->run != NULL) {
            buf_printf(out, "%-7s %-44s %s\n", r->method, r->path, r->what);
        }
    }
    return buf_ok(out);
}
