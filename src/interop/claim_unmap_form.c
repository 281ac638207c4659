/* The resources of a form (claim_form_int.h) → the record that they came of. */
#include "interop/claim_form_int.h"
#include "interop/claim_unmap_int.h"

#include "core/limits.h"

enum { PARTS_MAX = 64 };

/* One record on its way back. */
typedef struct Reading {
    Map *m;
    const Form *form;
    Str *values;       /* of the elements, then all */
    Str *said;         /* of the extensions */
    uint64_t found[2]; /* in an element */
    uint64_t ext[2];   /* in an extension */
    uint64_t empty[2]; /* empty, though a value is expected */
} Reading;

static void read_node(Reading *r, const JsonNode *form, const JsonNode *actual);

/* ---- extensions */

static void read_empty(Reading *r, Str names) {
    Str name;
    while (str_cut(&names, ' ', &name)) {
        int field = claim_field_find(r->form->t, name);
        if (field >= 0) {
            form_set(r->empty, field);
        }
    }
}

/* The fields in the extension xmlN among the elements of a list. */
static void read_extensions(Reading *r, const JsonNode *list) {
    Str url = map_extension_url(r->form->t->number);
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        const JsonNode *inner = json_get_lit(e, "extension");
        if (!json_str_is(json_get_lit(e, "url"), url) || !json_is(inner, JSON_ARRAY)) {
            continue;
        }
        for (const JsonNode *x = json_first(inner); x != NULL; x = json_next(inner, x)) {
            Str name = json_raw_str(json_get_lit(x, "url"));
            const JsonNode *text = json_get_lit(x, "valueString");
            int field = claim_field_find(r->form->t, name);
            if (str_eq(name, STR("empty"))) {
                read_empty(r, json_str(r->m->arena, text));
            } else if (field >= 0) {
                const JsonNode *number = json_get_lit(x, "valueInteger");
                number = number == NULL ? json_get_lit(x, "valueDecimal") : number;
                r->said[field] = number == NULL ? json_str(r->m->arena, text) : json_raw(number);
                form_set(r->ext, field);
            }
        }
    }
}

/* Wherever the form has an extension of the table. */
static void find_extensions(Reading *r, const JsonNode *n, unsigned depth) {
    bool object = json_is(n, JSON_OBJECT);
    if ((!object && !json_is(n, JSON_ARRAY)) || depth > LIMIT_JSON_DEPTH) {
        return;
    }
    for (const JsonNode *e = json_first(n); e != NULL; e = json_next(n, e)) {
        const JsonNode *value = object ? json_value(e) : e;
        if (object && json_str_is(e, STR("extension")) && json_is(value, JSON_ARRAY)) {
            read_extensions(r, value);
        } else {
            find_extensions(r, value, depth + 1);
        }
    }
}

/* ---- elements */

static Str text_of(Reading *r, const JsonNode *n) {
    if (json_is(n, JSON_STRING)) {
        return json_str(r->m->arena, n);
    }
    return json_is(n, JSON_OBJECT) || json_is(n, JSON_ARRAY) ? STR_EMPTY : json_raw(n);
}

/* What the extension says stands, unless the element was changed since. */
static void read_hole(Reading *r, const FormHole *h, const JsonNode *actual) {
    Str text = text_of(r, actual);
    if (h->shown || text.len == 0 || form_bit(r->found, h->field)) {
        return;
    }
    bool as_said =
        form_bit(r->ext, h->field) && str_eq(form_encode(r->m, h->codec, r->said[h->field]), text);
    /* what stands there for want of a better value says nothing */
    bool said_more = form_bit(r->ext, h->field) && h->otherwise.len > 0 &&
                     form_encode(r->m, h->codec, r->said[h->field]).len == 0;
    r->values[h->field] =
        as_said || said_more ? r->said[h->field] : form_decode(r->m, h->codec, text);
    form_set(r->found, h->field);
}

static bool is_constant(Str s) {
    return s.len == 0 || (s.ptr[0] != '@' && s.ptr[0] != '=' && s.ptr[0] != '+' && s.ptr[0] != '%');
}

/* Has the node nothing but constants below it? */
static bool all_constant(const JsonNode *n) {
    bool object = json_is(n, JSON_OBJECT);
    if (!object && !json_is(n, JSON_ARRAY)) {
        return n->type != JSON_STRING || is_constant(json_raw_str(n));
    }
    for (const JsonNode *e = json_first(n); e != NULL; e = json_next(n, e)) {
        if (!all_constant(object ? json_value(e) : e)) {
            return false;
        }
    }
    return true;
}

static bool fits(const JsonNode *form, const JsonNode *actual);

static bool fits_one(const JsonNode *element, const JsonNode *list) {
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (fits(element, e)) {
            return true;
        }
    }
    return false;
}

