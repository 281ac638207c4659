/* XML Patch (RFC 5261): add, replace, remove. */
#include "core/limits.h"
#include "patch/patch_int.h"
#include "patch/patch_xml_int.h"

typedef struct Xml {
    Arena *arena;
    XmlNode *root;
    PatchOp op;
    XmlNode *node; /* the operation */
    uint64_t work;
} Xml;

#define FAULT(name, code, rule, en, vi) static const PatchFault name = {code, rule, en, vi}
FAULT(BAD_OP, ERR_PARAM, "patch-operation", "an operation is add, replace or remove",
      "thao tác phải là add, replace hoặc remove");
FAULT(BAD_SEL, ERR_PARAM, "patch-path", "sel is missing or no selector of RFC 5261",
      "thiếu sel hoặc sel không đúng RFC 5261");
FAULT(NOT_THERE, ERR_INVALID, "patch-path", "nothing is found by this path",
      "không tìm thấy gì theo đường dẫn này");
FAULT(SEVERAL, ERR_INVALID, "patch-path", "the path finds more than one node",
      "đường dẫn tìm thấy nhiều hơn một nút");
FAULT(BAD_ADD, ERR_PARAM, "patch-operation",
      "type must be @name or namespace::prefix, pos one of prepend, before, after",
      "type phải là @tên hoặc namespace::tiền_tố, pos là prepend, before hoặc after");
FAULT(WRONG_PLACE, ERR_INVALID, "patch-path", "nothing can be put there", "không thể đặt gì ở đó");
FAULT(THERE, ERR_INVALID, "patch-path", "it is there already; use replace",
      "đã có ở đó; hãy dùng replace");
FAULT(ROOT, ERR_INVALID, "patch-path", "the document's element must stay one element",
      "phần tử gốc của tài liệu phải luôn là một phần tử");
FAULT(ONE_NODE, ERR_INVALID, "patch-value", "give one node of the kind that is replaced",
      "hãy cho đúng một nút cùng loại với nút bị thay");
FAULT(NO_SPACE, ERR_INVALID, "patch-path", "this namespace cannot be changed so",
      "không thể thay đổi không gian tên như vậy");

static Str attr_of(const Xml *x, const char *name) {
    const XmlAttr *a = xml_tree_attr(x->node, STR_EMPTY, str_from(name));
    return a == NULL ? STR_EMPTY : a->value;
}

static ErrCode need_target(Xml *x, XmlSelection *ret) {
    unsigned n = 0;
    XmlSelect in = {x->arena, x->root, x->node, &x->work};
    ErrCode err = xml_select(&in, x->op.path, ret, &n);
    if (err != ERR_OK) {
        return err == ERR_PARAM ? patch_fail(&x->op, &BAD_SEL) : patch_fail_code(&x->op, err);
    }
    return n == 1 ? ERR_OK : patch_fail(&x->op, n == 0 ? &NOT_THERE : &SEVERAL);
}

/* ---- add */

static ErrCode add_attr(Xml *x, XmlNode *element, Str name) {
    XmlAttr attr = {.uri = STR_EMPTY, .name = name, .value = xml_tree_text(x->arena, x->node)};
    size_t colon = str_find_char(name, ':', 0);
    if (colon != SIZE_MAX) {
        attr.name = str_sub(name, colon + 1, name.len);
        if (!xml_tree_space(x->node, str_sub(name, 0, colon), &attr.uri)) {
            return patch_fail(&x->op, &BAD_ADD);
        }
    }
    if (!xml_tree_name_ok(attr.name) || str_eq(name, STR("xmlns"))) {
        return patch_fail(&x->op, &BAD_ADD);
    }
    if (xml_tree_attr(element, attr.uri, attr.name) != NULL) {
        return patch_fail(&x->op, &THERE);
    }
    return xml_tree_set_attr(x->arena, element, &attr) ? ERR_OK : ERR_NOMEM;
}

