#include "core/utf8.h"

#include <stdarg.h>

typedef struct ErrRow {
    const char *name, *issue, *en, *vi;
    int http;
} ErrRow;

static const ErrRow rows[ERR_COUNT] = {
#define X(name, http, issue, en, vi) {"ERR_" #name, issue, en, vi, http},
    ERR_LIST(X)
#undef X
};

static const ErrRow *row(ErrCode code) {
    assert((unsigned)code < ERR_COUNT);
    return &rows[(unsigned)code < ERR_COUNT ? code : ERR_INTERNAL];
}

const char *err_name(ErrCode code) {
    return row(code)->name;
}

int err_http(ErrCode code) {
    return row(code)->http;
}

const char *err_issue(ErrCode code) {
    return row(code)->issue;
}

const char *err_text(ErrCode code, int vietnamese) {
    return vietnamese ? row(code)->vi : row(code)->en;
}

/* Formats into a fixed array. A character that the ceiling cut in two goes; what else is no UTF-8
 * (a quoted value may have been cut, or come so) becomes '?': the text ends up in JSON. */
static void put(char *out, size_t size, const char *fmt, va_list args) {
    int n = vsnprintf(out, size, fmt, args);
    if (n < 0) {
        out[0] = '\0';
    }
    size_t at = utf8_valid_len(str_from(out));
    if (n >= 0 && (size_t)n >= size && size - 1 - at < 4) {
        out[at] = '\0';
    }
    while (out[at] != '\0') {
        out[at] = '?';
        at += utf8_valid_len(str_from(out + at));
    }
}

ErrCode err_set(ErrInfo *info, ErrCode code, const char *rule, const char *en, const char *vi,
                ...) {
    if (info == NULL) {
        return code;
    }
    va_list args;
    va_list again;
    va_start(args, vi);
    va_copy(again, args);
    info->code = code;
    (void)snprintf(info->rule, sizeof(info->rule), "%s", rule);
    put(info->what_en, sizeof(info->what_en), en, args);
    put(info->what_vi, sizeof(info->what_vi), vi, again);
    va_end(again);
    va_end(args);
    return code;
}

ErrCode err_plain(ErrInfo *info, ErrCode code, const char *rule) {
    if (info != NULL) {
        info->code = code;
        (void)snprintf(info->rule, sizeof(info->rule), "%s", rule);
        (void)snprintf(info->what_en, sizeof(info->what_en), "%s", err_text(code, 0));
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", err_text(code, 1));
    }
    return code;
}

void err_where(ErrInfo *info, const char *fmt, ...) {
    if (info != NULL) {
        va_list args;
        va_start(args, fmt);
        put(info->where, sizeof(info->where), fmt, args);
        va_end(args);
    }
}
