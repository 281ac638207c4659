/* Bodies with Content-Encoding: gzip, unpacked piece by piece: what is held is the unpacked body,
 * up to its ceiling. A small body that unpacks to a large one is refused as soon as that shows. */
#include "http/http_int.h"

#include <zlib.h>

enum { UNPACK_WINDOW = 15 + 16, UNPACK_STEP = 64 * 1024 };

typedef struct HttpUnpack {
    z_stream z;
    uint64_t taken; /* packed bytes */
    bool ended;     /* the newest member is whole; another may follow */
} HttpUnpack;

ErrCode http_unpack_begin(HttpRequest *r) {
    Str encoding = str_trim(http_header(r, "content-encoding"));
    if (encoding.len == 0 || str_eq_nocase(encoding, STR("identity"))) {
        return ERR_OK;
    }
    if (!str_eq_nocase(encoding, STR("gzip")) && !str_eq_nocase(encoding, STR("x-gzip"))) {
        return ERR_MEDIA;
    }
    HttpUnpack *u = arena_calloc(r->arena, 1, sizeof(*u));
    if (u == NULL || inflateInit2(&u->z, UNPACK_WINDOW) != Z_OK) {
        return ERR_NOMEM;
    }
    r->unpack = u;
    return ERR_OK;
}

/* One step into the room at the body's end. */
static ErrCode step(HttpRequest *r, HttpUnpack *u) {
    size_t room = MIN((size_t)UNPACK_STEP, r->body.max - r->body.len + 1);
    unsigned char out[UNPACK_STEP];
    if (u->ended) {
        u->ended = false;
        (void)inflateReset(&u->z);
    }
    u->z.next_out = out;
    u->z.avail_out = (uInt)room;
    int rc = inflate(&u->z, Z_NO_FLUSH);
    buf_put(&r->body, out, room - u->z.avail_out);
    u->ended = rc == Z_STREAM_END;
    return rc == Z_MEM_ERROR                                       ? ERR_NOMEM
           : rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR ? ERR_SYNTAX
                                                                   : buf_ok(&r->body);
}

ErrCode http_unpack_take(HttpRequest *r, Str bytes) {
    HttpUnpack *u = r->unpack;
    u->taken += bytes.len;
    u->z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    u->z.avail_in = (uInt)bytes.len;
    do {
        TRY(step(r, u));
        if (r->body.len > LIMIT_MIB && r->body.len / LIMIT_UNPACK_RATIO > u->taken) {
            return ERR_LIMIT;
        }
    } while (u->z.avail_in > 0 || (u->z.avail_out == 0 && !u->ended));
    return ERR_OK;
}

ErrCode http_unpack_end(HttpRequest *r) {
    HttpUnpack *u = r->unpack;
    return u->ended || u->taken == 0 ? ERR_OK : ERR_SYNTAX;
}

void http_unpack_free(HttpRequest *r) {
    HttpUnpack *u = r->unpack;
    if (u != NULL) {
        (void)inflateEnd(&u->z);
        r->unpack = NULL;
    }
}