static ErrCode add_space(Xml *x, XmlNode *element, Str prefix) {
    XmlSpace *s = arena_new_array(x->arena, XmlSpace, 1);
    Str uri = str_trim(xml_tree_text(x->arena, x->node));
    if (!xml_tree_space_ok(prefix, uri)) {
        return patch_fail(&x->op, &BAD_ADD);
    }
    for (const XmlSpace *there = element->spaces; there != NULL; there = there->next) {
        if (str_eq(there->prefix, prefix)) {
            return patch_fail(&x->op, &THERE);
        }
    }
    if (s == NULL) {
        return ERR_NOMEM;
    }
    *s = (XmlSpace){element->spaces, prefix, uri};
    element->spaces = s;
    return ERR_OK;
}

/* So that no tree gets deeper than twice what is read. */
static bool is_deep(const XmlNode *node) {
    unsigned depth = 0;
    for (; node != NULL; node = node->parent) {
        depth++;
    }
    return depth > LIMIT_FHIR_XML_DEPTH;
}

/* Puts copies of the operation's content before `place`; at the end of `parent` when it is NULL. */
static ErrCode put_content(Xml *x, XmlNode *parent, XmlNode *place) {
    if (is_deep(parent)) {
        return patch_fail_code(&x->op, ERR_LIMIT);
    }
    for (const XmlNode *k = x->node->first; k != NULL; k = k->next) {
        XmlNode *copy = xml_tree_clone(x->arena, k);
        if (copy == NULL) {
            return ERR_NOMEM;
        }
        if (place == NULL) {
            xml_tree_append(parent, copy);
        } else {
            xml_tree_insert(place, copy);
        }
    }
    return ERR_OK;
}

static ErrCode add_nodes(Xml *x, XmlNode *target) {
    Str pos = attr_of(x, "pos");
    bool beside = str_eq(pos, STR("before")) || str_eq(pos, STR("after"));
    if (beside) {
        if (target == x->root) {
            return patch_fail(&x->op, &ROOT);
        }
        return put_content(x, target->parent, str_eq(pos, STR("before")) ? target : target->next);
    }
    if (pos.len > 0 && !str_eq(pos, STR("prepend"))) {
        return patch_fail(&x->op, &BAD_ADD);
    }
    if (target->kind != XML_NODE_ELEMENT) {
        return patch_fail(&x->op, &WRONG_PLACE);
    }
    return put_content(x, target, pos.len > 0 ? target->first : NULL);
}

static ErrCode run_add(Xml *x) {
    XmlSelection target;
    Str type = attr_of(x, "type");
    TRY(need_target(x, &target));
    if (target.kind != XML_FOUND_NODE) {
        return patch_fail(&x->op, &WRONG_PLACE);
    }
    if (type.len == 0) {
        return add_nodes(x, target.node);
    }
    if (target.node->kind != XML_NODE_ELEMENT) {
        return patch_fail(&x->op, &WRONG_PLACE);
    }
    if (str_starts(type, STR("@"))) {
        return add_attr(x, target.node, str_sub(type, 1, type.len));
    }
    return str_starts(type, STR("namespace::"))
               ? add_space(x, target.node, str_sub(type, 11, type.len))
               : patch_fail(&x->op, &BAD_ADD);
}

/* ---- replace */

/* The only node of the operation's content that is more than white space, or NULL. */
static const XmlNode *only_node(const XmlNode *op) {
    const XmlNode *only = NULL;
    unsigned n = 0;
    for (const XmlNode *k = op->first; k != NULL; k = k->next) {
        if (!xml_tree_is_space(k)) {
            only = k;
            n++;
        }
    }
    return n == 1 ? only : NULL;
}

static ErrCode replace_node(Xml *x, XmlNode *old) {
    if (old->kind == XML_NODE_TEXT) {
        old->text = xml_tree_text(x->arena, x->node);
        return ERR_OK;
    }
    const XmlNode *given = only_node(x->node);
    if (given == NULL || given->kind != old->kind) {
        return patch_fail(&x->op, &ONE_NODE);
    }
    XmlNode *copy = xml_tree_clone(x->arena, given);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    if (old == x->root) {
        x->root = copy;
        return ERR_OK;
    }
    xml_tree_insert(old, copy);
    xml_tree_remove(old);
    return ERR_OK;
}

