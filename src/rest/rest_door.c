#include "rest/rest_door.h"

#include "rest/rest_int.h"

#include <stdatomic.h>

enum { RETRY_MAX_S = 60 };

struct RestDoor {
    const Settings *settings;
    const Clock *clock;
    HttpServer *http;
    TimeMs since;
    _Atomic(Rest *) rest; /* set once */
    _Atomic uint64_t done, total;
};

/* ---- what is answered while nobody stands behind the door ---- */

/* Seconds until it will be through, as fast as it has gone so far. */
static int seconds_left(const RestDoor *door, uint64_t done, uint64_t total) {
    double passed = (double)(clock_now_ms(door->clock) - door->since) / 1000;
    double left = done == 0 ? 0 : passed / (double)done * (double)(total - MIN(done, total));
    return (int)MIN(MAX(left, 1.0), (double)RETRY_MAX_S);
}

static void reply_waiting(const RestDoor *door, HttpRequest *request, HttpReply *reply) {
    uint64_t done = atomic_load(&door->done);
    uint64_t total = atomic_load(&door->total);
    Str headers[] = {STR("Cache-Control"), STR("no-store"), STR("Retry-After"),
                     arena_printf(http_arena(request), "%d", seconds_left(door, done, total))};
    reply->headers = headers;
    reply->n_headers = headers[3].len == 0 ? 1 : 2;
    http_reply(request, reply);
}

static void reply_ready(const RestDoor *door, HttpRequest *request) {
    HttpReply reply = {
        .status = 503,
        .type = STR("application/json; charset=utf-8"),
        .body = arena_printf(http_arena(request),
                             "{\"status\":\"opening\",\"indexed\":%llu,\"records\":%llu}",
                             (unsigned long long)atomic_load(&door->done),
                             (unsigned long long)atomic_load(&door->total))};
    reply_waiting(door, request, &reply);
}

/* A browser that waits for a page of the screens. */
static void reply_page(const RestDoor *door, HttpRequest *request, const ErrInfo *info,
                       FhirLanguage language) {
    const char *text = language == FHIR_LANG_EN ? info->what_en : info->what_vi;
    HttpReply reply = {.status = 503,
                       .type = STR("text/html; charset=utf-8"),
                       .body = arena_printf(http_arena(request),
                                            "<!doctype html><meta charset=\"utf-8\">"
                                            "<meta http-equiv=\"refresh\" content=\"3\">"
                                            "<title>Nhịp</title><p>%s</p>\n",
                                            text)};
    reply_waiting(door, request, &reply);
}

static void reply_outcome(const RestDoor *door, HttpRequest *request, const ErrInfo *info,
                          FhirLanguage language) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    fhir_print_outcome_err(&b, info, language);
    HttpReply reply = {
        .status = 503, .type = STR("application/fhir+json; charset=utf-8"), .body = buf_str(&b)};
    reply_waiting(door, request, &reply);
}

static void reply_closed(const RestDoor *door, HttpRequest *request) {
    ErrInfo info = {0};
    Str asked = http_header_all(request, "accept-language");
    FhirLanguage language =
        fhir_language(asked.len == 0 ? str_from(door->settings->language) : asked);
    unsigned long long done = atomic_load(&door->done);
    unsigned long long total = atomic_load(&door->total);
    (void)err_set(&info, ERR_BUSY, "opening",
                  total == 0 ? "the server is opening its data; come again in a moment"
                             : "the server is opening its data; come again in a moment (%llu of "
                               "%llu records are indexed)",
                  total == 0 ? "máy chủ đang mở dữ liệu; hãy thử lại sau ít phút"
                             : "máy chủ đang mở dữ liệu; hãy thử lại sau ít phút (đã lập chỉ mục "
                               "%llu trên %llu bản ghi)",
                  done, total);
    bool is_browser = str_find(http_header(request, "accept"), STR("text/html")) != SIZE_MAX;
    if (is_browser && !str_starts(http_path(request), STR("/fhir"))) {
        reply_page(door, request, &info, language);
    } else {
        reply_outcome(door, request, &info, language);
    }
}

