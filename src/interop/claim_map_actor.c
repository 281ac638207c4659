#include "interop/claim_map_int.h"

#include "vn/vn.h"

enum { ID_MAX = 64 };

static bool is_id_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
}

Str map_actor_id(Arena *arena, Str prefix, Str code, bool *ret_exact) {
    char text[ID_MAX];
    size_t n = prefix.len;
    bool exact = prefix.len + code.len <= ID_MAX;
    bool first = true; /* the next '-' is the first one */
    memcpy(text, prefix.ptr, prefix.len);
    for (size_t i = 0; i < code.len && n < ID_MAX; i++) {
        char c = code.ptr[i];
        text[n] = is_id_char(c) ? c : '-';
        if (text[n] == '-') {
            exact = exact && (first ? c == '/' : c == '-');
            first = false;
        }
        n++;
    }
    *ret_exact = exact;
    return arena_str(arena, (Str){text, n});
}

Str map_department_prefix(Arena *arena, Str facility) {
    bool exact;
    Str id = map_actor_id(arena, STR("khoa-"), facility, &exact);
    return arena_printf(arena, "%.*s-", (int)MIN(id.len, 40), id.ptr);
}

static void put_identifier(JsonWriter *w, Str system, Str value) {
    json_name(w, "identifier");
    json_open_array(w);
    json_open_object(w);
    json_member_str(w, STR("system"), system);
    json_member_str(w, STR("value"), value);
    json_close_object(w);
    json_close_array(w);
}

/* A new entry with that id and type, or NULL when it is there already (or without memory). The key
 * is the id alone: prefixes differ by type. */
static ClaimActor *new_actor(Map *m, FhirType type, Str id) {
    if (map_index_get(&m->actor_index, id) >= 0) {
        return NULL;
    }
    if (m->n_actors == m->cap_actors) {
        size_t cap = MAX((size_t)16, 2 * m->cap_actors);
        ClaimActor *grown = arena_new_array(m->arena, ClaimActor, cap);
        if (grown == NULL) {
            m->err = ERR_NOMEM;
            return NULL;
        }
        if (m->n_actors > 0) {
            memcpy(grown, m->actors, m->n_actors * sizeof(*grown));
        }
        m->actors = grown;
        m->cap_actors = cap;
    }
    map_index_put(m, &m->actor_index, id, (int)m->n_actors);
    ClaimActor *a = &m->actors[m->n_actors++];
    *a = (ClaimActor){.type = type, .id = id};
    return a;
}

static void finish_actor(Map *m, ClaimActor *a) {
    if (m->actor.err != ERR_OK) {
        m->err = m->actor.err;
    }
    a->json = arena_str(m->arena, buf_str(&m->actor));
}

/* {"reference":"TYPE/ID"} */
static void put_reference(Map *m, FhirType type, Str id) {
    char text[128];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    buf_put_str(&b, str_from(fhir_type_name(type)));
    buf_put_char(&b, '/');
    buf_put_str(&b, id);
    json_open_object(&m->w);
    json_member(&m->w, "reference", buf_str(&b));
    json_close_object(&m->w);
}

static Str reference_of(Map *m, FhirType type, Str id) {
    return arena_printf(m->arena, "%s/" STR_FMT, fhir_type_name(type), STR_ARG(id));
}

static JsonWriter begin_actor(Map *m, FhirType type) {
    buf_clear(&m->actor);
    JsonWriter w = json_writer(&m->actor);
    json_open_object(&w);
    json_member(&w, "resourceType", str_from(fhir_type_name(type)));
    return w;
}

static Str make_organization(Map *m, Str code, bool *ret_exact) {
    bool exact;
    Str id = map_actor_id(m->arena, STR("cskcb-"), code, &exact);
    ClaimActor *a = new_actor(m, FHIR_T_ORGANIZATION, id);
    if (a != NULL) {
        JsonWriter w = begin_actor(m, a->type);
        put_identifier(&w, STR(CLAIM_BASE "sid/cskcb"), code);
        json_name(&w, "active");
        json_put_bool(&w, true);
        json_close_object(&w);
        finish_actor(m, a);
    }
    *ret_exact = exact;
    return id;
}

bool map_put_organization(Map *m, Str code) {
    bool exact;
    put_reference(m, FHIR_T_ORGANIZATION, make_organization(m, code, &exact));
    return exact;
}

Str map_organization_reference(Map *m, Str code) {
    bool exact;
    return reference_of(m, FHIR_T_ORGANIZATION, make_organization(m, code, &exact));
}

