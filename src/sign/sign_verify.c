#include "sign/sign_tree_int.h"

#include "core/base64.h"

#include <libxml/parser.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <xmlsec/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/strings.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>

enum { TIME_TEXT_MAX = 64 };
#define CERTIFICATE_BYTES (64 * LIMIT_KIB)

/* What a signature says about itself, in the order of the document. */
typedef struct Claimed {
    const xmlNode *covered[SIGN_REFERENCES_MAX]; /* the elements; the root for URI="" */
    size_t n_covered;
    const xmlNode *certificates[SIGN_CERTIFICATES_MAX];
    size_t n_certificates;
} Claimed;

const char *sign_form_text(SignForm form, bool vietnamese) {
    static const char *const texts[SIGN_FORMS][2] = {
#define X(name, en, vi) {en, vi},
        SIGN_FORM_LIST(X)
#undef X
    };
    return texts[form < SIGN_FORMS ? form : SIGN_FORM_NONE][vietnamese];
}

static const xmlNode *first_element(const xmlNode *n) {
    while (n != NULL && n->type != XML_ELEMENT_NODE) {
        n = n->next;
    }
    return n;
}

static const xmlNode *next_element(const xmlNode *n) {
    return first_element(n->next);
}

/* Is its Algorithm one of these? */
static bool has_algorithm(const xmlNode *n, const xmlChar *const *hrefs, size_t count) {
    xmlChar *value = xmlGetNoNsProp(n, xmlSecAttrAlgorithm);
    bool found = false;
    for (size_t i = 0; i < count && value != NULL; i++) {
        found = found || xmlStrEqual(value, hrefs[i]);
    }
    xmlFree(value);
    return found;
}

static bool is_c14n(const xmlNode *n) {
    const xmlChar *const hrefs[] = {xmlSecHrefC14N, xmlSecHrefC14NWithComments, xmlSecHrefExcC14N,
                                    xmlSecHrefExcC14NWithComments};
    return has_algorithm(n, hrefs, ARRAY_LEN(hrefs));
}

static bool is_one(const xmlNode *n, const xmlChar *href) {
    return has_algorithm(n, &href, 1);
}

/* Exclusive c14n may carry a list of prefixes; nothing else has anything inside. */
static bool is_plain_transform(const xmlNode *n) {
    const xmlNode *inner = first_element(n->children);
    bool listed = inner != NULL && is_c14n(n) && next_element(inner) == NULL &&
                  str_eq(sign_name(inner), STR("InclusiveNamespaces"));
    return (inner == NULL || listed) && (is_c14n(n) || is_one(n, xmlSecHrefEnveloped));
}

static SignForm check_transforms(const xmlNode *transforms) {
    size_t n = 0;
    for (const xmlNode *t = first_element(transforms->children); t != NULL; t = next_element(t)) {
        n++;
        if (n > SIGN_TRANSFORMS_MAX || !sign_is_dsig(t, "Transform") || !is_plain_transform(t)) {
            return SIGN_FORM_TRANSFORM;
        }
    }
    return SIGN_FORM_NONE;
}

/* The element of URI="" or "#id"; NULL when it is neither or there is none. */
static const xmlNode *find_covered(const SignTree *tree, const xmlNode *reference) {
    xmlChar *uri = xmlGetNoNsProp(reference, xmlSecAttrURI);
    const xmlNode *found = NULL;
    if (uri != NULL && uri[0] == '\0') {
        found = xmlDocGetRootElement(tree->doc);
    } else if (uri != NULL && uri[0] == '#' && xmlStrchr(uri, '(') == NULL) {
        const xmlAttr *id = xmlGetID(tree->doc, uri + 1);
        found = id == NULL ? NULL : id->parent;
    }
    xmlFree(uri);
    return found;
}

