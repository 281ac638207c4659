/* fpath.h — FHIRPath (http://hl7.org/fhirpath/N1/) with FHIR R4's model
 * (http://hl7.org/fhir/R4/fhirpath.html) over the JSON tape: compile once, evaluate often.
 *
 *     const FpathExpr *e;
 *     TRY(fpath_compile(arena, STR("name.given.first()"), NULL, &e, info));
 *     FpathEnv env = fpath_env(resource);
 *     FpathSeq seq;
 *     TRY(fpath_eval(scratch, e, &env, &seq, info));
 *
 * Ownership: an expression lives in the arena that it was compiled into, borrows nothing from its
 * text, is immutable and may be shared by threads. Results live in the arena of the evaluation;
 * nodes in them point into the tapes. Errors: ERR_SYNTAX (rule fpath-syntax), ERR_INVALID (rules
 * fpath-semantic at compile, fpath-execution at run), ERR_LIMIT (fpath-steps, fpath-size,
 * fpath-depth), ERR_NOMEM; info->offset is the byte in the expression, the texts name line and
 * column. Cost: tens of nanoseconds a step and item. Threads: no state; one thread an arena. */
#ifndef NHIP_FPATH_FPATH_H
#define NHIP_FPATH_FPATH_H

#include "core/decimal.h"
#include "core/json.h"
#include "core/time.h"
#include "fhir/fhir_type.h"

/* ---- values */

typedef enum FpathKind {
    FPATH_NODE,    /* an element or resource of FHIR; primitives with their FHIR type */
    FPATH_BOOLEAN, /* from here on the types of System */
    FPATH_INTEGER,
    FPATH_DECIMAL,
    FPATH_STRING,
    FPATH_DATE,
    FPATH_DATE_TIME,
    FPATH_TIME,
    FPATH_QUANTITY,
    FPATH_TYPE, /* what type() returns: has the members namespace and name */
} FpathKind;

typedef enum FpathPrecision {
    FPATH_YEAR,
    FPATH_MONTH,
    FPATH_DAY,
    FPATH_HOUR,
    FPATH_MINUTE,
    FPATH_SECOND,
    FPATH_MS,
} FpathPrecision;

/* A date, dateTime or time of day as far as it is known. */
typedef struct FpathTime {
    TimeMs wall;        /* wall clock as if it were UTC, unknown parts at their lowest; a time of
                         * day: since midnight */
    int16_t offset_min; /* with has_zone */
    uint8_t precision;  /* FpathPrecision */
    bool has_zone;
} FpathTime;

typedef struct FpathQuantity {
    Decimal value;
    Str unit;      /* a UCUM code ("mg", "1") or, with calendar, "year", "month" … (singular) */
    bool calendar; /* a calendar duration: 1 year, not 1 'a' */
} FpathQuantity;

typedef struct FpathItem {
    uint8_t kind;    /* FpathKind */
    FhirShape shape; /* node: what it is (FHIR_T_STRING, FHIR_T_PATIENT, Patient.contact …) */
    union {
        struct {
            const JsonNode *node;    /* NULL: a primitive with nothing but an id or extensions,
                                      * or (resolve_types) a resource with only a type */
            const JsonNode *sibling; /* of a primitive: the object of `_name`, or NULL */
            const JsonNode *root;    /* the whole resource on whose tape the node stands */
        };
        bool boolean;
        int64_t integer; /* 32 bits by the standard; sums of counts may be larger */
        Decimal decimal;
        Str string; /* type: its full name, "FHIR.Patient" */
        FpathTime time;
        FpathQuantity quantity;
    };
} FpathItem;

typedef struct FpathSeq {
    const FpathItem *items;
    size_t n;
} FpathSeq;

/* The item of a whole resource; of any object or value with its shape. */
FpathItem fpath_item_resource(const JsonNode *resource);
FpathItem fpath_item_node(FhirShape shape, const JsonNode *node, const JsonNode *root);
static inline FpathItem fpath_item_boolean(bool value) {
    return (FpathItem){.kind = FPATH_BOOLEAN, .boolean = value};
}
static inline FpathItem fpath_item_integer(int64_t value) {
    return (FpathItem){.kind = FPATH_INTEGER, .integer = value};
}
static inline FpathItem fpath_item_decimal(Decimal value) {
    return (FpathItem){.kind = FPATH_DECIMAL, .decimal = value};
}
static inline FpathItem fpath_item_str(Str value) {
    return (FpathItem){.kind = FPATH_STRING, .string = value};
}
/* From the text of a FHIR primitive ("2026-11", "12:30"): the system value that it stands for.
 * ERR_INVALID when the text is none of that type. */
MUST_USE ErrCode fpath_item_parse(FhirType type, Str text, FpathItem *ret_item);

/* ---- expressions */

typedef struct FpathExpr FpathExpr;

/* What a function of the caller's own gets. */
typedef struct FpathCall {
    void *ctx;    /* FpathEnv.ctx */
    Arena *arena; /* where results live */
    FpathSeq input;
    const FpathSeq *args; /* evaluated */
    unsigned n_args;
    ErrInfo *info;
} FpathCall;

/* A function beside the standard's (SQL-on-FHIR: getResourceKey, getReferenceKey). An argument that
 * names a type (getReferenceKey(Patient)) arrives as a string when types_as_text is set. */
typedef struct FpathFunction {
    const char *name;
    uint8_t min_args, max_args; /* at most 4 */
    bool types_as_text;
    ErrCode (*call)(const FpathCall *call, FpathSeq *ret);
} FpathFunction;

