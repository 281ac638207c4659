/* claim_map_int.h — what the files of the mapping share: the group under construction, and writers
 * that mark a field as kept. A field of XML1–XML3 that no writer has kept when the bill is written
 * goes into the bill's extension (XML4, XML5: into the resource's own), so nothing can be lost. */
#ifndef NHIP_INTEROP_CLAIM_MAP_INT_H
#define NHIP_INTEROP_CLAIM_MAP_INT_H

#include "interop/claim_map.h"
#include "interop/claim_person_int.h"

#define MAP_SYSTEM(name) CLAIM_BASE "CodeSystem/" name
#define MAP_TERM "http://terminology.hl7.org/CodeSystem/"

enum { MAP_PARTS_MAX = 64, MAP_NUMBER_MAX = 40, MAP_TIME_MAX = 64 };

/* One record on its way. */
typedef struct MapRow {
    const ClaimTable *t;
    const Str *v;
    uint64_t kept[2]; /* bit per field */
    int number;       /* 1-based in its table */
    int resource;     /* index of the resource that came of it, or -1 */
    bool says_place;  /* its whole extension says the number too */
} MapRow;

/* The values of a multi-value field, trimmed. exact: joining them with ';' gives the text back. */
typedef struct MapParts {
    Str part[MAP_PARTS_MAX];
    int n;
    bool exact;
} MapParts;

/* Text → number, open addressing; grows in the arena. */
typedef struct MapIndex {
    struct MapSlot *slots;
    size_t n, capacity;
} MapIndex;

typedef struct Map {
    Arena *arena;
    const Claim *claim;
    Buf json;  /* all resources one behind the other; cut at the end */
    Buf actor; /* the actor being written */
    JsonWriter w;
    MapRow *rows[CLAIM_TABLES]; /* of a table's documents one after the other */
    int n_rows[CLAIM_TABLES];
    ClaimResource *resources; /* json.ptr is not set before the end */
    size_t n_resources, cap_resources;
    ClaimActor *actors;
    size_t n_actors, cap_actors;
    MapIndex actor_index;   /* id → actor */
    MapIndex service_index; /* MA_DICH_VU → first XML3 row */
    int coverage, n_coverage;
    int encounter;
    int condition, n_conditions;
    bool has_main;  /* the first condition is MA_BENH_CHINH */
    Str *diagnoses; /* codes of the conditions, in their order */
    Str as_of;      /* dateTime, or empty */
    bool check_in;  /* XML0: the visit has begun */
    ErrCode err;    /* ERR_NOMEM, sticky */
} Map;

/* ---- rows and values */

static inline Str map_peek(const MapRow *r, int field) {
    return r->v[field];
}
static inline bool map_has(const MapRow *r, int field) {
    return r->v[field].len > 0;
}
static inline void map_keep(MapRow *r, int field) {
    r->kept[field >> 6] |= UINT64_C(1) << (field & 63);
}
static inline bool map_is_kept(const MapRow *r, int field) {
    return (r->kept[field >> 6] >> (field & 63) & 1) != 0;
}
/* The value, marked as kept. */
static inline Str map_take(MapRow *r, int field) {
    map_keep(r, field);
    return r->v[field];
}
/* The same of a name; MAP_NO_NAME, which stands in FHIR where there is none, is not kept. */
#define MAP_NO_NAME "?"
static inline Str map_take_name(MapRow *r, int field) {
    return str_eq(r->v[field], STR(MAP_NO_NAME)) ? r->v[field] : map_take(r, field);
}
MapParts map_parts(Str value);
bool map_is_json_number(Str s);
/* The trimmed value with inner white space collapsed, as FHIR's `code` wants it. */
Str map_code(Map *m, Str value);
/* First entry is -1 when the key is new. */
int map_index_get(const MapIndex *index, Str key);
void map_index_put(Map *m, MapIndex *index, Str key, int value);

/* ---- writers; nothing is written for empty values */

/* Begins a resource; its index is returned. Ends it. */
int map_open(Map *m, FhirType type, Str role);
void map_close(Map *m);
/* before, number, behind: "xml3/" 2 "/order" */
Str map_role(Map *m, Str before, int number, Str behind);

