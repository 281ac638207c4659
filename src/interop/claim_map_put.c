#include "interop/claim_map_int.h"

#include "core/hash.h"

struct MapSlot {
    Str key;
    uint64_t hash;
    int value;
};

enum { INDEX_FIRST = 32 };

MapParts map_parts(Str value) {
    MapParts p = {.exact = true};
    Str rest = value;
    Str part;
    while (str_cut(&rest, ';', &part)) {
        Str trimmed = str_trim(part);
        p.exact = p.exact && trimmed.len == part.len && part.len > 0;
        if (trimmed.len > 0 && p.n == MAP_PARTS_MAX) {
            p.exact = false;
            break;
        }
        if (trimmed.len > 0) {
            p.part[p.n++] = trimmed;
        }
    }
    return p;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool map_is_json_number(Str s) {
    size_t i = s.len > 0 && s.ptr[0] == '-';
    size_t first = i;
    while (i < s.len && is_digit(s.ptr[i])) {
        i++;
    }
    if (i == first || s.len > 32 || (s.ptr[first] == '0' && i - first > 1)) {
        return false;
    }
    if (i == s.len) {
        return true;
    }
    size_t point = i++;
    while (i < s.len && is_digit(s.ptr[i])) {
        i++;
    }
    return s.ptr[point] == '.' && i == s.len && i - point > 1;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

Str map_code(Map *m, Str value) {
    Str s = str_trim(value);
    bool clean = true;
    for (size_t i = 0; i < s.len && clean; i++) {
        clean = !is_space(s.ptr[i]) || (s.ptr[i] == ' ' && !is_space(s.ptr[i + 1]));
    }
    if (clean) {
        return s;
    }
    char *p = arena_alloc(m->arena, s.len);
    size_t n = 0;
    for (size_t i = 0; p != NULL && i < s.len; i++) {
        if (!is_space(s.ptr[i])) {
            p[n++] = s.ptr[i];
        } else if (p[n - 1] != ' ') {
            p[n++] = ' ';
        }
    }
    return (Str){p, n};
}

/* ---- index */

static size_t slot_of(const MapIndex *index, Str key, uint64_t hash) {
    size_t at = (size_t)hash & (index->capacity - 1);
    while (index->slots[at].key.ptr != NULL &&
           (index->slots[at].hash != hash || !str_eq(index->slots[at].key, key))) {
        at = (at + 1) & (index->capacity - 1);
    }
    return at;
}

int map_index_get(const MapIndex *index, Str key) {
    if (index->capacity == 0) {
        return -1;
    }
    const struct MapSlot *slot = &index->slots[slot_of(index, key, hash64(key))];
    return slot->key.ptr == NULL ? -1 : slot->value;
}

static bool grow(Map *m, MapIndex *index) {
    if (2 * (index->n + 1) <= index->capacity) {
        return true;
    }
    MapIndex bigger = {.capacity = MAX((size_t)INDEX_FIRST, 2 * index->capacity), .n = index->n};
    bigger.slots = arena_new_array(m->arena, struct MapSlot, bigger.capacity);
    if (bigger.slots == NULL) {
        m->err = ERR_NOMEM;
        return false;
    }
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->slots[i].key.ptr != NULL) {
            bigger.slots[slot_of(&bigger, index->slots[i].key, index->slots[i].hash)] =
                index->slots[i];
        }
    }
    *index = bigger;
    return true;
}

void map_index_put(Map *m, MapIndex *index, Str key, int value) {
    assert(key.ptr != NULL);
    if (grow(m, index)) {
        uint64_t hash = hash64(key);
        struct MapSlot *slot = &index->slots[slot_of(index, key, hash)];
        index->n += slot->key.ptr == NULL;
        *slot = (struct MapSlot){key, hash, value};
    }
}

/* ---- resources */

int map_open(Map *m, FhirType type, Str role) {
    if (m->n_resources == m->cap_resources) {
        size_t cap = MAX((size_t)32, 2 * m->cap_resources);
        ClaimResource *grown = arena_new_array(m->arena, ClaimResource, cap);
        if (grown == NULL) {
            m->err = ERR_NOMEM;
            m->n_resources = 0; /* writes go on into the first; the error ends it all */
        } else {
            if (m->n_resources > 0) {
                memcpy(grown, m->resources, m->n_resources * sizeof(*grown));
            }
            m->resources = grown;
            m->cap_resources = cap;
        }
    }
    if (m->resources != NULL) {
        m->resources[m->n_resources] =
            (ClaimResource){.type = type, .role = role, .json = {NULL, m->json.len}};
    }
    m->w = json_writer(&m->json);
    json_open_object(&m->w);
    json_member(&m->w, "resourceType", str_from(fhir_type_name(type)));
    return (int)m->n_resources++;
}