static SignForm check_reference(const SignTree *tree, const xmlNode *reference, Claimed *c) {
    const xmlNode *n = first_element(reference->children);
    if (c->n_covered == SIGN_REFERENCES_MAX) {
        return SIGN_FORM_SHAPE;
    }
    if (n != NULL && sign_is_dsig(n, "Transforms")) {
        SignForm form = check_transforms(n);
        if (form != SIGN_FORM_NONE) {
            return form;
        }
        n = next_element(n);
    }
    if (n == NULL || !sign_is_dsig(n, "DigestMethod")) {
        return SIGN_FORM_SHAPE;
    }
    if (!is_one(n, xmlSecHrefSha256)) {
        return SIGN_FORM_ALGORITHM;
    }
    const xmlNode *covered = find_covered(tree, reference);
    if (covered == NULL) {
        return SIGN_FORM_REFERENCE;
    }
    c->covered[c->n_covered++] = covered;
    return SIGN_FORM_NONE;
}

static SignForm check_signed_info(const SignTree *tree, const xmlNode *info, Claimed *c) {
    const xmlNode *method = first_element(info->children);
    const xmlNode *algorithm = method == NULL ? NULL : next_element(method);
    if (algorithm == NULL || !sign_is_dsig(method, "CanonicalizationMethod") ||
        !sign_is_dsig(algorithm, "SignatureMethod")) {
        return SIGN_FORM_SHAPE;
    }
    if (!is_c14n(method) || !is_one(algorithm, xmlSecHrefRsaSha256)) {
        return SIGN_FORM_ALGORITHM;
    }
    SignForm form = SIGN_FORM_NONE;
    const xmlNode *n = next_element(algorithm);
    for (; n != NULL && form == SIGN_FORM_NONE; n = next_element(n)) {
        form = sign_is_dsig(n, "Reference") ? check_reference(tree, n, c) : SIGN_FORM_SHAPE;
    }
    return form == SIGN_FORM_NONE && c->n_covered == 0 ? SIGN_FORM_SCOPE : form;
}

static void find_certificates(const xmlNode *key_info, Claimed *c) {
    for (const xmlNode *d = first_element(key_info->children); d != NULL; d = next_element(d)) {
        const xmlNode *n = sign_is_dsig(d, "X509Data") ? first_element(d->children) : NULL;
        for (; n != NULL; n = next_element(n)) {
            if (sign_is_dsig(n, "X509Certificate") && c->n_certificates < SIGN_CERTIFICATES_MAX) {
                c->certificates[c->n_certificates++] = n;
            }
        }
    }
}

static SignForm check_signature(const SignTree *tree, SignScope scope, Claimed *c) {
    const xmlNode *info = first_element(tree->signature->children);
    const xmlNode *value = info == NULL ? NULL : next_element(info);
    const xmlNode *n = value == NULL ? NULL : next_element(value);
    if (n == NULL || !sign_is_dsig(info, "SignedInfo") || !sign_is_dsig(value, "SignatureValue")) {
        return value == NULL ? SIGN_FORM_SHAPE : SIGN_FORM_CERTIFICATE;
    }
    SignForm form = check_signed_info(tree, info, c);
    if (form != SIGN_FORM_NONE) {
        return form;
    }
    if (sign_is_dsig(n, "KeyInfo")) {
        find_certificates(n, c);
    }
    const xmlNode *root = xmlDocGetRootElement(tree->doc);
    for (size_t i = 0; i < c->n_covered; i++) {
        if (c->covered[i] == root ||
            (scope == SIGN_SCOPE_CONTENT && c->covered[i] == tree->content)) {
            return c->n_certificates == 0 ? SIGN_FORM_CERTIFICATE : SIGN_FORM_NONE;
        }
    }
    return SIGN_FORM_SCOPE;
}

/* ---- the time ---- */

static bool is_covered(const SignTree *tree, const Claimed *c, const xmlNode *n) {
    for (; n != NULL && n != tree->signature; n = n->parent) {
        for (size_t i = 0; i < c->n_covered; i++) {
            if (c->covered[i] == n) {
                return true;
            }
        }
    }
    return false; /* an enveloped reference leaves the Signature and all inside out */
}

