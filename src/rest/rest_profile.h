/* rest_profile.h — the catalogue of profiles behind the FHIR routes, kept in step with the
 * StructureDefinitions in the store, and validation by policy (setting `validation`). Threads: any.
 */
#ifndef NHIP_REST_REST_PROFILE_H
#define NHIP_REST_REST_PROFILE_H

#include "rest/rest_fhir.h"
#include "profile/profile.h"

typedef struct RestProfiles RestProfiles;

/* ERR_PARAM (rule setting-validation) when the setting cannot be understood. */
MUST_USE ErrCode rest_profiles_new(Rest *rest, RestProfiles **ret_profiles, ErrInfo *info);
void rest_profiles_free(RestProfiles *p); /* NULL is fine */

/* The definitions as they stand now: stored ones are looked up when anything was committed since
 * the last time. Give it back with profiles_drop. */
MUST_USE ErrCode rest_profiles_hold(Rest *rest, const ProfileSet **ret_set, ErrInfo *info);
/* Changes with every change of the definitions. */
uint64_t rest_profiles_number(Rest *rest);

/* What a write must fulfil, by the setting; warnings are not looked for. */
MUST_USE ErrCode rest_validate_write(RestCall *call, const FhirResource *resource,
                                     FhirIssues *issues);
/* Everything, with warnings and information, and references that lead nowhere. */
MUST_USE ErrCode rest_validate_all(RestCall *call, const FhirResource *resource,
                                   const Str *profiles, size_t n_profiles, FhirIssues *issues);

/* A conformance resource that is part of the program; ERR_NOT_FOUND. */
MUST_USE ErrCode rest_profile_builtin(const RestGet *get, StoreVersion *ret);
/* CapabilityStatement.rest.resource.supportedProfile. */
void rest_put_profiles(JsonWriter *w, Rest *rest, FhirType type);

/* A search by ?url= alone that found nothing stored: what is part of the program. */
MUST_USE ErrCode rest_profile_complete(const RestGet *get, RestPage *page);

#endif
