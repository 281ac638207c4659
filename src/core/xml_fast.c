#include "core/utf8.h"
#include "core/xml_int.h"

enum { DEPTH_MAX = 64, ATTRS_MAX = 8 };

typedef struct Attr {
    Str name, value;
} Attr;

typedef struct Fast {
    const XmlHandler *h;
    const char *start, *at, *end;
    const char *counted; /* lines and columns are counted up to here */
    size_t line, column;
    Buf run;                       /* the current run, when it is no plain slice of the document */
    const char *slice, *slice_end; /* the current run while it is one */
    bool in_buf, after_element;
    unsigned depth;
    Str names[DEPTH_MAX]; /* of the open elements */
    XmlFast *out;
} Fast;

/* Where a byte may stand: in plain TEXT, in a NAME, at its NAME_START, in an attribute's VALUE.
 * TEXT: tab, line feed and 0x20 on, without '<' '&' ']'; the returns of CRLF are handled apart.
 * VALUE: the same without tab and line feed, which expat turns into spaces, but with ']'. Names are
 * ASCII. Bytes from 0x80 on are text: that they are UTF-8 was checked before. */
enum { TEXT = 1, NAME = 2, NAME_START = 4, VALUE = 8 };
/* clang-format off */
static const unsigned char class_of[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    9, 9, 9, 9, 9, 9, 0, 9, 9, 9, 9, 9, 9, 11, 11, 9,
    11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 15, 9, 0, 9, 9, 9,
    9, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 9, 9, 8, 9, 15,
    9, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
};
/* clang-format on */

static bool is(char c, int class) {
    return (class_of[(unsigned char)c] & class) != 0;
}

bool xml_all_space(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
            return false;
        }
    }
    return true;
}

static bool give_up(Fast *f) {
    f->out->result = XML_FAST_GAVE_UP;
    return false;
}

/* Counts lines and, on the last one, characters up to p. Every return is followed by a line feed.
 */
static void count_to(Fast *f, const char *p) {
    const char *line_start = f->counted;
    for (const char *n = line_start;
         (n = memchr(line_start, '\n', (size_t)(p - line_start))) != NULL;) {
        f->line++;
        f->column = 0;
        line_start = n + 1;
    }
    size_t characters = 0;
    for (const char *c = line_start; c < p; c++) {
        characters += ((unsigned char)*c & 0xC0) != 0x80;
    }
    f->column += characters;
    f->counted = p;
}

static XmlPlace place_at(Fast *f, const char *p) {
    count_to(f, p);
    return (XmlPlace){.line = f->line + 1,
                      .column = f->column + 1,
                      .offset = (size_t)(p - f->start),
                      .depth = f->depth};
}

/* Counts an event and goes on unless its callback said no. p: where it stands. */
static bool handed(Fast *f, ErrCode err, const char *p) {
    f->out->n_events++;
    if (LIKELY(err == ERR_OK)) {
        return true;
    }
    f->out->result = XML_FAST_STOPPED;
    f->out->err = err;
    f->out->place = place_at(f, p);
    return false;
}

static void set_place(Fast *f, const char *p) {
    if (f->h->place != NULL && f->h->offset_only) {
        *f->h->place = (XmlPlace){.offset = (size_t)(p - f->start), .depth = f->depth};
    } else if (f->h->place != NULL) {
        *f->h->place = place_at(f, p);
    }
}

/* Hands the run over and empties it; the tag behind it stands at p. */
static bool flush(Fast *f, bool beside, const char *p) {
    Str s = f->in_buf ? buf_str(&f->run) : (Str){f->slice, (size_t)(f->slice_end - f->slice)};
    f->slice = f->slice_end = f->at;
    f->in_buf = false;
    f->run.len = 0;
    if (s.len > f->h->text_max_bytes || buf_ok(&f->run) != ERR_OK) {
        return give_up(f);
    }
    if (s.len == 0 || (beside && xml_all_space(s))) {
        return true;
    }
    set_place(f, p);
    return handed(f, f->h->text == NULL ? ERR_OK : f->h->text(f->h->ctx, s), p);
}

