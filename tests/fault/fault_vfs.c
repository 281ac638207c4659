#include "fault/fault_vfs.h"

#include "core/random.h"

#include <pthread.h>
#include <sqlite3.h>

enum { SECTOR = 512, FILES = 64, NAME = 256, SHM_LOCKS = SQLITE_SHM_NLOCK, REGIONS = 64 };

typedef struct Bytes {
    char *ptr;
    size_t len, capacity;
} Bytes;

typedef struct Op { /* not synced yet; len 0: cut to `at` bytes */
    size_t at, len;
    char *bytes;
} Op;

typedef struct Disk {
    char name[NAME];
    bool exists;        /* in the folder, as programs see it */
    bool entry_durable; /* the folder entry is on the disk */
    bool has_ghost;     /* a file of this name was deleted, and that is not on the disk yet */
    Bytes now, durable, ghost;
    Op *ops;
    size_t n_ops, ops_capacity;
    unsigned handles;
    unsigned shared; /* locks of SQLite's five levels */
    void *reserved, *pending, *exclusive;
    char *regions[REGIONS];
    unsigned shm_shared[SHM_LOCKS];
    void *shm_exclusive[SHM_LOCKS];
    unsigned shm_users;
} Disk;

typedef struct Handle {
    sqlite3_file base;
    Disk *disk;
    int level;
    bool temporary, has_shm;
    uint16_t shm_shared, shm_exclusive;
} Handle;

static struct Fault {
    pthread_mutex_t lock;
    Disk *disks[FILES];
    Random random;
    uint64_t syncs, writes, calls;
    uint64_t cut_sync, cut_write, fail_at; /* 0: never */
    bool fail_sticky, off;
    int64_t quota;
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER, .quota = -1};

_Thread_local unsigned fault_spared;

static void lock(void) {
    fault_spared++;
    (void)pthread_mutex_lock(&fault.lock);
}

static int unlock(int code) {
    (void)pthread_mutex_unlock(&fault.lock);
    fault_spared--;
    return code;
}

/* ---- bytes ---- */

static void bytes_size(Bytes *b, size_t len) {
    if (len > b->capacity) {
        size_t capacity = MAX(len, b->capacity * 2);
        b->ptr = realloc(b->ptr, capacity);
        if (b->ptr == NULL) {
            abort();
        }
        b->capacity = capacity;
    }
    if (len > b->len) {
        memset(b->ptr + b->len, 0, len - b->len);
    }
    b->len = len;
}

static void bytes_write(Bytes *b, size_t at, const char *bytes, size_t len) {
    if (at + len > b->len) {
        bytes_size(b, at + len);
    }
    memcpy(b->ptr + at, bytes, len);
}

static void bytes_copy(Bytes *to, const Bytes *from) {
    to->len = 0;
    bytes_size(to, from->len);
    if (from->len > 0) {
        memcpy(to->ptr, from->ptr, from->len);
    }
}

static void bytes_release(Bytes *b) {
    free(b->ptr);
    *b = (Bytes){0};
}

/* ---- disks ---- */

static void ops_clear(Disk *d) {
    for (size_t i = 0; i < d->n_ops; i++) {
        free(d->ops[i].bytes);
    }
    d->n_ops = 0;
}

static void op_add(Disk *d, size_t at, const char *bytes, size_t len) {
    if (d->n_ops == d->ops_capacity) {
        d->ops_capacity = MAX((size_t)64, d->ops_capacity * 2);
        d->ops = realloc(d->ops, d->ops_capacity * sizeof(*d->ops));
    }
    Op op = {at, len, len == 0 ? NULL : malloc(len)};
    if (d->ops == NULL || (len > 0 && op.bytes == NULL)) {
        abort();
    }
    if (len > 0) {
        memcpy(op.bytes, bytes, len);
    }
    d->ops[d->n_ops++] = op;
}

static Disk *disk_find(const char *name) {
    for (size_t i = 0; i < FILES; i++) {
        if (fault.disks[i] != NULL && strcmp(fault.disks[i]->name, name) == 0) {
            return fault.disks[i];
        }
    }
    return NULL;
}

static Disk *disk_new(const char *name) {
    for (size_t i = 0; i < FILES; i++) {
        if (fault.disks[i] == NULL) {
            Disk *d = calloc(1, sizeof(*d));
            if (d == NULL) {
                abort();
            }
            (void)snprintf(d->name, sizeof(d->name), "%s", name);
            fault.disks[i] = d;
            return d;
        }
    }
    abort();
}

