/* Subscriptions through the whole server: a small receiver in this program takes the rest-hooks.
 * All data invented. */
#include "unit/rest/rest_help.h"

#include "core/base64.h"
#include "core/thread.h"

#include <openssl/evp.h>
#include <poll.h>

enum { WAIT_MS = 20000, CALLS_MAX = 4096 };

typedef struct Call { /* one request that came, or that was refused on purpose */
    Str head, body;
    int answered;
} Call;

typedef struct Receiver {
    Mutex lock;
    Cond more;
    Arena *arena;
    Thread thread;
    int fd;
    unsigned port;
    bool stopping;
    int fail; /* so many next calls are answered with 503 */
    Call calls[CALLS_MAX];
    size_t n;
} Receiver;

static Receiver receiver;

static bool read_call(int fd, Buf *b, Call *call) {
    size_t end;
    uint64_t length = 0;
    while ((end = str_find(buf_str(b), STR("\r\n\r\n"))) == SIZE_MAX) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0) {
            return false;
        }
        buf_put(b, chunk, (size_t)n);
    }
    Reply head = {.head = str_sub(buf_str(b), 0, end)};
    if (str_to_u64(header_of(head, "content-length"), &length) != ERR_OK) {
        length = 0;
    }
    while (b->len < end + 4 + length) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0) {
            return false;
        }
        buf_put(b, chunk, (size_t)n);
    }
    call->head = str_sub(buf_str(b), 0, end);
    call->body = str_sub(buf_str(b), end + 4, length);
    return true;
}

static void take_call(int fd) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char bad[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    CLEANUP_BUF Buf b;
    Call call = {0};
    buf_init(&b, 64 * LIMIT_MIB);
    if (read_call(fd, &b, &call)) {
        MUTEX_GUARD(&receiver.lock);
        bool fails = receiver.fail > 0;
        receiver.fail -= fails;
        call = (Call){arena_str(receiver.arena, call.head), arena_str(receiver.arena, call.body),
                      fails ? 503 : 200};
        if (receiver.n < CALLS_MAX) {
            receiver.calls[receiver.n++] = call;
        }
        (void)send(fd, fails ? bad : ok, fails ? sizeof(bad) - 1 : sizeof(ok) - 1, MSG_NOSIGNAL);
        cond_broadcast(&receiver.more);
    }
}

static void receive(void *ctx) {
    (void)ctx;
    while (true) {
        struct pollfd p = {.fd = receiver.fd, .events = POLLIN};
        (void)poll(&p, 1, 50);
        mutex_lock(&receiver.lock);
        bool stopping = receiver.stopping;
        mutex_unlock(&receiver.lock);
        if (stopping) {
            return;
        }
        int fd = (p.revents & POLLIN) != 0 ? accept(receiver.fd, NULL, NULL) : -1;
        if (fd >= 0) {
            take_call(fd);
            (void)close(fd);
        }
    }
}

static int setup(void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    int one = 1;
    receiver = (Receiver){.arena = arena_new(256 * LIMIT_MIB)};
    mutex_init(&receiver.lock);
    cond_init(&receiver.more);
    receiver.fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(receiver.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &at.sin_addr), 1);
    for (int i = 0; i < 100; i++) {
        receiver.port = 22000 + (unsigned)(getpid() * 3 + i * 37) % 9000;
        at.sin_port = htons((uint16_t)receiver.port);
        if (bind(receiver.fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
            break;
        }
    }
    assert_int_equal(listen(receiver.fd, 64), 0);
    assert_ok(thread_start(&receiver.thread, "receiver", receive, NULL));
    return world_setup(state);
}

static int teardown(void **state) {
    int rc = world_teardown(state);
    mutex_lock(&receiver.lock);
    receiver.stopping = true;
    mutex_unlock(&receiver.lock);
    thread_join(&receiver.thread);
    (void)close(receiver.fd);
    arena_free(receiver.arena);
    return rc;
}

/* Waits for call number i (from 0). */
static Call need_call(size_t i) {
    MUTEX_GUARD(&receiver.lock);
    for (int waited = 0; receiver.n <= i && waited < WAIT_MS; waited += 50) {
        (void)cond_wait_ms(&receiver.more, &receiver.lock, 50);
    }
    assert_true(receiver.n > i);
    return receiver.calls[i];
}

static size_t calls_now(void) {
    MUTEX_GUARD(&receiver.lock);
    return receiver.n;
}

/* ---- the world's side ---- */

static void put(World *w, const char *target, Str body) {
    Reply r = ask(w, &(Ask){"PUT", target, NULL, body.ptr});
    if (r.status != 200 && r.status != 201) {
        print_error("%s: %d " STR_FMT "\n", target, r.status, STR_ARG(r.body));
    }
    assert_true(r.status == 200 || r.status == 201);
}

