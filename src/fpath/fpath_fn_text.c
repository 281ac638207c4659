#include "core/base64.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "fpath/fpath_fn_int.h"
#include "fpath/fpath_regex_int.h"

#include <utf8proc.h>

/* ---- helpers */

static ErrCode empty(FpathRun *r, size_t base) {
    r->top = base;
    return ERR_OK;
}
static ErrCode give_str(FpathRun *r, size_t base, Str s) {
    FpathItem item = fpath_item_str(s);
    return fpath_give(r, base, &item);
}
static ErrCode give_int(FpathRun *r, size_t base, int64_t value) {
    FpathItem item = fpath_item_integer(value);
    return fpath_give(r, base, &item);
}

ErrCode fpath_give_text(FpathRun *r, const FpathNode *n, size_t base, const Buf *text) {
    ErrCode err = buf_ok(text);
    if (err != ERR_OK) {
        return fpath_stop(r, n, err == ERR_LIMIT ? FPATH_MSG_TEXT : FPATH_MSG_NOMEM);
    }
    TRY(fpath_charge(r, text->len / 64));
    Str copy = arena_str(r->arena, buf_str(text));
    return copy.len == text->len ? give_str(r, base, copy) : fpath_stop(r, n, FPATH_MSG_NOMEM);
}

/* The input text and the first argument text; found false: one is empty. */
static ErrCode two_texts(FpathRun *r, FPATH_FN_ARGS, size_t base, Str ret[2], bool *ret_found) {
    bool found[2] = {false, false};
    TRY(fpath_input_str(r, n, base, &ret[0], &found[0]));
    TRY(fpath_arg_str(r, n, 0, s, &ret[1], &found[1]));
    *ret_found = found[0] && found[1];
    return *ret_found ? fpath_charge(r, ret[0].len / 64) : ERR_OK;
}

static size_t count_chars(Str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}
/* The byte at which character number `chars` begins; s.len when there are fewer. */
static size_t byte_of(Str s, size_t chars) {
    for (size_t i = 0; i < s.len; i++) {
        if (((unsigned char)s.ptr[i] & 0xc0) != 0x80 && chars-- == 0) {
            return i;
        }
    }
    return s.len;
}

/* ---- looking */

ErrCode fpath_fn_index_of(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    size_t at = t[1].len == 0 ? 0 : str_find(t[0], t[1]);
    return give_int(r, base, at == SIZE_MAX ? -1 : (int64_t)count_chars(str_sub(t[0], 0, at)));
}
ErrCode fpath_fn_last_index_of(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    TRY(fpath_charge(r, t[0].len / 64 * (1 + t[1].len / 64)));
    for (size_t at = t[0].len + 1; at-- > 0;) {
        if (str_starts(str_sub(t[0], at, t[0].len), t[1])) {
            return give_int(r, base, (int64_t)count_chars(str_sub(t[0], 0, at)));
        }
    }
    return give_int(r, base, -1);
}

ErrCode fpath_fn_starts_with(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    return found ? fpath_give_bool(r, base, str_starts(t[0], t[1])) : empty(r, base);
}
ErrCode fpath_fn_ends_with(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    return found ? fpath_give_bool(r, base, str_ends(t[0], t[1])) : empty(r, base);
}
ErrCode fpath_fn_contains(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    return found ? fpath_give_bool(r, base, t[1].len == 0 || str_find(t[0], t[1]) != SIZE_MAX)
                 : empty(r, base);
}

ErrCode fpath_fn_length(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    Str text;
    bool found = false;
    TRY(fpath_input_str(r, n, base, &text, &found));
    if (!found) {
        return empty(r, base);
    }
    TRY(fpath_charge(r, text.len / 64));
    return give_int(r, base, (int64_t)count_chars(text));
}

/* ---- parts */

ErrCode fpath_fn_substring(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str text;
    int64_t start = 0;
    int64_t length = INT32_MAX;
    bool found[3] = {false, false, true};
    TRY(fpath_input_str(r, n, base, &text, &found[0]));
    TRY(fpath_arg_int(r, n, 0, s, &start, &found[1]));
    if (n->n_args > 1) {
        bool has_length = false;
        TRY(fpath_arg_int(r, n, 1, s, &length, &has_length));
    }
    if (!found[0] || !found[1] || start < 0) {
        return empty(r, base);
    }
    TRY(fpath_charge(r, text.len / 64));
    size_t from = byte_of(text, (size_t)start);
    if (from >= text.len) {
        return empty(r, base);
    }
    Str rest = str_sub(text, from, text.len);
    return give_str(r, base,
                    length <= 0 ? STR_EMPTY : str_sub(rest, 0, byte_of(rest, (size_t)length)));
}