static void disk_drop_shm(Disk *d) {
    for (size_t i = 0; i < REGIONS; i++) {
        free(d->regions[i]);
        d->regions[i] = NULL;
    }
}

static void disk_free(Disk *d) {
    ops_clear(d);
    disk_drop_shm(d);
    free(d->ops);
    bytes_release(&d->now);
    bytes_release(&d->durable);
    bytes_release(&d->ghost);
    free(d);
}

static int64_t used(void) {
    int64_t n = 0;
    for (size_t i = 0; i < FILES; i++) {
        n +=
            fault.disks[i] != NULL && fault.disks[i]->exists ? (int64_t)fault.disks[i]->now.len : 0;
    }
    return n;
}

/* ---- the cut ---- */

/* One piece of an unsynced write, inside one sector. */
typedef struct Piece {
    size_t at, len;
    const char *bytes; /* NULL: cut to `at` */
} Piece;

static size_t pieces_of(const Disk *d, Piece *out) {
    size_t n = 0;
    for (size_t i = 0; i < d->n_ops; i++) {
        const Op *op = &d->ops[i];
        size_t done = 0;
        do {
            size_t len = op->len == 0 ? 0 : MIN(op->len - done, SECTOR - (op->at + done) % SECTOR);
            if (out != NULL) {
                out[n] = (Piece){op->at + done, len, op->len == 0 ? NULL : op->bytes + done};
            }
            n++;
            done += len;
        } while (done < op->len);
    }
    return n;
}

/* How bad it is: nothing survives, a part in its order or in any order, or all of it. */
static void disk_tear(Disk *d) {
    static const double KEEP[] = {0, 0.1, 0.5, 0.9, 1};
    size_t n = pieces_of(d, NULL);
    Piece *pieces = calloc(n + 1, sizeof(*pieces));
    uint32_t *order = calloc(n + 1, sizeof(*order));
    if (pieces == NULL || order == NULL) {
        abort();
    }
    (void)pieces_of(d, pieces);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    if (random_below(&fault.random, 2) == 0) {
        random_shuffle(&fault.random, order, n);
    }
    double keep = KEEP[random_below(&fault.random, ARRAY_LEN(KEEP))];
    for (size_t i = 0; i < n; i++) {
        const Piece *p = &pieces[order[i]];
        if (!random_chance(&fault.random, keep)) {
            continue;
        }
        if (p->bytes == NULL) {
            bytes_size(&d->durable, p->at);
        } else {
            bytes_write(&d->durable, p->at, p->bytes, p->len);
        }
    }
    free(pieces);
    free(order);
}

static void disk_cut(Disk *d) {
    bool entry = d->exists && (d->entry_durable || random_below(&fault.random, 2) == 0);
    if (entry) {
        disk_tear(d);
    } else if (d->has_ghost && random_below(&fault.random, 2) == 0) {
        bytes_copy(&d->durable, &d->ghost);
        entry = true;
    }
    d->exists = entry;
}

static void cut(void) {
    if (fault.off) {
        return;
    }
    fault.off = true;
    for (size_t i = 0; i < FILES; i++) {
        if (fault.disks[i] != NULL) {
            disk_cut(fault.disks[i]);
        }
    }
}

/* ---- before every change ---- */

static int before_change(int io_error, bool is_sync) {
    if (fault.off) {
        return io_error;
    }
    uint64_t n = is_sync ? ++fault.syncs : ++fault.writes;
    if (n == (is_sync ? fault.cut_sync : fault.cut_write)) {
        cut();
        return io_error;
    }
    fault.calls++;
    bool fails = fault.fail_at != 0 && (fault.calls == fault.fail_at ||
                                        (fault.fail_sticky && fault.calls > fault.fail_at));
    return fails ? io_error : SQLITE_OK;
}

/* ---- file methods ---- */

static int file_close(sqlite3_file *file);

