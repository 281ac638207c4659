/* profile_int.h — a compiled profile: a sparse tree that holds only what the profile says beyond
 * the tables of fhir_type.h. Elements are children by name; the slices of an element hang beside
 * its children; slices of slices below their slice. Everything is immutable once compiled. */
#ifndef NHIP_PROFILE_PROFILE_INT_H
#define NHIP_PROFILE_PROFILE_INT_H

#include "core/limits.h"
#include "fpath/fpath.h"
#include "profile/profile.h"
#include "profile/profile_rule.h"

#define PROFILE_CORE_URL "http://hl7.org/fhir/StructureDefinition/"

typedef struct Profile Profile;
typedef struct ProfileNode ProfileNode;

typedef struct ProfileType {
    FhirType type;       /* FHIR_T_NONE: one that the tables do not know (System.String …) */
    const Str *profiles; /* canonicals; the value follows one of them */
    const Str *targets;  /* of a Reference: canonicals; the target follows one of them */
    unsigned n_profiles, n_targets;
} ProfileType;

typedef struct ProfileConstraint {
    const struct ProfileConstraint *next;
    FhirRuleText rule; /* id: the key; texts: the human description */
    FhirSeverity severity;
    const FpathExpr *expr; /* NULL: the expression cannot be used */
    Str wrong;             /* then: why */
} ProfileConstraint;

typedef enum ProfileDiscKind {
    PROFILE_BY_VALUE, /* value and pattern */
    PROFILE_BY_TYPE,
    PROFILE_BY_PROFILE,
    PROFILE_BY_EXISTS,
} ProfileDiscKind;

typedef enum ProfileStepKind {
    PROFILE_STEP_NAME,
    PROFILE_STEP_EXTENSION, /* extension('url') */
    PROFILE_STEP_RESOLVE,
    PROFILE_STEP_TYPE, /* ofType(Type) */
} ProfileStepKind;

typedef struct ProfileStep {
    ProfileStepKind kind;
    Str text;
} ProfileStep;

enum { PROFILE_STEPS_MAX = 16 };

typedef struct ProfileDiscriminator {
    ProfileDiscKind kind;
    unsigned n_steps; /* 0: $this */
    ProfileStep steps[PROFILE_STEPS_MAX];
} ProfileDiscriminator;

typedef enum ProfileRules { PROFILE_OPEN, PROFILE_CLOSED, PROFILE_OPEN_AT_END } ProfileRules;

typedef struct ProfileSlicing {
    ProfileDiscriminator *discriminators;
    unsigned n; /* 0: an item is in a slice when it follows all that the slice says */
    ProfileRules rules;
    bool ordered;
} ProfileSlicing;

typedef enum ProfileStrength {
    PROFILE_NO_BINDING,
    PROFILE_REQUIRED,
    PROFILE_EXTENSIBLE,
} ProfileStrength;

struct ProfileNode {
    const Profile *profile; /* the one that is named in messages */
    ProfileNode *up;
    ProfileNode *children, *next; /* by name */
    ProfileNode *slices;          /* of this element or slice, in order; linked by next */
    Str name;                     /* of the member: "value" for value[x]; "" of the root */
    Str slice;                    /* of a slice: its name, "a/b" for b of a */
    FhirShape shape;              /* 0: not one */
    uint32_t min, max;            /* max: UINT32_MAX is * */
    uint32_t max_length;          /* 0: none */
    ProfileType *types;           /* n_types 0: nothing said */
    unsigned n_types;
    unsigned n_slices;
    const JsonNode *fixed, *pattern; /* NULL: none */
    const JsonNode *min_value, *max_value;
    ProfileStrength strength;
    Str value_set;
    const ProfileConstraint *constraints;
    const ProfileSlicing *slicing;
};

typedef struct ProfileContext {
    Str type; /* "element", "extension", "fhirpath" */
    Str expression;
    const FpathExpr *expr; /* of a fhirpath one */
} ProfileContext;

struct Profile {
    Str canonical; /* url or url|version, for messages */
    Str url;
    FhirType type; /* FHIR_T_NONE when it is broken */
    ProfileNode *root;
    const Profile *base;      /* NULL: an R4 type */
    ProfileContext *contexts; /* of an extension */
    unsigned n_contexts;
    bool is_modifier; /* of an extension */
    bool is_broken;
    ErrInfo why; /* of a broken one */
};

/* ---- profile_set.c */

/* Compiled, from the snapshot's cache; NULL when it is not known (or memory ran out). May be
 * broken. */
const Profile *profile_get(const ProfileSet *set, Str canonical);
/* The R4 type that a canonical names by itself: FHIR_T_PATIENT of PROFILE_CORE_URL "Patient". */
FhirType profile_core_type(Str canonical);
/* url|version taken apart. */
Str profile_url_of(Str canonical, Str *ret_version);

/* ---- profile_compile.c */

typedef const Profile *(*ProfileBaseFn)(void *ctx, Str canonical);
typedef struct ProfileCompile {
    Arena *arena; /* of the snapshot; the definition's tape outlives it too */
    ProfileBaseFn base;
    void *ctx;
} ProfileCompile;

/* NULL only without memory; otherwise the profile, perhaps broken. */
const Profile *profile_compile(const ProfileCompile *how, const ProfileInfo *info);

/* ---- profile_element.c */

/* What one ElementDefinition says goes into the node. from_snapshot: what R4 says itself is left
 * out. False without memory. */
bool profile_element_read(Arena *arena, ProfileNode *node, const JsonNode *element,
                          bool from_snapshot);
/* A discriminator's path into steps; false when it has a form that is not supported. */
bool profile_steps_parse(Arena *arena, Str path, ProfileDiscriminator *ret);

/* The child of that member name, or NULL; one slice by its name, or NULL. */
ProfileNode *profile_child(const ProfileNode *node, Str name);
ProfileNode *profile_slice(const ProfileNode *node, Str slice);

#endif
