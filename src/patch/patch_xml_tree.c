#include "core/limits.h"
#include "fhir/fhir_xml.h"
#include "patch/patch_xml_int.h"

#include <expat.h>

#define NS_SEP '|'
#define XML_URI "http://www.w3.org/XML/1998/namespace"
#define XMLNS_URI "http://www.w3.org/2000/xmlns/"

enum { SPACES_MAX = 64 }; /* declarations of one element */

typedef struct Reader {
    XML_Parser expat;
    Arena *arena;
    XmlNode *root, *at;
    XmlSpace *spaces; /* declared for the element to come */
    unsigned n_spaces;
    Buf text;
    unsigned depth;
    ErrCode err;
    ErrInfo *info;
} Reader;

static void stop(Reader *r, ErrCode err) {
    if (r->err == ERR_OK) {
        r->err = err;
        (void)XML_StopParser(r->expat, XML_FALSE);
    }
}

static XmlNode *new_node(Arena *arena, XmlKind kind) {
    XmlNode *n = arena_new_array(arena, XmlNode, 1);
    if (n != NULL) {
        n->kind = kind;
        n->uri = n->name = n->text = STR_EMPTY;
    }
    return n;
}

/* "uri|name" taken apart; both in the arena. */
static void split(Arena *arena, const char *full, Str *ret_uri, Str *ret_name) {
    Str s = arena_str(arena, str_from(full));
    size_t sep = s.len;
    while (sep > 0 && s.ptr[sep - 1] != NS_SEP) {
        sep--;
    }
    *ret_uri = sep == 0 ? STR_EMPTY : str_sub(s, 0, sep - 1);
    *ret_name = str_sub(s, sep, s.len);
}

static void flush_text(Reader *r) {
    if (r->text.len == 0 || r->at == NULL) {
        r->text.len = 0;
        return;
    }
    XmlNode *n = new_node(r->arena, XML_NODE_TEXT);
    if (n == NULL || buf_ok(&r->text) != ERR_OK) {
        stop(r, ERR_NOMEM);
        return;
    }
    n->text = arena_str(r->arena, buf_str(&r->text));
    r->text.len = 0;
    xml_tree_append(r->at, n);
}

static void XMLCALL on_space(void *ctx, const XML_Char *prefix, const XML_Char *uri) {
    Reader *r = ctx;
    XmlSpace *s = arena_new_array(r->arena, XmlSpace, 1);
    if (s == NULL) {
        stop(r, ERR_NOMEM);
        return;
    }
    if (++r->n_spaces > SPACES_MAX) {
        stop(r, err_set(r->info, ERR_LIMIT, "xml-namespaces",
                        "an element declares more than %d namespaces",
                        "một phần tử khai báo quá %d không gian tên", (int)SPACES_MAX));
        return;
    }
    *s = (XmlSpace){.next = r->spaces,
                    .prefix = arena_str(r->arena, str_from(prefix == NULL ? "" : prefix)),
                    .uri = arena_str(r->arena, str_from(uri == NULL ? "" : uri))};
    r->spaces = s;
}

static void take_attrs(Reader *r, XmlNode *n, const XML_Char **attrs) {
    XmlAttr **end = &n->attrs;
    for (; *attrs != NULL; attrs += 2) {
        XmlAttr *a = arena_new_array(r->arena, XmlAttr, 1);
        if (a == NULL) {
            stop(r, ERR_NOMEM);
            return;
        }
        split(r->arena, attrs[0], &a->uri, &a->name);
        a->value = arena_str(r->arena, str_from(attrs[1]));
        *end = a;
        end = &a->next;
    }
}

