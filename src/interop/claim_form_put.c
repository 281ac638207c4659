/* A record of XML0 or XML6–XML15 → the resources of its form. */
#include "interop/claim_form_int.h"

#include "core/limits.h"

/* What came of a node: constants alone, nothing (a field that is empty), or a value. */
typedef enum Life {
    LIFE_CONSTANT,
    LIFE_DEAD,
    LIFE_ALIVE,
} Life;

typedef struct Written {
    Str role; /* behind xmlN/NUMBER */
    FhirType type;
    int index; /* -1: not written */
} Written;

/* One record on its way. */
typedef struct Filling {
    Map *m;
    MapRow *row;
    const Form *form;
    Str expected[FORM_FIELDS_MAX];
    uint64_t placed[2];  /* stands in an element, */
    uint64_t inexact[2]; /* from which its text does not come back */
    const Str *part;     /* of a repeated element */
    Str base;            /* of the roles: "xml9/2" */
    Written written[FORM_RESOURCES_MAX];
    int n_written;
} Filling;

static Life put_node(Filling *f, const JsonNode *n);

/* What constants and values among siblings make together. */
static Life life_and(Life a, Life b) {
    return MAX(a, b);
}

/* ---- what the group knows */

static Str local_reference(const Filling *f, FhirType type, int index) {
    return arena_printf(f->m->arena, "%s/~%d", fhir_type_name(type), index);
}

/* "if FIELD A B": A when the field is given, else B. */
static Str choose(const Filling *f, Str rest) {
    Str name;
    Str yes;
    (void)str_cut(&rest, ' ', &name);
    (void)str_cut(&rest, ' ', &yes);
    int field = claim_field_find(f->form->t, name);
    assert(field >= 0);
    return map_has(f->row, field) ? yes : rest;
}

static Str written_as(const Filling *f, Str role) {
    for (int i = 0; i < f->n_written; i++) {
        if (f->written[i].index >= 0 && str_eq(f->written[i].role, role)) {
            return local_reference(f, f->written[i].type, f->written[i].index);
        }
    }
    return STR_EMPTY;
}

static Life put_known(Filling *f, Str name) {
    Map *m = f->m;
    Life life = LIFE_CONSTANT;
    Str text = STR_EMPTY;
    if (str_eq(name, STR("patient"))) {
        text = STR("Patient/~");
    } else if (str_eq(name, STR("patient!"))) {
        life = LIFE_ALIVE;
        text = STR("Patient/~");
    } else if (str_eq(name, STR("encounter"))) {
        text = local_reference(f, FHIR_T_ENCOUNTER, m->encounter);
    } else if (str_eq(name, STR("condition"))) {
        life = LIFE_ALIVE;
        text = m->n_conditions == 0 ? text : local_reference(f, FHIR_T_CONDITION, m->condition);
    } else if (str_eq(name, STR("end"))) {
        text = m->as_of.len > 0 ? m->as_of : STR("1970");
    } else if (str_eq(name, STR("facility"))) {
        life = LIFE_ALIVE;
        text = map_organization_reference(m, m->claim->facility);
    } else if (str_starts(name, STR("text:"))) {
        text = str_sub(name, 5, name.len);
    } else if (str_starts(name, STR("if "))) {
        text = choose(f, str_sub(name, 3, name.len));
    } else {
        assert(str_starts(name, STR("role:")));
        life = LIFE_ALIVE;
        text = written_as(f, str_sub(name, 5, name.len));
    }
    if (text.len == 0) {
        return LIFE_DEAD;
    }
    json_put_str(&m->w, text);
    return life;
}

/* ---- fields */

static void place(Filling *f, const FormHole *h, bool exact) {
    if (!h->shown) {
        form_set(f->placed, h->field);
    }
    if (!h->shown && !exact) {
        form_set(f->inexact, h->field);
    }
}

static Life put_hole(Filling *f, const FormHole *h) {
    Map *m = f->m;
    Str value = f->part != NULL ? *f->part : map_peek(f->row, h->field);
    bool said = !h->always && str_eq(value, f->expected[h->field]);
    Str text = value.len == 0 || said ? STR_EMPTY : form_encode(m, h->codec, value);
    if (text.len > 0) {
        if (form_is_raw(h->codec)) {
            json_put_raw(&m->w, text);
        } else {
            json_put_str(&m->w, text);
        }
        place(f, h, str_eq(form_decode(m, h->codec, text), value));
        return LIFE_ALIVE;
    }
    if (h->otherwise.len > 0) {
        place(f, h, false);
        Life life = put_known(f, str_sub(h->otherwise, 1, h->otherwise.len));
        return life == LIFE_DEAD ? life : LIFE_ALIVE;
    }
    return LIFE_DEAD;
}

static bool is_kept(const Filling *f, int field) {
    bool expected = str_eq(map_peek(f->row, field), f->expected[field]);
    return form_bit(f->placed, field) ? !form_bit(f->inexact, field) : expected;
}

