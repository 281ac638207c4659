/* Backup: SQLite's online copy under one read transaction, so that commits go on and the copy is of
 * one moment; then verified, then given its name. Restore: verified, then put in place durably. */
#include "store/record_int.h"

#include "core/io.h"
#include "core/limits.h"

#include <fcntl.h>
#include <unistd.h>

enum { BACKUP_PAGES = 2048 };

static ErrCode copy_pages(sqlite3_backup *backup, const StoreProgress *progress) {
    int code = SQLITE_OK;
    while (code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, BACKUP_PAGES);
        int total = sqlite3_backup_pagecount(backup);
        int left = sqlite3_backup_remaining(backup);
        if (progress != NULL && progress->step != NULL) {
            progress->step(progress->ctx, (uint64_t)(total - left), (uint64_t)total);
        }
    }
    return db_error(code);
}

/* The open read transaction keeps the source at one moment: without it every commit of the writer
 * would begin the copy anew. */
static ErrCode copy_db(Db *from, Db *to, const StoreProgress *progress) {
    CLEANUP_RESET sqlite3_stmt *last = db_stmt(from, "record_last");
    bool row = false;
    TRY(db_run(from, "begin_read"));
    ErrCode err = last == NULL ? ERR_NOMEM : db_step(last, &row);
    sqlite3_backup *backup =
        err == ERR_OK ? sqlite3_backup_init(to->handle, "main", from->handle, "main") : NULL;
    if (err == ERR_OK) {
        err = backup == NULL ? db_error(sqlite3_errcode(to->handle)) : copy_pages(backup, progress);
    }
    if (backup != NULL) {
        int code = sqlite3_backup_finish(backup);
        err = err == ERR_OK ? db_error(code) : err;
    }
    if (row) {
        (void)sqlite3_reset(last);
    }
    db_rollback(from);
    return err;
}

static ErrCode sync_file(const char *path) {
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) != 0 ? ERR_IO : ERR_OK;
}

/* A file of its own: no log beside it. */
static ErrCode fill_copy(Store *store, const char *path, const StoreProgress *progress) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    Db to;
    DbOpen how = {.path = path};
    TRY(reader_take(store, &hold.reader));
    TRY(db_open(&how, &to, NULL));
    ErrCode err = db_run(&to, "sync_off");
    err = err == ERR_OK ? db_run(&to, "journal_off") : err;
    err = err == ERR_OK ? copy_db(&hold.reader->db, &to, progress) : err;
    err = err == ERR_OK ? db_run(&to, "journal_delete") : err;
    db_close(&to);
    return err == ERR_OK ? sync_file(path) : err;
}

static ErrCode verify_file(const char *path, ErrInfo *info) {
    Db db;
    DbOpen how = {.path = path, .read_only = true};
    uint64_t records = 0;
    TRY(db_open(&how, &db, info));
    ErrCode err = verify_db(&db, NULL, &records, info);
    db_close(&db);
    return err;
}

static void remove_quietly(const char *path) {
    if (io_exists(path)) {
        ErrCode err = io_remove(path);
        (void)err; /* a left-over .part file is replaced by the next try */
    }
}

ErrCode store_backup(Store *store, Str file, const StoreProgress *progress, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const char *path = arena == NULL ? NULL : arena_str(arena, file).ptr;
    const char *part =
        arena == NULL ? NULL : arena_printf(arena, STR_FMT ".part", STR_ARG(file)).ptr;
    if (arena == NULL || arena_failed(arena)) {
        return ERR_NOMEM;
    }
    if (io_exists(path)) {
        return err_set(info, ERR_EXISTS, "backup-exists", "the file %s exists already",
                       "tệp %s đã tồn tại", path);
    }
    remove_quietly(part);
    ErrCode err = fill_copy(store, part, progress);
    err = err == ERR_OK ? verify_file(part, info) : err;
    err = err == ERR_OK ? io_rename(part, path) : err;
    if (err != ERR_OK) {
        remove_quietly(part);
        return info != NULL && info->code == err
                   ? err
                   : err_set(info, err, "backup", "the backup was not written: %s",
                             "chưa ghi được bản sao lưu: %s", err_text(err, 0));
    }
    return ERR_OK;
}

static ErrCode copy_file(const char *from, const char *to) {
    CLEANUP_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    CLEANUP_FD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    CLEANUP_FREE char *block = malloc(LIMIT_MIB);
    if (in < 0 || out < 0 || block == NULL) {
        return block == NULL ? ERR_NOMEM : ERR_IO;
    }
    while (true) {
        ssize_t n = read(in, block, LIMIT_MIB);
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0) {
            return fsync(out) == 0 ? ERR_OK : ERR_IO;
        }
        TRY(io_write_all(out, (Str){block, (size_t)n}));
    }
}

ErrCode store_restore(Str file, Str dir, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    const char *from = arena_str(arena, file).ptr;
    const char *folder = arena_str(arena, dir).ptr;
    const char *to = arena_printf(arena, STR_FMT "/data.db", STR_ARG(dir)).ptr;
    const char *view = arena_printf(arena, STR_FMT "/view.db", STR_ARG(dir)).ptr;
    const char *part = arena_printf(arena, STR_FMT "/data.db.part", STR_ARG(dir)).ptr;
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    if (!io_exists(from)) {
        return err_set(info, ERR_NOT_FOUND, "restore-file", "there is no file %s",
                       "không có tệp %s", from);
    }
    if (io_exists(to) || io_exists(view)) {
        return err_set(info, ERR_EXISTS, "restore-exists",
                       "the data folder %s is not empty; choose another",
                       "thư mục dữ liệu %s không trống; hãy chọn thư mục khác", folder);
    }
    TRY(io_mkdirs(folder));
    ErrCode err = copy_file(from, part);
    err = err == ERR_OK ? verify_file(part, info) : err;
    err = err == ERR_OK ? io_rename(part, to) : err;
    if (err != ERR_OK) {
        remove_quietly(part);
        return info != NULL && info->code == err
                   ? err
                   : err_set(info, err, "restore", "the backup was not restored: %s",
                             "chưa khôi phục được bản sao lưu: %s", err_text(err, 0));
    }
    return ERR_OK;
}
