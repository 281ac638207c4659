#include "core/gunzip.h"

#include "core/limits.h"

#include <zlib.h>

enum { GZIP_WINDOW = 16 + MAX_WBITS };

struct Gunzip {
    z_stream z;
    Str rest;   /* fed, not yet given to z, which counts in 32 bits */
    bool ended; /* the newest member is whole */
    uint64_t fed, made;
};

bool gunzip_is_gzip(Str bytes) {
    return bytes.len > 2 && memcmp(bytes.ptr, "\x1f\x8b", 2) == 0;
}

ErrCode gunzip_new(Gunzip **ret) {
    Gunzip *g = calloc(1, sizeof(*g));
    if (g == NULL || inflateInit2(&g->z, GZIP_WINDOW) != Z_OK) {
        free(g);
        return ERR_NOMEM;
    }
    g->ended = true;
    *ret = g;
    return ERR_OK;
}

void gunzip_free(Gunzip *g) {
    if (g != NULL) {
        (void)inflateEnd(&g->z);
        free(g);
    }
}

void gunzip_reset(Gunzip *g) {
    (void)inflateReset(&g->z);
    g->z.avail_in = 0;
    g->rest = STR_EMPTY;
    g->ended = true;
    g->fed = g->made = 0;
}

void gunzip_feed(Gunzip *g, Str bytes) {
    g->rest = bytes;
    g->fed += bytes.len;
}

bool gunzip_wants(const Gunzip *g) {
    return g->z.avail_in == 0 && g->rest.len == 0;
}

bool gunzip_is_whole(const Gunzip *g) {
    return g->ended && gunzip_wants(g);
}

/* False when nothing is left to take. */
static bool give(Gunzip *g) {
    if (g->z.avail_in == 0 && g->rest.len > 0) {
        size_t n = MIN(g->rest.len, (size_t)UINT32_MAX);
        g->z.next_in = (Bytef *)(uintptr_t)g->rest.ptr; /* zlib only reads it */
        g->z.avail_in = (uInt)n;
        g->rest = str_sub(g->rest, n, g->rest.len);
    }
    return g->z.avail_in > 0;
}

ErrCode gunzip_some(Gunzip *g, void *out, size_t room, size_t *ret_n) {
    size_t max = MIN(room, (size_t)UINT32_MAX);
    g->z.next_out = out;
    g->z.avail_out = (uInt)max;
    int state = Z_OK;
    /* a member that ended may hold more output only when another begins */
    while (g->z.avail_out > 0 && (give(g) || !g->ended)) {
        if (g->ended) {
            (void)inflateReset(&g->z);
            g->ended = false;
        }
        state = inflate(&g->z, Z_NO_FLUSH);
        g->ended = state == Z_STREAM_END;
        if (state != Z_OK && state != Z_STREAM_END) {
            break; /* Z_BUF_ERROR: more must be fed */
        }
    }
    *ret_n = max - g->z.avail_out;
    g->made += *ret_n;
    if (state == Z_MEM_ERROR) {
        return ERR_NOMEM;
    }
    if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
        return ERR_SYNTAX;
    }
    uint64_t taken = g->fed - g->z.avail_in - g->rest.len;
    return g->made > LIMIT_MIB && g->made / LIMIT_UNPACK_RATIO > taken ? ERR_LIMIT : ERR_OK;
}