static Str status_now(World *w, const char *target) {
    return json_str(w->arena, json_get_lit(get(w, target, NULL, 200), "status"));
}

static void wait_status(World *w, const char *target, const char *wanted) {
    for (int i = 0; i < WAIT_MS / 20 && !str_eq(status_now(w, target), str_from(wanted)); i++) {
        clock_sleep_ms(clock_real(), 20);
    }
    assert_str(status_now(w, target), str_from(wanted));
}

static Str criteria_subscription(World *w, const char *id, const char *criteria,
                                 const char *payload) {
    return arena_printf(
        w->arena,
        "{\"resourceType\":\"Subscription\",\"id\":\"%s\",\"status\":\"requested\","
        "\"reason\":\"test\",\"criteria\":\"%s\",\"channel\":{\"type\":\"rest-hook\","
        "\"endpoint\":\"http://127.0.0.1:%u/hook\"%s,\"header\":[\"X-Test: "
        "synthetic\"]}}",
        id, criteria, receiver.port, payload);
}

#define TOPIC "https://nhip.vn/fhir/SubscriptionTopic/"
#define BACKPORT "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"

static Str topic_subscription(World *w, const char *id, const char *channel, const char *filter) {
    return arena_printf(
        w->arena,
        "{\"resourceType\":\"Subscription\",\"id\":\"%s\",\"status\":\"requested\",\"reason\":"
        "\"test\",\"criteria\":\"" TOPIC "Observation\",\"_criteria\":{\"extension\":[{\"url\":"
        "\"" BACKPORT "backport-filter-criteria\",\"valueString\":\"%s\"}]},\"channel\":{\"type\":"
        "\"%s\",\"endpoint\":\"http://127.0.0.1:%u/topic\",\"payload\":\"application/fhir+json\","
        "\"_payload\":{\"extension\":[{\"url\":\"" BACKPORT "backport-payload-content\","
        "\"valueCode\":\"full-resource\"}]}}}",
        id, filter, channel, receiver.port);
}

static void put_observation(World *w, unsigned n, const char *code) {
    Str target = arena_printf(w->arena, "/fhir/Observation/o%u", n);
    put(w, target.ptr,
        arena_printf(w->arena,
                     "{\"resourceType\":\"Observation\",\"id\":\"o%u\",\"status\":\"final\","
                     "\"code\":{\"coding\":[{\"code\":\"%s\"}]}}",
                     n, code));
}

/* ---- R4's criteria ---- */

static void posts_what_matches(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/s1",
        criteria_subscription(w, "s1", "Observation?code=hb",
                              ",\"payload\":\"application/"
                              "fhir+json\""));
    wait_status(w, "/fhir/Subscription/s1", "active");
    put_observation(w, 1, "other");
    put_observation(w, 2, "hb");
    put_observation(w, 3, "hb");
    put_observation(w, 2, "other"); /* no longer one */
    Call first = need_call(0);
    Call second = need_call(1);
    assert_true(str_starts(first.head, STR("PUT /hook/Observation/o2 HTTP/1.1\r\n")));
    assert_true(str_find(first.head, STR("X-Test: synthetic\r\n")) != SIZE_MAX);
    assert_true(str_find(first.body, STR("\"id\":\"o2\"")) != SIZE_MAX);
    assert_true(str_find(first.body, STR("\"code\":\"hb\"")) != SIZE_MAX);
    assert_true(str_starts(second.head, STR("PUT /hook/Observation/o3 ")));
    put_observation(w, 4, "hb");
    (void)need_call(2);
    assert_int_equal(calls_now(), 3);
}

static void an_empty_post_without_payload(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/s1", criteria_subscription(w, "s1", "Patient", ""));
    wait_status(w, "/fhir/Subscription/s1", "active");
    put(w, "/fhir/Patient/p", STR("{\"resourceType\":\"Patient\",\"id\":\"p\"}"));
    Call call = need_call(0);
    assert_true(str_starts(call.head, STR("POST /hook HTTP/1.1\r\n")));
    assert_int_equal(call.body.len, 0);
}

/* ---- topics ---- */

static Str part_of(const JsonNode *bundle, const char *name) {
    const JsonNode *list = json_path(bundle, "entry.resource.parameter");
    for (const JsonNode *p = json_first(list); p != NULL; p = json_next(list, p)) {
        if (json_str_is(json_get_lit(p, "name"), str_from(name))) {
            const JsonNode *value = json_get_lit(p, "valueCode");
            return json_raw_str(value != NULL ? value : json_get_lit(p, "valueString"));
        }
    }
    return STR_EMPTY;
}

