/* fhir_type.h — FHIR R4's types and their elements as const tables, made at build by
 * gen/fhir_schema_gen.c from gen/data/fhir/{types,elements,codes}.tsv.
 *
 * FhirType numbers every named type: resources first (1 … FHIR_RESOURCE_COUNT, sorted by name),
 * then primitives, then data types. FhirShape numbers everything that has members of its own: the
 * types with their own numbers, and behind them each nested group such as Patient.contact (value
 * sets of numbers overlap on purpose: shape == type for named types). Numbers are stable for one
 * generated table only; outside the process types go by name. Ownership: all static. Errors: none;
 * look-ups of the unknown give 0 or NULL. Threads: read only. */
#ifndef NHIP_FHIR_TYPE_H
#define NHIP_FHIR_TYPE_H

#include "fhir/fhir_name.h"
#include "fhir/fhir_schema.gen.h"

typedef uint16_t FhirShape;

/* One member of a shape. A choice such as value[x] stands as one element for each type. */
typedef struct FhirElement {
    const char *name; /* the JSON member: "name", "valueQuantity" */
    uint8_t name_len;
    uint8_t flags;       /* FHIR_E_… */
    uint8_t choice;      /* 0; else the number of its choice inside the shape, from 1 */
    uint8_t base_len;    /* of a choice: the length of "value" in "valueQuantity"; else name_len */
    uint8_t required;    /* 0; else the number of the requirement inside the shape, from 1 */
    uint8_t kind;        /* FhirKind of the value */
    FhirShape shape;     /* of the value; FHIR_T_RESOURCE: any resource */
    uint16_t codes;      /* required binding: number for fhir_codes_*; 0: none */
    uint16_t targets;    /* a Reference's allowed types: number for fhir_target_allowed; 0: any */
    uint16_t extensible; /* extensible binding: number for fhir_extensible_url; 0: none */
} FhirElement;

typedef struct FhirShapeInfo {
    const char *name;            /* "Patient", "HumanName", "Patient.contact" */
    const FhirElement *elements; /* in the order of the definition */
    uint16_t n_elements;
    uint16_t hash_at; /* first slot of its name table */
    uint16_t hash_mask;
    uint8_t kind; /* FhirKind */
    uint8_t n_required;
    uint8_t n_choices;
    bool is_abstract;
    FhirType base; /* Patient: DomainResource; groups: BackboneElement or Element */
} FhirShapeInfo;

extern const FhirShapeInfo FHIR_SHAPES[FHIR_SHAPE_COUNT];

/* ---- types */

/* FHIR_T_NONE when there is no type of that name (case matters; abstract types are found). */
FhirType fhir_type_by_name(Str name);
/* "Patient"; "" for FHIR_T_NONE. */
static inline const char *fhir_type_name(FhirType type) {
    return FHIR_SHAPES[type].name;
}
static inline FhirKind fhir_type_kind(FhirType type) {
    return (FhirKind)FHIR_SHAPES[type].kind;
}
/* A concrete resource type (not Resource, DomainResource). */
static inline bool fhir_type_is_resource(FhirType type) {
    return type >= 1 && (int)type <= FHIR_RESOURCE_COUNT;
}
/* FHIR_T_NONE when the name is no concrete resource type. */
static inline FhirType fhir_resource_by_name(Str name) {
    FhirType type = fhir_type_by_name(name);
    return fhir_type_is_resource(type) ? type : FHIR_T_NONE;
}

/* ---- shapes and elements */

static inline const FhirShapeInfo *fhir_shape(FhirShape shape) {
    assert(shape < FHIR_SHAPE_COUNT);
    return &FHIR_SHAPES[shape];
}
/* The member of that JSON name ("valueQuantity"), or NULL. One hash and one comparison. */
const FhirElement *fhir_element(FhirShape shape, Str name);
/* The member of a choice: base "value" and the type of the value; NULL when there is none. */
const FhirElement *fhir_choice(FhirShape shape, Str base, FhirType type);
/* The shape at a dotted path such as "Patient.contact" or "Observation.component.code"; choices by
 * their member names. 0 when there is none. */
FhirShape fhir_shape_at(Str path);

/* ---- required codes and reference targets */

/* The code is in the set. With a system (may be NULL for elements of type code) both must fit. Sets
 * that hold a whole outside system (mime types, currencies) accept any code of it. */
bool fhir_codes_have(uint16_t codes, Str code, const Str *system);
/* The value set's canonical URL; "" for 0. */
const char *fhir_codes_url(uint16_t codes);
/* The same of an extensible binding. */
const char *fhir_extensible_url(uint16_t extensible);
bool fhir_target_allowed(uint16_t targets, FhirType type);
/* The next allowed type after `after` (FHIR_T_NONE to begin); FHIR_T_NONE at the end or when any.
 */
FhirType fhir_target_next(uint16_t targets, FhirType after);

#endif
