/* WebSockets of a real server on a loopback port below 32768, asked through a raw socket. */
#include "unit/test.h"

#include "core/limits.h"
#include "core/thread.h"
#include "http/http_ws.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { CONNECTIONS = 24 };

typedef struct World {
    HttpServer *server;
    Mutex lock;
    Cond changed;
    size_t texts, closed;
    HttpWs *last; /* that sent a text; NULL once it is closed */
} World;

/* Echoes; "flood" sends until it is cut off. */
static void on_text(void *ctx, HttpWs *ws, Str text) {
    static char much[LIMIT_MIB];
    World *w = ctx;
    memset(much, 'm', sizeof(much));
    if (str_eq(text, STR("flood"))) {
        for (int i = 0; i < 100 && http_ws_send(ws, (Str){much, sizeof(much)}); i++) {
        }
    } else if (str_eq(text, STR("bye"))) {
        http_ws_close(ws, 4000, STR("as you like"));
    } else {
        assert_true(http_ws_send(ws, text));
    }
    MUTEX_GUARD(&w->lock);
    w->texts++;
    w->last = ws;
    cond_broadcast(&w->changed);
}

static void on_closed(void *ctx, HttpWs *ws) {
    World *w = ctx;
    MUTEX_GUARD(&w->lock);
    w->closed++;
    w->last = w->last == ws ? NULL : w->last;
    cond_broadcast(&w->changed);
}

static void on_request(void *ctx, HttpRequest *r) {
    HttpWsHandler handler = {.on_text = on_text, .on_closed = on_closed, .ctx = ctx};
    ErrCode err = http_reply_ws(r, &handler);
    if (err != ERR_OK) {
        http_reply(r, &(HttpReply){.status = err == ERR_PARAM ? 426 : err_http(err)});
    }
}

static int setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    ErrCode err = ERR_BUSY;
    assert_non_null(w);
    mutex_init(&w->lock);
    cond_init(&w->changed);
    for (unsigned i = 0; i < 50 && err != ERR_OK; i++) {
        HttpOptions o = {.address = "127.0.0.1",
                         .port = (uint16_t)(16000 + ((unsigned)getpid() * 7 + i * 131) % 9000),
                         .threads = 2,
                         .connections_max = CONNECTIONS,
                         .idle_timeout_s = 20,
                         .body_max_bytes = 100000,
                         .handler = {.on_request = on_request, .ctx = w}};
        err = http_start(&o, &w->server, NULL);
    }
    assert_ok(err);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    World *w = *state;
    if (w->server != NULL) {
        http_stop(w->server, 2000);
    }
    mutex_release(&w->lock);
    cond_release(&w->changed);
    free(w);
    return 0;
}

/* ---- a client ---- */

static void say(int fd, Str bytes) {
    assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

#define HEAD                                                                                       \
    "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"     \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static int dial(const World *w) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_port(w->server))};
    struct timeval patience = {.tv_sec = 20};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Exactly these bytes come next; "" for the end. */
static void expect(int fd, Str wanted) {
    char got[4096];
    size_t n = 0;
    ssize_t r = 1;
    assert_true(wanted.len < sizeof(got));
    while (n < MAX(wanted.len, (size_t)1) && r > 0) {
        r = recv(fd, got + n, MAX(wanted.len, (size_t)1) - n, 0);
        n += r > 0 ? (size_t)r : 0;
    }
    assert_str(((Str){got, n}), wanted);
}

/* Reads the answer's head; gives its status. */
static int head(int fd, char text[2048]) {
    size_t n = 0;
    while (n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < 2047);
        assert_int_equal(recv(fd, text + n, 1, 0), 1);
        n++;
    }
    text[n] = '\0';
    assert_true(n > 12);
    return (text[9] - '0') * 100 + (text[10] - '0') * 10 + text[11] - '0';
}

static int open_ws(const World *w) {
    char text[2048];
    int fd = dial(w);
    say(fd, STR(HEAD));
    assert_int_equal(head(fd, text), 101);
    return fd;
}

/* A text of at most 125 bytes, masked with zeros. */
static void tell(int fd, Str text) {
    char frame[256] = {(char)0x81, (char)(0x80 | text.len)};
    memcpy(frame + 6, text.ptr, text.len);
    say(fd, (Str){frame, text.len + 6});
}

static void wait_closed(World *w, size_t n) {
    MUTEX_GUARD(&w->lock);
    while (w->closed < n) {
        assert_true(cond_wait_ms(&w->changed, &w->lock, 20000));
    }
    assert_int_equal(w->closed, n);
}

/* ---- the tests ---- */

