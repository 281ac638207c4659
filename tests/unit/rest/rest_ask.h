/* rest_ask.h — what the tests of servers share: a world on an empty data folder, asked over one
 * kept connection. All data invented. */
#ifndef NHIP_TESTS_UNIT_REST_ASK_H
#define NHIP_TESTS_UNIT_REST_ASK_H

#include "unit/store/store_help.h"

#include "core/json.h"
#include "core/limits.h"
#include "rest/rest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

typedef struct World {
    char dir[64];
    Settings settings;
    Store *store;
    Intake *intake;
    Subs *subs;
    StoreView views[2];
    size_t n_views;
    Rest *rest;      /* rest_help.h */
    struct Ioc *ioc; /* api_help.h */
    struct Rules *rules;
    struct Book *book;
    struct Api *api;
    int fd;
    Buf in;       /* the last reply */
    Arena *arena; /* the test's own */
} World;

typedef struct Ask {
    const char *method, *target;
    const char *headers; /* "Name: value\r\n…" or NULL */
    const char *body;    /* JSON, or NULL */
} Ask;

typedef struct Reply { /* lives until the next ask */
    int status;
    Str head, body;
} Reply;

static UNUSED void world_connect(World *w) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->settings.port)};
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(w->fd >= 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

/* An empty data folder; the server is the caller's. */
static UNUSED World *world_new(void) {
    World *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/nhip-api-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    settings_init(&w->settings);
    w->arena = arena_new((size_t)1 << 30);
    assert_non_null(w->arena);
    buf_init(&w->in, 64 * LIMIT_MIB);
    w->settings.data = w->dir;
    assert_ok(subs_new(&w->subs));
    w->views[w->n_views++] = subs_view(w->subs);
    return w;
}

/* The store, behind all views; then start(w) on a port that is free. */
static UNUSED void world_open(World *w, ErrCode (*start)(World *w, ErrInfo *info)) {
    ErrInfo info = {0};
    StoreOptions store = {.dir = str_from(w->dir), .views = w->views, .n_views = w->n_views};
    assert_ok(store_open(&store, &w->store, &info));
    assert_ok(intake_new(&(IntakeOptions){.store = w->store, .received_keep = true}, &w->intake));
    ErrCode err = ERR_BUSY;
    for (int i = 0; i < 50 && err != ERR_OK; i++) {
        w->settings.port = 12000 + (getpid() * 7 + i * 131) % 9000;
        err = start(w, &info);
    }
    assert_ok(err);
    world_connect(w);
}

/* Behind the server's end; then what the views looked at is closed, and the world is freed. */
static UNUSED void world_close(World *w) {
    (void)close(w->fd);
    intake_free(w->intake);
    store_close(w->store);
}

static UNUSED void world_free(World *w) {
    subs_free(w->subs);
    settings_release(&w->settings);
    arena_free(w->arena);
    buf_release(&w->in);
    folder_remove(w->dir);
    free(w);
}

/* ---- one question ---- */

static UNUSED void send_all(World *w, Str bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(w->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        assert_true(n > 0);
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
}

/* False when the server closed. */
static UNUSED bool read_more(World *w) {
    assert_true(buf_reserve(&w->in, 65536));
    ssize_t n = recv(w->fd, (char *)w->in.ptr + w->in.len, 65536, 0);
    w->in.len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static UNUSED Str header_of(Reply r, const char *name) {
    Str rest = r.head;
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        Str value = line;
        Str key;
        if (str_cut(&value, ':', &key) && value.ptr != NULL && str_eq_nocase(key, str_from(name))) {
            return str_trim(value);
        }
    }
    return STR_EMPTY;
}

static UNUSED Reply read_reply(World *w, bool no_body) {
    size_t end = SIZE_MAX;
    while ((end = str_find(buf_str(&w->in), STR("\r\n\r\n"))) == SIZE_MAX) {
        assert_true(read_more(w));
    }
    Reply r = {.head = str_sub(buf_str(&w->in), 0, end)};
    uint64_t status = 0;
    uint64_t length = 0;
    assert_ok(str_to_u64(str_sub(r.head, 9, 3), &status));
    Str text = header_of(r, "content-length");
    if (text.len > 0 && !no_body) {
        assert_ok(str_to_u64(text, &length));
    }
    bool closes = str_eq_nocase(header_of(r, "connection"), STR("close"));
    while (w->in.len < end + 4 + length) {
        assert_true(read_more(w));
    }
    if (closes) {
        (void)close(w->fd);
        world_connect(w);
    }
    r.status = (int)status;
    r.head = str_sub(buf_str(&w->in), 0, end);
    r.body = str_sub(buf_str(&w->in), end + 4, length);
    return r;
}

static UNUSED Reply ask(World *w, const Ask *a) {
    CLEANUP_BUF Buf out;
    buf_init(&out, 256 * LIMIT_MIB);
    bool hosted = a->headers != NULL && strstr(a->headers, "Host: ") != NULL;
    buf_printf(&out, "%s %s HTTP/1.1\r\n%s", a->method, a->target,
               hosted ? "" : "Host: localhost\r\n");
    buf_printf(&out, "%s", a->headers == NULL ? "" : a->headers);
    if (a->body != NULL) {
        buf_printf(&out, "Content-Length: %zu\r\n", strlen(a->body));
        if (a->headers == NULL || strstr(a->headers, "Content-Type") == NULL) {
            buf_printf(&out, "Content-Type: application/fhir+json\r\n");
        }
    }
    buf_printf(&out, "\r\n%s", a->body == NULL ? "" : a->body);
    assert_ok(buf_ok(&out));
    send_all(w, buf_str(&out));
    buf_clear(&w->in);
    return read_reply(w, strcmp(a->method, "HEAD") == 0);
}

static UNUSED int status_of(World *w, const char *method, const char *target, const char *body) {
    return ask(w, &(Ask){method, target, NULL, body}).status;
}

/* ---- answers as JSON, in the test's own arena ---- */

static UNUSED const JsonNode *body_of(World *w, Reply r) {
    const JsonNode *root = NULL;
    assert_ok(json_parse(w->arena, arena_str(w->arena, r.body), &root, NULL));
    return root;
}

/* GET; the answer must have this status. */
static UNUSED const JsonNode *get(World *w, const char *target, const char *headers, int status) {
    Reply r = ask(w, &(Ask){"GET", target, headers, NULL});
    if (r.status != status) {
        print_error("%s: %d\n" STR_FMT "\n", target, r.status, STR_ARG(r.body));
    }
    assert_int_equal(r.status, status);
    return body_of(w, r);
}

/* The string at a dotted path, the first one of each list on it. */
static UNUSED Str raw(const JsonNode *root, const char *path) {
    const JsonNode *value = json_path(root, path);
    return json_raw_str(json_is(value, JSON_ARRAY) ? json_first(value) : value);
}

/* Writes that resource; members: ",\"name\":…". */
static UNUSED void world_put(World *w, const char *type, const char *id, const char *members) {
    Str target = arena_printf(w->arena, "/fhir/%s/%s", type, id);
    Str body =
        arena_printf(w->arena, "{\"resourceType\":\"%s\",\"id\":\"%s\"%s}", type, id, members);
    Reply r = ask(w, &(Ask){"PUT", target.ptr, NULL, body.ptr});
    if (r.status != 200 && r.status != 201) {
        print_error(STR_FMT ": %d\n" STR_FMT "\n", STR_ARG(target), r.status, STR_ARG(r.body));
    }
    assert_true(r.status == 200 || r.status == 201);
}

#endif