static void XMLCALL on_open(void *ctx, const XML_Char *name, const XML_Char **attrs) {
    Reader *r = ctx;
    if (r->err != ERR_OK) {
        return;
    }
    flush_text(r);
    XmlNode *n = new_node(r->arena, XML_NODE_ELEMENT);
    if (n == NULL || ++r->depth > LIMIT_FHIR_XML_DEPTH) {
        stop(r, n == NULL
                    ? ERR_NOMEM
                    : err_set(r->info, ERR_LIMIT, "xml-depth", "elements are nested deeper than %d",
                              "các phần tử lồng nhau quá %d cấp", LIMIT_FHIR_XML_DEPTH));
        return;
    }
    split(r->arena, name, &n->uri, &n->name);
    if (str_eq(n->uri, STR(XML_URI))) { /* has no form with a default namespace */
        stop(r,
             err_set(r->info, ERR_SYNTAX, "xml-namespace", "no element is of XML's own namespace",
                     "không có phần tử nào thuộc không gian tên của chính XML"));
        return;
    }
    n->spaces = r->spaces;
    r->spaces = NULL;
    r->n_spaces = 0;
    take_attrs(r, n, attrs);
    if (r->at == NULL) {
        r->root = n;
    } else {
        xml_tree_append(r->at, n);
    }
    r->at = n;
}

static void XMLCALL on_close(void *ctx, const XML_Char *name) {
    (void)name;
    Reader *r = ctx;
    if (r->err == ERR_OK) {
        flush_text(r);
        r->at = r->at->parent;
        r->depth--;
    }
}

static void XMLCALL on_text(void *ctx, const XML_Char *bytes, int len) {
    Reader *r = ctx;
    buf_put(&r->text, bytes, (size_t)len);
}

static void add_other(Reader *r, XmlKind kind, const char *name, const char *text) {
    flush_text(r);
    XmlNode *n = r->at == NULL || r->err != ERR_OK ? NULL : new_node(r->arena, kind);
    if (n != NULL) { /* outside of the element nothing is kept */
        n->name = arena_str(r->arena, str_from(name));
        n->text = arena_str(r->arena, str_from(text));
        xml_tree_append(r->at, n);
    }
}

static void XMLCALL on_comment(void *ctx, const XML_Char *text) {
    add_other(ctx, XML_NODE_COMMENT, "", text);
}

static void XMLCALL on_pi(void *ctx, const XML_Char *target, const XML_Char *data) {
    add_other(ctx, XML_NODE_PI, target, data);
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    Reader *r = ctx;
    stop(r, err_set(r->info, ERR_SYNTAX, "xml-doctype", "a DOCTYPE is not allowed; remove it",
                    "không cho phép DOCTYPE; hãy bỏ đi"));
}

static ErrCode run(Reader *r, Str xml) {
    XML_SetUserData(r->expat, r);
    XML_SetElementHandler(r->expat, on_open, on_close);
    XML_SetCharacterDataHandler(r->expat, on_text);
    XML_SetCommentHandler(r->expat, on_comment);
    XML_SetProcessingInstructionHandler(r->expat, on_pi);
    XML_SetStartNamespaceDeclHandler(r->expat, on_space);
    XML_SetStartDoctypeDeclHandler(r->expat, on_doctype);
    if (XML_Parse(r->expat, xml.ptr, (int)xml.len, XML_TRUE) == XML_STATUS_OK || r->err != ERR_OK) {
        return r->err != ERR_OK ? r->err : arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
    }
    return err_set(
        r->info, ERR_SYNTAX, "xml-syntax", "not well-formed XML: %s (line %zu, column %zu)",
        "XML không đúng cú pháp: %s (dòng %zu, cột %zu)",
        XML_ErrorString(XML_GetErrorCode(r->expat)), (size_t)XML_GetCurrentLineNumber(r->expat),
        (size_t)XML_GetCurrentColumnNumber(r->expat) + 1);
}

ErrCode xml_tree_read(Arena *arena, Str xml, XmlNode **ret_root, ErrInfo *info) {
    if (xml.len > LIMIT_JSON_BYTES) {
        return err_set(info, ERR_LIMIT, "xml-size", "the document is larger than %zu bytes",
                       "tài liệu lớn hơn %zu byte", (size_t)LIMIT_JSON_BYTES);
    }
    Reader r = {.expat = XML_ParserCreateNS("UTF-8", NS_SEP), .arena = arena, .info = info};
    if (r.expat == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&r.text, LIMIT_XML_TEXT_BYTES);
    ErrCode err = run(&r, xml);
    buf_release(&r.text);
    XML_ParserFree(r.expat);
    if (err == ERR_OK) {
        *ret_root = r.root;
    }
    return err;
}

