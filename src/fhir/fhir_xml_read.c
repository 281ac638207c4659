/* XML into JSON text in one pass. A frame stands for each open element. What makes it more than a
 * change of brackets: children that repeat become one array, opened by the first and closed by
 * whatever comes behind the last; repeating primitives become two arrays, `name` and `_name`, that
 * grow side by side, the second in a buffer of its own (one a level of nesting) until its run ends.
 */
#include "fhir/fhir_xml.h"

#include "core/limits.h"
#include "fhir/fhir_primitive.h"

#include <expat.h>

#define NS_SEP '|'
#define XSI_LOCATION "http://www.w3.org/2001/XMLSchema-instance|schemaLocation"
enum { DEPTH = LIMIT_FHIR_XML_DEPTH, QUOTE_MAX = 80 };

typedef enum FrameKind {
    FRAME_OBJECT,    /* a resource, data type or group */
    FRAME_PRIMITIVE, /* its children are the extensions of the value */
    FRAME_HOLDER,    /* contained, entry.resource …: its child is a resource */
} FrameKind;

typedef struct Frame {
    FrameKind kind;
    const FhirElement *e;     /* what it is in its parent; NULL: a resource in its holder */
    unsigned index;           /* in its array */
    FhirShape shape;          /* of its children */
    unsigned level;           /* of the buffer that it writes to */
    bool open;                /* its { is written */
    bool full;                /* it has a member (a holder: its resource) */
    bool has_value;           /* of a primitive */
    const FhirElement *child; /* the newest one; children so far in its run */
    unsigned n;
    unsigned n_values, n_extras; /* of a run of primitives: items in `name`, in `_name` */
} Frame;

typedef struct Reader {
    XML_Parser expat;
    Str text;
    ErrInfo info;
    ErrCode err; /* sticky */
    Frame frames[DEPTH];
    unsigned depth;
    Buf *out[DEPTH + 1]; /* [0]: the caller's */
    Buf sides[DEPTH];
    unsigned div_depth; /* open elements of a narrative; 0: none */
    size_t div_from;
    bool declares_default; /* the element to come says xmlns="…" */
    unsigned max_entries;  /* of the outermost resource, when it is a Bundle; 0: any */
} Reader;

/* ---- errors ---- */

typedef struct Refusal {
    ErrCode code;
    const char *rule;
    const char *en, *vi; /* printf formats of two texts */
} Refusal;

#define REFUSAL(name, code, rule, en, vi) static const Refusal name = {code, rule, en, vi}
REFUSAL(NO_DOCTYPE, ERR_SYNTAX, "xml-doctype",
        "a DOCTYPE is not allowed; remove it and send the document again" STR_FMT STR_FMT,
        "không cho phép DOCTYPE; hãy bỏ đi rồi gửi lại" STR_FMT STR_FMT);
REFUSAL(TOO_DEEP, ERR_LIMIT, "fhir-xml-depth",
        "elements are nested deeper than " STR_FMT " levels" STR_FMT,
        "các phần tử lồng nhau quá " STR_FMT " cấp" STR_FMT);
REFUSAL(WRONG_NS, ERR_INVALID, "fhir-xml-namespace",
        "the element '" STR_FMT "' must stand in the namespace " STR_FMT,
        "phần tử '" STR_FMT "' phải thuộc không gian tên " STR_FMT);
REFUSAL(NO_RESOURCE, ERR_INVALID, "fhir-resource-type",
        "'" STR_FMT "' is no resource type of FHIR R4" STR_FMT,
        "'" STR_FMT "' không phải là loại tài nguyên của FHIR R4" STR_FMT);
REFUSAL(TWO_RESOURCES, ERR_INVALID, "fhir-xml-single",
        "one resource only may stand here; '" STR_FMT "' is one more" STR_FMT,
        "ở đây chỉ được có một tài nguyên; '" STR_FMT "' bị thừa" STR_FMT);