/* Constant elements are there; what has places for fields may be missing. */
static bool fits_array(const JsonNode *form, const JsonNode *actual) {
    for (const JsonNode *e = json_first(form); e != NULL; e = json_next(form, e)) {
        if (all_constant(e) && !fits_one(e, actual)) {
            return false;
        }
    }
    return true;
}

static bool fits_object(const JsonNode *form, const JsonNode *actual) {
    for (const JsonNode *e = json_first(form); e != NULL; e = json_next(form, e)) {
        const JsonNode *value = json_value(e);
        const JsonNode *there = json_get(actual, json_raw_str(e));
        if (json_str_is(e, STR("*"))) {
            continue;
        }
        if (there == NULL ? all_constant(value) : !fits(value, there)) {
            return false;
        }
    }
    return true;
}

/* Can the node have been written by the form's? Its constants are there. */
static bool fits(const JsonNode *form, const JsonNode *actual) {
    if (form->type == JSON_STRING) {
        return !is_constant(json_raw_str(form)) || json_str_is(actual, json_raw_str(form));
    }
    if (form->type != actual->type) {
        return false;
    }
    return form->type == JSON_OBJECT  ? fits_object(form, actual)
           : form->type == JSON_ARRAY ? fits_array(form, actual)
                                      : true;
}

/* The elements' values joined by ';'. */
static void read_repeated(Reading *r, const JsonNode *form, const JsonNode *actual) {
    int field = claim_field_find(r->form->t, json_raw_str(json_get_lit(form, "*")));
    CLEANUP_BUF Buf joined;
    buf_init(&joined, LIMIT_RESOURCE_BYTES);
    for (const JsonNode *e = json_first(actual); e != NULL; e = json_next(actual, e)) {
        if (fits(form, e)) {
            r->found[field >> 6] &= ~(UINT64_C(1) << (field & 63));
            read_node(r, form, e);
            if (joined.len > 0) {
                buf_put_char(&joined, ';');
            }
            buf_put_str(&joined, r->values[field]);
        }
    }
    if (joined.len > 0) {
        r->values[field] =
            form_bit(r->ext, field) ? r->said[field] : arena_str(r->m->arena, buf_str(&joined));
    }
}

/* Elements that are empty were not written: each of the form's takes the first one that fits. */
static void read_array(Reading *r, const JsonNode *form, const JsonNode *actual) {
    const JsonNode *used[PARTS_MAX];
    int n_used = 0;
    for (const JsonNode *f = json_first(form); f != NULL; f = json_next(form, f)) {
        if (json_is(f, JSON_OBJECT) && json_get_lit(f, "*") != NULL) {
            read_repeated(r, f, actual);
            continue;
        }
        for (const JsonNode *e = json_first(actual); e != NULL; e = json_next(actual, e)) {
            bool taken = false;
            for (int i = 0; i < n_used; i++) {
                taken = taken || used[i] == e;
            }
            if (!taken && fits(f, e)) {
                read_node(r, f, e);
                used[n_used] = e;
                n_used += n_used < PARTS_MAX - 1;
                break;
            }
        }
    }
}

static void read_node(Reading *r, const JsonNode *form, const JsonNode *actual) {
    FormHole h;
    if (form->type == JSON_STRING && form_hole(r->form, json_raw_str(form), &h)) {
        read_hole(r, &h, actual);
    } else if (form->type == JSON_ARRAY && json_is(actual, JSON_ARRAY)) {
        read_array(r, form, actual);
    } else if (form->type == JSON_OBJECT && json_is(actual, JSON_OBJECT)) {
        for (const JsonNode *e = json_first(form); e != NULL; e = json_next(form, e)) {
            const JsonNode *there = json_get(actual, json_raw_str(e));
            if (there != NULL) {
                read_node(r, json_value(e), there);
            }
        }
    }
}

/* ---- records */

/* "xml9/2/newborn" is of record "xml9/2", XML0's "xml0/202611200815/1/order" of
 * "xml0/202611200815/1". */
static Str base_of(Str role, int table) {
    size_t at = 0;
    for (int slashes = table == 0 ? 3 : 2; slashes > 0; slashes--) {
        size_t next = str_find_char(role, '/', at);
        if (next == SIZE_MAX) {
            return role;
        }
        at = next + 1;
    }
    return str_sub(role, 0, at - 1);
}

/* One record and its resources. */
typedef struct Filed {
    Str base;
    int number;
    const ClaimStored **of; /* in no order */
    int n;
} Filed;

typedef struct Files {
    Filed *list;
    int n;
} Files;

static int number_of(Str base) {
    size_t slash = str_find_char(base, '/', 0);
    uint64_t n = 0; /* of XML0 the time stands behind the slash: its record is the only one */
    bool is_number = slash != SIZE_MAX &&
                     str_to_u64(str_sub(base, slash + 1, base.len), &n) == ERR_OK && n < INT32_MAX;
    return is_number ? (int)n : 1;
}

