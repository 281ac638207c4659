/* gql_int.h — the parsed document, and what checking and running share. */
#ifndef NHIP_GQL_GQL_INT_H
#define NHIP_GQL_GQL_INT_H

#include "gql/gql.h"

typedef enum GqlKind {
    GQL_NULL,
    GQL_BOOL,
    GQL_NUMBER,
    GQL_STRING,
    GQL_ENUM,
    GQL_LIST,
    GQL_OBJECT,
    GQL_VARIABLE,
} GqlKind;

typedef struct GqlArg GqlArg;

typedef struct GqlValue {
    GqlKind kind;
    Str text;      /* of a scalar: its text, strings decoded; of a variable: its name */
    GqlArg *items; /* list and object (there with names) */
} GqlValue;

struct GqlArg { /* arguments, list items, object fields */
    GqlArg *next;
    Str name;
    GqlValue value;
};

typedef struct GqlDirective {
    struct GqlDirective *next;
    Str name;
    GqlArg *args;
} GqlDirective;

typedef enum GqlWhat { GQL_FIELD, GQL_SPREAD, GQL_INLINE } GqlWhat;

typedef struct GqlSelection {
    struct GqlSelection *next;
    GqlWhat what;
    Str key;  /* field: alias or name */
    Str name; /* field, spread: its name; inline: the type's, or empty */
    GqlArg *args;
    GqlDirective *directives;
    struct GqlSelection *inner;
    uint32_t at; /* offset in the document */
} GqlSelection;

typedef struct GqlFragment {
    struct GqlFragment *next;
    Str name, type;
    GqlSelection *inner;
} GqlFragment;

typedef struct GqlVariable {
    struct GqlVariable *next;
    Str name;
    bool is_required; /* its type ends with '!' and it has no default */
    bool has_fallback;
    GqlValue fallback;
    uint32_t at;
} GqlVariable;

typedef struct GqlOperation {
    struct GqlOperation *next;
    Str name;
    GqlVariable *variables;
    GqlSelection *inner;
} GqlOperation;

struct GqlDocument {
    Str text;
    GqlOperation *operations;
    GqlFragment *fragments;
};

/* Sets info->where to "line L, column C" of the offset; answers err. */
ErrCode gql_at(const GqlDocument *document, uint32_t at, ErrCode err, ErrInfo *info);
const GqlFragment *gql_fragment(const GqlDocument *document, Str name);
const GqlArg *gql_arg(const GqlArg *args, Str name);
const GqlDirective *gql_directive(const GqlDirective *list, const char *name);

/* What a field of a shape is. */
typedef enum GqlRole {
    GQL_ROLE_NONE,
    GQL_ROLE_TYPENAME,      /* __typename */
    GQL_ROLE_RESOURCE_TYPE, /* resourceType */
    GQL_ROLE_ELEMENT,       /* an element of the shape */
    GQL_ROLE_SIBLING,       /* _birthDate: id and extensions of a primitive */
    GQL_ROLE_TARGET,        /* Reference.resource */
    GQL_ROLE_READ,          /* Patient(id: …) */
    GQL_ROLE_LIST,          /* PatientList(…) */
    GQL_ROLE_CONNECTION,    /* PatientConnection(…) */
    GQL_ROLE_PAGE,          /* a member of a connection */
    GQL_ROLE_EDGES,
    GQL_ROLE_EDGE, /* mode, score */
    GQL_ROLE_EDGE_RESOURCE,
} GqlRole;

typedef struct GqlField {
    GqlRole role;
    FhirShape shape; /* of the value; FHIR_T_RESOURCE: any resource */
    bool is_leaf, is_list;
    Str member; /* the JSON member, where the field is one */
} GqlField;

/* Beside R4's shapes: the root of a system query, a connection, one of its edges. */
enum {
    GQL_SHAPE_ROOT = FHIR_SHAPE_COUNT,
    GQL_SHAPE_CONNECTION, /* + FhirType: of this type */
    GQL_SHAPE_EDGE = GQL_SHAPE_CONNECTION + FHIR_RESOURCE_COUNT + 1,
};
GqlField gql_field(unsigned shape, const GqlSelection *field);
/* A resource that is a `wanted` when only `shape` is known of it: 1 yes, 0 no, -1 may be. */
int gql_fits(unsigned shape, Str wanted);

/* Fields, arguments, fragments and directives of the operation against R4's types. */
MUST_USE ErrCode gql_check(const GqlDocument *document, const GqlOperation *operation,
                           unsigned shape, ErrInfo *info);

/* ---- values (gql_value.c) */

GqlValue gql_value_of_json(Arena *arena, const JsonNode *n); /* lists in lists are left out */
bool gql_same_args(const GqlArg *a, const GqlArg *b);
/* Its text; of a list the texts of its items with commas between. */
Str gql_value_text(Arena *arena, const GqlValue *v);

/* ---- the answer as a tree (gql_value.c) */

typedef enum OutKind { OUT_NULL, OUT_RAW, OUT_OBJECT, OUT_LIST } OutKind;

typedef struct Out {
    struct Out *next; /* the next item of a list, member of an object */
    OutKind kind;
    Str key;  /* of a member */
    Str text; /* OUT_RAW: JSON */
    struct Out *first, *last;
} Out;

void gql_out_append(Out *parent, Out *item);
Out *gql_out_member(const Out *object, Str key); /* NULL when there is none */
void gql_out_print(JsonWriter *w, const Out *o);

#endif