static int file_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 at) {
    Handle *h = (Handle *)file;
    lock();
    if (fault.off) {
        return unlock(SQLITE_IOERR_READ);
    }
    const Bytes *b = &h->disk->now;
    size_t from = MIN((size_t)at, b->len);
    size_t n = MIN((size_t)amount, b->len - from);
    memcpy(out, b->ptr == NULL ? "" : b->ptr + from, n);
    memset((char *)out + n, 0, (size_t)amount - n);
    return unlock(n == (size_t)amount ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
}

static int file_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 at) {
    Handle *h = (Handle *)file;
    lock();
    int code = before_change(SQLITE_IOERR_WRITE, false);
    if (code != SQLITE_OK) {
        return unlock(code);
    }
    size_t end = (size_t)at + (size_t)amount;
    size_t grows = end > h->disk->now.len ? end - h->disk->now.len : 0;
    if (fault.quota >= 0 && grows > 0 && used() + (int64_t)grows > fault.quota) {
        return unlock(SQLITE_FULL);
    }
    bytes_write(&h->disk->now, (size_t)at, bytes, (size_t)amount);
    op_add(h->disk, (size_t)at, bytes, (size_t)amount);
    return unlock(SQLITE_OK);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    Handle *h = (Handle *)file;
    lock();
    int code = before_change(SQLITE_IOERR_TRUNCATE, false);
    if (code == SQLITE_OK) {
        bytes_size(&h->disk->now, (size_t)size);
        op_add(h->disk, (size_t)size, NULL, 0);
    }
    return unlock(code);
}

static int file_sync(sqlite3_file *file, int flags) {
    Handle *h = (Handle *)file;
    Disk *d = h->disk;
    (void)flags;
    lock();
    int code = before_change(SQLITE_IOERR_FSYNC, true);
    if (code != SQLITE_OK) {
        return unlock(code);
    }
    for (size_t i = 0; i < d->n_ops; i++) {
        if (d->ops[i].len == 0) {
            bytes_size(&d->durable, d->ops[i].at);
        } else {
            bytes_write(&d->durable, d->ops[i].at, d->ops[i].bytes, d->ops[i].len);
        }
    }
    ops_clear(d);
    d->entry_durable = true;
    d->has_ghost = false;
    bytes_release(&d->ghost);
    assert(d->durable.len == d->now.len);
    return unlock(SQLITE_OK);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size) {
    Handle *h = (Handle *)file;
    lock();
    *ret_size = (sqlite3_int64)h->disk->now.len;
    return unlock(fault.off ? SQLITE_IOERR_FSTAT : SQLITE_OK);
}

static int lock_exclusive(Handle *h) {
    Disk *d = h->disk;
    if ((d->reserved != NULL && d->reserved != h) || (d->pending != NULL && d->pending != h)) {
        return SQLITE_BUSY;
    }
    d->pending = h;
    h->level = MAX(h->level, SQLITE_LOCK_PENDING);
    if (d->shared > 1) {
        return SQLITE_BUSY;
    }
    d->exclusive = h;
    h->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level) {
    Handle *h = (Handle *)file;
    Disk *d = h->disk;
    lock();
    if (h->level >= level) {
        return unlock(SQLITE_OK);
    }
    if (h->level == SQLITE_LOCK_NONE) {
        if ((d->pending != NULL && d->pending != h) ||
            (d->exclusive != NULL && d->exclusive != h)) {
            return unlock(SQLITE_BUSY);
        }
        d->shared++;
        h->level = SQLITE_LOCK_SHARED;
    }
    if (level == SQLITE_LOCK_RESERVED) {
        if (d->reserved != NULL && d->reserved != h) {
            return unlock(SQLITE_BUSY);
        }
        d->reserved = h;
        h->level = SQLITE_LOCK_RESERVED;
    }
    return unlock(level == SQLITE_LOCK_EXCLUSIVE ? lock_exclusive(h) : SQLITE_OK);
}

static void release_locks(Handle *h, int level) {
    Disk *d = h->disk;
    if (h->level <= level) {
        return;
    }
    d->reserved = d->reserved == h ? NULL : d->reserved;
    d->pending = d->pending == h ? NULL : d->pending;
    d->exclusive = d->exclusive == h ? NULL : d->exclusive;
    if (level == SQLITE_LOCK_NONE && h->level >= SQLITE_LOCK_SHARED) {
        d->shared--;
    }
    h->level = level;
}

static int file_unlock(sqlite3_file *file, int level) {
    lock();
    release_locks((Handle *)file, level);
    return unlock(SQLITE_OK);
}

static int file_check_reserved(sqlite3_file *file, int *ret_held) {
    lock();
    *ret_held = ((Handle *)file)->disk->reserved != NULL;
    return unlock(SQLITE_OK);
}