static void put_empty(Filling *f) {
    CLEANUP_BUF Buf names;
    buf_init(&names, LIMIT_MIB);
    for (int i = 0; i < f->form->t->n_fields; i++) {
        if (!map_has(f->row, i) && !is_kept(f, i)) {
            if (names.len > 0) {
                buf_put_char(&names, ' ');
            }
            buf_put_str(&names, f->form->t->fields[i].name);
        }
    }
    JsonWriter *w = &f->m->w;
    if (names.len > 0) {
        json_open_object(w);
        json_member(w, "url", STR("empty"));
        json_member(w, "valueString", buf_str(&names));
        json_close_object(w);
    }
}

static bool has_rest(const Filling *f) {
    for (int i = 0; i < f->form->t->n_fields; i++) {
        if (!is_kept(f, i)) {
            return true;
        }
    }
    return false;
}

/* "+FIELD FIELD": those that are given; "+*": all that are not kept, in the last resource. */
static Life put_extension(Filling *f, Str names) {
    bool rest = str_eq(names, STR("*"));
    JsonWriter *w = &f->m->w;
    Str name;
    bool any = false;
    if (rest && !has_rest(f)) {
        return LIFE_DEAD;
    }
    json_open_object(w);
    json_member(w, "url", map_extension_url(f->form->t->number));
    json_name(w, "extension");
    json_open_array(w);
    for (int i = 0; rest && i < f->form->t->n_fields; i++) {
        if (map_has(f->row, i) && !is_kept(f, i)) {
            map_put_field(f->m, &f->form->t->fields[i], map_peek(f->row, i));
        }
    }
    while (!rest && str_cut(&names, ' ', &name)) {
        int field = claim_field_find(f->form->t, name);
        if (map_has(f->row, field) && !is_kept(f, field)) {
            map_put_field(f->m, &f->form->t->fields[field], map_peek(f->row, field));
            form_set(f->placed, field);
            f->inexact[field >> 6] &= ~(UINT64_C(1) << (field & 63));
            any = true;
        }
    }
    if (rest) {
        put_empty(f);
        memset(f->placed, 0xff, sizeof(f->placed)); /* all is said now */
        memset(f->inexact, 0, sizeof(f->inexact));
    }
    json_close_array(w);
    json_close_object(w);
    return any || rest ? LIFE_ALIVE : LIFE_DEAD;
}

/* ---- nodes */

static Life put_string(Filling *f, const JsonNode *n) {
    Str text = json_raw_str(n);
    FormHole h;
    if (form_hole(f->form, text, &h)) {
        return put_hole(f, &h);
    }
    if (str_starts(text, STR("="))) {
        return put_known(f, str_sub(text, 1, text.len));
    }
    if (str_starts(text, STR("+"))) {
        return put_extension(f, str_sub(text, 1, text.len));
    }
    json_put_raw(&f->m->w, json_raw(n));
    return LIFE_CONSTANT;
}

/* Writes the member or element; takes it back when nothing came of it. name NULL: an element. */
static Life put_child(Filling *f, const JsonNode *name, const JsonNode *value) {
    Map *m = f->m;
    JsonWriter before = m->w;
    size_t len = m->json.len;
    if (name != NULL) {
        json_put_name(&m->w, json_raw_str(name));
    }
    Life life = put_node(f, value);
    if (life == LIFE_DEAD) {
        m->w = before;
        m->json.len = MIN(len, m->json.len);
    }
    return life;
}

/* {"*": FIELD, …}: once for each value of the field. */
static Life put_repeated(Filling *f, const JsonNode *element) {
    int field = claim_field_find(f->form->t, json_raw_str(json_get_lit(element, "*")));
    MapParts parts = map_parts(map_peek(f->row, field));
    Life life = LIFE_DEAD;
    for (int i = 0; i < parts.n; i++) {
        f->part = &parts.part[i];
        life = life_and(life, put_child(f, NULL, element));
    }
    f->part = NULL;
    if (parts.n > 0 && !parts.exact) {
        form_set(f->inexact, field);
    }
    return life;
}

static Life put_array(Filling *f, const JsonNode *n) {
    Life life = LIFE_CONSTANT;
    json_open_array(&f->m->w);
    for (const JsonNode *e = json_first(n); e != NULL; e = json_next(n, e)) {
        bool repeated = json_is(e, JSON_OBJECT) && json_get_lit(e, "*") != NULL;
        life = life_and(life, repeated ? put_repeated(f, e) : put_child(f, NULL, e));
    }
    json_close_array(&f->m->w);
    return life;
}

static Life put_object(Filling *f, const JsonNode *n) {
    Life life = LIFE_CONSTANT;
    json_open_object(&f->m->w);
    for (const JsonNode *e = json_first(n); e != NULL; e = json_next(n, e)) {
        if (!json_str_is(e, STR("*"))) {
            life = life_and(life, put_child(f, e, json_value(e)));
        }
    }
    json_close_object(&f->m->w);
    return life;
}

