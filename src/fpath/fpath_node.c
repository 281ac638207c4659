#include "fpath/fpath_int.h"

#include "fhir/fhir_parse.h"

/* ---- types */

bool fpath_shape_is(FhirShape shape, FhirShape type) {
    for (;;) {
        if (shape == type) {
            return true;
        }
        if (shape == 0) {
            return false;
        }
        shape = (FhirShape)fhir_shape(shape)->base;
    }
}

bool fpath_type_name(Str name, FpathTypeName *ret_type) {
    static const struct {
        const char *name;
        uint8_t kind;
    } SYSTEM[] = {
        {"Boolean", FPATH_BOOLEAN}, {"Integer", FPATH_INTEGER},   {"Decimal", FPATH_DECIMAL},
        {"String", FPATH_STRING},   {"Date", FPATH_DATE},         {"DateTime", FPATH_DATE_TIME},
        {"Time", FPATH_TIME},       {"Quantity", FPATH_QUANTITY},
    };
    FpathTypeName type = {.fhir = 0, .system = FPATH_NODE};
    bool in_fhir = str_starts(name, STR("FHIR."));
    bool in_system = str_starts(name, STR("System."));
    Str stem = in_fhir ? str_sub(name, 5, name.len) : in_system ? str_sub(name, 7, name.len) : name;
    if (!in_system) {
        type.fhir = (FhirShape)fhir_type_by_name(stem);
    }
    for (size_t i = 0; !in_fhir && i < ARRAY_LEN(SYSTEM); i++) {
        if (str_eq(stem, str_from(SYSTEM[i].name))) {
            type.system = SYSTEM[i].kind;
        }
    }
    /* System.Patient is a name; nothing has that type */
    if (type.fhir == 0 && type.system == FPATH_NODE && !in_fhir && !in_system) {
        return false;
    }
    *ret_type = type;
    return true;
}

bool fpath_item_is(const FpathItem *item, FpathTypeName type, bool subtypes) {
    if (item->kind != FPATH_NODE) {
        return type.system != FPATH_NODE && item->kind == type.system;
    }
    if (type.fhir == 0) {
        return false;
    }
    return subtypes ? fpath_shape_is(item->shape, type.fhir) : item->shape == type.fhir;
}

Str fpath_item_type(Arena *arena, const FpathItem *item) {
    static const char *const SYSTEM[] = {"",
                                         "System.Boolean",
                                         "System.Integer",
                                         "System.Decimal",
                                         "System.String",
                                         "System.Date",
                                         "System.DateTime",
                                         "System.Time",
                                         "System.Quantity",
                                         "System.TypeInfo"};
    if (item->kind != FPATH_NODE) {
        return str_from(SYSTEM[item->kind]);
    }
    const FhirShapeInfo *info = fhir_shape(item->shape);
    const char *name = info->kind == FHIR_KIND_GROUP ? fhir_type_name(info->base) : info->name;
    return arena_printf(arena, "FHIR.%s", name);
}

/* ---- items */

FpathItem fpath_node_item(FhirShape shape, const JsonNode *node, const JsonNode *root) {
    FpathItem item = {.kind = FPATH_NODE, .shape = shape};
    if (shape == FHIR_T_RESOURCE || shape == FHIR_T_DOMAIN_RESOURCE) {
        FhirType type = fhir_type_of(node);
        item.shape = type == FHIR_T_NONE ? shape : (FhirShape)type;
    }
    item.node = node;
    item.sibling = NULL;
    item.root = root;
    return item;
}
FpathItem fpath_item_resource(const JsonNode *resource) {
    return fpath_node_item(FHIR_T_RESOURCE, resource, resource);
}
FpathItem fpath_item_node(FhirShape shape, const JsonNode *node, const JsonNode *root) {
    return fpath_node_item(shape, node, root);
}

/* ---- children */

static bool is_primitive(FhirShape shape) {
    return fhir_shape(shape)->kind == FHIR_KIND_PRIMITIVE;
}

enum { LONG_TEXT = 1024 }; /* bytes: more than a step to read */

