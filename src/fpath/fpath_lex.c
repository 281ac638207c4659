#include "fpath/fpath_lex_int.h"

#include "core/limits.h"
#include "core/utf8.h"

static ErrCode fail(const FpathLexer *l, size_t at, FpathMsg message, Str arg) {
    return fpath_fail(&l->source, at, message, arg);
}
static char peek(const FpathLexer *l, size_t ahead) {
    return l->at + ahead < l->source.text.len ? l->source.text.ptr[l->at + ahead] : '\0';
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* White space and comments. */
static ErrCode skip(FpathLexer *l) {
    Str text = l->source.text;
    for (;;) {
        char c = peek(l, 0);
        if (l->at < text.len && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
            l->at++;
        } else if (c == '/' && peek(l, 1) == '/') {
            size_t end = str_find_char(text, '\n', l->at);
            l->at = end == SIZE_MAX ? text.len : end + 1;
        } else if (c == '/' && peek(l, 1) == '*') {
            Str rest = {text.ptr + l->at + 2, text.len - l->at - 2};
            size_t end = str_find(rest, STR("*/"));
            if (end == SIZE_MAX) {
                return fail(l, l->at, FPATH_MSG_CLOSED, STR("/*"));
            }
            l->at += 2 + end + 2;
        } else {
            return ERR_OK;
        }
    }
}

static int hex_digit(char c) {
    return is_digit(c)              ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                    : -1;
}
/* Four hexadecimal digits at s[at], or -1. */
static int32_t hex4(Str s, size_t at) {
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = at + i < s.len ? hex_digit(s.ptr[at + i]) : -1;
        if (d < 0) {
            return -1;
        }
        value = value * 16 + d;
    }
    return value;
}

/* One escape at s[*at] (behind the backslash); false: unknown. */
static bool put_escape(Buf *out, Str s, size_t *at) {
    static const char FROM[] = "'\"`rntf/\\";
    static const char TO[] = "'\"`\r\n\t\f/\\";
    char c = s.ptr[*at];
    const char *found = c == '\0' ? NULL : strchr(FROM, c);
    if (found != NULL) {
        buf_put_char(out, TO[found - FROM]);
        *at += 1;
        return true;
    }
    int32_t cp = c == 'u' ? hex4(s, *at + 1) : -1;
    if (cp < 0) {
        return false;
    }
    *at += 5;
    if (cp >= 0xd800 && cp < 0xdc00 && *at + 1 < s.len && s.ptr[*at] == '\\' &&
        s.ptr[*at + 1] == 'u') {
        int32_t low = hex4(s, *at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            *at += 6;
        }
    }
    utf8_put(out, (uint32_t)cp);
    return true;
}

/* The text between two quotes, escapes decoded. */
static ErrCode quoted(FpathLexer *l, char quote) {
    Str text = l->source.text;
    size_t start = ++l->at;
    bool escaped = false;
    while (l->at < text.len && text.ptr[l->at] != quote) {
        if (text.ptr[l->at] == '\\') {
            escaped = true;
            l->at++;
        }
        l->at++;
    }
    if (l->at >= text.len) {
        return fail(l, start - 1, FPATH_MSG_CLOSED, (Str){&text.ptr[start - 1], 1});
    }
    Str raw = {text.ptr + start, l->at - start};
    l->at++;
    if (!escaped) {
        l->token.text = raw;
        return ERR_OK;
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_BYTES);
    for (size_t i = 0; i < raw.len;) {
        if (raw.ptr[i] != '\\') {
            buf_put_char(&out, raw.ptr[i++]);
            continue;
        }
        size_t escape = i++;
        if (!put_escape(&out, raw, &i)) {
            return fail(l, start + escape, FPATH_MSG_ESCAPE, str_sub(raw, escape, 2));
        }
    }
    TRY(buf_ok(&out));
    l->token.text = arena_str(l->arena, buf_str(&out));
    return ERR_OK;
}

static ErrCode number(FpathLexer *l) {
    size_t start = l->at;
    while (is_digit(peek(l, 0))) {
        l->at++;
    }
    bool decimal = peek(l, 0) == '.' && is_digit(peek(l, 1));
    if (decimal) {
        l->at++;
        while (is_digit(peek(l, 0))) {
            l->at++;
        }
    }
    Str text = {l->source.text.ptr + start, l->at - start};
    l->token.kind = FPATH_TOK_NUMBER;
    l->token.text = text;
    uint64_t value = 0;
    /* 2147483648 is right behind a minus sign; arithmetic looks at the range of results. */
    if (!decimal && str_to_u64(text, &value) == ERR_OK && value <= UINT64_C(2147483648)) {
        l->token.item = fpath_item_integer((int64_t)value);
        return ERR_OK;
    }
    Decimal d;
    if (!decimal || decimal_parse(text, &d) != ERR_OK) {
        return fail(l, start, FPATH_MSG_NUMBER, text);
    }
    l->token.item = fpath_item_decimal(d);
    return ERR_OK;
}

