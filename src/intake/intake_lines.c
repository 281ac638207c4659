#include "intake/intake_lines.h"

#include "core/gunzip.h"
#include "core/limits.h"

enum { ROOM = 256 * 1024 };
#define LINE_MAX_BYTES (LIMIT_JSON_BYTES + LIMIT_MIB)

struct IntakeLines {
    Str bytes;
    Str rest;         /* plain: what has not been cut off */
    bool at_end;      /* plain: nothing is left; packed: everything is in the window */
    unsigned number;  /* of the line before */
    Gunzip *z;        /* of a packed file, else NULL */
    Buf window;       /* unpacked, not yet given */
    size_t from;      /* where the next line begins in it */
    size_t looked_at; /* no line ends before */
};

bool intake_lines_is_packed(const IntakeLines *l) {
    return l->z != NULL;
}

static ErrCode damaged(ErrCode err, ErrInfo *why) {
    return err == ERR_NOMEM
               ? err
               : err_set(why, err, "file-gzip", "the gzip file is damaged or too large",
                         "tệp gzip bị hỏng hoặc quá lớn");
}

void intake_lines_rewind(IntakeLines *l) {
    l->rest = l->bytes;
    l->at_end = false;
    l->number = 0;
    buf_clear(&l->window);
    l->from = l->looked_at = 0;
    if (l->z != NULL) {
        gunzip_reset(l->z);
        gunzip_feed(l->z, l->bytes);
    }
}

ErrCode intake_lines_new(Str bytes, IntakeLines **ret_lines) {
    IntakeLines *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return ERR_NOMEM;
    }
    l->bytes = bytes;
    buf_init(&l->window, LINE_MAX_BYTES + ROOM);
    if (gunzip_is_gzip(bytes) && gunzip_new(&l->z) != ERR_OK) {
        free(l);
        return ERR_NOMEM;
    }
    intake_lines_rewind(l);
    *ret_lines = l;
    return ERR_OK;
}

void intake_lines_free(IntakeLines *l) {
    if (l != NULL) {
        gunzip_free(l->z);
        buf_release(&l->window);
        free(l);
    }
}

/* ---- unpacking ---- */

/* Adds up to ROOM bytes to the window, or finds the end. */
static ErrCode inflate_some(IntakeLines *l) {
    size_t n = 0;
    if (!buf_reserve(&l->window, ROOM)) {
        return l->window.err;
    }
    TRY(gunzip_some(l->z, l->window.ptr + l->window.len, ROOM, &n));
    l->window.len += n;
    l->at_end = n == 0;
    return n > 0 || gunzip_is_whole(l->z) ? ERR_OK : ERR_SYNTAX;
}

ErrCode intake_unpack(Str bytes, Buf *out, ErrInfo *why) {
    IntakeLines *l = NULL;
    ErrCode err = intake_lines_new(bytes, &l);
    while (err == ERR_OK && !l->at_end) {
        err = inflate_some(l);
        buf_put_str(out, buf_str(&l->window));
        buf_clear(&l->window);
        err = err == ERR_OK ? buf_ok(out) : err;
    }
    intake_lines_free(l);
    return err == ERR_OK ? err : damaged(err, why);
}

/* ---- lines ---- */

/* Makes room at the end: what was given moves out. */
static void shift(IntakeLines *l) {
    memmove(l->window.ptr, l->window.ptr + l->from, l->window.len - l->from);
    l->window.len -= l->from;
    l->looked_at -= l->from;
    l->from = 0;
}

/* Where the next line of a packed file ends in the window. */
static ErrCode find_end(IntakeLines *l, size_t *ret_end, ErrInfo *why) {
    while (true) {
        size_t end = str_find_char(buf_str(&l->window), '\n', l->looked_at);
        if (end != SIZE_MAX || l->at_end) {
            *ret_end = MIN(end, l->window.len);
            return ERR_OK;
        }
        l->looked_at = l->window.len;
        if (l->from > 0) {
            shift(l);
        }
        if (l->window.len > LINE_MAX_BYTES) {
            return err_set(why, ERR_LIMIT, "file-line", "line %u is longer than %d MiB",
                           "dòng %u dài hơn %d MiB", l->number + 1,
                           (int)(LIMIT_JSON_BYTES / LIMIT_MIB));
        }
        ErrCode err = inflate_some(l);
        if (err != ERR_OK) {
            return damaged(err, why);
        }
    }
}

static ErrCode next_packed(IntakeLines *l, Str *ret_line, bool *ret_is_one, ErrInfo *why) {
    size_t end = 0;
    TRY(find_end(l, &end, why));
    *ret_is_one = l->from < l->window.len;
    *ret_line = str_sub(buf_str(&l->window), l->from, end - l->from);
    l->from = l->looked_at = MIN(end + 1, l->window.len);
    return ERR_OK;
}

ErrCode intake_lines_next(IntakeLines *l, Str *ret_line, unsigned *ret_number, ErrInfo *why) {
    Str line = STR_EMPTY;
    bool is_one = false;
    if (l->z != NULL) {
        TRY(next_packed(l, &line, &is_one, why));
    } else {
        is_one = l->rest.len > 0 && str_cut(&l->rest, '\n', &line);
    }
    if (is_one && l->number == 0 && str_starts(line, STR("\xEF\xBB\xBF"))) {
        line = str_sub(line, 3, line.len);
    }
    l->number += is_one;
    *ret_line = str_trim(line);
    *ret_number = is_one ? l->number : 0;
    return ERR_OK;
}