/* Moves the run into the Buf, to which anything can be appended. */
static void to_buf(Fast *f) {
    if (!f->in_buf) {
        f->in_buf = true;
        buf_put(&f->run, f->slice, (size_t)(f->slice_end - f->slice));
    }
}

static void append(Fast *f, const char *from, const char *to) {
    if (!f->in_buf && f->slice == f->slice_end) {
        f->slice = from;
        f->slice_end = to;
    } else if (!f->in_buf && f->slice_end == from) {
        f->slice_end = to;
    } else {
        to_buf(f);
        buf_put(&f->run, from, (size_t)(to - from));
    }
}

/* Code points that XML 1.0 has (production 2). */
static bool is_char(uint32_t cp) {
    return cp == 9 || cp == 10 || cp == 13 || (cp >= 0x20 && cp < 0xD800) ||
           (cp >= 0xE000 && cp < 0xFFFE) || (cp >= 0x10000 && cp <= 0x10FFFF);
}

/* &#225; or &#xE1; whose digits begin at p. */
static bool character_reference(Fast *f, const char *p, const char *semicolon) {
    uint32_t base = 10;
    if (p < semicolon && *p == 'x') {
        base = 16;
        p++;
    }
    uint32_t cp = 0;
    if (p == semicolon || semicolon - p > 8) {
        return give_up(f);
    }
    for (; p < semicolon; p++) {
        uint32_t lower = (uint32_t)(unsigned char)*p | 0x20;
        uint32_t v = *p >= '0' && *p <= '9'         ? (uint32_t)(*p - '0')
                     : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                    : 16;
        if (v >= base) {
            return give_up(f);
        }
        cp = cp * base + v;
    }
    if (!is_char(cp)) {
        return give_up(f);
    }
    utf8_put(&f->run, cp);
    f->at = semicolon + 1;
    return true;
}

/* f->at stands at '&'. */
static bool reference(Fast *f) {
    static const struct {
        Str name;
        char c;
    } entities[] = {{{"amp", 3}, '&'},
                    {{"lt", 2}, '<'},
                    {{"gt", 2}, '>'},
                    {{"quot", 4}, '"'},
                    {{"apos", 4}, '\''}};
    const char *p = f->at + 1;
    const char *semicolon = memchr(p, ';', MIN((size_t)(f->end - p), (size_t)12));
    if (semicolon == NULL) {
        return give_up(f);
    }
    to_buf(f);
    if (*p == '#') {
        return character_reference(f, p + 1, semicolon);
    }
    Str name = {p, (size_t)(semicolon - p)};
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (str_eq(name, entities[i].name)) {
            buf_put_char(&f->run, entities[i].c);
            f->at = semicolon + 1;
            return true;
        }
    }
    return give_up(f);
}

/* f->at stands behind "<![CDATA[". */
static bool cdata(Fast *f) {
    for (;;) {
        const char *from = f->at;
        while (f->at < f->end && (is(*f->at, TEXT) || *f->at == '<' || *f->at == '&')) {
            f->at++;
        }
        if (f->end - f->at < 3) {
            return give_up(f);
        }
        append(f, from, f->at);
        if (f->at[0] == ']' && f->at[1] == ']' && f->at[2] == '>') {
            f->at += 3;
            return true;
        }
        if (*f->at == ']') {
            append(f, f->at, f->at + 1);
        } else if (*f->at != '\r' || f->at[1] != '\n') {
            return give_up(f);
        }
        f->at++; /* a return in front of a line feed is left out */
    }
}

/* Everything up to the next tag. False also at the end of the document. */
static bool text(Fast *f) {
    while (f->at < f->end) {
        const char *from = f->at;
        while (f->at < f->end && is(*f->at, TEXT)) {
            f->at++;
        }
        append(f, from, f->at);
        if (f->at == f->end) {
            break;
        }
        if (*f->at == '<') {
            if (!str_starts((Str){f->at, (size_t)(f->end - f->at)}, STR("<![CDATA["))) {
                return true;
            }
            f->at += 9;
            if (!cdata(f)) {
                return false;
            }
        } else if (*f->at == '&') {
            if (!reference(f)) {
                return false;
            }
        } else if (*f->at == '\r' && f->end - f->at > 1 && f->at[1] == '\n') {
            f->at++;
        } else if (*f->at == ']' && f->end - f->at > 1 && f->at[1] != ']') {
            append(f, f->at, f->at + 1); /* "]]>" must not stand in text */
            f->at++;
        } else {
            return give_up(f);
        }
    }
    return give_up(f);
}