static Life put_node(Filling *f, const JsonNode *n) {
    switch ((JsonType)n->type) {
    case JSON_OBJECT:
        return put_object(f, n);
    case JSON_ARRAY:
        return put_array(f, n);
    case JSON_STRING:
        return put_string(f, n);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    default:
        json_put_raw(&f->m->w, json_raw(n));
        return LIFE_CONSTANT;
    }
}

/* ---- resources */

static void put_resource(Filling *f, const JsonNode *spec) {
    Map *m = f->m;
    const JsonNode *body = json_get_lit(spec, "resource");
    Str role = json_raw_str(json_get_lit(spec, "role"));
    FhirType type = fhir_type_by_name(json_raw_str(json_get_lit(body, "resourceType")));
    size_t n = m->n_resources;
    size_t len = m->json.len;
    int index =
        map_open(m, type, arena_printf(m->arena, STR_FMT STR_FMT, STR_ARG(f->base), STR_ARG(role)));
    Life life = LIFE_CONSTANT;
    for (const JsonNode *e = json_first(body); e != NULL; e = json_next(body, e)) {
        if (!json_str_is(e, STR("resourceType"))) {
            life = life_and(life, put_child(f, e, json_value(e)));
        }
    }
    map_close(m);
    bool always = json_is(json_get_lit(spec, "always"), JSON_TRUE);
    if (life != LIFE_ALIVE && !always) {
        m->n_resources = n;
        m->json.len = MIN(len, m->json.len);
        index = -1;
    } else if (m->resources != NULL && m->err == ERR_OK) {
        m->resources[index].restricted = json_is(json_get_lit(spec, "restricted"), JSON_TRUE);
    }
    assert(f->n_written < FORM_RESOURCES_MAX);
    f->written[f->n_written++] = (Written){role, type, index};
}

/* "needs": a field that is given and that no other table gives; "unless": the roles of resources
 * that say it all where they are written. */
static bool is_spared(const Filling *f, const JsonNode *spec) {
    Str field = json_raw_str(json_get_lit(spec, "needs"));
    int needs = field.len == 0 ? -1 : claim_field_find(f->form->t, field);
    if (needs >= 0 &&
        (!map_has(f->row, needs) || str_eq(map_peek(f->row, needs), f->expected[needs]))) {
        return true;
    }
    Str names = json_raw_str(json_get_lit(spec, "unless"));
    Str name;
    bool spared = false;
    while (str_cut(&names, ' ', &name)) {
        spared = spared || written_as(f, name).len > 0;
    }
    return spared;
}

static Str without_slashes(Arena *arena, Str s) {
    char *p = arena_alloc(arena, s.len + 1);
    for (size_t i = 0; p != NULL && i < s.len; i++) {
        p[i] = s.ptr[i] == '/' ? '-' : s.ptr[i];
    }
    return (Str){p, p == NULL ? 0 : s.len};
}

/* A check-in's orders are told apart by their time, all other records by their place. */
static Str role_base(const Map *m, const MapRow *r) {
    int table = r->t->number;
    if (table > 0) {
        return arena_printf(m->arena, "xml%d/%d", table, r->number);
    }
    Str time = without_slashes(m->arena, map_peek(r, XML0_NGAY_YL));
    Str place = without_slashes(m->arena, map_peek(r, XML0_STT));
    return arena_printf(m->arena, "xml0/" STR_FMT "/" STR_FMT, STR_ARG(time), STR_ARG(place));
}

static Str value_of(void *ctx, int table, int field) {
    const Map *m = ctx;
    return m->n_rows[table] > 0 ? map_peek(&m->rows[table][0], field) : STR_EMPTY;
}

void form_put(Map *m, MapRow *row) {
    const Form *form = form_of(row->t->number);
    Filling *f = form == NULL ? NULL : arena_new_array(m->arena, Filling, 1);
    if (f == NULL) {
        m->err = ERR_NOMEM;
        return;
    }
    assert(row->t->n_fields <= FORM_FIELDS_MAX);
    *f = (Filling){.m = m, .row = row, .form = form, .base = role_base(m, row)};
    FormSource source = {.value = value_of, .ctx = m, .ma_lk = m->claim->ma_lk};
    form_expect(m->arena, form, &source, row->t->number == 0 ? 1 : row->number, f->expected);
    for (const JsonNode *e = json_first(form->resources); e != NULL;
         e = json_next(form->resources, e)) {
        if (!is_spared(f, e)) {
            put_resource(f, e);
        }
    }
}

void map_put_forms(Map *m) {
    for (int t = 6; t < CLAIM_TABLES; t++) {
        for (int i = 0; i < m->n_rows[t]; i++) {
            form_put(m, &m->rows[t][i]);
        }
    }
}
