/* A real server on a loopback port below 32768, asked through a raw socket. */
#include "unit/test.h"

#include "core/arena.h"
#include "core/clock.h"
#include "core/thread.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct World {
    HttpServer *server;
    uint16_t port;
    Mutex lock;
    Cond changed;
    HttpRequest *held; /* /hold: answered by the test */
    HttpStream *stream;
    atomic_size_t sunk; /* bytes that the sink of /sink took */
    int released;       /* sinks released */
    unsigned idle_s;    /* 0: 20 */
    Thread helper;
} World;

/* ---- the handler ---- */

static ErrCode sink_chunk(void *ctx, Str bytes) {
    World *w = ctx;
    w->sunk += bytes.len;
    return w->sunk > 1000000 ? ERR_LIMIT : ERR_OK;
}

static void sink_release(void *ctx) {
    World *w = ctx;
    MUTEX_GUARD(&w->lock);
    w->released++;
    cond_broadcast(&w->changed);
}

static void on_head(void *ctx, HttpRequest *r) {
    World *w = ctx;
    if (str_eq(http_path(r), STR("/sink"))) {
        w->sunk = 0;
        http_set_sink(r, (HttpSink){.chunk = sink_chunk, .release = sink_release, .ctx = w});
    } else if (str_eq(http_path(r), STR("/refused"))) {
        http_reply(r, &(HttpReply){.status = 403});
    } else if (str_eq(http_path(r), STR("/small"))) {
        http_set_body_max(r, 10);
    }
}

static void reply_text(HttpRequest *r, int status, Str text) {
    http_reply(r, &(HttpReply){.status = status, .type = STR("text/plain"), .body = text});
}

typedef struct Later {
    World *world;
    HttpRequest *request;
    int round;
} Later;

static void later(void *ctx) {
    Later *l = ctx;
    if (l->round++ < 3) {
        http_continue(l->request, later, l);
        return;
    }
    reply_text(l->request, 200, STR("continued"));
}

static void wake_later(void *ctx) {
    Later *l = ctx;
    http_continue(l->request, later, l);
}

static void reply_owned(HttpRequest *r) {
    char *body = malloc(3000);
    assert_non_null(body);
    memset(body, 'o', 3000);
    http_reply(
        r, &(HttpReply){
               .status = 200, .type = STR("text/plain"), .body = {body, 3000}, .body_owned = true});
}

static void hold(World *w, HttpRequest *r) {
    MUTEX_GUARD(&w->lock);
    w->held = r;
    cond_broadcast(&w->changed);
}

static void open_stream(World *w, HttpRequest *r) {
    HttpStream *stream = http_reply_stream(r);
    MUTEX_GUARD(&w->lock);
    w->stream = stream;
    cond_broadcast(&w->changed);
}

static void on_request(void *ctx, HttpRequest *r) {
    World *w = ctx;
    Str path = http_path(r);
    if (str_eq(path, STR("/hold"))) {
        hold(w, r);
    } else if (str_eq(path, STR("/stream"))) {
        open_stream(w, r);
    } else if (str_eq(path, STR("/owned"))) {
        reply_owned(r);
    } else if (str_eq(path, STR("/later")) || str_eq(path, STR("/later-thread"))) {
        Later *l = arena_new_array(http_arena(r), Later, 1);
        *l = (Later){w, r, 0};
        if (str_eq(path, STR("/later"))) {
            http_continue(r, later, l);
        } else {
            assert_ok(thread_start(&w->helper, "later", wake_later, l));
        }
    } else if (str_eq(path, STR("/sink"))) {
        reply_text(r, 200, arena_printf(http_arena(r), "%zu", w->sunk));
    } else {
        reply_text(r, 200,
                   arena_printf(http_arena(r), STR_FMT " " STR_FMT "?" STR_FMT " [" STR_FMT "]",
                                STR_ARG(http_method(r)), STR_ARG(path), STR_ARG(http_query(r)),
                                STR_ARG(http_body(r))));
    }
}

/* ---- a world and a client ---- */

static void nap_ms(int ms) {
    struct timeval nap = {.tv_usec = ms * 1000};
    (void)select(0, NULL, NULL, NULL, &nap);
}

static void start_server(World *w) {
    ErrCode err = ERR_BUSY;
    for (unsigned i = 0; i < 50 && err != ERR_OK; i++) {
        HttpOptions o = {.address = "127.0.0.1",
                         .port = (uint16_t)(19000 + ((unsigned)getpid() * 7 + i * 131) % 9000),
                         .threads = 2,
                         .connections_max = 100,
                         .idle_timeout_s = w->idle_s == 0 ? 20 : w->idle_s,
                         .body_max_bytes = 100000,
                         .handler = {.on_head = on_head, .on_request = on_request, .ctx = w}};
        err = http_start(&o, &w->server, NULL);
    }
    assert_ok(err);
    w->port = http_port(w->server);
}

