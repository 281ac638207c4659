/* The JSON tape as XML: the members of an object sorted into the order of the definition, `name`
 * and
 * `_name` walked side by side. */
#include "fhir/fhir_xml.h"

#include "core/limits.h"

/* Where the walk stands, on the C stack; made into text only for an error. */
typedef struct Place {
    const struct Place *up;
    Str name;
    int64_t index; /* -1: none */
} Place;

typedef struct Writer {
    Buf *out;
    const FhirXmlOptions *o;
    ErrInfo *info;
    unsigned depth; /* open elements, for the indentation */
} Writer;

/* A member of the definition with what the object has of it. */
typedef struct Item {
    const FhirElement *e;
    const JsonNode *value, *extras; /* either may be NULL */
} Item;

static ErrCode put_content(Writer *w, const JsonNode *o, FhirShape shape, const Place *at);
static ErrCode put_resource(Writer *w, const JsonNode *o, const Place *at);

static void put_place(Buf *b, const Place *p) {
    if (p->up != NULL) {
        put_place(b, p->up);
        buf_put_char(b, '.');
    }
    buf_put_str(b, p->name);
    if (p->index >= 0) {
        buf_printf(b, "[%lld]", (long long)p->index);
    }
}

static ErrCode refuse(Writer *w, const Place *at, const char *rule, const char *en,
                      const char *vi) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 16 * LIMIT_KIB);
    put_place(&b, at);
    ErrCode err = err_set(w->info, ERR_INVALID, rule, "%s", "%s", en);
    if (w->info != NULL) {
        (void)snprintf(w->info->what_vi, sizeof(w->info->what_vi), "%s", vi);
        err_where(w->info, STR_FMT, STR_ARG(buf_str(&b)));
    }
    return err;
}

static ErrCode refuse_type(Writer *w, const Place *at) {
    return refuse(w, at, "fhir-type", "the JSON type does not fit the element",
                  "kiểu JSON không đúng với phần tử");
}

/* ---- tags */

static void put_indent(Writer *w) {
    if (w->o->pretty) {
        buf_put_char(w->out, '\n');
        for (unsigned i = 0; i < w->depth; i++) {
            buf_put_lit(w->out, "  ");
        }
    }
}

static void put_attr(Writer *w, const char *name, Str value) {
    buf_put_char(w->out, ' ');
    buf_put_str(w->out, str_from(name));
    buf_put_lit(w->out, "=\"");
    fhir_xml_put_attr(w->out, value);
    buf_put_char(w->out, '"');
}

static void open_tag(Writer *w, Str name) {
    put_indent(w);
    buf_put_char(w->out, '<');
    buf_put_str(w->out, name);
}

static void begin_content(Writer *w) {
    buf_put_char(w->out, '>');
    w->depth++;
}

static void close_tag(Writer *w, Str name) {
    w->depth--;
    put_indent(w);
    buf_put_lit(w->out, "</");
    buf_put_str(w->out, name);
    buf_put_char(w->out, '>');
}

static Str name_of(const FhirElement *e) {
    return (Str){e->name, e->name_len};
}

/* Does the element stand as an attribute? */
static bool is_attribute(const FhirElement *e) {
    return (e->flags & FHIR_E_BARE) != 0 && e->shape != FHIR_T_XHTML;
}

/* ---- one element */

/* The attributes id and url of a data type, in the open tag. */
static ErrCode put_attrs(Writer *w, const JsonNode *o, FhirShape shape, const Place *at) {
    if (fhir_shape(shape)->kind == FHIR_KIND_RESOURCE) {
        return ERR_OK;
    }
    const JsonNode *id = json_get_lit(o, "id");
    const JsonNode *url = shape == FHIR_T_EXTENSION ? json_get_lit(o, "url") : NULL;
    if ((id != NULL && !json_is(id, JSON_STRING)) || (url != NULL && !json_is(url, JSON_STRING))) {
        return refuse_type(w, at);
    }
    if (id != NULL) {
        put_attr(w, "id", json_str(w->o->arena, id));
    }
    if (url != NULL) {
        put_attr(w, "url", json_str(w->o->arena, url));
    }
    return ERR_OK;
}