/* Element i of a value and its sibling; either may be NULL or no array. */
static ErrCode push_one(FpathRun *r, const FpathItem *of, FhirShape shape,
                        const JsonNode *pair[2]) {
    const JsonNode *value = json_is(pair[0], JSON_NULL) ? NULL : pair[0];
    const JsonNode *sibling = json_is(pair[1], JSON_OBJECT) ? pair[1] : NULL;
    if (value == NULL && sibling == NULL) {
        return ERR_OK;
    }
    FpathItem child = fpath_node_item(shape, value, of->root);
    child.sibling = is_primitive(shape) ? sibling : NULL;
    if (value == NULL && child.sibling == NULL) {
        return ERR_OK;
    }
    if (value != NULL && value->type == JSON_STRING && value->len >= LONG_TEXT) {
        TRY(fpath_charge(r, value->len / (value->escaped ? 16 : 64)));
    }
    return fpath_push(r, &child);
}

static ErrCode push_array(FpathRun *r, const FpathItem *of, FhirShape shape,
                          const JsonNode *pair[2]) {
    const JsonNode *values = json_is(pair[0], JSON_ARRAY) ? pair[0] : NULL;
    const JsonNode *siblings = json_is(pair[1], JSON_ARRAY) ? pair[1] : NULL;
    const JsonNode *value = values == NULL ? NULL : json_first(values);
    const JsonNode *sibling = siblings == NULL ? NULL : json_first(siblings);
    while (value != NULL || sibling != NULL) {
        TRY(push_one(r, of, shape, (const JsonNode *[2]){value, sibling}));
        TRY(fpath_charge(r, 1));
        value = value == NULL ? NULL : json_next(values, value);
        sibling = sibling == NULL ? NULL : json_next(siblings, sibling);
    }
    return ERR_OK;
}

/* pair: the member's value and that of `_name`; at least one is there. */
static ErrCode push_member(FpathRun *r, const FpathItem *of, FhirShape shape,
                           const JsonNode *pair[2]) {
    if (json_is(pair[0], JSON_ARRAY) || json_is(pair[1], JSON_ARRAY)) {
        return push_array(r, of, shape, pair);
    }
    return push_one(r, of, shape, pair);
}

enum { WIDE = 64 }; /* more members than any object of FHIR has */

static ErrCode charge_members(FpathRun *r, size_t n) {
    return n <= WIDE ? ERR_OK : fpath_charge(r, n / 4);
}

/* The member `name` and `_name` of the object in one pass. */
static ErrCode find_pair(FpathRun *r, const JsonNode *object, Str name,
                         const JsonNode *ret_pair[2]) {
    size_t n = 0;
    ret_pair[0] = ret_pair[1] = NULL;
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m), n++) {
        if (m->len == name.len && memcmp(m->text, name.ptr, name.len) == 0) {
            ret_pair[0] = json_value(m);
        } else if (m->len == name.len + 1 && m->text[0] == '_' &&
                   memcmp(m->text + 1, name.ptr, name.len) == 0) {
            ret_pair[1] = json_value(m);
        }
    }
    return charge_members(r, n);
}

ErrCode fpath_member(FpathRun *r, const JsonNode *object, Str name, const JsonNode **ret_value) {
    const JsonNode *pair[2] = {NULL, NULL};
    if (json_is(object, JSON_OBJECT)) {
        TRY(find_pair(r, object, name, pair));
    }
    *ret_value = pair[0];
    return ERR_OK;
}

/* The value[x] of the object, whatever its type. */
static ErrCode push_choice(FpathRun *r, const FpathItem *of, const JsonNode *object, Str base) {
    size_t n = 0;
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m), n++) {
        Str name = {m->text, m->len};
        bool is_sibling = name.len > 0 && name.ptr[0] == '_';
        if (is_sibling) {
            name = str_sub(name, 1, name.len);
        }
        if (name.len <= base.len || memcmp(name.ptr, base.ptr, base.len) != 0) {
            continue;
        }
        const FhirElement *e = fhir_element(of->shape, name);
        if (e == NULL || e->choice == 0 || e->base_len != base.len) {
            continue;
        }
        const JsonNode *pair[2];
        TRY(find_pair(r, object, name, pair));
        if (!is_sibling || pair[0] == NULL) {
            TRY(push_member(r, of, e->shape, pair));
        }
    }
    return charge_members(r, n);
}

