#include "api/api_int.h"
#include "store/store_params.h"

static void health(RestCall *call) {
    rest_reply_json(call, 200, STR("{\"status\":\"ok\"}"));
}

static void ready(RestCall *call) {
    IocLive live = ioc_live(api_of(call)->ioc);
    RecordNo last = store_snapshot(api_of(call)->store);
    rest_reply_json(call, 200,
                    arena_printf(call->arena,
                                 "{\"status\":\"ready\",\"record\":%llu,\"view\":%llu}",
                                 (unsigned long long)last, (unsigned long long)live.record));
}

/* X(name, type, help, expression) in Prometheus' text format 0.0.4. */
#define METRIC_LIST(X)                                                                             \
    X("nhip_records_total", "counter", "Records committed", store_snapshot(api->store))            \
    X("nhip_visits", "gauge", "Current visits", live.visits)                                       \
    X("nhip_view_record", "gauge", "Last record in the operations facts", live.record)             \
    X("nhip_book_record", "gauge", "Last record in the book of claims", book.position)             \
    X("nhip_search_params", "gauge", "Search parameters of one's own in use", params)              \
    X("nhip_search_params_lag_records", "gauge", "Records that their indexes still lack", lag)     \
    X("nhip_rejects_open", "gauge", "Rejects waiting for repair", open)                            \
    X("nhip_gateway_sent_total", "counter", "Claims that the fund received", out.fund.sent)        \
    X("nhip_gateway_refused_total", "counter", "Claims that it refused", out.fund.refused)         \
    X("nhip_gateway_failed_total", "counter", "Attempts that failed", out.fund.failed)             \
    X("nhip_gateway_resting", "gauge", "Its gateways that are paused or away", out.fund.resting)   \
    X("nhip_copies_sent_total", "counter", "Copies that were received", out.copies.sent)           \
    X("nhip_copies_refused_total", "counter", "Copies that were refused", out.copies.refused)      \
    X("nhip_copies_failed_total", "counter", "Their attempts that failed", out.copies.failed)      \
    X("nhip_copies_resting", "gauge", "Their gateways that are paused or away",                    \
      out.copies.resting)                                                                          \
    X("nhip_cards_asked_total", "counter", "Cards asked of the fund", out.cards.asked)             \
    X("nhip_cards_not_checked_total", "counter", "Cards that could not be", out.cards.not_checked) \
    X("nhip_http_requests_total", "counter", "HTTP requests", http.requests)                       \
    X("nhip_http_replies_2xx_total", "counter", "Replies below 400", http.replies_2xx)             \
    X("nhip_http_replies_4xx_total", "counter", "Replies 400-499", http.replies_4xx)               \
    X("nhip_http_replies_5xx_total", "counter", "Replies 500 and over", http.replies_5xx)          \
    X("nhip_http_bytes_in_total", "counter", "Bytes of request bodies", http.bytes_in)             \
    X("nhip_http_bytes_out_total", "counter", "Bytes of reply bodies", http.bytes_out)             \
    X("nhip_http_connections", "gauge", "Open connections", http.connections)                      \
    X("nhip_uptime_seconds", "gauge", "Seconds since the start",                                   \
      (clock_now_ms(api->clock) - api->started) / 1000)

static void metrics(RestCall *call) {
    Api *api = api_of(call);
    HttpCounters http = http_counters(http_server(call->request)); /* api->http comes later */
    IocLive live = ioc_live(api->ioc);
    uint64_t open = 0;
    uint64_t settled = 0;
    if (store_reject_count(api->store, &open, &settled) != ERR_OK) {
        open = 0;
    }
    BookProgress book = {.position = 0};
    if (api->o.book != NULL && book_progress(api->o.book, &book) != ERR_OK) {
        book.position = 0;
    }
    RecordNo lag = 0;
    size_t params = store_params_lag(api->store, &lag);
    ApiOutgoing out = api_outgoing(api);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
#define X(name, type, help, value)                                                                 \
    buf_printf(&b, "# HELP " name " " help "\n# TYPE " name " " type "\n" name " %llu\n",          \
               (unsigned long long)(value));
    METRIC_LIST(X)
#undef X
    http_reply(call->request, &(HttpReply){.status = 200,
                                           .type = STR("text/plain; version=0.0.4; charset=utf-8"),
                                           .body = buf_str(&b)});
}

ROUTES(api_health_routes, {"GET", "/health", health, false, "the process answers"},
       {"GET", "/ready", ready, false, "the store answers; how far the views are"},
       {"GET", "/metrics", metrics, false, "counters for Prometheus"});