REFUSAL(UNKNOWN, ERR_INVALID, "fhir-member-unknown", STR_FMT " has no element '" STR_FMT "'",
        STR_FMT " không có phần tử '" STR_FMT "'");
REFUSAL(IS_ATTRIBUTE, ERR_INVALID, "fhir-xml-attribute",
        "'" STR_FMT "' of " STR_FMT " is written as an attribute",
        "'" STR_FMT "' của " STR_FMT " phải ghi dưới dạng thuộc tính");
REFUSAL(OUT_OF_ORDER, ERR_INVALID, "fhir-xml-order",
        "the element '" STR_FMT "' must stand before '" STR_FMT "'",
        "phần tử '" STR_FMT "' phải đứng trước '" STR_FMT "'");
REFUSAL(REPEATED, ERR_INVALID, "fhir-xml-single",
        "the element '" STR_FMT "' of " STR_FMT " does not repeat",
        "phần tử '" STR_FMT "' của " STR_FMT " không được lặp lại");
REFUSAL(BAD_ATTRIBUTE, ERR_INVALID, "fhir-xml-attribute",
        "the attribute '" STR_FMT "' is not allowed in '" STR_FMT "'",
        "thuộc tính '" STR_FMT "' không được phép trong '" STR_FMT "'");
REFUSAL(EMPTY_ATTRIBUTE, ERR_INVALID, "fhir-empty",
        "the attribute '" STR_FMT "' of '" STR_FMT "' is empty; leave it out",
        "thuộc tính '" STR_FMT "' của '" STR_FMT "' bị trống; hãy bỏ đi");
REFUSAL(HAS_TEXT, ERR_INVALID, "fhir-xml-text",
        "text is not allowed inside '" STR_FMT "': write value=\"…\"" STR_FMT,
        "không được ghi chữ bên trong '" STR_FMT "': hãy ghi value=\"…\"" STR_FMT);
REFUSAL(NO_VALUE, ERR_INVALID, "fhir-empty",
        "the element '" STR_FMT "' has neither a value nor children" STR_FMT,
        "phần tử '" STR_FMT "' không có giá trị và cũng không có phần tử con" STR_FMT);
REFUSAL(BAD_FORMAT, ERR_INVALID, "fhir-format", "'" STR_FMT "' is not a valid " STR_FMT,
        "'" STR_FMT "' không phải là " STR_FMT " hợp lệ");
REFUSAL(DIV_FOREIGN, ERR_INVALID, "fhir-narrative",
        "write the narrative as <div xmlns=\"" STR_FMT "\">, without a prefix" STR_FMT,
        "hãy ghi phần văn bản dạng <div xmlns=\"" STR_FMT "\">, không có tiền tố" STR_FMT);
REFUSAL(NOT_XML, ERR_SYNTAX, "xml-syntax", "not well-formed XML: " STR_FMT STR_FMT,
        "XML không đúng cú pháp: " STR_FMT STR_FMT);
REFUSAL(TOO_LONG, ERR_LIMIT, "fhir-xml-size",
        "the resource is larger than " STR_FMT " bytes as JSON" STR_FMT,
        "tài nguyên dài hơn " STR_FMT " byte khi chuyển sang JSON" STR_FMT);

REFUSAL(TOO_MANY, ERR_LIMIT, "bundle-entries",
        "a bundle may have " STR_FMT " entries at most" STR_FMT,
        "một gói chỉ được có tối đa " STR_FMT " mục" STR_FMT);

REFUSAL(TOO_LONG_LIST, ERR_LIMIT, "fhir-xml-items",
        "an element stands more than " STR_FMT " times" STR_FMT,
        "một phần tử lặp lại hơn " STR_FMT " lần" STR_FMT);