/* ---- changing */

void xml_tree_append(XmlNode *parent, XmlNode *kid) {
    kid->parent = parent;
    kid->prev = parent->last;
    kid->next = NULL;
    *(parent->last == NULL ? &parent->first : &parent->last->next) = kid;
    parent->last = kid;
}

void xml_tree_insert(XmlNode *place, XmlNode *kid) {
    kid->parent = place->parent;
    kid->prev = place->prev;
    kid->next = place;
    *(place->prev == NULL ? &place->parent->first : &place->prev->next) = kid;
    place->prev = kid;
}

void xml_tree_remove(XmlNode *node) {
    *(node->prev == NULL ? &node->parent->first : &node->prev->next) = node->next;
    *(node->next == NULL ? &node->parent->last : &node->next->prev) = node->prev;
    node->parent = node->prev = node->next = NULL;
}

static bool clone_attrs(Arena *arena, const XmlNode *from, XmlNode *to) {
    XmlAttr **end = &to->attrs;
    for (const XmlAttr *a = from->attrs; a != NULL; a = a->next) {
        XmlAttr *copy = arena_new_array(arena, XmlAttr, 1);
        if (copy == NULL) {
            return false;
        }
        *copy = *a;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
    }
    return true;
}

XmlNode *xml_tree_clone(Arena *arena, const XmlNode *node) {
    XmlNode *copy = new_node(arena, node->kind);
    if (copy == NULL) {
        return NULL;
    }
    *copy = (XmlNode){.kind = node->kind,
                      .uri = node->uri,
                      .name = node->name,
                      .text = node->text,
                      .spaces = node->spaces};
    if (!clone_attrs(arena, node, copy)) {
        return NULL;
    }
    for (const XmlNode *k = node->first; k != NULL; k = k->next) {
        XmlNode *kid = xml_tree_clone(arena, k);
        if (kid == NULL) {
            return NULL;
        }
        xml_tree_append(copy, kid);
    }
    return copy;
}

XmlAttr *xml_tree_attr(const XmlNode *element, Str uri, Str name) {
    XmlAttr *a = element->attrs;
    while (a != NULL && (!str_eq(a->uri, uri) || !str_eq(a->name, name))) {
        a = a->next;
    }
    return a;
}

bool xml_tree_set_attr(Arena *arena, XmlNode *element, const XmlAttr *attr) {
    XmlAttr *there = xml_tree_attr(element, attr->uri, attr->name);
    if (there != NULL) {
        there->value = attr->value;
        return true;
    }
    XmlAttr *a = arena_new_array(arena, XmlAttr, 1);
    XmlAttr **end = &element->attrs;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = a;
    if (a != NULL) {
        *a = *attr;
        a->next = NULL;
    }
    return a != NULL;
}

static void gather_text(Buf *b, const XmlNode *node) {
    if (node->kind == XML_NODE_TEXT) {
        buf_put_str(b, node->text);
    }
    for (const XmlNode *k = node->first; k != NULL; k = k->next) {
        gather_text(b, k);
    }
}

Str xml_tree_text(Arena *arena, const XmlNode *node) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_XML_TEXT_BYTES);
    gather_text(&b, node);
    return arena_str(arena, buf_str(&b));
}

bool xml_tree_space(const XmlNode *element, Str prefix, Str *ret_uri) {
    for (; element != NULL; element = element->parent) {
        for (const XmlSpace *s = element->spaces; s != NULL; s = s->next) {
            if (str_eq(s->prefix, prefix)) {
                *ret_uri = s->uri;
                return true;
            }
        }
    }
    return false;
}

bool xml_tree_is_space(const XmlNode *node) {
    return node->kind == XML_NODE_TEXT && str_trim(node->text).len == 0;
}

/* ---- writing: elements always by the default namespace, declared where it changes */

bool xml_tree_name_ok(Str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.'))) {
            return false;
        }
    }
    return name.len > 0;
}