static Str make_practitioner(Map *m, Str code, bool *ret_exact) {
    bool exact;
    Str id = map_actor_id(m->arena, STR("cchn-"), code, &exact);
    ClaimActor *a = new_actor(m, FHIR_T_PRACTITIONER, id);
    if (a != NULL) {
        JsonWriter w = begin_actor(m, a->type);
        put_identifier(&w, STR(CLAIM_BASE "sid/cchn"), code);
        json_close_object(&w);
        finish_actor(m, a);
    }
    *ret_exact = exact;
    return id;
}

bool map_put_practitioner(Map *m, Str code) {
    bool exact;
    put_reference(m, FHIR_T_PRACTITIONER, make_practitioner(m, code, &exact));
    return exact;
}

Str map_practitioner_reference(Map *m, Str code) {
    bool exact;
    return reference_of(m, FHIR_T_PRACTITIONER, make_practitioner(m, code, &exact));
}

/* Departments belong to their facility: khoa-46001-K01. */
static Str make_department(Map *m, Str code, bool *ret_exact) {
    bool exact;
    Str prefix = map_department_prefix(m->arena, m->claim->facility);
    Str id = map_actor_id(m->arena, prefix, code, &exact);
    ClaimActor *a = new_actor(m, FHIR_T_LOCATION, id);
    if (a != NULL) {
        JsonWriter w = begin_actor(m, a->type);
        Str facility_id =
            map_actor_id(m->arena, STR("Organization/cskcb-"), m->claim->facility, &exact);
        const VnCode *known = vn_code(VN_DEPARTMENT, code);
        put_identifier(&w, STR(CLAIM_BASE "sid/khoa"),
                       arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility),
                                    STR_ARG(code)));
        json_member(&w, "status", STR("active"));
        json_member(&w, "name", known == NULL ? code : known->name_vi);
        json_name(&w, "managingOrganization");
        json_open_object(&w);
        json_member(&w, "reference", facility_id);
        json_close_object(&w);
        json_close_object(&w);
        finish_actor(m, a);
        (void)map_actor_id(m->arena, prefix, code, &exact);
    }
    *ret_exact = exact;
    return id;
}

bool map_put_department(Map *m, Str code) {
    bool exact;
    put_reference(m, FHIR_T_LOCATION, make_department(m, code, &exact));
    return exact;
}

Str map_department_reference(Map *m, Str code) {
    bool exact;
    return reference_of(m, FHIR_T_LOCATION, make_department(m, code, &exact));
}

void map_put_insurer(Map *m) {
    ClaimActor *a = new_actor(m, FHIR_T_ORGANIZATION, STR("bhxh"));
    if (a != NULL) {
        JsonWriter w = begin_actor(m, a->type);
        json_name(&w, "active");
        json_put_bool(&w, true);
        json_member(&w, "name", STR("Bảo hiểm xã hội Việt Nam"));
        json_close_object(&w);
        finish_actor(m, a);
    }
    put_reference(m, FHIR_T_ORGANIZATION, STR("bhxh"));
}

void map_organization(Map *m, Str name, MapRow *r, int field) {
    Str code = str_trim(map_peek(r, field));
    if (code.len > 0) {
        json_put_name(&m->w, name);
        if (map_put_organization(m, code) && code.len == map_peek(r, field).len) {
            map_keep(r, field);
        }
    }
}

void map_practitioner(Map *m, Str name, MapRow *r, int field) {
    MapParts p = map_parts(map_peek(r, field));
    if (p.n > 0) {
        json_put_name(&m->w, name);
        if (map_put_practitioner(m, p.part[0]) && p.exact && p.n == 1) {
            map_keep(r, field);
        }
    }
}

void map_practitioners(Map *m, Str name, const char *member, MapRow *r, int field) {
    MapParts p = map_parts(map_peek(r, field));
    if (p.n == 0) {
        return;
    }
    bool exact = p.exact;
    json_put_name(&m->w, name);
    json_open_array(&m->w);
    for (int i = 0; i < p.n; i++) {
        if (member != NULL) {
            json_open_object(&m->w);
            json_put_name(&m->w, str_from(member));
        }
        exact = map_put_practitioner(m, p.part[i]) && exact;
        if (member != NULL) {
            json_close_object(&m->w);
        }
    }
    json_close_array(&m->w);
    if (exact) {
        map_keep(r, field);
    }
}

void map_department(Map *m, Str name, MapRow *r, int field) {
    Str code = str_trim(map_peek(r, field));
    if (code.len > 0) {
        json_put_name(&m->w, name);
        if (map_put_department(m, code) && code.len == map_peek(r, field).len) {
            map_keep(r, field);
        }
    }
}
