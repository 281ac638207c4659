/* Readers of FHIR elements for the way back: what stands in an extension counts as long as the
 * element says the same in its own way. */
#include "interop/claim_unmap_int.h"

/* ---- resources */

const JsonNode *unmap_first(const JsonNode *array) {
    return json_is(array, JSON_ARRAY) ? json_first(array) : NULL;
}

const ClaimStored *unmap_resolve(Unmap *u, const JsonNode *reference) {
    Str text = json_str(u->arena, json_get_lit(reference, "reference"));
    size_t version = str_find(text, STR("/_history/"));
    text = version == SIZE_MAX ? text : str_sub(text, 0, version);
    int at = text.len == 0 ? -1 : map_index_get(&u->by_reference, text);
    return at < 0 ? NULL : &u->resources[at];
}

int unmap_role_number(const ClaimStored *r, Str prefix) {
    uint64_t n = 0;
    bool has = str_starts(r->role, prefix) &&
               str_to_u64(str_sub(r->role, prefix.len, r->role.len), &n) == ERR_OK;
    return has && n <= INT32_MAX ? (int)n : 0;
}

/* ---- extensions */

/* Is the url that of extension xmlN? */
static bool is_table_url(Unmap *u, const JsonNode *url, const ClaimTable *t) {
    Str base = STR(CLAIM_BASE "StructureDefinition/xml");
    Str text = json_str(u->arena, url);
    Str number = str_starts(text, base) ? str_sub(text, base.len, text.len) : STR_EMPTY;
    uint64_t n = 0;
    return number.len > 0 && number.len <= 2 && str_to_u64(number, &n) == ERR_OK &&
           (int)n == t->number;
}

static const JsonNode *table_extension(Unmap *u, const JsonNode *owner, const ClaimTable *t) {
    const JsonNode *list = json_get_lit(owner, "extension");
    for (const JsonNode *e = unmap_first(list); e != NULL; e = json_next(list, e)) {
        if (is_table_url(u, json_get_lit(e, "url"), t)) {
            return json_get_lit(e, "extension");
        }
    }
    return NULL;
}

bool unmap_has_extension(Unmap *u, const JsonNode *owner, const ClaimTable *t) {
    return table_extension(u, owner, t) != NULL;
}

static Str simple_value(Unmap *u, const JsonNode *e) {
    static const char *const names[] = {"valueString", "valueDecimal", "valueInteger", "valueCode"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const JsonNode *value = json_get(e, str_from(names[i]));
        if (json_is(value, JSON_STRING)) {
            return json_str(u->arena, value);
        }
        if (json_is(value, JSON_NUMBER)) {
            return json_raw(value);
        }
    }
    return STR_EMPTY;
}

bool unmap_extension(Unmap *u, const JsonNode *owner, const ClaimTable *t, Str *values) {
    const JsonNode *list = table_extension(u, owner, t);
    for (const JsonNode *e = unmap_first(list); e != NULL; e = json_next(list, e)) {
        int field = claim_field_find(t, json_str(u->arena, json_get_lit(e, "url")));
        if (field >= 0) {
            values[field] = simple_value(u, e);
        }
    }
    return list != NULL;
}

const JsonNode *unmap_extension_part(Unmap *u, const JsonNode *owner, const ClaimTable *t,
                                     Str name) {
    const JsonNode *list = table_extension(u, owner, t);
    for (const JsonNode *e = unmap_first(list); e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get_lit(e, "url"), name)) {
            return e;
        }
    }
    return NULL;
}

/* ---- values */

void unmap_text(Unmap *u, Str *v, const JsonNode *text) {
    Str s = json_str(u->arena, text);
    if (s.len > 0) {
        *v = s;
    }
}

void unmap_name(Unmap *u, Str *v, const JsonNode *concept) {
    const JsonNode *text = json_get_lit(concept, "text");
    if (!json_str_is(text, STR(MAP_NO_NAME))) {
        unmap_text(u, v, text);
    }
}

void unmap_number(Str *v, const JsonNode *number) {
    if (json_is(number, JSON_NUMBER)) {
        *v = json_raw(number);
    }
}

/* The text that claim_map gives such a time, or empty. */
static Str fhir_time_of(Unmap *u, Str claim_time) {
    Civil c;
    char room[64];
    Buf b = {.ptr = room, .capacity = sizeof(room), .max = sizeof(room)};
    if (claim_time.len == 0 || time_parse_claim(claim_time, &c) != ERR_OK) {
        return STR_EMPTY;
    }
    if (claim_time.len == 8) {
        time_put_civil_date(&b, &c);
    } else {
        time_put_civil_vn(&b, &c);
    }
    return arena_str(u->arena, buf_str(&b));
}

static Str claim_time_of(Unmap *u, Str fhir_time) {
    FhirTime t;
    if (time_read_fhir(fhir_time, &t) != ERR_OK) {
        return STR_EMPTY;
    }
    Civil c = time_civil(t.lo, TIME_VN_OFFSET_MIN);
    if (t.precision == TIME_DAY) {
        return arena_printf(u->arena, "%04d%02d%02d", c.year, c.month, c.day);
    }
    bool minutes = t.precision > TIME_DAY;
    return arena_printf(u->arena, "%04d%02d%02d%02d%02d", c.year,
                        t.precision >= TIME_MONTH ? c.month : 0, minutes ? c.day : 0,
                        minutes ? c.hour : 0, minutes ? c.minute : 0);
}

