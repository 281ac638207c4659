/* err.h — the project's error codes, each with its HTTP status, FHIR issue code
 * (http://hl7.org/fhir/R4/valueset-issue-type.html) and a text in English and Vietnamese.
 * ErrInfo carries the details of one error (where, which rule, arguments) up to the one place that
 * prints an OperationOutcome or a work-list entry. It holds no personal data unless the caller puts
 * it there for the person who sent it; it is never logged whole. Threads: no state. */
#ifndef NHIP_CORE_ERR_H
#define NHIP_CORE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* X(name, http status, FHIR issue code, English, Vietnamese) */
#define ERR_LIST(X)                                                                                \
    X(OK, 200, "informational", "done", "xong")                                                    \
    X(NOMEM, 500, "exception", "out of memory", "hết bộ nhớ")                                      \
    X(IO, 500, "exception", "input/output failed", "lỗi đọc ghi")                                  \
    X(FULL, 507, "no-store", "the disk is full; nothing was changed",                              \
      "đĩa đã đầy; chưa có gì thay đổi")                                                           \
    X(CORRUPT, 500, "exception", "stored data is damaged", "dữ liệu lưu trữ bị hỏng")              \
    X(SYNTAX, 400, "structure", "the text cannot be read", "không đọc được nội dung")              \
    X(LIMIT, 413, "too-long", "larger than the limit", "vượt quá giới hạn")                        \
    X(COSTLY, 422, "too-costly", "the answer would be too large", "kết quả quá lớn")               \
    X(INVALID, 422, "invalid", "the content breaks a rule", "nội dung không hợp lệ")               \
    X(PARAM, 400, "invalid", "a parameter is wrong", "tham số không đúng")                         \
    X(UNSUPPORTED, 400, "not-supported", "not supported", "chưa hỗ trợ")                           \
    X(NOT_FOUND, 404, "not-found", "not found", "không tìm thấy")                                  \
    X(GONE, 410, "deleted", "was deleted", "đã bị xoá")                                            \
    X(CONFLICT, 409, "conflict", "changed in the meantime; read it again and retry",               \
      "dữ liệu vừa thay đổi; hãy đọc lại rồi thử lại")                                             \
    X(PRECONDITION, 412, "conflict", "the precondition does not hold",                             \
      "điều kiện đi kèm không thoả")                                                               \
    X(MULTIPLE, 412, "multiple-matches", "more than one match", "có nhiều hơn một kết quả")        \
    X(EXISTS, 409, "duplicate", "exists already", "đã tồn tại")                                    \
    X(FORBIDDEN, 403, "forbidden", "not allowed", "không được phép")                               \
    X(METHOD, 405, "not-supported", "method not allowed here", "phương thức không được phép")      \
    X(ACCEPT, 406, "not-supported", "not to be had in that format", "không trả về được ở dạng đó") \
    X(MEDIA, 415, "not-supported", "media type not supported", "không hỗ trợ kiểu nội dung")       \
    X(BUSY, 503, "throttled", "too busy; retry later", "đang bận; hãy thử lại sau")                \
    X(TIMEOUT, 503, "timeout", "took too long", "quá thời gian")                                   \
    X(STOPPED, 503, "transient", "the server is stopping", "máy chủ đang dừng")                    \
    X(INTERNAL, 500, "exception", "internal error", "lỗi nội bộ")

typedef enum ErrCode {
#define X(name, http, issue, en, vi) ERR_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
} ErrCode;

enum { ERR_WHERE_MAX = 256, ERR_WHAT_MAX = 512 };

/* The details of one error. `where` is a FHIRPath location, a URL parameter or file:claim:table:
 * line:field; `rule` a stable id such as "json-depth" or "claim-required"; what_* sentences that
 * say what happened and what to do. All NUL-terminated, valid UTF-8 whatever was quoted,
 * truncated at their ceiling on a character's border. */
typedef struct ErrInfo {
    ErrCode code;
    size_t offset; /* byte offset in the input, where that is known; else 0 */
    char rule[48];
    char where[ERR_WHERE_MAX];
    char what_en[ERR_WHAT_MAX];
    char what_vi[ERR_WHAT_MAX];
} ErrInfo;

const char *err_name(ErrCode code); /* "ERR_SYNTAX" */
int err_http(ErrCode code);
const char *err_issue(ErrCode code);
const char *err_text(ErrCode code, int vietnamese);

/* Fills info (may be NULL) and returns code, so that `return err_set(info, ERR_X, "rule", en, vi)`
 * reads well. en and vi are printf formats that take the same arguments in the same order. */
ErrCode err_set(ErrInfo *info, ErrCode code, const char *rule, const char *en, const char *vi, ...)
    __attribute__((format(printf, 4, 6)));
/* The plain sentences of the code, under the rule. Returns code. */
ErrCode err_plain(ErrInfo *info, ErrCode code, const char *rule);
void err_where(ErrInfo *info, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
