#include "http/http_client.h"

#include "core/limits.h"

#include <curl/curl.h>

enum { CONNECT_S = 5, TIMEOUT_S = 60 };

struct HttpClient {
    CURL *curl;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

static void start_library(void) {
    ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

HttpClient *http_client_new(void) {
    HttpClient *client = malloc(sizeof(*client));
    (void)pthread_once(&once, start_library);
    if (client == NULL || !ready) {
        free(client);
        return NULL;
    }
    client->curl = curl_easy_init();
    return client->curl == NULL ? (free(client), NULL) : client;
}

void http_client_free(HttpClient *client) {
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        free(client);
    }
}

/* ---- one call ---- */

typedef struct Taking {
    Buf *out;
    size_t had, max;
} Taking;

static size_t take_bytes(char *bytes, size_t size, size_t n, void *ctx) {
    Taking *t = ctx;
    t->had += size * n;
    if (t->had > t->max) {
        return 0;
    }
    if (t->out != NULL) {
        buf_put(t->out, bytes, size * n);
    }
    return t->out == NULL || buf_ok(t->out) == ERR_OK ? size * n : 0;
}

/* libcurl asks at least once a second. */
static int should_stop(void *ctx, curl_off_t down, curl_off_t downed, curl_off_t up,
                       curl_off_t upped) {
    const StopFlag *stop = ctx;
    (void)down, (void)downed, (void)up, (void)upped;
    return stop != NULL && stop_asked(stop);
}

static ErrCode make_headers(const HttpCall *call, struct curl_slist **ret) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < call->n_headers && list != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, call->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    *ret = list;
    return list == NULL ? ERR_NOMEM : ERR_OK;
}

#define SET(option, value) (void)curl_easy_setopt(curl, CURLOPT_##option, (value))

static void set_bounds(CURL *curl, const HttpCall *call) {
    SET(PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, "");
    SET(NOSIGNAL, 1L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(USERAGENT, "nhip");
    SET(CONNECTTIMEOUT, (long)(call->connect_s == 0 ? CONNECT_S : call->connect_s));
    SET(TIMEOUT, (long)(call->timeout_s == 0 ? TIMEOUT_S : call->timeout_s));
    if (call->ca_file != NULL) {
        SET(CAINFO, call->ca_file);
        SET(CAPATH, NULL);
    }
}

static void set_call(CURL *curl, const HttpCall *call) {
    SET(URL, call->url);
    SET(CUSTOMREQUEST, call->method);
    if (strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0) {
        SET(POSTFIELDS, call->body.len == 0 ? "" : call->body.ptr);
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
}

static ErrCode say(ErrCode err, const char *problem, HttpAnswer *ret) {
    (void)snprintf(ret->problem, sizeof(ret->problem), "%s", problem);
    return err;
}

static ErrCode end_of(CURLcode code, const Taking *taking, HttpAnswer *ret) {
    bool room = taking->out == NULL || buf_ok(taking->out) == ERR_OK;
    switch ((int)code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_OUT_OF_MEMORY:
        return say(ERR_NOMEM, "out of memory", ret);
    case CURLE_WRITE_ERROR:
        return !room && taking->had <= taking->max
                   ? say(buf_ok(taking->out), "no room for the answer", ret)
                   : say(ERR_LIMIT, "the answer is too long", ret);
    case CURLE_ABORTED_BY_CALLBACK:
        return say(ERR_STOPPED, "stopped", ret);
    case CURLE_OPERATION_TIMEDOUT:
        return say(ERR_TIMEOUT, "no answer in time", ret);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return say(ERR_PARAM, "no http or https address", ret);
    default:
        return say(ERR_IO, curl_easy_strerror(code), ret);
    }
}

static void read_answer(CURL *curl, HttpAnswer *ret) {
    long status = 0;
    long sent = 0;
    curl_off_t later = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &later);
    ret->status = (int)status;
    ret->retry_after_s = (unsigned)MIN(MAX(later, 0), 86400);
    ret->reached = sent > 0;
}

ErrCode http_client_call(HttpClient *client, const HttpCall *call, Buf *out, HttpAnswer *ret) {
    CURL *curl = client->curl;
    struct curl_slist *headers = NULL;
    Taking taking = {.out = out, .max = call->answer_max == 0 ? 64 * LIMIT_KIB : call->answer_max};
    *ret = (HttpAnswer){0};
    assert(call->n_headers <= HTTP_CALL_HEADERS);
    if (call->stop != NULL && stop_asked(call->stop)) {
        return say(ERR_STOPPED, "stopped", ret);
    }
    TRY(make_headers(call, &headers));
    curl_easy_reset(curl);
    set_bounds(curl, call);
    set_call(curl, call);
    SET(HTTPHEADER, headers);
    SET(WRITEFUNCTION, take_bytes);
    SET(WRITEDATA, &taking);
    SET(NOPROGRESS, 0L);
    SET(XFERINFOFUNCTION, should_stop);
    SET(XFERINFODATA, (void *)(uintptr_t)call->stop);
    CURLcode code = curl_easy_perform(curl);
    read_answer(curl, ret);
    curl_slist_free_all(headers);
    return end_of(code, &taking, ret);
}

/* ---- where calls may go ---- */

/* "https://name:8443/path" -> "name:8443"; empty when it is no http address. */
static Str authority_of(Str url) {
    size_t at = str_starts(url, STR("https://")) ? 8 : str_starts(url, STR("http://")) ? 7 : 0;
    Str rest = str_sub(url, at, url.len);
    size_t end = 0;
    while (end < rest.len && str_find_char(STR("/?#"), rest.ptr[end], 0) == SIZE_MAX) {
        if (rest.ptr[end] <= ' ' || rest.ptr[end] == '@' || rest.ptr[end] == '\\') {
            return STR_EMPTY;
        }
        end++;
    }
    return at == 0 ? STR_EMPTY : str_sub(rest, 0, end);
}

static Str host_of(Str authority) {
    if (str_starts(authority, STR("["))) {
        size_t end = str_find_char(authority, ']', 0);
        return end == SIZE_MAX ? STR_EMPTY : str_sub(authority, 0, end + 1);
    }
    return str_sub(authority, 0, MIN(authority.len, str_find_char(authority, ':', 0)));
}

static bool is_here(Str host) {
    return str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
           str_eq(host, STR("[::1]"));
}

bool http_client_allowed(Str hosts, Str url) {
    Str authority = authority_of(url);
    Str host = host_of(authority);
    Str one;
    if (host.len == 0 || is_here(host)) {
        return host.len > 0;
    }
    while (str_cut(&hosts, ',', &one)) {
        one = str_trim(one);
        if (one.len > 0 && (str_eq_nocase(one, host) || str_eq_nocase(one, authority))) {
            return true;
        }
    }
    return false;
}

bool http_client_private(Str url) {
    Str host = host_of(authority_of(url));
    return host.len > 0 && (is_here(host) || str_starts(url, STR("https://")));
}