/* `count` digits at the cursor. */
static bool eat_digits(FpathLexer *l, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(peek(l, i))) {
            return false;
        }
    }
    l->at += count;
    return true;
}
/* separator and two digits */
static bool eat_part(FpathLexer *l, char separator) {
    if (peek(l, 0) != separator || !is_digit(peek(l, 1)) || !is_digit(peek(l, 2))) {
        return false;
    }
    l->at += 3;
    return true;
}
static void eat_clock(FpathLexer *l) {
    if (eat_digits(l, 2) && eat_part(l, ':') && eat_part(l, ':') && peek(l, 0) == '.' &&
        is_digit(peek(l, 1))) {
        l->at++;
        while (is_digit(peek(l, 0))) {
            l->at++;
        }
    }
}

/* @2015-02-04T14:34:28.123+10:00, @2015T, @T14:34 */
static ErrCode time_literal(FpathLexer *l) {
    size_t start = l->at++;
    FpathKind kind = FPATH_DATE;
    if (peek(l, 0) == 'T') {
        kind = FPATH_TIME;
        l->at++;
        eat_clock(l);
    } else {
        if (eat_digits(l, 4) && eat_part(l, '-')) {
            (void)eat_part(l, '-');
        }
        if (peek(l, 0) == 'T') {
            kind = FPATH_DATE_TIME;
            l->at++;
            eat_clock(l);
            char c = peek(l, 0);
            if (c == 'Z') {
                l->at++;
            } else if ((c == '+' || c == '-') && eat_part(l, c)) {
                (void)eat_part(l, ':');
            }
        }
    }
    size_t text_at = start + (kind == FPATH_TIME ? 2 : 1);
    l->token.kind = FPATH_TOK_TIME;
    l->token.item = (FpathItem){.kind = (uint8_t)kind};
    Str text = {l->source.text.ptr + text_at, l->at - text_at};
    if (!fpath_time_parse(text, kind, &l->token.item.time)) {
        return fail(l, start, FPATH_MSG_DATE, (Str){l->source.text.ptr + start, l->at - start});
    }
    return ERR_OK;
}

static Str word(FpathLexer *l) {
    size_t start = l->at;
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0))) {
        l->at++;
    }
    return (Str){l->source.text.ptr + start, l->at - start};
}

/* %name, %`name`, %'name' */
static ErrCode variable(FpathLexer *l) {
    size_t start = l->at++;
    l->token.kind = FPATH_TOK_VARIABLE;
    char c = peek(l, 0);
    if (c == '`' || c == '\'' || c == '"') {
        return quoted(l, c);
    }
    l->token.text = word(l);
    return l->token.text.len > 0 ? ERR_OK : fail(l, start, FPATH_MSG_TOKEN, STR("%"));
}

static ErrCode sign(FpathLexer *l) {
    static const char TWO[][3] = {"<=", ">=", "!=", "!~"};
    Str rest = {l->source.text.ptr + l->at, l->source.text.len - l->at};
    size_t len = 1;
    for (size_t i = 0; i < ARRAY_LEN(TWO); i++) {
        if (str_starts(rest, (Str){TWO[i], 2})) {
            len = 2;
        }
    }
    if (len == 1 && strchr("()[]{}.,=~<>|+-*/&", rest.ptr[0]) == NULL) {
        uint32_t cp = 0;
        size_t bytes = utf8_decode(rest, 0, &cp);
        return fail(l, l->at, FPATH_MSG_TOKEN, str_sub(rest, 0, MAX(bytes, 1)));
    }
    l->token.kind = FPATH_TOK_SIGN;
    l->token.text = str_sub(rest, 0, len);
    l->at += len;
    return ERR_OK;
}

ErrCode fpath_lex_next(FpathLexer *l) {
    TRY(skip(l));
    l->token = (FpathToken){.kind = FPATH_TOK_END, .at = (uint32_t)l->at, .text = STR_EMPTY};
    if (l->at >= l->source.text.len) {
        return ERR_OK;
    }
    char c = peek(l, 0);
    if (is_letter(c)) {
        l->token.kind = FPATH_TOK_NAME;
        l->token.text = word(l);
        return ERR_OK;
    }
    switch (c) {
    case '\'':
    case '"': /* of the drafts before N1, still met in the field */
        l->token.kind = FPATH_TOK_STRING;
        return quoted(l, c);
    case '`':
        l->token.kind = FPATH_TOK_DELIMITED;
        return quoted(l, c);
    case '@':
        return time_literal(l);
    case '%':
        return variable(l);
    case '$':
        l->at++;
        l->token.kind = FPATH_TOK_DOLLAR;
        l->token.text = word(l);
        return ERR_OK;
    case '\0':
        return fail(l, l->at, FPATH_MSG_TOKEN, STR("\\0"));
    default:
        return is_digit(c) ? number(l) : sign(l);
    }
}