ErrCode fpath_fn_to_chars(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    Str text;
    bool found = false;
    TRY(fpath_input_str(r, n, base, &text, &found));
    r->top = base;
    for (size_t at = 0; found && at < text.len;) {
        uint32_t cp = 0;
        size_t bytes = MAX(utf8_decode(text, at, &cp), 1);
        FpathItem item = fpath_item_str(str_sub(text, at, bytes));
        TRY(fpath_charge(r, 1));
        TRY(fpath_push(r, &item));
        at += bytes;
    }
    return ERR_OK;
}

ErrCode fpath_fn_trim(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    Str text;
    bool found = false;
    TRY(fpath_input_str(r, n, base, &text, &found));
    return found ? give_str(r, base, str_trim(text)) : empty(r, base);
}

ErrCode fpath_fn_split(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    r->top = base;
    if (!found) {
        return ERR_OK;
    }
    for (Str rest = t[0];;) {
        size_t at = t[1].len == 0 ? SIZE_MAX : str_find(rest, t[1]);
        FpathItem item = fpath_item_str(at == SIZE_MAX ? rest : str_sub(rest, 0, at));
        TRY(fpath_charge(r, 1));
        TRY(fpath_push(r, &item));
        if (at == SIZE_MAX) {
            return ERR_OK;
        }
        rest = str_sub(rest, at + t[1].len, rest.len);
    }
}

