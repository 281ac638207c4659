/* patch — the official patch cases under NHIP_SHARED (default ../shared): json-patch-tests.json,
 * fhir-patch-tests.xml, xml-patch-tests.xml. A case passes when the patched document is the
 * expected one, or when it was to fail and did, with nothing written. Prints TAP and `NAME
 * passed/total`. */
#include "core/limits.h"
#include "fhir/fhir_xml.h"
#include "patch/patch.h"
#include "patch/patch_tree_int.h"
#include "patch/patch_xml_int.h"

static unsigned n_test, n_failed;

typedef struct Count {
    unsigned total, passed;
} Count;

static void finish(const char *name, const Count *c) {
    bool ok = c->total > 0 && c->passed == c->total;
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n%s %u/%u\n", ok ? "ok" : "not ok", n_test, name, name, c->passed, c->total);
}

static bool read_case_file(const char *name, Buf *out) {
    const char *shared = getenv("NHIP_SHARED");
    char path[1024];
    char block[4096];
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/data/patch-tests/%s",
                   shared == NULL ? "../shared" : shared, name);
    CLEANUP_FILE FILE *f = fopen(path, "r");
    buf_init(out, 16 * LIMIT_MIB);
    while (f != NULL && (n = fread(block, 1, sizeof(block), f)) > 0) {
        buf_put(out, block, n);
    }
    if (f == NULL) {
        printf("# %s skipped: not present\n", name);
    }
    return f != NULL && buf_ok(out) == ERR_OK;
}

static void judge(Count *c, Str name, bool ok, const ErrInfo *info) {
    c->total++;
    c->passed += ok;
    if (!ok) {
        printf("# fails: " STR_FMT ": %s\n", STR_ARG(name), info->what_en);
    }
}

/* ---- JSON Patch */

static bool same_json(Arena *arena, Str text, const JsonNode *want) {
    PatchTree t = {.arena = arena};
    const JsonNode *got = NULL;
    bool equal = false;
    if (json_parse(arena, text, &got, NULL) != ERR_OK ||
        patch_node_equal(&t, patch_node(&t, got), patch_node(&t, want), &equal) != ERR_OK) {
        return false;
    }
    return equal;
}

static void one_json(Arena *arena, const JsonNode *c, Count *count) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    const JsonNode *want = json_get_lit(c, "expected");
    PatchJson in = {
        .arena = arena, .document = json_get_lit(c, "doc"), .patch = json_get_lit(c, "patch")};
    buf_init(&out, LIMIT_MIB);
    ErrCode err = patch_json(&in, &out, &info);
    bool ok = want != NULL ? err == ERR_OK && same_json(arena, buf_str(&out), want)
                           : err != ERR_OK && out.len == 0 && info.what_vi[0] != '\0';
    judge(count, json_raw_str(json_get_lit(c, "comment")), ok, &info);
}

static void run_json(Arena *arena) {
    CLEANUP_BUF Buf text;
    const JsonNode *all = NULL;
    Count count = {0};
    if (!read_case_file("json-patch-tests.json", &text)) {
        return;
    }
    if (json_parse(arena, buf_str(&text), &all, NULL) == ERR_OK) {
        for (const JsonNode *c = json_first(all); c != NULL; c = json_next(all, c)) {
            one_json(arena, c, &count);
        }
    }
    finish("json-patch", &count);
}

/* ---- XML files of cases */

static XmlNode *child(XmlNode *n, const char *name) {
    for (XmlNode *k = n->first; k != NULL; k = k->next) {
        if (k->kind == XML_NODE_ELEMENT && (name == NULL || str_eq(k->name, str_from(name)))) {
            return k;
        }
    }
    return NULL;
}

/* The document inside of a part of the case, as text. */
static Str document_in(Arena *arena, XmlNode *part) {
    CLEANUP_BUF Buf b;
    XmlNode *root = part == NULL ? NULL : child(part, NULL);
    buf_init(&b, LIMIT_MIB);
    if (root != NULL) {
        xml_tree_write(&b, root);
    }
    return arena_str(arena, buf_str(&b));
}

typedef void (*OneFn)(Arena *arena, XmlNode *one, Count *count);

static void run_xml_file(Arena *arena, const char *file, const char *name, OneFn fn) {
    CLEANUP_BUF Buf text;
    XmlNode *root = NULL;
    Count count = {0};
    ErrInfo info = {0};
    if (!read_case_file(file, &text)) {
        return;
    }
    if (xml_tree_read(arena, buf_str(&text), &root, &info) == ERR_OK) {
        for (XmlNode *c = root->first; c != NULL; c = c->next) {
            if (c->kind == XML_NODE_ELEMENT) {
                fn(arena, c, &count);
            }
        }
    } else {
        printf("# %s: %s\n", file, info.what_en);
    }
    finish(name, &count);
}

static Str case_name(const XmlNode *c) {
    const XmlAttr *a = xml_tree_attr(c, STR_EMPTY, STR("name"));
    return a == NULL ? STR("?") : a->value;
}

/* ---- FHIRPath Patch */

