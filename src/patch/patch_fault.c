#include "core/limits.h"
#include "patch/patch_int.h"

enum { PATH_MAX_SHOWN = 120 };

static Str shorten(Str s) {
    size_t len = MIN(s.len, (size_t)PATH_MAX_SHOWN);
    while (len < s.len && len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return str_sub(s, 0, len);
}

ErrCode patch_fail(const PatchOp *op, const PatchFault *fault) {
    Str path = shorten(op->path);
    Str kind = shorten(op->kind);
    ErrInfo *info = op->info;
    if (info == NULL) {
        return fault->code;
    }
    (void)err_set(info, fault->code, fault->rule, "operation %zu (" STR_FMT " " STR_FMT "): %s",
                  "thao tác %zu (" STR_FMT " " STR_FMT "): %s", op->number, STR_ARG(kind),
                  STR_ARG(path), fault->en);
    (void)snprintf(info->what_vi, sizeof(info->what_vi),
                   "thao tác %zu (" STR_FMT " " STR_FMT "): %s", op->number, STR_ARG(kind),
                   STR_ARG(path), fault->vi);
    err_where(info, STR_FMT, STR_ARG(op->path));
    return fault->code;
}

ErrCode patch_fail_code(const PatchOp *op, ErrCode err) {
    if (err == ERR_LIMIT && (op->info == NULL || op->info->code != err)) {
        static const PatchFault steps = {ERR_LIMIT, "patch-steps",
                                         "the patch is too much work, or nests too deeply",
                                         "bản vá quá tốn công xử lý hoặc lồng nhau quá sâu"};
        return patch_fail(op, &steps);
    }
    return err;
}

ErrCode patch_check_count(size_t n, ErrInfo *info) {
    return n <= LIMIT_PATCH_OPERATIONS
               ? ERR_OK
               : err_set(info, ERR_LIMIT, "patch-operations",
                         "a patch may have %d operations at most",
                         "một bản vá chỉ được có tối đa %d thao tác", LIMIT_PATCH_OPERATIONS);
}