static const JsonNode *parsed(World *w, Str body) {
    const JsonNode *root = NULL;
    assert_ok(json_parse(w->arena, body, &root, NULL));
    return root;
}

static void a_topic_shakes_hands_and_tells(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/t", topic_subscription(w, "t", "rest-hook", "Observation?code=hb"));
    const JsonNode *hello = parsed(w, need_call(0).body);
    assert_str(part_of(hello, "type"), STR("handshake"));
    wait_status(w, "/fhir/Subscription/t", "active");
    put_observation(w, 1, "other");
    put_observation(w, 2, "hb");
    const JsonNode *event = parsed(w, need_call(1).body);
    assert_str(part_of(event, "type"), STR("event-notification"));
    assert_str(part_of(event, "events-since-subscription-start"), STR("1"));
    const JsonNode *entries = json_get_lit(event, "entry");
    assert_int_equal(json_count(entries), 2);
    const JsonNode *focus = json_next(entries, json_first(entries));
    assert_str(raw(focus, "resource.id"), STR("o2"));
    assert_str(raw(focus, "request.url"), STR("Observation/o2"));
    const JsonNode *status = get(w, "/fhir/Subscription/t/$status", NULL, 200);
    assert_str(part_of(status, "type"), STR("query-status"));
    const JsonNode *again = get(w, "/fhir/Subscription/t/$events?eventsSinceNumber=1", NULL, 200);
    assert_str(part_of(again, "type"), STR("query-event"));
    assert_int_equal(json_count(json_get_lit(again, "entry")), 2);
}

/* Content-Digest and the signature by the published key (RFC 9421). */
static void signs_what_it_sends(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/t", topic_subscription(w, "t", "rest-hook", "Observation?code=hb"));
    Call call = need_call(0);
    Reply head = {.head = call.head};
    Str digest = header_of(head, "Content-Digest");
    Sha256 sha;
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    sha256(call.body, &sha);
    buf_put_lit(&b, "sha-256=:");
    base64_encode(&b, (Str){(const char *)sha.b, 32});
    buf_put_lit(&b, ":");
    assert_str(digest, buf_str(&b));
    Str params = header_of(head, "Signature-Input");
    params = str_sub(params, 5, params.len); /* nhip= */
    Str text = header_of(head, "Signature");
    text = str_sub(text, 6, text.len - 7); /* nhip=:…: */
    Str base = arena_printf(w->arena,
                            "\"@method\": POST\n\"@target-uri\": http://127.0.0.1:%u/topic\n"
                            "\"content-digest\": " STR_FMT "\n\"@signature-params\": " STR_FMT,
                            receiver.port, STR_ARG(digest), STR_ARG(params));
    const JsonNode *key = get(w, "/fhir/Subscription/$hook-key", NULL, 200);
    Str x = arena_str(w->arena, json_raw_str(json_get_lit(key, "x")));
    for (size_t i = 0; i < x.len; i++) {
        char *c = (char *)(uintptr_t)&x.ptr[i];
        *c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
    }
    CLEANUP_BUF Buf raw_key;
    CLEANUP_BUF Buf signature;
    buf_init(&raw_key, 64);
    buf_init(&signature, 128);
    assert_ok(base64_decode(&raw_key, arena_printf(w->arena, STR_FMT "=", STR_ARG(x))));
    assert_ok(base64_decode(&signature, text));
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                 (const unsigned char *)raw_key.ptr, raw_key.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                      (const unsigned char *)base.ptr, base.len),
                     1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}

static void tries_again_in_order(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/s1",
        criteria_subscription(w, "s1", "Observation?code=hb",
                              ",\"payload\":\"application/"
                              "fhir+json\""));
    wait_status(w, "/fhir/Subscription/s1", "active");
    mutex_lock(&receiver.lock);
    receiver.fail = 2;
    mutex_unlock(&receiver.lock);
    put_observation(w, 1, "hb");
    put_observation(w, 2, "hb");
    Call calls[] = {need_call(0), need_call(1), need_call(2), need_call(3)};
    assert_int_equal(calls[1].answered, 503);
    assert_true(str_starts(calls[0].head, STR("PUT /hook/Observation/o1 ")));
    assert_true(str_starts(calls[2].head, STR("PUT /hook/Observation/o1 ")));
    assert_true(str_starts(calls[3].head, STR("PUT /hook/Observation/o2 ")));
}

