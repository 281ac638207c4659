/* io.h — files: whole-file reads, atomic durable writes, memory maps, sorted walks. All system
 * calls go through IoOps, which tests replace to make call number n fail (disk full, torn write).
 * Ownership: results as stated; paths are NUL-terminated and borrowed.
 * Errors: io_error maps errno: ERR_NOT_FOUND, ERR_FULL (ENOSPC, EDQUOT), ERR_EXISTS, ERR_NOMEM,
 * else ERR_IO. Outputs are untouched on failure unless stated. Threads: safe from all, but
 * io_ops_set only while nobody does I/O. */
#ifndef NHIP_CORE_IO_H
#define NHIP_CORE_IO_H

#include "core/str.h"

#include <sys/types.h>

ErrCode io_error(int errno_value);

/* Appends the file to out. ERR_LIMIT when it is larger than max_bytes. */
MUST_USE ErrCode io_read_file(const char *path, size_t max_bytes, Buf *out);
/* Either the old or the new content survives a power cut: temporary file beside it, fsync, rename,
 * fsync of the folder. */
MUST_USE ErrCode io_write_atomic(const char *path, Str bytes);
/* Writes all of it, over interruptions and short writes. */
MUST_USE ErrCode io_write_all(int fd, Str bytes);
/* Creates the folder and what is missing above it (mode 0750), and makes the new entries durable.
 */
MUST_USE ErrCode io_mkdirs(const char *path);
MUST_USE ErrCode io_remove(const char *path);
MUST_USE ErrCode io_rename(const char *from, const char *to); /* durable: fsync of the folder */
bool io_exists(const char *path);
MUST_USE ErrCode io_size(const char *path, uint64_t *ret_bytes);

/* A file mapped for reading. An empty file maps to STR_EMPTY. The file must not be cut short while
 * it is mapped: input that others may still write belongs in io_read_file. */
typedef struct IoMap {
    Str bytes;
} IoMap;
MUST_USE ErrCode io_map_open(const char *path, IoMap *ret_map);
void io_map_close(IoMap *m); /* safe twice */

/* Calls fn for every regular file below dir (dir itself may be a file), folder by folder, names in
 * byte order; symbolic links are not followed; at most 32 folders deep. The first error of fn ends
 * the walk and is returned. */
typedef ErrCode (*IoWalkFn)(void *ctx, const char *path, uint64_t bytes);
MUST_USE ErrCode io_walk(const char *dir, IoWalkFn fn, void *ctx);

static inline void io_map_cleanup(IoMap *m) {
    io_map_close(m);
}
#define CLEANUP_IO_MAP CLEANUP(io_map_cleanup)
void io_close_cleanup(int *fd); /* closes when ≥ 0 */
#define CLEANUP_FD CLEANUP(io_close_cleanup)

/* The system calls behind all of this. */
typedef struct IoOps {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *bytes, size_t len);
    ssize_t (*write)(int fd, const void *bytes, size_t len);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
} IoOps;
const IoOps *io_ops_real(void);
const IoOps *io_ops(void);
void io_ops_set(const IoOps *ops); /* NULL: the real ones */

#endif