static bool read_resource(Arena *arena, XmlNode *part, FhirResource *ret) {
    CLEANUP_BUF Buf json;
    ErrInfo info = {0};
    buf_init(&json, LIMIT_MIB);
    if (fhir_xml_read(document_in(arena, part), &json, &info) != ERR_OK) {
        printf("# %s\n", info.what_en);
        return false;
    }
    return fhir_parse(arena, arena_str(arena, buf_str(&json)), ret, NULL) == ERR_OK;
}

/* Both in the order of the definition. */
static bool same_resource(Arena *arena, const FhirResource *a, const FhirResource *b) {
    CLEANUP_BUF Buf x;
    CLEANUP_BUF Buf y;
    FhirXmlOptions options = {.arena = arena};
    buf_init(&x, LIMIT_MIB);
    buf_init(&y, LIMIT_MIB);
    return fhir_xml_write(a, &options, &x, NULL) == ERR_OK &&
           fhir_xml_write(b, &options, &y, NULL) == ERR_OK && str_eq(buf_str(&x), buf_str(&y));
}

static void one_fhir(Arena *arena, XmlNode *c, Count *count) {
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    FhirResource input;
    FhirResource diff;
    FhirResource want;
    FhirResource got;
    bool fails = child(c, "error") != NULL;
    buf_init(&out, LIMIT_MIB);
    bool ok = read_resource(arena, child(c, "input"), &input) &&
              read_resource(arena, child(c, "diff"), &diff) &&
              (fails || read_resource(arena, child(c, "output"), &want));
    if (ok) {
        PatchJson in = {.arena = arena, .document = input.root, .patch = diff.root};
        ErrCode err = patch_fhir(&in, &out, &info);
        ok = fails ? err != ERR_OK && out.len == 0 && info.what_vi[0] != '\0'
                   : err == ERR_OK && fhir_parse(arena, buf_str(&out), &got, NULL) == ERR_OK &&
                         same_resource(arena, &got, &want);
        if (!ok) {
            printf("# " STR_FMT "\n", STR_ARG(buf_str(&out)));
        }
    }
    judge(count, case_name(c), ok, &info);
}

/* ---- XML Patch */

static const XmlNode *solid(const XmlNode *n) {
    while (n != NULL && xml_tree_is_space(n)) {
        n = n->next;
    }
    return n;
}

static bool same_declarations(const XmlNode *a, const XmlNode *b) {
    for (const XmlSpace *s = a->spaces; s != NULL; s = s->next) {
        Str uri = STR_EMPTY;
        if (s->prefix.len > 0 && (!xml_tree_space(b, s->prefix, &uri) || !str_eq(uri, s->uri))) {
            return false;
        }
    }
    return true;
}

static bool same_attrs(const XmlNode *a, const XmlNode *b) {
    for (const XmlAttr *x = a->attrs; x != NULL; x = x->next) {
        const XmlAttr *y = xml_tree_attr(b, x->uri, x->name);
        if (y == NULL || !str_eq(x->value, y->value)) {
            return false;
        }
    }
    return true;
}

static bool same_xml(const XmlNode *a, const XmlNode *b) {
    bool ok = a->kind == b->kind && str_eq(a->name, b->name) && str_eq(a->uri, b->uri) &&
              str_eq(str_trim(a->text), str_trim(b->text)) && same_attrs(a, b) &&
              same_attrs(b, a) && same_declarations(a, b) && same_declarations(b, a);
    const XmlNode *x = solid(a->first);
    const XmlNode *y = solid(b->first);
    while (ok && x != NULL && y != NULL) {
        ok = same_xml(x, y);
        x = solid(x->next);
        y = solid(y->next);
    }
    return ok && x == NULL && y == NULL;
}

static void one_xml(Arena *arena, XmlNode *c, Count *count) {
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf patch;
    ErrInfo info = {0};
    XmlNode *got = NULL;
    XmlNode *want = NULL;
    bool fails = child(c, "error") != NULL;
    buf_init(&out, LIMIT_MIB);
    buf_init(&patch, LIMIT_MIB);
    xml_tree_write(&patch, child(c, "patch"));
    PatchXml in = {.arena = arena,
                   .document = document_in(arena, child(c, "target")),
                   .patch = arena_str(arena, buf_str(&patch))};
    ErrCode err = patch_xml(&in, &out, &info);
    bool ok = err != ERR_OK && out.len == 0 && info.what_vi[0] != '\0';
    if (!fails) {
        Str expected = document_in(arena, child(c, "patched"));
        ok = err == ERR_OK && xml_tree_read(arena, buf_str(&out), &got, NULL) == ERR_OK &&
             xml_tree_read(arena, expected, &want, NULL) == ERR_OK && same_xml(got, want);
    }
    judge(count, case_name(c), ok, &info);
}

int main(void) {
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    run_json(arena);
    run_xml_file(arena, "fhir-patch-tests.xml", "fhir-patch", one_fhir);
    run_xml_file(arena, "xml-patch-tests.xml", "xml-patch", one_xml);
    arena_free(arena);
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
