/* fhir_trie_int.h — the tables that gen/fhir_search_gen.c makes and fhir_extract.c walks (private).
 * One trie of JSON member names for each resource type; at a node stand actions ("the value here is
 * a CodeableConcept: emit it as a token of parameter n") and composites. All static, read-only. */
#ifndef NHIP_FHIR_TRIE_INT_H
#define NHIP_FHIR_TRIE_INT_H

#include "core/str.h"
#include "fhir/fhir_name.h"

/* X(name): parameter type and data type of the value. */
#define FHIR_OP_LIST(X)                                                                            \
    X(TOKEN_CODEABLE)                                                                              \
    X(TOKEN_CODING)                                                                                \
    X(TOKEN_IDENTIFIER)                                                                            \
    X(TOKEN_CONTACT)                                                                               \
    X(TOKEN_PLAIN)                                                                                 \
    X(TOKEN_PRESENCE)                                                                              \
    X(STRING_PLAIN)                                                                                \
    X(STRING_NAME)                                                                                 \
    X(STRING_ADDRESS)                                                                              \
    X(DATE_POINT)                                                                                  \
    X(DATE_PERIOD)                                                                                 \
    X(DATE_TIMING)                                                                                 \
    X(NUMBER)                                                                                      \
    X(NUMBER_RANGE)                                                                                \
    X(QUANTITY)                                                                                    \
    X(QUANTITY_MONEY)                                                                              \
    X(QUANTITY_RANGE)                                                                              \
    X(URI)                                                                                         \
    X(REFERENCE)                                                                                   \
    X(REFERENCE_CANONICAL)                                                                         \
    X(REFERENCE_RESOURCE)

typedef enum FhirOp {
#define X(name) FHIR_OP_##name,
    FHIR_OP_LIST(X)
#undef X
} FhirOp;

/* where(name = value), tested on the object `up` levels above the value's own (0: the value itself,
 * 1: the object that holds it). */
typedef struct FhirTrieGuard {
    Str name, value;
    uint8_t up;
} FhirTrieGuard;

typedef struct FhirTrieAction {
    uint16_t param;    /* FhirParamId */
    uint8_t op;        /* FhirOp */
    uint8_t guard;     /* index into fhir_trie_guards; 0: none */
    uint16_t ref_type; /* FhirType that a reference must have; 0: any */
    bool first_only;   /* the holding object must be the first of its array */
    Str system;        /* TOKEN_PLAIN: the code system that the definition implies, or empty */
} FhirTrieAction;

typedef struct FhirTrieEdge {
    Str name;
    uint16_t child;  /* node */
    uint8_t capture; /* remember the value for the node's composites under this number; 0: no */
} FhirTrieEdge;

/* One source of one part of a composite: a captured member or a path from the resource's root. */
typedef struct FhirTriePart {
    uint8_t part; /* 0 … n_parts - 1 */
    uint8_t capture;
    uint8_t op;
    const char *root_path; /* dotted, when capture is 0 */
    Str system;
} FhirTriePart;

typedef struct FhirTrieComposite {
    uint16_t param;
    uint8_t n_parts;
    uint8_t n_sources;
    uint16_t sources_at; /* in fhir_trie_parts */
} FhirTrieComposite;

/* slot = (fhir_name_hash(name) * mult) >> shift gives 0 or 1 + the edge's offset, from
 * fhir_trie_slots. */
typedef struct FhirTrieNode {
    uint32_t mult;
    uint8_t shift; /* 32 - log2(number of slots) */
    uint8_t n_actions;
    uint8_t n_composites;
    uint8_t n_edges;
    uint16_t edges_at, actions_at, composites_at;
    uint32_t slots_at;
} FhirTrieNode;

enum { FHIR_CAPTURE_MAX = 15 };

/* One way from a resource to its patient: member names, dotted. */
typedef struct FhirPatientPaths {
    const char *const *paths;
    uint8_t n;
} FhirPatientPaths;

extern const FhirTrieGuard fhir_trie_guards[];
extern const FhirTrieAction fhir_trie_actions[];
extern const FhirTrieEdge fhir_trie_edges[];
extern const FhirTriePart fhir_trie_parts[];
extern const FhirTrieComposite fhir_trie_composites[];
extern const FhirTrieNode fhir_trie_nodes[];
extern const uint8_t fhir_trie_slots[];
extern const uint16_t fhir_trie_roots[];            /* by FhirType; 0: none */
extern const FhirPatientPaths fhir_patient_paths[]; /* by FhirType */

#endif
