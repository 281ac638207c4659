/* Written over libxml2's c14n and OpenSSL alone: keys in tokens are none for xmlsec1, and what one
 * made the other one checks. */
#include "sign/sign_key_int.h"
#include "sign/sign_tree_int.h"

#include "core/base64.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <xmlsec/strings.h>

#define CONTENT_ID "Id-HOSO"
#define OBJECT_ID "Object-CHUKYDONVI-Id-1"
#define SIGNATURE_ID "CHUKYDONVI-Id-1"

static const xmlChar *x(const char *text) {
    return (const xmlChar *)text;
}

static ErrCode refuse(ErrInfo *info) {
    return err_set(info, ERR_INVALID, "sign-document",
                   "no claim file without a signature: nothing was signed",
                   "không phải tệp hồ sơ chưa ký: chưa ký gì cả");
}

/* ---- canonical form, as far as it is signed ---- */

typedef struct Part {
    const xmlNode *top;     /* this and what is inside; NULL: the document */
    const xmlNode *without; /* but this */
} Part;

static int is_visible(void *ctx, xmlNode *node, xmlNode *parent) {
    const Part *part = ctx;
    bool own = node->type != XML_ATTRIBUTE_NODE && node->type != XML_NAMESPACE_DECL;
    for (const xmlNode *n = own ? node : parent; n != NULL; n = n->parent) {
        if (n == part->without) {
            return 0;
        }
        if (n == part->top) {
            return 1;
        }
    }
    return part->top == NULL;
}

typedef struct Sink {
    void *ctx;
    bool (*put)(void *ctx, Str bytes);
} Sink;

static int on_bytes(void *ctx, const char *bytes, int len) {
    const Sink *sink = ctx;
    return sink->put(sink->ctx, (Str){bytes, (size_t)len}) ? len : -1;
}

static bool canonical(xmlDoc *doc, Part part, bool exclusive, Sink sink) {
    xmlOutputBuffer *out = xmlOutputBufferCreateIO(on_bytes, NULL, &sink, NULL);
    int mode = exclusive ? XML_C14N_EXCLUSIVE_1_0 : XML_C14N_1_0;
    bool made = out != NULL && xmlC14NExecute(doc, is_visible, &part, mode, NULL, 0, out) >= 0;
    return out != NULL && xmlOutputBufferClose(out) >= 0 && made;
}

static bool put_digest(void *ctx, Str bytes) {
    sha256_update(ctx, bytes);
    return true;
}

static bool put_signed(void *ctx, Str bytes) {
    return EVP_DigestSignUpdate(ctx, bytes.ptr, bytes.len) == 1;
}

/* ---- the parts of a Signature ---- */

static xmlNode *child(xmlNode *parent, const char *name) {
    return parent == NULL ? NULL : xmlNewChild(parent, NULL, x(name), NULL);
}

/* An element with its Algorithm. */
static xmlNode *method(xmlNode *parent, const char *name, const xmlChar *algorithm) {
    xmlNode *n = child(parent, name);
    return n != NULL && xmlNewProp(n, xmlSecAttrAlgorithm, algorithm) != NULL ? n : NULL;
}

static bool put_base64(xmlNode *n, Str bytes) {
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    base64_encode(&text, bytes);
    if (n == NULL || buf_ok(&text) != ERR_OK) {
        return false;
    }
    xmlNodeAddContent(n, x(buf_cstr(&text)));
    return n->children != NULL;
}

/* A Reference with the digest of what it points to. */
static bool add_reference(xmlNode *signed_info, const SignDocument *d, const char *uri, Part part) {
    xmlNode *r = child(signed_info, "Reference");
    xmlNode *transforms = child(r, "Transforms");
    const xmlChar *c14n = d->exclusive ? xmlSecHrefExcC14N : xmlSecHrefC14N;
    bool enveloped = part.without != NULL;
    if (transforms == NULL || xmlNewProp(r, xmlSecAttrURI, x(uri)) == NULL ||
        (enveloped && method(transforms, "Transform", xmlSecHrefEnveloped) == NULL) ||
        method(transforms, "Transform", c14n) == NULL ||
        method(r, "DigestMethod", xmlSecHrefSha256) == NULL) {
        return false;
    }
    Sha256 digest;
    Sha256Ctx *sha = sha256_new();
    bool made = sha != NULL && canonical(r->doc, part, d->exclusive, (Sink){sha, put_digest});
    if (made) {
        sha256_final(sha, &digest);
    }
    sha256_free(sha);
    return made &&
           put_base64(child(r, "DigestValue"), (Str){(const char *)digest.b, sizeof(digest.b)});
}