bool xml_tree_space_ok(Str prefix, Str uri) {
    return xml_tree_name_ok(prefix) && !str_eq(prefix, STR("xml")) &&
           !str_eq(prefix, STR("xmlns")) && uri.len > 0 && !str_eq(uri, STR(XML_URI)) &&
           !str_eq(uri, STR(XMLNS_URI));
}

static bool declares(const XmlNode *n, unsigned number) {
    char text[24];
    const XmlSpace *s = n->spaces;
    (void)snprintf(text, sizeof(text), "a%u", number);
    while (s != NULL && !str_eq(s->prefix, str_from(text))) {
        s = s->next;
    }
    return s != NULL;
}

static void put_attr(Buf *out, const XmlNode *n, const XmlAttr *a, unsigned *n_prefixes) {
    bool own = a->uri.len > 0 && !str_eq(a->uri, STR(XML_URI));
    buf_put_char(out, ' ');
    if (own) {
        while (declares(n, *n_prefixes)) {
            (*n_prefixes)++;
        }
        buf_printf(out, "xmlns:a%u=\"", *n_prefixes);
        fhir_xml_put_attr(out, a->uri);
        buf_printf(out, "\" a%u:", (*n_prefixes)++);
    } else if (a->uri.len > 0) {
        buf_put_lit(out, "xml:");
    }
    buf_put_str(out, a->name);
    buf_put_lit(out, "=\"");
    fhir_xml_put_attr(out, a->value);
    buf_put_char(out, '"');
}

static void put_spaces(Buf *out, const XmlNode *n) {
    for (const XmlSpace *s = n->spaces; s != NULL; s = s->next) {
        if (s->prefix.len > 0) {
            buf_put_lit(out, " xmlns:");
            buf_put_str(out, s->prefix);
            buf_put_lit(out, "=\"");
            fhir_xml_put_attr(out, s->uri);
            buf_put_char(out, '"');
        }
    }
}

/* Text of an element: line ends and tabs stay as they are. */
static void put_text(Buf *out, Str s) {
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '&' || c == '<' || c == '>' || c == '\r') {
            buf_put(out, s.ptr + from, i - from);
            buf_put_str(out, c == '&'   ? STR("&amp;")
                             : c == '<' ? STR("&lt;")
                             : c == '>' ? STR("&gt;")
                                        : STR("&#13;"));
            from = i + 1;
        }
    }
    buf_put(out, s.ptr + from, s.len - from);
}

static void put_node(Buf *out, const XmlNode *n, Str space) {
    unsigned n_prefixes = 0;
    if (n->kind != XML_NODE_ELEMENT) {
        if (n->kind == XML_NODE_TEXT) {
            put_text(out, n->text);
        } else if (n->kind == XML_NODE_COMMENT) {
            buf_put_lit(out, "<!--");
            buf_put_str(out, n->text);
            buf_put_lit(out, "-->");
        } else {
            buf_put_lit(out, "<?");
            buf_put_str(out, n->name);
            buf_put_char(out, ' ');
            buf_put_str(out, n->text);
            buf_put_lit(out, "?>");
        }
        return;
    }
    buf_put_char(out, '<');
    buf_put_str(out, n->name);
    if (!str_eq(n->uri, space)) {
        buf_put_lit(out, " xmlns=\"");
        fhir_xml_put_attr(out, n->uri);
        buf_put_char(out, '"');
    }
    put_spaces(out, n);
    for (const XmlAttr *a = n->attrs; a != NULL; a = a->next) {
        put_attr(out, n, a, &n_prefixes);
    }
    if (n->first == NULL) {
        buf_put_lit(out, "/>");
        return;
    }
    buf_put_char(out, '>');
    for (const XmlNode *k = n->first; k != NULL; k = k->next) {
        put_node(out, k, n->uri);
    }
    buf_put_lit(out, "</");
    buf_put_str(out, n->name);
    buf_put_char(out, '>');
}

void xml_tree_write(Buf *out, const XmlNode *root) {
    put_node(out, root, STR_EMPTY);
}