static Str quote(Str s) {
    size_t len = MIN(s.len, (size_t)QUOTE_MAX);
    while (len < s.len && len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return str_sub(s, 0, len);
}

/* The name without its namespace. */
static Str local_name(Str name) {
    size_t sep = SIZE_MAX;
    for (size_t i = name.len; i > 0 && sep == SIZE_MAX; i--) {
        sep = name.ptr[i - 1] == NS_SEP ? i : SIZE_MAX;
    }
    return sep == SIZE_MAX ? name : str_sub(name, sep, name.len);
}

static void put_where(const Reader *r, Buf *b) {
    for (unsigned i = 0; i < r->depth; i++) {
        const Frame *f = &r->frames[i];
        if (f->e != NULL) {
            buf_put_char(b, '.');
            buf_put(b, f->e->name, f->e->base_len);
            if ((f->e->flags & FHIR_E_ARRAY) != 0) {
                buf_printf(b, "[%u]", f->index);
            }
        } else if (i == 0) {
            buf_put_str(b, str_from(fhir_shape(f->shape)->name));
        }
    }
}

static void put_line(char *text, size_t size, const char *format, const Reader *r) {
    size_t len = strlen(text);
    (void)snprintf(text + len, size - len, format, (size_t)XML_GetCurrentLineNumber(r->expat),
                   (size_t)XML_GetCurrentColumnNumber(r->expat) + 1);
}

/* Remembers the first error and stops expat. */
static void refuse(Reader *r, const Refusal *why, Str a, Str b) {
    if (r->err != ERR_OK) {
        return;
    }
    CLEANUP_BUF Buf where;
    buf_init(&where, 16 * LIMIT_KIB);
    put_where(r, &where);
    a = quote(a);
    b = quote(b);
    r->err = err_set(&r->info, why->code, why->rule, why->en, why->vi, STR_ARG(a), STR_ARG(b));
    err_where(&r->info, STR_FMT, STR_ARG(buf_str(&where)));
    put_line(r->info.what_en, sizeof(r->info.what_en), " (line %zu, column %zu)", r);
    put_line(r->info.what_vi, sizeof(r->info.what_vi), " (dòng %zu, cột %zu)", r);
    XML_Index at = XML_GetCurrentByteIndex(r->expat);
    r->info.offset = at < 0 ? 0 : (size_t)at;
    (void)XML_StopParser(r->expat, XML_FALSE);
}

static void refuse_limit(Reader *r, const Refusal *why, size_t limit) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu", limit);
    refuse(r, why, str_from(text), STR_EMPTY);
}

/* ---- writing JSON ---- */

static Str name_of(const FhirElement *e) {
    return (Str){e->name, e->name_len};
}

static void put_quoted(Buf *out, Str s) {
    JsonWriter w = json_writer(out);
    json_put_str(&w, s);
}

/* ,"name": with `mark` (nothing or _) before the name */
static void put_member(Reader *r, Frame *f, const char *mark, Str name) {
    Buf *out = r->out[f->level];
    if (f->full) {
        buf_put_char(out, ',');
    }
    f->full = true;
    buf_put_char(out, '"');
    buf_put_str(out, str_from(mark));
    buf_put_str(out, name);
    buf_put_lit(out, "\":");
}

/* The buffer of `_name` arrays inside what writes to `level`. */
static Buf *side_of(Reader *r, unsigned level) {
    assert(level < DEPTH);
    if (r->out[level + 1] == NULL) {
        buf_init(&r->sides[level], r->out[0]->max);
        r->out[level + 1] = &r->sides[level];
    }
    return r->out[level + 1];
}

/* Item number `index` of an array that has *n: nulls up to it. */
static void begin_item(Buf *out, unsigned *n, unsigned index) {
    for (; *n < index; (*n)++) {
        buf_put_str(out, *n > 0 ? STR(",null") : STR("null"));
    }
    if (*n > 0) {
        buf_put_char(out, ',');
    }
    (*n)++;
}

static void fill_up(Buf *out, unsigned *n, unsigned to) {
    while (*n < to) {
        begin_item(out, n, *n);
        buf_put_lit(out, "null");
    }
}