static bool read_time(const xmlNode *n, TimeMs *ret) {
    char text[TIME_TEXT_MAX];
    Civil civil;
    TimeMs end = 0;
    if (!sign_text(n, text, sizeof(text))) {
        return false;
    }
    if (time_parse_fhir(str_from(text), ret, &end) == ERR_OK) {
        return true;
    }
    Str digits = str_sub(str_from(text), 0, 12); /* yyyyMMddHHmm, seconds behind it */
    if (time_parse_claim(digits, &civil) != ERR_OK) {
        return false;
    }
    *ret = time_from_claim(&civil);
    return true;
}

/* The first SigningTime of an Object that is signed itself. */
static bool find_time(const SignTree *tree, const Claimed *c, TimeMs *ret) {
    const xmlNode *n = tree->signature;
    while (n != NULL) {
        if (n->type == XML_ELEMENT_NODE && str_eq(sign_name(n), STR("SigningTime")) &&
            is_covered(tree, c, n)) {
            return read_time(n, ret);
        }
        if (n->type == XML_ELEMENT_NODE && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != tree->signature && n->next == NULL) {
            n = n->parent;
        }
        n = n == tree->signature ? NULL : n->next;
    }
    return false;
}

/* ---- the certificate ---- */

static bool read_instant(const ASN1_TIME *t, TimeMs *ret) {
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(t, &tm) != 1) {
        return false;
    }
    *ret = time_from_civil(&(Civil){.year = tm.tm_year + 1900,
                                    .month = tm.tm_mon + 1,
                                    .day = tm.tm_mday,
                                    .hour = tm.tm_hour,
                                    .minute = tm.tm_min,
                                    .second = tm.tm_sec},
                           0);
    return true;
}

static X509 *read_certificate(const xmlNode *n, SignReply *ret) {
    CLEANUP_BUF Buf der;
    buf_init(&der, CERTIFICATE_BYTES);
    xmlChar *text = xmlNodeGetContent(n);
    ErrCode err = text == NULL ? ERR_NOMEM : base64_decode(&der, str_from((const char *)text));
    xmlFree(text);
    const unsigned char *p = (const unsigned char *)der.ptr;
    X509 *x = err == ERR_OK && der.len > 0 ? d2i_X509(NULL, &p, (long)der.len) : NULL;
    if (x == NULL || p != (const unsigned char *)der.ptr + der.len) {
        X509_free(x);
        return NULL;
    }
    unsigned char *spki = NULL;
    int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    bool whole = spki_len > 0 && read_instant(X509_get0_notBefore(x), &ret->valid_from) &&
                 read_instant(X509_get0_notAfter(x), &ret->valid_until);
    if (whole) {
        sha256(buf_str(&der), &ret->certificate);
        sha256((Str){(const char *)spki, (size_t)spki_len}, &ret->key);
    }
    OPENSSL_free(spki);
    if (!whole) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/* The key as xmlsec holds it; NULL when it is none that we take. */
static xmlSecKey *key_of(X509 *x) {
    EVP_PKEY *pkey = X509_get_pubkey(x);
    bool good = pkey != NULL && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
                EVP_PKEY_get_bits(pkey) >= SIGN_KEY_BITS_MIN;
    xmlSecKeyData *data = good ? xmlSecOpenSSLEvpKeyAdopt(pkey) : NULL;
    if (data == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    xmlSecKey *key = xmlSecKeyCreate();
    if (key == NULL || xmlSecKeySetValue(key, data) < 0) {
        xmlSecKeyDataDestroy(data);
        xmlSecKeyDestroy(key);
        return NULL;
    }
    return key;
}

/* ---- the digests and the value ---- */

/* xmlsec's own fences, behind ours. */
static bool fence(xmlSecDSigCtx *ctx) {
    const xmlSecTransformId transforms[] = {
        xmlSecTransformInclC14NId, xmlSecTransformInclC14NWithCommentsId, xmlSecTransformExclC14NId,
        xmlSecTransformExclC14NWithCommentsId};
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(transforms); i++) {
        good = good && xmlSecDSigCtxEnableReferenceTransform(ctx, transforms[i]) == 0 &&
               xmlSecDSigCtxEnableSignatureTransform(ctx, transforms[i]) == 0;
    }
    ctx->flags |= XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
    ctx->enabledReferenceUris = xmlSecTransformUriTypeEmpty | xmlSecTransformUriTypeSameDocument;
    return good && xmlSecDSigCtxEnableReferenceTransform(ctx, xmlSecTransformEnvelopedId) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, xmlSecTransformSha256Id) == 0 &&
           xmlSecDSigCtxEnableSignatureTransform(ctx, xmlSecTransformRsaSha256Id) == 0;
}

