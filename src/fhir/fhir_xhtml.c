#include "fhir/fhir_xhtml.h"

#include "core/limits.h"

typedef struct Scan {
    Str s;
    size_t at;
    Str open[LIMIT_XML_DEPTH];
    unsigned depth;
    bool has_content; /* text or an image */
    const char *error;
} Scan;

/* Chapters 7-11 (without section 4 of 9) and 15 of HTML 4.0, <a>, <img>: rule txt-1. Sorted. */
static const char *const ELEMENTS[] = {
    "a",       "abbr",   "acronym", "address", "b",        "bdo",   "big", "blockquote", "br",
    "caption", "cite",   "code",    "col",     "colgroup", "dd",    "dfn", "div",        "dl",
    "dt",      "em",     "h1",      "h2",      "h3",       "h4",    "h5",  "h6",         "hr",
    "i",       "img",    "li",      "ol",      "p",        "pre",   "q",   "samp",       "small",
    "span",    "strong", "sub",     "sup",     "table",    "tbody", "td",  "tfoot",      "th",
    "thead",   "tr",     "tt",      "ul",      "var",
};

static bool starts_at(const Scan *x, Str what) {
    return x->s.len - x->at >= what.len && memcmp(x->s.ptr + x->at, what.ptr, what.len) == 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(Scan *x) {
    while (x->at < x->s.len && is_space(x->s.ptr[x->at])) {
        x->at++;
    }
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '-' || c == '_' || c == '.';
}

static Str read_name(Scan *x) {
    size_t from = x->at;
    while (x->at < x->s.len && is_name_char(x->s.ptr[x->at])) {
        x->at++;
    }
    return (Str){x->s.ptr + from, x->at - from};
}

static bool fail(Scan *x, const char *error) {
    x->error = error;
    return false;
}

static bool element_allowed(Str name) {
    for (size_t i = 0; i < ARRAY_LEN(ELEMENTS); i++) {
        if (str_eq(name, str_from(ELEMENTS[i]))) {
            return true;
        }
    }
    return false;
}

/* True when the text, white space and control characters aside, begins with a scripting scheme. */
static bool is_script_url(Str value) {
    static const char *const schemes[] = {"javascript:", "vbscript:", "data:text/html"};
    for (size_t k = 0; k < ARRAY_LEN(schemes); k++) {
        const char *want = schemes[k];
        for (size_t i = 0; i < value.len && *want != '\0'; i++) {
            char c = value.ptr[i];
            if ((unsigned char)c <= ' ') {
                continue;
            }
            c = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            if (c != *want) {
                break;
            }
            want++;
        }
        if (*want == '\0') {
            return true;
        }
    }
    return false;
}

/* &name; or &#digits; or &#xhex; at x->at. */
static bool read_entity(Scan *x) {
    size_t from = ++x->at;
    if (x->at < x->s.len && x->s.ptr[x->at] == '#') {
        x->at++;
    }
    while (x->at < x->s.len && x->at - from < 12 && is_name_char(x->s.ptr[x->at])) {
        x->at++;
    }
    if (x->at == from || x->at >= x->s.len || x->s.ptr[x->at] != ';') {
        return fail(x, "an & that begins no character reference (write &amp;)");
    }
    x->at++;
    return true;
}

/* A quoted value. Links hidden behind character references are not decoded: references in a link
 * count as hidden when they stand before its first colon. */
static bool read_attribute_value(Scan *x, Str *ret_value) {
    if (x->at >= x->s.len || (x->s.ptr[x->at] != '"' && x->s.ptr[x->at] != '\'')) {
        return fail(x, "an attribute without a quoted value");
    }
    char quote = x->s.ptr[x->at++];
    size_t from = x->at;
    while (x->at < x->s.len && x->s.ptr[x->at] != quote) {
        if (x->s.ptr[x->at] == '<') {
            return fail(x, "a < inside an attribute");
        }
        if (x->s.ptr[x->at] == '&') {
            if (!read_entity(x)) {
                return false;
            }
            continue;
        }
        x->at++;
    }
    if (x->at >= x->s.len) {
        return fail(x, "an attribute without its closing quote");
    }
    *ret_value = (Str){x->s.ptr + from, x->at - from};
    x->at++;
    return true;
}

static bool hides_scheme(Str value) {
    size_t amp = str_find_char(value, '&', 0);
    size_t slash = str_find_char(value, '/', 0);
    size_t query = str_find_char(value, '?', 0);
    return amp != SIZE_MAX && amp < MIN(slash, query);
}

static bool attribute_ok(Scan *x, Str name, Str value) {
    bool on = name.len > 2 && (name.ptr[0] == 'o' || name.ptr[0] == 'O') &&
              (name.ptr[1] == 'n' || name.ptr[1] == 'N');
    if (on) {
        return fail(x, "an event attribute");
    }
    if (str_eq(name, STR("href")) || str_eq(name, STR("src"))) {
        if (is_script_url(value) || hides_scheme(value)) {
            return fail(x, "a link that runs a script");
        }
    }
    if (str_eq(name, STR("action")) || str_eq(name, STR("formaction")) ||
        str_eq(name, STR("srcdoc"))) {
        return fail(x, "an attribute that is not allowed");
    }
    return true;
}

/* Attributes up to > or />. ret_empty: the element closed itself. */
static bool read_attributes(Scan *x, bool *ret_empty) {
    for (;;) {
        size_t before = x->at;
        skip_space(x);
        if (x->at >= x->s.len) {
            return fail(x, "a tag without its >");
        }
        if (x->s.ptr[x->at] == '>') {
            x->at++;
            *ret_empty = false;
            return true;
        }
        if (starts_at(x, STR("/>"))) {
            x->at += 2;
            *ret_empty = true;
            return true;
        }
        Str name = read_name(x);
        if (name.len == 0 || before + name.len == x->at) {
            return fail(x, "a tag that cannot be read");
        }
        skip_space(x);
        if (x->at >= x->s.len || x->s.ptr[x->at] != '=') {
            return fail(x, "an attribute without a value");
        }
        x->at++;
        skip_space(x);
        Str value;
        if (!read_attribute_value(x, &value) || !attribute_ok(x, name, value)) {
            return false;
        }
    }
}

static bool read_open_tag(Scan *x) {
    x->at++;
    Str name = read_name(x);
    if (name.len == 0) {
        return fail(x, "a < that begins no tag (write &lt;)");
    }
    if (!element_allowed(name)) {
        return fail(x, str_eq(name, STR("script")) ? "a script" : "an element that is not allowed");
    }
    if (x->depth == 0 && !str_eq(name, STR("div"))) {
        return fail(x, "it must be one <div>");
    }
    x->has_content |= str_eq(name, STR("img"));
    bool empty = false;
    if (!read_attributes(x, &empty)) {
        return false;
    }
    if (empty) {
        return true;
    }
    if (x->depth == ARRAY_LEN(x->open)) {
        return fail(x, "nested too deeply");
    }
    x->open[x->depth++] = name;
    return true;
}

static bool read_close_tag(Scan *x) {
    x->at += 2;
    Str name = read_name(x);
    skip_space(x);
    if (x->depth == 0 || !str_eq(name, x->open[x->depth - 1])) {
        return fail(x, "a closing tag that does not fit");
    }
    if (x->at >= x->s.len || x->s.ptr[x->at] != '>') {
        return fail(x, "a tag without its >");
    }
    x->at++;
    x->depth--;
    return true;
}

static bool read_markup(Scan *x) {
    if (starts_at(x, STR("</"))) {
        return read_close_tag(x);
    }
    if (starts_at(x, STR("<!--"))) {
        Str rest = str_sub(x->s, x->at + 4, SIZE_MAX);
        size_t end = str_find(rest, STR("-->"));
        x->at += end == SIZE_MAX ? 0 : 4 + end + 3;
        return end != SIZE_MAX || fail(x, "a comment without its end");
    }
    if (starts_at(x, STR("<!")) || starts_at(x, STR("<?"))) {
        return fail(x, "a declaration or processing instruction");
    }
    return read_open_tag(x);
}

/* Everything inside the outer <div>. */
static bool read_content(Scan *x) {
    while (x->depth > 0) {
        if (x->at >= x->s.len) {
            return fail(x, "an element without its closing tag");
        }
        char c = x->s.ptr[x->at];
        if (c == '<') {
            if (!read_markup(x)) {
                return false;
            }
        } else if (c == '&') {
            x->has_content = true;
            if (!read_entity(x)) {
                return false;
            }
        } else {
            x->has_content |= !is_space(c);
            x->at++;
        }
    }
    return true;
}

const char *fhir_xhtml_check(Str div) {
    Scan x = {.s = str_trim(div)};
    if (!starts_at(&x, STR("<div"))) {
        return "it must be one <div>";
    }
    if (!read_open_tag(&x) || !read_content(&x)) {
        return x.error;
    }
    if (x.at != x.s.len) {
        return "text behind the <div>";
    }
    return x.has_content ? NULL : "it has no content";
}