typedef struct FpathOptions {
    FhirShape context; /* what the expression is evaluated on; 0: not known */
    bool strict;       /* unknown elements, impossible types and wrong operands are errors */
    bool as_filters;   /* `as` on several items keeps those of the type, as R4's own invariants and
                        * search parameters need it; else (N1) that is an error */
    const FpathFunction *functions;
    size_t n_functions;
    const Str *variables; /* names that the environment will have; with strict others are errors */
    size_t n_variables;
} FpathOptions;

/* options may be NULL. Limits: LIMIT_FPATH_BYTES of text, LIMIT_FPATH_DEPTH of nesting. */
MUST_USE ErrCode fpath_compile(Arena *arena, Str text, const FpathOptions *options,
                               const FpathExpr **ret_expr, ErrInfo *info);
Str fpath_text(const FpathExpr *expr); /* as it was compiled */
/* Only names, indexes, first(), last(), where(), ofType()/as and the like: its results are nodes of
 * the tape that it is given (FHIRPath Patch, slicing discriminators, keys of views). */
bool fpath_is_path(const FpathExpr *expr);

/* ---- evaluation */

typedef struct FpathVariable {
    Str name; /* without the percent sign */
    FpathSeq value;
} FpathVariable;

/* What the engine cannot know by itself. Each may be NULL; ctx is FpathEnv.ctx. ERR_NOT_FOUND of a
 * callback makes the function's result empty, any other error ends the evaluation. */
typedef struct FpathCallbacks {
    /* References that are neither contained nor entries of the root's Bundle. */
    ErrCode (*resolve)(void *ctx, Str reference, FpathItem *ret_item);
    /* item: code, Coding, CodeableConcept, string … */
    ErrCode (*member_of)(void *ctx, const FpathItem *item, Str valueset, bool *ret_member);
    ErrCode (*subsumes)(void *ctx, const FpathItem *a, const FpathItem *b, bool *ret_subsumes);
    /* Without it: the base profiles http://hl7.org/fhir/StructureDefinition/TYPE only. */
    ErrCode (*conforms_to)(void *ctx, const FpathItem *item, Str profile, bool *ret_conforms);
    void (*trace)(void *ctx, Str name, FpathSeq items);
} FpathCallbacks;

typedef struct FpathEnv {
    FpathItem context;       /* the input; %context */
    FpathItem resource;      /* %resource: the nearest resource around the context */
    FpathItem root_resource; /* %rootResource: the one that contains %resource, else the same */
    const FpathItem *input;  /* when the input is not exactly one item: these; else NULL */
    size_t n_input;
    const FpathVariable *variables; /* of the caller; come before the built-in names */
    size_t n_variables;
    const FpathCallbacks *callbacks;
    void *ctx;
    TimeMs now;         /* 0: the system's clock, once an evaluation */
    int offset_min;     /* zone of now(), today() and of times without one (fpath_env: Vietnam) */
    bool resolve_types; /* resolve() of what cannot be loaded gives an item with the type that the
                         * reference's text says, without content: where(resolve() is Patient) */
    uint32_t max_steps; /* 0: LIMIT_FPATH_STEPS */
} FpathEnv;

/* The resource is context, %resource and %rootResource; Vietnam's zone. */
FpathEnv fpath_env(const JsonNode *resource);
/* ret_seq is untouched on failure. */
MUST_USE ErrCode fpath_eval(Arena *arena, const FpathExpr *expr, const FpathEnv *env,
                            FpathSeq *ret_seq, ErrInfo *info);

/* ---- results */

/* As a condition (where, invariants): empty is false; one boolean its value; one other item true.
 * ERR_INVALID for more items. */
MUST_USE ErrCode fpath_to_bool(FpathSeq seq, bool *ret_value);
/* toString(): the text of a primitive; STR_EMPTY for objects. Lives in the arena or the tape. */
Str fpath_item_string(Arena *arena, const FpathItem *item);
/* The System value of a primitive node (Quantity nodes too, when they have a UCUM or no unit);
 * false when it has none. System values come back as they are. */
bool fpath_item_system(Arena *arena, const FpathItem *item, FpathItem *ret_value);
/* "FHIR.Patient", "System.String"; groups: "FHIR.BackboneElement". Static or in the arena. */
Str fpath_item_type(Arena *arena, const FpathItem *item);
/* As JSON: nodes as they stand, system values as FHIR writes them. False for a type. */
bool fpath_item_put_json(JsonWriter *w, const FpathItem *item);

typedef enum FpathTruth { FPATH_FALSE, FPATH_TRUE, FPATH_UNKNOWN } FpathTruth;
/* =, ~ and < by the standard; FPATH_UNKNOWN: empty (precisions differ, not comparable). */
FpathTruth fpath_equal(Arena *arena, const FpathItem *a, const FpathItem *b);
bool fpath_equivalent(Arena *arena, const FpathItem *a, const FpathItem *b);
FpathTruth fpath_less(Arena *arena, const FpathItem *a, const FpathItem *b);

/* ---- where a node stands on its tape */

typedef struct FpathPlace {
    const JsonNode *object; /* the object that has the member; NULL: the item is the root */
    const JsonNode *name;   /* the member's name node ("given", "valueQuantity", "_given") */
    const JsonNode *value;  /* the member's value: the array, when it is one */
    const JsonNode *array;  /* value when it is an array, else NULL */
    size_t index;           /* in the array */
} FpathPlace;

/* False when the node is not below the item's root. Cost: the members on the way. */
bool fpath_item_place(const FpathItem *item, FpathPlace *ret_place);
/* Appends "Patient.name[0].given[1]" (the location of OperationOutcome.issue.expression): arrays
 * with their index, choices by their base name (Observation.value). */
void fpath_item_location(Buf *out, const FpathItem *item);

#endif
