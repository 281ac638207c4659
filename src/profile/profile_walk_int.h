/* profile_walk_int.h — what the files of the validation walk share. The walk goes through a
 * resource once; at every value it carries the compiled elements that speak of it (ProfileActive):
 * of the profiles of the resource, of slices, of type profiles. A trial is the same walk for one
 * element without issues: does the value follow it? */
#ifndef NHIP_PROFILE_PROFILE_WALK_INT_H
#define NHIP_PROFILE_PROFILE_WALK_INT_H

#include "profile/profile_int.h"

enum { PROFILE_ACTIVE_MAX = 48, PROFILE_TRIALS_MAX = 8, PROFILE_VALUES_MAX = 64 };

/* A value: an object, or a primitive with what stands beside it. */
typedef struct ProfileItem {
    const JsonNode *node;       /* NULL: a primitive with nothing but `_name` */
    const JsonNode *extra;      /* the object of `_name`, or NULL */
    FhirShape shape;            /* of resources: their type */
    const FhirElement *element; /* NULL: the root */
} ProfileItem;

typedef struct ProfileFrame {
    const struct ProfileFrame *up;
    Str name;
    int64_t index; /* -1: none */
    const ProfileItem *item;
} ProfileFrame;

typedef struct ProfileActive {
    const ProfileNode *nodes[PROFILE_ACTIVE_MAX];
    unsigned n;
} ProfileActive;

/* An entry of a Bundle by its fullUrl or by Type/id; open hash table. */
typedef struct ProfileTarget {
    Str key;
    const JsonNode *resource;
    bool is_used;
} ProfileTarget;

typedef struct ProfileTargets {
    ProfileTarget *slots; /* NULL: not made yet */
    size_t mask;
} ProfileTargets;

typedef struct ProfileScope {
    const JsonNode *resource;  /* the nearest one */
    const JsonNode *container; /* around a contained one, else the same */
    const JsonNode *bundle;    /* around both, or NULL */
    Str full_url;              /* of the entry */
    ProfileLevel level;        /* of the nearest one */
} ProfileScope;

typedef struct ProfileWalk {
    const ProfileSet *set;
    const ProfileOptions *options;
    const ProfileHooks *hooks; /* never NULL */
    FhirIssues *issues;
    Arena *arena;   /* that of the issues */
    Arena *scratch; /* of evaluations: emptied again and again */
    ProfileScope scope;
    ProfileTargets targets; /* of scope.bundle */
    unsigned evaluating;    /* expressions on the stack: conformsTo() comes back here */
    unsigned trials;        /* nested; 0: issues are written */
    bool trial_failed;
    bool stopped; /* a limit was passed */
    uint64_t steps, max_steps;
} ProfileWalk;

/* ---- profile_validate.c */

void profile_issue(ProfileWalk *w, FhirSeverity severity, const FhirRuleText *rule,
                   const ProfileFrame *at, const Str args[FHIR_ISSUE_ARGS]);
/* The usual case: an error by rule. */
void profile_error(ProfileWalk *w, ProfileRule rule, const ProfileFrame *at,
                   const Str args[FHIR_ISSUE_ARGS]);
void profile_limit(ProfileWalk *w, const ProfileFrame *at, Str what, unsigned most);
static inline bool profile_wants(const ProfileWalk *w, FhirSeverity severity) {
    return severity == FHIR_ERROR || (w->trials == 0 && !w->options->errors_only);
}
/* A number as an argument; lives in the arena. */
Str profile_number(ProfileWalk *w, uint64_t n);
void profile_push(ProfileWalk *w, ProfileActive *active, const ProfileNode *node,
                  const ProfileFrame *at);
void profile_walk_item(ProfileWalk *w, const ProfileItem *item, ProfileActive *active,
                       const ProfileFrame *at);
/* Does the value follow the element and all below it? */
bool profile_follows(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                     const ProfileFrame *at);
/* A resource inside the walk's one or outside: does it follow the profile? */
bool profile_resource_follows(ProfileWalk *w, const JsonNode *resource, const Profile *p,
                              const ProfileFrame *at);

/* ---- profile_members.c: cardinality and slices of the members of an object */

/* object NULL: a primitive with nothing beside it, of which only what is missing can be said. */
void profile_walk_members(ProfileWalk *w, const JsonNode *object, FhirShape shape,
                          const ProfileActive *active, const ProfileFrame *at);

/* ---- profile_slice.c: which slice is a value in? */

bool profile_in_slice(ProfileWalk *w, const ProfileItem *item, const ProfileSlicing *slicing,
                      const ProfileNode *slice, const ProfileFrame *at);

/* ---- profile_value.c: what one element says of one value */

void profile_check_value(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                         const ProfileFrame *at);
void profile_check_binding(ProfileWalk *w, const ProfileItem *item, Str value_set,
                           ProfileStrength strength, const ProfileFrame *at, Str who);
bool profile_json_equal(Arena *arena, const JsonNode *a, const JsonNode *b);
/* Everything of the pattern is in the value. */
bool profile_json_contains(Arena *arena, const JsonNode *value, const JsonNode *pattern);

/* ---- profile_rules.c: invariants */

void profile_check_constraints(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                               const ProfileFrame *at);
void profile_check_invariants(ProfileWalk *w, const ProfileItem *item, const ProfileFrame *at);
FpathEnv profile_env(ProfileWalk *w, const ProfileItem *item);

/* ---- profile_extension.c */

/* The known definition's root, to be checked as well; NULL when there is none. Issues for unknown
 * ones and wrong places. */
const ProfileNode *profile_extension_root(ProfileWalk *w, const ProfileItem *item,
                                          const ProfileFrame *at);

/* ---- profile_target.c: references */

/* The resource that the text leads to, inside the validated one or by the hook; NULL. */
const JsonNode *profile_resolve(ProfileWalk *w, Str reference, bool local_only);
void profile_check_targets(ProfileWalk *w, const ProfileItem *item, const ProfileType *type,
                           const ProfileNode *node, const ProfileFrame *at);
/* dom-3, of a resource that contains others. */
void profile_check_contained(ProfileWalk *w, const JsonNode *resource, const ProfileFrame *at);
void profile_check_exists(ProfileWalk *w, const ProfileItem *item, const ProfileFrame *at);
/* shape is the type, or one that the type is a base of. */
bool profile_is_type(FhirShape shape, FhirType type);

#endif
