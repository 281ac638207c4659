/* The selectors of RFC 5261: steps of names, *, text(), comment(), processing-instruction(), an
 * attribute or a namespace at the end; predicates [3], [@a='v'], [name='v'], [.='v']; id('v'). */
#include "core/limits.h"
#include "patch/patch_xml_int.h"

#include "fhir/fhir_xml.h"

typedef enum TestKind { TEST_NAME, TEST_ANY, TEST_TEXT, TEST_COMMENT, TEST_PI } TestKind;

typedef enum PredicateKind { BY_INDEX, BY_ATTR, BY_KID, BY_SELF } PredicateKind;

typedef struct Predicate {
    struct Predicate *next;
    PredicateKind kind;
    uint64_t index;
    Str uri, name;
    Str value;
} Predicate;

typedef struct Select {
    Arena *arena;
    const XmlNode *scope;
    uint64_t *work;
    Str rest;        /* of the selector */
    XmlNode **found; /* nodes of the step before */
    size_t n;
} Select;

typedef struct Step {
    TestKind kind;
    Str uri, name; /* PI: the target, empty for any */
    Predicate *predicates;
} Step;

static bool take_lit(Select *s, const char *what) {
    bool there = str_starts(s->rest, str_from(what));
    if (there) {
        s->rest = str_sub(s->rest, strlen(what), s->rest.len);
    }
    return there;
}

static void skip_space(Select *s) {
    while (s->rest.len > 0 && (s->rest.ptr[0] == ' ' || s->rest.ptr[0] == '\t' ||
                               s->rest.ptr[0] == '\n' || s->rest.ptr[0] == '\r')) {
        s->rest = str_sub(s->rest, 1, s->rest.len);
    }
}

static Str take_ncname(Select *s) {
    size_t n = 0;
    while (n < s->rest.len) {
        char c = s->rest.ptr[n];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.' || (unsigned char)c >= 0x80;
        if (!ok) {
            break;
        }
        n++;
    }
    Str name = str_sub(s->rest, 0, n);
    s->rest = str_sub(s->rest, n, s->rest.len);
    return name;
}

static bool space_of(const Select *s, Str prefix, Str *ret_uri) {
    if (xml_tree_space(s->scope, prefix, ret_uri)) {
        return true;
    }
    *ret_uri = str_eq(prefix, STR("f"))   ? STR(FHIR_XML_NS)
               : str_eq(prefix, STR("h")) ? STR(FHIR_XHTML_NS)
                                          : STR_EMPTY;
    return prefix.len == 0 || ret_uri->len > 0;
}

/* A name with its namespace; of attributes no prefix means none. */
static bool take_name(Select *s, bool attribute, Str *ret_uri, Str *ret_name) {
    Str prefix = STR_EMPTY;
    *ret_name = take_ncname(s);
    if (ret_name->len > 0 && take_lit(s, ":")) {
        prefix = *ret_name;
        *ret_name = take_ncname(s);
    }
    if (ret_name->len == 0) {
        return false;
    }
    if (attribute && prefix.len == 0) {
        *ret_uri = STR_EMPTY;
        return true;
    }
    return space_of(s, prefix, ret_uri);
}

static bool take_quoted(Select *s, Str *ret) {
    skip_space(s);
    char quote = s->rest.len == 0 ? '\0' : s->rest.ptr[0];
    size_t end = quote == '\'' || quote == '"' ? str_find_char(s->rest, quote, 1) : SIZE_MAX;
    if (end == SIZE_MAX) {
        return false;
    }
    *ret = str_sub(s->rest, 1, end - 1);
    s->rest = str_sub(s->rest, end + 1, s->rest.len);
    return true;
}

static bool take_index(Select *s, uint64_t *ret) {
    size_t n = 0;
    while (n < s->rest.len && s->rest.ptr[n] >= '0' && s->rest.ptr[n] <= '9') {
        n++;
    }
    bool ok = n > 0 && str_to_u64(str_sub(s->rest, 0, n), ret) == ERR_OK && *ret > 0;
    s->rest = str_sub(s->rest, n, s->rest.len);
    return ok;
}

