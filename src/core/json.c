#include "core/json.h"

#include "core/json_int.h"
#include "core/utf8.h"

int32_t json_hex4(const char *p) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

static void drop(Str *s, size_t n) {
    assert(s->len >= n);
    *s = (Str){s->ptr + n, s->len - n};
}

/* \uXXXX, or the pair of them that makes one character above U+FFFF. */
static size_t unescape_unicode(Str *raw, char out[4]) {
    assert(raw->len >= 6);
    uint32_t cp = (uint32_t)json_hex4(raw->ptr + 2);
    drop(raw, 6);
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        assert(raw->len >= 6 && raw->ptr[1] == 'u');
        cp = 0x10000 + ((cp - 0xD800) << 10) + ((uint32_t)json_hex4(raw->ptr + 2) - 0xDC00);
        drop(raw, 6);
    }
    return utf8_encode(out, cp);
}

size_t json_unescape(Str *raw, char out[4]) {
    char c = raw->ptr[0];
    if (c != '\\') {
        drop(raw, 1);
        out[0] = c;
        return 1;
    }
    assert(raw->len >= 2);
    c = raw->ptr[1];
    if (c == 'u') {
        return unescape_unicode(raw, out);
    }
    drop(raw, 2);
    out[0] = c;
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *hit = memchr(from, c, sizeof(from) - 1);
    if (hit != NULL) {
        out[0] = to[hit - from];
    }
    return 1;
}

/* Decodes raw into out, which has room for raw.len bytes: no escape is shorter than what it means.
 */
static size_t decode_into(Str raw, char *out) {
    char *at = out;
    while (raw.len > 0) {
        size_t plain = str_find_char(raw, '\\', 0);
        plain = MIN(plain, raw.len);
        memcpy(at, raw.ptr, plain);
        at += plain;
        drop(&raw, plain);
        if (raw.len > 0) {
            char bytes[4];
            size_t n = json_unescape(&raw, bytes);
            memcpy(at, bytes, n);
            at += n;
        }
    }
    return (size_t)(at - out);
}

void json_decode(Buf *out, const JsonNode *n) {
    if (json_is(n, JSON_STRING) && n->len > 0 && buf_reserve(out, n->len)) {
        out->len += decode_into(json_raw_str(n), out->ptr + out->len);
    }
}

Str json_str(Arena *arena, const JsonNode *n) {
    Str raw = json_raw_str(n);
    if (n == NULL || !n->escaped) {
        return raw;
    }
    char *p = arena_alloc(arena, raw.len + 1);
    if (p == NULL) {
        return STR_EMPTY;
    }
    size_t len = decode_into(raw, p);
    p[len] = '\0';
    (void)arena_resize(arena, p, raw.len + 1, len + 1);
    return (Str){p, len};
}

bool json_str_is(const JsonNode *n, Str s) {
    if (!json_is(n, JSON_STRING)) {
        return false;
    }
    Str raw = json_raw_str(n);
    if (!n->escaped) {
        return str_eq(raw, s);
    }
    if (s.len > raw.len) {
        return false;
    }
    while (raw.len > 0) {
        char bytes[4];
        size_t len = json_unescape(&raw, bytes);
        if (len > s.len || memcmp(bytes, s.ptr, len) != 0) {
            return false;
        }
        drop(&s, len);
    }
    return s.len == 0;
}

bool json_same_str(const JsonNode *a, const JsonNode *b) {
    if (!a->escaped) {
        return json_str_is(b, json_raw_str(a));
    }
    if (!b->escaped) {
        return json_str_is(a, json_raw_str(b));
    }
    Str left = json_raw_str(a);
    Str right = json_raw_str(b);
    char l[4];
    char r[4];
    size_t n_l = 0;
    size_t n_r = 0;
    size_t i_l = 0;
    size_t i_r = 0;
    for (;;) {
        /* byte for byte: one side's escape may stand for several bytes of the other side */
        if (i_l == n_l) {
            i_l = 0;
            n_l = left.len == 0 ? 0 : json_unescape(&left, l);
        }
        if (i_r == n_r) {
            i_r = 0;
            n_r = right.len == 0 ? 0 : json_unescape(&right, r);
        }
        if (n_l == 0 || n_r == 0) {
            return n_l == n_r;
        }
        if (l[i_l++] != r[i_r++]) {
            return false;
        }
    }
}

ErrCode json_to_i64(const JsonNode *n, int64_t *ret_value) {
    if (!json_is(n, JSON_NUMBER)) {
        return ERR_PARAM;
    }
    Str digits = {n->text, n->len};
    bool negative = digits.ptr[0] == '-';
    if (negative) {
        drop(&digits, 1);
    }
    uint64_t value = 0;
    if (str_to_u64(digits, &value) != ERR_OK || value > (uint64_t)INT64_MAX + negative) {
        return ERR_PARAM;
    }
    *ret_value = (int64_t)(negative ? 0 - value : value);
    return ERR_OK;
}

const JsonNode *json_first(const JsonNode *parent) {
    bool container = json_is(parent, JSON_ARRAY) || json_is(parent, JSON_OBJECT);
    return container && parent->skip > 1 ? parent + 1 : NULL;
}

const JsonNode *json_next(const JsonNode *parent, const JsonNode *at) {
    assert(at > parent && at < parent + parent->skip);
    const JsonNode *value = parent->type == JSON_OBJECT ? at + 1 : at;
    const JsonNode *next = value + value->skip;
    return next < parent + parent->skip ? next : NULL;
}

const JsonNode *json_get(const JsonNode *o, Str name) {
    if (!json_is(o, JSON_OBJECT)) {
        return NULL;
    }
    const JsonNode *end = o + o->skip;
    for (const JsonNode *m = o + 1; m < end; m += 1 + m[1].skip) {
        if (m->escaped ? json_str_is(m, name) : str_eq((Str){m->text, m->len}, name)) {
            return m + 1;
        }
    }
    return NULL;
}

const JsonNode *json_path(const JsonNode *o, const char *dotted) {
    Str rest = str_from(dotted);
    Str name;
    while (o != NULL && str_cut(&rest, '.', &name)) {
        while (json_is(o, JSON_ARRAY)) {
            o = json_first(o);
        }
        o = json_get(o, name);
    }
    return o;
}

size_t json_count(const JsonNode *n) {
    size_t count = 0;
    for (const JsonNode *at = json_first(n); at != NULL; at = json_next(n, at)) {
        count++;
    }
    return count;
}
