/* The writer. A node whose raw text has no white space between its tokens is copied whole: the
 * length that canonical spacing would have is added up from the tape and compared. */
#include "core/json.h"

#include "core/json_int.h"
#include "core/limits.h"

static void fault(JsonWriter *w) {
    if (w->out->err == ERR_OK) {
        w->out->err = ERR_LIMIT;
    }
}

/* The comma before a name or value, where one belongs. Level 0 has no commas: the caller separates
 * the values of NDJSON. */
static void separate(JsonWriter *w) {
    if (w->after_name) {
        w->after_name = false;
        return;
    }
    if (w->depth == 0 || w->depth > LIMIT_JSON_DEPTH) {
        return;
    }
    uint64_t bit = UINT64_C(1) << (w->depth - 1);
    if (w->has_items & bit) {
        buf_put_char(w->out, ',');
    }
    w->has_items |= bit;
}
static_assert(LIMIT_JSON_DEPTH <= 64, "JsonWriter.has_items has a bit a level");

static void open_container(JsonWriter *w, char bracket) {
    separate(w);
    w->depth++;
    if (w->depth > LIMIT_JSON_DEPTH) {
        fault(w);
        return;
    }
    w->has_items &= ~(UINT64_C(1) << (w->depth - 1));
    buf_put_char(w->out, bracket);
}

static void close_container(JsonWriter *w, char bracket) {
    assert(w->depth > 0 && !w->after_name);
    w->depth--;
    buf_put_char(w->out, bracket);
}

void json_open_object(JsonWriter *w) {
    open_container(w, '{');
}

void json_close_object(JsonWriter *w) {
    close_container(w, '}');
}

void json_open_array(JsonWriter *w) {
    open_container(w, '[');
}

void json_close_array(JsonWriter *w) {
    close_container(w, ']');
}

static void put_escape(Buf *out, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* from \b (8) to \r (13), without \v */
    char bytes[6] = {'\\', (char)c, '0', '0', hex[c >> 4], hex[c & 15]};
    size_t len = 2;
    if (c < 0x20) {
        char letter = c >= '\b' && c <= '\r' ? letters[c - '\b'] : '\0';
        bytes[1] = letter != '\0' ? letter : 'u';
        len = letter != '\0' ? 2 : 6;
    }
    buf_put(out, bytes, len);
}

/* The string in quotes, copied run by run; most are one run. */
static void put_quoted(Buf *out, Str s) {
    if (!buf_reserve(out, s.len + 2)) {
        return;
    }
    if (s.len == 0) { /* and perhaps nowhere */
        buf_put_lit(out, "\"\"");
        return;
    }
    size_t run = (size_t)(json_run_end(s.ptr, s.ptr + s.len) - s.ptr);
    char *to = out->ptr + out->len;
    *to = '"';
    memcpy(to + 1, s.ptr, run);
    if (LIKELY(run == s.len)) {
        to[1 + run] = '"';
        out->len += run + 2;
        return;
    }
    out->len += run + 1;
    while (run < s.len) {
        put_escape(out, (unsigned char)s.ptr[run++]);
        s = str_sub(s, run, s.len);
        run = (size_t)(json_run_end(s.ptr, s.ptr + s.len) - s.ptr);
        buf_put(out, s.ptr, run);
    }
    buf_put_char(out, '"');
}

void json_put_name(JsonWriter *w, Str name) {
    assert(!w->after_name);
    separate(w);
    put_quoted(w->out, name);
    buf_put_char(w->out, ':');
    w->after_name = true;
}

void json_put_name_as_is(JsonWriter *w, Str quoted_with_colon) {
    assert(!w->after_name);
    separate(w);
    buf_put_str(w->out, quoted_with_colon);
    w->after_name = true;
}

void json_member_as_is(JsonWriter *w, Str quoted_with_colon, Str value) {
    if (value.len > 0) {
        json_put_name_as_is(w, quoted_with_colon);
        w->after_name = false;
        put_quoted(w->out, value);
    }
}

void json_put_str(JsonWriter *w, Str value) {
    separate(w);
    put_quoted(w->out, value);
}

void json_put_raw(JsonWriter *w, Str json) {
    assert(json.len > 0);
    separate(w);
    buf_put_str(w->out, json);
}