/* What stands between [ and ]. */
static bool take_predicate(Select *s, Predicate *p) {
    skip_space(s);
    if (s->rest.len > 0 && s->rest.ptr[0] >= '0' && s->rest.ptr[0] <= '9') {
        p->kind = BY_INDEX;
        return take_index(s, &p->index);
    }
    p->kind = take_lit(s, "@") ? BY_ATTR : BY_KID;
    if (p->kind == BY_KID && take_lit(s, ".")) {
        p->kind = BY_SELF;
    } else if (!take_name(s, p->kind == BY_ATTR, &p->uri, &p->name)) {
        return false;
    }
    skip_space(s);
    return take_lit(s, "=") && take_quoted(s, &p->value);
}

static bool take_predicates(Select *s, Step *step) {
    Predicate **end = &step->predicates;
    *end = NULL;
    while (take_lit(s, "[")) {
        Predicate *p = arena_new_array(s->arena, Predicate, 1);
        if (p == NULL || !take_predicate(s, p)) {
            return false;
        }
        skip_space(s);
        if (!take_lit(s, "]")) {
            return false;
        }
        *end = p;
        end = &p->next;
    }
    return true;
}

static bool take_step(Select *s, Step *step) {
    *step = (Step){.kind = TEST_NAME, .uri = STR_EMPTY, .name = STR_EMPTY};
    if (take_lit(s, "*")) {
        step->kind = TEST_ANY;
    } else if (take_lit(s, "text()")) {
        step->kind = TEST_TEXT;
    } else if (take_lit(s, "comment()")) {
        step->kind = TEST_COMMENT;
    } else if (take_lit(s, "processing-instruction(")) {
        step->kind = TEST_PI;
        bool named = s->rest.len > 0 && s->rest.ptr[0] != ')';
        if ((named && !take_quoted(s, &step->name)) || !take_lit(s, ")")) {
            return false;
        }
    } else if (!take_name(s, false, &step->uri, &step->name)) {
        return false;
    }
    return take_predicates(s, step);
}

/* ---- matching */

static bool fits(const Step *step, const XmlNode *n) {
    switch (step->kind) {
    case TEST_NAME:
        return n->kind == XML_NODE_ELEMENT && str_eq(n->name, step->name) &&
               str_eq(n->uri, step->uri);
    case TEST_ANY:
        return n->kind == XML_NODE_ELEMENT;
    case TEST_TEXT:
        return n->kind == XML_NODE_TEXT;
    case TEST_COMMENT:
        return n->kind == XML_NODE_COMMENT;
    case TEST_PI:
        return n->kind == XML_NODE_PI && (step->name.len == 0 || str_eq(n->name, step->name));
    }
    return false;
}

static bool has_text(Select *s, const XmlNode *n, Str value) {
    Str text = xml_tree_text(s->arena, n);
    *s->work += 1 + text.len / 16;
    return str_eq(text, value);
}

static bool has_kid(Select *s, const Predicate *p, const XmlNode *n) {
    for (const XmlNode *k = n->first; k != NULL; k = k->next) {
        (*s->work)++;
        if (k->kind == XML_NODE_ELEMENT && str_eq(k->name, p->name) && str_eq(k->uri, p->uri) &&
            has_text(s, k, p->value)) {
            return true;
        }
    }
    return false;
}

static bool holds(Select *s, const Predicate *p, const XmlNode *n) {
    if (p->kind == BY_ATTR) {
        const XmlAttr *a = xml_tree_attr(n, p->uri, p->name);
        return a != NULL && str_eq(a->value, p->value);
    }
    return p->kind == BY_KID ? has_kid(s, p, n) : has_text(s, n, p->value);
}

/* Keeps of found[from …] what the predicates let through. */
static void filter(Select *s, const Step *step, XmlNode **found, size_t from, size_t *n) {
    for (const Predicate *p = step->predicates; p != NULL; p = p->next) {
        size_t kept = from;
        for (size_t i = from; i < *n; i++) {
            (*s->work)++;
            if (p->kind == BY_INDEX ? i - from + 1 == p->index : holds(s, p, found[i])) {
                found[kept++] = found[i];
            }
        }
        *n = kept;
    }
}

static ErrCode append(Select *s, XmlNode ***found, size_t *n, XmlNode *node) {
    if ((*n & (*n - 1)) == 0) { /* room is a power of two */
        size_t room = *n == 0 ? 1 : 2 * *n;
        XmlNode **more = arena_alloc(s->arena, room * sizeof(XmlNode *));
        if (more == NULL) {
            return ERR_NOMEM;
        }
        if (*n > 0) {
            memcpy(more, *found, *n * sizeof(XmlNode *));
        }
        *found = more;
    }
    (*found)[(*n)++] = node;
    return ERR_OK;
}

