/* Outgoing calls against a real server on the loopback, and against one that cuts off. */
#include "unit/http/http_serve.h"

#include "core/arena.h"
#include "core/clock.h"
#include "http/http_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct World {
    HttpServer *server;
    HttpClient *client;
    HttpRequest *held;
    Mutex lock;
    char url[64];
    atomic_int calls;
} World;

static void reply(HttpRequest *r, int status, Str body, const char *const header[2]) {
    Str headers[2] = {STR_EMPTY, STR_EMPTY};
    if (header != NULL) {
        headers[0] = str_from(header[0]);
        headers[1] = str_from(header[1]);
    }
    http_reply(r, &(HttpReply){.status = status,
                               .type = STR("text/plain"),
                               .body = body,
                               .headers = headers,
                               .n_headers = header != NULL});
}

static void on_request(void *ctx, HttpRequest *r) {
    static const char big[100000] = {0};
    World *w = ctx;
    Str path = http_path(r);
    w->calls++;
    if (str_eq(path, STR("/echo"))) {
        Str x = http_header(r, "X-Test");
        reply(r, 200,
              arena_printf(http_arena(r), STR_FMT " " STR_FMT " " STR_FMT, STR_ARG(http_method(r)),
                           STR_ARG(x), STR_ARG(http_body(r))),
              NULL);
    } else if (str_eq(path, STR("/moved"))) {
        reply(r, 302, STR_EMPTY, (const char *const[]){"Location", "/echo"});
    } else if (str_eq(path, STR("/later"))) {
        reply(r, 503, STR("busy"), (const char *const[]){"Retry-After", "17"});
    } else if (str_eq(path, STR("/big"))) {
        reply(r, 200, (Str){big, sizeof(big)}, NULL);
    } else {
        mutex_lock(&w->lock);
        w->held = r;
        mutex_unlock(&w->lock);
    }
}

static int setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    mutex_init(&w->lock);
    w->client = http_client_new();
    assert_non_null(w->client);
    w->server = serve(1, on_request, w);
    (void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d", (int)http_port(w->server));
    *state = w;
    return 0;
}

static void release_held(World *w) {
    MUTEX_GUARD(&w->lock);
    if (w->held != NULL) {
        reply(w->held, 200, STR_EMPTY, NULL);
        w->held = NULL;
    }
}

static int teardown(void **state) {
    World *w = *state;
    release_held(w);
    http_stop(w->server, 1000);
    http_client_free(w->client);
    mutex_release(&w->lock);
    free(w);
    return 0;
}

static ErrCode call(World *w, HttpCall *c, const char *path, Buf *out, HttpAnswer *ret) {
    char url[256];
    (void)snprintf(url, sizeof(url), "%s%s", w->url, path);
    c->url = url;
    return http_client_call(w->client, c, out, ret);
}

static void posts_and_reads(void **state) {
    World *w = *state;
    HttpAnswer a;
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 20);
    const char *headers[] = {"X-Test: one"};
    HttpCall c = {.method = "POST", .headers = headers, .n_headers = 1, .body = STR("body")};
    assert_ok(call(w, &c, "/echo", &b, &a));
    assert_int_equal(a.status, 200);
    assert_true(a.reached);
    assert_str(buf_str(&b), STR("POST one body"));
    buf_clear(&b);
    c = (HttpCall){.method = "GET"};
    assert_ok(call(w, &c, "/echo", &b, &a));
    assert_str(buf_str(&b), STR("GET  "));
    buf_clear(&b);
    c = (HttpCall){.method = "POST"};
    assert_ok(call(w, &c, "/echo", &b, &a));
    assert_str(buf_str(&b), STR("POST  "));
}

static void a_redirect_is_an_answer(void **state) {
    World *w = *state;
    HttpAnswer a;
    HttpCall c = {.method = "POST", .body = STR("secret")};
    assert_ok(call(w, &c, "/moved", NULL, &a));
    assert_int_equal(a.status, 302);
    assert_int_equal(w->calls, 1);
}

static void says_when_to_come_again(void **state) {
    World *w = *state;
    HttpAnswer a;
    HttpCall c = {.method = "POST"};
    assert_ok(call(w, &c, "/later", NULL, &a));
    assert_int_equal(a.status, 503);
    assert_int_equal(a.retry_after_s, 17);
}

static void bounds_the_answer(void **state) {
    World *w = *state;
    HttpAnswer a;
    HttpCall c = {.method = "GET", .answer_max = 1000};
    assert_int_equal(call(w, &c, "/big", NULL, &a), ERR_LIMIT);
    assert_int_equal(a.status, 200);
    CLEANUP_BUF Buf b;
    buf_init(&b, 5000); /* the caller's own ceiling counts, too */
    c.answer_max = 1 << 20;
    assert_int_equal(call(w, &c, "/big", &b, &a), ERR_LIMIT);
}