void json_put_i64(JsonWriter *w, int64_t value) {
    separate(w);
    if (value < 0) {
        buf_put_char(w->out, '-');
    }
    buf_put_u64(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_put_bool(JsonWriter *w, bool value) {
    separate(w);
    buf_put_str(w->out, value ? STR("true") : STR("false"));
}

void json_put_null(JsonWriter *w) {
    separate(w);
    buf_put_lit(w->out, "null");
}

void json_member_str(JsonWriter *w, Str name, Str value) {
    if (value.len > 0) {
        json_put_name(w, name);
        json_put_str(w, value);
    }
}

/* Bytes of n in canonical spacing. A container with k > 0 elements has k - 1 commas; one with k
 * members 2k - 1 commas and colons: every node but the first in its container has one before it. */
static size_t canonical_len(const JsonNode *n) {
    size_t len = n->skip - 1;
    for (const JsonNode *at = n; at < n + n->skip; at++) {
        if (at->type >= JSON_ARRAY) {
            len += at->skip > 1 ? 1 : 2; /* two brackets; the first child has no separator */
        } else {
            len += at->len + (at->type == JSON_STRING ? 2U : 0U);
        }
    }
    return len;
}

bool json_is_canonical(const JsonNode *n) {
    return n->type < JSON_ARRAY || canonical_len(n) == n->len;
}

typedef struct Level {
    const JsonNode *end; /* behind the container's last node */
    bool object;
} Level;

static inline char *put_token(char *out, Str token) {
    memcpy(out, token.ptr, token.len);
    return out + token.len;
}

/* Writes n to out, which has room for its canonical length; returns the end. */
static char *put_spaced(char *out, const JsonNode *n) {
    assert(n->type >= JSON_ARRAY && n->skip > 0);
    Level levels[LIMIT_JSON_DEPTH + 1];
    unsigned depth = 0;
    levels[0] = (Level){n + n->skip, false};
    const JsonNode *at = n;
    for (;;) {
        if (levels[depth].object) {
            out = put_token(out, json_raw(at++));
            *out++ = ':';
        }
        bool container = at->type >= JSON_ARRAY;
        if (container) {
            *out++ = at->type == JSON_OBJECT ? '{' : '[';
            if (at->skip > 1) {
                assert(depth < LIMIT_JSON_DEPTH);
                levels[++depth] = (Level){at + at->skip, at->type == JSON_OBJECT};
                at++;
                continue;
            }
            *out++ = at->type == JSON_OBJECT ? '}' : ']';
        } else {
            out = put_token(out, json_raw(at));
        }
        at++;
        while (depth > 0 && at == levels[depth].end) {
            *out++ = levels[depth--].object ? '}' : ']';
        }
        if (depth == 0) {
            return out;
        }
        *out++ = ',';
    }
}

void json_put_node(JsonWriter *w, const JsonNode *n) {
    separate(w);
    Str raw = json_raw(n);
    size_t len = n->type >= JSON_ARRAY ? canonical_len(n) : raw.len;
    assert(len <= raw.len);
    if (len == raw.len) {
        buf_put_str(w->out, raw);
    } else if (buf_reserve(w->out, len)) {
        char *from = w->out->ptr + w->out->len;
        char *to = put_spaced(from, n);
        assert(to == from + len);
        w->out->len += (size_t)(to - from);
    }
}

static void put_line(Buf *out, unsigned depth) {
    size_t len = 1 + 2 * (size_t)depth;
    if (buf_reserve(out, len)) {
        memset(out->ptr + out->len, ' ', len);
        out->ptr[out->len] = '\n';
        out->len += len;
    }
}

/* Recursion goes no deeper than LIMIT_JSON_DEPTH, which the parser keeps. */
static void print_pretty(Buf *out, const JsonNode *n, unsigned depth) {
    if (n->type < JSON_ARRAY || n->skip == 1) {
        if (n->type < JSON_ARRAY) {
            buf_put_str(out, json_raw(n));
        } else {
            buf_put_str(out, n->type == JSON_OBJECT ? STR("{}") : STR("[]"));
        }
        return;
    }
    buf_put_char(out, n->type == JSON_OBJECT ? '{' : '[');
    const JsonNode *first = json_first(n);
    for (const JsonNode *at = first; at != NULL; at = json_next(n, at)) {
        if (at != first) {
            buf_put_char(out, ',');
        }
        put_line(out, depth + 1);
        if (n->type == JSON_OBJECT) {
            buf_put_str(out, json_raw(at));
            buf_put_lit(out, ": ");
        }
        print_pretty(out, n->type == JSON_OBJECT ? json_value(at) : at, depth + 1);
    }
    put_line(out, depth);
    buf_put_char(out, n->type == JSON_OBJECT ? '}' : ']');
}

void json_print_pretty(Buf *out, const JsonNode *n) {
    print_pretty(out, n, 0);
}