void map_close(Map *m) {
    json_close_object(&m->w);
    if (m->resources != NULL && m->n_resources > 0) {
        ClaimResource *r = &m->resources[m->n_resources - 1];
        r->json.len = m->json.len - r->json.len; /* it held the start */
    }
}

void map_put_coding(Map *m, Str system, Str code, Str display) {
    json_open_object(&m->w);
    json_member(&m->w, "system", system);
    json_member(&m->w, "code", code);
    json_member(&m->w, "display", display);
    json_close_object(&m->w);
}

void map_concept_element(Map *m, Str system, MapRow *r, int field, Str text) {
    Str raw = map_peek(r, field);
    Str code = map_code(m, raw);
    json_open_object(&m->w);
    if (code.len > 0) {
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        map_put_coding(m, system, code, STR_EMPTY);
        json_close_array(&m->w);
        if (str_eq(code, raw)) {
            map_keep(r, field);
        }
    }
    json_member(&m->w, "text", text);
    json_close_object(&m->w);
}

void map_concept(Map *m, Str name, Str system, MapRow *r, int field) {
    if (str_trim(map_peek(r, field)).len > 0) {
        json_put_name(&m->w, name);
        map_concept_element(m, system, r, field, STR_EMPTY);
    }
}

Str map_time_text(char space[MAP_TIME_MAX], Str value) {
    Civil c;
    if (value.len == 0 || time_parse_claim(value, &c) != ERR_OK) {
        return STR_EMPTY;
    }
    Buf b = {.ptr = space, .capacity = MAP_TIME_MAX, .max = MAP_TIME_MAX};
    if (value.len == 8) {
        time_put_civil_date(&b, &c);
    } else {
        time_put_civil_vn(&b, &c);
    }
    return buf_str(&b);
}

bool map_put_time(Map *m, Str name, Str value) {
    char space[MAP_TIME_MAX];
    Str text = map_time_text(space, value);
    if (text.len > 0) {
        json_member_str(&m->w, name, text);
    }
    return text.len > 0;
}

void map_time(Map *m, Str name, MapRow *r, int field) {
    Str value = map_peek(r, field);
    Civil c;
    if (value.len > 0 && map_put_time(m, name, value)) {
        bool whole = time_parse_claim(value, &c) == ERR_OK && c.day > 0;
        if (whole) {
            map_keep(r, field);
        }
    }
}

void map_quantity(Map *m, Str name, MapRow *r, int value, int unit) {
    if (!map_is_json_number(map_peek(r, value))) {
        return;
    }
    json_put_name(&m->w, name);
    json_open_object(&m->w);
    json_name(&m->w, "value");
    json_put_raw(&m->w, map_take(r, value));
    if (unit >= 0) {
        json_member(&m->w, "unit", map_take(r, unit));
    }
    json_close_object(&m->w);
}

void map_money(Map *m, Str name, MapRow *r, int field) {
    if (!map_is_json_number(map_peek(r, field))) {
        return;
    }
    json_put_name(&m->w, name);
    json_open_object(&m->w);
    json_name(&m->w, "value");
    json_put_raw(&m->w, map_take(r, field));
    json_member(&m->w, "currency", STR("VND"));
    json_close_object(&m->w);
}

void map_text(Map *m, Str name, MapRow *r, int field) {
    json_member_str(&m->w, name, map_take(r, field));
}

/* ---- references */

void map_local_element(Map *m, FhirType type, int index) {
    char text[64];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    buf_put_str(&b, str_from(fhir_type_name(type)));
    buf_put_lit(&b, "/~");
    buf_put_u64(&b, (uint64_t)index);
    json_open_object(&m->w);
    json_member(&m->w, "reference", buf_str(&b));
    json_close_object(&m->w);
}