/* Something else follows the newest child: its arrays end. */
static void close_run(Reader *r, Frame *f) {
    const FhirElement *e = f->child;
    if (e == NULL || (e->flags & FHIR_E_ARRAY) == 0) {
        return;
    }
    Buf *out = r->out[f->level];
    if (e->kind != FHIR_KIND_PRIMITIVE) {
        buf_put_char(out, ']');
        return;
    }
    if (f->n_values > 0) {
        fill_up(out, &f->n_values, f->n);
        buf_put_char(out, ']');
    }
    if (f->n_extras > 0) {
        Buf *side = side_of(r, f->level);
        fill_up(side, &f->n_extras, f->n);
        put_member(r, f, "_", name_of(e));
        buf_put_char(out, '[');
        buf_put_str(out, buf_str(side));
        buf_put_char(out, ']');
        side->len = 0;
    }
}

static bool is_unquoted(FhirShape shape) {
    return shape == FHIR_T_BOOLEAN || shape == FHIR_T_INTEGER || shape == FHIR_T_DECIMAL ||
           shape == FHIR_T_POSITIVE_INT || shape == FHIR_T_UNSIGNED_INT;
}

static void put_value(Reader *r, Frame *parent, Frame *f, Str value) {
    Buf *out = r->out[parent->level];
    bool unquoted = is_unquoted(f->e->shape);
    if (unquoted && !fhir_primitive_ok((FhirType)f->e->shape, value)) {
        refuse(r, &BAD_FORMAT, value, str_from(fhir_type_name((FhirType)f->e->shape)));
        return;
    }
    if ((f->e->flags & FHIR_E_ARRAY) == 0) {
        put_member(r, parent, "", name_of(f->e));
    } else {
        if (parent->n_values == 0) {
            put_member(r, parent, "", name_of(f->e));
            buf_put_char(out, '[');
        }
        begin_item(out, &parent->n_values, f->index);
    }
    if (unquoted) {
        buf_put_str(out, value);
    } else {
        put_quoted(out, value);
    }
    f->has_value = true;
}

/* The { before the first member: a primitive's stands in `_name`. */
static void need_open(Reader *r, Frame *f) {
    if (f->open) {
        return;
    }
    f->open = true;
    if (f->kind == FRAME_PRIMITIVE) {
        Frame *parent = f - 1;
        if ((f->e->flags & FHIR_E_ARRAY) != 0) {
            f->level = parent->level + 1;
            begin_item(side_of(r, parent->level), &parent->n_extras, f->index);
        } else {
            put_member(r, parent, "_", name_of(f->e));
        }
    }
    buf_put_char(r->out[f->level], '{');
}

/* ---- elements ---- */

static void put_attr(Reader *r, Frame *f, const char *name, Str value) {
    need_open(r, f);
    put_member(r, f, "", str_from(name));
    put_quoted(r->out[f->level], value);
}

static void take_attr(Reader *r, Frame *f, const char *name, Str value) {
    bool of_element = f->e != NULL && f->kind != FRAME_HOLDER;
    Str tag = f->e == NULL ? str_from(fhir_shape(f->shape)->name) : name_of(f->e);
    bool is_value = f->kind == FRAME_PRIMITIVE && strcmp(name, "value") == 0;
    bool is_id = of_element && strcmp(name, "id") == 0;
    bool is_url = of_element && f->shape == FHIR_T_EXTENSION && strcmp(name, "url") == 0;
    if (!is_value && !is_id && !is_url) {
        if (f != r->frames || strcmp(name, XSI_LOCATION) != 0) {
            refuse(r, &BAD_ATTRIBUTE, local_name(str_from(name)), tag);
        }
    } else if (value.len == 0) {
        refuse(r, &EMPTY_ATTRIBUTE, str_from(name), tag);
    } else if (is_value) {
        put_value(r, f - 1, f, value);
    } else {
        put_attr(r, f, name, value);
    }
}