/* The step on all that was found so far; root: the document's element stands as the only kid. */
static ErrCode walk_step(Select *s, const Step *step, XmlNode *root) {
    XmlNode **found = NULL;
    size_t n = 0;
    if (root != NULL) {
        if (fits(step, root)) {
            TRY(append(s, &found, &n, root));
        }
        filter(s, step, found, 0, &n);
    }
    for (size_t i = 0; root == NULL && i < s->n; i++) {
        XmlNode **own = NULL;
        size_t n_own = 0;
        for (XmlNode *k = s->found[i]->first; k != NULL; k = k->next) {
            (*s->work)++;
            if (fits(step, k)) {
                TRY(append(s, &own, &n_own, k));
            }
        }
        filter(s, step, own, 0, &n_own);
        for (size_t k = 0; k < n_own; k++) {
            TRY(append(s, &found, &n, own[k]));
        }
        if (*s->work > LIMIT_PATCH_STEPS) {
            return ERR_LIMIT;
        }
    }
    s->found = found;
    s->n = n;
    return ERR_OK;
}

static XmlNode *by_id(Select *s, XmlNode *n, Str id) {
    (*s->work)++;
    for (const XmlAttr *a = n->attrs; a != NULL; a = a->next) {
        if (str_eq(a->name, STR("id")) && str_eq(a->value, id)) {
            return n;
        }
    }
    XmlNode *found = NULL;
    for (XmlNode *k = n->first; k != NULL && found == NULL; k = k->next) {
        found = by_id(s, k, id);
    }
    return found;
}

static ErrCode start_by_id(Select *s, XmlNode *root) {
    Str id;
    if (!take_quoted(s, &id) || !take_lit(s, ")")) {
        return ERR_PARAM;
    }
    XmlNode *node = by_id(s, root, id);
    s->n = 0;
    return node == NULL ? ERR_OK : append(s, &s->found, &s->n, node);
}

/* The last step: @attr or namespace::prefix. */
static ErrCode end_in_element(Select *s, XmlSelection *ret, unsigned *ret_count) {
    Str uri;
    Str name;
    bool attribute = take_lit(s, "@");
    if (!attribute && !take_lit(s, "namespace::")) {
        return ERR_PARAM;
    }
    if (attribute ? !take_name(s, true, &uri, &name) : (name = take_ncname(s)).len == 0) {
        return ERR_PARAM;
    }
    for (size_t i = 0; i < s->n; i++) {
        XmlSelection one = {.kind = attribute ? XML_FOUND_ATTR : XML_FOUND_SPACE,
                            .node = s->found[i]};
        one.attr = attribute ? xml_tree_attr(one.node, uri, name) : NULL;
        for (XmlSpace *p = attribute ? NULL : one.node->spaces; p != NULL; p = p->next) {
            one.space = str_eq(p->prefix, name) ? p : one.space;
        }
        if (one.attr != NULL || one.space != NULL) {
            *ret = *ret_count == 0 ? one : *ret;
            *ret_count = MIN(*ret_count + 1, 2U);
        }
    }
    return s->rest.len == 0 ? ERR_OK : ERR_PARAM;
}

ErrCode xml_select(const XmlSelect *in, Str sel, XmlSelection *ret, unsigned *ret_count) {
    Select s = {.arena = in->arena, .scope = in->scope, .work = in->work, .rest = str_trim(sel)};
    bool first = true;
    *ret_count = 0;
    if (take_lit(&s, "id(")) {
        TRY(start_by_id(&s, in->root));
        first = false;
    } else if (!take_lit(&s, "/") && s.rest.len == 0) {
        return ERR_PARAM;
    }
    while (first || take_lit(&s, "/")) {
        Step step;
        if (!first && s.rest.len > 0 &&
            (s.rest.ptr[0] == '@' || str_starts(s.rest, STR("namespace::")))) {
            return end_in_element(&s, ret, ret_count);
        }
        if (!take_step(&s, &step)) {
            return ERR_PARAM;
        }
        TRY(walk_step(&s, &step, first ? in->root : NULL));
        first = false;
    }
    if (s.rest.len > 0) {
        return ERR_PARAM;
    }
    *ret_count = (unsigned)MIN(s.n, (size_t)2);
    if (s.n > 0) {
        *ret = (XmlSelection){.kind = XML_FOUND_NODE, .node = s.found[0]};
    }
    return ERR_OK;
}
