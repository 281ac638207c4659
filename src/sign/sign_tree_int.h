/* sign_tree_int.h — a document as libxml2's tree with the places that a signature's check needs;
 * included only by what works on such trees. */
#ifndef NHIP_SIGN_SIGN_TREE_INT_H
#define NHIP_SIGN_SIGN_TREE_INT_H

#include "sign/sign_int.h"

struct _xmlDoc; /* as libxml2 calls them; its headers are for .c files only */
struct _xmlNode;

typedef struct SignTree {
    struct _xmlDoc *doc;
    struct _xmlNode *content;   /* THONGTINHOSO, DSACH_TRANG_THAI_KCB */
    struct _xmlNode *block;     /* CHUKYDONVI */
    struct _xmlNode *signature; /* its Signature; NULL: none */
    char facility[SIGN_FACILITY_MAX];
} SignTree;

/* Parses without network, DTD or entities, depth and namespaces bounded; finds the places, makes
 * Ids known. SIGN_FOUND_SOUND: there is a signature to check. ret->doc is the caller's to free
 * whatever comes out. */
SignFound sign_tree(Str xml, SignTree *ret, SignForm *ret_form);

/* The name without a prefix. */
Str sign_name(const struct _xmlNode *n);
/* An element of that name as our claim reader sees it: no prefix, whatever its namespace. */
bool sign_is(const struct _xmlNode *n, const char *name);
/* An element of that name in the namespace of XML signatures. */
bool sign_is_dsig(const struct _xmlNode *n, const char *name);
/* Text of an element that holds nothing else, white space cut off its ends; false otherwise or when
 * it does not fit. */
bool sign_text(const struct _xmlNode *n, char *out, size_t size);

#endif
