#include "core/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WALK_DEPTH_MAX = 32 };

static int real_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}

static const IoOps real_ops = {
    .open = real_open,
    .read = read,
    .write = write,
    .fsync = fsync,
    .close = close,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
};
static _Atomic(const IoOps *) current_ops = &real_ops;

const IoOps *io_ops_real(void) {
    return &real_ops;
}

const IoOps *io_ops(void) {
    return atomic_load_explicit(&current_ops, memory_order_acquire);
}

void io_ops_set(const IoOps *ops) {
    atomic_store(&current_ops, ops == NULL ? &real_ops : ops);
}

ErrCode io_error(int errno_value) {
    switch (errno_value) {
    case 0:
        return ERR_OK;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case EEXIST:
        return ERR_EXISTS;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

/* errno of a call that just failed; never ERR_OK. */
static ErrCode failed(void) {
    return errno == 0 ? ERR_IO : io_error(errno);
}

void io_close_cleanup(int *fd) {
    if (*fd >= 0) {
        (void)io_ops()->close(*fd);
        *fd = -1;
    }
}

/* Opens over interruptions; -1 with errno. */
static int open_retry(const char *path, int flags, mode_t mode) {
    int fd = -1;
    do {
        fd = io_ops()->open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* One read into the room that out has; without any, of a single byte, which tells a file that ends
 * here from a larger one without growing. */
static ErrCode read_some(int fd, Buf *out, ssize_t *ret_n) {
    char one = 0;
    bool probe = out->len == out->capacity;
    ssize_t n = 0;
    do {
        n = probe ? io_ops()->read(fd, &one, 1)
                  : io_ops()->read(fd, out->ptr + out->len, out->capacity - out->len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return failed();
    }
    if (probe && n > 0) {
        buf_put(out, &one, 1);
    } else {
        out->len += (size_t)n;
    }
    *ret_n = n;
    return buf_ok(out);
}

/* Appends fd's bytes to out; ERR_LIMIT beyond max. */
static ErrCode read_all(int fd, size_t max, Buf *out) {
    size_t start = out->len;
    ssize_t n = 1;
    while (n > 0) {
        TRY(read_some(fd, out, &n));
        if (out->len - start > max) {
            return ERR_LIMIT;
        }
    }
    return ERR_OK;
}

ErrCode io_read_file(const char *path, size_t max_bytes, Buf *out) {
    CLEANUP_FD int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        return failed();
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return failed();
    }
    if (S_ISREG(st.st_mode)) {
        if ((uint64_t)st.st_size > max_bytes) {
            return ERR_LIMIT;
        }
        if (!buf_reserve(out, (size_t)st.st_size)) {
            return buf_ok(out);
        }
    }
    size_t start = out->len;
    ErrCode err = read_all(fd, max_bytes, out);
    if (err != ERR_OK) {
        out->len = start;
    }
    return err;
}

ErrCode io_write_all(int fd, Str bytes) {
    while (bytes.len > 0) {
        ssize_t n = io_ops()->write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed();
        }
        if (n == 0) {
            return ERR_IO;
        }
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    return ERR_OK;
}

/* The folder that path stands in, into out of PATH_MAX bytes. */
static bool folder_of(const char *path, char *ret_folder) {
    const char *slash = strrchr(path, '/');
    int n = slash == NULL   ? snprintf(ret_folder, PATH_MAX, ".")
            : slash == path ? snprintf(ret_folder, PATH_MAX, "/")
                            : snprintf(ret_folder, PATH_MAX, "%.*s", (int)(slash - path), path);
    return n > 0 && n < PATH_MAX;
}

static ErrCode sync_folder_of(const char *path) {
    char folder[PATH_MAX];
    if (!folder_of(path, folder)) {
        return ERR_LIMIT;
    }
    CLEANUP_FD int fd = open_retry(folder, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 || io_ops()->fsync(fd) != 0 ? failed() : ERR_OK;
}

/* Writes and syncs a new file. */
static ErrCode write_new(const char *path, Str bytes) {
    int fd = open_retry(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    if (fd < 0) {
        return failed();
    }
    ErrCode err = io_write_all(fd, bytes);
    if (err == ERR_OK && io_ops()->fsync(fd) != 0) {
        err = failed();
    }
    /* network file systems report a full disk here */
    if (io_ops()->close(fd) != 0 && err == ERR_OK) {
        err = failed();
    }
    return err;
}

ErrCode io_write_atomic(const char *path, Str bytes) {
    static atomic_uint counter;
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof(temporary), "%s.tmp-%ld-%u", path, (long)getpid(),
                     atomic_fetch_add(&counter, 1));
    if (n < 0 || (size_t)n >= sizeof(temporary)) {
        return ERR_LIMIT;
    }
    ErrCode err = write_new(temporary, bytes);
    if (err == ERR_OK && io_ops()->rename(temporary, path) != 0) {
        err = failed();
    }
    if (err != ERR_OK) {
        (void)io_ops()->unlink(temporary);
        return err;
    }
    return sync_folder_of(path);
}

ErrCode io_rename(const char *from, const char *to) {
    if (io_ops()->rename(from, to) != 0) {
        return failed();
    }
    TRY(sync_folder_of(to));
    return sync_folder_of(from);
}

ErrCode io_remove(const char *path) {
    return io_ops()->unlink(path) == 0 ? ERR_OK : failed();
}

static ErrCode make_one(const char *path) {
    if (io_ops()->mkdir(path, 0750) == 0) {
        return sync_folder_of(path);
    }
    int err = errno;
    struct stat st;
    if (err == EEXIST && stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? ERR_OK : ERR_EXISTS;
    }
    return err == 0 ? ERR_IO : io_error(err);
}

ErrCode io_mkdirs(const char *path) {
    char part[PATH_MAX];
    int n = snprintf(part, sizeof(part), "%s", path);
    if (n <= 0 || (size_t)n >= sizeof(part)) {
        return n == 0 ? ERR_PARAM : ERR_LIMIT;
    }
    for (char *p = part + 1; *p != '\0'; p++) {
        if (*p == '/' && p[-1] != '/') {
            *p = '\0';
            TRY(make_one(part));
            *p = '/';
        }
    }
    return make_one(part);
}

bool io_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

ErrCode io_size(const char *path, uint64_t *ret_bytes) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return failed();
    }
    *ret_bytes = (uint64_t)st.st_size;
    return ERR_OK;
}

ErrCode io_map_open(const char *path, IoMap *ret_map) {
    CLEANUP_FD int fd = open_retry(path, O_RDONLY, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return failed();
    }
    if (!S_ISREG(st.st_mode)) {
        return ERR_PARAM;
    }
    if (st.st_size == 0) {
        *ret_map = (IoMap){STR_EMPTY};
        return ERR_OK;
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        return failed();
    }
    *ret_map = (IoMap){{p, (size_t)st.st_size}};
    return ERR_OK;
}

void io_map_close(IoMap *m) {
    if (m->bytes.len > 0) {
        (void)munmap((void *)(uintptr_t)m->bytes.ptr, m->bytes.len);
    }
    m->bytes = STR_EMPTY;
}

/* ---- walking ---- */

typedef struct Walk {
    IoWalkFn fn;
    void *ctx;
    char path[PATH_MAX];
} Walk;

static int not_dots(const struct dirent *e) {
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static ErrCode walk_at(Walk *w, size_t len, unsigned depth);

/* Goes on with entry `name` of the folder in w->path[0…len). */
static ErrCode walk_entry(Walk *w, size_t len, const char *name, unsigned depth) {
    int n = snprintf(w->path + len, sizeof(w->path) - len, "/%s", name);
    if (n < 0 || (size_t)n >= sizeof(w->path) - len) {
        return ERR_LIMIT;
    }
    ErrCode err = walk_at(w, len + (size_t)n, depth);
    w->path[len] = '\0';
    return err;
}

static ErrCode walk_folder(Walk *w, size_t len, unsigned depth) {
    if (depth >= WALK_DEPTH_MAX) {
        return ERR_LIMIT;
    }
    struct dirent **entries = NULL;
    int n = scandir(w->path, &entries, not_dots, by_name);
    if (n < 0) {
        return failed();
    }
    ErrCode err = ERR_OK;
    for (int i = 0; i < n; i++) {
        if (err == ERR_OK) {
            err = walk_entry(w, len, entries[i]->d_name, depth + 1);
        }
        free(entries[i]);
    }
    free(entries);
    return err;
}

static ErrCode walk_at(Walk *w, size_t len, unsigned depth) {
    struct stat st;
    if (lstat(w->path, &st) != 0) {
        /* a file that somebody took away in the meantime is not ours to report */
        return errno == ENOENT && depth > 0 ? ERR_OK : failed();
    }
    if (S_ISREG(st.st_mode)) {
        return w->fn(w->ctx, w->path, (uint64_t)st.st_size);
    }
    return S_ISDIR(st.st_mode) ? walk_folder(w, len, depth) : ERR_OK;
}

ErrCode io_walk(const char *dir, IoWalkFn fn, void *ctx) {
    Walk w = {.fn = fn, .ctx = ctx};
    int n = snprintf(w.path, sizeof(w.path), "%s", dir);
    if (n <= 0 || (size_t)n >= sizeof(w.path)) {
        return n == 0 ? ERR_PARAM : ERR_LIMIT;
    }
    size_t len = (size_t)n;
    while (len > 1 && w.path[len - 1] == '/') {
        w.path[--len] = '\0';
    }
    return walk_at(&w, len, 0);
}