static int file_control(sqlite3_file *file, int op, void *arg) {
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file) {
    (void)file;
    return 4096;
}

static int file_device(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory: gone with the power ---- */

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret) {
    Handle *h = (Handle *)file;
    Disk *d = h->disk;
    lock();
    *ret = NULL;
    if (fault.off || region >= REGIONS) {
        return unlock(SQLITE_IOERR_SHMMAP);
    }
    if (!h->has_shm) {
        h->has_shm = true;
        d->shm_users++;
    }
    if (d->regions[region] == NULL && extend) {
        d->regions[region] = calloc(1, (size_t)size);
    }
    *ret = d->regions[region];
    return unlock(SQLITE_OK);
}

static int shm_lock(sqlite3_file *file, int at, int n, int flags) {
    Handle *h = (Handle *)file;
    Disk *d = h->disk;
    lock();
    for (int i = at; i < at + n && (flags & SQLITE_SHM_LOCK) != 0; i++) {
        bool mine_shared = (h->shm_shared >> i & 1) != 0;
        bool other = d->shm_exclusive[i] != NULL && d->shm_exclusive[i] != h;
        bool readers = d->shm_shared[i] > (mine_shared ? 1u : 0u);
        if (other || ((flags & SQLITE_SHM_EXCLUSIVE) != 0 && readers)) {
            return unlock(SQLITE_BUSY);
        }
    }
    for (int i = at; i < at + n; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        bool want = (flags & SQLITE_SHM_LOCK) != 0;
        if ((flags & SQLITE_SHM_SHARED) != 0) {
            bool has = (h->shm_shared & bit) != 0;
            d->shm_shared[i] += (want ? 1u : 0u) - (has ? 1u : 0u);
            h->shm_shared = (uint16_t)(want ? h->shm_shared | bit : h->shm_shared & ~bit);
        } else {
            d->shm_exclusive[i] = want ? (void *)h : NULL;
            h->shm_exclusive = (uint16_t)(want ? h->shm_exclusive | bit : h->shm_exclusive & ~bit);
        }
    }
    return unlock(SQLITE_OK);
}

static void shm_barrier(sqlite3_file *file) {
    (void)file;
    lock();
    (void)unlock(0);
}

static void shm_release(Handle *h) {
    Disk *d = h->disk;
    if (!h->has_shm) {
        return;
    }
    for (unsigned i = 0; i < SHM_LOCKS; i++) {
        d->shm_shared[i] -= h->shm_shared >> i & 1;
        d->shm_exclusive[i] = d->shm_exclusive[i] == h ? NULL : d->shm_exclusive[i];
    }
    h->shm_shared = h->shm_exclusive = 0;
    h->has_shm = false;
    if (--d->shm_users == 0) {
        disk_drop_shm(d);
    }
}

static int shm_unmap(sqlite3_file *file, int delete) {
    (void)delete;
    lock();
    shm_release((Handle *)file);
    return unlock(SQLITE_OK);
}