typedef enum Outcome { OUTCOME_GOOD, OUTCOME_CONTENT, OUTCOME_VALUE, OUTCOME_NONE } Outcome;

static Outcome verify_with(const SignTree *tree, xmlSecKey *key) {
    xmlSecDSigCtx *ctx = xmlSecDSigCtxCreate(NULL);
    Outcome outcome = OUTCOME_NONE;
    if (ctx != NULL && fence(ctx)) {
        ctx->signKey = key;
        key = NULL;
        if (xmlSecDSigCtxVerify(ctx, tree->signature) == 0) {
            outcome = ctx->status == xmlSecDSigStatusSucceeded ? OUTCOME_GOOD : OUTCOME_VALUE;
            xmlSecSize n = xmlSecPtrListGetSize(&ctx->signedInfoReferences);
            for (xmlSecSize i = 0; i < n; i++) {
                const xmlSecDSigReferenceCtx *r =
                    xmlSecPtrListGetItem(&ctx->signedInfoReferences, i);
                if (r == NULL || r->status != xmlSecDSigStatusSucceeded) {
                    outcome = OUTCOME_CONTENT;
                }
            }
        }
    }
    xmlSecKeyDestroy(key);
    xmlSecDSigCtxDestroy(ctx);
    return outcome;
}

/* With the key of each enclosed certificate: chains come in any order. */
static void verify_keys(const SignTree *tree, const Claimed *c, SignReply *ret) {
    bool tried = false;
    for (size_t i = 0; i < c->n_certificates; i++) {
        X509 *x = read_certificate(c->certificates[i], ret);
        xmlSecKey *key = x == NULL ? NULL : key_of(x);
        X509_free(x);
        Outcome outcome = key == NULL ? OUTCOME_VALUE : verify_with(tree, key);
        tried = tried || key != NULL;
        if (outcome == OUTCOME_GOOD) {
            ret->found = SIGN_FOUND_SOUND;
            return;
        }
        if (outcome == OUTCOME_NONE) { /* something that ours let through and xmlsec does not */
            ret->found = SIGN_FOUND_FORM;
            ret->form = SIGN_FORM_SHAPE;
            return;
        }
        if (outcome == OUTCOME_CONTENT) {
            break;
        }
    }
    ret->found = tried ? SIGN_FOUND_ALTERED : SIGN_FOUND_FORM;
    ret->form = tried ? SIGN_FORM_NONE : SIGN_FORM_CERTIFICATE;
}

void sign_verify(Str xml, SignScope scope, SignReply *ret) {
    SignTree tree;
    SignForm form = SIGN_FORM_NONE;
    Claimed claimed = {0};
    *ret = (SignReply){.magic = SIGN_REPLY_MAGIC};
    SignFound found = sign_tree(xml, &tree, &form);
    if (found == SIGN_FOUND_SOUND) {
        form = check_signature(&tree, scope, &claimed);
        found = form == SIGN_FORM_NONE ? SIGN_FOUND_SOUND : SIGN_FOUND_FORM;
    }
    ret->found = found;
    ret->form = form;
    memcpy(ret->facility, tree.facility, sizeof(ret->facility));
    if (found == SIGN_FOUND_SOUND) {
        verify_keys(&tree, &claimed, ret);
        ret->has_time = find_time(&tree, &claimed, &ret->signed_at);
    }
    xmlFreeDoc(tree.doc);
}
