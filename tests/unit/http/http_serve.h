/* http_serve.h — a server in the test that answers what the code under test asks of others: on this
 * machine, a port below 32768 that is free. */
#ifndef NHIP_TESTS_UNIT_HTTP_SERVE_H
#define NHIP_TESTS_UNIT_HTTP_SERVE_H

#include "unit/test.h"

#include "http/http.h"

#include <unistd.h>

static UNUSED HttpServer *serve(unsigned threads, void (*on_request)(void *ctx, HttpRequest *r),
                                void *ctx) {
    HttpServer *server = NULL;
    ErrCode err = ERR_BUSY;
    for (int i = 0; i < 20 && err != ERR_OK; i++) {
        HttpOptions o = {.address = "127.0.0.1",
                         .port = (uint16_t)(21400 + (getpid() * 7 + i * 13) % 100),
                         .threads = threads,
                         .connections_max = 64,
                         .idle_timeout_s = 20,
                         .body_max_bytes = 64 << 20,
                         .handler = {.on_request = on_request, .ctx = ctx}};
        err = http_start(&o, &server, NULL);
    }
    assert_ok(err);
    return server;
}

#endif
