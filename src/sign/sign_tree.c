#include "sign/sign_tree_int.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h> /* XML_MAX_TEXT_LENGTH */
#include <libxml/valid.h>
#include <xmlsec/strings.h>

enum { DEPTH_MAX = LIMIT_XML_DEPTH + 32 }; /* of a signature's own properties */

Str sign_name(const xmlNode *n) {
    return str_from((const char *)n->name);
}

bool sign_is(const xmlNode *n, const char *name) {
    return n->type == XML_ELEMENT_NODE && (n->ns == NULL || n->ns->prefix == NULL) &&
           str_eq(sign_name(n), str_from(name));
}

bool sign_is_dsig(const xmlNode *n, const char *name) {
    return n->type == XML_ELEMENT_NODE && n->ns != NULL && str_eq(sign_name(n), str_from(name)) &&
           xmlStrEqual(n->ns->href, xmlSecDSigNs);
}

bool sign_text(const xmlNode *n, char *out, size_t size) {
    size_t len = 0;
    for (const xmlNode *c = n->children; c != NULL; c = c->next) {
        bool text = c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE;
        Str s = text ? str_from((const char *)c->content) : STR_EMPTY;
        if ((!text && c->type != XML_COMMENT_NODE) || s.len >= size - len) {
            return false;
        }
        memcpy(out + len, s.ptr, s.len);
        len += s.len;
    }
    Str trimmed = str_trim((Str){out, len});
    memmove(out, trimmed.ptr, trimmed.len);
    out[trimmed.len] = '\0';
    return true;
}

/* Read as UTF-8 whatever the file declares: so does the claim reader. The text of a DOCTYPE has no
 * other place in a file than its beginning, comments and CDATA apart; the claim reader refuses it.
 */
static xmlDoc *parse(Str xml) {
    int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC |
                  (xml.len > XML_MAX_TEXT_LENGTH ? XML_PARSE_HUGE : 0);
    if (xml.len > SIGN_FILE_BYTES || str_find(xml, STR("<!DOCTYPE")) != SIZE_MAX) {
        return NULL;
    }
    if (str_starts(xml, STR("\xEF\xBB\xBF"))) {
        xml = str_sub(xml, 3, xml.len);
    }
    xmlParserCtxt *ctx = xmlNewParserCtxt();
    if (ctx == NULL) {
        return NULL;
    }
    xmlDoc *doc = xmlCtxtReadMemory(ctx, xml.ptr, (int)xml.len, NULL, "UTF-8", options);
    if (doc != NULL && (ctx->wellFormed == 0 || doc->intSubset != NULL)) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(ctx);
    return doc;
}

typedef struct Walk {
    SignTree *tree;
    unsigned depth, namespaces;
    unsigned blocks, signatures; /* CHUKYDONVI, Signature anywhere */
    bool twice;                  /* an Id */
    bool too_much;
} Walk;

static bool is_id(const xmlAttr *a) {
    Str name = str_from((const char *)a->name);
    return str_eq(name, STR("Id")) || str_eq(name, STR("ID")) || str_eq(name, STR("id"));
}

/* The standard does not say how the attribute is spelled, so all of them are one space of names. */
static void note_ids(Walk *w, xmlNode *n) {
    for (xmlAttr *a = n->properties; a != NULL; a = a->next) {
        if (a->atype == XML_ATTRIBUTE_ID || !is_id(a)) {
            continue;
        }
        xmlChar *value = xmlNodeListGetString(w->tree->doc, a->children, 1);
        w->twice = w->twice || value == NULL || xmlAddID(NULL, w->tree->doc, value, a) == NULL;
        xmlFree(value);
    }
}

static void note_element(Walk *w, xmlNode *n) {
    for (const xmlNs *ns = n->nsDef; ns != NULL; ns = ns->next) {
        w->namespaces++;
    }
    w->blocks += str_eq(sign_name(n), STR("CHUKYDONVI"));
    if (sign_is_dsig(n, "Signature")) {
        w->signatures++;
        w->tree->signature = n;
    }
    note_ids(w, n);
    w->too_much = w->too_much || w->depth > DEPTH_MAX || w->namespaces > SIGN_NAMESPACES_MAX;
}