void map_put_coding(Map *m, Str system, Str code, Str display); /* one object */
/* "name":{"coding":[{system, code}],"text":…}; the field is kept when the code is exact. */
void map_concept(Map *m, Str name, Str system, MapRow *r, int field);
/* The same as an element of an array: no name. */
void map_concept_element(Map *m, Str system, MapRow *r, int field, Str text);
void map_time(Map *m, Str name, MapRow *r, int field);
/* FHIR's text of a claim's date or time, in `space`; empty when it is none. */
Str map_time_text(char space[MAP_TIME_MAX], Str value);
bool map_put_time(Map *m, Str name, Str value); /* false: no valid time, nothing written */
/* "name":{"value":…,"unit":…}; kept when the number is written as it is. */
void map_quantity(Map *m, Str name, MapRow *r, int value, int unit);
void map_money(Map *m, Str name, MapRow *r, int field); /* in VND */
void map_text(Map *m, Str name, MapRow *r, int field);
/* "name":{"reference":"Type/~index"} */
void map_local(Map *m, Str name, FhirType type, int index);
void map_local_element(Map *m, FhirType type, int index);
/* "name":{"reference":"Patient/~"} */
void map_patient(Map *m, Str name);
/* subject and encounter. */
void map_subject(Map *m);

/* The field under its own name, as an element of an extension. */
void map_put_field(Map *m, const ClaimField *f, Str value);
/* https://nhip.vn/fhir/StructureDefinition/xmlN */
Str map_extension_url(int table);
/* Extension StructureDefinition/xmlN with the listed fields (fields NULL: all that are not kept),
 * as an element of an open array; nothing when all are empty. link: index of a resource to name in
 * it, or -1. */
void map_extension(Map *m, MapRow *r, const int *fields, size_t n_fields, int link);
bool map_extension_has(const MapRow *r, const int *fields, size_t n_fields);
/* "extension":[ the same ] */
void map_extensions(Map *m, MapRow *r, const int *fields, size_t n_fields);

/* A number with an optional <, <=, > or >= before it; a comma between digits counts as a point
 * unless exactly three digits follow it (then nobody can tell). ret_number may point into `room`.
 */
bool map_read_number(Str s, char room[MAP_NUMBER_MAX], Str *ret_comparator, Str *ret_number);

/* ---- actors */

/* The id of an actor: prefix + code with foreign characters replaced by '-', at most 64 characters.
 * ret_exact: the code is what stands behind the prefix with its first '-', if any, read as '/'
 * (000001/HUE-CCHN). */
Str map_actor_id(Arena *arena, Str prefix, Str code, bool *ret_exact);
/* Of the ids of a facility's departments: "khoa-46001-". */
Str map_department_prefix(Arena *arena, Str facility);

/* {"reference":"Organization/cskcb-…"} as a value; says whether the id gives the code back. */
bool map_put_organization(Map *m, Str code);
bool map_put_practitioner(Map *m, Str code);
bool map_put_department(Map *m, Str code);
void map_put_insurer(Map *m);
/* "Organization/cskcb-…" */
Str map_organization_reference(Map *m, Str code);
Str map_practitioner_reference(Map *m, Str code);
Str map_department_reference(Map *m, Str code);
/* "name":{…} of a single code; kept when exact. */
void map_organization(Map *m, Str name, MapRow *r, int field);
/* "name":{…} of the first of the field's practitioners; kept when it is the only one. */
void map_practitioner(Map *m, Str name, MapRow *r, int field);
/* "name":[…] of all; member NULL, or the element's member that carries the reference. */
void map_practitioners(Map *m, Str name, const char *member, MapRow *r, int field);
void map_department(Map *m, Str name, MapRow *r, int field);

/* ---- the parts, in the order of the group */

void map_put_patient(Map *m, const ClaimPerson *p, MapRow *summary); /* summary NULL: XML0 */
void map_put_coverages(Map *m, MapRow *summary);
void map_put_visit(Map *m, MapRow *summary); /* Encounter, Conditions, weight */
void map_put_drugs(Map *m);
void map_put_services(Map *m);
void map_put_results(Map *m);
void map_put_course(Map *m);
void map_put_forms(Map *m); /* XML6–XML15 */
void map_put_documents(Map *m);
void map_put_bill(Map *m, MapRow *summary);

/* XML3: what kind of line it is. */
typedef enum MapService {
    MAP_SERVICE_ORDER,     /* laboratory, imaging, functional tests: ServiceRequest */
    MAP_SERVICE_PROCEDURE, /* surgery, procedures: Procedure */
    MAP_SERVICE_SUPPLY,    /* SupplyDelivery */
    MAP_SERVICE_BILLED,    /* examination, bed, transport, others: only a line of the bill */
} MapService;
MapService map_service(const MapRow *r);
/* MA_NHOM as a number, 0 when it is none. */
int map_cost_group(const MapRow *r, int field);

#endif