static void shakes_hands_and_echoes(void **state) {
    World *w = *state;
    char text[2048];
    int fd = dial(w);
    say(fd, STR(HEAD "\x81\x85\0\0\0\0early")); /* the first frame comes with the request */
    assert_int_equal(head(fd, text), 101);
    assert_non_null(strstr(text, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(text, "Upgrade: websocket\r\n"));
    expect(fd, STR("\x81\x05"
                   "early"));
    tell(fd, STR("one"));
    tell(fd, STR("two"));
    expect(fd, STR("\x81\x03one\x81\x03two"));
    say(fd, STR("\x89\x81\0\0\0\0p"));
    expect(fd, STR("\x8a\x01p"));
    say(fd, STR("\x88\x82\0\0\0\0\x03\xe8"));
    expect(fd, STR("\x88\x02\x03\xe8"));
    expect(fd, STR_EMPTY);
    wait_closed(w, 1);
    (void)close(fd);
}

static void refuses_other_requests(void **state) {
    World *w = *state;
    static const struct {
        Str request;
        int status;
    } cases[] = {
        {{"GET /ws HTTP/1.1\r\nHost: t\r\n\r\n", 0}, 426},
        {{"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          0},
         426},
        {{"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: close\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          0},
         426},
        {{"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
          0},
         400},
        {{"POST /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Content-Length: 0\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          0},
         426},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[2048];
        int fd = dial(w);
        say(fd, str_from(cases[i].request.ptr));
        assert_int_equal(head(fd, text), cases[i].status);
        (void)close(fd);
    }
}

static void closes_with_the_code_and_reason(void **state) {
    World *w = *state;
    int fd = open_ws(w);
    tell(fd, STR("bye"));
    expect(fd, STR("\x88\x0d\x0f\xa0"
                   "as you like"));
    say(fd, STR("\x88\x82\0\0\0\0\x0f\xa0"));
    expect(fd, STR_EMPTY);
    (void)close(fd);
    fd = open_ws(w);
    say(fd, STR("\x81\x05Hello")); /* not masked */
    expect(fd, STR("\x88\x02\x03\xea"));
    (void)close(fd);
    wait_closed(w, 2);
}

static void is_told_when_clients_leave(void **state) {
    World *w = *state;
    for (size_t i = 0; i < 30; i++) { /* more than fit at once: places come back */
        int fd = open_ws(w);
        tell(fd, STR("here"));
        expect(fd, STR("\x81\x04here"));
        (void)close(fd);
        wait_closed(w, i + 1);
    }
    assert_int_equal(w->texts, 30);
}

static void cuts_off_who_does_not_read(void **state) {
    World *w = *state;
    int fd = open_ws(w);
    tell(fd, STR("flood"));
    wait_closed(w, 1);
    (void)close(fd);
}

static void leaves_room_for_requests(void **state) {
    World *w = *state;
    int fds[CONNECTIONS / 2];
    char text[2048];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = open_ws(w);
    }
    int fd = dial(w);
    say(fd, STR(HEAD));
    assert_int_equal(head(fd, text), err_http(ERR_BUSY));
    (void)close(fd);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        (void)close(fds[i]);
    }
    wait_closed(w, ARRAY_LEN(fds));
}

/* From another thread than the WebSockets' own. */
static void sends_from_any_thread(void **state) {
    World *w = *state;
    int fd = open_ws(w);
    tell(fd, STR("a"));
    expect(fd, STR("\x81\x01"
                   "a"));
    mutex_lock(&w->lock);
    while (w->last == NULL) {
        assert_true(cond_wait_ms(&w->changed, &w->lock, 20000));
    }
    for (int i = 0; i < 100; i++) {
        assert_true(http_ws_send(w->last, STR("news")));
    }
    mutex_unlock(&w->lock);
    for (int i = 0; i < 100; i++) {
        expect(fd, STR("\x81\x04news"));
    }
    (void)close(fd);
    wait_closed(w, 1);
}

static void says_goodbye_at_the_stop(void **state) {
    World *w = *state;
    int fds[5];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = open_ws(w);
        tell(fds[i], STR("a"));
        expect(fds[i], STR("\x81\x01"
                           "a"));
    }
    http_stop(TAKE(w->server), 5000);
    assert_int_equal(w->closed, ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        expect(fds[i], STR("\x88\x02\x03\xe9"));
        expect(fds[i], STR_EMPTY);
        (void)close(fds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shakes_hands_and_echoes, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_other_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_with_the_code_and_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(is_told_when_clients_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(cuts_off_who_does_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_room_for_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(sends_from_any_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(says_goodbye_at_the_stop, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