Str map_role(Map *m, Str before, int number, Str behind) {
    char text[64];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    buf_put_str(&b, before);
    buf_put_u64(&b, (uint64_t)number);
    buf_put_str(&b, behind);
    return arena_str(m->arena, buf_str(&b));
}

void map_local(Map *m, Str name, FhirType type, int index) {
    json_put_name(&m->w, name);
    map_local_element(m, type, index);
}

void map_patient(Map *m, Str name) {
    json_put_name(&m->w, name);
    json_open_object(&m->w);
    json_member(&m->w, "reference", STR("Patient/~"));
    json_close_object(&m->w);
}

void map_subject(Map *m) {
    map_patient(m, STR("subject"));
    map_local(m, STR("encounter"), FHIR_T_ENCOUNTER, m->encounter);
}

/* ---- extensions */

static bool is_small_integer(Str s) {
    return s.len <= 9 && map_is_json_number(s) && str_find_char(s, '.', 0) == SIZE_MAX &&
           !str_eq(s, STR("-0"));
}

void map_put_field(Map *m, const ClaimField *f, Str value) {
    json_open_object(&m->w);
    json_member(&m->w, "url", f->name);
    if (f->kind == CLAIM_DEC && map_is_json_number(value)) {
        json_name(&m->w, "valueDecimal");
        json_put_raw(&m->w, value);
    } else if (f->kind == CLAIM_N && is_small_integer(value)) {
        json_name(&m->w, "valueInteger");
        json_put_raw(&m->w, value);
    } else {
        json_member(&m->w, "valueString", value);
    }
    json_close_object(&m->w);
}

bool map_extension_has(const MapRow *r, const int *fields, size_t n_fields) {
    size_t n = fields == NULL ? (size_t)r->t->n_fields : n_fields;
    if (fields == NULL && r->says_place) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        int f = fields == NULL ? (int)i : fields[i];
        if (map_has(r, f) && !map_is_kept(r, f)) {
            return true;
        }
    }
    return false;
}

#define EXTENSION(n)                                                                               \
    [n] = {CLAIM_BASE "StructureDefinition/xml" #n,                                                \
           sizeof(CLAIM_BASE "StructureDefinition/xml" #n) - 1}

Str map_extension_url(int table) {
    static const Str urls[] = {EXTENSION(0),  EXTENSION(1),  EXTENSION(2),  EXTENSION(3),
                               EXTENSION(4),  EXTENSION(5),  EXTENSION(6),  EXTENSION(7),
                               EXTENSION(8),  EXTENSION(9),  EXTENSION(10), EXTENSION(11),
                               EXTENSION(12), EXTENSION(13), EXTENSION(14), EXTENSION(15)};
    assert(table >= 0 && table < (int)ARRAY_LEN(urls));
    return urls[table];
}

void map_extension(Map *m, MapRow *r, const int *fields, size_t n_fields, int link) {
    size_t n = fields == NULL ? (size_t)r->t->n_fields : n_fields;
    if (link < 0 && !map_extension_has(r, fields, n_fields)) {
        return;
    }
    json_open_object(&m->w);
    json_member(&m->w, "url", map_extension_url(r->t->number));
    json_name(&m->w, "extension");
    json_open_array(&m->w);
    if (link >= 0) {
        json_open_object(&m->w);
        json_member(&m->w, "url", STR("resource"));
        FhirType type = m->resources == NULL ? FHIR_T_NONE : m->resources[link].type;
        map_local(m, STR("valueReference"), type, link);
        json_close_object(&m->w);
    }
    if (fields == NULL && r->says_place) {
        json_open_object(&m->w);
        json_member(&m->w, "url", STR("record"));
        json_name(&m->w, "valueInteger");
        json_put_i64(&m->w, r->number);
        json_close_object(&m->w);
    }
    for (size_t i = 0; i < n; i++) {
        int f = fields == NULL ? (int)i : fields[i];
        if (map_has(r, f) && !map_is_kept(r, f)) {
            map_put_field(m, &r->t->fields[f], map_take(r, f));
        }
    }
    json_close_array(&m->w);
    json_close_object(&m->w);
}

void map_extensions(Map *m, MapRow *r, const int *fields, size_t n_fields) {
    if (map_extension_has(r, fields, n_fields)) {
        json_name(&m->w, "extension");
        json_open_array(&m->w);
        map_extension(m, r, fields, n_fields, -1);
        json_close_array(&m->w);
    }
}
