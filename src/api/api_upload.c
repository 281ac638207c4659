/* Uploads of claim files: the body goes to a file without a name in the data folder as it comes, so
 * that a slow sender holds disk and no memory. Where the folder takes no such file the body is
 * buffered like any other. */
#include "api/api_int.h"
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

void api_upload_begin(void *ctx, HttpRequest *request) {
    Api *api = ctx;
    if (!str_eq(http_method(request), STR("POST")) ||
        !str_eq(http_path(request), STR("/import/claims"))) {
        return;
    }
    int fd = open(api->o.settings->data, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    Upload *u = fd < 0 ? NULL : arena_calloc(http_arena(request), 1, sizeof(*u));
    if (u == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    u->fd = fd;
    u->max = (size_t)api->o.settings->request_max_mib * LIMIT_MIB;
    http_set_user(request, u);
    http_set_sink(request, (HttpSink){.chunk = upload_chunk, .release = upload_release, .ctx = u});
}

ErrCode api_upload_body(HttpRequest *request, Str *ret_bytes) {
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
