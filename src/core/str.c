#include "core/str.h"

#include <stdarg.h>

int str_cmp(Str a, Str b) {
    size_t n = MIN(a.len, b.len);
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static char lower_ascii(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(Str a, Str b) {
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower_ascii(a.ptr[i]) != lower_ascii(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

size_t str_find_char(Str s, char c, size_t from) {
    if (from >= s.len) {
        return SIZE_MAX;
    }
    const char *p = memchr(s.ptr + from, c, s.len - from);
    return p == NULL ? SIZE_MAX : (size_t)(p - s.ptr);
}

size_t str_find(Str s, Str needle) {
    if (needle.len == 0) {
        return 0;
    }
    const char *at = s.len == 0 ? NULL : memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

bool str_cut(Str *rest, char sep, Str *ret_part) {
    if (rest->ptr == NULL) {
        return false;
    }
    size_t at = str_find_char(*rest, sep, 0);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = (Str){NULL, 0};
    } else {
        *ret_part = str_sub(*rest, 0, at);
        *rest = str_sub(*rest, at + 1, rest->len);
    }
    return true;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

Str str_trim(Str s) {
    while (s.len > 0 && is_space(s.ptr[0])) {
        s = str_sub(s, 1, s.len);
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

ErrCode str_to_u64(Str s, uint64_t *ret_value) {
    uint64_t v = 0;
    if (s.len == 0) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            return ERR_SYNTAX;
        }
    }
    *ret_value = v;
    return ERR_OK;
}

void buf_init(Buf *b, size_t max) {
    *b = (Buf){.max = max};
}

void buf_release(Buf *b) {
    free(b->ptr);
    *b = (Buf){.max = b->max};
}

bool buf_reserve(Buf *b, size_t more) {
    if (b->err != ERR_OK) {
        return false;
    }
    if (more <= b->capacity - b->len) {
        return true;
    }
    if (more > b->max || b->len > b->max - more) {
        b->err = ERR_LIMIT;
        return false;
    }
    size_t want = b->len + more;
    size_t grown = MIN(MAX(want, b->capacity + b->capacity / 2 + 64), b->max);
    char *p = realloc(b->ptr, grown);
    if (p == NULL) {
        b->err = ERR_NOMEM;
        return false;
    }
    b->ptr = p;
    b->capacity = grown;
    assert(b->capacity - b->len >= more);
    return true;
}

void buf_put(Buf *b, const void *bytes, size_t len) {
    if (len > 0 && buf_reserve(b, len)) {
        memcpy(b->ptr + b->len, bytes, len);
        b->len += len;
    }
}

void buf_printf(Buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    /* one more byte for vsnprintf's NUL, which is then given back */
    if (n >= 0 && buf_reserve(b, (size_t)n + 1)) {
        (void)vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_put_u64(Buf *b, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_put(b, digits + at, sizeof(digits) - at);
}

const char *buf_cstr(Buf *b) {
    if (b->len < b->capacity) {
        b->ptr[b->len] = '\0';
        return b->ptr;
    }
    size_t max = b->max;
    b->max = max + 1; /* the NUL does not count */
    bool ok = buf_reserve(b, 1);
    b->max = max;
    if (!ok) {
        return "";
    }
    b->ptr[b->len] = '\0';
    return b->ptr;
}
