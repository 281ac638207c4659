/* Text and narrative as XML can carry them. */
#include "fhir/fhir_xml.h"

#include "core/limits.h"
#include "core/utf8.h"

#include <expat.h>

/* ---- attributes */

/* What stands for the character at s[i] (*ret_len bytes of s), or NULL when it may stand itself. */
static const char *escape_at(Str s, size_t i, size_t *ret_len) {
    unsigned char c = (unsigned char)s.ptr[i];
    *ret_len = 1;
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        break;
    }
    /* U+FFFE and U+FFFF */
    if (c == 0xEF && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0xBF &&
        (unsigned char)s.ptr[i + 2] >= 0xBE) {
        *ret_len = 3;
        return "\xEF\xBF\xBD";
    }
    return c < 0x20 ? "\xEF\xBF\xBD" : NULL;
}

void fhir_xml_put_attr(Buf *out, Str s) {
    size_t from = 0;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i += len) {
        const char *escape = escape_at(s, i, &len);
        if (escape != NULL) {
            buf_put(out, s.ptr + from, i - from);
            buf_put_str(out, str_from(escape));
            from = i + len;
        }
    }
    buf_put(out, s.ptr + from, s.len - from);
}

/* ---- narrative */

/* The names of U+00A0 to U+00FF in HTML 4, in their order. */
static const char *const LATIN1[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};
static_assert(ARRAY_LEN(LATIN1) == 96, "U+00A0 to U+00FF");

typedef struct Named {
    const char *name;
    uint32_t cp;
} Named;

static const Named NAMED[] = {
    {"bull", 0x2022},  {"dagger", 0x2020}, {"emsp", 0x2003},  {"ensp", 0x2002},  {"euro", 0x20AC},
    {"ge", 0x2265},    {"hellip", 0x2026}, {"larr", 0x2190},  {"ldquo", 0x201C}, {"le", 0x2264},
    {"lsquo", 0x2018}, {"mdash", 0x2014},  {"minus", 0x2212}, {"mu", 0x3BC},     {"ndash", 0x2013},
    {"ne", 0x2260},    {"rarr", 0x2192},   {"rdquo", 0x201D}, {"rsquo", 0x2019}, {"thinsp", 0x2009},
    {"trade", 0x2122},
};

static uint32_t named_character(Str name) {
    for (uint32_t i = 0; i < ARRAY_LEN(LATIN1); i++) {
        if (str_eq(name, str_from(LATIN1[i]))) {
            return 0xA0 + i;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(NAMED); i++) {
        if (str_eq(name, str_from(NAMED[i].name))) {
            return NAMED[i].cp;
        }
    }
    return 0;
}

/* A copy in which HTML's named characters are numbers. */
static void put_numbered(Buf *out, Str s) {
    size_t from = 0;
    for (size_t i = str_find_char(s, '&', 0); i != SIZE_MAX; i = str_find_char(s, '&', i + 1)) {
        size_t end = str_find_char(str_sub(s, i, 12), ';', 0);
        uint32_t cp = end == SIZE_MAX ? 0 : named_character(str_sub(s, i + 1, end - 1));
        if (cp != 0) {
            buf_put(out, s.ptr + from, i - from);
            buf_printf(out, "&#%u;", (unsigned)cp);
            from = i + end + 1;
        }
    }
    buf_put(out, s.ptr + from, s.len - from);
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    (void)XML_StopParser(*(XML_Parser *)ctx, XML_FALSE);
}

/* Of the root; the first element decides. */
typedef struct Root {
    XML_Parser expat; /* first: on_doctype */
    bool seen, is_div;
} Root;

static void XMLCALL on_open(void *ctx, const XML_Char *name, const XML_Char **attrs) {
    (void)attrs;
    Root *root = ctx;
    root->is_div = root->seen ? root->is_div : strcmp(name, FHIR_XHTML_NS "|div") == 0;
    root->seen = true;
}

/* Well-formed by itself, with namespaces, and one <div> of XHTML. */
static bool is_div(Str text) {
    XML_Parser expat =
        text.len > 2 * LIMIT_RESOURCE_BYTES ? NULL : XML_ParserCreateNS("UTF-8", '|');
    Root root = {.expat = expat};
    if (expat == NULL) {
        return false;
    }
    XML_SetUserData(expat, &root);
    XML_SetStartElementHandler(expat, on_open);
    XML_SetStartDoctypeDeclHandler(expat, on_doctype);
    bool ok = XML_Parse(expat, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(expat);
    return ok && root.is_div;
}

/* Does the first tag declare the default namespace? */
static bool declares_namespace(Str div) {
    Str tag = str_sub(div, 0, MIN(str_find_char(div, '>', 0), div.len));
    return str_find(tag, STR("xmlns=")) != SIZE_MAX || str_find(tag, STR("xmlns =")) != SIZE_MAX;
}

bool fhir_xml_put_div(Buf *out, Str div) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 2 * LIMIT_RESOURCE_BYTES);
    div = str_trim(div);
    if (!str_starts(div, STR("<div"))) {
        return false;
    }
    if (!declares_namespace(div)) {
        buf_put_lit(&b, "<div xmlns=\"" FHIR_XHTML_NS "\"");
        div = str_sub(div, 4, div.len);
    }
    put_numbered(&b, div);
    if (buf_ok(&b) != ERR_OK || !is_div(buf_str(&b))) {
        return false;
    }
    buf_put_str(out, buf_str(&b));
    return true;
}