/* All elements in document order, without recursion. */
static void walk(Walk *w) {
    xmlNode *root = xmlDocGetRootElement(w->tree->doc);
    xmlNode *n = root;
    w->depth = 1;
    while (n != NULL && !w->too_much) {
        if (n->type == XML_ELEMENT_NODE) {
            note_element(w, n);
        }
        w->too_much = w->too_much || n->type == XML_ENTITY_REF_NODE;
        if (n->type == XML_ELEMENT_NODE && n->children != NULL) {
            n = n->children;
            w->depth++;
            continue;
        }
        while (n != root && n->next == NULL) {
            n = n->parent;
            w->depth--;
        }
        n = n == root ? NULL : n->next;
    }
}

/* The one child of that name; NULL when there is none or more than one. */
static xmlNode *only(const xmlNode *parent, const char *name) {
    xmlNode *found = NULL;
    for (xmlNode *c = parent == NULL ? NULL : parent->children; c != NULL; c = c->next) {
        if (sign_is(c, name)) {
            if (found != NULL) {
                return NULL;
            }
            found = c;
        }
    }
    return found;
}

/* Of check-ins: every record must name the same one. */
static bool check_in_facility(SignTree *t) {
    char other[SIGN_FACILITY_MAX];
    for (const xmlNode *c = t->content->children; c != NULL; c = c->next) {
        if (c->type != XML_ELEMENT_NODE) {
            continue;
        }
        const xmlNode *code = only(c, "MA_CSKCB");
        if (code == NULL || !sign_text(code, other, sizeof(other)) ||
            (t->facility[0] != '\0' && strcmp(t->facility, other) != 0)) {
            return false;
        }
        memcpy(t->facility, other, sizeof(other));
    }
    return true;
}

/* The places where the claim reader looks, each exactly once: what stands twice could be covered
 * once and read from the other place. */
static bool find_places(SignTree *t) {
    const xmlNode *root = xmlDocGetRootElement(t->doc);
    t->block = only(root, "CHUKYDONVI");
    if (sign_is(root, "GIAMDINHHS")) {
        const xmlNode *code = only(only(root, "THONGTINDONVI"), "MACSKCB");
        t->content = only(root, "THONGTINHOSO");
        return t->block != NULL && t->content != NULL && code != NULL &&
               sign_text(code, t->facility, sizeof(t->facility));
    }
    if (sign_is(root, "CHI_TIEU_TRANG_THAI_KCB")) {
        t->content = only(root, "DSACH_TRANG_THAI_KCB");
        return t->block != NULL && t->content != NULL && check_in_facility(t);
    }
    return false;
}

static bool is_blank(const xmlNode *n) {
    for (const xmlNode *c = n->children; c != NULL; c = c->next) {
        if (c->type != XML_COMMENT_NODE && xmlIsBlankNode(c) == 0) {
            return false;
        }
    }
    return true;
}

SignFound sign_tree(Str xml, SignTree *ret, SignForm *ret_form) {
    *ret = (SignTree){.doc = parse(xml)};
    Walk w = {.tree = ret};
    if (ret->doc == NULL) {
        return SIGN_FOUND_BROKEN;
    }
    walk(&w);
    if (w.too_much) {
        return SIGN_FOUND_BROKEN;
    }
    bool placed = find_places(ret);
    if (w.signatures == 0 && (w.blocks == 0 || (w.blocks == 1 && placed && is_blank(ret->block)))) {
        return SIGN_FOUND_NONE;
    }
    *ret_form = w.blocks > 1 || w.signatures > 1 ? SIGN_FORM_MANY
                : w.twice                        ? SIGN_FORM_ID
                : !placed || ret->signature == NULL || ret->signature->parent != ret->block
                    ? SIGN_FORM_SHAPE
                    : SIGN_FORM_NONE;
    return *ret_form == SIGN_FORM_NONE ? SIGN_FOUND_SOUND : SIGN_FOUND_FORM;
}