void unmap_time(Unmap *u, Str *v, const JsonNode *time) {
    Str s = json_str(u->arena, time);
    if (s.len > 0 && !str_eq(s, fhir_time_of(u, *v))) {
        *v = claim_time_of(u, s);
    }
}

/* ---- codes */

Str unmap_coded(Unmap *u, const JsonNode *concept, Str system) {
    const JsonNode *list = json_get_lit(concept, "coding");
    for (const JsonNode *c = unmap_first(list); c != NULL; c = json_next(list, c)) {
        if (json_str_is(json_get_lit(c, "system"), system)) {
            return json_str(u->arena, json_get_lit(c, "code"));
        }
    }
    return STR_EMPTY;
}

void unmap_code(Unmap *u, Str *v, const JsonNode *concept, Str system) {
    Str code = unmap_coded(u, concept, system);
    if (code.len > 0 && !str_eq(code, map_code(u->map, *v))) {
        *v = code;
    }
}

void unmap_codes_of(Unmap *u, UnmapList *list, const JsonNode *concept, Str system) {
    const JsonNode *codings = json_get_lit(concept, "coding");
    for (const JsonNode *c = unmap_first(codings); c != NULL; c = json_next(codings, c)) {
        if (json_str_is(json_get_lit(c, "system"), system)) {
            unmap_list_add(list, json_str(u->arena, json_get_lit(c, "code")));
        }
    }
}

/* ---- lists */

void unmap_list_add(UnmapList *list, Str item) {
    if (item.len > 0 && list->n < MAP_PARTS_MAX) {
        list->item[list->n++] = item;
    }
}

static Str joined(Unmap *u, const UnmapList *list) {
    Str parts[2 * MAP_PARTS_MAX];
    size_t n = 0;
    for (int i = 0; i < list->n; i++) {
        if (i > 0) {
            parts[n++] = STR(";");
        }
        parts[n++] = list->item[i];
    }
    return n == 1 ? parts[0] : arena_join(u->arena, parts, n);
}

void unmap_codes(Unmap *u, Str *v, const UnmapList *codes) {
    if (codes->n == 0) {
        return;
    }
    MapParts said = map_parts(*v);
    bool same = said.n == codes->n;
    for (int i = 0; i < codes->n && same; i++) {
        same = str_eq(map_code(u->map, said.part[i]), codes->item[i]);
    }
    if (!same) {
        *v = joined(u, codes);
    }
}

/* ---- actors */

/* What stands behind the type: "cchn-000001-HUE-CCHN". */
static Str id_of(Str reference) {
    size_t slash = str_find_char(reference, '/', 0);
    return slash == SIZE_MAX ? STR_EMPTY : str_sub(reference, slash + 1, reference.len);
}

/* The code behind the prefix, the first '-' read as '/'. */
static Str code_of(Unmap *u, Str id, Str prefix) {
    if (!str_starts(id, prefix)) {
        return STR_EMPTY;
    }
    Str code = arena_str(u->arena, str_sub(id, prefix.len, id.len));
    size_t dash = str_find_char(code, '-', 0);
    if (dash != SIZE_MAX) {
        ((char *)(uintptr_t)code.ptr)[dash] = '/';
    }
    return code;
}

static bool is_actor(Unmap *u, Str code, Str id, Str prefix) {
    bool exact;
    return code.len > 0 && str_eq(map_actor_id(u->arena, prefix, code, &exact), id);
}

void unmap_actors(Unmap *u, Str *v, const UnmapList *references, Str prefix) {
    MapParts said = map_parts(*v);
    bool same = said.n == references->n;
    UnmapList codes = {.n = 0};
    for (int i = 0; i < references->n; i++) {
        Str id = id_of(references->item[i]);
        same = same && is_actor(u, said.part[i], id, prefix);
        unmap_list_add(&codes, code_of(u, id, prefix));
    }
    if (!same && codes.n > 0) {
        *v = joined(u, &codes);
    }
}

void unmap_actor(Unmap *u, Str *v, const JsonNode *reference, Str prefix) {
    Str id = id_of(json_str(u->arena, json_get_lit(reference, "reference")));
    MapParts said = map_parts(*v);
    Str code = code_of(u, id, prefix);
    bool same = is_actor(u, str_trim(*v), id, prefix) ||
                (said.n > 0 && is_actor(u, said.part[0], id, prefix));
    if (code.len > 0 && !same) {
        *v = code;
    }
}

void unmap_references(Unmap *u, UnmapList *list, const JsonNode *array, const char *member) {
    for (const JsonNode *e = unmap_first(array); e != NULL; e = json_next(array, e)) {
        const JsonNode *reference = member == NULL ? e : json_get(e, str_from(member));
        unmap_list_add(list, json_str(u->arena, json_get_lit(reference, "reference")));
    }
}