/* Roles that begin "xmlN/". */
static ErrCode collect(Unmap *u, int table, Files *files) {
    Str prefix = arena_printf(u->arena, "xml%d/", table);
    MapIndex index = {0};
    files->list = arena_new_array(u->arena, Filed, u->n_resources + 1);
    if (files->list == NULL) {
        return ERR_NOMEM;
    }
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < u->n_resources; i++) {
            const ClaimStored *s = &u->resources[i];
            if (!str_starts(s->role, prefix)) {
                continue;
            }
            Str base = base_of(s->role, table);
            int at = map_index_get(&index, base);
            if (at < 0) {
                at = files->n++;
                map_index_put(u->map, &index, base, at);
                files->list[at] = (Filed){.base = base, .number = number_of(base)};
            }
            Filed *f = &files->list[at];
            if (pass == 1) {
                f->of[f->n] = s;
            }
            f->n++;
        }
        for (int k = 0; pass == 0 && k < files->n; k++) {
            files->list[k].of =
                arena_new_array(u->arena, const ClaimStored *, (size_t)files->list[k].n);
            files->list[k].n = 0;
        }
        if (arena_failed(u->arena)) {
            return ERR_NOMEM;
        }
    }
    return u->map->err;
}

static Str source_value(void *ctx, int table, int field) {
    const Unmap *u = ctx;
    const UnmapPart *p = u->parts[table];
    return p == NULL || p->n == 0 ? STR_EMPTY : p->records[0].values[field];
}

static void read_filed(Reading *r, const Filed *filed) {
    for (int pass = 0; pass < 2; pass++) {
        for (const JsonNode *spec = json_first(r->form->resources); spec != NULL;
             spec = json_next(r->form->resources, spec)) {
            Str role = json_raw_str(json_get_lit(spec, "role"));
            for (int i = 0; i < filed->n; i++) {
                Str behind = str_sub(filed->of[i]->role, filed->base.len, filed->of[i]->role.len);
                if (!str_eq(behind, role)) {
                    continue;
                }
                if (pass == 0) {
                    find_extensions(r, filed->of[i]->root, 0);
                } else {
                    read_node(r, json_get_lit(spec, "resource"), filed->of[i]->root);
                }
            }
        }
    }
}

static ErrCode read_record(Unmap *u, Map *m, const Form *form, const Filed *filed, Str *values) {
    int n = form->t->n_fields;
    Reading *r = arena_new_array(u->arena, Reading, 1);
    Str *expected = arena_new_array(u->arena, Str, (size_t)n);
    Str *said = arena_new_array(u->arena, Str, (size_t)n);
    if (r == NULL || expected == NULL || said == NULL) {
        return ERR_NOMEM;
    }
    FormSource source = {.value = source_value, .ctx = u, .ma_lk = u->ma_lk};
    form_expect(u->arena, form, &source, filed->number, expected);
    *r = (Reading){.m = m, .form = form, .values = values, .said = said};
    memset(values, 0, (size_t)n * sizeof(*values));
    read_filed(r, filed);
    for (int i = 0; i < n; i++) {
        values[i] = form_bit(r->empty, i)   ? STR_EMPTY
                    : form_bit(r->found, i) ? values[i]
                    : form_bit(r->ext, i)   ? said[i]
                                            : expected[i];
    }
    return m->err;
}

static ErrCode read_table(Unmap *u, Map *m, int table) {
    const Form *form = form_of(table);
    Files files = {0};
    UnmapPart *part = NULL;
    if (form == NULL) {
        return ERR_OK;
    }
    TRY(collect(u, table, &files));
    bool alone = str_eq(form->t->root, form->t->record); /* a document a record */
    for (int i = 0; i < files.n; i++) {
        const Filed *filed = &files.list[i];
        part = part == NULL || alone ? unmap_part(u, table) : part;
        Str *values = part == NULL ? NULL : unmap_record(u, part, filed->number);
        if (values == NULL) {
            return ERR_NOMEM;
        }
        if (alone) {
            part->place = filed->number;
        }
        TRY(read_record(u, m, form, filed, values));
    }
    if (part != NULL && !alone) {
        unmap_sort(part);
    }
    return ERR_OK;
}

ErrCode unmap_forms(Unmap *u) {
    Map *m = arena_new_array(u->arena, Map, 1);
    Claim *claim = arena_new_array(u->arena, Claim, 1);
    if (m == NULL || claim == NULL) {
        return ERR_NOMEM;
    }
    claim->facility = u->facility;
    claim->ma_lk = u->ma_lk;
    m->arena = u->arena;
    m->claim = claim;
    buf_init(&m->actor, LIMIT_MIB);
    ErrCode err = ERR_OK;
    for (int t = 0; err == ERR_OK && t < CLAIM_TABLES; t++) {
        err = read_table(u, m, t);
    }
    buf_release(&m->actor);
    if (u->bill == NULL && u->parts[0] != NULL) {
        u->parts[1] = NULL; /* a check-in: its record says it all */
    }
    return err;
}