/* <Object Id><SignatureProperties><SignatureProperty Target><SigningTime>; NULL without memory. */
static xmlNode *add_time(xmlNode *signature, TimeMs at) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    time_put_vn(&text, at);
    xmlNode *object = child(signature, "Object");
    xmlNode *property = child(child(object, "SignatureProperties"), "SignatureProperty");
    bool made = property != NULL && xmlNewProp(object, x("Id"), x(OBJECT_ID)) != NULL &&
                xmlNewProp(property, x("Target"), x("#" SIGNATURE_ID)) != NULL &&
                xmlNewChild(property, NULL, x("SigningTime"), x(buf_cstr(&text))) != NULL;
    return made ? object : NULL;
}

static bool add_certificate(xmlNode *key_info, X509 *certificate) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    bool made = len > 0 && put_base64(child(child(key_info, "X509Data"), "X509Certificate"),
                                      (Str){(const char *)der, (size_t)len});
    OPENSSL_free(der);
    return made;
}

/* SignedInfo in its canonical form, signed by the key wherever it is. */
static ErrCode put_value(SignKey *key, xmlNode *signed_info, xmlNode *value, ErrInfo *info) {
    unsigned char bytes[1024]; /* RSA of up to 8192 bits */
    size_t len = sizeof(bytes);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    mutex_lock(&key->lock);
    bool made =
        ctx != NULL && EVP_PKEY_get_size(key->key) <= (int)sizeof(bytes) &&
        EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->key) == 1 &&
        canonical(signed_info->doc, (Part){.top = signed_info}, false, (Sink){ctx, put_signed}) &&
        EVP_DigestSignFinal(ctx, bytes, &len) == 1;
    mutex_unlock(&key->lock);
    EVP_MD_CTX_free(ctx);
    if (!made) {
        return err_plain(info, ERR_IO, "sign-key");
    }
    return put_base64(value, (Str){(const char *)bytes, len}) ? ERR_OK : ERR_NOMEM;
}

static bool add_references(const SignTree *t, const SignDocument *d, xmlNode *signed_info,
                           const xmlNode *object) {
    const xmlNode *signature = signed_info->parent;
    bool whole = d->scope == SIGN_SCOPE_DOCUMENT;
    if (!whole && xmlNewProp(t->content, x("Id"), x(CONTENT_ID)) == NULL) {
        return false;
    }
    Part main_part = whole ? (Part){.without = signature} : (Part){.top = t->content};
    return add_reference(signed_info, d, whole ? "" : "#" CONTENT_ID, main_part) &&
           add_reference(signed_info, d, "#" OBJECT_ID, (Part){.top = object});
}

static ErrCode put_signature(const SignTree *t, SignKey *key, const SignDocument *d,
                             ErrInfo *info) {
    xmlNode *signature = child(t->block, "Signature");
    xmlNs *ns = signature == NULL ? NULL : xmlNewNs(signature, xmlSecDSigNs, NULL);
    if (ns == NULL || xmlNewProp(signature, x("Id"), x(SIGNATURE_ID)) == NULL) {
        return ERR_NOMEM;
    }
    xmlSetNs(signature, ns);
    xmlNode *signed_info = child(signature, "SignedInfo");
    xmlNode *value = child(signature, "SignatureValue");
    xmlNode *key_info = child(signature, "KeyInfo");
    xmlNode *object = add_time(signature, d->at);
    bool made = object != NULL && add_certificate(key_info, key->certificate) &&
                method(signed_info, "CanonicalizationMethod", xmlSecHrefC14N) != NULL &&
                method(signed_info, "SignatureMethod", xmlSecHrefRsaSha256) != NULL &&
                add_references(t, d, signed_info, object);
    return made ? put_value(key, signed_info, value, info) : ERR_NOMEM;
}

static ErrCode sign_places(SignTree *t, SignKey *key, const SignDocument *d, ErrInfo *info) {
    if (t->block == NULL) {
        t->block = child(xmlDocGetRootElement(t->doc), "CHUKYDONVI");
    }
    if (t->content == NULL || xmlHasProp(t->content, x("Id")) != NULL) {
        return refuse(info);
    }
    return t->block == NULL ? ERR_NOMEM : put_signature(t, key, d, info);
}

ErrCode sign_document(SignKey *key, const SignDocument *document, Buf *out, ErrInfo *info) {
    SignTree tree;
    SignForm form = SIGN_FORM_NONE;
    ErrCode err = sign_tree(document->xml, &tree, &form) == SIGN_FOUND_NONE
                      ? sign_places(&tree, key, document, info)
                      : refuse(info);
    if (err == ERR_OK) {
        xmlChar *bytes = NULL;
        int len = 0;
        xmlDocDumpMemoryEnc(tree.doc, &bytes, &len, "UTF-8");
        buf_put(out, bytes, len > 0 ? (size_t)len : 0);
        xmlFree(bytes);
        err = len > 0 ? buf_ok(out) : ERR_NOMEM;
    }
    xmlFreeDoc(tree.doc);
    return err;
}