static int file_close(sqlite3_file *file) {
    Handle *h = (Handle *)file;
    lock();
    shm_release(h);
    release_locks(h, SQLITE_LOCK_NONE);
    h->disk->handles--;
    if (h->temporary) {
        disk_free(h->disk);
    }
    return unlock(SQLITE_OK);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- folder ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags) {
    Handle *h = (Handle *)file;
    (void)vfs;
    *h = (Handle){.temporary = name == NULL};
    lock();
    if (fault.off) {
        return unlock(SQLITE_CANTOPEN);
    }
    Disk *d = name == NULL ? calloc(1, sizeof(*d)) : disk_find(name);
    if (d == NULL && name == NULL) {
        return unlock(SQLITE_NOMEM);
    }
    if ((d == NULL || !d->exists) && name != NULL && (flags & SQLITE_OPEN_CREATE) == 0) {
        return unlock(SQLITE_CANTOPEN);
    }
    if (d == NULL) {
        d = disk_new(name);
    }
    if (!d->exists) {
        d->exists = true;
        d->entry_durable = false;
        d->now.len = d->durable.len = 0;
        ops_clear(d);
    }
    d->handles++;
    h->disk = d;
    h->base.pMethods = &METHODS;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return unlock(SQLITE_OK);
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir) {
    (void)vfs;
    lock();
    Disk *d = disk_find(name);
    if (fault.off) {
        return unlock(SQLITE_IOERR_DELETE);
    }
    if (d == NULL || !d->exists) {
        return unlock(SQLITE_IOERR_DELETE_NOENT);
    }
    if (d->entry_durable && sync_dir == 0) {
        d->has_ghost = true;
        bytes_copy(&d->ghost, &d->durable);
    } else if (sync_dir != 0) {
        d->has_ghost = false;
    }
    d->exists = d->entry_durable = false;
    d->now.len = d->durable.len = 0;
    ops_clear(d);
    return unlock(SQLITE_OK);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_is) {
    (void)vfs;
    (void)flags;
    lock();
    Disk *d = disk_find(name);
    *ret_is = d != NULL && d->exists;
    return unlock(fault.off ? SQLITE_IOERR_ACCESS : SQLITE_OK);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
    (void)vfs;
    return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static sqlite3_vfs *real(void) {
    return sqlite3_vfs_find("unix");
}
static int vfs_random(sqlite3_vfs *vfs, int n, char *out) {
    (void)vfs;
    return real()->xRandomness(real(), n, out);
}
static int vfs_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return real()->xSleep(real(), us);
}
static int vfs_time(sqlite3_vfs *vfs, double *ret_day) {
    (void)vfs;
    return real()->xCurrentTime(real(), ret_day);
}
static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms) {
    (void)vfs;
    return real()->xCurrentTimeInt64(real(), ret_ms);
}
static int vfs_last_error(sqlite3_vfs *vfs, int n, char *out) {
    (void)vfs;
    (void)n;
    (void)out;
    return 0;
}

const char *fault_vfs(void) {
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = (int)sizeof(Handle),
        .mxPathname = NAME - 1,
        .zName = "nhip-fault",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time64,
    };
    if (sqlite3_vfs_find(vfs.zName) == NULL) {
        (void)sqlite3_vfs_register(&vfs, 0);
    }
    return vfs.zName;
}

/* ---- the tester's side ---- */

void fault_reset(uint64_t seed) {
    lock();
    for (size_t i = 0; i < FILES; i++) {
        if (fault.disks[i] != NULL) {
            assert(fault.disks[i]->handles == 0);
            disk_free(TAKE(fault.disks[i]));
        }
    }
    random_init(&fault.random, seed);
    fault.syncs = fault.writes = fault.calls = 0;
    fault.cut_sync = fault.cut_write = fault.fail_at = 0;
    fault.off = fault.fail_sticky = false;
    fault.quota = -1;
    (void)unlock(0);
}

void fault_cut_at_sync(uint64_t n) {
    lock();
    fault.cut_sync = n == 0 ? 0 : fault.syncs + n;
    (void)unlock(0);
}

void fault_cut_at_write(uint64_t n) {
    lock();
    fault.cut_write = n == 0 ? 0 : fault.writes + n;
    (void)unlock(0);
}

void fault_cut_now(void) {
    lock();
    cut();
    (void)unlock(0);
}

bool fault_is_off(void) {
    lock();
    bool off = fault.off;
    (void)unlock(0);
    return off;
}

void fault_power_on(void) {
    lock();
    for (size_t i = 0; i < FILES; i++) {
        Disk *d = fault.disks[i];
        if (d == NULL) {
            continue;
        }
        assert(d->handles == 0 && d->shared == 0 && d->shm_users == 0);
        ops_clear(d);
        bytes_copy(&d->now, &d->durable);
        d->entry_durable = d->exists;
        d->has_ghost = false;
    }
    fault.off = false;
    fault.cut_sync = fault.cut_write = 0;
    (void)unlock(0);
}

void fault_quota(int64_t bytes) {
    lock();
    fault.quota = bytes;
    (void)unlock(0);
}

int64_t fault_used(void) {
    lock();
    int64_t n = used();
    (void)unlock(0);
    return n;
}

void fault_fail_at(uint64_t n, bool sticky) {
    lock();
    fault.calls = 0;
    fault.fail_at = n;
    fault.fail_sticky = sticky;
    (void)unlock(0);
}

uint64_t fault_calls(void) {
    lock();
    uint64_t n = fault.calls;
    (void)unlock(0);
    return n;
}

uint64_t fault_syncs(void) {
    lock();
    uint64_t n = fault.syncs;
    (void)unlock(0);
    return n;
}