/* The value first: id opens `_name` behind it. */
static void take_attrs(Reader *r, Frame *f, const XML_Char **attrs) {
    for (int round = 0; round < 2; round++) {
        for (const XML_Char **a = attrs; *a != NULL && r->err == ERR_OK; a += 2) {
            if ((strcmp(a[0], "value") == 0) == (round == 0)) {
                take_attr(r, f, a[0], str_from(a[1]));
            }
        }
    }
}

static Frame *push(Reader *r) {
    if (r->depth == DEPTH) {
        refuse_limit(r, &TOO_DEEP, DEPTH);
        return NULL;
    }
    Frame *f = &r->frames[r->depth++];
    *f = (Frame){.level = r->depth > 1 ? f[-1].level : 0};
    return f;
}

static void open_resource(Reader *r, Str name, const XML_Char **attrs) {
    Frame *holder = r->depth == 0 ? NULL : &r->frames[r->depth - 1];
    FhirType type = fhir_resource_by_name(name);
    if (type == FHIR_T_NONE) {
        refuse(r, &NO_RESOURCE, name, STR_EMPTY);
        return;
    }
    if (holder != NULL && holder->full) {
        refuse(r, &TWO_RESOURCES, name, STR_EMPTY);
        return;
    }
    Frame *f = push(r);
    if (f == NULL) {
        return;
    }
    f->kind = FRAME_OBJECT;
    f->shape = (FhirShape)type;
    if (holder != NULL) {
        holder->full = true;
    }
    need_open(r, f);
    put_member(r, f, "", STR("resourceType"));
    put_quoted(r->out[f->level], name);
    take_attrs(r, f, attrs);
}

/* The element of that name where it may stand now, or NULL. */
static const FhirElement *next_child(Reader *r, Frame *f, Str name) {
    const FhirShapeInfo *info = fhir_shape(f->shape);
    const FhirElement *e = fhir_element(f->shape, name);
    if (e == NULL) {
        refuse(r, &UNKNOWN, str_from(info->name), name);
    } else if ((e->flags & FHIR_E_BARE) != 0 && e->shape != FHIR_T_XHTML) {
        refuse(r, &IS_ATTRIBUTE, name, str_from(info->name));
    } else if (f->child != NULL && e < f->child) {
        refuse(r, &OUT_OF_ORDER, name, name_of(f->child));
    } else if (e == f->child && (e->flags & FHIR_E_ARRAY) == 0) {
        refuse(r, &REPEATED, name, str_from(info->name));
    }
    return r->err == ERR_OK ? e : NULL;
}

static void begin_run(Reader *r, Frame *f, const FhirElement *e) {
    close_run(r, f);
    f->child = e;
    f->n = f->n_values = f->n_extras = 0;
    if (e->kind != FHIR_KIND_PRIMITIVE) {
        put_member(r, f, "", name_of(e));
        if ((e->flags & FHIR_E_ARRAY) != 0) {
            buf_put_char(r->out[f->level], '[');
        }
    }
}

/* Of a list, whose newest item is f: refused before it costs more. */
static bool is_too_many(Reader *r, const Frame *f) {
    bool is_entry = r->max_entries != 0 && r->depth == 2 && f[-1].shape == FHIR_T_BUNDLE &&
                    str_eq(name_of(f->e), STR("entry"));
    if (is_entry && f->index >= r->max_entries) {
        refuse_limit(r, &TOO_MANY, r->max_entries);
    } else if (f->index >= LIMIT_JSON_ITEMS) {
        refuse_limit(r, &TOO_LONG_LIST, LIMIT_JSON_ITEMS);
    }
    return r->err != ERR_OK;
}