static void bounds_the_time(void **state) {
    World *w = *state;
    HttpAnswer a;
    HttpCall c = {.method = "POST", .timeout_s = 1};
    assert_int_equal(call(w, &c, "/silent", NULL, &a), ERR_TIMEOUT);
    assert_true(a.reached); /* nobody knows what became of it */
    assert_int_equal(a.status, 0);
}

static void ask_stop(void *ctx) {
    clock_sleep_ms(clock_real(), 100);
    stop_ask(ctx);
}

static void is_stopped(void **state) {
    World *w = *state;
    HttpAnswer a;
    Thread t;
    StopFlag stop = {0};
    HttpCall c = {.method = "POST", .timeout_s = 30, .stop = &stop};
    int64_t began = clock_monotonic_ns(clock_real());
    assert_ok(thread_start(&t, "stopper", ask_stop, &stop));
    assert_int_equal(call(w, &c, "/silent", NULL, &a), ERR_STOPPED);
    assert_true(clock_monotonic_ns(clock_real()) - began < INT64_C(5000000000));
    thread_join(&t);
    assert_int_equal(call(w, &c, "/echo", NULL, &a), ERR_STOPPED); /* at once */
}

/* A socket on a port of the loopback below 32768; its address in url. */
static int bound_socket(char url[64]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int port = 21400 + getpid() * 3 % 100;
    while (at.sin_port = htons((uint16_t)port), bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        port = port == 21499 ? 21400 : port + 1;
    }
    (void)snprintf(url, 64, "http://127.0.0.1:%d/", port);
    return fd;
}

/* A port that nobody listens on: certainly nothing arrived. */
static void knows_that_nothing_arrived(void **state) {
    World *w = *state;
    HttpAnswer a;
    char url[64];
    int fd = bound_socket(url);
    HttpCall c = {.method = "POST", .url = url, .body = STR("x")};
    assert_int_equal(http_client_call(w->client, &c, NULL, &a), ERR_IO);
    assert_false(a.reached);
    assert_true(a.problem[0] != '\0');
    (void)close(fd);
}

static void cut_off(void *ctx) {
    char bytes[4096];
    int fd = accept(*(int *)ctx, NULL, NULL);
    (void)recv(fd, bytes, sizeof(bytes), 0);
    (void)send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43, MSG_NOSIGNAL);
    (void)close(fd);
}

static void sees_a_cut_connection(void **state) {
    World *w = *state;
    HttpAnswer a;
    Thread t;
    char url[64];
    int fd = bound_socket(url);
    assert_int_equal(listen(fd, 1), 0);
    assert_ok(thread_start(&t, "cutter", cut_off, &fd));
    HttpCall c = {.method = "POST", .url = url, .body = STR("x")};
    assert_int_equal(http_client_call(w->client, &c, NULL, &a), ERR_IO);
    assert_true(a.reached);
    thread_join(&t);
    (void)close(fd);
}

static void refuses_other_schemes(void **state) {
    World *w = *state;
    HttpAnswer a;
    const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "", "http://a b/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        HttpCall c = {.method = "GET", .url = urls[i]};
        assert_int_equal(http_client_call(w->client, &c, NULL, &a), ERR_PARAM);
        assert_false(a.reached);
    }
}

static void knows_where_it_may_go(void **state) {
    (void)state;
    Str hosts = STR("a.example, b.example:8443");
    assert_true(http_client_allowed(hosts, STR("https://A.example/x")));
    assert_true(http_client_allowed(hosts, STR("https://b.example:8443/x")));
    assert_false(http_client_allowed(hosts, STR("https://b.example/x")));
    assert_false(http_client_allowed(hosts, STR("https://c.example/a.example")));
    assert_false(http_client_allowed(hosts, STR("https://a.example@c.example/")));
    assert_false(http_client_allowed(hosts, STR("https://127.0.0.1\\@c.example/")));
    assert_false(http_client_allowed(hosts, STR("ftp://a.example/")));
    assert_true(http_client_allowed(STR_EMPTY, STR("http://127.0.0.1:1/")));
    assert_true(http_client_allowed(STR_EMPTY, STR("http://[::1]:1/")));
    assert_true(http_client_private(STR("https://c.example/")));
    assert_true(http_client_private(STR("http://localhost:1/")));
    assert_false(http_client_private(STR("http://c.example/")));
    assert_false(http_client_private(STR("http://localhost.c.example/")));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(posts_and_reads),
        T(a_redirect_is_an_answer),
        T(says_when_to_come_again),
        T(bounds_the_answer),
        T(bounds_the_time),
        T(is_stopped),
        T(knows_that_nothing_arrived),
        T(sees_a_cut_connection),
        T(refuses_other_schemes),
        T(knows_where_it_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