static ErrCode push_named(FpathRun *r, const FpathItem *item, const JsonNode *object, Str name) {
    FhirShape shape = is_primitive(item->shape) ? (FhirShape)FHIR_T_ELEMENT : item->shape;
    const FhirElement *e = fhir_element(shape, name);
    if (e != NULL && e->choice == 0) {
        const JsonNode *pair[2];
        TRY(find_pair(r, object, name, pair));
        return pair[0] == NULL && pair[1] == NULL ? ERR_OK : push_member(r, item, e->shape, pair);
    }
    return e == NULL ? push_choice(r, item, object, name) : ERR_OK;
}

static ErrCode push_all(FpathRun *r, const FpathItem *item, const JsonNode *object) {
    FhirShape shape = is_primitive(item->shape) ? (FhirShape)FHIR_T_ELEMENT : item->shape;
    size_t n = 0;
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m), n++) {
        Str name = {m->text, m->len};
        bool is_sibling = name.len > 0 && name.ptr[0] == '_';
        if (is_sibling) {
            name = str_sub(name, 1, name.len);
        }
        const FhirElement *e = fhir_element(shape, name);
        if (e == NULL) {
            continue;
        }
        const JsonNode *pair[2];
        if (!is_sibling && e->kind != FHIR_KIND_PRIMITIVE) {
            pair[0] = json_value(m);
            pair[1] = NULL;
        } else {
            TRY(find_pair(r, object, name, pair));
            if (is_sibling && pair[0] != NULL) {
                continue; /* comes with its value */
            }
        }
        TRY(push_member(r, item, e->shape, pair));
    }
    return charge_members(r, n);
}

static ErrCode type_member(FpathRun *r, const FpathItem *item, const Str *name) {
    size_t dot = str_find_char(item->string, '.', 0);
    assert(dot != SIZE_MAX);
    FpathItem part = fpath_item_str(str_sub(item->string, 0, dot));
    if (name == NULL || str_eq(*name, STR("namespace"))) {
        TRY(fpath_push(r, &part));
    }
    part.string = str_sub(item->string, dot + 1, item->string.len);
    if (name == NULL || str_eq(*name, STR("name"))) {
        TRY(fpath_push(r, &part));
    }
    return ERR_OK;
}

/* value and unit of a System.Quantity */
static ErrCode quantity_member(FpathRun *r, const FpathItem *item, const Str *name) {
    FpathItem part;
    if (name == NULL || str_eq(*name, STR("value"))) {
        part = fpath_item_decimal(item->quantity.value);
        TRY(fpath_push(r, &part));
    }
    if (name == NULL || str_eq(*name, STR("unit"))) {
        part = fpath_item_str(item->quantity.unit);
        TRY(fpath_push(r, &part));
    }
    return ERR_OK;
}

ErrCode fpath_children(FpathRun *r, const FpathItem *of, const Str *name) {
    TRY(fpath_charge(r, 1));
    FpathItem item = *of; /* may stand on the stack that moves */
    if (item.kind == FPATH_TYPE) {
        return type_member(r, &item, name);
    }
    if (item.kind == FPATH_QUANTITY) {
        return quantity_member(r, &item, name);
    }
    if (item.kind != FPATH_NODE) {
        return ERR_OK;
    }
    const JsonNode *object = is_primitive(item.shape) ? item.sibling : item.node;
    if (!json_is(object, JSON_OBJECT)) {
        return ERR_OK;
    }
    return name == NULL ? push_all(r, &item, object) : push_named(r, &item, object, *name);
}

/* ---- places */