static void open_child(Reader *r, Str name, const XML_Char **attrs) {
    Frame *parent = &r->frames[r->depth - 1];
    const FhirElement *e = next_child(r, parent, name);
    Frame *f = e == NULL ? NULL : push(r);
    if (f == NULL) {
        return;
    }
    need_open(r, parent);
    if (parent->child != e) {
        begin_run(r, parent, e);
    } else if (e->kind != FHIR_KIND_PRIMITIVE) {
        buf_put_char(r->out[parent->level], ',');
    }
    f->level = parent->level; /* need_open may have moved it */
    f->e = e;
    f->index = parent->n++;
    if (is_too_many(r, f)) {
        return;
    }
    f->kind = e->kind == FHIR_KIND_PRIMITIVE ? FRAME_PRIMITIVE
              : e->shape == FHIR_T_RESOURCE  ? FRAME_HOLDER
                                             : FRAME_OBJECT;
    f->shape = f->kind == FRAME_PRIMITIVE ? FHIR_T_ELEMENT : e->shape;
    if (f->kind == FRAME_OBJECT) {
        need_open(r, f);
    }
    take_attrs(r, f, attrs);
}

/* ---- narrative: taken as it stands, line ends too ---- */

static void open_div(Reader *r) {
    XML_Index at = XML_GetCurrentByteIndex(r->expat);
    Frame *f = &r->frames[r->depth - 1];
    const FhirElement *e = next_child(r, f, STR("div"));
    if (e == NULL) {
        return;
    }
    r->div_from = at < 0 ? 0 : (size_t)at;
    Str rest = str_sub(r->text, MIN(r->div_from, r->text.len), r->text.len);
    if (!r->declares_default || !str_starts(rest, STR("<div"))) {
        refuse(r, &DIV_FOREIGN, STR(FHIR_XHTML_NS), STR_EMPTY);
        return;
    }
    need_open(r, f);
    begin_run(r, f, e);
    f->n = 1;
    r->div_depth = 1;
}

static void close_div(Reader *r) {
    if (--r->div_depth > 0) {
        return;
    }
    XML_Index at = XML_GetCurrentByteIndex(r->expat);
    size_t end = (at < 0 ? 0 : (size_t)at) + (size_t)XML_GetCurrentByteCount(r->expat);
    assert(end >= r->div_from && end <= r->text.len);
    Frame *f = &r->frames[r->depth - 1];
    put_member(r, f, "", STR("div"));
    put_quoted(r->out[f->level], str_sub(r->text, r->div_from, end - r->div_from));
}

/* ---- expat's events ---- */

static bool is_narrative(const Reader *r) {
    return r->depth > 0 && r->frames[r->depth - 1].shape == FHIR_T_NARRATIVE;
}

static void XMLCALL on_open(void *ctx, const XML_Char *full, const XML_Char **attrs) {
    Reader *r = ctx;
    Str name = local_name(str_from(full));
    if (r->err != ERR_OK) {
        return;
    }
    if (r->div_depth > 0) {
        if (r->div_depth++ == LIMIT_NARRATIVE_DEPTH) {
            refuse_limit(r, &TOO_DEEP, LIMIT_NARRATIVE_DEPTH);
        }
        return;
    }
    bool is_fhir = str_starts(str_from(full), STR(FHIR_XML_NS "|")) &&
                   str_from(full).len == sizeof(FHIR_XML_NS) + name.len;
    bool is_div = is_narrative(r) && str_eq(name, STR("div"));
    if (is_div && strcmp(full, FHIR_XHTML_NS "|div") == 0) {
        open_div(r);
    } else if (is_div || !is_fhir) {
        refuse(r, &WRONG_NS, name, is_div ? STR(FHIR_XHTML_NS) : STR(FHIR_XML_NS));
    } else if (r->depth == 0 || r->frames[r->depth - 1].kind == FRAME_HOLDER) {
        open_resource(r, name, attrs);
    } else {
        open_child(r, name, attrs);
    }
    r->declares_default = false;
}