static void stop_server(void *ctx) {
    World *w = ctx;
    http_stop(TAKE(w->server), 5000);
}

static int setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    mutex_init(&w->lock);
    cond_init(&w->changed);
    start_server(w);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    World *w = *state;
    if (w->server != NULL) {
        http_stop(w->server, 2000);
    }
    thread_join(&w->helper);
    mutex_release(&w->lock);
    cond_release(&w->changed);
    free(w);
    return 0;
}

static int dial(const World *w) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {.tv_sec = 10};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *text) {
    size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Reads until the text ends with `end` or the peer closes. */
static void hear(int fd, const char *end, Buf *out) {
    char c;
    size_t len = strlen(end);
    buf_init(out, 1 << 20);
    while (recv(fd, &c, 1, 0) == 1) {
        buf_put_char(out, c);
        if (len > 0 && out->len >= len && memcmp(out->ptr + out->len - len, end, len) == 0) {
            return;
        }
    }
}

static void expect_heard(int fd, const char *end, const char *part) {
    Buf heard;
    hear(fd, end, &heard);
    if (str_find(buf_str(&heard), str_from(part)) == SIZE_MAX) {
        print_error("'%s' is not in '" STR_FMT "'\n", part, STR_ARG(buf_str(&heard)));
        fail();
    }
    buf_release(&heard);
}

/* ---- tests ---- */

static void keeps_the_connection(void **state) {
    World *w = *state;
    int fd = dial(w);
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /a%20b?x=%31 HTTP/1.1\r\nHost: t\r\n\r\n");
        expect_heard(fd, "]", "GET /a%20b?x=%31 []");
    }
    (void)close(fd);
    assert_int_equal(http_counters(w->server).requests, 3);
    assert_int_equal(http_counters(w->server).replies_2xx, 3);
}

static void answers_a_pipeline_in_order(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "GET /1 HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\n"
            "POST /3 HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
    expect_heard(fd, "]", "GET /1? []");
    expect_heard(fd, "]", "GET /2? []");
    expect_heard(fd, "]", "POST /3? [hi]");
    (void)close(fd);
}

static void takes_bodies_whole_and_in_chunks(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello");
    expect_heard(fd, "]", "[hello]");
    say(fd, "POST /p HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    say(fd, "4\r\ndefg\r\n0\r\n\r\n");
    expect_heard(fd, "]", "[abcdefg]");
    (void)close(fd);
}

static void refuses_bodies_over_the_ceiling(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\n\r\n");
    expect_heard(fd, "\r\n\r\n", "413");
    (void)close(fd);
    fd = dial(w);
    say(fd, "POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"
            "hello world\r\n0\r\n\r\n");
    expect_heard(fd, "\r\n\r\n", "413");
    (void)close(fd);
}

static void refuses_long_urls(void **state) {
    World *w = *state;
    int fd = dial(w);
    char *url = malloc(70001);
    assert_non_null(url);
    memset(url, 'a', 70000);
    url[70000] = '\0';
    say(fd, "GET /");
    say(fd, url);
    say(fd, " HTTP/1.1\r\nHost: t\r\n\r\n");
    expect_heard(fd, "\r\n\r\n", "414");
    free(url);
    (void)close(fd);
}

static void may_reply_before_the_body(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "POST /refused HTTP/1.1\r\nHost: t\r\nContent-Length: 50000\r\n\r\n");
    expect_heard(fd, "\r\n\r\n", "403");
    (void)close(fd);
}

static void wait_released(World *w, int n) {
    MUTEX_GUARD(&w->lock);
    while (w->released < n) {
        assert_true(cond_wait_ms(&w->changed, &w->lock, 10000));
    }
}

static void streams_bodies_to_a_sink(void **state) {
    World *w = *state;
    int fd = dial(w);
    char block[1001];
    memset(block, 'x', 1000);
    block[1000] = '\0';
    say(fd, "POST /sink HTTP/1.1\r\nHost: t\r\nContent-Length: 50000\r\n\r\n");
    for (int i = 0; i < 50; i++) {
        say(fd, block);
    }
    expect_heard(fd, "50000", "200 OK");
    wait_released(w, 1);
    /* The client goes away in the middle: the sink is released too. */
    say(fd, "POST /sink HTTP/1.1\r\nHost: t\r\nContent-Length: 50000\r\n\r\nfew bytes");
    for (int i = 0; i < 10000 && atomic_load(&w->sunk) != 9; i++) {
        nap_ms(1);
    }
    assert_int_equal(atomic_load(&w->sunk), 9);
    (void)close(fd);
    wait_released(w, 2);
}