ErrCode fpath_fn_join(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str separator = STR_EMPTY;
    bool found = true;
    if (n->n_args > 0) {
        TRY(fpath_arg_str(r, n, 0, s, &separator, &found));
    }
    if (r->top == base || !found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    for (size_t i = base; i < r->top; i++) {
        FpathItem v;
        if (!fpath_system(r->arena, &r->items[i], &v)) {
            continue;
        }
        if (v.kind != FPATH_STRING) {
            return fpath_stop(r, n, FPATH_MSG_INPUT);
        }
        buf_put_str(&out, i > base ? separator : STR_EMPTY);
        buf_put_str(&out, v.string);
    }
    return fpath_give_text(r, n, base, &out);
}

/* ---- case */

static ErrCode change_case(FpathRun *r, const FpathNode *n, size_t base, bool up) {
    Str text;
    bool found = false;
    TRY(fpath_input_str(r, n, base, &text, &found));
    if (!found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    for (size_t at = 0; at < text.len;) {
        uint32_t cp = 0;
        size_t bytes = utf8_decode(text, at, &cp);
        if (bytes == 0) {
            break;
        }
        at += bytes;
        int32_t changed = up ? utf8proc_toupper((int32_t)cp) : utf8proc_tolower((int32_t)cp);
        utf8_put(&out, (uint32_t)changed);
    }
    return fpath_give_text(r, n, base, &out);
}
ErrCode fpath_fn_upper(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return change_case(r, n, base, true);
}
ErrCode fpath_fn_lower(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return change_case(r, n, base, false);
}

/* ---- replacing and matching */

/* An empty pattern stands before and behind every character. */
static void spread(Buf *out, Str text, Str between) {
    buf_put_str(out, between);
    for (size_t at = 0; at < text.len;) {
        uint32_t cp = 0;
        size_t bytes = MAX(utf8_decode(text, at, &cp), 1);
        buf_put_str(out, str_sub(text, at, bytes));
        buf_put_str(out, between);
        at += bytes;
    }
}

ErrCode fpath_fn_replace(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    Str with = STR_EMPTY;
    bool found[2] = {false, false};
    TRY(two_texts(r, n, s, base, t, &found[0]));
    TRY(fpath_arg_str(r, n, 1, s, &with, &found[1]));
    if (!found[0] || !found[1]) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    if (t[1].len == 0) {
        spread(&out, t[0], with);
        return fpath_give_text(r, n, base, &out);
    }
    Str rest = t[0];
    for (size_t at; (at = str_find(rest, t[1])) != SIZE_MAX && buf_ok(&out) == ERR_OK;) {
        buf_put_str(&out, str_sub(rest, 0, at));
        buf_put_str(&out, with);
        rest = str_sub(rest, at + t[1].len, rest.len);
    }
    buf_put_str(&out, rest);
    return fpath_give_text(r, n, base, &out);
}

static ErrCode matches(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    RegexAsk m = {.text = t[0], .is_utf8 = true};
    TRY(fpath_regex_get(r, n, t[1], &m.regex));
    Str match;
    TRY(fpath_regex_match(r, n, &m, &match));
    return fpath_give_bool(r, base, match.ptr != NULL);
}
ErrCode fpath_fn_matches(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return matches(r, n, s, base);
}
ErrCode fpath_fn_matches_full(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return matches(r, n, s, base);
}

/* $0 to $99, ${1}, \$ in a replacement. */
static void put_replacement(Buf *out, const FpathRun *r, Str text, Str with) {
    for (size_t i = 0; i < with.len; i++) {
        char c = with.ptr[i];
        if (c == '\\' && i + 1 < with.len) {
            buf_put_char(out, with.ptr[++i]);
            continue;
        }
        size_t at = i + 1;
        bool braced = c == '$' && at < with.len && with.ptr[at] == '{';
        at += braced ? 1 : 0;
        size_t start = at;
        unsigned group = 0;
        while (at < with.len && at < start + 2 && with.ptr[at] >= '0' && with.ptr[at] <= '9') {
            group = group * 10 + (unsigned)(with.ptr[at++] - '0');
        }
        bool closed = !braced || (at < with.len && with.ptr[at] == '}');
        if (c != '$' || at == start || !closed) {
            buf_put_char(out, c);
            continue;
        }
        buf_put_str(out, regex_group(r->matcher, text, group));
        i = braced ? at : at - 1;
    }
}

ErrCode fpath_fn_replace_matches(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    Str with = STR_EMPTY;
    bool found[2] = {false, false};
    TRY(two_texts(r, n, s, base, t, &found[0]));
    TRY(fpath_arg_str(r, n, 1, s, &with, &found[1]));
    if (!found[0] || !found[1]) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    RegexAsk m = {.text = t[0], .not_empty = true, .is_utf8 = true};
    TRY(fpath_regex_get(r, n, t[1], &m.regex));
    while (m.from <= t[0].len && buf_ok(&out) == ERR_OK) {
        Str match;
        TRY(fpath_regex_match(r, n, &m, &match));
        if (match.ptr == NULL) {
            break;
        }
        size_t at = (size_t)(match.ptr - t[0].ptr);
        if (at < m.from || match.len == 0) {
            break; /* only \K makes that */
        }
        buf_put_str(&out, str_sub(t[0], m.from, at - m.from));
        put_replacement(&out, r, t[0], with);
        m.from = at + match.len;
    }
    buf_put_str(&out, str_sub(t[0], m.from, t[0].len));
    return fpath_give_text(r, n, base, &out);
}

/* ---- encode, decode, escape, unescape */

static void put_hex(Buf *out, Str text) {
    for (size_t i = 0; i < text.len; i++) {
        buf_printf(out, "%02x", (unsigned char)text.ptr[i]);
    }
}
static int nibble(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}
static bool read_hex(Buf *out, Str text) {
    for (size_t i = 0; i < text.len; i += 2) {
        int high = nibble(text.ptr[i]);
        int low = i + 1 < text.len ? nibble(text.ptr[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return false;
        }
        buf_put_char(out, (char)(high * 16 + low));
    }
    return true;
}

/* Exchanges the two characters in which the alphabets differ. */
static void exchange(Buf *b, const char from[2], const char to[2]) {
    for (size_t i = 0; i < b->len; i++) {
        for (int k = 0; k < 2; k++) {
            if (b->ptr[i] == from[k]) {
                b->ptr[i] = to[k];
                break;
            }
        }
    }
}

static ErrCode wrong_argument(FpathRun *r, const FpathNode *n) {
    return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
}

ErrCode fpath_fn_encode(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    if (str_eq(t[1], STR("hex"))) {
        put_hex(&out, t[0]);
    } else if (str_eq(t[1], STR("base64")) || str_eq(t[1], STR("urlbase64"))) {
        base64_encode(&out, t[0]);
        if (t[1].len > 6) {
            exchange(&out, "+/", "-_");
        }
    } else {
        return wrong_argument(r, n);
    }
    return fpath_give_text(r, n, base, &out);
}

ErrCode fpath_fn_decode(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf plain;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    buf_init(&plain, LIMIT_FPATH_TEXT_BYTES);
    bool ok = false;
    if (str_eq(t[1], STR("hex"))) {
        ok = read_hex(&out, t[0]);
    } else if (str_eq(t[1], STR("base64")) || str_eq(t[1], STR("urlbase64"))) {
        buf_put_str(&plain, t[0]);
        if (t[1].len > 6) {
            exchange(&plain, "-_", "+/");
        }
        ok = base64_decode(&out, buf_str(&plain)) == ERR_OK;
    } else {
        return wrong_argument(r, n);
    }
    /* what is no text has no value in FHIRPath */
    return ok && utf8_valid(buf_str(&out)) ? fpath_give_text(r, n, base, &out) : empty(r, base);
}

static const struct {
    char c;
    const char *html;
} HTML[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

static void escape_html(Buf *out, Str text) {
    for (size_t i = 0; i < text.len; i++) {
        const char *found = NULL;
        for (size_t k = 0; k < ARRAY_LEN(HTML); k++) {
            found = HTML[k].c == text.ptr[i] ? HTML[k].html : found;
        }
        if (found != NULL) {
            buf_put_str(out, str_from(found));
        } else {
            buf_put_char(out, text.ptr[i]);
        }
    }
}

/* &#39; and &#x27; at text[at]; the bytes read, 0 when it is none. */
static size_t number_entity(Buf *out, Str text) {
    bool hex = text.len > 2 && (text.ptr[2] == 'x' || text.ptr[2] == 'X');
    uint32_t cp = 0;
    size_t at = hex ? 3 : 2;
    size_t start = at;
    for (; at < text.len && text.ptr[at] != ';' && at < start + 8; at++) {
        int d = nibble(text.ptr[at]);
        if (d < 0 || (!hex && d > 9)) {
            return 0;
        }
        cp = cp * (hex ? 16 : 10) + (uint32_t)d;
    }
    if (at == start || at >= text.len || text.ptr[at] != ';') {
        return 0;
    }
    utf8_put(out, cp);
    return at + 1;
}

static void unescape_html(Buf *out, Str text) {
    for (size_t i = 0; i < text.len;) {
        Str rest = str_sub(text, i, text.len);
        size_t bytes = 0;
        if (str_starts(rest, STR("&#"))) {
            bytes = number_entity(out, rest);
        } else if (rest.ptr[0] == '&') {
            for (size_t k = 0; k < ARRAY_LEN(HTML) && bytes == 0; k++) {
                if (str_starts(rest, str_from(HTML[k].html))) {
                    bytes = strlen(HTML[k].html);
                    buf_put_char(out, HTML[k].c);
                }
            }
        }
        if (bytes == 0) {
            buf_put_char(out, rest.ptr[0]);
            bytes = 1;
        }
        i += bytes;
    }
}

ErrCode fpath_fn_escape(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    if (str_eq(t[1], STR("html"))) {
        escape_html(&out, t[0]);
        return fpath_give_text(r, n, base, &out);
    }
    if (!str_eq(t[1], STR("json"))) {
        return wrong_argument(r, n);
    }
    JsonWriter w = json_writer(&out);
    json_put_str(&w, t[0]);
    TRY(fpath_give_text(r, n, base, &out));
    FpathItem *item = &r->items[base];
    item->string = str_sub(item->string, 1, item->string.len - 2);
    return ERR_OK;
}

/* The text as a JSON string: its escapes stay, what a string may not hold bare is escaped. */
static void quote_json(Buf *out, Str text) {
    buf_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            buf_put_char(out, c);
            buf_put_char(out, text.ptr[++i]);
        } else if (c == '"' || (unsigned char)c < ' ') {
            buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
        } else {
            buf_put_char(out, c);
        }
    }
    buf_put_char(out, '"');
}

ErrCode fpath_fn_unescape(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str t[2];
    bool found = false;
    TRY(two_texts(r, n, s, base, t, &found));
    if (!found) {
        return empty(r, base);
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    if (str_eq(t[1], STR("html"))) {
        unescape_html(&out, t[0]);
        return fpath_give_text(r, n, base, &out);
    }
    if (!str_eq(t[1], STR("json"))) {
        return wrong_argument(r, n);
    }
    quote_json(&out, t[0]);
    const JsonNode *node = NULL;
    Str quoted = arena_str(r->arena, buf_str(&out));
    if (json_parse(r->arena, quoted, &node, NULL) != ERR_OK || !json_is(node, JSON_STRING)) {
        return empty(r, base);
    }
    return give_str(r, base, json_str(r->arena, node));
}