static void XMLCALL on_close(void *ctx, const XML_Char *name) {
    (void)name;
    Reader *r = ctx;
    if (r->err != ERR_OK) {
        return;
    }
    if (r->div_depth > 0) {
        close_div(r);
        return;
    }
    assert(r->depth > 0);
    Frame *f = &r->frames[r->depth - 1];
    close_run(r, f);
    if (!f->full && !f->has_value) {
        Str tag = f->e == NULL ? STR_EMPTY : name_of(f->e);
        refuse(r, &NO_VALUE, tag, STR_EMPTY);
        return;
    }
    if (f->open) {
        buf_put_char(r->out[f->level], '}');
    }
    r->depth--;
    for (unsigned i = 0; i <= f->level; i++) {
        if (r->out[i]->err == ERR_LIMIT) {
            refuse_limit(r, &TOO_LONG, r->out[i]->max);
        }
    }
}

static void XMLCALL on_text(void *ctx, const XML_Char *bytes, int len) {
    Reader *r = ctx;
    if (r->err != ERR_OK || r->div_depth > 0) {
        return;
    }
    if (str_trim((Str){bytes, (size_t)len}).len > 0 && r->depth > 0) {
        const Frame *f = &r->frames[r->depth - 1];
        refuse(r, &HAS_TEXT, f->e == NULL ? str_from(fhir_shape(f->shape)->name) : name_of(f->e),
               STR_EMPTY);
    }
}

static void XMLCALL on_namespace(void *ctx, const XML_Char *prefix, const XML_Char *uri) {
    (void)uri;
    Reader *r = ctx;
    r->declares_default |= prefix == NULL;
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    refuse(ctx, &NO_DOCTYPE, STR_EMPTY, STR_EMPTY);
}

static ErrCode run(Reader *r) {
    XML_SetUserData(r->expat, r);
    XML_SetElementHandler(r->expat, on_open, on_close);
    XML_SetCharacterDataHandler(r->expat, on_text);
    XML_SetStartNamespaceDeclHandler(r->expat, on_namespace);
    XML_SetStartDoctypeDeclHandler(r->expat, on_doctype);
    /* In one piece: expat then reads in place, and a long attribute costs no second look. */
    enum XML_Status status = XML_Parse(r->expat, r->text.ptr, (int)r->text.len, XML_TRUE);
    enum XML_Error e = XML_GetErrorCode(r->expat);
    if (status != XML_STATUS_OK && r->err == ERR_OK && e == XML_ERROR_NO_MEMORY) {
        r->err = ERR_NOMEM;
    } else if (status != XML_STATUS_OK && r->err == ERR_OK) {
        refuse(r, &NOT_XML, str_from(XML_ErrorString(e)), STR_EMPTY);
    }
    return r->err == ERR_OK ? buf_ok(r->out[0]) : r->err;
}

static ErrCode read_xml(Str xml, unsigned max_entries, Buf *out, ErrInfo *info) {
    if (xml.len > LIMIT_JSON_BYTES) {
        return err_set(info, ERR_LIMIT, "fhir-xml-size", "the document is larger than %zu bytes",
                       "tài liệu lớn hơn %zu byte", (size_t)LIMIT_JSON_BYTES);
    }
    CLEANUP_FREE Reader *r = calloc(1, sizeof(*r));
    XML_Parser expat = XML_ParserCreateNS("UTF-8", NS_SEP);
    ErrCode err = ERR_NOMEM;
    if (r != NULL && expat != NULL) {
        r->expat = expat;
        r->text = xml;
        r->out[0] = out;
        r->max_entries = max_entries;
        err = run(r);
        if (err != ERR_OK && info != NULL) {
            *info = r->info;
            info->code = err;
        }
        for (unsigned i = 0; i < DEPTH; i++) {
            buf_release(&r->sides[i]);
        }
    }
    if (expat != NULL) {
        XML_ParserFree(expat);
    }
    return err;
}

ErrCode fhir_xml_read(Str xml, Buf *out, ErrInfo *info) {
    return read_xml(xml, 0, out, info);
}

ErrCode fhir_xml_read_bundle(Str xml, Buf *out, ErrInfo *info) {
    return read_xml(xml, LIMIT_BUNDLE_ENTRIES, out, info);
}