static bool holds(const JsonNode *outer, const JsonNode *inner) {
    return inner >= outer && inner < outer + outer->skip;
}
static const JsonNode *item_node(const FpathItem *item) {
    return item->node != NULL ? item->node : item->sibling;
}

/* The element of the array that holds the node. */
static const JsonNode *element_with(const JsonNode *array, const JsonNode *node, size_t *ret_i) {
    size_t i = 0;
    for (const JsonNode *e = json_first(array); e != NULL; e = json_next(array, e), i++) {
        if (holds(e, node)) {
            *ret_i = i;
            return e;
        }
    }
    return NULL;
}

/* One step down from `object` towards the node; false when it is not below. */
static bool step_down(const JsonNode *object, const JsonNode *node, FpathPlace *ret_place,
                      const JsonNode **ret_next) {
    if (!json_is(object, JSON_OBJECT)) {
        return false;
    }
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        const JsonNode *value = json_value(m);
        if (!holds(value, node)) {
            continue;
        }
        *ret_place = (FpathPlace){.object = object, .name = m, .value = value};
        *ret_next = value;
        if (value != node && value->type == JSON_ARRAY) {
            ret_place->array = value;
            *ret_next = element_with(value, node, &ret_place->index);
        }
        return *ret_next != NULL;
    }
    return false;
}

bool fpath_item_place(const FpathItem *item, FpathPlace *ret_place) {
    const JsonNode *node = item->kind == FPATH_NODE ? item_node(item) : NULL;
    if (node == NULL || item->root == NULL || !holds(item->root, node)) {
        return false;
    }
    FpathPlace place = {0};
    for (const JsonNode *at = item->root; at != node;) {
        if (!step_down(at, node, &place, &at)) {
            return false;
        }
    }
    *ret_place = place;
    return true;
}

/* The type of a member's value; *ret_name is what FHIRPath calls it. */
static FhirShape member_shape(FhirShape shape, Str name, const JsonNode *value, Str *ret_name) {
    if (name.len > 0 && name.ptr[0] == '_') {
        name = str_sub(name, 1, name.len);
    }
    const FhirElement *e = shape == 0 ? NULL : fhir_element(shape, name);
    *ret_name = e == NULL ? name : (Str){e->name, e->base_len};
    if (e == NULL) {
        return 0;
    }
    if (e->kind == FHIR_KIND_PRIMITIVE) {
        return FHIR_T_ELEMENT; /* what stands in its sibling */
    }
    return fpath_node_item(e->shape, value, value).shape;
}

void fpath_item_location(Buf *out, const FpathItem *item) {
    const JsonNode *node = item->kind == FPATH_NODE ? item_node(item) : NULL;
    if (node == NULL || item->root == NULL || !holds(item->root, node)) {
        return;
    }
    FhirShape shape = (FhirShape)fhir_type_of(item->root);
    if (shape == 0 && node == item->root) {
        shape = item->shape;
    }
    buf_put_str(out, str_from(fhir_shape(shape)->name));
    const JsonNode *at = item->root;
    while (at != node) {
        FpathPlace place;
        if (!step_down(at, node, &place, &at)) {
            return;
        }
        Str name;
        shape = member_shape(shape, (Str){place.name->text, place.name->len}, at, &name);
        buf_put_char(out, '.');
        buf_put_str(out, name);
        if (place.array != NULL) {
            buf_printf(out, "[%zu]", place.index);
        }
    }
}

ErrCode fpath_container(FpathRun *r, const FpathItem *item, const JsonNode **ret_node) {
    const JsonNode *node = item_node(item);
    const JsonNode *found = item->root;
    if (node != NULL && found != NULL && holds(found, node)) {
        TRY(fpath_charge(r, (uint64_t)(node - found) / 64));
        for (const JsonNode *at = found; at != node;) {
            FpathPlace place;
            if (!step_down(at, node, &place, &at)) {
                break;
            }
            if (str_eq((Str){place.name->text, place.name->len}, STR("resource")) &&
                json_get_lit(at, "resourceType") != NULL) {
                found = at;
            }
        }
    }
    *ret_node = found;
    return ERR_OK;
}