static void skip_space(Fast *f) {
    while (f->at < f->end && (*f->at == ' ' || *f->at == '\n' || *f->at == '\t')) {
        f->at++;
    }
}

/* A name of ASCII characters; empty when there is none. */
static Str name(Fast *f) {
    const char *from = f->at;
    if (from < f->end && is(*from, NAME_START)) {
        while (f->at < f->end && is(*f->at, NAME)) {
            f->at++;
        }
    }
    return (Str){from, (size_t)(f->at - from)};
}

/* name = "value" with nothing in it that would have to be decoded. */
static bool attribute(Fast *f, Attr *ret_attr) {
    Attr a = {.name = name(f)};
    skip_space(f);
    if (a.name.len == 0 || f->at == f->end || *f->at++ != '=') {
        return give_up(f);
    }
    skip_space(f);
    if (f->at == f->end || (*f->at != '"' && *f->at != '\'')) {
        return give_up(f);
    }
    char quote = *f->at++;
    a.value.ptr = f->at;
    while (f->at < f->end && is(*f->at, VALUE) && *f->at != quote) {
        f->at++;
    }
    a.value.len = (size_t)(f->at - a.value.ptr);
    if (f->at == f->end || *f->at++ != quote) {
        return give_up(f);
    }
    *ret_attr = a;
    return true;
}

/* The attributes of a start tag up to its '>' or '/'. */
static bool attributes(Fast *f, Attr *attrs, size_t *ret_n) {
    size_t n = 0;
    for (;;) {
        const char *before = f->at;
        skip_space(f);
        if (f->at < f->end && (*f->at == '>' || *f->at == '/')) {
            *ret_n = n;
            return true;
        }
        if (f->at == before || n == ATTRS_MAX || !attribute(f, &attrs[n])) {
            return give_up(f);
        }
        for (size_t i = 0; i < n; i++) {
            if (str_eq(attrs[i].name, attrs[n].name)) {
                return give_up(f);
            }
        }
        n++;
    }
}

static bool close_element(Fast *f, const char *tag) {
    set_place(f, tag);
    Str open = f->names[f->depth - 1];
    ErrCode err = f->h->close == NULL ? ERR_OK : f->h->close(f->h->ctx, open);
    bool go_on = handed(f, err, tag);
    f->depth--;
    f->after_element = true;
    return go_on;
}

/* f->at stands behind "</" at tag. */
static bool end_tag(Fast *f, const char *tag) {
    Str n = name(f);
    skip_space(f);
    if (f->depth == 0 || !str_eq(n, f->names[f->depth - 1]) || f->at == f->end || *f->at != '>') {
        return give_up(f);
    }
    f->at++;
    return flush(f, f->after_element, tag) && close_element(f, tag);
}

/* Tells of the element and its attributes. */
static bool open_element(Fast *f, const char *tag, const Attr *attrs, size_t n_attrs) {
    set_place(f, tag);
    ErrCode err = f->h->open == NULL ? ERR_OK : f->h->open(f->h->ctx, f->names[f->depth - 1]);
    bool go_on = handed(f, err, tag);
    for (size_t i = 0; go_on && i < n_attrs; i++) {
        err = f->h->attr == NULL ? ERR_OK : f->h->attr(f->h->ctx, attrs[i].name, attrs[i].value);
        go_on = handed(f, err, tag);
    }
    return go_on;
}