/* Members beside those that stand as attributes. */
static bool has_content(const JsonNode *o, FhirShape shape) {
    for (const JsonNode *m = json_first(o); m != NULL; m = json_next(o, m)) {
        const FhirElement *e = fhir_element(shape, json_raw_str(m));
        if (e == NULL || !is_attribute(e)) {
            return true;
        }
    }
    return false;
}

static ErrCode put_object(Writer *w, const Item *item, const Place *at) {
    const JsonNode *o = item->value;
    if (!json_is(o, JSON_OBJECT)) {
        return refuse_type(w, at);
    }
    open_tag(w, name_of(item->e));
    TRY(put_attrs(w, o, item->e->shape, at));
    if (!has_content(o, item->e->shape)) {
        buf_put_lit(w->out, "/>");
        return ERR_OK;
    }
    begin_content(w);
    TRY(put_content(w, o, item->e->shape, at));
    close_tag(w, name_of(item->e));
    return ERR_OK;
}

static ErrCode put_held(Writer *w, const Item *item, const Place *at) {
    open_tag(w, name_of(item->e));
    begin_content(w);
    TRY(put_resource(w, item->value, at));
    close_tag(w, name_of(item->e));
    return ERR_OK;
}

static ErrCode put_div(Writer *w, const Item *item, const Place *at) {
    if (!json_is(item->value, JSON_STRING)) {
        return refuse_type(w, at);
    }
    put_indent(w);
    return fhir_xml_put_div(w->out, json_str(w->o->arena, item->value))
               ? ERR_OK
               : refuse(w, at, "fhir-narrative", "the narrative is no well-formed XML",
                        "phần văn bản không phải là XML đúng cú pháp");
}

/* value and extras: NULL or JSON's null when there is none. */
static ErrCode put_primitive(Writer *w, const Item *item, const Place *at) {
    const JsonNode *value = json_is(item->value, JSON_NULL) ? NULL : item->value;
    const JsonNode *extras = json_is(item->extras, JSON_NULL) ? NULL : item->extras;
    if ((value != NULL && value->type >= JSON_ARRAY) ||
        (extras != NULL && !json_is(extras, JSON_OBJECT))) {
        return refuse_type(w, at);
    }
    if (item->e->shape == FHIR_T_XHTML) {
        return put_div(w, item, at);
    }
    open_tag(w, name_of(item->e));
    if (extras != NULL) {
        TRY(put_attrs(w, extras, FHIR_T_ELEMENT, at));
    }
    if (value != NULL) {
        put_attr(w, "value",
                 json_is(value, JSON_STRING) ? json_str(w->o->arena, value) : json_raw(value));
    }
    if (extras == NULL || !has_content(extras, FHIR_T_ELEMENT)) {
        buf_put_lit(w->out, "/>");
        return ERR_OK;
    }
    begin_content(w);
    TRY(put_content(w, extras, FHIR_T_ELEMENT, at));
    close_tag(w, name_of(item->e));
    return ERR_OK;
}

static ErrCode put_one(Writer *w, const Item *item, const Place *at) {
    return item->e->kind == FHIR_KIND_PRIMITIVE ? put_primitive(w, item, at)
           : item->e->shape == FHIR_T_RESOURCE  ? put_held(w, item, at)
                                                : put_object(w, item, at);
}

static ErrCode put_array(Writer *w, const Item *item, Place *at) {
    bool values_ok = item->value == NULL || json_is(item->value, JSON_ARRAY);
    bool extras_ok = item->extras == NULL || json_is(item->extras, JSON_ARRAY);
    if (!values_ok || !extras_ok) {
        return refuse_type(w, at);
    }
    const JsonNode *v = item->value == NULL ? NULL : json_first(item->value);
    const JsonNode *x = item->extras == NULL ? NULL : json_first(item->extras);
    for (at->index = 0; v != NULL || x != NULL; at->index++) {
        Item one = {item->e, v, x};
        if (json_is(v, JSON_NULL) && (x == NULL || json_is(x, JSON_NULL))) {
            return refuse_type(w, at);
        }
        TRY(put_one(w, &one, at));
        v = v == NULL ? NULL : json_next(item->value, v);
        x = x == NULL ? NULL : json_next(item->extras, x);
    }
    return ERR_OK;
}

