#include "core/io.h"
#include "synth/synth_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

typedef struct Folder {
    const char *dir;
} Folder;

/* Makes the folders above the file; they exist already nearly always. */
static ErrCode open_file(char *path, size_t root_len, int *ret_fd) {
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        if (fd >= 0) {
            *ret_fd = fd;
            return ERR_OK;
        }
        if (errno != ENOENT) {
            return io_error(errno);
        }
        char *slash = strrchr(path + root_len, '/');
        if (slash == NULL) {
            return ERR_NOT_FOUND;
        }
        *slash = 0;
        ErrCode err = io_mkdirs(path);
        *slash = '/';
        TRY(err);
    }
    return ERR_IO;
}

/* Demonstration data can be made again: only truth.json, which says that all is there, is written
 * through to the disk. */
static ErrCode write_file(void *ctx, Str name, Str bytes) {
    const Folder *f = ctx;
    char path[PATH_ROOM];
    const char *under = name.ptr[0] >= '0' && name.ptr[0] <= '9' ? "claims/" : "";
    int len = snprintf(path, sizeof path, "%s/%s" STR_FMT, f->dir, under, STR_ARG(name));
    if (len < 0 || (size_t)len >= sizeof path) {
        return ERR_LIMIT;
    }
    if (str_eq(name, STR("truth.json"))) {
        return io_write_atomic(path, bytes);
    }
    int fd;
    TRY(open_file(path, strlen(f->dir), &fd));
    ErrCode err = io_write_all(fd, bytes);
    if (close(fd) != 0 && err == ERR_OK) {
        err = io_error(errno);
    }
    return err;
}

ErrCode synth_run(const SynthOptions *options, SynthReport *ret_report, ErrInfo *info) {
    if (options->out_dir == NULL || options->out_dir[0] == 0) {
        return err_set(info, ERR_PARAM, "synth-out", "an output folder must be named",
                       "phải cho biết thư mục xuất");
    }
    char truth[PATH_ROOM];
    int len = snprintf(truth, sizeof truth, "%s/truth.json", options->out_dir);
    if (len < 0 || (size_t)len >= sizeof truth) {
        return err_set(info, ERR_LIMIT, "synth-out", "the folder's name is too long",
                       "tên thư mục quá dài");
    }
    if (io_exists(truth)) {
        return err_set(info, ERR_EXISTS, "synth-exists",
                       "%s: the folder holds a province already; choose another or remove it",
                       "%s: thư mục đã có dữ liệu mô phỏng; hãy chọn thư mục khác hoặc xoá đi",
                       options->out_dir);
    }
    Folder folder = {options->out_dir};
    SynthOptions o = *options;
    o.any_order = true;
    o.catalogues = true;
    ErrCode err = io_mkdirs(options->out_dir);
    if (err == ERR_OK) {
        err = synth_generate(&o, write_file, &folder, ret_report);
    }
    if (err == ERR_PARAM) {
        return err_set(info, err, "synth-options", "an option is out of its range",
                       "một tuỳ chọn nằm ngoài giới hạn cho phép");
    }
    if (err != ERR_OK) {
        return err_set(info, err, "synth-write", "%s: the province could not be written",
                       "%s: không ghi được dữ liệu mô phỏng", options->out_dir);
    }
    return ERR_OK;
}
