/* Bodies with Content-Encoding: gzip, unpacked piece by piece: what is held is the unpacked body,
 * up to its ceiling. A small body that unpacks to a large one is refused as soon as that shows. */
#include "core/gunzip.h"
#include "http/http_int.h"

enum { UNPACK_STEP = 64 * 1024 };

ErrCode http_unpack_begin(HttpRequest *r) {
    Str encoding = str_trim(http_header(r, "content-encoding"));
    if (encoding.len == 0 || str_eq_nocase(encoding, STR("identity"))) {
        return ERR_OK;
    }
    if (!str_eq_nocase(encoding, STR("gzip")) && !str_eq_nocase(encoding, STR("x-gzip"))) {
        return ERR_MEDIA;
    }
    return gunzip_new(&r->unpack);
}

ErrCode http_unpack_take(HttpRequest *r, Str bytes) {
    size_t n = 0;
    gunzip_feed(r->unpack, bytes);
    do {
        unsigned char out[UNPACK_STEP];
        size_t room = MIN((size_t)UNPACK_STEP, r->body.max - r->body.len + 1);
        TRY(gunzip_some(r->unpack, out, room, &n));
        buf_put(&r->body, out, n);
        TRY(buf_ok(&r->body));
    } while (n > 0);
    return ERR_OK;
}

ErrCode http_unpack_end(HttpRequest *r) {
    return gunzip_is_whole(r->unpack) ? ERR_OK : ERR_SYNTAX;
}

void http_unpack_free(HttpRequest *r) {
    gunzip_free(r->unpack);
    r->unpack = NULL;
}
