/* profile.h — StructureDefinitions as compiled profiles, and validation against them.
 *
 * Profiles is the catalogue of definitions; a ProfileSet is an immutable snapshot of it, by
 * reference count: profiles_hold takes one (keep it for a request or a batch), profiles_drop gives
 * it back. profiles_put publishes a new snapshot and never waits for readers. A profile is compiled
 * at its first use in a snapshot and kept with it: the constraints of its base profiles are merged
 * with its own (differential; the snapshot when there is no differential or the base is not known),
 * on top of the tables of fhir_type.h.
 *
 * profile_validate checks structure (fhir_validate), then in one walk the invariants, extensions
 * and bindings of R4 itself and every profile that applies: those asked for, those that
 * meta.profile names, those of element types.
 *
 * Ownership: a snapshot owns its texts; issues live in their list's arena. Errors: as named.
 * Limits: LIMIT_PROFILE_*; what they stop is an issue with rule "profile-limit". Threads: all
 * functions from any thread; one thread an issue list. */
#ifndef NHIP_PROFILE_PROFILE_H
#define NHIP_PROFILE_PROFILE_H

#include "fhir/fhir_validate.h"

typedef struct Profiles Profiles;
typedef struct ProfileSet ProfileSet;

/* ---- the catalogue */

/* With the profiles and extensions of R4 and of Nhịp's own guide (profile_core.h). */
MUST_USE ErrCode profiles_new(Profiles **ret_profiles);
/* All snapshots given back; NULL is fine. */
void profiles_free(Profiles *p);

/* A stored StructureDefinition: by the name under which it is stored ("StructureDefinition/7"). */
typedef struct ProfileText {
    Str name;
    Str json; /* empty: it is gone */
} ProfileText;

/* Adds, replaces and removes by name, all at once. The texts are copied. A definition that cannot
 * be read (no url or type) counts as gone; ret_refused (may be NULL) says how many. ERR_LIMIT (more
 * than LIMIT_PROFILE_DEFINITIONS; nothing is changed then), ERR_NOMEM. */
MUST_USE ErrCode profiles_put(Profiles *p, const ProfileText *texts, size_t n, size_t *ret_refused,
                              ErrInfo *info);

const ProfileSet *profiles_hold(Profiles *p);
void profiles_drop(const ProfileSet *set); /* NULL is fine */

typedef struct ProfileInfo {
    Str url, version, name, title, id;
    Str type;           /* "Patient", "Extension" */
    bool is_resource;   /* a constraint on a resource type: a profile in the plain sense */
    bool is_builtin;    /* came with the program */
    const JsonNode *sd; /* the StructureDefinition */
} ProfileInfo;

/* canonical: url or url|version; without a version the newest. False when it is not known. */
bool profile_find(const ProfileSet *set, Str canonical, ProfileInfo *ret_info);
/* All definitions, sorted by url: call with at from 0 until it says false. */
bool profile_each(const ProfileSet *set, size_t at, ProfileInfo *ret_info);
/* Can it be compiled? ERR_NOT_FOUND, ERR_INVALID, ERR_LIMIT with what is wrong. */
MUST_USE ErrCode profile_check(const ProfileSet *set, Str canonical, ErrInfo *info);

/* ---- validation */

typedef enum ProfileLevel {
    PROFILE_STRUCTURE, /* fhir_validate alone */
    PROFILE_BASE,      /* and invariants, bindings and extensions of R4 */
    PROFILE_PROFILES,  /* and profiles */
} ProfileLevel;

typedef enum ProfilePolicy {
    PROFILE_IGNORE,
    PROFILE_INFORM,
    PROFILE_WARN,
    PROFILE_REFUSE,
} ProfilePolicy;

typedef enum ProfileVerdict { PROFILE_NO, PROFILE_YES, PROFILE_UNKNOWN } ProfileVerdict;

/* What the validator cannot know by itself; each may be NULL. */
typedef struct ProfileHooks {
    void *ctx;
    /* value: a string (code, uri …), Coding, CodeableConcept or Quantity */
    ProfileVerdict (*member_of)(void *ctx, Arena *arena, Str value_set, const JsonNode *value);
    /* The resource that a reference leads to outside the validated one; NULL when there is none. */
    const JsonNode *(*resolve)(void *ctx, Arena *arena, Str reference);
    /* Is there such a resource? Only asked for references of type and id. */
    ProfileVerdict (*exists)(void *ctx, FhirType type, Str id);
} ProfileHooks;

typedef struct ProfileOptions {
    FhirValidateOptions structure;
    ProfileLevel level;
    const uint8_t
        *levels;         /* by type (FHIR_RESOURCE_COUNT + 1 of them), none above level; or NULL */
    const Str *profiles; /* canonicals asked for, beside meta.profile */
    size_t n_profiles;
    const ProfileHooks *hooks;
    ProfilePolicy unknown_extension;
    ProfilePolicy unknown_profile;   /* in meta.profile; one asked for is always an error */
    ProfilePolicy missing_reference; /* needs hooks->exists */
    bool errors_only;                /* warnings and information are not looked for */
} ProfileOptions;

/* Everything, with the usual weights: unknown extensions inform, unknown profiles warn. */
static inline ProfileOptions profile_options(void) {
    return (ProfileOptions){.level = PROFILE_PROFILES,
                            .unknown_extension = PROFILE_INFORM,
                            .unknown_profile = PROFILE_WARN};
}

/* ERR_OK (warnings are no error), ERR_INVALID when there is any error, ERR_NOMEM. Issues may not be
 * NULL. When the structure is broken, invariants and profiles are checked all the same where they
 * can be. Cost: some 10 µs a kilobyte with invariants. */
MUST_USE ErrCode profile_validate(const ProfileSet *set, const FhirResource *resource,
                                  const ProfileOptions *options, FhirIssues *issues);

#endif