/* A byte now and then keeps a connection from being idle, but not for ever. */
static void closes_on_drops(void **state) {
    World *w = *state;
    stop_server(w);
    w->idle_s = 1;
    start_server(w);
    int fd = dial(w);
    bool there = true;
    say(fd, "POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\n");
    for (int i = 0; i < 100 && there; i++) {
        nap_ms(100);
        there = send(fd, "x", 1, MSG_NOSIGNAL) == 1;
    }
    assert_false(there);
    (void)close(fd);
}

static HttpRequest *wait_held(World *w) {
    MUTEX_GUARD(&w->lock);
    while (w->held == NULL) {
        assert_true(cond_wait_ms(&w->changed, &w->lock, 10000));
    }
    return TAKE(w->held);
}

static void replies_from_another_thread(void **state) {
    World *w = *state;
    int fd = dial(w);
    int other = dial(w);
    for (int i = 0; i < 20; i++) {
        say(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
        HttpRequest *r = wait_held(w);
        /* A suspended request costs no thread: others are served meanwhile. */
        say(other, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
        expect_heard(other, "]", "GET /x");
        reply_text(r, 200, STR("at last"));
        expect_heard(fd, "at last", "200 OK");
    }
    (void)close(fd);
    (void)close(other);
}

static void continues_on_the_worker(void **state) {
    World *w = *state;
    int fd = dial(w);
    for (int i = 0; i < 50; i++) {
        say(fd, "GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
        expect_heard(fd, "continued", "200 OK");
        say(fd, "GET /later-thread HTTP/1.1\r\nHost: t\r\n\r\n");
        expect_heard(fd, "continued", "200 OK");
        thread_join(&w->helper);
    }
    (void)close(fd);
}

static void compresses_when_asked(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "GET /owned HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    expect_heard(fd, "", "Content-Encoding: gzip");
    (void)close(fd);
    fd = dial(w);
    say(fd,
        "GET /owned HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip;q=0\r\nConnection: close\r\n\r\n");
    expect_heard(fd, "", "Content-Length: 3000");
    (void)close(fd);
}

static HttpStream *wait_stream(World *w) {
    MUTEX_GUARD(&w->lock);
    while (w->stream == NULL) {
        assert_true(cond_wait_ms(&w->changed, &w->lock, 10000));
    }
    return TAKE(w->stream);
}

static void sends_events(void **state) {
    World *w = *state;
    int fd = dial(w);
    say(fd, "GET /stream HTTP/1.1\r\nHost: t\r\n\r\n");
    expect_heard(fd, "\r\n\r\n", "text/event-stream");
    HttpStream *stream = wait_stream(w);
    assert_true(http_stream_send(stream, STR("data: 1\n\n")));
    expect_heard(fd, "1\n\n", "data: 1");
    assert_true(http_stream_send(stream, STR("data: 2\n\n")));
    expect_heard(fd, "2\n\n", "data: 2");
    /* The client goes: sending says so sooner or later. */
    (void)close(fd);
    bool there = true;
    for (int i = 0; i < 1000 && there; i++) {
        nap_ms(5);
        there = http_stream_send(stream, STR("data: 3\n\n"));
    }
    assert_false(there);
    http_stream_close(stream);
}

static void reply_slowly(void *ctx) {
    HttpRequest *r = ctx;
    nap_ms(200);
    reply_text(r, 200, STR("finished"));
}

static void stops_gracefully(void **state) {
    World *w = *state;
    Thread slow = {0};
    int fd = dial(w);
    say(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
    HttpRequest *r = wait_held(w);
    assert_ok(thread_start(&slow, "slow", reply_slowly, r));
    stop_server(w);
    thread_join(&slow);
    expect_heard(fd, "finished", "200 OK");
    (void)close(fd);
}

/* While a request is still being answered, new connections get nothing. */
static void refuses_connections_while_stopping(void **state) {
    World *w = *state;
    Thread slow = {0};
    int fd = dial(w);
    say(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
    HttpRequest *r = wait_held(w);
    assert_ok(thread_start(&w->helper, "stop", stop_server, w));
    nap_ms(50);
    int late = dial(w);
    (void)send(late, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n", 29, MSG_NOSIGNAL);
    Buf heard;
    hear(late, "", &heard);
    assert_int_equal(heard.len, 0);
    buf_release(&heard);
    (void)close(late);
    assert_ok(thread_start(&slow, "slow", reply_slowly, r));
    /* A client that has one connection for all must not go on with it. */
    expect_heard(fd, "finished", "Connection: close");
    (void)close(fd);
    thread_join(&slow);
    thread_join(&w->helper);
}

/* An event stream that begins while the server stops would keep it waiting to the last moment. */
static void ends_streams_while_stopping(void **state) {
    World *w = *state;
    int fd = dial(w);
    int other = dial(w);
    say(other, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n"); /* it is taken */
    expect_heard(other, "]", "GET /x");
    say(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
    HttpRequest *r = wait_held(w);
    assert_ok(thread_start(&w->helper, "stop", stop_server, w));
    nap_ms(50);
    say(other, "GET /stream HTTP/1.1\r\nHost: t\r\n\r\n");
    int64_t from = clock_monotonic_ns(clock_real());
    expect_heard(other, "", "text/event-stream"); /* up to its end */
    assert_true(clock_monotonic_ns(clock_real()) - from < INT64_C(4000000000));
    http_stream_close(wait_stream(w));
    reply_text(r, 200, STR("finished"));
    expect_heard(fd, "finished", "200 OK");
    (void)close(fd);
    (void)close(other);
    thread_join(&w->helper);
}

/* What can go wrong between a stop and the workers goes wrong once in a thousand stops. */
static void starts_and_stops_many_times(void **state) {
    World *w = *state;
    for (int i = 0; i < 200; i++) {
        int fd = dial(w);
        say(fd, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
        expect_heard(fd, "]", "GET /x");
        stop_server(w);
        (void)close(fd);
        start_server(w);
    }
}

/* Clients that leave while their request waits must not keep the server from stopping. */
static void stops_when_clients_have_left(void **state) {
    World *w = *state;
    for (int i = 0; i < 20; i++) {
        int fd = dial(w);
        say(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
        HttpRequest *r = wait_held(w);
        Later *l = arena_new_array(http_arena(r), Later, 1);
        *l = (Later){w, r, 0};
        struct linger now = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(fd); /* with a reset */
        nap_ms(2);
        http_continue(r, later, l);
    }
    stop_server(w);
}

static void survives_garbage(void **state) {
    World *w = *state;
    static const char *const texts[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int fd = dial(w);
        (void)send(fd, texts[i], strlen(texts[i]), MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        /* what is no request yet waits for more until the idle timeout */
        struct timeval patience = {.tv_usec = 300000};
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        Buf heard;
        hear(fd, "", &heard);
        buf_release(&heard);
        (void)close(fd);
    }
    int fd = dial(w);
    say(fd, "GET /still HTTP/1.1\r\nHost: t\r\n\r\n");
    expect_heard(fd, "]", "GET /still");
    (void)close(fd);
}

static void decodes(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *a = arena_new(1 << 20);
    Str s;
    assert_ok(http_decode(a, STR("a%20b+c%C3%A1"), false, &s));
    assert_str(s, STR("a b+c\xC3\xA1"));
    assert_ok(http_decode(a, STR("a+b"), true, &s));
    assert_str(s, STR("a b"));
    assert_int_equal(http_decode(a, STR("%2"), false, &s), ERR_SYNTAX);
    assert_int_equal(http_decode(a, STR("%zz"), false, &s), ERR_SYNTAX);
    assert_int_equal(http_decode(a, STR("%00"), false, &s), ERR_SYNTAX);
    assert_int_equal(http_decode(a, STR("%E1%BB"), false, &s), ERR_SYNTAX);
    assert_int_equal(http_decode(a, STR("\xFF"), false, &s), ERR_SYNTAX);
}

static void refuses_bad_addresses(void **state) {
    (void)state;
    HttpServer *server = NULL;
    ErrInfo info = {0};
    HttpOptions o = {.address = "nowhere", .port = 1, .threads = 1, .connections_max = 8};
    assert_int_equal(http_start(&o, &server, &info), ERR_PARAM);
    assert_string_equal(info.rule, "http-address");
    o = (HttpOptions){.address = "127.0.0.1",
                      .threads = 1,
                      .connections_max = 8,
                      .tls_cert_file = "/nonexistent",
                      .tls_key_file = "/nonexistent"};
    assert_int_equal(http_start(&o, &server, &info), ERR_NOT_FOUND);
}

#define SERVED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(keeps_the_connection),
        SERVED(answers_a_pipeline_in_order),
        SERVED(takes_bodies_whole_and_in_chunks),
        SERVED(refuses_bodies_over_the_ceiling),
        SERVED(refuses_long_urls),
        SERVED(may_reply_before_the_body),
        SERVED(streams_bodies_to_a_sink),
        SERVED(closes_on_drops),
        SERVED(replies_from_another_thread),
        SERVED(continues_on_the_worker),
        SERVED(compresses_when_asked),
        SERVED(sends_events),
        SERVED(stops_gracefully),
        SERVED(refuses_connections_while_stopping),
        SERVED(ends_streams_while_stopping),
        SERVED(starts_and_stops_many_times),
        SERVED(stops_when_clients_have_left),
        SERVED(survives_garbage),
        cmocka_unit_test(decodes),
        cmocka_unit_test(refuses_bad_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
