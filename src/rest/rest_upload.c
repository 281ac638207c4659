/* Uploads of claim files: the body goes to a file without a name in the data folder as it comes, so
 * that a slow sender holds disk and no memory. Where the folder takes no such file the body is
 * buffered like any other. */
#include "rest/rest_int.h"
#include "core/io.h"
#include "core/limits.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Upload {
    int fd;
    size_t len, max;
    void *map; /* NULL: none */
    ErrCode err;
} Upload;

static ErrCode upload_chunk(void *ctx, Str bytes) {
    Upload *u = ctx;
    u->err = u->len + bytes.len > u->max ? ERR_LIMIT : io_write_all(u->fd, bytes);
    u->len += bytes.len;
    return u->err;
}

static void upload_release(void *ctx) {
    Upload *u = ctx;
    if (u->map != NULL) {
        (void)munmap(u->map, u->len);
    }
    (void)close(u->fd);
}

static bool takes_file(const Rest *rest, HttpRequest *request) {
    Str path = http_path(request);
    bool lines = str_find(http_header(request, "content-type"), STR("ndjson")) != SIZE_MAX;
    bool is_upload = lines && str_eq(path, STR("/fhir/$import"));
    for (const char *const *p = rest->o.uploads; p != NULL && *p != NULL && !is_upload; p++) {
        is_upload = str_eq(path, str_from(*p));
    }
    return is_upload && str_eq(http_method(request), STR("POST"));
}

void rest_upload_begin(Rest *rest, HttpRequest *request) {
    if (!takes_file(rest, request)) {
        return;
    }
    int fd = open(rest->o.settings->data, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    Upload *u = fd < 0 ? NULL : arena_calloc(http_arena(request), 1, sizeof(*u));
    if (u == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    u->fd = fd;
    u->max = (size_t)rest->o.settings->request_max_mib * LIMIT_MIB;
    http_set_user(request, u);
    http_set_sink(request, (HttpSink){.chunk = upload_chunk, .release = upload_release, .ctx = u});
}

size_t rest_upload_len(const HttpRequest *request) {
    const Upload *u = http_user(request);
    return u == NULL ? http_body(request).len : u->len;
}

ErrCode rest_upload_body(HttpRequest *request, Str *ret_bytes) {
    Upload *u = http_user(request);
    *ret_bytes = http_body(request);
    if (u == NULL || u->err != ERR_OK || u->len == 0) {
        return u == NULL ? ERR_OK : u->err;
    }
    void *map = u->map != NULL ? u->map : mmap(NULL, u->len, PROT_READ, MAP_PRIVATE, u->fd, 0);
    if (map == MAP_FAILED) {
        return ERR_NOMEM;
    }
    u->map = map;
    *ret_bytes = (Str){map, u->len};
    return ERR_OK;
}

ErrCode rest_upload_keep(HttpRequest *request, RestKept *ret) {
    Upload *u = http_user(request);
    Str body = http_body(request);
    RestKept kept = {.fd = -1, .bytes = STR_EMPTY};
    if (u == NULL) {
        kept.copy = malloc(body.len + 1);
        if (kept.copy == NULL) {
            return ERR_NOMEM;
        }
        memcpy(kept.copy, body.ptr, body.len);
        kept.bytes = (Str){kept.copy, body.len};
    } else if (u->err != ERR_OK) {
        return u->err;
    } else if (u->len > 0) {
        kept.fd = dup(u->fd);
        void *map =
            kept.fd < 0 ? MAP_FAILED : mmap(NULL, u->len, PROT_READ, MAP_PRIVATE, kept.fd, 0);
        if (map == MAP_FAILED) {
            rest_kept_release(&kept);
            return ERR_NOMEM;
        }
        kept.bytes = (Str){map, u->len};
    }
    *ret = kept;
    return ERR_OK;
}

void rest_kept_release(RestKept *kept) {
    if (kept->fd >= 0) {
        if (kept->bytes.len > 0) {
            (void)munmap((void *)(uintptr_t)kept->bytes.ptr, kept->bytes.len);
        }
        (void)close(kept->fd);
    }
    free(kept->copy);
    *kept = (RestKept){.fd = -1, .bytes = STR_EMPTY};
}
