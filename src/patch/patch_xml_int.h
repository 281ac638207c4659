/* patch_xml_int.h — an XML document as a tree that can be changed: elements, text, comments, with
 * namespaces resolved. Ownership: all in the arena; text may point into the document. */
#ifndef NHIP_PATCH_XML_INT_H
#define NHIP_PATCH_XML_INT_H

#include "core/arena.h"

typedef enum XmlKind { XML_NODE_ELEMENT, XML_NODE_TEXT, XML_NODE_COMMENT, XML_NODE_PI } XmlKind;

typedef struct XmlAttr {
    struct XmlAttr *next;
    Str uri, name; /* uri empty: none */
    Str value;
} XmlAttr;

/* A declaration of a namespace. */
typedef struct XmlSpace {
    struct XmlSpace *next;
    Str prefix; /* empty: the default one */
    Str uri;
} XmlSpace;

typedef struct XmlNode XmlNode;
struct XmlNode {
    XmlKind kind;
    XmlNode *parent, *first, *last, *prev, *next;
    Str uri, name; /* of an element; name also: the target of a PI */
    Str text;      /* text, comment, PI: the content */
    XmlAttr *attrs;
    XmlSpace *spaces; /* declared on this element */
};

/* ret_root: the document's element. ERR_SYNTAX (xml-*), ERR_LIMIT (LIMIT_FHIR_XML_DEPTH),
 * ERR_NOMEM.
 */
MUST_USE ErrCode xml_tree_read(Arena *arena, Str xml, XmlNode **ret_root, ErrInfo *info);
void xml_tree_write(Buf *out, const XmlNode *root);

void xml_tree_append(XmlNode *parent, XmlNode *kid);
/* Before `place`, which has a parent. */
void xml_tree_insert(XmlNode *place, XmlNode *kid);
void xml_tree_remove(XmlNode *node);
/* A copy with all below; NULL without memory. */
XmlNode *xml_tree_clone(Arena *arena, const XmlNode *node);
XmlAttr *xml_tree_attr(const XmlNode *element, Str uri, Str name);
bool xml_tree_set_attr(Arena *arena, XmlNode *element, const XmlAttr *attr);
/* All text below, joined. */
Str xml_tree_text(Arena *arena, const XmlNode *node);
/* The namespace that the prefix has at this element; false when it has none. */
bool xml_tree_space(const XmlNode *element, Str prefix, Str *ret_uri);
/* A name without a prefix, of ASCII letters. */
bool xml_tree_name_ok(Str name);
/* May the prefix be declared for the namespace? */
bool xml_tree_space_ok(Str prefix, Str uri);
bool xml_tree_is_space(const XmlNode *node); /* text of white space alone */

/* ---- selectors (patch_select.c) ---- */
typedef enum XmlFound { XML_FOUND_NODE, XML_FOUND_ATTR, XML_FOUND_SPACE } XmlFound;
typedef struct XmlSelection {
    XmlFound kind;
    XmlNode *node; /* of an attribute or declaration: its element */
    XmlAttr *attr;
    XmlSpace *space;
} XmlSelection;
typedef struct XmlSelect {
    Arena *arena;
    XmlNode *root;
    const XmlNode *scope; /* declares the prefixes of the selector */
    uint64_t *work;       /* nodes looked at so far; over LIMIT_PATCH_STEPS: ERR_LIMIT */
} XmlSelect;
/* sel: the XPath subset of RFC 5261. *ret_count: how many nodes it finds (0, 1, 2: several); ret is
 * the first. ERR_PARAM: not of the subset. */
MUST_USE ErrCode xml_select(const XmlSelect *in, Str sel, XmlSelection *ret, unsigned *ret_count);

#endif
