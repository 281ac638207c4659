#include "http/http_int.h"

#include "core/utf8.h"

Arena *http_arena(HttpRequest *request) {
    return request->arena;
}

Str http_method(const HttpRequest *request) {
    return request->method;
}

Str http_path(const HttpRequest *request) {
    return request->path;
}

Str http_query(const HttpRequest *request) {
    return request->query;
}

Str http_header(const HttpRequest *request, const char *name) {
    const char *value = NULL;
    size_t len = 0;
    if (http_is_detached(request)) {
        for (size_t i = 0; i < request->n_headers; i++) {
            if (str_eq_nocase(request->headers[2 * i], str_from(name))) {
                return request->headers[2 * i + 1];
            }
        }
        return STR_EMPTY;
    }
    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name, strlen(name),
                                      &value, &len) != MHD_YES ||
        value == NULL) {
        return STR_EMPTY;
    }
    return (Str){value, len};
}

typedef struct Lines {
    const char *name;
    Arena *arena;
    Str all;
} Lines;

static enum MHD_Result join_line(void *ctx, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    Lines *lines = ctx;
    (void)kind;
    if (value != NULL && str_eq_nocase(str_from(name), str_from(lines->name))) {
        lines->all = lines->all.len == 0
                         ? str_from(value)
                         : arena_printf(lines->arena, STR_FMT ", %s", STR_ARG(lines->all), value);
    }
    return MHD_YES;
}

Str http_header_all(HttpRequest *request, const char *name) {
    Lines lines = {.name = name, .arena = http_arena(request), .all = STR_EMPTY};
    if (!http_is_detached(request)) {
        (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, join_line, &lines);
    }
    for (size_t i = 0; i < request->n_headers; i++) {
        (void)join_line(&lines, MHD_HEADER_KIND, request->headers[2 * i].ptr,
                        request->headers[2 * i + 1].ptr);
    }
    return lines.all;
}

Str http_body(const HttpRequest *request) {
    return buf_str(&request->body);
}

void http_put_body(HttpRequest *request, Buf *body) {
    buf_release(&request->body);
    request->body = *body;
    *body = (Buf){0};
}

void http_set_sink(HttpRequest *request, HttpSink sink) {
    assert(request->state != REQUEST_RUNNING);
    request->sink = sink;
}

void http_set_body_max(HttpRequest *request, size_t bytes) {
    request->body_max = bytes;
}

void *http_user(const HttpRequest *request) {
    return request->user;
}

void http_set_user(HttpRequest *request, void *user) {
    request->user = user;
}

HttpServer *http_server(const HttpRequest *request) {
    return request->server;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

ErrCode http_decode(Arena *arena, Str text, bool plus_is_space, Str *ret_text) {
    char *out = arena_alloc(arena, text.len + 1);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int hi = i + 1 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int lo = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (hi < 0 || lo < 0) {
                return ERR_SYNTAX;
            }
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        if (c == '\0') {
            return ERR_SYNTAX;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    if (!utf8_valid((Str){out, n})) {
        return ERR_SYNTAX;
    }
    *ret_text = (Str){out, n};
    return ERR_OK;
}