static ErrCode run_replace(Xml *x) {
    XmlSelection target;
    TRY(need_target(x, &target));
    if (target.kind == XML_FOUND_NODE) {
        return replace_node(x, target.node);
    }
    Str text = xml_tree_text(x->arena, x->node);
    if (target.kind == XML_FOUND_ATTR) {
        target.attr->value = text;
    } else if (!xml_tree_space_ok(target.space->prefix, str_trim(text))) {
        return patch_fail(&x->op, &NO_SPACE);
    } else {
        target.space->uri = str_trim(text);
    }
    return ERR_OK;
}

/* ---- remove */

static void remove_space(XmlNode *node) {
    if (node != NULL && xml_tree_is_space(node)) {
        xml_tree_remove(node);
    }
}

static ErrCode remove_node(Xml *x, XmlNode *node) {
    Str ws = attr_of(x, "ws");
    bool both = str_eq(ws, STR("both"));
    if (node == x->root) {
        return patch_fail(&x->op, &ROOT);
    }
    if (both || str_eq(ws, STR("before"))) {
        remove_space(node->prev);
    }
    if (both || str_eq(ws, STR("after"))) {
        remove_space(node->next);
    }
    xml_tree_remove(node);
    return ERR_OK;
}

static ErrCode run_remove(Xml *x) {
    XmlSelection target;
    TRY(need_target(x, &target));
    if (target.kind == XML_FOUND_NODE) {
        return remove_node(x, target.node);
    }
    if (target.kind == XML_FOUND_ATTR) {
        XmlAttr **at = &target.node->attrs;
        while (*at != target.attr) {
            at = &(*at)->next;
        }
        *at = target.attr->next;
        return ERR_OK;
    }
    if (target.space->prefix.len == 0) {
        return patch_fail(&x->op, &NO_SPACE);
    }
    XmlSpace **at = &target.node->spaces;
    while (*at != target.space) {
        at = &(*at)->next;
    }
    *at = target.space->next;
    return ERR_OK;
}

/* ---- all operations */

static ErrCode run_one(Xml *x) {
    x->op.kind = x->node->name;
    x->op.path = attr_of(x, "sel");
    if (x->op.path.len == 0) {
        return patch_fail(&x->op, &BAD_SEL);
    }
    return str_eq(x->op.kind, STR("add"))       ? run_add(x)
           : str_eq(x->op.kind, STR("replace")) ? run_replace(x)
           : str_eq(x->op.kind, STR("remove"))  ? run_remove(x)
                                                : patch_fail(&x->op, &BAD_OP);
}

static size_t count_operations(const XmlNode *patch) {
    size_t n = 0;
    for (const XmlNode *k = patch->first; k != NULL; k = k->next) {
        n += k->kind == XML_NODE_ELEMENT;
    }
    return n;
}

ErrCode patch_xml(const PatchXml *in, Buf *out, ErrInfo *info) {
    Xml x = {.arena = in->arena, .op = {.info = info}};
    XmlNode *patch = NULL;
    size_t before = out->len;
    TRY(xml_tree_read(in->arena, in->document, &x.root, info));
    TRY(xml_tree_read(in->arena, in->patch, &patch, info));
    size_t n = count_operations(patch);
    if (n == 0) {
        return err_set(info, ERR_PARAM, "patch-operation", "the patch has no operations",
                       "bản vá không có thao tác nào");
    }
    TRY(patch_check_count(n, info));
    for (x.node = patch->first; x.node != NULL; x.node = x.node->next) {
        if (x.node->kind == XML_NODE_ELEMENT) {
            x.op.number++;
            TRY(run_one(&x));
        }
    }
    xml_tree_write(out, x.root);
    ErrCode err = buf_ok(out);
    if (err != ERR_OK) {
        out->len = before;
        out->err = ERR_OK;
    }
    return arena_failed(in->arena) ? ERR_NOMEM : patch_fail_code(&x.op, err);
}