/* Events of the time when the server was down come after the start, once each. */
static void reads_on_after_a_restart(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/s1",
        criteria_subscription(w, "s1", "Observation?code=hb",
                              ",\"payload\":\"application/"
                              "fhir+json\""));
    wait_status(w, "/fhir/Subscription/s1", "active");
    put_observation(w, 1, "hb");
    (void)need_call(0);
    mutex_lock(&receiver.lock);
    receiver.fail = 1; /* the second one is under way when the server stops */
    mutex_unlock(&receiver.lock);
    put_observation(w, 2, "hb");
    (void)need_call(1);
    (void)close(w->fd);
    rest_stop(TAKE(w->rest));
    w->settings.port += 17;
    RestOptions o = {
        .store = w->store, .intake = w->intake, .subs = w->subs, .settings = &w->settings};
    assert_ok(rest_start(&o, &w->rest, NULL));
    world_connect(w);
    put_observation(w, 3, "hb");
    Call again = need_call(2);
    Call third = need_call(3);
    assert_true(str_starts(again.head, STR("PUT /hook/Observation/o2 ")));
    assert_true(str_starts(third.head, STR("PUT /hook/Observation/o3 ")));
    assert_int_equal(calls_now(), 4);
}

/* ---- what is refused says why ---- */

static void an_error_says_why(void **state) {
    World *w = *state;
    static const char *const wrong[][2] = {
        {"Observation?colour=red", "127.0.0.1"},
        {"Observation?subject:Patient.name=x", "127.0.0.1"},
        {"Nothing?x=y", "127.0.0.1"},
        {TOPIC "Nothing", "127.0.0.1"},
        {"Observation", "example.org"},
        {"Observation", "127.0.0.1@example.org"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        Str target = arena_printf(w->arena, "/fhir/Subscription/e%zu", i);
        put(w, target.ptr,
            arena_printf(w->arena,
                         "{\"resourceType\":\"Subscription\",\"id\":\"e%zu\",\"status\":"
                         "\"requested\",\"reason\":\"t\",\"criteria\":\"%s\",\"channel\":{\"type\":"
                         "\"rest-hook\",\"endpoint\":\"http://%s/x\"}}",
                         i, wrong[i][0], wrong[i][1]));
        wait_status(w, target.ptr, "error");
        const JsonNode *now = get(w, target.ptr, NULL, 200);
        assert_true(json_raw_str(json_get_lit(now, "error")).len > 20);
    }
}

static void ends_and_is_forgotten(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/s1", criteria_subscription(w, "s1", "Observation", ""));
    wait_status(w, "/fhir/Subscription/s1", "active");
    assert_int_equal(status_of(w, "DELETE", "/fhir/Subscription/s1", NULL), 204);
    for (int i = 0; i < WAIT_MS / 20; i++) {
        if (status_of(w, "GET", "/fhir/Subscription/s1/$status", NULL) == 410) {
            break;
        }
        clock_sleep_ms(clock_real(), 20);
    }
    assert_int_equal(status_of(w, "GET", "/fhir/Subscription/s1/$status", NULL), 410);
    put_observation(w, 1, "hb");
    put(w, "/fhir/Subscription/s2", criteria_subscription(w, "s2", "Patient", ""));
    wait_status(w, "/fhir/Subscription/s2", "active");
    put(w, "/fhir/Patient/p", STR("{\"resourceType\":\"Patient\",\"id\":\"p\"}"));
    (void)need_call(0);
    assert_int_equal(calls_now(), 1);
}

/* ---- server-sent events ---- */

static void streams_events(void **state) {
    World *w = *state;
    put(w, "/fhir/Subscription/w", topic_subscription(w, "w", "websocket", "Observation?code=hb"));
    wait_status(w, "/fhir/Subscription/w", "active");
    /* The stream takes a connection of its own. */
    int before = w->fd;
    world_connect(w);
    send_all(w, STR("GET /fhir/Subscription/w/$stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    buf_clear(&w->in);
    while (str_find(buf_str(&w->in), STR("retry: 2000")) == SIZE_MAX) {
        assert_true(read_more(w));
    }
    int stream = w->fd;
    w->fd = before;
    put_observation(w, 1, "hb");
    w->fd = stream;
    buf_clear(&w->in);
    while (str_find(buf_str(&w->in), STR("\n\n")) == SIZE_MAX) {
        assert_true(read_more(w));
    }
    assert_true(str_find(buf_str(&w->in), STR("id: 1\nevent: notification\ndata: {\"resourceType\":"
                                              "\"Bundle\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&w->in), STR("\"id\":\"o1\"")) != SIZE_MAX);
    (void)close(stream);
    w->fd = before;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_what_matches, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_post_without_payload, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_shakes_hands_and_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(signs_what_it_sends, setup, teardown),
        cmocka_unit_test_setup_teardown(tries_again_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_on_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_and_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_events, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