static void answer_alone(const RestDoor *door, HttpRequest *request) {
    Str path = http_path(request);
    if (str_eq(path, STR("/health"))) {
        http_reply(request, &(HttpReply){.status = 200,
                                         .type = STR("application/json; charset=utf-8"),
                                         .body = STR("{\"status\":\"ok\"}")});
    } else if (str_eq(path, STR("/ready"))) {
        reply_ready(door, request);
    } else {
        reply_closed(door, request);
    }
}

/* ---- the server's handlers: a request is whose it was at its head ---- */

static void on_head(void *ctx, HttpRequest *request) {
    RestDoor *door = ctx;
    Rest *rest = atomic_load(&door->rest);
    if (rest != NULL) {
        rest_upload_begin(rest, request);
    } else {
        answer_alone(door, request);
    }
}

static void on_request(void *ctx, HttpRequest *request) {
    RestDoor *door = ctx;
    Rest *rest = atomic_load(&door->rest);
    assert(rest != NULL); /* else its head was answered */
    rest_on_request(rest, request);
}

static void on_refused(void *ctx, HttpRequest *request, int status) {
    RestDoor *door = ctx;
    Rest *rest = atomic_load(&door->rest);
    if (rest != NULL) {
        rest_on_refused(rest, request, status);
    } else {
        http_reply(request, &(HttpReply){.status = status});
    }
}

/* ---- opening and closing ---- */

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static ErrCode start_http(RestDoor *door, ErrInfo *info) {
    const Settings *s = door->settings;
    HttpOptions o = {
        .address = s->listen,
        .port = (uint16_t)s->port,
        .threads = (unsigned)s->threads,
        .connections_max = (unsigned)s->connections_max,
        .connections_per_address = (unsigned)s->connections_per_address,
        .no_gzip = !s->gzip,
        .idle_timeout_s = (unsigned)s->request_timeout_s,
        .body_max_bytes = (size_t)s->request_max_mib * LIMIT_MIB,
        .tls_cert_file = s->tls_cert[0] == '\0' ? NULL : s->tls_cert,
        .tls_key_file = s->tls_key[0] == '\0' ? NULL : s->tls_key,
        .handler = {.on_head = on_head,
                    .on_refused = on_refused,
                    .on_request = on_request,
                    .ctx = door},
    };
    return http_start(&o, &door->http, info);
}

ErrCode rest_door_open(const Settings *settings, const Clock *clock, RestDoor **ret_door,
                       ErrInfo *info) {
    if (!is_loopback(settings->listen)) {
        return err_set(
            info, ERR_PARAM, "listen-loopback",
            "there is no sign-in yet: the server listens on this machine only (127.0.0.1 "
            "or ::1), not on %s",
            "chưa có đăng nhập: máy chủ chỉ lắng nghe trên chính máy này (127.0.0.1 hoặc "
            "::1), không phải %s",
            settings->listen);
    }
    RestDoor *door = calloc(1, sizeof(*door));
    if (door == NULL) {
        return ERR_NOMEM;
    }
    door->settings = settings;
    door->clock = clock == NULL ? clock_real() : clock;
    door->since = clock_now_ms(door->clock);
    ErrCode err = start_http(door, info);
    if (err != ERR_OK) {
        free(door);
        return err;
    }
    *ret_door = door;
    return ERR_OK;
}

void rest_door_progress(RestDoor *door, uint64_t done, uint64_t total) {
    atomic_store(&door->total, total);
    atomic_store(&door->done, done);
}

void rest_door_give(RestDoor *door, Rest *rest) {
    atomic_store(&door->rest, rest);
}

HttpServer *rest_door_http(const RestDoor *door) {
    return door->http;
}

void rest_door_close(RestDoor *door) {
    if (door != NULL && door->http != NULL) {
        http_stop(door->http, (unsigned)door->settings->stop_timeout_s * 1000);
        door->http = NULL;
    }
}

void rest_door_free(RestDoor *door) {
    rest_door_close(door);
    free(door);
}