/* f->at stands behind '<' at tag. */
static bool start_tag(Fast *f, const char *tag) {
    Attr attrs[ATTRS_MAX];
    size_t n_attrs = 0;
    Str n = name(f);
    if (n.len == 0 || f->depth >= f->h->depth_max || !attributes(f, attrs, &n_attrs)) {
        return give_up(f);
    }
    bool empty = *f->at++ == '/';
    if (empty && (f->at == f->end || *f->at++ != '>')) {
        return give_up(f);
    }
    if (!flush(f, true, tag)) {
        return false;
    }
    f->names[f->depth++] = n;
    f->after_element = false;
    return open_element(f, tag, attrs, n_attrs) && (!empty || close_element(f, f->at));
}

/* One tag at f->at, which is '<'. */
static bool tag(Fast *f) {
    const char *at = f->at++;
    if (f->at < f->end && *f->at == '/') {
        f->at++;
        return end_tag(f, at);
    }
    return start_tag(f, at);
}

/* Cuts a literal off the front. */
static bool cut_front(Str *s, Str literal) {
    if (!str_starts(*s, literal)) {
        return false;
    }
    *s = str_sub(*s, literal.len, s->len);
    return true;
}

/* The usual XML declarations, letter by letter; any other is expat's to judge. */
static void skip_declaration(Fast *f) {
    Str s = {f->at, (size_t)(f->end - f->at)};
    (void)cut_front(&s, STR("\xEF\xBB\xBF"));
    f->at = s.ptr;
    if (!cut_front(&s, STR("<?xml version=\"1.0\"")) &&
        !cut_front(&s, STR("<?xml version='1.0'"))) {
        return;
    }
    (void)(cut_front(&s, STR(" encoding=\"utf-8\"")) || cut_front(&s, STR(" encoding=\"UTF-8\"")) ||
           cut_front(&s, STR(" encoding='utf-8'")) || cut_front(&s, STR(" encoding='UTF-8'")));
    (void)(cut_front(&s, STR(" standalone=\"yes\"")) || cut_front(&s, STR(" standalone=\"no\"")));
    (void)cut_front(&s, STR(" "));
    if (cut_front(&s, STR("?>"))) {
        f->at = s.ptr;
    }
}

/* UTF-8 without U+FFFE and U+FFFF, which XML does not have. */
static bool is_xml_utf8(Str s) {
    for (size_t i = str_find_char(s, '\xEF', 0); i < s.len; i = str_find_char(s, '\xEF', i + 1)) {
        if (i + 2 < s.len && s.ptr[i + 1] == '\xBF' && (unsigned char)s.ptr[i + 2] >= 0xBE) {
            return false;
        }
    }
    return utf8_valid(s);
}

/* White space around the root element, returns included. */
static void skip_outside(Fast *f) {
    while (f->at < f->end && (*f->at == ' ' || *f->at == '\n' || *f->at == '\t' ||
                              (*f->at == '\r' && f->end - f->at > 1 && f->at[1] == '\n'))) {
        f->at++;
    }
}

static void read_document(Fast *f) {
    skip_declaration(f);
    skip_outside(f);
    f->slice = f->slice_end = f->at;
    if (f->at == f->end || *f->at != '<' || !tag(f)) {
        (void)(f->out->result == XML_FAST_DONE && give_up(f));
        return;
    }
    while (f->depth > 0) {
        f->slice = f->slice_end = f->at;
        if (!text(f) || !tag(f)) {
            return;
        }
    }
    skip_outside(f);
    if (f->at < f->end) {
        (void)give_up(f);
    }
}

void xml_fast(Str document, const XmlHandler *handler, XmlFast *ret_outcome) {
    *ret_outcome = (XmlFast){.result = XML_FAST_DONE};
    if (handler->depth_max > DEPTH_MAX || document.len == 0 || !is_xml_utf8(document)) {
        ret_outcome->result = XML_FAST_GAVE_UP;
        return;
    }
    Fast f = {.h = handler,
              .start = document.ptr,
              .at = document.ptr,
              .end = document.ptr + document.len,
              .counted = document.ptr,
              .out = ret_outcome};
    buf_init(&f.run, handler->text_max_bytes);
    read_document(&f);
    buf_release(&f.run);
}