/* ---- objects */

/* Puts the member in among the items, which stay sorted by their place in the definition. */
static void insert(Item *items, size_t *n, const FhirElement *e, Item given) {
    size_t i = *n;
    while (i > 0 && items[i - 1].e > e) {
        i--;
    }
    if (i > 0 && items[i - 1].e == e) {
        Item *there = &items[i - 1];
        there->value = given.value == NULL ? there->value : given.value;
        there->extras = given.extras == NULL ? there->extras : given.extras;
        return;
    }
    memmove(items + i + 1, items + i, (*n - i) * sizeof(*items));
    items[i] = given;
    (*n)++;
}

static ErrCode sort_members(Writer *w, const JsonNode *o, FhirShape shape, const Place *at,
                            Item *items, size_t *ret_n) {
    bool is_resource = fhir_shape(shape)->kind == FHIR_KIND_RESOURCE;
    size_t n = 0;
    for (const JsonNode *m = json_first(o); m != NULL; m = json_next(o, m)) {
        Str name = json_raw_str(m);
        bool extras = name.len > 1 && name.ptr[0] == '_';
        const FhirElement *e = fhir_element(shape, extras ? str_sub(name, 1, name.len) : name);
        if (is_resource && str_eq(name, STR("resourceType"))) {
            continue;
        }
        if (e == NULL ||
            (extras && (e->kind != FHIR_KIND_PRIMITIVE || (e->flags & FHIR_E_BARE) != 0))) {
            Place there = {at, name, -1};
            return refuse(w, &there, "fhir-member-unknown", "FHIR R4 has no such element",
                          "FHIR R4 không có phần tử này");
        }
        if (!is_attribute(e)) {
            const JsonNode *v = json_value(m);
            insert(items, &n, e, extras ? (Item){e, NULL, v} : (Item){e, v, NULL});
        }
    }
    *ret_n = n;
    return ERR_OK;
}

static ErrCode put_content(Writer *w, const JsonNode *o, FhirShape shape, const Place *at) {
    size_t n = json_count(o);
    /* Names are unique: more members than twice the elements end at the first unknown one. */
    n = MIN(n, 2 * (size_t)fhir_shape(shape)->n_elements + 1);
    Item *items = arena_alloc(w->o->arena, (n + 1) * sizeof(*items));
    if (items == NULL) {
        return ERR_NOMEM;
    }
    TRY(sort_members(w, o, shape, at, items, &n));
    for (size_t i = 0; i < n; i++) {
        Place there = {at, (Str){items[i].e->name, items[i].e->base_len}, -1};
        TRY((items[i].e->flags & FHIR_E_ARRAY) != 0 ? put_array(w, &items[i], &there)
                                                    : put_one(w, &items[i], &there));
    }
    return ERR_OK;
}

static ErrCode put_resource(Writer *w, const JsonNode *o, const Place *at) {
    FhirType type = fhir_type_of(o);
    if (type == FHIR_T_NONE) {
        return refuse(w, at, "fhir-resource-type", "a resource of FHIR R4 must stand here",
                      "ở đây phải là một tài nguyên của FHIR R4");
    }
    Str name = str_from(fhir_type_name(type));
    open_tag(w, name);
    if (at->up == NULL) {
        put_attr(w, "xmlns", STR(FHIR_XML_NS));
    }
    if (json_count(o) == 1) {
        buf_put_lit(w->out, "/>");
        return ERR_OK;
    }
    begin_content(w);
    TRY(put_content(w, o, (FhirShape)type, at));
    close_tag(w, name);
    return ERR_OK;
}

ErrCode fhir_xml_write(const FhirResource *resource, const FhirXmlOptions *options, Buf *out,
                       ErrInfo *info) {
    Writer w = {.out = out, .o = options, .info = info};
    Place root = {NULL, str_from(fhir_type_name(resource->type)), -1};
    buf_put_lit(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    if (!options->pretty) {
        buf_put_char(out, '\n');
    }
    TRY(put_resource(&w, resource->root, &root));
    if (options->pretty) {
        buf_put_char(out, '\n');
    }
    return arena_failed(options->arena) ? ERR_NOMEM : buf_ok(out);
}
