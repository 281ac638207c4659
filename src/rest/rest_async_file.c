/* Files that jobs made: gzip on disk, sent as they are to who takes that, else unpacked. */
#include "rest/rest_async.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { UNPACK_BYTES = 64 * 1024, GZIP_ONLY = 16 + 15 };

/* ---- unpacking on the way ---- */

typedef struct Unpack {
    int fd;
    z_stream z;
    bool ended;
    uint8_t packed[UNPACK_BYTES];
} Unpack;

static ssize_t unpack_read(void *ctx, char *out, size_t max) {
    Unpack *u = ctx;
    u->z.next_out = (Bytef *)out;
    u->z.avail_out = (uInt)max;
    while (u->z.avail_out == max && !u->ended) {
        if (u->z.avail_in == 0) {
            ssize_t n = read(u->fd, u->packed, sizeof(u->packed));
            if (n <= 0) {
                return HTTP_SOURCE_FAILED;
            }
            u->z.next_in = u->packed;
            u->z.avail_in = (uInt)n;
        }
        int state = inflate(&u->z, Z_NO_FLUSH);
        u->ended = state == Z_STREAM_END;
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
            return HTTP_SOURCE_FAILED;
        }
    }
    size_t n = max - u->z.avail_out;
    return n > 0 ? (ssize_t)n : HTTP_SOURCE_END;
}

static void unpack_release(void *ctx) {
    Unpack *u = ctx;
    (void)inflateEnd(&u->z);
    (void)close(u->fd);
    free(u);
}

static void send_unpacked(RestCall *call, int fd, const HttpReply *reply) {
    Unpack *u = calloc(1, sizeof(*u));
    if (u == NULL || inflateInit2(&u->z, GZIP_ONLY) != Z_OK) {
        free(u);
        (void)close(fd);
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    u->fd = fd;
    http_reply_source(call->request, reply,
                      &(HttpSource){.read = unpack_read, .release = unpack_release, .ctx = u});
}

static void send_packed(RestCall *call, int fd, uint64_t size, HttpReply *reply) {
    Arena *arena = call->arena;
    Str etag = reply->headers[1];
    Str condition = http_header(call->request, "if-range");
    Str asked = condition.len > 0 && !str_eq(condition, etag) ? STR_EMPTY
                                                              : http_header(call->request, "range");
    HttpRange range = http_range(asked, size);
    Str headers[16] = {STR("Content-Encoding"), STR("gzip"), STR("Accept-Ranges"), STR("bytes")};
    size_t n = 4;
    for (size_t i = 0; i < 2 * reply->n_headers; i++) {
        headers[n++] = reply->headers[i];
    }
    if (range.status != 200) {
        headers[n++] = STR("Content-Range");
        headers[n++] = http_content_range(arena, &range, size);
    }
    reply->status = range.status;
    reply->headers = headers;
    reply->n_headers = n / 2;
    if (range.status == 416) {
        (void)close(fd);
        reply->headers = headers + 4;
        reply->n_headers = n / 2 - 2;
        reply->type = STR_EMPTY;
        http_reply(call->request, reply);
        return;
    }
    http_reply_file(call->request, reply,
                    &(HttpFile){.fd = fd, .from = range.from, .len = range.len});
}

/* ---- sending ---- */

static bool is_plain_name(Str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && i > 0);
        if (!plain) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 128;
}

static Str type_of(Str name) {
    return str_ends(name, STR(".ndjson"))  ? STR("application/fhir+ndjson")
           : str_ends(name, STR(".csv"))   ? STR("text/csv; charset=utf-8")
           : str_ends(name, STR(".jsonl")) ? STR("application/x-ndjson")
                                           : STR("application/json; charset=utf-8");
}

void rest_send_packed(RestCall *call, const char *dir, Str name) {
    Str path = arena_printf(call->arena, "%s/" STR_FMT ".gz", dir, STR_ARG(name));
    int fd = is_plain_name(name) ? open(path.ptr, O_RDONLY | O_CLOEXEC) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        rest_reply_err(call, ERR_NOT_FOUND, NULL);
        return;
    }
    Str headers[] = {STR("ETag"),
                     arena_printf(call->arena, "\"%llx-%llx\"", (unsigned long long)st.st_ino,
                                  (unsigned long long)st.st_size),
                     STR("Cache-Control"),
                     STR("no-store"),
                     STR("Vary"),
                     STR("Accept-Encoding"),
                     STR("X-Content-Type-Options"),
                     STR("nosniff")};
    HttpReply reply = {.status = 200,
                       .type = type_of(name),
                       .headers = headers,
                       .n_headers = ARRAY_LEN(headers) / 2,
                       .no_compress = true};
    if (http_takes_gzip(call->request)) {
        send_packed(call, fd, (uint64_t)st.st_size, &reply);
    } else {
        send_unpacked(call, fd, &reply);
    }
}
