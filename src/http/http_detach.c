/* Requests without a connection: what a route needs of one, kept in memory of its own. */
#include "http/http_int.h"

void http_detached_reply(HttpRequest *r, const HttpReply *reply) {
    assert(r->status == 0);
    r->status = (unsigned)reply->status;
    r->detached.reply(r->detached.ctx, reply);
    /* From here on r may be gone. */
    if (reply->body_owned) {
        free((void *)(uintptr_t)reply->body.ptr);
    }
}

typedef struct HeaderCopy {
    Arena *arena;
    Str *pairs;
    size_t n, max;
} HeaderCopy;

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    HeaderCopy *c = cls;
    (void)kind;
    if (c->n < c->max) {
        c->pairs[2 * c->n] = arena_str(c->arena, str_from(name));
        c->pairs[2 * c->n + 1] = arena_str(c->arena, str_from(value));
        c->n++;
    }
    return MHD_YES;
}

static bool copy_headers(const HttpRequest *from, HttpRequest *to) {
    int n = MHD_get_connection_values(from->connection, MHD_HEADER_KIND, NULL, NULL);
    HeaderCopy c = {.arena = to->arena, .max = n > 0 ? (size_t)n : 0};
    c.pairs = arena_new_array(to->arena, Str, 2 * c.max + 1);
    if (c.pairs == NULL) {
        return false;
    }
    (void)MHD_get_connection_values(from->connection, MHD_HEADER_KIND, copy_header, &c);
    to->headers = c.pairs;
    to->n_headers = c.n;
    return true;
}

HttpRequest *http_detach(HttpRequest *request, const HttpDetached *to) {
    enum { DETACHED_ARENA_MAX = 1 << 30 };
    HttpRequest *r = request->sink.chunk != NULL ? NULL : calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->server = request->server;
    r->state = REQUEST_RUNNING;
    r->detached = *to;
    mutex_init(&r->lock);
    buf_init(&r->body, request->body.max);
    r->arena = arena_new(DETACHED_ARENA_MAX);
    bool ok = r->arena != NULL && copy_headers(request, r);
    if (ok) {
        r->method = arena_str(r->arena, request->method);
        r->path = arena_str(r->arena, request->path);
        r->query = arena_str(r->arena, request->query);
        buf_put_str(&r->body, buf_str(&request->body));
    }
    if (!ok || arena_failed(r->arena) || buf_ok(&r->body) != ERR_OK) {
        http_detached_free(r);
        return NULL;
    }
    return r;
}

void http_detached_free(HttpRequest *detached) {
    if (detached != NULL) {
        buf_release(&detached->body);
        arena_free(detached->arena);
        mutex_release(&detached->lock);
        free(detached);
    }
}
