/* str.h — Str: text in memory as pointer and length (not NUL-terminated); Buf: a growing byte
 * buffer with a ceiling and a sticky error: append freely, ask buf_ok once at the end. Ownership: a
 * Str borrows; whoever made the bytes says how long they live. A Buf owns its bytes until
 * buf_release. Errors: a Buf that would pass its ceiling or found no memory keeps what it had,
 * ignores later appends and reports ERR_LIMIT or ERR_NOMEM. Threads: one thread a Buf. */
#ifndef NHIP_CORE_STR_H
#define NHIP_CORE_STR_H

#include "core/base.h"

typedef struct Str {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;
} Str;

#define STR(literal) ((Str){"" literal, sizeof(literal) - 1})
#define STR_EMPTY ((Str){"", 0})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline Str str_from(const char *zero_terminated) {
    return (Str){zero_terminated, zero_terminated == NULL ? 0 : strlen(zero_terminated)};
}
static inline bool str_eq(Str a, Str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool str_starts(Str s, Str prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}
static inline bool str_ends(Str s, Str suffix) {
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}
static inline Str str_sub(Str s, size_t from, size_t len) {
    assert(from <= s.len);
    return (Str){s.ptr + from, MIN(len, s.len - from)};
}
/* Bytewise order, shorter first on equal prefixes: <0, 0, >0. */
int str_cmp(Str a, Str b);
/* ASCII letters compared without case. */
bool str_eq_nocase(Str a, Str b);
/* Index of the first `c` at or after `from`, or SIZE_MAX. */
size_t str_find_char(Str s, char c, size_t from);
/* Index of the first needle, or SIZE_MAX. */
size_t str_find(Str s, Str needle);
/* Cuts the text before the first `sep` off *rest and returns it; all of it when there is none. Says
 * whether anything was left to cut: while (str_cut(&rest, ',', &part)). */
bool str_cut(Str *rest, char sep, Str *ret_part);
/* Without ASCII white space at both ends. */
Str str_trim(Str s);
/* Decimal digits only, no sign, value ≤ UINT64_MAX. ERR_SYNTAX otherwise. */
MUST_USE ErrCode str_to_u64(Str s, uint64_t *ret_value);

typedef struct Buf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t max;  /* ceiling in bytes */
    ErrCode err; /* sticky */
} Buf;

void buf_init(Buf *b, size_t max);
void buf_release(Buf *b); /* safe on a zeroed Buf and twice */
#define CLEANUP_BUF CLEANUP(buf_release)

/* Makes room for `more` bytes; false (and the sticky error) when it cannot. */
bool buf_reserve(Buf *b, size_t more);
void buf_put(Buf *b, const void *bytes, size_t len);
void buf_printf(Buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_put_u64(Buf *b, uint64_t value); /* decimal */
static inline void buf_put_str(Buf *b, Str s) {
    buf_put(b, s.ptr, s.len);
}
#define buf_put_lit(b, literal) buf_put((b), "" literal, sizeof(literal) - 1)
static inline void buf_put_char(Buf *b, char c) {
    if (LIKELY(b->len < b->capacity) && LIKELY(b->err == ERR_OK)) {
        b->ptr[b->len++] = c;
    } else {
        buf_put(b, &c, 1);
    }
}
static inline void buf_clear(Buf *b) {
    b->len = 0;
    b->err = ERR_OK;
}
static inline Str buf_str(const Buf *b) {
    return (Str){b->ptr == NULL ? "" : b->ptr, b->len};
}
static inline MUST_USE ErrCode buf_ok(const Buf *b) {
    return b->err;
}
/* NUL-terminates without counting it; "" when there is no memory. Lives until the next append. */
const char *buf_cstr(Buf *b);

#endif
